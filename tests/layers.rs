//! Each layer proven by a pair: with the layer off a specimen reaches what it tries, with
//! that one layer on it is held; and `in_force`, read from the kernel, is right in both.
//! Real engines, real kernel; `scripts/with-engines.sh` starts them.

mod common;

use std::fs;
use std::time::{Duration, Instant};

use common::host::{self, Segment};
use common::liar::Liar;
use common::{Engine, Hotcell, Report, Specimen, on_every_engine, own_uid};
use serde_json::{Value, json};

/// The specimen with no layer on but a deadline, and then with `layer` too.
fn pair(engine: Engine, layer: &str, setting: &str, more: &[&str], specimen: &Specimen) -> (Report, Report) {
    let off = Hotcell::bare(engine).with(more).report(specimen);
    let on = Hotcell::bare(engine).with(more).with(&["--layer", &format!("{layer}={setting}")]).report(specimen);
    off.tells_layer(layer, false, false);
    // The kernel has no way to read Landlock's rules back.
    on.tells_layer(layer, true, if layer == "landlock" { json!("unverified") } else { json!(true) });
    (off, on)
}

/// Off it is reached, on it is held.
fn prove(engine: Engine, layer: &str, setting: &str, more: &[&str], specimen: &Specimen) -> (Report, Report) {
    let (off, on) = pair(engine, layer, setting, more, specimen);
    off.reached();
    on.held();
    (off, on)
}

/// A user of the test's own, as a setting.
fn user() -> (u32, String) {
    let uid = own_uid();
    (uid, format!("user={uid}:{uid}"))
}

/// The port of a listener of this machine's, and who looks for it.
fn greeter() -> (u16, Specimen) {
    let port = host::greeter();
    (port, Specimen::fixture_with("network.py", &format!("PORT = {port}")))
}

fn the_network_layer_keeps_a_specimen_from_this_machines_loopback(engine: Engine) {
    let (_, specimen) = greeter();
    prove(engine, "network", "none", &[], &specimen);
    let hardened = Hotcell::hardened(engine).with(&["--without", "seccomp"]).report(&specimen);
    hardened.held().tells_layer("network", true, true).tells_layer("seccomp", false, false);
    assert_eq!(hardened.json["denials_observable"], false, "{hardened}");
}

fn without_a_network_the_cell_has_its_own_loopback(engine: Engine) {
    let specimen = Specimen::python(
        "import socket\ns = socket.create_server(('127.0.0.1', 0))\nsocket.create_connection(s.getsockname()).send(b'x')\nprint(s.accept()[0].recv(1))",
    );
    let report = Hotcell::hardened(engine).with(&["--layer", "seccomp=docker-default"]).report(&specimen);
    report.tells_layer("network", true, true);
    assert_eq!(report.stdout(), "b'x'\n", "{report}");
}

fn a_refused_connect_shows_the_decoded_address(engine: Engine) {
    let (port, specimen) = greeter();
    let report = Hotcell::hardened(engine).report(&specimen);
    report.held().tells_layer("network", true, true).tells_layer("seccomp", true, true);
    let denials = report.denials_of("connect");
    assert_eq!(denials.len(), 1, "{report}");
    let address = &denials[0]["args"][1];
    assert!(address.as_str().unwrap().contains(&format!("127.0.0.1:{port}")), "{report}");
    assert_eq!((&denials[0]["errno"], &denials[0]["layer"]), (&json!("EPERM"), &json!("seccomp")), "{report}");
}

fn the_rootfs_layer_keeps_root_from_writing_etc(engine: Engine) {
    let (_, on) = prove(engine, "rootfs", "on", &[], &Specimen::fixture("write-etc.py"));
    assert!(on.stdout().contains("Read-only file system"), "{on}");
}

