//! Cells without a daemon. hotcell runs itself once more as the cell's `monitor`, which has one thread, assembles the
//! root and is the OCI runtime (libcontainer) or runs one. What is kept of a cell is on disk (`place`) and in its
//! control groups (`cgroups`), so that the reaper and the next hotcell's sweep can remove it. The sole user of
//! libcontainer.

mod before;
mod bundle;
mod capabilities;
mod cgroups;
mod channel;
mod devices;
mod executor;
mod ids;
mod limits;
mod loopback;
mod monitor;
mod place;
mod program;
mod remove;
mod root;
mod runtime;
mod streams;
mod userns;
mod view;

use std::collections::HashMap;
use std::fs;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use rustix::process::geteuid;
use serde_json::Value;
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe::Receiver;
use tokio::sync::mpsc;
use tokio::time::timeout;

use self::bundle::Ground;
use self::cgroups::{Manner, meters};
use self::monitor::{ORDER, Order};
use self::place::{Place, Role};
use self::program::Program;
use self::root::Stage;
use self::runtime::{Runtime, Streams};
use self::userns::Outer;
use self::view::{Root, View};
use super::{
    Attached, Capabilities, CellName, CellNetwork, CellSpec, CgroupVersion, Created, Endpoint, Engine, EngineError,
    EngineKind, ImageSummary, Inspected, OwnedCell,
};
use crate::image::store::Store;
use crate::kernel::cgroup;
use crate::policy::Bytes;
use crate::run::Sample;
use crate::spare;

pub use self::monitor::{SUBCOMMAND as MONITOR_SUBCOMMAND, monitor, prepare};
pub use self::view::HOST as HOST_IMAGE;

/// The directory for cells below the run directory.
const DIRECTORY: &str = "embedded";

/// What a monitor is called among this machine's processes.
const MONITOR: &str = "hotcell-monitor";

/// How long what a failed command said is waited for, and how many bytes of it are told.
const LAST_WORDS: Duration = Duration::from_secs(1);
const LONGEST_WORDS: u64 = 1024;

/// The running program itself: `proc_pid_exe(5)`.
const OWN_PROGRAM: &str = "/proc/self/exe";

/// The engine that hotcell brings along.
pub struct EmbeddedEngine {
    endpoint: Endpoint,
    /// Where the cells' directories are.
    state: PathBuf,
    /// The hotcell that becomes each cell's monitor.
    program: PathBuf,
    /// The same, held once a monitor is started anew: to let a mount go takes the kernel a while.
    held: OnceLock<Program>,
    /// The images beside the machine's own view.
    images: Store,
    /// The far ends of what is attached to cells that are not started yet.
    attached: Mutex<HashMap<CellName, Streams>>,
    /// What the monitors of cells that are not started yet are to do, as it is on disk.
    orders: Mutex<HashMap<CellName, Order>>,
}

/// Where the engine is whose cells live below this run directory.
pub fn endpoint(run_dir: &Path, origin: &str) -> Endpoint {
    let address = run_dir.join(DIRECTORY).display().to_string();
    Endpoint { kind: EngineKind::Embedded, address, origin: origin.to_owned() }
}

impl EmbeddedEngine {
    /// The engine at an endpoint, with this program for its monitors.
    ///
    /// # Errors
    /// When this user or this kernel cannot make cells.
    pub fn connect(endpoint: &Endpoint, images: Store) -> Result<Self, EngineError> {
        Self::with_program(endpoint, images, Path::new(OWN_PROGRAM))
    }

    /// The same with another hotcell for its monitors.
    ///
    /// # Errors
    /// When this user or this kernel cannot make cells.
    pub fn with_program(endpoint: &Endpoint, images: Store, program: &Path) -> Result<Self, EngineError> {
        if let Some(why) = (!geteuid().is_root()).then(userns::refusal).flatten() {
            return Err(EngineError::NoUserNamespaces { why });
        }
        if cgroup::version() == Some(CgroupVersion::V2) {
            cgroup::expect_moves();
        }
        Ok(Self {
            endpoint: endpoint.clone(),
            state: PathBuf::from(&endpoint.address),
            program: program.to_owned(),
            held: OnceLock::new(),
            images,
            attached: Mutex::default(),
            orders: Mutex::default(),
        })
    }

