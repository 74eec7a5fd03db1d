//! Two runs, finished or not, and what differs between them. Pure.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use super::words::{counted, one_line, short_count, time};
use super::{CellFacts, Denial, Force, LimitKind, LimitTotal, Outcome, Refusal, Stream, Summary};
use crate::policy::{Bytes, Layer, Policy};

/// One of the two runs.
#[derive(Clone, Copy, Debug)]
pub struct Side<'a> {
    /// The policy it ran under.
    pub policy: &'a Policy,
    /// How many edits its seccomp profile had.
    pub edits: usize,
    /// What it came to, so far.
    pub summary: &'a Summary,
}

/// A part of the comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Section {
    /// What ran where, and how it ended.
    Run,
    /// The layers: asked, set to, in force.
    Layers,
    /// Refused calls.
    Denials,
    /// Limits that were met.
    Limits,
    /// Figures.
    Figures,
}

impl Section {
    /// Every part, in order.
    pub const ALL: [Self; 5] = [Self::Run, Self::Layers, Self::Denials, Self::Limits, Self::Figures];

    /// Its heading.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Run => "Run",
            Self::Layers => "Layers",
            Self::Denials => "Denials",
            Self::Limits => "Limits",
            Self::Figures => "Figures",
        }
    }

    /// One of its lines.
    pub const fn one(self) -> &'static str {
        match self {
            Self::Run => "fact",
            Self::Layers => "layer",
            Self::Denials => "denial",
            Self::Limits => "limit",
            Self::Figures => "figure",
        }
    }
}

/// What one run has for a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// This, safe to show.
    Is(String),
    /// It is known not to have it.
    Absent,
    /// It is not known whether or what, in two words.
    Unknown(&'static str),
}

/// What two values are to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sign {
    /// Both have it, and it differs.
    Differs,
    /// Only the right run has it.
    Added,
    /// Only the left run has it.
    Removed,
    /// One of them is not known.
    Unsure,
}

impl Sign {
    /// The sign in the middle.
    pub const fn symbol(self) -> &'static str {
        match self {
            Self::Differs => "≠",
            Self::Added => "+",
            Self::Removed => "−",
            Self::Unsure => "?",
        }
    }
}

/// A line in which the runs differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The part it belongs to.
    pub section: Section,
    /// What it is about.
    pub name: String,
    /// The layer it is about, where it is about one.
    pub layer: Option<Layer>,
    /// What the left run has.
    pub left: Value,
    /// What the right run has.
    pub right: Value,
}

impl Difference {
    /// What the two values are to each other.
    pub const fn sign(&self) -> Sign {
        match (&self.left, &self.right) {
            (Value::Unknown(_), _) | (_, Value::Unknown(_)) => Sign::Unsure,
            (Value::Absent, _) => Sign::Added,
            (_, Value::Absent) => Sign::Removed,
            (Value::Is(_), Value::Is(_)) => Sign::Differs,
        }
    }
}

/// Where two runs differ, and in how many lines they do not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Comparison {
    /// The differences, part by part.
    pub differences: Vec<Difference>,
    same: [usize; Section::ALL.len()],
}

impl Comparison {
    /// In how many lines of a part the runs are the same.
    pub fn same(&self, section: Section) -> usize {
        self.same[section as usize]
    }

    fn add(&mut self, section: Section, name: String, layer: Option<Layer>, left: Value, right: Value) {
        if left == right {
            self.same[section as usize] += 1;
        } else {
            let [left, right] = [left, right].map(|value| match value {
                Value::Is(text) => Value::Is(one_line(&text)),
                Value::Absent | Value::Unknown(_) => value,
            });
            self.differences.push(Difference { section, name, layer, left, right });
        }
    }
}

/// Compares two runs.
pub fn compare(left: Side<'_>, right: Side<'_>) -> Comparison {
    let mut comparison = Comparison::default();
    compare_facts(&mut comparison, left, right);
    for layer in Layer::ALL {
        let [before, after] = [left, right].map(|side| Value::Is(layer_state(side, layer)));
        comparison.add(Section::Layers, layer.name().to_owned(), Some(layer), before, after);
    }
    compare_denials(&mut comparison, left.summary, right.summary);
    compare_limits(&mut comparison, left.summary, right.summary);
    let [before, after] = [left, right].map(|side| figures(side.summary));
    for ((name, before), (_, after)) in before.into_iter().zip(after) {
        comparison.add(Section::Figures, name.to_owned(), None, before, after);
    }
    comparison
}

