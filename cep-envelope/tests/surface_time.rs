//! Which digits are a time, which moment they name, and their order.

mod surface_support;

use cep_envelope::{CalendarError, Clock, Date, Moment, Precision, Surface, TimeFragment};
use proptest::prelude::*;
use surface_support::{config, times};

/// The moment that a time names, or why it is not a real time.
fn calendar(time: &str) -> Result<Moment, CalendarError> {
    Surface::parse(&format!("{time}.a.b.c")).expect("a surface").time().calendar()
}

fn unix(time: &str) -> i64 {
    calendar(time).expect("a real time").unix_seconds()
}

// shows: CEP-051 (§5.2)
#[test]
fn digits_need_not_be_a_time() {
    for (time, error) in [
        ("2026-99-99", CalendarError::Month(99)),
        ("2026-00-01", CalendarError::Month(0)),
        ("2026-13-01", CalendarError::Month(13)),
        ("2026-01-00", CalendarError::Day(0)),
        ("2026-01-32", CalendarError::Day(32)),
        ("2026-04-31", CalendarError::Day(31)),
        ("2026-02-29", CalendarError::Day(29)),
        ("2100-02-29", CalendarError::Day(29)),
        ("1900-02-29", CalendarError::Day(29)),
        ("2000-02-30", CalendarError::Day(30)),
        ("20260516t240000z", CalendarError::Hour(24)),
        ("20260516t236000z", CalendarError::Minute(60)),
        ("20260516t120060z", CalendarError::Second(60)),
        ("20260516t235960z", CalendarError::Second(60)),
        ("2026-06-30t23-59-61z", CalendarError::Second(61)),
        ("2026-06-30t22-59-60z", CalendarError::Second(60)),
        ("2026-06-30t23-58-60z", CalendarError::Second(60)),
        ("99999999t999999z", CalendarError::Month(99)),
    ] {
        assert_eq!(calendar(time), Err(error), "{time}");
    }
    assert_eq!(CalendarError::Day(29).to_string(), "the month has no day 29");
    for time in ["2024-02-29", "2000-02-29", "0000-02-29", "9999-12-31", "20161231t235960z", "2015-06-30t23-59-60Z"] {
        assert!(calendar(time).is_ok(), "{time}");
    }
}

// shows: CEP-035 (§5), CEP-109 (§9)
#[test]
fn moments_have_the_precision_of_their_fragment() {
    assert_eq!(unix("1970-01-01"), 0);
    assert_eq!(unix("19700101t000001z"), 1);
    assert_eq!(unix("1969-12-31t23-59-59z"), -1);
    assert_eq!(unix("2000-02-29"), 951_782_400);
    assert_eq!(unix("2026-07-29T12-00-00Z"), 1_785_326_400);
    assert_eq!(unix("9999-12-31t23-59-59z"), 253_402_300_799);
    assert_eq!(unix("0000-01-01"), -62_167_219_200);

    let at = |time| calendar(time).expect("a real time");
    let (day, second) = (at("2026-05-16"), at("20260516t235958z"));
    assert_eq!((day.precision(), second.precision()), (Precision::Day, Precision::Second));
    assert!(Precision::Day < Precision::Second);
}

#[test]
fn a_leap_second_is_a_time_of_the_day_it_ends() {
    let at = |time| calendar(time).expect("a real time");
    let [before, leap, after] = ["20161231t235959z", "20161231t235960z", "20170101t000000z"].map(at);
    assert!(before < leap && leap < after);
    assert_eq!(leap.unix_seconds(), after.unix_seconds());
    assert_eq!(leap.unix_day() + 1, after.unix_day());
}

/// Compares every day that four, two and two digits can write with a calendar made as a list of months.
#[test]
fn every_day_is_counted() {
    let mut expected = -719_528;
    for year in 0..=9_999 {
        let leap = if year % 4 == 0 && year % 100 != 0 || year % 400 == 0 { 29 } else { 28 };
        let months = [31, leap, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
        for (month, last) in (0..).zip([0].into_iter().chain(months).chain([0])) {
            for day in 0..=32 {
                let date = Date::new(year, month, day).expect("digits");
                let day_number = TimeFragment::DateOnly { date }.calendar().map(Moment::unix_day).ok();
                let exists = (1..=last).contains(&day);
                assert_eq!(day_number, exists.then_some(expected), "{year}-{month}-{day}");
                expected += i32::from(exists);
            }
        }
    }
}

// shows: CEP-033 (§5)
#[test]
fn surfaces_sort_in_time_order_across_the_forms() {
    let sorted = [
        "0000-00-00.z.z.z",
        "2026-05-15t23-59-59z.c.p.low",
        "2026-05-16.b.p.low",
        "20260516t000000z.e.p.low",
        "2026-05-16t00-00-01Z.a.p.low",
        "20260516T120000Z.d.p.low",
        "20260517t000000z.c.p.low",
        "2026-05-32.a.p.low",
        "2026-99-99.a.p.low",
        "9999-99-99t99-99-99z.a.p.low",
    ];
    let surfaces = sorted.map(|name| Surface::parse(name).expect("a surface"));
    for rotation in 0..sorted.len() {
        let mut mixed = surfaces;
        mixed.rotate_left(rotation);
        mixed.reverse();
        mixed.sort_by_key(Surface::time_order);
        assert_eq!(mixed.map(|surface| surface.as_str()), sorted);
    }
    let same = ["20260516t120000z.a.b.c", "2026-05-16T12-00-00z.a.b.c"];
    let [one, another] = same.map(|name| Surface::parse(name).expect("a surface").time_order());
    assert_eq!(one, another);
}

proptest! {
    #![proptest_config(config(10_000))]

    /// The order of digits is the order of their text, if all are written in the same form; for real times it is the
    /// order of the moments.
    // shows: CEP-033 (§5)
    #[test]
    fn the_order_is_that_of_the_moments(one in times(), another in times(), same_day in any::<bool>()) {
        let another = if same_day { on_the_day_of(one, another) } else { another };
        let alike = |time: TimeFragment| time.to_string().replace('-', "");
        prop_assert_eq!(one.order().cmp(&another.order()), alike(one).cmp(&alike(another)));
    }

    #[test]
    fn real_times_sort_as_their_moments_do(
        year in 2_015..2_018_u16, days in proptest::array::uniform2((1..=12_u8, 1..=31_u8)),
        times in proptest::array::uniform2(proptest::option::of((22..=24_u8, 58..=60_u8, 58..=61_u8)))
    ) {
        let fragment = |(month, day): (u8, u8), time: Option<(u8, u8, u8)>| {
            let date = Date::new(year, month, day).expect("digits");
            time.map_or(TimeFragment::DateOnly { date }, |(hour, minute, second)| {
                TimeFragment::Compact { date, clock: Clock::new(hour, minute, second).expect("digits") }
            })
        };
        let [first_day, second_day] = days;
        let [first_time, second_time] = times;
        let one = fragment(first_day, first_time);
        for another in [fragment(second_day, second_time), fragment(first_day, second_time)] {
            if let (Ok(moment), Ok(other)) = (one.calendar(), another.calendar()) {
                prop_assert_eq!(one.order().cmp(&another.order()), moment.cmp(&other));
                if moment < other {
                    prop_assert!(moment.unix_seconds() <= other.unix_seconds());
                }
            }
        }
    }
}

fn on_the_day_of(day: TimeFragment, time: TimeFragment) -> TimeFragment {
    let date = day.date();
    time.clock().map_or(TimeFragment::DateOnly { date }, |clock| TimeFragment::Dashed { date, clock })
}
