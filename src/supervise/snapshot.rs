//! Memory that may change while it is read.

use std::collections::BTreeMap;
use std::io;

use crate::seccomp::decode::Memory;

/// The least that is mapped.
const PAGE: usize = 4096;

/// Memory as each of its pages was when it was first read: whoever reads it twice reads the same.
pub struct Snapshot<M> {
    memory: M,
    pages: BTreeMap<u64, Vec<u8>>,
}

impl<M: Memory> Snapshot<M> {
    /// Nothing is read yet.
    pub fn of(memory: M) -> Self {
        Self { memory, pages: BTreeMap::new() }
    }

    fn page(&mut self, start: u64) -> io::Result<&[u8]> {
        if !self.pages.contains_key(&start) {
            let mut page = vec![0; PAGE];
            let read = self.memory.read(start, &mut page)?;
            page.truncate(read);
            self.pages.insert(start, page);
        }
        Ok(&self.pages[&start])
    }
}

impl<M: Memory> Memory for Snapshot<M> {
    fn read(&mut self, address: u64, buf: &mut [u8]) -> io::Result<usize> {
        let mut done = 0;
        while done < buf.len() {
            let Some(at) = address.checked_add(done as u64) else { break };
            let (start, within) = (at - at % PAGE as u64, usize::try_from(at % PAGE as u64).unwrap_or(0));
            match self.page(start).map(|page| page.get(within..).unwrap_or_default()) {
                Ok([]) => break,
                Ok(rest) => {
                    let length = rest.len().min(buf.len() - done);
                    buf[done..done + length].copy_from_slice(&rest[..length]);
                    done += length;
                }
                Err(error) if done == 0 => return Err(error),
                Err(_) => break,
            }
        }
        Ok(done)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two pages from the second on, with other bytes at each reading.
    struct Changing(u8);

    impl Memory for Changing {
        fn read(&mut self, address: u64, buf: &mut [u8]) -> io::Result<usize> {
            if !(4096..12288).contains(&address) {
                return Err(io::Error::from_raw_os_error(libc::EFAULT));
            }
            self.0 += 1;
            buf.fill(self.0);
            Ok(buf.len())
        }
    }

    #[test]
    fn what_is_read_twice_is_the_same_and_what_is_not_there_ends_it() {
        let mut memory = Snapshot::of(Changing(0));
        let mut bytes = [0; 4];
        assert_eq!((memory.read(5000, &mut bytes).unwrap(), bytes), (4, [1; 4]));
        assert_eq!((memory.read(8190, &mut bytes).unwrap(), bytes), (4, [1, 1, 2, 2]));
        assert_eq!((memory.read(5000, &mut bytes).unwrap(), bytes), (4, [1; 4]));
        assert_eq!(memory.read(12286, &mut bytes).unwrap(), 2);
        assert!(memory.read(12288, &mut bytes).is_err() && memory.read(0, &mut bytes).is_err());
        assert!(memory.read(u64::MAX, &mut bytes).is_err());
    }
}
