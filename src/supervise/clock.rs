//! The run's one clock.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

/// Starts when the specimen is let go; shared by everything that stamps events.
#[derive(Clone, Debug, Default)]
pub struct Clock(Arc<OnceLock<Instant>>);

impl Clock {
    /// Starts it; later calls change nothing.
    pub fn start(&self) {
        self.0.get_or_init(Instant::now);
    }

    /// Time since the start; zero before.
    pub fn now(&self) -> Duration {
        self.0.get().map_or(Duration::ZERO, Instant::elapsed)
    }
}
