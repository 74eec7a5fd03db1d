//! The events of a run.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::held::{HeldCall, HeldId, Settled};
use super::source::Source;
use super::used::Used;
use crate::engine::{CellName, EngineKind};
use crate::policy::{Bytes, Layer};

/// One thing that happened, and when.
#[derive(Clone, Debug, PartialEq)]
pub struct RunEvent {
    /// Time on the run's clock, which starts when the specimen is let go; zero before.
    pub at: Duration,
    /// What happened.
    pub kind: EventKind,
}

/// What happened.
#[derive(Clone, Debug, PartialEq)]
pub enum EventKind {
    /// The cell stands, and its layers have been read back.
    Cell(Box<CellFacts>),
    /// The specimen executes, as this process of the host; 0 where the host cannot know it.
    Started {
        /// Process id in the workbench's pid namespace.
        pid: u32,
    },
    /// The specimen wrote these bytes, and they are kept.
    Output {
        /// Where to.
        stream: Stream,
        /// What, raw.
        bytes: Vec<u8>,
    },
    /// Output beyond what is kept: bytes dropped since the last such event.
    Dropped {
        /// Where they were written.
        stream: Stream,
        /// How many.
        bytes: u64,
    },
    /// A layer refused something; a later event with the same id raises its count.
    Denial(Denial),
    /// A kind of calls was used, where all are recorded; a later event with the same id raises its count.
    Used(Arc<Used>),
    /// A call that a candidate for the profile would refuse, whatever became of it; repeats as of denials.
    Would(Denial),
    /// A refused call is held until the reviewer decides.
    Break(Box<HeldCall>),
    /// A held call was answered, or is no more.
    Settled {
        /// Which.
        id: HeldId,
        /// How.
        how: Settled,
    },
    /// Calls that were to be held and were answered as the profile says, for too many were: so many so far.
    Unheld {
        /// How many.
        count: u64,
    },
    /// A reading of the cell's resources.
    Resource(Sample),
    /// A limit was met; a later event of the same kind raises its count.
    Limit(Limit),
    /// The specimen was held: every process stopped, and its deadline with them; or it goes on. Told as the order goes to
    /// the shim, which does not answer; output that was already written still comes.
    Held {
        /// It stands still.
        held: bool,
    },
    /// The run is over.
    Exit {
        /// How.
        outcome: Outcome,
        /// How long the specimen ran, without the time it was held; its last output and denials may have been read a little later.
        duration: Duration,
        /// Why denials may be missing, where the source of them was lost.
        unseen: Option<String>,
        /// What could not be cleaned up or was lost on the way; empty where nothing of the cell is left.
        warnings: Vec<String>,
    },
}

/// One of the two output streams of a specimen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Stream {
    /// File descriptor 1.
    Stdout,
    /// File descriptor 2.
    Stderr,
}

impl Stream {
    /// The name used in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Stdout => "stdout",
            Self::Stderr => "stderr",
        }
    }
}

/// Who enforces the process-level layers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Enforcement {
    /// The shim, under the eyes of the listener.
    Supervised,
    /// The engine's runtime alone.
    Native,
}

impl Enforcement {
    /// Whether the shim enforces.
    pub fn is_supervised(self) -> bool {
        self == Self::Supervised
    }

    /// The name used in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Supervised => "supervised",
            Self::Native => "native",
        }
    }
}

/// Whether refused calls can be seen in this run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Observation {
    /// Every refusal of the filter is an event.
    Live,
    /// None can be seen, and why.
    NotObservable(String),
}

/// What a report says of a specimen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpecimenFacts {
    /// Its name, already safe to show.
    pub name: String,
    /// Its language.
    pub language: String,
    /// Its digest, lower-case hexadecimal.
    pub sha256: String,
    /// Its size.
    pub size: Bytes,
}

/// The cell as it stands before the specimen runs.
#[derive(Clone, Debug, PartialEq)]
pub struct CellFacts {
    /// Its name at the engine.
    pub name: CellName,
    /// What runs in it.
    pub specimen: SpecimenFacts,
    /// The policy's name.
    pub policy: String,
    /// The engine's family.
    pub engine: EngineKind,
    /// The engine's version.
    pub engine_version: String,
    /// The OCI runtime.
    pub runtime: String,
    /// The image reference.
    pub image: String,
    /// Who enforces.
    pub enforcement: Enforcement,
    /// Whether denials can be seen.
    pub denials: Observation,
    /// Every layer, asked and in force.
    pub layers: Vec<LayerState>,
    /// What the engine and the kernel said that the reviewer should know.
    pub warnings: Vec<String>,
}

