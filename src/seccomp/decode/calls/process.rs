//! Processes: starting, tracing, signalling, identities, limits, scheduling, time.

use super::super::kind::Kind::{
    self, Argv, Envp, Flags, Hex, Id, Int, Long, LongFlags, Named, Operation, Pointer, Size,
    SizedStruct, Str, Struct, Uint,
};
use super::super::kind::{Operations, Row};
use super::super::names::files::{AT, AT_FDCWD};
use super::super::names::kernel::CAPABILITIES;
use super::super::names::process::{
    ARCH_PRCTL, CAP_AMBIENT, CLOCKS, CLONE, FUTEX, ITIMER, PERSONALITY, PIDFD, PRCTL, PRIORITY,
    PTRACE, PTRACE_OPTIONS, RANDOM, RLIMIT, RUSAGE, SCHED, SECCOMP_MODE, SIGNALS, SIGPROCMASK,
    TIMER, UNSHARE, WAIT, WAIT_ID,
};
use super::layouts::{
    self, CAP_DATA, CAP_HEADER, CLONE_ARGS, FILTER, RLIMIT64, SCHED_PARAM, TIME, TIME64,
};

const SIGNAL: Kind = Named(SIGNALS);
const CLOCK: Kind = Named(CLOCKS);

static PROCESS_CONTROL: Operations = Operations {
    names: &PRCTL,
    arguments: &[
        (libc::PR_SET_PDEATHSIG.cast_unsigned(), &[SIGNAL]),
        (libc::PR_SET_DUMPABLE.cast_unsigned(), &[Size]),
        (libc::PR_GET_DUMPABLE.cast_unsigned(), &[]),
        (libc::PR_SET_KEEPCAPS.cast_unsigned(), &[Size]),
        (libc::PR_SET_NAME.cast_unsigned(), &[Str]),
        (libc::PR_GET_NAME.cast_unsigned(), &[Pointer]),
        (libc::PR_GET_SECCOMP.cast_unsigned(), &[]),
        (
            libc::PR_SET_SECCOMP.cast_unsigned(),
            &[Flags(&SECCOMP_MODE), Struct(&FILTER)],
        ),
        (
            libc::PR_CAPBSET_READ.cast_unsigned(),
            &[Flags(&CAPABILITIES)],
        ),
        (
            libc::PR_CAPBSET_DROP.cast_unsigned(),
            &[Flags(&CAPABILITIES)],
        ),
        (libc::PR_SET_CHILD_SUBREAPER.cast_unsigned(), &[Size]),
        (
            libc::PR_SET_NO_NEW_PRIVS.cast_unsigned(),
            &[Size, Size, Size, Size],
        ),
        (
            libc::PR_GET_NO_NEW_PRIVS.cast_unsigned(),
            &[Size, Size, Size, Size],
        ),
        (
            libc::PR_CAP_AMBIENT.cast_unsigned(),
            &[Flags(&CAP_AMBIENT), Flags(&CAPABILITIES), Size, Size],
        ),
    ],
};

static TRACE: Operations = Operations {
    names: &PTRACE,
    arguments: &[
        (0, &[]),
        // PTRACE_ATTACH, PTRACE_SETOPTIONS, PTRACE_SEIZE and PTRACE_INTERRUPT.
        (16, &[Int]),
        (0x4200, &[Int, Hex, LongFlags(&PTRACE_OPTIONS)]),
        (0x4206, &[Int, Hex, LongFlags(&PTRACE_OPTIONS)]),
        (0x4207, &[Int]),
    ],
};

