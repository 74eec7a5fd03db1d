//! The embedded engine of an ordinary user, on the real kernel: once for a user that has a range of ids set aside
//! (`hotcell-test`, which `scripts/setup.sh test` makes), once for one that has none. Where the kernel delegates control
//! groups is tried in tests/vm.

mod common;

use std::fs::{self, Permissions};
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use common::{Hotcell, Report, Specimen, Told, cell_directories, finish, own_uid, processes, processes_of, within};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;

/// Makes each test once for either user.
macro_rules! for_either_user {
    ($($test:ident),* $(,)? ; $(ranged: $($ranged:ident),*)? $(,)?) => {
        mod ranged {
            $(#[test] fn $test() { super::$test(&super::Person::ranged()); })*
            $($(#[test] fn $ranged() { super::$ranged(&super::Person::ranged()); })*)?
        }
        mod alone {
            $(#[test] fn $test() { super::$test(&super::Person::alone()); })*
        }
    };
}

for_either_user! {
    the_default_policy_runs_and_tells_what_it_lacks,
    the_network_layer_keeps_a_specimen_from_this_machines_loopback,
    the_rootfs_layer_keeps_the_cells_root_from_writing_etc,
    the_tmpfs_layer_bounds_tmp_and_lets_nothing_in_it_be_executed,
    the_caps_layer_takes_the_powers_over_the_cells_own_network,
    the_seccomp_layer_refuses_calls_and_names_them_with_their_lines,
    the_landlock_layer_hides_files,
    the_ulimits_layer_bounds_files_and_processes,
    the_user_namespace_is_there_whether_asked_for_or_not,
    the_ipc_layer_hides_this_machines_shared_memory,
    the_env_layer_keeps_this_machines_secrets,
    the_proc_masks_layer_hides_files_of_the_whole_machine,
    the_timeout_layer_ends_what_ignores_every_signal,
    the_output_layer_caps_what_is_kept,
    files_of_whoever_runs_hotcell_are_not_in_the_cell,
    a_specimen_cannot_kill_the_shim,
    native_enforcement_works_too,
    an_image_of_the_users_own_store_is_a_root,
    a_killed_hotcell_leaves_nothing,
    doctor_finds_the_machine_ready_and_tells_what_it_lacks;
    ranged: the_user_layer_makes_the_specimen_nobody, the_caps_layer_keeps_files_from_being_given_away
}

/// An ordinary user with a home and a run directory.
struct Person {
    uid: u32,
    gid: u32,
    has_range: bool,
    home: TempDir,
}

impl Person {
    /// Has 65536 ids set aside.
    fn ranged() -> Self {
        let users = fs::read_to_string("/etc/passwd").unwrap();
        let row = users.lines().find(|line| line.starts_with("hotcell-test:"));
        let row = row.expect("there is a user hotcell-test: scripts/setup.sh test");
        let ids: Vec<u32> = row.split(':').skip(2).take(2).map(|id| id.parse().unwrap()).collect();
        Self::with(ids[0], ids[1], true)
    }

    /// Has one id, which nobody else has.
    fn alone() -> Self {
        let uid = own_uid();
        Self::with(uid, uid, false)
    }

    fn with(uid: u32, gid: u32, has_range: bool) -> Self {
        // A short path: a socket's address has to hold it.
        let home = tempfile::tempdir_in("/var/tmp").unwrap();
        let person = Self { uid, gid, has_range, home };
        person.own(person.home.path());
        person
    }

    fn own(&self, path: &Path) {
        chown(path, Some(self.uid), Some(self.gid)).unwrap();
    }

    /// A command of this user, in an environment that is all its own.
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new("setpriv");
        let ids = [format!("--reuid={}", self.uid), format!("--regid={}", self.gid)];
        command.args(ids).args(["--clear-groups", program]).current_dir("/").stdin(Stdio::null());
        command.env_clear().env("PATH", "/usr/bin:/bin").env("HOME", self.home.path());
        command.env("XDG_RUNTIME_DIR", self.home.path());
        command
    }

    fn hotcell(&self) -> Command {
        self.command(env!("CARGO_BIN_EXE_hotcell"))
    }

    fn run(&self, arguments: &[&str]) -> Hotcell {
        let mut command = self.hotcell();
        command.args(["run", "--engine", "embedded"]).args(arguments);
        Hotcell::by("embedded", command)
    }

    fn bare(&self, arguments: &[&str]) -> Hotcell {
        self.run(&["--policy", "bare", "--layer", "timeout=60s"]).with(arguments)
    }

    /// Off it is reached, on it is held.
    fn prove(&self, layer: &str, setting: &str, more: &[&str], specimen: &Specimen) -> (Report, Report) {
        lend(specimen);
        let off = self.bare(more).report(specimen);
        off.reached().tells_layer(layer, false, false);
        let on = self.bare(more).with(&["--layer", &format!("{layer}={setting}")]).report(specimen);
        // The kernel has no way to read Landlock's rules back.
        on.held().tells_layer(layer, true, if layer == "landlock" { json!("unverified") } else { json!(true) });
        (off, on)
    }
}

/// Lets everybody read a specimen.
fn lend(specimen: &Specimen) {
    let directory = specimen.path.parent().unwrap();
    if directory.starts_with("/tmp") {
        fs::set_permissions(directory, Permissions::from_mode(0o755)).unwrap();
    }
}

fn python(code: &str) -> Specimen {
    let specimen = Specimen::python(code);
    lend(&specimen);
    specimen
}

fn the_default_policy_runs_and_tells_what_it_lacks(person: &Person) {
    let report = person.run(&[]).report(&Specimen::fixture("exfiltrate.py"));
    report.held();
    for layer in [
        "network",
        "rootfs",
        "tmpfs",
        "caps",
        "no-new-privs",
        "seccomp",
        "ulimits",
        "user",
        "ipc",
        "env",
        "proc-masks",
        "timeout",
        "output",
    ] {
        report.tells_layer(layer, true, true);
    }
    for layer in ["memory", "cpu", "pids"] {
        let reason = report.layer(layer)["unavailable"].as_str().unwrap_or_else(|| panic!("{layer}: {report}"));
        assert!(reason.contains("cgroup v1 delegates nothing to ordinary users"), "{report}");
        assert_ne!(report.layer(layer)["in_force"], true, "{report}");
    }
    let warnings = report.json["warnings"].to_string();
    assert_eq!(warnings.contains("is this user"), !person.has_range, "{report}");
    let detail = report.layer("user")["detail"].as_str().unwrap();
    assert_eq!(detail.contains("whoever runs hotcell"), !person.has_range, "{report}");
    assert!(report.json["memory_peak_bytes"].is_null(), "other processes' memory is not the cell's: {report}");
}

fn the_network_layer_keeps_a_specimen_from_this_machines_loopback(person: &Person) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || listener.incoming().for_each(|client| drop(client.unwrap().write_all(b"hello"))));
    let specimen = Specimen::fixture_with("network.py", &format!("PORT = {port}"));
    person.prove("network", "none", &[], &specimen);
}

fn the_rootfs_layer_keeps_the_cells_root_from_writing_etc(person: &Person) {
    let (_, on) = person.prove("rootfs", "on", &[], &Specimen::fixture("write-etc.py"));
    assert!(on.stdout().contains("Read-only file system"), "{on}");
}

fn the_tmpfs_layer_bounds_tmp_and_lets_nothing_in_it_be_executed(person: &Person) {
    person.prove("tmpfs", "50m", &[], &Specimen::fixture("tmpfs-exec.py"));
    person.prove("tmpfs", "50m", &[], &Specimen::fixture("tmpfs-fill.py"));
}

fn the_caps_layer_takes_the_powers_over_the_cells_own_network(person: &Person) {
    let more = ["--layer", "network=none"];
    person.prove("caps", "none", &more, &Specimen::fixture("caps-raw-socket.py"));
}

fn the_caps_layer_keeps_files_from_being_given_away(person: &Person) {
    person.prove("caps", "none", &[], &Specimen::fixture("caps-chown.py"));
}

fn the_seccomp_layer_refuses_calls_and_names_them_with_their_lines(person: &Person) {
    for call in ["keyctl", "mount", "ptrace", "unshare"] {
        let name = format!("seccomp-{call}.py");
        let (_, on) = person.prove("seccomp", "python", &[], &Specimen::fixture(&name));
        let denials = on.denials_of(call);
        assert_eq!(denials.len(), 1, "{on}");
        assert_eq!((&denials[0]["errno"], &denials[0]["count"]), (&json!("EPERM"), &json!(1)), "{on}");
        assert!(denials[0]["source"]["line"].is_u64(), "the line is found: {on}");
    }
}

fn the_landlock_layer_hides_files(person: &Person) {
    let rules = "read_exec=/usr:/lib:/lib64:/sandbox,write=/tmp,tcp=on";
    person.prove("landlock", rules, &[], &Specimen::fixture("landlock.py"));
}

fn the_ulimits_layer_bounds_files_and_processes(person: &Person) {
    person.prove("ulimits", "nofile=64", &[], &Specimen::fixture("nofile.py"));
    let more = ["--layer", "user=65534:65534", "--layer", "caps=none"];
    person.prove("ulimits", "nproc=32", &more, &Specimen::fixture("nproc.py"));
    let storm = person.run(&[]).report(&Specimen::fixture("fork-bomb.py"));
    storm.held();
    assert!(storm.stdout().contains("BlockingIOError"), "{storm}");
}

fn the_user_layer_makes_the_specimen_nobody(person: &Person) {
    let (_, on) = person.prove("user", "65534:65534", &["--layer", "caps=none"], &Specimen::fixture("write-etc.py"));
    assert!(!on.layer("user")["detail"].as_str().unwrap().contains("whoever"), "{on}");
}

fn the_user_namespace_is_there_whether_asked_for_or_not(person: &Person) {
    let specimen = Specimen::fixture("userns.py");
    person.bare(&[]).report(&specimen).held();
    person.bare(&["--layer", "userns=on"]).report(&specimen).held().tells_layer("userns", true, true);
    let hardened = person.run(&["--layer", "userns=on"]).report(&python("print('REACHED')"));
    hardened.reached().tells_layer("userns", true, true).tells_layer("user", true, true);
}

fn the_ipc_layer_hides_this_machines_shared_memory(person: &Person) {
    let made = person.command("ipcmk").args(["--shmem", "4096"]).output().unwrap();
    let id = String::from_utf8(made.stdout).unwrap().rsplit(' ').next().unwrap().trim().to_owned();
    // `key shmid ...`: proc_sysvipc(5).
    let table = fs::read_to_string("/proc/sysvipc/shm").unwrap();
    let row = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>()).find(|row| row[1] == id);
    let specimen = Specimen::fixture_with("ipc.py", &format!("KEY = {}", row.expect("the new segment is listed")[0]));
    person.prove("ipc", "on", &[], &specimen);
    assert!(Command::new("ipcrm").args(["--shmem-id", &id]).status().unwrap().success());
}

