//! The seccomp listener: one thread a run, which sees every call the
//! specimen's filter refuses, answers it as the profile says, or as the
//! reviewer does where it is to be held, and only then tells of it.

use std::collections::{HashMap, HashSet};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::event::{EventfdFlags, PollFd, PollFlags, eventfd, poll};
use tokio::sync::{Notify, mpsc, watch};

use super::attempts::{Attempt, Attempts, Seen};
use super::breaks::{Breaks, Held, Obeyed, Order};
use super::clock::Clock;
use super::denials::{Caller, Denials, Numbers, Refused, is_due};
use super::ffi::{Notification, NotifyFd, ProcessMemory};
use super::judge::{Judge, Names};
use super::outcomes::Scene;
use super::peers;
use super::stacks::Stacks;
use super::watching::{Notified, Watching};
use crate::kernel::procfs::{self, Status};
use crate::policy::Layer;
use crate::run::attribution::{By, Subject, asked_about, behind_the_filter, expected};
use crate::run::{EventKind, HeldCall, Known, Process, Refusal, RunEvent, Settled, Verdict};
use crate::seccomp::decode::Call;
use crate::seccomp::{Program, SeccompData, syscall_number};

/// How long a raised count may wait before it is told.
pub(super) const COUNT_INTERVAL: Duration = Duration::from_millis(50);

/// How long calls are still answered once the cell has been ended.
const LAST_CALLS: Duration = Duration::from_secs(1);

/// Processes that are told of as a caller's ancestors, itself among them.
const MOST_ANCESTORS: usize = 8;

/// Threads whose process is remembered; a flood of new ones starts over.
const MOST_THREADS: usize = 1024;

/// What a listener works with.
pub struct Means {
    /// The policy's own program, not the supervised one.
    pub profile: Program,
    /// What is written down beside refusals.
    pub watching: Watching,
    /// The run's clock.
    pub clock: Clock,
    /// Who is told.
    pub events: mpsc::Sender<RunEvent>,
    /// Notified where a call must kill and this user may not.
    pub kill_cell: Arc<Notify>,
    /// Tells the line of each call.
    pub stacks: Stacks,
    /// The reviewer's orders.
    pub orders: Obeyed,
    /// Told how many calls are held.
    pub held: watch::Sender<usize>,
    /// The cell, for what other layers may refuse.
    pub scene: Arc<Scene>,
    /// Told of calls before they are answered.
    pub attempts: Arc<Attempts>,
    /// How they end is seen.
    pub outcomes: bool,
    /// The run's denials are numbered by it.
    pub numbers: Numbers,
}

/// A listening thread.
pub struct Listener {
    stop: Arc<OwnedFd>,
    thread: JoinHandle<io::Result<()>>,
}

impl Listener {
    /// Starts answering on `fd`.
    ///
    /// # Errors
    /// When the system is out of descriptors or threads.
    pub fn start(fd: OwnedFd, means: Means) -> io::Result<Self> {
        let stop = Arc::new(eventfd(0, EventfdFlags::CLOEXEC)?);
        let Means { profile, watching, clock, events, kill_cell, stacks, orders, held, .. } = means;
        let asked = asked_about().into_iter().filter_map(|(call, _)| syscall_number(call)).collect();
        let mut worker = Worker {
            notify: NotifyFd::new(fd),
            stop: Arc::clone(&stop),
            orders,
            judge: Judge::new(profile),
            teller: Teller { clock, events },
            kill_cell,
            stacks,
            denials: Denials::numbered(&means.numbers),
            scene: means.scene,
            attempts: means.attempts,
            outcomes: means.outcomes,
            asked,
            read: HashMap::new(),
            breaks: Breaks::new(held),
            unheld: 0,
            names: Names::default(),
            watching,
            processes: HashMap::new(),
        };
        let thread = std::thread::Builder::new().name("listener".to_owned()).spawn(move || worker.work())?;
        Ok(Self { stop, thread })
    }

    /// Ends it and waits until every denial is told. Call it from a thread that may block.
    ///
    /// # Errors
    /// What made the listener end early: from then on calls failed with ENOSYS, unseen.
    pub fn finish(self) -> io::Result<()> {
        rustix::io::write(&*self.stop, &1_u64.to_ne_bytes())?;
        self.thread.join().unwrap_or_else(|_| Err(io::Error::other("the listener thread panicked")))
    }
}

