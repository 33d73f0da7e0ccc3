//! A video conference under interaction-scoped governance (`IoE`): a scripted day, its decisions, and its proof.
//!
//! ```text
//! conference           the draft's own video conference (§3.2.1), on one day
//! conference edge      a device that hands work from the edge to the cloud (§6)
//! conference telehealth   a call over two jurisdictions     conference robot   a cell with remote maintenance
//! conference live DIR  a day that survives its process, and moves from the edge to the cloud (§6)
//! conference figures   the draft's metrics (Appendix A.1, R5, R9), measured while things fail
//! ```
//!
//! Everything is decided by `interaction-gov`, which knows no clock and no file. What this program adds:
//!
//! ```text
//! day/  cases/   the scripts
//! plane          the control plane: authorities' keys, signed policies, versions, identifiers
//! stage  work    an interaction on a virtual clock; each step is told, and its records are kept
//! evidence       the trail with its signed heads: verified, and tampered with
//! telling        the timeline            report   the summary
//! live/          a day whose state is kept after each step: the script, and what is kept
//! figures/       many interactions, with faults and without, and what is measured of them
//! policies/      what the authorities say, for people to read and change
//! ```

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, ensure};
use clap::{Parser, Subcommand};

mod cases;
mod day;
mod evidence;
mod figures;
mod live;
mod plane;
mod report;
mod stage;
mod telling;
mod work;

use telling::Style;

/// A video conference under interaction-scoped governance: a scripted day, its decisions, and its proof
///
/// Ends with status 0 if the trail is proven, a second run of the same inputs gives the same one, and each tampered copy
/// is detected.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    script: Option<Script>,
    /// What identities, keys and challenges are drawn from: the same seed gives the same day
    #[arg(long, global = true, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// One JSON object in a line: the events, then a summary
    #[arg(long, global = true)]
    json: bool,
    /// Where to write the trail: its records of 151 bytes, one after the other
    #[arg(long, global = true, value_name = "FILE")]
    trail: Option<PathBuf>,
    /// Where to write the signed heads: a JSON object in a line
    #[arg(long, global = true, value_name = "FILE")]
    heads: Option<PathBuf>,
    /// Where to write the control plane's public key, in hexadecimal
    #[arg(long, global = true, value_name = "FILE")]
    key: Option<PathBuf>,
}

#[derive(Clone, Subcommand)]
enum Script {
    /// The draft's own video conference; this is what runs without a command
    Day,
    /// A device that hands work from the edge to the cloud
    Edge,
    /// A telehealth call over two jurisdictions
    Telehealth,
    /// A robot cell with remote maintenance
    Robot,
    /// A day that may be killed at any moment: started again on the same directory, it goes on where it was
    Live(live::Arguments),
    /// The draft's metrics and targets, measured over many updates while things fail; status 0 if all targets are met
    Figures(figures::Arguments),
}

fn main() -> ExitCode {
    run(&Arguments::parse()).unwrap_or_else(|error| {
        eprintln!("conference: {}", format!("{error:#}").replace('\n', " "));
        ExitCode::FAILURE
    })
}

fn run(arguments: &Arguments) -> Result<ExitCode> {
    let play = match &arguments.script {
        None | Some(Script::Day) => day::play,
        Some(Script::Edge) => cases::edge::play,
        Some(Script::Telehealth) => cases::telehealth::play,
        Some(Script::Robot) => cases::robot::play,
        Some(Script::Live(live)) => {
            let style = if arguments.json { Style::Json } else { Style::Story };
            ensure!(
                arguments.trail.is_none() && arguments.heads.is_none(),
                "live: trail and heads are in its directory"
            );
            write(arguments.key.as_deref(), "--key", format!("{}\n", live::public_key(arguments.seed)?).as_bytes())?;
            return live::run(live, arguments.seed, style);
        }
        Some(Script::Figures(figures)) => {
            let files = [("--trail", &arguments.trail), ("--heads", &arguments.heads), ("--key", &arguments.key)];
            for (option, file) in files {
                ensure!(file.is_none(), "{option}: figures are of many interactions, and have no trail");
            }
            return figures::measure(*figures, arguments.seed, arguments.json);
        }
    };
    let style = if arguments.json { Style::Json } else { Style::Story };
    let played = play(arguments.seed, style)?;
    let again = play(arguments.seed, Style::Silent)?;
    write(arguments.trail.as_deref(), "--trail", &played.evidence.trail())?;
    write(arguments.heads.as_deref(), "--heads", played.evidence.heads()?.as_bytes())?;
    write(arguments.key.as_deref(), "--key", format!("{}\n", hex::encode(played.evidence.key)).as_bytes())?;
    let summary = report::Summary::of(arguments.seed, &played, &again);
    if arguments.json {
        telling::json(&summary)
    } else {
        telling::print(&summary.story())
    }
    Ok(if summary.ok { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn write(file: Option<&Path>, option: &str, bytes: &[u8]) -> Result<()> {
    file.map_or(Ok(()), |file| fs::write(file, bytes).with_context(|| format!("{option}: cannot write {file:?}")))
}
