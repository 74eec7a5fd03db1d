//! Commands, for what has the focus.

use ratatui::layout::Direction;

use super::{bench, complain, decide, notice, overlay, pane, points, profile, prove, run, specimen, trials, tune};
use crate::run::words::counted;
use crate::tui::action::{Effect, Listing};
use crate::tui::command::Command;
use crate::tui::layout::Pane;
use crate::tui::overlay::compare::Compare;
use crate::tui::overlay::confirm::Next;
use crate::tui::overlay::picker::Picking;
use crate::tui::overlay::prompt::{Asking, Prompt};
use crate::tui::overlay::{Overlay, scroll, share};
use crate::tui::state::State;

/// By how many per cent a key moves a divider.
const STEP: i16 = 4;

/// Does a command.
pub(super) fn command(state: &mut State, command: Command) -> Vec<Effect> {
    match command {
        Command::Quit => quit(state),
        Command::Suspend => vec![Effect::Suspend],
        Command::Redraw => vec![Effect::Redraw],
        Command::Back => back(state),
        // Whatever is open: what runs can always be stopped.
        Command::Stop => run::stop(state),
        Command::Hold => run::hold(state),
        _ if state.overlay.is_some() => in_overlay(state, command),
        _ if state.layers.is_editing() => in_setting(state, command),
        _ => on_the_bench(state, command),
    }
}

fn on_the_bench(state: &mut State, command: Command) -> Vec<Effect> {
    match command {
        Command::Run => return run::run(state),
        Command::Break => return decide::toggle(state),
        Command::Breakpoints | Command::AddPoint => points::open(state),
        Command::BreakLine => return points::line(state),
        Command::ProfileView => profile::open(state),
        Command::EditAllow | Command::EditDeny | Command::EditDefault | Command::EditCondition => {
            profile::elsewhere(state);
        }
        Command::Prove => return prove::prove(state),
        Command::AllowStart => return prove::allow_start(state),
        Command::AllowFrom => tune::ask(state),
        Command::DenyErrno => tune::ask_errno(state, None),
        Command::UndoEdit => return tune::step(state, true),
        Command::RedoEdit => return tune::step(state, false),
        Command::ResetProfile => return tune::reset(state),
        Command::SaveProfile => tune::ask_save(state),
        Command::Deny | Command::Allow | Command::DenyAlways | Command::KillCaller | Command::NextHeld => {
            return decide::decide(state, command);
        }
        Command::OlderRun => run::flip(state, false),
        Command::NewerRun => run::flip(state, true),
        Command::ResetPolicy => return bench::reset(state),
        Command::Native => return native(state),
        Command::Reconnect => return bench::reconnect(state),
        Command::Policy => return list(state, Listing::Policies),
        Command::Profile => return list(state, Listing::Profiles),
        Command::Theme => return list(state, Listing::Themes),
        Command::Engine => return list(state, Listing::Engines),
        Command::NewSpecimen => return specimen::open(state, Next::Empty),
        Command::Corpus => specimen::list_corpus(state),
        Command::Matrix => return trials::open_matrix(state),
        Command::Drill => return trials::open_drill(state),
        Command::Expose | Command::Runtimes => notice(state, "that is of the matrix: open it first".to_owned()),
        Command::Lesson => trials::lesson(state, Some(state.layers.selected())),
        Command::Open => specimen::ask_open(state),
        Command::SaveSpecimen => ask(state, Asking::SaveSpecimen, &overlay::suggested_path(state)),
        Command::SavePolicy if share::is_unsaved(state) => {
            let save = state.keymap.shown(Command::FocusLayers) + " " + &state.keymap.shown(Command::SaveProfile);
            complain(state, format!("a policy names its profile, whose edits are in no file: {save} saves it first"));
        }
        Command::SavePolicy => ask(state, Asking::SavePolicy, &overlay::suggested_policy(state)),
        Command::Palette => overlay::palette(state),
        Command::Language => overlay::languages(state),
        Command::Help => state.overlay = Some(Overlay::Help { scroll: 0 }),
        Command::ShowCommand => state.overlay = Some(Overlay::Share { scroll: 0 }),
        Command::Compare => compare(state),
        Command::NextPane => step(state, 1),
        Command::PreviousPane => step(state, Pane::ALL.len() - 1),
        Command::FocusSpecimen => focus(state, Pane::Specimen),
        Command::FocusLayers => focus(state, Pane::Layers),
        Command::FocusDenials => focus(state, Pane::Denials),
        Command::FocusOutput => focus(state, Pane::Output),
        Command::FocusResources => focus(state, Pane::Resources),
        Command::Zoom => state.zoomed = !state.zoomed,
        Command::Taller => grow(state, Direction::Vertical, STEP),
        Command::Shorter => grow(state, Direction::Vertical, -STEP),
        Command::Wider => grow(state, Direction::Horizontal, STEP),
        Command::Narrower => grow(state, Direction::Horizontal, -STEP),
        _ => return pane::command(state, command),
    }
    Vec::new()
}

