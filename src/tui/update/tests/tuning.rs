//! The tuning bench: decisions that become edits, the working profile, breakpoints, and the proof.

use std::sync::Arc;

use super::*;
use crate::run::{HeldId, Stream, Verdict};
use crate::seccomp::{Action as Does, Profile};
use crate::tui::fixture::{asking, held_call};
use crate::tui::update::session;

fn current(state: &State) -> Arc<Profile> {
    Arc::clone(state.tuning.of(&state.bench.policy).unwrap().space.current())
}

fn says(state: &State, call: &str) -> Option<Does> {
    current(state).says(call).plain()
}

fn judged(effects: &[Effect]) -> Option<&Arc<Profile>> {
    effects.iter().find_map(|effect| match effect {
        Effect::Judge(_, profile) => Some(profile),
        _ => None,
    })
}

/// Moves to the row that has these words.
fn select(state: &mut State, words: &str) {
    for _ in 0..40 {
        let screen = fixture::screen(state);
        if screen.lines().any(|line| line.contains('▸') && line.contains(words)) {
            return;
        }
        press(state, Command::Down);
    }
    panic!("{words}: {}", fixture::screen(state));
}

#[test]
fn a_held_call_is_allowed_from_now_on_with_the_arguments_that_tell_most_of_it() {
    let mut state = asking(&[held_call(1, "socket", 5)]);
    assert!(press(&mut state, Command::AllowFrom).is_empty());
    let screen = fixture::screen(&state);
    for part in
        ["socket from now on", "exfiltrate.py line 5", "[x] argument 1 is AF_INET", "[ ] argument 3 is 0", "Risk"]
    {
        assert!(screen.contains(part), "{part}: {screen}");
    }
    let effects = press(&mut state, Command::Accept);
    let profile = judged(&effects).unwrap();
    let says = profile.says("socket");
    let (action, lists) = says.cases.iter().find(|(action, _)| action.allows()).unwrap();
    let bound =
        |list: &Vec<crate::seccomp::ArgCondition>| list.len() == 2 && list[0].value_two == 2 && list[1].value_two == 1;
    assert!(action.allows() && lists.iter().any(bound), "{says:?}");
    assert!(
        notice(&state).contains("python+1: socket is allowed with these arguments; u takes it back"),
        "{}",
        notice(&state)
    );
    let comment = profile.rules.last().unwrap().comment.clone().unwrap();
    assert_eq!(comment, "exfiltrate.py line 5: socket(AF_INET, SOCK_STREAM, 0)");
    assert!(fixture::screen(&state).contains("python+1"));
}

#[test]
fn an_edit_is_taken_back_and_made_again_and_the_run_is_told_each_time() {
    let mut state = asking(&[held_call(1, "socket", 5)]);
    press(&mut state, Command::AllowFrom);
    select(&mut state, "whatever its arguments");
    press(&mut state, Command::Accept);
    assert_eq!(says(&state, "socket"), Some(Does::Allow));
    let effects = press(&mut state, Command::UndoEdit);
    assert!(judged(&effects).is_some_and(|profile| profile.says("socket").plain() != Some(Does::Allow)));
    let effects = press(&mut state, Command::RedoEdit);
    assert!(judged(&effects).is_some_and(|profile| profile.says("socket").plain() == Some(Does::Allow)));
    press(&mut state, Command::ResetProfile);
    assert_eq!(state.tuning.edits(&state.bench.policy), 0);
    press(&mut state, Command::RedoEdit);
    assert_eq!(state.tuning.edits(&state.bench.policy), 1, "what was reset can be made again");
    press(&mut state, Command::RedoEdit);
    assert_eq!(notice(&state), "no edit was taken back");
}

#[test]
fn after_the_run_a_refused_call_is_allowed_for_the_next_one() {
    let mut state = fixture::ended(STANDARD);
    press(&mut state, Command::FocusDenials);
    press(&mut state, Command::AllowFrom);
    select(&mut state, "all that this run was refused so far: 2 calls, also");
    let effects = press(&mut state, Command::Accept);
    assert!(judged(&effects).is_none(), "nothing runs");
    assert_eq!((says(&state, "socket"), says(&state, "connect")), (Some(Does::Allow), Some(Does::Allow)));
    assert_eq!(state.tuning.edits(&state.bench.policy), 2);
    fixture::warm(&mut state);
    let effects = press(&mut state, Command::Run);
    let profile = run_in(&effects).unwrap().profile.clone().unwrap();
    assert_eq!(profile, current(&state));
    press(&mut state, Command::UndoEdit);
    assert_eq!(state.tuning.edits(&state.bench.policy), 0, "both were one step");
}

