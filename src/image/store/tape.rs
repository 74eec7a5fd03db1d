//! Reads a tar stream entry by entry, strictly and in bounded memory: POSIX ustar and pax (pax(1)), and GNU's long
//! names. The crate `tar` reads extended headers of any length into memory, so it gives the fields of a header here and
//! not the walk.

use std::io::{self, Read};

use tar::{EntryType, Header, PaxExtensions};

use super::error::{Fault, while_doing};
use super::limits;

const BLOCK: u64 = 512;

/// What an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    File,
    HardLink,
    Symlink,
    Directory,
    /// A device or a FIFO.
    Node,
}

/// An entry, as the archive names it: nothing in it is to be trusted.
#[derive(Clone, Debug)]
pub(super) struct Member {
    pub kind: Kind,
    pub path: Vec<u8>,
    /// What a link leads to; else empty.
    pub link: Vec<u8>,
    /// All bits of the mode that the header has.
    pub mode: u32,
    pub uid: u64,
    pub gid: u64,
    /// Seconds since the epoch.
    pub mtime: u64,
    /// Bytes of data, which [`Tape`] reads.
    pub size: u64,
    /// Where the data begins in the stream.
    pub offset: u64,
}

/// A tar stream. As a reader it gives the data of the entry that was last told.
pub(super) struct Tape<R> {
    input: R,
    /// What it is, for messages.
    what: String,
    position: u64,
    /// Data of the entry that is not read yet, and the padding behind.
    data: u64,
    padding: u64,
    ended: bool,
}

/// What extended headers say of the next entry.
#[derive(Default)]
struct Extended {
    path: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
    size: Option<u64>,
    uid: Option<u64>,
    gid: Option<u64>,
    mtime: Option<u64>,
}

impl<R: Read> Tape<R> {
    pub(super) fn new(input: R, what: impl Into<String>) -> Self {
        Self { input, what: what.into(), position: 0, data: 0, padding: 0, ended: false }
    }

    /// The next entry; what is left of the one before is skipped.
    ///
    /// # Errors
    /// A header that is damaged or cut off, an extended header that is too long.
    pub(super) fn next(&mut self) -> Result<Option<Member>, Fault> {
        let mut extended = Extended::default();
        loop {
            self.skip()?;
            let Some(header) = self.header()? else { return Ok(None) };
            let size = header.entry_size().map_err(|_| self.damaged("its size is no number"))?;
            match header.entry_type() {
                EntryType::GNULongName => extended.path = Some(self.long_name(size)?),
                EntryType::GNULongLink => extended.link = Some(self.long_name(size)?),
                EntryType::XHeader => {
                    let records = self.extension(size)?;
                    extended.take(&records).map_err(|problem| self.damaged(problem))?;
                }
                EntryType::XGlobalHeader => self.begin(size),
                kind => return self.member(&header, kind, size, extended).map(Some),
            }
        }
    }

    /// Whether the archive's own end was seen, and not just the end of the stream.
    pub(super) fn ended(&self) -> bool {
        self.ended
    }

    /// The stream behind the last entry.
    pub(super) fn rest(&mut self) -> &mut R {
        &mut self.input
    }

    /// The stream itself.
    pub(super) fn into_input(self) -> R {
        self.input
    }

    fn member(&mut self, header: &Header, kind: EntryType, size: u64, extended: Extended) -> Result<Member, Fault> {
        let path = extended.path.unwrap_or_else(|| header.path_bytes().into_owned());
        let kind = match kind {
            EntryType::Regular | EntryType::Continuous if path.ends_with(b"/") => Kind::Directory,
            EntryType::Regular | EntryType::Continuous => Kind::File,
            EntryType::Link => Kind::HardLink,
            EntryType::Symlink => Kind::Symlink,
            EntryType::Directory => Kind::Directory,
            EntryType::Char | EntryType::Block | EntryType::Fifo => Kind::Node,
            EntryType::GNUSparse => return Err(self.refused(path, "a sparse file: make the archive without --sparse")),
            _ => return Err(self.refused(path, "of a kind that no image has")),
        };
        // Only files have data; a size in another's header means nothing (pax(1), and Go's archive/tar).
        let size = if kind == Kind::File { extended.size.unwrap_or(size) } else { 0 };
        let link = match (kind, extended.link) {
            (Kind::HardLink | Kind::Symlink, Some(link)) => link,
            (Kind::HardLink | Kind::Symlink, None) => header.link_name_bytes().unwrap_or_default().into_owned(),
            _ => Vec::new(),
        };
        // Some programs leave a field empty.
        let number = |field: &[u8], read: io::Result<u64>, problem| match read {
            Err(_) if field.iter().all(|byte| matches!(byte, 0 | b' ')) => Ok(0),
            read => read.map_err(|_| self.damaged(problem)),
        };
        let old = header.as_old();
        let member = Member {
            kind,
            link,
            mode: header.mode().map_err(|_| self.damaged("its mode is no number"))?,
            uid: extended.uid.map_or_else(|| number(&old.uid, header.uid(), "its user id is no number"), Ok)?,
            gid: extended.gid.map_or_else(|| number(&old.gid, header.gid(), "its group id is no number"), Ok)?,
            mtime: extended.mtime.map_or_else(|| number(&old.mtime, header.mtime(), "its time is no number"), Ok)?,
            size,
            offset: self.position,
            path,
        };
        self.begin(size);
        Ok(member)
    }

