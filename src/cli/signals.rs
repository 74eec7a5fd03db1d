//! Signals that ask hotcell to end.

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

use super::CliError;
use crate::supervise::Control;

/// Becomes [`Control::Stop`] at the first signal that asks hotcell to end; at the second, hotcell ends at once and the
/// reapers remove the cells.
///
/// # Errors
/// When signals cannot be listened for.
pub(super) fn stop_on_signals() -> Result<watch::Receiver<Control>, CliError> {
    let listen = |kind| signal(kind).map_err(|source| CliError::Io { doing: "listening for signals", source });
    let mut signals =
        [listen(SignalKind::interrupt())?, listen(SignalKind::terminate())?, listen(SignalKind::hangup())?];
    let (reviewer, control) = watch::channel(Control::Go);
    tokio::spawn(async move {
        any(&mut signals).await;
        // A run that is over already needs no stopping.
        let _ = reviewer.send(Control::Stop);
        any(&mut signals).await;
        std::process::exit(130);
    });
    Ok(control)
}

async fn any(signals: &mut [Signal; 3]) {
    let [interrupt, terminate, hangup] = signals;
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
        _ = hangup.recv() => {}
    }
}
