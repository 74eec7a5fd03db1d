//! A text that was read line by line, and is read again only from where it changed to where that no longer matters.

use std::time::Instant;

use syntect::parsing::{ParseState, ScopeStack, SyntaxReference, SyntaxSet};

use super::TokenSpan;
use super::scopes::Meanings;
use crate::tui::theme::Token;

/// About so many lines lie between two checkpoints.
const EVERY: usize = 32;

/// What is known between two lines: within what the next one stands.
#[derive(Clone, Debug, PartialEq)]
struct State {
    parse: ParseState,
    scopes: ScopeStack,
}

/// The state before a line.
#[derive(Debug)]
struct Checkpoint {
    line: usize,
    state: State,
}

/// A text that was read.
#[derive(Debug)]
pub(super) struct Parsed {
    syntax: String,
    /// The whole text.
    lines: Vec<String>,
    /// Of the lines that were read.
    tokens: Vec<Vec<TokenSpan>>,
    /// The state before the first line.
    start: State,
    checkpoints: Vec<Checkpoint>,
    /// The state behind the last line that was read, where it is known.
    end: Option<State>,
}

/// What was read of a text's last lines, when they still end the text that takes its place.
struct Tail {
    /// How many lines the two texts have in common at their ends.
    same: usize,
    /// How many lines the old text had.
    count: usize,
    /// The old line that `tokens` begins with.
    first: usize,
    tokens: Vec<Vec<TokenSpan>>,
    checkpoints: Vec<Checkpoint>,
    end: Option<State>,
}

impl Parsed {
    /// A text of which nothing was read.
    pub fn nothing(syntax: &SyntaxReference) -> Self {
        let start = State { parse: ParseState::new(syntax), scopes: ScopeStack::new() };
        Self {
            syntax: syntax.name.clone(),
            lines: Vec::new(),
            tokens: Vec::new(),
            checkpoints: Vec::new(),
            end: Some(start.clone()),
            start,
        }
    }

    /// Whether it was read by that syntax.
    pub fn is_by(&self, syntax: &SyntaxReference) -> bool {
        self.syntax == syntax.name
    }

    /// The tokens of the lines that were read.
    pub fn tokens(&self) -> &[Vec<TokenSpan>] {
        &self.tokens
    }

    /// Reads another text in its place: the first `limit` lines, or as many as there is time for.
    pub fn read(&mut self, lines: &[String], limit: usize, reader: &mut Reader<'_>) {
        let mut tail = self.cut(lines, limit);
        while self.tokens.len() < limit {
            let mut state = self.end.take().unwrap_or_else(|| self.rewind());
            let at = self.tokens.len();
            if let Some(met) = tail.as_ref().and_then(|tail| tail.meet(lines.len() - at, &state))
                && let Some(tail) = tail.take()
            {
                self.splice(tail, met, limit);
                continue;
            }
            if reader.is_late() {
                self.end = Some(state);
                break;
            }
            if at >= self.last_known().0 + EVERY {
                self.checkpoints.push(Checkpoint { line: at, state: state.clone() });
            }
            let Some(spans) = reader.line(&mut state, &lines[at]) else {
                break;
            };
            self.tokens.push(spans);
            self.end = Some(state);
        }
        lines.clone_into(&mut self.lines);
    }

    /// Keeps what was read up to the last checkpoint before the first line that differs, and gives the rest.
    fn cut(&mut self, lines: &[String], limit: usize) -> Option<Tail> {
        let head = same(self.lines.iter().zip(lines));
        let known = head.min(limit);
        if known >= self.tokens.len() {
            return None;
        }
        let checkpoints = self.checkpoints.split_off(self.checkpoints.partition_point(|point| point.line <= known));
        let first = self.last_known().0;
        let most = self.lines.len().min(lines.len()) - head;
        Some(Tail {
            same: same(self.lines.iter().rev().zip(lines.iter().rev()).take(most)),
            count: self.lines.len(),
            first,
            tokens: self.tokens.split_off(first),
            checkpoints,
            end: self.end.take(),
        })
    }

    /// The last line before which the state is known, and that state.
    fn last_known(&self) -> (usize, &State) {
        self.checkpoints.last().map_or((0, &self.start), |point| (point.line, &point.state))
    }

    /// Forgets the lines behind the last known state, and gives that.
    fn rewind(&mut self) -> State {
        let (line, state) = self.last_known();
        let state = state.clone();
        self.tokens.truncate(line);
        state
    }

    /// Appends what was read behind a checkpoint of the old text.
    fn splice(&mut self, tail: Tail, checkpoint: usize, limit: usize) {
        let new = self.tokens.len();
        let old = tail.checkpoints[checkpoint].line;
        let moved = |point: Checkpoint| Checkpoint { line: point.line - old + new, ..point };
        self.tokens.extend(tail.tokens.into_iter().skip(old - tail.first));
        self.checkpoints.extend(tail.checkpoints.into_iter().skip(checkpoint).map(moved));
        self.end = tail.end.filter(|_| self.tokens.len() <= limit);
        self.tokens.truncate(limit);
        self.checkpoints.retain(|point| point.line <= limit);
        // Edit after edit would lay them ever closer.
        self.checkpoints.dedup_by(|point, before| point.line - before.line < EVERY / 2);
    }
}

