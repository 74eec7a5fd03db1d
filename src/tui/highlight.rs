//! What the specimen's text says by itself: its tokens, and the characters that hide.

use super::theme::Token;
use crate::specimen::hidden::Scan;

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
