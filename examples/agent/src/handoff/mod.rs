//! `agent handoff`: a sealed object goes from one agent to another, and the receiver decides whether it continues
//! (CEP §10, over IACP sessions).
//!
//! ```text
//!  alice                       carol, or nobody              bob
//!  seals for bob's EID    →    hands on the bytes      →     climbs the ladder, decides
//! ```
//!
//! What travels: [`parts`]. In this binding an agent's name, in the notice and in the manifest, is its EID in small
//! hexadecimal digits, and so is the id of its key: the EID *is* the key. Whom a receiver accepts from is its own list.
//! That a session was with somebody proves who carried an object, and not who sealed it.

pub mod demo;
pub mod judge;
pub mod parts;
pub mod relay;
mod sealing;
mod tamper;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use cep_envelope::digest::Digest;
use iacp_core::pss::Capabilities;
use iacp_wire::Eid;
use serde::Serialize;

use crate::carrier::link::{self, Transport};
use crate::carrier::outlet::Outlet;
use crate::clock::Clock;
use crate::handoff::parts::Room;
use crate::handoff::sealing::Envelope;
use crate::handoff::tamper::Tampering;
use crate::keys::{self, Identity, Target};
use crate::listen::print_line;
use crate::receive::Store;
use crate::send::{Sender, Sent};
use crate::source::Source;
use crate::telling::timeline::{Event, Style, Timeline};

/// The longest content, in bytes, unless the user says otherwise.
pub const LONGEST: u64 = 16 << 20;
/// What all handoffs under way may take together, in bytes, unless a single one may take more.
const ROOM: usize = 256 << 20;

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
        return demo::run(arguments).await;
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

async fn read(path: &Path) -> Result<Vec<u8>> {
    tokio::fs::read(path).await.with_context(|| format!("cannot read {}", path.display()))
}

fn tell_sealed(who: &'static str, timeline: &Timeline, recipient: &Eid, envelope: &Envelope) {
    let (name, bytes, recipient) = (envelope.name.clone(), envelope.bytes, keys::short(recipient));
    timeline.note(who, Event::Sealed { name, bytes, recipient, manifest: envelope.manifest.to_string() });
}

/// What a listener does with handoffs.
pub fn store(longest: u64) -> Store {
    let one = usize::try_from(longest).unwrap_or(usize::MAX).saturating_add(1 << 16);
    Store { directory: None, longest, handoffs: Some(Room::new(one.max(ROOM))) }
}

/// Brings a handoff to the next agent, in a session of its own.
// keeps: CEP-021, CEP-112
#[expect(clippy::too_many_arguments, reason = "all of them are somebody else's")]
async fn carry(
    who: &'static str,
    timeline: &Timeline,
    clock: Clock,
    identity: &Identity,
    next: Target,
    transport: Transport,
    name: &str,
    stream: Vec<u8>,
) -> Result<Sent> {
    let (route, mut inbox) = link::connect(transport, next.at).await?;
    let outlet = Outlet::new(who, timeline, None);
    let mut sender = Sender::new(who, timeline, clock, identity, next, route, outlet, Capabilities::NONE);
    sender.send(Source::of_bytes(name, stream), &mut inbox).await
}
