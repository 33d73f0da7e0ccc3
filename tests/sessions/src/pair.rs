//! A session with a peer that sends whatever a test makes it send.

use iacp_core::pss::{Capabilities, ContentKind, Discard, Received, SessionEvent, Settings, Terms};

use crate::{Forger, Host, Mono, S, Side, addr};

/// What the library makes of a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// Authentic, and without an event for the application.
    Nothing,
    /// Discarded.
    Discarded(Discard),
    /// Content.
    Data {
        /// Its sequence.
        sequence: u64,
        /// Its kind.
        kind: ContentKind,
        /// The plaintext.
        content: Vec<u8>,
    },
    /// The first thing that has changed. All of them are in [`Host::events`].
    Event(SessionEvent),
}

/// A heartbeat of the forger's, field by field.
#[derive(Clone, Debug)]
pub struct Beat {
    /// Its send chain.
    pub send_chain: [u8; 32],
    /// Its next send sequence; the top bit is ASK.
    pub next_send: u64,
    /// E; the top bit is HELD.
    pub expected: u64,
    /// Its receive chain at E.
    pub receive_chain: [u8; 32],
    /// The whole sequence of the heartbeat that it echoes.
    pub echo: u64,
    /// What it shows above E.
    pub bitmap: Vec<u8>,
}

/// The top bit of the two sequences in a heartbeat.
pub const TOP: u64 = 1 << 63;

/// A responder of the library's, and a forger that has opened a session with it.
pub struct Pair {
    /// The time.
    pub now: Mono,
    /// The responder.
    pub bob: Host,
    /// The initiator.
    pub forger: Forger,
    /// Its send chain.
    pub chain: [u8; 32],
    /// Its next sequence number.
    pub next: u64,
    /// How many heartbeats it has sent.
    pub heartbeats: u64,
}

impl Default for Pair {
    fn default() -> Self {
        Self::new()
    }
}

impl Pair {
    /// AES-256-GCM, a window of 16 frames.
    #[must_use]
    pub fn new() -> Self {
        Self::with(0, 16)
    }

    /// Capability bits that the forger offers, and the responder's window.
    #[must_use]
    pub fn with(capabilities: u32, window: u32) -> Self {
        Self::opened_by(capabilities, window, false)
    }

    /// The library acknowledges what its application has consumed, which is left to the test.
    #[must_use]
    pub fn holding(window: u32) -> Self {
        Self::opened_by(0, window, true)
    }

    fn opened_by(capabilities: u32, window: u32, holds: bool) -> Self {
        let now = Mono(5_000);
        let mut bob = Host::new(Side::Bob, 7);
        (bob.holds, bob.consumes) = (holds, false);
        bob.listen(
            now,
            Settings {
                capabilities: Capabilities::CHACHA20_POLY1305,
                terms: Terms { dgk_rotation: 0, lifetime: 0, receive_window: window },
            },
        );
        let mut forger = Forger::new(9);
        forger.capabilities = capabilities;
        let eid = bob.identity.eid().0;
        let neg = bob.handle(now, addr(Side::Alice), forger.init(&eid)).expect("an answer");
        let ack = forger.ack(&eid, &neg, 0);
        assert_eq!(bob.handle(now, addr(Side::Alice), ack), None);
        assert_eq!(bob.accepted, 1, "{:?}", bob.refused);
        let chain = forger.keys.as_ref().expect("derived").send_chain;
        let next = forger.initial_sequence;
        let mut pair = Self { now, bob, forger, chain, next, heartbeats: 0 };
        assert_eq!(pair.opened(), [(1 << 63, 3)], "the responder's first heartbeat confirms the keys");
        pair
    }

    /// The responder's session.
    pub fn session(&mut self) -> &mut S {
        self.bob.session.as_mut().expect("a session")
    }

    /// The library's first data sequence, and its send chain there.
    #[must_use]
    pub fn origin(&self) -> (u64, [u8; 32]) {
        let keys = self.forger.keys.as_ref().expect("keys");
        (keys.peer_sequence, keys.receive_chain)
    }

