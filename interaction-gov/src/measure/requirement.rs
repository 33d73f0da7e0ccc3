//! R1 to R10, and what an architecture has to claim for them beyond steps 1 to 7 (`IoE §4`).

use core::fmt;

use super::set_of;
use Level::{Must, Should};
use Requirement::{R1, R2, R4, R5, R6, R7, R8, R9};

/// A requirement of the draft (`IoE §4`).
///
/// ```
/// use interaction_gov::measure::Requirement;
///
/// assert_eq!((Requirement::ALL.len(), Requirement::R7.to_string()), (10, "R7".to_owned()));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Requirement {
    /// Interaction Identity as a first-class primitive (`IoE §4.1`).
    R1,
    /// Continuous governance binding (`IoE §4.2`).
    R2,
    /// Unified auxiliary function orchestration (`IoE §4.3`).
    R3,
    /// Transport and protocol independence (`IoE §4.4`).
    R4,
    /// Interaction-scoped change safety (`IoE §4.5`).
    R5,
    /// Interaction-scoped observability and audit (`IoE §4.6`).
    R6,
    /// Multi-authority governance and sovereignty (`IoE §4.7`).
    R7,
    /// Compatibility with existing protocols and deployments (`IoE §4.8`).
    R8,
    /// Graceful degradation (`IoE §4.9`).
    R9,
    /// Subtractive coordination objective (`IoE §4.10`).
    R10,
}

impl Requirement {
    /// All of them.
    pub const ALL: &'static [Self] =
        &[Self::R1, Self::R2, Self::R3, Self::R4, Self::R5, Self::R6, Self::R7, Self::R8, Self::R9, Self::R10];

    /// Its number with the letter R.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::R1 => "R1",
            Self::R2 => "R2",
            Self::R3 => "R3",
            Self::R4 => "R4",
            Self::R5 => "R5",
            Self::R6 => "R6",
            Self::R7 => "R7",
            Self::R8 => "R8",
            Self::R9 => "R9",
            Self::R10 => "R10",
        }
    }
}

impl fmt::Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// How binding the draft's words are (`IoE §2.1`).
///
/// An example is at [`Evaluation`](super::Evaluation).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Level {
    /// SHOULD.
    Should,
    /// MUST.
    Must,
}

/// Whether an architecture meets a requirement.
///
/// None of these values is a refusal: the draft calls its own requirements "aspirational goals rather than absolute
/// mandates" (`IoE §7`), although they are written with MUST.
///
/// ```
/// use interaction_gov::measure::Standing;
///
/// assert_eq!(Standing::FallsShort.to_string(), "falls short");
/// assert!(Standing::Fails > Standing::FallsShort);
/// ```
// keeps: IOE-126 (§7)
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Standing {
    /// Nothing was found against it.
    Holds,
    /// A SHOULD of the requirement does not hold.
    FallsShort,
    /// A MUST of the requirement does not hold.
    Fails,
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Holds => "holds",
            Self::FallsShort => "falls short",
            Self::Fails => "fails",
        })
    }
}

macro_rules! claims {
    ($($claim:ident = $requirement:ident $level:ident, $words:literal;)+) => {
        /// Something that R1 to R10 demand and that steps 1 to 7 do not examine.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[cfg_attr(feature = "defmt", derive(defmt::Format))]
        pub enum Claim {
            $(
                #[doc = concat!("[`Requirement::", stringify!($requirement), "`]: ", $words, ".")]
                $claim,
            )+
        }

        impl Claim {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$claim),+];

            /// The requirement that it belongs to.
            #[must_use]
            pub const fn requirement(self) -> Requirement {
                match self { $(Self::$claim => $requirement,)+ }
            }

            /// Whether the requirement demands it with MUST or SHOULD.
            #[must_use]
            pub const fn level(self) -> Level {
                match self { $(Self::$claim => $level,)+ }
            }

            /// The claim in words.
            #[must_use]
            pub const fn words(self) -> &'static str {
                match self { $(Self::$claim => $words,)+ }
            }
        }
    };
}

claims! {
    CreatedNotInferred      = R1 Must,   "the identity is created, and not inferred from logs or monitoring";
    KeptByAControlPlane     = R1 Must,   "a control plane maintains the identity";
    Revalidated             = R2 Must,   "participants are authenticated and authorized continuously";
    FollowsConsent          = R2 Must,   "evaluation follows consent";
    FollowsPosture          = R2 Must,   "evaluation follows the security posture";
    FollowsJurisdiction     = R2 Must,   "evaluation follows jurisdiction";
    ComputeIsAuditable      = R2 Must,   "compute invocations are auditable";
    ExplicitVersion         = R2 Must,   "every action is evaluated under an explicit version, bound to the identity";
    DataPlaneBreaks         = R4 Should, "it is defined how the identity outlives what the data plane breaks";
    VersionIsolation        = R5 Must,   "a change to one interaction does not affect another";
    GradualRollout          = R5 Must,   "a change can go to a percentage of new interactions";
    Rollback                = R5 Must,   "interactions in flight can be rolled back";
    BlastRadius             = R5 Must,   "failures affect at most the targeted interactions";
    Attributed              = R6 Must,   "events, decisions and outputs are attributed to the identity";
    Reconstructed           = R6 Must,   "policy evaluation and routing decisions can be reconstructed";
    EvidenceByConstruction  = R6 Must,   "evidence arises during the interaction";
    SeveralAuthorities      = R7 Must,   "several authorities govern at once, delegated and federated ones too";
    AuthoritiesCompose      = R7 Must,   "authorities compose without forked control contexts";
    Incremental             = R8 Must,   "it can be deployed incrementally beside what exists";
    ProtocolIdsMap          = R8 Should, "many protocol identifiers map to one identity";
    NoNewAssociations       = R8 Should, "no feature needs a transport association of its own";
    FailureDefined          = R9 Must,   "failure behavior is defined and preserves continuity where possible";
    WithoutSomeCompute      = R9 Should, "it goes on when compute resources fail";
    WithoutSomeParticipants = R9 Should, "it goes on when participants fail";
    WithoutSomeFunctions    = R9 Should, "it goes on when auxiliary functions fail";
    NoGlobalFailure         = R9 Should, "no shared control plane makes a failure global";
}

impl fmt::Display for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.words())
    }
}

set_of! {
    /// A set of claims.
    Claims of Claim
}
