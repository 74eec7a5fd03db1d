//! Pairs of runs, and what is said to differ.

use super::*;
use crate::run::samples::{cell, denial, ended, event, met, refusal};
use crate::run::{EventKind, Observation, Sample, Stream};

fn hardened() -> Policy {
    Policy::shipped("hardened").unwrap()
}

fn compared(left: &Summary, right: &Summary) -> Comparison {
    let policy = hardened();
    compare(Side { policy: &policy, edits: 0, summary: left }, Side { policy: &policy, edits: 0, summary: right })
}

fn lines(comparison: &Comparison, section: Section) -> Vec<String> {
    let text = |value: &Value| match value {
        Value::Is(text) => text.clone(),
        Value::Absent => "–".to_owned(),
        Value::Unknown(why) => (*why).to_owned(),
    };
    let differences = comparison.differences.iter().filter(|difference| difference.section == section);
    differences
        .map(|line| format!("{}: {} {} {}", line.name, text(&line.left), line.sign().symbol(), text(&line.right)))
        .collect()
}

#[test]
fn two_runs_that_are_alike_differ_in_nothing() {
    let run = ended(Outcome::Exited(0));
    let comparison = compared(&run, &run);
    assert_eq!(comparison.differences, []);
    assert_eq!(Section::ALL.map(|section| comparison.same(section)), [8, 22, 0, 0, 10]);
}

#[test]
fn outcomes_and_durations_are_compared() {
    let mut right = ended(Outcome::TimedOut);
    right.outcome.as_mut().unwrap().1 = Duration::from_secs(2);
    let comparison = compared(&ended(Outcome::Exited(0)), &right);
    assert_eq!(
        lines(&comparison, Section::Run),
        ["outcome: ended by itself with 0 ≠ killed by the deadline", "duration: 480.2 ms ≠ 2.00 s"]
    );
}

#[test]
fn a_layer_differs_by_its_switch_its_setting_and_by_whether_it_held() {
    let (before, mut after) = (hardened(), hardened());
    after.set_on(Layer::Network, false);
    after.set(Layer::Memory, "128m").unwrap();
    let (left, mut right) = (ended(Outcome::Exited(0)), ended(Outcome::Exited(0)));
    for state in &mut right.cell.as_mut().unwrap().layers {
        match state.layer {
            Layer::Pids => state.in_force = Force::No,
            Layer::Cpu => state.in_force = Force::Unverified,
            Layer::Caps => state.unavailable = Some("rootless".into()),
            _ => {}
        }
    }
    let comparison =
        compare(Side { policy: &before, edits: 0, summary: &left }, Side { policy: &after, edits: 2, summary: &right });
    assert_eq!(
        lines(&comparison, Section::Layers),
        [
            "network: none ≠ off",
            "memory: 256m,swap=0 ≠ 128m,swap=0",
            "cpu: 0.5 ≠ 0.5, unverified",
            "pids: 64 ≠ 64, not in force",
            "caps: none ≠ none, not to be had here",
            "seccomp: python ≠ python+2",
        ]
    );
    assert_eq!(comparison.same(Section::Layers), 16);
}

#[test]
fn a_native_run_disagrees_by_its_outcome_and_its_output_alone() {
    let (supervised, mut native) = (ended(Outcome::Exited(0)), ended(Outcome::Exited(0)));
    denial(&mut native, 0, "bpf", &[], 1);
    native.outcome.as_mut().unwrap().1 = Duration::from_secs(9);
    assert_eq!(disagreements(&supervised, &native), [""; 0]);
    native.outcome = Some((Outcome::Exited(1), Duration::ZERO));
    native.stderr.kept = b"no".to_vec();
    native.stderr.written = 2;
    let told = ["ended by itself with 1 instead of ended by itself with 0", "stderr differs from byte 1 on"];
    assert_eq!(disagreements(&supervised, &native), told);
}

#[test]
fn a_setting_of_a_layer_that_is_off_in_both_is_no_difference() {
    let (mut before, mut after) = (hardened(), hardened());
    before.set(Layer::Memory, "off,128m").unwrap();
    after.set(Layer::Memory, "off,64m").unwrap();
    let run = ended(Outcome::Exited(0));
    let comparison =
        compare(Side { policy: &before, edits: 0, summary: &run }, Side { policy: &after, edits: 0, summary: &run });
    assert_eq!(comparison.differences, []);
}

