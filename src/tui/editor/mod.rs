//! The specimen's text as it is typed: cursor, undo, search, view. Pure.

mod commands;
mod glyph;
mod known;
mod motion;
mod past;
mod search;
mod source;
mod text;
mod window;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use ratatui::layout::Size;

pub use glyph::{Glyph, Glyphs, stands_alone};
pub use window::Window;

use super::highlight::{Analysis, TokenSpan};
use crate::specimen::hidden::{Finding, Scan};
use known::Known;
use past::Past;
use search::Matches;
use source::Source;
use text::{Edit, Newline, Place, Text};

/// The text being edited.
#[derive(Clone, Debug)]
pub struct Editor {
    text: Text,
    path: Option<PathBuf>,
    /// What it is called where it is in no file.
    title: Option<String>,
    language: Option<String>,
    recognised: Option<String>,
    /// The bytes that were read or saved.
    base: Arc<[u8]>,
    changed: bool,
    read_only: Option<&'static str>,
    byte_marks: BTreeMap<usize, Vec<Range<usize>>>,
    revision: u64,
    past: Past,
    cursor: Place,
    /// The cells that the cursor is on, counted from the line's beginning.
    cells: Range<usize>,
    /// The cell that Up and Down keep to.
    goal: Option<usize>,
    window: Window,
    /// The pane's inner size, as last told; until then, as large as can be.
    size: Size,
    known: Known,
    matches: Matches,
}

impl Editor {
    /// An empty text.
    pub fn empty() -> Self {
        Self::new(None, Vec::new())
    }

    /// The text of a file. Bytes that are not UTF-8 are shown, and run as they are, but cannot be typed into.
    pub fn load(path: PathBuf, bytes: Vec<u8>) -> Self {
        Self::new(Some(path), bytes)
    }

    /// A text with a name that is in no file yet.
    pub fn titled(name: &str, text: &str) -> Self {
        Self { title: Some(name.to_owned()), ..Self::new(None, text.as_bytes().to_vec()) }
    }

    fn new(path: Option<PathBuf>, bytes: Vec<u8>) -> Self {
        let source = Source::of(&bytes);
        let text = Text::new(&source.text);
        Self {
            cells: window::cells(text.line(0), 0),
            text,
            path,
            title: None,
            language: None,
            recognised: None,
            base: bytes.into(),
            changed: false,
            read_only: source.read_only,
            byte_marks: source.marks,
            revision: 0,
            past: Past::default(),
            cursor: Place::default(),
            goal: None,
            window: Window::default(),
            size: Size::new(u16::MAX, u16::MAX),
            known: Known::default(),
            matches: Matches::default(),
        }
    }

    /// It takes the place of another text: its revisions go on from there, so what comes late of the other's analyses
    /// and runs is never taken for its own.
    #[must_use]
    pub fn replacing(self, other: &Self) -> Self {
        let revision = other.revision + 1;
        Self { revision, past: Past::since(revision), ..self }
    }

    /// The file's name without its directory, or `untitled`; raw.
    pub fn name(&self) -> String {
        let name = self.path.as_ref().and_then(|path| path.file_name());
        let name = name.map(|name| name.to_string_lossy().into_owned());
        name.or_else(|| self.title.clone()).unwrap_or_else(|| "untitled".to_owned())
    }

    /// Whether nobody has named it: it was typed or pasted.
    pub fn is_untitled(&self) -> bool {
        self.path.is_none() && self.title.is_none()
    }

    /// Where it was read from or saved to.
    pub fn path(&self) -> Option<&PathBuf> {
        self.path.as_ref()
    }

    /// These bytes of it have been saved there; it may have been changed since.
    pub fn saved(&mut self, path: PathBuf, bytes: Vec<u8>) {
        self.changed = self.bytes() != bytes;
        self.base = bytes.into();
        self.path = Some(path);
    }

    /// Whether it differs from what was read or saved.
    pub fn is_changed(&self) -> bool {
        self.changed
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.lines() == [""]
    }

