//! A question, asked of every kind of participant, by every function and on every stream.

use std::io::Write;

use anyhow::Result;
use interaction_gov::policy::{Facts, Kind, On};
use interaction_gov::vocabulary::{Function, Modality};
use serde_json::json;

use super::Policies;
use super::question::{Given, Judgement, Question, Said};
use crate::names::name;

/// The answers.
pub struct Table<'p> {
    question: Question,
    policies: &'p Policies<'p>,
    kinds: Vec<Kind>,
    rows: Vec<Row<'p>>,
}

/// By a function and on a stream: an answer for each kind.
struct Row<'p> {
    function: Option<Function>,
    modality: Option<Modality>,
    cells: Vec<Judgement<'p>>,
}

impl<'p> Table<'p> {
    /// Asks every question of the table. A kind, function or stream that was given does not vary.
    pub fn of(given: &Given, question: &Question, policies: &'p Policies<'p>) -> Self {
        let facts = question.facts;
        let kinds = given.kind.map_or(Kind::ALL.to_vec(), |kind| vec![kind]);
        let functions: Vec<_> = match &given.by {
            Some(_) => vec![facts.function],
            None => [None].into_iter().chain(policies.vocabulary.all().map(|(one, _)| Some(one))).collect(),
        };
        let modalities: Vec<_> = match &given.on {
            Some(_) => vec![facts.on.stream()],
            None => [None].into_iter().chain(policies.vocabulary.all().map(|(one, _)| Some(one))).collect(),
        };
        let row = |function, modality: Option<Modality>| {
            let cell = |kind: &Kind| {
                let on = modality.map_or(On::Nothing, On::Stream);
                let facts = Facts { function, on, kind: *kind, ..facts };
                Question { facts }.judge(policies)
            };
            Row { function, modality, cells: kinds.iter().map(cell).collect() }
        };
        let pairs = functions.iter().flat_map(|function| modalities.iter().map(move |modality| (*function, *modality)));
        let rows = pairs.map(|(function, modality)| row(function, modality)).collect();
        Self { question: *question, policies, kinds, rows }
    }

    /// Rows for people: equal rows are merged, and the deciding lines are printed once, below.
    pub fn print(&self, out: &mut impl Write) -> Result<()> {
        let vocabulary = self.policies.vocabulary;
        let mut reasons: Vec<String> = Vec::new();
        // Merges the streams that have the same answers by one function, then the functions that have the same answers
        // for the same streams.
        let mut merged: Vec<(Vec<String>, Vec<Streams>)> = Vec::new();
        for rows in self.rows.chunk_by(|one, next| one.function == next.function) {
            let mut streams: Vec<Streams> = Vec::new();
            for row in rows {
                let cells: Vec<_> = row.cells.iter().map(|cell| self.cell(cell, &mut reasons)).collect();
                let modality = row.modality.map_or("none".into(), |modality| name(vocabulary, modality));
                match streams.iter_mut().find(|streams| streams.cells == cells) {
                    Some(streams) => streams.names.push(modality),
                    None => streams.push(Streams { names: vec![modality], cells }),
                }
            }
            let function = rows.first().and_then(|row| row.function).map(|function| name(vocabulary, function));
            let function = function.unwrap_or("none".into());
            match merged.iter_mut().find(|(_, known)| *known == streams) {
                Some((functions, _)) => functions.push(function),
                None => merged.push((vec![function], streams)),
            }
        }
        let heading = ["by", "on"].into_iter().chain(self.kinds.iter().map(|kind| kind.name())).map(str::to_owned);
        let mut lines: Vec<Vec<String>> = vec![heading.collect()];
        let none = || std::iter::once("none".to_owned());
        let all_functions: Vec<_> = none().chain(vocabulary.all::<Function>().map(|(_, name)| name.into())).collect();
        let all_streams: Vec<_> = none().chain(vocabulary.all::<Modality>().map(|(_, name)| name.into())).collect();
        for (functions, streams) in merged {
            for Streams { names, cells } in streams {
                lines.push(
                    [listed(&functions, &all_functions), listed(&names, &all_streams)]
                        .into_iter()
                        .chain(cells)
                        .collect(),
                );
            }
        }
        writeln!(out, "who may {}?", vocabulary.name(self.question.facts.action))?;
        writeln!(out, "  {}\n", self.question.circumstances(self.policies))?;
        print_columns("  ", &lines, out)?;
        writeln!(out)?;
        for (number, reason) in (1..).zip(reasons) {
            writeln!(out, "  [{number}] {reason}")?;
        }
        Ok(())
    }

    /// `permit [1] [2]`, and the reasons in a list of all.
    fn cell(&self, cell: &Judgement<'_>, reasons: &mut Vec<String>) -> String {
        let mut text = if cell.together == Said::Permit { "permit" } else { "deny" }.to_owned();
        for reason in cell.reasons(self.policies) {
            let number = reasons.iter().position(|known| *known == reason).unwrap_or_else(|| {
                reasons.push(reason);
                reasons.len() - 1
            });
            text += &format!(" [{}]", number + 1);
        }
        text
    }

    /// One object, with every answer.
    pub fn objects(&self, out: &mut impl Write) -> Result<()> {
        let vocabulary = self.policies.vocabulary;
        let cells: Vec<_> = self
            .rows
            .iter()
            .flat_map(|row| self.kinds.iter().zip(&row.cells).map(move |(kind, cell)| (row, kind, cell)))
            .map(|(row, kind, cell)| {
                json!({
                    "kind": kind.name(),
                    "by": row.function.map(|function| vocabulary.name(function)),
                    "on": row.modality.map(|modality| vocabulary.name(modality)),
                    "permitted": cell.together == Said::Permit,
                    "said": cell.together.word(),
                    "why": cell.reasons(self.policies),
                })
            })
            .collect();
        let object = json!({ "ok": true, "question": self.question.object(self.policies), "cells": cells });
        writeln!(out, "{object}")?;
        Ok(())
    }
}

/// Names in few words. `all` begins with `none`.
fn listed(names: &[String], all: &[String]) -> String {
    let others: Vec<_> = all.iter().filter(|name| !names.contains(name)).cloned().collect();
    match others.len() {
        0 if all.len() > 1 => "any or none".into(),
        // The names that are left out are listed instead, if they are fewer.
        few if names.first() == all.first() && few * 2 <= names.len() && few > 0 && names.len() > 3 => {
            format!("any or none but {}", others.join(", "))
        }
        _ => names.join(", "),
    }
}

/// Streams with the same answers.
#[derive(PartialEq, Eq)]
struct Streams {
    names: Vec<String>,
    cells: Vec<String>,
}

/// Cells below each other.
pub fn print_columns(indent: &str, lines: &[Vec<String>], out: &mut impl Write) -> Result<()> {
    let columns = lines.first().map_or(0, Vec::len);
    let width = |column| lines.iter().filter_map(|line| line.get(column)).map(String::len).max().unwrap_or_default();
    let widths: Vec<usize> = (0..columns).map(width).collect();
    for line in lines {
        let cells: Vec<_> = line.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        writeln!(out, "{indent}{}", cells.join("  ").trim_end())?;
    }
    Ok(())
}

/// `an agent`.
pub fn article(noun: &str) -> String {
    let article = if noun.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" };
    format!("{article} {noun}")
}
