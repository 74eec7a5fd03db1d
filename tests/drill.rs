//! `hotcell drill` and `hotcell matrix` on real engines: what holds is told with its layer, what does not is not passed
//! over, and what could not be tried never reads as a pass.

mod common;

use std::fs;
use std::process::{Command, Stdio};

use common::{Engine, Hotcell, Specimen, Told, host, on_every_engine, own_uid};
use serde_json::{Value, json};

/// hotcell at an engine, deaf to the settings of whoever runs the tests.
fn hotcell(engine: Engine, command: &str, arguments: &[&str]) -> Told {
    let mut hotcell = Command::new(env!("CARGO_BIN_EXE_hotcell"));
    hotcell.args([command, "--engine", &engine.address()]).args(arguments).stdin(Stdio::null());
    for variable in ["HOTCELL_CONFIG", "HOTCELL_ENGINE", "HOTCELL_IMAGE", "HOTCELL_POLICY", "XDG_RUNTIME_DIR"] {
        hotcell.env_remove(variable);
    }
    hotcell.env("XDG_CONFIG_HOME", "/nonexistent");
    Hotcell::by(&engine.address(), hotcell).told()
}

/// A drill of these probes as users that no other test has: one for each of its two cells.
fn drill(engine: Engine, arguments: &[&str]) -> (Told, Value) {
    own_uid();
    let user = own_uid();
    let user = format!("user={user}:{user}");
    let told = hotcell(engine, "drill", &[&["--layer", &user, "--format", "json"], arguments].concat());
    let report = serde_json::from_str(&told.stdout).unwrap_or_else(|error| panic!("{told}\nno JSON: {error}"));
    (told, report)
}

fn probe<'a>(report: &'a Value, name: &str) -> &'a Value {
    report["probes"].as_array().unwrap().iter().find(|probe| probe["name"] == name).expect(name)
}

fn what_is_held_is_contained_and_the_layer_named_with_what_was_seen(engine: Engine) {
    let only = ["--only", "network.py", "seccomp-keyctl.py", "output-flood.py", "write-etc.py", "memory.py"];
    let (told, report) = drill(engine, &only);
    assert_eq!((told.status, &report["contained"], &report["not_tested"]), (0, &json!(5), &json!(0)), "{told}");
    for (name, layer, evidence) in [
        ("network.py", "seccomp", "connect(3, {AF_INET, 127.0.0.1:"),
        ("seccomp-keyctl.py", "seccomp", "keyctl("),
        ("output-flood.py", "output", "stdout cut"),
        ("memory.py", "memory", "OOM kill"),
    ] {
        let probe = probe(&report, name);
        assert_eq!((&probe["layer"], &probe["rests_on"]), (&json!(layer), &json!("seen")), "{probe}");
        assert!(probe["evidence"][0]["what"].as_str().unwrap().contains(evidence), "{probe}");
    }
    let etc = probe(&report, "write-etc.py");
    assert_eq!((&etc["verdict"], &etc["layer"]), (&json!("contained"), &json!("rootfs")), "{etc}");
    assert!(etc["said"].as_str().unwrap().contains("Read-only file system"), "{etc}");
}

fn what_is_not_held_is_told_and_the_exit_status_is_1(engine: Engine) {
    let off = ["--without", "seccomp", "--without", "rootfs", "--without", "ipc"];
    let only = ["--only", "network.py", "seccomp-keyctl.py", "write-etc.py", "ipc.py", "env-secrets.py"];
    let (told, report) = drill(engine, &[&off[..], &only].concat());
    assert_eq!((told.status, &report["exit_status"]), (1, &json!(1)), "{told}");
    for name in ["seccomp-keyctl.py", "ipc.py"] {
        let probe = probe(&report, name);
        assert_eq!((&probe["verdict"], &probe["layer"]), (&json!("not contained"), &Value::Null), "{probe}");
        assert!(probe["said"].as_str().unwrap().starts_with("REACHED: "), "{probe}");
    }
    // What stands behind a layer that is off is named in its place.
    for (name, layer) in [("network.py", "network"), ("write-etc.py", "user"), ("env-secrets.py", "env")] {
        let probe = probe(&report, name);
        assert_eq!((&probe["verdict"], &probe["layer"]), (&json!("contained"), &json!(layer)), "{probe}");
    }
    assert!(told.stderr.contains("exposed:"), "{told}");
}

