//! The session machine: one session from the first PSS_INIT to the last repetition of a teardown.
//!
//! ```text
//! handle            a datagram in
//! poll_event        what has changed, until nothing has
//! poll_transmit     a datagram out, until there is none
//! next_deadline     when something is due, and why
//! handle_deadline   it is due
//! ```

mod bargain;
pub mod continuity;
mod crossing;
mod deadline;
pub(crate) mod dock;
mod end;
mod gate;
pub(crate) mod life;
pub mod lifecycle;
mod notices;
mod outbox;
mod path;
mod receive;
mod send;
mod stage;
pub(crate) mod teardown;
mod transmit;
mod view;

pub(crate) use transmit::Place;
pub use transmit::TRANSMIT_BUFFER;

use core::net::SocketAddr;

use iacp_wire::{Cookie, Eid};
use rand_core::CryptoRng;

use self::life::{Life, PROBE_CEILING, PROBE_FIRST};
use self::notices::{Notice, Notices};
use self::outbox::{Acknowledgement, LastSent};
use self::path::Path;
use self::stage::{Business, Link, Open, Stage};

use crate::crypto::stack::{AFTERWARDS, scrub};
use crate::crypto::{CheckedKey, Provider, Secret32, WeakKey};
use crate::identity::Identity;
use crate::pss::discard::Discards;
use crate::pss::error::{NotNow, StartError};
use crate::pss::event::{Closure, SessionEvent};
use crate::pss::handshake::Role;
use crate::pss::handshake::contract::{Acceptance, Negotiation};
use crate::pss::handshake::frames::Proof;
use crate::pss::handshake::initiator::Attempt;
use crate::pss::handshake::keys::TicketKeys;
use crate::pss::handshake::responder::Accepted;
use crate::pss::handshake::terms::{Capabilities, Terms};
use crate::pss::packed::Packed;
use crate::pss::stream::congestion::{Congestion, Flight};
use crate::pss::stream::frame::Cookies;
use crate::pss::stream::inbound::Inbound;
use crate::pss::stream::outbound::Outbound;
use crate::time::{Backoff, Mono};

/// The identities of the two sides, and the cookies of their frames.
struct Names {
    role: Role,
    own: Eid,
    /// The peer's EID, which was checked once and need not be checked again.
    peer: CheckedKey,
    cookies: Cookies,
    /// The agreed capabilities, once there are keys: all bits with a meaning are in the lowest byte.
    agreed: u8,
}

impl Names {
    const fn peer(&self) -> Eid {
        Eid(*self.peer.bytes())
    }
}

/// A Persistent State Session, in memory of the caller: `LOG` bytes of sealed frames that the peer has not
/// acknowledged, `FRAMES` frames in flight each way (a power of two), and the congestion control `C`.
///
/// It is made in place: [`Self::IDLE`] is a constant, and [`Self::initiate`] or [`Self::accept`] begin a session in it.
/// After the end, the memory may be used for the next session.
///
/// ```
/// use iacp_core::crypto::Portable;
/// use iacp_core::pss::Session;
///
/// // Two sessions of a microcontroller, in its memory from the start.
/// let sessions: [Session<Portable, 2048, 4>; 2] = [const { Session::IDLE }; 2];
/// assert!(sessions.iter().all(Session::is_over));
/// ```
///
/// It cannot be cloned, and must not be restored from a copy, because a nonce could then be used twice: a host that
/// lost the memory makes a new handshake.
// keeps: IACP-166 (§8.2)
pub struct Session<P: Provider, const LOG: usize, const FRAMES: usize, C: Congestion = Flight> {
    stage: Stage,
    names: Names,
    path: Path,
    life: Life,
    acknowledgement: Acknowledgement,
    /// Since when nothing of what was sent has arrived.
    progress: Mono,
    /// How long a DISCONNECTED session is kept, if not [`RECONNECT_LIMIT`].
    reconnect_limit: Packed,
    /// Since when data and PSS_INIT must not leave, if they must not.
    gate: Packed,
    /// The reason for which the application wants to end the session, until that can be done.
    wish: Option<u16>,
    /// Whether this side acknowledges what its application has consumed, not what has arrived.
    hold: bool,
    /// Whether the application was told that there is no room.
    wants_room: bool,
    notices: Notices,
    last_sent: LastSent,
    discards: Discards,
    tickets: Option<TicketKeys>,
    outbound: Outbound<P, C, LOG, FRAMES>,
    inbound: Inbound<P, FRAMES>,
}

