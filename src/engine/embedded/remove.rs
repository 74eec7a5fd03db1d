//! The end of a cell: every process of it dead, its control groups and its directory gone. It needs nothing but what is
//! on disk, and may be done again.

use std::fs::{self, File, TryLockError};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

use super::cgroups::Groups;
use super::ended;
use super::monitor::SUBCOMMAND as MONITOR_SUBCOMMAND;
use super::place::{Place, Process, Role, kill, open};
use crate::kernel::cgroup::Cgroup;

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
pub async fn remove(place: &Place) -> io::Result<()> {
    // Where there are no groups there are no rates.
    let _ = Cgroup::at(&place.cgroup()).and_then(|cgroup| cgroup.free_disks());
    let until = Instant::now() + DYING;
    while !is_dead(place).await? {
        if Instant::now() > until {
            return Err(io::Error::other("its processes do not die"));
        }
        sleep(LOOK).await;
    }
    Ok(())
}

/// Does what can be done for the cell's end at this moment; false where something still stands.
async fn is_dead(place: &Place) -> io::Result<bool> {
    let monitor = place.process(Role::Monitor);
    if let Some(init) = place.process(Role::Init) {
        // With process 1 the kernel kills all of its pid namespace, so none of it needs a control group to be found.
        init.kill();
    } else {
        // It is still at its start, or was when it died.
        monitor.into_iter().for_each(Process::kill_group);
        forked(place).into_iter().filter_map(open).for_each(|process| kill(&process));
        Groups::of(place).empty()?;
    }
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
    let groups = Groups::of(place);
    if !groups.remove()? {
        groups.empty()?;
        return Ok(false);
    }
    match fs::remove_dir_all(place.dir()) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        // Until it saw that, a start that is under way may have made them anew.
        _ => groups.remove(),
    }
}

/// Processes that a monitor of this cell was, or forked and that have not executed anything since: what becomes
/// process 1 leaves its process group, and where there are no control groups nothing else tells of it.
fn forked(place: &Place) -> Vec<u32> {
    let order = [MONITOR_SUBCOMMAND.as_bytes(), place.dir().as_os_str().as_bytes()].join(&b' ');
    let is_one = |pid: &u32| {
        let mut line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        while line.last() == Some(&0) {
            line.pop();
        }
        // The spare's forks have blanks between their words.
        line.iter_mut().filter(|byte| **byte == 0).for_each(|byte| *byte = b' ');
        line.strip_suffix(order.as_slice()).is_some_and(|name| name.last() == Some(&b' '))
    };
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).filter(is_one).collect()
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
