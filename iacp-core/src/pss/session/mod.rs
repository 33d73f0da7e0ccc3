//! The session machine: one contract from the first PSS_INIT to the last repeat of a teardown.
//!
//! ```text
//! handle            a datagram in, an event out
//! poll_transmit     a datagram out, until there is none
//! next_deadline     when something is due, and why
//! handle_deadline   it is due
//! ```

mod bargain;
pub mod continuity;
mod end;
pub mod lifecycle;
mod receive;
pub(crate) mod teardown;
mod transmit;

pub use transmit::TRANSMIT_BUFFER;

use core::net::SocketAddr;

use iacp_wire::{Cookie, Eid, Flags};

use rand_core::CryptoRng;

use self::teardown::Closing;
use crate::crypto::Provider;
use crate::identity::Identity;
use crate::pss::SILENCE;
use crate::pss::discard::Discards;
use crate::pss::error::SendError;
use crate::pss::event::{Closure, TeardownReason};
use crate::pss::handshake::Role;
use crate::pss::handshake::contract::Negotiation;
use crate::pss::handshake::initiator::{Initiation, Offered};
use crate::pss::handshake::keys::{SessionKeys, TicketKeys};
use crate::pss::handshake::responder::Accepted;
use crate::pss::handshake::terms::{Capabilities, Terms};
use crate::pss::stream::frame::Cookies;
use crate::pss::stream::inbound::Inbound;
use crate::pss::stream::kind::Kind;
use crate::pss::stream::outbound::Outbound;
use crate::time::{Backoff, Mono};

/// A DISCONNECTED session is wiped after this long, in milliseconds, unless the caller sets another limit.
pub const RECONNECT_LIMIT: u64 = 3_600_000;

/// A Persistent State Session.
///
/// Its keys seal only while this memory lives, so it cannot be cloned, and it is not to be restored from a copy: who
/// lost it makes a new handshake.
// keeps: IACP-166
pub struct Session<P: Provider, const LOG: usize, const FRAMES: usize> {
    role: Role,
    own: Eid,
    peer: Eid,
    cookies: Cookies,
    /// Where the peer is.
    to: SocketAddr,
    lifecycle: lifecycle::State,
    /// Says something once there are keys.
    continuity: continuity::State,
    offer: Capabilities,
    /// The initiator's handshake, until an authentic frame confirms the keys.
    initiation: Option<Initiation>,
    /// A sealed frame of the peer's was taken: it holds the keys.
    heard: bool,
    /// Data confirmed the keys before a heartbeat did.
    unannounced: bool,
    negotiation: Option<Negotiation>,
    contract: Option<Terms>,
    tickets: Option<TicketKeys>,
    outbound: Outbound<P, LOG, FRAMES>,
    inbound: Inbound<P, FRAMES>,
    /// SHA-256 of the PSS_ACK that made this session, on the responder's side.
    ack_digest: Option<[u8; 32]>,
    closing: Closing,
    closure: Option<Closure>,
    discards: Discards,
    timers: Timers,
}

/// All that a session knows of time.
struct Timers {
    last_authentic: Mono,
    /// When our last heartbeat went out. Repeats of data do not count: the peer cannot tell them from an echo.
    last_heartbeat: Mono,
    /// When the peer last acknowledged data, or had none to acknowledge.
    progress: Mono,
    /// When the next heartbeat is due.
    acknowledge: Option<Mono>,
    /// A data frame has been taken.
    data_seen: bool,
    /// Data frames since our last heartbeat.
    unacknowledged: u32,
    /// When a repeat that anybody could have sent was last answered.
    echoed: Option<Mono>,
    /// When a repeat whose signature holds, or whose bytes are known, was last answered.
    answered: Option<Mono>,
    lifetime_end: Option<Mono>,
    disconnected: Option<Mono>,
    reconnect_limit: u64,
    /// Heartbeats while the transport comes back, and how long they go on.
    probe: Option<(Backoff, Mono)>,
    /// The peer's next sequence number, as of its last heartbeat while reconciling.
    reconcile_to: u64,
    /// When the last kept bytes are forgotten.
    forget: Option<Mono>,
}

impl Timers {
    const fn new(now: Mono) -> Self {
        Self {
            last_authentic: now,
            last_heartbeat: now,
            progress: now,
            acknowledge: None,
            data_seen: false,
            unacknowledged: 0,
            echoed: None,
            answered: None,
            lifetime_end: None,
            disconnected: None,
            reconnect_limit: RECONNECT_LIMIT,
            probe: None,
            reconcile_to: 0,
            forget: None,
        }
    }
}

