//! What stands over the panes: opened, typed into, answered.

use std::path::PathBuf;

use super::{bench, complain, notice, points, profile, prove, run, specimen, trials, tune};
use crate::drill::matrix::Scope;
use crate::policy::Layer;
use crate::text::{visible, visible_str};
use crate::tui::action::{Action, Effect, Listing};
use crate::tui::command::{COMMANDS, Command};
use crate::tui::layout::Pane;
use crate::tui::overlay::confirm::{Confirm, Next, Then};
use crate::tui::overlay::going::Trial;
use crate::tui::overlay::picker::{Item, Picker, Picking};
use crate::tui::overlay::prompt::{Asking, Prompt};
use crate::tui::overlay::{Overlay, share};
use crate::tui::panes::output;
use crate::tui::state::State;
use crate::tui::theme::Theme;

/// Opens the palette.
pub(super) fn palette(state: &mut State) {
    let item = |info: &crate::tui::command::Info| Item {
        value: info.name.to_owned(),
        label: info.name.to_owned(),
        detail: info.help.to_owned(),
        note: state.keymap.shown(info.command),
    };
    // Keys that only type have no meaning without the text that they are typed into.
    let listed = COMMANDS.iter().filter(|info| info.is_action());
    state.overlay = Some(Overlay::Picker(Picker::new(Picking::Action, listed.map(item).collect(), "")));
}

/// Opens the list of languages.
pub(super) fn languages(state: &mut State) {
    let item = |name: &&str| Item {
        value: (*name).to_owned(),
        label: visible_str(name),
        detail: state.languages.get(name).map_or_else(String::new, |row| visible_str(&row.command.join(" "))),
        note: String::new(),
    };
    let items = state.languages.names().iter().map(item).collect();
    let current = state.language().unwrap_or_default().to_owned();
    state.overlay = Some(Overlay::Picker(Picker::new(Picking::Language, items, &current)));
}

/// Names that can be chosen from were read: opens the list.
pub(super) fn listed(state: &mut State, listing: Listing, items: Vec<Item>) {
    if state.overlay.is_some() || state.editing {
        // The keys that are typed now are meant for something else.
        return;
    }
    let (picking, current) = match listing {
        Listing::Policies => (Picking::Policy, state.bench.base.name.clone()),
        Listing::Profiles => (Picking::Profile, state.bench.policy.setting(Layer::Seccomp)),
        Listing::Themes => (Picking::Theme, state.theme_name.clone()),
        Listing::Engines => (Picking::Engine, String::new()),
    };
    state.overlay = Some(Overlay::Picker(Picker::new(picking, items, &current)));
}

/// A theme was read.
pub(super) fn theme_loaded(state: &mut State, name: String, result: Result<Box<Theme>, String>) -> Vec<Effect> {
    match result {
        Ok(theme) => {
            state.theme = *theme;
            state.theme_name = name;
        }
        Err(error) => complain(state, error),
    }
    Vec::new()
}

/// Takes what is chosen, typed or asked.
pub(super) fn accept(state: &mut State) -> Vec<Effect> {
    match state.overlay.take() {
        Some(Overlay::Picker(picker)) if matches!(picker.picking, Picking::Errno { .. }) => {
            state.overlay = Some(Overlay::Picker(picker));
            errno(state, false)
        }
        Some(Overlay::Allow(allow)) => tune::accept(state, allow),
        Some(Overlay::Picker(picker)) => {
            if let Some(item) = picker.chosen() {
                pick(state, picker.picking, &item.value.clone())
            } else {
                state.overlay = Some(Overlay::Picker(picker));
                Vec::new()
            }
        }
        Some(Overlay::Prompt(prompt)) => answer(state, prompt),
        // A question is answered by y or n, so that no Enter too many says yes.
        Some(Overlay::Confirm(confirm)) => {
            state.overlay = Some(Overlay::Confirm(confirm));
            Vec::new()
        }
        _ => Vec::new(),
    }
}

