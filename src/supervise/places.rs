//! The files that calls name, looked at from outside the cell: resolved in the cell's own tree by the kernel, never
//! opened, and never beyond its root.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;

use rustix::fs::{AtFlags, Mode, OFlags, ResolveFlags, StatxFlags, openat2, readlinkat, statx};

use crate::kernel::procfs::Mount;
use crate::run::attribution::{Node, PathAt, Place, Use, Want};
use crate::seccomp::decode::Memory;
use crate::text::visible;

/// Symbolic links that lead to nothing, one after the other, as the kernel follows them: `MAXSYMLINKS`.
const MOST_LINKS: usize = 40;

/// The longest path: `PATH_MAX`.
const LONGEST: usize = 4096;

/// A cell's tree.
pub struct Places {
    root: OwnedFd,
    mounts: Vec<Mount>,
}

impl Places {
    /// As a process of the cell sees it.
    ///
    /// # Errors
    /// When the process is gone, or may not be looked into.
    pub fn of(pid: u32, mounts: Vec<Mount>) -> io::Result<Self> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root = rustix::fs::open(format!("/proc/{pid}/root"), flags, Mode::empty())?;
        Ok(Self { root, mounts })
    }

    /// What a call wants, each with its file. The caller's memory is read through `memory`, its directories and
    /// descriptors by its number.
    pub fn find(
        &self,
        wants: Vec<Want>,
        pid: u32,
        args: &[u64; 6],
        memory: &mut dyn Memory,
    ) -> Vec<(Want, Option<Place>)> {
        let mut find = |want: &Want| match want {
            Want::File(at, how) => self.named(*at, *how, pid, args, memory),
            Want::Open(argument, _) => self.open(pid, descriptor(args[*argument])),
            Want::Root
            | Want::Right(_)
            | Want::Task
            | Want::Descriptor
            | Want::Memory
            | Want::Peer(_)
            | Want::Port
            | Want::SharedIpc => None,
        };
        wants.into_iter().map(|want| (want, find(&want))).collect()
    }

    fn named(&self, at: PathAt, how: Use, pid: u32, args: &[u64; 6], memory: &mut dyn Memory) -> Option<Place> {
        let path = string(memory, args[at.path])?;
        if path.starts_with(b"/") {
            return Some(self.at(path, how));
        }
        let directory = match at.directory.map(|argument| descriptor(args[argument])) {
            Some(fd) if fd != libc::AT_FDCWD => format!("/proc/{pid}/fd/{fd}"),
            _ => format!("/proc/{pid}/cwd"),
        };
        let directory = std::fs::read_link(directory).ok()?;
        // An empty path is the descriptor itself, as of execveat(2) and fchownat(2).
        let path = if path.is_empty() { directory.into_os_string() } else { with(directory.as_os_str(), &path) };
        Some(self.at(path.as_bytes().to_vec(), how))
    }

    /// What a descriptor of a process leads to.
    fn open(&self, pid: u32, fd: i32) -> Option<Place> {
        self.by_link(&format!("/proc/{pid}/fd/{fd}"))
    }

    /// The program that a process runs.
    pub fn program(&self, pid: u32) -> Option<Place> {
        self.by_link(&format!("/proc/{pid}/exe"))
    }

    fn by_link(&self, link: &str) -> Option<Place> {
        let path = std::fs::read_link(link).ok()?;
        let file = rustix::fs::open(link, OFlags::PATH | OFlags::CLOEXEC, Mode::empty()).ok()?;
        let (node, mount) = self.look(file.as_fd()).ok()?;
        Some(Place { path: visible(path.as_os_str().as_bytes()), mount, file: Some(node), directory: None })
    }

    /// An absolute path. Where links lead to nothing, their end is what is meant; where that is not there, the deepest
    /// directory that is decides.
    fn at(&self, mut path: Vec<u8>, how: Use) -> Place {
        let follow = if how == Use::Name { OFlags::NOFOLLOW } else { OFlags::empty() };
        for _ in 0..MOST_LINKS {
            // A link of /proc's is followed by nobody but its owner.
            let end = match self.resolve(&path, follow) {
                Ok(file) => return self.there(&path, &file, how),
                Err(rustix::io::Errno::NOENT) if how != Use::Name => self.dangling(&path),
                Err(_) => None,
            };
            match end {
                Some(end) => path = end,
                None => break,
            }
        }
        let mut place = Place { path: visible(&path), ..Place::default() };
        let mut above = path.as_slice();
        while let Some(parent) = parent(above) {
            above = parent;
            if let Ok(directory) = self.resolve(above, OFlags::empty())
                && let Ok((node, mount)) = self.look(directory.as_fd())
            {
                (place.directory, place.mount) = (Some(node), mount);
                break;
            }
        }
        place
    }

    fn there(&self, path: &[u8], file: &OwnedFd, how: Use) -> Place {
        let found =
            rustix::fs::readlink(format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(file)), Vec::new());
        let found = found.map_or_else(|_| path.to_vec(), |found| found.as_bytes().to_vec());
        // Of what is there, only its name is its directory's matter.
        let named = parent(&found).filter(|_| how == Use::Name);
        let directory = named.and_then(|above| self.resolve(above, OFlags::empty()).ok());
        let directory = directory.and_then(|directory| self.look(directory.as_fd()).ok());
        let (file, mount) = self.look(file.as_fd()).map_or((None, None), |(node, mount)| (Some(node), mount));
        Place { path: visible(&found), mount, file, directory: directory.map(|(node, _)| node) }
    }

    /// Where a symbolic link leads whose end is not there.
    fn dangling(&self, path: &[u8]) -> Option<Vec<u8>> {
        let link = self.resolve(path, OFlags::NOFOLLOW).ok()?;
        let end = readlinkat(&link, "", Vec::new()).ok()?;
        let above = parent(path)?;
        Some(with(std::ffi::OsStr::from_bytes(above), end.as_bytes()).as_bytes().to_vec())
    }

    fn resolve(&self, path: &[u8], more: OFlags) -> rustix::io::Result<OwnedFd> {
        let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
        openat2(&self.root, path, OFlags::PATH | OFlags::CLOEXEC | more, Mode::empty(), resolve)
    }

    fn look(&self, file: BorrowedFd<'_>) -> rustix::io::Result<(Node, Option<Mount>)> {
        let wanted = StatxFlags::MODE | StatxFlags::UID | StatxFlags::GID | StatxFlags::MNT_ID;
        let stat = statx(file, "", AtFlags::EMPTY_PATH, wanted)?;
        let mount = self.mounts.iter().find(|mount| mount.id == stat.stx_mnt_id).cloned();
        Ok((Node { mode: stat.stx_mode.into(), uid: stat.stx_uid, gid: stat.stx_gid }, mount))
    }
}