fn the_tmpfs_layer_lets_nothing_in_tmp_be_executed(engine: Engine) {
    let specimen = Specimen::fixture("tmpfs-exec.py");
    prove(engine, "tmpfs", "50m", &[], &specimen);
    Hotcell::bare(engine)
        .with(&["--layer", "tmpfs=50m,exec=on"])
        .report(&specimen)
        .reached()
        .tells_layer("tmpfs", true, true);
}

fn the_tmpfs_layer_bounds_what_tmp_holds(engine: Engine) {
    let specimen = Specimen::fixture("tmpfs-fill.py");
    prove(engine, "tmpfs", "50m", &[], &specimen);
    Hotcell::bare(engine).with(&["--layer", "tmpfs=100m"]).report(&specimen).reached().tells_layer("tmpfs", true, true);
}

fn the_memory_layer_kills_what_takes_too_much(engine: Engine) {
    let (off, on) = pair(engine, "memory", "128m", &[], &Specimen::fixture("memory.py"));
    off.reached();
    assert_eq!(off.json["oom_killed"], false, "{off}");
    assert_eq!(on.status(), 137, "{on}");
    assert_eq!((&on.json["signal"], &on.json["exit_code"]), (&json!(9), &Value::Null), "{on}");
    assert_eq!(on.json["oom_killed"], true, "{on}");
    on.met("memory", "OOM kill").met("memory", "memory maximum hit");
    assert!(!on.stdout().contains("128 MiB"), "{on}");
    let peak = on.json["memory_peak_bytes"].as_u64().unwrap();
    assert!((100 << 20..=128 << 20).contains(&peak), "{on}");
}

fn the_cpu_layer_throttles(engine: Engine) {
    let (off, on) = pair(engine, "cpu", "0.2", &[], &Specimen::fixture("cpu-burn.py"));
    assert!(off.limit("CPU throttled").is_none(), "{off}");
    on.held().met("cpu", "CPU throttled");
    let share = |report: &Report| report.json["cpu_ms"].as_f64().unwrap() / report.duration_ms();
    assert!(share(&on) < 0.3, "{on}");
    assert!(share(&off) > share(&on), "{off}");
}

/// The same run without the layer and with it; `None` where the engine's files come through a process of its own, and
/// hotcell says so: then nothing slows them.
fn io_pair(engine: Engine, specimen: &Specimen) -> Option<(Report, Report)> {
    let run = |options: &[&str]| Hotcell::bare(engine).with(&["--layer", "timeout=60s"]).with(options).report(specimen);
    let (off, on) = (run(&[]), run(&["--layer", "io=4m"]));
    off.tells_layer("io", false, false);
    let lacking = on.layer("io")["unavailable"].as_str();
    assert!(lacking.is_none_or(|reason| engine == Engine::Docker && reason.contains("FUSE")), "{on}");
    on.tells_layer("io", true, lacking.is_none());
    lacking.is_none().then_some((off, on))
}

fn the_io_layer_slows_reading_or_says_why_not(engine: Engine) {
    if let Some((off, on)) = io_pair(engine, &Specimen::fixture("disk-read.py")) {
        assert!(off.reached().limit("disk rate reached").is_none(), "{off}");
        on.held().met("io", "disk rate reached");
    }
}

/// Asks for 64 MiB of a disk at once, which take a minute at the rate.
const GREEDY: &str = "
import mmap, os, threading
with open('/proc/self/maps') as maps:
    mapped = {line.split()[-1] for line in maps if '/lib' in line or '/bin' in line}
largest = max(mapped, key=os.path.getsize)
piece = mmap.mmap(-1, 1 << 22)
def read():
    os.preadv(os.open(largest, os.O_RDONLY | os.O_DIRECT), [piece], 0)
for _ in range(16):
    threading.Thread(target=read).start()
";

