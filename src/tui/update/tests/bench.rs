//! Layers, policies, engines, and the cell that waits.

use super::*;

#[test]
fn a_toggle_discards_the_cell_that_waits_and_has_another_made_once_the_toggles_rest() {
    let mut state = fixture::ready(STANDARD);
    state.focus = Pane::Layers;
    state.layers.select(Layer::Rootfs);
    let effects = press(&mut state, Command::Toggle);
    let Some(Effect::Settle(first)) = effects.first() else { panic!("{effects:?}") };
    assert!(!state.bench.policy.is_on(Layer::Rootfs));
    let effects = press(&mut state, Command::Toggle);
    let Some(Effect::Settle(second)) = effects.first() else { panic!("{effects:?}") };
    assert!(act(&mut state, Action::Settled(*first)).is_empty(), "an earlier ticket is void");
    let effects = act(&mut state, Action::Settled(*second));
    assert!(matches!(&effects[..], [Effect::Warm(ticket, _)] if ticket == second));
    act(&mut state, Action::Warmed(*first, Ok(())));
    assert!(matches!(state.warm, WarmCell::Warming(..)), "the answer to an earlier ticket is not taken");
}

#[test]
fn a_toggle_during_a_run_applies_to_the_next_and_is_said_to() {
    let mut state = fixture::running(STANDARD);
    state.focus = Pane::Layers;
    state.layers.select(Layer::Rootfs);
    assert!(press(&mut state, Command::Toggle).is_empty());
    assert!(!state.bench.policy.is_on(Layer::Rootfs));
    assert!(state.runs.shown().unwrap().policy.is_on(Layer::Rootfs));
    assert!(notice(&state).contains("applies to the next"), "{}", notice(&state));
}

#[test]
fn a_toggle_that_exposes_the_host_asks_once_and_names_what() {
    let mut state = fixture::ready(STANDARD);
    state.focus = Pane::Layers;
    state.layers.select(Layer::Network);
    assert!(press(&mut state, Command::Toggle).is_empty());
    let Some(Overlay::Confirm(Confirm::Expose { exposures, .. })) = &state.overlay else {
        panic!("{:?}", state.overlay)
    };
    assert!(exposures[0].what.contains("127.0.0.1"));
    assert!(state.bench.policy.is_on(Layer::Network), "nothing has changed before the answer");
    press(&mut state, Command::Accept);
    assert!(state.overlay.is_some(), "Enter is no answer");
    typed(&mut state, "n");
    assert!(state.overlay.is_none() && state.bench.policy.is_on(Layer::Network));

    press(&mut state, Command::Toggle);
    typed(&mut state, "y");
    assert!(!state.bench.policy.is_on(Layer::Network));
    press(&mut state, Command::Toggle);
    press(&mut state, Command::Toggle);
    assert!(state.overlay.is_none(), "it is asked once");
    assert!(!state.bench.policy.is_on(Layer::Network));
}

#[test]
fn a_question_that_is_left_by_escape_is_answered_with_no() {
    let mut state = fixture::ready(STANDARD);
    state.focus = Pane::Layers;
    state.layers.select(Layer::Network);
    press(&mut state, Command::Toggle);
    press(&mut state, Command::Back);
    assert!(state.overlay.is_none() && state.bench.policy.is_on(Layer::Network));
}

#[test]
fn the_policy_bare_asks_before_it_is_taken() {
    let mut state = fixture::ready(STANDARD);
    let bare = Policy::shipped("bare").unwrap();
    assert!(act(&mut state, Action::PolicyLoaded(Ok(Box::new(bare.clone())))).is_empty());
    let Some(Overlay::Confirm(Confirm::Expose { exposures, .. })) = &state.overlay else {
        panic!("{:?}", state.overlay)
    };
    assert!(exposures.iter().any(|exposure| exposure.what.contains("root of the host")));
    assert_eq!(state.bench.base.name, "hardened");
    typed(&mut state, "y");
    assert_eq!((state.bench.base.name.as_str(), state.bench.policy.name.as_str()), ("bare", "bare"));
    assert!(!state.bench.is_changed());
}

#[test]
fn an_exposing_policy_that_a_session_brings_back_is_asked_about_before_the_first_run() {
    let mut state = fixture::ready(STANDARD);
    state.bench.policy.set_on(Layer::Network, false);
    state.bench.base = state.bench.policy.clone();
    assert!(press(&mut state, Command::Run).is_empty());
    assert!(matches!(state.overlay, Some(Overlay::Confirm(Confirm::Expose { then: Then::Run, .. }))));
    typed(&mut state, "y");
    assert_eq!(state.runs.kept.len(), 1);
    fixture::end(&mut state, Outcome::Exited(0));
    assert!(run_in(&press(&mut state, Command::Run)).is_some(), "it is asked once");
}

