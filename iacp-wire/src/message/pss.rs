//! Persistent State Sessions (`IACP §6.4`, `IACP §6.5`).
//!
//! In a session every frame carries the flag SESSION and the R-Cookie between header and body; the body's Session
//! Connection Cookie is the I-Cookie.

use zerocopy::network_endian::{U16, U32, U64};

use crate::field::{AeadNonce, ConditionsBlock, Cookie, DhtKey, Eid, Signature};
use crate::figure::figure;

figure! {
    /// `PSS_INIT`, 0x08 (`IACP Appendix A.8`).
    ///
    /// ```text
    /// +---------------------------------------------------------------+
    /// |                      Initiator EID [32]                       |
    /// +---------------------------------------------------------------+
    /// |                 Session Connection Cookie [8]                 |
    /// +---------------------------------------------------------------+
    /// |              Initial Sequence / Vector Clock [8]              |
    /// +---------------------------------------------------------------+
    /// |          Session Capabilities & Extension Flags [4]           |
    /// +---------------------------------------------------------------+
    /// |           Initiator Digital Signature (Ed25519) [64]          |
    /// +---------------------------------------------------------------+
    /// ```
    ///
    /// A host that answers finds in the frame which agent opens a session, and the cookie that all frames of the
    /// session repeat.
    ///
    /// ```
    /// use iacp_wire::message::PssInit;
    /// use iacp_wire::{Cookie, Eid, Frame, Message, Signature};
    /// use zerocopy::network_endian::{U32, U64};
    ///
    /// let init = PssInit {
    ///     initiator_eid: Eid([1; 32]),
    ///     session_connection_cookie: Cookie([2; 8]),
    ///     initial_sequence: U64::new(40),
    ///     capabilities: U32::new(0),
    ///     signature: Signature::ZERO,
    /// };
    /// let mut buffer = [0; 256];
    /// let length = Frame::new(Message::PssInit(&init)).write(&mut buffer)?;
    ///
    /// let frame = Frame::parse(&buffer[..length])?;
    /// assert_eq!(frame.message.initiator_cookie(), Some(Cookie([2; 8])));
    /// assert_eq!(frame.responder_cookie, None); // the answer brings it
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    PssInit = 116 {
        /// The agent that opens the session.
        initiator_eid: Eid,
        /// The I-Cookie.
        session_connection_cookie: Cookie,
        /// The sequence number of the initiator's first data frame, below 2^32.
        initial_sequence: U64,
        /// What the initiator offers.
        capabilities: U32,
        /// By the initiator.
        signature: Signature,
    }
}

figure! {
    /// `PSS_ACK`, 0x09 (`IACP Appendix A.9`). EID, sequence and signature are those of the side that sends it.
    ///
    /// ```text
    /// +---------------------------------------------------------------+
    /// |                      Responder EID [32]                       |
    /// +---------------------------------------------------------------+
    /// |                 Session Connection Cookie [8]                 |
    /// +---------------------------------------------------------------+
    /// |              Responder Initial Sequence Number [8]            |
    /// +---------------------------------------------------------------+
    /// |                  Agreed SFC Capabilities [4]                  |
    /// +---------------------------------------------------------------+
    /// |           Responder Digital Signature (Ed25519) [64]          |
    /// +---------------------------------------------------------------+
    /// ```
    ///
    /// An example is at [`Frame`](crate::Frame).
    PssAck = 116 {
        /// The sender of this frame, which responds to a PSS_NEG.
        responder_eid: Eid,
        /// The I-Cookie.
        session_connection_cookie: Cookie,
        /// The sequence number of the sender's first data frame, below 2^32.
        responder_initial_sequence: U64,
        /// What was agreed.
        agreed_capabilities: U32,
        /// By the sender.
        signature: Signature,
    }
}

figure! {
    /// `PSS_NEG`, 0x0A (`IACP Appendix A.10`).
    ///
    /// ```text
    /// +---------------------------------------------------------------+
    /// |                 Session Connection Cookie [8]                 |
    /// +-------------------------------+-------------------------------+
    /// |   Negotiation Turn Counter    |    Rejection Reason Flags     |
    /// +-------------------------------+-------------------------------+
    /// |               Proposed SFC Conditions Block [32]              |
    /// +---------------------------------------------------------------+
    /// |            Sender Digital Signature (Ed25519) [64]            |
    /// +---------------------------------------------------------------+
    /// ```
    ///
    /// An example is at [`Conditions`].
    PssNeg = 108 {
        /// The I-Cookie.
        session_connection_cookie: Cookie,
        /// 1 for the responder's answer to PSS_INIT, one more for each counter-proposal.
        negotiation_turn_counter: U16,
        /// Why the last proposal is refused; 0 on turn 1.
        rejection_reason_flags: U16,
        /// What is proposed: see [`Conditions`].
        conditions: ConditionsBlock,
        /// By the sender.
        signature: Signature,
    }
}

