//! What was measured, against the draft's targets (`IoE Appendix A.1`, `R5`, `R9`).

use std::time::Duration;

use interaction_gov::measure::coordination::{Coupling, Dimensions, PerMille};
use interaction_gov::measure::{Histogram, Measurements, Metric, NotAShare, Verdict};
use proptest::prelude::*;

const fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

const NANOSECOND: Duration = Duration::from_nanos(1);

/// The verdict on a latency metric after these numbers of samples, each with its latency.
fn verdict_after(metric: Metric, record: fn(&mut Measurements, Duration), samples: [(usize, Duration); 2]) -> Verdict {
    let mut measured = Measurements::default();
    for (times, latency) in samples {
        (0..times).for_each(|_| record(&mut measured, latency));
    }
    measured.verdict(metric)
}

#[test]
fn without_samples_there_is_no_verdict() {
    let measured = Measurements::default();
    let all = [Metric::CONTINUITY, Metric::CHANGE_SAFETY, Metric::DEGRADATION].concat();
    assert_eq!(all.len(), 12);
    for metric in &all {
        assert_eq!(measured.verdict(*metric), Verdict::TooFew, "{}", metric.target());
        let samples = measured.latencies(*metric).map_or(0, Histogram::samples);
        assert_eq!(samples, 0);
    }
    assert_eq!(measured.verdict_of_all(&all), Verdict::TooFew);
    assert_eq!(measured.verdict_of_all(&[]), Verdict::TooFew);
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
    let verdict = |samples| verdict_after(Metric::SynchronizationLatency, sync, samples);
    let [fast, late] = [ms(100) - NANOSECOND, ms(100)];
    assert_eq!(verdict([(19, fast), (1, late)]), Verdict::Met);
    assert_eq!(verdict([(18, fast), (2, late)]), Verdict::Missed);
    assert_eq!(verdict([(19, fast), (0, late)]), Verdict::TooFew, "one in 20 is not seen in 19");
    assert_eq!(verdict([(950, fast), (50, late)]), Verdict::Met);
    assert_eq!(verdict([(949, fast), (51, late)]), Verdict::Missed);
}

#[test]
fn t_policy_is_under_one_second_for_99_per_cent() {
    // shows: IOE-149 (A.1), IOE-154 (A.1)
    let verdict = |samples| verdict_after(Metric::PolicyConvergence, Measurements::policy_convergence, samples);
    let [fast, late] = [ms(1_000) - NANOSECOND, ms(1_000)];
    assert_eq!(verdict([(99, fast), (1, late)]), Verdict::Met);
    assert_eq!(verdict([(98, fast), (2, late)]), Verdict::Missed);
    assert_eq!(verdict([(99, fast), (0, late)]), Verdict::TooFew);
}

#[test]
fn p_fail_is_under_one_in_a_thousand_single_failures() {
    // shows: IOE-150 (A.1), IOE-155 (A.1)
    let verdict = |failures: u64, cascades: u64| {
        let mut measured = Measurements::default();
        (0..failures).for_each(|failure| measured.failure(if failure < cascades { 7 } else { 0 }));
        measured.verdict(Metric::FailurePropagation)
    };
    assert_eq!(verdict(1_000, 0), Verdict::Met);
    assert_eq!(verdict(1_000, 1), Verdict::Missed, "0.001 is not below 0.001");
    assert_eq!(verdict(1_001, 1), Verdict::Met);
    assert_eq!(verdict(999, 0), Verdict::TooFew);
}

#[test]
fn c_state_is_above_999_of_1000_parts_of_the_time() {
    // shows: IOE-151 (A.1), IOE-156 (A.1)
    let verdict = |agreed: Duration, apart: Duration| {
        let mut measured = Measurements::default();
        measured.state(agreed / 2, true);
        measured.state(apart, false);
        measured.state(agreed - agreed / 2, true);
        measured.verdict(Metric::StateConsistency)
    };
    assert_eq!(verdict(ms(999), ms(1)), Verdict::Missed, "99.9 % is not above 99.9 %");
    assert_eq!(verdict(ms(999) + NANOSECOND, ms(1)), Verdict::Met);
    assert_eq!(verdict(ms(1), Duration::ZERO), Verdict::Met);
    assert_eq!(verdict(Duration::ZERO, NANOSECOND), Verdict::Missed);
    assert_eq!(verdict(Duration::MAX, Duration::MAX), Verdict::Missed, "and nothing overflows");
}

#[test]
fn the_count_of_surfaces_grows_no_faster_than_the_bindings_to_one_interaction() {
    // shows: IOE-147 (A.1), IOE-152 (A.1)
    let sizes = [5, 10, 20, 40].map(Dimensions::each);
    let verdict = |count: &dyn Fn(Dimensions) -> u64, sizes: &[Dimensions]| {
        let mut measured = Measurements::default();
        sizes.iter().for_each(|size| measured.coordination_surfaces(*size, count(*size)));
        measured.verdict(Metric::CoordinationSurfaces)
    };
    let additive = |size: Dimensions| size.interaction_scoped();
    let fragmented = |size: Dimensions| u64::try_from(size.fragmented(Coupling::FULL).0 / 1_000).unwrap();
    assert_eq!(verdict(&additive, &sizes), Verdict::Met);
    assert_eq!(verdict(&|size| 3 * additive(size) + 100, &sizes), Verdict::Met);
    assert_eq!(verdict(&fragmented, &sizes), Verdict::Missed);
    assert_eq!(verdict(&|size| additive(size) + u64::from(size.participants == 40), &sizes), Verdict::Missed);
    assert_eq!(verdict(&fragmented, &sizes[..1]), Verdict::TooFew, "one size shows no growth");
    assert_eq!(verdict(&fragmented, &[Dimensions::each(5), Dimensions::each(9)]), Verdict::TooFew);
    assert_eq!(verdict(&additive, &[Dimensions::each(0), Dimensions::each(9)]), Verdict::TooFew);
    let backwards: Vec<_> = sizes.into_iter().rev().collect();
    assert_eq!(verdict(&fragmented, &backwards), Verdict::Missed);
    assert_eq!(verdict(&additive, &backwards), Verdict::Met);
}

