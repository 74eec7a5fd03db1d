//! A line of the specimen, cut to the cells that are in sight, with what each piece of it means.

use std::borrow::Cow;
use std::ops::Range;

use ratatui::style::Style;

use crate::specimen::hidden::HiddenKind;
use crate::tui::editor::{Editor, Glyph, Glyphs, stands_alone};
use crate::tui::highlight::TokenSpan;
use crate::tui::theme::{Role, Theme, Token};

/// What a piece of text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// Source code.
    Token(Token),
    /// What is not as it reads, or is not of the text.
    Role(Role),
}

/// What a piece of text means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Meaning {
    /// What it is.
    pub look: Look,
    /// It matches the search.
    pub matched: bool,
    /// The cursor is on it.
    pub cursor: bool,
}

/// Text of one meaning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// The text, safe to show.
    pub text: String,
    /// What it means.
    pub meaning: Meaning,
}

impl Meaning {
    fn plain(look: Look) -> Self {
        Self { look, matched: false, cursor: false }
    }

    /// Its style.
    pub fn style(self, theme: &Theme) -> Style {
        let base = match self.look {
            Look::Token(token) => theme.token(token),
            Look::Role(role) => theme.style(role),
        };
        let matched = if self.matched { base.patch(theme.style(Role::Match)) } else { base };
        if self.cursor { matched.patch(theme.style(Role::Cursor)) } else { matched }
    }
}

/// What is known of a line.
#[derive(Clone, Copy, Debug)]
pub struct Line<'a> {
    /// The line as it is: never print it.
    pub text: &'a str,
    /// Its tokens.
    pub tokens: &'a [TokenSpan],
    /// The bytes that the search matches.
    pub matches: &'a [Range<usize>],
    /// Where `\xff` stands for a byte.
    pub byte_marks: &'a [Range<usize>],
    /// The bytes at which look-alikes begin.
    pub look_alikes: &'a [usize],
    /// The byte of the cursor, where it is to be seen.
    pub cursor: Option<usize>,
}

impl Line<'_> {
    /// The pieces of a line, from 0, of a text.
    pub fn pieces_of(editor: &Editor, line: usize, cursor: Option<usize>, cells: Range<usize>) -> Vec<Piece> {
        let look_alike = |(byte, kind)| (kind == HiddenKind::LookAlike).then_some(byte);
        let found = editor.findings(line).map(|(byte, finding)| (byte, finding.kind));
        let look_alikes: Vec<usize> = found.filter_map(look_alike).collect();
        let line = Line {
            text: editor.lines().get(line).map_or("", String::as_str),
            tokens: editor.tokens(line),
            matches: editor.matches(line),
            byte_marks: editor.byte_marks(line),
            look_alikes: &look_alikes,
            cursor,
        };
        line.pieces(cells)
    }

    /// Its pieces in these cells; `‹` and `›` say that it goes on.
    pub fn pieces(&self, cells: Range<usize>) -> Vec<Piece> {
        let glyphs: Vec<_> =
            Glyphs::from_cell(self.text, cells.start).take_while(|glyph| glyph.cell < cells.end).collect();
        let room = cells.len() > 2;
        let cut_left = room && cells.start > 0 && !self.text.is_empty();
        let cut_right = room && glyphs.last().is_some_and(|last| self.goes_on(last, cells.end));
        let sight = cells.start + usize::from(cut_left)..cells.end - usize::from(cut_right);

        let mut pieces = Pieces::default();
        if cut_left {
            pieces.push("‹", Meaning::plain(Look::Role(Role::Muted)));
        }
        let mut tokens = Tokens::new(self.tokens);
        for glyph in &glyphs {
            pieces.push(&visible_part(glyph, &sight), self.meaning(glyph, &mut tokens));
        }
        let end = glyphs.last().map_or_else(|| Glyphs::from_cell(self.text, cells.start).cell(), Glyph::end);
        if self.cursor == Some(self.text.len()) && sight.contains(&end) {
            pieces.push(" ", Meaning { cursor: true, ..Meaning::plain(Look::Token(Token::Plain)) });
        }
        if cut_right {
            pieces.push("›", Meaning::plain(Look::Role(Role::Muted)));
        }
        pieces.all
    }

    fn goes_on(&self, last: &Glyph<'_>, end: usize) -> bool {
        last.end() > end || last.end() == end && last.bytes.end < self.text.len()
    }

    fn meaning(&self, glyph: &Glyph<'_>, tokens: &mut Tokens<'_>) -> Meaning {
        let bytes = &glyph.bytes;
        let look_alike = self.look_alikes.iter().any(|byte| bytes.contains(byte));
        let look = if glyph.mark || look_alike || overlaps(self.byte_marks, bytes) {
            Look::Role(Role::Mark)
        } else {
            Look::Token(tokens.at(bytes.start))
        };
        let cursor = self.cursor.is_some_and(|byte| bytes.contains(&byte));
        Meaning { look, matched: overlaps(self.matches, bytes), cursor }
    }
}

/// Pieces in the making.
#[derive(Default)]
struct Pieces {
    all: Vec<Piece>,
    /// More can join the last one: next to each other, some characters would become one.
    open: bool,
}

impl Pieces {
    fn push(&mut self, text: &str, meaning: Meaning) {
        if text.is_empty() {
            return;
        }
        let joins = stands_alone(text);
        match self.all.last_mut() {
            Some(last) if self.open && joins && last.meaning == meaning => last.text.push_str(text),
            _ => self.all.push(Piece { text: text.to_owned(), meaning }),
        }
        self.open = joins;
    }
}

/// Whether any of the ranges, which are in order and apart, has a byte of this one.
fn overlaps(ranges: &[Range<usize>], bytes: &Range<usize>) -> bool {
    let next = ranges.partition_point(|range| range.end <= bytes.start);
    ranges.get(next).is_some_and(|range| range.start < bytes.end)
}

/// What of a glyph is in sight: a part of a wide character is blank.
fn visible_part<'a>(glyph: &'a Glyph<'_>, sight: &Range<usize>) -> Cow<'a, str> {
    let part = glyph.cell.max(sight.start)..glyph.end().min(sight.end);
    if part.is_empty() {
        Cow::Borrowed("")
    } else if part.len() == glyph.width {
        Cow::Borrowed(&glyph.text)
    } else if glyph.text.is_ascii() {
        Cow::Borrowed(&glyph.text[part.start - glyph.cell..part.end - glyph.cell])
    } else {
        Cow::Owned(" ".repeat(part.len()))
    }
}

/// Tokens looked up from left to right.
struct Tokens<'a> {
    rest: std::slice::Iter<'a, TokenSpan>,
    token: Token,
    end: usize,
}

impl<'a> Tokens<'a> {
    fn new(spans: &'a [TokenSpan]) -> Self {
        Self { rest: spans.iter(), token: Token::Plain, end: 0 }
    }

    fn at(&mut self, byte: usize) -> Token {
        while byte >= self.end {
            let Some(span) = self.rest.next() else {
                return Token::Plain;
            };
            self.token = span.token;
            self.end += span.length;
        }
        self.token
    }
}