fn the_env_layer_keeps_this_machines_secrets(person: &Person) {
    let specimen = Specimen::fixture("env-secrets.py");
    let run = |more: &[&str]| person.bare(more).env("HOTCELL_TEST_SECRET", "not a secret").report(&specimen);
    run(&[]).reached().tells_layer("env", false, false);
    run(&["--layer", "env=on"]).held().tells_layer("env", true, true);
}

fn the_proc_masks_layer_hides_files_of_the_whole_machine(person: &Person) {
    person.prove("proc-masks", "on", &[], &Specimen::fixture("proc-masks.py"));
}

fn the_timeout_layer_ends_what_ignores_every_signal(person: &Person) {
    let code = "import os, signal, time\nfor number in range(1, 65):\n    try:\n        signal.signal(number, signal.SIG_IGN)\n    \
                except (OSError, ValueError):\n        pass\nos.fork()\nos.setsid() if os.getpid() != os.getpgrp() else 0\n\
                print('staying', flush=True)\ntime.sleep(60)\nprint('REACHED')";
    let report = person.run(&["--timeout", "700ms"]).report(&python(code));
    report.tells_layer("timeout", true, true).met("timeout", "deadline");
    assert_eq!((report.status(), &report.json["timed_out"]), (124, &json!(true)), "{report}");
    assert!((700.0..1700.0).contains(&report.duration_ms()), "{report}");
}

