//! What an image comes in: a tar archive, or a directory that is an OCI layout. Nothing of an archive is unpacked to be
//! looked at: its files are read where they lie in it.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Read};
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;
use std::path::Path;

use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat, openat2};

use super::decompress::{self, sniff};
use super::error::{Fault, while_doing};
use super::limits;
use super::tape::{Kind, Tape};
use crate::files;

/// Marks an OCI layout: image-layout.md of the OCI image specification.
pub(super) const OCI_LAYOUT: &str = "oci-layout";
/// What an OCI layout has.
pub(super) const INDEX: &str = "index.json";
/// What a `docker save` archive has.
pub(super) const MANIFEST: &str = "manifest.json";
/// The archive itself, which no entry of one is called.
pub(super) const WHOLE: &str = ".";

/// The files of an archive or a layout, by name.
pub(super) enum Bundle {
    Directory(OwnedFd),
    Archive { file: File, parts: HashMap<Vec<u8>, Part> },
}

/// Where a file of an archive is.
pub(super) enum Part {
    Data {
        offset: u64,
        size: u64,
    },
    /// The same as another: `docker save` writes layers that are equal once.
    Same(Vec<u8>),
}

impl Bundle {
    /// Opens what is at a path; an archive that is compressed is decompressed to `spool`, which is not there yet.
    ///
    /// # Errors
    /// What is neither, is empty, damaged or cut off.
    pub(super) fn open(source: &Path, spool: &Path) -> Result<Self, Fault> {
        if fs::metadata(source).map_err(while_doing("looking at it"))?.is_dir() {
            return Self::layout(source);
        }
        let file = files::open_regular(source).map_err(|error| while_doing("opening it")(error.into()))?;
        let mut start = [0; 6];
        let read = file.read_at(&mut start, 0).map_err(while_doing("reading it"))?;
        if read == 0 {
            return Err(Fault::Empty);
        }
        match sniff(&start[..read])? {
            None => Self::archive(file),
            Some(_) => Self::archive(spooled(&file, spool)?),
        }
    }

    fn layout(directory: &Path) -> Result<Self, Fault> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let opened =
            openat(CWD, directory, flags, Mode::empty()).map_err(|errno| while_doing("opening it")(errno.into()))?;
        let layout = Self::Directory(opened);
        if layout.has(OCI_LAYOUT) && layout.has(INDEX) { Ok(layout) } else { Err(Fault::NotALayout) }
    }

    fn archive(file: File) -> Result<Self, Fault> {
        let length = file.metadata().map_err(while_doing("looking at it"))?.len();
        let mut tape =
            Tape::new(BufReader::with_capacity(1 << 20, Slice { file: &file, at: 0, left: length }), "the archive");
        let mut parts = HashMap::new();
        let mut entries = 0;
        while let Some(member) = tape.next()? {
            entries += 1;
            if entries > limits::ENTRIES {
                return Err(Fault::TooMuch {
                    what: "the archive".to_owned(),
                    most: format!("{} entries", limits::ENTRIES),
                });
            }
            let part = match member.kind {
                Kind::File => Part::Data { offset: member.offset, size: member.size },
                Kind::HardLink => Part::Same(plain(&member.link)),
                Kind::Symlink => Part::Same(beside(&plain(&member.path), &member.link)),
                Kind::Directory | Kind::Node => continue,
            };
            parts.insert(plain(&member.path), part);
        }
        if !tape.ended() {
            return Err(Fault::Truncated { what: "the archive".to_owned() });
        }
        if entries == 0 {
            return Err(Fault::Empty);
        }
        parts.insert(WHOLE.into(), Part::Data { offset: 0, size: length });
        Ok(Self::Archive { file, parts })
    }

    /// Whether there is a file of this name.
    pub(super) fn has(&self, name: &str) -> bool {
        self.find(name).is_ok()
    }

    /// A file, and how many bytes it has.
    ///
    /// # Errors
    /// [`Fault::MissingBlob`].
    pub(super) fn find(&self, name: &str) -> Result<(Box<dyn Read + '_>, u64), Fault> {
        let missing = || Fault::MissingBlob { what: name.to_owned() };
        match self {
            Self::Directory(directory) => {
                let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
                let beneath = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
                let file = openat2(directory, name, flags, Mode::empty(), beneath).map_err(|_| missing())?;
                let file = File::from(file);
                let metadata = file.metadata().map_err(while_doing(format!("looking at {name}")))?;
                if metadata.is_file() { Ok((Box::new(file), metadata.len())) } else { Err(missing()) }
            }
            Self::Archive { file, parts } => {
                let mut part = parts.get(name.as_bytes()).ok_or_else(missing)?;
                // One step is what archives have; a chain could be a ring.
                if let Part::Same(other) = part {
                    part = parts.get(other).ok_or_else(missing)?;
                }
                match *part {
                    Part::Data { offset, size } => Ok((Box::new(Slice { file, at: offset, left: size }), size)),
                    Part::Same(_) => Err(missing()),
                }
            }
        }
    }

    /// A small file as a whole.
    ///
    /// # Errors
    /// As [`Bundle::find`], and one that is larger than documents are.
    pub(super) fn document(&self, name: &str) -> Result<Vec<u8>, Fault> {
        let (reader, size) = self.find(name)?;
        if size > limits::DOCUMENT.0 {
            return Err(Fault::too_large(name, limits::DOCUMENT));
        }
        let mut bytes = Vec::new();
        reader.take(size).read_to_end(&mut bytes).map_err(while_doing(format!("reading {name}")))?;
        Ok(bytes)
    }
}

