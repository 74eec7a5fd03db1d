//! Each finding: where it is told, and where it is not.

use super::super::{Host, shipped};
use super::*;

fn parse(text: &str) -> Profile {
    let host = Host { arch: Arch::X86_64, caps: [].into(), kernel: "6.1".parse().unwrap() };
    Profile::parse("p.json", text, &host).unwrap()
}

/// A profile that a program can run under, with these rules more.
fn with(rules: &str) -> Profile {
    let most = r#"{"names":["exit_group","exit","execve","rt_sigreturn","read"],"action":"SCMP_ACT_ALLOW"},
        {"names":["clone3"],"action":"SCMP_ACT_ERRNO","errnoRet":38}"#;
    let comma = if rules.is_empty() { "" } else { "," };
    parse(&format!(r#"{{"defaultAction":"SCMP_ACT_ERRNO","syscalls":[{most}{comma}{rules}]}}"#))
}

/// The findings of these rules that speak of `call`, severity and message, beside those that any profile has.
fn said(rules: &str, call: &str) -> Vec<String> {
    let told = |finding: &Finding| format!("{}: {}", finding.severity.word(), finding.message);
    let about = |finding: &&Finding| finding.calls.iter().any(|name| name == call);
    lint(&with(rules), Arch::X86_64).iter().filter(about).map(told).collect()
}

fn allow(call: &str, args: &str) -> String {
    format!(r#"{{"names":["{call}"],"action":"SCMP_ACT_ALLOW","args":[{args}]}}"#)
}

fn refuse(call: &str, args: &str) -> String {
    format!(r#"{{"names":["{call}"],"action":"SCMP_ACT_KILL_PROCESS","args":[{args}]}}"#)
}

fn arg(index: u8, op: &str, value: u64) -> String {
    format!(r#"{{"index":{index},"op":"SCMP_CMP_{op}","value":{value}}}"#)
}

#[track_caller]
fn one(said: &[String], start: &str) {
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].starts_with(start), "{said:?}");
}

#[test]
fn a_sound_profile_has_no_finding_but_that_clone3_is_a_choice() {
    assert_eq!(lint(&with(&native("")), Arch::X86_64), []);
}

/// What starting in an engine needs, but for one call.
fn native(left_out: &str) -> String {
    let calls = crate::seccomp::starting(true).iter().map(|needed| needed.call).filter(|call| *call != left_out);
    let rules: Vec<String> =
        calls.filter(|call| !["execve", "rt_sigreturn"].contains(call)).map(|call| allow(call, "")).collect();
    rules.join(",")
}

#[test]
fn what_an_engine_needs_to_start_a_program_is_noted() {
    let found = lint(&with(&native("fstatfs")), Arch::X86_64);
    let told: Vec<_> = found.iter().map(|finding| (finding.severity, finding.message.as_str())).collect();
    let message = "an engine with runc may not start a program under it: it refuses fstatfs";
    assert_eq!(told, [(Severity::Note, message)]);
}

#[test]
fn what_no_program_does_without_is_missed() {
    let bare = parse(r#"{"defaultAction":"SCMP_ACT_ERRNO","syscalls":[]}"#);
    let errors: Vec<String> = lint(&bare, Arch::X86_64)
        .into_iter()
        .filter(|finding| finding.severity == Severity::Error)
        .flat_map(|finding| finding.calls)
        .collect();
    assert_eq!(errors, ["exit_group", "execve", "rt_sigreturn"]);
}

#[test]
fn clone3_is_told_where_it_is_allowed_and_where_its_errno_is_wrong() {
    let allowed = parse(r#"{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[]}"#);
    let about = |profile: &Profile| {
        let findings = lint(profile, Arch::X86_64);
        findings
            .iter()
            .filter(|finding| finding.calls == ["clone3"])
            .map(|finding| finding.message.clone())
            .collect::<Vec<_>>()
    };
    one(&about(&allowed), "its flags lie behind a pointer");
    let refused = parse(r#"{"defaultAction":"SCMP_ACT_ERRNO","syscalls":[]}"#);
    one(&about(&refused), "it fails with errno 1");
}

#[test]
fn a_call_that_does_the_same_as_a_refused_one_is_told() {
    one(&said(&allow("openat2", ""), "openat2"), "warning: it opens files as openat does");
    assert!(said(&[allow("openat2", ""), allow("openat", "")].join(","), "openat2").is_empty());
    one(
        &said(&allow("execveat", "").replace("execveat", "socketpair"), "socketpair"),
        "note: it takes a socket family too",
    );
    assert!(said(&allow("execveat", ""), "execveat").is_empty(), "execve is open as well");
}

#[test]
fn dangerous_calls_are_told() {
    for call in
        ["io_uring_setup", "ptrace", "bpf", "userfaultfd", "keyctl", "fsmount", "kexec_load", "finit_module", "setns"]
    {
        assert_eq!(said(&allow(call, ""), call).len(), 1, "{call}");
    }
}

#[test]
fn a_condition_on_an_int_that_an_upper_bit_passes_is_an_error() {
    let bypass = "error: the kernel looks at 32 bits";
    one(&said(&refuse("ioctl", &arg(1, "EQ", 0x5412)), "ioctl"), bypass);
    one(&said(&allow("ioctl", &arg(1, "NE", 0x5412)), "ioctl"), bypass);
    assert!(said(&allow("ioctl", &arg(1, "EQ", 0x5401)), "ioctl").is_empty());
    let masked = r#"{"index":1,"op":"SCMP_CMP_MASKED_EQ","value":4294967295,"valueTwo":21522}"#;
    assert!(said(&refuse("ioctl", masked), "ioctl").is_empty());
    assert!(said(&allow("mmap", &arg(1, "LT", 4096)), "mmap").is_empty(), "a length has 64 bits");
}

#[test]
fn an_address_is_not_compared() {
    one(&said(&allow("openat", &arg(1, "EQ", 4096)), "openat"), "error: compares an address");
    assert!(said(&allow("utimensat", &arg(1, "EQ", 0)), "utimensat").is_empty(), "NULL may be asked for");
}

#[test]
fn rules_that_decide_nothing_are_told() {
    one(
        &said(&refuse("read", &arg(0, "EQ", 1 << 40)), "read")
            .into_iter()
            .filter(|said| said.contains("never looked"))
            .collect::<Vec<_>>(),
        "error: never looked at: rule 1",
    );
    one(&said(&allow("read", ""), "read"), "note: rule 1 says the same already");
    let default = r#"{"names":["write"],"action":"SCMP_ACT_ERRNO","args":[{"index":2,"op":"SCMP_CMP_GT","value":9}]}"#;
    one(&said(default, "write"), "warning: the rule has the default's action");
    one(&said(&allow("write", &arg(2, "LT", 0)), "write"), "error: its conditions can never hold");
    let void = r#"{"index":2,"op":"SCMP_CMP_MASKED_EQ","value":0,"valueTwo":0}"#;
    one(&said(&allow("write", void), "write"), "error: a comparison under the mask 0");
    let overlap = [allow("write", &arg(2, "EQ", 1)), refuse("write", &arg(1, "NE", 0))].join(",");
    one(
        &said(&overlap, "write").into_iter().filter(|said| said.contains("not defined")).collect::<Vec<_>>(),
        "error: the rules 3, 4 hold",
    );
}

#[test]
fn what_libseccomp_compiles_wrongly_is_told() {
    let rules = [allow("mmap", &arg(1, "LT", (1 << 32) + 3)), allow("mmap", &arg(1, "LE", 0))].join(",");
    one(&said(&rules, "mmap"), "warning: several rules for the call compare by more than equality");
}

#[test]
fn narrow_abis_and_their_multiplexers_are_told() {
    let mut profile = with(&allow("socket", &arg(0, "EQ", 1)));
    profile.architectures = vec![Arch::X86_64, Arch::X86, Arch::X32];
    let messages: Vec<String> = lint(&profile, Arch::X86_64).into_iter().map(|finding| finding.message).collect();
    for start in ["SCMP_ARCH_X32 is listed", "32-bit programs are covered", "32-bit programs make it through"] {
        assert!(messages.iter().any(|message| message.starts_with(start)), "{messages:?}");
    }
}

#[test]
fn actions_that_mean_little_here_are_told() {
    for (action, start) in [
        (r#""SCMP_ACT_KILL_THREAD""#, "warning: the action kills one thread"),
        (r#""SCMP_ACT_ERRNO","errnoRet":0"#, "error: the action is an errno that no call has"),
        (r#""SCMP_ACT_TRACE""#, "warning: the action asks a tracer"),
        (r#""SCMP_ACT_LOG""#, "note: the action lets the call go on"),
    ] {
        one(&said(&format!(r#"{{"names":["write"],"action":{action}}}"#), "write"), start);
    }
    let denylist = parse(r#"{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[]}"#);
    assert!(
        lint(&denylist, Arch::X86_64).iter().any(|finding| finding.message.starts_with("what no rule names is made"))
    );
}

#[test]
fn the_profile_that_cells_run_under_has_no_error() {
    for (name, text) in shipped() {
        let errors: Vec<Finding> = lint(&parse(text), Arch::X86_64)
            .into_iter()
            .filter(|finding| finding.severity == Severity::Error)
            .collect();
        if *name == "python" {
            assert_eq!(errors, []);
        }
    }
}
