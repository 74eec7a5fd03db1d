//! The line of a refused call: right for Python, with a reason where there is none, and at no specimen's mercy.
//! Real engines, real kernel; `scripts/with-engines.sh` starts them.

mod common;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::Duration;

use common::{Engine, Hotcell, Report, Specimen, annotated, finish, on_every_engine, processes, within};
use serde_json::Value;

/// Line and call of each denial whose line is known.
fn told(report: &Report) -> BTreeSet<(u64, String)> {
    let known = report.denials().iter().filter(|denial| denial["source"].is_object());
    known.map(|denial| (denial["source"]["line"].as_u64().unwrap(), text(&denial["syscall"]))).collect()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn every_line_of_a_python_specimen_is_right(engine: Engine) {
    let code = include_str!("lines/plain.py");
    let report = Hotcell::hardened(engine).report(&Specimen::python(code));
    let mut expected = annotated(code);
    // CPython tells a call's line by where its statement begins, or by an argument's, as its version goes.
    let mount = code.lines().position(|line| line.starts_with("libc.mount(")).unwrap() as u64 + 1;
    expected.insert((mount, "mount".to_owned()));
    assert_eq!(told(&report), expected, "{report}");
    for denial in report.denials() {
        assert!(denial["source"]["file"] == "/sandbox/script.py" && denial["source_note"].is_null(), "{denial}");
        assert!(denial["located"] == denial["count"], "{denial}");
        assert!(text(&denial["instruction"]["file"]).contains("libc.so.6"), "{denial}");
    }
    let ptrace = &report.denials_of("ptrace")[0];
    assert_eq!(ptrace["stack"].as_array().unwrap().len(), 52, "{ptrace}");
    assert_eq!(ptrace["source"]["function"], "deep", "{ptrace}");
}

fn a_frame_of_a_library_is_on_the_stack_and_the_specimens_line_is_told(engine: Engine) {
    let code =
        "import urllib.request\ntry:\n    urllib.request.urlopen('http://203.0.113.7/')\nexcept OSError:\n    pass\n";
    let report = Hotcell::hardened(engine).report(&Specimen::python(code));
    let connect = report.denials_of("connect")[0];
    assert_eq!(connect["source"]["line"], 3, "{report}");
    let stack = connect["stack"].as_array().unwrap();
    assert!(text(&stack[0]["file"]).ends_with("/socket.py"), "{connect}");
    assert_eq!(stack.last().unwrap()["function"], "<module>", "{connect}");
}

fn children_that_python_forks_and_executes_are_told_apart(engine: Engine) {
    let code = "import ctypes, os, subprocess\nlibc = ctypes.CDLL(None)\nif os.fork() == 0:\n    libc.acct(None)\n    \
                os._exit(0)\nos.wait()\nsubprocess.run(['python3', '-c', 'import ctypes; ctypes.CDLL(None).swapoff(b\"x\")'])\n";
    let report = Hotcell::hardened(engine).report(&Specimen::python(code));
    assert_eq!(report.denials_of("acct")[0]["source"]["line"], 4, "{report}");
    // Another program of Python's is not the specimen; its stack is told.
    let swapoff = report.denials_of("swapoff")[0];
    assert_eq!(swapoff["source_note"], "no frame of the stack is in /sandbox/script.py", "{report}");
    assert_eq!(swapoff["stack"][0]["file"], "<string>", "{report}");
}

fn a_program_of_no_interpreter_has_its_file_and_offset(engine: Engine) {
    let code = "#include <unistd.h>\n#include <sys/syscall.h>\nint main(void) { syscall(SYS_acct, 0); return 0; }";
    let report = Hotcell::hardened(engine).report(&Specimen::c(code));
    let acct = report.denials_of("acct")[0];
    assert!(text(&acct["instruction"]["file"]).starts_with("/sandbox/"), "{report}");
    assert!(acct["instruction"]["offset"].as_u64().unwrap() > 0 && acct["source"].is_null(), "{report}");
    assert_eq!(acct["source_note"], "the process is no Python interpreter", "{report}");
}

/// Puts nonsense where the interpreter keeps its frames, or makes reading them long, and calls on.
fn a_specimen_that_breaks_its_own_memory_is_still_counted_and_ends_in_time(engine: Engine) {
    let broken_name = "import ctypes\ncode = (lambda: 0).__code__\nlibc = ctypes.CDLL(None)\n\
                       f = compile('libc.acct(None)', 'x' * 5000, 'exec')\n\
                       ctypes.memset(id(f.co_filename) + 16, 0xff, 8)\nexec(f)\nimport os\nos._exit(3)\n";
    let report = Hotcell::hardened(engine).report(&Specimen::python(broken_name));
    assert!(report.status() == 3 && report.denials_of("acct")[0]["count"] == 1, "{report}");
    let endless = "import ctypes, sys, threading\nsys.setrecursionlimit(10**6)\nlibc = ctypes.CDLL(None)\n\
                   threading.stack_size(256 << 20)\ndef deep(n):\n    return deep(n - 1) if n else libc.acct(None)\n\
                   deep(20000)\n";
    let report = Hotcell::hardened(engine).report(&Specimen::python(endless));
    let acct = report.denials_of("acct")[0];
    assert!(acct["source"].is_null() && !text(&acct["source_note"]).is_empty(), "{report}");
}

fn threads_and_forks_beyond_counting_hold_up_nothing(engine: Engine) {
    let code = "import ctypes, os, threading, time\nlibc = ctypes.CDLL(None)\n\
                def spin():\n    end = time.monotonic() + 1\n    while time.monotonic() < end:\n        libc.acct(None)\n\
                threads = [threading.Thread(target=spin) for _ in range(8)]\n[t.start() for t in threads]\n[t.join() for t in threads]\n\
                for _ in range(100):\n    if os.fork() == 0:\n        libc.swapoff(b'x')\n        os._exit(0)\n    os.wait()\n";
    let report = Hotcell::hardened(engine).with(&["--layer", "cpu=2"]).report(&Specimen::python(code));
    assert_eq!(report.status(), 0, "{report}");
    let counted: u64 = report.denials_of("swapoff").iter().map(|denial| denial["count"].as_u64().unwrap()).sum();
    assert_eq!(counted, 100, "{report}");
    // Where eight threads change their stacks all the time, one reading may fail, and then says why.
    let spun = report.denials_of("acct");
    let (known, unknown): (Vec<&Value>, Vec<&Value>) = spun.iter().partition(|denial| denial["source"].is_object());
    assert!(known.iter().all(|denial| denial["source"]["line"] == 6), "{report}");
    let count = |denials: &[&Value]| denials.iter().map(|denial| denial["count"].as_u64().unwrap()).sum::<u64>();
    assert!(count(&unknown) * 100 < count(&known), "{report}");
    assert!(unknown.iter().all(|denial| !text(&denial["source_note"]).is_empty()), "{report}");
    assert!(report.duration_ms() < 20_000.0, "{report}");
}

fn the_reader_has_given_up_all_but_reading(engine: Engine) {
    let code = "import ctypes, time\nctypes.CDLL(None).acct(None)\ntime.sleep(5)\n";
    let specimen = Specimen::python(code);
    let mut hotcell = Hotcell::hardened(engine).with(&[&specimen.path]);
    let child = hotcell.start();
    let workbench = child.id();
    let is_reader = |path: &Path| {
        let read = |name: &str| fs::read_to_string(path.join(name)).unwrap_or_default();
        read("cmdline").starts_with("hotcell-stacks") && read("status").contains(&format!("\nPPid:\t{workbench}\n"))
    };
    within(Duration::from_secs(10), || {
        let pids = processes(is_reader);
        let [pid] = pids[..] else { return Err(format!("readers: {pids:?}")) };
        let status = fs::read_to_string(format!("/proc/{pid}/status")).map_err(|error| error.to_string())?;
        let has = |line: &str| status.lines().any(|have| have.split_whitespace().collect::<Vec<_>>().join(" ") == line);
        // CAP_SYS_PTRACE is bit 19.
        let all =
            ["Uid: 65533 65533 65533 65533", "Seccomp: 2", "NoNewPrivs: 1", "CapEff: 0000000000080000", "Groups:"];
        match all.iter().find(|line| !has(line)) {
            Some(missing) => Err(format!("no `{missing}` in {status}")),
            None => Ok(()),
        }
    });
    finish(child, "hotcell");
    assert_eq!(processes(is_reader), [0_i32; 0], "none is left");
}

on_every_engine!(
    every_line_of_a_python_specimen_is_right,
    a_frame_of_a_library_is_on_the_stack_and_the_specimens_line_is_told,
    children_that_python_forks_and_executes_are_told_apart,
    a_program_of_no_interpreter_has_its_file_and_offset,
    a_specimen_that_breaks_its_own_memory_is_still_counted_and_ends_in_time,
    threads_and_forks_beyond_counting_hold_up_nothing,
    the_reader_has_given_up_all_but_reading,
);
