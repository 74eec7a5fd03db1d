//! The path of an archive's entry, taken apart: never absolute, never upwards. Pure.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::limits;

/// What a whiteout's name begins with: image-spec, layer.md.
const WHITEOUT: &[u8] = b".wh.";
const OPAQUE: &[u8] = b".wh..wh..opq";
const AUFS: &[u8] = b".wh..wh.";

/// A path beneath the root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct EntryPath {
    /// Empty for the root itself.
    parent: PathBuf,
    leaf: Option<OsString>,
}

/// What an entry's name asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Request {
    /// The root's own owner and mode.
    Root,
    /// Something of this name.
    Put,
    /// Nothing of this name from the layers below.
    Remove(OsString),
    /// Nothing from the layers below in the entry's directory.
    Clear,
    /// Nothing: what a file system wrote for itself.
    Ignore,
}

impl EntryPath {
    /// Takes a name apart. A leading slash means the root, as for tar(1) and docker.
    ///
    /// # Errors
    /// Why no honest archive has it.
    pub(super) fn parse(name: &[u8]) -> Result<Self, &'static str> {
        if name.len() > limits::PATH {
            return Err("whose path is longer than Linux takes");
        }
        let mut parts: Vec<&[u8]> =
            name.split(|&byte| byte == b'/').filter(|part| !matches!(*part, b"" | b".")).collect();
        if parts.contains(&&b".."[..]) {
            return Err("whose path leads upwards by `..`");
        }
        if name.contains(&0) {
            return Err("whose path has a zero byte");
        }
        if parts.len() > limits::DEPTH {
            return Err("which lies deeper than 256 directories");
        }
        let leaf = parts.pop().map(|leaf| OsStr::from_bytes(leaf).to_owned());
        if parts.iter().any(|part| part.starts_with(WHITEOUT)) {
            return Err("which lies in a directory named like a whiteout");
        }
        Ok(Self { parent: parts.iter().map(|part| OsStr::from_bytes(part)).collect(), leaf })
    }

    /// The directory it lies in; empty for the root.
    pub(super) fn parent(&self) -> &Path {
        &self.parent
    }

    /// Its own name; none for the root.
    pub(super) fn leaf(&self) -> Option<&OsStr> {
        self.leaf.as_deref()
    }

    /// What its name asks for.
    ///
    /// # Errors
    /// A whiteout that names no entry of its directory.
    pub(super) fn request(&self) -> Result<Request, &'static str> {
        let Some(leaf) = self.leaf() else { return Ok(Request::Root) };
        let leaf = leaf.as_bytes();
        match leaf.strip_prefix(WHITEOUT) {
            None => Ok(Request::Put),
            Some(_) if leaf == OPAQUE => Ok(Request::Clear),
            Some(b"" | b"." | b"..") => Err("a whiteout of something outside its directory"),
            Some(_) if leaf.starts_with(AUFS) => Ok(Request::Ignore),
            Some(name) => Ok(Request::Remove(OsStr::from_bytes(name).to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Component;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_are_taken_as_beneath_the_root() {
        for (name, parent, leaf) in [
            ("a", "", Some("a")),
            ("./usr//lib/x/", "usr/lib", Some("x")),
            ("/etc/passwd", "etc", Some("passwd")),
            ("./", "", None),
            ("..a/b..", "..a", Some("b..")),
        ] {
            let path = EntryPath::parse(name.as_bytes()).unwrap();
            assert_eq!((path.parent(), path.leaf()), (Path::new(parent), leaf.map(OsStr::new)), "{name}");
        }
    }

    #[test]
    fn names_that_lead_elsewhere_are_refused() {
        for name in ["..", "../a", "a/../../b", "a/..", "/..", ".wh.a/b", "a\0b"] {
            assert!(EntryPath::parse(name.as_bytes()).is_err(), "{name}");
        }
        assert!(EntryPath::parse(&b"a/".repeat(300)).is_err());
        assert!(EntryPath::parse(&b"a".repeat(5000)).is_err());
    }

    #[test]
    fn a_whiteout_names_an_entry_of_its_own_directory() {
        let request = |name: &str| EntryPath::parse(name.as_bytes()).unwrap().request();
        assert_eq!(request("a/.wh.b"), Ok(Request::Remove("b".into())));
        assert_eq!(request("a/.wh..b"), Ok(Request::Remove(".b".into())));
        assert_eq!(request("a/.wh..wh..opq"), Ok(Request::Clear));
        assert_eq!(request(".wh..wh.plnk"), Ok(Request::Ignore));
        assert_eq!(request("a/b"), Ok(Request::Put));
        for name in [".wh.", ".wh..", ".wh...", "a/.wh..."] {
            assert!(request(name).is_err(), "{name}");
        }
    }

    proptest! {
        #[test]
        fn no_name_leads_out(name in proptest::collection::vec(prop_oneof![Just(b'/'), Just(b'.'), any::<u8>()], 0..64)) {
            if let Ok(path) = EntryPath::parse(&name) {
                let whole = path.leaf().map_or_else(|| path.parent().to_owned(), |leaf| path.parent().join(leaf));
                prop_assert!(whole.components().all(|part| matches!(part, Component::Normal(_))), "{whole:?}");
                prop_assert!(path.leaf().is_none_or(|leaf| !leaf.as_bytes().contains(&b'/') && leaf != ".." && leaf != "."));
                if let Ok(Request::Remove(name)) = path.request() {
                    prop_assert!(!name.is_empty() && name != "." && name != "..");
                }
            }
        }
    }
}
