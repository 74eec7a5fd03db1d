//! How calls end that the filter lets pass: one thread a run, which reads the kernel's records of calls that failed, and
//! tells of those that a layer refused. The specimen is not held up by it.
//!
//! ```text
//! specimen ──call──► filter ──asked──► listener ─► Attempts ─┐ arguments, line
//!     │                                                      ▼
//!     ├──── kernel's tracepoints ──► Tap ─ errno ──► attribute ─► Denials ─► events
//!     └──── kernel's audit records ──► Audit ─► Pairs ──┘
//! ```
//!
//! A call that the listener was not asked about has its arguments from the registers, and what they lead to is read
//! from the process's memory after the call: the denial says so. A call by the 32-bit door of a kernel that has one is
//! named as if it came by the other: the kernel's record does not tell them apart, and the filter refuses that door.

mod audit;
mod calls;
mod pairs;
mod perf;
mod tapping;

use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rustix::event::{EventfdFlags, PollFd, PollFlags, eventfd, poll};

pub use self::audit::Audit;
use self::calls::{Calls, Ended};
use self::pairs::{Pairs, Unjudged};
use self::perf::{Caller, Tap};
pub use self::tapping::{ANCHOR_SUBCOMMAND, Tapped, Tapping, drop_anchor, serve_anchor};
use super::attempts::{Attempt, Attempts, Seen};
use super::denials::{self, Denials, Numbers, Refused};
use super::ffi::ProcessMemory;
use super::judge::{Gone, Names};
use super::listener::{COUNT_INTERVAL, Teller};
use super::peers;
use super::places::Places;
use super::snapshot::Snapshot;
use super::untold::Untold;
use crate::kernel::cgroup::Meters;
use crate::kernel::procfs::{self, Status};
use crate::run::attribution::{
    Answer, AuditRecord, By, Facts, Failed, Peer, Place, Subject, Use, Want, attribute, is_consistent,
    kept_from_rights, wants,
};
use crate::run::{EventKind, Failure, FailureId, Known, Refusal, Source};
use crate::seccomp::decode::{Call, Memory, RawCall, decode};
use crate::seccomp::{Arch, SeccompData, syscall_number};

/// Failures by no known layer that are kept apart.
const MOST_FAILURES: usize = 64;

/// In a flood, records are let gather for so long.
const GATHERING: Duration = Duration::from_millis(2);

/// What a batch of records has to be for that.
const FLOOD: usize = 64;

/// Why a call that was not asked about has no line.
const NO_LINE: &str = "the call was seen only once it had ended";

/// What is at hand to tell who refused a call.
pub struct Scene {
    /// What is known of the cell.
    pub facts: Facts,
    /// Its files.
    pub places: Option<Places>,
}

impl Scene {
    /// What a call of a process asks for, and whom it wants to speak to.
    pub fn look(
        &self,
        call: &str,
        pid: u32,
        args: &[u64; 6],
        memory: &mut dyn Memory,
    ) -> (Vec<(Want, Option<Place>)>, Peer) {
        let wants = wants(call, args);
        let peer = peers::peer(&wants, args, memory);
        let found = match &self.places {
            Some(places) => places.find(wants, pid, args, memory),
            None => wants.into_iter().map(|want| (want, None)).collect(),
        };
        (found, peer)
    }
}

/// What the thread works with.
pub struct Means {
    /// The kernel's records.
    pub tap: Tapped,
    /// What a security module that confines the cell tells; nothing where none does, or it is not to be read.
    pub audit: Option<Audit>,
    /// What the listener saw.
    pub attempts: Arc<Attempts>,
    /// The cell.
    pub scene: Arc<Scene>,
    /// What its control group counts.
    pub meters: Option<Meters>,
    /// The specimen's first process.
    pub specimen: u32,
    /// Who is told.
    pub teller: Teller,
    /// The run's denials are numbered by it.
    pub numbers: Numbers,
}

/// A thread that watches outcomes.
pub struct Outcomes {
    stop: Arc<OwnedFd>,
    thread: JoinHandle<io::Result<u64>>,
}

