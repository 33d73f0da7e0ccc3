//! The stage of a session, and the two tables that decide each move.
//!
//! A stage has the data that only it needs. The states of `lifecycle` (`IACP §6.4.2`) and `continuity` (`IACP Appendix
//! B.4`) follow from it, and it changes only by an event that their tables allow.

use iacp_wire::Signature;

use super::path::Place;
use super::teardown::{Asked, Request, TeardownType};
use super::{continuity, lifecycle};
use crate::pss::event::Closure;
use crate::pss::handshake::contract::{Acceptance, Negotiation};
use crate::pss::handshake::initiator::{Attempt, Confirmation};
use crate::pss::handshake::terms::{Capabilities, Terms};
use crate::pss::packed::Packed;
use crate::time::{Backoff, Mono};

#[allow(clippy::large_enum_variant, reason = "without an allocator there is no smaller place for the larger ones")]
#[repr(u8)]
pub(super) enum Stage {
    /// There is no session yet, or none any more and nothing is kept.
    Idle,
    /// The initiator has sent PSS_INIT.
    Hearing(Attempt),
    /// The initiator's attempt crossed the peer's, and takes and sends nothing. It continues if the peer's attempt
    /// fails.
    Resting { offer: Capabilities, until: Mono },
    /// The initiator has sent PSS_ACK and has the keys, which are not confirmed yet.
    Confirming(Confirmation, Business),
    /// Both sides have the session.
    Open(Open),
    /// The end.
    Over(Over),
}

/// The signed exchange that is under way beside the data: one at a time.
#[allow(clippy::large_enum_variant, reason = "as above")]
pub(super) enum Business {
    /// Nothing.
    None,
    /// The terms are being negotiated: PSS_NEGOTIATING.
    Bargain(Negotiation),
    /// We accepted the peer's terms. It is kept until the request for teardown, for a peer that repeats its proposal.
    Accepted(Acceptance),
    /// Our FIN is acknowledged, and our request for teardown waits for its answer.
    Asking(Request),
}

impl Business {
    const fn is_settled(&self) -> bool {
        !matches!(self, Self::Bargain(_))
    }
}

pub(super) struct Open {
    /// The terms of the contract, once it is effective.
    pub(super) contract: Option<Terms>,
    pub(super) business: Business,
    pub(super) link: Link,
    /// The peer has asked for the end, and everything that it sent has arrived.
    pub(super) peer_asked: Option<Asked>,
    /// Whether a sealed frame of the peer was accepted: then the peer holds the keys.
    pub(super) heard: bool,
    /// The first bytes of the SHA-256 of the PSS_ACK that made this session, on the responder's side: its repeats get an
    /// answer.
    pub(super) ack_digest: Option<[u8; 8]>,
    pub(super) lifetime_end: Packed,
}

/// The states of B.4 in which data flows or will flow again.
pub(super) enum Link {
    /// ESTABLISHED.
    Whole,
    /// ANOMALY_FLAGGED.
    Gap,
    /// DISCONNECTED.
    Lost(Lost),
    /// RECONCILING.
    Reconciling(Reconciling),
}

pub(super) struct Lost {
    /// When DISCONNECTED began, even if it was noticed later.
    pub(super) since: Mono,
    /// The number of the first heartbeat since then: only an echo of this or a later one ends DISCONNECTED.
    pub(super) heartbeat: u64,
    /// When the next probe to the home is due. `None` after the transport's end, until the host gives an address.
    pub(super) probe: Option<Backoff>,
    /// For how long none of our data had arrived before, in milliseconds.
    pub(super) stalled: u64,
}

pub(super) struct Reconciling {
    /// The peer's next sequence, as of its last heartbeat.
    pub(super) target: u64,
    pub(super) ask: Backoff,
}

pub(super) struct Over {
    pub(super) why: Closure,
    pub(super) farewell: Option<Farewell>,
}

/// The last frame, kept for a peer that has not received it.
pub(super) struct Farewell {
    pub(super) teardown_type: TeardownType,
    pub(super) reason: u16,
    pub(super) signature: Signature,
    /// The address to which it is sent.
    pub(super) to: Option<Place>,
    /// It is to be sent.
    pub(super) due: bool,
    pub(super) sent: Packed,
    pub(super) until: Mono,
}

impl Stage {
    pub(super) const fn lifecycle(&self) -> lifecycle::State {
        match self {
            Self::Idle | Self::Resting { .. } | Self::Over(_) => lifecycle::State::Closed,
            Self::Hearing(_) => lifecycle::State::Hearing,
            Self::Confirming(..) | Self::Open(_) => lifecycle::State::Established,
        }
    }

