//! What the shipped profiles say to calls: their promises, tried one by one.

use std::collections::BTreeSet;

use super::*;

fn host(arch: Arch, kernel: &str, caps: &[&str]) -> Host {
    Host { arch, caps: caps.iter().map(|cap| (*cap).to_owned()).collect(), kernel: kernel.parse().unwrap() }
}

fn profile(name: &str, host: &Host) -> Profile {
    let (_, text) = shipped().iter().find(|(known, _)| *known == name).unwrap();
    Profile::parse(name, text, host).unwrap()
}

/// A profile compiled for this machine, asked about calls of its own ABI.
struct Judge(Program);

impl Judge {
    fn of(name: &str, host: &Host) -> Self {
        Self(compile(&profile(name, host), Arch::native()).unwrap())
    }

    fn with_args(&self, name: &str, args: &[u64]) -> Action {
        let mut data = SeccompData {
            nr: syscall_number(name).unwrap_or_else(|| panic!("{name} is no call here")),
            arch: Arch::native().audit_token().unwrap(),
            ..SeccompData::default()
        };
        data.args[..args.len()].copy_from_slice(args);
        self.0.evaluate(&data).unwrap()
    }

    fn bare(&self, name: &str) -> Action {
        self.with_args(name, &[])
    }

    fn allows(&self, name: &str, args: &[u64]) -> bool {
        self.with_args(name, args) == Action::Allow
    }
}

const EPERM: Action = Action::Errno(1);
const ENOSYS: Action = Action::Errno(38);

fn here(caps: &[&str]) -> Host {
    host(Arch::native(), "6.1", caps)
}

#[test]
fn every_shipped_profile_compiles_for_both_architectures_with_any_capability() {
    for (name, _) in shipped() {
        for arch in [Arch::X86_64, Arch::AArch64] {
            for caps in [&[][..], &["CAP_SYS_ADMIN", "CAP_SYSLOG", "CAP_SYS_PTRACE"]] {
                let profile = profile(name, &host(arch, "6.1", caps));
                let program = compile(&profile, arch).unwrap();
                assert!(program.insns().len() > 50, "{name} on {arch}");
                assert_ne!(program, program.supervised());
            }
        }
    }
}

#[test]
fn the_seeds_allowlist_is_kept_as_it_was_found() {
    let profile = profile("seed-allowlist", &here(&[]));
    let [rule] = profile.rules.as_slice() else { panic!("the seed has one rule") };
    let distinct: BTreeSet<_> = rule.names.iter().collect();
    assert_eq!((rule.names.len(), distinct.len()), (81, 81));
    assert_eq!(rule.names[..3], ["read", "write", "open"]);
    assert_eq!(rule.names[78..], ["getrandom", "arch_prctl", "madvise"]);
    assert_eq!(profile.default_action, EPERM);
    assert_eq!(profile.architectures, [Arch::X86_64, Arch::AArch64]);
    let judge = Judge::of("seed-allowlist", &here(&[]));
    for missing in ["newfstatat", "pread64", "getdents64", "fstatfs", "rseq", "gettid"] {
        assert_eq!(judge.bare(missing), EPERM, "{missing}");
    }
}

#[test]
fn dockers_profile_opens_calls_only_to_the_capability_that_each_needs() {
    let none = Judge::of("docker-default", &here(&[]));
    let pairs = [
        ("CAP_SYS_ADMIN", "mount"),
        ("CAP_SYS_ADMIN", "unshare"),
        ("CAP_SYS_BOOT", "reboot"),
        ("CAP_SYS_CHROOT", "chroot"),
        ("CAP_SYS_MODULE", "init_module"),
        ("CAP_SYS_PACCT", "acct"),
        ("CAP_SYS_PTRACE", "kcmp"),
        ("CAP_SYS_TIME", "clock_settime"),
        ("CAP_SYS_TTY_CONFIG", "vhangup"),
        ("CAP_SYS_NICE", "mbind"),
        ("CAP_SYSLOG", "syslog"),
        ("CAP_BPF", "bpf"),
        ("CAP_PERFMON", "perf_event_open"),
        ("CAP_DAC_READ_SEARCH", "open_by_handle_at"),
    ];
    for (cap, call) in pairs {
        assert_eq!(none.bare(call), EPERM, "{call} without {cap}");
        let with = Judge::of("docker-default", &here(&[cap]));
        assert_eq!(with.bare(call), Action::Allow, "{call} with {cap}");
    }
}

