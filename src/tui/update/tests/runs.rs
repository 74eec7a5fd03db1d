//! Runs: begun, held, stopped, kept.

use super::*;
use crate::run::{Denial, HeldId, Refusal, Settled, Source, Verdict};
use crate::tui::fixture::{asking, held_call};

#[test]
fn run_takes_the_warm_cell_and_the_specimen_as_it_is() {
    let mut state = fixture::ready(STANDARD);
    assert!(matches!(state.warm, WarmCell::Ready(_, took) if took == Duration::from_millis(212)));
    let effects = press(&mut state, Command::Run);
    assert_eq!(run_in(&effects).unwrap().policy, state.bench.policy);
    let Some(Effect::Run(_, _, specimen)) = effects.iter().find(|effect| matches!(effect, Effect::Run(..))) else {
        panic!("{effects:?}")
    };
    assert_eq!(specimen.bytes, fixture::SPECIMEN.as_bytes());
    let run = state.runs.shown().unwrap();
    assert_eq!((run.phase, run.warm), (Phase::Starting, true));
}

#[test]
fn run_without_an_engine_or_a_specimen_says_why_and_runs_nothing() {
    let mut state = fixture::lost(STANDARD);
    assert!(press(&mut state, Command::Run).is_empty());
    assert!(notice(&state).contains("/run/docker.sock"), "{}", notice(&state));
    let mut state = fixture::empty(STANDARD);
    act(&mut state, Action::Connected(Ok(Box::new(fixture::engine()))));
    assert!(run_in(&press(&mut state, Command::Run)).is_none());
    assert!(notice(&state).contains("empty"), "{}", notice(&state));
    assert!(state.runs.kept.is_empty());
}

#[test]
fn run_while_one_runs_stops_it_and_begins_anew_once_it_is_over() {
    let mut state = fixture::running(STANDARD);
    let effects = press(&mut state, Command::Run);
    assert!(matches!(effects[..], [Effect::Stop(id)] if id.0 == 1));
    let effects = fixture::end(&mut state, Outcome::Stopped);
    assert!(run_in(&effects).is_some());
    assert_eq!(state.runs.kept.len(), 2);
    assert_eq!(state.runs.shown, 1);
    assert!(!state.rerun);
}

#[test]
fn stop_kills_what_runs_and_nothing_else() {
    let mut state = fixture::running(STANDARD);
    assert!(matches!(press(&mut state, Command::Stop)[..], [Effect::Stop(_)]));
    let mut state = fixture::ended(STANDARD);
    assert!(press(&mut state, Command::Stop).is_empty());
    assert_eq!(notice(&state), "nothing runs");
}

#[test]
fn hold_stops_the_clock_of_the_deadline_and_goes_on_from_there() {
    let mut state = fixture::running(STANDARD);
    assert!(matches!(press(&mut state, Command::Hold)[..], [Effect::Hold(_, true)]));
    let before = state.runs.shown().unwrap().elapsed(state.now);
    tell(&mut state, 1200, EventKind::Held { held: true });
    state.now += Duration::from_mins(1);
    assert_eq!(state.runs.shown().unwrap().phase, Phase::Held);
    assert_eq!(state.runs.shown().unwrap().elapsed(state.now), before);
    assert!(matches!(press(&mut state, Command::Hold)[..], [Effect::Hold(_, false)]));
    tell(&mut state, 61_200, EventKind::Held { held: false });
    state.now += Duration::from_secs(1);
    assert_eq!(state.runs.shown().unwrap().elapsed(state.now), before + Duration::from_secs(1));
}

#[test]
fn the_time_from_the_key_to_the_first_output_is_kept() {
    let mut state = fixture::running(STANDARD);
    assert_eq!(state.runs.shown().unwrap().first_output, Some(Duration::from_millis(31)));
    state.now += Duration::from_secs(1);
    tell(&mut state, 2000, EventKind::Output { stream: crate::run::Stream::Stdout, bytes: b"more".to_vec() });
    assert_eq!(state.runs.shown().unwrap().first_output, Some(Duration::from_millis(31)));
}

#[test]
fn the_end_of_a_run_stays_on_the_screen_and_the_next_cell_is_made() {
    let mut state = fixture::running(STANDARD);
    let effects = fixture::end(&mut state, Outcome::Exited(1));
    assert!(matches!(effects[..], [Effect::Settle(_)]));
    assert_eq!(state.runs.shown().unwrap().phase, Phase::Ended);
    fixture::warm(&mut state);
    assert!(matches!(state.warm, WarmCell::Ready(..)));
}

