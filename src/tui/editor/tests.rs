use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::*;
use crate::specimen::hidden;
use crate::tui::command::Command;
use crate::tui::theme::Token;

const SIZE: Size = Size::new(40, 10);

fn editor(text: impl AsRef<[u8]>) -> Editor {
    let mut editor = Editor::load("dir/a.py".into(), text.as_ref().to_vec());
    editor.fit(SIZE);
    editor
}

fn text(editor: &Editor) -> String {
    String::from_utf8(editor.bytes()).unwrap()
}

fn press(editor: &mut Editor, commands: &[Command]) {
    for command in commands {
        editor.command(*command, SIZE);
    }
}

fn type_in(editor: &mut Editor, text: &str) {
    for character in text.chars() {
        editor.type_char(character);
    }
}

fn analyse(editor: &mut Editor) {
    let line = |line: &String| vec![TokenSpan { length: line.len(), token: Token::Keyword }];
    let tokens = editor.lines().iter().map(line).collect();
    let hidden = hidden::scan(editor.lines().join("\n").as_bytes());
    editor.analysed(Analysis { revision: editor.revision(), tokens, hidden });
}

/// Text of what an editor could stumble over.
fn awkward() -> impl Strategy<Value = Vec<u8>> {
    let pieces =
        ["\n", "\r\n", "\r", "\t", " ", "a", "日", "e\u{301}", "\0", "\x1b[2J", "\u{202e}", "\u{feff}", "\x0c"];
    let piece = proptest::sample::select(pieces.map(|piece| piece.as_bytes().to_vec()).to_vec());
    let other = proptest::sample::select(vec![vec![0xff], vec![0xc3], b"\xed\xa0\x80".to_vec()]);
    proptest::collection::vec(prop_oneof![12 => piece, 1 => other], 0..30).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn untouched_bytes_come_back_as_they_were(bytes in awkward()) {
        let editor = editor(&bytes);
        prop_assert_eq!(editor.bytes(), bytes.clone());
        prop_assert_eq!(editor.byte_count(), bytes.len());
        prop_assert!(!editor.is_changed());
    }

    #[test]
    fn bytes_change_only_where_something_was_typed_and_undo_brings_them_back(
        bytes in awkward(),
        steps in proptest::collection::vec(0..5_u8, 0..20),
    ) {
        let mut editor = editor(&bytes);
        for step in steps {
            let way = [Command::Right, Command::Down, Command::WordRight, Command::LineEnd, Command::Bottom];
            press(&mut editor, &[way[usize::from(step)]]);
        }
        let (line, byte) = editor.cursor();
        editor.type_char('#');
        if editor.read_only().is_some() {
            prop_assert_eq!(editor.bytes(), bytes);
            return Ok(());
        }
        let newline: &[u8] = if editor.is_crlf() { b"\r\n" } else { b"\n" };
        let before = editor.lines()[..line].iter().map(|line| line.len() + newline.len()).sum::<usize>() + byte;
        let mut expected = bytes.clone();
        expected.insert(before, b'#');
        prop_assert_eq!(editor.bytes(), expected.clone());
        prop_assert_eq!(editor.byte_count(), expected.len());
        press(&mut editor, &[Command::Undo]);
        prop_assert_eq!(editor.bytes(), bytes);
        prop_assert!(!editor.is_changed());
        press(&mut editor, &[Command::Redo]);
        prop_assert_eq!(editor.bytes(), expected);
    }

    #[test]
    fn whatever_is_done_can_be_undone_and_the_cursor_stays_on_a_character(
        bytes in awkward(),
        steps in proptest::collection::vec(0..18_u8, 0..40),
    ) {
        let mut editor = editor(&bytes);
        for step in steps {
            match step {
                0 => editor.type_char('x'),
                1 => editor.type_char('\n'),
                2 => editor.paste("one\r\ntwo\u{202e}\rthree"),
                3 => editor.scroll(-3, Size::new(3, 2)),
                4 => editor.click(9, 1),
                _ => press(&mut editor, &[[
                    Command::Up, Command::Down, Command::Left, Command::Right, Command::WordLeft, Command::WordRight,
                    Command::Bottom, Command::PageUp, Command::DeleteBack, Command::DeleteNext, Command::DeleteWord,
                    Command::DeleteLineEnd, Command::Indent,
                ][usize::from(step) - 5]]),
            }
            let (line, byte) = editor.cursor();
            prop_assert!(editor.lines()[line].is_char_boundary(byte));
            prop_assert_eq!(editor.is_changed(), editor.bytes() != bytes);
        }
        for _ in 0..100 {
            press(&mut editor, &[Command::Undo]);
        }
        prop_assert_eq!(editor.bytes(), bytes);
        prop_assert!(!editor.is_changed());
    }
}

