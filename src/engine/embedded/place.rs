//! What is kept of a cell on disk, so that any hotcell can look at it and remove it: the one that made it, its reaper,
//! and the next one's sweep.
//!
//! ```text
//! RUN_DIR/embedded/hotcell-0123456789ab/   0700
//!   owner         the owner's token
//!   order         what the monitor is to do
//!   lock          held by the monitor and by what it forks, until each has executed something else or ended
//!   monitor       the monitor, once it runs: PID START
//!   init          process 1 of the cell, once it runs: PID START
//!   cgroup        where its control groups are, unless they are with those of all cells
//!   exit          its exit code, once it has ended
//! RUN_DIR/embedded/bundle/                 there for the monitor alone, in a mount namespace of its own
//!   config.json   what the runtime is to do
//!   rootfs/       where the root is assembled
//!   state/        the runtime's own
//! ```

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use rustix::process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open, pidfd_send_signal};

use super::bundle::{ROOTFS, cgroup_path};
use crate::engine::CellName;
use crate::kernel::procfs;

/// One cell's directory.
#[derive(Clone, Debug)]
pub struct Place {
    dir: PathBuf,
}

impl Place {
    /// Of a cell below the engine's directory.
    pub fn of(state: &Path, cell: &CellName) -> Self {
        Self { dir: state.join(&cell.0) }
    }

    /// Of the cell with this directory.
    pub fn at(dir: &Path) -> Self {
        Self { dir: dir.to_owned() }
    }

    /// Makes it, private, and notes whose it is.
    ///
    /// # Errors
    /// When it is there already, or cannot be written.
    pub fn create(&self, owner: &str) -> io::Result<()> {
        if let Some(state) = self.dir.parent() {
            DirBuilder::new().recursive(true).mode(0o700).create(state)?;
        }
        DirBuilder::new().mode(0o700).create(&self.dir)?;
        fs::write(self.dir.join("owner"), owner)
    }

    /// The bundle that the monitor makes: all of it goes with the namespace that it is in.
    pub fn bundle(&self) -> PathBuf {
        self.dir.with_file_name("bundle")
    }

    /// The directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Whether the cell is made and not removed.
    pub fn exists(&self) -> bool {
        self.dir.exists()
    }

    /// The cell's name.
    pub fn name(&self) -> String {
        self.dir.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    /// Notes where the cell's control groups are, relative to each hierarchy's mount.
    ///
    /// # Errors
    /// What the system said.
    pub fn note_cgroup(&self, path: &str) -> io::Result<()> {
        self.write("cgroup", path.as_bytes())
    }

    /// Where its control groups are, if there are any: where all cells' are unless something else is noted.
    pub fn cgroup(&self) -> String {
        fs::read_to_string(self.dir.join("cgroup")).unwrap_or_else(|_| cgroup_path(&self.name()))
    }

    /// Where the root is assembled.
    pub fn root(&self) -> PathBuf {
        self.bundle().join(ROOTFS)
    }

    /// The runtime's own directory.
    pub fn runtime_state(&self) -> PathBuf {
        self.bundle().join("state")
    }

    /// Where a runtime's command writes process 1.
    pub fn pid_file(&self) -> PathBuf {
        self.bundle().join("pid")
    }

    /// Where a runtime's command writes what went wrong.
    pub fn log(&self) -> PathBuf {
        self.bundle().join("log")
    }

    /// The owner's token; `None` for what is no cell.
    pub fn owner(&self) -> Option<String> {
        fs::read_to_string(self.dir.join("owner")).ok()
    }

    /// Writes a file whole, or not at all.
    ///
    /// # Errors
    /// What the system said.
    pub fn write(&self, name: &str, text: &[u8]) -> io::Result<()> {
        let new = self.dir.join(format!(".{name}"));
        fs::write(&new, text)?;
        fs::rename(new, self.dir.join(name))
    }

    /// Reads a file.
    ///
    /// # Errors
    /// What the system said.
    pub fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        fs::read(self.dir.join(name))
    }

    /// The lock, as a file.
    ///
    /// # Errors
    /// What the system said.
    pub fn lock(&self) -> io::Result<File> {
        File::options().create(true).append(true).open(self.dir.join("lock"))
    }

    /// Notes a process. One that has ended already is noted as one that is not there.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn note(&self, role: Role, pid: u32) -> io::Result<()> {
        let start = procfs::start_time(pid).unwrap_or(0);
        self.write(role.file(), format!("{pid} {start}").as_bytes())
    }

    /// A process that was noted; it may have ended.
    pub fn process(&self, role: Role) -> Option<Process> {
        let text = fs::read_to_string(self.dir.join(role.file())).ok()?;
        let (pid, start) = text.split_once(' ')?;
        Some(Process { pid: pid.parse().ok()?, start: start.parse().ok()? })
    }

    /// Notes the exit code.
    ///
    /// # Errors
    /// What the system said.
    pub fn note_exit(&self, code: i32) -> io::Result<()> {
        self.write("exit", code.to_string().as_bytes())
    }

    /// The exit code, once process 1 has ended and its monitor has seen it.
    pub fn exit(&self) -> Option<i64> {
        fs::read_to_string(self.dir.join("exit")).ok()?.parse().ok()
    }
}

/// Whose process is noted.
#[derive(Clone, Copy, Debug)]
pub enum Role {
    /// The monitor.
    Monitor,
    /// Process 1 of the cell.
    Init,
}

impl Role {
    fn file(self) -> &'static str {
        match self {
            Self::Monitor => "monitor",
            Self::Init => "init",
        }
    }
}

/// A process that no later one of the same number is taken for.
#[derive(Clone, Copy, Debug)]
pub struct Process {
    /// Its number in this pid namespace.
    pub pid: u32,
    start: u64,
}

impl Process {
    /// Whether it is there, if only as a zombie.
    pub fn is_there(self) -> bool {
        procfs::start_time(self.pid) == Some(self.start)
    }

    /// A hold on it; `None` where it is gone.
    pub fn open(self) -> Option<OwnedFd> {
        let pidfd = open(self.pid)?;
        // Looked at only now: a number that was given anew meanwhile is told by its start.
        self.is_there().then_some(pidfd)
    }

    /// Kills it. One that is gone is no error.
    pub fn kill(self) {
        if let Some(pidfd) = self.open() {
            kill(&pidfd);
        }
    }

    /// Kills it with the process group that it leads. Those that are gone are no error.
    pub fn kill_group(self) {
        if let Some(pid) = i32::try_from(self.pid).ok().and_then(Pid::from_raw).filter(|_| self.is_there()) {
            let _ = kill_process_group(pid, Signal::KILL);
        }
    }
}

/// A hold on whatever process has this number.
pub fn open(pid: u32) -> Option<OwnedFd> {
    pidfd_open(Pid::from_raw(i32::try_from(pid).ok()?)?, PidfdFlags::empty()).ok()
}

/// Sends SIGKILL. A process that is gone is no error.
pub fn kill(pidfd: &OwnedFd) {
    let _ = pidfd_send_signal(pidfd, Signal::KILL);
}
