//! What a reviewer sees, with a made-up memory.

mod hostile;

use std::io;

use super::{Call, Memory, RawCall, decode};

const X86_64: u32 = 0xc000_003e;
const I386: u32 = super::ARCH_I386;

/// The memory: blocks of bytes at addresses; nothing between them.
struct Blocks {
    mapped: Vec<(u64, Vec<u8>)>,
    reads: usize,
    bytes: usize,
    /// Fail a read that runs over the end of a block, as some kernels do.
    strict: bool,
}

impl Blocks {
    fn new(blocks: &[(u64, &[u8])]) -> Self {
        let mapped = blocks.iter().map(|(at, bytes)| (*at, bytes.to_vec())).collect();
        Self { mapped, reads: 0, bytes: 0, strict: false }
    }
}

impl Memory for Blocks {
    fn read(&mut self, address: u64, buf: &mut [u8]) -> io::Result<usize> {
        self.reads += 1;
        self.bytes += buf.len();
        for (start, bytes) in &self.mapped {
            let Some(offset) = address.checked_sub(*start).and_then(|o| usize::try_from(o).ok()) else {
                continue;
            };
            let Some(rest) = bytes.get(offset..).filter(|rest| !rest.is_empty()) else {
                continue;
            };
            if self.strict && rest.len() < buf.len() {
                break;
            }
            let count = rest.len().min(buf.len());
            buf[..count].copy_from_slice(&rest[..count]);
            return Ok(count);
        }
        Err(io::Error::from_raw_os_error(libc::EIO))
    }
}

fn raw(arch: u32, args: &[u64]) -> RawCall {
    let mut all = [0; 6];
    all[..args.len()].copy_from_slice(args);
    RawCall { arch, nr: 0, args: all }
}

fn shown_on(arch: u32, name: &str, args: &[u64], blocks: &[(u64, &[u8])]) -> String {
    let mut memory = Blocks::new(blocks);
    let Call { name, args } = decode(name, &raw(arch, args), &mut memory);
    format!("{name}({})", args.join(", "))
}

fn shown(name: &str, args: &[u64], blocks: &[(u64, &[u8])]) -> String {
    shown_on(X86_64, name, args, blocks)
}

/// Numbers of eight bytes.
fn words(values: &[u64]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_ne_bytes()).collect()
}

/// Numbers of four bytes.
fn halves(values: &[u32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_ne_bytes()).collect()
}

const CWD: u64 = 0xffff_ff9c;
const P: u64 = 0x1000;
const Q: u64 = 0x2000;
const R: u64 = 0x3000;