#[test]
fn an_empty_text_has_a_line_to_type_into_and_no_name() {
    let mut editor = Editor::empty();
    assert!(editor.is_empty() && !editor.is_changed());
    assert_eq!((editor.name(), editor.path(), editor.bytes().len()), ("untitled".to_owned(), None, 0));
    type_in(&mut editor, "print(1)\n");
    assert!(editor.is_changed() && !editor.is_empty());
    assert_eq!(text(&editor), "print(1)\n");
    editor.saved("/tmp/b.py".into(), b"print(1)\n".to_vec());
    assert!(!editor.is_changed());
    assert_eq!(editor.name(), "b.py");
    press(&mut editor, &[Command::Undo]);
    assert!(editor.is_changed(), "undone behind what was saved");
}

#[test]
fn each_change_has_a_revision_of_its_own_and_a_move_has_none() {
    let mut editor = editor("ab");
    let mut seen = BTreeSet::from([editor.revision()]);
    press(&mut editor, &[Command::Right, Command::Undo]);
    assert_eq!(seen.len(), 1);
    for step in [Command::DeleteBack, Command::Undo, Command::Redo] {
        press(&mut editor, &[step]);
        assert!(seen.insert(editor.revision()), "{step}");
    }
    let other = Editor::empty().replacing(&editor);
    assert!(seen.insert(other.revision()));
}

#[test]
fn a_pasted_file_is_one_step_of_undo_with_newlines_of_one_kind() {
    let mut editor = editor("ac");
    press(&mut editor, &[Command::Right]);
    editor.paste("1\r\n2\r3\n\x1b");
    assert_eq!(text(&editor), "a1\n2\n3\n\x1bc");
    assert_eq!(editor.position(), (4, 2));
    press(&mut editor, &[Command::Undo]);
    assert_eq!(text(&editor), "ac");
    let start = Instant::now();
    editor.paste(&"    print('line')\n".repeat(5_000));
    // A thousand times what an optimised build takes.
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
    assert_eq!(editor.lines().len(), 5_001);
    press(&mut editor, &[Command::Undo]);
    assert_eq!(text(&editor), "ac");
}

#[test]
fn lines_typed_into_a_windows_file_end_as_its_other_lines_do() {
    let mut editor = editor("a\r\nb\r\n");
    assert!(editor.is_crlf());
    assert_eq!(editor.lines(), ["a", "b", ""]);
    press(&mut editor, &[Command::LineEnd, Command::Accept]);
    type_in(&mut editor, "x");
    assert_eq!(text(&editor), "a\r\nx\r\nb\r\n");
    assert!(!self::editor("a\r\nb\n").is_crlf(), "mixed: the carriage return is a character");
}

#[test]
fn a_new_line_keeps_the_indentation_and_a_tab_indents_as_the_file_does() {
    let mut spaces = editor("  if x:");
    press(&mut spaces, &[Command::LineEnd, Command::Accept, Command::Indent]);
    type_in(&mut spaces, "y");
    assert_eq!(text(&spaces), "  if x:\n      y");
    press(&mut spaces, &[Command::Undo, Command::Undo, Command::Undo]);
    assert_eq!(text(&spaces), "  if x:", "a line with its indentation is one step");
    let mut tabs = editor("x:\n\ty\n");
    press(&mut tabs, &[Command::Bottom, Command::Indent]);
    assert_eq!(text(&tabs), "x:\n\ty\n\t");
}

#[test]
fn deleting_takes_what_is_shown_as_one_and_joins_lines() {
    let mut editor = editor("ae\u{301}\u{202e}\nfoo.bar baz");
    press(&mut editor, &[Command::LineEnd, Command::DeleteBack]);
    assert_eq!(editor.lines()[0], "ae\u{301}");
    press(&mut editor, &[Command::DeleteBack, Command::DeleteNext]);
    assert_eq!(text(&editor), "afoo.bar baz");
    press(&mut editor, &[Command::LineEnd, Command::DeleteWord]);
    assert_eq!(text(&editor), "afoo.bar ");
    press(&mut editor, &[Command::LineStart, Command::Right, Command::DeleteLineEnd]);
    assert_eq!(text(&editor), "a");
    press(&mut editor, &[Command::DeleteBack, Command::DeleteBack, Command::DeleteWord, Command::DeleteLineEnd]);
    assert!(editor.is_empty());
}

