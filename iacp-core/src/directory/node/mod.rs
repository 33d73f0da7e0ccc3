//! A directory node (`IACP §3.5`, `IACP §5.1` to `§5.4`) as a step function over the caller's memory.
//!
//! A datagram goes in, at most one answer comes out. The checks stand in order of cost, and nothing but a proof's place in the
//! filter is written before the last one holds: see [`Node::handle`]. What a node has to send by itself comes out of
//! [`Node::poll_transmit`].

mod access;
mod admit;
mod answer;
mod cases;
mod deposit;
mod neighbours;
mod request;
mod seen;
mod settings;
mod spread;
mod store;
mod view;

use core::marker::PhantomData;
use core::net::SocketAddr;

pub use cases::{Case, NotOpened};
use cases::{Cases, Voted};
use iacp_wire::layout::Record;
use iacp_wire::message::{DirPut, PomVote};
use iacp_wire::{Digest, Eid, Frame, Message, Signature};
pub use neighbours::Neighbour;
use neighbours::{Known, Neighbours};
pub use seen::{Presented, Seen, Shown};
pub use settings::{Settings, Trust};
use spread::Spread;
pub use store::{Entry, FLOOR, Full, LIST, Source, Store};
use view::View;

use super::kind::{Class, Kind};
use super::metric::{NEAREST, NodeInfo, RESPONSIBLE};
use crate::crypto::Provider;
use crate::governance::ballot;
use crate::governance::window::{Clock, Due, Outcome};
use crate::guard::ticket::{Issued, Spending};
use crate::guard::{Charge, Difficulty, Ingress, Ledger, Liable, Rate, Tickets, TokenBucket, Zone};
use crate::identity::{Identity, sign_frame};
use crate::slots::{IndexKey, Slot, TooFew};
use crate::time::{Mono, UnixTime};

/// The caller's memory. Nothing in it grows.
pub struct Memory<'m> {
    /// The places of records, about a kilobyte each.
    pub entries: &'m mut [Slot<Entry>],
    /// A power of two, at least twice as many as places.
    pub cells: &'m mut [u32],
    /// The places of proofs, in eights.
    pub seen: &'m mut [Shown],
    /// The nodes that are known.
    pub nodes: &'m mut [Option<Neighbour>],
    /// The open escrows.
    pub cases: &'m mut [Option<Case>],
    /// The tickets that are spent here, in eights.
    pub spent: &'m mut [Spending],
    /// The tickets that this node issued, by holder, in eights.
    pub issued: &'m mut [Issued],
    /// The liability of hosts, in eights.
    pub liable: &'m mut [Liable],
    /// One breaker for each of the 256 zones.
    pub zones: &'m mut [Zone],
    /// The answers that are given while a breaker is open.
    pub cache: &'m mut [answer::Kept],
}

pub use answer::Kept;

/// What became of a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Handled {
    /// So many bytes of the buffer go back to the sender.
    Answer(usize),
    /// No answer: the reason is counted.
    Silence(Silence),
}

/// Why a datagram gets no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Silence {
    /// It is no frame that a node takes.
    Form,
    /// Its proof of work is of another time, or no claim.
    Claim,
    /// The work is not there.
    Proof,
    /// The proof has been used.
    Spent,
    /// The proof is for another frame or key.
    Frame,
    /// A node's signature does not hold, or it may not send this.
    Node,
    /// No ticket is given, or the one that is shown is worth nothing.
    Ticket,
    /// Too many refusals went to this network, or the buffer is too small for an answer.
    Throttled,
    /// A vote was counted.
    Vote,
}

/// What the caller has to know besides the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Event {
    /// Write this vote to stable storage, then call [`Node::persisted`].
    Persist {
        /// Which accusation.
        id: Digest,
        /// Against which key.
        offender: Eid,
        /// How this node votes.
        outcome: Outcome,
    },
    /// An accusation lapsed: its stake is released.
    Lapsed {
        /// Which accusation.
        id: Digest,
        /// Against which key.
        offender: Eid,
    },
    /// There is a verdict: the stake is burnt or released.
    Verdict {
        /// Which accusation.
        id: Digest,
        /// Against which key.
        offender: Eid,
        /// How it ended.
        outcome: Outcome,
    },
    /// A key signed two records that no honest key signs; the one that came second was not stored.
    Equivocation {
        /// Which key.
        offender: Eid,
    },
}

