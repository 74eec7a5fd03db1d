//! The profile view: opened, moved about in, and its calls changed by hand.

use super::{complain, notice, tune};
use crate::policy::Layer;
use crate::run::words::counted;
use crate::seccomp::{Action, Edit, Purpose, calls_for, words};
use crate::tui::action::Effect;
use crate::tui::command::Command;
use crate::tui::overlay::profile::{Selected, command as look, selected};
use crate::tui::overlay::prompt::{Asking, Prompt};
use crate::tui::overlay::{Overlay, allow};
use crate::tui::state::State;

/// The reason of what was done here.
const BY_HAND: &str = "by hand";

/// EPERM: what a call is refused with that is switched off under a profile that allows by default.
const EPERM: u16 = 1;

/// Opens it.
pub(super) fn open(state: &mut State) {
    state.editing = false;
    state.profile.open = true;
    state.overlay = Some(Overlay::Profile);
    if !state.bench.policy.is_on(Layer::Seccomp) {
        notice(state, "the layer seccomp is off: the next run has no filter".to_owned());
    }
}

/// Does a command in it.
pub(super) fn command(state: &mut State, command: Command) -> Vec<Effect> {
    if state.profile.is_typing() {
        look(state, command);
        return Vec::new();
    }
    match command {
        Command::UndoEdit => return tune::step(state, true),
        Command::RedoEdit => return tune::step(state, false),
        Command::ResetProfile => return tune::reset(state),
        Command::SaveProfile => tune::ask_save(state),
        Command::Help => state.overlay = Some(Overlay::Help { scroll: 0 }),
        Command::Toggle | Command::Accept | Command::EditAllow | Command::EditDeny | Command::EditDefault => {
            return edit(state, command);
        }
        Command::EditCondition => match selected(state) {
            Some(Selected::Call(_)) => {
                state.overlay = Some(Overlay::Prompt(Prompt::new(Asking::Conditions, "", Vec::new())));
            }
            _ => notice(state, SELECT.to_owned()),
        },
        _ => look(state, command),
    }
    Vec::new()
}

const SELECT: &str = "select a call first";

fn edit(state: &mut State, command: Command) -> Vec<Effect> {
    let (call, purpose) = match selected(state) {
        Some(Selected::Call(call)) => (Some(call.to_owned()), None),
        Some(Selected::Purpose(purpose)) => (None, Some(purpose)),
        None => (None, None),
    };
    match (call, purpose, command) {
        (Some(call), _, Command::EditDeny) => tune::ask_errno(state, Some(call)),
        (Some(call), _, command) => return change(state, call, command),
        (None, Some(purpose), Command::EditAllow | Command::Toggle) => return allow_purpose(state, purpose),
        _ => notice(state, SELECT.to_owned()),
    }
    Vec::new()
}

fn change(state: &mut State, call: String, command: Command) -> Vec<Effect> {
    let Some(working) = state.tuning.of(&state.bench.policy) else { return tune::apply(state, Vec::new()) };
    let profile = working.space.current();
    let says = profile.says(&call);
    let allowed = says.plain().is_some_and(Action::allows);
    let reason = BY_HAND.to_owned();
    let allow = |reason| Edit::Allow { call: call.clone(), conditions: Vec::new(), reason };
    let edit = match command {
        Command::EditAllow if allowed => return same(state, &format!("{call} is allowed already")),
        Command::EditDefault if says.is_default() => {
            return same(state, &format!("{call} is left to the default already"));
        }
        Command::EditAllow => allow(reason),
        Command::EditDefault => Edit::Remove { call, reason },
        // Switched.
        _ if !allowed => allow(reason),
        _ if profile.default_action.allows() => Edit::Deny { call, errno: EPERM, reason },
        _ => Edit::Remove { call, reason },
    };
    tune::apply(state, vec![edit])
}

fn same(state: &mut State, text: &str) -> Vec<Effect> {
    notice(state, text.to_owned());
    Vec::new()
}

/// Allows the calls of low risk for a purpose that the profile does not allow whole.
fn allow_purpose(state: &mut State, purpose: Purpose) -> Vec<Effect> {
    let Some(working) = state.tuning.of(&state.bench.policy) else { return tune::apply(state, Vec::new()) };
    let profile = working.space.current();
    let refused = |call: &&&str| profile.says(call).plain().is_none_or(|action| !action.allows());
    let low = calls_for(purpose).iter().filter(|call| allow::is_low(call)).filter(refused);
    let reason = format!("{BY_HAND}: {}, calls of low risk", purpose.title());
    let edit = |call: &&str| Edit::Allow { call: (*call).to_owned(), conditions: Vec::new(), reason: reason.clone() };
    let edits: Vec<Edit> = low.map(edit).collect();
    if edits.is_empty() {
        return same(state, "every call of low risk for this purpose is allowed already");
    }
    let said = counted(edits.len() as u64, "call");
    let effects = tune::apply(state, edits);
    let undo = state.keymap.shown(Command::UndoEdit);
    notice(state, format!("{said} of low risk for {} allowed; {undo} takes it back", purpose.title()));
    effects
}

/// Conditions were typed for the selected call.
pub(super) fn conditions(state: &mut State, mut prompt: Prompt) -> Vec<Effect> {
    let Some(Selected::Call(call)) = selected(state) else { return Vec::new() };
    let call = call.to_owned();
    match words::read_conditions(prompt.field.text()) {
        Err(error) => {
            prompt.error = Some(error);
            state.overlay = Some(Overlay::Prompt(prompt));
            Vec::new()
        }
        Ok(conditions) => tune::apply(state, vec![Edit::Allow { call, conditions, reason: BY_HAND.to_owned() }]),
    }
}

/// Leaves the search, else the view.
pub(super) fn back(state: &mut State) {
    if !state.profile.back() {
        state.profile.open = false;
        state.overlay = None;
    }
}

/// What was asked from the view has been answered: it is seen again.
pub(super) fn uncover(state: &mut State) {
    if state.profile.open && state.overlay.is_none() {
        state.overlay = Some(Overlay::Profile);
    }
}

/// A command of the view where it is not open: it opens it.
pub(super) fn elsewhere(state: &mut State) {
    open(state);
    complain(state, SELECT.to_owned());
}