/// In what a run under another enforcement did not come to the same as this one: its outcome and its output. Nothing
/// where they agree.
pub fn disagreements(supervised: &Summary, native: &Summary) -> Vec<String> {
    let outcome = |summary: &Summary| match &summary.outcome {
        Some((outcome, _)) => outcome.to_string(),
        None => "not over".to_owned(),
    };
    let (before, after) = (outcome(supervised), outcome(native));
    let ended = (before != after).then(|| format!("{after} instead of {before}"));
    let differs = |stream: Stream| {
        let (left, right) = (supervised.stream(stream), native.stream(stream));
        let at = left.kept.iter().zip(&right.kept).position(|(left, right)| left != right);
        let shorter = left.kept.len().min(right.kept.len());
        (left != right).then(|| format!("{} differs from byte {} on", stream.name(), at.unwrap_or(shorter) + 1))
    };
    ended.into_iter().chain([Stream::Stdout, Stream::Stderr].into_iter().filter_map(differs)).collect()
}

fn compare_facts(comparison: &mut Comparison, left: Side<'_>, right: Side<'_>) {
    let [before, after] = [left, right].map(|side| facts(side));
    for ((name, before), (_, after)) in before.into_iter().zip(after) {
        comparison.add(Section::Run, name.to_owned(), None, before, after);
    }
}

fn facts(side: Side<'_>) -> [(&'static str, Value); 8] {
    let Side { policy, summary, .. } = side;
    let cell = |text: fn(&CellFacts) -> String| {
        summary.cell.as_ref().map_or(Value::Unknown("no cell"), |cell| Value::Is(text(cell)))
    };
    let (outcome, duration) = match &summary.outcome {
        Some((outcome, duration)) => (Value::Is(outcome.to_string()), Value::Is(time(*duration))),
        None => (Value::Unknown("not over"), Value::Unknown("not over")),
    };
    [
        ("outcome", outcome),
        ("duration", duration),
        ("denied", denied(summary)),
        ("specimen", cell(|cell| format!("{} {:.8}", cell.specimen.name, cell.specimen.sha256))),
        ("policy", Value::Is(policy.name.clone())),
        ("enforcement", cell(|cell| cell.enforcement.name().to_owned())),
        ("engine", cell(|cell| format!("{} {}, {}", cell.engine, cell.engine_version, cell.runtime))),
        ("image", cell(|cell| cell.image.clone())),
    ]
}

fn denied(summary: &Summary) -> Value {
    let kinds = summary.denials.len() as u64;
    let seen = format!("{} of {}", counted(summary.denied_calls(), "call"), counted(kinds, "kind"));
    match (&summary.cell, summary.denials_incomplete()) {
        (None, _) => Value::Unknown("no cell"),
        (Some(_), Some(reason)) if kinds == 0 => Value::Is(format!("none seen: {reason}")),
        (Some(_), Some(reason)) => Value::Is(format!("at least {seen}: {reason}")),
        (Some(_), None) if kinds == 0 => Value::Is("none".to_owned()),
        (Some(_), None) => Value::Is(seen),
    }
}

/// On or off, the setting, and whether it held.
fn layer_state(Side { policy, edits, summary }: Side<'_>, layer: Layer) -> String {
    let state = summary.cell.iter().flat_map(|cell| &cell.layers).find(|state| state.layer == layer);
    if !policy.is_on(layer) {
        return "off".to_owned();
    }
    let held = match state {
        None => ", not read back",
        Some(state) if state.unavailable.is_some() => ", not to be had here",
        Some(state) => match state.in_force {
            Force::Yes => "",
            Force::No => ", not in force",
            Force::Unverified => ", unverified",
        },
    };
    let edited = if layer == Layer::Seccomp && edits > 0 { format!("+{edits}") } else { String::new() };
    format!("{}{edited}{held}", policy.setting(layer))
}

/// What makes refused calls of two runs the same: all but the process.
type Key<'a> = (Layer, &'a str, &'a [String], Refusal);

fn key(denial: &Denial) -> Key<'_> {
    (denial.layer, &denial.syscall, &denial.args, denial.refusal)
}

