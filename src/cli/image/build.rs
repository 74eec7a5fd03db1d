//! `hotcell image build`: the sandbox image, into an engine or the store.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;
use std::time::Instant;

use clap::{Args, ValueEnum};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

use super::list::is_image;
use super::store::{shown, told};
use crate::cli::{CliError, engine, layout, runtime};
use crate::config::Config;
use crate::engine::Engine;
use crate::image::store::Store;
use crate::image::{Packages, Source, TAG, debian_archive, dockerfile_context};
use crate::text::visible;

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
    /// Where to put it
    #[arg(long, value_enum, default_value_t = Into::Engine)]
    into: Into,
}

const BUILD_EXAMPLES: &str = "Examples:
  hotcell image build
  hotcell image build --from dockerfile
  hotcell image build --into store
  hotcell image build --suite trixie --mirror http://mirror.example.com/debian";

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum From {
    /// Debian's packages, by mmdebstrap
    Packages,
    /// python:3.12-slim, by the engine; needs a registry
    Dockerfile,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Into {
    /// The engine
    Engine,
    /// hotcell's own store, which needs no engine
    Store,
}

/// Makes it where it is to be.
///
/// # Errors
/// When no engine answers, or the image cannot be made.
pub(super) fn build(config: &Config, arguments: &BuildArgs) -> Result<(), CliError> {
    let source = source(arguments)?;
    runtime()?.block_on(until_stopped(async {
        match (arguments.into, &source) {
            (Into::Store, Source::DebianPackages(packages)) => {
                build_into(&Store::at(config.dirs.images()), packages).await
            }
            _ => build_with(&*engine::connect(config).await?, &source).await,
        }
    }))
}

fn source(arguments: &BuildArgs) -> Result<Source, CliError> {
    let packages = Packages { suite: arguments.suite.clone(), mirror: arguments.mirror.clone() };
    let chosen = packages != Packages::default();
    match arguments.from {
        Some(From::Dockerfile) if chosen => {
            Err(CliError::Said("--suite and --mirror are for `--from packages`: leave them out".to_owned()))
        }
        Some(From::Dockerfile) if arguments.into == Into::Store => Err(CliError::Said(
            "a Dockerfile is built by an engine: with `--into store` leave `--from dockerfile` out".to_owned(),
        )),
        Some(From::Dockerfile) => Ok(Source::Dockerfile),
        Some(From::Packages) => Ok(Source::DebianPackages(packages)),
        None if chosen || arguments.into == Into::Store => Ok(Source::DebianPackages(packages)),
        None => Ok(Source::preferred()),
    }
}

/// Works; at a signal, stops and leaves no file behind.
async fn until_stopped(work: impl Future<Output = Result<(), CliError>>) -> Result<(), CliError> {
    let listen = |kind| signal(kind).map_err(|source| CliError::Io { doing: "listening for signals", source });
    let (mut interrupt, mut terminate) = (listen(SignalKind::interrupt())?, listen(SignalKind::terminate())?);
    let stopped = || CliError::Said("stopped: no image was made".to_owned());
    tokio::select! {
        built = work => built,
        _ = interrupt.recv() => Err(stopped()),
        _ = terminate.recv() => Err(stopped()),
    }
}

async fn build_with(engine: &dyn Engine, source: &Source) -> Result<(), CliError> {
    let start = Instant::now();
    let endpoint = engine.endpoint();
    begin(source);
    told(|progress| make(engine, source, progress)).await?;
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

/// The same image, into the store.
async fn build_into(store: &Store, packages: &Packages) -> Result<(), CliError> {
    let start = Instant::now();
    begin(&Source::DebianPackages(packages.clone()));
    let image = told(|progress| async move {
        let work = store.work()?;
        let archive = debian_archive(packages, work.path(), &progress).await?;
        // Only tells; a screen that is gone does not stop the build.
        let _ = progress.send("unpacking it into the store".to_owned()).await;
        Ok::<_, CliError>(store.import(&archive.path, Some(TAG))?)
    })
    .await?;
    let (size, seconds) = (image.size, start.elapsed().as_secs());
    layout::print(&format!("{TAG} is ready in {}, {size}, made in {seconds} s\n", shown(store.root())))
}

fn begin(source: &Source) {
    anstream::eprintln!("making {TAG} from {}", visible(source.to_string().as_bytes()));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_option_of_another_way_is_refused_and_one_of_a_way_chooses_it() {
        let arguments = |from, suite: Option<&str>| BuildArgs {
            from,
            suite: suite.map(str::to_owned),
            mirror: None,
            into: Into::Engine,
        };
        let error = source(&arguments(Some(From::Dockerfile), Some("sid"))).unwrap_err().to_string();
        assert!(error.contains("--from packages"), "{error}");
        let chosen = source(&arguments(None, Some("sid"))).unwrap();
        assert!(matches!(chosen, Source::DebianPackages(packages) if packages.suite() == "sid"));
    }

    #[test]
    fn the_store_takes_packages_and_no_dockerfile() {
        let arguments = |from| BuildArgs { from, suite: None, mirror: None, into: Into::Store };
        let error = source(&arguments(Some(From::Dockerfile))).unwrap_err().to_string();
        assert!(error.contains("built by an engine"), "{error}");
        assert!(matches!(source(&arguments(None)).unwrap(), Source::DebianPackages(_)));
    }
}
