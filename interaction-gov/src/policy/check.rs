//! Rules that cannot decide.

use super::rule::{Effect, Rule};
use crate::text::Trouble;

/// Whether one of the rules that decide before this one holds whenever this one does, so that this one adds nothing.
///
/// Several rules that only together cover it are not found.
pub(super) fn decides_first(before: impl IntoIterator<Item = Rule>, rule: &Rule) -> Option<Trouble> {
    before.into_iter().find_map(|before| {
        let covered = before.conditions.cover(&rule.conditions);
        match (before.effect, rule.effect) {
            (Effect::Deny, Effect::Permit) if covered => Some(Trouble::Contradiction(before.line)),
            (Effect::Deny, Effect::Deny | Effect::Keep) if covered => Some(Trouble::Unreachable(before.line)),
            (Effect::Keep, Effect::Keep) if covered && rule.within.covers(before.within) => {
                Some(Trouble::Unreachable(before.line))
            }
            // All permits that hold oblige.
            (Effect::Permit, Effect::Permit) if covered && before.obligations.covers(rule.obligations) => {
                Some(Trouble::Unreachable(before.line))
            }
            _ => None,
        }
    })
}
