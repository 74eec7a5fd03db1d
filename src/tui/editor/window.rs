//! The part of the text that is in sight.

use std::ops::Range;

use ratatui::layout::Size;

use super::glyph::Glyphs;
use super::text::Text;

/// What of the text a pane shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Window {
    /// The first line, from 0.
    pub top: usize,
    /// The first cell of every line.
    pub left: usize,
}

impl Window {
    /// The window nearest to this one that is full of text and has the cursor in it: its line, from 0, and its cells.
    pub fn around(self, line: usize, cursor: &Range<usize>, text: &Text, size: Size) -> Self {
        let height = usize::from(size.height).max(1);
        let full = self.top.min(text.lines().len().saturating_sub(height));
        let top = full.clamp((line + 1).saturating_sub(height), line);
        let width = usize::from(size.width).saturating_sub(gutter(text, size.width)).max(1);
        Self { top, left: self.left_around(cursor, width) }
    }

    fn left_around(self, cursor: &Range<usize>, width: usize) -> usize {
        let end = cursor.end.min(cursor.start + width);
        // The first and the last cell can be taken by the signs that the line goes on.
        let sign = usize::from(width > 2);
        if end + sign <= width {
            return 0;
        }
        let most = cursor.start.saturating_sub(sign);
        self.left.clamp((end + sign).saturating_sub(width).min(most), most)
    }
}

/// The cells of the glyph that the cursor is on; one cell behind the line's end.
pub fn cells(line: &str, byte: usize) -> Range<usize> {
    let mut glyphs = Glyphs::from_byte(line, byte);
    let start = glyphs.cell();
    start..glyphs.next().map_or(start + 1, |glyph| glyph.end())
}

/// How many cells the sign and the line number take, with a space behind; none where the pane is too narrow for them.
pub fn gutter(text: &Text, width: u16) -> usize {
    let digits = text.lines().len().ilog10() as usize + 1;
    let gutter = digits + 2;
    if gutter * 2 > usize::from(width) { 0 } else { gutter }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn around(window: Window, text: &str, cursor: (usize, usize), size: (u16, u16)) -> (usize, usize) {
        let text = Text::new(text);
        let cells = cells(text.line(cursor.0), cursor.1);
        let window = window.around(cursor.0, &cells, &text, Size::new(size.0, size.1));
        (window.top, window.left)
    }

    #[test]
    fn the_cursor_is_always_in_sight_and_the_window_moves_no_further_than_needed() {
        let text = "line\n".repeat(99);
        let start = Window::default();
        assert_eq!(around(start, &text, (9, 0), (40, 10)), (0, 0));
        assert_eq!(around(start, &text, (10, 0), (40, 10)), (1, 0));
        assert_eq!(around(Window { top: 50, left: 0 }, &text, (10, 0), (40, 10)), (10, 0));
        assert_eq!(around(Window { top: 95, left: 0 }, &text, (99, 0), (40, 10)), (90, 0), "no emptiness below");
        for size in [(0, 0), (1, 1), (0, 9), (9, 0)] {
            assert_eq!(around(start, &text, (50, 0), size).0, 51 - usize::from(size.1.max(1)));
        }
    }

    #[test]
    fn a_long_line_is_moved_sideways_until_the_cursor_is_between_the_signs() {
        let text = "x".repeat(500);
        let start = Window::default();
        assert_eq!(around(start, &text, (0, 15), (20, 1)).1, 0);
        assert_eq!(around(start, &text, (0, 16), (20, 1)).1, 1);
        assert_eq!(around(start, &text, (0, 500), (20, 1)).1, 485);
        assert_eq!(around(Window { top: 0, left: 300 }, &text, (0, 200), (20, 1)).1, 199);
        assert_eq!(around(Window { top: 0, left: 300 }, &text, (0, 3), (20, 1)).1, 0);
        let wide = "日".repeat(50);
        assert_eq!(around(start, &wide, (0, 30), (20, 1)).1, 6, "both halves are in sight");
    }

    #[test]
    fn a_mark_wider_than_the_pane_is_shown_from_its_beginning() {
        let text = format!("{}\u{202e}", "x".repeat(100));
        assert_eq!(around(Window::default(), &text, (0, 100), (4, 1)).1, 99);
        assert_eq!(around(Window::default(), &text, (0, 100), (1, 1)).1, 100);
    }

    #[test]
    fn the_gutter_grows_with_the_number_of_lines_and_goes_where_it_would_take_all() {
        assert_eq!(gutter(&Text::new("a"), 40), 3);
        assert_eq!(gutter(&Text::new(&"\n".repeat(99)), 40), 5);
        assert_eq!(gutter(&Text::new("a"), 5), 0);
    }
}