fn the_io_layer_keeps_no_specimen_beyond_its_deadline(engine: Engine) {
    let started = Instant::now();
    let report = Hotcell::bare(engine).with(&["--layer", "io=1m", "--timeout", "1s"]).report(&Specimen::python(GREEDY));
    if report.layer("io")["unavailable"].is_null() {
        report.tells_layer("io", true, true);
        assert_eq!(report.status(), 124, "{report}");
        assert!(started.elapsed() < Duration::from_secs(15), "{:?}: {report}", started.elapsed());
    }
}

/// Writes 8 MiB past the kernel's cache. In a cell of the embedded engine nothing that can be written lies on a disk.
const WRITER: &str = "
import mmap, os, time
file = os.open('/hotcell-io', os.O_WRONLY | os.O_CREAT | os.O_DIRECT, 0o600)
os.unlink('/hotcell-io')
piece = mmap.mmap(-1, 1 << 18)
start = time.monotonic()
for at in range(32):
    os.pwritev(file, [piece], at << 18)
print(f'{time.monotonic() - start:.3f}')
";

fn the_io_layer_slows_writing_or_says_why_not(engine: Engine) {
    if let Some((off, on)) = io_pair(engine, &Specimen::python(WRITER)) {
        let took = |report: &Report| report.stdout().trim().parse::<f64>().unwrap_or_else(|_| panic!("{report}"));
        let (off, on) = (took(&off), took(&on));
        assert!(on > 1.5 && on > 2.0 * off, "{off} s without, {on} s with");
    }
}

fn the_pids_layer_bounds_threads(engine: Engine) {
    // Podman has a limit of its own where none is asked for, and hotcell says so.
    let specimen = Specimen::fixture("pids.py");
    Hotcell::bare(engine).report(&specimen).reached();
    let on = Hotcell::bare(engine).with(&["--layer", "pids=64"]).report(&specimen);
    on.held().tells_layer("pids", true, true).met("pids", "fork refused");
    assert!(on.json["pids_peak"].as_u64().unwrap() <= 64, "{on}");
}

fn a_pids_limit_that_only_the_engine_set_is_told_as_not_asked(engine: Engine) {
    let report = Hotcell::bare(engine).report(&Specimen::python("print(1)"));
    report.tells_layer("pids", false, engine == Engine::Podman);
}

fn a_fork_bomb_ends_quickly_and_the_pids_limit_is_told(engine: Engine) {
    let specimen = Specimen::fixture("fork-bomb.py");
    let (user, ids) = user();
    let off = Hotcell::bare(engine).with(&["--layer", &ids]).report(&specimen);
    off.reached();
    let on = Hotcell::at(&engine.address()).with(&["--layer", &ids, "--without", "ulimits"]).report(&specimen);
    on.held().met("pids", "fork refused").tells_layer("pids", true, true).tells_layer("ulimits", false, false);
    assert!(on.stdout().contains("BlockingIOError"), "{on}");
    assert!(on.duration_ms() < 3000.0, "quickly: {on}");
    assert!(common::processes_of(user).is_empty(), "{on}");
}

fn the_caps_layer_takes_roots_powers(engine: Engine) {
    for name in ["caps-chown.py", "caps-mknod.py", "caps-raw-socket.py"] {
        prove(engine, "caps", "none", &[], &Specimen::fixture(name));
    }
    // The one that is kept works, and no other.
    let keep = |name: &str| Hotcell::bare(engine).with(&["--layer", "caps=CAP_CHOWN"]).report(&Specimen::fixture(name));
    keep("caps-chown.py").reached().tells_layer("caps", true, true);
    keep("caps-mknod.py").held().tells_layer("caps", true, true);
}

fn the_no_new_privs_layer_makes_set_user_id_programs_ordinary(engine: Engine) {
    let (_, ids) = user();
    let specimen = Specimen::fixture("setuid.py");
    let more = ["--image", "hotcell-probe", "--layer", &ids, "--layer", "caps=none"];
    prove(engine, "no-new-privs", "on", &more, &specimen);
}

