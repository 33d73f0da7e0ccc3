//! The normalisation that an implementation may do (`CEP §5.3`), as a separate step: the parser never does it.

use core::fmt;

use super::Surface;
use super::error::{Segment, SurfaceError, SurfaceReason};
use super::set::remarks;

remarks! {
    /// The changes that normalising made to a name.
    Changes of
    /// One kind of change.
    Change {
        /// Spaces around the name were removed.
        Trimmed = "trimmed",
        /// ASCII capitals became lower case.
        LowerCased = "lower-cased",
        /// Spaces or underscores within segments became hyphens.
        Hyphenated = "hyphenated",
    }
}

/// A surface made of a name that need not have been one.
///
/// ```
/// use cep_envelope::{Change, Changes, Surface, normalise};
///
/// let mut room = [0; Surface::LONGEST];
/// let name = normalise(" 2026-05-16.Nightly Build.json.high", &mut room)?;
/// assert_eq!(name.surface().context(), "nightly-build");
/// let changes: Changes = name.changes();
/// assert!(changes.contains(Change::Trimmed) && changes.contains(Change::Hyphenated));
/// assert_eq!(changes.to_string(), "trimmed, lower-cased, hyphenated");
/// # Ok::<(), cep_envelope::NormaliseError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Normalised<'a> {
    surface: Surface<'a>,
    original: &'a str,
    changes: Changes,
}

impl<'a> Normalised<'a> {
    /// The result. It has no capitals, so it has no warning about them.
    #[must_use]
    pub const fn surface(&self) -> Surface<'a> {
        self.surface
    }

    /// The name as it came: only this distinguishes it from others with the same result.
    #[must_use]
    pub const fn original(&self) -> &'a str {
        self.original
    }

    /// Whether the result differs from the name as it came.
    #[must_use]
    pub const fn is_changed(&self) -> bool {
        !self.changes.is_empty()
    }

    /// What was done.
    #[must_use]
    pub const fn changes(&self) -> Changes {
        self.changes
    }
}

/// Why a name cannot be made a surface without guessing.
///
/// An example is at [`NormaliseError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum NormaliseReason {
    /// A slash or a backslash.
    PathSeparator,
    /// A control character, NUL among them.
    Control,
    /// A character outside ASCII, even if it looks like an ASCII character.
    NonAscii,
    /// A character with a meaning to shells or file systems, or any other character that no segment can have.
    Special,
    /// A space or an underscore that is not between two segment characters, or is in the time fragment: it may be
    /// superfluous, or replace a missing character.
    Blank,
    /// More than 200 bytes.
    TooLong,
    /// All characters are harmless, but the result is not a surface.
    Surface {
        /// The segment with the error.
        segment: Segment,
        /// The error.
        reason: SurfaceReason,
    },
}

impl fmt::Display for NormaliseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PathSeparator => f.pad("a path separator"),
            Self::Control => f.pad("a control character"),
            Self::NonAscii => f.pad("a character outside ASCII"),
            Self::Special => f.pad("a character that no surface has"),
            Self::Blank => f.pad("a blank that may mean anything"),
            Self::TooLong => write!(f, "the name is longer than {} bytes", Surface::LONGEST),
            Self::Surface { segment, reason } => write!(f, "{segment}: {reason}"),
        }
    }
}

/// A refusal to normalise: why, and at which byte of the name as it came.
///
/// Nothing is cut off or filled in: what might have another meaning is refused, with its place.
///
/// ```
/// use cep_envelope::{NormaliseReason, Segment, Surface, SurfaceReason, normalise};
///
/// let refuse = |name| normalise(name, &mut [0; Surface::LONGEST]).map(|_| ()).expect_err("not a surface");
/// let error = refuse("2026-05-16.../etc.x.y");
/// assert_eq!((error.reason, error.offset), (NormaliseReason::PathSeparator, 13));
/// let (segment, reason) = (Segment::Context, SurfaceReason::Empty);
/// assert_eq!(refuse("2026-05-16..x.y").reason, NormaliseReason::Surface { segment, reason });
/// assert_eq!(refuse("2026-05-16..x.y").to_string(), "context: is empty (byte 11)");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct NormaliseError {
    /// What is wrong.
    pub reason: NormaliseReason,
    /// The byte of the original at which it was detected.
    pub offset: usize,
}

impl fmt::Display for NormaliseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (byte {})", self.reason, self.offset)
    }
}

