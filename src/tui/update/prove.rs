//! Proving a profile: a run under the engine's own enforcement, compared with a supervised one under the same.

use super::{bench, complain, notice, run, tune};
use crate::engine::EngineKind;
use crate::policy::Layer;
use crate::run::words::one_line;
use crate::run::{Outcome, compare};
use crate::seccomp::{Edit, Needed, lacking};
use crate::tui::action::Effect;
use crate::tui::overlay::Overlay;
use crate::tui::overlay::confirm::{Confirm, Then};
use crate::tui::state::{EngineState, Phase, RunId, RunRecord, State};

/// How far a proof has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// The supervised run is under way.
    Supervised(RunId),
    /// The native run is under way, to be compared with a supervised one.
    Native {
        /// The supervised run.
        supervised: RunId,
        /// The native one.
        native: RunId,
    },
}

/// Begins; asks first whether what starting needs is to be allowed, where an engine's own runtime would lack it.
pub(super) fn prove(state: &mut State) -> Vec<Effect> {
    if state.runs.live().is_some() {
        complain(state, "a run is under way: stop it, or let it end, and prove then".to_owned());
        return Vec::new();
    }
    let needs = needed(state);
    if !needs.is_empty() && has_own_runtime(state) {
        state.overlay =
            Some(Overlay::Confirm(Confirm::AllowStart { calls: needs.iter().map(|needed| needed.call).collect() }));
        return Vec::new();
    }
    begin(state)
}

/// Runs the specimen natively, and first supervised where no such run can be compared with.
pub(super) fn begin(state: &mut State) -> Vec<Effect> {
    if !run::may_begin(state, Then::Run) {
        return Vec::new();
    }
    if let Some(supervised) = comparable(state) {
        return native(state, supervised);
    }
    let effects = run::begin_as(state, false);
    if let Some(live) = state.runs.live() {
        state.proof = Some(Proof::Supervised(live.id));
        notice(state, "first a supervised run, then one under the engine's own enforcement".to_owned());
    }
    effects
}

/// The embedded engine starts a cell before its filter is on; daemons' runtimes do the last steps under it.
fn has_own_runtime(state: &State) -> bool {
    matches!(&state.engine, EngineState::Up(facts) if facts.endpoint.kind != EngineKind::Embedded)
}

/// What starting a container needs and the profile refuses.
fn needed(state: &State) -> Vec<&'static Needed> {
    let policy = &state.bench.policy;
    let working = state.tuning.of(policy).filter(|_| policy.is_on(Layer::Seccomp));
    working.map_or_else(Vec::new, |working| lacking(working.space.current(), policy.is_on(Layer::NoNewPrivs)))
}

/// Allows what starting a container needs, as one edit.
pub(super) fn allow_start(state: &mut State) -> Vec<Effect> {
    let needs = needed(state);
    if needs.is_empty() {
        notice(state, "the profile allows all that starting a container needs".to_owned());
        return Vec::new();
    }
    let edit = |needed: &&Needed| Edit::Allow {
        call: needed.call.to_owned(),
        conditions: Vec::new(),
        reason: format!("starting a container: {} {}", needed.by, needed.why),
    };
    let edits = needs.iter().map(edit).collect();
    tune::apply(state, edits)
}

/// The last supervised run of this specimen under what is on the bench, which came to its own end and in which nothing
/// was answered by hand.
fn comparable(state: &State) -> Option<RunId> {
    let current = state.tuning.of(&state.bench.policy).map(|working| working.space.current());
    let fits = |run: &&RunRecord| {
        run.phase == Phase::Ended
            && !run.native
            && run.revision == state.editor.revision()
            && run.policy == state.bench.policy
            && run.profile.as_ref() == current
            && run.by_hand == 0
            && is_own_end(run)
    };
    state.runs.kept.iter().rev().find(fits).map(|run| run.id)
}

/// Whether a run ended as the specimen would.
fn is_own_end(run: &RunRecord) -> bool {
    let outcome = run.log.summary.outcome.as_ref().map(|(outcome, _)| outcome);
    matches!(outcome, Some(Outcome::Exited(_) | Outcome::Signaled(_)))
}

fn native(state: &mut State, supervised: RunId) -> Vec<Effect> {
    let effects = run::begin_as(state, true);
    if let Some(live) = state.runs.live() {
        state.proof = Some(Proof::Native { supervised, native: live.id });
        notice(state, "the engine alone enforces the profile in this run".to_owned());
    }
    effects
}

/// A run is over, which may be a part of a proof.
pub(super) fn ended(state: &mut State, id: RunId) -> Vec<Effect> {
    match state.proof {
        Some(Proof::Supervised(supervised)) if supervised == id => {
            state.proof = None;
            if let Some(supervised) = comparable(state) {
                return native(state, supervised);
            }
            complain(state, "nothing is proven: the supervised run was stopped, or answered by hand".to_owned());
            Vec::new()
        }
        Some(Proof::Native { supervised, native }) if native == id => {
            state.proof = None;
            let said = verdict(state, supervised, native);
            if let Some(run) = state.runs.get_mut(native) {
                run.proof = Some(said);
            }
            bench::changed(state)
        }
        _ => Vec::new(),
    }
}

/// Whether the native run agrees with the supervised one, in a line.
fn verdict(state: &State, supervised: RunId, native: RunId) -> (bool, String) {
    let find = |id| state.runs.kept.iter().find(|run| run.id == id);
    let (Some(left), Some(right)) = (find(supervised), find(native)) else {
        return (false, "nothing is proven: the supervised run is kept no more".to_owned());
    };
    let differences = compare::disagreements(&left.log.summary, &right.log.summary);
    if !differences.is_empty() {
        return (false, one_line(&format!("native run differs from run {}: {}", supervised.0, differences.join("; "))));
    }
    let outcome = right.log.summary.outcome.as_ref().map_or_else(String::new, |(outcome, _)| outcome.to_string());
    (true, format!("native run agrees with run {}: {outcome}, the same output", supervised.0))
}
