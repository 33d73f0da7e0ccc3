//! The memory of a receiver: which objects it has decided, and which continues which (`CEP §4`, `CEP §8`).
//!
//! A parent is named by the digest of its manifest. An object is identified by that digest *and* the key that sealed
//! it: otherwise a sender that seals a copy of another's manifest, and is faster, would make the original a replay. It
//! is the key and not a name, because a directory may have one key under several names. The line of a manifest belongs
//! to the manifest, whichever sender sealed it.

mod memory;

use core::fmt;

pub use memory::{MemoryLineage, RecordError, Slot};

use crate::digest::Digest;
use crate::manifest::{CausalParent, Instant};

/// The memory of a receiver. Decisions only read it; only [`record`](MemoryLineage::record) changes it.
///
/// ```
/// use cep_envelope::digest::Digest;
/// use cep_envelope::lineage::{Lineage as _, Memory, MemoryLineage, Parent, Slot};
///
/// let lineage = MemoryLineage::first([Slot::EMPTY; 4], [7; 16]); // random bytes
/// let manifest = Digest::of(b"a manifest");
/// assert_eq!((lineage.object(&manifest, &[1; 32]), lineage.parent(&manifest)), (Memory::New, Parent::Unknown));
/// assert!(lineage.has_room());
/// ```
pub trait Lineage {
    /// Whether this object (the manifest sealed by this key) was decided before; or whether the manifest, sealed by any
    /// key, is known to be bad or forbidden.
    fn object(&self, manifest: &Digest, key: &[u8; 32]) -> Memory;

    /// The status of the object with this manifest as the parent of another.
    fn parent(&self, manifest: &Digest) -> Parent;

    /// The instant from which the memory is complete: every recorded object that was sealed then or later is known.
    /// Older ones may have been decided and forgotten.
    fn complete_since(&self) -> Instant;

    /// Whether one more object can be remembered.
    fn has_room(&self) -> bool;
}

/// What is known about an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Memory {
    /// Nothing.
    New,
    /// It was held back, for triage or resync: it may be judged again.
    HeldBack,
    /// It was approved, or is known to be bad: if it comes again, that is a replay.
    // keeps: CEP-031 (§4)
    Decided,
}

impl fmt::Display for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::New => "new",
            Self::HeldBack => "held back",
            Self::Decided => "decided before",
        })
    }
}

/// The status of an object as a parent.
// keeps: CEP-032 (§4), CEP-090 (§8), CEP-091 (§8), CEP-092 (§8)
// keeps: CEP-093 (§8)
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Parent {
    /// It has never been seen, or has been forgotten.
    Unknown,
    /// It is known, and not approved yet.
    Undecided,
    /// It is known to be bad.
    Invalid,
    /// Policy lets nothing continue it.
    Forbidden,
    /// It was approved.
    Approved(Approved),
}

impl fmt::Display for Parent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Unknown => "unknown",
            Self::Undecided => "not approved yet",
            Self::Invalid => "invalid",
            Self::Forbidden => "nothing may continue it",
            Self::Approved(Approved { continued_by: None, .. }) => "approved",
            Self::Approved(_) => "approved, and continued already",
        })
    }
}

/// An approved object, as a parent.
///
/// An example is at [`Record`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Approved {
    /// When it was sealed.
    pub sealed: Instant,
    /// The line that it is on.
    pub line: Line,
    /// The manifest with which it is continued on its line already.
    pub continued_by: Option<Digest>,
}

/// A line of objects, each continuing the one before.
///
/// ```
/// use cep_envelope::digest::Digest;
/// use cep_envelope::lineage::Line;
///
/// let root = Digest::of(b"the manifest of a root");
/// assert_eq!(Line::Main(root).begins(), &root);
/// assert_ne!(Line::Main(root), Line::Branch(root));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Line {
    /// The line that begins at a root with this manifest.
    Main(Digest),
    /// The branch that begins with this manifest.
    Branch(Digest),
}

impl Line {
    /// The manifest of the object with which the line begins.
    #[must_use]
    pub const fn begins(&self) -> &Digest {
        match self {
            Self::Main(digest) | Self::Branch(digest) => digest,
        }
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Main(root) => write!(f, "the line of {root}"),
            Self::Branch(first) => write!(f, "the branch of {first}"),
        }
    }
}

/// The record about a decided object: all of it was sealed, or decided.
///
/// A receiver that stores its records in order, together with each call that invalidated, forbade or forgot something,
/// can rebuild its lineage by repeating all of them.
///
/// A decision makes it; here it is written by hand.
///
/// ```
/// use cep_envelope::digest::Digest;
/// use cep_envelope::lineage::{
///     Approved, Line, Lineage as _, MemoryLineage, Parent, Record, RecordError, Slot, Standing,
/// };
/// use cep_envelope::manifest::{CausalParent, Instant};
///
/// let root = Digest::of(b"the manifest of a root");
/// let record = Record {
///     manifest: root,
///     key: [1; 32],
///     parent: CausalParent::Root,
///     sealed: Instant::unix(1_778_740_908),
///     line: Line::Main(root),
///     standing: Standing::Approved,
/// };
/// let mut lineage = MemoryLineage::first([Slot::EMPTY; 8], [7; 16]); // random bytes
/// lineage.record(&record)?;
/// assert_eq!(lineage.record(&record), Err(RecordError::Decided), "a replay");
///
/// let Parent::Approved(Approved { line, continued_by, .. }) = lineage.parent(&root) else {
///     return Err("it is approved".into());
/// };
/// assert_eq!((line, continued_by), (Line::Main(root), None));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Record {
    /// The digest of its manifest.
    pub manifest: Digest,
    /// The key that sealed it.
    pub key: [u8; 32],
    /// What it continues.
    pub parent: CausalParent,
    /// When it was sealed.
    pub sealed: Instant,
    /// The line that it is on, if it is approved.
    pub line: Line,
    /// What was decided.
    pub standing: Standing,
}

/// How a remembered object stands.
///
/// An example is at [`Record`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Standing {
    /// Approved, on its line.
    Approved,
    /// Held back: for triage, for resync, or because of how it was delivered.
    HeldBack,
    /// Bad, because of its sealed manifest or the result of an inspection.
    Invalid,
    /// Approved once, but nothing may continue it now.
    Forbidden,
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Approved => "approved",
            Self::HeldBack => "held back",
            Self::Invalid => "invalid",
            Self::Forbidden => "approved once, and nothing may continue it",
        })
    }
}