struct Worker {
    notify: NotifyFd,
    stop: Arc<OwnedFd>,
    orders: Obeyed,
    judge: Judge,
    teller: Teller,
    kill_cell: Arc<Notify>,
    stacks: Stacks,
    denials: Denials,
    breaks: Breaks,
    /// Calls that were to be held and were not.
    unheld: u64,
    names: Names,
    watching: Watching,
    /// Process by thread.
    processes: HashMap<u32, u32>,
    scene: Arc<Scene>,
    attempts: Arc<Attempts>,
    outcomes: bool,
    /// The numbers of calls that other layers may refuse.
    asked: HashSet<i32>,
    /// When the line of such a call was read last, and how often, by process and place.
    read: HashMap<(u32, u64), (Duration, u32)>,
}

impl Worker {
    fn work(&mut self) -> io::Result<()> {
        let result = self.serve();
        let mut closed = false;
        while !self.is_flushed() && !closed {
            let teller = &self.teller;
            let mut tell = |kind| {
                closed = !teller.tell(kind);
                !closed
            };
            self.denials.flush(|denial| tell(EventKind::Denial(denial)));
            self.watching.flush(tell);
        }
        result
    }

    fn serve(&mut self) -> io::Result<()> {
        let mut told = Instant::now();
        let mut leaving: Option<Instant> = None;
        loop {
            let wake = self.wait(leaving.is_some())?;
            if wake.stop {
                leaving = Some(Instant::now());
            }
            // Whatever still calls after the cell's end finds no listener: the kernel then answers ENOSYS.
            if wake.over || leaving.is_some_and(|since| since.elapsed() > LAST_CALLS) {
                return Ok(());
            }
            if wake.order {
                for order in self.orders.take() {
                    self.obey(order)?;
                }
            }
            if wake.call
                && let Some(notification) = self.notify.receive()?
            {
                let new = self.take(&notification)?;
                if !new && told.elapsed() < COUNT_INTERVAL {
                    continue;
                }
            }
            told = Instant::now();
            self.drop_gone();
            self.denials.flush(|denial| self.teller.mention(EventKind::Denial(denial)));
            self.watching.flush(|kind| self.teller.mention(kind));
        }
    }

    /// Whether nothing waits to be told.
    fn is_flushed(&self) -> bool {
        self.denials.is_flushed() && self.watching.is_flushed()
    }

    fn wait(&self, leaving: bool) -> io::Result<Wake> {
        let timeout = rustix::event::Timespec { tv_sec: 0, tv_nsec: COUNT_INTERVAL.subsec_nanos().into() };
        let timeout = (leaving || !self.is_flushed() || !self.breaks.is_empty()).then_some(&timeout);
        let watch = |fd| PollFd::from_borrowed_fd(fd, PollFlags::IN);
        let orders = self.orders.fd().unwrap_or(self.notify.as_fd());
        // Once it is to leave, that stays readable.
        let stop = if leaving { self.notify.as_fd() } else { self.stop.as_fd() };
        let mut fds = [watch(self.notify.as_fd()), watch(orders), watch(stop)];
        match poll(&mut fds, timeout) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let readable = |at: usize| fds[at].revents().contains(PollFlags::IN);
        let call = readable(0);
        Ok(Wake {
            call,
            // No process is left under the filter.
            over: !call && fds[0].revents().contains(PollFlags::HUP),
            order: self.orders.fd().is_some() && readable(1),
            stop: !leaving && readable(2),
        })
    }

    /// Answers the call, or holds it. True where there is something new to tell.
    fn take(&mut self, notification: &Notification) -> io::Result<bool> {
        let (pid, at) = (self.process(notification.tid), self.teller.clock.now());
        let (notify, names, stacks) = (&self.notify, &mut self.names, &mut self.stacks);
        let seen = self.watching.see(Notified { notify, notification, names, stacks, pid, at });
        let Some(refusal) = self.judge.refusal(&notification.data) else {
            let told = self.note_attempt(notification, pid, at);
            self.notify.let_pass(notification)?;
            return Ok(seen || told);
        };
        let call = self.names.decode(&self.notify, notification);
        if self.breaks.points.may_hold(&call.name) {
            return self.hold(notification, pid, call, refusal, at);
        }
        let (tid, instruction) = (notification.tid, notification.data.instruction_pointer);
        let (stacks, before) = (&mut self.stacks, self.denials.len());
        // A name, and a line, are only to be had while the caller stands still.
        let (scene, data) = (&self.scene, &notification.data);
        let name = call.name.clone();
        let ask = || Caller {
            comm: procfs::comm(tid),
            source: Some(stacks.source(pid, tid, instruction)),
            ..by_filter(scene, &name, pid, tid, data)
        };
        self.denials.count(Refused { pid, call, refusal, layer: Layer::Seccomp }, 1, at, ask);
        self.answer(notification, refusal)?;
        Ok(seen || self.denials.len() > before)
    }

