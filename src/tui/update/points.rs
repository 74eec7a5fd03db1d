//! Breakpoints: by purpose, by call and by line.

use super::{complain, decide, notice};
use crate::run::Breakpoints;
use crate::seccomp::syscall_number;
use crate::tui::action::Effect;
use crate::tui::command::Command;
use crate::tui::overlay::Overlay;
use crate::tui::overlay::points::{Point, all};
use crate::tui::overlay::prompt::{Asking, Prompt};
use crate::tui::state::State;

/// Opens the list.
pub(super) fn open(state: &mut State) {
    state.editing = false;
    state.point = 0;
    state.overlay = Some(Overlay::Points);
}

/// Does a command in the list.
pub(super) fn command(state: &mut State, command: Command) -> Vec<Effect> {
    let points = all(state);
    let last = points.len() - 1;
    state.point = match command {
        Command::Up => state.point.min(last).saturating_sub(1),
        Command::Down => (state.point + 1).min(last),
        Command::Top | Command::PageUp => 0,
        Command::Bottom | Command::PageDown => last,
        Command::AddPoint => {
            state.overlay = Some(Overlay::Prompt(Prompt::new(Asking::Breakpoint, "", Vec::new())));
            return Vec::new();
        }
        Command::Toggle | Command::Accept => return switch(state, &points[state.point.min(last)]),
        _ => state.point,
    };
    Vec::new()
}

fn switch(state: &mut State, point: &Point) -> Vec<Effect> {
    match point {
        Point::On => return decide::toggle(state),
        Point::Except(call) => {
            state.breaks.except.remove(call);
        }
        Point::Group(purpose) if state.breaks.groups.insert(*purpose) => switch_on(state),
        Point::Group(purpose) => {
            state.breaks.groups.remove(purpose);
            switch_off_with_the_last(state);
        }
        Point::Line(revision, line) => {
            state.marks.remove(&(*revision, *line));
            switch_off_with_the_last(state);
        }
        Point::Call(call) => {
            state.breaks.calls.remove(call);
            switch_off_with_the_last(state);
        }
    }
    decide::tell(state)
}

/// Who sets a breakpoint wants calls held.
fn switch_on(state: &mut State) {
    state.breaks.on = true;
    state.breaks.a_second = Breakpoints::for_a_person().a_second;
}

/// Who takes the last breakpoint away does not want every call held.
fn switch_off_with_the_last(state: &mut State) {
    if state.marks.is_empty() && state.breaks.calls.is_empty() && state.breaks.groups.is_empty() {
        state.breaks.on = false;
        state.sweep = None;
    }
}

/// Holds the calls from the cursor's line, or holds them no more.
pub(super) fn line(state: &mut State) -> Vec<Effect> {
    if state.editor.is_empty() {
        notice(state, "there is no line to hold calls at".to_owned());
        return Vec::new();
    }
    let (revision, line) = (state.editor.revision(), state.editor.position().0);
    let before = state.marks.len();
    let editor = &state.editor;
    state.marks.retain(|(marked, at)| editor.line_now(*marked, *at) != Some(line));
    if state.marks.len() == before {
        state.marks.insert((revision, line));
        switch_on(state);
        let list = state.keymap.shown(Command::Breakpoints);
        notice(state, format!("refused calls from line {line} are held; {list} lists what is"));
    } else {
        switch_off_with_the_last(state);
        notice(state, format!("calls from line {line} are held no more"));
    }
    decide::tell(state)
}

/// A call was typed: it is held.
pub(super) fn add(state: &mut State, mut prompt: Prompt) -> Vec<Effect> {
    let names: Vec<String> =
        prompt.field.text().split([',', ' ']).filter(|name| !name.is_empty()).map(str::to_owned).collect();
    if let Some(unknown) = names.iter().find(|name| syscall_number(name).is_none()) {
        prompt.error = Some(format!("no system call of this machine is named {}", crate::text::visible_str(unknown)));
        state.overlay = Some(Overlay::Prompt(prompt));
        return Vec::new();
    }
    if names.is_empty() {
        complain(state, "nothing is typed".to_owned());
    }
    state.breaks.calls.extend(names);
    switch_on(state);
    state.overlay = Some(Overlay::Points);
    decide::tell(state)
}
