//! `dropbox seal` and `dropbox reseal`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use cep_envelope::Surface;
use cep_envelope::manifest::CausalParent;
use clap::Args;
use dropbox::{Answer, Keys, Outbox, Sealed, Sealing, key_in_file};
use jiff::Timestamp;

use super::exit_code;

/// How long an answer may take to be looked for again.
const PAUSE: Duration = Duration::from_millis(100);
/// The exit status if no answer has come in time.
const NO_ANSWER: u8 = 7;

/// Seals a file and puts it into an inbox, under a surface made of now
///
/// With --wait the receiver's answer decides the exit status: 0 it goes on, 4 triage, 5 resync, 6 quarantine, 7 no answer in time.
#[derive(Args)]
pub struct Arguments {
    /// The object
    file: PathBuf,
    #[command(flatten)]
    key: Key,
    /// Whom it is for
    #[arg(long, value_name = "NAME")]
    recipient: String,
    /// What kind of object it is
    #[arg(long, default_value = "file-v1")]
    schema: String,
    /// The surface's context
    #[arg(long, default_value = "file")]
    context: String,
    /// The surface's profile, which a reader takes for the sender's name; without it, the signer's id
    #[arg(long)]
    profile: Option<String>,
    /// The surface's priority
    #[arg(long, default_value = "normal")]
    priority: String,
    /// The surface's extension
    #[arg(long)]
    extension: Option<String>,
    /// What it continues: the digest of a manifest ('sha256:…'), a file with an outer object in it, or 'root' for nothing
    #[arg(long, value_name = "PARENT", default_value = "root", conflicts_with = "no_parent")]
    parent: PathBuf,
    /// Say nothing about a parent, not even that there is none
    #[arg(long)]
    no_parent: bool,
    #[command(flatten)]
    way: Way,
}

/// Seals an object of the outbox again, as it is and continuing the same, under a surface made of now
///
/// That is what a receiver asks for that has lost its memory, or whose clock found the first one too old.
#[derive(Args)]
pub struct Again {
    /// The surface under which it was sealed before
    surface: String,
    #[command(flatten)]
    key: Key,
    #[command(flatten)]
    way: Way,
}

#[derive(Args)]
struct Key {
    /// A file with the seed of the sender's key in it, 64 hexadecimal digits; '-' for standard input
    #[arg(long, value_name = "FILE")]
    seed_file: PathBuf,
    /// The id of that key
    #[arg(long, value_name = "ID")]
    signer: String,
}

#[derive(Args)]
struct Way {
    /// The inbox; made if it is not there
    #[arg(long, value_name = "INBOX")]
    into: PathBuf,
    /// Where a copy is kept, to be continued or sealed again
    #[arg(long, value_name = "FOLDER")]
    outbox: Option<PathBuf>,
    /// Waits so many seconds for the receiver's answer
    #[arg(long, value_name = "S", requires_all = ["answers", "keys", "name"])]
    wait: Option<u32>,
    /// Where answers to this sender come
    #[arg(long, value_name = "FOLDER")]
    answers: Option<PathBuf>,
    /// Whom keys belong to, the receiver's among them
    #[arg(long, value_name = "FILE")]
    keys: Option<PathBuf>,
    /// The sender's name, as the receiver knows it
    #[arg(long)]
    name: Option<String>,
    /// One JSON object
    #[arg(long)]
    json: bool,
}

pub fn run(arguments: &Arguments) -> Result<ExitCode> {
    let object = fs::read(&arguments.file).with_context(|| arguments.file.display().to_string())?;
    let sealing = Sealing {
        signer: &arguments.key.signer,
        recipient: &arguments.recipient,
        schema: &arguments.schema,
        context: &arguments.context,
        profile: arguments.profile.as_ref().unwrap_or(&arguments.key.signer),
        priority: &arguments.priority,
        extension: arguments.extension.as_deref(),
        parent: if arguments.no_parent { CausalParent::Missing } else { parent(&arguments.parent)? },
        at: Timestamp::now(),
    };
    send(&sealing, &object, &arguments.key, &arguments.way, None)
}

