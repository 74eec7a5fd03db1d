//! One line of text that is being typed: prompts, filters, settings. Pure.

use ratatui::style::Style;
use ratatui::text::{Line, Span};
use unicode_segmentation::UnicodeSegmentation;

use super::cells::{clip, width};
use super::command::Command;
use super::theme::{Role, Theme};
use crate::text::visible_str;

/// The most bytes that are taken.
const MOST: usize = 4096;

/// A line of text and the place in it where the next character goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Field {
    text: String,
    /// The cursor stands before this byte, at a character's beginning.
    cursor: usize,
}

/// What is seen of a field, safe to show; the three together are no wider than asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldView {
    /// Left of the cursor.
    pub before: String,
    /// Under the cursor; a space at the end.
    pub cursor: String,
    /// Right of the cursor.
    pub after: String,
}

impl Field {
    /// A field that holds a text already, with the cursor behind it.
    pub fn new(text: &str) -> Self {
        let mut field = Self::default();
        field.paste(text);
        field
    }

    /// What was typed, raw.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Another text in its place, with the cursor behind it.
    pub fn set(&mut self, text: &str) {
        *self = Self::new(text);
    }

    /// Takes a character at the cursor.
    pub fn type_char(&mut self, character: char) {
        self.paste(character.encode_utf8(&mut [0; 4]));
    }

    /// Takes a text at the cursor, each line break as a space, as far as there is room.
    pub fn paste(&mut self, text: &str) {
        let mut room = MOST.saturating_sub(self.text.len());
        let one_line = text.graphemes(true).map(|piece| if is_break(piece) { " " } else { piece });
        let taken: String = one_line
            .take_while(|piece| {
                let fits = piece.len() <= room;
                room = room.saturating_sub(piece.len());
                fits
            })
            .collect();
        self.text.insert_str(self.cursor, &taken);
        self.cursor += taken.len();
    }

    /// Does what a command means for a line of text; tells whether it means anything.
    pub fn command(&mut self, command: Command) -> bool {
        match command {
            Command::Left => self.cursor = self.left(),
            Command::Right => self.cursor = self.right(),
            Command::LineStart => self.cursor = 0,
            Command::LineEnd => self.cursor = self.text.len(),
            Command::WordLeft => self.cursor = self.word_left(),
            Command::WordRight => self.cursor = self.word_right(),
            Command::DeleteBack => self.delete_from(self.left()),
            Command::DeleteWord => self.delete_from(self.word_left()),
            Command::DeleteNext => self.text.replace_range(self.cursor..self.right(), ""),
            Command::DeleteLineEnd => self.text.truncate(self.cursor),
            _ => return false,
        }
        true
    }

    /// What is seen of it in so many cells, scrolled so that the cursor is in sight.
    pub fn view(&self, cells: u16) -> FieldView {
        let cells = usize::from(cells);
        let (before, after) = self.text.split_at(self.cursor);
        let mut after = after.graphemes(true).map(shown);
        let cursor = clip(&after.next().unwrap_or_else(|| " ".to_owned()), cells);
        let left = cells.saturating_sub(width(&cursor));
        let before = tail(before, left);
        let right = left.saturating_sub(width(&before));
        let after = head(after, right);
        FieldView { before, cursor, after }
    }

    fn delete_from(&mut self, start: usize) {
        self.text.replace_range(start..self.cursor, "");
        self.cursor = start;
    }

    fn left(&self) -> usize {
        let last = self.text[..self.cursor].graphemes(true).next_back();
        self.cursor - last.map_or(0, str::len)
    }

    fn right(&self) -> usize {
        let next = self.text[self.cursor..].graphemes(true).next();
        self.cursor + next.map_or(0, str::len)
    }

    fn word_left(&self) -> usize {
        self.text[..self.cursor].trim_end_matches(|c| !is_word(c)).trim_end_matches(is_word).len()
    }

    fn word_right(&self) -> usize {
        let rest = self.text[self.cursor..].trim_start_matches(|c| !is_word(c)).trim_start_matches(is_word);
        self.text.len() - rest.len()
    }
}

/// A view as one line of the screen, the cursor in its own style.
pub fn line(view: &FieldView, theme: &Theme) -> Line<'static> {
    styled(view, theme.style(Role::Text), theme.style(Role::Cursor))
}

fn styled(FieldView { before, cursor, after }: &FieldView, text: Style, under: Style) -> Line<'static> {
    Line::from(vec![
        Span::styled(before.clone(), text),
        Span::styled(cursor.clone(), under),
        Span::styled(after.clone(), text),
    ])
}

