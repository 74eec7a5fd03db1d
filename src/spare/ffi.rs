//! What the spare asks of the system that is sound only in a process with one thread, which it and what it forks are.

#![allow(unsafe_code, reason = "fork(2), clearenv(3), and what the kernel put on the stack")]

use std::io;
use std::ops::Range;

use rustix::process::Pid;

/// `None` in the child.
pub(super) fn fork() -> io::Result<Option<Pid>> {
    // SAFETY: this process has one thread, so no lock and no allocation is left half done in the child.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        child => Ok(Pid::from_raw(child)),
    }
}

/// Leaves this process no variables.
pub(super) fn clear_environment() {
    // SAFETY: there is one thread, so nobody else reads the environment.
    unsafe { libc::clearenv() };
}

/// Writes over this process's command line, and over the environment behind it, which has to be given up: `room` is where
/// the kernel says that they are, and longer than `text`.
pub(super) fn write_over(room: Range<usize>, text: &str) {
    let start = std::ptr::with_exposed_provenance_mut::<u8>(room.start);
    // SAFETY: the kernel put both into this range of this process's stack at its start, and whoever reads them later finds
    // a 0 at its end; there is one thread, which has given up the environment and asks for no arguments any more.
    unsafe {
        start.write_bytes(0, room.end - room.start);
        start.copy_from_nonoverlapping(text.as_ptr(), text.len());
    }
}
