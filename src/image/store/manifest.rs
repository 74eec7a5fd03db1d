//! The documents of an image: the OCI index, manifest and configuration (image-spec: image-index.md, manifest.md,
//! config.md) with Docker's forms of them, and the `manifest.json` of `docker save`. Pure.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::digest::Digest;
use super::error::Fault;
use super::limits;
use crate::text::visible_str;

/// A reference from one document to a blob.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Descriptor {
    digest: String,
    /// Bytes of the blob.
    pub size: u64,
    platform: Option<Platform>,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
}

impl Descriptor {
    /// The blob's digest.
    ///
    /// # Errors
    /// One that is not SHA-256.
    pub(crate) fn digest(&self) -> Result<Digest, Fault> {
        self.digest.parse().map_err(|error| Fault::Document {
            what: format!("the digest `{}`", visible_str(&self.digest)),
            problem: format!("{error}"),
        })
    }

    /// The name that the index of a layout gives an image; a tag alone is none.
    pub(super) fn name(&self) -> Option<&str> {
        let annotated = |key| self.annotations.get(key).map(String::as_str);
        annotated("io.containerd.image.name")
            .or_else(|| annotated("org.opencontainers.image.ref.name").filter(|name| name.contains([':', '/'])))
    }
}

/// What an image is for, in Go's names.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Platform {
    os: String,
    architecture: String,
    variant: Option<String>,
}

impl Platform {
    /// This machine.
    pub(crate) fn here() -> Self {
        let architecture = crate::image::go_architecture(std::env::consts::ARCH).to_owned();
        Self { os: "linux".to_owned(), architecture, variant: None }
    }

    fn suits(&self, wanted: &Self) -> bool {
        self.os == wanted.os && self.architecture == wanted.architecture
    }

    /// Attestations stand in an index as images of no platform.
    fn is_known(&self) -> bool {
        self.architecture != "unknown"
    }

    /// Not for newer processors of the same architecture alone; `v8` is all of arm64.
    fn is_plain(&self) -> bool {
        matches!(self.variant.as_deref(), None | Some("" | "v8"))
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let variant = self.variant.iter().filter(|variant| !variant.is_empty());
        let parts = [&self.os, &self.architecture].into_iter().chain(variant).map(|part| visible_str(part));
        f.write_str(&parts.collect::<Vec<_>>().join("/"))
    }
}

/// An index or a manifest: what a registry has under a tag.
#[derive(Clone, Debug)]
pub(crate) enum Document {
    /// Images to choose from.
    Index(Vec<Descriptor>),
    /// One image.
    Manifest {
        /// Its configuration.
        config: Descriptor,
        /// Its layers, the lowest first.
        layers: Vec<Descriptor>,
    },
}

impl Document {
    /// Reads either; `what` names it in errors.
    ///
    /// # Errors
    /// What is neither, or both: clients that look at different fields would run different images (CVE-2021-41190).
    pub(crate) fn parse(what: &str, bytes: &[u8]) -> Result<Self, Fault> {
        #[derive(Deserialize)]
        struct Raw {
            manifests: Option<Vec<Descriptor>>,
            config: Option<Descriptor>,
            layers: Option<Vec<Descriptor>>,
        }
        let raw: Raw = parse(what, bytes)?;
        match (raw.manifests, raw.config, raw.layers) {
            (Some(manifests), None, None) => Ok(Self::Index(manifests)),
            (None, Some(_), Some(layers)) if layers.len() > limits::LAYERS => {
                Err(Fault::TooMuch { what: what.to_owned(), most: format!("{} layers", limits::LAYERS) })
            }
            (None, Some(config), Some(layers)) => Ok(Self::Manifest { config, layers }),
            _ => {
                Err(problem(what, "it is neither an index with `manifests` nor a manifest with `config` and `layers`"))
            }
        }
    }
}

/// The one image of an index that is for this platform.
///
/// # Errors
/// None, with the platforms that there are; or more than one.
pub(crate) fn choose<'a>(index: &'a [Descriptor], wanted: &Platform) -> Result<&'a Descriptor, Fault> {
    let images = || index.iter().filter(|entry| entry.platform.as_ref().is_none_or(Platform::is_known));
    let suits = |entry: &&Descriptor| entry.platform.as_ref().is_none_or(|platform| platform.suits(wanted));
    let is_plain = |entry: &&Descriptor| entry.platform.as_ref().is_none_or(Platform::is_plain);
    let mut fit: Vec<&Descriptor> = images().filter(suits).collect();
    if fit.iter().any(is_plain) {
        fit.retain(is_plain);
    }
    fit.dedup_by(|one, other| one.digest == other.digest);
    match fit[..] {
        [only] => Ok(only),
        [] => match images().filter_map(|entry| entry.platform.as_ref()).map(ToString::to_string).collect::<Vec<_>>() {
            has if has.is_empty() => Err(Fault::NoImage),
            has => Err(Fault::Platform { wanted: wanted.to_string(), has }),
        },
        _ => {
            let shown = |entry: &&Descriptor| visible_str(entry.name().unwrap_or(&entry.digest));
            Err(Fault::Several { images: fit.iter().map(shown).collect() })
        }
    }
}

