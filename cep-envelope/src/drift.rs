//! Layered time (`CEP §9`): the time in the name, the sealed time, the time of arrival, and the parent's time.
//!
//! ```text
//! envelope time    a hint; compared with the sealed time at the precision of the coarser one
//! sealed time      the sender's claim, and the normative one
//! arrival time     the receiver's clock
//! causal order     the parent's digest in the manifest: no clock can contradict it
//! ```

use core::fmt;

use crate::finding::{Finding, Findings};
use crate::manifest::Instant;
use crate::time::{Moment, Precision, TimeFragment};

/// How far times may differ without a finding. All limits are inclusive.
///
/// ```
/// use cep_envelope::decision::Policy;
/// use cep_envelope::drift::DriftLimits;
///
/// // An object may be a day on its way, and no longer.
/// let policy = Policy::default().with_drift(DriftLimits { stale_seconds: 86_400, ..DriftLimits::default() });
/// assert_eq!((policy.drift().stale_seconds, policy.drift().ahead_seconds), (86_400, 300));
/// ```
// keeps: CEP-094 (§8)
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct DriftLimits {
    /// Between a name's time to the second and the sealed time, either way, in seconds.
    pub envelope_seconds: u64,
    /// Between a name's date and the sealed time's, either way, in days.
    pub envelope_days: u32,
    /// How far its sealed time may be after its arrival, in seconds.
    pub ahead_seconds: u64,
    /// How far its sealed time may be before its arrival, in seconds.
    pub stale_seconds: u64,
    /// How far its sealed time may be before that of its parent, in seconds: as much as honest clocks differ.
    pub before_parent_seconds: u64,
}

impl Default for DriftLimits {
    /// Five minutes for clocks, one day for dates, a week for the transport.
    fn default() -> Self {
        Self {
            envelope_seconds: 300,
            envelope_days: 1,
            ahead_seconds: 300,
            stale_seconds: 7 * 86_400,
            before_parent_seconds: 300,
        }
    }
}

/// The difference between a name's time and the sealed time, at the precision of the coarser one. Positive: the name's
/// is later.
///
/// ```
/// use cep_envelope::drift::{Drift, DriftLimits};
///
/// let limits = DriftLimits::default();
/// assert!(Drift::Seconds(-300).is_within(&limits) && !Drift::Seconds(301).is_within(&limits));
/// assert!(!Drift::Days(2).is_within(&limits));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Drift {
    /// The name has only a date.
    Days(i64),
    /// The name has a time to the second.
    Seconds(i64),
}

impl fmt::Display for Drift {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Days(days) => write!(f, "{days} days"),
            Self::Seconds(seconds) => write!(f, "{seconds} s"),
        }
    }
}

impl Drift {
    /// The drift between a name's time and a sealed one.
    // keeps: CEP-105 (§9), CEP-109 (§9)
    #[must_use]
    pub fn between(envelope: Moment, sealed: Instant) -> Self {
        match (envelope.precision(), sealed.moment()) {
            (Precision::Day, Some(sealed)) => Self::Days(i64::from(envelope.unix_day()) - i64::from(sealed.unix_day())),
            (Precision::Second, Some(sealed)) => Self::Seconds(envelope.unix_seconds() - sealed.unix_seconds()),
            // Millions of years apart.
            (_, None) => Self::Seconds(envelope.unix_seconds().saturating_sub(sealed.seconds)),
        }
    }

    /// Whether it is no more than these limits allow.
    #[must_use]
    pub const fn is_within(self, limits: &DriftLimits) -> bool {
        match self {
            Self::Days(days) => days.unsigned_abs() <= limits.envelope_days as u64,
            Self::Seconds(seconds) => seconds.unsigned_abs() <= limits.envelope_seconds,
        }
    }
}

/// The times of one delivery, each with its own meaning.
///
/// ```
/// use cep_envelope::decision::Finding;
/// use cep_envelope::drift::{DriftLimits, Times};
/// use cep_envelope::manifest::Instant;
///
/// let arrival = Instant::unix(1_778_932_800);
/// let times = Times { envelope: None, sealed: arrival.after(301), arrival, parent: None };
/// assert!(times.compare(&DriftLimits::default()).contains(Finding::SealedAhead));
/// ```
// keeps: CEP-101 (§9), CEP-102 (§9), CEP-103 (§9), CEP-107 (§9)
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Times {
    /// The time in the name, if that is a surface: a hint.
    pub envelope: Option<TimeFragment>,
    /// The sealed time: the normative claim.
    pub sealed: Instant,
    /// The time of arrival, by the receiver's clock.
    pub arrival: Instant,
    /// When its parent was sealed, if the receiver knows the parent. It is only compared, and does not change the
    /// causal order.
    pub parent: Option<Instant>,
}

impl Times {
    /// What these times show.
    ///
    /// The time in the name never counts alone: only its difference from the sealed time can prevent continuation.
    // keeps: CEP-106 (§9), CEP-108 (§9)
    pub fn compare(&self, limits: &DriftLimits) -> Findings {
        let mut findings = Findings::default();
        match self.envelope.map(TimeFragment::calendar) {
            Some(Ok(envelope)) => {
                let drift = Drift::between(envelope, self.sealed);
                findings.add_if(!drift.is_within(limits), Finding::EnvelopeDrift);
            }
            Some(Err(_)) => findings.add(Finding::NoCalendarTime),
            None => {}
        }
        findings.add_if(self.sealed > self.arrival.after(limits.ahead_seconds), Finding::SealedAhead);
        findings.add_if(self.sealed < self.arrival.before(limits.stale_seconds), Finding::Stale);
        if let Some(parent) = self.parent {
            if self.sealed < parent.before(limits.before_parent_seconds) {
                findings.add(Finding::SealedFarBeforeParent);
            } else if self.sealed < parent {
                findings.add(Finding::SealedBeforeParent);
            }
        }
        findings
    }
}