/// Decompresses an archive into a file.
fn spooled(file: &File, spool: &Path) -> Result<File, Fault> {
    let size = file.metadata().map_err(while_doing("looking at it"))?.len();
    let mut stream = decompress::open(file, size)?;
    let plain = File::options().read(true).write(true).create_new(true).open(spool);
    let plain = plain.map_err(while_doing("making a file to decompress it to"))?;
    let mut writer = BufWriter::with_capacity(1 << 20, &plain);
    io::copy(&mut stream, &mut writer)
        .and_then(|_| writer.into_inner().map_err(io::IntoInnerError::into_error))
        .map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => Fault::Truncated { what: "the archive".to_owned() },
            io::ErrorKind::FileTooLarge => {
                Fault::TooMuch { what: "the archive, decompressed,".to_owned(), most: error.to_string() }
            }
            _ => while_doing("decompressing it")(error),
        })?;
    Ok(plain)
}

/// A name without what does not tell names apart.
fn plain(name: &[u8]) -> Vec<u8> {
    let mut name = name;
    while let Some(rest) = name.strip_prefix(b"./") {
        name = rest;
    }
    name.to_vec()
}

/// What a relative link from an entry leads to; text alone, since nothing of the archive is on disk.
fn beside(from: &[u8], link: &[u8]) -> Vec<u8> {
    let mut parts: Vec<&[u8]> = from.split(|&byte| byte == b'/').collect();
    parts.pop();
    for part in link.split(|&byte| byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." => drop(parts.pop()),
            name => parts.push(name),
        }
    }
    parts.join(&b'/')
}

/// Some bytes of a file, read where they are.
struct Slice<'a> {
    file: &'a File,
    at: u64,
    left: u64,
}

impl Read for Slice<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        let read = self.file.read_at(&mut buffer[..most], self.at)?;
        self.at += read as u64;
        self.left -= read as u64;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_in_an_archive_is_followed_by_its_text() {
        assert_eq!(beside(b"abc/layer.tar", b"../def/layer.tar"), b"def/layer.tar");
        assert_eq!(beside(b"layer.tar", b"../../etc/passwd"), b"etc/passwd", "a name in the archive, or none");
        assert_eq!(plain(b"././a"), b"a");
    }
}
