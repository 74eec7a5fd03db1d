//! How the kernel's records of failed calls begin and end to be followed, which takes the kernel its time.

use std::convert::Infallible;
use std::os::fd::OwnedFd;
use std::sync::OnceLock;
use std::sync::mpsc::{Sender, channel};

use tokio::sync::oneshot;

use super::perf::{Tap, TapError, Tracepoints};
use crate::run::attribution::ends;
use crate::seccomp::syscall_number;

/// The kernel's tracepoints, read once.
fn tracepoints() -> Result<Tracepoints, TapError> {
    static READ: OnceLock<Tracepoints> = OnceLock::new();
    if let Some(known) = READ.get() {
        return Ok(*known);
    }
    let read = Tracepoints::read()?;
    Ok(*READ.get_or_init(|| read))
}

/// Keeps the kernel's tracepoints in use until what comes back is closed; nothing where that is not permitted.
pub fn anchor() -> Vec<OwnedFd> {
    tracepoints().and_then(|points| points.anchor()).unwrap_or_default()
}

/// The same from some moment soon until this is dropped, so that a tap is made in no time. Neither is waited for.
pub struct Anchor {
    _until: Sender<Infallible>,
}

impl Anchor {
    /// Begins.
    pub fn start() -> Self {
        let (until, dropped) = channel();
        let hold = move || {
            let held = anchor();
            let _ = dropped.recv();
            drop(held);
        };
        // Without the thread the tap takes longer.
        drop(std::thread::Builder::new().name("anchor".to_owned()).spawn(hold));
        Self { _until: until }
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
