//! Why an image could not be pulled.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::image::store::Fault;
use crate::text::{visible, visible_str};

/// Why an image could not be pulled.
#[derive(Debug, Error)]
pub enum PullError {
    /// The reference is none.
    #[error(
        "`{}` is not an image reference: write one such as `debian:12` or `localhost:5000/tools:1`",
        visible_str(reference)
    )]
    Name {
        /// What was given.
        reference: String,
    },
    /// No answer came.
    #[error("cannot reach the registry {registry}: {cause}; check its name, the network, and that it is running")]
    Unreachable {
        /// Host and port.
        registry: String,
        /// What the system said.
        cause: String,
    },
    /// The answer broke off.
    #[error("the registry {registry} stopped in the middle of {what}: {cause}; pull again")]
    Broken {
        /// Host and port.
        registry: String,
        /// What was being fetched.
        what: String,
        /// What the system said.
        cause: String,
    },
    /// The registry does not have it.
    #[error("the registry {registry} has no {what}; check the name and the tag")]
    Missing {
        /// Host and port.
        registry: String,
        /// What was asked for.
        what: String,
    },
    /// The registry does not give it to this user.
    #[error(
        "the registry {registry} refuses {what} ({status}); check the name, and log in with `docker login {registry}` if it is private"
    )]
    Refused {
        /// Host and port.
        registry: String,
        /// What was asked for.
        what: String,
        /// The HTTP status.
        status: u16,
    },
    /// The registry answered what makes no sense.
    #[error("the registry {registry} answered {what} with {answer}; try again later, or another registry")]
    Answer {
        /// Host and port.
        registry: String,
        /// What was asked for.
        what: String,
        /// What came.
        answer: String,
    },
    /// What came is not what it should be.
    #[error("cannot pull {repository} from {registry}: {fault}")]
    Image {
        /// Host and port.
        registry: String,
        /// The image's path there.
        repository: String,
        /// What is wrong with it.
        fault: Box<Fault>,
    },
    /// The Docker client's file with credentials makes no sense.
    #[error("cannot read the credentials in {}: {problem}; log in again with `docker login`", visible(path.as_os_str().as_encoded_bytes()))]
    Credentials {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// TLS could not be set up.
    #[error("cannot set up TLS: {0}; are the certificates of the system installed (Debian: ca-certificates)?")]
    Tls(String),
    /// What came could not be written.
    #[error("cannot {operation} {}: {source}; the image store must be writable, with room", visible(path.as_os_str().as_encoded_bytes()))]
    Io {
        /// What was tried.
        operation: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl PullError {
    /// Something that is no reference.
    pub(super) fn name(reference: &str) -> Self {
        Self::Name { reference: reference.to_owned() }
    }
}

/// Turns the system's error on a path into ours: for `map_err`.
pub(super) fn at(operation: &'static str, path: &Path) -> impl FnOnce(io::Error) -> PullError {
    move |source| PullError::Io { operation, path: path.to_owned(), source }
}
