//! The matrix: one specimen under each combination of layers, filled in as the runs end.
//!
//! ```text
//! ╔ Matrix fork-bomb.py under hardened ════════════════════════════════════╗
//! ║ ████████████░░░░░░░░░░░░ 14 of 30 · 1.2 s · 2 cells at a time          ║
//! ║   LAYER         PART           WITHOUT IT           ALONE              ║
//! ║   all on                       HELD (1)                                ║
//! ║ ▸ ulimits       in front       HELD (1)             HELD (1)           ║
//! ║────────────────────────────────────────────────────────────────────────║
//! ║ without ulimits: HELD: Resource temporarily unavailable [pids: …]      ║
//! ╚══════════════════════════ Enter opens the run · ? the layer · Esc ═════╝
//! ```

mod draw;
mod opened;

use ratatui::layout::Rect;

pub use self::draw::{View, render, view};
use super::going::{Batch, BatchId};
use crate::drill::matrix::{Came, Combination, Ran, Role, Scope, Table, names};
use crate::policy::{Exposure, Layer, Policy};
use crate::text::visible_str;
use crate::tui::command::Command;
use crate::tui::layout::inside;
use crate::tui::state::State;

/// A matrix of the session, and what the reviewer does with it.
#[derive(Clone, Debug)]
pub struct MatrixPane {
    /// Its cells.
    pub batch: Batch,
    /// The specimen's name, safe to show.
    pub specimen: String,
    /// The revision of its text.
    pub revision: u64,
    /// The policy that layers are taken from.
    pub policy: Policy,
    /// It differs from the one of its name.
    changed: bool,
    /// How many edits its profile has.
    pub edits: usize,
    /// What is tried beyond what always is.
    pub scope: Scope,
    filled: Option<Filled>,
    /// The selected row: all, none, then the layers and the other runtimes.
    row: usize,
    /// The second column of runs is selected.
    alone: bool,
    /// The run of the selected cell is open, scrolled by so many lines.
    opened: Option<u16>,
}

/// What has come of it so far.
#[derive(Clone, Debug)]
struct Filled {
    table: Table,
    /// What is run, in the order in which it is begun.
    order: Vec<Combination>,
    /// How many are over, and how many of them ran to their end.
    done: usize,
    ran: usize,
    /// What part each layer has, once that is known.
    parts: Vec<(Layer, Option<Role>)>,
    /// What it comes to, once all has come.
    sentences: Vec<String>,
}

/// A row of the table, and what is run in it.
struct Row {
    name: String,
    layer: Option<Layer>,
    combinations: [Option<Combination>; 2],
}

impl Filled {
    /// All, none, each layer, each other runtime.
    fn rows(&self) -> Vec<Row> {
        let single = |name: &str, one| Row { name: name.to_owned(), layer: None, combinations: [Some(one), None] };
        let ends = [single("all on", Combination::All), single("none on", Combination::None)];
        let layers = self.table.layers().iter().map(|layer| Row {
            name: layer.to_string(),
            layer: Some(*layer),
            combinations: [Combination::Without(*layer), Combination::Alone(*layer)].map(Some),
        });
        let others = self.table.matrix().others().map(|(other, runtime)| Row {
            name: format!("over {}", visible_str(&runtime.0)),
            layer: None,
            combinations: [Combination::Over(other), Combination::OverAlone(other)].map(Some),
        });
        ends.into_iter().chain(layers).chain(others).collect()
    }

    fn add(&mut self, combination: Combination, came: Came) {
        self.ran += usize::from(came.ran().is_some());
        self.table.add(combination, came);
        self.done += 1;
        self.settle();
    }

    /// Which part each layer has: told once for all frames.
    fn settle(&mut self) {
        let part = |layer: &Layer| self.table.tells_of(*layer).then(|| self.table.role(*layer));
        self.parts = self.table.layers().iter().map(|layer| (*layer, part(layer))).collect();
    }
}

impl MatrixPane {
    /// One that begins now, of what is on the bench.
    pub fn new(id: BatchId, state: &State, specimen: String, scope: Scope) -> Self {
        Self {
            batch: Batch::new(id, state.now),
            specimen,
            revision: state.editor.revision(),
            policy: state.bench.policy.clone(),
            changed: state.bench.is_changed(),
            edits: state.tuning.edits(&state.bench.policy),
            scope,
            filled: None,
            row: 0,
            alone: false,
            opened: None,
        }
    }

