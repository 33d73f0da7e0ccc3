//! The text form of a policy: what people write and review.
//!
//! ```text
//! authority corporate
//! version   7
//! over      record, transcribe in de                    # its scope; without this line: everything
//! permit    join, speak for human, agent with posture managed
//! permit    record by recording with consent recording oblige notify, watermark
//! deny      any on video below posture hardened
//! deny      transcribe without consent recording
//! keep      audio, video within de, fr                  # where data of these streams may go
//! set       lease 10000                                 # what is configured, see Settings
//! ```
//!
//! A statement a line; names are the vocabulary's; `#` begins a comment. What can be said of a rule or a scope:
//!
//! | clause | holds if |
//! |---|---|
//! | `for` human, device, service, agent | the actor is one of these |
//! | `on` modalities | it is about one of these streams |
//! | `by` functions | one of these functions does it |
//! | `in` regions | the actor is in one of these; of a deny and of a scope also: nobody knows where it is; of a scope also: it goes there |
//! | `with consent` names | everybody concerned consents to all of these |
//! | `without consent` name | somebody does not consent to this |
//! | `with posture`, `below posture` level | the actor's posture is at least, or less than this |
//! | `with provenance`, `below provenance` level | the same of the computation: none, stated, verified |
//! | `oblige` names | (permits only) what has to be done with it |
//! | `own` | (scopes only) the actor is a participant of this authority |

use sha2::{Digest as _, Sha256};

use super::rule::{Conditions, Effect, Facts, Kind, Provenance, Rule};
use super::settings::Setting;
use crate::text::{Line, Lines, TextError, Trouble, Word, Words, visible};
use crate::vocabulary::{Authority, Listed, Modality, Obligation, Posture, Region, Set, Vocabulary};

/// What an authority is asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
        visible(text)?;
        let mut lines = Lines::of(text);
        let scope = Self::of(&mut Words::of(lines.next().ok_or(NOTHING)?), vocabulary)?;
        match lines.next() {
            None => Ok(scope),
            Some(line) => Err(Words::of(line).word()?.at(Trouble::UnknownStatement)),
        }
    }

    fn of(words: &mut Words<'_>, vocabulary: &Vocabulary<'_>) -> Result<Self, TextError> {
        let first = words.clone().word()?;
        let mut said = Clauses::default();
        said.read(words, vocabulary, Place::Scope)?;
        // Else an authority would be there, and asked about nothing.
        let scope = Self { conditions: said.conditions, own: said.own };
        if scope.conditions.can_hold() { Ok(scope) } else { Err(first.at(Trouble::NeverMatches)) }
    }

    /// Whether facts lie in the scope beyond doubt: what a delegation is about. Where nobody knows, it is about nothing.
    #[must_use]
    pub fn contains(&self, facts: &Facts, authority: Authority) -> bool {
        let here = self.conditions.regions.is_none_or(|regions| regions.covers(facts.goes));
        (!self.own || facts.home == Some(authority)) && here && self.conditions.hold(facts)
    }

    /// The scope in a hash: every field in a fixed form.
    pub(crate) fn hashed(&self, hash: Sha256) -> Sha256 {
        fn bits<T>(set: Option<Set<T>>) -> [u8; 5] {
            let [a, b, c, d] = set.unwrap_or_default().bits().to_be_bytes();
            [u8::from(set.is_some()), a, b, c, d]
        }
        let Conditions {
            actions,
            kinds,
            modalities,
            functions,
            regions,
            with_consents,
            without_consents,
            postures,
            provenances,
        } = self.conditions;
        hash.chain_update(actions.bits().to_be_bytes())
            .chain_update(bits(modalities))
            .chain_update(bits(functions))
            .chain_update(bits(regions))
            .chain_update(with_consents.bits().to_be_bytes())
            .chain_update(without_consents.bits().to_be_bytes())
            .chain_update([kinds, postures, provenances, u8::from(self.own)])
    }

    /// Whether facts lie, or may lie, in the scope of this authority: then it is asked.
    #[must_use]
    pub fn holds(&self, facts: &Facts, authority: Authority) -> bool {
        // Law applies where somebody is, and where something goes; whoever might be there is there.
        let here = self.conditions.regions.is_none_or(|regions| {
            facts.region.is_none_or(|region| regions.contains(region)) || !regions.and(facts.goes).is_empty()
        });
        let elsewhere = Conditions { regions: None, ..self.conditions };
        (!self.own || facts.home == Some(authority)) && here && elsewhere.hold(facts)
    }
}

/// A statement.
#[derive(Clone, Copy, Debug)]
pub(super) enum Statement {
    Rule(Rule),
    Keep { modalities: Set<Modality>, regions: Set<Region> },
    Set(Setting, u32),
}

/// The first two or three lines.
#[derive(Clone, Copy, Debug)]
pub(super) struct Head {
    pub authority: Authority,
    pub version: u32,
    pub scope: Scope,
}

const NOTHING: TextError = TextError { line: 1, column: 1, trouble: Trouble::Missing };