impl<P: Provider, const LOG: usize, const FRAMES: usize> Session<P, LOG, FRAMES> {
    fn empty(role: Role, own: Eid, peer: Eid, to: SocketAddr, cookies: Cookies, now: Mono) -> Self {
        Self {
            role,
            own,
            peer,
            cookies,
            to,
            lifecycle: lifecycle::State::INITIAL,
            continuity: continuity::State::INITIAL,
            offer: Capabilities::NONE,
            initiation: None,
            heard: false,
            unannounced: false,
            negotiation: None,
            contract: None,
            tickets: None,
            outbound: Outbound::new(),
            inbound: Inbound::new(),
            ack_digest: None,
            closing: Closing::default(),
            closure: None,
            discards: Discards::default(),
            timers: Timers::new(now),
        }
    }

    /// Opens a session with `peer`: its PSS_INIT is due at once.
    #[must_use]
    pub fn initiate(
        now: Mono,
        identity: &Identity<P>,
        peer: Eid,
        to: SocketAddr,
        offer: Capabilities,
        rng: &mut impl CryptoRng,
    ) -> Self {
        let cookies = Cookies { initiator: Cookie::ZERO, responder: Cookie::ZERO };
        let mut session = Self::empty(Role::Initiator, identity.eid(), peer, to, cookies, now);
        session.offer = offer.offerable();
        session.attempt(now, identity, 0, rng);
        session
    }

    /// One attempt at the handshake, with a new I-Cookie and KEY_SHARE. Keys of the attempt before are wiped.
    fn attempt(&mut self, now: Mono, identity: &Identity<P>, restarts: u8, rng: &mut impl CryptoRng) {
        self.outbound.wipe();
        self.inbound.wipe();
        self.negotiation = None;
        self.contract = None;
        self.tickets = None;
        self.timers.lifetime_end = None;
        self.continuity = continuity::State::INITIAL;
        let initiation = Initiation::new(identity, &self.peer, self.offer, now, restarts, rng);
        self.cookies = Cookies { initiator: initiation.cookie, responder: Cookie::ZERO };
        self.initiation = Some(initiation);
        match self.lifecycle {
            lifecycle::State::Closed => {}
            lifecycle::State::Hearing => self.lifecycle_step(lifecycle::Event::HandshakeFailed),
            lifecycle::State::Established => self.lifecycle_step(lifecycle::Event::TeardownOrRevocation),
        }
        self.lifecycle_step(lifecycle::Event::TransmitPssInit);
    }

    /// The responder's side of a session: its heartbeat, which confirms the keys, is due at once.
    #[must_use]
    pub fn accept(now: Mono, accepted: Accepted<P>) -> Self {
        let Accepted { own, peer, cookies, from, keys, peer_initial_sequence, proposal, .. } = accepted;
        let mut session = Self::empty(Role::Responder, own, peer, from, cookies, now);
        session.ack_digest = Some(accepted.ack_digest);
        session.lifecycle_step(lifecycle::Event::AcceptPssAck);
        let window = proposal.terms.receive_window;
        session.outbound.start(keys.send, proposal.initial_sequence, window);
        session.inbound.start(keys.receive, peer_initial_sequence, window);
        session.tickets = Some(keys.tickets);
        let contract = proposal.capabilities.contains(Capabilities::SFC);
        session.begin(now, contract, accepted.terms_accepted, proposal.terms);
        if contract && !accepted.terms_accepted {
            session.negotiation = Some(Negotiation::new(
                proposal.capabilities,
                proposal.initial_sequence,
                peer_initial_sequence,
                [accepted.own_share, accepted.peer_share],
                accepted.negotiation_digest,
                now,
            ));
        }
        session.acknowledge_by(now);
        session
    }

    /// The initiator has said PSS_ACK.
    fn start(
        &mut self,
        now: Mono,
        keys: SessionKeys<P>,
        own_initial_sequence: u64,
        share: iacp_wire::X25519Key,
        offered: &Offered,
        accepted: bool,
    ) {
        let proposal = offered.proposal;
        let window = proposal.terms.receive_window;
        self.outbound.start(keys.send, own_initial_sequence, window);
        self.inbound.start(keys.receive, proposal.initial_sequence, window);
        self.tickets = Some(keys.tickets);
        self.lifecycle_step(lifecycle::Event::EmitPssAck);
        let contract = proposal.capabilities.contains(Capabilities::SFC);
        self.begin(now, contract, accepted, proposal.terms);
        if contract && !accepted {
            self.negotiation = Some(Negotiation::new(
                proposal.capabilities,
                own_initial_sequence,
                proposal.initial_sequence,
                [share, offered.share],
                offered.digest,
                now,
            ));
        }
    }

