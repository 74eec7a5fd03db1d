//! Letters that pass for others (CVE-2021-42694), judged word by word.
//!
//! Two kinds deceive. A letter of another script that looks like an ASCII one
//! (Unicode Technical Standard 39, confusable skeletons) makes two names look
//! the same. A compatibility letter (mathematical, full-width, superscript) is
//! read by Python as the ASCII one (NFKC, "Identifiers and keywords" of its
//! reference), so it hides a name from a search.

use std::collections::HashSet;

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;
use unicode_script::{Script, UnicodeScript};
use unicode_security::{GeneralSecurityProfile, skeleton};

use super::hidden::{HiddenKind, InLine};

/// The words of a specimen that are written in ASCII letters, as skeletons:
/// what a word wholly in another script could be mistaken for.
pub(super) struct AsciiWords(HashSet<String>);

impl AsciiWords {
    /// Collects them; empty where the whole text is ASCII and nothing can be mistaken.
    pub(super) fn collect(lines: &[Vec<char>]) -> Self {
        if lines.iter().flatten().all(char::is_ascii) {
            return Self(HashSet::new());
        }
        let words: HashSet<String> = lines
            .iter()
            .flat_map(|line| words(line))
            .filter(|(_, word)| word.iter().all(char::is_ascii))
            .map(|(_, word)| word.iter().collect())
            .collect();
        Self(words.iter().map(|word| skeleton(word).collect()).collect())
    }

    fn looks_like_one(&self, reading: &str) -> bool {
        self.0.contains(&skeleton(reading).collect::<String>())
    }
}

/// Whether the character is shown as nothing (Unicode property
/// `Default_Ignorable_Code_Point`, which a skeleton leaves out).
pub(super) fn is_ignorable(c: char) -> bool {
    skeleton(c.encode_utf8(&mut [0; 4])).next().is_none()
}

/// Every letter of a line that passes for another.
pub(super) fn in_line(line: &[char], ascii_words: &AsciiWords) -> Vec<InLine> {
    let mut found = Vec::new();
    if line.iter().all(char::is_ascii) {
        return found;
    }
    for (start, word) in words(line) {
        if word.iter().all(char::is_ascii) {
            continue;
        }
        let readings: Vec<Option<String>> = word.iter().map(|&c| reading(c)).collect();
        let whole: String =
            word.iter().zip(&readings).map(|(c, reading)| reading.clone().unwrap_or_else(|| c.to_string())).collect();
        let whole_passes = whole.is_ascii()
            && !has_ascii_letter(word)
            && ascii_words.looks_like_one(&whole)
            && !in_prose(line, start, word.len())
            && !is_quoted_letter(line, start, word.len());
        for (at, reading) in readings.iter().enumerate() {
            if let Some(reading) = reading
                && (whole_passes || deceives(word, &readings, at))
            {
                found.push((start + at, HiddenKind::LookAlike, describe(word[at], reading, &whole)));
            }
        }
    }
    // The Greek question mark is a semicolon to the eye and to normalisation.
    found.extend(
        line.iter()
            .enumerate()
            .filter(|(_, c)| **c == '\u{37e}')
            .map(|(at, c)| (at, HiddenKind::LookAlike, describe(*c, ";", ";"))),
    );
    found
}

fn describe(c: char, reading: &str, whole: &str) -> String {
    let script = c.script().full_name();
    let code = u32::from(c);
    if whole.is_ascii() && whole.len() > reading.len() {
        format!("{script} U+{code:04X} passes for `{reading}` in what reads as `{whole}`")
    } else {
        format!("{script} U+{code:04X} passes for `{reading}`")
    }
}

/// Runs of letters, digits, marks and underscores, with where each starts.
fn words(line: &[char]) -> impl Iterator<Item = (usize, &[char])> {
    let mut at = 0;
    line.chunk_by(|a, b| in_word(*a) == in_word(*b)).filter_map(move |run| {
        let start = at;
        at += run.len();
        in_word(run[0]).then_some((start, run))
    })
}

fn in_word(c: char) -> bool {
    c == '_' || c.is_alphanumeric() || (!c.is_ascii() && is_combining_mark(c))
}

fn has_ascii_letter(word: &[char]) -> bool {
    word.iter().any(char::is_ascii_alphabetic)
}

/// The ASCII text that a non-ASCII letter passes for.
fn reading(c: char) -> Option<String> {
    if c.is_ascii() || !c.is_alphabetic() {
        return None;
    }
    let folded = folded(c);
    if folded.is_ascii() {
        return Some(folded);
    }
    // Letters of Latin orthographies (the dotless i, ae, oe) are themselves.
    if c.script() == Script::Latin && c.identifier_allowed() {
        return None;
    }
    let shape: String = skeleton(&c.to_string()).collect();
    // Modifier apostrophes spell Ukrainian and Hawaiian.
    (shape.is_ascii() && !shape.contains(['\'', '`', '"', ' '])).then_some(shape)
}

/// What Python reads for this character in a name.
fn folded(c: char) -> String {
    std::iter::once(c).nfkc().collect()
}

