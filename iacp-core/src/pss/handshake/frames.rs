//! The frames of the handshake and of the contract (`IACP §4.2.4.1`, `IACP §6.4.3`, `IACP §6.4.4`).
//!
//! Of a frame that may be repeated only the signature is kept: all other fields are in the session already, and do not
//! change, so that a repetition has the same bytes.

use iacp_wire::message::{PssAck, PssInit, PssNeg};
use iacp_wire::{Cookie, Eid, Frame, Message, Signature, TlvWriter, WriteError, X25519Key};

use super::terms::{Capabilities, INITIAL_SEQUENCES, Proposal, RejectionReasons};
use crate::crypto::Provider;
use crate::identity::{Identity, digest_to_sign, sign_frame, unsigned_digest};
use crate::pss::stream::frame::{Cookies, SESSION_HEADER_LEN};

/// The value of a DISCOVERY_PROOF: what ties a PSS_INIT to the search that it follows.
pub(crate) type Proof = [u8; 16];
/// KEY_SHARE, and the DISCOVERY_PROOF that a PSS_INIT may have behind it.
const TLVS_LEN: usize = 2 + X25519Key::LEN + 2 + size_of::<Proof>();
/// The longest handshake frame: PSS_INIT with both TLVs, in bytes.
pub(crate) const HANDSHAKE_LEN: usize = SESSION_HEADER_LEN + PssInit::LEN + TLVS_LEN;
const _: () = assert!(PssAck::LEN == PssInit::LEN && PssNeg::LEN < PssInit::LEN);

/// The frames that a side sends in the handshake.
#[derive(Clone, Copy)]
pub(crate) enum Said<'s> {
    /// PSS_INIT.
    Init {
        eid: &'s Eid,
        cookie: Cookie,
        initial_sequence: u64,
        offer: Capabilities,
        share: &'s X25519Key,
        proof: Option<&'s Proof>,
    },
    /// PSS_NEG of turn 1, with the responder's KEY_SHARE.
    Offer { cookies: Cookies, proposal: Proposal, share: &'s X25519Key },
    /// PSS_NEG of a later turn.
    Counter { cookies: Cookies, turn: u16, reasons: RejectionReasons, proposal: Proposal },
    /// PSS_ACK: EID, sequence and KEY_SHARE are those of its sender.
    Ack { eid: &'s Eid, cookies: Cookies, initial_sequence: u64, capabilities: Capabilities, share: &'s X25519Key },
}

