//! What a syntax's scopes mean: `string.quoted.single.python` is a string.

use std::collections::HashMap;

use syntect::parsing::{Scope, ScopeStack};

use crate::tui::theme::Token;

/// Scopes and their tokens; the first row that begins a scope's name, up to a dot, counts. A scope without a row says
/// nothing, and the one around it is asked.
const MEANINGS: [(&str, Token); 58] = [
    ("comment", Token::Comment),
    ("punctuation.definition.comment", Token::Comment),
    ("markup.quote", Token::Comment),
    ("constant.character.escape", Token::Escape),
    ("constant.other.placeholder", Token::Escape),
    ("constant.numeric", Token::Number),
    ("punctuation.separator.decimal", Token::Number),
    ("punctuation.definition.numeric", Token::Number),
    ("constant", Token::Constant),
    ("support.constant", Token::Constant),
    ("entity.name.constant", Token::Constant),
    ("variable.other.constant", Token::Constant),
    ("string", Token::String),
    ("punctuation.definition.string", Token::String),
    ("markup.raw", Token::String),
    ("markup.underline.link", Token::String),
    ("keyword.operator", Token::Operator),
    ("keyword", Token::Keyword),
    ("punctuation.definition.keyword", Token::Keyword),
    ("storage", Token::Keyword),
    ("entity.name.tag", Token::Keyword),
    ("markup.heading", Token::Keyword),
    ("punctuation.definition.heading", Token::Keyword),
    // Within a decorator even a function's name is part of the decorator; its arguments are not.
    ("variable.annotation", Token::Attribute),
    ("meta.annotation.arguments", Token::Plain),
    ("meta.annotation.parameters", Token::Plain),
    ("meta.annotation", Token::Attribute),
    ("punctuation.definition.annotation", Token::Attribute),
    ("punctuation.definition.decorator", Token::Attribute),
    ("entity.other.attribute-name", Token::Attribute),
    ("meta.preprocessor", Token::Attribute),
    ("entity.name.function", Token::Function),
    ("variable.function", Token::Function),
    ("support.function", Token::Function),
    ("support.macro", Token::Function),
    ("entity.name.macro", Token::Function),
    ("entity.name.namespace", Token::Module),
    ("entity.name.module", Token::Module),
    ("entity.name.package", Token::Module),
    ("support.module", Token::Module),
    ("meta.statement.import", Token::Module),
    ("meta.import-name", Token::Module),
    ("meta.import-path", Token::Module),
    ("meta.import-source", Token::Module),
    ("variable", Token::Variable),
    ("support.variable", Token::Variable),
    ("entity.name.variable", Token::Variable),
    ("punctuation.definition.variable", Token::Variable),
    ("support.type", Token::Type),
    ("support.class", Token::Type),
    ("support", Token::Function),
    ("entity.name", Token::Type),
    ("entity.other.inherited-class", Token::Type),
    ("punctuation", Token::Punctuation),
    // Code within a string is code again.
    ("meta.interpolation", Token::Plain),
    ("meta.template.expression", Token::Plain),
    ("source", Token::Plain),
    ("text", Token::Plain),
];

/// The meanings of the scopes met so far.
#[derive(Debug, Default)]
pub(super) struct Meanings(HashMap<Scope, Option<Token>>);

impl Meanings {
    /// What text within these scopes is: the innermost scope that says something decides.
    pub fn token(&mut self, stack: &ScopeStack) -> Token {
        let of = |scope: &Scope| *self.0.entry(*scope).or_insert_with(|| meaning(&scope.build_string()));
        stack.scopes.iter().rev().find_map(of).unwrap_or(Token::Plain)
    }
}

fn meaning(scope: &str) -> Option<Token> {
    let begins = |prefix: &str| scope.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
    MEANINGS.into_iter().find(|(prefix, _)| begins(prefix)).map(|(_, token)| token)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_means_what_its_first_row_says() {
        for (scope, token) in [
            ("constant.character.escape.python", Some(Token::Escape)),
            ("constant.language.python", Some(Token::Constant)),
            ("keyword.operator.comparison.python", Some(Token::Operator)),
            ("keyword.control.flow.js", Some(Token::Keyword)),
            ("meta.annotation.arguments.python", Some(Token::Plain)),
            ("stringy.python", None),
            ("meta.function.python", None),
        ] {
            assert_eq!(meaning(scope), token, "{scope}");
        }
    }

    #[test]
    fn a_row_that_an_earlier_one_hides_would_never_be_read() {
        for (at, (prefix, _)) in MEANINGS.iter().enumerate() {
            let first = MEANINGS.iter().position(|(row, _)| {
                prefix.strip_prefix(row).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
            });
            assert_eq!(first, Some(at), "{prefix}");
        }
    }
}
