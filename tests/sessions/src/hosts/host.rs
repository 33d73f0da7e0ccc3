//! One host: its machine, its agents, and the notices that they got.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use iacp_core::crypto::{Portable, Secret32};
use iacp_core::erp::agent::{Agent, RotationReason, Stored};
use iacp_core::erp::context::State;
use iacp_core::erp::deflect;
use iacp_core::erp::entity::{Dropped, HostEvent, HostSettings, Persist};
use iacp_core::erp::keeper::Keeper;
use iacp_core::erp::local::{AgentEvent, ClosureCode, LocalStatus, Mapped, Standing};
use iacp_core::erp::resume::LineOutcome;
use iacp_core::erp::stream::CARRIED;
use iacp_core::governance::journal::Entry;
use iacp_core::governance::reputation::Account;
use iacp_core::identity::Identity;
use iacp_core::pss::Capabilities;
use iacp_core::pss::shared::Reach;
use iacp_core::slots::{Handle, IndexKey};
use iacp_core::time::{Mono, UnixTime};
use iacp_wire::{Cookie, Digest, Eid};
use rand_chacha::ChaCha8Rng;

use super::UNIX;
use super::memory::{Entity, entity};

/// What an agent has been told of one session.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// The EID at the other end, once OPENED has come.
    pub peer: Option<Eid>,
    /// What OPENED said: the outcome, the line, the first item to send and the first one to come.
    pub opened: Option<(LineOutcome, [u8; 16], u64, u64)>,
    /// What the session has, as OPENED said.
    pub capabilities: Option<Capabilities>,
    /// The peer was to be throttled, as OPENED said.
    pub throttled: bool,
    /// Items by their sequence, and how often each came.
    pub items: BTreeMap<u64, (Vec<u8>, u32)>,
    /// With RESUME: the numbers of the items in the order in which they came.
    pub numbered: Vec<(u64, Vec<u8>)>,
    /// All items below this have reached the peer.
    pub delivered: u64,
    /// How it ended.
    pub closed: Option<ClosureCode>,
    /// CLOSE_REQUESTED came.
    pub asked_to_close: bool,
    /// ROOM came, so often.
    pub rooms: u32,
    /// Terms were proposed.
    pub proposed: bool,
    /// A contract is effective.
    pub contract: bool,
    /// Values of endpoints with their versions, in the order in which they came; `None` is GONE.
    pub values: Vec<(Digest, u64, Option<Vec<u8>>)>,
    /// Rights that the peer has granted or taken back, with the tags.
    pub granted: Vec<(Digest, u16, Vec<u8>)>,
    /// RESULTs by the agent's number.
    pub results: Vec<(u32, Result<(), LocalStatus>)>,
    /// Path reports: missing and altered copies of each path.
    pub reports: Vec<([u16; 3], [u16; 3])>,
}

/// The keeper of a host, and its log as it is stored.
pub struct Keeping {
    /// What it has counted.
    pub keeper: Keeper<'static>,
    /// What was written.
    pub log: Vec<Entry>,
}

impl Keeping {
    /// A keeper that has seen nothing.
    #[must_use]
    pub fn new(keeper: Eid) -> Self {
        let (accounts, watched) = (Box::leak(Box::new([Account::FREE; 64])), Box::leak(Box::new([None; 16])));
        let keeper = Keeper::new::<Portable>(accounts, watched, IndexKey::new([3; 16]), keeper);
        Self { keeper, log: Vec::new() }
    }
}

