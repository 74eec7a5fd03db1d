//! What can be wrong with a value, a layer's setting or a policy file.

use std::ops::Range;
use std::path::PathBuf;

use super::Layer;
use crate::files::FileError;
use crate::text::visible;

/// A value that is not one of those allowed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{problem}: allowed: {allowed}")]
pub struct ValueError {
    /// What is wrong, the value quoted.
    pub problem: String,
    /// What would be right.
    pub allowed: String,
    /// Where in the policy file, in bytes; `None` for the place of the whole value.
    pub(super) span: Option<Range<usize>>,
}

impl ValueError {
    pub(super) fn new(problem: impl Into<String>, allowed: impl Into<String>) -> Self {
        Self { problem: problem.into(), allowed: allowed.into(), span: None }
    }

    /// Places the error, unless a closer place is known already.
    pub(super) fn at(mut self, span: Option<&Range<usize>>) -> Self {
        self.span = self.span.or_else(|| span.cloned());
        self
    }
}

/// A setting that [`super::Policy::set`] refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("layer `{layer}`: {why}")]
pub struct SettingError {
    /// The layer whose setting was to change.
    pub layer: Layer,
    /// Why it did not.
    pub why: ValueError,
}

/// A name that is no layer's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct UnknownLayer(pub(super) ValueError);

/// A policy that could not be had.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    /// A key or value that means nothing to hotcell.
    #[error("{file}:{line}:{column}: key `{key}`: {why}")]
    Mistake {
        /// The file, as it was named.
        file: String,
        /// Line, from 1.
        line: usize,
        /// Column in characters, from 1.
        column: usize,
        /// The key, safe to print.
        key: String,
        /// What is wrong with it.
        why: Box<ValueError>,
    },
    /// Text that is not TOML.
    #[error("{file}:{line}:{column}: not valid TOML: {message}")]
    Syntax {
        /// The file, as it was named.
        file: String,
        /// Line, from 1.
        line: usize,
        /// Column in characters, from 1.
        column: usize,
        /// The parser's words, safe to print.
        message: String,
    },
    /// A file that could not be read.
    #[error("cannot read policy file {}: {source}: name a readable TOML file or one of `hotcell policy list`", visible(path.as_os_str().as_encoded_bytes()))]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: FileError,
    },
    /// A name that no policy has.
    #[error("{0}")]
    Unknown(ValueError),
}
