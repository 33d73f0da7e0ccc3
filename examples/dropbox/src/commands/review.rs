//! `dropbox review`.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};
use dropbox::{Deed, Folders, Obeyed, Operator, in_words, key_in_file};
use jiff::Timestamp;

/// How long to wait for a running drop.
const PATIENCE: Duration = Duration::from_secs(20);

/// Lists what is held back and why, or decides about it
///
/// What a person decides is written into the journal with the person's name and reason. A running drop does it at once; without
/// one, the next run does. Ends with status 0 if it is done, 3 if it is to be done later (or, listing, if anything is held
/// back), 1 if it is refused.
#[derive(Args)]
pub struct Arguments {
    /// The folder with the inbox in it
    root: PathBuf,
    /// One JSON object in a line
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    order: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Lets an object that is held back go on, as far as what is proven allows
    Release(Given),
    /// Lets nothing go on from any object of the line that this object is on (its id, or its manifest's digest)
    Forbid(Given),
    /// Makes an object invalid (its id, or its manifest's digest): nothing continues it
    Invalidate(Given),
    /// Forgets what was sealed before a time; nothing sealed before it is approved any more
    Forget(Before),
    /// Keeps of the journal what the memory needs, and puts the rest aside
    Compact(Who),
}

#[derive(Args)]
struct Given {
    /// The id of the decision, as the list shows it
    id: String,
    #[command(flatten)]
    who: Who,
}

#[derive(Args)]
struct Before {
    /// The time, such as 2026-05-14T00:00:00Z
    #[arg(long, value_name = "TIME")]
    before: Timestamp,
    #[command(flatten)]
    who: Who,
}

#[derive(Args)]
struct Who {
    /// The name of the person who decides
    #[arg(long, value_name = "NAME")]
    by: String,
    /// The reason
    #[arg(long, value_name = "TEXT")]
    why: String,
    /// The seed of that person's key, which signs the order
    #[arg(long, value_name = "FILE", requires = "signer")]
    seed_file: Option<PathBuf>,
    /// The id of that key
    #[arg(long, value_name = "ID")]
    signer: Option<String>,
}

pub fn run(arguments: &Arguments) -> Result<ExitCode> {
    let folders = Folders::at(&arguments.root)?;
    let decided = |what: &str| dropbox::find_decided(&folders, what);
    let (who, deed) = match &arguments.order {
        None => return list(&folders, arguments.json),
        Some(Command::Release(given)) => (&given.who, dropbox::release(&dropbox::find_held(&folders, &given.id)?)?),
        Some(Command::Forbid(given)) => (&given.who, Deed::Forbid { line: dropbox::line_of(&decided(&given.id)?)? }),
        Some(Command::Invalidate(given)) => {
            let manifest = decided(&given.id)?.manifest.context("it is not proven who sealed it")?;
            (&given.who, Deed::Invalidate { manifest })
        }
        Some(Command::Forget(given)) => (&given.who, Deed::Forget { before: (given.before.as_second(), 0) }),
        Some(Command::Compact(who)) => (who, Deed::Compact),
    };
    let pair = who.seed_file.as_deref().map(key_in_file).transpose()?;
    let key = who.signer.as_deref().zip(pair.as_ref());
    let order = dropbox::give(&folders, &Operator { by: &who.by, why: &who.why, key }, deed)?;
    let done = dropbox::wait(&folders, &order, PATIENCE)?;
    if arguments.json {
        let what = match &done {
            Obeyed::Done => "done",
            Obeyed::Refused(_) => "refused",
            Obeyed::Later => "later",
        };
        println!("{}", serde_json::json!({ "order": order.id, "deed": order.deed.name(), "is": what }));
    }
    match done {
        Obeyed::Done if arguments.json => Ok(ExitCode::SUCCESS),
        Obeyed::Done => {
            println!("done: order {} to {} is in the journal", order.id, order.deed.name());
            Ok(ExitCode::SUCCESS)
        }
        Obeyed::Refused(why) => bail!("order {} is refused: {why}", order.id),
        Obeyed::Later => {
            if !arguments.json {
                println!(
                    "order {} to {} is done by the next run: no process works here now",
                    order.id,
                    order.deed.name()
                );
            }
            Ok(ExitCode::from(3))
        }
    }
}

fn list(folders: &Folders, json: bool) -> Result<ExitCode> {
    let held = dropbox::held(folders)?;
    for line in &held {
        if json {
            println!("{}", serde_json::to_string(line)?);
        } else {
            println!("{}  {:.0}  {}", line.id, line.at, in_words(line));
        }
    }
    if held.is_empty() && !json {
        println!("nothing is held back");
    }
    Ok(if held.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(3) })
}
