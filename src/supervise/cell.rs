//! One cell from its making to its removal.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use tokio::io::{AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::unix::pipe::Sender;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout};

use super::celldir::CellDir;
use super::clock::Clock;
use super::control::{Control, Run, Steering};
use super::ended::Ended;
use super::link::{Door, FromShim, Link, LinkError};
use super::outcomes::drop_anchor;
use super::owner::Owner;
use super::reaper::{Reaper, Remains};
use super::{native, shimmed};
use crate::engine::{Attached, CellName, CellSpec, Engine, EngineError};
use crate::plan::{self, CellPlace, CellPlan, Kernel, Watch};
use crate::run::{CellFacts, Enforcement, EventKind, LayerState, Observation, Outcome, RunEvent, SpecimenFacts};
use crate::specimen::Specimen;

/// How long a started cell may take until its shim speaks.
const READY_TIMEOUT: Duration = Duration::from_secs(30);

/// How often a silent cell is asked whether it still runs.
const SILENCE: Duration = Duration::from_millis(500);

/// How long an engine may take to see that a container has ended, and how often it is asked.
const ENGINE_LAG: Duration = Duration::from_millis(500);
const LAG_LOOK: Duration = Duration::from_millis(20);

/// What is read of the specimen's input at a time.
const INPUT_CHUNK: usize = 64 * 1024;

