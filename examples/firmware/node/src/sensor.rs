//! The application: it measures, seals, and sends each reading and each envelope as an item of one line. It opens every session
//! itself: when the gateway is silent, as after it has lost its memory, the sensor ends the session and opens another.

use core::net::SocketAddr;

use defmt::{debug, info, warn};
use iacp_core::erp::agent::{Agent, Stored};
use iacp_core::erp::entity::{HostEvent, Persist};
use iacp_core::erp::local::{AgentEvent, Continuity, LocalStatus, Open};
use iacp_core::erp::resume::{Line, LineOutcome, ResumeRecord};
use iacp_core::pss::{Capabilities, TeardownReason};
use iacp_core::slots::Handle;
use iacp_core::time::Mono;
use iacp_wire::{Digest, Eid};
use rand_core::CryptoRng;
use serial::item::{Item, reading, short};

use crate::envelope::{ENVELOPE, Sealer};
use crate::memory::Node;
use crate::panics::stop;
use crate::policy::{Governed, TEMPERATURE};
use crate::retained::Retained;

/// So many items are sent, which are 1,000 readings and ten envelopes; then the node has done its work.
const ITEMS: u64 = 1_010;
/// How long the node waits before it opens a session again, in milliseconds.
const AGAIN: u64 = 500;
/// The key is renewed with this item: often enough that a key found later opens little.
const RENEWAL: u64 = 800;
/// Progress is kept each so many items: a product spares its flash.
const KEEP_EVERY: u32 = 25;

pub struct Sensor {
    agent: Agent,
    gateway: (Eid, SocketAddr),
    retained: Retained,
    sealer: Sealer,
    session: Option<Handle>,
    opened: bool,
    /// An item was not taken: nothing is measured or sealed until there is room.
    full: bool,
    /// The next item to send.
    next: u64,
    closing: bool,
    /// Nothing has come from the gateway for 45 s: it may have lost its memory, and the session with it.
    silent: bool,
    /// Not before then.
    again: Mono,
}

impl Sensor {
    /// The agent of before, or a new one at the first start.
    #[inline(never)]
    pub fn begin(
        node: &mut Node,
        mut retained: Retained,
        sealer: Sealer,
        gateway: (Eid, SocketAddr),
        rng: &mut impl CryptoRng,
    ) -> Self {
        let now = Mono(0);
        let agent = match &retained.seed {
            Some(seed) => node.restore(now, &Stored::new(seed, retained.bound), rng),
            None => node.init(now, None, Digest::ZERO, rng),
        };
        let Ok(agent) = agent else { stop("no room for the agent") };
        if retained.seed.is_none() {
            retained.seed = node.seed(&agent.eid()).map(|seed| iacp_core::crypto::Secret32::new(*seed.expose()));
            retained.store();
        }
        Self {
            agent,
            gateway,
            next: retained.safe,
            retained,
            sealer,
            session: None,
            opened: false,
            full: false,
            closing: false,
            silent: false,
            again: now,
        }
    }

    /// Everything is with the gateway, the session is over, and its last word has had time to be asked for again.
    pub fn has_parted(&self, now: Mono) -> bool {
        self.is_done() && self.session.is_none() && now >= self.again
    }

    const fn is_done(&self) -> bool {
        self.retained.safe >= ITEMS
    }

    /// What the node must find again after a reset.
    pub fn persist(&mut self, what: Persist) {
        if let Persist::Generation(bound) = what {
            self.retained.bound = bound;
            self.retained.store();
        }
    }

