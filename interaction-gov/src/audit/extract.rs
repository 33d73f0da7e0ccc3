//! The part of a trail that concerns one authority, as a trail of its own (`IoE §8`).
//!
//! The extract holds the decisions about which the authority was asked or spoke, the events of its own participants and
//! of the functions that it let run, and the life of the interaction. Each record uses the authority's pseudonyms and
//! its own numbers of seats and functions, and contains nothing of the other authorities. It is chained like a trail,
//! and the control plane signs its heads: a [`Trail`](super::Trail) of the pseudonym verifies it, and finds records
//! that are missing, altered or added. The same trail gives the same extract, byte for byte, so an auditor who has the
//! whole trail can check that nothing was left out.

use super::chain::{Chain, Head};
use super::codes::{RecordKind, Verdict};
use super::record::{Bytes, Record};
use crate::identity::{AuthorityKey, InteractionId, Subject};
use crate::policy::{AUTHORITIES, Consents, Voices};
use crate::time::Time;
use crate::vocabulary::Authority;

/// A participant, as far as the authority knows it.
#[derive(Clone, Copy)]
struct Known {
    seat: u16,
    number: u16,
    own: bool,
    there: bool,
}

/// The extract of one authority, of an interaction with up to `P` participants and `B` functions.
///
/// ```
/// use interaction_gov::audit::{Extract, Record, RecordKind};
/// use interaction_gov::identity::{AuthorityKey, InteractionId};
/// use interaction_gov::time::Time;
/// use interaction_gov::vocabulary::Authority;
///
/// let id = InteractionId::recorded([7; 16]);
/// let key = AuthorityKey::new([1; 32]);
/// let mut extract = Extract::<16, 8>::of(&id, Authority(0), &key);
/// let moved = Record::fact(id, 0, Time(1_000), RecordKind::Moved);
/// let own = Record::read(&extract.take(&moved).unwrap()).unwrap();
/// assert_eq!(&own.interaction, extract.interaction());
/// assert_ne!(own.interaction, id);
/// // A decision in which the authority was not asked is not in its extract.
/// assert_eq!(extract.take(&Record::fact(id, 1, Time(1_000), RecordKind::Decided)), None);
/// ```
pub struct Extract<'k, const P: usize, const B: usize> {
    authority: Authority,
    key: &'k AuthorityKey,
    interaction: InteractionId,
    chain: Chain,
    last: Time,
    seats: heapless::Vec<Known, P>,
    /// The extract's own number of each function that the authority let run.
    bindings: heapless::Vec<(u16, u16), B>,
    numbers: (u16, u16),
}

impl<'k, const P: usize, const B: usize> Extract<'k, P, B> {
    /// An empty extract of this interaction; records are taken from the first one on.
    #[must_use]
    pub fn of(interaction: &InteractionId, authority: Authority, key: &'k AuthorityKey) -> Self {
        let pseudonym = key.pseudonym(Subject::Interaction, interaction.as_bytes());
        let interaction = InteractionId::recorded(pseudonym.0);
        let chain = Chain::of(&interaction);
        let (seats, bindings) = (heapless::Vec::new(), heapless::Vec::new());
        Self { authority, key, interaction, chain, last: Time(0), seats, bindings, numbers: (0, 0) }
    }

    /// What the authority calls the interaction.
    #[must_use]
    pub const fn interaction(&self) -> &InteractionId {
        &self.interaction
    }

    /// Takes the next record of the whole trail. Returns it as it stands in the extract, if it concerns the authority.
    pub fn take(&mut self, record: &Record) -> Option<Bytes> {
        let voices = record.facts().map_or_else(Voices::default, |_| record.voices());
        let asked = own(&voices, self.authority).speakers != 0;
        let known = self.seats.iter().find(|known| Some(known.seat) == record.seat).copied();
        let binding = self.bindings.iter().find(|(number, _)| Some(*number) == record.binding).copied();
        let concerns = match record.kind {
            RecordKind::Created | RecordKind::Moved | RecordKind::Clock | RecordKind::Restored | RecordKind::Gap => {
                true
            }
            // Changes of the control plane that the authority made, or that were made to it or for it.
            RecordKind::Changed => [record.authority, record.speaker].contains(&Some(self.authority.0)),
            // Its own participants are included even if it was not asked: each one that has a seat is there, whether
            // permitted or only observed.
            RecordKind::Joined if record.home == Some(self.authority.0) => asked || record.seat.is_some(),
            _ if record.facts().is_some() => asked,
            RecordKind::Ended | RecordKind::Failed | RecordKind::Recovered => {
                binding.is_some() && record.verdict == Verdict::Fact
            }
            _ => known.is_some_and(|known| known.own) && record.verdict == Verdict::Fact,
        };
        let taken = concerns.then(|| self.write(record, &voices, asked));
        if record.verdict == Verdict::Fact {
            // A participant that has left stays in the table, marked as gone, for the functions that end with it.
            match record.kind {
                RecordKind::Left | RecordKind::Banned => {
                    let left = self.seats.iter_mut().filter(|known| Some(known.seat) == record.seat);
                    left.for_each(|known| known.there = false);
                }
                RecordKind::Ended => self.bindings.retain(|(number, _)| Some(*number) != record.binding),
                _ => {}
            }
        }
        taken
    }

