//! Assembles a cell's root in the monitor's own mount namespace. Nothing of it is ever mounted on the machine itself,
//! so all of it is gone with the monitor and the cell, however they end.
//!
//! The first directory of the bundle's path (`/run`, say) is covered by an empty file system, which has the bundle. Process
//! 1 can reach it there whoever it is: the directories on the way are this user's alone on the machine, and in a user
//! namespace root is nobody here. The cell's own directory is brought back, and what else is needed from below is held
//! open before.

use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt, chown, symlink};
use std::path::{Component, Path, PathBuf};

use libcontainer::oci_spec::runtime::LinuxNamespaceType;
use libcontainer::syscall::Syscall;
use libcontainer::syscall::linux::{
    AT_EMPTY_PATH, AT_RECURSIVE, LinuxSyscall, MOUNT_ATTR_NODEV, MOUNT_ATTR_NOSUID, MOUNT_ATTR_RDONLY, MountAttr,
};
use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, mkdirat, openat2};
use rustix::io::Errno;
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, MountPropagationFlags, MoveMountFlags, OpenTreeFlags, fsconfig_create,
    fsconfig_set_flag, fsconfig_set_string, fsmount, fsopen, mount_change, move_mount, open_tree,
};
use serde::{Deserialize, Serialize};

use super::place::Place;
use super::userns::unshare;
use super::view::{Root, View};

/// What a cell may write to a root that is not read-only, in bytes; what the `memory` layer allows bounds it too.
const WRITABLE: u64 = 512 << 20;

/// What the parts of a read-only root that are made for it take, in bytes.
const MADE: u64 = 8 << 20;

/// Directories that every system has, empty in the cell, and their modes.
const EMPTY: [(&str, u32); 9] = [
    ("dev", 0o755),
    ("etc", 0o755),
    ("proc", 0o555),
    ("root", 0o700),
    ("run", 0o755),
    ("sys", 0o555),
    ("tmp", 0o1777),
    ("var", 0o755),
    ("var/tmp", 0o1777),
];

/// Why a root could not be assembled.
#[derive(Debug, thiserror::Error)]
#[error("{doing} {}: {source}", path.display())]
pub struct RootError {
    doing: &'static str,
    path: PathBuf,
    source: io::Error,
}

/// Wraps what the system said of a path.
pub fn fault<E: Into<io::Error>>(doing: &'static str, path: &Path) -> impl FnOnce(E) -> RootError {
    move |source| RootError { doing, path: path.to_owned(), source: source.into() }
}

/// What to assemble.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stage {
    /// Of what.
    pub root: Root,
    /// The cell may write to it, and the machine's own files stay as they are.
    pub writable: bool,
    /// Directories of this machine and where the cell sees them, read-only.
    pub binds: Vec<(PathBuf, PathBuf)>,
    /// Where the cell's command begins, made where it is not there.
    pub workdir: PathBuf,
    /// Whose the root is, as the monitor sees it: user and group.
    pub owner: (u32, u32),
    /// The monitor is in a user namespace, where an overlay may keep its notes in a user's attributes alone.
    pub in_userns: bool,
}

/// Enters a mount namespace of its own.
///
/// # Errors
/// What the system said.
pub fn private_namespace() -> io::Result<()> {
    unshare(LinuxNamespaceType::Mount)?;
    Ok(mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC)?)
}

/// Assembles the root at the cell's place, in this process's own mount namespace, with what was made for it before.
///
/// # Errors
/// What was tried, where, and what the system said.
pub fn assemble(stage: &Stage, place: &Place, raised: Option<Raised>) -> Result<(), RootError> {
    let binds: Vec<Tree> =
        stage.binds.iter().map(|(host, cell)| Tree::read_only(host, cell)).collect::<Result<_, _>>()?;
    // An image's files may lie below what is covered.
    let image = match &stage.root {
        Root::Host(_) => None,
        Root::Dir(directory) => Some(hold(directory).map_err(fault("opening", directory))?),
    };
    cover(place)?;
    if let Some(image) = image {
        overlay(stage, &by_number(&image), &place.root(), &scratch(place)?, MountAttrFlags::empty())?;
    } else if let Root::Host(view) = &stage.root {
        host(view, stage, place, raised)?;
    }
    let root = place.root();
    binds.iter().try_for_each(|bind| bind.attach(&root))?;
    stand(&root, &stage.workdir, false).map(|_| ()).map_err(fault("making a place for", &stage.workdir))
}

fn hold(directory: &Path) -> rustix::io::Result<OwnedFd> {
    rustix::fs::open(directory, OFlags::PATH | OFlags::CLOEXEC | OFlags::DIRECTORY, Mode::empty())
}

/// A path to what is held, whatever its own leads to by now.
fn by_number(held: &OwnedFd) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}", held.as_raw_fd()))
}

