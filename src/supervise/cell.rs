//! One cell from its making to its removal.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use tokio::sync::{mpsc, watch};

use super::celldir::CellDir;
use super::clock::Clock;
use super::link::{Door, FromShim, Link, LinkError};
use super::owner::Owner;
use super::reaper::{Reaper, Remains};
use super::{native, shimmed};
use crate::engine::{Attached, CellName, Engine, EngineError};
use crate::plan::{self, CellPlace, CellPlan, Kernel};
use crate::run::{CellFacts, Enforcement, EventKind, LayerState, Outcome, RunEvent, SpecimenFacts};
use crate::specimen::Specimen;

/// How long a started cell may take until its shim speaks.
const READY_TIMEOUT: Duration = Duration::from_secs(20);

/// How often a silent cell is asked whether it still runs.
const SILENCE: Duration = Duration::from_millis(500);

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
}

/// What the specimen reads.
#[derive(Debug)]
pub enum Stdin {
    /// Nothing.
    Empty,
    /// This file.
    File(File),
}

impl Stdin {
    pub(super) fn into_fd(self) -> io::Result<OwnedFd> {
        match self {
            Self::Empty => Ok(File::open("/dev/null")?.into()),
            Self::File(file) => Ok(file.into()),
        }
    }
}

/// A cell that stands and waits for its specimen.
pub struct Cell {
    pub(super) site: Site,
    pub(super) plan: CellPlan,
    pub(super) name: CellName,
    pub(super) dir: CellDir,
    pub(super) io: Io,
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

/// What a run needs beside the cell.
pub(super) struct Run<'a> {
    pub specimen: &'a Specimen,
    pub events: mpsc::Sender<RunEvent>,
    pub clock: Clock,
    pub stop: watch::Receiver<bool>,
}

/// How a run ended, before the cell is removed.
pub(super) struct Ended {
    pub outcome: Outcome,
    /// How long the specimen ran.
    pub duration: Duration,
    pub warnings: Vec<String>,
}

impl Run<'_> {
    /// Tells something that must not be lost. A reader that is gone is no reason to stop.
    pub async fn tell(&self, kind: EventKind) {
        let _ = self.events.send(RunEvent { at: self.clock.now(), kind }).await;
    }

    /// Tells something that the next reading makes good, as far as there is room.
    pub fn mention(&self, kind: EventKind) {
        let _ = self.events.try_send(RunEvent { at: self.clock.now(), kind });
    }

    /// Waits until the reviewer stops the run; for ever where nobody can.
    pub async fn stopped(stop: &mut watch::Receiver<bool>) {
        if stop.wait_for(|stop| *stop).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

impl Cell {
    /// Makes a cell and brings it to the point where it waits for its specimen.
    ///
    /// # Errors
    /// When it could not be made; whatever was made of it is removed again.
    pub async fn make(site: Site, plan: CellPlan, specimen: &Specimen) -> Result<Self, StartError> {
        let name = CellName(format!("hotcell-{}", random_hex().map_err(StartError::io("drawing a random name"))?));
        let owner = site.owner.to_string();
        let dir =
            CellDir::create(&site.run_dir, &name, &owner).map_err(StartError::io("making the cell's directory"))?;
        let remains =
            Remains { endpoint: site.engine.endpoint().clone(), cell: name.clone(), directory: dir.root().to_owned() };
        let reaper = Reaper::post(&remains).map_err(StartError::io("starting the cell's reaper"))?;
        let place = CellPlace { name: &name, owner: &owner, cell_dir: dir.cell(), sandbox: dir.sandbox() };
        let spec = plan.spec(&place, Some(plan::argv(specimen)));
        let made = async {
            let door = match plan.enforcement {
                Enforcement::Supervised => Some(Door::open(&dir.socket())?),
                Enforcement::Native => None,
            };
            let created = site.engine.create(&spec).await?;
            dir.mark_made().map_err(StartError::io("noting that the cell is made"))?;
            let io = match door {
                Some(door) => Io::Shim(meet_shim(&*site.engine, &name, door).await?),
                None => Io::Attached(site.engine.attach(&name).await?),
            };
            Ok::<_, StartError>((created.warnings, io))
        }
        .await;
        match made {
            Ok((warnings, io)) => {
                // One connection is all there is: nobody else finds a way in.
                let _ = std::fs::remove_file(dir.socket());
                Ok(Self { site, plan, name, dir, io, reaper, warnings })
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

    /// Runs the specimen to its end and removes the cell. Everything that happens goes to `events`, the last thing
    /// being its end, which is returned too.
    pub async fn run(
        mut self,
        specimen: &Specimen,
        stdin: Stdin,
        events: mpsc::Sender<RunEvent>,
        stop: watch::Receiver<bool>,
    ) -> Outcome {
        let run = Run { specimen, events, clock: Clock::default(), stop };
        let result = match std::mem::replace(&mut self.io, Io::Closed) {
            _ if *run.stop.borrow() => {
                Ok(Ended { outcome: Outcome::Stopped, duration: Duration::ZERO, warnings: Vec::new() })
            }
            Io::Shim(link) => shimmed::run(&self, &run, link, stdin).await,
            Io::Attached(streams) => native::run(&self, &run, streams, stdin).await,
            Io::Closed => Err(StartError::Link(LinkError::Closed)),
        };
        let mut ended = result.unwrap_or_else(|error| Ended {
            outcome: Outcome::NotStarted(error.to_string()),
            duration: run.clock.now(),
            warnings: Vec::new(),
        });
        let Self { site, name, dir, reaper, .. } = self;
        match site.engine.remove(&name).await {
            Ok(()) => reaper.dismiss(),
            Err(error) => ended.warnings.push(format!(
                "cell {name} could not be removed: {error}; the next hotcell removes what is left of it"
            )),
        }
        drop(dir);
        run.tell(EventKind::Exit {
            outcome: ended.outcome.clone(),
            duration: ended.duration,
            warnings: ended.warnings,
        })
        .await;
        ended.outcome
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

    /// The event that tells of the cell.
    pub(super) fn facts(&self, specimen: SpecimenFacts, layers: Vec<LayerState>) -> EventKind {
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
            layers,
            warnings: plan.warnings.iter().chain(&self.warnings).cloned().collect(),
        }))
    }
}

/// Starts the container and waits for its shim; a container that ends instead is noticed.
async fn meet_shim(engine: &dyn Engine, name: &CellName, door: Door) -> Result<Link, StartError> {
    engine.start(name).await?;
    let greeted = async {
        let link = door.accept().await?;
        match link.receive().await? {
            FromShim::Ready => Ok::<_, StartError>(link),
            _ => Err(LinkError::Protocol("it did not begin with READY").into()),
        }
    };
    let dead = async {
        loop {
            tokio::time::sleep(SILENCE).await;
            match engine.inspect(name).await {
                Ok(seen) if seen.running => {}
                Ok(seen) => return seen.exit_code,
                Err(_) => return None,
            }
        }
    };
    tokio::select! {
        greeted = greeted => greeted,
        code = dead => Err(StartError::ShimSilent { code }),
        () = tokio::time::sleep(READY_TIMEOUT) => Err(StartError::Slow { what: "the start of the cell's shim" }),
    }
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
