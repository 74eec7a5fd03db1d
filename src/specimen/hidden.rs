//! Characters that make source text read differently from what runs: the
//! Trojan Source family (CVE-2021-42574 bidirectional controls, CVE-2021-42694
//! look-alikes), invisible characters and stray control bytes.
//!
//! The scan is exact about what it reports and quiet about ordinary writing:
//! Persian joiners, emoji sequences, and words wholly in one script pass.

use unicode_script::{Script, UnicodeScript};

use super::lookalike;

/// The most findings kept; more are only counted.
pub const MOST_FINDINGS: usize = 200;

/// Why a character is reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HiddenKind {
    /// Changes the order in which its surroundings are shown.
    Bidi,
    /// Takes no room and shows nothing.
    ZeroWidth,
    /// Shows nothing, or alters a neighbour it has no business with.
    Invisible,
    /// A control character: moves the cursor, ends a line, or rings.
    Control,
    /// Looks like, or is read by the interpreter as, another character.
    LookAlike,
}

impl HiddenKind {
    /// The name used in output.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bidi => "bidi",
            Self::ZeroWidth => "zero-width",
            Self::Invisible => "invisible",
            Self::Control => "control",
            Self::LookAlike => "look-alike",
        }
    }
}

/// One character that hides something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Line, from 1; only a line feed ends a line.
    pub line: usize,
    /// Column in characters, from 1; a run of bytes that is not UTF-8 counts as one.
    pub column: usize,
    /// Why it is reported.
    pub kind: HiddenKind,
    /// The character itself: never print it raw.
    pub character: char,
    /// What it is and does, in ASCII.
    pub what: String,
}

/// What a scan found, in reading order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scan {
    /// The first [`MOST_FINDINGS`] findings.
    pub findings: Vec<Finding>,
    /// How many there were in all.
    pub total: usize,
}

/// Scans source text. Bytes that are not UTF-8 are stepped over, and what
/// stands between them is still read.
pub fn scan(source: &[u8]) -> Scan {
    let lines: Vec<Vec<char>> = source.split(|byte| *byte == b'\n').map(decode).collect();
    let words = lookalike::AsciiWords::collect(&lines);
    let mut scan = Scan::default();
    for (index, line) in lines.iter().enumerate() {
        let mut found = invisible(line, index == 0);
        found.extend(lookalike::in_line(line, &words));
        found.sort_by_key(|(at, ..)| *at);
        scan.total += found.len();
        let room = MOST_FINDINGS - scan.findings.len();
        scan.findings.extend(found.into_iter().take(room).map(|(at, kind, what)| Finding {
            line: index + 1,
            column: at + 1,
            kind,
            character: line[at],
            what,
        }));
    }
    scan
}

/// A finding before it has a line: index in the line, kind, description.
pub(super) type InLine = (usize, HiddenKind, String);

/// The characters of a line; each run of other bytes becomes one U+FFFD.
fn decode(line: &[u8]) -> Vec<char> {
    let mut characters = Vec::with_capacity(line.len());
    for chunk in line.utf8_chunks() {
        characters.extend(chunk.valid().chars());
        if !chunk.invalid().is_empty() {
            characters.push(char::REPLACEMENT_CHARACTER);
        }
    }
    characters
}

/// Everything in a line that shows nothing or moves what is shown.
fn invisible(line: &[char], first: bool) -> Vec<InLine> {
    let open = unclosed(line);
    let mut found = Vec::new();
    for (at, &c) in line.iter().enumerate() {
        if c.is_ascii() && !c.is_ascii_control() {
            continue;
        }
        let before = at.checked_sub(1).map(|i| line[i]);
        let after = line.get(at + 1).copied();
        if first && at == 0 && c == '\u{feff}' {
            continue;
        }
        if let Some(name) = bidi_name(c) {
            let fate =
                if open.contains(&at) { ", not closed on its line: what follows is shown out of order" } else { "" };
            found.push((at, HiddenKind::Bidi, describe(name, c) + fate));
        } else if let Some(name) = zero_width_name(c) {
            if !joins_properly(before, c, after) {
                found.push((at, HiddenKind::ZeroWidth, describe(name, c)));
            }
        } else if let Some(name) = control_name(c, before, after) {
            found.push((at, HiddenKind::Control, describe(name, c)));
        } else if let Some(name) = invisible_name(c, before) {
            found.push((at, HiddenKind::Invisible, describe(name, c)));
        }
    }
    found
}

fn describe(name: &str, c: char) -> String {
    format!("{name} U+{:04X}", u32::from(c))
}

