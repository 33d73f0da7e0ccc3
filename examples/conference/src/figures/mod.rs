//! The draft's five metrics (`IoE Appendix A.1`) and the figures of R5 and R9, measured under a fault model.
//!
//! Two worlds run side by side on one virtual clock. They begin with the same interactions, take the same updates and
//! get the same requests; in one of them something fails in every round. Every difference between them is an effect of
//! the faults. How long an update takes is measured apart from that, with the real clock: in a crowd of interactions
//! that several threads ask at once.
//!
//! ```text
//! control    signed updates, versions, canaries, and our own books of who has to be governed by what
//! world      interactions, and what can be seen of them          fault    what fails, whom it touches, how it is mended
//! run        the rounds, and what is measured in them            surfaces |C|, counted in two trails
//! crowd      many interactions, threads, one log, restarts: how soon an update has arrived at the last one
//! report     the table
//! ```

mod control;
mod crowd;
mod fault;
mod report;
mod run;
mod surfaces;
mod world;

use std::process::ExitCode;

use anyhow::Result;
use indicatif::{ProgressBar, ProgressStyle};

use crate::telling;

/// How much is measured.
#[derive(clap::Args, Clone, Copy, Debug)]
pub struct Arguments {
    /// How many updates; under 1,000 some targets get no verdict
    #[arg(long, value_name = "N", default_value_t = 1_200, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    updates: u32,
    /// How many live interactions
    #[arg(long, value_name = "N", default_value_t = 2_000, value_parser = clap::value_parser!(u32).range(100..=100_000))]
    interactions: u32,
    /// Of 1,000 hosts that fail, how many carry core functions
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(0..=1_000))]
    core_share: u32,
    /// How many interactions threads ask at once, while updates come
    #[arg(long, value_name = "N", default_value_t = 20_000, value_parser = clap::value_parser!(u32).range(100..=2_000_000))]
    crowd: u32,
    /// How many threads
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u32).range(2..=64))]
    threads: u32,
    /// Lets each thread decide by a copy of the control plane, renewed after so many milliseconds: what the figures then show
    #[arg(long, value_name = "MS", default_value_t = 0)]
    copies: u32,
}

/// Measures, and prints the result. The status is 0 if all targets are met.
pub fn measure(arguments: Arguments, seed: u64, json: bool) -> Result<ExitCode> {
    // It is not drawn where standard error is not a terminal.
    let bar = ProgressBar::new(2 * u64::from(arguments.updates));
    if let Ok(style) = ProgressStyle::with_template("{elapsed_precise} {wide_bar} {pos} of {len} updates") {
        bar.set_style(style);
    }
    let measured = run::run(arguments, seed, || bar.inc(1));
    bar.finish_and_clear();
    let measured = measured?;
    let figures = report::Figures::of(arguments, seed, &measured);
    if json {
        telling::json(&figures);
    } else {
        telling::print(&figures.story());
    }
    Ok(if figures.ok { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}
