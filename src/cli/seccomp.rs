//! `hotcell seccomp`: what a profile says, and whether it is right.

use clap::{Args, Subcommand};

use super::layout::{self, BAD, BOLD, CARE, DIM, GOOD, fill};
use super::profile::{self, Text};
use super::{CliError, Common, Format};
use crate::policy::Policy;
use crate::run::{Refusal, to_pretty};
use crate::seccomp::{Action, ArgCondition, Host, Op, Profile, Rule};
use crate::text::visible;

/// What to tell of profiles.
#[derive(Debug, Subcommand)]
pub enum SeccompCommand {
    /// Show a profile as this machine reads it
    Show(ShowArgs),
    /// Read and compile profiles; exit status 1 where one has a mistake
    Check(CheckArgs),
}

/// Arguments of `hotcell seccomp show`.
#[derive(Args, Debug)]
#[command(after_help = SHOW_EXAMPLES)]
pub struct ShowArgs {
    /// A profile: one of yours or of the binary's by name, or the path of a JSON file
    profile: String,
    /// text for people, json for the OCI form that engines take
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    #[command(flatten)]
    conditions: Conditions,
}

const SHOW_EXAMPLES: &str = "Examples:
  hotcell seccomp show python
  hotcell seccomp show --format json docker-default > profile.json";

/// Arguments of `hotcell seccomp check`.
#[derive(Args, Debug)]
pub struct CheckArgs {
    /// Profiles, by path or name
    #[arg(required = true)]
    profiles: Vec<String>,
    #[command(flatten)]
    conditions: Conditions,
}

/// What decides the conditional rules of Docker's profiles, beside this machine.
#[derive(Args, Debug)]
struct Conditions {
    #[arg(
        long,
        value_name = "POLICY",
        help = "The policy whose capabilities decide conditional rules [default: hardened, or $HOTCELL_POLICY]"
    )]
    policy: Option<String>,
}

/// Does it; gives the exit status.
///
/// # Errors
/// When the configuration, the policy or the profile to show cannot be read.
pub fn seccomp(common: &Common, command: &SeccompCommand) -> Result<u8, CliError> {
    let (SeccompCommand::Show(ShowArgs { conditions, .. }) | SeccompCommand::Check(CheckArgs { conditions, .. })) =
        command;
    let config = common.load(None, conditions.policy.clone())?;
    let policy = Policy::load(&config.policy, &config.dirs.policies())?;
    let (host, user_dir) = (profile::host(&policy)?, config.dirs.seccomp());
    match command {
        SeccompCommand::Show(arguments) => {
            let text = profile::find(&arguments.profile, &user_dir)?;
            let profile = Profile::parse(&text.label, &text.json, &host)?;
            layout::print(&match arguments.format {
                Format::Text => show_text(&profile, &host, &policy),
                Format::Json => to_pretty(&profile.to_oci_json()) + "\n",
            });
            Ok(0)
        }
        SeccompCommand::Check(arguments) => {
            let checks: Vec<Check> =
                arguments.profiles.iter().map(|name| check(profile::find(name, &user_dir), &host)).collect();
            layout::print(&checks.iter().map(|check| check.text.as_str()).collect::<String>());
            Ok(u8::from(checks.iter().any(|check| !check.good)))
        }
    }
}

/// What a check found.
struct Check {
    good: bool,
    text: String,
}

fn check(text: Result<Text, CliError>, host: &Host) -> Check {
    let found = text.and_then(|text| Ok((profile::filter(&text, host)?, text)));
    match found {
        Ok((filter, text)) => {
            let warnings = filter.profile.warnings.iter().map(|warning| {
                let warning = visible(warning.message.as_bytes()).into_placed(&warning.place.to_string());
                warning
            });
            let mut told: String = warnings.collect();
            let calls: usize = filter.profile.rules.iter().map(|rule| rule.names.len()).sum();
            let (rules, steps) = (filter.profile.rules.len(), filter.program.len());
            told.push_str(&format!(
                "{}: {GOOD}good{GOOD:#}: {rules} rules for {calls} calls, {steps} instructions\n",
                text.label
            ));
            Check { good: true, text: told }
        }
        Err(error) => Check { good: false, text: error_line(&error) },
    }
}
