//! Faults, each for real: hotcell killed, the daemon killed, images and sockets missing,
//! specimens that will not go. Nothing is left behind, and each time the outcome is clear.
//! Real engines, real kernel; `scripts/with-engines.sh` starts them.

mod common;

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use common::dockerd::Dockerd;
use common::{
    Engine, Hotcell, Specimen, cell_directories, client, finish, mounts_below, on_every_engine, own_uid, pid_of,
    processes, processes_of, within,
};
use rustix::process::{Signal, kill_process, kill_process_group};
use serde_json::{Value, json};
use tempfile::TempDir;

/// After a fault, so long may something of the cell be left.
const SOON: Duration = Duration::from_secs(2);

/// One run with a user and a run directory of its own, by which all that is left of it is found.
struct Scene {
    address: String,
    uid: u32,
    directory: TempDir,
}

impl Scene {
    fn at(address: &str) -> Self {
        Self { address: address.to_owned(), uid: own_uid(), directory: tempfile::tempdir_in("/var/tmp").unwrap() }
    }

    fn run_dir(&self) -> PathBuf {
        self.directory.path().join("hotcell")
    }

    fn hotcell(&self) -> Hotcell {
        let user = format!("user={0}:{0}", self.uid);
        Hotcell::at(&self.address).env("XDG_RUNTIME_DIR", self.directory.path()).with(&["--layer", &user])
    }

    /// Starts a run, telling events, as the leader of a process group as a shell would make it.
    fn start(&self, specimen: &Specimen, arguments: &[&str]) -> Child {
        let mut run = self.hotcell().with(arguments).with(&["--format", "jsonl"]).with(&[&specimen.path]);
        run.command.process_group(0);
        run.start()
    }

    /// Cells at the engine whose owner is this process.
    fn cells(&self, owner: u32) -> Vec<String> {
        if self.address == Engine::Embedded.address() {
            return cell_directories(&self.run_dir()).iter().map(|path| path.display().to_string()).collect();
        }
        let format = "{{.Names}} {{.Label \"hotcell.owner\"}}";
        let listed = client(
            &self.address,
            &["ps", "--all", "--no-trunc", "--filter", "label=hotcell.owner", "--format", format],
        );
        // BOOT.NAMESPACE.PID.START
        let ours = |line: &&str| line.rsplit('.').nth(1) == Some(&owner.to_string());
        listed.lines().filter(ours).map(str::to_owned).collect()
    }

    /// What is left of a run on this machine, the engine's own list aside.
    fn remains(&self) -> Result<(), String> {
        let word = self.directory.path().to_string_lossy().into_owned();
        let named = |file: &str| fs::read_to_string(file).unwrap_or_default().contains(&word);
        let commands = processes(|path| {
            fs::read(path.join("cmdline")).is_ok_and(|line| String::from_utf8_lossy(&line).contains(&word))
        });
        let directories = cell_directories(&self.run_dir());
        let mounts = mounts_below(self.directory.path());
        for (what, left) in [
            ("specimen or shim", !processes_of(self.uid).is_empty()),
            ("reaper", !commands.is_empty()),
            ("socket", named("/proc/net/unix")),
            ("mount", !mounts.is_empty()),
            ("directory", !directories.is_empty()),
        ] {
            if left {
                return Err(format!(
                    "left behind: {what} (reapers {commands:?}, directories {directories:?}, mounts {mounts:?})"
                ));
            }
        }
        Ok(())
    }

    /// Nothing of the run of this owner is left, at most [`SOON`] from now.
    #[track_caller]
    fn is_clean(&self, owner: u32) -> Duration {
        within(SOON, || {
            self.remains()?;
            let cells = self.cells(owner);
            if cells.is_empty() { Ok(()) } else { Err(format!("left behind: {cells:?}")) }
        })
    }
}

