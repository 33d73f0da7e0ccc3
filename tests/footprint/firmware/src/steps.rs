//! Each step of a session as one call into `iacp-core`, and nothing else of it.
//!
//! A function is not inlined, so that its stack and its place in the call graph are its own. This is the one file to
//! change when the library's interface changes.

use core::mem::{MaybeUninit, size_of};
use core::net::SocketAddr;

use iacp_core::crypto::{ChaChaOnly, Portable, Secret32};
use iacp_core::identity::Identity;
use iacp_core::pss::{
    Admission, Capabilities, Closure, ContentKind, Incoming, Received, Replied, Responder, Session, SessionEvent,
    Settings, TeardownReason, Terms,
};
use iacp_core::time::Mono;
use iacp_wire::Eid;
use rand_core::CryptoRng;

/// Bytes of sealed frames that may wait for their acknowledgement.
pub const LOG: usize = 2048;
/// Frames in flight each way.
pub const FRAMES: usize = 4;
/// The longest frame that these agents exchange.
pub const LONGEST: usize = 512;

pub type Agent = Identity<Portable>;
pub type Link = Session<Portable, LOG, FRAMES>;
pub type Door = Responder<8>;

/// The suites in which a conversation is held: name, and what both sides are capable of.
pub const SUITES: [(&str, Capabilities); 2] =
    [("aes-256-gcm", Capabilities::NONE), ("chacha20-poly1305", Capabilities::CHACHA20_POLY1305)];

/// One frame on its way.
pub struct Datagram {
    bytes: [u8; LONGEST],
    length: usize,
}

impl Datagram {
    pub const EMPTY: Self = Self { bytes: [0; LONGEST], length: 0 };

    fn take(&mut self, frame: &[u8]) {
        self.length = frame.len();
        match self.bytes.get_mut(..frame.len()) {
            Some(room) => room.copy_from_slice(frame),
            None => self.length = 0,
        }
    }

    fn bytes(&mut self) -> &mut [u8] {
        self.bytes.get_mut(..self.length).unwrap_or_default()
    }

    pub fn is_empty(&self) -> bool {
        self.length == 0
    }
}

/// What a frame meant, as far as the measurement goes on with it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Meant {
    Nothing,
    Established,
    /// Data of this length, whose bytes have this sum.
    Data(usize, u32),
    /// The peer requests the end of the session.
    CloseRequested,
    Closed,
    /// What does not occur between two honest agents.
    Unexpected,
}

/// The sum by which content is recognised.
pub fn sum(content: &[u8]) -> u32 {
    content.iter().fold(0, |sum, byte| sum.wrapping_mul(31).wrapping_add(u32::from(*byte)))
}

/// What a session takes of memory: all of it; all of it with four frames more; with keys of ChaCha20-Poly1305 alone; and of
/// that, `LOG` bytes.
pub fn sizes() -> [(&'static str, usize); 6] {
    [
        ("session", size_of::<Link>()),
        ("session-of-twice-the-frames", size_of::<Session<Portable, LOG, { 2 * FRAMES }>>()),
        ("session-without-aes", size_of::<Session<ChaChaOnly, LOG, FRAMES>>()),
        ("log", LOG),
        ("frames", FRAMES),
        ("identity", size_of::<Agent>()),
    ]
}

#[inline(never)]
pub fn identity(place: &mut MaybeUninit<Agent>, seed: u8) -> &mut Agent {
    place.write(Agent::from_seed(&Secret32::new([seed; 32])))
}

#[inline(never)]
pub fn responder<'p>(
    place: &'p mut MaybeUninit<Door>,
    now: u64,
    capabilities: Capabilities,
    rng: &mut impl CryptoRng,
) -> &'p mut Door {
    let terms = Terms { dgk_rotation: 0, lifetime: 0, receive_window: FRAMES as u32 };
    place.write(Door::new(Settings { capabilities, terms }, Mono(now), rng))
}

/// The initiator's session, and in it a signed PSS_INIT.
#[inline(never)]
pub fn initiate(
    link: &mut Link,
    now: u64,
    agent: &Agent,
    peer: Eid,
    to: SocketAddr,
    capabilities: Capabilities,
    rng: &mut impl CryptoRng,
) -> bool {
    link.initiate(Mono(now), agent, peer, to, capabilities, rng).is_ok()
}

/// The responder's PSS_NEG; it stores nothing.
#[inline(never)]
pub fn answer(responder: &Door, now: u64, agent: &Agent, from: SocketAddr, datagram: &mut Datagram) -> bool {
    let mut out = [0; Link::TRANSMIT_BUFFER];
    let Ok(Incoming::Signed(signed)) = Incoming::parse(datagram.bytes()) else { return false };
    let answered = responder.answer(Mono(now), agent, from, &signed, |_| Admission::Admit, &mut out);
    let Ok(Replied::Negotiate { length, .. }) = answered else { return false };
    datagram.take(out.get(..length).unwrap_or_default());
    true
}

/// PSS_NEG at the initiator: it makes the keys and PSS_ACK.
#[inline(never)]
pub fn acknowledge(link: &mut Link, now: u64, agent: &Agent, from: SocketAddr, datagram: &mut Datagram) -> Meant {
    receive(link, now, agent, from, datagram)
}

/// The responder's session of a PSS_ACK.
#[inline(never)]
pub fn accept(
    link: &mut Link,
    responder: &mut Door,
    now: u64,
    agent: &Agent,
    from: SocketAddr,
    datagram: &mut Datagram,
) -> bool {
    let Ok(Incoming::Signed(signed)) = Incoming::parse(datagram.bytes()) else { return false };
    match responder.accept(Mono(now), agent, from, &signed, &mut ()) {
        Ok(accepted) => link.accept(Mono(now), &accepted).is_ok(),
        Err(_) => false,
    }
}

/// The next frame that is due, if there is one: of the handshake, a heartbeat, or of the end.
#[inline(never)]
pub fn transmit(link: &mut Link, now: u64, datagram: &mut Datagram) {
    datagram.length = 0;
    let mut out = [0; Link::TRANSMIT_BUFFER];
    if let Ok(Some(transmit)) = link.poll_transmit(Mono(now), &mut out) {
        datagram.take(transmit.bytes);
    }
}

/// A data frame: sealed, and lent for sending.
#[inline(never)]
pub fn send(link: &mut Link, now: u64, content: &[u8], datagram: &mut Datagram) -> bool {
    link.send(Mono(now), ContentKind::Anml, content).is_ok() && {
        transmit(link, now, datagram);
        !datagram.is_empty()
    }
}

/// A frame that arrived.
#[inline(never)]
pub fn receive(link: &mut Link, now: u64, agent: &Agent, from: SocketAddr, datagram: &mut Datagram) -> Meant {
    let data = match link.handle(Mono(now), agent, from, datagram.bytes()) {
        Received::Data { content, .. } => Some(Meant::Data(content.len(), sum(content))),
        Received::Taken => None,
        Received::Discarded(_) => Some(Meant::Unexpected),
    };
    let mut meant = Meant::Nothing;
    while let Some(event) = link.poll_event() {
        meant = match event {
            SessionEvent::Established => Meant::Established,
            SessionEvent::Finished { .. } | SessionEvent::Delivered => meant,
            SessionEvent::CloseRequested { .. } => Meant::CloseRequested,
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
