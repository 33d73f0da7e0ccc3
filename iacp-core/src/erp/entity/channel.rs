//! Agents in other processes: the frames of their local channels (`IACP §4.2.2.2`).

use iacp_wire::message::{AaiNotice, ErpAlloc, ErrorMessage, Local};
use iacp_wire::{Digest, Frame, IatField, Message, RefusedDigest};
use rand_core::CryptoRng;

use super::LlEntity;
use super::desk::Done;
use super::event::{Dropped, HostEvent};
use super::frame::set_payload;
use crate::crypto::Provider;
use crate::erp::local::{AgentEvent, LocalStatus, Request};
use crate::slots::Handle;
use crate::time::Mono;

/// Contexts of one channel.
const CONTEXTS: u8 = 16;
/// ERP_INITs of one account in a second.
const INITS: u32 = 4;
/// Wrong tokens that come by one channel in a minute before it is shut.
const WRONG: u8 = 8;
const MINUTE: u64 = 60_000;
/// The ERROR code of a host that is full.
const ERROR_CAPACITY: u16 = 4;

/// The length of a RESULT without content.
const RESULT: usize = 88;

/// What an agent is answered, in the caller's buffer: its length, or nothing.
pub(super) type Reply = usize;

impl<P: Provider, const LOG: usize, const FRAMES: usize, const SPENT: usize> LlEntity<'_, P, LOG, FRAMES, SPENT> {
    /// Takes a frame of the local channel with this number. Its answer, if there is one, is written to the front of
    /// `out`: 256 bytes suffice, and 1,200 where agents have endpoints, for READ is answered by VALUE and RESULT, one behind
    /// the other. Its length is returned.
    ///
    /// A channel's number is its place in the memory of channels. It selects where answers are
    /// sent. It does not identify the agent; the token in each frame does.
    ///
    /// # Errors
    /// The frame did nothing, and is answered by silence.
    // keeps: IACP-066 (§4.2.1.1–2), IACP-072 (§4.2.2.2)
    pub fn handle_local(
        &mut self,
        now: Mono,
        channel: u32,
        frame: &[u8],
        out: &mut [u8],
        rng: &mut impl CryptoRng,
    ) -> Result<usize, Dropped> {
        let place = usize::try_from(channel).ok().and_then(|place| self.channels.get_mut(place));
        let state = place.ok_or(Dropped::ChannelShut)?;
        match state.shut {
            Some(until) if now < until => return Err(Dropped::ChannelShut),
            Some(_) => (state.shut, state.wrong) = (None, (now, 0)),
            None => {}
        }
        let answer = self.on_local(now, channel, frame, out, rng);
        if answer == Err(Dropped::Token) {
            self.wrong_token(now, channel);
        }
        self.correct();
        answer
    }

    fn on_local(
        &mut self,
        now: Mono,
        channel: u32,
        bytes: &[u8],
        out: &mut [u8],
        rng: &mut impl CryptoRng,
    ) -> Result<Reply, Dropped> {
        let frame = Frame::parse(bytes).map_err(|_| Dropped::Malformed)?;
        match frame.message {
            Message::ErpInit(init) => {
                let (airk, digest) = (frame.tlvs.airk().copied(), frame.tlvs.app_digest().copied());
                match self.begin_on(now, channel, airk, digest.unwrap_or(Digest::ZERO), rng) {
                    Ok(slot) => self.write_alloc(slot, init.initialization_nonce.0, out),
                    Err(_) => Ok(refuse::<P>(bytes, out)),
                }
            }
            Message::ErpKeepalive(alive) => {
                let slot = self.authenticate(now, &alive.eid, &alive.local_iat.0).ok_or(Dropped::Token)?;
                self.came_by(slot, channel);
                self.keepalive(now, slot, frame.tlvs.app_digest());
                Ok(0)
            }
            Message::Local { head, inner } => {
                // A frame that is not a request proves nothing, so it is refused before the token is looked at.
                let inside = Frame::parse(inner).map_err(|_| Dropped::Malformed)?;
                if !matches!(inside.message, Message::AaiRequest { .. } | Message::ErpEvolve(_)) {
                    return Err(Dropped::Malformed);
                }
                let slot = self.authenticate(now, &head.eid, &head.local_iat.0).ok_or(Dropped::Token)?;
                self.came_by(slot, channel);
                self.on_request(now, slot, head, &inside, inner, out, rng)
            }
            _ => Err(Dropped::Malformed),
        }
    }

    /// What is inside a frame with the right token.
    #[expect(clippy::too_many_arguments, reason = "the frame, its envelope, and where the answer goes")]
    fn on_request(
        &mut self,
        now: Mono,
        slot: u32,
        envelope: &Local,
        frame: &Frame<'_>,
        bytes: &[u8],
        out: &mut [u8],
        rng: &mut impl CryptoRng,
    ) -> Result<Reply, Dropped> {
        let (number, session, done) = match frame.message {
            Message::ErpEvolve(evolve) => (0, 0, self.evolve(now, slot, frame, evolve, bytes).map(|()| Done::Ok)),
            Message::AaiRequest { head, arguments } => {
                let (number, session) = (head.request.get(), head.session.get());
                let done = match Request::parse(head, arguments) {
                    Ok(request) => {
                        let handle = Handle::from_bits(session);
                        let named =
                            if session != 0 && handle.is_none() { Err(LocalStatus::NoSession) } else { Ok(handle) };
                        let done = named.and_then(|handle| self.perform(now, slot, handle, number, &request, rng));
                        if let (Ok(Done::Rotated(new)), Request::Rotate { nonce, .. }) = (&done, request) {
                            return self.write_alloc(*new, nonce, out);
                        }
                        done
                    }
                    Err(_) => Err(LocalStatus::Refused),
                };
                (number, session, done)
            }
            _ => return Err(Dropped::Malformed),
        };
        // The answer is yet to come.
        if let Ok(Done::Later) = done {
            return Ok(0);
        }
        // An own value goes before its RESULT.
        let (start, done) = match done {
            Ok(Done::Value(coordinate)) => match self.write_value(slot, &coordinate, out) {
                Some(length) => (length, Ok(Done::Ok)),
                None => (0, Err(LocalStatus::Capacity)),
            },
            done => (0, done),
        };
        let out = out.get_mut(start..).unwrap_or_default();
        // With number 0 only a refusal is answered.
        if number == 0 && done.is_ok() {
            return Ok(start);
        }
        let (known, mapping);
        let mut content: &[u8] = &[];
        let (status, session) = match &done {
            Ok(Done::Session(handle)) => (0, handle.bits()),
            Ok(Done::Coordinate(coordinate)) => {
                content = &coordinate.0;
                (0, session)
            }
            Ok(Done::Standing(standing)) => {
                known = standing.to_bytes();
                content = &known;
                (0, session)
            }
            Ok(Done::Mapped(mapped)) => {
                mapping = mapped.to_bytes();
                content = &mapping;
                (0, session)
            }
            Ok(Done::Derived(esd_eid)) => {
                content = esd_eid.as_bytes();
                (0, session)
            }
            Ok(Done::Ok | Done::Value(_) | Done::Later | Done::Rotated(_) | Done::Left) => (0, session),
            Err(status) => (status.code(), session),
        };
        let notice = AaiNotice {
            notice: 1.into(),
            result_status: status.into(),
            request: number.into(),
            session: session.into(),
        };
        Ok(start.saturating_add(write_result(envelope, &notice, content, out)))
    }

    /// VALUE of an own endpoint; `None` where `out` has no room for it and for a RESULT.
    fn write_value(&self, slot: u32, coordinate: &Digest, out: &mut [u8]) -> Option<Reply> {
        let (agent, endpoint) = (self.agents.at(slot)?, self.endpoint_of(slot, coordinate)?);
        let (version, value) = (endpoint.version(), endpoint.value());
        let event = AgentEvent::Value { coordinate: *coordinate, version, value };
        let event = HostEvent::Agent { eid: agent.eid(), channel: Some(0), session: None, event };
        let room = out.len().checked_sub(RESULT)?;
        event.write(out.get_mut(..room)?).ok().flatten().map(|(_, length)| length)
    }

    fn begin_on(
        &mut self,
        now: Mono,
        channel: u32,
        airk: Option<iacp_wire::Eid>,
        digest: Digest,
        rng: &mut impl CryptoRng,
    ) -> Result<u32, LocalStatus> {
        self.may_begin_on(now, channel)?;
        self.allocate(now, Some(channel), airk, digest, rng)
    }

    /// Says whose a local channel is from now on. The contexts that the channels of one account begin count together, so that no
    /// account takes all contexts of the host. An account is a number of the caller's, such as that of a process; a channel with
    /// account 0, or of which nothing is said, is an account of its own.
    // keeps: IACP-072 (§4.2.2.2)
    pub fn assign_channel(&mut self, channel: u32, account: u32) {
        if let Some(state) = usize::try_from(channel).ok().and_then(|place| self.channels.get_mut(place)) {
            state.account = account;
        }
    }

    /// Whether one more context may begin by a channel, for an ERP_INIT or a ROTATE of its own: within the rate and the share of
    /// its account.
    pub(super) fn may_begin_on(&mut self, now: Mono, channel: u32) -> Result<(), LocalStatus> {
        let own = usize::try_from(channel).ok().ok_or(LocalStatus::Capacity)?;
        let state = *self.channels.get(own).ok_or(LocalStatus::Capacity)?;
        let (mut contexts, mut inits) = (0, 0);
        for (place, channel) in self.channels.iter().enumerate() {
            if place == own || (state.account != 0 && channel.account == state.account) {
                contexts += u32::from(channel.contexts);
                inits += if now.since(channel.inits.0) < 1_000 { u32::from(channel.inits.1) } else { 0 };
            }
        }
        if inits >= INITS || contexts >= self.settings.contexts_each || state.contexts >= CONTEXTS {
            return Err(LocalStatus::Capacity);
        }
        if let Some(state) = self.channels.get_mut(own) {
            if now.since(state.inits.0) >= 1_000 {
                state.inits = (now, 0);
            }
            state.inits.1 = state.inits.1.saturating_add(1);
        }
        Ok(())
    }

    /// The agent is at this channel now: answers go there. A channel that has its share of contexts becomes no other's.
    fn came_by(&mut self, slot: u32, channel: u32) {
        let Some(agent) = self.agents.at_mut(slot).filter(|agent| agent.channel != Some(channel)) else { return };
        let place = usize::try_from(channel).ok().and_then(|place| self.channels.get(place));
        if place.is_none_or(|state| state.contexts >= CONTEXTS) {
            return;
        }
        let before = agent.channel.replace(channel);
        let mut count = |channel: Option<u32>, change: fn(u8) -> u8| {
            let place = channel.and_then(|channel| usize::try_from(channel).ok());
            if let Some(state) = place.and_then(|place| self.channels.get_mut(place)) {
                state.contexts = change(state.contexts);
            }
        };
        count(before, |contexts| contexts.saturating_sub(1));
        count(Some(channel), |contexts| contexts.saturating_add(1));
    }

    /// The agent lives; another digest than the one that is known says that its software has changed.
    pub(super) fn keepalive(&mut self, now: Mono, slot: u32, digest: Option<&Digest>) {
        let known = self.agents.at(slot).map(|agent| agent.digest);
        if digest.is_some_and(|digest| known != Some(*digest)) {
            self.digest_changed(now, slot);
            self.correct();
        }
    }

    /// A token that is not the agent's. Too many of them shut the channel.
    fn wrong_token(&mut self, now: Mono, channel: u32) {
        let Some(state) = usize::try_from(channel).ok().and_then(|place| self.channels.get_mut(place)) else { return };
        if now.since(state.wrong.0) >= MINUTE {
            state.wrong = (now, 0);
        }
        state.wrong.1 = state.wrong.1.saturating_add(1);
        if state.wrong.1 >= WRONG {
            state.shut = Some(now.after(MINUTE));
            self.channel_news = Some(channel);
        }
    }

    /// ERP_ALLOC: the EID, and the token for the one that has asked.
    // keeps: IACP-075 (§4.2.3.1)
    fn write_alloc(&self, slot: u32, nonce: [u8; 32], out: &mut [u8]) -> Result<Reply, Dropped> {
        let eid = self.agents.at(slot).ok_or(Dropped::NoAgent)?.eid();
        let mut alloc = ErpAlloc {
            initialization_nonce: iacp_wire::InitializationNonce(nonce),
            allocated_eid: eid,
            local_iat: self.token(slot),
        };
        let written = Frame::new(Message::ErpAlloc(&alloc)).write(out);
        zeroize::Zeroize::zeroize(&mut alloc.local_iat.0);
        written.map_err(|_| Dropped::Malformed)
    }
}

/// ERROR CAPACITY.
fn refuse<P: Provider>(frame: &[u8], out: &mut [u8]) -> Reply {
    let digest = P::sha256(&[frame]).first_chunk().copied().unwrap_or_default();
    let error = ErrorMessage {
        code: ERROR_CAPACITY.into(),
        refused_type: iacp_wire::MessageType::ErpInit.code(),
        reserved: 0,
        retry_after: 1_000.into(),
        refused_digest: RefusedDigest(digest),
    };
    Frame::new(Message::Error(&error)).write(out).unwrap_or(0)
}

/// RESULT, in a LOCAL with a zero token.
fn write_result(envelope: &Local, notice: &AaiNotice, content: &[u8], out: &mut [u8]) -> Reply {
    let head = Local { eid: envelope.eid, local_iat: IatField([0; 32]) };
    let Ok(start) = Frame::new(Message::Local { head: &head, inner: &[] }).write(out) else { return 0 };
    let Some(room) = out.get_mut(start..) else { return 0 };
    let Ok(inner) = Frame::new(Message::AaiNotice { head: notice, content }).write(room) else { return 0 };
    let length = start.saturating_add(inner);
    set_payload(out, length);
    length
}