fn totals(summary: &Summary) -> HashMap<Key<'_>, u64> {
    let mut totals = HashMap::new();
    for denial in summary.denials.values() {
        let count: &mut u64 = totals.entry(key(denial)).or_default();
        *count = count.saturating_add(denial.count);
    }
    totals
}

fn compare_denials(comparison: &mut Comparison, left: &Summary, right: &Summary) {
    let sides = [left, right].map(|summary| (summary, totals(summary)));
    let value = |side: usize, key: &Key<'_>| {
        let (summary, totals) = &sides[side];
        totals.get(key).map_or_else(|| missing(summary), |count| Value::Is(calls(summary, *count)))
    };
    let mut told = HashSet::new();
    for denial in left.denials.values().chain(right.denials.values()) {
        let key = key(denial);
        if told.insert(key) {
            let (before, after) = (value(0, &key), value(1, &key));
            comparison.add(Section::Denials, call_text(denial), Some(denial.layer), before, after);
        }
    }
}

fn calls(summary: &Summary, count: u64) -> String {
    let least = if summary.denials_incomplete().is_some() { "≥ " } else { "" };
    format!("{least}×{}", short_count(count))
}

/// What a run has that is not listed: nothing, only where all of it was seen.
fn missing(summary: &Summary) -> Value {
    match &summary.outcome {
        Some((Outcome::NotStarted(_), _)) => Value::Unknown("not started"),
        Some((Outcome::CellLost(_), _)) => Value::Unknown("cell lost"),
        _ if summary.denials_incomplete().is_some() => Value::Unknown("not seen"),
        None => Value::Unknown("not yet"),
        Some(_) if summary.denials.values().any(is_the_rest) => Value::Unknown("not listed"),
        Some(_) => Value::Absent,
    }
}

/// Whether a denial stands for all those beyond the number that is kept apart: it is no one process's.
pub fn is_the_rest(denial: &Denial) -> bool {
    denial.pid == 0 && denial.comm.is_empty()
}

fn call_text(denial: &Denial) -> String {
    let answer = match denial.refusal {
        Refusal::Errno(_) => format!("= {}", denial.refusal),
        Refusal::Kill | Refusal::Rightless | Refusal::Unseen => denial.refusal.to_string(),
    };
    format!("{}({}) {answer}", denial.syscall, denial.args.join(", "))
}

fn compare_limits(comparison: &mut Comparison, left: &Summary, right: &Summary) {
    let mut told = HashSet::new();
    for kind in left.limits.iter().chain(&right.limits).map(|total| total.kind) {
        if told.insert(kind) {
            let [before, after] = [left, right].map(|summary| limit(summary, kind));
            let name = format!("{}: {}", kind.layer(), kind.what());
            comparison.add(Section::Limits, name, Some(kind.layer()), before, after);
        }
    }
}

fn limit(summary: &Summary, kind: LimitKind) -> Value {
    match summary.limits.iter().find(|total| total.kind == kind) {
        Some(LimitTotal { kind: LimitKind::OutputCut(_), count, .. }) => Value::Is(format!("by {}", Bytes(*count))),
        Some(total) => Value::Is(format!("×{}", short_count(total.count))),
        None => match &summary.outcome {
            Some((Outcome::NotStarted(_), _)) => Value::Unknown("not started"),
            Some(_) => Value::Absent,
            None => Value::Unknown("not yet"),
        },
    }
}

fn figures(summary: &Summary) -> [(&'static str, Value); 10] {
    let text = |figure: Option<String>| figure.map_or(Value::Unknown("unknown"), Value::Is);
    let bytes = |figure: Option<Bytes>| text(figure.map(|bytes| bytes.to_string()));
    let spent = |figure: Option<Duration>| text(figure.map(time));
    let written = |figure: u64| Value::Is(Bytes(figure).to_string());
    let last = &summary.last;
    [
        ("memory peak", bytes(last.memory_peak)),
        ("CPU time", spent(last.cpu)),
        ("throttled for", spent(last.throttled)),
        ("processes, peak", text(last.pids_peak.map(|pids| pids.to_string()))),
        ("disk read", bytes(last.read)),
        ("disk written", bytes(last.written)),
        ("stdout", written(summary.stdout.written)),
        ("stderr", written(summary.stderr.written)),
        ("stdout dropped", written(summary.stdout.dropped())),
        ("stderr dropped", written(summary.stderr.dropped())),
    ]
}

#[cfg(test)]
mod tests;
