//! What a filter does with a system call.

/// `SECCOMP_RET_*` of linux/seccomp.h; the low 16 bits carry an errno or a message.
const RET_KILL_PROCESS: u32 = 0x8000_0000;
const RET_KILL_THREAD: u32 = 0x0000_0000;
const RET_TRAP: u32 = 0x0003_0000;
const RET_ERRNO: u32 = 0x0005_0000;
const RET_USER_NOTIF: u32 = 0x7fc0_0000;
const RET_TRACE: u32 = 0x7ff0_0000;
const RET_LOG: u32 = 0x7ffc_0000;
const RET_ALLOW: u32 = 0x7fff_0000;
const RET_ACTION: u32 = 0xffff_0000;

/// The greatest errno that the kernel returns from a filter (`MAX_ERRNO`, linux/err.h).
const MAX_ERRNO: u16 = 4095;

/// What a filter does with a system call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// The whole process dies of SIGSYS.
    KillProcess,
    /// The calling thread dies of SIGSYS.
    KillThread,
    /// The calling thread gets a SIGSYS that it can catch.
    Trap,
    /// The call is not made and fails with this errno.
    Errno(u16),
    /// A supervisor is asked.
    Notify,
    /// A tracer is told, with this message; without one the call fails with ENOSYS.
    Trace(u16),
    /// The call is made and logged.
    Log,
    /// The call is made.
    Allow,
}

impl Action {
    /// The names that a profile may use.
    pub const OCI_NAMES: [&str; 9] = [
        "SCMP_ACT_ALLOW",
        "SCMP_ACT_ERRNO",
        "SCMP_ACT_KILL",
        "SCMP_ACT_KILL_PROCESS",
        "SCMP_ACT_KILL_THREAD",
        "SCMP_ACT_LOG",
        "SCMP_ACT_NOTIFY",
        "SCMP_ACT_TRACE",
        "SCMP_ACT_TRAP",
    ];

    /// The name in a profile.
    pub const fn oci_name(self) -> &'static str {
        match self {
            Self::KillProcess => "SCMP_ACT_KILL_PROCESS",
            Self::KillThread => "SCMP_ACT_KILL_THREAD",
            Self::Trap => "SCMP_ACT_TRAP",
            Self::Errno(_) => "SCMP_ACT_ERRNO",
            Self::Notify => "SCMP_ACT_NOTIFY",
            Self::Trace(_) => "SCMP_ACT_TRACE",
            Self::Log => "SCMP_ACT_LOG",
            Self::Allow => "SCMP_ACT_ALLOW",
        }
    }

    /// The action of a profile's name for it; `data` is the errno or the tracer's message.
    pub fn from_oci_name(name: &str, data: u16) -> Option<Self> {
        Some(match name {
            "SCMP_ACT_KILL_PROCESS" => Self::KillProcess,
            "SCMP_ACT_KILL" | "SCMP_ACT_KILL_THREAD" => Self::KillThread,
            "SCMP_ACT_TRAP" => Self::Trap,
            "SCMP_ACT_ERRNO" => Self::Errno(data),
            "SCMP_ACT_NOTIFY" => Self::Notify,
            "SCMP_ACT_TRACE" => Self::Trace(data),
            "SCMP_ACT_LOG" => Self::Log,
            "SCMP_ACT_ALLOW" => Self::Allow,
            _ => return None,
        })
    }

    /// The errno or the tracer's message, where the action has one.
    pub const fn data(self) -> Option<u16> {
        match self {
            Self::Errno(data) | Self::Trace(data) => Some(data),
            Self::KillProcess | Self::KillThread | Self::Trap | Self::Notify | Self::Log | Self::Allow => None,
        }
    }

    /// Whether the call is kept from happening without anybody being asked. Without a tracer, which a cell does not
    /// have, `TRACE` fails with ENOSYS: seccomp(2).
    pub const fn refuses(self) -> bool {
        match self {
            Self::KillProcess | Self::KillThread | Self::Trap | Self::Errno(_) | Self::Trace(_) => true,
            Self::Notify | Self::Log | Self::Allow => false,
        }
    }

    /// Whether the call is made: the two actions that let it go on.
    pub const fn allows(self) -> bool {
        matches!(self, Self::Allow | Self::Log)
    }

    /// How much an action permits, as the kernel ranks the answers of several filters (seccomp(2)): the greater, the more
    /// permissive. Every errno is alike.
    pub const fn permits(self) -> u8 {
        match self {
            Self::KillProcess => 0,
            Self::KillThread => 1,
            Self::Trap => 2,
            Self::Errno(_) => 3,
            Self::Notify => 4,
            Self::Trace(_) => 5,
            Self::Log => 6,
            Self::Allow => 7,
        }
    }

    /// What a filter returns to the kernel for this action.
    pub fn to_ret(self) -> u32 {
        match self {
            Self::KillProcess => RET_KILL_PROCESS,
            Self::KillThread => RET_KILL_THREAD,
            Self::Trap => RET_TRAP,
            Self::Errno(errno) => RET_ERRNO | u32::from(errno),
            Self::Notify => RET_USER_NOTIF,
            Self::Trace(message) => RET_TRACE | u32::from(message),
            Self::Log => RET_LOG,
            Self::Allow => RET_ALLOW,
        }
    }

    /// What the kernel does when a filter returns `ret` (`__seccomp_filter`, kernel/seccomp.c):
    /// an errno is cut to 4095, and an action it does not know kills the process.
    pub fn from_ret(ret: u32) -> Self {
        let data = u16::try_from(ret & !RET_ACTION).unwrap_or(u16::MAX);
        match ret & RET_ACTION {
            RET_KILL_THREAD => Self::KillThread,
            RET_TRAP => Self::Trap,
            RET_ERRNO => Self::Errno(data.min(MAX_ERRNO)),
            RET_USER_NOTIF => Self::Notify,
            RET_TRACE => Self::Trace(data),
            RET_LOG => Self::Log,
            RET_ALLOW => Self::Allow,
            _ => Self::KillProcess,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_action_survives_the_way_through_the_kernel_and_through_json() {
        for name in Action::OCI_NAMES {
            let action = Action::from_oci_name(name, 38).unwrap();
            assert_eq!(Action::from_ret(action.to_ret()), action);
            let written = action.oci_name();
            assert_eq!(Action::from_oci_name(written, 38), Some(action));
        }
    }

    #[test]
    fn the_kernels_corner_cases_are_followed() {
        assert_eq!(Action::from_ret(RET_ERRNO | 0xffff), Action::Errno(4095));
        assert_eq!(Action::from_ret(0x1234_0000), Action::KillProcess);
    }
}
