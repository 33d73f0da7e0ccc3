//! Handshakes and messages of other libraries, measured as ours are: each step of a side is summed into one line of its role.
#![no_std]
#![no_main]

#[path = "../../firmware/src/counter.rs"]
mod counter;
#[cfg(all(feature = "lakers", not(feature = "baseline")))]
mod edhoc;
#[cfg(feature = "tls")]
#[path = "../../firmware/src/host.rs"]
mod host;
#[path = "../../firmware/src/meter.rs"]
mod meter;
#[cfg(all(feature = "snow", not(feature = "baseline")))]
mod noise;
#[path = "../../firmware/src/report.rs"]
mod report;
#[cfg(all(feature = "tls", not(feature = "baseline")))]
mod tls;

use cortex_m_rt::entry;

use meter::{Cost, Meter};
use report::Report;

/// What the steps of one side took: the most stack, all instructions.
struct Side(Cost);

impl Side {
    const NONE: Self = Self(Cost { stack: 0, instructions: 0 });

    fn step<T>(&mut self, meter: &mut Meter, step: impl FnOnce() -> T) -> T {
        let (cost, result) = meter.measure(step);
        self.0.stack = self.0.stack.max(cost.stack);
        self.0.instructions += cost.instructions;
        result
    }

    fn tell(&self, report: &mut Report, name: &str) {
        report.line(&["step", "other", name], &[self.0.stack, self.0.instructions]);
    }
}

#[entry]
fn main() -> ! {
    let Some(peripherals) = cortex_m::Peripherals::take() else { report::fail("no peripherals") };
    let mut report = Report::open();
    let mut meter = Meter::new(peripherals.SYST);
    report.line(&["per-tick"], &[meter.instructions_per_two_ticks()]);
    #[cfg(all(feature = "lakers", not(feature = "baseline")))]
    edhoc::all(&mut meter, &mut report);
    #[cfg(all(feature = "snow", not(feature = "baseline")))]
    noise::all(&mut meter, &mut report);
    #[cfg(all(feature = "tls", not(feature = "baseline")))]
    tls::all(&mut meter, &mut report);
    #[cfg(feature = "baseline")]
    {
        let mut side = Side::NONE;
        side.step(&mut meter, || ());
        side.tell(&mut report, "none");
    }
    report.line(&["end"], &[]);
    report::end()
}
