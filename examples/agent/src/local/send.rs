//! `agent local send`: an agent of a host sends a file, in as many sessions as it takes.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use iacp_wire::Eid;
use rand_core::Rng;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use crate::clock::Clock;
use crate::host::storage::{Folder, replace};
use crate::keys;
use crate::local::channel::{Ask, CONTENT, Channel, Found};
use crate::local::credentials::Credentials;
use crate::local::flow::{Ended, Flow, NOT_NOW, Paced};
use crate::local::intake::digest;
use crate::local::transfer::Offer;
use crate::telling::event::Event;
use crate::telling::step::Step;
use crate::telling::summary::grouped;
use crate::telling::timeline::{Style, Timeline};

/// How soon it is tried again after a loss, at first and at most.
const AGAIN: [Duration; 2] = [Duration::from_millis(200), Duration::from_secs(5)];

/// Sends a file as an agent of a host, in as many sessions as it takes
#[derive(clap::Args)]
pub struct Arguments {
    /// The folder of the host
    #[arg(long, value_name = "DIR")]
    state: PathBuf,
    /// The receiver: EID@IP:PORT, as `agent local listen` prints it; the EID alone for an agent of the same host, or where the
    /// host has a directory
    #[arg(long, value_name = "EID[@ADDR]")]
    to: String,
    /// Where the number of the transfer is kept, so that a later run of this command goes on with it
    #[arg(long, value_name = "PATH")]
    journal: Option<PathBuf>,
    /// How long it goes on without progress before it gives up
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    patience: u64,
    /// No more bytes in a second than this
    #[arg(long, value_name = "BYTES", value_parser = clap::value_parser!(u64).range(1..))]
    pace: Option<u64>,
    /// The timeline as JSON on standard output, an object per line
    #[arg(long)]
    json: bool,
    /// The file
    file: PathBuf,
}

/// What is written down of a transfer.
#[derive(Serialize, Deserialize)]
struct Journal {
    number: String,
    size: u64,
    sha256: String,
}

pub async fn run(arguments: Arguments) -> Result<ExitCode> {
    let style = if arguments.json { Style::Json } else { Style::Log };
    let timeline = Timeline::new(Clock::start(), style);
    let (eid, at) = match arguments.to.split_once('@') {
        Some((eid, at)) => (eid, Some(keys::peers_address("--to", at).await?)),
        None => (arguments.to.as_str(), None),
    };
    let peer = keys::eid_of("--to", eid)?;
    let (file, offer) = offer(&arguments.file, arguments.journal.as_deref())?;
    let folder = Folder::new(&arguments.state);
    let paced = Paced::new(arguments.pace);
    let mut flow = Flow::new(file, offer, peer, at, paced);
    let mut channel = None;
    let sending = sending(&arguments, &folder, &timeline, &mut flow, &mut channel);
    let sessions = tokio::select! {
        sent = sending => sent,
        _ = tokio::signal::ctrl_c() => Err(anyhow::anyhow!("interrupted: {} was not sent", arguments.file.display())),
    };
    timeline.end_progress();
    if let Some(channel) = &mut channel {
        // Once the frame is in the socket the host reads it, whatever becomes of this process.
        let _ = channel.say(0, Ask::Leave).await;
    }
    let (sessions, sha256) = (sessions?, hex::encode(flow.offer.sha256));
    let (transfer, bytes) = (hex::encode(flow.offer.number), flow.offer.size);
    timeline.note("agent", Event::Step(Step::Delivered { transfer, bytes, sha256: sha256.clone(), sessions }));
    if let Some(journal) = &arguments.journal {
        let _ = fs::remove_file(journal);
    }
    if !arguments.json {
        eprintln!("sent {} bytes to {} in {sessions} session(s), SHA-256 {sha256}", grouped(bytes), keys::short(&peer));
    }
    Ok(ExitCode::SUCCESS)
}

