//! The Interaction Identity, and the pseudonyms under which authorities see it (`IoE §2.2`, `R1`, `§8`).

use core::fmt;

use hmac::{Hmac, KeyInit as _, Mac as _};
use rand_core::CryptoRng;
use sha2::Sha256;
use zeroize::{ZeroizeOnDrop, Zeroizing};

/// The identity of an interaction: 128 random bits, drawn by the control plane when the interaction is created.
///
/// It is the same from start to termination. It is never derived from participants, transports or logs, so that only
/// this crate's own records link the identity to them.
///
/// ```
/// use interaction_gov::identity::InteractionId;
///
/// let id = InteractionId::recorded([0xAB; 16]); // `draw` makes a new one
/// assert_eq!(id.to_string(), "ab".repeat(16));
/// ```
// keeps: IOE-055 (§4.1 R1), IOE-056 (§4.1 R1)
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct InteractionId([u8; 16]);

impl InteractionId {
    /// Draws an identity.
    pub fn draw(rng: &mut impl CryptoRng) -> Self {
        let mut bytes = [0; 16];
        rng.fill_bytes(&mut bytes);
        Self(bytes)
    }

    /// An identity that was drawn earlier, read back from storage.
    #[must_use]
    pub const fn recorded(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The 16 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Display for InteractionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex(&self.0, f)
    }
}

impl fmt::Debug for InteractionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex(&self.0, f)
    }
}

fn hex(bytes: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
}

/// What a pseudonym stands for.
///
/// ```
/// use interaction_gov::identity::{AuthorityKey, Subject};
///
/// let key = AuthorityKey::new([1; 32]); // random bytes
/// // The same identifier stands for different things.
/// assert_ne!(key.pseudonym(Subject::Protocol, b"7"), key.pseudonym(Subject::Interaction, b"7"));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Subject {
    /// An interaction.
    Interaction,
    /// A participant of one.
    Participant,
    /// An identifier of some protocol.
    Protocol,
}

impl Subject {
    const fn label(self) -> &'static [u8] {
        match self {
            Self::Interaction => b"interaction\0",
            Self::Participant => b"participant\0",
            Self::Protocol => b"protocol\0",
        }
    }
}

/// A name that only one authority uses. Two authorities cannot tell that their pseudonyms mean the same thing.
///
/// ```
/// use interaction_gov::identity::Pseudonym;
///
/// assert_eq!(Pseudonym([0xA5; 16]).to_string(), "a5".repeat(16));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Pseudonym(pub [u8; 16]);

impl fmt::Display for Pseudonym {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex(&self.0, f)
    }
}

impl fmt::Debug for Pseudonym {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex(&self.0, f)
    }
}

/// The key that makes the pseudonyms of one authority. It wipes itself.
///
/// ```
/// use interaction_gov::identity::{AuthorityKey, InteractionId};
///
/// let [clinic, region] = [1, 2].map(|number| AuthorityKey::new([number; 32])); // random bytes
/// let (call, name) = (InteractionId::recorded([7; 16]), [5; 16]);
/// assert_ne!(clinic.participant(&call, &name), region.participant(&call, &name));
/// ```
#[derive(ZeroizeOnDrop)]
pub struct AuthorityKey([u8; 32]);

impl AuthorityKey {
    /// A key of 32 random bytes, another one for each authority.
    #[must_use]
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// This authority's pseudonym of a participant of an interaction. In another interaction the same participant has
    /// another one.
    #[must_use]
    pub fn participant(&self, interaction: &InteractionId, name: &[u8; 16]) -> Pseudonym {
        Pseudonym(keyed(&self.0, &[Subject::Participant.label(), interaction.as_bytes(), name]))
    }

    /// HMAC-SHA256(key, subject | 0 | identifier), the first 16 bytes.
    // keeps: IOE-128 (§8), IOE-129 (§8)
    #[must_use]
    pub fn pseudonym(&self, subject: Subject, identifier: &[u8]) -> Pseudonym {
        Pseudonym(keyed(&self.0, &[subject.label(), identifier]))
    }
}

/// HMAC-SHA256, the first bytes of it.
pub(crate) fn keyed<const N: usize>(key: &[u8; 32], parts: &[&[u8]]) -> [u8; N] {
    // A key that is shorter than a block is filled up with zeros.
    let mut block = Zeroizing::new([0; 64]);
    block.iter_mut().zip(key).for_each(|(to, from)| *to = *from);
    let mut mac = Hmac::<Sha256>::new((&*block).into());
    parts.iter().for_each(|part| mac.update(part));
    let tag = mac.finalize().into_bytes();
    tag.first_chunk().copied().unwrap_or([0; N])
}
