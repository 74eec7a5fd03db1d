//! The specimen's text as it is typed: cursor, undo, search, view. Pure.

use std::path::PathBuf;

use ratatui::layout::Size;

use super::command::Command;
use super::highlight::{Analysis, TokenSpan};
use crate::specimen::hidden::Scan;

/// The text being edited.
#[derive(Clone, Debug)]
pub struct Editor;

impl Editor {
    /// An empty text.
    pub fn empty() -> Self {
        Self
    }

    /// The text of a file. Bytes that are not UTF-8 are shown, and run as they are, but cannot be typed into.
    pub fn load(_path: PathBuf, _bytes: Vec<u8>) -> Self {
        Self
    }

    /// The file's name without its directory, or `untitled`; raw.
    pub fn name(&self) -> String {
        String::new()
    }

    /// Where it was read from or saved to.
    pub fn path(&self) -> Option<&PathBuf> {
        None
    }

    /// It has been saved there.
    pub fn saved(&mut self, _path: PathBuf) {}

    /// Whether it differs from what was read or saved.
    pub fn is_changed(&self) -> bool {
        false
    }

    /// Why it cannot be typed into.
    pub fn read_only(&self) -> Option<&'static str> {
        None
    }

    /// The language that was chosen; `None` where the text tells.
    pub fn language(&self) -> Option<&str> {
        None
    }

    /// Chooses the language.
    pub fn set_language(&mut self, _name: Option<String>) {}

    /// The bytes to run, exactly.
    pub fn bytes(&self) -> Vec<u8> {
        Vec::new()
    }

    /// The lines, without their newlines.
    pub fn lines(&self) -> &[String] {
        &[]
    }

    /// Counts up with every change of the text.
    pub fn revision(&self) -> u64 {
        0
    }

    /// Does a command of the scopes Move, Specimen and Edit, in a pane of that inner size.
    pub fn command(&mut self, _command: Command, _size: Size) {}

    /// Types a character at the cursor; a newline too.
    pub fn type_char(&mut self, _character: char) {}

    /// Inserts pasted text at the cursor, as one step of undo. CR LF and CR become newlines; all else stays as it is.
    pub fn paste(&mut self, _text: &str) {}

    /// Puts the cursor at the beginning of a line (from 1) and shows it.
    pub fn goto_line(&mut self, _line: usize) {}

    /// Searches by a regular expression from the cursor on; gives the number of matches.
    ///
    /// # Errors
    /// What is wrong with the expression.
    pub fn search(&mut self, _pattern: &str) -> Result<usize, String> {
        Ok(0)
    }

    /// Scrolls by lines without moving the cursor further than needed.
    pub fn scroll(&mut self, _lines: i32, _size: Size) {}

    /// Puts the cursor where the mouse pressed, in cells of the pane's inner area.
    pub fn click(&mut self, _column: u16, _row: u16) {}

    /// Takes an analysis of its text, if it is of the text as it is.
    pub fn analysed(&mut self, _analysis: Analysis) {}

    /// The tokens of a line, as far as they are known.
    pub fn tokens(&self, _line: usize) -> &[TokenSpan] {
        &[]
    }

    /// The hidden characters of the text, as far as they are known.
    pub fn hidden(&self) -> &Scan {
        unimplemented!()
    }
}