/// Calls whose arguments all lie in registers: name, registers, what is shown.
const REGISTER_CALLS: &[(&str, &[u64], &str)] = &[
    ("socket", &[2, 0o2_000_001, 6], "socket(AF_INET, SOCK_STREAM|SOCK_CLOEXEC, IPPROTO_TCP)"),
    ("socket", &[16, 3, 15], "socket(AF_NETLINK, SOCK_RAW, NETLINK_KOBJECT_UEVENT)"),
    ("socket", &[17, 3, 0x300], "socket(AF_PACKET, SOCK_RAW, ETH_P_ALL)"),
    ("socket", &[1, 1, 0], "socket(AF_UNIX, SOCK_STREAM, 0)"),
    ("socket", &[77, 0x1f, 9], "socket(0x4d, 0x1f, 9)"),
    ("socketpair", &[1, 5, 0, 0], "socketpair(AF_UNIX, SOCK_SEQPACKET, 0, NULL)"),
    ("listen", &[3, 128], "listen(3, 128)"),
    ("clone", &[0x11, 0, 0, 0, 0], "clone(SIGCHLD, NULL, NULL, 0x0, 0x0)"),
    ("clone", &[0x1000_0011, 0, 0, 0, 0], "clone(SIGCHLD|CLONE_NEWUSER, NULL, NULL, 0x0, 0x0)"),
    ("unshare", &[0x1002_0000], "unshare(CLONE_NEWNS|CLONE_NEWUSER)"),
    ("setns", &[4, 0x4000_0000], "setns(4, CLONE_NEWNET)"),
    ("setns", &[4, 0], "setns(4, 0)"),
    ("ptrace", &[16, 42, 0, 0], "ptrace(PTRACE_ATTACH, 42)"),
    ("ptrace", &[0, 0, 0, 0], "ptrace(PTRACE_TRACEME)"),
    ("ptrace", &[4, 42, 0x1000, 0x90], "ptrace(PTRACE_POKETEXT, 42, 0x1000, 0x90)"),
    ("ptrace", &[0x4206, 42, 0, 0x10_0001], "ptrace(PTRACE_SEIZE, 42, 0x0, PTRACE_O_TRACESYSGOOD|PTRACE_O_EXITKILL)"),
    ("kill", &[u64::MAX, 9], "kill(-1, SIGKILL)"),
    ("tgkill", &[1, 2, 40], "tgkill(1, 2, 40)"),
    ("prctl", &[38, 1, 0, 0, 0], "prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)"),
    ("prctl", &[24, 21, 0, 0, 0], "prctl(PR_CAPBSET_DROP, CAP_SYS_ADMIN)"),
    ("prctl", &[9999, 1, 2, 3, 4], "prctl(0x270f, 0x1, 0x2, 0x3, 0x4)"),
    ("personality", &[0x4_0000], "personality(PER_LINUX|ADDR_NO_RANDOMIZE)"),
    ("personality", &[0xffff_ffff], "personality(0xffffffff)"),
    ("keyctl", &[3, 0xffff_fffd, 7, 7, 7], "keyctl(KEYCTL_REVOKE, KEY_SPEC_SESSION_KEYRING)"),
    ("fcntl", &[3, 2, 1], "fcntl(3, F_SETFD, FD_CLOEXEC)"),
    ("fcntl", &[3, 1, 99], "fcntl(3, F_GETFD)"),
    ("ioctl", &[0, 0x5412, 0], "ioctl(0, TIOCSTI, NULL)"),
    ("ioctl", &[0, 0xc123_9abc, 0x10], "ioctl(0, _IOC(_IOC_READ|_IOC_WRITE, 0x9a, 0xbc, 291), 0x10)"),
    ("ioctl", &[0, 0xdead_0000_5412, 0], "ioctl(0, TIOCSTI, NULL)"),
    ("setresuid", &[0, 0xffff_ffff, 65534], "setresuid(0, -1, 65534)"),
    ("umask", &[0o22], "umask(0022)"),
    (
        "mmap",
        &[0, 4096, 7, 0x22, 0xffff_ffff, 0],
        "mmap(NULL, 4096, PROT_READ|PROT_WRITE|PROT_EXEC, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0x0)",
    ),
    ("mprotect", &[0x1000, 1, 0], "mprotect(0x1000, 1, 0)"),
    ("userfaultfd", &[1], "userfaultfd(UFFD_USER_MODE_ONLY)"),
    (
        "reboot",
        &[0xfee1_dead, 672_274_793, 0x4321_fedc, 0],
        "reboot(LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2, LINUX_REBOOT_CMD_POWER_OFF, NULL)",
    ),
    ("quotactl", &[0x8000_0701, 0, 7, 0], "quotactl(Q_GETQUOTA|GRPQUOTA, NULL, 7, NULL)"),
    ("iopl", &[3], "iopl(3)"),
    ("getuid", &[1, 2, 3], "getuid()"),
    ("syscall_999", &[1, 2, 3, 4, 5, 6], "syscall_999(0x1, 0x2, 0x3, 0x4, 0x5, 0x6)"),
];

#[test]
fn calls_that_take_no_memory_read_as_a_programmer_wrote_them() {
    for (name, args, expected) in REGISTER_CALLS {
        assert_eq!(shown(name, args, &[]), *expected);
    }
}

#[test]
fn an_unnamed_temporary_file_has_a_mode_and_a_directory_has_none() {
    let open = |flags: i32| shown("open", &[0, flags.cast_unsigned().into(), 0o600], &[]);
    assert_eq!(open(libc::O_DIRECTORY | libc::O_RDWR), "open(NULL, O_RDWR|O_DIRECTORY)");
    assert_eq!(open(libc::O_TMPFILE | libc::O_RDWR), "open(NULL, O_RDWR|O_TMPFILE, 0600)");
}

