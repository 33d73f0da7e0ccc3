//! `dropbox keys` and `dropbox keygen`.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Args, Subcommand};
use dropbox::{Binding, Folders, Keys};
use jiff::Timestamp;

/// Lists and changes which key belongs to which sender
///
/// A running drop reads the file again when it changes. What was decided stays decided.
#[derive(Args)]
pub struct Arguments {
    /// The key directory
    file: PathBuf,
    #[command(subcommand)]
    what: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Lists the keys; with --root, with how many objects each has sealed there
    List {
        /// The folder of a drop
        #[arg(long, value_name = "ROOT")]
        root: Option<PathBuf>,
        /// One JSON object in a line
        #[arg(long)]
        json: bool,
    },
    /// Binds a key to a sender
    Add {
        #[command(flatten)]
        whose: Whose,
        /// The Ed25519 public key, 64 hexadecimal digits
        #[arg(long, value_name = "HEX")]
        key: String,
        /// From when on: what arrives earlier is not taken under it
        #[arg(long, value_name = "TIME")]
        from: Option<Timestamp>,
        /// Until when: what arrives then or later is not
        #[arg(long, value_name = "TIME")]
        until: Option<Timestamp>,
    },
    /// Takes a key back: what arrives from now on, or from --at, is not taken under it
    Revoke {
        #[command(flatten)]
        whose: Whose,
        /// From when on
        #[arg(long, value_name = "TIME")]
        at: Option<Timestamp>,
    },
    /// Binds a new key to a sender, and lets the old one end when both have been valid for a while
    Renew {
        #[command(flatten)]
        whose: Whose,
        /// The id of the new key
        #[arg(long, value_name = "ID")]
        new_signer: String,
        /// The new public key, 64 hexadecimal digits
        #[arg(long, value_name = "HEX")]
        key: String,
        /// For how many days both are valid
        #[arg(long, value_name = "N", default_value_t = 7)]
        overlap_days: u16,
    },
}

#[derive(Args)]
struct Whose {
    /// The sender
    #[arg(long)]
    sender: String,
    /// The id of the key
    #[arg(long, value_name = "ID")]
    signer: String,
}

/// Makes a key: its seed goes to a file that others cannot read, or to standard output; its public key into KEYS
#[derive(Args)]
pub struct Keygen {
    /// Whose key it is
    #[arg(long)]
    sender: String,
    /// The key's id; without it, the sender's name
    #[arg(long, value_name = "ID")]
    signer: Option<String>,
    /// The key directory; made if it is not there
    #[arg(long, value_name = "FILE")]
    keys: PathBuf,
    /// Where the seed goes; the file must be new
    #[arg(long, value_name = "FILE")]
    seed_file: Option<PathBuf>,
}

pub fn run(arguments: &Arguments) -> Result<ExitCode> {
    let (file, now) = (&arguments.file, Timestamp::now());
    match &arguments.what {
        None => list(&Keys::load(file)?, None, false, now)?,
        Some(Command::List { root, json }) => list(&Keys::load(file)?, root.as_ref(), *json, now)?,
        Some(Command::Add { whose, key, from, until }) => {
            let (sender, signer) = (whose.sender.clone(), whose.signer.clone());
            Keys::add_to_file(file, Binding { sender, signer, key: key.clone(), from: *from, until: *until })?;
        }
        Some(Command::Revoke { whose, at }) => {
            Keys::end_in_file(file, &whose.sender, &whose.signer, at.unwrap_or(now))?;
        }
        Some(Command::Renew { whose, new_signer, key, overlap_days }) => {
            let until = now.saturating_add(jiff::SignedDuration::from_hours(i64::from(*overlap_days) * 24))?;
            let (sender, signer) = (whose.sender.clone(), new_signer.clone());
            let new = Binding { sender, signer, key: key.clone(), from: None, until: None };
            Keys::renew_in_file(file, &whose.signer, new, until)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn list(keys: &Keys, root: Option<&PathBuf>, json: bool, now: Timestamp) -> Result<()> {
    let counts = root.map(|root| dropbox::sealed_by(&Folders::at(root)?)).transpose()?;
    for binding in keys.bindings() {
        let sealed =
            counts.as_ref().map(|counts: &BTreeMap<String, usize>| counts.get(&binding.key).copied().unwrap_or(0));
        let holds = binding.holds_at(now);
        if json {
            let line = serde_json::json!({ "sender": binding.sender, "signer": binding.signer, "key": binding.key,
                "from": binding.from, "until": binding.until, "holds": holds, "sealed": sealed });
            println!("{line}");
        } else {
            let (sender, signer) = (binding.sender.escape_debug(), binding.signer.escape_debug());
            let holds = if holds { "holds" } else { "does not hold" };
            let limits = [("from", binding.from), ("until", binding.until)];
            let limits = limits.into_iter().filter_map(|(what, time)| time.map(|time| format!(" {what} {time:.0}")));
            let sealed = sealed.map(|count| format!("  {count} objects")).unwrap_or_default();
            println!("{sender}  {signer}  {}  {holds}{}{sealed}", binding.key, limits.collect::<String>());
        }
    }
    Ok(())
}

pub fn keygen(arguments: &Keygen) -> Result<ExitCode> {
    let (seed, binding) = dropbox::new_key(&arguments.sender, arguments.signer.as_ref().unwrap_or(&arguments.sender))?;
    if let Some(path) = &arguments.seed_file {
        let unfit = || format!("--seed-file {}", path.display());
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).with_context(unfit)?;
        writeln!(file, "{seed}").and_then(|()| file.sync_all()).with_context(unfit)?;
    }
    Keys::add_to_file(&arguments.keys, binding)?;
    if arguments.seed_file.is_none() {
        println!("{seed}");
    }
    Ok(ExitCode::SUCCESS)
}
