//! Calls that are worth a word where a profile allows or refuses them.

use super::super::Action;
use super::super::meaning::Says;
use super::super::profile::Profile;
use super::{Finding, Severity};

/// What a profile does with a call, roughly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reach {
    /// Never made.
    Closed,
    /// Made under conditions.
    Partly,
    /// Always made.
    Open,
}

impl Reach {
    fn of(says: &Says) -> Self {
        match says.plain() {
            Some(action) if action.refuses() => Self::Closed,
            Some(_) => Self::Open,
            None => Self::Partly,
        }
    }
}

/// When a row of the table speaks.
#[derive(Clone, Copy)]
enum When {
    /// One of the calls is refused whatever its arguments.
    Closed,
    /// One of the calls is made.
    Reachable,
    /// The call is made and this one, which does the same, is refused or has conditions.
    Beside(&'static str),
}

struct Row {
    calls: &'static [&'static str],
    when: When,
    severity: Severity,
    message: &'static str,
    remedy: &'static str,
}

const fn row(
    calls: &'static [&'static str],
    when: When,
    severity: Severity,
    message: &'static str,
    remedy: &'static str,
) -> Row {
    Row { calls, when, severity, message, remedy }
}

const TABLE: [Row; 24] = [
    row(
        &["exit_group"],
        When::Closed,
        Severity::Error,
        "a program cannot end: it tries again for ever (moby 40205)",
        "allow exit_group",
    ),
    row(&["execve"], When::Closed, Severity::Error, "no program can be started under this profile", "allow execve"),
    row(
        &["exit"],
        When::Closed,
        Severity::Warning,
        "a thread cannot end, and a program that uses threads hangs",
        "allow exit",
    ),
    row(
        &["rt_sigreturn"],
        When::Closed,
        Severity::Error,
        "a program dies of its first signal handler's return",
        "allow rt_sigreturn",
    ),
    row(
        &["clone3"],
        When::Reachable,
        Severity::Warning,
        "its flags lie behind a pointer, where no filter sees them: every condition on clone is void",
        "refuse clone3 with ENOSYS (38), upon which the C library takes clone",
    ),
    row(
        &["socketpair"],
        When::Beside("socket"),
        Severity::Note,
        "it takes a socket family too, and what holds for socket does not hold for it",
        "give socketpair the conditions of socket, or leave it out",
    ),
    row(
        &["execveat"],
        When::Beside("execve"),
        Severity::Warning,
        "it starts programs as execve does, without its conditions",
        "give both the same rule",
    ),
    row(
        &["openat2"],
        When::Beside("openat"),
        Severity::Warning,
        "it opens files as openat does, with its flags where no filter sees them",
        "refuse openat2 with ENOSYS (38), or drop the conditions on openat",
    ),
    row(
        &["open"],
        When::Beside("openat"),
        Severity::Warning,
        "it opens files as openat does, without its conditions",
        "give both the same rule",
    ),
    row(
        &["creat"],
        When::Beside("open"),
        Severity::Warning,
        "it opens files for writing, without the conditions of open",
        "leave creat out",
    ),
    row(
        &["clone"],
        When::Beside("unshare"),
        Severity::Note,
        "it makes new namespaces, as unshare does, which is refused or has conditions",
        "allow clone only if its flags have no CLONE_NEW bit: masked by 0x7e020000 they are 0",
    ),
    row(
        &["io_uring_setup", "io_uring_enter", "io_uring_register"],
        When::Reachable,
        Severity::Warning,
        "what is asked through the ring passes this and every other filter by",
        "leave them out: programs do without",
    ),
    row(
        &["ptrace", "process_vm_writev"],
        When::Reachable,
        Severity::Warning,
        "takes over every process of the same user",
        "leave it out, but for a cell that debugs",
    ),
    row(
        &["process_vm_readv", "pidfd_getfd"],
        When::Reachable,
        Severity::Warning,
        "takes what other processes of the same user hold",
        "leave it out, but for a cell that debugs",
    ),
    row(&["bpf"], When::Reachable, Severity::Warning, "loads code into the kernel", "leave it out"),
    row(
        &["perf_event_open"],
        When::Reachable,
        Severity::Warning,
        "a large kernel surface that sees what others do",
        "leave it out",
    ),
    row(
        &["userfaultfd"],
        When::Reachable,
        Severity::Warning,
        "holds the kernel still in the middle of a copy, which makes races exploitable",
        "leave it out",
    ),
    row(
        &["add_key", "request_key", "keyctl"],
        When::Reachable,
        Severity::Warning,
        "the kernel's keyrings know no container",
        "leave them out",
    ),
    row(
        &[
            "mount",
            "umount2",
            "pivot_root",
            "fsopen",
            "fsconfig",
            "fsmount",
            "fspick",
            "move_mount",
            "open_tree",
            "open_tree_attr",
            "mount_setattr",
        ],
        When::Reachable,
        Severity::Warning,
        "changes what file systems there are",
        "leave them out, all of them: each does a part of what mount does",
    ),
    row(
        &["unshare", "setns"],
        When::Reachable,
        Severity::Warning,
        "a new user namespace gives all capabilities within it",
        "leave them out",
    ),
    row(
        &["open_by_handle_at"],
        When::Reachable,
        Severity::Warning,
        "reaches files outside the root directory",
        "leave it out",
    ),
    row(
        &["init_module", "finit_module", "delete_module", "kexec_load", "kexec_file_load", "reboot"],
        When::Reachable,
        Severity::Warning,
        "replaces or ends the running kernel, given the capability",
        "leave them out",
    ),
    row(
        &["iopl", "ioperm", "swapon", "swapoff", "acct", "quotactl", "clock_settime", "settimeofday"],
        When::Reachable,
        Severity::Note,
        "for administrators of the host, given the capability",
        "leave them out",
    ),
    row(
        &["socketcall", "ipc"],
        When::Reachable,
        Severity::Note,
        "on 32-bit ABIs it makes every call of its family, whatever rules those have",
        "leave it out where no 32-bit program is to run",
    ),
];

/// What the table says of a profile.
pub fn findings(profile: &Profile) -> Vec<Finding> {
    let mut findings: Vec<Finding> = TABLE.iter().filter_map(|row| found(profile, row)).collect();
    findings.extend(clone3_errno(profile));
    findings
}

fn found(profile: &Profile, row: &Row) -> Option<Finding> {
    let reach = |call: &str| Reach::of(&profile.says(call));
    let about = |call: &&&str| match row.when {
        When::Closed => reach(call) == Reach::Closed,
        When::Reachable => reach(call) != Reach::Closed,
        When::Beside(other) => reach(call) == Reach::Open && reach(other) != Reach::Open,
    };
    let calls: Vec<&str> = row.calls.iter().filter(about).copied().collect();
    let finding = || Finding::new(row.severity, row.message, row.remedy);
    (!calls.is_empty()).then(|| finding().of_calls(calls))
}

/// The C library falls back from clone3 to clone only where the kernel seems not to have it.
fn clone3_errno(profile: &Profile) -> Option<Finding> {
    const ENOSYS: u16 = 38;
    let errno = match profile.says("clone3").plain()? {
        Action::Errno(errno) if errno != ENOSYS => errno,
        _ => return None,
    };
    let message = format!("it fails with errno {errno}, and a C library that meets it starts no thread");
    let remedy = "refuse clone3 with ENOSYS (38), upon which the C library takes clone";
    Some(Finding::new(Severity::Warning, message, remedy).of_calls(["clone3"]))
}