    fn answer(&self, notification: &Notification, refusal: Refusal) -> io::Result<()> {
        match refusal {
            Refusal::Errno(errno) => self.notify.refuse(notification, errno),
            // No profile answers as the last two say; whatever is not let pass is ended.
            Refusal::Kill | Refusal::Rightless | Refusal::Unseen => self.kill(notification),
        }
    }

    /// Looks at a call that is about to go on and that another layer may refuse. True where there is something to tell.
    fn note_attempt(&mut self, notification: &Notification, pid: u32, at: Duration) -> bool {
        let (tid, data) = (notification.tid, notification.data);
        if !self.asked.contains(&data.nr) {
            return false;
        }
        let call = self.names.decode(&self.notify, notification);
        let (wants, peer) = self.scene.look(&call.name, pid, &data.args, &mut ProcessMemory::of(tid));
        let subject = Subject { wants: &wants, peer: &peer, peer_outside: false };
        let expected = expected(&subject, &self.scene.facts);
        let due = expected.is_some() && self.is_due(pid, data.instruction_pointer, at);
        let source = due.then(|| self.stacks.source(pid, tid, data.instruction_pointer));
        // Reading it costs as much as the call: for one that is to go on, it is read if it fails.
        let comm = expected.as_ref().map_or_else(String::new, |_| procfs::comm(tid));
        match expected {
            Some(By { layer, evidence, behind }) if !self.outcomes => {
                let refused = Refused { pid, call, refusal: Refusal::Unseen, layer };
                let registers = data.args;
                let known = Known::Attempt;
                let before = self.denials.len();
                self.denials.count(refused, 1, at, || Caller { comm, source, registers, evidence, behind, known });
                self.denials.len() > before
            }
            _ if self.outcomes => {
                let attempt = Attempt { call, wants, peer, comm, source };
                self.attempts.note_written(pid, &attempt.wants);
                self.attempts.note(tid, data, Seen::Passed(Box::new(attempt)));
                false
            }
            _ => false,
        }
    }

    /// Whether to look up the line of a call that goes on: as for denials, reading costs more than the call.
    fn is_due(&mut self, pid: u32, instruction: u64, at: Duration) -> bool {
        if self.read.len() >= MOST_THREADS {
            self.read.clear();
        }
        let (last, times) = self.read.entry((pid, instruction)).or_insert((Duration::ZERO, 0));
        let due = is_due(*times, at.saturating_sub(*last));
        if due {
            (*last, *times) = (at, *times + 1);
        }
        due
    }

    /// Holds the call for the reviewer, where it comes from a line that is to be held and there is room.
    fn hold(
        &mut self,
        notification: &Notification,
        pid: u32,
        call: Call,
        refusal: Refusal,
        at: Duration,
    ) -> io::Result<bool> {
        let source = self.stacks.source(pid, notification.tid, notification.data.instruction_pointer);
        let wanted = self.breaks.points.hold_from(source.specimen_line());
        if !wanted || !self.breaks.has_room() {
            self.unheld += u64::from(wanted);
            if wanted {
                self.teller.mention(EventKind::Unheld { count: self.unheld });
            }
            let comm = procfs::comm(notification.tid);
            let facts = by_filter(&self.scene, &call.name, pid, notification.tid, &notification.data);
            let refused = Refused { pid, call, refusal, layer: Layer::Seccomp };
            self.denials.count(refused, 1, at, || Caller { comm, source: Some(source), ..facts });
            self.answer(notification, refusal)?;
            return Ok(true);
        }
        let told = HeldCall {
            id: self.breaks.next_id(),
            syscall: call.name.clone(),
            args: call.args.clone(),
            registers: notification.data.args,
            refusal,
            processes: ancestors(pid),
            source,
        };
        self.teller.tell(EventKind::Break(Box::new(told.clone())));
        self.breaks.hold(Held { notification: *notification, pid, call, at, told });
        Ok(true)
    }

    fn obey(&mut self, order: Order) -> io::Result<()> {
        match order {
            Order::Break(points) => {
                // What would not be held any more is answered as if it never had been.
                let stays = |held: &Held| {
                    points.may_hold(&held.call.name) && points.hold_from(held.told.source.specimen_line())
                };
                let freed = self.breaks.take(|held| !stays(held));
                self.breaks.points = points;
                freed.into_iter().try_for_each(|held| self.settle(held, Verdict::Deny))
            }
            Order::Answer(id, verdict) => {
                let answered = self.breaks.take(|held| held.told.id == id);
                answered.into_iter().try_for_each(|held| self.settle(held, verdict))
            }
            Order::Judge(profile) => {
                self.judge = Judge::new((*profile).clone());
                self.attempts.judge_by((*profile).clone());
                let judge = &mut self.judge;
                let allowed = self.breaks.take(|held| judge.refusal(&held.notification.data).is_none());
                allowed.into_iter().try_for_each(|held| self.settle(held, Verdict::Allow))
            }
        }
    }

