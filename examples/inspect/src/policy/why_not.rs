//! What is missing for a permit: for each authority that does not permit something, the rules that come nearest to
//! permitting it.

use std::io::Write;

use anyhow::Result;
use interaction_gov::policy::{Conditions, Effect, Facts, Kind, On, Provenance, Rule, Test};
use interaction_gov::vocabulary::{Listed, Posture, Set, Vocabulary};
use serde_json::{Value, json};

use super::Policies;
use super::question::{Judgement, Question, Said, Voice};
use super::table::article;
use crate::names::{name, names};

/// The most rules that are listed for one authority.
const FEW: usize = 3;

/// What would change an authority's answer.
pub struct Missing {
    authority: String,
    /// The place of a rule and its words.
    place: String,
    /// How that rule would permit it, or would no longer deny it; each clause is needed.
    clauses: Vec<String>,
    permits: bool,
}

/// Of each authority that does not permit it, what is missing.
pub fn missing(judgement: &Judgement<'_>, question: &Question, policies: &Policies<'_>) -> Vec<Missing> {
    let of = |voice: &Voice<'_>| match voice.said {
        Said::Permit | Said::NotAsked => Vec::new(),
        Said::NoRule => nearest(voice, question, policies.vocabulary),
        Said::Deny | Said::Residency => hindrance(voice, question, policies.vocabulary).into_iter().collect(),
    };
    judgement.voices.iter().flat_map(of).collect()
}

/// The permits for which the least is missing.
fn nearest(voice: &Voice<'_>, question: &Question, vocabulary: &Vocabulary<'_>) -> Vec<Missing> {
    let about = |rule: &Rule| rule.effect == Effect::Permit && rule.conditions.actions.contains(question.facts.action);
    let mut found: Vec<Missing> = rules(voice)
        .filter(about)
        .map(|rule| Missing {
            authority: voice.part.name.to_owned(),
            place: format!("{}: {}", voice.part.place(rule.line), voice.part.quote(rule.line)),
            clauses: clauses(&rule.conditions, &question.facts, vocabulary, false),
            permits: true,
        })
        .collect();
    found.sort_by_key(|missing| missing.clauses.len());
    let least = found.first().map_or(0, |missing| missing.clauses.len());
    found.retain(|missing| missing.clauses.len() == least);
    found.truncate(FEW);
    found
}

/// The rule that forbids it, and what would make that rule no longer apply.
fn hindrance(voice: &Voice<'_>, question: &Question, vocabulary: &Vocabulary<'_>) -> Option<Missing> {
    let line = voice.line?;
    let rule = rules(voice).find(|rule| rule.line == line)?;
    let mut clauses = clauses(&rule.conditions, &question.facts, vocabulary, true);
    if rule.effect == Effect::Keep {
        clauses.push(format!("data go nowhere but {}", names(vocabulary, rule.within).join(", ")));
    }
    let place = format!("{}: {}", voice.part.place(line), voice.part.quote(line));
    Some(Missing { authority: voice.part.name.to_owned(), place, clauses, permits: false })
}

fn rules<'p>(voice: &Voice<'p>) -> impl Iterator<Item = Rule> + use<'p> {
    let part = voice.part;
    part.alone.members().iter().flat_map(|member| part.alone.rules_of(member))
}

