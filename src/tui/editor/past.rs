//! Where lines of an earlier text are now.

use std::collections::VecDeque;

use super::text::Change;

/// Changes remembered; what was before them is forgotten.
const MOST_CHANGES: usize = 1000;

/// The last changes of a text.
#[derive(Clone, Debug, Default)]
pub struct Past {
    /// The revision before the first of the changes; each made one more.
    since: u64,
    changes: VecDeque<Change>,
}

impl Past {
    /// Nothing happened since this revision.
    pub fn since(revision: u64) -> Self {
        Self { since: revision, changes: VecDeque::new() }
    }

    /// The text was changed.
    pub fn add(&mut self, change: Change) {
        if self.changes.len() >= MOST_CHANGES {
            self.changes.pop_front();
            self.since += 1;
        }
        self.changes.push_back(change);
    }

    /// Where a line (from 0) of the text at that revision is now; `None` where it was changed since, or is not known any
    /// more.
    pub fn line_now(&self, revision: u64, line: usize) -> Option<usize> {
        let before = usize::try_from(revision.checked_sub(self.since)?).ok()?;
        let since = self.changes.iter().skip(before);
        since.take(self.changes.len()).try_fold(line, |line, change| match line {
            line if line < change.first => Some(line),
            line if line >= change.first + change.old => Some(line - change.old + change.new),
            _ => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(first: usize, old: usize, new: usize) -> Change {
        Change { first, old, new, kept: 0 }
    }

    #[test]
    fn a_line_is_followed_through_changes_above_and_below_it_and_lost_with_its_own() {
        let mut past = Past::since(7);
        past.add(change(0, 1, 3));
        past.add(change(9, 1, 1));
        assert_eq!(past.line_now(7, 4), Some(6));
        assert_eq!(past.line_now(8, 4), Some(4), "a run of the text after the first change");
        assert_eq!(past.line_now(7, 0), None);
        assert_eq!(past.line_now(7, 7), None);
        assert_eq!(past.line_now(9, 9), Some(9));
        assert_eq!(past.line_now(6, 4), None, "another text");
    }

    #[test]
    fn what_is_too_long_ago_is_not_known() {
        let mut past = Past::default();
        for _ in 0..=MOST_CHANGES {
            past.add(change(5, 1, 1));
        }
        assert_eq!(past.line_now(0, 1), None);
        assert_eq!(past.line_now(1, 1), Some(1));
    }
}
