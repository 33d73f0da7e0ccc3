//! Milliseconds since the start, from the core's own timer.

use core::sync::atomic::{AtomicU32, Ordering};

use cortex_m::peripheral::SYST;
use cortex_m::peripheral::syst::SystClkSource;
use cortex_m_rt::exception;
use iacp_core::time::Mono;
use interaction_gov::time::Time;

/// The core's clock on this board, in hertz.
const HERTZ: u32 = 25_000_000;

/// 49 days, which no run of this program lasts; a product would count overflows.
static MILLISECONDS: AtomicU32 = AtomicU32::new(0);

pub fn start(mut timer: SYST) {
    timer.set_clock_source(SystClkSource::Core);
    timer.set_reload(HERTZ / 1_000 - 1);
    timer.clear_current();
    timer.enable_interrupt();
    timer.enable_counter();
}

#[exception]
fn SysTick() {
    // This handler alone writes it, so that a core without compare-and-swap can, too.
    MILLISECONDS.store(MILLISECONDS.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
}

/// The time of policies and their records, in milliseconds: a sensor without a calendar counts from its start.
pub fn time() -> Time {
    Time(now().0)
}

pub fn now() -> Mono {
    Mono(u64::from(MILLISECONDS.load(Ordering::Relaxed)))
}
