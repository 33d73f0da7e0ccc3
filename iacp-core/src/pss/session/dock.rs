//! A session moves to another host, with its keys and counters: from then on this host can seal nothing in it (`IACP
//! §5.6`).
//!
//! Handshakes, negotiations and ended sessions do not move. Candidates for the peer's address are left behind, and so
//! is content that an application holds and has not consumed: the peer still has it.

use core::net::SocketAddr;

use iacp_wire::{Cookie, Eid};

use super::stage::{Business, Link, Lost, Open, Reconciling, Stage};
use super::teardown::Asked;
use super::{Session, continuity, lifecycle};
use crate::crypto::stack::{cleanly, scrub};
use crate::crypto::{CheckedKey, Provider};
use crate::pss::handshake::Role;
use crate::pss::handshake::terms::{Capabilities, Terms};
use crate::pss::packed::Packed;
use crate::pss::stream::congestion::Congestion;
use crate::pss::stream::frame::Cookies;
use crate::pss::stream::inbound::{Ahead, Heard};
use crate::pss::stream::outbound::Sent;
use crate::time::{Backoff, Mono};

/// A session on its way from one host to another. Its secrets wipe themselves.
pub(crate) struct Moving {
    pub(crate) peer: Eid,
    pub(crate) cookies: (Cookie, Cookie),
    pub(crate) role: Role,
    pub(crate) state: continuity::State,
    pub(crate) heard: bool,
    pub(crate) hold: bool,
    pub(crate) capabilities: Capabilities,
    pub(crate) home: SocketAddr,
    /// How long it has been DISCONNECTED, in milliseconds.
    pub(crate) disconnected: u64,
    pub(crate) contract: bool,
    /// The terms, with the remaining lifetime.
    pub(crate) terms: Terms,
    /// The reason for which the peer has asked for the end.
    pub(crate) peer_asked: Option<u16>,
    /// The reason for which this side ends the session.
    pub(crate) wish: Option<u16>,
    pub(crate) sent: Sent,
    pub(crate) received: Heard,
}

impl<P: Provider, const LOG: usize, const FRAMES: usize, C: Congestion> Session<P, LOG, FRAMES, C> {
    /// Everything that another host needs to continue this session; `None` if it cannot move. The caller must wipe this
    /// session in the same step in which the record for the other host is sealed.
    pub(crate) fn moving(&self, now: Mono) -> Option<Moving> {
        let Stage::Open(open) = &self.stage else { return None };
        if let Business::Bargain(_) = open.business {
            return None;
        }
        let disconnected = match &open.link {
            Link::Lost(lost) => now.since(lost.since),
            Link::Whole | Link::Gap | Link::Reconciling(_) => 0,
        };
        let left = open.lifetime_end.moment().map_or(0, |end| end.since(now).div_ceil(1_000).max(1));
        let terms = Terms {
            dgk_rotation: open.contract.map_or(0, |terms| terms.dgk_rotation),
            lifetime: u32::try_from(left).unwrap_or(u32::MAX),
            receive_window: self.outbound.log.window(),
        };
        Some(Moving {
            peer: self.peer(),
            cookies: self.cookies(),
            role: self.names.role,
            state: open.continuity(),
            heard: open.heard,
            hold: self.hold,
            capabilities: self.capabilities(),
            home: self.path.home(),
            disconnected,
            contract: open.contract.is_some(),
            terms,
            peer_asked: open.peer_asked.map(|asked| asked.reason),
            wish: self.wish,
            sent: self.outbound.export(),
            received: self.inbound.export(),
        })
    }

    /// The frames of the delta log, and whether each has content of the application.
    pub(crate) fn logged(&self) -> impl Iterator<Item = (&[u8], bool)> {
        self.outbound.log.frames()
    }

    /// The frames above E that have come.
    pub(crate) fn ahead(&self) -> impl Iterator<Item = Ahead> {
        self.inbound.ahead()
    }

    /// Continues a session of another host. Heartbeats go to the peer immediately, data as soon as the gate is open,
    /// and everything that the other host may have sent is sent again with the same bytes.
    ///
    /// `None` if this memory is in use; or the peer has our EID or one that is not a key; or the frames do not fit
    /// here. Then nothing of them is kept.
    pub(crate) fn go_on<'f>(
        &mut self,
        now: Mono,
        (own, place_secret): (Eid, u64),
        moving: &Moving,
        logged: impl Iterator<Item = (&'f [u8], bool)>,
        ahead: impl Iterator<Item = Ahead>,
    ) -> Option<()> {
        cleanly(|| {
            scrub();
            self.check_start().ok()?;
            if moving.peer == own {
                return None;
            }
            let peer = CheckedKey::new::<P>(&moving.peer.0).ok()?;
            let (initiator, responder) = moving.cookies;
            self.begin(moving.role, own, peer, moving.home, Cookies { initiator, responder });
            self.path.set_secret(place_secret);
            self.hold = moving.hold;
            let agreed = moving.capabilities;
            self.names.agreed = u8::try_from(agreed.bits() & 0xFF).unwrap_or(0);
            let (way, suite, window) = (moving.role.way(), agreed.suite(), moving.terms.receive_window);
            let both = (moving.hold, agreed.contains(Capabilities::RESUME));
            let sends = self.outbound.import(now, &moving.sent, (way, suite, window), logged);
            let receives = self.inbound.import(&moving.received, (way.opposite(), suite, window), both, ahead);
            if sends.and(receives).is_none() {
                self.wipe();
                return None;
            }
            self.life.begin(now);
            (self.progress, self.wish) = (now, moving.wish);
            self.stage.step(lifecycle::Event::AcceptPssAck, Stage::Open(self.opened(now, moving)));
            self.acknowledge_by(now);
            Some(())
        })
    }

    /// The stage of a continued session. It is not reached by moves of B.4, because the other host has made them.
    fn opened(&self, now: Mono, moving: &Moving) -> Open {
        let mut open = Open::new(now, Business::None, moving.contract, moving.terms, None, moving.heard);
        open.peer_asked = moving.peer_asked.map(|reason| Asked { reason, from: super::path::Place::of(moving.home) });
        open.lifetime_end = match moving.terms.lifetime {
            0 => Packed::NONE,
            seconds => Packed::at(now.after(u64::from(seconds).saturating_mul(1_000))),
        };
        open.link = match moving.state {
            continuity::State::Disconnected => Link::Lost(Lost {
                since: Mono(now.0.saturating_sub(moving.disconnected)),
                heartbeat: self.outbound.next_heartbeat(),
                probe: Some(Backoff::now(now)),
                stalled: 0,
            }),
            continuity::State::Reconciling => {
                Link::Reconciling(Reconciling { target: self.inbound.come(), ask: Backoff::now(now) })
            }
            _ if self.inbound.has_gap() => Link::Gap,
            _ => Link::Whole,
        };
        open
    }
}
