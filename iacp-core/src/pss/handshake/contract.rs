//! Bargaining over a Session Federation Contract after the handshake (`IACP §6.4.4`).
//!
//! PSS_NEG of turn 2, 3, … come from alternate sides until one answers PSS_ACK with the terms accepted. The terms change
//! no key. A proposal repeats until it is answered; an acceptance repeats when the proposal does.

use iacp_wire::message::{PssAck, PssNeg};
use iacp_wire::{Eid, Frame, Message, Signature, X25519Key};

use super::Role;
use super::frames::{Kept, acknowledgement};
use super::terms::{Capabilities, Proposal, RejectionReasons, Terms};
use crate::crypto::Provider;
use crate::identity::{Identity, sign_frame, unsigned_digest, verify_frame};
use crate::pss::discard::Discard;
use crate::pss::stream::frame::Cookies;
use crate::time::{Backoff, Mono};

/// The last turn of a negotiation: its proposal is accepted, or there is no contract.
pub const MAX_TURNS: u16 = 8;
/// A turn that is not taken for this long ends the session, in milliseconds, whichever side's it was.
pub const NEGOTIATION_LIMIT: u64 = 60_000;

/// Our proposal, until it is answered.
pub(crate) struct Proposed {
    pub(crate) frame: Kept,
    terms: Terms,
    pub(crate) repeat: Backoff,
}

/// What a negotiation frame meant.
pub(crate) enum Heard {
    /// The peer proposes.
    Proposal(u16, RejectionReasons, Terms),
    /// The peer accepts what we proposed.
    Contract(Terms),
    /// A repeat of what was answered.
    Repeat,
    /// Authentic, and not possible.
    Contradiction,
}

pub(crate) struct Negotiation {
    agreed: Capabilities,
    own_initial_sequence: u64,
    peer_initial_sequence: u64,
    own_share: X25519Key,
    peer_share: X25519Key,
    turn: u16,
    /// When whoever's turn it is has kept the other waiting too long.
    give_up: Mono,
    /// SHA-256 of the last PSS_NEG without its signature.
    digest: [u8; 32],
    /// The peer's terms, while they wait for the application's word.
    theirs: Option<Terms>,
    pub(crate) ours: Option<Proposed>,
    /// Our last answer: sent again when the peer repeats what it answers.
    answer: Option<Kept>,
    pub(crate) answer_due: bool,
    /// There is a contract: nothing is proposed any more.
    settled: bool,
}

impl Negotiation {
    pub(crate) const fn new(
        agreed: Capabilities,
        own_initial_sequence: u64,
        peer_initial_sequence: u64,
        [own_share, peer_share]: [X25519Key; 2],
        digest: [u8; 32],
        now: Mono,
    ) -> Self {
        Self {
            agreed,
            own_initial_sequence,
            peer_initial_sequence,
            own_share,
            peer_share,
            turn: 1,
            give_up: now.after(NEGOTIATION_LIMIT),
            digest,
            theirs: None,
            ours: None,
            answer: None,
            answer_due: false,
            settled: false,
        }
    }

    /// Turn 1 is the responder's; sides alternate.
    const fn proposer(turn: u16) -> Role {
        if turn % 2 == 1 { Role::Responder } else { Role::Initiator }
    }

    pub(crate) fn answer(&self) -> Option<&[u8]> {
        self.answer.as_ref().map(Kept::bytes)
    }

    /// Whether the application is to speak: it is its turn, or the peer's terms lie before it.
    pub(crate) fn may_speak(&self, role: Role) -> bool {
        self.ours.is_none() && !self.settled && self.turn < MAX_TURNS && Self::proposer(self.turn + 1) == role
    }

    /// When the negotiation is given up, unless it is settled.
    pub(crate) fn give_up(&self) -> Option<Mono> {
        (!self.settled).then_some(self.give_up)
    }

