//! One specimen in one cell, from the command line's arguments to its end: what `run`, `seccomp learn` and `seccomp prove`
//! have in common.

use std::fs::File;
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use super::layers::LayerArgs;
use super::signals::stop_on_signals;
use super::{CliError, Common, engine, text};
use crate::config::{Config, host_environment};
use crate::engine::{Capabilities, EngineKind};
use crate::plan::{CellPlan, Filter, Request, Watch};
use crate::policy::Policy;
use crate::profile::{self, LoadError};
use crate::run::{Enforcement, Outcome, RunEvent};
use crate::spare;
use crate::specimen::Specimen;
use crate::supervise::{self, Cell, Control, Obeyed, Owner, Site, Stdin, Steering, Swept};
use crate::text::visible;

/// Events that may wait for a slow reader before the specimen's output does.
const EVENT_ROOM: usize = 4096;

/// How long the sweep of what crashed runs left may outlast the run; the next one goes on with it.
const SWEEP_PATIENCE: Duration = Duration::from_secs(2);

/// What runs, in what cell.
#[derive(Args, Clone, Debug)]
pub struct CellArgs {
    /// The specimen; `-` or nothing for standard input
    pub file: Option<PathBuf>,
    /// The specimen's language, where its name, shebang and content do not tell
    #[arg(long, value_name = "NAME")]
    pub language: Option<String>,
    #[command(flatten)]
    pub layers: LayerArgs,
    #[arg(
        long,
        value_name = "IMAGE",
        help = "The image the cell is made from [default: code-sandbox:latest, with embedded host, or $HOTCELL_IMAGE]"
    )]
    pub image: Option<String>,
    /// The deadline, such as 10s or 500ms
    #[arg(long, value_name = "TIME")]
    pub timeout: Option<String>,
    /// What the specimen reads from its standard input
    #[arg(long, value_name = "FILE")]
    pub stdin: Option<PathBuf>,
}

/// Everything that can be settled before an engine is asked.
pub struct Prepared {
    pub config: Config,
    pub request: Request,
    pub specimen: Specimen,
    stdin: Option<PathBuf>,
    /// The runtime that the command line, and not only a policy, asks for.
    runtime_named: Option<String>,
}

impl Prepared {
    /// Reads what the arguments name; `seccomp` is the profile of that layer, where it is not the policy's.
    ///
    /// # Errors
    /// When something cannot be read, or has a mistake.
    pub fn new(common: &Common, arguments: &CellArgs, seccomp: Option<&str>) -> Result<Self, CliError> {
        let (mut prepared, filter) = Self::unfiltered(common, arguments, seccomp)?;
        prepared.request.filter = filter.compile()?;
        Ok(prepared)
    }

    /// The same but for the request's filter, which is still to be compiled.
    ///
    /// # Errors
    /// When something else cannot be read, or has a mistake.
    pub fn unfiltered(
        common: &Common,
        arguments: &CellArgs,
        seccomp: Option<&str>,
    ) -> Result<(Self, Uncompiled), CliError> {
        let config = common.load(arguments.image.clone(), arguments.layers.policy.clone())?;
        let policy = arguments.layers.settle(&config, seccomp, arguments.timeout.as_deref())?;
        let filter = Uncompiled { policy: policy.clone(), config: config.clone() };
        let specimen = specimen(&config, arguments)?;
        let runtime_named = arguments.layers.runtime_named(&policy).map(str::to_owned);
        let request = Request {
            policy,
            filter: None,
            watch: Watch::Refusals,
            image: String::new(),
            native: false,
            host_env: host_environment(),
        };
        let prepared = Self { config, request, specimen, stdin: arguments.stdin.clone(), runtime_named };
        // A file that cannot be read is told before an engine is asked.
        prepared.stdin()?;
        Ok((prepared, filter))
    }

    fn stdin(&self) -> Result<Stdin, CliError> {
        let Some(path) = &self.stdin else { return Ok(Stdin::Empty) };
        let file = File::open(path);
        let error = |source| CliError::File { doing: "cannot read the specimen's input", path: shown(path), source };
        file.map(Stdin::File).map_err(error)
    }

    /// Reaches the engine.
    ///
    /// # Errors
    /// When none answers, or it has not the runtime that was named.
    pub async fn station(&self) -> Result<Station, CliError> {
        let control = stop_on_signals()?;
        let engine = engine::connect(&self.config).await?;
        if engine.endpoint().kind != EngineKind::Embedded {
            // A daemon makes the cell: no mount of this machine's is to be kept for it meanwhile.
            spare::release();
        }
        let capabilities = engine.capabilities().await?;
        engine::has_runtime(&*engine, &capabilities, self.runtime_named.as_deref())?;
        let site = Site {
            engine,
            engine_version: capabilities.version.clone(),
            run_dir: self.config.prepare_run_dir()?,
            owner: Owner::this_process().map_err(|source| CliError::Io { doing: "reading /proc", source })?,
            program: supervise::OWN_PROGRAM.into(),
        };
        // It touches only what has no owner left, and no run waits for it.
        let sweeping = tokio::spawn({
            let site = site.clone();
            async move { supervise::sweep(&*site.engine, &site.run_dir, &site.owner).await }
        });
        Ok(Station { site, capabilities, control, sweeping })
    }
}

/// The profile that a policy asks for.
pub struct Uncompiled {
    policy: Policy,
    config: Config,
}

