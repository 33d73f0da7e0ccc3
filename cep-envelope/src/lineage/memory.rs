//! A lineage in the caller's memory.

use core::fmt;

use sha2::{Digest as _, Sha256};

use super::{Approved, Line, Lineage, Memory, Parent, Record, Standing};
use crate::digest::Digest;
use crate::manifest::{CausalParent, Instant};

/// Room for one object.
///
/// ```
/// use cep_envelope::lineage::{MemoryLineage, Slot};
///
/// // Room for three objects of four: a quarter stays empty.
/// static ROOM: [Slot; 4] = [Slot::EMPTY; 4];
/// assert_eq!(MemoryLineage::first(ROOM, [7; 16]).capacity(), 3);
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Slot(Option<Entry>);

impl Slot {
    /// An empty slot.
    pub const EMPTY: Self = Self(None);
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    record: Record,
    /// The approved object that continues this one on its own line.
    continued_by: Option<Digest>,
}

/// A lineage of fixed size, in an array, a slice or a box.
///
/// **How long it remembers**: until [`forget_before`](Self::forget_before) is called. Forgotten objects do not count as
/// new: the memory is then complete only from that instant on, and objects sealed before it are not approved. **Full
/// means refuse**: nothing is forgotten to make room. **A restart** loses everything, so
/// [`after_restart`](Self::after_restart) begins with a memory that is complete only from then on; or rebuild it from
/// your own records with [`record`](Self::record).
///
/// A quarter of the slots stays empty, so that look-ups take few steps, however many objects there are. The slot of an
/// object depends on a secret, so that no sender can choose manifests that collide.
///
/// ```
/// # use cep_envelope::lineage::{MemoryLineage, Slot};
/// let lineage = MemoryLineage::first([Slot::EMPTY; 64], [7; 16]);
/// assert_eq!((lineage.len(), lineage.capacity()), (0, 48));
/// ```
// keeps: CEP-030 (§4), CEP-031 (§4)
pub struct MemoryLineage<M> {
    slots: M,
    secret: [u8; 16],
    taken: usize,
    complete_since: Instant,
}

/// Why an object is not recorded. Nothing has changed: it must not continue.
///
/// An example is at [`Record`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum RecordError {
    /// There is no room.
    Full,
    /// The object has been decided in the meantime.
    Decided,
    /// Something has changed since the decision was made: another object continued the parent, or the parent is no
    /// longer approved, or it was forgotten and the object is not on a branch of its own. Decide again.
    Overtaken,
}

impl fmt::Display for RecordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Full => "the lineage is full",
            Self::Decided => "the object has been decided meanwhile",
            Self::Overtaken => "the lineage has changed meanwhile",
        })
    }
}

impl core::error::Error for RecordError {}

impl<M: AsRef<[Slot]> + AsMut<[Slot]>> MemoryLineage<M> {
    /// The lineage of a receiver that has never decided anything. `secret` is 16 random bytes.
    #[must_use]
    pub fn first(mut slots: M, secret: [u8; 16]) -> Self {
        slots.as_mut().fill(Slot::EMPTY);
        Self { slots, secret, taken: 0, complete_since: Instant::MIN }
    }

    /// The lineage of a receiver that has lost its memory. `now` is the time of the restart, which must not lie before
    /// any arrival so far (a clock that starts in 1970 has to be set first), `ahead_seconds` the value of
    /// [`DriftLimits::ahead_seconds`](crate::drift::DriftLimits) before the restart: an object that was approved then
    /// may have a sealed time that is later by as much.
    #[must_use]
    pub fn after_restart(slots: M, secret: [u8; 16], now: Instant, ahead_seconds: u64) -> Self {
        // One second more, so that the whole of the last second is included.
        let complete_since = now.after(ahead_seconds.saturating_add(1));
        Self { complete_since, ..Self::first(slots, secret) }
    }

