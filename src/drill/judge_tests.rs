use super::*;
use crate::drill::corpus;
use crate::run::samples;

fn probe(name: &str) -> Probe {
    corpus::probes().unwrap().into_iter().find(|probe| probe.name == name).unwrap()
}

/// A run that ended with this status after this line.
fn run(status: u8, line: &str) -> Summary {
    let mut summary = samples::ended(Outcome::Exited(status));
    summary.stdout.kept = line.as_bytes().to_vec();
    summary.stdout.written = line.len() as u64;
    summary
}

fn contained(finding: Finding) -> Contained {
    match finding {
        Finding::Contained(contained) => contained,
        other => panic!("{other:?}"),
    }
}

fn switched_off(summary: &mut Summary, layer: Layer) {
    summary.cell.as_mut().unwrap().layers.retain(|state| state.layer != layer);
}

#[test]
fn a_denial_of_the_call_that_the_header_names_shows_who_held_it() {
    let mut summary = run(1, "HELD: [Errno 1] Operation not permitted\n");
    samples::denial(&mut summary, 0, "connect", &["3"], 1);
    let held = contained(judge(&probe("network.py"), &summary));
    assert_eq!(held.by, By::Seen(Layer::Seccomp));
    assert!(
        matches!(&held.evidence[0], Seen::Denial { layer: Layer::Seccomp, call, .. } if call.starts_with("connect("))
    );
}

#[test]
fn a_denial_by_the_way_is_no_evidence() {
    let mut summary = run(1, "HELD: [Errno 30] Read-only file system: '/etc/pwned'\n");
    samples::denial(&mut summary, 0, "clone3", &["0x0"], 1);
    let held = contained(judge(&probe("write-etc.py"), &summary));
    assert_eq!(held.by, By::Header(Layer::Rootfs), "{held:?}");
    assert!(held.evidence.iter().all(|seen| !seen.is_deed()), "{held:?}");
}

#[test]
fn with_its_layer_off_the_one_behind_it_is_named_and_with_none_on_nobody_is() {
    let mut summary = run(1, "HELD: [Errno 13] Permission denied: '/etc/pwned'\n");
    switched_off(&mut summary, Layer::Rootfs);
    assert_eq!(contained(judge(&probe("write-etc.py"), &summary)).by, By::Header(Layer::User));
    switched_off(&mut summary, Layer::User);
    assert_eq!(contained(judge(&probe("write-etc.py"), &summary)).by, By::Unknown);
}

#[test]
fn what_the_engine_alone_enforces_and_nobody_can_read_back_is_not_named() {
    let mut summary = run(1, "HELD: [Errno 1] Operation not permitted\n");
    let cell = summary.cell.as_mut().unwrap();
    for state in &mut cell.layers {
        state.in_force = Force::Unverified;
    }
    assert_eq!(contained(judge(&probe("network.py"), &summary)).by, By::Header(Layer::Seccomp));
    summary.cell.as_mut().unwrap().enforcement = Enforcement::Native;
    assert_eq!(contained(judge(&probe("network.py"), &summary)).by, By::Unknown);
}

#[test]
fn a_limit_of_another_layer_is_no_evidence() {
    let mut summary = run(1, "HELD: BlockingIOError\n");
    samples::met(&mut summary, LimitKind::CpuThrottled, 3);
    assert_eq!(contained(judge(&probe("fork-bomb.py"), &summary)).by, By::Header(Layer::Ulimits));
    samples::met(&mut summary, LimitKind::PidsRefused, 3);
    assert_eq!(contained(judge(&probe("fork-bomb.py"), &summary)).by, By::Seen(Layer::Pids));
}

#[test]
fn a_limit_that_ends_the_cell_around_a_probe_held_it_and_one_that_slows_it_did_not() {
    let mut summary = run(137, "224 MiB");
    samples::met(&mut summary, LimitKind::MemoryMax, 1);
    assert!(matches!(judge(&probe("memory.py"), &summary), Finding::Untested(_)));
    samples::met(&mut summary, LimitKind::OomKill, 1);
    assert_eq!(contained(judge(&probe("memory.py"), &summary)).by, By::Seen(Layer::Memory));
    assert!(matches!(judge(&probe("memory.py"), &run(137, "224 MiB")), Finding::Untested(_)));
}

#[test]
fn reaching_is_not_contained_and_missing_is_not_tested() {
    let reached = judge(&probe("write-etc.py"), &run(0, "REACHED: wrote /etc/pwned\n"));
    assert_eq!(reached, Finding::NotContained("REACHED: wrote /etc/pwned".to_owned()));
    let missing = judge(&probe("setuid.py"), &run(2, "MISSING: /usr/local/bin/setuid-probe\n"));
    assert_eq!(missing, Finding::Untested("missing: /usr/local/bin/setuid-probe".to_owned()));
}

#[test]
fn a_word_that_the_exit_status_does_not_bear_out_counts_for_nothing() {
    for (status, line) in [(0, "HELD: yes\n"), (1, "REACHED: yes\n"), (3, "HELD: yes\n"), (1, "HELDOVER\n"), (1, "")] {
        let finding = judge(&probe("write-etc.py"), &run(status, line));
        assert!(matches!(finding, Finding::Untested(_)), "{finding:?}");
    }
}

#[test]
fn what_was_killed_is_contained_only_with_evidence_of_it() {
    let mut summary = samples::ended(Outcome::Signaled(9));
    assert!(matches!(judge(&probe("memory.py"), &summary), Finding::Untested(_)));
    samples::met(&mut summary, LimitKind::MemoryMax, 7);
    samples::met(&mut summary, LimitKind::OomKill, 1);
    let held = contained(judge(&probe("memory.py"), &summary));
    assert_eq!((held.by, &held.evidence[0]), (By::Seen(Layer::Memory), &Seen::Limit(LimitKind::OomKill)));
}

#[test]
fn the_deadline_contains_what_is_to_be_contained_by_it_alone() {
    let mut summary = samples::ended(Outcome::TimedOut);
    samples::met(&mut summary, LimitKind::Deadline, 1);
    assert_eq!(contained(judge(&probe("deadline.py"), &summary)).by, By::Seen(Layer::Timeout));
    assert!(matches!(judge(&probe("write-etc.py"), &summary), Finding::Untested(_)));
}

#[test]
fn cut_output_and_a_throttled_cpu_count_whatever_the_specimen_says() {
    let mut summary = run(0, "REACHED: 1000000 bytes\n");
    assert!(matches!(judge(&probe("output-flood.py"), &summary), Finding::NotContained(_)));
    samples::met(&mut summary, LimitKind::OutputCut(Stream::Stdout), 9);
    assert_eq!(contained(judge(&probe("output-flood.py"), &summary)).by, By::Seen(Layer::Output));
    let mut summary = run(2, "MISSING: got 0.10 of a CPU\n");
    assert!(matches!(judge(&probe("cpu-burn.py"), &summary), Finding::Untested(_)));
    samples::met(&mut summary, LimitKind::CpuThrottled, 9);
    assert_eq!(contained(judge(&probe("cpu-burn.py"), &summary)).by, By::Seen(Layer::Cpu));
}

#[test]
fn a_cell_that_could_not_be_made_and_a_run_that_was_stopped_are_no_tests() {
    let lost = samples::ended(Outcome::NotStarted("no image".to_owned()));
    assert_eq!(judge(&probe("network.py"), &lost), Finding::Untested("no image".to_owned()));
    assert_eq!(judge(&probe("network.py"), &samples::ended(Outcome::Stopped)), Finding::Stopped);
}
