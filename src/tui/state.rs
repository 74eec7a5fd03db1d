//! What the workbench knows and shows. Only [`super::update`] changes it.

mod runs;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use ratatui::layout::Size;

pub use self::runs::{Phase, RunId, RunRecord, Runs};
use super::editor::Editor;
use super::keymap::Keymap;
use super::layout::{Areas, Divider, Pane, Splits};
use super::overlay::Overlay;
use super::overlay::drill::DrillPane;
use super::overlay::going::BatchId;
use super::overlay::matrix::MatrixPane;
use super::overlay::profile::ProfilePane;
use super::overlay::prompt::Asking;
use super::panes::{denials::DenialsPane, layers::LayersPane, output::OutputPane};
use super::theme::Theme;
use super::tuning::{Tuning, Working};
use super::update::{Proof, Refusing};
use crate::engine::{Capabilities, Endpoint};
use crate::policy::{Bytes, Layer, Policy};
use crate::run::{Breakpoints, Enforcement, HeldCall, Observation};
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
    /// The number of matrices and drills so far.
    pub batches: u32,
    /// The last matrix.
    pub matrix: Option<Box<MatrixPane>>,
    /// The last drill.
    pub drill: Option<Box<DrillPane>>,
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

impl State {
    /// Where everything is on the screen.
    pub fn areas(&self) -> Areas {
        Areas::new(self.size, &self.splits, self.focus, self.zoomed)
    }

    /// The matrix or drill that is not over.
    pub fn batch(&self) -> Option<BatchId> {
        let matrix = self.matrix.iter().map(|pane| &pane.batch);
        let mut batches = matrix.chain(self.drill.iter().map(|pane| &pane.batch));
        batches.find(|batch| batch.is_live()).map(|batch| batch.id)
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
        let pasted = self.editor.is_untitled().then_some(PASTED_LANGUAGE);
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