/// Whether a layer really holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Force {
    /// Read back from the kernel, or done by hotcell itself.
    Yes,
    /// Read back, and it is not there.
    No,
    /// Could not be read back.
    Unverified,
}

/// One layer of one cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayerState {
    /// Which.
    pub layer: Layer,
    /// The policy has it on.
    pub asked: bool,
    /// Why it cannot be had here at all.
    pub unavailable: Option<String>,
    /// It holds.
    pub in_force: Force,
    /// What was read, or why it could not be.
    pub detail: String,
}

/// Tells one coalesced denial from the others of its run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DenialId(pub u32);

/// How a refused call was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// The call failed with this errno.
    Errno(i32),
    /// The process was killed, or where the workbench may not do that, the cell.
    Kill,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Errno(number) => match errno_name(*number) {
                Some(name) => f.write_str(name),
                None => write!(f, "errno {number}"),
            },
            Self::Kill => f.write_str("killed"),
        }
    }
}

/// Names of errnos that seccomp profiles and the kernel's checks use: errno(3).
const ERRNO_NAMES: [(i32, &str); 30] = [
    (libc::EPERM, "EPERM"),
    (libc::ENOENT, "ENOENT"),
    (libc::EINTR, "EINTR"),
    (libc::EIO, "EIO"),
    (libc::ENXIO, "ENXIO"),
    (libc::E2BIG, "E2BIG"),
    (libc::ENOEXEC, "ENOEXEC"),
    (libc::EBADF, "EBADF"),
    (libc::EAGAIN, "EAGAIN"),
    (libc::ENOMEM, "ENOMEM"),
    (libc::EACCES, "EACCES"),
    (libc::EFAULT, "EFAULT"),
    (libc::EBUSY, "EBUSY"),
    (libc::EEXIST, "EEXIST"),
    (libc::ENODEV, "ENODEV"),
    (libc::ENOTDIR, "ENOTDIR"),
    (libc::EINVAL, "EINVAL"),
    (libc::EMFILE, "EMFILE"),
    (libc::ENOSPC, "ENOSPC"),
    (libc::EROFS, "EROFS"),
    (libc::ENOSYS, "ENOSYS"),
    (libc::ELOOP, "ELOOP"),
    (libc::ENOTSUP, "ENOTSUP"),
    (libc::EAFNOSUPPORT, "EAFNOSUPPORT"),
    (libc::ENETUNREACH, "ENETUNREACH"),
    (libc::ECONNREFUSED, "ECONNREFUSED"),
    (libc::EXDEV, "EXDEV"),
    (libc::ETIMEDOUT, "ETIMEDOUT"),
    (libc::EHOSTUNREACH, "EHOSTUNREACH"),
    (libc::ENETDOWN, "ENETDOWN"),
];

/// The symbolic name of an errno.
fn errno_name(number: i32) -> Option<&'static str> {
    ERRNO_NAMES.iter().find(|(known, _)| *known == number).map(|(_, name)| *name)
}

/// The errnos that have a name here, with it.
pub fn errnos() -> impl Iterator<Item = (i32, &'static str)> {
    ERRNO_NAMES.into_iter()
}

/// The errno of a symbolic name.
pub fn errno_number(name: &str) -> Option<i32> {
    ERRNO_NAMES.iter().find(|(_, known)| *known == name).map(|(number, _)| *number)
}

/// A refused call; repeats of the same call with the same arguments by the same process from the same line are one
/// denial.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denial {
    /// Its identity within the run.
    pub id: DenialId,
    /// The layer that refused.
    pub layer: Layer,
    /// The call's name; `syscall_N` where no table knows it.
    pub syscall: String,
    /// Its arguments, decoded; already safe to show.
    pub args: Vec<String>,
    /// The same as the kernel had them at the first of these calls; zero where those of many were put together.
    pub registers: [u64; 6],
    /// How it was answered.
    pub refusal: Refusal,
    /// The process, in the workbench's pid namespace.
    pub pid: u32,
    /// Its name, already safe to show.
    pub comm: String,
    /// Where the call came from, as read at the first of its line; `None` where the callers of many were put together.
    pub source: Option<Arc<Source>>,
    /// How often so far.
    pub count: u64,
    /// For how many of these the line was read; the others followed too closely, and are counted with the line that was
    /// read last before them.
    pub located: u64,
    /// When first.
    pub first: Duration,
}

