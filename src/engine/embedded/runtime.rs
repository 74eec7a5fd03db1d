//! The runtimes that turn a bundle into a cell: our own, which is libcontainer in the monitor's process, and the
//! commands that the machine has. All of them are given the same bundle.

use std::fs::{self, File};
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};

use libcontainer::container::builder::ContainerBuilder;
use libcontainer::oci_spec::runtime::Spec;
use libcontainer::syscall::syscall::SyscallType;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::inotify::{self, CreateFlags, WatchFlags};
use rustix::io::FdFlags;
use rustix::process::{Pid, PidfdFlags, WaitOptions, WaitStatus, pidfd_open, waitpid};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::bundle::CONFIG;
use super::cgroups::{self, Manner, Stay};
use super::executor::Exact;
use super::place::{Place, Role};
use crate::engine::{CellName, CellNetwork};

/// Our own runtime's name.
pub const OWN: &str = "libcontainer";

/// The version of the library, as in `Cargo.toml`.
pub const OWN_VERSION: &str = "0.7";

/// The commands that are looked for, all of which speak runc's language.
const COMMANDS: [&str; 4] = ["runc", "crun", "youki", "runsc"];

/// Where they are looked for, beside the `PATH`: an ordinary user's lacks the last two.
pub const PLACES: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin";

/// How much of a log that cannot be read is shown, in characters.
const LAST_WORDS: usize = 300;

/// What makes the cell.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Runtime {
    /// libcontainer.
    Own,
    /// A command of this machine.
    Command {
        /// Its name.
        name: String,
        /// Where it is.
        program: PathBuf,
    },
}

impl Runtime {
    /// Those that this machine has, our own first. The commands insist on control groups of the cell's own.
    pub fn all() -> Vec<Self> {
        let path = std::env::var("PATH").unwrap_or_default();
        let found = |name: &&str| {
            let places = path.split(':').chain(PLACES.split(':')).filter(|place| place.starts_with('/'));
            let program = places.map(|place| Path::new(place).join(name)).find(|program| program.is_file())?;
            Some(Self::Command { name: (*name).to_owned(), program })
        };
        let commands = if cgroups::manner() == Manner::None { &[][..] } else { &COMMANDS[..] };
        std::iter::once(Self::Own).chain(commands.iter().filter_map(found)).collect()
    }

    /// gVisor, which differs in more than its name.
    pub fn is_gvisor(&self) -> bool {
        self.name() == "runsc"
    }

    /// Its name, as the `runtime` layer has it.
    pub fn name(&self) -> &str {
        match self {
            Self::Own => OWN,
            Self::Command { name, .. } => name,
        }
    }
}

/// The standard streams of process 1.
#[derive(Debug)]
pub struct Streams {
    /// What it reads.
    pub stdin: OwnedFd,
    /// Where it writes.
    pub stdout: OwnedFd,
    /// Where it complains.
    pub stderr: OwnedFd,
}

/// What a runtime is to start.
pub struct Start<'a> {
    /// The cell's place, with the bundle.
    pub place: &'a Place,
    /// The cell's name.
    pub name: &'a CellName,
    /// The bundle's `config.json`.
    pub config: Value,
    /// Its network, of which gVisor must be told beside the bundle.
    pub network: CellNetwork,
    /// Its standard streams.
    pub streams: Streams,
    /// The monitor's stay in the cell's control groups, where no runtime makes them.
    pub stay: Option<Stay>,
    /// The cell's lock, which everything has that makes the cell.
    pub lock: File,
}

/// Why a runtime did not start a cell.
#[derive(Debug, thiserror::Error)]
pub enum RuntimeError {
    /// Our own did not, in its own words.
    #[error("libcontainer: {0}")]
    Own(String),
    /// A command did not, in its own words.
    #[error("{name}: {said}")]
    Command {
        /// Its name.
        name: String,
        /// The last of its log.
        said: String,
    },
    /// Something around it.
    #[error("{doing}: {source}")]
    Io {
        /// What was tried.
        doing: &'static str,
        /// What the system said.
        source: io::Error,
    },
}

