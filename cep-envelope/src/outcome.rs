//! The outcomes for an object (`CEP §8`).

use core::fmt;

/// The outcome for an object (`CEP §8`, Table 2), the most lenient first. A rejected object goes to quarantine.
///
/// ```
/// use cep_envelope::decision::Outcome;
///
/// assert!(Outcome::Fork.approves() && !Outcome::Triage.approves());
/// assert!(Outcome::Continue < Outcome::Quarantine, "the strictest of several counts");
/// ```
// keeps: CEP-095 (§8), CEP-096 (§8), CEP-097 (§8), CEP-098 (§8), CEP-099 (§8)
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Outcome {
    /// Progression is allowed.
    Continue,
    /// The object continues on a branch.
    Fork,
    /// A person has to look at it.
    Triage,
    /// It waits until both sides agree again.
    Resync,
    /// It is isolated until policy has reviewed it.
    Quarantine,
}

impl Outcome {
    /// All of them, the most lenient first.
    pub const ALL: [Self; 5] = [Self::Continue, Self::Fork, Self::Triage, Self::Resync, Self::Quarantine];

    /// The draft's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Continue => "continue",
            Self::Fork => "fork",
            Self::Triage => "triage",
            Self::Resync => "resync",
            Self::Quarantine => "quarantine",
        }
    }

    /// Whether the object may continue: on its line, or on a branch.
    #[must_use]
    pub const fn approves(self) -> bool {
        match self {
            Self::Continue | Self::Fork => true,
            Self::Triage | Self::Resync | Self::Quarantine => false,
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
