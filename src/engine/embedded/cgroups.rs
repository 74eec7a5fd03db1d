//! A cell's control groups: where they may be made, and, for whoever has nothing but the cell's place, what they tell
//! and their end.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::process::Command;

use libcontainer::oci_spec::runtime::LinuxNamespaceType;
use rustix::fs::{CWD, Mode, OFlags};
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, MoveMountFlags, OpenTreeFlags, fsconfig_create, fsmount, fsopen,
    move_mount, open_tree,
};
use rustix::process::geteuid;
use serde::{Deserialize, Serialize};

use super::bundle::cgroup_path;
use super::devices;
use super::limits::Limit;
use super::place::{self, Place};
use super::userns::unshare;
use crate::engine::{CgroupVersion, Limits};
use crate::kernel::cgroup::{self, Cgroup};

/// Where control groups are mounted.
const MOUNTED: &str = "/sys/fs/cgroup";

/// Starts a command as a scope, which is a control group of systemd's (systemd-run(1)).
const SYSTEMD_RUN: &str = "/usr/bin/systemd-run";

/// Who makes a cell's control groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Manner {
    /// Root does, beside those of the machine.
    Machine,
    /// An ordinary user does, in a scope that systemd delegates to it.
    Delegated,
    /// Nobody: the cell is in those of whoever runs hotcell.
    None,
}

/// How it is done for this user.
pub fn manner() -> Manner {
    match (geteuid().is_root(), delegated()) {
        (true, _) => Manner::Machine,
        (false, Ok(_)) => Manner::Delegated,
        (false, Err(_)) => Manner::None,
    }
}

/// The limits that systemd lets this ordinary user set (user@.service, `Delegate=`), or why there are none.
fn delegated() -> Result<Limits, String> {
    if cgroup::limits().map(|(version, _)| version) != Some(CgroupVersion::V2) {
        return Err("cgroup v1 delegates nothing to ordinary users".to_owned());
    }
    let manager = std::env::var_os("XDG_RUNTIME_DIR").map(|dir| Path::new(&dir).join("systemd/private"));
    if !manager.is_some_and(|socket| socket.exists()) || !Path::new(SYSTEMD_RUN).exists() {
        return Err(
            "only systemd's user manager delegates control groups to ordinary users, and none is here".to_owned()
        );
    }
    let user = geteuid().as_raw();
    let file = format!("{MOUNTED}/user.slice/user-{user}.slice/user@{user}.service/cgroup.controllers");
    let controllers = fs::read_to_string(&file).map_err(|error| format!("{file}: {error}"))?;
    let has = |name: &str| controllers.split_whitespace().any(|have| have == name);
    Ok(Limits { memory: has("memory"), swap: has("memory"), cpu: has("cpu"), pids: has("pids"), io: has("io") })
}

/// The version of the hierarchy, which limits it has for this user, and why not all of them.
pub fn limits() -> (Option<CgroupVersion>, Limits, Option<String>) {
    let none = Limits { memory: false, swap: false, cpu: false, pids: false, io: false };
    let (version, limits) = cgroup::limits().map_or((None, none), |(version, limits)| (Some(version), limits));
    if geteuid().is_root() {
        return (version, limits, None);
    }
    match delegated() {
        Ok(limits) => (version, limits, Some("systemd does not delegate its controller to this user".to_owned())),
        Err(why) => (version, none, Some(why)),
    }
}

/// A command that starts another one in a scope of this name, which goes with its last process.
pub fn in_scope(name: &str) -> Command {
    let mut command = Command::new(SYSTEMD_RUN);
    command.args(["--user", "--scope", "--quiet", "--collect", "--property=Delegate=yes", "--unit", name, "--"]);
    command.env_clear().envs(std::env::vars_os().filter(|(name, _)| name == "XDG_RUNTIME_DIR"));
    command
}