/// Why a cell or its specimen could not be started.
#[derive(Debug, Error)]
pub enum StartError {
    /// The engine refused, or is not there.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The shim's socket.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// Something on this machine.
    #[error("{doing}: {source}")]
    Io {
        /// What was tried.
        doing: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// The container ended before its shim spoke.
    #[error("the cell ended before its shim could speak{}: the run directory may be out of the engine's reach, or a security module may forbid it", code.map_or_else(String::new, |code| format!(" (exit code {code})")))]
    ShimSilent {
        /// The container's exit code, where it is known.
        code: Option<i64>,
    },
    /// It took too long.
    #[error("{what} took longer than {} s", READY_TIMEOUT.as_secs())]
    Slow {
        /// What did.
        what: &'static str,
    },
    /// The shim could not start the specimen.
    #[error("{0}")]
    Specimen(String),
    /// An argument or a variable holds a NUL byte.
    #[error("the specimen's command line or environment holds a NUL byte: {0}")]
    Nul(#[from] std::ffi::NulError),
}

impl StartError {
    /// Wraps an I/O error.
    pub(super) fn io(doing: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { doing, source }
    }
}

/// Where cells are made.
#[derive(Clone)]
pub struct Site {
    /// The engine.
    pub engine: Arc<dyn Engine>,
    /// Its version.
    pub engine_version: String,
    /// The directory for the cells' own.
    pub run_dir: PathBuf,
    /// This process.
    pub owner: Owner,
    /// The absolute path of the hotcell that becomes each cell's reaper and the anchor: [`OWN_PROGRAM`] but in tests.
    pub program: PathBuf,
}

/// The running program itself: `proc_pid_exe(5)`.
pub const OWN_PROGRAM: &str = "/proc/self/exe";

/// What the specimen reads.
#[derive(Debug)]
pub enum Stdin {
    /// Nothing.
    Empty,
    /// This file.
    File(File),
}

impl Stdin {
    /// Copies it into the cell; its end, or a cell that reads no more, ends the copy.
    pub(super) async fn feed(self, mut cell: impl AsyncWrite + Unpin) {
        if let Self::File(file) = self {
            let mut file = BufReader::with_capacity(INPUT_CHUNK, tokio::fs::File::from_std(file));
            let _ = tokio::io::copy_buf(&mut file, &mut cell).await;
        }
        let _ = cell.shutdown().await;
    }

    /// The reading end of a pipe that carries it. No other descriptor of the host may cross into the cell: the
    /// specimen could open its file, or what lies beside it, anew through `/proc/self/fd`.
    pub(super) fn into_pipe(self) -> io::Result<OwnedFd> {
        let (reader, writer) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?;
        rustix::io::ioctl_fionbio(&writer, true)?;
        tokio::spawn(self.feed(Sender::from_owned_fd(writer)?));
        Ok(reader)
    }
}

/// A cell that stands and waits for its specimen.
pub struct Cell {
    pub(super) site: Site,
    pub(super) plan: CellPlan,
    pub(super) name: CellName,
    pub(super) dir: CellDir,
    pub(super) io: Io,
    /// As the engine was asked for it.
    spec: CellSpec,
    reaper: Reaper,
    warnings: Vec<String>,
}

/// How the workbench and the cell are joined.
pub(super) enum Io {
    /// By the shim's socket.
    Shim(Link),
    /// By the engine's attach; the container is made and not started.
    Attached(Attached),
    /// Cut, once the run is over.
    Closed,
}

impl Cell {
    /// Makes a cell and brings it to the point where it waits for its specimen.
    ///
    /// # Errors
    /// When it could not be made; whatever was made of it is removed again.
    pub async fn make(site: Site, plan: CellPlan, specimen: &Specimen) -> Result<Self, StartError> {
        let name =
            CellName(format!("{}{}", CellName::PREFIX, random_hex().map_err(StartError::io("drawing a random name"))?));
        let owner = site.owner.to_string();
        let dir =
            CellDir::create(&site.run_dir, &name, &owner).map_err(StartError::io("making the cell's directory"))?;
        let remains =
            Remains { endpoint: site.engine.endpoint().clone(), cell: name.clone(), directory: dir.root().to_owned() };
        let reaper = Reaper::post(&site.program, &remains).map_err(StartError::io("starting the cell's reaper"))?;
        let spec = plan.spec(&place(&name, &owner, &dir), Some(plan::argv(specimen)));
        let made = async {
            let door = match plan.enforcement {
                Enforcement::Supervised => {
                    if plan.request.watch != Watch::Filter {
                        drop_anchor(&site.program);
                    }
                    Some(Door::open(&dir.socket())?)
                }
                Enforcement::Native => None,
            };
            let created = site.engine.create(&spec).await?;
            dir.mark_made().map_err(StartError::io("noting that the cell is made"))?;
            let io = if let Some(door) = door {
                Io::Shim(meet_shim(&*site.engine, &name, door).await?)
            } else {
                // Podman's runtime looks for the program already at the attach.
                let file_name = specimen.language.file_name(&specimen.name);
                dir.write_specimen(&file_name, &specimen.bytes).map_err(StartError::io("writing the specimen"))?;
                Io::Attached(site.engine.attach(&name).await?)
            };
            Ok::<_, StartError>((created.warnings, io))
        }
        .await;
        match made {
            Ok((warnings, io)) => {
                // One connection is all there is: nobody else finds a way in.
                let _ = std::fs::remove_file(dir.socket());
                Ok(Self { site, plan, name, dir, io, spec, reaper, warnings })
            }
            Err(error) => {
                // A removal that fails too is the reaper's: it is not dismissed.
                if site.engine.remove(&name).await.is_ok() {
                    reaper.dismiss();
                }
                Err(error)
            }
        }
    }

    /// Its name at the engine.
    pub fn name(&self) -> &CellName {
        &self.name
    }

    /// Whether [`Control::Hold`] has an effect: [`CellPlan::can_hold`].
    pub fn can_hold(&self) -> bool {
        self.plan.can_hold()
    }

    /// Takes over another plan, made for the same engine, where the container that stands is the one which that plan
    /// would make too: the plans then differ only in what is decided at the launch, and the cell stays warm.
    ///
    /// # Errors
    /// The plan, where it needs a container of its own; this cell keeps the one it has.
    pub fn adopt(&mut self, plan: CellPlan, specimen: &Specimen) -> Result<(), Box<CellPlan>> {
        let owner = self.site.owner.to_string();
        let place = place(&self.name, &owner, &self.dir);
        if !plan.fits(&self.plan, &self.spec, &place, plan::argv(specimen)) {
            return Err(Box::new(plan));
        }
        self.plan = plan;
        Ok(())
    }

    /// Waits until the waiting cell is lost (its container was killed, its engine stopped) and says why; for ever under
    /// native enforcement, where the container is not started yet. It takes nothing from the cell: it may be dropped at
    /// any time, and a cell that is lost can be run, which then says why it cannot.
    pub async fn lost(&mut self) -> String {
        let Io::Shim(link) = &self.io else { return std::future::pending().await };
        let error = link.disturbed().await;
        self.why_lost(&error).await
    }

    /// Whether the waiting cell is lost by now; never under native enforcement.
    pub fn is_lost(&self) -> bool {
        matches!(&self.io, Io::Shim(link) if link.is_disturbed())
    }

    /// Runs the specimen to its end and removes the cell. Everything that happens goes to `events`, the last thing
    /// being its end, which is returned too. `steering` holds the run, lets it go on and stops it, and answers calls.
    pub async fn run(
        mut self,
        specimen: &Specimen,
        stdin: Stdin,
        events: mpsc::Sender<RunEvent>,
        steering: impl Into<Steering>,
    ) -> Outcome {
        let Steering { control, orders } = steering.into();
        let run = Run { specimen, events, clock: Clock::default(), control };
        let result = match std::mem::replace(&mut self.io, Io::Closed) {
            _ if *run.control.borrow() == Control::Stop => Ok(Ended::plain(Outcome::Stopped, Duration::ZERO)),
            Io::Shim(link) => shimmed::run(&self, &run, link, stdin, orders).await,
            Io::Attached(streams) => native::run(&self, &run, streams, stdin).await,
            Io::Closed => Err(StartError::Link(LinkError::Closed)),
        };
        let mut ended = match result {
            Ok(ended) => ended,
            Err(error) => Ended::plain(Outcome::NotStarted(self.why_not_started(error).await), run.clock.now()),
        };
        let Self { site, name, dir, reaper, .. } = self;
        let removed = removed(&*site.engine, &name).await;
        let cell_gone = removed.is_ok();
        match removed {
            Ok(()) => reaper.dismiss(),
            Err(error) => ended.warnings.push(format!(
                "cell {name} could not be removed: {error}; the next hotcell removes what is left of it"
            )),
        }
        drop(dir);
        ended.tell_backlog(&run, cell_gone).await;
        let Ended { outcome, duration, unseen, warnings, .. } = ended;
        run.tell(EventKind::Exit { outcome: outcome.clone(), duration, unseen, warnings }).await;
        outcome
    }

    /// Removes a cell that was never used.
    ///
    /// # Errors
    /// What the engine said; the reaper then keeps trying.
    pub async fn discard(self) -> Result<(), EngineError> {
        let Self { site, name, io, reaper, .. } = self;
        drop(io);
        site.engine.remove(&name).await?;
        reaper.dismiss();
        Ok(())
    }

    async fn why_not_started(&self, error: StartError) -> String {
        match error {
            StartError::Link(error @ LinkError::Closed) => self.why_lost(&error).await,
            error => error.to_string(),
        }
    }

    /// What the engine knows of a cell whose shim is gone; it may learn of the end a little later than its socket did.
    pub(super) async fn why_lost(&self, error: &LinkError) -> String {
        let asked_until = Instant::now() + ENGINE_LAG;
        loop {
            match self.site.engine.inspect(&self.name).await {
                Err(engine) => return format!("{error}; {engine}"),
                Ok(seen) if seen.oom_killed => return format!("{error}: the memory limit killed it"),
                Ok(seen) if !seen.running => return format!("{error}: something outside ended its container"),
                Ok(_) if Instant::now() > asked_until => return format!("{error}, though its container still runs"),
                Ok(_) => sleep(LAG_LOOK).await,
            }
        }
    }

    /// The event that tells of the cell.
    pub(super) fn facts(&self, specimen: SpecimenFacts, layers: Vec<LayerState>, outcomes: Observation) -> EventKind {
        let plan = &self.plan;
        EventKind::Cell(Box::new(CellFacts {
            name: self.name.clone(),
            specimen,
            policy: plan.request.policy.name.clone(),
            engine: self.site.engine.endpoint().kind,
            engine_version: self.site.engine_version.clone(),
            runtime: plan.runtime.clone(),
            image: plan.request.image.clone(),
            enforcement: plan.enforcement,
            denials: plan.denials.clone(),
            outcomes,
            layers,
            warnings: plan.warnings.iter().chain(&self.warnings).cloned().collect(),
        }))
    }
}

fn place<'a>(name: &'a CellName, owner: &'a str, dir: &CellDir) -> CellPlace<'a> {
    CellPlace { name, owner, cell_dir: dir.cell(), sandbox: dir.sandbox() }
}

/// Starts the container and waits for its shim; a container that ends instead is noticed.
async fn meet_shim(engine: &dyn Engine, name: &CellName, door: Door) -> Result<Link, StartError> {
    started(engine, name).await?;
    let greeted = async {
        let link = door.accept().await?;
        match link.receive().await? {
            FromShim::Ready => Ok::<_, StartError>(link),
            _ => Err(LinkError::Protocol("it did not begin with READY").into()),
        }
    };
    let dead = async {
        loop {
            sleep(SILENCE).await;
            match engine.inspect(name).await {
                Ok(seen) if seen.running => {}
                Ok(seen) => return seen.exit_code,
                Err(_) => return None,
            }
        }
    };
    tokio::select! {
        // First, for a workbench that was suspended meanwhile finds every time over.
        biased;
        greeted = greeted => greeted,
        code = dead => Err(StartError::ShimSilent { code }),
        () = sleep(READY_TIMEOUT) => Err(StartError::Slow { what: "the start of the cell's shim" }),
    }
}

/// Removes a cell, with a second try: under load Docker fails at files of a container whose last process is just gone.
async fn removed(engine: &dyn Engine, name: &CellName) -> Result<(), EngineError> {
    if engine.remove(name).await.is_ok() {
        return Ok(());
    }
    sleep(ENGINE_LAG).await;
    engine.remove(name).await
}

/// Starts a container; a runtime that hangs over it is given up.
pub(super) async fn started(engine: &dyn Engine, name: &CellName) -> Result<(), StartError> {
    let limit = timeout(READY_TIMEOUT, engine.start(name)).await;
    Ok(limit.map_err(|_| StartError::Slow { what: "the engine's start of the cell" })??)
}

fn random_hex() -> io::Result<String> {
    use std::fmt::Write;
    let mut bytes = [0; 6];
    rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty())?;
    Ok(bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    }))
}

/// What this kernel has for the shim.
pub fn kernel() -> Kernel {
    Kernel { landlock_abi: super::ffi::landlock_abi() }
}
