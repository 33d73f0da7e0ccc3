//! The record: 151 bytes, so that it and the hash before it fill three blocks of SHA-256. A record holds everything
//! that its decision rests on: with the policy texts that it names, the decision can be made again.
//!
//! ```text
//!  0      16    20        28   29      30     32     33       34       35     36     37   38   39      40         41
//!  +------+-----+---------+----+-------+------+------+--------+--------+------+------+----+----+-------+----------+
//!  |  id  | seq | time ms |kind|verdict| seat |action| stream |function| site |region|kind|home|posture|provenance|
//!  +------+-----+---------+----+-------+------+------+--------+--------+------+------+----+----+-------+----------+
//! 41        42      43     45       49            51         59      61        63      65         67        69       71
//!  +---------+-------+------+--------+-------------+----------+-------+---------+-------+----------+---------+--------+
//!  |authority|speaker| line | rule   | obligations |4 consents| roles | present | sends | receives | binding | parent |
//!  +---------+-------+------+--------+-------------+----------+-------+---------+-------+----------+---------+--------+
//! 71       75              83         91       107      123       127                    143     147     151
//!  +--------+---------------+----------+--------+--------+---------+----------------------+-------+-------+
//!  |policy #|policy's digest| until ms |  law   |  goes  | voices  |  subject, or lines   | plane | count |
//!  +--------+---------------+----------+--------+--------+---------+----------------------+-------+-------+
//! ```
//!
//! Numbers are big-endian. A field that does not apply is all ones, and sets are bits.

use super::codes::{RecordKind, Verdict};
use crate::identity::InteractionId;
use crate::policy::{Consents, Facts, Kind, On, Provenance, Voices};
use crate::time::Time;
use crate::vocabulary::{Action, Authority, Bits as _, Function, Posture, Region, Role, Set};

/// The length of a record, in bytes.
pub const RECORD: usize = 151;

/// The subject of the first record of every trail.
pub const FORMAT: [u8; 16] = *b"IoE/2 audit\0\0\0\0\0";

/// A record as bytes.
pub type Bytes = [u8; RECORD];

/// What a record says.
///
/// ```
/// use interaction_gov::audit::{Record, RecordKind};
/// use interaction_gov::identity::InteractionId;
/// use interaction_gov::time::Time;
///
/// let left = Record { seat: Some(3), ..Record::fact(InteractionId::recorded([7; 16]), 4, Time(1_000), RecordKind::Left) };
/// let bytes = left.write();
/// assert_eq!((&bytes[..16], bytes[28], &bytes[30..32]), (&[7; 16][..], 4, &[0, 3][..]));
/// assert_eq!(Record::read(&bytes), Some(left));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Record {
    /// The interaction.
    pub interaction: InteractionId,
    /// Its place in the chain, the first being 0.
    pub sequence: u32,
    /// When it happened.
    pub time: Time,
    /// What happened.
    pub kind: RecordKind,
    /// What was decided.
    pub verdict: Verdict,
    /// The seat of the participant.
    pub seat: Option<u16>,
    /// The requested action; for other kinds, a code as the kind defines it.
    pub action: Option<u8>,
    /// The stream that it is about.
    pub on: On,
    /// The function.
    pub function: Option<u8>,
    /// The jurisdiction in which a computation runs.
    pub site: Option<u8>,
    /// The jurisdiction in which the participant is.
    pub region: Option<u8>,
    /// The kind of the participant.
    pub participant: Option<u8>,
    /// The authority whose participant it is.
    pub home: Option<u8>,
    /// Its security posture.
    pub posture: Option<u8>,
    /// The provenance of the computation.
    pub provenance: Option<u8>,
    /// The authority in whose place it was decided.
    pub authority: Option<u8>,
    /// The authority that spoke: a different one, if the decision was delegated.
    pub speaker: Option<u8>,
    /// The line of the rule in the speaker's policy.
    pub line: Option<u16>,
    /// The short name of that rule.
    pub rule: Option<u32>,
    /// The obligations that go with the permit.
    pub obligations: u16,
    /// The consents of the participants.
    pub consents: Consents,
    /// The roles of the participant.
    pub roles: u16,
    /// The roles in which valid participants are present.
    pub present: u16,
    /// The streams that the participant sends.
    pub sends: u16,
    /// The streams that it receives.
    pub receives: u16,
    /// The function binding.
    pub binding: Option<u16>,
    /// The function binding that has delegated it.
    pub parent: Option<u16>,
    /// The number of the policy version.
    pub policy: Option<u32>,
    /// The first bytes of the policy's digest.
    pub digest: [u8; 8],
    /// The end of a permit or a validation.
    pub until: Option<Time>,
    /// The regions of those whose data the action carries.
    pub law: Option<Set<Region>>,
    /// The regions that data go to.
    pub goes: Option<Set<Region>>,
    /// Which authority spoke for which, four bits for each authority, as in [`Voices`].
    pub voices: u32,
    /// The subject: the first bytes of a digest or an identifier; for a decision, the line of each authority's rule;
    /// for the first record, [`FORMAT`].
    pub subject: [u8; 16],
    /// The number of changes of the control plane so far.
    pub plane: u32,
    /// A number of records, or a function's role.
    pub count: u32,
}

