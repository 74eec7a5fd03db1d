//! The untrusted code: its bytes, name, language and digest. Nothing here runs
//! it, and only [`Specimen::load`] touches the file system.

mod guess;
pub mod hidden;
mod language;
mod lookalike;

pub use language::{Language, LanguageTable};

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use sha2::{Digest, Sha256};

use crate::diagnose;
use crate::files::{self, FileError};
use crate::policy::Bytes;
use crate::text::visible;

/// The size cap where the configuration names none: 1 MiB.
pub const DEFAULT_CAP: Bytes = Bytes(1 << 20);

/// Why a specimen was not taken in.
#[derive(Debug, thiserror::Error)]
pub enum SpecimenError {
    /// The system refused to open or read it.
    #[error("cannot read {name}: {source}")]
    Unreadable {
        /// The specimen, made safe to print.
        name: String,
        /// What the system said.
        source: io::Error,
    },
    /// It is a directory, a pipe, a device or a socket.
    #[error("cannot read {name}: it is a {what}; name a file, or pass `-` to read standard input")]
    NotAFile {
        /// The specimen, made safe to print.
        name: String,
        /// What it is.
        what: &'static str,
    },
    /// It has more bytes than the cap allows.
    #[error(
        "{name} is too large: {size}, and the cap is {cap}; raise `specimen.max_size` in the configuration file to take it"
    )]
    TooLarge {
        /// The specimen, made safe to print.
        name: String,
        /// Its size, as far as it is known.
        size: Size,
        /// The cap.
        cap: Bytes,
    },
    /// It has no bytes.
    #[error("{name} is empty: there is nothing to run")]
    Empty {
        /// The specimen, made safe to print.
        name: String,
    },
    /// Nothing tells its language.
    #[error("cannot tell the language of {name}; name it with `--language`, one of {known}")]
    UnknownLanguage {
        /// The specimen, made safe to print.
        name: String,
        /// The table's names.
        known: String,
    },
    /// The language asked for is not in the table.
    #[error("no language `{asked}`: {hint}; add others under `[languages]` in the configuration file")]
    NoSuchLanguage {
        /// The name asked for, made safe to print.
        asked: String,
        /// What was probably meant, and the table's names.
        hint: String,
    },
}

/// How large a specimen that was refused is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// Exactly this.
    Exactly(Bytes),
    /// More than this: reading stopped there.
    MoreThan(Bytes),
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exactly(size) => size.fmt(f),
            Self::MoreThan(size) => write!(f, "more than {size}"),
        }
    }
}

/// A SHA-256 digest; displays as 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Sha256Digest([u8; 32]);

impl Sha256Digest {
    /// The digest of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }
}

impl fmt::Display for Sha256Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Sha256Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Untrusted code, taken in whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Specimen {
    /// Its file name, made safe to print.
    pub name: String,
    /// Its bytes: never print them raw.
    pub bytes: Vec<u8>,
    /// What runs it.
    pub language: Language,
    /// The digest of its bytes.
    pub sha256: Sha256Digest,
}

impl Specimen {
    /// Takes in code that a caller holds. `forced` is a language's name and
    /// goes before anything that the code says of itself.
    ///
    /// # Errors
    ///
    /// When there is nothing, too much, or no known language.
    pub fn from_bytes(
        name: &str,
        bytes: Vec<u8>,
        languages: &LanguageTable,
        forced: Option<&str>,
        cap: Bytes,
    ) -> Result<Self, SpecimenError> {
        let shown = visible(name.as_bytes());
        let size = Bytes(bytes.len() as u64);
        if size.0 > cap.0 {
            return Err(SpecimenError::TooLarge { name: shown, size: Size::Exactly(size), cap });
        }
        if bytes.is_empty() {
            return Err(SpecimenError::Empty { name: shown });
        }
        let language = match forced {
            Some(asked) => languages.get(asked).ok_or_else(|| SpecimenError::NoSuchLanguage {
                asked: visible(asked.as_bytes()),
                hint: diagnose::hint(asked, &languages.names()),
            }),
            None => languages.recognise(name, &bytes).ok_or_else(|| SpecimenError::UnknownLanguage {
                name: shown.clone(),
                known: languages.names().join(", "),
            }),
        }?;
        Ok(Self { name: shown, language: language.clone(), sha256: Sha256Digest::of(&bytes), bytes })
    }

    /// Takes in what a reader gives, such as standard input; reads at most one
    /// byte more than the cap.
    ///
    /// # Errors
    ///
    /// As [`Specimen::from_bytes`], and when reading fails.
    pub fn read(
        name: &str,
        reader: impl Read,
        languages: &LanguageTable,
        forced: Option<&str>,
        cap: Bytes,
    ) -> Result<Self, SpecimenError> {
        let mut bytes = Vec::new();
        let shown = || visible(name.as_bytes());
        reader
            .take(cap.0.saturating_add(1))
            .read_to_end(&mut bytes)
            .map_err(|source| SpecimenError::Unreadable { name: shown(), source })?;
        if bytes.len() as u64 > cap.0 {
            return Err(SpecimenError::TooLarge { name: shown(), size: Size::MoreThan(cap), cap });
        }
        Self::from_bytes(name, bytes, languages, forced, cap)
    }

