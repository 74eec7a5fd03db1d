//! The engine that the configuration chooses, connected.

use std::sync::Arc;

use super::CliError;
use crate::config::Config;
use crate::engine::discover::{Surroundings, candidates, first_answering};
use crate::engine::{Capabilities, Engine, EngineError};
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

/// The engine can make cells by the runtime that the command line names.
///
/// # Errors
/// It cannot: the runtimes that it has.
pub(super) fn has_runtime(
    engine: &dyn Engine,
    capabilities: &Capabilities,
    named: Option<&str>,
) -> Result<(), CliError> {
    let has = |name: &str| {
        capabilities.runtimes.iter().any(|registered| registered == name)
            && (capabilities.runtime_choice || name == capabilities.default_runtime)
    };
    match named {
        Some(name) if !has(name) => Err(EngineError::RuntimeUnknown {
            runtime: name.to_owned(),
            registered: capabilities.runtimes.clone(),
            endpoint: engine.endpoint().clone(),
        }
        .into()),
        _ => Ok(()),
    }
}
