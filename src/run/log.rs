//! A run as it is looked at: its events, bounded and in order, with the moment of each.

mod lines;
mod thin;

use std::collections::VecDeque;
use std::mem::size_of;
use std::time::Duration;

use lines::Lines;
pub use lines::OutputLine;
use thin::{Marks, Samples};

use super::{Denial, EventKind, LimitKind, RunEvent, Sample, Stream, Summary};
use crate::policy::Millicores;

/// A reading and its moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TimedSample {
    /// On the run's clock.
    pub at: Duration,
    /// The reading.
    pub sample: Sample,
}

impl TimedSample {
    /// CPU time used since an earlier reading, as a share of the time that has passed; `None` where the kernel does not
    /// tell.
    pub fn cpu_since(&self, earlier: &Self) -> Option<Millicores> {
        let nanos = |sample: &Sample| u64::try_from(sample.cpu?.as_nanos()).ok();
        let share = self.rate_since(earlier, nanos)? / 1_000_000;
        Some(Millicores(u32::try_from(share).unwrap_or(u32::MAX)))
    }

    /// By how much per second a figure that only grows has grown since an earlier reading; `None` where either does not
    /// have it, or no time has passed.
    pub fn rate_since(&self, earlier: &Self, figure: impl Fn(&Sample) -> Option<u64>) -> Option<u64> {
        let grown = figure(&self.sample)?.saturating_sub(figure(&earlier.sample)?);
        let nanos = self.at.saturating_sub(earlier.at).as_nanos();
        let rate = (u128::from(grown) * 1_000_000_000).checked_div(nanos)?;
        Some(u64::try_from(rate).unwrap_or(u64::MAX))
    }
}

/// A limit that was met at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LimitMark {
    /// On the run's clock.
    pub at: Duration,
    /// Which.
    pub kind: LimitKind,
}

/// The events of one run.
#[derive(Clone, Debug, Default)]
pub struct RunLog {
    /// What they add up to.
    pub summary: Summary,
    lines: Lines,
    samples: Samples,
    marks: Marks,
}

impl RunLog {
    /// Adds one event.
    pub fn apply(&mut self, event: &RunEvent) {
        if let EventKind::Limit(limit) = &event.kind {
            let told = self.summary.limits.iter().find(|total| total.kind == limit.kind).map_or(0, |total| total.count);
            if limit.count > told {
                self.marks.take(LimitMark { at: limit.at, kind: limit.kind });
            }
        }
        self.summary.apply(event);
        match &event.kind {
            EventKind::Output { stream, bytes } => {
                self.lines.take(event.at, *stream, &self.summary.stream(*stream).kept, bytes.len());
            }
            EventKind::Resource(sample) => self.samples.take(TimedSample { at: event.at, sample: *sample }),
            _ => {}
        }
    }

    /// The lines that are kept, in the order in which they began.
    pub fn lines(&self) -> &VecDeque<OutputLine> {
        &self.lines.kept
    }

    /// A line by its number: the first of the run is 0, and each keeps its number when older ones are evicted.
    pub fn line(&self, number: u64) -> Option<&OutputLine> {
        self.lines.get(number)
    }

    /// The numbers of a stream's lines that are kept, in order.
    pub fn numbers(&self, stream: Stream) -> &VecDeque<u64> {
        self.lines.numbers(stream)
    }

    /// The number of the last line that had begun at a moment.
    pub fn line_at(&self, moment: Duration) -> Option<u64> {
        let begun = self.lines.kept.partition_point(|line| line.at <= moment);
        begun.checked_sub(1).map(|index| self.lines.evicted + index as u64)
    }

    /// A line's bytes, as they came, without the newline.
    pub fn bytes(&self, line: &OutputLine) -> &[u8] {
        self.summary.stream(line.stream).kept.get(line.range()).unwrap_or_default()
    }

    /// Whether a line goes on from the one before it in its stream, which was too long.
    pub fn goes_on(&self, line: &OutputLine) -> bool {
        let before = line.range().start.checked_sub(1);
        before.and_then(|at| self.summary.stream(line.stream).kept.get(at)).is_some_and(|byte| *byte != b'\n')
    }

    /// Lines no longer listed, to bound memory.
    pub fn evicted(&self) -> u64 {
        self.lines.evicted
    }

    /// Readings, oldest first; thinned out where a run is long.
    pub fn samples(&self) -> &[TimedSample] {
        &self.samples.kept
    }

    /// Each moment at which a limit was met (more often), oldest first; thinned out where there are many.
    pub fn marks(&self) -> &[LimitMark] {
        &self.marks.kept
    }

    /// Bytes of memory that it takes, about.
    pub fn weight(&self) -> usize {
        let output = self.summary.stdout.kept.capacity() + self.summary.stderr.kept.capacity();
        let denials: usize = self.summary.denials.values().map(denial_weight).sum();
        size_of::<Self>()
            + output
            + denials
            + self.lines.weight()
            + self.samples.kept.capacity() * size_of::<TimedSample>()
            + self.marks.kept.capacity() * size_of::<LimitMark>()
    }

    /// Gives back the memory that was set aside for what might still come; for when the run is over.
    pub fn compact(&mut self) {
        self.summary.stdout.kept.shrink_to_fit();
        self.summary.stderr.kept.shrink_to_fit();
        self.lines.compact();
        self.samples.kept.shrink_to_fit();
        self.marks.kept.shrink_to_fit();
    }
}

fn denial_weight(denial: &Denial) -> usize {
    let args: usize = denial.args.iter().map(|arg| size_of::<String>() + arg.len()).sum();
    size_of::<Denial>() + denial.syscall.len() + denial.comm.len() + args
}

#[cfg(test)]
mod tests;