#[test]
fn a_setting_is_typed_in_place_and_one_that_is_wrong_is_refused_with_what_is_allowed() {
    let mut state = fixture::ready(STANDARD);
    state.focus = Pane::Layers;
    state.layers.select(Layer::Memory);
    press(&mut state, Command::Accept);
    assert!(state.layers.is_editing());
    for _ in 0..40 {
        press(&mut state, Command::DeleteBack);
    }
    typed(&mut state, "5m");
    press(&mut state, Command::Accept);
    assert!(state.layers.is_editing(), "what was typed is not lost");
    assert_eq!(state.bench.policy.setting(Layer::Memory), "256m,swap=0");
    press(&mut state, Command::DeleteBack);
    press(&mut state, Command::DeleteBack);
    act(&mut state, Action::Paste("64m".to_owned()));
    press(&mut state, Command::Accept);
    assert!(!state.layers.is_editing());
    assert_eq!(state.bench.policy.setting(Layer::Memory), "64m,swap=0");
    assert!(state.bench.is_changed());
    press(&mut state, Command::ResetLayer);
    assert!(!state.bench.is_changed());
}

#[test]
fn reset_policy_takes_back_every_change() {
    let mut state = fixture::ready(STANDARD);
    state.bench.policy.set(Layer::Pids, "16").unwrap();
    press(&mut state, Command::ResetPolicy);
    assert_eq!(state.bench.policy, state.bench.base);
}

#[test]
fn an_engine_that_is_lost_is_said_to_be_and_one_that_comes_back_warms_a_cell() {
    let mut state = fixture::lost(STANDARD);
    assert!(matches!(&state.engine, EngineState::Lost(reason) if reason.contains("docker.sock")));
    assert!(matches!(press(&mut state, Command::Reconnect)[..], [Effect::Connect]));
    assert_eq!(state.engine, EngineState::Connecting);
    let effects = act(&mut state, Action::Connected(Ok(Box::new(fixture::engine()))));
    assert!(matches!(effects[..], [Effect::Settle(_)]));
}

#[test]
fn a_cell_that_cannot_be_made_or_is_lost_is_said_with_its_reason() {
    let mut state = fixture::ready(STANDARD);
    let WarmCell::Ready(ticket, _) = state.warm else { panic!() };
    act(&mut state, Action::WarmLost(Ticket(ticket.0 - 1), "another".to_owned()));
    assert!(matches!(state.warm, WarmCell::Ready(..)));
    act(&mut state, Action::WarmLost(ticket, "its container was killed".to_owned()));
    assert!(matches!(&state.warm, WarmCell::Failed(reason) if reason.contains("killed")));
    assert!(notice(&state).contains("killed"));
}

#[test]
fn what_is_told_from_outside_is_shown_and_goes_after_a_while() {
    let mut state = fixture::ready(STANDARD);
    act(&mut state, Action::Told("the session is not remembered: disk full".to_owned()));
    assert!(notice(&state).contains("disk full"));
    act(&mut state, Action::Tick);
    assert!(state.notice.is_some());
    state.now += Duration::from_mins(1);
    act(&mut state, Action::Tick);
    assert!(state.notice.is_none());
    act(&mut state, Action::Swept(3));
    assert!(notice(&state).starts_with("removed 3 cells"));
}

#[test]
fn a_policy_is_saved_under_a_name_that_can_be_one() {
    let mut state = fixture::ready(STANDARD);
    state.bench.policy.set(Layer::Pids, "16").unwrap();
    press(&mut state, Command::SavePolicy);
    typed(&mut state, "/../x");
    assert!(press(&mut state, Command::Accept).is_empty());
    assert!(state.overlay.is_some(), "what was typed is not lost");
    for _ in 0..5 {
        press(&mut state, Command::DeleteBack);
    }
    let effects = press(&mut state, Command::Accept);
    let Some(Effect::Save { path, bytes, replace: false }) = effects.first() else { panic!("{effects:?}") };
    assert!(path.ends_with("policies/hardened-mine.toml"), "{path:?}");
    let read = Policy::parse("x.toml", std::str::from_utf8(bytes).unwrap()).unwrap();
    assert_eq!(read.setting(Layer::Pids), "16");
}

#[test]
fn lists_open_with_the_current_choice_and_give_the_chosen_one() {
    let mut state = fixture::ready(STANDARD);
    for (command, listing) in [
        (Command::Policy, Listing::Policies),
        (Command::Profile, Listing::Profiles),
        (Command::Theme, Listing::Themes),
        (Command::Engine, Listing::Engines),
    ] {
        let effects = press(&mut state, command);
        assert!(matches!(effects[..], [Effect::List(asked)] if asked == listing));
    }
    act(&mut state, Action::Listed(Listing::Policies, vec![item("bare"), item("hardened"), item("paranoid")]));
    press(&mut state, Command::Down);
    assert!(matches!(&press(&mut state, Command::Accept)[..], [Effect::LoadPolicy(name)] if name == "paranoid"));
    act(&mut state, Action::Listed(Listing::Profiles, vec![item("python"), item("seed-allowlist")]));
    typed(&mut state, "seed");
    press(&mut state, Command::Accept);
    assert_eq!(state.bench.policy.setting(Layer::Seccomp), "seed-allowlist");
    act(&mut state, Action::Listed(Listing::Themes, vec![item("dark"), item("light")]));
    typed(&mut state, "light");
    assert!(matches!(&press(&mut state, Command::Accept)[..], [Effect::LoadTheme(name)] if name == "light"));
    act(&mut state, Action::Listed(Listing::Engines, vec![item("unix:///x.sock")]));
    let effects = press(&mut state, Command::Accept);
    assert!(matches!(&effects[..], [Effect::ChooseEngine(it), Effect::Connect] if it == "unix:///x.sock"));
}

