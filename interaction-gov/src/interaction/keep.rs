//! An interaction to bytes and back: the same identity, the same chain, the same permits.

use sha2::{Digest as _, Sha256};

use super::{Interaction, Mode, Refused};
use crate::audit::{self, Chain, Record, Sink, Verdict};
use crate::bytes::{Reader, Writer, one_of};
use crate::function::{Health, Role, Running};
use crate::identity::InteractionId;
use crate::lease::{Lease, Request};
use crate::lifecycle::State;
use crate::number::{Binding, Seat};
use crate::participant::{Participant, Streams};
use crate::policy::{Kind, On, Provenance};
use crate::rollout::Track;
use crate::snapshot::{FORMAT, SnapshotError, Stamp};
use crate::time::Time;
use crate::vocabulary::{Action, Authority, Function, Posture, Region, Set};

const MODES: [Mode; 2] = [Mode::Enforce, Mode::Observe];
const ROLES: [Role; 2] = [Role::Core, Role::Auxiliary];

impl<const P: usize, const B: usize> Interaction<P, B> {
    /// Writes the whole state. Returns its length in bytes, and the stamp to be signed.
    ///
    /// # Errors
    /// The length that is needed.
    pub fn snapshot(&self, bytes: &mut [u8]) -> Result<(usize, Stamp), usize> {
        let mut to = Writer::new(bytes);
        to.u8(FORMAT);
        to.put(self.id.as_bytes());
        to.u32(self.chain.next());
        to.put(self.chain.hash());
        to.u32(self.head_at);
        to.u32(self.track.0);
        to.some(self.pinned);
        to.put(&[self.mode as u8, self.state as u8, u8::from(self.held)]);
        to.u32(self.epoch);
        to.u64(self.last.0);
        to.put(&self.birth);
        to.u32(self.unrecorded);
        to.u8(u8::from(self.unended));
        to.u8(self.meter.0);
        to.u64(self.meter.1.0);
        to.u32(self.spared);
        to.some(self.governed.0);
        to.u32(self.governed.1);
        to.u8(u8::from(self.closed));
        to.u16(self.numbers.0);
        to.u16(self.numbers.1);
        to.u16(count(self.banned.len()));
        self.banned.iter().for_each(|name| to.put(name));
        to.u16(count(self.seats.iter().flatten().count()));
        self.seats.iter().flatten().for_each(|one| participant(&mut to, one));
        to.u16(count(self.running.iter().flatten().count()));
        self.running.iter().flatten().for_each(|one| running(&mut to, one));
        let used = to.done()?;
        let reached = (self.chain.next(), self.unrecorded);
        let stamp = Stamp::of(self.id, reached, self.last, bytes.get(..used).unwrap_or_default());
        Ok((used, stamp))
    }

    /// Records that the interaction was restored from a snapshot of these bytes, so that a trail shows where another
    /// process continued.
    ///
    /// # Errors
    /// There is no room for the record, or the interaction is over.
    pub fn resumed(&mut self, bytes: &[u8], log: &mut impl Sink) -> Result<(), Refused> {
        if self.state == State::Terminated {
            return Err(Refused(Verdict::NotActive));
        }
        self.room(1, log)?;
        let subject = Sha256::digest(bytes).first_chunk().copied().unwrap_or([0xFF; 16]);
        self.write(Record { subject, ..self.fact(audit::RecordKind::Restored) }, log);
        Ok(())
    }

    /// Restores an interaction. Call [`Stamp::verify`] first: it checks that the bytes are those that were stamped, and
    /// that there are no newer ones.
    ///
    /// # Errors
    /// [`SnapshotError`].
    pub fn restore(bytes: &[u8]) -> Result<Self, SnapshotError> {
        const { assert!(B <= 32 && P < u16::MAX as usize) };
        let mut from = Reader(bytes);
        let format = from.u8()?;
        if format != FORMAT {
            return Err(SnapshotError::Format(format));
        }
        let id = InteractionId::recorded(from.take()?);
        let mut interaction = Self {
            id,
            chain: Chain::at(from.u32()?, from.take()?),
            head_at: from.u32()?,
            track: Track(from.u32()?),
            pinned: from.some("pinned")?,
            mode: one_of(&MODES, from.u8()?, "mode")?,
            state: one_of(State::ALL, from.u8()?, "state")?,
            held: from.bool("held")?,
            epoch: from.u32()?,
            last: Time(from.u64()?),
            birth: from.take()?,
            unrecorded: from.u32()?,
            unended: from.bool("unended")?,
            meter: (from.u8()?, Time(from.u64()?)),
            spared: from.u32()?,
            governed: (from.some("governed")?, from.u32()?),
            closed: from.bool("closed")?,
            numbers: (from.u16()?, from.u16()?),
            banned: heapless::Vec::new(),
            seats: [None; P],
            running: [None; B],
        };
        for _ in 0..from.u16()? {
            interaction.banned.push(from.take()?).map_err(|_| SnapshotError::NoRoom)?;
        }
        let (seats, functions) = interaction.numbers;
        let participants = from.u16()?;
        for place in 0..usize::from(participants) {
            let one = read_participant(&mut from)?;
            let known =
                interaction.seats.iter().flatten().any(|other| other.seat == one.seat || other.name == one.name);
            if known || one.seat.0 >= seats {
                return Err(SnapshotError::Field("seat"));
            }
            *interaction.seats.get_mut(place).ok_or(SnapshotError::NoRoom)? = Some(one);
        }
        for place in 0..usize::from(from.u16()?) {
            let one = read_running(&mut from)?;
            let known = interaction.running.iter().flatten().any(|other| other.number == one.number);
            let parent = one.parent.is_some_and(|parent| parent >= one.number);
            if known || parent || one.number.0 >= functions || interaction.participant(one.seat).is_none() {
                return Err(SnapshotError::Field("binding"));
            }
            *interaction.running.get_mut(place).ok_or(SnapshotError::NoRoom)? = Some(one);
        }
        from.done()?;
        Ok(interaction)
    }
}

