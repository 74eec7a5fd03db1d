//! The system calls the shim makes, one function each; the crate's only
//! `unsafe` code but for the entry point.

use core::ffi::{CStr, c_char, c_int, c_long, c_void};
use core::mem::{size_of, zeroed};
use core::ptr::{null, null_mut};

use hotcell_shim::Rlimit;

/// A descriptor; the shim closes what it must by hand, since it never unwinds.
pub type Fd = c_int;
/// A process in the cell's pid namespace.
pub type Pid = libc::pid_t;
/// An errno value.
pub type Errno = c_int;

fn errno() -> Errno {
    // SAFETY: the location is this thread's own and always valid.
    unsafe { *libc::__errno_location() }
}

fn check(result: c_int) -> Result<c_int, Errno> {
    if result < 0 { Err(errno()) } else { Ok(result) }
}

fn check_long(result: c_long) -> Result<c_int, Errno> {
    // Descriptors, pids and versions fit an int.
    check(c_int::try_from(result).unwrap_or(c_int::MAX))
}

/// Ends the calling process without running handlers. A filter may refuse
/// even that; then an illegal instruction does it.
pub fn exit(code: c_int) -> ! {
    // SAFETY: both calls take no pointer.
    unsafe {
        libc::syscall(libc::SYS_exit_group, c_long::from(code));
        libc::abort()
    }
}

/// Keeps other processes of this user out of the shim's memory and descriptors.
pub fn undumpable() -> Result<(), Errno> {
    // SAFETY: prctl with integer arguments.
    check(unsafe { libc::prctl(libc::PR_SET_DUMPABLE, 0, 0, 0, 0) }).map(drop)
}

/// Irrevocable; inherited through execve.
pub fn set_no_new_privs() -> Result<(), Errno> {
    // SAFETY: prctl with integer arguments.
    check(unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) }).map(drop)
}

fn child_signal() -> libc::sigset_t {
    // SAFETY: sigemptyset initialises the set before any other use.
    unsafe {
        let mut set = zeroed();
        libc::sigemptyset(&raw mut set);
        libc::sigaddset(&raw mut set, libc::SIGCHLD);
        set
    }
}

/// Blocks SIGCHLD and gives a descriptor that is readable when it is pending.
pub fn block_and_watch_children() -> Result<Fd, Errno> {
    let set = child_signal();
    // SAFETY: `set` is initialised and outlives both calls.
    unsafe {
        check(libc::sigprocmask(libc::SIG_SETMASK, &raw const set, null_mut()))?;
        check(libc::signalfd(-1, &raw const set, libc::SFD_CLOEXEC | libc::SFD_NONBLOCK))
    }
}

/// The specimen starts with no signal blocked.
pub fn unblock_signals() -> Result<(), Errno> {
    let set = child_signal();
    // SAFETY: `set` is initialised and outlives the call.
    check(unsafe { libc::sigprocmask(libc::SIG_UNBLOCK, &raw const set, null_mut()) }).map(drop)
}

/// Connects to the workbench; `path` ends in NUL.
pub fn connect(path: &[u8]) -> Result<Fd, Errno> {
    // SAFETY: an all-zero sockaddr_un is valid.
    let mut address: libc::sockaddr_un = unsafe { zeroed() };
    address.sun_family = libc::AF_UNIX as libc::sa_family_t;
    for (slot, &byte) in address.sun_path.iter_mut().zip(path) {
        *slot = c_char::from_ne_bytes([byte]);
    }
    // SAFETY: `address` is a whole sockaddr_un and outlives the call.
    unsafe {
        let socket = check(libc::socket(libc::AF_UNIX, libc::SOCK_SEQPACKET | libc::SOCK_CLOEXEC, 0))?;
        let length = size_of::<libc::sockaddr_un>() as libc::socklen_t;
        check(libc::connect(socket, (&raw const address).cast(), length))?;
        Ok(socket)
    }
}

/// Room for the control message of up to four descriptors, aligned as `cmsghdr` wants.
#[repr(align(8))]
struct Control([u8; 64]);

