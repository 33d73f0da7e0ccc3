//! The verification states (`CEP §7`, `CEP Appendix A`).

use core::fmt;

// keeps: CEP-008 (§1.1)
/// How much has been proven about an object (`CEP §7`). Each state is reached only from the one above it in this list,
/// and a state never counts as a further one.
///
/// ```
/// use cep_envelope::VerificationState;
///
/// assert_eq!(VerificationState::Present.next(), Some(VerificationState::DigestMatched));
/// assert_eq!(VerificationState::ContinuationApproved.name(), "continuation-approved");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum VerificationState {
    /// A pointer to the object is known, nothing more.
    Referenced,
    /// The bytes are held locally.
    Present,
    /// The digest observed equals the digest expected.
    DigestMatched,
    /// The container's structure and integrity are valid.
    ContainerVerified,
    /// The manifest's values, its signature and its mirrored fields are valid.
    ManifestVerified,
    /// Policy allows the object onward.
    ContinuationApproved,
}

impl VerificationState {
    /// All states, lowest first.
    pub const LADDER: [Self; 6] = [
        Self::Referenced,
        Self::Present,
        Self::DigestMatched,
        Self::ContainerVerified,
        Self::ManifestVerified,
        Self::ContinuationApproved,
    ];

    /// The recommended spelling (`CEP Appendix A`).
    // keeps: CEP-138 (App. A)
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Referenced => "referenced",
            Self::Present => "present",
            Self::DigestMatched => "digest-matched",
            Self::ContainerVerified => "container-verified",
            Self::ManifestVerified => "manifest-verified",
            Self::ContinuationApproved => "continuation-approved",
        }
    }

    /// The next state towards approval, if there is one.
    #[must_use]
    pub fn next(self) -> Option<Self> {
        let mut states = Self::LADDER.into_iter().skip_while(|state| *state != self);
        states.next();
        states.next()
    }
}

impl fmt::Display for VerificationState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::VerificationState;

    #[test]
    fn no_rung_is_skipped() {
        let mut rung = Some(VerificationState::Referenced);
        for expected in VerificationState::LADDER {
            assert_eq!(rung, Some(expected));
            rung = expected.next();
        }
        assert_eq!(rung, None);
    }
}
