//! What a run needs beside its cell: who is told of it, and who steers it.

use std::future::pending;

use tokio::sync::{mpsc, watch};

use super::breaks::Obeyed;
use super::clock::Clock;
use crate::run::{EventKind, RunEvent};
use crate::specimen::Specimen;

/// What the reviewer wants of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Control {
    /// It goes on.
    #[default]
    Go,
    /// Every process of the specimen stands still, and the deadline with them: from the moment it executes, and only in
    /// a cell that [can hold](super::Cell::can_hold). Where nobody is left who could let it go on, it is stopped.
    Hold,
    /// Everything is killed, held or not; nothing after this counts.
    Stop,
}

/// How a run is steered.
pub struct Steering {
    /// Whether it goes on, is held or stopped.
    pub control: watch::Receiver<Control>,
    /// What becomes of single calls.
    pub orders: Obeyed,
}

impl From<watch::Receiver<Control>> for Steering {
    /// A run whose calls are answered as the profile says.
    fn from(control: watch::Receiver<Control>) -> Self {
        Self { control, orders: Obeyed::nobody() }
    }
}

/// What a run needs beside the cell.
pub(super) struct Run<'a> {
    pub specimen: &'a Specimen,
    pub events: mpsc::Sender<RunEvent>,
    pub clock: Clock,
    pub control: watch::Receiver<Control>,
}

impl Run<'_> {
    /// Tells something that must not be lost. A reader that is gone is no reason to stop.
    pub async fn tell(&self, kind: EventKind) {
        let _ = self.events.send(RunEvent { at: self.clock.now(), kind }).await;
    }

    /// Tells something that can be told again, where there is room; whether there was.
    pub fn mention(&self, kind: EventKind) -> bool {
        self.events.try_send(RunEvent { at: self.clock.now(), kind }).is_ok()
    }
}

/// Waits until the reviewer stops the run; for ever where nobody can.
pub(super) async fn stopped(control: &mut watch::Receiver<Control>) {
    if control.wait_for(|wanted| *wanted == Control::Stop).await.is_err() {
        pending::<()>().await;
    }
}

/// Waits until the reviewer wants something else than `now`. Where nobody is left to want anything, a run goes on, but
/// a held one would stand for ever: it is stopped.
pub(super) async fn turned(control: &mut watch::Receiver<Control>, now: Control) -> Control {
    let wanted = control.wait_for(|wanted| *wanted != now).await.map(|wanted| *wanted);
    match wanted {
        Ok(wanted) => wanted,
        Err(_) if now == Control::Hold => Control::Stop,
        Err(_) => pending().await,
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[test]
    fn a_held_run_that_nobody_can_let_go_again_is_stopped_and_any_other_goes_on() {
        let (reviewer, mut control) = watch::channel(Control::Go);
        assert_eq!(turned(&mut control, Control::Go).now_or_never(), None);
        reviewer.send(Control::Hold).unwrap();
        assert_eq!(turned(&mut control, Control::Go).now_or_never(), Some(Control::Hold));
        assert_eq!(turned(&mut control, Control::Hold).now_or_never(), None);
        drop(reviewer);
        assert_eq!(turned(&mut control, Control::Hold).now_or_never(), Some(Control::Stop));
        let (_, mut control) = watch::channel(Control::Go);
        assert_eq!(turned(&mut control, Control::Go).now_or_never(), None);
        assert_eq!(stopped(&mut control).now_or_never(), None);
    }
}
