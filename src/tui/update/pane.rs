//! Commands for what is in the focused pane.

use super::command::{ask, focus};
use super::{bench, complain, notice, specimen};
use crate::text::visible_lines;
use crate::tui::action::Effect;
use crate::tui::command::Command;
use crate::tui::layout::Pane;
use crate::tui::overlay::Overlay;
use crate::tui::overlay::prompt::Asking;
use crate::tui::panes::denials::lines;
use crate::tui::state::State;

/// What is copied to the terminal's clipboard at most, in bytes.
const MOST_COPIED: usize = 64 * 1024;

/// Does a command for the pane that has the focus.
pub(super) fn command(state: &mut State, command: Command) -> Vec<Effect> {
    let inner = state.areas().inner(state.focus);
    match (state.focus, command) {
        (Pane::Specimen, Command::Edit | Command::Accept) if !state.editing => {
            edit(state);
            Vec::new()
        }
        (Pane::Specimen, Command::Copy) => copy_specimen(state),
        (Pane::Specimen | Pane::Output, Command::Search) => {
            ask(state, Asking::Search(state.focus), "");
            Vec::new()
        }
        (Pane::Specimen, Command::NextMark) => {
            let denied = state.runs.shown().map(|run| lines::denied(run, &state.editor)).unwrap_or_default();
            state.editor.fit(inner.as_size());
            state.editor.next_mark(&denied);
            Vec::new()
        }
        (Pane::Specimen, _) => specimen::edit(state, command),
        (Pane::Layers, Command::Toggle) => bench::toggle(state, state.layers.selected()),
        (Pane::Layers, Command::ResetLayer) => bench::reset_layer(state, state.layers.selected()),
        (Pane::Layers, Command::Accept) => {
            let setting = state.bench.policy.setting(state.layers.selected());
            state.layers.edit(&setting);
            Vec::new()
        }
        (Pane::Layers, _) => {
            state.layers.command(command);
            Vec::new()
        }
        (Pane::Denials, Command::Accept) => {
            detail(state);
            Vec::new()
        }
        (Pane::Denials, Command::Filter) => {
            let filter = state.denials.filter().to_owned();
            ask(state, Asking::Filter, &filter);
            Vec::new()
        }
        (Pane::Denials, Command::GotoLine) => {
            goto_line(state);
            Vec::new()
        }
        (Pane::Denials, _) => state.denials.command(command, state.runs.shown(), inner),
        (Pane::Output, Command::SaveOutput) => {
            ask(state, Asking::SaveOutput, "output.txt");
            Vec::new()
        }
        (Pane::Output, _) => {
            let effects = state.output.command(command, state.runs.shown(), inner);
            told(state, command, effects)
        }
        (Pane::Resources, _) => Vec::new(),
    }
}

/// Selects the newest row, where none is.
fn select_a_denial(state: &mut State) {
    let inner = state.areas().inner(Pane::Denials);
    if state.moment().is_none() {
        state.denials.command(Command::Up, state.runs.shown(), inner);
    }
}

/// Goes to the line from which the selected call was refused.
fn goto_line(state: &mut State) {
    select_a_denial(state);
    let selected = state.runs.shown().and_then(|run| Some((run, state.denials.selected_row(run)?)));
    match selected.map(|(run, row)| lines::of_row(run, &state.editor, row)) {
        None => notice(state, "there is no denial to go to the line of".to_owned()),
        Some(Err(reason)) => complain(state, reason),
        Some(Ok(line)) => {
            focus(state, Pane::Specimen);
            let size = state.areas().inner(Pane::Specimen).as_size();
            state.editor.fit(size);
            state.editor.goto_line(line);
        }
    }
}

/// Shows everything known of the call that is held, or of the selected row; where none is, of the newest.
fn detail(state: &mut State) {
    if state.asked().is_some() {
        state.overlay = Some(Overlay::Detail { scroll: 0 });
        return;
    }
    select_a_denial(state);
    if state.moment().is_some() {
        state.overlay = Some(Overlay::Detail { scroll: 0 });
    } else {
        notice(state, "there is no denial to tell of".to_owned());
    }
}

/// Says of what was copied where it went.
fn told(state: &mut State, command: Command, effects: Vec<Effect>) -> Vec<Effect> {
    if command == Command::Copy && !effects.is_empty() {
        notice(state, "sent to the terminal's clipboard".to_owned());
    }
    effects
}

fn copy_specimen(state: &mut State) -> Vec<Effect> {
    let bytes = state.editor.bytes();
    if bytes.len() > MOST_COPIED {
        complain(state, format!("it is too long to copy: {} bytes, and terminals take {MOST_COPIED}", bytes.len()));
        return Vec::new();
    }
    let text = visible_lines(&bytes);
    let hidden = if text.as_bytes() == bytes { "" } else { ", with what it hides as visible marks" };
    notice(state, format!("sent to the terminal's clipboard{hidden}"));
    vec![Effect::Copy(text)]
}

fn edit(state: &mut State) {
    match state.editor.read_only() {
        Some(why) => complain(state, format!("it cannot be typed into: {why}")),
        None => state.editing = true,
    }
}