/// Sends one packet with descriptors.
pub fn send(socket: Fd, packet: &[u8], fds: &[Fd]) -> Result<(), Errno> {
    let mut control = Control([0; 64]);
    let mut part = libc::iovec { iov_base: packet.as_ptr().cast_mut().cast(), iov_len: packet.len() };
    let bytes = size_of_val(fds) as u32;
    // SAFETY: the header points at `part` and `control`, which outlive the
    // call; CMSG_SPACE of four descriptors is 32 bytes, within `control`.
    unsafe {
        let mut header: libc::msghdr = zeroed();
        header.msg_iov = &raw mut part;
        header.msg_iovlen = 1;
        if !fds.is_empty() {
            header.msg_control = control.0.as_mut_ptr().cast();
            header.msg_controllen = libc::CMSG_SPACE(bytes) as _;
            let message = libc::CMSG_FIRSTHDR(&raw const header);
            (*message).cmsg_level = libc::SOL_SOCKET;
            (*message).cmsg_type = libc::SCM_RIGHTS;
            (*message).cmsg_len = libc::CMSG_LEN(bytes) as _;
            fds.as_ptr().cast::<u8>().copy_to_nonoverlapping(libc::CMSG_DATA(message), bytes as usize);
        }
        check_long(libc::sendmsg(socket, &raw const header, libc::MSG_NOSIGNAL) as c_long).map(drop)
    }
}

/// Receives one packet; descriptors that came with it fill `fds` from the front. 0 is the end of file.
pub fn receive(socket: Fd, packet: &mut [u8], fds: &mut [Fd]) -> Result<usize, Errno> {
    let mut control = Control([0; 64]);
    let mut part = libc::iovec { iov_base: packet.as_mut_ptr().cast(), iov_len: packet.len() };
    // SAFETY: as in `send`; the kernel writes at most the lengths given, and
    // what it wrote of the control message is whole unless MSG_CTRUNC says not.
    unsafe {
        let mut header: libc::msghdr = zeroed();
        header.msg_iov = &raw mut part;
        header.msg_iovlen = 1;
        header.msg_control = control.0.as_mut_ptr().cast();
        header.msg_controllen = control.0.len() as _;
        let length = check_long(libc::recvmsg(socket, &raw mut header, libc::MSG_CMSG_CLOEXEC) as c_long)?;
        if header.msg_flags & (libc::MSG_TRUNC | libc::MSG_CTRUNC) != 0 {
            return Err(libc::EMSGSIZE);
        }
        let message = libc::CMSG_FIRSTHDR(&raw const header);
        if !message.is_null() && (*message).cmsg_type == libc::SCM_RIGHTS {
            let bytes = (*message).cmsg_len as usize - libc::CMSG_LEN(0) as usize;
            let bytes = bytes.min(size_of_val(fds));
            libc::CMSG_DATA(message).copy_to_nonoverlapping(fds.as_mut_ptr().cast(), bytes);
        }
        Ok(length.cast_unsigned() as usize)
    }
}

/// What [`wait`] saw; neither where the time ran out.
pub struct Ready {
    pub packet: bool,
    pub child: bool,
}

/// Waits for a packet, a dead child or the time.
pub fn wait(socket: Fd, signals: Fd, timeout_ms: Option<u64>) -> Result<Ready, Errno> {
    let watch = |fd| libc::pollfd { fd, events: libc::POLLIN, revents: 0 };
    let mut polled = [watch(signals), watch(socket)];
    let timeout = timeout_ms.map_or(-1, |ms| c_int::try_from(ms).unwrap_or(c_int::MAX));
    // SAFETY: the array and its length agree.
    check(unsafe { libc::poll(polled.as_mut_ptr(), 2, timeout) })?;
    let child = polled[0].revents != 0;
    if child {
        let mut info = [0_u8; size_of::<libc::signalfd_siginfo>()];
        // SAFETY: the buffer holds one record; its content is not used.
        unsafe { libc::read(signals, info.as_mut_ptr().cast(), info.len()) };
    }
    Ok(Ready { packet: polled[1].revents != 0, child })
}

