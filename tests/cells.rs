//! Cells as the workbench uses them: held and let go on in mid-run, kept warm under another plan, lost while they wait.
//! Real engines, real kernel; `scripts/with-engines.sh` starts them.

mod common;

use std::thread;
use std::time::{Duration, Instant};

use common::cells::{Bench, c, python};
use common::{Engine, on_every_engine, processes_of};
use hotcell::policy::{Layer, Policy};
use hotcell::run::{EventKind, Force, LimitKind, Outcome};
use hotcell::supervise::Control;
use rustix::process::{Pid, Signal, kill_process};

const COUNTER: &str = "import itertools, time\nfor n in itertools.count():\n    print(n)\n    time.sleep(0.02)\n";

// ------------------------------------------------------------------------ held ----

fn a_held_specimen_stands_still_and_its_deadline_with_it(engine: Engine) {
    let bench = Bench::at(engine);
    let run = bench.run(&[(Layer::Timeout, "1s"), (Layer::Output, "1m")], python(COUNTER));
    run.until_it_prints();
    run.hold();
    let since = Instant::now();
    run.stands_still();
    let before = run.output();
    thread::sleep(Duration::from_millis(300));
    assert_eq!(run.output(), before, "a held specimen prints nothing");
    // A second time changes nothing.
    run.control.send(Control::Hold).unwrap();
    thread::sleep(Duration::from_millis(1500).saturating_sub(since.elapsed()));
    assert!(!run.is_over(), "the deadline of a second stands still: {:?}", run.events());
    run.go();
    let held = since.elapsed();
    run.control.send(Control::Go).unwrap();
    run.until_it_prints();
    assert!(run.output().starts_with(&before), "it goes on where it was");
    assert_eq!(run.held(), [true, false]);

    let (outcome, ran, events) = run.end();
    assert_eq!(outcome, Outcome::TimedOut, "{events:?}");
    assert!((Duration::from_secs(1)..Duration::from_millis(1300)).contains(&ran), "without the time held: {ran:?}");
    let end =
        events.iter().find(|event| matches!(&event.kind, EventKind::Limit(limit) if limit.kind == LimitKind::Deadline));
    assert!(end.unwrap().at + Duration::from_millis(100) >= ran + held, "the events' clock goes on: {events:?}");
    bench.is_clean();
}

fn a_run_is_held_as_often_as_one_likes_and_ends_by_itself(engine: Engine) {
    let bench = Bench::at(engine);
    let code = "import time\nfor n in range(20):\n    print(n)\n    time.sleep(0.02)\nraise SystemExit(6)\n";
    let run = bench.run(&[(Layer::Timeout, "5s")], python(code));
    run.until_it_prints();
    for _ in 0..3 {
        run.hold();
        run.stands_still();
        run.go();
        thread::sleep(Duration::from_millis(30));
    }
    let (outcome, _, events) = run.end();
    assert_eq!(outcome, Outcome::Exited(6), "{events:?}");
    bench.is_clean();
}

fn a_held_run_is_stopped_at_once(engine: Engine) {
    let bench = Bench::at(engine);
    let run = bench.run(&[], python(COUNTER));
    run.until_it_prints();
    run.hold();
    run.stands_still();
    run.control.send(Control::Stop).unwrap();
    let asked = Instant::now();
    run.until("over", |run| run.processes().is_empty());
    assert!(asked.elapsed() < Duration::from_secs(1), "{:?}", asked.elapsed());
    run.until("told as no longer held", |run| run.held() == [true, false]);
    assert_eq!(run.end().0, Outcome::Stopped);
    bench.is_clean();
}

/// Four chains of processes, each of which forks its successor and ends.
const CHAINS: &str = "#include <unistd.h>
int main(void) {
    for (int chain = 0; chain < 4; chain++)
        if (fork() == 0)
            for (;;) if (fork() > 0) _exit(0);
    for (;;) pause();
}";

fn a_specimen_that_forks_all_the_time_is_held_whole(engine: Engine) {
    let bench = Bench::at(engine);
    let run = bench.run(&[(Layer::Cpu, "2")], c(CHAINS));
    run.until("forking", |run| run.processes().len() >= 2);
    for _ in 0..5 {
        thread::sleep(Duration::from_millis(50));
        let before = run.processes();
        run.hold();
        run.stands_still();
        assert_ne!(run.processes(), before, "the chains were under way");
        run.go();
    }
    run.control.send(Control::Stop).unwrap();
    assert_eq!(run.end().0, Outcome::Stopped);
    bench.is_clean();
}

