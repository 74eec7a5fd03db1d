use std::time::{Duration, Instant};

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::layout::Size;

use super::row::Look;
use super::*;
use crate::specimen::hidden;
use crate::tui::highlight::{Analysis, TokenSpan};
use crate::tui::layout::inside;
use crate::tui::theme::Token;

fn theme() -> Theme {
    Theme::default_for(crate::tui::theme::Depth::True)
}

fn key(command: Command) -> String {
    match command {
        Command::Edit => "e",
        Command::Open => "o",
        Command::Back => "esc",
        _ => "",
    }
    .to_owned()
}

fn loaded(text: impl AsRef<[u8]>) -> Editor {
    let mut editor = Editor::load("/tmp/a.py".into(), text.as_ref().to_vec());
    let hidden = hidden::scan(editor.lines().join("\n").as_bytes());
    editor.analysed(Analysis { revision: 0, tokens: Vec::new(), hidden });
    editor
}

/// The screen's lines, for a pane of that size with its border.
fn drawn(editor: &Editor, editing: bool, width: u16, height: u16) -> Vec<String> {
    let area = Rect::new(0, 0, width, height);
    let view = view_of(editor, &Refused::default(), true, editing, inside(area), key);
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| render(frame, area, &view, &theme())).unwrap();
    let buffer = terminal.backend().buffer();
    let line = |y| (0..width).map(|x| buffer[(x, y)].symbol()).collect::<String>();
    (0..height).map(line).collect()
}

fn rows(editor: &Editor, editing: bool, width: u16, height: u16) -> Vec<Row> {
    match view_of(editor, &Refused::default(), true, editing, Rect::new(0, 0, width, height), key).body {
        Body::Rows(_, rows) => rows,
        Body::Empty(lines) => panic!("{lines:?}"),
    }
}

/// The pieces of the first line with their looks.
fn pieces(editor: &Editor, width: u16) -> Vec<(String, Look)> {
    let rows = rows(editor, false, width, 1);
    rows[0].pieces.iter().map(|piece| (piece.text.clone(), piece.meaning.look)).collect()
}

fn plain(text: &str) -> (String, Look) {
    (text.to_owned(), Look::Token(Token::Plain))
}

fn mark(text: &str) -> (String, Look) {
    (text.to_owned(), Look::Role(Role::Mark))
}

#[test]
fn the_pane_shows_line_numbers_signs_marks_and_where_the_cursor_is() {
    let mut editor = loaded("import os\nname = 'u\u{202e}n'\n\tx()\n");
    editor.goto_line(3);
    assert_eq!(
        drawn(&editor, false, 60, 6),
        [
            "╔ 1 Specimen a.py ════════════════════════ auto · 30 bytes ╗",
            "║ 1 import os                                              ║",
            "║▲2 name = 'u<U+202E>n'                                    ║",
            "║ 3     x()                                                ║",
            "║ 4                                                        ║",
            "╚════════════════════════ Ln 3, Col 1 · 1 hidden character ╝",
        ]
    );
}

#[test]
fn every_hostile_character_is_a_mark_exactly_as_it_is_written_elsewhere() {
    let hostile = "a\x1b[2J\u{202e}b\u{200b}\u{0}\u{7f}\u{e0041}\u{9b}\r";
    let editor = loaded(format!("{hostile}!"));
    let shown: String = pieces(&editor, 200).into_iter().map(|(text, _)| text).collect();
    assert_eq!(shown, crate::text::visible_lines(format!("{hostile}!").as_bytes()));
    assert_eq!(
        pieces(&editor, 200),
        [
            plain("a"),
            mark("\\x1b"),
            plain("[2J"),
            mark("<U+202E>"),
            plain("b"),
            mark("<U+200B>\\x00\\x7f<U+E0041><U+009B>\\r"),
            plain("!")
        ]
    );
    for line in drawn(&editor, true, 90, 4) {
        assert!(!line.contains(|c: char| c.is_control() || "\u{202e}\u{200b}\u{e0041}".contains(c)), "{line:?}");
    }
}

#[test]
fn bytes_that_are_not_utf8_are_marks_and_the_same_letters_typed_are_not() {
    let editor = loaded(b"\\xff\xff\xfe.");
    assert_eq!(pieces(&editor, 80), [plain("\\xff"), mark("\\xff\\xfe"), plain(".")]);
    assert!(drawn(&editor, false, 60, 4)[0].contains("a.py • read-only: not UTF-8"));
}

