//! `dropbox run`.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use dropbox::{Answers, Ended, Folders, Format, KeyFile, Keys, Manner, Settings, key_in_file};
use jiff::SignedDuration;

/// Watches an inbox, judges what comes, and moves it
///
/// Ends with status 0 when it is interrupted, or with --once when all is handled, whatever was decided; with 3 if --once leaves
/// something that cannot be handled now; with 1 if it cannot go on. However it ends, the next run goes on where it was.
#[derive(Args)]
pub struct Arguments {
    /// The folder with the inbox in it; made if it is not there
    root: PathBuf,
    /// The receiver's own name
    #[arg(long, value_name = "RECIPIENT")]
    name: String,
    /// Whom keys belong to: a JSON list of {"sender", "signer", "key"}; read again whenever it changes
    #[arg(long, value_name = "FILE")]
    keys: PathBuf,
    /// Handle what is there, and end
    #[arg(long)]
    once: bool,
    /// One JSON object in a line
    #[arg(long)]
    json: bool,
    /// The longest object that is read, in bytes
    #[arg(long, value_name = "N", default_value_t = 64 << 20)]
    max_bytes: u64,
    /// How often to look even if the system tells of no change, in seconds
    #[arg(long, value_name = "S", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..))]
    rescan: u64,
    /// For how long nothing may change of an object that looks unfinished until it is taken as it is, in seconds
    #[arg(long, value_name = "S", default_value_t = 5)]
    grace: u32,
    /// Answers senders: sealed objects in FOLDER/SENDER, each with the outcome of one of theirs
    #[arg(long, value_name = "FOLDER", requires_all = ["seed_file", "signer"])]
    answers: Option<PathBuf>,
    /// The seed of the receiver's own key, for answers
    #[arg(long, value_name = "FILE")]
    seed_file: Option<PathBuf>,
    /// The id of that key
    #[arg(long, value_name = "ID")]
    signer: Option<String>,
    /// The format that objects must have
    #[arg(long, value_enum, default_value_t = Container::Bare)]
    container: Container,
    /// Whose orders count ('dropbox review'), as in --keys; without it, those of all who may write to ROOT
    #[arg(long, value_name = "FILE")]
    operators: Option<PathBuf>,
}

/// A sealed format.
#[derive(Clone, Copy, ValueEnum)]
enum Container {
    /// Any bytes
    Bare,
    /// A TAR archive of files and folders in one Zstandard frame, checked to its end: links, paths that lead elsewhere and
    /// bombs are refused
    TarZst,
}

pub fn run(arguments: Arguments) -> Result<ExitCode> {
    let keys = KeyFile::load(&arguments.keys)?;
    let operators = arguments.operators.as_deref().map(Keys::load).transpose().context("--operators")?;
    let answers = match (arguments.answers, arguments.seed_file, arguments.signer) {
        (Some(folder), Some(seed), Some(signer)) => {
            Some(Arc::new(Answers { folder, signer, pair: key_in_file(&seed)? }))
        }
        _ => None,
    };
    dropbox::check_name(&arguments.name).context("--name")?;
    let settings = Settings {
        longest: arguments.max_bytes,
        grace: SignedDuration::from_secs(arguments.grace.into()),
        container: match arguments.container {
            Container::Bare => Format::Bare,
            Container::TarZst => Format::TarZstd,
        },
        answers,
        operators,
        ..Settings::new(Folders::make(&arguments.root)?, &arguments.name, keys)?
    };
    let rescan = Duration::from_secs(arguments.rescan);
    let ended = dropbox::run(settings, Manner { once: arguments.once, json: arguments.json, rescan })?;
    Ok(match ended {
        Ended::Stuck if arguments.once => ExitCode::from(3),
        _ => ExitCode::SUCCESS,
    })
}