#[test]
fn a_limit_and_nothing_at_all_are_no_call_to_allow() {
    let mut state = fixture::ready(STANDARD);
    press(&mut state, Command::AllowFrom);
    assert_eq!(notice(&state), "nothing has run yet");
    let mut state = fixture::ended(STANDARD);
    press(&mut state, Command::FocusDenials);
    press(&mut state, Command::Bottom);
    press(&mut state, Command::Up);
    press(&mut state, Command::AllowFrom);
    assert!(notice(&state).contains("no call that a profile could allow"), "{}", notice(&state));
}

#[test]
fn calls_of_low_risk_are_allowed_as_they_come_and_others_are_asked_about() {
    let mut state = asking(&[held_call(1, "sysinfo", 5)]);
    press(&mut state, Command::ProfileView);
    // The shipped profile allows most of them: take one away to be held.
    press(&mut state, Command::Back);
    press(&mut state, Command::AllowFrom);
    select(&mut state, "every call of low risk");
    let effects = press(&mut state, Command::Accept);
    assert!(matches!(effects.last(), Some(Effect::Break(_, points)) if points.on && points.a_second.is_none()));
    tell(&mut state, 50, EventKind::Settled { id: HeldId(1), how: crate::run::Settled::Allowed });
    press(&mut state, Command::FocusSpecimen);
    let effects = tell(&mut state, 60, EventKind::Break(Box::new(held_call(2, "sched_rr_get_interval", 6))));
    assert!(effects.is_empty() || judged(&effects).is_some());
    assert_eq!((says(&state, "sched_rr_get_interval"), state.focus), (Some(Does::Allow), Pane::Specimen));
    tell(&mut state, 61, EventKind::Settled { id: HeldId(2), how: crate::run::Settled::Allowed });
    let effects = tell(&mut state, 70, EventKind::Break(Box::new(held_call(3, "ptrace", 6))));
    assert!(effects.is_empty() && state.focus == Pane::Denials);
    assert_ne!(says(&state, "ptrace"), Some(Does::Allow));
}

#[test]
fn clone3_is_refused_so_that_the_c_library_takes_clone() {
    let mut state = asking(&[held_call(1, "clone3", 5)]);
    press(&mut state, Command::AllowFrom);
    let effects = press(&mut state, Command::Accept);
    let answer = effects.iter().any(|effect| matches!(effect, Effect::Answer(_, HeldId(1), Verdict::DenyWith(38))));
    assert!(answer && judged(&effects).is_some(), "{effects:?}");
    assert_eq!(says(&state, "clone3"), Some(Does::Errno(38)));
}

#[test]
fn another_errno_is_answered_once_or_from_now_on() {
    let mut state = asking(&[held_call(1, "socket", 5)]);
    press(&mut state, Command::DenyErrno);
    typed(&mut state, "EACC");
    let effects = press(&mut state, Command::Accept);
    assert!(matches!(effects[..], [Effect::Answer(_, HeldId(1), Verdict::DenyWith(13))]), "{effects:?}");
    assert_eq!(state.tuning.edits(&state.bench.policy), 0);
    press(&mut state, Command::DenyErrno);
    typed(&mut state, "2000");
    let effects = press(&mut state, Command::Indent);
    let at = |wanted: fn(&Effect) -> bool| effects.iter().position(wanted).unwrap();
    let judge = at(|effect| matches!(effect, Effect::Judge(..)));
    let answer = at(|effect| matches!(effect, Effect::Answer(_, HeldId(1), Verdict::DenyWith(2000))));
    let rest = at(|effect| matches!(effect, Effect::Break(_, points) if points.except.contains("socket")));
    assert!(judge < answer && answer < rest, "the next such call meets the new answer: {effects:?}");
    assert_eq!(says(&state, "socket"), Some(Does::Errno(2000)));
    press(&mut state, Command::DenyErrno);
    typed(&mut state, "9999");
    press(&mut state, Command::Accept);
    assert!(notice(&state).contains("from 1 to 4095"), "{}", notice(&state));
    assert!(state.overlay.is_none());
}

