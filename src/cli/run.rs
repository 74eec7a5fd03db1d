//! `hotcell run`: one specimen, one cell, everything told.

use std::fmt::Display;
use std::fs::File;
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use clap::{Args, ValueEnum};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc, watch};

use super::{CliError, Common, engine, runtime, text};
use crate::config::{Config, host_environment};
use crate::engine::EngineError;
use crate::files;
use crate::plan::{CellPlan, Filter, Request};
use crate::policy::{Bytes, Layer, Policy};
use crate::profile::{self, LoadError};
use crate::run::{
    Answers, Breakpoints, Enforcement, EventKind, HeldCall, Outcome, RunEvent, Summary, Verdict, event_json,
    summary_json, to_line, to_pretty,
};
use crate::specimen::Specimen;
use crate::supervise::{self, Cell, Control, Order, Orders, Owner, Site, Stdin, Steering};
use crate::text::visible;

/// Events that may wait for a slow reader before the specimen's output does.
const EVENT_ROOM: usize = 4096;

/// The longest file of answers.
const MOST_ANSWERS: Bytes = Bytes(1 << 20);

/// How long the sweep of what crashed runs left may outlast the run; the next one goes on with it.
const SWEEP_PATIENCE: Duration = Duration::from_secs(2);

/// Arguments of `hotcell run`.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct RunArgs {
    /// The specimen; `-` or nothing for standard input
    file: Option<PathBuf>,
    /// The specimen's language, where its name, shebang and content do not tell
    #[arg(long, value_name = "NAME")]
    language: Option<String>,
    #[arg(long, value_name = "POLICY", help = "A policy's name or file [default: hardened, or $HOTCELL_POLICY]")]
    policy: Option<String>,
    /// Set a layer for this run, such as memory=64m or network=bridge; may be repeated
    #[arg(long = "layer", value_name = "NAME=VALUE")]
    layers: Vec<String>,
    /// Switch a layer off for this run; may be repeated
    #[arg(long, value_name = "LAYER")]
    without: Vec<String>,
    /// A seccomp profile: a shipped name, or a file in the OCI or Docker form
    #[arg(long, value_name = "PROFILE")]
    seccomp: Option<String>,
    #[arg(
        long,
        value_name = "IMAGE",
        help = "The image the cell is made from [default: code-sandbox:latest, with embedded host, or $HOTCELL_IMAGE]"
    )]
    image: Option<String>,
    /// The deadline, such as 10s or 500ms
    #[arg(long, value_name = "TIME")]
    timeout: Option<String>,
    /// What the specimen reads from its standard input
    #[arg(long, value_name = "FILE")]
    stdin: Option<PathBuf>,
    /// Let the engine itself enforce the profile, as an exported `docker run` would; denials cannot be seen
    #[arg(long)]
    native: bool,
    /// What becomes of calls that the profile refuses: deny, kill (the process), or a file of answers in JSON
    #[arg(long, value_name = "HOW", default_value = "deny", conflicts_with = "native")]
    on_denial: String,
    /// How to tell of the run
    #[arg(long, value_enum, default_value_t = RunFormat::Text)]
    format: RunFormat,
}

const EXAMPLES: &str = "Examples:
  hotcell run suspicious.py
  hotcell run --without network --without seccomp suspicious.py
  hotcell run --layer pids=16 --layer tmpfs=8m --timeout 2s suspicious.py
  hotcell run --seccomp profile.json --format json suspicious.py
  hotcell run --on-denial answers.json suspicious.py
  curl -s https://example.com/x.py | hotcell run --language python -

Exit status: the specimen's own; 124 the deadline ended it; 125 hotcell could
not run it; 128+N signal N ended it; 130 you stopped it.";

/// How a run is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum RunFormat {
    /// Output as it comes, denials and limits on standard error, then a summary
    Text,
    /// One object at the end
    Json,
    /// One object an event, as it happens
    Jsonl,
}

