//! A run as far as it is compared with others, and kept beside them: bounded, for there are dozens of it. Pure.

use std::time::Duration;

use super::judge::Mark;
use crate::policy::{Exposure, Layer};
use crate::run::words::{counted, one_line};
use crate::run::{Denial, LimitKind, Outcome, Refusal, Summary};

/// Lines of output that are kept.
const MOST_LINES: usize = 200;

/// Characters of a line, or of a call, that are kept.
const LONGEST_LINE: usize = 400;

/// Kinds of refused calls that are kept.
const MOST_CALLS: usize = 40;

/// What came of one combination.
#[derive(Clone, Debug, PartialEq)]
pub enum Came {
    /// It ran.
    Ran(Box<Ran>),
    /// It was not run: what would be within reach.
    NotRun(Vec<Exposure>),
    /// Nobody waited for its end.
    Stopped,
}

impl Came {
    /// Its run.
    pub fn ran(&self) -> Option<&Ran> {
        match self {
            Self::Ran(ran) => Some(ran),
            Self::NotRun(_) | Self::Stopped => None,
        }
    }
}

/// A run, as far as it is compared.
#[derive(Clone, Debug, PartialEq)]
pub struct Ran {
    /// How it ended.
    pub outcome: Outcome,
    /// What it said of that, where it is of the corpus.
    pub mark: Option<Mark>,
    /// How long it ran.
    pub took: Duration,
    /// What it printed, on both streams, safe to show: the first lines.
    pub lines: Vec<String>,
    /// How many lines more it printed.
    pub more_lines: usize,
    /// Who refused how many calls.
    pub denials: Vec<(Layer, u64)>,
    /// The first kinds of calls that were refused.
    pub calls: Vec<Refused>,
    /// How many kinds more were.
    pub more_calls: usize,
    /// Why refusals may be missing.
    pub unseen: Option<String>,
    /// The limits that were met.
    pub limits: Vec<LimitKind>,
}

/// A kind of call that was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// By whom.
    pub layer: Layer,
    /// The call with its arguments and its answer, safe to show.
    pub call: String,
    /// The specimen's line that made it, where it is known.
    pub line: Option<u32>,
    /// How often.
    pub count: u64,
}

impl Refused {
    fn of(denial: &Denial) -> Self {
        let call = format!("{}({}) = {}", denial.syscall, denial.args.join(", "), denial.refusal);
        let line = denial.source.as_ref().and_then(|source| source.specimen_line());
        Self { layer: denial.layer, call: cut(&call), line, count: denial.count }
    }
}

impl Ran {
    /// Takes from a run what is compared.
    pub fn of(summary: &Summary) -> Self {
        let mut denials: Vec<(Layer, u64)> = Vec::new();
        for denial in summary.refused().filter(|denial| denial.refusal != Refusal::Errno(libc::ENOSYS)) {
            match denials.iter_mut().find(|(layer, _)| *layer == denial.layer) {
                Some((_, count)) => *count += denial.count,
                None => denials.push((denial.layer, denial.count)),
            }
        }
        let streams = [&summary.stdout, &summary.stderr].map(|stream| String::from_utf8_lossy(&stream.kept));
        let printed = || streams.iter().flat_map(|text| text.lines());
        let (outcome, took) = summary.outcome.clone().unwrap_or((Outcome::Stopped, Duration::ZERO));
        Self {
            outcome,
            took,
            mark: Mark::of(summary).map(|(mark, _)| mark),
            lines: printed().take(MOST_LINES).map(cut).collect(),
            more_lines: printed().count().saturating_sub(MOST_LINES),
            denials,
            calls: summary.refused().take(MOST_CALLS).map(Refused::of).collect(),
            more_calls: summary.refused().count().saturating_sub(MOST_CALLS),
            unseen: summary.denials_incomplete().map(one_line),
            limits: summary.limits.iter().map(|limit| limit.kind).collect(),
        }
    }

    /// The outcome in a few words.
    pub fn short(&self) -> String {
        match (&self.outcome, self.mark) {
            (Outcome::Exited(code), Some(mark)) => format!("{} ({code})", mark.word()),
            (Outcome::Exited(code), None) => format!("exit {code}"),
            (Outcome::Signaled(signal), _) => format!("signal {signal}"),
            (Outcome::TimedOut, _) => "deadline".to_owned(),
            (Outcome::Stopped, _) => "stopped".to_owned(),
            (Outcome::NotStarted(_), _) => "not started".to_owned(),
            (Outcome::CellLost(_), _) => "cell lost".to_owned(),
        }
    }

    /// Who refused how much, and which limits were met.
    pub fn stoppers(&self) -> Vec<String> {
        let denials = self.denials.iter().map(|(layer, count)| format!("{layer}: {}", counted(*count, "denial")));
        denials.chain(self.limits.iter().map(|kind| format!("{}: {}", kind.layer(), kind.what()))).collect()
    }

    /// Both ended the same way and said the same of it.
    pub fn ends_as(&self, other: &Self) -> bool {
        self.is_told() && other.is_told() && self.outcome == other.outcome && self.mark == other.mark
    }

    /// It was a run of the specimen's.
    pub(super) fn is_told(&self) -> bool {
        !matches!(self.outcome, Outcome::NotStarted(_) | Outcome::CellLost(_))
    }

    /// The first line that the other has not at its place; figures aside, which differ from run to run.
    pub fn first_line_beside(&self, other: &Self) -> Option<&str> {
        let beside = self.lines.iter().enumerate().find(|(at, line)| {
            other.lines.get(*at).is_none_or(|theirs| without_digits(theirs) != without_digits(line))
        });
        beside.map(|(_, line)| line.as_str())
    }

    /// This layer refused something, or ended it.
    pub(super) fn was_stopped_by(&self, layer: Layer) -> bool {
        self.is_known_to_stop(layer) || (layer == LimitKind::NprocReached.layer() && self.met(LimitKind::NprocReached))
    }

    /// The same, by what is seen of every run in which it happens. Nobody counts what `RLIMIT_NPROC` refuses: that it is
    /// seen in one run and not in another tells the two apart in nothing.
    pub(super) fn is_known_to_stop(&self, layer: Layer) -> bool {
        self.denials.iter().any(|(denier, _)| *denier == layer)
            || self.limits.iter().any(|kind| kind.is_deed() && kind.layer() == layer)
    }

    fn met(&self, kind: LimitKind) -> bool {
        self.limits.contains(&kind)
    }
}

/// One line of a bounded length, safe to show.
fn cut(line: &str) -> String {
    match line.char_indices().nth(LONGEST_LINE) {
        Some((end, _)) => one_line(&line[..end]) + "…",
        None => one_line(line),
    }
}

fn without_digits(line: &str) -> String {
    line.chars().filter(|character| !character.is_ascii_digit()).collect()
}
