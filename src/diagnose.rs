//! Helpers for error messages about files that people write: where a mistake
//! stands, and what its author probably meant.

use thiserror::Error;

/// A mistake in a file that people write, and where it stands.
#[derive(Debug, Error)]
#[error("{file}:{line}:{column}: {problem}")]
pub struct Placed {
    /// The file, made safe to print.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// What is wrong, and what is allowed.
    pub problem: String,
}

impl Placed {
    /// A mistake at a byte offset of the file's text.
    pub fn at(file: String, text: &str, byte_offset: usize, problem: String) -> Self {
        let (line, column) = position(text, byte_offset);
        Self { file, line, column, problem }
    }
}

/// The 1-based line and column (in characters) of a byte offset in `text`.
///
/// An offset beyond the end gives the position just after the last character;
/// one inside a character gives that character's position.
pub fn position(text: &str, byte_offset: usize) -> (usize, usize) {
    let before = &text[..text.floor_char_boundary(byte_offset)];
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let line = before.matches('\n').count() + 1;
    (line, before[line_start..].chars().count() + 1)
}

/// The candidate nearest to `word`, where one is near enough to be a slip of the
/// finger: at most a third of its letters, and three, inserted, left out, changed or swapped.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word: Vec<char> = word.to_lowercase().chars().collect();
    candidates
        .into_iter()
        .map(|candidate| (distance(&word, &candidate.to_lowercase().chars().collect::<Vec<_>>()), candidate))
        .filter(|(distance, candidate)| *distance <= (candidate.chars().count() / 3).clamp(1, 3))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// The end of a message about a wrong name: a suggestion where there is one,
/// then every allowed name.
///
/// ```
/// let hint = hotcell::diagnose::hint("polcy", &["engine", "policy"]);
/// assert_eq!(hint, "did you mean `policy`? allowed: engine, policy");
/// ```
pub fn hint(name: &str, allowed: &[&str]) -> String {
    let all = allowed.join(", ");
    match nearest(name, allowed.iter().copied()) {
        Some(meant) => format!("did you mean `{meant}`? allowed: {all}"),
        None => format!("allowed: {all}"),
    }
}

/// How many letters were inserted, left out, changed or swapped with their neighbour
/// (optimal string alignment).
fn distance(a: &[char], b: &[char]) -> usize {
    let mut before = vec![0; b.len() + 1];
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i; b.len() + 1];
        for j in 1..=b.len() {
            let changed = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            row[j] = changed.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                row[j] = row[j].min(before[j - 2] + 1);
            }
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_counts_lines_and_characters_from_one() {
        let text = "a = 1\nъъ = 2\n";
        assert_eq!(position(text, 0), (1, 1));
        assert_eq!(position(text, 4), (1, 5));
        assert_eq!(position(text, 6), (2, 1));
        assert_eq!(position(text, 8), (2, 2));
        assert_eq!(position(text, 9), (2, 2), "inside the second letter");
        assert_eq!(position(text, 999), (3, 1));
    }

    const NAMES: [&str; 4] = ["memory", "pids", "network", "caps"];

    #[test]
    fn a_slip_of_the_finger_is_recognised() {
        for (slip, meant) in
            [("memry", "memory"), ("netwrok", "network"), ("pid", "pids"), ("CAPS", "caps"), ("capss", "caps")]
        {
            assert_eq!(nearest(slip, NAMES), Some(meant), "{slip}");
        }
    }

    #[test]
    fn another_word_is_not_taken_for_a_slip() {
        for word in ["", "disk", "seccomp", "p"] {
            assert_eq!(nearest(word, NAMES), None, "{word}");
        }
    }

    #[test]
    fn a_typing_mistake_suggests_the_name_that_was_meant() {
        let names = ["engine", "image", "policy"];
        assert_eq!(nearest("polciy", names), Some("policy"));
        assert_eq!(nearest("imag", names), Some("image"));
        assert_eq!(nearest("Engine", names), Some("engine"));
    }

    #[test]
    fn an_unrelated_name_suggests_nothing() {
        assert_eq!(nearest("colour", ["engine", "image"]), None);
        assert_eq!(hint("colour", &["engine", "image"]), "allowed: engine, image");
    }
}
