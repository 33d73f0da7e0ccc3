//! The eight steps of Appendix A, and the one table of what can speak against an architecture in them.

use core::fmt;

use super::requirement::Requirement::{R1, R2, R3, R4, R5, R7, R8, R10};
use super::{Level, Requirement, set_of};
use Level::{Must, Should};

/// A step of the evaluation procedure (`IoE Appendix A`).
///
/// ```
/// use interaction_gov::measure::Step;
///
/// assert!(Step::ALL.iter().map(|step| step.number()).eq(1..=8));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Step {
    /// 1: define the interaction boundary.
    Boundary,
    /// 2: enumerate independent control contexts.
    Contexts,
    /// 3: test continuity.
    Continuity,
    /// 4: test policy determinism.
    Policy,
    /// 5: test compute transparency.
    Compute,
    /// 6: test sovereignty enforcement.
    Sovereignty,
    /// 7: assess coordination scaling.
    Coordination,
    /// 8: conclude.
    Conclusion,
}

impl Step {
    /// All of them, in order.
    pub const ALL: &'static [Self] = &[
        Self::Boundary,
        Self::Contexts,
        Self::Continuity,
        Self::Policy,
        Self::Compute,
        Self::Sovereignty,
        Self::Coordination,
        Self::Conclusion,
    ];

    /// Its number, from 1.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::Boundary => 1,
            Self::Contexts => 2,
            Self::Continuity => 3,
            Self::Policy => 4,
            Self::Compute => 5,
            Self::Sovereignty => 6,
            Self::Coordination => 7,
            Self::Conclusion => 8,
        }
    }

    /// What the step examines.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Boundary => "interaction boundary",
            Self::Contexts => "independent control contexts",
            Self::Continuity => "continuity",
            Self::Policy => "policy determinism",
            Self::Compute => "compute transparency",
            Self::Sovereignty => "sovereignty enforcement",
            Self::Coordination => "coordination scaling",
            Self::Conclusion => "conclusion",
        }
    }
}

macro_rules! shortcomings {
    ($($shortcoming:ident = $step:ident, [$($requirement:ident $level:ident),+], $words:literal;)+) => {
        /// Something that speaks against an architecture in one of steps 1 to 7.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[cfg_attr(feature = "defmt", derive(defmt::Format))]
        pub enum Shortcoming {
            $(
                #[doc = concat!("[`Step::", stringify!($step), "`]: ", $words, ".")]
                $shortcoming,
            )+
        }

        impl Shortcoming {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$shortcoming),+];

            /// The step in which it is found.
            #[must_use]
            pub const fn step(self) -> Step {
                match self { $(Self::$shortcoming => Step::$step,)+ }
            }

            /// The requirements that it violates, and whether by a MUST or a SHOULD.
            #[must_use]
            pub const fn breaks(self) -> &'static [(Requirement, Level)] {
                match self { $(Self::$shortcoming => &[$(($requirement, $level)),+],)+ }
            }

            /// The shortcoming in words.
            #[must_use]
            pub const fn words(self) -> &'static str {
                match self { $(Self::$shortcoming => $words,)+ }
            }
        }
    };
}

// The draft does not connect its steps to its requirements. These connections are our reading of their words.
shortcomings! {
    // R1's "lifetime" is undefined without a start and a stop; R2 is undefined without participants and a scope.
    NoStart                   = Boundary,     [R1 Must], "nothing says when an interaction starts";
    NoStop                    = Boundary,     [R1 Must], "nothing says when an interaction stops";
    NoParticipants            = Boundary,     [R2 Must], "nothing says who takes part";
    NoPolicyScope             = Boundary,     [R2 Must], "nothing says what policy covers";

    NoPrimitive               = Contexts,     [R1 Must], "there is no interaction primitive";
    SeveralPrimitives         = Contexts,     [R1 Must, R10 Should], "there are several interaction primitives";
    Unbound                   = Contexts,     [R3 Must], "a component is bound to no interaction primitive";
    OwnIdentity               = Contexts,     [R3 Must, R10 Should], "a component keeps identities of its own";
    OwnPolicy                 = Contexts,     [R3 Must, R10 Should], "a component keeps policy of its own";
    OwnOrchestration          = Contexts,     [R3 Must, R10 Should], "a component keeps orchestration of its own";
    OwnSession                = Contexts,     [R3 Must, R8 Should, R10 Should], "a component keeps sessions of its own";

    JoinBreaks                = Continuity,   [R1 Must], "a join does not preserve the identity";
    LeaveBreaks               = Continuity,   [R1 Must], "a leave does not preserve the identity";
    PolicyUpdateBreaks        = Continuity,   [R1 Must], "a policy update does not preserve the identity";
    ComputeInvocationBreaks   = Continuity,   [R1 Must], "a compute invocation does not preserve the identity";
    TransportBreaks           = Continuity,   [R1 Must, R4 Must], "a transport transition does not preserve the identity";
    ProtocolBreaks            = Continuity,   [R4 Must], "a protocol transition does not preserve the identity";
    InfrastructureBreaks      = Continuity,   [R4 Must], "an infrastructure transition does not preserve the identity";
    ConsentBreaks             = Continuity,   [R4 Must], "a consent change does not preserve the identity";

    PolicyTooSlow             = Policy,       [R5 Must], "governed processing waits a second or more for an update";
    OldPolicyForAWhile        = Policy,       [R2 Must], "the old policy still governs for a bounded time";
    OldPolicyUntilPropagated  = Policy,       [R2 Must], "the old policy governs until an update has propagated";
    PolicyNeedsRestart        = Policy,       [R2 Must], "a policy update needs teardown and restart";

    ComputeOutsideIdentity    = Compute,      [R2 Must, R3 Must], "compute runs outside the Interaction Identity";
    ComputeOutsidePolicy      = Compute,      [R2 Must], "compute runs outside the policy boundary";

    RoutingPostHoc            = Sovereignty,  [R7 Must], "wrong routes are found afterwards";
    RoutingFree               = Sovereignty,  [R7 Must], "routes are not constrained";
    PlacementPostHoc          = Sovereignty,  [R7 Must], "wrong placement is found afterwards";
    PlacementFree             = Sovereignty,  [R7 Must], "placement is not constrained";

    Multiplicative            = Coordination, [R10 Should], "coordination surfaces grow multiplicatively";
}

impl fmt::Display for Shortcoming {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.words())
    }
}

set_of! {
    /// A set of shortcomings.
    Shortcomings of Shortcoming
}

impl Shortcomings {
    /// Those of one step.
    pub fn of_step(self, step: Step) -> Self {
        self.only(|shortcoming| shortcoming.step() == step)
    }

    /// The shortcomings that violate a requirement.
    pub fn against(self, requirement: Requirement) -> Self {
        self.only(|shortcoming| shortcoming.breaks().iter().any(|(broken, _)| *broken == requirement))
    }

    fn only(self, keep: impl Fn(Shortcoming) -> bool) -> Self {
        let mut kept = Self::default();
        self.iter().filter(|shortcoming| keep(*shortcoming)).for_each(|shortcoming| kept.insert(shortcoming));
        kept
    }
}
