//! Runs: begun, held, stopped, told, flipped through.

use std::sync::Arc;

use super::{bench, decide, prove, trials, tune};
use super::{complain, notice};
use crate::run::words::one_line;
use crate::run::{EventKind, Outcome, RunEvent};
use crate::tui::action::{CellRequest, Effect};
use crate::tui::overlay::Overlay;
use crate::tui::overlay::confirm::{Confirm, Then};
use crate::tui::state::{EngineState, Phase, RunId, RunRecord, State, WarmCell};

/// Runs that are kept.
const MOST_RUNS: usize = 12;

/// Bytes that all kept runs may take; the oldest go first.
const MOST_WEIGHT: usize = 48 << 20;

/// Runs the specimen; asks before it if the policy opens something of the host that was not asked about.
pub(super) fn run(state: &mut State) -> Vec<Effect> {
    if let Some(live) = state.runs.live() {
        let id = live.id;
        state.rerun = true;
        notice(state, format!("#{} is stopped, and the specimen run anew", id.0));
        return vec![Effect::Stop(id)];
    }
    if may_begin(state, Then::Run) { begin(state) } else { Vec::new() }
}

/// Whether a run can begin now, or whatever else is to be done `then`; says why not, and asks where the policy opens
/// something that was not asked about.
pub(super) fn may_begin(state: &mut State, then: Then) -> bool {
    match &state.engine {
        EngineState::Up(_) => {}
        EngineState::Connecting => {
            complain(state, "no engine answers yet".to_owned());
            return false;
        }
        EngineState::Lost(reason) => {
            let reason = format!("no engine: {reason}");
            complain(state, reason);
            return false;
        }
    }
    let exposures = bench::unasked(state, &state.bench.policy, &[]);
    let nothing_new = exposures.is_empty();
    if !nothing_new {
        let policy = Box::new(state.bench.policy.clone());
        state.overlay = Some(Overlay::Confirm(Confirm::Expose { policy, base: None, exposures, then }));
    }
    nothing_new
}

/// Runs the specimen under the bench as it is.
pub(super) fn begin(state: &mut State) -> Vec<Effect> {
    begin_as(state, state.bench.native)
}

/// The same, enforced by the engine alone or not.
pub(super) fn begin_as(state: &mut State, native: bool) -> Vec<Effect> {
    let specimen = match state.specimen() {
        Ok(specimen) => specimen,
        Err(error) => {
            complain(state, error.to_string());
            return Vec::new();
        }
    };
    let EngineState::Up(engine) = &state.engine else { return Vec::new() };
    let engine = engine.endpoint.clone();
    state.runs.count += 1;
    let id = RunId(state.runs.count);
    let profile = state.tuning.of(&state.bench.policy).map(|working| Arc::clone(working.space.current()));
    let record = RunRecord {
        native,
        edits: state.tuning.edits(&state.bench.policy),
        launched: profile.clone(),
        profile,
        specimen: specimen.name.clone(),
        revision: state.editor.revision(),
        pressed: state.now,
        warm: matches!(state.warm, WarmCell::Ready(..)),
        ..RunRecord::new(id, &state.bench, engine)
    };
    state.runs.kept.push_back(record);
    trim(state);
    show(state, state.runs.kept.len() - 1);
    state.editing = false;
    state.warm = WarmCell::None;
    let request = CellRequest { native, ..bench::request(state) };
    let mut effects = vec![Effect::Run(id, Box::new(request), Box::new(specimen))];
    // The run takes it before its first call.
    let points = state.breakpoints(state.editor.revision());
    effects.extend(points.on.then_some(Effect::Break(id, points)));
    if state.tuning.edits(&state.bench.policy) == 0 {
        // The file may be another one by now.
        effects.extend(tune::read(state));
    }
    effects
}

