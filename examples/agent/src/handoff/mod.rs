//! `agent handoff`: a sealed object goes from one agent to another, and the receiver decides whether it continues
//! (CEP §10, over IACP sessions).
//!
//! ```text
//!  alice                       carol, or no one              bob
//!  seals for bob's EID    →    hands on the bytes      →     climbs the ladder, decides
//! ```
//!
//! What travels: [`parts`](crate::content::parts). In this binding an agent's name, in the notice and in the manifest, is
//! its EID in small hexadecimal digits, and so is the id of its key: the EID *is* the key. Whom a receiver accepts from is
//! its own list. That a session was with a peer proves who carried an object, and not who sealed it.

pub mod answer;
pub mod carry;
pub mod demo;
pub mod fetch;
pub mod judge;
mod memory;
pub mod relay;
mod sealing;
pub mod shelf;
mod tamper;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use cep_envelope::digest::Digest;
use iacp_wire::Eid;
use serde::Serialize;

use crate::carrier::link::Transport;
use crate::clock::Clock;
use crate::handoff::carry::{carry, read, tell_sealed};
use crate::handoff::demo::Demonstration;
use crate::handoff::tamper::Tampering;
use crate::keys::{self, Target};
use crate::output::print_line;
use crate::send::Expected;
use crate::telling::timeline::{Style, Timeline};

/// Hands over a file in a sealed envelope; without --to, all parties in one process show how
///
/// Without --to: alice seals the file for bob, who climbs the verification ladder and decides. With --relay she then sends
/// what continues it by way of carol, and with --tamper carol is dishonest: success is then that bob notices.
///
/// With --to: seals the file for a listener that trusts this agent (agent listen --trust EID), sends it there, or by way of
/// a relay, and prints the digest of the manifest: a later handoff names it as its --parent. The receiver's answer, sealed by the
/// receiver, decides the exit status: 0 the object goes on, 4 triage, 5 resync, 6 quarantine, 7 the next agent has it and there is
/// no answer (a receiver answers only what is proven; with --no-wait that is 0).
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
    /// Where a copy is kept, to be asked for (agent listen --serve); if --to has no address, nothing is sent
    #[arg(long, value_name = "DIR", requires = "to")]
    outbox: Option<PathBuf>,
    /// Does not wait for the receiver's answer: success means that the next agent has it
    #[arg(long, requires = "to")]
    no_wait: bool,
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
    took_ms: Option<u64>,
    reference: String,
    answer: Option<answer::Answer>,
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
            (keys::eid_of("--to", eid)?, Some(Target::read("--via", via).await?))
        }
        None if arguments.outbox.is_some() && !to.contains('@') => (keys::eid_of("--to", to)?, None),
        None => {
            let target = Target::read("--to", to).await?;
            (target.eid, Some(target))
        }
    };
    if recipient == identity.eid() || next.is_some_and(|next| next.eid == identity.eid()) {
        bail!("the EID is our own: an agent has no session with itself");
    }
    let parent = arguments.parent.as_deref().map(Digest::parse).transpose();
    let parent = parent.context("--parent: not 'sha256:' and 64 small hexadecimal digits")?;
    let content = read(file).await?;
    let envelope = sealing::envelope(&sealer, &recipient, &content, parent)?;
    tell_sealed("handoff", &timeline, &recipient, &envelope);
    if let Some(outbox) = &arguments.outbox {
        shelf::keep(outbox, &envelope, &content)?;
    }
    let shown = file.display().to_string();
    let (transport, stream) = (arguments.transport, envelope.stream);
    let reply = (!arguments.no_wait).then(|| Expected::new(answer::LONGEST, answer::SENDER_WAITS));
    let sent = match next {
        Some(next) => {
            Some(carry("handoff", &timeline, clock, &identity, next, transport, &shown, stream, reply).await?)
        }
        None => None,
    };
    let (took_ms, waited) = (sent.as_ref().map(|sent| sent.took_ms), sent.is_some() && !arguments.no_wait);
    let came = sent.and_then(|sent| sent.reply);
    let answer = came.map(|came| {
        came.and_then(|parts| {
            let read = answer::read(&parts, &identity.eid(), &recipient, &envelope.manifest);
            read.map_err(|error| format!("{error:#}"))
        })
    });
    if arguments.json {
        let handed = Handed {
            name: &envelope.name,
            manifest: envelope.manifest.to_string(),
            content: envelope.content.to_string(),
            bytes: envelope.bytes,
            sender: &sealer.name,
            recipient: hex::encode(recipient.0),
            carried_by: arguments.via.as_ref().and(next).map(|next| hex::encode(next.eid.0)),
            took_ms,
            reference: format!("iacp:{}/{}", sealer.name, envelope.name),
            answer: answer.clone().and_then(Result::ok),
        };
        print_line(&serde_json::to_string(&handed)?)?;
    } else {
        print_line(&envelope.manifest.to_string())?;
    }
    Ok(ExitCode::from(status(waited, &recipient, answer)))
}

/// Says what the receiver has answered, and what follows for the exit status.
fn status(waited: bool, recipient: &Eid, answer: Option<Result<answer::Answer, String>>) -> u8 {
    let receiver = keys::short(recipient);
    match answer {
        Some(Ok(answer)) => {
            eprintln!("agent: {receiver} answers: {}", answer.words.escape_debug());
            answer.outcome().map_or(answer::NO_ANSWER, answer::exit_code)
        }
        Some(Err(why)) => {
            eprintln!("agent: the next agent has it, and what came back is no answer of {receiver}: {why}");
            answer::NO_ANSWER
        }
        None if waited => {
            eprintln!("agent: the next agent has it, and {receiver} has not answered: it answers what is proven to it");
            answer::NO_ANSWER
        }
        None => 0,
    }
}
