//! `hotcell matrix`: one specimen under every combination of layers that tells something.

mod write;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::{Args, ValueEnum};
use tokio::sync::{mpsc, watch};

use super::bench::{self, BenchArgs, Progress};
use super::{CliError, Common, layout, runtime};
use crate::drill::cells::{Bench, JOBS};
use crate::drill::filling::Filling;
use crate::drill::matrix::{Scope, Table};
use crate::policy::Policy;
use crate::run::Outcome;
use crate::specimen::Specimen;
use crate::supervise::Control;

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
    bench: BenchArgs,
    /// Run also what shows more of the host than a container does: its network, its IPC, its environment, /proc unmasked
    #[arg(long)]
    expose: bool,
    /// Run also over every other runtime that the engine has, gVisor's for one, with all layers and with none
    #[arg(long)]
    runtimes: bool,
    /// How to tell of it
    #[arg(long, value_enum, default_value_t = MatrixFormat::Text)]
    format: MatrixFormat,
}

const EXAMPLES: &str = "Examples:
  hotcell matrix suspicious.py
  hotcell matrix --policy paranoid --jobs 4 suspicious.py
  hotcell matrix --runtimes suspicious.py
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
    let (config, policy) = arguments.bench.settle(common)?;
    let specimen = Specimen::load(&arguments.file, &config.languages, arguments.language.as_deref(), config.max_size)?;
    let runtime = runtime()?;
    let report = runtime.block_on(async {
        let runtime_named = arguments.bench.layers.runtime_named(&policy);
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
    let name = policy.name.clone();
    let filling = Filling::of(&bench, policy, Scope { expose: arguments.expose, runtimes: arguments.runtimes })?;
    let (bench, specimen) = (Arc::new(bench), Arc::new(specimen));
    let cells = filling.combinations().len();
    let mut table = filling.table();
    let mut progress = Progress::of(cells);
    let (told, mut came) = mpsc::channel(JOBS as usize);
    let filled = filling.fill(bench.clone(), specimen.clone(), arguments.bench.jobs, control.clone(), told);
    let (done, ()) = tokio::join!(filled, async {
        while let Some((combination, ran)) = came.recv().await {
            progress.step(&table.matrix().name(combination));
            table.add(combination, ran);
        }
    });
    done.map_err(|error| CliError::Io { doing: "running the specimen", source: error.into() })?;
    drop(progress);
    let capabilities = &bench.capabilities;
    Ok(Report {
        specimen: specimen.name.clone(),
        policy: name,
        engine: format!("{} {}", capabilities.kind, capabilities.version),
        cells,
        took: began.elapsed(),
        stopped: *control.borrow() == Control::Stop,
        table,
    })
}