/// One host.
pub struct Host {
    /// Its machine.
    pub entity: Entity,
    /// Its address and port.
    pub at: SocketAddr,
    /// Its agents, in the order in which they came.
    pub agents: Vec<Agent>,
    /// The notices that its agents got, by session.
    pub told: BTreeMap<(usize, u64), Told>,
    /// The newest state of each agent.
    pub states: BTreeMap<usize, (State, u64, bool)>,
    /// The notices that the host got.
    pub affairs: Vec<String>,
    /// Why datagrams did nothing.
    pub dropped: Vec<Dropped>,
    /// Stable storage: the bound of each EID.
    pub stored: BTreeMap<[u8; 32], u64>,
    /// Storage answers at once, unless it is stuck.
    pub storage_works: bool,
    /// What comes from these addresses comes by a link.
    pub links: Vec<SocketAddr>,
    /// How many items were taken of each session.
    pub sent: BTreeMap<u64, u64>,
    /// The bounds of ticket counters, by peer and session.
    pub counters: BTreeMap<([u8; 32], [u8; 16]), u64>,
    /// RESULTs of STANDING by the agent's number.
    pub standings: Vec<(u32, Standing)>,
    /// RESULTs of RESOLVE: the agent that got it, its number, and the mapping or the reason why there is none.
    pub resolved: Vec<(Eid, u32, Result<Mapped, LocalStatus>)>,
    /// What was to be stored and was not confirmed as stored.
    pub unstored: Vec<(Eid, Persist)>,
    /// Stable storage: the EIDs that are marked as exported, with their bounds.
    pub exported: BTreeMap<[u8; 32], u64>,
    /// Frames for EIDs that were exported, on their way to where these are now.
    pub deflected: Vec<(SocketAddr, Vec<u8>)>,
    /// How often each agent got each notice, by its code.
    pub heard: BTreeMap<([u8; 32], u16), u32>,
    /// Reports about paths that peers have sent: frames of kind 6.
    pub path_reports: u32,
    /// The I-Cookies of PSS_INITs with a DISCOVERY_PROOF that were answered, with agent, peer and proof.
    pub greeted: Vec<(Eid, Eid, Cookie, [u8; 16])>,
    /// The I-Cookies of sessions that peers have opened, with agent and peer.
    pub met: Vec<(Eid, Eid, Cookie)>,
    /// The identity of the host itself.
    pub lii: Identity<Portable>,
    /// What it keeps of the reputation of peers; without it the world's `standings` answer.
    pub keeping: Option<Keeping>,
    /// The time of what it is told now.
    pub(super) now: Mono,
    pub(super) settings: HostSettings,
    pub(super) rng: ChaCha8Rng,
}

impl Host {
    /// One more agent.
    pub fn init(&mut self, now: Mono) -> usize {
        self.init_as(now, None, Digest::ZERO)
    }

    /// One more agent, with a root key and the digest of its application.
    pub fn init_as(&mut self, now: Mono, airk: Option<Eid>, digest: Digest) -> usize {
        let agent = self.entity.init(now, airk, digest, &mut self.rng).expect("a slot is free");
        self.agents.push(agent);
        self.agents.len() - 1
    }

    /// The host loses its memory. What was on stable storage is all that is left: seeds and bounds. Its agents get new tokens.
    pub fn crash(&mut self, now: Mono) {
        let kept: Vec<(Secret32, u64)> = self
            .agents
            .iter()
            .map(|agent| {
                let seed = self.entity.seed(&agent.eid()).expect("it has a context");
                (Secret32::new(*seed.expose()), self.stored[&agent.eid().0])
            })
            .collect();
        self.settings.address = self.at.ip();
        self.entity = entity(self.agents.len() + 2, self.settings, now, &mut self.rng);
        let restored = kept.iter().map(|(seed, bound)| {
            self.entity.restore(now, &Stored::new(seed, *bound), &mut self.rng).expect("a slot is free")
        });
        self.agents = restored.collect();
        (self.told, self.states) = (BTreeMap::new(), BTreeMap::new());
    }

    /// Does something with an agent's desk.
    pub fn with<R>(
        &mut self,
        now: Mono,
        agent: usize,
        what: impl FnOnce(&mut iacp_core::erp::entity::Desk<'_, 'static, Portable, 8192, 16, 64>, &mut ChaCha8Rng) -> R,
    ) -> R {
        let mut desk = self.entity.desk(now, &self.agents[agent]).expect("EID and token belong together");
        what(&mut desk, &mut self.rng)
    }

