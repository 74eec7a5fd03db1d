//! What stands over the panes.

/// A box over the panes.
#[derive(Clone, Debug)]
pub struct Overlay;
