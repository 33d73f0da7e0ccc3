//! Snapshots: the state of an interaction as signed bytes, which are restored exactly or refused (`IoE R1`, `R4`).
//!
//! A snapshot has the state of an interaction after a certain record. The control plane signs [`Stamp::signed`] and
//! keeps the newest stamp; a snapshot that is older, altered, or of another interaction is refused.

use core::fmt;

use sha2::{Digest as _, Sha256};

use crate::bytes::FieldError;
use crate::identity::InteractionId;
use crate::proof::Signatures;
use crate::time::Time;

/// The version of the format of an interaction.
pub const FORMAT: u8 = 1;
/// The version of the format of a control plane.
pub const PLANE_FORMAT: u8 = 3;

/// Why something is not restored. Nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum SnapshotError {
    /// There are too few bytes, or too many.
    Length,
    /// Another version of the format.
    Format(u8),
    /// A field has no meaning: its name.
    Field(&'static str),
    /// There are more participants, functions or bans than there is room for here.
    NoRoom,
    /// The signature does not verify, or covers other bytes.
    Forged,
    /// There is a newer one.
    Stale,
}

impl fmt::Display for SnapshotError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Length => "too short or too long",
            Self::Format(_) => "another version of the format",
            Self::Field(name) => return write!(f, "{name} has no meaning"),
            Self::NoRoom => "no room for all of it",
            Self::Forged => "the signature does not hold",
            Self::Stale => "there is a newer one",
        })
    }
}

impl core::error::Error for SnapshotError {}

impl From<FieldError> for SnapshotError {
    fn from(error: FieldError) -> Self {
        match error {
            FieldError::Length => Self::Length,
            FieldError::Field(name) => Self::Field(name),
        }
    }
}

/// The signed statement about a snapshot.
///
/// ```
/// use interaction_gov::identity::InteractionId;
/// use interaction_gov::snapshot::{SnapshotError, Stamp};
/// use interaction_gov::time::Time;
///
/// // After 12 records, and one tightening for whose record there was no room.
/// let stamp = Stamp::of(InteractionId::recorded([7; 16]), (12, 1), Time(1_000), b"the bytes of a snapshot");
/// let trusting = |_: &[u8; 32], _: &[u8; 32], _: &[u8; 64]| true; // an application verifies
/// let verify = |bytes: &[u8], newest| stamp.verify(bytes, newest, &[0; 32], &[0; 64], &trusting);
/// assert_eq!(verify(b"the bytes of a snapshot", stamp.reached()), Ok(()));
/// assert_eq!(verify(b"other bytes", (12, 1)), Err(SnapshotError::Forged));
/// assert_eq!(verify(b"the bytes of a snapshot", (12, 2)), Err(SnapshotError::Stale));
/// assert_eq!(verify(b"the bytes of a snapshot", (13, 0)), Err(SnapshotError::Stale));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Stamp {
    /// The interaction.
    pub interaction: InteractionId,
    /// The number of records at that time: a later snapshot has more, or as many and more steps without a record.
    pub records: u32,
    /// How many tightenings had taken effect since then without a record.
    pub unrecorded: u32,
    /// The time of the snapshot.
    pub time: Time,
    /// SHA-256 of the bytes.
    pub digest: [u8; 32],
}

impl Stamp {
    /// The stamp of these bytes, with the interaction's number of records, and of tightenings without a record.
    #[must_use]
    pub fn of(interaction: InteractionId, (records, unrecorded): (u32, u32), time: Time, bytes: &[u8]) -> Self {
        Self { interaction, records, unrecorded, time, digest: Sha256::digest(bytes).into() }
    }

    /// How far the interaction was: its records, and the tightenings without a record. The caller keeps the highest.
    #[must_use]
    pub const fn reached(&self) -> (u32, u32) {
        (self.records, self.unrecorded)
    }

