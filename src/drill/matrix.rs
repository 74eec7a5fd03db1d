//! One specimen under every combination that tells something of a layer: all of a policy's layers, none, each away, each
//! alone; and what part each layer has in the outcome. Pure.

use std::fmt;

use super::judge::Mark;
use crate::policy::{Bytes, Exposure, Layer, OutputCaps, Policy};
use crate::run::words::one_line;
use crate::run::{LimitKind, Outcome, Refusal, Summary};

/// Layers of a policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Combination {
    /// All of them.
    All,
    /// None of them.
    None,
    /// All but this one.
    Without(Layer),
    /// This one and no other.
    Alone(Layer),
}

impl fmt::Display for Combination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("all"),
            Self::None => f.write_str("none"),
            Self::Without(layer) => write!(f, "without {layer}"),
            Self::Alone(layer) => write!(f, "{layer} alone"),
        }
    }
}

/// Without these, a cell shows more of the host than a plain container does: they stay on in `none` and in `alone`
/// unless the reviewer asks for more.
const KEPT: [Layer; 4] = [Layer::Network, Layer::Ipc, Layer::Env, Layer::ProcMasks];

/// What stands for "off" of the layers that keep the host on its feet: room for every probe of the corpus, and an end.
const ROOM: [(Layer, &str); 2] = [(Layer::Memory, "1g,swap=0"), (Layer::Pids, "4096")];

/// The same for output.
const OUTPUT_ROOM: OutputCaps = OutputCaps { stdout: Bytes::mib(1), stderr: Bytes::mib(1) };

/// A policy, and which of its layers are tried.
#[derive(Clone, Debug)]
pub struct Matrix {
    policy: Policy,
    /// The layers that are on and can be had, in the order in which layers are shown.
    pub layers: Vec<Layer>,
    expose: bool,
}

impl Matrix {
    /// The layers of `policy` but for those that `unavailable` names. With `expose`, off is off whatever of the host is
    /// then within reach.
    pub fn new(policy: Policy, unavailable: impl Fn(Layer) -> bool, expose: bool) -> Self {
        let layers = Layer::ALL.into_iter().filter(|layer| policy.is_on(*layer) && !unavailable(*layer)).collect();
        Self { policy, layers, expose }
    }

    /// Everything that is to be run, or told why it is not.
    pub fn combinations(&self) -> Vec<Combination> {
        let without = self.layers.iter().copied().map(Combination::Without);
        let alone = self.layers.iter().copied().filter(|layer| !self.keeps(*layer)).map(Combination::Alone);
        [Combination::All, Combination::None].into_iter().chain(without).chain(alone).collect()
    }

    /// Whether the layer stays on in `none`.
    pub fn keeps(&self, layer: Layer) -> bool {
        !self.expose && KEPT.contains(&layer)
    }

    /// The layers that stay on in `none`, and so in each `alone`.
    pub fn kept(&self) -> Vec<Layer> {
        self.layers.iter().copied().filter(|layer| self.keeps(*layer)).collect()
    }

    /// The policy of a combination.
    ///
    /// # Errors
    /// What of the host would be within reach beyond what the policy itself and a plain container leave open.
    pub fn policy(&self, combination: Combination) -> Result<Policy, Vec<Exposure>> {
        let is_off = |layer: Layer| match combination {
            Combination::All => false,
            Combination::Without(away) => layer == away,
            Combination::None => !self.keeps(layer),
            Combination::Alone(alone) => layer != alone && !self.keeps(layer),
        };
        let mut policy = self.policy.clone();
        for layer in self.layers.iter().copied().filter(|layer| is_off(*layer)) {
            self.loosen(&mut policy, layer);
        }
        let beyond = self.beyond(&policy);
        if self.expose || beyond.is_empty() { Ok(policy) } else { Err(beyond) }
    }

    /// Takes a layer away, as far as the machine bears it.
    fn loosen(&self, policy: &mut Policy, layer: Layer) {
        if let Some((_, room)) = ROOM.iter().find(|(bounded, _)| *bounded == layer) {
            // The setting is one that the layer takes: a test applies each.
            let _ = policy.set(layer, room);
        } else if layer == Layer::Output {
            policy.output.setting = OUTPUT_ROOM;
        } else if layer == Layer::Caps && !self.expose {
            // Every capability would make it a privileged container.
            policy.caps = docker().caps;
        } else {
            policy.set_on(layer, false);
        }
    }

    fn beyond(&self, policy: &Policy) -> Vec<Exposure> {
        // Unconfined system calls are common among containers (Kubernetes' default).
        let is_common = |exposure: &Exposure| exposure.layers == [Layer::Seccomp];
        let (own, plain) = (self.policy.exposures(), docker().exposures());
        let is_beyond =
            |exposure: &Exposure| !is_common(exposure) && !own.contains(exposure) && !plain.contains(exposure);
        policy.exposures().into_iter().filter(is_beyond).collect()
    }
}

/// A plain container.
fn docker() -> Policy {
    Policy::shipped("docker-default").unwrap_or_else(|| Policy::blank("docker-default"))
}

