//! Namespaces (`IACP §5.2`): paths, roots and what they cost, changes of a root, delegations, and the way from a path to
//! the EID behind it.

mod chain;

use iacp_wire::layout::NamespaceRoot;
use iacp_wire::{Digest, Eid, Signature};

pub(crate) use chain::follow;
pub use chain::{ChainBreak, ChainFacts, resolve};

use super::kind::{Kind, MalformedRecord};
use crate::crypto::{BadSignature, Provider};
use crate::discovery::pow::trailing_zero_bits;
use crate::identity::verify_record;

/// The longest path, in bytes.
pub const MAX_PATH: usize = 128;
/// The most labels of a path.
pub const MAX_LABELS: usize = 8;
/// The most delegations of a chain.
pub const MAX_TOKENS: usize = MAX_LABELS - 1;
/// The longest validity of a delegation, in milliseconds: 400 days.
pub const MAX_WINDOW: u64 = 400 * 24 * 3_600_000;
/// How much clocks may differ, in milliseconds.
pub const CLOCKS: u64 = 30_000;

/// A path in reverse notation: 1 to 8 labels of small ASCII letters, digits and inner hyphens, 1 to 128 bytes, the most
/// general label first. Anything else is refused, and nothing is folded.
///
/// ```
/// use iacp_core::directory::name::Path;
///
/// let path = Path::new("org.agentnet.market").ok_or("a path")?;
/// assert!(path.extends(&Path::new("org.agentnet").ok_or("a path")?));
/// assert!(!path.extends(&Path::new("org.agent").ok_or("a path")?));
/// assert!(Path::new("Org").is_none());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Path<'a>(&'a str);

impl core::fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.pad(self.0)
    }
}

impl<'a> Path<'a> {
    /// Checks a path.
    // keeps: IACP-109 (§5.1.2)
    #[must_use]
    pub fn new(text: &'a str) -> Option<Self> {
        let alnum = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let label = |label: &str| {
            let bytes = label.as_bytes();
            (1..=63).contains(&bytes.len())
                && bytes.iter().all(|byte| alnum(byte) || *byte == b'-')
                && bytes.first().is_some_and(alnum)
                && bytes.last().is_some_and(alnum)
        };
        let well_formed =
            (1..=MAX_PATH).contains(&text.len()) && text.split('.').count() <= MAX_LABELS && text.split('.').all(label);
        well_formed.then_some(Self(text))
    }

    /// The path of the bytes.
    #[must_use]
    pub fn from_bytes(bytes: &'a [u8]) -> Option<Self> {
        Self::new(core::str::from_utf8(bytes).ok()?)
    }

    /// The text.
    #[must_use]
    pub const fn as_str(&self) -> &'a str {
        self.0
    }

    pub(crate) const fn as_bytes(&self) -> &'a [u8] {
        self.0.as_bytes()
    }

    /// Whether it is a root: one label.
    #[must_use]
    pub fn is_root(&self) -> bool {
        !self.0.contains('.')
    }

    /// Whether it lies below `parent`, by whole labels.
    #[must_use]
    pub fn extends(&self, parent: &Path<'_>) -> bool {
        self.0.strip_prefix(parent.0).is_some_and(|rest| rest.starts_with('.'))
    }
}

/// The body of a ROOT: the draft's root record, and behind it what the figure lacks (`IACP §5.2.1`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Root<'a> {
    /// The name, one label.
    pub path: Path<'a>,
    /// Its curator's key.
    pub curation_key: Eid,
    /// SHA-256 of the proof.
    pub escrow_index: Digest,
    /// When it was made, Unix time in milliseconds.
    pub time: u64,
    /// By the curation key.
    pub signature: Signature,
    /// What was paid.
    pub proof: &'a [u8],
    /// The bytes before and after the signature.
    signed: (&'a [u8], &'a [u8]),
}

/// What a root is paid with (`IACP §5.2.1`).
// keeps: IACP-111 (§5.2.1)
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Payment {
    /// Burnt work, in bits.
    Work(u32),
    /// The record equals one in the reader's configuration.
    Pinned,
    /// Escrow or burn on a ledger, which only the caller can look at.
    Ledger,
}

impl core::fmt::Display for Payment {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Work(bits) => write!(f, "{bits} bits of burnt work"),
            Self::Pinned => f.pad("pinned"),
            Self::Ledger => f.pad("on a ledger"),
        }
    }
}

/// Two roots whose times differ by at most this, in milliseconds, are of one moment.
pub(super) const SAME_MOMENT: u64 = 600_000;
/// No proof is longer.
const MAX_PROOF: usize = 512;