/// An int: the kernel looks at no more of the register.
fn descriptor(argument: u64) -> i32 {
    u32::try_from(argument & u64::from(u32::MAX)).unwrap_or(0).cast_signed()
}

/// The directory that a path is in; `None` for the root's.
fn parent(path: &[u8]) -> Option<&[u8]> {
    let end = path.iter().rposition(|byte| *byte != b'/')?;
    let slash = path[..end].iter().rposition(|byte| *byte == b'/')?;
    Some(if slash == 0 { b"/" } else { &path[..slash] })
}

/// A path from a directory on.
fn with(directory: &std::ffi::OsStr, path: &[u8]) -> std::ffi::OsString {
    let mut whole = directory.to_owned();
    if path.starts_with(b"/") {
        whole.clear();
    } else {
        whole.push("/");
    }
    whole.push(std::ffi::OsStr::from_bytes(path));
    whole
}

/// A string that ends in NUL.
fn string(memory: &mut dyn Memory, address: u64) -> Option<Vec<u8>> {
    let mut whole = Vec::new();
    while whole.len() < LONGEST {
        let at = address.checked_add(whole.len() as u64)?;
        // Memory ends at a page, and a read that goes beyond fails whole.
        let room = usize::try_from(4096 - at % 4096).ok()?.min(256);
        let mut part = vec![0; room];
        let read = memory.read(at, &mut part).ok().filter(|read| *read > 0)?;
        part.truncate(read);
        if let Some(end) = part.iter().position(|byte| *byte == 0) {
            whole.extend(&part[..end]);
            return Some(whole);
        }
        whole.extend(part);
    }
    None
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::kernel::procfs;

    fn here() -> Places {
        Places::of(std::process::id(), procfs::mounts(std::process::id()).unwrap()).unwrap()
    }

    #[test]
    fn a_link_that_leads_to_nothing_is_followed_to_where_the_file_would_be_made() {
        let directory = tempfile::tempdir().unwrap();
        let link = directory.path().join("link");
        symlink("/usr/share/hotcell-is-not-there", &link).unwrap();
        let path = link.as_os_str().as_bytes().to_vec();
        let place = here().at(path.clone(), Use::Make);
        assert_eq!(place.path, "/usr/share/hotcell-is-not-there");
        assert!(place.file.is_none() && place.directory.is_some() && place.mount.is_some());
        let place = here().at(path, Use::Name);
        assert!(place.path.ends_with("/link") && place.file.is_some());
    }

    #[test]
    fn a_file_is_told_with_its_owner_its_mode_and_its_mount() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("file");
        fs::write(&file, "").unwrap();
        fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o640)).unwrap();
        let place = here().at(file.as_os_str().as_bytes().to_vec(), Use::Read);
        assert_eq!(place.file.unwrap().mode & 0o7777, 0o640);
        let proc = here().at(b"/proc/1/environ".to_vec(), Use::Read);
        assert_eq!(proc.mount.unwrap().kind, "proc");
    }

    #[test]
    fn a_path_knows_its_directory() {
        let cases: [(&[u8], Option<&[u8]>); 5] =
            [(b"/a/b", Some(b"/a")), (b"/a", Some(b"/")), (b"/a/b/", Some(b"/a")), (b"/", None), (b"a", None)];
        for (path, expected) in cases {
            assert_eq!(parent(path), expected);
        }
    }
}
