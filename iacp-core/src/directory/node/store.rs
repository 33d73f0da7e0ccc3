//! The records that a node keeps, in the caller's memory.
//!
//! Full means refuse: no record is replaced by one of another key, except floors, which are what remains of expired bindings.
//! The owners of one network hold at most 1/64 of the places, and what its nodes hand on at most a quarter; both are counted under
//! a keyed hash, so that no network fills the table and none can be chosen to share another's count.

use core::net::IpAddr;

use iacp_wire::layout::Record;
use iacp_wire::{DhtKey, Locator};

use crate::directory::{Body, Kind, Slot as Which};
use crate::guard::site;
use crate::slots::{Index, Reset, Slot, Slots, TooFew};
use crate::time::UnixTime;

/// The most records of one kind under one key.
pub const LIST: usize = 64;
/// The most FILTER parts under one key: two epochs of the largest filter. (An answer can count 255 records.)
const PARTS: usize = 128;
/// How long an expired binding still blocks older ones, in milliseconds.
pub const FLOOR: u64 = 7 * 24 * 3_600_000;
/// How many places one sweep looks at.
const SWEEP: u32 = 32;
/// How many networks the counts tell apart.
const NETWORKS: usize = 256;

/// The most records of a kind under one key, for kinds that are kept per EID or per offender.
const fn most(kind: Kind) -> usize {
    match kind {
        Kind::Ticket => 16,
        Kind::Score => 7,
        Kind::Accusation | Kind::Verdict => 4,
        // Two epochs of the largest filter.
        Kind::Filter => PARTS,
        _ => LIST,
    }
}

/// The first invalid generation of a revocation.
fn first_invalid(body: &[u8]) -> Option<u64> {
    match Body::parse(Kind::Revocation, body) {
        Ok(Body::Revocation(body)) => Some(body.first_invalid_generation.get()),
        _ => None,
    }
}

fn is_leaving(record: &Record<'_>) -> bool {
    matches!(Body::parse(Kind::Binding, record.body), Ok(Body::Binding(binding))
        if record.kind == Kind::Binding as u8 && binding.current_transport_ip == Locator::ZERO)
}

/// The place of a record: about a kilobyte.
#[derive(Debug)]
pub struct Entry {
    kind: Kind,
    key: DhtKey,
    which: [u8; 32],
    expiry: u64,
    /// When it came, Unix time in milliseconds.
    stored: u64,
    /// Of a revocation, the first that stood in the slot: when it came, and its first invalid generation.
    first: Option<(u64, u64)>,
    /// The network that it counts for, and whether as what a node handed on.
    network: (u8, bool),
    floor: bool,
    /// Of an accusation: its trial has begun here.
    tried: bool,
    length: u16,
    body: [u8; Record::MAX_BODY],
}

impl Entry {
    /// An empty place.
    pub const EMPTY: Self = Self {
        kind: Kind::Binding,
        key: DhtKey::ZERO,
        which: [0; 32],
        expiry: 0,
        stored: 0,
        first: None,
        network: (0, false),
        floor: false,
        tried: false,
        length: 0,
        body: [0; Record::MAX_BODY],
    };

    fn record(&self) -> Record<'_> {
        let body = self.body.get(..usize::from(self.length)).unwrap_or_default();
        Record { kind: self.kind as u8, storage_key: self.key, expiry: self.expiry, body }
    }

    fn is_in(&self, which: &Which) -> bool {
        self.kind == which.kind && self.key == which.key && self.which == which.which
    }
}

impl Reset for Entry {
    fn reset(&mut self) {
        (self.length, self.floor, self.tried, self.first) = (0, false, false, None);
    }
}

/// From where a record came. What nodes hand on is counted by itself: their network may hold a quarter of the places by it, and an
/// owner of that network has its share beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// From its owner.
    Owner(IpAddr),
    /// From another node.
    Node(IpAddr),
}

impl core::fmt::Display for Source {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Owner(ip) => write!(f, "its owner at {ip}"),
            Self::Node(ip) => write!(f, "a node at {ip}"),
        }
    }
}

