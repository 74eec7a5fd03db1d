//! The two calls of i386 that stand for many: `socketcall` (linux/net.h) and `ipc` (linux/ipc.h).

use super::arch::Arch;

/// A multiplexer and the calls behind it, each with its command: the value of the first argument.
type Multiplexer = (&'static str, &'static [(&'static str, u64)]);

const MULTIPLEXERS: [Multiplexer; 2] = [("socketcall", &SOCKETCALL), ("ipc", &IPC)];

const SOCKETCALL: [(&str, u64); 20] = [
    ("socket", 1),
    ("bind", 2),
    ("connect", 3),
    ("listen", 4),
    ("accept", 5),
    ("getsockname", 6),
    ("getpeername", 7),
    ("socketpair", 8),
    ("send", 9),
    ("recv", 10),
    ("sendto", 11),
    ("recvfrom", 12),
    ("shutdown", 13),
    ("setsockopt", 14),
    ("getsockopt", 15),
    ("sendmsg", 16),
    ("recvmsg", 17),
    ("accept4", 18),
    ("recvmmsg", 19),
    ("sendmmsg", 20),
];

const IPC: [(&str, u64); 12] = [
    ("semop", 1),
    ("semget", 2),
    ("semctl", 3),
    ("semtimedop", 4),
    ("msgsnd", 11),
    ("msgrcv", 12),
    ("msgget", 13),
    ("msgctl", 14),
    ("shmat", 21),
    ("shmdt", 22),
    ("shmget", 23),
    ("shmctl", 24),
];

/// The command by which `multiplexer` stands for `call` on `abi`.
pub(super) fn command(abi: Arch, multiplexer: &str, call: &str) -> Option<u64> {
    let (_, calls) = MULTIPLEXERS.iter().find(|(name, _)| abi == Arch::X86 && *name == multiplexer)?;
    calls.iter().find(|(name, _)| *name == call).map(|(_, command)| *command)
}

/// The call of i386 through which `call` can be made as well.
pub(super) fn multiplexer(call: &str) -> Option<&'static str> {
    let found = MULTIPLEXERS.iter().find(|(_, calls)| calls.iter().any(|(name, _)| *name == call));
    found.map(|(name, _)| *name)
}