    fn write(&mut self, record: &Record, voices: &Voices, asked: bool) -> Bytes {
        // Only an authority that was asked sees whose data an action carries and what was consented to.
        let record = &if asked {
            *record
        } else {
            Record { consents: Consents::default(), present: 0, law: None, goes: None, ..*record }
        };
        let Record { sequence: _, time, kind, verdict, action, on, function, site, region, participant, .. } = *record;
        let alone = own(voices, self.authority).speakers == voices.speakers;
        let me = self.authority.0;
        let is_own = |number: &u8| *number == me;
        let decides =
            record.authority.is_some_and(|one| is_own(&one)) || record.speaker.is_some_and(|one| is_own(&one));
        let mine = Record {
            interaction: self.interaction,
            sequence: self.chain.next(),
            time,
            kind,
            verdict,
            seat: record.seat.map(|seat| self.seat(seat, record)),
            action,
            on,
            function,
            site,
            region,
            participant,
            home: record.home.filter(is_own),
            posture: record.posture,
            provenance: record.provenance,
            authority: record.authority.filter(is_own),
            speaker: record.speaker.filter(is_own),
            line: record.line.filter(|_| decides),
            rule: record.rule.filter(|_| decides),
            // The record does not tell its obligations from those of other authorities.
            obligations: if asked && alone { record.obligations } else { 0 },
            consents: record.consents,
            roles: record.roles,
            present: record.present,
            sends: record.sends,
            receives: record.receives,
            binding: record.binding.map(|binding| self.binding(binding, record)),
            parent: None,
            policy: record.policy,
            // The digest and the count of changes cover all authorities, so they are left out.
            digest: [0xFF; 8],
            until: record.until,
            law: record.law,
            goes: record.goes,
            voices: own(voices, self.authority).speakers,
            subject: self.subject(record, voices),
            plane: 0,
            count: if matches!(kind, RecordKind::Invoked | RecordKind::Gap) { record.count } else { 0 },
        };
        let bytes = mine.write();
        self.chain = self.chain.and(&bytes);
        self.last = time;
        bytes
    }

    /// The subject of a record: names and identifiers as pseudonyms; of the lines of rules only the authority's own.
    fn subject(&self, record: &Record, voices: &Voices) -> [u8; 16] {
        match record.kind {
            RecordKind::Joined | RecordKind::Left | RecordKind::Banned => {
                // The pseudonym depends on the identity of the interaction: in another interaction the same participant
                // has another one.
                self.key.participant(&record.interaction, &record.subject).0
            }
            RecordKind::Bound | RecordKind::Transition => self.key.pseudonym(Subject::Protocol, &record.subject).0,
            RecordKind::Created | RecordKind::Invoked | RecordKind::Output => record.subject,
            RecordKind::Decided | RecordKind::Placed | RecordKind::Routed | RecordKind::Flow
                if voices.speakers != 0 =>
            {
                super::record::lines(&own(voices, self.authority))
            }
            _ => [0xFF; 16],
        }
    }

    /// The extract's own number of a seat, in the order of the extract.
    fn seat(&mut self, seat: u16, record: &Record) -> u16 {
        if let Some(known) = self.seats.iter().find(|known| known.seat == seat) {
            return known.number;
        }
        let number = self.numbers.0;
        self.numbers.0 = number.saturating_add(1);
        let own = record.home == Some(self.authority.0);
        let known = Known { seat, number, own, there: true };
        if self.seats.push(known).is_err() {
            self.seats.retain(|known| known.there);
            let _ = self.seats.push(known);
        }
        number
    }

    /// The extract's own number of a function.
    fn binding(&mut self, binding: u16, record: &Record) -> u16 {
        if let Some((_, number)) = self.bindings.iter().find(|(other, _)| *other == binding) {
            return *number;
        }
        let number = self.numbers.1;
        self.numbers.1 = number.saturating_add(1);
        if record.kind == RecordKind::Invoked && record.verdict.permits() {
            let _ = self.bindings.push((binding, number));
        }
        number
    }

    /// The head, to be signed by the control plane; `last` marks the final one.
    #[must_use]
    pub const fn head(&self, last: bool) -> Head {
        Head {
            interaction: self.interaction,
            records: self.chain.next(),
            hash: *self.chain.hash(),
            time: self.last,
            last,
        }
    }
}

/// The voices in which an authority was asked or spoke for another one.
fn own(voices: &Voices, authority: Authority) -> Voices {
    let mut own = Voices::default();
    for (place, line) in (0_u8..8).zip(voices.lines) {
        let speaker = voices.speaker(Authority(place));
        if (place == authority.0 && speaker.is_some()) || speaker == Some(Some(authority)) {
            own.speakers |= voices.speakers & 0xF << (place * 4);
            if let Some(to) = own.lines.get_mut(usize::from(place)) {
                *to = line;
            }
        }
    }
    const { assert!(AUTHORITIES == 8) };
    own
}
