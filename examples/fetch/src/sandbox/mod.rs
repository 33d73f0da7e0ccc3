//! The legacy path (`IACP §4.1.4.2`, `§4.1.4.3`): a browser in a container whose only way out is the LL-Entity's gate, and
//! whose only name is an ESD-EID.
//!
//! The container is given the bytes of a Hand-off Context Object and a pair of channels, and nothing else. All that leaves it
//! are `SANDBOX_STREAM` frames, which the gate takes or drops; the page comes back by one of them.

mod browser;
mod container;
mod egress;

use std::net::SocketAddr;

use anyhow::{Context as _, Result, ensure};
use iacp_core::crypto::Portable;
use iacp_core::dhi::form::{Form, Plain, Structure as _};
use iacp_core::dhi::handoff::Trigger;
use iacp_core::dhi::uri::Uri;
use iacp_core::dhi::vector::Usiv;
use iacp_core::erp::sandbox::{DerivedSlot, Gate};
use iacp_core::identity::Identity;
use iacp_core::scope::Scope;
use iacp_wire::Eid;
use tokio::sync::mpsc;

pub use browser::{Chromium, find};
pub use container::Container;
pub use egress::{Entity, Passage};

use crate::driver::Fetcher;
use crate::host::rng;

/// The URL of the stream by which the page comes back. It leads only to the boundary.
pub const RETURN: &str = "iacp:returned";
/// The lifetime of a derivative in seconds: long enough for one page.
const LIFE: u32 = 30;
/// Frames between container and gate, each way.
const UNDER_WAY: usize = 64;
/// One hand-off, one context, no session.
const CONTEXT: (u32, u64) = (1, 0);

/// What came back, through the boundary.
pub struct Returned {
    /// The origin's digest: a page of the web has no EID.
    pub source: [u8; 32],
    /// The page, as the browser has it.
    pub page: Vec<u8>,
    /// What the gate let pass, and what it dropped.
    pub passage: Passage,
    /// What the container was given.
    pub object: Vec<u8>,
}

/// Hands a URL to a browser, and takes the page back. `browse` is given the address of the container's proxy and the URL.
///
/// `least` is the scope that the agent's own authority has shown when it was asked ([`Report::scope`](crate::driver::Report)): nothing in
/// the sandbox reaches further inwards. Another look-up here would let the name choose another one.
///
/// # Errors
/// No page came back during the derivative's lifetime, or it is not a document.
pub async fn hand_off(
    fetcher: &Fetcher,
    agent: &Identity<Portable>,
    (trigger, url): (Trigger, &str),
    least: Scope,
    browse: impl AsyncFnOnce(SocketAddr, &str) -> Result<Vec<u8>>,
) -> Result<Returned> {
    let mut target = Uri::EMPTY;
    target.read(url)?;
    let mut slots = [const { DerivedSlot::EMPTY }; 4];
    let mut gate = Gate::new(&mut slots);
    let name = gate.derive::<Portable>(fetcher.now(), &agent.eid(), CONTEXT, LIFE, &mut rng())?;
    let object = gate.hand_off::<Portable>(fetcher.now(), &name, None, (trigger.code(), target.as_str()));
    let mut buffer = [0; 2_200];
    let length = object.context("the derivative has just been made")?.write(&mut buffer)?;
    let object = buffer.get(..length).unwrap_or_default().to_vec();

    let (to_gate, from_container) = mpsc::channel(UNDER_WAY);
    let (to_container, from_gate) = mpsc::channel(UNDER_WAY);
    let container = Container::new(&object, to_gate, from_gate)?;
    let entity = Entity { gate, name, least, fetcher, answers: to_container };
    let (passage, browsed) = tokio::join!(entity.run(from_container, LIFE), container.run(browse));
    browsed?;
    let page = passage.returned.clone().context("no page came back while its derivative lived")?;

    // The boundary: the page is a document, and leaves as a USIV.
    let mut plain = Plain::default();
    plain.begin(Form::Xml);
    ensure!(plain.chunk(&page).is_ok() && plain.end().is_ok(), "what came back is no document");
    let length = page.len();
    let usiv = Usiv::of_peer(Eid(target.origin_digest()), target.as_str(), page, length);
    let usiv = usiv.ok().context("the page is longer than 4 GiB")?;
    Ok(Returned { source: *usiv.source_eid(), page: usiv.into_buffer(), passage, object })
}
