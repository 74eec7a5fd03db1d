//! What happens: the only place where the state changes. Pure: no clock, no I/O; what has to be done outside comes back
//! as effects.

mod bench;
mod command;
mod decide;
mod mouse;
mod overlay;
mod pane;
mod points;
mod profile;
mod prove;
mod run;
mod specimen;
mod trials;
mod tune;

#[cfg(test)]
mod tests;

use std::time::Duration;

use super::action::{Action, Effect};
use super::layout::Pane;
use super::overlay::{self as overlays, Overlay};
use super::session::Session;
use super::state::{Notice, State};
use crate::run::words::counted;

pub use self::prove::Proof;
pub use self::tune::Refusing;

/// How long a message stays.
const NOTICE_TIME: Duration = Duration::from_secs(6);

/// Applies what happened; `state.now` is the moment it did.
pub fn update(state: &mut State, action: Action) -> Vec<Effect> {
    let mut effects = apply(state, action);
    effects.extend(tune::follow(state));
    profile::uncover(state);
    if matches!(state.overlay, Some(Overlay::Detail { .. })) && overlays::view(state).is_none() {
        // What it told of is no longer selected. An overlay that is not seen would swallow every key.
        state.overlay = None;
    }
    let size = state.areas().inner(Pane::Specimen).as_size();
    state.editor.fit(size);
    effects
}

fn apply(state: &mut State, action: Action) -> Vec<Effect> {
    match action {
        Action::Command(command) => command::command(state, command),
        Action::Type(character) => command::type_char(state, character),
        Action::Paste(text) => command::paste(state, &text),
        Action::Mouse(mouse, at) => mouse::mouse(state, mouse, at),
        Action::Resize(size) => {
            state.size = size;
            Vec::new()
        }
        Action::Tick => {
            expire(state);
            if let Some(Overlay::Compare(compare)) = &mut state.overlay {
                compare.refresh(&state.runs);
            }
            Vec::new()
        }
        Action::Connected(result) => bench::connected(state, result),
        Action::Swept(cells) => {
            notice(state, format!("removed {} that a hotcell which is gone had left", counted(cells as u64, "cell")));
            Vec::new()
        }
        Action::Settled(ticket) => bench::settled(state, ticket),
        Action::Planned(ticket, planned) => {
            bench::planned(state, ticket, *planned);
            Vec::new()
        }
        Action::Warmed(ticket, result) => {
            bench::warmed(state, ticket, result);
            Vec::new()
        }
        Action::WarmLost(ticket, reason) => bench::warm_lost(state, ticket, reason),
        Action::Run(id, event) => run::event(state, id, &event),
        Action::Opened(path, result) => specimen::opened(state, path, result),
        Action::Completed { typed, candidates } => {
            if let Some(Overlay::Prompt(prompt)) = &mut state.overlay {
                prompt.completed(&typed, candidates);
            }
            Vec::new()
        }
        Action::Saved(path, result) => specimen::saved(state, path, result),
        Action::Exists(path, bytes) => {
            overlay::exists(state, path, bytes);
            Vec::new()
        }
        Action::Listed(listing, items) => {
            overlay::listed(state, listing, items);
            Vec::new()
        }
        Action::PolicyLoaded(result) => bench::loaded(state, result),
        Action::ProfileLoaded(origin, result) => tune::loaded(state, &origin, result),
        Action::ThemeLoaded(name, result) => overlay::theme_loaded(state, name, result),
        Action::Analysed(analysis) => {
            state.editor.analysed(*analysis);
            Vec::new()
        }
        Action::Batch(id, news) => trials::news(state, id, news),
        Action::Told(text) => {
            complain(state, text);
            Vec::new()
        }
        Action::Terminate => vec![Effect::Quit],
    }
}

/// Tells the reviewer something. It must be safe to show.
pub(super) fn notice(state: &mut State, text: String) {
    state.notice = Some(Notice { text, bad: false, until: state.now + NOTICE_TIME });
}

/// Tells the reviewer that something went wrong.
pub(super) fn complain(state: &mut State, text: String) {
    state.notice = Some(Notice { text, bad: true, until: state.now + 2 * NOTICE_TIME });
}

/// The workbench is being left.
pub fn leaving(state: &mut State) {
    state.overlay = None;
    notice(state, "leaving: the cells are removed".to_owned());
}

fn expire(state: &mut State) {
    let now = state.now;
    state.notice.take_if(|notice| notice.until <= now);
}

/// What is to be remembered of the session as it is.
pub fn session(state: &State) -> Session {
    Session {
        policy: Some(state.bench.base.source.clone()),
        changes: Session::changes_of(&state.bench.policy, &state.bench.base),
        profiles: state.tuning.remembered(),
        theme: Some(state.theme_name.clone()),
        splits: state.splits.clone(),
        wrap: state.output.wrap,
        split_output: state.output.split,
        recent: state.recent.clone(),
    }
}
