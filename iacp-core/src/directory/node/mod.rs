//! A directory node (`IACP §3.5`, `IACP §5.1` to `§5.4`) as a step function over the caller's memory.
//!
//! A datagram goes in, at most one answer comes out. The checks stand in order of cost, and nothing but a proof's place in the
//! filter is written before the last one holds: see [`Node::handle`]. What a node has to send by itself comes out of
//! [`Node::poll_transmit`].

mod access;
mod admit;
mod answer;
mod cases;
mod compare;
mod curators;
mod deposit;
mod drafts;
mod event;
mod hub;
mod names;
mod neighbours;
mod peer;
mod question;
mod request;
mod saved;
mod seen;
mod settings;
mod spread;
mod store;
mod tend;
mod transmit;
mod trial;
mod view;
mod witness;

use core::marker::PhantomData;

pub use cases::Case;
use cases::Cases;
use curators::Curators;
use drafts::Tending;
pub use event::{Handled, NodeEvent, Silence};
pub use hub::{
    HEARERS, Hub, HubMemory, MEMBERS, MOST, Member, NotRelayed, OF_NETWORK, PATIENCE, Passed, Relayed, STAY,
};
use iacp_wire::layout::Record;
use iacp_wire::message::{ErpRegister, PomVote};
use iacp_wire::{Digest, Eid, Frame, Message};
pub use names::{Named, Unnamed};
pub use neighbours::Neighbour;
use neighbours::{Announced, Known, Neighbours};
use question::Compare;
pub use saved::{NotRestored, SavedCase};
pub use seen::{Presented, Seen, Shown};
pub use settings::{Settings, Trust};
use spread::Spread;
pub use store::{Entry, FLOOR, Full, LIST, Source, Store};
use view::View;

use super::kind::Class;
use super::metric::{NEAREST, NodeInfo};
use crate::crypto::Provider;
use crate::governance::ballot;
use crate::governance::window::{Clock, Due};
use crate::guard::ticket::{Issued, Spending};
use crate::guard::{Charge, Difficulty, Ingress, Ledger, Liable, Rate, Tickets, TokenBucket, Zone};
use crate::identity::Identity;
use crate::slots::{IndexKey, Slot, TooFew};
use crate::time::{Mono, UnixTime};

/// The caller's memory. Nothing in it grows. An example stands at [`Node`].
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

/// A directory node.
///
/// ```
/// use iacp_core::crypto::{Portable, Provider};
/// use iacp_core::directory::metric::NodeInfo;
/// use iacp_core::directory::node::{
///     Case, Entry, Handled, Kept, Memory, Neighbour, Node, Settings, Shown, Silence, Trust,
/// };
/// use iacp_core::governance::window::Clock;
/// use iacp_core::guard::{Liable, Zone, ticket::{Issued, Spending}};
/// use iacp_core::identity::Identity;
/// use iacp_core::slots::Slot;
/// use iacp_core::time::{Mono, UnixTime};
/// use iacp_wire::DhtKey;
/// # use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
/// # let mut rng = ChaCha8Rng::seed_from_u64(1); // the host's generator, in real life
///
/// let mut entries = [const { Slot::new(Entry::EMPTY) }; 8];
/// let memory = Memory {
///     entries: &mut entries,
///     cells: &mut [0; 16],
///     seen: &mut [Shown::FREE; 64],
///     nodes: &mut [const { None::<Neighbour> }; 16],
///     cases: &mut [const { None::<Case> }; 8],
///     spent: &mut [Spending::FREE; 64],
///     issued: &mut [Issued::FREE; 64],
///     liable: &mut [Liable::FREE; 64],
///     zones: &mut [Zone::new(Mono(0)); 256],
///     cache: &mut [Kept::FREE; 16],
/// };
/// let me = Identity::<Portable>::generate(&mut rng);
/// let place = DhtKey(Portable::sha256(&[&me.eid().0]));
/// let own = NodeInfo { eid: me.eid(), at: ([192, 0, 2, 9], 4_300).into(), place, classes: 0xF };
/// let mut node = Node::<Portable>::new(memory, own, Settings::DEFAULT, Mono(0), &mut rng)?;
///
/// struct Nothing; // no root is pinned, and this node has not voted yet
/// impl Trust for Nothing {}
/// let now = Clock { mono: Mono(0), unix: UnixTime(1_790_000_010_000) };
/// let (from, mut answer) = (([198, 51, 100, 7], 4_227).into(), [0; 1_200]);
/// let handled = node.handle(now, &me, from, b"noise", &Nothing, &mut answer);
/// assert_eq!(handled, Handled::Silence(Silence::Form));
/// # Ok::<(), iacp_core::slots::TooFew>(())
/// ```
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
    worked: Ingress<256>,
    difficulty: Difficulty,
    settings: Settings,
    events: heapless::Deque<NodeEvent, EVENTS>,
    hand_over: TokenBucket,
    spread: Spread,
    /// Which of the sources of [`Node::poll_transmit`] is served next.
    turn: usize,
    compare: Compare,
    curators: Curators,
    tending: Tending,
    announced: Option<Announced>,
    double_vote: Option<[PomVote; 2]>,
    pair: Option<[ErpRegister; 2]>,
    provider: PhantomData<P>,
}

