//! What the last analysis told of the text, as far as later changes left it true.

use crate::specimen::hidden::{Finding, Scan};
use crate::tui::highlight::{Analysis, TokenSpan};

use super::text::Change;

/// Tokens and hidden characters.
#[derive(Clone, Debug, Default)]
pub struct Known {
    tokens: Vec<Vec<TokenSpan>>,
    hidden: Scan,
    /// For each finding, its byte in its line.
    bytes: Vec<usize>,
}

impl Known {
    /// What an analysis tells of these lines.
    pub fn new(analysis: Analysis, lines: &[String]) -> Self {
        let bytes = bytes(&analysis.hidden.findings, lines);
        Self { tokens: analysis.tokens, hidden: analysis.hidden, bytes }
    }

    /// The tokens of a line, from 0.
    pub fn tokens(&self, line: usize) -> &[TokenSpan] {
        self.tokens.get(line).map_or(&[], Vec::as_slice)
    }

    /// The hidden characters.
    pub fn hidden(&self) -> &Scan {
        &self.hidden
    }

    /// The findings in a line, from 0, with their bytes in it.
    pub fn findings(&self, line: usize) -> impl Iterator<Item = (usize, &Finding)> {
        let found = &self.hidden.findings;
        let range =
            found.partition_point(|each| each.line <= line)..found.partition_point(|each| each.line <= line + 1);
        self.bytes[range.clone()].iter().copied().zip(&found[range])
    }

    /// Forgets what stood in lines that changed, and moves what is below them.
    pub fn follow(&mut self, change: &Change) {
        self.follow_tokens(change);
        let (first, end) = (change.first + 1, change.first + 1 + change.old);
        let before = self.hidden.findings.len();
        let findings = std::mem::take(&mut self.hidden.findings);
        let bytes = std::mem::take(&mut self.bytes);
        for (mut finding, byte) in findings.into_iter().zip(bytes) {
            if finding.line >= end {
                finding.line = finding.line - change.old + change.new;
            } else if finding.line > first || finding.line == first && byte >= change.kept {
                continue;
            }
            self.hidden.findings.push(finding);
            self.bytes.push(byte);
        }
        self.hidden.total -= before - self.hidden.findings.len();
    }

    fn follow_tokens(&mut self, change: &Change) {
        let end = (change.first + change.old).min(self.tokens.len());
        if change.first >= end {
            return;
        }
        let mut kept = std::mem::take(&mut self.tokens[change.first]);
        let mut length = 0;
        kept.retain(|span| {
            length += span.length;
            length <= change.kept
        });
        let new = std::iter::once(kept).chain(std::iter::repeat_n(Vec::new(), change.new - 1));
        self.tokens.splice(change.first..end, new);
    }
}

/// The byte of each finding in its line; the scan counts in characters.
fn bytes(findings: &[Finding], lines: &[String]) -> Vec<usize> {
    let mut bytes = Vec::with_capacity(findings.len());
    for run in findings.chunk_by(|one, next| one.line == next.line) {
        let line = run[0].line.checked_sub(1).and_then(|line| lines.get(line)).map_or("", String::as_str);
        let mut characters = line.char_indices().map(|(byte, _)| byte).enumerate();
        for finding in run {
            let found = characters.find(|(column, _)| column + 1 == finding.column);
            bytes.push(found.map_or(line.len(), |(_, byte)| byte));
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::specimen::hidden;
    use crate::tui::theme::Token;

    fn known(text: &str) -> Known {
        let lines: Vec<String> = text.split('\n').map(str::to_owned).collect();
        let span = |length| TokenSpan { length, token: Token::Comment };
        let tokens = lines.iter().map(|line| vec![span(1), span(line.len() - 1)]).collect();
        Known::new(Analysis { revision: 0, tokens, hidden: hidden::scan(text.as_bytes()) }, &lines)
    }

    #[test]
    fn what_stands_before_and_below_a_change_is_kept_and_moved() {
        let mut known = known("a\u{200b}b\u{200b}\nccc\nddd\n\u{200b}");
        assert_eq!(known.hidden().total, 3);
        known.follow(&Change { first: 0, old: 2, new: 5, kept: 4 });
        assert_eq!(known.hidden().findings.iter().map(|each| each.line).collect::<Vec<_>>(), [1, 7]);
        assert_eq!(known.hidden().total, 2);
        assert_eq!(known.findings(0).map(|(byte, _)| byte).collect::<Vec<_>>(), [1]);
        assert_eq!(known.findings(6).count(), 1);
        let lengths = |line| known.tokens(line).iter().map(|span| span.length).collect::<Vec<_>>();
        assert_eq!(lengths(0), [1], "the token that the change begins in is not known any more");
        assert_eq!([lengths(1), lengths(4)], [[0; 0], [0; 0]]);
        assert_eq!(lengths(5), [1, 2]);
    }

    #[test]
    fn an_analysis_of_fewer_lines_than_the_text_has_is_no_harm() {
        let mut known = known("aa");
        known.follow(&Change { first: 7, old: 1, new: 3, kept: 0 });
        known.follow(&Change { first: 0, old: 9, new: 1, kept: 0 });
        assert!(known.tokens(0).is_empty() && known.tokens(8).is_empty());
    }

    #[test]
    fn a_finding_is_found_by_its_byte_behind_wide_characters() {
        let known = known("日本x\u{202e}y\u{200b}");
        assert_eq!(known.findings(0).map(|(byte, _)| byte).collect::<Vec<_>>(), [7, 11]);
    }
}
