//! `hotcell image`: make the sandbox image, list what the engine has.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use clap::{Args, Subcommand, ValueEnum};
use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

use super::layout::{self, BOLD, GOOD, cell, styled, table};
use super::{CliError, Common, Format, engine, runtime};
use crate::engine::{Engine, ImageSummary};
use crate::image::{Packages, Source, TAG, debian_archive, dockerfile_context};
use crate::run::to_pretty;
use crate::text::visible;

/// Lines of progress that may wait to be shown.
const PROGRESS_ROOM: usize = 16;

const DAY: u64 = 24 * 60 * 60;
const YEAR: u64 = 365 * DAY;

/// What to do with images.
#[derive(Debug, Subcommand)]
pub enum ImageCommand {
    /// Make the sandbox image, code-sandbox:latest
    Build(BuildArgs),
    /// List the engine's images
    List(ListArgs),
}

/// Arguments of `hotcell image build`.
#[derive(Args, Debug)]
#[command(after_help = BUILD_EXAMPLES)]
pub struct BuildArgs {
    /// What to make it from [default: packages where mmdebstrap is installed, else dockerfile]
    #[arg(long, value_enum)]
    from: Option<From>,
    /// The Debian release of the packages [default: this machine's, else stable]
    #[arg(long, value_name = "NAME")]
    suite: Option<String>,
    /// The Debian mirror of the packages [default: Debian's own]
    #[arg(long, value_name = "URL")]
    mirror: Option<String>,
}

const BUILD_EXAMPLES: &str = "Examples:
  hotcell image build
  hotcell image build --from dockerfile
  hotcell image build --suite trixie --mirror http://mirror.example.com/debian";

