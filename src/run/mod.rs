//! What happens in a run, as one stream of [`RunEvent`]s on one clock, and
//! what that stream adds up to ([`Summary`]). Pure: the supervisor writes the
//! events, every reader (screen, JSON, tests) folds the same ones.

mod event;
mod json;
mod log;
mod summary;

pub use event::{
    CellFacts, Denial, DenialId, Enforcement, EventKind, Force, LayerState, Limit, LimitKind, Observation, Outcome,
    Refusal, RunEvent, Sample, SpecimenFacts, Stream,
};
pub use json::{event_json, summary_json, to_line, to_pretty};
pub use log::{LimitMark, OutputLine, RunLog, TimedSample};
pub use summary::{LimitTotal, StreamTotals, Summary};