fn io_fault<E: Into<io::Error>>(doing: &'static str) -> impl FnOnce(E) -> RuntimeError {
    move |source| RuntimeError::Io { doing, source: source.into() }
}

/// A cell that runs.
pub struct Running {
    end: End,
}

/// Whose end is the cell's.
enum End {
    /// Process 1, which is our child.
    Init(Pid),
    /// The command, which gives process 1's exit status as its own.
    Command(Child),
}

impl Running {
    /// Waits for the end; the exit code, 128 more than the signal for one that was killed.
    ///
    /// # Errors
    /// What the system said.
    pub fn wait(self) -> io::Result<i32> {
        match self.end {
            End::Init(pid) => {
                let ended = rustix::io::retry_on_intr(|| waitpid(Some(pid), WaitOptions::empty()))?;
                Ok(ended.and_then(|(_, status)| exit_code(status)).unwrap_or(-1))
            }
            End::Command(mut child) => {
                use std::os::unix::process::ExitStatusExt;
                let status = child.wait()?;
                Ok(status.code().or(status.signal().map(|signal| 128 + signal)).unwrap_or(-1))
            }
        }
    }
}

fn exit_code(status: WaitStatus) -> Option<i32> {
    status.exit_status().or(status.terminating_signal().map(|signal| 128 + signal))
}

impl Runtime {
    /// Starts the cell. The calling process must have one thread only.
    ///
    /// # Errors
    /// What the runtime said.
    pub fn start(&self, start: Start<'_>) -> Result<Running, RuntimeError> {
        match self {
            Self::Own => start_own(start),
            Self::Command { name, program } => start_command(name, program, start),
        }
    }
}

fn start_own(start: Start<'_>) -> Result<Running, RuntimeError> {
    // What is forked has the lock until it executes something else.
    let Start { place, name, config, streams: Streams { stdin, stdout, stderr }, stay, lock: _lock, .. } = start;
    let mut config: Spec = serde_json::from_value(config).map_err(io_fault("reading the bundle"))?;
    let built = || {
        let executor = Exact::of(&mut config);
        if stay.is_some() {
            without_groups(&mut config);
        }
        config.save(place.bundle().join(CONFIG))?;
        let container = ContainerBuilder::new(name.0.clone(), SyscallType::Linux)
            .with_root_path(place.runtime_state())?
            .with_executor(executor)
            .with_stdin(stdin)
            .with_stdout(stdout)
            .with_stderr(stderr)
            .as_init(place.bundle())
            .with_systemd(false)
            .with_detach(true)
            .build()?;
        Ok(container)
    };
    let said = |error: libcontainer::error::LibcontainerError| RuntimeError::Own(chain(&error));
    let mut container = built().map_err(said)?;
    let pid = container.pid().and_then(|pid| Pid::from_raw(pid.into()));
    let init = pid.ok_or_else(|| RuntimeError::Own("it tells no process".to_owned()))?;
    // Before it becomes anything: whoever removes the cell has to find it.
    note(place, init.as_raw_pid().unsigned_abs())?;
    if let Some(stay) = stay {
        stay.end().map_err(io_fault("setting the cell's limits"))?;
    }
    container.start().map_err(said)?;
    Ok(Running { end: End::Init(init) })
}

/// Leaves libcontainer no control groups to make.
fn without_groups(config: &mut Spec) {
    let mut linux = config.linux().clone();
    if let Some(linux) = &mut linux {
        linux.set_cgroups_path(Some(PathBuf::from("/")));
        linux.set_resources(None);
    }
    config.set_linux(linux);
}

/// Notes process 1.
fn note(place: &Place, init: u32) -> Result<(), RuntimeError> {
    place.note(Role::Init, init).map_err(io_fault("noting process 1"))
}

