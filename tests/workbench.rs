//! The workbench as its users see it: a real pseudo-terminal, a real engine, real cells.

mod common;

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use common::screen::Screen;
use common::user::User;
use common::{Engine, Specimen, on_every_engine};
use portable_pty::CommandBuilder;

const ESCAPE: &str = "\x1b";
const ENTER: &str = "\r";
const CTRL_P: &str = "\x10";
const CTRL_Z: &str = "\x1a";

/// Names of the cells that an engine has of one workbench.
fn cells(user: &User, engine: Engine, pid: u32) -> String {
    if engine.is_embedded() {
        let run_dir = user.home.path().join("hotcell");
        return common::cell_directories(&run_dir).iter().map(|path| path.display().to_string()).collect();
    }
    let all = engine.client(&["ps", "-a", "--filter", "label=hotcell.owner", "--format", "{{.Names}} {{.Labels}}"]);
    // The owner's token is MACHINE.BOOT.PIDNS.PID.START.
    let owned = |line: &&str| line.split('.').any(|part| part == pid.to_string());
    all.lines().filter(owned).map(str::to_owned).collect()
}

fn leave(screen: &mut Screen) {
    screen.send("q");
    assert_eq!(screen.ended(), 0);
}

fn a_hostile_specimen_is_opened_run_seen_denied_rerun_and_left_without_a_trace(engine: Engine) {
    let user = User::new();
    let specimen = Specimen::fixture("exfiltrate.py");
    let mut screen = user.open(engine, &specimen.path, 160, 45);
    let pid = screen.child.process_id().unwrap();
    assert!(!cells(&user, engine, pid).is_empty(), "a warm cell waits");
    let text = screen.text();
    for part in
        ["exfiltrate.py", "hardened", engine.image(), "1 Specimen", "2 Layers", "3 Denials", "4 Output", "5 Resources"]
    {
        assert!(text.contains(part), "{part}:\n{text}");
    }

    // One layer off that exposes nothing, then run: denial, output and figures are on one screen.
    screen.send("2");
    screen.send("jj ");
    screen.wait_for("[ ] tmpfs");
    screen.send("r");
    let text = screen.until("the end of the run", |text| text.contains("ENDED") && text.contains("1 by seccomp"));
    assert!(text.contains("socket") && text.contains("EPERM"), "{text}");
    assert!(text.contains("HELD: every step"), "the specimen's own output: {text}");
    assert!(text.contains("in force"), "{text}");
    // Three layers refused a call each; the first of them was seen only once it had ended, and has no line.
    assert!(text.contains("1 by rootfs") && text.contains("1 by user"), "{text}");
    assert!(text.contains("2 lines with denials"), "{text}");
    screen.send("3");
    screen.send("gjL");
    let text = screen.until("the line of the call", |text| text.contains('▶'));
    let line = text.lines().find(|line| line.contains('▶')).unwrap_or_default();
    assert!(line.contains("socket.create_connection"), "{line}");
    assert!(text.contains("ended by itself with"), "{text}");

    // The detail of a denial, and back.
    screen.send("3g");
    screen.send(ENTER);
    screen.wait_for("how often");
    screen.send(ESCAPE);
    screen.wait_gone("how often");

    // Again, with the layer on.
    screen.wait_for("next cell ready");
    screen.send("2");
    screen.send(" ");
    screen.wait_for("[x] tmpfs");
    screen.send("r");
    screen.until("the second end", |text| text.contains("ENDED") && text.contains("#2"));
    screen.send("=");
    screen.wait_for("compared with");
    screen.send(ESCAPE);
    screen.wait_gone("compared with");
    leave(&mut screen);
    assert_eq!(cells(&user, engine, pid), "", "nothing is left running");
}

fn a_refused_call_is_held_shown_and_answered_by_keys(engine: Engine) {
    let user = User::new();
    let code = "import ctypes\nlibc = ctypes.CDLL(None)\nprint('first', libc.personality(0xffffffff) >= 0, flush=True)\n\
                print('second', libc.acct(None), flush=True)\nprint('third', libc.acct(None), flush=True)\n";
    let specimen = Specimen::python(code);
    let mut screen = user.open(engine, &specimen.path, 120, 36);
    screen.send("b");
    screen.wait_for("held until you decide");
    screen.send("r");
    let text = screen.until("a held call", |text| text.contains("BREAK") && text.contains("HELD 1 of 1"));
    assert!(text.contains("personality(") && text.contains("line 3 in <module>"), "{text}");
    assert!(!text.contains("first True"), "it stands: {text}");
    screen.send("a");
    let text = screen.until("the next call", |text| text.contains("acct(") && text.contains("line 4"));
    assert!(text.contains("first True"), "what was allowed went on: {text}");
    screen.send("D");
    let text = screen.until("the end", |text| text.contains("ENDED"));
    assert!(text.contains("second -1") && text.contains("third -1"), "{text}");
    leave(&mut screen);
}

