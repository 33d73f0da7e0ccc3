//! The initiator's side of the dual-cookie handshake (`IACP §4.2.4.1`, `IACP §6.4.3`): one attempt.

use iacp_wire::message::PssNeg;
use iacp_wire::{Cookie, Eid, Frame, Signature, X25519Key};
use rand_core::CryptoRng;

use super::frames::{Proof, Said};
use super::keys::{Transcript, derive, place_secret};
use super::terms::{Capabilities, Proposal, Terms};
use crate::crypto::{CheckedKey, Provider, Secret32};
use crate::identity::{Identity, unsigned_digest, verify_frame_checked};
use crate::pss::packed::Packed;
use crate::pss::stream::frame::Cookies;
use crate::time::{Backoff, Mono};

/// An attempt that has no authentic answer after this time starts over, in milliseconds.
pub(crate) const ATTEMPT: u64 = 5_000;
/// How often an attempt starts over before the handshake fails.
pub(crate) const RESTARTS: u8 = 3;

/// A PSS_NEG of turn 1 that was verified.
pub(crate) struct Offered {
    pub(crate) responder_cookie: Cookie,
    pub(crate) share: X25519Key,
    /// The ephemeral half of the key agreement, computed when the share was taken: an invalid share is refused there.
    shared: Secret32,
    pub(crate) proposal: Proposal,
    /// SHA-256 of the PSS_NEG without its signature.
    pub(crate) digest: [u8; 32],
    /// The time since the PSS_INIT, in milliseconds, if that was sent only once.
    pub(crate) round_trip: Option<u32>,
}

/// Why a PSS_NEG is not an answer to us.
pub(crate) enum NotAnswer {
    /// It does not match the attempt: noise.
    Cookie,
    Signature,
    /// It is authentic, but contradicts the protocol.
    Contradiction,
}

/// The answer that the attempt waits for. The two variants share their memory.
#[allow(clippy::large_enum_variant, reason = "without an allocator there is no smaller place for the larger one")]
enum Word {
    /// The peer's answer to the PSS_INIT with this signature, and this DISCOVERY_PROOF if it follows a search.
    Theirs(Signature, Option<Proof>),
    /// The application's answer to the terms of this PSS_NEG.
    Ours(Offered),
}

/// One attempt: PSS_INIT was sent, or its answer waits for the application's decision on the terms.
pub(crate) struct Attempt {
    ephemeral: Secret32,
    pub(crate) share: X25519Key,
    pub(crate) cookie: Cookie,
    pub(crate) initial_sequence: u64,
    pub(crate) offer: Capabilities,
    word: Word,
    pub(crate) repeat: Backoff,
    /// PSS_INIT has left.
    said: bool,
    /// When it was sent, if only once.
    sent: Packed,
    pub(crate) give_up: Mono,
    pub(crate) restarts: u8,
}

impl Attempt {
    /// A new attempt, whose PSS_INIT is not signed yet.
    #[inline(never)]
    pub(crate) fn new<P: Provider>(
        offer: Capabilities,
        proof: Option<Proof>,
        now: Mono,
        restarts: u8,
        rng: &mut impl CryptoRng,
    ) -> Self {
        let ephemeral = Secret32::random(rng);
        let share = X25519Key(P::x25519_public(&ephemeral));
        // keeps: IACP-084 (§4.2.4.1)
        let mut cookie = Cookie::ZERO;
        while cookie.is_zero() {
            rng.fill_bytes(&mut cookie.0);
        }
        let initial_sequence = u64::from(rng.next_u32());
        Self {
            ephemeral,
            share,
            cookie,
            initial_sequence,
            offer,
            word: Word::Theirs(Signature::ZERO, proof),
            repeat: Backoff::now(now),
            said: false,
            sent: Packed::NONE,
            give_up: now.after(ATTEMPT),
            restarts,
        }
    }

    fn init<'s>(&'s self, own: &'s Eid) -> Said<'s> {
        let Self { cookie, initial_sequence, offer, ref share, .. } = *self;
        let proof = match &self.word {
            Word::Theirs(_, proof) => proof.as_ref(),
            Word::Ours(_) => None,
        };
        Said::Init { eid: own, cookie, initial_sequence, offer, share, proof }
    }

    /// The DISCOVERY_PROOF, for an attempt that begins anew before the peer has answered.
    pub(crate) const fn proof(&self) -> Option<Proof> {
        match &self.word {
            Word::Theirs(_, proof) => *proof,
            Word::Ours(_) => None,
        }
    }

    /// Signs PSS_INIT.
    pub(crate) fn sign<P: Provider>(&mut self, identity: &Identity<P>, peer: &CheckedKey) {
        let made = self.init(&identity.eid()).signature(identity, [peer.bytes(), &[]]);
        if let Word::Theirs(signature, _) = &mut self.word {
            *signature = made;
        }
    }