impl Record {
    /// The record of a fact about an interaction; all other fields are absent.
    #[must_use]
    pub const fn fact(interaction: InteractionId, sequence: u32, time: Time, kind: RecordKind) -> Self {
        Self {
            interaction,
            sequence,
            time,
            kind,
            verdict: Verdict::Fact,
            seat: None,
            action: None,
            on: On::Nothing,
            function: None,
            site: None,
            region: None,
            participant: None,
            home: None,
            posture: None,
            provenance: None,
            authority: None,
            speaker: None,
            line: None,
            rule: None,
            obligations: 0,
            consents: Consents { all: Set::EMPTY, stream: Set::EMPTY, own: Set::EMPTY, second: Set::EMPTY },
            roles: 0,
            present: 0,
            sends: 0,
            receives: 0,
            binding: None,
            parent: None,
            policy: None,
            digest: [0xFF; 8],
            until: None,
            law: None,
            goes: None,
            voices: 0,
            subject: [0xFF; 16],
            plane: 0,
            count: 0,
        }
    }

    /// The same with the facts of a decision.
    #[must_use]
    pub fn with(mut self, facts: &Facts) -> Self {
        self.put(facts);
        self
    }

    /// Fills in the facts of a decision, in place.
    pub(crate) fn put(&mut self, facts: &Facts) {
        self.action = Some(facts.action.0);
        self.on = facts.on;
        self.function = facts.function.map(|function| function.0);
        self.participant = Some(facts.kind as u8);
        self.home = facts.home.map(|home| home.0);
        self.posture = Some(facts.posture.0);
        self.provenance = Some(facts.provenance as u8);
        self.consents = facts.consents;
        self.roles = low(facts.roles.bits());
        self.present = low(facts.present.bits());
        self.law = Some(facts.law);
        self.goes = Some(facts.goes);
    }

    /// The facts of a decision. `None` for a request that was refused before any authority was asked.
    #[must_use]
    pub fn facts(&self) -> Option<Facts> {
        Some(Facts {
            action: Action(self.action?),
            kind: Kind::ALL.get(usize::from(self.participant?)).copied()?,
            roles: Set::<Role>::from_bits(self.roles.into()),
            home: self.home.map(Authority),
            on: self.on,
            function: self.function.map(Function),
            law: self.law?,
            goes: self.goes?,
            consents: self.consents,
            present: Set::from_bits(self.present.into()),
            posture: Posture(self.posture?),
            provenance: Provenance::ALL.get(usize::from(self.provenance?)).copied()?,
            time: self.time,
        })
    }

    /// Which authority spoke for which, and by which line.
    #[must_use]
    pub fn voices(&self) -> Voices {
        let mut voices = Voices { speakers: self.voices, ..Voices::default() };
        let (lines, _) = self.subject.as_chunks::<2>();
        voices.lines.iter_mut().zip(lines).for_each(|(to, line)| *to = u16::from_be_bytes(*line));
        voices
    }

    /// The record as bytes.
    #[must_use]
    pub fn write(&self) -> Bytes {
        let mut bytes = [0xFF; RECORD];
        self.write_to(&mut bytes, self.sequence);
        bytes
    }

    /// Writes the record into `bytes`, with another place in the chain.
    pub(crate) fn write_to(&self, bytes: &mut Bytes, sequence: u32) {
        let mut to = &mut bytes[..];
        put(&mut to, self.interaction.as_bytes());
        put(&mut to, &sequence.to_be_bytes());
        put(&mut to, &self.time.0.to_be_bytes());
        put(&mut to, &[self.kind.code(), self.verdict.code()]);
        put(&mut to, &self.seat.unwrap_or(u16::MAX).to_be_bytes());
        let small = |field: Option<u8>| field.unwrap_or(u8::MAX);
        put(
            &mut to,
            &[
                small(self.action),
                self.on.code(),
                small(self.function),
                small(self.site),
                small(self.region),
                small(self.participant),
                small(self.home),
                small(self.posture),
                small(self.provenance),
                small(self.authority),
                small(self.speaker),
            ],
        );
        put(&mut to, &self.line.unwrap_or(u16::MAX).to_be_bytes());
        put(&mut to, &self.rule.unwrap_or(u32::MAX).to_be_bytes());
        let Consents { all, stream, own, second } = self.consents;
        let [all, stream, own, second] = [all, stream, own, second].map(|set| low(set.bits()));
        for short in [self.obligations, all, stream, own, second, self.roles, self.present, self.sends, self.receives] {
            put(&mut to, &short.to_be_bytes());
        }
        put(&mut to, &self.binding.unwrap_or(u16::MAX).to_be_bytes());
        put(&mut to, &self.parent.unwrap_or(u16::MAX).to_be_bytes());
        put(&mut to, &self.policy.unwrap_or(u32::MAX).to_be_bytes());
        put(&mut to, &self.digest);
        put(&mut to, &self.until.map_or(u64::MAX, |until| until.0).to_be_bytes());
        put(&mut to, &self.law.map_or(u128::MAX, Set::bits).to_be_bytes());
        put(&mut to, &self.goes.map_or(u128::MAX, Set::bits).to_be_bytes());
        put(&mut to, &self.voices.to_be_bytes());
        put(&mut to, &self.subject);
        put(&mut to, &self.plane.to_be_bytes());
        put(&mut to, &self.count.to_be_bytes());
    }

