//! `hotcell doctor`: what this host and its engines can give, and why not more.

mod host;
mod judge;
mod text;

use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};

use self::host::Host;
use self::judge::{Judge, LayerReport, RuntimeReport};
use super::{CliError, Common, Format, image, layout, runtime};
use crate::config::{Config, RunDirError};
use crate::engine::discover::{EngineChoice, Surroundings, candidates, survey};
use crate::engine::{self, ANSWER_TIMEOUT, Capabilities, Endpoint, EngineError, ImageSummary};
use crate::image::store::Store;
use crate::plan::Filter;
use crate::policy::Policy;
use crate::profile::{self, Text};
use crate::run::to_pretty;

/// Arguments of `hotcell doctor`.
#[derive(Args, Debug)]
#[command(after_help = "Exit status: 0 where an engine can run specimens, else 1.")]
pub struct DoctorArgs {
    /// How to print what was found
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

/// Everything that was found.
struct Report {
    host: Host,
    run_dir: Result<PathBuf, RunDirError>,
    /// The image that cells are made from.
    image: String,
    engines: Vec<EngineReport>,
    /// Endpoints without an engine that answers.
    silent: Vec<Silent>,
}

/// An engine that answers.
struct EngineReport {
    endpoint: Endpoint,
    capabilities: Capabilities,
    /// The image that its cells are made from.
    wanted: String,
    image: Option<ImageSummary>,
    layers: Vec<LayerReport>,
    runtimes: Vec<RuntimeReport>,
}

/// A way to an engine that led nowhere; the endpoint is unknown where its name could not be followed.
struct Silent {
    endpoint: Option<Endpoint>,
    error: EngineError,
}

impl Report {
    /// Whether some engine can run specimens, its image aside, which can be made.
    fn ready(&self) -> bool {
        self.run_dir.is_ok() && !self.engines.is_empty()
    }
}

/// Looks, tells, and gives 1 where no engine can run.
///
/// # Errors
/// When the configuration is not valid; what is wrong with the host is no error but the report.
pub fn doctor(common: &Common, arguments: &DoctorArgs) -> Result<u8, CliError> {
    let config = common.load(None, None)?;
    let report = runtime()?.block_on(examine(&config))?;
    layout::print(&match arguments.format {
        Format::Text => text::report(&report),
        Format::Json => to_pretty(&report_json(&report)) + "\n",
    })?;
    Ok(u8::from(!report.ready()))
}

async fn examine(config: &Config) -> Result<Report, CliError> {
    let host = Host::read();
    let filter = ordinary_filter()?;
    let judge = Judge { host: &host, filter: &filter };
    let (mut engines, mut silent) = (Vec::new(), Vec::new());
    for found in endpoints(config) {
        let endpoint = match found {
            Ok(endpoint) => endpoint,
            Err(error) => {
                silent.push(Silent { endpoint: None, error });
                continue;
            }
        };
        match ask(&endpoint, config, &judge).await {
            Ok(engine) => engines.push(engine),
            Err(error) => silent.push(Silent { endpoint: Some(endpoint), error }),
        }
    }
    Ok(Report { host, run_dir: config.prepare_run_dir(), image: config.image.clone(), engines, silent })
}

/// A filter that every kernel with seccomp takes, so that it is the engine that is judged and no profile of the user's.
fn ordinary_filter() -> Result<Filter, CliError> {
    let text = Text { label: "doctor".to_owned(), json: r#"{ "defaultAction": "SCMP_ACT_ALLOW" }"#.to_owned() };
    Ok(profile::filter(&text, &profile::host(&Policy::blank("doctor"))?)?)
}

/// Those that the configuration names, or else every one that there might be.
fn endpoints(config: &Config) -> Vec<Result<Endpoint, EngineError>> {
    let around = Surroundings::real(config.prepare_run_dir().ok());
    match &config.engine {
        EngineChoice::Auto => survey(&around),
        EngineChoice::Kind(_) | EngineChoice::Address(_) => match candidates(&config.engine, &around) {
            Ok(endpoints) => endpoints.into_iter().map(Ok).collect(),
            Err(error) => vec![Err(error)],
        },
    }
}

async fn ask(endpoint: &Endpoint, config: &Config, judge: &Judge<'_>) -> Result<EngineReport, EngineError> {
    let engine = engine::connect(endpoint, Store::at(config.dirs.images())).await?;
    let questions = async { tokio::try_join!(engine.capabilities(), engine.images()) };
    let late = |_| EngineError::Timeout {
        operation: "ask the capabilities of",
        address: endpoint.address.clone(),
        limit: ANSWER_TIMEOUT,
    };
    let (capabilities, images) = tokio::time::timeout(ANSWER_TIMEOUT, questions).await.map_err(late)??;
    let wanted = config.image_for(capabilities.kind);
    Ok(EngineReport {
        endpoint: engine.endpoint().clone(),
        image: images.into_iter().find(|found| image::is_image(found, wanted)),
        wanted: wanted.to_owned(),
        layers: judge.layers(&capabilities),
        runtimes: judge.runtimes(&capabilities),
        capabilities,
    })
}

fn report_json(report: &Report) -> Value {
    let engine = |engine: &EngineReport| {
        json!({
            "endpoint": engine.endpoint,
            "capabilities": engine.capabilities,
            "image": engine.image,
            "layers": engine.layers,
            "runtimes": engine.runtimes,
        })
    };
    let silent = |silent: &Silent| json!({ "endpoint": silent.endpoint, "error": silent.error.to_string() });
    json!({
        "hotcell": env!("CARGO_PKG_VERSION"),
        "ready": report.ready(),
        "host": report.host,
        "run_dir": {
            "path": report.run_dir.as_ref().ok(),
            "error": report.run_dir.as_ref().err().map(ToString::to_string),
        },
        "image": report.image,
        "engines": report.engines.iter().map(engine).collect::<Vec<_>>(),
        "silent": report.silent.iter().map(silent).collect::<Vec<_>>(),
    })
}
