//! The matches of a search, kept true line by line as the text changes.

use std::ops::Range;

use super::text::{Change, Place, Text};

/// Every match.
#[derive(Clone, Debug, Default)]
pub struct Matches {
    /// For each line, the bytes that match; no lines where nothing is searched.
    lines: Vec<Vec<Range<usize>>>,
    count: usize,
}

impl Matches {
    /// Searches the whole text.
    pub fn of(text: &Text) -> Self {
        if !text.has_pattern() {
            return Self::default();
        }
        let lines: Vec<_> = (0..text.lines().len()).map(|line| text.matches(line)).collect();
        let count = lines.iter().map(Vec::len).sum();
        Self { lines, count }
    }

    /// How many there are; `None` where nothing is searched.
    pub fn count(&self) -> Option<usize> {
        (!self.lines.is_empty()).then_some(self.count)
    }

    /// The matches in a line, from 0.
    pub fn on(&self, line: usize) -> &[Range<usize>] {
        self.lines.get(line).map_or(&[], Vec::as_slice)
    }

    /// Searches the lines that changed.
    pub fn follow(&mut self, change: &Change, text: &Text) {
        if self.lines.is_empty() {
            return;
        }
        let new = (change.first..change.first + change.new).map(|line| text.matches(line));
        let gone: usize = self.lines.splice(change.first..change.first + change.old, new).map(|line| line.len()).sum();
        let come: usize = self.lines[change.first..change.first + change.new].iter().map(Vec::len).sum();
        self.count = self.count - gone + come;
    }

    /// The first match from a place on, itself too; from the beginning again where none is behind.
    pub fn at_or_after(&self, at: Place) -> Option<Place> {
        self.first(at.line, |start| start >= at.byte)
    }

    /// The next match behind a place.
    pub fn after(&self, at: Place) -> Option<Place> {
        self.first(at.line, |start| start > at.byte)
    }

    /// The match before a place; from the end again where none is before.
    pub fn before(&self, at: Place) -> Option<Place> {
        let here = |range: &&Range<usize>| range.start < at.byte;
        let before = self.on(at.line).iter().rfind(here).map(|range| (at.line, range));
        let last = |line: usize| self.on(line).last().map(|range| (line, range));
        let count = self.lines.len();
        let found = before.or_else(|| (1..=count).find_map(|back| last((at.line + count - back) % count)));
        found.map(|(line, range)| Place { line, byte: range.start })
    }

    fn first(&self, from: usize, behind: impl Fn(usize) -> bool) -> Option<Place> {
        let here = self.on(from).iter().find(|range| behind(range.start)).map(|range| (from, range));
        let first = |line: usize| self.on(line).first().map(|range| (line, range));
        let count = self.lines.len();
        let found = here.or_else(|| (1..=count).find_map(|on| first((from + on) % count)));
        found.map(|(line, range)| Place { line, byte: range.start })
    }
}