/// What came of one combination.
#[derive(Clone, Debug, PartialEq)]
pub enum Came {
    /// It ran.
    Ran(Box<Ran>),
    /// It was not run: what would be within reach.
    NotRun(Vec<Exposure>),
}

impl Came {
    fn ran(&self) -> Option<&Ran> {
        match self {
            Self::Ran(ran) => Some(ran),
            Self::NotRun(_) => None,
        }
    }
}

/// A run, as far as it is compared.
#[derive(Clone, Debug, PartialEq)]
pub struct Ran {
    /// How it ended.
    pub outcome: Outcome,
    /// What it said of that, where it is of the corpus.
    pub mark: Option<Mark>,
    /// What it printed, on both streams, safe to show.
    pub lines: Vec<String>,
    /// Who refused how many calls.
    pub denials: Vec<(Layer, u64)>,
    /// The limits that were met.
    pub limits: Vec<LimitKind>,
}

impl Ran {
    /// Takes from a run what is compared.
    pub fn of(summary: &Summary) -> Self {
        let mut denials: Vec<(Layer, u64)> = Vec::new();
        for denial in summary.denials.values().filter(|denial| denial.refusal != Refusal::Errno(libc::ENOSYS)) {
            match denials.iter_mut().find(|(layer, _)| *layer == denial.layer) {
                Some((_, count)) => *count += denial.count,
                None => denials.push((denial.layer, denial.count)),
            }
        }
        let lines = [&summary.stdout, &summary.stderr].map(|stream| String::from_utf8_lossy(&stream.kept).into_owned());
        Self {
            outcome: summary.outcome.as_ref().map_or(Outcome::Stopped, |(outcome, _)| outcome.clone()),
            mark: Mark::of(summary).map(|(mark, _)| mark),
            lines: lines.iter().flat_map(|text| text.lines()).map(one_line).collect(),
            denials,
            limits: summary.limits.iter().map(|limit| limit.kind).collect(),
        }
    }

    /// The outcome in a few words.
    pub fn short(&self) -> String {
        match (&self.outcome, self.mark) {
            (Outcome::Exited(code), Some(mark)) => format!("{} ({code})", mark.word()),
            (Outcome::Exited(code), None) => format!("exit {code}"),
            (Outcome::Signaled(signal), _) => format!("signal {signal}"),
            (Outcome::TimedOut, _) => "deadline".to_owned(),
            (Outcome::Stopped, _) => "stopped".to_owned(),
            (Outcome::NotStarted(_), _) => "not started".to_owned(),
            (Outcome::CellLost(_), _) => "cell lost".to_owned(),
        }
    }

    /// Both ended the same way and said the same of it.
    pub fn ends_as(&self, other: &Self) -> bool {
        self.is_told() && other.is_told() && self.outcome == other.outcome && self.mark == other.mark
    }

    /// It was a run of the specimen's.
    fn is_told(&self) -> bool {
        !matches!(self.outcome, Outcome::NotStarted(_) | Outcome::CellLost(_))
    }

    /// The first line that the other has not at its place; figures aside, which differ from run to run.
    pub fn first_line_beside(&self, other: &Self) -> Option<&str> {
        let beside = self.lines.iter().enumerate().find(|(at, line)| {
            other.lines.get(*at).is_none_or(|theirs| without_digits(theirs) != without_digits(line))
        });
        beside.map(|(_, line)| line.as_str())
    }

    /// This layer refused something, or ended it.
    fn was_stopped_by(&self, layer: Layer) -> bool {
        let ends = |kind: &&LimitKind| !matches!(kind, LimitKind::CpuThrottled | LimitKind::MemoryMax);
        self.denials.iter().any(|(denier, _)| *denier == layer)
            || self.limits.iter().filter(ends).any(|kind| kind.layer() == layer)
    }
}

fn without_digits(line: &str) -> String {
    line.chars().filter(|character| !character.is_ascii_digit()).collect()
}

/// What part a layer has in how the specimen ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Taking it away changes the outcome: nothing stands behind it.
    LoadBearing,
    /// It was seen to hold, or another takes over where it is away: something stands behind it.
    InFront,
    /// It does nothing as things are, and would hold alone.
    Behind,
    /// The outcome is the same with it and without, and alone it does not bring it about.
    NoPart,
    /// What was not run would have told.
    Unknown,
}

impl Role {
    /// In a few words, as it is shown.
    pub const fn words(self) -> &'static str {
        match self {
            Self::LoadBearing => "load-bearing",
            Self::InFront => "in front",
            Self::Behind => "behind",
            Self::NoPart => "no part",
            Self::Unknown => "not known",
        }
    }
}

/// Everything that came of a matrix.
#[derive(Clone, Debug)]
pub struct Table {
    matrix: Matrix,
    came: Vec<(Combination, Came)>,
}

impl Table {
    /// What came of each of the matrix's combinations, in any order.
    pub fn new(matrix: Matrix, came: Vec<(Combination, Came)>) -> Self {
        Self { matrix, came }
    }

