//! Tables of constants, and how a value reads by them.
//!
//! Values come from libc where it has them (it knows the architecture's own, such as
//! `O_DIRECTORY`), else from the kernel header that the table names. A caller of the
//! 32-bit variant of this machine's architecture uses the same values.

#![allow(
    clippy::cast_lossless,
    clippy::cast_sign_loss,
    clippy::cast_possible_truncation,
    clippy::unnecessary_cast,
    reason = "libc's constants have various types; `names!` keeps their bits"
)]

pub mod files;
pub mod kernel;
pub mod network;
pub mod process;

use std::fmt::Write;

/// A value and its name.
pub type Name = (u64, &'static str);

/// How a value reads: one choice under a mask, then single flags.
pub struct Names {
    /// The bits that hold a choice; the others hold flags.
    mask: u64,
    choices: &'static [Name],
    /// In the order shown; a flag of several bits stands before its parts.
    flags: &'static [Name],
}

impl Names {
    /// The whole value is one of these.
    pub const fn choice(choices: &'static [Name]) -> Self {
        Self { mask: u64::MAX, choices, flags: &[] }
    }

    /// The value is a set of these.
    pub const fn flags(flags: &'static [Name]) -> Self {
        Self { mask: 0, choices: &[], flags }
    }

    /// The bits of `mask` are one of `choices`, the others a set of `flags`.
    pub const fn mixed(mask: u64, choices: &'static [Name], flags: &'static [Name]) -> Self {
        Self { mask, choices, flags }
    }

    /// Whether the value has a name as a choice.
    pub fn has(&self, value: u64) -> bool {
        self.choices.iter().any(|(known, _)| *known == value)
    }

    /// Appends the value as `CHOICE|FLAG|FLAG|0x..`, what has no name in hexadecimal.
    pub fn write(&self, out: &mut String, value: u64) {
        let start = out.len();
        let choice = value & self.mask;
        let mut rest = value & !self.mask;
        if let Some((_, name)) = self.choices.iter().find(|(known, _)| *known == choice && self.mask != 0) {
            out.push_str(name);
        } else {
            // A choice without a name: shown with what has none among the flags.
            rest |= choice;
        }
        for (flag, name) in self.flags {
            if rest & flag == *flag {
                rest &= !flag;
                separate(out, start);
                out.push_str(name);
            }
        }
        if rest != 0 {
            separate(out, start);
            // Writing to a String cannot fail.
            let _ = write!(out, "{rest:#x}");
        } else if out.len() == start {
            out.push('0');
        }
    }
}

fn separate(out: &mut String, start: usize) {
    if out.len() > start {
        out.push('|');
    }
}

/// A list of [`Name`]s: libc's constants, then after `;` values of our own.
macro_rules! names {
    ($($known:ident),* $(,)? $(; $($own:ident = $value:expr),* $(,)?)?) => {
        &[
            $((libc::$known as u32 as u64, stringify!($known)),)*
            $($(($value as u64, stringify!($own)),)*)?
        ]
    };
}

/// A list for [`Kind::Named`](super::kind::Kind::Named), of libc's constants.
macro_rules! ints {
    ($($known:ident),* $(,)? $(; $($own:ident = $value:expr),* $(,)?)?) => {
        &[
            $((libc::$known as i32, stringify!($known)),)*
            $($(($value, stringify!($own)),)*)?
        ]
    };
}

use {ints, names};
