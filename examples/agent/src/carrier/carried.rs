//! Congestion control where the carrier has its own.

use iacp_core::pss::{Congestion, InFlight};
use iacp_core::time::Mono;

/// No limit but the peer's window: over QUIC, whose own congestion control holds datagrams back and says that its queue
/// is full. Two controls on one path would be slower than either.
#[derive(Clone, Copy, Debug)]
pub struct Carried;

impl Congestion for Carried {
    type Stamp = ();
    const IDLE: Self = Self;
    const NO_STAMP: () = ();

    fn restart(&mut self) {}

    fn may_send(&self, _: InFlight) -> bool {
        true
    }

    fn sent(&mut self, _: Mono, _: u32, _: InFlight) {}

    fn timed_out(&mut self, _: Mono) {}
}
