//! The values by which a session is driven: the result of a datagram, events, transmits and deadlines.

use core::fmt;
use core::net::SocketAddr;

use super::discard::{Discard, Violation};
use super::handshake::terms::{RejectionReasons, Terms};
use super::stream::kind::ContentKind;

/// The result of a datagram. [`Session::poll_event`](crate::pss::Session::poll_event) returns the changes that it
/// caused.
#[derive(Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Received<'d> {
    /// Authentic, without content for the application.
    Taken,
    /// Noise, or a repeat: counted, and nothing that was accepted has changed.
    Discarded(Discard),
    /// Content, in the buffer of the datagram. It may come out of order: `sequence` is its place.
    Data {
        /// Its place in the peer's stream.
        sequence: u64,
        /// What it is.
        kind: ContentKind,
        /// The plaintext.
        content: &'d mut [u8],
    },
}

impl fmt::Display for Received<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Taken => f.pad("taken"),
            Self::Discarded(why) => write!(f, "discarded: {why}"),
            Self::Data { sequence, kind, content } => write!(f, "{kind}, sequence {sequence}, {} bytes", content.len()),
        }
    }
}

/// A change of the session. After any call, call [`Session::poll_event`](crate::pss::Session::poll_event) until it
/// returns none: the events report every change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum SessionEvent {
    /// Both sides are known to hold the same keys. Data may flow, unless a contract is still to be agreed or the
    /// session is DISCONNECTED. A gap in the data that opens or closes is not an event, because data flows in both
    /// cases.
    Established,
    /// The peer proposes terms for the contract: accept, counter or abort.
    Proposed {
        /// The turn of the negotiation.
        turn: u16,
        /// Why the peer refuses the last proposal.
        reasons: RejectionReasons,
        /// The proposed terms.
        terms: Terms,
    },
    /// The contract is effective (`IACP §6.4.4`): data may flow.
    Contract(Terms),
    /// DISCONNECTED: the transport ended, or the peer was silent for 45 s. After silence the session probes by itself.
    Disconnected,
    /// RECONCILING: the peer is back, and missed frames are repeated.
    Reconciling,
    /// Each side has everything that the other had sent: data may flow again.
    Reconciled,
    /// The peer has proved that it is at another address: everything goes there from now on.
    Moved {
        /// The new home.
        #[cfg_attr(feature = "defmt", defmt(Debug2Format))]
        to: SocketAddr,
    },
    /// The peer's FIN and everything before it has arrived.
    Finished {
        /// The number of its empty last frame.
        sequence: u64,
    },
    /// The peer has sent everything and asks to end the session: send the remaining content within 30 s, then
    /// [`close`](crate::pss::Session::close).
    CloseRequested {
        /// Its reason code.
        reason: u16,
    },
    /// Everything that was sent is acknowledged.
    Delivered,
    /// There is room again, after [`SendError::Full`](crate::pss::SendError::Full).
    Writable,
    /// The session is over.
    Closed(Closure),
    /// The last bytes that were kept for repetition are erased: the session's memory may be used again.
    Released,
}

impl fmt::Display for SessionEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Established => f.pad("established"),
            Self::Proposed { turn, reasons, terms } => {
                write!(f, "turn {turn} proposes {terms}; refused before: {reasons}")
            }
            Self::Contract(terms) => write!(f, "contract: {terms}"),
            Self::Disconnected => f.pad("disconnected"),
            Self::Reconciling => f.pad("reconciling"),
            Self::Reconciled => f.pad("reconciled"),
            Self::Moved { to } => write!(f, "the peer has moved to {to}"),
            Self::Finished { sequence } => write!(f, "the peer has finished with sequence {sequence}"),
            Self::CloseRequested { reason } => write!(f, "the peer asks for the end, reason {reason}"),
            Self::Delivered => f.pad("everything sent is acknowledged"),
            Self::Writable => f.pad("there is room again"),
            Self::Closed(closure) => closure.fmt(f),
            Self::Released => f.pad("the memory is free"),
        }
    }
}

