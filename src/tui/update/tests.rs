//! Every action, and what it changes.

use std::collections::HashSet;
use std::path::PathBuf;
use std::time::Duration;

use ratatui::layout::{Position, Size};

use crate::policy::{Layer, Policy};
use crate::run::{EventKind, Outcome};
use crate::tui::action::{Action, Effect, Listing, Mouse};
use crate::tui::command::{COMMANDS, Command};
use crate::tui::fixture::{self, STANDARD, act, press, tell};
use crate::tui::layout::Pane;
use crate::tui::overlay::Overlay;
use crate::tui::overlay::confirm::Confirm;
use crate::tui::overlay::picker::Item;
use crate::tui::state::{EngineState, Phase, State, Ticket, WarmCell};
use crate::tui::theme::{Depth, Theme};

fn typed(state: &mut State, text: &str) {
    for character in text.chars() {
        act(state, Action::Type(character));
    }
}

fn notice(state: &State) -> &str {
    state.notice.as_ref().map_or("", |notice| &notice.text)
}

fn item(name: &str) -> Item {
    Item { value: name.to_owned(), label: name.to_owned(), detail: String::new(), note: String::new() }
}

fn run_in(effects: &[Effect]) -> Option<&crate::tui::action::CellRequest> {
    effects.iter().find_map(|effect| match effect {
        Effect::Run(_, request, _) => Some(&**request),
        _ => None,
    })
}

#[test]
fn every_command_can_be_done_in_every_state_without_harm() {
    for size in [fixture::SMALL, STANDARD, Size::new(1, 1)] {
        for (name, state) in fixture::all(size) {
            for info in COMMANDS {
                for pane in Pane::ALL {
                    let mut state = state.clone();
                    state.focus = pane;
                    press(&mut state, info.command);
                    assert!(state.runs.shown <= state.runs.kept.len(), "{name} {}", info.name);
                }
            }
        }
    }
}

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
    assert!(matches!(state.overlay, Some(Overlay::Confirm(Confirm::Expose { run: true, .. }))));
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
    assert!(notice(&state).starts_with("3 cells"));
}

#[test]
fn typing_goes_to_the_specimen_only_while_it_is_edited() {
    let mut state = fixture::ready(STANDARD);
    typed(&mut state, "x");
    assert_eq!(state.editor.bytes(), fixture::SPECIMEN.as_bytes());
    press(&mut state, Command::Edit);
    let effects = act(&mut state, Action::Type('x'));
    assert!(matches!(&effects[..], [Effect::Analyse { lines, .. }] if lines[0] == "ximport socket, os"));
    press(&mut state, Command::Back);
    assert!(!state.editing);
    press(&mut state, Command::Undo);
    assert_eq!(state.editor.bytes(), fixture::SPECIMEN.as_bytes());
    press(&mut state, Command::Redo);
    assert!(state.editor.is_changed());
}

#[test]
fn a_paste_goes_into_the_specimen_wherever_the_focus_is() {
    let mut state = fixture::empty(STANDARD);
    state.focus = Pane::Output;
    let effects = act(&mut state, Action::Paste("print(1)\r\nprint(2)\r\n".to_owned()));
    assert_eq!(state.editor.bytes(), b"print(1)\nprint(2)\n");
    assert_eq!(state.focus, Pane::Specimen);
    assert_eq!(state.language(), Some("python"));
    assert!(matches!(effects[..], [Effect::Analyse { .. }]));
}

#[test]
fn a_file_is_opened_by_its_path_and_remembered_and_unsaved_changes_are_asked_about() {
    let mut state = fixture::ready(STANDARD);
    press(&mut state, Command::Open);
    typed(&mut state, "~/a.sh");
    assert!(matches!(&press(&mut state, Command::Indent)[..], [Effect::Complete(typed)] if typed == "~/a.sh"));
    let effects = press(&mut state, Command::Accept);
    assert!(matches!(&effects[..], [Effect::Open(path)] if path == &PathBuf::from("/home/ada/a.sh")));
    act(&mut state, Action::Opened("/home/ada/a.sh".into(), Ok(b"echo hi\n".to_vec())));
    assert_eq!((state.editor.name(), state.language()), ("a.sh".to_owned(), Some("shell")));
    assert_eq!(state.recent[0], PathBuf::from("/home/ada/a.sh"));

    press(&mut state, Command::Edit);
    typed(&mut state, "#");
    press(&mut state, Command::Back);
    press(&mut state, Command::NewSpecimen);
    assert!(matches!(state.overlay, Some(Overlay::Confirm(Confirm::Abandon(None)))));
    typed(&mut state, "n");
    assert_eq!(state.editor.bytes(), b"#echo hi\n");
    press(&mut state, Command::NewSpecimen);
    typed(&mut state, "y");
    assert!(state.editor.bytes().is_empty() && state.editing);
}

