//! What was measured, against the draft's targets (`IoE Appendix A.1`, `R5`, `R9`).

use std::time::Duration;

use interaction_gov::measure::coordination::{Coupling, Dimensions, PerMille};
use interaction_gov::measure::{Attainment, Histogram, Measurements, Metric, NotAShare};
use proptest::prelude::*;

const fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

const NANOSECOND: Duration = Duration::from_nanos(1);

/// Whether the target of a latency metric was met after these numbers of samples, each with its latency.
fn attainment_after(
    metric: Metric,
    record: fn(&mut Measurements, Duration),
    samples: [(usize, Duration); 2],
) -> Attainment {
    let mut measured = Measurements::default();
    for (times, latency) in samples {
        (0..times).for_each(|_| record(&mut measured, latency));
    }
    measured.attainment(metric)
}

#[test]
fn without_samples_there_is_no_verdict() {
    let measured = Measurements::default();
    let all = [Metric::CONTINUITY, Metric::CHANGE_SAFETY, Metric::DEGRADATION].concat();
    assert_eq!(all.len(), 12);
    for metric in &all {
        assert_eq!(measured.attainment(*metric), Attainment::TooFew, "{}", metric.target());
        let samples = measured.latencies(*metric).map_or(0, Histogram::samples);
        assert_eq!(samples, 0);
    }
    assert_eq!(measured.attainment_of_all(&all), Attainment::TooFew);
    assert_eq!(measured.attainment_of_all(&[]), Attainment::TooFew);
    // Coordination of no pairs, and no time, are no samples either.
    let mut measured = Measurements::default();
    measured.synchronization([]);
    measured.state(Duration::ZERO, true);
    assert_eq!(measured, Measurements::default());
}

#[test]
fn t_sync_is_under_100_ms_at_p95() {
    // shows: IOE-148 (A.1), IOE-153 (A.1)
    let sync: fn(&mut Measurements, Duration) = |measured, latency| measured.synchronization([ms(1), latency, ms(2)]);
    let attained = |samples| attainment_after(Metric::SynchronizationLatency, sync, samples);
    let [fast, late] = [ms(100) - NANOSECOND, ms(100)];
    assert_eq!(attained([(19, fast), (1, late)]), Attainment::Met);
    assert_eq!(attained([(18, fast), (2, late)]), Attainment::Missed);
    assert_eq!(attained([(19, fast), (0, late)]), Attainment::TooFew, "one in 20 is not seen in 19");
    assert_eq!(attained([(950, fast), (50, late)]), Attainment::Met);
    assert_eq!(attained([(949, fast), (51, late)]), Attainment::Missed);
}

#[test]
fn t_policy_is_under_one_second_for_99_per_cent() {
    // shows: IOE-149 (A.1), IOE-154 (A.1)
    let attained = |samples| attainment_after(Metric::PolicyConvergence, Measurements::policy_convergence, samples);
    let [fast, late] = [ms(1_000) - NANOSECOND, ms(1_000)];
    assert_eq!(attained([(99, fast), (1, late)]), Attainment::Met);
    assert_eq!(attained([(98, fast), (2, late)]), Attainment::Missed);
    assert_eq!(attained([(99, fast), (0, late)]), Attainment::TooFew);
}

#[test]
fn p_fail_is_under_one_in_a_thousand_single_failures() {
    // shows: IOE-150 (A.1), IOE-155 (A.1)
    let attained = |failures: u64, cascades: u64| {
        let mut measured = Measurements::default();
        (0..failures).for_each(|failure| measured.failure(if failure < cascades { 7 } else { 0 }));
        measured.attainment(Metric::FailurePropagation)
    };
    assert_eq!(attained(1_000, 0), Attainment::Met);
    assert_eq!(attained(1_000, 1), Attainment::Missed, "0.001 is not below 0.001");
    assert_eq!(attained(1_001, 1), Attainment::Met);
    assert_eq!(attained(999, 0), Attainment::TooFew);
}

#[test]
fn c_state_is_above_999_of_1000_parts_of_the_time() {
    // shows: IOE-151 (A.1), IOE-156 (A.1)
    let attained = |agreed: Duration, apart: Duration| {
        let mut measured = Measurements::default();
        measured.state(agreed / 2, true);
        measured.state(apart, false);
        measured.state(agreed - agreed / 2, true);
        measured.attainment(Metric::StateConsistency)
    };
    assert_eq!(attained(ms(999), ms(1)), Attainment::Missed, "99.9 % is not above 99.9 %");
    assert_eq!(attained(ms(999) + NANOSECOND, ms(1)), Attainment::Met);
    assert_eq!(attained(ms(1), Duration::ZERO), Attainment::Met);
    assert_eq!(attained(Duration::ZERO, NANOSECOND), Attainment::Missed);
    assert_eq!(attained(Duration::MAX, Duration::MAX), Attainment::Missed, "and nothing overflows");
}

