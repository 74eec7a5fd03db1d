//! JSON that remembers where each value stands, so that a mistake can be pointed at.
//!
//! `serde_json` judges whether the text is JSON; what follows only walks text that is.

use std::fmt;

/// A place in a profile, as an editor counts: from 1, columns in characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The profile's file name or other label.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The column, from 1.
    pub column: usize,
}

impl Place {
    /// The place `offset` bytes into `text`.
    pub(super) fn of(file: &str, text: &str, offset: usize) -> Self {
        let before = text.get(..offset).unwrap_or(text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Self {
            file: file.to_owned(),
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

/// A value and the byte at which it begins.
#[derive(Debug)]
pub(super) struct Node {
    pub offset: usize,
    pub value: Value,
}

/// A JSON value.
#[derive(Debug)]
pub(super) enum Value {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool,
    /// A number; `None` when it is not a whole one from 0 to 2⁶⁴ − 1.
    Number(Option<u64>),
    Text(String),
    List(Vec<Node>),
    Map(Vec<Member>),
}

/// One `"key": value` of an object.
#[derive(Debug)]
pub(super) struct Member {
    pub offset: usize,
    pub key: String,
    pub node: Node,
}

impl Value {
    /// What to call this kind of value in a message.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool => "true or false",
            Self::Number(Some(_)) => "a number",
            Self::Number(None) => "a negative, fractional or too great number",
            Self::Text(_) => "a string",
            Self::List(_) => "a list",
            Self::Map(_) => "an object",
        }
    }
}

/// Why a text is not JSON, and where: line and column as `serde_json` counts them.
#[derive(Debug)]
pub(super) struct Malformed {
    pub line: usize,
    pub column: usize,
    pub what: String,
}

/// Reads `text`.
pub(super) fn read(text: &str) -> Result<Node, Malformed> {
    serde_json::from_str::<serde_json::Value>(text).map_err(|error| malformed(&error))?;
    Walker { text, at: 0 }.node()
}

fn malformed(error: &serde_json::Error) -> Malformed {
    let message = error.to_string();
    // serde_json ends its message with the place, which is said separately here.
    let what = message.split(" at line ").next().unwrap_or(&message);
    Malformed { line: error.line(), column: error.column().max(1), what: what.to_owned() }
}

struct Walker<'t> {
    text: &'t str,
    at: usize,
}

impl Walker<'_> {
    /// The next byte that is not white space.
    fn peek(&mut self) -> Option<u8> {
        let rest = &self.text.as_bytes()[self.at..];
        self.at += rest.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        self.text.as_bytes().get(self.at).copied()
    }

    fn node(&mut self) -> Result<Node, Malformed> {
        let first = self.peek();
        let offset = self.at;
        let value = match first {
            Some(b'{') => Value::Map(self.sequence(b'}', Self::member)?),
            Some(b'[') => Value::List(self.sequence(b']', Self::node)?),
            Some(b'"') => Value::Text(self.string()?),
            _ => self.word(),
        };
        Ok(Node { offset, value })
    }

    fn member(&mut self) -> Result<Member, Malformed> {
        self.peek();
        let offset = self.at;
        let key = self.string()?;
        self.peek();
        self.at += ":".len();
        let node = self.node()?;
        Ok(Member { offset, key, node })
    }

    /// The items between brackets, each read by `item`.
    fn sequence<T>(&mut self, close: u8, item: fn(&mut Self) -> Result<T, Malformed>) -> Result<Vec<T>, Malformed> {
        let mut items = Vec::new();
        self.at += 1;
        while self.peek().is_some_and(|byte| byte != close) {
            items.push(item(self)?);
            if self.peek() == Some(b',') {
                self.at += 1;
            }
        }
        self.at += 1;
        Ok(items)
    }

    fn string(&mut self) -> Result<String, Malformed> {
        let mut escaped = false;
        let body = self.text[self.at..].bytes().skip(1);
        let length = body
            .take_while(|byte| {
                let ends = *byte == b'"' && !escaped;
                escaped = *byte == b'\\' && !escaped;
                !ends
            })
            .count();
        let end = self.at + length + "\"\"".len();
        let literal = &self.text[self.at..end];
        self.at = end;
        serde_json::from_str(literal).map_err(|error| malformed(&error))
    }

    /// A number, `true`, `false` or `null`.
    fn word(&mut self) -> Value {
        let rest = &self.text[self.at..];
        let end = rest.find([',', ']', '}', ' ', '\n', '\r', '\t']);
        let word = &rest[..end.unwrap_or(rest.len())];
        self.at += word.len();
        match word {
            "null" => Value::Null,
            "true" | "false" => Value::Bool,
            number => Value::Number(number.parse().ok()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_knows_where_it_begins() {
        let text = "{ \"a\\\"b\": [1, -2, 1.5,\n null],\t\"é\": {\"k\":\"ü\\u0041\"} , \"t\":true}";
        let Value::Map(members) = read(text).unwrap().value else { panic!("an object was written") };
        let keys: Vec<_> = members.iter().map(|m| m.key.as_str()).collect();
        assert_eq!(keys, ["a\"b", "é", "t"]);
        let Value::List(items) = &members[0].node.value else { panic!("a list was written") };
        let kinds: Vec<_> = items.iter().map(|item| item.value.kind()).collect();
        let unusable = "a negative, fractional or too great number";
        assert_eq!(kinds, ["a number", unusable, unusable, "null"]);
        assert!(matches!(items[0].value, Value::Number(Some(1))));
        let place = Place::of("f", text, members[1].node.offset);
        assert_eq!(place.to_string(), "f:2:14");
        let Value::Map(inner) = &members[1].node.value else { panic!("an object was written") };
        assert!(matches!(&inner[0].node.value, Value::Text(text) if text == "üA"));
    }

    #[test]
    fn what_is_not_json_is_refused_before_it_is_walked() {
        for text in ["", "{", "[1,]", "{\"a\" 1}", "\"\\\"", "nul", "// no\n{}", "{} {}"] {
            assert!(read(text).is_err(), "{text}");
        }
        let deep = "[".repeat(100_000);
        assert!(read(&deep).unwrap_err().what.contains("recursion limit"));
    }
}
