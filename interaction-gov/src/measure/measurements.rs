//! What was measured, against the draft's targets (`IoE Appendix A.1`, `R5`, `R9`).
//!
//! Every target allows a share of misses: p95 allows one in 20, "99.9 %" one in 1,000. So misses are counted, which is exact;
//! the histograms are for reports.

use core::fmt;
use core::time::Duration;

use super::Histogram;
use super::coordination::Dimensions;

/// A quantity that the draft sets a target for.
///
/// ```
/// use interaction_gov::measure::Metric;
///
/// assert_eq!(Metric::RollbackLatency.target(), "every rollback within 100 ms");
/// assert!(Metric::CHANGE_SAFETY.contains(&Metric::RollbackLatency));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Metric {
    /// |C|: the distinct points where state is exchanged.
    CoordinationSurfaces,
    /// `T_sync`: the largest latency over all coordination pairs.
    SynchronizationLatency,
    /// `T_policy`: the time until all contexts reflect a policy change.
    PolicyConvergence,
    /// `P_fail`: the probability that the cascade of a failure affects unrelated interactions.
    FailurePropagation,
    /// `C_state`: the share of time in which all contexts agree on the interaction's state.
    StateConsistency,
    /// `R5`: how long a policy update takes to complete.
    UpdateLatency,
    /// `R5`: how long it takes to revert an interaction in flight.
    RollbackLatency,
    /// `R5`: the share of non-targeted interactions that a rollback affects.
    RollbackReach,
    /// `R5`: how long a configuration change takes to converge.
    ConfigurationConvergence,
    /// `R9`: the share of active interactions that a single component's failure affects.
    FailureReach,
    /// `R9`: the share of affected interactions that keep their core functionality.
    CoreFunctionality,
    /// `R9`: how long an auxiliary function takes to recover (RTO).
    RecoveryTime,
}

impl Metric {
    /// "An architecture exhibits interaction continuity if" these are met (`IoE Appendix A.1`).
    pub const CONTINUITY: &'static [Self] = &[
        Self::CoordinationSurfaces,
        Self::SynchronizationLatency,
        Self::PolicyConvergence,
        Self::FailurePropagation,
        Self::StateConsistency,
    ];
    /// The figures of R5 (`IoE §4.5`).
    pub const CHANGE_SAFETY: &'static [Self] =
        &[Self::UpdateLatency, Self::RollbackLatency, Self::RollbackReach, Self::ConfigurationConvergence];
    /// The figures of R9 (`IoE §4.9`).
    pub const DEGRADATION: &'static [Self] = &[Self::FailureReach, Self::CoreFunctionality, Self::RecoveryTime];

    /// Its target in words.
    #[must_use]
    pub const fn target(self) -> &'static str {
        match self {
            Self::CoordinationSurfaces => "|C| grows no faster than P + M + F + A + T",
            Self::SynchronizationLatency => "T_sync under 100 ms at p95",
            Self::PolicyConvergence => "T_policy under 1 s for 99 %",
            Self::FailurePropagation => "P_fail under 0.001",
            Self::StateConsistency => "C_state above 99.9 %",
            Self::UpdateLatency => "99.9 % of policy updates complete within 50 ms",
            Self::RollbackLatency => "every rollback within 100 ms",
            Self::RollbackReach => "every rollback affects under 0.1 % of non-targeted interactions",
            Self::ConfigurationConvergence => "every configuration change converges in under 1 s",
            Self::FailureReach => "every failure affects under 5 % of active interactions",
            Self::CoreFunctionality => "core functionality for 95 % of affected interactions",
            Self::RecoveryTime => "every auxiliary function recovers in under 10 s",
        }
    }
}