pub const ROWS: &[Row] = &[
    // Starting and ending
    ("execve", &[Str, Argv, Envp]),
    ("execveat", &[Named(AT_FDCWD), Str, Argv, Envp, Flags(&AT)]),
    ("fork", &[]),
    ("vfork", &[]),
    ("clone", &[LongFlags(&CLONE), Pointer, Pointer, Hex, Hex]),
    ("clone3", &[SizedStruct(&CLONE_ARGS, 1), Size]),
    ("exit", &[Int]),
    ("exit_group", &[Int]),
    ("wait4", &[Int, Pointer, Flags(&WAIT), Pointer]),
    ("waitpid", &[Int, Pointer, Flags(&WAIT)]),
    (
        "waitid",
        &[Flags(&WAIT_ID), Int, Pointer, Flags(&WAIT), Pointer],
    ),
    // Namespaces and personality
    ("unshare", &[LongFlags(&UNSHARE)]),
    ("setns", &[Int, Flags(&UNSHARE)]),
    ("personality", &[Flags(&PERSONALITY)]),
    ("prctl", &[Operation(&PROCESS_CONTROL), Hex, Hex, Hex, Hex]),
    ("arch_prctl", &[Flags(&ARCH_PRCTL), Hex]),
    // Other processes
    ("ptrace", &[Operation(&TRACE), Int, Pointer, Hex]),
    ("kill", &[Int, SIGNAL]),
    ("tkill", &[Int, SIGNAL]),
    ("tgkill", &[Int, Int, SIGNAL]),
    ("pidfd_open", &[Int, Flags(&PIDFD)]),
    ("pidfd_getfd", &[Int, Int, Hex]),
    ("pidfd_send_signal", &[Int, SIGNAL, Pointer, Hex]),
    ("kcmp", &[Int, Int, Int, Hex, Hex]),
    ("rt_sigqueueinfo", &[Int, SIGNAL, Pointer]),
    ("rt_tgsigqueueinfo", &[Int, Int, SIGNAL, Pointer]),
    // Own signals
    ("rt_sigaction", &[SIGNAL, Pointer, Pointer, Size]),
    (
        "rt_sigprocmask",
        &[Flags(&SIGPROCMASK), Pointer, Pointer, Size],
    ),
    ("rt_sigpending", &[Pointer, Size]),
    ("rt_sigsuspend", &[Pointer, Size]),
    ("rt_sigtimedwait", &[Pointer, Pointer, Struct(&TIME), Size]),
    ("rt_sigreturn", &[]),
    ("sigaltstack", &[Pointer, Pointer]),
    ("signalfd", &[Int, Pointer, Size]),
    ("signalfd4", &[Int, Pointer, Size, Hex]),
    ("pause", &[]),
    ("alarm", &[Uint]),
    // Identities
    ("getpid", &[]),
    ("getppid", &[]),
    ("gettid", &[]),
    ("getuid", &[]),
    ("geteuid", &[]),
    ("getgid", &[]),
    ("getegid", &[]),
    ("getpgrp", &[]),
    ("getpgid", &[Int]),
    ("getsid", &[Int]),
    ("setpgid", &[Int, Int]),
    ("setsid", &[]),
    ("setuid", &[Id]),
    ("setgid", &[Id]),
    ("setreuid", &[Id, Id]),
    ("setregid", &[Id, Id]),
    ("setresuid", &[Id, Id, Id]),
    ("setresgid", &[Id, Id, Id]),
    ("getresuid", &[Pointer, Pointer, Pointer]),
    ("getresgid", &[Pointer, Pointer, Pointer]),
    ("setfsuid", &[Id]),
    ("setfsgid", &[Id]),
    ("getgroups", &[Int, Pointer]),
    ("setgroups", &[Int, Pointer]),
    ("capget", &[Struct(&CAP_HEADER), Pointer]),
    ("capset", &[Struct(&CAP_HEADER), Struct(&CAP_DATA)]),
    // Limits and scheduling
    ("getrlimit", &[Flags(&RLIMIT), Pointer]),
    ("ugetrlimit", &[Flags(&RLIMIT), Pointer]),
    ("setrlimit", &[Flags(&RLIMIT), Struct(&layouts::RLIMIT)]),
    (
        "prlimit64",
        &[Int, Flags(&RLIMIT), Struct(&RLIMIT64), Pointer],
    ),
    ("getrusage", &[Named(RUSAGE), Pointer]),
    ("getpriority", &[Flags(&PRIORITY), Int]),
    ("setpriority", &[Flags(&PRIORITY), Int, Int]),
    ("ioprio_get", &[Int, Int]),
    ("ioprio_set", &[Int, Int, Hex]),
    ("sched_yield", &[]),
    ("sched_getaffinity", &[Int, Size, Pointer]),
    ("sched_setaffinity", &[Int, Size, Pointer]),
    ("sched_getscheduler", &[Int]),
    (
        "sched_setscheduler",
        &[Int, Flags(&SCHED), Struct(&SCHED_PARAM)],
    ),
    ("sched_getparam", &[Int, Pointer]),
    ("sched_setparam", &[Int, Struct(&SCHED_PARAM)]),
    ("sched_getattr", &[Int, Pointer, Uint, Hex]),
    ("sched_setattr", &[Int, Pointer, Hex]),
    ("sched_get_priority_max", &[Flags(&SCHED)]),
    ("sched_get_priority_min", &[Flags(&SCHED)]),
    ("sched_rr_get_interval", &[Int, Pointer]),
    ("getcpu", &[Pointer, Pointer, Pointer]),
    // Threads
    (
        "futex",
        &[Pointer, Flags(&FUTEX), Uint, Pointer, Pointer, Uint],
    ),
    ("futex_waitv", &[Pointer, Uint, Hex, Pointer, CLOCK]),
    ("futex_wake", &[Pointer, Hex, Int, Hex]),
    ("futex_wait", &[Pointer, Hex, Hex, Hex, Pointer, CLOCK]),
    ("set_robust_list", &[Pointer, Size]),
    ("get_robust_list", &[Int, Pointer, Pointer]),
    ("set_tid_address", &[Pointer]),
    ("rseq", &[Pointer, Uint, Hex, Hex]),
    ("membarrier", &[Hex, Hex, Int]),
    ("set_thread_area", &[Pointer]),
    ("get_thread_area", &[Pointer]),
    ("modify_ldt", &[Int, Pointer, Size]),
    // Time
    ("time", &[Pointer]),
    ("times", &[Pointer]),
    ("gettimeofday", &[Pointer, Pointer]),
    ("settimeofday", &[Struct(&TIME), Pointer]),
    ("stime", &[Pointer]),
    ("adjtimex", &[Pointer]),
    ("clock_gettime", &[CLOCK, Pointer]),
    ("clock_getres", &[CLOCK, Pointer]),
    ("clock_settime", &[CLOCK, Struct(&TIME)]),
    ("clock_settime64", &[CLOCK, Struct(&TIME64)]),
    ("clock_adjtime", &[CLOCK, Pointer]),
    (
        "clock_nanosleep",
        &[CLOCK, Flags(&TIMER), Struct(&TIME), Pointer],
    ),
    (
        "clock_nanosleep_time64",
        &[CLOCK, Flags(&TIMER), Struct(&TIME64), Pointer],
    ),
    ("nanosleep", &[Struct(&TIME), Pointer]),
    ("getitimer", &[Flags(&ITIMER), Pointer]),
    ("setitimer", &[Flags(&ITIMER), Pointer, Pointer]),
    ("timer_create", &[CLOCK, Pointer, Pointer]),
    ("timer_settime", &[Int, Flags(&TIMER), Pointer, Pointer]),
    ("timer_gettime", &[Int, Pointer]),
    ("timer_getoverrun", &[Int]),
    ("timer_delete", &[Int]),
    ("timerfd_create", &[CLOCK, Hex]),
    ("timerfd_settime", &[Int, Flags(&TIMER), Pointer, Pointer]),
    ("timerfd_gettime", &[Int, Pointer]),
    // About the machine
    ("uname", &[Pointer]),
    ("sysinfo", &[Pointer]),
    ("getrandom", &[Pointer, Size, Flags(&RANDOM)]),
    ("restart_syscall", &[]),
    ("vhangup", &[]),
    ("nice", &[Long]),
];
