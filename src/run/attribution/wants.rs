//! What a call asks for, of which a layer may have a say.

/// Something that a call asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Want {
    /// A file, by its path.
    File(PathAt, Use),
    /// A file, by the descriptor in this argument.
    Open(usize, Use),
    /// To be root.
    Root,
    /// One of these capabilities.
    Right(&'static [u8]),
    /// One more process or thread.
    Task,
    /// One more descriptor.
    Descriptor,
    /// More memory.
    Memory,
    /// Somebody at a socket address; nowhere where it was given before.
    Peer(Option<PeerAt>),
    /// To be reached at a socket address.
    Port,
    /// What processes share by System V.
    SharedIpc,
}

/// Which arguments make up a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PathAt {
    /// The directory's descriptor; the working directory where there is none.
    pub directory: Option<usize>,
    /// The pointer to the path.
    pub path: usize,
}

/// Which arguments make up a socket address, and what is sent there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerAt {
    /// The pointer to the address, and its length.
    pub address: (usize, usize),
    /// The pointer to what is sent, and its length, where the call has it.
    pub message: Option<(usize, usize)>,
}

/// What is to become of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// It is read, or passed through.
    Read,
    /// It is written.
    Write,
    /// It is written, and made where it is not there.
    Make,
    /// Its name is made or taken away: its directory changes.
    Name,
    /// Its owner, mode or times change.
    Owner,
    /// It is run.
    Run,
    /// It is mapped as code.
    Code,
    /// More bytes are put into it.
    Grow,
}

// Capabilities by number: include/uapi/linux/capability.h.
pub const CHOWN: u8 = 0;
pub const DAC_OVERRIDE: u8 = 1;
pub const DAC_READ_SEARCH: u8 = 2;
pub const FOWNER: u8 = 3;
pub const KILL: u8 = 5;
pub const SETGID: u8 = 6;
pub const SETUID: u8 = 7;
pub const SYS_PTRACE: u8 = 19;
pub const SYS_ADMIN: u8 = 21;
pub const SYS_RESOURCE: u8 = 24;

/// What a call with these arguments asks for; nothing where no layer but the filter looks at it.
pub fn wants(call: &str, args: &[u64; 6]) -> Vec<Want> {
    match files(call, args).or_else(|| others(call, args)) {
        Some(wants) => wants,
        None => rights(call, args).map(Want::Right).into_iter().collect(),
    }
}

/// The calls that are asked about before they are made, with the argument and its bits that make them so. Each changes a
/// file, runs one, or speaks to somebody by an address: what its pointers lead to is known only while it stands still.
pub fn asked_about() -> Vec<(&'static str, Option<(u32, u32)>)> {
    const WRITES: u32 = (libc::O_WRONLY | libc::O_RDWR | libc::O_CREAT | libc::O_TRUNC).cast_unsigned();
    let always = [
        "creat",
        "openat2",
        "mkdir",
        "mkdirat",
        "rmdir",
        "unlink",
        "unlinkat",
        "rename",
        "renameat",
        "renameat2",
        "link",
        "linkat",
        "symlink",
        "symlinkat",
        "mknod",
        "mknodat",
        "chmod",
        "fchmodat",
        "fchmodat2",
        "chown",
        "lchown",
        "fchownat",
        "truncate",
        "utime",
        "utimes",
        "utimensat",
        "futimesat",
        "setxattr",
        "lsetxattr",
        "removexattr",
        "lremovexattr",
        "mount",
        "umount2",
        "pivot_root",
        "chroot",
        "execve",
        "execveat",
        "connect",
        "bind",
    ];
    let writing = [("open", Some((1, WRITES))), ("openat", Some((2, WRITES)))];
    // Without an address it goes to whom the socket was connected to.
    let speaking = ("sendto", Some((4, u32::MAX)));
    always.into_iter().map(|call| (call, None)).chain(writing).chain([speaking]).collect()
}

const fn path(path: usize) -> PathAt {
    PathAt { directory: None, path }
}

const fn at(directory: usize) -> PathAt {
    PathAt { directory: Some(directory), path: directory + 1 }
}