    /// Makes the next PSS_NEG.
    pub(crate) fn propose<P: Provider>(
        &mut self,
        identity: &Identity<P>,
        cookies: Cookies,
        terms: Terms,
        reasons: RejectionReasons,
        now: Mono,
    ) -> Option<()> {
        let proposal = Proposal { initial_sequence: self.own_initial_sequence, capabilities: self.agreed, terms };
        let message = PssNeg {
            session_connection_cookie: cookies.initiator,
            negotiation_turn_counter: (self.turn + 1).into(),
            rejection_reason_flags: reasons.0.into(),
            conditions: proposal.to_block(),
            signature: Signature::ZERO,
        };
        let frame = Frame::new(Message::PssNeg(&message)).in_session(cookies.responder);
        let kept = Kept::new(|buffer| sign_frame(identity, &frame, [&self.digest, &[]], buffer));
        self.digest = unsigned_digest::<P>(&Frame::parse(kept.bytes()).ok()?, kept.bytes());
        self.turn += 1;
        self.theirs = None;
        (self.answer, self.answer_due) = (None, false);
        self.give_up = now.after(NEGOTIATION_LIMIT);
        self.ours = Some(Proposed { frame: kept, terms, repeat: Backoff::now(now) });
        Some(())
    }

    /// Accepts the peer's terms.
    pub(crate) fn accept<P: Provider>(
        &mut self,
        identity: &Identity<P>,
        cookies: Cookies,
        peer: &Eid,
    ) -> Option<Terms> {
        let terms = self.theirs.take()?;
        self.answer = Some(acknowledgement(
            identity,
            cookies,
            self.own_initial_sequence,
            self.agreed.with(Capabilities::TERMS_ACCEPTED),
            &self.own_share,
            [&peer.0, &self.digest],
        ));
        self.answer_due = true;
        self.settled = true;
        Some(terms)
    }

    /// A PSS_NEG of turn 2 or later.
    pub(crate) fn hear_proposal<P: Provider>(
        &mut self,
        peer: &Eid,
        role: Role,
        now: Mono,
        frame: &Frame<'_>,
        message: &PssNeg,
        bytes: &[u8],
    ) -> Result<Heard, Discard> {
        let turn = message.negotiation_turn_counter.get();
        if turn <= self.turn || self.settled {
            // Only the last one of the peer's can still be unanswered there.
            let repeat =
                turn == self.turn && self.answer.is_some() && unsigned_digest::<P>(frame, bytes) == self.digest;
            return if repeat { Ok(Heard::Repeat) } else { Err(Discard::Repeat) };
        }
        verify_frame::<P>(peer, frame, [&self.digest, &[]], bytes).map_err(|_| Discard::Signature)?;
        let proposal = Proposal::read(&message.conditions).filter(|proposal| {
            turn == self.turn + 1
                && turn <= MAX_TURNS
                && Self::proposer(turn) != role
                && proposal.capabilities == self.agreed
                && proposal.initial_sequence == self.peer_initial_sequence
        });
        let Some(proposal) = proposal else { return Ok(Heard::Contradiction) };
        self.turn = turn;
        self.digest = unsigned_digest::<P>(frame, bytes);
        self.theirs = Some(proposal.terms);
        self.ours = None;
        (self.answer, self.answer_due) = (None, false);
        self.give_up = now.after(NEGOTIATION_LIMIT);
        Ok(Heard::Proposal(turn, RejectionReasons(message.rejection_reason_flags.get()), proposal.terms))
    }

    /// A PSS_ACK that may accept what we proposed.
    pub(crate) fn hear_acceptance<P: Provider>(
        &mut self,
        own: &Eid,
        peer: &Eid,
        frame: &Frame<'_>,
        message: &PssAck,
        bytes: &[u8],
    ) -> Result<Heard, Discard> {
        let ours = self.ours.as_ref().ok_or(Discard::Repeat)?;
        verify_frame::<P>(peer, frame, [&own.0, &self.digest], bytes).map_err(|_| Discard::Signature)?;
        let possible = message.responder_eid == *peer
            && message.responder_initial_sequence.get() == self.peer_initial_sequence
            && frame.tlvs.key_share() == Some(&self.peer_share)
            && message.agreed_capabilities.get() == self.agreed.with(Capabilities::TERMS_ACCEPTED).bits();
        if !possible {
            return Ok(Heard::Contradiction);
        }
        let terms = ours.terms;
        self.ours = None;
        self.settled = true;
        Ok(Heard::Contract(terms))
    }
}
