//! A `docker save` archive of one layer, as docker and podman load it: `layer.tar`,
//! `config.json` (OCI image configuration) and `manifest.json`, as moby's
//! image/spec/spec.md (version 1.2) describes them.

use std::fs::File;
use std::io::{self, BufWriter, Read, Write};
use std::path::Path;

use serde_json::{Value, json};

use super::store::Digest;
use super::{ImageError, TAG, go_architecture, io_error};

/// When the image and its files were made: the earliest time a zip file can hold,
/// so that the same packages make the same image, byte for byte. In seconds.
pub(super) const EPOCH: u64 = 315_532_800;
const CREATED: &str = "1980-01-01T00:00:00Z";

const LAYER: &str = "layer.tar";
const CONFIG: &str = "config.json";

/// Writes the archive of a layer to `archive`.
pub(super) fn write(layer: &Path, archive: &Path) -> Result<(), ImageError> {
    let digest = File::open(layer).and_then(Digest::of_all).map_err(io_error("read", layer))?;
    let config = config(&digest.to_string(), std::env::consts::ARCH).to_string();
    let manifest = json!([{ "Config": CONFIG, "RepoTags": [TAG], "Layers": [LAYER] }]).to_string();

    let file = File::create(archive).map_err(io_error("create", archive))?;
    let mut tar = tar::Builder::new(BufWriter::with_capacity(1 << 20, file));
    append_bytes(&mut tar, CONFIG, config.as_bytes())
        .and_then(|()| append_bytes(&mut tar, "manifest.json", manifest.as_bytes()))
        .map_err(io_error("write", archive))?;
    let source = File::open(layer).map_err(io_error("read", layer))?;
    let size = source.metadata().map_err(io_error("read", layer))?.len();
    append(&mut tar, LAYER, size, source).and_then(|()| tar.into_inner()?.flush()).map_err(io_error("write", archive))
}

/// The image configuration: who runs, where, and with which environment.
pub(super) fn config(layer_digest: &str, architecture: &str) -> Value {
    json!({
        "architecture": go_architecture(architecture),
        "os": "linux",
        "created": CREATED,
        "config": {
            "User": "65534:65534",
            "Env": ["PATH=/usr/local/bin:/usr/bin"],
            "WorkingDir": "/sandbox",
            "Cmd": ["python3"],
        },
        "rootfs": { "type": "layers", "diff_ids": [layer_digest] },
        "history": [{ "created": CREATED, "created_by": "hotcell image build" }],
    })
}

/// Adds a plain file that anyone may read.
pub(super) fn append_bytes(tar: &mut tar::Builder<impl Write>, name: &str, bytes: &[u8]) -> io::Result<()> {
    append(tar, name, bytes.len() as u64, bytes)
}

fn append(tar: &mut tar::Builder<impl Write>, name: &str, size: u64, data: impl Read) -> io::Result<()> {
    let mut header = tar::Header::new_gnu();
    header.set_size(size);
    header.set_mode(0o644);
    header.set_mtime(EPOCH);
    tar.append_data(&mut header, name, data)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn an_archive_names_its_config_and_its_layer_by_the_layers_digest() {
        let dir = tempfile::tempdir().unwrap();
        let (layer, archive) = (dir.path().join("layer"), dir.path().join("image.tar"));
        std::fs::write(&layer, "abc").unwrap();
        write(&layer, &archive).unwrap();

        let mut files = BTreeMap::new();
        for entry in tar::Archive::new(File::open(&archive).unwrap()).entries().unwrap() {
            let mut entry = entry.unwrap();
            let mut text = String::new();
            entry.read_to_string(&mut text).unwrap();
            files.insert(entry.path().unwrap().display().to_string(), text);
        }
        assert_eq!(files["layer.tar"], "abc");
        let manifest: Value = serde_json::from_str(&files["manifest.json"]).unwrap();
        assert_eq!(manifest[0]["RepoTags"][0], "code-sandbox:latest");
        assert!(files.contains_key(manifest[0]["Config"].as_str().unwrap()));
        assert!(files.contains_key(manifest[0]["Layers"][0].as_str().unwrap()));
        let config: Value = serde_json::from_str(&files["config.json"]).unwrap();
        assert_eq!(
            config["rootfs"]["diff_ids"][0],
            "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        assert_eq!(config["config"]["User"], "65534:65534");
    }

    #[test]
    fn the_same_layer_makes_the_same_archive() {
        let dir = tempfile::tempdir().unwrap();
        let layer = dir.path().join("layer");
        std::fs::write(&layer, "abc").unwrap();
        let archives = ["one", "two"].map(|name| {
            let path = dir.path().join(name);
            write(&layer, &path).unwrap();
            std::fs::read(path).unwrap()
        });
        assert_eq!(archives[0], archives[1]);
    }
}
