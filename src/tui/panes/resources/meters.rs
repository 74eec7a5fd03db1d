//! What is measured, as columns of a graph. Pure.

use super::axis::Axis;
use super::headings;
use crate::policy::{Bytes, Millicores, Policy};
use crate::run::words::{grouped, size};
use crate::run::{LimitKind, RunLog, Sample, TimedSample};
use crate::tui::panes::rows::Row;
use crate::tui::state::RunRecord;
use crate::tui::theme::Role;

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Metric {
    /// CPU time, in thousandths of a CPU.
    Cpu,
    /// Memory, in bytes.
    Memory,
    /// Processes and threads.
    Pids,
    /// Block I/O, in bytes a second.
    Io,
}

impl Metric {
    /// From top to bottom.
    pub const ALL: [Self; 4] = [Self::Cpu, Self::Memory, Self::Pids, Self::Io];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cpu => "CPU",
            Self::Memory => "memory",
            Self::Pids => "processes",
            Self::Io => "I/O",
        }
    }

    /// The look of its graph.
    pub const fn role(self) -> Role {
        match self {
            Self::Cpu => Role::GraphCpu,
            Self::Memory => Role::GraphMemory,
            Self::Pids => Role::GraphPids,
            Self::Io => Role::GraphIo,
        }
    }

    /// The limits that are marked on it, the more telling one last.
    pub const fn limits(self) -> &'static [LimitKind] {
        match self {
            Self::Cpu => &[LimitKind::CpuThrottled, LimitKind::Deadline],
            Self::Memory => &[LimitKind::MemoryMax, LimitKind::OomKill],
            Self::Pids => &[LimitKind::NprocReached, LimitKind::PidsRefused],
            Self::Io => &[LimitKind::DiskRate],
        }
    }

    /// Its limit under a policy.
    pub(super) fn limit(self, policy: &Policy) -> Option<u64> {
        match self {
            Self::Cpu => policy.cpu.get().map(|share| share.0.into()),
            Self::Memory => policy.memory.get().map(|memory| memory.limit.0),
            Self::Pids => policy.pids.get().map(|pids| pids.0.into()),
            Self::Io => policy.io.get().map(|io| io.rate.0),
        }
    }

    /// A figure in words.
    pub(super) fn words(self, value: u64) -> String {
        match self {
            Self::Cpu => percent(value),
            Self::Memory => size(Bytes(value)),
            Self::Pids => grouped(value),
            Self::Io => format!("{}/s", size(Bytes(value))),
        }
    }

    /// The figure of the time between two readings, or at the later one.
    pub(super) fn figure(self, earlier: Option<&TimedSample>, now: &TimedSample) -> Option<u64> {
        match self {
            Self::Cpu => now.cpu_since(earlier?).map(|Millicores(share)| share.into()),
            Self::Memory => now.sample.memory.map(|memory| memory.0),
            Self::Pids => now.sample.pids,
            Self::Io => {
                let (read, written) = (rate(earlier, now, read), rate(earlier, now, written));
                (read.is_some() || written.is_some()).then(|| read.unwrap_or(0).saturating_add(written.unwrap_or(0)))
            }
        }
    }

    /// What the top of a graph stands for that reaches up to `peak` with no limit near: a round figure.
    fn round(self, peak: u64) -> u64 {
        match self {
            Self::Cpu => decimal(peak.max(100)),
            Self::Pids => decimal(peak.max(5)),
            Self::Memory | Self::Io => peak.checked_next_power_of_two().unwrap_or(u64::MAX).max(4096),
        }
    }
}

/// 1, 2 or 5 of a power of ten.
fn decimal(least: u64) -> u64 {
    let decades = (0..20).map(|power| 10_u64.pow(power));
    let mut steps = decades.flat_map(|decade| [1, 2, 5].map(|step| decade.saturating_mul(step)));
    steps.find(|step| *step >= least).unwrap_or(u64::MAX)
}

/// Thousandths of a CPU as per cent of one.
fn percent(millicores: u64) -> String {
    if millicores < 100 && !millicores.is_multiple_of(10) {
        format!("{}.{} %", millicores / 10, millicores % 10)
    } else {
        format!("{} %", grouped(millicores / 10))
    }
}

