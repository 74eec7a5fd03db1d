//! Files of the user's, read and written with care: what is read is a file and no larger than it should be, what is
//! written is there whole or not at all.

use std::fs::{self, File, Metadata, OpenOptions, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::fs::OFlags;

use crate::policy::Bytes;

/// Why a file was not read or written.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The system refused.
    #[error(transparent)]
    System(#[from] io::Error),
    /// It is a directory, a pipe, a device or a socket.
    #[error("it is a {0}, not a file")]
    NotAFile(&'static str),
    /// It has more bytes than its reader takes.
    #[error("it is larger than {0}, the most that is read")]
    TooLarge(Bytes),
    /// It is to be text.
    #[error("it is not UTF-8 text")]
    NotText,
}

impl From<FileError> for io::Error {
    fn from(error: FileError) -> Self {
        match error {
            FileError::System(error) => error,
            other => Self::other(other),
        }
    }
}

/// Opens a regular file and nothing else: looked at before opening, since to open some devices is to use them, and
/// again after, should it have changed.
///
/// # Errors
/// [`FileError::NotAFile`], or what the system says.
pub fn open_regular(path: &Path) -> Result<File, FileError> {
    check(&fs::metadata(path)?)?;
    let flags = (OFlags::NONBLOCK | OFlags::NOCTTY).bits().cast_signed();
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    check(&file.metadata()?)?;
    Ok(file)
}

/// Reads a regular file.
///
/// # Errors
/// As [`open_regular`], and [`FileError::TooLarge`].
pub fn read(path: &Path, most: Bytes) -> Result<Vec<u8>, FileError> {
    let mut bytes = Vec::new();
    open_regular(path)?.take(most.0.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most.0 { Err(FileError::TooLarge(most)) } else { Ok(bytes) }
}

/// Reads a regular file of text.
///
/// # Errors
/// As [`read`], and [`FileError::NotText`].
pub fn read_text(path: &Path, most: Bytes) -> Result<String, FileError> {
    String::from_utf8(read(path, most)?).map_err(|_| FileError::NotText)
}

/// Writes a file that is not there yet, with this mode less the umask.
///
/// # Errors
/// What the system says; [`io::ErrorKind::AlreadyExists`] where something is there.
pub fn create(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
    let written = file.write_all(bytes).and_then(|()| file.sync_all());
    if written.is_err() {
        let _ = fs::remove_file(path);
    }
    written
}

/// Writes a file, and over one that is there: whoever reads it meanwhile gets the old bytes or the new ones. One that is
/// there keeps its mode, and its owner where that may be; a link stays, and what it leads to is written.
///
/// # Errors
/// [`FileError::NotAFile`] where something else is there, or what the system says.
pub fn replace(path: &Path, bytes: &[u8], mode: u32) -> Result<(), FileError> {
    let (path, old) = replaced(path)?;
    // Never open to more than the old file, not for a moment.
    let half = create_beside(&path, bytes, old.as_ref().map_or(mode, |old| mode & old.mode()))?;
    let placed = old.map_or(Ok(()), |old| dress(&half, &old)).and_then(|()| fs::rename(&half, &path));
    if placed.is_err() {
        let _ = fs::remove_file(&half);
    }
    Ok(placed?)
}

/// Whether a file could be written by [`replace`], as far as that is known before: another one is made beside it, and
/// removed.
///
/// # Errors
/// As [`replace`].
pub fn check_replaceable(path: &Path) -> Result<(), FileError> {
    let (path, _) = replaced(path)?;
    Ok(fs::remove_file(create_beside(&path, &[], 0o600)?)?)
}

/// Where a file is to be written, and the one that is there.
fn replaced(path: &Path) -> Result<(PathBuf, Option<Metadata>), FileError> {
    // What is not there leads nowhere.
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let old = match fs::metadata(&path) {
        Ok(old) => Some(old),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(error.into()),
    };
    old.as_ref().map_or(Ok(()), check)?;
    Ok((path, old))
}

/// Writes a file under a name of its own in the same directory.
fn create_beside(path: &Path, bytes: &[u8], mode: u32) -> io::Result<PathBuf> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    loop {
        let name = format!(".hotcell-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let half = path.with_file_name(name);
        match create(&half, bytes, mode) {
            // One of a process that died in the middle, and had our number.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            written => return written.map(|()| half),
        }
    }
}

/// Gives a file the owner and the mode of another.
fn dress(path: &Path, like: &Metadata) -> io::Result<()> {
    // Only root may give a file away; where that fails it is ours, as any new file.
    let _ = chown(path, Some(like.uid()), Some(like.gid()));
    fs::set_permissions(path, Permissions::from_mode(like.mode() & 0o777))
}

/// What a name can stand for: what is in the binary, then the user's own files with this extension, by name.
pub fn names(shipped: &[&str], dir: &Path, extension: &str) -> Vec<String> {
    let stem = |path: &PathBuf| Some(path.file_stem()?.to_str()?.to_owned());
    let own = with_extension(dir, extension);
    let own = own.iter().filter_map(stem).filter(|name| !shipped.contains(&name.as_str()));
    shipped.iter().map(|&name| name.to_owned()).chain(own).collect()
}

/// The entries of a directory that end so, in order; none where it cannot be read.
pub fn with_extension(dir: &Path, extension: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut paths: Vec<_> = entries.filter(|path| path.extension().is_some_and(|own| own == extension)).collect();
    paths.sort();
    paths
}

/// Refuses what is not a regular file.
fn check(metadata: &Metadata) -> Result<(), FileError> {
    let kind = metadata.file_type();
    if kind.is_file() {
        Ok(())
    } else if kind.is_dir() {
        Err(FileError::NotAFile("directory"))
    } else if kind.is_fifo() {
        Err(FileError::NotAFile("pipe"))
    } else if kind.is_socket() {
        Err(FileError::NotAFile("socket"))
    } else {
        Err(FileError::NotAFile("device"))
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn pipe(dir: &Path) -> PathBuf {
        let pipe = dir.join("pipe");
        rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, rustix::fs::Mode::from(0o600)).unwrap();
        pipe
    }

    fn entries(dir: &Path) -> Vec<String> {
        let name = |entry: io::Result<fs::DirEntry>| entry.unwrap().file_name().into_string().unwrap();
        let mut names: Vec<_> = fs::read_dir(dir).unwrap().map(name).collect();
        names.sort();
        names
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().mode() & 0o7777
    }

    #[test]
    fn whether_a_file_could_be_written_is_known_before_and_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        check_replaceable(&file).unwrap();
        fs::write(&file, "old").unwrap();
        check_replaceable(&file).unwrap();
        assert_eq!(
            (entries(dir.path()), fs::read_to_string(&file).unwrap()),
            (vec!["file".to_owned()], "old".to_owned())
        );
        let refused = |path: &Path| check_replaceable(path).unwrap_err().to_string();
        assert_eq!(refused(dir.path()), "it is a directory, not a file");
        assert_eq!(refused(&dir.path().join("none/file")), "No such file or directory (os error 2)");
        assert_eq!(entries(dir.path()), ["file"]);
    }

    #[test]
    fn what_is_read_is_a_file_of_text_and_no_larger_than_it_should_be() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        fs::write(&file, "12345678").unwrap();
        let refused = |path: &Path, most| read_text(path, Bytes(most)).unwrap_err().to_string();
        assert_eq!(read_text(&file, Bytes(8)).unwrap(), "12345678");
        assert_eq!(refused(&file, 7), "it is larger than 7 bytes, the most that is read");
        assert_eq!(refused(&pipe(dir.path()), 8), "it is a pipe, not a file");
        assert_eq!(refused(Path::new("/dev/zero"), 8), "it is a device, not a file");
        assert_eq!(refused(dir.path(), 8), "it is a directory, not a file");
        fs::write(&file, b"\xff").unwrap();
        assert_eq!(refused(&file, 8), "it is not UTF-8 text");
    }

    #[test]
    fn what_is_created_takes_nobodys_place() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        create(&file, b"one", 0o600).unwrap();
        assert_eq!(mode(&file), 0o600);
        assert_eq!(create(&file, b"two", 0o600).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!((fs::read(&file).unwrap(), entries(dir.path())), (b"one".to_vec(), vec!["file".to_owned()]));
        symlink("nowhere", dir.path().join("link")).unwrap();
        let error = create(&dir.path().join("link"), b"two", 0o600).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists, "a link is in the way, wherever it leads");
    }

    #[test]
    fn a_file_is_replaced_whole_keeps_its_mode_and_the_link_to_it() {
        let dir = tempfile::tempdir().unwrap();
        let (file, link) = (dir.path().join("file"), dir.path().join("link"));
        fs::write(&file, "old").unwrap();
        fs::set_permissions(&file, Permissions::from_mode(0o751)).unwrap();
        symlink("file", &link).unwrap();
        let mut before = File::open(&file).unwrap();
        replace(&link, b"new", 0o600).unwrap();
        let mut seen = String::new();
        before.read_to_string(&mut seen).unwrap();
        assert_eq!(seen, "old", "who reads it meanwhile is not disturbed");
        assert_eq!((fs::read(&file).unwrap(), mode(&file)), (b"new".to_vec(), 0o751));
        assert_eq!(fs::read_link(&link).unwrap(), Path::new("file"));
        assert_eq!(entries(dir.path()), ["file", "link"], "nothing half written stays");
    }

    #[test]
    fn what_is_no_file_is_not_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let pipe = pipe(dir.path());
        assert_eq!(replace(&pipe, b"x", 0o600).unwrap_err().to_string(), "it is a pipe, not a file");
        assert_eq!(entries(dir.path()), ["pipe"]);
        assert!(fs::metadata(&pipe).unwrap().file_type().is_fifo());
    }

    #[test]
    fn the_users_own_names_come_after_those_in_the_binary_each_once() {
        let dir = tempfile::tempdir().unwrap();
        for file in ["b.toml", "a.toml", "x.toml", "c.json", ".toml"] {
            fs::write(dir.path().join(file), "").unwrap();
        }
        assert_eq!(names(&["x", "y"], dir.path(), "toml"), ["x", "y", "a", "b"]);
        assert_eq!(names(&["x"], Path::new("/nowhere"), "toml"), ["x"]);
    }
}
