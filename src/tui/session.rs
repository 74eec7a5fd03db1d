//! What is remembered from one session to the next.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::layout::Splits;

/// What is remembered.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Session {
    /// The policy's name.
    pub policy: Option<String>,
    /// The settings that differ from it: layer and setting, in the form of `--layer`, `off,` in front where it is off.
    pub changes: Vec<(String, String)>,
    /// The theme's name.
    pub theme: Option<String>,
    /// The panes' shares.
    pub splits: Splits,
    /// Long lines of output are wrapped.
    pub wrap: bool,
    /// The two streams stand side by side.
    pub split_output: bool,
    /// Paths opened before, the last first.
    pub recent: Vec<PathBuf>,
}
