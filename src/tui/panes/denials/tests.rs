use std::time::Duration;

use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier};

use super::samples::{buffer, drawn, lines, record, theme};
use super::*;
use crate::run::Denial;
use crate::run::samples::{cell, denial, ended, event, met, refusal};
use crate::run::{EventKind, LimitKind, Observation, Outcome, Refusal, Stream, Summary};
use crate::tui::layout::inside;
use crate::tui::state::RunId;
use crate::tui::theme::Role;

/// Three denials, the second of them often, and a limit between them.
fn some() -> Summary {
    let mut summary = ended(Outcome::Exited(1));
    denial(&mut summary, 2, "connect", &["3", "{AF_INET 127.0.0.1:80}"], 1);
    denial(&mut summary, 4, "ptrace", &["PTRACE_TRACEME"], 1204);
    met(&mut summary, LimitKind::PidsRefused, 17);
    event(&mut summary, EventKind::Denial(Denial { refusal: Refusal::Kill, ..refusal(12, "bpf", &["0"], 1) }));
    summary
}

fn many(count: u32) -> Summary {
    let mut summary = ended(Outcome::Exited(0));
    for id in 0..count {
        denial(&mut summary, id, &format!("call_{id}"), &[], 1);
    }
    summary
}

fn screen(pane: &DenialsPane, run: Option<&RunRecord>, width: u16, height: u16) -> Vec<String> {
    let area = Rect { x: 0, y: 0, width, height };
    let view = View::new(pane, run, true, "r", inside(area));
    drawn(width, height, |frame| render(frame, area, &view, &theme()))
}

/// What stands inside the border, a row of it a line.
fn inner(pane: &DenialsPane, run: &RunRecord, width: u16, height: u16) -> Vec<String> {
    let rows = screen(pane, Some(run), width + 2, height + 2);
    let inside = &rows[1..rows.len() - 1];
    inside.iter().map(|row| row.trim_start_matches('║').trim_end_matches('║').trim_end().to_owned()).collect()
}

const AREA: Rect = Rect { x: 1, y: 1, width: 80, height: 5 };

fn press(pane: &mut DenialsPane, run: &RunRecord, commands: &[Command]) {
    for command in commands {
        assert!(pane.command(*command, Some(run), AREA).is_empty());
    }
}

fn selected(pane: &DenialsPane, run: &RunRecord) -> Option<u32> {
    pane.selected(run).map(|denial| denial.id.0)
}

fn filtered(text: &str, run: &RunRecord) -> Vec<String> {
    let mut pane = DenialsPane::default();
    pane.set_filter(text.to_owned());
    pane.window(run, AREA).rows.iter().map(|row| row.name().to_owned()).collect()
}

#[test]
fn a_row_tells_moment_count_layer_call_answer_and_process() {
    assert_eq!(
        inner(&DenialsPane::default(), &record(some()), 96, 5),
        [
            "    2.0 ms        seccomp  connect(3, {AF_INET 127.0.0.1:80}) = EPERM                python3 812",
            "    4.0 ms ×1,204 seccomp  ptrace(PTRACE_TRACEME) = EPERM                            python3 812",
            "    5.0 ms    ×17 pids     fork refused",
            "   12.0 ms        seccomp  bpf(0) killed                                             python3 812",
            "",
        ]
    );
}

#[test]
fn a_narrow_pane_keeps_moment_call_answer_and_count() {
    assert_eq!(
        inner(&DenialsPane::default(), &record(some()), 40, 4),
        [
            "    2.0 ms        connect(3, {…) = EPERM",
            "    4.0 ms ×1,204 ptrace(PTRAC…) = EPERM",
            "    5.0 ms    ×17 pids: fork refused",
            "   12.0 ms        bpf(0) killed",
        ]
    );
    assert_eq!(inner(&DenialsPane::default(), &record(some()), 18, 2), [" ×17 pids: fork r…", "     bpf(0) killed"]);
}

