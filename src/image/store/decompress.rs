//! gzip and zstd, told by their first bytes, and never more out of them than is taken.

use std::io::{self, BufRead, BufReader, Read};

use flate2::bufread::MultiGzDecoder;
use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

use super::error::Fault;
use super::limits;

/// How a stream is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Compression {
    Gzip,
    Zstd,
}

/// Looks at the first bytes; none where it is not compressed.
///
/// # Errors
/// A compression that is known and not read here.
pub(super) fn sniff(start: &[u8]) -> Result<Option<Compression>, Fault> {
    match start {
        [0x1f, 0x8b, ..] => Ok(Some(Compression::Gzip)),
        [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Ok(Some(Compression::Zstd)),
        [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Err(Fault::Compression("xz")),
        [b'B', b'Z', b'h', b'1'..=b'9', 0x31, 0x41, ..] => Err(Fault::Compression("bzip2")),
        _ => Ok(None),
    }
}

/// The stream as it was before it was compressed; `size` is that of the compressed one.
///
/// # Errors
/// As [`sniff`], and what the stream says. As a reader: `FileTooLarge` where more comes out than is taken, with the
/// bound as its text.
pub(super) fn open<'a>(stream: impl Read + 'a, size: u64) -> Result<Box<dyn Read + 'a>, Fault> {
    let mut stream = BufReader::with_capacity(64 * 1024, stream);
    let start = stream.fill_buf().map_err(super::error::while_doing("reading the first bytes"))?;
    let most = limits::FREE_OF_RATIO.0.max(size.saturating_mul(limits::RATIO)).min(limits::UNPACKED.0);
    Ok(match sniff(start)? {
        None => Box::new(stream),
        Some(Compression::Gzip) => Box::new(Bounded::new(MultiGzDecoder::new(stream), most)),
        Some(Compression::Zstd) => Box::new(Bounded::new(Zstd::new(stream), most)),
    })
}

/// Fails once more has been read than may be.
struct Bounded<R> {
    inner: R,
    left: u64,
    most: u64,
}

impl<R> Bounded<R> {
    fn new(inner: R, most: u64) -> Self {
        Self { inner, left: most, most }
    }
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        let too_large = || io::Error::new(io::ErrorKind::FileTooLarge, crate::policy::Bytes(self.most).to_string());
        self.left = self.left.checked_sub(read as u64).ok_or_else(too_large)?;
        Ok(read)
    }
}

/// A zstd stream of any number of frames, those that are to be skipped among them (RFC 8878).
struct Zstd<R> {
    source: R,
    decoder: FrameDecoder,
    in_frame: bool,
}

impl<R: BufRead> Zstd<R> {
    fn new(source: R) -> Self {
        Self { source, decoder: FrameDecoder::new(), in_frame: false }
    }

    /// Goes to the next frame with data; false at the end.
    fn next_frame(&mut self) -> io::Result<bool> {
        loop {
            if self.source.fill_buf()?.is_empty() {
                return Ok(false);
            }
            match self.decoder.init(&mut self.source) {
                Ok(()) => return Ok(true),
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame { length, .. })) => {
                    io::copy(&mut (&mut self.source).take(u64::from(length)), &mut io::sink())?;
                }
                Err(error) => return Err(zstd_error(&error)),
            }
        }
    }
}

impl<R: BufRead> Read for Zstd<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            if !self.in_frame {
                self.in_frame = self.next_frame()?;
                if !self.in_frame {
                    return Ok(0);
                }
            }
            while self.decoder.can_collect() == 0 && !self.decoder.is_finished() {
                let decoded = self.decoder.decode_blocks(&mut self.source, BlockDecodingStrategy::UptoBlocks(1));
                decoded.map_err(|error| zstd_error(&error))?;
            }
            match self.decoder.read(buffer)? {
                0 if !buffer.is_empty() => self.in_frame = false,
                read => return Ok(read),
            }
        }
    }
}

/// The decoder wraps what its source said; an early end shall be told as one.
fn zstd_error(error: &FrameDecoderError) -> io::Error {
    let mut cause: Option<&dyn std::error::Error> = Some(error);
    while let Some(inner) = cause {
        if inner.downcast_ref::<io::Error>().is_some_and(|inner| inner.kind() == io::ErrorKind::UnexpectedEof) {
            return io::ErrorKind::UnexpectedEof.into();
        }
        cause = inner.source();
    }
    io::Error::new(io::ErrorKind::InvalidData, format!("zstd: {error}"))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::write::GzEncoder;
    use proptest::prelude::*;
    use ruzstd::encoding::{CompressionLevel, compress_to_vec};

    use super::*;

    fn gzip(data: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(data).unwrap();
        encoder.finish().unwrap()
    }

    fn zstd(data: &[u8]) -> Vec<u8> {
        compress_to_vec(data, CompressionLevel::Fastest)
    }

    fn read(bytes: &[u8]) -> io::Result<Vec<u8>> {
        let mut out = Vec::new();
        open(bytes, bytes.len() as u64).unwrap().read_to_end(&mut out)?;
        Ok(out)
    }

    #[test]
    fn a_stream_comes_out_as_it_went_in_however_it_is_compressed() {
        for packed in [b"hello".to_vec(), gzip(b"hello"), zstd(b"hello"), [gzip(b"hel"), gzip(b"lo")].concat()] {
            assert_eq!(read(&packed).unwrap(), b"hello");
        }
        let skipped = [&[0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3][..], &zstd(b"hel"), &zstd(b"lo")].concat();
        assert_eq!(read(&skipped).unwrap(), b"hello", "frames of zstd follow each other, some to be skipped");
    }

    #[test]
    fn a_stream_that_is_cut_off_is_told_as_that() {
        let data: Vec<u8> = (0..9999_u32).flat_map(u32::to_le_bytes).collect();
        for packed in [gzip(&data), zstd(&data)] {
            let error = read(&packed[..packed.len() / 2]).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof, "{error}");
        }
    }

    #[test]
    fn no_more_comes_out_than_is_taken() {
        let mut bounded = Bounded::new(io::repeat(0), 10_000);
        let error = io::copy(&mut bounded, &mut io::sink()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::FileTooLarge);
    }

    #[test]
    fn other_compressions_are_named() {
        let error = sniff(b"\xfd7zXZ\0").unwrap_err().to_string();
        assert!(error.contains("xz") && error.contains("decompress it first"), "{error}");
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..512), at in 0_usize..3) {
            for start in [&[0x1f, 0x8b, 8, 0][..], &[0x28, 0xb5, 0x2f, 0xfd]] {
                let _ = read(&[start, &bytes[at.min(bytes.len())..]].concat());
            }
        }
    }
}