#[test]
fn a_file_that_cannot_be_read_leaves_the_specimen_as_it_is() {
    let mut state = fixture::ready(STANDARD);
    act(&mut state, Action::Opened("/none".into(), Err("cannot read /none: No such file".to_owned())));
    assert_eq!(state.editor.bytes(), fixture::SPECIMEN.as_bytes());
    assert!(notice(&state).contains("/none"));
}

#[test]
fn the_specimen_is_saved_under_a_name_and_another_file_is_replaced_only_after_a_yes() {
    let mut state = fixture::ready(STANDARD);
    press(&mut state, Command::Edit);
    typed(&mut state, "#");
    press(&mut state, Command::SaveSpecimen);
    let effects = press(&mut state, Command::Accept);
    assert!(matches!(&effects[..], [Effect::Save { replace: true, .. }]), "its own file: {effects:?}");
    act(&mut state, Action::Saved("/work/exfiltrate.py".into(), Ok(())));
    assert!(!state.editor.is_changed());

    press(&mut state, Command::SaveSpecimen);
    typed(&mut state, "2");
    let effects = press(&mut state, Command::Accept);
    let Some(Effect::Save { path, bytes, replace: false }) = effects.first().cloned() else { panic!("{effects:?}") };
    act(&mut state, Action::Exists(path.clone(), bytes));
    assert!(matches!(state.overlay, Some(Overlay::Confirm(Confirm::Replace { .. }))));
    let effects = act(&mut state, Action::Type('y'));
    assert!(matches!(&effects[..], [Effect::Save { replace: true, path: same, .. }] if *same == path));
    act(&mut state, Action::Saved(path.clone(), Err("cannot save: disk full".to_owned())));
    assert!(notice(&state).contains("disk full"));
}

