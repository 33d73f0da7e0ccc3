//! Policy: what authorities permit, read from what people write, in a form that decides quickly (`IoE R2`, `R5`, `R7`).
//!
//! Each authority has its rules. **Within an authority** a deny wins over every permit, then the first permit decides, and
//! what no rule permits is denied. **Between authorities** every one that is asked must permit: composition is
//! intersection. Who is asked about what is the authority's scope. Where no authority is asked, nothing is permitted.
//!
//! The rules of all authorities are compiled into one index: for each fact a row of bits, a bit for each rule that the
//! fact does not exclude. A decision is the intersection of the rows of its facts. Denies stand in front of permits, so the first bit
//! that is left decides.

mod check;
mod index;
mod read;
mod rule;
mod settings;

use core::fmt;

use sha2::{Digest as _, Sha256};

pub use read::Scope;
pub use rule::{Conditions, Effect, Facts, Kind, Provenance, Rule};
pub use settings::Settings;

use crate::authority::Speaker;
use crate::text::{TextError, Trouble, visible};
use crate::time::Time;
use crate::vocabulary::{Authority, Modality, Obligation, Region, Set, Vocabulary};
use index::Index;
use read::Statement;
use settings::Said;

/// How many authorities a policy can have.
pub const AUTHORITIES: usize = 8;

/// A policy: the rules of all its authorities, for up to 64 × `W` rules. Each authority's rules begin a word of their own.
#[derive(Clone)]
pub struct Policy<const W: usize> {
    members: heapless::Vec<Member, AUTHORITIES>,
    rules: [[Rule; 64]; W],
    /// How many words are taken.
    words: usize,
    index: Index<W>,
    /// For each member and each modality, and for no modality in front: where data may go.
    residency: [[Set<Region>; MODALITIES]; AUTHORITIES],
    said: Said,
    /// The digest of the vocabulary that it is written in.
    vocabulary: Option<[u8; 32]>,
    digest: [u8; 32],
}

/// One for no modality, and one for each.
const MODALITIES: usize = 16;

/// An authority's part of a policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member {
    /// Who.
    pub authority: Authority,
    /// The version of its text.
    pub version: u32,
    /// SHA-256 of its text.
    pub digest: [u8; 32],
    /// SHA-256 of the vocabulary in which it is written.
    pub vocabulary: [u8; 32],
    /// What it is asked about.
    pub scope: Scope,
    /// Its words of rules: from, and up to.
    words: (u16, u16),
    /// How many rules are in them.
    rules: u16,
}

/// What all authorities that are asked say together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Ruling {
    /// What was said.
    pub answer: Answer,
    /// In whose place it was said: whoever denies; if nobody does, the first one that was asked.
    pub authority: Option<Authority>,
    /// Who said it: another one, if the authority has delegated it.
    pub speaker: Option<Authority>,
    /// The line of the deciding rule in the speaker's text, if a rule decided.
    pub line: Option<u16>,
    /// What a permit obliges to: what all deciding rules say together.
    pub obligations: Set<Obligation>,
    /// Until when the same ones speak for all.
    pub until: Time,
}

/// Permit, or why not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Answer {
    /// Everybody who is asked permits it.
    Permit,
    /// A rule denies it.
    Deny,
    /// No rule permits it.
    NoRule,
    /// An authority cannot be asked.
    Unreachable,
    /// No authority is asked.
    NobodyAsked,
}

impl Ruling {
    /// Nobody has said anything.
    const NOTHING: Self = Self::no(Answer::NobodyAsked, None, None, None);

    const fn no(answer: Answer, authority: Option<Authority>, speaker: Option<Authority>, line: Option<u16>) -> Self {
        Self { answer, authority, speaker, line, obligations: Set::EMPTY, until: Time::NEVER }
    }
}

/// Why a policy does not take a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum PolicyError {
    /// Something is wrong with the text.
    Text(TextError),
    /// The authority has a part already.
    Twice(Authority),
    /// There is no room for so many rules.
    Full,
    /// The policy is written in another vocabulary: its numbers mean other names.
    Vocabulary,
}

impl fmt::Display for PolicyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(error) => error.fmt(f),
            Self::Twice(_) => f.write_str("the authority has a part already"),
            Self::Full => f.write_str("no room for so many rules"),
            Self::Vocabulary => f.write_str("written in another vocabulary"),
        }
    }
}

impl core::error::Error for PolicyError {}

