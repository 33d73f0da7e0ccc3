//! One endpoint: an identity, a session, and an application that sends chunks and keeps what it gets.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use iacp_core::crypto::{Portable, Provider, Secret32};
use iacp_core::identity::Identity;
use iacp_core::pss::{
    Accepted, Admission, Capabilities, Closure, ContentKind, Discard, Incoming, NotAnswered, Received as Taken,
    RejectionReasons, Replied, Responder, Session, SessionEvent, Settings, TRANSMIT_BUFFER, TeardownReason, Terms,
    TermsError,
};
use iacp_core::time::Mono;
use iacp_wire::Eid;
use rand_chacha::ChaCha8Rng;
use rand_core::SeedableRng;

use crate::{Mirror, Side};

/// The sessions of these tests: a small log, so that it fills up.
pub type SessionOf<P> = Session<P, 8192, 16>;

/// With the portable provider.
pub type S = SessionOf<Portable>;

/// An endpoint with the portable provider.
pub type Host = HostOf<Portable>;

/// Everything that came in: sequence number to kind and content.
pub type Received = BTreeMap<u64, (ContentKind, Vec<u8>)>;

/// The address of a side.
#[must_use]
pub fn addr(side: Side) -> SocketAddr {
    match side {
        Side::Alice => ([192, 0, 2, 1], 4227).into(),
        Side::Bob => ([198, 51, 100, 2], 4227).into(),
    }
}

/// One endpoint.
pub struct HostOf<P: Provider> {
    /// Which one.
    pub side: Side,
    /// Where its packets come from.
    pub at: SocketAddr,
    /// Its key.
    pub identity: Identity<P>,
    /// Its randomness.
    pub rng: ChaCha8Rng,
    /// The responder that accepts its sessions, if it accepts any.
    pub responder: Option<Responder<32>>,
    /// Its session.
    pub session: Option<Box<SessionOf<P>>>,
    /// The number of sessions made here from PSS_ACKs.
    pub accepted: u32,
    /// Of which cookies.
    pub accepted_cookies: Vec<(iacp_wire::Cookie, iacp_wire::Cookie)>,
    /// What it will send.
    pub to_send: Vec<Vec<u8>>,
    /// How much of it is sealed.
    pub sent: usize,
    /// End the session when everything is sent.
    pub closes: bool,
    /// What came in. Nothing is ever overwritten: a second delivery is counted.
    pub received: Received,
    /// Deliveries under a sequence number that was delivered before.
    pub delivered_twice: u32,
    /// The peer's FIN.
    pub finished: Option<u64>,
    /// How the session ended.
    pub closure: Option<Closure>,
    /// What it answers to a proposal: the first terms it refuses get these reasons, then it accepts.
    pub counters: Vec<Terms>,
    /// The contract it got.
    pub contract: Option<Terms>,
    /// What was discarded before there was a session.
    pub refused: Vec<Discard>,
    /// All events of its sessions, in order.
    pub events: Vec<SessionEvent>,
    /// The session as its events alone describe it.
    pub mirror: Mirror,
    /// By how many milliseconds its clock is ahead of the world's.
    pub ahead: u64,
    /// Its sessions acknowledge what the application has consumed.
    pub holds: bool,
    /// The application consumes what it holds as soon as it is in order.
    pub consumes: bool,
    /// The number of its first data frame, once there is a session.
    pub base: Option<u64>,
    /// How often the queue below is full before it takes a datagram.
    pub refusals: u32,
}

impl<P: Provider> HostOf<P> {
    /// An endpoint with everything but a session.
    #[must_use]
    pub fn new(side: Side, seed: u64) -> Self {
        let salt = match side {
            Side::Alice => 0xA11C_E000,
            Side::Bob => 0xB0B0_0000,
        };
        let mut rng = ChaCha8Rng::seed_from_u64(seed ^ salt);
        let identity = Identity::from_seed(&Secret32::random(&mut rng));
        Self {
            side,
            at: addr(side),
            identity,
            rng,
            responder: None,
            session: None,
            accepted: 0,
            accepted_cookies: Vec::new(),
            to_send: Vec::new(),
            sent: 0,
            closes: false,
            received: BTreeMap::new(),
            delivered_twice: 0,
            finished: None,
            closure: None,
            counters: Vec::new(),
            contract: None,
            refused: Vec::new(),
            events: Vec::new(),
            mirror: Mirror::default(),
            ahead: 0,
            holds: false,
            consumes: true,
            base: None,
            refusals: 0,
        }
    }

