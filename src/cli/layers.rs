//! The policy that a command line settles: one by name or file, and what is changed of its layers.

use clap::Args;

use super::CliError;
use crate::config::Config;
use crate::policy::{Layer, Policy};
use crate::profile;
use crate::text::visible;

/// Options that choose a policy and change its layers.
#[derive(Args, Clone, Debug)]
pub struct LayerArgs {
    #[arg(long, value_name = "POLICY", help = "A policy's name or file [default: hardened, or $HOTCELL_POLICY]")]
    pub(super) policy: Option<String>,
    /// Set a layer, such as memory=64m or network=bridge; may be repeated
    #[arg(long = "layer", value_name = "NAME=VALUE")]
    layers: Vec<String>,
    /// Switch a layer off; may be repeated
    #[arg(long, value_name = "LAYER")]
    without: Vec<String>,
}

impl LayerArgs {
    /// The policy with the changes made, and with this seccomp profile and deadline unless those layers are switched off.
    ///
    /// # Errors
    /// A policy, a layer or a setting that is none.
    pub(super) fn settle(
        &self,
        config: &Config,
        seccomp: Option<&str>,
        timeout: Option<&str>,
    ) -> Result<Policy, CliError> {
        let mut policy = Policy::load(&config.policy, &config.dirs.policies())?;
        for change in &self.layers {
            let Some((name, value)) = change.split_once('=') else {
                let change = visible(change.as_bytes());
                return Err(CliError::Said(format!(
                    "--layer {change}: write NAME=VALUE, such as memory=64m; --without NAME switches a layer off"
                )));
            };
            policy.set(Layer::from_name(name)?, value)?;
        }
        if let Some(profile) = seccomp {
            policy.set(Layer::Seccomp, &own_profile(config, profile))?;
        }
        if let Some(time) = timeout {
            policy.set(Layer::Timeout, time)?;
        }
        for name in &self.without {
            policy.set_on(Layer::from_name(name)?, false);
        }
        profile::absolute_seccomp(&mut policy);
        Ok(policy)
    }

    /// The runtime that the command line, and not only a policy, asks for.
    pub(super) fn runtime_named<'a>(&self, policy: &'a Policy) -> Option<&'a str> {
        let named = self.layers.iter().any(|layer| layer.starts_with("runtime="));
        policy.runtime.get().filter(|_| named).map(|runtime| runtime.0.as_str())
    }
}

/// The path of the user's own profile of that name; any other name as it is.
fn own_profile(config: &Config, name: &str) -> String {
    let own = config.dirs.seccomp().join(format!("{name}.json"));
    if !name.contains('/') && own.is_file() { own.to_string_lossy().into_owned() } else { name.to_owned() }
}
