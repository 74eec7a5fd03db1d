//! The engine that the configuration chooses, connected.

use super::CliError;
use crate::config::Config;
use crate::engine::discover::{Surroundings, candidates, first_answering};
use crate::engine::docker::DockerEngine;

/// Connects to the engine that the configuration names, or to the first that answers.
///
/// # Errors
/// When none answers: each address that was tried, with its reason.
pub(super) async fn connect(config: &Config) -> Result<DockerEngine, CliError> {
    let (engine, _) = first_answering(candidates(&config.engine, &Surroundings::real())?).await?;
    Ok(engine)
}
