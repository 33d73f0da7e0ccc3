//! The control plane to bytes and back: the signed texts, the delegations, the versions so far and the one that
//! governs. After a restart nothing that was superseded, revoked or rolled back takes effect again (`IoE R1`, `R5`).
//!
//! The caller stores the texts themselves: each version names its policy by its digest, and is compiled anew.

use crate::authority::{Authorities, Delegation, Known, Signed};
use crate::bytes::{Reader, Writer};
use crate::changes::{Change, Changes, Entry};
use crate::number::Flag;
use crate::policy::{AUTHORITIES, Policy, Scope};
use crate::rollout::{Canary, Place, Rollout, Track};
use crate::snapshot::{PLANE_FORMAT, SnapshotError};
use crate::time::Time;
use crate::vocabulary::{Authority, Set};

impl<const W: usize, const V: usize, const D: usize, const A: usize, const T: usize, const K: usize>
    Rollout<W, V, D, A, T, K>
{
    /// Writes the whole state of the control plane except its key and its texts. Returns the length in bytes. The bytes
    /// are to be signed with the time and a rising number, and stored with the texts.
    ///
    /// # Errors
    /// How many bytes are needed.
    pub fn snapshot(&self, bytes: &mut [u8]) -> Result<usize, usize> {
        let mut to = Writer::new(bytes);
        to.u8(PLANE_FORMAT);
        authorities(&mut to, &self.authorities);
        to.u32(self.numbers);
        to.u32(self.canaries);
        to.some(self.stable);
        to.some(self.emergency);
        to.u8(u8::from(self.canary.is_some()));
        if let Some(Canary { track, percent, version, withdrawn }) = self.canary {
            to.u32(track.0);
            to.u8(percent);
            to.u32(version);
            to.u8(u8::from(withdrawn.is()));
        }
        to.u8(u8::try_from(self.all().count()).unwrap_or(u8::MAX));
        for (version, withdrawn) in self.all() {
            to.u32(version.number);
            to.u8(u8::from(withdrawn.is()));
            to.put(version.digest());
        }
        to.done()
    }

    /// Restores the control plane in place. `compile` adds the texts of the policy with this digest to an empty policy,
    /// and returns whether it has them; it is not called for the version that is linked here. A linked version that the
    /// snapshot does not contain, because the firmware is newer, is unlinked, and can be linked again.
    ///
    /// # Errors
    /// [`SnapshotError`]; the control plane is then empty, and permits nothing.
    pub fn restore(
        &mut self,
        bytes: &[u8],
        compile: impl FnMut(&[u8; 32], &mut Policy<W, A, T, K>) -> bool,
    ) -> Result<(), SnapshotError> {
        let done = self.read(bytes, compile);
        if done.is_err() {
            self.authorities = Authorities::with_room();
            self.versions.iter_mut().for_each(Place::free);
            (self.linked, self.stable, self.emergency, self.canary) = (None, None, None, None);
        }
        done
    }

    fn read(
        &mut self,
        bytes: &[u8],
        mut compile: impl FnMut(&[u8; 32], &mut Policy<W, A, T, K>) -> bool,
    ) -> Result<(), SnapshotError> {
        let mut from = Reader(bytes);
        let format = from.u8()?;
        if format != PLANE_FORMAT {
            return Err(SnapshotError::Format(format));
        }
        self.authorities = read_authorities(&mut from)?;
        (self.numbers, self.canaries) = (from.u32()?, from.u32()?);
        (self.stable, self.emergency) = (from.some("stable")?, from.some("emergency")?);
        self.canary = if from.bool("canary")? {
            let (track, percent, version) = (Track(from.u32()?), from.u8()?, from.u32()?);
            let withdrawn = Flag::of(from.bool("canary")?);
            if percent > 100 || track == Track::STABLE || track.0 > self.canaries {
                return Err(SnapshotError::Field("canary"));
            }
            Some(Canary { track, percent, version, withdrawn })
        } else {
            None
        };
        self.versions.iter_mut().for_each(Place::free);
        let (linked, mut place) = (self.linked.take(), 0);
        for _ in 0..from.u8()? {
            let number = from.u32()?;
            let withdrawn = Flag::of(from.bool("version")?);
            let digest = from.take()?;
            if number >= self.numbers || self.version(number).is_some() {
                return Err(SnapshotError::Field("version"));
            }
            if let Some(same) = linked.filter(|linked| linked.number == number && linked.digest() == &digest) {
                (self.linked, self.linked_withdrawn) = (Some(same), withdrawn);
                continue;
            }
            let slot = self.versions.get_mut(place).ok_or(SnapshotError::NoRoom)?;
            place += 1;
            let policy = slot.fill(number, withdrawn);
            if !compile(&digest, policy) || policy.digest() != &digest {
                return Err(SnapshotError::Field("the texts of a version"));
            }
        }
        from.done()?;
        let (over, live) = match self.canary {
            Some(canary) if canary.withdrawn.is() => (Some(canary.version), None),
            canary => (None, canary.map(|canary| canary.version)),
        };
        // What was rolled back governs nothing.
        let governs = [self.stable, self.emergency, live].into_iter().flatten().all(|one| self.usable(one).is_ok());
        if governs && over.is_none_or(|number| self.version(number).is_some()) {
            Ok(())
        } else {
            Err(SnapshotError::Field("what governs"))
        }
    }
}

