//! What came of a drill.

use std::time::Duration;

use crate::drill::cells::Bench;
use crate::drill::drilled::{Counts, Drilled};

/// A whole drill.
pub struct Report {
    /// The engine's family and version.
    pub engine: (&'static str, String),
    /// The OCI runtime that made the cells.
    pub runtime: String,
    /// What they were made from.
    pub image: String,
    /// The kernel's release.
    pub kernel: String,
    /// The policy's name.
    pub policy: String,
    /// Why denials could not be seen, where they could not.
    pub not_observed: Option<String>,
    /// Each probe, by name.
    pub probes: Vec<Drilled>,
    /// How long it took.
    pub took: Duration,
}

impl Report {
    /// Takes from each run what is the same for all.
    pub fn new(bench: &Bench, policy: String, probes: Vec<Drilled>, took: Duration) -> Self {
        // A probe that asks for a runtime of its own is no rule.
        let ordinary = probes.iter().filter(|drilled| drilled.changes.is_empty());
        let cell = ordinary.filter_map(|drilled| drilled.summary.as_ref()).find_map(|summary| summary.cell.as_ref());
        let capabilities = &bench.capabilities;
        Self {
            engine: (capabilities.kind.name(), capabilities.version.clone()),
            runtime: cell.map_or_else(|| capabilities.default_runtime.clone(), |cell| cell.runtime.clone()),
            image: bench.config.image_for(capabilities.kind).to_owned(),
            kernel: capabilities.kernel.clone(),
            policy,
            not_observed: cell.and_then(|cell| match &cell.denials {
                crate::run::Observation::Live => None,
                crate::run::Observation::NotObservable(why) => Some(why.clone()),
            }),
            probes,
            took,
        }
    }

    /// How many came to what.
    pub fn counts(&self) -> Counts {
        Counts::of(self.probes.iter().map(|drilled| &drilled.finding))
    }

    /// 0 all that could be tested is contained, 1 something is not, 2 nothing could be tested, 130 stopped.
    pub fn exit_status(&self) -> u8 {
        match self.counts() {
            counts if counts.stopped > 0 => 130,
            counts if counts.not_contained > 0 => 1,
            counts if counts.seen + counts.said == 0 => super::COULD_NOT,
            _ => 0,
        }
    }
}