    fn place(&self, cell: &CellName) -> Place {
        Place::of(&self.state, cell)
    }

    /// The cell's place, where there is such a cell.
    fn found(&self, operation: &'static str, cell: &CellName) -> Result<Place, EngineError> {
        let place = self.place(cell);
        if place.exists() { Ok(place) } else { Err(EngineError::CellGone { operation, cell: cell.clone() }) }
    }

    /// What an image's name stands for.
    fn root_of(&self, spec: &CellSpec) -> Result<Root, EngineError> {
        if spec.image == HOST_IMAGE {
            return Ok(Root::Host(View::of_host(spec)));
        }
        let found = self.images.find(&spec.image).map_err(fault("look for an image for cell", &spec.name))?;
        found.map(|stored| Root::Dir(stored.rootfs)).ok_or_else(|| EngineError::NoRoot { image: spec.image.clone() })
    }

    fn runtime(&self, asked: Option<&str>) -> Result<Runtime, EngineError> {
        let wanted = asked.unwrap_or(runtime::OWN);
        if wanted == runtime::OWN {
            return Ok(Runtime::Own);
        }
        let all = Runtime::all();
        let registered = all.iter().map(|runtime| runtime.name().to_owned()).collect();
        all.into_iter().find(|runtime| runtime.name() == wanted).ok_or_else(|| EngineError::RuntimeUnknown {
            runtime: wanted.to_owned(),
            registered,
            endpoint: self.endpoint.clone(),
        })
    }

    /// The far ends of the cell's streams: what was attached, or nothing at all.
    fn streams(&self, cell: &CellName) -> io::Result<Streams> {
        let attached = self.attached.lock().unwrap_or_else(PoisonError::into_inner).remove(cell);
        attached.map_or_else(Streams::nothing, Ok)
    }

    /// What the cell's monitor is to do; another hotcell may have made the cell.
    fn order(&self, place: &Place, cell: &CellName) -> io::Result<Order> {
        match self.orders.lock().unwrap_or_else(PoisonError::into_inner).remove(cell) {
            Some(order) => Ok(order),
            None => Ok(serde_json::from_slice(&place.read(ORDER)?)?),
        }
    }

    /// Starts the monitor; `None` where the spare became it.
    fn spawn(&self, place: &Place, order: &Order, socket: OwnedFd) -> io::Result<Option<tokio::process::Child>> {
        let words = place.dir().to_str().map(|dir| [MONITOR_SUBCOMMAND, dir]);
        if let Some(words) = words.filter(|_| order.may_fork()) {
            let prepared = order.suits_the_prepared() && spare::start_prepared(MONITOR, &words, socket.as_fd());
            if prepared || spare::start(MONITOR, &words, socket.as_fd()) {
                return Ok(None);
            }
        }
        let groups = order.groups;
        let program = if let Some(held) = self.held.get() {
            held
        } else {
            let held = Program::hold(&self.program)?;
            self.held.get_or_init(|| held)
        };
        let mut command = match groups {
            Manner::Delegated => cgroups::in_scope(&place.name()),
            Manner::Machine | Manner::None => Command::new(program.path()),
        };
        if groups == Manner::Delegated {
            command.arg(program.path());
        } else {
            command.arg0(MONITOR).env_clear();
        }
        command
            .arg(MONITOR_SUBCOMMAND)
            .arg(place.dir())
            .env("PATH", runtime::PLACES)
            .current_dir("/")
            .stdin(socket)
            .stdout(Stdio::null())
            // systemd-run says here why it did not start anything.
            .stderr(if groups == Manner::Delegated { Stdio::piped() } else { Stdio::null() });
        tokio::process::Command::from(command).spawn().map(Some)
    }
}

/// What the cell is to be made of.
fn order(spec: &CellSpec, root: Root, runtime: Runtime, ground: &Ground, config: Value) -> Order {
    let stage = Stage {
        root,
        writable: !spec.read_only,
        binds: spec.binds.iter().map(|bind| (bind.host.clone(), bind.cell.clone())).collect(),
        workdir: spec.workdir.clone(),
        owner: ground.owner(spec),
        in_userns: ground.outer.is_some(),
    };
    let host_network = spec.network == CellNetwork::Host;
    let (outer, groups) = (ground.outer.clone(), cgroups::manner());
    let limits = limits::of(spec, ground);
    Order { name: spec.name.0.clone(), runtime, stage, host_network, outer, groups, limits, config }
}

