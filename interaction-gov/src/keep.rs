//! The control plane as bytes, and from bytes: who has signed what, who speaks for whom, which versions there were and which
//! governs. After a restart nothing that was superseded, revoked or rolled back comes again (`IoE R1`, `R5`).
//!
//! The texts themselves are the caller's to keep: each version names its policy by its digest, and is compiled anew.

use crate::authority::{Authorities, Delegation, Known, Signed};
use crate::number::Flag;
use crate::policy::{AUTHORITIES, Conditions, Policy, Scope, Test, Whose};
use crate::rollout::{Canary, Rollout, Track, Version};
use crate::snapshot::{FORMAT, Reader, SnapshotError, Writer, one_of};
use crate::time::Time;
use crate::vocabulary::{Authority, Consent, Name, Role, Set};

impl<const W: usize, const V: usize> Rollout<W, V> {
    /// Writes the whole state of the control plane but for its key and its texts: how many bytes that are. They are to be signed
    /// with the time and a number that rises, and kept with the texts.
    ///
    /// # Errors
    /// How many bytes are needed.
    pub fn snapshot(&self, bytes: &mut [u8]) -> Result<usize, usize> {
        let mut to = Writer::new(bytes);
        to.u8(FORMAT);
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
        to.u8(u8::try_from(self.versions.iter().flatten().count()).unwrap_or(u8::MAX));
        for version in self.versions.iter().flatten() {
            to.u32(version.number);
            to.u8(u8::from(version.withdrawn.is()));
            to.put(version.digest());
        }
        to.done()
    }

    /// Restores it where it stands. `compile` puts the texts of the policy with this digest into an empty one, and says whether
    /// it has them.
    ///
    /// # Errors
    /// [`SnapshotError`]; the control plane is then empty, and permits nothing.
    pub fn restore(
        &mut self,
        bytes: &[u8],
        compile: impl FnMut(&[u8; 32], &mut Policy<W>) -> bool,
    ) -> Result<(), SnapshotError> {
        let done = self.read(bytes, compile);
        if done.is_err() {
            self.authorities = Authorities::new();
            self.versions.iter_mut().for_each(|version| *version = None);
            (self.stable, self.emergency, self.canary) = (None, None, None);
        }
        done
    }

    fn read(
        &mut self,
        bytes: &[u8],
        mut compile: impl FnMut(&[u8; 32], &mut Policy<W>) -> bool,
    ) -> Result<(), SnapshotError> {
        let mut from = Reader(bytes);
        let format = from.u8()?;
        if format != FORMAT {
            return Err(SnapshotError::Format(format));
        }
        self.authorities = read_authorities(&mut from)?;
        (self.numbers, self.canaries) = (from.u32()?, from.u32()?);
        (self.stable, self.emergency) = (from.some("stable")?, from.some("emergency")?);
        self.canary = if from.bool("canary")? {
            let (track, percent, version) = (Track(from.u32()?), from.u8()?, from.u32()?);
            let withdrawn = Flag::of(from.bool("canary")?);
            if percent > 100 || track.0 > self.canaries {
                return Err(SnapshotError::Field("canary"));
            }
            Some(Canary { track, percent, version, withdrawn })
        } else {
            None
        };
        self.versions.iter_mut().for_each(|version| *version = None);
        for place in 0..usize::from(from.u8()?) {
            let number = from.u32()?;
            let withdrawn = Flag::of(from.bool("version")?);
            let digest = from.take()?;
            if number >= self.numbers || self.version(number).is_some() {
                return Err(SnapshotError::Field("version"));
            }
            let slot = self.versions.get_mut(place).ok_or(SnapshotError::NoRoom)?;
            let version = slot.insert(Version { number, withdrawn, policy: Policy::new() });
            if !compile(&digest, &mut version.policy) || version.digest() != &digest {
                return Err(SnapshotError::Field("the texts of a version"));
            }
        }
        from.done()?;
        let named = [self.stable, self.emergency, self.canary.map(|canary| canary.version)];
        if named.into_iter().flatten().any(|number| self.version(number).is_none()) {
            return Err(SnapshotError::Field("what governs"));
        }
        Ok(())
    }
}