/// Reads events until one of this name has come.
fn await_event(child: &mut Child, name: &str) -> BufReader<ChildStdout> {
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    while lines.read_line(&mut line).unwrap() > 0 {
        if serde_json::from_str::<Value>(&line).unwrap()["event"] == name {
            return lines;
        }
        line.clear();
    }
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    panic!("the run ended before {name}: {said}");
}

/// The last event of those that are still to come.
fn last_event(lines: BufReader<ChildStdout>) -> Value {
    serde_json::from_str(&lines.lines().map(Result::unwrap).last().unwrap()).unwrap()
}

fn sleeper() -> Specimen {
    Specimen::python("import time\nprint('here', flush=True)\ntime.sleep(60)\n")
}

// ------------------------------------------------------------ hotcell goes away ----

fn a_killed_hotcell_leaves_nothing_at_whatever_moment(engine: Engine) {
    let seed = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().subsec_nanos();
    // Numerical Recipes' generator: chance enough for ten moments, and the same again from its seed.
    let mut state = seed;
    let specimen = sleeper();
    let mut scenes = Vec::new();
    for turn in 0..10 {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let moment = Duration::from_millis(u64::from(state >> 16) % 600);
        println!("seed {seed}, turn {turn}: killed after {moment:?}");
        let scene = Scene::at(&engine.address());
        let mut child = scene.start(&specimen, &[]);
        thread::sleep(moment);
        child.kill().unwrap();
        let owner = child.id();
        child.wait().unwrap();
        let took = scene.is_clean(owner);
        println!("clean after {took:?}");
        scenes.push((scene, owner));
    }
    // What was under way at the engine has had its time: nothing came after the cleaning.
    thread::sleep(SOON);
    for (scene, owner) in scenes {
        assert_eq!((scene.remains(), scene.cells(owner)), (Ok(()), Vec::new()), "seed {seed}");
    }
}

fn a_crash_of_hotcell_and_its_reaper_is_swept_by_the_next_run(engine: Engine) {
    let (scene, specimen) = (Scene::at(&engine.address()), sleeper());
    let mut child = scene.start(&specimen, &[]);
    await_event(&mut child, "started");
    let owner = child.id();
    assert!(!scene.cells(owner).is_empty());
    let reapers = processes(|path| {
        let line = fs::read(path.join("cmdline")).unwrap_or_default();
        line.starts_with(b"hotcell-reaper")
            && String::from_utf8_lossy(&line).contains(&*scene.run_dir().to_string_lossy())
    });
    let [reaper] = reapers[..] else { panic!("one reaper: {reapers:?}") };
    // Stopped first, so that it cannot see the end of what it waits for.
    let reaper = rustix::process::Pid::from_raw(reaper).unwrap();
    kill_process(reaper, Signal::STOP).unwrap();
    child.kill().unwrap();
    kill_process(reaper, Signal::KILL).unwrap();
    child.wait().unwrap();
    // The specimen ends with its watcher all the same.
    within(SOON, || match processes_of(scene.uid) {
        left if left.is_empty() => Ok(()),
        left => Err(format!("the specimen lives on: {left:?}")),
    });
    assert!(!cell_directories(&scene.run_dir()).is_empty(), "its directory is there to be swept");
    let next = scene.hotcell().text(&Specimen::python("print('next')"));
    assert_eq!((next.status, next.stdout.as_str()), (0, "next\n"), "{next}");
    assert!(next.stderr.contains("swept: removed hotcell-"), "{next}");
    scene.is_clean(owner);
}

fn an_interrupt_ends_the_run_and_leaves_nothing(engine: Engine) {
    let (scene, specimen) = (Scene::at(&engine.address()), sleeper());
    let mut child = scene.start(&specimen, &[]);
    let events = await_event(&mut child, "output");
    kill_process_group(pid_of(&child), Signal::INT).unwrap();
    let exit = last_event(events);
    assert_eq!((&exit["event"], &exit["outcome"]), (&json!("exit"), &json!("stopped by the reviewer")), "{engine:?}");
    let owner = child.id();
    assert_eq!(finish(child, "an interrupted hotcell").status.code(), Some(130), "{engine:?}");
    scene.is_clean(owner);
}