    pub(super) const fn continuity(&self) -> Option<continuity::State> {
        match self {
            Self::Confirming(_, business) if business.is_settled() => Some(continuity::State::Established),
            Self::Confirming(..) => Some(continuity::State::PssNegotiating),
            Self::Open(open) => Some(open.continuity()),
            Self::Idle | Self::Hearing(_) | Self::Resting { .. } | Self::Over(_) => None,
        }
    }

    /// Makes a move of `IACP §6.4.2`. The contents of the old stage are dropped in place, which wipes their secrets. A
    /// move that the table does not have is not made; it is an error in the code, at which a test build panics.
    pub(super) fn step(&mut self, event: lifecycle::Event, next: Self) {
        let legal = self.lifecycle().next(event) == Some(next.lifecycle());
        debug_assert!(legal, "{} + {event} does not lead to {}", self.lifecycle(), next.lifecycle());
        if legal {
            *self = next;
        }
    }

    /// Moves to STATE_CLOSED from any stage: an attempt ends by `failed`, a session by its teardown. In STATE_CLOSED
    /// itself there is no move, and only the kept frame changes.
    pub(super) fn close(&mut self, failed: lifecycle::Event, kept: Self) {
        match self.lifecycle() {
            lifecycle::State::Hearing => self.step(failed, kept),
            lifecycle::State::Established => self.step(lifecycle::Event::TeardownOrRevocation, kept),
            lifecycle::State::Closed => {
                let legal = matches!(kept.lifecycle(), lifecycle::State::Closed);
                debug_assert!(legal, "{} is not left by its end", self.lifecycle());
                if legal {
                    *self = kept;
                }
            }
        }
    }

    /// The keys are confirmed. §6.4.2 has no move for it: both stages are STATE_ESTABLISHED.
    pub(super) fn confirm(&mut self, open: Open) {
        if let Self::Confirming(..) = self {
            *self = Self::Open(open);
        }
    }
}

fn lifetime_end(now: Mono, terms: Terms) -> Packed {
    if terms.lifetime == 0 { Packed::NONE } else { Packed::at(now.after(u64::from(terms.lifetime) * 1_000)) }
}

impl Open {
    pub(super) const fn continuity(&self) -> continuity::State {
        match (&self.business, &self.link) {
            (Business::Bargain(_), _) => continuity::State::PssNegotiating,
            (_, Link::Whole) => continuity::State::Established,
            (_, Link::Gap) => continuity::State::AnomalyFlagged,
            (_, Link::Lost(_)) => continuity::State::Disconnected,
            (_, Link::Reconciling(_)) => continuity::State::Reconciling,
        }
    }

    /// Makes a move of B.4, as [`Stage::step`] does of §6.4.2.
    pub(super) fn step(&mut self, event: continuity::Event, next: Link) {
        let before = self.continuity();
        let after = match next {
            Link::Whole => continuity::State::Established,
            Link::Gap => continuity::State::AnomalyFlagged,
            Link::Lost(_) => continuity::State::Disconnected,
            Link::Reconciling(_) => continuity::State::Reconciling,
        };
        let legal = before.next(event) == Some(after);
        debug_assert!(legal, "{before} + {event} does not lead to {after}");
        if legal {
            // Each field by itself: a move of the whole enum could bring bytes from the stack, where data was decrypted
            // just now.
            match next {
                Link::Whole => self.link = Link::Whole,
                Link::Gap => self.link = Link::Gap,
                Link::Lost(_) | Link::Reconciling(_) => self.link = next,
            }
        }
    }

    /// An open session with these terms, which are those of a contract or set by the responder.
    pub(super) fn new(
        now: Mono,
        business: Business,
        contract: bool,
        terms: Terms,
        ack_digest: Option<[u8; 8]>,
        heard: bool,
    ) -> Self {
        let lifetime_end = if business.is_settled() { lifetime_end(now, terms) } else { Packed::NONE };
        let contract = (contract && business.is_settled()).then_some(terms);
        Self { contract, business, link: Link::Whole, peer_asked: None, heard, ack_digest, lifetime_end }
    }

