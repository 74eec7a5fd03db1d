//! Images: load and build.

use std::io;
use std::path::Path;

use bollard::Docker;
use bollard::query_parameters::{BuildImageOptionsBuilder, ImportImageOptionsBuilder};
use futures_util::{StreamExt, stream};
use tokio::fs::File;
use tokio::io::AsyncReadExt;
use tokio::sync::mpsc;

use super::fault::Question;
use crate::engine::{Endpoint, EngineError};
use crate::text::visible;

/// Bytes read from an archive at a time.
const CHUNK: usize = 256 * 1024;

/// Sends a `docker save` archive to the engine, without holding it in memory.
///
/// # Errors
/// [`EngineError::File`] for the archive, else what the engine says.
pub async fn load(docker: &Docker, endpoint: &Endpoint, archive: &Path) -> Result<(), EngineError> {
    let file = File::open(archive).await.map_err(|source| EngineError::File {
        operation: "open image archive",
        path: archive.to_owned(),
        source,
    })?;
    let subject = archive.display().to_string();
    let question = Question { endpoint, operation: "load image", subject: &subject };
    let chunks = stream::try_unfold(file, |mut file| async move {
        let mut chunk = vec![0; CHUNK];
        let count = file.read(&mut chunk).await?;
        chunk.truncate(count);
        io::Result::Ok((count > 0).then(|| (chunk.into(), file)))
    });
    let options = ImportImageOptionsBuilder::default().quiet(true).build();
    let mut answer = Box::pin(docker.import_image(options, bollard::body_try_stream(chunks), None));
    while let Some(step) = answer.next().await {
        step.map_err(|error| question.fault(error))?;
    }
    Ok(())
}

/// Builds from a tar of a build context; each line of progress is made visible and sent.
///
/// # Errors
/// What the engine says, with the failed step in its words.
pub async fn build(
    docker: &Docker,
    endpoint: &Endpoint,
    context: Vec<u8>,
    tag: &str,
    progress: mpsc::Sender<String>,
) -> Result<(), EngineError> {
    let question = Question { endpoint, operation: "build image", subject: tag };
    let options = BuildImageOptionsBuilder::default().dockerfile("Dockerfile").t(tag).rm(true).forcerm(true).build();
    let mut answer = Box::pin(docker.build_image(options, None, Some(bollard::body_full(context.into()))));
    while let Some(step) = answer.next().await {
        let step = step.map_err(|error| question.fault(error))?;
        for line in step.stream.or(step.status).unwrap_or_default().lines().filter(|line| !line.is_empty()) {
            // A caller that no longer listens still wants the image.
            let _ = progress.send(visible(line.as_bytes())).await;
        }
    }
    Ok(())
}
