//! The vocabulary of driving a session: what comes out of it, and why something does not.

use core::fmt;
use core::net::SocketAddr;

use super::TeardownReason;
use super::kind::Kind;
use super::terms::{RejectionReasons, Terms};

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

/// What an authentic peer did that no honest one does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Violation {
    /// A rolling hash that is not the hash of what came before.
    Chain,
    /// An acknowledgement of what was never sent, or one that takes another back.
    Acknowledgement,
    /// A plaintext too short for its rolling hash and kind, or a heartbeat of another length.
    Plaintext,
    /// A kind that does not exist, or not under this sequence number.
    Kind(u8),
    /// FIN on a frame with content, a second FIN, or data after it.
    Fin,
}

/// Why a frame was discarded. The reason is counted; a repeat may be answered; nothing else has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Discard {
    /// Not one well-formed frame.
    Malformed,
    /// A frame that the session machine takes no interest in.
    NotForSession,
    /// Cookies that are zero where they must not be, or somebody else's.
    Cookie,
    /// The signature does not verify. Charge it to the locator that it came from.
    Signature,
    /// The seal does not open. Charge it to the locator that it came from.
    Seal,
    /// The nonce is not the one that the sequence number asks for.
    Nonce,
    /// Already received, or behind the window.
    Duplicate,
    /// Beyond the window.
    BeyondWindow,
    /// Within the window, but beyond this side's memory: it will be repeated.
    NoRoom,
    /// A heartbeat not newer than the last one taken.
    Stale,
    /// FIN on a heartbeat.
    Fin,
    /// A repeat of a handshake frame.
    Repeat,
    /// Not now: data before the contract, before reconciliation, or after the end.
    NotNow,
    /// The peer has our own EID.
    OwnEid,
    /// No KEY_SHARE, a worthless one, or numbers that cannot be.
    Terms,
    /// The cookie secret is too old or not drawn yet.
    CookieExpired,
    /// The cookie has already made a session.
    CookieUsed,
    /// No room for another session.
    Capacity,
    /// The reputation hook's answer was to drop, or not to answer yet.
    Reputation,
}

impl Discard {
    /// Every reason, in the order in which [`Discards`] counts them.
    pub const ALL: [Self; 19] = [
        Self::Malformed,
        Self::NotForSession,
        Self::Cookie,
        Self::Signature,
        Self::Seal,
        Self::Nonce,
        Self::Duplicate,
        Self::BeyondWindow,
        Self::NoRoom,
        Self::Stale,
        Self::Fin,
        Self::Repeat,
        Self::NotNow,
        Self::OwnEid,
        Self::Terms,
        Self::CookieExpired,
        Self::CookieUsed,
        Self::Capacity,
        Self::Reputation,
    ];
}

/// How often each reason occurred.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Discards([u32; Discard::ALL.len()]);

impl Discards {
    /// How often this reason occurred; it stops counting at `u32::MAX`.
    #[must_use]
    pub fn count(&self, discard: Discard) -> u32 {
        self.0.get(discard as usize).copied().unwrap_or(0)
    }

    /// Counts one.
    pub fn add(&mut self, discard: Discard) {
        if let Some(count) = self.0.get_mut(discard as usize) {
            *count = count.saturating_add(1);
        }
    }
}

/// Bytes to send, and where to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transmit<'b> {
    /// One frame.
    pub bytes: &'b [u8],
    /// The peer's locator of the moment.
    pub to: SocketAddr,
}

/// The buffer is too small; nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct TooSmall {
    /// How many bytes would do.
    pub needed: usize,
}

impl fmt::Display for TooSmall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the buffer is too small: {} bytes are needed", self.needed)
    }
}

impl core::error::Error for TooSmall {}

/// Why content cannot be sent. Nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum SendError {
    /// Not before the handshake and the contract are complete, not while disconnected or reconciling.
    NotNow,
    /// This side has finished.
    Finished,
    /// The peer's window or the delta log is full: try again when something is acknowledged.
    Full,
    /// Longer than one frame, or than the delta log, can hold.
    TooLong,
    /// A resume record: it is not sent yet.
    Kind,
    /// The key has sealed as much as it may: finish, and make a new session.
    KeySpent,
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotNow => "the session does not take data now",
            Self::Finished => "this side has finished",
            Self::Full => "window or delta log is full",
            Self::TooLong => "content: too long for one frame",
            Self::Kind => "kind: a resume record is not sent yet",
            Self::KeySpent => "the key has sealed as much as it may",
        })
    }
}

impl core::error::Error for SendError {}

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

impl TeardownReason {
    pub(crate) const fn forced(self, truncated: bool) -> Closure {
        Closure::Forced { by_peer: false, reason: self.code(), truncated }
    }
}
