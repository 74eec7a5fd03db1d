//! A run as it is looked at: its events, bounded and in order, with the moment of each.

use std::collections::VecDeque;
use std::time::Duration;

use super::{LimitKind, RunEvent, Sample, Stream, Summary};

/// One line of output; a line that is too long goes on in the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutputLine {
    /// When its first byte came.
    pub at: Duration,
    /// Where it was written.
    pub stream: Stream,
    /// A newline ended it; else it goes on in the stream's next line, or the stream ended.
    pub ended: bool,
    start: u32,
    length: u32,
}

/// A reading and its moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TimedSample {
    /// On the run's clock.
    pub at: Duration,
    /// The reading.
    pub sample: Sample,
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
    lines: VecDeque<OutputLine>,
    evicted: u64,
    samples: Vec<TimedSample>,
    marks: Vec<LimitMark>,
}

impl RunLog {
    /// Adds one event.
    pub fn apply(&mut self, event: &RunEvent) {
        self.summary.apply(event);
    }

    /// The lines that are kept, in the order in which they began.
    pub fn lines(&self) -> &VecDeque<OutputLine> {
        &self.lines
    }

    /// A line's bytes, as they came, without the newline.
    pub fn bytes(&self, line: &OutputLine) -> &[u8] {
        let kept = &self.summary.stream(line.stream).kept;
        &kept[line.start as usize..(line.start + line.length) as usize]
    }

    /// Lines no longer listed, to bound memory.
    pub fn evicted(&self) -> u64 {
        self.evicted
    }

    /// Readings, oldest first; thinned out where a run is long.
    pub fn samples(&self) -> &[TimedSample] {
        &self.samples
    }

    /// Each moment at which a limit was met (more often), oldest first; thinned out where there are many.
    pub fn marks(&self) -> &[LimitMark] {
        &self.marks
    }

    /// Bytes of memory that it takes, about.
    pub fn weight(&self) -> usize {
        0
    }
}
