//! Signatures that the host sends, verified: the vectors of strict verification, by the code that the board runs.

#[cfg(not(feature = "salty"))]
use iacp_core::crypto::ChaChaOnly as Crypto;
use iacp_core::crypto::Provider;
#[cfg(feature = "salty")]
type Crypto = iacp_salty::Salty;

use crate::host::{Datagram, Host};
use crate::meter::Meter;
use crate::report::{Report, fail};

/// All that is in memory.
pub struct Memory(Datagram);

impl Memory {
    pub const EMPTY: Self = Self(Datagram::EMPTY);
}

#[inline(never)]
pub fn verify(public: &[u8; 32], signature: &[u8; 64], message: &[u8]) -> bool {
    Crypto::verify(public, message, signature).is_ok()
}

pub fn all(memory: &mut Memory, meter: &mut Meter, report: &mut Report) {
    let datagram = &mut memory.0;
    let mut host = Host::open();
    let mut number = 0;
    while host.ask(report, 0, datagram).is_some() {
        let bytes = datagram.bytes();
        let Some((public, bytes)) = bytes.split_first_chunk() else { fail("no public key") };
        let Some((signature, message)) = bytes.split_first_chunk() else { fail("no signature") };
        let (cost, holds) = meter.measure(|| verify(public, signature, message));
        report.line(&["step", "ed25519", if holds { "accept" } else { "refuse" }], &[cost.stack, cost.instructions]);
        report.line(&["verdict"], &[number, u32::from(holds)]);
        number += 1;
    }
}