    /// How many objects are remembered.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.taken
    }

    /// Whether none is.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.taken == 0
    }

    /// How many objects can be remembered.
    #[must_use]
    pub fn capacity(&self) -> usize {
        let slots = self.slots.as_ref().len();
        slots - slots.div_ceil(4)
    }

    /// Remembers a decision, so that the approved object may continue.
    ///
    /// Changes since the decision was made are detected: of two objects that were decided at the same time and continue
    /// the same parent, one is refused.
    ///
    /// # Errors
    /// [`RecordError`].
    pub fn record(&mut self, record: &Record) -> Result<(), RecordError> {
        self.put_record(record, |lineage, standing| lineage.continues(record, standing))
    }

    fn put_record(
        &mut self,
        record: &Record,
        continues: impl FnOnce(&Self, Option<Approved>) -> Result<Option<Digest>, RecordError>,
    ) -> Result<(), RecordError> {
        let known = self.find(&record.manifest, &record.key);
        if self.object(&record.manifest, &record.key) == Memory::Decided {
            return Err(RecordError::Decided);
        }
        if record.sealed < self.complete_since {
            return Err(RecordError::Overtaken);
        }
        if known.is_none() && !self.has_room() {
            return Err(RecordError::Full);
        }
        let standing = match self.parent(&record.manifest) {
            Parent::Approved(standing) => Some(standing),
            _ => None,
        };
        let continues = match record.standing {
            Standing::Approved => continues(self, standing)?,
            _ => None,
        };
        // The line of a manifest does not depend on later seals of it: no copy can take an approval away.
        let mut entry = Entry { record: *record, continued_by: standing.and_then(|standing| standing.continued_by) };
        if standing.is_some() && record.standing == Standing::Invalid {
            entry.record.standing = Standing::HeldBack;
        }
        let place = known.or_else(|| self.walk(&record.manifest).find(|place| self.entry(*place).is_none()));
        let Some(slot) = place.and_then(|place| self.slots.as_mut().get_mut(place)) else {
            return Err(RecordError::Full);
        };
        slot.0 = Some(entry);
        self.taken += usize::from(known.is_none());
        if let Some(parent) = continues {
            self.change(&parent, |entry| entry.continued_by = Some(record.manifest));
        }
        Ok(())
    }

    /// Checks that an approved record is on its correct line. Returns the parent, if the record continues it on the
    /// parent's line.
    fn continues(&self, record: &Record, standing: Option<Approved>) -> Result<Option<Digest>, RecordError> {
        let own = |line: fn(Digest) -> Line| record.line == line(record.manifest);
        let parent = match record.parent {
            CausalParent::Of(parent) => parent,
            _ if standing.is_some_and(|standing| standing.line == record.line) => return Ok(None),
            CausalParent::Root if standing.is_none() && own(Line::Main) => return Ok(None),
            CausalParent::Missing if standing.is_none() && own(Line::Branch) => return Ok(None),
            CausalParent::Root | CausalParent::Missing => return Err(RecordError::Overtaken),
        };
        if standing.is_some_and(|standing| standing.line != record.line) {
            return Err(RecordError::Overtaken);
        }
        match self.parent(&parent) {
            Parent::Approved(_) | Parent::Unknown if own(Line::Branch) => Ok(None),
            // It continues its parent on the parent's own line, which only one object can do.
            Parent::Approved(Approved { line, continued_by, .. })
                if line == record.line && continued_by.is_none_or(|other| other == record.manifest) =>
            {
                Ok(Some(parent))
            }
            // The manifest is approved already, although its parent has been forgotten.
            Parent::Unknown if standing.is_some() => Ok(None),
            _ => Err(RecordError::Overtaken),
        }
    }

    /// Restores a record of an earlier lineage from a journal. The differences from [`record`](Self::record): an
    /// object may continue a parent that has been forgotten since, on the line on which it was approved; and of an object
    /// that has been forgotten itself, only that it continues its parent is restored.
    ///
    /// # Errors
    /// [`RecordError`].
    pub fn restore(&mut self, record: &Record) -> Result<(), RecordError> {
        match record.parent {
            // It was sealed before its parent, by a clock that was behind.
            CausalParent::Of(parent) if record.sealed < self.complete_since => {
                let continues = |entry: &Entry| entry.continued_by.is_none() && entry.record.line == record.line;
                self.change(&parent, |entry| {
                    if record.standing == Standing::Approved && continues(entry) {
                        entry.continued_by = Some(record.manifest);
                    }
                });
                Ok(())
            }
            _ if record.sealed < self.complete_since => Ok(()),
            CausalParent::Of(parent) if self.parent(&parent) == Parent::Unknown => {
                self.put_record(record, |_, _| Ok(None))
            }
            _ => self.record(record),
        }
    }

    /// Makes a known object invalid, after inspection: nothing continues it.
    pub fn invalidate(&mut self, manifest: &Digest) {
        self.change(manifest, |entry| entry.record.standing = Standing::Invalid);
    }

    /// Lets nothing continue any approved object of a line. Visits every slot.
    pub fn forbid(&mut self, line: &Line) {
        for slot in self.slots.as_mut() {
            if let Some(Entry { record, .. }) = &mut slot.0
                && record.standing == Standing::Approved
                && record.line == *line
            {
                record.standing = Standing::Forbidden;
            }
        }
    }

    /// Forgets objects that were sealed before an instant; from now on no such object counts as new. Visits every slot.
    pub fn forget_before(&mut self, instant: Instant) {
        self.complete_since = self.complete_since.max(instant);
        let mut place = 0;
        while place < self.slots.as_ref().len() {
            if self.entry(place).is_some_and(|entry| entry.record.sealed < instant) {
                // Another entry may have moved here.
                self.remove(place);
            } else {
                place += 1;
            }
        }
    }

    fn entry(&self, place: usize) -> Option<&Entry> {
        self.slots.as_ref().get(place).and_then(|slot| slot.0.as_ref())
    }

    /// The slot of a manifest if there were no others. There is at least one slot when this is called.
    fn home(&self, manifest: &Digest) -> usize {
        let hash: [u8; 32] =
            Sha256::new().chain_update(self.secret).chain_update(manifest.as_bytes()).finalize().into();
        let number = hash.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes));
        let slots = self.slots.as_ref().len().max(1);
        // The remainder is below the number of slots.
        usize::try_from(number % slots as u64).unwrap_or(0)
    }

    /// All places from a manifest's home on, around once.
    fn walk(&self, manifest: &Digest) -> impl Iterator<Item = usize> + use<M> {
        let slots = self.slots.as_ref().len();
        let home = self.home(manifest);
        (home..slots).chain(0..home)
    }

    /// The places of all entries with this manifest: at most one for each key.
    fn places(&self, manifest: &Digest) -> impl Iterator<Item = (usize, &Entry)> {
        self.walk(manifest)
            .map_while(|place| Some((place, self.entry(place)?)))
            .filter(|(_, entry)| same(&entry.record.manifest, manifest))
    }

    fn find(&self, manifest: &Digest, key: &[u8; 32]) -> Option<usize> {
        self.places(manifest).find(|(_, entry)| entry.record.key == *key).map(|(place, _)| place)
    }

    /// Changes all entries with this manifest.
    fn change(&mut self, manifest: &Digest, change: impl Fn(&mut Entry)) {
        for place in self.walk(manifest) {
            let Some(entry) = self.slots.as_mut().get_mut(place).and_then(|slot| slot.0.as_mut()) else { return };
            if same(&entry.record.manifest, manifest) {
                change(entry);
            }
        }
    }

    /// Empties a slot, and moves up the entries that were displaced behind it, so that no walk ends too early.
    fn remove(&mut self, place: usize) {
        let slots = self.slots.as_ref().len();
        let mut hole = place;
        self.put(hole, Slot::EMPTY);
        self.taken = self.taken.saturating_sub(1);
        for place in (place + 1..slots).chain(0..place) {
            let Some(entry) = self.entry(place) else { break };
            let (home, slot) = (self.home(&entry.record.manifest), Slot(Some(*entry)));
            // It may move if the hole lies between its home and its slot.
            let from_home = |to: usize| if to >= home { to - home } else { to + slots - home };
            if from_home(hole) < from_home(place) {
                self.put(hole, slot);
                self.put(place, Slot::EMPTY);
                hole = place;
            }
        }
    }

    fn put(&mut self, place: usize, slot: Slot) {
        if let Some(there) = self.slots.as_mut().get_mut(place) {
            *there = slot;
        }
    }
}

