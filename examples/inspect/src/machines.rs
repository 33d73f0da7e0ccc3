//! `inspect machines`: the state tables of the drafts, as they run.

use std::io::{self, BufWriter, Write};
use std::process::ExitCode;

use anyhow::{Context, Result};
use explain::machines::{self, machines};
use iacp_core::machine::Machine;

/// Lists the state machines, or shows every transition of one.
#[derive(clap::Args, Debug)]
pub struct Arguments {
    /// The machine to show; without it, all of them are listed.
    name: Option<String>,
    /// Prints a JSON object per transition, a line each; without a name, those of all machines.
    #[arg(long, group = "format")]
    json: bool,
    /// Prints a Mermaid state diagram.
    #[arg(long, group = "format", requires = "name")]
    mermaid: bool,
    /// Prints a Graphviz digraph.
    #[arg(long, group = "format", requires = "name")]
    dot: bool,
}

/// Runs the subcommand.
///
/// # Errors
///
/// A name that no machine has, or an output that cannot be written.
pub fn run(arguments: &Arguments) -> Result<ExitCode> {
    let out = &mut BufWriter::new(io::stdout().lock());
    match &arguments.name {
        Some(name) => show(find(name)?, arguments, out)?,
        None if arguments.json => machines().try_for_each(|machine| machines::json(machine, out))?,
        None => machines::list(out)?,
    }
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

fn find(name: &str) -> Result<&'static Machine> {
    machines().find(|machine| machine.name == name).with_context(|| {
        let names: Vec<_> = machines().map(|machine| machine.name).collect();
        format!("no machine is called {name:?}; there are {}", names.join(", "))
    })
}

fn show(machine: &Machine, arguments: &Arguments, out: &mut impl Write) -> io::Result<()> {
    match arguments {
        Arguments { json: true, .. } => machines::json(machine, out),
        Arguments { mermaid: true, .. } => machines::mermaid(machine, out),
        Arguments { dot: true, .. } => machines::dot(machine, out),
        _ => machines::table(machine, out),
    }
}
