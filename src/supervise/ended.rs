//! How a run ended, and what of it is still to be told.

use std::io;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::control::Run;
use super::listener::Listener;
use super::outcomes::Outcomes;
use crate::run::{EventKind, Outcome};

/// How long the pipes of a cell that could not be removed are waited for.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(5);

/// How a run ended, before the cell is removed.
pub(super) struct Ended {
    pub outcome: Outcome,
    /// How long the specimen ran, without the time it was held.
    pub duration: Duration,
    /// Why denials may be missing.
    pub unseen: Option<String>,
    pub warnings: Vec<String>,
    pub backlog: Backlog,
}

/// What is told only once the cell is gone, since a slow reader may take its time over it.
#[derive(Default)]
pub(super) struct Backlog {
    pub events: Vec<EventKind>,
    pub listener: Option<Listener>,
    pub outcomes: Option<Outcomes>,
    pub drains: Vec<JoinHandle<io::Result<()>>>,
}

impl Ended {
    /// An end of which nothing is left to tell.
    pub fn plain(outcome: Outcome, duration: Duration) -> Self {
        Self { outcome, duration, unseen: None, warnings: Vec::new(), backlog: Backlog::default() }
    }

    /// Tells what was kept for after the cell's removal; where that failed, its pipes are not waited for without end.
    pub async fn tell_backlog(&mut self, run: &Run<'_>, cell_gone: bool) {
        let Backlog { events, listener, outcomes, drains } = std::mem::take(&mut self.backlog);
        for event in events {
            run.tell(event).await;
        }
        if let Some(listener) = listener {
            let finished = tokio::task::spawn_blocking(|| listener.finish()).await;
            if let Err(error) = finished.unwrap_or_else(|lost| Err(lost.into())) {
                self.unseen = Some(format!("the listener ended early, so later refusals were not seen: {error}"));
            }
        }
        if let Some(outcomes) = outcomes {
            let finished = tokio::task::spawn_blocking(|| outcomes.finish()).await;
            match finished.unwrap_or_else(|lost| Err(lost.into())) {
                Ok(0) => {}
                Ok(lost) => self.warnings.push(format!(
                    "{lost} of the kernel's records of failed calls found no room: refusals by layers other than seccomp may be missing"
                )),
                Err(error) => self.warnings.push(format!(
                    "failed calls were no longer seen from some time on: refusals by layers other than seccomp may be missing: {error}"
                )),
            }
        }
        for mut drain in drains {
            // The pipes end with the cell. What could not be removed may hold them open.
            let limit = if cell_gone { Duration::MAX } else { DRAIN_TIMEOUT };
            match timeout(limit, &mut drain).await {
                Ok(Ok(Ok(()))) => {}
                Ok(Ok(Err(error))) => self.warnings.push(format!("output was lost: {error}")),
                Ok(Err(error)) => self.warnings.push(format!("output was lost: {error}")),
                Err(_) => {
                    drain.abort();
                    self.warnings.push("output was cut: the cell could not be removed and holds its pipe".to_owned());
                }
            }
        }
    }
}
