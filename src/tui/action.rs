//! What can happen to the workbench, and what it wants done.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ratatui::layout::{Position, Size};

use super::command::Command;
use super::highlight::Analysis;
use super::overlay::drill::Tried;
use super::overlay::going::BatchId;
use super::overlay::picker::Item;
use super::session::Session;
use super::state::{EngineFacts, Planned, RunId, Ticket};
use super::theme::Theme;
use super::tuning::Origin;
use crate::drill::matrix::{Came, Combination, Scope, Table};
use crate::policy::Policy;
use crate::run::{Breakpoints, HeldId, RunEvent, Verdict};
use crate::seccomp::Profile;
use crate::specimen::Specimen;

/// Something that happened.
#[derive(Clone, Debug)]
pub enum Action {
    /// A key, or a choice from the palette.
    Command(Command),
    /// A character was typed.
    Type(char),
    /// The terminal pasted this.
    Paste(String),
    /// The mouse.
    Mouse(Mouse, Position),
    /// The screen has another size.
    Resize(Size),
    /// Time has passed.
    Tick,
    /// The engine was looked for.
    Connected(Result<Box<EngineFacts>, String>),
    /// The toggles have not changed for a while.
    Settled(Ticket),
    /// How the engine will meet the request.
    Planned(Ticket, Box<Planned>),
    /// A cell waits, or could not be made.
    Warmed(Ticket, Result<(), String>),
    /// The cell that waited is gone.
    WarmLost(Ticket, String),
    /// Something happened in a run.
    Run(RunId, Box<RunEvent>),
    /// So many cells that crashed workbenches had left were removed.
    Swept(usize),
    /// A file was read to be the specimen.
    Opened(PathBuf, Result<Vec<u8>, String>),
    /// A path that was being typed can go on like this.
    Completed {
        /// What was typed.
        typed: String,
        /// What it can become.
        candidates: Vec<String>,
    },
    /// A file was written, or could not be.
    Saved(PathBuf, Result<(), String>),
    /// A file was not written, since there is one already.
    Exists(PathBuf, Vec<u8>),
    /// The names that can be chosen from.
    Listed(Listing, Vec<Item>),
    /// A policy was read.
    PolicyLoaded(Result<Box<Policy>, String>),
    /// A seccomp profile was read.
    ProfileLoaded(Origin, Result<Box<Profile>, String>),
    /// A theme was read.
    ThemeLoaded(String, Result<Box<Theme>, String>),
    /// The specimen's text was analysed.
    Analysed(Box<Analysis>),
    /// Something has come of a matrix or a drill.
    Batch(BatchId, News),
    /// Something went wrong outside, in words that are safe to show.
    Told(String),
    /// A signal asks the workbench to end.
    Terminate,
}

/// What came of a matrix or a drill.
#[derive(Clone, Debug)]
pub enum News {
    /// What a matrix runs and what it does not.
    Planned {
        /// Its layers, and what is not run of it, and why.
        table: Box<Table>,
        /// What is run, in the order in which it is begun.
        order: Vec<Combination>,
    },
    /// A combination of a matrix.
    Came(Combination, Came),
    /// A probe of a drill.
    Tried(Box<Tried>),
    /// It is over, or could not go on.
    Over(Result<(), String>),
}

/// What the mouse did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mouse {
    /// The left button went down.
    Press,
    /// It moved, with the button down.
    Drag,
    /// The button came up.
    Release,
    /// The wheel turned up.
    ScrollUp,
    /// The wheel turned down.
    ScrollDown,
}

/// What can be chosen from a list of names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listing {
    /// Policies.
    Policies,
    /// Seccomp profiles.
    Profiles,
    /// Themes.
    Themes,
    /// Engines' addresses.
    Engines,
}

/// Something to be done outside the state.
#[derive(Clone, Debug)]
pub enum Effect {
    /// Leave.
    Quit,
    /// Give the terminal back until the shell continues us.
    Suspend,
    /// Draw everything anew.
    Redraw,
    /// Look for the engine.
    Connect,
    /// Look for this engine from now on.
    ChooseEngine(String),
    /// Send [`Action::Settled`] after a while.
    Settle(Ticket),
    /// Make a cell that waits; the one that waits now is used, or discarded.
    Warm(Ticket, Box<CellRequest>),
    /// Hold these calls of a run.
    Break(RunId, Breakpoints),
    /// Answer a call that is held.
    Answer(RunId, HeldId, Verdict),
    /// Have calls of a run answered by this profile from now on, those held too.
    Judge(RunId, Arc<Profile>),
    /// Run the specimen in the cell that waits, if it is the one that is wanted, else in a new one.
    Run(RunId, Box<CellRequest>, Box<Specimen>),
    /// Kill what runs.
    Stop(RunId),
    /// Run the specimen under each combination of the policy's layers.
    Matrix {
        /// Which.
        id: BatchId,
        /// What is on the bench.
        request: Box<CellRequest>,
        /// What is run.
        specimen: Box<Specimen>,
        /// What is tried beyond what always is.
        scope: Scope,
    },
    /// Try the corpus.
    Drill {
        /// Which.
        id: BatchId,
        /// What is on the bench.
        request: Box<CellRequest>,
    },
    /// Stop a matrix or a drill.
    StopBatch(BatchId),
    /// Hold what runs, or let it go on.
    Hold(RunId, bool),
    /// Highlight the text and look for hidden characters.
    Analyse {
        /// The text's revision.
        revision: u64,
        /// Its lines.
        lines: Vec<String>,
        /// Its language's name.
        language: Option<String>,
    },
    /// Read a file to be the specimen.
    Open(PathBuf),
    /// Complete a path.
    Complete(String),
    /// Write a file; one that exists is replaced only where that is said.
    Save {
        /// Where.
        path: PathBuf,
        /// What.
        bytes: Vec<u8>,
        /// Whether a file there may be replaced.
        replace: bool,
    },
    /// Put this on the terminal's clipboard.
    Copy(String),
    /// Read the names that can be chosen from.
    List(Listing),
    /// Read a policy.
    LoadPolicy(String),
    /// Read the seccomp profile of a policy.
    LoadProfile(Box<Policy>),
    /// Read a theme.
    LoadTheme(String),
    /// Remember the session.
    Remember(Box<Session>),
}

/// The cell that is wanted.
#[derive(Clone, Debug)]
pub struct CellRequest {
    /// The layers.
    pub policy: Policy,
    /// The image reference.
    pub image: String,
    /// The profile in the place of the policy's own, where that is edited.
    pub profile: Option<Arc<Profile>>,
    /// The engine enforces the profile itself.
    pub native: bool,
    /// The specimen as it is now, if it can be run: a cell under native enforcement is made for its name.
    pub specimen: Option<Specimen>,
}

/// How long the toggles must rest until a cell is made for them.
pub const SETTLE: Duration = Duration::from_millis(150);