/// Shows a monitor in a user namespace the control groups from its own on, as libcontainer looks for them; where none
/// can be made they are read-only, and libcontainer leaves the cell where it is.
///
/// # Errors
/// What the system said.
pub fn show(manner: Manner, place: &Place) -> io::Result<()> {
    if manner == Manner::Machine {
        return Ok(());
    }
    let delegated = manner == Manner::Delegated;
    if delegated {
        let own = fs::read_to_string("/proc/self/cgroup")?;
        let scope = own.lines().find_map(|line| line.strip_prefix("0::")).unwrap_or_default();
        place.note_cgroup(&format!("{scope}{}", cgroup_path(&place.name())))?;
    }
    unshare(LinuxNamespaceType::Cgroup)?;
    let mounted = hierarchy(if delegated { MountAttrFlags::empty() } else { MountAttrFlags::MOUNT_ATTR_RDONLY })?;
    move_mount(&mounted, "", CWD, MOUNTED, MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH)?;
    if delegated {
        // A group with processes has no limited groups below it (cgroups(7), "no internal processes").
        let own = Path::new(MOUNTED).join("monitor");
        fs::create_dir(&own)?;
        fs::write(own.join("cgroup.procs"), "0")?;
    }
    Ok(())
}

/// The hierarchy of version 2, which every kernel with control groups has, not attached anywhere.
fn hierarchy(attributes: MountAttrFlags) -> io::Result<OwnedFd> {
    let context = fsopen("cgroup2", FsOpenFlags::FSOPEN_CLOEXEC)?;
    fsconfig_create(&context)?;
    Ok(fsmount(&context, FsMountFlags::FSMOUNT_CLOEXEC, attributes)?)
}

/// The monitor's stay in the cell's groups, so that what it forks is in them from the beginning.
pub struct Stay {
    back: Vec<File>,
    /// What is written to each file, in turn.
    limits: Vec<(File, Vec<String>)>,
    /// The cell's group of version 2, where its devices are to be filtered: there is no controller for them.
    group: Option<File>,
}