#[test]
fn no_size_of_the_screen_is_too_small_to_draw_on() {
    let run = record(some());
    let mut pane = DenialsPane::default();
    for width in 0..100 {
        for height in [0, 1, 2, 3, 4, 7] {
            let area = Rect { x: 0, y: 0, width, height };
            let view = View::new(&pane, Some(&run), false, "", inside(area));
            drawn(width.max(1), height.max(1), |frame| render(frame, area, &view, &theme()));
            for command in [Command::PageUp, Command::Down, Command::Top, Command::Bottom] {
                pane.command(command, Some(&run), inside(area));
            }
            pane.scroll(i32::MIN, Some(&run), inside(area));
            pane.scroll(i32::MAX, Some(&run), inside(area));
            pane.click(u16::MAX, u16::MAX, Some(&run), inside(area));
        }
    }
}

#[test]
fn the_title_counts_kinds_and_calls_and_tells_order_and_filter() {
    let run = record(some());
    let mut pane = DenialsPane::default();
    let rows = screen(&pane, Some(&run), 80, 7);
    assert!(rows[0].starts_with("╔ 3 Denials 3 kinds · 1,206 calls ═"), "{}", rows[0]);
    assert!(rows[0].ends_with("═ following ╗"), "{}", rows[0]);
    press(&mut pane, &run, &[Command::Sort]);
    pane.set_filter("SecComp !kill".to_owned());
    let rows = screen(&pane, Some(&run), 80, 7);
    assert!(rows[0].ends_with("═ by count ╗"), "{}", rows[0]);
    assert!(rows[6].ends_with("═ filter: SecComp !kill · 2 of 4 ╝"), "{}", rows[6]);
}

#[test]
fn a_longer_list_tells_what_of_it_is_in_sight() {
    let rows = screen(&DenialsPane::default(), Some(&record(many(4100))), 60, 12);
    assert!(rows[11].ends_with("═ 4,091–4,100 of 4,100 ╝"), "{}", rows[11]);
    assert!(rows[10].contains("call_4099() = EPERM"), "{}", rows[10]);
}

#[test]
fn an_empty_list_says_in_words_why_it_is_empty() {
    let said = |summary: Summary| inner(&DenialsPane::default(), &record(summary), 90, 2).join(" ").trim().to_owned();
    assert_eq!(
        screen(&DenialsPane::default(), None, 60, 4)[1].trim_matches(['║', ' ']),
        "no run yet: r runs the specimen"
    );
    assert_eq!(said(Summary::default()), "the run starts: no call was made yet");
    assert_eq!(said(cell()), "none so far: every refusal of the seccomp filter appears here");
    assert_eq!(said(ended(Outcome::Exited(0))), "none: the seccomp filter refused nothing");
    assert_eq!(said(ended(Outcome::CellLost("gone".into()))), "none was seen until the cell was lost");
    assert_eq!(said(ended(Outcome::NotStarted("no image".into()))), "none: the specimen was not started");
    let mut unobservable = cell();
    unobservable.cell.as_mut().unwrap().denials = Observation::NotObservable("native enforcement".into());
    assert_eq!(said(unobservable), "denials not observable: native enforcement");
    let mut lost = ended(Outcome::Exited(0));
    lost.unseen = Some("the listener ended early".into());
    assert_eq!(said(lost), "denials may be missing: the listener ended early");
    let none = Outcome::NotStarted("no engine\n\u{1b}[31m".into());
    assert_eq!(
        said(Summary { outcome: Some((none, Duration::ZERO)), ..Summary::default() }),
        "not started: no engine \\x1b[31m"
    );
    let stopped = Summary { outcome: Some((Outcome::Stopped, Duration::ZERO)), ..Summary::default() };
    assert_eq!(said(stopped), "no denials to see: stopped by the reviewer; no cell stood");
}

