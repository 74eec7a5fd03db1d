//! The border and title that every pane has.

use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, BorderType};

use crate::tui::cells::width;
use crate::tui::layout::{Pane, inside};
use crate::tui::theme::{Role, Theme};

/// What stands in a pane's border.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Title {
    /// Behind the pane's name: counts and modes.
    pub note: String,
    /// At the right.
    pub right: String,
    /// At the bottom right: filters, positions.
    pub bottom: String,
}

/// Marks a row as the selected one: its colours stay where the theme gives the selection a ground of its own. Where it
/// is reversed instead, they would make a patchwork, and go.
pub fn select(buffer: &mut Buffer, row: Rect, theme: &Theme) {
    let selection = theme.style(Role::Selection);
    if selection.add_modifier.contains(Modifier::REVERSED) {
        buffer.set_style(row, Style::reset().patch(theme.ground()));
    }
    buffer.set_style(row, selection);
}

/// Draws a pane's border and gives what is inside.
pub fn draw(frame: &mut Frame<'_>, area: Rect, pane: Pane, focused: bool, title: &Title, theme: &Theme) -> Rect {
    let border = theme.style(if focused { Role::BorderFocused } else { Role::Border });
    let number = Pane::ALL.iter().position(|each| *each == pane).unwrap_or(0) + 1;
    let mut left = vec![
        Span::styled(format!(" {number} "), theme.style(Role::Key)),
        Span::styled(
            format!("{} ", pane.title()),
            theme.style(if focused { Role::BorderFocused } else { Role::Muted }),
        ),
    ];
    if !title.note.is_empty() {
        left.push(Span::styled(format!("{} ", title.note), theme.style(Role::Muted)));
    }
    let taken: usize = left.iter().map(Span::width).sum();
    let room = usize::from(area.width).saturating_sub(taken + 4);
    // Colour is not the only sign of the focus: its border is a double line.
    let kind = if focused { BorderType::Double } else { BorderType::Rounded };
    let mut block = Block::bordered().border_type(kind).border_style(border).title_top(Line::from(left));
    if !title.right.is_empty() && width(&title.right) <= room {
        block = block.title_top(Line::styled(format!(" {} ", title.right), theme.style(Role::Muted)).right_aligned());
    }
    if !title.bottom.is_empty() {
        block =
            block.title_bottom(Line::styled(format!(" {} ", title.bottom), theme.style(Role::Muted)).right_aligned());
    }
    frame.render_widget(block, area);
    inside(area)
}
