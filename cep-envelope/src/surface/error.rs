//! Why text is not a surface, and warnings about surfaces that are only odd.

use core::fmt;

use super::set::remarks;

/// The segments of a surface, in their order (`CEP §5.1`).
///
/// A form that asks for the parts of a name knows how long each may be, and marks the one that is refused.
///
/// ```
/// use cep_envelope::{Segment, Surface};
///
/// assert_eq!(Segment::Priority.longest(), 32);
/// let error = Surface::parse("2026-05-16.backup.Home.normal").expect_err("a capital");
/// assert_eq!((error.segment, error.offset), (Segment::Profile, 18));
/// assert_eq!(error.segment.to_string(), "profile");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Segment {
    /// The time fragment.
    Time,
    /// What the object is about.
    Context,
    /// How the object is to be read.
    Profile,
    /// How urgent the sender calls it.
    Priority,
    /// Whatever else the sender adds.
    Extension,
}

impl Segment {
    /// Its name in the draft.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Time => "time-fragment",
            Self::Context => "context",
            Self::Profile => "profile",
            Self::Priority => "priority",
            Self::Extension => "extension",
        }
    }

    /// The most bytes that it has.
    // keeps: CEP-044 (§5.2), CEP-045 (§5.2), CEP-046 (§5.2), CEP-047 (§5.2)
    // keeps: CEP-062 (§5.3)
    #[must_use]
    pub const fn longest(self) -> usize {
        match self {
            Self::Time => 20,
            Self::Context | Self::Profile | Self::Extension => 48,
            Self::Priority => 32,
        }
    }
}

impl fmt::Display for Segment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Why a name is not a surface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum SurfaceReason {
    /// The name ends where something has to follow.
    Ended,
    /// Another byte where a digit is required.
    Digit,
    /// Another byte where `-`, `t` or `z` is required.
    Mark,
    /// The time fragment is complete, and no dot follows.
    Dot,
    /// A segment without a character.
    Empty,
    /// A character outside `a-z`, `0-9` and `-`.
    Character,
    /// The segment is longer than its limit.
    TooLong,
    /// A dot after the extension.
    Surplus,
}

impl fmt::Display for SurfaceReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Ended => "the name ends too early",
            Self::Digit => "a digit has to stand here",
            Self::Mark => "not the character that has to stand between these digits",
            Self::Dot => "a dot has to follow",
            Self::Empty => "is empty",
            Self::Character => "a character other than a-z, 0-9 and -",
            Self::TooLong => "is too long",
            Self::Surplus => "nothing may follow it",
        })
    }
}

/// A refusal: its reason, its segment and its byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct SurfaceError {
    /// What is wrong.
    pub reason: SurfaceReason,
    /// The segment with the error.
    pub segment: Segment,
    /// The first byte that cannot be part of a surface; the length of the name, if it ends too early.
    pub offset: usize,
}

impl fmt::Display for SurfaceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { reason, segment, offset } = self;
        write!(f, "{segment}: {reason} (byte {offset})")
    }
}

impl core::error::Error for SurfaceError {}

remarks! {
    /// The oddities of a valid surface.
    ///
    /// ```
    /// use cep_envelope::{Surface, Warning, Warnings};
    ///
    /// let warnings: Warnings = Surface::parse("20260516T120000Z.backup.home.normal")?.warnings();
    /// assert!(warnings.contains(Warning::UpperCase), "T and Z");
    /// assert_eq!(warnings.to_string(), "upper-case");
    /// assert!(Surface::parse("20260516t120000z.backup.home.normal")?.warnings().is_empty());
    /// # Ok::<(), cep_envelope::SurfaceError>(())
    /// ```
    Warnings of
    /// An oddity that `CEP §5.3` advises against.
    Warning {
        /// `T` or `Z` in the time fragment. The grammar's strings ignore case (RFC 5234), the draft prefers lower case.
        // keeps: CEP-052 (§5.3)
        UpperCase = "upper-case",
        /// The name has more than 180 bytes.
        // keeps: CEP-059 (§5.3)
        LongName = "long-name",
        /// A segment has more than 32 bytes.
        // keeps: CEP-061 (§5.3)
        LongSegment = "long-segment",
    }
}
