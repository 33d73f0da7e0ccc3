extern crate std;

use std::vec;
use std::vec::Vec;

use super::*;

#[test]
fn a_minute_of_the_day_is_what_a_division_says() {
    for ms in [0, 59_999, 60_000, 86_399_999, 86_400_000, 1 << 32, 1_795_856_400_123, u64::MAX - 1, u64::MAX] {
        let (minute_of_day, left) = (ms / 60_000 % 1_440, ms % 60_000);
        let (found, rest) = minute(Time(ms));
        assert_eq!((u64::from(found), u64::from(rest)), (minute_of_day, left), "{ms}");
    }
}

#[test]
fn hours_change_at_the_next_of_their_two_edges() {
    const DAYS: u64 = 3 * 1_440;
    let hours = Test::Hours(60, 120);
    for (now, next) in [(0, 60), (59, 60), (60, 120), (119, 120), (120, 1_500), (1_439, 1_500)] {
        for past in [0, 1, 59_999] {
            let at = Time((DAYS + now) * 60_000 + past);
            assert_eq!(hours.changes(at), Time((DAYS + next) * 60_000), "{now} min {past} ms");
            assert_eq!(hours.contrary().changes(at), hours.changes(at), "the edges are the same");
        }
    }
    // The only edge of the others is their end.
    assert_eq!(Test::With(Whose::All, Consent(0)).changes(Time(5)), Time::NEVER);
    assert_eq!(Test::Present(Role(0)).changes(Time(5)), Time::NEVER);
}

#[test]
fn each_test_has_its_contrary() {
    for (one, other) in [
        (Test::With(Whose::Own, Consent(3)), Test::Without(Whose::Own, Consent(3))),
        (Test::Present(Role(3)), Test::Absent(Role(3))),
        (Test::Hours(1, 2), Test::Hours(2, 1)),
    ] {
        assert_eq!((one.contrary(), other.contrary()), (other, one));
    }
}

#[test]
fn a_test_is_read_from_its_five_bytes_and_from_no_others() {
    let mut all: Vec<Test> = Whose::ALL
        .into_iter()
        .flat_map(|whose| [Test::With(whose, Consent(31)), Test::Without(whose, Consent(0))])
        .collect();
    all.extend([Test::Present(Role(31)), Test::Absent(Role(1)), Test::Hours(0, 1_439), Test::Hours(1_439, 256)]);
    for test in all {
        assert_eq!(Test::read(&mut Reader(&test.bytes())), Ok(test));
    }
    assert_eq!(Test::Without(Whose::Second, Consent(7)).bytes(), [1, 0, 3, 0, 7]);
    assert_eq!(Test::Hours(1_439, 256).bytes(), [4, 5, 0x9F, 1, 0]);
    for refused in [
        [0, 0, 4, 0, 0],
        [0, 1, 0, 0, 0],
        [1, 0, 0, 1, 0],
        [2, 0, 1, 0, 1],
        [2, 1, 1, 0, 0],
        [2, 0, 1, 1, 0],
        [3, 0, 1, 0, 1],
        [3, 1, 1, 0, 0],
        [4, 5, 0xA0, 0, 0],
        [4, 0, 0, 5, 0xA0],
        [5, 0, 0, 0, 0],
    ] {
        assert_eq!(Test::read(&mut Reader(&refused)), Err(FieldError::Field("test")), "{refused:?}");
    }
    assert_eq!(Test::read(&mut Reader(&[2, 0, 1, 0])), Err(FieldError::Length));
}

#[test]
fn a_rule_has_eight_tests_at_most() {
    let read = |number: u8, there: u8| {
        let mut bytes = vec![number];
        (0..there).for_each(|role| bytes.extend(Test::Present(Role(role)).bytes()));
        let (mut reader, mut tests) = (Reader(&bytes), Tests::new());
        Test::read_all(&mut reader, &mut tests).map(|()| (tests.to_vec(), reader.0.len()))
    };
    let present = |number: u8| (0..number).map(|role| Test::Present(Role(role))).collect::<Vec<_>>();
    for number in [0, 1, 2, 8] {
        assert_eq!(read(number, number), Ok((present(number), 0)));
    }
    assert_eq!(read(2, 3), Ok((present(2), 5)), "what follows is left");
    assert_eq!(read(2, 1), Err(FieldError::Length));
    assert_eq!(read(9, 9), Err(FieldError::Field("tests")));
}

#[test]
fn tests_settle_in_one_order_whatever_came_first() {
    let sorted = [
        Test::With(Whose::All, Consent(1)),
        Test::Without(Whose::All, Consent(0)),
        Test::Present(Role(0)),
        Test::Hours(1, 2),
    ];
    for order in [[0, 1, 2, 3], [3, 2, 1, 0], [1, 3, 0, 2], [2, 0, 3, 1]] {
        let mut tests = Tests::new();
        for at in order {
            tests.push(sorted[at]).expect("there is room");
            settle(&mut tests);
        }
        assert_eq!(*tests, sorted, "{order:?}");
    }
}
