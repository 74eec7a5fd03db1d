//! What outlives a killed workbench, and for how long: a process of its own
//! for each cell, that waits for the workbench's end and then removes what is
//! left ([`reap`]); and the sweep at the next start, for what even that did
//! not see ([`sweep`]).

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::pipe::{PipeFlags, pipe_with};

use super::cell::OWN_PROGRAM;
use super::celldir;
use super::owner::{Life, Owner};
use crate::engine::{self, CellName, Endpoint, Engine, EngineError, EngineKind};
use crate::image::store::Store;
use crate::spare;

/// The subcommand under which hotcell runs itself as a reaper.
pub const SUBCOMMAND: &str = "__reap";

/// What it is called among this machine's processes.
const NAME: &str = "hotcell-reaper";

/// The word that sends a reaper home.
const DONE: &[u8] = b"done";

/// A create that was under way when the workbench died may still succeed: pauses before looking for it again.
const LATE_CREATE: [Duration; 2] = [Duration::from_millis(250), Duration::from_millis(750)];

/// How often an engine that is there and does not do it is asked.
const ATTEMPTS: u32 = 6;

/// What kept an engine from removing a cell may be over by then.
const BETWEEN_ATTEMPTS: Duration = Duration::from_secs(1);

/// How often, and how many times, a cell that is made and not yet started is looked at.
const START_LOOK: Duration = Duration::from_millis(50);
const START_LOOKS: u32 = 14;

/// What a reaper is to remove.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remains {
    /// The engine.
    pub endpoint: Endpoint,
    /// The cell's name at it.
    pub cell: CellName,
    /// The cell's directory.
    pub directory: PathBuf,
}

/// A reaper at its post; it acts when this is dropped without [`Self::dismiss`].
#[derive(Debug)]
pub struct Reaper {
    /// `None` for one that the spare became, and waits for.
    process: Option<Child>,
    line: File,
}

impl Reaper {
    /// Posts one: `program` is a hotcell.
    ///
    /// # Errors
    /// When the program cannot be run.
    pub fn post(program: &Path, remains: &Remains) -> io::Result<Self> {
        let (stdin, line) = pipe_with(PipeFlags::CLOEXEC)?;
        let line = File::from(line);
        let Endpoint { kind, address, .. } = &remains.endpoint;
        let directory = remains.directory.to_str().filter(|_| program == Path::new(OWN_PROGRAM));
        let words = directory.map(|directory| [SUBCOMMAND, kind.name(), address, &remains.cell.0, directory]);
        // One for a daemon may need the environment.
        if let Some(words) = words.filter(|_| *kind == EngineKind::Embedded)
            && spare::start(NAME, &words, stdin.as_fd())
        {
            return Ok(Self { process: None, line });
        }
        let process = Command::new(program)
            .arg0(NAME)
            .args([SUBCOMMAND, kind.name(), address, &remains.cell.0])
            .arg(&remains.directory)
            .current_dir("/")
            .stdin(stdin)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        Ok(Self { process: Some(process), line })
    }

    /// Sends it home: everything is removed already.
    pub fn dismiss(mut self) {
        // A reaper that is gone has nothing left to be told.
        let _ = io::Write::write_all(&mut self.line, DONE);
        drop(self.line);
        match self.process {
            Some(mut process) => drop(process.wait()),
            // A run makes one cell; what another one needs would be started anew.
            None => spare::release(),
        }
    }
}

/// The reaper's whole life. Returns when there is nothing left to do.
///
/// # Errors
/// When the remains could not be removed.
pub fn reap(remains: &Remains) -> Result<(), ReapError> {
    // Signals meant for the workbench's terminal are not for it; a session leader already has what this asks for.
    let _ = rustix::process::setsid();
    let mut word = Vec::new();
    let _ = io::stdin().read_to_end(&mut word);
    if word == DONE {
        return Ok(());
    }
    let was_made = celldir::is_made(&remains.directory);
    // The cell has its own hold on what is bound into it.
    let directory = match fs::remove_dir_all(&remains.directory) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(remove_patiently(remains, was_made))?;
    Ok(directory?)
}

