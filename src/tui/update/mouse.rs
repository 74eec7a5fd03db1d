//! The mouse: focus, selection, toggles, scrolling, dividers.

use ratatui::layout::Position;

use super::command::focus;
use super::{bench, specimen};
use crate::tui::action::{Effect, Mouse};
use crate::tui::command::Command;
use crate::tui::layout::{Pane, inside};
use crate::tui::overlay::{self, Overlay};
use crate::tui::panes::tabs;
use crate::tui::state::State;

/// Rows that a turn of the wheel scrolls.
const WHEEL: i32 = 3;

/// Cells of a layer's row that are its switch.
const SWITCH: std::ops::Range<u16> = 0..5;

/// Does what the mouse says.
pub(super) fn mouse(state: &mut State, mouse: Mouse, at: Position) -> Vec<Effect> {
    match mouse {
        Mouse::Press => press(state, at),
        Mouse::Drag => {
            if let Some(divider) = state.dragging {
                state.splits = state.areas().dragged(&state.splits, divider, at);
            }
            Vec::new()
        }
        Mouse::Release => {
            state.dragging = None;
            Vec::new()
        }
        Mouse::ScrollUp => scroll(state, at, -WHEEL),
        Mouse::ScrollDown => scroll(state, at, WHEEL),
    }
}

fn press(state: &mut State, at: Position) -> Vec<Effect> {
    if state.overlay.is_some() {
        return Vec::new();
    }
    let areas = state.areas();
    if let Some(pane) = areas.tabs.and_then(|area| tabs::at(state, area, at)) {
        focus(state, pane);
        return Vec::new();
    }
    state.dragging = areas.divider_at(at);
    if state.dragging.is_some() {
        return Vec::new();
    }
    let Some(pane) = areas.pane_at(at) else { return Vec::new() };
    if pane != state.focus {
        // A setting that is left half typed is not taken.
        state.layers.typed();
        focus(state, pane);
    }
    let inner = inside(areas.pane(pane).unwrap_or_default());
    if !inner.contains(at) {
        return Vec::new();
    }
    let (column, row) = (at.x - inner.x, at.y - inner.y);
    match pane {
        Pane::Specimen => state.editor.click(column, row),
        Pane::Denials => state.denials.click(column, row, state.runs.shown(), inner),
        Pane::Layers if !state.layers.is_editing() => {
            if let Some(layer) = state.layers.layer_at(row, inner) {
                state.layers.select(layer);
                if SWITCH.contains(&column) {
                    return bench::toggle(state, layer);
                }
            }
        }
        Pane::Layers | Pane::Output | Pane::Resources => {}
    }
    Vec::new()
}

fn scroll(state: &mut State, at: Position, rows: i32) -> Vec<Effect> {
    let screen = state.areas().screen;
    match &mut state.overlay {
        Some(Overlay::Picker(picker)) => {
            picker.command(if rows < 0 { Command::Up } else { Command::Down });
            return Vec::new();
        }
        Some(Overlay::Compare(compare)) => {
            compare.scroll(rows, screen);
            return Vec::new();
        }
        Some(Overlay::Allow(allow)) => {
            allow.command(if rows < 0 { Command::Up } else { Command::Down });
            return Vec::new();
        }
        Some(Overlay::Profile | Overlay::Points | Overlay::Matrix | Overlay::Drill) => {
            return super::command::command(state, if rows < 0 { Command::Up } else { Command::Down });
        }
        Some(_) => {
            overlay::scroll(state, rows);
            return Vec::new();
        }
        None => {}
    }
    let areas = state.areas();
    let Some(pane) = areas.pane_at(at) else { return Vec::new() };
    let inner = areas.inner(pane);
    match pane {
        Pane::Specimen => return specimen::changing(state, |editor| editor.scroll(rows, inner.as_size())),
        Pane::Layers => state.layers.command(if rows < 0 { Command::Up } else { Command::Down }),
        Pane::Denials => state.denials.scroll(rows, state.runs.shown(), inner),
        Pane::Output => state.output.scroll(rows, state.runs.shown(), inner),
        Pane::Resources => {}
    }
    Vec::new()
}