#[test]
fn a_run_that_could_not_start_says_why() {
    let mut state = fixture::ready(STANDARD);
    fixture::begin(&mut state);
    fixture::end(&mut state, Outcome::NotStarted("image code-sandbox:latest is not there\u{1b}[2J".to_owned()));
    assert!(notice(&state).contains("is not there\\x1b"), "{}", notice(&state));
}

#[test]
fn runs_are_flipped_through_and_compared() {
    let mut state = fixture::ended(STANDARD);
    press(&mut state, Command::OlderRun);
    assert_eq!(notice(&state), "there is no earlier run");
    press(&mut state, Command::Compare);
    assert!(state.overlay.is_none());
    fixture::warm(&mut state);
    fixture::begin(&mut state);
    fixture::end(&mut state, Outcome::Exited(0));
    press(&mut state, Command::OlderRun);
    assert_eq!(state.runs.shown().unwrap().id.0, 1);
    press(&mut state, Command::NewerRun);
    assert_eq!(state.runs.shown().unwrap().id.0, 2);
    press(&mut state, Command::NewerRun);
    assert_eq!(notice(&state), "this is the last run");
    press(&mut state, Command::Compare);
    assert!(matches!(state.overlay, Some(Overlay::Compare(_))));
}

#[test]
fn the_history_is_bounded_and_keeps_the_newest() {
    let mut state = fixture::ready(STANDARD);
    for _ in 0..40 {
        press(&mut state, Command::Run);
        fixture::end(&mut state, Outcome::Exited(0));
    }
    assert_eq!(state.runs.kept.len(), 12);
    assert_eq!(state.runs.shown().unwrap().id.0, 40);
}

#[test]
fn what_runs_can_be_stopped_and_held_whatever_is_open() {
    for open in [Command::Help, Command::Palette, Command::Open, Command::ShowCommand] {
        let mut state = fixture::running(STANDARD);
        press(&mut state, open);
        assert!(matches!(press(&mut state, Command::Hold)[..], [Effect::Hold(_, true)]), "{open}");
        assert!(matches!(press(&mut state, Command::Stop)[..], [Effect::Stop(_)]), "{open}");
    }
}

#[test]
fn the_detail_opens_on_the_newest_and_never_stands_unseen() {
    let mut state = fixture::running(STANDARD);
    state.focus = Pane::Denials;
    press(&mut state, Command::Accept);
    assert!(matches!(state.overlay, Some(Overlay::Detail { .. })));
    fixture::end(&mut state, Outcome::Exited(0));
    press(&mut state, Command::Back);
    let mut state = fixture::ready(STANDARD);
    state.focus = Pane::Denials;
    press(&mut state, Command::Accept);
    assert!(state.overlay.is_none());
    assert!(notice(&state).contains("no denial"));
    // A new run takes the place of the one that the detail told of.
    let mut state = fixture::ended(STANDARD);
    state.focus = Pane::Denials;
    press(&mut state, Command::Accept);
    fixture::warm(&mut state);
    crate::tui::update::run::begin(&mut state);
    act(&mut state, Action::Tick);
    assert!(state.overlay.is_none());
}

#[test]
fn a_denial_leads_to_its_line_and_back_by_the_marks_in_the_gutter() {
    let mut state = fixture::ended(STANDARD);
    press(&mut state, Command::FocusDenials);
    press(&mut state, Command::Top);
    press(&mut state, Command::GotoLine);
    assert_eq!((state.focus, state.editor.position()), (Pane::Specimen, (5, 1)));
    press(&mut state, Command::NextMark);
    assert_eq!(state.editor.position().0, 6, "the other line with a denial");
    press(&mut state, Command::NextMark);
    assert_eq!(state.editor.position().0, 3, "around to the line with hidden characters");
}

#[test]
fn a_denials_line_is_followed_through_edits_and_not_gone_to_once_it_is_another() {
    let mut state = fixture::ended(STANDARD);
    press(&mut state, Command::Edit);
    act(&mut state, Action::Paste("# above\n".to_owned()));
    press(&mut state, Command::Back);
    press(&mut state, Command::FocusDenials);
    press(&mut state, Command::Top);
    press(&mut state, Command::GotoLine);
    assert_eq!(state.editor.position(), (6, 1));
    press(&mut state, Command::Edit);
    typed(&mut state, "#");
    press(&mut state, Command::Back);
    press(&mut state, Command::FocusDenials);
    press(&mut state, Command::GotoLine);
    assert_eq!((state.focus, notice(&state)), (Pane::Denials, "line 5 of what ran has been changed or replaced since"));
    let screen = fixture::screen(&state);
    assert!(screen.contains("1 line with denials"), "{screen}");
}

