//! The state of a session. Its events report the changes of that state.

use core::net::SocketAddr;

use iacp_wire::{Cookie, Eid};

use super::stage::Stage;
use super::{Session, continuity, lifecycle};
use crate::crypto::Provider;
use crate::pss::discard::Discards;
use crate::pss::event::Closure;
use crate::pss::handshake::Role;
use crate::pss::handshake::keys::TicketKeys;
use crate::pss::handshake::terms::{Capabilities, Terms};
use crate::pss::stream::congestion::Congestion;

impl<P: Provider, const LOG: usize, const FRAMES: usize, C: Congestion> Session<P, LOG, FRAMES, C> {
    /// Which side of the handshake this is.
    #[must_use]
    pub const fn role(&self) -> Role {
        self.names.role
    }

    /// The EID of this side.
    #[must_use]
    pub const fn own(&self) -> Eid {
        self.names.own
    }

    /// The EID at the other end.
    #[must_use]
    pub const fn peer(&self) -> Eid {
        self.names.peer()
    }

    /// The address of the peer: its home.
    #[must_use]
    pub const fn locator(&self) -> SocketAddr {
        self.path.home()
    }

    /// The I-Cookie and the R-Cookie; the latter is zero until the responder has answered.
    #[must_use]
    pub const fn cookies(&self) -> (Cookie, Cookie) {
        (self.names.cookies.initiator, self.names.cookies.responder)
    }

    /// The state of `IACP §6.4.2`.
    #[must_use]
    pub const fn lifecycle(&self) -> lifecycle::State {
        self.stage.lifecycle()
    }

    /// The state of `IACP Appendix B.4`: from the keys to the end.
    #[must_use]
    pub const fn continuity(&self) -> Option<continuity::State> {
        self.stage.continuity()
    }

    /// Data may be sent.
    #[must_use]
    pub const fn is_ready(&self) -> bool {
        match &self.stage {
            Stage::Open(open) => open.flows(),
            _ => false,
        }
    }

    /// Whether an item would be taken now, as far as is known: data may be sent, and since the last [`SendError::Full`] there was
    /// [`Event::Writable`].
    ///
    /// [`SendError::Full`]: crate::pss::SendError::Full
    /// [`Event::Writable`]: crate::pss::SessionEvent::Writable
    #[must_use]
    pub const fn is_writable(&self) -> bool {
        self.is_ready() && !self.wants_room
    }

    /// The contract, once it is effective.
    #[must_use]
    pub const fn contract(&self) -> Option<Terms> {
        match &self.stage {
            Stage::Open(open) => open.contract,
            _ => None,
        }
    }

    /// The agreed capabilities, once there are keys.
    #[must_use]
    pub const fn capabilities(&self) -> Capabilities {
        Capabilities::from_bits(self.names.agreed as u32)
    }

    /// Whether this side acknowledges what its application has consumed.
    pub(crate) const fn holds(&self) -> bool {
        self.hold
    }

    /// How many frames of content the peer has acknowledged, modulo 2^32. It can be read after the end too.
    pub(crate) const fn contents_acknowledged(&self) -> u32 {
        self.outbound.log.contents
    }

    /// Whether they were not taken yet.
    pub(crate) const fn has_ticket_keys(&self) -> bool {
        self.tickets.is_some()
    }

    /// Takes the keys of the session's Forwarding Tickets, once. They outlive the session, because tickets are
    /// deposited and redeemed after it.
    pub fn take_ticket_keys(&mut self) -> Option<TicketKeys> {
        // Not `Option::take`: the bytes that it moves out would stay behind, and no drop would wipe them.
        let keys = self.tickets.as_ref().map(TicketKeys::copy);
        self.tickets = None;
        keys
    }

    /// The range of sequence numbers that are sealed and not acknowledged: the first, and the end (exclusive). It can
    /// be read after the end of the session too: the peer may not have received these frames.
    #[must_use]
    pub const fn unacknowledged(&self) -> (u64, u64) {
        (self.outbound.log.first(), self.outbound.log.next())
    }

    /// The lowest sequence number that has not arrived.
    #[must_use]
    pub const fn expected(&self) -> u64 {
        self.inbound.come()
    }

    /// Whether everything that was sent, including the FIN, has arrived at the peer.
    #[must_use]
    pub fn delivered_all(&self) -> bool {
        self.outbound.fin_acknowledged()
    }

    /// Whether a sealed frame of the peer was accepted: then the peer has proved that it holds the keys.
    #[must_use]
    pub const fn peer_holds_keys(&self) -> bool {
        match &self.stage {
            Stage::Open(open) => open.heard,
            _ => false,
        }
    }

    /// Whether the peer's FIN and everything before it has arrived.
    #[must_use]
    pub fn received_all(&self) -> bool {
        self.inbound.complete()
    }

    /// How the session ended, once it has.
    #[must_use]
    pub const fn closure(&self) -> Option<Closure> {
        match &self.stage {
            Stage::Over(over) => Some(over.why),
            _ => None,
        }
    }

    /// Whether there is no session and nothing is kept for repetition: then the memory may be used again.
    #[must_use]
    pub const fn is_over(&self) -> bool {
        match &self.stage {
            Stage::Idle => true,
            Stage::Over(over) => over.farewell.is_none(),
            _ => false,
        }
    }

    /// How often the sending key and the receiving key have been renewed.
    #[must_use]
    pub const fn key_generations(&self) -> (u32, u32) {
        (self.outbound.generation(), self.inbound.generation())
    }

    /// What was discarded, and why.
    #[must_use]
    pub const fn discards(&self) -> &Discards {
        &self.discards
    }
}
