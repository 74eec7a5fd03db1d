//! Directories of the store for what is half done. Each is locked by who works in it, so that the next can tell what
//! was left behind (flock(2): a lock ends with its process).

use std::ffi::OsStr;
use std::fs::{self, DirBuilder, File};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use super::error::{StoreError, at};
use super::tree;

/// What the name of such a directory begins with.
const PARTIAL: &str = "partial-";

/// The store is ours alone until this is dropped.
pub(super) struct StoreLock {
    _file: File,
}

impl StoreLock {
    /// Waits until nobody else changes the store; makes the store where it is not there.
    ///
    /// # Errors
    /// What the system says.
    pub(super) fn take(root: &Path) -> Result<Self, StoreError> {
        DirBuilder::new().recursive(true).mode(0o700).create(root).map_err(at("make", root))?;
        let path = root.join("lock");
        let file = File::options().write(true).create(true).truncate(false).mode(0o600).open(&path);
        let file = file.map_err(at("open", &path))?;
        flock(&file, FlockOperation::LockExclusive).map_err(at("lock", &path))?;
        Ok(Self { _file: file })
    }
}

/// A directory for what is half done, removed when this is dropped.
pub struct Work {
    root: OwnedFd,
    name: String,
    path: PathBuf,
    /// Held as long as somebody works here.
    _lock: OwnedFd,
}

impl Work {
    /// Makes one, and removes those that nobody works in any more.
    ///
    /// # Errors
    /// What the system says.
    pub(super) fn begin(root: &Path) -> Result<Self, StoreError> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let _store = StoreLock::take(root)?;
        let top = tree::open_directory(rustix::fs::CWD, root).map_err(at("open", root))?;
        for name in tree::names(&top).map_err(at("read", root))? {
            if name.as_encoded_bytes().starts_with(PARTIAL.as_bytes()) {
                discard_dead(&top, &name).map_err(at("remove", &root.join(&name)))?;
            }
        }
        loop {
            let name = format!("{PARTIAL}{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
            let path = root.join(&name);
            match DirBuilder::new().mode(0o700).create(&path) {
                // Somebody in another pid namespace has our number.
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => continue,
                made => made.map_err(at("make", &path))?,
            }
            let lock = tree::open_directory(&top, name.as_str()).map_err(at("open", &path))?;
            flock(&lock, FlockOperation::NonBlockingLockExclusive).map_err(at("lock", &path))?;
            return Ok(Self { root: top, name, path, _lock: lock });
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        // What cannot be removed now is removed by the next import, or told by it.
        let _ = tree::remove(&self.root, OsStr::new(&self.name), &|_, _| false);
    }
}

/// Removes what is half done and nobody's.
fn discard_dead(top: &OwnedFd, name: &OsStr) -> std::io::Result<()> {
    let directory = match tree::open_directory(top, name) {
        // Its owner was faster.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        opened => opened?,
    };
    match flock(&directory, FlockOperation::NonBlockingLockExclusive) {
        Err(Errno::WOULDBLOCK) => Ok(()),
        locked => {
            locked?;
            tree::remove(top, name, &|_, _| false)
        }
    }
}

/// Moves something of the store into a directory for what is half done: with one step it is in the store no more.
pub(super) fn retire(path: &Path, work: &Work) -> Result<(), StoreError> {
    fs::rename(path, work.path().join("retired")).map_err(at("remove", path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_dead_one_left_is_removed_and_what_is_worked_in_stays() {
        let root = tempfile::tempdir().unwrap();
        let left = root.path().join("partial-1-0");
        fs::create_dir_all(left.join("image/rootfs")).unwrap();
        let first = Work::begin(root.path()).unwrap();
        assert!(!left.exists());
        let second = Work::begin(root.path()).unwrap();
        assert!(first.path().exists() && second.path().exists() && first.path() != second.path());
        let path = first.path().to_owned();
        fs::write(path.join("file"), "").unwrap();
        drop(first);
        assert!(!path.exists());
    }
}