    /// Answers a held call as the reviewer says.
    fn settle(&mut self, held: Held, verdict: Verdict) -> io::Result<()> {
        let Held { notification, pid, call, at, told } = held;
        let refusal = match verdict {
            Verdict::Deny => told.refusal,
            Verdict::DenyWith(errno) => Refusal::Errno(errno),
            Verdict::Kill => Refusal::Kill,
            Verdict::Allow => {
                self.note_attempt(&notification, pid, at);
                self.notify.let_pass(&notification)?;
                self.teller.tell(EventKind::Settled { id: told.id, how: Settled::Allowed });
                return Ok(());
            }
        };
        let comm = told.processes.first().map_or_else(String::new, |process| process.comm.clone());
        let facts = by_filter(&self.scene, &call.name, pid, notification.tid, &notification.data);
        let refused = Refused { pid, call, refusal, layer: Layer::Seccomp };
        self.denials.count(refused, 1, at, || Caller { comm, source: Some(told.source), ..facts });
        if self.outcomes {
            // The reviewer's word, which need not be the profile's.
            self.attempts.note(notification.tid, notification.data, Seen::Refused);
        }
        self.answer(&notification, refusal)?;
        self.teller.tell(EventKind::Settled { id: told.id, how: Settled::Refused(refusal) });
        Ok(())
    }

    /// Forgets held calls whose process is gone, or left the call.
    fn drop_gone(&mut self) {
        if self.breaks.is_empty() {
            return;
        }
        let notify = &self.notify;
        for gone in self.breaks.take(|held| !notify.still_held(&held.notification)) {
            self.teller.tell(EventKind::Settled { id: gone.told.id, how: Settled::Gone });
        }
    }

    /// Without the right to kill the caller, the whole cell is killed in its stead.
    fn kill(&self, notification: &Notification) -> io::Result<()> {
        let caller = i32::try_from(notification.tid).ok().and_then(rustix::process::Pid::from_raw);
        let killed = caller.map(|pid| rustix::process::kill_process(pid, rustix::process::Signal::KILL));
        if !matches!(killed, Some(Ok(()) | Err(rustix::io::Errno::SRCH))) {
            self.kill_cell.notify_one();
        }
        self.notify.refuse(notification, libc::ENOSYS)
    }

    fn process(&mut self, tid: u32) -> u32 {
        if self.processes.len() >= MOST_THREADS {
            self.processes.clear();
        }
        *self.processes.entry(tid).or_insert_with(|| procfs::process_of_thread(tid).unwrap_or(tid))
    }
}

/// What is said of a call that the filter refuses, but for who made it and where.
fn by_filter(scene: &Scene, call: &str, pid: u32, tid: u32, data: &SeccompData) -> Caller {
    let (wants, peer) = scene.look(call, pid, &data.args, &mut ProcessMemory::of(tid));
    let subject = Subject { wants: &wants, peer: &peer, peer_outside: peers::is_outside(&peer) };
    Caller {
        comm: String::new(),
        source: None,
        registers: data.args,
        evidence: format!("the listener was asked about the call, and answered as the profile says{}", peer.purpose()),
        behind: behind_the_filter(&subject, &scene.facts),
        known: Known::Held,
    }
}

/// Tells the run's events.
pub(super) struct Teller {
    pub clock: Clock,
    pub events: mpsc::Sender<RunEvent>,
}

impl Teller {
    /// Tells something that must not be lost; false where nobody listens.
    pub fn tell(&self, kind: EventKind) -> bool {
        self.events.blocking_send(RunEvent { at: self.clock.now(), kind }).is_ok()
    }

    /// Tells something that can be told again, where there is room.
    pub fn mention(&self, kind: EventKind) -> bool {
        self.events.try_send(RunEvent { at: self.clock.now(), kind }).is_ok()
    }
}

/// Processes from one up to the first of its pid namespace, or as many as are told.
fn ancestors(pid: u32) -> Vec<Process> {
    let mut all = Vec::new();
    let mut next = Some(pid);
    while let Some(pid) = next.filter(|_| all.len() < MOST_ANCESTORS) {
        all.push(Process { pid, comm: procfs::comm(pid) });
        let status = Status::read(pid).ok();
        let first = status.as_ref().and_then(Status::innermost_pid) == Some(1);
        next = status.filter(|_| !first).and_then(|status| status.number("PPid")).filter(|parent| *parent > 0);
    }
    all
}

/// What woke the listener; nothing where the time did.
#[allow(clippy::struct_excessive_bools, reason = "one answer per thing that is waited for")]
struct Wake {
    call: bool,
    over: bool,
    order: bool,
    stop: bool,
}