fn authorities(to: &mut Writer<'_>, authorities: &Authorities) {
    for known in &authorities.known {
        to.u8(u8::from(known.is_some()));
        if let Some(Known { key, latest, before, left, withdrawn, serial }) = known {
            to.put(key);
            for Signed { version, text } in [latest, before] {
                to.u32(*version);
                to.put(text);
            }
            to.put(&[u8::from(left.is()), u8::from(withdrawn.is())]);
            to.u32(*serial);
        }
    }
    to.u32(authorities.silent.bits());
    to.u32(authorities.changes);
    authorities.changed.iter().for_each(|change| to.u32(*change));
    to.u8(u8::try_from(authorities.vocabularies.len()).unwrap_or(u8::MAX));
    authorities.vocabularies.iter().for_each(|digest| to.put(digest));
    to.u8(u8::try_from(authorities.delegations.len()).unwrap_or(u8::MAX));
    for Delegation { from, to: whom, scope, vocabulary, until, serial, redelegate } in &authorities.delegations {
        to.put(&[from.0, whom.0, u8::from(*redelegate)]);
        to.put(vocabulary);
        to.u64(until.0);
        to.u32(*serial);
        write_scope(to, scope);
    }
}

fn read_authorities(from: &mut Reader<'_>) -> Result<Authorities, SnapshotError> {
    let mut authorities = Authorities::new();
    for place in &mut authorities.known {
        if !from.bool("authority")? {
            continue;
        }
        let key = from.take()?;
        let mut signed = || Ok(Signed { version: from.u32()?, text: from.take()? });
        let (latest, before) = (signed()?, signed()?);
        let (left, withdrawn) = (Flag::of(from.bool("authority")?), Flag::of(from.bool("authority")?));
        *place = Some(Known { key, latest, before, left, withdrawn, serial: from.u32()? });
    }
    authorities.silent = Set::from_bits(from.u32()?);
    authorities.changes = from.u32()?;
    for change in &mut authorities.changed {
        *change = from.u32()?;
    }
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
        let scope = read_scope(from)?;
        let delegation = Delegation { from: giver, to: taker, scope, vocabulary, until, serial, redelegate };
        authorities.delegations.push(delegation).map_err(|_| SnapshotError::NoRoom)?;
    }
    Ok(authorities)
}

fn write_scope(to: &mut Writer<'_>, scope: &Scope) {
    fn set<T: Name<Bits = u32>>(to: &mut Writer<'_>, set: Option<Set<T>>) {
        to.some(set.map(Set::bits));
    }
    let Conditions { actions, kinds, roles, modalities, functions, regions, tests, postures, provenances } =
        &scope.conditions;
    to.u32(actions.bits());
    set(to, *roles);
    set(to, *modalities);
    set(to, *functions);
    to.u8(u8::from(regions.is_some()));
    to.u128(regions.map_or(0, Set::bits));
    to.put(&[*kinds, *postures, *provenances, u8::from(scope.own)]);
    to.u8(u8::try_from(tests.len()).unwrap_or(u8::MAX));
    tests.iter().for_each(|test| to.put(&test.bytes()));
}

fn read_scope(from: &mut Reader<'_>) -> Result<Scope, SnapshotError> {
    fn set<T: Name<Bits = u32>>(from: &mut Reader<'_>) -> Result<Option<Set<T>>, SnapshotError> {
        Ok(from.some("scope")?.map(Set::from_bits))
    }
    let actions = Set::from_bits(from.u32()?);
    let (roles, modalities, functions) = (set(from)?, set(from)?, set(from)?);
    let regions = from.bool("scope")?;
    let places = Set::from_bits(from.u128()?);
    let [kinds, postures, provenances] = from.take()?;
    let own = from.bool("scope")?;
    let mut conditions = Conditions {
        actions,
        kinds,
        roles,
        modalities,
        functions,
        regions: regions.then_some(places),
        postures,
        provenances,
        ..Conditions::ANY
    };
    for _ in 0..from.u8()? {
        let [kind, a, b, c, d] = from.take()?;
        let (one, two) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
        let small = |number: u16| u8::try_from(number).map_err(|_| SnapshotError::Field("test"));
        let test = match kind {
            0 => Test::With(one_of(&Whose::ALL, small(one)?, "test")?, Consent(small(two)?)),
            1 => Test::Without(one_of(&Whose::ALL, small(one)?, "test")?, Consent(small(two)?)),
            2 => Test::Present(Role(small(one)?)),
            3 => Test::Absent(Role(small(one)?)),
            4 => Test::Hours(one, two),
            _ => return Err(SnapshotError::Field("test")),
        };
        conditions.tests.push(test).map_err(|_| SnapshotError::NoRoom)?;
    }
    Ok(Scope { conditions, own })
}
