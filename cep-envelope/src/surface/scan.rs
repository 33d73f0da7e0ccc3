//! The grammar of `CEP §5.2`, read from left to right, each byte once.

use super::error::{Segment, SurfaceError, SurfaceReason, Warning, Warnings};
use crate::time::{Clock, Date, TimeFragment};

/// More than this is odd (`CEP §5.3`).
const PREFERRED_NAME: usize = 180;
const PREFERRED_SEGMENT: usize = 32;

/// What the scanner finds in a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Layout {
    pub(super) time: TimeFragment,
    /// The ends of time fragment, context, profile and priority.
    pub(super) ends: [u8; 4],
    pub(super) has_extension: bool,
    pub(super) warnings: Warnings,
}

/// Reads a whole name.
// keeps: CEP-038 (§5.1), CEP-058 (§5.3), CEP-060 (§5.3)
pub(super) fn scan(name: &[u8]) -> Result<Layout, SurfaceError> {
    let mut cursor = Cursor { rest: name, offset: 0, segment: Segment::Time };
    let (time, upper_case) = cursor.time()?;
    let time_end = cursor.offset;
    cursor.dot()?;
    let context_end = cursor.segment(Segment::Context)?;
    cursor.dot()?;
    let profile_end = cursor.segment(Segment::Profile)?;
    cursor.dot()?;
    let priority_end = cursor.segment(Segment::Priority)?;
    let has_extension = !cursor.rest.is_empty();
    if has_extension {
        cursor.dot()?;
        cursor.segment(Segment::Extension)?;
        if !cursor.rest.is_empty() {
            return Err(cursor.error(SurfaceReason::Surplus));
        }
    }
    let ends = [time_end, context_end, profile_end, priority_end];
    let long = |start: usize, end: usize| end.saturating_sub(start) > PREFERRED_SEGMENT + 1;
    let long_segment =
        long(time_end, context_end) || long(context_end, profile_end) || long(priority_end, cursor.offset);
    let warnings = Warnings::default()
        .with(Warning::UpperCase, upper_case)
        .with(Warning::LongName, name.len() > PREFERRED_NAME)
        .with(Warning::LongSegment, long_segment);
    // No name that gets here has more than 200 bytes.
    let ends = ends.map(|end| u8::try_from(end).unwrap_or(u8::MAX));
    Ok(Layout { time, ends, has_extension, warnings })
}

impl TimeFragment {
    /// Reads a separate fragment, as in the mirrored fields of manifests (`CEP §11.2`). `None` if it has none of the
    /// three forms.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut cursor = Cursor { rest: text.as_bytes(), offset: 0, segment: Segment::Time };
        let (time, _) = cursor.time().ok()?;
        cursor.rest.is_empty().then_some(time)
    }
}

/// Checks the text of one segment. The error has the reason and the byte.
pub(super) fn check(text: &[u8], segment: Segment) -> Result<(), SurfaceError> {
    if text.is_empty() {
        return Err(SurfaceError { reason: SurfaceReason::Empty, segment, offset: 0 });
    }
    let mut cursor = Cursor { rest: text, offset: 0, segment };
    cursor.segment(segment)?;
    // A dot may follow a segment in a name, but is not part of it.
    if cursor.rest.is_empty() { Ok(()) } else { Err(cursor.error(SurfaceReason::Character)) }
}

const fn is_segment_char(byte: u8) -> bool {
    matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-')
}

/// The rest of a name. It cannot run off the end.
struct Cursor<'a> {
    rest: &'a [u8],
    offset: usize,
    segment: Segment,
}

