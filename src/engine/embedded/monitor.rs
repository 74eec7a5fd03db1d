//! A cell's monitor: hotcell run anew, with one thread, which assembles the root in a mount namespace of its own,
//! starts the runtime on it, and stays until the cell has ended to note its exit code.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};

use rustix::fs::{Mode, OFlags};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::before::{self, Before};
use super::cgroups::{self, Manner};
use super::channel;
use super::limits::Limit;
use super::place::{Place, Role};
use super::root::{self, Raised, RootError, Stage};
use super::runtime::{Running, Runtime, RuntimeError, Start};
use super::userns::{self, Outer};
use super::view::View;
use crate::engine::{CellName, CellNetwork};

/// The subcommand under which hotcell runs itself as a monitor.
pub const SUBCOMMAND: &str = "__oci";

/// The file in which [`Order`] waits.
pub const ORDER: &str = "order";

/// What a monitor is to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// The cell's name.
    pub name: String,
    /// What makes it.
    pub runtime: Runtime,
    /// Its root.
    pub stage: Stage,
    /// It has this machine's network.
    pub host_network: bool,
    /// The user namespace around it, where an ordinary user makes it.
    pub outer: Option<Outer>,
    /// Where its control groups are.
    pub groups: Manner,
    /// Their limits, where no runtime sets them.
    pub limits: Vec<Limit>,
    /// The bundle's `config.json`.
    pub config: Value,
}

impl Order {
    /// Whether a fork of hotcell may be the monitor, instead of a new start through a read-only mount. Process 1 has
    /// hotcell's program until it executes the cell's: that must be our own shim, for an image's could lead back to it.
    /// And it must be of a cell whose processes are all in groups of their own.
    pub fn may_fork(&self) -> bool {
        let first = self.config.pointer("/process/args/0").and_then(Value::as_str);
        let is_shim = first.is_some_and(|program| Path::new(program) == Path::new(hotcell_shim::CELL_DIR).join("shim"));
        is_shim && self.makes_groups()
    }

    /// Whether the cell's control groups are made here, and not by a runtime.
    pub fn makes_groups(&self) -> bool {
        self.groups == Manner::Machine && self.runtime == Runtime::Own
    }

    /// Whether that fork may be one that has everything ready which [`prepare`] makes.
    pub fn suits_the_prepared(&self) -> bool {
        self.may_fork() && Before::take(&mut self.config.clone()).is_usual()
    }
}

