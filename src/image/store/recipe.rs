//! What an image is made of, read from its bundle and checked, before anything is unpacked.

use super::bundle::{Bundle, INDEX, MANIFEST, OCI_LAYOUT, WHOLE};
use super::digest::Digest;
use super::error::{Fault, while_doing};
use super::limits;
use super::manifest::{Configuration, Descriptor, Document, ImageConfig, Platform, Saved, choose, problem};

/// An image to be unpacked.
pub(super) struct Recipe {
    /// The digest of its configuration, as engines identify images; of a plain root file system, its own.
    pub id: Digest,
    /// The names it brings along.
    pub names: Vec<String>,
    pub config: ImageConfig,
    /// Seconds since the epoch; 0 where it does not say.
    pub created: i64,
    /// The lowest first.
    pub layers: Vec<LayerSource>,
}

/// A layer in its bundle.
pub(super) struct LayerSource {
    pub name: String,
    /// What its bytes are once decompressed.
    pub diff_id: Digest,
}

impl Recipe {
    /// Reads the manifest, whatever its kind, and verifies every blob that it names by digest.
    ///
    /// # Errors
    /// What is wrong with the bundle.
    pub(super) fn read(bundle: &Bundle) -> Result<Self, Fault> {
        if bundle.has(OCI_LAYOUT) && bundle.has(INDEX) {
            Self::of_layout(bundle)
        } else if bundle.has(MANIFEST) {
            Self::of_saved(bundle)
        } else {
            Self::of_root_file_system(bundle)
        }
    }

    fn of_layout(bundle: &Bundle) -> Result<Self, Fault> {
        let wanted = Platform::here();
        let mut names = Vec::new();
        let mut document = Document::parse(INDEX, &bundle.document(INDEX)?)?;
        for _ in 0..limits::NESTING {
            let index = match document {
                Document::Index(index) => index,
                Document::Manifest { config, layers } => return Self::of_manifest(bundle, names, &config, &layers),
            };
            let chosen = choose(&index, &wanted)?;
            // One image may stand there under several names.
            let same = index.iter().filter(|entry| entry.digest().ok() == chosen.digest().ok());
            names.extend(same.filter_map(Descriptor::name).map(str::to_owned));
            document = Document::parse(&format!("blob {}", chosen.digest()?), &verified(bundle, chosen)?)?;
        }
        Err(problem(INDEX, "its indexes are nested too deeply"))
    }

    fn of_manifest(
        bundle: &Bundle,
        names: Vec<String>,
        config: &Descriptor,
        layers: &[Descriptor],
    ) -> Result<Self, Fault> {
        let bytes = verified(bundle, config)?;
        for layer in layers {
            verify_blob(bundle, layer)?;
        }
        let blobs = layers.iter().map(|layer| Ok(blob_path(&layer.digest()?))).collect::<Result<_, Fault>>()?;
        Self::of_configuration(&bytes, names, blobs)
    }

    fn of_saved(bundle: &Bundle) -> Result<Self, Fault> {
        let saved = Saved::parse(&bundle.document(MANIFEST)?)?;
        let bytes = bundle.document(&saved.config)?;
        if let Some(expected) = digest_in(&saved.config) {
            same(&saved.config, expected, Digest::of(&bytes))?;
        }
        for layer in &saved.layers {
            if let Some(expected) = digest_in(layer) {
                same(layer, expected, digest_of(bundle, layer)?)?;
            }
        }
        Self::of_configuration(&bytes, saved.repo_tags.unwrap_or_default(), saved.layers)
    }

    fn of_configuration(bytes: &[u8], names: Vec<String>, blobs: Vec<String>) -> Result<Self, Fault> {
        let Configuration { config, created, diff_ids } = Configuration::parse(bytes, &Platform::here())?;
        if diff_ids.len() != blobs.len() {
            let counts = format!("it names {} layers, and the manifest {}", diff_ids.len(), blobs.len());
            return Err(problem("the image's configuration", &counts));
        }
        let layers = blobs.into_iter().zip(diff_ids).map(|(name, diff_id)| LayerSource { name, diff_id }).collect();
        Ok(Self { id: Digest::of(bytes), names, config, created, layers })
    }

    /// A tar without a manifest is one layer.
    fn of_root_file_system(bundle: &Bundle) -> Result<Self, Fault> {
        let id = digest_of(bundle, WHOLE)?;
        let layers = vec![LayerSource { name: WHOLE.to_owned(), diff_id: id }];
        Ok(Self { id, names: Vec::new(), config: ImageConfig::default(), created: 0, layers })
    }
}

/// Fails where two digests differ.
pub(super) fn same(what: &str, expected: Digest, actual: Digest) -> Result<(), Fault> {
    if expected == actual {
        return Ok(());
    }
    Err(Fault::Mismatch { what: crate::text::visible_str(what), expected, actual })
}

fn blob_path(digest: &Digest) -> String {
    format!("blobs/sha256/{}", digest.hex())
}

fn digest_of(bundle: &Bundle, name: &str) -> Result<Digest, Fault> {
    let (reader, _) = bundle.find(name)?;
    Digest::of_all(reader).map_err(while_doing(format!("reading {name}")))
}

/// The bytes of a document that a descriptor names.
fn verified(bundle: &Bundle, descriptor: &Descriptor) -> Result<Vec<u8>, Fault> {
    verify_blob(bundle, descriptor)?;
    bundle.document(&blob_path(&descriptor.digest()?))
}

fn verify_blob(bundle: &Bundle, descriptor: &Descriptor) -> Result<(), Fault> {
    let expected = descriptor.digest()?;
    let (name, what) = (blob_path(&expected), format!("blob {expected}"));
    let (_, size) = bundle.find(&name)?;
    if size != descriptor.size {
        return Err(Fault::WrongSize { what, expected: descriptor.size, actual: size });
    }
    same(&what, expected, digest_of(bundle, &name)?)
}

/// The digest that a path of a `docker save` archive promises: `HEX.json` and `blobs/sha256/HEX`. In others, such as
/// `HEX/layer.tar`, it is not that of the file.
fn digest_in(path: &str) -> Option<Digest> {
    let name = path.rsplit('/').next()?;
    Digest::from_hex(name.strip_suffix(".json").unwrap_or(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_promises_a_digest_where_the_formats_say_so() {
        let hex = "ab".repeat(32);
        for (path, promised) in [
            (format!("{hex}.json"), true),
            (format!("blobs/sha256/{hex}"), true),
            (format!("{hex}/layer.tar"), false),
            ("config.json".to_owned(), false),
        ] {
            assert_eq!(digest_in(&path).is_some(), promised, "{path}");
        }
    }
}
