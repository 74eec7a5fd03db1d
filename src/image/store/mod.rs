//! The store of images that need no engine: each is a directory that holds its root file system, unpacked.
//!
//! ```text
//! images/                 0700; $XDG_DATA_HOME/hotcell/images
//!   names.json            references and the images they mean
//!   HEX/                  an image, by the digest of its configuration
//!     image.json          what the store knows of it
//!     rootfs/             its root file system
//!   partial-PID-N/        what is half done, locked by who does it
//!   lock                  held while names or images change
//! ```
//!
//! An image appears by one rename, whole, and goes by one. What comes in is hostile: archives and manifests are
//! read within bounds, digests verified, and entries resolved by the kernel beneath the new root.

mod bundle;
mod decompress;
mod digest;
mod entry;
mod error;
mod layer;
mod limits;
mod manifest;
mod recipe;
mod root;
mod tape;
mod time;
mod tree;
mod work;

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder};
use std::io::{self, BufReader};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use bundle::Bundle;
use error::{at, while_doing};
use layer::Unpacker;
use recipe::{LayerSource, Recipe};
use root::Root;
use tape::Tape;
use work::{StoreLock, retire};

pub use digest::{Digest, Hashing};
pub use error::{Fault, StoreError};
pub use manifest::ImageConfig;
pub use work::Work;

pub(crate) use limits::{DOCUMENT, UNPACKED};
pub(crate) use manifest::{Descriptor, Document, Platform, choose};

use super::reference::{canonical, is_reference};
use crate::engine::ImageSummary;
use crate::files;
use crate::policy::Bytes;

/// The most that the store's own files hold.
const RECORD: Bytes = Bytes::mib(16);
/// The fewest digits of a digest that mean an image.
const SHORTEST_PREFIX: usize = 4;

/// A directory of unpacked images.
#[derive(Clone, Debug)]
pub struct Store {
    root: PathBuf,
}

/// An image in the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Its name, or its digest where it has none.
    pub reference: String,
    /// The digest of its configuration, or of the archive of a plain root file system.
    pub id: String,
    /// Its root file system. Links in it are the image's: whoever goes through it must resolve them beneath it.
    pub rootfs: PathBuf,
    /// How it wants its process to be started.
    pub config: ImageConfig,
    /// Of all files its layers have.
    pub size: Bytes,
    /// Seconds since the epoch; 0 where it does not say.
    pub created: i64,
    /// Devices and FIFOs that it has and that were not made.
    pub left_out: u64,
}

/// What `image.json` says.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Record {
    size_bytes: u64,
    created: i64,
    left_out: u64,
    config: ImageConfig,
}

/// What `names.json` says: canonical references, and digests.
type Names = BTreeMap<String, String>;

impl Store {
    /// The store in a directory, which is made when the first image comes.
    pub fn at(root: PathBuf) -> Self {
        Self { root }
    }

    /// A store for whoever makes no cells: there is nothing in it.
    pub fn nowhere() -> Self {
        Self::at(PathBuf::from("/nonexistent"))
    }

    /// Where it is.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Its images, by name; one without a name by its digest.
    ///
    /// # Errors
    /// A store that cannot be read.
    pub fn images(&self) -> Result<Vec<ImageSummary>, StoreError> {
        let names = self.names()?;
        let mut images = Vec::new();
        for digest in self.digests()? {
            let id = digest.to_string();
            let record = self.record(&digest)?;
            let mut references: Vec<&String> =
                names.iter().filter(|(_, named)| **named == id).map(|(name, _)| name).collect();
            if references.is_empty() {
                references.push(&id);
            }
            images.extend(references.into_iter().map(|reference| ImageSummary {
                reference: reference.clone(),
                id: id.clone(),
                size: Bytes(record.size_bytes),
                created: record.created,
            }));
        }
        images.sort_by(|one, other| one.reference.cmp(&other.reference));
        Ok(images)
    }

    /// An image by its name (without a tag: `latest`), by its digest, or by at least four of the digest's first digits.
    ///
    /// # Errors
    /// A prefix of several digests, or a store that cannot be read.
    pub fn find(&self, reference: &str) -> Result<Option<Stored>, StoreError> {
        let Some(digest) = self.resolve(reference, &self.names()?)? else { return Ok(None) };
        self.stored(digest, reference).map(Some)
    }

