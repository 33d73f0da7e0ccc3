//! The description of an architecture that Appendix A's procedure asks for. It is plain data: its author vouches
//! for it.

use core::fmt;
use core::time::Duration;

use super::Claim;
use super::coordination::{Dimension, Dimensions, Growth};

/// A description of an architecture, as far as the eight steps need it (`IoE Appendix A`).
///
/// ```
/// use interaction_gov::measure::coordination::{Dimension, Dimensions};
/// use interaction_gov::measure::{
///     Architecture, Boundary, Change, Component, Continuity, Enforcement, Reach, Sovereignty,
/// };
///
/// let bound = |name, per| Component { name, per, own: &[], binds_to: Some("interaction"), reach: Reach::InTheDecidingStep };
/// let architecture = Architecture {
///     boundary: Boundary {
///         start: "the first participant is there",
///         stop: "it is terminated",
///         participants: "who was admitted and has not left",
///         policy_scope: "every action within it",
///     },
///     primitives: &["interaction"],
///     components: &[bound("participants", &[Dimension::Participants]), bound("recorder", &[Dimension::Functions])],
///     changes: &[(Change::Join, Continuity::Preserved), (Change::Leave, Continuity::Preserved)],
///     compute: &[],
///     sovereignty: Sovereignty { routing: Enforcement::ByConstruction, placement: Enforcement::PostHoc },
///     dimensions: Dimensions::VIDEO_CONFERENCE,
///     surfaces: &[],
///     claims: &[],
/// };
/// // One binding for each of 10 participants, and for each of 8 functions; nothing else has to agree.
/// assert_eq!(architecture.coordination_surfaces(Dimensions::VIDEO_CONFERENCE), 18);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Architecture<'a> {
    /// Step 1: what bounds an interaction.
    pub boundary: Boundary<'a>,
    /// Step 2: the names of the interaction primitives to which components are bound. A viable architecture has one.
    pub primitives: &'a [&'a str],
    /// Step 2: everything else that takes part in governing an interaction. Their names must differ from each other and
    /// from those of the primitives.
    pub components: &'a [Component<'a>],
    /// Step 3: what becomes of the Interaction Identity at each change event. If one is named twice, the worse counts.
    pub changes: &'a [(Change, Continuity)],
    /// Step 5: the paths on which computation gets interaction data, those of third parties and delegates too.
    pub compute: &'a [ComputePath<'a>],
    /// Step 6: how residency and sovereignty are enforced.
    pub sovereignty: Sovereignty,
    /// Step 7: the size of an interaction, for the count of surfaces. How they grow does not depend on it.
    pub dimensions: Dimensions,
    /// Step 7: what has to be synchronised besides the bindings to a primitive.
    pub surfaces: &'a [Surface<'a>],
    /// Step 8: what the architecture claims of R1 to R10 beyond the steps before.
    pub claims: &'a [Claim],
}

/// What bounds an interaction, each in words (`IoE Appendix A`, step 1). Blank: it is not defined.
///
/// ```
/// use interaction_gov::measure::Boundary;
///
/// let room = Boundary { start: "the door opens", stop: "the lights go out", participants: "all inside", policy_scope: "" };
/// assert!(room.policy_scope.is_empty(), "step 1 finds that it is not defined");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Boundary<'a> {
    /// When it starts.
    pub start: &'a str,
    /// When it stops.
    pub stop: &'a str,
    /// The participants.
    pub participants: &'a str,
    /// What policy covers.
    pub policy_scope: &'a str,
}

/// A component that takes part in governing an interaction.
///
/// ```
/// use interaction_gov::measure::coordination::Dimension;
/// use interaction_gov::measure::{Component, Context, Reach};
///
/// // A recorder for each stream of each participant, which keeps a list of participants of its own.
/// let recorder = Component {
///     name: "recorder",
///     per: &[Dimension::Participants, Dimension::Modalities],
///     own: &[Context::Identity],
///     binds_to: None,
///     reach: Reach::AfterRestart,
/// };
/// assert_eq!(recorder.per.len(), 2);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Component<'a> {
    /// Its name.
    pub name: &'a str,
    /// The dimensions that its number multiplies with: none is one for the whole interaction, `[Participants]` is one
    /// for each participant, `[Participants, Modalities]` is one for each modality of each participant.
    pub per: &'a [Dimension],
    /// The contexts that it keeps on its own (`IoE §2.2`, Fragmented Control Context).
    pub own: &'a [Context],
    /// The interaction primitive that it is bound to.
    pub binds_to: Option<&'a str>,
    /// How a policy update reaches it.
    pub reach: Reach,
}

/// A context that a component can keep on its own (`IoE Appendix A`, step 2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Context {
    /// The participants.
    Identity,
    /// What is permitted.
    Policy,
    /// Which functions run where, and which data flow where.
    Orchestration,
    /// A session or interaction of its own.
    Session,
}