/// Whether a target was met.
///
/// ```
/// use core::time::Duration;
/// use interaction_gov::measure::{Measurements, Metric, Attainment};
///
/// let mut measured = Measurements::default();
/// measured.policy_update(Duration::from_millis(2));
/// assert_eq!(measured.attainment(Metric::UpdateLatency), Attainment::TooFew, "one in 1,000 is not seen in one");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[must_use]
pub enum Attainment {
    /// The target was met.
    Met,
    /// Not known: there are no samples, or too few for the target. A share of one in 1,000 cannot be seen in
    /// 999 samples.
    TooFew,
    /// The target was missed.
    Missed,
}

impl fmt::Display for Attainment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Met => "met",
            Self::TooFew => "too few samples",
            Self::Missed => "missed",
        })
    }
}

/// The part is larger than the whole.
///
/// Nothing is measured then.
///
/// ```
/// use core::time::Duration;
/// use interaction_gov::measure::{Measurements, NotAShare};
///
/// let mut measured = Measurements::default();
/// let took = Duration::from_millis(20);
/// assert_eq!(measured.rollback(took, 3, 2), Err(NotAShare { part: 3, whole: 2 }), "three of two interactions");
/// assert_eq!(measured.rollback(took, 0, 1_000), Ok(()));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct NotAShare {
    /// The part.
    pub part: u64,
    /// The stated whole.
    pub whole: u64,
}

impl fmt::Display for NotAShare {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is no part of {}", self.part, self.whole)
    }
}

impl core::error::Error for NotAShare {}

/// Everything that Appendix A.1, R5 and R9 set targets for. It takes about 12 KB, mostly for six histograms.
///
/// Measure in normal, stable operation: the targets are for that (`IoE Appendix A.1`). Failures, rollbacks and
/// recoveries are the subject of R5 and R9, and have entries of their own.
///
/// ```
/// use core::time::Duration;
/// use interaction_gov::measure::{Measurements, Metric, Attainment};
///
/// let mut measured = Measurements::default();
/// (0..1_000).for_each(|_| measured.policy_update(Duration::from_millis(2)));
/// assert_eq!(measured.attainment(Metric::UpdateLatency), Attainment::Met);
/// let lines = measured.to_string();
/// assert!(lines.contains("99.9 % of policy updates complete within 50 ms: met\n"), "{lines}");
/// assert!(lines.contains("T_policy under 1 s for 99 %: too few samples\n"), "nothing is said of what was not measured");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Measurements {
    surfaces: Surfaces,
    synchronization: Latencies,
    convergence: Latencies,
    cascades: Count,
    apart: Duration,
    observed: Duration,
    updates: Latencies,
    rollbacks: Latencies,
    rollback_reach: Worst,
    configuration: Latencies,
    failure_reach: Worst,
    without_core: Count,
    recoveries: Latencies,
}

impl Measurements {
    /// |C|: the surfaces counted in an interaction of this size. It takes two sizes, one at least double the other.
    // keeps: IOE-152 (A.1)
    pub fn coordination_surfaces(&mut self, size: Dimensions, count: u64) {
        self.surfaces.record(size.interaction_scoped(), count);
    }

    /// `T_sync`: the latencies of all coordination pairs in one synchronisation. The largest counts; without pairs,
    /// nothing is recorded.
    // keeps: IOE-148 (A.1)
    pub fn synchronization(&mut self, pairs: impl IntoIterator<Item = Duration>) {
        if let Some(largest) = pairs.into_iter().max() {
            self.synchronization.record(largest, largest < SYNCHRONIZATION);
        }
    }

    /// `T_policy`: the time from a policy change until the last context reflects it.
    // keeps: IOE-149 (A.1)
    pub fn policy_convergence(&mut self, until_the_last: Duration) {
        self.convergence.record(until_the_last, until_the_last < CONVERGENCE);
    }

    /// `P_fail`: a single component failed, and this many unrelated interactions were affected.
    // keeps: IOE-150 (A.1)
    pub fn failure(&mut self, unrelated_affected: u64) {
        self.cascades.add(1, u64::from(unrelated_affected > 0));
    }

