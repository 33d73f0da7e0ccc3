//! What the steps of a session, of an envelope and of a policy take of the machine.
//!
//! ```text
//! per-tick <instructions to two ticks of the timer, compared with a loop of known length>
//! size <of what> <bytes>
//! found <number> <number> <number>
//! step <suite> <step> <bytes of stack> <instructions>
//! datagram <to which peer> <hexadecimal>
//! await <milliseconds of the program's clock>        the host answers on standard input
//! end
//! ```
#![no_std]
#![no_main]

#[cfg(program = "pair")]
mod conversation;
#[cfg(any(program = "pair", program = "node"))]
mod counter;
#[cfg(program = "decision")]
mod decision;
#[cfg(program = "envelope")]
mod envelope;
#[cfg(any(program = "parse", program = "strict", program = "node"))]
mod host;
mod meter;
#[cfg(program = "node")]
mod node;
#[cfg(program = "none")]
mod nothing;
#[cfg(program = "parse")]
mod parse;
#[cfg(program = "policy")]
mod policy;
#[cfg(program = "ranking")]
mod ranked;
#[cfg(program = "ranking")]
mod ranking;
mod report;
#[cfg(program = "pair")]
mod steps;
#[cfg(program = "strict")]
mod strict;

#[cfg(program = "pair")]
use conversation as program;
#[cfg(program = "decision")]
use decision as program;
#[cfg(program = "envelope")]
use envelope as program;
#[cfg(program = "node")]
use node as program;
#[cfg(program = "none")]
use nothing as program;
#[cfg(program = "parse")]
use parse as program;
#[cfg(program = "policy")]
use policy as program;
#[cfg(program = "ranking")]
use ranked as program;
#[cfg(program = "strict")]
use strict as program;

use cortex_m_rt::entry;

use meter::Meter;
use report::Report;

#[entry]
fn main() -> ! {
    static mut MEMORY: program::Memory = program::Memory::EMPTY;
    let Some(peripherals) = cortex_m::Peripherals::take() else { report::fail("no peripherals") };
    let mut report = Report::open();
    let mut meter = Meter::new(peripherals.SYST);
    report.line(&["per-tick"], &[meter.instructions_per_two_ticks()]);
    program::all(MEMORY, &mut meter, &mut report);
    report.line(&["end"], &[]);
    report::end()
}
