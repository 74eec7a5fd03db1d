//! What the stack reader gives up before it looks at anything hostile. It keeps the right to read one process: memory by
//! `process_vm_readv(2)` with that process's number and no other, and files that anybody may read.

use std::io;

use libseccomp::error::SeccompError;
use libseccomp::{ScmpAction, ScmpArgCompare, ScmpCompareOp, ScmpFilterContext, ScmpSyscall};
use rustix::process::{Gid, Resource, Rlimit, Uid, getuid, setrlimit};
use rustix::thread::{
    CapabilitySet, CapabilitySets, capabilities, set_capabilities, set_keep_capabilities, set_no_new_privs,
};

/// A user and group that owns nothing, in what a user namespace usually maps; not 65534, as which specimens run.
const NOBODY_ELSE: u32 = 65533;

/// Address space: the interpreter's file, mapped, and what is made of its symbols.
const MOST_MEMORY: u64 = 1 << 30;

/// Descriptors open at once.
const MOST_FILES: u64 = 32;

/// Calls that need no condition.
const CALLS: [&str; 35] = [
    "brk",
    "clock_gettime",
    "clock_nanosleep",
    "close",
    "exit",
    "exit_group",
    "fcntl",
    "fstat",
    "futex",
    "getdents64",
    "getpid",
    "getrandom",
    "gettid",
    "lseek",
    "madvise",
    "mremap",
    "munmap",
    "nanosleep",
    "newfstatat",
    "poll",
    "pread64",
    "read",
    "readlink",
    "readlinkat",
    "readv",
    "restart_syscall",
    "rt_sigaction",
    "rt_sigprocmask",
    "rt_sigreturn",
    "sched_yield",
    "sigaltstack",
    "statx",
    "tgkill",
    "write",
    "writev",
];

/// Why the reader does not start.
#[derive(Debug, thiserror::Error)]
pub enum JailError {
    /// A limit, a user or a capability.
    #[error("the stack reader could not give up {what}: {source}")]
    Give {
        /// What it was to be without.
        what: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// The filter.
    #[error("the stack reader could not put on its seccomp filter: {0}")]
    Filter(#[from] SeccompError),
}

/// Gives up everything but reading the process `target`.
///
/// # Errors
/// When something could not be given up; the caller must then end.
pub fn enter(target: u32) -> Result<(), JailError> {
    limits().map_err(giving("its resources"))?;
    if getuid().is_root() {
        become_nobody().map_err(giving("root"))?;
    }
    set_no_new_privs(true).map_err(giving("new privileges"))?;
    filter(target)?.load()?;
    Ok(())
}

fn giving<E: Into<io::Error>>(what: &'static str) -> impl FnOnce(E) -> JailError {
    move |source| JailError::Give { what, source: source.into() }
}

fn limits() -> rustix::io::Result<()> {
    let most = |limit| Rlimit { current: Some(limit), maximum: Some(limit) };
    setrlimit(Resource::As, most(MOST_MEMORY))?;
    setrlimit(Resource::Nofile, most(MOST_FILES))?;
    setrlimit(Resource::Fsize, most(0))?;
    setrlimit(Resource::Core, most(0))
}

/// Keeps `CAP_SYS_PTRACE` alone, which reading another user's memory needs: ptrace(2).
fn become_nobody() -> rustix::io::Result<()> {
    let (user, group) = (Uid::from_raw(NOBODY_ELSE), Gid::from_raw(NOBODY_ELSE));
    rustix::thread::set_thread_groups(&[])?;
    rustix::thread::set_thread_res_gid(group, group, group)?;
    set_keep_capabilities(true)?;
    rustix::thread::set_thread_res_uid(user, user, user)?;
    let ptrace = capabilities(None)?.permitted & CapabilitySet::SYS_PTRACE;
    let sets = CapabilitySets { effective: ptrace, permitted: ptrace, inheritable: CapabilitySet::empty() };
    set_capabilities(None, sets)
}

/// Everything else fails with EPERM.
fn filter(target: u32) -> Result<ScmpFilterContext, SeccompError> {
    let mut filter = ScmpFilterContext::new(ScmpAction::Errno(libc::EPERM))?;
    for name in CALLS {
        filter.add_rule(ScmpAction::Allow, ScmpSyscall::from_name(name)?)?;
    }
    let without = |argument, flags: libc::c_int| {
        let flags = u64::from(flags.unsigned_abs());
        ScmpArgCompare::new(argument, ScmpCompareOp::MaskedEqual(flags), 0)
    };
    let writing = libc::O_ACCMODE | libc::O_CREAT | libc::O_TRUNC | libc::O_APPEND;
    let conditions = [
        ("process_vm_readv", ScmpArgCompare::new(0, ScmpCompareOp::Equal, target.into())),
        ("openat", without(2, writing)),
        ("mmap", without(2, libc::PROT_EXEC)),
        ("mprotect", without(2, libc::PROT_EXEC)),
    ];
    for (name, condition) in conditions {
        filter.add_rule_conditional(ScmpAction::Allow, ScmpSyscall::from_name(name)?, &[condition])?;
    }
    Ok(filter)
}