/// What [`reap`] found.
pub enum Reaped {
    /// A dead child and its status.
    One(Pid, c_int),
    /// Children, none of them dead.
    NoneYet,
    /// No child at all.
    NoneLeft,
}

/// Collects one dead child, without waiting.
pub fn reap() -> Reaped {
    loop {
        let mut status = 0;
        // SAFETY: `status` outlives the call.
        match unsafe { libc::waitpid(-1, &raw mut status, libc::WNOHANG) } {
            0 => return Reaped::NoneYet,
            // A child that made the shim its tracer (PTRACE_TRACEME) and stopped: the shim traces nobody.
            pid if pid > 0 && libc::WIFSTOPPED(status) => detach(pid, libc::WSTOPSIG(status)),
            pid if pid > 0 => return Reaped::One(pid, status),
            // ECHILD is the only error that this call can give.
            _ => return Reaped::NoneLeft,
        }
    }
}

/// Lets a traced child go on with the signal that stopped it.
fn detach(pid: Pid, signal: c_int) {
    // SAFETY: neither argument is used as a pointer by PTRACE_DETACH.
    unsafe { libc::ptrace(libc::PTRACE_DETACH, pid, null_mut::<c_void>(), c_long::from(signal)) };
}

/// Monotonic time, microseconds.
pub fn now_us() -> u64 {
    // SAFETY: the clock always exists and fills the structure.
    let now = unsafe {
        let mut now: libc::timespec = zeroed();
        libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut now);
        now
    };
    now.tv_sec.cast_unsigned() * 1_000_000 + now.tv_nsec.cast_unsigned() / 1000
}

/// Sends a signal to every process of this pid namespace but the shim: kill(2), pid -1.
///
/// None escapes by forking meanwhile. The kernel walks the process list under its lock, and a fork enters its child
/// there under the same lock: a child entered before is met on the walk; a fork still under way has a parent that was
/// met, and the kernel either starts that fork again behind the signal or, from Linux 4.19, hands the signal to the
/// child as well (`copy_process` and `multiprocess` in kernel/fork.c).
pub fn signal_all(signal: c_int) {
    kill(-1, signal);
}

/// Sends a signal; a target that is gone is no error.
pub fn kill(pid: Pid, signal: c_int) {
    // SAFETY: kill takes no pointer.
    unsafe { libc::kill(pid, signal) };
}

/// 0 in the child.
pub fn fork() -> Result<Pid, Errno> {
    // SAFETY: the shim has one thread, so the child may call anything.
    check(unsafe { libc::fork() })
}

/// Forks a sibling (a child of the shim) that shares the descriptor table; 0 in it.
pub fn clone_sharing_files() -> Result<Pid, Errno> {
    let flags = c_long::from(libc::CLONE_FILES | libc::CLONE_PARENT | libc::SIGCHLD);
    // SAFETY: without CLONE_VM a null stack means a copy of the caller's, as with fork.
    check_long(unsafe { libc::syscall(libc::SYS_clone, flags, 0_u64, 0_u64, 0_u64, 0_u64) })
}

pub fn getpid() -> Pid {
    // SAFETY: getpid takes nothing and cannot fail.
    unsafe { libc::getpid() }
}

pub fn open_pidfd(pid: Pid) -> Result<Fd, Errno> {
    // SAFETY: pidfd_open takes no pointer.
    check_long(unsafe { libc::syscall(libc::SYS_pidfd_open, c_long::from(pid), 0_u64) })
}

pub fn new_session() {
    // SAFETY: setsid takes nothing; it fails only for a group leader, which a fresh child is not.
    unsafe { libc::setsid() };
}

/// `wanted` becomes a copy of `fd` that survives execve.
pub fn dup_to(fd: Fd, wanted: Fd) -> Result<(), Errno> {
    // SAFETY: dup2 takes no pointer.
    check(unsafe { libc::dup2(fd, wanted) }).map(drop)
}

