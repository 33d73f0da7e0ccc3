//! The measurement as a table for people.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use crate::Footprint;
use crate::budget::{BUDGETS, Budget, STEPS, What};
use crate::image::Image;

/// `12,345`.
#[must_use]
pub fn grouped(number: u32) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn cell(number: Option<u32>) -> String {
    number.map_or_else(|| "-".to_owned(), grouped)
}

/// Whether a measurement is within its budget, and whether it has come to its goal.
fn mark(measured: Option<u32>, budget: &Budget) -> &'static str {
    match (measured, budget.goal) {
        (None, _) => "",
        (Some(measured), _) if measured > budget.limit => "OVER BUDGET",
        (Some(measured), _) if measured < budget.limit / 10 * 9 => "lower the budget",
        (Some(measured), Some(goal)) if measured <= goal => "goal met",
        (Some(_), Some(_)) => "above the goal",
        (Some(_), None) => "",
    }
}

fn rows(
    text: &mut String,
    footprint: &Footprint,
    title: &str,
    of: impl Fn(&What) -> Option<String>,
    cost: impl Fn(&str, What) -> Option<u32>,
) {
    let suites: Vec<_> = footprint.run.iter().flat_map(|run| run.steps.keys()).collect();
    let _ = write!(text, "\n{title:<32}");
    for suite in &suites {
        let _ = write!(text, "{suite:>19}");
    }
    let _ = writeln!(text, "{:>12}{:>10}", "budget", "goal");
    for budget in &BUDGETS {
        let Some(name) = of(&budget.what) else { continue };
        let _ = write!(text, "  {name:<30}");
        for suite in &suites {
            let _ = write!(text, "{:>19}", cell(cost(suite, budget.what)));
        }
        let (limit, goal) = (grouped(budget.limit), cell(budget.goal));
        let _ = writeln!(text, "{limit:>12}{goal:>10}  {}", mark(budget.what.of(footprint), budget));
    }
}

fn title(step: &str) -> Option<String> {
    STEPS.iter().find(|known| known.name == step).map(|known| known.title.to_owned())
}

/// The whole table.
#[must_use]
pub fn table(footprint: &Footprint) -> String {
    let mut text = String::new();
    let cost = |suite: &str, step: &str| footprint.run.as_ref()?.steps.get(suite)?.get(step).copied();
    if footprint.run.is_some() {
        let of = |what: &What| if let What::Stack(step) = what { title(step) } else { None };
        let stack =
            |suite: &str, what| if let What::Stack(step) = what { Some(cost(suite, step)?.stack) } else { None };
        rows(&mut text, footprint, "Peak stack, bytes", of, stack);
        let of = |what: &What| if let What::Instructions(step) = what { title(step) } else { None };
        let count = |suite: &str, what| {
            if let What::Instructions(step) = what { Some(cost(suite, step)?.instructions) } else { None }
        };
        rows(&mut text, footprint, "Instructions, approximately", of, count);
    }
    let _ = writeln!(text, "\n{:<32}{:>19}{:>12}{:>10}", "Memory, bytes", "", "budget", "goal");
    for budget in &BUDGETS {
        let name = match budget.what {
            What::Flash => "flash: code and constants",
            What::Ram => "RAM: both sides, without stack",
            What::SessionFixed => "a session besides LOG, FRAMES",
            What::SessionWithoutAes => "the same without AES",
            What::SessionFrame => "a session for each of FRAMES",
            What::Stack(_) | What::Instructions(_) => continue,
        };
        let measured = budget.what.of(footprint);
        let (limit, goal) = (grouped(budget.limit), cell(budget.goal));
        let _ = writeln!(text, "  {name:<30}{:>19}{limit:>12}{goal:>10}  {}", cell(measured), mark(measured, budget));
    }
    for (section, bytes) in &footprint.image {
        let _ = writeln!(text, "    {:<28}{:>19}", format!("{section:?}").to_lowercase(), grouped(*bytes));
    }
    if let Some(run) = &footprint.run {
        for (what, bytes) in run.sizes.iter().filter(|(what, _)| !["log", "frames"].contains(&what.as_str())) {
            let _ = writeln!(text, "    {what:<28}{:>19}", grouped(*bytes));
        }
    }
    text + &crates(&footprint.code)
}

/// Code by crate.
#[must_use]
pub fn crates(code: &BTreeMap<String, u32>) -> String {
    let mut text = String::from("\nCode by crate, bytes\n");
    let mut crates: Vec<_> = code.iter().collect();
    crates.sort_by_key(|(_, bytes)| std::cmp::Reverse(**bytes));
    for (name, bytes) in crates {
        let _ = writeln!(text, "  {name:<30}{:>19}", grouped(*bytes));
    }
    text
}

/// Where the flash goes: code by module, and the largest functions and constants.
///
/// # Errors
/// The image is malformed.
pub fn flash(image: &Image, number: usize) -> anyhow::Result<String> {
    let mut text = String::from("Code by module, bytes and functions\n");
    let modules = image.code_by_module()?;
    let mut modules: Vec<_> = modules.iter().collect();
    modules.sort_by_key(|(_, (bytes, _))| std::cmp::Reverse(*bytes));
    for (name, (bytes, functions)) in modules {
        let _ = writeln!(text, "{:>8} {functions:>5}  {name}", grouped(*bytes));
    }
    let code = image.code()?;
    let mut functions: Vec<_> = code.functions().collect();
    functions.sort_by_key(|function| std::cmp::Reverse(function.size));
    let _ = writeln!(text, "\nThe largest functions, bytes, with what is inlined into them");
    for function in functions.into_iter().take(number) {
        let _ = writeln!(text, "{:>8}  {}", grouped(function.size), function.name);
    }
    let _ = writeln!(text, "\nThe largest constants, bytes");
    for (name, bytes) in image.constants(8)? {
        let _ = writeln!(text, "{:>8}  {name}", grouped(bytes));
    }
    Ok(text)
}

/// Where the stack goes: the largest frames, and the deepest chain of calls from each of these functions.
///
/// # Errors
/// The image is malformed.
pub fn frames(image: &Image, roots: &[String], number: usize) -> anyhow::Result<String> {
    let code = image.code()?;
    let mut text = String::from("\nThe largest frames, bytes\n");
    for function in code.largest(number) {
        let _ = writeln!(text, "{:>8}  {}", grouped(function.frame), function.name);
    }
    let _ = writeln!(text, "\nThe largest constants, bytes");
    for (name, bytes) in image.constants(number)? {
        let _ = writeln!(text, "{:>8}  {name}", grouped(bytes));
    }
    let of_steps: BTreeSet<_> = STEPS.iter().flat_map(|step| step.functions).copied().collect();
    for root in of_steps.into_iter().chain(roots.iter().map(String::as_str)) {
        let Some(chain) = code.deepest(root) else { continue };
        let _ = writeln!(text, "\nThe deepest chain of {root}: {} bytes", grouped(chain.bytes));
        for (name, frame) in chain.frames {
            let _ = writeln!(text, "{:>8}  {name}", grouped(frame));
        }
    }
    Ok(text)
}