fn is_break(piece: &str) -> bool {
    matches!(piece, "\n" | "\r" | "\r\n" | "\u{85}" | "\u{2028}" | "\u{2029}")
}

/// Marks belong to the letter before them.
fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_' || unicode_width::UnicodeWidthChar::width(character) == Some(0)
}

/// A backslash stays as it was typed: whoever writes `\d` wants to see that. A mark without a letter gets a space to
/// stand on, so that it neither hides the cursor nor joins what is left of the field.
fn shown(piece: &str) -> String {
    if piece == "\\" {
        return piece.to_owned();
    }
    let shown = visible_str(piece);
    if width(&shown) == 0 { format!(" {shown}") } else { shown }
}

/// The end of a text, with `…` where something is left out before it.
fn tail(text: &str, cells: usize) -> String {
    let (pieces, cut) = fitting(text.graphemes(true).rev().map(shown), cells);
    let sign = if cut { "…" } else { "" };
    std::iter::once(sign).chain(pieces.iter().rev().map(String::as_str)).collect()
}

/// The beginning of a text, with `…` where something is left out behind it.
fn head(pieces: impl Iterator<Item = String>, cells: usize) -> String {
    let (pieces, cut) = fitting(pieces, cells);
    pieces.concat() + if cut { "…" } else { "" }
}