/// Runs it; gives the exit status.
///
/// # Errors
/// When there is nothing to run or nothing to run it in.
pub fn run(common: &Common, arguments: &RunArgs) -> Result<u8, CliError> {
    let told = Prepared::new(common, arguments).and_then(|prepared| {
        let runtime = runtime()?;
        let outcome = runtime.block_on(prepared.run(arguments.format));
        // What still blocks in a thread of the runtime (a stuck input file) is not waited for.
        runtime.shutdown_background();
        outcome
    });
    if let Err(error) = &told {
        tell_failure(arguments.format, error);
    }
    told
}

/// A pipeline that reads JSON gets an object also where nothing could be run.
fn tell_failure(format: RunFormat, error: &CliError) {
    let outcome = Outcome::NotStarted(error.to_string());
    match format {
        RunFormat::Text => {}
        RunFormat::Json => {
            let summary = Summary { outcome: Some((outcome, Duration::ZERO)), ..Summary::default() };
            text::print_line(&to_pretty(&summary_json(&summary)));
        }
        RunFormat::Jsonl => {
            let kind = EventKind::Exit { outcome, duration: Duration::ZERO, unseen: None, warnings: Vec::new() };
            text::print_line(&to_line(&event_json(&RunEvent { at: Duration::ZERO, kind })));
        }
    }
}

/// Everything that can be settled before an engine is asked.
struct Prepared {
    config: Config,
    /// All but the filter.
    request: Request,
    filter: Compiling,
    specimen: Specimen,
    stdin: Stdin,
    /// What is said to refused calls; `None` where the profile answers.
    answers: Option<Answers>,
    /// The runtime that the command line, and not only a policy, asks for.
    runtime_named: Option<String>,
}

impl Prepared {
    fn new(common: &Common, arguments: &RunArgs) -> Result<Self, CliError> {
        let config = common.load(arguments.image.clone(), arguments.policy.clone())?;
        let policy = policy(&config, arguments)?;
        let specimen = specimen(&config, arguments)?;
        let filter = Compiling::of(&policy, &config);
        let stdin = match &arguments.stdin {
            None => Stdin::Empty,
            Some(path) => Stdin::File(File::open(path).map_err(|source| CliError::File {
                doing: "cannot read the specimen's input",
                path: shown(path),
                source,
            })?),
        };
        let named = arguments.layers.iter().any(|layer| layer.starts_with("runtime="));
        let runtime_named = policy.runtime.get().filter(|_| named).map(|runtime| runtime.0.clone());
        let image = String::new();
        let request = Request { policy, filter: None, image, native: arguments.native, host_env: host_environment() };
        let answers = answers(&arguments.on_denial)?;
        Ok(Self { config, request, filter, specimen, stdin, answers, runtime_named })
    }