/// A file that takes everything and holds nothing, for [`enter`].
///
/// # Errors
/// What the system said.
pub fn nothing() -> io::Result<OwnedFd> {
    Ok(rustix::fs::open("/dev/null", OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?)
}

/// Makes the cell's groups. Two may do so at once. Those of a cell that somebody removed meanwhile are removed again.
///
/// # Errors
/// What the system said, or that there can be none.
pub fn make(place: &Place) -> io::Result<()> {
    let made = Cgroup::at(&place.cgroup())?.make();
    if !place.exists() {
        Groups::of(place).remove()?;
    }
    made
}

/// Makes the cell's groups, where there can be any, and goes into them. The calling process must have one thread only. From
/// then on libcontainer sees no groups that it could make or remove. A cell that `reaches_devices` could use more than are
/// in its `/dev`.
///
/// # Errors
/// What the system said.
pub fn enter(place: &Place, limits: &[Limit], reaches_devices: bool, nothing: &OwnedFd) -> io::Result<Stay> {
    let (Ok(own), Ok(cell)) = (Cgroup::of(std::process::id()), Cgroup::at(&place.cgroup())) else {
        return hide(nothing).map(|()| Stay { back: Vec::new(), limits: Vec::new(), group: None });
    };
    cell.make()?;
    let back = own.doors()?;
    let open = |same: &[Limit]| {
        let texts = same.iter().map(|limit| limit.text.clone()).collect();
        Ok((cell.open(&same[0].controller, &same[0].file)?, texts))
    };
    let limits = limits.chunk_by(|one, next| one.file == next.file).map(open).collect::<io::Result<_>>()?;
    let group = cell.unified().filter(|_| reaches_devices).map(File::open).transpose()?;
    pass(&cell.doors()?)?;
    hide(nothing)?;
    Ok(Stay { back, limits, group })
}

impl Stay {
    /// Goes back, and then sets the limits: they are for those who remain.
    ///
    /// # Errors
    /// What the system said.
    pub fn end(self) -> io::Result<()> {
        pass(&self.back)?;
        if let Some(group) = self.group {
            let said = |error: io::Error| {
                io::Error::new(
                    error.kind(),
                    format!(
                        "a filter for its devices, which a cell with CAP_MKNOD or CAP_SYS_ADMIN needs: {error}; keep the layer caps on"
                    ),
                )
            };
            devices::filter(&group).map_err(said)?;
        }
        for (mut file, texts) in self.limits {
            for text in texts {
                let said = |error: io::Error| io::Error::new(error.kind(), format!("{text:?}: {error}"));
                file.write_all(text.as_bytes()).map_err(said)?;
            }
        }
        Ok(())
    }
}

fn pass(doors: &[File]) -> io::Result<()> {
    doors.iter().try_for_each(|mut door| door.write_all(b"0"))
}

/// Shows this process a hierarchy of version 2 in which libcontainer, given its root, finds nothing to do: what it
/// writes to the file of members goes nowhere, that file tells of nobody, and nobody can be killed there.
fn hide(nothing: &OwnedFd) -> io::Result<()> {
    let mounted = match cgroup::hierarchies().iter().find(|mount| mount.kind == "cgroup2") {
        // To make one anew takes the kernel some 10 ms.
        Some(mount) => clone(&mount.point)?,
        None => hierarchy(MountAttrFlags::empty())?,
    };
    move_mount(&mounted, "", CWD, MOUNTED, MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH)?;
    for file in ["cgroup.procs", "cgroup.kill"].map(|name| Path::new(MOUNTED).join(name)) {
        if file.exists() {
            let nothing = clone(&format!("/proc/self/fd/{}", nothing.as_raw_fd()))?;
            move_mount(&nothing, "", CWD, file, MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH)?;
        }
    }
    Ok(())
}

/// A mount of the same, not attached anywhere.
fn clone(path: &str) -> io::Result<OwnedFd> {
    Ok(open_tree(CWD, path, OpenTreeFlags::OPEN_TREE_CLOEXEC | OpenTreeFlags::OPEN_TREE_CLONE)?)
}

/// The groups of one cell, in each hierarchy.
#[derive(Clone, Debug)]
pub struct Groups {
    directories: Vec<PathBuf>,
}

impl Groups {
    /// Those there may be.
    pub fn of(place: &Place) -> Self {
        Self { directories: cgroup::directories(&place.cgroup()) }
    }

    /// A hold on each process in them.
    fn processes(&self) -> Vec<OwnedFd> {
        let mut pids: Vec<u32> = self.all().iter().flat_map(|directory| members(directory)).collect();
        pids.sort_unstable();
        pids.dedup();
        // A number that was given anew meanwhile is no member any more.
        let held: Vec<(u32, OwnedFd)> = pids.into_iter().filter_map(|pid| Some((pid, place::open(pid)?))).collect();
        let still: Vec<u32> = self.all().iter().flat_map(|directory| members(directory)).collect();
        held.into_iter().filter(|(pid, _)| still.contains(pid)).map(|(_, pidfd)| pidfd).collect()
    }

    /// Removes them; false while a process is in one, or another group.
    ///
    /// # Errors
    /// What the system said, but that one is busy or gone.
    pub fn remove(&self) -> io::Result<bool> {
        remove_all(&self.directories)
    }

    /// Kills each process in them, and removes the groups below them that are empty.
    ///
    /// # Errors
    /// What the system said, but that one is busy or gone.
    pub fn empty(&self) -> io::Result<()> {
        self.processes().iter().for_each(place::kill);
        remove_all(&self.all()).map(|_| ())
    }

    /// The groups and those below them, deepest first.
    fn all(&self) -> Vec<PathBuf> {
        let mut all = Vec::new();
        self.directories.iter().for_each(|directory| collect(directory, &mut all));
        all
    }
}

fn remove_all(directories: &[PathBuf]) -> io::Result<bool> {
    let mut empty = true;
    for directory in directories {
        match fs::remove_dir(directory) {
            Err(error) if error.kind() == io::ErrorKind::ResourceBusy => empty = false,
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(empty)
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
pub fn meters(place: &Place) -> Option<cgroup::Meters> {
    Some(Cgroup::at(&place.cgroup()).ok()?.meters())
}
