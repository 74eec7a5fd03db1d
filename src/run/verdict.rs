//! What a finished run came to, in one sentence of plain words.

use super::words::{counted, grouped, one_line};
use super::{Enforcement, Force, LayerState, LimitKind, Outcome, Refusal, Stream, Summary};
use crate::policy::{Bytes, Layer};

/// What a run came to, by kind; the gravest that applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Mood {
    /// It ended by itself with 0, nothing was refused, every layer asked for was in force, and nobody warned of anything.
    Clean,
    /// Nothing was refused as far as is known, but something was not as it could be: it failed by itself, was stopped,
    /// could not be seen whole, or is not over.
    Unsure,
    /// A layer refused it something, or ended it.
    Denied,
    /// It did not run as asked: not started, lost, or a layer was not in force.
    Broken,
}

/// Classifies a run.
pub fn mood(summary: &Summary) -> Mood {
    let layers = asked(summary);
    match &summary.outcome {
        Some((Outcome::NotStarted(_) | Outcome::CellLost(_), _)) => Mood::Broken,
        _ if layers.iter().any(|state| is_broken(state)) => Mood::Broken,
        Some((Outcome::TimedOut, _)) => Mood::Denied,
        _ if summary.refused().next().is_some() || summary.limits.iter().any(|limit| refuses(limit.kind)) => {
            Mood::Denied
        }
        Some((Outcome::Exited(0), _)) => {
            let warned = summary.cell.iter().any(|cell| !cell.warnings.is_empty()) || !summary.warnings.is_empty();
            let whole = summary.denials_incomplete().is_none() && !warned;
            let cut = summary.stdout.dropped() + summary.stderr.dropped() > 0;
            let held = layers.iter().all(|state| state.in_force == Force::Yes);
            if whole && held && !cut { Mood::Clean } else { Mood::Unsure }
        }
        Some((Outcome::Exited(_) | Outcome::Signaled(_) | Outcome::Stopped, _)) | None => Mood::Unsure,
    }
}

/// What a run came to: what was refused, how it ended, then what was cut. One sentence without a full stop, safe to show.
pub fn verdict(summary: &Summary) -> String {
    let Some((outcome, _)) = &summary.outcome else {
        return match summary.cell {
            Some(_) => one_line(&format!("so far: {}", refused(summary))),
            None => "not started yet".to_owned(),
        };
    };
    let mut clauses = match outcome {
        // Nothing ran, or what ran was lost: that nothing was seen says nothing.
        Outcome::NotStarted(_) | Outcome::CellLost(_) => {
            let calls = summary.refused().next().is_some().then(|| denied(summary));
            vec![outcome.to_string(), calls.into_iter().chain(limits(summary)).collect::<Vec<_>>().join(", ")]
        }
        Outcome::Stopped if summary.cell.is_none() => vec![format!("{outcome} before a cell stood")],
        // The kernel kills for memory by SIGKILL: here the limit says why.
        Outcome::Signaled(libc::SIGKILL) if summary.met(LimitKind::OomKill) => {
            vec![format!("{}: {outcome}", refused(summary))]
        }
        Outcome::Exited(_) | Outcome::Signaled(_) | Outcome::TimedOut | Outcome::Stopped => {
            vec![refused(summary), ended(summary, outcome)]
        }
    };
    clauses.push(not_in_force(summary));
    clauses.push(by_the_way(summary));
    clauses.retain(|clause| !clause.is_empty());
    one_line(&clauses.join("; "))
}

/// Engines tell a death by signal N as 128 + N (`docker wait`), which the specimen can give as its code too.
fn ended(summary: &Summary, outcome: &Outcome) -> String {
    let native = summary.cell.as_ref().is_some_and(|cell| cell.enforcement == Enforcement::Native);
    match outcome {
        Outcome::Exited(code @ 129..=192) if native => {
            format!("ended with {code}, by itself or by signal {} (the engine tells both alike)", code - 128)
        }
        outcome => outcome.to_string(),
    }
}

fn asked(summary: &Summary) -> Vec<&LayerState> {
    summary.cell.iter().flat_map(|cell| &cell.layers).filter(|state| state.asked).collect()
}