fn a_filter_of_an_ordinary_user_brings_no_new_privs_and_hotcell_says_so(engine: Engine) {
    let (_, ids) = user();
    let more = ["--image", "hotcell-probe", "--layer", &ids, "--layer", "caps=none", "--layer", "seccomp=python"];
    let report = Hotcell::bare(engine).with(&more).report(&Specimen::fixture("setuid.py"));
    report.held().tells_layer("no-new-privs", false, true);
    assert!(report.layer("no-new-privs")["detail"].as_str().unwrap().contains("all the same"), "{report}");
}

fn the_seccomp_layer_refuses_calls_and_names_them(engine: Engine) {
    for call in ["keyctl", "mount", "ptrace", "unshare"] {
        let specimen = Specimen::fixture(&format!("seccomp-{call}.py"));
        let (off, on) = prove(engine, "seccomp", "python", &[], &specimen);
        assert!(off.denials().is_empty() && off.json["denials_observable"] == false, "{off}");
        let denials = on.denials_of(call);
        assert_eq!(denials.len(), 1, "{on}");
        assert_eq!((&denials[0]["errno"], &denials[0]["count"]), (&json!("EPERM"), &json!(1)), "{on}");
        assert_eq!(on.json["denials_observable"], true, "{on}");
    }
}

fn the_landlock_layer_hides_files_and_refuses_tcp(engine: Engine) {
    let rules = "read_exec=/usr:/lib:/lib64:/sandbox,write=/tmp,tcp=on";
    prove(engine, "landlock", rules, &[], &Specimen::fixture("landlock.py"));
    let (_, network) = greeter();
    prove(engine, "landlock", rules, &[], &network);
}

fn the_ulimits_layer_bounds_open_files(engine: Engine) {
    prove(engine, "ulimits", "nofile=64", &[], &Specimen::fixture("nofile.py"));
}

fn the_ulimits_layer_bounds_a_users_processes(engine: Engine) {
    let (_, ids) = user();
    // Podman gives a user all capabilities where none are dropped, and with CAP_SYS_RESOURCE there is no limit.
    let more = ["--layer", &ids, "--layer", "caps=none"];
    let (off, on) = prove(engine, "ulimits", "nproc=32", &more, &Specimen::fixture("nproc.py"));
    assert!(off.limit("RLIMIT_NPROC reached").is_none(), "{off}");
    on.met("ulimits", "RLIMIT_NPROC reached");
    let at = on.limit("RLIMIT_NPROC reached").unwrap()["at_ms"].as_f64().unwrap();
    assert!(at <= on.duration_ms(), "it was met while the specimen ran: {on}");
}

fn the_user_layer_keeps_roots_files_from_the_specimen(engine: Engine) {
    // Podman gives a user all capabilities where none are dropped, and with those every file.
    prove(engine, "user", "65534:65534", &["--layer", "caps=none"], &Specimen::fixture("user.py"));
}

fn the_ipc_layer_hides_this_machines_shared_memory(engine: Engine) {
    let segment = Segment::make();
    let specimen = Specimen::fixture_with("ipc.py", &format!("KEY = {}", segment.key));
    prove(engine, "ipc", "on", &[], &specimen);
}

fn the_env_layer_keeps_this_machines_secrets(engine: Engine) {
    let specimen = Specimen::fixture("env-secrets.py");
    let run = |arguments: &[&str]| {
        Hotcell::bare(engine).with(arguments).env("HOTCELL_TEST_SECRET", "not a secret").report(&specimen)
    };
    run(&[]).reached().tells_layer("env", false, false);
    run(&["--layer", "env=on"]).held().tells_layer("env", true, true);
}

fn the_proc_masks_layer_hides_files_of_the_whole_machine(engine: Engine) {
    prove(engine, "proc-masks", "on", &[], &Specimen::fixture("proc-masks.py"));
}

