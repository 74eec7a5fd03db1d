//! `bpf(2)`: a program about devices, and a control group that it is asked for.

#![allow(unsafe_code, reason = "a system call that no library here makes")]

use std::io;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};

// Of `include/uapi/linux/bpf.h`.
const PROG_LOAD: libc::c_long = 5;
const PROG_ATTACH: libc::c_long = 8;
const CGROUP_DEVICE_PROGRAM: u32 = 15;
const CGROUP_DEVICE: u32 = 6;
/// Beside what others have asked, who must allow it too.
const ALLOW_MULTI: u32 = 2;

/// What `union bpf_attr` begins with for a program to load.
#[repr(C)]
#[derive(Default)]
struct Load {
    kind: u32,
    count: u32,
    instructions: u64,
    license: u64,
    log_level: u32,
    log_size: u32,
    log: u64,
    kernel_version: u32,
    flags: u32,
}

/// And for a program to attach.
#[repr(C)]
struct Attach {
    target: libc::c_int,
    program: libc::c_int,
    kind: u32,
    flags: u32,
}

/// Gives the kernel a program.
///
/// # Errors
/// Where it refuses it, or has no such programs.
pub fn load(instructions: &[u64]) -> io::Result<OwnedFd> {
    let load = Load {
        kind: CGROUP_DEVICE_PROGRAM,
        count: u32::try_from(instructions.len()).unwrap_or(u32::MAX),
        instructions: instructions.as_ptr() as u64,
        license: c"MIT OR Apache-2.0".as_ptr() as u64,
        ..Load::default()
    };
    let fd = bpf(PROG_LOAD, &load)?;
    // SAFETY: the kernel has just made it, and nobody else knows of it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Has the kernel ask a program for a control group, given by its directory, until that is removed.
///
/// # Errors
/// What the kernel said.
pub fn attach(program: &OwnedFd, group: impl AsFd) -> io::Result<()> {
    let (target, program) = (group.as_fd().as_raw_fd(), program.as_raw_fd());
    bpf(PROG_ATTACH, &Attach { target, program, kind: CGROUP_DEVICE, flags: ALLOW_MULTI }).map(drop)
}

fn bpf<T>(command: libc::c_long, attributes: &T) -> io::Result<libc::c_int> {
    // SAFETY: the kernel reads that many bytes, and what they point to outlives the call.
    let done = unsafe { libc::syscall(libc::SYS_bpf, command, std::ptr::from_ref(attributes), size_of::<T>()) };
    match libc::c_int::try_from(done) {
        Ok(done) if done >= 0 => Ok(done),
        _ => Err(io::Error::last_os_error()),
    }
}
