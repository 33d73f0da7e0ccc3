//! What a peer has done, and what follows: two signed contradictions are published, everything else ends the session alone
//! (`IACP §6.5.2`, `IACP App. B.6`).

use iacp_wire::message::HeaderFragment;
use iacp_wire::{Digest, Eid, Frame, Message};
use zerocopy::IntoBytes;

use super::LlEntity;
use super::event::HostEvent;
use super::proof::{Pair, Proof};
use crate::crypto::Provider;
use crate::directory::Kind;
use crate::erp::binding::Binding;
use crate::erp::local::LocalStatus;
use crate::governance::claims::{ClaimKind, accuse_claims, turn_claim};
use crate::governance::equivocation::{Published, Sighting, TURN, contract_pair, response};
use crate::governance::malfeasance::accuse;
use crate::governance::revocation::{Event, State};
use crate::identity::unsigned_digest;
use crate::pss::{Capabilities, Closure, TeardownReason};
use crate::time::{Mono, UnixTime};

/// How long the peer of a compromised session may open no other one here, in milliseconds.
const SHUNNED: u64 = 300_000;
/// The longest body: a PROOF_OF_MAL, and two claims about a turn.
const PROOF: usize = 514;

fn turn_of(frame: &Frame<'_>) -> Option<u16> {
    match frame.message {
        Message::PssNeg(neg) => Some(neg.negotiation_turn_counter.get()).filter(|turn| *turn >= 2),
        _ => None,
    }
}