#[test]
fn an_answer_that_comes_too_late_answers_no_other_call() {
    let mut state = asking(&[held_call(1, "socket", 5)]);
    press(&mut state, Command::DenyErrno);
    tell(&mut state, 50, EventKind::Settled { id: HeldId(1), how: crate::run::Settled::Gone });
    tell(&mut state, 51, EventKind::Break(Box::new(held_call(2, "connect", 6))));
    assert!(press(&mut state, Command::Accept).is_empty());
    assert_eq!(notice(&state), "that call is held no more");
}

#[test]
fn a_run_that_was_launched_with_a_call_allowed_keeps_it_and_that_is_said() {
    let mut state = fixture::running(STANDARD);
    press(&mut state, Command::ProfileView);
    press(&mut state, Command::Filter);
    typed(&mut state, "getrandom");
    press(&mut state, Command::Accept);
    select(&mut state, "getrandom");
    press(&mut state, Command::Toggle);
    assert!(notice(&state).contains("from the next run on"), "{}", notice(&state));
    assert!(says(&state, "getrandom").is_some_and(|action| !action.allows()));
}

#[test]
fn the_profile_is_saved_where_asked_and_the_command_names_the_file() {
    let mut state = fixture::ended(STANDARD);
    press(&mut state, Command::FocusDenials);
    press(&mut state, Command::AllowFrom);
    select(&mut state, "whatever its arguments");
    press(&mut state, Command::Accept);
    press(&mut state, Command::ShowCommand);
    assert!(fixture::screen(&state).contains("python+1 are in no file"));
    assert!(press(&mut state, Command::Copy).is_empty());
    assert!(notice(&state).contains("w saves it first"), "{}", notice(&state));
    press(&mut state, Command::Back);
    press(&mut state, Command::SavePolicy);
    assert!(notice(&state).contains("in no file"), "{}", notice(&state));
    press(&mut state, Command::ShowCommand);
    press(&mut state, Command::SaveProfile);
    let effects = press(&mut state, Command::Accept);
    let [Effect::Save { path, bytes, replace: false }] = &effects[..] else { panic!("{effects:?}") };
    assert_eq!(path, &PathBuf::from("python-tuned.json"));
    assert!(String::from_utf8_lossy(bytes).contains("exfiltrate.py line 6"));
    act(&mut state, Action::Saved(path.clone(), Ok(())));
    press(&mut state, Command::ShowCommand);
    let screen = fixture::screen(&state);
    assert!(screen.contains("seccomp=/work/python-tuned.json") && !screen.contains("in no file"), "{screen}");
    assert!(matches!(press(&mut state, Command::Copy)[..], [Effect::Copy(_)]));
    press(&mut state, Command::Back);
    // One more edit, and the file is another profile.
    press(&mut state, Command::UndoEdit);
    press(&mut state, Command::RedoEdit);
    press(&mut state, Command::ShowCommand);
    assert!(!fixture::screen(&state).contains("in no file"), "it is the same again");
}

#[test]
fn edits_outlive_the_session_and_those_of_another_profile_wait_for_it() {
    let mut state = fixture::ended(STANDARD);
    press(&mut state, Command::FocusDenials);
    press(&mut state, Command::AllowFrom);
    select(&mut state, "whatever its arguments");
    press(&mut state, Command::Accept);
    let remembered = session(&state);
    assert_eq!(remembered.profiles["python"].len(), 1);
    let json = serde_json::to_string(&remembered).unwrap();
    let remembered: crate::tui::session::Session = serde_json::from_str(&json).unwrap();

    let mut next = fixture::empty(STANDARD);
    next.tuning = crate::tui::tuning::Tuning::new(remembered.profiles);
    assert_eq!(session(&next).profiles["python"].len(), 1, "not lost before the profile is read");
    fixture::read_profile(&mut next);
    assert_eq!(next.tuning.label(&next.bench.policy), "python+1");
    assert_eq!(current(&next), current(&state));

    // Another profile has no edits of this one; back at this one they are there again.
    next.bench.policy.set(Layer::Seccomp, "seed-allowlist").unwrap();
    fixture::read_profile(&mut next);
    assert_eq!(next.tuning.label(&next.bench.policy), "seed-allowlist");
    next.bench.policy.set(Layer::Seccomp, "python").unwrap();
    fixture::read_profile(&mut next);
    assert_eq!(next.tuning.label(&next.bench.policy), "python+1");
}