impl Outcomes {
    /// Starts watching.
    ///
    /// # Errors
    /// When the system is out of descriptors or threads.
    pub fn start(means: Means) -> io::Result<Self> {
        let stop = Arc::new(eventfd(0, EventfdFlags::CLOEXEC)?);
        let executions = ["execve", "execveat"].into_iter().filter_map(syscall_number).collect();
        let mut worker = Worker {
            denials: Denials::numbered(&means.numbers),
            means,
            stop: Arc::clone(&stop),
            names: Names::default(),
            executions,
            calls: Calls::default(),
            failures: Vec::new(),
            pairs: Pairs::default(),
            untold: Untold::default(),
            forks_counted: 0,
            unheard: 0,
            begun: false,
            over: false,
        };
        worker.forks_counted = worker.forks_refused();
        let thread = std::thread::Builder::new().name("outcomes".to_owned()).spawn(move || worker.work())?;
        Ok(Self { stop, thread })
    }

    /// Ends it once all is told. Call it from a thread that may block.
    ///
    /// # Errors
    /// What made it end early.
    pub fn finish(self) -> io::Result<u64> {
        rustix::io::write(&*self.stop, &1_u64.to_ne_bytes())?;
        self.thread.join().unwrap_or_else(|_| Err(io::Error::other("the outcomes' thread panicked")))
    }
}

struct Worker {
    means: Means,
    stop: Arc<OwnedFd>,
    names: Names,
    /// The numbers of the calls that run programs.
    executions: Vec<i32>,
    /// The kernel's records, call by call.
    calls: Calls,
    denials: Denials,
    failures: Vec<Failure>,
    /// Calls that may have been refused by a security module.
    pairs: Pairs,
    /// Failures that are to be told again.
    untold: Untold,
    /// Forks that the control group refused and that were told.
    forks_counted: u64,
    /// Records of security modules that found no room.
    unheard: u64,
    /// The specimen executes.
    begun: bool,
    /// Nobody is left to be followed.
    over: bool,
}

impl Worker {
    fn work(&mut self) -> io::Result<u64> {
        let result = self.serve();
        let mut open = true;
        while open && !self.is_flushed() {
            let teller = &self.means.teller;
            self.denials.flush(|denial| {
                open &= teller.tell(EventKind::Denial(denial));
                open
            });
            let failures = &self.failures;
            self.untold.flush(|index| {
                open &= teller.tell(EventKind::Failure(failures[index].clone()));
                open
            });
        }
        result.map(|()| self.calls.lost + self.unheard)
    }

    fn serve(&mut self) -> io::Result<()> {
        let mut records = Vec::new();
        let mut told = Instant::now();
        let (mut known, mut stop) = (0, false);
        loop {
            stop |= self.wait(stop)?;
            records.clear();
            if let Some(tap) = &mut self.means.tap.0 {
                tap.drain(&mut records);
            }
            for ended in self.calls.take(&mut records) {
                self.end(&ended);
            }
            self.hear()?;
            if stop && self.pairs.next_due().is_none() {
                return Ok(());
            }
            if records.len() >= FLOOD {
                std::thread::sleep(GATHERING);
            }
            if told.elapsed() >= COUNT_INTERVAL || self.denials.len() > known {
                known = self.denials.len();
                told = Instant::now();
                let teller = &self.means.teller;
                self.denials.flush(|denial| teller.mention(EventKind::Denial(denial)));
                let failures = &self.failures;
                self.untold.flush(|index| teller.mention(EventKind::Failure(failures[index].clone())));
            }
        }
    }

    fn is_flushed(&self) -> bool {
        self.denials.is_flushed() && self.untold.is_empty()
    }