/// It could be had here, and was read back as not there.
fn is_broken(state: &LayerState) -> bool {
    state.asked && state.unavailable.is_none() && state.in_force == Force::No
}

/// Whether meeting a limit means that the specimen did not get what it wanted. A throttled one gets it later; what it
/// wrote was taken, kept or not; a maximum that memory was taken back at refuses nothing.
fn refuses(kind: LimitKind) -> bool {
    match kind {
        LimitKind::PidsRefused | LimitKind::NprocReached | LimitKind::OomKill | LimitKind::Deadline => true,
        LimitKind::MemoryMax | LimitKind::CpuThrottled | LimitKind::DiskRate | LimitKind::OutputCut(_) => false,
    }
}

/// What was refused: calls, then limits.
fn refused(summary: &Summary) -> String {
    std::iter::once(denied(summary)).chain(limits(summary)).collect::<Vec<_>>().join(", ")
}

fn limits(summary: &Summary) -> impl Iterator<Item = String> {
    summary.limits.iter().filter_map(|limit| limit_met(summary, limit.kind, limit.count))
}

/// The denied calls, and whether they are all there were.
fn denied(summary: &Summary) -> String {
    let by_layer = summary.denied_by();
    let each: Vec<_> = by_layer.iter().map(|(layer, calls)| format!("{} by {layer}", grouped(*calls))).collect();
    let calls = match by_layer.first_key_value() {
        Some((layer, calls)) if by_layer.len() == 1 => format!("{} denied by {layer}", counted(*calls, "call")),
        _ => format!("{} denied ({})", counted(summary.denied_calls(), "call"), each.join(", ")),
    };
    let kill = if summary.denials.values().any(|denial| denial.refusal == Refusal::Kill) { " with a kill" } else { "" };
    let calls = format!("{calls}{kill}");
    match (summary.denials_incomplete(), by_layer.is_empty()) {
        (None, true) => format!("nothing was denied by {}", Layer::Seccomp),
        (None, false) => calls,
        (Some(reason), true) if summary.unseen.is_some() => format!("no denial seen, some may be missing ({reason})"),
        (Some(reason), true) => format!("denials not observable ({reason})"),
        (Some(reason), false) if summary.unseen.is_some() => format!("at least {calls} ({reason})"),
        (Some(reason), false) => format!("{calls}; seccomp's are not seen ({reason})"),
    }
}

/// What a limit did, unless the outcome or another limit says the same.
fn limit_met(summary: &Summary, kind: LimitKind, count: u64) -> Option<String> {
    let killed = matches!(summary.outcome, Some((Outcome::Signaled(libc::SIGKILL), _)));
    let timed_out = matches!(summary.outcome, Some((Outcome::TimedOut, _)));
    match kind {
        LimitKind::PidsRefused => Some(format!("{} refused by pids", counted(count, "fork"))),
        LimitKind::NprocReached => Some("the process limit of ulimits reached".to_owned()),
        LimitKind::MemoryMax if summary.met(LimitKind::OomKill) => None,
        LimitKind::MemoryMax => Some("memory limit met".to_owned()),
        LimitKind::OomKill if killed => Some("memory limit killed it (OOM)".to_owned()),
        LimitKind::OomKill if count == 1 => Some("memory limit killed a process (OOM)".to_owned()),
        LimitKind::OomKill => Some(format!("memory limit killed {} (OOM)", counted(count, "process"))),
        LimitKind::Deadline if timed_out => None,
        LimitKind::Deadline => Some("the deadline passed".to_owned()),
        LimitKind::CpuThrottled | LimitKind::DiskRate | LimitKind::OutputCut(_) => None,
    }
}

fn not_in_force(summary: &Summary) -> String {
    let names: Vec<_> =
        asked(summary).into_iter().filter(|state| is_broken(state)).map(|state| state.layer.name()).collect();
    if names.is_empty() { String::new() } else { format!("asked but not in force: {}", names.join(" ")) }
}

/// What changes nothing of how it ended, and a reader of its output and times should know.
fn by_the_way(summary: &Summary) -> String {
    let mut parts = Vec::new();
    for stream in [Stream::Stdout, Stream::Stderr] {
        match summary.stream(stream).dropped() {
            0 => {}
            dropped => parts.push(format!("{} cut by {}", stream.name(), Bytes(dropped))),
        }
    }
    if summary.met(LimitKind::CpuThrottled) {
        parts.push("CPU throttled".to_owned());
    }
    if summary.met(LimitKind::DiskRate) {
        parts.push("disk rate reached".to_owned());
    }
    parts.join(", ")
}