figure! {
    /// The fields of a Proposed SFC Conditions Block.
    ///
    /// ```text
    /// +---------------------------------------------------------------+
    /// |                     Initial sequence [8]                      |
    /// +-------------------------------+-------------------------------+
    /// |       Capabilities [4]        | DGK rotation, in seconds [4]  |
    /// +-------------------------------+-------------------------------+
    /// |   Lifetime, in seconds [4]    | Receive window, in frames [4] |
    /// +-------------------------------+-------------------------------+
    /// |                           Zero [8]                            |
    /// +---------------------------------------------------------------+
    /// ```
    ///
    /// A PSS_NEG carries them as a block of 32 bytes.
    ///
    /// ```
    /// use iacp_wire::message::{Conditions, PssNeg};
    /// use iacp_wire::{ConditionsBlock, Cookie, Signature};
    /// use zerocopy::network_endian::{U16, U32, U64};
    ///
    /// let offer = Conditions {
    ///     initial_sequence: U64::new(40),
    ///     capabilities: U32::new(0),
    ///     dgk_rotation: U32::new(0),
    ///     lifetime: U32::new(3_600),
    ///     receive_window: U32::new(32),
    ///     zero: U64::ZERO,
    /// };
    /// let block: ConditionsBlock = zerocopy::transmute!(offer);
    /// let turn = PssNeg {
    ///     session_connection_cookie: Cookie([2; 8]),
    ///     negotiation_turn_counter: U16::new(1),
    ///     rejection_reason_flags: U16::ZERO,
    ///     conditions: block,
    ///     signature: Signature::ZERO,
    /// };
    /// let read: Conditions = zerocopy::transmute!(turn.conditions);
    /// assert_eq!((read.lifetime.get(), read.receive_window.get()), (3_600, 32));
    /// ```
    Conditions = 32 {
        /// The sequence number of the sender's first data frame.
        initial_sequence: U64,
        /// What both sides can do.
        capabilities: U32,
        /// Seconds between rotations of a Dynamic Group Key; 0 is none.
        dgk_rotation: U32,
        /// Seconds that the session lives; 0 is no limit.
        lifetime: U32,
        /// Frames that may be under way in each direction, at least 1.
        receive_window: U32,
        /// Zero.
        zero: U64,
    }
}

figure! {
    /// `PSS_DATA_STREAM`, 0x0B (`IACP Appendix A.11`); at least 16 sealed bytes follow.
    ///
    /// ```text
    /// +---------------------------------------------------------------+
    /// |                 Session Connection Cookie [8]                 |
    /// +---------------------------------------------------------------+
    /// |                      Sequence Number [8]                      |
    /// +---------------------------------------------------------------+
    /// |                     AEAD Nonce / IV [12]                      |
    /// +---------------------------------------------------------------+
    /// |               Encrypted ANML Payload (variable)               |
    /// +---------------------------------------------------------------+
    /// ```
    ///
    /// The ciphertext and its tag follow the figure.
    ///
    /// ```
    /// use iacp_wire::message::PssDataStream;
    /// use iacp_wire::{AeadNonce, AeadTag, Cookie, Frame, Message, WriteError};
    /// use zerocopy::network_endian::U64;
    ///
    /// let sequence = 41_u64;
    /// let mut nonce = [0; AeadNonce::LEN];
    /// nonce[4..].copy_from_slice(&sequence.to_be_bytes());
    /// let head = PssDataStream {
    ///     session_connection_cookie: Cookie([2; 8]),
    ///     sequence_number: U64::new(sequence),
    ///     aead_nonce: AeadNonce(nonce),
    /// };
    /// let write = |sealed: &[u8]| {
    ///     let frame = Frame::new(Message::PssDataStream { head: &head, sealed }).in_session(Cookie([3; 8]));
    ///     frame.write(&mut [0; 128])
    /// };
    /// assert_eq!(write(&[0; 5 + AeadTag::LEN]), Ok(4 + 8 + PssDataStream::LEN + 5 + AeadTag::LEN));
    /// assert_eq!(write(&[0; 5]), Err(WriteError::Length)); // no room for a tag
    /// ```
    PssDataStream = 28 {
        /// The I-Cookie.
        session_connection_cookie: Cookie,
        /// One more with each data frame; from 2^63 on it is a heartbeat's.
        sequence_number: U64,
        /// The direction's four bytes, then the sequence number.
        aead_nonce: AeadNonce,
    }
}

