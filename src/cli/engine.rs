//! The engine that the configuration chooses, connected.

use std::sync::Arc;

use super::CliError;
use crate::config::Config;
use crate::engine::Engine;
use crate::engine::discover::{Surroundings, candidates, first_answering};
use crate::image::store::Store;

/// Connects to the engine that the configuration names, or to the first that answers.
///
/// # Errors
/// When none answers: each address that was tried, with its reason.
pub(super) async fn connect(config: &Config) -> Result<Arc<dyn Engine>, CliError> {
    let around = Surroundings::real(config.prepare_run_dir().ok());
    let (engine, _) = first_answering(candidates(&config.engine, &around)?, &Store::at(config.dirs.images())).await?;
    Ok(engine)
}