    /// Reads a record. `None` if its kind or its verdict has no meaning.
    #[must_use]
    pub fn read(bytes: &Bytes) -> Option<Self> {
        let mut from = &bytes[..];
        let interaction = InteractionId::recorded(take(&mut from)?);
        let sequence = u32::from_be_bytes(take(&mut from)?);
        let time = Time(u64::from_be_bytes(take(&mut from)?));
        let [kind, verdict] = take(&mut from)?;
        let seat = short(&mut from)?;
        let smalls: [u8; 11] = take(&mut from)?;
        let [_, on, ..] = smalls;
        let [action, _, function, site, region, participant, home, posture, provenance, authority, speaker] =
            smalls.map(|byte| (byte != u8::MAX).then_some(byte));
        let line = short(&mut from)?;
        let rule = u32::from_be_bytes(take(&mut from)?);
        let mut shorts = [0; 9];
        for short in &mut shorts {
            *short = u16::from_be_bytes(take(&mut from)?);
        }
        let [obligations, all, stream, own, second, roles, present, sends, receives] = shorts;
        let set = |bits: u16| Set::from_bits(bits.into());
        let consents = Consents { all: set(all), stream: set(stream), own: set(own), second: set(second) };
        let (binding, parent) = (short(&mut from)?, short(&mut from)?);
        let policy = u32::from_be_bytes(take(&mut from)?);
        let digest = take(&mut from)?;
        let until = u64::from_be_bytes(take(&mut from)?);
        let [law, goes] = [take(&mut from)?, take(&mut from)?].map(u128::from_be_bytes);
        let regions = |bits: u128| (bits != u128::ONES).then_some(Set::from_bits(bits));
        let voices = u32::from_be_bytes(take(&mut from)?);
        Some(Self {
            interaction,
            sequence,
            time,
            kind: RecordKind::from_code(kind)?,
            verdict: Verdict::from_code(verdict)?,
            seat,
            action,
            on: On::from_code(on),
            function,
            site,
            region,
            participant,
            home,
            posture,
            provenance,
            authority,
            speaker,
            line,
            rule: (rule != u32::MAX).then_some(rule),
            obligations,
            consents,
            roles,
            present,
            sends,
            receives,
            binding,
            parent,
            policy: (policy != u32::MAX).then_some(policy),
            digest,
            until: (until != u64::MAX).then_some(Time(until)),
            law: regions(law),
            goes: regions(goes),
            voices,
            subject: take(&mut from)?,
            plane: u32::from_be_bytes(take(&mut from)?),
            count: u32::from_be_bytes(take(&mut from)?),
        })
    }
}

/// The subject of a decision: the line of each authority's rule.
pub(crate) fn lines(voices: &Voices) -> [u8; 16] {
    voices.lines.map(u16::to_be_bytes).as_flattened().first_chunk().copied().unwrap_or_default()
}

/// The low 16 bits: these sets have at most 16 members.
pub(crate) const fn low(bits: u32) -> u16 {
    (bits & 0xFFFF) as u16
}

/// Writes as much as there is room for: the fields together are exactly a record.
fn put(to: &mut &mut [u8], bytes: &[u8]) {
    let (head, tail) = core::mem::take(to).split_at_mut_checked(bytes.len()).unwrap_or_default();
    for (to, from) in head.iter_mut().zip(bytes) {
        *to = *from;
    }
    *to = tail;
}

fn take<const N: usize>(from: &mut &[u8]) -> Option<[u8; N]> {
    let (head, tail) = from.split_first_chunk()?;
    *from = tail;
    Some(*head)
}

fn short(from: &mut &[u8]) -> Option<Option<u16>> {
    let number = u16::from_be_bytes(take(from)?);
    Some((number != u16::MAX).then_some(number))
}
