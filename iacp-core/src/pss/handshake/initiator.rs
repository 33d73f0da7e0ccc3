//! The initiator's side of the dual-cookie handshake (`IACP §4.2.4.1`, `IACP §6.4.3`).

use iacp_wire::message::{PssInit, PssNeg};
use iacp_wire::{Cookie, Eid, Frame, Message, Signature, X25519Key};
use rand_core::CryptoRng;

use super::frames::{KEY_SHARE_LEN, Kept, acknowledgement, key_share};
use super::keys::{SessionKeys, Transcript, derive};
use super::terms::{Capabilities, Proposal};
use crate::crypto::{Provider, Secret32};
use crate::identity::{Identity, sign_frame, unsigned_digest, verify_frame};
use crate::pss::stream::frame::Cookies;
use crate::time::{Backoff, Mono};

/// Without an authentic answer for this long an attempt starts over, in milliseconds.
pub(crate) const ATTEMPT: u64 = 5_000;
/// How often an attempt starts over before the handshake fails.
pub(crate) const RESTARTS: u8 = 3;

/// A PSS_NEG of turn 1 that was verified.
pub(crate) struct Offered {
    pub(crate) responder_cookie: Cookie,
    pub(crate) share: X25519Key,
    pub(crate) proposal: Proposal,
    /// SHA-256 of the PSS_NEG without its signature.
    pub(crate) digest: [u8; 32],
}

/// Why a PSS_NEG is not an answer to us.
pub(crate) enum NotAnswer {
    /// It matches nothing: noise.
    Cookie,
    Signature,
    /// It is authentic, and cannot be.
    Contradiction,
}

/// One attempt.
pub(crate) struct Initiation {
    ephemeral: Secret32,
    share: X25519Key,
    pub(crate) cookie: Cookie,
    pub(crate) initial_sequence: u64,
    offer: Capabilities,
    init: Kept,
    /// The PSS_NEG that waits for the application's word on its terms.
    pub(crate) offered: Option<Offered>,
    pub(crate) ack: Option<Kept>,
    pub(crate) repeat: Backoff,
    pub(crate) give_up: Mono,
    pub(crate) restarts: u8,
}

impl Initiation {
    pub(crate) fn new<P: Provider>(
        identity: &Identity<P>,
        peer: &Eid,
        offer: Capabilities,
        now: Mono,
        restarts: u8,
        rng: &mut impl CryptoRng,
    ) -> Self {
        let ephemeral = Secret32::random(rng);
        let share = X25519Key(P::x25519_public(&ephemeral));
        // keeps: IACP-084
        let mut cookie = Cookie::ZERO;
        while cookie.is_zero() {
            rng.fill_bytes(&mut cookie.0);
        }
        let initial_sequence = u64::from(rng.next_u32());
        let init = Kept::new(|buffer| {
            let message = PssInit {
                initiator_eid: identity.eid(),
                session_connection_cookie: cookie,
                initial_sequence: initial_sequence.into(),
                capabilities: offer.bits().into(),
                signature: Signature::ZERO,
            };
            let mut room = [0; KEY_SHARE_LEN];
            let tlvs = key_share(&share, &mut room)?;
            let frame = Frame { tlvs, ..Frame::new(Message::PssInit(&message)).in_session(Cookie::ZERO) };
            sign_frame(identity, &frame, [&peer.0, &[]], buffer)
        });
        Self {
            ephemeral,
            share,
            cookie,
            initial_sequence,
            offer,
            init,
            offered: None,
            ack: None,
            repeat: Backoff::now(now),
            give_up: now.after(ATTEMPT),
            restarts,
        }
    }

    /// What is being said: PSS_INIT, or PSS_ACK once there is one. Nothing is said while the application decides.
    pub(crate) fn frame(&self) -> Option<&[u8]> {
        match (&self.ack, &self.offered) {
            (Some(ack), _) => Some(ack.bytes()),
            (None, Some(_)) => None,
            (None, None) => Some(self.init.bytes()),
        }
    }

    pub(crate) const fn share(&self) -> &X25519Key {
        &self.share
    }

    /// Checks the responder's PSS_NEG.
    pub(crate) fn check<P: Provider>(
        &self,
        peer: &Eid,
        frame: &Frame<'_>,
        negotiation: &PssNeg,
        bytes: &[u8],
    ) -> Result<Offered, NotAnswer> {
        let responder_cookie = frame.responder_cookie.filter(|cookie| !cookie.is_zero()).ok_or(NotAnswer::Cookie)?;
        if negotiation.session_connection_cookie != self.cookie {
            return Err(NotAnswer::Cookie);
        }
        let init_digest = P::sha256(&[self.init.bytes()]);
        verify_frame::<P>(peer, frame, [&init_digest, &[]], bytes).map_err(|_| NotAnswer::Signature)?;

        let proposal = Proposal::read(&negotiation.conditions).ok_or(NotAnswer::Contradiction)?;
        let possible = negotiation.negotiation_turn_counter.get() == 1
            && negotiation.rejection_reason_flags.get() == 0
            && proposal.capabilities.without(self.offer) == Capabilities::NONE;
        let share = *frame.tlvs.key_share().filter(|_| possible).ok_or(NotAnswer::Contradiction)?;
        Ok(Offered { responder_cookie, share, proposal, digest: unsigned_digest::<P>(frame, bytes) })
    }

    /// Makes the PSS_ACK, and with it the keys. `accept` says whether the terms are a contract.
    pub(crate) fn acknowledge<P: Provider>(
        &mut self,
        identity: &Identity<P>,
        peer: &Eid,
        offered: &Offered,
        accept: bool,
        now: Mono,
    ) -> Option<SessionKeys<P>> {
        let agreed = offered.proposal.capabilities;
        let capabilities = if accept { agreed.with(Capabilities::TERMS_ACCEPTED) } else { agreed };
        let cookies = Cookies { initiator: self.cookie, responder: offered.responder_cookie };
        let ack = acknowledgement(
            identity,
            cookies,
            self.initial_sequence,
            capabilities,
            &self.share,
            [&peer.0, &offered.digest],
        );
        let transcript = Transcript {
            initiator: identity.eid(),
            responder: *peer,
            negotiation: offered.digest,
            acknowledgement: unsigned_digest::<P>(&Frame::parse(ack.bytes()).ok()?, ack.bytes()),
            capabilities: agreed,
        };
        let keys = derive(&transcript, identity, peer, &self.ephemeral, &offered.share).ok()?;
        self.ack = Some(ack);
        self.repeat = Backoff::now(now);
        self.give_up = now.after(ATTEMPT);
        Some(keys)
    }
}
