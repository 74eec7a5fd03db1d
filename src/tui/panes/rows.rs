//! Rows of text, made whole before they are drawn.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use crate::tui::cells;
use crate::tui::theme::Role;

/// Text of one look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// What is read, safe to show.
    pub text: String,
    /// How it looks.
    pub role: Role,
}

/// One row of a pane.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Row {
    /// From left to right.
    pub parts: Vec<Part>,
    /// It stands for the selected moment; what its right edge says of it.
    pub moment: Option<String>,
}

impl Row {
    /// A row of one look.
    pub fn of(text: impl Into<String>, role: Role) -> Self {
        Self { parts: vec![Part { text: text.into(), role }], moment: None }
    }

    /// Adds text at the right.
    pub fn push(&mut self, text: &str, role: Role) {
        match self.parts.last_mut() {
            Some(last) if last.role == role => last.text.push_str(text),
            _ => self.parts.push(Part { text: text.to_owned(), role }),
        }
    }

    /// Adds a character that stands on the last one and takes no cell of its own.
    pub fn attach(&mut self, mark: &str) {
        if let Some(last) = self.parts.last_mut() {
            last.text.push_str(mark);
        }
    }

    /// The row with more text at the right.
    #[must_use]
    pub fn with(mut self, text: &str, role: Role) -> Self {
        self.push(text, role);
        self
    }

    /// How many cells its parts take.
    pub fn width(&self) -> usize {
        self.parts.iter().map(|part| cells::width(&part.text)).sum()
    }

    /// The row with what does not fit left out, and a sign where that is so.
    #[must_use]
    pub fn clipped(mut self, room: usize) -> Self {
        let mut left = room;
        let too_wide = self.width() > room;
        for part in &mut self.parts {
            let width = cells::width(&part.text);
            if too_wide && width >= left {
                part.text = cells::clip(&format!("{} ", part.text), left);
                left = 0;
            } else {
                left -= width;
            }
        }
        self.parts.retain(|part| !part.text.is_empty());
        self
    }

    /// What is read in it.
    #[cfg(test)]
    pub fn text(&self) -> String {
        self.parts.iter().map(|part| part.text.as_str()).collect()
    }
}

/// Draws rows from the top of an area.
pub fn draw(buffer: &mut Buffer, area: Rect, rows: &[Row], style: impl Fn(Role) -> Style) {
    for (row, line) in rows.iter().zip(area.intersection(buffer.area).rows()) {
        draw_row(buffer, line, row, &style);
    }
}

fn draw_row(buffer: &mut Buffer, line: Rect, row: &Row, style: impl Fn(Role) -> Style) {
    let look = |role| match (&row.moment, role) {
        // A mark and a match are seen on that row too.
        (None, _) | (_, Role::Mark | Role::Match) => style(role),
        (Some(_), _) => style(role).patch(style(Role::Moment)),
    };
    if row.moment.is_some() {
        buffer.set_style(line, style(Role::Moment));
    }
    let spans: Vec<_> = row.parts.iter().map(|part| Span::styled(part.text.as_str(), look(part.role))).collect();
    buffer.set_line(line.x, line.y, &Line::from(spans), line.width);
    if let Some(label) = &row.moment {
        let width = u16::try_from(cells::width(label)).unwrap_or(u16::MAX).min(line.width);
        buffer.set_stringn(line.right() - width, line.y, label, usize::from(width), style(Role::Moment));
    }
}

/// What tests of panes share.
#[cfg(test)]
pub mod testing {
    use std::time::Duration;

    use ratatui::style::Color;

    use super::*;
    use crate::run::{EventKind, Outcome, RunEvent};
    use crate::tui::state::{Phase, RunRecord};

    /// A look of its own for each role, so that a cell tells its role.
    pub fn look(role: Role) -> Style {
        Style::new().bg(Color::Indexed(role as u8))
    }

    /// A run under the policy `hardened` that executes and has said nothing yet.
    pub fn run() -> RunRecord {
        RunRecord { phase: Phase::Running, started: Some(Duration::ZERO), ..crate::tui::fixture::record(1) }
    }

    /// Adds an event at so many milliseconds.
    pub fn happen(run: &mut RunRecord, at: u64, kind: EventKind) {
        if matches!(kind, EventKind::Exit { .. }) {
            run.phase = Phase::Ended;
        }
        run.log.apply(&RunEvent { at: Duration::from_millis(at), kind });
    }

    /// Ends a run well, after so many milliseconds.
    pub fn end(run: &mut RunRecord, at: u64) {
        let duration = Duration::from_millis(at);
        happen(run, at, EventKind::Exit { outcome: Outcome::Exited(0), duration, unseen: None, warnings: Vec::new() });
    }

    /// What rows look like on a screen, without the spaces at the right.
    pub fn screen(area: Rect, rows: &[Row]) -> (Buffer, Vec<String>) {
        let mut buffer = Buffer::empty(area);
        draw(&mut buffer, area, rows, look);
        let text = area
            .rows()
            .map(|row| row.columns().map(|cell| buffer[(cell.x, cell.y)].symbol()).collect::<String>())
            .map(|row| row.trim_end().to_owned())
            .collect();
        (buffer, text)
    }
}

#[cfg(test)]
mod tests {
    use super::testing::{look, screen};
    use super::*;

    #[test]
    fn a_row_that_does_not_fit_is_clipped_with_a_sign_in_the_look_of_what_was_cut() {
        let row = Row::of("CPU ", Role::Text).with("日本語", Role::Caution);
        assert_eq!(row.clone().clipped(10), row);
        assert_eq!(row.clone().clipped(9).text(), "CPU 日本…");
        assert_eq!(row.clone().clipped(4).text(), "CPU…");
        assert_eq!(row.clone().clipped(5), Row::of("CPU ", Role::Text).with("…", Role::Caution));
        assert_eq!(row.clipped(0).text(), "");
    }

    #[test]
    fn the_row_of_the_moment_is_lit_up_to_its_edge_and_its_marks_stay_seen() {
        let mut row = Row::of("a", Role::Stdout).with("\\x1b", Role::Mark);
        row.moment = Some("◂ 1.0 ms".to_owned());
        let (buffer, text) = screen(Rect::new(0, 0, 16, 2), &[row, Row::of("b", Role::Stdout)]);
        assert_eq!(text, ["a\\x1b   ◂ 1.0 ms", "b"]);
        for (x, role) in [(0, Role::Moment), (1, Role::Mark), (5, Role::Moment), (15, Role::Moment)] {
            assert_eq!(buffer[(x, 0)].style().bg, look(role).bg, "{x}");
        }
        assert_eq!(buffer[(0, 1)].style().bg, look(Role::Stdout).bg);
    }

    #[test]
    fn rows_beyond_the_screen_are_left_out() {
        let rows = vec![Row::of("日本", Role::Text); 3];
        for area in [Rect::ZERO, Rect::new(0, 0, 1, 1), Rect::new(0, 0, 3, 1)] {
            screen(area, &rows);
        }
        let mut buffer = Buffer::empty(Rect::new(0, 0, 2, 1));
        draw(&mut buffer, Rect::new(1, 0, 9, 9), &rows, look);
        draw(&mut buffer, Rect::new(5, 5, 9, 9), &rows, look);
    }
}