    /// There are keys: the session's inner life begins (`IACP Appendix B.4`).
    fn begin(&mut self, now: Mono, contract: bool, accepted: bool, terms: Terms) {
        self.timers.last_authentic = now;
        self.continuity = continuity::State::PssNegotiating;
        if contract && !accepted {
            return;
        }
        if contract {
            self.effective(now, terms);
        } else {
            self.continuity = continuity::State::Established;
            self.live_for(now, terms.lifetime);
        }
    }

    /// The contract is effective, and with it the flow of data.
    // keeps: IACP-147
    fn effective(&mut self, now: Mono, terms: Terms) {
        self.continuity_step(continuity::Event::SfcEffective);
        self.contract = Some(terms);
        self.outbound.set_window(terms.receive_window);
        self.inbound.set_window(terms.receive_window);
        self.live_for(now, terms.lifetime);
    }

    fn live_for(&mut self, now: Mono, seconds: u32) {
        self.timers.lifetime_end = (seconds > 0).then(|| now.after(u64::from(seconds) * 1_000));
    }

    /// A move that the table does not have is no move.
    fn lifecycle_step(&mut self, event: lifecycle::Event) {
        let _ = self.lifecycle.step(event);
    }

    fn continuity_step(&mut self, event: continuity::Event) {
        let _ = self.continuity.step(event);
    }

    /// A heartbeat is due at this time, if not earlier.
    fn acknowledge_by(&mut self, at: Mono) {
        self.timers.acknowledge = Some(self.timers.acknowledge.map_or(at, |due| due.min(at)));
    }

    /// Data may flow.
    fn flows(&self) -> bool {
        use continuity::State::{AnomalyFlagged, Established};
        self.closure.is_none() && self.initiation.is_none() && matches!(self.continuity, Established | AnomalyFlagged)
    }

    /// Sends content: it is sealed now, and repeated until it is acknowledged. Returns its sequence number.
    ///
    /// # Errors
    /// Nothing has changed; [`SendError::Full`] means later.
    pub fn send(&mut self, now: Mono, kind: Kind, content: &[u8]) -> Result<u64, SendError> {
        self.send_with(now, kind, content.len(), |room| room.copy_from_slice(content))
    }

    /// Like [`Self::send`]; the content is written where it will be sealed, without a copy.
    ///
    /// # Errors
    /// Nothing has changed; [`SendError::Full`] means later.
    pub fn send_with(
        &mut self,
        now: Mono,
        kind: Kind,
        length: usize,
        write: impl FnOnce(&mut [u8]),
    ) -> Result<u64, SendError> {
        if self.closing.wanted.is_some() {
            return Err(SendError::Finished);
        }
        if !self.flows() {
            return Err(SendError::NotNow);
        }
        if kind == Kind::Resume {
            return Err(SendError::Kind);
        }
        self.seal(now, kind, Flags::NONE, length, write)
    }

    fn seal(
        &mut self,
        now: Mono,
        kind: Kind,
        flags: Flags,
        length: usize,
        write: impl FnOnce(&mut [u8]),
    ) -> Result<u64, SendError> {
        let idle = self.outbound.log.is_empty();
        let sequence = self.outbound.seal(now, self.cookies, kind, flags, length, write)?;
        if idle {
            self.timers.progress = now;
        }
        Ok(sequence)
    }

    /// This side has said everything: an empty frame with FIN commits the terminal checksum. The peer may go on.
    ///
    /// # Errors
    /// Nothing has changed; [`SendError::Full`] means later.
    // keeps: IACP-151
    pub fn finish(&mut self, now: Mono) -> Result<u64, SendError> {
        if !self.flows() {
            return Err(SendError::NotNow);
        }
        self.seal(now, Kind::Anml, Flags::FIN, 0, |_| ())
    }

    /// Ends the session in good order, or agrees to the peer's wish to: everything that was sent is flushed, both
    /// directions are finished, both sides confirm. [`Closure::Graceful`] says when.
    ///
    /// # Errors
    /// There is no session to end in good order: see [`Self::abort`].
    pub fn close(&mut self, now: Mono, reason: TeardownReason) -> Result<(), SendError> {
        if !self.flows() {
            return Err(SendError::NotNow);
        }
        self.closing.wanted = Some(reason);
        self.flush(now);
        Ok(())
    }

