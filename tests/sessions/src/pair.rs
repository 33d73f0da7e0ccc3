//! A session with a peer that says what it wants.

use iacp_core::pss::{Capabilities, Event, Settings, Terms};

use crate::{Forger, Host, Mono, S, Side, addr};

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
        let now = Mono(5_000);
        let mut bob = Host::new(Side::Bob, 7);
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

    /// What the library makes of a frame.
    pub fn give(&mut self, frame: &[u8]) -> Event<'static> {
        let mut bytes = frame.to_vec();
        let (now, identity) = (self.now, &self.bob.identity);
        let session = self.bob.session.as_mut().expect("a session");
        match session.handle(now, identity, addr(Side::Alice), &mut bytes) {
            Event::Data { sequence, kind, content } => {
                Event::Data { sequence, kind, content: Vec::leak(content.to_vec()) }
            }
            Event::Nothing => Event::Nothing,
            Event::Discarded(discard) => Event::Discarded(discard),
            Event::Established => Event::Established,
            Event::Proposed { turn, reasons, terms } => Event::Proposed { turn, reasons, terms },
            Event::Contract(terms) => Event::Contract(terms),
            Event::Finished { sequence } => Event::Finished { sequence },
            Event::CloseRequested { reason } => Event::CloseRequested { reason },
            Event::Reconciling => Event::Reconciling,
            Event::Closed(closure) => Event::Closed(closure),
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
