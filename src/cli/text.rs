//! A run as text for people: the specimen's output on standard output and
//! error, and on standard error, in colour where it is a terminal, what the
//! layers did and what it all came to.

use std::collections::HashSet;
use std::fmt::Display;
use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use anstyle::Style;

use super::CliError;
use super::layout::{BAD, BOLD, CARE, DIM, GOOD, fill};
use crate::policy::{Exposure, Layer, Policy};
use crate::run::words::{counted, grouped};
use crate::run::{
    Denial, DenialId, EventKind, Force, Known, LayerState, LimitKind, Observation, Outcome, RunEvent, Stream, Summary,
};
use crate::specimen::Specimen;
use crate::supervise::Swept;
use crate::text::VisibleStream;

/// Where the summary's text begins, behind the names of its lines.
const INDENT: usize = 10;

/// Denials listed in the summary; the rest are counted.
const MOST_LISTED: usize = 20;

fn paint(style: Style, text: impl Display) -> String {
    format!("{style}{text}{style:#}")
}

/// hotcell's own failure, as one line.
pub fn failure(error: &CliError) -> String {
    format!("{} {error}", paint(BAD, "hotcell:"))
}

/// A line on standard output; a reader that is gone is nobody to tell.
pub fn print_line(line: &str) {
    let _ = writeln!(io::stdout().lock(), "{line}");
}

fn note(line: impl Display) {
    let _ = writeln!(anstream::stderr().lock(), "{line}");
}

/// Something to know that is no failure, as one line on standard error.
pub fn warn(message: &str) {
    note(format_args!("{} {message}", paint(CARE, "warning:")));
}

/// Something said by the way, as one line on standard error.
pub fn aside(message: &str) {
    note(paint(DIM, message));
}

/// Something of the host that a policy leaves open.
pub fn exposed(exposure: &Exposure) {
    note(format_args!("{} {}", paint(CARE, "exposed:"), exposure.what));
}

/// What a reviewer should know before the specimen runs.
pub fn before(policy: &Policy, specimen: &Specimen) {
    for exposure in policy.exposures() {
        exposed(&exposure);
    }
    let scan = specimen.hidden();
    for finding in &scan.findings {
        note(format_args!(
            "{} {}:{}:{}: {}: {}",
            paint(CARE, "hidden:"),
            specimen.name,
            finding.line,
            finding.column,
            finding.kind.name(),
            finding.what
        ));
    }
    if scan.total > scan.findings.len() {
        note(format_args!("{} {} more", paint(CARE, "hidden:"), scan.total - scan.findings.len()));
    }
}

/// What a crashed hotcell had left.
pub fn swept(swept: &Swept) {
    for cell in &swept.removed {
        note(format_args!("{} removed {cell}, which a hotcell that is gone had left", paint(DIM, "swept:")));
    }
    for error in &swept.failed {
        note(format_args!("{} {error}", paint(CARE, "not swept:")));
    }
}

/// Tells a run as it happens.
pub struct Teller {
    stdout: VisibleStream,
    stderr: VisibleStream,
    /// Both streams are on one screen, and its last line is unfinished.
    mid_line: bool,
    one_screen: bool,
    limits_told: Vec<LimitKind>,
    denials_told: HashSet<DenialId>,
}

impl Teller {
    /// Nothing told yet.
    pub fn new() -> Self {
        Self {
            stdout: VisibleStream::new(),
            stderr: VisibleStream::new(),
            mid_line: false,
            one_screen: io::stdout().is_terminal() && io::stderr().is_terminal(),
            limits_told: Vec::new(),
            denials_told: HashSet::new(),
        }
    }

    /// Tells one event.
    pub fn tell(&mut self, event: &RunEvent) {
        match &event.kind {
            EventKind::Cell(facts) => {
                for warning in &facts.warnings {
                    self.note(format_args!("{} {warning}", paint(CARE, "warning:")));
                }
                if let Observation::NotObservable(reason) = &facts.denials {
                    self.note(format_args!("{} {reason}", paint(CARE, "denials:")));
                }
            }
            EventKind::Output { stream, bytes } => self.output(*stream, bytes),
            EventKind::Denial(denial) if self.denials_told.insert(denial.id) => {
                self.note(format_args!("{} {}", stamp(event.at), one_denial(denial)));
            }
            EventKind::Limit(limit) if !self.limits_told.contains(&limit.kind) => {
                self.limits_told.push(limit.kind);
                let (layer, what) = (limit.kind.layer(), limit.kind.what());
                self.note(format_args!("{} {} {layer}: {what}", stamp(event.at), paint(CARE, "limit ")));
            }
            EventKind::Started { .. }
            | EventKind::Dropped { .. }
            | EventKind::Denial(_)
            | EventKind::Limit(_)
            | EventKind::Failure(_)
            | EventKind::Used(_)
            | EventKind::Would(_)
            | EventKind::Break(_)
            | EventKind::Settled { .. }
            | EventKind::Unheld { .. }
            | EventKind::Resource(_)
            | EventKind::Held { .. }
            | EventKind::Exit { .. } => {}
        }
    }