    /// Unpacks an image: a `docker save` archive, an OCI archive, an OCI layout or a tar of a root file system, told by
    /// what is in it; archives and layers may be compressed with gzip or zstd. It gets this name, else those it
    /// brings, which it takes from images that had them.
    ///
    /// # Errors
    /// What is wrong with it, a name that is none, or a store that cannot be written. Nothing of it stays then.
    pub fn import(&self, source: &Path, name: Option<&str>) -> Result<ImageSummary, StoreError> {
        let wanted = name.map(checked).transpose()?;
        let work = self.work()?;
        let import = |fault| StoreError::Import { path: source.to_owned(), fault: Box::new(fault) };
        let bundle = Bundle::open(source, &work.path().join("archive.tar")).map_err(import)?;
        let recipe = Recipe::read(&bundle).map_err(import)?;
        let ready = work.path().join("image");
        // The digest stands for all of it: what is there needs no second unpacking.
        if !self.directory(&recipe.id).exists() {
            DirBuilder::new().mode(0o700).create(&ready).map_err(at("make", &ready))?;
            let record = unpack(&bundle, &recipe, &ready.join("rootfs")).map_err(import)?;
            write_record(&ready.join("image.json"), &record)?;
            settle(&ready)?;
        }
        let names = match wanted {
            Some(name) => vec![name],
            // A name that is none is the image's word and not the user's: the image stays without.
            None => recipe.names.iter().filter_map(|name| checked(name).ok()).collect(),
        };
        let stored = self.place(&ready, &recipe.id, &names)?;
        Ok(ImageSummary { reference: stored.reference, id: stored.id, size: stored.size, created: stored.created })
    }

    /// Removes a name, and its image with the last of its names; by digest, the image with all of them.
    ///
    /// # Errors
    /// [`StoreError::Missing`], [`StoreError::Ambiguous`], or a store that cannot be written.
    pub fn remove(&self, reference: &str) -> Result<(), StoreError> {
        let work = self.work()?;
        let _store = StoreLock::take(&self.root)?;
        let mut names = self.names()?;
        let missing = || StoreError::Missing { reference: reference.to_owned() };
        let digest = self.resolve(reference, &names)?.ok_or_else(missing)?;
        let id = digest.to_string();
        if names.remove(&canonical(reference)).is_none() {
            names.retain(|_, named| *named != id);
        }
        self.write_names(&names)?;
        if names.values().all(|named| *named != id) {
            retire(&self.directory(&digest), &work)?;
        }
        Ok(())
    }

    /// A directory of the store's file system for what is half done; what dead ones left is removed.
    ///
    /// # Errors
    /// What the system says.
    pub fn work(&self) -> Result<Work, StoreError> {
        Work::begin(&self.root)
    }

    /// Moves an unpacked image into its place and names it.
    fn place(&self, ready: &Path, id: &Digest, names: &[String]) -> Result<Stored, StoreError> {
        let _store = StoreLock::take(&self.root)?;
        let directory = self.directory(id);
        if !directory.exists() {
            fs::rename(ready, &directory).map_err(at("make", &directory))?;
        }
        if !names.is_empty() {
            let mut all = self.names()?;
            all.extend(names.iter().map(|name| (name.clone(), id.to_string())));
            self.write_names(&all)?;
        }
        self.stored(*id, names.first().map_or("", String::as_str))
    }

