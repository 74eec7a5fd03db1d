//! One specimen under every combination that tells something of a layer: all of a policy's layers, none, each away, each
//! alone, and over the other runtimes; and what part each layer has in the outcome. Pure.

pub use super::ran::{Came, Ran, Refused};
use crate::policy::{Bytes, Exposure, Layer, OutputCaps, Policy, Runtime, Toggle};

/// Layers of a policy, over a runtime.
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
    /// All of them, over another runtime.
    Over(Other),
    /// None of them, over another runtime.
    OverAlone(Other),
}

/// A place among a matrix's other runtimes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Other(usize);

/// What is tried beyond what always is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scope {
    /// What shows more of the host than a container does.
    pub expose: bool,
    /// Every other runtime of the engine.
    pub runtimes: bool,
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
    /// The cells' runtime, where the others are asked for.
    runtime: Option<String>,
    others: Vec<Runtime>,
}

impl Matrix {
    /// The layers of `policy` but for those that `unavailable` names. With `expose`, off is off whatever of the host is
    /// then within reach.
    pub fn new(policy: Policy, unavailable: impl Fn(Layer) -> bool, expose: bool) -> Self {
        let layers = Layer::ALL.into_iter().filter(|layer| policy.is_on(*layer) && !unavailable(*layer)).collect();
        Self { policy, layers, expose, runtime: None, others: Vec::new() }
    }

    /// Also over these runtimes, beside the one that its cells have.
    #[must_use]
    pub fn over(self, runtime: String, others: Vec<Runtime>) -> Self {
        Self { runtime: Some(runtime), others, ..self }
    }

    /// The other runtimes.
    pub fn others(&self) -> impl Iterator<Item = (Other, &Runtime)> {
        self.others.iter().enumerate().map(|(at, runtime)| (Other(at), runtime))
    }

    /// A combination's name.
    pub fn name(&self, combination: Combination) -> String {
        match combination {
            Combination::All => "all".to_owned(),
            Combination::None => "none".to_owned(),
            Combination::Without(layer) => format!("without {layer}"),
            Combination::Alone(layer) => format!("{layer} alone"),
            Combination::Over(Other(at)) => format!("all over {}", self.others[at].0),
            Combination::OverAlone(Other(at)) => format!("{} alone", self.others[at].0),
        }
    }

    /// Everything that is to be run, or told why it is not.
    pub fn combinations(&self) -> Vec<Combination> {
        let without = self.layers.iter().copied().map(Combination::Without);
        let alone = self.layers.iter().copied().filter(|layer| !self.keeps(*layer)).map(Combination::Alone);
        let over = self.others().flat_map(|(other, _)| [Combination::Over(other), Combination::OverAlone(other)]);
        [Combination::All, Combination::None].into_iter().chain(without).chain(alone).chain(over).collect()
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
            Combination::All | Combination::Over(_) => false,
            Combination::Without(away) => layer == away,
            Combination::None | Combination::OverAlone(_) => !self.keeps(layer),
            Combination::Alone(alone) => layer != alone && !self.keeps(layer),
        };
        let mut policy = self.policy.clone();
        for layer in self.layers.iter().copied().filter(|layer| is_off(*layer)) {
            self.loosen(&mut policy, layer);
        }
        if let Combination::Over(Other(at)) | Combination::OverAlone(Other(at)) = combination {
            policy.runtime = Toggle { on: true, setting: self.others[at].clone() };
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

    /// What that means, in a sentence.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::LoadBearing => "Take it away, and the outcome changes: nothing stands behind it.",
            Self::InFront => "It holds first. Take it away, and another takes over.",
            Self::Behind => "It does nothing as things are, and would hold alone.",
            Self::NoPart => "The outcome is the same with it and without, and alone it does not hold.",
            Self::Unknown => "Not told: what would show it was not run, or the layer is on in every other run.",
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

    /// Adds what came of another combination.
    pub fn add(&mut self, combination: Combination, came: Came) {
        self.came.push((combination, came));
    }

    /// Whether everything is there that tells what part a layer has.
    pub fn tells_of(&self, layer: Layer) -> bool {
        let of_it = [Combination::Without(layer), Combination::Alone(layer)];
        [Combination::All, Combination::None].into_iter().chain(of_it).all(|one| self.came(one).is_some())
    }

    /// The layers, in the order in which they are shown.
    pub fn layers(&self) -> &[Layer] {
        &self.matrix.layers
    }

    /// The layers that stay on in `none` and in each `alone`.
    pub fn kept(&self) -> Vec<Layer> {
        self.matrix.kept()
    }

    /// The matrix of which it tells.
    pub fn matrix(&self) -> &Matrix {
        &self.matrix
    }

    /// Every runtime with what came of all layers and of none over it, where there is more than one: first the cells' own.
    pub fn runtimes(&self) -> Vec<(&str, [Combination; 2])> {
        let others = self
            .matrix
            .others()
            .map(|(other, runtime)| (runtime.0.as_str(), [Combination::Over(other), Combination::OverAlone(other)]));
        let own = self.matrix.runtime.as_deref().filter(|_| !self.matrix.others.is_empty());
        own.map(|own| (own, [Combination::All, Combination::None])).into_iter().chain(others).collect()
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
                    let steps_in = |other: &Layer| without.is_known_to_stop(*other) && !all.was_stopped_by(*other);
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
        for (runtime, combinations) in self.runtimes() {
            if let [Some(all), Some(none)] = combinations.map(|one| self.ran(one)) {
                said.push(format!("Over {runtime}: {} with all layers, {} with none.", all.short(), none.short()));
            }
        }
        if self.matrix.runtime.is_some() && self.matrix.others.is_empty() {
            said.push("There is no other runtime to choose here.".to_owned());
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
