//! The working profile: edits by decision and by hand, taken back, saved, and told to the run under way.

use std::path::PathBuf;
use std::sync::Arc;

use super::{bench, complain, decide, notice};
use crate::policy::Layer;
use crate::run::words::counted;
use crate::run::{Denial, HeldId, Verdict, errnos};
use crate::seccomp::{Action, Edit, Profile};
use crate::text::visible;
use crate::tui::action::Effect;
use crate::tui::command::Command;
use crate::tui::overlay::Overlay;
use crate::tui::overlay::allow::{self, Allow, Choice};
use crate::tui::overlay::picker::{Item, Picker, Picking};
use crate::tui::overlay::prompt::{Asking, Prompt};
use crate::tui::panes::denials::Row;
use crate::tui::state::{RunId, State};
use crate::tui::tuning::{Origin, Subject, Working};

/// The policy may ask for another profile than the one that was read: then that is to be read.
pub(super) fn follow(state: &mut State) -> Vec<Effect> {
    let origin = Origin::of(&state.bench.policy);
    if state.tuning.asked.as_ref() == Some(&origin) { Vec::new() } else { read(state) }
}

/// Has the policy's profile read.
pub(super) fn read(state: &mut State) -> Vec<Effect> {
    let policy = state.bench.policy.clone();
    state.tuning.asked = Some(Origin::of(&policy));
    vec![Effect::LoadProfile(Box::new(policy))]
}

/// A profile was read, or could not be.
pub(super) fn loaded(state: &mut State, origin: &Origin, result: Result<Box<Profile>, String>) -> Vec<Effect> {
    if let Some(refused) = state.tuning.loaded(origin, result.map(|profile| *profile)) {
        complain(state, refused);
    }
    // A cell that is being made may be for the profile without the edits of the last session.
    if state.tuning.edits(&state.bench.policy) > 0 { bench::changed(state) } else { Vec::new() }
}

/// The call that is held, else the one of the selected row; where none is, the one that was refused last.
fn subject(state: &State) -> Result<Subject, &'static str> {
    if let Some((run, call)) = state.asked() {
        return Ok(Subject::of_held(run, call));
    }
    let run = state.runs.shown().ok_or("nothing has run yet")?;
    let by_profile = |denial: &&Denial| denial.layer == Layer::Seccomp;
    let denials = run.log.summary.denials.values();
    let newest = || denials.filter(by_profile).max_by_key(|denial| denial.first).map(Row::Denial);
    match state.denials.selected_row(run).or_else(newest) {
        Some(Row::Denial(denial)) if denial.layer != Layer::Seccomp => {
            Err("no profile refused this call but another layer: set that")
        }
        Some(Row::Denial(denial)) => Ok(Subject::of_denial(run, denial)),
        Some(Row::Limit(_)) => Err("a limit is no call that a profile could allow: set its layer"),
        None => Err("no call was refused"),
    }
}

/// Asks what to do with a refused call from now on.
pub(super) fn ask(state: &mut State) {
    let subject = match subject(state) {
        Ok(subject) => subject,
        Err(reason) => return notice(state, reason.to_owned()),
    };
    let Some(working) = state.tuning.of(&state.bench.policy) else { return not_read(state) };
    let made = state.runs.shown().map(|run| Allow::new(subject, run, working.space.current()));
    match made.flatten() {
        Some(allow) => state.overlay = Some(Overlay::Allow(Box::new(allow))),
        None => complain(state, "no profile can name this call: it is no call of this machine's".to_owned()),
    }
}

fn not_read(state: &mut State) {
    let reason = state.tuning.error.clone().unwrap_or_else(|| "it is being read".to_owned());
    complain(state, format!("the profile cannot be changed: {reason}"));
}

/// Takes the selected choice.
pub(super) fn accept(state: &mut State, mut allow: Box<Allow>) -> Vec<Effect> {
    if matches!(allow.choice(), Choice::Argument { .. }) {
        allow.command(Command::Accept);
        state.overlay = Some(Overlay::Allow(allow));
        return Vec::new();
    }
    let edits = allow.edits();
    if edits.is_empty() {
        notice(state, "tick the arguments first that have to be as they are here".to_owned());
        state.overlay = Some(Overlay::Allow(allow));
        return Vec::new();
    }
    let mut effects = apply(state, edits);
    if *allow.choice() == Choice::Sweep {
        effects.extend(sweep(state, allow.subject.run));
    }
    effects
}

/// From now on calls of low risk are allowed in a run as they come; those held already too.
fn sweep(state: &mut State, run: RunId) -> Vec<Effect> {
    state.sweep = Some(run);
    let waiting = state.runs.get_mut(run).map_or_else(Vec::new, |run| run.log.summary.waiting.clone());
    let mut effects: Vec<Effect> =
        waiting.iter().flat_map(|call| swept(state, run, call).unwrap_or_default()).collect();
    // Many calls come in a second, and none of them asks anybody.
    effects.extend(decide::tell(state));
    effects
}

