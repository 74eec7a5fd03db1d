//! What a probe's run says of the layers. Pure.
//!
//! What hotcell saw of its own (a denial, a limit) goes before what the specimen printed, and that before what the
//! probe's header expects; a [`Finding`] says which of them it rests on.

use std::fmt;

use super::probe::{Evidence, Need, Probe};
use crate::policy::Layer;
use crate::run::words::one_line;
use crate::run::{Denial, Enforcement, Force, LayerState, LimitKind, Outcome, Refusal, Stream, Summary};

/// What came of one probe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// It was held.
    Contained(Contained),
    /// It did what it tried: what it said of that.
    NotContained(String),
    /// It was no test, and why.
    Untested(String),
    /// Nobody waited for its end.
    Stopped,
}

/// How a probe was held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contained {
    /// By whom.
    pub by: By,
    /// What was seen of it, the weightiest first.
    pub evidence: Vec<Seen>,
    /// What the probe printed itself, safe to show; nothing where it was killed.
    pub said: Option<String>,
}

/// Who held it, and how that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// hotcell saw this layer do it.
    Seen(Layer),
    /// The probe's header names it, and hotcell saw nothing of its own.
    Header(Layer),
    /// None of the layers that the header names is known to have been in force, and nothing was seen.
    Unknown,
    /// No layer is meant to: what it looks for is not there.
    Nobody,
}

impl By {
    /// The layer, where one is known.
    pub fn layer(self) -> Option<Layer> {
        match self {
            Self::Seen(layer) | Self::Header(layer) => Some(layer),
            Self::Unknown | Self::Nobody => None,
        }
    }

    /// On what the answer rests, in a word.
    pub fn rests_on(self) -> &'static str {
        match self {
            Self::Seen(_) => "seen",
            Self::Header(_) => "header",
            Self::Unknown => "unknown",
            Self::Nobody => "absence",
        }
    }
}

/// Something that hotcell saw for itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    /// A refused call.
    Denial {
        /// Who refused.
        layer: Layer,
        /// The call with its arguments and its answer, safe to show.
        call: String,
        /// On what it rests that this layer did.
        evidence: String,
    },
    /// A limit that was met.
    Limit(LimitKind),
    /// The layer was read back from the kernel before the probe began.
    InForce {
        /// Which.
        layer: Layer,
        /// What was read, safe to show.
        detail: String,
    },
}

impl Seen {
    /// The layer that it tells of.
    pub fn layer(&self) -> Layer {
        match self {
            Self::Denial { layer, .. } | Self::InForce { layer, .. } => *layer,
            Self::Limit(kind) => kind.layer(),
        }
    }

    /// Its kind, as in JSON.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Denial { .. } => "denial",
            Self::Limit(_) => "limit",
            Self::InForce { .. } => "in-force",
        }
    }

    /// The layer did something, and was not only there.
    fn is_deed(&self) -> bool {
        !matches!(self, Self::InForce { .. })
    }
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Denial { layer: Layer::Seccomp, call, .. } => write!(f, "{} denied {call}", Layer::Seccomp),
            Self::Denial { layer, call, evidence } => write!(f, "{layer} denied {call} ({evidence})"),
            Self::Limit(kind) => write!(f, "{}: {}", kind.layer(), kind.what()),
            Self::InForce { layer, detail } => write!(f, "{layer} was in force: {detail}"),
        }
    }
}

/// The line in which a specimen of the corpus says what became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mark {
    /// `REACHED: ...`
    Reached,
    /// `HELD: ...`
    Held,
    /// `MISSING: ...`
    Missing,
}

impl Mark {
    /// As it is printed.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Reached => "REACHED",
            Self::Held => "HELD",
            Self::Missing => "MISSING",
        }
    }

    /// The last such line of what was kept of standard output, and the line itself, safe to show. The exit status has to
    /// say the same: what a specimen prints is only its word.
    pub fn of(summary: &Summary) -> Option<(Self, String)> {
        let mark = match &summary.outcome {
            Some((Outcome::Exited(0), _)) => Self::Reached,
            Some((Outcome::Exited(1), _)) => Self::Held,
            Some((Outcome::Exited(2), _)) => Self::Missing,
            _ => return None,
        };
        let text = String::from_utf8_lossy(&summary.stdout.kept);
        let is_it = |line: &&str| line.strip_prefix(mark.word()).is_some_and(|rest| rest.starts_with(':'));
        let line = text.lines().rev().find(is_it)?;
        Some((mark, one_line(line)))
    }
}