/// Whether the letter at `at` is out of place in its word.
fn deceives(word: &[char], readings: &[Option<String>], at: usize) -> bool {
    let c = word[at];
    let ascii_before = at > 0 && word[at - 1].is_ascii_alphabetic();
    let ascii_after = word.get(at + 1).is_some_and(char::is_ascii_alphabetic);
    let (start, end) = segment(word, at);
    let part = &word[start..end];
    match c {
        // Ordinals end a word in Spanish and Italian: 1ª, nº.
        'ª' | 'º' => ascii_after,
        // Full-width letters and Roman numerals are ordinary in CJK text.
        '\u{ff21}'..='\u{ff5a}' | '\u{2160}'..='\u{217f}' => {
            !word.iter().any(|c| is_east_asian(c.script())) && (has_ascii_letter(part) || part.len() > 1)
        }
        // Alone, such a letter is a sign: ℹ, Ⓜ, ℯ.
        _ if folded(c).is_ascii() => part.len() > 1,
        _ => match c.script() {
            Script::Greek | Script::Cyrillic | Script::Armenian | Script::Coptic | Script::Cherokee | Script::Lisu => {
                let wholly_passes = readings[start..end].iter().all(Option::is_some);
                let symbol = part.len() == 1 && c.script() == Script::Greek && c.is_lowercase() && c != 'ο';
                has_ascii_letter(part) || (has_ascii_letter(word) && wholly_passes && !symbol)
            }
            Script::Latin => has_ascii_letter(word),
            // Other scripts share a word with Latin in honest prose (Hebrew
            // prefixes, Chinese without spaces), but never between its letters.
            _ => ascii_before && ascii_after,
        },
    }
}

/// The run of letters around `at`, between digits and underscores.
fn segment(word: &[char], at: usize) -> (usize, usize) {
    let is_break = |c: &char| *c == '_' || c.is_numeric() && !c.is_alphabetic();
    let start = word[..at].iter().rposition(is_break).map_or(0, |i| i + 1);
    let end = word[at..].iter().position(is_break).map_or(word.len(), |i| at + i);
    (start, end)
}

fn is_east_asian(script: Script) -> bool {
    matches!(script, Script::Han | Script::Hiragana | Script::Katakana | Script::Hangul | Script::Bopomofo)
}

/// Whether the word is one letter between quotes: an entry of a table of letters.
fn is_quoted_letter(line: &[char], start: usize, length: usize) -> bool {
    let quote = |c: Option<&char>| matches!(c, Some('\'' | '"'));
    length == 1 && quote(start.checked_sub(1).map(|i| &line[i])) && quote(line.get(start + 1))
}

/// Whether a blank and then a word of the same script stand beside this word:
/// it is part of a sentence.
fn in_prose(line: &[char], start: usize, length: usize) -> bool {
    let script = line[start].script();
    let same = |c: Option<&char>| c.is_some_and(|c| c.script() == script);
    let before =
        start.checked_sub(1).is_some_and(|i| line[i] == ' ') && same(line[..start].iter().rev().find(|c| **c != ' '));
    let end = start + length;
    let after = line.get(end) == Some(&' ') && same(line[end..].iter().find(|c| **c != ' '));
    before || after
}

#[cfg(test)]
mod tests {
    use crate::specimen::hidden::{HiddenKind, scan};

    /// The descriptions of the look-alikes of a text.
    fn found(text: &str) -> Vec<String> {
        scan(text.as_bytes())
            .findings
            .into_iter()
            .filter(|f| f.kind == HiddenKind::LookAlike)
            .map(|f| format!("{}:{} {}", f.line, f.column, f.what))
            .collect()
    }

    #[test]
    fn a_cyrillic_letter_in_an_ascii_word_is_found() {
        assert_eq!(found("if p\u{430}ypal:"), ["1:5 Cyrillic U+0430 passes for `a` in what reads as `paypal`"]);
        assert_eq!(found("user_\u{441}\u{43e}\u{440}\u{443}()").len(), 4);
    }

    #[test]
    fn a_word_wholly_in_another_script_is_found_where_it_doubles_an_ascii_name() {
        let text = "scope = 1\n\u{455}\u{441}\u{43e}\u{440}\u{435} = 2\n";
        assert_eq!(found(text).len(), 5);
        assert_eq!(found("x = 1\n\u{445} = 2\n"), ["2:1 Cyrillic U+0445 passes for `x`"]);
    }

    #[test]
    fn the_same_word_in_a_sentence_or_without_its_double_passes() {
        assert_eq!(found("a = c  # Это а и не с чем-то"), [""; 0]);
        assert_eq!(found("print('сор')"), [""; 0]);
        assert_eq!(found("a = {'а': 'a', \"о\": 'o'}"), [""; 0]);
    }

    #[test]
    fn letters_that_python_folds_to_ascii_are_found() {
        let mathematical = "\u{1d41e}\u{1d431}\u{1d41e}\u{1d41c}('1')";
        assert_eq!(found(mathematical).len(), 4);
        assert!(found(mathematical)[0].ends_with("passes for `e` in what reads as `exec`"));
        assert_eq!(found("\u{ff45}\u{ff56}\u{ff41}\u{ff4c}(x)").len(), 4);
        assert_eq!(found("\u{ba}pen(x)").len(), 1);
    }

    #[test]
    fn full_width_letters_in_japanese_pass() {
        assert_eq!(found("# ＵＳＢケーブル"), [""; 0]);
    }

    #[test]
    fn a_click_letter_and_a_greek_question_mark_are_found() {
        assert_eq!(
            found("if (environment\u{1c3}=ENV_PROD)"),
            ["1:16 Latin U+01C3 passes for `!` in what reads as `environment!`"]
        );
        assert_eq!(found("x = 1\u{37e}"), ["1:6 Common U+037E passes for `;`"]);
    }

    #[test]
    fn scripts_that_share_words_with_latin_in_prose_pass() {
        for text in ["# וPython", "# APIノード", "# get_цена, get_имя", "ρ_max = α_s", "'ℹ Ⓜ'"] {
            assert_eq!(found(text), [""; 0], "{text}");
        }
    }
}
