//! The corpus: the files of `fixtures/`, as they were when this program was built.

use super::probe::{Probe, ProbeError};

include!(concat!(env!("OUT_DIR"), "/corpus.rs"));

/// The text of a file of the corpus.
pub fn text(name: &str) -> Option<&'static str> {
    FILES.iter().find(|(known, _)| *known == name).map(|(_, text)| *text)
}

/// Every probe that some layer is to hold: what a drill tries.
///
/// # Errors
/// As [`probes`].
pub fn to_be_held() -> Result<Vec<Probe>, ProbeError> {
    Ok(probes()?.into_iter().filter(Probe::is_to_be_held).collect())
}

/// Every probe, by name: a file that is no twin.
///
/// # Errors
/// A header that cannot be read: a mistake in this program, which a test would have found.
pub fn probes() -> Result<Vec<Probe>, ProbeError> {
    FILES.iter().filter(|(name, _)| !name.contains(".twin.")).map(|(name, text)| Probe::parse(name, text)).collect()
}
