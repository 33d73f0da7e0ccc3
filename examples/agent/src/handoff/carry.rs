//! What all commands about handoffs share: a file in, a session out.

use std::path::Path;

use anyhow::{Context, Result};
use iacp_wire::Eid;

use crate::carrier::link::{self, Transport};
use crate::clock::Clock;
use crate::content::source::Source;
use crate::handoff::sealing::Envelope;
use crate::keys::{self, Identity, Target};
use crate::send::{Expected, Sent, deliver};
use crate::telling::event::Event;
use crate::telling::outlet::Outlet;
use crate::telling::timeline::Timeline;

/// The longest content, in bytes, unless the user says otherwise.
pub const LONGEST: u64 = 16 << 20;

pub async fn read(path: &Path) -> Result<Vec<u8>> {
    tokio::fs::read(path).await.with_context(|| format!("cannot read {}", path.display()))
}

pub fn tell_sealed(who: &'static str, timeline: &Timeline, recipient: &Eid, envelope: &Envelope) {
    let (name, bytes, recipient) = (envelope.name.clone(), envelope.bytes, keys::short(recipient));
    timeline.note(who, Event::Sealed { name, bytes, recipient, manifest: envelope.manifest.to_string() });
}

/// Brings a handoff to the next agent, in a session of its own.
// keeps: CEP-021 (§3.2), CEP-112 (§10)
#[expect(clippy::too_many_arguments, reason = "all of them belong to callers")]
pub async fn carry(
    who: &'static str,
    timeline: &Timeline,
    clock: Clock,
    identity: &Identity,
    next: Target,
    transport: Transport,
    name: &str,
    stream: Vec<u8>,
    reply: Option<Expected>,
) -> Result<Sent> {
    let (route, mut inbox) = link::connect(transport, next.at).await?;
    let outlet = Outlet::new(who, timeline, None);
    let source = Source::of_bytes(name, stream);
    deliver(who, timeline, clock, identity, next, route, outlet, source, &mut inbox, reply).await
}
