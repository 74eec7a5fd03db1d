//! Seccomp profiles: reading them, compiling them, and knowing what they say to a call.
//!
//! ```text
//! text ── json ── fields ── parse (+ docker's conditions) ──► Profile ── compile ──► Program
//!                                                               │                      │
//!                                                          to_oci_json      evaluate, supervised
//! ```
//!
//! Nothing here loads a filter: that is the shim's.

mod action;
mod arch;
mod bpf;
mod catalog;
mod combine;
#[cfg(test)]
mod combine_tests;
mod compile;
pub mod decode;
mod diff;
mod docker;
mod eval;
#[cfg(test)]
mod eval_tests;
mod fields;
pub mod import;
mod json;
mod lint;
mod meaning;
mod minimize;
mod mux;
mod names;
mod parse;
mod profile;
mod sets;
mod shipped;
#[cfg(test)]
mod shipped_tests;
mod starting;
#[cfg(test)]
mod tests;
pub mod words;
mod workspace;

pub use action::Action;
pub use arch::{Arch, Host, KernelVersion, KernelVersionError};
pub use bpf::{Asked, BpfError, Insn, Program, SeccompData};
pub use catalog::{About, Purpose, Risk, about, calls_for};
pub use combine::{CombineError, Combined, combine, intersect, merge, subtract};
pub use compile::{CompileError, compile};
pub use diff::{Change, Diff, Difference, diff};
pub use eval::{Decision, Reason};
pub use fields::{Mistake, ProfileError};
pub use json::Place;
pub use lint::{Finding, Severity, lint};
pub use meaning::Says;
pub use minimize::{Shape, Use, minimize, telling};
pub use names::{syscall_name, syscall_number};
pub use profile::{ArgCondition, Op, Profile, Rule, Warning};
pub use shipped::shipped;
pub use starting::{ANY_TIME, LOADING, Needed, lacking, starting};
pub use workspace::{Edit, EditError, Workspace};
