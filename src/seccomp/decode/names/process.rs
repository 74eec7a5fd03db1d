//! Constants of processes, signals, namespaces and limits.

use super::{Name, Names, ints, names};

/// signal(7).
pub const SIGNALS: &[(i32, &str)] = ints![
    SIGHUP, SIGINT, SIGQUIT, SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE, SIGKILL, SIGUSR1, SIGSEGV,
    SIGUSR2, SIGPIPE, SIGALRM, SIGTERM, SIGSTKFLT, SIGCHLD, SIGCONT, SIGSTOP, SIGTSTP, SIGTTIN,
    SIGTTOU, SIGURG, SIGXCPU, SIGXFSZ, SIGVTALRM, SIGPROF, SIGWINCH, SIGIO, SIGPWR, SIGSYS,
];

/// sigprocmask(2).
pub const SIGPROCMASK: Names = Names::choice(names![SIG_BLOCK, SIG_UNBLOCK, SIG_SETMASK]);

const CLONE_FLAGS: &[Name] = names![
    CLONE_VM, CLONE_FS, CLONE_FILES, CLONE_SIGHAND, CLONE_PIDFD, CLONE_PTRACE, CLONE_VFORK, CLONE_PARENT,
    CLONE_THREAD, CLONE_NEWNS, CLONE_SYSVSEM, CLONE_SETTLS, CLONE_PARENT_SETTID, CLONE_CHILD_CLEARTID,
    CLONE_DETACHED, CLONE_UNTRACED, CLONE_CHILD_SETTID, CLONE_NEWCGROUP, CLONE_NEWUTS, CLONE_NEWIPC,
    CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET, CLONE_IO;
    CLONE_CLEAR_SIGHAND = 1_u64 << 32, CLONE_INTO_CGROUP = 1_u64 << 33,
];

/// clone(2): flags, and in the low byte the signal that tells the parent of the end.
pub const CLONE: Names = Names::mixed(
    0xff,
    names![SIGCHLD, SIGHUP, SIGKILL, SIGTERM, SIGUSR1, SIGUSR2, SIGALRM],
    CLONE_FLAGS,
);

/// clone3(2), where the signal has a field of its own.
pub const CLONE3: Names = Names::flags(CLONE_FLAGS);

/// unshare(2) and setns(2).
pub const UNSHARE: Names = Names::flags(names![
    CLONE_FS, CLONE_FILES, CLONE_SIGHAND, CLONE_VM, CLONE_THREAD, CLONE_SYSVSEM, CLONE_NEWNS, CLONE_NEWCGROUP,
    CLONE_NEWUTS, CLONE_NEWIPC, CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET;
    CLONE_NEWTIME = 0x80,
]);

/// wait4(2) and waitid(2).
pub const WAIT: Names = Names::flags(names![
    WNOHANG,
    WUNTRACED,
    WEXITED,
    WCONTINUED,
    WNOWAIT,
    __WNOTHREAD,
    __WALL,
    __WCLONE
]);

/// waitid(2).
pub const WAIT_ID: Names = Names::choice(names![P_ALL, P_PID, P_PGID, P_PIDFD]);

/// `pidfd_open(2)`.
pub const PIDFD: Names = Names::flags(names![PIDFD_NONBLOCK; PIDFD_THREAD = libc::O_EXCL]);

/// setpriority(2) and `ioprio_set(2)` count differently.
pub const PRIORITY: Names = Names::choice(names![PRIO_PROCESS, PRIO_PGRP, PRIO_USER]);

/// `sched_setscheduler(2)`.
pub const SCHED: Names = Names::mixed(
    0xfff_ffff,
    names![
        SCHED_OTHER,
        SCHED_FIFO,
        SCHED_RR,
        SCHED_BATCH,
        SCHED_IDLE,
        SCHED_DEADLINE
    ],
    names![SCHED_RESET_ON_FORK],
);

/// setrlimit(2).
pub const RLIMIT: Names = Names::choice(names![
    RLIMIT_CPU,
    RLIMIT_FSIZE,
    RLIMIT_DATA,
    RLIMIT_STACK,
    RLIMIT_CORE,
    RLIMIT_RSS,
    RLIMIT_NPROC,
    RLIMIT_NOFILE,
    RLIMIT_MEMLOCK,
    RLIMIT_AS,
    RLIMIT_LOCKS,
    RLIMIT_SIGPENDING,
    RLIMIT_MSGQUEUE,
    RLIMIT_NICE,
    RLIMIT_RTPRIO,
    RLIMIT_RTTIME,
]);

