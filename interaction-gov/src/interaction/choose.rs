//! The choice of a place or a route among candidates (`IoE R6`, `R7`).

use super::decide::Question;
use super::{Decision, Interaction, Refused, Request};
use crate::audit::{Record, RecordKind, Sink, Verdict};
use crate::policy::Facts;
use crate::rollout::{Governs, Plane};
use crate::time::Time;
use crate::vocabulary::{Region, Set};

impl<const P: usize, const B: usize> Interaction<P, B> {
    /// Decides on a place or a route before it is used: of the candidates, the first that all authorities permit. A
    /// place is one region; a route is every region that it leads through.
    // keeps: IOE-091 (§4.6 R6), IOE-095 (§4.7 R7)
    pub fn choose(
        &mut self,
        now: Time,
        kind: Choice,
        request: &Request,
        candidates: &[Set<Region>],
        rollout: &impl Plane,
        log: &mut impl Sink,
    ) -> (Decision, Option<usize>) {
        let kind = match kind {
            Choice::Place => RecordKind::Placed,
            Choice::Way => RecordKind::Routed,
        };
        if let Err(Refused(verdict)) = self.advance_with(now, kind, rollout, log) {
            return (self.denied(verdict, None), None);
        }
        let version = self.version(rollout);
        let question = match self.question(now, request, true, version, rollout) {
            Ok(question) => question,
            Err(verdict) => {
                let number = version.map(Governs::number);
                let record = self.refusal(kind, request, verdict, number);
                let _ = self.spare(record, log);
                return (self.denied(verdict, number), None);
            }
        };
        let candidates = candidates.iter().copied().enumerate();
        let Some((place, (decision, record))) = self.first(&question, candidates, version, rollout, kind) else {
            let number = version.map(Governs::number);
            self.write(self.refusal(kind, request, Verdict::NoPlace, number), log);
            return (self.denied(Verdict::NoPlace, number), None);
        };
        self.write(record, log);
        (decision, decision.may().then_some(place))
    }

    /// The answer for the first candidate that is permitted; if none is, the answer for the first candidate.
    pub(super) fn first<C>(
        &self,
        question: &Question,
        candidates: impl Iterator<Item = (C, Set<Region>)>,
        version: Option<&impl Governs>,
        rollout: &impl Plane,
        kind: RecordKind,
    ) -> Option<(C, (Decision, Record))> {
        let mut first = None;
        for (candidate, goes) in candidates.filter(|(_, goes)| !goes.is_empty()) {
            let facts = Facts { goes: question.facts.goes.or(goes), ..question.facts };
            let Question { valid_until, parent, region, .. } = *question;
            let what = Request { goes: question.what.goes.or(goes), ..question.what };
            let question = Question { facts, what, valid_until, parent, region };
            let answer = self.answer(&question, version, rollout, kind);
            if answer.0.verdict.permits() {
                return Some((candidate, answer));
            }
            first.get_or_insert((candidate, answer));
        }
        first
    }
}

/// What is chosen.
///
/// ```
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/call.rs"));
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use interaction_gov::interaction::Choice;
///
/// let Setting { plane, mut log, mut call, seat } = setting();
/// let join = Vocabulary::read(NAMES)?.find("join").ok_or("an action")?;
/// let request = Request { action: join, seat, on: On::Stream(Modality(0)), binding: None, goes: Set::EMPTY };
/// let ways = [Set::one(Region::UNKNOWN), Set::one(Region(0))];
/// let (decision, way) = call.choose(Time(2), Choice::Way, &request, &ways, &plane, &mut log);
/// assert_eq!((decision.may(), way), (true, Some(1)), "no data go to an unknown region");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Choice {
    /// Where something is computed.
    Place,
    /// The way that data take.
    Way,
}
