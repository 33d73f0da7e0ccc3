//! Deciding again, from nothing but a record and the texts that it names (`IoE R6`).

use super::codes::{RecordKind, Verdict};
use core::fmt;

use super::record::{Record, lines, low};
use crate::changes::Change;
use crate::policy::{Policy, Ruling, Speaker};
use crate::time::Time;
use crate::vocabulary::{Authority, Region, Set};

/// What a replay of a record finds.
///
/// ```
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/call.rs"));
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use interaction_gov::audit::{Difference, Record, Replayed, Verdict, replay};
///
/// let Setting { plane, mut log, mut call, seat } = setting();
/// let join = Vocabulary::read(NAMES)?.find("join").ok_or("an action")?;
/// let request = Request { action: join, seat, on: On::Stream(Modality(0)), binding: None, goes: Set::EMPTY };
/// call.decide(Time(2), &request, &plane, &mut log);
/// let policy = &call.version(&plane).ok_or("a version governs")?.policy;
/// let record = log.waiting().last().and_then(Record::read).ok_or("a record")?;
/// assert_eq!(replay(&record, policy), Replayed::Same);
/// let forged = Record { verdict: Verdict::NotPermitted, ..record };
/// assert_eq!(replay(&forged, policy), Replayed::Differs(Verdict::Permit, Difference::Verdict));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Replayed {
    /// No authority was asked: the record states a fact, or the request was refused earlier.
    NotDecided,
    /// The decision was made by another policy than this one.
    AnotherPolicy,
    /// The same is decided again.
    Same,
    /// The replay decides something else: its verdict, and the first difference.
    Differs(Verdict, Difference),
}

/// The first difference between a record and its replay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Difference {
    /// In what is decided.
    Verdict,
    /// The authority, the speaker, or the rule.
    Reason,
    /// The authorities that were asked, the speakers, or the lines of their rules.
    Voices,
    /// The obligations.
    Obligations,
    /// The permit holds longer than the authorities that were asked allow.
    Duration,
}

/// Makes the decision of a record again. The record has all facts and the speaker of each authority; the rules are in
/// the texts of which the policy is made.
///
/// # Examples
/// ```
/// use interaction_gov::audit::{Record, RecordKind, Replayed, replay};
/// use interaction_gov::identity::InteractionId;
/// use interaction_gov::policy::Policy;
/// use interaction_gov::time::Time;
///
/// let fact = Record::fact(InteractionId::recorded([1; 16]), 0, Time(0), RecordKind::Created);
/// assert_eq!(replay(&fact, &Policy::<1>::new()), Replayed::NotDecided);
/// ```
#[must_use]
pub fn replay<const W: usize, const A: usize, const T: usize, const K: usize>(
    record: &Record,
    policy: &Policy<W, A, T, K>,
) -> Replayed {
    let (Some(facts), Some(_)) = (record.facts(), record.policy) else { return Replayed::NotDecided };
    if record.verdict == Verdict::NoPolicy {
        return Replayed::NotDecided;
    }
    if Some(&record.digest) != policy.digest().first_chunk() {
        return Replayed::AnotherPolicy;
    }
    let told = record.voices();
    let speaks = |authority: Authority| Speaker {
        authority: told.speaker(authority).unwrap_or(Some(authority)),
        until: Time::NEVER,
    };
    let ruling = policy.decide(&facts, speaks);
    let mut verdict = Verdict::of(ruling.answer);
    // The request was for a region that has no name.
    let named_nowhere = record.verdict == Verdict::Residency && facts.goes.contains(Region::UNKNOWN);
    if verdict == Verdict::Permit && named_nowhere && record.line.is_none() {
        verdict = Verdict::Residency;
    }
    let differs = |difference| Replayed::Differs(verdict, difference);
    if verdict != record.verdict {
        return differs(Difference::Verdict);
    }
    if !same_reason(record, &ruling, named_nowhere) {
        return differs(Difference::Reason);
    }
    // In records of joining and invoking the subject is something else, so they do not have the lines.
    let has_lines = !matches!(record.kind, RecordKind::Joined | RecordKind::Invoked);
    if record.voices != ruling.voices.speakers || (has_lines && record.subject != lines(&ruling.voices)) {
        return differs(Difference::Voices);
    }
    let obligations = if verdict.permits() { low(ruling.obligations.bits()) } else { 0 };
    if obligations != record.obligations {
        return differs(Difference::Obligations);
    }
    let at_most = record.time.after(u64::from(ruling.lease_ms)).min(ruling.until);
    let is_lease = record.kind != RecordKind::Joined && verdict.permits();
    if is_lease && record.until.is_none_or(|until| until > at_most) {
        return differs(Difference::Duration);
    }
    Replayed::Same
}

