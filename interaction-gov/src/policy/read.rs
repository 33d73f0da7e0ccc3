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
//! ```
//!
//! A statement a line; names are the vocabulary's; `#` begins a comment. What can be said of a rule or a scope:
//!
//! | clause | holds if |
//! |---|---|
//! | `for` human, device, service, agent | the actor is one of these |
//! | `on` modalities | it is about one of these streams |
//! | `by` functions | one of these functions does it |
//! | `in` regions | the actor is in one of these |
//! | `with consent` names | everybody concerned consents to all of these |
//! | `without consent` name | somebody does not consent to this |
//! | `with posture`, `below posture` level | the actor's posture is at least, or less than this |
//! | `with provenance`, `below provenance` level | the same of the computation: none, stated, verified |
//! | `oblige` names | (permits only) what has to be done with it |
//! | `own` | (scopes only) the actor is a participant of this authority |

use super::rule::{Conditions, Effect, Facts, Kind, Provenance, Rule};
use crate::text::{Line, Lines, TextError, Trouble, Word, Words};
use crate::vocabulary::{Authority, Listed, Modality, Posture, Region, Set, Vocabulary};

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
        let line = Lines::of(text).next().ok_or(NOTHING)?;
        let mut scope = Self::ALL;
        let mut words = Words::of(line);
        let first = words.clone().word()?;
        scope.own = clauses(&mut words, vocabulary, &mut scope.conditions, &mut None)?;
        if scope.conditions.can_hold() { Ok(scope) } else { Err(first.at(Trouble::NeverMatches)) }
    }

    /// Whether facts lie in the scope of this authority.
    #[must_use]
    pub fn holds(&self, facts: &Facts, authority: Authority) -> bool {
        (!self.own || facts.home == Some(authority)) && self.conditions.hold(facts)
    }
}

/// A statement.
#[derive(Clone, Copy, Debug)]
pub(super) enum Statement {
    Rule(Rule),
    Keep { modalities: Set<Modality>, regions: Set<Region> },
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
        let over = words.word()?;
        if over.text == "over" {
            scope.own = clauses(&mut words, vocabulary, &mut scope.conditions, &mut None)?;
        }
        // Else an authority would be there, and asked about nothing.
        if !scope.conditions.can_hold() {
            return Err(over.at(Trouble::NeverMatches));
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
        "over" if first => return Ok(None),
        _ => return Err(word.at(Trouble::UnknownStatement)),
    };
    let mut conditions = Conditions::ANY;
    let mut obligations = None;
    let oblige = (effect == Effect::Permit).then_some(&mut obligations);
    match oblige {
        Some(obligations) => {
            *obligations = Some(Set::EMPTY);
            clauses(&mut words, vocabulary, &mut conditions, obligations)?;
        }
        None => {
            clauses(&mut words, vocabulary, &mut conditions, &mut None)?;
        }
    }
    if !conditions.can_hold() {
        return Err(word.at(Trouble::NeverMatches));
    }
    let obligations = obligations.unwrap_or_default();
    Ok(Some((word, Statement::Rule(Rule { effect, conditions, obligations, line: word.line() }))))
}

/// Actions, then clauses. `obligations` is `None` where none may stand. Says whether `own` stood there.
fn clauses(
    words: &mut Words<'_>,
    vocabulary: &Vocabulary<'_>,
    conditions: &mut Conditions,
    obligations: &mut Option<Set<crate::vocabulary::Obligation>>,
) -> Result<bool, TextError> {
    if !next_is_any(words)? {
        conditions.actions = set(words, vocabulary)?;
    }
    let mut own = false;
    while !words.is_over() {
        let clause = words.word()?;
        let unknown = || clause.at(Trouble::UnknownClause);
        match clause.text {
            "for" => {
                let kinds = levels(words, |word| Kind::ALL.into_iter().position(|kind| kind.name() == word))?;
                once(&clause, &mut conditions.kinds, 0xF, kinds)?;
            }
            "on" => once(&clause, &mut conditions.modalities, None, Some(set(words, vocabulary)?))?,
            "by" => once(&clause, &mut conditions.functions, None, Some(set(words, vocabulary)?))?,
            "in" => once(&clause, &mut conditions.regions, None, Some(set(words, vocabulary)?))?,
            "with" | "below" | "without" => {
                let what = words.word()?;
                match (clause.text, what.text) {
                    ("with", "consent") => {
                        conditions.with_consents = conditions.with_consents.or(set(words, vocabulary)?);
                    }
                    ("without", "consent") => {
                        let one = name(words, vocabulary)?;
                        if words.skips_comma() {
                            return Err(what.at(Trouble::OneAtATime));
                        }
                        once(&clause, &mut conditions.without_consents, Set::EMPTY, Set::one(one))?;
                    }
                    ("with" | "below", "posture") => {
                        let Posture(level) = name(words, vocabulary)?;
                        conditions.postures &= at_least_or_below(clause.text == "with", level);
                    }
                    ("with" | "below", "provenance") => {
                        let level = words.word()?;
                        let found = (0..).zip(Provenance::ALL).find(|(_, one)| one.name() == level.text);
                        let (level, _) = found.ok_or(level.at(Trouble::UnknownName))?;
                        conditions.provenances &= at_least_or_below(clause.text == "with", level);
                    }
                    _ => return Err(what.at(Trouble::UnknownClause)),
                }
            }
            "oblige" => {
                let obligations = obligations.as_mut().ok_or_else(unknown)?;
                once(&clause, obligations, Set::EMPTY, set(words, vocabulary)?)?;
            }
            "own" if obligations.is_none() => once(&clause, &mut own, false, true)?,
            _ => return Err(unknown()),
        }
    }
    Ok(own)
}

const fn at_least_or_below(at_least: bool, level: u8) -> u8 {
    let below = match 1_u8.checked_shl(level as u32) {
        Some(bit) => bit - 1,
        None => u8::MAX,
    };
    if at_least { !below } else { below }
}

fn once<T: PartialEq>(clause: &Word<'_>, place: &mut T, unset: T, value: T) -> Result<(), TextError> {
    if *place != unset {
        return Err(clause.at(Trouble::Twice));
    }
    *place = value;
    Ok(())
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

/// A bit for each word of a fixed list.
fn levels(words: &mut Words<'_>, find: impl Fn(&str) -> Option<usize>) -> Result<u8, TextError> {
    let mut bits = 0;
    loop {
        let word = words.word()?;
        let place = find(word.text).ok_or(word.at(Trouble::UnknownName))?;
        bits |= 1_u8.checked_shl(u32::try_from(place).unwrap_or(u32::MAX)).unwrap_or(0);
        if !words.skips_comma() {
            return Ok(bits);
        }
    }
}