/// How an image wants its process to be started.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageConfig {
    /// User, or user and group, by name or number; empty where it says none.
    pub user: String,
    /// The environment, as `NAME=VALUE`.
    pub env: Vec<String>,
    /// The directory to start in; empty where it says none.
    pub working_dir: String,
    /// What goes before the arguments.
    pub entrypoint: Vec<String>,
    /// The arguments where none are given.
    pub cmd: Vec<String>,
}

/// An image's configuration, as far as hotcell goes by it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Configuration {
    pub config: ImageConfig,
    /// Seconds since the epoch; 0 where it does not say.
    pub created: i64,
    pub diff_ids: Vec<Digest>,
}

impl Configuration {
    /// Reads it.
    ///
    /// # Errors
    /// What is no configuration, or one for another platform than `wanted`.
    pub(super) fn parse(bytes: &[u8], wanted: &Platform) -> Result<Self, Fault> {
        const WHAT: &str = "the image's configuration";
        let raw: RawConfiguration = parse(WHAT, bytes)?;
        let platform = Platform { os: raw.os, architecture: raw.architecture, variant: None };
        if !platform.suits(wanted) {
            return Err(Fault::Platform { wanted: wanted.to_string(), has: vec![platform.to_string()] });
        }
        let diff_ids = raw.rootfs.diff_ids.iter().map(|id| id.parse::<Digest>()).collect::<Result<_, _>>();
        let run = raw.config.unwrap_or_default();
        Ok(Self {
            config: ImageConfig {
                user: run.user.unwrap_or_default(),
                env: run.env.unwrap_or_default(),
                working_dir: run.working_dir.unwrap_or_default(),
                entrypoint: run.entrypoint.unwrap_or_default(),
                cmd: run.cmd.unwrap_or_default(),
            },
            created: raw.created.as_deref().and_then(super::time::seconds).unwrap_or(0),
            diff_ids: diff_ids.map_err(|error| problem(WHAT, &format!("a digest in `diff_ids` is wrong: {error}")))?,
        })
    }
}

#[derive(Deserialize)]
struct RawConfiguration {
    architecture: String,
    os: String,
    created: Option<String>,
    config: Option<RawRun>,
    rootfs: RawRootFs,
}

#[derive(Deserialize)]
struct RawRootFs {
    diff_ids: Vec<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct RawRun {
    user: Option<String>,
    env: Option<Vec<String>>,
    working_dir: Option<String>,
    entrypoint: Option<Vec<String>>,
    cmd: Option<Vec<String>>,
}

/// An image in the `manifest.json` of a `docker save` archive: moby's image/spec/spec.md.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Saved {
    /// The configuration's path in the archive.
    pub config: String,
    pub repo_tags: Option<Vec<String>>,
    /// The layers' paths, the lowest first.
    pub layers: Vec<String>,
}

impl Saved {
    /// The one image of the archive.
    ///
    /// # Errors
    /// What is no such manifest, or has none or several images.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, Fault> {
        let mut images: Vec<Self> = parse(super::bundle::MANIFEST, bytes)?;
        let shown = |image: &Self| {
            let tag = image.repo_tags.iter().flatten().next();
            visible_str(tag.unwrap_or(&image.config))
        };
        match (images.pop(), images.is_empty()) {
            (Some(image), true) if image.layers.len() > limits::LAYERS => {
                Err(Fault::TooMuch { what: "the image".to_owned(), most: format!("{} layers", limits::LAYERS) })
            }
            (Some(image), true) => Ok(image),
            (Some(last), false) => Err(Fault::Several { images: images.iter().chain([&last]).map(shown).collect() }),
            (None, _) => Err(Fault::NoImage),
        }
    }
}

fn parse<'a, T: Deserialize<'a>>(what: &str, bytes: &'a [u8]) -> Result<T, Fault> {
    serde_json::from_slice(bytes).map_err(|error| problem(what, &visible_str(&error.to_string())))
}

