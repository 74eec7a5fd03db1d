//! Calls that are held for the reviewer: which are, for how long, and what answers them. The listener's own; the
//! reviewer's orders come from another thread.

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::time::{Duration, Instant};

use rustix::event::{EventfdFlags, eventfd};
use tokio::sync::watch;

use super::ffi::Notification;
use crate::run::{Breakpoints, HeldCall, HeldId, Verdict};
use crate::seccomp::Program;
use crate::seccomp::decode::Call;

/// Calls held at once; those beyond are answered as the profile says.
const MOST_HELD: usize = 32;

/// Orders on their way.
const MOST_ORDERS: usize = 256;

/// What the reviewer wants.
#[derive(Clone, Debug)]
pub enum Order {
    /// An answer to a held call; nothing to do where it is gone.
    Answer(HeldId, Verdict),
    /// These calls are held from now on.
    Break(Breakpoints),
    /// Calls are answered as this profile's program says from now on, those held now too. The kernel asks only about what
    /// the profile of the launch refuses: what that allows stays allowed in this run.
    Judge(Arc<Program>),
}

/// Where orders are given.
#[derive(Clone, Debug)]
pub struct Orders {
    orders: SyncSender<Order>,
    wake: Arc<OwnedFd>,
}

impl Orders {
    /// A place to give orders, and where a run takes them.
    ///
    /// # Errors
    /// When the system is out of descriptors.
    pub fn new() -> io::Result<(Self, Obeyed)> {
        let (orders, given) = sync_channel(MOST_ORDERS);
        let wake = Arc::new(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?);
        Ok((Self { orders, wake: Arc::clone(&wake) }, Obeyed { given: Some((given, wake)) }))
    }

    /// Gives one; false where the run is over, or has more than it can take.
    pub fn give(&self, order: Order) -> bool {
        match self.orders.try_send(order) {
            Ok(()) => rustix::io::write(&*self.wake, &1_u64.to_ne_bytes()).is_ok(),
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => false,
        }
    }
}

/// Where a run takes its orders from.
#[derive(Debug, Default)]
pub struct Obeyed {
    given: Option<(Receiver<Order>, Arc<OwnedFd>)>,
}

impl Obeyed {
    /// Of a run that nobody gives orders.
    pub fn nobody() -> Self {
        Self::default()
    }

    /// Readable once there is an order.
    pub(super) fn fd(&self) -> Option<BorrowedFd<'_>> {
        self.given.as_ref().map(|(_, wake)| wake.as_fd())
    }

    /// The orders that have come.
    pub(super) fn take(&self) -> Vec<Order> {
        let Some((given, wake)) = &self.given else { return Vec::new() };
        // Nothing is lost where it cannot be read: an order that is here is taken, whoever woke us.
        let _ = rustix::io::read(wake, &mut [0; 8]);
        given.try_iter().collect()
    }
}

/// One held call, as the listener needs it.
pub(super) struct Held {
    pub notification: Notification,
    pub pid: u32,
    pub call: Call,
    pub at: Duration,
    /// What was told of it.
    pub told: HeldCall,
}

/// The calls that are held, the oldest first.
pub(super) struct Breaks {
    pub points: Breakpoints,
    held: VecDeque<Held>,
    next: u64,
    /// When the last ones were held.
    recent: VecDeque<Instant>,
    /// How many are held, for whoever keeps the deadline.
    count: watch::Sender<usize>,
}

impl Breaks {
    /// Of a run in which nothing is held yet; `count` is told how many are.
    pub fn new(count: watch::Sender<usize>) -> Self {
        Self { points: Breakpoints::default(), held: VecDeque::new(), next: 0, recent: VecDeque::new(), count }
    }

    /// Whether there is room for one more now.
    pub fn has_room(&mut self) -> bool {
        while self.recent.front().is_some_and(|at| at.elapsed() > Duration::from_secs(1)) {
            self.recent.pop_front();
        }
        self.held.len() < MOST_HELD && self.points.a_second.is_none_or(|most| self.recent.len() < most)
    }

    /// The name for the next one.
    pub fn next_id(&mut self) -> HeldId {
        self.next += 1;
        HeldId(self.next)
    }

    /// Holds one.
    pub fn hold(&mut self, held: Held) {
        if self.points.a_second.is_some() {
            self.recent.push_back(Instant::now());
        }
        self.held.push_back(held);
        self.tell();
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// Takes out those for which `out` holds.
    pub fn take(&mut self, mut out: impl FnMut(&Held) -> bool) -> Vec<Held> {
        let (taken, kept) = self.held.drain(..).partition(|held| out(held));
        self.held = kept;
        self.tell();
        Vec::from(taken)
    }

    fn tell(&self) {
        let held = self.held.len();
        self.count.send_if_modified(|count| std::mem::replace(count, held) != held);
    }
}
