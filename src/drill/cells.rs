//! Runs in cells, several at a time.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::{JoinError, JoinHandle, JoinSet};

use crate::config::Config;
use crate::engine::Capabilities;
use crate::plan::{CellPlan, Kernel, Request, Watch};
use crate::policy::{Policy, User};
use crate::profile::{self, LoadError};
use crate::run::{Outcome, RunEvent, Summary};
use crate::seccomp::Profile;
use crate::specimen::Specimen;
use crate::supervise::{Cell, Control, Site, StartError, Stdin};

/// Cells at a time where nothing else is said.
pub const JOBS: u32 = 2;

/// Events that may wait to be added up.
const EVENT_ROOM: usize = 1024;

/// How long a cell that is still being made is waited for once all is to stop.
const LAST_MAKING: Duration = Duration::from_secs(2);

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
    /// The profile in the place of the policy's own, where that is edited.
    pub profile: Option<Arc<Profile>>,
}

impl Bench {
    /// The cell for a policy.
    ///
    /// # Errors
    /// A seccomp profile that cannot be had.
    pub fn plan(&self, policy: Policy) -> Result<CellPlan, LoadError> {
        let filter = profile::of(&policy, self.profile.as_deref(), &self.config)?;
        let image = self.config.image_for(self.capabilities.kind).to_owned();
        let request =
            Request { policy, filter, watch: Watch::Refusals, image, native: false, host_env: self.host_env.clone() };
        Ok(CellPlan::new(request, &self.capabilities, &self.kernel))
    }
}

/// Makes a cell, runs a specimen in it to its end and gives what its events add up to. What could not be made was not
/// started; a cell that was not made yet when `control` stopped it is removed once it is, which is waited for a while,
/// and is the reaper's should hotcell end before.
pub async fn run(site: Site, plan: CellPlan, specimen: Arc<Specimen>, control: watch::Receiver<Control>) -> Summary {
    let mut asked_to_stop = control.clone();
    // Nothing more is made once all is to stop.
    if *asked_to_stop.borrow() == Control::Stop {
        return ended(Outcome::Stopped);
    }
    let placed = specimen.clone();
    let mut making = tokio::spawn(async move { Cell::make(site, plan, &placed).await });
    let made = tokio::select! {
        biased;
        () = stopped(&mut asked_to_stop) => {
            // Where the engine is stuck, nobody waits: the removal goes on beside.
            let _ = tokio::time::timeout(LAST_MAKING, tokio::spawn(discarded(making))).await;
            return ended(Outcome::Stopped);
        }
        made = &mut making => made,
    };
    match made {
        Err(panicked) => ended(Outcome::NotStarted(panicked.to_string())),
        Ok(Err(error)) => ended(Outcome::NotStarted(error.to_string())),
        Ok(Ok(cell)) => {
            let (events, received) = mpsc::channel(EVENT_ROOM);
            let (_, summary) = tokio::join!(cell.run(&specimen, Stdin::Empty, events, control), added_up(received));
            summary
        }
    }
}

/// Removes a cell that nobody needs, once it is made.
async fn discarded(making: JoinHandle<Result<Cell, StartError>>) {
    if let Ok(Ok(cell)) = making.await {
        // What the engine cannot remove is the reaper's.
        let _ = cell.discard().await;
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

/// Does every job, `slots` of them at a time, and tells what came of each as it ends. Whoever is told slows it down, and
/// does not stop it by going.
///
/// # Errors
/// A job that panicked.
pub async fn in_slots<J, T, F>(
    jobs: impl IntoIterator<Item = J>,
    slots: u32,
    start: impl Fn(J, Slot) -> F,
    told: mpsc::Sender<T>,
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
        // There may be nobody left to tell.
        let _ = told.send(came).await;
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
        let (told, mut came) = mpsc::channel(1);
        let (done, ()) = tokio::join!(in_slots(0..10, 2, start, told), async {
            while let Some(one) = came.recv().await {
                ended.push(one);
            }
        });
        done.unwrap();
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
