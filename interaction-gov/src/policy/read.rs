//! The text form of a policy, which people write and review: the language is described in the module above.

use sha2::{Digest as _, Sha256};

use super::facts::{Kind, Provenance};
use super::rule::{Conditions, Effect, Rule, Test, Whose, settle};
use super::scope::Scope;
use super::settings::Setting;
use crate::text::{Line, Lines, TextError, Trouble, Word, Words, visible};
use crate::vocabulary::{Authority, Listed, Obligation, Posture, Role, Set, Vocabulary};

/// A statement.
#[derive(Clone, Debug)]
pub(super) enum Statement {
    Rule(Rule),
    Set(Setting, u32),
}

/// The first two or three lines.
#[derive(Clone, Debug)]
pub(super) struct Head {
    pub authority: Authority,
    pub version: u32,
    pub scope: Scope,
}

const NOTHING: TextError = TextError { line: 1, column: 1, trouble: Trouble::Missing };

impl Scope {
    /// Reads a scope: the words after `over` in a policy.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub fn read(text: &str, vocabulary: &Vocabulary<'_>) -> Result<Self, TextError> {
        visible(text)?;
        let mut lines = Lines::of(text);
        let scope = scope_of(&mut Words::of(lines.next().ok_or(NOTHING)?), vocabulary)?;
        match lines.next() {
            None => Ok(scope),
            Some(line) => Err(Words::of(line).word()?.at(Trouble::UnknownStatement)),
        }
    }
}

fn scope_of(words: &mut Words<'_>, vocabulary: &Vocabulary<'_>) -> Result<Scope, TextError> {
    let first = words.clone().word()?;
    let mut said = Clauses::default();
    said.read(words, vocabulary, Place::Scope)?;
    // Otherwise the authority would be there without ever being asked.
    let scope = Scope { conditions: said.conditions, own: said.own };
    if scope.conditions.can_hold() { Ok(scope) } else { Err(first.at(Trouble::NeverMatches)) }
}

/// Reads the lines before the rules.
pub(super) fn head(text: &str, vocabulary: &Vocabulary<'_>) -> Result<Head, TextError> {
    let mut lines = Lines::of(text);
    let mut words = Words::of(lines.next().ok_or(NOTHING)?);
    keyword(&mut words, "authority")?;
    let authority = name(&mut words, vocabulary)?;
    over(&mut words)?;
    let mut words = Words::of(lines.next().ok_or(NOTHING)?);
    keyword(&mut words, "version")?;
    let number = words.word()?;
    let version = number.text.parse().map_err(|_| number.at(Trouble::NoNumber))?;
    over(&mut words)?;
    let mut scope = Scope::ALL;
    if let Some(line) = lines.next() {
        let mut words = Words::of(line);
        if words.word()?.text == "over" {
            scope = scope_of(&mut words, vocabulary)?;
        }
    }
    Ok(Head { authority, version, scope })
}

/// The rules, in their order.
pub(super) fn statements<'t>(
    text: &'t str,
    vocabulary: &'t Vocabulary<'t>,
) -> impl Iterator<Item = Result<(Word<'t>, Statement), TextError>> {
    let mut first = true;
    Lines::of(text).skip(2).filter_map(move |line| {
        let is_first = core::mem::take(&mut first);
        statement(line, vocabulary, is_first).transpose()
    })
}

fn statement<'t>(
    line: Line<'t>,
    vocabulary: &Vocabulary<'_>,
    first: bool,
) -> Result<Option<(Word<'t>, Statement)>, TextError> {
    let mut words = Words::of(line);
    let word = words.word()?;
    let mut said = Clauses::default();
    let effect = match word.text {
        "permit" => {
            said.read(&mut words, vocabulary, Place::Permit)?;
            Effect::Permit
        }
        "deny" => {
            said.read(&mut words, vocabulary, Place::Deny)?;
            Effect::Deny
        }
        "keep" => {
            if !next_is_any(&mut words)? {
                said.conditions.modalities = Some(set(&mut words, vocabulary)?);
            }
            keyword(&mut words, "within")?;
            said.within = set(&mut words, vocabulary)?;
            said.clauses(&mut words, vocabulary, Place::Keep)?;
            Effect::Keep
        }
        "set" => {
            let what = words.word()?;
            let setting = match what.text {
                "lease" => Setting::Lease,
                "validation" => Setting::Validation,
                "recovery" => Setting::Recovery,
                "heads" => Setting::Heads,
                _ => return Err(what.at(Trouble::UnknownClause)),
            };
            let number = words.word()?;
            let value = number.text.parse().ok().filter(|value| *value > 0).ok_or(number.at(Trouble::NoNumber))?;
            over(&mut words)?;
            return Ok(Some((word, Statement::Set(setting, value))));
        }
        "over" if first => return Ok(None),
        _ => return Err(word.at(Trouble::UnknownStatement)),
    };
    if !said.conditions.can_hold() {
        return Err(word.at(Trouble::NeverMatches));
    }
    let id = said.named.map_or_else(|| id_of(line), |name| id(&[name.text]));
    let Clauses { conditions, within, obligations, .. } = said;
    Ok(Some((word, Statement::Rule(Rule { effect, conditions, within, obligations, line: word.line(), id }))))
}

