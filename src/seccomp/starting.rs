//! The few calls that *starting* needs: what an OCI runtime itself still does under the filter of the engine, until the
//! program executes, and what a program may need that no recording of it shows.
//!
//! Under `no_new_privs` a runtime puts the filter on last of all; without, it must do so while it still has
//! `CAP_SYS_ADMIN`, and then changes user, capabilities and directory under the filter. hotcell's own start needs
//! `execve` alone, under the shim as with libcontainer (`engine/embedded/executor.rs`).
//!
//! Measured on `x86_64`, Linux 6.18, uid 65534 without capabilities, with runc 1.1.5, 1.1.15 and 1.3.6 and crun 1.8.1, 1.21
//! and 1.28: strace shows what each does between its filter and its `execve`. A call stands here where one of them
//! fails without it (each was left out of a profile of exactly these by itself). What runtimes only try, and do
//! without (`fcntl`, `epoll_ctl`, `getpid`, `close_range`), does not.

use super::arch::Arch;
use super::profile::Profile;

/// A call, who needs it and what for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Needed {
    /// The call.
    pub call: &'static str,
    /// The values of its first argument that are needed; any, where there are none.
    pub values: &'static [u64],
    /// Who needs it.
    pub by: &'static str,
    /// What for.
    pub why: &'static str,
}

const fn needed(call: &'static str, by: &'static str, why: &'static str) -> Needed {
    Needed { call, values: &[], by, why }
}

/// How many of [`STARTING`] are needed under `no_new_privs` too.
const LAST_STEPS: usize = 12;

/// `PR_SET_KEEPCAPS`, `PR_CAPBSET_DROP` and `PR_CAP_AMBIENT`: linux/prctl.h.
const CAPABILITIES: &[u64] = &[8, 24, 47];

/// The last steps, then those that a runtime takes under the filter only without `no_new_privs`.
const STARTING: [Needed; 28] = [
    needed("execve", "every runtime", "it becomes the program"),
    needed("openat", "runc", "opens the FIFO on which its start waits, and the list of its descriptors"),
    needed("write", "runc, crun", "tells that the start may go on"),
    needed("close", "runc", "closes that FIFO, or the start is never done"),
    needed("fstatfs", "runc", "makes sure that /proc is the kernel's"),
    needed("getdents64", "runc", "lists its descriptors, none of which the program may inherit"),
    needed("futex", "runc", "Go's runtime: threads wait for each other"),
    needed("rt_sigreturn", "runc", "Go's runtime: a goroutine was interrupted, now and then"),
    needed("mmap", "runc", "Go's runtime: memory, now and then"),
    needed("openat2", "runc, newer releases (1.3.6)", "opens /proc so that nothing can stand in its place"),
    needed("fstat", "runc, newer releases (1.3.6)", "makes sure of what it opened below /proc"),
    needed("statx", "runc, newer releases (1.3.6)", "makes sure of the mount below /proc"),
    needed("chdir", "runc", "enters the working directory"),
    needed("getcwd", "runc", "makes sure that the directory is inside the container"),
    needed("read", "runc", "reads /etc/passwd and its own state in /proc"),
    needed("newfstatat", "runc", "looks at /dev/null and at the program"),
    needed("faccessat2", "runc, older releases (1.1.5)", "asks whether the program may be executed"),
    needed("getppid", "runc", "makes sure that its parent lives"),
    needed("capget", "runc", "asks which capabilities the kernel has"),
    needed("capset", "runc, crun", "gives up capabilities"),
    Needed { call: "prctl", values: CAPABILITIES, by: "runc, crun", why: "gives up capabilities for good" },
    needed("setgroups", "runc", "takes the program's groups"),
    needed("setgid", "runc", "becomes the program's group"),
    needed("setuid", "runc", "becomes the program's user"),
    needed("setresgid", "crun", "becomes the program's group"),
    needed("setresuid", "crun", "becomes the program's user"),
    needed("rt_sigprocmask", "crun", "gives signals back their meaning"),
    needed("rt_sigaction", "crun", "gives signals back their meaning"),
];

/// What a program may need at any time and a recording of one run may lack.
pub const ANY_TIME: [Needed; 4] = [
    needed("exit_group", "every program", "its end"),
    needed("exit", "every program", "a thread's end"),
    needed("rt_sigreturn", "every program", "a signal handler's return"),
    needed("restart_syscall", "every program", "an interrupted sleep that goes on"),
];

