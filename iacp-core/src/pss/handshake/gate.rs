//! What a handshake asks its host about a peer.

use iacp_wire::Eid;

/// The answer of the caller's reputation hook about a peer (`IACP §3.6.2`). The hook must not block.
/// An example stands at [`Gate`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Admission {
    /// Above the threshold.
    Admit,
    /// Below the threshold: it must do more work first.
    DemandWork,
    /// Below the threshold: the caller throttles its session.
    Throttle,
    /// Quarantined or challenged: it is dropped without an answer.
    Drop,
    /// Not known yet: nothing is sent, and the hook is called again for the repeated PSS_INIT.
    NotKnownYet,
}

words! {
    Admission {
        Self::Admit => "admitted",
        Self::DemandWork => "more work is demanded",
        Self::Throttle => "throttled",
        Self::Drop => "dropped",
        Self::NotKnownYet => "not known yet",
    }
}

/// The host's answers that are needed when a PSS_ACK comes. `()` admits every peer and has no attempts of its own.
///
/// ```
/// use iacp_core::pss::{Admission, Gate};
/// use iacp_wire::Eid;
///
/// /// A host that knows its peers.
/// struct Peers {
///     blocked: Vec<Eid>,
/// }
///
/// impl Gate for Peers {
///     fn standing(&mut self, peer: &Eid) -> Admission {
///         if self.blocked.contains(peer) { Admission::Drop } else { Admission::Admit }
///     }
/// }
///
/// let mut peers = Peers { blocked: vec![Eid([9; 32])] };
/// assert_eq!(peers.standing(&Eid([9; 32])), Admission::Drop);
/// assert_eq!(().standing(&Eid([9; 32])), Admission::Admit);
/// ```
pub trait Gate {
    /// The peer's standing (`IACP §3.6.2`), asked after the cookie and before the signature. Anything but
    /// [`Admission::Admit`] and [`Admission::Throttle`] discards the PSS_ACK; its cookie stays valid.
    fn standing(&mut self, _peer: &Eid) -> Admission {
        Admission::Admit
    }

    /// Whether an attempt of ours toward the peer prevails over the peer's: see
    /// [`Session::stands_against`](crate::pss::Session::stands_against). Called after the signature was verified; if
    /// so, the PSS_ACK is refused and its cookie is spent.
    fn stands_against(&mut self, _peer: &Eid) -> bool {
        false
    }
}

impl Gate for () {}
