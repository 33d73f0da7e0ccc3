//! The values of a surface, its oddities, and making one of parts.

mod surface_support;

use cep_envelope::{
    Clock, ComposeError, Date, Group, Parts, Segment, Surface, SurfaceError, SurfaceReason, TimeFragment, Warning,
};
use proptest::prelude::*;
use surface_support::{config, names, parts};

fn date(year: u16, month: u8, day: u8) -> Date {
    Date::new(year, month, day).expect("digits")
}

fn clock(hour: u8, minute: u8, second: u8) -> Clock {
    Clock::new(hour, minute, second).expect("digits")
}

fn refusal(name: &str) -> String {
    Surface::parse(name).expect_err(name).to_string()
}

// shows: CEP-034 (§5), CEP-036 (§5), CEP-038 (§5.1), CEP-104 (§9)
#[test]
fn a_surface_is_read_segment_by_segment() {
    let surface = Surface::parse("20260516t120102z.build.signed-json.high.retry-2").expect("a surface");
    assert_eq!(surface.time(), TimeFragment::Compact { date: date(2026, 5, 16), clock: clock(12, 1, 2) });
    assert_eq!(surface.time_text(), "20260516t120102z");
    assert_eq!((surface.context(), surface.profile()), ("build", "signed-json"));
    assert_eq!((surface.priority(), surface.extension()), ("high", Some("retry-2")));
    assert_eq!(surface.group(), Group { context: "build", profile: "signed-json" });
    assert_eq!(surface.to_string(), surface.as_str());
    assert!(surface.warnings().is_empty());
    assert_eq!(Surface::try_from(surface.as_str()), Ok(surface));
    assert_eq!(Surface::parse("2026-05-16.a.b.c").map(|surface| surface.extension()), Ok(None));
}

// shows: CEP-040 (§5.2), CEP-041 (§5.2), CEP-042 (§5.2), CEP-043 (§5.2)
#[test]
fn three_time_forms_are_told_apart() {
    let (day, time) = (date(2026, 5, 16), clock(12, 1, 2));
    for (text, fragment) in [
        ("20260516t120102z", TimeFragment::Compact { date: day, clock: time }),
        ("2026-05-16t12-01-02z", TimeFragment::Dashed { date: day, clock: time }),
        ("2026-05-16", TimeFragment::DateOnly { date: day }),
    ] {
        // Segments that look like times are segments.
        for rest in [".a.b.c", ".1.2.3.4", ".2026-05-16.20260516t120102z.2026-05-16t12-01-02z.-t-z"] {
            let name = format!("{text}{rest}");
            let surface = Surface::parse(&name).expect("a surface");
            assert_eq!((surface.time(), surface.time_text()), (fragment, text));
            assert_eq!((fragment.len(), fragment.to_string().as_str()), (text.len(), text));
        }
    }
}

// shows: CEP-053 (§5.3), CEP-056 (§5.3)
#[test]
fn a_refusal_names_segment_and_byte() {
    for (name, expected) in [
        ("", "time-fragment: the name ends too early (byte 0)"),
        ("x", "time-fragment: a digit has to stand here (byte 0)"),
        (" 2026-05-16.a.b.c", "time-fragment: a digit has to stand here (byte 0)"),
        ("2026-05-16", "time-fragment: the name ends too early (byte 10)"),
        ("2026.a.b.c", "time-fragment: not the character that has to stand between these digits (byte 4)"),
        ("20260516.a.b.c", "time-fragment: not the character that has to stand between these digits (byte 8)"),
        ("2026-05-16z.a.b.c", "time-fragment: a dot has to follow (byte 10)"),
        (
            "2026-05-16t120000z.a.b.c",
            "time-fragment: not the character that has to stand between these digits (byte 13)",
        ),
        ("2026-05-16..b.c", "context: is empty (byte 11)"),
        ("2026-05-16.a.b", "profile: the name ends too early (byte 14)"),
        ("2026-05-16.a.B.c", "profile: a character other than a-z, 0-9 and - (byte 13)"),
        ("2026-05-16.a.b.", "priority: the name ends too early (byte 15)"),
        ("2026-05-16.a.b.c.", "extension: the name ends too early (byte 17)"),
        ("2026-05-16.a.b.c.d.", "extension: nothing may follow it (byte 18)"),
        ("2026-05-16.a.b.c/../d", "priority: a character other than a-z, 0-9 and - (byte 16)"),
        ("2026-05-16.a.b.c\n", "priority: a character other than a-z, 0-9 and - (byte 16)"),
        ("2026-05-16.ä.b.c", "context: a character other than a-z, 0-9 and - (byte 11)"),
    ] {
        assert_eq!(refusal(name), expected, "{name}");
    }
    let error = Surface::parse_bytes(b"2026-05-16.\xff.b.c").expect_err("not even text");
    let Segment::Context = error.segment else { panic!("{error}") };
    assert_eq!(error.offset, 11);
}

