//! The discovery and session allocation automaton (`IACP App. B.1`).
//!
//! A responder in `LISTEN` or `VALIDATING_POW` remembers nothing: the only move into a state that keeps memory is
//! `POW_SUCCESS`. The table is complete as drawn; nothing is added.
//!
//! ```
//! use iacp_core::discovery::dfa::{Event, State};
//!
//! let mut request = State::Listen;
//! request.step(Event::RxDiscoveryReq)?;
//! assert!(request.next(Event::RxPssInitSfc0).is_none(), "no session before the proof of work");
//! request.step(Event::PowSuccess)?;
//! assert_eq!(request.step(Event::IdentityTimeout)?, State::Listen);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use crate::machine::machine;

machine! {
    machine "discovery", "App. B.1";
    starts in Listen;
    ends in PssNegotiating, Established;
    states {
        /// Waits for anonymous requests; holds no memory for any of them.
        Listen = "LISTEN",
        /// Checks one request's proof of work; still holds no memory.
        ValidatingPow = "VALIDATING_POW",
        /// The proof held: one slot waits for the identity behind the request.
        AwaitIdentity = "AWAIT_IDENTITY",
        /// The session exists and its contract is being negotiated; B.4 takes over.
        PssNegotiating = "PSS_NEGOTIATING",
        /// The session exists and needs no contract; B.4 takes over.
        Established = "ESTABLISHED",
    }
    events {
        /// An anonymous DISCOVERY_REQ arrived.
        RxDiscoveryReq = "RX_DISCOVERY_REQ",
        /// The nonce does not satisfy the threshold, or the timestamp is outside its window.
        PowFailure = "POW_FAILURE",
        /// The proof of work holds.
        PowSuccess = "POW_SUCCESS",
        /// The requester opened a session and asks for a contract.
        RxPssInitSfc1 = "RX_PSS_INIT_(SFC=1)",
        /// The requester opened a session without a contract.
        RxPssInitSfc0 = "RX_PSS_INIT_(SFC=0)",
        /// 500 ms passed without a valid PSS_INIT whose exchange completed.
        IdentityTimeout = "IDENTITY_TIMEOUT",
    }
    rows {
        Drawn: Listen + RxDiscoveryReq => ValidatingPow, "allocates nothing";
        Drawn: ValidatingPow + PowFailure => Listen;
        // keeps: IACP-140 (§6.3.1)
        Drawn: ValidatingPow + PowSuccess => AwaitIdentity, "the only way to a state that keeps memory";
        Drawn: AwaitIdentity + RxPssInitSfc1 => PssNegotiating;
        Drawn: AwaitIdentity + RxPssInitSfc0 => Established;
        Drawn: AwaitIdentity + IdentityTimeout => Listen;
    }
    notes {
        "RX_PSS_INIT is raised when the dual-cookie exchange that the PSS_INIT began has completed, and all of it must \
         fit into the 500 ms: a signature alone can be an old one, sent again by anyone.",
        "One automaton serves one request: several requests are several automata, and those in LISTEN and \
         VALIDATING_POW need no memory.",
    }
}
