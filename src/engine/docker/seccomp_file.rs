//! Podman's API takes a seccomp profile by path, which the service opens itself.

use std::fs::{DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::engine::{CellName, EngineError};

/// A profile in a directory that only we (and root) can enter, removed when dropped.
/// Podman reads it while it answers the create request, not later.
pub struct SeccompFile {
    directory: PathBuf,
    path: PathBuf,
}

impl SeccompFile {
    /// Writes the profile of a cell.
    ///
    /// # Errors
    /// [`EngineError::File`].
    pub fn write(cell: &CellName, profile: &str) -> Result<Self, EngineError> {
        let directory = std::env::temp_dir().join(format!("{cell}-seccomp"));
        let path = directory.join("profile.json");
        let failed = |source| EngineError::File { operation: "write seccomp profile", path: path.clone(), source };
        // Making it fails where it exists, so nobody can prepare it for us.
        DirBuilder::new().mode(0o700).create(&directory).map_err(failed)?;
        let file = Self { directory, path: path.clone() };
        write_new(&file.path, profile).map_err(failed)?;
        Ok(file)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for SeccompFile {
    fn drop(&mut self) {
        // Nothing can be done about a failure, and nothing secret is left behind by it.
        let _ = std::fs::remove_file(&self.path);
        let _ = std::fs::remove_dir(&self.directory);
    }
}

fn write_new(path: &Path, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())
}
