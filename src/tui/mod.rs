//! The terminal interface.

mod action;
mod cells;
mod command;
mod editor;
mod highlight;
mod keymap;
mod layout;
mod overlay;
mod panes;
mod session;
mod state;
mod terminal;
mod theme;
