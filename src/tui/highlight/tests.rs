use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

use proptest::prelude::*;

use super::*;

/// Time enough for a build without optimisation on a busy machine.
const ENOUGH: Duration = Duration::from_mins(10);

/// One for all tests, since the patterns of a syntax are slow to make; it knows of no text, and has time.
fn analyser() -> MutexGuard<'static, Analyser> {
    static SHARED: LazyLock<Mutex<Analyser>> = LazyLock::new(|| Mutex::new(Analyser::new()));
    let mut analyser = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    (analyser.last, analyser.budget) = (None, ENOUGH);
    analyser
}

fn lines(text: &str) -> Vec<String> {
    text.split('\n').map(str::to_owned).collect()
}

/// Each token that is not plain, and its text.
fn marked(text: &str, language: Option<&str>) -> Vec<(Token, String)> {
    let lines = lines(text);
    let tokens = analyser().analyse(1, &lines, language).tokens;
    let mut marked = Vec::new();
    for (line, spans) in lines.iter().zip(tokens) {
        let mut at = 0;
        for span in spans {
            marked.push((span.token, line[at..at + span.length].to_owned()));
            at += span.length;
        }
    }
    marked.retain(|(token, _)| *token != Token::Plain);
    marked
}

fn assert_marked(text: &str, language: &str, expected: &[(Token, &str)]) {
    let marked = marked(text, Some(language));
    for (token, text) in expected {
        assert!(marked.contains(&(*token, (*text).to_owned())), "{token:?} {text:?} in {marked:?}");
    }
}

#[test]
fn python_is_read() {
    assert_marked(
        "# why\nimport os.path\n@wraps(f)\nclass Foo(Bar):\n    def run(self, n=0x1f):\n        return eval('a\\n') and None",
        "python",
        &[
            (Token::Comment, "# why"),
            (Token::Keyword, "import"),
            (Token::Attribute, "@wraps"),
            (Token::Type, "Foo"),
            (Token::Function, "run"),
            (Token::Variable, "self"),
            (Token::Number, "0x1f"),
            (Token::Function, "eval"),
            (Token::String, "'a"),
            (Token::Escape, "\\n"),
            (Token::String, "'"),
            (Token::Keyword, "and"),
            (Token::Constant, "None"),
        ],
    );
    let imported = marked("import os.path", Some("python"));
    assert!(imported.iter().any(|(token, text)| *token == Token::Module && text.trim() == "os"), "{imported:?}");
}

#[test]
fn code_within_a_string_is_code() {
    assert_marked(
        "x = f'a {eval(y)} b'",
        "python",
        &[(Token::String, "'a "), (Token::Function, "eval"), (Token::String, " b'")],
    );
}

#[test]
fn every_language_of_the_table_has_its_syntax() {
    for (language, text, expected) in [
        ("shell", "if true; then echo \"$HOME\"; fi", (Token::Keyword, "then")),
        ("bash", "for f in *; do :; done", (Token::Keyword, "done")),
        ("javascript", "const f = async () => 1", (Token::Keyword, "async")),
        ("node", "let a = null", (Token::Constant, "null")),
        ("ruby", "def run; end", (Token::Function, "run")),
        ("perl", "my $x = 1;", (Token::Variable, "$x")),
        ("lua", "local x = 1 -- why", (Token::Comment, "-- why")),
        ("PHP", "<?php echo 'a';", (Token::String, "'a'")),
    ] {
        assert_marked(text, language, &[expected]);
    }
}

#[test]
fn the_first_line_tells_where_the_language_does_not() {
    let text = "#!/usr/bin/env python3\nNone";
    for language in [None, Some("no such language")] {
        assert!(marked(text, language).contains(&(Token::Constant, "None".to_owned())), "{language:?}");
    }
    assert_eq!(marked("None", None), []);
    assert_eq!(marked("\x7fELF", Some("executable")), []);
}

#[test]
fn a_text_without_lines_has_no_tokens() {
    let analysis = analyser().analyse(7, &[], Some("python"));
    assert_eq!((analysis.revision, analysis.tokens.len(), analysis.hidden.total), (7, 0, 0));
    assert_eq!(analyser().analyse(7, &lines("a\n\nb"), None).tokens[1], []);
}

#[test]
fn hidden_characters_are_found_wherever_they_stand() {
    let mut lines = lines("x = 1\ny = '\u{202e}'");
    lines.insert(1, "#".repeat(LONGEST_LINE + 1));
    let hidden = analyser().analyse(1, &lines, Some("python")).hidden;
    assert_eq!((hidden.total, hidden.findings[0].line), (1, 3));
}

/// The lines that are plain in each of which stands a keyword.
fn plain_lines(lines: &[String], analyser: &mut Analyser) -> Vec<usize> {
    let tokens = analyser.analyse(1, lines, Some("python")).tokens;
    assert_eq!(tokens.len(), lines.len());
    (0..lines.len()).filter(|at| tokens[*at] == plain(&lines[*at])).collect()
}

