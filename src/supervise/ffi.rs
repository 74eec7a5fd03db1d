//! The kernel interfaces of supervision that no library wraps safely: seccomp user
//! notification (`seccomp_unotify(2)`, include/uapi/linux/seccomp.h) and reading
//! another process's memory (`process_vm_readv(2)`).

#![allow(unsafe_code, reason = "raw ioctls and vectored reads of another process")]

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};

use tokio::io::unix::AsyncFd;

use crate::seccomp::SeccompData;
use crate::seccomp::decode::Memory;

/// `struct seccomp_notif`.
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct RawNotification {
    id: u64,
    pid: u32,
    flags: u32,
    nr: i32,
    arch: u32,
    instruction_pointer: u64,
    args: [u64; 6],
}

/// `struct seccomp_notif_resp`.
#[repr(C)]
struct RawResponse {
    id: u64,
    val: i64,
    error: i32,
    flags: u32,
}

// _IOWR('!', 0, struct seccomp_notif) and its neighbours.
const NOTIF_RECV: libc::c_ulong = 0xc050_2100;
const NOTIF_SEND: libc::c_ulong = 0xc018_2101;
const NOTIF_ID_VALID: libc::c_ulong = 0x4008_2102;
const NOTIF_SET_FLAGS: libc::c_ulong = 0x4008_2104;
/// Wake the other side on this CPU: both ends of the exchange are synchronous.
const FD_SYNC_WAKE_UP: libc::c_ulong = 1;

/// One held call.
#[derive(Clone, Copy, Debug)]
pub struct Notification {
    id: u64,
    /// The calling thread, in this process's pid namespace.
    pub tid: u32,
    /// What the filter saw.
    pub data: SeccompData,
}

/// The listening end of a filter.
pub struct NotifyFd(OwnedFd);

impl NotifyFd {
    /// Takes a listener; asks for synchronous wake-ups where the kernel has them (6.6).
    pub fn new(fd: OwnedFd) -> Self {
        // SAFETY: this ioctl takes its flags by value. Older kernels answer EINVAL, which costs only speed.
        unsafe { libc::ioctl(fd.as_raw_fd(), NOTIF_SET_FLAGS, FD_SYNC_WAKE_UP) };
        Self(fd)
    }

    /// The descriptor, for polling.
    pub fn as_fd(&self) -> BorrowedFd<'_> {
        use std::os::fd::AsFd;
        self.0.as_fd()
    }

    /// The next held call; `None` where the caller died or was interrupted meanwhile.
    ///
    /// # Errors
    /// What the ioctl said, but ENOENT and EINTR.
    pub fn receive(&self) -> io::Result<Option<Notification>> {
        let mut raw = RawNotification::default();
        // SAFETY: the structure is zeroed, as the kernel demands, and of the size in the ioctl's number.
        match check(unsafe { libc::ioctl(self.0.as_raw_fd(), NOTIF_RECV, &raw mut raw) }) {
            Ok(()) => Ok(Some(Notification {
                id: raw.id,
                tid: raw.pid,
                data: SeccompData {
                    nr: raw.nr,
                    arch: raw.arch,
                    instruction_pointer: raw.instruction_pointer,
                    args: raw.args,
                },
            })),
            Err(error) if matches!(error.raw_os_error(), Some(libc::ENOENT | libc::EINTR)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Whether the call is still held, so that what was read of its caller was the caller's.
    pub fn still_held(&self, notification: &Notification) -> bool {
        // SAFETY: the pointer is to the eight bytes of the id.
        unsafe { libc::ioctl(self.0.as_raw_fd(), NOTIF_ID_VALID, &raw const notification.id) == 0 }
    }

    /// Makes the call fail with `errno`. A caller that is gone is no error.
    ///
    /// # Errors
    /// What the ioctl said, but ENOENT.
    pub fn refuse(&self, notification: &Notification, errno: i32) -> io::Result<()> {
        self.respond(&RawResponse { id: notification.id, val: 0, error: -errno, flags: 0 })
    }

    /// Lets the call go on as if no filter were there (`SECCOMP_USER_NOTIF_FLAG_CONTINUE`).
    ///
    /// # Errors
    /// What the ioctl said, but ENOENT.
    pub fn let_pass(&self, notification: &Notification) -> io::Result<()> {
        self.respond(&RawResponse { id: notification.id, val: 0, error: 0, flags: 1 })
    }

    fn respond(&self, response: &RawResponse) -> io::Result<()> {
        // SAFETY: the structure is of the size in the ioctl's number and outlives the call.
        match check(unsafe { libc::ioctl(self.0.as_raw_fd(), NOTIF_SEND, &raw const *response) }) {
            Err(error) if error.raw_os_error() == Some(libc::ENOENT) => Ok(()),
            other => other,
        }
    }
}

/// The memory of a stopped thread's process.
pub struct ProcessMemory {
    tid: libc::pid_t,
}

impl ProcessMemory {
    /// Of the process that this thread belongs to.
    pub fn of(tid: u32) -> Self {
        Self { tid: tid.cast_signed() }
    }
}

impl Memory for ProcessMemory {
    fn read(&mut self, address: u64, buf: &mut [u8]) -> io::Result<usize> {
        let Ok(base) = usize::try_from(address) else {
            return Err(io::Error::from_raw_os_error(libc::EFAULT));
        };
        let local = libc::iovec { iov_base: buf.as_mut_ptr().cast(), iov_len: buf.len() };
        let remote = libc::iovec { iov_base: base as *mut libc::c_void, iov_len: buf.len() };
        // SAFETY: the kernel writes at most `buf.len()` bytes to `buf`; the remote address is only ever
        // used in the other process, where a bad one is EFAULT.
        let read = unsafe { libc::process_vm_readv(self.tid, &raw const local, 1, &raw const remote, 1, 0) };
        usize::try_from(read).map_err(|_| io::Error::last_os_error())
    }
}

/// Lets the runtime wait for a descriptor.
///
/// # Errors
/// When there is no room left to watch it.
pub fn watch(fd: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    // SAFETY: an OwnedFd is open, and the same, until it is dropped; the AsyncFd owns it.
    unsafe { AsyncFd::register(fd) }.map_err(Into::into)
}

/// The version of the Landlock ABI: `landlock_create_ruleset(2)`; `None` where Landlock is off.
pub fn landlock_abi() -> Option<i32> {
    const VERSION: libc::c_ulong = 1;
    // SAFETY: with this flag the attribute must be NULL and is not read.
    let abi =
        unsafe { libc::syscall(libc::SYS_landlock_create_ruleset, std::ptr::null::<libc::c_void>(), 0_usize, VERSION) };
    i32::try_from(abi).ok().filter(|abi| *abi > 0)
}

fn check(result: libc::c_int) -> io::Result<()> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
