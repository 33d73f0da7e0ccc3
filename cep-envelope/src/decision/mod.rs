//! The decision plane: whether a delivered object may continue (`CEP §3.3`, `CEP §8`).
//!
//! [`Receiver::judge`] climbs the ladder, collects every [`Finding`], and looks up their outcomes in the policy's
//! table. The strictest outcome holds:
//!
//! ```text
//! continue < fork < triage < resync < quarantine
//! ```
//!
//! No name, notice or clock decides anything alone, and an object that is not proven is never approved. A decision is a
//! value: the same inputs give the same decision, and it contains its reasons.

mod judge;
mod policy;

use core::fmt;

pub use judge::{Delivery, Judgement, Receiver};
pub use policy::{Policy, TooLenient};

pub use crate::finding::{Finding, Findings};
pub use crate::outcome::Outcome;

use crate::digest::Digest;
use crate::ladder::{Ladder, NotProven};
use crate::lineage::{Line, Record};
use crate::manifest::{CausalParent, Disagreements, OuterError};
use crate::state::VerificationState;
use crate::surface::SurfaceError;

/// How far an approved object can be trusted.
///
/// ```
/// use cep_envelope::decision::Trust;
///
/// assert!(Trust::Lowered < Trust::Full);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Trust {
    /// Lowered: notice and manifest name different schemas, and policy accepted that (`CEP §6.1`).
    Lowered,
    /// As far as its sender can be trusted.
    Full,
}

impl fmt::Display for Trust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Lowered => "lowered",
            Self::Full => "full",
        })
    }
}

/// What was decided, and why. Only [`Receiver::judge`] makes one.
///
/// An example is at [`Judgement`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Decision {
    outcome: Outcome,
    deciding: Findings,
    findings: Findings,
    surface: Disagreements,
    notice: Disagreements,
    name: Option<SurfaceError>,
    malformed: Option<OuterError>,
    proven: VerificationState,
    record: Option<Record>,
}

impl Decision {
    /// What becomes of the object.
    #[must_use]
    pub const fn outcome(&self) -> Outcome {
        self.outcome
    }

    /// All findings, both the deciding and the harmless ones.
    pub const fn findings(&self) -> Findings {
        self.findings
    }

    /// The findings that caused the outcome. Empty if nothing prevents the object from continuing.
    pub const fn deciding(&self) -> Findings {
        self.deciding
    }

    /// Every field in which the name under which the object came disagrees with the manifest. The manifest holds.
    // keeps: CEP-024 (§3.3)
    pub const fn surface(&self) -> Disagreements {
        self.surface
    }

    /// Every field in which the notice disagrees with the manifest or with itself. The manifest holds.
    pub const fn notice(&self) -> Disagreements {
        self.notice
    }

    /// How far the object can be trusted, if it may continue.
    #[must_use]
    pub const fn trust(&self) -> Trust {
        if self.findings.contains(Finding::SchemaDiffers) { Trust::Lowered } else { Trust::Full }
    }

    /// The line on which the object continues, if it may.
    #[must_use]
    pub const fn line(&self) -> Option<Line> {
        match (self.outcome.approves(), &self.record) {
            (true, Some(record)) => Some(record.line),
            _ => None,
        }
    }

    /// The highest rung that the object reached, this decision included.
    #[must_use]
    pub const fn proven(&self) -> VerificationState {
        self.proven
    }

    /// The record to remember. Record it before the object continues: an unrecorded decision gives no protection from
    /// replay. `None` if too little is proven, so that no peer can cause records about objects of others; for a replay,
    /// which is remembered already; for an object that the lineage would not take; and for one sealed too far in the
    /// future, because its sender would determine how long it is remembered.
    #[must_use]
    pub const fn record(&self) -> Option<&Record> {
        self.record.as_ref()
    }

    /// The manifest that this decision approves, and the key that sealed it.
    pub(crate) fn approved(&self) -> Option<(&Digest, &[u8; 32])> {
        let record = self.record.as_ref().filter(|_| self.outcome.approves())?;
        Some((&record.manifest, &record.key))
    }

    fn list(
        &self,
        f: &mut fmt::Formatter<'_>,
        before: &str,
        mut findings: impl Iterator<Item = Finding>,
    ) -> fmt::Result {
        let mut lead = before;
        findings.try_for_each(|finding| {
            write!(f, "{lead}{}", finding.words())?;
            lead = ", and ";
            match finding {
                Finding::SurfaceDiffers => write!(f, " ({})", self.surface),
                Finding::NoticeDiffers => write!(f, " ({})", self.notice.of_notice_alone()),
                Finding::NotASurface => self.name.map_or(Ok(()), |error| write!(f, " ({error})")),
                Finding::Malformed => self.malformed.map_or(Ok(()), |error| write!(f, " ({error})")),
                _ => Ok(()),
            }
        })
    }
}

impl Ladder<'_> {
    /// `continuation-approved`: a decision approves this object. [`Decision::line`] has the line.
    ///
    /// # Errors
    /// The decision does not approve, it is about another object, or the manifest was not verified.
    // keeps: CEP-087 (§7), CEP-136 (§13)
    pub fn approve(&mut self, decision: &Decision) -> Result<VerificationState, NotProven> {
        self.approve_sealed(decision.approved())
    }
}

/// In words: the outcome, the findings that led to it, and the other findings.
impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.outcome)?;
        let (deciding, others) = (self.deciding, self.findings);
        match (deciding.is_empty(), self.record.map(|record| record.parent)) {
            (false, _) => self.list(f, ": ", deciding.iter())?,
            (true, _) if self.findings.contains(Finding::Resealed) => {
                f.write_str(": it is proven, and stands already")?
            }
            (true, Some(CausalParent::Root)) => f.write_str(": it is proven, and begins a line")?,
            (true, _) => f.write_str(": it is proven, and continues its parent")?,
        }
        self.list(f, "; besides, ", others.iter().filter(|finding| !deciding.contains(*finding)))?;
        if self.outcome.approves() && self.trust() == Trust::Lowered {
            f.write_str("; trust is lowered")?;
        }
        Ok(())
    }
}
