//! The workbench: what the reviewer sees and does.
//!
//! ```text
//! terminal ─► input ─► Action ─► update(&mut State) ─► Effect ─► exec (tokio) ─► Action …
//!                                     │
//!                                     └─► View::of(&State) ─► render(frame, &View, &Theme)
//! ```
//!
//! | part | what it is |
//! | --- | --- |
//! | `command` | everything a reviewer can do: name, help line, keys |
//! | `keymap`, `input` | keys and the mouse, as actions |
//! | `state`, `update` | what the workbench knows; the only place that changes it, pure |
//! | `view`, `panes`, `overlay` | one owned view a frame, one file a pane |
//! | `editor`, `highlight` | the specimen's text |
//! | `theme` | colours |
//! | `exec` | effects: the engine, cells, files |
//! | `tuning` | the working profile: its edits, and what they are remembered by |
//! | `app`, `start`, `terminal`, `session` | the loop, its beginning, the terminal, what is remembered |

mod action;
mod app;
mod cells;
mod command;
mod editor;
mod exec;
mod field;
#[cfg(test)]
mod fixture;
mod highlight;
mod input;
mod keymap;
mod layout;
mod overlay;
mod panes;
mod session;
mod start;
mod state;
mod terminal;
mod theme;
mod tuning;
mod update;
mod view;
#[cfg(test)]
mod view_tests;

pub use app::{Options, TuiError, open};
pub(crate) use command::{COMMANDS, Info};
pub(crate) use keymap::Keymap;
pub(crate) use theme::{Depth, Theme, ThemeError};
