//! The time fragments of a surface (`CEP §5.2`), their order, and whether they name a real time.
//!
//! The grammar counts digits without a calendar: `2026-99-99` is a time fragment. [`TimeFragment::calendar`] checks
//! separately whether there is such a day. A fragment is a hint (`CEP §9`): none of this decides anything.

use core::fmt;

/// Four digits, two digits, two digits. Not necessarily a day of the calendar.
///
/// ```
/// use cep_envelope::Date;
///
/// assert_eq!(Date::new(2026, 5, 16).map(Date::month), Some(5));
/// assert!(Date::new(2026, 99, 99).is_some(), "digits that no calendar has");
/// assert!(Date::new(10_000, 1, 1).is_none());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Date {
    year: u16,
    month: u8,
    day: u8,
}

impl Date {
    /// A date that fits the digits: the year is at most 9999, month and day at most 99.
    #[must_use]
    pub const fn new(year: u16, month: u8, day: u8) -> Option<Self> {
        if year > 9_999 || month > 99 || day > 99 {
            return None;
        }
        Some(Self { year, month, day })
    }

    /// What eight digits say.
    pub(crate) const fn read(year: u16, month: u8, day: u8) -> Self {
        Self { year, month, day }
    }

    /// 0 to 9999.
    #[must_use]
    pub const fn year(self) -> u16 {
        self.year
    }

    /// 0 to 99.
    #[must_use]
    pub const fn month(self) -> u8 {
        self.month
    }

    /// 0 to 99.
    #[must_use]
    pub const fn day(self) -> u8 {
        self.day
    }
}

/// Three times two digits. Not necessarily a time that a clock shows.
///
/// ```
/// use cep_envelope::Clock;
///
/// assert_eq!(Clock::new(12, 0, 59).map(Clock::second), Some(59));
/// assert!(Clock::new(100, 0, 0).is_none());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Clock {
    hour: u8,
    minute: u8,
    second: u8,
}

impl Clock {
    /// A time of day that fits the digits: each number is at most 99.
    #[must_use]
    pub const fn new(hour: u8, minute: u8, second: u8) -> Option<Self> {
        if hour > 99 || minute > 99 || second > 99 {
            return None;
        }
        Some(Self { hour, minute, second })
    }

    /// What six digits say.
    pub(crate) const fn read(hour: u8, minute: u8, second: u8) -> Self {
        Self { hour, minute, second }
    }

    /// 0 to 99.
    #[must_use]
    pub const fn hour(self) -> u8 {
        self.hour
    }

    /// 0 to 99.
    #[must_use]
    pub const fn minute(self) -> u8 {
        self.minute
    }

    /// 0 to 99.
    #[must_use]
    pub const fn second(self) -> u8 {
        self.second
    }
}

/// The first segment of a surface, in one of its three forms (`CEP §5.2`). Digits are read as numbers.
///
/// ```
/// use cep_envelope::{CalendarError, Clock, Date, TimeFragment};
///
/// let (date, clock) = (Date::new(2026, 13, 1).ok_or("digits")?, Clock::new(12, 0, 0).ok_or("digits")?);
/// let compact = TimeFragment::Compact { date, clock };
/// assert_eq!(compact.len(), 16);
/// assert_eq!(compact.calendar(), Err(CalendarError::Month(13)));
/// # Ok::<(), &str>(())
/// ```
// keeps: CEP-040 (§5.2)
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum TimeFragment {
    /// `20260516t120000z`, 16 bytes.
    Compact {
        /// The first eight digits.
        date: Date,
        /// The six digits after `t`.
        clock: Clock,
    },
    /// `2026-05-16t12-00-00z`, 20 bytes.
    Dashed {
        /// The date before `t`.
        date: Date,
        /// The time of day after it.
        clock: Clock,
    },
    /// `2026-05-16`, 10 bytes.
    DateOnly {
        /// All there is.
        date: Date,
    },
}

impl TimeFragment {
    /// Its length in bytes.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "none is empty")]
    pub const fn len(self) -> usize {
        match self {
            Self::Compact { .. } => 16,
            Self::Dashed { .. } => 20,
            Self::DateOnly { .. } => 10,
        }
    }

