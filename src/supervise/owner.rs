//! Whose a cell is: a token that names one process of one boot, so that a
//! later hotcell can tell whether the owner still lives. An engine may serve several
//! machines: of another one's processes nothing is known.

use std::fmt;
use std::fs;
use std::io;

use crate::kernel::procfs;

/// `MACHINE.BOOT.PIDNS.PID.START`: the machine's id (`machine-id(5)`), the boot's id, the pid namespace, the process and its start in clock ticks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    machine: String,
    boot: String,
    namespace: String,
    pid: u32,
    start: u64,
}

/// What can be said of an owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Life {
    /// It runs.
    Alive,
    /// It has ended, or ran before the machine was started last.
    Dead,
    /// It runs, if at all, where this process cannot see it.
    Unknown,
}

impl Owner {
    /// This process.
    ///
    /// # Errors
    /// When `/proc` cannot be read.
    pub fn this_process() -> io::Result<Self> {
        let pid = std::process::id();
        let namespace = procfs::namespace(pid, "pid")?;
        let machine = fs::read_to_string("/etc/machine-id").unwrap_or_default();
        Ok(Self {
            machine: machine.trim().to_owned(),
            boot: fs::read_to_string("/proc/sys/kernel/random/boot_id")?.trim().to_owned(),
            namespace: namespace.to_string_lossy().chars().filter(char::is_ascii_digit).collect(),
            pid,
            start: procfs::start_time(pid).ok_or_else(|| io::Error::other("/proc/self/stat cannot be read"))?,
        })
    }

    /// Reads a token; `None` for one that is none.
    pub fn parse(token: &str) -> Option<Self> {
        let mut parts = token.trim().split('.');
        let owner = Self {
            machine: parts.next()?.to_owned(),
            boot: parts.next()?.to_owned(),
            namespace: parts.next()?.to_owned(),
            pid: parts.next()?.parse().ok()?,
            start: parts.next()?.parse().ok()?,
        };
        parts.next().is_none().then_some(owner)
    }

    /// Whether the owner still runs, as `this` process sees it.
    pub fn life(&self, this: &Self) -> Life {
        if self.machine != this.machine {
            return Life::Unknown;
        }
        if self.boot != this.boot {
            return Life::Dead;
        }
        if self.namespace != this.namespace {
            return Life::Unknown;
        }
        if procfs::start_time(self.pid) == Some(self.start) { Life::Alive } else { Life::Dead }
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}.{}.{}", self.machine, self.boot, self.namespace, self.pid, self.start)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_reads_back_and_this_process_is_alive() {
        let this = Owner::this_process().unwrap();
        let read = Owner::parse(&this.to_string()).unwrap();
        assert_eq!(read, this);
        assert_eq!(read.life(&this), Life::Alive);
    }

    #[test]
    fn a_reused_pid_or_another_boot_is_dead_and_another_namespace_or_machine_is_unknown() {
        let this = Owner::this_process().unwrap();
        assert_eq!(Owner { start: this.start + 1, ..this.clone() }.life(&this), Life::Dead);
        assert_eq!(Owner { boot: "earlier".to_owned(), ..this.clone() }.life(&this), Life::Dead);
        assert_eq!(Owner { namespace: "1".to_owned(), ..this.clone() }.life(&this), Life::Unknown);
        let elsewhere = Owner { machine: "x".to_owned(), boot: "other".to_owned(), ..this.clone() };
        assert_eq!(elsewhere.life(&this), Life::Unknown);
    }
}