/// What the run of a probe came to.
pub fn judge(probe: &Probe, summary: &Summary) -> Finding {
    let Some((outcome, _)) = &summary.outcome else { return Finding::Stopped };
    match outcome {
        Outcome::Stopped => return Finding::Stopped,
        Outcome::NotStarted(reason) | Outcome::CellLost(reason) => return Finding::Untested(one_line(reason)),
        Outcome::Exited(_) | Outcome::Signaled(_) | Outcome::TimedOut => {}
    }
    let mark = Mark::of(summary);
    let said = mark.as_ref().map(|(_, line)| line.clone());
    let evidence = seen(probe, summary, said.as_deref());
    let contained = |said: Option<String>| {
        let by = by(probe, summary, &evidence);
        let finding = Contained { by, evidence: evidence.clone(), said };
        match unmet(probe).filter(|_| finding.evidence.is_empty()) {
            Some(need) => Finding::Untested(format!("it needs {need}; without, it is held by nothing that was seen")),
            None => Finding::Contained(finding),
        }
    };
    let met_its_limit =
        evidence.iter().any(|seen| matches!(seen, Seen::Limit(kind) if Some(kind.layer()) == probe.layer));
    match (probe.layer, outcome, mark) {
        // Who prints too much is not refused, and who gets little of a CPU may not know why: the limit tells.
        (Some(Layer::Output | Layer::Cpu), _, _) if met_its_limit => contained(said),
        (_, _, Some((Mark::Held, line))) => contained(Some(line)),
        (_, _, Some((Mark::Reached, line))) => Finding::NotContained(line),
        (_, _, Some((Mark::Missing, line))) => Finding::Untested(line.replacen(Mark::Missing.word(), "missing", 1)),
        (Some(Layer::Output), Outcome::Exited(0), None) => {
            Finding::NotContained("all of its output was kept".to_owned())
        }
        (_, Outcome::TimedOut, None) if probe.evidence == [Evidence::Deadline] => contained(None),
        (_, Outcome::TimedOut, None) => {
            Finding::Untested("it had not come to an end when the deadline passed".to_owned())
        }
        (_, Outcome::Signaled(_), None) if evidence.iter().any(Seen::is_deed) => contained(None),
        // A limit that gVisor meets itself ends all of it, and the probe in it, with a status of gVisor's own.
        (_, Outcome::Exited(1..), None)
            if evidence.iter().any(|seen| matches!(seen, Seen::Limit(kind) if kind.is_deed())) =>
        {
            contained(None)
        }
        (_, outcome, None) => {
            Finding::Untested(format!("it {outcome} without a word of its own{}", last_words(summary)))
        }
    }
}

/// What the probe needs and has perhaps not: held by nothing that was seen, it may have had nothing to reach.
fn unmet(probe: &Probe) -> Option<String> {
    match &probe.needs {
        Some(Need::Internet) => Some("a way out to the internet, which is not known to be there".to_owned()),
        Some(Need::Kernel(path)) if !path.exists() => Some(format!("{}, which this kernel lacks", path.display())),
        _ => None,
    }
}

/// Who held it. The layer that the header names first goes before those behind it, and what was seen to be done before
/// what was only in force.
fn by(probe: &Probe, summary: &Summary, evidence: &[Seen]) -> By {
    let deed = |layer: &Layer| evidence.iter().any(|seen| seen.is_deed() && seen.layer() == *layer);
    if let Some(layer) = probe.layers().find(deed) {
        return By::Seen(layer);
    }
    if let Some(layer) = probe.layers().find(|layer| stands(summary, *layer)) {
        return By::Header(layer);
    }
    match evidence.iter().find(|seen| seen.is_deed()) {
        Some(seen) => By::Seen(seen.layer()),
        None if probe.layer.is_none() => By::Nobody,
        None => By::Unknown,
    }
}