#[test]
fn a_profile_that_cannot_be_read_is_told_where_it_would_be_changed() {
    let mut state = fixture::ended(STANDARD);
    state.bench.policy.set(Layer::Seccomp, "/nowhere/x.json").unwrap();
    let effects = act(&mut state, Action::Tick);
    assert!(
        matches!(&effects[..], [Effect::LoadProfile(policy)] if policy.setting(Layer::Seccomp) == "/nowhere/x.json")
    );
    let origin = crate::tui::tuning::Origin::of(&state.bench.policy);
    act(&mut state, Action::ProfileLoaded(origin, Err("No such file".to_owned())));
    press(&mut state, Command::FocusDenials);
    press(&mut state, Command::AllowFrom);
    assert_eq!(notice(&state), "the profile cannot be changed: No such file");
    press(&mut state, Command::ProfileView);
    assert!(fixture::screen(&state).contains("No such file"));
}

#[test]
fn calls_are_found_switched_and_put_under_conditions_in_the_profile_view() {
    let mut state = fixture::ready(STANDARD);
    press(&mut state, Command::ProfileView);
    press(&mut state, Command::Filter);
    typed(&mut state, "ptrace");
    press(&mut state, Command::Accept);
    select(&mut state, "ptrace");
    press(&mut state, Command::Toggle);
    assert_eq!(says(&state, "ptrace"), Some(Does::Allow));
    press(&mut state, Command::Toggle);
    assert_ne!(says(&state, "ptrace"), Some(Does::Allow));
    press(&mut state, Command::EditCondition);
    typed(&mut state, "0=x");
    press(&mut state, Command::Accept);
    assert!(fixture::screen(&state).contains("is no condition"));
    press(&mut state, Command::Back);
    assert!(matches!(state.overlay, Some(Overlay::Profile)), "the question is over, the view is not");
    press(&mut state, Command::EditCondition);
    typed(&mut state, "0=0");
    press(&mut state, Command::Accept);
    assert_eq!(says(&state, "ptrace"), None, "it depends on its arguments");
    press(&mut state, Command::EditDeny);
    typed(&mut state, "ENOSYS");
    press(&mut state, Command::Accept);
    assert_eq!(says(&state, "ptrace"), Some(Does::Errno(38)));
    press(&mut state, Command::EditDefault);
    assert!(current(&state).says("ptrace").is_default());
    press(&mut state, Command::NextPane);
    let screen = fixture::screen(&state);
    assert!(screen.contains("by hand") && screen.contains("refuse ptrace with ENOSYS"), "{screen}");
    press(&mut state, Command::NextPane);
    assert!(fixture::screen(&state).contains("does what it did"));
    press(&mut state, Command::NextPane);
    press(&mut state, Command::NextPane);
    assert!(fixture::screen(&state).contains("/ ptrace"), "back at the calls");
    press(&mut state, Command::Back);
    press(&mut state, Command::Back);
    assert!(state.overlay.is_none());
}

#[test]
fn the_calls_of_low_risk_for_a_purpose_are_allowed_as_one_edit() {
    let mut state = fixture::ready(STANDARD);
    state.bench.policy.set(Layer::Seccomp, "seed-allowlist").unwrap();
    fixture::read_profile(&mut state);
    press(&mut state, Command::ProfileView);
    press(&mut state, Command::EditAllow);
    assert!(notice(&state).contains("of low risk for files allowed"), "{}", notice(&state));
    assert_eq!(says(&state, "pread64"), Some(Does::Allow));
    press(&mut state, Command::UndoEdit);
    assert_eq!(state.tuning.edits(&state.bench.policy), 0);
}