fn a_specimen_that_does_not_end_is_held_goes_on_and_is_stopped(engine: Engine) {
    let user = User::new();
    let specimen = Specimen::python(
        "import time\nn = 0\nwhile True:\n    n += 1\n    print('line', n, flush=True)\n    time.sleep(0.05)\n",
    );
    let mut screen = user.open(engine, &specimen.path, 120, 36);
    screen.send("r");
    screen.wait_for("RUNNING");
    screen.wait_for("line 3");
    screen.send("z");
    screen.until("how it goes on", |text| text.contains("HELD") && text.contains("z lets it go on"));
    thread::sleep(Duration::from_millis(200));
    let held = screen.text();
    thread::sleep(Duration::from_millis(500));
    let last = |text: &str| text.match_indices("line ").filter_map(|(at, _)| number(&text[at + 5..])).max();
    assert!(last(&held).is_some_and(|line| line >= 3), "{held}");
    assert_eq!(last(&held), last(&screen.text()), "nothing moves while it is held");
    screen.send("z");
    screen.wait_for("RUNNING");
    // Resizing while it runs, from tabs to three columns and back.
    for (columns, rows) in [(80, 24), (200, 60), (61, 17), (30, 8), (120, 36)] {
        screen.resize(columns, rows);
        if columns < 60 {
            screen.wait_for("too small");
        } else {
            screen.until("the header", |text| text.contains("hotcell") && text.contains("Specimen"));
        }
    }
    screen.send("x");
    let text = screen.wait_for("stopped by the reviewer");
    assert!(text.contains("ENDED"), "{text}");
    leave(&mut screen);
}

#[test]
fn five_thousand_pasted_lines_are_taken_at_once_and_run() {
    let (user, engine) = (User::new(), Engine::Docker);
    let mut screen = Screen::start(user.command(&["--engine", &engine.address()]), 120, 36);
    screen.wait_for("READY");
    let lines: Vec<String> = (0..4998).map(|n| format!("x += {n} # \u{202e}hidden\n")).collect();
    let text = format!("x = 0\n{}print('the sum is', x)\n", lines.concat());
    screen.paste(&text);
    screen.wait_for("pasted 5,000 lines");
    screen.wait_for("<U+202E>");
    screen.send("r");
    screen.wait_for("the sum is 12487503");
    // The paste is in no file: leaving asks.
    screen.send("q");
    screen.wait_for("in no file");
    screen.send("y");
    assert_eq!(screen.ended(), 0);
}

#[test]
fn the_terminal_is_as_it_was_after_leaving_a_signal_and_a_suspension() {
    let (user, engine) = (User::new(), Engine::Docker);
    let specimen = Specimen::fixture("exfiltrate.twin.py");
    let line =
        format!("{} --engine {} {}", env!("CARGO_BIN_EXE_hotcell"), engine.address(), specimen.path.to_str().unwrap());
    let mut shell = CommandBuilder::new("bash");
    user.environment(&mut shell);
    shell.args(["--norc", "--noprofile", "-i"]);
    shell.env("PS1", "shell> ");
    let mut screen = Screen::start(shell, 100, 30);
    screen.wait_for("shell>");
    let before = screen.line_settings();
    let plain = |screen: &Screen| {
        screen.look(|screen| {
            !screen.alternate_screen()
                && !screen.hide_cursor()
                && screen.mouse_protocol_mode() == vt100::MouseProtocolMode::None
        })
    };
    screen.send(&format!("{line}\r"));
    screen.wait_for("READY");
    assert!(!plain(&screen) && screen.line_settings() != before);

    screen.send(CTRL_Z);
    screen.until("the shell", |text| text.contains("Stopped"));
    assert!(plain(&screen));
    screen.send("fg\r");
    screen.wait_for("READY");
    screen.send("q");
    screen.until("the shell", |text| text.trim_end().ends_with("shell>"));
    screen.send("clear; echo left $?\r");
    screen.until("the exit status", |text| text.contains("left 0\n"));
    assert!(plain(&screen));
    screen.until("the settings", |_| screen.line_settings() == before);

    screen.send(&format!("{line}\r"));
    screen.wait_for("READY");
    screen.send("r");
    screen.wait_for("ENDED");
    screen.send(CTRL_Z);
    screen.until("the shell", |text| text.contains("Stopped"));
    // What is typed before hotcell has gone is hotcell's, so all of it is one line.
    screen.send("clear; kill %1; fg; echo 'the' end\r");
    screen.wait_for("the end\n");
    assert!(plain(&screen));
    screen.until("the settings", |_| screen.line_settings() == before);
}

