//! Signatures that are looked at, for each kind of sender.

use std::net::SocketAddr;

use iacp_core::guard::{Ingress, Rate};
use iacp_core::pss::{Admission, Gate};
use iacp_core::time::Mono;
use iacp_wire::Eid;

use crate::keys;

/// Frames that are looked at: each costs a signature.
const ALL: Rate = Rate { capacity: 4_000, per_second: 4_000 };
const PER_PREFIX: Rate = Rate { capacity: 1_000, per_second: 1_000 };

/// Token buckets in front of signature checks. There are three, so that PSS_INITs with forged addresses cannot empty the buckets
/// of real peers.
pub(super) struct Buckets {
    /// PSS_INITs, and signed frames that come from elsewhere than their session's peer.
    pub(super) inits: Box<Ingress<1_024>>,
    /// PSS_ACKs whose cookies have verified: such a sender has read what went to its address.
    pub(super) acks: Box<Ingress<1_024>>,
    /// Signed frames with a session's cookies, from where its peer is.
    pub(super) homes: Box<Ingress<1_024>>,
}

impl Buckets {
    pub(super) fn new(now: Mono) -> Self {
        let full = || Box::new(Ingress::new(ALL, PER_PREFIX, now, &mut keys::rng()));
        Self { inits: full(), acks: full(), homes: full() }
    }
}

/// The sender of a PSS_ACK whose cookie has verified.
pub(super) struct Guest<'s> {
    pub(super) now: Mono,
    pub(super) from: SocketAddr,
    pub(super) bucket: &'s mut Ingress<1_024>,
    /// Whether its network may have one more session.
    pub(super) has_place: &'s dyn Fn() -> bool,
}

impl Gate for Guest<'_> {
    fn standing(&mut self, _: &Eid) -> Admission {
        if self.bucket.admit(self.now, self.from, 1).is_err() {
            return Admission::Drop;
        }
        if (self.has_place)() { Admission::Admit } else { Admission::Drop }
    }
}
