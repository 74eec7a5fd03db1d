//! Many cells at a time, for a matrix or a drill: in a task of its own, so that the keeper waits for none of them.

use std::sync::Arc;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use super::making::{Coming, gone};
use crate::drill::cells::{Bench, JOBS};
use crate::drill::corpus;
use crate::drill::drilling::drill;
use crate::drill::filling::Filling;
use crate::drill::matrix::Scope;
use crate::policy::Policy;
use crate::specimen::Specimen;
use crate::supervise::Control;
use crate::tui::action::{Action, News};
use crate::tui::overlay::drill::Tried;
use crate::tui::overlay::going::BatchId;

/// A matrix or a drill under way.
pub(super) struct Batch {
    id: BatchId,
    control: watch::Sender<Control>,
    task: JoinHandle<()>,
}

/// What is run in them.
pub(super) enum What {
    /// One specimen, under each combination of layers.
    Matrix {
        /// The layers.
        policy: Policy,
        /// What is run.
        specimen: Specimen,
        /// What is tried beyond what always is.
        scope: Scope,
    },
    /// The corpus.
    Drill {
        /// The layers.
        policy: Policy,
    },
}

/// To whom it is told.
struct Teller {
    id: BatchId,
    inbox: mpsc::Sender<Action>,
}

impl Teller {
    async fn tell(&self, news: News) {
        // A workbench that is gone has nothing to be told.
        let _ = self.inbox.send(Action::Batch(self.id, news)).await;
    }
}

impl Batch {
    /// Begins it, once the cell that waits is gone: `RLIMIT_NPROC` would count its process with those of a specimen of
    /// the same user.
    pub(super) fn begin(
        id: BatchId,
        what: What,
        bench: Bench,
        waiting: Option<Coming>,
        inbox: mpsc::Sender<Action>,
    ) -> Self {
        let (control, controlled) = watch::channel(Control::Go);
        let teller = Teller { id, inbox };
        let task = tokio::spawn(async move {
            if let Some(waiting) = waiting {
                gone(waiting).await;
            }
            let result = match what {
                What::Matrix { policy, specimen, scope } => {
                    filled(bench, policy, specimen, scope, controlled, &teller).await
                }
                What::Drill { policy } => drilled(bench, policy, controlled, &teller).await,
            };
            teller.tell(News::Over(result)).await;
        });
        Self { id, control, task }
    }

    /// Has it stopped, if it is this one.
    pub(super) fn stop(&self, id: BatchId) {
        if self.id == id {
            self.control.send_replace(Control::Stop);
        }
    }

    /// Stops it, and waits until its runs are over.
    pub(super) async fn end(self) {
        self.control.send_replace(Control::Stop);
        let _ = self.task.await;
    }
}

async fn filled(
    bench: Bench,
    policy: Policy,
    specimen: Specimen,
    scope: Scope,
    control: watch::Receiver<Control>,
    teller: &Teller,
) -> Result<(), String> {
    let filling = Filling::of(&bench, policy, scope).map_err(|error| error.to_string())?;
    let (table, order) = (Box::new(filling.table()), filling.combinations());
    teller.tell(News::Planned { table, order }).await;
    let (told, mut came) = mpsc::channel(JOBS as usize);
    let filled = filling.fill(Arc::new(bench), Arc::new(specimen), JOBS, control, told);
    let (done, ()) = tokio::join!(filled, async {
        while let Some((combination, came)) = came.recv().await {
            teller.tell(News::Came(combination, came)).await;
        }
    });
    done.map_err(|error| error.to_string())
}

async fn drilled(
    bench: Bench,
    policy: Policy,
    control: watch::Receiver<Control>,
    teller: &Teller,
) -> Result<(), String> {
    let probes = corpus::to_be_held().map_err(|error| error.to_string())?;
    let (told, mut came) = mpsc::channel(JOBS as usize);
    let (done, ()) = tokio::join!(drill(Arc::new(bench), policy, probes, JOBS, control, told), async {
        while let Some(drilled) = came.recv().await {
            teller.tell(News::Tried(Box::new(Tried::of(drilled)))).await;
        }
    });
    done.map_err(|error| error.to_string())
}
