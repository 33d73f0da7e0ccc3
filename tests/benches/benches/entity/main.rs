//! `cargo bench -p benches --bench entity`: what a data frame costs a host with a thousand sessions and one with a million, and how
//! long the host is silent when ten thousand contexts move at once.
//!
//! `cargo bench -p benches --bench entity -- 100000` stops at that many sessions.

mod churn;
mod frames;

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

fn main() {
    let most = std::env::args().filter_map(|word| word.parse().ok()).next().unwrap_or(1_000_000);
    frames::run(most);
    println!();
    churn::run();
}

/// The time that this thread has had a processor: other processes do not count, but for what they leave of the caches.
fn spent() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    let (seconds, nanoseconds) = (u64::try_from(time.tv_sec), u32::try_from(time.tv_nsec));
    Duration::new(seconds.expect("positive"), nanoseconds.expect("below a second"))
}

/// Memory that a host keeps as long as the program runs.
fn lend<T>(count: usize, make: impl Fn() -> T) -> &'static mut [T] {
    Box::leak((0..count).map(|_| make()).collect())
}
