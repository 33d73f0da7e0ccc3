//! Both sides of a session in one image, and what each step takes of the machine.
//!
//! ```text
//! per-tick <instructions to a tick of the timer, compared with a loop of known length>
//! size <of what> <bytes>
//! step <suite> <step> <bytes of stack> <instructions>
//! end
//! ```
#![no_std]
#![no_main]

#[cfg(not(feature = "baseline"))]
mod conversation;
mod meter;
mod report;
#[cfg(not(feature = "baseline"))]
mod steps;

use cortex_m_rt::entry;

use meter::Meter;
use report::Report;

#[entry]
fn main() -> ! {
    #[cfg(not(feature = "baseline"))]
    static mut MEMORY: conversation::Memory = conversation::Memory::EMPTY;
    let Some(peripherals) = cortex_m::Peripherals::take() else { report::fail("no peripherals") };
    let mut report = Report::open();
    let mut meter = Meter::new(peripherals.SYST);
    report.line(&["per-tick"], &[meter.instructions_per_tick()]);
    #[cfg(not(feature = "baseline"))]
    conversation::all(MEMORY, &mut meter, &mut report);
    #[cfg(feature = "baseline")]
    report.line(&["step", "none", "none"], &[meter.measure(|| ()).0.stack]);
    report.line(&["end"], &[]);
    report::end()
}
