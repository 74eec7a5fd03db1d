//! One run, from its cell to its end, told to the inbox.

use std::time::Duration;

use tokio::sync::mpsc;

use super::making::Coming;
use crate::run::{EventKind, Outcome, RunEvent};
use crate::specimen::Specimen;
use crate::supervise::{Control, Stdin, Steering};
use crate::tui::action::Action;
use crate::tui::state::RunId;

/// Events of a run that may wait for the inbox before the specimen's output does.
pub(super) const EVENT_ROOM: usize = 4096;

/// Runs the specimen to its end. Where it is stopped before it has a cell, the making goes on without it.
pub(super) async fn run_in(
    cell: Coming,
    specimen: Specimen,
    id: RunId,
    inbox: mpsc::Sender<Action>,
    steering: Steering,
) {
    let mut stopping = steering.control.clone();
    let made = tokio::select! {
        biased;
        // Where nobody is left who could stop it, nobody waits for it either.
        _ = stopping.wait_for(|control| *control == Control::Stop) => Err(Outcome::Stopped),
        made = cell.made() => made.map_err(Outcome::NotStarted),
    };
    let cell = match made {
        Ok(cell) => cell,
        Err(outcome) => {
            tell_end(&inbox, id, outcome).await;
            return;
        }
    };
    let (events, mut received) = mpsc::channel(EVENT_ROOM);
    // Its end drops the receiver: a run never waits for a workbench that is gone.
    let telling = async move {
        while let Some(event) = received.recv().await {
            if inbox.send(Action::Run(id, Box::new(event))).await.is_err() {
                return;
            }
        }
    };
    tokio::join!(cell.run(&specimen, Stdin::Empty, events, steering), telling);
}

/// Tells the end of a run that had no cell.
pub(super) async fn tell_end(inbox: &mpsc::Sender<Action>, id: RunId, outcome: Outcome) {
    let (duration, unseen, warnings) = (Duration::ZERO, None, Vec::new());
    let event = RunEvent { at: duration, kind: EventKind::Exit { outcome, duration, unseen, warnings } };
    let _ = inbox.send(Action::Run(id, Box::new(event))).await;
}
