//! Runs for tests.

use std::time::Duration;

use super::{
    CellFacts, Denial, DenialId, Enforcement, EventKind, Force, Known, LayerState, Limit, LimitKind, Observation,
    Outcome, Refusal, RunEvent, SpecimenFacts, Summary,
};
use crate::engine::{CellName, EngineKind};
use crate::policy::{Bytes, Layer, Policy};

/// The facts of a cell under the policy `hardened`, each layer in force, denials seen live.
#[allow(clippy::missing_panics_doc, reason = "it is for tests")]
pub fn facts() -> CellFacts {
    let policy = Policy::shipped("hardened").unwrap();
    let layers = Layer::ALL.into_iter().filter(|layer| policy.is_on(*layer));
    CellFacts {
        name: CellName("hotcell-0123456789ab".into()),
        specimen: SpecimenFacts {
            name: "net.py".into(),
            language: "python".into(),
            sha256: "ab".repeat(32),
            size: Bytes(120),
        },
        policy: "hardened".into(),
        engine: EngineKind::Docker,
        engine_version: "29.1".into(),
        runtime: "runc".into(),
        image: "hotcell:latest".into(),
        enforcement: Enforcement::Supervised,
        denials: Observation::Live,
        outcomes: Observation::Live,
        layers: layers
            .map(|layer| LayerState {
                layer,
                asked: true,
                unavailable: None,
                in_force: Force::Yes,
                detail: "read back".into(),
            })
            .collect(),
        warnings: Vec::new(),
    }
}

/// A run whose cell stands.
pub fn cell() -> Summary {
    Summary { cell: Some(facts()), ..Summary::default() }
}

/// A run of 480.2 ms that ended so.
pub fn ended(outcome: Outcome) -> Summary {
    Summary { outcome: Some((outcome, Duration::from_micros(480_200))), ..cell() }
}

/// Applies an event at 5 ms.
pub fn event(summary: &mut Summary, kind: EventKind) {
    summary.apply(&RunEvent { at: Duration::from_millis(5), kind });
}

/// A limit was met so often, first at 5 ms.
pub fn met(summary: &mut Summary, kind: LimitKind, count: u64) {
    event(summary, EventKind::Limit(Limit { kind, count, at: Duration::from_millis(5) }));
}

/// A denial by seccomp with EPERM, first at as many milliseconds as its number says.
pub fn refusal(id: u32, syscall: &str, args: &[&str], count: u64) -> Denial {
    Denial {
        id: DenialId(id),
        layer: Layer::Seccomp,
        evidence: "the profile refuses it".into(),
        behind: Vec::new(),
        known: Known::Held,
        syscall: syscall.into(),
        args: args.iter().map(ToString::to_string).collect(),
        registers: [0; 6],
        refusal: Refusal::Errno(libc::EPERM),
        pid: 812,
        comm: "python3".into(),
        source: None,
        located: 0,
        count,
        first: Duration::from_millis(id.into()),
    }
}

/// Adds such a denial.
pub fn denial(summary: &mut Summary, id: u32, syscall: &str, args: &[&str], count: u64) {
    event(summary, EventKind::Denial(refusal(id, syscall, args, count)));
}
