//! `hotcell image`: make, take in, list and remove images.

mod build;
mod list;
mod store;

use clap::Subcommand;

use super::{CliError, Common};

pub(in crate::cli) use list::{is_image, missing};

/// What to do with images.
#[derive(Debug, Subcommand)]
pub enum ImageCommand {
    /// Make the sandbox image, code-sandbox:latest
    Build(build::BuildArgs),
    /// Take an image from a file into hotcell's own store
    Import(store::ImportArgs),
    /// Fetch an image from a registry into hotcell's own store
    Pull(store::PullArgs),
    /// List the images of the engine and of hotcell's own store
    List(list::ListArgs),
    /// Remove an image from hotcell's own store
    Remove(store::RemoveArgs),
}

/// Does it; gives the exit status.
///
/// # Errors
/// When no engine answers, or an image cannot be made, taken in or removed.
pub fn image(common: &Common, command: &ImageCommand) -> Result<u8, CliError> {
    let config = common.load(None, None)?;
    match command {
        ImageCommand::Build(arguments) => build::build(&config, arguments)?,
        ImageCommand::Import(arguments) => store::import(&config, arguments)?,
        ImageCommand::Pull(arguments) => store::pull(&config, arguments)?,
        ImageCommand::List(arguments) => list::list(&config, arguments)?,
        ImageCommand::Remove(arguments) => store::remove(&config, arguments)?,
    }
    Ok(0)
}
