//! What the terminal sends, as actions. It changes nothing.

use crossterm::event::{Event, KeyEvent, KeyEventKind, MouseButton, MouseEvent, MouseEventKind};
use ratatui::layout::{Position, Size};

use super::action::{Action, Mouse};
use super::command::Scope;
use super::keymap;
use super::layout::Pane;
use super::overlay::Overlay;
use super::state::State;

/// The action that an event of the terminal means; `None` where it means nothing.
pub fn action(state: &State, event: Event) -> Option<Action> {
    match event {
        Event::Key(key) if key.kind == KeyEventKind::Release => None,
        Event::Key(key) => of_key(state, key),
        Event::Paste(text) => Some(Action::Paste(text)),
        Event::Mouse(mouse) => of_mouse(mouse),
        Event::Resize(width, height) => Some(Action::Resize(Size { width, height })),
        Event::FocusGained | Event::FocusLost => None,
    }
}

fn of_key(state: &State, key: KeyEvent) -> Option<Action> {
    let (scopes, typing) = scopes(state);
    if typing && let Some(character) = keymap::types(key) {
        return Some(Action::Type(character));
    }
    state.keymap.command(key, scopes).map(Action::Command)
}

/// The scopes of what has the focus, innermost first, and whether characters are typed there.
pub fn scopes(state: &State) -> (&'static [Scope], bool) {
    use Scope::{Denials, Edit, Field, Global, Held, Layers, Move, Output, Points, Profile, Specimen, Trials};
    match &state.overlay {
        Some(Overlay::Picker(_) | Overlay::Prompt(_) | Overlay::Confirm(_)) => return (&[Field, Global], true),
        Some(Overlay::Share { .. }) => return (&[Move, Profile, Output, Global], false),
        Some(Overlay::Allow(_) | Overlay::Points) => return (&[Points, Move, Global], false),
        Some(Overlay::Profile) if state.profile.is_typing() => return (&[Field, Global], true),
        Some(Overlay::Profile) => return (&[Profile, Move, Global], false),
        Some(Overlay::Matrix | Overlay::Drill) => return (&[Trials, Move, Global], false),
        Some(Overlay::Help { .. } | Overlay::Detail { .. } | Overlay::Compare(_) | Overlay::Lesson { .. }) => {
            return (&[Move, Global], false);
        }
        None => {}
    }
    if state.layers.is_editing() {
        return (&[Field, Global], true);
    }
    match state.focus {
        Pane::Specimen if state.editing => (&[Edit, Global], true),
        Pane::Specimen => (&[Specimen, Move, Global], false),
        Pane::Layers => (&[Layers, Move, Global], false),
        Pane::Denials if state.asked().is_some() => (&[Held, Denials, Move, Global], false),
        Pane::Denials => (&[Denials, Move, Global], false),
        Pane::Output => (&[Output, Move, Global], false),
        Pane::Resources => (&[Move, Global], false),
    }
}

fn of_mouse(mouse: MouseEvent) -> Option<Action> {
    let what = match mouse.kind {
        MouseEventKind::Down(MouseButton::Left) => Mouse::Press,
        MouseEventKind::Drag(MouseButton::Left) => Mouse::Drag,
        MouseEventKind::Up(MouseButton::Left) => Mouse::Release,
        MouseEventKind::ScrollUp => Mouse::ScrollUp,
        MouseEventKind::ScrollDown => Mouse::ScrollDown,
        _ => return None,
    };
    Some(Action::Mouse(what, Position { x: mouse.column, y: mouse.row }))
}