#[test]
fn dockers_profile_makes_namespaces_and_clone3_the_administrators() {
    const CLONE_NEWUSER: u64 = 0x1000_0000;
    const SIGCHLD: u64 = 17;
    let user = Judge::of("docker-default", &here(&[]));
    assert!(user.allows("clone", &[SIGCHLD]));
    assert!(!user.allows("clone", &[CLONE_NEWUSER | SIGCHLD]));
    assert_eq!(user.bare("clone3"), ENOSYS);
    let admin = Judge::of("docker-default", &here(&["CAP_SYS_ADMIN"]));
    assert!(admin.allows("clone", &[CLONE_NEWUSER | SIGCHLD]));
    assert_eq!(admin.bare("clone3"), Action::Allow);
}

#[test]
fn dockers_profile_allows_ptrace_only_where_it_cannot_get_round_the_filter() {
    let old = host(Arch::native(), "4.7", &[]);
    let new = host(Arch::native(), "4.8", &[]);
    assert_eq!(Judge::of("docker-default", &old).bare("ptrace"), EPERM);
    assert_eq!(Judge::of("docker-default", &new).bare("ptrace"), Action::Allow);
}

#[test]
fn dockers_profile_refuses_the_kernels_crypto_virtual_machine_sockets_and_io_uring() {
    let judge = Judge::of("docker-default", &here(&[]));
    let allowed = (0..=50).filter(|family| judge.allows("socket", &[*family]));
    let refused = [12, 19, 20, 23, 25, 34, 37, 38, 40, 46, 47, 48, 49, 50];
    let expected = (0..=50).filter(|family| !refused.contains(family));
    assert_eq!(allowed.collect::<Vec<_>>(), expected.collect::<Vec<_>>());
    for call in ["io_uring_setup", "io_uring_enter", "keyctl", "userfaultfd", "add_key"] {
        assert_eq!(judge.bare(call), EPERM, "{call}");
    }
    for (personality, allowed) in [(0, true), (0x20008, true), (0xffff_ffff, true), (1, false)] {
        assert_eq!(judge.allows("personality", &[personality]), allowed);
    }
}

#[test]
fn dockers_profile_follows_the_hosts_architecture() {
    let intel = profile("docker-default", &host(Arch::X86_64, "6.1", &[]));
    let arm = profile("docker-default", &host(Arch::AArch64, "6.1", &[]));
    assert_eq!(intel.architectures, [Arch::X86_64, Arch::X86, Arch::X32]);
    assert_eq!(arm.architectures, [Arch::AArch64, Arch::Arm]);
    let names = |profile: &Profile, name: &str| {
        let mut all = profile.rules.iter().flat_map(|rule| &rule.names);
        all.any(|known| known == name)
    };
    assert!(names(&intel, "arch_prctl") && !names(&arm, "arch_prctl"));
    assert!(names(&arm, "cacheflush") && !names(&intel, "cacheflush"));
}

#[cfg(target_arch = "x86_64")]
#[test]
fn thirty_two_bit_and_x32_calls_are_judged_by_their_own_numbers() {
    const X86: u32 = 0x4000_0003;
    const X86_64: u32 = 0xC000_003E;
    let call = |nr, arch| SeccompData { nr, arch, ..SeccompData::default() };
    let docker = Judge::of("docker-default", &here(&[])).0;
    let python = Judge::of("python", &here(&[])).0;
    let i386_execve = call(11, X86);
    let i386_mount = call(21, X86);
    let x32_execve = call(0x4000_0000 + 520, X86_64);
    assert_eq!(docker.evaluate(&i386_execve), Ok(Action::Allow));
    assert_eq!(docker.evaluate(&i386_mount), Ok(EPERM));
    assert_eq!(docker.evaluate(&x32_execve), Ok(Action::Allow));
    assert_eq!(python.evaluate(&i386_execve), Ok(Action::KillThread));
    assert_ne!(python.evaluate(&x32_execve), Ok(Action::Allow));
}

