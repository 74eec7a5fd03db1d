//! `hotcell run`: one specimen, one cell, everything told.

use std::fmt::Display;
use std::fs::File;
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, ValueEnum};
use tokio::sync::mpsc;

use super::layers::LayerArgs;
use super::signals::stop_on_signals;
use super::{CliError, Common, engine, runtime, text};
use crate::config::{Config, host_environment};
use crate::files;
use crate::plan::{CellPlan, Request};
use crate::policy::Bytes;
use crate::profile;
use crate::run::{
    Answers, Breakpoints, EventKind, HeldCall, Outcome, RunEvent, Summary, Verdict, event_json, summary_json, to_line,
    to_pretty,
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
    #[command(flatten)]
    layers: LayerArgs,
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
    request: Request,
    specimen: Specimen,
    stdin: Stdin,
    /// What is said to refused calls; `None` where the profile answers.
    answers: Option<Answers>,
    /// The runtime that the command line, and not only a policy, asks for.
    runtime_named: Option<String>,
}

impl Prepared {
    fn new(common: &Common, arguments: &RunArgs) -> Result<Self, CliError> {
        let config = common.load(arguments.image.clone(), arguments.layers.policy.clone())?;
        let policy = arguments.layers.settle(&config, arguments.timeout.as_deref())?;
        let specimen = specimen(&config, arguments)?;
        let filter = policy.seccomp.get().map(|choice| profile::load(choice, &config, &policy)).transpose()?;
        let stdin = match &arguments.stdin {
            None => Stdin::Empty,
            Some(path) => Stdin::File(File::open(path).map_err(|source| CliError::File {
                doing: "cannot read the specimen's input",
                path: shown(path),
                source,
            })?),
        };
        let runtime_named = arguments.layers.runtime_named(&policy).map(str::to_owned);
        let request =
            Request { policy, filter, image: String::new(), native: arguments.native, host_env: host_environment() };
        let answers = answers(&arguments.on_denial)?;
        Ok(Self { config, request, specimen, stdin, answers, runtime_named })
    }

    async fn run(self, format: RunFormat) -> Result<u8, CliError> {
        let control = stop_on_signals()?;
        let engine = engine::connect(&self.config).await?;
        let capabilities = engine.capabilities().await?;
        engine::has_runtime(&*engine, &capabilities, self.runtime_named.as_deref())?;
        let request = Request { image: self.config.image_for(capabilities.kind).to_owned(), ..self.request };
        let plan = CellPlan::new(request, &capabilities, &supervise::kernel());
        let site = Site {
            engine,
            engine_version: capabilities.version.clone(),
            run_dir: self.config.prepare_run_dir()?,
            owner: Owner::this_process().map_err(|source| CliError::Io { doing: "reading /proc", source })?,
            reaper: supervise::OWN_PROGRAM.into(),
        };
        if format == RunFormat::Text {
            text::before(&plan.request.policy, &self.specimen);
        }
        // It touches only what has no owner left, and no run waits for it.
        let sweeping = tokio::spawn({
            let site = site.clone();
            async move { supervise::sweep(&*site.engine, &site.run_dir, &site.owner).await }
        });
        let mut asked_to_stop = control.clone();
        let cell = tokio::select! {
            made = Cell::make(site, plan, &self.specimen) => made?,
            // What was made of it is the reaper's.
            _ = asked_to_stop.wait_for(|wanted| *wanted == Control::Stop) => return Ok(Outcome::Stopped.exit_status()),
        };
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
