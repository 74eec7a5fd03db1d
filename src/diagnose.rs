//! Helpers for error messages about files that people write: where a mistake
//! stands, and what its author probably meant.

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

/// The allowed name closest to a mistyped one, if any is close enough to be
/// what was meant: at most a third of its characters differ.
pub fn nearest<'a>(name: &str, allowed: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let most = (name.chars().count() / 3).max(1);
    allowed
        .into_iter()
        .map(|candidate| (edits(name, candidate), candidate))
        .filter(|(distance, _)| *distance <= most)
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

/// The number of characters to insert, delete, replace or swap with their
/// neighbour to turn `a` into `b` (optimal string alignment distance).
fn edits(a: &str, b: &str) -> usize {
    let a: Vec<char> = a.chars().collect();
    let b: Vec<char> = b.chars().collect();
    let mut table = vec![vec![0; b.len() + 1]; a.len() + 1];
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            table[i][j] = if i == 0 || j == 0 {
                i + j
            } else {
                let replaced = table[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
                let plain = replaced.min(table[i - 1][j] + 1).min(table[i][j - 1] + 1);
                let swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
                if swapped { plain.min(table[i - 2][j - 2] + 1) } else { plain }
            };
        }
    }
    table[a.len()][b.len()]
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
