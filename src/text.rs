//! Hostile text made safe for a terminal, and unmistakable to its reader.
//!
//! Everything that a specimen can choose (output, paths, addresses, names) passes
//! through here before it reaches a terminal, a file or a report. What is printable
//! stays as it is, combining marks included. The rest becomes a mark:
//!
//! | input | mark |
//! | --- | --- |
//! | newline, carriage return, tab | `\n`, `\r`, `\t` |
//! | other ASCII control characters and DEL | `\x1b` |
//! | bytes that are not UTF-8 | `\xff` |
//! | other characters that are not printable: C1 controls, bidirectional controls, zero-width and default-ignorable characters, separators, tags, unassigned and private ones, spaces other than U+0020 | `<U+202E>` |
//!
//! [`visible`] is for single values. There a backslash of the input is doubled and a
//! `<U+` of the input becomes `\<U+`, so no input can forge a mark and the result can
//! be turned back into the bytes. [`visible_lines`] and [`VisibleStream`] are for
//! program output, which people want to read as it was meant: newline, tab and
//! backslash stay. There a specimen can print the text of a mark, but it cannot hide
//! that it printed a control character. A carriage return is marked, since it lets
//! later text cover earlier text.

use std::fmt::Write;
use std::str::Utf8Chunks;

/// Shows one value: a path, a name, an argument. The result is a single line.
pub fn visible(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    push_visible(&mut out, bytes);
    out
}

/// [`visible`] for text that is known to be UTF-8.
pub fn visible_str(text: &str) -> String {
    visible(text.as_bytes())
}

/// Shows program output that is at hand as a whole; newline, tab and backslash stay.
pub fn visible_lines(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    push(&mut out, bytes, Form::Lines);
    out
}

/// Appends [`visible`]'s result to `out`.
pub fn push_visible(out: &mut String, bytes: &[u8]) {
    push(out, bytes, Form::Value);
}

/// The length of `bytes` without a character that is cut off at their end.
///
/// Bytes that cannot become valid UTF-8 whatever follows are not held back.
pub fn whole_characters(bytes: &[u8]) -> usize {
    let start = bytes.len().saturating_sub(3);
    let tail = &bytes[start..];
    (0..tail.len())
        .find(|&at| matches!(std::str::from_utf8(&tail[at..]), Err(error) if error.valid_up_to() == 0 && error.error_len().is_none()))
        .map_or(bytes.len(), |at| start + at)
}

/// Shows program output that comes in chunks, as [`visible_lines`] would show the whole.
///
/// A character that is cut by a chunk boundary is held (at most three bytes) until
/// the next chunk or [`VisibleStream::finish`].
#[derive(Debug, Default)]
pub struct VisibleStream {
    held: Vec<u8>,
}

impl VisibleStream {
    /// Starts a stream with nothing held.
    pub fn new() -> Self {
        Self::default()
    }

    /// Shows the next chunk, and what was held of the one before.
    pub fn push(&mut self, chunk: &[u8]) -> String {
        let mut joined = std::mem::take(&mut self.held);
        let bytes = if joined.is_empty() {
            chunk
        } else {
            joined.extend_from_slice(chunk);
            &joined
        };
        let (whole, cut) = bytes.split_at(whole_characters(bytes));
        let shown = visible_lines(whole);
        self.held = cut.to_vec();
        shown
    }

    /// Shows what is still held: bytes of a character that never was completed.
    pub fn finish(&mut self) -> String {
        visible_lines(&std::mem::take(&mut self.held))
    }
}

/// A part of program output as it is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece<'a> {
    /// As it was written; newlines and tabs too.
    Text(&'a str),
    /// The mark of one thing that is not printable.
    Mark(String),
}

impl Piece<'_> {
    /// What is shown.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Text(text) => text,
            Self::Mark(mark) => mark,
        }
    }
}