#[test]
fn policy_updates_complete_within_50_ms_but_for_one_in_a_thousand() {
    let verdict = |samples| verdict_after(Metric::UpdateLatency, Measurements::policy_update, samples);
    let [within, late] = [ms(50), ms(50) + NANOSECOND];
    assert_eq!(verdict([(999, within), (1, late)]), Verdict::Met);
    assert_eq!(verdict([(998, within), (2, late)]), Verdict::Missed);
    assert_eq!(verdict([(999, within), (0, late)]), Verdict::TooFew);
}

#[test]
fn every_rollback_is_within_100_ms_and_affects_under_a_thousandth_of_the_others() {
    let mut measured = Measurements::default();
    measured.rollback(ms(100), 0, 0).unwrap();
    assert_eq!(measured.verdict(Metric::RollbackLatency), Verdict::Met);
    assert_eq!(measured.verdict(Metric::RollbackReach), Verdict::TooFew, "all were targeted");
    measured.rollback(ms(3), 1, 1_001).unwrap();
    measured.rollback(ms(3), 9, 100_000).unwrap();
    assert_eq!(measured.verdict(Metric::RollbackReach), Verdict::Met);
    let before = measured.clone();
    assert_eq!(measured.rollback(ms(500), 2, 1), Err(NotAShare { part: 2, whole: 1 }));
    assert_eq!(measured, before, "what is no share is not recorded");
    measured.rollback(ms(100) + NANOSECOND, 1, 1_000).unwrap();
    assert_eq!(measured.verdict(Metric::RollbackLatency), Verdict::Missed);
    assert_eq!(measured.verdict(Metric::RollbackReach), Verdict::Missed);
    measured.rollback(ms(1), 0, u64::MAX).unwrap();
    assert_eq!(measured.verdict(Metric::RollbackReach), Verdict::Missed, "the worst counts");
}

#[test]
fn configuration_changes_converge_below_one_second() {
    let verdict =
        |samples| verdict_after(Metric::ConfigurationConvergence, Measurements::configuration_convergence, samples);
    let [fast, late] = [ms(1_000) - NANOSECOND, ms(1_000)];
    assert_eq!(verdict([(1, fast), (0, late)]), Verdict::Met);
    assert_eq!(verdict([(1_000, fast), (1, late)]), Verdict::Missed);
}

#[test]
fn one_failure_affects_under_5_per_cent_and_the_core_works_for_95_per_cent_of_these() {
    let mut measured = Measurements::default();
    measured.degradation(1_000, 0, 0).unwrap();
    assert_eq!(measured.verdict(Metric::FailureReach), Verdict::Met);
    assert_eq!(measured.verdict(Metric::CoreFunctionality), Verdict::TooFew, "nothing has shown it");
    measured.degradation(1_000, 49, 47).unwrap();
    assert_eq!(measured.verdict(Metric::FailureReach), Verdict::Met);
    assert_eq!(measured.verdict(Metric::CoreFunctionality), Verdict::Met);
    let core = |affected, kept| {
        let mut measured = Measurements::default();
        measured.degradation(1_000, affected, kept).unwrap();
        measured.verdict(Metric::CoreFunctionality)
    };
    assert_eq!([core(20, 19), core(20, 18), core(19, 19)], [Verdict::Met, Verdict::Missed, Verdict::TooFew]);
    let before = measured.clone();
    assert_eq!(measured.degradation(10, 11, 11), Err(NotAShare { part: 11, whole: 10 }));
    assert_eq!(measured.degradation(10, 4, 5), Err(NotAShare { part: 5, whole: 4 }));
    assert_eq!(measured, before, "what is no share is not recorded");
    measured.degradation(1_000, 50, 46).unwrap();
    assert_eq!(measured.verdict(Metric::FailureReach), Verdict::Missed);
    assert_eq!(measured.verdict(Metric::CoreFunctionality), Verdict::Missed, "93 of 99");
}

#[test]
fn auxiliary_functions_recover_in_under_10_seconds() {
    let verdict = |samples| verdict_after(Metric::RecoveryTime, Measurements::recovery, samples);
    let [fast, late] = [ms(10_000) - NANOSECOND, ms(10_000)];
    assert_eq!(verdict([(1, fast), (0, late)]), Verdict::Met);
    assert_eq!(verdict([(1_000, fast), (1, late)]), Verdict::Missed);
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
    assert_eq!(measured.verdict_of_all(Metric::CONTINUITY), Verdict::TooFew, "of agreement nothing is known");
    measured.state(ms(60_000), true);
    assert_eq!(measured.verdict_of_all(Metric::CONTINUITY), Verdict::Met);
    measured.state(ms(61), false);
    assert_eq!(measured.verdict_of_all(Metric::CONTINUITY), Verdict::Missed);
    assert_eq!(measured.verdict_of_all(Metric::CHANGE_SAFETY), Verdict::TooFew);
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
