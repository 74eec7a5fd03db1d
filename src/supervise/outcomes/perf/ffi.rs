//! `perf_event_open(2)` and its ring buffers, which no library here maps.

#![allow(unsafe_code, reason = "system calls and mapped memory")]

use std::ffi::CString;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Pages of records a CPU has: what a specimen that does nothing but fail fills in some 10 ms. A power of two.
const PAGES: usize = 256;

/// What `struct perf_event_attr` is as of Linux 4.8 (`PERF_ATTR_SIZE_VER5`, `include/uapi/linux/perf_event.h`).
#[repr(C)]
#[derive(Default)]
struct Attr {
    kind: u32,
    size: u32,
    config: u64,
    sample_period: u64,
    sample_type: u64,
    read_format: u64,
    flags: u64,
    wakeup_events: u32,
    bp_type: u32,
    config1: u64,
    config2: u64,
    branch_sample_type: u64,
    sample_regs_user: u64,
    sample_stack_user: u32,
    clockid: i32,
    sample_regs_intr: u64,
    aux_watermark: u32,
    sample_max_stack: u16,
    reserved: u16,
}

// Of the same header.
const SOFTWARE: u32 = 1;
const TRACEPOINT: u32 = 2;
const DUMMY: u64 = 9;
const SAMPLE: u64 = 1 << 1 | 1 << 2 | 1 << 10 | 1 << 12;
const INHERIT: u64 = 1 << 1;
const USE_CLOCKID: u64 = 1 << 25;
const CLOSE_ON_EXEC: libc::c_ulong = 1 << 3;
const SET_OUTPUT: libc::c_ulong = 0x2405;
const SET_FILTER: libc::c_ulong = 0x4008_2406;
pub const RECORD_LOST: u32 = 2;
pub const RECORD_SAMPLE: u32 = 9;
const DATA_HEAD: usize = 1024;
const DATA_TAIL: usize = 1032;

/// dx, si, di, sp, ip, r8, r9, r10, as `arch/x86/include/uapi/asm/perf_regs.h` numbers them.
const REGISTERS: u64 = 1 << 3 | 1 << 4 | 1 << 5 | 1 << 7 | 1 << 8 | 1 << 16 | 1 << 17 | 1 << 18;

/// Whether a record of an event wakes who waits for it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Wakes {
    Yes,
    No,
}

/// What an event tells of.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// Nothing.
    Dummy,
    /// The tracepoint of this number.
    Tracepoint(u16),
}

/// An event's records of one process, or of this one with 0, and of all that it makes, on one CPU, or on every one with
/// -1.
pub fn open(kind: Kind, pid: libc::pid_t, cpu: i32, wakes: Wakes) -> io::Result<OwnedFd> {
    let (kind, config) = match kind {
        Kind::Dummy => (SOFTWARE, DUMMY),
        Kind::Tracepoint(id) => (TRACEPOINT, u64::from(id)),
    };
    let attr = Attr {
        kind,
        size: u32::try_from(size_of::<Attr>()).unwrap_or(0),
        config,
        sample_period: 1,
        sample_type: SAMPLE,
        flags: INHERIT | USE_CLOCKID,
        wakeup_events: u32::from(wakes == Wakes::Yes),
        sample_regs_user: REGISTERS,
        clockid: libc::CLOCK_MONOTONIC,
        ..Attr::default()
    };
    // SAFETY: the structure says its own size and outlives the call.
    let fd = unsafe { libc::syscall(libc::SYS_perf_event_open, &raw const attr, pid, cpu, -1, CLOSE_ON_EXEC) };
    match i32::try_from(fd) {
        // SAFETY: the kernel has just made it, and nobody else knows of it.
        Ok(fd) if fd >= 0 => Ok(unsafe { OwnedFd::from_raw_fd(fd) }),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Has an event make only the records that the kernel's filter lets through (Documentation/trace/events.rst).
pub fn set_filter(event: &OwnedFd, filter: &str) -> io::Result<()> {
    let filter = CString::new(filter)?;
    // SAFETY: the string ends in NUL and outlives the call.
    check(unsafe { libc::ioctl(event.as_raw_fd(), SET_FILTER, filter.as_ptr()) })
}

fn check(result: libc::c_int) -> io::Result<()> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// The time by the clock of the records.
pub fn monotonic() -> Duration {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the structure outlives the call, which cannot fail for this clock.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut now) };
    Duration::new(u64::try_from(now.tv_sec).unwrap_or(0), u32::try_from(now.tv_nsec).unwrap_or(0))
}