/// What [`visible_lines`] shows, piece by piece, each made when it is asked for, so that who shows the beginning of a
/// long line pays for no more.
///
/// A run of text comes in several pieces where it is long: a combining mark at the start of one belongs to the
/// character before.
pub fn visible_pieces(bytes: &[u8]) -> VisiblePieces<'_> {
    VisiblePieces { rest: bytes, chunks: [].utf8_chunks(), text: "", invalid: &[] }
}

/// See [`visible_pieces`].
#[derive(Clone, Debug)]
pub struct VisiblePieces<'a> {
    rest: &'a [u8],
    chunks: Utf8Chunks<'a>,
    text: &'a str,
    invalid: &'a [u8],
}

impl<'a> Iterator for VisiblePieces<'a> {
    type Item = Piece<'a>;

    fn next(&mut self) -> Option<Piece<'a>> {
        loop {
            if !self.text.is_empty() {
                return Some(self.next_of_text());
            }
            if let Some((byte, rest)) = self.invalid.split_first() {
                self.invalid = rest;
                let mut mark = String::new();
                push_byte(&mut mark, *byte);
                return Some(Piece::Mark(mark));
            }
            if let Some(chunk) = self.chunks.next() {
                (self.text, self.invalid) = (chunk.valid(), chunk.invalid());
            } else if self.rest.is_empty() {
                return None;
            } else {
                let (near, rest) = self.rest.split_at(near(self.rest));
                (self.chunks, self.rest) = (near.utf8_chunks(), rest);
            }
        }
    }
}

impl<'a> VisiblePieces<'a> {
    fn next_of_text(&mut self) -> Piece<'a> {
        let run = printable_run(self.text);
        if run > 0 {
            let (text, rest) = self.text.split_at(run);
            self.text = rest;
            return Piece::Text(text);
        }
        let mut chars = self.text.chars();
        let mut mark = String::new();
        if let Some(character) = chars.next() {
            push_char(&mut mark, character, chars.as_str(), Form::Lines);
        }
        self.text = chars.as_str();
        Piece::Mark(mark)
    }
}

/// About as many bytes as a line of the screen shows; no character is cut.
const NEAR: usize = 256;

/// The length of what bytes begin with that is decoded at once.
fn near(bytes: &[u8]) -> usize {
    if bytes.len() <= NEAR { bytes.len() } else { whole_characters(&bytes[..NEAR]) }
}

/// The length of the characters that a text begins with and that stay as they are.
fn printable_run(text: &str) -> usize {
    let stays = |c: char| u8::try_from(c).is_ok_and(|byte| Form::Lines.is_plain(byte)) || is_printable(c);
    text.char_indices().find(|(_, c)| !stays(*c)).map_or(text.len(), |(at, _)| at)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Value,
    Lines,
}

impl Form {
    /// Printable ASCII that needs no second look in this form.
    fn is_plain(self, byte: u8) -> bool {
        match self {
            Form::Value => matches!(byte, b' '..=b'~') && byte != b'\\' && byte != b'<',
            Form::Lines => matches!(byte, b' '..=b'~' | b'\n' | b'\t'),
        }
    }
}

fn push(out: &mut String, bytes: &[u8], form: Form) {
    for chunk in bytes.utf8_chunks() {
        push_text(out, chunk.valid(), form);
        for byte in chunk.invalid() {
            push_byte(out, *byte);
        }
    }
}

/// Copies runs of plain characters whole: almost all text is one such run.
fn push_text(out: &mut String, mut text: &str, form: Form) {
    while !text.is_empty() {
        let run = text.bytes().position(|byte| !form.is_plain(byte)).unwrap_or(text.len());
        let (plain, rest) = text.split_at(run);
        out.push_str(plain);
        let mut chars = rest.chars();
        if let Some(character) = chars.next() {
            push_char(out, character, chars.as_str(), form);
        }
        text = chars.as_str();
    }
}