    fn output(&mut self, stream: Stream, bytes: &[u8]) {
        // A reader that is gone is no reason to stop the run.
        let text = match stream {
            Stream::Stdout => {
                let text = self.stdout.push(bytes);
                let mut out = io::stdout().lock();
                let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
                text
            }
            Stream::Stderr => {
                let text = self.stderr.push(bytes);
                let _ = io::stderr().lock().write_all(text.as_bytes());
                text
            }
        };
        if !text.is_empty() {
            self.mid_line = !text.ends_with('\n');
        }
    }

    fn note(&mut self, line: impl Display) {
        if std::mem::take(&mut self.mid_line) && self.one_screen {
            note("");
        }
        note(line);
    }

    /// Tells what it came to.
    pub fn finish(&mut self, summary: &Summary) {
        let rest = self.stdout.finish();
        let _ = write!(io::stdout().lock(), "{rest}");
        let rest = self.stderr.finish();
        let _ = write!(io::stderr().lock(), "{rest}");
        for line in report(summary) {
            self.note(line);
        }
    }
}

fn stamp(at: Duration) -> String {
    paint(DIM, format_args!("{:>8.1} ms", at.as_secs_f64() * 1000.0))
}

fn one_denial(denial: &Denial) -> String {
    format!(
        "{} {}: {}({}){}  {}",
        if denial.known == Known::Attempt { paint(CARE, "attempt") } else { paint(BAD, "denied") },
        denial.layer,
        paint(BOLD, &denial.syscall),
        denial.args.join(", "),
        if denial.known == Known::Attempt { String::new() } else { format!(" = {}", denial.refusal) },
        paint(DIM, format_args!("{}{} {}", line_of(denial), denial.comm, denial.pid)),
    )
}

/// The specimen's line that made the call, where it is known.
fn line_of(denial: &Denial) -> String {
    let frame = denial.source.as_ref().and_then(|source| source.line.as_ref().ok());
    frame.map_or_else(String::new, |frame| format!("line {} in {}, ", frame.line, frame.function))
}

/// The lines of the summary.
fn report(summary: &Summary) -> Vec<String> {
    let mut lines = vec![paint(DIM, "─".repeat(72))];
    let mut line = |name: &str, text: String| lines.push(format!("{} {text}", paint(BOLD, format_args!("{name:<9}"))));
    if let Some((outcome, at)) = &summary.outcome {
        line("outcome", format!("{} after {}", in_colour(outcome), time(*at)));
    }
    line("used", used(summary));
    line("output", output(summary));
    if let Some(cell) = &summary.cell {
        line(
            "cell",
            format!(
                "{} {} with {}, {}, policy {}, {}",
                cell.engine,
                cell.engine_version,
                cell.runtime,
                cell.image,
                cell.policy,
                cell.enforcement.name()
            ),
        );
        line("in force", in_force(&cell.layers));
        lines.extend(not_in_force(&cell.layers));
    }
    lines.extend(denials(summary));
    for limit in &summary.limits {
        let count = match limit.kind {
            LimitKind::OutputCut(_) => format!("by {}", counted(limit.count, "byte")),
            _ => format!("× {}", limit.count),
        };
        let text = format!("{}: {} {count}, first at {}", limit.kind.layer(), limit.kind.what(), time(limit.first));
        lines.push(format!("{} {text}", paint(BOLD, format_args!("{:<9}", "limit"))));
    }
    lines.extend(summary.warnings.iter().map(|warning| format!("{}   {warning}", paint(CARE, "warning"))));
    lines
}

fn in_colour(outcome: &Outcome) -> String {
    let style = match outcome {
        Outcome::Exited(0) => GOOD,
        Outcome::Exited(_) | Outcome::Stopped => CARE,
        Outcome::Signaled(_) | Outcome::TimedOut | Outcome::NotStarted(_) | Outcome::CellLost(_) => BAD,
    };
    paint(style, outcome)
}

fn used(summary: &Summary) -> String {
    let figure = |figure: Option<String>| figure.unwrap_or_else(|| "unknown".to_owned());
    let last = &summary.last;
    let throttled = match last.throttled {
        Some(waited) if !waited.is_zero() => format!(" (throttled for {})", time(waited)),
        _ => String::new(),
    };
    format!(
        "memory peak {}, CPU {}{throttled}, {} at most",
        figure(last.memory_peak.map(|peak| format!("{:.1} MiB", mib(peak.0)))),
        figure(last.cpu.map(time)),
        last.pids_peak.map_or_else(|| "unknown processes".to_owned(), |pids| counted(pids, "process")),
    )
}

#[allow(clippy::cast_precision_loss, reason = "a figure with one digit behind the point")]
fn mib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

fn output(summary: &Summary) -> String {
    let stream = |stream| {
        let totals = summary.stream(stream);
        match totals.dropped() {
            0 => format!("{} {}", stream.name(), counted(totals.written, "byte")),
            dropped => {
                format!("{} {} ({} dropped)", stream.name(), counted(totals.written, "byte"), grouped(dropped))
            }
        }
    };
    format!("{}, {}", stream(Stream::Stdout), stream(Stream::Stderr))
}