/// Takes the errno that is chosen or typed: for once, or from now on.
pub(super) fn errno(state: &mut State, always: bool) -> Vec<Effect> {
    let Some(Overlay::Picker(picker)) = state.overlay.take() else { return Vec::new() };
    let typed = picker.chosen().map_or_else(|| picker.typed().to_owned(), |item| item.value.clone());
    tune::refuse(state, &typed, always)
}

fn pick(state: &mut State, picking: Picking, value: &str) -> Vec<Effect> {
    match picking {
        Picking::Action => match Command::from_name(value) {
            Some(command) => super::update(state, Action::Command(command)),
            None => Vec::new(),
        },
        Picking::Policy => vec![Effect::LoadPolicy(value.to_owned())],
        Picking::Profile => match bench::set(state, Layer::Seccomp, value) {
            Ok(effects) => effects,
            Err(error) => {
                complain(state, error.to_string());
                Vec::new()
            }
        },
        // It is taken by `errno`.
        Picking::Errno { .. } => Vec::new(),
        Picking::Theme => vec![Effect::LoadTheme(value.to_owned())],
        Picking::Engine => {
            let mut effects = bench::reconnect(state);
            if !effects.is_empty() {
                effects.insert(0, Effect::ChooseEngine(value.to_owned()));
            }
            effects
        }
        Picking::Corpus => specimen::open(state, Next::Probe(value.to_owned())),
        Picking::Language => {
            let before = state.language().map(str::to_owned);
            state.editor.set_language(Some(value.to_owned()));
            specimen::analysed_as(state, before.as_deref())
        }
    }
}

fn answer(state: &mut State, mut prompt: Prompt) -> Vec<Effect> {
    let text = prompt.field.text().to_owned();
    match prompt.asking {
        Asking::Filter => {
            set_filter(state, text);
            Vec::new()
        }
        Asking::Search(pane) => {
            if let Err(error) = search(state, pane, &text) {
                prompt.error = Some(error);
                state.overlay = Some(Overlay::Prompt(prompt));
            }
            Vec::new()
        }
        _ if text.trim().is_empty() => {
            prompt.error = Some("nothing is typed".to_owned());
            state.overlay = Some(Overlay::Prompt(prompt));
            Vec::new()
        }
        Asking::Open => specimen::open(state, Next::File(expanded(&text, state))),
        Asking::SaveSpecimen => {
            let bytes = state.editor.bytes();
            save(state, Asking::SaveSpecimen, expanded(&text, state), bytes)
        }
        Asking::SaveOutput => match state.runs.shown().map(output::saved) {
            Some(bytes) => save(state, Asking::SaveOutput, expanded(&text, state), bytes),
            None => Vec::new(),
        },
        Asking::SaveCommand => {
            let script = share::script(state).into_bytes();
            save(state, Asking::SaveCommand, expanded(&text, state), script)
        }
        Asking::Conditions => profile::conditions(state, prompt),
        Asking::Breakpoint => points::add(state, prompt),
        Asking::SaveProfile => match state.tuning.of(&state.bench.policy).map(|working| working.space.to_oci_text()) {
            Some(json) => save(state, Asking::SaveProfile, expanded(&text, state), json.into_bytes()),
            None => Vec::new(),
        },
        Asking::SavePolicy => save_policy(state, prompt, text.trim()),
    }
}

/// Shows only the denials that match.
pub(super) fn set_filter(state: &mut State, filter: String) {
    state.denials.set_filter(filter);
    if let Some(shown) = state.runs.shown() {
        state.denials.notice(shown);
    }
}

/// Searches a pane; an empty pattern ends the search.
fn search(state: &mut State, pane: Pane, pattern: &str) -> Result<(), String> {
    let found = match pane {
        Pane::Output => {
            let inner = state.areas().inner(Pane::Output);
            state.output.search(pattern, state.runs.shown(), inner)?
        }
        _ => state.editor.search(pattern)?,
    };
    if found == 0 && !pattern.is_empty() {
        notice(state, format!("nothing matches {}", visible_str(pattern)));
    }
    Ok(())
}