/// How a session ended.
///
/// What an application makes of the end of a session:
///
/// ```
/// use iacp_core::pss::{Closure, TeardownReason, Violation};
///
/// fn report(closure: Closure) -> String {
///     match closure {
///         Closure::Graceful => "done".into(),
///         Closure::Compromised(Violation::Kind(kind)) => format!("the peer breaks the protocol: kind {kind}"),
///         Closure::Forced { by_peer: true, reason, .. } if reason == TeardownReason::AgentGone.code() => "gone".into(),
///         other => other.to_string(),
///     }
/// }
///
/// assert_eq!(report(Closure::Compromised(Violation::Kind(9))), "the peer breaks the protocol: kind 9");
/// assert_eq!(report(Closure::Lost { truncated: true }), "the transport did not come back, truncated");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Closure {
    /// Both directions complete and confirmed by both sides.
    Graceful,
    /// One side ended it alone.
    Forced {
        /// Whether the peer decided it.
        by_peer: bool,
        /// Its reason code.
        reason: u16,
        /// The peer's stream is not known to be complete.
        truncated: bool,
    },
    /// The request for teardown was never answered. FORCED is sent to the peer.
    Unanswered {
        /// The peer's stream is not known to be complete.
        truncated: bool,
    },
    /// The handshake got no authentic answer, in any attempt.
    NoAnswer,
    /// The peer contradicted itself in an authentic frame of the handshake or of the negotiation.
    Contradiction,
    /// The peer's answer requires a cipher that this side does not have.
    NoSuite,
    /// SESSION_COMPROMISED: the peer's authentic frames contradict each other or the protocol.
    Compromised(Violation),
    /// The transport did not come back in time.
    Lost {
        /// The peer's stream is not known to be complete.
        truncated: bool,
    },
    /// A key has sealed, or failed to open, as many frames as allowed.
    KeySpent,
    /// The peer's own attempt crossed this one, and its session is the outcome.
    Superseded,
}

impl fmt::Display for Closure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cut = |truncated: bool| if truncated { ", truncated" } else { "" };
        match *self {
            Self::Graceful => f.pad("closed in good order"),
            Self::Forced { by_peer, reason, truncated } => {
                let side = if by_peer { "the peer" } else { "this side" };
                match TeardownReason::from_code(reason) {
                    Some(reason) => write!(f, "ended by {side}: {reason}{}", cut(truncated)),
                    None => write!(f, "ended by {side}, reason {reason}{}", cut(truncated)),
                }
            }
            Self::Unanswered { truncated } => write!(f, "the request for teardown was not answered{}", cut(truncated)),
            Self::NoAnswer => f.pad("the handshake got no answer"),
            Self::Contradiction => f.pad("the peer contradicted itself in the handshake or the negotiation"),
            Self::NoSuite => f.pad("no cipher in common"),
            Self::Compromised(violation) => write!(f, "compromised: {violation}"),
            Self::Lost { truncated } => write!(f, "the transport did not come back{}", cut(truncated)),
            Self::KeySpent => f.pad("a key was used as much as it may be"),
            Self::Superseded => f.pad("superseded by the peer's own attempt"),
        }
    }
}

/// Bytes to send, and their destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transmit<'b> {
    /// One frame.
    pub bytes: &'b [u8],
    /// The destination: the peer's home, or a candidate that has to be proved.
    pub to: SocketAddr,
}

/// What a deadline is for. Up to [`Reason::Probe`] it is for something to send, and
/// [`Session::poll_transmit`](crate::pss::Session::poll_transmit) has it; all others are handled by
/// [`Session::handle_deadline`](crate::pss::Session::handle_deadline).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Reason {
    /// A frame is to be sent, or sent again.
    Transmit,
    /// An acknowledgement is due.
    Acknowledge,
    /// An idle session sends a sign of life.
    Idle,
    /// A heartbeat that asks the peer for a sign of life.
    Probe,
    /// An attempt at the handshake ends.
    Attempt,
    /// Silence becomes DISCONNECTED.
    Silence,
    /// A DISCONNECTED session is wiped.
    Lost,
    /// The session's agreed lifetime ends.
    Lifetime,
    /// A turn of the negotiation was not taken in time.
    Negotiation,
    /// Data was sent, but none of it arrived in time.
    NoProgress,
    /// The request for teardown can be made.
    Close,
    /// The request for teardown was not answered in time.
    Unanswered,
    /// A key has been used as often as allowed.
    KeySpent,
    /// The last bytes that were kept for repetition are erased.
    Forget,
}