    /// The same, if the agent is still there.
    pub fn try_with<R>(
        &mut self,
        now: Mono,
        agent: usize,
        what: impl FnOnce(&mut iacp_core::erp::entity::Desk<'_, 'static, Portable, 8192, 16, 64>, &mut ChaCha8Rng) -> R,
    ) -> Option<R> {
        let mut desk = self.entity.desk(now, self.agents.get(agent)?)?;
        Some(what(&mut desk, &mut self.rng))
    }

    /// A frame of a local channel.
    ///
    /// # Errors
    /// The frame had no effect.
    pub fn local(&mut self, now: Mono, channel: u32, frame: &[u8]) -> Result<Vec<u8>, Dropped> {
        let mut out = [0; 1_200];
        let length = self.entity.handle_local(now, channel, frame, &mut out, &mut self.rng)?;
        Ok(out[..length].to_vec())
    }

    /// Gives up an agent's EID for another.
    ///
    /// # Errors
    /// Why not.
    pub fn rotate(&mut self, now: Mono, eid: &Eid, reason: RotationReason) -> Result<Agent, LocalStatus> {
        self.entity.rotate(now, eid, reason, &mut self.rng)
    }

    /// Something is on stable storage.
    pub fn store(&mut self, now: Mono, eid: Eid, what: Persist) {
        if let Persist::Generation(bound) = what {
            let before = self.stored.insert(eid.0, bound);
            assert!(before.is_none_or(|before| before < bound), "a bound only rises");
        }
        match what {
            Persist::Exported(bound) => _ = self.exported.insert(eid.0, bound),
            Persist::Kept(bound) => {
                self.exported.remove(&eid.0);
                self.stored.insert(eid.0, bound);
            }
            _ => {}
        }
        if let Persist::TicketBlock { peer, session, bound } = what {
            let before = self.counters.insert((peer.0, session.0), bound);
            assert!(before.is_none_or(|before| before < bound), "a bound only rises");
        }
        self.entity.persisted(now, &eid, what);
    }

    /// A datagram.
    pub fn receive(&mut self, now: Mono, from: SocketAddr, bytes: &mut [u8]) {
        self.now = now;
        let event = if self.links.contains(&from) {
            self.entity.handle_by(now, (from, Reach::Link), bytes, &mut self.rng)
        } else {
            self.entity.handle(now, from, bytes, &mut self.rng)
        };
        let agents: Vec<Eid> = self.agents.iter().map(Agent::eid).collect();
        self.path_reports += u32::from(matches!(event, HostEvent::Agent { event: AgentEvent::Paths(_), .. }));
        self.take(&agents, event);
        self.listen_to_events();
    }

    pub(super) fn listen_to_events(&mut self) {
        let agents: Vec<Eid> = self.agents.iter().map(Agent::eid).collect();
        for _ in 0..10_000 {
            let Some(event) = self.entity.poll_event() else { return };
            self.take(&agents, event);
        }
        panic!("events without end");
    }

    pub(super) fn take(&mut self, agents: &[Eid], event: HostEvent<'_>) {
        if let Some(Keeping { keeper, log }) = &mut self.keeping {
            keeper.saw::<Portable>(self.now, UnixTime(UNIX + self.now.0), &event, &mut |entry| log.push(entry));
        }
        if let HostEvent::Agent { eid, session, event, .. } = &event {
            let mut notice = [0; 1_200];
            event.write(*session, &mut notice).expect("every notice fits");
            *self.heard.entry((eid.0, u16::from_be_bytes([notice[4], notice[5]]))).or_default() += 1;
        }
        match event {
            HostEvent::Agent { event: AgentEvent::Standing { request, standing }, .. } => {
                self.standings.push((request, standing));
            }
            HostEvent::Agent { eid, event: AgentEvent::Resolved { request, mapped }, .. } => {
                self.resolved.push((eid, request, Ok(mapped)));
            }
            HostEvent::Agent {
                eid, session: None, event: AgentEvent::Result { request, status: Err(status) }, ..
            } => self.resolved.push((eid, request, Err(status))),
            HostEvent::Greeted { eid, peer, cookie, proof } => self.greeted.push((eid, peer, cookie, proof)),
            HostEvent::Met { eid, peer, cookie, .. } => self.met.push((eid, peer, cookie)),
            HostEvent::Deflect { to, stream } => {
                let mut bytes = vec![0; stream.len() + CARRIED];
                let length = deflect::write(to, 1, stream, &mut bytes).expect("the buffer is long enough");
                bytes.truncate(length);
                self.deflected.push((to, bytes));
            }
            event => {
                take_event(agents, &mut self.told, &mut self.states, &mut self.affairs, &mut self.dropped, event);
            }
        }
    }