#[test]
fn bytes_that_are_not_utf8_and_a_huge_file_can_be_read_and_run_but_not_typed_into() {
    let huge = "x\n".repeat(3 << 20);
    for bytes in [&b"ok\xff\n\x1b"[..], huge.as_bytes()] {
        let mut editor = editor(bytes);
        assert!(editor.read_only().is_some());
        type_in(&mut editor, "x\n");
        editor.paste("y");
        press(&mut editor, &[Command::DeleteNext, Command::Indent, Command::Undo, Command::Accept]);
        assert_eq!(editor.bytes(), bytes);
        assert_eq!((editor.revision(), editor.is_changed()), (0, false));
        editor.saved("copy".into(), bytes.to_vec());
        assert_eq!(editor.bytes(), bytes);
    }
}

#[test]
fn text_far_behind_what_the_library_can_reach_by_a_jump_is_typed_into_at_the_cursor() {
    let long = format!("{}\n{}", "\n".repeat(70_000), "x".repeat(70_000));
    let mut editor = editor(&long);
    let right: &[Command] = &[Command::Right; 12];
    for (line, moves, byte) in
        [(69_000, &[][..], 0), (70_001, &[Command::LineEnd, Command::Left], 69_999), (70_001, right, 12), (0, &[], 0)]
    {
        editor.goto_line(line + 1);
        press(&mut editor, moves);
        editor.type_char('#');
        assert_eq!(editor.cursor(), (line, byte + 1));
        assert_eq!(&editor.lines()[line][byte..=byte], "#");
        press(&mut editor, &[Command::Undo]);
        assert_eq!(text(&editor), long);
    }
}

#[test]
fn up_and_down_keep_the_column_over_short_lines_and_wide_characters() {
    let mut editor = editor("0123456789\nab\n日本語日本語\n\t9");
    editor.click(3 + 7, 0);
    assert_eq!(editor.position(), (1, 8));
    press(&mut editor, &[Command::Down]);
    assert_eq!(editor.position(), (2, 3));
    press(&mut editor, &[Command::Down]);
    assert_eq!(editor.position(), (3, 4), "in the middle of a character is on it");
    press(&mut editor, &[Command::Down]);
    assert_eq!(editor.position(), (4, 3));
    press(&mut editor, &[Command::Up, Command::Up, Command::Up]);
    assert_eq!(editor.position(), (1, 8));
}

#[test]
fn pages_and_the_wheel_move_the_window_and_the_cursor_stays_in_it() {
    let mut editor = editor("line\n".repeat(100));
    press(&mut editor, &[Command::PageDown, Command::PageDown]);
    assert_eq!((editor.window(SIZE).top, editor.position()), (18, (19, 1)));
    editor.scroll(3, SIZE);
    assert_eq!((editor.window(SIZE).top, editor.position()), (21, (22, 1)));
    editor.scroll(-2, SIZE);
    assert_eq!((editor.window(SIZE).top, editor.position()), (19, (22, 1)));
    editor.scroll(i32::MAX, SIZE);
    assert_eq!((editor.window(SIZE).top, editor.position()), (91, (92, 1)));
    editor.scroll(i32::MIN, SIZE);
    assert_eq!((editor.window(SIZE).top, editor.position()), (0, (10, 1)));
    press(&mut editor, &[Command::Bottom, Command::Down, Command::PageDown]);
    assert_eq!((editor.window(SIZE).top, editor.position()), (91, (101, 1)));
    press(&mut editor, &[Command::PageUp, Command::Top]);
    assert_eq!((editor.window(SIZE).top, editor.position()), (0, (1, 1)));
}

#[test]
fn a_pane_of_any_size_can_be_moved_about_in() {
    for size in [Size::new(0, 0), Size::new(1, 1), Size::new(u16::MAX, u16::MAX)] {
        let mut editor = Editor::load("a".into(), "a\u{202e}\t日\n".repeat(9).into_bytes());
        for command in [Command::PageDown, Command::LineEnd, Command::Up, Command::PageUp] {
            editor.command(command, size);
            editor.scroll(1, size);
        }
        editor.click(u16::MAX, u16::MAX);
        editor.goto_line(usize::MAX);
        editor.type_char('x');
        assert_eq!(editor.position(), (10, 2));
    }
}

#[test]
fn a_press_of_the_mouse_lands_on_the_character_under_it() {
    let mut editor = editor("a日\t\u{202e}z\nlast");
    let mut bytes = Vec::new();
    for column in [0, 2, 3, 4, 5, 6, 7, 14, 15, 16] {
        editor.click(column, 0);
        bytes.push(editor.cursor().1);
    }
    // Gutter, gutter, `a`, both halves of `日`, the tab, the mark twice, `z`, behind the line.
    assert_eq!(bytes, [0, 0, 0, 1, 1, 4, 5, 5, 8, 9]);
    editor.click(4, 9);
    assert_eq!(editor.cursor(), (1, 1), "below the text is its last line");
}

