//! A day that survives its process: after each step everything that the next one rests on is on the disk, and only then
//! are the step's events shown (`IoE R1`, `R4`).
//!
//! ```text
//! DIR/state   one signed line: step, control plane, interaction, heads; replaced as a whole
//! DIR/trail   the records; what is behind those that the state knows was never told, and is cut off
//! DIR/heads   the signed heads, for an auditor
//! ```
//!
//! Killed at any moment and started again, it goes on with the same identity, versions and trail. With `--hand-over
//! FILE` the edge hands over all of it at the step in which the infrastructure changes, and stops; another process
//! takes it with `--take-over FILE` into a directory of its own.

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use interaction_gov::audit::{RECORD, Record};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;
use serde::Serialize;

use crate::evidence::Evidence;
use crate::plane::Plane;
use crate::stage::Stage;
use crate::telling::{self, Style};

mod kept;
mod script;

use kept::{Directory, Kept};
use script::{HAND_OVER, STEPS};

/// What it is run with.
#[derive(Args, Clone)]
pub struct Arguments {
    /// Where its state is kept; it is made if it is not there
    dir: PathBuf,
    /// Stops where the infrastructure changes, and writes everything into this file: another process goes on
    #[arg(long, value_name = "FILE", conflicts_with = "take_over")]
    hand_over: Option<PathBuf>,
    /// Goes on with what another process has handed over in this file, unless it has done so already
    #[arg(long, value_name = "FILE")]
    take_over: Option<PathBuf>,
    /// Stops after this many steps of the day
    #[arg(long, value_name = "N")]
    steps: Option<usize>,
}

#[derive(Serialize)]
struct Summary {
    event: &'static str,
    interaction: String,
    /// How many steps are done, of how many.
    steps: (usize, usize),
    records: usize,
    /// How often a process took it up again, by its trail.
    restored: usize,
    /// Whether the trail is whole and signed to its end. `None`: it goes on.
    verified: Option<bool>,
}

/// The control plane's public key under a seed, in hexadecimal.
pub fn public_key(seed: u64) -> Result<String> {
    Ok(hex::encode(*plane(seed)?.key.pk))
}

fn plane(seed: u64) -> Result<Plane> {
    Plane::new(script::NAMES, ChaCha20Rng::seed_from_u64(seed))
}

/// The source of all random values of a step: the same in every process.
fn rng(seed: u64, step: usize) -> ChaCha20Rng {
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    rng.set_stream(u64::try_from(step).unwrap_or(u64::MAX).saturating_add(1));
    rng
}

/// Plays it from where it is.
pub fn run(arguments: &Arguments, seed: u64, style: Style) -> Result<ExitCode> {
    let directory = Directory::open(&arguments.dir)?;
    let taken = match (&arguments.take_over, directory.kept()?) {
        (_, Some(kept)) => Some(kept),
        (Some(file), None) => {
            let text = fs::read_to_string(file).with_context(|| format!("--take-over: cannot read {file:?}"))?;
            let (mut kept, trail) = kept::handed_over(&text, seed)?;
            directory.begin(&trail)?;
            kept.moved = false;
            Some(kept)
        }
        (None, None) => None,
    };
    let (mut stage, mut step) = match taken {
        Some(kept) if kept.moved => {
            // What was handed over is handed over once more, in case the first time was interrupted; the day does not
            // continue here.
            if let Some(file) = &arguments.hand_over {
                return hand_over(&directory, file, seed, style, &kept);
            }
            bail!("the interaction has been handed over: it goes on where its state was taken");
        }
        Some(kept) => {
            let step = kept.step;
            (kept.stage(seed, &directory)?, step)
        }
        None => {
            let mut stage = script::first(plane(seed)?)?;
            directory.begin(&[])?;
            commit(&directory, &mut stage, seed, (0, 1), false, style)?;
            (stage, 1)
        }
    };
    while let Some(play) = STEPS.get(step) {
        if arguments.hand_over.is_some() && step == HAND_OVER {
            let kept = commit(&directory, &mut stage, seed, (step, step), true, style)?;
            return hand_over(&directory, arguments.hand_over.as_deref().context("a file")?, seed, style, &kept);
        }
        if arguments.steps.is_some_and(|most| step >= most) {
            break;
        }
        stage.plane.rng = rng(seed, step);
        play(&mut stage)?;
        commit(&directory, &mut stage, seed, (step, step + 1), false, style)?;
        step += 1;
    }
    finish(&stage, step, style)
}

/// Makes a step durable, and tells it then.
fn commit(
    directory: &Directory,
    stage: &mut Stage,
    seed: u64,
    (step, next): (usize, usize),
    moved: bool,
    style: Style,
) -> Result<Kept> {
    for seat in stage.seats.keys() {
        stage.joined_in.entry(*seat).or_insert(step);
    }
    let kept = Kept::of(stage, seed, (step, next), moved)?;
    directory.keep(stage, &kept)?;
    for event in stage.teller.told.drain(..) {
        telling::show(style, &event);
    }
    Ok(kept)
}

fn hand_over(directory: &Directory, file: &std::path::Path, seed: u64, style: Style, kept: &Kept) -> Result<ExitCode> {
    directory.give(file)?;
    let stage = kept.clone().stage_as_it_is(seed, directory)?;
    finish(&stage, kept.step, style)
}

fn finish(stage: &Stage, step: usize, style: Style) -> Result<ExitCode> {
    let evidence = Evidence {
        interaction: *stage.call.id(),
        records: stage.records.clone(),
        heads: stage.heads.clone(),
        key: *stage.plane.key.pk,
    };
    let over = step == STEPS.len();
    let verified = over.then(|| evidence.verify().is_ok());
    let restored = evidence.records.iter().filter_map(Record::read).filter(is_restored).count();
    let records = evidence.records.len();
    let summary = Summary {
        event: "summary",
        interaction: evidence.interaction.to_string(),
        steps: (step, STEPS.len()),
        records,
        restored,
        verified,
    };
    if style == Style::Json {
        telling::json(&summary);
    } else {
        let end = match verified {
            None => "it goes on when it is started again",
            Some(true) => "the trail is whole, and signed to its end",
            Some(false) => "THE TRAIL PROVES NOTHING",
        };
        let Summary { interaction, steps: (done, all), .. } = &summary;
        telling::print(&format!(
            "\n{interaction}: step {done} of {all}; {records} records of {RECORD} bytes, taken up again {restored} times; {end}"
        ));
    }
    ensure!(verified != Some(false), "the trail is not proven");
    Ok(ExitCode::SUCCESS)
}

fn is_restored(record: &Record) -> bool {
    record.kind == interaction_gov::audit::RecordKind::Restored
}