#[test]
fn the_palette_a_policy_and_a_setting_are_reached_by_keys_alone() {
    let (user, engine) = (User::new(), Engine::Docker);
    let mut screen = user.open(engine, &Specimen::fixture("memory.twin.py").path, 120, 36);
    screen.send(CTRL_P);
    screen.wait_for("Actions");
    screen.send("policy");
    screen.send(ENTER);
    screen.wait_for("paranoid");
    screen.send("paranoid");
    screen.send(ENTER);
    screen.until("the policy", |text| text.contains("│ paranoid"));
    screen.send("2jjj");
    screen.send(ENTER);
    screen.send("\x0b");
    screen.send("\x01\x0b");
    screen.send("3m");
    screen.send(ENTER);
    screen.wait_for("too small");
    screen.send("\x01\x0b64m");
    screen.send(ENTER);
    screen.until("the setting", |text| text.contains("64m,swap=0") && text.contains("paranoid*"));
    screen.wait_for("READY");
    // A layer that exposes the host is asked about.
    screen.send("gg ");
    screen.wait_for("This exposes the host");
    screen.send("n");
    screen.wait_gone("This exposes the host");
    leave(&mut screen);

    // The next session begins where this one ended.
    let screen = Screen::start(user.command(&["--engine", &engine.address()]), 120, 36);
    screen.until("the remembered policy", |text| text.contains("paranoid*") && text.contains("64m,swap=0"));
}

#[test]
fn without_an_engine_the_workbench_says_so_and_still_shows_the_code() {
    let user = User::new();
    let specimen = Specimen::fixture("exfiltrate.py");
    let path = specimen.path.to_str().unwrap();
    let mut screen = Screen::start(user.command(&["--engine", "unix:///nonexistent.sock", path]), 120, 36);
    screen.until("the reason", |text| text.contains("NO ENGINE") && text.contains("nonexistent.sock"));
    screen.wait_for("import");
    screen.send("r");
    screen.wait_for("no engine");
    leave(&mut screen);
}

#[test]
fn a_pipe_in_the_place_of_a_terminal_is_refused_with_the_way_out() {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_hotcell")).output().unwrap();
    assert!(!output.status.success());
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(error.contains("terminal") && error.contains("hotcell run"), "{error}");
}

#[test]
fn hostile_names_and_output_are_shown_and_never_obeyed() {
    let (user, engine) = (User::new(), Engine::Docker);
    let code = "import sys\nsys.stdout.write('\\x1b]0;owned\\x07\\x1b[2J\\x1b[31mred\\u202egnp.exe\\r\\n')\n";
    let specimen = Specimen::file("a\u{202e}b\u{1b}[7m.py", code.as_bytes());
    let mut screen = user.open(engine, &specimen.path, 160, 45);
    screen.wait_for("a<U+202E>b\\x1b[7m.py");
    screen.send("r");
    let text = screen.wait_for("\\x1b]0;owned\\x07\\x1b[2J\\x1b[31mred<U+202E>gnp.exe\\r");
    assert!(!text.contains('\u{202e}'), "{text}");
    leave(&mut screen);
}

#[test]
fn a_workbench_that_is_killed_leaves_no_cell() {
    let (user, engine) = (User::new(), Engine::Docker);
    let mut screen = user.open(engine, &Specimen::fixture("deadline.py").path, 120, 36);
    let pid = screen.child.process_id().unwrap();
    screen.send("r");
    screen.wait_for("RUNNING");
    assert!(!cells(&user, engine, pid).is_empty());
    screen.child.kill().unwrap();
    screen.ended();
    let begun = Instant::now();
    while !cells(&user, engine, pid).is_empty() {
        assert!(begun.elapsed() < Duration::from_secs(30), "{}", cells(&user, engine, pid));
        thread::sleep(Duration::from_millis(100));
    }
    let left: Vec<_> = fs::read_dir(user.home.path().join("hotcell")).unwrap().flatten().collect();
    assert!(left.iter().all(|entry| !entry.file_name().to_string_lossy().starts_with("hotcell-")), "{left:?}");
}

#[test]
fn leaving_or_a_hangup_during_a_run_kills_it_and_leaves_no_cell() {
    let (user, engine) = (User::new(), Engine::Docker);
    let specimen = Specimen::fixture("deadline.py");
    for hangup in [false, true] {
        let mut screen = user.open(engine, &specimen.path, 120, 36);
        let pid = screen.child.process_id().unwrap();
        screen.send("r");
        screen.wait_for("RUNNING");
        if hangup {
            let pid = rustix::process::Pid::from_raw(pid.cast_signed()).unwrap();
            rustix::process::kill_process(pid, rustix::process::Signal::HUP).unwrap();
        } else {
            screen.send("q");
        }
        assert_eq!(screen.ended(), 0);
        assert_eq!(cells(&user, engine, pid), "", "hangup: {hangup}");
    }
}

#[test]
fn a_run_is_stopped_though_the_help_is_open() {
    let (user, engine) = (User::new(), Engine::Docker);
    let mut screen = user.open(engine, &Specimen::fixture("deadline.py").path, 120, 36);
    screen.send("r");
    screen.wait_for("RUNNING");
    screen.send("?");
    screen.wait_for("Everywhere");
    screen.send("x");
    screen.send(ESCAPE);
    screen.wait_for("stopped by the reviewer");
    leave(&mut screen);
}

/// The number that a text begins with.
fn number(text: &str) -> Option<u64> {
    let digits: String = text.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

on_every_engine!(
    a_hostile_specimen_is_opened_run_seen_denied_rerun_and_left_without_a_trace,
    a_refused_call_is_held_shown_and_answered_by_keys,
    a_specimen_that_does_not_end_is_held_goes_on_and_is_stopped,
);
