//! Searching the output.

use std::ops::Range;

use regex::Regex;

use crate::run::words::grouped;
use crate::run::{OutputLine, RunLog};
use crate::text::{visible_lines, visible_str};

/// An expression, and where it was found last.
#[derive(Clone, Debug)]
pub struct Search {
    regex: Regex,
    found: Option<Found>,
}

/// One line that matches, among the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Found {
    number: u64,
    /// From 1; 0 where no line matches.
    place: usize,
    of: usize,
}

/// Which line that matches is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// The first from a line on.
    From(u64),
    /// The first behind a line.
    After(u64),
    /// The last in front of a line.
    Before(u64),
}

impl Search {
    /// A search by an expression.
    ///
    /// # Errors
    /// What is wrong with the expression, in a line.
    pub fn new(pattern: &str) -> Result<Self, String> {
        let regex = Regex::new(pattern).map_err(|error| in_a_line(&error.to_string()))?;
        Ok(Self { regex, found: None })
    }

    /// Looks through all lines; gives the number of the one that is wanted (beginning anew at the other end where there
    /// is none), and how many match.
    pub fn jump(&mut self, log: &RunLog, wanted: Wanted) -> (Option<u64>, usize) {
        let lines = (log.evicted()..).zip(log.lines());
        let matching: Vec<u64> =
            lines.filter(|(_, line)| self.first_match(log, line).is_some()).map(|(number, _)| number).collect();
        let of = matching.len();
        let index = match wanted {
            Wanted::From(number) => matching.partition_point(|each| *each < number) % of.max(1),
            Wanted::After(number) => matching.partition_point(|each| *each <= number) % of.max(1),
            Wanted::Before(number) => {
                matching.partition_point(|each| *each < number).checked_sub(1).unwrap_or(of.saturating_sub(1))
            }
        };
        let number = matching.get(index).copied();
        self.found = Some(match number {
            Some(number) => Found { number, place: index + 1, of },
            None => Found { number: u64::MAX, place: 0, of },
        });
        (number, of)
    }

    /// What matches in a line and begins in front of `end`, in bytes of its visible text. A match that goes on in the
    /// next line is not found.
    pub fn matches(&self, log: &RunLog, line: &OutputLine, end: usize) -> Vec<Range<usize>> {
        let shown = visible_lines(log.bytes(line));
        self.regex.find_iter(&shown).map(|found| found.range()).take_while(|found| found.start < end).collect()
    }

    /// Where the first match in a line begins, in bytes of its visible text.
    pub fn first_match(&self, log: &RunLog, line: &OutputLine) -> Option<usize> {
        self.regex.find(&visible_lines(log.bytes(line))).map(|found| found.start())
    }

    /// The line that was found last.
    pub fn current(&self) -> Option<u64> {
        self.found.filter(|found| found.place > 0).map(|found| found.number)
    }

    /// Forgets what was found: the lines are others.
    pub fn forget(&mut self) {
        self.found = None;
    }

    /// The expression, and which of how many lines was found: `/fail 3 of 17`.
    pub fn words(&self) -> String {
        let pattern = visible_str(self.regex.as_str());
        match self.found {
            None => format!("/{pattern}"),
            Some(Found { place: 0, .. }) => format!("/{pattern} no line matches"),
            Some(Found { place, of, .. }) => format!("/{pattern} {} of {}", grouped(place as u64), grouped(of as u64)),
        }
    }
}

/// The expression's error as the library draws it takes several lines, the last of which says it.
fn in_a_line(error: &str) -> String {
    let last = error.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("not a regular expression");
    visible_str(last.trim_start_matches("error: ").trim())
}