/// The layer was asked for and is in force. What only the engine enforces, and nobody can read back, is not known to be:
/// gVisor ignores a seccomp profile without a word.
fn stands(summary: &Summary, layer: Layer) -> bool {
    summary.cell.as_ref().is_some_and(|cell| {
        let holds = |state: &LayerState| match state.in_force {
            Force::Yes => true,
            Force::Unverified => cell.enforcement == Enforcement::Supervised && state.unavailable.is_none(),
            Force::No => false,
        };
        cell.layers.iter().any(|state| state.layer == layer && state.asked && holds(state))
    })
}

/// Everything that was seen of what bears on this probe.
fn seen(probe: &Probe, summary: &Summary, said: Option<&str>) -> Vec<Seen> {
    let mut denials: Vec<&Denial> = summary.refused().filter(|denial| bears(probe, denial, said)).collect();
    denials.sort_by_key(|denial| !is_named(probe, denial));
    let mut seen: Vec<Seen> = Vec::new();
    for denial in denials {
        let call = format!("{}({}) = {}", denial.syscall, denial.args.join(", "), denial.refusal);
        let evidence = one_line(&denial.evidence);
        let one = Seen::Denial { layer: denial.layer, call: one_line(&call), evidence };
        if !seen.contains(&one) {
            seen.push(one);
        }
    }
    let of_the_probe = |kind: &LimitKind| probe.layers().any(|layer| layer == kind.layer());
    let mut limits: Vec<LimitKind> = summary.limits.iter().map(|limit| limit.kind).filter(of_the_probe).collect();
    limits.sort_by_key(|kind| !probe.evidence.contains(&Evidence::Limit(kind.what().to_owned())));
    seen.extend(limits.into_iter().map(Seen::Limit));
    seen.sort_by_key(|seen| Some(seen.layer()) != probe.layer);
    let states = summary.cell.iter().flat_map(|cell| &cell.layers);
    let read_back = states.filter(|state| probe.layers().any(|layer| layer == state.layer));
    let read_back = read_back.filter(|state| state.asked && state.in_force == Force::Yes);
    seen.extend(read_back.map(|state| Seen::InForce { layer: state.layer, detail: one_line(&state.detail) }));
    seen
}

/// The denial is of what the probe tries, and not of something by the way: the header names its call, or the probe gives
/// its error for the reason, or it was killed for it.
fn bears(probe: &Probe, denial: &Denial, said: Option<&str>) -> bool {
    is_named(probe, denial)
        || match denial.refusal {
            Refusal::Errno(number) => said.is_some_and(|said| said.contains(&words_of(number))),
            Refusal::Kill => said.is_none(),
            // The only thing that a set-user-id program is tried for.
            Refusal::Rightless => probe.layer == Some(Layer::NoNewPrivs),
            Refusal::Unseen => false,
        }
}

fn is_named(probe: &Probe, denial: &Denial) -> bool {
    let answer = denial.refusal.to_string();
    probe.evidence.iter().any(|evidence| match evidence {
        // The filter's errno is the profile's choice; any other layer has its own.
        Evidence::Errno { call, errno } => {
            *call == denial.syscall && (denial.layer == Layer::Seccomp || *errno == answer)
        }
        Evidence::Killed { call: Some(call) } => *call == denial.syscall,
        Evidence::Killed { call: None } | Evidence::Limit(_) | Evidence::Deadline | Evidence::Absence => false,
    })
}

/// What the system says for an error: `strerror(3)`.
fn words_of(errno: i32) -> String {
    let said = std::io::Error::from_raw_os_error(errno).to_string();
    said.split(" (os error").next().unwrap_or_default().to_owned()
}

/// The last line that it printed, for whoever has to find out.
fn last_words(summary: &Summary) -> String {
    let last = |stream| {
        let text = String::from_utf8_lossy(&summary.stream(stream).kept).into_owned();
        text.lines().rev().find(|line| !line.trim().is_empty()).map(str::to_owned)
    };
    let line = last(Stream::Stderr).or_else(|| last(Stream::Stdout));
    line.map(|line| format!(": {}", one_line(&line))).unwrap_or_default()
}

#[cfg(test)]
#[path = "judge_tests.rs"]
mod tests;
