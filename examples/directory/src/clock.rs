//! The clocks of all nodes and agents of a process. A demo sets them forward, because an escrow takes an hour.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use iacp_core::governance::window::Clock;
use iacp_core::time::{Mono, UnixTime};

/// The time of the process, and how far it was set forward.
#[derive(Clone, Debug)]
pub struct Clocks {
    start: Instant,
    unix: u64,
    ahead: Arc<AtomicU64>,
}

impl Clocks {
    /// The clocks of this host.
    #[must_use]
    pub fn new() -> Self {
        let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        Self { start: Instant::now(), unix: u64::try_from(unix).unwrap_or(0), ahead: Arc::default() }
    }

    /// Now.
    #[must_use]
    pub fn now(&self) -> Clock {
        let gone = self.elapsed().saturating_add(self.ahead.load(Ordering::Relaxed));
        Clock { mono: Mono(gone), unix: UnixTime(self.unix.saturating_add(gone)) }
    }

    /// Milliseconds since the start that have really gone.
    #[must_use]
    pub fn elapsed(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Sets both clocks forward, in milliseconds.
    pub fn set_forward(&self, by: u64) {
        self.ahead.fetch_add(by, Ordering::Relaxed);
    }
}

impl Default for Clocks {
    fn default() -> Self {
        Self::new()
    }
}
