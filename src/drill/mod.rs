//! Which layer holds what, shown by trying it: the corpus of probes and what a run of each says of this host (the
//! drill), and one specimen under many combinations of layers (the matrix).
//!
//! ```text
//! fixtures/ ─► corpus ─► probe ─┐
//!                               ├─► trial ──► cells ─► Summary ─► judge ──► Finding
//! this machine ─► scene ────────┘               ▲         │
//! policy ─► matrix: combinations ───────────────┘         └─────► matrix: roles
//! ```
//!
//! The corpus is a part of the program, so a drill needs no files. [`probe`], [`corpus`], [`trial`], [`judge`] and
//! [`matrix`] are pure.

pub mod cells;
pub mod corpus;
pub mod judge;
pub mod matrix;
pub mod probe;
pub mod scene;
pub mod trial;