#[test]
fn a_search_goes_from_match_to_match_around_the_text() {
    let mut editor = editor("aba\nb\n\nba");
    editor.goto_line(2);
    assert_eq!(editor.search("b+"), Ok(3));
    let mut seen = vec![editor.position()];
    for command in [Command::NextMatch, Command::NextMatch, Command::NextMatch, Command::PreviousMatch] {
        press(&mut editor, &[command]);
        seen.push(editor.position());
    }
    assert_eq!(seen, [(2, 1), (4, 1), (1, 2), (2, 1), (1, 2)]);
    press(&mut editor, &[Command::PreviousMatch]);
    assert_eq!(editor.position(), (4, 1));
    assert_eq!(editor.search("a*").unwrap(), 3, "what matches nothing is no match");
    assert_eq!(editor.search("z"), Ok(0));
    assert_eq!(editor.match_count(), Some(0));
    assert_eq!(editor.search(""), Ok(0));
    assert_eq!(editor.match_count(), None);
    press(&mut editor, &[Command::NextMatch]);
}

#[test]
fn a_wrong_expression_is_told_in_a_line_and_leaves_the_search_as_it_was() {
    let mut editor = editor("a(a");
    assert_eq!(editor.search("a"), Ok(2));
    let error = editor.search("(").unwrap_err();
    assert!(error.contains("unclosed group") && !error.contains('\n'), "{error}");
    assert_eq!(editor.match_count(), Some(2));
}

#[test]
fn matches_follow_what_is_typed() {
    let mut editor = editor("xx\nyy\nxx");
    assert_eq!(editor.search("x"), Ok(4));
    editor.paste("x\nx\n");
    assert_eq!(editor.match_count(), Some(6));
    assert_eq!(editor.matches(2).len(), 2);
    assert_eq!((editor.matches(3).len(), editor.matches(4).len()), (0, 2));
    press(&mut editor, &[Command::Undo, Command::DeleteNext]);
    assert_eq!(editor.match_count(), Some(3));
}

#[test]
fn colours_and_signs_of_lines_that_did_not_change_stay_until_the_next_analysis() {
    let mut editor = editor("one\ntwo\n\u{202e}three\n");
    analyse(&mut editor);
    editor.goto_line(2);
    press(&mut editor, &[Command::LineEnd, Command::Accept]);
    assert_eq!(editor.tokens(0).len(), 1);
    assert_eq!((editor.tokens(1).len(), editor.tokens(2).len()), (1, 0));
    assert_eq!(editor.tokens(3).len(), 1);
    assert_eq!(editor.hidden().findings[0].line, 4);
    press(&mut editor, &[Command::Undo]);
    assert_eq!((editor.tokens(2).len(), editor.hidden().findings[0].line), (1, 3));
}

#[test]
fn an_analysis_of_another_revision_is_not_taken() {
    let mut editor = editor("a\u{200b}");
    let analysis = Analysis { revision: editor.revision(), tokens: Vec::new(), hidden: hidden::scan(b"\x1b") };
    editor.type_char('x');
    editor.analysed(analysis);
    assert_eq!(editor.hidden().total, 0);
    analyse(&mut editor);
    assert_eq!((editor.hidden().total, editor.tokens(0).len()), (1, 1));
}

#[test]
fn the_next_mark_is_a_hidden_character_or_a_denial_whichever_comes_first() {
    let mut editor = editor("a\n\u{202e}\nb\n\u{200b}\nc");
    editor.next_mark(&BTreeSet::new());
    assert_eq!(editor.position(), (1, 1), "nothing is known yet");
    analyse(&mut editor);
    let denials = BTreeSet::from([3, 99]);
    let mut seen = Vec::new();
    for _ in 0..5 {
        editor.next_mark(&denials);
        seen.push(editor.position().0);
    }
    assert_eq!(seen, [2, 3, 4, 2, 3], "around the text, whose line 99 is gone");
}

#[test]
fn a_line_gone_to_is_shown_with_what_is_around_it() {
    let mut editor = editor("line\n".repeat(100));
    editor.goto_line(50);
    assert_eq!((editor.window(SIZE).top, editor.position()), (44, (50, 1)));
    editor.goto_line(52);
    assert_eq!(editor.window(SIZE).top, 44, "it was in sight");
    editor.goto_line(0);
    assert_eq!(editor.position(), (1, 1));
}
