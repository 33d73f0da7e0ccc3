//! Adding an authority's part to a policy: read, checked, entered into the index.

use core::fmt;

use sha2::{Digest as _, Sha256};

use super::read::{self, Statement};
use super::settings::Said;
use super::{Conditions, Effect, Member, Policy, Rule, Scope, check};
use crate::text::{TextError, Trouble, visible};
use crate::vocabulary::{Authority, Modality, Region, Set, Vocabulary};

/// Why a policy does not take a text.
///
/// ```
/// use interaction_gov::policy::{Policy, PolicyError};
/// use interaction_gov::vocabulary::{Authority, Vocabulary};
///
/// let names = Vocabulary::read("actions join\nauthorities host")?;
/// let mut policy = Policy::<1>::new();
/// policy.add("authority host\nversion 1\npermit join\n", &names)?;
/// let twice = policy.add("authority host\nversion 2\npermit join\n", &names);
/// assert_eq!(twice, Err(PolicyError::Twice(Authority(0))));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum PolicyError {
    /// Something is wrong with the text.
    Text(TextError),
    /// The authority has a part already.
    Twice(Authority),
    /// There are more rules than there is room for.
    Full,
    /// The policy is written in another vocabulary: its numbers mean other names.
    Vocabulary,
    /// Its rules use more than 64 different tests, or distinguish more than 31 kinds of places.
    TooFine,
}

impl fmt::Display for PolicyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(error) => error.fmt(f),
            Self::Twice(_) => f.write_str("the authority has a part already"),
            Self::Full => f.write_str("no room for so many rules"),
            Self::Vocabulary => f.write_str("written in another vocabulary"),
            Self::TooFine => f.write_str("the rules tell too many tests or places apart"),
        }
    }
}

impl core::error::Error for PolicyError {}

impl From<TextError> for PolicyError {
    fn from(error: TextError) -> Self {
        Self::Text(error)
    }
}

impl<const W: usize, const A: usize, const T: usize, const K: usize> Policy<W, A, T, K> {
    /// Adds an authority's part, checked: names that do not exist, rules that never match, rules that are never reached and
    /// permits that a deny covers are refused, each with its place.
    ///
    /// # Errors
    /// [`PolicyError`]; the policy then decides as before.
    pub fn add(&mut self, text: &str, vocabulary: &Vocabulary<'_>) -> Result<Authority, PolicyError> {
        if self.vocabulary().is_some_and(|other| other != vocabulary.digest()) {
            return Err(PolicyError::Vocabulary);
        }
        visible(text)?;
        let head = read::head(text, vocabulary)?;
        if self.members.iter().any(|member| member.authority == head.authority) {
            return Err(PolicyError::Twice(head.authority));
        }
        let (first, tests, apart) = (self.words, self.index.tests(), self.index.apart());
        let digest = *self.digest();
        let member = self.check(text, vocabulary, head).and_then(|member| {
            let words = usize::from(member.words.1);
            self.members.push(member).map_err(|_| PolicyError::Full).map(|()| words)
        });
        match member {
            Ok(words) => self.words = words,
            Err(error) => {
                // Nothing of the refused text stays.
                self.index.forget(first * 64, tests, apart);
                return Err(error);
            }
        }
        let authority = self.members.last().map_or(Authority(0), |member| {
            self.digest = Sha256::new()
                .chain_update(digest)
                .chain_update(member.vocabulary)
                .chain_update([member.authority.0])
                .chain_update(member.version.to_be_bytes())
                .chain_update(member.digest)
                .finalize()
                .into();
            member.authority
        });
        self.vocabulary = *vocabulary.digest();
        (self.own, self.always) = (vocabulary.own(), vocabulary.always());
        self.regions = vocabulary.all().map(|(region, _)| region).collect();
        Ok(authority)
    }

    /// Reads and checks a text, and enters its rules after those that are already in force.
    fn check(&mut self, text: &str, vocabulary: &Vocabulary<'_>, head: read::Head) -> Result<Member, PolicyError> {
        let (first, mut said, mut obliges) = (self.words * 64, Said::default(), false);
        let mut free = first;
        // The regions that unconditional keeps leave to each stream; those for data of no stream come first.
        let everywhere: Set<Region> = vocabulary.all().map(|(region, _)| region).collect();
        let mut left = [everywhere; 16];
        // Denies and keeps first, then permits: the first rule that holds decides.
        for pass in [Effect::Deny, Effect::Keep, Effect::Permit] {
            for statement in read::statements(text, vocabulary) {
                match statement? {
                    (word, Statement::Rule(rule)) if rule.effect == pass => {
                        let mut before = (first..free).filter_map(|at| self.index.rule(at));
                        if let Some(trouble) = check::decides_first(before.clone(), &rule) {
                            return Err(word.at(trouble).into());
                        }
                        if before.any(|other| other.id == rule.id) {
                            return Err(word.at(Trouble::Twice).into());
                        }
                        if rule.effect == Effect::Keep && !keep(&mut left, &rule) {
                            return Err(word.at(Trouble::NeverMatches).into());
                        }
                        if free >= W * 64 {
                            return Err(PolicyError::Full);
                        }
                        if !self.index.enter(free, &rule) {
                            return Err(PolicyError::TooFine);
                        }
                        free += 1;
                        obliges |= !rule.obligations.is_empty();
                    }
                    (_, Statement::Set(setting, number)) => said.set(setting, number),
                    _ => {}
                }
            }
        }
        let words = self.words + (free - first).div_ceil(64);
        let [first_word, end, rules] =
            [self.words, words, free - first].map(|number| u16::try_from(number).unwrap_or(u16::MAX));
        if end == u16::MAX || rules == u16::MAX {
            return Err(PolicyError::Full);
        }
        let read::Head { authority, version, scope } = head;
        let (digest, vocabulary) = (Sha256::digest(text).into(), *vocabulary.digest());
        let (words, everything) = ((first_word, end), scope == Scope::ALL);
        Ok(Member { authority, version, digest, vocabulary, scope, said, words, rules, everything, obliges })
    }
}

/// Intersects the keeps that always hold. Returns whether they leave at least one region to each stream.
fn keep(left: &mut [Set<Region>; 16], rule: &Rule) -> bool {
    let always = Conditions { modalities: rule.conditions.modalities, ..Conditions::ANY };
    if rule.conditions != always {
        return true;
    }
    for (column, allowed) in left.iter_mut().enumerate() {
        let stream = u8::try_from(column).ok().and_then(|column| column.checked_sub(1)).map(Modality);
        // A keep without a stream applies to data of no stream too.
        let meant = rule.conditions.modalities.is_none_or(|these| stream.is_some_and(|one| these.contains(one)));
        if meant {
            *allowed = allowed.and(rule.within);
        }
    }
    left.iter().all(|allowed| !allowed.is_empty())
}