impl<'a> Root<'a> {
    pub(crate) fn parse(bytes: &'a [u8]) -> Result<Self, MalformedRecord> {
        let (length, _) = bytes.split_first_chunk::<2>().ok_or(MalformedRecord)?;
        let record = NAMESPACE_HEAD + usize::from(u16::from_be_bytes(*length));
        let (head, rest) = bytes.split_at_checked(record).ok_or(MalformedRecord)?;
        let named = NamespaceRoot::parse(head).map_err(|_| MalformedRecord)?;
        let path = Path::new(named.namespace).filter(Path::is_root).ok_or(MalformedRecord)?;
        let (time, rest) = rest.split_first_chunk::<8>().ok_or(MalformedRecord)?;
        let (signature, after) = rest.split_first_chunk::<64>().ok_or(MalformedRecord)?;
        let (length, proof) = after.split_first_chunk::<2>().ok_or(MalformedRecord)?;
        if proof.len() != usize::from(u16::from_be_bytes(*length)) || proof.len() > MAX_PROOF {
            return Err(MalformedRecord);
        }
        let before = bytes.get(..record.saturating_add(8)).ok_or(MalformedRecord)?;
        Ok(Self {
            path,
            curation_key: named.curation_public_key,
            escrow_index: named.escrow_allocation_index,
            time: u64::from_be_bytes(*time),
            signature: Signature(*signature),
            proof,
            signed: (before, after),
        })
    }

    /// The signature, which the draft's figure lacks.
    ///
    /// # Errors
    /// It does not verify.
    // keeps: IACP-113 (§5.2.1)
    pub fn verify<P: Provider>(&self) -> Result<(), BadSignature> {
        let (before, after) = self.signed;
        verify_record::<P>(&self.curation_key, Kind::Root.label(), before, after, &self.signature)
    }

    /// What was paid, if the Escrow Index is that of the proof and burnt work is enough: 28 bits, and two more for each
    /// letter that the name is shorter than eight.
    #[must_use]
    pub fn payment<P: Provider>(&self) -> Option<Payment> {
        if P::sha256(&[self.proof]) != self.escrow_index.0 {
            return None;
        }
        match self.proof.split_first()? {
            (1, nonce) => {
                let nonce: &[u8; 8] = nonce.try_into().ok()?;
                let bits = trailing_zero_bits(&burnt::<P>(&self.path, &self.curation_key, self.time, nonce));
                (bits >= burn_bits(&self.path)).then_some(Payment::Work(bits))
            }
            (2, []) => Some(Payment::Pinned),
            (3 | 4, _) => Some(Payment::Ledger),
            _ => None,
        }
    }

    /// Whether this root stands against another of the same name. Made at most ten minutes apart, the one with more burnt
    /// work stands, then the one with the smaller digest; else the earlier one. So more work wins nothing later on.
    #[must_use]
    pub fn precedes<P: Provider>(&self, other: &Self) -> bool {
        let work = |root: &Self| match root.payment::<P>() {
            Some(Payment::Work(bits)) => bits,
            _ => 0,
        };
        let digest = |root: &Self| P::sha256(&[root.signed.0, &root.signature.0, root.signed.1]);
        if self.time.abs_diff(other.time) > SAME_MOMENT {
            return self.time < other.time;
        }
        let (mine, theirs) = (work(self), work(other));
        mine > theirs || mine == theirs && digest(self) < digest(other)
    }

    /// The digest that the first CURATION names.
    #[must_use]
    pub fn state<P: Provider>(&self) -> Digest {
        Digest(P::sha256(&[self.signed.0, &self.signature.0, self.signed.1]))
    }
}

const NAMESPACE_HEAD: usize = iacp_wire::layout::NamespaceRootHead::LEN;

/// The bits that a root's burnt work needs.
#[must_use]
pub fn burn_bits(path: &Path<'_>) -> u32 {
    let short = 8_usize.saturating_sub(path.as_bytes().len());
    28 + 2 * u32::try_from(short).unwrap_or(0)
}

/// The digest that burnt work is counted on: over name, key and time, so that it serves for nothing else.
#[must_use]
pub fn burnt<P: Provider>(path: &Path<'_>, key: &Eid, time: u64, nonce: &[u8; 8]) -> [u8; 32] {
    let length = u16::try_from(path.as_bytes().len()).unwrap_or(u16::MAX).to_be_bytes();
    P::sha256(&[b"IACP/1 burn\0", &length, path.as_bytes(), &key.0, &time.to_be_bytes(), nonce])
}

/// The body of a CURATION: a later version of a root, authorised by the key before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Curation<'a> {
    /// 1, 2, …
    pub version: u64,
    /// SHA-256 of the body of the version before, or of the ROOT.
    pub state_before: Digest,
    /// The name, which never changes.
    pub path: Path<'a>,
    /// The curator's key from now on.
    pub curation_key: Eid,
    /// By the key before.
    pub signature: Signature,
    bytes: &'a [u8],
}

