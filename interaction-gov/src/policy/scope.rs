//! The scope of an authority or of a delegation: what it is about.

use sha2::{Digest as _, Sha256};

use super::facts::Facts;
use super::rule::{Conditions, Sense, Test, Tests};
use crate::bytes::{FieldError, Reader, Writer, attempt};
use crate::time::Time;
use crate::vocabulary::{Authority, Bits as _, Name, Region, Set};

/// What an authority is asked about.
///
/// ```
/// use interaction_gov::policy::Scope;
/// use interaction_gov::vocabulary::Vocabulary;
///
/// let names = Vocabulary::read("actions record, export\nregions de, fr\ngroup eu of de, fr\nauthorities host")?;
/// assert_eq!(Scope::read("any", &names)?, Scope::ALL);
/// assert!(Scope::read("record, export in eu own", &names)?.own);
/// assert!(Scope::read("record in us", &names).is_err(), "the vocabulary has no such region");
/// # Ok::<(), interaction_gov::TextError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    /// Conditions on the facts that it is asked about.
    pub conditions: Conditions,
    /// Only its own participants.
    pub own: bool,
}

impl Scope {
    /// Everything.
    pub const ALL: Self = Self { conditions: Conditions::ANY, own: false };

    /// Whether facts lie in the scope for certain. This is how the scope of a delegation counts: it does not cover
    /// facts for which that is not known.
    #[must_use]
    pub fn contains(&self, facts: &Facts, authority: Authority) -> bool {
        let here = self.conditions.regions.is_none_or(|regions| regions.covers(facts.goes));
        (!self.own || facts.home == Some(authority)) && here && self.conditions.hold(facts, Sense::Must)
    }

    /// Whether facts lie, or may lie, in the scope of this authority: then it is asked.
    ///
    /// Law applies where the participants are whose data an action carries, and where the data go; an unknown region
    /// may be any.
    // keeps: IOE-095 (§4.7 R7)
    #[must_use]
    pub fn holds(&self, facts: &Facts, authority: Authority) -> bool {
        // A participant whose authority is not known may be this authority's.
        let own = !self.own || facts.home.is_none_or(|home| home == authority);
        own && self.conditions.hold_of(facts, facts.law_or_unknown().or(facts.goes), Sense::May)
    }

    /// When the time of day next changes whether the scope [holds](Self::holds) for these facts.
    pub(crate) fn holds_until(&self, facts: &Facts, authority: Authority) -> Time {
        self.until(facts, |facts| self.holds(facts, authority))
    }

    /// When the time of day next changes whether the scope [contains](Self::contains) these facts.
    pub(crate) fn contains_until(&self, facts: &Facts, authority: Authority) -> Time {
        self.until(facts, |facts| self.contains(facts, authority))
    }

    fn until(&self, facts: &Facts, so: impl Fn(&Facts) -> bool) -> Time {
        let tests = &self.conditions.tests;
        if tests.is_empty() {
            return Time::NEVER;
        }
        let (now, mut at) = (so(facts), facts.time);
        // Each test of hours changes twice a day.
        for _ in 0..2 * tests.len() {
            at = tests.iter().map(|test| test.changes(at)).min().unwrap_or(Time::NEVER);
            if at == Time::NEVER || so(&Facts { time: at, ..*facts }) != now {
                return at;
            }
        }
        Time::NEVER
    }

    /// Hashes the scope: every field in a fixed form.
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

    /// Writes the scope as bytes for snapshots and compiled policies.
    pub(crate) fn write(&self, to: &mut Writer<'_>) {
        fn set<T: Name<Bits = u32>>(to: &mut Writer<'_>, set: Option<Set<T>>) {
            to.some(set.map(Set::bits));
        }
        let Conditions { actions, kinds, roles, modalities, functions, regions, tests, postures, provenances } =
            &self.conditions;
        to.u32(actions.bits());
        set(to, *roles);
        set(to, *modalities);
        set(to, *functions);
        to.u8(u8::from(regions.is_some()));
        to.u128(regions.map_or(0, Set::bits));
        to.put(&[*kinds, *postures, *provenances, u8::from(self.own)]);
        to.u8(u8::try_from(tests.len()).unwrap_or(u8::MAX));
        tests.iter().for_each(|test| to.put(&test.bytes()));
    }

    pub(crate) const fn read_bytes(from: &mut Reader<'_>) -> Result<Self, FieldError> {
        const fn set<T: Name<Bits = u32>>(from: &mut Reader<'_>) -> Result<Option<Set<T>>, FieldError> {
            Ok(match attempt!(from.some("scope")) {
                Some(bits) => Some(Set::from_bits(bits)),
                None => None,
            })
        }
        let actions = Set::from_bits(attempt!(from.u32()));
        let (roles, modalities, functions) = (attempt!(set(from)), attempt!(set(from)), attempt!(set(from)));
        let (has_regions, regions) = (attempt!(from.bool("scope")), attempt!(from.u128()));
        let regions = match (has_regions, regions) {
            (true, bits) => Some(Set::from_bits(bits)),
            (false, 0) => None,
            (false, _) => return Err(FieldError::Field("scope")),
        };
        let [kinds, postures, provenances] = attempt!(from.take());
        let own = attempt!(from.bool("scope"));
        let mut tests = Tests::new();
        attempt!(Test::read_all(from, &mut tests));
        let conditions =
            Conditions { actions, kinds, roles, modalities, functions, regions, tests, postures, provenances };
        Ok(Self { conditions, own })
    }
}
