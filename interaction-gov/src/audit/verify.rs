//! Reading a trail back: is it whole, in order, untouched, and up to date? (`IoE R6`)

use core::fmt;

use super::chain::{Chain, Head};
use super::codes::RecordKind;
use super::record::{Bytes, FORMAT, Record};
use crate::identity::InteractionId;
use crate::proof::Signatures;
use crate::time::Time;

/// A head with the control plane's signature.
///
/// ```
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/call.rs"));
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use interaction_gov::audit::{Damage, SignedHead, Trail};
///
/// let Setting { log, mut call, .. } = setting();
/// let signed = SignedHead { head: call.head(), signature: [0; 64] }; // an application signs `head.signed()`
/// let trusting = |_: &[u8; 32], _: &[u8; 32], _: &[u8; 64]| true;
/// let mut trail = Trail::of(*call.id());
/// let cut = log.waiting().len() - 1;
/// for record in &log.waiting()[..cut] {
///     trail.record(record)?;
/// }
/// assert_eq!(trail.head(&signed, &[1; 32], &trusting), Err(Damage::Cut), "the last record is missing");
/// trail.record(&log.waiting()[cut])?;
/// trail.head(&signed, &[1; 32], &trusting)?;
/// assert_eq!(trail.unsigned(), 0);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignedHead {
    /// What is signed.
    pub head: Head,
    /// By the control plane's key.
    pub signature: [u8; 64],
}

/// What is wrong with a trail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Damage {
    /// A record has no meaning.
    Unreadable,
    /// A record is another interaction's.
    Another,
    /// A record is out of order: one was dropped, added or moved. The number that was expected.
    Order(u32),
    /// A record is older than the one before, or than a head before it.
    Clock,
    /// The trail does not begin with the interaction's creation.
    Beginning,
    /// The signature of a head does not hold.
    ForgedHead,
    /// The records are not those over which the head was signed: one before it was altered.
    Altered,
    /// A head was signed over more records than there are: the last ones were cut off, or an old trail was put back.
    Cut,
    /// Something follows the last head.
    AfterTheEnd,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unreadable => "a record has no meaning",
            Self::Another => "a record is another interaction's",
            Self::Order(expected) => return write!(f, "record {expected} is missing or out of place"),
            Self::Clock => "a record is older than the one before",
            Self::Beginning => "the trail does not begin with the interaction",
            Self::ForgedHead => "the signature of a head does not hold",
            Self::Altered => "the records are not those that were signed",
            Self::Cut => "records are missing at the end",
            Self::AfterTheEnd => "something follows the end",
        })
    }
}

impl core::error::Error for Damage {}

/// A trail that is being read, record by record, with the heads between them.
///
/// An altered record is detected at the next head. Records after the last head are only known to be in order, which
/// proves nothing yet: [`unsigned`](Self::unsigned) counts them.
///
/// ```
/// use interaction_gov::audit::{Damage, RECORD, Trail};
/// use interaction_gov::identity::InteractionId;
///
/// let mut trail = Trail::of(InteractionId::recorded([7; 16]));
/// let torn = [0xFF; RECORD];
/// assert_eq!(trail.record(&torn), Err(Damage::Unreadable));
/// assert_eq!((trail.records(), trail.unsigned()), (0, 0));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Trail {
    interaction: InteractionId,
    chain: Chain,
    last: Time,
    signed: u32,
    ended: bool,
}

impl Trail {
    /// The trail of this interaction, before its first record.
    #[must_use]
    pub fn of(interaction: InteractionId) -> Self {
        Self { interaction, chain: Chain::of(&interaction), last: Time(0), signed: 0, ended: false }
    }

    /// Takes the next record.
    ///
    /// # Errors
    /// [`Damage`]; the trail then stands where it stood.
    pub fn record(&mut self, bytes: &Bytes) -> Result<Record, Damage> {
        let record = Record::read(bytes).ok_or(Damage::Unreadable)?;
        if record.interaction != self.interaction {
            return Err(Damage::Another);
        }
        if self.ended {
            return Err(Damage::AfterTheEnd);
        }
        if record.sequence != self.chain.next() {
            return Err(Damage::Order(self.chain.next()));
        }
        let begins = record.kind == RecordKind::Created && record.subject == FORMAT;
        if begins != (record.sequence == 0) {
            return Err(Damage::Beginning);
        }
        if record.time < self.last && record.kind != RecordKind::Clock {
            return Err(Damage::Clock);
        }
        self.chain = self.chain.and(bytes);
        self.last = record.time;
        Ok(record)
    }

    /// Takes a head, which must have been signed over exactly the records so far.
    ///
    /// # Errors
    /// [`Damage`]; the trail then stands where it stood.
    pub fn head(&mut self, signed: &SignedHead, key: &[u8; 32], signatures: &impl Signatures) -> Result<(), Damage> {
        let head = &signed.head;
        if head.interaction != self.interaction {
            return Err(Damage::Another);
        }
        if !signatures.verify(key, &head.signed(), &signed.signature) {
            return Err(Damage::ForgedHead);
        }
        if head.records > self.chain.next() {
            return Err(Damage::Cut);
        }
        if head.records < self.chain.next() || head.hash != *self.chain.hash() {
            return Err(Damage::Altered);
        }
        if head.time < self.last {
            return Err(Damage::Clock);
        }
        self.last = head.time;
        self.signed = head.records;
        self.ended |= head.last;
        Ok(())
    }

    /// The interaction whose trail it is.
    #[must_use]
    pub const fn interaction(&self) -> &InteractionId {
        &self.interaction
    }

    /// How many records there are.
    #[must_use]
    pub const fn records(&self) -> u32 {
        self.chain.next()
    }

    /// How many records no head covers yet.
    #[must_use]
    pub const fn unsigned(&self) -> u32 {
        self.chain.next().saturating_sub(self.signed)
    }

    /// Whether the last head was the last one.
    #[must_use]
    pub const fn is_ended(&self) -> bool {
        self.ended
    }

    /// The hash over all records: what a replay of the same inputs must give.
    #[must_use]
    pub const fn hash(&self) -> &[u8; 32] {
        self.chain.hash()
    }
}