fn what_could_not_be_tested_is_no_pass(engine: Engine) {
    // Neither the ordinary images nor this machine as an image have the program.
    let (told, report) = drill(engine, &["--only", "setuid.py"]);
    assert_eq!((told.status, &report["contained"], &report["not_tested"]), (2, &json!(0), &json!(1)), "{told}");
    assert!(probe(&report, "setuid.py")["reason"].as_str().unwrap().contains("setuid-probe"), "{told}");
    let text = hotcell(engine, "drill", &["--only", "setuid.py"]);
    assert!(text.stdout.contains("1 COULD NOT BE TESTED") && !text.stdout.contains("1 contained"), "{text}");
}

fn junit_is_well_formed_and_says_the_same(engine: Engine) {
    let told = hotcell(
        engine,
        "drill",
        &["--format", "junit", "--without", "seccomp", "--only", "seccomp-keyctl.py", "setuid.py"],
    );
    assert_eq!(told.status, 1, "{told}");
    well_formed(&told.stdout);
    assert!(told.stdout.contains("tests=\"2\" failures=\"1\" errors=\"0\" skipped=\"1\""), "{told}");
    assert!(told.stdout.contains("<failure message=\"not contained: REACHED"), "{told}");
}

/// Every element is closed, in order; no character stands for itself that may not.
fn well_formed(xml: &str) {
    let body = xml.strip_prefix("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n").expect("its declaration");
    let mut open = Vec::new();
    for piece in body.split('<').skip(1) {
        let (tag, text) = piece.split_once('>').expect(piece);
        assert!(!text.contains('>') && tag.matches('"').count() % 2 == 0, "{piece}");
        let entities = ["&amp;", "&lt;", "&gt;", "&quot;"];
        for (at, _) in piece.match_indices('&') {
            assert!(entities.iter().any(|entity| piece[at..].starts_with(entity)), "{piece}");
        }
        match tag.strip_prefix('/') {
            Some(name) => assert_eq!(open.pop(), Some(name), "{xml}"),
            None if tag.ends_with('/') => {}
            None => open.push(tag.split(' ').next().unwrap()),
        }
    }
    assert!(open.is_empty(), "{open:?}");
}

#[test]
fn a_name_that_nothing_has_is_answered_with_the_nearest() {
    let told = hotcell(Engine::Embedded, "drill", &["--only", "netwrk.py"]);
    assert_eq!(told.status, 2, "{told}");
    assert!(told.stderr.contains("did you mean `network.py`?"), "{told}");
    let told = hotcell(Engine::Embedded, "drill", &["--only", "daemonise.py"]);
    assert_eq!(told.status, 2, "{told}");
    assert!(told.stderr.contains("no layer is to hold it"), "{told}");
}

/// The matrix of a specimen under a policy of these lines.
fn matrix(engine: Engine, policy: &str, specimen: &Specimen, arguments: &[&str]) -> Value {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("mine.toml");
    fs::write(&file, policy).unwrap();
    let path = [file.to_str().unwrap(), specimen.path.to_str().unwrap()];
    let told = hotcell(engine, "matrix", &[&["--format", "json", "--policy", path[0], path[1]], arguments].concat());
    assert_eq!(told.status, 0, "{told}");
    serde_json::from_str(&told.stdout).unwrap_or_else(|error| panic!("{told}\nno JSON: {error}"))
}