impl Tail {
    /// The checkpoint at which the old text went on as the new one does, so many lines before the end.
    fn meet(&self, left: usize, state: &State) -> Option<usize> {
        let line = self.count.checked_sub(left).filter(|_| left <= self.same)?;
        let found = self.checkpoints.binary_search_by_key(&line, |point| point.line).ok()?;
        (self.checkpoints[found].state == *state).then_some(found)
    }
}

/// How many pairs are equal, from the first on.
fn same<'a>(pairs: impl Iterator<Item = (&'a String, &'a String)>) -> usize {
    pairs.take_while(|(old, new)| old == new).count()
}

/// What reads one line after the other.
#[derive(Debug)]
pub(super) struct Reader<'a> {
    syntaxes: &'a SyntaxSet,
    meanings: &'a mut Meanings,
    until: Instant,
    /// The line with its newline, which the syntaxes expect.
    text: String,
}

impl<'a> Reader<'a> {
    /// Reads until then.
    pub fn new(syntaxes: &'a SyntaxSet, meanings: &'a mut Meanings, until: Instant) -> Self {
        Self { syntaxes, meanings, until, text: String::new() }
    }

    fn is_late(&self) -> bool {
        Instant::now() >= self.until
    }

    /// The tokens of a line, and the state behind it; `None` where the syntax is at its wits' end.
    fn line(&mut self, state: &mut State, line: &str) -> Option<Vec<TokenSpan>> {
        self.text.clear();
        self.text.push_str(line);
        self.text.push('\n');
        let mut spans = Vec::new();
        let mut done = 0;
        for (at, change) in state.parse.parse_line(&self.text, self.syntaxes).ok()? {
            // What a pattern captured ahead of its own end makes places go back.
            let at = at.clamp(done, line.len());
            self.push(&mut spans, &line[done..at], &state.scopes);
            state.scopes.apply(&change).ok()?;
            done = at;
        }
        self.push(&mut spans, &line[done..], &state.scopes);
        Some(spans)
    }

    fn push(&mut self, spans: &mut Vec<TokenSpan>, text: &str, scopes: &ScopeStack) {
        let Some(first) = text.chars().next() else {
            return;
        };
        let token = match self.meanings.token(scopes) {
            // `and`, `typeof`.
            Token::Operator if first.is_alphabetic() => Token::Keyword,
            token => token,
        };
        match spans.last_mut() {
            Some(last) if last.token == token => last.length += text.len(),
            _ => spans.push(TokenSpan { length: text.len(), token }),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// Not what reading would give: a line that has it was not read again.
    const KNOWN: TokenSpan = TokenSpan { length: 4, token: Token::Escape };

    /// How many lines from the first on, and from the last on, are not read again when a text of 500 is changed.
    fn kept(limit: usize, change: impl FnOnce(&mut Vec<String>)) -> (usize, usize) {
        let syntaxes = SyntaxSet::load_defaults_newlines();
        let mut meanings = Meanings::default();
        let mut reader = Reader::new(&syntaxes, &mut meanings, Instant::now() + Duration::from_mins(10));
        let mut lines: Vec<_> = (0..500).map(|line| format!("pass # {line}")).collect();
        let mut parsed = Parsed::nothing(syntaxes.find_syntax_by_extension("py").unwrap());
        parsed.read(&lines, limit.min(lines.len()), &mut reader);
        parsed.tokens.fill(vec![KNOWN]);
        change(&mut lines);
        let limit = limit.min(lines.len());
        parsed.read(&lines, limit, &mut reader);
        assert_eq!(parsed.tokens.len(), limit);
        assert!(parsed.checkpoints.is_sorted_by(|one, other| one.line + EVERY / 2 <= other.line));
        let known = |spans: &&Vec<TokenSpan>| **spans == [KNOWN];
        (parsed.tokens.iter().take_while(known).count(), parsed.tokens.iter().rev().take_while(known).count())
    }

    #[test]
    fn only_what_stands_between_two_checkpoints_around_a_change_is_read_again() {
        assert_eq!(kept(900, |lines| lines[100] = "x = 1".to_owned()), (96, 500 - 128));
        assert_eq!(kept(900, |lines| lines.insert(100, String::new())), (96, 500 - 128));
        assert_eq!(kept(900, |lines| drop(lines.drain(90..110))), (64, 500 - 128));
        assert_eq!(kept(900, |_| ()), (500, 500));
    }

    #[test]
    fn a_text_that_goes_on_is_read_on() {
        assert_eq!(kept(900, |lines| lines.extend(["x".to_owned(), "y".to_owned()])), (500, 0));
        assert_eq!(kept(900, |lines| lines.insert(0, "x".to_owned())), (0, 500 - 32));
    }

    #[test]
    fn a_change_that_never_ends_is_read_to_the_end() {
        assert_eq!(kept(900, |lines| lines[100] = "'''".to_owned()), (96, 0));
    }

    #[test]
    fn what_is_moved_beyond_the_limit_is_forgotten_and_what_comes_within_it_is_read() {
        assert_eq!(kept(300, |lines| lines.insert(100, String::new())), (96, 300 - 129));
        assert_eq!(kept(300, |lines| drop(lines.remove(100))), (96, 0));
    }
}
