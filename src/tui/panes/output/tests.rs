use ratatui::buffer::Buffer;

use super::*;
use crate::run::EventKind;
use crate::tui::action::Effect;
use crate::tui::panes::rows::testing::{end, happen, look, run};

/// A pane, the run it shows and its size.
struct Desk {
    pane: OutputPane,
    run: RunRecord,
    inner: Rect,
    moment: Option<Duration>,
    focused: bool,
}

impl Desk {
    fn new(width: u16, height: u16) -> Self {
        let inner = Rect::new(0, 0, width, height);
        Self { pane: OutputPane::default(), run: run(), inner, moment: None, focused: true }
    }

    fn write(&mut self, at: u64, stream: Stream, bytes: impl AsRef<[u8]>) {
        happen(&mut self.run, at, EventKind::Output { stream, bytes: bytes.as_ref().to_vec() });
    }

    /// So many lines to standard output: `line 0` in millisecond 0, and so on.
    fn count_to(&mut self, lines: u64) {
        for number in 0..lines {
            self.write(number, Stream::Stdout, format!("line {number}\n"));
        }
    }

    fn view(&self) -> View {
        Scene { pane: &self.pane, run: &self.run, moment: self.moment, focused: self.focused }.view(self.inner)
    }

    fn buffer(&self) -> Buffer {
        let mut buffer = Buffer::empty(self.inner);
        for (area, rows) in &self.view().blocks {
            rows::draw(&mut buffer, *area, rows, look);
        }
        buffer
    }

    /// What is on the screen, without the spaces at the right.
    fn screen(&self) -> Vec<String> {
        let buffer = self.buffer();
        let row = |row: Rect| row.columns().map(|cell| buffer[(cell.x, cell.y)].symbol()).collect::<String>();
        self.inner.rows().map(|area| row(area).trim_end().to_owned()).collect()
    }

    fn press(&mut self, command: Command) -> Vec<Effect> {
        self.pane.command(command, Some(&self.run), self.inner)
    }

    fn search(&mut self, pattern: &str) -> Result<usize, String> {
        self.pane.search(pattern, Some(&self.run), self.inner)
    }

