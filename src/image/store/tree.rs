//! Removes trees that an image made: by descriptors, never by paths, and without recursion, since how deep they are
//! was not ours to choose.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, fstat, openat, statat, unlinkat};
use rustix::io::Errno;

/// Opens a directory that is no link.
pub(super) fn open_directory(parent: impl AsFd, name: impl rustix::path::Arg) -> io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(openat(parent, name, flags, Mode::empty())?)
}

/// The inode of a directory, which tells it from others of the same file system.
pub(super) fn inode(directory: impl AsFd) -> io::Result<u64> {
    Ok(fstat(directory)?.st_ino)
}

/// The names in a directory.
pub(super) fn names(directory: impl AsFd) -> io::Result<Vec<OsString>> {
    let mut names = Vec::new();
    for entry in Dir::read_from(directory)? {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        if !matches!(name, b"." | b"..") {
            names.push(OsStr::from_bytes(name).to_owned());
        }
    }
    Ok(names)
}

/// A directory on the way down.
struct Level {
    /// Its name in the one above.
    name: OsString,
    inode: u64,
    /// Its entries that are still to be looked at.
    left: Vec<OsString>,
}

/// Removes an entry of a directory with all below, except what is to be kept, which is told by its directory's inode
/// and its name, and the directories that lead there. One that is not there is not an error.
///
/// # Errors
/// What the system says; some of it may be gone then.
pub(super) fn remove(parent: impl AsFd, name: &OsStr, keep: &dyn Fn(u64, &OsStr) -> bool) -> io::Result<()> {
    let mut here = open_directory(parent, ".")?;
    let mut levels = vec![Level { name: OsString::new(), inode: inode(&here)?, left: vec![name.to_owned()] }];
    while let Some(level) = levels.last_mut() {
        if let Some(name) = level.left.pop() {
            let is_kept = keep(level.inode, &name);
            match statat(&here, &name, AtFlags::SYMLINK_NOFOLLOW) {
                Err(Errno::NOENT) => {}
                Err(errno) => return Err(errno.into()),
                Ok(found) if FileType::from_raw_mode(found.st_mode) == FileType::Directory => {
                    here = open_directory(&here, &name)?;
                    levels.push(Level { name, inode: inode(&here)?, left: names(&here)? });
                }
                Ok(_) if is_kept => {}
                Ok(_) => unlinkat(&here, &name, AtFlags::empty())?,
            }
            continue;
        }
        let Some(done) = levels.pop() else { break };
        let Some(above) = levels.last() else { break };
        here = open_directory(&here, "..")?;
        if inode(&here)? != above.inode {
            return Err(io::Error::other("a directory was moved while its tree was removed"));
        }
        if !keep(above.inode, &done.name) {
            match unlinkat(&here, &done.name, AtFlags::REMOVEDIR) {
                // It leads to something that is kept.
                Ok(()) | Err(Errno::NOTEMPTY) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_tree_goes_whole_and_what_its_links_lead_to_stays() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("precious"), "").unwrap();
        fs::create_dir_all(dir.path().join("tree/a/b")).unwrap();
        fs::create_dir(dir.path().join("other")).unwrap();
        fs::write(dir.path().join("other/file"), "").unwrap();
        std::os::unix::fs::symlink("../../other", dir.path().join("tree/a/link")).unwrap();
        let parent = fs::File::open(dir.path()).unwrap();
        remove(&parent, OsStr::new("tree"), &|_, _| false).unwrap();
        remove(&parent, OsStr::new("tree"), &|_, _| false).unwrap();
        assert!(!dir.path().join("tree").exists());
        assert!(dir.path().join("other/file").exists() && dir.path().join("precious").exists());
    }

    #[test]
    fn what_is_kept_stays_with_the_way_there() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("tree/a/b")).unwrap();
        for file in ["tree/a/keep", "tree/a/go", "tree/a/b/go", "tree/go"] {
            fs::write(dir.path().join(file), "").unwrap();
        }
        let parent = fs::File::open(dir.path()).unwrap();
        remove(&parent, OsStr::new("tree"), &|_, name| name == "keep").unwrap();
        assert!(dir.path().join("tree/a/keep").exists());
        assert!(!dir.path().join("tree/a/b").exists() && !dir.path().join("tree/go").exists());
    }

    #[test]
    fn a_tree_deeper_than_descriptors_or_paths_go_is_removed() {
        let dir = tempfile::tempdir().unwrap();
        let top = fs::File::open(dir.path()).unwrap();
        let mut here: OwnedFd = top.try_clone().unwrap().into();
        for _ in 0..3000 {
            rustix::fs::mkdirat(&here, "deep", Mode::from(0o700)).unwrap();
            here = open_directory(&here, "deep").unwrap();
        }
        remove(&top, OsStr::new("deep"), &|_, _| false).unwrap();
        assert_eq!(names(&top).unwrap(), Vec::<OsString>::new());
    }
}