    /// What an agent was told of the session with this peer.
    #[must_use]
    pub fn told_of(&self, agent: usize, peer: &Eid) -> Option<(Handle, &Told)> {
        let found = self.told.iter().find(|((of, _), told)| *of == agent && told.peer == Some(*peer));
        found.map(|((_, bits), told)| (Handle::from_bits(*bits).expect("a handle"), told))
    }
}

fn take_event(
    agents: &[Eid],
    told: &mut BTreeMap<(usize, u64), Told>,
    states: &mut BTreeMap<usize, (State, u64, bool)>,
    affairs: &mut Vec<String>,
    dropped: &mut Vec<Dropped>,
    event: HostEvent<'_>,
) {
    let (eid, session, event) = match event {
        HostEvent::Taken | HostEvent::Deflect { .. } | HostEvent::Greeted { .. } | HostEvent::Met { .. } => return,
        HostEvent::Dropped(why) => return dropped.push(why),
        HostEvent::Agent { eid, session, event, .. } => (eid, session, event),
        HostEvent::Cloned(_) => return affairs.push("cloned".into()),
        HostEvent::WrongSource(_) => return affairs.push("wrong source".into()),
        HostEvent::Proof { offender, published } => {
            return affairs.push(format!("proof {:02x?} {published:?}", offender.0));
        }
        HostEvent::Moved { to, .. } => return affairs.push(format!("moved to {to}")),
        HostEvent::Accused { eid, offence } => return affairs.push(format!("accused {:02x?} {offence:?}", eid.0)),
        HostEvent::Compromised { peer, .. } => return affairs.push(format!("compromised {:02x?}", peer.0)),
        HostEvent::ChannelShut(channel) => return affairs.push(format!("channel {channel} shut")),
    };
    let Some(agent) = agents.iter().position(|agent| *agent == eid) else { return };
    if let AgentEvent::State { state, generation, degraded, .. } = event {
        states.insert(agent, (state, generation, degraded));
    }
    let Some(session) = session else { return };
    let entry = told.entry((agent, session.bits())).or_default();
    match event {
        AgentEvent::Opened(opened) => {
            entry.throttled = opened.throttled;
            (entry.peer, entry.capabilities) = (Some(opened.peer), Some(opened.capabilities));
            entry.opened = Some((opened.outcome, opened.line, opened.first_to_send, opened.first_to_come));
        }
        AgentEvent::Data { sequence, item, content } => {
            if let Some(item) = item {
                entry.numbered.push((item, content.to_vec()));
            }
            entry.items.entry(sequence).or_insert_with(|| (content.to_vec(), 0)).1 += 1;
        }
        AgentEvent::Delivered { item } => {
            assert!(item > entry.delivered, "DELIVERED rises");
            entry.delivered = item;
        }
        AgentEvent::Closed { closure, .. } => entry.closed = Some(closure),
        AgentEvent::CloseRequested { .. } => entry.asked_to_close = true,
        AgentEvent::Paths(report) => entry.reports.push((report.missing, report.altered)),
        AgentEvent::Room => entry.rooms += 1,
        AgentEvent::Proposed { .. } => entry.proposed = true,
        AgentEvent::Contract(_) => entry.contract = true,
        AgentEvent::Value { coordinate, version, value } => {
            entry.values.push((coordinate, version, Some(value.to_vec())));
        }
        AgentEvent::Gone { coordinate } => entry.values.push((coordinate, 0, None)),
        AgentEvent::Granted { coordinate, rights, tag, .. } => entry.granted.push((coordinate, rights, tag.to_vec())),
        AgentEvent::Result { request, status } => entry.results.push((request, status)),
        _ => {}
    }
}
