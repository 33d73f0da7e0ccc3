//! RESOLVE: the EID that the host of a URI is mapped to, by the ANML Fallback Query to a quorum of directory nodes
//! (`IACP §4.1.2`).
//!
//! ```text
//! agent: RESOLVE URI ─▶ known? ─▶ RESULT
//!                        │ no
//!                        ▼
//! host: Resolvers ─▶ answer_resolvers ─▶ the same signed query to each node, once more after 1,050 ms
//!                                          │ answers, each checked
//!                                          ▼
//!                                        k nodes agree ─▶ kept ─▶ RESULT;   1,900 ms ─▶ DEGRADED
//! ```

use core::net::SocketAddr;

use iacp_wire::message::AnmlFallbackAnswer;
use iacp_wire::{DhtKey, Eid, TransactionId};
use rand_core::CryptoRng;

use super::desk::Done;
use super::event::{Dropped, HostEvent, HostRequest};
use super::parts::DIRECTORY;
use super::{HEAD, LlEntity};
use crate::crypto::Provider;
use crate::dhi::fallback::{Ignored, Mapping, Query};
use crate::dhi::mapping::{Kept, Key, Mappings, key, path};
use crate::dhi::opinions::{ASKED, Opinion, Opinions};
use crate::dhi::uri::Uri;
use crate::erp::context::State;
use crate::erp::local::{AgentEvent, LocalStatus, Mapped};
use crate::erp::switch_point::Node;
use crate::time::{Mono, UnixTime};

/// The longest query: 108 bytes around the scheme, a host of 128 bytes, a port and a slash.
const FRAME: usize = 256;
/// After this time a query is sent again, in milliseconds: nodes answer one requestor once a second.
const AGAIN: u64 = 1_050;
/// After this time without a decision a query has ended, in milliseconds: the pipeline gives all of RESOLVE 2,000.
const LIFE: u64 = 1_900;

const _: () = assert!(FRAME <= HEAD && ASKED == crate::erp::switch_point::NODES);

/// The state of a query.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Idle,
    /// The host is to be asked for the nodes.
    Wanted,
    /// It has been asked.
    Looking,
    /// The nodes have been told.
    Asking,
    /// The agent is to be told.
    Ended(Result<(Eid, Mono), LocalStatus>),
}

/// The ANML Fallback Query of one agent.
pub struct QuerySlot {
    stage: Stage,
    /// The agent's number.
    request: u32,
    host: Key,
    key: DhtKey,
    query: Option<Query>,
    nodes: [Option<Node>; ASKED],
    opinions: Opinions,
    /// Which node is next in this round, and when the next round begins.
    next: usize,
    again: Mono,
    began: Mono,
    /// What time it was outside when the nodes were told.
    told: (Mono, UnixTime),
    /// When a query of this agent's was sent last.
    sent: Option<Mono>,
    length: usize,
    frame: [u8; FRAME],
}

impl QuerySlot {
    /// No query.
    pub const EMPTY: Self = Self {
        stage: Stage::Idle,
        request: 0,
        host: [0; 16],
        key: DhtKey::ZERO,
        query: None,
        nodes: [None; ASKED],
        opinions: Opinions::NONE,
        next: 0,
        again: Mono(0),
        began: Mono(0),
        told: (Mono(0), UnixTime(0)),
        sent: None,
        length: 0,
        frame: [0; FRAME],
    };

    const fn is_under_way(&self) -> bool {
        matches!(self.stage, Stage::Wanted | Stage::Looking | Stage::Asking)
    }

    /// When something is due.
    fn due(&self) -> Option<Mono> {
        let end = self.began.after(LIFE);
        match self.stage {
            Stage::Idle | Stage::Ended(_) => None,
            Stage::Wanted | Stage::Looking => Some(end),
            Stage::Asking => Some(self.again.min(end)),
        }
    }

    /// The next node that is to get the query now. A node that has answered gets it no more.
    fn next_node(&mut self, now: Mono) -> Option<SocketAddr> {
        if self.stage != Stage::Asking || now >= self.began.after(LIFE) {
            return None;
        }
        if self.next >= ASKED {
            if now < self.again {
                return None;
            }
            self.next = 0;
        }
        while let Some(place) = self.nodes.get(self.next) {
            let is_open = !self.opinions.has(self.next);
            self.next += 1;
            if self.next >= ASKED {
                self.again = now.after(AGAIN);
            }
            if let Some(node) = place.filter(|_| is_open) {
                self.sent = Some(now);
                return Some(node.at);
            }
        }
        None
    }
}