#[test]
fn what_may_be_missing_is_said_above_the_rows_too() {
    let mut summary = some();
    summary.unseen = Some("the listener ended early".into());
    let run = record(summary);
    let rows = inner(&DenialsPane::default(), &run, 60, 5);
    assert_eq!(rows[0], "more denials may be missing: the listener ended early");
    assert!(rows[4].contains("bpf"), "{rows:?}");
    assert!(screen(&DenialsPane::default(), Some(&run), 60, 5)[0].contains("3 kinds · at least 1,206 calls"));
}

#[test]
fn a_limit_alone_leaves_it_said_that_no_call_was_refused() {
    let mut summary = ended(Outcome::Exited(0));
    met(&mut summary, LimitKind::OutputCut(Stream::Stdout), 4096);
    assert_eq!(
        inner(&DenialsPane::default(), &record(summary), 60, 3)[..2],
        ["none: the seccomp filter refused nothing", "    5.0 ms output   stdout cut by 4 KiB"]
    );
}

#[test]
fn a_filter_that_hides_everything_says_how_much() {
    let run = record(some());
    let mut pane = DenialsPane::default();
    pane.set_filter("nothing_like_it".to_owned());
    assert_eq!(inner(&pane, &run, 60, 3)[0], "4 hidden by the filter");
    press(&mut pane, &run, &[Command::Up, Command::Top, Command::Bottom, Command::PageDown]);
    assert_eq!(pane.selected_moment(&run), None);
}

#[test]
fn every_word_of_a_filter_must_match_somewhere_and_a_negated_one_nowhere() {
    let run = record(some());
    for (filter, names) in [
        ("", &["connect", "ptrace", "fork refused", "bpf"][..]),
        ("CONN", &["connect"]),
        ("127.0.0.1:80", &["connect"]),
        ("eperm", &["connect", "ptrace"]),
        ("eperm !traceme", &["connect"]),
        ("seccomp killed", &["bpf"]),
        ("python3 812 ptrace", &["ptrace"]),
        ("pids", &["fork refused"]),
        ("!seccomp", &["fork refused"]),
        ("connect ptrace", &[]),
        ("!", &["connect", "ptrace", "fork refused", "bpf"]),
        ("é", &[]),
    ] {
        assert_eq!(filtered(filter, &run), names, "{filter}");
    }
    let mut summary = ended(Outcome::Exited(0));
    denial(&mut summary, 0, "openat", &["\"/tmp/DÉJÀ\""], 1);
    assert_eq!(filtered("déjà", &record(summary)), ["openat"]);
}

#[test]
fn rows_are_in_the_order_of_time_of_count_or_of_the_call() {
    let run = record(some());
    let mut pane = DenialsPane::default();
    let names = |pane: &DenialsPane| pane.window(&run, AREA).rows.iter().map(|row| row.name()).collect::<Vec<_>>();
    assert_eq!(names(&pane), ["connect", "ptrace", "fork refused", "bpf"]);
    press(&mut pane, &run, &[Command::Sort]);
    assert_eq!(names(&pane), ["ptrace", "fork refused", "connect", "bpf"]);
    press(&mut pane, &run, &[Command::Sort]);
    assert_eq!(names(&pane), ["bpf", "connect", "fork refused", "ptrace"]);
    press(&mut pane, &run, &[Command::Sort]);
    assert_eq!(names(&pane), ["connect", "ptrace", "fork refused", "bpf"]);
}