/// An event that changes an interaction.
///
/// Step 3 of Appendix A names the first five; R4 adds the others (`IoE §4.4`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Change {
    /// A participant comes.
    Join,
    /// A participant goes.
    Leave,
    /// Policy changes.
    PolicyUpdate,
    /// A computation is invoked.
    ComputeInvocation,
    /// The transport changes, such as from cellular to Wi-Fi.
    TransportTransition,
    /// The protocol changes, such as from SIP to another signaling.
    ProtocolTransition,
    /// It moves, such as from edge to cloud.
    InfrastructureTransition,
    /// Consent changes, or a need for accessibility.
    ConsentChange,
}

impl Change {
    /// All of them.
    pub const ALL: &'static [Self] = &[
        Self::Join,
        Self::Leave,
        Self::PolicyUpdate,
        Self::ComputeInvocation,
        Self::TransportTransition,
        Self::ProtocolTransition,
        Self::InfrastructureTransition,
        Self::ConsentChange,
    ];

    /// The value in words.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Join => "join",
            Self::Leave => "leave",
            Self::PolicyUpdate => "policy update",
            Self::ComputeInvocation => "compute invocation",
            Self::TransportTransition => "transport transition",
            Self::ProtocolTransition => "protocol transition",
            Self::InfrastructureTransition => "infrastructure transition",
            Self::ConsentChange => "consent change",
        }
    }
}

/// What becomes of the Interaction Identity at a change event (`IoE Appendix A`, step 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Continuity {
    /// One Interaction Identity goes on.
    Preserved,
    /// New contexts are established.
    Reestablished,
}

/// How a policy update reaches a component (`IoE §2.2`, Deterministic Governance; Appendix A, step 4).
///
/// ```
/// use core::time::Duration;
/// use interaction_gov::measure::Reach;
///
/// // What it decides waits for the update, at most so long.
/// let held = Reach::Held { within: Duration::from_millis(50) };
/// assert_ne!(held, Reach::InBoundedTime { within: Duration::from_millis(50) }, "there it goes on under the old policy");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Reach {
    /// The component decides nothing by itself: the next decision already sees the update.
    InTheDecidingStep,
    /// It gets the update in bounded time, and until then governed processing waits.
    Held {
        /// The longest wait.
        within: Duration,
    },
    /// It gets the update in bounded time, and until then it goes on under the old policy.
    InBoundedTime {
        /// The longest such time.
        within: Duration,
    },
    /// It gets the update some time.
    Eventually,
    /// It gets the update when it is torn down and set up again.
    AfterRestart,
}

/// A path on which computation gets interaction data (`IoE Appendix A`, step 5).
///
/// ```
/// use interaction_gov::measure::ComputePath;
///
/// // A model of a third party gets audio outside of the interaction's policy: step 5 finds it.
/// let model = ComputePath { name: "translation service", in_identity: true, in_policy: false };
/// assert!(!model.in_policy);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ComputePath<'a> {
    /// Its name.
    pub name: &'a str,
    /// Whether it runs under the same Interaction Identity.
    pub in_identity: bool,
    /// Whether it runs within the interaction's policy boundary.
    pub in_policy: bool,
}

/// How a constraint on where data and computation may go takes effect (`IoE Appendix A`, step 6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Enforcement {
    /// What is not permitted is not done.
    ByConstruction,
    /// What was not permitted is found afterwards, in logs and audits.
    PostHoc,
    /// It does not take effect.
    None,
}

/// How residency and sovereignty are enforced (`IoE R7`).
///
/// ```
/// use interaction_gov::measure::{Enforcement, Sovereignty};
///
/// let logs_only = Sovereignty { routing: Enforcement::PostHoc, placement: Enforcement::PostHoc };
/// assert_ne!(logs_only.routing, Enforcement::ByConstruction);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Sovereignty {
    /// In routing decisions.
    pub routing: Enforcement,
    /// In the placement of computation.
    pub placement: Enforcement,
}

/// Two contexts that have to agree: a change in one requires an update in the other (`IoE §2.2`, Coordination Surface).
///
/// Each instance of the first exchanges with each instance of the second. If both are the same component, each instance
/// exchanges with every other.
///
/// ```
/// use interaction_gov::measure::{State, Surface};
///
/// let tokens = Surface { between: ("signalling", "media server"), state: State::IdentityToken };
/// assert_eq!(tokens.between.0, "signalling");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Surface<'a> {
    /// The names of the two, components or primitives, in any order.
    pub between: (&'a str, &'a str),
    /// What they exchange.
    pub state: State,
}

/// What is exchanged at a coordination surface: the draft's examples (`IoE §2.2`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum State {
    /// Identity tokens.
    IdentityToken,
    /// Versions of policy.
    PolicyVersion,
    /// Routes.
    Routing,
    /// Where computation runs.
    ComputePlacement,
}

