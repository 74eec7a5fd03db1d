//! What stands over the panes, and what is chosen, searched and copied.

use super::*;

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
