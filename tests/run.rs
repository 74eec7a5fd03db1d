//! `hotcell run` as its users see it: exit statuses, formats, input, languages, counts.
//! Real engines, real kernel; `scripts/with-engines.sh` starts them.

mod common;

use std::fs::{self, File};
use std::io;
use std::net::{Shutdown, TcpListener};
use std::os::unix::net::UnixStream;
use std::thread;
use std::time::{Duration, Instant};

use common::{Engine, Hotcell, Report, Specimen, finish, on_every_engine};
use serde_json::{Value, json};

/// Prints one line and ends with 4, with no library's help.
const STATIC_C: &str = r#"
#include <unistd.h>
int main(void) { return write(1, "static\n", 7) == 7 ? 4 : 1; }
"#;

// ------------------------------------------------------- the three verifications ----

fn an_outbound_request_fails_and_its_connect_is_told(engine: Engine) {
    let code = "import socket\ntry:\n    socket.create_connection(('203.0.113.7', 443), timeout=3)\n\
                except OSError as error:\n    print(f'HELD: {error}')\n    raise SystemExit(1)\n";
    let report = Hotcell::hardened(engine).report(&Specimen::python(code));
    report.held();
    let denials = report.denials_of("connect");
    assert_eq!(denials.len(), 1, "{report}");
    assert!(denials[0]["args"][1].as_str().unwrap().contains("203.0.113.7:443"), "{report}");
    // With a name, the resolver is what is refused first.
    let report = Hotcell::hardened(engine).report(&Specimen::fixture("outbound.py"));
    report.held();
}

fn a_thousand_forks_end_quickly_with_an_error_in_the_specimen(engine: Engine) {
    let report = Hotcell::hardened(engine).report(&Specimen::fixture("fork-bomb.py"));
    report.held().met("ulimits", "RLIMIT_NPROC reached");
    assert!(report.stdout().contains("BlockingIOError") && report.duration_ms() < 3000.0, "{report}");
}

fn writing_below_etc_fails_read_only(engine: Engine) {
    let report = Hotcell::hardened(engine).report(&Specimen::fixture("write-etc.py"));
    report.held();
    assert!(report.stdout().contains("Read-only file system: '/etc/pwned'"), "{report}");
}

fn the_seeds_allowlist_fails_and_names_what_it_lacks(engine: Engine) {
    let profile = Specimen::fixture("../profiles/seccomp/seed-allowlist.json").path;
    let run = Hotcell::hardened(engine).with(&["--seccomp", profile.to_str().unwrap()]);
    let report = run.report(&Specimen::python("print(\"hi\")"));
    assert!(report.status() != 0 && report.stdout().is_empty(), "{report}");
    let first = &report.denials()[0];
    assert_eq!((&first["syscall"], &first["errno"]), (&json!("newfstatat"), &json!("EPERM")), "{report}");
    let shows_path = |denial: &&Value| denial["args"][1].as_str().unwrap().starts_with("\"/");
    assert!(report.denials_of("newfstatat").iter().any(shows_path), "the path is shown: {report}");
    assert!(!report.denials_of("writev").is_empty(), "the loader's own message is refused: {report}");
}

// --------------------------------------------------------------------- formats ----

