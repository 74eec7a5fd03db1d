//! Calls held for the reviewer: what is told of them, what each answer does, and what holds without one.
//! Real engines, real kernel; `scripts/with-engines.sh` starts them.

mod common;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use common::cells::{Bench, Live, filter, python};
use common::{Engine, Hotcell, Specimen, on_every_engine};
use hotcell::policy::Layer;
use hotcell::run::{Breakpoints, EventKind, HeldCall, Outcome, Refusal, Settled, Verdict};
use hotcell::seccomp::{Action, Arch, Program, Rule, compile};
use hotcell::supervise::{Control, Order};
use serde_json::Value;

/// Runs Python with these breakpoints in a cell with a deadline of two seconds.
fn run(bench: &Bench, points: Breakpoints, code: &str) -> Live {
    let specimen = python(code);
    let cell = bench.cell(bench.plan(bench.policy(&[(Layer::Timeout, "2s")])), &specimen);
    // Held before it begins, so that no call comes before the breakpoint.
    let run = bench.start(cell, specimen, Control::Go);
    assert!(run.orders.give(Order::Break(points)));
    run
}

fn answer(run: &Live, call: &HeldCall, verdict: Verdict) {
    assert!(run.orders.give(Order::Answer(call.id, verdict)));
    run.until("settled", |run| run.held_calls().iter().all(|held| held.id != call.id));
}

fn settled(run: &Live) -> Vec<Settled> {
    let how = |kind| if let EventKind::Settled { how, .. } = kind { Some(how) } else { None };
    run.events().into_iter().filter_map(|event| how(event.kind)).collect()
}

fn denied(run: &Live) -> Vec<(String, Refusal, u64)> {
    let denial = |kind| if let EventKind::Denial(denial) = kind { Some(denial) } else { None };
    let all = run.events().into_iter().filter_map(|event| denial(event.kind));
    all.map(|denial| (denial.syscall, denial.refusal, denial.count)).collect()
}

/// The shipped profile with another call allowed.
fn with_allowed(name: &str) -> Program {
    let mut profile = filter("python").profile;
    let names = vec![name.to_owned()];
    profile.rules.push(Rule { names, action: Action::Allow, args: Vec::new(), comment: None });
    compile(&profile, Arch::native()).unwrap()
}

const THREE: &str = "import ctypes\nlibc = ctypes.CDLL(None, use_errno=True)\nfor n in range(3):\n    \
                     print(libc.sethostname(b'hot', 3), ctypes.get_errno(), flush=True)\n";

fn a_held_call_is_told_whole_and_answered_as_the_reviewer_says(engine: Engine) {
    let bench = Bench::at(engine);
    let run = run(&bench, Breakpoints::for_a_person(), THREE);
    let call = run.until_calls_are_held(1).remove(0);
    assert_eq!((call.syscall.as_str(), call.refusal), ("sethostname", Refusal::Errno(libc::EPERM)));
    assert_eq!((call.registers[1], call.source.specimen_line()), (3, Some(4)), "{call:?}");
    assert_eq!(call.args[0], "\"hot\"", "{call:?}");
    assert!(call.processes[0].comm == "python3" && call.processes.len() == 2, "{call:?}");
    assert_eq!(run.output(), "", "it stands");
    answer(&run, &call, Verdict::Deny);
    let call = run.until_calls_are_held(1).remove(0);
    answer(&run, &call, Verdict::DenyWith(libc::EXDEV));
    let call = run.until_calls_are_held(1).remove(0);
    // Allowed by the filter, and then refused by the missing capability: what hotcell allows, other layers still hold.
    answer(&run, &call, Verdict::Allow);
    run.until("three lines", |run| run.output().lines().count() == 3);
    assert_eq!(run.output(), "-1 1\n-1 18\n-1 1\n");
    let how = settled(&run);
    let refused = |errno| Settled::Refused(Refusal::Errno(errno));
    assert_eq!(how, [refused(libc::EPERM), refused(libc::EXDEV), Settled::Allowed]);
    let name = || "sethostname".to_owned();
    let denials = [(name(), Refusal::Errno(libc::EPERM), 1), (name(), Refusal::Errno(libc::EXDEV), 1)];
    run.until("both denials", |run| denied(run) == denials);
    assert_eq!(run.end().0, Outcome::Exited(0));
    bench.is_clean();
}