#[test]
fn the_newest_is_followed_until_a_row_is_selected_and_again_when_asked() {
    let mut run = record(many(20));
    let mut pane = DenialsPane::default();
    assert_eq!(selected(&pane, &run), None);
    press(&mut pane, &run, &[Command::Up]);
    assert_eq!(selected(&pane, &run), Some(19));
    press(&mut pane, &run, &[Command::Up]);
    assert_eq!(selected(&pane, &run), Some(18));
    denial(&mut run.log.summary, 18, "call_18", &[], 500);
    denial(&mut run.log.summary, 20, "call_20", &[], 1);
    assert_eq!(pane.selected(&run).map(|denial| denial.count), Some(500));
    assert_eq!(pane.selected_moment(&run), Some(Duration::from_millis(18)));
    press(&mut pane, &run, &[Command::Bottom]);
    assert_eq!(selected(&pane, &run), None);
    assert!(inner(&pane, &run, 60, 5)[4].contains("call_20"));
    press(&mut pane, &run, &[Command::Top, Command::Follow]);
    assert_eq!(selected(&pane, &run), None);
    press(&mut pane, &run, &[Command::Follow]);
    denial(&mut run.log.summary, 21, "call_21", &[], 1);
    assert!(inner(&pane, &run, 60, 5)[4].contains("call_20"), "it stays");
    assert!(!screen(&pane, Some(&run), 60, 5)[0].contains("following"));
}

#[test]
fn pages_and_ends_are_reached_and_the_selection_stays_in_sight() {
    let run = record(many(20));
    let mut pane = DenialsPane::default();
    for (command, id) in [
        (Command::Top, 0),
        (Command::Up, 0),
        (Command::PageDown, 4),
        (Command::PageDown, 8),
        (Command::Down, 9),
        (Command::PageUp, 5),
    ] {
        press(&mut pane, &run, &[command]);
        assert_eq!(selected(&pane, &run), Some(id), "{command}");
        let rows = inner(&pane, &run, 80, 5);
        let marked: Vec<_> = rows.iter().filter(|row| row.starts_with('▸')).collect();
        assert_eq!(marked.len(), 1, "{rows:?}");
        assert!(marked[0].contains(&format!("call_{id}()")), "{rows:?}");
    }
    press(&mut pane, &run, &[Command::PageDown; 9]);
    assert_eq!(selected(&pane, &run), Some(19));
}

#[test]
fn a_limit_can_be_selected_and_is_no_denial() {
    let run = record(some());
    let mut pane = DenialsPane::default();
    press(&mut pane, &run, &[Command::Top, Command::Down, Command::Down]);
    assert!(pane.selected(&run).is_none());
    assert_eq!(pane.selected_moment(&run), Some(Duration::from_millis(5)));
    assert!(matches!(pane.selected_row(&run), Some(Row::Limit(total)) if total.count == 17));
}

#[test]
fn a_selection_that_the_filter_hides_is_none() {
    let run = record(some());
    let mut pane = DenialsPane::default();
    press(&mut pane, &run, &[Command::Top]);
    pane.set_filter("ptrace".to_owned());
    assert_eq!(selected(&pane, &run), None);
    assert_eq!(pane.filter(), "ptrace");
    press(&mut pane, &run, &[Command::Down]);
    assert_eq!(selected(&pane, &run), Some(4));
}

#[test]
fn another_run_is_followed_from_the_start_with_the_filter_that_was_set() {
    let run = record(many(20));
    let mut pane = DenialsPane::default();
    pane.set_filter("call".to_owned());
    press(&mut pane, &run, &[Command::Top]);
    pane.reset();
    assert_eq!(selected(&pane, &run), None);
    assert_eq!(pane.filter(), "call");
    assert!(inner(&pane, &run, 60, 5)[4].contains("call_19"));
}

#[test]
fn a_press_selects_the_row_it_is_on_below_what_is_said_above() {
    let mut summary = many(20);
    summary.unseen = Some("lost".into());
    let run = record(summary);
    let mut pane = DenialsPane::default();
    pane.click(3, 0, Some(&run), AREA);
    assert_eq!(selected(&pane, &run), None, "the words above are no row");
    pane.click(3, 1, Some(&run), AREA);
    assert_eq!(selected(&pane, &run), Some(16));
    pane.click(3, 4, Some(&run), AREA);
    assert_eq!(selected(&pane, &run), Some(19));
    pane.click(3, 5, Some(&run), AREA);
    assert_eq!(selected(&pane, &run), Some(19), "that is the border");
}