/// A tree of this machine, held open, and the place for it in the cell's root.
struct Tree {
    held: OwnedFd,
    at: PathBuf,
    is_file: bool,
}

impl Tree {
    /// With all that is mounted below it, nothing of which can be written, gives an identity or is a device.
    fn read_only(host: &Path, at: &Path) -> Result<Self, RootError> {
        let flags = OpenTreeFlags::OPEN_TREE_CLOEXEC | OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::AT_RECURSIVE;
        let held = open_tree(CWD, host, flags).map_err(fault("binding", host))?;
        restrict(held.as_fd()).map_err(fault("making read-only", host))?;
        Ok(Self { held, at: at.to_owned(), is_file: !host.is_dir() })
    }

    fn attach(&self, root: &Path) -> Result<(), RootError> {
        let target = stand(root, &self.at, self.is_file).map_err(fault("making a place for", &self.at))?;
        let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH;
        move_mount(&self.held, "", &target, "", flags).map_err(fault("mounting", &self.at))
    }
}

/// Makes a held tree of mounts read-only, without set-user-id programs and devices.
///
/// # Errors
/// What the system said.
pub fn restrict(tree: BorrowedFd<'_>) -> io::Result<()> {
    let attr = MountAttr {
        attr_set: MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV,
        attr_clr: 0,
        propagation: 0,
        userns_fd: 0,
    };
    LinuxSyscall
        .mount_setattr(tree, Path::new(""), AT_EMPTY_PATH | AT_RECURSIVE, &attr, size_of::<MountAttr>())
        .map_err(io::Error::other)
}

/// The directory (or file) of a root that something is mounted on, made where it is not there. A link of the image's on
/// the way is refused: it could lead out of the root.
///
/// # Errors
/// What the system said.
pub fn stand(root: &Path, at: &Path, is_file: bool) -> io::Result<OwnedFd> {
    let resolve = ResolveFlags::NO_SYMLINKS | ResolveFlags::IN_ROOT;
    let open = |directory: BorrowedFd<'_>, name: &Path, kind| {
        openat2(directory, name, OFlags::PATH | OFlags::CLOEXEC | kind, Mode::empty(), resolve)
    };
    let mut here = rustix::fs::open(root, OFlags::PATH | OFlags::CLOEXEC | OFlags::DIRECTORY, Mode::empty())?;
    let names: Vec<PathBuf> = at
        .components()
        .filter_map(|part| if let Component::Normal(name) = part { Some(name.into()) } else { None })
        .collect();
    for (index, name) in names.iter().enumerate() {
        let last_is_file = is_file && index + 1 == names.len();
        let kind = if last_is_file { OFlags::empty() } else { OFlags::DIRECTORY };
        here = match open(here.as_fd(), name, kind) {
            Err(Errno::NOENT) if last_is_file => {
                let flags = OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
                rustix::fs::openat(&here, name, flags, Mode::from_raw_mode(0o644))?
            }
            Err(Errno::NOENT) => {
                mkdirat(&here, name, Mode::from_raw_mode(0o755))?;
                open(here.as_fd(), name, kind)?
            }
            found => found?,
        };
    }
    Ok(here)
}

/// Covers the first directory of the bundle's path, makes the bundle there and brings the cell's directory back.
fn cover(place: &Place) -> Result<(), RootError> {
    let dir = place.dir();
    let held = open_tree(CWD, dir, OpenTreeFlags::OPEN_TREE_CLOEXEC | OpenTreeFlags::OPEN_TREE_CLONE)
        .map_err(fault("holding", dir))?;
    let first: PathBuf = dir.components().take(2).collect();
    tmpfs(&first, MADE)?;
    for made in [dir, &place.root(), &place.runtime_state()] {
        DirBuilder::new().recursive(true).mode(0o755).create(made).map_err(fault("making", made))?;
    }
    move_mount(&held, "", CWD, dir, MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH).map_err(fault("mounting", dir))
}

/// Mounts an empty file system of a bounded size.
fn tmpfs(at: &Path, size: u64) -> Result<(), RootError> {
    attach(&empty(size).map_err(fault("making a tmpfs for", at))?, at)
}

/// An empty file system of a bounded size that is not anywhere yet.
fn empty(size: u64) -> io::Result<OwnedFd> {
    let context = fsopen("tmpfs", FsOpenFlags::FSOPEN_CLOEXEC)?;
    fsconfig_set_string(&context, "size", size.to_string())?;
    fsconfig_set_string(&context, "mode", "755")?;
    fsconfig_create(&context)?;
    let attributes = MountAttrFlags::MOUNT_ATTR_NOSUID | MountAttrFlags::MOUNT_ATTR_NODEV;
    Ok(fsmount(&context, FsMountFlags::FSMOUNT_CLOEXEC, attributes)?)
}

