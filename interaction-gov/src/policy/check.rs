//! Finds rules that cannot decide.

use super::rule::{Effect, Rule};
use crate::text::Trouble;

/// Whether an earlier rule holds whenever this one does, so that this one adds nothing.
///
/// It is not detected if several rules cover this one only together.
pub(super) fn decides_first(before: impl IntoIterator<Item = Rule>, rule: &Rule) -> Option<Trouble> {
    before.into_iter().find_map(|before| {
        let covered = before.conditions.cover(&rule.conditions);
        match (before.effect, rule.effect) {
            (Effect::Deny, Effect::Permit) if covered => Some(Trouble::Contradiction(before.line)),
            (Effect::Deny, Effect::Deny | Effect::Keep) if covered => Some(Trouble::Unreachable(before.line)),
            (Effect::Keep, Effect::Keep) if covered && rule.within.covers(before.within) => {
                Some(Trouble::Unreachable(before.line))
            }
            // The obligations of all permits that hold count, so a permit adds something if it obliges to more.
            (Effect::Permit, Effect::Permit) if covered && before.obligations.covers(rule.obligations) => {
                Some(Trouble::Unreachable(before.line))
            }
            _ => None,
        }
    })
}