    /// The image that a reference means.
    fn resolve(&self, reference: &str, names: &Names) -> Result<Option<Digest>, StoreError> {
        let by_name = names.get(&canonical(reference)).and_then(|id| id.parse().ok());
        let digits = reference.strip_prefix("sha256:").unwrap_or(reference);
        if by_name.is_some() || digits.len() < SHORTEST_PREFIX || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Ok(by_name);
        }
        let found: Vec<Digest> = self.digests()?.into_iter().filter(|id| id.hex().starts_with(digits)).collect();
        match found[..] {
            [] => Ok(None),
            [only] => Ok(Some(only)),
            _ => Err(StoreError::Ambiguous {
                prefix: reference.to_owned(),
                ids: found.iter().map(ToString::to_string).collect(),
            }),
        }
    }

    fn stored(&self, digest: Digest, reference: &str) -> Result<Stored, StoreError> {
        let Record { size_bytes, created, left_out, config } = self.record(&digest)?;
        let (id, name) = (digest.to_string(), canonical(reference));
        let names = self.names()?;
        let own = || names.iter().find(|(_, named)| **named == id).map(|(name, _)| name.clone());
        let reference = if names.get(&name) == Some(&id) { Some(name) } else { own() };
        Ok(Stored {
            reference: reference.unwrap_or_else(|| id.clone()),
            rootfs: self.directory(&digest).join("rootfs"),
            id,
            config,
            size: Bytes(size_bytes),
            created,
            left_out,
        })
    }

    fn directory(&self, digest: &Digest) -> PathBuf {
        self.root.join(digest.hex())
    }

    fn digests(&self) -> Result<Vec<Digest>, StoreError> {
        let entries = match fs::read_dir(&self.root) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(at("read", &self.root))?,
        };
        let name = |entry: io::Result<fs::DirEntry>| Some(entry.ok()?.file_name().to_str()?.to_owned());
        Ok(entries.filter_map(name).filter_map(|name| Digest::from_hex(&name)).collect())
    }

    fn names(&self) -> Result<Names, StoreError> {
        let path = self.root.join("names.json");
        match files::read(&path, RECORD) {
            Err(files::FileError::System(error)) if error.kind() == io::ErrorKind::NotFound => Ok(Names::new()),
            read => understood(&path, &read.map_err(at("read", &path))?),
        }
    }

    fn write_names(&self, names: &Names) -> Result<(), StoreError> {
        let path = self.root.join("names.json");
        let text = serde_json::to_vec_pretty(names).map_err(at("write", &path))?;
        files::replace(&path, &text, 0o600).map_err(at("write", &path))
    }

    fn record(&self, digest: &Digest) -> Result<Record, StoreError> {
        let path = self.directory(digest).join("image.json");
        understood(&path, &files::read(&path, RECORD).map_err(at("read", &path))?)
    }
}

/// A name as the store keeps it.
fn checked(name: &str) -> Result<String, StoreError> {
    if is_reference(name) { Ok(canonical(name)) } else { Err(StoreError::Name { name: name.to_owned() }) }
}

fn understood<T: for<'a> Deserialize<'a>>(path: &Path, bytes: &[u8]) -> Result<T, StoreError> {
    serde_json::from_slice(bytes)
        .map_err(|error| StoreError::Damaged { path: path.to_owned(), problem: error.to_string() })
}

fn write_record(path: &Path, record: &Record) -> Result<(), StoreError> {
    let text = serde_json::to_vec_pretty(record).map_err(at("write", path))?;
    files::create(path, &text, 0o600).map_err(at("write", path))
}

/// Unpacks every layer into a new directory.
fn unpack(bundle: &Bundle, recipe: &Recipe, rootfs: &Path) -> Result<Record, Fault> {
    let making = || while_doing("making its root");
    DirBuilder::new().mode(0o755).create(rootfs).map_err(making())?;
    let root = Root::open(rootfs).map_err(making())?;
    root.dress_top(root::Owner { uid: 0, gid: 0, mode: 0o755 }).map_err(making())?;
    let mut unpacker = Unpacker::new(&root);
    for layer in &recipe.layers {
        unpack_layer(bundle, layer, &mut unpacker)?;
    }
    let Unpacker { bytes, left_out, .. } = unpacker;
    Ok(Record { size_bytes: bytes, created: recipe.created, left_out, config: recipe.config.clone() })
}

fn unpack_layer(bundle: &Bundle, layer: &LayerSource, unpacker: &mut Unpacker) -> Result<(), Fault> {
    let what = format!("layer {}", layer.diff_id);
    let (blob, size) = bundle.find(&layer.name)?;
    let stream = decompress::open(blob, size)?;
    let mut tape = Tape::new(BufReader::with_capacity(1 << 16, Hashing::new(stream)), what.as_str());
    unpacker.layer(&mut tape, &what)?;
    // What stands behind the archive's end is part of the digest.
    let drained = io::copy(tape.rest(), &mut io::sink());
    drained.map_err(|error| tape.unread(error))?;
    recipe::same(&what, layer.diff_id, tape.into_input().into_inner().digest())
}

/// Waits until all of an image is on the disk, so that its name cannot be there before it.
fn settle(ready: &Path) -> Result<(), StoreError> {
    let directory = fs::File::open(ready).map_err(at("open", ready))?;
    rustix::fs::syncfs(&directory).map_err(at("write", ready))
}

#[cfg(test)]
mod tests;