/// A path as it was typed, with `~` for the home directory.
fn expanded(text: &str, state: &State) -> PathBuf {
    match (text.strip_prefix("~/"), &state.home) {
        (Some(rest), Some(home)) => home.join(rest),
        _ => PathBuf::from(text),
    }
}

fn save(state: &mut State, what: Asking, path: PathBuf, bytes: Vec<u8>) -> Vec<Effect> {
    let own = what == Asking::SaveSpecimen && state.editor.path() == Some(&path);
    state.saving.insert(path.clone(), (what, bytes.clone()));
    vec![Effect::Save { path, bytes, replace: own }]
}

fn save_policy(state: &mut State, mut prompt: Prompt, name: &str) -> Vec<Effect> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
    if !name.chars().all(allowed) {
        prompt.error = Some("a policy's name is made of letters, digits, - and _".to_owned());
        state.overlay = Some(Overlay::Prompt(prompt));
        return Vec::new();
    }
    let policy = crate::policy::Policy { name: name.to_owned(), ..share::saved_policy(state) };
    let path = state.policies.join(format!("{name}.toml"));
    let bytes = policy.to_toml().into_bytes();
    save(state, Asking::SavePolicy, path, bytes)
}

/// A file is there already: asks whether to replace it.
pub(super) fn exists(state: &mut State, path: PathBuf, bytes: Vec<u8>) {
    if !matches!(state.overlay, None | Some(Overlay::Profile)) || state.profile.is_typing() || state.editing {
        // The keys that are typed now are meant for something else.
        state.saving.remove(&path);
        complain(
            state,
            format!("not saved: {} exists already; save it again", visible(path.as_os_str().as_encoded_bytes())),
        );
        return;
    }
    state.overlay = Some(Overlay::Confirm(Confirm::Replace { path, bytes }));
}

/// A question was answered.
pub(super) fn answered(state: &mut State, yes: bool) -> Vec<Effect> {
    let Some(Overlay::Confirm(confirm)) = state.overlay.take() else { return Vec::new() };
    if !yes {
        match confirm {
            Confirm::Replace { path, .. } => {
                state.saving.remove(&path);
            }
            Confirm::ExposeMatrix { .. } => trials::again(state, Trial::Matrix),
            Confirm::StopBatch(trial) => trials::again(state, trial),
            Confirm::Expose { .. } | Confirm::AllowStart { .. } | Confirm::Quit | Confirm::Abandon(_) => {}
        }
        return Vec::new();
    }
    match confirm {
        Confirm::Expose { policy, base, exposures, then } => {
            state.accepted.extend(exposures.iter().map(|exposure| exposure.what));
            match then {
                Then::Nothing => bench::take(state, *policy, base),
                Then::Run => run::begin(state),
                Then::Matrix => trials::fill(state, Scope::default()),
                Then::Drill => trials::drill(state),
            }
        }
        Confirm::ExposeMatrix { .. } => trials::expose(state),
        Confirm::StopBatch(trial) => {
            trials::again(state, trial);
            trials::stop(state)
        }
        Confirm::Replace { path, bytes } => vec![Effect::Save { path, bytes, replace: true }],
        Confirm::AllowStart { .. } => {
            let mut effects = prove::allow_start(state);
            effects.extend(prove::begin(state));
            effects
        }
        Confirm::Quit => vec![Effect::Quit],
        Confirm::Abandon(next) => specimen::open_anyway(state, next),
    }
}

/// Copies the equivalent command.
pub(super) fn copy_command(state: &mut State) -> Vec<Effect> {
    let client = share::client(state);
    let command = share::command(state, client);
    notice(state, format!("the {} command was sent to the terminal's clipboard", client.name()));
    vec![Effect::Copy(command)]
}

/// What is suggested as the specimen's path.
pub(super) fn suggested_path(state: &State) -> String {
    match state.editor.path() {
        Some(path) => path.to_string_lossy().into_owned(),
        None => String::new(),
    }
}

/// The policy's name, safe to begin a new one with.
pub(super) fn suggested_policy(state: &State) -> String {
    format!("{}-mine", visible(state.bench.base.name.as_bytes()))
}