impl<P: Provider, const LOG: usize, const FRAMES: usize, C: Congestion> Session<P, LOG, FRAMES, C> {
    /// Memory without a session. All of its bytes are zero, so a static of it takes no flash.
    pub const IDLE: Self = Self {
        stage: Stage::Idle,
        names: Names {
            role: Role::Initiator,
            own: Eid([0; 32]),
            peer: CheckedKey::NONE,
            cookies: Cookies { initiator: Cookie::ZERO, responder: Cookie::ZERO },
            agreed: 0,
        },
        path: Path::IDLE,
        life: Life::IDLE,
        acknowledgement: Acknowledgement::IDLE,
        progress: Mono(0),
        reconnect_limit: Packed::NONE,
        gate: Packed::NONE,
        wish: None,
        hold: false,
        wants_room: false,
        notices: Notices::NONE,
        last_sent: LastSent::Nothing,
        discards: Discards::NONE,
        tickets: None,
        outbound: Outbound::IDLE,
        inbound: Inbound::IDLE,
    };

    /// Begins a new session in this memory.
    fn begin(&mut self, role: Role, own: Eid, peer: CheckedKey, home: SocketAddr, cookies: Cookies) {
        self.stage.close(lifecycle::Event::HandshakeFailed, Stage::Idle);
        self.outbound.forget();
        self.inbound.forget();
        self.names = Names { role, own, peer, cookies, agreed: 0 };
        self.path.begin(home);
        self.acknowledgement = Acknowledgement::IDLE;
        (self.gate, self.wish, self.wants_room, self.tickets) = (Packed::NONE, None, false, None);
        (self.notices, self.last_sent, self.discards) = (Notices::NONE, LastSent::Nothing, Discards::NONE);
    }

    const fn check_start(&self) -> Result<(), StartError> {
        match self.stage {
            Stage::Idle | Stage::Over(_) => Ok(()),
            _ => Err(StartError::Busy),
        }
    }

    /// Opens a session with `peer`, whose presumed address is `to`: the PSS_INIT is due immediately.
    ///
    /// # Errors
    /// This memory is in use, or the peer has our own EID or one that is not a key. Nothing has changed.
    pub fn initiate(
        &mut self,
        now: Mono,
        identity: &Identity<P>,
        peer: Eid,
        to: SocketAddr,
        offer: Capabilities,
        rng: &mut impl CryptoRng,
    ) -> Result<(), StartError> {
        self.initiate_found(now, identity, peer, to, offer, None, rng)
    }

    /// The same with a peer that a search has found: PSS_INIT shows what [`Search::proof`](crate::discovery::Search::proof) has made
    /// for the two, under the signature of all of it, until the peer has answered.
    ///
    /// # Errors
    /// As [`Self::initiate`].
    // keeps: IACP-141 (B.1)
    #[expect(clippy::too_many_arguments, reason = "time, identity, randomness and memory are all the caller's")]
    pub fn initiate_found(
        &mut self,
        now: Mono,
        identity: &Identity<P>,
        peer: Eid,
        to: SocketAddr,
        offer: Capabilities,
        proof: Option<[u8; 16]>,
        rng: &mut impl CryptoRng,
    ) -> Result<(), StartError> {
        self.check_start()?;
        if peer == identity.eid() {
            return Err(StartError::OwnEid);
        }
        let peer = CheckedKey::new::<P>(&peer.0).map_err(|WeakKey| StartError::PeerKey)?;
        let cookies = Cookies { initiator: Cookie::ZERO, responder: Cookie::ZERO };
        self.begin(Role::Initiator, identity.eid(), peer, to, cookies);
        self.attempt(now, identity, (offer.offerable::<P>(), proof), 0, rng);
        Ok(())
    }

