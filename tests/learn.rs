//! Learning and proving on real engines: a profile made of what a specimen was seen to do lets it run again, supervised
//! and by the engine's own enforcement, and allows nothing else.

mod common;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use common::{Engine, Hotcell, Specimen, Told, on_every_engine, own_uid};
use hotcell::seccomp::{ANY_TIME, Needed, starting};
use serde_json::Value;
use tempfile::TempDir;

on_every_engine! {
    what_is_learned_lets_the_specimen_run_again_and_natively,
    a_static_program_gets_what_it_used_and_no_more,
    without_no_new_privs_starting_gets_what_it_needs_then,
    a_candidate_is_told_with_lines_and_changes_nothing,
    a_profile_that_lacks_what_starting_needs_is_told_so;
    embedded: a_shell_and_its_programs_are_learned, runs_add_to_what_is_there, the_same_calls_are_learned_as_strace_sees,
        what_fails_is_learned_with_a_warning_and_what_cannot_be_read_stays
}

/// Forks, starts a thread and a program, hashes, parses and reads a file.
const BUSY: &str = r#"
import hashlib, json, os, subprocess, sys, threading
def work():
    print(hashlib.sha256(b"x").hexdigest()[:8], flush=True)
thread = threading.Thread(target=work)
thread.start()
thread.join()
print(json.dumps(len(open(__file__).read()) > 9), flush=True)
print(subprocess.run([sys.executable, "-c", "print(6 * 7)"], capture_output=True).stdout, flush=True)
child = os.fork()
if child == 0:
    os._exit(3)
print(os.waitpid(child, 0)[1] >> 8)
"#;
const BUSY_SAYS: &str = "2d711642\ntrue\nb'42\\n'\n3\n";

/// `hotcell seccomp COMMAND` at an engine, about a specimen.
fn seccomp(engine: Engine, command: &str, arguments: &[&str], specimen: &Specimen) -> Told {
    let mut hotcell = Command::new(env!("CARGO_BIN_EXE_hotcell"));
    for name in ["HOTCELL_CONFIG", "HOTCELL_ENGINE", "HOTCELL_IMAGE", "HOTCELL_POLICY", "XDG_RUNTIME_DIR"] {
        hotcell.env_remove(name);
    }
    let user = own_uid();
    hotcell.env("XDG_CONFIG_HOME", "/nonexistent").args(["seccomp", command, "--engine", &engine.address()]);
    hotcell.args(["--layer", &format!("user={user}:{user}")]).args(arguments).arg(&specimen.path);
    Hotcell::by(&engine.address(), hotcell).told()
}

struct Learned {
    _directory: TempDir,
    path: PathBuf,
}

impl Learned {
    fn of(engine: Engine, specimen: &Specimen) -> Self {
        let directory = TempDir::new().unwrap();
        let path = directory.path().join("learned.json");
        let told = seccomp(engine, "learn", &["--into", path.to_str().unwrap()], specimen);
        assert_eq!(told.status, 0, "{told}");
        Self { _directory: directory, path }
    }

    fn path(&self) -> &str {
        self.path.to_str().unwrap()
    }

    fn allowed(&self) -> BTreeSet<String> {
        allowed(&self.path)
    }
}

fn allowed(path: &Path) -> BTreeSet<String> {
    let profile: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    let rules = profile["syscalls"].as_array().unwrap().iter().filter(|rule| rule["action"] == "SCMP_ACT_ALLOW");
    let names = rules.flat_map(|rule| rule["names"].as_array().unwrap());
    names.map(|name| name.as_str().unwrap().to_owned()).collect()
}

/// What the documents say is allowed beside.
fn beside() -> BTreeSet<String> {
    let name = |needed: &Needed| needed.call.to_owned();
    starting(true).iter().map(name).chain(ANY_TIME.iter().map(name)).collect()
}