    /// Writes PSS_INIT to be sent now; returns its length.
    pub(crate) fn write(&mut self, now: Mono, own: &Eid, out: &mut [u8]) -> usize {
        let Word::Theirs(signature, _) = &self.word else { return 0 };
        let length = self.init(own).repeat(signature, out);
        self.sent = if self.said { Packed::NONE } else { Packed::at(now) };
        self.said = true;
        self.repeat.done(now);
        length
    }

    /// The PSS_NEG that waits for the application's decision on its terms.
    pub(crate) const fn offered(&self) -> Option<&Offered> {
        match &self.word {
            Word::Theirs(..) => None,
            Word::Ours(offered) => Some(offered),
        }
    }

    /// Lets a checked PSS_NEG wait for the application's decision.
    pub(crate) fn wait(&mut self, offered: Offered, until: Mono) {
        (self.word, self.give_up) = (Word::Ours(offered), until);
    }

    /// Checks the responder's PSS_NEG.
    #[inline(never)]
    pub(crate) fn check<P: Provider>(
        &self,
        now: Mono,
        own: &Eid,
        peer: &CheckedKey,
        frame: &Frame<'_>,
        negotiation: &PssNeg,
        bytes: &[u8],
    ) -> Result<Offered, NotAnswer> {
        let responder_cookie = frame.responder_cookie.filter(|cookie| !cookie.is_zero()).ok_or(NotAnswer::Cookie)?;
        if negotiation.session_connection_cookie != self.cookie {
            return Err(NotAnswer::Cookie);
        }
        let Word::Theirs(signature, _) = &self.word else { return Err(NotAnswer::Cookie) };
        let init_digest = self.init(own).digest::<P>(signature);
        verify_frame_checked::<P>(peer, frame, [&init_digest, &[]], bytes).map_err(|_| NotAnswer::Signature)?;

        let proposal = Proposal::read(&negotiation.conditions).ok_or(NotAnswer::Contradiction)?;
        let possible = negotiation.negotiation_turn_counter.get() == 1
            && negotiation.rejection_reason_flags.get() == 0
            && proposal.capabilities.without(self.offer) == Capabilities::NONE;
        let share = *frame.tlvs.key_share().filter(|_| possible).ok_or(NotAnswer::Contradiction)?;
        let shared = P::x25519(&self.ephemeral, &share.0).map_err(|_| NotAnswer::Contradiction)?;
        let round_trip = self.sent.moment().and_then(|sent| u32::try_from(now.since(sent)).ok());
        let digest = unsigned_digest::<P>(frame, bytes);
        Ok(Offered { responder_cookie, share, shared, proposal, digest, round_trip })
    }

    /// Makes the signature of the PSS_ACK, and with it the PRK. `accept` tells whether the terms are a contract. `None`
    /// if the peer's EID is not a key, which its valid signature excludes.
    #[inline(never)]
    pub(crate) fn acknowledge<P: Provider>(
        &self,
        identity: &Identity<P>,
        peer: &CheckedKey,
        offered: &Offered,
        accept: bool,
    ) -> Option<(Signature, Secret32)> {
        let eid = identity.eid();
        let ack = self.ack(&eid, offered, accept);
        let signature = ack.signature(identity, [peer.bytes(), &offered.digest]);
        let transcript = Transcript {
            initiator: eid,
            responder: Eid(*peer.bytes()),
            negotiation: offered.digest,
            acknowledgement: ack.unsigned_digest::<P>(),
        };
        let prk = derive(&transcript, identity, peer, &offered.shared).ok()?;
        Some((signature, prk))
    }

    pub(crate) fn place_secret<P: Provider>(&self) -> u64 {
        place_secret::<P>(&self.ephemeral)
    }

    fn ack<'s>(&'s self, own: &'s Eid, offered: &Offered, accept: bool) -> Said<'s> {
        let agreed = offered.proposal.capabilities;
        Said::Ack {
            eid: own,
            cookies: Cookies { initiator: self.cookie, responder: offered.responder_cookie },
            initial_sequence: self.initial_sequence,
            capabilities: if accept { agreed.with(Capabilities::TERMS_ACCEPTED) } else { agreed },
            share: &self.share,
        }
    }
}

/// PSS_ACK was sent; the responder's first sealed frame confirms the keys.
pub(crate) struct Confirmation {
    pub(crate) signature: Signature,
    pub(crate) share: X25519Key,
    pub(crate) initial_sequence: u64,
    /// The capabilities in the PSS_ACK.
    pub(crate) capabilities: Capabilities,
    /// The terms in the PSS_NEG of turn 1.
    pub(crate) terms: Terms,
    /// For the next attempt, if this one fails.
    pub(crate) offer: Capabilities,
    pub(crate) repeat: Backoff,
    pub(crate) give_up: Mono,
    pub(crate) restarts: u8,
}

impl Confirmation {
    /// Writes PSS_ACK; returns its length.
    pub(crate) fn write(&self, own: &Eid, cookies: Cookies, out: &mut [u8]) -> usize {
        let Self { initial_sequence, capabilities, ref share, .. } = *self;
        Said::Ack { eid: own, cookies, initial_sequence, capabilities, share }.repeat(&self.signature, out)
    }
}