fn a_second_interrupt_ends_hotcell_at_once_and_leaves_nothing(engine: Engine) {
    let (scene, specimen) = (Scene::at(&engine.address()), sleeper());
    let mut child = scene.start(&specimen, &[]);
    let events = await_event(&mut child, "output");
    kill_process_group(pid_of(&child), Signal::INT).unwrap();
    thread::sleep(Duration::from_millis(5));
    // It may be gone already.
    let _ = kill_process_group(pid_of(&child), Signal::INT);
    drop(events);
    let owner = child.id();
    assert_eq!(finish(child, "an interrupted hotcell").status.code(), Some(130), "{engine:?}");
    scene.is_clean(owner);
}

fn an_interrupt_before_the_specimen_runs_leaves_nothing(engine: Engine) {
    let specimen = sleeper();
    for moment in [30, 150, 300] {
        let scene = Scene::at(&engine.address());
        let child = scene.start(&specimen, &[]);
        thread::sleep(Duration::from_millis(moment));
        kill_process_group(pid_of(&child), Signal::INT).unwrap();
        let owner = child.id();
        let status = finish(child, "an interrupted hotcell").status;
        // Before it listens for signals, hotcell has made nothing and the signal simply ends it.
        assert!(status.code() == Some(130) || status.code().is_none(), "{engine:?} after {moment} ms: {status}");
        scene.is_clean(owner);
    }
}

fn a_reader_that_goes_away_does_not_hold_the_run_up(engine: Engine) {
    let scene = Scene::at(&engine.address());
    let mut child = scene.start(&Specimen::fixture("output-flood.py"), &["--without", "cpu"]);
    drop(child.stdout.take());
    let owner = child.id();
    assert_eq!(finish(child, "hotcell without a reader").status.code(), Some(0), "{engine:?}");
    scene.is_clean(owner);
}

// ---------------------------------------------------------- the daemon goes away ----

/// Ends the daemon of a running cell; gives the last event.
fn daemon_lost(signal: Signal) -> (Value, Option<i32>) {
    let daemon = Dockerd::start();
    let scene = Scene::at(&daemon.address());
    let program = Specimen::c("#include <unistd.h>\nint main(void) { write(1, \"here\\n\", 5); sleep(4); return 9; }");
    let mut child = scene.start(&program, &["--image", "hotcell-empty"]);
    let events = await_event(&mut child, "output");
    daemon.signal(signal);
    let exit = last_event(events);
    let status = finish(child, "hotcell without its daemon").status.code();
    within(SOON, || match processes_of(scene.uid) {
        left if left.is_empty() => Ok(()),
        left => Err(format!("the specimen lives on: {left:?}")),
    });
    (exit, status)
}

#[test]
fn a_daemon_that_is_stopped_in_mid_run_takes_the_cell_with_it_and_hotcell_says_so() {
    let (exit, status) = daemon_lost(Signal::TERM);
    assert_eq!((&exit["event"], status), (&json!("exit"), Some(125)), "{exit}");
    assert!(exit["outcome"].as_str().unwrap().starts_with("cell lost: "), "{exit}");
}

/// The specimen runs on under its shim, which needs no daemon; what the daemon has of it can only be removed later.
#[test]
fn a_daemon_that_is_killed_in_mid_run_costs_neither_outcome_nor_watch() {
    let (exit, status) = daemon_lost(Signal::KILL);
    assert_eq!((&exit["outcome"], status), (&json!("ended by itself with 9"), Some(9)), "{exit}");
    let warnings = exit["warnings"].to_string();
    assert!(warnings.contains("could not be removed") && warnings.contains("next hotcell"), "{exit}");
}

// --------------------------------------------------------- nothing to run it with ----

