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
//! The corpus is a part of the program, so a drill needs no files. [`drilling`] and [`filling`] run the two, for the
//! command line and for the workbench alike; [`lesson`] is what is taught of each layer. Everything is pure but
//! [`cells`], [`drilling`], [`filling`] and [`scene`].

pub mod cells;
pub mod corpus;
pub mod drilled;
pub mod drilling;
pub mod filling;
pub mod judge;
pub mod lesson;
pub mod matrix;
pub mod probe;
mod ran;
pub mod scene;
pub mod trial;