/// Indices of embeddings, overrides and isolates that their line leaves open.
///
/// Unicode Bidirectional Algorithm, rules X5 to X7: PDI closes the last
/// isolate and what was opened within it, PDF the last embedding or override.
fn unclosed(line: &[char]) -> Vec<usize> {
    let mut open: Vec<usize> = Vec::new();
    let isolate = |at: usize| matches!(line[at], '\u{2066}'..='\u{2068}');
    for (at, &c) in line.iter().enumerate() {
        match c {
            '\u{202a}' | '\u{202b}' | '\u{202d}' | '\u{202e}' | '\u{2066}'..='\u{2068}' => {
                open.push(at);
            }
            '\u{202c}' if open.last().is_some_and(|&last| !isolate(last)) => {
                open.pop();
            }
            '\u{2069}' => {
                if let Some(last) = open.iter().rposition(|&start| isolate(start)) {
                    open.truncate(last);
                }
            }
            _ => {}
        }
    }
    open
}

fn bidi_name(c: char) -> Option<&'static str> {
    Some(match c {
        '\u{061c}' => "arabic letter mark",
        '\u{200e}' => "left-to-right mark",
        '\u{200f}' => "right-to-left mark",
        '\u{202a}' => "left-to-right embedding",
        '\u{202b}' => "right-to-left embedding",
        '\u{202c}' => "pop directional formatting",
        '\u{202d}' => "left-to-right override",
        '\u{202e}' => "right-to-left override",
        '\u{2066}' => "left-to-right isolate",
        '\u{2067}' => "right-to-left isolate",
        '\u{2068}' => "first strong isolate",
        '\u{2069}' => "pop directional isolate",
        _ => return None,
    })
}

fn zero_width_name(c: char) -> Option<&'static str> {
    Some(match c {
        '\u{180e}' => "mongolian vowel separator",
        '\u{200b}' => "zero-width space",
        '\u{200c}' => "zero-width non-joiner",
        '\u{200d}' => "zero-width joiner",
        '\u{2060}' => "word joiner",
        '\u{feff}' => "byte order mark inside the text",
        _ => return None,
    })
}

/// Whether a joiner stands where writing needs it: within an emoji sequence,
/// or between letters of one script that joins its letters.
fn joins_properly(before: Option<char>, joiner: char, after: Option<char>) -> bool {
    let (Some(before), Some(after)) = (before, after) else {
        return false;
    };
    match joiner {
        '\u{200d}' if is_emoji(after) => is_emoji(before) || before == '\u{fe0f}',
        '\u{200c}' | '\u{200d}' => before.script() == after.script() && joins(before.script()),
        _ => false,
    }
}

/// Scripts whose spelling uses U+200C and U+200D (UAX 31, section 2.3).
fn joins(script: Script) -> bool {
    matches!(
        script,
        Script::Arabic
            | Script::Bengali
            | Script::Devanagari
            | Script::Gujarati
            | Script::Gurmukhi
            | Script::Kannada
            | Script::Khmer
            | Script::Malayalam
            | Script::Mongolian
            | Script::Myanmar
            | Script::Oriya
            | Script::Sinhala
            | Script::Syriac
            | Script::Tamil
            | Script::Telugu
    )
}

/// Blocks whose characters take an emoji form.
fn is_emoji(c: char) -> bool {
    matches!(
        u32::from(c),
        0xa9 | 0xae | 0x203c | 0x2049 | 0x2122 | 0x2139 | 0x2190..=0x21ff | 0x2300..=0x23ff
            | 0x24c2 | 0x25a0..=0x27bf | 0x2900..=0x297f | 0x2b00..=0x2bff | 0x3030 | 0x303d
            | 0x3297 | 0x3299 | 0x1f000..=0x1faff
    )
}

fn control_name(c: char, before: Option<char>, after: Option<char>) -> Option<&'static str> {
    match c {
        '\t' => None,
        '\r' if after.is_none() => None,
        // A page break alone at the start of a line is old but honest style.
        '\u{c}' if before.is_none() => None,
        '\r' => Some("carriage return within a line: many interpreters end the line here"),
        '\0' => Some("NUL"),
        '\u{8}' => Some("backspace"),
        '\u{1b}' => Some("escape, the start of a terminal control sequence"),
        '\u{85}' | '\u{2028}' | '\u{2029}' => Some("line separator that few viewers show and some interpreters obey"),
        c if c.is_control() => Some("control character"),
        _ => None,
    }
}

fn invisible_name(c: char, before: Option<char>) -> Option<&'static str> {
    match c {
        '\u{e0000}'..='\u{e007f}' => Some("tag character, an invisible copy of ASCII"),
        '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}' => {
            (!varies(c, before)).then_some("variation selector with nothing to vary")
        }
        // Part of Mongolian spelling.
        '\u{180b}'..='\u{180d}' if before.is_some_and(|b| b.script() == Script::Mongolian) => None,
        '\u{115f}' | '\u{1160}' | '\u{3164}' | '\u{ffa0}' => {
            Some("hangul filler, an invisible letter that may stand in a name")
        }
        '\u{2800}' => Some("blank braille pattern"),
        '\u{ad}' => Some("soft hyphen"),
        '\u{fff9}'..='\u{fffb}' => Some("interlinear annotation control"),
        c if lookalike::is_ignorable(c) => Some("invisible character"),
        _ => None,
    }
}

