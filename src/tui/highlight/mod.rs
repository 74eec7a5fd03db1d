//! What the specimen's text says by itself: its tokens, and the characters that hide.

mod parsed;
mod scopes;
#[cfg(test)]
mod tests;

use std::time::{Duration, Instant};

use syntect::parsing::{SyntaxReference, SyntaxSet};

use self::parsed::{Parsed, Reader};
use self::scopes::Meanings;
use super::theme::Token;
use crate::specimen::hidden::{self, Scan};

/// The longest line that is read, in bytes. The time a line takes grows faster than its length.
const LONGEST_LINE: usize = 4 << 10;
/// The most text that is read, in bytes.
const MOST_BYTES: usize = 512 << 10;
/// The most lines that are read.
const MOST_LINES: usize = 20_000;
/// How long one analysis reads. A line that is being read is read to its end.
const BUDGET: Duration = Duration::from_millis(1500);

/// A run of bytes of one line that are one kind of token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenSpan {
    /// How many bytes of the line.
    pub length: usize,
    /// What they are.
    pub token: Token,
}

/// The analysis of one revision of the text.
#[derive(Clone, Debug)]
pub struct Analysis {
    /// Of which text.
    pub revision: u64,
    /// For each line, its tokens, which cover it.
    pub tokens: Vec<Vec<TokenSpan>>,
    /// Hidden characters.
    pub hidden: Scan,
}

/// Reads texts, each on top of the one before: what has not changed is not read again. It works for up to
/// two seconds at a time, so it belongs on a thread of its own.
#[derive(Debug)]
pub struct Analyser {
    syntaxes: SyntaxSet,
    meanings: Meanings,
    budget: Duration,
    last: Option<Parsed>,
}

impl Analyser {
    /// Loads the syntaxes, which takes some tens of milliseconds.
    pub fn new() -> Self {
        Self {
            syntaxes: SyntaxSet::load_defaults_newlines(),
            meanings: Meanings::default(),
            budget: BUDGET,
            last: None,
        }
    }

    /// The tokens of a text and the characters that hide in it. `language` is a name of the table of languages;
    /// where it is none that is known here, the first line tells, and where that does not tell, all is plain.
    ///
    /// A specimen can be made to be slow to read. From the first line on that is longer than 4 KiB, that is beyond
    /// 512 KiB or 20,000 lines, or that is reached after a second and a half, all is plain: behind a line that
    /// was not read nobody knows what is code and what is inside a string, and a wrong colour would mislead. What time
    /// was short for is read by the next analysis. Hidden characters are looked for in the whole text.
    pub fn analyse(&mut self, revision: u64, lines: &[String], language: Option<&str>) -> Analysis {
        let first = lines.first().map_or("", String::as_str);
        let syntax = syntax(&self.syntaxes, language, first);
        self.last = syntax.map(|syntax| {
            let last = self.last.take().filter(|last| last.is_by(syntax));
            let mut parsed = last.unwrap_or_else(|| Parsed::nothing(syntax));
            let mut reader = Reader::new(&self.syntaxes, &mut self.meanings, Instant::now() + self.budget);
            parsed.read(lines, readable(lines), &mut reader);
            parsed
        });
        let mut tokens = self.last.as_ref().map_or_else(Vec::new, |parsed| parsed.tokens().to_vec());
        tokens.extend(lines[tokens.len()..].iter().map(|line| plain(line)));
        Analysis { revision, tokens, hidden: hidden::scan(lines.join("\n").as_bytes()) }
    }
}

/// The syntax of a language; `None` for plain text.
fn syntax<'a>(syntaxes: &'a SyntaxSet, language: Option<&str>, first_line: &str) -> Option<&'a SyntaxReference> {
    let by_name = |name: &str| match name.to_ascii_lowercase().as_str() {
        "python" | "python3" | "pypy" => syntaxes.find_syntax_by_name("Python"),
        "shell" | "sh" | "bash" | "dash" | "ash" | "ksh" | "zsh" => syntaxes.find_syntax_by_extension("bash"),
        "javascript" | "node" | "nodejs" | "deno" | "bun" => syntaxes.find_syntax_by_name("JavaScript"),
        other => syntaxes.find_syntax_by_token(other),
    };
    let by_first_line = || {
        let line = &first_line[..first_line.floor_char_boundary(LONGEST_LINE)];
        syntaxes.find_syntax_by_first_line(line)
    };
    let found = language.and_then(by_name).or_else(by_first_line)?;
    (found.name != syntaxes.find_syntax_plain_text().name).then_some(found)
}

/// How many lines, from the first, are within what is read.
fn readable(lines: &[String]) -> usize {
    let mut bytes = 0;
    let within = |line: &&String| {
        bytes += line.len() + 1;
        line.len() <= LONGEST_LINE && bytes <= MOST_BYTES
    };
    lines.iter().take(MOST_LINES).take_while(within).count()
}

fn plain(line: &str) -> Vec<TokenSpan> {
    let span = TokenSpan { length: line.len(), token: Token::Plain };
    if line.is_empty() { Vec::new() } else { vec![span] }
}