    /// The contract is effective: SFC_EFFECTIVE.
    pub(super) fn settle(&mut self, now: Mono, terms: Terms, acceptance: Option<Acceptance>) {
        let legal = self.continuity().next(continuity::Event::SfcEffective) == Some(continuity::State::Established);
        debug_assert!(legal, "{} + SFC_EFFECTIVE", self.continuity());
        if legal {
            self.contract = Some(terms);
            self.business = acceptance.map_or(Business::None, Business::Accepted);
            self.lifetime_end = lifetime_end(now, terms);
        }
    }

    /// Whether new data may be taken from the application.
    pub(super) const fn flows(&self) -> bool {
        self.business.is_settled() && matches!(self.link, Link::Whole | Link::Gap)
    }

    /// Whether data is taken from the peer, and ours is repeated.
    pub(super) const fn carries(&self) -> bool {
        self.business.is_settled() && !matches!(self.link, Link::Lost(_))
    }

    /// Whether the transport has ended, and the host has not given a new address yet.
    pub(super) const fn is_mute(&self) -> bool {
        matches!(&self.link, Link::Lost(lost) if lost.probe.is_none())
    }

    /// Whether the peer is away, or has just come back.
    pub(super) const fn is_reconnecting(&self) -> bool {
        matches!(self.link, Link::Lost(_) | Link::Reconciling(_))
    }
}

#[cfg(test)]
mod tests {
    use iacp_wire::X25519Key;

    use super::*;
    use crate::pss::handshake::contract::Party;

    const TERMS: Terms = Terms { dgk_rotation: 0, lifetime: 5, receive_window: 4 };

    fn bargain() -> Business {
        let party = Party::new(1, X25519Key([5; 32]));
        Business::Bargain(Negotiation::new(Capabilities::SFC, party, party, [9; 32], Mono(0)))
    }

    fn lost(probe: Option<Backoff>) -> Link {
        Link::Lost(Lost { since: Mono(0), heartbeat: 0, probe, stalled: 0 })
    }

    /// Whether data is taken from the application, and from the peer, and whether the peer is away.
    #[test]
    fn data_flows_and_is_carried_as_the_link_allows() {
        use continuity::State::{AnomalyFlagged, Disconnected, Established, PssNegotiating, Reconciling};
        let probe = Some(Backoff::now(Mono(0)));
        let returning = || Link::Reconciling(super::Reconciling { target: 7, ask: Backoff::now(Mono(0)) });
        for (business, link, state, [flows, carries, mute, away]) in [
            (Business::None, Link::Whole, Established, [true, true, false, false]),
            (Business::None, Link::Gap, AnomalyFlagged, [true, true, false, false]),
            (Business::None, lost(None), Disconnected, [false, false, true, true]),
            (Business::None, lost(probe), Disconnected, [false, false, false, true]),
            (Business::None, returning(), Reconciling, [false, true, false, true]),
            (bargain(), Link::Whole, PssNegotiating, [false, false, false, false]),
        ] {
            let mut open = Open::new(Mono(0), business, false, TERMS, None, true);
            open.link = link;
            assert_eq!(open.continuity(), state);
            assert_eq!((open.flows(), open.carries()), (flows, carries), "{state}");
            assert_eq!((open.is_mute(), open.is_reconnecting()), (mute, away), "{state}");
            let stage = Stage::Open(open);
            assert_eq!((stage.continuity(), stage.lifecycle()), (Some(state), lifecycle::State::Established));
        }
        assert_eq!((Stage::Idle.continuity(), Stage::Idle.lifecycle()), (None, lifecycle::State::Closed));
    }

    #[test]
    fn a_session_lives_as_long_as_its_terms_say_once_they_hold() {
        let endless = Terms { lifetime: 0, ..TERMS };
        for (business, contract, terms, expected) in [
            (Business::None, false, TERMS, (None, Some(6_000))),
            (Business::None, true, TERMS, (Some(TERMS), Some(6_000))),
            (Business::None, true, endless, (Some(endless), None)),
            (bargain(), true, TERMS, (None, None)),
        ] {
            let open = Open::new(Mono(1_000), business, contract, terms, None, false);
            assert_eq!((open.contract, open.lifetime_end.moment()), (expected.0, expected.1.map(Mono)));
            assert!(!open.heard && open.ack_digest.is_none() && open.peer_asked.is_none());
        }
        let mut open = Open::new(Mono(1_000), bargain(), true, endless, None, true);
        open.settle(Mono(2_000), TERMS, None);
        assert_eq!((open.contract, open.lifetime_end.moment()), (Some(TERMS), Some(Mono(7_000))));
        assert!(matches!(open.business, Business::None) && open.flows());
    }
}