/// Both are public, so a comparison in constant time would only be slow.
fn same(one: &Digest, other: &Digest) -> bool {
    one.as_bytes() == other.as_bytes()
}

impl<M: AsRef<[Slot]> + AsMut<[Slot]>> Lineage for MemoryLineage<M> {
    fn object(&self, manifest: &Digest, key: &[u8; 32]) -> Memory {
        if matches!(self.parent(manifest), Parent::Invalid | Parent::Forbidden) {
            return Memory::Decided;
        }
        match self.find(manifest, key).and_then(|place| self.entry(place)) {
            None => Memory::New,
            Some(Entry { record: Record { standing: Standing::HeldBack, .. }, .. }) => Memory::HeldBack,
            Some(_) => Memory::Decided,
        }
    }

    /// Several keys may have sealed this manifest. If one entry is bad, the manifest is; otherwise one approved entry
    /// is enough.
    fn parent(&self, manifest: &Digest) -> Parent {
        self.places(manifest).fold(Parent::Unknown, |parent, (_, entry)| match (parent, entry.record.standing) {
            (_, Standing::Invalid) | (Parent::Invalid, _) => Parent::Invalid,
            (_, Standing::Forbidden) | (Parent::Forbidden, _) => Parent::Forbidden,
            (Parent::Approved(_), _) => parent,
            (_, Standing::Approved) => {
                let Record { sealed, line, .. } = entry.record;
                Parent::Approved(Approved { sealed, line, continued_by: entry.continued_by })
            }
            (_, Standing::HeldBack) => Parent::Undecided,
        })
    }

    fn complete_since(&self) -> Instant {
        self.complete_since
    }

    fn has_room(&self) -> bool {
        self.taken < self.capacity()
    }
}
