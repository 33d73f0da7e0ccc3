//! The journal of a keeper (`IACP §3.6.1`): what it counted, chained by hashes, its head signed.
//!
//! The caller stores the entries, 72 bytes each; the machine keeps the hash and the number.

use core::fmt;

use iacp_wire::{Digest, Eid, Signature};

use crate::crypto::{BadSignature, Provider};
use crate::identity::{Identity, sign_record, verify_record};
use crate::time::UnixTime;

/// What an entry says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum EntryKind {
    /// A handshake that ended in a sealed frame; a mutation that was accepted.
    Good = 1,
    /// An authentic contradiction; 8 of them for an accusation whose evidence fails.
    Bad = 2,
    /// 15 s under a contract; 30 min of a binding.
    Due = 3,
    /// In which an authentic frame came; in which it was refreshed.
    Met = 4,
    /// An accusation was verified.
    Accusation = 5,
    /// A verdict was verified.
    Verdict = 6,
    /// The verdict of reputation changed; the amount says to what: 1 for more work, 2 for throttling, 3 for both.
    Change = 7,
}

words! {
    EntryKind {
        Self::Good => "good",
        Self::Bad => "bad",
        Self::Due => "due",
        Self::Met => "met",
        Self::Accusation => "accusation",
        Self::Verdict => "verdict",
        Self::Change => "change of treatment",
    }
}

impl EntryKind {
    const ALL: [Self; 7] = [Self::Good, Self::Bad, Self::Due, Self::Met, Self::Accusation, Self::Verdict, Self::Change];
}

/// The first bytes of SHA-256 of what shows it.
pub type Evidence = [u8; 16];
/// Nothing shows it.
pub const NO_EVIDENCE: Evidence = [0; 16];

/// An entry: 72 bytes.
///
/// ```text
/// +---------------------------------------------------------------+
/// |                        Sequence [8]                           |
/// +---------------------------------------------------------------+
/// |                          Time [8]                             |
/// +---------------+-----------------------------------------------+
/// |   Kind [1]    |                 Reserved [3]                  |
/// +---------------+-----------------------------------------------+
/// |                         Amount [4]                            |
/// +---------------------------------------------------------------+
/// |                          EID [32]                             |
/// +---------------------------------------------------------------+
/// |                        Evidence [16]                          |
/// +---------------------------------------------------------------+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// 0, 1, …
    pub sequence: u64,
    /// Unix time in milliseconds.
    pub time: u64,
    /// What was observed.
    pub kind: EntryKind,
    /// How many times.
    pub amount: u32,
    /// The EID that the entry is about.
    pub eid: Eid,
    /// What shows it.
    pub evidence: Evidence,
}

impl Entry {
    /// Length in bytes.
    pub const LEN: usize = 72;

    /// The bytes to store.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; Self::LEN] {
        let mut bytes = [0; Self::LEN];
        let fields = self.sequence.to_be_bytes().into_iter().chain(self.time.to_be_bytes());
        let fields = fields.chain([self.kind as u8, 0, 0, 0]).chain(self.amount.to_be_bytes());
        let fields = fields.chain(self.eid.0).chain(self.evidence);
        bytes.iter_mut().zip(fields).for_each(|(to, from)| *to = from);
        bytes
    }

    /// Reads an entry; none if its kind is unknown or a reserved byte is set.
    #[must_use]
    pub fn from_bytes(bytes: &[u8; Self::LEN]) -> Option<Self> {
        let (sequence, rest) = bytes.split_first_chunk()?;
        let (time, rest) = rest.split_first_chunk()?;
        let (&[code, 0, 0, 0], rest) = rest.split_first_chunk::<4>()? else { return None };
        let (amount, rest) = rest.split_first_chunk()?;
        let (eid, rest) = rest.split_first_chunk()?;
        Some(Self {
            sequence: u64::from_be_bytes(*sequence),
            time: u64::from_be_bytes(*time),
            kind: EntryKind::ALL.into_iter().find(|kind| *kind as u8 == code)?,
            amount: u32::from_be_bytes(*amount),
            eid: Eid(*eid),
            evidence: rest.try_into().ok()?,
        })
    }
}

/// The signed head: 144 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// The keeper of the journal.
    pub keeper: Eid,
    /// How many entries.
    pub entries: u64,
    /// The hash over all of them.
    pub hash: Digest,
    /// Unix time in milliseconds.
    pub time: u64,
    /// By the keeper.
    pub signature: Signature,
}

const LABEL: &str = "AUDIT_RECORD";

impl Head {
    /// Length in bytes.
    pub const LEN: usize = 144;

    /// The bytes to store.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; Self::LEN] {
        let mut bytes = [0; Self::LEN];
        bytes.iter_mut().zip(self.unsigned().into_iter().chain(self.signature.0)).for_each(|(to, from)| *to = from);
        bytes
    }

    /// Reads a head. Whether it is one, [`Journal::verify`] says.
    #[must_use]
    pub fn from_bytes(bytes: &[u8; Self::LEN]) -> Option<Self> {
        let (keeper, rest) = bytes.split_first_chunk()?;
        let (entries, rest) = rest.split_first_chunk()?;
        let (hash, rest) = rest.split_first_chunk()?;
        let (time, rest) = rest.split_first_chunk()?;
        Some(Self {
            keeper: Eid(*keeper),
            entries: u64::from_be_bytes(*entries),
            hash: Digest(*hash),
            time: u64::from_be_bytes(*time),
            signature: Signature(rest.try_into().ok()?),
        })
    }

    fn unsigned(&self) -> [u8; 80] {
        let mut bytes = [0; 80];
        let fields = self.keeper.0.into_iter().chain(self.entries.to_be_bytes());
        let fields = fields.chain(self.hash.0).chain(self.time.to_be_bytes());
        bytes.iter_mut().zip(fields).for_each(|(to, from)| *to = from);
        bytes
    }
}

