//! Calls that failed, as the kernel's tracepoints tell them: `perf_event_open(2)` on a process and all that it makes. The
//! specimen is not stopped for it. Each record comes with the user's registers, which still hold the call's arguments.

mod ffi;

use std::fs;
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::fs::{Mode, OFlags, openat};
use rustix::mount::{FsMountFlags, FsOpenFlags, MountAttrFlags, fsconfig_create, fsmount, fsopen};
use thiserror::Error;

pub use self::ffi::monotonic;
use self::ffi::{Kind, RECORD_LOST, RECORD_SAMPLE, Ring, Wakes, array, open, set_filter};
use crate::run::attribution::Ends;

/// Why outcomes cannot be seen.
#[derive(Debug, Error)]
pub enum TapError {
    /// The kernel does not say which tracepoint is which.
    #[error("tracefs, which names the kernel's tracepoints, cannot be read: {0}; root can")]
    Tracefs(io::Error),
    /// The tracepoint is not as it is known here.
    #[error("the kernel's tracepoint {0} has another form than is known here")]
    Form(&'static str),
    /// The kernel refuses.
    #[error("perf_event_open was refused: {0}; it takes root or CAP_PERFMON")]
    Open(io::Error),
    /// No room for the records.
    #[error("no memory for the kernel's records: {0}")]
    Map(io::Error),
    /// Another architecture.
    #[error("the registers of a failed call are known on x86_64 alone")]
    Arch,
}

/// One record of the kernel's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Record {
    /// A call ended as the filter has it.
    Ended {
        /// By whom and where.
        by: Caller,
        /// The call's number.
        nr: i32,
        /// What it returned: minus the errno.
        ret: i64,
    },
    /// A capability was looked for and not there.
    Lacking {
        /// By whom and where.
        by: Caller,
        /// Its number.
        cap: u8,
    },
    /// So many records found no room.
    Lost(u64),
}

/// Who made a call, and where it stands in it: two records that agree in all but the time are of one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The process, in this process's pid namespace.
    pub pid: u32,
    /// The thread.
    pub tid: u32,
    /// `CLOCK_MONOTONIC`.
    pub at: Duration,
    /// The instruction after the call.
    pub instruction: u64,
    /// The stack pointer.
    pub stack: u64,
    /// The arguments.
    pub args: [u64; 6],
}

impl Caller {
    /// Whether both are of one call.
    pub fn is_in_the_call_of(&self, other: &Self) -> bool {
        Self { at: other.at, ..*self } == *other
    }
}

/// A tracepoint: its number, and where two of its fields lie.
#[derive(Clone, Copy, Debug)]
struct Tracepoint {
    id: u16,
    fields: [(usize, usize); 2],
}

/// The two tracepoints that tell of refusals; the second came with Linux 6.14.
#[derive(Clone, Copy, Debug)]
pub struct Tracepoints {
    exit: Tracepoint,
    capable: Option<Tracepoint>,
}

impl Tracepoints {
    /// Reads which they are.
    ///
    /// # Errors
    /// When tracefs is not to be had.
    pub fn read() -> Result<Self, TapError> {
        if !cfg!(target_arch = "x86_64") {
            return Err(TapError::Arch);
        }
        let events = tracefs().map_err(TapError::Tracefs)?;
        let exit = tracepoint(&events, "raw_syscalls/sys_exit", ["id", "ret"]).map_err(TapError::Tracefs)?;
        let exit = exit.ok_or(TapError::Form("raw_syscalls:sys_exit"))?;
        let capable = match tracepoint(&events, "capability/cap_capable", ["cap", "ret"]) {
            Ok(capable) => Some(capable.ok_or(TapError::Form("capability:cap_capable"))?),
            Err(_) => None,
        };
        Ok(Self { exit, capable })
    }

    /// Keeps both tracepoints in use by this process: to begin and to end that takes the kernel tens of milliseconds, in
    /// which it waits for every CPU. Until what comes back is closed, others find it done.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn anchor(&self) -> Result<Vec<OwnedFd>, TapError> {
        [Some(self.exit), self.capable]
            .into_iter()
            .flatten()
            .map(|point| open(Kind::Tracepoint(point.id), 0, -1, Wakes::No))
            .collect::<io::Result<_>>()
            .map_err(TapError::Open)
    }
}

/// Has the kernel follow events by process for as long as what comes back is open: to begin with that it waits until every
/// CPU has been through its scheduler, 7 to 15 ms (`account_event`, kernel/events/core.c).
///
/// # Errors
/// When the kernel refuses.
pub fn begin() -> io::Result<OwnedFd> {
    open(Kind::Dummy, 0, -1, Wakes::No)
}