/// Allows a call that is held where that is what was asked for; `None` where it is to be decided.
pub(super) fn swept(state: &mut State, id: RunId, call: &crate::run::HeldCall) -> Option<Vec<Effect>> {
    if state.sweep != Some(id) || !allow::is_low(&call.syscall) {
        return None;
    }
    let subject = state.runs.get_mut(id).map(|run| Subject::of_held(run, call))?;
    let current = state.tuning.of(&state.bench.policy)?.space.current();
    if current.says(&subject.call).plain().is_some_and(Action::allows) {
        // The order that allows it is on its way.
        return Some(Vec::new());
    }
    let edit = Edit::Allow { call: subject.call.clone(), conditions: Vec::new(), reason: subject.reason() };
    Some(apply(state, vec![edit]))
}

/// Makes edits to the working profile, as one step.
pub(super) fn apply(state: &mut State, edits: Vec<Edit>) -> Vec<Effect> {
    let policy = state.bench.policy.clone();
    let Some(working) = state.tuning.of_mut(&policy) else {
        not_read(state);
        return Vec::new();
    };
    let said = said(&edits);
    let closed: Vec<String> = edits.iter().filter(|edit| closes(edit)).map(|edit| edit.call().to_owned()).collect();
    if let Err(error) = working.space.apply(edits) {
        complain(state, error.to_string());
        return Vec::new();
    }
    let undo = state.keymap.shown(Command::UndoEdit);
    let later = if applies_later(state, &closed) { " from the next run on" } else { "" };
    notice(state, format!("{}: {said}{later}; {undo} takes it back", state.tuning.label(&policy)));
    changed(state)
}

/// Whether an edit may refuse what was allowed before.
const fn closes(edit: &Edit) -> bool {
    !matches!(edit, Edit::Allow { .. })
}

/// What was launched with a call allowed goes on so: the kernel asks about nothing that it was told to allow.
fn applies_later(state: &State, closed: &[String]) -> bool {
    let launched = state.runs.live().and_then(|run| run.launched.as_ref());
    let passes = |call: &String| launched.is_some_and(|profile| profile.says(call).plain().is_none_or(Action::allows));
    closed.iter().any(passes)
}

/// What some edits do, in a few words.
fn said(edits: &[Edit]) -> String {
    match edits {
        [Edit::Allow { call, conditions, .. }] if conditions.is_empty() => format!("{call} is allowed"),
        [Edit::Allow { call, .. }] => format!("{call} is allowed with these arguments"),
        [Edit::Deny { call, errno, .. }] => {
            format!("{call} is refused with {}", crate::run::Refusal::Errno((*errno).into()))
        }
        [Edit::Remove { call, .. }] => format!("{call} is left to the default action"),
        edits => format!("{} at once", counted(edits.len() as u64, "edit")),
    }
}

/// The working profile is another one.
fn changed(state: &mut State) -> Vec<Effect> {
    let policy = state.bench.policy.clone();
    if let Some(working) = state.tuning.of_mut(&policy) {
        working.changed();
    }
    let mut effects = judge(state);
    effects.extend(bench::changed(state));
    effects
}

/// Tells the run under way, where it is under this profile.
fn judge(state: &mut State) -> Vec<Effect> {
    let policy = &state.bench.policy;
    let Some(current) = state.tuning.of(policy).map(|working| Arc::clone(working.space.current())) else {
        return Vec::new();
    };
    let Some(id) = state.runs.live().filter(|run| !run.native && run.policy.is_on(Layer::Seccomp)).map(|run| run.id)
    else {
        return Vec::new();
    };
    let (same, edits) = (Origin::of(policy), state.tuning.edits(policy));
    match state.runs.get_mut(id).filter(|run| Origin::of(&run.policy) == same) {
        Some(run) => (run.profile, run.edits) = (Some(Arc::clone(&current)), edits),
        None => return Vec::new(),
    }
    let mut effects = vec![Effect::Judge(id, current)];
    // What an edit refuses is decided: it is answered so where it is held, and held no more.
    let refused = state.tuning.of(&state.bench.policy).map(Working::refused).unwrap_or_default();
    let waiting = state.runs.live().into_iter().flat_map(|run| &run.log.summary.waiting);
    effects.extend(waiting.filter_map(|call| {
        let errno = *refused.get(call.syscall.as_str())?;
        Some(Effect::Answer(id, call.id, Verdict::DenyWith(errno.into())))
    }));
    if state.breaks.on {
        effects.extend(decide::tell(state));
    }
    effects
}

/// Takes the last step back, or makes it again.
pub(super) fn step(state: &mut State, back: bool) -> Vec<Effect> {
    let policy = state.bench.policy.clone();
    let Some(working) = state.tuning.of_mut(&policy) else {
        not_read(state);
        return Vec::new();
    };
    let step = if back { working.space.undo() } else { working.space.redo() };
    let Some(edits) = step else {
        notice(state, if back { "no edit is left to take back" } else { "no edit was taken back" }.to_owned());
        return Vec::new();
    };
    let how = if back { "taken back" } else { "made again" };
    notice(state, format!("{}: {how}: {}", state.tuning.label(&policy), said(&edits)));
    changed(state)
}

