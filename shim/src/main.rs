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
use sys::{Errno, Fd, Reaped};

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
        // Each turn looks at everything, so that no flood of one kind keeps another waiting.
        let ready = sys::wait(socket, signals, cell.remaining_ms())?;
        if ready.child {
            cell.reap()?;
        }
        if ready.packet {
            let length = sys::receive(socket, &mut packet, &mut fds)?;
            match packet[..length].split_first() {
                None => break, // the workbench is gone
                Some((&tag::LAUNCH, payload)) => cell.launch(payload, fds)?,
                Some((&tag::GO, _)) => cell.go(),
                Some((&tag::KILL, _)) => cell.kill(),
                Some(_) => return Err(libc::EPROTO),
            }
        }
        if cell.remaining_ms() == Some(0) {
            cell.time_is_up()?;
        }
    }
    sys::kill_all();
    Ok(())
}

/// How long processes that were killed may take to be gone. One that took on another user is out of a kill's reach
/// (kill(2)): it ends with the shim, whose end is that of the whole pid namespace.
const DEATH_GRACE_US: u64 = 500_000;

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
    /// When everything was killed.
    killed_us: Option<u64>,
    /// Its status and its running time, once it ended.
    ended: Option<(i32, u64)>,
}

impl Specimen {
    fn new(child: Child, deadline_ms: u64) -> Self {
        Self { child, deadline_ms, started_us: None, timed_out: false, killed_us: None, ended: None }
    }

    fn kill_all(&mut self) {
        self.killed_us.get_or_insert(sys::now_us());
        sys::kill_all();
    }

    fn running_us(&self) -> u64 {
        self.started_us.map_or(0, |start| sys::now_us() - start)
    }
}

impl Cell {
    fn launch(&mut self, payload: &[u8], stdio: [Fd; LAUNCH_FDS]) -> Result<(), Errno> {
        let made = match Plan::read(&mut Reader::new(payload)) {
            Some(plan) if self.specimen.is_none() => child::make(&plan, stdio, self.socket, &self.handshake)
                .map(|child| Specimen::new(child, plan.deadline_ms))
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

    fn kill(&mut self) {
        if let Some(specimen) = &mut self.specimen {
            specimen.kill_all();
        }
    }

    /// Milliseconds until something is due, rounded up; `None` where nothing is.
    fn remaining_ms(&self) -> Option<u64> {
        let specimen = self.specimen.as_ref()?;
        let due_us = match (specimen.killed_us, specimen.deadline_ms) {
            (Some(killed), _) => killed + DEATH_GRACE_US,
            (None, 0) => return None,
            (None, deadline) => specimen.started_us?.saturating_add(deadline.saturating_mul(1000)),
        };
        Some(due_us.saturating_sub(sys::now_us()).div_ceil(1000))
    }

    /// The deadline, or the end of the grace after a kill.
    fn time_is_up(&mut self) -> Result<(), Errno> {
        match &mut self.specimen {
            Some(specimen) if specimen.killed_us.is_none() => {
                specimen.timed_out = true;
                specimen.kill_all();
                Ok(())
            }
            _ => self.report(),
        }
    }

    /// Collects whatever has died. The specimen's own end ends every process of the cell, and is told once none is
    /// left.
    fn reap(&mut self) -> Result<(), Errno> {
        loop {
            match sys::reap() {
                Reaped::One(pid, status) => {
                    if let Some(specimen) = self.specimen.as_mut().filter(|specimen| specimen.child.pid() == pid) {
                        specimen.ended = Some((status, specimen.running_us()));
                        specimen.kill_all();
                    }
                }
                Reaped::NoneYet => return Ok(()),
                Reaped::NoneLeft => return self.report(),
            }
        }
    }

    /// Tells how the specimen ended; the workbench then closes the socket, and that ends the shim.
    fn report(&mut self) -> Result<(), Errno> {
        let Some(specimen) = self.specimen.take() else { return Ok(()) };
        if let Some(failed) = self.handshake.failure() {
            return sys::send(self.socket, &failed.encode(), &[]);
        }
        let (status, elapsed_us) = specimen.ended.unwrap_or((libc::SIGKILL, specimen.running_us()));
        let exited = Exited { status, timed_out: specimen.timed_out, elapsed_us };
        sys::send(self.socket, &exited.encode(), &[])
    }
}
