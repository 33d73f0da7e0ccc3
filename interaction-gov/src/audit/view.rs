//! What one authority sees of a trail (`IoE §8`).

use super::codes::{RecordKind, Verdict};
use super::record::Record;
use crate::identity::{AuthorityKey, Pseudonym, Subject};
use crate::time::Time;
use crate::vocabulary::Authority;

/// A record as one authority sees it: identities, participants and identifiers appear only as its own pseudonyms, and
/// it sees the deciding authority only where that is itself.
///
/// ```
/// use interaction_gov::audit::{Record, RecordKind, View};
/// use interaction_gov::identity::{AuthorityKey, InteractionId, Subject};
/// use interaction_gov::time::Time;
/// use interaction_gov::vocabulary::Authority;
///
/// let (key, id) = (AuthorityKey::new([1; 32]), InteractionId::recorded([7; 16])); // random bytes
/// let seen = View::<4>::of(Authority(0), &key).see(&Record::fact(id, 0, Time(9), RecordKind::Created));
/// assert_eq!((seen.kind, seen.time), (RecordKind::Created, Time(9)));
/// assert_eq!(seen.interaction, key.pseudonym(Subject::Interaction, id.as_bytes()));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Seen {
    /// The interaction.
    pub interaction: Pseudonym,
    /// The participant, if it is known.
    pub participant: Option<Pseudonym>,
    /// The protocol's identifier, if the record is about one.
    pub identifier: Option<Pseudonym>,
    /// When it happened.
    pub time: Time,
    /// What happened.
    pub kind: RecordKind,
    /// What was decided.
    pub verdict: Verdict,
    /// The action.
    pub action: Option<u8>,
    /// The stream.
    pub modality: Option<u8>,
    /// The function.
    pub function: Option<u8>,
    /// The line of the rule, if this authority decided.
    pub line: Option<u16>,
}

/// Shows a trail as one authority sees it, for interactions with up to `P` participants.
///
/// ```
/// use interaction_gov::audit::{Record, RecordKind, View};
/// use interaction_gov::identity::{AuthorityKey, InteractionId};
/// use interaction_gov::time::Time;
/// use interaction_gov::vocabulary::Authority;
///
/// let [clinic, region] = [1, 2].map(|number| AuthorityKey::new([number; 32])); // random bytes
/// let id = InteractionId::recorded([7; 16]);
/// let joined = Record { seat: Some(0), subject: [5; 16], ..Record::fact(id, 2, Time(9), RecordKind::Joined) };
/// let mut views = [View::<4>::of(Authority(0), &clinic), View::of(Authority(1), &region)];
/// let [one, other] = views.each_mut().map(|view| view.see(&joined).participant);
/// assert!(one.is_some() && one != other, "two authorities cannot tell that they see the same one");
/// ```
pub struct View<'k, const P: usize> {
    authority: Authority,
    key: &'k AuthorityKey,
    /// The name at each seat, from the trail so far, and whether the participant is still there. Functions that ran for
    /// a participant end only after it has left.
    names: heapless::Vec<(u16, [u8; 16], bool), P>,
}

impl<'k, const P: usize> View<'k, P> {
    /// The view of this authority, with its key.
    #[must_use]
    pub const fn of(authority: Authority, key: &'k AuthorityKey) -> Self {
        Self { authority, key, names: heapless::Vec::new() }
    }

    /// The next record of a trail, as it is seen.
    pub fn see(&mut self, record: &Record) -> Seen {
        if let (RecordKind::Joined, Some(seat)) = (record.kind, record.seat) {
            // Those that have left make room, so there are never more than an interaction has seats.
            self.names.retain(|(_, _, there)| *there);
            let _ = self.names.push((seat, record.subject, true));
        }
        let name = self.names.iter().find(|(seat, ..)| Some(*seat) == record.seat).map(|(_, name, _)| *name);
        if matches!(record.kind, RecordKind::Left | RecordKind::Banned) && record.verdict == Verdict::Fact {
            let left = self.names.iter_mut().filter(|(seat, ..)| Some(*seat) == record.seat);
            left.for_each(|(_, _, there)| *there = false);
        }
        let identifies = matches!(record.kind, RecordKind::Bound | RecordKind::Transition);
        let own = record.authority == Some(self.authority.0);
        Seen {
            interaction: self.key.pseudonym(Subject::Interaction, record.interaction.as_bytes()),
            participant: name.map(|name| self.key.participant(&record.interaction, &name)),
            identifier: identifies.then(|| self.key.pseudonym(Subject::Protocol, &record.subject)),
            time: record.time,
            kind: record.kind,
            verdict: record.verdict,
            action: record.action,
            modality: record.on.stream().map(|modality| modality.0),
            function: record.function,
            line: record.line.filter(|_| own),
        }
    }
}