// shows: CEP-058 (§5.3), CEP-062 (§5.3)
#[test]
fn segments_have_limits() {
    for (segment, limit) in [("context", 48), ("profile", 48), ("priority", 32), ("extension", 48)] {
        let name = |length| {
            let text = |name| if name == segment { "x".repeat(length) } else { "a".to_owned() };
            ["context", "profile", "priority", "extension"].map(text).join(".")
        };
        let fits = format!("2026-05-16.{}", name(limit));
        let surface = Surface::parse(&fits).expect("it just fits");
        assert_eq!(surface.warnings().contains(Warning::LongSegment), limit > 32, "{segment}");
        let error = refusal(&format!("2026-05-16.{}", name(limit + 1)));
        assert!(error.starts_with(&format!("{segment}: is too long (byte ")), "{error}");
    }
    // An endless name is refused at the same cost.
    let endless = format!("2026-05-16.{}", "a".repeat(1 << 24));
    assert_eq!(refusal(&endless), "context: is too long (byte 59)");
}

// shows: CEP-049 (§5.2), CEP-052 (§5.3), CEP-059 (§5.3), CEP-061 (§5.3)
#[test]
fn oddities_are_warned_of() {
    let warnings = |name: &str| {
        let warnings = Surface::parse(name).expect("a surface").warnings();
        warnings.iter().map(Warning::name).collect::<Vec<_>>()
    };
    assert_eq!(warnings("20260516t120000z.a.b.c"), Vec::<&str>::new());
    for name in ["20260516T120000z.a.b.c", "20260516t120000Z.a.b.c", "2026-05-16T12-00-00Z.a.b.c"] {
        assert_eq!(warnings(name), ["upper-case"]);
    }
    let name = |lengths: [usize; 4]| format!("2026-05-16.{}", lengths.map(|length| "a".repeat(length)).join("."));
    assert_eq!(warnings(&name([32, 32, 32, 32])), Vec::<&str>::new());
    assert_eq!(warnings(&name([33, 32, 32, 32])), ["long-segment"]);
    assert_eq!(warnings(&name([32, 33, 32, 32])), ["long-segment"]);
    assert_eq!(warnings(&name([32, 32, 32, 33])), ["long-segment"]);
    assert_eq!(name([48, 48, 22, 48]).len(), 180);
    assert_eq!(warnings(&name([48, 48, 22, 48])), ["long-segment"]);
    assert_eq!(warnings(&name([48, 48, 23, 48])), ["long-name", "long-segment"]);
    let odd = name([48; 4].map(|length: usize| length.min(32))).replacen("2026-05-16", "2026-05-16T12-00-00z", 1);
    assert_eq!(warnings(&odd), ["upper-case"]);
}

