//! One line of output laid into cells. Made only as far as it is shown.

use std::ops::{ControlFlow, Range};

use unicode_width::UnicodeWidthChar;

use crate::text::{Piece, visible_pieces};
use crate::tui::panes::rows::Row;
use crate::tui::theme::Role;

/// The cells from one tab stop to the next.
const TAB: usize = 8;

/// What stands under a combining mark that has no character to stand on.
const BASE: &str = "◌";

/// Marks that are drawn on one character; languages need fewer. More are told, so that they do not run over the rows
/// above and below.
const PILE: usize = 8;

/// What says that a line goes on beyond an edge.
const MORE_LEFT: &str = "‹";
const MORE_RIGHT: &str = "›";

/// A line and how its text looks.
#[derive(Clone, Copy, Debug)]
pub struct Content<'a> {
    /// As it came.
    pub bytes: &'a [u8],
    /// The look of its text.
    pub role: Role,
    /// What matches a search, in order, in bytes of what `text::visible_lines` shows.
    pub matches: &'a [Range<usize>],
}

impl Content<'_> {
    fn role_at(&self, glyph: &Glyph<'_>) -> Role {
        let next = self.matches.partition_point(|found| found.end <= glyph.at);
        if self.matches.get(next).is_some_and(|found| found.contains(&glyph.at)) {
            Role::Match
        } else if glyph.mark {
            Role::Mark
        } else {
            self.role
        }
    }

    /// The line cut into rows of so many cells.
    pub fn wrapped(&self, room: usize) -> Vec<Row> {
        let mut rows = vec![Row::default()];
        let mut wrap = Wrap::new(room);
        each_glyph(self.bytes, |glyph| {
            if wrap.breaks_before(glyph.width) {
                rows.push(Row::default());
            }
            if let Some(row) = rows.last_mut() {
                push(row, &glyph, self.role_at(&glyph));
            }
            ControlFlow::Continue(())
        });
        rows
    }

    /// What is seen of the line through a window of so many cells that begins `left` cells behind its beginning, with a
    /// sign at each edge beyond which it goes on.
    pub fn cut(&self, left: usize, room: usize) -> Row {
        let mut row = Row::default();
        // The glyph that fills the window is held back until it is known whether anything follows.
        let mut last: Option<Row> = None;
        let (mut column, mut hidden) = (0, false);
        each_glyph(self.bytes, |glyph| {
            let begin = column;
            column += glyph.width;
            if glyph.width == 0 {
                // It goes with the character that it stands on.
                if !hidden {
                    push(last.as_mut().unwrap_or(&mut row), &glyph, self.role);
                }
                return ControlFlow::Continue(());
            }
            hidden = begin < left + usize::from(left > 0);
            if hidden {
                if row.parts.is_empty() && room > 0 {
                    row.push(MORE_LEFT, Role::Muted);
                }
                // A wide character that is half outside leaves its other half empty.
                let seen = column.saturating_sub(left + 1).min(room.saturating_sub(1));
                row.push(&" ".repeat(seen), self.role);
            } else if last.is_some() || column > left + room {
                last = None;
                pad(&mut row, room.saturating_sub(1), self.role);
                if row.width() < room {
                    row.push(MORE_RIGHT, Role::Muted);
                }
                return ControlFlow::Break(());
            } else if column == left + room {
                let mut held = Row::default();
                push(&mut held, &glyph, self.role_at(&glyph));
                last = Some(held);
            } else {
                push(&mut row, &glyph, self.role_at(&glyph));
            }
            ControlFlow::Continue(())
        });
        for part in last.into_iter().flat_map(|last| last.parts) {
            row.push(&part.text, part.role);
        }
        row
    }
}

/// How many rows [`Content::wrapped`] gives.
pub fn rows(bytes: &[u8], room: usize) -> usize {
    let mut wrap = Wrap::new(room);
    let mut rows = 1;
    each_glyph(bytes, |glyph| {
        rows += usize::from(wrap.breaks_before(glyph.width));
        ControlFlow::Continue(())
    });
    rows
}

/// How many cells a line takes.
pub fn width(bytes: &[u8]) -> usize {
    let mut width = 0;
    each_glyph(bytes, |glyph| {
        width += glyph.width;
        ControlFlow::Continue(())
    });
    width
}