fn attach(mounted: &OwnedFd, at: &Path) -> Result<(), RootError> {
    move_mount(mounted, "", CWD, at, MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH).map_err(fault("mounting", at))
}

/// A read-only root `host` that is not anywhere yet: all but what is bound into it for one cell.
pub struct Raised {
    view: View,
    owner: (u32, u32),
    files: OwnedFd,
    trees: Vec<Tree>,
}

impl Raised {
    /// Makes one.
    ///
    /// # Errors
    /// What was tried, where, and what the system said.
    pub fn of(view: &View, owner: (u32, u32)) -> Result<Self, RootError> {
        let files = raise(view, owner, MADE)?;
        let tree = |tree: &PathBuf| Tree::read_only(&Path::new("/").join(tree), tree);
        let trees = view.trees.iter().map(tree).collect::<Result<_, _>>()?;
        Ok(Self { view: view.clone(), owner, files, trees })
    }
}

/// The root `host`: a small file system of the cell's own, with this machine's trees in it.
fn host(view: &View, stage: &Stage, place: &Place, raised: Option<Raised>) -> Result<(), RootError> {
    let root = place.root();
    if !stage.writable {
        let raised = raised.filter(|raised| raised.view == *view && raised.owner == stage.owner);
        let Raised { files, trees, .. } = raised.map_or_else(|| Raised::of(view, stage.owner), Ok)?;
        attach(&files, &root)?;
        return trees.iter().try_for_each(|tree| tree.attach(&root));
    }
    attach(&raise(view, stage.owner, WRITABLE)?, &root)?;
    let scratch = scratch(place)?;
    view.trees.iter().try_for_each(|tree| {
        let at = root.join(tree);
        fs::create_dir_all(&at).map_err(fault("making", &at))?;
        let attributes = MountAttrFlags::MOUNT_ATTR_NOSUID | MountAttrFlags::MOUNT_ATTR_NODEV;
        overlay(stage, &Path::new("/").join(tree), &at, &scratch.join(tree), attributes)
    })
}

/// A file system with all of a view but its trees.
fn raise(view: &View, owner: (u32, u32), size: u64) -> Result<OwnedFd, RootError> {
    let files = empty(size).map_err(fault("making a tmpfs for", Path::new("/")))?;
    let root = by_number(&files);
    let own = |path: &Path| chown(path, Some(owner.0), Some(owner.1)).map_err(fault("giving away", path));
    own(&root)?;
    for (name, mode) in EMPTY {
        let path = root.join(name);
        DirBuilder::new().create(&path).map_err(fault("making", &path))?;
        fs::set_permissions(&path, Permissions::from_mode(mode)).map_err(fault("opening", &path))?;
        own(&path)?;
    }
    for (path, target) in &view.links {
        symlink(target, root.join(path)).map_err(fault("linking", path))?;
    }
    for (path, text) in &view.made {
        let path = root.join(path);
        fs::write(&path, text).map_err(fault("writing", &path))?;
        own(&path)?;
    }
    for path in &view.copies {
        let (from, to) = (Path::new("/").join(path), root.join(path));
        let copied = fs::read(&from).and_then(|bytes| fs::write(&to, bytes));
        copied.map_err(fault("copying", &from))?;
        own(&to)?;
    }
    Ok(files)
}

/// A bounded file system for what a cell writes over read-only trees; it is beside the root and never in it.
fn scratch(place: &Place) -> Result<PathBuf, RootError> {
    let scratch = place.bundle().join("scratch");
    fs::create_dir(&scratch).map_err(fault("making", &scratch))?;
    tmpfs(&scratch, WRITABLE)?;
    Ok(scratch)
}

/// Mounts a tree so that it can be written and stays as it is: what is written goes to `scratch`.
fn overlay(
    stage: &Stage,
    lower: &Path,
    at: &Path,
    scratch: &Path,
    attributes: MountAttrFlags,
) -> Result<(), RootError> {
    let (upper, work) = (scratch.join("upper"), scratch.join("work"));
    for directory in [&upper, &work] {
        fs::create_dir_all(directory).map_err(fault("making", directory))?;
    }
    let mount = || {
        let context = fsopen("overlay", FsOpenFlags::FSOPEN_CLOEXEC)?;
        fsconfig_set_string(&context, "lowerdir", lower)?;
        fsconfig_set_string(&context, "upperdir", &upper)?;
        fsconfig_set_string(&context, "workdir", &work)?;
        if stage.in_userns {
            // Linux 5.11.
            fsconfig_set_flag(&context, "userxattr")?;
        }
        fsconfig_create(&context)?;
        let mounted = fsmount(&context, FsMountFlags::FSMOUNT_CLOEXEC, attributes)?;
        move_mount(&mounted, "", CWD, at, MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH)
    };
    mount().map_err(fault("mounting an overlay of", lower))
}
