use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

use proptest::prelude::*;
use rustix::fs::{CWD, FileType, Mode, mknodat};
use tar::{EntryType, Header};
use tempfile::TempDir;

use super::*;

/// An entry as a tar has it; the names are written as they are, however hostile.
#[derive(Clone, Debug)]
struct Raw {
    kind: EntryType,
    name: Vec<u8>,
    link: Vec<u8>,
    mode: u32,
    data: Vec<u8>,
}

fn raw(kind: EntryType, name: &str, link: &str) -> Raw {
    let data = if kind == EntryType::Regular { b"data".to_vec() } else { Vec::new() };
    Raw { kind, name: name.into(), link: link.into(), mode: 0o755, data }
}

fn file(name: &str) -> Raw {
    raw(EntryType::Regular, name, "")
}

fn directory(name: &str) -> Raw {
    raw(EntryType::Directory, name, "")
}

fn symlink(name: &str, target: &str) -> Raw {
    raw(EntryType::Symlink, name, target)
}

fn hard_link(name: &str, target: &str) -> Raw {
    raw(EntryType::Link, name, target)
}

fn tar(entries: &[Raw]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for entry in entries {
        let mut header = Header::new_gnu();
        header.set_entry_type(entry.kind);
        header.set_mode(entry.mode);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(1_000_000_000);
        header.set_size(entry.data.len() as u64);
        let old = header.as_old_mut();
        old.name[..entry.name.len()].copy_from_slice(&entry.name);
        old.linkname[..entry.link.len()].copy_from_slice(&entry.link);
        header.set_cksum();
        bytes.extend_from_slice(header.as_bytes());
        bytes.extend_from_slice(&entry.data);
        bytes.resize(bytes.len().next_multiple_of(512), 0);
    }
    bytes.resize(bytes.len() + 1024, 0);
    bytes
}

/// A root in a directory of its own, with something beside it that must not change.
struct Bench {
    around: TempDir,
}

impl Bench {
    fn new() -> Self {
        let around = tempfile::tempdir().unwrap();
        fs::create_dir(around.path().join("root")).unwrap();
        fs::create_dir(around.path().join("outside")).unwrap();
        fs::write(around.path().join("outside/precious"), "untouched").unwrap();
        Self { around }
    }

    fn root(&self) -> std::path::PathBuf {
        self.around.path().join("root")
    }

    /// Unpacks layers one over the other; how many entries were left out.
    fn unpack(&self, layers: &[&[Raw]]) -> Result<u64, String> {
        let root = Root::open(&self.root()).unwrap();
        let mut unpacker = Unpacker::new(&root);
        for (number, layer) in layers.iter().enumerate() {
            let bytes = tar(layer);
            unpacker
                .layer(&mut Tape::new(&bytes[..], "x"), &format!("layer {number}"))
                .map_err(|fault| fault.to_string())?;
        }
        Ok(unpacker.left_out)
    }

    /// Everything in the root, each with what it is.
    fn tree(&self) -> BTreeMap<String, String> {
        let mut found = BTreeMap::new();
        collect(&self.root(), &self.root(), &mut found);
        found
    }

    #[track_caller]
    fn assert_unharmed(&self) {
        let names = |path: &Path| -> Vec<_> {
            let mut names: Vec<_> = fs::read_dir(path).unwrap().map(|entry| entry.unwrap().file_name()).collect();
            names.sort();
            names
        };
        assert_eq!(names(self.around.path()), ["outside", "root"]);
        assert_eq!(names(&self.around.path().join("outside")), ["precious"]);
        let precious = self.around.path().join("outside/precious");
        assert_eq!(fs::read(&precious).unwrap(), b"untouched");
        assert_eq!(fs::metadata(&precious).unwrap().nlink(), 1);
    }
}

fn collect(root: &Path, directory: &Path, found: &mut BTreeMap<String, String>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let metadata = fs::symlink_metadata(&path).unwrap();
        let kind = metadata.file_type();
        let shown = if kind.is_symlink() {
            format!("-> {}", fs::read_link(&path).unwrap().display())
        } else if kind.is_dir() {
            collect(root, &path, found);
            format!("dir {:o}", metadata.mode() & 0o7777)
        } else {
            assert!(!kind.is_char_device() && !kind.is_block_device() && !kind.is_fifo(), "{path:?}");
            format!("file {:o}", metadata.mode() & 0o7777)
        };
        found.insert(path.strip_prefix(root).unwrap().to_string_lossy().into_owned(), shown);
    }
}

fn names(bench: &Bench) -> Vec<String> {
    bench.tree().into_keys().collect()
}

