//! What the workbench knows and shows. Only [`super::update`] changes it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ratatui::layout::Size;

use super::editor::Editor;
use super::keymap::Keymap;
use super::layout::{Areas, Divider, Pane, Splits};
use super::overlay::Overlay;
use super::overlay::profile::ProfilePane;
use super::overlay::prompt::Asking;
use super::panes::{denials::DenialsPane, layers::LayersPane, output::OutputPane};
use super::theme::Theme;
use super::tuning::{Tuning, Working};
use super::update::{Proof, Refusing};
use crate::engine::{Capabilities, Endpoint};
use crate::policy::{Bytes, Layer, Policy};
use crate::run::{Breakpoints, Enforcement, HeldCall, Observation, RunLog};
use crate::seccomp::Profile;
use crate::specimen::{LanguageTable, Specimen, SpecimenError};

/// Everything.
#[derive(Clone, Debug)]
pub struct State {
    /// Time since the workbench was opened, as of the action at hand.
    pub now: Duration,
    /// The screen's size.
    pub size: Size,
    /// Keys, as configured.
    pub keymap: Keymap,
    /// Colours, as chosen.
    pub theme: Theme,
    /// The theme's name.
    pub theme_name: String,
    /// The panes' shares.
    pub splits: Splits,
    /// The pane that has the focus.
    pub focus: Pane,
    /// The focused pane has the whole screen.
    pub zoomed: bool,
    /// The divider that the mouse holds.
    pub dragging: Option<Divider>,
    /// What is over the panes.
    pub overlay: Option<Overlay>,
    /// What the footer tells instead of keys, until then.
    pub notice: Option<Notice>,
    /// The specimen.
    pub editor: Editor,
    /// Keys type into the specimen.
    pub editing: bool,
    /// The languages that can be run.
    pub languages: LanguageTable,
    /// The most bytes a specimen may have.
    pub max_size: Bytes,
    /// Paths opened before, the last first.
    pub recent: Vec<PathBuf>,
    /// What the next run will be isolated by.
    pub bench: Bench,
    /// What makes cells.
    pub engine: EngineState,
    /// The cell that waits for the next run.
    pub warm: WarmCell,
    /// The last runs.
    pub runs: Runs,
    /// The specimen is to be run as soon as the run before is over.
    pub rerun: bool,
    /// The number of tickets so far; the last one is the one that counts.
    pub tickets: u32,
    /// What is being saved, by where it goes.
    pub saving: BTreeMap<PathBuf, (Asking, Vec<u8>)>,
    /// The specimen's revision when a file was last asked for to take its place.
    pub opening: u64,
    /// The directory in which the workbench was opened.
    pub directory: PathBuf,
    /// The user's home directory.
    pub home: Option<PathBuf>,
    /// Where the user's own policies are.
    pub policies: PathBuf,
    /// Which refused calls are held.
    pub breaks: Breakpoints,
    /// The lines of the specimen at which refused calls are held: each with the revision of the text that it is a line of.
    pub marks: BTreeSet<(u64, usize)>,
    /// The working profiles.
    pub tuning: Tuning,
    /// The run in which calls of low risk are allowed as they come.
    pub sweep: Option<RunId>,
    /// The profile as it is looked at.
    pub profile: ProfilePane,
    /// The selected row of the breakpoints.
    pub point: usize,
    /// How far the proof of a profile has come.
    pub proof: Option<Proof>,
    /// What an errno is being chosen for.
    pub refusing: Option<Refusing>,
    /// Which of the held calls is asked about, counted around.
    pub held_place: usize,
    /// Exposures that the reviewer has been asked about: what each opens.
    pub accepted: BTreeSet<&'static str>,
    /// The layers pane.
    pub layers: LayersPane,
    /// The denials pane.
    pub denials: DenialsPane,
    /// The output pane.
    pub output: OutputPane,
}

/// What a specimen without a name or a sign is taken for.
const PASTED_LANGUAGE: &str = "python";

/// A message to the reviewer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// What, already safe to show.
    pub text: String,
    /// Something went wrong.
    pub bad: bool,
    /// When it goes.
    pub until: Duration,
}

/// What the next run will be isolated by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bench {
    /// The layers as they are toggled.
    pub policy: Policy,
    /// The policy as it was loaded.
    pub base: Policy,
    /// The image reference.
    pub image: String,
    /// The engine enforces the profile itself.
    pub native: bool,
    /// How the engine meets the request; `None` until it was planned.
    pub planned: Option<Planned>,
}