/// How many events wait for the caller, which asks for them once a second.
const EVENTS: usize = 128;
/// What a node says of its own accord counts for no network.
const OWN: core::net::IpAddr = core::net::IpAddr::V6(core::net::Ipv6Addr::LOCALHOST);
/// The most refusals that one network gets.
const ERRORS: Rate = Rate { capacity: 10, per_second: 10 };
/// The most records that are handed over: no more than a node takes from one that it knows, however long they are.
const HAND_OVER: Rate = Rate { capacity: 32, per_second: 16 };

/// Of the worked requests one network has an eighth, and what the dearest one costs at least.
const fn share(all: Rate) -> Rate {
    let capacity = if all.capacity / 8 < 64 { 64 } else { all.capacity / 8 };
    Rate { capacity, per_second: all.per_second / 8 }
}

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
        let (ticket_key, ledger_key, compare_key) = (secret(), secret(), secret());
        if memory.zones.len() != 256 {
            return Err(TooFew::Zones(256));
        }
        memory.zones.fill(Zone::new(now));
        let mut neighbours = Neighbours::new(memory.nodes, IndexKey::new(secret()));
        if !neighbours.enter(now, own, Known::Own) {
            return Err(TooFew::NoPlace);
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
            worked: Ingress::new(settings.worked, share(settings.worked), now, rng),
            difficulty: Difficulty::new(settings.base, 4, now),
            settings,
            events: heapless::Deque::new(),
            hand_over: TokenBucket::new(HAND_OVER, now),
            spread: Spread::new(),
            turn: 0,
            compare: Compare::new(IndexKey::new(compare_key)),
            curators: Curators::new(),
            tending: Tending::new(),
            announced: None,
            double_vote: None,
            pair: None,
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
    /// as [`NodeEvent::Equivocation`] alone.
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
            curators: &self.curators,
            neighbours: &self.neighbours,
            settings: &self.settings,
            trust,
            now,
            provider: PhantomData,
        }
    }

    /// Handles what became due: frees what ran out, and ends escrows. Call it once a second.
    pub fn handle_deadline(&mut self, now: Clock) -> Option<NodeEvent> {
        self.store.sweep(now.unix);
        self.neighbours.forget(now.unix);
        self.curators.restore(now.mono);
        if let Some(event) = self.events.pop_front() {
            return Some(event);
        }
        let (ended, due) = self.cases.tick(now)?;
        let (id, offender) = (ended.id, ended.offender);
        Some(match due {
            Due::Persist(outcome) => NodeEvent::Persist { id, offender, outcome },
            Due::Lapsed => {
                self.recall_pair();
                NodeEvent::Lapsed { id, offender }
            }
        })
    }

    /// The vote that [`NodeEvent::Persist`] told could not be written down: it is told again.
    pub fn unwritten(&mut self, id: &Digest) {
        self.cases.again(id);
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

    /// Keeps an event for the caller. One half of the places is for what has to be done, and not only known. The end of a trial is told
    /// once, so it takes the place of what is told again, or is only known.
    fn tell(&mut self, event: NodeEvent) {
        let is_news = matches!(event, NodeEvent::Equivocation { .. });
        if self.events.is_full() && matches!(event, NodeEvent::Lapsed { .. } | NodeEvent::Verdict { .. }) {
            self.make_room();
        }
        let refused =
            if is_news && self.events.len() >= EVENTS / 2 { Some(event) } else { self.events.push_back(event).err() };
        // A vote that finds no place is told with a later tick.
        if let Some(NodeEvent::Persist { id, .. }) = refused {
            self.cases.again(&id);
        }
    }

    /// Takes one event out of the full queue that tells no end of a trial.
    fn make_room(&mut self) {
        let mut gone = false;
        for _ in 0..self.events.len() {
            let Some(event) = self.events.pop_front() else { return };
            match event {
                NodeEvent::Persist { id, .. } if !gone => {
                    self.cases.again(&id);
                    gone = true;
                }
                NodeEvent::Equivocation { .. } if !gone => gone = true,
                kept => _ = self.events.push_back(kept),
            }
        }
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

#[cfg(test)]
mod tests {
    extern crate std;

    use std::boxed::Box;
    use std::vec::Vec;

    use iacp_wire::DhtKey;
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::SeedableRng;

    use super::*;
    use crate::crypto::ChaChaOnly;
    use crate::governance::window::Outcome;

    fn memory<T>(count: usize, with: impl FnMut() -> T) -> &'static mut [T] {
        Box::leak(std::iter::repeat_with(with).take(count).collect())
    }

    fn node(nodes: usize, zones: usize) -> Result<Node<'static, ChaChaOnly>, TooFew> {
        let memory = Memory {
            entries: memory(16, || Slot::new(Entry::EMPTY)),
            cells: memory(32, || 0),
            seen: memory(8, || Shown::FREE),
            nodes: memory(nodes, || None),
            cases: memory(1, || None),
            spent: memory(8, || Spending::FREE),
            issued: memory(8, || Issued::FREE),
            liable: memory(8, || Liable::FREE),
            zones: memory(zones, || Zone::new(Mono(0))),
            cache: memory(1, || Kept::FREE),
        };
        let at = ([192, 0, 2, 1], 4_227).into();
        let own = NodeInfo { eid: Eid([1; 32]), at, place: DhtKey([1; 32]), classes: 0xF };
        Node::new(memory, own, Settings::DEFAULT, Mono(0), &mut ChaCha8Rng::seed_from_u64(1))
    }

    #[test]
    fn a_node_needs_a_breaker_for_each_zone_and_a_place_for_itself() {
        assert!(node(1, 256).is_ok());
        assert_eq!(node(1, 255).err(), Some(TooFew::Zones(256)));
        assert_eq!(node(1, 257).err(), Some(TooFew::Zones(256)));
        assert_eq!(node(0, 256).err(), Some(TooFew::NoPlace));
    }

    #[test]
    fn a_network_has_an_eighth_of_the_worked_requests_and_64_tokens_at_least() {
        for (capacity, own) in [(0, 64), (512, 64), (519, 64), (520, 65), (1_000, 125)] {
            let share = share(Rate { capacity, per_second: 80 });
            assert_eq!(share, Rate { capacity: own, per_second: 10 }, "{capacity}");
        }
    }

    /// News fill half of the list; what ends a trial always has its place.
    #[test]
    fn the_end_of_a_trial_is_told_however_many_events_wait() {
        let mut node = node(1, 256).expect("the sizes are right");
        let news = |number: u8| NodeEvent::Equivocation { offender: Eid([number; 32]) };
        let (id, offender, outcome) = (Digest([7; 32]), Eid([9; 32]), Outcome::Guilty);
        (0..70).for_each(|number| node.tell(news(number)));
        assert_eq!(node.events.len(), 64);
        (0..70).for_each(|_| node.tell(NodeEvent::Persist { id, offender, outcome }));
        assert_eq!(node.events.len(), 128);
        node.tell(NodeEvent::Lapsed { id, offender });
        node.tell(NodeEvent::Verdict { id, offender, outcome });
        let told: Vec<NodeEvent> = core::iter::from_fn(|| node.events.pop_front()).collect();
        assert_eq!(told.len(), 128);
        assert_eq!((told[0], told[61], told[62]), (news(2), news(63), NodeEvent::Persist { id, offender, outcome }));
        assert_eq!(told[126..], [NodeEvent::Lapsed { id, offender }, NodeEvent::Verdict { id, offender, outcome }]);
    }
}