    /// `C_state`: for this long, all contexts agreed, or did not agree, on the interaction's state.
    // keeps: IOE-151 (A.1)
    pub fn state(&mut self, for_so_long: Duration, agreed: bool) {
        self.observed = self.observed.saturating_add(for_so_long);
        if !agreed {
            self.apart = self.apart.saturating_add(for_so_long);
        }
    }

    /// `R5`: a policy update took this long to complete.
    pub fn policy_update(&mut self, took: Duration) {
        self.updates.record(took, took <= UPDATE);
    }

    /// `R5`: a rollback took this long, and affected this many of the interactions that it did not target.
    ///
    /// # Errors
    /// [`NotAShare`]: more were affected than there were. Nothing is recorded.
    pub fn rollback(&mut self, took: Duration, affected: u64, not_targeted: u64) -> Result<(), NotAShare> {
        self.rollback_reach.record(affected, not_targeted)?;
        self.rollbacks.record(took, took <= ROLLBACK);
        Ok(())
    }

    /// `R5`: a configuration change took this long to converge.
    pub fn configuration_convergence(&mut self, took: Duration) {
        self.configuration.record(took, took < CONVERGENCE);
    }

    /// `R9`: a single component failed. It affected `affected` of the active interactions, and `kept_core` of these
    /// kept their core functionality.
    ///
    /// # Errors
    /// [`NotAShare`]: more were affected than active, or more kept it than were affected. Nothing is recorded.
    pub fn degradation(&mut self, active: u64, affected: u64, kept_core: u64) -> Result<(), NotAShare> {
        let Some(lost) = affected.checked_sub(kept_core) else {
            return Err(NotAShare { part: kept_core, whole: affected });
        };
        self.failure_reach.record(affected, active)?;
        self.without_core.add(affected, lost);
        Ok(())
    }

    /// `R9`: an auxiliary function recovered after this long.
    pub fn recovery(&mut self, after: Duration) {
        self.recoveries.record(after, after < RECOVERY);
    }

    /// Whether a target was met.
    // keeps: IOE-153 (A.1), IOE-154 (A.1), IOE-155 (A.1), IOE-156 (A.1)
    pub fn attainment(&self, metric: Metric) -> Attainment {
        match metric {
            Metric::CoordinationSurfaces => self.surfaces.attainment(),
            Metric::SynchronizationLatency => self.synchronization.count.at_most_one_in(20),
            Metric::PolicyConvergence => self.convergence.count.at_most_one_in(100),
            Metric::FailurePropagation => self.cascades.fewer_than_one_in(1_000),
            Metric::StateConsistency => {
                let [apart, observed] = [self.apart, self.observed].map(|time| time.as_nanos());
                // Time is measured without gaps: no number of samples is too small.
                if observed == 0 { Attainment::TooFew } else { met(apart.saturating_mul(1_000) < observed) }
            }
            Metric::UpdateLatency => self.updates.count.at_most_one_in(1_000),
            Metric::RollbackLatency => self.rollbacks.count.none(),
            Metric::RollbackReach => self.rollback_reach.below_one_in(1_000),
            Metric::ConfigurationConvergence => self.configuration.count.none(),
            Metric::FailureReach => self.failure_reach.below_one_in(20),
            Metric::CoreFunctionality => self.without_core.at_most_one_in(20),
            Metric::RecoveryTime => self.recoveries.count.none(),
        }
    }

    /// Whether all of these targets were met. If one was missed, the result is missed; otherwise, if one has too
    /// few samples, it is that.
    pub fn attainment_of_all(&self, metrics: &[Metric]) -> Attainment {
        metrics.iter().map(|metric| self.attainment(*metric)).max().unwrap_or(Attainment::TooFew)
    }

