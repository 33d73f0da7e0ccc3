//! The negotiation of a Session Federation Contract after the handshake (`IACP §6.4.4`).
//!
//! PSS_NEG of turn 2, 3, … come from alternate sides until one answers PSS_ACK with the terms accepted. The terms do
//! not change the keys. A proposal is repeated until it is answered; an acceptance is repeated when its proposal is.

use iacp_wire::message::{PssAck, PssNeg};
use iacp_wire::{Eid, Frame, Signature, X25519Key};

use super::Role;
use super::frames::Said;
use super::terms::{Capabilities, Proposal, RejectionReasons, Terms};
use crate::crypto::{CheckedKey, Provider};
use crate::identity::{Identity, unsigned_digest, verify_frame_checked};
use crate::pss::discard::Discard;
use crate::pss::stream::frame::Cookies;
use crate::time::{Backoff, Mono};

/// The number of the last turn of a negotiation: its proposal is accepted, or there is no contract.
pub const MAX_TURNS: u16 = 8;
/// If a turn is not taken within this time, the session ends, whichever side's turn it is. In milliseconds.
pub const NEGOTIATION_LIMIT: u64 = 60_000;

/// The values of one side from the handshake, which its frames of the negotiation repeat.
#[derive(Clone, Copy)]
pub(crate) struct Party {
    /// Below 2^32, like all initial sequences.
    sequence: u32,
    pub(crate) share: X25519Key,
}

impl Party {
    #[allow(clippy::cast_possible_truncation, reason = "an initial sequence of 2^32 or more was refused before")]
    pub(crate) const fn new(initial_sequence: u64, share: X25519Key) -> Self {
        Self { sequence: initial_sequence as u32, share }
    }

    pub(crate) const fn initial_sequence(&self) -> u64 {
        self.sequence as u64
    }
}

/// Whose word is awaited.
enum Word {
    /// Our application's answer, before any proposal: we are the initiator, refused turn 1 and have not proposed yet.
    Ours,
    /// Our application's answer to the peer's terms.
    OursOn(Terms, RejectionReasons),
    /// The peer's answer to our terms: our proposal is repeated until then.
    Theirs { terms: Terms, reasons: RejectionReasons, signature: Signature, repeat: Backoff },
}

/// The meaning of an authentic negotiation frame.
pub(crate) enum Heard {
    /// The peer proposes.
    Proposal,
    /// Authentic, and not possible.
    Contradiction,
}

/// A negotiation that is under way.
pub(crate) struct Negotiation {
    agreed: Capabilities,
    own: Party,
    peer: Party,
    turn: u16,
    /// When the turn has not been taken in time.
    pub(crate) give_up: Mono,
    /// SHA-256 of the last PSS_NEG without its signature.
    digest: [u8; 32],
    word: Word,
}

impl Negotiation {
    /// The negotiation after turn 1, whose terms were not accepted.
    pub(crate) const fn new(agreed: Capabilities, own: Party, peer: Party, digest: [u8; 32], now: Mono) -> Self {
        Self { agreed, own, peer, turn: 1, give_up: now.after(NEGOTIATION_LIMIT), digest, word: Word::Ours }
    }

    /// The side that proposes in a turn. Turn 1 is the responder's; sides alternate.
    const fn proposer(turn: u16) -> Role {
        if turn % 2 == 1 { Role::Responder } else { Role::Initiator }
    }

    /// The peer's terms that wait for the application's answer: turn, reasons, terms.
    pub(crate) const fn proposed(&self) -> Option<(u16, RejectionReasons, Terms)> {
        match self.word {
            Word::OursOn(terms, reasons) => Some((self.turn, reasons, terms)),
            Word::Ours | Word::Theirs { .. } => None,
        }
    }

    /// Whether the application may propose: it is this side's turn, or the peer's terms wait for an answer.
    pub(crate) fn may_propose(&self, role: Role) -> bool {
        let ours = !matches!(self.word, Word::Theirs { .. });
        ours && self.turn < MAX_TURNS && Self::proposer(self.turn + 1) == role
    }

    /// When our proposal is due again, while it is unanswered.
    pub(crate) const fn repeat(&self) -> Option<Mono> {
        match &self.word {
            Word::Theirs { repeat, .. } => Some(repeat.due()),
            Word::Ours | Word::OursOn(..) => None,
        }
    }

    pub(crate) const fn repeat_again(&mut self, now: Mono) {
        if let Word::Theirs { repeat, .. } = &mut self.word {
            repeat.again(now);
        }
    }

    /// Makes the next PSS_NEG. `None` if it is not this side's turn.
    #[inline(never)]
    pub(crate) fn propose<P: Provider>(
        &mut self,
        identity: &Identity<P>,
        cookies: Cookies,
        terms: Terms,
        reasons: RejectionReasons,
        now: Mono,
    ) {
        let turn = self.turn + 1;
        let counter = Said::Counter { cookies, turn, reasons, proposal: self.proposal(terms) };
        let signature = counter.signature(identity, [&self.digest, &[]]);
        self.digest = counter.unsigned_digest::<P>();
        self.turn = turn;
        self.give_up = now.after(NEGOTIATION_LIMIT);
        self.word = Word::Theirs { terms, reasons, signature, repeat: Backoff::now(now) };
    }