#[test]
fn a_look_alike_keeps_its_glyph_and_is_a_mark() {
    let editor = loaded("if p\u{430}ypal: pass");
    assert_eq!(pieces(&editor, 80), [plain("if p"), mark("\u{430}"), plain("ypal: pass")]);
    assert_eq!(rows(&editor, false, 80, 1)[0].sign, Some(Sign::Hidden));
    let bottom = &drawn(&editor, false, 80, 4)[3];
    assert!(bottom.contains("Ln 1, Col 1 · look-alike: Cyrillic U+0430 passes for `a`"), "{bottom}");
    let narrow = &drawn(&editor, false, 40, 4)[3];
    assert!(narrow.contains("look-alike: Cyrillic …"), "{narrow}");
}

#[test]
fn tokens_keep_their_colours_where_they_are_cut_and_marks_go_before_them() {
    let mut editor = loaded("def f\u{202e}(): pass");
    let span = |length, token| TokenSpan { length, token };
    let tokens = vec![vec![span(3, Token::Keyword), span(1, Token::Plain), span(4, Token::Function)]];
    editor.analysed(Analysis { revision: 0, tokens, hidden: hidden::Scan::default() });
    let token = |text: &str, token| (text.to_owned(), Look::Token(token));
    assert_eq!(
        pieces(&editor, 80),
        [token("def", Token::Keyword), plain(" "), token("f", Token::Function), mark("<U+202E>"), plain("(): pass"),]
    );
}

#[test]
fn a_long_line_says_on_which_side_it_goes_on_and_wide_characters_are_never_halved() {
    let mut editor = loaded(format!("日本語{}日本語日本語", "x".repeat(30)));
    let line = |editor: &Editor| drawn(editor, true, 20, 3)[1].clone();
    // TestBackend gives a wide character its cell and a blank one.
    assert_eq!(line(&editor), "║ 1 日 本 語 xxxxxxxx›║");
    editor.command(Command::LineEnd, Size::new(18, 1));
    assert_eq!(line(&editor), "║ 1 ‹日 本 語 日 本 語   ║");
    editor.command(Command::LineStart, Size::new(18, 1));
    for _ in 0..11 {
        editor.command(Command::Right, Size::new(18, 1));
    }
    for _ in 0..40 {
        let drawn = line(&editor);
        assert_eq!(drawn.chars().count(), 20, "{drawn}");
        assert!(drawn.starts_with("║ 1 ") && drawn.ends_with('║'), "{drawn}");
        let cursor = rows(&editor, true, 18, 1)[0].pieces.iter().filter(|piece| piece.meaning.cursor).count();
        assert_eq!(cursor, 1, "{drawn}");
        editor.command(Command::Right, Size::new(18, 1));
    }
}

#[test]
fn half_a_wide_character_at_an_edge_is_blank() {
    let line =
        Line { text: "日本語日本語", tokens: &[], matches: &[], byte_marks: &[], look_alikes: &[], cursor: None };
    let text = |cells| line.pieces(cells).into_iter().map(|piece| piece.text).collect::<String>();
    assert_eq!(text(0..12), "日本語日本語");
    assert_eq!(text(0..9), "日本語日›");
    assert_eq!(text(0..8), "日本語 ›");
    assert_eq!(text(3..12), "‹語日本語");
    assert_eq!(text(2..12), "‹ 語日本語");
    assert_eq!(text(50..60), "‹");
    assert_eq!(text(1..2), " ");
    assert_eq!(text(0..0), "");
    assert_eq!(text(1..3), "  ");
}

#[test]
fn the_cursor_is_a_cell_of_its_own_only_while_editing() {
    let mut editor = loaded("ab");
    let cursors = |editor: &Editor, editing| {
        let rows = rows(editor, editing, 40, 2);
        rows[0].pieces.iter().filter(|piece| piece.meaning.cursor).map(|piece| piece.text.clone()).collect::<Vec<_>>()
    };
    assert_eq!(cursors(&editor, true), ["a"]);
    assert_eq!(cursors(&editor, false), [""; 0]);
    editor.command(Command::LineEnd, Size::new(40, 2));
    assert_eq!(cursors(&editor, true), [" "]);
    assert!(rows(&editor, false, 40, 2)[0].current);
}