impl Uncompiled {
    /// Its filter; `None` where the layer is off.
    ///
    /// # Errors
    /// When the profile cannot be read, or has a mistake.
    pub fn compile(self) -> Result<Option<Filter>, LoadError> {
        let Self { policy, config } = self;
        policy.seccomp.get().map(|choice| profile::load(choice, &config, &policy)).transpose()
    }
}

/// An engine that answers, and what a run there needs.
pub struct Station {
    site: Site,
    capabilities: Capabilities,
    control: watch::Receiver<Control>,
    sweeping: JoinHandle<Swept>,
}

impl Station {
    /// How this engine meets a request.
    pub fn plan(&self, prepared: &Prepared, request: Request) -> CellPlan {
        let image = prepared.config.image_for(self.capabilities.kind).to_owned();
        CellPlan::new(Request { image, ..request }, &self.capabilities, &supervise::kernel())
    }

    /// One run; what `tell` gives is missing where the run was stopped before its cell stood.
    ///
    /// # Errors
    /// When the cell could not be made.
    pub async fn run<T: Send + 'static>(
        &self,
        prepared: &Prepared,
        plan: CellPlan,
        orders: Obeyed,
        tell: impl FnOnce(mpsc::Receiver<RunEvent>) -> T + Send + 'static,
    ) -> Result<(Outcome, Option<T>), CliError> {
        let Some(cell) = self.make(prepared, plan).await? else { return Ok((Outcome::Stopped, None)) };
        let (outcome, told) = self.run_in(cell, prepared, orders, tell).await?;
        Ok((outcome, Some(told)))
    }

    /// A cell; `None` where the run was stopped before it stood: what was made of it is the reaper's.
    async fn make(&self, prepared: &Prepared, plan: CellPlan) -> Result<Option<Cell>, CliError> {
        let mut asked_to_stop = self.control.clone();
        tokio::select! {
            made = Cell::make(self.site.clone(), plan, &prepared.specimen) => Ok(Some(made?)),
            _ = asked_to_stop.wait_for(|wanted| *wanted == Control::Stop) => Ok(None),
        }
    }

    /// A cell whose filter is compiled while this process waits for it: the shim needs that only at the launch, and what
    /// makes the cell is not kept waiting for a CPU.
    ///
    /// # Errors
    /// When the cell could not be made, or the profile has a mistake.
    pub async fn make_meanwhile(&self, prepared: &Prepared, filter: Uncompiled) -> Result<Option<Cell>, CliError> {
        let plan = |filter| self.plan(prepared, Request { filter, ..prepared.request.clone() });
        let unfiltered = plan(None);
        if unfiltered.enforcement != Enforcement::Supervised {
            return self.make(prepared, plan(filter.compile()?)).await;
        }
        let compiled = async { tokio::task::spawn_blocking(|| filter.compile()).await };
        // The first goes first.
        let (made, compiled) = tokio::join!(self.make(prepared, unfiltered), compiled);
        let Some(mut cell) = made? else { return Ok(None) };
        match compiled.unwrap_or_else(|lost| std::panic::resume_unwind(lost.into_panic())) {
            // What differs is the launch alone, so it is taken over; else nothing may run, for there is no filter.
            Ok(filter) => cell
                .adopt(plan(filter), &prepared.specimen)
                .map_err(|_| CliError::Said("the cell is not the one that its plan asks for".to_owned()))?,
            Err(error) => {
                // What cannot be removed is the reaper's.
                let _ = cell.discard().await;
                return Err(error.into());
            }
        }
        Ok(Some(cell))
    }

    /// Runs the specimen in its cell. `tell` reads the events in a thread of its own: a screen or a pipe that takes
    /// nothing more holds up nothing else.
    ///
    /// # Errors
    /// When the specimen's input cannot be read.
    pub async fn run_in<T: Send + 'static>(
        &self,
        cell: Cell,
        prepared: &Prepared,
        orders: Obeyed,
        tell: impl FnOnce(mpsc::Receiver<RunEvent>) -> T + Send + 'static,
    ) -> Result<(Outcome, T), CliError> {
        let stdin = prepared.stdin()?;
        let steering = Steering { control: self.control.clone(), orders };
        let (events, received) = mpsc::channel(EVENT_ROOM);
        let telling = tokio::task::spawn_blocking(move || tell(received));
        let outcome = cell.run(&prepared.specimen, stdin, events, steering).await;
        let told = telling.await.map_err(|error| CliError::Io { doing: "telling of the run", source: error.into() })?;
        Ok((outcome, told))
    }

    /// Tells what of earlier runs was removed meanwhile.
    pub async fn leave(self) {
        if let Ok(Ok(swept)) = tokio::time::timeout(SWEEP_PATIENCE, self.sweeping).await {
            text::swept(&swept);
        }
    }
}

fn specimen(config: &Config, arguments: &CellArgs) -> Result<Specimen, CliError> {
    let (languages, forced, cap) = (&config.languages, arguments.language.as_deref(), config.max_size);
    match &arguments.file {
        Some(path) if path != Path::new("-") => Ok(Specimen::load(path, languages, forced, cap)?),
        None if io::stdin().is_terminal() => {
            Err(CliError::Said("no specimen: name a file, or pipe it in (hotcell run -)".to_owned()))
        }
        _ => Ok(Specimen::read("stdin", io::stdin().lock(), languages, forced, cap)?),
    }
}

/// A path, safe to show.
pub fn shown(path: &Path) -> String {
    visible(path.as_os_str().as_encoded_bytes())
}
