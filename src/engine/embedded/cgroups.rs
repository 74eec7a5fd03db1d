//! A cell's control groups by the cell's name, for whoever has nothing but that: what they tell, and their end.

use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use super::bundle::cgroup_path;
use super::place;
use crate::engine::{CellName, CgroupVersion, Limits};
use crate::kernel::cgroup::{self, Cgroup};

/// The groups of one cell, in each hierarchy.
#[derive(Clone, Debug)]
pub struct Groups {
    directories: Vec<PathBuf>,
}

impl Groups {
    /// Those there are.
    ///
    /// # Errors
    /// When this process's mounts cannot be read.
    pub fn of(cell: &CellName) -> io::Result<Self> {
        let mut directories = cgroup::directories(&cgroup_path(&cell.0))?;
        directories.retain(|directory| directory.exists());
        Ok(Self { directories })
    }

    /// A hold on each process in them.
    pub fn processes(&self) -> Vec<OwnedFd> {
        let mut pids: Vec<u32> = self.all().iter().flat_map(|directory| members(directory)).collect();
        pids.sort_unstable();
        pids.dedup();
        // A number that was given anew meanwhile is no member any more.
        let held: Vec<(u32, OwnedFd)> = pids.into_iter().filter_map(|pid| Some((pid, place::open(pid)?))).collect();
        let still: Vec<u32> = self.all().iter().flat_map(|directory| members(directory)).collect();
        held.into_iter().filter(|(pid, _)| still.contains(pid)).map(|(_, pidfd)| pidfd).collect()
    }

    /// Removes them; false while a process is in one.
    ///
    /// # Errors
    /// What the system said, but that one is busy or gone.
    pub fn remove(&self) -> io::Result<bool> {
        let mut empty = true;
        for directory in self.all() {
            match fs::remove_dir(&directory) {
                Err(error) if error.kind() == io::ErrorKind::ResourceBusy => empty = false,
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(empty)
    }

    /// The groups and those below them, deepest first.
    fn all(&self) -> Vec<PathBuf> {
        let mut all = Vec::new();
        self.directories.iter().for_each(|directory| collect(directory, &mut all));
        all
    }
}

fn collect(directory: &Path, all: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            collect(&entry.path(), all);
        }
    }
    all.push(directory.to_owned());
}

fn members(directory: &Path) -> Vec<u32> {
    let text = fs::read_to_string(directory.join("cgroup.procs")).unwrap_or_default();
    text.lines().filter_map(|pid| pid.parse().ok()).collect()
}

/// The cell's meters; `None` where it has no group.
pub fn meters(cell: &CellName) -> Option<cgroup::Meters> {
    Some(Cgroup::at(&cgroup_path(&cell.0)).ok()?.meters())
}

/// The version of the hierarchy and which limits it has here.
pub fn limits() -> (Option<CgroupVersion>, Limits) {
    let none = Limits { memory: false, swap: false, cpu: false, pids: false };
    cgroup::limits().map_or((None, none), |(version, limits)| (Some(version), limits))
}
