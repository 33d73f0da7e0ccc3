//! Sealed times: RFC 3339 with an offset, read to an exact instant (`CEP §9`, `CEP §11.2`).

use core::fmt;

/// An instant, exact to the nanosecond.
///
/// The order of two values is the order of the instants. A leap second has no number of its own in Unix time: it is the
/// second before it with a billion nanoseconds and more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant {
    /// Seconds since 1970-01-01T00:00:00Z, leap seconds not counted.
    pub seconds: i64,
    /// Nanoseconds within the second: below 1,000,000,000, or below 2,000,000,000 in a leap second.
    pub nanos: u32,
}

/// A sealed time: its instant, and the text that says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SealedTime<'a> {
    text: &'a str,
    instant: Instant,
}

/// Why a sealed time is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TimeError {
    /// Not a date, a T, a time and an offset.
    Format,
    /// More than nine fractional digits: the instant could not be kept exactly.
    TooFine,
    /// No such month, day, hour, minute or second.
    Range,
    /// A second 60 that does not end a month in UTC.
    LeapSecond,
}

impl fmt::Display for TimeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Format => "not RFC 3339",
            Self::TooFine => "finer than a nanosecond",
            Self::Range => "no such time",
            Self::LeapSecond => "no leap second can be there",
        })
    }
}

impl core::error::Error for TimeError {}

impl<'a> SealedTime<'a> {
    /// Reads a time such as `2026-05-14T06:41:48.207135+00:00`. T and Z may be lower case, as RFC 3339 has it.
    ///
    /// # Errors
    /// [`TimeError`].
    // keeps: CEP-127
    pub fn parse(text: &'a str) -> Result<Self, TimeError> {
        let mut rest = Digits(text.as_bytes());
        let year = rest.number(4)?;
        rest.one_of(b"-")?;
        let month = rest.number(2)?;
        rest.one_of(b"-")?;
        let day = rest.number(2)?;
        rest.one_of(b"Tt")?;
        let hour = rest.number(2)?;
        rest.one_of(b":")?;
        let minute = rest.number(2)?;
        rest.one_of(b":")?;
        let second = rest.number(2)?;
        let nanos = rest.fraction()?;
        let offset = rest.offset()?;
        if !(1..=12).contains(&month) || !(1..=days_in(year, month)).contains(&day) {
            return Err(TimeError::Range);
        }
        if hour > 23 || minute > 59 || second > 60 {
            return Err(TimeError::Range);
        }
        let leap = second == 60;
        let of_day = hour * 3600 + minute * 60 + if leap { 59 } else { second };
        let seconds = days_since_1970(year, month, day) * 86_400 + of_day - offset;
        if leap && !ends_a_month(seconds) {
            return Err(TimeError::LeapSecond);
        }
        Ok(Self { text, instant: Instant { seconds, nanos: if leap { nanos + 1_000_000_000 } else { nanos } } })
    }

    /// The text, as it was signed.
    #[must_use]
    pub const fn as_str(&self) -> &'a str {
        self.text
    }

    /// The instant that it names.
    #[must_use]
    pub const fn instant(&self) -> Instant {
        self.instant
    }
}

struct Digits<'a>(&'a [u8]);

impl Digits<'_> {
    fn next(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn one_of(&mut self, bytes: &[u8]) -> Result<u8, TimeError> {
        self.next().filter(|byte| bytes.contains(byte)).ok_or(TimeError::Format)
    }

    fn number(&mut self, digits: usize) -> Result<i64, TimeError> {
        (0..digits).try_fold(0, |sum, _| Ok(sum * 10 + i64::from(self.one_of(b"0123456789")? - b'0')))
    }

    fn fraction(&mut self) -> Result<u32, TimeError> {
        let Some((b'.', rest)) = self.0.split_first() else { return Ok(0) };
        let count = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (digits, rest) = rest.split_at_checked(count).ok_or(TimeError::Format)?;
        self.0 = rest;
        match count {
            0 => Err(TimeError::Format),
            1..=9 => Ok(digits.iter().chain([b'0'; 9].iter()).take(9).fold(0, |n, d| n * 10 + u32::from(d - b'0'))),
            _ => Err(TimeError::TooFine),
        }
    }

    /// Seconds east of UTC, and nothing after them.
    fn offset(&mut self) -> Result<i64, TimeError> {
        let sign = match self.one_of(b"Zz+-")? {
            b'+' => 1,
            b'-' => -1,
            _ => 0,
        };
        let mut seconds = 0;
        if sign != 0 {
            let hours = self.number(2)?;
            self.one_of(b":")?;
            let minutes = self.number(2)?;
            if hours > 23 || minutes > 59 {
                return Err(TimeError::Range);
            }
            seconds = sign * (hours * 3600 + minutes * 60);
        }
        if self.0.is_empty() { Ok(seconds) } else { Err(TimeError::Format) }
    }
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970-01-01 in the Gregorian calendar, for years from 0 on.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    // Years are counted from March, so that a leap day is the last day of one.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    year * 365 + leap_days + (153 * month + 2) / 5 + day - 719_469
}

/// Whether a second is the last of a month in UTC, the only place for a leap second after it.
fn ends_a_month(seconds: i64) -> bool {
    let next = seconds + 1;
    // The first days of all months, from the year before the shown one to the year after it.
    let about = 1970 + next.div_euclid(31_556_952);
    (about - 1..=about + 1).any(|year| (1..=12).any(|month| days_since_1970(year, month, 1) * 86_400 == next))
}