#[test]
fn no_daemon_at_the_address_is_said_with_what_to_do() {
    let told = Hotcell::at("unix:///nonexistent/docker.sock").text(&Specimen::python("print(1)"));
    assert_eq!(told.status, 125, "{told}");
    assert!(told.stderr.contains("cannot connect to unix:///nonexistent/docker.sock"), "{told}");
    assert!(told.stderr.contains("start"), "what to do: {told}");
}

fn an_image_that_is_missing_is_said_with_what_to_do(engine: Engine) {
    let scene = Scene::at(&engine.address());
    let told = scene.hotcell().with(&["--image", "hotcell-none:missing"]).text(&Specimen::python("print(1)"));
    assert_eq!(told.status, 125, "{told}");
    assert!(
        told.stderr.contains("no image hotcell-none:missing") && told.stderr.contains(engine.image_remedy()),
        "{told}"
    );
    scene.remains().unwrap();
}

fn a_runtime_that_is_not_there_is_said_with_those_that_are(engine: Engine) {
    let scene = Scene::at(&engine.address());
    let told = scene.hotcell().with(&["--layer", "runtime=none-such"]).text(&Specimen::python("print(1)"));
    assert_eq!(told.status, 125, "{told}");
    assert!(told.stderr.contains("runtime none-such cannot be had") && told.stderr.contains("runc"), "{told}");
    scene.remains().unwrap();
}

fn a_socket_without_permission_is_said_with_what_to_do(engine: Engine) {
    // Where another user can reach it.
    let directory = tempfile::tempdir_in("/var/tmp").unwrap();
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let program = directory.path().join("hotcell");
    fs::copy(env!("CARGO_BIN_EXE_hotcell"), &program).unwrap();
    let specimen = directory.path().join("specimen.py");
    fs::write(&specimen, "print(1)").unwrap();
    // A socket of root's alone in front of the engine, whatever the mode of the real one.
    let closed = Closed::before(&engine.socket(), directory.path());
    let user = own_uid().to_string();
    let output = Command::new("setpriv")
        .args(["--reuid", &user, "--regid", &user, "--clear-groups"])
        .arg(&program)
        .args(["run", "--engine", &closed.address()])
        .arg(&specimen)
        .env("HOME", "/nonexistent")
        .env_remove("XDG_RUNTIME_DIR")
        .stdin(Stdio::null())
        .output()
        .expect("setpriv is installed: scripts/setup.sh test");
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(125), "{engine:?}: {stderr}");
    assert!(stderr.contains("permission denied") && stderr.contains("group"), "{engine:?}: {stderr}");
}

/// A name for an engine's socket whose mode is this test's.
struct Closed(PathBuf);

impl Closed {
    fn before(socket: &Path, directory: &Path) -> Self {
        let place = directory.join("sock");
        File::create(&place).unwrap();
        assert!(Command::new("mount").arg("--bind").arg(socket).arg(&place).status().unwrap().success());
        Self(place)
    }

    fn address(&self) -> String {
        format!("unix://{}", self.0.display())
    }
}

impl Drop for Closed {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}

// --------------------------------------------------- specimens that will not go ----

/// Runs it; nothing of it is left, and what it told is given.
fn run_and_look(engine: Engine, specimen: &Specimen, arguments: &[&str]) -> common::Report {
    let scene = Scene::at(&engine.address());
    let report = scene.hotcell().with(arguments).report(specimen);
    assert_eq!(processes_of(scene.uid), [] as [i32; 0], "{report}");
    scene.remains().unwrap_or_else(|left| panic!("{left}: {report}"));
    let warnings = report.json["warnings"].as_array().unwrap();
    let of_this_host = |warning: &Value| warning.as_str().unwrap().starts_with("this host has no");
    assert!(warnings.iter().all(of_this_host), "{report}");
    report
}