#[cfg(test)]
mod tests {
    use super::Mood::{Broken, Clean, Denied, Unsure};
    use super::*;
    use crate::run::samples::{cell, denial, ended as run, event, met};
    use crate::run::{EventKind, Observation};

    fn unobservable(outcome: Outcome) -> Summary {
        let mut summary = run(outcome);
        summary.cell.as_mut().unwrap().denials = Observation::NotObservable("native enforcement".into());
        summary
    }

    fn outcomes() -> [Outcome; 7] {
        [
            Outcome::Exited(0),
            Outcome::Exited(1),
            Outcome::Signaled(9),
            Outcome::TimedOut,
            Outcome::Stopped,
            Outcome::NotStarted("no python".into()),
            Outcome::CellLost("gone".into()),
        ]
    }

    #[test]
    fn a_run_without_denials_says_how_it_ended() {
        let said = outcomes().map(|outcome| verdict(&run(outcome)));
        assert_eq!(
            said,
            [
                "nothing was denied by seccomp; ended by itself with 0",
                "nothing was denied by seccomp; ended by itself with 1",
                "nothing was denied by seccomp; killed by signal 9",
                "nothing was denied by seccomp; killed by the deadline",
                "nothing was denied by seccomp; stopped by the reviewer",
                "not started: no python",
                "cell lost: gone",
            ]
        );
    }

    #[test]
    fn denied_calls_are_counted_and_named_by_their_layer() {
        let said = outcomes().map(|outcome| {
            let mut summary = run(outcome);
            denial(&mut summary, 0, "connect", &["3"], 1203);
            denial(&mut summary, 1, "ptrace", &[], 1);
            verdict(&summary)
        });
        assert_eq!(said[0], "1,204 calls denied by seccomp; ended by itself with 0");
        assert_eq!(said[5], "not started: no python; 1,204 calls denied by seccomp");
        assert_eq!(said[6], "cell lost: gone; 1,204 calls denied by seccomp");
        let mut killed = run(Outcome::Signaled(9));
        denial(&mut killed, 0, "connect", &["3"], 1);
        killed.denials.values_mut().next().unwrap().refusal = Refusal::Kill;
        assert_eq!(verdict(&killed), "1 call denied by seccomp with a kill; killed by signal 9");
    }

    #[test]
    fn a_run_whose_denials_were_unseen_never_says_that_nothing_was_denied() {
        for outcome in outcomes() {
            let mut lost = run(outcome.clone());
            lost.unseen = Some("the listener ended early".into());
            for summary in [unobservable(outcome.clone()), lost] {
                assert!(!verdict(&summary).contains("nothing"), "{}", verdict(&summary));
                assert_ne!(mood(&summary), Mood::Clean);
            }
        }
        let said = verdict(&unobservable(Outcome::Exited(0)));
        assert_eq!(said, "denials not observable (native enforcement); ended by itself with 0");
        let mut lost = run(Outcome::Exited(0));
        lost.unseen = Some("the listener ended early".into());
        assert_eq!(
            verdict(&lost),
            "no denial seen, some may be missing (the listener ended early); ended by itself with 0"
        );
        denial(&mut lost, 0, "connect", &["3"], 2);
        assert_eq!(
            verdict(&lost),
            "at least 2 calls denied by seccomp (the listener ended early); ended by itself with 0"
        );
    }

    #[test]
    fn a_run_stopped_before_a_cell_stood_says_so() {
        let mut summary = run(Outcome::Stopped);
        summary.cell = None;
        assert_eq!(verdict(&summary), "stopped by the reviewer before a cell stood");
        assert_eq!(mood(&summary), Mood::Unsure);
    }