fn the_report_has_every_field_with_its_type(engine: Engine) {
    let code = "import socket, sys\nprint('out')\nprint('err', file=sys.stderr)\ns = socket.socket()\n\
                try:\n    s.connect(('10.0.0.1', 80))\nexcept OSError:\n    pass\nsys.exit(3)\n";
    let specimen = Specimen::python(code);
    let report = Hotcell::hardened(engine).report(&specimen);
    let json = &report.json;
    for (field, value) in [
        ("stdout", json!("out\n")),
        ("stderr", json!("err\n")),
        ("exit_code", json!(3)),
        ("timed_out", json!(false)),
        ("signal", Value::Null),
        ("oom_killed", json!(false)),
        ("stdout_bytes", json!(4)),
        ("stderr_bytes", json!(4)),
        ("truncated", json!(false)),
        ("denials_observable", json!(true)),
        ("policy", json!("hardened")),
        ("enforcement", json!("supervised")),
        ("image", json!(engine.image())),
        ("runtime", json!(if engine.is_embedded() { "libcontainer" } else { "runc" })),
        ("error", Value::Null),
    ] {
        assert_eq!(json[field], value, "{field}: {report}");
    }
    for figure in ["duration_ms", "cpu_ms"] {
        assert!(json[figure].as_f64().unwrap() > 0.0, "{figure}: {report}");
    }
    assert!(json["memory_peak_bytes"].as_u64().unwrap() > 1 << 20, "{report}");
    assert!(json["pids_peak"].as_u64().unwrap() >= 1, "{report}");
    assert_eq!(json["engine"]["kind"], format!("{engine:?}").to_lowercase(), "{report}");
    assert!(json["engine"]["version"].is_string() && json["limits"].is_array() && json["warnings"].is_array());
    assert_eq!(json["specimen"]["name"], "specimen.py", "{report}");
    assert_eq!(json["specimen"]["language"], "python", "{report}");
    assert_eq!(json["specimen"]["bytes"], code.len(), "{report}");
    assert_eq!(json["specimen"]["sha256"], sha256(&specimen), "{report}");

    let layers = json["layers"].as_array().unwrap();
    assert_eq!(layers.len(), 22, "{report}");
    for layer in layers {
        assert!(layer["name"].is_string() && layer["asked"].is_boolean() && layer["detail"].is_string(), "{layer}");
        assert!(layer["in_force"].is_boolean() || layer["in_force"] == "unverified", "{layer}");
    }
    let [denial] = report.denials() else { panic!("one denial: {report}") };
    for (field, value) in [
        ("layer", json!("seccomp")),
        ("syscall", json!("connect")),
        ("errno", json!("EPERM")),
        ("comm", json!("python3")),
        ("count", json!(1)),
        ("source", json!({ "file": "/sandbox/script.py", "line": 6, "function": "<module>" })),
    ] {
        assert_eq!(denial[field], value, "{field}: {report}");
    }
    assert!(denial["args"].as_array().unwrap().iter().all(Value::is_string), "{report}");
    assert!(denial["pid"].as_u64().unwrap() > 1 && denial["at_ms"].as_f64().unwrap() > 0.0, "{report}");
}

fn sha256(specimen: &Specimen) -> String {
    let output = std::process::Command::new("sha256sum").arg(&specimen.path).output().unwrap();
    String::from_utf8(output.stdout).unwrap().split(' ').next().unwrap().to_owned()
}

fn events_come_in_order_on_one_clock(engine: Engine) {
    let code = "import socket, time\nprint('one', flush=True)\ntime.sleep(0.1)\ns = socket.socket()\n\
                try:\n    s.connect(('10.0.0.1', 80))\nexcept OSError:\n    pass\n\
                time.sleep(0.3)\nprint('two')\nimport sys; sys.exit(5)\n";
    let (told, events) = Hotcell::hardened(engine).events(&Specimen::python(code));
    assert_eq!(told.status, 5, "{told}");
    let names: Vec<&str> = events.iter().map(|event| event["event"].as_str().unwrap()).collect();
    assert_eq!((names[0], names[1], *names.last().unwrap()), ("cell", "started", "exit"), "{told}");
    for name in ["output", "denial", "resource"] {
        assert!(names.contains(&name), "no {name}: {told}");
    }
    let known = ["cell", "started", "output", "denial", "resource", "limit", "exit"];
    assert!(names.iter().all(|name| known.contains(name)), "{told}");
    let times: Vec<f64> = events.iter().map(|event| event["at_ms"].as_f64().unwrap()).collect();
    assert!(times.is_sorted(), "{times:?} of {told}");
    let text = |event: &Value| event["text"].as_str().unwrap_or("").to_owned();
    assert_eq!(events.iter().map(text).collect::<String>(), "one\ntwo\n", "{told}");
    let at = |wanted: &str| names.iter().position(|name| *name == wanted).unwrap();
    assert!(at("output") < at("denial"), "{told}");
    let exit = events.last().unwrap();
    assert_eq!((&exit["exit_status"], &exit["warnings"]), (&json!(5), &json!([])), "{told}");
    assert!((300.0..=times[times.len() - 1]).contains(&exit["duration_ms"].as_f64().unwrap()), "{told}");
    let samples = names.iter().filter(|name| **name == "resource").count();
    assert!(samples >= 4, "20 a second for 0.3 s and more: {samples} in {told}");
}

