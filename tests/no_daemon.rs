//! A machine without Docker and Podman, for real: hotcell in a mount namespace in which their sockets are not there.

use std::process::{Command, Output};

/// Tries to send what it finds away.
const SPECIMEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/exfiltrate.py");

/// Runs hotcell where no daemon can be reached and nothing in the environment names one.
fn without_daemons(arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    let script = "mount --make-rprivate / && mount -t tmpfs none /run && exec \"$@\"";
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-c", script, "sh", env!("CARGO_BIN_EXE_hotcell")]).args(arguments);
    command.env_clear().env("PATH", "/usr/sbin:/usr/bin").env("HOME", "/nonexistent").envs(variables.iter().copied());
    command.output().expect("unshare is installed: scripts/setup.sh test")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn hotcell_runs_a_specimen_by_itself_and_shows_what_was_denied() {
    let output = without_daemons(&["run", SPECIMEN], &[]);
    let told = text(&output.stderr);
    assert!(told.contains("cell      embedded"), "{told}");
    assert!(told.contains("denied") && told.contains("connect"), "{told}");
    assert!(told.contains("in force  16 layers"), "{told}");
}

#[test]
fn hotcell_doctor_finds_the_machine_ready() {
    let output = without_daemons(&["doctor"], &[]);
    let told = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{told}");
    assert!(told.contains("embedded 0.7") && told.contains("Ready:") && told.contains("with embedded"), "{told}");
    assert!(told.contains("libcontainer (default)") && told.contains("this machine's own programs"), "{told}");
}

#[test]
fn an_engine_that_was_named_is_never_fallen_away_from() {
    for (variable, address) in
        [("DOCKER_HOST", "unix:///nonexistent/docker.sock"), ("CONTAINER_HOST", "unix:///nonexistent/podman.sock")]
    {
        let output = without_daemons(&["run", SPECIMEN], &[(variable, address)]);
        let told = text(&output.stderr);
        assert_eq!(output.status.code(), Some(125), "{told}");
        assert!(told.contains(address) && output.stdout.is_empty(), "{told}");
    }
    let output = without_daemons(&["run", "--engine", "docker", SPECIMEN], &[]);
    assert_eq!(output.status.code(), Some(125), "{}", text(&output.stderr));
    let output = without_daemons(&["run", SPECIMEN], &[("HOTCELL_ENGINE", "podman")]);
    assert_eq!(output.status.code(), Some(125), "{}", text(&output.stderr));
    let output = without_daemons(&["run", SPECIMEN], &[("HOTCELL_ENGINE", "embedded")]);
    assert!(text(&output.stderr).contains("cell      embedded"), "{}", text(&output.stderr));
}
