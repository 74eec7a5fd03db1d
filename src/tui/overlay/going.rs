//! Many cells on their way, for a matrix or a drill: how far they have come.

use std::time::Duration;

use crate::drill::cells::JOBS;
use crate::run::words::time;
use crate::tui::theme::Role;

/// Cells of the bar.
const BAR: usize = 24;

/// Tells one batch of cells of the session from the others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BatchId(pub u32);

/// What a batch is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trial {
    /// A matrix.
    Matrix,
    /// A drill.
    Drill,
}

/// Where a batch stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Cells are made and run.
    Going,
    /// It was told to stop.
    Stopping,
    /// All of it has come.
    Done(Duration),
    /// It was stopped before.
    Stopped(Duration),
    /// It could not go on, and why, safe to show.
    Failed(String),
}

/// A batch of cells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// Which.
    pub id: BatchId,
    began: Duration,
    /// Where it stands.
    pub stage: Stage,
}

impl Batch {
    /// One that begins now.
    pub fn new(id: BatchId, now: Duration) -> Self {
        Self { id, began: now, stage: Stage::Going }
    }

    /// Whether it is not over.
    pub fn is_live(&self) -> bool {
        matches!(self.stage, Stage::Going | Stage::Stopping)
    }

    /// It is over.
    pub fn end(&mut self, now: Duration, result: Result<(), String>) {
        let took = now.saturating_sub(self.began);
        self.stage = match (result, &self.stage) {
            (Err(error), _) => Stage::Failed(error),
            (Ok(()), Stage::Stopping) => Stage::Stopped(took),
            (Ok(()), _) => Stage::Done(took),
        };
    }

    /// How far it has come, in a line.
    pub fn progress(&self, done: usize, total: usize, now: Duration) -> (Role, String) {
        let full = (done * BAR).checked_div(total).unwrap_or(0).min(BAR);
        let bar = "█".repeat(full) + &"░".repeat(BAR - full);
        let count = format!("{bar} {done} of {total}");
        match &self.stage {
            Stage::Going if total == 0 => (Role::Muted, "the cells are planned".to_owned()),
            Stage::Going => {
                let passed = now.saturating_sub(self.began).as_secs_f64();
                (Role::Accent, format!("{count} · {passed:.1} s · {JOBS} cells at a time"))
            }
            Stage::Stopping => (Role::Caution, format!("{count} · being stopped: the cells are removed")),
            Stage::Done(took) => (Role::Good, format!("{count} · all in {}", time(*took))),
            Stage::Stopped(took) => (Role::Caution, format!("{count} · stopped after {}", time(*took))),
            Stage::Failed(why) => (Role::Bad, format!("✗ {why}")),
        }
    }
}

/// The first row in sight of a list, so that the selected one is among so many.
pub fn first_row(selected: usize, rows: usize, all: usize) -> usize {
    // The selection stands in the middle, so that what is around it is seen.
    selected.saturating_sub(rows / 2).min(all.saturating_sub(rows))
}
