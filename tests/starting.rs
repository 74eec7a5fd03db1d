//! The documented few calls that starting needs, on real engines: with exactly these a program starts under the
//! engine's own filter, and without one of them it does not.

mod common;

use std::fs;

use common::{Engine, Hotcell, Specimen, on_every_engine};
use hotcell::seccomp::{Needed, starting};
use serde_json::json;
use tempfile::TempDir;

on_every_engine! {
    a_program_starts_under_exactly_what_is_documented,
    without_a_call_that_its_runtime_needs_it_does_not_start;
    embedded: runc_needs_what_is_documented_here_too
}

/// The specimen's own exit code, which nobody else gives.
const ENDED: u8 = 77;

/// What every release of runc that was looked at needs, and the same without `no_new_privs`.
const BY_RUNC: [&str; 6] = ["execve", "openat", "write", "close", "fstatfs", "getdents64"];
const BY_RUNC_EARLIER: [&str; 6] = ["chdir", "capset", "prctl", "setgroups", "setgid", "setuid"];

/// The exit status of a program that makes the call `exit_group` alone, under a profile that allows this and what
/// starting needs, but for `left_out`.
fn started(engine: Engine, no_new_privs: bool, left_out: Option<&str>) -> i32 {
    let allow = |needed: &Needed| {
        let arg = |value: &u64| json!([{ "index": 0, "value": value, "op": "SCMP_CMP_EQ" }]);
        let conditions =
            if needed.values.is_empty() { vec![json!([])] } else { needed.values.iter().map(arg).collect() };
        let rule = |args| json!({ "names": [needed.call], "action": "SCMP_ACT_ALLOW", "args": args });
        conditions.into_iter().map(rule).collect::<Vec<_>>()
    };
    let kept = starting(no_new_privs).iter().filter(|needed| Some(needed.call) != left_out);
    let mut rules: Vec<_> = kept.flat_map(allow).collect();
    rules.push(json!({ "names": ["exit_group"], "action": "SCMP_ACT_ALLOW" }));
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("profile.json");
    fs::write(&path, json!({ "defaultAction": "SCMP_ACT_ERRNO", "syscalls": rules }).to_string()).unwrap();
    let mut hotcell = Hotcell::hardened(engine).with(&["--native", "--seccomp", path.to_str().unwrap()]);
    if !no_new_privs {
        hotcell = hotcell.with(&["--without", "no-new-privs"]);
    }
    hotcell.report(&Specimen::that_only_ends(ENDED)).status()
}

fn a_program_starts_under_exactly_what_is_documented(engine: Engine) {
    for no_new_privs in [true, false] {
        assert_eq!(started(engine, no_new_privs, None), i32::from(ENDED), "no-new-privs: {no_new_privs}");
    }
}

fn without_a_call_that_its_runtime_needs_it_does_not_start(engine: Engine) {
    if engine.is_embedded() {
        // hotcell's own runtime puts the filter on last of all: execve is all it needs, and nothing is missed.
        for call in BY_RUNC.into_iter().chain(BY_RUNC_EARLIER) {
            let starts = call != "execve";
            assert_eq!(started(engine, false, Some(call)) == i32::from(ENDED), starts, "{call}");
        }
    } else {
        needs_what_is_documented(engine);
    }
}

fn runc_needs_what_is_documented_here_too(_: Engine) {
    assert_eq!(started(Engine::EmbeddedRunc, true, None), i32::from(ENDED));
    needs_what_is_documented(Engine::EmbeddedRunc);
}

fn needs_what_is_documented(engine: Engine) {
    for call in BY_RUNC {
        assert_ne!(started(engine, true, Some(call)), i32::from(ENDED), "{call} is needed");
    }
    for call in BY_RUNC_EARLIER {
        assert_ne!(started(engine, false, Some(call)), i32::from(ENDED), "{call} is needed without no-new-privs");
    }
}
