//! Layered time (`CEP §9`).

use cep_envelope::decision::{Finding, Findings};
use cep_envelope::drift::{Drift, DriftLimits, Times};
use cep_envelope::manifest::{Instant, SealedTime};
use cep_envelope::{Surface, TimeFragment};

fn at(text: &str) -> Instant {
    SealedTime::parse(text).unwrap().instant()
}

fn drift(envelope: &str, sealed: &str) -> Drift {
    Drift::between(TimeFragment::parse(envelope).unwrap().calendar().unwrap(), at(sealed))
}

fn found(times: Times, limits: &DriftLimits) -> Vec<Finding> {
    let findings: Findings = times.compare(limits);
    findings.iter().collect()
}

#[test]
fn drift_is_measured_at_the_precision_of_the_coarser_side() {
    // shows: CEP-109 (§9)
    assert_eq!(drift("20260514t064148z", "2026-05-14T06:41:48.207135+00:00"), Drift::Seconds(0));
    assert_eq!(drift("2026-05-14t06-41-50z", "2026-05-14T06:41:48.999999999Z"), Drift::Seconds(2));
    assert_eq!(drift("20260514t064140z", "2026-05-14T06:41:48Z"), Drift::Seconds(-8));
    assert_eq!(drift("2026-05-14", "2026-05-14T23:59:59.999Z"), Drift::Days(0));
    assert_eq!(drift("2026-05-14", "2026-05-15T01:30:00+02:00"), Drift::Days(0), "it is the 14th in UTC");
    assert_eq!(drift("2026-05-14", "2026-05-15T00:00:00Z"), Drift::Days(-1));
    assert_eq!(drift("2026-05-14", "2020-05-14T00:00:00Z"), Drift::Days(2191));
}

#[test]
fn a_leap_second_is_a_time_like_others() {
    assert_eq!(drift("20161231t235960z", "2016-12-31T23:59:60.5Z"), Drift::Seconds(0));
    assert_eq!(drift("20161231t235960z", "2016-12-31T23:59:59.5Z"), Drift::Seconds(1));
    assert_eq!(drift("2016-12-31", "2016-12-31T23:59:60.5Z"), Drift::Days(0));
    assert_eq!(drift("2016-12-31", "2017-01-01T01:59:60+02:00"), Drift::Days(0));
    assert_eq!(drift("00000101t000000z", "9999-12-31T23:59:59Z"), Drift::Seconds(-315_569_519_999));
}

#[test]
fn each_layer_has_its_limit_and_the_limit_itself_is_allowed() {
    // shows: CEP-094 (§8), CEP-101 (§9), CEP-105 (§9)
    let limits = DriftLimits {
        envelope_seconds: 10,
        envelope_days: 1,
        ahead_seconds: 20,
        stale_seconds: 30,
        before_parent_seconds: 5,
    };
    let sealed = at("2026-05-14T12:00:00.5Z");
    let times = |envelope: Option<&str>, arrival: Instant, parent: Option<Instant>| Times {
        envelope: envelope.map(|text| TimeFragment::parse(text).unwrap()),
        sealed,
        arrival,
        parent,
    };
    let nano = |instant: Instant, nanos: u32| Instant { nanos, ..instant };
    // The envelope's time.
    for (envelope, far) in [
        ("20260514t120010z", false),
        ("20260514t120011z", true),
        ("20260514t115950z", false),
        ("20260514t115949z", true),
        ("2026-05-15", false),
        ("2026-05-16", true),
        ("2026-05-13", false),
        ("2026-05-12", true),
    ] {
        let expected: &[Finding] = if far { &[Finding::EnvelopeDrift] } else { &[] };
        assert_eq!(found(times(Some(envelope), sealed, None), &limits), expected, "{envelope}");
    }
    // The arrival.
    let arrivals = [
        (sealed.before(20), None),
        (nano(sealed.before(20), 499_999_999), Some(Finding::SealedAhead)),
        (sealed.after(30), None),
        (nano(sealed.after(30), 500_000_001), Some(Finding::Stale)),
    ];
    for (arrival, expected) in arrivals {
        assert_eq!(found(times(None, arrival, None), &limits), Vec::from_iter(expected), "{arrival:?}");
    }
    // The parent.
    let parents = [
        (sealed, None),
        (nano(sealed, 500_000_001), Some(Finding::SealedBeforeParent)),
        (sealed.after(5), Some(Finding::SealedBeforeParent)),
        (nano(sealed.after(5), 500_000_001), Some(Finding::SealedFarBeforeParent)),
    ];
    for (parent, expected) in parents {
        assert_eq!(found(times(None, sealed, Some(parent)), &limits), Vec::from_iter(expected), "{parent:?}");
    }
}

#[test]
fn envelope_time_alone_never_decides() {
    // shows: CEP-106 (§9)
    let sealed = at("2026-05-14T12:00:00Z");
    // A name with a time that does not exist in the calendar cannot drift, and prevents nothing by itself.
    let times = Times { envelope: TimeFragment::parse("2026-99-99"), sealed, arrival: sealed, parent: None };
    assert_eq!(found(times, &DriftLimits::default()), [Finding::NoCalendarTime]);
    assert!(Finding::NoCalendarTime.default_outcome().approves());
    // A fresh time in the name does not help: staleness depends on the sealed time.
    let times = Times { envelope: TimeFragment::parse("2026-05-14"), arrival: sealed.after(8 * 86_400), ..times };
    assert!(found(times, &DriftLimits::default()).contains(&Finding::Stale));
}

#[test]
fn the_surfaces_time_is_a_hint_to_group_by_and_to_guess_freshness_by() {
    // shows: CEP-102 (§9), CEP-103 (§9)
    let mut names =
        ["2026-05-16.a.b.c", "20260515t000000z.a.b.c", "2026-05-15.a.b.c"].map(|n| Surface::parse(n).unwrap());
    names.sort_by_key(Surface::time_order);
    assert_eq!(names.map(|name| name.time().date().day()), [15, 15, 16]);
}

#[test]
fn times_at_the_ends_of_the_scale_are_no_trouble() {
    for sealed in [Instant::MIN, Instant::unix(i64::MAX), Instant { seconds: i64::MAX, nanos: u32::MAX }] {
        for arrival in [Instant::MIN, Instant::unix(0), Instant::unix(i64::MAX)] {
            for parent in [None, Some(Instant::MIN), Some(Instant::unix(i64::MAX))] {
                let envelope = TimeFragment::parse("99991231t235959z");
                let limits = DriftLimits { stale_seconds: u64::MAX, ahead_seconds: u64::MAX, ..DriftLimits::default() };
                let found = Times { envelope, sealed, arrival, parent }.compare(&limits);
                assert!(found.contains(Finding::EnvelopeDrift), "no year that a name can have is near");
            }
        }
    }
}