    /// Its own clock.
    #[must_use]
    pub const fn clock(&self, now: Mono) -> Mono {
        now.after(self.ahead)
    }

    /// Makes it accept sessions.
    pub fn listen(&mut self, now: Mono, settings: Settings) {
        let now = self.clock(now);
        self.responder = Some(Responder::new(settings, now, &mut self.rng));
    }

    /// Makes it open a session.
    pub fn initiate(&mut self, now: Mono, peer: Eid, to: SocketAddr, offer: Capabilities) {
        let now = self.clock(now);
        let mut session = Box::new(SessionOf::<P>::IDLE);
        session.hold(self.holds).expect("idle");
        session.initiate(now, &self.identity, peer, to, offer, &mut self.rng).expect("idle");
        self.session = Some(session);
        self.mirror = Mirror::begin(false);
        self.base = None;
    }

    /// A datagram arrives. Returns what the stateless responder answers at once.
    pub fn handle(&mut self, now: Mono, from: SocketAddr, mut bytes: Vec<u8>) -> Option<Vec<u8>> {
        let answer = self.receive(self.clock(now), from, &mut bytes);
        self.hear(now);
        answer
    }

    fn receive(&mut self, now: Mono, from: SocketAddr, bytes: &mut [u8]) -> Option<Vec<u8>> {
        let incoming = Incoming::parse(bytes).ok()?;
        let incoming = match self.handshake(now, from, incoming) {
            Ok(answer) => return answer,
            Err(incoming) => incoming,
        };
        let session = self.session.as_mut()?;
        if let Taken::Data { sequence, kind, content } = session.take(now, &self.identity, from, incoming)
            && self.received.insert(sequence, (kind, content.to_vec())).is_some()
        {
            self.delivered_twice += 1;
        }
        None
    }

    /// Takes the session's events.
    pub fn hear(&mut self, now: Mono) {
        let now = self.clock(now);
        while let Some(event) = self.session.as_mut().and_then(|session| session.poll_event()) {
            self.events.push(event);
            self.mirror.hear(&event);
            match event {
                SessionEvent::Established => {
                    let first = self.session.as_ref().map(|session| session.unacknowledged().0);
                    self.base = self.base.or(first);
                }
                SessionEvent::Finished { sequence } => self.finished = Some(sequence),
                SessionEvent::Proposed { terms, .. } => self.bargain(now, terms),
                SessionEvent::Contract(terms) => self.contract = Some(terms),
                SessionEvent::CloseRequested { .. } => self.closes = true,
                SessionEvent::Closed(closure) => self.closure = Some(closure),
                _ => {}
            }
        }
        if let Some(session) = &self.session {
            let confirmed = session.peer_holds_keys();
            self.mirror.compare(confirmed, session.continuity(), session.closure(), session.is_over());
        }
    }

