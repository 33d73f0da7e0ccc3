//! The state tables of the drafts, as they run.
//!
//! Everything that is shown here is read from the data from which the step functions are generated.

use std::io::{Result, Write};
use std::iter;
use std::sync::LazyLock;

use iacp_core::machine::{Machine, Origin, Row, Symbol};
use iacp_core::tables::MACHINES;
use interaction_gov::lifecycle::{Event, ROWS, State};
use serde::Serialize;

/// The life of an interaction, in the same form.
static INTERACTION: LazyLock<Machine> = LazyLock::new(|| Machine {
    name: "interaction",
    section: "IoE §2.2",
    initial: const { &[State::Created.name()] },
    finals: const { &[State::Terminated.name()] },
    states: symbols_of(State::ALL, State::name, State::meaning),
    events: symbols_of(Event::ALL, Event::name, Event::meaning),
    rows: ROWS
        .iter()
        .map(|(state, event, next)| Row {
            state: state.name(),
            event: event.name(),
            next: next.name(),
            origin: Origin::Ours,
            note: "",
        })
        .collect::<Vec<_>>()
        .leak(),
    notes: &["The draft names a lifecycle and draws none."],
});

fn symbols_of<T: Copy>(all: &[T], name: fn(T) -> &'static str, meaning: fn(T) -> &'static str) -> &'static [Symbol] {
    all.iter().map(|one| Symbol { name: name(*one), meaning: meaning(*one) }).collect::<Vec<_>>().leak()
}

/// All machines.
pub fn machines() -> impl Iterator<Item = &'static Machine> {
    MACHINES.iter().copied().chain(iter::once(&*INTERACTION))
}

/// The section in which a draft draws the machine, or requires it.
#[must_use]
pub fn section(machine: &Machine) -> String {
    let of_iacp = !machine.section.starts_with("IoE");
    format!("{}{}", if of_iacp { "IACP " } else { "" }, machine.section)
}

/// Lists all machines.
///
/// # Errors
///
/// Those of the output.
pub fn list(out: &mut impl Write) -> Result<()> {
    writeln!(
        out,
        "{:<20}{:<15}{:>6}{:>8}{:>13}{:>6}",
        "machine", "drawn in", "states", "events", "transitions", "ours"
    )?;
    for machine in machines() {
        let ours = machine.rows.iter().filter(|row| row.origin == Origin::Ours).count();
        let (states, events, rows) = (machine.states.len(), machine.events.len(), machine.rows.len());
        writeln!(out, "{:<20}{:<15}{states:>6}{events:>8}{rows:>13}{ours:>6}", machine.name, section(machine))?;
    }
    Ok(())
}

/// One transition, in the order in which its fields are printed.
#[derive(Serialize)]
struct Transition<'a> {
    machine: &'a str,
    state: &'a str,
    event: &'a str,
    next: &'a str,
}

/// The transitions of a machine, an object a line.
///
/// # Errors
///
/// Those of the output.
pub fn json(machine: &Machine, out: &mut impl Write) -> Result<()> {
    for row in machine.rows {
        let line = Transition { machine: machine.name, state: row.state, event: row.event, next: row.next };
        writeln!(out, "{}", serde_json::to_string(&line)?)?;
    }
    Ok(())
}