#[test]
fn matches_are_marked_over_whatever_they_are_in() {
    let mut editor = loaded("x日\u{202e}y");
    assert_eq!(editor.search("日."), Ok(1));
    let row = &rows(&editor, false, 40, 1)[0];
    let matched: Vec<_> =
        row.pieces.iter().filter(|piece| piece.meaning.matched).map(|piece| piece.text.as_str()).collect();
    assert_eq!(matched, ["日", "<U+202E>"]);
    let mut clean = loaded("x日y\n日");
    assert_eq!(clean.search("日"), Ok(2));
    assert!(drawn(&clean, false, 60, 4)[3].contains("Ln 1, Col 2 · 2 matches "));
}

#[test]
fn while_editing_the_border_says_so_and_how_to_leave_and_a_change_is_told() {
    let mut editor = loaded("a\r\nb\r\n");
    editor.set_language(Some("python".to_owned()));
    editor.type_char('x');
    let drawn_lines = drawn(&editor, true, 70, 5);
    assert!(drawn_lines[0].contains("a.py • edited ═"), "{}", drawn_lines[0]);
    assert!(drawn_lines[0].contains(" python · CR LF · 7 bytes "), "{}", drawn_lines[0]);
    assert!(drawn_lines[4].starts_with("╚ EDIT esc to leave ═"), "{}", drawn_lines[4]);
    assert!(drawn(&editor, true, 24, 5)[4].starts_with("╚ EDIT "), "the word stays where there is little room");
    assert!(!drawn(&editor, false, 70, 5)[4].contains("EDIT"));
}

#[test]
fn a_hostile_file_name_is_made_visible_and_its_state_stays_in_sight() {
    let name = format!("\x1b[31m\u{202e}{}", "n".repeat(200));
    let mut editor = Editor::load(name.into(), Vec::new());
    editor.type_char('x');
    let top = &drawn(&editor, false, 70, 4)[0];
    assert!(top.starts_with("╔ 1 Specimen \\x1b[31m<U+202E>nn"), "{top}");
    assert!(top.contains("… • edited ") && top.contains(" auto · 1 bytes "), "{top}");
}

#[test]
fn an_empty_specimen_invites_and_stops_inviting_while_one_types() {
    let editor = Editor::empty();
    let lines = drawn(&editor, false, 40, 9).join("\n");
    for text in ["No specimen yet", "Paste code here", "press e to type", "press o to open a file"] {
        assert!(lines.contains(text), "{lines}");
    }
    assert!(!drawn(&editor, true, 40, 9).join("\n").contains("Paste"));
}

#[test]
fn a_pane_of_any_size_can_be_drawn() {
    let text = loaded("日\u{202e}\tabc\n".repeat(30));
    for editor in [&Editor::empty(), &text] {
        for width in 0..12 {
            for height in 0..5 {
                for editing in [false, true] {
                    let area = Rect::new(0, 0, width, height);
                    let view = view_of(editor, &Refused::default(), true, editing, inside(area), key);
                    let mut terminal = Terminal::new(TestBackend::new(12, 5)).unwrap();
                    terminal.draw(|frame| render(frame, area, &view, &theme())).unwrap();
                    let buffer = terminal.backend().buffer();
                    let outside = buffer.area.positions().filter(|position| !area.contains(*position));
                    for position in outside {
                        assert_eq!(buffer[position].symbol(), " ", "{width}x{height} {position}");
                    }
                }
            }
        }
    }
}

#[test]
fn a_frame_costs_what_is_in_sight_and_not_what_the_text_is_long() {
    let long = loaded("def function(argument):  # comment\n".repeat(100_000));
    let wide = {
        let mut editor = loaded("x".repeat(3 << 20));
        editor.command(Command::LineEnd, Size::new(100, 30));
        editor
    };
    for editor in [long, wide] {
        let start = Instant::now();
        let rows = rows(&editor, true, 100, 30);
        // A thousand times what an optimised build takes.
        assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
        assert!(rows.len() <= 30 && rows.iter().all(|row| row.pieces.len() < 110));
    }
}