/// Keeps the history within its bounds.
fn trim(state: &mut State) {
    let weight = |state: &State| state.runs.kept.iter().map(|run| run.log.weight()).sum::<usize>();
    while state.runs.kept.len() > 1 && (state.runs.kept.len() > MOST_RUNS || weight(state) > MOST_WEIGHT) {
        state.runs.kept.pop_front();
        match state.runs.shown.checked_sub(1) {
            Some(shown) => state.runs.shown = shown,
            None => show(state, 0),
        }
    }
}

/// Puts a kept run on the screen.
fn show(state: &mut State, at: usize) {
    state.runs.shown = at;
    state.denials.reset();
    state.output.reset();
}

/// Flips through the runs.
pub(super) fn flip(state: &mut State, newer: bool) {
    let last = state.runs.kept.len().saturating_sub(1);
    let at = if newer { (state.runs.shown + 1).min(last) } else { state.runs.shown.saturating_sub(1) };
    if at == state.runs.shown {
        notice(state, if newer { "this is the last run" } else { "there is no earlier run" }.to_owned());
        return;
    }
    show(state, at);
}

/// Kills what runs.
pub(super) fn stop(state: &mut State) -> Vec<Effect> {
    state.rerun = false;
    if let Some(run) = state.runs.live() {
        vec![Effect::Stop(run.id)]
    } else if state.batch().is_some() {
        trials::stop(state)
    } else {
        notice(state, "nothing runs".to_owned());
        Vec::new()
    }
}

/// Holds what runs, or lets it go on.
pub(super) fn hold(state: &mut State) -> Vec<Effect> {
    let Some(run) = state.runs.live() else {
        notice(state, "nothing runs".to_owned());
        return Vec::new();
    };
    let supervised = run.log.summary.cell.as_ref().is_none_or(|cell| cell.enforcement.is_supervised());
    match run.phase {
        _ if !supervised => {
            complain(state, "only the shim can hold a specimen, and under native enforcement there is none".to_owned());
            Vec::new()
        }
        Phase::Running => vec![Effect::Hold(run.id, true)],
        Phase::Held => vec![Effect::Hold(run.id, false)],
        Phase::Starting | Phase::Ended => Vec::new(),
    }
}

/// Something happened in a run.
pub(super) fn event(state: &mut State, id: RunId, event: &RunEvent) -> Vec<Effect> {
    let now = state.now;
    let Some(run) = state.runs.get_mut(id) else { return Vec::new() };
    match &event.kind {
        EventKind::Started { .. } => {
            run.phase = Phase::Running;
            run.started = Some(now);
        }
        EventKind::Output { .. } | EventKind::Dropped { .. } if run.first_output.is_none() => {
            run.first_output = Some(now.saturating_sub(run.pressed));
        }
        EventKind::Held { held: true } if run.phase == Phase::Running => {
            run.phase = Phase::Held;
        }
        EventKind::Held { held: false } if run.phase == Phase::Held => {
            run.phase = Phase::Running;
        }
        EventKind::Exit { .. } => run.phase = Phase::Ended,
        _ => {}
    }
    run.log.apply(event);
    run.set_clock(now);
    if let (EventKind::Denial(_), Some(shown)) = (&event.kind, state.runs.shown()) {
        state.denials.notice(shown);
    }
    match &event.kind {
        EventKind::Exit { outcome, .. } => return ended(state, id, outcome),
        EventKind::Break(call) => return decide::held(state, id, call),
        EventKind::Settled { .. } => decide::show(state),
        EventKind::Unheld { count } => decide::unheld(state, *count),
        _ => {}
    }
    Vec::new()
}

fn ended(state: &mut State, id: RunId, outcome: &Outcome) -> Vec<Effect> {
    if let Some(run) = state.runs.get_mut(id) {
        run.log.compact();
    }
    trim(state);
    if let Outcome::NotStarted(reason) | Outcome::CellLost(reason) = outcome {
        complain(state, one_line(reason));
    }
    let mut effects = bench::changed(state);
    effects.extend(prove::ended(state, id));
    if std::mem::take(&mut state.rerun) {
        effects.extend(run(state));
    }
    effects
}
