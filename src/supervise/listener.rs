//! The seccomp listener: one thread a run, which sees every call the
//! specimen's filter refuses, answers it as the profile says, and only then
//! tells of it.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::event::{EventfdFlags, PollFd, PollFlags, eventfd, poll};
use tokio::sync::{Notify, mpsc};

use super::clock::Clock;
use super::denials::Denials;
use super::ffi::{Notification, NotifyFd, ProcessMemory};
use crate::kernel::procfs;
use crate::run::{EventKind, Refusal, RunEvent};
use crate::seccomp::decode::{Call, Memory, RawCall, decode};
use crate::seccomp::{Action, Program, SeccompData, syscall_name};

/// How long a raised count may wait before it is told.
const COUNT_INTERVAL: Duration = Duration::from_millis(50);

/// How long calls are still answered once the cell has been ended.
const LAST_CALLS: Duration = Duration::from_secs(1);

/// Threads whose process is remembered; a flood of new ones starts over.
const MOST_THREADS: usize = 1024;

/// A listening thread.
pub struct Listener {
    stop: Arc<OwnedFd>,
    thread: JoinHandle<io::Result<()>>,
}

impl Listener {
    /// Starts answering on `fd` as `profile` (the policy's own program, not the supervised one) says. `kill_cell` is
    /// notified where a call must kill and this user may not.
    ///
    /// # Errors
    /// When the system is out of descriptors or threads.
    pub fn start(
        fd: OwnedFd,
        profile: Program,
        clock: Clock,
        events: mpsc::Sender<RunEvent>,
        kill_cell: Arc<Notify>,
    ) -> io::Result<Self> {
        let stop = Arc::new(eventfd(0, EventfdFlags::CLOEXEC)?);
        let mut worker = Worker {
            notify: NotifyFd::new(fd),
            stop: Arc::clone(&stop),
            profile,
            clock,
            events,
            kill_cell,
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
    kill_cell: Arc<Notify>,
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
            if wake.call
                && let Some(notification) = self.notify.receive()?
            {
                let new = self.answer(&notification)?;
                if !new && told.elapsed() < COUNT_INTERVAL {
                    continue;
                }
            }
            told = Instant::now();
            self.tell();
        }
    }

    fn wait(&self, leaving: bool) -> io::Result<Wake> {
        let timeout = rustix::event::Timespec { tv_sec: 0, tv_nsec: COUNT_INTERVAL.subsec_nanos().into() };
        let timeout = (leaving || !self.denials.is_flushed()).then_some(&timeout);
        let mut fds = [
            PollFd::from_borrowed_fd(self.notify.as_fd(), PollFlags::IN),
            PollFd::from_borrowed_fd(self.stop.as_fd(), PollFlags::IN),
        ];
        let watched = if leaving { 1 } else { 2 };
        match poll(&mut fds[..watched], timeout) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let call = fds[0].revents().contains(PollFlags::IN);
        Ok(Wake {
            call,
            // No process is left under the filter.
            over: !call && fds[0].revents().contains(PollFlags::HUP),
            stop: fds[1].revents().contains(PollFlags::IN),
        })
    }

    /// Counts the call and answers it. True where the denial is a new one.
    fn answer(&mut self, notification: &Notification) -> io::Result<bool> {
        let call = self.decode(notification, &mut ProcessMemory::of(notification.tid));
        // A caller that died or was interrupted has tried all the same; only its memory is no longer to be trusted.
        let call = if self.notify.still_held(notification) { call } else { self.decode(notification, &mut Gone) };
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
            Refusal::Kill => self.kill(notification)?,
        }
        Ok(self.denials.len() > before)
    }

    /// [`judge`], remembered for one call.
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

    /// Without the right to kill the caller, the whole cell is killed in its stead.
    fn kill(&self, notification: &Notification) -> io::Result<()> {
        let caller = i32::try_from(notification.tid).ok().and_then(rustix::process::Pid::from_raw);
        let killed = caller.map(|pid| rustix::process::kill_process(pid, rustix::process::Signal::KILL));
        if !matches!(killed, Some(Ok(()) | Err(rustix::io::Errno::SRCH))) {
            self.kill_cell.notify_one();
        }
        self.notify.refuse(notification, libc::ENOSYS)
    }

    fn decode(&mut self, notification: &Notification, memory: &mut dyn Memory) -> Call {
        let data = &notification.data;
        let raw = RawCall { arch: data.arch, nr: data.nr, args: data.args };
        let name = match self.names.entry((data.arch, data.nr)) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(entry) => match syscall_name(data.arch, data.nr) {
                Some(name) => entry.insert(name),
                // A number that no table knows is the specimen's choice: not remembered.
                None => return decode(&format!("syscall_{}", data.nr), &raw, memory),
            },
        };
        decode(name, &raw, memory)
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

/// What the profile says to a call; `None` where it allows it.
fn judge(profile: &Program, data: &SeccompData) -> Option<Refusal> {
    match profile.evaluate(data) {
        Ok(Action::Allow | Action::Log) => None,
        Ok(Action::Errno(errno)) => Some(Refusal::Errno(i32::from(errno))),
        // A SIGSYS sent from here could be ignored, or hit another thread, which the kernel's own cannot.
        Ok(Action::KillProcess | Action::KillThread | Action::Trap) => Some(Refusal::Kill),
        // As without a tracer, or a listener: seccomp(2).
        Ok(Action::Notify | Action::Trace(_)) => Some(Refusal::Errno(libc::ENOSYS)),
        // Programs are checked when they are made; whatever this is, it is not "allow".
        Err(_) => Some(Refusal::Errno(libc::EPERM)),
    }
}

/// What woke the listener; nothing where the time did.
struct Wake {
    call: bool,
    over: bool,
    stop: bool,
}

/// The memory of a caller that is no longer there.
struct Gone;

impl Memory for Gone {
    fn read(&mut self, _: u64, _: &mut [u8]) -> io::Result<usize> {
        Err(io::Error::from_raw_os_error(libc::ESRCH))
    }
}
