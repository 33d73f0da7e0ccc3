//! The authenticated ciphers, and which of them a provider has.

/// The authenticated ciphers of a session. AES-256-GCM is mandatory and the default; ChaCha20-Poly1305 serves devices
/// without AES hardware, by agreement only, and is a named departure from IACP §8.7.
// keeps: IACP-171 (§8.7)
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Suite {
    /// AES-256-GCM (IACP §8.2).
    Aes256Gcm,
    /// ChaCha20-Poly1305 (RFC 8439).
    ChaCha20Poly1305,
}

words! {
    Suite {
        Self::Aes256Gcm => "AES-256-GCM",
        Self::ChaCha20Poly1305 => "ChaCha20-Poly1305",
    }
}

/// A set of suites.
///
/// ```
/// use iacp_core::crypto::{Suite, Suites};
///
/// const OURS: Suites = Suites::of(Suite::ChaCha20Poly1305);
/// assert!(OURS.has(Suite::ChaCha20Poly1305));
/// assert!(OURS.common(Suites::of(Suite::Aes256Gcm)).is_empty());
/// assert_eq!(OURS.with(Suites::of(Suite::Aes256Gcm)), Suites::ALL);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Suites(u8);

flags! {
    Suites or "none" {
        Self::of(Suite::Aes256Gcm) => Suite::Aes256Gcm,
        Self::of(Suite::ChaCha20Poly1305) => Suite::ChaCha20Poly1305,
    }
}

impl Suites {
    /// No suite.
    pub const NONE: Self = Self(0);
    /// All suites that there are.
    pub const ALL: Self = Self::of(Suite::Aes256Gcm).with(Self::of(Suite::ChaCha20Poly1305));

    /// This one alone.
    #[must_use]
    pub const fn of(suite: Suite) -> Self {
        match suite {
            Suite::Aes256Gcm => Self(1),
            Suite::ChaCha20Poly1305 => Self(1 << 1),
        }
    }

    /// The suites of either set.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The suites of both sets.
    #[must_use]
    pub const fn common(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Whether the suite is in the set.
    #[must_use]
    pub const fn has(self, suite: Suite) -> bool {
        !self.common(Self::of(suite)).is_empty()
    }

    /// The suite for the answer to a discovery request, where nothing can be agreed: AES-256-GCM (`IACP §8.2`), or the
    /// one suite of a provider that lacks it.
    ///
    /// ```
    /// use iacp_core::crypto::{Suite, Suites};
    ///
    /// assert_eq!(Suites::ALL.preferred(), Some(Suite::Aes256Gcm));
    /// assert_eq!(Suites::of(Suite::ChaCha20Poly1305).preferred(), Some(Suite::ChaCha20Poly1305));
    /// assert_eq!(Suites::NONE.preferred(), None);
    /// ```
    #[must_use]
    pub const fn preferred(self) -> Option<Suite> {
        if self.has(Suite::Aes256Gcm) {
            Some(Suite::Aes256Gcm)
        } else if self.has(Suite::ChaCha20Poly1305) {
            Some(Suite::ChaCha20Poly1305)
        } else {
            None
        }
    }

    /// Whether the set is empty.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_has_what_was_put_in() {
        const SUITES: [Suite; 2] = [Suite::Aes256Gcm, Suite::ChaCha20Poly1305];
        for one in SUITES {
            assert!(Suites::ALL.has(one) && !Suites::NONE.has(one));
            for other in SUITES {
                assert_eq!(Suites::of(one).has(other), one == other);
            }
        }
    }

    #[test]
    fn sets_are_joined_and_cut() {
        let (aes, chacha) = (Suites::of(Suite::Aes256Gcm), Suites::of(Suite::ChaCha20Poly1305));
        assert_eq!((aes.with(aes), aes.with(chacha), Suites::NONE.with(aes)), (aes, Suites::ALL, aes));
        assert_eq!((aes.common(aes), aes.common(chacha), Suites::ALL.common(aes)), (aes, Suites::NONE, aes));
        assert_eq!([aes, chacha, Suites::ALL, Suites::NONE].map(Suites::is_empty), [false, false, false, true]);
        let preferred = [Suites::ALL, aes, chacha, Suites::NONE].map(Suites::preferred);
        let (aes, chacha) = (Some(Suite::Aes256Gcm), Some(Suite::ChaCha20Poly1305));
        assert_eq!(preferred, [aes, aes, chacha, None]);
    }
}
