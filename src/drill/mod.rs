//! Which layer holds what, shown by trying it: the corpus of probes and what a run of each says of this host (the drill).
//!
//! ```text
//! fixtures/ ─► corpus ─► probe ─┐
//!                               ├─► specimen, policy ─► cells ─► Summary ─► judge ─► Finding
//! this machine ─► scene ────────┘
//! ```
//!
//! The corpus is a part of the program, so a drill needs no files. [`probe`], [`corpus`] and [`judge`] are pure.

pub mod corpus;
pub mod probe;
