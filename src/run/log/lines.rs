//! Output cut into lines, in the order in which they began.

use std::collections::VecDeque;
use std::mem::size_of;
use std::ops::Range;
use std::time::Duration;

use crate::run::Stream;
use crate::text::whole_characters;

/// Lines listed at most; older ones are evicted.
pub(super) const MOST: usize = 50_000;

/// Bytes of a line at most; the rest goes on in another.
pub(super) const LONGEST: usize = 4096;

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

impl OutputLine {
    /// Where it is in what was kept of its stream, without the newline.
    pub(super) fn range(&self) -> Range<usize> {
        let start = self.start as usize;
        start..start + self.length as usize
    }
}

/// The lines of both streams.
#[derive(Clone, Debug, Default)]
pub(super) struct Lines {
    pub kept: VecDeque<OutputLine>,
    pub evicted: u64,
    numbers: [VecDeque<u64>; 2],
    /// The number of each stream's line that no newline has ended yet.
    open: [Option<u64>; 2],
}

impl Lines {
    pub fn get(&self, number: u64) -> Option<&OutputLine> {
        self.kept.get(self.index(number)?)
    }

    pub fn numbers(&self, stream: Stream) -> &VecDeque<u64> {
        &self.numbers[stream as usize]
    }

    pub fn weight(&self) -> usize {
        let numbers: usize = self.numbers.iter().map(VecDeque::capacity).sum();
        self.kept.capacity() * size_of::<OutputLine>() + numbers * size_of::<u64>()
    }

    pub fn compact(&mut self) {
        self.kept.shrink_to_fit();
        self.numbers.iter_mut().for_each(VecDeque::shrink_to_fit);
    }

    /// Takes the last `fresh` bytes of what was kept of a stream.
    pub fn take(&mut self, at: Duration, stream: Stream, kept: &[u8], fresh: usize) {
        // Each stream tells the time by itself: looking up a moment needs an order without steps back.
        let at = self.kept.back().map_or(at, |last| last.at.max(at));
        let mut from = kept.len() - fresh;
        while from < kept.len() {
            let newline = kept[from..].iter().position(|byte| *byte == b'\n');
            let to = newline.map_or(kept.len(), |length| from + length);
            self.grow(at, stream, kept, from..to);
            if newline.is_some() {
                self.end(stream);
            }
            from = to + 1;
        }
    }

    /// Adds bytes without a newline to the line that is open, or to a new one.
    fn grow(&mut self, at: Duration, stream: Stream, kept: &[u8], bytes: Range<usize>) {
        let mut start = match self.open(stream) {
            Some(line) => line.start as usize,
            None => self.begin(at, stream, bytes.start),
        };
        while bytes.end - start > LONGEST {
            let length = whole_characters(&kept[start..start + LONGEST]);
            self.set_length(stream, length);
            start = self.begin(at, stream, start + length);
        }
        self.set_length(stream, bytes.end - start);
    }

    /// Begins a line; gives its start.
    fn begin(&mut self, at: Duration, stream: Stream, start: usize) -> usize {
        if self.kept.len() == MOST
            && let Some(oldest) = self.kept.pop_front()
        {
            self.evicted += 1;
            self.numbers[oldest.stream as usize].pop_front();
        }
        let number = self.evicted + self.kept.len() as u64;
        // The output layer keeps no more than 16 MiB of a stream.
        let offset = u32::try_from(start).unwrap_or(u32::MAX);
        self.kept.push_back(OutputLine { at, stream, ended: false, start: offset, length: 0 });
        self.numbers[stream as usize].push_back(number);
        self.open[stream as usize] = Some(number);
        start
    }

    fn end(&mut self, stream: Stream) {
        if let Some(line) = self.open(stream) {
            line.ended = true;
        }
        self.open[stream as usize] = None;
    }

    fn set_length(&mut self, stream: Stream, length: usize) {
        if let Some(line) = self.open(stream) {
            line.length = u32::try_from(length).unwrap_or(0);
        }
    }

    /// The line of a stream that is open, unless it has been evicted.
    fn open(&mut self, stream: Stream) -> Option<&mut OutputLine> {
        let index = self.index(self.open[stream as usize]?)?;
        self.kept.get_mut(index)
    }

    fn index(&self, number: u64) -> Option<usize> {
        usize::try_from(number.checked_sub(self.evicted)?).ok()
    }
}
