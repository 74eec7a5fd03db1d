//! Lists that stay bounded by becoming sparser: where one is full, every other entry goes, and from then on only every
//! other one that comes is taken.

use super::{LimitMark, TimedSample};
use crate::run::LimitKind;

/// Readings kept at most: as they come, those of three minutes.
pub(super) const MOST_SAMPLES: usize = 4096;

/// Marks kept at most.
pub(super) const MOST_MARKS: usize = 512;

/// Readings; the first and the last are always among them.
#[derive(Clone, Debug, Default)]
pub(super) struct Samples {
    pub kept: Vec<TimedSample>,
    /// How many there were.
    seen: u64,
    /// How often the list was thinned out.
    thinned: u32,
    /// The last stands here only until the next comes.
    passing: bool,
}

impl Samples {
    pub fn take(&mut self, sample: TimedSample) {
        if self.passing {
            self.kept.pop();
        }
        if self.kept.len() == MOST_SAMPLES {
            self.thinned += 1;
            let mut places = 0..;
            self.kept.retain(|_| places.next().is_some_and(|place: usize| place.is_multiple_of(2)));
        }
        self.passing = !self.seen.is_multiple_of(1 << self.thinned);
        self.seen += 1;
        self.kept.push(sample);
    }
}

/// Marks; the first of each kind is always among them.
#[derive(Clone, Debug, Default)]
pub(super) struct Marks {
    pub kept: Vec<LimitMark>,
    /// How many of each kind there were.
    seen: Vec<(LimitKind, u64)>,
    /// How often the list was thinned out.
    thinned: u32,
}

impl Marks {
    pub fn take(&mut self, mark: LimitMark) {
        let ordinal = count(&mut self.seen, mark.kind);
        if !ordinal.is_multiple_of(1 << self.thinned) {
            return;
        }
        if self.kept.len() == MOST_MARKS {
            self.thinned += 1;
            let mut places = Vec::new();
            self.kept.retain(|mark| count(&mut places, mark.kind).is_multiple_of(2));
        }
        if ordinal.is_multiple_of(1 << self.thinned) {
            self.kept.push(mark);
        }
    }
}

/// How many of a kind were counted before; counts one more.
fn count(counts: &mut Vec<(LimitKind, u64)>, kind: LimitKind) -> u64 {
    if let Some((_, count)) = counts.iter_mut().find(|(known, _)| *known == kind) {
        *count += 1;
        return *count - 1;
    }
    counts.push((kind, 1));
    0
}