words! {
    Reason {
        Self::Transmit => "a frame is to be sent",
        Self::Acknowledge => "an acknowledgement is due",
        Self::Idle => "an idle session shows that it lives",
        Self::Probe => "the peer is asked whether it is there",
        Self::Attempt => "an attempt at the handshake ends",
        Self::Silence => "silence becomes DISCONNECTED",
        Self::Lost => "a DISCONNECTED session is wiped",
        Self::Lifetime => "the agreed lifetime ends",
        Self::Negotiation => "a turn of the negotiation was not taken",
        Self::NoProgress => "nothing of what was sent arrived",
        Self::Close => "the request for teardown can be made",
        Self::Unanswered => "the request for teardown was not answered",
        Self::KeySpent => "a key has been used as much as it may be",
        Self::Forget => "the last bytes kept for repeats are forgotten",
    }
}

/// Declares the reasons once: the code, the words, and whether an application may give it.
macro_rules! teardown_reasons {
    ($($(#[doc = $doc:literal])+ $name:ident = $code:literal $words:literal $($application:ident)?,)+) => {
        /// The reason codes of a PSS_TEARDOWN. A code that is not here is carried as its number.
        // keeps: IACP-152 (A.10)
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[cfg_attr(feature = "defmt", derive(defmt::Format))]
        #[repr(u16)]
        pub enum TeardownReason {
            $($(#[doc = $doc])+ $name = $code,)+
        }

        impl TeardownReason {
            /// The code on the wire.
            #[must_use]
            pub const fn code(self) -> u16 {
                self as u16
            }

            /// The reason of a code.
            #[must_use]
            pub const fn from_code(code: u16) -> Option<Self> {
                match code {
                    $($code => Some(Self::$name),)+
                    _ => None,
                }
            }

            /// The reason of a code, if an application may give it; reasons of the session itself are excluded.
            #[must_use]
            pub const fn of_application(code: u16) -> Option<Self> {
                match code {
                    $($($code => teardown_reasons!($application $name),)?)+
                    _ => None,
                }
            }
        }

        impl fmt::Display for TeardownReason {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(match self {
                    $(Self::$name => $words,)+
                })
            }
        }
    };
    (application $name:ident) => { Some(Self::$name) };
}

teardown_reasons! {
    /// No reason is given.
    None = 0 "no reason given" application,
    /// The session has served its purpose.
    TaskComplete = 1 "task complete" application,
    /// The agreed lifetime has ended.
    LifetimeExpired = 2 "the agreed lifetime has ended",
    /// No contract came about.
    NegotiationFailed = 3 "no contract came about",
    /// The peer's authentic frames contradict each other.
    Compromised = 4 "contradicting frames",
    /// This side runs out of memory.
    Capacity = 5 "out of memory" application,
    /// The peer lacks data that is no longer in the delta log.
    DeltaLogLost = 6 "missing data is no longer in the delta log",
    /// The host goes away.
    ShuttingDown = 7 "the host goes away" application,
    /// A Proof of Malfeasance against the peer exists.
    Malfeasance = 8 "a Proof of Malfeasance exists",
    /// The sender's EID is about to change.
    IdentityRotated = 9 "the EID is about to change",
    /// A key has sealed as many frames as allowed.
    KeyExhausted = 10 "a key was used as much as it may be",
    /// The peer is alive, but acknowledges nothing.
    NoProgress = 11 "nothing was acknowledged",
    /// The agent is gone.
    AgentGone = 12 "the agent is gone",
    /// The session was taken over by another host, and got no new keys in time.
    NotRekeyed = 14 "a session taken over got no new keys",
}