/// Each of three continues the others as fast as it can.
const CONTINUERS: &str = "#include <signal.h>
#include <unistd.h>
int main(void) {
    fork();
    fork();
    for (;;) kill(0, SIGCONT);
}";

fn processes_that_continue_each_other_are_held_all_the_same(engine: Engine) {
    let bench = Bench::at(engine);
    let run = bench.run(&[(Layer::Cpu, "2")], c(CONTINUERS));
    run.until("four", |run| run.processes().len() == 4);
    thread::sleep(Duration::from_millis(100));
    assert!(
        !run.events().iter().any(|event| matches!(event.kind, EventKind::Denial(_))),
        "they may: {:?}",
        run.events()
    );
    run.hold();
    run.stands_still();
    run.control.send(Control::Stop).unwrap();
    assert_eq!(run.end().0, Outcome::Stopped);
    bench.is_clean();
}

fn a_hold_before_the_start_takes_effect_once_the_specimen_executes(engine: Engine) {
    let bench = Bench::at(engine);
    let specimen = python("import time\ntime.sleep(0.5)\nprint('REACHED')");
    let cell = bench.cell(bench.plan(bench.policy(&[(Layer::Timeout, "1s")])), &specimen);
    assert!(cell.can_hold());
    let run = bench.start(cell, specimen, Control::Hold);
    run.until("held", |run| run.held() == [true]);
    let names: Vec<bool> = run.events().iter().map(|event| matches!(event.kind, EventKind::Started { .. })).collect();
    assert_eq!(names[..2], [false, true], "the cell, the start, and then the hold: {:?}", run.events());
    thread::sleep(Duration::from_millis(1200));
    run.stands_still();
    run.go();
    let (outcome, _, events) = run.end();
    assert_eq!(outcome, Outcome::Exited(0), "{events:?}");
    bench.is_clean();
}

fn a_held_cell_dies_with_its_workbench(engine: Engine) {
    let bench = Bench::at(engine);
    let run = bench.run(&[], python(COUNTER));
    run.until_it_prints();
    run.hold();
    run.stands_still();
    run.abandon();
    bench.is_clean();
}

fn a_held_run_that_nobody_can_let_go_on_is_stopped(engine: Engine) {
    let bench = Bench::at(engine);
    let mut run = bench.run(&[], python(COUNTER));
    run.until_it_prints();
    run.hold();
    run.control = tokio::sync::watch::channel(Control::Hold).0;
    assert_eq!(run.end().0, Outcome::Stopped);
    bench.is_clean();
}

fn native_enforcement_cannot_hold_and_does_not_pretend_to(engine: Engine) {
    let bench = Bench::at(engine);
    let specimen = python("print('REACHED')");
    let cell = bench.cell(bench.native(bench.policy(&[])), &specimen);
    assert!(!cell.can_hold());
    let run = bench.start(cell, specimen, Control::Hold);
    run.until("over", common::cells::Live::is_over);
    assert_eq!((run.held(), run.output().as_str()), (vec![], "REACHED\n"));
    assert_eq!(run.end().0, Outcome::Exited(0));
    bench.is_clean();
}

// ------------------------------------------------------------------------ warm ----

fn a_warm_cell_takes_over_a_plan_that_differs_in_the_launch_alone(engine: Engine) {
    let bench = Bench::at(engine);
    let mut cell = bench.cell(bench.plan(bench.policy(&[])), &python("print('first')"));
    let name = cell.name().clone();
    let specimen = python("print('REACHED')");

    let larger = Policy { name: "larger".to_owned(), ..bench.policy(&[(Layer::Memory, "128m")]) };
    let refused = cell.adopt(bench.plan(larger), &specimen).unwrap_err();
    assert_eq!(refused.request.policy.name, "larger", "the plan comes back");
    assert!(cell.adopt(bench.native(bench.policy(&[])), &specimen).is_err());

    let open = Policy { name: "open".to_owned(), ..bench.policy(&[(Layer::Seccomp, "off"), (Layer::Timeout, "3s")]) };
    cell.adopt(bench.plan(open), &specimen).unwrap();

    let run = bench.start(cell, specimen, Control::Go);
    run.until("over", common::cells::Live::is_over);
    let facts = run.facts();
    assert_eq!((&facts.name, facts.policy.as_str()), (&name, "open"));
    let layer = |layer: Layer| facts.layers.iter().find(|state| state.layer == layer).unwrap();
    let (seccomp, memory, timeout) = (layer(Layer::Seccomp), layer(Layer::Memory), layer(Layer::Timeout));
    assert_eq!((seccomp.asked, seccomp.in_force), (false, Force::No), "{seccomp:?}");
    assert_eq!((memory.asked, memory.in_force), (true, Force::Yes), "{memory:?}");
    assert!(timeout.detail.starts_with("3s"), "{timeout:?}");
    assert_eq!(run.output(), "REACHED\n");
    assert_eq!(run.end().0, Outcome::Exited(0));
    bench.is_clean();
}