/// Why a cell was not started.
#[derive(Debug, thiserror::Error)]
enum MonitorError {
    #[error("{doing}: {source}")]
    Io { doing: &'static str, source: io::Error },
    #[error(transparent)]
    Root(#[from] RootError),
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
}

impl MonitorError {
    fn io<E: Into<io::Error>>(doing: &'static str) -> impl FnOnce(E) -> Self {
        move |source| Self::Io { doing, source: source.into() }
    }
}

/// What this process made before it had an order.
static PREPARED: Mutex<Option<Prepared>> = Mutex::new(None);

/// A monitor's own namespaces, which it is in, and the root that most cells get.
struct Prepared {
    raised: Option<Raised>,
}

/// Whose most cells are: nobody's.
const NOBODY: (u32, u32) = (65_534, 65_534);

/// Makes what a monitor needs whatever its cell is, before that is known; false where there is no such thing for this
/// user, or not all of it could be made.
pub fn prepare() -> bool {
    let enter = || {
        root::private_namespace()?;
        before::SOON.into_iter().try_for_each(before::enter)
    };
    if cgroups::manner() != Manner::Machine || enter().is_err() {
        return false;
    }
    rustix::process::umask(Mode::from_raw_mode(0o022));
    let raised = Raised::of(&View::usual(NOBODY), (0, 0)).ok();
    *PREPARED.lock().unwrap_or_else(PoisonError::into_inner) = Some(Prepared { raised });
    true
}

/// The monitor's whole life; `dir` is the cell's directory.
pub fn monitor(dir: &Path) -> ExitCode {
    let place = Place::at(dir);
    let Ok(socket) = own_socket() else { return ExitCode::FAILURE };
    match start(&place, &socket) {
        Ok(running) => {
            channel::tell(&socket, Ok(()));
            drop(socket);
            let noted = running.wait().and_then(|code| place.note_exit(code));
            if noted.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            channel::tell(&socket, Err(&error.to_string()));
            ExitCode::FAILURE
        }
    }
}

/// Standard input, which becomes an empty file: nothing that is started here may have the socket.
fn own_socket() -> io::Result<OwnedFd> {
    let socket = io::stdin().as_fd().try_clone_to_owned()?;
    let nothing = rustix::fs::open("/dev/null", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())?;
    rustix::stdio::dup2_stdin(&nothing)?;
    Ok(socket)
}

fn start(place: &Place, socket: &OwnedFd) -> Result<Running, MonitorError> {
    // Whoever removes the cell waits until nobody has it any more.
    let lock = place.lock().map_err(MonitorError::io("opening the lock"))?;
    lock.lock().map_err(MonitorError::io("taking the lock"))?;
    // Signals meant for the workbench's terminal are not for it, nor for the cell.
    let _ = rustix::process::setsid();
    rustix::process::umask(Mode::from_raw_mode(0o022));
    place.note(Role::Monitor, std::process::id()).map_err(MonitorError::io("noting the monitor"))?;
    let order = place.read(ORDER).map_err(MonitorError::io("reading the order"))?;
    let mut order: Order = serde_json::from_slice(&order).map_err(MonitorError::io("reading the order"))?;
    let before = if order.runtime == Runtime::Own { Before::take(&mut order.config) } else { Before::default() };
    let prepared = PREPARED.lock().unwrap_or_else(PoisonError::into_inner).take();
    if prepared.is_some() && !before.is_usual() {
        let error = io::Error::other("it was made ready for another kind of cell");
        return Err(MonitorError::Io { doing: "becoming the monitor", source: error });
    }
    let streams = channel::take(socket).map_err(MonitorError::io("taking the cell's streams"))?;
    match &order.outer {
        Some(outer) => userns::enter(socket, outer).map_err(MonitorError::io("entering a user namespace"))?,
        // libcontainer leaves the groups of whoever runs it where the cell's user has none of its own.
        None => rustix::thread::set_thread_groups(&[]).map_err(MonitorError::io("leaving this user's groups"))?,
    }
    if prepared.is_none() {
        root::private_namespace().map_err(MonitorError::io("entering a mount namespace"))?;
    }
    before.enter(prepared.is_some()).map_err(MonitorError::io("entering the cell's namespaces"))?;
    // Wherever the run directory is, it is found only now.
    let nothing = cgroups::nothing().map_err(MonitorError::io("holding /dev/null"))?;
    root::assemble(&order.stage, place, prepared.and_then(|prepared| prepared.raised))?;
    before.mount(&place.root())?;
    let among = MonitorError::io("finding a place among the control groups");
    let stay = if order.makes_groups() {
        cgroups::enter(place, &order.limits, reaches_devices(&order.config), &nothing).map(Some)
    } else {
        cgroups::show(order.groups, place).map(|()| None)
    }
    .map_err(among)?;
    let name = CellName(order.name);
    let network = if order.host_network { CellNetwork::Host } else { CellNetwork::None };
    Ok(order.runtime.start(Start { place, name: &name, config: order.config, network, streams, stay, lock })?)
}

/// Whether the root of a cell with this `config.json` could make a node of a device, or mount one.
fn reaches_devices(config: &Value) -> bool {
    let kept = config.pointer("/process/capabilities/bounding").and_then(Value::as_array);
    kept.is_some_and(|kept| kept.iter().any(|name| name == "CAP_MKNOD" || name == "CAP_SYS_ADMIN"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn devices_are_reached_by_nodes_and_by_mounts() {
        let with = |kept: &[&str]| reaches_devices(&json!({ "process": { "capabilities": { "bounding": kept } } }));
        assert!(with(&["CAP_CHOWN", "CAP_MKNOD"]) && with(&["CAP_SYS_ADMIN"]));
        assert!(!with(&["CAP_CHOWN"]) && !with(&[]) && !reaches_devices(&json!({})));
    }
}
