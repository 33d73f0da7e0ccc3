//! Why a frame is not accepted: noise is counted, an authentic contradiction ends the session.

use core::fmt;

/// A protocol violation in an authentic frame, which no honest peer commits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Violation {
    /// A rolling hash that is not the hash of the earlier frames.
    Chain,
    /// An acknowledgement of a frame that was never sent, or one below an earlier acknowledgement.
    Acknowledgement,
    /// An echo of a heartbeat that was never sent, or of an older one than before.
    Echo,
    /// The bitmap of a heartbeat ends with a zero byte.
    Bitmap,
    /// A plaintext too short for its rolling hash and kind, or a heartbeat of another length.
    Plaintext,
    /// A kind that does not exist, or that is not allowed under this sequence number.
    Kind(u8),
    /// FIN on a frame with content, a second FIN, or data after it.
    Fin,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Chain => f.pad("rolling hash: not the hash of what came before"),
            Self::Acknowledgement => f.pad("acknowledgement: of frames never sent, or taken back"),
            Self::Echo => f.pad("echo: of a heartbeat never sent, or an older one than before"),
            Self::Bitmap => f.pad("bitmap: ends with a zero byte"),
            Self::Plaintext => f.pad("plaintext: of a length that it cannot have"),
            Self::Kind(code) => write!(f, "kind {code}: does not exist, or not in this place"),
            Self::Fin => f.pad("FIN: with content, twice, or followed by data"),
        }
    }
}

/// Declares the reasons once: the enum, the list in the order of counting, the words.
macro_rules! discards {
    ($($(#[doc = $doc:literal])+ $name:ident = $words:literal,)+) => {
        /// Why a frame was discarded. The reason is counted; a repeat may be answered; nothing else has changed.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[cfg_attr(feature = "defmt", derive(defmt::Format))]
        pub enum Discard {
            $($(#[doc = $doc])+ $name,)+
        }

        impl Discard {
            /// Every reason, in the order in which [`Discards`] counts them.
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            const COUNT: usize = Self::ALL.len();
        }

        impl fmt::Display for Discard {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(match self {
                    $(Self::$name => $words,)+
                })
            }
        }
    };
}

discards! {
    /// Not one well-formed frame.
    Malformed = "malformed",
    /// A frame that is not for the session machine.
    NotForSession = "not a frame of a session",
    /// Cookies that are zero where they must not be, or of another session.
    Cookie = "cookies of no session here",
    /// The signature does not verify. Charge it to the locator from which it came.
    Signature = "signature does not verify",
    /// The seal does not open. Charge it to the locator from which it came.
    Seal = "seal does not open",
    /// The nonce is not one that the sequence number can have now.
    Nonce = "nonce of no key in use",
    /// Already received, or behind the window.
    Duplicate = "already received",
    /// Beyond the window.
    BeyondWindow = "beyond the window",
    /// Within the window, but beyond this side's memory: it will be repeated.
    NoRoom = "no room to keep it",
    /// A heartbeat that is not newer than the last accepted one.
    Stale = "heartbeat older than the last",
    /// FIN on a heartbeat.
    Fin = "FIN on a heartbeat",
    /// A repeat of a handshake frame.
    Repeat = "repeated",
    /// Not allowed in this state: data before the contract, before reconciliation, or after the end.
    NotNow = "not in this state",
    /// The identity passed to the call is not the session's.
    Identity = "the caller's identity is not the session's",
    /// The peer has our own EID.
    OwnEid = "the peer has our own EID",
    /// No KEY_SHARE, an invalid one, or impossible numbers.
    Terms = "KEY_SHARE or numbers that cannot be",
    /// The two sides have no cipher in common.
    Suite = "no cipher in common",
    /// The cookie secret is too old or not drawn yet.
    CookieExpired = "cookie secret is too old",
    /// The cookie has already made a session.
    CookieUsed = "cookie has made a session already",
    /// No room for another session.
    Capacity = "no room for another session",
    /// The peer's attempt crossed one of ours, which stands.
    Crossed = "our own attempt stands",
    /// The reputation hook's answer was to drop, or not to answer yet.
    Reputation = "the peer's standing forbids it",
}

/// How often each reason occurred.
///
/// ```
/// use iacp_core::pss::{Discard, Discards, Received, Session};
/// # use iacp_core::{crypto::Portable, identity::Identity, time::Mono};
/// # use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
/// # let mut rng = ChaCha8Rng::seed_from_u64(1);
/// # let now = Mono(0);
/// # let alice = Identity::<Portable>::generate(&mut rng);
/// # let bob_at = ([192, 0, 2, 2], 4227).into();
///
/// let mut session = Session::<Portable, 4096, 8>::IDLE;
/// let mut noise = [0; 40];
/// let told = session.handle(now, &alice, bob_at, &mut noise);
/// assert_eq!(told, Received::Discarded(Discard::Malformed));
/// let counts: &Discards = session.discards();
/// assert_eq!((counts.count(Discard::Malformed), counts.count(Discard::Seal)), (1, 0));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Discards([u16; Discard::COUNT]);

impl Discards {
    /// Nothing was discarded.
    pub const NONE: Self = Self([0; Discard::COUNT]);

    /// How often this reason occurred; it stops counting at 65,535.
    #[must_use]
    pub fn count(&self, discard: Discard) -> u32 {
        self.0.get(discard as usize).copied().map_or(0, u32::from)
    }

    /// Counts one.
    pub fn add(&mut self, discard: Discard) {
        if let Some(count) = self.0.get_mut(discard as usize) {
            *count = count.saturating_add(1);
        }
    }
}
