//! What the workbench and the shim say to each other, over one
//! `SOCK_SEQPACKET` Unix socket: one message a packet, descriptors riding on
//! the packet they belong to.
//!
//! ```text
//! shim                          workbench
//!   READY            ─────────►
//!                    ◄─────────  LAUNCH  + stdin, stdout, stderr
//!   PREPARED         ─────────►          + pidfd of the specimen, listener
//!                    ◄─────────  GO
//!                    ◄─────────  HOLD, RESUME, PAUSE, UNPAUSE, KILL, in any number
//!   EXITED | FAILED  ─────────►
//!                    ◄─────────  (end of file: the shim exits)
//! ```
//!
//! Integers are little-endian; both ends are always on one machine and built
//! together, so there is no negotiation: [`VERSION`] differs, the run fails.

#![no_std]

#[cfg(feature = "host")]
extern crate alloc;

/// Raised with every change of this file.
pub const VERSION: u32 = 3;

/// The largest packet either end sends, in bytes. Unix sockets take about
/// 200 KiB a packet by default (`net.core.wmem_default`).
pub const MAX_PACKET: usize = 160 * 1024;

/// Most arguments, and most environment entries, of a launch.
pub const MAX_STRINGS: usize = 512;

/// The directory in which the cell sees the shim and its socket.
pub const CELL_DIR: &str = "/hotcell";

/// The socket's path inside the cell, ending in NUL for the shim's `connect`.
pub const CELL_SOCKET: &[u8] = b"/hotcell/sock\0";

/// First byte of a packet.
pub mod tag {
    /// Shim: connected; payload [`super::VERSION`].
    pub const READY: u8 = 1;
    /// Workbench: what to start.
    pub const LAUNCH: u8 = 2;
    /// Shim: the specimen's process stands before its `execve` with every
    /// process-level layer on, stopped.
    pub const PREPARED: u8 = 3;
    /// Workbench: let it run; the deadline's clock starts.
    pub const GO: u8 = 4;
    /// Workbench: kill every process in the cell but the shim.
    pub const KILL: u8 = 5;
    /// Shim: the specimen ended, and every process it left is dead, or dies with the shim.
    pub const EXITED: u8 = 6;
    /// Shim: the specimen could not be started.
    pub const FAILED: u8 = 7;
    /// Workbench: stop every process in the cell but the shim, and the deadline's clock with them. Not answered; nothing
    /// to do before GO, while held, or once everything was killed.
    pub const HOLD: u8 = 8;
    /// Workbench: let them go on, and the clock. Not answered; nothing to do unless held.
    pub const RESUME: u8 = 9;
    /// Workbench: stop the deadline's clock alone, for a call is held. Not answered; nothing to do before GO.
    pub const PAUSE: u8 = 10;
    /// Workbench: let it go on, unless the cell is held. Not answered; nothing to do unless paused.
    pub const UNPAUSE: u8 = 11;
}

/// What the shim was doing when it failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Stage {
    /// Reading the launch message.
    Launch = 1,
    /// Forking.
    Fork = 2,
    /// Entering the working directory.
    Chdir = 3,
    /// Setting a resource limit.
    Rlimit = 4,
    /// Restricting itself with Landlock.
    Landlock = 5,
    /// Setting `no_new_privs`.
    NoNewPrivs = 6,
    /// Installing the filter.
    Seccomp = 7,
    /// Handing the listener over.
    Handover = 8,
    /// Executing the interpreter.
    Exec = 9,
}

impl Stage {
    /// The stage with this number.
    pub fn from_number(number: u32) -> Option<Self> {
        [
            Self::Launch,
            Self::Fork,
            Self::Chdir,
            Self::Rlimit,
            Self::Landlock,
            Self::NoNewPrivs,
            Self::Seccomp,
            Self::Handover,
            Self::Exec,
        ]
        .into_iter()
        .find(|stage| *stage as u32 == number)
    }
}

/// How a specimen ended: the payload of [`tag::EXITED`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exited {
    /// The status as `wait(2)` gives it.
    pub status: i32,
    /// The deadline ended it.
    pub timed_out: bool,
    /// From GO to the end without the time it was held, microseconds.
    pub elapsed_us: u64,
}

impl Exited {
    /// The packet, tag included.
    pub fn encode(&self) -> [u8; 14] {
        let mut packet = [0; 14];
        packet[0] = tag::EXITED;
        packet[1..5].copy_from_slice(&self.status.to_le_bytes());
        packet[5] = u8::from(self.timed_out);
        packet[6..14].copy_from_slice(&self.elapsed_us.to_le_bytes());
        packet
    }

    /// Reads a payload (the packet without its tag).
    pub fn decode(payload: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(payload);
        Some(Self { status: reader.u32()?.cast_signed(), timed_out: reader.u8()? != 0, elapsed_us: reader.u64()? })
    }
}

