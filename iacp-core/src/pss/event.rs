//! The vocabulary of driving a session: what comes out of it, and why something does not.

use core::net::SocketAddr;

use super::discard::{Discard, Violation};
use super::handshake::terms::{RejectionReasons, Terms};
use super::stream::kind::Kind;

/// What a datagram meant.
#[derive(Debug, PartialEq, Eq)]
pub enum Event<'d> {
    /// Authentic, and nothing for the application.
    Nothing,
    /// Noise, or a repeat: counted, and nothing that was accepted has changed.
    Discarded(Discard),
    /// The handshake is complete: both sides hold the same keys.
    Established,
    /// The peer proposes other terms for the contract: accept, counter or close.
    Proposed {
        /// The turn of the negotiation.
        turn: u16,
        /// Why it refuses the last proposal.
        reasons: RejectionReasons,
        /// What it proposes.
        terms: Terms,
    },
    /// The contract is effective (`IACP §6.4.4`).
    Contract(Terms),
    /// Content, in the buffer of the datagram. It may come out of order: `sequence` says where it belongs.
    Data {
        /// Its place in the peer's stream.
        sequence: u64,
        /// What it is.
        kind: Kind,
        /// The plaintext.
        content: &'d mut [u8],
    },
    /// The peer sends nothing at or after this sequence number.
    Finished {
        /// The number of its empty last frame.
        sequence: u64,
    },
    /// The peer has said everything and asks to end the session: send what is left within 30 s, then
    /// [`close`](super::Session::close).
    CloseRequested {
        /// Its reason code.
        reason: u16,
    },
    /// The transport is back and the peer is authentic: what was missed is repeated now.
    Reconciling,
    /// The session is over.
    Closed(Closure),
}

/// How a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Closure {
    /// Both directions complete and confirmed by both sides.
    Graceful,
    /// One side ended it alone.
    Forced {
        /// Whose decision it was.
        by_peer: bool,
        /// Its reason code.
        reason: u16,
        /// The peer's stream is not known to be complete.
        truncated: bool,
    },
    /// The request for teardown was never answered.
    Unanswered {
        /// The peer's stream is not known to be complete.
        truncated: bool,
    },
    /// The handshake got no authentic answer, in any attempt.
    NoAnswer,
    /// The peer contradicted itself in an authentic handshake frame.
    Contradiction,
    /// SESSION_COMPROMISED: the peer's authentic frames contradict each other or the protocol.
    Compromised(Violation),
    /// The transport did not come back in time.
    Lost {
        /// The peer's stream is not known to be complete.
        truncated: bool,
    },
    /// A key has sealed, or failed to open, as much as it may.
    KeySpent,
}

/// Bytes to send, and where to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transmit<'b> {
    /// One frame.
    pub bytes: &'b [u8],
    /// The peer's locator of the moment.
    pub to: SocketAddr,
}

/// What a deadline is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Reason {
    /// A frame is to be sent, or sent again.
    Transmit,
    /// An acknowledgement is due.
    Acknowledge,
    /// An idle session shows that it lives.
    Idle,
    /// An attempt at the handshake ends.
    Attempt,
    /// Silence becomes DISCONNECTED.
    Silence,
    /// A DISCONNECTED session is wiped.
    Lost,
    /// The session's agreed lifetime ends.
    Lifetime,
    /// The request for teardown can be made.
    Close,
    /// A negotiation, a teardown, or data that is never acknowledged is given up.
    GiveUp,
    /// The last bytes that were kept for repeats are forgotten.
    Forget,
}

/// The reason codes of a PSS_TEARDOWN. A code that is not here is carried as its number.
// keeps: IACP-152
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[repr(u16)]
pub enum TeardownReason {
    /// No reason is given.
    None = 0,
    /// The session has done what it was for.
    TaskComplete = 1,
    /// The agreed lifetime has ended.
    LifetimeExpired = 2,
    /// No contract came about.
    NegotiationFailed = 3,
    /// The peer's authentic frames contradict each other.
    Compromised = 4,
    /// This side runs out of memory.
    Capacity = 5,
    /// The peer misses what is no longer in the delta log.
    DeltaLogLost = 6,
    /// The host goes away.
    ShuttingDown = 7,
    /// A Proof of Malfeasance against the peer exists.
    Malfeasance = 8,
    /// The sender's EID is about to change.
    IdentityRotated = 9,
    /// A key has sealed as much as it may.
    KeyExhausted = 10,
    /// The peer lives and acknowledges nothing.
    NoProgress = 11,
}

impl TeardownReason {
    /// The code on the wire.
    #[must_use]
    pub const fn code(self) -> u16 {
        self as u16
    }
}

impl TeardownReason {
    /// How a session ends that this side ends alone.
    pub(crate) const fn forced(self, truncated: bool) -> Closure {
        Closure::Forced { by_peer: false, reason: self.code(), truncated }
    }
}