fn text_shows_output_on_its_streams_and_the_rest_on_stderr(engine: Engine) {
    let code = "import sys\nprint('out')\nprint('err', file=sys.stderr)\n";
    let told = Hotcell::hardened(engine).text(&Specimen::python(code));
    assert_eq!((told.status, told.stdout.as_str()), (0, "out\n"), "{told}");
    for words in ["err\n", "outcome", "in force", "denials"] {
        assert!(told.stderr.contains(words), "{words}: {told}");
    }
    assert!(!told.stderr.contains('\x1b'), "colour only on a terminal: {told}");
}

fn escape_sequences_and_invalid_utf8_never_reach_a_terminal_raw(engine: Engine) {
    let specimen = Specimen::fixture("escapes.py");
    let told = Hotcell::hardened(engine).text(&specimen);
    assert_eq!(told.status, 0, "{told}");
    for text in [&told.stdout, &told.stderr] {
        let raw = |character: char| {
            character != '\n' && (character.is_control() || ('\u{200b}'..='\u{200f}').contains(&character))
                || ('\u{202a}'..='\u{202e}').contains(&character)
                || ('\u{2066}'..='\u{2069}').contains(&character)
        };
        assert!(!text.contains(raw), "{:?}", text.chars().filter(|character| raw(*character)).collect::<String>());
    }
    for shown in ["\\x1b[2J", "\\x07", "<U+202E>", "<U+200B>", "\\xff\\xfe"] {
        assert!(told.stdout.contains(shown), "{shown}: {told}");
    }
    assert!(told.stderr.contains("\\x1b[31mstderr too"), "{told}");
    let json = Hotcell::hardened(engine).with(&["--format", "json"]).text(&specimen);
    assert!(json.stdout.bytes().all(|byte| byte == b'\n' || (b' '..=b'~').contains(&byte)), "{json}");
    let (lines, _) = Hotcell::hardened(engine).events(&specimen);
    assert!(lines.stdout.bytes().all(|byte| byte == b'\n' || (b' '..=b'~').contains(&byte)), "{lines}");
}

fn code_that_reads_differently_from_what_it_does_is_pointed_out(engine: Engine) {
    let told = Hotcell::hardened(engine).text(&Specimen::fixture("trojan-source.py"));
    assert_eq!(told.status, 0, "{told}");
    for line in [14, 17, 18, 20] {
        assert!(told.stderr.contains(&format!("hidden: trojan-source.py:{line}:")), "line {line}: {told}");
    }
}

// --------------------------------------------------------------- exit statuses ----

fn the_exit_status_tells_how_the_specimen_ended(engine: Engine) {
    let status = |code: &str| Hotcell::hardened(engine).report(&Specimen::python(code));
    let own = status("import sys; sys.exit(42)");
    assert_eq!((own.status(), &own.json["exit_code"]), (42, &json!(42)), "{own}");
    let signal = status("import os; os.kill(os.getpid(), 15)");
    assert_eq!((signal.status(), &signal.json["signal"]), (143, &json!(15)), "{signal}");
    assert_eq!(signal.json["exit_code"], Value::Null, "{signal}");
    let late = Hotcell::hardened(engine).with(&["--timeout", "300ms"]).report(&Specimen::fixture("deadline.py"));
    assert_eq!((late.status(), &late.json["timed_out"]), (124, &json!(true)), "{late}");
    late.met("timeout", "deadline");
}