impl Cursor<'_> {
    #[cold]
    fn error(&self, reason: SurfaceReason) -> SurfaceError {
        let reason = if self.rest.is_empty() { SurfaceReason::Ended } else { reason };
        SurfaceError { reason, segment: self.segment, offset: self.offset }
    }

    fn advance(&mut self, count: usize) {
        self.rest = self.rest.get(count..).unwrap_or_default();
        self.offset += count;
    }

    fn digit(&mut self) -> Result<u8, SurfaceError> {
        match self.rest {
            [digit @ b'0'..=b'9', rest @ ..] => {
                self.rest = rest;
                self.offset += 1;
                Ok(digit - b'0')
            }
            _ => Err(self.error(SurfaceReason::Digit)),
        }
    }

    fn pair(&mut self) -> Result<u8, SurfaceError> {
        Ok(self.digit()? * 10 + self.digit()?)
    }

    /// Reads one letter or hyphen of the time fragment; returns whether it is upper case.
    // keeps: CEP-049 (§5.2)
    fn mark(&mut self, lower: u8) -> Result<bool, SurfaceError> {
        match self.rest.first() {
            Some(byte) if byte.to_ascii_lowercase() == lower => {
                let upper_case = *byte != lower;
                self.advance(1);
                Ok(upper_case)
            }
            _ => Err(self.error(SurfaceReason::Mark)),
        }
    }

    /// The time fragment, and whether a letter of it is upper case.
    ///
    /// The fifth byte tells the compact form from the two with hyphens, the eleventh tells those apart. A longer
    /// segment of digits and hyphens is not mistaken for a time, because a dot must follow the fragment.
    fn time(&mut self) -> Result<(TimeFragment, bool), SurfaceError> {
        let year = u16::from(self.pair()?) * 100 + u16::from(self.pair()?);
        // keeps: CEP-041 (§5.2)
        if self.rest.first().is_some_and(u8::is_ascii_digit) {
            let date = Date::read(year, self.pair()?, self.pair()?);
            let t = self.mark(b't')?;
            let clock = Clock::read(self.pair()?, self.pair()?, self.pair()?);
            let z = self.mark(b'z')?;
            return Ok((TimeFragment::Compact { date, clock }, t | z));
        }
        self.mark(b'-')?;
        let month = self.pair()?;
        self.mark(b'-')?;
        let date = Date::read(year, month, self.pair()?);
        // keeps: CEP-043 (§5.2)
        if !matches!(self.rest.first(), Some(b't' | b'T')) {
            return Ok((TimeFragment::DateOnly { date }, false));
        }
        // keeps: CEP-042 (§5.2)
        let t = self.mark(b't')?;
        let hour = self.pair()?;
        self.mark(b'-')?;
        let minute = self.pair()?;
        self.mark(b'-')?;
        let clock = Clock::read(hour, minute, self.pair()?);
        let z = self.mark(b'z')?;
        Ok((TimeFragment::Dashed { date, clock }, t | z))
    }

    fn dot(&mut self) -> Result<(), SurfaceError> {
        match self.rest {
            [b'.', rest @ ..] => {
                self.rest = rest;
                self.offset += 1;
                Ok(())
            }
            _ => Err(self.error(SurfaceReason::Dot)),
        }
    }

    /// A segment up to its dot or the end of the name; returns where it ends.
    // keeps: CEP-048 (§5.2), CEP-053 (§5.3), CEP-056 (§5.3)
    fn segment(&mut self, segment: Segment) -> Result<usize, SurfaceError> {
        self.segment = segment;
        // One byte more than the limit is enough to detect excess length.
        let window = self.rest.get(..=segment.longest()).unwrap_or(self.rest);
        let length = window.iter().position(|byte| !is_segment_char(*byte)).unwrap_or(window.len());
        if length > segment.longest() {
            self.advance(segment.longest());
            return Err(self.error(SurfaceReason::TooLong));
        }
        self.advance(length);
        match self.rest.first() {
            // keeps: CEP-054 (§5.3), CEP-055 (§5.3), CEP-057 (§5.3)
            Some(byte) if *byte != b'.' => Err(self.error(SurfaceReason::Character)),
            _ if length == 0 => Err(self.error(SurfaceReason::Empty)),
            _ => Ok(self.offset),
        }
    }
}
