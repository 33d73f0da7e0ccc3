//! Datagrams in: whose they are, and what they change (`IACP §4.2.3.4`, `IACP §4.2.4.2`).

use core::net::{IpAddr, SocketAddr};

use iacp_wire::message::{ErpDeflect, ErpStream};
use iacp_wire::{Cookie, Eid, Frame, Locator, Message, MessageType};
use rand_core::CryptoRng;
use zerocopy::network_endian::U16;

use super::event::{Dropped, HostEvent};
use super::frame::ROUTING;
use super::parts::{ANSWERS, ROAMING};
use super::sessions::ITEM;
use super::{INSIDE, LlEntity};
use crate::crypto::Provider;
use crate::erp::binding::Binding;
use crate::erp::context::State;
use crate::erp::deflect::MOST;
use crate::erp::generation::{Cached, Effect, decide};
use crate::erp::local::AgentEvent;
use crate::erp::stream::{Arrival, Way};
use crate::governance::equivocation::TURN;
use crate::pss::shared::Reach;
use crate::pss::{Capabilities, ContentKind, Discard, Incoming, Received, Violation};
use crate::time::Mono;

/// From here on the numbers of frames are heartbeats'.
const HEARTBEATS: u64 = 1 << 63;
/// A higher generation in a header has a peer's binding read again at most this often, in milliseconds.
const NUDGE: u64 = 10_000;

/// The ERP Routing Header of a datagram.
struct Routed {
    source: Eid,
    destination: Eid,
    generation: u64,
    /// The path of a copy that a relay has carried.
    way: Way<'static>,
    /// Where the frame inside begins.
    inner: usize,
}

/// What a router has said of a frame is looked at once, when it comes.
const DEFLECTED: &ErpDeflect = &ErpDeflect {
    original_target_locator: Locator::ZERO,
    original_target_port: U16::new(0),
    deflection_routing_ttl: 0,
    reserved: 0,
};

impl Routed {
    const fn of(head: &ErpStream, way: Way<'static>, inner: usize) -> Self {
        let generation = head.generation_counter.get();
        Self { source: head.source_eid, destination: head.destination_eid, generation, way, inner }
    }
}

fn routed(datagram: &[u8], own: IpAddr) -> Option<Routed> {
    let frame = Frame::parse(datagram).ok().filter(|frame| frame.responder_cookie.is_none())?;
    match frame.message {
        Message::ErpStream { head, .. } => Some(Routed::of(head, Way::Direct, ROUTING)),
        Message::PathRelay { .. } | Message::ErpDeflect { .. } => {
            let arrival = Arrival::read(datagram).ok().filter(|arrival| arrival.outer.is_none())?;
            let way = match arrival.way {
                Way::Relayed { path } => Way::Relayed { path },
                // This host is the target; a router in between is another program.
                Way::Deflected(head)
                    if head.deflection_routing_ttl <= MOST
                        && IpAddr::from(head.original_target_locator) == own.to_canonical() =>
                {
                    Way::Deflected(DEFLECTED)
                }
                _ => return None,
            };
            Some(Routed::of(arrival.head, way, arrival.inner_offset()))
        }
        _ => None,
    }
}

