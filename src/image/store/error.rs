//! What can go wrong with the store, and with an image that is to come into it.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::digest::Digest;
use crate::policy::Bytes;
use crate::text::{visible, visible_str};

/// Why the store could not do what was asked.
#[derive(Debug, Error)]
pub enum StoreError {
    /// The image was not taken in; nothing of it stays.
    #[error("cannot import {}: {fault}", shown(path))]
    Import {
        /// The archive or directory.
        path: PathBuf,
        /// What is wrong with it.
        fault: Box<Fault>,
    },
    /// The system refused something in the store itself.
    #[error("cannot {operation} {}: {source}; the image store must be a directory of yours, with room", shown(path))]
    Io {
        /// What was tried.
        operation: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file of the store does not say what hotcell writes there.
    #[error("cannot understand {}: {problem}; remove it, and import the image again", shown(path))]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// Nothing has this name or digest.
    #[error("the image store has no {}; `hotcell image list` shows what it has", visible_str(reference))]
    Missing {
        /// What was asked for.
        reference: String,
    },
    /// More than one image's digest begins so.
    #[error("{} could be any of {}; give more of the digest", visible_str(prefix), ids.join(", "))]
    Ambiguous {
        /// What was asked for.
        prefix: String,
        /// What it could be.
        ids: Vec<String>,
    },
    /// The name cannot be an image's.
    #[error("`{}` is not an image reference: write one such as `tools:1`", visible_str(name))]
    Name {
        /// What was given.
        name: String,
    },
}

/// What is wrong with an archive, a directory, or an image in it.
#[derive(Debug, Error)]
pub enum Fault {
    /// It could not be read, or what it holds not written.
    #[error("{doing}: {source}")]
    Io {
        /// What was tried, on what.
        doing: String,
        /// What the system said.
        source: io::Error,
    },
    /// There is nothing in it.
    #[error("it is empty; make the archive again")]
    Empty,
    /// It does not begin as any kind of archive does.
    #[error(
        "it is neither a tar archive nor compressed with gzip or zstd; give a `docker save` archive, an OCI archive or layout, or a tar of a root file system"
    )]
    NotATar,
    /// It is compressed in a way that is not read here.
    #[error("it is compressed with {0}, which is not read here; decompress it first")]
    Compression(&'static str),
    /// It ends before its end.
    #[error("{what} ends too early: it is cut off; copy or make it again")]
    Truncated {
        /// Which stream.
        what: String,
    },
    /// A header within it is wrong.
    #[error("{what} is damaged at byte {at}: {problem}; copy or make it again")]
    Header {
        /// Which stream.
        what: String,
        /// Where.
        at: u64,
        /// What is wrong.
        problem: &'static str,
    },
    /// A directory that is not an OCI layout.
    #[error("it is a directory without `oci-layout` and `index.json`; give an OCI layout, or a tar of the directory")]
    NotALayout,
    /// A manifest, an index or a configuration that makes no sense.
    #[error("{what} cannot be understood: {problem}; was it made by `docker save`, `podman save` or `skopeo copy`?")]
    Document {
        /// Which.
        what: String,
        /// What is wrong with it.
        problem: String,
    },
    /// Something that a manifest names is not there.
    #[error("{} is missing from it; make the archive again", visible_str(what))]
    MissingBlob {
        /// Its digest or path.
        what: String,
    },
    /// The bytes are not those that were named.
    #[error(
        "{what} is not what its digest says: it should be {expected} and is {actual}; it is damaged or was changed, so get the image anew"
    )]
    Mismatch {
        /// The blob, the layer or the configuration.
        what: String,
        /// What was named.
        expected: Digest,
        /// What is there.
        actual: Digest,
    },
    /// The number of bytes is not the one that was named.
    #[error(
        "{what} has {actual} bytes and should have {expected}: it is cut off or was changed, so get the image anew"
    )]
    WrongSize {
        /// The blob.
        what: String,
        /// What was named.
        expected: u64,
        /// What is there.
        actual: u64,
    },
    /// The image is for other machines.
    #[error("it has nothing for {wanted}, which this machine needs, but for {}; get the image for {wanted}", has.join(", "))]
    Platform {
        /// This machine's.
        wanted: String,
        /// What there is.
        has: Vec<String>,
    },
    /// There is more than one image in it.
    #[error("it holds {} images ({}); save the one you want alone", images.len(), images.join(", "))]
    Several {
        /// Their names, or digests.
        images: Vec<String>,
    },
    /// There is no image in it.
    #[error("its index names no image; make the archive again")]
    NoImage,
    /// It has more of something than is taken.
    #[error("{what} has more than {most}, the most that is taken; it may be made to fill the disk")]
    TooMuch {
        /// Which stream, or the image.
        what: String,
        /// The bound.
        most: String,
    },
    /// An entry that no honest archive has.
    #[error("{what} holds the entry `{}`, {why}; do not trust this image", visible(entry))]
    Entry {
        /// Which stream.
        what: String,
        /// The entry's path, as it stands there.
        entry: Vec<u8>,
        /// What is wrong with it.
        why: String,
    },
}

impl Fault {
    /// Something that took more bytes than are taken.
    pub(crate) fn too_large(what: impl Into<String>, most: Bytes) -> Self {
        Self::TooMuch { what: what.into(), most: most.to_string() }
    }
}

/// Turns the system's error into a fault: for `map_err`.
pub(super) fn while_doing(doing: impl Into<String>) -> impl FnOnce(io::Error) -> Fault {
    move |source| Fault::Io { doing: doing.into(), source }
}

/// Turns the system's error on a path of the store into ours: for `map_err`.
pub(super) fn at<E: Into<io::Error>>(operation: &'static str, path: &Path) -> impl FnOnce(E) -> StoreError {
    move |source| StoreError::Io { operation, path: path.to_owned(), source: source.into() }
}

/// A path as it is shown.
pub(super) fn shown(path: &Path) -> String {
    visible(path.as_os_str().as_encoded_bytes())
}