fn mapped(now: Mono, eid: Eid, until: Mono) -> Mapped {
    Mapped { eid, seconds: u32::try_from(until.since(now) / 1_000).unwrap_or(u32::MAX) }
}

impl<P: Provider, const LOG: usize, const FRAMES: usize, const SPENT: usize> LlEntity<'_, P, LOG, FRAMES, SPENT> {
    /// What is known is told at once; else a query is signed in the agent's name. Only scheme, host and port leave the host: what
    /// an agent reads there concerns no node. An agent asks about one host at a time, and once a second.
    // keeps: IACP-026 (§4.1.1), IACP-027 (§4.1.2)
    pub(super) fn resolve(
        &mut self,
        now: Mono,
        agent: u32,
        request: u32,
        uri: &str,
        rng: &mut impl CryptoRng,
    ) -> Result<Done, LocalStatus> {
        if !DIRECTORY {
            return Err(LocalStatus::NotFound);
        }
        let mut target = Uri::EMPTY;
        target.read(uri).map_err(|_| LocalStatus::Refused)?;
        if self.settings.quorum().is_none() {
            return Err(LocalStatus::NotFound);
        }
        if self.query_of(agent).is_none() {
            return Err(LocalStatus::Capacity);
        }
        // Software that no root key vouches for asks nothing.
        if !matches!(self.state(agent), State::Bound | State::Transition) {
            return Err(LocalStatus::NotNow);
        }
        // An address, or a name that no namespace can have, has no mapping.
        let path = path(target.host()).filter(|_| !target.is_literal()).ok_or(LocalStatus::NotFound)?;
        let host = key(target.host());
        match Mappings::new(&mut self.mappings).get_by(now, &host) {
            Some((Kept::Mapped(eid), until)) => return Ok(Done::Mapped(mapped(now, eid, until))),
            Some((Kept::NotFound, _)) => return Err(LocalStatus::NotFound),
            None => {}
        }
        let recent = |sent: Mono| now.since(sent) < AGAIN;
        if self.query_of(agent).is_none_or(|slot| slot.stage != Stage::Idle || slot.sent.is_some_and(recent)) {
            return Err(LocalStatus::NotNow);
        }
        let mut random = [0; 4];
        rng.fill_bytes(&mut random);
        let nonce = self.query_nonce(random, agent);
        let key = DhtKey(P::sha256(&[path.as_bytes()]));
        let mut origin = heapless::String::<FRAME>::new();
        let written = origin.push_str(target.origin()).and_then(|()| origin.push('/'));
        written.map_err(|_| LocalStatus::Refused)?;
        let context = self.agents.at(agent).ok_or(LocalStatus::NotNow)?;
        let identity = context.identity.as_ref().ok_or(LocalStatus::NotNow)?;
        let place = usize::try_from(agent).ok().and_then(|agent| self.queries.get_mut(agent));
        let slot = place.ok_or(LocalStatus::Capacity)?;
        // The node's EID is put in when it answers: the query names none.
        let written = Query::write_as(identity, Eid::ZERO, (&origin, nonce), &mut slot.frame);
        let (query, length) = written.map_err(|_| LocalStatus::Refused)?;
        *slot = QuerySlot {
            stage: Stage::Wanted,
            request,
            host,
            key,
            query: Some(query),
            began: now,
            sent: slot.sent,
            length,
            frame: slot.frame,
            ..QuerySlot::EMPTY
        };
        self.agents_ask.push(&mut self.agents, agent);
        self.settle_query(agent);
        Ok(Done::Later)
    }

    /// The slot of the agent's query stands in the nonce, under a keyed hash: an answer finds it without a search, and no node
    /// learns it.
    fn query_nonce(&self, random: [u8; 4], agent: u32) -> TransactionId {
        let mut nonce = [0; 8];
        let mask = self.agent_index.hash(&[b"query", &random]).to_be_bytes();
        let masked = agent.to_be_bytes().into_iter().zip(mask).map(|(byte, mask)| byte ^ mask);
        nonce.iter_mut().zip(random.into_iter().chain(masked)).for_each(|(to, from)| *to = from);
        TransactionId(nonce)
    }

    /// The agent whose query has this nonce.
    fn agent_of_nonce(&self, nonce: &TransactionId) -> Option<u32> {
        if !DIRECTORY {
            return None;
        }
        let (random, masked) = nonce.0.split_first_chunk::<4>()?;
        let masked = u32::from_be_bytes(*masked.first_chunk()?);
        let TransactionId(own) = self.query_nonce(*random, 0);
        let agent = masked ^ u32::from_be_bytes(*own.last_chunk()?);
        self.query_of(agent).filter(|slot| slot.query.is_some_and(|query| query.nonce() == *nonce)).map(|_| agent)
    }

    fn query_of(&self, agent: u32) -> Option<&QuerySlot> {
        self.queries.get(usize::try_from(agent).ok()?)
    }

    fn query_of_mut(&mut self, agent: u32) -> Option<&mut QuerySlot> {
        self.queries.get_mut(usize::try_from(agent).ok()?)
    }

    /// The agent's deadline is that of its query too.
    fn settle_query(&mut self, agent: u32) {
        let due = self.query_of(agent).and_then(QuerySlot::due);
        let Some(context) = self.agents.at_mut(agent) else { return };
        context.query_due = due;
        if let Some(due) = due {
            self.deadlines.bring_forward(self.agent_item(agent), due);
        }
    }

    pub(super) fn ask_for_resolvers(&mut self, agent: u32) -> Option<HostRequest> {
        let eid = self.agents.at(agent)?.eid();
        let slot = self.query_of_mut(agent).filter(|slot| slot.stage == Stage::Wanted)?;
        slot.stage = Stage::Looking;
        Some(HostRequest::Resolvers { eid, key: slot.key })
    }

    /// The nodes that [`HostRequest::Resolvers`] asked for, and what time it is outside: answers end on that clock. More than seven
    /// are not asked. What nothing has asked for changes nothing.
    pub fn answer_resolvers(&mut self, now: Mono, unix: UnixTime, eid: &Eid, key: &DhtKey, nodes: &[Node]) {
        self.clock = self.clock.max(now);
        let Some(agent) = self.agent_of(eid) else { return };
        let Some(slot) = self.query_of_mut(agent).filter(|slot| slot.stage == Stage::Looking && slot.key == *key)
        else {
            return;
        };
        for (at, node) in nodes.iter().enumerate() {
            // A node that is named twice has one word.
            let is_new = nodes.iter().take(at).all(|other| other.eid != node.eid);
            if let Some(place) = slot.nodes.iter_mut().find(|place| place.is_none()).filter(|_| is_new) {
                *place = Some(*node);
            }
        }
        (slot.stage, slot.told, slot.next, slot.again) = (Stage::Asking, (now, unix), 0, now);
        self.settle_query(agent);
        self.touch_agent(agent);
        self.correct();
    }

    /// Where the query of this agent is to go now.
    pub(super) fn next_query(&mut self, now: Mono, agent: u32) -> Option<SocketAddr> {
        let to = self.query_of_mut(agent)?.next_node(now);
        self.settle_query(agent);
        to
    }

    pub(super) fn query_frame(&self, agent: u32) -> Option<&[u8]> {
        let slot = self.query_of(agent)?;
        slot.frame.get(..slot.length)
    }

    /// A node's word on the host. Checked in order of cost: a query of ours, a node that was asked and has not answered, the
    /// bucket of its network, its signature, its fields.
    // keeps: IACP-028 (§4.1.2)
    pub(super) fn on_fallback_answer(
        &mut self,
        now: Mono,
        from: SocketAddr,
        answer: &AnmlFallbackAnswer,
        bytes: &[u8],
    ) -> HostEvent<'static> {
        let Some(agent) = self.agent_of_nonce(&answer.transaction_nonce) else {
            return HostEvent::Dropped(Dropped::NotAsked);
        };
        let Some(quorum) = self.settings.quorum() else { return HostEvent::Dropped(Dropped::NotAsked) };
        let asked = |node: &Option<Node>| *node == Some(Node { eid: answer.resolver_eid, at: from });
        let slot = self.query_of(agent).filter(|slot| slot.stage == Stage::Asking);
        let place = slot.and_then(|slot| slot.nodes.iter().position(asked).filter(|place| !slot.opinions.has(*place)));
        let (Some(slot), Some(place)) = (slot, place) else { return HostEvent::Dropped(Dropped::NotAsked) };
        let (Some(query), (then, unix)) = (slot.query, slot.told) else {
            return HostEvent::Dropped(Dropped::NotAsked);
        };
        if self.door.admit(now, from, 1).is_err() {
            return HostEvent::Dropped(Dropped::RateLimited);
        }
        let unix = UnixTime(unix.0.saturating_add(now.since(then)));
        let mapping = match query.at(answer.resolver_eid).accept::<P>(unix, bytes) {
            Ok(mapping) => mapping,
            Err(Ignored::Signature) => return HostEvent::Dropped(Dropped::Signature),
            Err(why) => return HostEvent::Dropped(Dropped::Answer(why)),
        };
        let Some(slot) = self.query_of_mut(agent) else { return HostEvent::Dropped(Dropped::NotAsked) };
        slot.opinions.heard(place, mapping);
        let asked = slot.nodes.iter().flatten().count();
        let (needed, faulty) = (usize::from(quorum.confirmations), usize::from(quorum.faulty));
        if let Some(opinion) = slot.opinions.decide(asked, needed, faulty) {
            self.decided(now, unix, agent, opinion);
        }
        HostEvent::Taken
    }

    fn decided(&mut self, now: Mono, unix: UnixTime, agent: u32, opinion: Opinion) {
        let Some(host) = self.query_of(agent).map(|slot| slot.host) else { return };
        let mut mappings = Mappings::new(&mut self.mappings);
        let result = match opinion {
            Opinion::Mapped { eid, expiry } => {
                mappings.keep_by(now, unix, host, Mapping::Mapped { eid, expiry });
                Ok((eid, now.after(expiry.0.saturating_sub(unix.0))))
            }
            Opinion::NotFound => {
                mappings.keep_by(now, unix, host, Mapping::NotFound);
                Err(LocalStatus::NotFound)
            }
            Opinion::Split => Err(LocalStatus::Degraded),
        };
        self.end_query(agent, result);
    }

    fn end_query(&mut self, agent: u32, result: Result<(Eid, Mono), LocalStatus>) {
        let Some(slot) = self.query_of_mut(agent) else { return };
        (slot.stage, slot.query) = (Stage::Ended(result), None);
        self.settle_query(agent);
        if let Some(context) = self.agents.at_mut(agent) {
            context.tell.resolved = true;
        }
        self.touch_agent(agent);
    }

    /// A query that has found no quorum in its time has ended, and says nothing of the host.
    pub(super) fn query_is_due(&mut self, now: Mono, agent: u32) {
        let is_late = |slot: &QuerySlot| slot.is_under_way() && now >= slot.began.after(LIFE);
        if self.query_of(agent).is_some_and(is_late) {
            self.end_query(agent, Err(LocalStatus::Degraded));
        }
    }

    /// RESULT of an agent's RESOLVE.
    pub(super) fn resolve_result(&mut self, agent: u32) -> Option<HostEvent<'static>> {
        let now = self.clock;
        let context = self.agents.at_mut(agent)?;
        if !core::mem::take(&mut context.tell.resolved) {
            return None;
        }
        let (eid, channel) = (context.eid(), context.channel);
        let slot = self.query_of_mut(agent)?;
        let Stage::Ended(result) = core::mem::replace(&mut slot.stage, Stage::Idle) else { return None };
        let request = slot.request;
        let event = match result {
            // With number 0 only a refusal is answered.
            Ok(_) if request == 0 => return None,
            Ok((to, until)) => AgentEvent::Resolved { request, mapped: mapped(now, to, until) },
            Err(status) => AgentEvent::Result { request, status: Err(status) },
        };
        Some(HostEvent::Agent { eid, channel, session: None, event })
    }

    /// An agent that is going asks nothing more.
    pub(super) fn forget_query(&mut self, agent: u32) {
        if let Some(slot) = self.query_of_mut(agent) {
            *slot = QuerySlot::EMPTY;
        }
    }
}

#[cfg(test)]
mod tests;