/// Where in the visible text a column is.
pub fn offset(bytes: &[u8], column: usize) -> usize {
    let (mut passed, mut offset) = (0, usize::MAX);
    each_glyph(bytes, |glyph| {
        passed += glyph.width;
        if passed > column {
            offset = glyph.at;
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    });
    offset
}

/// Where a byte of the visible text is: its column in the line, and its row once wrapped.
pub fn position(bytes: &[u8], at: usize, room: usize) -> (usize, usize) {
    let mut wrap = Wrap::new(room);
    let (mut column, mut row) = (0, 0);
    each_glyph(bytes, |glyph| {
        row += usize::from(wrap.breaks_before(glyph.width));
        if glyph.at >= at {
            return ControlFlow::Break(());
        }
        column += glyph.width;
        ControlFlow::Continue(())
    });
    (column, row)
}

/// Finds where rows end.
struct Wrap {
    room: usize,
    used: usize,
}

impl Wrap {
    fn new(room: usize) -> Self {
        Self { room: room.max(1), used: 0 }
    }

    /// Takes what comes next; says whether a row begins with it.
    fn breaks_before(&mut self, width: usize) -> bool {
        self.used += width;
        let breaks = self.used > self.room && self.used > width;
        if breaks {
            self.used = width;
        }
        breaks
    }
}

fn push(row: &mut Row, glyph: &Glyph<'_>, role: Role) {
    if glyph.width == 0 { row.attach(glyph.text) } else { row.push(glyph.text, role) }
}

fn pad(row: &mut Row, room: usize, role: Role) {
    let missing = room.saturating_sub(row.width());
    if missing > 0 {
        row.push(&" ".repeat(missing), role);
    }
}

/// What takes a cell, or two; or stands on the one before and takes none.
struct Glyph<'a> {
    text: &'a str,
    width: usize,
    /// It is part of a mark.
    mark: bool,
    /// Where it is in the visible text.
    at: usize,
}

