//! One question, for every place of those whose data it carries and with every consent: what another place or another
//! consent would change.

use std::io::Write;

use anyhow::Result;
use interaction_gov::policy::{Consents, Facts};
use interaction_gov::vocabulary::{Consent, Region, Set};
use serde_json::json;

use super::Policies;
use super::question::{Question, Said};
use super::table::print_columns;
use crate::names::{name, names};

/// Answers: a row for each place, a column for each consent of all persons, and for all of them.
///
/// # Errors
///
/// An output that cannot be written.
pub fn answer(question: &Question, policies: &Policies<'_>, json: bool, out: &mut impl Write) -> Result<()> {
    let vocabulary = policies.vocabulary;
    let every: Vec<Consent> = vocabulary.all().map(|(consent, _)| consent).collect();
    let mut columns: Vec<Set<Consent>> = vec![Set::EMPTY];
    columns.extend(every.iter().map(|one| Set::one(*one)));
    if every.len() > 1 {
        columns.push(every.iter().copied().collect());
    }
    let places: Vec<Region> = vocabulary.all().map(|(region, _)| region).chain([Region::UNKNOWN]).collect();
    let judge = |region: Region, consents: Set<Consent>| {
        let facts = Facts { law: Set::one(region), consents: Consents::everybody(consents), ..question.facts };
        Question { facts }.judge(policies)
    };
    if json {
        let cells = places.iter().flat_map(|region| columns.iter().map(|consents| (*region, *consents)));
        let cells: Vec<_> = cells
            .map(|(region, consents)| {
                let judgement = judge(region, consents);
                json!({
                    "in": (region != Region::UNKNOWN).then(|| name(vocabulary, region)),
                    "consents": names(vocabulary, consents),
                    "permitted": judgement.together == Said::Permit,
                    "said": judgement.together.word(),
                    "obliges_to": names(vocabulary, judgement.obligations()),
                    "why": judgement.reasons(policies),
                })
            })
            .collect();
        writeln!(out, "{}", json!({ "ok": true, "question": question.object(policies), "cells": cells }))?;
        return Ok(());
    }
    let mut reasons: Vec<String> = Vec::new();
    let mut number = |reason: String| {
        let at = reasons.iter().position(|known| *known == reason).unwrap_or_else(|| {
            reasons.push(reason);
            reasons.len() - 1
        });
        format!(" [{}]", at + 1)
    };
    let heading = |consents: &Set<Consent>| match names(vocabulary, *consents) {
        none if none.is_empty() => "no consent".to_owned(),
        some if some.len() > 1 => "all consents".to_owned(),
        one => one.concat(),
    };
    let mut lines = vec![[vec!["in".to_owned()], columns.iter().map(heading).collect()].concat()];
    for region in &places {
        let mut line = vec![name(vocabulary, *region)];
        for consents in &columns {
            let judgement = judge(*region, *consents);
            let said = if judgement.together == Said::Permit { "permit" } else { "deny" };
            let why: String = judgement.reasons(policies).into_iter().map(&mut number).collect();
            line.push(format!("{said}{why}"));
        }
        lines.push(line);
    }
    writeln!(out, "may {}, if instead?\n", question.words(vocabulary))?;
    print_columns("  ", &lines, out)?;
    writeln!(out)?;
    for (number, reason) in (1..).zip(reasons) {
        writeln!(out, "  [{number}] {reason}")?;
    }
    Ok(())
}