impl Source {
    const fn ip(self) -> IpAddr {
        match self {
            Self::Owner(ip) | Self::Node(ip) => ip,
        }
    }

    /// The most records of one network in the list of one key. Only lists that many owners share have this limit: the records of one
    /// owner, and the parts that nodes send, usually come from one network.
    const fn most_listed(self, kind: Kind) -> usize {
        match (kind, self) {
            (Kind::Publication | Kind::Assertion, Self::Owner(_)) => LIST / 8,
            (Kind::Publication | Kind::Assertion, Self::Node(_)) => LIST / 2,
            _ => usize::MAX,
        }
    }

    /// The share of its network in the whole table: one in this number.
    const fn part(self) -> u32 {
        match self {
            Self::Owner(_) => 64,
            Self::Node(_) => 4,
        }
    }
}

/// There is no room for the record; nothing was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Full;

impl core::fmt::Display for Full {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.pad("there is no room for the record")
    }
}

impl core::error::Error for Full {}

/// The records of a node.
///
/// ```
/// use iacp_core::directory::node::{Entry, Full, Source, Store};
/// use iacp_core::directory::{Kind, slot};
/// use iacp_core::slots::Slot;
/// # use iacp_core::crypto::ChaChaOnly;
/// # use iacp_core::time::UnixTime;
/// # use iacp_wire::DhtKey;
/// # use iacp_wire::layout::Record;
/// # let (now, from) = (UnixTime(1_790_000_010_000), Source::Owner([198, 51, 100, 7].into()));
///
/// let (mut places, mut cells) = ([const { Slot::new(Entry::EMPTY) }; 1], [0; 2]);
/// let mut store = Store::new(&mut places, &mut cells, [7; 16])?; // a secret, in real life
/// let record = |storage_key, body| Record { kind: Kind::Binding as u8, storage_key, expiry: now.0 + 60_000, body };
/// let (mine, theirs) = (record(DhtKey([1; 32]), &[1; 120]), record(DhtKey([2; 32]), &[2; 120]));
/// store.put(now, &slot::<ChaChaOnly>(&mine)?, &mine, mine.expiry, from)?;
/// assert_eq!(store.one(now, Kind::Binding, DhtKey([1; 32])).map(|(record, _came)| record.body), Some(mine.body));
/// assert_eq!(store.put(now, &slot::<ChaChaOnly>(&theirs)?, &theirs, theirs.expiry, from), Err(Full));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Store<'m> {
    entries: Slots<'m, Entry>,
    index: Index<'m>,
    /// Places in use, by the keyed hash of the network that they came from: what owners brought, and what nodes handed on.
    networks: [[u32; NETWORKS]; 2],
    cursor: u32,
}

impl<'m> Store<'m> {
    /// An empty store: a power of two of cells, at least twice as many as places, under a secret key.
    ///
    /// # Errors
    /// The index has too few cells, or the slices have lengths that they must not have.
    pub fn new(places: &'m mut [Slot<Entry>], cells: &'m mut [u32], key: [u8; 16]) -> Result<Self, TooFew> {
        let index = Index::new(cells, places.len(), key)?;
        Ok(Self { entries: Slots::new(places)?, index, networks: [[0; NETWORKS]; 2], cursor: 0 })
    }

    /// How many places are taken, and how many there are.
    #[must_use]
    pub const fn fill(&self) -> (u32, u32) {
        (self.entries.taken(), self.entries.capacity())
    }

    fn hash(&self, kind: Kind, key: &DhtKey) -> u64 {
        self.index.hash(&[&[kind as u8], &key.0])
    }

    fn find(&self, which: &Which) -> Option<u32> {
        let hash = self.hash(which.kind, &which.key);
        self.index.find(hash, |slot| self.entries.at(slot).is_some_and(|entry| entry.is_in(which)))
    }