#[test]
fn a_layer_becomes_files_directories_and_links() {
    let bench = Bench::new();
    let layer = [
        directory("./"),
        directory("bin/"),
        file("bin/tool"),
        symlink("tool", "bin/tool"),
        hard_link("two", "bin/tool"),
    ];
    assert_eq!(bench.unpack(&[&layer]).unwrap(), 0);
    let expected = [("bin", "dir 755"), ("bin/tool", "file 755"), ("tool", "-> bin/tool"), ("two", "file 755")];
    assert_eq!(bench.tree(), expected.map(|(name, kind)| (name.to_owned(), kind.to_owned())).into());
    let (one, two) = (bench.root().join("bin/tool"), bench.root().join("two"));
    assert_eq!(fs::metadata(&one).unwrap().ino(), fs::metadata(&two).unwrap().ino());
    assert_eq!(fs::metadata(&one).unwrap().mtime(), 1_000_000_000);
}

#[test]
fn a_later_layer_takes_away_replaces_and_clears() {
    let bench = Bench::new();
    let below =
        [file("gone"), file("tree/a/b"), file("kept"), file("opaque/old"), file("opaque/sub/old"), file("was-file")];
    let above = [
        file(".wh.gone"),
        file(".wh.tree"),
        file("opaque/new"),
        file("opaque/sub/new"),
        // Behind what it must not take away.
        file("opaque/.wh..wh..opq"),
        directory("was-file"),
        file("was-file/inside"),
        file("never/.wh.there"),
    ];
    bench.unpack(&[&below, &above]).unwrap();
    assert_eq!(
        names(&bench),
        ["kept", "opaque", "opaque/new", "opaque/sub", "opaque/sub/new", "was-file", "was-file/inside"]
    );
}

#[test]
fn the_last_of_entries_with_one_name_stays() {
    let bench = Bench::new();
    let layer =
        [symlink("a", "/etc"), file("a"), directory("b"), file("b/c"), symlink("b", "a"), file("c"), directory("c")];
    bench.unpack(&[&layer]).unwrap();
    let tree = bench.tree();
    assert_eq!((tree["a"].as_str(), tree["b"].as_str(), tree["c"].as_str()), ("file 755", "-> a", "dir 755"));
    assert_eq!(tree.len(), 3);
}

#[test]
fn a_link_of_an_earlier_layer_is_followed_within_the_root_alone() {
    let bench = Bench::new();
    let up = "../".repeat(20);
    let outside = bench.around.path().join("outside");
    let below = [
        symlink("up", &format!("{up}{}", outside.display()).chars().take(99).collect::<String>()),
        symlink("absolute", "/outside"),
        symlink("usr-lib", "/usr/lib"),
        directory("usr/lib"),
        directory("outside"),
    ];
    bench.unpack(&[&below, &[file("absolute/landed"), file("usr-lib/landed")]]).unwrap();
    let tree = bench.tree();
    assert!(tree.contains_key("outside/landed") && tree.contains_key("usr/lib/landed"), "{tree:?}");
    bench.assert_unharmed();
    for hostile in [file("up/landed"), file("up/.wh.precious"), hard_link("stolen", "up/precious")] {
        let _ = bench.unpack(&[&[hostile]]);
        bench.assert_unharmed();
    }
}

#[test]
fn entries_that_lead_out_are_refused_by_name() {
    for (hostile, why) in [
        (file("../outside/x"), "leads upwards"),
        (file("a/../../outside/precious"), "leads upwards"),
        (hard_link("a", "../outside/precious"), "a hard link that leads out of the image"),
        (file(".wh..."), "a whiteout of something outside its directory"),
        (file("a/.wh..."), "a whiteout of something outside its directory"),
        (symlink("a", ""), "a link to nothing"),
        (symlink("./", "/etc"), "in the place of the root"),
        (raw(EntryType::GNUSparse, "a", ""), "a sparse file"),
        (raw(EntryType::new(b'Q'), "a", ""), "of a kind that no image has"),
    ] {
        let bench = Bench::new();
        let error = bench.unpack(&[std::slice::from_ref(&hostile)]).unwrap_err();
        assert!(error.contains(why) && error.contains("do not trust this image"), "{error}");
        assert!(error.contains(&crate::text::visible(&hostile.name)), "{error}");
        bench.assert_unharmed();
    }
}

#[test]
fn an_absolute_name_is_one_beneath_the_root() {
    let bench = Bench::new();
    let name = bench.around.path().join("outside/precious");
    bench.unpack(&[&[file(name.to_str().unwrap()), file("/etc/passwd"), hard_link("link", "/etc/passwd")]]).unwrap();
    assert!(bench.root().join("etc/passwd").exists() && bench.root().join("link").exists());
    bench.assert_unharmed();
}