    /// The forger's first heartbeat: it holds the keys, too. The library answers once.
    #[must_use]
    pub fn confirmed(mut self) -> Self {
        let (expected, chain) = self.origin();
        let beat = self.heartbeat(expected, chain);
        assert_eq!(self.give(&beat), Heard::Event(SessionEvent::Established));
        assert_eq!(self.heartbeats_sent(), 1);
        self
    }

    /// What the library makes of a frame.
    pub fn give(&mut self, frame: &[u8]) -> Heard {
        self.give_from(addr(Side::Alice), frame)
    }

    /// The same, from elsewhere.
    pub fn give_from(&mut self, from: std::net::SocketAddr, frame: &[u8]) -> Heard {
        let mut bytes = frame.to_vec();
        let (now, identity) = (self.now, &self.bob.identity);
        let session = self.bob.session.as_mut().expect("a session");
        let heard = match session.handle(now, identity, from, &mut bytes) {
            Received::Data { sequence, kind, content } => Heard::Data { sequence, kind, content: content.to_vec() },
            Received::Discarded(discard) => Heard::Discarded(discard),
            Received::Taken => Heard::Nothing,
        };
        let before = self.bob.events.len();
        self.bob.hear(now);
        match (heard, self.bob.events.get(before)) {
            (Heard::Nothing, Some(event)) => Heard::Event(*event),
            (heard, _) => heard,
        }
    }

    /// The next data frame of the forger's.
    pub fn data(&mut self, content: &[u8]) -> Vec<u8> {
        self.frame(0, content, 0)
    }

    /// The next data frame of any kind, with any flags.
    pub fn frame(&mut self, kind: u8, content: &[u8], flags: u8) -> Vec<u8> {
        let (frame, chain) = self.forger.data(self.next, &self.chain, kind, content, flags);
        self.chain = chain;
        self.next += 1;
        frame
    }

    /// A heartbeat of the forger's that acknowledges all that lies below `expected`.
    pub fn heartbeat(&mut self, expected: u64, receive_chain: [u8; 32]) -> Vec<u8> {
        self.heartbeats += 1;
        self.forger.heartbeat(self.heartbeats - 1, &self.chain, self.next, expected, &receive_chain)
    }

    /// The heartbeat of an honest forger that has taken nothing of the library's data.
    #[must_use]
    pub fn beat(&self) -> Beat {
        let (expected, receive_chain) = self.origin();
        let (send_chain, next_send, echo) = (self.chain, self.next, self.forger.echo.get());
        Beat { send_chain, next_send, expected, receive_chain, echo, bitmap: Vec::new() }
    }

    /// Seals it under the forger's next heartbeat number.
    pub fn seal(&mut self, beat: &Beat) -> Vec<u8> {
        let Beat { send_chain, next_send, expected, receive_chain, echo, bitmap } = beat;
        self.heartbeats += 1;
        self.forger.vector(self.heartbeats - 1, send_chain, *next_send, *expected, receive_chain, *echo, bitmap)
    }

    /// Seals it, and gives it to the library.
    pub fn give_beat(&mut self, beat: &Beat) -> Heard {
        let frame = self.seal(beat);
        self.give(&frame)
    }

    /// Time goes on, and the library handles what fell due.
    pub fn at(&mut self, at: Mono) {
        self.now = at;
        self.bob.handle_deadline(at);
    }

    /// Everything that the library sends now, and where it goes.
    pub fn sent_to(&mut self) -> Vec<(std::net::SocketAddr, Vec<u8>)> {
        let now = self.now;
        self.bob.transmit_to(now)
    }

    /// Everything that the library sends now.
    pub fn sent(&mut self) -> Vec<Vec<u8>> {
        let now = self.now;
        self.bob.transmit(now)
    }

    /// The same, opened by the forger: sequence number and kind.
    pub fn opened(&mut self) -> Vec<(u64, u8)> {
        let sent = self.sent();
        sent.iter().map(|frame| self.forger.open(frame).expect("authentic")).map(|(n, plain)| (n, plain[32])).collect()
    }

    /// How many heartbeats the library sends now.
    pub fn heartbeats_sent(&mut self) -> usize {
        self.opened().iter().filter(|(_, kind)| *kind == 3).count()
    }
}
