//! A cell's monitor: hotcell run anew, with one thread, which assembles the root in a mount namespace of its own,
//! starts the runtime on it, and stays until the cell has ended to note its exit code.

use std::fs;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::process::ExitCode;

use rustix::fs::{Mode, OFlags};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::bundle::CONFIG;
use super::cgroups::{self, Manner};
use super::channel;
use super::limits::Limit;
use super::place::{Place, Role};
use super::root::{self, RootError, Stage};
use super::runtime::{Running, Runtime, RuntimeError, Start};
use super::userns::{self, Outer};
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
        is_shim && self.groups == Manner::Machine && self.runtime == Runtime::Own
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
    let order: Order = serde_json::from_slice(&order).map_err(MonitorError::io("reading the order"))?;
    let streams = channel::take(socket).map_err(MonitorError::io("taking the cell's streams"))?;
    match &order.outer {
        Some(outer) => userns::enter(socket, outer).map_err(MonitorError::io("entering a user namespace"))?,
        // libcontainer leaves the groups of whoever runs it where the cell's user has none of its own.
        None => rustix::thread::set_thread_groups(&[]).map_err(MonitorError::io("leaving this user's groups"))?,
    }
    root::private_namespace().map_err(MonitorError::io("entering a mount namespace"))?;
    // Wherever the run directory is, it is found only now.
    let nothing = cgroups::nothing().map_err(MonitorError::io("holding /dev/null"))?;
    root::assemble(&order.stage, place)?;
    let config = place.bundle().join(CONFIG);
    fs::write(config, order.config.to_string()).map_err(MonitorError::io("writing the bundle"))?;
    let among = MonitorError::io("finding a place among the control groups");
    let stay = match (order.groups, &order.runtime) {
        (Manner::Machine, Runtime::Own) => cgroups::enter(place, &order.limits, &nothing).map(Some),
        (groups, _) => cgroups::show(groups, place).map(|()| None),
    }
    .map_err(among)?;
    let name = CellName(order.name);
    let network = if order.host_network { CellNetwork::Host } else { CellNetwork::None };
    Ok(order.runtime.start(Start { place, name: &name, network, streams, stay, lock })?)
}
