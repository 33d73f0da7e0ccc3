//! Protocol identifiers: many of them lead to one interaction (`IoE R4`, `R8`).

use core::fmt;

use heapless::index_map::{Entry, FnvIndexMap};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::identity::{InteractionId, keyed};
use crate::proof::Signatures;

/// Which protocol an identifier belongs to.
///
/// ```
/// use interaction_gov::identity::InteractionId;
/// use interaction_gov::protocol::{Protocol, Registry};
///
/// let (mut registry, call) = (Registry::<2>::new([3; 32]), InteractionId::recorded([7; 16])); // random bytes
/// registry.bind(Protocol::Other(9), b"12", call, [1; 32])?;
/// assert_eq!(registry.find(Protocol::MqttClient, b"12"), None, "the same bytes of another protocol lead elsewhere");
/// # Ok::<(), interaction_gov::protocol::BindError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Protocol {
    /// A Call-ID of SIP.
    SipCallId,
    /// A session of `WebRTC`.
    WebRtcSession,
    /// A client id of MQTT.
    MqttClient,
    /// A connection of QUIC.
    QuicConnection,
    /// An EID of IACP.
    IacpEid,
    /// Another protocol, by a number that the application gives.
    Other(u16),
}

impl Protocol {
    const fn label(self) -> [u8; 3] {
        let (kind, number) = match self {
            Self::SipCallId => (1, 0),
            Self::WebRtcSession => (2, 0),
            Self::MqttClient => (3, 0),
            Self::QuicConnection => (4, 0),
            Self::IacpEid => (5, 0),
            Self::Other(number) => (0, number),
        };
        let [high, low] = number.to_be_bytes();
        [kind, high, low]
    }
}

/// Why an identifier does not lead to an interaction. Nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum BindError {
    /// It leads to another interaction, or is held by another key.
    Conflict,
    /// There is no room.
    Full,
    /// It does not lead to any interaction.
    Unknown,
    /// The asking party does not hold the key with which it was bound.
    NoProof,
}

impl fmt::Display for BindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Conflict => "it leads to another interaction",
            Self::Full => "no room",
            Self::Unknown => "it leads nowhere",
            Self::NoProof => "no proof of the key with which it was bound",
        })
    }
}

impl core::error::Error for BindError {}

#[derive(Clone, Copy)]
struct Bound {
    interaction: InteractionId,
    holder: [u8; 32],
    /// The number of this binding, so that no challenge repeats.
    number: u64,
}

/// A request to continue under a new identifier after the data plane broke.
///
/// ```
/// use interaction_gov::identity::InteractionId;
/// use interaction_gov::protocol::{BindError, Protocol, Rebinding, Registry};
///
/// let (mut registry, call) = (Registry::<2>::new([3; 32]), InteractionId::recorded([7; 16])); // random bytes
/// registry.bind(Protocol::QuicConnection, b"old", call, [1; 32])?;
/// let challenge = registry.challenge(Protocol::QuicConnection, b"old").ok_or(BindError::Unknown)?;
/// let (old, new) = ((Protocol::QuicConnection, &b"old"[..]), (Protocol::QuicConnection, &b"new"[..]));
/// let rebinding = Rebinding { old, new, challenge };
/// // The holder of the key signs `rebinding.signed()`; an application verifies that.
/// let trusting = |_: &[u8; 32], _: &[u8; 32], _: &[u8; 64]| true;
/// assert_eq!(registry.rebind(&rebinding, &[0; 64], &trusting)?, call);
/// assert_eq!(registry.rebind(&rebinding, &[0; 64], &trusting), Err(BindError::Unknown), "a challenge counts once");
/// # Ok::<(), BindError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rebinding<'a> {
    /// The identifier that was bound.
    pub old: (Protocol, &'a [u8]),
    /// The identifier that replaces it.
    pub new: (Protocol, &'a [u8]),
    /// The challenge from [`Registry::challenge`] for the old identifier.
    pub challenge: [u8; 32],
}

impl Rebinding<'_> {
    /// What the holder signs: SHA-256("IoE/1 rebind" | 0 | challenge | old | new), each identifier with its protocol and its
    /// length in front.
    #[must_use]
    pub fn signed(&self) -> [u8; 32] {
        let mut hash = Sha256::new().chain_update(b"IoE/1 rebind\0").chain_update(self.challenge);
        for (protocol, identifier) in [self.old, self.new] {
            hash = hash.chain_update(protocol.label());
            hash = hash.chain_update((identifier.len() as u64).to_be_bytes()).chain_update(identifier);
        }
        hash.finalize().into()
    }
}

