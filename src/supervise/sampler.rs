//! Readings of a cell's control group, 20 times a second.

use std::time::Duration;

use crate::kernel::cgroup::{Hits, Meters};
use crate::run::{EventKind, Limit, LimitKind, Sample};

/// The time between two readings.
pub const INTERVAL: Duration = Duration::from_millis(50);

/// Turns readings into events; keeps what was already told.
pub struct Sampler {
    meters: Meters,
    /// Hits that the cell had before the specimen was let go are not the specimen's.
    base: Hits,
    /// The most processes there were until then: the runtime's threads among them.
    base_pids: Option<u64>,
    told: Hits,
    nproc: Option<u64>,
    nproc_told: bool,
}

impl Sampler {
    /// Starts from the present reading; `nproc` is the specimen's `RLIMIT_NPROC`, where it has one.
    pub fn new(meters: Meters, nproc: Option<u64>) -> Self {
        let (sample, base) = meters.read();
        Self { meters, base, base_pids: sample.pids_peak, told: Hits::default(), nproc, nproc_told: false }
    }

    /// Reads now: the sample, and each limit whose count has risen, by then.
    pub fn read(&mut self, at: Duration) -> Vec<EventKind> {
        let (mut sample, hits) = self.meters.read();
        // The kernel cannot start this peak anew: it is the specimen's only once it has risen.
        sample.pids_peak = sample.pids_peak.filter(|peak| Some(*peak) > self.base_pids).or(sample.pids);
        let mut events = vec![EventKind::Resource(sample)];
        let met = self.limits(&sample, hits);
        events.extend(met.map(|(kind, count)| EventKind::Limit(Limit { kind, count, at })));
        events
    }

    /// Every limit met by the run's end, with its count: whatever of it found no room before, finds it now.
    pub fn totals(&self, at: Duration) -> Vec<EventKind> {
        let Hits { pids, memory, oom_kills, throttled } = self.told;
        let counts = [
            (LimitKind::PidsRefused, pids),
            (LimitKind::MemoryMax, memory),
            (LimitKind::OomKill, oom_kills),
            (LimitKind::CpuThrottled, throttled),
            (LimitKind::NprocReached, u64::from(self.nproc_told)),
        ];
        let met = counts.into_iter().filter(|(_, count)| *count > 0);
        met.map(|(kind, count)| EventKind::Limit(Limit { kind, count, at })).collect()
    }

    fn limits(&mut self, sample: &Sample, now: Hits) -> impl Iterator<Item = (LimitKind, u64)> + use<> {
        let Self { base, told, .. } = self;
        let risen = |kind, now: u64, base: u64, told: &mut u64| {
            let count = now.saturating_sub(base);
            (count > std::mem::replace(told, count.max(*told))).then_some((kind, count))
        };
        let hits = [
            risen(LimitKind::PidsRefused, now.pids, base.pids, &mut told.pids),
            risen(LimitKind::MemoryMax, now.memory, base.memory, &mut told.memory),
            risen(LimitKind::OomKill, now.oom_kills, base.oom_kills, &mut told.oom_kills),
            risen(LimitKind::CpuThrottled, now.throttled, base.throttled, &mut told.throttled),
        ];
        hits.into_iter().chain([self.nproc_reached(sample)]).flatten()
    }

    /// The kernel counts no refusals of `RLIMIT_NPROC`; that as many processes as it allows were there is what can be
    /// known. The shim is one of them: it has the specimen's user.
    fn nproc_reached(&mut self, sample: &Sample) -> Option<(LimitKind, u64)> {
        let most = sample.pids_peak?;
        if self.nproc_told || most < self.nproc? {
            return None;
        }
        self.nproc_told = true;
        Some((LimitKind::NprocReached, 1))
    }
}