fn an_allowed_call_does_what_it_would_without_a_filter(engine: Engine) {
    let bench = Bench::at(engine);
    let code = "import ctypes\nlibc = ctypes.CDLL(None)\nprint(libc.personality(0xffffffff) >= 0)\n";
    let refused = run(&bench, Breakpoints::default(), code);
    refused.until("refused", |run| run.output() == "False\n");
    refused.end();
    let run = run(&bench, Breakpoints::for_a_person(), code);
    let call = run.until_calls_are_held(1).remove(0);
    answer(&run, &call, Verdict::Allow);
    run.until("allowed", |run| run.output() == "True\n");
    assert_eq!(run.end().0, Outcome::Exited(0));
}

fn allowed_from_now_on_by_an_edited_profile_nothing_is_asked_again(engine: Engine) {
    let bench = Bench::at(engine);
    let run = run(&bench, Breakpoints::for_a_person(), THREE);
    run.until_calls_are_held(1);
    assert!(run.orders.give(Order::Judge(Arc::new(with_allowed("sethostname")))));
    let (outcome, _, events) = run.end();
    assert_eq!(outcome, Outcome::Exited(0));
    let asked = events.iter().filter(|event| matches!(event.kind, EventKind::Break(_))).count();
    assert_eq!(asked, 1, "{events:?}");
}

fn the_deadline_stands_while_a_call_is_held_and_goes_on_after_it(engine: Engine) {
    let bench = Bench::at(engine);
    let code = "import ctypes, time\nctypes.CDLL(None).sethostname(b'h', 1)\nprint('on', flush=True)\ntime.sleep(60)\n";
    let run = run(&bench, Breakpoints::for_a_person(), code);
    let call = run.until_calls_are_held(1).remove(0);
    thread::sleep(Duration::from_secs(3));
    assert!(!run.is_over(), "the deadline of two seconds stands");
    let answered = Instant::now();
    answer(&run, &call, Verdict::Deny);
    run.until("going on", |run| run.output() == "on\n");
    let (outcome, ran, _) = run.end();
    assert_eq!(outcome, Outcome::TimedOut);
    assert!(answered.elapsed() < Duration::from_millis(3500), "{:?}", answered.elapsed());
    assert!((Duration::from_secs(2)..Duration::from_millis(2400)).contains(&ran), "without the time held: {ran:?}");
    bench.is_clean();
}

fn a_run_is_stopped_or_killed_with_a_call_held(engine: Engine) {
    let bench = Bench::at(engine);
    let held = run(&bench, Breakpoints::for_a_person(), THREE);
    held.until_calls_are_held(1);
    held.control.send(Control::Stop).unwrap();
    assert_eq!(held.end().0, Outcome::Stopped);
    let killed = run(&bench, Breakpoints::for_a_person(), THREE);
    let call = killed.until_calls_are_held(1).remove(0);
    answer(&killed, &call, Verdict::Kill);
    assert_eq!(killed.end().0, Outcome::Signaled(libc::SIGKILL));
    bench.is_clean();
}

fn other_threads_and_processes_queue_and_are_answered_apart(engine: Engine) {
    let bench = Bench::at(engine);
    let code = "import ctypes, os, threading\nlibc = ctypes.CDLL(None)\n\
                def call(n):\n    print(n, libc.sethostname(b'h', n), flush=True)\n\
                threads = [threading.Thread(target=call, args=(n,)) for n in range(1, 4)]\n[t.start() for t in threads]\n\
                if os.fork() == 0:\n    libc.swapoff(b'x')\n    os._exit(0)\n[t.join() for t in threads]\nos.wait()\n";
    let points = Breakpoints { except: BTreeSet::from(["clone3".to_owned()]), ..Breakpoints::for_a_person() };
    let run = run(&bench, points, code);
    let calls = run.until_calls_are_held(4);
    let child = calls.iter().find(|call| call.syscall == "swapoff").unwrap();
    assert!(child.processes.len() == 3 && child.source.specimen_line() == Some(8), "{child:?}");
    let second = calls.iter().find(|call| call.registers[1] == 2).unwrap();
    answer(&run, second, Verdict::Deny);
    run.until("one line", |run| run.output() == "2 -1\n");
    assert_eq!(run.held_calls().len(), 3);
    // No longer held by the breakpoint: answered as the profile says.
    assert!(run.orders.give(Order::Break(Breakpoints::default())));
    assert_eq!(run.end().0, Outcome::Exited(0));
    bench.is_clean();
}