#[test]
fn what_raises_privileges_and_devices_does_not_come_along() {
    let bench = Bench::new();
    let mut program = file("su");
    program.mode = 0o6755;
    let mut sticky = directory("tmp");
    sticky.mode = 0o3777;
    let nodes = [EntryType::Char, EntryType::Block, EntryType::Fifo].map(|kind| raw(kind, "dev/node", ""));
    assert_eq!(bench.unpack(&[&[program, sticky], &nodes]).unwrap(), 3);
    let tree = bench.tree();
    assert_eq!((tree["su"].as_str(), tree["tmp"].as_str()), ("file 755", "dir 1777"));
    assert!(!tree.contains_key("dev/node"));
}

#[test]
fn a_pipe_that_lies_in_the_way_is_replaced_and_not_opened() {
    let bench = Bench::new();
    mknodat(CWD, bench.root().join("a"), FileType::Fifo, Mode::from(0o600), 0).unwrap();
    bench.unpack(&[&[file("a")]]).unwrap();
    assert_eq!(bench.tree()["a"], "file 755");
}

#[test]
fn a_ring_of_links_is_an_error_and_no_hang() {
    let bench = Bench::new();
    let error = bench.unpack(&[&[symlink("a", "b"), symlink("b", "a"), file("a/x")]]).unwrap_err();
    assert!(error.contains("unpacking a/x of layer 0"), "{error}");
}

#[test]
fn an_owner_that_linux_does_not_have_is_refused() {
    let bytes = {
        let mut header = Header::new_gnu();
        header.set_path("a").unwrap();
        header.set_uid(u64::from(u32::MAX));
        header.set_mode(0o644);
        header.set_size(0);
        header.set_cksum();
        header.as_bytes().to_vec()
    };
    let bench = Bench::new();
    let root = Root::open(&bench.root()).unwrap();
    let error = Unpacker::new(&root).layer(&mut Tape::new(&bytes[..], "x"), "layer").unwrap_err().to_string();
    assert!(error.contains("with an owner that Linux does not have"), "{error}");
}

/// Names that meet each other often, and lead everywhere.
fn name() -> impl Strategy<Value = Vec<u8>> {
    let part = prop_oneof![
        4 => prop::sample::select(vec!["a", "b", "c"]),
        2 => prop::sample::select(vec!["..", ".", "", "outside", "precious", "root"]),
        1 => prop::sample::select(vec![".wh.a", ".wh.b", ".wh..wh..opq", ".wh...", ".wh..", ".wh."]),
    ];
    let whole = prop::collection::vec(part, 1..5).prop_map(|parts| parts.join("/").into_bytes());
    (any::<bool>(), whole).prop_map(|(absolute, name)| if absolute { [b"/", &name[..]].concat() } else { name })
}

fn entry() -> impl Strategy<Value = Raw> {
    let kind = prop::sample::select(vec![
        EntryType::Regular,
        EntryType::Directory,
        EntryType::Symlink,
        EntryType::Symlink,
        EntryType::Link,
        EntryType::Fifo,
    ]);
    (kind, name(), name(), 0_u32..0o10_000).prop_map(|(kind, name, link, mode)| {
        let data = if kind == EntryType::Regular { b"data".to_vec() } else { Vec::new() };
        Raw { kind, name, link, mode, data }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn whatever_an_image_holds_nothing_lands_outside(layers in prop::collection::vec(prop::collection::vec(entry(), 0..12), 1..4)) {
        let bench = Bench::new();
        let root = Root::open(&bench.root()).unwrap();
        let mut unpacker = Unpacker::new(&root);
        // Each entry by itself, so that one that is refused does not keep the rest from being tried.
        for entry in layers.iter().flatten() {
            let bytes = tar(std::slice::from_ref(entry));
            let _ = unpacker.layer(&mut Tape::new(&bytes[..], "x"), "layer");
        }
        bench.assert_unharmed();
        for (path, kind) in bench.tree() {
            let mode = kind.split_once(' ').and_then(|(_, mode)| u32::from_str_radix(mode, 8).ok()).unwrap_or(0);
            prop_assert_eq!(mode & 0o6000, 0, "{}: {}", path, kind);
        }
        let top = tree::open_directory(CWD, bench.around.path()).unwrap();
        tree::remove(&top, OsStr::new("root"), &|_, _| false).unwrap();
        prop_assert!(!bench.root().exists());
    }

    #[test]
    fn whatever_layers_hold_nothing_lands_outside(layers in prop::collection::vec(prop::collection::vec(entry(), 0..12), 1..4)) {
        let bench = Bench::new();
        let _ = bench.unpack(&layers.iter().map(Vec::as_slice).collect::<Vec<_>>());
        bench.assert_unharmed();
    }
}
