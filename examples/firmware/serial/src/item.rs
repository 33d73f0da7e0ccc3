//! What the items of the line are, as both sides know it: a hundred readings, then what the sensor has sealed about them, and
//! so on. An item is a function of its number, so that a sensor that was reset says the same again.

/// So many readings are sealed together.
pub const BATCH: u64 = IN_BATCH as u64;
const IN_BATCH: u32 = 100;

/// What an item is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Item {
    /// The reading of this number.
    Reading(u64),
    /// The envelope of the batch of this number: a byte for the length of its name, the name, the outer object.
    Envelope(u64),
}

impl Item {
    /// ```
    /// use serial::item::Item;
    ///
    /// assert_eq!([99, 100, 101].map(Item::of), [Item::Reading(99), Item::Envelope(0), Item::Reading(100)]);
    /// ```
    #[must_use]
    pub const fn of(number: u64) -> Self {
        let short = short(number);
        let (batch, place) = (short / (IN_BATCH + 1), short % (IN_BATCH + 1));
        if place == IN_BATCH { Self::Envelope(batch as u64) } else { Self::Reading(number - batch as u64) }
    }
}

/// A number in 32 bits, enough for a reading a second in 136 years: a division of 64 bits is a kilobyte of the node's flash.
#[must_use]
pub const fn short(number: u64) -> u32 {
    match number.to_be_bytes() {
        [0, 0, 0, 0, a, b, c, d] => u32::from_be_bytes([a, b, c, d]),
        _ => u32::MAX,
    }
}

/// A reading as it goes over the line: its number 8, hundredths of a degree 4.
pub const READING: usize = 12;

/// What the sensor measures. Not a clock's: the same after a reset.
#[must_use]
pub fn reading(number: u64) -> [u8; READING] {
    let short = short(number);
    let degrees = 2_150 + (short % 400).abs_diff(200) * 3 + short % 13 * 7_919 % 13;
    let mut bytes = [0; READING];
    let (head, tail) = bytes.split_at_mut(8);
    head.copy_from_slice(&number.to_be_bytes());
    tail.copy_from_slice(&degrees.to_be_bytes());
    bytes
}

/// The readings of a batch, one behind the other: what is sealed.
pub fn content(batch: u64) -> impl Iterator<Item = [u8; READING]> {
    (batch * BATCH..(batch + 1) * BATCH).map(reading)
}

/// Who seals, with which key, and for whom.
pub const SENSOR: &str = "sensor";
/// The name of the sensor's key.
pub const KEY: &str = "sensor-1";
/// Whom it is for.
pub const GATEWAY: &str = "gateway";
/// The kind of the object.
pub const SCHEMA: &str = "readings-v1";

/// The surface of a batch, and when it was sealed: the sensor measures once a second, and began at midnight.
#[must_use]
pub fn name_and_time(batch: u64) -> ([u8; 43], [u8; 20]) {
    let seconds = short((batch + 1) * BATCH);
    let digits =
        [seconds / 36_000, seconds / 3_600 % 10, seconds / 600 % 6, seconds / 60 % 10, seconds / 10 % 6, seconds % 10];
    let digits = digits.map(|digit| b'0' + digit.to_le_bytes()[0]);
    let (mut name, mut time) = (*b"20261127t000000z.readings.sensor.normal.bin", *b"2026-11-27T00:00:00Z");
    for (digit, (in_name, in_time)) in digits.into_iter().zip((9..15).zip([11, 12, 14, 15, 17, 18])) {
        (name[in_name], time[in_time]) = (digit, digit);
    }
    (name, time)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_times_follow_the_sensors_clock() {
        let (name, time) = name_and_time(0);
        assert_eq!(
            (&name[..], &time[..]),
            (&b"20261127t000140z.readings.sensor.normal.bin"[..], &b"2026-11-27T00:01:40Z"[..])
        );
        let (name, time) = name_and_time(862);
        assert_eq!((&name[9..15], &time[11..19]), (&b"235820"[..], &b"23:58:20"[..]));
    }

    #[test]
    fn every_reading_is_an_item_once() {
        let readings = (0..1_010).filter_map(|number| match Item::of(number) {
            Item::Reading(reading) => Some(reading),
            Item::Envelope(_) => None,
        });
        assert!(readings.eq(0..1_000));
    }
}