fn only_what_the_breakpoint_names_is_held(engine: Engine) {
    let bench = Bench::at(engine);
    let code = "import ctypes\nlibc = ctypes.CDLL(None)\nlibc.acct(None)\nlibc.swapoff(b'x')\nlibc.swapoff(b'x')\n";
    let names = |names: &[&str]| names.iter().map(ToString::to_string).collect::<BTreeSet<_>>();
    let points = Breakpoints { calls: names(&["swapoff"]), lines: BTreeSet::from([5]), ..Breakpoints::for_a_person() };
    let run = run(&bench, points, code);
    let call = run.until_calls_are_held(1).remove(0);
    assert_eq!((call.syscall.as_str(), call.source.specimen_line()), ("swapoff", Some(5)));
    answer(&run, &call, Verdict::Deny);
    assert_eq!(run.end().0, Outcome::Exited(0));
}

fn a_flood_of_calls_falls_back_to_the_profile_and_is_counted(engine: Engine) {
    let bench = Bench::at(engine);
    let code = "import ctypes, os\nlibc = ctypes.CDLL(None)\nfor n in range(40):\n    if os.fork() == 0:\n        \
                libc.acct(None)\n        os._exit(0)\nfor n in range(8):\n    os.wait()\nprint('eight', flush=True)\n\
                [os.wait() for n in range(32)]\n";
    let specimen = python(code);
    let settings = [(Layer::Timeout, "20s"), (Layer::Ulimits, "nproc=60")];
    let cell = bench.cell(bench.plan(bench.policy(&settings)), &specimen);
    let run = bench.start(cell, specimen, Control::Go);
    assert!(run.orders.give(Order::Break(Breakpoints::for_a_person())));
    let calls = run.until_calls_are_held(32);
    run.until("the rest answered", |run| run.output() == "eight\n");
    let unheld = |event: &hotcell::run::RunEvent| matches!(event.kind, EventKind::Unheld { count: 8 });
    assert!(run.events().iter().any(unheld), "{:?}", run.events());
    for call in &calls {
        answer(&run, call, Verdict::Deny);
    }
    assert_eq!(run.end().0, Outcome::Exited(0));
    bench.is_clean();
}

fn answers_that_were_written_down_are_given_without_a_reviewer(engine: Engine) {
    let code = "import ctypes, socket\nlibc = ctypes.CDLL(None)\nprint(libc.personality(0xffffffff) >= 0)\n\
                try:\n    socket.socket().connect(('203.0.113.7', 443))\nexcept OSError as error:\n    print(error.errno)\n\
                print(libc.acct(None))\nlibc.swapoff(b'x')\nprint('not here')\n";
    let answers = r#"{ "answers": [
        { "call": "personality", "verdict": "allow" },
        { "call": "connect", "line": 5, "verdict": "deny", "errno": "ECONNREFUSED" },
        { "call": "swapoff", "verdict": "kill" }
    ] }"#;
    let file = Specimen::file("answers.json", answers.as_bytes());
    let report = Hotcell::hardened(engine).with(&["--on-denial"]).with(&[&file.path]).report(&Specimen::python(code));
    assert_eq!((report.stdout(), report.status()), ("True\n111\n-1\n", 137), "{report}");
    assert_eq!(report.json["allowed_calls"], 1, "{report}");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let denied = report.denials().iter().map(|denial| text(&denial["syscall"]) + " " + &text(&denial["answer"]));
    assert_eq!(denied.collect::<Vec<_>>(), ["connect ECONNREFUSED", "acct EPERM", "swapoff killed"], "{report}");
    let killed = Hotcell::hardened(engine).with(&["--on-denial", "kill"]).report(&Specimen::python(code));
    assert_eq!((killed.stdout(), killed.status()), ("", 137), "{killed}");
    let told = Hotcell::hardened(engine).with(&["--on-denial", "/nonexistent"]).text(&Specimen::python(code));
    assert!(told.status == 125 && told.stderr.contains("--on-denial /nonexistent: "), "{told}");
}

on_every_engine!(
    answers_that_were_written_down_are_given_without_a_reviewer,
    a_held_call_is_told_whole_and_answered_as_the_reviewer_says,
    an_allowed_call_does_what_it_would_without_a_filter,
    allowed_from_now_on_by_an_edited_profile_nothing_is_asked_again,
    the_deadline_stands_while_a_call_is_held_and_goes_on_after_it,
    a_run_is_stopped_or_killed_with_a_call_held,
    other_threads_and_processes_queue_and_are_answered_apart,
    only_what_the_breakpoint_names_is_held,
    a_flood_of_calls_falls_back_to_the_profile_and_is_counted,
);