#[test]
fn the_upper_half_of_an_int_argument_cannot_disguise_it() {
    assert_eq!(
        shown("socket", &[0xbad_0000_0002, 0xbad_0000_0001, 0xbad_0000_0000], &[]),
        "socket(AF_INET, SOCK_STREAM, IPPROTO_IP)"
    );
    assert_eq!(shown("kill", &[0xdead_0000_0001, 0xdead_0000_0009], &[]), "kill(1, SIGKILL)");
}

#[test]
fn paths_are_quoted_and_show_open_flags_and_a_mode_only_where_a_file_is_made() {
    let path: &[(u64, &[u8])] = &[(P, b"/etc/passwd\0junk")];
    assert_eq!(
        shown("openat", &[CWD, P, 0o2_000_000, 0o777], path),
        "openat(AT_FDCWD, \"/etc/passwd\", O_RDONLY|O_CLOEXEC)"
    );
    assert_eq!(
        shown("openat", &[5, P, 0o1101, 0o644], path),
        "openat(5, \"/etc/passwd\", O_WRONLY|O_CREAT|O_TRUNC, 0644)"
    );
    assert_eq!(shown("mkdir", &[P, 0o755], path), "mkdir(\"/etc/passwd\", 0755)");
    assert_eq!(shown("access", &[P, 0], path), "access(\"/etc/passwd\", F_OK)");
    assert_eq!(shown("access", &[P, 5], path), "access(\"/etc/passwd\", R_OK|X_OK)");
    assert_eq!(shown("unlinkat", &[CWD, P, 0x200], path), "unlinkat(AT_FDCWD, \"/etc/passwd\", AT_REMOVEDIR)");
    assert_eq!(shown("chown", &[P, 0, 0xffff_ffff], path), "chown(\"/etc/passwd\", 0, -1)");
    assert_eq!(shown("mknod", &[P, 0o60_600, 0x0810_0302], path), "mknod(\"/etc/passwd\", S_IFBLK|0600, 3:33026)");
    assert_eq!(shown("mknod", &[P, 0o10_600, 0x801], path), "mknod(\"/etc/passwd\", S_IFIFO|0600)");
    assert_eq!(
        shown("newfstatat", &[CWD, P, 0x10, 0x1000], path),
        "newfstatat(AT_FDCWD, \"/etc/passwd\", 0x10, AT_EMPTY_PATH)"
    );
    let how = words(&[0o101, 0o600, 8]);
    assert_eq!(
        shown("openat2", &[CWD, P, Q, 24], &[path[0], (Q, &how)]),
        "openat2(AT_FDCWD, \"/etc/passwd\", {flags=O_WRONLY|O_CREAT, mode=0600, resolve=RESOLVE_BENEATH}, 24)"
    );
}

#[test]
fn mounts_name_source_target_type_and_flags() {
    let blocks: &[(u64, &[u8])] = &[(P, b"proc\0"), (Q, b"/mnt\0"), (R, b"size=1m\0")];
    assert_eq!(
        shown("mount", &[P, Q, P, 0x4_4000 | 1, R], blocks),
        "mount(\"proc\", \"/mnt\", \"proc\", MS_RDONLY|MS_REC|MS_PRIVATE, \"size=1m\")"
    );
    assert_eq!(shown("umount2", &[Q, 2], blocks), "umount2(\"/mnt\", MNT_DETACH)");
    assert_eq!(shown("pivot_root", &[Q, Q], blocks), "pivot_root(\"/mnt\", \"/mnt\")");
    assert_eq!(shown("fsconfig", &[3, 1, P, Q, 0], blocks), "fsconfig(3, FSCONFIG_SET_STRING, \"proc\", \"/mnt\", 0)");
}