/// Why a specimen did not start: the payload of [`tag::FAILED`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failed {
    /// The number of a [`Stage`].
    pub stage: u32,
    /// What the kernel said.
    pub errno: i32,
}

impl Failed {
    /// The packet, tag included.
    pub fn encode(&self) -> [u8; 9] {
        let mut packet = [0; 9];
        packet[0] = tag::FAILED;
        packet[1..5].copy_from_slice(&self.stage.to_le_bytes());
        packet[5..9].copy_from_slice(&self.errno.to_le_bytes());
        packet
    }

    /// Reads a payload (the packet without its tag).
    pub fn decode(payload: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(payload);
        Some(Self { stage: reader.u32()?, errno: reader.u32()?.cast_signed() })
    }
}

/// Reads a packet's fields in order; `None` where the packet is too short.
#[derive(Clone)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Starts at the first byte.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(taken)
    }

    /// One byte.
    pub fn u8(&mut self) -> Option<u8> {
        Some(self.take(1)?[0])
    }

    /// Four bytes.
    pub fn u32(&mut self) -> Option<u32> {
        Some(u32::from_le_bytes(self.take(4)?.try_into().ok()?))
    }

    /// Eight bytes.
    pub fn u64(&mut self) -> Option<u64> {
        Some(u64::from_le_bytes(self.take(8)?.try_into().ok()?))
    }

    /// A length and as many bytes.
    pub fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = self.u32()?;
        self.take(usize::try_from(length).ok()?)
    }

    /// Bytes that end in NUL and hold no other.
    pub fn c_string(&mut self) -> Option<&'a core::ffi::CStr> {
        core::ffi::CStr::from_bytes_with_nul(self.bytes()?).ok()
    }
}

/// A resource limit as `setrlimit(2)` takes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rlimit {
    /// `RLIMIT_…`.
    pub resource: u32,
    /// The soft limit.
    pub soft: u64,
    /// The hard limit.
    pub hard: u64,
}

/// The workbench's side: building a LAUNCH.
#[cfg(feature = "host")]
pub mod host {
    use super::{Rlimit, tag};
    use alloc::ffi::CString;
    use alloc::vec::Vec;

    /// A Landlock rule set: everything that its rules do not grant is refused.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Landlock {
        /// Paths that may be read, listed and executed.
        pub read_exec: Vec<CString>,
        /// Paths below which everything is allowed.
        pub write: Vec<CString>,
        /// Refuse TCP bind and connect, where the kernel's ABI knows them.
        pub tcp: bool,
    }

    /// What to start and under what.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Launch {
        /// Set `no_new_privs`.
        pub no_new_privs: bool,
        /// Milliseconds from GO until everything is killed, the time it is held not counted; 0 for none.
        pub deadline_ms: u64,
        /// The working directory.
        pub cwd: CString,
        /// The program, looked up in the environment's PATH, and its arguments.
        pub argv: Vec<CString>,
        /// The whole environment.
        pub env: Vec<CString>,
        /// Resource limits.
        pub rlimits: Vec<Rlimit>,
        /// Landlock rules.
        pub landlock: Option<Landlock>,
        /// `struct sock_filter`s, 8 bytes each; empty for no filter.
        pub filter: Vec<u8>,
    }

    impl Launch {
        /// The packet, tag included.
        pub fn encode(&self) -> Vec<u8> {
            let mut packet = alloc::vec![tag::LAUNCH];
            packet.push(u8::from(self.no_new_privs));
            packet.extend(self.deadline_ms.to_le_bytes());
            put_string(&mut packet, &self.cwd);
            put_strings(&mut packet, &self.argv);
            put_strings(&mut packet, &self.env);
            put_count(&mut packet, self.rlimits.len());
            for limit in &self.rlimits {
                packet.extend(limit.resource.to_le_bytes());
                packet.extend(limit.soft.to_le_bytes());
                packet.extend(limit.hard.to_le_bytes());
            }
            packet.push(u8::from(self.landlock.is_some()));
            if let Some(rules) = &self.landlock {
                packet.push(u8::from(rules.tcp));
                put_strings(&mut packet, &rules.read_exec);
                put_strings(&mut packet, &rules.write);
            }
            put_bytes(&mut packet, &self.filter);
            packet
        }
    }

    fn put_count(packet: &mut Vec<u8>, count: usize) {
        // A count beyond 32 bits cannot fit a packet: it is cut by MAX_PACKET before it is sent.
        packet.extend(u32::try_from(count).unwrap_or(u32::MAX).to_le_bytes());
    }

    fn put_bytes(packet: &mut Vec<u8>, bytes: &[u8]) {
        put_count(packet, bytes.len());
        packet.extend(bytes);
    }

    fn put_string(packet: &mut Vec<u8>, string: &CString) {
        put_bytes(packet, string.as_bytes_with_nul());
    }

    fn put_strings(packet: &mut Vec<u8>, strings: &[CString]) {
        put_count(packet, strings.len());
        for string in strings {
            put_string(packet, string);
        }
    }
}