impl core::error::Error for NormaliseError {}

/// Makes a surface of a name, if that is possible without guessing.
///
/// - Spaces before and after the name are removed; only U+0020 is a space.
/// - ASCII capitals become lower case, including the `T` and `Z` of the time.
/// - A run of spaces and underscores between two characters of a segment becomes as many hyphens, except in the time
///   fragment, where a hyphen has a meaning.
///
/// Everything else is refused: path separators, control characters, shell metacharacters, anything outside ASCII, empty
/// segments (and with them `..`), names and segments that are too long. Nothing is cut off, escaped or filled in.
/// Normalising a result again does not change it.
///
/// **Two names may normalise to one** (`a b` and `a_b` do). A table that is keyed by the result must expect collisions;
/// [`Normalised::is_changed`] shows that the name came in another form, and [`Normalised::original`] has that form.
///
/// ```
/// # use cep_envelope::{Surface, normalise};
/// let mut buffer = [0; Surface::LONGEST];
/// let normalised = normalise(" 2026-05-16.Nightly Build.json.High", &mut buffer)?;
/// assert_eq!(normalised.surface().as_str(), "2026-05-16.nightly-build.json.high");
/// assert!(normalised.is_changed());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// The first character that no rule above makes safe, or else the reason why the result is not a surface.
// keeps: CEP-054 (§5.3), CEP-055 (§5.3), CEP-056 (§5.3), CEP-057 (§5.3), CEP-135 (§12)
// keeps: CEP-060 (§5.3), CEP-063 (§5.3)
pub fn normalise<'a>(original: &'a str, out: &'a mut [u8; Surface::LONGEST]) -> Result<Normalised<'a>, NormaliseError> {
    let text = original.trim_matches(' ');
    let before = original.len() - original.trim_start_matches(' ').len();
    let refuse = |reason, place: usize| Err(NormaliseError { reason, offset: before + place });
    let Some(name) = out.get_mut(..text.len()) else {
        return refuse(NormaliseReason::TooLong, Surface::LONGEST);
    };
    let mut changes = Changes::default().with(Change::Trimmed, text.len() != original.len());
    let mut neighbours = Neighbours { in_time: true, after_character: false, blank: None };
    for ((place, byte), written) in text.bytes().enumerate().zip(name.iter_mut()) {
        *written = match byte {
            b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' => byte,
            b'A'..=b'Z' => {
                changes = changes.with(Change::LowerCased, true);
                byte.to_ascii_lowercase()
            }
            b' ' | b'_' => {
                changes = changes.with(Change::Hyphenated, true);
                b'-'
            }
            b'/' | b'\\' => return refuse(NormaliseReason::PathSeparator, place),
            0..0x20 | 0x7f => return refuse(NormaliseReason::Control, place),
            0x80.. => return refuse(NormaliseReason::NonAscii, place),
            _ => return refuse(NormaliseReason::Special, place),
        };
        if let Some(blank) = neighbours.misplaced(byte, place) {
            return refuse(NormaliseReason::Blank, blank);
        }
    }
    if let Some(blank) = neighbours.blank {
        return refuse(NormaliseReason::Blank, blank);
    }
    match Surface::parse_bytes(name) {
        Ok(surface) => Ok(Normalised { surface, original, changes }),
        // The result has the same bytes at the same places as the trimmed text; a name that ends too early is refused
        // at the end of the text.
        Err(SurfaceError { reason, segment, offset }) => refuse(NormaliseReason::Surface { segment, reason }, offset),
    }
}

/// The bytes before a byte, as far as they matter for blanks.
struct Neighbours {
    in_time: bool,
    /// A segment character is directly before the byte, or before the blanks before it.
    after_character: bool,
    /// The first of the blanks directly before the byte.
    blank: Option<usize>,
}

impl Neighbours {
    /// Takes the next byte; returns the place of a blank that turns out not to be between two segment characters.
    fn misplaced(&mut self, byte: u8, place: usize) -> Option<usize> {
        match byte {
            b' ' | b'_' => {
                let first = *self.blank.get_or_insert(place);
                return (self.in_time || !self.after_character).then_some(first);
            }
            b'.' => {
                if self.blank.is_some() {
                    return self.blank;
                }
                self.in_time = false;
                self.after_character = false;
            }
            _ => self.after_character = true,
        }
        self.blank = None;
        None
    }
}
