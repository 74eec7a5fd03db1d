//! The tuning bench by keys alone, in a real pseudo-terminal on real engines: from a profile that cannot start Python to
//! one that Docker, Podman and runc take and under which the specimen runs as it does supervised.

mod common;

use std::fs;
use std::process::Command;

use common::screen::Screen;
use common::user::User;
use common::{Engine, Hotcell, Specimen, on_every_engine};

const ESCAPE: &str = "\x1b";
const ENTER: &str = "\r";

/// `json`, `hashlib`, `threading` and a file that is read.
const SCRIPT: &str = "\
import hashlib
import json
import threading

def digest(out):
    with open('/etc/passwd', 'rb') as file:
        out.append((hashlib.sha256(b'hot').hexdigest()[:8], b'root' in file.read()))

out = []
threads = [threading.Thread(target=digest, args=(out,)) for _ in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(json.dumps({'threads': len(out), 'each': sorted(set(out))}))
";

const OUTPUT: &str = r#"{"threads": 4, "each": [["7f5d1618", true]]}"#;

/// The row that is selected in what lies over the screen; none in a frame that is half drawn.
fn selected(text: &str) -> Option<&str> {
    text.split_once("║ ▸")?.1.split('║').next()
}

/// Moves to the row that says this, and takes it.
fn take(screen: &mut Screen, row: &str) {
    for _ in 0..20 {
        let before = screen.until("a row", |text| selected(text).is_some());
        if selected(&before).is_some_and(|selected| selected.contains(row)) {
            screen.send(ENTER);
            return;
        }
        screen.send("j");
        screen.until("the next row", |now| selected(now).is_some_and(|now| Some(now) != selected(&before)));
    }
    panic!("no row {row}:\n{}", screen.text());
}

/// Chooses the seed's profile.
fn choose_the_seeds_profile(screen: &mut Screen) {
    screen.send("P");
    screen.wait_for("Seccomp profile");
    screen.send("seed-allowlist");
    screen.send(ENTER);
    screen.wait_gone("Seccomp profile");
    screen.until("the profile", |text| text.contains("seed-allowlist") && text.contains("READY"));
}

/// From the first refused call to the end of the specimen, with three decisions.
fn decide(screen: &mut Screen) {
    screen.send("b");
    screen.wait_for("held until you decide");
    screen.send("r");
    screen.until("the first call", |text| text.contains("BREAK") && text.contains("HELD 1 of"));
    screen.send("A");
    screen.wait_for("from now on");
    take(screen, "every call of low risk");
    // What is of higher risk is still asked about: threads are made by clone3, whose flags no filter can see.
    screen.until("clone3", |text| text.contains("BREAK") && text.contains("clone3("));
    screen.send("A");
    screen.wait_for("clone3 from now on");
    take(screen, "with ENOSYS");
    let text = screen.until("the end", |text| text.contains("ENDED"));
    assert!(text.contains(OUTPUT), "{text}");
}

fn save(screen: &mut Screen, path: &str) {
    screen.send("2w");
    screen.wait_for("OCI JSON");
    // From the end of the line back to its beginning.
    screen.send("\x05");
    screen.send(&"\x7f".repeat(200));
    screen.send(path);
    screen.send(ENTER);
}

#[test]
fn from_a_profile_that_cannot_start_python_to_one_that_engines_take_by_keys_alone() {
    let (user, engine) = (User::new(), Engine::Docker);
    let specimen = Specimen::python(SCRIPT);
    let mut screen = user.open(engine, &specimen.path, 120, 36);
    choose_the_seeds_profile(&mut screen);
    decide(&mut screen);

    // The proof: what the engine's runtime needs beside the specimen is offered as one edit.
    screen.send("b");
    screen.send("!");
    screen.wait_for("What starting a container needs");
    screen.send("y");
    screen.until("the verdict", |text| text.contains("native run agrees with run 2"));

    // Every edit is listed with its reason, and can be taken back and made again.
    screen.send("V");
    screen.wait_for("Profile seed-allowlist+");
    screen.send("\t");
    let text = screen.wait_for("specimen.py");
    assert!(text.contains("allow newfstatat"), "{text}");
    let edits = text.clone();
    screen.send("u");
    screen.until("the undoing", |text| text != edits);
    screen.send("\x12");
    screen.wait_for("made again");
    screen.send(ESCAPE);
    screen.wait_gone("Differences");

    let path = user.home.path().join("tuned.json");
    save(&mut screen, path.to_str().unwrap());
    screen.wait_for("saved ");
    let saved = fs::read_to_string(&path).unwrap();
    assert!(saved.contains("specimen.py line") && saved.contains("starting a container"), "{saved}");
    screen.send("c");
    screen.until("the command", |text| text.contains("The same cell by command") && text.contains("tuned.json"));
    screen.send(ESCAPE);
    screen.wait_gone("The same cell by command");
    screen.send("q");
    assert_eq!(screen.ended(), 0);

    let seccomp = format!("seccomp={}", path.display());
    let code = fs::read_to_string(&specimen.path).unwrap();
    let arguments =
        ["run", "--rm", "--security-opt", &seccomp, "--security-opt", "no-new-privileges", "--cap-drop", "ALL"];
    let arguments = [&arguments[..], &[engine.image(), "python3", "-c", &code]].concat();
    assert_eq!(engine.client(&arguments).trim(), OUTPUT);
    let mut podman = Command::new("podman");
    let podman = podman.args(["--url", &Engine::Podman.address()]).args(&arguments).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&podman.stdout).trim(), OUTPUT, "{podman:?}");
    let tuned = ["--native", "--seccomp", path.to_str().unwrap()];
    let report = Hotcell::hardened(Engine::EmbeddedRunc).with(&tuned).report(&specimen);
    assert_eq!(report.stdout().trim(), OUTPUT, "{report}");
    // Without the edits nothing starts: they were needed.
    let seeds = user.home.path().join("seeds.json");
    fs::copy(concat!(env!("CARGO_MANIFEST_DIR"), "/profiles/seccomp/seed-allowlist.json"), &seeds).unwrap();
    let mut docker = Command::new("docker");
    docker.args(["-H", &engine.address(), "run", "--rm", "--security-opt", &format!("seccomp={}", seeds.display())]);
    docker.args([engine.image(), "python3", "-c", "print(1)"]).env("DOCKER_CONTEXT", "");
    assert!(!docker.output().unwrap().status.success());

    // The next session begins with the edits of this one.
    let screen = Screen::start(user.command(&["--engine", &engine.address()]), 120, 36);
    screen.wait_for("seccomp seed-allowlist+");
}