figure! {
    /// `PSS_TEARDOWN`, 0x0C (`IACP Appendix A.12`); the Proof of Malfeasance follows, if there is one.
    ///
    /// ```text
    /// +---------------------------------------------------------------+
    /// |                 Session Connection Cookie [8]                 |
    /// +-------------------------------+-------------------------------+
    /// |         Teardown Type         |          Reason Code          |
    /// +-------------------------------+-------------------------------+
    /// |                Proof of Malfeasance Length [4]                |
    /// +---------------------------------------------------------------+
    /// |            Sender Digital Signature (Ed25519) [64]            |
    /// +---------------------------------------------------------------+
    /// |        Optional: Proof of Malfeasance Data (variable)         |
    /// +---------------------------------------------------------------+
    /// ```
    ///
    /// An example with a Proof of Malfeasance is at [`MalfeasanceData`](crate::message::MalfeasanceData).
    ///
    /// ```
    /// use iacp_wire::message::PssTeardown;
    /// use iacp_wire::{Cookie, Frame, Message, Signature};
    /// use zerocopy::network_endian::{U16, U32};
    ///
    /// let head = PssTeardown {
    ///     session_connection_cookie: Cookie([2; 8]),
    ///     teardown_type: U16::new(1), // a request
    ///     reason_code: U16::new(1),   // the session has served its purpose
    ///     malfeasance_length: U32::ZERO,
    ///     signature: Signature::ZERO,
    /// };
    /// let frame = Frame::new(Message::PssTeardown { head: &head, malfeasance: &[] }).in_session(Cookie([3; 8]));
    /// let mut buffer = [0; 128];
    /// let length = frame.write(&mut buffer)?;
    /// let Message::PssTeardown { head, malfeasance } = Frame::parse(&buffer[..length])?.message else {
    ///     return Err("a teardown".into());
    /// };
    /// assert_eq!((head.teardown_type.get(), malfeasance.len()), (1, 0));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    PssTeardown = 80 {
        /// The I-Cookie.
        session_connection_cookie: Cookie,
        /// 1 request, 2 answer, 3 forced.
        teardown_type: U16,
        /// Why.
        reason_code: U16,
        /// Length of the part after the figure, in bytes.
        malfeasance_length: U32,
        /// By the sender.
        signature: Signature,
    }
}

figure! {
    /// `PSS_REVOCATION_PUBLISH`, 0x0D (`IACP Appendix A.13`); the Proof of Malfeasance follows.
    ///
    /// ```text
    /// +---------------------------------------------------------------+
    /// |               Target Storage Key (SHA-256) [32]               |
    /// +---------------------------------------------------------------+
    /// |                       Offender EID [32]                       |
    /// +---------------------------------------------------------------+
    /// |                Proof of Malfeasance Length [4]                |
    /// +---------------------------------------------------------------+
    /// |                Reporter Digital Signature [64]                |
    /// +---------------------------------------------------------------+
    /// |             Proof of Malfeasance Data (variable)              |
    /// +---------------------------------------------------------------+
    /// ```
    ///
    /// An example is at [`MalfeasanceData`](crate::message::MalfeasanceData).
    PssRevocationPublish = 132 {
        /// The key under which the directory files it.
        target_storage_key: DhtKey,
        /// The accused agent.
        offender_eid: Eid,
        /// Length of the part after the figure, in bytes.
        malfeasance_length: U32,
        /// By the accuser.
        signature: Signature,
    }
}

figure! {
    /// The front of `PSS_REVOCATION_REBUTTAL`, 0x13 (`IACP Appendix A.17`); the evidence and the signature follow.
    ///
    /// ```text
    /// +---------------------------------------------------------------+
    /// |               Target Storage Key (SHA-256) [32]               |
    /// +---------------------------------------------------------------+
    /// |                       Offender EID [32]                       |
    /// +---------------------------------------------------------------+
    /// |                   Rebuttal Proof Length [4]                   |
    /// +---------------------------------------------------------------+
    /// |              Rebuttal Evidence Data (variable)                |
    /// +---------------------------------------------------------------+
    /// |                 Sender Digital Signature [64]                 |
    /// +---------------------------------------------------------------+
    /// ```
    ///
    /// The accused signs last in the frame, after the evidence.
    ///
    /// ```
    /// use iacp_wire::message::PssRevocationRebuttal;
    /// use iacp_wire::{DhtKey, Eid, Frame, Message, Signature};
    /// use zerocopy::network_endian::U32;
    ///
    /// let evidence = b"what clears the accused";
    /// let head = PssRevocationRebuttal {
    ///     target_storage_key: DhtKey([7; 32]),
    ///     offender_eid: Eid([1; 32]),
    ///     rebuttal_proof_length: U32::new(23),
    /// };
    /// let rebuttal = Message::PssRevocationRebuttal { head: &head, evidence, signature: &Signature::ZERO };
    /// let frame = Frame::new(rebuttal);
    /// assert_eq!(frame.signature_span().map(|span| span.end), Some(frame.length()));
    /// assert_eq!(frame.length(), 4 + PssRevocationRebuttal::LEN + 23 + Signature::LEN);
    /// ```
    PssRevocationRebuttal = 68 {
        /// The key under which the directory filed the accusation.
        target_storage_key: DhtKey,
        /// The accused agent.
        offender_eid: Eid,
        /// Length of the evidence, in bytes.
        rebuttal_proof_length: U32,
    }
}