/// `after` is the text behind `character`.
fn push_char(out: &mut String, character: char, after: &str, form: Form) {
    match character {
        '\\' if form == Form::Value => out.push_str("\\\\"),
        '<' if form == Form::Value && after.starts_with("U+") => out.push_str("\\<"),
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        '\0'..='\x1f' | '\x7f' => push_byte(out, character as u8),
        _ if is_printable(character) => out.push(character),
        _ => push_code_point(out, character),
    }
}

fn push_byte(out: &mut String, byte: u8) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    out.push_str("\\x");
    out.push(char::from(DIGITS[usize::from(byte >> 4)]));
    out.push(char::from(DIGITS[usize::from(byte & 15)]));
}

fn push_code_point(out: &mut String, character: char) {
    // Writing to a String cannot fail.
    let _ = write!(out, "<U+{:04X}>", u32::from(character));
}

/// Whether a character takes ink (or is the plain space) wherever it stands.
///
/// Unassigned, private, format and separator characters are those that the standard
/// library's `Debug` escapes. It escapes combining marks only at the start of a
/// string, hence the letter before.
fn is_printable(character: char) -> bool {
    if character.is_ascii() {
        return matches!(character, ' '..='~');
    }
    is_common(character) || takes_ink(character)
}

/// Whether a character is of the blocks that most text is of, all of which are printable: Latin, Hiragana, Katakana, CJK
/// ideographs, Hangul. The long way round takes some ten times as long.
fn is_common(character: char) -> bool {
    matches!(character,
        '\u{a1}'..='\u{ac}' | '\u{ae}'..='\u{24f}' | '\u{3041}'..='\u{3096}' | '\u{30a0}'..='\u{30ff}'
        | '\u{4e00}'..='\u{9fff}' | '\u{ac00}'..='\u{d7a3}')
}

fn takes_ink(character: char) -> bool {
    let mut buffer = [b'a', 0, 0, 0, 0];
    let length = character.encode_utf8(&mut buffer[1..]).len();
    let escaped =
        std::str::from_utf8(&buffer[..=length]).is_ok_and(|text| text.escape_debug().nth(1) != Some(character));
    !escaped && !is_default_ignorable(character)
}