pub fn close(fd: Fd) {
    // SAFETY: close takes no pointer; nothing else owns the descriptor.
    unsafe { libc::close(fd) };
}

pub fn chdir(path: &CStr) -> Result<(), Errno> {
    // SAFETY: `path` ends in NUL.
    check(unsafe { libc::chdir(path.as_ptr()) }).map(drop)
}

pub fn set_rlimit(limit: Rlimit) -> Result<(), Errno> {
    let value = libc::rlimit64 { rlim_cur: limit.soft, rlim_max: limit.hard };
    // SAFETY: `value` outlives the call; the kernel checks the resource's number.
    check_long(unsafe {
        libc::syscall(
            libc::SYS_prlimit64,
            0_u64,
            u64::from(limit.resource),
            &raw const value,
            null_mut::<libc::rlimit64>(),
        )
    })
    .map(drop)
}

/// A page shared with every process forked from here on.
pub fn shared_page<T>() -> Result<&'static T, Errno> {
    // SAFETY: a fresh anonymous mapping is zeroed, page-aligned, at least as
    // large as `T` (a few words) and never unmapped.
    unsafe {
        let page = libc::mmap(
            null_mut(),
            size_of::<T>(),
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_SHARED | libc::MAP_ANONYMOUS,
            -1,
            0,
        );
        if page == libc::MAP_FAILED { Err(errno()) } else { Ok(&*page.cast::<T>()) }
    }
}

/// Lets whoever else wants this CPU have it.
pub fn step_aside() {
    // SAFETY: the call takes nothing.
    unsafe { libc::sched_yield() };
}

/// Installs classic BPF with a user-notification listener, close-on-exec: seccomp(2). Where the kernel can (5.19), a
/// held call is interrupted by nothing but death, so that no signal handler hides an attempt.
pub fn install_filter(filter: &[u8]) -> Result<Fd, Errno> {
    const WAIT_KILLABLE: u64 = 1 << 5;
    #[repr(C)]
    struct Program {
        length: u16,
        filter: *const c_void,
    }
    let length = u16::try_from(filter.len() / 8).map_err(|_| libc::E2BIG)?;
    let program = Program { length, filter: filter.as_ptr().cast() };
    let install = |flags: u64| {
        // SAFETY: the kernel copies `length` instructions of 8 bytes, which `filter` holds.
        check_long(unsafe {
            libc::syscall(libc::SYS_seccomp, u64::from(libc::SECCOMP_SET_MODE_FILTER), flags, &raw const program)
        })
    };
    match install(libc::SECCOMP_FILTER_FLAG_NEW_LISTENER | WAIT_KILLABLE) {
        Err(libc::EINVAL) => install(libc::SECCOMP_FILTER_FLAG_NEW_LISTENER),
        other => other,
    }
}

// SAFETY: the C library defines it so: environ(7).
unsafe extern "C" {
    static mut environ: *const *const c_char;
}

/// Gives this process its environment.
pub fn take_environment(env: &[*const c_char]) {
    // SAFETY: the array ends in NULL and points at NUL-ended strings of the packet, which outlives the process's
    // program; no other thread reads `environ`.
    unsafe { environ = env.as_ptr() };
}

/// A path of the greatest length.
pub type Path = [u8; libc::PATH_MAX as usize];

/// The first file of the program's name in the directories of PATH that may be executed; `None` where there is none, or
/// the name is a path itself.
pub fn find<'a>(argv: &[*const c_char], room: &'a mut Path) -> Option<&'a CStr> {
    // SAFETY: the array's strings end in NUL, and so does what is found, which nobody changes.
    let string = |text: *const c_char| (!text.is_null()).then(|| unsafe { CStr::from_ptr(text) });
    let name = string(*argv.first()?)?.to_bytes_with_nul();
    // SAFETY: the name ends in NUL.
    let path = string(unsafe { libc::getenv(c"PATH".as_ptr()) })?.to_bytes();
    let mut directories = path.split(|byte| *byte == b':');
    let leads_to_it = |directory: &[u8]| {
        // SAFETY: what was joined ends in NUL.
        join(directory, name, room).is_some() && unsafe { libc::access(room.as_ptr().cast(), libc::X_OK) } == 0
    };
    let is_found = !name.contains(&b'/') && directories.any(leads_to_it);
    CStr::from_bytes_until_nul(room).ok().filter(|_| is_found)
}