/// Says what was being done to which cell.
fn fault<E: std::fmt::Display>(operation: &'static str, cell: &CellName) -> impl FnOnce(E) -> EngineError {
    move |error| EngineError::Api { operation, subject: cell.0.clone(), status: None, message: error.to_string() }
}

#[async_trait]
impl Engine for EmbeddedEngine {
    fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    async fn capabilities(&self) -> Result<Capabilities, EngineError> {
        Ok(capabilities::read(self.images.root()))
    }

    async fn create(&self, spec: &CellSpec) -> Result<Created, EngineError> {
        const OPERATION: &str = "create cell";
        let runtime = self.runtime(spec.runtime.as_deref())?;
        if runtime != Runtime::Own {
            cgroup::expect_moves();
        }
        let ground = capabilities::ground(spec, &runtime);
        let root = self.root_of(spec)?;
        let (apparmor, unloaded) = capabilities::apparmor(spec.apparmor.as_deref());
        let config =
            bundle::config(&CellSpec { apparmor, ..spec.clone() }, &ground).map_err(fault(OPERATION, &spec.name))?;
        let order = order(spec, root, runtime, &ground, config);
        let owner = spec.labels.get(super::OWNER_LABEL).map_or("", String::as_str);
        let place = self.place(&spec.name);
        let written = || {
            place.create(owner)?;
            place.write(ORDER, &serde_json::to_vec(&order)?)
        };
        written().map_err(|error: io::Error| fault(OPERATION, &spec.name)(error))?;
        self.orders.lock().unwrap_or_else(PoisonError::into_inner).insert(spec.name.clone(), order);
        let warnings = capabilities::shortfalls(spec, &ground).into_iter().chain(unloaded).collect();
        Ok(Created { id: spec.name.0.clone(), warnings })
    }

    async fn attach(&self, cell: &CellName) -> Result<Attached, EngineError> {
        const OPERATION: &str = "attach to cell";
        self.found(OPERATION, cell)?;
        let (attached, far) = streams::attach(cell).map_err(fault(OPERATION, cell))?;
        self.attached.lock().unwrap_or_else(PoisonError::into_inner).insert(cell.clone(), far);
        Ok(attached)
    }

    async fn start(&self, cell: &CellName) -> Result<(), EngineError> {
        const OPERATION: &str = "start cell";
        let place = self.found(OPERATION, cell)?;
        let spawned = || {
            let order = self.order(&place, cell)?;
            let (ours, monitors) = channel::pair()?;
            channel::give(&ours, &self.streams(cell)?)?;
            let monitor = self.spawn(&place, &order, monitors)?;
            // While the monitor puts the root together; where this fails, it fails there too, and is told.
            let groups = order.makes_groups().then(|| {
                let place = place.clone();
                tokio::task::spawn_blocking(move || cgroups::make(&place))
            });
            Ok((ours, monitor, order.outer, groups))
        };
        let (socket, monitor, outer, groups) = spawned().map_err(|error: io::Error| fault(OPERATION, cell)(error))?;
        let map = || map(outer, monitor.as_ref().and_then(tokio::process::Child::id));
        let told = channel::told(socket, map).await;
        if let Some(groups) = groups {
            // Nothing is made any more once the start is over.
            let _ = groups.await;
        }
        let mut said = None;
        if let Some(mut monitor) = monitor {
            let stderr = monitor.stderr.take();
            if told.is_err() {
                said = last_words(stderr).await;
            }
            // It is this process's child and is reaped here; how it ended is on disk.
            tokio::spawn(async move { monitor.wait().await });
        }
        let told = told.map_err(|error| match said {
            Some(said) => fault(OPERATION, cell)(format!("{error}: {said}")),
            None => fault(OPERATION, cell)(error),
        })?;
        told.map_err(fault(OPERATION, cell))
    }

    async fn wait(&self, cell: &CellName) -> Result<i64, EngineError> {
        const OPERATION: &str = "wait for cell";
        let place = self.found(OPERATION, cell)?;
        if let Some(monitor) = place.process(Role::Monitor).and_then(place::Process::open) {
            ended(monitor).await.map_err(fault(OPERATION, cell))?;
        }
        place.exit().ok_or_else(|| EngineError::CellGone { operation: OPERATION, cell: cell.clone() })
    }