impl Bench {
    /// Whether anything differs from the policy as it was loaded.
    pub fn is_changed(&self) -> bool {
        self.policy != self.base
    }
}

/// What a plan says before there is a cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Planned {
    /// Who enforces the process-level layers.
    pub enforcement: Enforcement,
    /// Whether denials will be seen.
    pub denials: Observation,
    /// The runtime that makes the cell.
    pub runtime: String,
    /// Layers that cannot be had here, and why.
    pub unavailable: BTreeMap<Layer, String>,
    /// What the reviewer should know before it runs.
    pub warnings: Vec<String>,
}

/// What makes cells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EngineState {
    /// It is being looked for.
    Connecting,
    /// It answers.
    Up(Box<EngineFacts>),
    /// It does not, and why.
    Lost(String),
}

/// An engine that answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EngineFacts {
    /// Where it listens.
    pub endpoint: Endpoint,
    /// What it can do.
    pub capabilities: Capabilities,
    /// The image that its cells are made from.
    pub image: String,
}

/// Tells one request for a warm cell from the others; a later one makes an earlier one void.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ticket(pub u32);

/// The cell that waits for the next run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WarmCell {
    /// There is none: no engine, or a run is under way.
    None,
    /// The toggles have just changed.
    Settling(Ticket),
    /// It is being made, since then.
    Warming(Ticket, Duration),
    /// It waits; making it took so long.
    Ready(Ticket, Duration),
    /// It could not be made.
    Failed(String),
}

/// Tells one run of the session from the others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RunId(pub u32);

/// Where a run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// It was asked for; the specimen does not execute yet.
    Starting,
    /// The specimen executes.
    Running,
    /// All its processes are stopped, and its deadline with them.
    Held,
    /// It is over.
    Ended,
}

/// One run of the session.
#[derive(Clone, Debug)]
pub struct RunRecord {
    /// Which.
    pub id: RunId,
    /// The specimen's name, already safe to show.
    pub specimen: String,
    /// The specimen's revision that ran.
    pub revision: u64,
    /// The policy it ran under, as toggled then.
    pub policy: Policy,
    /// The policy differed from the one of its name.
    pub changed: bool,
    /// The engine was to enforce the profile itself.
    pub native: bool,
    /// Where its engine listens.
    pub engine: Endpoint,
    /// The image its cell is made from.
    pub image: String,
    /// When the key was pressed.
    pub pressed: Duration,
    /// A warm cell took it.
    pub warm: bool,
    /// From the key to the first byte of output.
    pub first_output: Option<Duration>,
    /// Where it stands.
    pub phase: Phase,
    /// When the specimen began to execute.
    pub started: Option<Duration>,
    /// Since when its deadline's clock stands: it is held, or a call of its is.
    pub held_since: Option<Duration>,
    /// How long it was held before.
    pub held_for: Duration,
    /// How many calls of it were answered by hand: another run need not come to the same.
    pub by_hand: u32,
    /// Whether it agreed with a supervised run, and in what not, where it was to prove that; safe to show.
    pub proof: Option<(bool, String)>,
    /// How many edits the profile that answers its calls has.
    pub edits: usize,
    /// The profile that its filter was made of, as far as that was read.
    pub launched: Option<Arc<Profile>>,
    /// The profile that answers its calls now.
    pub profile: Option<Arc<Profile>>,
    /// What happened.
    pub log: RunLog,
}

impl RunRecord {
    /// A run that was asked for, under what is on the bench.
    pub fn new(id: RunId, bench: &Bench, engine: Endpoint) -> Self {
        Self {
            id,
            specimen: String::new(),
            revision: 0,
            policy: bench.policy.clone(),
            changed: bench.is_changed(),
            native: bench.native,
            engine,
            image: bench.image.clone(),
            pressed: Duration::ZERO,
            warm: false,
            first_output: None,
            phase: Phase::Starting,
            started: None,
            held_since: None,
            held_for: Duration::ZERO,
            edits: 0,
            by_hand: 0,
            proof: None,
            launched: None,
            profile: None,
            log: RunLog::default(),
        }
    }