/// getrusage(2).
pub const RUSAGE: &[(i32, &str)] = ints![RUSAGE_SELF, RUSAGE_CHILDREN, RUSAGE_THREAD];

const PERSONALITY_FLAGS: &[Name] = &[
    // Asks for the current one.
    (0xffff_ffff, "0xffffffff"),
    (0x2_0000, "UNAME26"),
    (0x4_0000, "ADDR_NO_RANDOMIZE"),
    (0x8_0000, "FDPIC_FUNCPTRS"),
    (0x10_0000, "MMAP_PAGE_ZERO"),
    (0x20_0000, "ADDR_COMPAT_LAYOUT"),
    (0x40_0000, "READ_IMPLIES_EXEC"),
    (0x80_0000, "ADDR_LIMIT_32BIT"),
    (0x100_0000, "SHORT_INODE"),
    (0x200_0000, "WHOLE_SECONDS"),
    (0x400_0000, "STICKY_TIMEOUTS"),
    (0x800_0000, "ADDR_LIMIT_3GB"),
];

/// personality(2): a domain, then flags.
pub const PERSONALITY: Names = Names::mixed(
    0xff,
    names![; PER_LINUX = 0, PER_LINUX32 = 8],
    PERSONALITY_FLAGS,
);

/// ptrace(2) (linux/ptrace.h; the register requests are those of x86 and arm).
pub const PTRACE: Names = Names::choice(names![;
    PTRACE_TRACEME = 0, PTRACE_PEEKTEXT = 1, PTRACE_PEEKDATA = 2, PTRACE_PEEKUSER = 3, PTRACE_POKETEXT = 4,
    PTRACE_POKEDATA = 5, PTRACE_POKEUSER = 6, PTRACE_CONT = 7, PTRACE_KILL = 8, PTRACE_SINGLESTEP = 9,
    PTRACE_GETREGS = 12, PTRACE_SETREGS = 13, PTRACE_GETFPREGS = 14, PTRACE_SETFPREGS = 15, PTRACE_ATTACH = 16,
    PTRACE_DETACH = 17, PTRACE_SYSCALL = 24, PTRACE_ARCH_PRCTL = 30, PTRACE_SYSEMU = 31,
    PTRACE_SETOPTIONS = 0x4200, PTRACE_GETEVENTMSG = 0x4201, PTRACE_GETSIGINFO = 0x4202,
    PTRACE_SETSIGINFO = 0x4203, PTRACE_GETREGSET = 0x4204, PTRACE_SETREGSET = 0x4205, PTRACE_SEIZE = 0x4206,
    PTRACE_INTERRUPT = 0x4207, PTRACE_LISTEN = 0x4208, PTRACE_PEEKSIGINFO = 0x4209, PTRACE_GETSIGMASK = 0x420a,
    PTRACE_SETSIGMASK = 0x420b, PTRACE_SECCOMP_GET_FILTER = 0x420c, PTRACE_SECCOMP_GET_METADATA = 0x420d,
    PTRACE_GET_SYSCALL_INFO = 0x420e,
]);

/// `PTRACE_SETOPTIONS` and `PTRACE_SEIZE` of ptrace(2).
pub const PTRACE_OPTIONS: Names = Names::flags(names![
    PTRACE_O_TRACESYSGOOD,
    PTRACE_O_TRACEFORK,
    PTRACE_O_TRACEVFORK,
    PTRACE_O_TRACECLONE,
    PTRACE_O_TRACEEXEC,
    PTRACE_O_TRACEVFORKDONE,
    PTRACE_O_TRACEEXIT,
    PTRACE_O_TRACESECCOMP,
    PTRACE_O_EXITKILL,
    PTRACE_O_SUSPEND_SECCOMP,
]);