    async fn inspect(&self, cell: &CellName) -> Result<Inspected, EngineError> {
        let place = self.found("inspect cell", cell)?;
        let exit_code = place.exit();
        let init = place.process(Role::Init).filter(|init| exit_code.is_none() && init.is_there());
        Ok(Inspected {
            pid: init.map(|init| init.pid),
            running: init.is_some(),
            exit_code,
            oom_killed: meters(&place).is_some_and(|meters| meters.read().1.oom_kills > 0),
        })
    }

    async fn usage(&self, cell: &CellName) -> Result<Sample, EngineError> {
        const OPERATION: &str = "ask for the use of cell";
        let place = self.found(OPERATION, cell)?;
        let gone = || EngineError::CellGone { operation: OPERATION, cell: cell.clone() };
        meters(&place).map(|meters| meters.read().0).ok_or_else(gone)
    }

    async fn kill(&self, cell: &CellName) -> Result<(), EngineError> {
        if let Some(init) = self.place(cell).process(Role::Init) {
            init.kill();
        }
        Ok(())
    }

    async fn remove(&self, cell: &CellName) -> Result<(), EngineError> {
        self.attached.lock().unwrap_or_else(PoisonError::into_inner).remove(cell);
        self.orders.lock().unwrap_or_else(PoisonError::into_inner).remove(cell);
        remove::remove(&self.place(cell)).await.map_err(fault("remove cell", cell))
    }

    async fn owned_cells(&self) -> Result<Vec<OwnedCell>, EngineError> {
        let entries = fs::read_dir(&self.state).into_iter().flatten().flatten();
        let owned = entries.filter_map(|entry| {
            let owner = Place::at(&entry.path()).owner()?;
            Some(OwnedCell { name: CellName(entry.file_name().into_string().ok()?), owner })
        });
        Ok(owned.collect())
    }

    async fn images(&self) -> Result<Vec<ImageSummary>, EngineError> {
        // This machine itself: it takes no room of its own.
        let host =
            ImageSummary { reference: HOST_IMAGE.to_owned(), id: HOST_IMAGE.to_owned(), size: Bytes(0), created: 0 };
        let mut images = self.images.images().map_err(|error| EngineError::Store(error.to_string()))?;
        images.insert(0, host);
        Ok(images)
    }

    async fn load_image(&self, archive: &Path) -> Result<(), EngineError> {
        let (images, archive) = (self.images.clone(), archive.to_owned());
        let unpacked = tokio::task::spawn_blocking(move || images.import(&archive, None)).await;
        match unpacked {
            Ok(imported) => imported.map(drop).map_err(|error| EngineError::Store(error.to_string())),
            Err(lost) => Err(EngineError::Store(lost.to_string())),
        }
    }

    async fn build_image(
        &self,
        _context: Vec<u8>,
        _tag: &str,
        _progress: mpsc::Sender<String>,
    ) -> Result<(), EngineError> {
        Err(EngineError::NoDockerfile)
    }
}

/// What a command that has failed wrote to its standard error, as one line; `None` for nothing.
async fn last_words(stderr: Option<tokio::process::ChildStderr>) -> Option<String> {
    let mut bytes = Vec::new();
    // Whoever still holds it open has no more to say.
    let _ = timeout(LAST_WORDS, stderr?.take(LONGEST_WORDS).read_to_end(&mut bytes)).await;
    let said = String::from_utf8_lossy(&bytes).split_whitespace().collect::<Vec<_>>().join(" ");
    (!said.is_empty()).then_some(said)
}

/// Gives a monitor in a user namespace its ids.
///
/// # Errors
/// What the kernel or the helper said.
async fn map(outer: Option<Outer>, monitor: Option<u32>) -> io::Result<()> {
    let Some((outer, monitor)) = outer.zip(monitor) else { return Ok(()) };
    // A helper is run and waited for.
    tokio::task::spawn_blocking(move || outer.write(monitor)).await.map_err(io::Error::other)?
}

/// Waits for the end of a process.
///
/// # Errors
/// When there is no room left to watch it.
async fn ended(process: OwnedFd) -> io::Result<()> {
    // A pidfd is waited for as a pipe is, and nothing is read of it.
    Receiver::from_owned_fd_unchecked(process)?.readable().await
}