/// A digest, `root`, or a file.
fn parent(given: &Path) -> Result<CausalParent> {
    let unfit = || format!("--parent {}", given.display());
    match given.to_str() {
        Some("root") => Ok(CausalParent::Root),
        Some(digest) if digest.starts_with("sha256:") => dropbox::parse_parent(digest).with_context(unfit),
        _ => dropbox::parent_of(&fs::read(given).with_context(unfit)?).with_context(unfit),
    }
}

pub fn again(arguments: &Again) -> Result<ExitCode> {
    let outbox = Outbox(arguments.way.outbox.clone().context("--outbox is needed: it has the object")?);
    let (sent, object) = (outbox.sent(&arguments.surface)?, outbox.object(&arguments.surface)?);
    let Ok(surface) = Surface::parse(&sent.name) else { bail!("{}: no surface", sent.name.escape_debug()) };
    let sealing = Sealing {
        signer: &arguments.key.signer,
        recipient: &sent.recipient,
        schema: &sent.schema,
        context: surface.context(),
        profile: surface.profile(),
        priority: surface.priority(),
        extension: surface.extension(),
        parent: dropbox::parse_parent(&sent.parent)?,
        at: Timestamp::now(),
    };
    send(&sealing, &object, &arguments.key, &arguments.way, Some(&sent.name))
}

fn send(sealing: &Sealing<'_>, object: &[u8], key: &Key, way: &Way, again: Option<&str>) -> Result<ExitCode> {
    let sealed = sealing.seal(object, &key_in_file(&key.seed_file)?)?;
    let outbox = way.outbox.clone().map(Outbox);
    if let Some(outbox) = &outbox {
        outbox.keep(sealing, &sealed, object, again)?;
    }
    fs::create_dir_all(&way.into).with_context(|| format!("--into: cannot make {}", way.into.display()))?;
    dropbox::drop_into(&way.into, &sealed, object)?;
    let digest = sealed.digest.to_string();
    if !way.json {
        println!("{}", sealed.name);
    }
    let answer = match (way.wait, &way.answers, &way.keys, &way.name) {
        (Some(seconds), Some(folder), Some(keys), Some(me)) => {
            Some(wait(&sealed, folder, &Keys::load(keys)?, me, seconds)?)
        }
        _ => None,
    };
    if let (Some(outbox), Some(Some(answer))) = (&outbox, &answer) {
        outbox.keep_answer(&sealed.name, answer)?;
    }
    if way.json {
        let answer = answer.as_ref().and_then(Option::as_ref);
        println!("{}", serde_json::json!({ "name": sealed.name, "manifest_digest": digest, "answer": answer }));
    }
    Ok(match answer {
        None => ExitCode::SUCCESS,
        Some(None) => {
            eprintln!("dropbox: {} has not answered yet", sealing.recipient.escape_debug());
            ExitCode::from(NO_ANSWER)
        }
        Some(Some(answer)) => {
            eprintln!("dropbox: {} answers: {}", sealing.recipient.escape_debug(), answer.words.escape_debug());
            ExitCode::from(exit_code(answer.outcome.0))
        }
    })
}

fn wait(sealed: &Sealed, folder: &Path, keys: &Keys, me: &str, seconds: u32) -> Result<Option<Answer>> {
    let (since, digest) = (Instant::now(), sealed.digest.to_string());
    loop {
        let answers = dropbox::answers_in(folder, keys, me)?;
        if let Some(answer) = answers.into_iter().rev().find(|answer| answer.manifest == digest) {
            return Ok(Some(answer));
        }
        if since.elapsed() > Duration::from_secs(seconds.into()) {
            return Ok(None);
        }
        std::thread::sleep(PAUSE);
    }
}
