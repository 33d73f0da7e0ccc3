//! What an implementation may normalise (`CEP §5.3`), behind a door of its own: the parser never does it.

use core::fmt;

use super::Surface;
use super::error::{Segment, SurfaceError, SurfaceReason};
use super::set::remarks;

remarks! {
    /// What normalising did to a name.
    Changes of
    /// One kind of change.
    Change {
        /// Spaces around the name were taken away.
        Trimmed = "trimmed",
        /// ASCII capitals became lower case.
        LowerCased = "lower-cased",
        /// Spaces or underscores within segments became hyphens.
        Hyphenated = "hyphenated",
    }
}

/// A surface made of a name that need not have been one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Normalised<'a> {
    surface: Surface<'a>,
    original: &'a str,
    changes: Changes,
}

impl<'a> Normalised<'a> {
    /// The result. It has no capitals, so it does not warn of them.
    #[must_use]
    pub const fn surface(&self) -> Surface<'a> {
        self.surface
    }

    /// The name as it came, which alone tells it from others with the same result.
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum NormaliseReason {
    /// A slash or a backslash.
    PathSeparator,
    /// A control character, NUL among them.
    Control,
    /// Something outside ASCII, however much it looks like something inside.
    NonAscii,
    /// A character with a meaning to shells or file systems, or any other that no segment has.
    Special,
    /// A space or an underscore that does not stand between two segment characters, or stands in the time fragment:
    /// it may mean nothing, or a character that is missing.
    Blank,
    /// More than 200 bytes.
    TooLong,
    /// All characters are harmless, and yet they make no surface.
    Surface {
        /// The segment at which the grammar objects.
        segment: Segment,
        /// To what it objects.
        reason: SurfaceReason,
    },
}

/// A refusal to normalise: why, and at which byte of the name as it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct NormaliseError {
    /// What is wrong.
    pub reason: NormaliseReason,
    /// The byte of the original at which it shows.
    pub offset: usize,
}

impl fmt::Display for NormaliseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { reason, offset } = self;
        match reason {
            NormaliseReason::PathSeparator => write!(f, "a path separator"),
            NormaliseReason::Control => write!(f, "a control character"),
            NormaliseReason::NonAscii => write!(f, "a character outside ASCII"),
            NormaliseReason::Special => write!(f, "a character that no surface has"),
            NormaliseReason::Blank => write!(f, "a blank that may mean anything"),
            NormaliseReason::TooLong => write!(f, "the name is longer than {} bytes", Surface::LONGEST),
            NormaliseReason::Surface { segment, reason } => write!(f, "{}: {reason}", segment.name()),
        }?;
        write!(f, " (byte {offset})")
    }
}

impl core::error::Error for NormaliseError {}

/// Makes a surface of a name, if that takes no guessing.
///
/// - Spaces before and after the name are taken away; only U+0020 is a space.
/// - ASCII capitals become lower case, the `T` and `Z` of the time among them.
/// - A run of spaces and underscores between two characters of a segment becomes as many hyphens, except in the time
///   fragment, where a hyphen has a meaning.
///
/// All else is refused: path separators, control characters, shell metacharacters, anything outside ASCII, empty
/// segments (and with them `..`), too much of anything. Nothing is cut off, escaped or filled in. The result of a
/// result is the same.
///
/// **Two names may normalise to one** (`a b` and `a_b` do). A table that is keyed by the result must expect the collision;
/// [`Normalised::is_changed`] tells that the name came in another shape, [`Normalised::original`] in which.
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
/// The first character that no rule above makes safe, or else what keeps the result from being a surface.
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
        // A byte of the result is a byte of the text; what has no end is refused at the end of the text.
        Err(SurfaceError { reason, segment, offset }) => refuse(NormaliseReason::Surface { segment, reason }, offset),
    }
}

/// What stands before a byte, as far as blanks care.
struct Neighbours {
    in_time: bool,
    /// A segment character stands directly before the byte, or before the blanks before it.
    after_character: bool,
    /// The first of the blanks directly before the byte.
    blank: Option<usize>,
}

impl Neighbours {
    /// Takes the next byte; tells the place of a blank that is now known to be between no two segment characters.
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
