//! The two clocks of this host, as the protocol's values.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use iacp_core::time::{Mono, UnixTime};
use tokio::time::Instant;

/// Milliseconds since the program started.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    start: Instant,
}

impl Clock {
    pub fn start() -> Self {
        Self { start: Instant::now() }
    }

    pub fn now(&self) -> Mono {
        Mono(u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX))
    }

    /// Sleeps until then, for ever if that is never.
    pub async fn sleep_until(&self, at: Option<Mono>) {
        match at {
            Some(at) => tokio::time::sleep_until(self.start + Duration::from_millis(at.0)).await,
            None => std::future::pending().await,
        }
    }
}

/// The time of day.
pub fn unix() -> UnixTime {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixTime(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
