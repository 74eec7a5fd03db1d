//! Runs in cells, several at a time.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::{JoinError, JoinSet};

use crate::config::Config;
use crate::engine::Capabilities;
use crate::plan::{CellPlan, Kernel, Request, Watch};
use crate::policy::{Policy, User};
use crate::profile::{self, LoadError};
use crate::run::{Outcome, RunEvent, Summary};
use crate::specimen::Specimen;
use crate::supervise::{Cell, Control, Site, Stdin};

/// Events that may wait to be added up.
const EVENT_ROOM: usize = 1024;

/// Where cells are made, and what is known of it.
pub struct Bench {
    /// The engine and this process.
    pub site: Site,
    /// What the engine can do.
    pub capabilities: Capabilities,
    /// What this machine's kernel has.
    pub kernel: Kernel,
    /// What the reviewer has settled.
    pub config: Config,
    /// The variables that a cell without the `env` layer gets.
    pub host_env: BTreeMap<String, String>,
}

impl Bench {
    /// The cell for a policy.
    ///
    /// # Errors
    /// A seccomp profile that cannot be had.
    pub fn plan(&self, policy: Policy) -> Result<CellPlan, LoadError> {
        let filter = policy.seccomp.get().map(|choice| profile::load(choice, &self.config, &policy)).transpose()?;
        let image = self.config.image_for(self.capabilities.kind).to_owned();
        let request =
            Request { policy, filter, watch: Watch::Refusals, image, native: false, host_env: self.host_env.clone() };
        Ok(CellPlan::new(request, &self.capabilities, &self.kernel))
    }
}

/// Makes a cell, runs a specimen in it to its end and gives what its events add up to. What could not be made was not
/// started; what was not made yet when `control` stopped it is the reaper's.
pub async fn run(site: Site, plan: CellPlan, specimen: Arc<Specimen>, control: watch::Receiver<Control>) -> Summary {
    let mut asked_to_stop = control.clone();
    let made = tokio::select! {
        // First, so that nothing more is made once all is to stop.
        biased;
        () = stopped(&mut asked_to_stop) => return ended(Outcome::Stopped),
        made = Cell::make(site, plan, &specimen) => made,
    };
    match made {
        Err(error) => ended(Outcome::NotStarted(error.to_string())),
        Ok(cell) => {
            let (events, received) = mpsc::channel(EVENT_ROOM);
            let (_, summary) = tokio::join!(cell.run(&specimen, Stdin::Empty, events, control), added_up(received));
            summary
        }
    }
}

/// A run that ended so before it began.
pub fn ended(outcome: Outcome) -> Summary {
    Summary { outcome: Some((outcome, Duration::ZERO)), ..Summary::default() }
}

/// Waits until a run is to stop; for ever where nobody can stop it.
pub async fn stopped(control: &mut watch::Receiver<Control>) {
    if control.wait_for(|wanted| *wanted == Control::Stop).await.is_err() {
        std::future::pending::<()>().await;
    }
}

async fn added_up(mut events: mpsc::Receiver<RunEvent>) -> Summary {
    let mut summary = Summary::default();
    while let Some(event) = events.recv().await {
        summary.apply(&event);
    }
    summary
}

/// One of the places in which cells stand at the same time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot(u32);

impl Slot {
    /// Gives the specimen a user that no cell beside it has: the policy's own in the first slot, and those below it in
    /// the others. `RLIMIT_NPROC` counts the processes of a user, whichever cell they are in.
    pub fn user_of_its_own(self, policy: &mut Policy) {
        let User { uid, gid } = policy.user.setting;
        policy.user.setting = User { uid: uid.saturating_sub(self.0).max(1), gid };
    }
}

/// Does every job, `slots` of them at a time, and hands on what came of each as it ends.
///
/// # Errors
/// A job that panicked.
pub async fn in_slots<J, T, F>(
    jobs: impl IntoIterator<Item = J>,
    slots: u32,
    start: impl Fn(J, Slot) -> F,
    mut done: impl FnMut(T),
) -> Result<(), JoinError>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let mut jobs = jobs.into_iter();
    let mut free: Vec<Slot> = (0..slots).rev().map(Slot).collect();
    let mut running = JoinSet::new();
    loop {
        while let Some(slot) = free.pop() {
            let Some(job) = jobs.next() else { break };
            let doing = start(job, slot);
            running.spawn(async move { (slot, doing.await) });
        }
        let Some(ended) = running.join_next().await else { return Ok(()) };
        let (slot, came) = ended?;
        free.push(slot);
        done(came);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[tokio::test]
    async fn every_job_is_done_and_never_more_at_a_time_than_there_are_slots() {
        let (now, most) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
        let mut ended = Vec::new();
        let start = |job: u32, slot: Slot| {
            let (now, most) = (now.clone(), most.clone());
            async move {
                most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                tokio::task::yield_now().await;
                now.fetch_sub(1, Ordering::SeqCst);
                (job, slot)
            }
        };
        in_slots(0..10, 2, start, |(job, slot)| ended.push((job, slot))).await.unwrap();
        ended.sort_by_key(|(job, _)| *job);
        assert_eq!(ended.iter().map(|(job, _)| *job).collect::<Vec<_>>(), (0..10).collect::<Vec<_>>());
        assert!(ended.iter().all(|(_, slot)| slot.0 < 2));
        assert_eq!(most.load(Ordering::SeqCst), 2);
    }

    #[test]
    fn each_slot_has_a_user_of_its_own_and_none_is_root() {
        let users = [0, 1].map(|slot| {
            let mut policy = Policy::shipped("hardened").unwrap();
            Slot(slot).user_of_its_own(&mut policy);
            policy.user.setting.uid
        });
        assert_eq!(users, [65534, 65533]);
        let mut policy = Policy::blank("x");
        policy.user.setting.uid = 1;
        Slot(7).user_of_its_own(&mut policy);
        assert_eq!(policy.user.setting.uid, 1);
    }
}