#[test]
fn behind_a_line_that_is_too_long_all_is_plain() {
    let mut lines = vec!["return".to_owned(); 6];
    lines[1] = format!("return {}", "a".repeat(LONGEST_LINE - 7));
    lines[3] = format!("return {}", "a".repeat(LONGEST_LINE - 6));
    assert_eq!(plain_lines(&lines, &mut analyser()), [3, 4, 5]);
}

#[test]
fn what_is_beyond_the_most_that_is_read_is_plain() {
    let short = vec!["pass".to_owned(); MOST_LINES + 2];
    assert_eq!(readable(&short), MOST_LINES);
    let long = vec!["a".repeat(1023); 600];
    assert_eq!(readable(&long), MOST_BYTES / 1024);
}

#[test]
fn what_time_was_short_for_is_plain_and_read_the_next_time() {
    let lines = vec!["return".to_owned(); 40];
    let mut analyser = analyser();
    analyser.budget = Duration::ZERO;
    assert_eq!(plain_lines(&lines, &mut analyser).len(), 40);
    analyser.budget = ENOUGH;
    assert_eq!(plain_lines(&lines, &mut analyser).len(), 0);
    analyser.budget = Duration::ZERO;
    assert_eq!(plain_lines(&lines, &mut analyser).len(), 0, "nothing is read twice");
}

#[test]
fn what_opens_a_string_changes_what_follows_until_it_is_gone_again() {
    let mut lines = vec!["return 1".to_owned(); 100];
    let mut analyser = analyser();
    analyser.analyse(1, &lines, Some("python"));
    lines.insert(50, "'''".to_owned());
    let tokens = analyser.analyse(2, &lines, Some("python")).tokens;
    assert_eq!(tokens[49][0].token, Token::Keyword);
    assert_eq!(tokens[100], [TokenSpan { length: 8, token: tokens[50][0].token }]);
    lines.remove(50);
    let tokens = analyser.analyse(3, &lines, Some("python")).tokens;
    assert_eq!(tokens[99][0].token, Token::Keyword);
}

#[test]
fn another_language_is_read_anew() {
    let mut analyser = analyser();
    let lines = lines("# a\n// b");
    let comments =
        |tokens: Vec<Vec<TokenSpan>>| tokens.iter().map(|line| line[0].token == Token::Comment).collect::<Vec<_>>();
    assert_eq!(comments(analyser.analyse(1, &lines, Some("python")).tokens), [true, false]);
    assert_eq!(comments(analyser.analyse(1, &lines, Some("javascript")).tokens), [false, true]);
    assert_eq!(comments(analyser.analyse(1, &lines, None).tokens), [false, false]);
}

/// Pieces of code that open and close things, and characters that are hard to cut.
fn line() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        proptest::sample::select(vec![
            "'", "\"", "'''", "\"\"\"", "`", "(", ")", "[", "]", "{", "}", "${", "$(", "<<EOF", "EOF", "\\", "//",
            "/*", "*/", "#", "#{", "=begin", "=end", "def ", "class ", "if ", "end", "f'", "@a", "x", " ", "\t", "\r",
            "\0", "\n", "\u{202e}", "\u{301}", "日", "é",
        ])
        .prop_map(str::to_owned),
        any::<char>().prop_map(String::from),
    ];
    proptest::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

/// Where, how many lines go, which come.
fn edit() -> impl Strategy<Value = (usize, usize, Vec<String>)> {
    (0..100_usize, 0..20_usize, proptest::collection::vec(line(), 0..20))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn tokens_cover_every_line_and_an_edit_changes_them_as_reading_all_anew_does(
        mut text in proptest::collection::vec(line(), 0..100),
        edits in proptest::collection::vec(edit(), 1..4),
        language in proptest::sample::select(vec!["python", "bash", "javascript", "ruby"]),
    ) {
        let mut analyser = analyser();
        analyser.analyse(0, &text, Some(language));
        for (at, gone, new) in edits {
            let at = at.min(text.len());
            text.splice(at..(at + gone).min(text.len()), new);
            let tokens = analyser.analyse(1, &text, Some(language)).tokens;
            for (line, spans) in text.iter().zip(&tokens) {
                let ends = spans.iter().scan(0, |end, span| { *end += span.length; Some(*end) });
                prop_assert!(ends.clone().all(|end| line.is_char_boundary(end)), "{line:?}: {spans:?}");
                prop_assert_eq!(ends.last().unwrap_or(0), line.len());
                prop_assert!(spans.windows(2).all(|pair| pair[0].token != pair[1].token));
            }
            let known = analyser.last.take();
            prop_assert_eq!(tokens, analyser.analyse(1, &text, Some(language)).tokens);
            analyser.last = known;
        }
    }
}