    fn begin(&mut self, size: u64) {
        self.data = size;
        self.padding = size.wrapping_neg() % BLOCK;
    }

    /// Reads past what is left of an entry.
    fn skip(&mut self) -> Result<(), Fault> {
        let left = self.data.saturating_add(self.padding);
        let skipped =
            io::copy(&mut (&mut self.input).take(left), &mut io::sink()).map_err(|error| self.unread(error))?;
        self.position = self.position.saturating_add(skipped);
        (self.data, self.padding) = (0, 0);
        if skipped < left { Err(self.truncated()) } else { Ok(()) }
    }

    /// The next header; none at the end.
    fn header(&mut self) -> Result<Option<Header>, Fault> {
        let mut block = Vec::with_capacity(512);
        (&mut self.input).take(BLOCK).read_to_end(&mut block).map_err(|error| self.unread(error))?;
        if block.is_empty() {
            return Ok(None);
        }
        if block.len() < 512 {
            return Err(if self.position == 0 { Fault::NotATar } else { self.truncated() });
        }
        if block.iter().all(|&byte| byte == 0) {
            self.ended = true;
            return Ok(None);
        }
        let header = Header::from_byte_slice(&block);
        let sum = |at: usize, byte: u8| u32::from(if (148..156).contains(&at) { b' ' } else { byte });
        let sum: u32 = block.iter().enumerate().map(|(at, &byte)| sum(at, byte)).sum();
        if header.cksum().ok() != Some(sum) {
            return Err(if self.position == 0 { Fault::NotATar } else { self.damaged("its checksum is wrong") });
        }
        self.position += BLOCK;
        Ok(Some(header.clone()))
    }

    /// The data of an extended header.
    fn extension(&mut self, size: u64) -> Result<Vec<u8>, Fault> {
        if size > limits::EXTENSION {
            return Err(self.damaged("an extended header is longer than 64 KiB"));
        }
        self.begin(size);
        let mut data = Vec::new();
        self.read_to_end(&mut data).map_err(|error| self.unread(error))?;
        Ok(data)
    }

    fn long_name(&mut self, size: u64) -> Result<Vec<u8>, Fault> {
        let mut name = self.extension(size)?;
        if name.last() == Some(&0) {
            name.pop();
        }
        Ok(name)
    }

    fn damaged(&self, problem: &'static str) -> Fault {
        Fault::Header { what: self.what.clone(), at: self.position, problem }
    }

    fn truncated(&self) -> Fault {
        Fault::Truncated { what: self.what.clone() }
    }

    fn refused(&self, entry: Vec<u8>, why: &str) -> Fault {
        Fault::Entry { what: self.what.clone(), entry, why: why.to_owned() }
    }

    /// What an error of the stream means.
    pub(super) fn unread(&self, error: io::Error) -> Fault {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => self.truncated(),
            io::ErrorKind::FileTooLarge => Fault::TooMuch { what: self.what.clone(), most: error.to_string() },
            _ => while_doing(format!("reading {}", self.what))(error),
        }
    }
}

impl<R: Read> Read for Tape<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.data == 0 || buffer.is_empty() {
            return Ok(0);
        }
        let most = usize::try_from(self.data).unwrap_or(usize::MAX).min(buffer.len());
        let read = self.input.read(&mut buffer[..most])?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.data -= read as u64;
        self.position = self.position.saturating_add(read as u64);
        Ok(read)
    }
}

