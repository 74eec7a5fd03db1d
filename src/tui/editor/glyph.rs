//! A line cut into glyphs: what is shown as one, where it is in the line's bytes and in the pane's cells.

use std::borrow::Cow;
use std::ops::Range;

use ratatui::buffer::CellWidth;
use unicode_segmentation::UnicodeSegmentation;

use crate::text::visible_lines;

/// A tab goes on to the next multiple of so many cells.
const TAB: usize = 4;

/// The most characters of one glyph: a base buried under combining marks would be megabytes for the terminal.
const MOST_CHARACTERS: usize = 8;

/// Steps over plain text, in bytes.
const STRIDE: usize = 64;

/// What is shown as one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Glyph<'a> {
    /// The bytes of the line.
    pub bytes: Range<usize>,
    /// The first cell, counted from the line's beginning.
    pub cell: usize,
    /// How many cells it takes; at least one.
    pub width: usize,
    /// What is shown.
    pub text: Cow<'a, str>,
    /// It stands for a hidden or control character.
    pub mark: bool,
}

impl Glyph<'_> {
    /// The cell behind it.
    pub fn end(&self) -> usize {
        self.cell + self.width
    }
}

/// The glyphs of a line.
#[derive(Clone, Debug)]
pub struct Glyphs<'a> {
    line: &'a str,
    at: usize,
    cell: usize,
}

/// Where to stop.
#[derive(Clone, Copy)]
enum Until {
    Byte(usize),
    Cell(usize),
}

impl<'a> Glyphs<'a> {
    /// From the line's beginning.
    pub fn new(line: &'a str) -> Self {
        Self { line, at: 0, cell: 0 }
    }

    /// From the glyph that a cell belongs to.
    pub fn from_cell(line: &'a str, cell: usize) -> Self {
        Self::new(line).skipped(Until::Cell(cell))
    }

    /// From the glyph that a byte belongs to.
    pub fn from_byte(line: &'a str, byte: usize) -> Self {
        Self::new(line).skipped(Until::Byte(byte))
    }

    /// The cell at which the next one begins.
    pub fn cell(&self) -> usize {
        self.cell
    }

    fn skipped(mut self, until: Until) -> Self {
        loop {
            let room = match until {
                Until::Byte(byte) => byte.saturating_sub(self.at),
                Until::Cell(cell) => cell.saturating_sub(self.cell),
            };
            if room >= STRIDE && self.stride_is_plain() {
                self.at += STRIDE;
                self.cell += STRIDE;
                continue;
            }
            let (at, cell) = (self.at, self.cell);
            let reached = self.next().is_none_or(|glyph| match until {
                Until::Byte(byte) => glyph.bytes.end > byte,
                Until::Cell(cell) => glyph.end() > cell,
            });
            if reached {
                return Self { at, cell, ..self };
            }
        }
    }

    fn stride_is_plain(&self) -> bool {
        // One byte more: a combining mark behind the stride belongs to its last character.
        let stride = self.line.as_bytes().get(self.at..=self.at + STRIDE);
        stride.is_some_and(|bytes| bytes.iter().fold(true, |plain, byte| plain & is_plain(*byte)))
    }

    fn give(&mut self, length: usize, text: Cow<'a, str>, width: usize, mark: bool) -> Glyph<'a> {
        let glyph = Glyph { bytes: self.at..self.at + length, cell: self.cell, width, text, mark };
        self.at += length;
        self.cell += width;
        glyph
    }
}

impl<'a> Iterator for Glyphs<'a> {
    type Item = Glyph<'a>;

    fn next(&mut self) -> Option<Glyph<'a>> {
        let rest = &self.line[self.at..];
        let mut characters = rest.chars();
        let first = characters.next()?;
        let length = first.len_utf8();
        if let Some(width) = letter_width(first)
            && characters.next().is_none_or(|next| next.is_ascii() || letter_width(next).is_some())
        {
            return Some(self.give(length, Cow::Borrowed(&rest[..length]), width, false));
        }
        if first == '\t' {
            let width = TAB - self.cell % TAB;
            return Some(self.give(length, Cow::Borrowed(&"    "[..width]), width, false));
        }
        let shown = visible_lines(&rest.as_bytes()[..length]);
        if shown != rest[..length] {
            let width = shown.len();
            return Some(self.give(length, Cow::Owned(shown), width, true));
        }
        let text = cluster(rest, length);
        match usize::from(text.cell_width()) {
            // It would be drawn over what stands before it.
            0 => Some(self.give(text.len(), Cow::Owned(format!("◌{text}")), 1, false)),
            width => Some(self.give(text.len(), Cow::Borrowed(text), width, false)),
        }
    }
}

/// The byte at which the glyph of a cell begins; the line's end where it is shorter.
pub fn byte_at(line: &str, cell: usize) -> usize {
    Glyphs::from_cell(line, cell).at
}

/// Where the glyph before a byte begins.
pub fn before(line: &str, byte: usize) -> usize {
    Glyphs::from_byte(line, byte.saturating_sub(1)).at
}

/// Where the glyph of a byte ends.
pub fn after(line: &str, byte: usize) -> usize {
    Glyphs::from_byte(line, byte).next().map_or(line.len(), |glyph| glyph.bytes.end)
}

fn is_plain(byte: u8) -> bool {
    matches!(byte, b' '..=b'~')
}