    /// The layers, in the order in which they are shown.
    pub fn layers(&self) -> &[Layer] {
        &self.matrix.layers
    }

    /// The layers that stay on in `none` and in each `alone`.
    pub fn kept(&self) -> Vec<Layer> {
        self.matrix.kept()
    }

    /// What came of a combination: of a layer alone that is never away, what came of `none`.
    pub fn came(&self, combination: Combination) -> Option<&Came> {
        let asked = match combination {
            Combination::Alone(layer) if self.matrix.keeps(layer) => Combination::None,
            other => other,
        };
        self.came.iter().find(|(known, _)| *known == asked).map(|(_, came)| came)
    }

    /// Its run.
    pub fn ran(&self, combination: Combination) -> Option<&Ran> {
        self.came(combination).and_then(Came::ran)
    }

    /// Whether the specimen ends otherwise with no layer on: else no layer has a part in its end.
    pub fn layers_matter(&self) -> Option<bool> {
        Some(!self.ran(Combination::None)?.ends_as(self.ran(Combination::All)?))
    }

    /// What part a layer has.
    pub fn role(&self, layer: Layer) -> Role {
        let Some(all) = self.ran(Combination::All) else { return Role::Unknown };
        let without = self.ran(Combination::Without(layer));
        if without.is_some_and(|without| without.is_told() && !without.ends_as(all)) {
            return Role::LoadBearing;
        }
        // What is on in every other cell too cannot be told apart from the rest.
        if self.matrix.keeps(layer) || without.is_none_or(|without| !without.is_told()) {
            return Role::Unknown;
        }
        let alone = self.ran(Combination::Alone(layer));
        match (self.layers_matter(), alone) {
            // What is kept holds it by itself: only who was seen to refuse can be told.
            (Some(false), _) if all.was_stopped_by(layer) => Role::InFront,
            (Some(false), _) => Role::NoPart,
            (Some(true), Some(alone)) if alone.is_told() => {
                let another = |without: &Ran| {
                    let steps_in = |other: &Layer| without.was_stopped_by(*other) && !all.was_stopped_by(*other);
                    Layer::ALL.iter().any(steps_in)
                };
                let says_otherwise = |without: &Ran| alone.ends_as(all) && without.first_line_beside(all).is_some();
                let takes_over = without.is_some_and(|without| another(without) || says_otherwise(without));
                match (all.was_stopped_by(layer) || takes_over, alone.ends_as(all)) {
                    (true, _) => Role::InFront,
                    (false, true) => Role::Behind,
                    (false, false) => Role::NoPart,
                }
            }
            _ => Role::Unknown,
        }
    }

    /// The layers that have this part.
    pub fn with_role(&self, role: Role) -> Vec<Layer> {
        self.layers().iter().copied().filter(|layer| self.role(*layer) == role).collect()
    }

    /// What it comes to, in sentences.
    pub fn sentences(&self) -> Vec<String> {
        let [bearing, front, behind] =
            [Role::LoadBearing, Role::InFront, Role::Behind].map(|role| self.with_role(role));
        let mut said = Vec::new();
        for layer in bearing {
            let [without, all] =
                [Combination::Without(layer), Combination::All].map(|one| self.ran(one).map(Ran::short));
            let (without, all) = (without.unwrap_or_default(), all.unwrap_or_default());
            said.push(format!("{layer} is load-bearing: without it {without}, and not {all}."));
        }
        if !front.is_empty() {
            let then = if behind.is_empty() { String::new() } else { format!("; behind {}", stand(&behind)) };
            let hold = if front.len() == 1 { "holds" } else { "hold" };
            said.push(format!("{} {hold} it first{then}.", names(&front)));
        } else if !behind.is_empty() {
            said.push(format!("{} would hold it alone; what does so first was not seen.", names(&behind)));
        }
        match self.layers_matter() {
            Some(true) => {}
            Some(false) if self.kept().is_empty() => said.push("With no layer on it ends the same way.".to_owned()),
            Some(false) => said.push(format!(
                "With nothing on but {} it ends the same way: what stands behind cannot be told without --expose.",
                names(&self.kept())
            )),
            None => said.push("What the layers do cannot be told: `all` or `none` did not run.".to_owned()),
        }
        let not_run = self.came.iter().filter(|(_, came)| matches!(came, Came::NotRun(_))).count();
        if not_run > 0 {
            said.push(format!(
                "{not_run} of {} not run: they show more of the host than a container does.",
                self.came.len()
            ));
        }
        said
    }
}

fn stand(layers: &[Layer]) -> String {
    format!("{} {}", if layers.len() == 1 { "stands" } else { "stand" }, names(layers))
}

/// Their names, with `and` before the last.
pub fn names(layers: &[Layer]) -> String {
    match layers {
        [] => String::new(),
        [one] => one.to_string(),
        [most @ .., last] => {
            let most: Vec<&str> = most.iter().map(|layer| layer.name()).collect();
            format!("{} and {last}", most.join(", "))
        }
    }
}

#[cfg(test)]
#[path = "matrix_tests.rs"]
mod tests;
