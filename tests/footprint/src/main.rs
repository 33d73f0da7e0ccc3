//! Prints what a session takes of a microcontroller.

use std::io::{Write, stdout};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::Parser;
use footprint::budget::Budget;
use footprint::image::{Feature, TARGET, target_is_available};
use footprint::{Footprint, budget, table};
use serde::Serialize;

/// Measures what a session takes of a Cortex-M4: stack and instructions in QEMU, flash and RAM in the ELF file.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// Print one JSON object instead of a table.
    #[arg(long)]
    json: bool,
    /// Print the largest frames too, and the deepest chain of calls of each step.
    #[arg(long)]
    frames: bool,
    /// With --frames: the deepest chain from the functions whose name ends in this, too.
    #[arg(long, value_name = "NAME")]
    from: Vec<String>,
    /// Build the program with this. Budgets are compared, and do not fail.
    #[arg(long, value_enum)]
    feature: Vec<Feature>,
}

#[derive(Serialize)]
struct Output<'o> {
    #[serde(flatten)]
    footprint: &'o Footprint,
    budgets: Vec<Row>,
    violations: &'o [String],
}

#[derive(Serialize)]
struct Row {
    #[serde(flatten)]
    budget: Budget,
    measured: Option<u32>,
}

fn main() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    if !target_is_available() {
        bail!("{TARGET} is absent, and `rustup target add` failed");
    }
    let (footprint, image) = Footprint::measure(&target_dir()?, &arguments.feature)?;
    let violations = budget::violations(&footprint, &budget::BUDGETS);
    let mut out = stdout().lock();
    if arguments.json {
        let row = |budget: Budget| Row { budget, measured: budget.what.of(&footprint) };
        let budgets = budget::BUDGETS.map(row).into();
        let output = Output { footprint: &footprint, budgets, violations: &violations };
        serde_json::to_writer_pretty(&mut out, &output)?;
        writeln!(out)?;
    } else {
        write!(out, "{}", table::table(&footprint))?;
        if arguments.frames {
            write!(out, "{}", table::frames(&image, &arguments.from, 40)?)?;
        }
    }
    if let Some(reason) = &footprint.not_run {
        eprintln!("\n*** NOT MEASURED: stack and instructions: {reason} ***\n");
    }
    for violation in &violations {
        eprintln!("{violation}");
    }
    Ok(if violations.is_empty() || !arguments.feature.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The directory in which the test builds the program, too.
fn target_dir() -> anyhow::Result<PathBuf> {
    let program = std::env::current_exe()?;
    let target = program.ancestors().nth(2).context("the program lies in no target directory")?;
    Ok(target.join("tmp/footprint"))
}