/// Reads what stands in front of the rules.
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
            scope = Scope::of(&mut words, vocabulary)?;
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
    let effect = match word.text {
        "permit" => Effect::Permit,
        "deny" => Effect::Deny,
        "keep" => {
            let modalities = if next_is_any(&mut words)? { Set::ALL } else { set(&mut words, vocabulary)? };
            keyword(&mut words, "within")?;
            let regions = set(&mut words, vocabulary)?;
            over(&mut words)?;
            return Ok(Some((word, Statement::Keep { modalities, regions })));
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
    let mut said = Clauses::default();
    said.read(&mut words, vocabulary, if effect == Effect::Permit { Place::Permit } else { Place::Deny })?;
    let Clauses { conditions, obligations, .. } = said;
    if !conditions.can_hold() {
        return Err(word.at(Trouble::NeverMatches));
    }
    Ok(Some((word, Statement::Rule(Rule { effect, conditions, obligations, line: word.line() }))))
}

/// Where clauses stand.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Permit,
    Deny,
    Scope,
}

/// What clauses say.
struct Clauses<'t> {
    conditions: Conditions,
    obligations: Set<Obligation>,
    own: bool,
    /// Those that may stand once, and did.
    seen: heapless::Vec<&'t str, 8>,
}

impl Default for Clauses<'_> {
    fn default() -> Self {
        let seen = heapless::Vec::new();
        Self { conditions: Conditions::ANY, obligations: Set::EMPTY, own: false, seen }
    }
}

impl<'t> Clauses<'t> {
    /// Reads actions, then clauses.
    fn read(&mut self, words: &mut Words<'t>, vocabulary: &Vocabulary<'_>, place: Place) -> Result<(), TextError> {
        if !next_is_any(words)? {
            self.conditions.actions = set(words, vocabulary)?;
        }
        while !words.is_over() {
            let clause = words.word()?;
            match clause.text {
                "for" => self.conditions.kinds = kinds(words)?,
                "on" => self.conditions.modalities = Some(set(words, vocabulary)?),
                "by" => self.conditions.functions = Some(set(words, vocabulary)?),
                "in" => self.conditions.regions = Some(set(words, vocabulary)?),
                "oblige" if place == Place::Permit => self.obligations = set(words, vocabulary)?,
                "own" if place == Place::Scope => self.own = true,
                "with" | "below" | "without" => {
                    self.level(&clause, words, vocabulary)?;
                    // These may stand several times, if they say something each time.
                    continue;
                }
                _ => return Err(clause.at(Trouble::UnknownClause)),
            }
            self.once(&clause, clause.text)?;
        }
        Ok(())
    }

    fn level(
        &mut self,
        clause: &Word<'t>,
        words: &mut Words<'t>,
        vocabulary: &Vocabulary<'_>,
    ) -> Result<(), TextError> {
        let what = words.word()?;
        let before = self.conditions;
        match (clause.text, what.text) {
            ("with", "consent") => {
                let consents = set(words, vocabulary)?;
                self.conditions.with_consents = self.conditions.with_consents.or(consents);
            }
            ("without", "consent") => {
                let one = name(words, vocabulary)?;
                if words.skips_comma() {
                    return Err(what.at(Trouble::OneAtATime));
                }
                self.once(clause, "without")?;
                self.conditions.without_consents = Set::one(one);
            }
            ("with" | "below", "posture") => {
                let Posture(level) = name(words, vocabulary)?;
                self.conditions.postures &= at_least_or_below(clause.text == "with", level);
            }
            ("with" | "below", "provenance") => {
                let level = words.word()?;
                let found = (0..).zip(Provenance::ALL).find(|(_, one)| one.name() == level.text);
                let (level, _) = found.ok_or(level.at(Trouble::UnknownName))?;
                self.conditions.provenances &= at_least_or_below(clause.text == "with", level);
            }
            _ => return Err(what.at(Trouble::UnknownClause)),
        }
        if self.conditions == before { Err(clause.at(Trouble::NoEffect)) } else { Ok(()) }
    }

    fn once(&mut self, clause: &Word<'t>, what: &'t str) -> Result<(), TextError> {
        let twice = clause.at(Trouble::Twice);
        if self.seen.contains(&what) { Err(twice) } else { self.seen.push(what).map_err(|_| twice) }
    }
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
    vocabulary.find(word.text).ok_or(word.at(Trouble::UnknownName))
}

fn set<T: Listed>(words: &mut Words<'_>, vocabulary: &Vocabulary<'_>) -> Result<Set<T>, TextError> {
    let mut set = Set::EMPTY;
    loop {
        let word = words.word()?;
        let one = vocabulary.find(word.text).ok_or(word.at(Trouble::UnknownName))?;
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
        let kind = Kind::ALL.into_iter().find(|kind| kind.name() == word.text).ok_or(word.at(Trouble::UnknownName))?;
        if bits & kind.bit() != 0 {
            return Err(word.at(Trouble::Twice));
        }
        bits |= kind.bit();
        if !words.skips_comma() {
            return Ok(bits);
        }
    }
}