#[test]
fn calls_that_libseccomp_is_too_old_for_are_filtered_by_number() {
    let judge = Judge::of("docker-default", &here(&[]));
    assert_eq!(judge.bare("mseal"), Action::Allow);
    assert_eq!(judge.bare("lsm_list_modules"), EPERM);
}

#[test]
fn the_python_profile_lets_sockets_be_made_and_lead_nowhere() {
    let judge = Judge::of("python", &here(&[]));
    for (family, allowed) in [(1, true), (2, true), (10, true), (16, false), (17, false), (38, false)] {
        assert_eq!(judge.allows("socket", &[family]), allowed, "family {family}");
    }
    assert!(judge.allows("socketpair", &[1]) && !judge.allows("socketpair", &[2]));
    for call in ["connect", "bind", "listen", "accept", "accept4", "sendmsg", "sendmmsg"] {
        assert_eq!(judge.bare(call), EPERM, "{call}");
    }
    let without_address = [3, 0x1000, 5, 0, 0, 0];
    let with_address = [3, 0x1000, 5, 0, 0x7fff_0000, 16];
    assert!(judge.allows("sendto", &without_address));
    assert!(!judge.allows("sendto", &with_address));
    let high_half_alone = [3, 0x1000, 5, 0, 1 << 32, 16];
    assert!(!judge.allows("sendto", &high_half_alone));
}

#[test]
fn the_python_profile_refuses_what_no_python_program_needs() {
    let judge = Judge::of("python", &here(&["CAP_SYS_ADMIN"]));
    let refused = [
        "ptrace",
        "process_vm_readv",
        "pidfd_getfd",
        "kcmp",
        "mount",
        "umount2",
        "pivot_root",
        "chroot",
        "unshare",
        "setns",
        "keyctl",
        "add_key",
        "bpf",
        "perf_event_open",
        "userfaultfd",
        "io_uring_setup",
        "init_module",
        "finit_module",
        "kexec_load",
        "reboot",
        "setuid",
        "capset",
        "personality",
        "execveat",
        "memfd_create",
        "seccomp",
        "mseal",
    ];
    for call in refused {
        assert_eq!(judge.bare(call), EPERM, "{call}");
    }
    assert_eq!(judge.bare("clone3"), ENOSYS);
}

#[test]
fn the_python_profile_makes_threads_and_no_namespaces() {
    const THREAD: u64 = 0x003d_0f00;
    let judge = Judge::of("python", &here(&[]));
    assert!(judge.allows("clone", &[THREAD]));
    for flag in [0x0002_0000, 0x0200_0000, 0x0400_0000, 0x0800_0000, 0x1000_0000, 0x2000_0000, 0x4000_0000] {
        assert!(!judge.allows("clone", &[THREAD | flag]), "{flag:#x}");
    }
}

#[test]
fn no_upper_bit_gets_a_terminal_request_past_the_python_profile() {
    let judge = Judge::of("python", &here(&[]));
    for request in [0x5412, 0x541C] {
        assert!(!judge.allows("ioctl", &[0, request]));
        assert!(!judge.allows("ioctl", &[0, (1 << 32) | request]));
    }
    let window_size = 0x5413;
    let terminal_number = 0x8004_5430;
    let sign_extended = 0xffff_ffff_8004_5430;
    for request in [window_size, terminal_number, sign_extended] {
        assert!(judge.allows("ioctl", &[0, request]), "{request:#x}");
    }
}

#[test]
fn the_python_profile_makes_named_pipes_and_no_devices() {
    let judge = Judge::of("python", &here(&[]));
    let (fifo, character_device) = (0o010_600, 0o020_600);
    assert!(judge.allows("mknodat", &[0, 0, fifo]));
    assert!(!judge.allows("mknodat", &[0, 0, character_device]));
}

#[test]
fn every_rule_of_our_own_profiles_says_who_needs_it() {
    for name in ["python", "docker-default"] {
        for rule in profile(name, &here(&[])).rules {
            assert!(rule.comment.is_some(), "{name}: {:?}", rule.names);
        }
    }
}