#[test]
fn the_count_of_surfaces_grows_no_faster_than_the_bindings_to_one_interaction() {
    // shows: IOE-147 (A.1), IOE-152 (A.1)
    let sizes = [5, 10, 20, 40].map(Dimensions::each);
    let attained = |count: &dyn Fn(Dimensions) -> u64, sizes: &[Dimensions]| {
        let mut measured = Measurements::default();
        sizes.iter().for_each(|size| measured.coordination_surfaces(*size, count(*size)));
        measured.attainment(Metric::CoordinationSurfaces)
    };
    let additive = |size: Dimensions| size.interaction_scoped();
    let fragmented = |size: Dimensions| u64::try_from(size.fragmented(Coupling::FULL).0 / 1_000).unwrap();
    assert_eq!(attained(&additive, &sizes), Attainment::Met);
    assert_eq!(attained(&|size| 3 * additive(size) + 100, &sizes), Attainment::Met);
    assert_eq!(attained(&fragmented, &sizes), Attainment::Missed);
    assert_eq!(attained(&|size| additive(size) + u64::from(size.participants == 40), &sizes), Attainment::Missed);
    assert_eq!(attained(&fragmented, &sizes[..1]), Attainment::TooFew, "one size shows no growth");
    assert_eq!(attained(&fragmented, &[Dimensions::each(5), Dimensions::each(9)]), Attainment::TooFew);
    assert_eq!(attained(&additive, &[Dimensions::each(0), Dimensions::each(9)]), Attainment::TooFew);
    let backwards: Vec<_> = sizes.into_iter().rev().collect();
    assert_eq!(attained(&fragmented, &backwards), Attainment::Missed);
    assert_eq!(attained(&additive, &backwards), Attainment::Met);
}

#[test]
fn policy_updates_complete_within_50_ms_but_for_one_in_a_thousand() {
    let attained = |samples| attainment_after(Metric::UpdateLatency, Measurements::policy_update, samples);
    let [within, late] = [ms(50), ms(50) + NANOSECOND];
    assert_eq!(attained([(999, within), (1, late)]), Attainment::Met);
    assert_eq!(attained([(998, within), (2, late)]), Attainment::Missed);
    assert_eq!(attained([(999, within), (0, late)]), Attainment::TooFew);
}

#[test]
fn every_rollback_is_within_100_ms_and_affects_under_a_thousandth_of_the_others() {
    let mut measured = Measurements::default();
    measured.rollback(ms(100), 0, 0).unwrap();
    assert_eq!(measured.attainment(Metric::RollbackLatency), Attainment::Met);
    assert_eq!(measured.attainment(Metric::RollbackReach), Attainment::TooFew, "all were targeted");
    measured.rollback(ms(3), 1, 1_001).unwrap();
    measured.rollback(ms(3), 9, 100_000).unwrap();
    assert_eq!(measured.attainment(Metric::RollbackReach), Attainment::Met);
    let before = measured.clone();
    assert_eq!(measured.rollback(ms(500), 2, 1), Err(NotAShare { part: 2, whole: 1 }));
    assert_eq!(measured, before, "what is no share is not recorded");
    measured.rollback(ms(100) + NANOSECOND, 1, 1_000).unwrap();
    assert_eq!(measured.attainment(Metric::RollbackLatency), Attainment::Missed);
    assert_eq!(measured.attainment(Metric::RollbackReach), Attainment::Missed);
    measured.rollback(ms(1), 0, u64::MAX).unwrap();
    assert_eq!(measured.attainment(Metric::RollbackReach), Attainment::Missed, "the worst counts");
}

#[test]
fn configuration_changes_converge_below_one_second() {
    let attained =
        |samples| attainment_after(Metric::ConfigurationConvergence, Measurements::configuration_convergence, samples);
    let [fast, late] = [ms(1_000) - NANOSECOND, ms(1_000)];
    assert_eq!(attained([(1, fast), (0, late)]), Attainment::Met);
    assert_eq!(attained([(1_000, fast), (1, late)]), Attainment::Missed);
}