fn flags(argument: u64) -> i32 {
    // An int: the kernel looks at no more of the register.
    u32::try_from(argument & u64::from(u32::MAX)).unwrap_or(0).cast_signed()
}

fn opened(place: PathAt, flags: i32) -> Vec<Want> {
    let how = match flags & libc::O_ACCMODE {
        _ if flags & libc::O_CREAT != 0 => Use::Make,
        libc::O_RDONLY if flags & libc::O_TRUNC == 0 => Use::Read,
        _ => Use::Write,
    };
    vec![Want::File(place, how), Want::Descriptor]
}

fn files(call: &str, args: &[u64; 6]) -> Option<Vec<Want>> {
    let one = |place, how| Some(vec![Want::File(place, how)]);
    let two = |first, second| Some(vec![Want::File(first, Use::Name), Want::File(second, Use::Name)]);
    match call {
        "open" => Some(opened(path(0), flags(args[1]))),
        "openat" => Some(opened(at(0), flags(args[2]))),
        "openat2" => Some(opened(at(0), libc::O_RDONLY)),
        "creat" => Some(opened(path(0), libc::O_CREAT)),
        "mkdir" | "rmdir" | "unlink" => one(path(0), Use::Name),
        "mkdirat" | "unlinkat" => one(at(0), Use::Name),
        "mknod" => Some(node(path(0), flags(args[1]))),
        "mknodat" => Some(node(at(0), flags(args[2]))),
        "symlink" => one(path(1), Use::Name),
        "symlinkat" => one(at(1), Use::Name),
        "link" => two(path(1), path(0)),
        "linkat" => two(at(2), at(0)),
        "rename" => two(path(0), path(1)),
        "renameat" | "renameat2" => two(at(0), at(2)),
        "chmod" | "utime" | "utimes" | "setxattr" | "lsetxattr" | "removexattr" | "lremovexattr" => {
            one(path(0), Use::Owner)
        }
        "fchmodat" | "fchmodat2" | "utimensat" | "futimesat" => one(at(0), Use::Owner),
        "chown" | "lchown" => Some(vec![Want::Right(&[CHOWN]), Want::File(path(0), Use::Owner)]),
        "fchownat" => Some(vec![Want::Right(&[CHOWN]), Want::File(at(0), Use::Owner)]),
        "fchmod" | "futimens" => Some(vec![Want::Open(0, Use::Owner)]),
        "fchown" => Some(vec![Want::Right(&[CHOWN]), Want::Open(0, Use::Owner)]),
        "truncate" => one(path(0), Use::Write),
        "stat" | "lstat" | "access" | "readlink" | "statfs" | "chdir" => one(path(0), Use::Read),
        "newfstatat" | "statx" | "faccessat" | "faccessat2" | "readlinkat" => {
            // The path of statx is its second argument too.
            one(at(0), Use::Read)
        }
        "execve" => one(path(0), Use::Run),
        "execveat" => one(at(0), Use::Run),
        "write" | "pwrite64" | "writev" | "pwritev" | "pwritev2" | "ftruncate" | "fallocate" | "sendfile" => {
            Some(vec![Want::Open(0, Use::Grow)])
        }
        "copy_file_range" | "splice" => Some(vec![Want::Open(2, Use::Grow)]),
        _ => None,
    }
}

fn node(place: PathAt, mode: i32) -> Vec<Want> {
    let kind = mode.cast_unsigned() & libc::S_IFMT;
    let device = kind == libc::S_IFCHR || kind == libc::S_IFBLK;
    let right = device.then_some(Want::Right(&[27]));
    right.into_iter().chain([Want::File(place, Use::Name)]).collect()
}

