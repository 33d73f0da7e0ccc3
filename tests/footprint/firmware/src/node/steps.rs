//! Each step of a node's sessions as one call into `iacp-core`, and nothing else of it. Both sessions and all datagrams lie in
//! static memory.

use core::mem::MaybeUninit;
use core::net::SocketAddr;

#[cfg(not(feature = "salty"))]
use iacp_core::crypto::ChaChaOnly;
use iacp_core::crypto::Secret32;
use iacp_core::identity::Identity;
#[cfg(feature = "responder")]
use iacp_core::pss::{Admission, Incoming, Replied, Responder, Settings, Terms};
use iacp_core::pss::{Capabilities, Closure, ContentKind, Discard, Received, Session, SessionEvent, TeardownReason};
use iacp_core::time::Mono;
#[cfg(feature = "initiator")]
use iacp_wire::Eid;
use rand_core::CryptoRng;

use crate::host::Datagram;

/// Bytes of sealed frames that may wait for their acknowledgement: one of 1,024 bytes of content, or several short ones. On a
/// board of 16 KiB: several short ones.
pub const LOG: usize = if cfg!(board = "microbit") { 512 } else { 1_120 };
/// Frames in flight each way.
pub const FRAMES: usize = 4;

#[cfg(feature = "salty")]
pub type Crypto = iacp_salty::Salty;
#[cfg(not(feature = "salty"))]
pub type Crypto = ChaChaOnly;
pub type Agent = Identity<Crypto>;
pub type Link = Session<Crypto, LOG, FRAMES>;
#[cfg(feature = "responder")]
pub type Door = Responder<4>;

const CAPABILITIES: Capabilities = Capabilities::CHACHA20_POLY1305;

/// What a datagram meant, as far as the measurement goes on with it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Meant {
    Nothing,
    Established,
    /// Data of this length, whose bytes have this sum.
    Data(usize, u32),
    Closed,
    /// What does not occur with an honest peer.
    Unexpected,
}

/// The sum by which content is recognised.
pub fn sum(content: &[u8]) -> u32 {
    content.iter().fold(0, |sum, byte| sum.wrapping_mul(31).wrapping_add(u32::from(*byte)))
}

#[inline(never)]
pub fn identity(place: &mut MaybeUninit<Agent>) -> &mut Agent {
    place.write(Agent::from_seed(&Secret32::new([1; 32])))
}

#[cfg(feature = "responder")]
#[inline(never)]
pub fn responder<'p>(place: &'p mut MaybeUninit<Door>, now: u64, rng: &mut impl CryptoRng) -> &'p mut Door {
    let terms = Terms { dgk_rotation: 0, lifetime: 0, receive_window: FRAMES as u32 };
    place.write(Door::new(Settings { capabilities: CAPABILITIES, terms }, Mono(now), rng))
}

/// A signed PSS_INIT, in the session's memory.
#[cfg(feature = "initiator")]
#[inline(never)]
pub fn initiate(link: &mut Link, now: u64, agent: &Agent, peer: Eid, to: SocketAddr, rng: &mut impl CryptoRng) -> bool {
    link.initiate(Mono(now), agent, peer, to, CAPABILITIES, rng).is_ok()
}

/// The responder's PSS_NEG, where the PSS_INIT was; it stores nothing.
#[cfg(feature = "responder")]
#[inline(never)]
pub fn answer(door: &Door, now: u64, agent: &Agent, from: SocketAddr, datagram: &mut Datagram) -> bool {
    let mut out = [0; Link::TRANSMIT_BUFFER];
    let Ok(Incoming::Signed(signed)) = Incoming::parse(datagram.bytes()) else { return false };
    let answered = door.answer(Mono(now), agent, from, &signed, |_| Admission::Admit, &mut out);
    let Ok(Replied::Negotiate { length, .. }) = answered else { return false };
    datagram.bytes.iter_mut().zip(out).for_each(|(to, from)| *to = from);
    datagram.length = length;
    true
}

/// The responder's session of a PSS_ACK.
#[cfg(feature = "responder")]
#[inline(never)]
pub fn accept(
    link: &mut Link,
    door: &mut Door,
    now: u64,
    agent: &Agent,
    from: SocketAddr,
    datagram: &mut Datagram,
) -> bool {
    let Ok(Incoming::Signed(signed)) = Incoming::parse(datagram.bytes()) else { return false };
    match door.accept(Mono(now), agent, from, &signed, &mut ()) {
        Ok(accepted) => link.accept(Mono(now), &accepted).is_ok(),
        Err(_) => false,
    }
}

/// The next frame that is due, if there is one: of the handshake, a heartbeat, data, or of the end. It is lent: from the
/// session's log, or from `out`.
#[inline(never)]
pub fn transmit<'l>(link: &'l mut Link, now: u64, out: &'l mut Datagram) -> Option<&'l [u8]> {
    link.poll_transmit(Mono(now), &mut out.bytes).ok().flatten().map(|transmit| transmit.bytes)
}

/// A data frame: sealed, and lent for sending.
#[inline(never)]
pub fn send<'l>(link: &'l mut Link, now: u64, content: &[u8], out: &'l mut Datagram) -> Option<&'l [u8]> {
    link.send(Mono(now), ContentKind::Anml, content).ok()?;
    transmit(link, now, out)
}

/// A datagram that arrived.
#[inline(never)]
pub fn receive(link: &mut Link, now: u64, agent: &Agent, from: SocketAddr, datagram: &mut Datagram) -> Meant {
    let data = match link.handle(Mono(now), agent, from, datagram.bytes()) {
        Received::Data { content, .. } => Some(Meant::Data(content.len(), sum(content))),
        Received::Taken | Received::Discarded(Discard::Duplicate) => None,
        Received::Discarded(_) => Some(Meant::Unexpected),
    };
    let mut meant = Meant::Nothing;
    while let Some(event) = link.poll_event() {
        meant = match event {
            SessionEvent::Established => Meant::Established,
            SessionEvent::Finished { .. } | SessionEvent::Delivered | SessionEvent::Writable => meant,
            SessionEvent::Closed(Closure::Graceful) => Meant::Closed,
            _ => Meant::Unexpected,
        };
    }
    data.unwrap_or(meant)
}

/// This side closes the session: it seals its FIN.
#[inline(never)]
pub fn close(link: &mut Link, now: u64) -> bool {
    link.close(Mono(now), TeardownReason::TaskComplete).is_ok()
}

/// Whatever is due by now.
#[inline(never)]
pub fn deadline(link: &mut Link, now: u64, agent: &Agent, rng: &mut impl CryptoRng) {
    if link.next_deadline().is_some_and(|(at, _)| at.0 <= now) {
        let _ = link.handle_deadline(Mono(now), agent, rng);
    }
}

pub fn is_graceful(link: &Link) -> bool {
    link.closure() == Some(Closure::Graceful)
}

/// All that was sent is acknowledged.
pub fn is_delivered(link: &Link) -> bool {
    let (first, next) = link.unacknowledged();
    first == next
}
