//! The evaluation procedure (`IoE Appendix A`): eight steps over a description, and a verdict with its reasons.

use core::fmt;
use core::time::Duration;

use super::architecture::{Architecture, Change, Context, Continuity, Enforcement, Misdescribed, Reach};
use super::coordination::Growth;
use super::requirement::{Claim, Claims, Level, Requirement, Standing};
use super::set_of;
use super::step::{Shortcoming, Shortcomings, Step};

set_of! {
    /// A set of change events.
    Changes of Change
}

/// How long governed processing may wait for a policy update: the draft requires "sub-second" convergence (`IoE R5`).
const CONVERGENCE: Duration = Duration::from_secs(1);

/// Evaluates the description of an architecture in the eight steps of Appendix A (`IoE Appendix A`).
///
/// ```
/// use interaction_gov::measure::coordination::{Dimension, Dimensions};
/// use interaction_gov::measure::{
///     Architecture, Boundary, Change, Component, Continuity, Enforcement, Reach, Shortcoming, Sovereignty, Step, evaluate,
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
/// let evaluation = evaluate(&architecture).map_err(|error| error.to_string())?;
/// let found = evaluation.finding(Step::Sovereignty).to_string();
/// assert!(found.contains(Shortcoming::PlacementPostHoc.words()), "{found}");
/// println!("{evaluation}");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// The description contradicts itself, so it cannot be evaluated.
// keeps: IOE-138 (App. A), IOE-146 (App. A 8)
pub fn evaluate<'a>(architecture: &Architecture<'a>) -> Result<Evaluation<'a>, Misdescribed<'a>> {
    architecture.check()?;
    let mut evaluation = Evaluation {
        bases: [Basis::default(); 7],
        shortcomings: Shortcomings::default(),
        unclaimed: Claims::default(),
        reestablished: Changes::default(),
        unanswered: Changes::default(),
        contexts: 0,
        bindings: architecture.bindings(architecture.dimensions),
        exchanges: architecture.exchanges(architecture.dimensions),
        growth: architecture.growth(),
    };
    evaluation.bases = [
        evaluation.boundary(architecture),
        evaluation.contexts(architecture),
        evaluation.continuity(architecture),
        evaluation.policy(architecture),
        evaluation.compute(architecture),
        evaluation.sovereignty(architecture),
        evaluation.coordination(architecture),
    ];
    for claim in Claim::ALL.iter().filter(|claim| !architecture.claims.contains(claim)) {
        evaluation.unclaimed.insert(*claim);
    }
    Ok(evaluation)
}

/// What the procedure has found.
///
/// [`evaluate`] makes it. What follows asks about one step and one requirement.
///
/// ```
/// use interaction_gov::measure::coordination::Dimensions;
/// use interaction_gov::measure::{
///     Basis, Change, Changes, Claim, Claims, Continuity, Evaluation, Finding, Judgement, Level, Requirement, Shortcoming,
///     Shortcomings, Standing, Step, evaluate,
/// };
/// # use interaction_gov::measure::{Architecture, Boundary, Enforcement, Sovereignty};
/// # let architecture = Architecture {
/// #     boundary: Boundary { start: "a join", stop: "an end", participants: "who joined", policy_scope: "all" },
/// #     primitives: &["interaction"],
/// #     components: &[],
/// #     changes: &[(Change::Join, Continuity::Preserved)],
/// #     compute: &[],
/// #     sovereignty: Sovereignty { routing: Enforcement::ByConstruction, placement: Enforcement::ByConstruction },
/// #     dimensions: Dimensions::VIDEO_CONFERENCE,
/// #     surfaces: &[],
/// #     claims: &[Claim::SeveralAuthorities],
/// # };
///
/// let evaluation: Evaluation<'_> = evaluate(&architecture).map_err(|error| error.to_string())?;
///
/// // The description says what a join does, and nothing of the other seven events.
/// let Finding { basis: Basis { examined, against, first }, .. } = evaluation.finding(Step::Continuity);
/// assert_eq!((examined, against, first), (8, 7, Some("leave")));
/// let unanswered: Changes = evaluation.unanswered();
/// assert!(unanswered.contains(Change::Leave) && !unanswered.contains(Change::Join));
/// let against: Shortcomings = evaluation.finding(Step::Continuity).shortcomings;
/// assert!(against.contains(Shortcoming::LeaveBreaks));
///
/// // R7 demands more than is claimed, and demands it with MUST.
/// let Judgement { standing, unclaimed, .. } = evaluation.requirement(Requirement::R7);
/// let unclaimed: Claims = unclaimed;
/// assert!(unclaimed.contains(Claim::AuthoritiesCompose) && !unclaimed.contains(Claim::SeveralAuthorities));
/// assert_eq!((Claim::AuthoritiesCompose.level(), standing), (Level::Must, Standing::Fails));
/// # Ok::<(), String>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct Evaluation<'a> {
    bases: [Basis<'a>; 7],
    shortcomings: Shortcomings,
    unclaimed: Claims,
    reestablished: Changes,
    unanswered: Changes,
    contexts: u32,
    bindings: u128,
    exchanges: u128,
    growth: Growth,
}

