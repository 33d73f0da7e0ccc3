//! Both sides of a session in one image, and what each step takes of the machine.
//!
//! ```text
//! per-tick <instructions to a tick of the timer, compared with a loop of known length>
//! size <of what> <bytes>
//! found <number> <number> <number>
//! step <suite> <step> <bytes of stack> <instructions>
//! end
//! ```
#![no_std]
#![no_main]

#[cfg(not(any(feature = "baseline", feature = "envelope", feature = "policy", feature = "ranking")))]
mod conversation;
#[cfg(all(feature = "envelope", not(feature = "baseline")))]
mod envelope;
mod meter;
#[cfg(all(feature = "policy", not(feature = "baseline")))]
mod policy;
#[cfg(all(feature = "ranking", not(feature = "baseline")))]
mod ranking;
mod report;
#[cfg(not(any(feature = "baseline", feature = "envelope", feature = "policy", feature = "ranking")))]
mod steps;

use cortex_m_rt::entry;

use meter::Meter;
use report::Report;

#[entry]
fn main() -> ! {
    #[cfg(not(any(feature = "baseline", feature = "envelope", feature = "policy", feature = "ranking")))]
    static mut MEMORY: conversation::Memory = conversation::Memory::EMPTY;
    #[cfg(all(feature = "policy", not(feature = "baseline")))]
    static mut GOVERNED: policy::Memory = policy::Memory::EMPTY;
    let Some(peripherals) = cortex_m::Peripherals::take() else { report::fail("no peripherals") };
    let mut report = Report::open();
    let mut meter = Meter::new(peripherals.SYST);
    report.line(&["per-tick"], &[meter.instructions_per_tick()]);
    #[cfg(not(any(feature = "baseline", feature = "envelope", feature = "policy", feature = "ranking")))]
    conversation::all(MEMORY, &mut meter, &mut report);
    #[cfg(all(feature = "envelope", not(feature = "baseline")))]
    envelope::all(&mut meter, &mut report);
    #[cfg(all(feature = "policy", not(feature = "baseline")))]
    policy::all(GOVERNED, &mut meter, &mut report);
    #[cfg(all(feature = "ranking", not(feature = "baseline")))]
    report.line(&["found"], &ranking::found());
    // The object that is verified belongs to the harness.
    #[cfg(all(feature = "envelope", feature = "baseline"))]
    core::hint::black_box(include_bytes!("outer.json"));
    #[cfg(feature = "baseline")]
    report.line(&["step", "none", "none"], &[meter.measure(|| ()).0.stack]);
    report.line(&["end"], &[]);
    report::end()
}