impl Extended {
    fn take(&mut self, records: &[u8]) -> Result<(), &'static str> {
        for record in PaxExtensions::new(records) {
            let record = record.map_err(|_| "an extended header is no list of records")?;
            let value = record.value_bytes();
            match record.key_bytes() {
                b"path" => self.path = Some(value.to_vec()),
                b"linkpath" => self.link = Some(value.to_vec()),
                b"size" => self.size = Some(number(value)?),
                b"uid" => self.uid = Some(number(value)?),
                b"gid" => self.gid = Some(number(value)?),
                // Fractions are dropped, and times before 1970 are 1970.
                b"mtime" if value.starts_with(b"-") => self.mtime = Some(0),
                b"mtime" => self.mtime = Some(number(value.split(|&byte| byte == b'.').next().unwrap_or(value))?),
                key if key.starts_with(b"GNU.sparse.") => {
                    return Err("a sparse file: make the archive without --sparse");
                }
                _ => {}
            }
        }
        Ok(())
    }
}

fn number(value: &[u8]) -> Result<u64, &'static str> {
    let text = std::str::from_utf8(value).ok();
    text.and_then(|text| text.parse().ok()).ok_or("a number of an extended header is none")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn archive(build: impl FnOnce(&mut tar::Builder<Vec<u8>>)) -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        build(&mut builder);
        builder.into_inner().unwrap()
    }

    fn file(builder: &mut tar::Builder<Vec<u8>>, name: &str, data: &[u8]) {
        let mut header = Header::new_gnu();
        header.set_size(data.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, name, data).unwrap();
    }

    fn all(bytes: &[u8]) -> Result<Vec<(String, String)>, Fault> {
        let mut tape = Tape::new(bytes, "x.tar");
        let mut found = Vec::new();
        while let Some(member) = tape.next()? {
            let mut data = Vec::new();
            tape.read_to_end(&mut data).map_err(|error| tape.unread(error))?;
            found.push((String::from_utf8_lossy(&member.path).into(), String::from_utf8_lossy(&data).into()));
        }
        assert!(tape.ended());
        Ok(found)
    }

    #[test]
    fn entries_come_with_their_names_however_long_and_their_data() {
        let long = "d/".repeat(120) + "f";
        let bytes = archive(|builder| {
            file(builder, "a", b"one");
            file(builder, &long, b"two");
            builder.append_pax_extensions([("path", &b"pax-named"[..]), ("uid", b"7")]).unwrap();
            file(builder, "c", b"");
        });
        let pair = |name: &str, data: &str| (name.to_owned(), data.to_owned());
        assert_eq!(all(&bytes).unwrap(), [pair("a", "one"), pair(&long, "two"), pair("pax-named", "")]);
    }

    #[test]
    fn a_long_name_of_gigabytes_is_refused_before_it_is_read() {
        let mut header = Header::new_gnu();
        header.set_entry_type(EntryType::GNULongName);
        header.set_size(8 << 30);
        header.set_cksum();
        let error = all(header.as_bytes()).unwrap_err().to_string();
        assert!(error.contains("an extended header is longer than 64 KiB"), "{error}");
    }

    #[test]
    fn what_is_cut_off_or_changed_is_told() {
        let bytes = archive(|builder| file(builder, "a", &[b'x'; 2000]));
        let error = all(&bytes[..1000]).unwrap_err().to_string();
        assert!(error.contains("x.tar ends too early"), "{error}");
        assert!(matches!(all(b"GIF89a").unwrap_err(), Fault::NotATar));
        let mut two = archive(|builder| {
            file(builder, "a", b"");
            file(builder, "b", b"");
        });
        two[512] = b'c';
        let error = all(&two).unwrap_err().to_string();
        assert!(error.contains("damaged at byte 512: its checksum is wrong"), "{error}");
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(mut bytes in proptest::collection::vec(any::<u8>(), 0..2048), kind in any::<u8>()) {
            // With a good checksum, so that what stands behind it is looked at.
            if bytes.len() >= 512 {
                bytes[156] = kind;
                let mut header = Header::from_byte_slice(&bytes[..512]).clone();
                header.set_cksum();
                bytes[..512].copy_from_slice(header.as_bytes());
            }
            let mut tape = Tape::new(&bytes[..], "x.tar");
            while let Ok(Some(_)) = tape.next() {}
        }
    }
}