fn authorities<const D: usize>(to: &mut Writer<'_>, authorities: &Authorities<D>) {
    for known in &authorities.known {
        to.u8(u8::from(known.is_some()));
        if let Some(Known { key, latest, before, withdrawn, serial }) = known {
            to.put(key);
            for Signed { version, text } in [latest, before] {
                to.u32(*version);
                to.put(text);
            }
            to.u8(u8::from(withdrawn.is()));
            to.u32(*serial);
        }
    }
    to.u32(authorities.silent.bits());
    let changes = &authorities.changes;
    to.u32(changes.count);
    changes.of.iter().for_each(|change| to.u32(*change));
    for Entry { what, authority, to: whom, version, track } in known(changes) {
        to.put(&[what.code(), *authority, *whom]);
        to.u32(*version);
        to.u32(*track);
    }
    to.u8(u8::try_from(authorities.vocabularies.len()).unwrap_or(u8::MAX));
    authorities.vocabularies.iter().for_each(|digest| to.put(digest));
    to.u8(u8::try_from(authorities.delegations.len()).unwrap_or(u8::MAX));
    for Delegation { from, to: whom, scope, vocabulary, until, serial, redelegate } in &authorities.delegations {
        to.put(&[from.0, whom.0, u8::from(*redelegate)]);
        to.put(vocabulary);
        to.u64(until.0);
        to.u32(*serial);
        scope.write(to);
    }
}

/// The changes that are kept one by one, the oldest first.
fn known(changes: &Changes) -> impl Iterator<Item = &Entry> {
    (changes.first()..=changes.count).filter_map(|number| changes.get(number))
}

fn read_changes(from: &mut Reader<'_>) -> Result<Changes, SnapshotError> {
    let mut changes = Changes { count: from.u32()?, ..Changes::new() };
    for change in &mut changes.of {
        *change = from.u32()?;
    }
    let (first, count) = (changes.first(), changes.count);
    changes.count = first.saturating_sub(1);
    while changes.count < count {
        let [what, authority, to] = from.take()?;
        let what = Change::from_code(what).ok_or(SnapshotError::Field("change"))?;
        changes.add(Entry { what, authority, to, version: from.u32()?, track: from.u32()? });
    }
    Ok(changes)
}

fn read_authorities<const D: usize>(from: &mut Reader<'_>) -> Result<Authorities<D>, SnapshotError> {
    let mut authorities = Authorities::with_room();
    for place in &mut authorities.known {
        if !from.bool("authority")? {
            continue;
        }
        let key = from.take()?;
        let mut signed = || Ok::<_, SnapshotError>(Signed { version: from.u32()?, text: from.take()? });
        let (latest, before) = (signed()?, signed()?);
        let withdrawn = Flag::of(from.bool("authority")?);
        *place = Some(Known { key, latest, before, withdrawn, serial: from.u32()? });
    }
    authorities.silent = Set::from_bits(from.u32()?);
    authorities.changes = read_changes(from)?;
    for _ in 0..from.u8()? {
        authorities.vocabularies.push(from.take()?).map_err(|_| SnapshotError::NoRoom)?;
    }
    for _ in 0..from.u8()? {
        let (giver, taker) = (Authority(from.u8()?), Authority(from.u8()?));
        if usize::from(giver.0.max(taker.0)) >= AUTHORITIES {
            return Err(SnapshotError::Field("delegation"));
        }
        let redelegate = from.bool("delegation")?;
        let vocabulary = from.take()?;
        let (until, serial) = (Time(from.u64()?), from.u32()?);
        let scope = Scope::read_bytes(from)?;
        let delegation = Delegation { from: giver, to: taker, scope, vocabulary, until, serial, redelegate };
        authorities.delegations.push(delegation).map_err(|_| SnapshotError::NoRoom)?;
    }
    Ok(authorities)
}
