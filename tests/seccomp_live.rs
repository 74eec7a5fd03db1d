//! The compiled filters, loaded for real: the kernel agrees with `Program::evaluate`, and the
//! Python profile runs Python.

#![allow(unsafe_code, reason = "a filter is loaded between fork and exec, which no safe call does")]

use std::collections::BTreeSet;
use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Command, Output};

use hotcell::seccomp::{Action, Arch, Host, Profile, Program, SeccompData, compile, shipped, syscall_number};

fn shipped_program(name: &str) -> Program {
    let (_, text) = shipped().iter().find(|(known, _)| *known == name).unwrap();
    program(text)
}

fn program(text: &str) -> Program {
    let host = Host::here(BTreeSet::new()).unwrap();
    let profile = Profile::parse("test", text, &host).unwrap();
    compile(&profile, Arch::native()).unwrap()
}

/// Loads a filter into the calling process for good.
fn load(bytes: &[u8]) -> io::Result<()> {
    let filter = libc::sock_fprog {
        len: u16::try_from(bytes.len() / 8).map_err(io::Error::other)?,
        filter: bytes.as_ptr().cast_mut().cast(),
    };
    // SAFETY: prctl with these arguments reads no memory.
    let no_new_privs = unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) };
    if no_new_privs != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: `filter` and the instructions that it points to live until the call returns, and
    // the kernel copies them without asking for alignment.
    let loaded = unsafe { libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, 0, &raw const filter) };
    if loaded == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Runs a command under a filter that is loaded just before its exec.
fn run_under(program: &Program, mut command: Command) -> Output {
    let bytes = program.to_bytes();
    // SAFETY: `load` makes two system calls and allocates nothing in the success case.
    unsafe { command.pre_exec(move || load(&bytes)) };
    command.output().unwrap()
}

fn python(interpreter: &str, script: &str) -> Command {
    let mut command = Command::new(interpreter);
    command.args(["-I", "-c", script]);
    command
}

fn succeeds(output: &Output) -> String {
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{:?}\n{stdout}\n{stderr}", output.status);
    stdout
}

/// Calls with harmless arguments, made by a child under a filter; prints one errno a line.
const MAKE_CALLS: &str = r"
import ctypes, sys
libc = ctypes.CDLL(None, use_errno=True)
for line in sys.argv[1:]:
    nr, *args = (int(word) for word in line.split(','))
    ctypes.set_errno(0)
    result = libc.syscall(ctypes.c_long(nr), *(ctypes.c_ulong(arg) for arg in args))
    print(ctypes.get_errno() if result == -1 else 0)
";

#[test]
fn the_kernel_does_what_evaluate_says() {
    // Every allowed call here succeeds with these arguments, so an errno is the filter's.
    let program = program(
        r#"{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
        {"names": ["getppid"], "action": "SCMP_ACT_ERRNO", "errnoRet": 95},
        {"names": ["getpgid"], "action": "SCMP_ACT_ERRNO", "errnoRet": 13, "args": [
            {"index": 0, "value": 0, "op": "SCMP_CMP_EQ"},
            {"index": 5, "value": 4294967296, "op": "SCMP_CMP_GE"}]},
        {"names": ["sched_yield"], "action": "SCMP_ACT_ERRNO", "errnoRet": 7, "args": [
            {"index": 1, "value": 4294967295, "valueTwo": 21522, "op": "SCMP_CMP_MASKED_EQ"}]},
        {"names": ["getuid"], "action": "SCMP_ACT_ERRNO", "errnoRet": 4094, "args": [
            {"index": 0, "value": 5, "op": "SCMP_CMP_LT"}]},
        {"names": ["getgid"], "action": "SCMP_ACT_LOG"}]}"#,
    );
    let calls: [(&str, [u64; 6]); 12] = [
        ("getppid", [0; 6]),
        ("getpid", [0; 6]),
        ("getpgid", [0, 0, 0, 0, 0, 1 << 32]),
        ("getpgid", [0, 0, 0, 0, 0, u64::MAX]),
        ("getpgid", [0, 0, 0, 0, 0, u64::from(u32::MAX)]),
        ("sched_yield", [0, 0x5412, 0, 0, 0, 0]),
        ("sched_yield", [0, (7 << 32) | 0x5412, 0, 0, 0, 0]),
        ("sched_yield", [0, 0x5413, 0, 0, 0, 0]),
        ("getuid", [4, 0, 0, 0, 0, 0]),
        ("getuid", [5, 0, 0, 0, 0, 0]),
        ("getuid", [1 << 40, 0, 0, 0, 0, 0]),
        ("getgid", [0; 6]),
    ];
    let mut command = python("/usr/bin/python3", MAKE_CALLS);
    let mut expected = Vec::new();
    for (name, args) in calls {
        let nr = syscall_number(name).unwrap();
        let arch = Arch::native().audit_token().unwrap();
        let data = SeccompData { nr, arch, instruction_pointer: 0, args };
        expected.push(match program.evaluate(&data).unwrap() {
            Action::Errno(errno) => errno,
            Action::Allow | Action::Log => 0,
            other => panic!("no rule says {other:?}"),
        });
        let args = args.map(|arg| arg.to_string()).join(",");
        command.arg(format!("{nr},{args}"));
    }
    let stdout = succeeds(&run_under(&program, command));
    let kernel: Vec<u16> = stdout.lines().map(|line| line.parse().unwrap()).collect();
    assert_eq!(kernel, expected);
    assert_eq!(expected, [95, 0, 13, 13, 0, 7, 7, 0, 4094, 0, 0, 0]);
}