/// Why a description describes nothing.
///
/// ```
/// use interaction_gov::measure::{Misdescribed, evaluate};
/// # use interaction_gov::measure::coordination::Dimensions;
/// # use interaction_gov::measure::{Architecture, Boundary, Enforcement, Sovereignty};
/// # let described = Architecture {
/// #     boundary: Boundary { start: "a join", stop: "an end", participants: "who joined", policy_scope: "all" },
/// #     primitives: &["call"],
/// #     components: &[],
/// #     changes: &[],
/// #     compute: &[],
/// #     sovereignty: Sovereignty { routing: Enforcement::ByConstruction, placement: Enforcement::ByConstruction },
/// #     dimensions: Dimensions::VIDEO_CONFERENCE,
/// #     surfaces: &[],
/// #     claims: &[],
/// # };
///
/// let twice = Architecture { primitives: &["call", "call"], ..described };
/// assert_eq!(evaluate(&twice), Err(Misdescribed::NameTwice("call")));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Misdescribed<'a> {
    /// Two primitives or components have this name.
    NameTwice(&'a str),
    /// A component binds to this name, which is not a primitive.
    UnknownPrimitive(&'a str),
    /// A surface contains this name, which is neither a component nor a primitive.
    UnknownName(&'a str),
    /// The same two exchange the same state on two surfaces: |C| counts distinct ones.
    SurfaceTwice(&'a str, &'a str),
}

impl fmt::Display for Misdescribed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NameTwice(name) => write!(f, "two have the name {name}"),
            Self::UnknownPrimitive(name) => write!(f, "a component binds to {name}, which is no primitive"),
            Self::UnknownName(name) => write!(f, "a surface names {name}, which is neither component nor primitive"),
            Self::SurfaceTwice(one, other) => write!(f, "the surface between {one} and {other} is there twice"),
        }
    }
}

impl core::error::Error for Misdescribed<'_> {}

impl<'a> Architecture<'a> {
    /// The bindings to a primitive, at this size of an interaction.
    ///
    /// A binding is not a synchronisation, but state that the primitive has to manage: an interaction-scoped
    /// architecture has a cost too (`IoE §7`). A number beyond 128 bits comes as [`u128::MAX`].
    // keeps: IOE-124 (§7)
    #[must_use]
    pub fn bindings(&self, size: Dimensions) -> u128 {
        self.components
            .iter()
            .filter(|component| component.binds_to.is_some())
            .fold(0, |sum: u128, component| sum.saturating_add(copies(component.per, size)))
    }

    /// The exchanges between contexts, at this size of an interaction. A number beyond 128 bits comes as [`u128::MAX`].
    #[must_use]
    pub fn exchanges(&self, size: Dimensions) -> u128 {
        self.surfaces.iter().fold(0, |sum: u128, surface| {
            let (one, other) = surface.between;
            let [ones, others] = [one, other].map(|name| copies(self.per(name), size));
            // A component with itself: each instance with every other.
            let pairs = if one == other { pairs_of(ones) } else { ones.saturating_mul(others) };
            sum.saturating_add(pairs)
        })
    }

    /// |C|: the distinct points where state is exchanged, bindings and exchanges together (`IoE Appendix A.1`). A
    /// number beyond 128 bits comes as [`u128::MAX`].
    // keeps: IOE-147 (A.1)
    #[must_use]
    pub fn coordination_surfaces(&self, size: Dimensions) -> u128 {
        self.bindings(size).saturating_add(self.exchanges(size))
    }

    /// How |C| grows (`IoE Appendix A`, step 7).
    #[must_use]
    pub fn growth(&self) -> Growth {
        Growth::of(|size| self.coordination_surfaces(size))
    }

    /// Whether its parts fit together.
    pub(super) fn check(&self) -> Result<(), Misdescribed<'a>> {
        let names = || self.primitives.iter().copied().chain(self.components.iter().map(|component| component.name));
        for (place, name) in names().enumerate() {
            if names().skip(place.saturating_add(1)).any(|other| other == name) {
                return Err(Misdescribed::NameTwice(name));
            }
        }
        for primitive in self.components.iter().filter_map(|component| component.binds_to) {
            if !self.primitives.contains(&primitive) {
                return Err(Misdescribed::UnknownPrimitive(primitive));
            }
        }
        for (place, surface) in self.surfaces.iter().enumerate() {
            let (one, other) = surface.between;
            if let Some(unknown) = [one, other].into_iter().find(|end| !names().any(|name| name == *end)) {
                return Err(Misdescribed::UnknownName(unknown));
            }
            let same = |second: &Surface<'_>| {
                second.state == surface.state && (second.between == (one, other) || second.between == (other, one))
            };
            if self.surfaces.iter().skip(place.saturating_add(1)).any(same) {
                return Err(Misdescribed::SurfaceTwice(one, other));
            }
        }
        Ok(())
    }

    /// The dimensions with which the number of the component with this name multiplies. There is one of each primitive.
    pub(super) fn per(&self, name: &str) -> &'a [Dimension] {
        self.components.iter().find(|component| component.name == name).map_or(&[], |component| component.per)
    }
}

/// The number of instances of a component that multiplies with these dimensions.
fn copies(per: &[Dimension], size: Dimensions) -> u128 {
    per.iter().fold(1, |product: u128, dimension| product.saturating_mul(u128::from(size.of(*dimension))))
}

/// The number of pairs among n: n · (n - 1) / 2. The even factor is halved before the multiplication.
const fn pairs_of(number: u128) -> u128 {
    let before = number.saturating_sub(1);
    if number.is_multiple_of(2) { (number / 2).saturating_mul(before) } else { number.saturating_mul(before / 2) }
}