    /// The latencies of a metric, for a report. `None`: it is not a latency.
    #[must_use]
    pub const fn latencies(&self, metric: Metric) -> Option<&Histogram> {
        match metric {
            Metric::SynchronizationLatency => Some(&self.synchronization.histogram),
            Metric::PolicyConvergence => Some(&self.convergence.histogram),
            Metric::UpdateLatency => Some(&self.updates.histogram),
            Metric::RollbackLatency => Some(&self.rollbacks.histogram),
            Metric::ConfigurationConvergence => Some(&self.configuration.histogram),
            Metric::RecoveryTime => Some(&self.recoveries.histogram),
            Metric::CoordinationSurfaces
            | Metric::FailurePropagation
            | Metric::StateConsistency
            | Metric::RollbackReach
            | Metric::FailureReach
            | Metric::CoreFunctionality => None,
        }
    }
}

const SYNCHRONIZATION: Duration = Duration::from_millis(100);
const CONVERGENCE: Duration = Duration::from_secs(1);
const UPDATE: Duration = Duration::from_millis(50);
const ROLLBACK: Duration = Duration::from_millis(100);
const RECOVERY: Duration = Duration::from_secs(10);

const fn met(met: bool) -> Attainment {
    if met { Attainment::Met } else { Attainment::Missed }
}

/// How many there were, and how many of them missed the target.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Count {
    samples: u64,
    misses: u64,
}

impl Count {
    const fn add(&mut self, samples: u64, misses: u64) {
        self.samples = self.samples.saturating_add(samples);
        self.misses = self.misses.saturating_add(misses);
    }

    fn at_most_one_in(self, number: u64) -> Attainment {
        if self.samples < number {
            return Attainment::TooFew;
        }
        met(u128::from(self.misses) * u128::from(number) <= u128::from(self.samples))
    }

    fn fewer_than_one_in(self, number: u64) -> Attainment {
        if self.samples < number {
            return Attainment::TooFew;
        }
        met(u128::from(self.misses) * u128::from(number) < u128::from(self.samples))
    }

    const fn none(self) -> Attainment {
        if self.samples == 0 { Attainment::TooFew } else { met(self.misses == 0) }
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Latencies {
    histogram: Histogram,
    count: Count,
}

impl Latencies {
    fn record(&mut self, latency: Duration, in_time: bool) {
        self.histogram.record(latency);
        self.count.add(1, u64::from(!in_time));
    }
}

/// The largest share so far: part and whole. A whole of zero has no share.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Worst(Option<(u64, u64)>);

impl Worst {
    fn record(&mut self, part: u64, whole: u64) -> Result<(), NotAShare> {
        if part > whole {
            return Err(NotAShare { part, whole });
        }
        let worse = |(worst, of): (u64, u64)| u128::from(part) * u128::from(of) > u128::from(worst) * u128::from(whole);
        if whole > 0 && self.0.is_none_or(worse) {
            self.0 = Some((part, whole));
        }
        Ok(())
    }

    fn below_one_in(self, number: u64) -> Attainment {
        self.0
            .map_or(Attainment::TooFew, |(part, whole)| met(u128::from(part) * u128::from(number) < u128::from(whole)))
    }
}

/// The smallest and the largest interaction whose surfaces were counted: its size, which is C_int, and the count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Surfaces {
    smallest: Option<(u64, u64)>,
    largest: Option<(u64, u64)>,
}

impl Surfaces {
    fn record(&mut self, size: u64, count: u64) {
        // If several counts have the same size, the lowest at the small end and the highest at the large end make the
        // strictest pair.
        let sample = (size, count);
        self.smallest = Some(self.smallest.map_or(sample, |smallest| smallest.min(sample)));
        self.largest = self.largest.max(Some(sample));
    }

    fn attainment(self) -> Attainment {
        match (self.smallest, self.largest) {
            (Some((small, few)), Some((large, many))) if small > 0 && large / 2 >= small => {
                met(u128::from(many) * u128::from(small) <= u128::from(few) * u128::from(large))
            }
            _ => Attainment::TooFew,
        }
    }
}
