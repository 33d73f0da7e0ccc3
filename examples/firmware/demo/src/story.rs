//! The timeline: when, where, what.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use iacp_core::time::Mono;

#[derive(Clone)]
pub struct Story {
    began: Instant,
    broken: Arc<AtomicBool>,
}

impl Story {
    pub fn begin() -> Self {
        println!("{:>9}  {:<8} what", "seconds", "where");
        Self { began: Instant::now(), broken: Arc::new(AtomicBool::new(false)) }
    }

    pub fn now(&self) -> Mono {
        Mono(u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX))
    }

    pub fn tell(&self, place: &str, what: &str) {
        println!("{:>9.3}  {place:<8} {what}", self.began.elapsed().as_secs_f64());
    }

    /// The device's words could not be read.
    pub fn break_off(&self) {
        self.broken.store(true, Ordering::Relaxed);
    }

    pub fn is_broken(&self) -> bool {
        self.broken.load(Ordering::Relaxed)
    }
}