/// The file, and what is offered of it. A number that was kept for the same content is used again.
fn offer(path: &Path, journal: Option<&Path>) -> Result<(File, Offer)> {
    let shown = path.display();
    let file = File::open(path).with_context(|| format!("cannot read {shown}"))?;
    let metadata = file.metadata().with_context(|| format!("cannot read {shown}"))?;
    if metadata.is_dir() {
        bail!("cannot read {shown}: it is a directory");
    }
    let (size, found) = (metadata.len(), digest(path).with_context(|| format!("cannot read {shown}"))?);
    let mut number = [0; 16];
    keys::rng().fill_bytes(&mut number);
    if let Some(path) = journal {
        let shown = path.display();
        match fs::read(path) {
            Ok(text) => {
                let kept: Journal = serde_json::from_slice(&text)
                    .with_context(|| format!("--journal: {shown} is no journal of a transfer"))?;
                if (kept.size, &kept.sha256) != (size, &found) {
                    bail!("--journal: {shown} is of another file, or the file has changed");
                }
                hex::decode_to_slice(&kept.number, &mut number)
                    .with_context(|| format!("--journal: {shown} is no journal of a transfer"))?;
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let kept = Journal { number: hex::encode(number), size, sha256: found.clone() };
                replace(path, &serde_json::to_vec(&kept)?)
                    .with_context(|| format!("--journal: cannot write {shown}"))?;
            }
            Err(error) => return Err(error).with_context(|| format!("--journal: cannot read {shown}")),
        }
    }
    let mut sha256 = [0; 32];
    hex::decode_to_slice(&found, &mut sha256)?;
    let chunk = u16::try_from(CONTENT).unwrap_or(u16::MAX);
    Ok((file, Offer { number, size, sha256, chunk }))
}

/// Sends until the receiver has everything; returns how many sessions that took.
async fn sending(
    arguments: &Arguments,
    folder: &Folder,
    timeline: &Timeline,
    flow: &mut Flow,
    place: &mut Option<Channel>,
) -> Result<u32> {
    let mut credentials = Credentials::in_memory();
    let (came, found) = Channel::open(folder, &mut credentials).await?;
    let channel = place.insert(came);
    registered(timeline, &channel.eid(), found);
    timeline.begin_progress(flow.offer.size);
    let (mut sessions, mut pause) = (0, AGAIN[0]);
    let patience = Duration::from_secs(arguments.patience);
    let (mut safe, mut since) = (0, Instant::now());
    loop {
        let ended = flow.run(channel, timeline).await;
        sessions += u32::from(flow.was_opened() && !flow.went_on());
        let why = match ended {
            Ended::Done => return Ok(sessions),
            Ended::Refused(why) => bail!("the receiver refuses {}: {why}", arguments.file.display()),
            Ended::Impossible(why) => bail!("{why}"),
            Ended::NotYet if since.elapsed() < patience => {
                tokio::time::sleep(NOT_NOW).await;
                continue;
            }
            Ended::NotYet => "its context does not become ready".into(),
            Ended::Broken(why) => why,
            Ended::Gone => {
                timeline.note("agent", Event::Trouble { what: "the host has gone: waits for it".into() });
                if channel.is_unbound() {
                    credentials.void();
                }
                let (back, found) = returned(folder, &mut credentials, patience).await?;
                *channel = back;
                if channel.place().path() != folder.path() {
                    let to = channel.place().path().display().to_string();
                    timeline.note("agent", Event::Step(Step::Follows { to }));
                }
                registered(timeline, &channel.eid(), found);
                (since, pause) = (Instant::now(), AGAIN[0]);
                continue;
            }
        };
        if flow.safe() > safe {
            (safe, since, pause) = (flow.safe(), Instant::now(), AGAIN[0]);
        }
        if since.elapsed() >= patience {
            bail!("{} was not sent: {why}", arguments.file.display());
        }
        timeline.note("agent", Event::Step(Step::Broken { why }));
        tokio::time::sleep(pause).await;
        pause = (2 * pause).min(AGAIN[1]);
    }
}

fn registered(timeline: &Timeline, eid: &Eid, found: Found) {
    let again = found != Found::New;
    timeline.note("agent", Event::Step(Step::Registered { eid: hex::encode(eid.0), again }));
}

/// The host again: its contexts were restored, or this one has ended and there is another.
async fn returned(folder: &Folder, credentials: &mut Credentials, patience: Duration) -> Result<(Channel, Found)> {
    let end = Instant::now() + patience;
    loop {
        match Channel::open(folder, credentials).await {
            Ok(channel) => return Ok(channel),
            Err(error) if Instant::now() >= end => return Err(error),
            Err(_) => tokio::time::sleep(AGAIN[0]).await,
        }
    }
}
