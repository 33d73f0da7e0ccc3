//! A surface from its parts.

use core::fmt;

use super::error::{Segment, SurfaceError};
use super::{Surface, scan};
use crate::time::TimeFragment;

/// The parts of a surface, in their order.
///
/// ```
/// use cep_envelope::{Date, Parts, Surface, TimeFragment};
///
/// let date = Date::new(2026, 5, 16).ok_or("digits")?;
/// let time = TimeFragment::DateOnly { date };
/// let parts = Parts { time, context: "backup", profile: "home", priority: "normal", extension: None };
/// let mut room = [0; Surface::LONGEST];
/// assert_eq!(Surface::compose(&parts, &mut room)?.to_string(), "2026-05-16.backup.home.normal");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Parts<'a> {
    /// The time fragment, in the form in which it is to be written.
    pub time: TimeFragment,
    /// 1 to 48 of `a-z`, `0-9` and `-`.
    pub context: &'a str,
    /// 1 to 48 of `a-z`, `0-9` and `-`.
    pub profile: &'a str,
    /// 1 to 32 of `a-z`, `0-9` and `-`.
    pub priority: &'a str,
    /// 1 to 48 of `a-z`, `0-9` and `-`, if any.
    pub extension: Option<&'a str>,
}

/// Why parts do not make a surface. The buffer is as it was.
///
/// A dot in a part is refused, so that it cannot become two parts.
///
/// ```
/// use cep_envelope::{ComposeError, Segment, Surface, SurfaceReason};
///
/// let mut parts = Surface::parse("2026-05-16.backup.home.normal")?.parts();
/// let mut short = [0; 20];
/// assert_eq!(Surface::compose(&parts, &mut short), Err(ComposeError::TooSmall { needed: 29 }));
///
/// parts.context = "a.b";
/// let mut room = [0; Surface::LONGEST];
/// let Err(ComposeError::Part(error)) = Surface::compose(&parts, &mut room) else { return Err("a dot".into()) };
/// assert_eq!((error.segment, error.reason, error.offset), (Segment::Context, SurfaceReason::Character, 1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum ComposeError {
    /// The buffer is too small.
    TooSmall {
        /// How many bytes would do.
        needed: usize,
    },
    /// A part is not a segment. The offset is a byte of that part.
    Part(SurfaceError),
}

impl fmt::Display for ComposeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooSmall { needed } => write!(f, "the buffer is too small: {needed} bytes are needed"),
            Self::Part(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for ComposeError {}

impl<'a> Surface<'a> {
    /// Writes a name at the start of `out`, which is long enough if it has [`Surface::LONGEST`] bytes.
    ///
    /// Only valid names are written, and reading one gives the parts back. A dot in a part is refused, so that it
    /// cannot become two parts. The time need not exist in the calendar.
    ///
    /// # Errors
    ///
    /// A part that is not a segment, or a buffer that is too small.
    // keeps: CEP-038 (§5.1)
    pub fn compose(parts: &Parts<'_>, out: &'a mut [u8]) -> Result<Self, ComposeError> {
        let &Parts { time, context, profile, priority, extension } = parts;
        let segments = [
            (Segment::Context, Some(context)),
            (Segment::Profile, Some(profile)),
            (Segment::Priority, Some(priority)),
            (Segment::Extension, extension),
        ];
        let segments = segments.iter().filter_map(|(segment, text)| text.map(|text| (*segment, text.as_bytes())));
        let mut needed = time.len();
        for (segment, text) in segments.clone() {
            scan::check(text, segment).map_err(ComposeError::Part)?;
            needed += 1 + text.len();
        }
        let name = out.get_mut(..needed).ok_or(ComposeError::TooSmall { needed })?;
        time.write(name);
        let mut places = name.iter_mut().skip(time.len());
        for (_, text) in segments {
            // The bytes come first in `zip`: at their end, it must not have taken a further place.
            for (byte, place) in core::iter::once(&b'.').chain(text).zip(places.by_ref()) {
                *place = *byte;
            }
        }
        Self::parse_bytes(name).map_err(ComposeError::Part)
    }
}
