//! `hotcell drill`: the corpus of probes against this host, and what held each.

mod told;
mod write;

use std::sync::Arc;
use std::time::Instant;

use clap::{Args, ValueEnum};
use tokio::sync::{mpsc, watch};

use self::told::Report;
use super::bench::{self, BenchArgs, Progress};
use super::{CliError, Common, layout, runtime};
use crate::diagnose;
use crate::drill::cells::{Bench, JOBS};
use crate::drill::corpus;
use crate::drill::drilled::Drilled;
use crate::drill::drilling::drill as drill_all;
use crate::drill::probe::Probe;
use crate::policy::{Layer, Policy};
use crate::supervise::Control;
use crate::text::visible;

/// hotcell could not drill; so that 1 says that something was not contained, and nothing else.
pub(super) const COULD_NOT: u8 = 2;

/// Arguments of `hotcell drill`.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct DrillArgs {
    /// Only these: probes by name, or a layer's name for all that it is to hold or stands behind
    #[arg(long, value_name = "NAME", num_args = 1..)]
    only: Vec<String>,
    #[command(flatten)]
    bench: BenchArgs,
    /// How to tell of it
    #[arg(long, value_enum, default_value_t = DrillFormat::Text)]
    format: DrillFormat,
}

const EXAMPLES: &str = "Examples:
  hotcell drill                                   every probe, under the policy `hardened`
  hotcell drill --engine podman --policy mine.toml
  hotcell drill --only network.py write-etc.py
  hotcell drill --only seccomp --layer runtime=runsc
  hotcell drill --format junit > drill.xml

A probe may take 60 s, whatever deadline the policy has; one that has to meet
the deadline gets one of 1 s. Probes that need a shell or a set-user-id program
in the image, or a C compiler on this machine, are not tested where it is not.

Exit status: 0 all that could be tested is contained; 1 something is not;
2 nothing could be tested, or hotcell could not drill; 130 you stopped it.";

/// How a drill is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum DrillFormat {
    /// For people
    Text,
    /// One JSON object
    Json,
    /// XML as continuous integration reads it
    Junit,
    /// A table in Markdown
    Markdown,
}

/// Drills; gives the exit status.
///
/// # Errors
/// When there is nothing to drill with or nothing to drill.
pub fn drill(common: &Common, arguments: &DrillArgs) -> Result<u8, CliError> {
    let (config, policy) = arguments.bench.settle(common)?;
    let probes = chosen(&arguments.only)?;
    let runtime = runtime()?;
    let report = runtime.block_on(async {
        let runtime_named = arguments.bench.layers.runtime_named(&policy);
        let (bench, control) = bench::connect(config, &policy, runtime_named).await?;
        drilled(bench, policy.clone(), probes, arguments.bench.jobs, control).await
    })?;
    runtime.shutdown_background();
    layout::print(&match arguments.format {
        DrillFormat::Text => write::text(&report),
        DrillFormat::Json => write::json(&report),
        DrillFormat::Junit => write::junit(&report),
        DrillFormat::Markdown => write::markdown(&report),
    })?;
    Ok(report.exit_status())
}

/// The probes of these names and layers; all that some layer is to hold, where none is named.
fn chosen(only: &[String]) -> Result<Vec<Probe>, CliError> {
    let all = corpus::probes().map_err(|error| CliError::Said(error.to_string()))?;
    for name in only {
        let probe = all.iter().find(|probe| probe.name == *name);
        if probe.is_some_and(|probe| !probe.is_to_be_held()) {
            return Err(CliError::Said(format!(
                "--only {name}: no layer is to hold it; it is in the corpus for what hotcell itself has to bear"
            )));
        }
        if probe.is_none() && Layer::from_name(name).is_err() {
            let known: Vec<&str> =
                all.iter().map(|probe| probe.name.as_str()).chain(Layer::ALL.map(Layer::name)).collect();
            let near = diagnose::nearest(name, known).map(|near| format!(" (did you mean `{near}`?)"));
            return Err(CliError::Said(format!(
                "--only {}: no probe and no layer has that name{}; `hotcell drill --format json` tells every probe",
                visible(name.as_bytes()),
                near.unwrap_or_default()
            )));
        }
    }
    let is_named = |probe: &Probe| {
        let named = |name: &String| *name == probe.name || probe.layers().any(|layer| layer.name() == name);
        only.is_empty() || only.iter().any(named)
    };
    Ok(all.into_iter().filter(|probe| probe.is_to_be_held() && is_named(probe)).collect())
}

async fn drilled(
    bench: Bench,
    policy: Policy,
    probes: Vec<Probe>,
    jobs: u32,
    control: watch::Receiver<Control>,
) -> Result<Report, CliError> {
    let began = Instant::now();
    let (bench, name) = (Arc::new(bench), policy.name.clone());
    let mut progress = Progress::of(probes.len());
    let (told, mut came) = mpsc::channel(JOBS as usize);
    let (done, mut all) = tokio::join!(drill_all(bench.clone(), policy, probes, jobs, control, told), async {
        let mut all: Vec<Drilled> = Vec::new();
        while let Some(drilled) = came.recv().await {
            progress.step(&drilled.probe.name);
            all.push(drilled);
        }
        all
    });
    done.map_err(|error| CliError::Io { doing: "running the probes", source: error.into() })?;
    drop(progress);
    all.sort_by(|one, other| one.probe.name.cmp(&other.probe.name));
    Ok(Report::new(&bench, name, all, began.elapsed()))
}