/// The records of one CPU.
pub struct Ring {
    event: OwnedFd,
    /// Events that write here too.
    others: Vec<OwnedFd>,
    pages: *mut u8,
    page: usize,
}

// SAFETY: the mapping belongs to this value alone, and the kernel does not care which thread reads it.
unsafe impl Send for Ring {}

impl Ring {
    /// The records of an event.
    pub fn map(event: OwnedFd) -> io::Result<Self> {
        let page = rustix::param::page_size();
        // SAFETY: a new mapping at an address of the kernel's choice.
        let pages = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                (1 + PAGES) * page,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED,
                event.as_raw_fd(),
                0,
            )
        };
        if pages == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        Ok(Self { event, others: Vec::new(), pages: pages.cast(), page })
    }

    /// Has another event write here, so that both keep their order.
    pub fn take_in(&mut self, other: OwnedFd) -> io::Result<()> {
        // SAFETY: the argument is a number.
        check(unsafe { libc::ioctl(other.as_raw_fd(), SET_OUTPUT, self.event.as_raw_fd()) })?;
        self.others.push(other);
        Ok(())
    }

    /// Readable where there are records.
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.event.as_fd()
    }

    fn position(&self, offset: usize) -> &AtomicU64 {
        // SAFETY: both positions lie in the first page, aligned, and the kernel too takes them as atomic.
        unsafe { AtomicU64::from_ptr(self.pages.add(offset).cast()) }
    }

    /// Takes what there is: the kind of each record, and what follows its header.
    pub fn drain(&mut self, mut take: impl FnMut(u32, &[u8])) {
        let head = self.position(DATA_HEAD).load(Ordering::Acquire);
        let mut tail = self.position(DATA_TAIL).load(Ordering::Relaxed);
        let mut record = Vec::with_capacity(256);
        while tail < head {
            self.copy(tail, 8, &mut record);
            let kind = u32::from_ne_bytes(array(&record, 0));
            let size = u64::from(u16::from_ne_bytes(array(&record, 6)));
            if size < 8 {
                break;
            }
            self.copy(tail, usize::try_from(size).unwrap_or(8), &mut record);
            take(kind, &record[8..]);
            tail += size;
        }
        self.position(DATA_TAIL).store(head, Ordering::Release);
    }

    /// Copies bytes of the ring, which may go on at its beginning.
    fn copy(&self, from: u64, length: usize, into: &mut Vec<u8>) {
        let size = PAGES * self.page;
        let start = usize::try_from(from % size as u64).unwrap_or(0);
        let first = length.min(size - start);
        into.clear();
        for (at, length) in [(start, first), (0, length - first)] {
            // SAFETY: both parts lie in the data pages, and between head and tail, where the kernel does not write.
            into.extend(unsafe { std::slice::from_raw_parts(self.pages.add(self.page + at), length) });
        }
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        // SAFETY: the mapping was made with this length, and nothing borrows from it any more.
        unsafe { libc::munmap(self.pages.cast(), (1 + PAGES) * self.page) };
    }
}

/// Bytes at an offset; zeros beyond the end.
pub fn array<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    bytes.get(at..at + N).and_then(|part| part.try_into().ok()).unwrap_or([0; N])
}