    async fn run(self, format: RunFormat) -> Result<u8, CliError> {
        let control = stop_on_signals()?;
        let engine = match engine::connect(&self.config).await {
            Ok(engine) => engine,
            // A mistake in the profile is told first.
            Err(error) => return self.filter.done().and(Err(error)),
        };
        let capabilities = engine.capabilities().await?;
        if let Some(name) = &self.runtime_named
            && !(capabilities.runtimes.contains(name)
                && (capabilities.runtime_choice || *name == capabilities.default_runtime))
        {
            return Err(EngineError::RuntimeUnknown {
                runtime: name.clone(),
                registered: capabilities.runtimes,
                endpoint: engine.endpoint().clone(),
            }
            .into());
        }
        let request = Request { image: self.config.image_for(capabilities.kind).to_owned(), ..self.request };
        let plan = |filter| CellPlan::new(Request { filter, ..request.clone() }, &capabilities, &supervise::kernel());
        // The shim needs the filter only at the launch: a cell is made meanwhile.
        let unfiltered = plan(None);
        let waits = unfiltered.enforcement == Enforcement::Supervised && !self.filter.0.is_finished();
        let (first, compiling) =
            if waits { (unfiltered, Some(self.filter)) } else { (plan(self.filter.done()?), None) };
        let site = Site {
            engine,
            engine_version: capabilities.version.clone(),
            run_dir: self.config.prepare_run_dir()?,
            owner: Owner::this_process().map_err(|source| CliError::Io { doing: "reading /proc", source })?,
            reaper: supervise::OWN_PROGRAM.into(),
        };
        if format == RunFormat::Text {
            text::before(&first.request.policy, &self.specimen);
        }
        // It touches only what has no owner left, and no run waits for it.
        let sweeping = tokio::spawn({
            let site = site.clone();
            async move { supervise::sweep(&*site.engine, &site.run_dir, &site.owner).await }
        });
        let mut asked_to_stop = control.clone();
        let mut cell = tokio::select! {
            made = Cell::make(site, first, &self.specimen) => made?,
            // What was made of it is the reaper's.
            _ = asked_to_stop.wait_for(|wanted| *wanted == Control::Stop) => return Ok(Outcome::Stopped.exit_status()),
        };
        if let Some(compiling) = compiling {
            match compiling.done() {
                // What differs is the launch alone, so it is taken over; else nothing may run, for there is no filter.
                Ok(filter) => cell
                    .adopt(plan(filter), &self.specimen)
                    .map_err(|_| CliError::Said("the cell is not the one that its plan asks for".to_owned()))?,
                Err(error) => {
                    // What cannot be removed is the reaper's.
                    let _ = cell.discard().await;
                    return Err(error);
                }
            }
        }
        let (orders, obeyed) = Orders::new().map_err(|source| CliError::Io { doing: "making an eventfd", source })?;
        if self.answers.is_some() {
            orders.give(Order::Break(Breakpoints::all()));
        }
        let steering = Steering { control, orders: obeyed };
        let (events, received) = mpsc::channel(EVENT_ROOM);
        let answering = self.answers.map(|answers| Answering { answers, orders });
        let telling = tokio::task::spawn_blocking(move || tell(format, received, answering.as_ref()));
        let outcome = cell.run(&self.specimen, self.stdin, events, steering).await;
        telling.await.map_err(|error| CliError::Io { doing: "telling of the run", source: error.into() })?;
        if let Ok(Ok(swept)) = tokio::time::timeout(SWEEP_PATIENCE, sweeping).await {
            text::swept(&swept);
        }
        Ok(outcome.exit_status())
    }
}

/// A profile that is compiled in a thread of its own; `None` where the layer is off.
struct Compiling(JoinHandle<Result<Option<Filter>, LoadError>>);

impl Compiling {
    fn of(policy: &Policy, config: &Config) -> Self {
        let (policy, config) = (policy.clone(), config.clone());
        let load = move || policy.seccomp.get().map(|choice| profile::load(choice, &config, &policy)).transpose();
        Self(thread::spawn(load))
    }

    /// Waits for it.
    fn done(self) -> Result<Option<Filter>, CliError> {
        Ok(self.0.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?)
    }
}

/// What `--on-denial` says.
fn answers(how: &str) -> Result<Option<Answers>, CliError> {
    match how {
        "deny" => Ok(None),
        "kill" => Ok(Some(Answers::always(Verdict::Kill))),
        path => {
            let path = Path::new(path);
            let wrong = |error: &dyn Display| CliError::Said(format!("--on-denial {}: {error}", shown(path)));
            let text = files::read_text(path, MOST_ANSWERS).map_err(|error| wrong(&error))?;
            Answers::parse(&text).map(Some).map_err(|error| wrong(&error))
        }
    }
}