#[test]
fn the_wheel_leaves_the_newest_and_comes_back_to_it_and_takes_a_selection_along() {
    let run = record(many(20));
    let mut pane = DenialsPane::default();
    pane.scroll(-3, Some(&run), AREA);
    assert!(inner(&pane, &run, 80, 5)[4].contains("call_16"));
    assert_eq!(selected(&pane, &run), None);
    pane.scroll(9, Some(&run), AREA);
    assert!(pane.is_following());
    press(&mut pane, &run, &[Command::Up]);
    pane.scroll(-2, Some(&run), AREA);
    assert_eq!(selected(&pane, &run), Some(17));
    assert!(inner(&pane, &run, 80, 5)[4].starts_with('▸'));
    let mut short = DenialsPane::default();
    short.scroll(-3, Some(&record(some())), AREA);
    assert!(short.is_following(), "there is nothing to scroll");
}

#[test]
fn arguments_of_any_length_and_width_leave_the_columns_where_they_are() {
    let mut summary = ended(Outcome::Exited(0));
    denial(&mut summary, 0, "openat", &[&"x".repeat(10_000)], 1);
    denial(&mut summary, 1, "openat", &[&"日本".repeat(3000)], 1);
    denial(&mut summary, 2, "openat", &[&format!("e{}", "\u{301}".repeat(9000))], 1);
    denial(&mut summary, 3, "openat", &["<U+202E>\\x1b[31m"], u64::MAX - 10);
    denial(&mut summary, 4, &"c".repeat(500), &["a"], 1);
    let run = record(summary);
    for width in 60..120 {
        let rows = inner(&DenialsPane::default(), &run, width, 5);
        for row in &rows {
            assert!(row.contains("= EPERM"), "{width}: {row}");
            assert!(crate::tui::cells::width(row) <= usize::from(width), "{width}: {row}");
            if width >= 76 {
                assert!(row.ends_with("python3 812"), "{width}: {row}");
            }
        }
        assert!(rows[0].contains("x…) = EPERM") && rows[1].contains("…) = EPERM"), "{rows:?}");
        assert!(rows[2].len() < 2000, "marks that take no cell are bounded");
        assert!(rows[3].contains("×18.4E"), "{}", rows[3]);
    }
    assert!(inner(&DenialsPane::default(), &run, 119, 5)[3].contains("openat(<U+202E>\\x1b[31m) = EPERM"));
}

#[test]
fn a_long_name_of_a_process_is_cut_and_its_id_is_not() {
    let mut summary = ended(Outcome::Exited(0));
    let each = Denial { comm: "\\x1b".repeat(15), pid: 4_194_304, ..refusal(0, "bpf", &[], 1) };
    event(&mut summary, EventKind::Denial(each));
    let row = &inner(&DenialsPane::default(), &record(summary), 80, 1)[0];
    assert!(row.ends_with("… 4194304"), "{row}");
}

#[test]
fn a_kill_is_drawn_as_bad_and_the_selected_row_as_selected() {
    let run = record(some());
    let mut pane = DenialsPane::default();
    let area = Rect { x: 0, y: 0, width: 60, height: 6 };
    let paint = |pane: &DenialsPane| {
        let view = View::new(pane, Some(&run), true, "r", inside(area));
        buffer(60, 6, |frame| render(frame, area, &view, &theme()))
    };
    let drawn = paint(&pane);
    let row = &lines(&drawn)[4];
    let at = u16::try_from(row.chars().position(|c| c == '(').unwrap()).unwrap() + 4;
    assert_eq!(drawn[(at, 4)].symbol(), "k");
    assert_eq!(drawn[(at, 4)].fg, theme().style(Role::Bad).fg.unwrap_or(Color::Reset));
    assert!(drawn[(at - 5, 4)].modifier.contains(Modifier::BOLD), "the call's name is bold");
    press(&mut pane, &run, &[Command::Top]);
    let drawn = paint(&pane);
    assert_eq!(drawn[(1, 1)].symbol(), "▸");
    for x in 1..59 {
        assert_eq!(drawn[(x, 1)].bg, theme().style(Role::Selection).bg.unwrap_or(Color::Reset), "{x}");
    }
}