#[test]
fn a_socket_address_shows_where_the_code_wanted_to_go() {
    let v4 = [2, 0, 1, 187, 93, 184, 216, 34, 0, 0, 0, 0, 0, 0, 0, 0];
    let mut v6 = vec![10, 0, 0, 80, 0, 0, 0, 0];
    v6.extend([0; 15]);
    v6.extend([1, 0, 0, 0, 0]);
    let mut scoped = v6.clone();
    scoped[24] = 2;
    let netlink = [16, 0, 0, 0, 7, 0, 0, 0, 1, 0, 0, 0];
    let vsock = [40, 0, 0, 0, 210, 4, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0];
    let packet = [17, 0, 0, 3, 2, 0, 0, 0, 1, 0, 0, 6, 1, 2, 3, 4, 5, 6, 0, 0];
    let mut alg = vec![38, 0];
    alg.extend(b"hash\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0sha256\0\0");
    for (bytes, expected) in [
        (&v4[..], "{AF_INET, 93.184.216.34:443}"),
        (&v6, "{AF_INET6, [::1]:80}"),
        (&v6[..24], "{AF_INET6, [::1]:80}"),
        (&scoped, "{AF_INET6, [::1%2]:80}"),
        (b"\x01\0/run/docker.sock\0rubbish", "{AF_UNIX, \"/run/docker.sock\"}"),
        (b"\x01\0\0bus\x1b", "{AF_UNIX, @\"bus\\x1b\"}"),
        (b"\x01\0", "{AF_UNIX, unnamed}"),
        (&netlink, "{AF_NETLINK, pid 7, groups 0x1}"),
        (&vsock, "{AF_VSOCK, cid 2, port 1234}"),
        (&packet, "{AF_PACKET, ETH_P_ALL, interface 2, address 01:02:03:04:05:06}"),
        (&alg, "{AF_ALG, \"hash\", \"sha256\"}"),
        (b"\0\0", "{AF_UNSPEC}"),
        (b"\x02\0\x01", "{AF_INET, 0x01}"),
        (b"\x63\0\xab\xcd", "{0x63, 0xabcd}"),
        (b"\x02", "{0x02}"),
    ] {
        let length = bytes.len() as u64;
        assert_eq!(shown("connect", &[3, P, length], &[(P, bytes)]), format!("connect(3, {expected}, {length})"));
    }
    assert_eq!(
        shown("sendto", &[3, Q, 5, 0x4000, P, 16], &[(P, &v4), (Q, b"hello world")]),
        "sendto(3, \"hello\", 5, MSG_NOSIGNAL, {AF_INET, 93.184.216.34:443}, 16)"
    );
    assert_eq!(shown("sendto", &[3, Q, 5, 0, 0, 0], &[(Q, b"hello")]), "sendto(3, \"hello\", 5, 0, NULL, 0)");
}

#[test]
fn messages_show_their_address_and_data() {
    let v4 = [2, 0, 0, 53, 8, 8, 8, 8, 0, 0, 0, 0, 0, 0, 0, 0];
    let header = words(&[P, 16, R, 1, 0, 0, 0, 0]);
    let vector = words(&[Q, 3]);
    let blocks: &[(u64, &[u8])] = &[(P, &v4), (Q, b"abcdef"), (R, &vector), (0x5000, &header)];
    let message = "{name={AF_INET, 8.8.8.8:53}, data=[{\"abc\", 3}], control=NULL, controllen=0}";
    assert_eq!(shown("sendmsg", &[3, 0x5000, 0], blocks), format!("sendmsg(3, {message}, 0)"));
    let twice = [header.clone(), header.clone()].concat();
    let blocks: &[(u64, &[u8])] = &[(P, &v4), (Q, b"abcdef"), (R, &vector), (0x5000, &twice)];
    assert_eq!(shown("sendmmsg", &[3, 0x5000, 2, 0], blocks), format!("sendmmsg(3, [{message}, {message}], 2, 0)"));
}

#[test]
fn a_program_start_shows_its_arguments_and_counts_its_environment() {
    let argv = words(&[P, Q, 0]);
    let envp = words(&[P, P, P, 0]);
    let blocks: &[(u64, &[u8])] = &[(P, b"/bin/sh\0"), (Q, b"-c \"x\"\n\0"), (R, &argv), (0x5000, &envp)];
    assert_eq!(
        shown("execve", &[P, R, 0x5000], blocks),
        "execve(\"/bin/sh\", [\"/bin/sh\", \"-c \\\"x\\\"\\n\"], [3 variables])"
    );
    let endless = words(&[P; 400]);
    let blocks: &[(u64, &[u8])] = &[(P, b"a\0"), (R, &endless)];
    let call = shown("execve", &[P, R, R], blocks);
    assert_eq!(call.matches("\"a\"").count(), 17);
    assert!(call.ends_with(", ...], [256+ variables])"), "{call}");
}

