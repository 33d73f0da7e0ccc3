//! The door: handshakes of peers, answered from a cookie secret and accepted when that is shown (`IACP §6.4.2`).

use core::net::SocketAddr;

use iacp_wire::{Digest, Eid, Message};
use rand_core::CryptoRng;

use super::event::{Dropped, HostEvent, To};
use super::frame::{ROUTING, write_routing};
use super::throttle::{Throttle, terms_for};
use super::{INSIDE, LlEntity};
use crate::crypto::Provider;
use crate::erp::context::State;
use crate::pss::{Admission, Capabilities, Discard, Gate, Replied, Settings, Signed};
use crate::time::Mono;

/// What is known when a PSS_ACK comes: it was looked up before.
struct AtDoor {
    standing: Admission,
    stands: bool,
}

impl Gate for AtDoor {
    fn standing(&mut self, _: &Eid) -> Admission {
        self.standing
    }

    fn stands_against(&mut self, _: &Eid) -> bool {
        self.stands
    }
}

impl<P: Provider, const LOG: usize, const FRAMES: usize, const SPENT: usize> LlEntity<'_, P, LOG, FRAMES, SPENT> {
    /// A PSS_INIT: answered from a cookie secret, and forgotten.
    #[inline(never)]
    pub(super) fn greet(
        &mut self,
        now: Mono,
        from: SocketAddr,
        agent: u32,
        state: State,
        source: &Eid,
        signed: &Signed<'_>,
    ) -> HostEvent<'static> {
        let dropped = |discard| HostEvent::Dropped(Dropped::Session(discard));
        let Message::PssInit(init) = signed.frame.message else { return dropped(Discard::NotForSession) };
        if init.initiator_eid != *source {
            return dropped(Discard::Cookie);
        }
        // Known bad: from memory alone. Everything else may show its address first.
        if self.is_challenged(source) || self.is_shunned(now, source) {
            return dropped(Discard::Reputation);
        }
        let standing = self.standing_at_door(now, source);
        if matches!(standing, Some((Admission::Drop | Admission::DemandWork, _))) {
            return dropped(Discard::Reputation);
        }
        if !self.has_room(agent, source) {
            return dropped(Discard::Capacity);
        }
        let Some(context) = self.agents.at(agent) else { return dropped(Discard::NotNow) };
        let (Some(listen), Some(identity), State::Bound) = (context.listen.get(), &context.identity, state) else {
            return HostEvent::Dropped(Dropped::NotNow);
        };
        if context.incoming >= listen.sessions || self.sessions.is_full() || context.rotated.is_some() {
            return dropped(Discard::Capacity);
        }
        // The cookie is bound to the terms: where the verdict is known only later, the handshake begins anew with these.
        let throttled = matches!(standing, Some((_, true)));
        let terms = terms_for(listen.terms, throttled);
        let settings = Settings { capabilities: listen.capabilities, terms };
        let out = self.reply.bytes.get_mut(ROUTING..).unwrap_or_default();
        let admit = |_: &Eid| Admission::Admit;
        match self.responder.answer_as(now, &settings, identity, from, signed, admit, out) {
            Ok(Replied::Negotiate { length, initiator, cookie, proof, .. }) => {
                let generation = context.binding.map_or(0, |binding| binding.generation);
                write_routing(context.eid(), *source, generation, length, &mut self.reply.bytes);
                self.reply.length = ROUTING.saturating_add(length);
                self.reply.to = Some(if from == INSIDE { To::Inside } else { To::Network(from) });
                match proof {
                    Some(proof) => HostEvent::Greeted { eid: context.eid(), peer: initiator, cookie, proof },
                    None => HostEvent::Taken,
                }
            }
            Ok(Replied::DemandWork { .. }) => dropped(Discard::Reputation),
            Err(crate::pss::NotAnswered::Discard(discard)) => dropped(discard),
            Err(crate::pss::NotAnswered::TooSmall(_)) => dropped(Discard::Capacity),
        }
    }

    /// A PSS_ACK that belongs to no session yet.
    #[expect(clippy::too_many_arguments, reason = "what the header says, and for which agent")]
    #[inline(never)]
    pub(super) fn accept(
        &mut self,
        now: Mono,
        from: SocketAddr,
        agent: u32,
        state: State,
        source: &Eid,
        signed: &Signed<'_>,
        rng: &mut impl CryptoRng,
    ) -> HostEvent<'static> {
        let dropped = |discard| HostEvent::Dropped(Dropped::Session(discard));
        let Message::PssAck(ack) = signed.frame.message else { return dropped(Discard::NotForSession) };
        if ack.responder_eid != *source {
            return dropped(Discard::Cookie);
        }
        let Some(listen) = self.agents.at(agent).and_then(|context| context.listen.get()) else {
            return HostEvent::Dropped(Dropped::NotNow);
        };
        let room = self.agents.at(agent).is_some_and(|context| {
            context.incoming < listen.sessions && context.rotated.is_none() && state == State::Bound
        });
        let resume = Capabilities::from_bits(ack.agreed_capabilities.get()).contains(Capabilities::RESUME);
        let shares = Capabilities::from_bits(ack.agreed_capabilities.get()).contains(Capabilities::ENDPOINTS);
        let full = (resume && self.lines.is_full()) || (shares && self.shared.is_full());
        if !room || full || self.sessions.is_full() || !self.has_room(agent, source) {
            return dropped(Discard::Capacity);
        }
        if self.is_challenged(source) || self.is_shunned(now, source) {
            return dropped(Discard::Reputation);
        }
        // Its standing is asked only if the cookie is ours: until then nothing is looked up.
        let (standing, throttled) = match self.standing_at_door(now, source) {
            Some(known) => known,
            None => (Admission::NotKnownYet, false),
        };
        let stands = self.attempt_stands(agent, source);
        let terms = terms_for(listen.terms, throttled);
        let settings = Settings { capabilities: listen.capabilities, terms };
        let Some(identity) = self.agents.at(agent).and_then(|context| context.identity.as_ref()) else {
            return HostEvent::Dropped(Dropped::NotNow);
        };
        let mut gate = AtDoor { standing, stands };
        let accepted = &self.responder.accept_as(now, &settings, identity, from, signed, &mut gate);
        let accepted = match accepted {
            Ok(accepted) => accepted,
            Err(Discard::Reputation) if standing == Admission::NotKnownYet => {
                // The address is proven: now the directory may be asked, and the repeated PSS_ACK asks again.
                self.ask_for_stranger(now, from, source);
                return dropped(Discard::Reputation);
            }
            Err(discard) => return dropped(*discard),
        };
        let turn_one = Digest(accepted.negotiation_digest);
        let (own, (cookie, _), contract) = (accepted.own, accepted.cookies(), accepted.wants_contract());
        let Ok(handle) = self.claim_session(agent) else { return dropped(Discard::Capacity) };
        let slot = handle.slot();
        let Some(entry) = self.sessions.get_mut(handle) else { return dropped(Discard::Capacity) };
        let begun = entry.session.hold(listen.hold).is_ok() && entry.session.accept(now, accepted).is_ok();
        (entry.incoming, entry.throttle) = (true, throttled.then(|| Throttle::new(now)).into());
        if let Some(context) = self.agents.at_mut(agent) {
            context.incoming += 1;
        }
        if !begun || !self.attach_peer(slot, source) {
            self.free_session(slot);
            return dropped(Discard::Capacity);
        }
        if resume {
            self.claim_line(slot, None);
        }
        if shares {
            self.claim_shared(slot);
        }
        self.keep_bargain(slot, turn_one);
        self.ask_anew(now, source);
        // The set of spent cookies may be full now: it goes with its secret, and the next peer does not wait for another.
        if self.responder.next_deadline() <= now {
            self.responder.handle_deadline(now, rng);
        }
        self.rest_attempts(now, agent, source, slot);
        self.refile(now, slot, rng);
        self.touch(slot);
        HostEvent::Met { eid: own, peer: *source, cookie, contract }
    }

    /// Whether one more session of this agent's would have its share and an entry for its peer. It is asked before a cookie is
    /// spent.
    fn has_room(&mut self, agent: u32, source: &Eid) -> bool {
        let share = self.settings.sessions_each;
        self.agents.at(agent).is_some_and(|context| context.session_count < share) && self.has_peer_room(source)
    }

    /// A stranger has shown its address. Tokens are taken only where a question is put.
    fn ask_for_stranger(&mut self, now: Mono, from: SocketAddr, eid: &Eid) {
        let known = self.peer_of(eid).and_then(|slot| self.peers.at(slot));
        if known.is_some_and(|peer| !peer.may_be_asked(now)) || !self.has_peer_room(eid) {
            return;
        }
        let place = self.door.place(from.ip());
        let Some(reads) = self.shares.of(now, place) else { return };
        if self.strangers.take(now, 1).is_err() {
            return;
        }
        *reads += 1;
        if let Some(slot) = self.peer_entry(eid) {
            self.ask_peer(now, slot);
        }
    }

    /// What is old still counts for a peer that is admitted, and is read again.
    fn ask_anew(&mut self, now: Mono, eid: &Eid) {
        if self.settings.quorum().is_none() || self.agent_of(eid).is_some() {
            return;
        }
        let Some(slot) = self.peer_of(eid) else { return };
        let old = |peer: &super::Peer| peer.standing.get().is_some_and(|(_, until)| until <= now);
        if self.peers.at(slot).is_some_and(old) {
            self.ask_peer(now, slot);
        }
    }

    /// What is known of a peer's standing, without asking. A host without a directory admits all, and so does one of a peer
    /// of its own. A refusal that is no longer believed is none: it is asked again first.
    fn standing_at_door(&self, now: Mono, eid: &Eid) -> Option<(Admission, bool)> {
        if self.settings.quorum().is_none() || self.agent_of(eid).is_some() {
            return Some((Admission::Admit, false));
        }
        let (standing, until) = self.peers.at(self.peer_of(eid)?)?.standing.get()?;
        let refused = matches!(standing, Admission::Drop | Admission::DemandWork);
        (!refused || now < until).then_some((standing, standing == Admission::Throttle))
    }

    /// Whether an attempt of this agent's stands against the peer's own.
    fn attempt_stands(&self, agent: u32, peer: &Eid) -> bool {
        let mut next = self.first_with(peer);
        while let Some(entry) = next.and_then(|slot| self.sessions.at(slot)) {
            next = entry.peer_next.checked_sub(1);
            if entry.agent == agent && entry.session.stands_against(peer) {
                return true;
            }
        }
        false
    }

    /// Attempts of this agent's that crossed the peer's rest.
    fn rest_attempts(&mut self, now: Mono, agent: u32, peer: &Eid, accepted: u32) {
        let mut next = self.first_with(peer);
        while let Some(slot) = next {
            let Some(entry) = self.sessions.at_mut(slot) else { break };
            next = entry.peer_next.checked_sub(1);
            let crossed = slot != accepted && entry.agent == agent && entry.session.is_attempt_toward(peer);
            if crossed && entry.session.rest(now).is_ok() {
                self.touch(slot);
            }
        }
    }
}
