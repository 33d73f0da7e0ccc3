//! Deciding once more, from a record and the texts that it names alone (`IoE R6`).

use super::record::{Kind, Record, Verdict, lines, low};
use crate::policy::{Answer, Policy, Ruling, Speaker};
use crate::time::Time;
use crate::vocabulary::{Authority, Region};

/// What a replay of a record finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Replayed {
    /// No authority was asked: it is a fact, or was refused before.
    NotDecided,
    /// It was decided by another policy than this one.
    AnotherPolicy,
    /// The same is decided again.
    Same,
    /// Something else is decided: what, and where they differ.
    Differs(Verdict, Difference),
}

/// In what a record and its replay differ first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Difference {
    /// In what is decided.
    Verdict,
    /// In whose place, by whom, or by which rule.
    Reason,
    /// In who was asked, who spoke, and by which lines.
    Voices,
    /// In what it obliges to.
    Obligations,
    /// It holds longer than any who were asked let it hold.
    Duration,
}

/// Decides once more what a record says was decided: all facts, and who spoke for whom, are in the record; the rules are in the
/// texts of which the policy is made.
///
/// # Examples
/// ```
/// use interaction_gov::audit::{Kind, Record, Replayed, replay};
/// use interaction_gov::identity::InteractionId;
/// use interaction_gov::policy::Policy;
/// use interaction_gov::time::Time;
///
/// let fact = Record::fact(InteractionId::recorded([1; 16]), 0, Time(0), Kind::Created);
/// assert_eq!(replay(&fact, &Policy::<1>::new()), Replayed::NotDecided);
/// ```
#[must_use]
pub fn replay<const W: usize>(record: &Record, policy: &Policy<W>) -> Replayed {
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
    let mut verdict = match ruling.answer {
        Answer::Permit => Verdict::Permit,
        Answer::Deny => Verdict::DeniedByRule,
        Answer::NoRule => Verdict::NotPermitted,
        Answer::Residency => Verdict::Residency,
        Answer::Unreachable => Verdict::Unreachable,
        Answer::NobodyAsked => Verdict::NobodyAsked,
    };
    // A place that nobody can name was asked for.
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
    // Joining and invoking are about something else, and have no room for the lines.
    let has_lines = !matches!(record.kind, Kind::Joined | Kind::Invoked);
    if record.voices != ruling.voices.speakers || (has_lines && record.subject != lines(&ruling.voices)) {
        return differs(Difference::Voices);
    }
    let obligations = if verdict.permits() { low(ruling.obligations.bits()) } else { 0 };
    if obligations != record.obligations {
        return differs(Difference::Obligations);
    }
    let at_most = record.time.after(u64::from(ruling.lease_ms)).min(ruling.until);
    let is_lease = record.kind != Kind::Joined && verdict.permits();
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