    /// Takes in a file. Pipes and devices are refused without being opened, and
    /// a large file without being read.
    ///
    /// # Errors
    ///
    /// As [`Specimen::read`], and when the path does not lead to a regular file.
    pub fn load(
        path: &Path,
        languages: &LanguageTable,
        forced: Option<&str>,
        cap: Bytes,
    ) -> Result<Self, SpecimenError> {
        let file = open_regular(path)?;
        let unreadable = |source| SpecimenError::Unreadable { name: shown(path), source };
        let size = Bytes(file.metadata().map_err(unreadable)?.len());
        if size.0 > cap.0 {
            return Err(SpecimenError::TooLarge { name: shown(path), size: Size::Exactly(size), cap });
        }
        let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
        Self::read(&name, file, languages, forced, cap)
    }

    /// What its text hides from a reader. A program in machine code has no
    /// text, so nothing is found there.
    pub fn hidden(&self) -> hidden::Scan {
        if self.language.runs_itself() { hidden::Scan::default() } else { hidden::scan(&self.bytes) }
    }
}

fn shown(path: &Path) -> String {
    visible(path.as_os_str().as_bytes())
}

fn open_regular(path: &Path) -> Result<File, SpecimenError> {
    files::open_regular(path).map_err(|error| match error {
        FileError::NotAFile(what) => SpecimenError::NotAFile { name: shown(path), what },
        other => SpecimenError::Unreadable { name: shown(path), source: other.into() },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(name: &str, bytes: &[u8], forced: Option<&str>) -> Result<Specimen, String> {
        let languages = LanguageTable::default();
        Specimen::from_bytes(name, bytes.to_vec(), &languages, forced, Bytes(64)).map_err(|error| error.to_string())
    }

    fn loaded(path: &Path) -> String {
        Specimen::load(path, &LanguageTable::default(), None, Bytes(64)).unwrap_err().to_string()
    }

    #[test]
    fn a_specimen_has_its_digest_and_language() {
        let specimen = taken("a.py", b"print(1)\n", None).unwrap();
        assert_eq!(specimen.sha256.to_string(), "cc42155088fca5730758db72b2a5bca33112a941dfaa2d43098ec422ce4ea213");
        assert_eq!(specimen.language.name, "python");
    }

    #[test]
    fn a_forced_language_goes_before_what_the_code_says() {
        let specimen = taken("a.py", b"#!/bin/sh\n", Some("perl")).unwrap();
        assert_eq!(specimen.language.name, "perl");
    }

    #[test]
    fn a_wrong_language_suggests_the_right_one() {
        assert_eq!(
            taken("a", b"x", Some("pyton")).unwrap_err(),
            "no language `pyton`: did you mean `python`? allowed: python, shell, bash, javascript, \
             ruby, perl, executable; add others under `[languages]` in the configuration file"
        );
    }

    #[test]
    fn an_unknown_language_says_how_to_name_it() {
        assert_eq!(
            taken("no\u{1b}tes.txt", b"hello", None).unwrap_err(),
            "cannot tell the language of no\\x1btes.txt; name it with `--language`, one of python, \
             shell, bash, javascript, ruby, perl, executable"
        );
    }

    #[test]
    fn nothing_at_all_is_refused() {
        assert_eq!(taken("a.py", b"", None).unwrap_err(), "a.py is empty: there is nothing to run");
    }

    #[test]
    fn a_large_file_is_refused_with_its_size_the_cap_and_the_key() {
        let file = tempfile::NamedTempFile::with_suffix(".py").unwrap();
        file.as_file().set_len(10_000_000_000).unwrap();
        let error = loaded(file.path());
        assert!(error.contains("and the cap is 64"), "{error}");
        assert!(error.contains("`specimen.max_size`"), "{error}");
        assert!(!error.contains("more than"), "{error}");
    }

    #[test]
    fn endless_input_is_read_no_further_than_the_cap() {
        let languages = LanguageTable::default();
        let error = Specimen::read("stdin", io::repeat(b'x'), &languages, None, Bytes(64));
        let error = error.unwrap_err().to_string();
        assert!(error.starts_with("stdin is too large: more than 64"), "{error}");
    }

    #[test]
    fn what_is_not_a_file_is_refused_at_once() {
        let dir = tempfile::tempdir().unwrap();
        assert!(loaded(dir.path()).contains("it is a directory"));
        let pipe = dir.path().join("pipe.py");
        rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, rustix::fs::Mode::RUSR).unwrap();
        assert!(loaded(&pipe).contains("it is a pipe; name a file, or pass `-`"));
        assert!(loaded(Path::new("/dev/zero")).contains("it is a device"));
        let missing = loaded(&dir.path().join("missing.py"));
        assert!(missing.contains("No such file or directory"), "{missing}");
    }

    #[test]
    fn only_text_is_scanned_for_hidden_characters() {
        let text = taken("a.py", "x\u{200b} = 1".as_bytes(), None).unwrap();
        assert_eq!(text.hidden().total, 1);
        let program = taken("a", b"\x7fELF\x01\x02\0\0", None).unwrap();
        assert_eq!(program.hidden().total, 0);
    }
}
