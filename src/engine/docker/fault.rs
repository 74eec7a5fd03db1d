//! bollard's errors in hotcell's words.

use bollard::errors::Error as Api;

use crate::engine::{CellName, Endpoint, EngineError};

/// What was asked of the engine, for the error that may come of it.
#[derive(Clone, Copy)]
pub struct Question<'a> {
    /// The endpoint that was asked.
    pub endpoint: &'a Endpoint,
    /// What was asked: `start cell`.
    pub operation: &'static str,
    /// Of what: a cell, an image.
    pub subject: &'a str,
}

impl Question<'_> {
    /// The fault behind an error of bollard's. Whatever is not an answer of the engine,
    /// nor about the data, is a connection that did not hold.
    pub fn fault(self, error: Api) -> EngineError {
        match error {
            Api::DockerResponseServerError { status_code, message } => self.api(Some(status_code), message),
            Api::DockerStreamError { error } | Api::DockerContainerWaitError { error, .. } => self.api(None, error),
            Api::RequestTimeoutError => EngineError::Timeout {
                operation: self.operation,
                address: self.endpoint.address.clone(),
                limit: super::WORK_TIMEOUT,
            },
            Api::IOError { .. }
            | Api::HyperLegacyError { .. }
            | Api::HyperResponseError { .. }
            | Api::SocketNotFoundError(_) => self.gone(Some(error.into())),
            other => self.api(None, format!("its answer makes no sense: {other}")),
        }
    }

    /// [`Self::fault`] of a question about a cell: "not found" means that the cell is gone.
    pub fn cell_fault(self, cell: &CellName, error: Api) -> EngineError {
        match error {
            Api::DockerResponseServerError { status_code: 404, ref message } if names_no_container(message) => {
                EngineError::CellGone { operation: self.operation, cell: cell.clone() }
            }
            other => self.fault(other),
        }
    }

    /// The engine's own refusal.
    pub fn api(self, status: Option<u16>, message: String) -> EngineError {
        EngineError::Api { operation: self.operation, subject: self.subject.to_owned(), status, message }
    }

    /// A connection that ended before its answer.
    pub fn gone(self, source: Option<Box<dyn std::error::Error + Send + Sync>>) -> EngineError {
        EngineError::Gone { operation: self.operation, address: self.endpoint.address.clone(), source }
    }
}

/// Whether a cell could not be removed because its end, or another removal (409), is under way. Podman says
/// `container state improper` of a container between its end and its cleaning up.
pub fn is_on_its_way(error: &Api) -> bool {
    match error {
        Api::DockerResponseServerError { status_code: 409, .. } => true,
        Api::DockerResponseServerError { status_code: 500, message } => message.contains("state improper"),
        _ => false,
    }
}

/// Docker says `No such container: x`, Podman `no container with name or ID "x" found: no such container`.
/// A 404 of a start may also be about a file or a network.
fn names_no_container(message: &str) -> bool {
    message.to_ascii_lowercase().contains("no such container")
}

/// Whether a kill was refused because there is nothing left to kill: 404 and 409, but a
/// 500 in Podman before 5.
pub fn has_ended(error: &Api) -> bool {
    match error {
        Api::DockerResponseServerError { status_code: 404 | 409, .. } => true,
        Api::DockerResponseServerError { status_code: 500, message } => message.contains("can only kill running"),
        _ => false,
    }
}

/// The HTTP status of an engine's refusal.
pub fn status(error: &Api) -> Option<u16> {
    match error {
        Api::DockerResponseServerError { status_code, .. } => Some(*status_code),
        _ => None,
    }
}