fn same_reason(record: &Record, ruling: &Ruling, named_nowhere: bool) -> bool {
    let who = record.authority == ruling.authority.map(|authority| authority.0)
        && record.speaker == ruling.speaker.map(|speaker| speaker.0);
    who && (named_nowhere || (record.line == ruling.line && record.rule == ruling.rule))
}

/// The governing version and the authorities that can be asked, as the trail has stated them so far. A record of a
/// decision must agree with that.
///
/// # Examples
/// ```
/// use interaction_gov::audit::{Change, Governing, Record, RecordKind, Untold};
/// use interaction_gov::identity::InteractionId;
/// use interaction_gov::time::Time;
///
/// let record = |kind| Record::fact(InteractionId::recorded([1; 16]), 0, Time(0), kind);
/// let mut governing = Governing::default();
/// governing.hear(&Record { policy: Some(0), ..record(RecordKind::Created) })?;
/// let silent = Record { action: Some(Change::Silent.code()), authority: Some(1), ..record(RecordKind::Changed) };
/// governing.hear(&Record { plane: 1, ..silent })?;
/// assert_eq!(governing.hear(&Record { plane: 3, ..silent }), Err(Untold::Change(2)));
/// # Ok::<(), Untold>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Governing {
    policy: Option<u32>,
    silent: Set<Authority>,
    plane: u32,
    untold: u32,
}

/// A statement of a record that the trail before it does not support.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Untold {
    /// The change of the control plane with this number is missing from the trail, or is not in its place.
    Change(u32),
    /// By the trail so far, another version governs.
    Version,
    /// By the trail so far, the authorities that cannot be asked are others.
    Silent,
}

impl fmt::Display for Untold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Change(number) => return write!(f, "change {number} of the control plane is not told before it"),
            Self::Version => "another version governs, by what was told before",
            Self::Silent => "other authorities cannot be asked, by what was told before",
        })
    }
}

impl core::error::Error for Untold {}

impl Governing {
    /// The next record of a trail.
    ///
    /// # Errors
    /// What the record states without support in the trail before it. From then on, its statements count.
    pub fn hear(&mut self, record: &Record) -> Result<(), Untold> {
        let before = *self;
        let says = Set::from_bits(record.obligations.into());
        match record.kind {
            RecordKind::Created => {
                *self = Self { policy: record.policy, silent: says, plane: record.plane, untold: 0 };
                Ok(())
            }
            RecordKind::Changed => self.change(record),
            RecordKind::Governs => {
                // These changes are not recorded one by one: the record has their result.
                self.untold = self.untold.saturating_add(record.count);
                (self.policy, self.silent, self.plane) = (record.policy, says, record.plane);
                let told = before.plane.saturating_add(record.count);
                match record.count {
                    // Fewer than before: another control plane governs.
                    1 if record.plane < before.plane => Ok(()),
                    _ if told != record.plane => Err(Untold::Change(told.saturating_add(1))),
                    0 if before.silent != says => Err(Untold::Silent),
                    _ => Ok(()),
                }
            }
            // Pinning chooses the version of the interaction; the record has the version that governs then.
            RecordKind::Policy if record.policy.is_some() => {
                self.policy = record.policy;
                Ok(())
            }
            _ if record.facts().is_some() => self.decided(record),
            _ => Ok(()),
        }
    }

    fn change(&mut self, record: &Record) -> Result<(), Untold> {
        let next = self.plane.saturating_add(1);
        self.plane = record.plane;
        let whose = record.authority.map_or(Set::EMPTY, |authority| Set::one(Authority(authority)));
        match record.action.and_then(Change::from_code) {
            Some(Change::Silent) => self.silent = self.silent.or(whose),
            Some(Change::Reachable) => self.silent = self.silent.without(whose),
            _ => {}
        }
        if record.plane == next { Ok(()) } else { Err(Untold::Change(next)) }
    }

    fn decided(&self, record: &Record) -> Result<(), Untold> {
        if record.plane != self.plane {
            return Err(Untold::Change(self.plane.saturating_add(1)));
        }
        if record.policy != self.policy {
            return Err(Untold::Version);
        }
        let voices = record.voices();
        let spoke = |authority: Authority| voices.speaker(authority).flatten();
        let silent = |speaker: Authority| self.silent.contains(speaker);
        if (0..8).map(Authority).filter_map(spoke).any(silent) { Err(Untold::Silent) } else { Ok(()) }
    }

    /// How many changes of the control plane the trail does not record one by one.
    #[must_use]
    pub const fn untold(&self) -> u32 {
        self.untold
    }
}
