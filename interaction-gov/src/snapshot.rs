//! What outlives a process: the state of an interaction as bytes, signed, and restored exactly or refused (`IoE R1`, `R4`).
//!
//! A snapshot says what an interaction was after a record. The control plane signs [`Stamp::signed`] and keeps the newest
//! stamp; what is older, of another interaction, or altered is refused.

use core::fmt;

use sha2::{Digest as _, Sha256};

use crate::identity::InteractionId;
use crate::proof::Signatures;
use crate::time::Time;

/// The version of the format.
pub const FORMAT: u8 = 1;

/// Why something is not restored. Nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum SnapshotError {
    /// The bytes end too early, or there are more than belong to it.
    Length,
    /// Another version of the format.
    Format(u8),
    /// A field has no meaning: its name.
    Field(&'static str),
    /// There are more participants, functions or bans than there is room for here.
    NoRoom,
    /// The signature does not hold, or is about other bytes.
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

/// What is signed of a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Stamp {
    /// Of which interaction.
    pub interaction: InteractionId,
    /// After how many records: a later one has more.
    pub records: u32,
    /// When.
    pub time: Time,
    /// SHA-256 of the bytes.
    pub digest: [u8; 32],
}

impl Stamp {
    /// The stamp of these bytes.
    #[must_use]
    pub fn of(interaction: InteractionId, records: u32, time: Time, bytes: &[u8]) -> Self {
        Self { interaction, records, time, digest: Sha256::digest(bytes).into() }
    }

    /// What the control plane signs: SHA-256("IoE/1 snapshot" | 0 | interaction | records | time | digest).
    #[must_use]
    pub fn signed(&self) -> [u8; 32] {
        Sha256::new()
            .chain_update(b"IoE/1 snapshot\0")
            .chain_update(self.interaction.as_bytes())
            .chain_update(self.records.to_be_bytes())
            .chain_update(self.time.0.to_be_bytes())
            .chain_update(self.digest)
            .finalize()
            .into()
    }

    /// Whether these are the bytes that were stamped, by whom, and not before `newest` records.
    ///
    /// # Errors
    /// [`SnapshotError::Forged`], [`SnapshotError::Stale`].
    pub fn verify(
        &self,
        bytes: &[u8],
        newest: u32,
        key: &[u8; 32],
        signature: &[u8; 64],
        signatures: &impl Signatures,
    ) -> Result<(), SnapshotError> {
        let digest: [u8; 32] = Sha256::digest(bytes).into();
        if digest != self.digest || !signatures.verify(key, &self.signed(), signature) {
            return Err(SnapshotError::Forged);
        }
        if self.records < newest { Err(SnapshotError::Stale) } else { Ok(()) }
    }
}

/// What is signed of a snapshot of the control plane: it has a stamp of its own, so that neither passes for the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct PlaneStamp {
    /// Rises with every snapshot; the caller keeps the highest.
    pub number: u64,
    /// When.
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

    /// Whether these are the bytes that were stamped, by the holder of this key, with a number that is not below `newest`.
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

/// Writes fields into the caller's bytes.
pub(crate) struct Writer<'b> {
    bytes: &'b mut [u8],
    used: usize,
}

impl<'b> Writer<'b> {
    pub const fn new(bytes: &'b mut [u8]) -> Self {
        Self { bytes, used: 0 }
    }

    pub fn put(&mut self, field: &[u8]) {
        let end = self.used + field.len();
        if let Some(place) = self.bytes.get_mut(self.used..end) {
            place.copy_from_slice(field);
        }
        // What does not fit is counted all the same.
        self.used = end;
    }

    pub fn u8(&mut self, number: u8) {
        self.put(&[number]);
    }

    pub fn u16(&mut self, number: u16) {
        self.put(&number.to_be_bytes());
    }

    pub fn u32(&mut self, number: u32) {
        self.put(&number.to_be_bytes());
    }

    pub fn u64(&mut self, number: u64) {
        self.put(&number.to_be_bytes());
    }

    pub fn u128(&mut self, number: u128) {
        self.put(&number.to_be_bytes());
    }

    pub fn some(&mut self, number: Option<u32>) {
        self.u8(u8::from(number.is_some()));
        self.u32(number.unwrap_or(0));
    }

    /// How many bytes it took, or would have taken.
    ///
    /// # Errors
    /// How many are needed.
    pub const fn done(self) -> Result<usize, usize> {
        if self.used <= self.bytes.len() { Ok(self.used) } else { Err(self.used) }
    }
}

/// Reads fields.
pub(crate) struct Reader<'b>(pub &'b [u8]);

impl Reader<'_> {
    pub fn take<const N: usize>(&mut self) -> Result<[u8; N], SnapshotError> {
        let (head, tail) = self.0.split_first_chunk().ok_or(SnapshotError::Length)?;
        self.0 = tail;
        Ok(*head)
    }

    pub fn u8(&mut self) -> Result<u8, SnapshotError> {
        self.take().map(|[byte]| byte)
    }

    pub fn u16(&mut self) -> Result<u16, SnapshotError> {
        self.take().map(u16::from_be_bytes)
    }

    pub fn u32(&mut self) -> Result<u32, SnapshotError> {
        self.take().map(u32::from_be_bytes)
    }

    pub fn u64(&mut self) -> Result<u64, SnapshotError> {
        self.take().map(u64::from_be_bytes)
    }

    pub fn u128(&mut self) -> Result<u128, SnapshotError> {
        self.take().map(u128::from_be_bytes)
    }

    pub fn bool(&mut self, field: &'static str) -> Result<bool, SnapshotError> {
        match self.u8()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(SnapshotError::Field(field)),
        }
    }

    pub fn some(&mut self, field: &'static str) -> Result<Option<u32>, SnapshotError> {
        let there = self.bool(field)?;
        let number = self.u32()?;
        if there {
            Ok(Some(number))
        } else if number == 0 {
            Ok(None)
        } else {
            Err(SnapshotError::Field(field))
        }
    }

    pub const fn done(&self) -> Result<(), SnapshotError> {
        if self.0.is_empty() { Ok(()) } else { Err(SnapshotError::Length) }
    }
}

/// One of a list, by its number.
pub(crate) fn one_of<T: Copy>(all: &[T], number: u8, field: &'static str) -> Result<T, SnapshotError> {
    all.get(usize::from(number)).copied().ok_or(SnapshotError::Field(field))
}
