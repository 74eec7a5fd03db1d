//! What came of a drill, probe by probe. Pure.

use std::fmt::Write;
use std::time::Duration;

use super::judge::{By, Contained, Finding, Seen};
use super::probe::{Change, Probe};
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

impl Drilled {
    /// Who held it; the layer in parentheses where that is only the header's word.
    pub fn by(&self) -> String {
        match &self.finding {
            Finding::Contained(Contained { by, .. }) => match by {
                By::Seen(layer) => layer.to_string(),
                By::Header(layer) => format!("({layer})"),
                By::Unknown => "not known".to_owned(),
                By::Nobody => "–".to_owned(),
            },
            Finding::NotContained(_) | Finding::Untested(_) | Finding::Stopped => "–".to_owned(),
        }
    }

    /// What the verdict rests on, in a sentence or two, safe to show.
    pub fn evidence(&self) -> String {
        let mut said = match &self.finding {
            Finding::Contained(contained) => held(contained),
            Finding::NotContained(line) => line.clone(),
            Finding::Untested(why) => why.clone(),
            Finding::Stopped => "nobody waited for its end".to_owned(),
        };
        if !self.changes.is_empty() {
            let options: Vec<String> = self.changes.iter().flat_map(Change::arguments).collect();
            let _ = write!(said, " [with {}]", options.join(" "));
        }
        said
    }
}

fn held(contained: &Contained) -> String {
    let Contained { by, evidence, said } = contained;
    let first = evidence.iter().find(|seen| Some(seen.layer()) == by.layer());
    let line = said.as_deref().unwrap_or("it was killed");
    match (by, first) {
        (By::Seen(_), Some(seen)) => seen.to_string(),
        (By::Header(layer), Some(Seen::InForce { detail, .. })) => {
            format!("{line}; the header names {layer}, which was in force ({detail}); no refusal was seen")
        }
        (By::Header(layer), _) => format!("{line}; the header names {layer}; hotcell saw no evidence of its own"),
        (By::Nobody, _) => line.to_owned(),
        (By::Seen(_) | By::Unknown, _) => {
            format!(
                "{line}; no layer that the header names is known to have been in force; hotcell saw no refusal of its own"
            )
        }
    }
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

impl Counts {
    /// Adds them up.
    pub fn of<'a>(findings: impl IntoIterator<Item = &'a Finding>) -> Self {
        let mut counts = Self::default();
        for finding in findings {
            *match finding {
                Finding::Contained(contained) if matches!(contained.by, By::Seen(_)) => &mut counts.seen,
                Finding::Contained(_) => &mut counts.said,
                Finding::NotContained(_) => &mut counts.not_contained,
                Finding::Untested(_) => &mut counts.untested,
                Finding::Stopped => &mut counts.stopped,
            } += 1;
        }
        counts
    }
}