// ------------------------------------------------------------------------ lost ----

fn a_warm_cell_that_is_killed_says_so_at_once_and_cannot_be_run(engine: Engine) {
    let bench = Bench::at(engine);
    let specimen = python("print('REACHED')");
    let mut cell = bench.cell(bench.plan(bench.policy(&[])), &specimen);
    let alive = bench.runtime.block_on(async { tokio::time::timeout(Duration::from_millis(300), cell.lost()).await });
    assert!(alive.is_err(), "a cell that waits is not lost: {alive:?}");

    if engine.is_embedded() {
        // Nobody but hotcell knows of it: the machine's own means.
        let [shim] = processes_of(bench.uid)[..] else { panic!("one process waits") };
        kill_process(Pid::from_raw(shim).unwrap(), Signal::KILL).unwrap();
    } else {
        engine.client(&["kill", &cell.name().0]);
    }
    let killed = Instant::now();
    for _ in 0..2 {
        let why = bench.runtime.block_on(cell.lost());
        assert!(why.starts_with("the shim is gone: something outside ended"), "{why}");
    }
    assert!(killed.elapsed() < Duration::from_secs(1), "{:?}", killed.elapsed());

    let (outcome, _, events) = bench.start(cell, specimen, Control::Go).end();
    let Outcome::NotStarted(reason) = outcome else { panic!("{events:?}") };
    assert!(reason.contains("something outside ended its container"), "{reason}");
    bench.is_clean();
}

fn a_warm_cell_whose_shim_is_killed_from_the_host_says_so_too(engine: Engine) {
    let bench = Bench::at(engine);
    let mut cell = bench.cell(bench.plan(bench.policy(&[])), &python("print('REACHED')"));
    let [shim] = processes_of(bench.uid)[..] else { panic!("one process waits") };
    kill_process(Pid::from_raw(shim).unwrap(), Signal::KILL).unwrap();
    let killed = Instant::now();
    let why = bench.runtime.block_on(cell.lost());
    assert!(killed.elapsed() < Duration::from_secs(1), "{:?}", killed.elapsed());
    assert!(why.starts_with("the shim is gone: something outside ended"), "{why}");
    bench.runtime.block_on(cell.discard()).unwrap();
    bench.is_clean();
}

fn a_cell_that_was_waited_on_runs_as_any_other(engine: Engine) {
    let bench = Bench::at(engine);
    let specimen = python("print('REACHED')");
    let mut cell = bench.cell(bench.plan(bench.policy(&[])), &specimen);
    for _ in 0..3 {
        let waited = async { tokio::time::timeout(Duration::from_millis(20), cell.lost()).await };
        assert!(bench.runtime.block_on(waited).is_err());
    }
    let run = bench.start(cell, specimen, Control::Go);
    run.until("printed", |run| run.output() == "REACHED\n");
    assert_eq!(run.end().0, Outcome::Exited(0));
    bench.is_clean();
}

fn a_warm_cell_without_a_shim_is_never_called_lost(engine: Engine) {
    let bench = Bench::at(engine);
    let specimen = python("print('REACHED')");
    let mut cell = bench.cell(bench.native(bench.policy(&[])), &specimen);
    let waited = async { tokio::time::timeout(Duration::from_millis(100), cell.lost()).await };
    assert!(bench.runtime.block_on(waited).is_err());
    bench.runtime.block_on(cell.discard()).unwrap();
    bench.is_clean();
}

on_every_engine!(
    a_held_specimen_stands_still_and_its_deadline_with_it,
    a_run_is_held_as_often_as_one_likes_and_ends_by_itself,
    a_held_run_is_stopped_at_once,
    a_specimen_that_forks_all_the_time_is_held_whole,
    processes_that_continue_each_other_are_held_all_the_same,
    a_hold_before_the_start_takes_effect_once_the_specimen_executes,
    a_held_cell_dies_with_its_workbench,
    a_held_run_that_nobody_can_let_go_on_is_stopped,
    native_enforcement_cannot_hold_and_does_not_pretend_to,
    a_warm_cell_takes_over_a_plan_that_differs_in_the_launch_alone,
    a_warm_cell_that_is_killed_says_so_at_once_and_cannot_be_run,
    a_warm_cell_whose_shim_is_killed_from_the_host_says_so_too,
    a_cell_that_was_waited_on_runs_as_any_other,
    a_warm_cell_without_a_shim_is_never_called_lost,
);
