//! The end of a cell: every process of it dead, its control groups and its directory gone. It needs nothing but what is
//! on disk, and may be done again.

use std::fs::{self, File, TryLockError};
use std::io;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

use super::cgroups::Groups;
use super::ended;
use super::place::{Place, Process, Role, kill};
use crate::engine::CellName;

/// How long a cell's processes may take to die.
const DYING: Duration = Duration::from_secs(10);

/// How long a monitor may take to reap process 1 and go.
const LEAVING: Duration = Duration::from_millis(500);

/// How long it takes from one look at what still stands to the next.
const LOOK: Duration = Duration::from_millis(2);

/// Removes what is left of a cell.
///
/// # Errors
/// When a process does not die, or something cannot be removed.
pub async fn remove(place: &Place, cell: &CellName) -> io::Result<()> {
    let until = Instant::now() + DYING;
    while !is_dead(place, cell).await? {
        if Instant::now() > until {
            return Err(io::Error::other("its processes do not die"));
        }
        sleep(LOOK).await;
    }
    Ok(())
}

/// Does what can be done for the cell's end at this moment; false where something still stands.
async fn is_dead(place: &Place, cell: &CellName) -> io::Result<bool> {
    let monitor = place.process(Role::Monitor);
    if place.process(Role::Init).is_none()
        && let Some(monitor) = monitor
    {
        // It is still at its start, or was when it died.
        monitor.kill_group();
    }
    let groups = Groups::of(cell)?;
    groups.processes().iter().for_each(kill);
    // It reaps process 1 and goes.
    if let Some(monitor) = monitor.and_then(Process::open) {
        // Tried again where it does not.
        let _ = timeout(LEAVING, ended(monitor)).await;
    }
    // Where the directory is gone nobody comes any more.
    let _alone = match alone(place)? {
        None if place.exists() => return Ok(false),
        alone => alone,
    };
    // Those of a start that was under way too.
    if !Groups::of(cell)?.remove()? {
        return Ok(false);
    }
    match fs::remove_dir_all(place.dir()) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(true),
    }
}

/// Takes the cell's lock, so that a monitor that comes late finds nothing to do; `None` while somebody has it.
fn alone(place: &Place) -> io::Result<Option<File>> {
    let lock = match place.lock() {
        // Another removal was faster.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        lock => lock?,
    };
    match lock.try_lock() {
        Ok(()) => Ok(Some(lock)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    }
}