pub(super) fn problem(what: &str, problem: &str) -> Fault {
    Fault::Document { what: what.to_owned(), problem: problem.to_owned() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ONE: &str = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    fn entry(digit: char, platform: &str) -> serde_json::Value {
        let mut parts = platform.split('/');
        let (os, architecture, variant) = (parts.next(), parts.next(), parts.next());
        json!({
            "digest": format!("sha256:{}", digit.to_string().repeat(64)), "size": 1,
            "platform": { "os": os, "architecture": architecture, "variant": variant },
        })
    }

    fn chosen(platforms: &[&str]) -> Result<char, Fault> {
        let entries: Vec<_> = "abcdef".chars().zip(platforms).map(|(digit, platform)| entry(digit, platform)).collect();
        let text = json!({ "manifests": entries }).to_string();
        let Document::Index(index) = Document::parse("x", text.as_bytes())? else { panic!("{text}") };
        let wanted = Platform { os: "linux".to_owned(), architecture: "amd64".to_owned(), variant: None };
        choose(&index, &wanted).map(|entry| entry.digest.chars().last().unwrap())
    }

    #[test]
    fn the_image_for_this_machine_is_chosen() {
        assert_eq!(chosen(&["linux/arm64/v8", "linux/amd64", "unknown/unknown"]).unwrap(), 'b');
        assert_eq!(chosen(&["linux/amd64/v3", "linux/amd64"]).unwrap(), 'b', "a plain one goes before a newer variant");
        assert_eq!(chosen(&["linux/amd64/v2"]).unwrap(), 'a');
        let error = chosen(&["linux/arm64", "windows/amd64", "unknown/unknown"]).unwrap_err().to_string();
        assert!(error.contains("nothing for linux/amd64"), "{error}");
        assert!(error.contains("for linux/arm64, windows/amd64;"), "{error}");
        assert!(matches!(chosen(&["linux/amd64", "linux/amd64"]), Err(Fault::Several { images }) if images.len() == 2));
        assert!(matches!(chosen(&[]), Err(Fault::NoImage)));
    }

    #[test]
    fn a_document_that_could_be_read_in_two_ways_is_refused() {
        let blob = json!({ "digest": ONE, "size": 3 });
        let manifest = json!({ "config": blob, "layers": [blob] });
        assert!(matches!(Document::parse("x", manifest.to_string().as_bytes()), Ok(Document::Manifest { .. })));
        let both = json!({ "config": blob, "layers": [blob], "manifests": [blob] });
        let error = Document::parse("blob x", both.to_string().as_bytes()).unwrap_err().to_string();
        assert!(error.starts_with("blob x cannot be understood: it is neither"), "{error}");
    }

    #[test]
    fn what_a_configuration_leaves_out_is_empty_and_what_it_is_not_for_is_told() {
        let wanted = Platform { os: "linux".to_owned(), architecture: "amd64".to_owned(), variant: None };
        let mut value = json!({
            "architecture": "amd64", "os": "linux", "created": "1980-01-01T00:00:00Z",
            "config": { "Env": ["PATH=/bin"], "Cmd": null }, "rootfs": { "type": "layers", "diff_ids": [ONE] },
        });
        let read = Configuration::parse(value.to_string().as_bytes(), &wanted).unwrap();
        assert_eq!(
            (read.created, read.config.env, read.config.cmd),
            (315_532_800, vec!["PATH=/bin".to_owned()], vec![])
        );
        assert_eq!(read.diff_ids, [ONE.parse().unwrap()]);
        value["architecture"] = json!("arm64\u{1b}[2J");
        let error = Configuration::parse(value.to_string().as_bytes(), &wanted).unwrap_err().to_string();
        assert!(error.contains("for linux/arm64\\x1b[2J;"), "{error}");
    }

    #[test]
    fn a_saved_archive_has_one_image() {
        let image = |tag: &str| json!({ "Config": "c.json", "RepoTags": [tag], "Layers": ["l.tar"] });
        assert_eq!(Saved::parse(json!([image("a:1")]).to_string().as_bytes()).unwrap().config, "c.json");
        let error = Saved::parse(json!([image("a:1"), image("b:2")]).to_string().as_bytes()).unwrap_err().to_string();
        assert!(error.contains("it holds 2 images (a:1, b:2)"), "{error}");
        assert!(matches!(Saved::parse(b"[]"), Err(Fault::NoImage)));
        assert!(matches!(Saved::parse(b"{}"), Err(Fault::Document { .. })));
    }
}