    /// The date, which every form has.
    #[must_use]
    pub const fn date(self) -> Date {
        match self {
            Self::Compact { date, .. } | Self::Dashed { date, .. } | Self::DateOnly { date } => date,
        }
    }

    /// The time of day, if there is more than a date.
    #[must_use]
    pub const fn clock(self) -> Option<Clock> {
        match self {
            Self::Compact { clock, .. } | Self::Dashed { clock, .. } => Some(clock),
            Self::DateOnly { .. } => None,
        }
    }

    /// How exact it is.
    // keeps: CEP-109 (§9)
    #[must_use]
    pub const fn precision(self) -> Precision {
        match self {
            Self::Compact { .. } | Self::Dashed { .. } => Precision::Second,
            Self::DateOnly { .. } => Precision::Day,
        }
    }

    /// The key to sort by, whatever the form.
    ///
    /// ```
    /// use cep_envelope::{Surface, TimeOrder};
    ///
    /// let order = |name| Surface::parse(name).map(|surface| surface.time_order());
    /// let day: TimeOrder = order("2026-05-16.a.p.high")?;
    /// assert!(day < order("20260516t000000z.a.p.high")?, "a date is before each time of that day");
    /// assert_eq!(order("20260516t120000z.a.p.high")?, order("2026-05-16t12-00-00z.b.q.low")?);
    /// # Ok::<(), cep_envelope::SurfaceError>(())
    /// ```
    // keeps: CEP-033 (§5)
    #[must_use]
    pub const fn order(self) -> TimeOrder {
        TimeOrder { date: self.date(), clock: self.clock() }
    }

    /// The moment that the digits name (Gregorian, UTC), if there is one.
    ///
    /// `23:59:60` on the last day of a month is a leap second and counts as a time, whether or not one was inserted
    /// then: leap seconds can only be at the end of a month. `24:00:00` is not a time, because it belongs to the next
    /// day.
    ///
    /// # Errors
    ///
    /// The first number that does not exist in the calendar.
    // keeps: CEP-051 (§5.2)
    pub const fn calendar(self) -> Result<Moment, CalendarError> {
        let Date { year, month, day } = self.date();
        let last = match last_day(year, month) {
            Some(last) => last,
            None => return Err(CalendarError::Month(month)),
        };
        if day < 1 || day > last {
            return Err(CalendarError::Day(day));
        }
        let days = days_since_epoch(year, month, day);
        let Some(Clock { hour, minute, second }) = self.clock() else {
            return Ok(Moment { day: days, second: None });
        };
        if hour > 23 {
            return Err(CalendarError::Hour(hour));
        }
        if minute > 59 {
            return Err(CalendarError::Minute(minute));
        }
        let leap = second == 60 && hour == 23 && minute == 59 && day == last;
        if second > 59 && !leap {
            return Err(CalendarError::Second(second));
        }
        // At most 86,400.
        Ok(Moment { day: days, second: Some(hour as u32 * 3_600 + minute as u32 * 60 + second as u32) })
    }

    /// Writes the fragment as the grammar spells it, `t` and `z` in lower case, as far as `out` reaches.
    pub(crate) fn write(self, out: &mut [u8]) {
        let Date { year, month, day } = self.date();
        let [century, year] = [year / 100, year % 100].map(|pair| u8::try_from(pair).unwrap_or(0));
        let mut rest = out.iter_mut();
        let mut put = |bytes: &[u8]| bytes.iter().zip(rest.by_ref()).for_each(|(byte, place)| *place = *byte);
        let separator: &[u8] = if matches!(self, Self::Compact { .. }) { b"" } else { b"-" };
        put(&pair(century));
        for (mark, number) in [(&b""[..], year), (separator, month), (separator, day)] {
            put(mark);
            put(&pair(number));
        }
        if let Some(Clock { hour, minute, second }) = self.clock() {
            for (mark, number) in [(&b"t"[..], hour), (separator, minute), (separator, second)] {
                put(mark);
                put(&pair(number));
            }
            put(b"z");
        }
    }
}