#[test]
fn breakpoints_are_set_by_purpose_by_call_and_by_line() {
    let mut state = fixture::running(STANDARD);
    press(&mut state, Command::Breakpoints);
    select(&mut state, "network (20 calls)");
    let effects = press(&mut state, Command::Toggle);
    let [Effect::Break(_, points)] = &effects[..] else { panic!("{effects:?}") };
    assert!(points.may_hold("socket") && !points.may_hold("openat") && points.a_second.is_some());
    press(&mut state, Command::AddPoint);
    typed(&mut state, "no_such");
    press(&mut state, Command::Accept);
    assert!(fixture::screen(&state).contains("no system call of this machine"));
    press(&mut state, Command::LineStart);
    press(&mut state, Command::DeleteLineEnd);
    typed(&mut state, "ptrace");
    let effects = press(&mut state, Command::Accept);
    assert!(matches!(&effects[..], [Effect::Break(_, points)] if points.may_hold("ptrace")), "{effects:?}");
    press(&mut state, Command::Back);
    press(&mut state, Command::FocusSpecimen);
    state.editor.goto_line(6);
    let effects = press(&mut state, Command::BreakLine);
    assert!(matches!(&effects[..], [Effect::Break(_, points)] if points.lines.contains(&6)), "{effects:?}");
    assert!(fixture::screen(&state).contains("6◆"));
    press(&mut state, Command::Breakpoints);
    let screen = fixture::screen(&state);
    assert!(screen.contains("line 6: s.connect") && screen.contains("from line 6"), "{screen}");
    select(&mut state, "line 6");
    press(&mut state, Command::Toggle);
    assert!(state.marks.is_empty() && state.breaks.on);
    for point in ["call ptrace", "network (20 calls)"] {
        select(&mut state, point);
        press(&mut state, Command::Toggle);
    }
    assert!(!state.breaks.on, "who takes the last one away does not want every call held");
}

#[test]
fn a_marked_line_is_followed_while_the_text_is_changed() {
    let mut state = fixture::ready(STANDARD);
    state.editor.goto_line(6);
    press(&mut state, Command::BreakLine);
    press(&mut state, Command::Top);
    press(&mut state, Command::Edit);
    typed(&mut state, "\n");
    press(&mut state, Command::Back);
    assert_eq!(state.breakpoints(state.editor.revision()).lines, [7].into());
    let effects = press(&mut state, Command::Run);
    assert!(effects.iter().any(|effect| matches!(effect, Effect::Break(_, points) if points.lines.contains(&7))));
}

/// Runs to its end with that output.
fn runs(state: &mut State, text: &str, outcome: Outcome) -> Vec<Effect> {
    tell(state, 5, EventKind::Output { stream: Stream::Stdout, bytes: text.as_bytes().to_vec() });
    fixture::end(state, outcome)
}

fn is_native(effects: &[Effect]) -> Option<bool> {
    run_in(effects).map(|request| request.native)
}

#[test]
fn a_proof_runs_supervised_and_then_natively_and_says_whether_they_agree() {
    let mut state = fixture::ready(STANDARD);
    for (native, said) in [("one\n", "native run agrees with run 1"), ("two\n", "native run differs from run 1")] {
        state.now += Duration::from_secs(20);
        let mut effects = press(&mut state, Command::Prove);
        if let Some(Overlay::Confirm(Confirm::AllowStart { calls })) = &state.overlay {
            assert!(calls.contains(&"fstatfs") || !calls.is_empty());
            effects = act(&mut state, Action::Type('y'));
        }
        if state.runs.count == 1 {
            assert_eq!(is_native(&effects), Some(false), "{effects:?}");
            effects = runs(&mut state, "one\n", Outcome::Exited(0));
        }
        assert_eq!(is_native(&effects), Some(true), "{effects:?}");
        runs(&mut state, native, Outcome::Exited(0));
        let screen = fixture::screen(&state);
        assert!(screen.contains(said), "{said}: {screen}");
    }
    assert!(!state.bench.native, "the bench is as it was");
}

#[test]
fn a_run_that_was_answered_by_hand_proves_nothing() {
    let mut state = fixture::ready(STANDARD);
    press(&mut state, Command::Break);
    press(&mut state, Command::Prove);
    if state.overlay.is_some() {
        act(&mut state, Action::Type('y'));
    }
    tell(&mut state, 40, EventKind::Break(Box::new(held_call(1, "socket", 5))));
    press(&mut state, Command::Allow);
    fixture::end(&mut state, Outcome::Exited(0));
    assert!(notice(&state).starts_with("nothing is proven"), "{}", notice(&state));
    assert!(state.runs.live().is_none());
}