/// Arguments of `hotcell image list`.
#[derive(Args, Debug)]
pub struct ListArgs {
    /// How to print the list
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum From {
    /// Debian's packages, by mmdebstrap
    Packages,
    /// python:3.12-slim, by the engine; needs a registry
    Dockerfile,
}

/// Does it; gives the exit status.
///
/// # Errors
/// When no engine answers, or the image cannot be made.
pub fn image(common: &Common, command: &ImageCommand) -> Result<u8, CliError> {
    let config = common.load(None, None)?;
    let work = async {
        match command {
            ImageCommand::Build(arguments) => {
                let source = source(arguments)?;
                build_until_stopped(&*engine::connect(&config).await?, &source).await
            }
            ImageCommand::List(arguments) => {
                let engine = engine::connect(&config).await?;
                list(&*engine, config.image_for(engine.endpoint().kind), arguments.format).await
            }
        }
    };
    runtime()?.block_on(work)?;
    Ok(0)
}

fn source(arguments: &BuildArgs) -> Result<Source, CliError> {
    let packages = Packages { suite: arguments.suite.clone(), mirror: arguments.mirror.clone() };
    let chosen = packages != Packages::default();
    match arguments.from {
        Some(From::Dockerfile) if chosen => {
            Err(CliError::Said("--suite and --mirror are for `--from packages`: leave them out".to_owned()))
        }
        Some(From::Dockerfile) => Ok(Source::Dockerfile),
        Some(From::Packages) => Ok(Source::DebianPackages(packages)),
        None if chosen => Ok(Source::DebianPackages(packages)),
        None => Ok(Source::preferred()),
    }
}

/// Builds; at a signal, stops and leaves no file behind.
async fn build_until_stopped(engine: &dyn Engine, source: &Source) -> Result<(), CliError> {
    let listen = |kind| signal(kind).map_err(|source| CliError::Io { doing: "listening for signals", source });
    let (mut interrupt, mut terminate) = (listen(SignalKind::interrupt())?, listen(SignalKind::terminate())?);
    let stopped = || CliError::Said("stopped: no image was made".to_owned());
    tokio::select! {
        built = build(engine, source) => built,
        _ = interrupt.recv() => Err(stopped()),
        _ = terminate.recv() => Err(stopped()),
    }
}

async fn build(engine: &dyn Engine, source: &Source) -> Result<(), CliError> {
    let start = Instant::now();
    let endpoint = engine.endpoint();
    anstream::eprintln!("making {TAG} from {}", visible(source.to_string().as_bytes()));
    let (progress, mut lines) = mpsc::channel::<String>(PROGRESS_ROOM);
    let show = async {
        while let Some(line) = lines.recv().await {
            anstream::eprintln!("{:>5} s  {line}", start.elapsed().as_secs());
        }
    };
    let (made, ()) = tokio::join!(make(engine, source, progress), show);
    made?;
    let images = engine.images().await?;
    let size =
        images.iter().find(|image| is_image(image, TAG)).map_or_else(String::new, |image| format!(", {}", image.size));
    layout::print(&format!(
        "{TAG} is ready at {} ({}){size}, made in {} s\n",
        endpoint.kind,
        visible(endpoint.address.as_bytes()),
        start.elapsed().as_secs()
    ))
}

/// Makes the image; the sender is dropped at the end, which ends the progress.
async fn make(engine: &dyn Engine, source: &Source, progress: mpsc::Sender<String>) -> Result<(), CliError> {
    match source {
        Source::Dockerfile => Ok(engine.build_image(dockerfile_context()?, TAG, progress).await?),
        Source::DebianPackages(packages) => {
            let work = WorkDir::make()?;
            let archive = debian_archive(packages, &work.0, &progress).await?;
            // Only tells; a screen that is gone does not stop the build.
            let _ = progress.send(format!("loading it into {}", engine.endpoint().kind)).await;
            Ok(engine.load_image(&archive.path).await?)
        }
    }
}

/// A private directory for the archive, removed at the end.
struct WorkDir(PathBuf);

impl WorkDir {
    /// Under `$TMPDIR`, else `/var/tmp`: `/tmp` is memory on many machines.
    fn make() -> Result<Self, CliError> {
        let parent = std::env::var_os("TMPDIR").filter(|dir| !dir.is_empty()).map_or("/var/tmp".into(), PathBuf::from);
        let path = parent.join(format!("hotcell-image-{}", std::process::id()));
        match DirBuilder::new().mode(0o700).create(&path) {
            Ok(()) => Ok(Self(path)),
            Err(source) => Err(CliError::File { doing: "making the directory", path: shown(&path), source }),
        }
    }
}

impl Drop for WorkDir {
    fn drop(&mut self) {
        match fs::remove_dir_all(&self.0) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                anstream::eprintln!("could not remove {}: {error}; remove it by hand", shown(&self.0));
            }
            _ => {}
        }
    }
}

fn shown(path: &Path) -> String {
    visible(path.as_os_str().as_encoded_bytes())
}

async fn list(engine: &dyn Engine, wanted: &str, format: Format) -> Result<(), CliError> {
    let images = engine.images().await?;
    let text = match format {
        Format::Json => {
            let image = |image: &ImageSummary| {
                json!({
                    "reference": image.reference,
                    "id": image.id,
                    "size_bytes": image.size,
                    "created": image.created,
                    "sandbox": is_image(image, wanted),
                })
            };
            let engine = engine.endpoint();
            to_pretty(&json!({ "engine": engine, "images": images.iter().map(image).collect::<Vec<_>>() })) + "\n"
        }
        Format::Text => list_text(&images, wanted, SystemTime::now()),
    };
    layout::print(&text)
}

fn list_text(images: &[ImageSummary], wanted: &str, now: SystemTime) -> String {
    let now = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs();
    let head = ["IMAGE", "SIZE", "AGE", ""].map(|title| styled(BOLD, title));
    let row = |image: &ImageSummary| {
        let mark = if is_image(image, wanted) { "cells are made from this" } else { "" };
        let age = age(u64::try_from(image.created).unwrap_or(0), now);
        [cell(visible(image.reference.as_bytes())), cell(image.size.to_string()), cell(age), styled(GOOD, mark)]
    };
    let rows: Vec<_> = std::iter::once(head).chain(images.iter().map(row)).collect();
    let table = table(0, &rows);
    if images.iter().any(|image| is_image(image, wanted)) {
        return table;
    }
    format!("{table}\n{}\n", layout::fill(&missing(wanted), 0, 0))
}

