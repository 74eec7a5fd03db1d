//! `hotcell image import`, `pull` and `remove`: hotcell's own store, which needs no engine.

use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Args;
use serde_json::json;
use tokio::sync::mpsc;

use crate::cli::{CliError, Format, layout, runtime};
use crate::config::Config;
use crate::engine::discover::Surroundings;
use crate::image::reference::Remote;
use crate::image::registry::{self, Credentials, PullError};
use crate::image::store::{Store, Stored};
use crate::run::to_pretty;
use crate::text::{visible, visible_str};

/// Lines of progress that may wait to be shown.
const PROGRESS_ROOM: usize = 16;

/// Arguments of `hotcell image import`.
#[derive(Args, Debug)]
#[command(after_help = IMPORT_EXAMPLES)]
pub struct ImportArgs {
    /// A docker save or OCI archive, an OCI layout, or a tar of a root file system; gzip or zstd
    file: PathBuf,
    /// What to call it [default: as it is called in the archive]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// How to tell what was made
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

const IMPORT_EXAMPLES: &str = "Examples:
  docker save code-sandbox -o image.tar && hotcell image import image.tar
  podman save --format oci-archive tools -o tools.tar && hotcell image import tools.tar
  hotcell image import rootfs.tar.gz --name mine:1";

/// Arguments of `hotcell image pull`.
#[derive(Args, Debug)]
#[command(after_help = PULL_EXAMPLES)]
pub struct PullArgs {
    /// The image: NAME, REGISTRY/NAME, with :TAG or @DIGEST
    reference: String,
    /// How to tell what was made
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

const PULL_EXAMPLES: &str = "Examples:
  hotcell image pull debian:12
  hotcell image pull localhost:5000/tools@sha256:...

A registry is asked over https; one on this machine over plain http. Credentials are those
that `docker login` has left in config.json.";

/// Arguments of `hotcell image remove`.
#[derive(Args, Debug)]
pub struct RemoveArgs {
    /// Its name, its digest, or the first digits of the digest
    reference: String,
}

/// Takes an image from a file.
///
/// # Errors
/// What is wrong with it.
pub(super) fn import(config: &Config, arguments: &ImportArgs) -> Result<(), CliError> {
    let store = Store::at(config.dirs.images());
    let image = store.import(&arguments.file, arguments.name.as_deref())?;
    tell(&store, &image.id, &image.reference, arguments.format)
}

/// Fetches an image from a registry.
///
/// # Errors
/// What the registry or the image lacks.
pub(super) fn pull(config: &Config, arguments: &PullArgs) -> Result<(), CliError> {
    let reference = &arguments.reference;
    let remote = Remote::parse(reference).ok_or_else(|| PullError::Name { reference: reference.clone() })?;
    let credentials = match Surroundings::real(None).docker_dir() {
        Some(directory) => Credentials::of(&remote, &directory.join("config.json"))?,
        None => None,
    };
    let store = Store::at(config.dirs.images());
    let work = store.work()?;
    let layout = work.path().join("layout");
    runtime()?
        .block_on(told(|progress| async move { registry::pull(&remote, credentials, &layout, &progress).await }))?;
    let image = store.import(&work.path().join("layout"), Some(reference))?;
    tell(&store, &image.id, &image.reference, arguments.format)
}

/// Removes an image of the store.
///
/// # Errors
/// When the store has no such image.
pub(super) fn remove(config: &Config, arguments: &RemoveArgs) -> Result<(), CliError> {
    Store::at(config.dirs.images()).remove(&arguments.reference)?;
    layout::print(&format!("removed {}\n", visible_str(&arguments.reference)))
}

/// Shows what work tells of itself, with the time, while it lasts; the sender is to be dropped at its end.
pub(super) async fn told<T, F: Future<Output = T>>(work: impl FnOnce(mpsc::Sender<String>) -> F) -> T {
    let start = Instant::now();
    let (progress, mut lines) = mpsc::channel::<String>(PROGRESS_ROOM);
    let show = async {
        while let Some(line) = lines.recv().await {
            anstream::eprintln!("{:>5} s  {line}", start.elapsed().as_secs());
        }
    };
    tokio::join!(work(progress), show).0
}

/// Says what is in the store now.
fn tell(store: &Store, id: &str, reference: &str, format: Format) -> Result<(), CliError> {
    let Some(image) = store.find(id)? else { return Ok(()) };
    layout::print(&match format {
        Format::Json => to_pretty(&in_json(&image, reference)) + "\n",
        Format::Text => in_text(&image, reference),
    })
}

fn in_json(image: &Stored, reference: &str) -> serde_json::Value {
    json!({
        "reference": reference,
        "id": image.id,
        "rootfs": image.rootfs,
        "size_bytes": image.size,
        "created": image.created,
        "left_out": image.left_out,
        "config": image.config,
    })
}

fn in_text(image: &Stored, reference: &str) -> String {
    let left_out = match image.left_out {
        0 => String::new(),
        1 => "; one device or pipe was left out".to_owned(),
        count => format!("; {count} devices and pipes were left out"),
    };
    format!("{} is in the store: {}, {}{left_out}\n", visible_str(reference), image.size, shown(&image.rootfs))
}

/// A path as it is shown.
pub(super) fn shown(path: &Path) -> String {
    visible(path.as_os_str().as_encoded_bytes())
}