    /// Commits our FIN as soon as there is room for it.
    fn flush(&mut self, now: Mono) {
        if self.closing.wanted.is_some() && !self.outbound.finished() {
            // Full: the next acknowledgement makes room.
            let _ = self.finish(now);
        }
    }

    /// The transport below reports its end: DISCONNECTED. Nothing is sent until [`Self::reconnect`], or until the peer
    /// shows itself.
    pub fn transport_lost(&mut self, now: Mono) -> Option<Closure> {
        if self.closure.is_some() || self.initiation.is_some() {
            return None;
        }
        // A negotiation that loses its transport is over.
        if self.continuity == continuity::State::PssNegotiating {
            return Some(self.shut(Closure::Lost { truncated: true }));
        }
        self.continuity.next(continuity::Event::QuicConnClose)?;
        self.continuity_step(continuity::Event::QuicConnClose);
        self.timers.disconnected = Some(now);
        self.timers.probe = None;
        self.timers.acknowledge = None;
        None
    }

    /// A new transport leads to the peer at `to`: heartbeats go there until the peer answers.
    // keeps: IACP-144
    pub fn reconnect(&mut self, now: Mono, to: SocketAddr) {
        if self.closure.is_none() && self.continuity == continuity::State::Disconnected {
            self.to = to;
            self.timers.probe = Some((Backoff::now(now), now.after(SILENCE)));
        }
    }

    /// How long a DISCONNECTED session is kept, in milliseconds.
    pub const fn set_reconnect_limit(&mut self, milliseconds: u64) {
        self.timers.reconnect_limit = milliseconds;
    }

    /// Which side of the handshake this is.
    #[must_use]
    pub const fn role(&self) -> Role {
        self.role
    }

    /// Who is at the other end.
    #[must_use]
    pub const fn peer(&self) -> Eid {
        self.peer
    }

    /// Where the peer is.
    #[must_use]
    pub const fn locator(&self) -> SocketAddr {
        self.to
    }

    /// The I-Cookie and the R-Cookie; the latter is zero until the responder has answered.
    #[must_use]
    pub const fn cookies(&self) -> (Cookie, Cookie) {
        (self.cookies.initiator, self.cookies.responder)
    }

    /// The state of `IACP §6.4.2`.
    #[must_use]
    pub const fn lifecycle(&self) -> lifecycle::State {
        self.lifecycle
    }

    /// The state of `IACP Appendix B.4`, once there are keys.
    #[must_use]
    pub const fn continuity(&self) -> continuity::State {
        self.continuity
    }

    /// Both sides are known to hold the keys, and data may be sent.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.flows()
    }

    /// The contract, once it is effective.
    #[must_use]
    pub const fn contract(&self) -> Option<Terms> {
        self.contract
    }

    /// The keys of the session's Forwarding Tickets, once. They outlive the session, in the hands of whoever deposits
    /// tickets and redeems them.
    pub fn take_ticket_keys(&mut self) -> Option<TicketKeys> {
        self.tickets.take()
    }

    /// Sequence numbers that are sealed and not acknowledged: from, and up to but not including.
    #[must_use]
    pub const fn unacknowledged(&self) -> (u64, u64) {
        (self.outbound.log.first(), self.outbound.log.next())
    }

    /// The lowest sequence number that has not arrived.
    #[must_use]
    pub const fn expected(&self) -> u64 {
        self.inbound.expected()
    }

    /// Everything that was sent, the FIN included, has arrived at the peer.
    #[must_use]
    pub fn delivered_all(&self) -> bool {
        self.outbound.fin_acknowledged()
    }

    /// A sealed frame of the peer's was taken: it holds the keys, and did not only sign.
    #[must_use]
    pub const fn peer_holds_keys(&self) -> bool {
        self.heard
    }

    /// The peer's FIN and everything before it has arrived.
    #[must_use]
    pub fn received_all(&self) -> bool {
        self.inbound.complete()
    }

    /// How the session ended, once it has.
    #[must_use]
    pub const fn closure(&self) -> Option<Closure> {
        self.closure
    }

    /// The session has ended, and nothing is kept for repeats any more: its memory may go.
    #[must_use]
    pub const fn is_over(&self) -> bool {
        self.closure.is_some() && self.timers.forget.is_none() && self.closing.last_word.is_none()
    }

    /// What was discarded, and why.
    #[must_use]
    pub const fn discards(&self) -> &Discards {
        &self.discards
    }
}