/// What a finding rests on.
///
/// An example is at [`Evaluation`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Basis<'a> {
    /// How many things were looked at.
    pub examined: u32,
    /// How many of them speak against the architecture.
    pub against: u32,
    /// The first of those.
    pub first: Option<&'a str>,
}

impl<'a> Basis<'a> {
    fn add(&mut self, name: &'a str, good: bool) {
        self.examined = self.examined.saturating_add(1);
        if !good {
            self.against = self.against.saturating_add(1);
            self.first = self.first.or(Some(name));
        }
    }
}

/// What one step has found.
///
/// An example is at [`Evaluation`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Finding<'a> {
    /// The step.
    pub step: Step,
    /// Whether the finding speaks for the architecture.
    pub holds: bool,
    /// What it rests on. Step 8 rests on the ten requirements.
    pub basis: Basis<'a>,
    /// The shortcomings that were found. Step 8 has those of all steps.
    pub shortcomings: Shortcomings,
}

/// Whether an architecture meets a requirement, and why.
///
/// An example is at [`Evaluation`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Judgement {
    /// The requirement.
    pub requirement: Requirement,
    /// Whether the architecture meets it.
    pub standing: Standing,
    /// What steps 1 to 7 have found against it.
    pub shortcomings: Shortcomings,
    /// What the requirement demands and the description does not claim.
    pub unclaimed: Claims,
}

/// Step 8 (`IoE Appendix A`).
///
/// ```
/// use interaction_gov::measure::Conclusion;
///
/// assert_eq!(Conclusion::NotDeterministic.words(), "it cannot provide deterministic governance");
/// assert!(Conclusion::Viable < Conclusion::TradeOff, "the worse is the greater");
/// ```
// keeps: IOE-125 (§7)
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Conclusion {
    /// Governance is deterministic, and R1 to R10 hold.
    Viable,
    /// Nothing rules deterministic governance out, yet not all of R1 to R10 hold. For a specific use case that may be
    /// acceptable, as hybrids may be (`IoE §7`).
    TradeOff,
    /// Surfaces grow multiplicatively (step 7), or a policy change does not take effect before the next governed
    /// processing (step 4, `IoE §2.2`).
    NotDeterministic,
}

impl Conclusion {
    /// The conclusion in words.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Viable => "viable: governance is deterministic, and R1 to R10 hold",
            Self::TradeOff => "a trade-off: governance can be deterministic, but not all of R1 to R10 hold",
            Self::NotDeterministic => "it cannot provide deterministic governance",
        }
    }
}

