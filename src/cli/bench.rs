//! What a drill and a matrix run in: an engine, asked once, for many cells; and how far they have come, on the screen.

use std::io::{self, IsTerminal, Write};

use super::signals::stop_on_signals;
use super::{CliError, engine, text};
use crate::config::{Config, host_environment};
use crate::drill::cells::Bench;
use crate::policy::Policy;
use crate::supervise::{self, Control, Owner, Site};
use tokio::sync::watch;

/// Cells at a time where nothing else is said.
pub(super) const JOBS: u32 = 2;

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
        reaper: supervise::OWN_PROGRAM.into(),
    };
    let bench = Bench { site, capabilities, kernel: supervise::kernel(), config, host_env: host_environment() };
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