    #[test]
    fn a_kill_for_memory_says_why_the_signal_came() {
        let mut summary = run(Outcome::Signaled(9));
        denial(&mut summary, 0, "connect", &["3"], 2);
        met(&mut summary, LimitKind::MemoryMax, 40);
        met(&mut summary, LimitKind::OomKill, 1);
        assert_eq!(verdict(&summary), "2 calls denied by seccomp, memory limit killed it (OOM): killed by signal 9");
        let mut child = run(Outcome::Exited(0));
        met(&mut child, LimitKind::OomKill, 2);
        assert_eq!(
            verdict(&child),
            "nothing was denied by seccomp, memory limit killed 2 processes (OOM); ended by itself with 0"
        );
        let mut lost = run(Outcome::CellLost("gone".into()));
        met(&mut lost, LimitKind::OomKill, 1);
        assert_eq!(verdict(&lost), "cell lost: gone; memory limit killed a process (OOM)");
    }

    #[test]
    fn what_was_cut_or_throttled_comes_last() {
        let mut summary = run(Outcome::Exited(0));
        met(&mut summary, LimitKind::CpuThrottled, 30);
        event(&mut summary, EventKind::Dropped { stream: Stream::Stdout, bytes: 2048 });
        met(&mut summary, LimitKind::OutputCut(Stream::Stdout), 2048);
        met(&mut summary, LimitKind::PidsRefused, 17);
        assert_eq!(
            verdict(&summary),
            "nothing was denied by seccomp, 17 forks refused by pids; ended by itself with 0; stdout cut by 2 KiB, CPU throttled"
        );
    }

    #[test]
    fn the_deadline_is_said_once() {
        let mut summary = run(Outcome::TimedOut);
        met(&mut summary, LimitKind::Deadline, 1);
        assert_eq!(verdict(&summary), "nothing was denied by seccomp; killed by the deadline");
    }

    #[test]
    fn an_exit_code_that_can_be_a_signal_is_told_as_both() {
        let mut summary = unobservable(Outcome::Exited(137));
        summary.cell.as_mut().unwrap().enforcement = Enforcement::Native;
        assert!(
            verdict(&summary).ends_with("; ended with 137, by itself or by signal 9 (the engine tells both alike)")
        );
        assert!(verdict(&run(Outcome::Exited(137))).ends_with("; ended by itself with 137"));
    }

    #[test]
    fn a_layer_that_was_not_in_force_is_told_and_breaks_the_run() {
        let mut summary = run(Outcome::Exited(0));
        summary.cell.as_mut().unwrap().layers[1].in_force = Force::No;
        let layer = summary.cell.as_ref().unwrap().layers[1].layer;
        assert!(verdict(&summary).ends_with(&format!("; asked but not in force: {layer}")));
        assert_eq!(mood(&summary), Broken);
    }

    #[test]
    fn only_a_run_that_is_whole_in_every_way_is_clean() {
        let clean = run(Outcome::Exited(0));
        assert_eq!(mood(&clean), Clean);
        let moods = outcomes().map(|outcome| mood(&run(outcome)));
        assert_eq!(moods, [Clean, Unsure, Unsure, Denied, Unsure, Broken, Broken]);
        let changed = |change: fn(&mut Summary)| {
            let mut summary = clean.clone();
            change(&mut summary);
            mood(&summary)
        };
        assert_eq!(changed(|s| s.outcome = None), Unsure);
        assert_eq!(changed(|s| s.warnings.push("the cell is left".into())), Unsure);
        assert_eq!(changed(|s| s.stdout.written += 5), Unsure);
        assert_eq!(changed(|s| s.cell.as_mut().unwrap().layers[0].in_force = Force::Unverified), Unsure);
        assert_eq!(changed(|s| met(s, LimitKind::CpuThrottled, 3)), Clean);
        assert_eq!(changed(|s| met(s, LimitKind::PidsRefused, 3)), Denied);
        assert_eq!(changed(|s| denial(s, 0, "connect", &[], 1)), Denied);
        let unavailable = changed(|s| {
            let state = &mut s.cell.as_mut().unwrap().layers[0];
            state.unavailable = Some("no such kernel".into());
            state.in_force = Force::No;
        });
        assert_eq!(unavailable, Unsure);
    }

    #[test]
    fn a_run_that_is_not_over_says_what_is_known_so_far() {
        assert_eq!(verdict(&Summary::default()), "not started yet");
        assert_eq!(verdict(&cell()), "so far: nothing was denied by seccomp");
    }
}