    /// Begins an attempt at the handshake, with a new I-Cookie and KEY_SHARE. The keys of the previous attempt are
    /// wiped.
    fn attempt(
        &mut self,
        now: Mono,
        identity: &Identity<P>,
        offered: (Capabilities, Option<Proof>),
        restarts: u8,
        rng: &mut impl CryptoRng,
    ) {
        scrub();
        {
            let _clear = AFTERWARDS;
            self.begin_attempt(now, offered, restarts, rng);
        }
        // The attempt is already in its place, so the stack is free for the signature.
        if let Stage::Hearing(attempt) = &mut self.stage {
            attempt.sign(identity, &self.names.peer);
        }
    }

    #[inline(never)]
    fn begin_attempt(
        &mut self,
        now: Mono,
        (offer, proof): (Capabilities, Option<Proof>),
        restarts: u8,
        rng: &mut impl CryptoRng,
    ) {
        self.outbound.forget();
        self.inbound.forget();
        (self.tickets, self.names.agreed) = (None, 0);
        self.stage.close(lifecycle::Event::HandshakeFailed, Stage::Idle);
        let attempt = Attempt::new::<P>(offer, proof, now, restarts, rng);
        self.names.cookies = Cookies { initiator: attempt.cookie, responder: Cookie::ZERO };
        self.stage.step(lifecycle::Event::TransmitPssInit, Stage::Hearing(attempt));
    }

    /// Begins the responder's side of a session: its heartbeat, which confirms the keys, is due immediately.
    ///
    /// # Errors
    /// This memory is in use; nothing has changed, and the initiator has to begin again.
    pub fn accept(&mut self, now: Mono, accepted: &Accepted) -> Result<(), StartError> {
        scrub();
        let _clear = AFTERWARDS;
        self.begin_accepted(now, accepted)
    }

    #[inline(never)]
    fn begin_accepted(&mut self, now: Mono, accepted: &Accepted) -> Result<(), StartError> {
        self.check_start()?;
        let Accepted { own, peer, cookies, from, ref prk, own_party, peer_party, proposal, .. } = *accepted;
        self.begin(Role::Responder, own, peer, from, cookies);
        self.path.set_secret(accepted.place_secret);
        self.start(
            now,
            prk,
            own_party.initial_sequence(),
            proposal.capabilities,
            peer_party.initial_sequence(),
            proposal.terms,
        );
        let contract = accepted.wants_contract();
        let business = if contract && !accepted.terms_accepted {
            let digest = accepted.negotiation_digest;
            Business::Bargain(Negotiation::new(proposal.capabilities, own_party, peer_party, digest, now))
        } else {
            Business::None
        };
        let open = Open::new(now, business, contract, proposal.terms, Some(accepted.ack_digest), false);
        self.stage.step(lifecycle::Event::AcceptPssAck, Stage::Open(open));
        if self.contract().is_some() {
            self.notices.add(Notice::Contract);
        }
        self.acknowledge_by(now);
        Ok(())
    }

    /// There are keys.
    fn start(
        &mut self,
        now: Mono,
        prk: &Secret32,
        own_sequence: u64,
        agreed: Capabilities,
        peer_sequence: u64,
        terms: Terms,
    ) {
        let (suite, way) = (agreed.suite(), self.names.role.way());
        self.outbound.start(prk, way, suite, own_sequence, terms.receive_window);
        self.names.agreed = u8::try_from(agreed.bits() & 0xFF).unwrap_or(0);
        let resume = agreed.contains(Capabilities::RESUME);
        self.inbound.start(prk, way.opposite(), suite, peer_sequence, terms.receive_window, (self.hold, resume));
        self.tickets = Some(TicketKeys::derive::<P>(prk, way));
        self.life.begin(now);
        self.progress = now;
    }

    /// The contract becomes effective, and data may flow.
    // keeps: IACP-147 (§6.4.4)
    fn effective(&mut self, now: Mono, terms: Terms, acceptance: Option<Acceptance>) {
        let Stage::Open(open) = &mut self.stage else { return };
        open.settle(now, terms, acceptance);
        self.outbound.set_window(terms.receive_window);
        self.inbound.set_window(terms.receive_window);
        self.notices.add(Notice::Contract);
        self.flush(now);
    }

