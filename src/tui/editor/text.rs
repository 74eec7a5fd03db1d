//! The text with its history: what the library holds, behind places in bytes and changes in lines.

use ratatui_textarea::{CursorMove, TextArea};

/// The most steps that can be undone; each typed character is one.
const MOST_STEPS: usize = 10_000;

/// A place in the text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The line, from 0.
    pub line: usize,
    /// The byte of the line.
    pub byte: usize,
}

/// Lines that took the place of others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// The first of them, from 0.
    pub first: usize,
    /// How many there were.
    pub old: usize,
    /// How many there are.
    pub new: usize,
    /// So many bytes at the beginning of the first are as they were.
    pub kept: usize,
}

/// What an edit did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Edit {
    /// The lines that changed.
    pub change: Change,
    /// Where the cursor is.
    pub cursor: Place,
}

/// What ends a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Newline {
    /// A line feed; a carriage return before one is a character of its line.
    Lf,
    /// Carriage return and line feed, at every line of the file.
    CrLf,
}

impl Newline {
    fn of(text: &str) -> Self {
        let mut ends = text.split('\n').rev().skip(1).peekable();
        if ends.peek().is_some() && ends.all(|line| line.ends_with('\r')) { Self::CrLf } else { Self::Lf }
    }

    const fn bytes(self) -> &'static [u8] {
        match self {
            Self::Lf => b"\n",
            Self::CrLf => b"\r\n",
        }
    }

    fn lines(self, text: &str) -> Vec<String> {
        match self {
            Self::Lf => text.split('\n').map(str::to_owned).collect(),
            Self::CrLf => text.split("\r\n").map(str::to_owned).collect(),
        }
    }
}

/// The text.
#[derive(Clone, Debug)]
pub struct Text {
    area: TextArea<'static>,
    newline: Newline,
}

impl Text {
    /// A text with nothing to undo.
    pub fn new(text: &str) -> Self {
        let newline = Newline::of(text);
        let mut area = TextArea::new(newline.lines(text));
        area.set_max_histories(MOST_STEPS);
        Self { area, newline }
    }

    /// Its lines, at least one, without what ends them.
    pub fn lines(&self) -> &[String] {
        self.area.lines()
    }

    /// A line; empty where there is none.
    pub fn line(&self, line: usize) -> &str {
        self.lines().get(line).map_or("", String::as_str)
    }

    /// The last line.
    pub fn last(&self) -> usize {
        self.lines().len() - 1
    }

    /// What ends its lines.
    pub fn newline(&self) -> Newline {
        self.newline
    }

    /// How many bytes it has.
    pub fn size(&self) -> usize {
        self.lines().iter().map(String::len).sum::<usize>() + self.last() * self.newline.bytes().len()
    }

    /// Its bytes.
    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.size());
        for (index, line) in self.lines().iter().enumerate() {
            if index > 0 {
                bytes.extend_from_slice(self.newline.bytes());
            }
            bytes.extend_from_slice(line.as_bytes());
        }
        bytes
    }

    /// Whether these are its bytes.
    pub fn is(&self, bytes: &[u8]) -> bool {
        let (first, others) = (self.line(0), &self.lines()[1..]);
        let rest = others.iter().try_fold(bytes.strip_prefix(first.as_bytes()), |rest, line| {
            let rest = rest?.strip_prefix(self.newline.bytes())?;
            Some(rest.strip_prefix(line.as_bytes()))
        });
        matches!(rest, Some(Some([])))
    }

    /// Inserts a text, whose lines end with a line feed, as one step.
    pub fn insert(&mut self, at: Place, text: &str) -> Option<Edit> {
        if text.is_empty() {
            return None;
        }
        self.go(at);
        self.edit(at.byte, |area| area.insert_str(text))
    }

    /// Deletes from a place up to another, as one step.
    pub fn delete(&mut self, from: Place, to: Place) -> Option<Edit> {
        let count = self.characters(from, to);
        if count == 0 {
            return None;
        }
        self.go(from);
        self.edit(from.byte, |area| area.delete_str(count))
    }

    /// Takes the last step back.
    pub fn undo(&mut self) -> Option<Edit> {
        self.edit(0, TextArea::undo)
    }

    /// Takes the last step again that was taken back.
    pub fn redo(&mut self) -> Option<Edit> {
        self.edit(0, TextArea::redo)
    }

    /// Sets the regular expression that is searched; none where it is empty.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn set_pattern(&mut self, pattern: &str) -> Result<(), String> {
        self.area.set_search_pattern(pattern).map_err(|error| {
            let text = error.to_string();
            let last = text.lines().last().unwrap_or_default();
            last.strip_prefix("error: ").unwrap_or(last).to_owned()
        })
    }

    /// Whether anything is searched.
    pub fn has_pattern(&self) -> bool {
        self.area.search_pattern().is_some()
    }

    /// The bytes of a line that match; nothing that matches no bytes.
    pub fn matches(&self, line: usize) -> Vec<std::ops::Range<usize>> {
        let found = self.area.search_pattern().map(|pattern| pattern.find_iter(self.line(line)));
        found.into_iter().flatten().map(|found| found.range()).filter(|range| !range.is_empty()).collect()
    }

    fn edit(&mut self, kept: usize, edit: impl FnOnce(&mut TextArea<'static>) -> bool) -> Option<Edit> {
        let before = self.lines().len();
        if !edit(&mut self.area) {
            return None;
        }
        let after = self.lines().len();
        let cursor = self.area.cursor();
        // The library leaves the cursor on the last line of what came and on the line where something went.
        let first = cursor.0.saturating_sub(after.saturating_sub(before));
        let change =
            Change { first, old: before.saturating_sub(after) + 1, new: after.saturating_sub(before) + 1, kept };
        let line = self.line(cursor.0);
        let byte = line.char_indices().nth(cursor.1).map_or(line.len(), |(byte, _)| byte);
        Some(Edit { change, cursor: Place { line: cursor.0, byte } })
    }

    /// Puts the library's cursor at a place.
    fn go(&mut self, to: Place) {
        let column = self.line(to.line)[..to.byte].chars().count();
        if self.area.cursor() == (to.line, column) {
            return;
        }
        let near = u16::try_from(to.line).unwrap_or(u16::MAX);
        match u16::try_from(column) {
            Ok(column) if usize::from(near) == to.line => self.area.move_cursor(CursorMove::Jump(near, column)),
            _ => {
                // A jump does not reach that far. But the cursor comes to be behind what an undo gives back, and the
                // edit that follows forgets what could be redone anyway.
                self.area.move_cursor(CursorMove::Jump(near, 0));
                let from = Place { line: usize::from(near), byte: 0 };
                if self.area.delete_str(self.characters(from, to)) {
                    self.area.undo();
                }
            }
        }
    }

    /// The characters from a place up to another; a newline is one.
    fn characters(&self, from: Place, to: Place) -> usize {
        if from.line == to.line {
            return self.line(from.line).get(from.byte..to.byte).map_or(0, |text| text.chars().count());
        }
        let whole: usize = (from.line + 1..to.line).map(|line| self.line(line).chars().count() + 1).sum();
        self.line(from.line)[from.byte..].chars().count() + 1 + whole + self.line(to.line)[..to.byte].chars().count()
    }
}