    const fn proposal(&self, terms: Terms) -> Proposal {
        Proposal { initial_sequence: self.own.initial_sequence(), capabilities: self.agreed, terms }
    }

    /// Writes our proposal if it is due; returns its length, or 0.
    pub(crate) fn write_due(&mut self, now: Mono, cookies: Cookies, out: &mut [u8]) -> usize {
        let (turn, initial_sequence, capabilities) = (self.turn, self.own.initial_sequence(), self.agreed);
        let Word::Theirs { terms, reasons, signature, repeat } = &mut self.word else { return 0 };
        if repeat.due() > now {
            return 0;
        }
        repeat.done(now);
        let proposal = Proposal { initial_sequence, capabilities, terms: *terms };
        Said::Counter { cookies, turn, reasons: *reasons, proposal }.repeat(signature, out)
    }

    /// Accepts the peer's terms, which become the contract. `None` if none are waiting.
    #[inline(never)]
    pub(crate) fn accept<P: Provider>(
        &self,
        identity: &Identity<P>,
        cookies: Cookies,
        peer: &CheckedKey,
    ) -> Option<(Terms, Acceptance)> {
        let Word::OursOn(terms, _) = self.word else { return None };
        let mut acceptance = Acceptance {
            own: self.own,
            agreed: self.agreed,
            turn: self.turn,
            digest: self.digest,
            signature: Signature::ZERO,
            due: true,
        };
        let eid = identity.eid();
        acceptance.signature = acceptance.ack(&eid, cookies).signature(identity, [peer.bytes(), &self.digest]);
        Some((terms, acceptance))
    }

    /// A PSS_NEG of turn 2 or later.
    #[inline(never)]
    pub(crate) fn hear_proposal<P: Provider>(
        &mut self,
        peer: &CheckedKey,
        role: Role,
        now: Mono,
        frame: &Frame<'_>,
        message: &PssNeg,
        bytes: &[u8],
    ) -> Result<Heard, Discard> {
        let turn = message.negotiation_turn_counter.get();
        if turn <= self.turn {
            return Err(Discard::Repeat);
        }
        verify_frame_checked::<P>(peer, frame, [&self.digest, &[]], bytes).map_err(|_| Discard::Signature)?;
        let proposal = Proposal::read(&message.conditions).filter(|proposal| {
            turn == self.turn + 1
                && turn <= MAX_TURNS
                && Self::proposer(turn) != role
                && proposal.capabilities == self.agreed
                && proposal.initial_sequence == self.peer.initial_sequence()
        });
        let Some(proposal) = proposal else { return Ok(Heard::Contradiction) };
        self.turn = turn;
        self.digest = unsigned_digest::<P>(frame, bytes);
        self.give_up = now.after(NEGOTIATION_LIMIT);
        self.word = Word::OursOn(proposal.terms, RejectionReasons(message.rejection_reason_flags.get()));
        Ok(Heard::Proposal)
    }

    /// Takes a PSS_ACK that may accept our proposal. Returns the terms of the contract, or `None` for a contradiction.
    #[inline(never)]
    pub(crate) fn hear_acceptance<P: Provider>(
        &self,
        own: &Eid,
        peer: &CheckedKey,
        frame: &Frame<'_>,
        message: &PssAck,
        bytes: &[u8],
    ) -> Result<Option<Terms>, Discard> {
        let Word::Theirs { terms, .. } = self.word else { return Err(Discard::Repeat) };
        verify_frame_checked::<P>(peer, frame, [&own.0, &self.digest], bytes).map_err(|_| Discard::Signature)?;
        let possible = message.responder_eid.0 == *peer.bytes()
            && message.responder_initial_sequence.get() == self.peer.initial_sequence()
            && frame.tlvs.key_share() == Some(&self.peer.share)
            && message.agreed_capabilities.get() == self.agreed.with(Capabilities::TERMS_ACCEPTED).bits();
        Ok(possible.then_some(terms))
    }
}

/// Our acceptance of the peer's terms, sent again when the peer repeats the accepted proposal.
pub(crate) struct Acceptance {
    own: Party,
    agreed: Capabilities,
    turn: u16,
    /// SHA-256 of the accepted PSS_NEG without its signature.
    digest: [u8; 32],
    signature: Signature,
    /// It is to be sent.
    pub(crate) due: bool,
}

impl Acceptance {
    fn ack<'s>(&'s self, own: &'s Eid, cookies: Cookies) -> Said<'s> {
        Said::Ack {
            eid: own,
            cookies,
            initial_sequence: self.own.initial_sequence(),
            capabilities: self.agreed.with(Capabilities::TERMS_ACCEPTED),
            share: &self.own.share,
        }
    }

    /// Writes the PSS_ACK; returns its length.
    pub(crate) fn write(&self, own: &Eid, cookies: Cookies, out: &mut [u8]) -> usize {
        self.ack(own, cookies).repeat(&self.signature, out)
    }

    /// Whether a PSS_NEG is the accepted one: then its sender has not received the acceptance.
    pub(crate) fn answers<P: Provider>(&self, frame: &Frame<'_>, message: &PssNeg, bytes: &[u8]) -> bool {
        message.negotiation_turn_counter.get() == self.turn && unsigned_digest::<P>(frame, bytes) == self.digest
    }
}

#[cfg(test)]
mod tests;
