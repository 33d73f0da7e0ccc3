//! Ephemeral Agent Identities and what they sign (`IACP §3`, `IACP §4.2.2.1`).

mod derived;
mod signing;

use core::fmt;

use iacp_wire::Eid;
use rand_core::CryptoRng;

use crate::crypto::stack::{AFTERWARDS, cleanly};
use crate::crypto::{Provider, Secret32};

pub use derived::{DERIVATIVE_LIFE_MAX, Derivation, Derivative, EsdEid};
pub(crate) use signing::{
    digest_to_sign, sign_frame, sign_record, unsigned_digest, verify_frame, verify_frame_checked, verify_record,
};

/// An agent's key pair. The private half never leaves it; it is wiped when dropped.
///
/// ```
/// use iacp_core::crypto::{Portable, Secret32};
/// use iacp_core::identity::{CanonicalEid, Identity};
///
/// let agent = Identity::<Portable>::from_seed(&Secret32::new([7; 32])); // random, in real life
/// assert_eq!(agent.eid(), Identity::<Portable>::from_seed(&Secret32::new([7; 32])).eid());
/// // In a log the EID is 40 digits.
/// let name = CanonicalEid::of::<Portable>(&agent.eid());
/// assert_eq!(name.to_string(), "fe812c12f3ab4ce6ac5db69ac352f906cb1b11ef");
/// ```
pub struct Identity<P: Provider> {
    key: P::SigningKey,
    eid: Eid,
}

impl<P: Provider> Identity<P> {
    /// The identity of a seed: the same seed gives the same EID.
    #[must_use]
    pub fn from_seed(seed: &Secret32) -> Self {
        let _clear = AFTERWARDS;
        Self::expand(seed)
    }

    #[inline(never)]
    fn expand(seed: &Secret32) -> Self {
        let key = P::signing_key(seed);
        let eid = Eid(P::public_key(&key));
        Self { key, eid }
    }

    /// A new identity.
    #[must_use]
    pub fn generate(rng: &mut impl CryptoRng) -> Self {
        cleanly(|| Self::expand(&Secret32::random(rng)))
    }

    /// The public half: what the agent is called on the wire.
    // keeps: IACP-003 (§3.2)
    #[must_use]
    pub const fn eid(&self) -> Eid {
        self.eid
    }

    pub(crate) const fn key(&self) -> &P::SigningKey {
        &self.key
    }
}

/// The canonical EID string: the 160-bit truncation of SHA-256 of the key, as 40 hexadecimal digits (`IACP §4.2.2.1`).
/// For people and logs, never for the wire.
// keeps: IACP-002 (§2.1)
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct CanonicalEid([u8; 20]);

impl CanonicalEid {
    /// The canonical form of an EID.
    #[must_use]
    pub fn of<P: Provider>(eid: &Eid) -> Self {
        let digest = P::sha256(&[&eid.0]);
        let mut truncated = [0; 20];
        truncated.iter_mut().zip(digest).for_each(|(to, from)| *to = from);
        Self(truncated)
    }
}

impl fmt::Display for CanonicalEid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for CanonicalEid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CanonicalEid({self})")
    }
}
