//! What can go wrong between hotcell and an engine, each with what to do next.

use std::fmt::Write;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use thiserror::Error;

use super::{CellName, Endpoint};
use crate::text::visible;

/// A source whose type belongs to the engine's client library.
pub type Cause = Box<dyn std::error::Error + Send + Sync>;

/// An endpoint that was tried and did not answer.
#[derive(Debug)]
pub struct Failed {
    /// What was tried.
    pub endpoint: Endpoint,
    /// Why it did not do.
    pub error: EngineError,
}

/// A fault of an engine, or of the way to it. Text that came from outside is made
/// visible when the error is shown, so each message is safe for a terminal.
#[derive(Debug, Error)]
pub enum EngineError {
    /// No candidate answered.
    #[error(
        "no engine answers: {}; start one with `systemctl start docker`, or for rootless podman `systemctl --user start podman.socket`, or name one with `--engine ADDRESS`",
        tried_list(tried)
    )]
    NoEngine {
        /// Each candidate with its own fault, in the order tried.
        tried: Vec<Failed>,
    },
    /// Nothing listens at an address.
    #[error("cannot connect to {} ({}): {source}; {}", shown(&endpoint.address), shown(&endpoint.origin), start_hint(endpoint))]
    NotListening {
        /// Where.
        endpoint: Endpoint,
        /// What the system said.
        source: io::Error,
    },
    /// The socket is there and may not be used.
    #[error("permission denied on {} ({}); {}", shown(&endpoint.address), shown(&endpoint.origin), permission_hint(endpoint))]
    Permission {
        /// Where.
        endpoint: Endpoint,
        /// What the system said.
        source: io::Error,
    },
    /// Something listens there, but it does not speak the Docker API.
    #[error("{} ({}) does not answer as a docker or podman engine: {}; check the address", shown(&endpoint.address), shown(&endpoint.origin), shown(answer))]
    NotAnEngine {
        /// Where.
        endpoint: Endpoint,
        /// What it answered instead.
        answer: String,
    },
    /// An address that cannot be used at all.
    #[error(
        "bad engine address {} from {}: {reason}; use unix:///PATH, or tcp://HOST:PORT without TLS",
        shown(address),
        shown(origin)
    )]
    BadAddress {
        /// Who named it.
        origin: String,
        /// The address as given.
        address: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The chosen Docker context is not in the store.
    #[error(
        "docker context {} (from {}) is not known: cannot read {}; see `docker context ls`, or set DOCKER_HOST",
        shown(name),
        shown(origin),
        shown_path(file)
    )]
    ContextUnknown {
        /// Its name.
        name: String,
        /// Who named it.
        origin: String,
        /// Where its description should be.
        file: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file of the Docker client's is unreadable or means nothing.
    #[error("cannot use {}: {source}; mend it, or set DOCKER_HOST", shown_path(file))]
    ClientFile {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        source: Cause,
    },
    /// An engine took too long.
    #[error("{operation}: {} did not answer within {} s; see whether the engine is overloaded or hung", shown(address), limit.as_secs())]
    Timeout {
        /// What was asked.
        operation: &'static str,
        /// Where.
        address: String,
        /// How long it was given.
        limit: Duration,
    },
    /// An engine that had answered before no longer does.
    #[error(
        "{operation}: lost the engine at {}; it was stopped or crashed: start it again and repeat the run",
        shown(address)
    )]
    Gone {
        /// What was asked.
        operation: &'static str,
        /// Where.
        address: String,
        /// What the connection said, where it said anything.
        source: Option<Cause>,
    },
    /// The engine has no such image.
    #[error(
        "the engine has no image {}; make the sandbox image with `hotcell image build`, or name one of `hotcell image list` with `--image`",
        shown(image)
    )]
    ImageMissing {
        /// The reference asked for.
        image: String,
    },
    /// The embedded engine has no file system of that name.
    #[error(
        "embedded has no image {}; its own is `host`: choose it with `--image host`, or bring one in with `hotcell image import`",
        shown(image)
    )]
    NoRoot {
        /// The image asked for.
        image: String,
    },
    /// hotcell's own store of images.
    #[error("{0}")]
    Store(String),
    /// The embedded engine was asked to run a Dockerfile.
    #[error("the embedded engine runs no Dockerfile: make the image with `hotcell image build --from packages`")]
    NoDockerfile,
    /// The embedded engine was asked by an ordinary user whom the kernel lets make no user namespace.
    #[error(
        "the embedded engine: ordinary users may make no user namespaces here: {why} as root, or run hotcell as root, or start docker or podman"
    )]
    NoUserNamespaces {
        /// What forbids it, and how to change it.
        why: String,
    },
    /// The engine cannot give the runtime asked for.
    #[error("runtime {} cannot be had from {}, which offers {}; {}", shown(runtime), endpoint.kind, shown(&registered.join(", ")), runtime_hint(endpoint))]
    RuntimeUnknown {
        /// The runtime asked for.
        runtime: String,
        /// Those that could be asked for.
        registered: Vec<String>,
        /// The engine.
        endpoint: Endpoint,
    },
    /// Podman has no identifiers to map for a user namespace of the cell's own.
    #[error(
        "podman cannot make a user namespace: {}; give the user `containers` a range of 65536 or more in /etc/subuid and /etc/subgid, or switch the layer off with `--without userns`",
        shown(message)
    )]
    NoUserNamespace {
        /// The engine's message, as it came.
        message: String,
    },
    /// The cell is not, or no longer, at the engine.
    #[error("{operation}: cell {cell} is gone from the engine; it ended and was removed, or someone removed it")]
    CellGone {
        /// What was asked.
        operation: &'static str,
        /// Which cell.
        cell: CellName,
    },
    /// The engine refused, in its own words.
    #[error("{operation} {}: {}", shown(subject), shown(message))]
    Api {
        /// What was asked.
        operation: &'static str,
        /// Of what.
        subject: String,
        /// Its HTTP status, where one came.
        status: Option<u16>,
        /// The engine's message, as it came.
        message: String,
    },
    /// A file of ours could not be read or written.
    #[error("{operation} {}: {source}", shown_path(path))]
    File {
        /// What was done.
        operation: &'static str,
        /// To which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

fn shown(text: &str) -> String {
    visible(text.trim().as_bytes())
}

fn shown_path(path: &std::path::Path) -> String {
    visible(path.as_os_str().as_encoded_bytes())
}

fn tried_list(tried: &[Failed]) -> String {
    if tried.is_empty() {
        return "there is no address to try".to_owned();
    }
    let mut list = String::from("tried ");
    for (index, Failed { endpoint, error }) in tried.iter().enumerate() {
        let separator = if index == 0 { "" } else { ", " };
        // Writing to a String cannot fail.
        let _ = write!(list, "{separator}{} ({})", shown(&endpoint.address), brief(error));
    }
    list
}

/// A fault in a few words, for a list that already names the endpoint.
fn brief(error: &EngineError) -> String {
    match error {
        EngineError::NotListening { source, .. } => source.to_string(),
        EngineError::Permission { endpoint, .. } => {
            format!("permission denied: {}", permission_hint(endpoint))
        }
        other => other.to_string(),
    }
}

fn start_hint(endpoint: &Endpoint) -> &'static str {
    if !endpoint.address.starts_with("unix://") {
        return "start the engine there, or correct the address";
    }
    if endpoint.address.ends_with("/podman.sock") {
        if endpoint.address.starts_with("unix:///run/podman/") {
            "start it with `systemctl start podman.socket`"
        } else {
            "start it with `systemctl --user start podman.socket`"
        }
    } else if endpoint.address.contains("/user/") {
        "start it with `systemctl --user start docker`"
    } else {
        "start it with `systemctl start docker`"
    }
}

