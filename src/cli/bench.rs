//! What a drill and a matrix run in: an engine, asked once, for many cells; and how far they have come, on the screen.

use std::io::{self, IsTerminal, Write};

use clap::Args;
use tokio::sync::watch;

use super::layers::LayerArgs;
use super::signals::stop_on_signals;
use super::{CliError, Common, engine, text};
use crate::config::{Config, host_environment};
use crate::drill::cells::{Bench, JOBS};
use crate::policy::Policy;
use crate::supervise::{self, Control, Owner, Site};

/// What every cell of them has.
#[derive(Args, Debug)]
pub(super) struct BenchArgs {
    #[command(flatten)]
    pub layers: LayerArgs,
    /// A seccomp profile: a shipped name, or a file in the OCI or Docker form
    #[arg(long, value_name = "PROFILE")]
    seccomp: Option<String>,
    #[arg(
        long,
        value_name = "IMAGE",
        help = "The image the cells are made from [default: code-sandbox:latest, with embedded host, or $HOTCELL_IMAGE]"
    )]
    image: Option<String>,
    /// How many cells stand at a time
    #[arg(long, value_name = "N", default_value_t = JOBS, value_parser = clap::value_parser!(u32).range(1..=64))]
    pub jobs: u32,
}

impl BenchArgs {
    /// The configuration, and the policy that it and the command line come to.
    ///
    /// # Errors
    /// A configuration, a policy or a layer's setting that cannot be had.
    pub(super) fn settle(&self, common: &Common) -> Result<(Config, Policy), CliError> {
        let config = common.load(self.image.clone(), self.layers.policy.clone())?;
        let policy = self.layers.settle(&config, self.seccomp.as_deref(), None)?;
        Ok((config, policy))
    }
}

/// Connects to the engine for a policy, and says what of the host that policy leaves open.
///
/// # Errors
/// When there is no engine, or not the runtime that the command line names.
pub(super) async fn connect(
    config: Config,
    policy: &Policy,
    runtime_named: Option<&str>,
) -> Result<(Bench, watch::Receiver<Control>), CliError> {
    let control = stop_on_signals()?;
    let engine = engine::connect(&config).await?;
    let capabilities = engine.capabilities().await?;
    engine::has_runtime(&*engine, &capabilities, runtime_named)?;
    for exposure in policy.exposures() {
        text::exposed(&exposure);
    }
    let site = Site {
        engine,
        engine_version: capabilities.version.clone(),
        run_dir: config.prepare_run_dir()?,
        owner: Owner::this_process().map_err(|source| CliError::Io { doing: "reading /proc", source })?,
        program: supervise::OWN_PROGRAM.into(),
    };
    let (kernel, host_env) = (supervise::kernel(), host_environment());
    let bench = Bench { site, capabilities, kernel, config, host_env, profile: None };
    Ok((bench, control))
}

/// How far it has come: one line on a terminal, rewritten; nothing elsewhere.
pub(super) struct Progress {
    done: usize,
    total: usize,
    shown: bool,
}

impl Progress {
    pub(super) fn of(total: usize) -> Self {
        Self { done: 0, total, shown: io::stderr().is_terminal() }
    }

    /// One more is done.
    pub(super) fn step(&mut self, what: &str) {
        const WIDTH: usize = 24;
        self.done += 1;
        if self.shown {
            let full = self.done * WIDTH / self.total.max(1);
            let bar = "█".repeat(full) + &"░".repeat(WIDTH - full.min(WIDTH));
            let _ = write!(io::stderr(), "\r\x1b[K{bar} {}/{} {what}", self.done, self.total);
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.shown {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
    }
}
