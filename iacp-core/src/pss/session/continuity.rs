//! The ongoing session and its continuity (`IACP App. B.4`).
//!
//! After the handshake a session begins here: in `PSS_NEGOTIATING` if a contract was requested, otherwise in
//! `ESTABLISHED` (B.1 makes the same distinction). It leaves by a teardown, which [`lifecycle`](super::lifecycle) has,
//! or to `SESSION_COMPROMISED`, where B.6 continues.
//!
//! ```
//! use iacp_core::pss::continuity::{Event, State};
//!
//! let mut state = State::Established;
//! state.step(Event::QuicConnClose)?;
//! state.step(Event::PeerReconnect)?;
//! assert_eq!(state.next(Event::StateVectorsMatch), Some(State::Established));
//! let refused = state.step(Event::SfcEffective).expect_err("there is nothing to negotiate");
//! assert_eq!(refused.to_string(), "no move from RECONCILING on SFC_EFFECTIVE");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use crate::machine::machine;

machine! {
    machine "pss-session", "App. B.4";
    starts in PssNegotiating or Established;
    ends in SessionCompromised;
    states {
        /// Keys exist; the terms of the contract are being negotiated.
        PssNegotiating = "PSS_NEGOTIATING",
        /// Data flows.
        Established = "ESTABLISHED",
        /// Data flows, but there is a gap or an old frame.
        AnomalyFlagged = "ANOMALY_FLAGGED",
        /// The peer, or another holder of its keys, contradicted earlier authenticated frames.
        SessionCompromised = "SESSION_COMPROMISED",
        /// The transport is gone, but the session's memory is kept.
        Disconnected = "DISCONNECTED",
        /// The peer is back; both sides compare their vectors and repeat from their delta logs.
        Reconciling = "RECONCILING",
    }
    events {
        /// The contract is signed and valid on both sides.
        SfcEffective = "SFC_EFFECTIVE",
        /// A historical payload, or a gap in the sequence.
        RxOutOfOrder = "RX_OUT_OF_ORDER",
        /// The sequence has no gap any more, and its chain matches.
        AnomalyCleared = "ANOMALY_CLEARED",
        /// An authentic contradiction: invalid signature in the heartbeat, or a chain that does not match.
        HeartbeatFail = "HEARTBEAT_FAIL",
        /// The transport ended or became silent unexpectedly.
        QuicConnClose = "QUIC_CONN_CLOSE",
        /// The peer authenticated itself again, with the short-lived token.
        PeerReconnect = "PEER_RECONNECT",
        /// Both vectors and chains are equal again.
        StateVectorsMatch = "STATE_VECTORS_MATCH",
    }
    rows {
        // keeps: IACP-160 (§6.4.2)
        Drawn: PssNegotiating + SfcEffective => Established;
        Drawn: Established + RxOutOfOrder => AnomalyFlagged;
        Drawn: AnomalyFlagged + AnomalyCleared => Established;
        Drawn: Established + HeartbeatFail => SessionCompromised;
        Drawn: AnomalyFlagged + HeartbeatFail => SessionCompromised;
        Drawn: Established + QuicConnClose => Disconnected;
        Drawn: Disconnected + PeerReconnect => Reconciling;
        Drawn: Reconciling + StateVectorsMatch => Established;
        // keeps: IACP-161 (B.4)
        Ours: AnomalyFlagged + QuicConnClose => Disconnected, "a gap does not keep a transport from dropping";
        Ours: AnomalyFlagged + RxOutOfOrder => AnomalyFlagged, "a second gap before the first has closed";
        Ours: Reconciling + QuicConnClose => Disconnected, "the transport may drop again before the vectors match";
        Ours: Reconciling + HeartbeatFail => SessionCompromised, "the vectors compared here come in heartbeats";
        Ours: Disconnected + HeartbeatFail => SessionCompromised, "heartbeats are taken there, before they revive";
        Ours: PssNegotiating + HeartbeatFail => SessionCompromised, "heartbeats flow during the negotiation too";
    }
    notes {
        "PSS_NEGOTIATING + QUIC_CONN_CLOSE has no row, on purpose: a negotiation that loses its transport has nothing \
         to reconcile and is closed.",
        "The draft sets no limit to DISCONNECTED. A session that is not reconnected within its limit (1 h unless told) \
         is wiped with its keys; that is its end and no state.",
        "Unauthentic noise is no event here: HEARTBEAT_FAIL needs a frame that authenticates and contradicts, else \
         anyone could compromise a session from outside.",
    }
}
