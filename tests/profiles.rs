//! What `hotcell seccomp` makes of profiles, as a user meets it: the built program, its output and its exit status.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

/// hotcell with a home of its own, so that no file of whoever runs the test counts.
fn hotcell(home: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hotcell"));
    for name in ["HOTCELL_CONFIG", "HOTCELL_ENGINE", "HOTCELL_POLICY", "XDG_CONFIG_HOME"] {
        command.env_remove(name);
    }
    command.current_dir(home).env("HOME", home).arg("seccomp").args(arguments).output().unwrap()
}

/// A directory with these profiles, each by its rules.
fn home(profiles: &[(&str, &str)]) -> tempfile::TempDir {
    let home = tempfile::tempdir().unwrap();
    for (name, rules) in profiles {
        let text = format!("{{\"defaultAction\": \"SCMP_ACT_ERRNO\", \"syscalls\": [{rules}]}}\n");
        std::fs::write(home.path().join(name), text).unwrap();
    }
    home
}

fn rule(names: &str, args: &str) -> String {
    format!(r#"{{"names": [{names}], "action": "SCMP_ACT_ALLOW", "args": [{args}]}}"#)
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// The output of a command that must succeed.
fn told(home: &Path, arguments: &[&str]) -> String {
    let output = hotcell(home, arguments);
    assert!(output.status.success(), "{arguments:?}: {}", stderr(&output));
    stdout(&output)
}

fn json(home: &Path, arguments: &[&str]) -> Value {
    serde_json::from_str(&told(home, &[arguments, &["--format", "json"]].concat())).unwrap()
}

const UNIX: &str = r#"{"index": 0, "op": "SCMP_CMP_EQ", "value": 1}"#;
const INET: &str = r#"{"index": 0, "op": "SCMP_CMP_EQ", "value": 2}"#;

#[test]
fn two_profiles_are_compared_by_what_they_do() {
    let home = home(&[
        ("a.json", &format!("{},{}", rule(r#""read", "write""#, ""), rule(r#""socket""#, UNIX))),
        ("b.json", &format!("{},{}", rule(r#""write""#, ""), rule(r#""read", "socket", "bind""#, ""))),
    ]);
    let text = told(home.path(), &["diff", "a.json", "b.json"]);
    assert_eq!(
        text,
        "a.json → b.json\n\nopens: refuse with EPERM → allow\n    bind\n\n\
         opens: allow if arg0 == 0x1, else refuse with EPERM → allow\n    socket\n"
    );
    assert!(told(home.path(), &["diff", "a.json", "a.json"]).contains("the two do the same"));
    let object = json(home.path(), &["diff", "b.json", "a.json"]);
    assert_eq!(object["calls"][0]["call"], "bind");
    assert_eq!(object["calls"][0]["difference"], "removed");
    assert_eq!((&object["calls"][1]["closes"], &object["same"]), (&Value::Bool(true), &Value::Bool(false)));
}

#[test]
fn profiles_are_merged_intersected_and_subtracted() {
    let home = home(&[("unix.json", &rule(r#""socket""#, UNIX)), ("inet.json", &rule(r#""socket", "bind""#, INET))]);
    let asked = |command: &str| json(home.path(), &[command, "unix.json", "inet.json"])["syscalls"].clone();
    let merged = asked("merge");
    assert_eq!(merged.as_array().unwrap().len(), 2, "{merged}");
    assert_eq!(asked("intersect"), Value::Array(Vec::new()));
    assert_eq!(asked("subtract")[0]["args"][0]["value"], 1);
    let file = home.path().join("both.json");
    std::fs::write(&file, told(home.path(), &["merge", "--format", "json", "unix.json", "inet.json"])).unwrap();
    assert!(told(home.path(), &["check", "both.json"]).contains("good (rules 2, calls 2"));
}

#[test]
fn what_cannot_be_combined_names_the_call_and_exits_1() {
    let kill = r#"{"names": ["socket"], "action": "SCMP_ACT_KILL_PROCESS", "args": [{"index": 1, "op": "SCMP_CMP_EQ", "value": 3}]}"#;
    let home = home(&[("odd.json", &format!("{},{kill}", rule(r#""socket""#, UNIX)))]);
    let output = hotcell(home.path(), &["merge", "odd.json", "python"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("odd.json has two rules with different actions for one and the same `socket`"));
}

#[test]
fn lint_exits_1_where_something_is_an_error_and_tells_the_remedy() {
    let home = home(&[("empty.json", "")]);
    let output = hotcell(home.path(), &["lint", "empty.json"]);
    assert_eq!(output.status.code(), Some(1));
    let text = stdout(&output);
    assert!(text.contains("error exit_group\n    a program cannot end"), "{text}");
    assert!(text.contains("→ allow exit_group"), "{text}");
    assert!(text.ends_with("errors 3, warnings 2, notes 1\n"), "{text}");
    let object: Value =
        serde_json::from_str(&stdout(&hotcell(home.path(), &["lint", "empty.json", "--format", "json"]))).unwrap();
    assert_eq!(object["findings"][0]["severity"], "error");
    assert_eq!(told(home.path(), &["lint", "python"]), "python\n  nothing to say\n");
}

#[test]
fn a_call_is_explained_with_its_rule_and_its_risk() {
    let home = home(&[]);
    let text = told(home.path(), &["explain", "python", "ioctl", "1=0x5401"]);
    for line in ["  does        Sends a device", "  here        allow (SCMP_ACT_ALLOW)", "  decided by  rule "] {
        assert!(text.contains(line), "{text}");
    }
    let object = json(home.path(), &["explain", "python", "ioctl", "arg1=0x5412"]);
    assert_eq!((&object["action"], &object["rule"]), (&"SCMP_ACT_ERRNO".into(), &Value::Null));
    assert_eq!(object["about"]["risk"], "medium");
    let wrong = hotcell(home.path(), &["explain", "python", "launch"]);
    assert!(stderr(&wrong).contains("`launch` is no system call of this machine's"), "{}", stderr(&wrong));
    let wrong = hotcell(home.path(), &["explain", "python", "read", "6=1"]);
    assert!(stderr(&wrong).contains("`6=1` is no argument"), "{}", stderr(&wrong));
}

#[test]
fn a_minimal_profile_is_made_from_a_log_and_bad_lines_are_named() {
    let home = home(&[]);
    let log = "1 execve(\"/x\", 0x1, 0x2) = 0\n1 socket(0x1, 0x1, 0) = 3\nnonsense\n1 +++ exited with 0 +++\n";
    std::fs::write(home.path().join("log"), log).unwrap();
    let output = hotcell(home.path(), &["minimize", "--from", "strace", "--name", "mine", "--format", "json", "log"]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(stderr(&output), "warning: log:3: it has no call: the line is left out\n");
    std::fs::write(home.path().join("mine.json"), &output.stdout).unwrap();
    let asked =
        |args: &[&str]| json(home.path(), &[&["explain", "mine.json", "socket"], args].concat())["action"].clone();
    assert_eq!(asked(&["0=1", "1=1"]), "SCMP_ACT_ALLOW");
    assert_eq!(asked(&["0=2", "1=1"]), "SCMP_ACT_ERRNO");
    assert_eq!(json(home.path(), &["lint", "mine.json"])["good"], true);
    std::fs::write(home.path().join("empty"), "").unwrap();
    let empty = hotcell(home.path(), &["minimize", "--from", "audit", "empty"]);
    assert_eq!(empty.status.code(), Some(1));
    assert!(stderr(&empty).contains("the logs tell no call"), "{}", stderr(&empty));
}