    /// Why it cannot be typed into.
    pub fn read_only(&self) -> Option<&'static str> {
        self.read_only
    }

    /// The language that was chosen; `None` where the text tells.
    pub fn language(&self) -> Option<&str> {
        self.language.as_deref()
    }

    /// Chooses the language.
    pub fn set_language(&mut self, name: Option<String>) {
        self.language = name;
    }

    /// The language that the text tells, as far as it was looked for.
    pub fn recognised(&self) -> Option<&str> {
        self.recognised.as_deref()
    }

    /// The text tells this language.
    pub fn set_recognised(&mut self, name: Option<String>) {
        self.recognised = name;
    }

    /// The bytes to run, exactly.
    pub fn bytes(&self) -> Vec<u8> {
        if self.changed { self.text.bytes() } else { self.base.to_vec() }
    }

    /// How many bytes there are to run.
    pub fn byte_count(&self) -> usize {
        if self.changed { self.text.size() } else { self.base.len() }
    }

    /// The lines, without their newlines.
    pub fn lines(&self) -> &[String] {
        self.text.lines()
    }

    /// Every line ends with a carriage return too, which is no part of the lines.
    pub fn is_crlf(&self) -> bool {
        self.text.newline() == Newline::CrLf
    }

    /// Counts up with every change of the text.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// Where a line of an earlier revision is now, both from 1; `None` where it was changed or replaced since.
    pub fn line_now(&self, revision: u64, line: usize) -> Option<usize> {
        Some(self.past.line_now(revision, line.checked_sub(1)?)? + 1)
    }

    /// The cursor's line and column, in characters, both from 1.
    pub fn position(&self) -> (usize, usize) {
        let before = self.text.line(self.cursor.line).get(..self.cursor.byte);
        (self.cursor.line + 1, before.map_or(0, |text| text.chars().count()) + 1)
    }

    /// The cursor's line, from 0, and its byte in the line.
    pub fn cursor(&self) -> (usize, usize) {
        (self.cursor.line, self.cursor.byte)
    }

    /// Types a character at the cursor; a newline too, which keeps the indentation of the line above.
    pub fn type_char(&mut self, character: char) {
        if matches!(character, '\n' | '\r') {
            let before = &self.text.line(self.cursor.line)[..self.cursor.byte];
            let indented = before.len() - before.trim_start_matches([' ', '\t']).len();
            self.insert(&format!("\n{}", &before[..indented]));
        } else {
            self.insert(character.encode_utf8(&mut [0; 4]));
        }
    }

    /// Inserts pasted text at the cursor, as one step of undo. CR LF and CR become newlines; all else stays as it is.
    pub fn paste(&mut self, text: &str) {
        self.insert(&text.replace("\r\n", "\n").replace('\r', "\n"));
    }

    fn insert(&mut self, text: &str) {
        if self.read_only.is_none() {
            let edit = self.text.insert(self.cursor, text);
            self.edited(edit);
        }
    }

    fn edited(&mut self, edit: Option<Edit>) {
        let Some(edit) = edit else { return };
        self.revision += 1;
        self.past.add(edit.change);
        self.changed = !self.text.is(&self.base);
        self.known.follow(&edit.change);
        self.matches.follow(&edit.change, &self.text);
        self.put(edit.cursor);
    }

    /// Puts the cursor at a place, and the window around it.
    fn put(&mut self, place: Place) {
        self.cursor = place;
        self.cells = window::cells(self.text.line(place.line), place.byte);
        self.goal = None;
        self.fit(self.size);
    }

    /// Puts the cursor at a place; the window around it, with text on both sides, where it is out of sight.
    fn show(&mut self, place: Place) {
        let height = usize::from(self.size.height);
        if !(self.window.top..self.window.top + height).contains(&place.line) {
            self.window.top = place.line.saturating_sub(height / 2);
        }
        self.put(place);
    }

    /// Searches by a regular expression from the cursor on; gives the number of matches.
    ///
    /// # Errors
    /// What is wrong with the expression.
    pub fn search(&mut self, pattern: &str) -> Result<usize, String> {
        self.text.set_pattern(pattern)?;
        self.matches = Matches::of(&self.text);
        if let Some(place) = self.matches.at_or_after(self.cursor) {
            self.show(place);
        }
        Ok(self.matches.count().unwrap_or(0))
    }

    /// How many matches there are; `None` where nothing is searched.
    pub fn match_count(&self) -> Option<usize> {
        self.matches.count()
    }

    /// The bytes of a line, from 0, that match the search.
    pub fn matches(&self, line: usize) -> &[Range<usize>] {
        self.matches.on(line)
    }

    /// The pane has that inner size from now on; the cursor stays in sight.
    pub fn fit(&mut self, size: Size) {
        self.size = size;
        self.window = self.window(size);
    }

    /// What a pane of that inner size shows.
    pub fn window(&self, size: Size) -> Window {
        self.window.around(self.cursor.line, &self.cells, &self.text, size)
    }

    /// How many cells of a pane of that inner width the sign and the line number take, with a space behind.
    pub fn gutter(&self, width: u16) -> usize {
        window::gutter(&self.text, width)
    }

    /// Takes an analysis of its text, if it is of the text as it is.
    pub fn analysed(&mut self, analysis: Analysis) {
        if analysis.revision == self.revision {
            self.known = Known::new(analysis, self.text.lines());
        }
    }

    /// The tokens of a line, from 0, as far as they are known.
    pub fn tokens(&self, line: usize) -> &[TokenSpan] {
        self.known.tokens(line)
    }

    /// The hidden characters of the text, as far as they are known.
    pub fn hidden(&self) -> &Scan {
        self.known.hidden()
    }

    /// The hidden characters of a line, from 0, each with its byte in the line.
    pub fn findings(&self, line: usize) -> impl Iterator<Item = (usize, &Finding)> {
        self.known.findings(line)
    }

    /// Where in a line, from 0, `\xff` stands for a byte that is not UTF-8.
    pub fn byte_marks(&self, line: usize) -> &[Range<usize>] {
        self.byte_marks.get(&line).map_or(&[], Vec::as_slice)
    }
}
