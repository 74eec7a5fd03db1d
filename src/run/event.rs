//! The events of a run.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::held::{HeldCall, HeldId, Settled};
use super::refusal::Refusal;
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
    /// A call failed, and no layer is known to have refused it; repeats as of denials.
    Failure(Failure),
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
    /// Whether it can be seen how calls end that the filter lets pass, and so what the other layers refuse.
    pub outcomes: Observation,
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

/// How a refused call is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Known {
    /// The caller stood in it while its arguments were read, and what became of it was seen.
    Held,
    /// What became of it was seen; what its pointers lead to was read after it, and may have changed by then.
    After,
    /// The caller stood in it while its arguments were read; what became of it was not seen.
    Attempt,
}

impl Known {
    /// The name used in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::After => "after",
            Self::Attempt => "attempt",
        }
    }
}

/// A call that failed, and of which no layer is known to have refused it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Its identity among the failures of the run.
    pub id: FailureId,
    /// The call's name.
    pub syscall: String,
    /// What is known of who refused it, its errno first; safe to show.
    pub known: String,
    /// How often so far.
    pub count: u64,
}

/// Tells one failure from the others of its run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FailureId(pub u32);

/// A refused call; repeats of the same call with the same arguments by the same process from the same line are one
/// denial.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denial {
    /// Its identity within the run.
    pub id: DenialId,
    /// The layer that refused.
    pub layer: Layer,
    /// On what it rests that it did, in words that are safe to show.
    pub evidence: String,
    /// The layers that would each have refused it too, as the cell stands.
    pub behind: Vec<Layer>,
    /// How the call and its end are known.
    pub known: Known,
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
    /// For a second a disk was used as fast as is allowed.
    DiskRate,
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
            Self::DiskRate => Layer::Io,
            Self::Deadline => Layer::Timeout,
            Self::OutputCut(_) => Layer::Output,
        }
    }

    /// Something was refused, cut or ended, and not only slowed down or near it.
    pub fn is_deed(self) -> bool {
        !matches!(self, Self::CpuThrottled | Self::DiskRate | Self::MemoryMax | Self::NprocReached)
    }

    /// On what it rests that the layer's limit was met.
    pub fn evidence(self) -> &'static str {
        match self {
            Self::PidsRefused => "pids.events: the control group counted a fork that it refused",
            Self::NprocReached => "pids.peak: there were as many processes as RLIMIT_NPROC allows",
            Self::MemoryMax => "memory.events: a charge met the control group's maximum",
            Self::OomKill => "memory.events: the kernel killed a process of the control group",
            Self::CpuThrottled => "cpu.stat: the quota of a period was used up",
            Self::DiskRate => "io.stat: in a second nine tenths of what the rate allows, or more, were read or written",
            Self::Deadline => "SIGKILL by the shim, or by the engine for hotcell, at the deadline",
            Self::OutputCut(_) => "hotcell read more than it keeps",
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
            Self::DiskRate => "disk rate reached",
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
    /// When that was so: what is read behind the run's end was so at its end. An event of it may be told later.
    pub at: Duration,
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