#[test]
fn structures_are_read_as_far_as_the_caller_filled_them() {
    let clone = words(&[0x1000_0000 | 1 << 33, 0, 0, 0, 17, 0, 0, 0, 0, 0, 9]);
    let blocks: &[(u64, &[u8])] = &[(P, &clone)];
    assert_eq!(
        shown("clone3", &[P, 88], blocks),
        "clone3({flags=CLONE_NEWUSER|CLONE_INTO_CGROUP, exit_signal=SIGCHLD, stack=NULL, stack_size=0, set_tid=NULL, set_tid_size=0, cgroup=9}, 88)"
    );
    assert_eq!(
        shown("clone3", &[P, 64], blocks),
        "clone3({flags=CLONE_NEWUSER|CLONE_INTO_CGROUP, exit_signal=SIGCHLD, stack=NULL, stack_size=0}, 64)"
    );
    let limit = words(&[64, u64::MAX]);
    assert_eq!(
        shown("prlimit64", &[0, 7, P, 0], &[(P, &limit)]),
        "prlimit64(0, RLIMIT_NOFILE, {cur=64, max=RLIM_INFINITY}, NULL)"
    );
    let program = [halves(&[5, 12]), words(&[Q, R])].concat();
    assert_eq!(
        shown("bpf", &[5, P, 24], &[(P, &program), (R, b"GPL\0")]),
        "bpf(BPF_PROG_LOAD, {prog_type=BPF_PROG_TYPE_TRACEPOINT, insn_cnt=12, insns=0x2000, license=\"GPL\"}, 24)"
    );
    let filter = words(&[3, Q]);
    assert_eq!(
        shown("seccomp", &[1, 8, P], &[(P, &filter)]),
        "seccomp(SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, {len=3, filter=0x2000})"
    );
    let vector = words(&[Q, 3]);
    assert_eq!(
        shown("process_vm_readv", &[7, P, 1, P, 1, 0], &[(P, &vector)]),
        "process_vm_readv(7, [{base=0x2000, len=3}], 1, [{base=0x2000, len=3}], 1, 0x0)"
    );
    assert_eq!(
        shown("setsockopt", &[3, 1, 2, P, 4], &[(P, &halves(&[1]))]),
        "setsockopt(3, SOL_SOCKET, SO_REUSEADDR, [1], 4)"
    );
    assert_eq!(
        shown("setsockopt", &[3, 1, 25, P, 5], &[(P, b"eth0\0")]),
        "setsockopt(3, SOL_SOCKET, SO_BINDTODEVICE, \"eth0\\x00\", 5)"
    );
}

#[test]
fn a_32_bit_caller_is_read_with_32_bit_pointers() {
    let argv = halves(&[0x1000, 0x1000, 0]);
    let blocks: &[(u64, &[u8])] = &[(P, b"/bin/id\0"), (R, &argv)];
    assert_eq!(shown_on(I386, "execve", &[P, R, 0], blocks), "execve(\"/bin/id\", [\"/bin/id\", \"/bin/id\"], NULL)");
    let v4 = [2, 0, 0, 80, 127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0];
    let call = halves(&[3, 0x1000, 16, 0, 0, 0]);
    assert_eq!(
        shown_on(I386, "socketcall", &[3, R], &[(P, &v4), (R, &call)]),
        "socketcall(SYS_CONNECT, 3, {AF_INET, 127.0.0.1:80}, 16)"
    );
    assert_eq!(shown_on(I386, "socketcall", &[99, R], &[]), "socketcall(0x63, 0x3000)");
    assert_eq!(shown_on(I386, "setuid32", &[0], &[]), "setuid32(0)");
    assert_eq!(shown_on(I386, "mmap", &[P, 1, 2], &[]), "mmap(0x1000)");
}