fn a_specimen_that_closes_every_descriptor_is_told_by_its_own_status(engine: Engine) {
    let report = run_and_look(engine, &Specimen::fixture("close-fds.py"), &[]);
    assert_eq!((report.status(), report.stdout()), (7, "REACHED: closing every descriptor\n"), "{report}");
    assert!(report.duration_ms() >= 1000.0, "its end is not taken for the end of its output: {report}");
}

fn a_daemon_of_the_specimens_ends_with_the_run(engine: Engine) {
    let start = Instant::now();
    run_and_look(engine, &Specimen::fixture("daemonise.py"), &[]).reached();
    assert!(start.elapsed() < Duration::from_secs(8), "not waited for: {:?}", start.elapsed());
}

fn a_daemon_that_holds_the_output_open_does_not_hold_the_run_up(engine: Engine) {
    let code = "import os, time\nif os.fork() == 0:\n    os.setsid()\n    time.sleep(60)\nprint('REACHED')\n";
    let start = Instant::now();
    run_and_look(engine, &Specimen::python(code), &[]).reached();
    assert!(start.elapsed() < Duration::from_secs(8), "not waited for: {:?}", start.elapsed());
}

fn a_specimen_that_ignores_signals_ends_at_the_deadline(engine: Engine) {
    let report = run_and_look(engine, &Specimen::fixture("ignore-signals.py"), &["--timeout", "1s"]);
    assert_eq!(report.status(), 124, "{report}");
    assert!(report.stdout().starts_with("ignoring ") && report.duration_ms() < 3000.0, "{report}");
}

fn a_specimen_that_forks_while_dying_is_caught(engine: Engine) {
    let report = run_and_look(engine, &Specimen::fixture("fork-while-dying.py"), &["--timeout", "5s"]);
    assert_eq!((report.status(), report.stdout()), (0, "REACHED: the chain is under way\n"), "{report}");
    // The same with its first process staying until the deadline.
    let code = fs::read_to_string(Specimen::fixture("fork-while-dying.py").path).unwrap();
    let code = format!("import os, time\nif os.fork() == 0:\n    exec({code:?})\n    os._exit(0)\ntime.sleep(60)\n");
    let report = run_and_look(engine, &Specimen::python(&code), &["--timeout", "1s"]);
    assert_eq!(report.status(), 124, "{report}");
}

fn a_specimen_cannot_kill_or_stop_its_shim(engine: Engine) {
    let code = "import os, signal\nfor number in (signal.SIGKILL, signal.SIGSTOP, signal.SIGTERM, signal.SIGSEGV):\n\
                \x20   try:\n        os.kill(1, number)\n    except OSError:\n        pass\nprint('REACHED: still here')\n";
    for user in [&[][..], &["--without", "user", "--without", "caps", "--without", "seccomp"]] {
        let report = run_and_look(engine, &Specimen::python(code), user);
        report.reached();
    }
}

on_every_engine!(
    a_killed_hotcell_leaves_nothing_at_whatever_moment,
    a_crash_of_hotcell_and_its_reaper_is_swept_by_the_next_run,
    an_interrupt_ends_the_run_and_leaves_nothing,
    a_second_interrupt_ends_hotcell_at_once_and_leaves_nothing,
    an_interrupt_before_the_specimen_runs_leaves_nothing,
    a_reader_that_goes_away_does_not_hold_the_run_up,
    an_image_that_is_missing_is_said_with_what_to_do,
    a_runtime_that_is_not_there_is_said_with_those_that_are,
    a_specimen_that_closes_every_descriptor_is_told_by_its_own_status,
    a_daemon_of_the_specimens_ends_with_the_run,
    a_daemon_that_holds_the_output_open_does_not_hold_the_run_up,
    a_specimen_that_ignores_signals_ends_at_the_deadline,
    a_specimen_that_forks_while_dying_is_caught,
    a_specimen_cannot_kill_or_stop_its_shim;
    daemons: a_socket_without_permission_is_said_with_what_to_do,
);