/// A plain container with one layer more, as the seeds' verifications have it.
fn the_one_layer_that_each_of_the_seeds_verifications_names_is_load_bearing(engine: Engine) {
    let pids =
        matrix(engine, "network = \"none\"\npids = 64\ntimeout = \"30s\"\n", &Specimen::fixture("fork-bomb.py"), &[]);
    assert_eq!(pids["load_bearing"], json!(["pids"]), "{pids:#}");
    let etc = matrix(
        engine,
        "network = \"none\"\nrootfs = true\ntimeout = \"30s\"\n",
        &Specimen::fixture("write-etc.py"),
        &[],
    );
    assert_eq!(etc["load_bearing"], json!(["rootfs"]), "{etc:#}");
    let specimen = Specimen::fixture_with("network.py", &format!("PORT = {}", host::greeter()));
    let policy = "network = \"none\"\ncaps = []\ntimeout = \"30s\"\n";
    let network = matrix(engine, policy, &specimen, &["--expose"]);
    assert_eq!(network["load_bearing"], json!(["network"]), "{network:#}");
    // Whoever has not asked for it is not shown the machine's network.
    let network = matrix(engine, policy, &specimen, &[]);
    let layer = network["layers"].as_array().unwrap().iter().find(|layer| layer["name"] == "network").unwrap();
    assert_eq!((&layer["without"]["run"], &layer["part"]), (&json!(false), &json!("not known")), "{network:#}");
    assert!(layer["without"]["exposes"][0].as_str().unwrap().contains("127.0.0.1"), "{network:#}");
    assert!(!network.to_string().contains("REACHED"), "{network:#}");
}

fn under_hardened_the_matrix_tells_who_stands_in_front_and_who_behind(engine: Engine) {
    let matrix = matrix(engine, "extends = \"hardened\"\n", &Specimen::fixture("write-etc.py"), &[]);
    assert_eq!((&matrix["in_front"], &matrix["behind"]), (&json!(["rootfs"]), &json!(["user"])), "{matrix:#}");
    assert_eq!(matrix["load_bearing"], json!([]), "{matrix:#}");
    assert_eq!(matrix["none"]["mark"], "REACHED", "{matrix:#}");
    assert_eq!(matrix["layers"].as_array().unwrap().len(), 16, "{matrix:#}");
}

/// One kernel for all runtimes but gVisor's, which has its own.
fn the_same_specimen_runs_over_every_runtime_side_by_side(engine: Engine) {
    let specimen = Specimen::fixture("runtime.py");
    let matrix = matrix(engine, "network = \"none\"\ntimeout = \"60s\"\n", &specimen, &["--runtimes"]);
    let marks = |name: &str| {
        let runtimes = matrix["runtimes"].as_array().unwrap();
        let runtime = runtimes.iter().find(|runtime| runtime["name"] == name).unwrap_or_else(|| panic!("{matrix:#}"));
        ["all", "none"].map(|one| runtime[one]["mark"].as_str().map(str::to_owned))
    };
    let (host, own) = (Some("REACHED".to_owned()), Some("HELD".to_owned()));
    assert_eq!(marks("runc"), [host.clone(), host], "{matrix:#}");
    assert_eq!(marks("runsc"), [own.clone(), own], "{matrix:#}");
}

#[test]
fn runtimes_stand_side_by_side_on_docker_and_without_a_daemon() {
    the_same_specimen_runs_over_every_runtime_side_by_side(Engine::Docker);
    the_same_specimen_runs_over_every_runtime_side_by_side(Engine::Embedded);
}

on_every_engine!(
    what_is_held_is_contained_and_the_layer_named_with_what_was_seen,
    what_is_not_held_is_told_and_the_exit_status_is_1,
    what_could_not_be_tested_is_no_pass,
    junit_is_well_formed_and_says_the_same,
    the_one_layer_that_each_of_the_seeds_verifications_names_is_load_bearing;
    embedded: under_hardened_the_matrix_tells_who_stands_in_front_and_who_behind,
);