impl Said<'_> {
    /// Builds the frame and passes it to `with`.
    fn frame(&self, signature: Signature, with: &mut dyn FnMut(&Frame<'_>)) -> Result<(), WriteError> {
        let mut room = [0; TLVS_LEN];
        match *self {
            Self::Init { eid, cookie, initial_sequence, offer, share, proof } => {
                let message = PssInit {
                    initiator_eid: *eid,
                    session_connection_cookie: cookie,
                    initial_sequence: initial_sequence.into(),
                    capabilities: offer.bits().into(),
                    signature,
                };
                let tlvs = tlvs(share, proof, &mut room)?;
                with(&Frame { tlvs, ..Frame::new(Message::PssInit(&message)).in_session(Cookie::ZERO) });
            }
            Self::Offer { cookies, proposal, share } => {
                let message = negotiation(cookies, 1, RejectionReasons::NONE, proposal, signature);
                let tlvs = tlvs(share, None, &mut room)?;
                with(&Frame { tlvs, ..Frame::new(Message::PssNeg(&message)).in_session(cookies.responder) });
            }
            Self::Counter { cookies, turn, reasons, proposal } => {
                let message = negotiation(cookies, turn, reasons, proposal, signature);
                with(&Frame::new(Message::PssNeg(&message)).in_session(cookies.responder));
            }
            Self::Ack { eid, cookies, initial_sequence, capabilities, share } => {
                let message = PssAck {
                    responder_eid: *eid,
                    session_connection_cookie: cookies.initiator,
                    responder_initial_sequence: initial_sequence.into(),
                    agreed_capabilities: capabilities.bits().into(),
                    signature,
                };
                let tlvs = tlvs(share, None, &mut room)?;
                with(&Frame { tlvs, ..Frame::new(Message::PssAck(&message)).in_session(cookies.responder) });
            }
        }
        Ok(())
    }

    /// Signs the frame into `out`; returns its length and its signature. `None` only if `out` is too short.
    #[inline(never)]
    pub(crate) fn sign<P: Provider>(
        &self,
        identity: &Identity<P>,
        context: [&[u8]; 2],
        out: &mut [u8],
    ) -> Option<(usize, Signature)> {
        let mut signed = None;
        let mut sign = |frame: &Frame<'_>| {
            signed = sign_frame(identity, frame, context, out).ok().zip(frame.signature_span());
        };
        self.frame(Signature::ZERO, &mut sign).ok()?;
        let (length, span) = signed?;
        let signature = out.get(span)?.first_chunk()?;
        Some((length, Signature(*signature)))
    }

    /// Signs the frame and keeps its signature only.
    pub(crate) fn signature<P: Provider>(&self, identity: &Identity<P>, context: [&[u8]; 2]) -> Signature {
        let digest = self.digest_to_sign::<P>(context);
        Signature(P::sign(identity.key(), &digest))
    }

    /// A call of its own, so that the frame is no longer on the stack when the signature is made.
    #[inline(never)]
    fn digest_to_sign<P: Provider>(&self, context: [&[u8]; 2]) -> [u8; 32] {
        let (mut bytes, mut digest) = ([0; HANDSHAKE_LEN], [0; 32]);
        let mut with = |frame: &Frame<'_>| {
            digest = digest_to_sign::<P>(frame, context, &mut bytes).unwrap_or_default();
        };
        // No handshake frame is longer, so writing cannot fail; if it did, the signature would not verify anywhere.
        let _ = self.frame(Signature::ZERO, &mut with);
        digest
    }

    /// Writes the frame with its earlier signature; returns its length, or 0 if `out` is too short.
    pub(crate) fn repeat(&self, signature: &Signature, out: &mut [u8]) -> usize {
        let mut length = 0;
        let _ = self.frame(*signature, &mut |frame| length = frame.write(out).unwrap_or(0));
        length
    }

    /// SHA-256 of the whole frame.
    pub(crate) fn digest<P: Provider>(&self, signature: &Signature) -> [u8; 32] {
        let mut bytes = [0; HANDSHAKE_LEN];
        let length = self.repeat(signature, &mut bytes);
        P::sha256(&[bytes.get(..length).unwrap_or_default()])
    }

    /// SHA-256 of the frame without its signature.
    pub(crate) fn unsigned_digest<P: Provider>(&self) -> [u8; 32] {
        let (mut bytes, mut digest) = ([0; HANDSHAKE_LEN], [0; 32]);
        let mut with = |frame: &Frame<'_>| {
            let length = frame.write(&mut bytes).unwrap_or(0);
            digest = unsigned_digest::<P>(frame, bytes.get(..length).unwrap_or_default());
        };
        let _ = self.frame(Signature::ZERO, &mut with);
        digest
    }
}

fn negotiation(
    cookies: Cookies,
    turn: u16,
    reasons: RejectionReasons,
    proposal: Proposal,
    signature: Signature,
) -> PssNeg {
    PssNeg {
        session_connection_cookie: cookies.initiator,
        negotiation_turn_counter: turn.into(),
        rejection_reason_flags: reasons.0.into(),
        conditions: proposal.to_block(),
        signature,
    }
}

/// The TLVs of a handshake frame.
fn tlvs<'b>(
    share: &X25519Key,
    proof: Option<&Proof>,
    room: &'b mut [u8; TLVS_LEN],
) -> Result<iacp_wire::Tlvs<'b>, WriteError> {
    let mut writer = TlvWriter::new(room);
    writer.key_share(share)?;
    if let Some(proof) = proof {
        writer.discovery_proof(proof)?;
    }
    writer.finish().map_err(|_| WriteError::Tlvs)
}

/// Whether a sequence number may be the initial one of data frames.
pub(crate) const fn possible_sequence(sequence: u64) -> bool {
    sequence < INITIAL_SEQUENCES
}
