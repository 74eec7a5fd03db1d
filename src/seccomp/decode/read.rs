//! Bounded reads of the caller's memory.

use super::Memory;

/// The smallest page of any architecture. Memory ends at a page boundary, so a read
/// that fails as a whole may succeed up to the next one.
const PAGE: u64 = 4096;

/// The most reads one pointer costs, whatever short counts the memory returns.
const MAX_READS: usize = 8;

/// A [`Memory`] that copes with short reads, page ends and addresses near the top.
pub struct Reader<'m>(pub &'m mut dyn Memory);

impl Reader<'_> {
    /// Fills `buf` from `address` as far as memory goes; returns how much was read.
    pub fn fill(&mut self, address: u64, buf: &mut [u8]) -> usize {
        self.read_until(address, buf, |_| false)
    }

    /// Reads at most `buf.len()` bytes of a string, and stops once its NUL was read.
    pub fn string(&mut self, address: u64, buf: &mut [u8]) -> usize {
        self.read_until(address, buf, |part| part.contains(&0))
    }

    fn read_until(&mut self, address: u64, buf: &mut [u8], enough: fn(&[u8]) -> bool) -> usize {
        let mut have = 0;
        for _ in 0..MAX_READS {
            let Some(at) = address.checked_add(have as u64) else {
                break;
            };
            let part = &mut buf[have..];
            let below_top = usize::try_from(u64::MAX - at).unwrap_or(usize::MAX);
            let room = part.len().min(below_top);
            let count = self.read_some(at, &mut part[..room]);
            have += count;
            if count == 0 || enough(&buf[have - count..have]) {
                break;
            }
        }
        have
    }

    /// One read, or two where the first may have failed at a page end.
    fn read_some(&mut self, at: u64, part: &mut [u8]) -> usize {
        if part.is_empty() {
            return 0;
        }
        let mut attempt = |part: &mut [u8]| {
            let count = self.0.read(at, part).unwrap_or(0);
            count.min(part.len())
        };
        let to_page_end = usize::try_from(PAGE - at % PAGE).unwrap_or(usize::MAX);
        match attempt(part) {
            0 if to_page_end < part.len() => attempt(&mut part[..to_page_end]),
            count => count,
        }
    }
}
