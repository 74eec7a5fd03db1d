//! The bench: layers, policies, the engine, and the cell that waits for them.

use super::{complain, notice};
use crate::policy::{Exposure, Layer, Policy, SeccompChoice, SettingError};
use crate::text::visible_str;
use crate::tui::action::{CellRequest, Effect};
use crate::tui::overlay::Overlay;
use crate::tui::overlay::confirm::{Confirm, Then};
use crate::tui::state::{EngineFacts, EngineState, Planned, State, Ticket, WarmCell};

/// Switches the selected layer.
pub(super) fn toggle(state: &mut State, layer: Layer) -> Vec<Effect> {
    let mut policy = state.bench.policy.clone();
    policy.set_on(layer, !policy.is_on(layer));
    adopt(state, policy, None)
}

/// Sets a layer as the policy was loaded.
pub(super) fn reset_layer(state: &mut State, layer: Layer) -> Vec<Effect> {
    let (mut policy, base) = (state.bench.policy.clone(), &state.bench.base);
    // What a policy says of itself it takes back.
    let reset = policy.set(layer, &base.setting(layer));
    policy.set_on(layer, base.is_on(layer));
    match reset {
        Ok(()) => adopt(state, policy, None),
        Err(error) => {
            complain(state, error.to_string());
            Vec::new()
        }
    }
}

/// Takes every change back.
pub(super) fn reset(state: &mut State) -> Vec<Effect> {
    let base = state.bench.base.clone();
    adopt(state, base, None)
}

/// Takes the setting that was typed.
pub(super) fn set(state: &mut State, layer: Layer, typed: &str) -> Result<Vec<Effect>, SettingError> {
    let mut policy = state.bench.policy.clone();
    policy.set(layer, typed)?;
    if let SeccompChoice::File(path) = &mut policy.seccomp.setting {
        // It is to mean the same file wherever the policy is saved, and from wherever the next session begins.
        *path = state.directory.join(&*path);
    }
    Ok(adopt(state, policy, None))
}

/// A policy was read, or could not be.
pub(super) fn loaded(state: &mut State, result: Result<Box<Policy>, String>) -> Vec<Effect> {
    match result {
        Ok(policy) => adopt(state, (*policy).clone(), Some(policy)),
        Err(error) => {
            complain(state, error);
            Vec::new()
        }
    }
}

/// Takes a policy, and with `base` another policy altogether; asks before it if that opens something of the host that
/// the reviewer has not been asked about yet.
fn adopt(state: &mut State, policy: Policy, base: Option<Box<Policy>>) -> Vec<Effect> {
    let exposures = unasked(state, &policy, &state.bench.policy.exposures());
    if exposures.is_empty() {
        return take(state, policy, base);
    }
    if state.overlay.is_some() || state.editing {
        // The keys that are typed now are meant for something else: none of them may answer this.
        let name = visible_str(&policy.name);
        complain(state, format!("{name} exposes the host and was not taken: choose it again, and answer for it"));
        return Vec::new();
    }
    let policy = Box::new(policy);
    state.overlay = Some(Overlay::Confirm(Confirm::Expose { policy, base, exposures, then: Then::Nothing }));
    Vec::new()
}

/// What a policy opens beyond what is open already and what was asked about.
pub(super) fn unasked(state: &State, policy: &Policy, already: &[Exposure]) -> Vec<Exposure> {
    let new = |exposure: &Exposure| !already.contains(exposure) && !state.accepted.contains(exposure.what);
    policy.exposures().into_iter().filter(new).collect()
}

/// Takes a policy.
pub(super) fn take(state: &mut State, policy: Policy, base: Option<Box<Policy>>) -> Vec<Effect> {
    if let Some(base) = base {
        notice(state, format!("policy {}: {}", visible_str(&base.name), visible_str(&base.summary)));
        state.bench.base = *base;
    } else if state.runs.live().is_some() {
        notice(state, "the run under way keeps its layers; this applies to the next one".to_owned());
    }
    state.bench.policy = policy;
    changed(state)
}

/// The bench has changed: the cell that waits may no longer be the one that is wanted.
pub(super) fn changed(state: &mut State) -> Vec<Effect> {
    state.tickets += 1;
    let ticket = Ticket(state.tickets);
    if state.runs.live().is_some() || state.batch().is_some() || !matches!(state.engine, EngineState::Up(_)) {
        state.warm = WarmCell::None;
        return Vec::new();
    }
    state.warm = WarmCell::Settling(ticket);
    vec![Effect::Settle(ticket)]
}

/// The toggles have rested: makes the cell.
pub(super) fn settled(state: &mut State, ticket: Ticket) -> Vec<Effect> {
    if state.warm != WarmCell::Settling(ticket) {
        return Vec::new();
    }
    state.warm = WarmCell::Warming(ticket, state.now);
    vec![Effect::Warm(ticket, Box::new(request(state)))]
}

/// The cell that is wanted.
pub(super) fn request(state: &State) -> CellRequest {
    CellRequest {
        policy: state.bench.policy.clone(),
        image: state.bench.image.clone(),
        profile: state.tuning.edited(&state.bench.policy),
        native: state.bench.native,
        specimen: state.specimen().ok(),
    }
}

/// How the engine will meet the request.
pub(super) fn planned(state: &mut State, ticket: Ticket, planned: Planned) {
    if ticket == Ticket(state.tickets) {
        state.bench.planned = Some(planned);
    }
}

/// A cell waits, or could not be made.
pub(super) fn warmed(state: &mut State, ticket: Ticket, result: Result<(), String>) {
    let WarmCell::Warming(wanted, since) = state.warm else { return };
    if wanted != ticket {
        return;
    }
    state.warm = match result {
        Ok(()) => WarmCell::Ready(ticket, state.now.saturating_sub(since)),
        Err(reason) => {
            complain(state, reason.clone());
            WarmCell::Failed(reason)
        }
    };
}

/// The cell that waited is gone, by somebody else's hand: it is said, and another one is made when it is asked for.
pub(super) fn warm_lost(state: &mut State, ticket: Ticket, reason: String) -> Vec<Effect> {
    if !matches!(state.warm, WarmCell::Ready(waiting, _) if waiting == ticket) {
        return Vec::new();
    }
    complain(state, format!("the cell that waited is gone: {reason}"));
    state.warm = WarmCell::Failed(reason);
    Vec::new()
}

/// An engine answers, or none does.
pub(super) fn connected(state: &mut State, result: Result<Box<EngineFacts>, String>) -> Vec<Effect> {
    state.bench.planned = None;
    match result {
        Ok(facts) => {
            state.bench.image.clone_from(&facts.image);
            state.engine = EngineState::Up(facts);
            changed(state)
        }
        Err(reason) => {
            state.engine = EngineState::Lost(reason);
            state.warm = WarmCell::None;
            Vec::new()
        }
    }
}

/// Looks for the engine again.
pub(super) fn reconnect(state: &mut State) -> Vec<Effect> {
    if state.runs.live().is_some() {
        complain(state, "a run is under way: stop it first".to_owned());
        return Vec::new();
    }
    state.engine = EngineState::Connecting;
    state.warm = WarmCell::None;
    state.tickets += 1;
    vec![Effect::Connect]
}
