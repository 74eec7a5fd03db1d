use super::*;
use crate::run::samples::{denial, ended, event, met, refusal};
use crate::run::{EventKind, Outcome, Sample};
use crate::tui::panes::denials::samples::{buffer, drawn, lines, record, theme};

fn of_denial(denial: &Denial) -> View {
    let mut summary = ended(Outcome::Exited(1));
    event(&mut summary, EventKind::Denial(denial.clone()));
    View::new(&record(summary), Row::Denial(denial), &Keymap::default(), 0)
}

fn of_limit(kind: LimitKind, summary: &mut Summary) -> View {
    met(summary, kind, 17);
    let run = record(summary.clone());
    let total = run.log.summary.limits.iter().find(|total| total.kind == kind).unwrap();
    View::new(&run, Row::Limit(total), &Keymap::default(), 0)
}

fn screen(view: &View, width: u16, height: u16) -> Vec<String> {
    drawn(width, height, |frame| render(frame, frame.area(), view, &theme()))
}

/// What is said under a name, its lines joined.
fn said(view: &View, name: &str) -> String {
    let at = view.facts.iter().position(|fact| fact.name == name).unwrap_or_else(|| panic!("no {name}"));
    view.facts[at].lines(1000).join(" ")
}

#[test]
fn everything_known_of_a_denial_is_said() {
    let view = of_denial(&refusal(12, "connect", &["3", "{AF_INET 127.0.0.1:80}"], 1204));
    let rows = screen(&view, 80, 30);
    let text: Vec<_> = rows.iter().map(|row| row.trim_matches(['║', ' ']).to_owned()).collect();
    for line in [
        "first seen   12.0 ms into a run of 480.2 ms",
        "how often    1,204 times",
        "call         connect",
        "argument 1   3",
        "argument 2   {AF_INET 127.0.0.1:80}",
        "answer       EPERM: Operation not permitted",
        "process      python3, pid 812 as this machine numbers it",
        "layer        seccomp",
        "set to       python",
        "read back    read back",
    ] {
        assert!(text.iter().any(|row| row == line), "{line}\n{rows:#?}");
    }
    assert!(rows.iter().any(|row| row.contains("╔ seccomp: connect ═")), "{rows:#?}");
    assert!(rows.join(" ").contains("Refuses system calls that the profile does not allow"));
    assert!(said(&view, "next").starts_with("the profile `python` refuses it; "));
    assert!(said(&view, "next").ends_with("A allows it from now on, P chooses another profile"));
}

#[test]
fn a_kill_and_an_errno_without_a_name_are_put_in_words() {
    let kill = of_denial(&Denial { refusal: Refusal::Kill, ..refusal(1, "bpf", &[], 1) });
    assert_eq!(said(&kill, "answer"), "killed: the process did not return from the call");
    assert_eq!(said(&kill, "how often"), "once");
    let odd = of_denial(&Denial { refusal: Refusal::Errno(4095), ..refusal(1, "bpf", &[], 1) });
    assert_eq!(said(&odd, "answer"), "errno 4095: Unknown error 4095");
}

#[test]
fn the_row_that_counts_the_rest_names_no_process() {
    let rest = Denial { pid: 0, comm: String::new(), ..refusal(4096, "other calls", &[], 9) };
    assert!(said(&of_denial(&rest), "process").starts_with("many: "));
}

