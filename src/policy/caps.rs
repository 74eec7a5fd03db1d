//! Linux capabilities, by name.

use std::collections::BTreeSet;
use std::fmt;

use super::error::ValueError;
use super::raw::{Raw, quoted};
use super::settings::Setting;
use crate::diagnose::nearest;

/// Every capability, by number (include/uapi/linux/capability.h of Linux 6.18).
const NAMES: [&str; 41] = [
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_DAC_READ_SEARCH",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_KILL",
    "CAP_SETGID",
    "CAP_SETUID",
    "CAP_SETPCAP",
    "CAP_LINUX_IMMUTABLE",
    "CAP_NET_BIND_SERVICE",
    "CAP_NET_BROADCAST",
    "CAP_NET_ADMIN",
    "CAP_NET_RAW",
    "CAP_IPC_LOCK",
    "CAP_IPC_OWNER",
    "CAP_SYS_MODULE",
    "CAP_SYS_RAWIO",
    "CAP_SYS_CHROOT",
    "CAP_SYS_PTRACE",
    "CAP_SYS_PACCT",
    "CAP_SYS_ADMIN",
    "CAP_SYS_BOOT",
    "CAP_SYS_NICE",
    "CAP_SYS_RESOURCE",
    "CAP_SYS_TIME",
    "CAP_SYS_TTY_CONFIG",
    "CAP_MKNOD",
    "CAP_LEASE",
    "CAP_AUDIT_WRITE",
    "CAP_AUDIT_CONTROL",
    "CAP_SETFCAP",
    "CAP_MAC_OVERRIDE",
    "CAP_MAC_ADMIN",
    "CAP_SYSLOG",
    "CAP_WAKE_ALARM",
    "CAP_BLOCK_SUSPEND",
    "CAP_AUDIT_READ",
    "CAP_PERFMON",
    "CAP_BPF",
    "CAP_CHECKPOINT_RESTORE",
];

const ALLOWED: &str = "none, or names of capabilities(7), such as CAP_NET_BIND_SERVICE";

/// One capability, by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cap(u8);

impl Cap {
    /// Every capability, in the order of their numbers.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..).zip(NAMES).map(|(number, _)| Self(number))
    }

    /// Its number, the bit in `/proc/PID/status`.
    pub const fn number(self) -> u8 {
        self.0
    }

    /// Its name, such as `CAP_SYS_ADMIN`.
    pub fn name(self) -> &'static str {
        NAMES[usize::from(self.0)]
    }

    /// The capability of that name; `CAP_` may be left out and case does not matter.
    ///
    /// # Errors
    /// A name that Linux does not have.
    pub fn from_name(text: &str) -> Result<Self, ValueError> {
        let upper = text.to_ascii_uppercase();
        let full = if upper.starts_with("CAP_") { upper } else { format!("CAP_{upper}") };
        let found = Self::all().find(|cap| cap.name() == full);
        found.ok_or_else(|| {
            let bare = NAMES.map(|name| name.trim_start_matches("CAP_"));
            let near = nearest(full.trim_start_matches("CAP_"), bare)
                .map_or_else(String::new, |name| format!(" (did you mean `CAP_{name}`?)"));
            ValueError::new(format!("{} is no capability{near}", quoted(text)), ALLOWED)
        })
    }
}

impl fmt::Display for Cap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The capabilities a cell starts with. With the layer off it has all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Caps {
    /// Those not dropped.
    pub keep: BTreeSet<Cap>,
}

impl Setting for Caps {
    /// The whole list; `none` or `drop-all` for an empty one.
    fn parse(raw: &Raw, _: &Self) -> Result<Self, ValueError> {
        if let Raw::Text(text) = raw
            && matches!(text.as_str(), "none" | "drop-all")
        {
            return Ok(Self::default());
        }
        let fields = raw.fields(',', ALLOWED)?;
        let keep = fields.iter().map(|field| {
            let named = field.key.as_ref().map(|key| ValueError::new(format!("{} has a value", quoted(key)), ALLOWED));
            field.place(named.map_or(Ok(()), Err)).and_then(|()| field.read(Cap::from_name))
        });
        Ok(Self { keep: keep.collect::<Result<_, _>>()? })
    }

    fn text(&self) -> String {
        if self.keep.is_empty() {
            return "none".to_owned();
        }
        self.keep.iter().map(|cap| cap.name()).collect::<Vec<_>>().join(",")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_in_every_usual_spelling_and_numbered_as_in_the_kernel() {
        for text in ["CAP_SYS_ADMIN", "sys_admin", "cap_sys_admin"] {
            assert_eq!(Cap::from_name(text).map(|cap| (cap.number(), cap.name())), Ok((21, "CAP_SYS_ADMIN")));
        }
        assert_eq!(Cap::from_name("CAP_CHECKPOINT_RESTORE").map(Cap::number), Ok(40));
    }

    #[test]
    fn a_list_says_which_name_is_wrong() {
        let read =
            |text: &str| Caps::parse(&Raw::Text(text.to_owned()), &Caps::default()).map_err(|error| error.problem);
        assert_eq!(read("CHOWN,none"), Err("`none` is no capability".to_owned()));
        assert_eq!(read("CHOWN=on"), Err("`CHOWN` has a value".to_owned()));
        assert_eq!(read(""), Err("no value is given".to_owned()));
    }
}
