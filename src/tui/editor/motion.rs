//! Where the cursor goes.

use super::glyph;
use super::text::{Place, Text};

/// A way to go from a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Motion {
    /// A glyph back; from a line's beginning to the end of the one before.
    Left,
    /// A glyph on; from a line's end to the beginning of the next.
    Right,
    /// To where a word begins before.
    WordLeft,
    /// To where the next word begins.
    WordRight,
    /// To the line's beginning.
    LineStart,
    /// To the line's end.
    LineEnd,
    /// To the text's beginning.
    Top,
    /// To the text's end.
    Bottom,
}

impl Motion {
    /// Where it leads.
    pub fn from(self, text: &Text, at: Place) -> Place {
        let line = text.line(at.line);
        let on = |byte| Place { byte, ..at };
        match self {
            Self::Left | Self::WordLeft if at.byte == 0 => line_before(text, at),
            Self::Left => on(glyph::before(line, at.byte)),
            Self::WordLeft => on(word_before(line, at.byte)),
            Self::Right | Self::WordRight if at.byte == line.len() => line_after(text, at),
            Self::Right => on(glyph::after(line, at.byte)),
            Self::WordRight => on(word_after(line, at.byte)),
            Self::LineStart => on(0),
            Self::LineEnd => on(line.len()),
            Self::Top => Place::default(),
            Self::Bottom => end_of(text, text.last()),
        }
    }
}

fn end_of(text: &Text, line: usize) -> Place {
    Place { line, byte: text.line(line).len() }
}

fn line_before(text: &Text, at: Place) -> Place {
    at.line.checked_sub(1).map_or(at, |line| end_of(text, line))
}

fn line_after(text: &Text, at: Place) -> Place {
    if at.line < text.last() { Place { line: at.line + 1, byte: 0 } } else { at }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Space,
    Word,
    Sign,
}

fn class(character: char) -> Class {
    match character {
        _ if character.is_whitespace() => Class::Space,
        '_' => Class::Word,
        _ if character.is_alphanumeric() => Class::Word,
        _ => Class::Sign,
    }
}

fn word_before(line: &str, byte: usize) -> usize {
    let words = line[..byte].trim_end_matches(char::is_whitespace);
    let last = words.chars().next_back().map(class);
    words.trim_end_matches(|character| Some(class(character)) == last).len()
}

fn word_after(line: &str, byte: usize) -> usize {
    let rest = &line[byte..];
    let first = rest.chars().next().map(class);
    let next = rest.trim_start_matches(|character| Some(class(character)) == first).trim_start();
    line.len() - next.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(line: &str, from: usize, motion: Motion) -> Vec<usize> {
        let text = Text::new(line);
        let mut at = Place { line: 0, byte: from };
        let mut seen = Vec::new();
        loop {
            let next = motion.from(&text, at);
            if next == at {
                return seen;
            }
            at = next;
            seen.push(at.byte);
        }
    }

    #[test]
    fn words_names_and_signs_are_stations() {
        let line = "os.system('x y_1')  ";
        assert_eq!(bytes(line, 0, Motion::WordRight), [2, 3, 9, 11, 13, 16, 20]);
        assert_eq!(bytes(line, 20, Motion::WordLeft), [16, 13, 11, 9, 3, 2, 0]);
    }

    #[test]
    fn a_step_takes_what_is_shown_as_one_and_stops_at_every_hidden_character() {
        let line = "\u{202e}e\u{301}日\u{200b}";
        assert_eq!(bytes(line, 0, Motion::Right), [3, 6, 9, 12]);
        assert_eq!(bytes(line, 12, Motion::Left), [9, 6, 3, 0]);
    }

    #[test]
    fn steps_go_on_over_the_ends_of_lines_and_stop_at_the_ends_of_the_text() {
        let text = Text::new("ab\n\ncd");
        let end = Place { line: 0, byte: 2 };
        assert_eq!(Motion::Right.from(&text, end), Place { line: 1, byte: 0 });
        assert_eq!(Motion::WordLeft.from(&text, Place { line: 1, byte: 0 }), end);
        let bottom = Place { line: 2, byte: 2 };
        assert_eq!(Motion::Bottom.from(&text, end), bottom);
        assert_eq!(Motion::Right.from(&text, bottom), bottom);
        assert_eq!(Motion::Left.from(&text, Place::default()), Place::default());
    }
}