/// Walks through a line as it is shown, tabs as spaces, until told to stop.
fn each_glyph(bytes: &[u8], mut take: impl FnMut(Glyph<'_>) -> ControlFlow<()>) {
    let (mut at, mut column, mut pile) = (0, 0, 0);
    for piece in visible_pieces(bytes) {
        let mark = matches!(piece, Piece::Mark(_));
        for character in piece.as_str().chars() {
            let (begin, width) = (column, character.width().unwrap_or(0));
            let mut put = |text: &str, width: usize, mark: bool| {
                column += width;
                take(Glyph { text, width, mark, at })
            };
            pile = if width == 0 { pile + 1 } else { 0 };
            let mut buffer = [0; 4];
            let own = character.encode_utf8(&mut buffer);
            let flow = match (character, width) {
                ('\t', _) => (0..TAB - begin % TAB).try_for_each(|_| put(" ", 1, mark)),
                (_, 0) if pile > PILE => {
                    let told = format!("<U+{:04X}>", u32::from(character));
                    told.split_inclusive(|_| true).try_for_each(|text| put(text, 1, true))
                }
                (_, 0) if begin == 0 => match put(BASE, 1, true) {
                    ControlFlow::Continue(()) => put(own, 0, true),
                    ControlFlow::Break(()) => ControlFlow::Break(()),
                },
                _ => put(own, width, mark),
            };
            if flow.is_break() {
                return;
            }
            at += character.len_utf8();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::visible_lines;

    fn line(text: &str) -> Content<'_> {
        Content { bytes: text.as_bytes(), role: Role::Stdout, matches: &[] }
    }

    fn wrapped(text: &str, room: usize) -> Vec<String> {
        assert_eq!(rows(text.as_bytes(), room), line(text).wrapped(room).len());
        line(text).wrapped(room).iter().map(Row::text).collect()
    }

    #[test]
    fn a_long_line_is_wrapped_at_the_edge_and_a_wide_character_is_never_halved() {
        assert_eq!(wrapped("", 4), [""]);
        assert_eq!(wrapped("abcd", 4), ["abcd"]);
        assert_eq!(wrapped("abcdefghi", 4), ["abcd", "efgh", "i"]);
        assert_eq!(wrapped("a日本語", 4), ["a日", "本語"]);
        assert_eq!(wrapped("日本", 1), ["日", "本"]);
        assert_eq!(wrapped("abce\u{301}\u{302}d", 4), ["abce\u{301}\u{302}", "d"]);
    }

    #[test]
    fn tabs_reach_the_next_multiple_of_eight_cells_of_the_line() {
        assert_eq!(line("a\tb").cut(0, 20).text(), "a       b");
        assert_eq!(line("日本\tb\t").cut(0, 20).text(), "日本    b       ");
        assert_eq!(line("\t|").cut(0, 20).text(), "        |");
        assert_eq!(wrapped("abcdef\tx", 4), ["abcd", "ef  ", "x"]);
        assert_eq!(width(b"12345678\t."), 17);
    }

    #[test]
    fn a_cut_line_has_a_sign_at_each_edge_beyond_which_it_goes_on() {
        let text = "abcdefghij";
        for (left, room, seen) in [
            (0, 10, "abcdefghij"),
            (0, 9, "abcdefgh›"),
            (1, 9, "‹cdefghij"),
            (1, 5, "‹cde›"),
            (9, 5, "‹"),
            (10, 5, "‹"),
            (99, 5, "‹"),
            (0, 1, "›"),
            (3, 2, "‹›"),
            (3, 1, "‹"),
            (0, 0, ""),
            (3, 0, ""),
        ] {
            assert_eq!(line(text).cut(left, room).text().trim_end(), seen, "{left} {room}");
        }
        assert_eq!(line("").cut(5, 5).text(), "");
    }

    #[test]
    fn a_window_never_shows_half_a_wide_character_and_never_shifts_what_follows() {
        let text = "日本語x日";
        for (left, room, seen) in [
            (0, 9, "日本語x日"),
            (0, 8, "日本語x›"),
            (0, 6, "日本 ›"),
            (0, 5, "日本›"),
            (1, 9, "‹本語x日"),
            (2, 9, "‹ 語x日"),
            (3, 9, "‹語x日"),
            (3, 4, "‹語›"),
        ] {
            let row = line(text).cut(left, room);
            assert_eq!(row.text(), seen, "{left} {room}");
            assert!(row.width() <= room);
        }
    }

    #[test]
    fn marks_have_a_look_of_their_own_and_text_that_only_looks_like_one_has_not() {
        let row = line("\\x1b\u{1b}[0m").cut(0, 20);
        let looks: Vec<_> = row.parts.iter().map(|part| (part.text.as_str(), part.role)).collect();
        assert_eq!(looks, [("\\x1b", Role::Stdout), ("\\x1b", Role::Mark), ("[0m", Role::Stdout)]);
    }

    #[test]
    fn a_match_is_seen_where_it_is_though_tabs_and_marks_stand_before() {
        let text = "\t\u{1b}日needle.";
        let at = visible_lines(text.as_bytes()).find("needle").unwrap();
        let matches = [0..0, at..at + 6];
        let content = Content { matches: &matches, ..line(text) };
        let found: String =
            content.cut(0, 40).parts.iter().filter(|p| p.role == Role::Match).map(|p| &*p.text).collect();
        assert_eq!(found, "needle");
        assert_eq!(position(text.as_bytes(), at, 10), (8 + 4 + 2, 1));
    }

    #[test]
    fn a_combining_mark_with_nothing_to_stand_on_is_seen() {
        assert_eq!(line("\u{301}a").cut(0, 9).text(), "◌\u{301}a");
        assert_eq!(line("\u{301}a").cut(0, 9).parts[0].role, Role::Mark);
        assert_eq!(wrapped("\u{1b}\u{301}", 9), ["\\x1b\u{301}"]);
    }

    #[test]
    fn a_combining_mark_is_left_out_with_its_character() {
        assert_eq!(line("ae\u{301}bc").cut(1, 9).text(), "‹bc");
        assert_eq!(line("abe\u{301}c").cut(1, 3).text(), "‹e\u{301}c");
        assert_eq!(line("abe\u{301}cd").cut(1, 3).text(), "‹e\u{301}›");
        assert_eq!(line("abc\u{301}d").cut(0, 3).text(), "ab›");
        assert_eq!(line("abc\u{301}").cut(0, 3).text(), "abc\u{301}");
    }

    #[test]
    fn a_pile_of_combining_marks_is_told_and_not_drawn() {
        let text = "a".to_owned() + &"\u{301}".repeat(10) + "b";
        assert_eq!(line(&text).cut(0, 40).text(), format!("a{}<U+0301><U+0301>b", "\u{301}".repeat(8)));
        assert_eq!(width(text.as_bytes()), 18);
        let many = "\u{301}".repeat(2000);
        assert!(line(&many).cut(0, 40).text().len() < 100);
    }

    #[test]
    fn an_offset_is_that_of_the_character_in_a_column() {
        let text = "a\t日\u{1b}x";
        assert_eq!([0, 1, 7, 8, 9].map(|column| offset(text.as_bytes(), column)), [0, 1, 1, 2, 2]);
        let x = visible_lines(text.as_bytes()).rfind('x').unwrap();
        assert_eq!(offset(text.as_bytes(), 14), x);
        assert_eq!(offset(text.as_bytes(), 15), usize::MAX);
    }

    #[test]
    fn no_row_is_wider_than_its_room_whatever_the_line() {
        let text = "日\t\u{202e}a\u{301}é\u{7}\u{1f600}xyz".repeat(9);
        for room in 2..30 {
            assert!(line(&text).wrapped(room).iter().all(|row| row.width() <= room));
            for left in 0..40 {
                assert!(line(&text).cut(left, room).width() <= room, "{left} {room}");
            }
        }
    }
}
