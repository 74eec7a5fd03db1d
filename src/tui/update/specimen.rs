//! The specimen: opened, typed, analysed, saved.

use std::path::PathBuf;

use super::{bench, complain, notice, tune};
use crate::drill::corpus;
use crate::drill::probe::Probe;
use crate::text::visible;
use crate::tui::action::Effect;
use crate::tui::command::Command;
use crate::tui::editor::Editor;
use crate::tui::layout::Pane;
use crate::tui::overlay::Overlay;
use crate::tui::overlay::confirm::Confirm;
pub use crate::tui::overlay::confirm::Next;
use crate::tui::overlay::picker::{Item, Picker, Picking};
use crate::tui::overlay::prompt::{Asking, Prompt};
use crate::tui::session::remember;
use crate::tui::state::State;

/// The probe that is selected when the corpus is listed: the one that everybody knows.
const FIRST_PROBE: &str = "fork-bomb.py";

/// Does a command of the editor, and has the text analysed where it changed.
pub(super) fn edit(state: &mut State, command: Command) -> Vec<Effect> {
    let size = state.areas().inner(Pane::Specimen).as_size();
    changing(state, |editor| editor.command(command, size))
}

/// Does something to the text, and has it analysed where that changed it.
pub(super) fn changing(state: &mut State, change: impl FnOnce(&mut Editor)) -> Vec<Effect> {
    let before = state.editor.revision();
    change(&mut state.editor);
    if state.editor.revision() == before { Vec::new() } else { analyse(state) }
}

/// The text is another one.
pub(super) fn analyse(state: &mut State) -> Vec<Effect> {
    let before = state.language().map(str::to_owned);
    analysed_as(state, before.as_deref())
}

/// The text, or what it is taken for, is another one; it was in this language before.
pub(super) fn analysed_as(state: &mut State, before: Option<&str>) -> Vec<Effect> {
    let recognised = state.recognise();
    state.editor.set_recognised(recognised);
    let mut effects = vec![Effect::Analyse {
        revision: state.editor.revision(),
        lines: state.editor.lines().to_vec(),
        language: state.language().map(str::to_owned),
    }];
    // A cell under native enforcement is made for the command that runs the specimen.
    if state.bench.native && before != state.language() {
        effects.extend(bench::changed(state));
    }
    effects
}

/// Asks for a path to open.
pub(super) fn ask_open(state: &mut State) {
    let recent: Vec<String> = state.recent.iter().map(|path| path.to_string_lossy().into_owned()).collect();
    state.overlay = Some(Overlay::Prompt(Prompt::new(Asking::Open, "", recent)));
}

/// Opens another specimen; asks first where changes would be lost.
pub(super) fn open(state: &mut State, next: Next) -> Vec<Effect> {
    if state.editor.is_changed() {
        state.overlay = Some(Overlay::Confirm(Confirm::Abandon(next)));
        return Vec::new();
    }
    open_anyway(state, next)
}

/// Opens another specimen.
pub(super) fn open_anyway(state: &mut State, next: Next) -> Vec<Effect> {
    match next {
        Next::File(path) => {
            state.opening = state.editor.revision();
            vec![Effect::Open(path)]
        }
        Next::Probe(name) => probe(state, &name),
        Next::Empty => {
            state.editor = Editor::empty().replacing(&state.editor);
            state.focus = Pane::Specimen;
            state.editing = true;
            analyse(state)
        }
    }
}

/// Opens a file of the corpus, and says what it takes to be a test.
fn probe(state: &mut State, name: &str) -> Vec<Effect> {
    let Some(text) = corpus::text(name) else {
        complain(state, format!("{name} is not in the corpus"));
        return Vec::new();
    };
    state.editor = Editor::titled(name, text).replacing(&state.editor);
    state.focus = Pane::Specimen;
    state.editing = false;
    if let Some(need) = Probe::parse(name, text).ok().and_then(|probe| probe.needs) {
        notice(state, format!("{name} needs {need}"));
    }
    analyse(state)
}

/// Lists the corpus to choose from.
pub(super) fn list_corpus(state: &mut State) {
    state.editing = false;
    let probes = match corpus::probes() {
        Ok(probes) => probes,
        Err(error) => {
            complain(state, error.to_string());
            return;
        }
    };
    let item = |probe: &Probe| Item {
        value: probe.name.clone(),
        label: probe.name.clone(),
        detail: probe.tries.strip_prefix("to ").unwrap_or(&probe.tries).to_owned(),
        note: probe.layer.map_or_else(String::new, |layer| layer.to_string()),
    };
    let items = probes.iter().map(item).collect();
    state.overlay = Some(Overlay::Picker(Picker::new(Picking::Corpus, items, FIRST_PROBE)));
}

/// The harmless twin of the probe that is chosen in the list.
pub(super) fn open_twin(state: &mut State) -> Vec<Effect> {
    let Some(Overlay::Picker(picker)) = &state.overlay else { return Vec::new() };
    let Some(name) = picker.chosen().map(|item| item.value.clone()) else { return Vec::new() };
    let twin = corpus::text(&name).and_then(|text| Probe::parse(&name, text).ok()).map(|probe| probe.twin());
    state.overlay = None;
    twin.map_or_else(Vec::new, |twin| open(state, Next::Probe(twin)))
}

/// A file was read.
pub(super) fn opened(state: &mut State, path: PathBuf, result: Result<Vec<u8>, String>) -> Vec<Effect> {
    match result {
        // What was typed while the file was read is not lost unasked.
        Ok(_) if state.editor.revision() != state.opening && state.editor.is_changed() => {
            state.editing = false;
            state.overlay = Some(Overlay::Confirm(Confirm::Abandon(Next::File(path))));
            Vec::new()
        }
        Ok(bytes) => {
            remember(&mut state.recent, path.clone());
            state.editor = Editor::load(path, bytes).replacing(&state.editor);
            state.editing = false;
            let mut effects = analyse(state);
            effects.push(Effect::Remember(Box::new(super::session(state))));
            effects
        }
        Err(error) => {
            complain(state, error);
            Vec::new()
        }
    }
}

/// A file was written, or is there already and was not to be replaced.
pub(super) fn saved(state: &mut State, path: PathBuf, result: Result<(), String>) -> Vec<Effect> {
    let saving = state.saving.remove(&path);
    match result {
        Ok(()) => {
            notice(state, format!("saved {}", visible(path.as_os_str().as_encoded_bytes())));
            match saving {
                Some((Asking::SaveSpecimen, bytes)) => {
                    remember(&mut state.recent, path.clone());
                    state.editor.saved(path, bytes);
                    return analyse(state);
                }
                Some((Asking::SaveProfile, bytes)) => tune::saved(state, path, &bytes),
                _ => {}
            }
        }
        Err(error) => complain(state, error),
    }
    Vec::new()
}