/// What comes before the signature.
fn unsigned(bytes: &[u8]) -> Option<&[u8]> {
    bytes.split_last_chunk::<64>().map(|(unsigned, _)| unsigned)
}

/// After this many versions a name is registered anew.
pub const MAX_VERSIONS: u64 = 64;

impl<'a> Curation<'a> {
    pub(crate) fn parse(bytes: &'a [u8]) -> Result<Self, MalformedRecord> {
        let (version, rest) = bytes.split_first_chunk::<8>().ok_or(MalformedRecord)?;
        let (before, rest) = rest.split_first_chunk::<32>().ok_or(MalformedRecord)?;
        let (record, signature) = rest.split_last_chunk::<64>().ok_or(MalformedRecord)?;
        let named = NamespaceRoot::parse(record).map_err(|_| MalformedRecord)?;
        let version = u64::from_be_bytes(*version);
        if !(1..=MAX_VERSIONS).contains(&version) {
            return Err(MalformedRecord);
        }
        Ok(Self {
            version,
            state_before: Digest(*before),
            path: Path::new(named.namespace).filter(Path::is_root).ok_or(MalformedRecord)?,
            curation_key: named.curation_public_key,
            signature: Signature(*signature),
            bytes,
        })
    }

    /// The signature of the key before.
    ///
    /// # Errors
    /// It does not verify.
    // keeps: IACP-113 (§5.2.1)
    pub fn verify<P: Provider>(&self, key_before: &Eid) -> Result<(), BadSignature> {
        let signed = self.bytes.split_last_chunk::<64>().ok_or(BadSignature)?.0;
        verify_record::<P>(key_before, Kind::Curation.label(), signed, &[], &self.signature)
    }

    /// Whether it says what the other one says, whatever the signatures are: one content signed twice is no
    /// contradiction, though another signature makes other bytes.
    pub(crate) fn says_what(&self, other: &Self) -> bool {
        unsigned(self.bytes) == unsigned(other.bytes)
    }

    /// The digest that the next version names.
    #[must_use]
    pub fn state<P: Provider>(&self) -> Digest {
        Digest(P::sha256(&[self.bytes]))
    }
}

/// A delegation token (`IACP §5.2.2`): the parent's word for the key of a child path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delegation<'a> {
    /// The parent path.
    pub parent: Path<'a>,
    /// The child path.
    pub child: Path<'a>,
    /// The child's key. That of the last token of a chain is the EID that is found.
    pub child_key: Eid,
    /// Unix time in milliseconds.
    pub not_before: u64,
    /// Unix time in milliseconds.
    pub not_after: u64,
    /// By the parent's key.
    pub signature: Signature,
    bytes: &'a [u8],
}

impl<'a> Delegation<'a> {
    /// Reads a token. Whether the child lies below the parent, and when it is valid, [`resolve`] says.
    ///
    /// # Errors
    /// The form or a path is wrong.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, MalformedRecord> {
        fn path<'a>(bytes: &'a [u8]) -> Option<(Path<'a>, &'a [u8])> {
            let (length, rest) = bytes.split_first_chunk::<2>()?;
            let (path, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
            Some((Path::from_bytes(path)?, rest))
        }
        let (parent, rest) = path(bytes).ok_or(MalformedRecord)?;
        let (child, rest) = path(rest).ok_or(MalformedRecord)?;
        let (child_key, rest) = rest.split_first_chunk::<32>().ok_or(MalformedRecord)?;
        let (not_before, rest) = rest.split_first_chunk::<8>().ok_or(MalformedRecord)?;
        let (not_after, rest) = rest.split_first_chunk::<8>().ok_or(MalformedRecord)?;
        let signature: &[u8; 64] = rest.try_into().map_err(|_| MalformedRecord)?;
        Ok(Self {
            parent,
            child,
            child_key: Eid(*child_key),
            not_before: u64::from_be_bytes(*not_before),
            not_after: u64::from_be_bytes(*not_after),
            signature: Signature(*signature),
            bytes,
        })
    }

    /// The parent's signature.
    ///
    /// # Errors
    /// It does not verify.
    // keeps: IACP-115 (§5.2.2)
    pub fn verify<P: Provider>(&self, parent_key: &Eid) -> Result<(), BadSignature> {
        let signed = self.bytes.split_last_chunk::<64>().ok_or(BadSignature)?.0;
        verify_record::<P>(parent_key, Kind::Delegation.label(), signed, &[], &self.signature)
    }

    /// Whether it says what the other one says, whatever the signatures are.
    pub(crate) fn says_what(&self, other: &Self) -> bool {
        unsigned(self.bytes) == unsigned(other.bytes)
    }

    /// Whether its window can be: not empty, and at most 400 days.
    #[must_use]
    pub const fn window_is_valid(&self) -> bool {
        self.not_after > self.not_before && self.not_after - self.not_before <= MAX_WINDOW
    }
}