/// The width of a character that is shown as it is and joins no other one of these: what almost all text is made of.
fn letter_width(character: char) -> Option<usize> {
    match character {
        ' '..='~' | 'À'..='ɏ' | 'Α'..='Ρ' | 'Σ'..='ω' | 'Ѐ'..='ҁ' => Some(1),
        'ぁ'..='ゖ' | 'ァ'..='ヺ' | '一'..='\u{9fff}' | '가'..='힣' => Some(2),
        _ => None,
    }
}

/// Whether every character of a text is one that joins no other such character.
pub fn stands_alone(text: &str) -> bool {
    text.chars().all(|character| letter_width(character).is_some())
}

fn is_shown(text: &str) -> bool {
    visible_lines(text.as_bytes()) == text
}

/// The user-perceived character that a text begins with, as far as it is shown as it is: at least the first character,
/// of that length.
fn cluster(text: &str, first: usize) -> &str {
    let most = text.char_indices().nth(MOST_CHARACTERS).map_or(text.len(), |(at, _)| at);
    let whole = text[..most].graphemes(true).next().unwrap_or_default();
    if whole.len() <= first || is_shown(whole) {
        return whole;
    }
    let ends = whole.char_indices().map(|(at, character)| at + character.len_utf8());
    ends.map(|end| &whole[..end]).take_while(|part| is_shown(part)).last().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(line: &str) -> Vec<(String, usize, bool)> {
        Glyphs::new(line).map(|glyph| (glyph.text.into_owned(), glyph.width, glyph.mark)).collect()
    }

    fn glyph(text: &str, width: usize) -> (String, usize, bool) {
        (text.to_owned(), width, false)
    }

    #[test]
    fn wide_characters_clusters_and_tabs_take_the_cells_that_a_terminal_gives_them() {
        assert_eq!(shown("a日\tb"), [glyph("a", 1), glyph("日", 2), glyph(" ", 1), glyph("b", 1)]);
        assert_eq!(shown("\tx"), [glyph("    ", 4), glyph("x", 1)]);
        assert_eq!(shown("e\u{301}x"), [glyph("e\u{301}", 1), glyph("x", 1)]);
        assert_eq!(shown("👋🏽!"), [glyph("👋🏽", 2), glyph("!", 1)]);
    }

    #[test]
    fn hidden_and_control_characters_become_marks_of_their_own_even_within_a_cluster() {
        let marked: Vec<_> = Glyphs::new("a\u{202e}b\x1b\r\0").filter(|glyph| glyph.mark).collect();
        let texts: Vec<_> = marked.iter().map(|glyph| (glyph.text.as_ref(), glyph.width)).collect();
        assert_eq!(texts, [("<U+202E>", 8), ("\\x1b", 4), ("\\r", 2), ("\\x00", 4)]);
        let family: String = Glyphs::new("👩\u{200d}👧").map(|glyph| glyph.text.into_owned()).collect();
        assert_eq!(family, "👩<U+200D>👧");
    }

    #[test]
    fn letters_are_known_without_being_looked_up_and_rightly() {
        for letter in ('\0'..=char::MAX).filter(|letter| letter_width(*letter).is_some()) {
            let alone = letter.to_string();
            assert!(is_shown(&alone), "{letter:?}");
            assert_eq!(letter_width(letter), Some(usize::from(alone.cell_width())), "{letter:?}");
            for neighbour in ["a", "ɏ", "ω", "Ѐ", "ヺ", "一", "각", "\t"] {
                assert_eq!(format!("{letter}{neighbour}").graphemes(true).count(), 2, "{letter:?}{neighbour:?}");
                assert_eq!(format!("{neighbour}{letter}").graphemes(true).count(), 2, "{neighbour:?}{letter:?}");
            }
        }
    }

    #[test]
    fn a_combining_mark_without_a_base_gets_a_circle_and_never_falls_on_its_neighbour() {
        assert_eq!(shown("\u{301}a"), [glyph("◌\u{301}", 1), glyph("a", 1)]);
        assert_eq!(shown("\t\u{301}"), [glyph("    ", 4), glyph("◌\u{301}", 1)]);
        assert_eq!(shown("e\u{200d}\u{301}")[2], glyph("◌\u{301}", 1));
    }

    #[test]
    fn a_pile_of_combining_marks_is_cut_into_pieces() {
        let line = format!("e{}", "\u{301}".repeat(1000));
        let glyphs: Vec<_> = Glyphs::new(&line).collect();
        assert!(glyphs.iter().all(|glyph| glyph.text.chars().count() <= MOST_CHARACTERS + 1));
        assert_eq!(glyphs.last().map(|glyph| glyph.bytes.end), Some(line.len()));
    }

    #[test]
    fn bytes_and_cells_are_found_from_each_other_far_into_a_line() {
        let line = format!("{}日\t\u{202e}{}", "x".repeat(1000), "y".repeat(1000));
        let mut cell = 0;
        for glyph in Glyphs::new(&line) {
            assert_eq!(glyph.cell, cell);
            for byte in glyph.bytes.clone() {
                assert_eq!(Glyphs::from_byte(&line, byte).cell(), cell);
            }
            for inside in glyph.cell..glyph.end() {
                assert_eq!(byte_at(&line, inside), glyph.bytes.start);
            }
            assert_eq!(after(&line, glyph.bytes.start), glyph.bytes.end);
            assert_eq!(before(&line, glyph.bytes.end), glyph.bytes.start);
            cell = glyph.end();
        }
        assert_eq!(Glyphs::from_byte(&line, line.len()).cell(), cell);
        assert_eq!(byte_at(&line, cell + 5), line.len());
        assert_eq!((before("", 0), after("", 0), byte_at("", 3)), (0, 0, 0));
    }
}