    /// What the control plane signs: SHA-256("IoE/2 snapshot" | 0 | interaction | records | unrecorded | time | digest).
    #[must_use]
    pub fn signed(&self) -> [u8; 32] {
        Sha256::new()
            .chain_update(b"IoE/2 snapshot\0")
            .chain_update(self.interaction.as_bytes())
            .chain_update(self.records.to_be_bytes())
            .chain_update(self.unrecorded.to_be_bytes())
            .chain_update(self.time.0.to_be_bytes())
            .chain_update(self.digest)
            .finalize()
            .into()
    }

    /// Checks that these are the stamped bytes, that the holder of the key stamped them, and that the interaction had
    /// [reached](Self::reached) `newest`: with a full log, steps that tighten add no record, and are counted.
    ///
    /// # Errors
    /// [`SnapshotError::Forged`], [`SnapshotError::Stale`].
    pub fn verify(
        &self,
        bytes: &[u8],
        newest: (u32, u32),
        key: &[u8; 32],
        signature: &[u8; 64],
        signatures: &impl Signatures,
    ) -> Result<(), SnapshotError> {
        let digest: [u8; 32] = Sha256::digest(bytes).into();
        if digest != self.digest || !signatures.verify(key, &self.signed(), signature) {
            return Err(SnapshotError::Forged);
        }
        if self.reached() < newest { Err(SnapshotError::Stale) } else { Ok(()) }
    }
}

/// The signed statement about a snapshot of the control plane. It differs from that of an interaction, so that neither
/// can pass for the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct PlaneStamp {
    /// A number that rises with every snapshot; the caller keeps the highest.
    pub number: u64,
    /// The time of the snapshot.
    pub time: Time,
    /// SHA-256 of the bytes.
    pub digest: [u8; 32],
}

impl PlaneStamp {
    /// The stamp of these bytes.
    ///
    /// ```
    /// use interaction_gov::snapshot::{PlaneStamp, SnapshotError};
    /// use interaction_gov::time::Time;
    ///
    /// let stamp = PlaneStamp::of(7, Time(1_000), b"the bytes of a snapshot");
    /// let trusting = |_: &[u8; 32], _: &[u8; 32], _: &[u8; 64]| true;
    /// assert_eq!(stamp.verify(b"the bytes of a snapshot", 7, &[0; 32], &[0; 64], &trusting), Ok(()));
    /// assert_eq!(stamp.verify(b"the bytes of a snapshot", 8, &[0; 32], &[0; 64], &trusting), Err(SnapshotError::Stale));
    /// ```
    #[must_use]
    pub fn of(number: u64, time: Time, bytes: &[u8]) -> Self {
        Self { number, time, digest: Sha256::digest(bytes).into() }
    }

    /// What the control plane signs: SHA-256("IoE/1 plane snapshot" | 0 | number | time | digest).
    #[must_use]
    pub fn signed(&self) -> [u8; 32] {
        Sha256::new()
            .chain_update(b"IoE/1 plane snapshot\0")
            .chain_update(self.number.to_be_bytes())
            .chain_update(self.time.0.to_be_bytes())
            .chain_update(self.digest)
            .finalize()
            .into()
    }

    /// Checks that these are the stamped bytes, that the holder of this key stamped them, and that the number is not
    /// below `newest`.
    ///
    /// # Errors
    /// [`SnapshotError::Forged`], [`SnapshotError::Stale`].
    pub fn verify(
        &self,
        bytes: &[u8],
        newest: u64,
        key: &[u8; 32],
        signature: &[u8; 64],
        signatures: &impl Signatures,
    ) -> Result<(), SnapshotError> {
        let digest: [u8; 32] = Sha256::digest(bytes).into();
        if digest != self.digest || !signatures.verify(key, &self.signed(), signature) {
            return Err(SnapshotError::Forged);
        }
        if self.number < newest { Err(SnapshotError::Stale) } else { Ok(()) }
    }
}