#[test]
fn a_part_cannot_pose_as_two() {
    let good = Parts {
        time: TimeFragment::DateOnly { date: date(2026, 5, 16) },
        context: "a",
        profile: "b",
        priority: "c",
        extension: None,
    };
    let mut buffer = [7; Surface::LONGEST];
    let part = |reason, segment, offset| Err(ComposeError::Part(SurfaceError { reason, segment, offset }));
    let long = "x".repeat(49);
    for (parts, error) in [
        (Parts { context: "a.b", ..good }, part(SurfaceReason::Character, Segment::Context, 1)),
        (Parts { context: ".", ..good }, part(SurfaceReason::Empty, Segment::Context, 0)),
        (Parts { profile: "", ..good }, part(SurfaceReason::Empty, Segment::Profile, 0)),
        (Parts { profile: "B", ..good }, part(SurfaceReason::Character, Segment::Profile, 0)),
        (Parts { priority: &long[..33], ..good }, part(SurfaceReason::TooLong, Segment::Priority, 32)),
        (Parts { extension: Some(""), ..good }, part(SurfaceReason::Empty, Segment::Extension, 0)),
        (Parts { extension: Some("../x"), ..good }, part(SurfaceReason::Empty, Segment::Extension, 0)),
        (Parts { extension: Some(&long), ..good }, part(SurfaceReason::TooLong, Segment::Extension, 48)),
    ] {
        assert_eq!(Surface::compose(&parts, &mut buffer), error, "{parts:?}");
        assert_eq!(buffer, [7; Surface::LONGEST], "nothing was written");
    }
    for length in 0..16 {
        let error = Err(ComposeError::TooSmall { needed: 16 });
        assert_eq!(Surface::compose(&good, &mut buffer[..length]), error);
        assert_eq!(buffer, [7; Surface::LONGEST], "nothing was written");
    }
    let composed = Surface::compose(&good, &mut buffer[..16]);
    assert_eq!(composed.map(|surface| surface.as_str()), Ok("2026-05-16.a.b.c"));
    assert_eq!(buffer[16..], [7; 184], "what follows is left alone");
    assert_eq!(Date::new(10_000, 1, 1), None);
    assert_eq!(Date::new(0, 100, 1).or(Date::new(0, 1, 100)), None);
    assert_eq!(Clock::new(100, 0, 0).or(Clock::new(0, 100, 0)).or(Clock::new(0, 0, 100)), None);
}

/// Names of equal time stay in their order of arrival: nothing else, not even the priority, sorts them.
// shows: CEP-036 (§5)
#[test]
fn a_priority_sorts_nothing() {
    for priorities in [["low", "high", "urgent"], ["urgent", "low", "high"], ["0", "9", "1"]] {
        let names = priorities.map(|priority| format!("2026-05-16.a.b.{priority}"));
        let mut surfaces = names.each_ref().map(|name| Surface::parse(name).expect("a surface"));
        surfaces.sort_by_key(Surface::time_order);
        assert_eq!(surfaces.map(|surface| surface.priority()), priorities);
    }
}

proptest! {
    #![proptest_config(config(4_000))]

    #[test]
    fn parts_composed_and_read_are_the_same_parts(parts in parts()) {
        let parts = parts.parts();
        let mut buffer = [0; Surface::LONGEST];
        let composed = Surface::compose(&parts, &mut buffer).expect("good parts");
        prop_assert_eq!(composed.parts(), parts);
        let read = Surface::parse(composed.as_str());
        prop_assert_eq!(read, Ok(composed));
        prop_assert!(!composed.warnings().contains(Warning::UpperCase));
    }

    #[test]
    fn a_name_taken_apart_and_composed_is_the_same_name(name in names()) {
        let surface = Surface::parse(&name).expect("a name");
        let mut buffer = [0; Surface::LONGEST];
        let composed = Surface::compose(&surface.parts(), &mut buffer).expect("good parts");
        prop_assert_eq!(composed.as_str(), name.to_ascii_lowercase());
        let upper_case = name.bytes().any(|byte| byte.is_ascii_uppercase());
        prop_assert_eq!(surface.warnings().contains(Warning::UpperCase), upper_case);
    }

    #[test]
    fn any_parts_make_a_name_or_none(
        context in "[a-zA-Z0-9.\\- /]{0,50}", profile in "[a-z0-9-]{0,50}", extension in "\\PC{0,5}"
    ) {
        let time = TimeFragment::DateOnly { date: date(2026, 5, 16) };
        let parts = Parts { time, context: &context, profile: &profile, priority: "p", extension: Some(&extension) };
        let mut buffer = [0; Surface::LONGEST];
        if let Ok(surface) = Surface::compose(&parts, &mut buffer) {
            prop_assert_eq!(surface.parts(), parts);
        }
    }
}
