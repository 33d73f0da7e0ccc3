//! Sealed times: RFC 3339 with an offset, read to an exact instant (`CEP §9`, `CEP §11.2`).

use core::fmt;

use crate::time::{Moment, days_since_epoch, last_day};

const DAY: i64 = 86_400;

/// An instant, exact to the nanosecond.
///
/// The order of two values is the order of the instants. A leap second has no number of its own in Unix time: it has
/// the number of the second before it, with a billion or more nanoseconds.
///
/// ```
/// use cep_envelope::manifest::Instant;
///
/// let sealed = Instant::unix(1_778_932_800);
/// assert!(sealed < sealed.after(1) && sealed.before(1) < sealed);
/// assert!(Instant::MIN < sealed);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Instant {
    /// Seconds since 1970-01-01T00:00:00Z, leap seconds not counted.
    pub seconds: i64,
    /// Nanoseconds within the second: below 1,000,000,000, or below 2,000,000,000 in a leap second.
    pub nanos: u32,
}

impl Instant {
    /// Before all others.
    pub const MIN: Self = Self { seconds: i64::MIN, nanos: 0 };

    /// The instant of Unix time in seconds.
    #[must_use]
    pub const fn unix(seconds: i64) -> Self {
        Self { seconds, nanos: 0 }
    }

    /// This instant plus `seconds`, or the last instant.
    #[must_use]
    pub const fn after(self, seconds: u64) -> Self {
        Self { seconds: self.seconds.saturating_add_unsigned(seconds), ..self }
    }

    /// This instant minus `seconds`, or the first instant.
    #[must_use]
    pub const fn before(self, seconds: u64) -> Self {
        Self { seconds: self.seconds.saturating_sub_unsigned(seconds), ..self }
    }

    /// The second in which it lies, as in surfaces. `None` if it is outside the years that they can name.
    #[must_use]
    pub(crate) fn moment(self) -> Option<Moment> {
        let day = i32::try_from(self.seconds.div_euclid(DAY)).ok()?;
        let second = u32::try_from(self.seconds.rem_euclid(DAY)).ok()?;
        Some(Moment::at(day, second + u32::from(self.nanos >= 1_000_000_000)))
    }
}

/// A sealed time: its instant, and its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct SealedTime<'a> {
    text: &'a str,
    instant: Instant,
}

/// Why a sealed time is refused.
///
/// ```
/// use cep_envelope::manifest::{SealedTime, TimeError};
///
/// let refuse = |text| SealedTime::parse(text).expect_err("not a sealed time");
/// assert_eq!(refuse("2026-05-14"), TimeError::Format);
/// assert_eq!(refuse("2026-05-14T06:41:48.2071350001Z"), TimeError::TooFine);
/// assert_eq!(refuse("2026-02-30T06:41:48Z").to_string(), "no such time");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
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
        f.pad(match self {
            Self::Format => "not RFC 3339",
            Self::TooFine => "finer than a nanosecond",
            Self::Range => "no such time",
            Self::LeapSecond => "no leap second can be there",
        })
    }
}

impl core::error::Error for TimeError {}

impl<'a> SealedTime<'a> {
    /// Reads a time such as `2026-05-14T06:41:48.207135+00:00`. T and Z may be lower case, as in RFC 3339.
    ///
    /// # Errors
    /// [`TimeError`].
    // keeps: CEP-127 (§11.2)
    pub fn parse(text: &'a str) -> Result<Self, TimeError> {
        let mut rest = Digits(text.as_bytes());
        let year = u16::from(rest.pair()?) * 100 + u16::from(rest.pair()?);
        rest.one_of(b"-")?;
        let month = rest.pair()?;
        rest.one_of(b"-")?;
        let day = rest.pair()?;
        rest.one_of(b"Tt")?;
        let hour = rest.pair()?;
        rest.one_of(b":")?;
        let minute = rest.pair()?;
        rest.one_of(b":")?;
        let second = rest.pair()?;
        let nanos = rest.fraction()?;
        let offset = rest.offset()?;
        if last_day(year, month).is_none_or(|last| day < 1 || day > last) || hour > 23 || minute > 59 || second > 60 {
            return Err(TimeError::Range);
        }
        let leap = second == 60;
        let of_day = seconds_of_day(hour, minute) + if leap { 59 } else { i64::from(second) };
        let seconds = i64::from(days_since_epoch(year, month, day)) * DAY + of_day - offset;
        if leap && !ends_a_month(year, seconds) {
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

    fn pair(&mut self) -> Result<u8, TimeError> {
        let mut digit = || self.one_of(b"0123456789").map(|digit| digit - b'0');
        Ok(digit()? * 10 + digit()?)
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

    /// Reads the offset, in seconds east of UTC; nothing may follow.
    fn offset(&mut self) -> Result<i64, TimeError> {
        let sign = match self.one_of(b"Zz+-")? {
            b'+' => 1,
            b'-' => -1,
            _ => 0,
        };
        let mut seconds = 0;
        if sign != 0 {
            let hours = self.pair()?;
            self.one_of(b":")?;
            let minutes = self.pair()?;
            if hours > 23 || minutes > 59 {
                return Err(TimeError::Range);
            }
            seconds = sign * seconds_of_day(hours, minutes);
        }
        if self.0.is_empty() { Ok(seconds) } else { Err(TimeError::Format) }
    }
}

fn seconds_of_day(hour: u8, minute: u8) -> i64 {
    i64::from(hour) * 3_600 + i64::from(minute) * 60
}

/// Whether a second is the last of a month in UTC; only after such a second can there be a leap second. `year` is the
/// written one; the offset, which is less than a day, may lead into the year before or after.
fn ends_a_month(year: u16, second: i64) -> bool {
    let years = year.saturating_sub(1)..=year + 1;
    let begins = |year, month| i64::from(days_since_epoch(year, month, 1)) * DAY;
    years.into_iter().any(|year| (1..=12).any(|month| begins(year, month) == second + 1))
}
