//! The directory for cells' sockets and specimens. A local attacker who could
//! enter or replace it could speak to a shim, so it is checked, not assumed.

use std::fs::{self, DirBuilder, Metadata};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use rustix::fs::{Access, StatVfsMountFlags, access, statvfs};
use rustix::process::{Uid, geteuid};

use super::{Dirs, shown};

/// The longest usable path: a Unix socket's address has 108 bytes with its NUL
/// (unix(7)), and a cell's directory and socket name need the rest.
const LONGEST: usize = 64;

/// No directory was fit to hold cells' sockets.
#[derive(Debug, thiserror::Error)]
#[error("no directory for cells' sockets: {}; set `run_dir` in the configuration file to a directory of yours that is not mounted noexec", tried.join("; "))]
pub struct RunDirError {
    /// Every directory tried, with what is wrong with it.
    pub tried: Vec<String>,
}

/// What makes a directory unfit.
#[derive(Debug, thiserror::Error)]
enum Unfit {
    #[error("{0}")]
    Refused(#[from] io::Error),
    #[error("it is a symbolic link")]
    Link,
    #[error("it is not a directory")]
    NotADirectory,
    #[error("it belongs to uid {0}")]
    NotOurs(u32),
    #[error("others may enter it (mode {0:04o}); make that 0700")]
    Open(u32),
    #[error("it is on a file system mounted noexec")]
    NoExec,
    #[error("its path is longer than {LONGEST} bytes, too long for a socket's address")]
    TooLong,
}

/// The usual places, best first: memory before disk.
pub(super) fn candidates(dirs: &Dirs, uid: Uid) -> Vec<PathBuf> {
    let system = uid.is_root().then(|| PathBuf::from("/run/hotcell"));
    let last = PathBuf::from(format!("/var/tmp/hotcell-{}", uid.as_raw()));
    let mut all: Vec<PathBuf> = dirs.runtime.iter().cloned().chain(system).collect();
    all.extend([dirs.state.clone(), last]);
    all
}

/// The first directory that is fit, made if need be.
pub(super) fn first_fit(candidates: &[PathBuf]) -> Result<PathBuf, RunDirError> {
    let mut tried = Vec::new();
    for path in candidates {
        match prepare(path) {
            Ok(()) => return Ok(path.clone()),
            Err(unfit) => tried.push(format!("{}: {unfit}", shown(path))),
        }
    }
    Err(RunDirError { tried })
}

fn prepare(path: &Path) -> Result<(), Unfit> {
    if path.as_os_str().len() > LONGEST {
        return Err(Unfit::TooLong);
    }
    if let Some(parent) = path.parent() {
        DirBuilder::new().recursive(true).mode(0o700).create(parent)?;
    }
    match DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error.into()),
        _ => {}
    }
    let flags = statvfs(path).map_err(io::Error::from)?.f_flag;
    judge(&fs::symlink_metadata(path)?, flags)?;
    // Also refuses a file system mounted read-only, for root too.
    access(path, Access::WRITE_OK | Access::EXEC_OK).map_err(io::Error::from)?;
    Ok(())
}

/// Whether what is there is a private directory of ours, to execute from.
fn judge(metadata: &Metadata, mount: StatVfsMountFlags) -> Result<(), Unfit> {
    if metadata.is_symlink() {
        return Err(Unfit::Link);
    }
    if !metadata.is_dir() {
        return Err(Unfit::NotADirectory);
    }
    if metadata.uid() != geteuid().as_raw() {
        return Err(Unfit::NotOurs(metadata.uid()));
    }
    if metadata.mode() & 0o077 != 0 {
        return Err(Unfit::Open(metadata.mode() & 0o7777));
    }
    if mount.contains(StatVfsMountFlags::NOEXEC) {
        return Err(Unfit::NoExec);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    /// A directory with a short path, which is not mounted noexec.
    fn home() -> tempfile::TempDir {
        tempfile::tempdir_in("/var/tmp").unwrap()
    }

    #[test]
    fn a_directory_is_made_private() {
        let home = home();
        let path = home.path().join("a/hotcell");
        assert_eq!(first_fit(std::slice::from_ref(&path)).unwrap(), path);
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, 0o700);
        assert_eq!(first_fit(std::slice::from_ref(&path)).unwrap(), path, "again");
    }

    #[test]
    fn an_unfit_directory_is_passed_over() {
        let home = home();
        let (link, open, fit) = (home.path().join("l"), home.path().join("o"), home.path().join("f"));
        symlink("/", &link).unwrap();
        fs::create_dir(&open).unwrap();
        fs::set_permissions(&open, fs::Permissions::from_mode(0o755)).unwrap();
        let chosen = first_fit(&[link.clone(), open.clone(), fit.clone()]).unwrap();
        assert_eq!(chosen, fit);
        let error = first_fit(&[link, open]).unwrap_err().to_string();
        assert!(error.contains("/l: it is a symbolic link"), "{error}");
        assert!(error.contains("others may enter it (mode 0755)"), "{error}");
        assert!(error.contains("set `run_dir`"), "{error}");
    }

    #[test]
    fn a_file_system_mounted_noexec_is_unfit() {
        let home = home();
        let path = home.path().join("private");
        prepare(&path).unwrap();
        let private = fs::metadata(path).unwrap();
        assert!(judge(&private, StatVfsMountFlags::NODEV).is_ok());
        let refused = judge(&private, StatVfsMountFlags::NODEV | StatVfsMountFlags::NOEXEC);
        assert!(refused.unwrap_err().to_string().contains("mounted noexec"));
    }

    #[test]
    fn a_path_too_long_for_a_socket_is_unfit() {
        let long = home().path().join("x".repeat(80));
        let error = first_fit(&[long]).unwrap_err().to_string();
        assert!(error.contains("too long for a socket"), "{error}");
    }

    #[test]
    fn root_prefers_memory_and_everybody_ends_at_var_tmp() {
        let dirs = Dirs {
            config: "/c".into(),
            data: "/d".into(),
            state: "/s/hotcell".into(),
            runtime: Some("/r/hotcell".into()),
        };
        let named = |uid| -> Vec<String> { candidates(&dirs, uid).iter().map(|path| shown(path)).collect() };
        assert_eq!(named(Uid::ROOT), ["/r/hotcell", "/run/hotcell", "/s/hotcell", "/var/tmp/hotcell-0"]);
        assert_eq!(named(Uid::from_raw(7)), ["/r/hotcell", "/s/hotcell", "/var/tmp/hotcell-7"]);
    }
}
