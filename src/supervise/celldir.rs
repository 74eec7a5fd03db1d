//! The directory on the host that belongs to one cell: what is bound into it,
//! and whose it is.
//!
//! ```text
//! RUN_DIR/hotcell-0123456789ab/   0700, so that no other user reaches below
//!   owner                         the owner's token, for the sweep
//!   made                          once the engine has answered the create, for the reaper
//!   cell/                         seen as /hotcell, read-only
//!     shim                        another name of RUN_DIR/shim, which all cells share
//!     sock                        unlinked once the shim has connected
//!   sandbox/                      seen as /sandbox, read-only
//!     script.py                   written just before the launch
//! ```

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, linkat};

use crate::engine::CellName;

/// The shim's executable, built from `shim/`.
pub const SHIM: &[u8] = include_bytes!(env!("HOTCELL_SHIM"));

/// How much of a file is compared at a time, in bytes.
const PIECE: usize = 16 * 1024;

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
        place_shim(run_dir, &dir.cell().join("shim"))?;
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

/// Puts the shim at `path`: by a link to the one that all cells below `run_dir` share, if that is byte for byte the shim.
/// A cell sees it through a read-only mount.
fn place_shim(run_dir: &Path, path: &Path) -> io::Result<()> {
    let shared = run_dir.join("shim");
    if link_same(&shared, path).unwrap_or(false) {
        return Ok(());
    }
    write_file(path, SHIM, 0o555)?;
    // From now on it is the shared one: in the place of another hotcell's, if need be.
    let new = path.with_extension("new");
    // A file system without links has none to share.
    let _ = fs::hard_link(path, &new).and_then(|()| fs::rename(&new, &shared));
    Ok(())
}

/// Links the file at `path`, if it is byte for byte the shim. What was compared is what is linked, whoever puts another one
/// in its place meanwhile.
fn link_same(shared: &Path, path: &Path) -> io::Result<bool> {
    let file = File::open(shared)?;
    let metadata = file.metadata()?;
    if metadata.len() != SHIM.len() as u64 || metadata.permissions().mode() & 0o777 != 0o555 {
        return Ok(false);
    }
    let mut piece = [0; PIECE];
    for (index, expected) in SHIM.chunks(piece.len()).enumerate() {
        let found = &mut piece[..expected.len()];
        file.read_exact_at(found, (index * PIECE) as u64)?;
        if found != expected {
            return Ok(false);
        }
    }
    let held = format!("/proc/self/fd/{}", file.as_raw_fd());
    linkat(CWD, held, CWD, path, AtFlags::SYMLINK_FOLLOW)?;
    Ok(true)
}

fn write_file(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let mut file: File = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.set_permissions(fs::Permissions::from_mode(mode))
}