/// Why entries are not those of a head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Broken {
    /// The head is not signed by its keeper.
    Signature,
    /// An entry is missing, doubled or out of order: this sequence was due.
    Sequence(u64),
    /// There are more or fewer entries than the head counts.
    Count,
    /// An entry was changed.
    Hash,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Signature => f.pad("signature: not the keeper's"),
            Self::Sequence(due) => write!(f, "sequence: {due} was due"),
            Self::Count => f.pad("entries: more or fewer than the head counts"),
            Self::Hash => f.pad("hash: an entry was changed"),
        }
    }
}

impl core::error::Error for Broken {}

/// The running end of a journal.
///
/// A keeper writes a journal; a reader checks its entries against the signed head:
///
/// ```
/// use iacp_core::governance::journal::{Broken, Entry, EntryKind, Head, Journal, NO_EVIDENCE};
/// # use iacp_core::crypto::{ChaChaOnly, Secret32};
/// # use iacp_core::identity::Identity;
/// # use iacp_core::time::UnixTime;
/// # use iacp_wire::Eid;
/// # let (now, peer) = (UnixTime(1_790_000_000_000), Eid([2; 32]));
/// # let keeper = Identity::<ChaChaOnly>::from_seed(&Secret32::new([1; 32]));
///
/// let mut journal = Journal::new::<ChaChaOnly>(keeper.eid());
/// let mut append = |kind| journal.append::<ChaChaOnly>(now, kind, 1, &peer, &NO_EVIDENCE);
/// let entries: [Entry; 2] = [append(EntryKind::Good), append(EntryKind::Bad)];
/// let head: Head = journal.head(&keeper, now);
/// assert_eq!(Journal::verify::<ChaChaOnly>(&head, entries), Ok(()));
/// let better = [entries[0], Entry { kind: EntryKind::Good, ..entries[1] }];
/// assert_eq!(Journal::verify::<ChaChaOnly>(&head, better), Err(Broken::Hash));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Journal {
    keeper: Eid,
    entries: u64,
    hash: Digest,
}

impl Journal {
    /// An empty journal.
    #[must_use]
    pub fn new<P: Provider>(keeper: Eid) -> Self {
        Self { keeper, entries: 0, hash: Digest(P::sha256(&[b"IACP/1 reputation\0", &keeper.0])) }
    }

    /// How many entries there are.
    #[must_use]
    pub const fn entries(&self) -> u64 {
        self.entries
    }

    /// The hash over all of them.
    #[must_use]
    pub const fn hash(&self) -> Digest {
        self.hash
    }

    /// Adds an entry, which the caller stores.
    // keeps: IACP-017 (§3.6.1)
    pub fn append<P: Provider>(
        &mut self,
        now: UnixTime,
        kind: EntryKind,
        amount: u32,
        eid: &Eid,
        evidence: &Evidence,
    ) -> Entry {
        let entry = Entry { sequence: self.entries, time: now.0, kind, amount, eid: *eid, evidence: *evidence };
        self.extend::<P>(&entry);
        entry
    }

    /// Goes on behind an entry that was stored: the next one, if it is due.
    ///
    /// # Errors
    /// Another sequence is due; then nothing changes.
    pub fn take<P: Provider>(&mut self, entry: &Entry) -> Result<(), Broken> {
        if entry.sequence != self.entries {
            return Err(Broken::Sequence(self.entries));
        }
        self.extend::<P>(entry);
        Ok(())
    }

    fn extend<P: Provider>(&mut self, entry: &Entry) {
        self.hash = Digest(P::sha256(&[&self.hash.0, &entry.to_bytes()]));
        self.entries = self.entries.saturating_add(1);
    }

    /// The head, signed: every 256 entries and at the end of an epoch. `keeper` is whose journal it is.
    // keeps: IACP-008 (§3.4)
    #[must_use]
    pub fn head<P: Provider>(&self, keeper: &Identity<P>, now: UnixTime) -> Head {
        let (entries, hash) = (self.entries, self.hash);
        let mut head = Head { keeper: keeper.eid(), entries, hash, time: now.0, signature: Signature::ZERO };
        head.signature = sign_record(keeper, LABEL, &head.unsigned(), &[]);
        head
    }

    /// Whether these are all entries of a head, in order and unchanged.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn verify<P: Provider>(head: &Head, entries: impl IntoIterator<Item = Entry>) -> Result<(), Broken> {
        verify_record::<P>(&head.keeper, LABEL, &head.unsigned(), &[], &head.signature)
            .map_err(|BadSignature| Broken::Signature)?;
        let mut journal = Self::new::<P>(head.keeper);
        for entry in entries {
            if entry.sequence == journal.entries && journal.entries >= head.entries {
                return Err(Broken::Count);
            }
            journal.take::<P>(&entry)?;
        }
        match (journal.entries == head.entries, journal.hash == head.hash) {
            (false, _) => Err(Broken::Count),
            (true, false) => Err(Broken::Hash),
            (true, true) => Ok(()),
        }
    }
}
