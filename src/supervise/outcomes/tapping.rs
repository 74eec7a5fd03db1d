//! How the kernel's records of failed calls begin and end to be followed, which takes the kernel its time: 7 to 15 ms where
//! nobody followed events by process, some 36 ms for each tracepoint that the last one leaves, and whoever wants one
//! meanwhile waits. So another process keeps them in use from the first cell on until this one has ended, and it alone
//! waits.

use std::io::Read;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::Stdio;
use std::sync::OnceLock;

use rustix::pipe::{PipeFlags, pipe_with};
use tokio::process::Command;
use tokio::sync::oneshot;

use super::perf::{Tap, TapError, Tracepoints, begin};
use crate::run::attribution::ends;
use crate::seccomp::syscall_number;
use crate::spare;

/// The subcommand under which hotcell runs itself as an anchor.
pub const ANCHOR_SUBCOMMAND: &str = "__anchor";

/// What it is called among this machine's processes.
const ANCHOR: &str = "hotcell-anchor";

/// The kernel's tracepoints, read once.
fn tracepoints() -> Result<Tracepoints, TapError> {
    static READ: OnceLock<Tracepoints> = OnceLock::new();
    if let Some(known) = READ.get() {
        return Ok(*known);
    }
    let read = Tracepoints::read()?;
    Ok(*READ.get_or_init(|| read))
}

/// An anchor's whole life: keeps the kernel's tracepoints in use until there is nothing left to read, where that is
/// permitted.
pub fn serve_anchor(mut until: impl Read) {
    let begun = begin();
    if let Ok(held) = tracepoints().and_then(|points| points.anchor()) {
        let _ = until.read(&mut [0]);
        drop((begun, held));
    }
}

/// Has another process be the anchor from some moment soon until this one has ended; `program` is a hotcell. It is not
/// waited for, and without it a tap takes longer. Has to be called where tokio runs, which reaps it should it end before.
pub fn drop_anchor(program: &Path) {
    /// Closed when this process has ended.
    static LINE: OnceLock<Option<OwnedFd>> = OnceLock::new();
    if !spare::is_anchored() {
        LINE.get_or_init(|| {
            let (until, line) = pipe_with(PipeFlags::CLOEXEC).ok()?;
            let mut command = Command::new(program);
            command.arg0(ANCHOR).arg(ANCHOR_SUBCOMMAND).current_dir("/").env_clear();
            command.stdin(until).stdout(Stdio::null()).stderr(Stdio::null()).spawn().is_ok().then_some(line)
        });
    }
}

/// A tap that is being made: that may take the kernel its time.
pub struct Tapping(oneshot::Receiver<Result<Tapped, String>>);

impl Tapping {
    /// Follows a process, and all that it makes once there is the tap.
    pub fn start(pid: u32) -> Self {
        let (made, receiver) = oneshot::channel();
        let attach = move || {
            let number = |name: &str| syscall_number(name);
            let tap = tracepoints().and_then(|points| Tap::attach(points, pid, &ends(number)));
            drop(made.send(tap.map(|tap| Tapped(Some(tap))).map_err(|error| error.to_string())));
        };
        // Without the thread, the sender is gone, and the receiver says so.
        drop(std::thread::Builder::new().name("tap".to_owned()).spawn(attach));
        Self(receiver)
    }

    /// The tap, or why there is none.
    pub async fn made(self) -> Result<Tapped, String> {
        self.0.await.unwrap_or_else(|_| Err("no thread could be started for it".to_owned()))
    }
}

/// A tap that is let go in the background.
pub struct Tapped(pub(super) Option<Tap>);

impl Drop for Tapped {
    fn drop(&mut self) {
        let tap = self.0.take();
        drop(std::thread::Builder::new().name("untap".to_owned()).spawn(move || drop(tap)));
    }
}