fn in_overlay(state: &mut State, command: Command) -> Vec<Effect> {
    let (page, screen) = (i32::from(state.size.height.saturating_sub(6)), state.areas().screen);
    let unsaved = share::is_unsaved(state);
    match (&mut state.overlay, command) {
        (Some(Overlay::Share { .. }), Command::SaveProfile) => tune::ask_save(state),
        (Some(Overlay::Share { .. }), Command::Copy | Command::SaveOutput) if unsaved => {
            let save = state.keymap.shown(Command::SaveProfile);
            complain(state, format!("the profile has edits that are in no file: {save} saves it first"));
        }
        (Some(Overlay::Share { .. }), Command::Copy) => return overlay::copy_command(state),
        (Some(Overlay::Share { .. }), Command::SaveOutput) => ask(state, Asking::SaveCommand, "cell.sh"),
        (Some(Overlay::Picker(_) | Overlay::Prompt(_) | Overlay::Confirm(_) | Overlay::Allow(_)), Command::Accept) => {
            return overlay::accept(state);
        }
        (Some(Overlay::Picker(picker)), Command::Indent) if matches!(picker.picking, Picking::Errno { .. }) => {
            return overlay::errno(state, true);
        }
        (Some(Overlay::Allow(allow)), _) => allow.command(command),
        (Some(Overlay::Profile), Command::Palette) => overlay::palette(state),
        (Some(Overlay::Profile), _) => return profile::command(state, command),
        (Some(Overlay::Points), _) => return points::command(state, command),
        (Some(Overlay::Matrix), _) => return trials::in_matrix(state, command),
        (Some(Overlay::Drill), _) => return trials::in_drill(state, command),
        (Some(Overlay::Lesson { layer, .. }), Command::Accept) => {
            let layer = *layer;
            return trials::load_probe(state, layer);
        }
        (Some(Overlay::Picker(picker)), Command::Indent) if picker.picking == Picking::Corpus => {
            return specimen::open_twin(state);
        }
        (Some(Overlay::Prompt(prompt)), Command::Open) if prompt.asking == Asking::Open => {
            specimen::list_corpus(state);
        }
        (Some(Overlay::Prompt(prompt)), Command::Indent) if prompt.asking.is_path() => {
            return vec![Effect::Complete(prompt.field.text().to_owned())];
        }
        (Some(Overlay::Picker(picker)), _) => picker.command(command),
        (Some(Overlay::Prompt(prompt)), _) => prompt.command(command),
        (Some(Overlay::Compare(compare)), _) => compare.command(command, screen),
        (Some(_), Command::Up) => scroll(state, -1),
        (Some(_), Command::Down) => scroll(state, 1),
        (Some(_), Command::PageUp) => scroll(state, -page),
        (Some(_), Command::PageDown) => scroll(state, page),
        (Some(_), Command::Top) => scroll(state, i32::MIN),
        (Some(_), Command::Bottom) => scroll(state, i32::MAX),
        (Some(_) | None, _) => {}
    }
    Vec::new()
}

fn in_setting(state: &mut State, command: Command) -> Vec<Effect> {
    if command != Command::Accept {
        state.layers.command(command);
        return Vec::new();
    }
    let Some(typed) = state.layers.typed() else { return Vec::new() };
    match bench::set(state, state.layers.selected(), &typed) {
        Ok(effects) => effects,
        Err(error) => {
            state.layers.refuse(&typed, error.to_string());
            Vec::new()
        }
    }
}

/// Leaves what is open, innermost first.
fn back(state: &mut State) -> Vec<Effect> {
    if matches!(state.overlay, Some(Overlay::Profile)) {
        profile::back(state);
        return Vec::new();
    }
    match state.overlay.take() {
        None => {}
        // A question that is left is answered with no.
        Some(Overlay::Confirm(confirm)) => {
            state.overlay = Some(Overlay::Confirm(confirm));
            return overlay::answered(state, false);
        }
        Some(Overlay::Lesson { from, .. }) => {
            state.overlay = from.map(|from| *from);
            return Vec::new();
        }
        Some(trials @ (Overlay::Matrix | Overlay::Drill)) => {
            state.overlay = Some(trials);
            trials::back(state);
            return Vec::new();
        }
        Some(_) => return Vec::new(),
    }
    if state.layers.typed().is_some() {
        return Vec::new();
    }
    if state.editing {
        state.editing = false;
    } else if state.notice.is_some() {
        state.notice = None;
    } else if state.zoomed {
        state.zoomed = false;
    } else if state.focus == Pane::Denials && !state.denials.filter().is_empty() {
        overlay::set_filter(state, String::new());
    }
    Vec::new()
}