    /// Handles a frame that is for the responder and not for the session; a frame that is not comes back.
    #[expect(clippy::result_large_err, reason = "what comes back is the frame itself")]
    fn handshake<'d>(
        &mut self,
        now: Mono,
        from: SocketAddr,
        incoming: Incoming<'d>,
    ) -> Result<Option<Vec<u8>>, Incoming<'d>> {
        use iacp_wire::Message;
        let Some(responder) = self.responder.as_mut() else { return Err(incoming) };
        let Incoming::Signed(signed) = &incoming else { return Err(incoming) };
        match signed.frame.message {
            Message::PssInit(_) => {
                let mut out = [0; TRANSMIT_BUFFER];
                let admit = |_: &Eid| Admission::Admit;
                match responder.answer(now, &self.identity, from, signed, admit, &mut out) {
                    Ok(Replied::Negotiate { length, .. }) => Ok(Some(out[..length].to_vec())),
                    Ok(Replied::DemandWork { .. }) => Ok(None),
                    Err(NotAnswered::Discard(discard)) => {
                        self.refused.push(discard);
                        Ok(None)
                    }
                    Err(NotAnswered::TooSmall(small)) => panic!("{small}"),
                }
            }
            Message::PssAck(_) => match responder.accept(now, &self.identity, from, signed, &mut ()) {
                Ok(accepted) => {
                    self.take(now, &accepted);
                    Ok(None)
                }
                // A repeat is the session's business; the rest may be its negotiation's.
                Err(discard) => {
                    self.refused.push(discard);
                    Err(incoming)
                }
            },
            _ => Err(incoming),
        }
    }

    fn take(&mut self, now: Mono, accepted: &Accepted) {
        self.accepted += 1;
        self.accepted_cookies.push(accepted.cookies());
        if self.session.as_ref().is_none_or(|session| session.closure().is_some()) {
            let mut session = Box::new(SessionOf::<P>::IDLE);
            session.hold(self.holds).expect("idle");
            session.accept(now, accepted).expect("idle");
            self.mirror = Mirror::begin(accepted.wants_contract());
            self.base = Some(session.unacknowledged().0);
            self.session = Some(session);
            // Another session, another stream.
            self.received.clear();
            (self.finished, self.closure, self.sent) = (None, None, 0);
        }
    }

    fn bargain(&mut self, now: Mono, _proposed: Terms) {
        let Some(session) = self.session.as_mut() else { return };
        let answer = match self.counters.pop() {
            Some(terms) => session.counter_terms(now, &self.identity, terms, RejectionReasons::OTHER),
            None => session.accept_terms(now, &self.identity),
        };
        // On the last turn there is nothing left but to accept.
        if answer == Err(TermsError::NotOurTurn) {
            session.accept_terms(now, &self.identity).expect("terms wait");
        }
    }

    /// The application sends what it can.
    pub fn work(&mut self, now: Mono) {
        let local = self.clock(now);
        let Some(session) = self.session.as_mut() else { return };
        if self.holds && self.consumes {
            // There may be nothing to consume.
            let _ = session.consumed(local, session.expected());
        }
        while let Some(chunk) = self.to_send.get(self.sent) {
            match session.send(local, ContentKind::Anml, chunk) {
                Ok(_) => self.sent += 1,
                Err(_) => break,
            }
        }
        if self.closes && self.sent == self.to_send.len() && session.close(local, TeardownReason::TaskComplete).is_ok()
        {
            self.closes = false;
        }
        self.hear(now);
    }

    /// The application forgets what it has not consumed, and asks for it again.
    pub fn rewind(&mut self, now: Mono) -> bool {
        let local = self.clock(now);
        let Some(session) = self.session.as_mut() else { return false };
        if session.rewind(local).is_err() {
            return false;
        }
        let kept = session.expected();
        self.received.retain(|sequence, _| *sequence < kept);
        self.finished = self.finished.filter(|fin| *fin < kept);
        self.hear(now);
        true
    }

    /// Everything that is due to be sent.
    pub fn transmit(&mut self, now: Mono) -> Vec<Vec<u8>> {
        self.transmit_to(now).into_iter().map(|(_, bytes)| bytes).collect()
    }

    /// The same, and where each of it goes.
    pub fn transmit_to(&mut self, now: Mono) -> Vec<(SocketAddr, Vec<u8>)> {
        let now = self.clock(now);
        let mut out = [0; TRANSMIT_BUFFER];
        let mut packets: Vec<(SocketAddr, Vec<u8>)> = Vec::new();
        let (mut refused, mut tries) = (0, 0);
        if let Some(session) = self.session.as_mut() {
            while let Some(transmit) = session.poll_transmit(now, &mut out).expect("long enough") {
                tries += 1;
                assert!(tries < 20_000, "what did not leave is never the last");
                if refused < self.refusals {
                    refused += 1;
                    session.not_sent(now);
                    continue;
                }
                refused = 0;
                packets.push((transmit.to, transmit.bytes.to_vec()));
                assert!(packets.len() < 10_000, "a machine that always has something to say never rests");
            }
        }
        packets
    }

    /// When something is due.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Mono> {
        let (at, _) = self.session.as_ref()?.next_deadline()?;
        Some(Mono(at.0.saturating_sub(self.ahead)))
    }

    /// Handles what is due.
    pub fn handle_deadline(&mut self, now: Mono) {
        let local = self.clock(now);
        if let Some(responder) = &mut self.responder {
            responder.handle_deadline(local, &mut self.rng);
        }
        if let Some(session) = &mut self.session {
            session.handle_deadline(local, &self.identity, &mut self.rng).expect("its own identity");
        }
        self.hear(now);
    }

    /// What was received as kind 0, in order, up to the FIN.
    #[must_use]
    pub fn stream(&self) -> Vec<u8> {
        let end = self.finished.unwrap_or(u64::MAX);
        self.received
            .range(..end)
            .filter(|(_, (kind, _))| *kind == ContentKind::Anml)
            .flat_map(|(_, (_, bytes))| bytes.clone())
            .collect()
    }
}
