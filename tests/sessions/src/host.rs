//! One endpoint: an identity, a session, and an application that sends chunks and keeps what it gets.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use iacp_core::crypto::{Portable, Secret32};
use iacp_core::identity::Identity;
use iacp_core::pss::{
    Accepted, Admission, Answer, Capabilities, Closure, Discard, Event, Kind, RejectionReasons, Responder, SendError,
    Session, Settings, TRANSMIT_BUFFER, TeardownReason, Terms,
};
use iacp_core::time::Mono;
use iacp_wire::Eid;
use rand_chacha::ChaCha8Rng;
use rand_core::SeedableRng;

use crate::Side;

/// The sessions of these tests: a small log, so that it fills up.
pub type S = Session<Portable, 8192, 16>;

/// Everything that came in: sequence number to kind and content.
pub type Received = BTreeMap<u64, (Kind, Vec<u8>)>;

/// The address of a side.
#[must_use]
pub fn addr(side: Side) -> SocketAddr {
    match side {
        Side::Alice => ([192, 0, 2, 1], 4227).into(),
        Side::Bob => ([198, 51, 100, 2], 4227).into(),
    }
}

/// One endpoint.
pub struct Host {
    /// Which one.
    pub side: Side,
    /// Where its packets come from.
    pub at: SocketAddr,
    /// Its key.
    pub identity: Identity<Portable>,
    /// Its randomness.
    pub rng: ChaCha8Rng,
    /// What makes its sessions, if it takes any.
    pub responder: Option<Responder<32>>,
    /// Its session.
    pub session: Option<Box<S>>,
    /// How many sessions PSS_ACKs have made here.
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
}

impl Host {
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
        }
    }

    /// It takes sessions.
    pub fn listen(&mut self, now: Mono, settings: Settings) {
        self.responder = Some(Responder::new(settings, now, &mut self.rng));
    }

    /// It opens a session.
    pub fn initiate(&mut self, now: Mono, peer: Eid, to: SocketAddr, offer: Capabilities) {
        self.session = Some(Box::new(S::initiate(now, &self.identity, peer, to, offer, &mut self.rng)));
    }

    /// A datagram arrives. Returns what the stateless responder answers at once.
    pub fn handle(&mut self, now: Mono, from: SocketAddr, mut bytes: Vec<u8>) -> Option<Vec<u8>> {
        if let Some(answer) = self.handshake(now, from, &bytes) {
            return answer;
        }
        let session = self.session.as_mut()?;
        match session.handle(now, &self.identity, from, &mut bytes) {
            Event::Data { sequence, kind, content } => {
                if self.received.insert(sequence, (kind, content.to_vec())).is_some() {
                    self.delivered_twice += 1;
                }
            }
            Event::Finished { sequence } => self.finished = Some(sequence),
            Event::Proposed { terms, .. } => self.bargain(now, terms),
            Event::Contract(terms) => self.contract = Some(terms),
            Event::CloseRequested { .. } => self.closes = true,
            Event::Closed(closure) => self.closure = Some(closure),
            Event::Nothing | Event::Discarded(_) | Event::Established | Event::Reconciling => {}
        }
        None
    }

    /// What concerns the responder and not the session: `Some` if it was that.
    fn handshake(&mut self, now: Mono, from: SocketAddr, bytes: &[u8]) -> Option<Option<Vec<u8>>> {
        use iacp_wire::{Frame, Message};
        let responder = self.responder.as_mut()?;
        match Frame::parse(bytes).ok()?.message {
            Message::PssInit(_) => {
                let mut out = [0; TRANSMIT_BUFFER];
                let admit = |_: &Eid| Admission::Admit;
                match responder.answer(now, &self.identity, from, bytes, admit, &mut out) {
                    Ok(Answer::Negotiate { length, .. }) => Some(Some(out[..length].to_vec())),
                    Ok(Answer::DemandWork { .. }) => Some(None),
                    Err(discard) => {
                        self.refused.push(discard);
                        Some(None)
                    }
                }
            }
            Message::PssAck(_) => match responder.accept(now, &self.identity, from, bytes) {
                Ok(accepted) => {
                    self.take(now, accepted);
                    Some(None)
                }
                // A repeat is the session's business; the rest may be its negotiation's.
                Err(discard) => {
                    self.refused.push(discard);
                    None
                }
            },
            _ => None,
        }
    }

    fn take(&mut self, now: Mono, accepted: Accepted<Portable>) {
        self.accepted += 1;
        self.accepted_cookies.push(accepted.cookies());
        if self.session.as_ref().is_none_or(|session| session.closure().is_some()) {
            self.session = Some(Box::new(S::accept(now, accepted)));
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
        if answer == Err(SendError::NotNow) {
            let _ = session.accept_terms(now, &self.identity);
        }
        self.contract = session.contract();
    }

    /// The application sends what it can.
    pub fn work(&mut self, now: Mono) {
        let Some(session) = self.session.as_mut() else { return };
        while let Some(chunk) = self.to_send.get(self.sent) {
            match session.send(now, Kind::Anml, chunk) {
                Ok(_) => self.sent += 1,
                Err(_) => return,
            }
        }
        if self.closes && session.close(now, TeardownReason::TaskComplete).is_ok() {
            self.closes = false;
        }
    }

    /// Everything that is due to be sent.
    pub fn transmit(&mut self, now: Mono) -> Vec<Vec<u8>> {
        let mut out = [0; TRANSMIT_BUFFER];
        let mut packets = Vec::new();
        if let Some(session) = self.session.as_mut() {
            while let Some(transmit) = session.poll_transmit(now, &mut out).expect("long enough") {
                packets.push(transmit.bytes.to_vec());
                assert!(packets.len() < 10_000, "a machine that always has something to say never rests");
            }
        }
        packets
    }

    /// When something is due.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Mono> {
        self.session.as_ref()?.next_deadline().map(|(at, _)| at)
    }

    /// It is due.
    pub fn handle_deadline(&mut self, now: Mono) {
        if let Some(responder) = &mut self.responder {
            responder.handle_deadline(now, &mut self.rng);
        }
        let Some(session) = &mut self.session else { return };
        if let Some(closure) = session.handle_deadline(now, &self.identity, &mut self.rng) {
            self.closure = Some(closure);
        }
    }

    /// What was received as kind 0, in order, up to the FIN.
    #[must_use]
    pub fn stream(&self) -> Vec<u8> {
        let end = self.finished.unwrap_or(u64::MAX);
        self.received
            .range(..end)
            .filter(|(_, (kind, _))| *kind == Kind::Anml)
            .flat_map(|(_, (_, bytes))| bytes.clone())
            .collect()
    }
}
