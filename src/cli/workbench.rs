//! `hotcell [FILE]`: the workbench.

use std::path::PathBuf;

use clap::Args;

use super::{CliError, Common};
use crate::tui::{self, Options};

/// Arguments of `hotcell` without a subcommand.
#[derive(Args, Debug)]
pub struct WorkbenchArgs {
    /// The specimen to open in the workbench; a file named like a subcommand is opened as ./NAME
    file: Option<PathBuf>,
    #[arg(
        long,
        value_name = "POLICY",
        help = "A policy's name or file [default: the last session's, $HOTCELL_POLICY, or hardened]"
    )]
    policy: Option<String>,
    #[arg(
        long,
        value_name = "IMAGE",
        help = "The image cells are made from [default: code-sandbox:latest, or $HOTCELL_IMAGE]"
    )]
    image: Option<String>,
}

/// Opens it; gives the exit status.
///
/// # Errors
/// Where there is no terminal, or the configuration is not valid.
pub fn workbench(common: &Common, arguments: &WorkbenchArgs) -> Result<u8, CliError> {
    let config = common.load(arguments.image.clone(), arguments.policy.clone())?;
    // A policy that anything but the last session names goes before that.
    let policy_named =
        arguments.policy.is_some() || std::env::var_os("HOTCELL_POLICY").is_some_and(|it| !it.is_empty());
    Ok(tui::open(config, &Options { file: arguments.file.clone(), policy_named })?)
}
