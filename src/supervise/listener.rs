//! The seccomp listener: one thread a run, which sees every call the
//! specimen's filter refuses, answers it as the profile says, and only then
//! tells of it.

use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::event::{EventfdFlags, PollFd, PollFlags, eventfd, poll};
use tokio::sync::mpsc;

use super::clock::Clock;
use super::denials::Denials;
use super::ffi::{Notification, NotifyFd, ProcessMemory};
use super::procfs;
use crate::run::{EventKind, Refusal, RunEvent};
use crate::seccomp::decode::{Call, RawCall, decode};
use crate::seccomp::{Action, Program, SeccompData, syscall_name};

/// How long a raised count may wait before it is told.
const COUNT_INTERVAL: Duration = Duration::from_millis(50);

/// Threads whose process is remembered; a flood of new ones starts over.
const MOST_THREADS: usize = 1024;

/// A listening thread.
pub struct Listener {
    stop: Arc<OwnedFd>,
    thread: JoinHandle<io::Result<()>>,
}

impl Listener {
    /// Starts answering on `fd` as `profile` (the policy's own program, not the supervised one) says.
    ///
    /// # Errors
    /// When the system is out of descriptors or threads.
    pub fn start(fd: OwnedFd, profile: Program, clock: Clock, events: mpsc::Sender<RunEvent>) -> io::Result<Self> {
        let stop = Arc::new(eventfd(0, EventfdFlags::CLOEXEC)?);
        let mut worker = Worker {
            notify: NotifyFd::new(fd),
            stop: Arc::clone(&stop),
            profile,
            clock,
            events,
            denials: Denials::default(),
            names: HashMap::new(),
            processes: HashMap::new(),
            last: None,
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
    profile: Program,
    clock: Clock,
    events: mpsc::Sender<RunEvent>,
    denials: Denials,
    /// Call names by architecture and number.
    names: HashMap<(u32, i32), String>,
    /// Process by thread.
    processes: HashMap<u32, u32>,
    /// The call judged last: a flood is one call again and again, and a profile has hundreds of instructions.
    last: Option<(SeccompData, Option<Refusal>)>,
}

impl Worker {
    fn work(&mut self) -> io::Result<()> {
        let result = self.serve();
        let mut closed = false;
        while !self.denials.is_flushed() && !closed {
            let (clock, events) = (&self.clock, &self.events);
            self.denials.flush(|denial| {
                let event = RunEvent { at: clock.now(), kind: EventKind::Denial(denial) };
                closed = events.blocking_send(event).is_err();
                !closed
            });
        }
        result
    }

    fn serve(&mut self) -> io::Result<()> {
        let mut told = Instant::now();
        loop {
            let waiting = !self.denials.is_flushed();
            match self.wait(waiting.then_some(COUNT_INTERVAL))? {
                Wake::Stop => return Ok(()),
                Wake::Time => {}
                Wake::Call => {
                    if let Some(notification) = self.notify.receive()? {
                        let new = self.answer(&notification)?;
                        if !new && told.elapsed() < COUNT_INTERVAL {
                            continue;
                        }
                    }
                }
            }
            told = Instant::now();
            self.tell();
        }
    }

    fn wait(&self, timeout: Option<Duration>) -> io::Result<Wake> {
        let timeout = timeout.map(|time| rustix::event::Timespec { tv_sec: 0, tv_nsec: time.subsec_nanos().into() });
        let mut fds = [
            PollFd::from_borrowed_fd(self.notify.as_fd(), PollFlags::IN),
            PollFd::from_borrowed_fd(self.stop.as_fd(), PollFlags::IN),
        ];
        match poll(&mut fds, timeout.as_ref()) {
            Ok(0) | Err(rustix::io::Errno::INTR) => Ok(Wake::Time),
            Err(error) => Err(error.into()),
            Ok(_) if fds[0].revents().contains(PollFlags::IN) => Ok(Wake::Call),
            // No process is left under the filter (POLLHUP), or the run is over.
            Ok(_) => Ok(Wake::Stop),
        }
    }

    /// Answers first, counts after. True where the denial is a new one.
    fn answer(&mut self, notification: &Notification) -> io::Result<bool> {
        let call = self.decode(notification);
        if !self.notify.still_held(notification) {
            return Ok(false);
        }
        let Some(refusal) = self.refusal(&notification.data) else {
            self.notify.let_pass(notification)?;
            return Ok(false);
        };
        let pid = self.process(notification.tid);
        let before = self.denials.len();
        let at = self.clock.now();
        // A name is only to be had while the caller stands still.
        self.denials.count(pid, call, refusal, at, || procfs::comm(notification.tid));
        match refusal {
            Refusal::Errno(errno) => self.notify.refuse(notification, errno)?,
            Refusal::Kill => self.signal_and_refuse(notification, rustix::process::Signal::KILL)?,
            Refusal::Trap => self.signal_and_refuse(notification, rustix::process::Signal::SYS)?,
        }
        Ok(self.denials.len() > before)
    }

    /// What the profile says to this call; `None` where it allows it.
    fn refusal(&mut self, data: &SeccompData) -> Option<Refusal> {
        if let Some((last, refusal)) = &self.last
            && last == data
        {
            return *refusal;
        }
        let refusal = judge(&self.profile, data);
        self.last = Some((*data, refusal));
        refusal
    }

    fn signal_and_refuse(&self, notification: &Notification, signal: rustix::process::Signal) -> io::Result<()> {
        if let Some(pid) = i32::try_from(notification.tid).ok().and_then(rustix::process::Pid::from_raw) {
            // The caller is held, so the number is its own; its death in between is no error.
            let _ = rustix::process::kill_process(pid, signal);
        }
        self.notify.refuse(notification, libc::ENOSYS)
    }

    fn decode(&mut self, notification: &Notification) -> Call {
        let data = &notification.data;
        let name = self
            .names
            .entry((data.arch, data.nr))
            .or_insert_with(|| syscall_name(data.arch, data.nr).unwrap_or_else(|| format!("syscall_{}", data.nr)));
        let raw = RawCall { arch: data.arch, nr: data.nr, args: data.args };
        decode(name, &raw, &mut ProcessMemory::of(notification.tid))
    }

    fn process(&mut self, tid: u32) -> u32 {
        if self.processes.len() >= MOST_THREADS {
            self.processes.clear();
        }
        *self.processes.entry(tid).or_insert_with(|| procfs::process_of_thread(tid).unwrap_or(tid))
    }

    /// Tells what changed, as far as the channel has room; the rest waits.
    fn tell(&mut self) {
        let (clock, events) = (&self.clock, &self.events);
        self.denials
            .flush(|denial| events.try_send(RunEvent { at: clock.now(), kind: EventKind::Denial(denial) }).is_ok());
    }
}

fn judge(profile: &Program, data: &SeccompData) -> Option<Refusal> {
    match profile.evaluate(data) {
        Ok(Action::Allow | Action::Log) => None,
        Ok(Action::Errno(errno)) => Some(Refusal::Errno(i32::from(errno))),
        Ok(Action::KillProcess | Action::KillThread) => Some(Refusal::Kill),
        Ok(Action::Trap) => Some(Refusal::Trap),
        // A profile of ours never asks for these; whatever it is, it is not "allow".
        Ok(Action::Notify | Action::Trace(_)) | Err(_) => Some(Refusal::Errno(libc::EPERM)),
    }
}

enum Wake {
    Call,
    Stop,
    Time,
}