/// What to do where the image is not there.
pub(super) fn missing(wanted: &str) -> String {
    let shown = visible(wanted.as_bytes());
    if same_image(TAG, wanted) {
        format!("{shown} is missing: make it with `hotcell image build`")
    } else {
        format!("{shown} is missing: pull or load it with the engine's own tools, or name another with `--image`")
    }
}

/// Whether this is the image that a reference names.
pub(super) fn is_image(image: &ImageSummary, wanted: &str) -> bool {
    same_image(&image.reference, wanted) || image.id == wanted
}

/// Whether two references name one image: Podman writes `localhost/` before a local one, Docker's own registry is
/// implied, and so is the tag `latest`.
fn same_image(one: &str, other: &str) -> bool {
    let whole = |reference: &str| {
        let local = reference.strip_prefix("localhost/").unwrap_or(reference);
        let short = local.strip_prefix("docker.io/").unwrap_or(local);
        let short = short.strip_prefix("library/").unwrap_or(short);
        let name = short.rsplit('/').next().unwrap_or(short);
        if name.contains([':', '@']) { short.to_owned() } else { format!("{short}:latest") }
    };
    whole(one) == whole(other)
}

/// How long ago, in the largest unit; builds that are the same byte for byte have a date from before Docker's time.
fn age(created: u64, now: u64) -> String {
    const DOCKER_BORN: u64 = 43 * YEAR;
    let seconds = now.saturating_sub(created);
    let (count, unit) = match seconds {
        _ if created < DOCKER_BORN => return "undated".to_owned(),
        0..60 => return "just made".to_owned(),
        60..3_600 => (seconds / 60, "minute"),
        3_600..DAY => (seconds / 3_600, "hour"),
        DAY..YEAR => (seconds / DAY, "day"),
        _ => (seconds / YEAR, "year"),
    };
    format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Bytes;

    fn image(reference: &str, created: i64) -> ImageSummary {
        ImageSummary { reference: reference.to_owned(), id: "sha256:0".to_owned(), size: Bytes::mib(117), created }
    }

    #[test]
    fn the_list_marks_the_image_that_cells_are_made_from() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(2_000_000_000);
        let images = [image("localhost/code-sandbox:latest", 315_532_800), image("b\u{1b}[2J", 1_999_990_000)];
        let text = anstream::adapter::strip_str(&list_text(&images, "code-sandbox", now)).to_string();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[1], "localhost/code-sandbox:latest  117 MiB  undated  cells are made from this");
        assert_eq!(lines[2], "b\\x1b[2J                       117 MiB  2 hours");
        assert_eq!(lines.len(), 3);
    }

    #[test]
    fn a_missing_image_is_told_with_what_to_do() {
        let text = list_text(&[], "code-sandbox:latest", SystemTime::now());
        assert!(text.contains("code-sandbox:latest is missing: make it with `hotcell image build`"), "{text}");
        assert!(missing("mine:1").contains("`--image`"));
    }

    #[test]
    fn references_are_compared_as_engines_resolve_them() {
        for (one, other, same) in [
            ("docker.io/library/debian:12", "debian:12", true),
            ("host:5000/a", "host:5000/a:latest", true),
            ("debian:12", "debian", false),
            ("a@sha256:0", "a", false),
        ] {
            assert_eq!(same_image(one, other), same, "{one} {other}");
        }
    }

    #[test]
    fn an_option_of_another_way_is_refused_and_one_of_a_way_chooses_it() {
        let arguments = |from, suite: Option<&str>| BuildArgs { from, suite: suite.map(str::to_owned), mirror: None };
        let error = source(&arguments(Some(From::Dockerfile), Some("sid"))).unwrap_err().to_string();
        assert!(error.contains("--from packages"), "{error}");
        let chosen = source(&arguments(None, Some("sid"))).unwrap();
        assert!(matches!(chosen, Source::DebianPackages(packages) if packages.suite() == "sid"));
    }
}
