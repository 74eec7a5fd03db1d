//! What happens in a run, as one stream of [`RunEvent`]s on one clock, and
//! what that stream adds up to ([`Summary`]). Pure: the supervisor writes the
//! events, every reader (screen, JSON, tests) folds the same ones.

mod answers;
pub mod attribution;
pub mod compare;
mod event;
mod held;
mod json;
mod log;
mod prove;
mod refusal;
#[cfg(test)]
pub mod samples;
mod source;
mod summary;
mod used;
mod verdict;
pub mod words;

pub use answers::{Answers, AnswersError};
pub use event::{
    CellFacts, Denial, DenialId, Enforcement, EventKind, Failure, FailureId, Force, Known, LayerState, Limit,
    LimitKind, Observation, Outcome, RunEvent, Sample, SpecimenFacts, Stream,
};
pub use held::{Breakpoints, HeldCall, HeldId, Process, Settled, Verdict};
pub use json::{denial as denial_json, event_json, summary_json, to_line, to_pretty};
pub use log::{LimitMark, OutputLine, RunLog, TimedSample};
pub use prove::{Disagreement, disagreements, end, same_output};
pub use refusal::{Refusal, errno_number, errnos};
pub use source::{Frame, Instruction, Source};
pub use summary::{LimitTotal, StreamTotals, Summary};
pub use used::{Learned, UseId, Used};
pub use verdict::{Mood, mood, verdict};