#[test]
fn a_limit_is_told_with_its_setting_and_its_figures() {
    let mut summary = ended(Outcome::Signaled(9));
    let sample = Sample { memory_peak: Some(Bytes::mib(256)), pids_peak: Some(64), ..Sample::default() };
    event(&mut summary, EventKind::Resource(sample));
    summary.stdout.written = 1 << 20;
    let oom = of_limit(LimitKind::OomKill, &mut summary);
    assert_eq!(said(&oom, "peak"), "256 MiB");
    assert_eq!(said(&oom, "set to"), "256m,swap=0");
    let pids = of_limit(LimitKind::PidsRefused, &mut summary);
    assert_eq!(said(&pids, "how often"), "17 times");
    assert_eq!(said(&pids, "peak"), "64 processes and threads");
    assert!(said(&pids, "next").contains("`pids` can be set"));
    let cut = of_limit(LimitKind::OutputCut(Stream::Stdout), &mut summary);
    assert_eq!(said(&cut, "written"), "1 MiB");
    assert_eq!(said(&cut, "dropped"), "1 MiB");
    assert!(cut.facts.iter().all(|fact| fact.name != "how often"), "its count is bytes");
    let cpu = of_limit(LimitKind::CpuThrottled, &mut summary);
    assert_eq!(said(&cpu, "waited"), "unknown: the kernel does not tell");
    of_limit(LimitKind::Deadline, &mut summary);
    of_limit(LimitKind::NprocReached, &mut summary);
}

#[test]
fn a_long_argument_is_shown_whole_with_its_spaces_and_is_scrolled() {
    let long = format!("begin {}  end of it", "x ".repeat(5000));
    let mut view = of_denial(&refusal(1, "execve", &[&long], 1));
    let area = Rect { x: 0, y: 0, width: 80, height: 24 };
    let most = view.most_scroll(area);
    assert!(most > 100, "{most}");
    let mut text = String::new();
    for scroll in 0..=most {
        view.scroll = scroll;
        let rows = screen(&view, 80, 24);
        if scroll < most {
            text.push_str(&rows[1]);
        } else {
            text.push_str(&rows.join("\n"));
        }
    }
    assert!(text.contains("begin x x x") && text.contains("  end of it"));
    view.scroll = u16::MAX;
    let rows = screen(&view, 80, 24);
    assert!(rows[23].contains(&format!("of {}", usize::from(most) + 22)), "{}", rows[23]);
    assert!(rows[22].contains("profile"), "the end is in sight: {rows:#?}");
}

#[test]
fn wide_characters_do_not_leave_the_box() {
    let view = of_denial(&refusal(1, "openat", &["日本語".repeat(60).as_str(), "<U+202E>"], 1));
    for width in 30..90 {
        let rows = screen(&view, width, 40);
        for row in rows.iter().filter(|row| row.contains('║')) {
            assert!(row.ends_with('║'), "{width}: {row}");
            assert_eq!(crate::tui::cells::width(row), usize::from(width), "{row}");
        }
    }
}

#[test]
fn the_box_stands_in_the_middle_and_hides_what_is_below() {
    let mut summary = ended(Outcome::Exited(0));
    denial(&mut summary, 1, "bpf", &[], 1);
    let view = of_denial(&refusal(1, "bpf", &[], 1));
    let drawn = buffer(120, 40, |frame| {
        let fill = ratatui::widgets::Paragraph::new(vec![Line::raw("z".repeat(120)); 40]);
        frame.render_widget(fill, frame.area());
        render(frame, frame.area(), &view, &theme());
    });
    let rows = lines(&drawn);
    let boxed: Vec<_> = rows.iter().filter(|row| row.contains('║')).collect();
    assert!(!boxed.is_empty() && rows[0].starts_with("zzz"));
    for row in boxed {
        assert!(row.starts_with(&"z".repeat(14)) && !row.starts_with(&"z".repeat(15)), "{row}");
        assert_eq!(row.trim_matches('z').matches('z').count(), 0, "{row}");
    }
}

#[test]
fn no_screen_is_too_small() {
    let view = of_denial(&refusal(1, "bpf", &["日本語", ""], 1));
    for (width, height) in [(1, 1), (2, 2), (3, 9), (10, 3), (60, 16)] {
        screen(&view, width, height);
        drawn(width, height, |frame| render(frame, Rect::ZERO, &view, &theme()));
        view.most_scroll(Rect { x: 0, y: 0, width, height });
    }
}