/// As many pieces as fit; where not all do, with a cell left for a sign, if there is any.
fn fitting(pieces: impl Iterator<Item = String>, cells: usize) -> (Vec<String>, bool) {
    let mut taken: Vec<String> = Vec::new();
    let mut used = 0;
    for piece in pieces {
        used += width(&piece);
        taken.push(piece);
        if used > cells {
            while used + 1 > cells {
                let Some(dropped) = taken.pop() else { break };
                used -= width(&dropped);
            }
            return (taken, cells > 0);
        }
    }
    (taken, false)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The text with `|` at the cursor.
    fn state(field: &Field) -> String {
        let (before, after) = field.text.split_at(field.cursor);
        format!("{before}|{after}")
    }

    /// A field from a text with `|` at the cursor.
    fn field(state: &str) -> Field {
        let (before, after) = state.split_once('|').unwrap();
        Field { text: format!("{before}{after}"), cursor: before.len() }
    }

    fn after(start: &str, command: Command) -> String {
        let mut field = field(start);
        assert!(field.command(command));
        state(&field)
    }

    /// The view in one string, the cursor in brackets.
    fn seen(start: &str, cells: u16) -> String {
        let FieldView { before, cursor, after } = field(start).view(cells);
        format!("{before}[{cursor}]{after}")
    }

    #[test]
    fn typing_moving_and_deleting_do_what_a_line_of_text_does() {
        for (start, command, end) in [
            ("ab|c", Command::Left, "a|bc"),
            ("|abc", Command::Left, "|abc"),
            ("ab|c", Command::Right, "abc|"),
            ("abc|", Command::Right, "abc|"),
            ("ab|c", Command::LineStart, "|abc"),
            ("a|bc", Command::LineEnd, "abc|"),
            ("/usr/bin_x, 7|", Command::WordLeft, "/usr/bin_x, |7"),
            ("/usr/bin_x, |7", Command::WordLeft, "/usr/|bin_x, 7"),
            ("|/usr/bin", Command::WordRight, "/usr|/bin"),
            ("/usr|/bin", Command::WordRight, "/usr/bin|"),
            ("ab|c", Command::DeleteBack, "a|c"),
            ("|abc", Command::DeleteBack, "|abc"),
            ("ab|c", Command::DeleteNext, "ab|"),
            ("abc|", Command::DeleteNext, "abc|"),
            ("one two|three", Command::DeleteWord, "one |three"),
            ("one, |x", Command::DeleteWord, "|x"),
            ("ab|c", Command::DeleteLineEnd, "ab|"),
        ] {
            assert_eq!(after(start, command), end, "{start} {command}");
        }
        let mut typed = field("a|c");
        typed.type_char('b');
        assert_eq!(state(&typed), "ab|c");
        typed.set("new");
        assert_eq!((state(&typed).as_str(), typed.text()), ("new|", "new"));
    }

    #[test]
    fn other_commands_mean_nothing_here_and_change_nothing() {
        let mut typed = field("a|c");
        for command in [Command::Up, Command::Accept, Command::Indent, Command::Run, Command::Back] {
            assert!(!typed.command(command));
        }
        assert_eq!(state(&typed), "a|c");
    }

    #[test]
    fn what_looks_like_one_character_is_moved_over_and_deleted_as_one() {
        for (start, command, end) in [
            ("ae\u{301}|b", Command::DeleteBack, "a|b"),
            ("a|e\u{301}b", Command::DeleteNext, "a|b"),
            ("👩🏽‍🚀|", Command::Left, "|👩🏽‍🚀"),
            ("|🇩🇪🇫🇷", Command::Right, "🇩🇪|🇫🇷"),
            ("de\u{301}ja\u{300}|", Command::WordLeft, "|de\u{301}ja\u{300}"),
        ] {
            assert_eq!(after(start, command), end, "{start} {command}");
        }
    }

    #[test]
    fn a_pasted_text_becomes_one_line_and_what_is_beyond_the_room_is_left_out() {
        let mut pasted = field("a|d");
        pasted.paste("b\r\nc\nx\u{2028}y");
        assert_eq!(state(&pasted), "ab c x y|d");
        let mut full = Field::new(&"é".repeat(5000));
        assert_eq!(full.text().len(), MOST);
        full.type_char('x');
        assert_eq!(full.text().len(), MOST);
        full.command(Command::DeleteBack);
        full.paste("日");
        assert_eq!(full.text().len(), MOST - 2, "three bytes do not fit where two are free");
        full.paste("é");
        assert_eq!(full.text().len(), MOST);
    }

    #[test]
    fn the_cursor_is_always_in_sight_with_a_sign_where_text_is_left_out() {
        assert_eq!(seen("|", 5), "[ ]");
        assert_eq!(seen("abc|", 5), "abc[ ]");
        assert_eq!(seen("abcd|", 5), "abcd[ ]");
        assert_eq!(seen("abcde|", 5), "…cde[ ]");
        assert_eq!(seen("|abcdef", 5), "[a]bcd…");
        assert_eq!(seen("abc|def", 4), "abc[d]");
        assert_eq!(seen("ab|cdef", 5), "ab[c]d…");
        assert_eq!(seen("abc|", 1), "[ ]");
        assert_eq!(seen("abc|", 0), "[]");
    }

    #[test]
    fn wide_characters_are_never_cut_in_half() {
        assert_eq!(seen("日本語|", 5), "…語[ ]");
        assert_eq!(seen("日本語|", 7), "日本語[ ]");
        assert_eq!(seen("|日本語", 5), "[日]本…");
        assert_eq!(seen("|日本", 1), "[…]");
    }

    #[test]
    fn hidden_and_active_characters_are_seen_and_a_backslash_stays_as_typed() {
        assert_eq!(seen(r"\d+|", 9), r"\d+[ ]");
        assert_eq!(seen("a\u{1b}[31m\u{202e}|", 30), "a\\x1b[31m<U+202E>[ ]");
        assert_eq!(seen("|\u{202e}x", 30), "[<U+202E>]x");
        assert_eq!(seen("|\u{202e}x", 4), "[<U+…]");
        assert_eq!(seen("a\tb|", 9), "a\\tb[ ]");
        assert_eq!(seen("|\u{301}x", 9), "[ \u{301}]x");
    }

    #[test]
    fn only_what_is_under_the_cursor_has_the_cursors_style() {
        let (text, under) = (Style::new().blue(), Style::new().reversed());
        let line = styled(&field("a|bc").view(9), text, under);
        let spans: Vec<_> = line.spans.iter().map(|span| (&*span.content, span.style)).collect();
        assert_eq!(spans, [("a", text), ("b", under), ("c", text)]);
    }

    proptest! {
        #[test]
        fn no_text_cursor_or_width_breaks_the_view(
            text in ".{0,40}",
            moves in proptest::collection::vec(0..10_usize, 0..20),
            cells in 0..30_u16,
        ) {
            let commands = [
                Command::Left, Command::Right, Command::LineStart, Command::LineEnd, Command::WordLeft,
                Command::WordRight, Command::DeleteBack, Command::DeleteNext, Command::DeleteWord, Command::Left,
            ];
            let mut field = Field::new(&text);
            for at in moves {
                field.command(commands[at]);
                field.type_char(['e', '\u{301}', '\u{200d}', '日', '\u{1f1e6}', '\n', '\u{1b}', '\\', 'x', ' '][at]);
                let view = field.view(cells);
                let all = format!("{}{}{}", view.before, view.cursor, view.after);
                prop_assert!(width(&view.before) + width(&view.cursor) + width(&view.after) <= usize::from(cells));
                prop_assert!(cells == 0 || width(&view.cursor) > 0);
                prop_assert!(!all.contains(char::is_control));
            }
        }
    }
}