    /// The transport below has ended: DISCONNECTED. Nothing is sent until [`Self::reconnect`], or until a frame of the
    /// peer arrives. A negotiation that loses its transport ends.
    pub fn transport_lost(&mut self, now: Mono) {
        self.lose(now, None);
    }

    /// DISCONNECTED as of `since`.
    fn lose(&mut self, since: Mono, probe: Option<Backoff>) {
        let Stage::Open(open) = &mut self.stage else { return };
        if let Business::Bargain(_) = open.business {
            self.shut(Closure::Lost { truncated: true }, None);
            return;
        }
        if let Link::Lost(lost) = &mut open.link {
            // The transport for the probes is gone.
            lost.probe = probe;
            return;
        }
        // While the gate is closed, none of our data can arrive.
        let stalled = self.gate.moment().map_or(since, |closed| closed.min(since)).since(self.progress);
        let heartbeat = self.outbound.next_heartbeat();
        let lost = stage::Lost { since, heartbeat, probe, stalled };
        open.step(continuity::Event::QuicConnClose, Link::Lost(lost));
        self.acknowledgement.stop();
        self.life.forget();
        self.notices.add(Notice::Disconnected);
    }

    /// There is a new transport to the peer at `to`: heartbeats go there until the peer answers.
    ///
    /// # Errors
    /// The session is not DISCONNECTED. Nothing has changed.
    // keeps: IACP-144 (§6.4.2)
    pub fn reconnect(&mut self, now: Mono, to: SocketAddr) -> Result<(), NotNow> {
        let Stage::Open(Open { link: Link::Lost(lost), .. }) = &mut self.stage else { return Err(NotNow) };
        lost.probe = Some(Backoff::starting(now, PROBE_FIRST, PROBE_CEILING));
        self.path.begin(to);
        Ok(())
    }

    /// A verified binding or ticket has `at` as the peer's address: heartbeats go there, and it becomes the peer's home
    /// when the peer answers. At most three such claims are followed at a time.
    ///
    /// Returns `false` if the session is not open; then nothing is sent.
    pub fn claim(&mut self, now: Mono, at: SocketAddr) -> bool {
        let open = matches!(self.stage, Stage::Open(_));
        if open {
            self.path.expire(now);
            self.path.claim(now, at);
        }
        open
    }

    /// Sets how long a DISCONNECTED session is kept, in milliseconds, from the next loss on. It stays set for later
    /// sessions in this memory, until [`Self::wipe`].
    pub const fn set_reconnect_limit(&mut self, milliseconds: u64) {
        self.reconnect_limit = Packed::of(milliseconds);
    }

    /// The next change that was not reported yet. Call this after every other call, until it returns `None`.
    pub fn poll_event(&mut self) -> Option<SessionEvent> {
        loop {
            let notice = self.notices.next()?;
            if matches!(notice, Notice::Closed) {
                // The ciphers have left copies of their keys wherever they were called from.
                scrub();
            }
            // Events that no longer apply are not reported.
            if let Some(event) = self.tell(notice) {
                return Some(event);
            }
        }
    }

    fn tell(&self, notice: Notice) -> Option<SessionEvent> {
        Some(match notice {
            Notice::Established => SessionEvent::Established,
            Notice::Proposed => {
                let (turn, reasons, terms) = self.proposed()?;
                SessionEvent::Proposed { turn, reasons, terms }
            }
            Notice::Contract => SessionEvent::Contract(self.contract()?),
            Notice::Disconnected => SessionEvent::Disconnected,
            Notice::Reconciling => SessionEvent::Reconciling,
            Notice::Reconciled => SessionEvent::Reconciled,
            Notice::Moved => SessionEvent::Moved { to: self.path.home() },
            Notice::Finished => SessionEvent::Finished { sequence: self.inbound.fin()? },
            Notice::CloseRequested => {
                let Stage::Open(open) = &self.stage else { return None };
                SessionEvent::CloseRequested { reason: open.peer_asked?.reason }
            }
            Notice::Delivered => SessionEvent::Delivered,
            Notice::Writable => SessionEvent::Writable,
            Notice::Closed => SessionEvent::Closed(self.closure()?),
            Notice::Released => SessionEvent::Released,
        })
    }
}

#[cfg(test)]
mod key_tests;
