//! Output and input carried by the engine, for a cell without a shim.

use std::pin::Pin;

use bollard::Docker;
use bollard::container::{AttachContainerResults, LogOutput};
use bollard::errors::Error as Api;
use bollard::query_parameters::AttachContainerOptionsBuilder;
use futures_util::{Stream, StreamExt};
use tokio::io::{AsyncWrite, AsyncWriteExt, DuplexStream, duplex};
use tokio::sync::mpsc;

use super::fault::Question;
use super::look;
use crate::engine::{Attached, CellName, Endpoint, EngineError, Stream as Output};

/// Frames of output that wait for a slow reader before the engine, and with it the cell, is held up.
const FRAMES_WAITING: usize = 64;

/// Bytes of input that wait for the engine.
const INPUT_WAITING: usize = 64 * 1024;

const OPERATION: &str = "attach to cell";

/// Attaches all three streams of a created cell.
///
/// # Errors
/// [`EngineError::CellGone`], or what the engine says.
pub async fn attach(docker: Docker, endpoint: Endpoint, cell: &CellName) -> Result<Attached, EngineError> {
    let options = AttachContainerOptionsBuilder::default().stdin(true).stdout(true).stderr(true).stream(true).build();
    let AttachContainerResults { output, input } =
        docker.attach_container(&cell.0, Some(options)).await.map_err(|error| {
            let question = Question { endpoint: &endpoint, operation: OPERATION, subject: &cell.0 };
            question.cell_fault(cell, error)
        })?;
    let (sender, receiver) = mpsc::channel(FRAMES_WAITING);
    let (ours, theirs) = duplex(INPUT_WAITING);
    tokio::spawn(carry_input(theirs, input));
    tokio::spawn(Carrier { docker, endpoint, cell: cell.clone() }.carry_output(output, sender));
    Ok(Attached { output: receiver, input: Box::new(ours) })
}

/// bollard's half of the connection does not close its direction when dropped, so a
/// reader in the cell would wait for ever: this one shuts it down at the end of input.
async fn carry_input(mut from: DuplexStream, mut to: Pin<Box<dyn AsyncWrite + Send>>) {
    // A cell that closes its input early ends the copy with an error: nobody wants the rest.
    let _ = tokio::io::copy(&mut from, &mut to).await;
    let _ = to.shutdown().await;
}

struct Carrier {
    docker: Docker,
    endpoint: Endpoint,
    cell: CellName,
}

impl Carrier {
    async fn carry_output(
        self,
        mut frames: Pin<Box<dyn Stream<Item = Result<LogOutput, Api>> + Send>>,
        sender: mpsc::Sender<Result<(Output, Vec<u8>), EngineError>>,
    ) {
        while let Some(frame) = frames.next().await {
            let item = self.item(frame);
            let last = item.is_err();
            if sender.send(item).await.is_err() || last {
                return;
            }
        }
        if let Err(error) = self.ended_well().await {
            // A receiver that is gone wants no error either.
            let _ = sender.send(Err(error)).await;
        }
    }

    fn item(&self, frame: Result<LogOutput, Api>) -> Result<(Output, Vec<u8>), EngineError> {
        match frame {
            Ok(LogOutput::StdOut { message }) => Ok((Output::Stdout, message.to_vec())),
            Ok(LogOutput::StdErr { message }) => Ok((Output::Stderr, message.to_vec())),
            // Without a terminal every byte has a frame; what has none is the rest of a broken one.
            Ok(LogOutput::StdIn { .. } | LogOutput::Console { .. }) => Err(self.question().gone(None)),
            Err(error) => Err(self.question().fault(error)),
        }
    }

    /// A killed engine closes the stream just as an ended cell does: only an engine that
    /// still answers vouches for the end.
    async fn ended_well(&self) -> Result<(), EngineError> {
        match look(&self.docker, &self.cell).await {
            Ok(_) | Err(Api::DockerResponseServerError { .. }) => Ok(()),
            Err(error) => Err(self.question().fault(error)),
        }
    }

    fn question(&self) -> Question<'_> {
        Question { endpoint: &self.endpoint, operation: OPERATION, subject: &self.cell.0 }
    }
}