/// The short name of a rule without `named`: a hash of its words, independent of the blanks between them.
fn id_of(line: Line<'_>) -> u32 {
    let mut hash = Sha256::new();
    let mut words = Words::of(line);
    while let Ok(word) = words.word() {
        hash.update(word.text);
        hash.update(if words.skips_comma() { b"," } else { b" " });
    }
    hash.finalize().first_chunk().copied().map_or(0, u32::from_be_bytes)
}

fn id(parts: &[&str]) -> u32 {
    let hash = parts.iter().fold(Sha256::new(), |hash, part| hash.chain_update(part));
    hash.finalize().first_chunk().copied().map_or(0, u32::from_be_bytes)
}

/// Where clauses stand.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Permit,
    Deny,
    Keep,
    Scope,
}

/// What clauses say.
struct Clauses<'t> {
    conditions: Conditions,
    within: Set<crate::vocabulary::Region>,
    obligations: Set<Obligation>,
    named: Option<Word<'t>>,
    own: bool,
    /// The clauses so far that may stand only once.
    seen: heapless::Vec<&'t str, 16>,
}

impl Default for Clauses<'_> {
    fn default() -> Self {
        Self {
            conditions: Conditions::ANY,
            within: Set::EMPTY,
            obligations: Set::EMPTY,
            named: None,
            own: false,
            seen: heapless::Vec::new(),
        }
    }
}

impl<'t> Clauses<'t> {
    /// Reads actions, then clauses.
    fn read(&mut self, words: &mut Words<'t>, vocabulary: &Vocabulary<'_>, place: Place) -> Result<(), TextError> {
        if !next_is_any(words)? {
            let first = words.clone().word()?;
            self.conditions.actions = set(words, vocabulary)?;
            // No rule decides about actions that are always permitted.
            if !self.conditions.actions.and(vocabulary.always()).is_empty() {
                return Err(first.at(Trouble::NoEffect));
            }
        }
        self.clauses(words, vocabulary, place)
    }

    fn clauses(&mut self, words: &mut Words<'t>, vocabulary: &Vocabulary<'_>, place: Place) -> Result<(), TextError> {
        let is_rule = place != Place::Scope;
        while !words.is_over() {
            let clause = words.word()?;
            match clause.text {
                "for" => self.conditions.kinds = kinds(words)?,
                "as" => self.conditions.roles = Some(set(words, vocabulary)?),
                "on" if place != Place::Keep => self.conditions.modalities = Some(set(words, vocabulary)?),
                "by" => self.conditions.functions = Some(set(words, vocabulary)?),
                "in" => self.conditions.regions = Some(set(words, vocabulary)?),
                "from" => self.hours(words)?,
                "oblige" if place == Place::Permit => self.obligations = set(words, vocabulary)?,
                "named" if is_rule => self.named = Some(words.word()?),
                "own" if place == Place::Scope => self.own = true,
                "with" | "below" | "without" => {
                    self.level(&clause, words, vocabulary)?;
                    // These may stand several times, if each adds something.
                    continue;
                }
                _ => return Err(clause.at(Trouble::UnknownClause)),
            }
            self.once(&clause, clause.text)?;
        }
        Ok(())
    }

    /// `from 0800 to 1730`.
    fn hours(&mut self, words: &mut Words<'t>) -> Result<(), TextError> {
        let from = words.clone().word()?;
        let begins = minutes(words)?;
        keyword(words, "to")?;
        let ends = minutes(words)?;
        if begins == ends {
            return Err(from.at(Trouble::NeverMatches));
        }
        self.test(&from, Test::Hours(begins, ends))
    }

    fn level(
        &mut self,
        clause: &Word<'t>,
        words: &mut Words<'t>,
        vocabulary: &Vocabulary<'_>,
    ) -> Result<(), TextError> {
        let what = words.word()?;
        let whose = Whose::ALL.into_iter().find(|whose| whose.name() == what.text);
        match (clause.text, what.text, whose) {
            ("with", _, Some(whose)) => {
                let consents: Set<crate::vocabulary::Consent> = set(words, vocabulary)?;
                consents.iter().try_for_each(|consent| self.test(clause, Test::With(whose, consent)))
            }
            ("without", _, Some(whose)) => {
                let one = name(words, vocabulary)?;
                if words.skips_comma() {
                    return Err(what.at(Trouble::OneAtATime));
                }
                self.once(clause, what.text)?;
                self.test(clause, Test::Without(whose, one))
            }
            ("with", "present", _) => {
                let roles: Set<Role> = list(words, vocabulary)?;
                roles.iter().try_for_each(|role| self.test(clause, Test::Present(role)))
            }
            ("without", "present", _) => {
                let role = name(words, vocabulary)?;
                self.test(clause, Test::Absent(role))
            }
            ("with" | "below", "posture", _) => {
                let Posture(level) = name(words, vocabulary)?;
                let before = self.conditions.postures;
                self.conditions.postures &= at_least_or_below(clause.text == "with", level);
                if self.conditions.postures == before { Err(clause.at(Trouble::NoEffect)) } else { Ok(()) }
            }
            ("with" | "below", "provenance", _) => {
                let level = words.word()?;
                let found = (0..).zip(Provenance::ALL).find(|(_, one)| one.name() == level.text);
                let (level, _) = found.ok_or(level.at(Trouble::UnknownName("provenances")))?;
                let before = self.conditions.provenances;
                self.conditions.provenances &= at_least_or_below(clause.text == "with", level);
                if self.conditions.provenances == before { Err(clause.at(Trouble::NoEffect)) } else { Ok(()) }
            }
            _ => Err(what.at(Trouble::UnknownClause)),
        }
    }

