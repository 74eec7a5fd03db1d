//! How much of an image is taken. Far beyond what images for a cell have, and far below what would hurt the machine.

use crate::policy::Bytes;

/// Entries of all layers together.
pub(super) const ENTRIES: u64 = 1_000_000;
/// Bytes of all files that the layers unpack to, and of an archive that comes compressed.
pub(crate) const UNPACKED: Bytes = Bytes::mib(32 * 1024);
/// How many times its own size a compressed stream may become, beyond [`FREE_OF_RATIO`]. gzip reaches 1000 on zeros;
/// file systems stay below 10.
pub(super) const RATIO: u64 = 100;
/// What a compressed stream may become whatever its own size.
pub(super) const FREE_OF_RATIO: Bytes = Bytes::mib(1024);
/// An entry's path, or what a link leads to: `PATH_MAX` of `limits.h`.
pub(super) const PATH: usize = 4096;
/// Directories in an entry's path.
pub(super) const DEPTH: usize = 256;
/// The extended headers before one entry (long names, PAX records).
pub(super) const EXTENSION: u64 = 64 * 1024;
/// A manifest, an index, an image configuration.
pub(crate) const DOCUMENT: Bytes = Bytes::mib(4);
/// Layers of an image; Docker stops at 127.
pub(super) const LAYERS: usize = 512;
/// An index within an index, and so on.
pub(super) const NESTING: usize = 4;