fn count(number: usize) -> u16 {
    u16::try_from(number).unwrap_or(u16::MAX)
}

fn byte(number: Option<u8>) -> u8 {
    number.unwrap_or(u8::MAX)
}

const fn number(byte: u8) -> Option<u8> {
    if byte == u8::MAX { None } else { Some(byte) }
}

fn streams(to: &mut Writer<'_>, streams: &Streams) {
    to.u32(streams.sends.bits());
    to.u32(streams.receives.bits());
}

fn read_streams(from: &mut Reader<'_>) -> Result<Streams, SnapshotError> {
    Ok(Streams { sends: Set::from_bits(from.u32()?), receives: Set::from_bits(from.u32()?) })
}

fn participant(to: &mut Writer<'_>, one: &Participant) {
    to.u16(one.seat.0);
    to.put(&one.name);
    to.put(&[one.kind as u8, byte(one.home.map(|home| home.0)), one.action.0, one.posture.0]);
    to.u8(byte(one.region.map(|region| region.0)));
    to.u32(one.roles.bits());
    to.u64(one.credential_until.0);
    to.u64(one.valid_until.0);
    one.consents.iter().for_each(|consents| to.u16(*consents));
    streams(to, &one.wants);
    streams(to, &one.has);
    lease(to, &one.lease);
}

fn read_participant(from: &mut Reader<'_>) -> Result<Participant, SnapshotError> {
    let (seat, name) = (Seat(from.u16()?), from.take()?);
    let [kind, home, action, posture, region] = from.take()?;
    let roles = Set::from_bits(from.u32()?);
    let (credential_until, valid_until) = (Time(from.u64()?), Time(from.u64()?));
    let mut consents = [0; 16];
    for column in &mut consents {
        *column = from.u16()?;
    }
    Ok(Participant {
        seat,
        name,
        kind: one_of(&Kind::ALL, kind, "kind")?,
        home: number(home).map(Authority),
        roles,
        action: Action(action),
        credential_until,
        valid_until,
        posture: Posture(posture),
        region: number(region).map(Region),
        consents,
        wants: read_streams(from)?,
        has: read_streams(from)?,
        lease: read_lease(from)?,
    })
}

fn running(to: &mut Writer<'_>, one: &Running) {
    to.u16(one.number.0);
    to.put(&[one.action.0, one.function.0, one.on.code(), one.site.0, one.provenance as u8, one.role as u8]);
    to.u16(one.seat.0);
    to.u16(one.parent.map_or(u16::MAX, |parent| parent.0));
    to.put(&one.component);
    let (failed, recover_by) = match one.health {
        Health::Running => (0, 0),
        Health::Failed { recover_by } => (1, recover_by.0),
    };
    to.u8(failed);
    to.u64(recover_by);
    lease(to, &one.lease);
}

fn read_running(from: &mut Reader<'_>) -> Result<Running, SnapshotError> {
    let own = Binding(from.u16()?);
    let [action, function, on, site, provenance, role] = from.take()?;
    let seat = Seat(from.u16()?);
    let parent = Some(from.u16()?).filter(|parent| *parent != u16::MAX).map(Binding);
    let component = from.take()?;
    let health = match (from.bool("health")?, from.u64()?) {
        (false, 0) => Health::Running,
        (false, _) => return Err(SnapshotError::Field("health")),
        (true, by) => Health::Failed { recover_by: Time(by) },
    };
    Ok(Running {
        number: own,
        action: Action(action),
        function: Function(function),
        on: On::from_code(on),
        seat,
        parent,
        site: Region(site),
        provenance: one_of(&Provenance::ALL, provenance, "provenance")?,
        component,
        role: one_of(&ROLES, role, "role")?,
        health,
        lease: read_lease(from)?,
    })
}

fn lease(to: &mut Writer<'_>, lease: &Lease) {
    to.put(lease.interaction.as_bytes());
    to.put(&lease.birth);
    to.u32(lease.record);
    to.u64(lease.until.0);
    to.u32(lease.version);
    to.u32(lease.epoch);
    to.u32(lease.authorities);
    to.u32(lease.asked.bits());
    let Request { action, seat, on, binding, goes } = lease.what;
    to.put(&[action.0, on.code()]);
    to.u16(seat.0);
    to.u16(binding.map_or(u16::MAX, |binding| binding.0));
    to.u128(goes.bits());
}

fn read_lease(from: &mut Reader<'_>) -> Result<Lease, SnapshotError> {
    let (interaction, birth) = (InteractionId::recorded(from.take()?), from.take()?);
    let (record, until) = (from.u32()?, Time(from.u64()?));
    let (version, epoch, authorities) = (from.u32()?, from.u32()?, from.u32()?);
    let asked = Set::from_bits(from.u32()?);
    let [action, on] = from.take()?;
    let seat = Seat(from.u16()?);
    let binding = Some(from.u16()?).filter(|binding| *binding != u16::MAX).map(Binding);
    let goes = Set::from_bits(from.u128()?);
    let what = Request { action: Action(action), seat, on: On::from_code(on), binding, goes };
    Ok(Lease { interaction, birth, record, until, version, epoch, authorities, asked, what })
}