/// Where identifiers lead: up to `N` of them, a power of two.
///
/// ```
/// use interaction_gov::identity::InteractionId;
/// use interaction_gov::protocol::{BindError, Protocol, Registry};
///
/// let mut registry = Registry::<8>::new([3; 32]); // random bytes
/// let (call, other) = (InteractionId::recorded([7; 16]), InteractionId::recorded([8; 16]));
/// registry.bind(Protocol::SipCallId, b"a84b4c76e66710", call, [1; 32])?;
/// registry.bind(Protocol::QuicConnection, b"\x5e\x01", call, [1; 32])?;
/// assert_eq!(registry.find(Protocol::QuicConnection, b"\x5e\x01"), Some(call));
/// assert_eq!(registry.bind(Protocol::SipCallId, b"a84b4c76e66710", other, [1; 32]), Err(BindError::Conflict));
/// # Ok::<(), BindError>(())
/// ```
///
/// Only keyed hashes of them are kept, so that an attacker cannot choose identifiers that collide, and so that the
/// registry does not reveal its identifiers without the key.
pub struct Registry<const N: usize> {
    bound: FnvIndexMap<[u8; 16], Bound, N>,
    /// How many bindings there have been.
    numbers: u64,
    key: Zeroizing<[u8; 32]>,
}

impl<const N: usize> Registry<N> {
    /// An empty one. `key` are 32 random bytes.
    #[must_use]
    pub fn new(key: [u8; 32]) -> Self {
        Self { bound: FnvIndexMap::new(), numbers: 0, key: Zeroizing::new(key) }
    }

    /// Lets an identifier lead to an interaction. The caller must check that the asking party owns the identifier: the
    /// first one to bind it has it. `holder` is the public key that proves possession after a break.
    ///
    /// # Errors
    /// [`BindError::Conflict`], [`BindError::Full`].
    // keeps: IOE-101 (§4.8 R8), IOE-102 (§4.8 R8)
    pub fn bind(
        &mut self,
        protocol: Protocol,
        identifier: &[u8],
        interaction: InteractionId,
        holder: [u8; 32],
    ) -> Result<(), BindError> {
        let number = self.numbers;
        let bound = match self.bound.entry(self.place(protocol, identifier)) {
            Entry::Occupied(there) => {
                let Bound { interaction: other, holder: held_by, .. } = there.get();
                if (*other, *held_by) == (interaction, holder) { Ok(()) } else { Err(BindError::Conflict) }
            }
            Entry::Vacant(free) => {
                free.insert(Bound { interaction, holder, number }).map(|_| ()).map_err(|_| BindError::Full)
            }
        };
        self.numbers += u64::from(bound.is_ok());
        bound
    }

    /// The interaction to which an identifier leads.
    #[must_use]
    pub fn find(&self, protocol: Protocol, identifier: &[u8]) -> Option<InteractionId> {
        self.bound.get(&self.place(protocol, identifier)).map(|bound| bound.interaction)
    }

    /// The challenge that the holder of an identifier has to sign to continue under another one. It changes each time.
    #[must_use]
    pub fn challenge(&self, protocol: Protocol, identifier: &[u8]) -> Option<[u8; 32]> {
        let bound = self.bound.get(&self.place(protocol, identifier))?;
        let parts: [&[u8]; 5] =
            [b"challenge\0", bound.interaction.as_bytes(), &bound.number.to_be_bytes(), &protocol.label(), identifier];
        Some(keyed(&self.key, &parts))
    }

    /// After the data plane broke, the holder of the key makes a new identifier lead where the old one led.
    ///
    /// After the signature has been verified, this walks over all identifiers.
    ///
    /// # Errors
    /// [`BindError`]
    // keeps: IOE-077 (§4.4 R4)
    pub fn rebind(
        &mut self,
        rebinding: &Rebinding<'_>,
        signature: &[u8; 64],
        signatures: &impl Signatures,
    ) -> Result<InteractionId, BindError> {
        let old = self.place(rebinding.old.0, rebinding.old.1);
        let new = self.place(rebinding.new.0, rebinding.new.1);
        let Bound { interaction, holder, .. } = *self.bound.get(&old).ok_or(BindError::Unknown)?;
        if self.challenge(rebinding.old.0, rebinding.old.1) != Some(rebinding.challenge) {
            return Err(BindError::NoProof);
        }
        if !signatures.verify(&holder, &rebinding.signed(), signature) {
            return Err(BindError::NoProof);
        }
        if new != old && self.bound.contains_key(&new) {
            return Err(BindError::Conflict);
        }
        self.bound.retain(|identifier, _| *identifier != old);
        let number = self.numbers;
        self.numbers += 1;
        self.bound.insert(new, Bound { interaction, holder, number }).map_err(|_| BindError::Full)?;
        Ok(interaction)
    }

    /// Removes all identifiers of an interaction that is over.
    pub fn release(&mut self, interaction: &InteractionId) {
        self.bound.retain(|_, bound| bound.interaction != *interaction);
    }

    /// The keyed hash that stands for an identifier in records.
    #[must_use]
    pub fn place(&self, protocol: Protocol, identifier: &[u8]) -> [u8; 16] {
        keyed(&self.key, &[&protocol.label(), identifier])
    }
}