/// A directory node.
pub struct Node<'m, P: Provider> {
    store: Store<'m>,
    seen: Seen<'m>,
    neighbours: Neighbours<'m>,
    cases: Cases<'m>,
    tickets: Tickets<'m>,
    ledger: Ledger<'m>,
    zones: &'m mut [Zone],
    cache: answer::Cache<'m>,
    ingress: Ingress<256>,
    errors: Ingress<256>,
    worked: TokenBucket,
    difficulty: Difficulty,
    settings: Settings,
    events: heapless::Deque<Event, EVENTS>,
    hand_over: TokenBucket,
    spread: Spread,
    double_vote: Option<[PomVote; 2]>,
    provider: PhantomData<P>,
}

/// So many events wait for the caller, which asks for them once a second.
const EVENTS: usize = 16;
/// At most so many refusals a second go to one network.
const ERRORS: Rate = Rate { capacity: 10, per_second: 10 };
/// At most so many records a second are handed over: no more than a node takes from one that it knows, however long they are.
const HAND_OVER: Rate = Rate { capacity: 32, per_second: 16 };

impl<'m, P: Provider> Node<'m, P> {
    /// A node that knows itself alone. `own` is its place; the secrets come out of the caller's generator.
    ///
    /// # Errors
    /// A slice has a length that it must not have: 256 zones, a power of two of cells.
    pub fn new(
        memory: Memory<'m>,
        own: NodeInfo,
        settings: Settings,
        now: Mono,
        rng: &mut impl rand_core::CryptoRng,
    ) -> Result<Self, TooFew> {
        let mut secret = || {
            let mut key = [0; 16];
            rng.fill_bytes(&mut key);
            key
        };
        let (store_key, seen_key, cache_key) = (secret(), secret(), secret());
        let (ticket_key, ledger_key) = (secret(), secret());
        if memory.zones.len() != 256 {
            return Err(TooFew::IndexCells(256));
        }
        memory.zones.fill(Zone::new(now));
        let mut neighbours = Neighbours::new(memory.nodes);
        if !neighbours.enter(now, own, Known::Own) {
            return Err(TooFew::IndexCells(1));
        }
        let generous = Rate { capacity: u32::MAX, per_second: u32::MAX };
        Ok(Self {
            store: Store::new(memory.entries, memory.cells, store_key)?,
            seen: Seen::new(memory.seen, IndexKey::new(seen_key)),
            neighbours,
            cases: Cases::new(memory.cases),
            tickets: Tickets::new(memory.spent, memory.issued, IndexKey::new(ticket_key)),
            ledger: Ledger::new(memory.liable, IndexKey::new(ledger_key)),
            zones: memory.zones,
            cache: answer::Cache::new(memory.cache, IndexKey::new(cache_key)),
            ingress: Ingress::new(settings.unworked, settings.per_network, now, rng),
            errors: Ingress::new(generous, ERRORS, now, rng),
            worked: TokenBucket::new(settings.worked, now),
            difficulty: Difficulty::new(settings.base, 4, now),
            settings,
            events: heapless::Deque::new(),
            hand_over: TokenBucket::new(HAND_OVER, now),
            spread: Spread::new(),
            double_vote: None,
            provider: PhantomData,
        })
    }