pub(super) fn read(sample: &Sample) -> Option<u64> {
    sample.read.map(|bytes| bytes.0)
}

pub(super) fn written(sample: &Sample) -> Option<u64> {
    sample.written.map(|bytes| bytes.0)
}

pub(super) fn rate(
    earlier: Option<&TimedSample>,
    now: &TimedSample,
    figure: fn(&Sample) -> Option<u64>,
) -> Option<u64> {
    now.rate_since(earlier?, figure)
}

/// A metric of a run, as it is drawn.
#[derive(Clone, Debug)]
pub struct Meter {
    /// Which.
    pub metric: Metric,
    /// What it comes to, in words.
    pub heading: Row,
    /// The figure of each column.
    pub values: Vec<Option<u64>>,
    /// What the graph's top stands for; `None` where there is no graph.
    pub top: Option<Top>,
    /// Limits that were met: the column, the letter of the limit, its look.
    pub letters: Vec<(usize, char, Role)>,
}

/// What the top of a graph stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Top {
    /// The figure.
    pub value: u64,
    /// In words.
    pub label: String,
    /// It is the limit.
    pub is_limit: bool,
}

impl Meter {
    /// A metric before there is a run: its limit under the policy.
    pub fn limit(metric: Metric, policy: &Policy) -> Self {
        Self { metric, heading: headings::limit(metric, policy), values: Vec::new(), top: None, letters: Vec::new() }
    }

    /// A metric of a run.
    pub fn of(metric: Metric, run: &RunRecord, axis: Axis) -> Self {
        let values = axis.spread(run.log.samples(), |earlier, now| metric.figure(earlier, now));
        let peak = values.iter().flatten().max();
        Self {
            metric,
            heading: headings::of(metric, run),
            top: peak.map(|peak| top(metric, *peak, metric.limit(&run.policy))),
            letters: letters(metric, &run.log, axis),
            values,
        }
    }
}

/// The limit, where use comes near enough to it that the graph can still be read.
fn top(metric: Metric, peak: u64, limit: Option<u64>) -> Top {
    match limit {
        Some(limit) if peak.saturating_mul(8) >= limit => {
            Top { value: limit, label: metric.words(limit), is_limit: true }
        }
        _ => {
            let value = metric.round(peak);
            Top { value, label: metric.words(value), is_limit: false }
        }
    }
}

fn letters(metric: Metric, log: &RunLog, axis: Axis) -> Vec<(usize, char, Role)> {
    let mut letters = Vec::new();
    for kind in metric.limits().iter().copied() {
        let (letter, _, role) = sign(kind);
        let mut put = |moment| letters.push((axis.at(moment), letter, role));
        if kind == LimitKind::CpuThrottled {
            // The readings tell of each, where marks are thinned out.
            let risen = |pair: &&[TimedSample]| {
                pair[1].sample.throttled_periods > pair[0].sample.throttled_periods.or(Some(u64::MAX))
            };
            log.samples().windows(2).filter(risen).for_each(|pair| put(pair[1].at));
        } else {
            log.marks().iter().filter(|mark| mark.kind == kind).for_each(|mark| put(mark.at));
        }
    }
    letters
}

/// The letter that marks a limit in a graph, its words, and their look.
pub(super) fn sign(kind: LimitKind) -> (char, &'static str, Role) {
    match kind {
        LimitKind::CpuThrottled => ('T', "throttled", Role::Caution),
        LimitKind::DiskRate => ('R', kind.what(), Role::Caution),
        LimitKind::Deadline => ('D', kind.what(), Role::Bad),
        LimitKind::MemoryMax => ('M', "maximum hit", Role::Caution),
        LimitKind::OomKill => ('O', kind.what(), Role::Bad),
        LimitKind::NprocReached => ('N', kind.what(), Role::Caution),
        LimitKind::PidsRefused => ('P', kind.what(), Role::Bad),
        LimitKind::OutputCut(_) => ('C', kind.what(), Role::Caution),
    }
}
