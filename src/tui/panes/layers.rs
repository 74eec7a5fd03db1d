//! The layers pane.

/// What the reviewer does with the list.
#[derive(Clone, Debug, Default)]
pub struct LayersPane;
