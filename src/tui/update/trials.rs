//! The matrix and the drill: begun, told of, stopped, looked at.

use super::{bench, complain, notice, run, specimen};
use crate::drill::corpus;
use crate::drill::lesson::Lesson;
use crate::drill::matrix::Scope;
use crate::policy::Layer;
use crate::text::visible_str;
use crate::tui::action::{Effect, News};
use crate::tui::command::Command;
use crate::tui::overlay::Overlay;
use crate::tui::overlay::confirm::{Confirm, Then};
use crate::tui::overlay::drill::DrillPane;
use crate::tui::overlay::going::{Batch, BatchId, Stage, Trial};
use crate::tui::overlay::matrix::MatrixPane;
use crate::tui::state::{State, WarmCell};

/// Opens the matrix of what is on the bench: the one that there is, where nothing has changed since, else a new one.
pub(super) fn open_matrix(state: &mut State) -> Vec<Effect> {
    state.editing = false;
    if state.matrix.as_ref().is_some_and(|pane| pane.is_of(state) && !matches!(pane.batch.stage, Stage::Failed(_))) {
        state.overlay = Some(Overlay::Matrix);
        return Vec::new();
    }
    fill(state, Scope::default())
}

/// Fills the matrix anew, with what shows more of the host than a container does.
pub(super) fn expose(state: &mut State) -> Vec<Effect> {
    let scope = state.matrix.as_ref().map_or_else(Scope::default, |pane| pane.scope);
    fill(state, Scope { expose: true, ..scope })
}

/// Fills a new matrix.
pub(super) fn fill(state: &mut State, scope: Scope) -> Vec<Effect> {
    let specimen = match state.specimen() {
        Ok(specimen) => specimen,
        Err(error) => {
            complain(state, error.to_string());
            return Vec::new();
        }
    };
    if !may_begin(state, Then::Matrix) {
        return Vec::new();
    }
    let id = next(state);
    let name = visible_str(&specimen.name);
    state.matrix = Some(Box::new(MatrixPane::new(id, state, name, scope)));
    state.overlay = Some(Overlay::Matrix);
    vec![Effect::Matrix { id, request: Box::new(bench::request(state)), specimen: Box::new(specimen), scope }]
}

/// Opens the drill that there is; begins one where there is none.
pub(super) fn open_drill(state: &mut State) -> Vec<Effect> {
    state.editing = false;
    if state.drill.is_some() {
        state.overlay = Some(Overlay::Drill);
        return Vec::new();
    }
    drill(state)
}

/// Begins a drill.
pub(super) fn drill(state: &mut State) -> Vec<Effect> {
    let probes = match corpus::to_be_held() {
        Ok(probes) => probes,
        Err(error) => {
            complain(state, error.to_string());
            return Vec::new();
        }
    };
    if !may_begin(state, Then::Drill) {
        return Vec::new();
    }
    let id = next(state);
    state.drill = Some(Box::new(DrillPane::new(id, state, probes)));
    state.overlay = Some(Overlay::Drill);
    vec![Effect::Drill { id, request: Box::new(bench::request(state)) }]
}

fn may_begin(state: &mut State, then: Then) -> bool {
    if state.runs.live().is_some() {
        complain(state, "a run is under way: stop it, or let it end first".to_owned());
        return false;
    }
    run::may_begin(state, then)
}

/// The next one has the engine for itself: no cell waits beside its own.
fn next(state: &mut State) -> BatchId {
    state.warm = WarmCell::None;
    state.batches += 1;
    BatchId(state.batches)
}

fn batch_mut(state: &mut State, id: BatchId) -> Option<&mut Batch> {
    let batches = state.matrix.as_mut().map(|pane| &mut pane.batch).into_iter();
    batches.chain(state.drill.as_mut().map(|pane| &mut pane.batch)).find(|batch| batch.id == id)
}

/// Something has come of a matrix or a drill.
pub(super) fn news(state: &mut State, id: BatchId, news: News) -> Vec<Effect> {
    let now = state.now;
    let matrix = state.matrix.as_mut().filter(|pane| pane.batch.id == id);
    let drill = state.drill.as_mut().filter(|pane| pane.batch.id == id);
    match (news, matrix, drill) {
        (News::Planned { table, order }, Some(pane), _) => pane.planned(*table, order),
        (News::Came(combination, came), Some(pane), _) => pane.came(combination, came),
        (News::Tried(tried), _, Some(pane)) => pane.came(*tried),
        (News::Over(result), matrix, drill) => {
            if let Some(pane) = matrix {
                pane.over();
            }
            if let Some(pane) = drill {
                pane.over();
            }
            if let Some(batch) = batch_mut(state, id) {
                batch.end(now, result);
                // There is nothing left to stop.
                if let Some(Overlay::Confirm(Confirm::StopBatch(trial))) = state.overlay {
                    again(state, trial);
                }
                return bench::changed(state);
            }
        }
        // It is of one that another has replaced.
        (News::Planned { .. } | News::Came(..) | News::Tried(_), _, _) => {}
    }
    Vec::new()
}

