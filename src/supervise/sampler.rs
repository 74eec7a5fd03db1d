//! Readings of a cell's control group, 20 times a second.

use std::time::Duration;

use crate::kernel::cgroup::{Cgroup, Hits, Meters};
use crate::kernel::disk::{Number, Rates};
use crate::policy::Bytes;
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
    disks: Vec<DiskPace>,
}

/// How fast one disk is used, measured against its limit: the kernel counts no waiting for it.
struct DiskPace {
    disk: Number,
    rates: Rates,
    /// When the present measure began, and what had been read and written by then.
    since: Option<(Duration, [u64; 2])>,
    /// In how many measures a rate was reached.
    reached: u64,
}

impl DiskPace {
    /// What is measured at a time. Shorter, what one wait lets through at once would blur it.
    const MEASURE: Duration = Duration::from_secs(1);

    fn of((disk, rates): (Number, Rates)) -> Self {
        Self { disk, rates, since: None, reached: 0 }
    }

    /// A reading: true where a measure ends with it in which a rate was reached.
    fn read(&mut self, at: Duration, now: [u64; 2]) -> bool {
        let (since, before) = *self.since.get_or_insert((at, now));
        let passed = at.saturating_sub(since);
        if passed < Self::MEASURE {
            return false;
        }
        self.since = Some((at, now));
        let is_reached = |way: usize, rate: Option<Bytes>| {
            let most = rate.map(|rate| u128::from(rate.0) * passed.as_millis() / 1000);
            most.is_some_and(|most| u128::from(now[way].saturating_sub(before[way])) >= most * 9 / 10)
        };
        let reached = is_reached(0, self.rates.read) || is_reached(1, self.rates.write);
        self.reached += u64::from(reached);
        reached
    }
}

impl Sampler {
    /// Starts from the present reading; `nproc` is the specimen's `RLIMIT_NPROC`, where it has one.
    pub fn new(cgroup: &Cgroup, nproc: Option<u64>) -> Self {
        let meters = cgroup.meters();
        let (sample, base) = meters.read();
        let disks = cgroup.disk_rates().unwrap_or_default().into_iter().map(DiskPace::of).collect();
        Self { meters, base, base_pids: sample.pids_peak, told: Hits::default(), nproc, nproc_told: false, disks }
    }

    /// Reads now: the sample, and each limit whose count has risen, by then.
    pub fn read(&mut self, at: Duration) -> Vec<EventKind> {
        let (mut sample, hits) = self.meters.read();
        // The kernel cannot start this peak anew: it is the specimen's only once it has risen.
        sample.pids_peak = sample.pids_peak.filter(|peak| Some(*peak) > self.base_pids).or(sample.pids);
        let mut events = vec![EventKind::Resource(sample)];
        let met = self.limits(at, &sample, hits);
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
            (LimitKind::DiskRate, self.disks_reached()),
        ];
        let met = counts.into_iter().filter(|(_, count)| *count > 0);
        met.map(|(kind, count)| EventKind::Limit(Limit { kind, count, at })).collect()
    }

    fn limits(&mut self, at: Duration, sample: &Sample, now: Hits) -> impl Iterator<Item = (LimitKind, u64)> + use<> {
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
        let disks = self.disk_rate_reached(at);
        hits.into_iter().chain([self.nproc_reached(sample), disks]).flatten()
    }

    fn disk_rate_reached(&mut self, at: Duration) -> Option<(LimitKind, u64)> {
        let moved = if self.disks.is_empty() { return None } else { self.meters.disks() };
        let mut reached = false;
        for pace in &mut self.disks {
            reached |= pace.read(at, moved.get(&pace.disk).copied().unwrap_or_default());
        }
        reached.then(|| (LimitKind::DiskRate, self.disks_reached()))
    }

    fn disks_reached(&self) -> u64 {
        self.disks.iter().map(|pace| pace.reached).sum()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_s_rate_is_reached_in_a_whole_second_at_nine_tenths_of_it_in_either_way() {
        let rates = Rates { read: Some(Bytes(1000)), write: Some(Bytes(1000)) };
        let mut pace = DiskPace::of(((8, 0), rates));
        let mut read = |ms, read, written| pace.read(Duration::from_millis(ms), [read, written]);
        assert!(!read(100, 5000, 0), "what the runtime read before is not the specimen's");
        assert!(!read(1050, 6000, 0), "no second has passed");
        assert!(read(1150, 6000, 0));
        assert!(!read(2150, 6899, 899), "less than nine tenths of each");
        assert!(read(3150, 6899, 1799));
        assert!(!read(4150, 0, 0), "a group that is gone has moved nothing");
        assert_eq!(pace.reached, 2);
    }
}