impl<'a> Evaluation<'a> {
    /// What a step has found.
    #[must_use]
    pub fn finding(&self, step: Step) -> Finding<'a> {
        if step == Step::Conclusion {
            let mut basis = Basis::default();
            for requirement in Requirement::ALL {
                basis.add(requirement.name(), self.requirement(*requirement).standing == Standing::Holds);
            }
            let holds = self.conclusion() == Conclusion::Viable;
            return Finding { step, holds, basis, shortcomings: self.shortcomings };
        }
        let shortcomings = self.shortcomings.of_step(step);
        let place = usize::from(step.number().saturating_sub(1));
        let basis = self.bases.get(place).copied().unwrap_or_default();
        Finding { step, holds: shortcomings.is_empty(), basis, shortcomings }
    }

    /// Whether the architecture meets a requirement.
    #[must_use]
    pub fn requirement(&self, requirement: Requirement) -> Judgement {
        let shortcomings = self.shortcomings.against(requirement);
        let mut unclaimed = Claims::default();
        self.unclaimed
            .iter()
            .filter(|claim| claim.requirement() == requirement)
            .for_each(|claim| unclaimed.insert(claim));
        let broken = shortcomings
            .iter()
            .flat_map(|shortcoming| shortcoming.breaks().iter())
            .filter(|(broken, _)| *broken == requirement)
            .map(|(_, level)| *level);
        let standing = match broken.chain(unclaimed.iter().map(Claim::level)).max() {
            None => Standing::Holds,
            Some(Level::Should) => Standing::FallsShort,
            Some(Level::Must) => Standing::Fails,
        };
        Judgement { requirement, standing, shortcomings, unclaimed }
    }

    /// Step 8: what follows from the others.
    #[must_use]
    pub fn conclusion(&self) -> Conclusion {
        if self.growth == Growth::Multiplicative || !self.finding(Step::Policy).holds {
            Conclusion::NotDeterministic
        } else if Requirement::ALL.iter().all(|which| self.requirement(*which).standing == Standing::Holds) {
            Conclusion::Viable
        } else {
            Conclusion::TradeOff
        }
    }

    /// Step 2: the independent control contexts, each primitive and each component with contexts of its own.
    #[must_use]
    pub const fn control_contexts(&self) -> u32 {
        self.contexts
    }

    /// Step 3: the events at which new contexts are established.
    #[must_use]
    pub const fn reestablished(&self) -> Changes {
        self.reestablished
    }

    /// Step 3: the events that the description does not mention. They count as not preserved.
    #[must_use]
    pub const fn unanswered(&self) -> Changes {
        self.unanswered
    }

    /// Step 7: the bindings to a primitive, at the described size. [`u128::MAX`]: that many or more.
    #[must_use]
    pub const fn bindings(&self) -> u128 {
        self.bindings
    }

    /// Step 7: the exchanges between contexts, at the described size. [`u128::MAX`]: that many or more.
    #[must_use]
    pub const fn exchanges(&self) -> u128 {
        self.exchanges
    }

    /// Step 7: how bindings and exchanges grow.
    #[must_use]
    pub const fn growth(&self) -> Growth {
        self.growth
    }

    /// Notes the shortcoming if there is one; returns whether there is none.
    fn note(&mut self, shortcoming: Option<Shortcoming>) -> bool {
        if let Some(shortcoming) = shortcoming {
            self.shortcomings.insert(shortcoming);
        }
        shortcoming.is_none()
    }

    // keeps: IOE-139 (App. A 1)
    fn boundary(&mut self, architecture: &Architecture<'a>) -> Basis<'a> {
        let boundary = architecture.boundary;
        let mut basis = Basis::default();
        for (name, words, shortcoming) in [
            ("start", boundary.start, Shortcoming::NoStart),
            ("stop", boundary.stop, Shortcoming::NoStop),
            ("participants", boundary.participants, Shortcoming::NoParticipants),
            ("policy scope", boundary.policy_scope, Shortcoming::NoPolicyScope),
        ] {
            basis.add(name, self.note(words.trim().is_empty().then_some(shortcoming)));
        }
        basis
    }

    // keeps: IOE-140 (App. A 2)
    fn contexts(&mut self, architecture: &Architecture<'a>) -> Basis<'a> {
        let mut basis = Basis::default();
        self.note(architecture.primitives.is_empty().then_some(Shortcoming::NoPrimitive));
        for (place, primitive) in architecture.primitives.iter().enumerate() {
            self.contexts = self.contexts.saturating_add(1);
            basis.add(primitive, self.note((place > 0).then_some(Shortcoming::SeveralPrimitives)));
        }
        for component in architecture.components {
            let bound = self.note(component.binds_to.is_none().then_some(Shortcoming::Unbound));
            for context in component.own {
                self.shortcomings.insert(match context {
                    Context::Identity => Shortcoming::OwnIdentity,
                    Context::Policy => Shortcoming::OwnPolicy,
                    Context::Orchestration => Shortcoming::OwnOrchestration,
                    Context::Session => Shortcoming::OwnSession,
                });
            }
            let own = !component.own.is_empty();
            self.contexts = self.contexts.saturating_add(u32::from(own));
            basis.add(component.name, bound && !own);
        }
        basis
    }

    // keeps: IOE-141 (App. A 3)
    fn continuity(&mut self, architecture: &Architecture<'a>) -> Basis<'a> {
        let mut basis = Basis::default();
        for change in Change::ALL {
            let mut answers = architecture.changes.iter().filter(|(event, _)| event == change).peekable();
            if answers.peek().is_none() {
                self.unanswered.insert(*change);
            }
            if answers.any(|(_, continuity)| *continuity == Continuity::Reestablished) {
                self.reestablished.insert(*change);
            }
            let preserved = !self.unanswered.contains(*change) && !self.reestablished.contains(*change);
            let shortcoming = match change {
                Change::Join => Shortcoming::JoinBreaks,
                Change::Leave => Shortcoming::LeaveBreaks,
                Change::PolicyUpdate => Shortcoming::PolicyUpdateBreaks,
                Change::ComputeInvocation => Shortcoming::ComputeInvocationBreaks,
                Change::TransportTransition => Shortcoming::TransportBreaks,
                Change::ProtocolTransition => Shortcoming::ProtocolBreaks,
                Change::InfrastructureTransition => Shortcoming::InfrastructureBreaks,
                Change::ConsentChange => Shortcoming::ConsentBreaks,
            };
            basis.add(change.words(), self.note((!preserved).then_some(shortcoming)));
        }
        basis
    }

    // keeps: IOE-142 (App. A 4)
    fn policy(&mut self, architecture: &Architecture<'a>) -> Basis<'a> {
        let mut basis = Basis::default();
        for component in architecture.components {
            let shortcoming = match component.reach {
                Reach::InTheDecidingStep => None,
                Reach::Held { within } => (within >= CONVERGENCE).then_some(Shortcoming::PolicyTooSlow),
                Reach::InBoundedTime { .. } => Some(Shortcoming::OldPolicyForAWhile),
                Reach::Eventually => Some(Shortcoming::OldPolicyUntilPropagated),
                Reach::AfterRestart => Some(Shortcoming::PolicyNeedsRestart),
            };
            basis.add(component.name, self.note(shortcoming));
        }
        basis
    }

    // keeps: IOE-143 (App. A 5)
    fn compute(&mut self, architecture: &Architecture<'a>) -> Basis<'a> {
        let mut basis = Basis::default();
        for path in architecture.compute {
            let identity = self.note((!path.in_identity).then_some(Shortcoming::ComputeOutsideIdentity));
            let policy = self.note((!path.in_policy).then_some(Shortcoming::ComputeOutsidePolicy));
            basis.add(path.name, identity && policy);
        }
        basis
    }

    // keeps: IOE-144 (App. A 6)
    fn sovereignty(&mut self, architecture: &Architecture<'a>) -> Basis<'a> {
        let mut basis = Basis::default();
        let sovereignty = architecture.sovereignty;
        for (name, enforcement, post_hoc, free) in [
            ("routing", sovereignty.routing, Shortcoming::RoutingPostHoc, Shortcoming::RoutingFree),
            ("placement", sovereignty.placement, Shortcoming::PlacementPostHoc, Shortcoming::PlacementFree),
        ] {
            let shortcoming = match enforcement {
                Enforcement::ByConstruction => None,
                Enforcement::PostHoc => Some(post_hoc),
                Enforcement::None => Some(free),
            };
            basis.add(name, self.note(shortcoming));
        }
        basis
    }

    fn coordination(&mut self, architecture: &Architecture<'a>) -> Basis<'a> {
        let mut basis = Basis::default();
        for component in architecture.components.iter().filter(|component| component.binds_to.is_some()) {
            basis.add(component.name, component.per.len() < 2);
        }
        for surface in architecture.surfaces {
            let (one, other) = surface.between;
            let factors = architecture.per(one).len().saturating_add(architecture.per(other).len());
            basis.add(one, factors < 2);
        }
        self.note((self.growth == Growth::Multiplicative).then_some(Shortcoming::Multiplicative));
        basis
    }
}

fn list(f: &mut fmt::Formatter<'_>, words: impl Iterator<Item = &'static str>) -> fmt::Result {
    for (place, words) in words.enumerate() {
        write!(f, "{}{words}", if place == 0 { ": " } else { "; " })?;
    }
    Ok(())
}

impl fmt::Display for Conclusion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.words())
    }
}

impl fmt::Display for Finding<'_> {
    /// One line, such as "2 independent control contexts: fails for 1 of 6, first recorder: …".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Basis { examined, against, first } = self.basis;
        write!(f, "{} {}: ", self.step.number(), self.step.words())?;
        match (self.holds, first) {
            (true, _) => write!(f, "holds for all {examined}"),
            (false, Some(first)) => {
                write!(f, "fails for {against} of {examined}, first {first}")?;
                list(f, self.shortcomings.iter().map(Shortcoming::words))
            }
            (false, None) => {
                f.write_str("fails")?;
                list(f, self.shortcomings.iter().map(Shortcoming::words))
            }
        }
    }
}

impl fmt::Display for Judgement {
    /// One line, such as "R8 falls short: a component keeps sessions of its own".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.requirement, self.standing)?;
        let shortcomings = self.shortcomings.iter().map(Shortcoming::words);
        list(f, shortcomings)?;
        if !self.unclaimed.is_empty() {
            f.write_str(if self.shortcomings.is_empty() { ", not claimed" } else { "; not claimed" })?;
            list(f, self.unclaimed.iter().map(Claim::words))?;
        }
        Ok(())
    }
}

impl fmt::Display for Evaluation<'_> {
    /// A line for each of steps 1 to 7, one for each requirement, and the conclusion.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for step in Step::ALL.iter().filter(|step| **step != Step::Conclusion) {
            writeln!(f, "{}", self.finding(*step))?;
        }
        for requirement in Requirement::ALL {
            writeln!(f, "{}", self.requirement(*requirement))?;
        }
        write!(f, "8 conclusion: {}", self.conclusion())
    }
}