/// Whether a variation selector follows a character that has variants.
fn varies(selector: char, before: Option<char>) -> bool {
    before.is_some_and(|before| match selector {
        '\u{fe0e}' | '\u{fe0f}' => is_emoji(before) || matches!(before, '0'..='9' | '#' | '*'),
        '\u{e0100}'..='\u{e01ef}' | '\u{fe00}'..='\u{fe02}' => before.script() == Script::Han,
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `line:column kind` of every finding.
    fn found(text: &str) -> Vec<String> {
        scan(text.as_bytes()).findings.iter().map(|f| format!("{}:{} {}", f.line, f.column, f.kind.name())).collect()
    }

    #[test]
    fn the_early_return_of_the_trojan_source_paper_is_found_and_called_unclosed() {
        let text = "def f():\n    ''' Subtract funds \u{2067}''' ;return\n    x = 1\n";
        let scan = scan(text.as_bytes());
        assert_eq!(scan.total, 1);
        assert_eq!((scan.findings[0].line, scan.findings[0].column), (2, 24));
        assert_eq!(
            scan.findings[0].what,
            "right-to-left isolate U+2067, not closed on its line: what follows is shown out of order"
        );
    }

    #[test]
    fn a_closed_pair_is_reported_without_the_warning() {
        for text in ["# \u{202b}abc\u{202c}", "# \u{2066}\u{202e}abc\u{2069}"] {
            let scan = scan(text.as_bytes());
            assert!(scan.findings.iter().all(|f| f.kind == HiddenKind::Bidi));
            assert!(scan.findings.iter().all(|f| !f.what.contains("not closed")), "{scan:?}");
        }
        assert_eq!(unclosed(&['\u{202e}', '\u{2066}', '\u{202c}', '\u{2069}']), [0]);
    }

    #[test]
    fn zero_width_characters_are_found_with_their_column() {
        assert_eq!(found("ab\u{200b}c = 1\n\n\u{2060}"), ["1:3 zero-width", "3:1 zero-width"]);
        assert_eq!(found("is\u{200d}admin"), ["1:3 zero-width"]);
    }

    #[test]
    fn a_byte_order_mark_passes_only_as_the_first_character() {
        assert_eq!(found("\u{feff}print(1)\n"), [""; 0]);
        assert_eq!(found("x\u{feff}\n\u{feff}y"), ["1:2 zero-width", "2:1 zero-width"]);
    }

    #[test]
    fn ordinary_writing_passes() {
        for text in [
            "print('Привет, мир')  # а у нас сор, рост и оса\n",
            "# 使用Python工具 一二三\n名前 = 'ノート'\n",
            "s = 'می\u{200c}خواهم'  # زبان فارسی\n",
            "s = '👩\u{200d}👩\u{200d}👧 ❤\u{fe0f} 1\u{fe0f}\u{20e3} 👋🏽'\n",
            "café = naïve = 'œuvre, straße, kapı, Łódź, nº 1ª'\n",
            "\tindent\r\nwindows\r\n\u{c}\nnext page\n",
            "λ = α + β_1; Δx = μ * σ\n",
            "מה עושה קוד זה\n",
        ] {
            assert_eq!(found(text), [""; 0], "{text:?}");
        }
    }

    #[test]
    fn control_bytes_and_hidden_line_ends_are_found() {
        assert_eq!(
            found("a\0b\u{1b}[2K\n# safe\rimport os\nx\u{2028}y\u{9b}"),
            ["1:2 control", "1:4 control", "2:7 control", "3:2 control", "3:4 control"]
        );
    }

    #[test]
    fn invisible_letters_tags_and_stray_selectors_are_found() {
        assert_eq!(found("const {\u{3164}} = req"), ["1:8 invisible"]);
        assert_eq!(found("ok\u{e0041}\u{e0042}"), ["1:3 invisible", "1:4 invisible"]);
        assert_eq!(found("a\u{fe0f} ❤\u{fe0f}\u{fe01}"), ["1:2 invisible", "1:6 invisible"]);
        assert_eq!(found("pass\u{ad}word"), ["1:5 invisible"]);
    }

    #[test]
    fn bytes_that_are_not_utf8_take_one_column_and_hide_nothing() {
        let scan = scan(b"\xff\xfeab\xe2\x80\x8bc\n");
        assert_eq!(scan.total, 1);
        assert_eq!(scan.findings[0].column, 5);
        assert_eq!(scan.findings[0].character, '\u{200b}');
    }

    #[test]
    fn findings_are_bounded_and_the_rest_is_counted() {
        let scan = scan("\u{200b}\n".repeat(MOST_FINDINGS + 50).as_bytes());
        assert_eq!(scan.findings.len(), MOST_FINDINGS);
        assert_eq!(scan.total, MOST_FINDINGS + 50);
    }
}
