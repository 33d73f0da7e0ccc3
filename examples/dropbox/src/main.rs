//! The command line of the file drop.

mod commands;

use std::process::ExitCode;

use clap::Parser;
use commands::{fetch, keys, outbox, review, run, seal, status};

/// A file drop: sealed objects come into ROOT/inbox, and each is moved to its outcome's folder
///
/// An object is a file NAME and its manifest NAME+manifest.json, written last; a notification NAME+notice.json may be with
/// it. The sender is the one to whom KEYS binds the key. The folders are continue, fork, triage, resync and quarantine;
/// ROOT/journal.jsonl has every decision, of the drop and of people.
#[derive(Parser)]
#[command(version)]
enum Command {
    Run(run::Arguments),
    Status(status::Arguments),
    Review(review::Arguments),
    Seal(seal::Arguments),
    Reseal(seal::Again),
    Fetch(fetch::Arguments),
    Outbox(outbox::Arguments),
    Keys(keys::Arguments),
    Keygen(keys::Keygen),
}

fn main() -> ExitCode {
    let done = match Command::parse() {
        Command::Run(arguments) => run::run(arguments),
        Command::Status(arguments) => status::run(&arguments),
        Command::Review(arguments) => review::run(&arguments),
        Command::Seal(arguments) => seal::run(&arguments),
        Command::Reseal(arguments) => seal::again(&arguments),
        Command::Fetch(arguments) => fetch::run(&arguments),
        Command::Outbox(arguments) => outbox::run(&arguments),
        Command::Keys(arguments) => keys::run(&arguments),
        Command::Keygen(arguments) => keys::keygen(&arguments),
    };
    match done {
        Ok(code) => code,
        Err(error) => {
            eprintln!("dropbox: {}", format!("{error:#}").replace('\n', " "));
            ExitCode::FAILURE
        }
    }
}