fn the_output_layer_caps_what_is_kept(person: &Person) {
    let specimen = Specimen::fixture_with("output-flood.py", "BYTES = 1_000_000");
    lend(&specimen);
    let on = person.bare(&["--layer", "output=5000,stderr=2000"]).report(&specimen);
    on.tells_layer("output", true, true).met("output", "stdout cut");
    assert_eq!((on.stdout().len(), &on.json["stdout_bytes"]), (5000, &json!(1_000_000)), "{on}");
}

/// Even with no layer on: the cell has its own root, and no other's processes.
fn files_of_whoever_runs_hotcell_are_not_in_the_cell(person: &Person) {
    let secret = person.home.path().join("secret");
    fs::write(&secret, "secret").unwrap();
    person.own(&secret);
    let code = format!(
        "import os\nfound = os.path.exists('{}') or os.path.exists('{}')\n\
         pids = [int(pid) for pid in os.listdir('/proc') if pid.isdigit()]\n\
         roots = sum(os.path.exists(f'/proc/{{pid}}/root/home') for pid in pids)\n\
         print('EXPOSED' if found or roots or len(pids) > 3 else 'REACHED')",
        secret.display(),
        person.home.path().display()
    );
    person.bare(&[]).report(&python(&code)).reached();
    person.run(&[]).report(&python(&code)).reached();
}

fn a_specimen_cannot_kill_the_shim(person: &Person) {
    let code = "import os, signal\nchild = os.fork() or signal.pause()\nos.kill(1, signal.SIGKILL)\n\
                os.kill(1, signal.SIGTERM)\nos.kill(-1, signal.SIGKILL)\nos.waitpid(child, 0)\n\
                try:\n    open('/proc/1/mem', 'rb')\n    print('EXPOSED')\nexcept OSError:\n    print('REACHED')";
    person.run(&[]).report(&python(code)).reached();
}