fn in_force(layers: &[LayerState]) -> String {
    let held: Vec<&str> = layers
        .iter()
        .filter(|state| state.asked && state.in_force == Force::Yes)
        .map(|state| state.layer.name())
        .collect();
    let count = format!("{}:", counted(held.len() as u64, "layer"));
    let names = fill(&held.join(" "), INDENT + count.len() + 1, INDENT);
    format!("{} {names}", paint(GOOD, count))
}

/// Layers that were asked for and do not hold, or are not known to; those with one reason on one line.
fn not_in_force(layers: &[LayerState]) -> Vec<String> {
    let mut groups: Vec<(Style, &str, Vec<&str>, &str)> = Vec::new();
    for state in layers.iter().filter(|state| state.asked && state.in_force != Force::Yes) {
        let (style, words, why) = match (&state.unavailable, state.in_force) {
            (Some(reason), _) => (DIM, "– not to be had here:", reason),
            (None, Force::No) => (BAD, "✗ asked, not in force:", &state.detail),
            (None, _) => (CARE, "? asked, unverified:", &state.detail),
        };
        match groups.iter_mut().find(|(_, known, _, reason)| *known == words && reason == why) {
            Some((_, _, names, _)) => names.push(state.layer.name()),
            None => groups.push((style, words, vec![state.layer.name()], why)),
        }
    }
    let line = |(style, words, names, why): (Style, &str, Vec<&str>, &str)| {
        let text = format!("{}: {why}", names.join(" "));
        let first = INDENT + words.chars().count() + 1;
        format!("{:INDENT$}{} {}", "", paint(style, words), fill(&text, first, INDENT + 2))
    };
    groups.into_iter().map(line).collect()
}

fn denials(summary: &Summary) -> Vec<String> {
    let name = paint(BOLD, format_args!("{:<9}", "denials"));
    let by: Vec<String> = summary.denied_by().iter().map(|(layer, calls)| format!("{calls} by {layer}")).collect();
    let calls = format!("{} refused: {}", paint(BAD, counted(summary.denied_calls(), "call")), by.join(", "));
    let mut lines = match (summary.denials_incomplete(), by.is_empty()) {
        (Some(reason), true) => vec![format!("{name} {}", paint(CARE, reason))],
        (None, true) => vec![format!("{name} none")],
        (Some(reason), false) if summary.unseen.is_some() => vec![format!("{name} at least {calls}; {reason}")],
        (Some(reason), false) => vec![
            format!("{name} {calls}"),
            format!(
                "{:INDENT$}{}",
                "",
                paint(CARE, fill(&format!("seccomp's are not seen: {reason}"), INDENT, INDENT))
            ),
        ],
        (None, false) => vec![format!("{name} {calls}")],
    };
    if summary.attempts() > 0 {
        let words = "of which the end was not seen, that a layer is expected to refuse";
        lines.push(format!("{:10}{} {words}", "", paint(CARE, counted(summary.attempts(), "attempt"))));
    }
    for denial in summary.denials.values().take(MOST_LISTED) {
        let (layer, syscall) = (denial.layer, &denial.syscall);
        lines.push(format!("{:10}{:>7} × {layer}: {syscall}({})", "", denial.count, denial.args.join(", ")));
        if denial.layer != Layer::Seccomp {
            lines.push(format!("{:20}{}", "", paint(DIM, fill(&grounds(denial), 20, 20))));
        }
    }
    if summary.denials.len() > MOST_LISTED {
        lines.push(format!("{:10}and {} more; --format json lists all", "", summary.denials.len() - MOST_LISTED));
    }
    if let Some(reason) = summary.outcomes_unseen().filter(|reason| Some(*reason) != summary.denials_incomplete()) {
        let words = paint(CARE, "refusals by other layers not observable:");
        lines.push(format!("{:INDENT$}{words} {}", "", fill(reason, INDENT + 41, INDENT)));
    }
    lines.extend(summary.failures.values().map(|failure| {
        format!(
            "{} {} × {}: {}",
            paint(BOLD, format_args!("{:<9}", "failed")),
            failure.count,
            failure.syscall,
            failure.known
        )
    }));
    lines
}

/// On what a denial rests, who stands behind, and how far it is known.
fn grounds(denial: &Denial) -> String {
    let behind: Vec<&str> = denial.behind.iter().map(|layer| layer.name()).collect();
    let behind = if behind.is_empty() { String::new() } else { format!("; behind it {}", behind.join(", ")) };
    let after = if denial.known == Known::After { "; its arguments were read after the call" } else { "" };
    format!("{}{behind}{after}", denial.evidence)
}

fn time(time: Duration) -> String {
    if time < Duration::from_secs(1) {
        format!("{:.1} ms", time.as_secs_f64() * 1000.0)
    } else {
        format!("{:.2} s", time.as_secs_f64())
    }
}