impl From<TextError> for PolicyError {
    fn from(error: TextError) -> Self {
        Self::Text(error)
    }
}

impl<const W: usize> Default for Policy<W> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const W: usize> Policy<W> {
    /// A policy without authorities: it permits nothing.
    #[must_use]
    pub fn new() -> Self {
        Self {
            members: heapless::Vec::new(),
            rules: [[Rule::NONE; 64]; W],
            words: 0,
            index: Index::new(),
            residency: [[Set::EMPTY; MODALITIES]; AUTHORITIES],
            said: Said::default(),
            vocabulary: None,
            digest: Sha256::digest(LABEL).into(),
        }
    }

    /// Adds an authority's part, checked: names that do not exist, rules that never match, rules that are never reached and
    /// permits that a deny covers are refused, each with its place.
    ///
    /// # Errors
    /// [`PolicyError`]; the policy is then what it was before.
    pub fn add(&mut self, text: &str, vocabulary: &Vocabulary<'_>) -> Result<Authority, PolicyError> {
        if self.vocabulary.is_some_and(|other| other != *vocabulary.digest()) {
            return Err(PolicyError::Vocabulary);
        }
        visible(text)?;
        let head = read::head(text, vocabulary)?;
        if self.members.iter().any(|member| member.authority == head.authority) {
            return Err(PolicyError::Twice(head.authority));
        }
        let place = self.members.len();
        let first = self.words;
        let (free, residency, said) = self.check(text, vocabulary, first * 64)?;
        let words = first + (free - first * 64).div_ceil(64);
        let [first_word, end, rules] =
            [first, words, free - first * 64].map(|number| u16::try_from(number).unwrap_or(u16::MAX));
        if end == u16::MAX || rules == u16::MAX {
            return Err(PolicyError::Full);
        }
        let digest: [u8; 32] = Sha256::digest(text).into();
        let (authority, version, scope) = (head.authority, head.version, head.scope);
        let vocabulary = *vocabulary.digest();
        let member = Member { authority, version, digest, vocabulary, scope, words: (first_word, end), rules };
        self.members.push(member).map_err(|_| PolicyError::Full)?;
        // From here on nothing fails.
        for at in first * 64..free {
            if let Some(rule) = self.rule(at).copied() {
                self.index.enter(at, &rule);
            }
        }
        if let Some(slot) = self.residency.get_mut(place) {
            *slot = residency;
        }
        self.words = words;
        self.said = self.said.and(said, scope == Scope::ALL);
        self.vocabulary = Some(vocabulary);
        self.digest = Sha256::new()
            .chain_update(self.digest)
            .chain_update(vocabulary)
            .chain_update([head.authority.0])
            .chain_update(head.version.to_be_bytes())
            .chain_update(digest)
            .finalize()
            .into();
        Ok(head.authority)
    }

    /// Reads and checks a text, and puts its rules where nothing counts yet: where they end, where its streams may go, and
    /// what it sets.
    fn check(
        &mut self,
        text: &str,
        vocabulary: &Vocabulary<'_>,
        first: usize,
    ) -> Result<(usize, [Set<Region>; MODALITIES], Said), PolicyError> {
        // Nothing goes where the vocabulary has no place.
        let mut residency = [vocabulary.all().map(|(region, _)| region).collect(); MODALITIES];
        let mut said = Said::default();
        let mut free = first;
        // Denies first, then permits: the first rule that holds decides.
        for pass in [Effect::Deny, Effect::Permit] {
            for statement in read::statements(text, vocabulary) {
                match statement? {
                    (word, Statement::Rule(rule)) if rule.effect == pass => {
                        let before = (first..free).filter_map(|at| self.rule(at));
                        if let Some(trouble) = check::decides_first(before, &rule) {
                            return Err(word.at(trouble).into());
                        }
                        let slot = self.rules.get_mut(free / 64).and_then(|word| word.get_mut(free % 64));
                        *slot.ok_or(PolicyError::Full)? = rule;
                        free += 1;
                    }
                    // Read in the second pass again, it changes nothing.
                    (word, Statement::Keep { modalities, regions }) if !keep(&mut residency, modalities, regions) => {
                        return Err(word.at(Trouble::NeverMatches).into());
                    }
                    (_, Statement::Set(setting, number)) => said.set(setting, number),
                    _ => {}
                }
            }
        }
        Ok((free, residency, said))
    }