#[test]
fn native_enforcement_is_switched_and_a_new_cell_made() {
    let mut state = fixture::ready(STANDARD);
    let effects = press(&mut state, Command::Native);
    assert!(state.bench.native && matches!(effects[..], [Effect::Settle(_)]));
    assert!(notice(&state).contains("cannot be seen"));
}

#[test]
fn the_mouse_focuses_toggles_and_scrolls() {
    let mut state = fixture::running(STANDARD);
    let inner = state.areas().inner(Pane::Layers);
    act(&mut state, Action::Mouse(Mouse::Press, Position::new(inner.x + 2, inner.y + 1)));
    assert_eq!((state.focus, state.layers.selected()), (Pane::Layers, Layer::Rootfs));
    assert!(!state.bench.policy.is_on(Layer::Rootfs));
    act(&mut state, Action::Mouse(Mouse::Press, Position::new(inner.x + 12, inner.y + 3)));
    assert_eq!(state.layers.selected(), Layer::Memory);
    assert!(state.bench.policy.is_on(Layer::Memory), "only the switch switches");
    for pane in Pane::ALL {
        let inner = state.areas().inner(pane);
        act(&mut state, Action::Mouse(Mouse::ScrollDown, Position::new(inner.x + 1, inner.y + 1)));
        act(&mut state, Action::Mouse(Mouse::ScrollUp, Position::new(inner.x + 1, inner.y + 1)));
    }
    let mut small = fixture::running(fixture::SMALL);
    act(&mut small, Action::Mouse(Mouse::Press, Position::new(18, 2)));
    assert_ne!(small.focus, Pane::Specimen, "a tab is focused");
}

#[test]
fn accepting_the_bridge_is_not_accepting_the_hosts_own_network() {
    let mut state = fixture::ready(STANDARD);
    state.focus = Pane::Layers;
    state.layers.select(Layer::Network);
    press(&mut state, Command::Accept);
    press(&mut state, Command::LineStart);
    press(&mut state, Command::DeleteLineEnd);
    typed(&mut state, "bridge");
    press(&mut state, Command::Accept);
    assert!(matches!(state.overlay, Some(Overlay::Confirm(Confirm::Expose { .. }))));
    typed(&mut state, "y");
    assert_eq!(state.bench.policy.setting(Layer::Network), "bridge");
    press(&mut state, Command::Toggle);
    assert!(
        matches!(state.overlay, Some(Overlay::Confirm(Confirm::Expose { .. }))),
        "the host's network is another thing"
    );
    assert!(state.bench.policy.is_on(Layer::Network));
}

#[test]
fn no_question_opens_under_keys_that_are_typed_for_something_else() {
    let mut state = fixture::ready(STANDARD);
    press(&mut state, Command::Edit);
    act(&mut state, Action::PolicyLoaded(Ok(Box::new(Policy::shipped("bare").unwrap()))));
    act(&mut state, Action::Exists("/work/x.py".into(), Vec::new()));
    act(&mut state, Action::Listed(Listing::Policies, vec![item("bare")]));
    assert!(state.overlay.is_none());
    typed(&mut state, "y");
    assert_eq!(state.bench.policy.name, "hardened");
    assert!(state.editor.bytes().starts_with(b"y"));
}

#[test]
fn what_was_read_back_says_nothing_of_another_engine_or_of_native_enforcement() {
    let mut state = fixture::ended(STANDARD);
    assert!(fixture::screen(&state).contains("✓ in force"));
    press(&mut state, Command::Native);
    assert!(!fixture::screen(&state).contains("✓ in force"));
    press(&mut state, Command::Native);
    assert!(fixture::screen(&state).contains("✓ in force"));
    act(&mut state, Action::Connected(Err("gone".to_owned())));
    assert!(!fixture::screen(&state).contains("✓ in force"));
}

#[test]
fn warnings_are_told_before_and_after_a_run() {
    let mut state = fixture::ready(fixture::WIDE);
    state.bench.planned.as_mut().unwrap().warnings.push("seccomp: root acts unseen".to_owned());
    assert!(fixture::screen(&state).contains("warning: seccomp: root acts unseen"));
    fixture::begin(&mut state);
    let warnings = vec!["cell hotcell-1 could not be removed".to_owned()];
    let (outcome, duration) = (Outcome::Exited(0), Duration::from_millis(5));
    tell(&mut state, 5, EventKind::Exit { outcome, duration, unseen: None, warnings });
    assert!(fixture::screen(&state).contains("warning: cell hotcell-1 could not be removed"));
}
