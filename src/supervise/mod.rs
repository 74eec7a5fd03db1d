//! Everything that watches a cell while it lives: the shim's socket, the
//! seccomp listener, the resource sampler, the output pipes, the read-back of
//! layers, and what removes the cell however hotcell ends.
//!
//! ```text
//!  Cell::make ── CellDir, Reaper, Door ── engine create/start ── READY
//!      │
//!  Cell::run ─── LAUNCH ── PREPARED ── verify ── GO ── ends ── removed
//!                              │         │        │
//!                           Listener  Reading  Sampler, drain ──► RunEvent
//! ```

mod apparmor;
mod attempts;
mod breaks;
mod cell;
mod celldir;
mod clock;
mod control;
mod denials;
mod ended;
mod facts;
mod ffi;
mod judge;
mod link;
mod listener;
mod native;
mod outcomes;
mod output;
mod owner;
mod peers;
mod places;
mod reaper;
mod sampler;
mod shimmed;
mod snapshot;
mod stacks;
mod untold;
mod verify;
mod watching;

pub use breaks::{Obeyed, Order, Orders};
pub use cell::{Cell, OWN_PROGRAM, Site, StartError, Stdin, kernel};
pub use celldir::SHIM;
pub use control::{Control, Steering};
pub use link::LinkError;
pub use outcomes::{ANCHOR_SUBCOMMAND, serve_anchor};
pub use owner::Owner;
pub use reaper::{
    ReapError, Remains, SUBCOMMAND as REAPER_SUBCOMMAND, Swept, parse_arguments as parse_reaper, reap, sweep,
};
pub use stacks::{JailError, SUBCOMMAND as STACKS_SUBCOMMAND, parse_arguments as parse_stacks, serve as serve_stacks};