/// `events` of a tracefs: where it is mounted, or of a mount that nobody else sees.
fn tracefs() -> io::Result<OwnedFd> {
    let directory = OFlags::DIRECTORY | OFlags::RDONLY | OFlags::CLOEXEC;
    if let Ok(mounted) = rustix::fs::open("/sys/kernel/tracing/events", directory, Mode::empty()) {
        return Ok(mounted);
    }
    let context = fsopen("tracefs", FsOpenFlags::FSOPEN_CLOEXEC)?;
    fsconfig_create(context.as_fd())?;
    let mount = fsmount(context.as_fd(), FsMountFlags::FSMOUNT_CLOEXEC, MountAttrFlags::MOUNT_ATTR_RDONLY)?;
    Ok(openat(&mount, "events", directory, Mode::empty())?)
}

/// `None` where it has not these fields.
fn tracepoint(events: &OwnedFd, name: &str, fields: [&str; 2]) -> io::Result<Option<Tracepoint>> {
    let read = |file: &str| -> io::Result<String> {
        let file = openat(events, format!("{name}/{file}"), OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
        let mut text = String::new();
        fs::File::from(file).read_to_string(&mut text)?;
        Ok(text)
    };
    let (id, format) = (read("id")?, read("format")?);
    let found = id.trim().parse().ok().zip(field(&format, fields[0])).zip(field(&format, fields[1]));
    Ok(found.map(|((id, first), second)| Tracepoint { id, fields: [first, second] }))
}

/// Offset and size of a field, from a line such as `field:int cap; offset:32; size:4; signed:1;`, with tabs between.
fn field(format: &str, name: &str) -> Option<(usize, usize)> {
    format.lines().find_map(|line| {
        let (declared, rest) = line.trim().strip_prefix("field:")?.split_once(';')?;
        if declared.rsplit(' ').next() != Some(name) {
            return None;
        }
        let number = |key: &str| rest.split(';').find_map(|part| part.trim().strip_prefix(key)?.parse().ok());
        Some((number("offset:")?, number("size:")?))
    })
}

/// What one process and its children do, on every CPU.
pub struct Tap {
    points: Tracepoints,
    rings: Vec<Ring>,
}

impl Tap {
    /// Follows a process, and everything it makes from now on: calls that end so (the kernel's filters over `id` and `ret`,
    /// Documentation/trace/events.rst), and every capability that is not there. Only prompt ends wake a reader, and a ring
    /// that is half full.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn attach(points: Tracepoints, pid: u32, ends: &Ends) -> Result<Self, TapError> {
        let pid = libc::pid_t::try_from(pid).map_err(|_| TapError::Open(io::ErrorKind::InvalidInput.into()))?;
        let mut rings = Vec::new();
        for cpu in cpus().map_err(TapError::Open)? {
            let exit = match open(Kind::Tracepoint(points.exit.id), pid, cpu, Wakes::Yes) {
                // It was taken away meanwhile.
                Err(error) if error.raw_os_error() == Some(libc::ENODEV) => continue,
                other => other.map_err(TapError::Open)?,
            };
            set_filter(&exit, &ends.prompt).map_err(TapError::Open)?;
            let mut ring = Ring::map(exit).map_err(TapError::Map)?;
            let quiet = points.capable.map(|capable| (capable.id, LOOKED_FOR));
            for (id, filter) in quiet.into_iter().chain([(points.exit.id, ends.patient.as_str())]) {
                let event = open(Kind::Tracepoint(id), pid, cpu, Wakes::No).map_err(TapError::Open)?;
                set_filter(&event, filter).map_err(TapError::Open)?;
                ring.take_in(event).map_err(TapError::Open)?;
            }
            rings.push(ring);
        }
        Ok(Self { points, rings })
    }

    /// Whether it tells which capabilities are lacking.
    pub fn tells_capabilities(&self) -> bool {
        self.points.capable.is_some()
    }

    /// Readable where there are records.
    pub fn fds(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.rings.iter().map(|ring| ring.fd())
    }

    /// Takes what there is, of each CPU in order.
    pub fn drain(&mut self, records: &mut Vec<Record>) {
        let points = self.points;
        for ring in &mut self.rings {
            ring.drain(|kind, body| records.extend(parse(points, kind, body)));
        }
    }
}

/// The CPUs that are there, from a list such as `0-3,8`.
fn cpus() -> io::Result<Vec<i32>> {
    let list = fs::read_to_string("/sys/devices/system/cpu/online")?;
    let range = |part: &str| -> Option<std::ops::RangeInclusive<i32>> {
        let (from, to) = part.split_once('-').unwrap_or((part, part));
        Some(from.parse().ok()?..=to.parse().ok()?)
    };
    Ok(list.trim().split(',').filter_map(range).flatten().collect())
}

