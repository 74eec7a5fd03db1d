//! Process 1 of a cell: starts the specimen, supervises it, dies with the
//! workbench. The order of a launch is told in `protocol.rs`.
//!
//! It uses no standard library and never allocates, so that it is small,
//! static and has nothing to fail in an image without a libc. It trusts its
//! one socket and nothing else: the specimen runs as the same user, which is
//! why the shim is not dumpable and every descriptor is close-on-exec.

#![no_std]
#![no_main]

mod child;
mod landlock;
mod sys;

use core::ffi::{c_char, c_int};

use hotcell_shim::{CELL_SOCKET, Exited, Failed, MAX_PACKET, Reader, Stage, VERSION, tag};

use child::{Child, Handshake, Plan};
use sys::{Errno, Fd};

/// Stdin, stdout and stderr travel with LAUNCH.
const LAUNCH_FDS: usize = 3;

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    // As process 1, this ends the cell: it fails closed.
    sys::exit(101)
}

/// The C entry point; arguments are ignored, so that nothing outside the
/// protocol steers the shim.
#[unsafe(no_mangle)]
pub extern "C" fn main(_argc: c_int, _argv: *const *const c_char) -> c_int {
    match run() {
        Ok(()) => 0,
        Err(errno) => errno,
    }
}

fn run() -> Result<(), Errno> {
    sys::undumpable()?;
    let signals = sys::block_and_watch_children()?;
    let socket = sys::connect(CELL_SOCKET)?;
    let mut ready = [tag::READY, 0, 0, 0, 0];
    ready[1..].copy_from_slice(&VERSION.to_le_bytes());
    sys::send(socket, &ready, &[])?;

    #[allow(clippy::large_stack_arrays, reason = "the stack is 8 MiB and there is no heap")]
    let mut packet = [0; MAX_PACKET];
    let mut fds = [-1; LAUNCH_FDS];
    let handshake = Handshake::new()?;
    let mut cell = Cell { socket, handshake, specimen: None };
    loop {
        match sys::wait(socket, signals, cell.remaining_ms())? {
            sys::Event::Child => cell.reap()?,
            sys::Event::Timeout => cell.deadline_passed(),
            sys::Event::Packet => {
                let length = sys::receive(socket, &mut packet, &mut fds)?;
                match packet[..length].split_first() {
                    None => break, // the workbench is gone
                    Some((&tag::LAUNCH, payload)) => cell.launch(payload, fds)?,
                    Some((&tag::GO, _)) => cell.go(),
                    Some((&tag::KILL, _)) => sys::kill_all(),
                    Some(_) => return Err(libc::EPROTO),
                }
            }
        }
    }
    sys::kill_all();
    Ok(())
}

/// The shim's whole state.
struct Cell {
    socket: Fd,
    handshake: Handshake,
    specimen: Option<Specimen>,
}

/// The specimen's first process, once made.
struct Specimen {
    child: Child,
    deadline_ms: u64,
    /// Monotonic microseconds at GO.
    started_us: Option<u64>,
    timed_out: bool,
}

impl Cell {
    fn launch(&mut self, payload: &[u8], stdio: [Fd; LAUNCH_FDS]) -> Result<(), Errno> {
        let made = match Plan::read(&mut Reader::new(payload)) {
            Some(plan) if self.specimen.is_none() => child::make(&plan, stdio, self.socket, &self.handshake)
                .map(|child| Specimen { child, deadline_ms: plan.deadline_ms, started_us: None, timed_out: false })
                .map_err(|errno| Failed { stage: Stage::Fork as u32, errno }),
            _ => Err(Failed { stage: Stage::Launch as u32, errno: libc::EBADMSG }),
        };
        // Only the specimen may hold its pipes, or the workbench never sees their end.
        for fd in stdio {
            sys::close(fd);
        }
        match made {
            Ok(specimen) => {
                self.specimen = Some(specimen);
                Ok(())
            }
            Err(failed) => sys::send(self.socket, &failed.encode(), &[]),
        }
    }

    fn go(&mut self) {
        if let Some(specimen) = &mut self.specimen {
            specimen.started_us = Some(sys::now_us());
            self.handshake.release();
            specimen.child.resume();
        }
    }

    /// Milliseconds until the deadline, rounded up; `None` while none runs.
    fn remaining_ms(&self) -> Option<u64> {
        let specimen = self.specimen.as_ref()?;
        if specimen.deadline_ms == 0 || specimen.timed_out {
            return None;
        }
        let elapsed = sys::now_us() - specimen.started_us?;
        Some(specimen.deadline_ms.saturating_mul(1000).saturating_sub(elapsed).div_ceil(1000))
    }

    fn deadline_passed(&mut self) {
        if let Some(specimen) = &mut self.specimen {
            specimen.timed_out = true;
            sys::kill_all();
        }
    }

    /// Collects whatever has died; the specimen's own end ends every process
    /// of the cell, and is told once none is left.
    fn reap(&mut self) -> Result<(), Errno> {
        while let Some((pid, status)) = sys::reap(sys::Wait::Now) {
            let Some(specimen) = self.specimen.take_if(|specimen| specimen.child.pid() == pid) else {
                continue;
            };
            let elapsed_us = specimen.started_us.map_or(0, |start| sys::now_us() - start);
            sys::kill_all();
            while sys::reap(sys::Wait::ForOne).is_some() {}
            if let Some(failed) = self.handshake.failure() {
                sys::send(self.socket, &failed.encode(), &[])?;
                continue;
            }
            let exited = Exited { status, timed_out: specimen.timed_out, cpu_us: sys::children_cpu_us(), elapsed_us };
            sys::send(self.socket, &exited.encode(), &[])?;
        }
        Ok(())
    }
}