fn what_cannot_be_run_is_125_with_the_reason_in_every_format(engine: Engine) {
    let specimen = Specimen::python("print(1)");
    let run = || Hotcell::hardened(engine).with(&["--image", "hotcell-none:missing"]);
    let text = run().text(&specimen);
    assert_eq!(text.status, 125, "{text}");
    assert!(text.stderr.contains("hotcell-none:missing") && text.stderr.contains(engine.image_remedy()), "{text}");
    let report = run().report(&specimen);
    assert_eq!((report.status(), &report.json["exit_code"]), (125, &Value::Null), "{report}");
    assert!(report.json["error"].as_str().unwrap().contains("hotcell-none:missing"), "{report}");
    let (told, events) = run().events(&specimen);
    assert_eq!((told.status, events.len(), &events[0]["event"]), (125, 1, &json!("exit")), "{told}");
}

// --------------------------------------------------------- input and languages ----

fn the_specimen_reads_the_input_that_is_given(engine: Engine) {
    let echo = Specimen::python("import sys\nprint(len(sys.stdin.buffer.read()))");
    let input = Specimen::file("input", &vec![b'x'; 1_000_000]);
    let path = input.path.to_str().unwrap();
    let report = Hotcell::hardened(engine).with(&["--stdin", path]).report(&echo);
    assert_eq!(report.stdout(), "1000000\n", "{report}");
    let native = Hotcell::hardened(engine).with(&["--stdin", path, "--native"]).report(&echo);
    assert_eq!(native.stdout(), "1000000\n", "{native}");
    let empty = Hotcell::hardened(engine).report(&echo);
    assert_eq!(empty.stdout(), "0\n", "{empty}");
}

fn a_specimen_comes_from_standard_input_too(engine: Engine) {
    let file = Specimen::python("#!/usr/bin/env python3\nprint('piped')\n");
    let run = || Hotcell::hardened(engine).stdin(File::open(&file.path).unwrap()).with(&["--format", "json"]);
    for arguments in [&["-"][..], &[], &["--language", "python", "-"]] {
        let told = run().with(arguments).told();
        let json: Value = serde_json::from_str(&told.stdout).unwrap();
        assert_eq!((told.status, &json["stdout"]), (0, &json!("piped\n")), "{told}");
        assert_eq!(json["specimen"]["name"], "stdin", "{told}");
    }
}

fn a_shell_script_needs_an_image_with_a_shell(engine: Engine) {
    let script = Specimen::file("script.sh", b"echo hi; exit 3\n");
    let none = Hotcell::hardened(engine).report(&script);
    assert_eq!(none.status(), 125, "{none}");
    let error = none.json["error"].as_str().unwrap();
    assert!(error.contains("code-sandbox:latest has no sh") && error.contains("--image"), "{none}");
    let config = Specimen::file("config.toml", b"[languages.shell]\ncommand = [\"/bin/sh\"]\n");
    let config = config.path.to_str().unwrap();
    let some = Hotcell::hardened(engine).with(&["--config", config, "--image", "hotcell-probe"]).report(&script);
    assert_eq!((some.status(), some.stdout()), (3, "hi\n"), "{some}");
    assert_eq!(some.json["specimen"]["language"], "shell", "{some}");
}

fn a_shell_script_runs_where_the_machine_has_a_shell(engine: Engine) {
    let report = Hotcell::hardened(engine).report(&Specimen::file("script.sh", b"echo hi; exit 3\n"));
    assert_eq!((report.status(), report.stdout()), (3, "hi\n"), "{report}");
}

fn a_static_executable_runs_even_where_there_is_no_libc(engine: Engine) {
    let program = Specimen::c(STATIC_C);
    for image in ["code-sandbox", "hotcell-empty"] {
        let report = Hotcell::hardened(engine).with(&["--image", image]).report(&program);
        assert_eq!((report.status(), report.stdout()), (4, "static\n"), "{report}");
        assert_eq!(report.json["specimen"]["language"], "executable", "{report}");
        report.tells_layer("seccomp", true, true).tells_layer("rootfs", true, true);
    }
}

// ---------------------------------------------------------------------- counts ----