fn native_enforcement_works_too(person: &Person) {
    let report = person.run(&["--native"]).report(&Specimen::fixture("exfiltrate.py"));
    report.held();
    assert!(report.layer("seccomp")["in_force"] != false, "{report}");
}

fn an_image_of_the_users_own_store_is_a_root(person: &Person) {
    let archive = person.home.path().join("rootfs.tar");
    let script =
        "d=$(mktemp -d) && mkdir $d/mark && cp -a /bin/busybox $d/busybox && tar -C $d -cf \"$1\" . && rm -r $d";
    let made = Command::new("sh").args(["-c", script, "sh"]).arg(&archive).status().unwrap();
    assert!(made.success(), "busybox is installed: scripts/setup.sh test");
    let imported = person.hotcell().args(["image", "import", "--name", "tiny"]).arg(&archive).output().unwrap();
    assert!(imported.status.success(), "{}", String::from_utf8_lossy(&imported.stderr));
    let specimen = Specimen::c(
        "#include <stdio.h>\n#include <sys/stat.h>\nint main(void) { struct stat s; \
         int fresh = mkdir(\"/fresh\", 0755); puts(stat(\"/mark\", &s) ? \"no image\" : fresh ? \"HELD\" : \"REACHED\"); \
         return fresh ? 1 : 0; }",
    );
    lend(&specimen);
    person.prove("rootfs", "on", &["--image", "tiny"], &specimen);
}

fn a_killed_hotcell_leaves_nothing(person: &Person) {
    let specimen = python(
        "import os, time\nos.fork()\nos.setsid() if os.getpid() != 2 else 0\nprint('up', flush=True)\ntime.sleep(60)",
    );
    let mut hotcell = person.run(&["--format", "jsonl"]).with(&[&specimen.path]);
    let mut child = hotcell.start();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let started = lines.find_map(|line| {
        let event: Value = serde_json::from_str(&line.unwrap()).unwrap();
        (event["event"] == "started").then(|| event["pid"].as_i64().unwrap())
    });
    let root = fs::read_link(format!("/proc/{}/ns/pid", started.unwrap())).unwrap();
    let in_cell = || processes(|path| fs::read_link(path.join("ns/pid")).is_ok_and(|space| space == root));
    assert!(in_cell().len() >= 2, "the shim and the specimen");
    kill_process(Pid::from_child(&child), Signal::KILL).unwrap();
    finish(child, "hotcell, killed");
    let run_dir = person.home.path().join("hotcell");
    within(Duration::from_secs(10), || {
        let (cell, left) = (in_cell(), cell_directories(&run_dir));
        let own = if person.has_range { Vec::new() } else { processes_of(person.uid) };
        if cell.is_empty() && left.is_empty() && own.is_empty() {
            return Ok(());
        }
        Err(format!("processes {cell:?} {own:?}, directories {left:?}"))
    });
}

fn doctor_finds_the_machine_ready_and_tells_what_it_lacks(person: &Person) {
    let mut command = person.hotcell();
    command.arg("doctor");
    let Told { status, stdout, .. } = Hotcell::by("embedded", command).told();
    assert_eq!(status, 0, "{stdout}");
    assert!(stdout.contains("Ready:") && stdout.contains("with embedded"), "{stdout}");
    assert!(stdout.contains("cgroup v1 delegates nothing to ordinary users"), "{stdout}");
}

/// The kernel's own switch is everybody's: what hotcell reads of it is another file, in a mount namespace.
#[test]
fn where_user_namespaces_are_off_the_switch_is_named() {
    let person = Person::alone();
    let switch = person.home.path().join("switch");
    fs::write(&switch, "0\n").unwrap();
    let script = "mount --bind \"$1\" /proc/sys/user/max_user_namespaces && shift && exec \"$@\"";
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-c", script, "sh"]).arg(switch).arg("setpriv");
    command.args([format!("--reuid={}", person.uid), format!("--regid={}", person.gid)]);
    command.args(["--clear-groups", env!("CARGO_BIN_EXE_hotcell"), "run", "--engine", "embedded"]);
    command.arg(Specimen::fixture("deadline.py").path).env_clear().env("PATH", "/usr/bin:/bin");
    command.env("HOME", person.home.path()).env("XDG_RUNTIME_DIR", person.home.path());
    let told = Hotcell::by("embedded", command).told();
    assert_eq!(told.status, 125, "{told}");
    assert!(told.stderr.contains("user.max_user_namespaces is 0") && told.stderr.contains("sysctl -w"), "{told}");
}