#[test]
fn a_denial_without_a_line_says_why() {
    let mut state = fixture::running(STANDARD);
    let source = Source::unknown("the process is no Python interpreter");
    let denial = Denial { source: Some(source.into()), ..fixture::denial(9, "mount", &[], 1, 900) };
    tell(&mut state, 900, EventKind::Denial(denial));
    press(&mut state, Command::FocusDenials);
    press(&mut state, Command::Filter);
    typed(&mut state, "mount");
    press(&mut state, Command::Accept);
    press(&mut state, Command::GotoLine);
    assert_eq!(notice(&state), "the line is not known: the process is no Python interpreter");
    press(&mut state, Command::Accept);
    let screen = fixture::screen(&state);
    assert!(screen.contains("not known: the process is no Python interpreter"), "{screen}");
}

#[test]
fn a_run_is_told_of_the_breakpoint_before_its_first_call_and_when_it_changes() {
    let mut state = fixture::ready(STANDARD);
    assert!(press(&mut state, Command::Break).is_empty(), "nothing runs");
    let effects = press(&mut state, Command::Run);
    assert!(
        matches!(&effects[..], [Effect::Run(id, ..), Effect::Break(same, points), Effect::LoadProfile(_)] if id == same && points.on)
    );
    let effects = press(&mut state, Command::Break);
    assert!(matches!(&effects[..], [Effect::Break(_, points)] if !points.on), "{effects:?}");
}

#[test]
fn a_held_call_is_shown_with_its_line_and_each_key_answers_it() {
    for (command, verdict) in
        [(Command::Deny, Verdict::Deny), (Command::Allow, Verdict::Allow), (Command::KillCaller, Verdict::Kill)]
    {
        let mut state = asking(&[held_call(1, "socket", 5)]);
        assert_eq!((state.focus, state.editor.position().0), (Pane::Denials, 5));
        let screen = fixture::screen(&state);
        for part in ["BREAK", "HELD 1 of 1", "socket(AF_INET, SOCK_STREAM, 0)", "line 5 in main", "d deny", "▶ 5"] {
            assert!(screen.contains(part), "{part}: {screen}");
        }
        let effects = press(&mut state, command);
        assert!(matches!(effects[..], [Effect::Answer(_, HeldId(1), said)] if said == verdict), "{effects:?}");
        tell(&mut state, 50, EventKind::Settled { id: HeldId(1), how: Settled::Allowed });
        assert!(state.asked().is_none());
        press(&mut state, command);
        assert_eq!(notice(&state), "no call is held");
    }
}

#[test]
fn held_calls_queue_and_one_is_never_asked_about_again() {
    let mut state = asking(&[held_call(1, "socket", 5), held_call(2, "connect", 6)]);
    press(&mut state, Command::NextHeld);
    assert_eq!((state.asked().unwrap().1.id, state.editor.position().0), (HeldId(2), 6));
    let effects = press(&mut state, Command::DenyAlways);
    let [Effect::Break(_, points)] = &effects[..] else { panic!("{effects:?}") };
    assert!(points.on && points.except.contains("connect"));
    tell(&mut state, 60, EventKind::Settled { id: HeldId(2), how: Settled::Refused(Refusal::Errno(1)) });
    assert_eq!(state.asked().unwrap().1.id, HeldId(1));
    press(&mut state, Command::Accept);
    let screen = fixture::screen(&state);
    assert!(screen.contains("as if there were no filter") && screen.contains("(0x2)"), "{screen}");
}

#[test]
fn the_deadlines_clock_stands_while_a_call_is_held() {
    let mut state = asking(&[held_call(1, "socket", 5)]);
    let before = state.runs.shown().unwrap().elapsed(state.now);
    state.now += Duration::from_secs(9);
    assert_eq!(state.runs.shown().unwrap().elapsed(state.now), before);
    tell(&mut state, 9000, EventKind::Settled { id: HeldId(1), how: Settled::Gone });
    state.now += Duration::from_secs(1);
    assert_eq!(state.runs.shown().unwrap().elapsed(state.now), before + Duration::from_secs(1));
}

#[test]
fn who_types_is_not_interrupted_by_a_held_call_and_a_flood_is_told() {
    let mut state = asking(&[]);
    press(&mut state, Command::FocusSpecimen);
    press(&mut state, Command::Edit);
    tell(&mut state, 40, EventKind::Break(Box::new(held_call(1, "socket", 5))));
    assert!(state.editing && state.focus == Pane::Specimen && state.editor.position().0 == 1);
    assert!(fixture::screen(&state).contains("BREAK"));
    tell(&mut state, 41, EventKind::Unheld { count: 7 });
    assert!(notice(&state).contains("7 calls answered by the profile"));
}
