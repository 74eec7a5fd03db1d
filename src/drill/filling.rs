//! The matrix filled: one specimen under each combination of layers, several cells at a time.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinError;

use super::cells::{self, Bench, Slot, in_slots};
use super::matrix::{Came, Combination, Matrix, Ran, Scope, Table};
use crate::plan::CellPlan;
use crate::policy::{Layer, Policy, Runtime};
use crate::profile::LoadError;
use crate::run::{Outcome, Summary};
use crate::specimen::Specimen;
use crate::supervise::Control;

/// How much longer than the deadline a specimen may go on where the deadline itself is away.
const PATIENCE: u32 = 2;

/// A matrix that is to be filled.
pub struct Filling {
    matrix: Matrix,
    /// What is not run, and why.
    withheld: Vec<(Combination, Came)>,
    jobs: Vec<(Combination, Policy)>,
    deadline: Duration,
}

impl Filling {
    /// Decides what is run of the layers of `policy` that can be had on this bench.
    ///
    /// # Errors
    /// A seccomp profile that cannot be had.
    pub fn of(bench: &Bench, policy: Policy, scope: Scope) -> Result<Self, LoadError> {
        let CellPlan { unavailable, runtime, .. } = bench.plan(policy.clone())?;
        let deadline = policy.timeout.setting.0;
        let mut matrix = Matrix::new(policy, |layer| unavailable.contains_key(&layer), scope.expose);
        if scope.runtimes {
            let able = &bench.capabilities;
            let others = able.runtimes.iter().filter(|name| able.runtime_choice && **name != runtime);
            let others = others.cloned().map(Runtime).collect();
            matrix = matrix.over(runtime, others);
        }
        let (mut jobs, mut withheld) = (Vec::new(), Vec::new());
        for combination in matrix.combinations() {
            match matrix.policy(combination) {
                Ok(policy) => jobs.push((combination, policy)),
                Err(exposures) => withheld.push((combination, Came::NotRun(exposures))),
            }
        }
        Ok(Self { matrix, withheld, jobs, deadline })
    }

    /// The table that what comes is added to: of what is not run, it says why already.
    pub fn table(&self) -> Table {
        Table::new(self.matrix.clone(), self.withheld.clone())
    }

    /// What is run, in the order in which it is begun.
    pub fn combinations(&self) -> Vec<Combination> {
        self.jobs.iter().map(|(combination, _)| *combination).collect()
    }

    /// Runs it, `slots` cells at a time, and tells what came of each combination as it ends.
    ///
    /// # Errors
    /// A part of it that panicked.
    pub async fn fill(
        self,
        bench: Arc<Bench>,
        specimen: Arc<Specimen>,
        slots: u32,
        control: watch::Receiver<Control>,
        told: mpsc::Sender<(Combination, Came)>,
    ) -> Result<(), JoinError> {
        let deadline = self.deadline;
        let start = |(combination, mut policy): (Combination, Policy), slot: Slot| {
            let (bench, specimen, control) = (bench.clone(), specimen.clone(), control.clone());
            let stopping = control.clone();
            async move {
                slot.user_of_its_own(&mut policy);
                let patience = (!policy.is_on(Layer::Timeout)).then_some(deadline * PATIENCE);
                let summary = match bench.plan(policy) {
                    Ok(plan) => {
                        Box::pin(bounded(patience, control, |control| {
                            cells::run(bench.site.clone(), plan, specimen, control)
                        }))
                        .await
                    }
                    Err(error) => cells::ended(Outcome::NotStarted(error.to_string())),
                };
                let is_stopped = *stopping.borrow() == Control::Stop;
                let came = if is_stopped { Came::Stopped } else { Came::Ran(Box::new(Ran::of(&summary))) };
                (combination, came)
            }
        };
        in_slots(self.jobs, slots, start, told).await
    }
}

/// A run that is stopped when the reviewer stops all, or where it has no deadline, after a time.
async fn bounded<F: Future<Output = Summary>>(
    patience: Option<Duration>,
    mut control: watch::Receiver<Control>,
    run: impl FnOnce(watch::Receiver<Control>) -> F,
) -> Summary {
    let Some(patience) = patience else { return run(control).await };
    let (stop, own) = watch::channel(Control::Go);
    let running = run(own);
    tokio::pin!(running);
    tokio::select! {
        // First, so that nothing is made once all is to stop.
        biased;
        () = cells::stopped(&mut control) => {}
        summary = &mut running => return summary,
        () = tokio::time::sleep(patience) => {}
    }
    // A run that is over already needs no stopping.
    let _ = stop.send(Control::Stop);
    running.await
}