    /// Adds a test, in sorted order.
    fn test(&mut self, clause: &Word<'t>, test: Test) -> Result<(), TextError> {
        let tests = &mut self.conditions.tests;
        if tests.contains(&test) {
            return Err(clause.at(Trouble::NoEffect));
        }
        tests.push(test).map_err(|_| clause.at(Trouble::TooMany))?;
        settle(tests);
        Ok(())
    }

    fn once(&mut self, clause: &Word<'t>, what: &'t str) -> Result<(), TextError> {
        let twice = clause.at(Trouble::Twice);
        if self.seen.contains(&what) { Err(twice) } else { self.seen.push(what).map_err(|_| twice) }
    }
}

/// Hours and minutes in four digits.
fn minutes(words: &mut Words<'_>) -> Result<u16, TextError> {
    let word = words.word()?;
    let number: Option<u16> = word.text.parse().ok().filter(|_| word.text.len() == 4);
    let time = number.map(|number| (number / 100, number % 100)).filter(|(hour, minute)| *hour < 24 && *minute < 60);
    time.map(|(hour, minute)| hour * 60 + minute).ok_or(word.at(Trouble::NoNumber))
}

const fn at_least_or_below(at_least: bool, level: u8) -> u8 {
    let below = match 1_u8.checked_shl(level as u32) {
        Some(bit) => bit - 1,
        None => u8::MAX,
    };
    if at_least { !below } else { below }
}

fn keyword(words: &mut Words<'_>, text: &str) -> Result<(), TextError> {
    let word = words.word()?;
    if word.text == text { Ok(()) } else { Err(word.at(Trouble::Missing)) }
}

fn over(words: &mut Words<'_>) -> Result<(), TextError> {
    if words.is_over() { Ok(()) } else { Err(words.word()?.at(Trouble::UnknownClause)) }
}

fn next_is_any(words: &mut Words<'_>) -> Result<bool, TextError> {
    let mut ahead = words.clone();
    let any = ahead.word()?.text == "any";
    if any {
        *words = ahead;
    }
    Ok(any)
}

fn name<T: Listed>(words: &mut Words<'_>, vocabulary: &Vocabulary<'_>) -> Result<T, TextError> {
    let word = words.word()?;
    vocabulary.find(word.text).ok_or(word.at(Trouble::UnknownName(T::LIST)))
}

/// Names and groups, each of which adds something.
fn set<T: Listed>(words: &mut Words<'_>, vocabulary: &Vocabulary<'_>) -> Result<Set<T>, TextError> {
    let mut set = Set::EMPTY;
    loop {
        let word = words.word()?;
        let these = vocabulary.all_of(word.text).ok_or(word.at(Trouble::UnknownName(T::LIST)))?;
        if set.covers(these) {
            return Err(word.at(Trouble::Twice));
        }
        set = set.or(these);
        if !words.skips_comma() {
            return Ok(set);
        }
    }
}

/// Only names: a group means any of its members, but here all would be needed.
fn list<T: Listed>(words: &mut Words<'_>, vocabulary: &Vocabulary<'_>) -> Result<Set<T>, TextError> {
    let mut set = Set::EMPTY;
    loop {
        let word = words.clone().word()?;
        let one = name(words, vocabulary)?;
        if set.contains(one) {
            return Err(word.at(Trouble::Twice));
        }
        set = set.with(one);
        if !words.skips_comma() {
            return Ok(set);
        }
    }
}

/// A bit for each kind.
fn kinds(words: &mut Words<'_>) -> Result<u8, TextError> {
    let mut bits = 0;
    loop {
        let word = words.word()?;
        let kind = Kind::ALL.into_iter().find(|kind| kind.name() == word.text);
        let kind = kind.ok_or(word.at(Trouble::UnknownName("kinds")))?;
        if bits & kind.bit() != 0 {
            return Err(word.at(Trouble::Twice));
        }
        bits |= kind.bit();
        if !words.skips_comma() {
            return Ok(bits);
        }
    }
}
