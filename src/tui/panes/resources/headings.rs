//! What a metric comes to, in words. Pure.

use std::time::Duration;

use super::meters::{Metric, rate, read, sign, written};
use crate::policy::{Bytes, Policy};
use crate::run::words::{grouped, size, time};
use crate::run::{LimitKind, RunLog, Sample, TimedSample};
use crate::tui::panes::rows::Row;
use crate::tui::state::{Phase, RunRecord};
use crate::tui::theme::Role;

/// The time over which a rate of a disk is told: in less, a limited one comes and goes.
const EVEN: Duration = Duration::from_secs(1);

/// A metric before there is a run: its limit under the policy.
pub fn limit(metric: Metric, policy: &Policy) -> Row {
    name(metric).with(&limit_words(metric, policy), Role::Muted)
}

fn name(metric: Metric) -> Row {
    Row::of(metric.name(), metric.role()).with(" ", Role::Muted)
}

/// What a metric of a run comes to: its figure now (once the run is over, on average or at most), its limit, how often
/// that was met, and totals.
pub fn of(metric: Metric, run: &RunRecord) -> Row {
    let mut heading = name(metric);
    if run.log.samples().is_empty() {
        let nothing = if run.phase == Phase::Ended { "was not read" } else { "no reading yet" };
        heading.push(nothing, Role::Text);
        heading.push(&format!(" · {}", limit_words(metric, &run.policy)), Role::Muted);
        return heading;
    }
    let ended = run.phase == Phase::Ended;
    if metric == Metric::Io {
        io_words(&mut heading, run, ended);
    } else {
        figure_words(&mut heading, metric, run, ended);
    }
    met_words(&mut heading, metric, &run.log);
    total_words(&mut heading, metric, &run.log, ended);
    heading
}

/// A figure and its limit.
fn figure_words(heading: &mut Row, metric: Metric, run: &RunRecord, ended: bool) {
    let (figure, how) = if ended { whole(metric, &run.log) } else { (now(metric, &run.log), "") };
    let words = figure.map_or_else(|| "unknown".to_owned(), |figure| metric.words(figure) + how);
    heading.push(&words, Role::Text);
    let limit = match (figure, metric.limit(&run.policy)) {
        (Some(_), Some(limit)) => format!(" of {}", metric.words(limit)),
        _ => format!(" · {}", limit_words(metric, &run.policy)),
    };
    heading.push(&limit, Role::Muted);
}

fn limit_words(metric: Metric, policy: &Policy) -> String {
    metric.limit(policy).map_or_else(|| "no limit".to_owned(), |limit| format!("limit {}", metric.words(limit)))
}

/// The latest figure.
fn now(metric: Metric, log: &RunLog) -> Option<u64> {
    match metric {
        Metric::Memory => log.summary.last.memory.map(|memory| memory.0),
        Metric::Pids => log.summary.last.pids,
        // The last reading of a cell that dies may lack some.
        Metric::Cpu | Metric::Io => {
            let mut pairs = log.samples().windows(2).rev().take(3);
            pairs.find_map(|pair| metric.figure(Some(&pair[0]), &pair[1]))
        }
    }
}

/// The figure of a run that is over, and how it was found.
fn whole(metric: Metric, log: &RunLog) -> (Option<u64>, &'static str) {
    match metric {
        Metric::Memory => (log.summary.last.memory_peak.map(|peak| peak.0), " at most"),
        Metric::Pids => (log.summary.last.pids_peak, " at most"),
        Metric::Cpu | Metric::Io => {
            let known = |sample: &&TimedSample| sample.sample.cpu.is_some();
            let first = log.samples().iter().find(known);
            let last = log.samples().iter().rev().find(known);
            (last.and_then(|last| metric.figure(first, last)), " on average")
        }
    }
}

/// How often its limits were met; with the letters that mark them, this is the graph's legend.
fn met_words(heading: &mut Row, metric: Metric, log: &RunLog) {
    for kind in metric.limits().iter().rev().copied() {
        let Some(total) = log.summary.limits.iter().find(|total| total.kind == kind) else { continue };
        let (letter, words, role) = sign(kind);
        heading.push(" · ", Role::Muted);
        heading.push(&format!("{letter} {words}"), role);
        if total.count > 1 {
            heading.push(&format!(" {}×", grouped(total.count)), role);
        }
        let waited = log.summary.last.throttled.filter(|_| kind == LimitKind::CpuThrottled);
        if let Some(waited) = waited.filter(|waited| *waited > Duration::ZERO) {
            heading.push(&format!(" {}", time(waited)), role);
        }
    }
}

/// Totals, and peaks of a run that goes on.
fn total_words(heading: &mut Row, metric: Metric, log: &RunLog, ended: bool) {
    let last = &log.summary.last;
    let words = match metric {
        Metric::Cpu => last.cpu.map(|cpu| format!("{} used", time(cpu))),
        Metric::Memory => last.memory_peak.filter(|_| !ended).map(|peak| format!("peak {}", size(peak))),
        Metric::Pids => last.pids_peak.filter(|_| !ended).map(|peak| format!("peak {}", grouped(peak))),
        Metric::Io => (!ended).then(|| {
            let totals = ways(log).map(|(.., total)| known(total.map(size)));
            format!("{} in all", totals.collect::<Vec<_>>().join(" and "))
        }),
    };
    if let Some(words) = words {
        heading.push(&format!(" · {words}"), Role::Muted);
    }
}

/// What goes from and to disks: now, over the time in which a limited rate evens out; in all, once the run is over.
fn io_words(heading: &mut Row, run: &RunRecord, ended: bool) {
    let log = &run.log;
    if ended {
        let totals = ways(log).map(|(name, _, total)| format!("{name} {}", known(total.map(size))));
        heading.push(&totals.collect::<Vec<_>>().join(", "), Role::Text);
        return;
    }
    let last = log.samples().last();
    let first = last.and_then(|last| log.samples().iter().rev().find(|sample| sample.at + EVEN <= last.at));
    let pair = first.or(log.samples().first()).zip(last);
    let now = |figure| pair.and_then(|(first, last)| rate(Some(first), last, figure)).map(|now| Metric::Io.words(now));
    let rates = ways(log).map(|(name, figure, _)| format!("{name} {}", known(now(figure))));
    heading.push(&rates.collect::<Vec<_>>().join(", "), Role::Text);
    if let Some(limit) = Metric::Io.limit(&run.policy) {
        heading.push(&format!(" of {}", Metric::Io.words(limit)), Role::Muted);
    }
}

fn known(words: Option<String>) -> String {
    words.unwrap_or_else(|| "unknown".to_owned())
}

/// One way of a reading.
type Figure = fn(&Sample) -> Option<u64>;

/// Reading and writing, each with its total; that nothing was written goes without saying.
fn ways(log: &RunLog) -> impl Iterator<Item = (&'static str, Figure, Option<Bytes>)> {
    let last = &log.summary.last;
    let ways: [(_, Figure, _); 2] = [("read", read, last.read), ("written", written, last.written)];
    ways.into_iter().filter(|(name, _, total)| *name == "read" || *total != Some(Bytes(0)))
}
