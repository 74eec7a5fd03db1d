//! A run's events folded into what they add up to.

use std::collections::BTreeMap;
use std::time::Duration;

use super::event::{
    CellFacts, Denial, DenialId, EventKind, Failure, FailureId, Known, LimitKind, Observation, Outcome, RunEvent,
    Sample, Stream,
};
use super::held::{HeldCall, HeldId, Settled};
use super::used::{UseId, Used};
use crate::policy::{Bytes, Layer};

/// Totals of one output stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StreamTotals {
    /// What was kept.
    pub kept: Vec<u8>,
    /// Everything written, kept or not.
    pub written: u64,
}

impl StreamTotals {
    /// Bytes written and not kept.
    pub fn dropped(&self) -> u64 {
        self.written - self.kept.len() as u64
    }
}

/// A limit's total and when it was first met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LimitTotal {
    /// Which.
    pub kind: LimitKind,
    /// How often.
    pub count: u64,
    /// When first.
    pub first: Duration,
}

/// Everything a run's events say, so far.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Summary {
    /// The cell, once it stood.
    pub cell: Option<CellFacts>,
    /// Standard output.
    pub stdout: StreamTotals,
    /// Standard error.
    pub stderr: StreamTotals,
    /// Denials by identity, in the order of their first sight.
    pub denials: BTreeMap<DenialId, Denial>,
    /// Calls that failed by no known layer, in the order of their first sight.
    pub failures: BTreeMap<FailureId, Failure>,
    /// The kinds of calls that were used, where all are recorded.
    pub used: BTreeMap<UseId, Used>,
    /// What a candidate for the profile would refuse, in the order of its first sight.
    pub would: BTreeMap<DenialId, Denial>,
    /// Calls that are held, the oldest first.
    pub waiting: Vec<HeldCall>,
    /// Calls that were held and let go on.
    pub allowed: u64,
    /// Calls that were to be held and could not be, for too many were.
    pub unheld: u64,
    /// Limits, in the order of their first sight.
    pub limits: Vec<LimitTotal>,
    /// The last reading of each figure.
    pub last: Sample,
    /// How it ended, and how long it had run.
    pub outcome: Option<(Outcome, Duration)>,
    /// Why denials may be missing, where the source of them was lost.
    pub unseen: Option<String>,
    /// What could not be cleaned up or was lost on the way.
    pub warnings: Vec<String>,
}

impl Summary {
    /// Adds one event.
    pub fn apply(&mut self, event: &RunEvent) {
        match &event.kind {
            EventKind::Cell(facts) => self.cell = Some((**facts).clone()),
            EventKind::Started { .. } | EventKind::Held { .. } => {}
            EventKind::Break(call) => self.waiting.push((**call).clone()),
            EventKind::Settled { id, how } => self.settle(*id, *how),
            EventKind::Unheld { count } => self.unheld = *count,
            EventKind::Output { stream, bytes } => {
                let totals = self.stream_mut(*stream);
                totals.kept.extend_from_slice(bytes);
                totals.written += bytes.len() as u64;
            }
            EventKind::Dropped { stream, bytes } => self.stream_mut(*stream).written += bytes,
            EventKind::Denial(denial) => {
                self.denials.insert(denial.id, denial.clone());
            }
            EventKind::Failure(failure) => {
                self.failures.insert(failure.id, failure.clone());
            }
            EventKind::Used(used) => {
                self.used.insert(used.id, (**used).clone());
            }
            EventKind::Would(denial) => {
                self.would.insert(denial.id, denial.clone());
            }
            EventKind::Resource(sample) => self.take_sample(*sample),
            EventKind::Limit(limit) => match self.limits.iter_mut().find(|total| total.kind == limit.kind) {
                Some(total) => total.count = limit.count,
                None => self.limits.push(LimitTotal { kind: limit.kind, count: limit.count, first: limit.at }),
            },
            EventKind::Exit { outcome, duration, unseen, warnings } => {
                self.waiting.clear();
                self.unseen.clone_from(unseen);
                self.outcome = Some((outcome.clone(), *duration));
                self.warnings.clone_from(warnings);
            }
        }
    }

    fn settle(&mut self, id: HeldId, how: Settled) {
        self.waiting.retain(|call| call.id != id);
        self.allowed += u64::from(how == Settled::Allowed);
    }

    /// One of the two streams.
    pub fn stream(&self, stream: Stream) -> &StreamTotals {
        match stream {
            Stream::Stdout => &self.stdout,
            Stream::Stderr => &self.stderr,
        }
    }

    fn stream_mut(&mut self, stream: Stream) -> &mut StreamTotals {
        match stream {
            Stream::Stdout => &mut self.stdout,
            Stream::Stderr => &mut self.stderr,
        }
    }

    /// Whether this limit was met.
    pub fn met(&self, kind: LimitKind) -> bool {
        self.limits.iter().any(|total| total.kind == kind)
    }

    /// Why the list of denials is not known to be whole; `None` where it is.
    pub fn denials_incomplete(&self) -> Option<&str> {
        match (&self.unseen, self.cell.as_ref().map(|cell| &cell.denials)) {
            (Some(reason), _) | (None, Some(Observation::NotObservable(reason))) => Some(reason),
            (None, Some(Observation::Live)) => None,
            (None, None) => Some("no cell stood"),
        }
    }

    /// Why what layers other than seccomp refused is not known; `None` where it is.
    pub fn outcomes_unseen(&self) -> Option<&str> {
        match self.cell.as_ref().map(|cell| &cell.outcomes) {
            Some(Observation::NotObservable(reason)) => Some(reason),
            Some(Observation::Live) => None,
            None => Some("no cell stood"),
        }
    }

    /// What was refused: denials but for attempts, of which the end was not seen.
    pub fn refused(&self) -> impl Iterator<Item = &Denial> {
        self.denials.values().filter(|denial| denial.known != Known::Attempt)
    }

    /// Attempts whose end was not seen, repeats included.
    pub fn attempts(&self) -> u64 {
        let attempts = self.denials.values().filter(|denial| denial.known == Known::Attempt);
        attempts.map(|denial| denial.count).sum()
    }

    /// Refused calls by the layers that refused them.
    pub fn denied_by(&self) -> BTreeMap<Layer, u64> {
        let mut by = BTreeMap::<Layer, u64>::new();
        for denial in self.refused() {
            let calls = by.entry(denial.layer).or_default();
            *calls = calls.saturating_add(denial.count);
        }
        by
    }

    /// Refused calls, repeats included.
    pub fn denied_calls(&self) -> u64 {
        self.refused().map(|denial| denial.count).sum()
    }

    /// A figure once read is kept: the last reading of a dying cell may lack some. Peaks never fall.
    fn take_sample(&mut self, sample: Sample) {
        let last = &mut self.last;
        last.memory = sample.memory.or(last.memory);
        last.memory_peak =
            max_of([last.memory_peak, sample.memory_peak, sample.memory].map(|b| b.map(|b| b.0))).map(Bytes);
        last.cpu = sample.cpu.or(last.cpu);
        last.throttled_periods = sample.throttled_periods.or(last.throttled_periods);
        last.throttled = sample.throttled.or(last.throttled);
        last.pids = sample.pids.or(last.pids);
        last.pids_peak = max_of([last.pids_peak, sample.pids_peak, sample.pids]);
        last.read = sample.read.or(last.read);
        last.written = sample.written.or(last.written);
    }
}

fn max_of(figures: [Option<u64>; 3]) -> Option<u64> {
    figures.into_iter().flatten().max()
}