fn policy(config: &Config, arguments: &RunArgs) -> Result<Policy, CliError> {
    let mut policy = Policy::load(&config.policy, &config.dirs.policies())?;
    for change in &arguments.layers {
        let Some((name, value)) = change.split_once('=') else {
            let change = visible(change.as_bytes());
            return Err(CliError::Said(format!(
                "--layer {change}: write NAME=VALUE, such as memory=64m; --without NAME switches a layer off"
            )));
        };
        policy.set(Layer::from_name(name)?, value)?;
    }
    if let Some(profile) = &arguments.seccomp {
        policy.set(Layer::Seccomp, &own_profile(config, profile))?;
    }
    if let Some(time) = &arguments.timeout {
        policy.set(Layer::Timeout, time)?;
    }
    for name in &arguments.without {
        policy.set_on(Layer::from_name(name)?, false);
    }
    profile::absolute_seccomp(&mut policy);
    Ok(policy)
}

/// The path of the user's own profile of that name; any other name as it is.
fn own_profile(config: &Config, name: &str) -> String {
    let own = config.dirs.seccomp().join(format!("{name}.json"));
    if !name.contains('/') && own.is_file() { own.to_string_lossy().into_owned() } else { name.to_owned() }
}

fn specimen(config: &Config, arguments: &RunArgs) -> Result<Specimen, CliError> {
    let (languages, forced, cap) = (&config.languages, arguments.language.as_deref(), config.max_size);
    match &arguments.file {
        Some(path) if path != Path::new("-") => Ok(Specimen::load(path, languages, forced, cap)?),
        None if io::stdin().is_terminal() => {
            Err(CliError::Said("no specimen: name a file, or pipe it in (hotcell run -)".to_owned()))
        }
        _ => Ok(Specimen::read("stdin", io::stdin().lock(), languages, forced, cap)?),
    }
}

fn shown(path: &Path) -> String {
    visible(path.as_os_str().as_encoded_bytes())
}

/// Becomes [`Control::Stop`] at the first signal that asks hotcell to end; at the second, hotcell ends at once and the reaper
/// removes the cell.
fn stop_on_signals() -> Result<watch::Receiver<Control>, CliError> {
    let listen = |kind| signal(kind).map_err(|source| CliError::Io { doing: "listening for signals", source });
    let mut signals =
        [listen(SignalKind::interrupt())?, listen(SignalKind::terminate())?, listen(SignalKind::hangup())?];
    let (reviewer, control) = watch::channel(Control::Go);
    tokio::spawn(async move {
        any(&mut signals).await;
        // A run that is over already needs no stopping.
        let _ = reviewer.send(Control::Stop);
        any(&mut signals).await;
        std::process::exit(130);
    });
    Ok(control)
}

async fn any(signals: &mut [Signal; 3]) {
    let [interrupt, terminate, hangup] = signals;
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
        _ = hangup.recv() => {}
    }
}

/// Answers held calls as was written down before.
struct Answering {
    answers: Answers,
    orders: Orders,
}

impl Answering {
    fn answer(&self, call: &HeldCall) {
        // Where the run is over, so is the call.
        self.orders.give(Order::Answer(call.id, self.answers.verdict(call)));
    }
}

/// Tells the events as they come, until the run's sender is gone. It has a thread of its own: a screen or a pipe that
/// takes nothing more holds up nothing else.
fn tell(format: RunFormat, mut events: mpsc::Receiver<RunEvent>, answering: Option<&Answering>) {
    let mut summary = Summary::default();
    let mut teller = text::Teller::new();
    while let Some(event) = events.blocking_recv() {
        if let (EventKind::Break(call), Some(answering)) = (&event.kind, answering) {
            answering.answer(call);
        }
        match format {
            RunFormat::Text => teller.tell(&event),
            RunFormat::Jsonl => text::print_line(&to_line(&event_json(&event))),
            RunFormat::Json => {}
        }
        summary.apply(&event);
    }
    match format {
        RunFormat::Text => teller.finish(&summary),
        RunFormat::Json => text::print_line(&to_pretty(&summary_json(&summary))),
        RunFormat::Jsonl => {}
    }
}