#[test]
fn the_seeds_allowlist_does_not_even_start_python() {
    let command = python("/usr/bin/python3", "print('hi')");
    let output = run_under(&shipped_program("seed-allowlist"), command);
    assert!(!output.status.success());
    assert!(output.stdout.is_empty());
}

/// Imports and uses what the standard library offers a program without a network.
const USE_THE_LIBRARY: &str = include_str!("fixtures/python_stdlib.py");

#[test]
fn the_python_profile_runs_pythons_standard_library() {
    for name in ["python", "docker-default"] {
        let command = python("/usr/bin/python3", USE_THE_LIBRARY);
        let stdout = succeeds(&run_under(&shipped_program(name), command));
        assert_eq!(stdout.lines().last(), Some("everything ran"), "{name}");
    }
}

/// Tries what the Python profile refuses, and prints the errno of each.
const TRY_WHAT_IS_REFUSED: &str = r"
import ctypes, errno, os, socket, sys
def refused(name, act):
    try:
        act()
        print(name, 'allowed')
    except OSError as error:
        print(name, errno.errorcode[error.errno], type(error).__name__)
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
tcp = socket.socket(socket.AF_INET6, socket.SOCK_STREAM)
unix = socket.socket(socket.AF_UNIX)
ours, theirs = socket.socketpair()
refused('connect', lambda: tcp.connect(('::1', 9)))
refused('unix-connect', lambda: unix.connect('/run/docker.sock'))
refused('bind', lambda: udp.bind(('127.0.0.1', 0)))
refused('listen', lambda: tcp.listen())
refused('sendto', lambda: udp.sendto(b'x', ('127.0.0.1', 9)))
refused('sendmsg', lambda: ours.sendmsg([b'x']))
refused('send', lambda: ours.send(b'x'))
refused('netlink', lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW))
refused('raw-device', lambda: os.mknod('/tmp/hotcell-device', 0o020600, 0x103))
refused('chroot', lambda: os.chroot('/'))
libc = ctypes.CDLL(None, use_errno=True)
def call(name, *args):
    def act():
        if getattr(libc, name)(*args) == -1:
            raise OSError(ctypes.get_errno(), name)
    refused(name, act)
call('ptrace', 0, 0, 0, 0)
call('unshare', 0x10000000)
call('mount', None, None, None, 0, None)
";

#[test]
fn the_python_profile_stops_a_program_where_it_wants_to_go() {
    let command = python("/usr/bin/python3", TRY_WHAT_IS_REFUSED);
    let stdout = succeeds(&run_under(&shipped_program("python"), command));
    for line in stdout.lines() {
        let expected = if line.starts_with("send ") { "allowed" } else { "EPERM PermissionError" };
        let (name, said) = line.split_once(' ').unwrap();
        assert_eq!(said, expected, "{name}");
    }
    assert_eq!(stdout.lines().count(), 13);
}
