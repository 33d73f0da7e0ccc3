//! The statuses of RESULT.

use core::fmt;

/// Declares the statuses once: name, code, words.
macro_rules! statuses {
    ($($(#[doc = $doc:literal])+ $name:ident = $code:literal $words:literal,)+) => {
        /// Why a request of an agent's did nothing; 0, OK, is the absence of all of these. The codes are those of the
        /// one table of statuses of the protocol.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[cfg_attr(feature = "defmt", derive(defmt::Format))]
        #[repr(u16)]
        pub enum LocalStatus {
            $($(#[doc = $doc])+ $name = $code,)+
        }

        impl LocalStatus {
            /// Every status.
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            /// The code in RESULT.
            #[must_use]
            pub const fn code(self) -> u16 {
                self as u16
            }

            /// The status of a code; `None` for OK and for codes that RESULT does not have.
            #[must_use]
            pub const fn from_code(code: u16) -> Option<Self> {
                match code {
                    $($code => Some(Self::$name),)+
                    _ => None,
                }
            }
        }

        impl fmt::Display for LocalStatus {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(match self {
                    $(Self::$name => $words,)+
                })
            }
        }
    };
}

statuses! {
    /// A table, or the share of it that this agent has, is full; or the host has no such table.
    Capacity = 4 "no room in the host's tables, or this agent's share is used up",
    /// Not found.
    NotFound = 20 "not found",
    /// The request is malformed, its arguments do not fit, or it must not be made.
    Refused = 21 "refused",
    /// No session of this agent has this handle.
    NoSession = 32 "no session of this agent has this handle",
    /// Not in the state in which context or session is.
    NotNow = 33 "not in this state",
    /// The FIFO is full: nothing has changed, and ROOM follows.
    Full = 34 "the queue is full",
    /// Content is longer than one frame takes.
    TooLong = 35 "content: longer than one frame takes",
    /// The item is not the next one.
    OutOfOrder = 36 "item: not the next one",
    /// The destination cannot be resolved at the moment. An OPEN stays open; RESOLVE has ended without a quorum.
    Degraded = 37 "the destination cannot be resolved at the moment",
    /// No right to it, or it does not exist.
    NoAccess = 38 "no such endpoint, or no right to it",
    /// The peer's standing forbids it.
    Standing = 39 "the peer's standing forbids it",
    /// This side has finished.
    Finished = 40 "this side has finished",
    /// A key has sealed as much as it may.
    KeySpent = 41 "a key has been used as much as it may be",
    /// The endpoint has another version.
    Version = 43 "the endpoint has another version",
}

impl core::error::Error for LocalStatus {}