/// An error with all that lies behind it.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut behind = error.source();
    while let Some(cause) = behind {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        behind = cause.source();
    }
    text
}

fn start_command(name: &str, program: &Path, start: Start<'_>) -> Result<Running, RuntimeError> {
    let Start { place, name: cell, config, network, streams: Streams { stdin, stdout, stderr }, lock, .. } = start;
    fs::write(place.bundle().join(CONFIG), config.to_string()).map_err(io_fault("writing the bundle"))?;
    rustix::io::fcntl_setfd(&lock, FdFlags::empty()).map_err(io_fault("giving the runtime the lock"))?;
    let watch = watch(&place.bundle()).map_err(io_fault("watching for the runtime's process"))?;
    let mut child = command(name, program, place, cell, network)
        .stdin(stdin)
        .stdout(stdout)
        .stderr(stderr)
        .spawn()
        .map_err(io_fault("running the runtime"))?;
    match await_pid(&watch, &mut child, place) {
        Ok(Some(init)) => note(place, init).map(|()| Running { end: End::Command(child) }),
        Ok(None) => Err(RuntimeError::Command { name: name.to_owned(), said: last_words(&place.log()) }),
        Err(source) => Err(RuntimeError::Io { doing: "waiting for the runtime's process", source }),
    }
}

fn command(name: &str, program: &Path, place: &Place, cell: &CellName, network: CellNetwork) -> Command {
    let mut command = Command::new(program);
    command.arg("--root").arg(place.runtime_state());
    command.arg("--log").arg(place.log()).args(["--log-format", "json"]);
    if name == "runsc" {
        // Its own network stack would need an address; a profile it leaves out unless told otherwise.
        command.arg(if network == CellNetwork::Host { "--network=host" } else { "--network=none" });
        command.arg("--oci-seccomp");
    }
    command.arg("run").arg("--bundle").arg(place.bundle()).arg("--pid-file").arg(place.pid_file());
    if name == "runc" {
        // The control group tells of its end, and goes when the cell is removed.
        command.arg("--keep");
    }
    command.arg(&cell.0);
    command
}

fn watch(directory: &Path) -> io::Result<OwnedFd> {
    let watch = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?;
    inotify::add_watch(&watch, directory, WatchFlags::CLOSE_WRITE | WatchFlags::MOVED_TO)?;
    Ok(watch)
}

/// Process 1, once the command has written it; `None` where it ended before.
fn await_pid(watch: &OwnedFd, child: &mut Child, place: &Place) -> io::Result<Option<u32>> {
    let pidfd = pidfd_open(Pid::from_child(child), PidfdFlags::empty())?;
    loop {
        let written = fs::read_to_string(place.pid_file()).unwrap_or_default();
        if let Ok(pid) = written.trim().parse() {
            return Ok(Some(pid));
        }
        if child.try_wait()?.is_some() {
            return Ok(None);
        }
        let mut either = [PollFd::new(watch, PollFlags::IN), PollFd::new(&pidfd, PollFlags::IN)];
        rustix::io::retry_on_intr(|| poll(&mut either, None))?;
        // What exactly happened is looked at, not read.
        let _ = rustix::io::read(watch, &mut [0_u8; 4096]);
    }
}

/// The last message of a runtime's log, which is one JSON object a line, but where processes wrote over one another.
fn last_words(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    let said = text.lines().rev().find_map(|line| {
        let line: Value = serde_json::from_str(line).ok()?;
        // youki has another word for it than the others.
        Some(line.get("msg").or(line.get("message"))?.as_str()?.to_owned())
    });
    let rest = || text.trim().chars().rev().take(LAST_WORDS).collect::<Vec<_>>().into_iter().rev().collect::<String>();
    said.or_else(|| Some(rest()).filter(|rest| !rest.is_empty()))
        .unwrap_or_else(|| "it ended and said nothing".to_owned())
}