/// Each clause that fails, in words that say what would be needed; or, the other way round, what would make each clause that
/// is said fail.
fn clauses(conditions: &Conditions, facts: &Facts, vocabulary: &Vocabulary<'_>, contrary: bool) -> Vec<String> {
    let mut words = Vec::new();
    let mut clause = |said: bool, holds: bool, needed: String, otherwise: String| {
        if contrary && said {
            words.push(otherwise);
        } else if !contrary && !holds {
            words.push(needed);
        }
    };
    let kinds: Vec<_> = Kind::ALL.into_iter().filter(|kind| conditions.has_kind(*kind)).map(Kind::name).collect();
    let others: Vec<_> = Kind::ALL.into_iter().filter(|kind| !conditions.has_kind(*kind)).map(Kind::name).collect();
    let kind = |kinds: &[&str]| {
        format!("the actor is {}", kinds.iter().copied().map(article).collect::<Vec<_>>().join(" or "))
    };
    clause(!others.is_empty(), conditions.has_kind(facts.kind), kind(&kinds), kind(&others));
    if let Some(these) = conditions.roles {
        let holds = !these.and(facts.roles).is_empty();
        let word = either(vocabulary, these);
        clause(true, holds, format!("the actor is there as {word}"), format!("the actor is not there as {word}"));
    }
    if let Some(these) = conditions.modalities {
        let holds = facts.on.stream().is_some_and(|one| these.contains(one)) || (contrary && facts.on == On::Unsaid);
        let word = either(vocabulary, these);
        clause(true, holds, format!("on {word}"), format!("on no stream of {word}, and said so"));
    }
    if let Some(these) = conditions.functions {
        let holds = facts.function.is_some_and(|one| these.contains(one));
        let word = either(vocabulary, these);
        clause(true, holds, format!("by {word}"), format!("not by {word}"));
    }
    if let Some(these) = conditions.regions {
        let word = either(vocabulary, these);
        let nobody = format!("nobody whose data it carries is in {word}, or may be");
        clause(true, these.covers(facts.law), format!("all whose data it carries are in {word}"), nobody);
    }
    for test in conditions.tests() {
        clause(true, test.holds(facts), of_test(test, true, vocabulary), of_test(test, false, vocabulary));
    }
    let levels = (0..4).map(Posture);
    let level = |wanted: bool| levels.clone().filter(|one| conditions.has_posture(*one) == wanted).collect::<Vec<_>>();
    let levels_of = |wanted: bool| {
        let there = level(wanted).into_iter().filter(|one| usize::from(one.0) < Posture::list(vocabulary).len());
        there.map(|one| name(vocabulary, one)).collect::<Vec<_>>().join(" or ")
    };
    let said = !level(false).is_empty();
    let posture = |wanted: bool| format!("posture {}", levels_of(wanted));
    clause(said, conditions.has_posture(facts.posture), posture(true), posture(false));
    let provenance = |wanted: bool| {
        let levels = Provenance::ALL.into_iter().filter(|one| conditions.has_provenance(*one) == wanted);
        format!("provenance {}", levels.map(Provenance::name).collect::<Vec<_>>().join(" or "))
    };
    let said = Provenance::ALL.into_iter().any(|one| !conditions.has_provenance(one));
    clause(said, conditions.has_provenance(facts.provenance), provenance(true), provenance(false));
    words
}

fn of_test(test: Test, holds: bool, vocabulary: &Vocabulary<'_>) -> String {
    let clock = |minutes: u16| format!("{:02}{:02}", minutes / 60, minutes % 60);
    let with = |holds: bool| if holds { "with" } else { "without" };
    match test {
        Test::With(whose, consent) => format!("{} {} {}", with(holds), whose.name(), name(vocabulary, consent)),
        Test::Without(whose, consent) => format!("{} {} {}", with(!holds), whose.name(), name(vocabulary, consent)),
        Test::Present(role) => format!("{} a {} who is there", with(holds), name(vocabulary, role)),
        Test::Absent(role) => format!("{} a {} who is there", with(!holds), name(vocabulary, role)),
        Test::Hours(from, to) if holds => format!("from {} to {}", clock(from), clock(to)),
        Test::Hours(from, to) => format!("from {} to {}", clock(to), clock(from)),
    }
}

fn either<T: Listed>(vocabulary: &Vocabulary<'_>, set: Set<T>) -> String {
    names(vocabulary, set).join(" or ")
}

/// For people.
pub fn explain(missing: &[Missing], out: &mut impl Write) -> Result<()> {
    for Missing { authority, place, clauses, permits } in missing {
        let then = if *permits { "would permit it, if besides" } else { "would not deny it, if instead" };
        writeln!(out, "\n{authority} {then}\n  {place}")?;
        let join = if *permits { "and" } else { "or" };
        for (at, clause) in clauses.iter().enumerate() {
            writeln!(out, "    {:<3} {clause}", if at == 0 { "" } else { join })?;
        }
        if clauses.is_empty() {
            writeln!(out, "    (nothing: it is about every such question)")?;
        }
    }
    Ok(())
}

/// For machines.
pub fn object(missing: &[Missing]) -> Value {
    missing
        .iter()
        .map(|Missing { authority, place, clauses, permits }| {
            let kind = if *permits { "all" } else { "any" };
            json!({ "authority": authority, "rule": place, "needs": kind, "clauses": clauses })
        })
        .collect()
}
