//! `agent handoff`: a sealed object goes from one agent to another, and the receiver decides whether it continues
//! (CEP §10, over IACP sessions).
//!
//! ```text
//!  alice                       carol, or nobody              bob
//!  seals for bob's EID    →    hands on the bytes      →     climbs the ladder, decides
//! ```
//!
//! What travels: [`parts`](crate::content::parts). In this binding an agent's name, in the notice and in the manifest, is
//! its EID in small hexadecimal digits, and so is the id of its key: the EID *is* the key. Whom a receiver accepts from is
//! its own list. That a session was with a peer proves who carried an object, and not who sealed it.

pub mod carry;
pub mod demo;
pub mod judge;
mod memory;
pub mod relay;
mod sealing;
mod tamper;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use cep_envelope::digest::Digest;
use serde::Serialize;

use crate::carrier::link::Transport;
use crate::clock::Clock;
use crate::handoff::carry::{carry, read, tell_sealed};
use crate::handoff::demo::Demonstration;
use crate::handoff::tamper::Tampering;
use crate::keys::{self, Target};
use crate::output::print_line;
use crate::telling::timeline::{Style, Timeline};

/// Hands over a file in a sealed envelope; without --to, all parties in one process show how
///
/// Without --to: alice seals the file for bob, who climbs the verification ladder and decides. With --relay she then sends
/// what continues it by way of carol, and with --tamper carol is dishonest: success is then that bob notices.
///
/// With --to: seals the file for a listener that trusts this agent (agent listen --trust EID), sends it there, or by way of
/// a relay, and prints the digest of the manifest: a later handoff names it as its --parent. Success means that the next
/// agent has it. Whether the object continues is the receiver's decision, and not told to the sender.
#[derive(clap::Args)]
pub struct Arguments {
    /// The file; without --to, README.md unless one is named
    file: Option<PathBuf>,
    /// For whom: EID@IP:PORT, the EID being 64 hexadecimal digits; with --via the EID alone will do
    #[arg(long, value_name = "EID@ADDR", requires = "file")]
    to: Option<String>,
    /// Who carries it there: a relay (agent relay) that hands on to --to
    #[arg(long, value_name = "EID@ADDR", requires = "to")]
    via: Option<String>,
    /// The manifest that this one continues, as an earlier handoff printed it; without it the object is a root
    #[arg(long, value_name = "DIGEST", requires = "to")]
    parent: Option<String>,
    /// The identity's seed, 64 hexadecimal digits; a new identity without it
    #[arg(long, value_name = "HEX", requires = "to")]
    seed: Option<String>,
    /// What carries the frames: what the listener was started with
    #[arg(long, value_enum, default_value_t = Transport::Quic)]
    transport: Transport,
    /// The demonstration goes on: a second object, by way of carol
    #[arg(long, conflicts_with = "to")]
    relay: bool,
    /// What carol does with the second object
    #[arg(long, value_enum, value_name = "HOW", conflicts_with = "to")]
    tamper: Option<Tampering>,
    /// The timeline as JSON, an object per line; with --to, what was sent as a JSON object
    #[arg(long)]
    json: bool,
}

/// What was sent, for programs.
#[derive(Serialize)]
struct Handed<'a> {
    name: &'a str,
    manifest: String,
    content: String,
    bytes: u64,
    sender: &'a str,
    recipient: String,
    carried_by: Option<String>,
    took_ms: u64,
}

pub async fn run(arguments: Arguments) -> Result<ExitCode> {
    let (Some(to), Some(file)) = (&arguments.to, &arguments.file) else {
        let Arguments { file, transport, relay, tamper, json, .. } = arguments;
        return demo::run(Demonstration { file, transport, relay, tamper, json }).await;
    };
    let clock = Clock::start();
    let timeline = Timeline::new(clock, Style::Log);
    let (identity, sealer) = keys::sealer(arguments.seed.as_deref())?;
    let (recipient, next) = match &arguments.via {
        Some(via) => {
            let eid = to.split_once('@').map_or(&**to, |(eid, _)| eid);
            (keys::eid_of("--to", eid)?, Target::read("--via", via).await?)
        }
        None => {
            let target = Target::read("--to", to).await?;
            (target.eid, target)
        }
    };
    if recipient == identity.eid() || next.eid == identity.eid() {
        bail!("the EID is our own: an agent has no session with itself");
    }
    let parent = arguments.parent.as_deref().map(Digest::parse).transpose();
    let parent = parent.context("--parent: not 'sha256:' and 64 small hexadecimal digits")?;
    let envelope = sealing::envelope(&sealer, &recipient, &read(file).await?, parent)?;
    tell_sealed("handoff", &timeline, &recipient, &envelope);
    let shown = file.display().to_string();
    let transport = arguments.transport;
    let sent = carry("handoff", &timeline, clock, &identity, next, transport, &shown, envelope.stream).await?;
    if arguments.json {
        let handed = Handed {
            name: &envelope.name,
            manifest: envelope.manifest.to_string(),
            content: envelope.content.to_string(),
            bytes: envelope.bytes,
            sender: &sealer.name,
            recipient: hex::encode(recipient.0),
            carried_by: arguments.via.as_ref().map(|_| hex::encode(next.eid.0)),
            took_ms: sent.took_ms,
        };
        print_line(&serde_json::to_string(&handed)?)?;
    } else {
        print_line(&envelope.manifest.to_string())?;
    }
    Ok(ExitCode::SUCCESS)
}
