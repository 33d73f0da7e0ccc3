//! The command line of the file drop.

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use cep_envelope::manifest::CausalParent;
use clap::{Args, Parser};
use dropbox::{Folders, Keys, Manner, Sealing, Settings};
use jiff::Timestamp;

/// A file drop: sealed objects come into ROOT/inbox, and each is moved to its outcome's folder
///
/// An object is a file NAME and its manifest NAME+manifest.json, written last; a notification NAME+notice.json may be with
/// it. Its sender is the notice's from_agent, or else the profile in its name. The folders are continue, fork, triage,
/// resync and quarantine; ROOT/journal.jsonl has every decision.
#[derive(Parser)]
#[command(version)]
enum Command {
    Run(Run),
    Seal(Seal),
    Keygen(Keygen),
}

/// Watches an inbox, judges what comes, and moves it
///
/// Ends with status 0 when it is interrupted, or with --once when all is handled, whatever was decided; with 1 if it
/// cannot go on. However it ends, the next run goes on where it was.
#[derive(Args)]
struct Run {
    /// The folder with the inbox in it; made if it is not there
    root: PathBuf,
    /// The receiver's own name
    #[arg(long, value_name = "RECIPIENT")]
    name: String,
    /// Whom keys belong to: a JSON list of {"sender", "signer", "key"}
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
}

/// Seals a file and puts it into an inbox, under a surface made of now
#[derive(Args)]
struct Seal {
    /// The object
    file: PathBuf,
    /// The seed of the sender's key, 64 hexadecimal digits
    #[arg(long, value_name = "HEX")]
    seed: String,
    /// The id of that key
    #[arg(long, value_name = "ID")]
    signer: String,
    /// Whom it is for
    #[arg(long, value_name = "NAME")]
    recipient: String,
    /// What kind of object it is
    #[arg(long, default_value = "file-v1")]
    schema: String,
    /// The surface's context
    #[arg(long, default_value = "file")]
    context: String,
    /// The surface's profile, which names the sender; without it, the signer's id
    #[arg(long)]
    profile: Option<String>,
    /// The surface's priority
    #[arg(long, default_value = "normal")]
    priority: String,
    /// The surface's extension
    #[arg(long)]
    extension: Option<String>,
    /// What it continues: the manifest of another object, or 'root' for nothing
    #[arg(long, value_name = "MANIFEST", default_value = "root", conflicts_with = "no_parent")]
    parent: PathBuf,
    /// Say nothing about a parent, not even that there is none
    #[arg(long)]
    no_parent: bool,
    /// The inbox; made if it is not there
    #[arg(long, value_name = "INBOX")]
    into: PathBuf,
    /// One JSON object
    #[arg(long)]
    json: bool,
}

/// Makes a key: its seed goes to standard output, its public key into KEYS.json
#[derive(Args)]
struct Keygen {
    /// Whose key it is
    #[arg(long)]
    sender: String,
    /// The key's id; without it, the sender's name
    #[arg(long, value_name = "ID")]
    signer: Option<String>,
    /// The key directory; made if it is not there
    #[arg(long, value_name = "FILE")]
    keys: PathBuf,
}

fn main() -> ExitCode {
    let done = match Command::parse() {
        Command::Run(arguments) => run(arguments),
        Command::Seal(arguments) => seal(&arguments),
        Command::Keygen(arguments) => keygen(&arguments),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("dropbox: {}", format!("{error:#}").replace('\n', " "));
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: Run) -> Result<()> {
    let Run { root, name, keys, once, json, max_bytes, rescan } = arguments;
    let settings = Settings { keys: Keys::load(&keys)?, folders: Folders::make(&root)?, name, longest: max_bytes };
    dropbox::run(settings, Manner { once, json, rescan: Duration::from_secs(rescan) })
}

fn seal(arguments: &Seal) -> Result<()> {
    let key = dropbox::key_of(&arguments.seed)?;
    let object = fs::read(&arguments.file).with_context(|| arguments.file.display().to_string())?;
    let parent = match arguments.parent.as_os_str() {
        _ if arguments.no_parent => CausalParent::Missing,
        root if root == "root" => CausalParent::Root,
        _ => {
            let unfit = || format!("--parent {}", arguments.parent.display());
            let outer = fs::read(&arguments.parent).with_context(unfit)?;
            dropbox::parent_of(&outer).with_context(unfit)?
        }
    };
    let sealing = Sealing {
        signer: &arguments.signer,
        recipient: &arguments.recipient,
        schema: &arguments.schema,
        context: &arguments.context,
        profile: arguments.profile.as_ref().unwrap_or(&arguments.signer),
        priority: &arguments.priority,
        extension: arguments.extension.as_deref(),
        parent,
        at: Timestamp::now(),
    };
    let sealed = sealing.seal(&object, &key)?;
    fs::create_dir_all(&arguments.into).with_context(|| format!("--into: cannot make {}", arguments.into.display()))?;
    dropbox::drop_into(&arguments.into, &sealed, &object)?;
    if arguments.json {
        let digest = sealed.digest.to_string();
        println!("{}", serde_json::json!({ "name": sealed.name, "manifest_digest": digest }));
    } else {
        println!("{}", sealed.name);
    }
    Ok(())
}

fn keygen(arguments: &Keygen) -> Result<()> {
    let (seed, binding) = dropbox::new_key(&arguments.sender, arguments.signer.as_ref().unwrap_or(&arguments.sender))?;
    Keys::add_to_file(&arguments.keys, binding)?;
    println!("{seed}");
    Ok(())
}