    /// Waits for records, or for a while: some wake nobody. True once it is to end, which it is told once.
    fn wait(&mut self, stop: bool) -> io::Result<bool> {
        let due = self.pairs.next_due().map(|due| due.saturating_duration_since(Instant::now()));
        let longest = (!self.over || stop).then_some(COUNT_INTERVAL);
        let timeout = due.into_iter().chain(longest).min().map(|timeout| rustix::event::Timespec {
            tv_sec: 0,
            tv_nsec: timeout.min(COUNT_INTERVAL).subsec_nanos().into(),
        });
        let mut fds = vec![PollFd::new(&*self.stop, if stop { PollFlags::empty() } else { PollFlags::IN })];
        fds.extend(self.means.audit.iter().map(|audit| PollFd::from_borrowed_fd(audit.fd(), PollFlags::IN)));
        let rings = fds.len();
        // A ring whose processes are gone is always readable, and has nothing more.
        let followed = self.means.tap.0.iter().filter(|_| !self.over).flat_map(Tap::fds);
        fds.extend(followed.map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN)));
        match poll(&mut fds, timeout.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        self.over = fds[rings..].iter().all(|fd| fd.revents().contains(PollFlags::HUP));
        Ok(fds[0].revents().contains(PollFlags::IN))
    }

    /// Takes what security modules told, and judges the calls of which no more will be known.
    fn hear(&mut self) -> io::Result<()> {
        if let Some(audit) = &self.means.audit {
            self.unheard += audit.drain(|record| self.pairs.note(record))?;
        }
        for (call, record) in self.pairs.take(Instant::now()) {
            self.judge(call, record.as_ref());
        }
        Ok(())
    }
}

impl Worker {
    fn end(&mut self, ended: &Ended) {
        let by = &ended.by;
        if ended.ret == 0 {
            self.begun |= by.pid == self.means.specimen;
            self.executed(by);
            return;
        }
        // Until the specimen executes, it is the shim that works in its process.
        if !self.begun {
            return;
        }
        let Some(errno) = ended.ret.checked_neg().and_then(|errno| i32::try_from(errno).ok()) else { return };
        let Some(arch) = Arch::native().audit_token() else { return };
        let data = SeccompData { nr: ended.nr, arch, instruction_pointer: by.instruction, args: by.args };
        let seen = (0..ended.times).find_map(|_| self.means.attempts.take(by.tid, &data, errno));
        let (attempt, known) = match seen {
            Some(Seen::Refused) => return,
            Some(Seen::Passed(attempt)) => (*attempt, Known::Held),
            None => (self.look_after(by, &data, errno), Known::After),
        };
        let call = Unjudged { ended: ended.clone(), attempt, errno, known, boot: boot() };
        match errno {
            libc::EPERM | libc::EACCES if self.means.audit.is_some() => self.pairs.wait(call, Instant::now()),
            _ => self.judge(call, None),
        }
    }

    fn judge(&mut self, call: Unjudged, record: Option<&AuditRecord>) {
        let Unjudged { ended, attempt, errno, known, .. } = call;
        let (by, times) = (&ended.by, ended.times);
        let peer_outside = errno == libc::ECONNREFUSED && peers::is_outside(&attempt.peer);
        let tells = self.means.tap.0.as_ref().is_some_and(Tap::tells_capabilities);
        let failed = Failed {
            subject: Subject { wants: &attempt.wants, peer: &attempt.peer, peer_outside },
            errno,
            lacking: tells.then_some(&*ended.caps),
            fork_counted: errno == libc::EAGAIN && self.counts_fork(times),
            record,
        };
        match attribute(&failed, &self.means.scene.facts) {
            Answer::By(answer) => self.count(by, attempt, answer, (Refusal::Errno(errno), known), times),
            Answer::Unknown(why) => self.fail(attempt.call.name, why, times),
            Answer::NoLayer => {}
        }
    }