fn others(call: &str, args: &[u64; 6]) -> Option<Vec<Want>> {
    Some(match call {
        "clone" | "clone3" | "fork" | "vfork" => vec![Want::Task],
        "mmap" if flags(args[2]) & libc::PROT_EXEC != 0 && flags(args[3]) & libc::MAP_ANONYMOUS == 0 => {
            vec![Want::Open(4, Use::Code), Want::Memory]
        }
        "mmap" | "brk" | "mremap" | "mprotect" => vec![Want::Memory],
        "socket" => {
            let right = socket_right(flags(args[0]), flags(args[1])).map(Want::Right);
            right.into_iter().chain([Want::Descriptor]).collect()
        }
        "pipe" | "pipe2" | "dup" | "dup2" | "dup3" | "accept" | "accept4" | "socketpair" | "eventfd" | "eventfd2"
        | "epoll_create" | "epoll_create1" | "memfd_create" | "signalfd" | "signalfd4" | "timerfd_create"
        | "pidfd_open" | "fcntl" => vec![Want::Descriptor],
        "connect" => vec![Want::Peer(Some(PeerAt { address: (1, 2), message: None }))],
        "sendto" if args[4] != 0 => vec![Want::Peer(Some(PeerAt { address: (4, 5), message: Some((1, 2)) }))],
        "sendto" | "sendmsg" | "sendmmsg" | "recvfrom" | "recvmsg" => vec![Want::Peer(None)],
        "bind" => vec![Want::Port],
        "shmget" | "msgget" | "semget" => vec![Want::SharedIpc],
        "setuid" | "setfsuid" => identity(&args[..1], &[SETUID]),
        "setreuid" => identity(&args[..2], &[SETUID]),
        "setresuid" => identity(&args[..3], &[SETUID]),
        "setgid" | "setfsgid" => identity(&args[..1], &[SETGID]),
        "setregid" => identity(&args[..2], &[SETGID]),
        "setresgid" => identity(&args[..3], &[SETGID]),
        "setgroups" => vec![Want::Right(&[SETGID])],
        _ => return None,
    })
}

fn socket_right(family: i32, kind: i32) -> Option<&'static [u8]> {
    // The type shares its argument with flags above the lowest four bits: SOCK_TYPE_MASK, include/linux/net.h.
    let raw = kind & 0xf == libc::SOCK_RAW && matches!(family, libc::AF_INET | libc::AF_INET6);
    (raw || family == libc::AF_PACKET).then_some(&[13])
}

/// The capabilities that a call asks for before anything else, each of which is enough: capabilities(7).
fn rights(call: &str, args: &[u64; 6]) -> Option<&'static [u8]> {
    Some(match call {
        "mount" | "umount2" | "pivot_root" | "setns" | "sethostname" | "setdomainname" | "swapon" | "swapoff"
        | "quotactl" | "fsopen" | "fsmount" | "move_mount" | "open_tree" | "fanotify_init" => &[SYS_ADMIN],
        "unshare"
            if flags(args[0]) & !(libc::CLONE_NEWUSER | libc::CLONE_FS | libc::CLONE_FILES) != 0
                && flags(args[0]) & libc::CLONE_NEWUSER == 0 =>
        {
            &[SYS_ADMIN]
        }
        "chroot" => &[18],
        "setpriority" | "sched_setscheduler" | "sched_setparam" | "sched_setattr" | "ioprio_set" => &[23],
        "reboot" => &[22],
        "init_module" | "finit_module" | "delete_module" => &[16],
        "iopl" | "ioperm" => &[17],
        "settimeofday" | "clock_settime" | "adjtimex" | "clock_adjtime" | "stime" => &[25],
        "syslog" => &[34],
        "bpf" => &[39, SYS_ADMIN],
        "perf_event_open" => &[38, SYS_ADMIN],
        "open_by_handle_at" => &[DAC_READ_SEARCH],
        "userfaultfd" => &[SYS_PTRACE],
        "acct" => &[20],
        "setrlimit" | "prlimit64" => &[SYS_RESOURCE],
        "kill" | "tgkill" | "tkill" | "rt_sigqueueinfo" => &[KILL],
        "mlock" | "mlockall" | "mlock2" => &[14],
        _ => return None,
    })
}

/// To become somebody. What root is already, root becomes without any capability.
fn identity(ids: &[u64], right: &'static [u8]) -> Vec<Want> {
    let is_roots = |id: &u64| matches!(flags(*id), 0 | -1);
    vec![if ids.iter().all(is_roots) { Want::Root } else { Want::Right(right) }]
}
