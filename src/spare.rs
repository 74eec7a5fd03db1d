//! The spare: this process once more, forked before it has a second thread, to become monitors and reapers later. A fork
//! of it costs a tenth of what a new start of the program does, and has one thread, as libcontainer needs.
//!
//! ```text
//! hotcell ──orders: name, words, standard input──► spare ──fork──► the subcommand of these words
//!    ├──────one order────────────────────────────► the prepared ─► the subcommand of these words
//!    └──────────────────────────────────────────── the anchor
//! ```
//!
//! The prepared makes what can be made before there is an order, and waits for one. The anchor keeps the kernel's
//! tracepoints in use until hotcell has ended.
//!
//! Each is a session of its own and ends when hotcell does. An order that is sent is as good as carried out: it is read
//! even where hotcell has died meanwhile.

mod ffi;

use std::fs::File;
use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags};
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, Shutdown, SocketFlags, SocketType, recvmsg, sendmsg, shutdown, socketpair,
};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{Pid, PidfdFlags, WaitOptions, pidfd_open, setsid, wait, waitpid};

use self::ffi::fork;
use crate::kernel::cgroup;
use crate::supervise::serve_anchor;

/// The longest order, in bytes: paths, mostly.
const LONGEST: usize = 16 * 1024;

/// How long the spare waits, once hotcell is gone, for what it forked.
const PATIENCE: Duration = Duration::from_millis(50);

/// What runs a subcommand: the words behind the program's name, and the exit status.
pub type Become = fn(&[String]) -> i32;

/// What the prepared makes; false where it is of no use to anybody.
pub type Prepare = fn() -> bool;

struct Spare {
    process: Pid,
    orders: OwnedFd,
    prepared: Pid,
    /// For the prepared.
    order: OwnedFd,
    /// It was sent.
    is_ordered: AtomicBool,
    /// Closed when this process has ended, and then alone: the anchor's end.
    _line: OwnedFd,
}

static SPARE: OnceLock<Spare> = OnceLock::new();

/// Makes the spare, and first who has the most to do until there is an order. The calling process must have one thread
/// only. Without a spare, whoever asks starts the program anew.
pub fn make(become_it: Become, prepare: Prepare) {
    let pair = || socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None);
    let (Ok((orders, spares)), Ok((order, prepareds))) = (pair(), pair()) else { return };
    let Ok((until, line)) = pipe_with(PipeFlags::CLOEXEC) else { return };
    let prepared = match fork() {
        Ok(None) => {
            drop((orders, spares, order, until, line));
            step_back();
            let ordered = if prepare() { next(&prepareds) } else { None };
            // Where the prepared is not there, whoever sends it the order is told.
            drop(prepareds);
            std::process::exit(ordered.map_or(0, |(words, stdin)| serve_as(&words, stdin, become_it)))
        }
        Ok(Some(process)) => process,
        Err(_) => return,
    };
    drop(prepareds);
    if let Ok(None) = fork() {
        drop((orders, spares, order, line));
        step_back();
        serve_anchor(File::from(until));
        std::process::exit(0)
    }
    drop(until);
    // It is behind this process on the one CPU that the prepared left, and is soon waiting for the kernel.
    std::thread::yield_now();
    match fork() {
        Ok(None) => {
            drop((orders, order, line));
            step_back();
            serve(spares, become_it)
        }
        Ok(Some(process)) => {
            let is_ordered = AtomicBool::new(false);
            drop(SPARE.set(Spare { process, orders, prepared, order, is_ordered, _line: line }));
        }
        Err(_) => {}
    }
}

/// Has the spare become a subcommand, under this name, with this standard input, no output and no environment; false
/// where there is no spare that could.
pub fn start(name: &str, words: &[&str], stdin: BorrowedFd<'_>) -> bool {
    SPARE.get().is_some_and(|spare| send(&spare.orders, name, words, stdin))
}

/// The same with the prepared, once.
pub fn start_prepared(name: &str, words: &[&str], stdin: BorrowedFd<'_>) -> bool {
    let first = SPARE.get().filter(|spare| !spare.is_ordered.swap(true, Ordering::Relaxed));
    first.is_some_and(|spare| send(&spare.order, name, words, stdin))
}

/// Whether an anchor was made with the spare, which keeps the kernel's tracepoints in use for as long as this process
/// lives.
pub fn is_anchored() -> bool {
    SPARE.get().is_some()
}

