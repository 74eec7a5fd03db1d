//! The directory that an image is unpacked to, as seen from within: every name is resolved by the kernel beneath one
//! descriptor (openat2(2)), so that no link in an image, and no link of an earlier layer, leads out of it.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{
    AtFlags, CWD, FileType, Gid, Mode, OFlags, ResolveFlags, Timespec, Timestamps, UTIME_OMIT, Uid, chownat, fchmod,
    fchown, futimens, linkat, mkdirat, openat, openat2, statat, symlinkat,
};
use rustix::io::Errno;
use rustix::process::geteuid;

use super::entry::EntryPath;
use super::tree;

/// How often the kernel is asked again where it could not tell that a path stays beneath the root: openat2(2), EAGAIN.
const ATTEMPTS: u32 = 64;

/// The root of an image that is being unpacked.
pub(super) struct Root {
    top: OwnedFd,
    /// Only root can give files away; for another user everything is theirs.
    gives_away: bool,
}

/// Who owns a file, and with which mode.
#[derive(Clone, Copy, Debug)]
pub(super) struct Owner {
    pub uid: u32,
    pub gid: u32,
    /// All bits; those that raise privileges are not given.
    pub mode: u32,
}

/// A name in a directory of the root.
pub(super) struct Place<'a> {
    pub directory: OwnedFd,
    pub inode: u64,
    pub name: &'a OsStr,
}

impl Root {
    /// Opens an empty directory as a root.
    ///
    /// # Errors
    /// What the system says.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        Ok(Self { top: openat(CWD, path, flags, Mode::empty())?, gives_away: geteuid().is_root() })
    }

    /// A directory, by whatever links of the image lead to it.
    pub(super) fn directory(&self, path: &Path) -> io::Result<OwnedFd> {
        let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let within = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS | ResolveFlags::NO_XDEV;
        for _ in 0..ATTEMPTS {
            match openat2(&self.top, path, flags, Mode::empty(), within) {
                Err(Errno::AGAIN) => {}
                opened => return Ok(opened?),
            }
        }
        Err(Errno::AGAIN.into())
    }

    /// [`Root::directory`], where it is there.
    pub(super) fn directory_if_any(&self, path: &Path) -> io::Result<Option<OwnedFd>> {
        match self.directory(path) {
            Ok(directory) => Ok(Some(directory)),
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// [`Root::directory`]; what is missing on the way is made, and told to `made`.
    fn directory_made(&self, path: &Path, made: &mut dyn FnMut(u64, &OsStr)) -> io::Result<OwnedFd> {
        if let Some(directory) = self.directory_if_any(path)? {
            return Ok(directory);
        }
        let mut so_far = PathBuf::new();
        let mut here = self.directory(&so_far)?;
        for name in path {
            so_far.push(name);
            here = match self.directory(&so_far) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    mkdirat(&here, name, Mode::from(0o755))?;
                    made(tree::inode(&here)?, name);
                    let new = tree::open_directory(&here, name)?;
                    self.dress(&new, Owner { uid: 0, gid: 0, mode: 0o755 }, true)?;
                    new
                }
                other => other?,
            };
        }
        Ok(here)
    }

    /// The place of an entry that is to be put there; none for the root itself.
    pub(super) fn place<'a>(
        &self,
        path: &'a EntryPath,
        made: &mut dyn FnMut(u64, &OsStr),
    ) -> io::Result<Option<Place<'a>>> {
        let Some(name) = path.leaf() else { return Ok(None) };
        let directory = self.directory_made(path.parent(), made)?;
        Ok(Some(Place { inode: tree::inode(&directory)?, directory, name }))
    }

    /// The root's own owner and mode.
    pub(super) fn dress_top(&self, owner: Owner) -> io::Result<()> {
        self.dress(tree::open_directory(&self.top, ".")?, owner, true)
    }

    fn dress(&self, file: impl AsFd, owner: Owner, is_directory: bool) -> io::Result<()> {
        if self.gives_away {
            fchown(&file, Some(Uid::from_raw(owner.uid)), Some(Gid::from_raw(owner.gid)))?;
        }
        // Without set-user-id and set-group-id. A user who is not root must be able to go through their own directories.
        let through = if is_directory && !self.gives_away { 0o700 } else { 0 };
        Ok(fchmod(&file, Mode::from_raw_mode(owner.mode & 0o1777 | through))?)
    }

    /// Puts a directory; one that is there keeps what is in it.
    pub(super) fn put_directory(&self, place: &Place, owner: Owner) -> io::Result<()> {
        match mkdirat(&place.directory, place.name, Mode::from(0o700)) {
            Err(Errno::EXIST) if place.kind()? == Some(FileType::Directory) => {}
            Err(Errno::EXIST) => {
                place.clear()?;
                mkdirat(&place.directory, place.name, Mode::from(0o700))?;
            }
            made => made?,
        }
        self.dress(tree::open_directory(&place.directory, place.name)?, owner, true)
    }

    /// Gives a file that was written its owner, mode and time.
    pub(super) fn finish_file(&self, file: &File, owner: Owner, mtime: i64) -> io::Result<()> {
        self.dress(file, owner, false)?;
        let (seconds, omit) = (|tv_sec| Timespec { tv_sec, tv_nsec: 0 }, Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT });
        Ok(futimens(file, &Timestamps { last_access: omit, last_modification: seconds(mtime) })?)
    }

    /// Puts a symbolic link in the place of whatever is there. What it leads to is text, and followed by nobody here.
    pub(super) fn put_symlink(&self, place: &Place, target: &OsStr, owner: Owner) -> io::Result<()> {
        place.instead(|| symlinkat(target, &place.directory, place.name))?;
        if self.gives_away {
            let (uid, gid) = (Uid::from_raw(owner.uid), Gid::from_raw(owner.gid));
            chownat(&place.directory, place.name, Some(uid), Some(gid), AtFlags::SYMLINK_NOFOLLOW)?;
        }
        Ok(())
    }

    /// Puts another name for a file of the root; a link is not followed but linked itself.
    pub(super) fn put_hard_link(&self, place: &Place, target: &EntryPath) -> io::Result<()> {
        let Some(name) = target.leaf() else { return Err(Errno::ISDIR.into()) };
        let directory = self.directory(target.parent())?;
        let found = statat(&directory, name, AtFlags::SYMLINK_NOFOLLOW)?;
        if FileType::from_raw_mode(found.st_mode) == FileType::Directory {
            return Err(Errno::ISDIR.into());
        }
        if tree::inode(&directory)? == place.inode && name == place.name {
            return Err(Errno::LOOP.into());
        }
        place.instead(|| linkat(&directory, name, &place.directory, place.name, AtFlags::empty()))
    }
}