#[test]
fn the_listed_rows_are_copied_whole() {
    let run = record(some());
    let mut pane = DenialsPane::default();
    pane.set_filter("!bpf".to_owned());
    let [Effect::Copy(text)] = &pane.command(Command::Copy, Some(&run), AREA)[..] else { panic!() };
    assert_eq!(
        text,
        "   2.0 ms  seccomp  connect(3, {AF_INET 127.0.0.1:80}) = EPERM python3 812\n   \
         4.0 ms  seccomp  ptrace(PTRACE_TRACEME) = EPERM ×1,204 python3 812\n   \
         5.0 ms  pids     fork refused ×17\n"
    );
    assert!(pane.command(Command::Copy, None, AREA).is_empty());
    assert!(pane.command(Command::Copy, Some(&record(ended(Outcome::Exited(0)))), AREA).is_empty());
}

#[test]
fn a_copy_is_bounded_and_says_what_it_leaves_out() {
    let mut summary = ended(Outcome::Exited(0));
    summary.unseen = Some("lost".into());
    for id in 0..4100 {
        denial(&mut summary, id, "openat", &["日".repeat(30).as_str()], 1);
    }
    let mut pane = DenialsPane::default();
    let [Effect::Copy(text)] = &pane.command(Command::Copy, Some(&record(summary)), AREA)[..] else { panic!() };
    assert!(text.len() <= MOST_COPIED && text.len() > MOST_COPIED - 500, "{}", text.len());
    assert!(text.starts_with("more denials may be missing: lost\n"));
    let copied = text.lines().count() - 2;
    assert!(text.ends_with(&format!("… {} more, too many to copy\n", 4100 - copied)), "{copied}");
}

#[test]
fn what_is_known_of_a_filter_is_of_one_run_and_grows_with_it() {
    let mut run = record(some());
    let mut pane = DenialsPane::default();
    pane.set_filter("ptrace".to_owned());
    let names = |pane: &DenialsPane, run: &RunRecord| -> Vec<String> {
        pane.window(run, AREA).rows.iter().map(|row| row.name().to_owned()).collect()
    };
    pane.notice(&run);
    denial(&mut run.log.summary, 20, "ptrace", &["PTRACE_ATTACH"], 1);
    assert_eq!(names(&pane, &run), ["ptrace", "ptrace"]);
    pane.notice(&run);
    assert_eq!(names(&pane, &run), ["ptrace", "ptrace"]);
    let mut other = record(many(30));
    other.id = RunId(4);
    denial(&mut other.log.summary, 2, "ptrace", &[], 1);
    assert_eq!(names(&pane, &other), ["ptrace"]);
    pane.notice(&other);
    assert_eq!(names(&pane, &other), ["ptrace"]);
    pane.set_filter("call_7".to_owned());
    assert_eq!(names(&pane, &other), ["call_7"]);
}

#[test]
fn four_thousand_denials_are_filtered_sorted_and_drawn() {
    let mut summary = ended(Outcome::Exited(0));
    for id in 0..4100 {
        denial(&mut summary, id, "openat", &["AT_FDCWD", &format!("\"/usr/lib/{id}\""), "O_RDONLY"], u64::from(id) + 1);
    }
    let run = record(summary);
    let mut pane = DenialsPane::default();
    pane.set_filter("openat !/4099".to_owned());
    pane.notice(&run);
    press(&mut pane, &run, &[Command::Sort]);
    let rows = inner(&pane, &run, 70, 3);
    assert!(rows[0].contains("×4,099") && rows[0].contains("/usr/lib/4098"), "{rows:?}");
    assert!(screen(&pane, Some(&run), 70, 5)[4].contains("4,099 of 4,100"));
}
