//! Frames that the host sends, one after the other: what parsing each takes.

use iacp_wire::{Frame, MessageType};

use crate::host::{Datagram, Host};
use crate::meter::Meter;
use crate::report::{Report, fail};

/// All that is in memory.
pub struct Memory(Datagram);

impl Memory {
    pub const EMPTY: Self = Self(Datagram::EMPTY);
}

#[inline(never)]
pub fn parse(datagram: &[u8]) -> Option<Frame<'_>> {
    Frame::parse(datagram).ok()
}

pub fn all(memory: &mut Memory, meter: &mut Meter, report: &mut Report) {
    let datagram = &mut memory.0;
    let mut host = Host::open();
    while host.ask(report, 0, datagram).is_some() {
        let bytes = datagram.bytes();
        // Four bits of version, eight of the type, four of flags.
        let code = bytes.first_chunk().map(|head| (u16::from_be_bytes(*head) >> 4) as u8);
        let Some(kind) = code.and_then(MessageType::from_code) else { fail("no message") };
        let (cost, frame) = meter.measure(|| parse(bytes));
        if frame.is_none() {
            fail("a frame is refused");
        }
        // A step's name has no spaces.
        let mut name = [0; 32];
        for (to, from) in name.iter_mut().zip(kind.name().bytes()) {
            *to = if from == b' ' { b'-' } else { from };
        }
        let length = kind.name().len().min(name.len());
        let name = name.get(..length).and_then(|name| core::str::from_utf8(name).ok()).unwrap_or("?");
        report.line(&["step", "parse", name], &[cost.stack, cost.instructions]);
    }
}