    /// The digest of the vocabulary that all its texts are written in. `None`, if there are none.
    #[must_use]
    pub const fn vocabulary(&self) -> Option<&[u8; 32]> {
        self.vocabulary.as_ref()
    }

    /// What is configured in the texts.
    #[must_use]
    pub fn settings(&self) -> Settings {
        self.said.settings()
    }

    /// What identifies this policy: a hash over the vocabulary, and the authorities' versions and texts, in their order.
    #[must_use]
    pub const fn digest(&self) -> &[u8; 32] {
        &self.digest
    }

    /// Its authorities.
    #[must_use]
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// An authority's rules in the order in which they decide.
    pub fn rules_of(&self, member: &Member) -> impl Iterator<Item = &Rule> {
        let first = usize::from(member.words.0) * 64;
        (first..first + usize::from(member.rules)).filter_map(|at| self.rule(at))
    }

    /// Decides by these facts. Every authority in whose scope they lie is asked, or who speaks for it.
    // keeps: IOE-093, IOE-097
    #[must_use]
    pub fn decide(&self, facts: &Facts, speaker: impl Fn(Authority) -> Speaker) -> Ruling {
        let rows = self.index.rows(facts);
        let mut all: Option<Ruling> = None;
        for member in self.members.iter().filter(|member| member.asks(facts)) {
            let authority = Some(member.authority);
            let speaker = speaker(member.authority);
            let speaks = |one: &&Member| Some(one.authority) == speaker.authority;
            let Some(speaking) = Some(member).filter(speaks).or_else(|| self.members.iter().find(speaks)) else {
                return Ruling::no(Answer::Unreachable, authority, None, None);
            };
            let (says, (first, end)) = (Some(speaking.authority), speaking.words);
            let rule = (usize::from(first)..usize::from(end)).find_map(|word| {
                let bit = usize::try_from(rows.word(word).trailing_zeros()).unwrap_or(64);
                self.rules.get(word).and_then(|rules| rules.get(bit))
            });
            match rule {
                Some(Rule { effect: Effect::Permit, obligations, line, .. }) => {
                    let one = Ruling::no(Answer::Permit, authority, says, Some(*line));
                    let before = all.unwrap_or(one);
                    let obligations = before.obligations.or(*obligations);
                    all = Some(Ruling { obligations, until: before.until.min(speaker.until), ..before });
                }
                Some(Rule { effect: Effect::Deny, line, .. }) => {
                    return Ruling::no(Answer::Deny, authority, says, Some(*line));
                }
                None => return Ruling::no(Answer::NoRule, authority, says, None),
            }
        }
        all.unwrap_or(Ruling::NOTHING)
    }

    /// Which authorities are asked about these facts.
    #[must_use]
    pub fn asked(&self, facts: &Facts) -> Set<Authority> {
        self.members.iter().filter(|member| member.asks(facts)).map(|member| member.authority).collect()
    }

    /// Whether data of this stream may go where these facts say: every authority that is asked must allow it.
    ///
    /// # Errors
    /// Who does not.
    pub fn residency(&self, facts: &Facts) -> Result<(), Authority> {
        let column = facts.modality.map_or(0, |modality| usize::from(modality.0) + 1);
        let mut asked = self.members.iter().zip(&self.residency).filter(|(member, _)| member.asks(facts));
        let against = asked.find(|(_, regions)| !regions.get(column).is_some_and(|allowed| allowed.covers(facts.goes)));
        against.map_or(Ok(()), |(member, _)| Err(member.authority))
    }

    fn rule(&self, at: usize) -> Option<&Rule> {
        self.rules.get(at / 64).and_then(|word| word.get(at % 64))
    }
}

const LABEL: &[u8] = b"IoE/1 policy\0";

impl Member {
    fn asks(&self, facts: &Facts) -> bool {
        self.scope.holds(facts, self.authority)
    }
}

/// Several statements about a stream intersect. Whether they leave any place to each.
fn keep(residency: &mut [Set<Region>; MODALITIES], modalities: Set<Modality>, regions: Set<Region>) -> bool {
    for (column, allowed) in residency.iter_mut().enumerate() {
        let meant = match u8::try_from(column) {
            // Data of no stream are meant where all streams are.
            Ok(0) => modalities == Set::ALL,
            Ok(column) => modalities.contains(Modality(column - 1)),
            Err(_) => false,
        };
        if meant {
            *allowed = allowed.and(regions);
        }
    }
    residency.iter().all(|allowed| !allowed.is_empty())
}
