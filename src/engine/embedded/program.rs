//! The program of the monitors, as it is held for them.

use std::fs;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::fs::{Access, CWD, MemfdFlags, SealFlags, access, fcntl_add_seals, memfd_create};
use rustix::mount::{OpenTreeFlags, open_tree};
use rustix::process::geteuid;

use super::root;

/// An executable that a cell's process 1 is started from and may see as `/proc/1/exe`: held so that no cell can write
/// to it (CVE-2019-5736 tells how one could), by root through a read-only mount, by others as a sealed
/// copy where it is theirs.
pub struct Program(OwnedFd);

impl Program {
    /// Holds it.
    ///
    /// # Errors
    /// What the system said.
    pub fn hold(path: &Path) -> io::Result<Self> {
        let user = geteuid();
        if user.is_root() {
            return Self::mount(path);
        }
        let file = fs::File::open(path)?;
        let can_write = file.metadata()?.uid() == user.as_raw() || access(path, Access::WRITE_OK).is_ok();
        if can_write { Self::copy(file) } else { Ok(Self(file.into())) }
    }

    fn copy(mut program: fs::File) -> io::Result<Self> {
        let copy = memfd_create("hotcell", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?;
        let mut file = fs::File::from(copy);
        io::copy(&mut program, &mut file)?;
        fcntl_add_seals(&file, SealFlags::WRITE | SealFlags::GROW | SealFlags::SHRINK | SealFlags::SEAL)?;
        Ok(Self(file.into()))
    }

    fn mount(path: &Path) -> io::Result<Self> {
        let flags = OpenTreeFlags::OPEN_TREE_CLOEXEC | OpenTreeFlags::OPEN_TREE_CLONE;
        let held = open_tree(CWD, fs::canonicalize(path)?, flags)?;
        root::restrict(held.as_fd())?;
        Ok(Self(held))
    }

    /// Where whoever is started by this process finds it.
    pub fn path(&self) -> String {
        format!("/proc/{}/fd/{}", std::process::id(), self.0.as_raw_fd())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::process::Command;

    use super::*;

    #[test]
    fn a_sealed_copy_runs_and_cannot_be_written() {
        let held = Program::copy(fs::File::open("/bin/true").unwrap()).unwrap();
        assert!(Command::new(held.path()).status().unwrap().success());
        let written = fs::File::options().write(true).open(held.path()).and_then(|mut file| file.write_all(b"x"));
        assert_eq!(written.unwrap_err().kind(), io::ErrorKind::PermissionDenied);
    }
}