/// prctl(2).
pub const PRCTL: Names = Names::choice(names![
    PR_SET_PDEATHSIG, PR_GET_PDEATHSIG, PR_GET_DUMPABLE, PR_SET_DUMPABLE, PR_GET_KEEPCAPS, PR_SET_KEEPCAPS,
    PR_SET_NAME, PR_GET_NAME, PR_GET_SECCOMP, PR_SET_SECCOMP, PR_CAPBSET_READ, PR_CAPBSET_DROP, PR_GET_TSC,
    PR_SET_TSC, PR_GET_SECUREBITS, PR_SET_SECUREBITS, PR_SET_TIMERSLACK, PR_GET_TIMERSLACK, PR_MCE_KILL, PR_SET_MM,
    PR_SET_CHILD_SUBREAPER, PR_GET_CHILD_SUBREAPER, PR_SET_NO_NEW_PRIVS, PR_GET_NO_NEW_PRIVS, PR_GET_TID_ADDRESS,
    PR_SET_THP_DISABLE, PR_GET_THP_DISABLE, PR_CAP_AMBIENT, PR_SET_PTRACER;
    PR_GET_SPECULATION_CTRL = 52, PR_SET_SPECULATION_CTRL = 53, PR_SET_IO_FLUSHER = 57,
    PR_SET_SYSCALL_USER_DISPATCH = 59, PR_SCHED_CORE = 62, PR_SET_MDWE = 65, PR_GET_MDWE = 66,
    PR_SET_MEMORY_MERGE = 67, PR_SET_VMA = 0x5356_4d41,
]);

/// `PR_SET_SECCOMP` of prctl(2).
pub const SECCOMP_MODE: Names = Names::choice(names![
    SECCOMP_MODE_DISABLED,
    SECCOMP_MODE_STRICT,
    SECCOMP_MODE_FILTER
]);

/// `PR_CAP_AMBIENT` of prctl(2).
pub const CAP_AMBIENT: Names = Names::choice(names![
    PR_CAP_AMBIENT_IS_SET,
    PR_CAP_AMBIENT_RAISE,
    PR_CAP_AMBIENT_LOWER,
    PR_CAP_AMBIENT_CLEAR_ALL,
]);

/// `arch_prctl(2)` (asm/prctl.h).
pub const ARCH_PRCTL: Names = Names::choice(names![;
    ARCH_SET_GS = 0x1001, ARCH_SET_FS = 0x1002, ARCH_GET_FS = 0x1003, ARCH_GET_GS = 0x1004,
    ARCH_GET_CPUID = 0x1011, ARCH_SET_CPUID = 0x1012, ARCH_SHSTK_ENABLE = 0x5001, ARCH_SHSTK_DISABLE = 0x5002,
    ARCH_SHSTK_LOCK = 0x5003, ARCH_SHSTK_STATUS = 0x5005,
]);

/// futex(2): an operation, then flags.
pub const FUTEX: Names = Names::mixed(
    0x7f,
    names![
        FUTEX_WAIT,
        FUTEX_WAKE,
        FUTEX_FD,
        FUTEX_REQUEUE,
        FUTEX_CMP_REQUEUE,
        FUTEX_WAKE_OP,
        FUTEX_LOCK_PI,
        FUTEX_UNLOCK_PI,
        FUTEX_TRYLOCK_PI,
        FUTEX_WAIT_BITSET,
        FUTEX_WAKE_BITSET,
        FUTEX_WAIT_REQUEUE_PI,
        FUTEX_CMP_REQUEUE_PI,
        FUTEX_LOCK_PI2,
    ],
    names![FUTEX_PRIVATE_FLAG, FUTEX_CLOCK_REALTIME],
);

/// `clock_gettime(2)`.
pub const CLOCKS: &[(i32, &str)] = ints![
    CLOCK_REALTIME,
    CLOCK_MONOTONIC,
    CLOCK_PROCESS_CPUTIME_ID,
    CLOCK_THREAD_CPUTIME_ID,
    CLOCK_MONOTONIC_RAW,
    CLOCK_REALTIME_COARSE,
    CLOCK_MONOTONIC_COARSE,
    CLOCK_BOOTTIME,
    CLOCK_REALTIME_ALARM,
    CLOCK_BOOTTIME_ALARM,
    CLOCK_TAI,
];

/// `clock_nanosleep(2)` and `timer_settime(2)`.
pub const TIMER: Names = Names::flags(names![TIMER_ABSTIME]);

/// setitimer(2).
pub const ITIMER: Names = Names::choice(names![ITIMER_REAL, ITIMER_VIRTUAL, ITIMER_PROF]);

/// getrandom(2).
pub const RANDOM: Names = Names::flags(names![GRND_NONBLOCK, GRND_RANDOM; GRND_INSECURE = 4]);

/// shmget(2) and its kin: permission bits are left in hexadecimal.
pub const IPC: Names = Names::flags(names![IPC_CREAT, IPC_EXCL, IPC_NOWAIT]);
