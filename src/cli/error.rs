//! Why a subcommand could not do its work.

use std::io;

use thiserror::Error;

use crate::config::{ConfigError, RunDirError};
use crate::engine::EngineError;
use crate::image::ImageError;
use crate::image::registry::PullError;
use crate::image::store::StoreError;
use crate::policy::{PolicyError, SettingError, UnknownLayer};
use crate::profile::LoadError;
use crate::specimen::SpecimenError;
use crate::supervise::StartError;
use crate::tui::TuiError;

/// Each names what was tried, what was said and what to do next.
#[derive(Debug, Error)]
pub enum CliError {
    /// The configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The run directory.
    #[error(transparent)]
    RunDir(#[from] RunDirError),
    /// The engine.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The image.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// The image store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A registry.
    #[error(transparent)]
    Pull(#[from] PullError),
    /// The policy.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// A layer's name.
    #[error(transparent)]
    Layer(#[from] UnknownLayer),
    /// A layer's setting.
    #[error(transparent)]
    Setting(#[from] SettingError),
    /// A seccomp profile.
    #[error(transparent)]
    Profile(#[from] LoadError),
    /// The workbench.
    #[error(transparent)]
    Tui(#[from] TuiError),
    /// The specimen.
    #[error(transparent)]
    Specimen(#[from] SpecimenError),
    /// The cell.
    #[error(transparent)]
    Start(#[from] StartError),
    /// A file or stream.
    #[error("{doing}: {source}")]
    Io {
        /// What was tried.
        doing: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// A named file.
    #[error("{doing} {path}: {source}")]
    File {
        /// What was tried.
        doing: &'static str,
        /// The file, safe to show.
        path: String,
        /// What the system said.
        source: io::Error,
    },
    /// Anything said in one sentence.
    #[error("{0}")]
    Said(String),
}
