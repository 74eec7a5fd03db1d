//! The image store by the real program: archives of real engines, unpacked as the engines unpack them, and hostile ones.

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use rustix::process::{Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

use common::{Engine, Hotcell, Specimen, on_every_engine, within};

on_every_engine! {
    the_list_has_the_engines_images_and_the_stores_until_they_are_removed;
    embedded:
    a_cell_is_made_from_an_image_of_the_store,
}

/// A store of its own.
struct Home {
    directory: TempDir,
}

impl Home {
    fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn images(&self) -> PathBuf {
        self.path(".local/share/hotcell/images")
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hotcell"));
        for name in ["HOTCELL_CONFIG", "HOTCELL_ENGINE", "HOTCELL_IMAGE", "XDG_DATA_HOME", "XDG_CONFIG_HOME"] {
            command.env_remove(name);
        }
        command.env("HOME", self.directory.path()).arg("image").args(arguments);
        command
    }

    fn image(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// The object that an import tells.
    #[track_caller]
    fn import(&self, file: &Path, more: &[&str]) -> Value {
        let arguments = [&["import", file.to_str().unwrap(), "--format", "json"], more].concat();
        json(&self.image(&arguments))
    }

    /// What a command that must fail says.
    #[track_caller]
    fn refused(&self, arguments: &[&str]) -> String {
        let output = self.image(arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        String::from_utf8(output.stderr).unwrap()
    }
}

#[track_caller]
fn json(output: &Output) -> Value {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn rootfs(image: &Value) -> PathBuf {
    PathBuf::from(image["rootfs"].as_str().unwrap())
}

/// What a file is: its kind, mode, owner, and bytes or target.
type Tree = BTreeMap<String, (char, u32, u64, u64, Vec<u8>)>;

fn tree(root: &Path) -> Tree {
    let mut found = Tree::new();
    collect(root, root, &mut found);
    found
}

fn collect(root: &Path, directory: &Path, found: &mut Tree) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let metadata = fs::symlink_metadata(&path).unwrap();
        let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
        let mode = metadata.mode() & 0o7777;
        let (kind, mode, data) = if metadata.is_symlink() {
            ('l', 0, fs::read_link(&path).unwrap().into_os_string().into_encoded_bytes())
        } else if metadata.is_dir() {
            collect(root, &path, found);
            ('d', mode, Vec::new())
        } else {
            ('f', mode, fs::read(&path).unwrap())
        };
        found.insert(name, (kind, mode, metadata.uid().into(), metadata.gid().into(), data));
    }
}

/// What `docker export` gives of a container that never ran.
fn exported(image: &str, file: &Path) -> Tree {
    let id = Engine::Docker.client(&["create", image, "none"]);
    Engine::Docker.client(&["export", id.trim(), "--output", file.to_str().unwrap()]);
    Engine::Docker.client(&["rm", id.trim()]);
    let mut found = Tree::new();
    let mut archive = tar::Archive::new(fs::File::open(file).unwrap());
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        let name = entry.path().unwrap().to_str().unwrap().trim_end_matches('/').to_owned();
        let (header, kind) = (entry.header().clone(), entry.header().entry_type());
        let mode = header.mode().unwrap() & 0o7777;
        let mut data = Vec::new();
        let (kind, mode) = match kind {
            tar::EntryType::Directory => ('d', mode),
            tar::EntryType::Symlink => {
                data = entry.link_name_bytes().unwrap().into_owned();
                ('l', 0)
            }
            tar::EntryType::Regular => {
                entry.read_to_end(&mut data).unwrap();
                ('f', mode)
            }
            other => panic!("{name}: {other:?}"),
        };
        found.insert(name, (kind, mode, header.uid().unwrap(), header.gid().unwrap(), data));
    }
    found
}

/// What Docker puts into every container for its own mounts, and the image does not have.
const DOCKERS_OWN: [&str; 8] =
    [".dockerenv", "dev/console", "dev/pts", "dev/shm", "etc/hostname", "etc/hosts", "etc/mtab", "etc/resolv.conf"];

/// The trees are the same but for what Docker adds, and set-user-id bits, which the store does not give.
#[track_caller]
fn assert_same(ours: &Tree, dockers: &Tree) {
    let names: std::collections::BTreeSet<_> = ours.keys().chain(dockers.keys()).collect();
    for name in names.into_iter().filter(|name| !DOCKERS_OWN.contains(&name.as_str())) {
        let mut expected = dockers.get(name).cloned();
        if let Some(expected) = &mut expected {
            expected.1 &= 0o1777;
        }
        let shown =
            |found: Option<&(char, u32, u64, u64, Vec<u8>)>| found.map(|found| (found.0, found.1, found.2, found.3));
        assert!(
            ours.get(name) == expected.as_ref(),
            "{name}: {:?} {:?}",
            shown(ours.get(name)),
            shown(expected.as_ref())
        );
    }
}

#[test]
fn a_saved_image_is_unpacked_as_docker_unpacks_it() {
    for image in ["code-sandbox", "hotcell-probe"] {
        let home = Home::new();
        let archive = home.path("image.tar");
        Engine::Docker.client(&["save", image, "--output", archive.to_str().unwrap()]);
        let told = home.import(&archive, &[]);
        assert_eq!(told["reference"], format!("{image}:latest"));
        assert_eq!(told["config"]["user"], "65534:65534");
        let id = Engine::Docker.client(&["image", "inspect", "--format", "{{.Id}}", image]);
        assert_eq!(told["id"], id.trim(), "Docker and hotcell call one image by one digest");
        assert_same(&tree(&rootfs(&told)), &exported(image, &home.path("exported.tar")));
    }
}

#[test]
fn every_form_of_an_image_gives_the_same_files() {
    let home = Home::new();
    let file = |name: &str| home.path(name).to_str().unwrap().to_owned();
    Engine::Docker.client(&["save", "hotcell-probe", "--output", &file("docker.tar")]);
    let saved = tree(&rootfs(&home.import(&home.path("docker.tar"), &[])));
    for (form, name) in [("oci-archive", "oci.tar"), ("docker-archive", "podman.tar")] {
        let address = Engine::Podman.address();
        let arguments =
            ["--url", &address, "save", "--quiet", "--format", form, "--output", &file(name), "hotcell-probe"];
        assert!(Command::new("podman").args(arguments).status().unwrap().success());
        let told = home.import(&home.path(name), &[]);
        assert_eq!(told["reference"], "hotcell-probe:latest", "{form}");
        assert!(tree(&rootfs(&told)) == saved, "{form}");
    }
    fs::create_dir(home.path("layout")).unwrap();
    let unpacked = Command::new("tar").args(["-xf", &file("oci.tar"), "-C", &file("layout")]).status().unwrap();
    assert!(unpacked.success());
    assert!(tree(&rootfs(&home.import(&home.path("layout"), &["--name", "of-layout"]))) == saved);
    assert!(Command::new("gzip").args(["-1", "--keep", &file("oci.tar")]).status().unwrap().success());
    assert!(tree(&rootfs(&home.import(&home.path("oci.tar.gz"), &["--name", "packed"]))) == saved);
}

#[test]
fn a_tar_of_a_root_file_system_is_an_image() {
    let home = Home::new();
    let expected = exported("code-sandbox", &home.path("rootfs.tar"));
    let told = home.import(&home.path("rootfs.tar"), &["--name", "mine:1"]);
    let mut found = tree(&rootfs(&told));
    assert!(found.remove("etc/mtab").is_some(), "Docker's own files are in its export");
    let mut expected = expected;
    expected.remove("etc/mtab");
    assert!(found == expected);
    let listed = home.image(&["list", "--engine", "unix:///nowhere", "--format", "json"]);
    let listed = json(&listed);
    assert_eq!((&listed["engine"], &listed["images"][0]["reference"]), (&Value::Null, &Value::from("mine:1")));
    assert_eq!(listed["images"][0]["where"], "store");
}

fn the_list_has_the_engines_images_and_the_stores_until_they_are_removed(engine: Engine) {
    let home = Home::new();
    Engine::Docker.client(&["save", "hotcell-empty", "--output", home.path("a.tar").to_str().unwrap()]);
    home.import(&home.path("a.tar"), &["--name", "host:5000/kept:3"]);
    let list = || json(&home.image(&["list", "--engine", &engine.address(), "--format", "json"]));
    let places = |list: Value| -> Vec<String> {
        let images = list["images"].as_array().unwrap().clone();
        images
            .iter()
            .map(|image| format!("{} {}", image["where"].as_str().unwrap(), image["reference"].as_str().unwrap()))
            .collect()
    };
    let before = places(list());
    assert!(before.contains(&"store host:5000/kept:3".to_owned()), "{before:?}");
    let of_engine = match engine {
        Engine::Docker => "docker hotcell-empty:latest",
        Engine::Podman => "podman localhost/hotcell-empty:latest",
        Engine::Embedded | Engine::EmbeddedRunc => "embedded host",
    };
    assert!(before.iter().any(|place| place == of_engine), "{before:?}");
    assert!(home.image(&["remove", "host:5000/kept:3"]).status.success());
    assert!(!places(list()).iter().any(|place| place.starts_with("store")));
    let said = home.refused(&["remove", "host:5000/kept:3"]);
    assert!(said.contains("the image store has no host:5000/kept:3"), "{said}");
}

fn a_cell_is_made_from_an_image_of_the_store(engine: Engine) {
    let home = Home::new();
    Engine::Docker.client(&["save", "code-sandbox", "--output", home.path("a.tar").to_str().unwrap()]);
    home.import(&home.path("a.tar"), &[]);
    let code = "import ctypes, os\nprint(os.path.exists('/usr/bin/apt'), 'sandbox' in os.listdir('/'), os.stat('/').st_uid)\n\
                try:\n    open('/new', 'w')\nexcept OSError as error:\n    print(error.errno)\nctypes.CDLL(None).acct(None)\n";
    for without in [&[][..], &["--without", "rootfs", "--without", "user"]] {
        let hotcell = Hotcell::hardened(engine).env("XDG_DATA_HOME", home.path(".local/share")).with(without);
        let report = hotcell.with(&["--image", "code-sandbox"]).report(&Specimen::python(code));
        let refused = if without.is_empty() { "30\n" } else { "" };
        assert_eq!(report.stdout(), format!("False True 0\n{refused}"), "{report}");
        assert_eq!(report.denials_of("acct").len(), 1, "{report}");
    }
    let unpacked = home.image(&["list", "--engine", "embedded", "--format", "json"]);
    let image = json(&unpacked)["images"].as_array().unwrap().iter().find(|image| image["where"] == "store").cloned();
    let id = image.expect("the image")["id"].as_str().unwrap().trim_start_matches("sha256:").to_owned();
    let rootfs = home.images().join(id).join("rootfs");
    assert!(rootfs.join("usr").exists() && !rootfs.join("new").exists(), "what a cell writes is its own");
    let missing = Hotcell::hardened(engine).with(&["--image", "nosuch"]).text(&Specimen::python(code));
    assert!(missing.status == 125 && missing.stderr.contains("hotcell image import"), "{missing}");
}

/// A tar of one entry, with any name.
fn tar_of(kind: tar::EntryType, name: &[u8], link: &[u8], data: &[u8]) -> Vec<u8> {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(kind);
    header.set_size(data.len() as u64);
    header.set_mode(0o6755);
    header.as_old_mut().name[..name.len()].copy_from_slice(name);
    header.as_old_mut().linkname[..link.len()].copy_from_slice(link);
    header.set_cksum();
    let mut bytes = [header.as_bytes(), data].concat();
    bytes.resize(bytes.len().next_multiple_of(512) + 1024, 0);
    bytes
}

#[test]
fn a_hostile_archive_is_refused_by_name_and_leaves_nothing() {
    use tar::EntryType;
    for (bytes, said) in [
        (tar_of(EntryType::Regular, b"../../escaped", b"", b"x"), "`../../escaped`, whose path leads upwards"),
        (tar_of(EntryType::Link, b"a", b"../../escaped", b""), "a hard link that leads out of the image"),
        (tar_of(EntryType::Link, b"a", b"/etc/shadow", b""), "unpacking a of layer"),
        (tar_of(EntryType::Regular, b".wh...", b"", b""), "a whiteout of something outside"),
        (tar_of(EntryType::Regular, b"\x1b[2J/../x", b"", b""), "`\\x1b[2J/../x`"),
        (b"not a tar".to_vec(), "it is neither a tar archive nor compressed"),
        (Vec::new(), "it is empty"),
    ] {
        let home = Home::new();
        fs::write(home.path("hostile.tar"), bytes).unwrap();
        let error = home.refused(&["import", home.path("hostile.tar").to_str().unwrap()]);
        assert!(error.contains("cannot import ") && error.contains(said), "{error}");
        assert!(!error.contains('\u{1b}'), "{error}");
        let left: Vec<_> = fs::read_dir(home.images()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left, ["lock"]);
    }
}

#[test]
fn devices_are_counted_and_privileges_not_given() {
    let home = Home::new();
    let mut bytes = tar_of(tar::EntryType::Regular, b"su", b"", b"x");
    bytes.truncate(1024);
    bytes.extend(tar_of(tar::EntryType::Char, b"dev/mem", b"", b""));
    fs::write(home.path("a.tar"), bytes).unwrap();
    let told = home.import(&home.path("a.tar"), &[]);
    assert_eq!(told["left_out"], 1);
    let found = tree(&rootfs(&told));
    assert_eq!(found.keys().collect::<Vec<_>>(), ["su"]);
    assert_eq!(found["su"].1, 0o755);
}

#[test]
fn an_ordinary_user_has_a_store_too_and_everything_in_it_is_theirs() {
    const NOBODY: u32 = 65_534;
    let home = Home::new();
    let archive = home.path("image.tar");
    Engine::Docker.client(&["save", "code-sandbox", "--output", archive.to_str().unwrap()]);
    // Directories that nobody may write, as images have them: still to be filled, and removed.
    let program = home.path("hotcell");
    fs::copy(env!("CARGO_BIN_EXE_hotcell"), &program).unwrap();
    for path in [home.directory.path(), &archive, &program] {
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
        chown(path, Some(NOBODY), Some(NOBODY)).unwrap();
    }
    let run = |arguments: &[&str]| {
        let mut command = Command::new(&program);
        command.env_clear().env("HOME", home.directory.path()).arg("image").args(arguments);
        command.uid(NOBODY).gid(NOBODY).output().unwrap()
    };
    let told = json(&run(&["import", archive.to_str().unwrap(), "--format", "json"]));
    let ours = tree(&rootfs(&told));
    let mut dockers = exported("code-sandbox", &home.path("exported.tar"));
    for (kind, mode, uid, gid, _) in dockers.values_mut() {
        (*uid, *gid) = (NOBODY.into(), NOBODY.into());
        if *kind == 'd' {
            *mode |= 0o700;
        }
    }
    assert_same(&ours, &dockers);
    assert!(run(&["remove", "code-sandbox"]).status.success());
    assert!(!rootfs(&told).exists());
}

#[test]
fn an_import_that_is_killed_leaves_no_image_and_the_next_clears_up() {
    let home = Home::new();
    let archive = home.path("image.tar");
    Engine::Docker.client(&["save", "hotcell-probe", "--output", archive.to_str().unwrap()]);
    let mut child = home.command(&["import", archive.to_str().unwrap()]).stdout(Stdio::null()).spawn().unwrap();
    let partial = || {
        fs::read_dir(home.images())
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| entry.path())
            .find(|path| path.join("image/rootfs/usr").exists())
    };
    within(Duration::from_secs(20), || partial().map(drop).ok_or("nothing is being unpacked".to_owned()));
    kill_process(common::pid_of(&child), Signal::KILL).unwrap();
    child.wait().unwrap();
    let left = partial().expect("the import was killed in the middle");
    let list = home.image(&["list", "--engine", &Engine::Docker.address(), "--format", "json"]);
    assert!(!String::from_utf8_lossy(&list.stdout).contains("\"store\""), "no image is there by half");
    fs::write(home.path("small.tar"), tar_of(tar::EntryType::Regular, b"a", b"", b"x")).unwrap();
    home.import(&home.path("small.tar"), &[]);
    assert!(!left.exists());
    assert_eq!(home.import(&archive, &[])["reference"], "hotcell-probe:latest");
}