fn every_denied_call_is_counted(engine: Engine) {
    let specimen = Specimen::fixture_with("denied-million.py", "CALLS = 100_000");
    // Slow machines get the time they need; how fast it is, benches/ measure.
    let report = Hotcell::hardened(engine).with(&["--without", "cpu", "--timeout", "60s"]).report(&specimen);
    report.held();
    let denials = report.denials_of("connect");
    let counted: u64 = denials.iter().map(|denial| denial["count"].as_u64().unwrap()).sum();
    assert_eq!(counted, 100_000, "{report}");
    // They are one denial, and a second one for those whose line could not be read in time on a busy machine.
    let located = denials.iter().filter(|denial| denial["source"].is_object()).count();
    let late = denials.iter().filter(|denial| denial["source_note"].is_string()).count();
    assert!(located == 1 && late <= 1 && denials.len() == located + late, "{report}");
}

fn repeats_are_one_denial_and_two_processes_are_two(engine: Engine) {
    let code = "import os, socket\ns = socket.socket()\ndef knock(port):\n    try:\n        s.connect(('10.0.0.1', port))\n\
                \x20   except OSError:\n        pass\n\
                for _ in range(5):\n    knock(80)\nknock(81)\nif os.fork() == 0:\n    knock(80)\n    os._exit(0)\nos.wait()\n";
    let report = Hotcell::hardened(engine).report(&Specimen::python(code));
    assert_eq!(report.status(), 0, "{report}");
    let seen: Vec<_> = report
        .denials_of("connect")
        .iter()
        .map(|denial| {
            (denial["pid"].as_u64().unwrap(), denial["args"][1].to_string(), denial["count"].as_u64().unwrap())
        })
        .collect();
    let [parent, other_port, child] = &seen[..] else { panic!("three denials: {report}") };
    assert!(parent.1.contains("10.0.0.1:80") && parent.2 == 5, "{report}");
    assert!(other_port.1.contains("10.0.0.1:81") && other_port.2 == 1 && other_port.0 == parent.0, "{report}");
    assert!(child.1 == parent.1 && child.2 == 1 && child.0 != parent.0, "{report}");
}

fn a_gigabyte_of_output_is_counted_and_costs_no_memory(engine: Engine) {
    let specimen = Specimen::fixture_with("output-flood.py", "BYTES = 1_073_000_000");
    let arguments = ["--without", "cpu", "--timeout", "100s", "--format", "json"];
    let mut run = Hotcell::hardened(engine).with(&arguments).with(&[&specimen.path]);
    let child = run.start();
    let status = format!("/proc/{}/status", child.id());
    let watcher = thread::spawn(move || {
        let mut peak = 0;
        while let Some(now) = peak_kib(&status) {
            peak = now.max(peak);
            thread::sleep(Duration::from_millis(20));
        }
        peak
    });
    let output = finish(child, "hotcell with a gigabyte of output");
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((output.status.code(), &json["stdout_bytes"]), (Some(0), &json!(1_073_000_000)), "{json}");
    assert_eq!((json["stdout"].as_str().unwrap().len(), &json["truncated"]), (10_000, &json!(true)), "{json}");
    let peak = watcher.join().unwrap();
    assert!((1..64 << 10).contains(&peak), "{engine:?}: hotcell's peak was {peak} KiB");
}

/// `VmHWM` of a process, `proc_pid_status(5)`; `None` once it has ended.
fn peak_kib(status: &str) -> Option<u64> {
    let text = fs::read_to_string(status).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.parse().ok()
}

fn a_short_run_has_figures_too(engine: Engine) {
    let start = Instant::now();
    let image = if engine.is_embedded() { "host" } else { "hotcell-empty" };
    let report: Report = Hotcell::hardened(engine).with(&["--image", image]).report(&Specimen::c(STATIC_C));
    assert!(report.json["memory_peak_bytes"].as_u64().unwrap() > 0, "{report}");
    assert!(report.json["cpu_ms"].as_f64().is_some() && report.json["pids_peak"].as_u64().unwrap() >= 1, "{report}");
    assert!(report.duration_ms() < start.elapsed().as_secs_f64() * 1000.0, "{report}");
}

// -------------------------------------------------------------------- the shim ----