fn the_timeout_layer_ends_what_stays(engine: Engine) {
    let specimen =
        Specimen::python("import time\nprint('staying', flush=True)\ntime.sleep(1.5)\nprint('REACHED: stayed')");
    let off = Hotcell::bare(engine).with(&["--without", "timeout"]).report(&specimen);
    off.reached().tells_layer("timeout", false, false);
    let on = Hotcell::bare(engine).with(&["--timeout", "500ms"]).report(&specimen);
    on.tells_layer("timeout", true, true).met("timeout", "deadline");
    assert_eq!((on.status(), &on.json["timed_out"], on.stdout()), (124, &json!(true), "staying\n"), "{on}");
    assert!((500.0..1500.0).contains(&on.duration_ms()), "{on}");
}

fn the_output_layer_caps_what_is_kept_and_counts_the_rest(engine: Engine) {
    let specimen = Specimen::fixture_with("output-flood.py", "BYTES = 1_000_000");
    let off = Hotcell::bare(engine).report(&specimen);
    off.tells_layer("output", false, false);
    assert_eq!((off.stdout().len(), &off.json["truncated"]), (1_000_000, &json!(false)), "at {engine:?}");
    let on = Hotcell::bare(engine).with(&["--layer", "output=5000,stderr=2000"]).report(&specimen);
    on.tells_layer("output", true, true).met("output", "stdout cut");
    assert_eq!((on.stdout().len(), &on.json["truncated"]), (5000, &json!(true)), "{on}");
    assert_eq!(on.json["stdout_bytes"], 1_000_000, "{on}");
    assert_eq!((on.status(), on.json["stderr"].as_str().unwrap()), (0, "REACHED: wrote 1000000 bytes\n"), "{on}");
}

fn a_layer_that_cannot_be_had_here_is_told_with_the_reason(engine: Engine) {
    let report = Hotcell::hardened(engine).report(&Specimen::python("print(1)"));
    for (layer, security, reason) in [
        ("apparmor", "/sys/kernel/security/apparmor", "AppArmor is not enabled"),
        ("selinux", "/sys/fs/selinux/enforce", "SELinux is not enabled"),
    ] {
        assert!(!fs::exists(security).unwrap(), "this kernel has {layer}: test it with a pair, as the machine does");
        report.tells_layer(layer, true, false);
        assert!(report.layer(layer)["unavailable"].as_str().unwrap().contains(reason), "{report}");
    }
}

#[test]
fn docker_without_userns_remap_says_that_there_is_no_user_namespace() {
    let specimen = Specimen::fixture("userns.py");
    let report = Hotcell::bare(Engine::Docker).with(&["--layer", "userns=on"]).report(&specimen);
    report.reached().tells_layer("userns", true, false);
    let reason = report.layer("userns")["unavailable"].as_str().unwrap();
    assert!(reason.contains("userns-remap"), "{report}");
}

#[test]
fn gvisor_runs_under_docker_and_says_that_denials_cannot_be_observed() {
    gvisor_runs_the_specimen_and_says_that_denials_cannot_be_observed(Engine::Docker);
}

#[test]
fn gvisor_under_docker_applies_the_profile() {
    gvisor_applies_the_profile(Engine::Docker);
}

#[test]
fn gvisor_under_docker_answers_with_its_own_kernel() {
    gvisor_answers_with_its_own_kernel(Engine::Docker);
}

fn a_user_namespace_is_had_and_its_root_is_nobody_on_this_machine(engine: Engine) {
    prove(engine, "userns", "on", &[], &Specimen::fixture("userns.py"));
    // Also a user beyond the first 65536, and everything else on.
    let report =
        Hotcell::hardened(engine).with(&["--layer", "userns=on"]).report(&Specimen::python("print('REACHED')"));
    report
        .reached()
        .tells_layer("userns", true, true)
        .tells_layer("user", true, true)
        .tells_layer("seccomp", true, true);
}