impl Denial {
    /// The specimen's line that made the call, from 1, where it is known.
    pub fn line(&self) -> Option<u32> {
        self.source.as_ref()?.specimen_line()
    }
}

/// One reading of a cell's control group; `None` where the kernel does not tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sample {
    /// Memory charged now.
    pub memory: Option<Bytes>,
    /// The most memory ever charged.
    pub memory_peak: Option<Bytes>,
    /// CPU time used.
    pub cpu: Option<Duration>,
    /// Periods in which the quota ran out.
    pub throttled_periods: Option<u64>,
    /// Time spent waiting for the next period.
    pub throttled: Option<Duration>,
    /// Processes and threads now, the shim included.
    pub pids: Option<u64>,
    /// The most there were.
    pub pids_peak: Option<u64>,
    /// Bytes read from block devices.
    pub read: Option<Bytes>,
    /// Bytes written to block devices.
    pub written: Option<Bytes>,
}

/// A limit that was met.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LimitKind {
    /// `pids.max` refused a fork or thread.
    PidsRefused,
    /// As many processes as `RLIMIT_NPROC` allows.
    NprocReached,
    /// A charge met `memory.max`.
    MemoryMax,
    /// The kernel killed a process of the cell for memory.
    OomKill,
    /// The CPU quota ran out within a period.
    CpuThrottled,
    /// The deadline passed and everything was killed.
    Deadline,
    /// Output was dropped.
    OutputCut(Stream),
}

impl LimitKind {
    /// The layer whose limit it is.
    pub fn layer(self) -> Layer {
        match self {
            Self::PidsRefused => Layer::Pids,
            Self::NprocReached => Layer::Ulimits,
            Self::MemoryMax | Self::OomKill => Layer::Memory,
            Self::CpuThrottled => Layer::Cpu,
            Self::Deadline => Layer::Timeout,
            Self::OutputCut(_) => Layer::Output,
        }
    }

    /// The words used in text and JSON.
    pub fn what(self) -> &'static str {
        match self {
            Self::PidsRefused => "fork refused",
            Self::NprocReached => "RLIMIT_NPROC reached",
            Self::MemoryMax => "memory maximum hit",
            Self::OomKill => "OOM kill",
            Self::CpuThrottled => "CPU throttled",
            Self::Deadline => "deadline",
            Self::OutputCut(Stream::Stdout) => "stdout cut",
            Self::OutputCut(Stream::Stderr) => "stderr cut",
        }
    }
}

/// A limit and how often it was met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// Which.
    pub kind: LimitKind,
    /// How often so far (bytes dropped, for output).
    pub count: u64,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// By itself, with this code.
    Exited(u8),
    /// By this signal.
    Signaled(i32),
    /// By the deadline.
    TimedOut,
    /// Because the reviewer stopped it.
    Stopped,
    /// The specimen was never started.
    NotStarted(String),
    /// The cell or its engine went away under it.
    CellLost(String),
}

impl Outcome {
    /// hotcell's own exit status: the specimen's, 124, 125, or 128 + N.
    pub fn exit_status(&self) -> u8 {
        match self {
            Self::Exited(code) => *code,
            // Signal numbers end at 64 (signal(7)).
            Self::Signaled(signal) => u8::try_from(128 + signal).unwrap_or(u8::MAX),
            Self::TimedOut => 124,
            Self::Stopped => 130,
            Self::NotStarted(_) | Self::CellLost(_) => 125,
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exited(code) => write!(f, "ended by itself with {code}"),
            Self::Signaled(signal) => write!(f, "killed by signal {signal}"),
            Self::TimedOut => f.write_str("killed by the deadline"),
            Self::Stopped => f.write_str("stopped by the reviewer"),
            Self::NotStarted(reason) => write!(f, "not started: {reason}"),
            Self::CellLost(reason) => write!(f, "cell lost: {reason}"),
        }
    }
}
