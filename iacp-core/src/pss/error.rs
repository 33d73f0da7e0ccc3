//! Why a call did nothing.

use core::fmt;

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