    /// The call as it can still be read: its process has gone on since.
    fn look_after(&mut self, by: &Caller, data: &SeccompData, errno: i32) -> Attempt {
        let name = self.names.of(data).map_or_else(|| format!("syscall_{}", data.nr), str::to_owned);
        // What it leads to and what is shown of it are read at once: its process may change it between two readings.
        let mut memory = Snapshot::of(ProcessMemory::of(by.tid));
        let (mut wants, mut peer) = self.means.scene.look(&name, by.pid, &by.args, &mut memory);
        let raw = RawCall { arch: data.arch, nr: data.nr, args: data.args };
        let mut call = decode(&name, &raw, &mut memory);
        if !is_consistent(&wants, errno, &self.means.scene.facts) {
            // The memory has another use by now.
            call = decode(&name, &raw, &mut Gone);
            for (_, place) in &mut wants {
                *place = None;
            }
        }
        let nowhere = matches!(errno, libc::ENETUNREACH | libc::EHOSTUNREACH | libc::EADDRNOTAVAIL);
        if nowhere && peer.address().is_none_or(|address| address.ip().is_loopback()) {
            peer = Peer::Unknown;
        }
        for (want, place) in &mut wants {
            if matches!(want, Want::Open(_, Use::Grow | Use::Code)) && place.is_none() {
                let mount = self.means.attempts.only_written(by.pid);
                *place = mount.map(|mount| Place { mount: Some(mount), ..Place::default() });
            }
        }
        Attempt { call, wants, peer, comm: procfs::comm(by.tid), source: Some(Source::unknown(NO_LINE)) }
    }

    fn count(&mut self, by: &Caller, attempt: Attempt, answer: By, (refusal, known): (Refusal, Known), times: u64) {
        let since = perf::monotonic().saturating_sub(by.at);
        let at = self.means.teller.clock.now().saturating_sub(since);
        let Attempt { call, comm, source, .. } = attempt;
        let comm = if comm.is_empty() { procfs::comm(by.tid) } else { comm };
        let refused = Refused { pid: by.pid, call, refusal, layer: answer.layer };
        let (evidence, behind, registers) = (answer.evidence, answer.behind, by.args);
        let caller = || denials::Caller { comm, source, registers, evidence, behind, known };
        self.denials.count(refused, times, at, caller);
    }

    /// A program was run: perhaps without the rights that its file lends.
    fn executed(&mut self, by: &Caller) {
        let attempt = self.means.attempts.take_last(by.tid, &self.executions);
        let scene = &self.means.scene;
        let Some(program) = scene.places.as_ref().and_then(|places| places.program(by.pid)) else { return };
        let Some(answer) = kept_from_rights(&program, &scene.facts) else { return };
        let ids = Status::read(by.tid).map(|status| status.ids("Uid")).unwrap_or_default();
        if ids.get(1) != Some(&scene.facts.user.outside) {
            return;
        }
        let known = if attempt.is_some() { Known::Held } else { Known::After };
        let attempt = attempt.map_or_else(|| unseen_execution(by, &program), |attempt| *attempt);
        self.count(by, attempt, answer, (Refusal::Rightless, known), 1);
    }

    /// Whether the control group has counted a refused fork that nobody was told of yet.
    fn counts_fork(&mut self, times: u64) -> bool {
        let counted = self.forks_refused() > self.forks_counted;
        self.forks_counted += if counted { times } else { 0 };
        counted
    }

    fn forks_refused(&self) -> u64 {
        self.means.meters.as_ref().map_or(0, |meters| meters.read().1.pids)
    }

    fn fail(&mut self, syscall: String, known: String, times: u64) {
        let same = |failure: &Failure| failure.syscall == syscall && failure.known == known;
        let index = self.failures.iter().position(same).unwrap_or_else(|| {
            if self.failures.len() < MOST_FAILURES {
                let id = FailureId(u32::try_from(self.failures.len()).unwrap_or(u32::MAX));
                self.failures.push(Failure { id, syscall, known, count: 0 });
            }
            // The last counts all that are beyond.
            self.failures.len() - 1
        });
        self.failures[index].count += times;
        self.untold.mark(index);
    }
}

/// A program that was run without being asked about.
fn unseen_execution(by: &Caller, program: &Place) -> Attempt {
    Attempt {
        call: Call { name: "execve".to_owned(), args: vec![format!("\"{}\"", program.path)] },
        wants: Vec::new(),
        peer: Peer::Unknown,
        comm: procfs::comm(by.tid),
        source: Some(Source::unknown(NO_LINE)),
    }
}

/// What `CLOCK_MONOTONIC` is counted from, since the epoch.
fn boot() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().saturating_sub(perf::monotonic())
}