/// An engine that is too busy to answer, hangs up, or fails to remove the cell, is asked again; one that is not there is
/// not.
async fn remove_patiently(remains: &Remains, was_made: bool) -> Result<(), EngineError> {
    for _ in 1..ATTEMPTS {
        match remove_cell(remains, was_made).await {
            Err(EngineError::Timeout { .. } | EngineError::Gone { .. } | EngineError::Api { .. }) => {
                tokio::time::sleep(BETWEEN_ATTEMPTS).await;
            }
            done => return done,
        }
    }
    remove_cell(remains, was_made).await
}

async fn remove_cell(remains: &Remains, was_made: bool) -> Result<(), EngineError> {
    let engine = engine::connect(&remains.endpoint, Store::nowhere()).await?;
    remove_settled(&*engine, &remains.cell).await?;
    if !was_made {
        for pause in LATE_CREATE {
            tokio::time::sleep(pause).await;
            remove_settled(&*engine, &remains.cell).await?;
        }
    }
    Ok(())
}

/// A removal that meets a start still under way leaves Docker (20.10) with a nameless entry that nobody can remove: the
/// start gets its time first.
async fn remove_settled(engine: &dyn Engine, cell: &CellName) -> Result<(), EngineError> {
    for _ in 0..START_LOOKS {
        match engine.inspect(cell).await {
            Ok(seen) if !seen.running && seen.exit_code.is_none() => tokio::time::sleep(START_LOOK).await,
            _ => break,
        }
    }
    engine.remove(cell).await
}

/// Why remains stay.
#[derive(Debug, thiserror::Error)]
pub enum ReapError {
    /// The directory, or the runtime of the reaper itself.
    #[error("the cell's directory: {0}")]
    Io(#[from] io::Error),
    /// The engine.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

/// Reads a reaper's arguments back; `None` where they are not what posting one gives.
pub fn parse_arguments(arguments: &[String]) -> Option<Remains> {
    let [kind, address, cell, directory] = arguments else { return None };
    let kind = EngineKind::ALL.into_iter().find(|known| known.name() == kind)?;
    Some(Remains {
        endpoint: Endpoint { kind, address: address.clone(), origin: "reaper".to_owned() },
        cell: CellName(cell.clone()),
        directory: PathBuf::from(directory),
    })
}

/// What a sweep did.
#[derive(Debug, Default)]
pub struct Swept {
    /// What it removed.
    pub removed: Vec<CellName>,
    /// What it could not do; the next sweep tries again.
    pub failed: Vec<EngineError>,
}

/// Removes cells and directories whose owner is dead.
pub async fn sweep(engine: &dyn Engine, run_dir: &Path, this: &Owner) -> Swept {
    let dead = |token: &str| Owner::parse(token).is_some_and(|owner| owner.life(this) == Life::Dead);
    let mut swept = Swept::default();
    for entry in fs::read_dir(run_dir).into_iter().flatten().flatten() {
        let token = fs::read_to_string(entry.path().join("owner")).unwrap_or_default();
        if dead(&token) && fs::remove_dir_all(entry.path()).is_ok() {
            swept.removed.push(CellName(entry.file_name().to_string_lossy().into_owned()));
        }
    }
    let cells = match engine.owned_cells().await {
        Ok(cells) => cells,
        Err(error) => {
            swept.failed.push(error);
            return swept;
        }
    };
    // An image may carry the label too: only what hotcell itself names is its own.
    for cell in cells.into_iter().filter(|cell| cell.name.0.starts_with(CellName::PREFIX) && dead(&cell.owner)) {
        match engine.remove(&cell.name).await {
            Ok(()) if swept.removed.contains(&cell.name) => {}
            Ok(()) => swept.removed.push(cell.name),
            Err(error) => swept.failed.push(error),
        }
    }
    swept
}
