//! The gateway: an LL-Entity with one agent that takes readings, and what it has on stable storage.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use anyhow::{Result, anyhow};
use iacp_core::crypto::Secret32;
use iacp_core::erp::agent::{Agent, AgentSlot, Stored};
use iacp_core::erp::entity::{
    Channel, HEAD, HostEvent, HostRequest, HostSettings, LineSlot, LlEntity, Memory, PeerSlot, Persist, SessionSlot,
    Tables,
};
use iacp_core::erp::generation::PORT;
use iacp_core::erp::local::{AgentEvent, ClosureCode, Listen, Request};
use iacp_core::erp::receipt::ReceiptSlot;
use iacp_core::erp::resume::{Line, LineOutcome, ResumeRecord};
use iacp_core::erp::switch_point::{FifoCell, OutboxCell};
use iacp_core::identity::Identity;
use iacp_core::pss::{Capabilities, TeardownReason, Terms};
use iacp_core::slots::{Handle, HeapCell, Slot};
use iacp_core::time::Mono;
use iacp_wire::Eid;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;
use serial::item::{Item, READING};

use crate::archive::Archive;
use crate::maker::maker;
use crate::story::Story;
use crate::watched::Watched;

const HERE: [u8; 4] = [192, 0, 2, 1];
const DEVICE: [u8; 4] = [192, 0, 2, 2];
const SESSIONS: usize = 4;
const CELLS: usize = 8;

type Entity = LlEntity<'static, Watched, 16_384, 32, 64>;

/// What a killed gateway finds again. A product has a file, written before anything is told.
pub struct Stable {
    seed: Secret32,
    bound: u64,
    record: Option<[u8; ResumeRecord::LEN]>,
    /// How many items have come and are safe.
    pub items: u64,
    /// The readings, in order.
    pub readings: Vec<[u8; READING]>,
    pub archive: Archive,
    /// How often a line went on.
    pub resumed: u32,
    /// The gateway's generator is not drawn from twice.
    starts: u64,
    chance: u64,
}

impl Stable {
    pub fn new(chance: u64) -> Self {
        let mut rng = ChaCha20Rng::seed_from_u64(chance);
        let seed = Secret32::random(&mut rng);
        let (readings, archive) = (Vec::new(), Archive::new(&maker(chance).sealing));
        Self { seed, bound: 0, record: None, items: 0, readings, archive, resumed: 0, starts: 0, chance }
    }

    /// The next item is written down.
    pub fn keep(&mut self, item: &[u8], story: &Story) {
        match (Item::of(self.items), item.try_into()) {
            (Item::Reading(_), Ok(reading)) => self.readings.push(reading),
            (Item::Envelope(_), _) => self.archive.decide(item, &self.readings, story),
            (Item::Reading(_), Err(_)) => story.tell("gateway", &format!("item {} is no reading", self.items)),
        }
        self.items += 1;
    }

    pub fn eid(&self) -> Eid {
        Identity::<Watched>::from_seed(&self.seed).eid()
    }

    /// The first bytes of the EID, for people.
    pub fn name(&self) -> String {
        self.eid().0.iter().take(4).map(|byte| format!("{byte:02x}")).collect()
    }
}

pub struct Gateway {
    entity: Entity,
    agent: Agent,
    rng: ChaCha20Rng,
    pub heard: Heard,
    said: u64,
}

/// What the agent has been told.
#[derive(Default)]
pub struct Heard {
    session: Option<Handle>,
    line: Option<(Eid, Line)>,
    /// Items that came before their turn.
    early: BTreeMap<u64, Vec<u8>>,
    /// The device has said everything, and asks for the end.
    asked_to_end: bool,
    /// The last session ended as both wanted.
    pub parted: bool,
}

/// The device has no AES: a side that does not say that it takes ChaCha20 gets AES or nothing.
const fn served() -> Capabilities {
    Capabilities::RESUME.with(Capabilities::CHACHA20_POLY1305)
}

fn leak<T>(count: usize, make: impl Fn() -> T) -> &'static mut [T] {
    Box::leak((0..count).map(|_| make()).collect())
}

impl Gateway {
    /// With what stable storage has, and empty memory.
    ///
    /// # Errors
    /// The memory is too small.
    pub fn start(stable: &mut Stable, now: Mono) -> Result<Self> {
        stable.starts += 1;
        let mut rng = ChaCha20Rng::seed_from_u64(stable.chance);
        rng.set_stream(stable.starts);
        let memory = Memory {
            agents: leak(1, || Slot::new(AgentSlot::EMPTY)),
            sessions: leak(SESSIONS, || Slot::new(SessionSlot::EMPTY)),
            peers: leak(SESSIONS, || Slot::new(PeerSlot::EMPTY)),
            fifo: leak(16, || Slot::new(FifoCell::EMPTY)),
            outbox: leak(1, || Slot::new(OutboxCell::EMPTY)),
            agent_index: leak(2, || 0),
            session_index: leak(CELLS, || 0),
            peer_index: leak(CELLS, || 0),
            heap: leak(SESSIONS + 2, || HeapCell::EMPTY),
            channels: leak(0, || Channel::NEW),
        };
        #[allow(clippy::needless_update, reason = "with other features there are other tables")]
        let tables = Tables {
            lines: leak(SESSIONS, || Slot::new(LineSlot::EMPTY)),
            receipts: leak(16, || ReceiptSlot::EMPTY),
            ..Tables::default()
        };
        let settings = HostSettings::at(HERE.into()).without_directory();
        let mut entity =
            Entity::with_tables(memory, tables, settings, now, &mut rng).map_err(|few| anyhow!("{few}"))?;
        let agent = entity.restore(now, &Stored::new(&stable.seed, stable.bound), &mut rng);
        let agent = agent.map_err(|why| anyhow!("the agent: {why}"))?;
        let mut gateway = Self { entity, agent, rng, heard: Heard::default(), said: stable.items };
        let terms = Terms { dgk_rotation: 0, lifetime: 0, receive_window: 8 };
        let listen = Listen { capabilities: served(), terms, sessions: 2, hold: true };
        gateway.ask(now, None, &Request::Listen(listen))?;
        if let Some(record) = &stable.record {
            // The device opens a session again when nothing answers, and goes on with this line.
            gateway.ask(now, None, &Request::Recall(record))?;
        }
        Ok(gateway)
    }

