//! `hotcell run`: one specimen, one cell, everything told.

use std::fmt::Display;
use std::path::Path;
use std::time::Duration;

use clap::{Args, ValueEnum};
use tokio::sync::mpsc;

use super::once::{CellArgs, Prepared, Uncompiled, shown};
use super::{CliError, Common, block_on, text};
use crate::files;
use crate::plan::Watch;
use crate::policy::Bytes;
use crate::run::{
    Answers, Breakpoints, EventKind, HeldCall, Outcome, RunEvent, Summary, Verdict, event_json, summary_json, to_line,
    to_pretty,
};
use crate::supervise::{Order, Orders};

/// The longest file of answers.
const MOST_ANSWERS: Bytes = Bytes(1 << 20);

/// Arguments of `hotcell run`.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct RunArgs {
    #[command(flatten)]
    cell: CellArgs,
    /// A seccomp profile: a shipped name, or a file in the OCI or Docker form
    #[arg(long, value_name = "PROFILE")]
    seccomp: Option<String>,
    /// Let the engine itself enforce the profile, as an exported `docker run` would; denials cannot be seen
    #[arg(long)]
    native: bool,
    /// Tell what the seccomp profile refuses and nothing of other layers' refusals: opening a file to write costs less
    #[arg(long, conflicts_with = "native")]
    seccomp_only: bool,
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
    let told = prepare(common, arguments).and_then(|ready| block_on(run_prepared(ready, arguments.format)));
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
struct Ready {
    prepared: Prepared,
    filter: Uncompiled,
    /// What is said to refused calls; `None` where the profile answers.
    answers: Option<Answers>,
}

fn prepare(common: &Common, arguments: &RunArgs) -> Result<Ready, CliError> {
    let (mut prepared, filter) = Prepared::unfiltered(common, &arguments.cell, arguments.seccomp.as_deref())?;
    prepared.request.native = arguments.native;
    if arguments.seccomp_only {
        prepared.request.watch = Watch::Filter;
    }
    Ok(Ready { prepared, filter, answers: answers(&arguments.on_denial)? })
}

async fn run_prepared(ready: Ready, format: RunFormat) -> Result<u8, CliError> {
    let Ready { prepared, filter, answers } = ready;
    let station = match prepared.station().await {
        Ok(station) => station,
        // A mistake in the profile is told first.
        Err(error) => {
            filter.compile()?;
            return Err(error);
        }
    };
    if format == RunFormat::Text {
        text::before(&prepared.request.policy, &prepared.specimen);
    }
    let (orders, obeyed) = Orders::new().map_err(|source| CliError::Io { doing: "making an eventfd", source })?;
    if answers.is_some() {
        orders.give(Order::Break(Breakpoints::all()));
    }
    let answering = answers.map(|answers| Answering { answers, orders });
    let Some(cell) = station.make_meanwhile(&prepared, filter).await? else {
        return Ok(Outcome::Stopped.exit_status());
    };
    let tell = move |events| tell(format, events, answering.as_ref());
    let (outcome, ()) = station.run_in(cell, &prepared, obeyed, tell).await?;
    station.leave().await;
    Ok(outcome.exit_status())
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