/// Unicode's `Default_Ignorable_Code_Point` (`DerivedCoreProperties.txt`, 16.0), whose
/// members fonts draw as nothing, and the braille blank, which is drawn as nothing too.
fn is_default_ignorable(character: char) -> bool {
    matches!(character,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
        | '\u{ffa0}' | '\u{fff0}'..='\u{fff8}' | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readable_text_of_any_language_stays_as_it_is() {
        for text in ["plain text, 100% <b>", "žluťoučký kůň", "日本語", "😀", "e\u{301}\u{301}\u{301}"] {
            assert_eq!(visible_str(text), text);
            assert_eq!(visible_lines(text.as_bytes()), text);
        }
    }

    #[test]
    fn every_hidden_or_active_character_becomes_a_mark() {
        for (input, shown) in [
            (&b"\x1b[31mred\x1b[0m"[..], "\\x1b[31mred\\x1b[0m"),
            (b"a\nb\tc\rd", "a\\nb\\tc\\rd"),
            (b"\0\x07\x08\x7f", "\\x00\\x07\\x08\\x7f"),
            (b"\xff\xfe ok \xc3", "\\xff\\xfe ok \\xc3"),
            (b"\xc2\x9b31m", "<U+009B>31m"),
            ("a\u{202e}b\u{2066}c\u{200f}d\u{61c}".as_bytes(), "a<U+202E>b<U+2066>c<U+200F>d<U+061C>"),
            (
                "\u{200b}\u{200d}\u{feff}\u{ad}\u{3164}\u{fe0f}".as_bytes(),
                "<U+200B><U+200D><U+FEFF><U+00AD><U+3164><U+FE0F>",
            ),
            ("\u{2028}\u{2029}\u{a0}".as_bytes(), "<U+2028><U+2029><U+00A0>"),
            ("\u{e0041}\u{e000}\u{fffe}\u{e0fff}".as_bytes(), "<U+E0041><U+E000><U+FFFE><U+E0FFF>"),
            (b"\xed\xa0\x80", "\\xed\\xa0\\x80"),
        ] {
            assert_eq!(visible(input), shown);
        }
    }

    #[test]
    fn a_value_cannot_forge_a_mark() {
        assert_eq!(visible(b"\\x1b"), "\\\\x1b");
        assert_eq!(visible(b"<U+202E>"), "\\<U+202E>");
        assert_eq!(visible(b"C:\\new <U>"), "C:\\\\new <U>");
    }

    #[test]
    fn program_output_keeps_its_lines_tabs_and_backslashes_but_not_its_carriage_returns() {
        assert_eq!(visible_lines(b"a\\b\n\tc\r\x1b"), "a\\b\n\tc\\r\\x1b");
    }

    #[test]
    fn a_character_cut_by_chunks_is_shown_once_and_whole() {
        let text = "aé日😀\u{202e}z".as_bytes();
        for size in 1..text.len() {
            let mut stream = VisibleStream::new();
            let mut shown: String = text.chunks(size).map(|chunk| stream.push(chunk)).collect();
            shown += &stream.finish();
            assert_eq!(shown, "aé日😀<U+202E>z", "chunks of {size}");
        }
    }

    #[test]
    fn a_stream_shows_invalid_bytes_at_once_and_an_unfinished_character_at_its_end() {
        let mut stream = VisibleStream::new();
        assert_eq!(stream.push(b"a\xff"), "a\\xff");
        assert_eq!(stream.push(b"b\xe6\x97"), "b");
        assert_eq!(stream.push(b""), "");
        assert_eq!(stream.push(b"c\xf0\x9f\x98"), "\\xe6\\x97c");
        assert_eq!(stream.finish(), "\\xf0\\x9f\\x98");
        assert_eq!(stream.finish(), "");
    }

    #[test]
    fn pieces_tell_marks_from_text_that_reads_the_same() {
        let text = |text| Piece::Text(text);
        let mark = |mark: &str| Piece::Mark(mark.to_owned());
        let pieces: Vec<_> = visible_pieces("\\x1b\t\x1b[0m <U+202E>\u{202e}é\n".as_bytes()).collect();
        assert_eq!(pieces, [text("\\x1b\t"), mark("\\x1b"), text("[0m <U+202E>"), mark("<U+202E>"), text("é\n")]);
        assert_eq!(
            visible_pieces(b"a\xff\xfeb\xc3").collect::<Vec<_>>(),
            [text("a"), mark("\\xff"), mark("\\xfe"), text("b"), mark("\\xc3")]
        );
        assert_eq!(visible_pieces(b"").next(), None);
    }

    #[test]
    fn pieces_joined_are_what_visible_lines_shows_however_long_the_text() {
        let long = "日本\u{200b}é\x07 plain text \t".repeat(99) + &"e\u{301}".repeat(400) + &"z".repeat(1000);
        for bytes in [long.as_bytes(), &long.as_bytes()[1..], b"\xf0\x9f\x98", b"\xc2\x9b31m\r\n"] {
            let joined: String = visible_pieces(bytes).map(|piece| piece.as_str().to_owned()).collect();
            assert_eq!(joined, visible_lines(bytes));
        }
    }

    #[test]
    fn what_is_taken_as_common_is_printable() {
        let strays: Vec<_> = ('\0'..=char::MAX).filter(|c| is_common(*c) && !takes_ink(*c)).collect();
        assert!(strays.is_empty(), "{strays:?}");
    }

    #[test]
    fn no_code_point_passes_that_a_terminal_could_obey_or_hide() {
        for character in ('\0'..=char::MAX).filter(|c| c.is_control() || is_default_ignorable(*c)) {
            let shown = visible_str(&format!("x{character}y"));
            assert!(!shown.contains(character), "{:x}", u32::from(character));
        }
    }
}
