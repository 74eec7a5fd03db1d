//! What a reviewer sees of a refused call: its arguments by type.
//!
//! `connect(3, {AF_INET, 93.184.216.34:443}, 16)` instead of six registers. Each call
//! is one row of `Kind`s in `calls/`, each set of constants one table in
//! `names/`; `write.rs` brings both together with the caller's memory. Nothing here makes a
//! system call: the caller lends a [`Memory`].
//!
//! Trust: registers and memory belong to the specimen. Registers are cut to the width
//! that the kernel looks at, every read and every list is bounded, and every string
//! passes through [`crate::text`]. What is shown is what the memory held when it was
//! read: another thread may change it afterwards (`seccomp_unotify(2)`), so a decoded
//! pointer informs a reviewer and is never a ground to allow a call.

mod calls;
mod kind;
mod names;
mod plain;
mod read;
mod sockaddr;
#[cfg(test)]
mod tests;
mod write;

use kind::Kind;
use write::Decoder;

/// Reads the calling process's memory.
pub trait Memory {
    /// Reads up to `buf.len()` bytes at `address` and returns how many were read; fewer
    /// than asked is fine.
    ///
    /// # Errors
    ///
    /// When nothing can be read there: no mapping, no permission, or the process is gone.
    fn read(&mut self, address: u64, buf: &mut [u8]) -> std::io::Result<usize>;
}

/// A call as the kernel reports it (`struct seccomp_data`, linux/seccomp.h).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RawCall {
    /// `AUDIT_ARCH_*` (linux/audit.h): tells the width of pointers, and byte order.
    pub arch: u32,
    /// The number of the call on that architecture.
    pub nr: i32,
    /// The six argument registers, whether or not the call uses them.
    pub args: [u64; 6],
}

/// `AUDIT_ARCH_I386` (linux/audit.h).
const ARCH_I386: u32 = 0x4000_0003;
/// `__AUDIT_ARCH_64BIT` (linux/audit.h).
const ARCH_64BIT: u32 = 0x8000_0000;
/// `__X32_SYSCALL_BIT` (asm/unistd.h): an x86-64 call with 32-bit pointers.
const X32_BIT: i32 = 0x4000_0000;

impl RawCall {
    /// Whether pointers and `long`s of the caller have 32 bits.
    fn is_narrow(&self) -> bool {
        self.arch & ARCH_64BIT == 0 || (cfg!(target_arch = "x86_64") && self.nr & X32_BIT != 0)
    }
}

/// A decoded call. Every string is safe to print (see [`crate::text::visible`]).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Call {
    /// The name of the call.
    pub name: String,
    /// One string an argument; arguments that the call does not use are left out.
    pub args: Vec<String>,
}

/// How much of a register the kernel looks at, and as what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Register {
    /// An address in the caller's memory.
    Address,
    /// The lower 32 bits: an `int` or a set of flags.
    Half,
    /// All of it, or nothing is known of it.
    Whole,
}

/// What the argument `index` of the call `name` is.
pub fn register(name: &str, index: u8) -> Register {
    let raw = RawCall { arch: 0, nr: 0, args: [0; 6] };
    calls::kinds(name, &raw).get(usize::from(index)).map_or(Register::Whole, |kind| width(*kind))
}

/// How much of its register an argument of this kind is.
fn width(kind: Kind) -> Register {
    match kind {
        Kind::Pointer
        | Kind::Str
        | Kind::Data(_)
        | Kind::OptionValue(_)
        | Kind::Argv
        | Kind::Envp
        | Kind::Sockaddr(_)
        | Kind::Struct(_)
        | Kind::SizedStruct(..)
        | Kind::Array(..) => Register::Address,
        Kind::Int
        | Kind::Uint
        | Kind::Named(_)
        | Kind::Flags(_)
        | Kind::Operation(_)
        | Kind::IoctlRequest
        | Kind::Mode
        | Kind::ModeIfCreating(_)
        | Kind::FileMode
        | Kind::Protocol(_) => Register::Half,
        Kind::Long
        | Kind::Size
        | Kind::Hex
        | Kind::Id
        | Kind::Limit
        | Kind::LongFlags(_)
        | Kind::Device(_)
        | Kind::Socketcall
        | Kind::Omitted => Register::Whole,
    }
}

/// The bits that the kernel looks at of the argument `index` of a call with these registers, where that is a number by
/// itself, of which a condition can be made. `None` for an address, for what may be one, and for a call of which nothing
/// is known.
pub fn number_bits(name: &str, args: &[u64; 6], index: usize) -> Option<u64> {
    let raw = RawCall { arch: 0, nr: 0, args: *args };
    let mut kind = *calls::kinds(name, &raw).get(index)?;
    for (at, before) in calls::kinds(name, &raw).iter().enumerate().take(index) {
        if let Kind::Operation(operations) = before
            && let Some(rest) = write::rest_of(operations, plain::low(args[at]))
        {
            kind = *rest.get(index - at - 1)?;
        }
    }
    match (width(kind), kind) {
        // These may be addresses.
        (Register::Address, _) | (Register::Whole, Kind::Hex | Kind::Omitted | Kind::Socketcall) => None,
        (Register::Half, _) => Some(u64::from(u32::MAX)),
        (Register::Whole, _) => Some(u64::MAX),
    }
}

/// Decodes the arguments of a call.
///
/// `name` is the call's name, resolved by the caller from the number and architecture;
/// a call without a row in the tables shows its six registers in hexadecimal. A NULL
/// pointer reads `NULL`, one that `memory` cannot read `0xADDR (unreadable)`.
pub fn decode(name: &str, raw: &RawCall, memory: &mut dyn Memory) -> Call {
    let mut decoder = Decoder::new(memory, raw.is_narrow());
    let args = match calls::kinds(name, raw) {
        [Kind::Socketcall] => decoder.socketcall(raw.args[0], raw.args[1]),
        kinds => decoder.arguments(kinds, &raw.args),
    };
    Call { name: crate::text::visible_str(name), args }
}