#[test]
fn denials_are_matched_by_call_and_answer_whatever_the_process() {
    let (mut left, mut right) = (ended(Outcome::Exited(1)), ended(Outcome::Exited(1)));
    denial(&mut left, 0, "connect", &["3", "127.0.0.1:80"], 2);
    denial(&mut left, 1, "ptrace", &[], 1);
    denial(&mut left, 2, "bpf", &[], 1);
    for (id, pid) in [(0, 900), (1, 901)] {
        let each = Denial { pid, ..refusal(id, "connect", &["3", "127.0.0.1:80"], 1) };
        event(&mut right, EventKind::Denial(each));
    }
    denial(&mut right, 2, "bpf", &[], 1204);
    denial(&mut right, 3, "mount", &[], 1);
    let killed = Denial { refusal: Refusal::Kill, ..refusal(4, "bpf", &[], 1) };
    event(&mut right, EventKind::Denial(killed));
    let comparison = compared(&left, &right);
    assert_eq!(
        lines(&comparison, Section::Denials),
        ["ptrace() = EPERM: ×1 − –", "bpf() = EPERM: ×1 ≠ ×1,204", "mount() = EPERM: – + ×1", "bpf() killed: – + ×1",]
    );
    assert_eq!(comparison.same(Section::Denials), 1);
}

#[test]
fn what_was_not_seen_or_not_yet_is_never_told_as_absent() {
    let mut left = ended(Outcome::Exited(0));
    denial(&mut left, 0, "connect", &[], 2);
    met(&mut left, LimitKind::PidsRefused, 3);
    let mut unseen = ended(Outcome::Exited(0));
    unseen.cell.as_mut().unwrap().denials = Observation::NotObservable("native".into());
    let comparison = compared(&left, &unseen);
    assert_eq!(lines(&comparison, Section::Denials), ["connect() = EPERM: ×2 ? not seen"]);
    assert_eq!(lines(&comparison, Section::Run), ["denied: 2 calls of 1 kind ≠ none seen: native"]);
    assert_eq!(lines(&comparison, Section::Limits), ["pids: fork refused: ×3 − –"]);

    let comparison = compared(&left, &cell());
    assert_eq!(lines(&comparison, Section::Denials), ["connect() = EPERM: ×2 ? not yet"]);
    assert_eq!(lines(&comparison, Section::Limits), ["pids: fork refused: ×3 ? not yet"]);

    let mut flooded = ended(Outcome::Exited(0));
    event(&mut flooded, EventKind::Denial(Denial { pid: 0, comm: String::new(), ..refusal(9, "other calls", &[], 7) }));
    assert_eq!(lines(&compared(&left, &flooded), Section::Denials)[0], "connect() = EPERM: ×2 ? not listed");

    let never = ended(Outcome::NotStarted("no image".into()));
    assert_eq!(lines(&compared(&left, &never), Section::Denials), ["connect() = EPERM: ×2 ? not started"]);
    assert_eq!(lines(&compared(&left, &never), Section::Limits), ["pids: fork refused: ×3 ? not started"]);
    let gone = ended(Outcome::CellLost("gone".into()));
    assert_eq!(lines(&compared(&left, &gone), Section::Denials), ["connect() = EPERM: ×2 ? cell lost"]);

    let mut lost = left.clone();
    lost.unseen = Some("lost".into());
    assert_eq!(lines(&compared(&left, &lost), Section::Denials), ["connect() = EPERM: ×2 ≠ ≥ ×2"]);
}

#[test]
fn figures_and_cut_output_are_compared_as_shown() {
    let mut left = ended(Outcome::Exited(0));
    let mut right = left.clone();
    event(&mut left, EventKind::Resource(Sample { memory_peak: Some(Bytes::mib(12)), ..Sample::default() }));
    event(&mut right, EventKind::Dropped { stream: Stream::Stdout, bytes: 4096 });
    met(&mut right, LimitKind::OutputCut(Stream::Stdout), 4096);
    let comparison = compared(&left, &right);
    assert_eq!(
        lines(&comparison, Section::Figures),
        ["memory peak: 12 MiB ? unknown", "stdout: 0 bytes ≠ 4 KiB", "stdout dropped: 0 bytes ≠ 4 KiB"]
    );
    assert_eq!(lines(&comparison, Section::Limits), ["output: stdout cut: – + by 4 KiB"]);
}

#[test]
fn runs_without_a_cell_are_compared_too() {
    let none = Summary::default();
    let comparison = compared(&none, &ended(Outcome::NotStarted("no image".into())));
    let run = lines(&comparison, Section::Run);
    assert_eq!(run[0], "outcome: not over ? not started: no image");
    assert!(run.contains(&"image: no cell ? hotcell:latest".to_owned()), "{run:?}");
    let layers = lines(&comparison, Section::Layers);
    assert_eq!(layers[0], "network: none, not read back ≠ none", "only a run that stood has it in force");
    assert_eq!(layers.len(), 18, "every layer that is on: {layers:?}");
}