    /// What orders a new record of the slot: the record that stands there, or the floor that is left of it.
    #[must_use]
    pub fn held(&self, which: &Which) -> Option<Record<'_>> {
        Some(self.entries.at(self.find(which)?)?.record())
    }

    /// The records of a kind under a key that have not run out, and when each came.
    pub fn list(&self, now: UnixTime, kind: Kind, key: DhtKey) -> impl Iterator<Item = (Record<'_>, u64)> + '_ {
        let mut slots: heapless::Vec<u32, PARTS> = heapless::Vec::new();
        self.index.find(self.hash(kind, &key), |slot| {
            let of_key = self.entries.at(slot).is_some_and(|entry| entry.kind == kind && entry.key == key);
            // The walk ends with the cells of this hash, or when the list is as long as it can be.
            of_key && slots.push(slot).is_err()
        });
        slots.into_iter().filter_map(move |slot| {
            let entry = self.entries.at(slot)?;
            (!entry.floor && entry.expiry > now.0).then(|| (entry.record(), entry.stored))
        })
    }

    /// The one record of a kind under a key.
    #[must_use]
    pub fn one(&self, now: UnixTime, kind: Kind, key: DhtKey) -> Option<(Record<'_>, u64)> {
        self.list(now, kind, key).next()
    }

    /// Whether a record of the slot finds room, from this network. Cheaper than any signature. A record whose slot is taken
    /// needs none.
    ///
    /// # Errors
    /// The table, the list of the key or the share of the network is full.
    pub fn room(&mut self, now: UnixTime, which: &Which, from: Source) -> Result<(), Full> {
        self.room_for(now, which, (from, None))
    }

    /// The same, if it replaces the record `spent` of its list.
    pub(super) fn room_for(
        &mut self,
        now: UnixTime,
        which: &Which,
        (from, spent): (Source, Option<&Which>),
    ) -> Result<(), Full> {
        if self.find(which).is_some() {
            return Ok(());
        }
        if self.entries.is_full() {
            self.sweep(now);
            self.give_way();
        }
        let network = self.network(from);
        let (mut listed, mut of_network) = (0, 0);
        self.index.find(self.hash(which.kind, &which.key), |slot| {
            let same = |entry: &&Entry| entry.kind == which.kind && entry.key == which.key;
            if let Some(entry) = self.entries.at(slot).filter(same) {
                listed += 1;
                of_network += usize::from(entry.network.0 == network.0);
            }
            false
        });
        let freed = usize::from(spent.is_some());
        let is_full = self.entries.is_full() && spent.is_none();
        let is_crowded = of_network >= from.most_listed(which.kind);
        let fits = !is_full && self.has_share(from) && !is_crowded && listed < most(which.kind).saturating_add(freed);
        if fits { Ok(()) } else { Err(Full) }
    }

    /// In a full list, the oldest record that may be replaced.
    pub(super) fn yields(&self, which: &Which, may: impl Fn(&Which, &[u8]) -> bool) -> Option<Which> {
        let (mut listed, mut first) = (0, None);
        self.index.find(self.hash(which.kind, &which.key), |slot| {
            let same = |entry: &&Entry| entry.kind == which.kind && entry.key == which.key;
            if let Some(entry) = self.entries.at(slot).filter(same) {
                listed += 1;
                let held = Which { kind: entry.kind, key: entry.key, which: entry.which };
                let is_earlier = first.is_none_or(|(stored, _)| entry.stored < stored);
                if is_earlier && held != *which && may(&held, entry.record().body) {
                    first = Some((entry.stored, held));
                }
            }
            false
        });
        first.filter(|_| listed >= most(which.kind)).map(|(_, held)| held)
    }

    /// The revocations of a key that count as a defence, when each came and its first invalid generation: the one that stands,
    /// and the first that stood in its place. So one that displaces another takes no defence away.
    pub(super) fn revocations(&self, now: UnixTime, key: DhtKey) -> [Option<(u64, u64)>; 2] {
        let which = Which { kind: Kind::Revocation, key, which: [0; 32] };
        let entry = self.find(&which).and_then(|slot| self.entries.at(slot)).filter(|entry| entry.expiry > now.0);
        let Some(entry) = entry else { return [None; 2] };
        [entry.first, first_invalid(entry.record().body).map(|first| (entry.stored, first))]
    }

    fn network(&self, from: Source) -> (u8, bool) {
        let [count, ..] = self.index.hash(&[b"network", &site(from.ip())]).to_be_bytes();
        (count, matches!(from, Source::Node(_)))
    }

    fn count(&mut self, (network, is_handed): (u8, bool)) -> Option<&mut u32> {
        self.networks.get_mut(usize::from(is_handed))?.get_mut(usize::from(network))
    }

    /// Whether the network of a record that comes may hold one more.
    fn has_share(&self, from: Source) -> bool {
        let (network, is_handed) = self.network(from);
        let counts = self.networks.get(usize::from(is_handed));
        let taken = counts.and_then(|counts| counts.get(usize::from(network))).copied().unwrap_or(u32::MAX);
        taken < (self.entries.capacity() / from.part()).max(1)
    }

    /// A binding counts for the network that it binds: a newer one to another network moves its count there.
    fn recount(&mut self, slot: u32, from: Source) -> Result<(), Full> {
        let network = self.network(from);
        let Some(entry) = self.entries.at(slot) else { return Ok(()) };
        let before = entry.network;
        if entry.kind != Kind::Binding || matches!(from, Source::Node(_)) || before == network {
            return Ok(());
        }
        if !self.has_share(from) {
            return Err(Full);
        }
        if let Some(count) = self.count(before) {
            *count = count.saturating_sub(1);
        }
        if let Some(count) = self.count(network) {
            *count = count.saturating_add(1);
        }
        if let Some(entry) = self.entries.at_mut(slot) {
            entry.network = network;
        }
        Ok(())
    }

    /// Puts a record into its slot, in place of what stands there.
    ///
    /// # Errors
    /// There is no room: see [`room`](Self::room).
    pub fn put(
        &mut self,
        now: UnixTime,
        which: &Which,
        record: &Record<'_>,
        expiry: u64,
        from: Source,
    ) -> Result<(), Full> {
        self.put_for(now, which, record, expiry, (from, None))
    }

    /// The same; the record that it replaces is freed.
    pub(super) fn put_for(
        &mut self,
        now: UnixTime,
        which: &Which,
        record: &Record<'_>,
        expiry: u64,
        (from, spent): (Source, Option<&Which>),
    ) -> Result<(), Full> {
        let (length, bytes) = (u16::try_from(record.body.len()).map_err(|_| Full)?, record.body);
        let slot = match self.find(which) {
            Some(slot) => {
                // A leaving binds no network.
                if !is_leaving(record) {
                    self.recount(slot, from)?;
                }
                slot
            }
            None => {
                self.room_for(now, which, (from, spent))?;
                if let Some(slot) = spent.and_then(|spent| self.find(spent)) {
                    self.free(slot);
                }
                let network = self.network(from);
                let handle = self.entries.claim().ok_or(Full)?;
                if !self.index.insert(self.hash(which.kind, &which.key), handle.slot()) {
                    self.entries.release(handle);
                    return Err(Full);
                }
                if let Some(count) = self.count(network) {
                    *count = count.saturating_add(1);
                }
                if let Some(entry) = self.entries.get_mut(handle) {
                    (entry.kind, entry.key, entry.which, entry.network) = (which.kind, which.key, which.which, network);
                }
                handle.slot()
            }
        };
        let entry = self.entries.at_mut(slot).ok_or(Full)?;
        if entry.kind == Kind::Revocation && entry.first.is_none() && entry.expiry > now.0 {
            entry.first = first_invalid(entry.record().body).map(|first| (entry.stored, first));
        }
        (entry.length, entry.expiry, entry.stored) = (length, expiry, now.0);
        (entry.floor, entry.tried) = (false, false);
        entry.body.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
        Ok(())
    }

    /// Extends the life of a record that came again unchanged. A floor (what an expired binding leaves) ends later than its binding:
    /// that end does not count here.
    pub fn refresh(&mut self, which: &Which, expiry: u64) {
        if let Some(entry) = self.find(which).and_then(|slot| self.entries.at_mut(slot)) {
            let stood = if entry.floor { 0 } else { entry.expiry };
            (entry.expiry, entry.floor) = (expiry.max(stood), false);
        }
    }

    /// Whether a place is the first of its list: each list has one.
    pub(super) fn leads(&self, slot: u32) -> bool {
        let Some(entry) = self.entries.at(slot) else { return false };
        let is_same = |other: u32| {
            self.entries
                .at(other)
                .is_some_and(|other| other.kind == entry.kind && other.key == entry.key && !other.floor)
        };
        self.index.find(self.hash(entry.kind, &entry.key), is_same) == Some(slot)
    }

    /// The trial of an accusation has begun.
    pub(super) fn mark_tried(&mut self, which: &Which) {
        if let Some(entry) = self.find(which).and_then(|slot| self.entries.at_mut(slot)) {
            entry.tried = true;
        }
    }

    /// Whether the trial of an accusation has begun, and maybe ended.
    pub(super) fn is_tried(&self, which: &Which) -> bool {
        self.find(which).and_then(|slot| self.entries.at(slot)).is_some_and(|entry| entry.tried)
    }

    /// When the record of a slot came, Unix time in milliseconds.
    pub(super) fn came(&self, which: &Which) -> Option<u64> {
        Some(self.entries.at(self.find(which)?)?.stored)
    }

    /// Whether the record of a place counts for the network of a source.
    pub(super) fn is_of(&self, slot: u32, from: Source) -> bool {
        self.entries.at(slot).is_some_and(|entry| entry.network == self.network(from))
    }

    /// All records that have not run out, in no order.
    pub fn records(&self, now: UnixTime) -> impl Iterator<Item = Record<'_>> {
        (0..self.entries.capacity()).filter_map(move |slot| self.at(now, slot))
    }

    /// The record of a place, for hand-over and comparison.
    pub(super) fn at(&self, now: UnixTime, slot: u32) -> Option<Record<'_>> {
        let entry = self.entries.at(slot)?;
        (!entry.floor && entry.expiry > now.0).then(|| entry.record())
    }

    fn free(&mut self, slot: u32) {
        let Some(entry) = self.entries.at(slot) else { return };
        let (hash, network) = (self.hash(entry.kind, &entry.key), entry.network);
        let entries = &self.entries;
        self.index.remove(hash, slot, |key, moved| {
            entries.at(moved).map_or(0, |entry| key.hash(&[&[entry.kind as u8], &entry.key.0]))
        });
        if let Some(count) = self.count(network) {
            *count = count.saturating_sub(1);
        }
        if let Some(handle) = self.entries.handle(slot) {
            self.entries.release(handle);
        }
    }

    /// Looks at the next places: what ran out becomes a floor, if it is a binding, or free.
    pub fn sweep(&mut self, now: UnixTime) {
        for _ in 0..SWEEP.min(self.entries.capacity()) {
            let slot = self.cursor;
            self.cursor = (slot + 1) % self.entries.capacity().max(1);
            let Some(entry) = self.entries.at_mut(slot) else { continue };
            if entry.expiry > now.0 {
                continue;
            }
            if entry.kind == Kind::Binding && !entry.floor {
                (entry.floor, entry.expiry) = (true, entry.expiry.saturating_add(FLOOR));
            } else {
                self.free(slot);
            }
        }
    }

    /// A full table frees the floor that ends first among the places that were swept last: each request looks at so many, and
    /// together they come round.
    fn give_way(&mut self) {
        let capacity = self.entries.capacity();
        if !self.entries.is_full() || capacity == 0 {
            return;
        }
        let floors = (1..=SWEEP.min(capacity)).filter_map(|back| {
            let slot = (self.cursor + capacity - back) % capacity;
            let entry = self.entries.at(slot).filter(|entry| entry.floor)?;
            Some((entry.expiry, slot))
        });
        if let Some((_, slot)) = floors.min() {
            self.free(slot);
        }
    }
}

#[cfg(test)]
mod tests;