#[test]
fn the_shim_is_static_and_at_most_a_mebibyte() {
    let shim = hotcell::supervise::SHIM;
    assert!(shim.len() <= 1 << 20, "{} bytes", shim.len());
    // Program headers of a 64-bit ELF file, elf(5); PT_INTERP names a dynamic loader, PT_DYNAMIC what it would load.
    let (interpreter, dynamic) = (3, 2);
    let number = |at: usize, length: usize| {
        shim[at..at + length].iter().rev().fold(0_usize, |number, byte| number << 8 | usize::from(*byte))
    };
    assert_eq!(&shim[..5], b"\x7fELF\x02");
    let (table, size, count) = (number(0x20, 8), number(0x36, 2), number(0x38, 2));
    let kinds: Vec<usize> = (0..count).map(|index| number(table + index * size, 4)).collect();
    assert!(kinds.contains(&1), "it has something to load: {kinds:?}");
    assert!(!kinds.contains(&interpreter) && !kinds.contains(&dynamic), "{kinds:?}");
}

/// Passes connections to an engine's socket on, so that it seems to be on another machine.
fn over_tcp(engine: Engine) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("tcp://{}", listener.local_addr().unwrap());
    let socket = engine.socket();
    thread::spawn(move || {
        for client in listener.incoming() {
            let (client, engine) = (client.unwrap(), UnixStream::connect(&socket).unwrap());
            let (mut answers, mut back) = (engine.try_clone().unwrap(), client.try_clone().unwrap());
            thread::spawn(move || {
                let _ = io::copy(&mut answers, &mut back);
                let _ = back.shutdown(Shutdown::Both);
            });
            let (mut requests, mut to_engine) = (client, engine);
            thread::spawn(move || {
                let _ = io::copy(&mut requests, &mut to_engine);
                let _ = to_engine.shutdown(Shutdown::Write);
            });
        }
    });
    address
}

fn an_engine_elsewhere_is_asked_for_figures_and_its_process_numbers_are_not_looked_up_here(engine: Engine) {
    let uid = common::own_uid();
    let hotcell = Hotcell::at(&over_tcp(engine)).with(&["--layer", &format!("user={uid}:{uid}")]);
    // An engine takes its own time for figures: two seconds each, and the first may be of before the start.
    let code = "import time\nprint('REACHED')\nend = time.monotonic() + 6\nwhile time.monotonic() < end:\n    pass\n";
    let report = hotcell.report(&Specimen::python(code));
    report.reached().tells_layer("caps", true, "unverified").tells_layer("memory", true, "unverified");
    assert_eq!((&report.json["enforcement"], &report.json["denials_observable"]), (&json!("native"), &json!(false)));
    assert!(report.json["cpu_ms"].as_f64().unwrap() > 0.0, "{report}");
    assert!(report.json["memory_peak_bytes"].as_u64().unwrap() > 1 << 20, "{report}");
    assert!(report.json["pids_peak"].as_u64().unwrap() >= 1, "{report}");
}

on_every_engine!(
    an_outbound_request_fails_and_its_connect_is_told,
    a_thousand_forks_end_quickly_with_an_error_in_the_specimen,
    writing_below_etc_fails_read_only,
    the_seeds_allowlist_fails_and_names_what_it_lacks,
    the_report_has_every_field_with_its_type,
    events_come_in_order_on_one_clock,
    text_shows_output_on_its_streams_and_the_rest_on_stderr,
    escape_sequences_and_invalid_utf8_never_reach_a_terminal_raw,
    code_that_reads_differently_from_what_it_does_is_pointed_out,
    the_exit_status_tells_how_the_specimen_ended,
    what_cannot_be_run_is_125_with_the_reason_in_every_format,
    the_specimen_reads_the_input_that_is_given,
    a_specimen_comes_from_standard_input_too,
    every_denied_call_is_counted,
    repeats_are_one_denial_and_two_processes_are_two,
    a_gigabyte_of_output_is_counted_and_costs_no_memory,
    a_short_run_has_figures_too;
    daemons: an_engine_elsewhere_is_asked_for_figures_and_its_process_numbers_are_not_looked_up_here,
    a_static_executable_runs_even_where_there_is_no_libc,
    a_shell_script_needs_an_image_with_a_shell;
    embedded: a_shell_script_runs_where_the_machine_has_a_shell,
);
