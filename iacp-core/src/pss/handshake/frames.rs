//! The frames of the handshake, and what they share (`IACP §4.2.4.1`, `IACP §6.4.3`).

use iacp_wire::message::{PssAck, PssInit, PssNeg};
use iacp_wire::{Frame, Message, Signature, TlvWriter, WriteError, X25519Key};

use super::terms::{Capabilities, INITIAL_SEQUENCES};
use crate::crypto::Provider;
use crate::identity::{Identity, sign_frame};
use crate::pss::stream::frame::{Cookies, SESSION_HEADER_LEN};

pub(crate) const KEY_SHARE_LEN: usize = 2 + X25519Key::LEN;
/// The longest handshake frame: PSS_INIT or PSS_ACK with a KEY_SHARE, in bytes.
pub(crate) const HANDSHAKE_LEN: usize = SESSION_HEADER_LEN + PssInit::LEN + KEY_SHARE_LEN;
const _: () = assert!(PssAck::LEN == PssInit::LEN && PssNeg::LEN < PssInit::LEN);

/// A handshake frame, kept as bytes: a repetition is the same bytes.
pub(crate) struct Kept {
    bytes: [u8; HANDSHAKE_LEN],
    length: usize,
}

impl Kept {
    pub(crate) fn new(write: impl FnOnce(&mut [u8]) -> Result<usize, WriteError>) -> Self {
        let mut bytes = [0; HANDSHAKE_LEN];
        // No handshake frame is longer, so writing cannot fail; if it did, nothing would be sent.
        let length = write(&mut bytes).unwrap_or(0);
        Self { bytes, length }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }
}

/// A signed PSS_ACK: EID, sequence and signature are those of the side that sends it.
pub(crate) fn acknowledgement<P: Provider>(
    identity: &Identity<P>,
    cookies: Cookies,
    initial_sequence: u64,
    capabilities: Capabilities,
    share: &X25519Key,
    context: [&[u8]; 2],
) -> Kept {
    Kept::new(|buffer| {
        let message = PssAck {
            responder_eid: identity.eid(),
            session_connection_cookie: cookies.initiator,
            responder_initial_sequence: initial_sequence.into(),
            agreed_capabilities: capabilities.bits().into(),
            signature: Signature::ZERO,
        };
        let mut room = [0; KEY_SHARE_LEN];
        let tlvs = key_share(share, &mut room)?;
        let frame = Frame { tlvs, ..Frame::new(Message::PssAck(&message)).in_session(cookies.responder) };
        sign_frame(identity, &frame, context, buffer)
    })
}

/// The one TLV of a handshake frame.
pub(crate) fn key_share<'b>(
    share: &X25519Key,
    room: &'b mut [u8; KEY_SHARE_LEN],
) -> Result<iacp_wire::Tlvs<'b>, WriteError> {
    let mut writer = TlvWriter::new(room);
    writer.key_share(share)?;
    writer.finish().map_err(|_| WriteError::Tlvs)
}

/// An initial sequence number that a data frame may begin with.
pub(crate) const fn possible_sequence(sequence: u64) -> bool {
    sequence < INITIAL_SEQUENCES
}
