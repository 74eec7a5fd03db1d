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
mod compile;
pub mod decode;
mod docker;
mod fields;
mod json;
mod names;
mod parse;
mod profile;
mod shipped;
#[cfg(test)]
mod shipped_tests;
#[cfg(test)]
mod tests;

pub use action::Action;
pub use arch::{Arch, Host, KernelVersion, KernelVersionError};
pub use bpf::{BpfError, Insn, Program, SeccompData};
pub use compile::{CompileError, compile};
pub use fields::{Mistake, ProfileError};
pub use json::Place;
pub use names::{syscall_name, syscall_number};
pub use profile::{ArgCondition, Op, Profile, Rule, Warning};
pub use shipped::shipped;