    #[inline(never)]
    pub fn hear(&mut self, event: HostEvent<'_>) {
        let (session, event) = match event {
            HostEvent::Agent { session, event, .. } => (session, event),
            HostEvent::Dropped(why) => return debug!("a frame did nothing: {}", why),
            _ => return,
        };
        if session.is_none() || session != self.session {
            return;
        }
        match event {
            AgentEvent::Opened(opened) => {
                match opened.outcome {
                    LineOutcome::New => info!("a new line from item {=u64}", opened.first_to_send),
                    LineOutcome::Resumed => info!("the line goes on from item {=u64}", opened.first_to_send),
                    LineOutcome::Unknown => warn!("the gateway knows nothing of the line"),
                }
                // What the gateway says to be safe: there is no other word on items whose acknowledgement was lost.
                self.retained.safe = self.retained.safe.max(opened.first_to_send);
                let record = ResumeRecord { peer: opened.peer, line: Line(opened.line), safe: opened.first_to_come };
                self.retained.record = record.to_bytes();
                self.retained.store();
                (self.opened, self.full, self.silent, self.next) = (true, false, false, opened.first_to_send);
            }
            AgentEvent::Delivered { item } => {
                let before = core::mem::replace(&mut self.retained.safe, item);
                if short(before) / KEEP_EVERY != short(item) / KEEP_EVERY || self.is_done() {
                    self.retained.store();
                }
                if short(before) / 100 != short(item) / 100 {
                    info!("{=u64} items are with the gateway", item);
                }
            }
            AgentEvent::Closed { closure, delivered, .. } => {
                info!("the session is over: {}; {=u64} items are with the gateway", closure, delivered);
                (self.session, self.opened, self.closing, self.silent) = (None, false, false, false);
                self.again = crate::clock::now().after(AGAIN);
            }
            AgentEvent::Room => self.full = false,
            AgentEvent::Continuity(continuity) => {
                info!("{}", continuity);
                self.silent = continuity == Continuity::Disconnected;
            }
            _ => {}
        }
    }

    /// Opens a session if there is none, sends what there is room for, and ends it when all is delivered.
    #[inline(never)]
    pub fn work(&mut self, node: &mut Node, governed: &mut Governed, now: Mono, rng: &mut impl CryptoRng) {
        if let Some(session) = self.session
            && self.next >= RENEWAL
            && matches!(node.key_generations(session), Some((0, _)))
        {
            // Not open yet, or asked for already: either way it is tried again until it has happened.
            let _ = node.renew_key(session);
        }
        let Some(mut desk) = node.desk(now, &self.agent) else { stop("the agent is gone") };
        match self.session {
            None if self.is_done() || now < self.again => {}
            None => {
                let resume = ResumeRecord::read(&self.retained.record).map(|_| &self.retained.record);
                let open = Open {
                    peer: self.gateway.0,
                    at: Some(self.gateway.1),
                    hold: false,
                    offer: Capabilities::RESUME,
                    resume,
                    proof: None,
                };
                match desk.open_as(&open, rng) {
                    Ok(session) => self.session = Some(session),
                    Err(why) => {
                        warn!("no session yet: {}", why);
                        self.again = now.after(AGAIN);
                    }
                }
            }
            // Its end comes as an event.
            Some(session) if core::mem::take(&mut self.silent) => {
                let _ = desk.abort(session, TeardownReason::None, rng);
            }
            Some(session) if self.opened && !self.closing => {
                while self.next < ITEMS && !self.full && governed.may_report(TEMPERATURE, crate::clock::time()) {
                    let sent = match Item::of(self.next) {
                        Item::Reading(number) => desk.send(session, self.next, &reading(number)),
                        Item::Envelope(batch) => {
                            let mut room = [0; ENVELOPE];
                            let Some(envelope) = self.sealer.envelope(batch, &mut self.retained, &mut room) else {
                                stop("an envelope cannot be sealed")
                            };
                            self.retained.store();
                            desk.send(session, self.next, envelope)
                        }
                    };
                    match sent {
                        Ok(()) => self.next += 1,
                        // ROOM comes when the gateway has acknowledged.
                        Err(LocalStatus::Full) => self.full = true,
                        Err(why) => return warn!("item {=u64} is not taken: {}", self.next, why),
                    }
                }
                if self.is_done() && desk.close(session, TeardownReason::TaskComplete).is_ok() {
                    self.closing = true;
                }
            }
            Some(_) => {}
        }
    }
}