    fn copied(&mut self) -> String {
        match self.press(Command::Copy).as_slice() {
            [Effect::Copy(text)] => text.clone(),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn both_streams_stand_in_the_order_in_which_their_lines_began_and_are_told_apart_by_sign_and_look() {
    let mut desk = Desk::new(20, 5);
    desk.write(1, Stream::Stdout, "one\ntwo, ");
    desk.write(2, Stream::Stderr, "oops\n");
    desk.write(3, Stream::Stdout, "ended\n");
    assert_eq!(desk.screen(), ["  one", "  two, ended", "! oops", "", ""]);
    let buffer = desk.buffer();
    assert_eq!(buffer[(2, 0)].style().bg, look(Role::Stdout).bg);
    assert_eq!(buffer[(0, 2)].style().bg, look(Role::Stderr).bg);
    assert_eq!(buffer[(2, 2)].style().bg, look(Role::Stderr).bg);
    assert_eq!(desk.view().title.note, "stdout 15 B · stderr 5 B");
}

#[test]
fn what_would_act_on_the_terminal_is_shown_in_the_look_of_a_mark() {
    let mut desk = Desk::new(30, 2);
    desk.write(1, Stream::Stdout, "a\x1b[31m\u{202e}b\r\n");
    assert_eq!(desk.screen()[0], "  a\\x1b[31m<U+202E>b\\r");
    let buffer = desk.buffer();
    for (x, role) in [(2, Role::Stdout), (3, Role::Mark), (6, Role::Mark), (7, Role::Stdout), (11, Role::Mark)] {
        assert_eq!(buffer[(x, 0)].style().bg, look(role).bg, "{x}");
    }
}

#[test]
fn the_newest_stays_in_sight_until_the_reviewer_scrolls_up_and_again_once_asked() {
    let mut desk = Desk::new(40, 3);
    desk.count_to(10);
    assert_eq!(desk.screen(), ["  line 7", "  line 8", "  line 9"]);
    assert_eq!(desk.view().title.right, "");
    desk.inner.width = 80;
    assert_eq!(desk.view().title.right, "no wrap · in order · following");

    desk.press(Command::Up);
    desk.count_to(10);
    assert_eq!(desk.screen(), ["  line 6", "  line 7", "  line 8"]);
    assert_eq!(desk.view().title.right, "no wrap · in order · held at line 7");
    desk.press(Command::Top);
    assert_eq!(desk.screen()[0], "  line 0");
    desk.press(Command::Up);
    assert_eq!(desk.screen()[0], "  line 0");
    desk.press(Command::PageDown);
    assert_eq!(desk.screen()[0], "  line 1");
    desk.pane.scroll(3, Some(&desk.run), desk.inner);
    assert_eq!(desk.screen()[0], "  line 4");
    desk.pane.scroll(-1, Some(&desk.run), desk.inner);
    assert_eq!(desk.screen()[0], "  line 3");
    for _ in 0..99 {
        desk.press(Command::Down);
    }
    assert_eq!(desk.screen()[2], "  line 9");
    desk.count_to(1);
    assert_eq!(desk.screen()[2], "  line 9");
    desk.press(Command::Follow);
    assert_eq!(desk.screen()[2], "  line 0");
    desk.press(Command::Follow);
    desk.count_to(3);
    assert_eq!(desk.screen()[2], "  line 0");
    desk.press(Command::Bottom);
    assert_eq!(desk.screen()[2], "  line 2");
    end(&mut desk.run, 99);
    assert_eq!(desk.view().title.right, "no wrap · in order · at the end");
}

#[test]
fn where_all_is_in_sight_scrolling_does_not_stop_following() {
    let mut desk = Desk::new(80, 3);
    for split in [false, true] {
        desk.pane.split = split;
        desk.write(1, Stream::Stdout, "x\n");
        for command in [Command::Up, Command::PageUp, Command::Top, Command::Down] {
            desk.press(command);
        }
        assert!(desk.view().title.right.ends_with("following"));
    }
}

#[test]
fn a_held_place_does_not_move_when_old_lines_are_evicted_until_it_is_evicted_itself() {
    let mut desk = Desk::new(80, 3);
    desk.count_to(50_000);
    desk.press(Command::Top);
    desk.pane.scroll(10, Some(&desk.run), desk.inner);
    desk.count_to(5);
    let note = "… 5 earlier lines are not shown (save shows all that was kept)";
    assert_eq!(desk.screen(), [note, "  line 10", "  line 11"]);
    desk.count_to(12_345);
    let note = "… 12,350 earlier lines are not shown (save shows all that was kept)";
    assert_eq!(desk.screen(), [note, "  line 12350", "  line 12351"]);
    assert!(desk.view().title.right.ends_with("held at line 12,351"));
}

#[test]
fn long_lines_are_cut_and_moved_sideways_or_wrapped() {
    let mut desk = Desk::new(12, 4);
    desk.write(1, Stream::Stdout, "abcdefghijklmnopqrstuvwxyz\nshort\n");
    assert_eq!(desk.screen(), ["  abcdefghi›", "  short", "", ""]);
    desk.press(Command::Right);
    assert_eq!(desk.screen(), ["  ‹jklmnopq›", "  ‹", "", ""]);
    for _ in 0..9 {
        desk.press(Command::Right);
    }
    assert_eq!(desk.screen()[0], "  ‹rstuvwxyz");
    for _ in 0..9 {
        desk.press(Command::Left);
    }
    assert_eq!(desk.screen()[0], "  abcdefghi›");
    desk.press(Command::Wrap);
    assert_eq!(desk.screen(), ["  abcdefghij", " ↪klmnopqrst", " ↪uvwxyz", "  short"]);
    desk.inner.height = 2;
    assert_eq!(desk.screen(), [" ↪uvwxyz", "  short"]);
    desk.press(Command::Up);
    assert_eq!(desk.screen(), [" ↪klmnopqrst", " ↪uvwxyz"]);
    desk.press(Command::Top);
    desk.press(Command::Down);
    assert_eq!(desk.screen(), [" ↪klmnopqrst", " ↪uvwxyz"]);
}

#[test]
fn a_line_that_goes_on_from_one_that_was_too_long_says_so() {
    let mut desk = Desk::new(12, 2);
    desk.write(1, Stream::Stderr, "x".repeat(5000) + "\n");
    assert_eq!(desk.screen(), ["! xxxxxxxxx›", "!↪xxxxxxxxx›"]);
}

#[test]
fn side_by_side_each_stream_has_a_column_that_follows_by_itself() {
    let mut desk = Desk::new(41, 4);
    desk.pane.split = true;
    desk.count_to(10);
    desk.write(10, Stream::Stderr, "日本 oops\n");
    assert_eq!(
        desk.screen(),
        [
            "  stdout 10 lines   │! stderr 1 line",
            "  line 7            │! 日 本  oops",
            "  line 8            │",
            "  line 9            │"
        ]
    );
    desk.press(Command::Up);
    assert!(desk.screen()[1].starts_with("  line 6  "));
    assert!(desk.screen()[1].ends_with("│! 日 本  oops"));
    desk.press(Command::Top);
    assert!(desk.screen()[3].starts_with("  line 2  "));
    desk.press(Command::Split);
    assert_eq!(desk.screen()[0], "  line 0");
}

#[test]
fn side_by_side_every_step_up_and_down_scrolls_a_column() {
    let mut desk = Desk::new(60, 5);
    desk.pane.split = true;
    desk.count_to(30);
    for number in 0..20 {
        desk.write(30 + number, Stream::Stderr, format!("error {number}\n"));
    }
    let mut seen = vec![desk.screen()];
    while desk.pane.top.is_none_or(|top| top.number > 0) {
        desk.press(Command::Up);
        assert_ne!(seen.last(), Some(&desk.screen()));
        seen.push(desk.screen());
    }
    assert_eq!(seen.len(), 1 + 30 - 4 + 20 - 4);
    for before in seen.iter().rev().skip(1) {
        desk.press(Command::Down);
        assert_eq!(&desk.screen(), before);
    }
}

#[test]
fn what_was_dropped_is_told_below_the_lines_wherever_the_reviewer_is() {
    let mut desk = Desk::new(90, 4);
    desk.count_to(9);
    happen(&mut desk.run, 9, EventKind::Dropped { stream: Stream::Stdout, bytes: 1_288_490_189 });
    let note = "… 1.2 GiB more were written to stdout and dropped (output layer: 63 B kept)";
    assert_eq!(desk.screen()[3], note);
    assert_eq!(desk.buffer()[(0, 3)].style().bg, look(Role::Caution).bg);
    assert_eq!(desk.screen()[2], "  line 8");
    assert_eq!(desk.view().title.note, "stdout 63 B kept, 1.2 GiB dropped · stderr 0 B");
    desk.press(Command::Top);
    happen(&mut desk.run, 9, EventKind::Dropped { stream: Stream::Stderr, bytes: 7 });
    let note = "… 1.2 GiB more were written to stdout, 7 B to stderr and dropped (output layer: 63 B, 0 B kept)";
    assert_eq!(desk.screen()[3], cells::clip(note, 90));
    assert_eq!(desk.screen()[0], "  line 0");
}

#[test]
fn what_is_absent_is_said_in_words() {
    let words = |view: &View| view.blocks.last().unwrap().1[0].text();
    assert_eq!(words(&no_run("r", false, Rect::new(0, 0, 30, 3))), "no run yet: r runs the specimen");
    let mut desk = Desk::new(30, 3);
    assert_eq!(desk.screen()[0], "no output so far");
    end(&mut desk.run, 5);
    assert_eq!(desk.screen()[0], "no output");
    happen(&mut desk.run, 5, EventKind::Dropped { stream: Stream::Stderr, bytes: 7 });
    assert_eq!(desk.screen()[0], "no output was kept");
    desk.press(Command::Follow);
    assert_eq!(desk.pane.command(Command::Copy, None, desk.inner).len(), 0);
}

#[test]
fn the_line_of_a_selected_moment_is_marked_and_in_sight_unless_the_keys_are_on_the_output() {
    let mut desk = Desk::new(48, 5);
    desk.count_to(100);
    desk.moment = Some(Duration::from_micros(50_700));
    desk.focused = false;
    let screen = desk.screen();
    assert_eq!(screen[0], "  line 48");
    assert_eq!(screen[2], format!("{:39}◂ 50.0 ms", "  line 50"));
    let buffer = desk.buffer();
    assert!((0..48).all(|x| buffer[(x, 2)].style().bg == look(Role::Moment).bg));
    assert_ne!(buffer[(2, 1)].style().bg, look(Role::Moment).bg);
    desk.focused = true;
    assert_eq!(desk.screen()[4], "  line 99");
    desk.moment = Some(Duration::from_millis(98));
    assert!(desk.screen()[3].ends_with("◂ 98.0 ms"));
    // In a narrow pane the sign is enough.
    desk.inner.width = 14;
    assert_eq!(desk.screen()[3], "  line 98    ◂");
}

#[test]
fn the_label_of_the_moment_covers_no_text() {
    let mut desk = Desk::new(40, 4);
    desk.write(12, Stream::Stdout, "0123456789".repeat(5));
    desk.moment = Some(Duration::from_millis(50));
    assert_eq!(desk.screen()[0], "  012345678901234567890123456› ◂ 12.0 ms");
    desk.pane.wrap = true;
    assert_eq!(desk.screen()[..2], ["  0123456789012345678901234567 ◂ 12.0 ms", " ↪8901234567890123456789"]);
}

#[test]
fn a_search_goes_from_match_to_match_and_says_which_of_how_many() {
    let mut desk = Desk::new(60, 6);
    desk.count_to(100);
    desk.press(Command::Top);
    assert_eq!(desk.search("line [1-3]5$"), Ok(3));
    assert_eq!(desk.view().title.bottom, "/line [1-3]5$ 1 of 3");
    assert_eq!(desk.screen()[2], " ▸line 15");
    let buffer = desk.buffer();
    assert_eq!(buffer[(2, 2)].style().bg, look(Role::Match).bg);
    assert_eq!(buffer[(2, 0)].style().bg, look(Role::Stdout).bg);
    desk.press(Command::NextMatch);
    desk.press(Command::NextMatch);
    assert_eq!(desk.screen()[2], " ▸line 35");
    desk.press(Command::NextMatch);
    assert_eq!(desk.view().title.bottom, "/line [1-3]5$ 1 of 3");
    desk.press(Command::PreviousMatch);
    assert_eq!(desk.view().title.bottom, "/line [1-3]5$ 3 of 3");
    // What has come since is counted at the next jump.
    desk.write(100, Stream::Stderr, "line 25\n");
    desk.press(Command::NextMatch);
    assert_eq!(desk.view().title.bottom, "/line [1-3]5$ 4 of 4");
    assert_eq!(desk.search("nowhere"), Ok(0));
    assert_eq!(desk.view().title.bottom, "/nowhere no line matches");
    assert_eq!(desk.search(""), Ok(0));
    assert_eq!(desk.view().title.bottom, "");
}

#[test]
fn a_search_finds_what_is_shown_even_far_to_the_right_or_in_a_wrapped_row() {
    let mut desk = Desk::new(42, 3);
    desk.write(0, Stream::Stdout, "x".repeat(500) + "\x1b needle\n");
    assert_eq!(desk.search(r"\\x1b needle"), Ok(1));
    assert!(desk.screen()[0].contains("x\\x1b needle"), "{:?}", desk.screen());
    desk.pane.wrap = true;
    desk.count_to(20);
    desk.press(Command::Bottom);
    desk.press(Command::NextMatch);
    assert!(desk.screen()[1].contains("needle"), "{:?}", desk.screen());
}

#[test]
fn an_expression_that_is_none_is_refused_in_a_line() {
    let mut desk = Desk::new(60, 6);
    assert_eq!(desk.search("(a\u{1b}"), Err("unclosed group".to_owned()));
    assert_eq!(desk.view().title.bottom, "");
}

#[test]
fn another_run_is_followed_and_the_expression_stays() {
    let mut desk = Desk::new(80, 3);
    desk.count_to(9);
    assert_eq!(desk.search("line 3"), Ok(1));
    desk.pane.reset();
    assert_eq!(desk.view().title.bottom, "/line 3");
    assert!(desk.view().title.right.ends_with("following"));
}

#[test]
fn a_copy_holds_both_streams_in_order_in_their_visible_form() {
    let mut desk = Desk::new(80, 3);
    desk.write(1, Stream::Stdout, "a\x1b[1m\n".to_owned() + &"y".repeat(5000));
    desk.write(2, Stream::Stderr, "oops\n");
    assert_eq!(desk.copied(), format!("a\\x1b[1m\n{}\noops\n", "y".repeat(5000)));
}

#[test]
fn a_copy_that_would_be_too_long_begins_with_what_is_in_sight_and_says_that_it_is_a_part() {
    let mut desk = Desk::new(80, 3);
    desk.count_to(20_000);
    desk.press(Command::Top);
    desk.pane.scroll(100, Some(&desk.run), desk.inner);
    let copied = desk.copied();
    assert!(copied.len() <= 64 << 10);
    assert!(copied.starts_with("line 100\nline 101\n"));
    assert!(copied.ends_with("\n… a part of 208,890 B of output; saving gives all that was kept\n"), "{copied}");
    // 50,000 empty lines would fit: but they are not all there were.
    let mut desk = Desk::new(80, 3);
    desk.write(1, Stream::Stdout, "\n".repeat(50_001));
    assert!(desk.copied().ends_with("all that was kept\n"));
}

#[test]
fn a_saved_file_holds_all_that_was_kept_and_nothing_that_acts_on_a_terminal() {
    let mut desk = Desk::new(80, 3);
    desk.write(1, Stream::Stdout, "a\x1b[1m\n== stderr: 0 bytes written; nothing follows ==");
    desk.write(2, Stream::Stderr, "oops\n\n");
    happen(&mut desk.run, 9, EventKind::Dropped { stream: Stream::Stderr, bytes: 1234 });
    let saved = String::from_utf8(saved(&desk.run)).unwrap();
    let expected = "== stdout: 52 bytes written, all kept; 2 lines follow ==\n\
        a\\x1b[1m\n== stderr: 0 bytes written; nothing follows ==\n\
        == stderr: 1,240 bytes written, the first 6 kept and 1,234 dropped; 2 lines follow ==\noops\n\n";
    assert_eq!(saved, expected);
    assert!(saved.starts_with("== stdout"));
}

#[test]
fn a_pane_of_any_size_can_be_drawn_and_used() {
    let text = "日本\t\x1b\u{301}\u{202e}long line ".repeat(30) + "\n";
    for (width, height) in [(0, 0), (1, 1), (2, 1), (3, 2), (5, 3), (9, 9), (300, 100)] {
        for modes in 0..4 {
            let mut desk = Desk::new(width, height);
            (desk.pane.wrap, desk.pane.split) = (modes % 2 == 0, modes / 2 == 0);
            desk.moment = Some(Duration::from_millis(3));
            for number in 0..20 {
                desk.write(number, if number % 3 == 0 { Stream::Stderr } else { Stream::Stdout }, &text);
            }
            happen(&mut desk.run, 9, EventKind::Dropped { stream: Stream::Stderr, bytes: u64::MAX / 2 });
            let commands = [Command::Up, Command::PageUp, Command::Right, Command::Follow, Command::Down];
            for command in commands.into_iter().chain([Command::Top, Command::PageDown, Command::NextMatch]) {
                desk.press(command);
                desk.screen();
            }
            assert_eq!(desk.search("long"), Ok(20));
            desk.focused = false;
            desk.screen();
        }
    }
}
