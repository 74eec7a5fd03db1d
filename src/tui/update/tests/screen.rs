//! Focus, sizes, the mouse, leaving.

use super::*;

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
fn output_modes_are_switched_and_remembered() {
    let mut state = fixture::ended(STANDARD);
    state.focus = Pane::Output;
    let before = crate::tui::update::session(&state);
    press(&mut state, Command::Wrap);
    press(&mut state, Command::Split);
    let after = crate::tui::update::session(&state);
    assert_ne!((before.wrap, before.split_output), (after.wrap, after.split_output));
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