/// Every transition of a machine, the meaning of its names, and remarks on it.
///
/// # Errors
///
/// Those of the output.
pub fn table(machine: &Machine, out: &mut impl Write) -> Result<()> {
    writeln!(out, "{} ({})", machine.name, section(machine))?;
    writeln!(out, "begins in {}", machine.initial.join(" or "))?;
    if !machine.finals.is_empty() {
        writeln!(out, "ends in {}", machine.finals.join(", "))?;
    }

    let state = width(machine.states);
    let event = width(machine.events);
    writeln!(out, "\n  {:<state$}   {:<event$}   next", "state", "event")?;
    for row in machine.rows {
        let line = format!(
            "{} {:<state$}   {:<event$}   {:<state$}   {}",
            mark(row.origin),
            row.state,
            row.event,
            row.next,
            row.note
        );
        writeln!(out, "{}", line.trim_end())?;
    }
    for (origin, meaning) in [(Origin::Said, "said elsewhere in the draft"), (Origin::Ours, "ours, not the draft's")] {
        if machine.rows.iter().any(|row| row.origin == origin) {
            writeln!(out, "{} {meaning}", mark(origin))?;
        }
    }

    symbols("states", machine.states, out)?;
    symbols("events", machine.events, out)?;
    writeln!(out, "\nnotes")?;
    for note in machine.notes {
        writeln!(out, "  - {note}")?;
    }
    Ok(())
}

fn symbols(title: &str, symbols: &[Symbol], out: &mut impl Write) -> Result<()> {
    let name = width(symbols);
    writeln!(out, "\n{title}")?;
    for symbol in symbols {
        writeln!(out, "  {:<name$}   {}", symbol.name, symbol.meaning)?;
    }
    Ok(())
}

fn width(symbols: &[Symbol]) -> usize {
    symbols.iter().map(|symbol| symbol.name.len()).max().unwrap_or_default()
}

fn mark(origin: Origin) -> char {
    match origin {
        Origin::Drawn => ' ',
        Origin::Said => '+',
        Origin::Ours => '*',
    }
}

/// A Mermaid state diagram. Mermaid cannot dash a single arrow, so the label gives its origin.
///
/// # Errors
///
/// Those of the output.
pub fn mermaid(machine: &Machine, out: &mut impl Write) -> Result<()> {
    let all_ours = machine.rows.iter().all(|row| row.origin == Origin::Ours);
    let mark = if all_ours { ", all of it ours" } else { "" };
    writeln!(out, "stateDiagram-v2\n    %% {} ({}){mark}", machine.name, section(machine))?;
    for state in machine.states {
        if id(state.name) != state.name {
            writeln!(out, "    state \"{}\" as {}", state.name, id(state.name))?;
        }
    }
    for state in machine.initial {
        writeln!(out, "    [*] --> {}", id(state))?;
    }
    for row in machine.rows {
        let whose = match row.origin {
            Origin::Drawn => "",
            Origin::Said => " [text]",
            Origin::Ours if all_ours => "",
            Origin::Ours => " [ours]",
        };
        writeln!(out, "    {} --> {} : {}{whose}", id(row.state), id(row.next), row.event)?;
    }
    for state in machine.finals {
        writeln!(out, "    {} --> [*]", id(state))?;
    }
    Ok(())
}

/// A state's name without the characters that Mermaid does not accept in an identifier.
fn id(state: &str) -> String {
    let words: Vec<_> = state.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty()).collect();
    words.join("_")
}

/// A Graphviz digraph.
///
/// # Errors
///
/// Those of the output.
pub fn dot(machine: &Machine, out: &mut impl Write) -> Result<()> {
    writeln!(out, "// dashed: ours; dotted: said elsewhere in the draft")?;
    writeln!(out, "digraph \"{}\" {{", machine.name)?;
    writeln!(out, "    label = \"{} ({})\";", machine.name, section(machine))?;
    writeln!(out, "    node [shape = box];\n    begin [shape = point];")?;
    for state in machine.finals {
        writeln!(out, "    \"{state}\" [peripheries = 2];")?;
    }
    for state in machine.initial {
        writeln!(out, "    begin -> \"{state}\";")?;
    }
    for row in machine.rows {
        let style = match row.origin {
            Origin::Drawn => "",
            Origin::Said => ", style = dotted",
            Origin::Ours => ", style = dashed",
        };
        writeln!(out, "    \"{}\" -> \"{}\" [label = \"{}\"{style}];", row.state, row.next, row.event)?;
    }
    writeln!(out, "}}")?;
    Ok(())
}
