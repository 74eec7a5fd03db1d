use std::fs;
use std::io::Write;
use std::os::unix::fs::MetadataExt;

use flate2::write::GzEncoder;
use serde_json::json;
use tempfile::TempDir;

use super::*;

fn layer(files: &[(&str, &str)]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, text) in files {
        append(&mut builder, name, text.as_bytes());
    }
    builder.into_inner().unwrap()
}

fn append(builder: &mut tar::Builder<Vec<u8>>, name: &str, data: &[u8]) {
    let mut header = tar::Header::new_gnu();
    header.set_size(data.len() as u64);
    header.set_mode(0o644);
    builder.append_data(&mut header, name, data).unwrap();
}

fn gzip(data: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

fn configuration(layers: &[Vec<u8>]) -> Vec<u8> {
    let diff_ids: Vec<_> = layers.iter().map(|layer| Digest::of(layer).to_string()).collect();
    json!({
        "architecture": super::super::go_architecture(std::env::consts::ARCH), "os": "linux",
        "config": { "User": "7:7", "Env": ["PATH=/tools"] }, "rootfs": { "type": "layers", "diff_ids": diff_ids },
    })
    .to_string()
    .into_bytes()
}

/// A `docker save` archive, in the form of Docker before 25.
fn saved(tag: &str, layers: &[Vec<u8>]) -> Vec<u8> {
    let config = configuration(layers);
    let config_name = format!("{}.json", Digest::of(&config).hex());
    let names: Vec<_> = (0..layers.len()).map(|number| format!("{number}/layer.tar")).collect();
    let manifest = json!([{ "Config": config_name, "RepoTags": [tag], "Layers": names }]).to_string();
    let mut builder = tar::Builder::new(Vec::new());
    for (name, layer) in names.iter().zip(layers) {
        append(&mut builder, name, layer);
    }
    append(&mut builder, &config_name, &config);
    append(&mut builder, "manifest.json", manifest.as_bytes());
    builder.into_inner().unwrap()
}

/// An OCI layout whose layers are compressed.
fn layout(directory: &Path, layers: &[Vec<u8>]) -> Vec<Digest> {
    fs::create_dir_all(directory.join("blobs/sha256")).unwrap();
    let blob = |bytes: &[u8]| {
        let digest = Digest::of(bytes);
        fs::write(directory.join("blobs/sha256").join(digest.hex()), bytes).unwrap();
        json!({ "digest": digest.to_string(), "size": bytes.len() })
    };
    let packed: Vec<_> = layers.iter().map(|layer| gzip(layer)).collect();
    let layers_json: Vec<_> = packed.iter().map(|layer| blob(layer)).collect();
    let manifest = json!({ "config": blob(&configuration(layers)), "layers": layers_json }).to_string();
    let mut entry = blob(manifest.as_bytes());
    entry["annotations"] = json!({ "org.opencontainers.image.ref.name": "localhost/made:1" });
    fs::write(directory.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
    fs::write(directory.join("index.json"), json!({ "manifests": [entry] }).to_string()).unwrap();
    packed.iter().map(|layer| Digest::of(layer)).collect()
}

struct Bench {
    home: TempDir,
    store: Store,
}

impl Bench {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let store = Store::at(home.path().join("data/images"));
        Self { home, store }
    }

    fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.home.path().join(name);
        fs::write(&path, bytes).unwrap();
        path
    }

    fn import(&self, bytes: &[u8]) -> Result<ImageSummary, String> {
        self.store.import(&self.file("source", bytes), None).map_err(|error| error.to_string())
    }

    /// What lies in the store but for its lock.
    fn entries(&self) -> Vec<String> {
        let names =
            fs::read_dir(self.store.root()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<_> = names.filter(|name| name != "lock").collect();
        names.sort();
        names
    }
}

#[test]
fn a_saved_image_is_found_by_name_by_digest_and_by_its_first_digits() {
    let bench = Bench::new();
    let layers = [layer(&[("a", "1"), ("b", "1")]), layer(&[("b", "2")])];
    let image = bench.import(&saved("docker.io/library/tools:1", &layers)).unwrap();
    assert_eq!(
        (image.reference.as_str(), image.id.clone()),
        ("tools:1", Digest::of(&configuration(&layers)).to_string())
    );
    for reference in
        ["tools:1", "docker.io/library/tools:1", "localhost/tools:1", &image.id, &image.id[7..20], &image.id[..11]]
    {
        let found = bench.store.find(reference).unwrap().unwrap_or_else(|| panic!("{reference}"));
        assert_eq!(found.id, image.id);
        assert_eq!(fs::read(found.rootfs.join("b")).unwrap(), b"2");
        assert_eq!((found.config.user.as_str(), found.config.env[0].as_str()), ("7:7", "PATH=/tools"));
    }
    for reference in ["tools", "tools:2", "abc", "", "../..", &image.id[7..9]] {
        assert_eq!(bench.store.find(reference).unwrap(), None, "{reference}");
    }
    assert_eq!(fs::metadata(bench.store.root()).unwrap().mode() & 0o777, 0o700, "an image is not for other users");
}

#[test]
fn one_image_has_one_digest_however_it_comes() {
    let bench = Bench::new();
    let layers = [layer(&[("a", "1")])];
    let directory = bench.home.path().join("layout");
    layout(&directory, &layers);
    let mut archive = tar::Builder::new(Vec::new());
    archive.append_dir_all(".", &directory).unwrap();
    let archive = archive.into_inner().unwrap();
    let ids: Vec<_> = [
        bench.import(&saved("x:1", &layers)).unwrap(),
        bench.store.import(&directory, Some("y")).unwrap(),
        bench.import(&archive).unwrap(),
        bench.import(&gzip(&archive)).unwrap(),
    ]
    .into_iter()
    .map(|image| image.id)
    .collect();
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    let names: Vec<_> = bench.store.images().unwrap().into_iter().map(|image| image.reference).collect();
    assert_eq!(names, ["made:1", "x:1", "y:latest"]);
    assert_eq!(bench.entries(), [&ids[0][7..], "names.json"]);
}

#[test]
fn a_tar_without_a_manifest_is_a_root_file_system() {
    let bench = Bench::new();
    let bytes = layer(&[("bin/tool", "x")]);
    let image = bench.import(&bytes).unwrap();
    assert_eq!(
        (image.reference.as_str(), image.id.as_str()),
        (image.id.as_str(), Digest::of(&bytes).to_string().as_str())
    );
    assert!(bench.store.find(&image.id).unwrap().unwrap().rootfs.join("bin/tool").exists());
}

#[test]
fn an_image_goes_with_the_last_of_its_names() {
    let bench = Bench::new();
    let archive = saved("x:1", &[layer(&[("a", "1")])]);
    let id = bench.import(&archive).unwrap().id;
    bench.store.import(&bench.file("again", &archive), Some("y")).unwrap();
    bench.store.remove("x:1").unwrap();
    assert_eq!(bench.store.find(&id).unwrap().unwrap().reference, "y:latest");
    bench.store.remove("y").unwrap();
    assert_eq!((bench.store.images().unwrap(), bench.entries()), (vec![], vec!["names.json".to_owned()]));
    let error = bench.store.remove("y").unwrap_err().to_string();
    assert_eq!(error, "the image store has no y; `hotcell image list` shows what it has");
}

#[test]
fn a_name_goes_to_the_image_that_was_given_it_last() {
    let bench = Bench::new();
    let old = bench.import(&saved("x:1", &[layer(&[("a", "1")])])).unwrap();
    let new = bench.import(&saved("x:1", &[layer(&[("a", "2")])])).unwrap();
    assert_eq!(bench.store.find("x:1").unwrap().unwrap().id, new.id);
    assert_eq!(bench.store.find(&old.id).unwrap().unwrap().reference, old.id, "the old one is there without a name");
}

#[test]
fn damage_is_named_and_nothing_of_the_image_stays() {
    let layers = [layer(&[("a", "1")])];
    let damage = |change: &dyn Fn(&Path, &Digest)| {
        let bench = Bench::new();
        let directory = bench.home.path().join("layout");
        let blob = layout(&directory, &layers)[0];
        change(&directory.join("blobs/sha256").join(blob.hex()), &blob);
        let error = bench.store.import(&directory, None).unwrap_err().to_string();
        assert!(error.contains(&blob.hex()), "{error}");
        assert_eq!(bench.entries(), Vec::<String>::new());
        error
    };
    let error = damage(&|path, _| {
        let mut bytes = fs::read(path).unwrap();
        bytes[20] ^= 1;
        fs::write(path, bytes).unwrap();
    });
    assert!(error.contains("is not what its digest says"), "{error}");
    let error = damage(&|path, _| fs::write(path, &fs::read(path).unwrap()[..30]).unwrap());
    assert!(error.contains("has 30 bytes and should have"), "{error}");
    let error = damage(&|path, _| fs::remove_file(path).unwrap());
    assert!(error.contains("is missing from it"), "{error}");
}

#[test]
fn a_layer_that_is_not_the_one_of_the_configuration_is_refused() {
    let bench = Bench::new();
    let (good, bad) = (layer(&[("a", "1")]), layer(&[("a", "2")]));
    let mut archive = saved("x:1", std::slice::from_ref(&good));
    let at = archive.windows(good.len()).position(|window| window == good).unwrap();
    archive[at..at + bad.len()].copy_from_slice(&bad);
    let error = bench.import(&archive).unwrap_err();
    assert!(error.contains(&format!("layer {} is not what its digest says", Digest::of(&good))), "{error}");
    assert_eq!(bench.entries(), Vec::<String>::new());
}

#[test]
fn what_is_no_image_is_told_with_what_it_is() {
    let bench = Bench::new();
    let whole = saved("x:1", &[layer(&[("a", "1")])]);
    let unknown = layer(&[("manifest.json", r#"{"schemaVersion":1}"#)]);
    let gzipped = gzip(&whole);
    for (bytes, said) in [
        (&b""[..], "it is empty"),
        (&[0; 1024], "it is empty"),
        (b"#!/bin/sh\n", "it is neither a tar archive nor compressed"),
        (&[7; 4096], "it is neither a tar archive nor compressed"),
        (&gzip(b"hello"), "it is neither a tar archive nor compressed"),
        (&whole[..2000], "the archive ends too early"),
        (&whole[..whole.len() - 1024], "the archive ends too early"),
        (&gzipped[..gzipped.len() / 2], "the archive ends too early"),
        (&unknown, "manifest.json cannot be understood"),
        (b"\xfd7zXZ\0...", "it is compressed with xz"),
    ] {
        let error = bench.import(bytes).unwrap_err();
        assert!(error.starts_with("cannot import /") && error.contains(said), "{said}: {error}");
    }
    let error = bench.store.import(bench.home.path(), None).unwrap_err().to_string();
    assert!(error.contains("a directory without `oci-layout`"), "{error}");
    let error = bench.store.import(Path::new("/nowhere"), None).unwrap_err().to_string();
    assert!(error.contains("cannot import /nowhere: looking at it: No such file"), "{error}");
    let error = bench.store.import(&bench.file("good", &whole), Some("-x")).unwrap_err().to_string();
    assert!(error.contains("`-x` is not an image reference"), "{error}");
    assert_eq!(bench.entries(), Vec::<String>::new());
}

#[test]
fn a_hostile_name_in_an_archive_is_not_taken() {
    let bench = Bench::new();
    let image = bench.import(&saved("\u{1b}[2Jx", &[layer(&[("a", "1")])])).unwrap();
    assert_eq!(image.reference, image.id);
}
