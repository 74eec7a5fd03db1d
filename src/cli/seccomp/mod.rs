//! `hotcell seccomp`: what profiles say, whether they are right, and what can be made of them.

mod compare;
mod explain;
mod improve;
mod learn;
mod prove;
mod show;

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::{CliError, Common};
use crate::policy::Policy;
use crate::profile::{self, LoadError};
use crate::seccomp::{self, ANY_TIME, Combined, Host, Needed, Profile, Shape, Use, starting, words};

/// What to tell of profiles.
#[derive(Debug, Subcommand)]
pub enum SeccompCommand {
    /// Show a profile as this machine reads it
    Show(show::ShowArgs),
    /// Read and compile profiles; exit status 1 where one has a mistake
    Check(show::CheckArgs),
    /// Tell which rule decides about a call, what the call does, and how risky it is
    Explain(explain::ExplainArgs),
    /// Look for holes and mistakes in a profile; exit status 1 where one is an error
    Lint(improve::LintArgs),
    /// Tell what differs between two profiles, by what they do
    Diff(compare::DiffArgs),
    /// Make a profile of what either of two allows
    ///
    /// Each call meets the more permissive of the two actions, whatever its arguments are. The result covers the
    /// architectures that both cover, and has the flags that both have.
    Merge(compare::CombineArgs),
    /// Make a profile of what both of two allow
    ///
    /// Each call meets the less permissive of the two actions, whatever its arguments are. The result covers the
    /// architectures that both cover, and has the flags that both have.
    Intersect(compare::CombineArgs),
    /// Make a profile of what the first allows and the second does not
    ///
    /// Calls that both allow or log are refused, by the first profile's default action where that refuses, else with
    /// EPERM; whatever else the first does stays. The result covers the architectures that both cover.
    Subtract(compare::CombineArgs),
    /// Make the least profile under which what a log shows still runs
    Minimize(improve::MinimizeArgs),
    /// Run a specimen, record every call it makes, and make the least profile for them
    Learn(learn::LearnArgs),
    /// Compare a run under the engine's own enforcement with a supervised one; exit status 1 where they differ
    Prove(prove::ProveArgs),
}

/// What decides the conditional rules of Docker's profiles, beside this machine.
#[derive(Args, Debug)]
pub struct Conditions {
    #[arg(
        long,
        value_name = "POLICY",
        help = "The policy whose capabilities decide conditional rules [default: hardened, or $HOTCELL_POLICY]"
    )]
    policy: Option<String>,
}

/// Which of the calls are allowed that an engine makes under the filter when it starts the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Starting {
    /// Those of the policy: few where it has no-new-privs on
    Policy,
    /// Those without no-new-privs, too
    Any,
    /// None: for supervised runs alone
    None,
}

/// What a profile that is made of uses allows beside them.
#[derive(Args, Debug)]
pub struct ShapeArgs {
    /// Allow calls whatever their arguments are
    #[arg(long)]
    no_conditions: bool,
    /// Which calls to allow that an engine itself makes under the filter when it starts the program
    #[arg(long, value_enum, default_value_t = Starting::Policy)]
    starting: Starting,
}

impl ShapeArgs {
    /// The profile of these uses, for a policy; `first` is what else it allows, under headings.
    fn profile(
        &self,
        name: &str,
        uses: &[Use],
        policy: &Policy,
        first: &[(&'static str, &'static [Needed])],
    ) -> Profile {
        let starting = match self.starting {
            Starting::Policy => starting(policy.no_new_privs.on),
            Starting::Any => starting(false),
            Starting::None => &[],
        };
        let last = ("what starting in an engine needs", starting);
        let beside = [&[("what any program may need, seen or not", ANY_TIME.as_slice())], first, &[last]].concat();
        seccomp::minimize(name, uses, Shape { conditions: !self.no_conditions, beside: &beside })
    }
}

/// Where profiles are, and what decides their conditions.
pub struct Library {
    host: Host,
    policy: Policy,
    user_dir: PathBuf,
}

impl Library {
    fn open(common: &Common, conditions: &Conditions) -> Result<Self, CliError> {
        let config = common.load(None, conditions.policy.clone())?;
        let policy = Policy::load(&config.policy, &config.dirs.policies())?;
        Ok(Self { host: profile::host(&policy)?, policy, user_dir: config.dirs.seccomp() })
    }

    /// A profile by name or path.
    fn profile(&self, name: &str) -> Result<Profile, CliError> {
        let text = profile::find(name, &self.user_dir)?;
        Ok(Profile::parse(&text.label, &text.json, &self.host).map_err(LoadError::from)?)
    }
}

/// Does it; gives the exit status.
///
/// # Errors
/// When the configuration, the policy or a profile cannot be read, or what is asked cannot be done with it.
pub fn seccomp(common: &Common, command: &SeccompCommand) -> Result<u8, CliError> {
    let open = |conditions| Library::open(common, conditions);
    match command {
        SeccompCommand::Show(arguments) => show::show(&open(&arguments.conditions)?, arguments),
        SeccompCommand::Check(arguments) => show::check_all(&open(&arguments.conditions)?, arguments),
        SeccompCommand::Explain(arguments) => explain::explain(&open(&arguments.conditions)?, arguments),
        SeccompCommand::Lint(arguments) => improve::lint(&open(&arguments.conditions)?, arguments),
        SeccompCommand::Diff(arguments) => compare::diff(&open(&arguments.conditions)?, arguments),
        SeccompCommand::Merge(arguments) => compare::combine(&open(&arguments.conditions)?, Combined::Merge, arguments),
        SeccompCommand::Intersect(arguments) => {
            compare::combine(&open(&arguments.conditions)?, Combined::Intersect, arguments)
        }
        SeccompCommand::Subtract(arguments) => {
            compare::combine(&open(&arguments.conditions)?, Combined::Subtract, arguments)
        }
        SeccompCommand::Minimize(arguments) => improve::minimize(&open(&arguments.conditions)?, arguments),
        SeccompCommand::Learn(arguments) => {
            let conditions = Conditions { policy: arguments.cell.layers.policy.clone() };
            learn::learn(common, &open(&conditions)?, arguments)
        }
        SeccompCommand::Prove(arguments) => prove::prove(common, arguments),
    }
}