fn permission_hint(endpoint: &Endpoint) -> &'static str {
    if endpoint.address.ends_with("/podman.sock") {
        "use the rootless socket instead: `systemctl --user start podman.socket`"
    } else {
        "join the group that owns the socket (`sudo usermod -aG docker $USER`, then log in again; it amounts to root), or use a rootless engine"
    }
}

fn runtime_hint(endpoint: &Endpoint) -> &'static str {
    match endpoint.kind {
        super::EngineKind::Docker => "register it under \"runtimes\" in /etc/docker/daemon.json and restart docker",
        super::EngineKind::Podman => {
            "podman's API has no choice of runtime: set it for the service with `podman --runtime NAME system service`"
        }
        super::EngineKind::Embedded => {
            "install it where the PATH leads; an ordinary user has a choice only where systemd delegates control groups"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::EngineKind;

    fn endpoint(kind: EngineKind, address: &str) -> Endpoint {
        Endpoint { kind, address: address.to_owned(), origin: "default socket".to_owned() }
    }

    #[test]
    fn no_engine_names_every_address_tried_and_how_to_start_one() {
        let docker = endpoint(EngineKind::Docker, "unix:///run/docker.sock");
        let error = EngineError::NoEngine {
            tried: vec![Failed {
                endpoint: docker.clone(),
                error: EngineError::NotListening { endpoint: docker, source: io::Error::from_raw_os_error(2) },
            }],
        };
        let text = error.to_string();
        assert!(text.contains("unix:///run/docker.sock (No such file or directory"), "{text}");
        assert!(text.contains("systemctl --user start podman.socket"), "{text}");
    }

    #[test]
    fn a_rootless_podman_socket_is_started_by_its_user() {
        let text = EngineError::NotListening {
            endpoint: endpoint(EngineKind::Podman, "unix:///run/user/1000/podman/podman.sock"),
            source: io::Error::from_raw_os_error(111),
        }
        .to_string();
        assert!(text.contains("`systemctl --user start podman.socket`"), "{text}");
    }

    #[test]
    fn an_engine_cannot_write_escape_sequences_through_its_message() {
        let text = EngineError::Api {
            operation: "create cell",
            subject: "hotcell-0".to_owned(),
            status: Some(500),
            message: "bad\u{1b}[2J".to_owned(),
        }
        .to_string();
        assert!(!text.contains('\u{1b}'), "{text:?}");
        assert!(text.starts_with("create cell hotcell-0: bad"), "{text:?}");
    }

    #[test]
    fn an_unknown_runtime_lists_the_registered_ones_and_how_to_register() {
        let text = EngineError::RuntimeUnknown {
            runtime: "runsc".to_owned(),
            registered: vec!["crun".to_owned(), "runc".to_owned()],
            endpoint: endpoint(EngineKind::Docker, "unix:///run/docker.sock"),
        }
        .to_string();
        assert!(text.contains("offers crun, runc"), "{text}");
        assert!(text.contains("/etc/docker/daemon.json"), "{text}");
    }
}
