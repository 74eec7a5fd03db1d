//! The box that stands over the panes, and text that fills its lines.

use ratatui::Frame;
use ratatui::layout::{Position, Rect};
use ratatui::text::{Line, Text};
use ratatui::widgets::{Block, BorderType, Clear};

use crate::tui::cells::{split_at_cells, width};
use crate::tui::layout::inside;
use crate::tui::theme::{Role, Theme};

/// Clears an area, draws a box with these words in its border and gives what is inside.
pub fn draw(frame: &mut Frame<'_>, area: Rect, title: &str, bottom: &str, theme: &Theme) -> Rect {
    let area = area.intersection(frame.area());
    let style = theme.style(Role::Overlay);
    blank_cut_characters(frame, area);
    frame.render_widget(Clear, area);
    let mut block =
        Block::bordered().border_type(BorderType::Double).style(style).border_style(theme.style(Role::BorderFocused));
    if !title.is_empty() {
        block = block.title_top(Line::raw(format!(" {title} ")));
    }
    if !bottom.is_empty() {
        block = block.title_bottom(Line::raw(format!(" {bottom} ")).right_aligned());
    }
    frame.render_widget(block, area);
    inside(area)
}

/// Draws lines below a rule, at the bottom of an area.
pub fn below(frame: &mut Frame<'_>, inner: Rect, height: usize, lines: &[(Role, String)], theme: &Theme) {
    let height = u16::try_from(height + 1).unwrap_or(u16::MAX);
    let area = Rect { y: inner.bottom().saturating_sub(height), height, ..inner }.intersection(inner);
    let mut drawn = vec![Line::styled("─".repeat(usize::from(area.width)), theme.style(Role::Border))];
    drawn.extend(lines.iter().map(|(role, text)| Line::styled(format!(" {text}"), theme.style(*role))));
    frame.render_widget(Text::from(drawn), area);
}

/// A wide character whose right half the box covers would still be drawn whole, over the box's border.
fn blank_cut_characters(frame: &mut Frame<'_>, area: Rect) {
    let Some(x) = area.x.checked_sub(1) else { return };
    for y in area.top()..area.bottom() {
        if let Some(cell) = frame.buffer_mut().cell_mut(Position { x, y })
            && width(cell.symbol()) > 1
        {
            cell.set_symbol(" ");
        }
    }
}

/// A text in lines of so many cells, each filled before the next begins, its spaces as they are; `…` where it does not
/// end within so many lines. No more of it is looked at than that.
pub fn cut(text: &str, cells: usize, most: usize) -> Vec<String> {
    let cells = cells.max(1);
    let mut lines = Vec::new();
    let mut rest = text;
    loop {
        let at = split_at_cells(rest, cells);
        if at == rest.len() {
            lines.push(rest.to_owned());
            return lines;
        }
        if lines.len() + 1 >= most {
            lines.push(format!("{}…", &rest[..split_at_cells(rest, cells - 1)]));
            return lines;
        }
        lines.push(rest[..at].to_owned());
        rest = &rest[at..];
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::panes::denials::samples::{drawn, theme};

    #[test]
    fn text_fills_its_lines_keeps_its_spaces_and_says_where_it_goes_on() {
        assert_eq!(cut("a  b  c", 3, 9), ["a  ", "b  ", "c"]);
        assert_eq!(cut("日本語", 4, 9), ["日本", "語"]);
        assert_eq!(cut("日本語日本語", 5, 2), ["日本", "語日…"]);
        assert_eq!(cut("", 5, 2), [""]);
        assert_eq!(cut("abc", 0, 9).len(), 3);
    }

    #[test]
    fn a_wide_character_that_a_box_covers_half_of_is_not_drawn() {
        let rows = drawn(6, 3, |frame| {
            frame.render_widget(Line::raw("日日日"), Rect { height: 1, ..frame.area() });
            draw(frame, Rect { x: 1, y: 0, width: 3, height: 3 }, "", "", &theme());
        });
        assert!(rows[0].starts_with(" ╔═╗"), "{rows:?}");
    }
}
