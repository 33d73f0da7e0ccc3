//! Rules that cannot decide.

use super::rule::{Effect, Rule};
use crate::text::Trouble;

/// Whether one of the rules that decide before this one holds whenever this one does.
///
/// Several rules that only together cover it are not found.
pub(super) fn decides_first<'r>(before: impl IntoIterator<Item = &'r Rule>, rule: &Rule) -> Option<Trouble> {
    let covering = before.into_iter().find(|before| before.conditions.cover(&rule.conditions))?;
    Some(match (covering.effect, rule.effect) {
        (Effect::Deny, Effect::Permit) => Trouble::Contradiction(covering.line),
        _ => Trouble::Unreachable(covering.line),
    })
}
