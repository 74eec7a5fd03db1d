//! Break on denial: refused calls that are held, and what the reviewer says to them.

use super::{complain, notice, tune};
use crate::run::words::counted;
use crate::run::{Breakpoints, HeldCall, HeldId, Verdict};
use crate::tui::action::Effect;
use crate::tui::command::Command;
use crate::tui::layout::Pane;
use crate::tui::state::{RunId, RunRecord, State};

/// Holds refused calls from now on, or answers them as the profile says.
pub(super) fn toggle(state: &mut State) -> Vec<Effect> {
    state.breaks.on = !state.breaks.on;
    state.breaks.a_second = Breakpoints::for_a_person().a_second;
    if !state.breaks.on {
        state.sweep = None;
    }
    let text = match (state.breaks.on, state.bench.native) {
        (true, true) => "refused calls are held, but not under native enforcement: the shim is needed for that",
        (true, false) => "each refused call is held until you decide",
        (false, _) => "refused calls are answered as the profile says",
    };
    notice(state, text.to_owned());
    tell(state)
}

/// What a run is told of the breakpoints.
pub(super) fn tell(state: &State) -> Vec<Effect> {
    let points = |run: &RunRecord| {
        let points = state.breakpoints(run.revision);
        let swept = state.sweep == Some(run.id);
        if swept { Breakpoints { a_second: None, ..points } } else { points }
    };
    state.runs.live().map(|run| Effect::Break(run.id, points(run))).into_iter().collect()
}

/// Does a command of the scope Held.
pub(super) fn decide(state: &mut State, command: Command) -> Vec<Effect> {
    let Some((run, call)) = state.asked() else {
        notice(state, "no call is held".to_owned());
        return Vec::new();
    };
    let (run, id, name) = (run.id, call.id, call.syscall.clone());
    match command {
        Command::Deny => answer(state, run, id, Verdict::Deny),
        Command::Allow => answer(state, run, id, Verdict::Allow),
        Command::KillCaller => answer(state, run, id, Verdict::Kill),
        Command::DenyAlways => {
            state.breaks.except.insert(name.clone());
            notice(state, format!("{name} is held no more in this session: the profile answers it"));
            // What is held of it is answered with that.
            tell(state)
        }
        Command::NextHeld => {
            state.held_place += 1;
            show(state);
            Vec::new()
        }
        _ => Vec::new(),
    }
}

/// Answers one call.
pub(super) fn answer(state: &mut State, run: RunId, id: HeldId, verdict: Verdict) -> Vec<Effect> {
    if verdict != Verdict::Deny
        && let Some(run) = state.runs.get_mut(run)
    {
        run.by_hand += 1;
    }
    debug_assert!(state.runs.live().is_some_and(|live| live.id == run));
    vec![Effect::Answer(run, id, verdict)]
}

/// A call of the run that is live is held: the reviewer is shown it, unless something is being typed.
pub(super) fn held(state: &mut State, id: RunId, call: &HeldCall) -> Vec<Effect> {
    if let Some(effects) = tune::swept(state, id, call) {
        return effects;
    }
    let is_live = state.runs.live().is_some_and(|run| run.id == id);
    if !is_live || state.editing || state.overlay.is_some() || state.layers.is_editing() {
        return Vec::new();
    }
    // What was told before is of less use now than the keys.
    state.notice.take_if(|notice| !notice.bad);
    state.runs.shown = state.runs.kept.len() - 1;
    let first = state.asked().is_some_and(|(_, asked)| asked.id == call.id);
    if first {
        state.focus = Pane::Denials;
        show(state);
    }
    Vec::new()
}

/// Shows the line of the call that is asked about.
pub(super) fn show(state: &mut State) {
    let Some((run, call)) = state.asked() else { return };
    let line =
        call.source.specimen_line().and_then(|line| state.editor.line_now(run.revision, usize::try_from(line).ok()?));
    if let Some(line) = line.filter(|_| !state.editing) {
        let size = state.areas().inner(Pane::Specimen).as_size();
        state.editor.fit(size);
        state.editor.goto_line(line);
    }
}

/// So many calls could not be held.
pub(super) fn unheld(state: &mut State, count: u64) {
    complain(state, format!("a flood: {} answered by the profile and not held", counted(count, "call")));
}