/// A character was typed where text is typed.
pub(super) fn type_char(state: &mut State, character: char) -> Vec<Effect> {
    match &mut state.overlay {
        Some(Overlay::Picker(picker)) => picker.type_char(character),
        Some(Overlay::Prompt(prompt)) => prompt.type_char(character),
        Some(Overlay::Profile) if state.profile.is_typing() => state.profile.type_char(character),
        Some(Overlay::Confirm(_)) => match character {
            'y' | 'Y' => return overlay::answered(state, true),
            'n' | 'N' | 'q' => return overlay::answered(state, false),
            _ => {}
        },
        None if state.layers.is_editing() => state.layers.type_char(character),
        None if state.editing => return specimen::changing(state, |editor| editor.type_char(character)),
        Some(_) | None => {}
    }
    Vec::new()
}

/// Text was pasted: into what is typed into, else into the specimen.
pub(super) fn paste(state: &mut State, text: &str) -> Vec<Effect> {
    match &mut state.overlay {
        Some(Overlay::Picker(picker)) => picker.paste(text),
        Some(Overlay::Prompt(prompt)) => prompt.paste(text),
        Some(Overlay::Profile) if state.profile.is_typing() => state.profile.paste(text),
        Some(_) => {}
        None if state.layers.is_editing() => state.layers.paste(text),
        None => return paste_specimen(state, text),
    }
    Vec::new()
}

fn paste_specimen(state: &mut State, text: &str) -> Vec<Effect> {
    if let Some(why) = state.editor.read_only() {
        complain(state, format!("it cannot be pasted into: {why}"));
        return Vec::new();
    }
    state.focus = Pane::Specimen;
    notice(state, format!("pasted {}", counted(text.lines().count() as u64, "line")));
    specimen::changing(state, |editor| editor.paste(text))
}

/// Has names read to choose from. Keys type no longer into the specimen: they are for what opens.
fn list(state: &mut State, listing: Listing) -> Vec<Effect> {
    state.editing = false;
    vec![Effect::List(listing)]
}

/// Asks for a line. Keys type no longer into the specimen.
pub(super) fn ask(state: &mut State, asking: Asking, text: &str) {
    state.editing = false;
    if asking == Asking::SaveOutput && state.runs.shown().is_none() {
        complain(state, "nothing has run yet".to_owned());
        return;
    }
    state.overlay = Some(Overlay::Prompt(Prompt::new(asking, text, Vec::new())));
}

fn compare(state: &mut State) {
    let pair = state.runs.shown.checked_sub(1).and_then(|at| Some((state.runs.kept.get(at)?, state.runs.shown()?)));
    match pair {
        Some((earlier, shown)) => state.overlay = Some(Overlay::Compare(Box::new(Compare::new(earlier, shown)))),
        None => notice(state, "there is no earlier run to compare with".to_owned()),
    }
}

fn native(state: &mut State) -> Vec<Effect> {
    state.bench.native = !state.bench.native;
    let who = if state.bench.native {
        "the engine alone enforces seccomp and ulimits: denials cannot be seen"
    } else {
        "the shim enforces seccomp and ulimits: denials are seen"
    };
    notice(state, who.to_owned());
    bench::changed(state)
}

fn step(state: &mut State, by: usize) {
    let at = (state.focus as usize + by) % Pane::ALL.len();
    focus(state, Pane::ALL[at]);
}

/// Focuses a pane.
pub(super) fn focus(state: &mut State, pane: Pane) {
    state.focus = pane;
    state.editing = false;
}

fn grow(state: &mut State, direction: Direction, step: i16) {
    state.splits = state.areas().grown(&state.splits, state.focus, direction, step);
}

fn quit(state: &mut State) -> Vec<Effect> {
    let asked = matches!(state.overlay, Some(Overlay::Confirm(crate::tui::overlay::confirm::Confirm::Quit)));
    if state.editor.is_changed() && !asked {
        state.overlay = Some(Overlay::Confirm(crate::tui::overlay::confirm::Confirm::Quit));
        return Vec::new();
    }
    vec![Effect::Quit]
}