/// Capabilities that are looked for and not there. Not `CAP_SYS_ADMIN`: the kernel looks for it with every page that a
/// process maps or puts into a tmpfs, and goes on without (`cap_vm_enough_memory`, security/commoncap.c).
const LOOKED_FOR: &str = "ret < 0 && cap != 21";

/// A signed number of four or eight bytes.
fn number(bytes: &[u8], (at, size): (usize, usize)) -> i64 {
    match size {
        4 => i64::from(i32::from_ne_bytes(array(bytes, at))),
        _ => i64::from_ne_bytes(array(bytes, at)),
    }
}

fn parse(points: Tracepoints, kind: u32, body: &[u8]) -> Option<Record> {
    match kind {
        RECORD_LOST => Some(Record::Lost(u64::from_ne_bytes(array(body, 8)))),
        RECORD_SAMPLE => {
            let size = usize::try_from(u32::from_ne_bytes(array(body, 16))).ok()?;
            let raw = body.get(20..20 + size)?;
            let register = |at: usize| u64::from_ne_bytes(array(body, 20 + size + 8 * (1 + at)));
            let [dx, si, di, stack, instruction, r8, r9, r10] = std::array::from_fn(register);
            let by = Caller {
                pid: u32::from_ne_bytes(array(body, 0)),
                tid: u32::from_ne_bytes(array(body, 4)),
                at: Duration::from_nanos(u64::from_ne_bytes(array(body, 8))),
                instruction,
                stack,
                args: [di, si, dx, r10, r8, r9],
            };
            let id = u16::from_ne_bytes(array(raw, 0));
            if id == points.exit.id {
                let nr = i32::try_from(number(raw, points.exit.fields[0])).ok()?;
                return Some(Record::Ended { by, nr, ret: number(raw, points.exit.fields[1]) });
            }
            let capable = points.capable.filter(|capable| capable.id == id)?;
            Some(Record::Lacking { by, cap: u8::try_from(number(raw, capable.fields[0])).ok()? })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CAPABLE: &str = "name: cap_capable\nID: 2073\nformat:\n\
        \tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;\n\n\
        \tfield:struct user_namespace * target_ns;\toffset:16;\tsize:8;\tsigned:0;\n\
        \tfield:int cap;\toffset:32;\tsize:4;\tsigned:1;\n\tfield:int ret;\toffset:36;\tsize:4;\tsigned:1;\n";

    #[test]
    fn a_field_is_found_by_its_name() {
        assert_eq!(field(CAPABLE, "cap"), Some((32, 4)));
        assert_eq!(field(CAPABLE, "ret"), Some((36, 4)));
        assert_eq!(field(CAPABLE, "target_ns"), Some((16, 8)));
        assert_eq!(field(CAPABLE, "namespace"), None);
    }

    #[test]
    fn a_sample_is_taken_apart() {
        let exit = Tracepoint { id: 442, fields: [(8, 8), (16, 8)] };
        let points = Tracepoints { exit, capable: Some(Tracepoint { id: 2073, fields: [(32, 4), (36, 4)] }) };
        let mut raw = vec![0; 28];
        raw[..2].copy_from_slice(&442_u16.to_ne_bytes());
        raw[8..16].copy_from_slice(&257_i64.to_ne_bytes());
        raw[16..24].copy_from_slice(&(-30_i64).to_ne_bytes());
        let mut body = Vec::new();
        body.extend([7_u32.to_ne_bytes(), 8_u32.to_ne_bytes()].concat());
        body.extend(5_000_000_u64.to_ne_bytes());
        body.extend(28_u32.to_ne_bytes());
        body.extend(raw);
        for word in [2_u64, 30, 20, 10, 99, 77, 50, 60, 40] {
            body.extend(word.to_ne_bytes());
        }
        let by = Caller {
            pid: 7,
            tid: 8,
            at: Duration::from_millis(5),
            instruction: 77,
            stack: 99,
            args: [10, 20, 30, 40, 50, 60],
        };
        assert_eq!(parse(points, RECORD_SAMPLE, &body), Some(Record::Ended { by, nr: 257, ret: -30 }));
        let lost = [3_u64.to_ne_bytes(), 12_u64.to_ne_bytes()].concat();
        assert_eq!(parse(points, RECORD_LOST, &lost), Some(Record::Lost(12)));
        assert_eq!(parse(points, RECORD_SAMPLE, &body[..30]), None);
    }
}