fn what_is_learned_lets_the_specimen_run_again_and_natively(engine: Engine) {
    let specimen = Specimen::python(BUSY);
    let learned = Learned::of(engine, &specimen);
    let text = fs::read_to_string(&learned.path).unwrap();
    assert!(text.contains("line 12 in <module>"), "the fork has its line: {text}");
    let supervised = Hotcell::hardened(engine).with(&["--seccomp", learned.path()]).report(&specimen);
    assert_eq!((supervised.status(), supervised.stdout()), (0, BUSY_SAYS), "{supervised}");
    // The C library takes clone, as the profile says.
    let refused: BTreeSet<_> = supervised.denials().iter().map(|denial| denial["syscall"].as_str().unwrap()).collect();
    assert!(refused.is_subset(&BTreeSet::from(["clone3"])), "{supervised}");
    let native = Hotcell::hardened(engine).with(&["--native", "--seccomp", learned.path()]).report(&specimen);
    assert_eq!((native.status(), native.stdout()), (0, BUSY_SAYS), "{native}");
    let proof = seccomp(engine, "prove", &["--format", "json", learned.path()], &specimen);
    let json: Value = serde_json::from_str(&proof.stdout).unwrap();
    assert_eq!((proof.status, &json["agree"]), (0, &Value::Bool(true)), "{proof}");
    assert_eq!(json["starting_lacks"], Value::Array(Vec::new()), "{proof}");
    // And it is a filter: what the specimen never did is refused.
    let socket = Specimen::python("import socket\nsocket.socket()\n");
    assert_ne!(Hotcell::hardened(engine).with(&["--seccomp", learned.path()]).report(&socket).status(), 0);
}

fn a_static_program_gets_what_it_used_and_no_more(engine: Engine) {
    let specimen = Specimen::that_only_ends(5);
    let learned = Learned::of(engine, &specimen);
    assert_eq!(learned.allowed(), beside(), "execve and exit_group are all it used");
    let native = Hotcell::hardened(engine).with(&["--native", "--seccomp", learned.path()]).report(&specimen);
    assert_eq!(native.status(), 5, "{native}");
}

fn without_no_new_privs_starting_gets_what_it_needs_then(engine: Engine) {
    let specimen = Specimen::that_only_ends(5);
    let path = TempDir::new().unwrap();
    let path = path.path().join("learned.json");
    let without = ["--without", "no-new-privs"];
    let told = seccomp(engine, "learn", &[&without[..], &["--into", path.to_str().unwrap()]].concat(), &specimen);
    assert_eq!(told.status, 0, "{told}");
    assert!(allowed(&path).contains("setuid"));
    let arguments = [&without[..], &["--native", "--seccomp", path.to_str().unwrap()]].concat();
    assert_eq!(Hotcell::hardened(engine).with(&arguments).report(&specimen).status(), 5);
}

fn a_candidate_is_told_with_lines_and_changes_nothing(engine: Engine) {
    let specimen = Specimen::python("import os\nprint(os.getpgid(0) >= 0)\nprint(os.getsid(0) >= 0)\n");
    let learned = Learned::of(engine, &Specimen::python("print(1)\n"));
    let report = |profile: &str| {
        let arguments = ["--candidate", profile, "--format", "json"];
        let told = seccomp(engine, "learn", &arguments, &specimen);
        (told.status, serde_json::from_str::<Value>(&told.stdout).unwrap_or_else(|_| panic!("{told}")))
    };
    let (status, found) = report(learned.path());
    assert_eq!(status, 1);
    let would: Vec<_> = found["would_refuse"].as_array().unwrap().iter().collect();
    let of = |call: &str| would.iter().find(|it| it["syscall"] == call).unwrap_or_else(|| panic!("{call}: {found}"));
    assert_eq!(of("getpgid")["source"]["line"], 2, "{found}");
    assert_eq!(of("getsid")["source"]["line"], 3, "{found}");
    assert_eq!(of("getsid")["args"][0], "0", "{found}");
    assert_eq!(found["refused"], Value::Array(Vec::new()), "the profile in force refused nothing: {found}");
    let (status, found) = report("python");
    assert_eq!((status, &found["would_refuse"]), (0, &Value::Array(Vec::new())), "{found}");
}

fn a_profile_that_lacks_what_starting_needs_is_told_so(engine: Engine) {
    let specimen = Specimen::that_only_ends(0);
    let proof = seccomp(engine, "prove", &["--format", "json", "seed-allowlist"], &specimen);
    let json: Value = serde_json::from_str(&proof.stdout).unwrap_or_else(|_| panic!("{proof}"));
    let lacks: Vec<_> =
        json["starting_lacks"].as_array().unwrap().iter().map(|it| it["call"].as_str().unwrap()).collect();
    assert!(lacks.contains(&"fstatfs") && lacks.contains(&"getdents64") && !lacks.contains(&"execve"), "{proof}");
    // hotcell's own runtime needs execve alone; runc stops.
    let agrees = engine.is_embedded();
    assert_eq!((proof.status, &json["agree"]), (i32::from(!agrees), &Value::Bool(agrees)), "{proof}");
    let learned = Learned::of(engine, &specimen);
    assert_eq!(seccomp(engine, "prove", &[learned.path()], &specimen).status, 0);
}

