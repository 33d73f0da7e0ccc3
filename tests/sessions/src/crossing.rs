//! Two hosts that both take sessions and both open one (PROFILE 4.6): what a host does around its
//! sessions so that a single session results.

use std::net::SocketAddr;

use iacp_core::crypto::{Provider, Secret32};
use iacp_core::identity::Identity;
use iacp_core::pss::{
    Admission, Capabilities, Closure, Gate, Incoming, Replied, Responder, Role, SessionEvent, Settings, TRANSMIT_BUFFER,
};
use iacp_core::time::Mono;
use iacp_wire::{Eid, Message};
use rand_chacha::ChaCha8Rng;
use rand_core::SeedableRng;

use crate::{SessionOf, Side, addr};

/// A datagram, and the side that it is for.
pub type Mail = (Side, Vec<u8>);

/// One of the two.
pub struct Opener<P: Provider> {
    side: Side,
    /// Its key.
    pub identity: Identity<P>,
    rng: ChaCha8Rng,
    responder: Responder<64>,
    /// Its own attempt, and the session that results from it.
    pub attempt: Box<SessionOf<P>>,
    /// How the attempt ended, if it did.
    pub ended: Option<Closure>,
    /// Sessions that were accepted, the oldest first.
    pub accepted: Vec<Box<SessionOf<P>>>,
}

/// What the host checks when a PSS_ACK comes.
struct Door<'a, P: Provider>(&'a SessionOf<P>);

impl<P: Provider> Gate for Door<'_, P> {
    fn stands_against(&mut self, peer: &Eid) -> bool {
        self.0.stands_against(peer)
    }
}

impl<P: Provider> Opener<P> {
    /// A host that accepts sessions, and opens none yet.
    #[must_use]
    pub fn new(side: Side, seed: u64, now: Mono, settings: Settings) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed ^ if side == Side::Alice { 0xA11CE } else { 0xB0B });
        let identity = Identity::from_seed(&Secret32::random(&mut rng));
        let responder = Responder::new(settings, now, &mut rng);
        let attempt = Box::new(SessionOf::<P>::IDLE);
        Self { side, identity, rng, responder, attempt, ended: None, accepted: Vec::new() }
    }

    /// It opens a session.
    pub fn open(&mut self, now: Mono, peer: Eid, offer: Capabilities) {
        let to = addr(self.side.other());
        self.attempt.initiate(now, &self.identity, peer, to, offer, &mut self.rng).expect("idle");
    }

    /// A datagram comes; returns what is answered at once.
    pub fn handle(&mut self, now: Mono, mut bytes: Vec<u8>) -> Option<Mail> {
        let from = addr(self.side.other());
        let incoming = Incoming::parse(&mut bytes).expect("nothing is corrupted");
        let answer = self.route(now, from, incoming);
        self.hear(now);
        answer.map(|bytes| (self.side.other(), bytes))
    }

    fn route(&mut self, now: Mono, from: SocketAddr, incoming: Incoming<'_>) -> Option<Vec<u8>> {
        let (initiator, responder) = incoming.cookies()?;
        if let Incoming::Signed(signed) = &incoming
            && let Message::PssInit(_) = signed.frame.message
        {
            let mut out = [0; TRANSMIT_BUFFER];
            let admit = |_: &Eid| Admission::Admit;
            return match self.responder.answer(now, &self.identity, from, signed, admit, &mut out) {
                Ok(Replied::Negotiate { length, .. }) => Some(out[..length].to_vec()),
                _ => None,
            };
        }
        for session in &mut self.accepted {
            if session.cookies() == (initiator, responder) {
                let _ = session.take(now, &self.identity, from, incoming);
                return None;
            }
        }
        if self.attempt.cookies().0 == initiator {
            let _ = self.attempt.take(now, &self.identity, from, incoming);
            return None;
        }
        if let Incoming::Signed(signed) = &incoming
            && let Message::PssAck(_) = signed.frame.message
            && let Ok(accepted) = self.responder.accept(now, &self.identity, from, signed, &mut Door(&self.attempt))
        {
            let mut session = Box::new(SessionOf::<P>::IDLE);
            session.accept(now, &accepted).expect("idle");
            self.accepted.push(session);
            if self.attempt.is_attempt_toward(&accepted.peer()) {
                // It may be resting already.
                let _ = self.attempt.rest(now);
            }
        }
        None
    }

    fn hear(&mut self, _now: Mono) {
        let mut established = false;
        for session in &mut self.accepted {
            while let Some(event) = session.poll_event() {
                established |= event == SessionEvent::Established;
            }
        }
        if established {
            let _ = self.attempt.supersede();
        }
        while let Some(event) = self.attempt.poll_event() {
            if let SessionEvent::Closed(closure) = event {
                self.ended = Some(closure);
            }
        }
    }

    /// Everything that is due to be sent.
    pub fn transmit(&mut self, now: Mono) -> Vec<Mail> {
        let mut out = [0; TRANSMIT_BUFFER];
        let mut sent = Vec::new();
        let to = self.side.other();
        for session in self.accepted.iter_mut().chain([&mut self.attempt]) {
            while let Some(transmit) = session.poll_transmit(now, &mut out).expect("long enough") {
                sent.push((to, transmit.bytes.to_vec()));
                assert!(sent.len() < 1_000);
            }
        }
        sent
    }

    /// When something is due.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Mono> {
        let sessions = self.accepted.iter().chain([&self.attempt]);
        sessions.filter_map(|session| session.next_deadline()).map(|(at, _)| at).min()
    }

    /// Handles what is due.
    pub fn handle_deadline(&mut self, now: Mono) {
        self.responder.handle_deadline(now, &mut self.rng);
        for session in self.accepted.iter_mut().chain([&mut self.attempt]) {
            session.handle_deadline(now, &self.identity, &mut self.rng).expect("its own");
        }
        self.hear(now);
    }

    /// Its sessions that can send and whose peer holds the keys: role and cookies.
    #[must_use]
    pub fn live(&self) -> Vec<(Role, (iacp_wire::Cookie, iacp_wire::Cookie))> {
        let sessions = self.accepted.iter().chain([&self.attempt]);
        sessions
            .filter(|session| session.is_ready() && session.peer_holds_keys())
            .map(|session| (session.role(), session.cookies()))
            .collect()
    }
}
