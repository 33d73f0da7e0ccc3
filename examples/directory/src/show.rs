//! A run, for people and for machines.

use serde_json::{Value, json};

use crate::demo::{Mark, Report, Row, Verdict};

/// One line of the timeline.
#[must_use]
pub fn line(mark: &Mark) -> String {
    let sign = match mark.holds {
        Some(true) => '✔',
        Some(false) => '✘',
        None => ' ',
    };
    let ahead = if mark.ahead > 0 { format!("+{:>3} min", mark.ahead) } else { " ".repeat(8) };
    format!("{:>6}.{} s {ahead}  {sign} {}", mark.at / 1_000, mark.at % 1_000 / 100, mark.what)
}

/// Which nodes hold which binding and which verdict.
#[must_use]
pub fn table(report: &Report) -> String {
    let mut text = String::from("\nWhich nodes hold which binding. A column for each node.\n");
    text += "● responsible and has it   ○ has it besides   ! responsible and lacks it   × stopped\n\n";
    text += "agent  generation  tickets  copies\n";
    for Row { agent, generation, tickets, copies, signs } in &report.rows {
        text += &format!("{agent:>5}  {generation:>10}  {tickets:>7}  {copies:>6}  {signs}\n");
    }
    text += "\nWhich nodes hold which verdict.\n\nkey     verdict          copies\n";
    for Verdict { accused, outcome, copies, signs } in &report.verdicts {
        text += &format!("{accused:<6}  {outcome:<15}  {copies:>6}  {signs}\n");
    }
    text
}

/// The last line.
#[must_use]
pub fn verdict(report: &Report) -> String {
    let (checks, failed) = counts(report);
    let (taken, refused) = (report.taken, report.refused);
    let end = if failed == 0 { "Everything is as it must be" } else { "NOT as it must be" };
    format!(
        "\n{end}: {} of {checks} checks hold. Nodes took {taken} records from the DHT and refused {refused}. Seed {}.",
        checks - failed,
        report.size.seed
    )
}

fn counts(report: &Report) -> (usize, usize) {
    let checks = report.marks.iter().filter(|mark| mark.holds.is_some()).count();
    (checks, report.marks.iter().filter(|mark| mark.holds == Some(false)).count())
}

/// The whole run.
#[must_use]
pub fn json(report: &Report) -> Value {
    let marks: Vec<Value> = report
        .marks
        .iter()
        .map(|mark| json!({ "ms": mark.at, "minutes_ahead": mark.ahead, "what": mark.what, "holds": mark.holds }))
        .collect();
    let rows: Vec<Value> = report
        .rows
        .iter()
        .map(
            |Row { agent, generation, tickets, copies, signs }| {
                json!({ "agent": agent, "generation": generation, "tickets": tickets, "copies": copies, "nodes": signs })
            },
        )
        .collect();
    let verdicts: Vec<Value> = report
        .verdicts
        .iter()
        .map(|Verdict { accused, outcome, copies, signs }| {
            json!({ "accused": accused, "outcome": outcome, "copies": copies, "nodes": signs })
        })
        .collect();
    let (checks, failed) = counts(report);
    json!({
        "seed": report.size.seed, "nodes": report.size.nodes, "agents": report.size.agents,
        "sound": report.is_sound(), "checks": checks, "failed": failed,
        "taken": report.taken, "refused": report.refused, "timeline": marks, "holders": rows, "verdicts": verdicts,
    })
}
