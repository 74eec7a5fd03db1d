//! Structures that arguments point to.

use super::super::kind::Kind::{
    Array, Data, Flags, Hex, Int, Limit, Long, LongFlags, ModeIfCreating, Named, Omitted, Pointer, Size, Sockaddr, Str,
    Uint,
};
use super::super::kind::Width::{W16, W32, W64, Word};
use super::super::kind::{Field, Layout, field};
use super::super::names::{files, kernel, process};

/// `struct timespec` and `struct timeval`, which differ in the second field's unit.
pub static TIME: Layout = Layout(&[field("sec", Word, Long), field("frac", Word, Long)]);

/// `struct __kernel_timespec` of 32-bit callers' newer calls.
pub static TIME64: Layout = Layout(&[field("sec", W64, Hex), field("frac", W64, Hex)]);

/// One of a list of groups.
pub static GROUP: Layout = Layout(&[field("", W32, Uint)]);

/// `struct rlimit` (setrlimit(2)).
pub static RLIMIT: Layout = Layout(&[field("cur", Word, Limit), field("max", Word, Limit)]);

/// `struct rlimit64` (prlimit(2)).
pub static RLIMIT64: Layout = Layout(&[field("cur", W64, Limit), field("max", W64, Limit)]);

/// `struct iovec` whose bytes the caller gives.
pub static IOVEC_DATA: Layout = Layout(&[field("", Word, Data(1)), field("", Word, Size)]);

/// `struct iovec` whose bytes are another process's, or are yet to come.
pub static IOVEC: Layout = Layout(&[field("base", Word, Pointer), field("len", Word, Size)]);

const MSG_NAME: Field = field("name", Word, Sockaddr(1));
const MSG_NAMELEN: Field = field("", W32, Omitted);
const MSG_IOV: Field = field("data", Word, Array(&IOVEC_DATA, 3));
const MSG_IOVLEN: Field = field("", Word, Omitted);
const MSG_CONTROL: Field = field("control", Word, Pointer);
const MSG_CONTROLLEN: Field = field("controllen", Word, Size);

/// `struct msghdr` (sendmsg(2)).
pub static MSGHDR: Layout = Layout(&[MSG_NAME, MSG_NAMELEN, MSG_IOV, MSG_IOVLEN, MSG_CONTROL, MSG_CONTROLLEN]);

/// `struct mmsghdr` (sendmmsg(2)): a `msghdr` with its flags and padding, then a length.
pub static MMSGHDR: Layout = Layout(&[
    MSG_NAME,
    MSG_NAMELEN,
    MSG_IOV,
    MSG_IOVLEN,
    MSG_CONTROL,
    MSG_CONTROLLEN,
    field("", Word, Omitted),
    field("", W32, Omitted),
]);

/// `struct clone_args` (clone3(2)).
pub static CLONE_ARGS: Layout = Layout(&[
    field("flags", W64, LongFlags(&process::CLONE3)),
    field("pidfd", W64, Omitted),
    field("child_tid", W64, Omitted),
    field("parent_tid", W64, Omitted),
    field("exit_signal", W64, Named(process::SIGNALS)),
    field("stack", W64, Pointer),
    field("stack_size", W64, Size),
    field("tls", W64, Omitted),
    field("set_tid", W64, Pointer),
    field("set_tid_size", W64, Size),
    field("cgroup", W64, Size),
]);

/// `struct open_how` (openat2(2)).
pub static OPEN_HOW: Layout = Layout(&[
    field("flags", W64, LongFlags(&files::OPEN)),
    field("mode", W64, ModeIfCreating(0)),
    field("resolve", W64, LongFlags(&files::RESOLVE)),
]);

/// `struct mount_attr` (`mount_setattr(2)`).
pub static MOUNT_ATTR: Layout = Layout(&[
    field("attr_set", W64, LongFlags(&files::MOUNT_ATTR)),
    field("attr_clr", W64, LongFlags(&files::MOUNT_ATTR)),
    field("propagation", W64, LongFlags(&files::MOUNT)),
    field("userns_fd", W64, Size),
]);

/// The start of `struct file_handle` (`open_by_handle_at(2)`).
pub static FILE_HANDLE: Layout =
    Layout(&[field("bytes", W32, Uint), field("type", W32, Int), field("handle", W64, Hex)]);

