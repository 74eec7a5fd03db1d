//! `hotcell [FILE]`: the workbench.

use std::path::PathBuf;

use clap::Args;

use super::{CliError, Common};
use crate::config::Config;
use crate::tui::{self, Options};

/// Arguments of `hotcell` without a subcommand.
#[derive(Args, Debug)]
pub struct WorkbenchArgs {
    /// The specimen to open in the workbench; a file named like a subcommand is opened as ./NAME
    file: Option<PathBuf>,
    #[arg(
        long,
        value_name = "POLICY",
        help = "A policy's name or file [default: $HOTCELL_POLICY, the configuration file's, the last session's, or hardened]"
    )]
    policy: Option<String>,
    #[arg(
        long,
        value_name = "IMAGE",
        help = "The image cells are made from [default: code-sandbox:latest, with embedded host, or $HOTCELL_IMAGE]"
    )]
    image: Option<String>,
}

/// Opens it; gives the exit status.
///
/// # Errors
/// Where there is no terminal, or the configuration is not valid.
pub fn workbench(common: &Common, arguments: &WorkbenchArgs) -> Result<u8, CliError> {
    let config = common.load(arguments.image.clone(), arguments.policy.clone())?;
    let options = options(&config, arguments);
    Ok(tui::open(config, &options)?)
}

fn options(config: &Config, arguments: &WorkbenchArgs) -> Options {
    // A policy that anything but the last session names goes before that.
    Options { file: arguments.file.clone(), policy_named: config.origins.contains_key("policy") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Arguments;

    #[test]
    fn a_policy_of_the_configuration_file_goes_before_the_last_sessions() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "policy = 'bare'\n").unwrap();
        let arguments = Arguments { config: Some(file.path().to_owned()), ..Arguments::default() };
        let config = Config::load(&arguments).unwrap();
        let arguments = WorkbenchArgs { file: None, policy: None, image: None };
        assert!(options(&config, &arguments).policy_named);
        let default = Config { origins: std::collections::BTreeMap::new(), ..config };
        assert!(!options(&default, &arguments).policy_named);
    }
}
