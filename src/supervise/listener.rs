//! The seccomp listener: one thread a run, which sees every call the
//! specimen's filter refuses, answers it as the profile says, or as the
//! reviewer does where it is to be held, and only then tells of it.

use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::event::{EventfdFlags, PollFd, PollFlags, eventfd, poll};
use tokio::sync::{Notify, mpsc, watch};

use super::breaks::{Breaks, Held, Obeyed, Order};
use super::clock::Clock;
use super::denials::{Caller, Denials};
use super::ffi::{Notification, NotifyFd};
use super::judge::{Judge, Names};
use super::stacks::Stacks;
use super::watching::{Scene, Watching};
use crate::kernel::procfs::{self, Status};
use crate::run::{EventKind, HeldCall, Process, Refusal, RunEvent, Settled, Verdict};
use crate::seccomp::Program;
use crate::seccomp::decode::Call;

/// How long a raised count may wait before it is told.
const COUNT_INTERVAL: Duration = Duration::from_millis(50);

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
        let Means { profile, watching, clock, events, kill_cell, stacks, orders, held } = means;
        let mut worker = Worker {
            notify: NotifyFd::new(fd),
            stop: Arc::clone(&stop),
            orders,
            judge: Judge::new(profile),
            teller: Teller { clock, events },
            kill_cell,
            stacks,
            denials: Denials::default(),
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
        let seen = self.watching.see(Scene { notify, notification, names, stacks, pid, at });
        let Some(refusal) = self.judge.refusal(&notification.data) else {
            self.notify.let_pass(notification)?;
            return Ok(seen);
        };
        let call = self.names.decode(&self.notify, notification);
        if self.breaks.points.may_hold(&call.name) {
            return self.hold(notification, pid, call, refusal, at);
        }
        let (tid, instruction) = (notification.tid, notification.data.instruction_pointer);
        let (stacks, before) = (&mut self.stacks, self.denials.len());
        // A name, and a line, are only to be had while the caller stands still.
        let registers = notification.data.args;
        let ask = || Caller { comm: procfs::comm(tid), source: stacks.source(pid, tid, instruction), registers };
        self.denials.count(pid, call, refusal, at, ask);
        self.answer(notification, refusal)?;
        Ok(seen || self.denials.len() > before)
    }

    fn answer(&self, notification: &Notification, refusal: Refusal) -> io::Result<()> {
        match refusal {
            Refusal::Errno(errno) => self.notify.refuse(notification, errno),
            Refusal::Kill => self.kill(notification),
        }
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
            let registers = notification.data.args;
            self.denials.count(pid, call, refusal, at, || Caller { comm, source, registers });
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
                self.notify.let_pass(&notification)?;
                self.teller.tell(EventKind::Settled { id: told.id, how: Settled::Allowed });
                return Ok(());
            }
        };
        let comm = told.processes.first().map_or_else(String::new, |process| process.comm.clone());
        let registers = told.registers;
        self.denials.count(pid, call, refusal, at, || Caller { comm, source: told.source, registers });
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

/// Tells the run's events.
struct Teller {
    clock: Clock,
    events: mpsc::Sender<RunEvent>,
}

impl Teller {
    /// Tells something that must not be lost; false where nobody listens.
    fn tell(&self, kind: EventKind) -> bool {
        self.events.blocking_send(RunEvent { at: self.clock.now(), kind }).is_ok()
    }

    /// Tells something that can be told again, where there is room.
    fn mention(&self, kind: EventKind) -> bool {
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
