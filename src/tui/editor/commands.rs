//! What keys and the mouse do.

use std::collections::BTreeSet;

use ratatui::layout::Size;

use super::Editor;
use super::glyph;
use super::motion::Motion;
use super::text::Place;
use crate::tui::command::Command;

/// What `Indent` inserts where the file has no tabs at its lines' beginnings.
const INDENT: &str = "    ";

impl Editor {
    /// Does a command of the scopes Move, Specimen and Edit, in a pane of that inner size.
    pub fn command(&mut self, command: Command, size: Size) {
        self.fit(size);
        let page = i64::from(size.height).saturating_sub(1).max(1);
        match command {
            Command::Up => self.step(-1),
            Command::Down => self.step(1),
            Command::PageUp => self.page(-page),
            Command::PageDown => self.page(page),
            Command::Left => self.go(Motion::Left),
            Command::Right => self.go(Motion::Right),
            Command::WordLeft => self.go(Motion::WordLeft),
            Command::WordRight => self.go(Motion::WordRight),
            Command::LineStart => self.go(Motion::LineStart),
            Command::LineEnd => self.go(Motion::LineEnd),
            Command::Top => self.go(Motion::Top),
            Command::Bottom => self.go(Motion::Bottom),
            Command::NextMatch => self.show_if(self.matches.after(self.cursor)),
            Command::PreviousMatch => self.show_if(self.matches.before(self.cursor)),
            _ if self.read_only.is_none() => self.edit(command),
            _ => {}
        }
    }

    fn edit(&mut self, command: Command) {
        match command {
            Command::Undo => {
                let edit = self.text.undo();
                self.edited(edit);
            }
            Command::Redo => {
                let edit = self.text.redo();
                self.edited(edit);
            }
            Command::DeleteBack => self.delete(Motion::Left),
            Command::DeleteNext => self.delete(Motion::Right),
            Command::DeleteWord => self.delete(Motion::WordLeft),
            Command::DeleteLineEnd if self.cursor.byte == self.text.line(self.cursor.line).len() => {
                self.delete(Motion::Right);
            }
            Command::DeleteLineEnd => self.delete(Motion::LineEnd),
            Command::Indent => self.insert(if self.is_indented_with_tabs() { "\t" } else { INDENT }),
            Command::Accept => self.type_char('\n'),
            _ => {}
        }
    }

    fn go(&mut self, motion: Motion) {
        self.put(motion.from(&self.text, self.cursor));
    }

    fn show_if(&mut self, place: Option<Place>) {
        if let Some(place) = place {
            self.show(place);
        }
    }

    fn delete(&mut self, motion: Motion) {
        let to = motion.from(&self.text, self.cursor);
        let edit = self.text.delete(to.min(self.cursor), to.max(self.cursor));
        self.edited(edit);
    }

    /// Whether the first line that is indented is so by a tab.
    fn is_indented_with_tabs(&self) -> bool {
        let indented = self.lines().iter().find(|line| line.starts_with([' ', '\t']));
        indented.is_some_and(|line| line.starts_with('\t'))
    }

    /// Moves the cursor by lines, to the cell it came from or as near as the line goes.
    fn step(&mut self, lines: i64) {
        let line = self.moved(self.cursor.line, lines);
        self.put_on(line);
    }

    fn put_on(&mut self, line: usize) {
        let goal = self.goal.unwrap_or(self.cells.start);
        self.put(Place { line, byte: glyph::byte_at(self.text.line(line), goal) });
        self.goal = Some(goal);
    }

    fn page(&mut self, lines: i64) {
        self.window.top = self.moved(self.window.top, lines);
        self.step(lines);
    }

    fn moved(&self, line: usize, by: i64) -> usize {
        let distance = usize::try_from(by.unsigned_abs()).unwrap_or(usize::MAX);
        let moved = if by < 0 { line.saturating_sub(distance) } else { line.saturating_add(distance) };
        moved.min(self.text.last())
    }

    /// Puts the cursor at the beginning of a line (from 1) and shows it.
    pub fn goto_line(&mut self, line: usize) {
        self.show(Place { line: line.saturating_sub(1).min(self.text.last()), byte: 0 });
    }

    /// Puts the cursor on the next line (they count from 1) that has a hidden character or is one of these; on the
    /// first one where none is behind.
    pub fn next_mark(&mut self, denials: &BTreeSet<usize>) {
        let hidden = self.hidden().findings.iter().map(|finding| finding.line);
        let known = hidden.chain(denials.iter().copied());
        // The text may have lost lines since the run.
        let lines: BTreeSet<usize> = known.filter(|line| *line <= self.lines().len()).collect();
        let next = lines.range(self.cursor.line + 2..).next().or(lines.first());
        if let Some(line) = next {
            self.goto_line(*line);
        }
    }

    /// Scrolls by lines without moving the cursor further than needed.
    pub fn scroll(&mut self, lines: i32, size: Size) {
        self.fit(size);
        let height = usize::from(size.height).max(1);
        let most = self.lines().len().saturating_sub(height);
        self.window.top = self.moved(self.window.top, i64::from(lines)).min(most);
        let bottom = (self.window.top + height - 1).min(self.text.last());
        self.put_on(self.cursor.line.clamp(self.window.top, bottom));
    }

    /// Puts the cursor where the mouse pressed, in cells of the pane's inner area.
    pub fn click(&mut self, column: u16, row: u16) {
        let line = (self.window.top + usize::from(row)).min(self.text.last());
        let column = usize::from(column).checked_sub(self.gutter(self.size.width));
        let byte = column.map_or(0, |column| glyph::byte_at(self.text.line(line), self.window.left + column));
        self.put(Place { line, byte });
    }
}