fn a_shell_and_its_programs_are_learned(engine: Engine) {
    let code = "#!/bin/sh\nfor i in 1 2; do echo $i | cat; done\nls / | head -1 > /dev/null\n(exit 3)\necho $?\n";
    let specimen = Specimen::file("specimen.sh", code.as_bytes());
    let learned = Learned::of(engine, &specimen);
    for arguments in [&["--seccomp", learned.path()][..], &["--native", "--seccomp", learned.path()]] {
        let run = Hotcell::hardened(engine).with(arguments).report(&specimen);
        assert_eq!((run.status(), run.stdout()), (0, "1\n2\n3\n"), "{run}");
    }
}

fn runs_add_to_what_is_there(engine: Engine) {
    let learned = Learned::of(engine, &Specimen::python("print(1)\n"));
    let before = learned.allowed();
    assert!(!before.contains("getsid"));
    let more = Specimen::python("import os\nos.getsid(0)\n");
    let told = seccomp(engine, "learn", &["--runs", "1", "--into", learned.path(), "--format", "json"], &more);
    let json: Value = serde_json::from_str(&told.stdout).unwrap_or_else(|_| panic!("{told}"));
    assert_eq!(json["new"], serde_json::json!(["getsid"]), "{told}");
    assert!(!told.stderr.contains("what fails"), "{told}");
    assert!(before.is_subset(&learned.allowed()) && learned.allowed().contains("getsid"));
    let text = fs::read_to_string(&learned.path).unwrap();
    assert!(text.contains("getsid: once, first line 2 in <module>"), "{text}");
}

fn what_fails_is_learned_with_a_warning_and_what_cannot_be_read_stays(engine: Engine) {
    let failing = Specimen::python("raise SystemExit(1)\n");
    let told = seccomp(engine, "learn", &["--runs", "1", "--format", "json"], &failing);
    assert_eq!(told.status, 0, "{told}");
    assert!(told.stderr.contains("warning: what fails does not use what it would have used"), "{told}");
    let directory = TempDir::new().unwrap();
    let broken = directory.path().join("broken.json");
    fs::write(&broken, "{").unwrap();
    let told = seccomp(engine, "learn", &["--into", broken.to_str().unwrap()], &failing);
    assert!(told.status == 1 && !told.stderr.contains("run 1"), "nothing is run for a file that is no profile: {told}");
    assert_eq!(fs::read_to_string(&broken).unwrap(), "{");
    let nowhere = directory.path().join("none/mine.json");
    let told = seccomp(engine, "learn", &["--into", nowhere.to_str().unwrap()], &failing);
    let says = told.stderr.contains("none/mine.json could not be written") && told.stderr.contains("nothing was run");
    assert!(told.status == 1 && says && !told.stderr.contains("run 1"), "{told}");
}

/// The same program, beside its profile by strace: on this machine, outside a cell, with the root that the embedded
/// engine's cells see.
fn the_same_calls_are_learned_as_strace_sees(engine: Engine) {
    let specimen =
        Specimen::c("#include <stdio.h>\n#include <unistd.h>\nint main() { getppid(); return puts(\"x\") < 0; }");
    let learned = Learned::of(engine, &specimen);
    let log = learned.path.with_file_name("log");
    let traced = Command::new("strace").args(["-f", "-X", "raw", "-o"]).arg(&log).arg(&specimen.path).output();
    assert!(traced.expect("strace is installed: scripts/setup.sh test").status.success());
    let minimized = learned.path.with_file_name("minimized.json");
    let mut hotcell = Command::new(env!("CARGO_BIN_EXE_hotcell"));
    hotcell
        .env("XDG_CONFIG_HOME", "/nonexistent")
        .args(["seccomp", "minimize", "--from", "strace", "--format", "json"]);
    let output = hotcell.arg(&log).output().unwrap();
    fs::write(&minimized, &output.stdout).unwrap();
    let (ours, straces) = (learned.allowed(), allowed(&minimized));
    let lost: Vec<_> = straces.difference(&ours).collect();
    // What a log may lack of a program's start is allowed there all the same.
    let loading: BTreeSet<String> = hotcell::seccomp::LOADING.iter().map(|needed| needed.call.to_owned()).collect();
    assert!(lost.iter().all(|call| loading.contains(*call)), "strace saw {lost:?}");
    let more: Vec<_> = ours.difference(&straces).collect();
    assert!(more.is_empty(), "learned, and strace did not see {more:?}");
    assert!(ours.contains("getppid"));
}
