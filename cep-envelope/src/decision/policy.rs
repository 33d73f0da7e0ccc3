//! The policy of a receiver (`CEP §6.1`, `CEP §8`, `CEP §9`).

use core::fmt;

use super::{Finding, Findings, Outcome};
use crate::drift::DriftLimits;

/// A receiver's policy: its limits, and the outcome of each finding.
///
/// ```
/// # use cep_envelope::decision::{Finding, Outcome, Policy};
/// let policy = Policy::default().with(Finding::SchemaDiffers, Outcome::Resync)?;
/// assert_eq!(policy.outcome_of(Finding::SchemaDiffers), Outcome::Resync);
/// // What is not proven no policy approves.
/// assert!(policy.with(Finding::BadSignature, Outcome::Continue).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
// keeps: CEP-007 (§1.1), CEP-077 (§6.1), CEP-078 (§6.1), CEP-079 (§6.1), CEP-080 (§6.1)
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Policy<'p> {
    drift: DriftLimits,
    schemas: &'p [(&'p str, &'p str)],
    outcomes: [Outcome; Finding::ALL.len()],
}

impl Default for Policy<'_> {
    fn default() -> Self {
        Self { drift: DriftLimits::default(), schemas: &[], outcomes: Finding::ALL.map(Finding::default_outcome) }
    }
}

/// An outcome that no policy may choose for this finding.
///
/// ```
/// use cep_envelope::decision::{Finding, Outcome, Policy, TooLenient};
///
/// let refused = Policy::default().with(Finding::BadSignature, Outcome::Continue);
/// let TooLenient { at_best, .. } = refused.expect_err("it is not proven");
/// assert_eq!(at_best, Outcome::Triage, "a person may look at it");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct TooLenient {
    /// The finding.
    pub finding: Finding,
    /// The most lenient outcome that the finding may have.
    pub at_best: Outcome,
}

impl fmt::Display for TooLenient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} at best", self.finding, self.at_best)
    }
}

impl core::error::Error for TooLenient {}

impl<'p> Policy<'p> {
    /// The same policy with other limits on the differences between times.
    #[must_use]
    pub const fn with_drift(self, drift: DriftLimits) -> Self {
        Self { drift, ..self }
    }

    /// The same policy with pairs of schemas, the notice's and the manifest's, that may differ: each such mismatch is
    /// understood and bounded. Any other mismatch is [`Finding::SchemaDiffers`]; if a policy lets it continue, trust is
    /// lowered.
    #[must_use]
    pub const fn with_schemas(self, schemas: &'p [(&'p str, &'p str)]) -> Self {
        Self { schemas, ..self }
    }

    /// The limits on the differences between times.
    #[must_use]
    pub const fn drift(&self) -> &DriftLimits {
        &self.drift
    }

    /// The same policy with another outcome for one finding.
    ///
    /// # Errors
    /// The outcome is more lenient than this finding allows.
    pub fn with(mut self, finding: Finding, outcome: Outcome) -> Result<Self, TooLenient> {
        let at_best = finding.most_lenient();
        if outcome < at_best {
            return Err(TooLenient { finding, at_best });
        }
        if let Some(place) = self.outcomes.get_mut(finding as usize) {
            *place = outcome;
        }
        Ok(self)
    }

    /// What follows from a finding.
    #[must_use]
    pub fn outcome_of(&self, finding: Finding) -> Outcome {
        self.outcomes.get(finding as usize).copied().unwrap_or(Outcome::Quarantine)
    }

    /// The outcome of these findings together: the strictest of them. Without findings, [`Outcome::Continue`].
    #[must_use]
    pub fn outcome(&self, findings: Findings) -> Outcome {
        findings.iter().map(|finding| self.outcome_of(finding)).max().unwrap_or(Outcome::Continue)
    }

    pub(super) fn understands(&self, notice: &str, sealed: &str) -> bool {
        self.schemas.contains(&(notice, sealed))
    }
}