impl<P: Provider, const LOG: usize, const FRAMES: usize, const SPENT: usize> LlEntity<'_, P, LOG, FRAMES, SPENT> {
    /// Takes a datagram that came from `from`. An item is opened where it stands, and told at once; whatever else has
    /// changed, [`Self::poll_event`] says.
    pub fn handle<'d>(
        &mut self,
        now: Mono,
        from: SocketAddr,
        datagram: &'d mut [u8],
        rng: &mut impl CryptoRng,
    ) -> HostEvent<'d> {
        let reach = if from == INSIDE { Reach::Host } else { Reach::Public };
        self.handle_by(now, (from, reach), datagram, rng)
    }

    /// The same, with what the caller knows of the carrier that brought it: [`Reach::Link`] is an interface that is configured as a
    /// link of this host, and nothing else. Local endpoints answer there.
    #[inline(never)]
    pub fn handle_by<'d>(
        &mut self,
        now: Mono,
        (from, reach): (SocketAddr, Reach),
        datagram: &'d mut [u8],
        rng: &mut impl CryptoRng,
    ) -> HostEvent<'d> {
        self.clock = self.clock.max(now);
        let reach = if from != INSIDE && reach == Reach::Host { Reach::Public } else { reach };
        let event = match routed(datagram, self.settings.address) {
            Some(header) if self.has_gone(now, &header) => return self.deflect(now, from, &header, datagram),
            Some(header) => match datagram.get_mut(header.inner..) {
                Some(inner) => self.on_stream(now, (from, reach), &header, inner, rng),
                None => HostEvent::Dropped(Dropped::Malformed),
            },
            None => self.on_control(now, from, datagram),
        };
        self.rotate_groups(now, rng);
        self.correct();
        event
    }

    /// Whether a frame came straight from its sender for an EID that this host has exported just now.
    fn has_gone(&self, now: Mono, header: &Routed) -> bool {
        let any = ROAMING && matches!(header.way, Way::Direct) && self.exported_until.is_some_and(|until| now < until);
        any && self.agent_of(&header.destination).is_none() && self.exported_to(now, &header.destination).is_some()
    }

    /// The host sends it on to where the EID is now: only what belongs to a session that has keys, and each frame once.
    // keeps: IACP-158 (A.14)
    fn deflect<'d>(&mut self, now: Mono, from: SocketAddr, header: &Routed, stream: &'d [u8]) -> HostEvent<'d> {
        let sealed = [MessageType::PssDataStream, MessageType::PssTeardown];
        if !Arrival::read(stream).is_ok_and(|arrival| sealed.contains(&arrival.inner)) {
            return HostEvent::Dropped(Dropped::NoAgent);
        }
        if self.door.admit(now, from, 1).is_err() {
            return HostEvent::Dropped(Dropped::RateLimited);
        }
        match self.exported_to(now, &header.destination) {
            Some(to) => HostEvent::Deflect { to, stream },
            None => HostEvent::Dropped(Dropped::NoAgent),
        }
    }

    /// Frames that carry their own proof: confirmations, bindings, notices of accusations.
    #[inline(never)]
    fn on_control(&mut self, now: Mono, from: SocketAddr, datagram: &[u8]) -> HostEvent<'static> {
        let Ok(frame) = Frame::parse(datagram) else { return HostEvent::Dropped(Dropped::Malformed) };
        match frame.message {
            Message::ErpConfirm(confirm) => self.on_confirm(now, from, &frame, confirm, datagram),
            Message::AnmlFallbackAnswer(answer) => self.on_fallback_answer(now, from, answer, datagram),
            Message::MigrationVector(_) | Message::ErpRegister(_) => match Binding::of_frame(&frame) {
                Some(binding) => self.on_binding(now, from, binding),
                None => HostEvent::Dropped(Dropped::Malformed),
            },
            Message::PomNotice(notice) => self.on_notice(now, from, &frame, notice, datagram),
            // Ignored: a refused frame is repeated and given up by its own timer.
            Message::Error(_) => HostEvent::Dropped(Dropped::NotAsked),
            _ => HostEvent::Dropped(Dropped::Malformed),
        }
    }

    /// The rule of §4.2.5.2 for a frame that carries a binding. It is verified only where that can change something.
    // keeps: IACP-091 (§4.2.5.2), IACP-093 (§4.2.5.2)
    #[inline(never)]
    fn on_binding(&mut self, now: Mono, from: SocketAddr, binding: Binding) -> HostEvent<'static> {
        if let Some(slot) = self.agent_of(&binding.eid) {
            // Another host speaks for an agent of ours; what we may have signed ourselves is an echo.
            if !self.agents.at(slot).is_some_and(|agent| agent.is_foreign(&binding)) {
                return HostEvent::Dropped(Dropped::Generation);
            }
            if self.door.admit(now, from, 1).is_err() {
                return HostEvent::Dropped(Dropped::RateLimited);
            }
            if binding.verify::<P>().is_err() {
                return HostEvent::Dropped(Dropped::Signature);
            }
            self.on_own_binding(now, slot, &binding);
            return HostEvent::Taken;
        }
        // Unasked bindings of strangers fill nothing.
        let Some(slot) = self.peer_of(&binding.eid) else { return HostEvent::Dropped(Dropped::NotAsked) };
        let known = self.peers.at(slot).and_then(|peer| peer.binding);
        let cached = known.map(|known| Cached { generation: known.generation, ip: known.ip });
        let mut limited = false;
        let effect = decide(binding.generation, cached, Some(binding.ip), true, || {
            limited = self.door.admit(now, from, 1).is_err();
            !limited && binding.verify::<P>().is_ok()
        });
        match effect {
            Effect::Enter | Effect::Replace | Effect::Leave => {
                self.take_binding(now, slot, binding, Some(from));
                HostEvent::Taken
            }
            _ if limited => HostEvent::Dropped(Dropped::RateLimited),
            Effect::Process if known.is_some() => HostEvent::Taken,
            // A binding that does not verify is not a header of an inner frame: nothing is left of it.
            Effect::Process | Effect::Offer => HostEvent::Dropped(Dropped::Signature),
            Effect::Equivocation => {
                if let Some(known) = known {
                    self.bindings_contradict(slot, known, binding);
                }
                HostEvent::Dropped(Dropped::Equivocation)
            }
            Effect::Drop => HostEvent::Dropped(Dropped::Generation),
        }
    }

    /// A frame between two agents.
    // keeps: IACP-080 (§4.2.3.4)
    fn on_stream<'d>(
        &mut self,
        now: Mono,
        (from, reach): (SocketAddr, Reach),
        header: &Routed,
        inner: &'d mut [u8],
        rng: &mut impl CryptoRng,
    ) -> HostEvent<'d> {
        let Routed { source, destination, generation, .. } = header;
        let reach = if header.way.is_carried() { Reach::Public } else { reach };
        if source == destination {
            return HostEvent::Dropped(Dropped::NoAgent);
        }
        let Some(agent) = self.agent_of(destination) else { return HostEvent::Dropped(Dropped::NoAgent) };
        let state = self.state(agent);
        if !matches!(state, State::Bound | State::Transition | State::EvolvePending) {
            return HostEvent::Dropped(Dropped::NotNow);
        }
        let peer = self.peer_of(source);
        let known = peer.and_then(|peer| self.peers.at(peer)).and_then(|peer| peer.binding);
        let cached = known.map(|known| Cached { generation: known.generation, ip: known.ip });
        // A header is not authenticated: it replaces nothing, and what is below is dropped without any cryptography.
        let higher = match decide(*generation, cached, None, true, || false) {
            Effect::Drop => return HostEvent::Dropped(Dropped::Generation),
            Effect::Offer => true,
            Effect::Process | Effect::Enter | Effect::Replace | Effect::Leave | Effect::Equivocation => false,
        };
        let incoming = match Incoming::parse(inner) {
            Ok(incoming) if header.way.is_carried() => incoming.carried(),
            Ok(incoming) => incoming,
            Err(discard) => return HostEvent::Dropped(Dropped::Session(discard)),
        };
        let Some((initiator, responder)) = incoming.cookies() else {
            return HostEvent::Dropped(Dropped::Session(Discard::NotForSession));
        };
        let kind = incoming.message_type();
        let hearing =
            if kind == MessageType::PssNeg { self.session_of((initiator, Cookie::ZERO), agent) } else { None };
        let found = hearing.or_else(|| self.session_of((initiator, responder), agent));
        // A frame of no session is dropped at no cost, unless it opens one. Refusing a PSS_INIT costs a signature check, so it is
        // limited here; sessions that this host's agents open were limited by OPEN.
        if found.is_none() {
            if !matches!(kind, MessageType::PssInit | MessageType::PssAck) {
                return HostEvent::Dropped(Dropped::Session(Discard::Cookie));
            }
            if from != INSIDE && self.door.admit(now, from, 1).is_err() {
                return HostEvent::Dropped(Dropped::RateLimited);
            }
        }
        match (found, incoming) {
            (Some(slot), incoming) => self.hear(now, (from, reach), (agent, slot), header, higher, incoming, rng),
            (None, Incoming::Signed(signed)) if ANSWERS && kind == MessageType::PssInit => {
                self.greet(now, from, agent, state, source, &signed)
            }
            (None, Incoming::Signed(signed)) if ANSWERS && kind == MessageType::PssAck => {
                self.accept(now, from, agent, state, source, &signed, rng)
            }
            (None, _) => HostEvent::Dropped(Dropped::Session(Discard::Cookie)),
        }
    }

    /// A frame with a session's cookies.
    #[expect(clippy::too_many_arguments, reason = "what the header says, and whose session it is")]
    #[inline(never)]
    fn hear<'d>(
        &mut self,
        now: Mono,
        (from, reach): (SocketAddr, Reach),
        (agent, slot): (u32, u32),
        header: &Routed,
        higher: bool,
        incoming: Incoming<'d>,
        rng: &mut impl CryptoRng,
    ) -> HostEvent<'d> {
        let (Some(entry), Some(context)) = (self.sessions.at_mut(slot), self.agents.at(agent)) else {
            return HostEvent::Dropped(Dropped::NoAgent);
        };
        if entry.session.peer() != header.source {
            return HostEvent::Dropped(Dropped::Session(Discard::Cookie));
        }
        // Cookies and EIDs pass by in clear: the session's own share first, so that no one session uses up that of all.
        if let Incoming::Signed(_) = incoming
            && !(entry.signed.take(now, entry.session.locator() == from) && self.live.take(now, 1).is_ok())
        {
            return HostEvent::Dropped(Dropped::RateLimited);
        }
        if let Incoming::Sealed(sealed) = &incoming {
            let data = sealed.sequence < HEARTBEATS;
            if data && (context.state == State::EvolvePending || context.paused) {
                // As if it were lost: the peer repeats it.
                return HostEvent::Dropped(Dropped::NotNow);
            }
        }
        let turn = match &incoming {
            Incoming::Signed(signed) if entry.bargain > 0 => <[u8; TURN]>::try_from(signed.bytes).ok(),
            _ => None,
        };
        if let Some(turn) = &turn
            && self.breaks_bargain(now, agent, slot, turn)
        {
            return HostEvent::Taken;
        }
        let (Some(entry), Some(context)) = (self.sessions.at_mut(slot), self.agents.at(agent)) else {
            return HostEvent::Dropped(Dropped::NoAgent);
        };
        let Some(identity) = &context.identity else { return HostEvent::Dropped(Dropped::NoAgent) };
        let sequence = match &incoming {
            Incoming::Sealed(sealed) => Some(sealed.sequence),
            Incoming::Signed(_) => None,
        };
        let paths = entry.paths.checked_sub(1).and_then(|place| self.paths.at_mut(place));
        if let (Some(paths), Some(sequence)) = (paths, sequence)
            && paths.accounts.is_late_copy(now, sequence)
        {
            // It has come by another path: it needs no cryptography, and no answer.
            paths.accounts.copy(now, &header.way, from, sequence, false);
            return HostEvent::Dropped(Dropped::Session(Discard::Duplicate));
        }
        if sequence.is_some_and(|sequence| sequence < HEARTBEATS) && !entry.may_take(now) {
            return HostEvent::Dropped(Dropped::RateLimited);
        }
        let received = entry.session.take(now, identity, from, incoming);
        if matches!(received, Received::Data { .. }) {
            entry.has_taken(now);
        }
        let (eid, channel) = (context.eid(), context.channel);
        if entry.vector.is_some() && entry.session.peer_holds_keys() && !matches!(received, Received::Discarded(_)) {
            // Something authentic came to where we are now.
            entry.vector = None;
        }
        if let Some(sequence) = sequence {
            match received {
                Received::Discarded(Discard::Seal) => self.altered(now, slot, (from, &header.way), sequence),
                Received::Discarded(_) => {}
                _ => self.came_by_path(now, slot, (from, &header.way), sequence),
            }
        }
        if let (Some(turn), Received::Taken) = (&turn, &received) {
            self.heard_turn(slot, turn);
        }
        if !matches!(received, Received::Discarded(_)) {
            self.came_near(slot, from, reach);
            self.heard(slot, agent);
            self.refile(now, slot, rng);
            if higher {
                self.nudge(now, &header.source);
            }
        }
        self.touch(slot);
        match received {
            Received::Taken => HostEvent::Taken,
            Received::Discarded(discard) => HostEvent::Dropped(Dropped::Session(discard)),
            Received::Data { kind: ContentKind::Resume, content, .. } => {
                self.on_resume(now, slot, content);
                HostEvent::Taken
            }
            Received::Data { kind, sequence, content } if kind != ContentKind::Anml && self.has_endpoints(slot) => {
                self.on_shared(now, (agent, slot), (kind, sequence, reach), content)
            }
            // Without ENDPOINTS a path report has no meaning.
            Received::Data { kind: kind @ ContentKind::PathReport, .. } => {
                self.violated(now, agent, slot, Violation::Kind(kind.code()))
            }
            Received::Data { kind: ContentKind::Anml, sequence, content } if self.has_items(slot) => {
                let taken = self.take_item(slot, content);
                self.free_items(now, slot);
                match taken {
                    Ok(Some(item)) => {
                        let content = content.get_mut(ITEM..).unwrap_or_default();
                        let event = AgentEvent::Data { sequence, item: Some(item), content };
                        HostEvent::Agent { eid, channel, session: self.sessions.handle(slot), event }
                    }
                    // It was delivered before.
                    Ok(None) => HostEvent::Taken,
                    Err(violation) => self.violated(now, agent, slot, violation),
                }
            }
            Received::Data { sequence, content, .. } => {
                let event = AgentEvent::Data { sequence, item: None, content };
                HostEvent::Agent { eid, channel, session: self.sessions.handle(slot), event }
            }
        }
    }

    fn has_items(&self, slot: u32) -> bool {
        self.sessions.at(slot).is_some_and(|entry| entry.session.capabilities().contains(Capabilities::RESUME))
    }

    /// An authentic frame of the peer's has no meaning: its session alone ends.
    pub(super) fn violated(&mut self, now: Mono, agent: u32, slot: u32, violation: Violation) -> HostEvent<'static> {
        if let (Some(entry), Some(context)) = (self.sessions.at_mut(slot), self.agents.at(agent))
            && let Some(identity) = &context.identity
        {
            entry.session.violated(now, identity, violation);
        }
        self.touch(slot);
        HostEvent::Taken
    }

    /// An authentic frame came under a higher generation than is known: the peer's binding is read.
    // keeps: IACP-097 (§4.2.6.2)
    fn nudge(&mut self, now: Mono, source: &Eid) {
        let Some(slot) = self.peer_of(source).filter(|_| self.settings.quorum().is_some()) else { return };
        let Some(peer) = self.peers.at_mut(slot) else { return };
        if peer.nudged.is_none_or(|since| now.since(since) >= NUDGE) {
            peer.nudged = Some(now);
            self.ask_peer(now, slot);
        }
    }

    /// The first sealed frame of a session that a peer has opened: it is the outcome of an attempt of ours that crossed it.
    fn heard(&mut self, slot: u32, agent: u32) {
        let Some(entry) = self.sessions.at_mut(slot) else { return };
        if entry.heard || !entry.session.peer_holds_keys() {
            return;
        }
        entry.heard = true;
        if !entry.incoming {
            return;
        }
        let peer = entry.session.peer();
        let mut next = self.first_with(&peer);
        while let Some(other) = next {
            let Some(entry) = self.sessions.at_mut(other) else { break };
            next = entry.peer_next.checked_sub(1);
            let crossed = entry.agent == agent && entry.session.is_attempt_toward(&peer);
            if crossed && entry.session.supersede().is_ok() {
                let request = entry.request;
                self.touch(other);
                if let Some(entry) = self.sessions.at_mut(slot) {
                    entry.request = request;
                }
                break;
            }
        }
    }
}

#[cfg(test)]
mod tests;