fn a_bridge_that_cannot_be_had_leaves_the_cell_without_a_network(engine: Engine) {
    let (_, specimen) = greeter();
    let report = Hotcell::bare(engine).with(&["--layer", "network=bridge"]).report(&specimen);
    report.held().tells_layer("network", true, true);
    assert!(report.layer("network")["unavailable"].as_str().unwrap().contains("no bridge"), "{report}");
}

fn set_user_id_programs_of_this_machine_are_ordinary_in_its_view(engine: Engine) {
    let code = "import os\nmounts = [line.split() for line in open('/proc/self/mountinfo')]\n\
                programs = [m[5] for m in mounts if m[4] == '/usr']\n\
                print('REACHED' if programs and all('nosuid' in p and 'nodev' in p for p in programs) else mounts)\n";
    for root in ["rootfs=on", "rootfs=off"] {
        Hotcell::bare(engine).with(&["--layer", root]).report(&Specimen::python(code)).reached();
    }
}

/// With the root writable, the machine's own programs can be changed in the cell, and stay as they are.
fn a_writable_root_is_written_in_the_cell_alone(engine: Engine) {
    let mark = format!("hotcell-{}", std::process::id());
    let code = format!(
        "import os\nfor place in ('/usr/bin', '/usr/lib', '/etc', '/var/tmp', '/'):\n\
         \x20   open(os.path.join(place, '{mark}'), 'w').write('x')\n\
         os.unlink('/usr/bin/python3')\nopen('/usr/bin/env', 'w').write('mine')\nprint('REACHED')\n"
    );
    let env = fs::read("/usr/bin/env").unwrap();
    let report = Hotcell::bare(engine).report(&Specimen::python(&code));
    report.reached().tells_layer("rootfs", false, false);
    for place in ["/usr/bin", "/usr/lib", "/etc", "/var/tmp", "/"] {
        assert!(!std::path::Path::new(place).join(&mark).exists(), "{place} of this machine was written");
    }
    assert!(fs::exists("/usr/bin/python3").unwrap() && fs::read("/usr/bin/env").unwrap() == env);
}

/// Podman takes its range of ids from the user `containers`; where there is none it must say so.
#[test]
fn podman_gives_a_user_namespace_or_says_what_it_lacks() {
    let specimen = Specimen::fixture("userns.py");
    let has_range = fs::read_to_string("/etc/subuid").unwrap_or_default().contains("containers:");
    let report = Hotcell::bare(Engine::Podman).with(&["--layer", "userns=on"]).report(&specimen);
    if has_range {
        report.held().tells_layer("userns", true, true);
    } else {
        report.reached().tells_layer("userns", true, false);
        assert!(report.layer("userns")["unavailable"].as_str().unwrap().contains("/etc/subuid"), "{report}");
    }
    Hotcell::bare(Engine::Podman).report(&specimen).reached().tells_layer("userns", false, false);
}

fn gvisor_runs_the_specimen_and_says_that_denials_cannot_be_observed(engine: Engine) {
    let specimen = Specimen::python("import sys\nprint('to stdout')\nprint('to stderr', file=sys.stderr)\nsys.exit(7)");
    let report = Hotcell::hardened(engine).with(&["--layer", "runtime=runsc", "--timeout", "60s"]).report(&specimen);
    assert_eq!((report.status(), &report.json["exit_code"]), (7, &json!(7)), "{report}");
    assert_eq!((report.stdout(), &report.json["stderr"]), ("to stdout\n", &json!("to stderr\n")), "{report}");
    assert_eq!((&report.json["runtime"], &report.json["enforcement"]), (&json!("runsc"), &json!("native")), "{report}");
    assert_eq!(report.json["denials_observable"], false, "{report}");
    assert!(report.json["denials_note"].as_str().unwrap().contains("not observable on runsc"), "{report}");
    for layer in ["memory", "pids"] {
        report.tells_layer(layer, true, true);
    }
    for layer in ["network", "seccomp", "caps", "rootfs", "runtime"] {
        report.tells_layer(layer, true, "unverified");
    }
}

