//! The bytes that were read, and how they can be shown as text.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::text::visible_lines;

/// The most bytes that can be typed into: each key costs time in proportion.
pub const MOST_BYTES: usize = 4 << 20;

/// Bytes as text.
#[derive(Clone, Debug)]
pub struct Source {
    /// The text; bytes that are not UTF-8 as `\xff`.
    pub text: String,
    /// For each line, from 0, where such bytes stand in for others.
    pub marks: BTreeMap<usize, Vec<Range<usize>>>,
    /// Why it cannot be typed into.
    pub read_only: Option<&'static str>,
}

impl Source {
    /// Reads bytes.
    pub fn of(bytes: &[u8]) -> Self {
        match std::str::from_utf8(bytes) {
            Ok(text) => {
                let read_only = (bytes.len() > MOST_BYTES).then_some("more than 4 MiB");
                Self { text: text.to_owned(), marks: BTreeMap::new(), read_only }
            }
            Err(_) => Self::of_other(bytes),
        }
    }

    fn of_other(bytes: &[u8]) -> Self {
        let mut text = String::with_capacity(bytes.len());
        let mut marks = BTreeMap::<usize, Vec<Range<usize>>>::new();
        let (mut line, mut line_start) = (0, 0);
        for chunk in bytes.utf8_chunks() {
            if let Some(end) = chunk.valid().rfind('\n') {
                line += chunk.valid().matches('\n').count();
                line_start = text.len() + end + 1;
            }
            text.push_str(chunk.valid());
            let start = text.len() - line_start;
            text.push_str(&visible_lines(chunk.invalid()));
            let range = start..text.len() - line_start;
            let of_line = marks.entry(line).or_default();
            match of_line.last_mut() {
                Some(last) if last.end == range.start => last.end = range.end,
                _ if range.is_empty() => {}
                _ => of_line.push(range),
            }
        }
        Self { text, marks, read_only: Some("not UTF-8") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_are_not_utf8_are_shown_and_known_to_be_marks() {
        let source = Source::of(b"a\\xff\xff\xfe\xc3b\r\n\x1bok\n\xff");
        assert_eq!(source.text, "a\\xff\\xff\\xfe\\xc3b\r\n\x1bok\n\\xff");
        assert_eq!(source.read_only, Some("not UTF-8"));
        assert_eq!(source.marks[&0], vec![5..17], "and the four characters before them are not");
        assert_eq!(source.marks[&2], vec![0..4]);
    }

    #[test]
    fn four_mebibytes_can_be_typed_into_and_a_byte_more_cannot() {
        assert_eq!(Source::of(&vec![b'x'; MOST_BYTES]).read_only, None);
        assert_eq!(Source::of(&vec![b'x'; MOST_BYTES + 1]).read_only, Some("more than 4 MiB"));
    }
}
