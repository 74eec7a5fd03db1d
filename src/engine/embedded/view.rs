//! The default root, called `host`: this machine's own programs, read-only, and of its settings no more than an
//! interpreter needs. What a cell may see of the host is decided here and nowhere else.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::engine::{CellNetwork, CellSpec};

/// The name of the default root, where an image is asked for.
pub const HOST: &str = "host";

/// Directories below `/` that hold programs and libraries. On a merged-/usr system all but the first are links.
const PROGRAMS: [&str; 7] = ["usr", "bin", "sbin", "lib", "lib32", "lib64", "libx32"];

/// Directories of `/etc` that programs follow: the links behind `python3` and the like, and the public certificates.
const SETTINGS: [&str; 5] =
    ["etc/alternatives", "etc/ld.so.conf.d", "etc/ssl/certs", "etc/pki/tls/certs", "etc/pki/ca-trust/extracted"];

/// Files of `/etc` that the dynamic linker reads, and the time zone.
const FILES: [&str; 4] = ["etc/ld.so.cache", "etc/ld.so.conf", "etc/localtime", "etc/timezone"];

/// Whom a cell without the machine's network asks for names: a host of a network that is set aside for documents
/// (RFC 5737), to which it has no way. Without a server named, the C library asks the cell's own loopback, where the
/// question is taken by nobody and no call fails: who keeps the name from the specimen would not show.
const NO_NAME_SERVER: &str = "nameserver 192.0.2.53\n";

/// A file longer than this is not taken over; `ld.so.cache` of a large machine has some 500 KiB.
const LONGEST: u64 = 4 << 20;

/// What a cell's root is made of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Root {
    /// This machine's programs.
    Host(View),
    /// An unpacked file system.
    Dir(PathBuf),
}

/// The parts of the root `host`. Paths are relative to `/`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct View {
    /// Trees of this machine, seen in the same place.
    pub trees: Vec<PathBuf>,
    /// Links, and what they say.
    pub links: Vec<(PathBuf, PathBuf)>,
    /// Files of this machine, copied to the same place.
    pub copies: Vec<PathBuf>,
    /// Files that are made for the cell, and what they hold.
    pub made: Vec<(PathBuf, String)>,
}

/// Where programs are on this machine.
pub fn programs() -> impl Iterator<Item = PathBuf> {
    PROGRAMS.into_iter().map(|tree| Path::new("/").join(tree)).filter(|tree| tree.exists())
}

impl View {
    /// Reads what this machine has, for this cell.
    pub fn of_host(spec: &CellSpec) -> Self {
        if spec.network != CellNetwork::Host {
            return Self::usual(spec.user);
        }
        let mut view = Self::named(spec.user);
        // A cell that may use this machine's network asks whom this machine asks.
        view.take_file(Path::new("/"), "etc/resolv.conf");
        view
    }

    /// Reads what this machine has, for a cell of this user without a network.
    pub fn usual(user: (u32, u32)) -> Self {
        let mut view = Self::named(user);
        view.made.push(("etc/resolv.conf".into(), NO_NAME_SERVER.to_owned()));
        view
    }

    fn named(user: (u32, u32)) -> Self {
        Self { made: names(user), ..Self::below(Path::new("/")) }
    }

    fn below(root: &Path) -> Self {
        let mut view = Self::default();
        for name in PROGRAMS.into_iter().chain(SETTINGS) {
            match fs::symlink_metadata(root.join(name)) {
                Ok(found) if found.is_symlink() => view.take_link(root, name),
                Ok(found) if found.is_dir() => view.trees.push(name.into()),
                _ => {}
            }
        }
        for name in FILES {
            view.take_file(root, name);
        }
        view
    }

    fn take_link(&mut self, root: &Path, name: &str) {
        if let Ok(target) = fs::read_link(root.join(name)) {
            self.links.push((name.into(), target));
        }
    }

    /// A link that leads into the trees stays one.
    fn take_file(&mut self, root: &Path, name: &str) {
        let path = root.join(name);
        let to_tree = fs::read_link(&path).is_ok_and(|target| target.starts_with("/usr"));
        if to_tree {
            self.take_link(root, name);
        } else if fs::metadata(&path).is_ok_and(|file| file.is_file() && file.len() <= LONGEST) {
            self.copies.push(name.into());
        }
    }
}

/// The names that programs look up, made for the cell: none of this machine's users, groups or hosts.
fn names((uid, gid): (u32, u32)) -> Vec<(PathBuf, String)> {
    let mut users = "root:x:0:0:root:/tmp:/bin/sh\nnobody:x:65534:65534:nobody:/tmp:/bin/sh\n".to_owned();
    let mut groups = "root:x:0:\nnogroup:x:65534:\n".to_owned();
    // Writing to a String cannot fail.
    if ![0, 65534].contains(&uid) {
        let _ = writeln!(users, "cell:x:{uid}:{gid}:cell:/tmp:/bin/sh");
    }
    if ![0, 65534].contains(&gid) {
        let _ = writeln!(groups, "cell:x:{gid}:");
    }
    [
        ("etc/passwd", users),
        ("etc/group", groups),
        ("etc/hosts", "127.0.0.1 localhost\n::1 localhost\n".to_owned()),
        ("etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\n".to_owned()),
    ]
    .map(|(path, text)| (PathBuf::from(path), text))
    .to_vec()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn of_a_machine_only_programs_and_the_named_settings_are_taken() {
        let root = tempfile::tempdir().unwrap();
        let at = |path: &str| root.path().join(path);
        for directory in ["usr/bin", "etc/ssl/private", "etc/ssl/certs", "home/ada", "root", "var/run", "run", "opt"] {
            fs::create_dir_all(at(directory)).unwrap();
        }
        symlink("usr/bin", at("bin")).unwrap();
        fs::write(at("etc/ld.so.cache"), "cache").unwrap();
        fs::write(at("etc/shadow"), "secret").unwrap();
        symlink("/usr/share/zoneinfo/Etc/UTC", at("etc/localtime")).unwrap();
        let view = View::below(root.path());
        assert_eq!(view.trees, ["usr", "etc/ssl/certs"].map(PathBuf::from));
        let links = [("bin", "usr/bin"), ("etc/localtime", "/usr/share/zoneinfo/Etc/UTC")];
        assert_eq!(view.links, links.map(|(name, target)| (PathBuf::from(name), PathBuf::from(target))));
        assert_eq!(view.copies, [PathBuf::from("etc/ld.so.cache")]);
    }

    #[test]
    fn the_cells_own_user_has_a_name() {
        let text = |names: Vec<(PathBuf, String)>| names[0].1.clone();
        assert!(text(names((4242, 4242))).ends_with("cell:x:4242:4242:cell:/tmp:/bin/sh\n"));
        assert_eq!(text(names((65534, 65534))).lines().count(), 2);
    }
}
