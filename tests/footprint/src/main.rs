//! Prints what a session takes of a microcontroller.

use std::io::{Write, stdout};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::Parser;
use footprint::budget::Budget;
use footprint::image::{Feature, Image, TARGET, board_is_available, target_is_available};
use footprint::program::{Measured, Program};
use footprint::{Footprint, budget, nodes, others, program, table};
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
    /// Measure the session nodes alone, also those without a budget: one role, with the default SHA-256.
    #[arg(long)]
    nodes: bool,
    /// With --nodes: only those whose title has this in it.
    #[arg(long, value_name = "TEXT", default_value = "")]
    only: String,
    /// Print where the flash of a program for Cortex-M goes that was built elsewhere: by module, and its largest functions.
    #[arg(long, value_name = "ELF")]
    image: Option<PathBuf>,
    /// With --image: how many functions.
    #[arg(long, default_value_t = 60)]
    largest: usize,
    /// Measure other libraries beside our nodes: EDHOC, Noise, TLS.
    #[arg(long)]
    others: bool,
}

#[derive(Serialize)]
struct Output<'o> {
    #[serde(flatten)]
    footprint: &'o Footprint,
    budgets: Vec<Row>,
    programs: Vec<ProgramRow>,
    violations: &'o [String],
}

#[derive(Serialize)]
struct ProgramRow {
    title: &'static str,
    board: &'static str,
    measured: Measured,
}

#[derive(Serialize)]
struct Row {
    #[serde(flatten)]
    budget: Budget,
    measured: Option<u32>,
}

fn main() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    if let Some(path) = &arguments.image {
        print!("{}", table::flash(&Image::read(path)?, arguments.largest)?);
        return Ok(ExitCode::SUCCESS);
    }
    if !target_is_available() {
        bail!("{TARGET} is absent, and `rustup target add` failed");
    }
    let target_dir = target_dir()?;
    if arguments.nodes {
        return nodes(&target_dir, &arguments);
    }
    if arguments.others {
        let lines = others::measure(&target_dir)?;
        if arguments.json {
            serde_json::to_writer_pretty(stdout().lock(), &lines)?;
        } else {
            print!("{}", others::table(&lines));
        }
        return Ok(ExitCode::SUCCESS);
    }
    let (footprint, image) = Footprint::measure(&target_dir, &arguments.feature)?;
    let mut violations = budget::violations(&footprint, &budget::BUDGETS);
    // Variants of the pair are compared with each other alone.
    let programs = if arguments.feature.is_empty() { programs(&target_dir, &mut violations)? } else { Vec::new() };
    let mut out = stdout().lock();
    if arguments.json {
        let row = |budget: Budget| Row { budget, measured: budget.what.of(&footprint) };
        let budgets = budget::BUDGETS.map(row).into();
        let programs = programs.into_iter().map(row_of).collect();
        let output = Output { footprint: &footprint, budgets, programs, violations: &violations };
        serde_json::to_writer_pretty(&mut out, &output)?;
        writeln!(out)?;
    } else {
        write!(out, "{}", table::table(&footprint))?;
        if arguments.frames {
            write!(out, "{}", table::frames(&image, &arguments.from, 40)?)?;
        }
        for (program, measured) in &programs {
            writeln!(out, "\n{}", measured.table(program))?;
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

/// Everything but the pair: the nodes, the manifest, the interaction, the frames.
fn programs(target_dir: &Path, violations: &mut Vec<String>) -> anyhow::Result<Vec<(Program, Measured)>> {
    let mut all = Vec::new();
    for node in nodes::NODES {
        if board_is_available(node.board) {
            all.push((node, nodes::measure(&node, target_dir)?.0));
        } else {
            eprintln!("\n*** NOT MEASURED: {}: its target is absent ***\n", node.title);
        }
    }
    for program in [program::MANIFEST, program::DECISION, program::INTERACTION] {
        // Flags for the compiler rebuild everything: a directory for each.
        let directory = if program.compact { target_dir.join("compact") } else { target_dir.to_owned() };
        all.push((program, program.measure(&directory, &mut ())?));
    }
    all.push((nodes::FRAMES, nodes::measure_frames(target_dir)?));
    for (program, measured) in &all {
        violations.extend(measured.violations(program, program.budgets));
    }
    Ok(all)
}

fn row_of((program, measured): (Program, Measured)) -> ProgramRow {
    ProgramRow { title: program.title, board: program.board.machine(), measured }
}

/// All session nodes, with the code of each by crate.
fn nodes(target_dir: &Path, arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let mut rows = Vec::new();
    for node in nodes::NODES.into_iter().chain(nodes::variants()).filter(|node| node.title.contains(&arguments.only)) {
        if !board_is_available(node.board) {
            eprintln!("\n*** NOT MEASURED: {}: its target is absent ***\n", node.title);
            continue;
        }
        let (measured, image) = match nodes::measure(&node, target_dir) {
            Ok((measured, image, _)) => (measured, image),
            // On a small board a node may not fit: that is a result, too.
            Err(error) => {
                eprintln!("{}: {error:#}\n{}", node.title, nodes::need(&node, target_dir)?);
                continue;
            }
        };
        if !arguments.json {
            println!("{}{}", measured.table(&node), table::crates(&image.code_by_crate()?));
        }
        if arguments.frames {
            println!("{}", table::frames(&image, &arguments.from, 40)?);
        }
        rows.push((node, measured));
    }
    if arguments.json {
        serde_json::to_writer_pretty(stdout().lock(), &rows.into_iter().map(row_of).collect::<Vec<_>>())?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The directory in which the test builds the program, too.
fn target_dir() -> anyhow::Result<PathBuf> {
    let program = std::env::current_exe()?;
    let target = program.ancestors().nth(2).context("the program lies in no target directory")?;
    Ok(target.join("tmp/footprint"))
}