fn send(orders: &OwnedFd, name: &str, words: &[&str], stdin: BorrowedFd<'_>) -> bool {
    let message = [&[name], words].concat().join("\0");
    let mut room = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut room);
    let fds = [stdin];
    message.len() <= LONGEST
        && control.push(SendAncillaryMessage::ScmRights(&fds))
        && sendmsg(orders, &[IoSlice::new(message.as_bytes())], &mut control, SendFlags::NOSIGNAL).is_ok()
}

/// Sends the spare home: there are no more orders for it. It ends while this process does other things.
pub fn release() {
    if let Some(spare) = SPARE.get() {
        for orders in [&spare.orders, &spare.order] {
            let _ = shutdown(orders, Shutdown::Both);
        }
    }
}

/// The same, and waits until it has ended, and the prepared too; not for a monitor or a reaper at work, nor for the anchor.
pub fn dismiss() {
    release();
    if let Some(spare) = SPARE.get() {
        let _ = rustix::io::retry_on_intr(|| waitpid(Some(spare.process), WaitOptions::empty()));
        await_all(&Vec::from_iter(pidfd_open(spare.prepared, PidfdFlags::empty())));
    }
}

/// The spare's whole life.
fn serve(orders: OwnedFd, become_it: Become) -> ! {
    // Whoever is forked needs them, and now is time.
    let _ = cgroup::hierarchies();
    let mut forked = Vec::new();
    while let Some((words, stdin)) = next(&orders) {
        match fork() {
            Ok(None) => {
                drop(orders);
                std::process::exit(serve_as(&words, stdin, become_it))
            }
            Ok(Some(process)) => forked.extend(pidfd_open(process, PidfdFlags::empty())),
            // With its standard input closed, whoever waits for the subcommand hears that it is not there.
            Err(_) => {}
        }
        while let Ok(Some(_)) = wait(WaitOptions::NOHANG) {}
    }
    await_all(&forked);
    std::process::exit(0)
}

/// Signals meant for the workbench's terminal are not for this process, and its streams are not to be held open.
fn step_back() {
    let _ = setsid();
    let _ = rustix::process::chdir("/");
    if let Ok(nothing) = rustix::fs::open("/dev/null", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty()) {
        let _ = rustix::stdio::dup2_stdin(&nothing);
        let _ = rustix::stdio::dup2_stdout(&nothing);
        let _ = rustix::stdio::dup2_stderr(&nothing);
    }
}

/// Waits for what has nothing left to do. A reaper at work takes longer, and is not waited for.
fn await_all(forked: &[OwnedFd]) {
    let until = Instant::now() + PATIENCE;
    for process in forked {
        let left = Timespec::try_from(until.saturating_duration_since(Instant::now())).unwrap_or_default();
        let _ = poll(&mut [PollFd::new(process, PollFlags::IN)], Some(&left));
    }
    while let Ok(Some(_)) = wait(WaitOptions::NOHANG) {}
}

/// The next order; `None` once hotcell is gone.
fn next(orders: &OwnedFd) -> Option<(Vec<String>, OwnedFd)> {
    let mut text = vec![0; LONGEST];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let received = rustix::io::retry_on_intr(|| {
        recvmsg(orders, &mut [IoSliceMut::new(&mut text)], &mut control, RecvFlags::CMSG_CLOEXEC)
    });
    let length = received.ok()?.bytes;
    let stdin = control.drain().find_map(|message| match message {
        RecvAncillaryMessage::ScmRights(mut fds) => fds.next(),
        _ => None,
    })?;
    let words = std::str::from_utf8(&text[..length]).ok()?.split('\0').map(str::to_owned).collect();
    Some((words, stdin))
}

/// In the fork: the exit status.
fn serve_as(words: &[String], stdin: OwnedFd, become_it: Become) -> i32 {
    if rustix::stdio::dup2_stdin(stdin.as_fd()).is_err() {
        return 1;
    }
    drop(stdin);
    ffi::clear_environment();
    if !retitle(words) {
        return start_anew(words);
    }
    become_it(&words[1..])
}

/// Gives this process the command line of the subcommand: others know it by that. It is written over the old one and over
/// the environment behind it, which is shown as far as the command line's last byte is not 0 any more
/// (`get_mm_cmdline`, fs/proc/base.c). False where there is no room for it.
fn retitle(words: &[String]) -> bool {
    let Some(room) = crate::kernel::procfs::own_command_line() else { return false };
    let text = words.join(" ");
    if room.end.saturating_sub(room.start) <= text.len() {
        return false;
    }
    ffi::write_over(room, &text);
    true
}

/// Becomes the program as a new start of it would.
fn start_anew(words: &[String]) -> i32 {
    use std::os::unix::process::CommandExt;
    let _ = std::process::Command::new("/proc/self/exe").arg0(&words[0]).args(&words[1..]).exec();
    1
}