    fn ask(&mut self, now: Mono, session: Option<Handle>, request: &Request<'_>) -> Result<()> {
        let mut desk = self.entity.desk(now, &self.agent).ok_or_else(|| anyhow!("the agent is gone"))?;
        desk.ask(session, request, &mut self.rng).map_err(|why| anyhow!("{request:?}: {why}"))?;
        Ok(())
    }

    /// A frame has come off the line.
    pub fn take(&mut self, stable: &mut Stable, now: Mono, frame: &mut [u8], story: &Story) {
        let from = SocketAddr::new(DEVICE.into(), PORT);
        let Self { entity, heard, rng, .. } = self;
        heard.take(entity.handle(now, from, frame, rng), stable, story);
        while let Some(event) = entity.poll_event() {
            heard.take(event, stable, story);
        }
    }

    /// How often the device, and this side, have renewed the key of the session there is.
    pub fn key_generations(&self) -> (u32, u32) {
        let generations = self.heard.session.and_then(|session| self.entity.key_generations(session));
        generations.map_or((0, 0), |(sending, receiving)| (receiving, sending))
    }

    /// Everything that is due; `send` takes what is to go out.
    ///
    /// # Errors
    /// The line is gone, or the agent.
    pub fn work(
        &mut self,
        stable: &mut Stable,
        now: Mono,
        story: &Story,
        mut send: impl FnMut((&[u8], &[u8])) -> Result<()>,
    ) -> Result<()> {
        if self.entity.next_deadline().is_some_and(|due| due <= now) {
            self.entity.handle_deadline(now, &mut self.rng);
        }
        let Self { entity, heard, .. } = self;
        while let Some(event) = entity.poll_event() {
            heard.take(event, stable, story);
        }
        while let Some(request) = entity.poll_request() {
            if let HostRequest::Persist { eid, what } = request {
                if let Persist::Generation(bound) = what {
                    stable.bound = bound;
                }
                entity.persisted(now, &eid, what);
            }
        }
        // First it is safe, then the device is told so.
        while let Some(item) = self.heard.early.remove(&stable.items) {
            stable.keep(&item, story);
        }
        if let Some((peer, line)) = self.heard.line {
            stable.record = Some(ResumeRecord { peer, line, safe: stable.items }.to_bytes());
        }
        if let Some(session) = self.heard.session
            && stable.items > self.said
        {
            self.said = stable.items;
            self.ask(now, Some(session), &Request::Consumed { below: self.said })?;
        }
        if let Some(session) = self.heard.session
            && core::mem::take(&mut self.heard.asked_to_end)
        {
            self.ask(now, Some(session), &Request::Close(TeardownReason::TaskComplete.code()))?;
        }
        let _ = self.entity.desk(now, &self.agent);
        let mut head = [0; HEAD];
        while let Some(transmit) = self.entity.poll_transmit(now, &mut head) {
            send((transmit.head, transmit.body))?;
        }
        Ok(())
    }
}

impl Heard {
    fn take(&mut self, event: HostEvent<'_>, stable: &mut Stable, story: &Story) {
        let (session, event) = match event {
            HostEvent::Agent { session: Some(session), event, .. } => (session, event),
            // Repeats, and what is for a session that the gateway has lost with its memory.
            _ => return,
        };
        match event {
            AgentEvent::Opened(opened) => {
                (self.session, self.line, self.parted) = (Some(session), Some((opened.peer, Line(opened.line))), false);
                let how = match opened.outcome {
                    LineOutcome::Resumed => {
                        stable.resumed += 1;
                        "goes on with its line"
                    }
                    LineOutcome::New => "begins a line",
                    LineOutcome::Unknown => "asks for a line that is not known here, and begins one",
                };
                story.tell("gateway", &format!("the device {how}, from item {}", opened.first_to_come));
            }
            AgentEvent::Data { item: Some(item), content, .. } if item >= stable.items => {
                self.early.insert(item, content.to_vec());
            }
            AgentEvent::CloseRequested { .. } if self.session == Some(session) => self.asked_to_end = true,
            AgentEvent::Closed { closure, .. } => {
                story.tell("gateway", &format!("the session is over: {closure:?}"));
                if self.session == Some(session) {
                    self.parted = closure == ClosureCode::Graceful;
                    self.session = None;
                }
            }
            _ => {}
        }
    }
}