    /// Whether a cell for what is on the bench now would be made by the same engine in the same way: what was read back
    /// of this run's cell says nothing of another one's.
    pub fn is_like(&self, bench: &Bench, engine: &EngineState) -> bool {
        let same_engine = matches!(engine, EngineState::Up(facts) if facts.endpoint == self.engine);
        same_engine && self.native == bench.native && self.image == bench.image
    }

    /// The deadline's clock stands while the run or a call of its is held.
    pub fn set_clock(&mut self, now: Duration) {
        if self.phase == Phase::Held || !self.log.summary.waiting.is_empty() {
            self.held_since.get_or_insert(now);
        } else if let Some(since) = self.held_since.take() {
            self.held_for += now.saturating_sub(since);
        }
    }

    /// How long the specimen has run, as its deadline counts: time held is left out.
    pub fn elapsed(&self, now: Duration) -> Duration {
        let Some(started) = self.started else { return Duration::ZERO };
        let held = self.held_since.map_or(Duration::ZERO, |since| now.saturating_sub(since));
        now.saturating_sub(started).saturating_sub(self.held_for).saturating_sub(held)
    }
}

/// The last runs, oldest first.
#[derive(Clone, Debug, Default)]
pub struct Runs {
    /// The runs that are kept.
    pub kept: VecDeque<RunRecord>,
    /// Which is shown: its place in `kept`.
    pub shown: usize,
    /// The number of runs so far.
    pub count: u32,
}

impl Runs {
    /// The run on the screen.
    pub fn shown(&self) -> Option<&RunRecord> {
        self.kept.get(self.shown)
    }

    /// The run that is not over.
    pub fn live(&self) -> Option<&RunRecord> {
        self.kept.back().filter(|run| run.phase != Phase::Ended)
    }

    /// A run by its identity.
    pub fn get_mut(&mut self, id: RunId) -> Option<&mut RunRecord> {
        self.kept.iter_mut().find(|run| run.id == id)
    }
}

impl State {
    /// Where everything is on the screen.
    pub fn areas(&self) -> Areas {
        Areas::new(self.size, &self.splits, self.focus, self.zoomed)
    }

    /// The specimen as it would run now.
    ///
    /// # Errors
    /// When there is none, it is too large, or no language is known for it.
    pub fn specimen(&self) -> Result<Specimen, SpecimenError> {
        let (name, bytes) = (self.editor.name(), self.editor.bytes());
        Specimen::from_bytes(&name, bytes, &self.languages, self.language(), self.max_size)
    }

    /// The name of the language that the specimen would run as: the chosen one, or what its name and text told when it
    /// was last looked for.
    pub fn language(&self) -> Option<&str> {
        self.editor.language().or(self.editor.recognised())
    }

    /// The language that the specimen's name and text tell.
    pub fn recognise(&self) -> Option<String> {
        let told = self.languages.recognise(&self.editor.name(), &self.editor.bytes());
        // What was pasted need not say what it is: most of it is Python.
        let pasted = self.editor.path().is_none().then_some(PASTED_LANGUAGE);
        told.map(|language| language.name.as_str()).or(pasted).map(str::to_owned)
    }

    /// The held call that the reviewer is asked about, and its run: that on the screen.
    pub fn asked(&self) -> Option<(&RunRecord, &HeldCall)> {
        let run = self.runs.shown().filter(|run| run.phase != Phase::Ended)?;
        let waiting = &run.log.summary.waiting;
        let place = self.held_place.checked_rem(waiting.len())?;
        Some((run, &waiting[place]))
    }

    /// Which refused calls a run of the text at that revision holds.
    pub fn breakpoints(&self, revision: u64) -> Breakpoints {
        let line = |(marked, line): &(u64, usize)| match () {
            () if *marked == revision => Some(*line),
            () if revision == self.editor.revision() => self.editor.line_now(*marked, *line),
            // The text was changed since it ran: which of its lines this was is not known.
            () => None,
        };
        let lines = self.marks.iter().filter_map(line).filter_map(|line| u32::try_from(line).ok()).collect();
        // What an edit refuses was decided: nobody is asked about it again.
        let refused = self.tuning.of(&self.bench.policy).map(Working::refused).unwrap_or_default();
        let except = self.breaks.except.iter().cloned().chain(refused.into_keys().map(str::to_owned)).collect();
        Breakpoints { lines, except, ..self.breaks.clone() }
    }

    /// The moment that is selected: output and resources mark it.
    pub fn moment(&self) -> Option<Duration> {
        self.denials.selected_moment(self.runs.shown()?)
    }
}
