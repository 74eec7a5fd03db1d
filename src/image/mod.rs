//! Images: the sandbox image, the store of images that need no engine ([`store`]), and registries ([`registry`]).
//!
//! The sandbox image has Python with requests, numpy and pandas, and nothing else to execute. Made from Debian packages where no registry answers ([`debian_archive`]), or from
//! a Dockerfile through an engine's build API; `images/trim.sh` trims both alike.

mod archive;
mod debian;
pub mod reference;
pub mod registry;
pub mod store;

use std::env;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

pub use debian::{Archive, Packages, debian_archive};

use crate::text::{visible, visible_lines};

/// The image's name at every engine.
pub const TAG: &str = "code-sandbox:latest";

/// Trims an unpacked root to the sandbox image's; see its head.
const TRIM: &str = include_str!("../../images/trim.sh");
const DOCKERFILE: &str = include_str!("../../images/sandbox.Dockerfile");

/// What the image is made from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// `python:3.12-slim` and `PyPI`, by the engine's build API; needs a registry.
    Dockerfile,
    /// Debian's packages, by mmdebstrap; needs a Debian mirror.
    DebianPackages(Packages),
}

impl Source {
    /// Packages where mmdebstrap is on the path, else the Dockerfile.
    pub fn preferred() -> Self {
        if on_path("mmdebstrap") { Self::DebianPackages(Packages::default()) } else { Self::Dockerfile }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dockerfile => f.write_str("a Dockerfile (python:3.12-slim from a registry)"),
            Self::DebianPackages(packages) => write!(f, "Debian packages ({})", packages.suite()),
        }
    }
}

/// Why an image could not be made.
#[derive(Debug, Error)]
pub enum ImageError {
    /// mmdebstrap is not installed.
    #[error("cannot find mmdebstrap; install it with `apt-get install mmdebstrap`, or build with `--from dockerfile`")]
    NoMmdebstrap,
    /// mmdebstrap ended without a root file system.
    #[error(
        "mmdebstrap failed on Debian {} ({status}); its last lines:\n{}\ncheck that a mirror can be reached, or name one with `--mirror URL` or another release with `--suite NAME`",
        visible_lines(suite.as_bytes()),
        visible_lines(log.as_bytes())
    )]
    Packages {
        /// The release asked for.
        suite: String,
        /// How it ended.
        status: std::process::ExitStatus,
        /// The end of what it printed.
        log: String,
    },
    /// mmdebstrap is there, and the system would not run it or tell how it ended.
    #[error("cannot run mmdebstrap: {0}; try `mmdebstrap --version` by hand, or build with `--from dockerfile`")]
    Run(#[source] io::Error),
    /// A file of the build could not be made or read.
    #[error("cannot {operation} {}: {source}; about 300 MB must be free and writable there", visible(path.as_os_str().as_encoded_bytes()))]
    Io {
        /// What was tried: `create`, `read`, `write`, `remove`.
        operation: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// Turns the system's error on a path into ours: for `map_err`.
fn io_error(operation: &'static str, path: &Path) -> impl FnOnce(io::Error) -> ImageError {
    move |source| ImageError::Io { operation, path: path.to_owned(), source }
}

/// The build context of [`Source::Dockerfile`]: a tar with the Dockerfile and what it copies.
///
/// # Errors
/// Never in practice: writing to memory succeeds.
pub fn dockerfile_context() -> Result<Vec<u8>, ImageError> {
    let mut context = tar::Builder::new(Vec::new());
    for (name, text) in [("Dockerfile", DOCKERFILE), ("trim.sh", TRIM)] {
        archive::append_bytes(&mut context, name, text.as_bytes()).map_err(io_error("write", Path::new(name)))?;
    }
    context.into_inner().map_err(io_error("write", Path::new("build context")))
}

/// The name that images have for an architecture, which is Go's.
fn go_architecture(architecture: &str) -> &str {
    match architecture {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

fn on_path(program: &str) -> bool {
    env::var_os("PATH").is_some_and(|path| env::split_paths(&path).any(|dir| dir.join(program).is_file()))
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn the_build_context_holds_the_dockerfile_and_the_script_it_copies() {
        let context = dockerfile_context().unwrap();
        let mut files = tar::Archive::new(&context[..]);
        let mut found = Vec::new();
        for entry in files.entries().unwrap() {
            let mut entry = entry.unwrap();
            let mut text = String::new();
            entry.read_to_string(&mut text).unwrap();
            found.push((entry.path().unwrap().display().to_string(), text));
        }
        assert_eq!(found, [("Dockerfile".to_owned(), DOCKERFILE.to_owned()), ("trim.sh".to_owned(), TRIM.to_owned())]);
    }

    #[test]
    fn both_ways_give_the_same_user_directory_and_path() {
        let config = archive::config("sha256:0", "x86_64");
        let config = &config["config"];
        for line in [
            format!("USER {}", config["User"].as_str().unwrap()),
            format!("WORKDIR {}", config["WorkingDir"].as_str().unwrap()),
            format!("ENV {}", config["Env"][0].as_str().unwrap()),
            format!("CMD {}", config["Cmd"]),
        ] {
            assert!(DOCKERFILE.lines().any(|found| found == line), "the Dockerfile lacks `{line}`");
        }
    }

    #[test]
    fn a_failed_mmdebstrap_is_told_with_its_last_lines_made_safe() {
        let error = ImageError::Packages {
            suite: "bookwurm".into(),
            status: std::os::unix::process::ExitStatusExt::from_raw(25 << 8),
            log: "E: apt-get update failed\u{1b}[2J".into(),
        };
        let shown = error.to_string();
        assert!(shown.contains("bookwurm (exit status: 25)"), "{shown}");
        assert!(shown.contains("E: apt-get update failed"), "{shown}");
        assert!(!shown.contains('\u{1b}'), "{shown}");
    }
}