/// `struct sock_fprog` (seccomp(2)).
pub static FILTER: Layout = Layout(&[field("len", W16, Uint), field("filter", Word, Pointer)]);

/// `struct __user_cap_header_struct` (capset(2)).
pub static CAP_HEADER: Layout =
    Layout(&[field("version", W32, Flags(&kernel::CAPABILITY_VERSIONS)), field("pid", W32, Int)]);

/// `struct __user_cap_data_struct`, both halves of version 3.
pub static CAP_DATA: Layout = Layout(&[
    field("effective", W32, Hex),
    field("permitted", W32, Hex),
    field("inheritable", W32, Hex),
    field("effective_high", W32, Hex),
    field("permitted_high", W32, Hex),
    field("inheritable_high", W32, Hex),
]);

/// `BPF_MAP_CREATE` (linux/bpf.h).
pub static BPF_MAP: Layout = Layout(&[
    field("map_type", W32, Flags(&kernel::BPF_MAPS)),
    field("key_size", W32, Uint),
    field("value_size", W32, Uint),
    field("max_entries", W32, Uint),
    field("map_flags", W32, Hex),
]);

/// `BPF_PROG_LOAD` (linux/bpf.h).
pub static BPF_PROGRAM: Layout = Layout(&[
    field("prog_type", W32, Flags(&kernel::BPF_PROGRAMS)),
    field("insn_cnt", W32, Uint),
    field("insns", W64, Pointer),
    field("license", W64, Str),
]);

/// `BPF_OBJ_PIN` and `BPF_OBJ_GET` (linux/bpf.h).
pub static BPF_OBJECT: Layout = Layout(&[field("pathname", W64, Str), field("bpf_fd", W32, Int)]);

/// The start of `struct perf_event_attr` (`perf_event_open(2)`).
pub static PERF_ATTR: Layout = Layout(&[
    field("type", W32, Flags(&kernel::PERF_TYPES)),
    field("size", W32, Uint),
    field("config", W64, Hex),
    field("sample_period", W64, Size),
]);

/// The start of `struct io_uring_params` (`io_uring_setup(2)`).
pub static IO_URING_PARAMS: Layout = Layout(&[
    field("sq_entries", W32, Omitted),
    field("cq_entries", W32, Uint),
    field("flags", W32, Flags(&kernel::IO_URING_SETUP)),
]);

/// `struct landlock_ruleset_attr` (`landlock_create_ruleset(2)`).
pub static LANDLOCK_RULESET: Layout = Layout(&[
    field("fs", W64, LongFlags(&kernel::LANDLOCK_FS)),
    field("net", W64, LongFlags(&kernel::LANDLOCK_NET)),
    field("scoped", W64, Hex),
]);

/// `struct landlock_path_beneath_attr` (`landlock_add_rule(2)`).
pub static LANDLOCK_PATH: Layout =
    Layout(&[field("allowed", W64, LongFlags(&kernel::LANDLOCK_FS)), field("parent_fd", W32, Int)]);

/// `struct landlock_net_port_attr` (`landlock_add_rule(2)`).
pub static LANDLOCK_PORT: Layout =
    Layout(&[field("allowed", W64, LongFlags(&kernel::LANDLOCK_NET)), field("port", W64, Size)]);

/// `struct sched_param` (`sched_setscheduler(2)`).
pub static SCHED_PARAM: Layout = Layout(&[field("priority", W32, Int)]);

/// `struct epoll_event` up to its data, which is packed on x86 alone.
pub static EPOLL_EVENT: Layout = Layout(&[field("events", W32, Hex)]);

/// A `socklen_t` that the call reads and writes.
pub static LENGTH: Layout = Layout(&[field("", W32, Uint)]);

/// `struct f_owner_ex` (fcntl(2)).
pub static OWNER: Layout = Layout(&[field("type", W32, Uint), field("pid", W32, Int)]);

/// `struct flock` (fcntl(2)).
pub static FLOCK: Layout = Layout(&[
    field("type", W16, Uint),
    field("whence", W16, Flags(&files::WHENCE)),
    field("start", Word, Long),
    field("len", Word, Long),
]);

/// A received message: what it holds is yet to come.
pub static MSGHDR_IN: Layout =
    Layout(&[field("", Word, Omitted), MSG_NAMELEN, field("data", Word, Array(&IOVEC, 3)), MSG_IOVLEN]);
