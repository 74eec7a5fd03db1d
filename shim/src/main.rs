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
                Some((&tag::HOLD, _)) => cell.hold(),
                Some((&tag::RESUME, _)) => cell.resume(),
                Some((&tag::PAUSE, _)) => cell.pause(true),
                Some((&tag::UNPAUSE, _)) => cell.pause(false),
                Some(_) => return Err(libc::EPROTO),
            }
        }
        if cell.remaining_ms() == Some(0) {
            cell.time_is_up()?;
        }
    }
    sys::signal_all(libc::SIGKILL);
    Ok(())
}

/// How long processes that were killed may take to be gone. One that took on another user is out of a kill's reach
/// (kill(2)): it ends with the shim, whose end is that of the whole pid namespace.
const DEATH_GRACE_US: u64 = 500_000;

/// While the cell is held it is stopped again and again, at first every millisecond, then ever less often: two processes
/// that keep sending each other SIGCONT may each have been continued by the other before that was stopped itself.
const HOLD_AGAIN_US: (u64, u64) = (1000, 50_000);

/// How many stops are sent each time, one behind the other: faster than those processes can continue each other.
const HOLD_BURST: u32 = 64;

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
    /// Monotonic microseconds at GO, and as much later as its clock stood since.
    started_us: Option<u64>,
    held: Option<Held>,
    /// A call of its is held, and the clock stands for that.
    paused: bool,
    /// Since when the clock stands.
    stands_us: Option<u64>,
    timed_out: bool,
    /// When everything was killed.
    killed_us: Option<u64>,
    /// Its status and its running time, once it ended.
    ended: Option<(i32, u64)>,
}

/// Every process of the cell is stopped.
struct Held {
    since_us: u64,
    /// When they are stopped again.
    again_us: u64,
}

impl Specimen {
    fn new(child: Child, deadline_ms: u64) -> Self {
        Self {
            child,
            deadline_ms,
            started_us: None,
            held: None,
            paused: false,
            stands_us: None,
            timed_out: false,
            killed_us: None,
            ended: None,
        }
    }

    fn kill_all(&mut self) {
        self.killed_us.get_or_insert(sys::now_us());
        sys::signal_all(libc::SIGKILL);
    }

    fn stop_all(&mut self) {
        let now = sys::now_us();
        let since_us = self.held.as_ref().map_or(now, |held| held.since_us);
        let (soonest, latest) = HOLD_AGAIN_US;
        self.held = Some(Held { since_us, again_us: now + ((now - since_us) / 16).clamp(soonest, latest) });
        self.set_clock();
        for _ in 0..HOLD_BURST {
            sys::signal_all(libc::SIGSTOP);
        }
    }

    /// The clock stands while the cell is held or a call is.
    fn set_clock(&mut self) {
        let now = sys::now_us();
        if self.held.is_some() || self.paused {
            self.stands_us.get_or_insert(now);
        } else if let (Some(start), Some(since)) = (&mut self.started_us, self.stands_us.take()) {
            *start += now - since;
        }
    }

    fn running_us(&self) -> u64 {
        let until = self.stands_us.unwrap_or_else(sys::now_us);
        self.started_us.map_or(0, |start| until - start)
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

    /// Only what runs can be held: a process that still stands before its `execve` is left as it is.
    fn hold(&mut self) {
        if let Some(specimen) = &mut self.specimen
            && let (Some(_), None, None) = (specimen.started_us, specimen.killed_us, &specimen.held)
        {
            specimen.stop_all();
        }
    }

    fn resume(&mut self) {
        if let Some(specimen) = &mut self.specimen
            && specimen.held.take().is_some()
        {
            specimen.set_clock();
            sys::signal_all(libc::SIGCONT);
        }
    }

    fn pause(&mut self, paused: bool) {
        if let Some(specimen) = &mut self.specimen
            && specimen.started_us.is_some()
        {
            specimen.paused = paused;
            specimen.set_clock();
        }
    }

    /// Milliseconds until something is due, rounded up; `None` where nothing is.
    fn remaining_ms(&self) -> Option<u64> {
        let specimen = self.specimen.as_ref()?;
        let due_us = match (specimen.killed_us, &specimen.held, specimen.deadline_ms) {
            (Some(killed), ..) => killed + DEATH_GRACE_US,
            (None, Some(held), _) => held.again_us,
            (None, None, 0) => return None,
            (None, None, _) if specimen.stands_us.is_some() => return None,
            (None, None, deadline) => specimen.started_us?.saturating_add(deadline.saturating_mul(1000)),
        };
        Some(due_us.saturating_sub(sys::now_us()).div_ceil(1000))
    }

    /// What [`Self::remaining_ms`] waits for: the end of the grace after a kill, the next stop, or the deadline.
    fn time_is_up(&mut self) -> Result<(), Errno> {
        let Some(specimen) = &mut self.specimen else { return Ok(()) };
        if specimen.killed_us.is_some() {
            return self.report();
        }
        if specimen.held.is_some() {
            specimen.stop_all();
        } else {
            specimen.timed_out = true;
            specimen.kill_all();
        }
        Ok(())
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
