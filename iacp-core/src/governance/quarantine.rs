//! Quarantine of the peer of a session, as it stands under "Curator Quarantine" (`IACP App. B.5`).
//!
//! Here silence convicts: a quarantine that runs out without a counter-proof evicts the peer. In B.6 silence acquits: a
//! curator's quarantine that runs out without hard evidence restores the curator. Both can stand once it is seen whom
//! they speak of: B.5 begins with a revocation ticket that holds a *validated* proof, against which the peer must
//! defend itself; B.6 begins with conflicting claims that are not proven yet. So both tables stand as drawn, apart: here,
//! and in [`revocation`](super::revocation).
//!
//! ```
//! use iacp_core::governance::quarantine::{Event, State};
//!
//! let mut peer = State::Established;
//! peer.step(Event::RxRevocationTicket)?;
//! assert_eq!(peer.next(Event::RxCounterProof), Some(State::Established));
//! assert_eq!(peer.next(Event::QuarantineExpired), Some(State::EvictedPeer), "silence convicts");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use crate::machine::machine;

machine! {
    machine "curator-quarantine", "App. B.5";
    starts in Established;
    ends in Listen;
    states {
        /// A session with the peer is up.
        Established = "ESTABLISHED",
        /// A proof against the peer is on the table; it may answer.
        CuratorQuarantine = "CURATOR_QUARANTINE",
        /// The peer is out; what it held here is being cleaned up.
        EvictedPeer = "EVICTED_PEER",
        /// Nothing is left of the peer: the initial state of B.1.
        Listen = "LISTEN",
    }
    events {
        /// A revocation ticket arrived, and its proof of malfeasance is valid.
        RxRevocationTicket = "RX_REVOCATION_TICKET",
        /// The time for a counter-proof is over and none came.
        QuarantineExpired = "QUARANTINE_EXPIRED",
        /// A counter-proof with a valid signature came in time.
        RxCounterProof = "RX_COUNTER_PROOF",
        /// Internal: everything that the peer held is wiped.
        CleanupComplete = "CLEANUP_COMPLETE",
    }
    rows {
        // keeps: IACP-163 (B.5)
        Drawn: Established + RxRevocationTicket => CuratorQuarantine;
        Drawn: CuratorQuarantine + QuarantineExpired => EvictedPeer,
            "B.6 lets a curator's quarantine expire into ACTIVE_CURATOR";
        Drawn: CuratorQuarantine + RxCounterProof => Established;
        Drawn: EvictedPeer + CleanupComplete => Listen;
    }
    notes {
        "Expiry evicts here and restores in B.6. B.5 speaks of a session's peer against whom a proof is validated, \
         B.6 of a curator against whom nothing is proven: both tables stand as drawn, apart.",
        "A counter-proof is valid when its signature and its content are; a signature alone would let any accused go.",
    }
}