/// It leaves a profile out unless it is told otherwise; what its kernel does cannot be read from here.
fn gvisor_applies_the_profile(engine: Engine) {
    let specimen = Specimen::fixture("bind-shell.py");
    let runsc = ["--layer", "runtime=runsc", "--timeout", "60s"];
    Hotcell::hardened(engine).with(&runsc).report(&specimen).held();
    Hotcell::hardened(engine).with(&runsc).with(&["--without", "seccomp"]).report(&specimen).reached();
}

fn gvisor_answers_with_its_own_kernel(engine: Engine) {
    let specimen = Specimen::fixture("runtime.py");
    Hotcell::bare(engine).report(&specimen).reached().tells_layer("runtime", false, false);
    Hotcell::bare(engine).with(&["--layer", "runtime=runsc"]).report(&specimen).held();
}

fn the_paranoid_policy_takes_gvisor_where_the_engine_lets_it_choose(engine: Engine) {
    // gVisor's own threads count as the cell's: with fewer than 48 it hangs at its start.
    let arguments = ["--policy", "paranoid", "--timeout", "60s"];
    let report = Hotcell::at(&engine.address()).with(&arguments).report(&Specimen::python("print('REACHED')"));
    report.reached();
    if engine == Engine::Podman {
        report.tells_layer("runtime", true, false).tells_layer("seccomp", true, true);
        let reason = report.layer("runtime")["unavailable"].as_str().unwrap();
        assert!(reason.contains("podman's API takes no runtime"), "{report}");
    } else {
        report.tells_layer("runtime", true, "unverified");
    }
}

fn under_native_enforcement_the_engines_own_filter_holds_and_nothing_is_seen(engine: Engine) {
    let specimen = Specimen::fixture("seccomp-keyctl.py");
    let report = Hotcell::hardened(engine).with(&["--native"]).report(&specimen);
    report.held();
    assert_eq!((&report.json["enforcement"], &report.json["denials_observable"]), (&json!("native"), &json!(false)));
    assert!(report.json["denials_note"].as_str().unwrap().contains("native enforcement"), "{report}");
    assert!(report.denials().is_empty(), "{report}");
}

fn a_layer_that_the_engine_silently_drops_is_told_as_not_in_force(engine: Engine) {
    let liar =
        Liar::before(&engine.socket(), if engine == Engine::Docker { drop_everything } else { drop_all_of_podmans });
    let report = Hotcell::at(&liar.address()).with(&["--layer", "io=4m"]).report(&Specimen::python("print('REACHED')"));
    report.reached();
    if report.layer("io")["unavailable"].is_null() {
        report.tells_layer("io", true, false);
    }
    for dropped in DROPPED {
        if engine == Engine::Podman && ENGINES_OWN.contains(dropped) {
            continue;
        }
        report.tells_layer(dropped, true, false);
    }
    for the_shims in ["seccomp", "ulimits", "no-new-privs"] {
        report.tells_layer(the_shims, true, true);
    }
    let text = Hotcell::at(&liar.address()).text(&Specimen::python("print('REACHED')"));
    let line = text.stderr.lines().find(|line| line.contains("network")).unwrap_or_default();
    assert!(line.contains("not in force"), "{text}");
}

const DROPPED: &[&str] = &["network", "rootfs", "tmpfs", "memory", "cpu", "pids", "caps", "user", "ipc", "proc-masks"];

/// What Podman has where nothing is asked for.
const ENGINES_OWN: &[&str] = &["pids", "ipc"];

