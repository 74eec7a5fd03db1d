//! `hotcell drill`: the corpus of probes against this host, and what held each.

mod told;
mod write;

use std::sync::Arc;
use std::time::Instant;

use clap::{Args, ValueEnum};
use tokio::sync::watch;

use self::told::{Drilled, Report};
use super::bench::{self, JOBS, Progress};
use super::layers::LayerArgs;
use super::{CliError, Common, layout, runtime};
use crate::diagnose;
use crate::drill::cells::{self, Bench, Slot, in_slots};
use crate::drill::corpus;
use crate::drill::judge::{Finding, judge};
use crate::drill::probe::{Need, Probe};
use crate::drill::scene::{self, Scene};
use crate::drill::trial::Trial;
use crate::policy::{Layer, Policy};
use crate::run::words::one_line;
use crate::run::{Outcome, Summary};
use crate::specimen::Specimen;
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
    /// How many cells stand at a time
    #[arg(long, value_name = "N", default_value_t = JOBS, value_parser = clap::value_parser!(u32).range(1..=64))]
    jobs: u32,
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
    let config = common.load(arguments.image.clone(), arguments.layers.policy.clone())?;
    let policy = arguments.layers.settle(&config, arguments.seccomp.as_deref(), None)?;
    let probes = chosen(&arguments.only)?;
    let runtime = runtime()?;
    let report = runtime.block_on(async {
        let runtime_named = arguments.layers.runtime_named(&policy);
        let (bench, control) = bench::connect(config, &policy, runtime_named).await?;
        drilled(bench, policy.clone(), probes, arguments.jobs, control).await
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
    let bench = Arc::new(bench);
    let scene = Arc::new(Scene::set(&probes));
    let mut progress = Progress::of(probes.len());
    let mut all = Vec::new();
    let start = |probe: Probe, slot: Slot| {
        let (bench, policy, scene, control) = (bench.clone(), policy.clone(), scene.clone(), control.clone());
        async move { tried(&bench, &policy, &scene, probe, slot, control).await }
    };
    let done = |drilled: Drilled| {
        progress.step(&drilled.probe.name);
        all.push(drilled);
    };
    in_slots(probes, jobs, start, done)
        .await
        .map_err(|error| CliError::Io { doing: "running the probes", source: error.into() })?;
    drop(progress);
    all.sort_by(|one, other| one.probe.name.cmp(&other.probe.name));
    Ok(Report::new(&bench, policy.name, all, began.elapsed()))
}

/// One probe in a cell of its own.
async fn tried(
    bench: &Bench,
    policy: &Policy,
    scene: &Scene,
    probe: Probe,
    slot: Slot,
    control: watch::Receiver<Control>,
) -> Drilled {
    let began = Instant::now();
    let (changes, came) = match Trial::new(&probe, policy) {
        Err(error) => (Vec::new(), Err(error.to_string())),
        Ok(trial) => {
            let Trial { policy, changes } = trial;
            let came = ran(bench, policy, scene, &probe, slot, control).await;
            (changes, came)
        }
    };
    let finding = match &came {
        Ok(summary) => judge(&probe, summary),
        Err(why) => Finding::Untested(one_line(why)),
    };
    Drilled { probe, changes, finding, summary: came.ok(), took: began.elapsed() }
}

/// The run of a probe, or why it would be no test.
async fn ran(
    bench: &Bench,
    mut policy: Policy,
    scene: &Scene,
    probe: &Probe,
    slot: Slot,
    control: watch::Receiver<Control>,
) -> Result<Summary, String> {
    if *control.borrow() == Control::Stop {
        return Ok(cells::ended(Outcome::Stopped));
    }
    if !bench.capabilities.local
        && matches!(probe.needs, Some(Need::TcpListener | Need::AbstractListener | Need::ShmSegment))
    {
        return Err("the engine is on another machine, where what it looks for cannot be set out".to_owned());
    }
    slot.user_of_its_own(&mut policy);
    let mut plan = bench.plan(policy).map_err(|error| error.to_string())?;
    // A layer that is switched on for this probe alone may be lacking; one of the policy's own may not.
    if let Some(why) = probe.under.iter().find_map(|change| plan.unavailable.get(&change.layer())) {
        return Err(why.clone());
    }
    if let Some(Need::Variable(name)) = &probe.needs {
        plan.request.host_env.insert(name.clone(), "not a secret".to_owned());
    }
    let text = scene.text(probe)?;
    let bytes = if probe.needs == Some(Need::Compiler) {
        let (name, run_dir, owner) = (probe.name.clone(), bench.site.run_dir.clone(), bench.site.owner.clone());
        let compiling = tokio::task::spawn_blocking(move || scene::compile(&name, &text, &run_dir, &owner));
        compiling.await.map_err(|error| error.to_string())??
    } else {
        text.into_bytes()
    };
    let name = if probe.needs == Some(Need::Compiler) { "probe" } else { &probe.name };
    let specimen = Specimen::from_bytes(name, bytes, &bench.config.languages, None, bench.config.max_size);
    let specimen = specimen.map_err(|error| error.to_string())?;
    Ok(cells::run(bench.site.clone(), plan, Arc::new(specimen), control).await)
}
