//! What came of a drill.

use std::time::Duration;

use crate::drill::cells::Bench;
use crate::drill::judge::{By, Finding};
use crate::drill::probe::{Change, Probe};
use crate::run::Summary;

/// What came of one probe.
pub struct Drilled {
    /// Which.
    pub probe: Probe,
    /// How the policy was changed for it.
    pub changes: Vec<Change>,
    /// What it came to.
    pub finding: Finding,
    /// Its run, where there was one.
    pub summary: Option<Summary>,
    /// How long all of it took.
    pub took: Duration,
}

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

/// How many probes came to what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Contained, with evidence of hotcell's own.
    pub seen: usize,
    /// Contained by the probe's own word.
    pub said: usize,
    /// Not contained.
    pub not_contained: usize,
    /// Not tested.
    pub untested: usize,
    /// Not waited for.
    pub stopped: usize,
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
        let mut counts = Counts::default();
        for drilled in &self.probes {
            *match &drilled.finding {
                Finding::Contained(contained) if matches!(contained.by, By::Seen(_)) => &mut counts.seen,
                Finding::Contained(_) => &mut counts.said,
                Finding::NotContained(_) => &mut counts.not_contained,
                Finding::Untested(_) => &mut counts.untested,
                Finding::Stopped => &mut counts.stopped,
            } += 1;
        }
        counts
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