fn drop_everything(asked: &mut Value) {
    asked["User"] = json!("0:0");
    let host = &mut asked["HostConfig"];
    host["ReadonlyRootfs"] = json!(false);
    host["Tmpfs"] = json!({});
    host["NetworkMode"] = json!("host");
    host["IpcMode"] = json!("host");
    host["CapDrop"] = json!([]);
    host["MaskedPaths"] = json!([]);
    host["ReadonlyPaths"] = json!([]);
    let limits = ["Memory", "MemorySwap", "MemorySwappiness", "NanoCpus", "CpuQuota", "CpuPeriod", "PidsLimit"];
    for limit in limits.into_iter().chain(["BlkioDeviceReadBps", "BlkioDeviceWriteBps"]) {
        host.as_object_mut().unwrap().remove(limit);
    }
}

/// Podman ignores `MaskedPaths` and has a word of its own.
fn drop_all_of_podmans(asked: &mut Value) {
    drop_everything(asked);
    asked["HostConfig"]["SecurityOpt"] = json!(["seccomp=unconfined", "unmask=ALL"]);
}

/// Also once more on the embedded engine with runc to make the cells: `embedded_runc::NAME`.
macro_rules! on_every_engine_and_runc {
    ($($test:ident),* $(,)?; $($rest:tt)*) => {
        on_every_engine!($($test),*; $($rest)*);
        mod embedded_runc {
            $(#[test] fn $test() { super::$test(crate::common::Engine::EmbeddedRunc); })*
        }
    };
}

on_every_engine_and_runc!(
    the_network_layer_keeps_a_specimen_from_this_machines_loopback,
    without_a_network_the_cell_has_its_own_loopback,
    a_refused_connect_shows_the_decoded_address,
    the_rootfs_layer_keeps_root_from_writing_etc,
    the_tmpfs_layer_lets_nothing_in_tmp_be_executed,
    the_tmpfs_layer_bounds_what_tmp_holds,
    the_memory_layer_kills_what_takes_too_much,
    the_cpu_layer_throttles,
    the_io_layer_slows_reading_or_says_why_not,
    the_io_layer_keeps_no_specimen_beyond_its_deadline,
    the_pids_layer_bounds_threads,
    a_pids_limit_that_only_the_engine_set_is_told_as_not_asked,
    a_fork_bomb_ends_quickly_and_the_pids_limit_is_told,
    the_caps_layer_takes_roots_powers,
    the_seccomp_layer_refuses_calls_and_names_them,
    the_landlock_layer_hides_files_and_refuses_tcp,
    the_ulimits_layer_bounds_open_files,
    the_ulimits_layer_bounds_a_users_processes,
    the_user_layer_keeps_roots_files_from_the_specimen,
    the_ipc_layer_hides_this_machines_shared_memory,
    the_env_layer_keeps_this_machines_secrets,
    the_proc_masks_layer_hides_files_of_the_whole_machine,
    the_timeout_layer_ends_what_stays,
    the_output_layer_caps_what_is_kept_and_counts_the_rest,
    a_layer_that_cannot_be_had_here_is_told_with_the_reason,
    the_paranoid_policy_takes_gvisor_where_the_engine_lets_it_choose,
    under_native_enforcement_the_engines_own_filter_holds_and_nothing_is_seen;
    daemons: the_io_layer_slows_writing_or_says_why_not,
    the_no_new_privs_layer_makes_set_user_id_programs_ordinary,
    a_filter_of_an_ordinary_user_brings_no_new_privs_and_hotcell_says_so,
    a_layer_that_the_engine_silently_drops_is_told_as_not_in_force;
    embedded: gvisor_runs_the_specimen_and_says_that_denials_cannot_be_observed,
    gvisor_applies_the_profile,
    gvisor_answers_with_its_own_kernel,
    a_user_namespace_is_had_and_its_root_is_nobody_on_this_machine,
    a_bridge_that_cannot_be_had_leaves_the_cell_without_a_network,
    set_user_id_programs_of_this_machine_are_ordinary_in_its_view,
    a_writable_root_is_written_in_the_cell_alone,
);