/// As in the grammar, `t` and `z` in lower case.
impl fmt::Display for TimeFragment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = [0; 20];
        self.write(&mut bytes);
        let text = bytes.get(..self.len()).and_then(|text| core::str::from_utf8(text).ok());
        f.pad(text.unwrap_or_default())
    }
}

const fn pair(number: u8) -> [u8; 2] {
    [b'0' + number / 10 % 10, b'0' + number % 10]
}

/// The time order of fragments, across their forms.
///
/// It compares the digits. For real times, leap seconds included, this is the order of the moments, and it is also
/// defined for times that do not exist in the calendar. A date alone comes before every time of its day. Compact and
/// dashed fragments of the same time are equal here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct TimeOrder {
    date: Date,
    // `None` is less than every `Some`.
    clock: Option<Clock>,
}

/// How exact a time fragment is, coarsest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Precision {
    /// Some time of that day.
    Day,
    /// Some time of that second.
    Second,
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Day => "to the day",
            Self::Second => "to the second",
        })
    }
}

/// A real time in UTC, at the precision of the fragment that named it.
///
/// Its order is that of [`TimeOrder`]: a day comes before every second of it, and a leap second before the midnight
/// that has the same number in Unix time.
///
/// ```
/// use cep_envelope::{Date, Precision, TimeFragment};
///
/// let date = Date::new(1970, 1, 2).ok_or("digits")?;
/// let moment = TimeFragment::DateOnly { date }.calendar()?;
/// assert_eq!((moment.unix_seconds(), moment.precision()), (86_400, Precision::Day));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Moment {
    /// Days since 1970-01-01.
    day: i32,
    /// Seconds into the day; 86,400 is its leap second.
    second: Option<u32>,
}

impl Moment {
    /// A second of a day; 86,400 is its leap second.
    pub(crate) const fn at(day: i32, second: u32) -> Self {
        Self { day, second: Some(second) }
    }

    /// Unix seconds: of the second, or of the day's beginning. A leap second has the number of the midnight after
    /// it, as in POSIX.
    #[must_use]
    pub const fn unix_seconds(self) -> i64 {
        let second = match self.second {
            Some(second) => second,
            None => 0,
        };
        self.day as i64 * 86_400 + second as i64
    }

    /// The day, counted from 1970-01-01. A leap second belongs to the day that it ends.
    #[must_use]
    pub const fn unix_day(self) -> i32 {
        self.day
    }

    /// How exact it is.
    #[must_use]
    pub const fn precision(self) -> Precision {
        match self.second {
            Some(_) => Precision::Second,
            None => Precision::Day,
        }
    }
}

/// Why digits are not a real time: the first number that is impossible.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum CalendarError {
    /// Not 1 to 12.
    Month(u8),
    /// Not a day of that month.
    Day(u8),
    /// Not 0 to 23.
    Hour(u8),
    /// Not 0 to 59.
    Minute(u8),
    /// Not 0 to 59, nor the leap second at the end of a month.
    Second(u8),
}

impl fmt::Display for CalendarError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Month(number) => write!(f, "no year has a month {number:02}"),
            Self::Day(number) => write!(f, "the month has no day {number:02}"),
            Self::Hour(number) => write!(f, "no day has an hour {number:02}"),
            Self::Minute(number) => write!(f, "no hour has a minute {number:02}"),
            Self::Second(number) => write!(f, "the minute has no second {number:02}"),
        }
    }
}

impl core::error::Error for CalendarError {}

pub(crate) const fn last_day(year: u16, month: u8) -> Option<u8> {
    match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => Some(31),
        4 | 6 | 9 | 11 => Some(30),
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => Some(29),
        2 => Some(28),
        _ => None,
    }
}

/// Years begin in March here, so that the leap day comes last.
pub(crate) const fn days_since_epoch(year: u16, month: u8, day: u8) -> i32 {
    // One whole cycle of the calendar is added, so that nothing is negative.
    let year = year as i32 + 400 - (month <= 2) as i32;
    let month = (month as i32 + 9) % 12;
    let day = year * 365 + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day as i32 - 1;
    // 1970-01-01 is day 719,468 after 0000-03-01; a cycle has 146,097 days.
    day - 719_468 - 146_097
}
