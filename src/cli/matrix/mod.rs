//! `hotcell matrix`: one specimen under every combination of layers that tells something.

mod write;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::{Args, ValueEnum};
use tokio::sync::watch;

use super::bench::{self, JOBS, Progress};
use super::layers::LayerArgs;
use super::{CliError, Common, layout, runtime};
use crate::drill::cells::{self, Bench, Slot, in_slots};
use crate::drill::matrix::{Came, Combination, Matrix, Ran, Table};
use crate::policy::{Layer, Policy};
use crate::run::{Outcome, Summary};
use crate::specimen::Specimen;
use crate::supervise::Control;

/// How much longer than the deadline a specimen may go on where the deadline itself is away.
const PATIENCE: u32 = 2;

/// Arguments of `hotcell matrix`.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct MatrixArgs {
    /// The specimen
    file: PathBuf,
    /// The specimen's language, where its name, shebang and content do not tell
    #[arg(long, value_name = "NAME")]
    language: Option<String>,
    #[command(flatten)]
    layers: LayerArgs,
    /// A seccomp profile: a shipped name, or a file in the OCI or Docker form
    #[arg(long, value_name = "PROFILE")]
    seccomp: Option<String>,
    #[arg(
        long,
        value_name = "IMAGE",
        help = "The image the cells are made from [default: code-sandbox:latest, with embedded host, or $HOTCELL_IMAGE]"
    )]
    image: Option<String>,
    /// Run also what shows more of the host than a container does: its network, its IPC, its environment, /proc unmasked
    #[arg(long)]
    expose: bool,
    /// How many cells stand at a time
    #[arg(long, value_name = "N", default_value_t = JOBS, value_parser = clap::value_parser!(u32).range(1..=64))]
    jobs: u32,
    /// How to tell of it
    #[arg(long, value_enum, default_value_t = MatrixFormat::Text)]
    format: MatrixFormat,
}

const EXAMPLES: &str = "Examples:
  hotcell matrix suspicious.py
  hotcell matrix --policy paranoid --jobs 4 suspicious.py
  hotcell matrix --expose --format markdown suspicious.py

The specimen is run with all layers of the policy, with none, with each away,
and with each alone. Unless --expose is given, `none` and `alone` keep network,
ipc, env and proc-masks as they are, and Docker's capabilities where caps is
away. Memory, processes and output are never without a bound: 1 GiB, 4096 and
1 MiB stand for `off`. Without the deadline, the specimen has twice its time.

Exit status: 0 the matrix was run, 125 it could not be, 130 you stopped it.";

/// How a matrix is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum MatrixFormat {
    /// For people
    Text,
    /// One JSON object
    Json,
    /// Tables in Markdown
    Markdown,
}

/// What came of a matrix, and where.
struct Report {
    specimen: String,
    policy: String,
    engine: String,
    cells: usize,
    took: Duration,
    stopped: bool,
    table: Table,
}

/// Runs it; gives the exit status.
///
/// # Errors
/// When there is nothing to run or nothing to run it in.
pub fn matrix(common: &Common, arguments: &MatrixArgs) -> Result<u8, CliError> {
    let config = common.load(arguments.image.clone(), arguments.layers.policy.clone())?;
    let policy = arguments.layers.settle(&config, arguments.seccomp.as_deref(), None)?;
    let specimen = Specimen::load(&arguments.file, &config.languages, arguments.language.as_deref(), config.max_size)?;
    let runtime = runtime()?;
    let report = runtime.block_on(async {
        let runtime_named = arguments.layers.runtime_named(&policy);
        let (bench, control) = bench::connect(config, &policy, runtime_named).await?;
        filled(bench, policy.clone(), specimen, arguments, control).await
    })?;
    runtime.shutdown_background();
    layout::print(&match arguments.format {
        MatrixFormat::Text => write::text(&report),
        MatrixFormat::Json => write::json(&report),
        MatrixFormat::Markdown => write::markdown(&report),
    })?;
    Ok(if report.stopped { Outcome::Stopped.exit_status() } else { 0 })
}

async fn filled(
    bench: Bench,
    policy: Policy,
    specimen: Specimen,
    arguments: &MatrixArgs,
    control: watch::Receiver<Control>,
) -> Result<Report, CliError> {
    let began = Instant::now();
    let unavailable = bench.plan(policy.clone())?.unavailable;
    let name = policy.name.clone();
    let deadline = policy.timeout.setting.0;
    let matrix = Matrix::new(policy, |layer| unavailable.contains_key(&layer), arguments.expose);
    let (mut jobs, mut came) = (Vec::new(), Vec::new());
    for combination in matrix.combinations() {
        match matrix.policy(combination) {
            Ok(policy) => jobs.push((combination, policy)),
            Err(exposures) => came.push((combination, Came::NotRun(exposures))),
        }
    }
    let cells = jobs.len();
    let (bench, specimen) = (Arc::new(bench), Arc::new(specimen));
    let mut progress = Progress::of(cells);
    let start = |(combination, mut policy): (Combination, Policy), slot: Slot| {
        let (bench, specimen, control) = (bench.clone(), specimen.clone(), control.clone());
        async move {
            slot.user_of_its_own(&mut policy);
            let patience = (!policy.is_on(Layer::Timeout)).then_some(deadline * PATIENCE);
            let summary = match bench.plan(policy) {
                Ok(plan) => {
                    Box::pin(bounded(patience, control, |control| {
                        cells::run(bench.site.clone(), plan, specimen, control)
                    }))
                    .await
                }
                Err(error) => cells::ended(Outcome::NotStarted(error.to_string())),
            };
            (combination, Came::Ran(Box::new(Ran::of(&summary))))
        }
    };
    let done = |(combination, ran): (Combination, Came)| {
        progress.step(&combination.to_string());
        came.push((combination, ran));
    };
    in_slots(jobs, arguments.jobs, start, done)
        .await
        .map_err(|error| CliError::Io { doing: "running the specimen", source: error.into() })?;
    drop(progress);
    let capabilities = &bench.capabilities;
    Ok(Report {
        specimen: specimen.name.clone(),
        policy: name,
        engine: format!("{} {}", capabilities.kind, capabilities.version),
        cells,
        took: began.elapsed(),
        stopped: *control.borrow() == Control::Stop,
        table: Table::new(matrix, came),
    })
}

/// A run that is stopped when the reviewer stops all, or where it has no deadline, after a time.
async fn bounded<F: Future<Output = Summary>>(
    patience: Option<Duration>,
    mut control: watch::Receiver<Control>,
    run: impl FnOnce(watch::Receiver<Control>) -> F,
) -> Summary {
    let Some(patience) = patience else { return run(control).await };
    let (stop, own) = watch::channel(Control::Go);
    let running = run(own);
    tokio::pin!(running);
    tokio::select! {
        summary = &mut running => return summary,
        () = cells::stopped(&mut control) => {}
        () = tokio::time::sleep(patience) => {}
    }
    // A run that is over already needs no stopping.
    let _ = stop.send(Control::Stop);
    running.await
}
