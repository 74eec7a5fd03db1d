//! The panes, one a file. Each makes an owned view of the state for the area it has, and draws that view and nothing
//! else: no lock, no I/O, no change while drawing.

pub mod denials;
pub mod footer;
pub mod frame;
pub mod header;
pub mod layers;
pub mod output;
pub mod resources;
pub mod rows;
pub mod specimen;
pub mod tabs;
