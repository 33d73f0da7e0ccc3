//! Why a frame is not taken: noise is counted, an authentic contradiction ends the session.

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