impl<P: Provider, const LOG: usize, const FRAMES: usize, const SPENT: usize> LlEntity<'_, P, LOG, FRAMES, SPENT> {
    /// Two verified bindings of one generation. The sessions go on; the host is told once of each peer.
    // keeps: IACP-098 (§4.2.7.1)
    pub(super) fn bindings_contradict(&mut self, peer: u32, known: Binding, other: Binding) {
        let Some(entry) = self.peers.at(peer).filter(|peer| !peer.proven) else { return };
        let Some(session) = entry.sessions.checked_sub(1).and_then(|session| self.sessions.at(session)) else { return };
        let Some(accuser) = self.agents.at(session.agent).map(crate::erp::agent::AgentSlot::eid) else { return };
        if self.proof.is_none() {
            let pair = Pair::Bindings(known, other);
            self.proof = Some(Proof { offender: known.eid, accuser, pair, told: false });
            if let Some(peer) = self.peers.at_mut(peer) {
                peer.proven = true;
            }
        }
    }

    /// The session negotiates terms from here on: what each side says is kept until that ends. `ours` is the digest of turn 1, if
    /// this side has said it.
    pub(super) fn keep_bargain(&mut self, slot: u32, ours: Digest) {
        let negotiates = |entry: &super::Entry<P, LOG, FRAMES>| {
            entry.session.contract().is_none() && entry.session.capabilities().contains(Capabilities::SFC)
        };
        let Some(entry) = self.sessions.at(slot).filter(|entry| negotiates(entry)) else { return };
        let place = match entry.bargain.checked_sub(1) {
            Some(place) => place,
            None => match self.bargains.claim() {
                Some(handle) => handle.slot(),
                None => return,
            },
        };
        if let Some(bargain) = self.bargains.at_mut(place) {
            bargain.ours = ours;
        }
        if let Some(entry) = self.sessions.at_mut(slot) {
            entry.bargain = place + 1;
        }
    }

    /// A frame of this side that goes out: a turn of its own is what the peer's next one answers.
    pub(super) fn said(&mut self, slot: u32, bytes: &[u8]) {
        if self.bargains.capacity() == 0 || bytes.len() != TURN {
            return;
        }
        if let Ok(frame) = Frame::parse(bytes)
            && turn_of(&frame).is_some()
        {
            self.keep_bargain(slot, Digest(unsigned_digest::<P>(&frame, bytes)));
        }
    }

    pub(super) fn drop_bargain(&mut self, slot: u32) {
        let Some(entry) = self.sessions.at_mut(slot) else { return };
        let place = core::mem::take(&mut entry.bargain).checked_sub(1);
        if let Some(handle) = place.and_then(|place| self.bargains.handle(place)) {
            self.bargains.release(handle);
        }
    }

    /// A turn that the session has taken.
    pub(super) fn heard_turn(&mut self, slot: u32, bytes: &[u8; TURN]) {
        let place = self.sessions.at(slot).and_then(|entry| entry.bargain.checked_sub(1));
        let Some(bargain) = place.and_then(|place| self.bargains.at_mut(place)) else { return };
        if let Some(turn) = Frame::parse(bytes).ok().as_ref().and_then(turn_of).filter(|turn| *turn > bargain.turn) {
            (bargain.turn, bargain.predecessor, bargain.theirs) = (turn, bargain.ours, *bytes);
        }
    }

    /// Whether a turn contradicts the one that the session has taken at the same point: two contracts for one. Then every session of the
    /// context with that EID ends, and the host is told of the proof.
    // keeps: IACP-153 (§6.5.2), IACP-154 (§6.5.2)
    pub(super) fn breaks_bargain(&mut self, now: Mono, agent: u32, slot: u32, bytes: &[u8; TURN]) -> bool {
        let Some(entry) = self.sessions.at(slot) else { return false };
        let (place, offender) = (entry.bargain.checked_sub(1), entry.session.peer());
        let Some(bargain) = place.and_then(|place| self.bargains.at(place)) else { return false };
        if bargain.turn == 0 || bargain.theirs == *bytes {
            return false;
        }
        if contract_pair::<P>(&offender, &bargain.predecessor, &bargain.theirs, bytes).is_err() {
            return false;
        }
        let claim = |frame| turn_claim(&bargain.predecessor, frame);
        let pair = Pair::Turns(claim(&bargain.theirs), claim(bytes));
        let mut state = State::SessionCompromised;
        // keeps: IACP-153 (§6.5.2)
        let _ = state.step(Event::ValidateAnomaly);
        let Some(accuser) = self.agents.at(agent).map(crate::erp::agent::AgentSlot::eid) else { return false };
        let mut next = self.first_with(&offender);
        while let Some(session) = next {
            let (Some(entry), Some(context)) = (self.sessions.at_mut(session), self.agents.at(agent)) else { break };
            next = entry.peer_next.checked_sub(1);
            let Some(identity) = context.identity.as_ref().filter(|_| entry.agent == agent) else { continue };
            // It is this agent's session, so the identity is the right one.
            let _ = entry.session.abort(now, identity, TeardownReason::Malfeasance);
            self.touch(session);
        }
        if self.proof.is_none() && state.step(Event::PomGenerated).is_ok() {
            self.proof = Some(Proof { offender, accuser, pair, told: false });
        }
        self.shun(now, slot);
        true
    }

    /// A peer opens no session here for a while; an agent may.
    fn shun(&mut self, now: Mono, slot: u32) {
        let peer = self.sessions.at(slot).and_then(|entry| entry.peer.checked_sub(1));
        if let Some(peer) = peer.and_then(|peer| self.peers.at_mut(peer)) {
            peer.shunned = Some(now.after(SHUNNED));
        }
    }

    pub(super) fn is_shunned(&self, now: Mono, eid: &Eid) -> bool {
        let peer = self.peer_of(eid).and_then(|peer| self.peers.at(peer));
        peer.and_then(|peer| peer.shunned).is_some_and(|until| now < until)
    }

    /// A session that ended in SESSION_COMPROMISED, or by a contradiction in the handshake or the negotiation, without a proof: nothing
    /// is published, and its peer waits.
    pub(super) fn settle_compromised(&mut self, slot: u32) {
        let now = self.clock;
        let Some(entry) = self.sessions.at_mut(slot) else { return };
        let broken = matches!(entry.session.closure(), Some(Closure::Compromised(_) | Closure::Contradiction));
        if !entry.compromised && broken {
            (entry.compromised, entry.tell_compromised) = (true, true);
            self.shun(now, slot);
        }
    }

    pub(super) fn proof_event(&mut self) -> Option<HostEvent<'static>> {
        let proof = self.proof.as_mut().filter(|proof| !proof.told)?;
        proof.told = true;
        let seen = match proof.pair {
            Pair::Bindings(..) => Sighting::BindingPair,
            Pair::Turns(..) => Sighting::ContractPair,
        };
        let (_, published) = response(seen);
        Some(HostEvent::Proof { offender: proof.offender, published })
    }

    /// Signs the accusation that [`HostEvent::Proof`] has told, by the agent that it concerns, and hands it over as a record:
    /// [`HostRequest::Deposit`](super::HostRequest::Deposit). The offender's host is not asked.
    ///
    /// # Errors
    /// [`LocalStatus::NotFound`]: there is none, or its agent is gone. [`LocalStatus::Capacity`]: no table for records.
    /// [`LocalStatus::NotNow`]: an earlier record is to be taken over first.
    pub fn accuse(&mut self, unix: UnixTime) -> Result<(), LocalStatus> {
        let proof = self.proof.as_ref().ok_or(LocalStatus::NotFound)?;
        let Some(agent) = self.agent_of(&proof.accuser) else {
            self.proof = None;
            return Err(LocalStatus::NotFound);
        };
        let identity = self.agents.at(agent).and_then(|agent| agent.identity.as_ref()).ok_or(LocalStatus::NotFound)?;
        let mut body = [0; PROOF];
        let mut length = 0;
        let mut put = |bytes: &[u8]| {
            let room = body.get_mut(length..).unwrap_or_default();
            room.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
            length = length.saturating_add(bytes.len());
        };
        match &proof.pair {
            Pair::Bindings(one, other) => {
                let fragment = |binding: &Binding| HeaderFragment::from(&binding.to_register());
                let (ticket, evidence) = accuse(identity, proof.offender, fragment(one), fragment(other), unix.0);
                put(ticket.as_bytes());
                put(evidence.as_bytes());
            }
            Pair::Turns(one, other) => {
                let mut room = [0; PROOF];
                let claims = [one.as_slice(), other.as_slice()];
                let made = accuse_claims(identity, proof.offender, ClaimKind::Turn, claims, unix.0, &mut room);
                let (ticket, claims) = made.map_err(|_| LocalStatus::Capacity)?;
                put(ticket.as_bytes());
                put(claims.as_bytes());
            }
        }
        self.hand_over(agent, Kind::Accusation, body.get(..length).unwrap_or_default())?;
        self.proof = None;
        Ok(())
    }
}

// What follows from each pair, the table says.
const _: () = {
    assert!(matches!(response(Sighting::BindingPair), (_, Published::ProofOfMal)));
    assert!(matches!(response(Sighting::ContractPair), (_, Published::Revocation)));
};