    /// Whether another one of what is on the bench would be of the same.
    pub fn is_of(&self, state: &State) -> bool {
        self.revision == state.editor.revision()
            && self.policy == state.bench.policy
            && self.edits == state.tuning.edits(&state.bench.policy)
    }

    /// What is run and what is not is decided.
    pub fn planned(&mut self, table: Table, order: Vec<Combination>) {
        let mut filled = Filled { table, order, done: 0, ran: 0, parts: Vec::new(), sentences: Vec::new() };
        filled.settle();
        self.filled = Some(filled);
    }

    /// Something has come.
    pub fn came(&mut self, combination: Combination, came: Came) {
        if let Some(filled) = &mut self.filled {
            filled.add(combination, came);
        }
    }

    /// It is over.
    pub fn over(&mut self) {
        if let Some(filled) = &mut self.filled {
            filled.sentences = filled.table.sentences();
            let (off, lacking) = Layer::ALL
                .into_iter()
                .filter(|layer| !filled.table.layers().contains(layer))
                .partition::<Vec<_>, _>(|layer| !self.policy.is_on(*layer));
            if !off.is_empty() {
                filled.sentences.push(format!("Not asked for by this policy: {}.", names(&off)));
            }
            if !lacking.is_empty() {
                filled.sentences.push(format!("Not to be had here: {}.", names(&lacking)));
            }
        }
    }

    /// Leaves the run that is open; false where none is.
    pub fn back(&mut self) -> bool {
        self.opened.take().is_some()
    }

    /// The combination that is selected.
    fn selected(&self) -> Combination {
        let combinations = self.filled.as_ref().and_then(|filled| filled.rows().into_iter().nth(self.row));
        let [first, second] = combinations.map_or([Some(Combination::All), None], |row| row.combinations);
        second.filter(|_| self.alone).or(first).unwrap_or(Combination::All)
    }

    /// The layer that is selected.
    pub fn layer(&self) -> Option<Layer> {
        let filled = self.filled.as_ref()?;
        filled.table.layers().get(self.row.checked_sub(2)?).copied()
    }

    /// What the combinations that are not run would expose, each once.
    pub fn exposures(&self) -> Vec<Exposure> {
        let mut all: Vec<Exposure> = Vec::new();
        let Some(filled) = &self.filled else { return all };
        for layer in filled.table.layers() {
            if let Some(Came::NotRun(exposures)) = filled.table.came(Combination::Without(*layer)) {
                all.extend(exposures.iter().filter(|exposure| !all.contains(exposure)).cloned().collect::<Vec<_>>());
            }
        }
        all
    }

    /// Whether that has come.
    #[cfg(test)]
    pub fn has(&self, combination: Combination) -> bool {
        self.filled.as_ref().is_some_and(|filled| filled.table.came(combination).is_some())
    }

    fn ran(&self, combination: Combination) -> Option<&Ran> {
        self.filled.as_ref()?.table.ran(combination)
    }

    /// Does a command that changes nothing but what is seen.
    pub fn command(&mut self, command: Command, screen: Rect) {
        let page = draw::list_height(inner(screen)).max(1);
        if let Some(scroll) = self.opened {
            let most = opened::most_scroll(self, inner(screen));
            let page = inner(screen).height.saturating_sub(1);
            self.opened = Some(match command {
                Command::Up => scroll.saturating_sub(1),
                Command::Down => (scroll + 1).min(most),
                Command::PageUp => scroll.saturating_sub(page),
                Command::PageDown => scroll.saturating_add(page).min(most),
                Command::Top => 0,
                Command::Bottom => most,
                _ => scroll,
            });
            return;
        }
        let last = self.filled.as_ref().map_or(0, |filled| filled.rows().len() - 1);
        match command {
            Command::Up => self.row = self.row.saturating_sub(1),
            Command::Down => self.row = (self.row + 1).min(last),
            Command::PageUp => self.row = self.row.saturating_sub(page),
            Command::PageDown => self.row = (self.row + page).min(last),
            Command::Top => self.row = 0,
            Command::Bottom => self.row = last,
            Command::Left => self.alone = false,
            Command::Right => self.alone = true,
            Command::NextPane | Command::PreviousPane => self.alone = !self.alone,
            Command::Accept if self.filled.is_some() => self.opened = Some(0),
            _ => {}
        }
    }
}

fn inner(screen: Rect) -> Rect {
    inside(super::placed(screen))
}
