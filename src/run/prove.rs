//! A supervised and a native run under one profile, and in what they disagree. Pure.

use super::event::{Outcome, Stream};
use super::refusal::Refusal;
use super::summary::{StreamTotals, Summary};

/// SIGSYS, with which the kernel kills what a supervised run kills by SIGKILL: signal(7).
const SIGSYS: u8 = 31;

/// One thing in which two runs disagree, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disagreement {
    /// What it is about.
    pub what: &'static str,
    /// In the supervised run.
    pub supervised: String,
    /// In the native one.
    pub native: String,
}

/// In what the two disagree. `again` is a second supervised run: output in which the two supervised ones differ already
/// says nothing about the enforcement.
pub fn disagreements(supervised: &Summary, native: &Summary, again: Option<&Summary>) -> Vec<Disagreement> {
    let mut all = Vec::new();
    if !same_end(supervised, native) {
        let [supervised, native] = [supervised, native].map(end);
        all.push(Disagreement { what: "end", supervised, native });
    }
    for (what, stream) in [("stdout", Stream::Stdout), ("stderr", Stream::Stderr)] {
        let [one, other] = [supervised, native].map(|run| run.stream(stream));
        let steady = again.is_none_or(|again| again.stream(stream) == one);
        if one != other && steady {
            let (supervised, native) = parting(one, other);
            all.push(Disagreement { what, supervised, native });
        }
    }
    all
}

/// Whether the two wrote the same; if not, a second supervised run tells whether that says anything.
pub fn same_output(one: &Summary, other: &Summary) -> bool {
    one.stdout == other.stdout && one.stderr == other.stderr
}

/// How a run ended, in words.
pub fn end(run: &Summary) -> String {
    run.outcome.as_ref().map_or_else(|| "it is not over".to_owned(), |(outcome, _)| outcome.to_string())
}

/// An engine tells an end by a signal as 128 + N; and what supervision kills by SIGKILL, the kernel kills by SIGSYS.
fn same_end(supervised: &Summary, native: &Summary) -> bool {
    let status = |run: &Summary| match &run.outcome {
        None | Some((Outcome::NotStarted(_) | Outcome::CellLost(_), _)) => None,
        Some((outcome, _)) => Some(outcome.exit_status()),
    };
    let (Some(one), Some(other)) = (status(supervised), status(native)) else { return false };
    let killed = supervised.denials.values().any(|denial| denial.refusal == Refusal::Kill);
    let by_the_filter = |status: u8| killed && (status == 128 + SIGSYS || status == 128 + 9);
    one == other || (by_the_filter(one) && by_the_filter(other))
}

/// The first lines that differ, with their numbers.
fn parting(one: &StreamTotals, other: &StreamTotals) -> (String, String) {
    let lines = |totals: &StreamTotals| -> Vec<Vec<u8>> {
        totals.kept.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect()
    };
    let (one_lines, other_lines) = (lines(one), lines(other));
    let at = one_lines.iter().zip(&other_lines).take_while(|(one, other)| one == other).count();
    let told = |lines: &[Vec<u8>], totals: &StreamTotals| match lines.get(at) {
        Some(line) => format!("line {}: {}", at + 1, crate::text::visible(line.trim_ascii_end())),
        None => format!("ends after line {at}, {} bytes", totals.written),
    };
    (told(&one_lines, one), told(&other_lines, other))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::samples::refusal;
    use super::*;

    fn run(outcome: Outcome, stdout: &str) -> Summary {
        Summary {
            outcome: Some((outcome, Duration::ZERO)),
            stdout: StreamTotals { kept: stdout.as_bytes().to_vec(), written: stdout.len() as u64 },
            ..Summary::default()
        }
    }

    fn told(supervised: &Summary, native: &Summary, again: Option<&Summary>) -> Vec<String> {
        let all = disagreements(supervised, native, again).into_iter();
        all.map(|it| format!("{}: {} / {}", it.what, it.supervised, it.native)).collect()
    }

    #[test]
    fn runs_that_end_and_write_alike_agree() {
        let (one, other) = (run(Outcome::Signaled(11), "a\n"), run(Outcome::Exited(139), "a\n"));
        assert_eq!(told(&one, &other, None), Vec::<String>::new());
    }

    #[test]
    fn another_end_and_the_first_line_that_differs_are_told() {
        let (one, other) = (run(Outcome::Exited(0), "a\nb\n"), run(Outcome::Exited(1), "a\n\x1b[2J\n"));
        assert_eq!(
            told(&one, &other, None),
            ["end: ended by itself with 0 / ended by itself with 1", "stdout: line 2: b / line 2: \\x1b[2J"]
        );
        let short = run(Outcome::Exited(0), "a\n");
        assert_eq!(told(&one, &short, None), ["stdout: line 2: b / ends after line 1, 2 bytes"]);
    }

    #[test]
    fn output_that_differs_from_run_to_run_says_nothing() {
        let [one, again, other] = ["1\n", "2\n", "3\n"].map(|text| run(Outcome::Exited(0), text));
        assert_eq!(told(&one, &other, Some(&again)), Vec::<String>::new());
        assert_eq!(told(&one, &other, Some(&one)).len(), 1);
    }

    #[test]
    fn a_kill_by_the_filter_is_the_same_end_and_a_run_that_did_not_start_never_is() {
        let mut one = run(Outcome::Signaled(9), "");
        let other = run(Outcome::Exited(159), "");
        assert_eq!(told(&one, &other, None).len(), 1);
        let refused = super::super::event::Denial { refusal: Refusal::Kill, ..refusal(1, "socket", &[], 1) };
        one.denials.insert(refused.id, refused);
        assert_eq!(told(&one, &other, None), Vec::<String>::new());
        let not = run(Outcome::NotStarted("no".to_owned()), "");
        assert_eq!(told(&not, &not, None).len(), 1);
    }
}
