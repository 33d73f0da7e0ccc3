//! What an authority is asked about, and what it lets another one decide.

use sha2::{Digest as _, Sha256};

use super::facts::Facts;
use super::read;
use super::rule::{Conditions, Sense};
use crate::text::TextError;
use crate::vocabulary::{Authority, Bits as _, Name, Region, Set, Vocabulary};

/// What an authority is asked about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    /// Facts that it is asked about.
    pub conditions: Conditions,
    /// Only its own participants.
    pub own: bool,
}

impl Scope {
    /// Everything.
    pub const ALL: Self = Self { conditions: Conditions::ANY, own: false };

    /// Reads a scope: what stands behind `over` in a policy.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub fn read(text: &str, vocabulary: &Vocabulary<'_>) -> Result<Self, TextError> {
        read::scope(text, vocabulary)
    }

    /// Whether facts lie in the scope beyond doubt: what a delegation is about. Where nobody knows, it is about nothing.
    #[must_use]
    pub fn contains(&self, facts: &Facts, authority: Authority) -> bool {
        let here = self.conditions.regions.is_none_or(|regions| regions.covers(facts.goes));
        (!self.own || facts.home == Some(authority)) && here && self.conditions.hold(facts, Sense::Must)
    }

    /// Whether facts lie, or may lie, in the scope of this authority: then it is asked.
    ///
    /// Law applies where those are whose data an action carries, and where the data go; what is not known may be there.
    // keeps: IOE-095
    #[must_use]
    pub fn holds(&self, facts: &Facts, authority: Authority) -> bool {
        // Whose participant somebody is that nobody knows, may be this authority's.
        let own = !self.own || facts.home.is_none_or(|home| home == authority);
        own && self.conditions.hold_of(facts, facts.law.or(facts.goes), Sense::May)
    }

    /// The scope in a hash: every field in a fixed form.
    pub(crate) fn hashed(&self, hash: Sha256) -> Sha256 {
        fn bits<T: Name<Bits = u32>>(set: Option<Set<T>>) -> [u8; 5] {
            let [a, b, c, d] = set.unwrap_or_default().bits().to_be_bytes();
            [u8::from(set.is_some()), a, b, c, d]
        }
        let Conditions { actions, kinds, roles, modalities, functions, regions, tests, postures, provenances } =
            &self.conditions;
        let regions: Option<Set<Region>> = *regions;
        let mut hash = hash
            .chain_update(actions.bits().to_be_bytes())
            .chain_update(bits(*roles))
            .chain_update(bits(*modalities))
            .chain_update(bits(*functions))
            .chain_update([u8::from(regions.is_some())])
            .chain_update(regions.map_or(u128::ZERO, Set::bits).to_be_bytes())
            .chain_update([*kinds, *postures, *provenances, u8::from(self.own)])
            .chain_update([u8::try_from(tests.len()).unwrap_or(u8::MAX)]);
        for test in tests {
            hash = hash.chain_update(test.bytes());
        }
        hash
    }
}
