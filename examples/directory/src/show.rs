//! A run, for people and for machines.

use serde_json::{Value, json};

use crate::demo::{Mark, Report};

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

/// Which nodes hold the binding of which agent.
#[must_use]
pub fn table(report: &Report) -> String {
    let mut text = String::from("\nWhich nodes hold which binding. A column for each node.\n");
    text += "● responsible and has it   ○ has it besides   ! responsible and lacks it   × stopped\n\n";
    text += "agent  generation  copies\n";
    for row in &report.rows {
        text += &format!("{:>5}  {:>10}  {:>6}  {}\n", row.agent, row.generation, row.copies, row.signs);
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
            |row| json!({ "agent": row.agent, "generation": row.generation, "copies": row.copies, "nodes": row.signs }),
        )
        .collect();
    let (checks, failed) = counts(report);
    json!({
        "seed": report.size.seed, "nodes": report.size.nodes, "agents": report.size.agents,
        "sound": report.is_sound(), "checks": checks, "failed": failed,
        "taken": report.taken, "refused": report.refused, "timeline": marks, "holders": rows,
    })
}
