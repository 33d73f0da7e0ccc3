//! The life of a session around its handshake (`IACP §6.4.2`).
//!
//! The draft's picture shows the initiator. The responder keeps no state before the third message (`§6.4.3`), so its
//! side of the same three states is one row, marked as ours.
//!
//! ```
//! use iacp_core::pss::lifecycle::{Event, State};
//!
//! let mut state = State::Closed;
//! for event in [Event::TransmitPssInit, Event::ReceivePssNeg, Event::EmitPssAck] {
//!     state.step(event)?;
//! }
//! assert_eq!(state, State::Established);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use crate::machine::machine;

machine! {
    machine "pss-lifecycle", "§6.4.2";
    starts in Closed;
    ends in Closed;
    states {
        /// No session: none yet, or none any more.
        Closed = "STATE_CLOSED",
        /// PSS_INIT was sent; the initiator waits for its answer.
        Hearing = "STATE_HEARING",
        /// Both sides hold the session; B.4 describes its inner life.
        Established = "STATE_ESTABLISHED",
    }
    events {
        /// The initiator sends PSS_INIT.
        TransmitPssInit = "Transmit PSS_INIT",
        /// An authentic PSS_NEG arrives and its cookies are validated.
        ReceivePssNeg = "Receive PSS_NEG",
        /// The initiator sends PSS_ACK.
        EmitPssAck = "Emit PSS_ACK",
        /// Ours: the responder accepts a PSS_ACK whose cookie and signature are valid.
        AcceptPssAck = "Accept PSS_ACK",
        /// Ours: an attempt at the handshake got no authentic answer.
        HandshakeFailed = "HANDSHAKE_FAILED",
        /// The session is torn down or revoked.
        TeardownOrRevocation = "PSS_TEARDOWN / PSS_REVOCATION",
        /// A packet in the wrong order, or an invalid one.
        OutOfOrderOrInvalid = "out-of-order or invalid packet",
    }
    rows {
        // keeps: IACP-160 (§6.4.2)
        Drawn: Closed + TransmitPssInit => Hearing;
        Drawn: Hearing + ReceivePssNeg => Hearing, "validates the cookie";
        Drawn: Hearing + EmitPssAck => Established;
        Drawn: Established + TeardownOrRevocation => Closed;
        // keeps: IACP-145 (§6.4.2)
        Said: Hearing + OutOfOrderOrInvalid => Closed, "the sentence below the picture";
        Ours: Hearing + HandshakeFailed => Closed, "5 s without an authentic answer; the next attempt transmits a new PSS_INIT";
        Ours: Closed + AcceptPssAck => Established, "the responder is stateless until the third message";
    }
    notes {
        "The picture shows STATE_CLOSED twice, above and below; it is one state.",
        "Only an authentic contradiction closes the handshake: packets whose cookies or signature match nothing are \
         dropped in silence, else anyone could close it with one forged packet.",
        "That Emit PSS_ACK follows Receive PSS_NEG is not visible in the picture; the handshake's data keeps it.",
    }
}