    /// The records.
    #[must_use]
    pub const fn store(&self) -> &Store<'m> {
        &self.store
    }

    /// Enters a node that the caller knows otherwise, of its configuration: where a node begins.
    pub fn introduce(&mut self, now: Mono, node: NodeInfo) -> bool {
        self.neighbours.enter(now, node, Known::Introduced)
    }

    /// Charges a host for what its agent did.
    pub fn charge(&mut self, now: UnixTime, lii: &Eid, charge: Charge) -> bool {
        self.ledger.charge(now, lii, charge)
    }

    /// Two votes of one node that contradict each other, once: the evidence of offence 3. One pair waits; what comes meanwhile is told
    /// as [`Event::Equivocation`] alone.
    pub const fn take_double_vote(&mut self) -> Option<[PomVote; 2]> {
        self.double_vote.take()
    }

    /// Whether an escrow of the key is open here.
    #[must_use]
    pub fn is_challenged(&self, eid: &Eid) -> bool {
        self.cases.is_open(eid)
    }

    fn view<'a, T: Trust>(&'a self, now: UnixTime, trust: &'a T) -> View<'a, 'm, P, T> {
        View {
            store: &self.store,
            cases: &self.cases,
            neighbours: &self.neighbours,
            settings: &self.settings,
            trust,
            now,
            provider: PhantomData,
        }
    }

    /// Handles what became due: frees what ran out, and ends escrows. Call it once a second.
    pub fn handle_deadline(&mut self, now: Clock) -> Option<Event> {
        self.store.sweep(now.unix);
        self.neighbours.forget(now.unix);
        if let Some(event) = self.events.pop_front() {
            return Some(event);
        }
        let (id, offender, due) = self.cases.tick(now)?;
        Some(match due {
            Due::Persist(outcome) => Event::Persist { id, offender, outcome },
            Due::Lapsed => Event::Lapsed { id, offender },
        })
    }

    /// The vote stands on stable storage: it is signed now, counted here, and the frame written for the other responsible
    /// nodes. None if this node is not among them.
    pub fn persisted(
        &mut self,
        now: Clock,
        me: &Identity<P>,
        id: &Digest,
        out: &mut [u8],
    ) -> Option<(usize, super::Voters)> {
        let (outcome, offender, voters) = self.cases.persisted(id)?;
        if !voters.contains(&me.eid()) {
            return None;
        }
        let epoch = crate::governance::window::epoch(now.unix);
        let vote = ballot::sign(me, *id, offender, outcome, epoch);
        self.count(now, &vote, outcome);
        let length = Frame::new(Message::PomVote(&vote)).write(out).ok()?;
        Some((length, voters))
    }

    /// Counts a vote; with the k-th the verdict is stored.
    fn count(&mut self, clock: Clock, vote: &PomVote, outcome: Outcome) {
        let now = clock.unix;
        match self.cases.vote(vote, outcome) {
            Voted::Counted | Voted::Stranger => {}
            Voted::DoubleVote(first) => {
                self.double_vote.get_or_insert([first, *vote]);
                self.tell(Event::Equivocation { offender: vote.voter_eid });
            }
            Voted::Verdict(outcome) => {
                let mut body = [0; Record::MAX_BODY];
                let id = vote.accusation_id;
                let voters: super::Voters = self.cases.voters(&id).iter().copied().collect();
                let Some((length, court, offender)) = self.cases.verdict(&id, outcome, &mut body) else { return };
                self.ended(now, id, offender, outcome);
                let expiry = now.0.saturating_add(cases::VERDICT_LIFE);
                let copy = iacp_wire::DhtKey(P::sha256(&[&offender.0]));
                let from = Source::Node(core::net::IpAddr::V6(core::net::Ipv6Addr::LOCALHOST));
                for key in [court.1, copy] {
                    let which = super::Slot { kind: Kind::Verdict, key, which: id.0 };
                    let body = body.get(..length).unwrap_or_default();
                    let record = Record { kind: Kind::Verdict as u8, storage_key: key, expiry, body };
                    let spent = self.spent(&which, &record);
                    // A verdict that finds no room is found at the other nodes.
                    let _ = self.store.put_for(now, &which, &record, expiry, (from, spent.as_ref()));
                    if key == court.1 {
                        self.spread.begin(clock.mono, which, voters.clone());
                    }
                }
            }
        }
    }

    /// An accusation has its verdict: the host of a guilty key answers for it.
    fn ended(&mut self, now: UnixTime, id: Digest, offender: Eid, outcome: Outcome) {
        self.tell(Event::Verdict { id, offender, outcome });
        let at = iacp_wire::DhtKey(P::sha256(&[&offender.0]));
        if outcome == Outcome::Guilty
            && let Some(host) = self.host(now, Class::Identities, &at)
        {
            self.ledger.charge(now, &host, Charge::Guilty);
        }
    }

    /// Keeps an event for the caller. One half of the places is for what has to be done, and not only known.
    fn tell(&mut self, event: Event) {
        let is_news = matches!(event, Event::Equivocation { .. });
        if !is_news || self.events.len() < EVENTS / 2 {
            let _ = self.events.push_back(event);
        }
    }

    /// The next record that is handed on: an accusation, a rebuttal or a verdict to those that try it, else what a node is nearer
    /// to. 16 a second, and at most 32 at once. Writes a DIR_PUT.
    pub fn poll_transmit(&mut self, now: Clock, me: &Identity<P>, out: &mut [u8]) -> Option<(SocketAddr, usize)> {
        self.hand_over.covers(now.mono, 1).ok()?;
        while let Some((which, eid)) = self.spread.next(now.mono) {
            let node = self.neighbours.all().find(|node| node.eid == eid && eid != me.eid());
            let (Some(node), Some(record)) = (node, self.store.held(&which)) else { continue };
            let Some(length) = write_put(now.unix, me, &node.eid, &record, out) else { continue };
            self.hand_over.take(now.mono, 1).ok()?;
            return Some((node.at, length));
        }
        let own = self.neighbours.all().next().map(|own| own.place)?;
        let rule = self.settings.diversity;
        let (node, from) = self.neighbours.handing().map(|(node, from)| (node, *from))?;
        let (mut at, capacity) = (from?, self.store.fill().1);
        // A bounded look at the store: the rest comes with the next call.
        let last = at.saturating_add(256).min(capacity);
        let mut found = None;
        while at < last && found.is_none() {
            let record = self.store.at(now.unix, at);
            at += 1;
            let Some(record) = record else { continue };
            let Ok(body_class) = super::class_of::<P>(&record) else { continue };
            let nearer = Neighbours::is_nearer(body_class, &record.storage_key, &node.place, &own);
            let its = nearer && self.neighbours.serves(&node.eid, body_class, &record.storage_key, rule, RESPONSIBLE);
            if its {
                found = write_put(now.unix, me, &node.eid, &record, out);
            }
        }
        if let Some((_, handing)) = self.neighbours.handing() {
            *handing = (at < capacity).then_some(at);
        }
        let length = found?;
        self.hand_over.take(now.mono, 1).ok()?;
        Some((node.at, length))
    }

    /// Whether this node takes what stands under a key: it is among the first for it, or admits for another DHT.
    fn admits<T: Trust>(&self, me: &Eid, class: Class, key: &iacp_wire::DhtKey, trust: &T) -> bool {
        trust.responsible(class, key).is_some()
            || self.neighbours.serves(me, class, key, self.settings.diversity, NEAREST)
    }

    /// A record that another DHT hands on, or that a look-up in it has found: judged like one from a node, and stored if it may
    /// stand. `from` is where it came from, for the share of the table that one network may hold. Gives the status of 19.2: 0 if
    /// it stands here now, 1 if this node has a newer one.
    pub fn offer<T: Trust>(&mut self, now: Clock, from: core::net::IpAddr, record: &Record<'_>, trust: &T) -> u32 {
        self.deposit(now, super::Origin::Node, from, record, trust)
    }
}

/// A record, handed on from node to node.
fn write_put<P: Provider>(
    now: UnixTime,
    me: &Identity<P>,
    to: &Eid,
    record: &Record<'_>,
    out: &mut [u8],
) -> Option<usize> {
    let mut bytes = [0; Record::MAX_BODY + iacp_wire::layout::RecordHead::LEN];
    let length = record.write(&mut bytes).ok()?;
    let head = DirPut { directory_node_eid: me.eid(), timestamp: now.0.into(), signature: Signature::ZERO };
    let frame = Frame::new(Message::DirPut { head: &head, record: bytes.get(..length)? });
    sign_frame(me, &frame, [&to.0, &[]], out).ok()
}