/// `None` where there is no room, or the directory is the working directory.
fn join(directory: &[u8], name: &[u8], room: &mut Path) -> Option<()> {
    if directory.is_empty() {
        return None;
    }
    let (before, rest) = room.split_at_mut_checked(directory.len())?;
    let (slash, rest) = rest.split_first_mut()?;
    before.copy_from_slice(directory);
    *slash = b'/';
    rest.get_mut(..name.len())?.copy_from_slice(name);
    Some(())
}

/// Becomes the program: the one that was found, or, where that is none after all, what the C library finds by PATH.
/// Returns only on failure.
pub fn execute(found: Option<&CStr>, argv: &[*const c_char]) -> Errno {
    // SAFETY: the arrays end in NULL and point at NUL-ended strings of the packet.
    unsafe {
        if let Some(found) = found {
            libc::execve(found.as_ptr(), argv.as_ptr(), environ);
        }
        libc::execvp(argv[0], argv.as_ptr());
    }
    errno()
}

/// The kernel's Landlock ABI version: `landlock_create_ruleset(2)`.
pub fn landlock_abi() -> Result<c_int, Errno> {
    const VERSION_FLAG: u64 = 1;
    // SAFETY: with this flag the attribute must be NULL and is not read.
    check_long(unsafe { libc::syscall(libc::SYS_landlock_create_ruleset, null::<c_void>(), 0_u64, VERSION_FLAG) })
}

pub fn landlock_create(fs: u64, net: u64) -> Result<Fd, Errno> {
    let attribute = [fs, net];
    // A kernel older than the second field takes the structure without it.
    let size = if net == 0 { 8_u64 } else { 16 };
    // SAFETY: `size` bytes of the attribute are initialised.
    check_long(unsafe { libc::syscall(libc::SYS_landlock_create_ruleset, attribute.as_ptr(), size, 0_u64) })
}

/// Grants rights beneath `node`, and closes it.
pub fn landlock_add(ruleset: Fd, node: Fd, rights: u64) -> Result<(), Errno> {
    const PATH_BENEATH: u64 = 1;
    #[repr(C, packed)]
    struct Beneath {
        rights: u64,
        parent: Fd,
    }
    let rule = Beneath { rights, parent: node };
    // SAFETY: `rule` is laid out as struct landlock_path_beneath_attr.
    let added = check_long(unsafe {
        libc::syscall(libc::SYS_landlock_add_rule, c_long::from(ruleset), PATH_BENEATH, &raw const rule, 0_u64)
    });
    close(node);
    added.map(drop)
}

pub fn landlock_restrict(ruleset: Fd) -> Result<(), Errno> {
    // SAFETY: takes no pointer.
    let restricted =
        check_long(unsafe { libc::syscall(libc::SYS_landlock_restrict_self, c_long::from(ruleset), 0_u64) });
    close(ruleset);
    restricted.map(drop)
}

/// What an opened path is.
pub enum Node {
    Directory,
    File,
}

pub fn open_path(path: &CStr) -> Result<(Fd, Node), Errno> {
    // SAFETY: `path` ends in NUL; fstat fills the zeroed structure.
    unsafe {
        let fd = check(libc::open(path.as_ptr(), libc::O_PATH | libc::O_CLOEXEC))?;
        let mut stat: libc::stat = zeroed();
        check(libc::fstat(fd, &raw mut stat))?;
        let directory = stat.st_mode & libc::S_IFMT == libc::S_IFDIR;
        Ok((fd, if directory { Node::Directory } else { Node::File }))
    }
}