fn a_line_is_marked_and_its_call_refused_with_another_errno_from_now_on(engine: Engine) {
    let user = User::new();
    let code = "import ctypes\nlibc = ctypes.CDLL(None, use_errno=True)\nprint('first', libc.personality(0xffffffff), flush=True)\n\
                print('second', libc.acct(None), ctypes.get_errno(), flush=True)\n\
                print('third', libc.acct(None), ctypes.get_errno(), flush=True)\n";
    let specimen = Specimen::python(code);
    let mut screen = user.open(engine, &specimen.path, 120, 36);
    screen.send("1jjj ");
    screen.wait_for("4◆");
    screen.send("r");
    // What comes from another line is not held.
    screen.until("the call of that line", |text| text.contains("acct(NULL)") && text.contains("first -1"));
    screen.send("e");
    screen.wait_for("Tab from now on");
    screen.send("ENOSYS\t");
    let text = screen.until("the end", |text| text.contains("ENDED"));
    assert!(
        text.contains("second -1 38") && text.contains("third -1 38") && text.contains("seccomp python+1"),
        "{text}"
    );

    // Without a breakpoint, the next run is launched under the edit.
    screen.send("1 ");
    screen.wait_gone("4◆");
    screen.wait_for("next cell ready");
    screen.send("r");
    let text = screen.until("the second end", |text| text.contains("ENDED") && text.contains("run 2:"));
    assert!(text.contains("second -1 38") && text.contains("third -1 38"), "{text}");
    screen.send("q");
    assert_eq!(screen.ended(), 0);
}

fn a_frozen_cell_keeps_its_held_call_and_goes_on_with_it(engine: Engine) {
    let user = User::new();
    let specimen = Specimen::python("import ctypes\nprint('made', ctypes.CDLL(None).personality(0xffffffff) >= 0)\n");
    let mut screen = user.open(engine, &specimen.path, 120, 36);
    screen.send("b");
    screen.wait_for("held until you decide");
    screen.send("r");
    screen.until("a held call", |text| text.contains("BREAK") && text.contains("personality("));
    screen.send("z");
    screen.wait_for("all is frozen");
    screen.send("z");
    screen.until("the call again", |text| text.contains("BREAK") && text.contains("decide below"));
    screen.send("A");
    screen.wait_for("personality from now on");
    take(&mut screen, "whatever its arguments");
    let text = screen.until("the end", |text| text.contains("ENDED"));
    assert!(text.contains("made True"), "{text}");
    screen.send("q");
    assert_eq!(screen.ended(), 0);
}

on_every_engine!(
    a_line_is_marked_and_its_call_refused_with_another_errno_from_now_on,
    a_frozen_cell_keeps_its_held_call_and_goes_on_with_it,
);