/// What a program does first, and a log that does not begin with it lacks.
pub const LOADING: [Needed; 8] = [
    needed("execve", "every program", "it is executed"),
    needed("brk", "the C library", "the allocator"),
    needed("mmap", "the C library", "the dynamic loader and the allocator"),
    needed("munmap", "the C library", "the dynamic loader and the allocator"),
    needed("mprotect", "the C library", "the dynamic loader"),
    needed("arch_prctl", "the C library", "the thread pointer, on x86_64"),
    needed("set_tid_address", "the C library", "its start"),
    needed("set_robust_list", "the C library", "its start"),
];

/// The calls that starting a container natively needs under the filter, with or without `no_new_privs`.
pub const fn starting(no_new_privs: bool) -> &'static [Needed] {
    if no_new_privs { STARTING.split_at(LAST_STEPS).0 } else { &STARTING }
}

/// Those of them that a profile refuses, whatever else it does.
pub fn lacking(profile: &Profile, no_new_privs: bool) -> Vec<&'static Needed> {
    starting(no_new_privs).iter().filter(|needed| needed.is_refused(profile)).collect()
}

impl Needed {
    fn is_refused(&self, profile: &Profile) -> bool {
        if let Some(action) = profile.says(self.call).plain() {
            return !action.allows();
        }
        let native = Arch::native();
        let decided = |value: u64| profile.decide_name(native, native, self.call, &[value, 0, 0, 0, 0, 0]);
        // Conditions on what starting passes are known only for the values named here.
        self.values.is_empty() || !self.values.iter().all(|value| decided(*value).action.allows())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::{Host, syscall_number};
    use super::*;

    fn profile(rules: &str) -> Profile {
        let text = format!(r#"{{ "defaultAction": "SCMP_ACT_ERRNO", "syscalls": [{rules}] }}"#);
        Profile::parse("mine", &text, &Host::here(BTreeSet::new()).unwrap()).unwrap()
    }

    fn lacks(rules: &str, no_new_privs: bool) -> Vec<&'static str> {
        lacking(&profile(rules), no_new_privs).into_iter().map(|needed| needed.call).collect()
    }

    #[test]
    fn every_call_exists_and_stands_once() {
        for list in [STARTING.as_slice(), &ANY_TIME, &LOADING] {
            let calls: BTreeSet<_> = list.iter().map(|needed| needed.call).collect();
            assert_eq!(calls.len(), list.len());
            assert!(calls.iter().all(|call| syscall_number(call).is_some()), "{calls:?}");
        }
        assert_eq!(starting(true).last().unwrap().call, "statx");
        assert_eq!(starting(false).len(), STARTING.len());
    }

    #[test]
    fn what_a_profile_lacks_is_what_it_refuses_of_what_is_needed() {
        let all = r#"{ "names": ["execve", "openat", "write", "close", "fstatfs", "getdents64", "futex", "rt_sigreturn",
            "mmap", "openat2", "fstat"], "action": "SCMP_ACT_ALLOW" }"#;
        assert_eq!(lacks(all, true), ["statx"]);
        assert_eq!(lacks(&format!(r#"{all}, {{ "names": ["statx"], "action": "SCMP_ACT_LOG" }}"#), true), [""; 0]);
        assert!(lacks(all, false).contains(&"setuid"));
    }

    #[test]
    fn conditions_must_allow_the_values_that_are_needed() {
        let prctl = |values: &[u64]| {
            let rule = |value| {
                format!(
                    r#"{{ "names": ["prctl"], "action": "SCMP_ACT_ALLOW",
                         "args": [{{ "index": 0, "value": {value}, "op": "SCMP_CMP_EQ" }}] }}"#
                )
            };
            lacks(&values.iter().map(rule).collect::<Vec<_>>().join(","), false).contains(&"prctl")
        };
        assert!(!prctl(&[8, 24, 47]));
        assert!(prctl(&[8, 24]), "the ambient set could not be cleared");
        let read = r#"{ "names": ["read"], "action": "SCMP_ACT_ALLOW", "args": [{ "index": 0, "value": 3, "op": "SCMP_CMP_EQ" }] }"#;
        assert!(lacks(read, false).contains(&"read"), "of another descriptor it would be refused");
    }
}