#[test]
fn one_failure_affects_under_5_per_cent_and_the_core_works_for_95_per_cent_of_these() {
    let mut measured = Measurements::default();
    measured.degradation(1_000, 0, 0).unwrap();
    assert_eq!(measured.attainment(Metric::FailureReach), Attainment::Met);
    assert_eq!(measured.attainment(Metric::CoreFunctionality), Attainment::TooFew, "nothing has shown it");
    measured.degradation(1_000, 49, 47).unwrap();
    assert_eq!(measured.attainment(Metric::FailureReach), Attainment::Met);
    assert_eq!(measured.attainment(Metric::CoreFunctionality), Attainment::Met);
    let core = |affected, kept| {
        let mut measured = Measurements::default();
        measured.degradation(1_000, affected, kept).unwrap();
        measured.attainment(Metric::CoreFunctionality)
    };
    assert_eq!([core(20, 19), core(20, 18), core(19, 19)], [Attainment::Met, Attainment::Missed, Attainment::TooFew]);
    let before = measured.clone();
    assert_eq!(measured.degradation(10, 11, 11), Err(NotAShare { part: 11, whole: 10 }));
    assert_eq!(measured.degradation(10, 4, 5), Err(NotAShare { part: 5, whole: 4 }));
    assert_eq!(measured, before, "what is no share is not recorded");
    measured.degradation(1_000, 50, 46).unwrap();
    assert_eq!(measured.attainment(Metric::FailureReach), Attainment::Missed);
    assert_eq!(measured.attainment(Metric::CoreFunctionality), Attainment::Missed, "93 of 99");
}

#[test]
fn auxiliary_functions_recover_in_under_10_seconds() {
    let attained = |samples| attainment_after(Metric::RecoveryTime, Measurements::recovery, samples);
    let [fast, late] = [ms(10_000) - NANOSECOND, ms(10_000)];
    assert_eq!(attained([(1, fast), (0, late)]), Attainment::Met);
    assert_eq!(attained([(1_000, fast), (1, late)]), Attainment::Missed);
}

#[test]
fn interaction_continuity_takes_all_five() {
    let mut measured = Measurements::default();
    for size in [5, 10].map(Dimensions::each) {
        measured.coordination_surfaces(size, size.interaction_scoped());
    }
    for _ in 0..1_000 {
        measured.synchronization([ms(5)]);
        measured.policy_convergence(ms(5));
        measured.failure(0);
    }
    assert_eq!(measured.attainment_of_all(Metric::CONTINUITY), Attainment::TooFew, "of agreement nothing is known");
    measured.state(ms(60_000), true);
    assert_eq!(measured.attainment_of_all(Metric::CONTINUITY), Attainment::Met);
    measured.state(ms(61), false);
    assert_eq!(measured.attainment_of_all(Metric::CONTINUITY), Attainment::Missed);
    assert_eq!(measured.attainment_of_all(Metric::CHANGE_SAFETY), Attainment::TooFew);
}

#[test]
fn a_percentile_is_never_too_low_and_hardly_too_high() {
    let mut histogram = Histogram::new();
    assert_eq!((histogram.percentile(PerMille::ALL), histogram.longest()), (None, None));
    (1..=1_000).for_each(|milliseconds| histogram.record(ms(milliseconds)));
    let percentile = |parts| histogram.percentile(PerMille::new(parts).unwrap()).unwrap();
    for (parts, exact) in [(0, 1), (500, 500), (950, 950), (990, 990), (1_000, 1_000)] {
        let reported = percentile(parts);
        assert!(reported >= ms(exact) && reported <= ms(exact) * 9 / 8 + Duration::from_micros(1), "{reported:?}");
    }
    assert_eq!(percentile(1_000), ms(1_000), "never longer than the longest");
}

#[test]
fn a_bucket_ends_an_eighth_of_a_power_of_two_above_its_beginning() {
    const US: fn(u64) -> Duration = Duration::from_micros;
    let half = PerMille::new(500).unwrap();
    // Up to 15 µs each microsecond has its own bucket; above that, eight share each power of two.
    for (latency, end) in [
        (US(0), US(1)),
        (US(1), US(2)),
        (US(7), US(8)),
        (US(8), US(9)),
        (US(15), US(16)),
        (US(16), US(18)),
        (US(17), US(18)),
        (US(18), US(20)),
        (US(31), US(32)),
        (US(32), US(36)),
        (US(35), US(36)),
        (US(1_000), US(1_024)),
        (US(15 << 28) - US(1), US(15 << 28)),
        // The last bucket has no end of its own.
        (US(15 << 28), Duration::MAX),
        (US(1 << 32), Duration::MAX),
    ] {
        let mut histogram = Histogram::new();
        histogram.record(latency);
        assert_eq!((histogram.longest(), histogram.samples()), (Some(latency), 1));
        histogram.record(Duration::MAX);
        assert_eq!((histogram.longest(), histogram.samples()), (Some(Duration::MAX), 2));
        assert_eq!(histogram.percentile(half), Some(end), "{latency:?}");
        assert_eq!(histogram.percentile(PerMille::ALL), Some(Duration::MAX));
    }
}

