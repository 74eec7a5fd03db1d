//! The runs of the session.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use super::{Bench, EngineState};
use crate::engine::Endpoint;
use crate::policy::Policy;
use crate::run::RunLog;
use crate::seccomp::Profile;

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
