//! The directory on the host that belongs to one cell: what is bound into it,
//! and whose it is.
//!
//! ```text
//! RUN_DIR/hotcell-0123456789ab/   0700, so that no other user reaches below
//!   owner                         the owner's token, for the sweep
//!   made                          once the engine has answered the create, for the reaper
//!   cell/                         seen as /hotcell, read-only
//!     shim
//!     sock                        unlinked once the shim has connected
//!   sandbox/                      seen as /sandbox, read-only
//!     script.py                   written just before the launch
//! ```

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::engine::CellName;

/// The shim's executable, built from `shim/`.
pub const SHIM: &[u8] = include_bytes!(env!("HOTCELL_SHIM"));

const MADE: &str = "made";

/// One cell's directory; removed when dropped.
#[derive(Debug)]
pub struct CellDir {
    root: PathBuf,
}

impl CellDir {
    /// Makes it below `run_dir`.
    ///
    /// # Errors
    /// When something cannot be written there.
    pub fn create(run_dir: &Path, cell: &CellName, owner: &str) -> io::Result<Self> {
        let root = run_dir.join(&cell.0);
        DirBuilder::new().mode(0o700).create(&root)?;
        let dir = Self { root };
        write_file(&dir.root.join("owner"), owner.as_bytes(), 0o600)?;
        for below in [dir.cell(), dir.sandbox()] {
            fs::create_dir(&below)?;
            // Not left to the umask: the specimen's user must reach them.
            fs::set_permissions(&below, fs::Permissions::from_mode(0o755))?;
        }
        write_file(&dir.cell().join("shim"), SHIM, 0o555)?;
        Ok(dir)
    }

    /// The whole directory.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// What the cell sees as `/hotcell`.
    pub fn cell(&self) -> PathBuf {
        self.root.join("cell")
    }

    /// What the cell sees as `/sandbox`.
    pub fn sandbox(&self) -> PathBuf {
        self.root.join("sandbox")
    }

    /// The shim's socket.
    pub fn socket(&self) -> PathBuf {
        self.cell().join("sock")
    }

    /// Notes for the reaper that the engine has answered the create.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn mark_made(&self) -> io::Result<()> {
        write_file(&self.root.join(MADE), b"", 0o600)
    }

    /// Puts the specimen where the cell sees it, in the place of what was put there before.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write_specimen(&self, file_name: &str, bytes: &[u8]) -> io::Result<()> {
        let path = self.sandbox().join(file_name);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => write_file(&path, bytes, 0o555),
        }
    }
}

/// Whether the engine had answered the create of the cell with this directory.
pub fn is_made(root: &Path) -> bool {
    root.join(MADE).exists()
}

impl Drop for CellDir {
    fn drop(&mut self) {
        // What cannot be removed now is the next sweep's.
        let _ = fs::remove_dir_all(&self.root);
    }
}

fn write_file(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let mut file: File = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.set_permissions(fs::Permissions::from_mode(mode))
}