#[test]
fn a_percentile_is_the_first_sample_that_covers_its_share() {
    let mut histogram = Histogram::new();
    [3, 5, 9].into_iter().for_each(|micros| histogram.record(Duration::from_micros(micros)));
    // One of three is 333 1/3 thousandths, two are 666 2/3.
    for (parts, micros) in [(0, 4), (1, 4), (333, 4), (334, 6), (666, 6), (667, 9), (1_000, 9)] {
        let found = histogram.percentile(PerMille::new(parts).unwrap());
        assert_eq!(found, Some(Duration::from_micros(micros)), "{parts} thousandths");
    }
}

#[test]
fn each_latency_is_kept_under_its_own_metric() {
    let mut measured = Measurements::default();
    measured.synchronization([ms(1), ms(7), ms(3)]);
    measured.policy_convergence(ms(11));
    measured.policy_update(ms(12));
    measured.rollback(ms(13), 0, 1).unwrap();
    measured.configuration_convergence(ms(14));
    measured.recovery(ms(15));
    let latencies = |metric| measured.latencies(metric).map(|kept| (kept.samples(), kept.longest()));
    for (metric, milliseconds) in [
        (Metric::SynchronizationLatency, 7),
        (Metric::PolicyConvergence, 11),
        (Metric::UpdateLatency, 12),
        (Metric::RollbackLatency, 13),
        (Metric::ConfigurationConvergence, 14),
        (Metric::RecoveryTime, 15),
    ] {
        assert_eq!(latencies(metric), Some((1, Some(ms(milliseconds)))), "{}", metric.target());
    }
    for metric in [Metric::CoordinationSurfaces, Metric::FailurePropagation, Metric::StateConsistency] {
        assert_eq!(latencies(metric), None, "{}", metric.target());
    }
}

#[test]
fn the_worst_share_counts_whatever_came_first() {
    let attained = |rollbacks: &[(u64, u64)]| {
        let mut measured = Measurements::default();
        rollbacks.iter().for_each(|(part, whole)| measured.rollback(ms(1), *part, *whole).unwrap());
        measured.attainment(Metric::RollbackReach)
    };
    assert_eq!(attained(&[(1, 1_001)]), Attainment::Met);
    assert_eq!(attained(&[(1, 1)]), Attainment::Missed, "all of them are a share too");
    for pair in [[(1, 1_001), (1, 1_000)], [(1, 1_000), (1, 1_001)], [(1, 1_000), (0, 1)], [(0, 1), (1, 1_000)]] {
        assert_eq!(attained(&pair), Attainment::Missed, "{pair:?}");
    }
    assert_eq!(attained(&[(9, 10_000), (1, 1_001), (0, 1)]), Attainment::Met);
    assert_eq!(attained(&[(u64::MAX, u64::MAX), (0, u64::MAX)]), Attainment::Missed, "and nothing overflows");
}

#[test]
fn several_counts_of_one_size_make_the_strictest_pair() {
    let attained = |samples: &[(u32, u64)]| {
        let mut measured = Measurements::default();
        samples.iter().for_each(|(size, count)| measured.coordination_surfaces(Dimensions::each(*size), *count));
        measured.attainment(Metric::CoordinationSurfaces)
    };
    assert_eq!(attained(&[(5, 30), (10, 60)]), Attainment::Met);
    assert_eq!(attained(&[(5, 30), (10, 61)]), Attainment::Missed);
    assert_eq!(attained(&[(5, 30), (5, 29), (10, 60)]), Attainment::Missed, "the lowest of the small");
    assert_eq!(attained(&[(5, 30), (10, 61), (10, 60)]), Attainment::Missed, "the highest of the large");
    assert_eq!(attained(&[(5, 30), (7, 99), (10, 60)]), Attainment::Met, "only the ends are compared");
}

proptest! {
    #[test]
    fn every_latency_finds_its_bucket(nanos in prop_oneof![any::<u64>(), 0_u64..100_000, (0_u32..64).prop_map(|n| 1 << n)]) {
        let latency = Duration::from_nanos(nanos);
        let mut histogram = Histogram::new();
        histogram.record(latency);
        // Another, much longer one, so that the longest does not stand in for the bucket's end.
        histogram.record(Duration::MAX);
        let reported = histogram.percentile(PerMille::new(500).unwrap()).unwrap();
        prop_assert!(reported >= latency);
        if latency < Duration::from_micros(15 << 28) {
            prop_assert!(reported <= latency + latency / 8 + Duration::from_micros(1));
        }
    }
}