/// Takes every edit back; each can be made again.
pub(super) fn reset(state: &mut State) -> Vec<Effect> {
    let policy = state.bench.policy.clone();
    let mut count = 0;
    while state.tuning.of_mut(&policy).is_some_and(|working| working.space.undo().is_some()) {
        count += 1;
    }
    if count == 0 {
        notice(state, "the profile has no edits".to_owned());
        return Vec::new();
    }
    let redo = state.keymap.shown(Command::RedoEdit);
    notice(state, format!("{} taken back; {redo} makes them again, one by one", counted(count, "step")));
    changed(state)
}

/// Asks where to save the working profile.
pub(super) fn ask_save(state: &mut State) {
    let Some(working) = state.tuning.of(&state.bench.policy) else { return not_read(state) };
    let path = match &working.saved {
        Some((path, _)) => path.to_string_lossy().into_owned(),
        None => format!("{}-tuned.json", stem(&state.bench.policy.setting(Layer::Seccomp))),
    };
    state.editing = false;
    state.overlay = Some(Overlay::Prompt(Prompt::new(Asking::SaveProfile, &path, Vec::new())));
}

/// A profile's name without directory and extension.
fn stem(setting: &str) -> &str {
    let file = setting.rsplit('/').next().unwrap_or(setting);
    file.strip_suffix(".json").unwrap_or(file)
}

/// The working profile was written there.
pub(super) fn saved(state: &mut State, path: PathBuf, bytes: &[u8]) {
    let policy = state.bench.policy.clone();
    let directory = state.directory.clone();
    if let Some(working) = state.tuning.of_mut(&policy)
        && working.space.to_oci_text().as_bytes() == bytes
    {
        let path = directory.join(path);
        notice(
            state,
            format!(
                "saved {}: docker and podman take it as --security-opt seccomp=FILE",
                visible(path.as_os_str().as_encoded_bytes())
            ),
        );
        if let Some(working) = state.tuning.of_mut(&policy) {
            working.saved = Some((path, Arc::clone(working.space.current())));
        }
    }
}

/// Asks for the errno that a call is to fail with.
pub(super) fn ask_errno(state: &mut State, call: Option<String>) {
    let subject = match call {
        Some(call) => Refusing::Edited(call),
        None => match state.asked() {
            Some((run, call)) => Refusing::Held(Subject::of_held(run, call)),
            None => return notice(state, "no call is held".to_owned()),
        },
    };
    let item = |(number, name): (i32, &str)| Item {
        value: number.to_string(),
        label: format!("{name} {number}"),
        detail: meaning(number),
        note: String::new(),
    };
    let held = matches!(subject, Refusing::Held(_));
    state.refusing = Some(subject);
    state.overlay = Some(Overlay::Picker(Picker::new(Picking::Errno { held }, errnos().map(item).collect(), "1")));
}

/// What an errno means: strerror(3).
fn meaning(number: i32) -> String {
    let text = std::io::Error::from_raw_os_error(number).to_string();
    text.split(" (os error").next().unwrap_or(&text).to_owned()
}

/// What an errno is asked for.
#[derive(Clone, Debug)]
pub enum Refusing {
    /// The answer to a call that is held.
    Held(Subject),
    /// What the profile is to say of a call.
    Edited(String),
}

/// An errno was chosen: for this call once, or from now on.
pub(super) fn refuse(state: &mut State, typed: &str, always: bool) -> Vec<Effect> {
    let Some(refusing) = state.refusing.take() else { return Vec::new() };
    let Some(errno) = typed.trim().parse().ok().filter(|errno| (1..=4095).contains(errno)) else {
        complain(state, "an errno is a name of the list, or a number from 1 to 4095".to_owned());
        return Vec::new();
    };
    match refusing {
        Refusing::Edited(call) => {
            let effects = apply(state, vec![Edit::Deny { call, errno, reason: "by hand".to_owned() }]);
            state.overlay = Some(Overlay::Profile);
            effects
        }
        Refusing::Held(subject) if always => {
            let edit = Edit::Deny { call: subject.call.clone(), errno, reason: subject.reason() };
            apply(state, vec![edit])
        }
        Refusing::Held(Subject { run, held, .. }) => {
            let Some(held) = held.filter(|held| is_held(state, run, *held)) else {
                notice(state, "that call is held no more".to_owned());
                return Vec::new();
            };
            decide::answer(state, run, held, Verdict::DenyWith(errno.into()))
        }
    }
}

fn is_held(state: &State, run: RunId, held: HeldId) -> bool {
    let live = state.runs.live().filter(|live| live.id == run);
    live.is_some_and(|live| live.log.summary.waiting.iter().any(|call| call.id == held))
}