/// Stops what goes on; nothing of it is left running.
pub(super) fn stop(state: &mut State) -> Vec<Effect> {
    let Some(id) = state.batch() else { return Vec::new() };
    match batch_mut(state, id) {
        Some(batch) if batch.stage == Stage::Going => {
            batch.stage = Stage::Stopping;
            vec![Effect::StopBatch(id)]
        }
        _ => Vec::new(),
    }
}

/// Does a command in the matrix.
pub(super) fn in_matrix(state: &mut State, command: Command) -> Vec<Effect> {
    let screen = state.areas().screen;
    let live = state.batch().is_some();
    let Some(pane) = &mut state.matrix else { return Vec::new() };
    match command {
        Command::Run | Command::Matrix if live => notice(state, "it is being filled already".to_owned()),
        Command::Run => {
            let scope = pane.scope;
            return fill(state, scope);
        }
        Command::Expose | Command::Runtimes if live => notice(state, "ask for that once this one is filled".to_owned()),
        Command::Runtimes => {
            let scope = Scope { runtimes: true, ..pane.scope };
            return fill(state, scope);
        }
        Command::Expose => {
            let exposures = pane.exposures();
            if exposures.is_empty() {
                notice(state, "nothing is withheld".to_owned());
            } else {
                state.overlay = Some(Overlay::Confirm(Confirm::ExposeMatrix { exposures }));
            }
        }
        Command::Lesson => {
            let layer = pane.layer();
            lesson(state, layer);
        }
        _ => pane.command(command, screen),
    }
    Vec::new()
}

/// Does a command in the drill.
pub(super) fn in_drill(state: &mut State, command: Command) -> Vec<Effect> {
    let screen = state.areas().screen;
    let live = state.batch().is_some();
    let Some(pane) = &mut state.drill else { return Vec::new() };
    match command {
        Command::Run | Command::Accept if live => {
            let stop = state.keymap.shown(Command::Stop);
            notice(state, format!("the drill goes on: {stop} stops it"));
        }
        Command::Run => return drill(state),
        Command::Accept => {
            let name = pane.probe().map(|probe| probe.name.clone());
            state.overlay = None;
            return name.map_or_else(Vec::new, |name| specimen::open(state, specimen::Next::Probe(name)));
        }
        Command::Lesson => {
            let layer = pane.layer();
            lesson(state, layer);
        }
        _ => pane.command(command, screen),
    }
    Vec::new()
}

/// Leaves the matrix or the drill; asks first where it goes on.
pub(super) fn back(state: &mut State) {
    if matches!(state.overlay, Some(Overlay::Matrix)) && state.matrix.as_mut().is_some_and(|pane| pane.back()) {
        return;
    }
    let trial = if matches!(state.overlay, Some(Overlay::Matrix)) { Trial::Matrix } else { Trial::Drill };
    state.overlay = state.batch().map(|_| Overlay::Confirm(Confirm::StopBatch(trial)));
}

/// Shows the matrix or the drill again: a question about it was answered.
pub(super) fn again(state: &mut State, trial: Trial) {
    state.overlay = Some(match trial {
        Trial::Matrix => Overlay::Matrix,
        Trial::Drill => Overlay::Drill,
    });
}

/// Opens a layer's page, over what is open.
pub(super) fn lesson(state: &mut State, layer: Option<Layer>) {
    match layer {
        Some(layer) => {
            let from = state.overlay.take().map(Box::new);
            state.overlay = Some(Overlay::Lesson { layer, scroll: 0, from });
        }
        None => notice(state, "choose a row with a layer: its page is opened from there".to_owned()),
    }
}

/// Loads the probe that shows a layer.
pub(super) fn load_probe(state: &mut State, layer: Layer) -> Vec<Effect> {
    if state.batch().is_some() {
        let stop = state.keymap.shown(Command::Stop);
        notice(state, format!("first {stop} stops what goes on"));
        return Vec::new();
    }
    let Some(probe) = Lesson::of(layer).probe else {
        notice(state, format!("no probe of the corpus shows {layer}"));
        return Vec::new();
    };
    state.overlay = None;
    specimen::open(state, specimen::Next::Probe(probe.to_owned()))
}