#[test]
fn the_output_is_saved_where_there_is_some() {
    let mut state = fixture::ended(STANDARD);
    state.focus = Pane::Output;
    press(&mut state, Command::SaveOutput);
    let effects = press(&mut state, Command::Accept);
    let Some(Effect::Save { bytes, .. }) = effects.first() else { panic!("{effects:?}") };
    let text = String::from_utf8(bytes.clone()).unwrap();
    assert!(text.contains("\\x1b[31mred") && !text.contains('\u{1b}'), "{text}");
    let mut state = fixture::ready(STANDARD);
    state.focus = Pane::Output;
    press(&mut state, Command::SaveOutput);
    assert!(state.overlay.is_none() && notice(&state).contains("nothing has run"));
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
fn a_theme_and_a_policy_that_cannot_be_read_leave_things_as_they_are() {
    let mut state = fixture::ready(STANDARD);
    let (theme, policy) = (state.theme.clone(), state.bench.policy.clone());
    act(&mut state, Action::ThemeLoaded("x".to_owned(), Err("x.toml:1:1: no".to_owned())));
    assert!(notice(&state).contains("x.toml"));
    act(&mut state, Action::PolicyLoaded(Err("y.toml:1:1: no".to_owned())));
    assert!(notice(&state).contains("y.toml"));
    assert_eq!((&state.theme, &state.bench.policy), (&theme, &policy));
    let light = Theme::load("light", std::path::Path::new("/nonexistent"), Depth::True).unwrap();
    act(&mut state, Action::ThemeLoaded("light".to_owned(), Ok(Box::new(light.clone()))));
    assert_eq!((state.theme, state.theme_name.as_str()), (light, "light"));
}

#[test]
fn the_palette_does_the_action_that_is_chosen() {
    let mut state = fixture::ready(STANDARD);
    press(&mut state, Command::Palette);
    typed(&mut state, "zoom");
    press(&mut state, Command::Accept);
    assert!(state.zoomed && state.overlay.is_none());
}

#[test]
fn the_palette_has_every_action_and_no_mere_movement() {
    let listed: HashSet<_> = COMMANDS.iter().filter(|info| info.is_action()).map(|info| info.command).collect();
    for command in [Command::Run, Command::Wrap, Command::Filter, Command::Quit, Command::Toggle] {
        assert!(listed.contains(&command), "{command}");
    }
    for command in [Command::Up, Command::DeleteBack, Command::Back, Command::LineEnd] {
        assert!(!listed.contains(&command), "{command}");
    }
}

#[test]
fn the_language_can_be_chosen() {
    let mut state = fixture::ready(STANDARD);
    press(&mut state, Command::Language);
    typed(&mut state, "perl");
    press(&mut state, Command::Accept);
    assert_eq!(state.language(), Some("perl"));
    assert_eq!(state.specimen().unwrap().language.name, "perl");
}

#[test]
fn native_enforcement_is_switched_and_a_new_cell_made() {
    let mut state = fixture::ready(STANDARD);
    let effects = press(&mut state, Command::Native);
    assert!(state.bench.native && matches!(effects[..], [Effect::Settle(_)]));
    assert!(notice(&state).contains("cannot be seen"));
}

#[test]
fn overlays_open_scroll_no_further_than_their_end_and_close() {
    let mut state = fixture::ended(STANDARD);
    state.size = fixture::SMALL;
    let scrolled = |state: &State| match state.overlay {
        Some(Overlay::Help { scroll } | Overlay::Share { scroll }) => scroll,
        _ => panic!("{:?}", state.overlay),
    };
    for command in [Command::Help, Command::ShowCommand] {
        press(&mut state, command);
        press(&mut state, Command::Down);
        assert_eq!(scrolled(&state), 1);
        press(&mut state, Command::Bottom);
        let end = scrolled(&state);
        press(&mut state, Command::PageDown);
        assert_eq!(scrolled(&state), end, "{command}");
        press(&mut state, Command::Up);
        assert_eq!(scrolled(&state), end - 1);
        press(&mut state, Command::PageUp);
        press(&mut state, Command::Top);
        assert_eq!(scrolled(&state), 0);
        press(&mut state, Command::Back);
        assert!(state.overlay.is_none());
    }
}

#[test]
fn the_equivalent_command_is_copied_in_one_line_and_saved_as_a_script() {
    let mut state = fixture::ready(STANDARD);
    press(&mut state, Command::ShowCommand);
    let effects = press(&mut state, Command::Copy);
    let Some(Effect::Copy(command)) = effects.first() else { panic!("{effects:?}") };
    assert!(command.starts_with("timeout 10 docker run --rm --network none") && !command.contains('\n'), "{command}");
    press(&mut state, Command::SaveOutput);
    let effects = press(&mut state, Command::Accept);
    let Some(Effect::Save { path, bytes, replace: false }) = effects.first() else { panic!("{effects:?}") };
    assert_eq!(path, &PathBuf::from("cell.sh"));
    assert!(bytes.starts_with(b"#!/bin/sh\n") && String::from_utf8_lossy(bytes).contains(command));
}

#[test]
fn copy_takes_what_the_pane_shows() {
    let mut state = fixture::ended(STANDARD);
    for (pane, part) in [(Pane::Specimen, "import socket"), (Pane::Denials, "connect"), (Pane::Output, "starting")] {
        state.focus = pane;
        let effects = press(&mut state, Command::Copy);
        assert!(matches!(&effects[..], [Effect::Copy(text)] if text.contains(part)), "{pane:?}: {effects:?}");
    }
}

#[test]
fn panes_are_focused_by_number_in_turn_and_zoomed() {
    let mut state = fixture::ready(STANDARD);
    for (command, pane) in [
        (Command::FocusLayers, Pane::Layers),
        (Command::FocusDenials, Pane::Denials),
        (Command::FocusOutput, Pane::Output),
        (Command::FocusResources, Pane::Resources),
        (Command::FocusSpecimen, Pane::Specimen),
        (Command::NextPane, Pane::Layers),
        (Command::PreviousPane, Pane::Specimen),
        (Command::PreviousPane, Pane::Resources),
    ] {
        press(&mut state, command);
        assert_eq!(state.focus, pane);
    }
    press(&mut state, Command::Zoom);
    assert!(state.areas().pane(Pane::Specimen).is_none());
    press(&mut state, Command::Back);
    assert!(state.areas().pane(Pane::Specimen).is_some());
}

#[test]
fn panes_are_resized_by_keys_and_by_dragging_their_borders() {
    let mut state = fixture::ready(STANDARD);
    let before = state.areas().pane(Pane::Specimen).unwrap();
    press(&mut state, Command::Taller);
    press(&mut state, Command::Wider);
    let after = state.areas().pane(Pane::Specimen).unwrap();
    assert!(after.height > before.height && after.width > before.width);
    press(&mut state, Command::Shorter);
    press(&mut state, Command::Narrower);
    assert_eq!(state.areas().pane(Pane::Specimen).unwrap(), before);

    let border = Position::new(before.right() - 1, before.y + 3);
    act(&mut state, Action::Mouse(Mouse::Press, border));
    act(&mut state, Action::Mouse(Mouse::Drag, Position::new(40, before.y + 3)));
    act(&mut state, Action::Mouse(Mouse::Release, Position::new(40, before.y + 3)));
    let dragged = state.areas().pane(Pane::Specimen).unwrap();
    assert!((38..=42).contains(&dragged.width), "{dragged:?}");
    act(&mut state, Action::Mouse(Mouse::Drag, Position::new(90, 5)));
    assert_eq!(state.areas().pane(Pane::Specimen).unwrap(), dragged, "released is released");
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
fn denials_are_filtered_sorted_and_looked_at() {
    let mut state = fixture::ended(STANDARD);
    state.focus = Pane::Denials;
    press(&mut state, Command::Filter);
    typed(&mut state, "connect");
    press(&mut state, Command::Accept);
    assert_eq!(state.denials.filter(), "connect");
    press(&mut state, Command::Top);
    assert_eq!(state.denials.selected(state.runs.shown().unwrap()).unwrap().syscall, "connect");
    assert_eq!(state.moment(), Some(Duration::from_millis(15)));
    press(&mut state, Command::Accept);
    assert!(matches!(state.overlay, Some(Overlay::Detail { .. })));
    press(&mut state, Command::Back);
    press(&mut state, Command::Back);
    assert_eq!(state.denials.filter(), "");
}

#[test]
fn a_search_jumps_and_a_bad_pattern_is_said_to_be_one() {
    let mut state = fixture::ended(STANDARD);
    for pane in [Pane::Specimen, Pane::Output] {
        state.focus = pane;
        press(&mut state, Command::Search);
        typed(&mut state, "(");
        press(&mut state, Command::Accept);
        assert!(matches!(&state.overlay, Some(Overlay::Prompt(prompt)) if prompt.error.is_some()), "{pane:?}");
        press(&mut state, Command::DeleteBack);
        typed(&mut state, "nowhere to be found");
        press(&mut state, Command::Accept);
        assert!(notice(&state).contains("nothing matches"), "{pane:?}");
        press(&mut state, Command::NextMatch);
        press(&mut state, Command::PreviousMatch);
    }
}

#[test]
fn output_modes_are_switched_and_remembered() {
    let mut state = fixture::ended(STANDARD);
    state.focus = Pane::Output;
    let before = super::session(&state);
    press(&mut state, Command::Wrap);
    press(&mut state, Command::Split);
    let after = super::session(&state);
    assert_ne!((before.wrap, before.split_output), (after.wrap, after.split_output));
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
fn leaving_asks_where_changes_would_be_lost_and_else_leaves() {
    let mut state = fixture::ready(STANDARD);
    assert!(matches!(press(&mut state, Command::Quit)[..], [Effect::Quit]));
    press(&mut state, Command::Edit);
    typed(&mut state, "#");
    assert!(press(&mut state, Command::Quit).is_empty());
    assert!(matches!(act(&mut state, Action::Type('y'))[..], [Effect::Quit]));
    press(&mut state, Command::Quit);
    assert!(matches!(press(&mut state, Command::Quit)[..], [Effect::Quit]), "twice is a yes");
    assert!(matches!(act(&mut state, Action::Terminate)[..], [Effect::Quit]));
}

#[test]
fn what_the_terminal_is_asked_for_comes_back_as_effects() {
    let mut state = fixture::ready(STANDARD);
    assert!(matches!(press(&mut state, Command::Suspend)[..], [Effect::Suspend]));
    assert!(matches!(press(&mut state, Command::Redraw)[..], [Effect::Redraw]));
    act(&mut state, Action::Resize(Size::new(33, 7)));
    assert_eq!(state.size, Size::new(33, 7));
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
    super::run::begin(&mut state);
    act(&mut state, Action::Tick);
    assert!(state.overlay.is_none());
}

#[test]
fn a_copied_specimen_cannot_act_on_where_it_is_pasted_and_a_long_one_is_refused() {
    let mut state = fixture::ready(STANDARD);
    act(&mut state, Action::Opened("/work/evil.sh".into(), Ok(b"echo \x1b[201~\nrm\r\n".to_vec())));
    let effects = press(&mut state, Command::Copy);
    assert!(matches!(&effects[..], [Effect::Copy(text)] if !text.contains('\x1b') && text.contains("\\x1b[201~")));
    assert!(notice(&state).contains("visible marks"));
    act(&mut state, Action::Opened("/work/long.sh".into(), Ok(vec![b'x'; 100_000])));
    assert!(press(&mut state, Command::Copy).is_empty());
    assert!(notice(&state).contains("too long"));
}

#[test]
fn what_is_typed_while_a_file_is_read_or_written_is_not_lost() {
    let mut state = fixture::empty(STANDARD);
    press(&mut state, Command::Open);
    typed(&mut state, "slow.py");
    press(&mut state, Command::Accept);
    act(&mut state, Action::Paste("precious".to_owned()));
    act(&mut state, Action::Opened("/slow.py".into(), Ok(b"other".to_vec())));
    assert!(matches!(state.overlay, Some(Overlay::Confirm(Confirm::Abandon(Some(_))))));
    typed(&mut state, "n");
    assert_eq!(state.editor.bytes(), b"precious");

    let mut state = fixture::ready(STANDARD);
    press(&mut state, Command::SaveSpecimen);
    let effects = press(&mut state, Command::Accept);
    let Some(Effect::Save { path, .. }) = effects.first().cloned() else { panic!("{effects:?}") };
    press(&mut state, Command::Edit);
    typed(&mut state, "#");
    act(&mut state, Action::Saved(path, Ok(())));
    assert!(state.editor.is_changed(), "the # is in no file");
}

#[test]
fn what_was_read_back_says_nothing_of_another_engine_or_of_native_enforcement() {
    use crate::tui::view::View;
    let shown = |state: &State| {
        let mut terminal = ratatui::Terminal::new(ratatui::backend::TestBackend::new(120, 36)).unwrap();
        let view = View::of(state);
        terminal.draw(|frame| crate::tui::view::render(frame, &view, &state.theme)).unwrap();
        terminal.backend().to_string()
    };
    let mut state = fixture::ended(STANDARD);
    assert!(shown(&state).contains("✓ in force"));
    press(&mut state, Command::Native);
    assert!(!shown(&state).contains("✓ in force"));
    press(&mut state, Command::Native);
    assert!(shown(&state).contains("✓ in force"));
    act(&mut state, Action::Connected(Err("gone".to_owned())));
    assert!(!shown(&state).contains("✓ in force"));
}

#[test]
fn warnings_are_told_before_and_after_a_run() {
    let mut state = fixture::ready(fixture::WIDE);
    state.bench.planned.as_mut().unwrap().warnings.push("seccomp: root acts unseen".to_owned());
    let shown = |state: &State| {
        let mut terminal = ratatui::Terminal::new(ratatui::backend::TestBackend::new(200, 60)).unwrap();
        let view = crate::tui::view::View::of(state);
        terminal.draw(|frame| crate::tui::view::render(frame, &view, &state.theme)).unwrap();
        terminal.backend().to_string()
    };
    assert!(shown(&state).contains("warning: seccomp: root acts unseen"));
    fixture::begin(&mut state);
    let warnings = vec!["cell hotcell-1 could not be removed".to_owned()];
    let (outcome, duration) = (Outcome::Exited(0), Duration::from_millis(5));
    tell(&mut state, 5, EventKind::Exit { outcome, duration, unseen: None, warnings });
    assert!(shown(&state).contains("warning: cell hotcell-1 could not be removed"));
}