impl Place<'_> {
    /// Puts a file in the place of whatever is there; its bytes are for the caller to write.
    pub(super) fn put_file(&self) -> io::Result<File> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let create = || openat(&self.directory, self.name, flags, Mode::from(0o600));
        Ok(self.instead(create)?.into())
    }

    /// What is there.
    fn kind(&self) -> io::Result<Option<FileType>> {
        match statat(&self.directory, self.name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(found) => Ok(Some(FileType::from_raw_mode(found.st_mode))),
            Err(Errno::NOENT) => Ok(None),
            Err(errno) => Err(errno.into()),
        }
    }

    /// Removes whatever is there.
    fn clear(&self) -> io::Result<()> {
        tree::remove(&self.directory, self.name, &|_, _| false)
    }

    /// Makes something where nothing is, and in the place of what is there.
    fn instead<T>(&self, make: impl Fn() -> rustix::io::Result<T>) -> io::Result<T> {
        match make() {
            Err(Errno::EXIST) => {
                self.clear()?;
                Ok(make()?)
            }
            other => Ok(other?),
        }
    }
}

/// A link's target as the system takes it.
///
/// # Errors
/// Why no honest archive has it.
pub(super) fn link_target(bytes: &[u8]) -> Result<&OsStr, &'static str> {
    match bytes {
        [] => Err("a link to nothing"),
        _ if bytes.contains(&0) => Err("a link to a path with a zero byte"),
        _ if bytes.len() >= super::limits::PATH => Err("a link to a path longer than Linux takes"),
        _ => Ok(OsStr::from_bytes(bytes)),
    }
}
