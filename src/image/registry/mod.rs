//! Fetches an image from a registry (the OCI distribution specification) into an OCI layout on disk, from where the
//! store imports it like any other. What a registry says is hostile: every answer is bounded, every digest verified.

mod challenge;
mod client;
mod credentials;
mod error;

use std::fs::{self, DirBuilder, File};
use std::io::Write;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::sync::mpsc;

use client::{Client, Response};
use error::at;

pub use credentials::Credentials;
pub use error::PullError;

use super::reference::Remote;
use super::store::{DOCUMENT, Descriptor, Digest, Document, Fault, Platform, UNPACKED, choose};
use crate::policy::Bytes;

/// How often a long download tells how far it is.
const TELL_EVERY: Duration = Duration::from_secs(2);

/// Fetches the image for this machine into `layout`, a directory that is not there yet; each step goes to `progress` as
/// a line that is safe for a terminal.
///
/// # Errors
/// Each names the registry, what was asked of it, and what can be done.
pub async fn pull(
    remote: &Remote,
    credentials: Option<Credentials>,
    layout: &Path,
    progress: &mpsc::Sender<String>,
) -> Result<(), PullError> {
    let mut pull = Pull { client: Client::new(remote, credentials)?, remote, layout: Layout::make(layout)?, progress };
    let (digest, size, config, layers) = pull.manifest().await?;
    let total = layers.iter().chain([&config]).try_fold(0_u64, |sum, blob| sum.checked_add(blob.size));
    let Some(total) = total.filter(|total| *total <= UNPACKED.0) else {
        return Err(pull.bad(Fault::too_large("the image", UNPACKED)));
    };
    pull.tell(format!("layers: {}, {}", layers.len(), Bytes(total))).await;
    pull.blob(&config, "configuration").await?;
    for (number, layer) in layers.iter().enumerate() {
        pull.blob(layer, &format!("layer {} of {}", number + 1, layers.len())).await?;
    }
    pull.layout.finish(&digest, size)
}

/// A pull on its way.
struct Pull<'a> {
    client: Client,
    remote: &'a Remote,
    layout: Layout,
    progress: &'a mpsc::Sender<String>,
}

impl Pull<'_> {
    /// The manifest for this machine, by way of an index where there is one.
    async fn manifest(&mut self) -> Result<(Digest, u64, Descriptor, Vec<Descriptor>), PullError> {
        let mut version = self.remote.version.clone();
        // An index names manifests; an index of indexes is nothing that registries have.
        for _ in 0..2 {
            self.tell(format!("asking {} for {}", self.remote.registry, self.remote.repository)).await;
            let response = self.client.manifest(&version).await?;
            let bytes = self.document(response).await?;
            let digest = Digest::of(&bytes);
            if version.contains(':') {
                let expected: Digest = version.parse().map_err(|_| PullError::name(&version))?;
                let what = "the manifest".to_owned();
                if digest != expected {
                    return Err(self.bad(Fault::Mismatch { what, expected, actual: digest }));
                }
            }
            match Document::parse("the manifest", &bytes).map_err(|fault| self.bad(fault))? {
                Document::Index(index) => {
                    let chosen = choose(&index, &Platform::here()).and_then(Descriptor::digest);
                    version = chosen.map_err(|fault| self.bad(fault))?.to_string();
                }
                Document::Manifest { config, layers } => {
                    self.layout.blob(&digest)?.1.write_all(&bytes).map_err(at("write", self.layout.path()))?;
                    return Ok((digest, bytes.len() as u64, config, layers));
                }
            }
        }
        Err(PullError::Answer {
            registry: self.remote.registry.clone(),
            what: "an index".to_owned(),
            answer: "another index".to_owned(),
        })
    }

    async fn document(&self, mut response: Response) -> Result<Vec<u8>, PullError> {
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await? {
            if bytes.len() as u64 + chunk.len() as u64 > DOCUMENT.0 {
                return Err(self.bad(Fault::too_large("the manifest", DOCUMENT)));
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes)
    }

    /// Fetches a blob, never more of it than its descriptor says.
    async fn blob(&mut self, blob: &Descriptor, called: &str) -> Result<(), PullError> {
        let expected = blob.digest().map_err(|fault| self.bad(fault))?;
        let what = format!("blob {expected}");
        self.tell(format!("{called}: {}", Bytes(blob.size))).await;
        let (path, mut file) = self.layout.blob(&expected)?;
        let mut response = self.client.blob(&expected).await?;
        let (mut fetched, mut told) = (0_u64, Instant::now());
        while let Some(chunk) = response.chunk().await? {
            fetched += chunk.len() as u64;
            if fetched > blob.size {
                return Err(self.bad(Fault::WrongSize { what, expected: blob.size, actual: fetched }));
            }
            file.write_all(&chunk).map_err(at("write", &path))?;
            if told.elapsed() >= TELL_EVERY {
                told = Instant::now();
                self.tell(format!("{called}: {} of {}", Bytes(fetched), Bytes(blob.size))).await;
            }
        }
        if fetched < blob.size {
            return Err(self.bad(Fault::WrongSize { what, expected: blob.size, actual: fetched }));
        }
        let actual = File::open(&path).and_then(Digest::of_all).map_err(at("read", &path))?;
        if actual == expected { Ok(()) } else { Err(self.bad(Fault::Mismatch { what, expected, actual })) }
    }

    fn bad(&self, fault: Fault) -> PullError {
        PullError::Image {
            registry: self.remote.registry.clone(),
            repository: self.remote.repository.clone(),
            fault: Box::new(fault),
        }
    }

    async fn tell(&self, line: String) {
        // Only tells; a screen that is gone does not stop the pull.
        let _ = self.progress.send(line).await;
    }
}

/// An OCI layout that is being written.
struct Layout {
    root: PathBuf,
}

impl Layout {
    fn make(root: &Path) -> Result<Self, PullError> {
        let blobs = root.join("blobs/sha256");
        DirBuilder::new().recursive(true).mode(0o700).create(&blobs).map_err(at("make", &blobs))?;
        Ok(Self { root: root.to_owned() })
    }

    fn path(&self) -> &Path {
        &self.root
    }

    /// A file for a blob, and its path; layers that are equal are one blob.
    fn blob(&self, digest: &Digest) -> Result<(PathBuf, File), PullError> {
        let path = self.root.join("blobs/sha256").join(digest.hex());
        let file = File::create(&path).map_err(at("make", &path))?;
        Ok((path, file))
    }

    /// Writes what makes it a layout, of one image.
    fn finish(&self, manifest: &Digest, size: u64) -> Result<(), PullError> {
        let index = json!({ "schemaVersion": 2, "manifests": [{ "digest": manifest.to_string(), "size": size }] });
        for (name, value) in [("index.json", index), ("oci-layout", json!({ "imageLayoutVersion": "1.0.0" }))] {
            let path = self.root.join(name);
            fs::write(&path, value.to_string()).map_err(at("write", &path))?;
        }
        Ok(())
    }
}
