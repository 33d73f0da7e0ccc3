//! A rule, and the facts that it is held against (`IoE R2`).

use core::fmt;

use crate::vocabulary::{Action, Authority, Consent, Function, Modality, Name, Obligation, Posture, Region, Set};

/// What a rule says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Effect {
    /// The action may be done, with what it obliges to.
    Permit,
    /// It may not.
    Deny,
}

impl Effect {
    /// The word in policies.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Permit => "permit",
            Self::Deny => "deny",
        }
    }
}

/// What a participant is (`IoE §2.2`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Kind {
    /// A person.
    Human,
    /// A thing.
    Device,
    /// A program that serves.
    Service,
    /// A program that acts by itself.
    Agent,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Human, Self::Device, Self::Service, Self::Agent];

    /// The word in policies.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Human => "human",
            Self::Device => "device",
            Self::Service => "service",
            Self::Agent => "agent",
        }
    }

    pub(super) const fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// What is known about where a computation comes from (`IoE §8`), the least first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Provenance {
    /// Nothing, or nothing is computed.
    #[default]
    None,
    /// The component says so.
    Stated,
    /// Evidence says so.
    Verified,
}

impl Provenance {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::None, Self::Stated, Self::Verified];

    /// The word in policies.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Stated => "stated",
            Self::Verified => "verified",
        }
    }

    const fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// What is the case when something is to be done. Action, stream and where it goes are what is asked; all else an interaction
/// makes of its state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Facts {
    /// What is to be done.
    pub action: Action,
    /// What the actor is.
    pub kind: Kind,
    /// Whose participant the actor is.
    pub home: Option<Authority>,
    /// On which stream.
    pub modality: Option<Modality>,
    /// By which auxiliary function.
    pub function: Option<Function>,
    /// Where the actor is, in law.
    pub region: Option<Region>,
    /// Where data go, in law. Nowhere, if they stay where they are.
    pub goes: Set<Region>,
    /// What everybody concerned consents to.
    pub consents: Set<Consent>,
    /// How secure the actor is.
    pub posture: Posture,
    /// What is known about the computation.
    pub provenance: Provenance,
}

/// What facts have to be like. Every part must hold; a part that is not said always holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conditions {
    /// What is to be done.
    pub actions: Set<Action>,
    /// By what kinds of participants, a bit each.
    pub(crate) kinds: u8,
    /// On which streams. `None`: on any, or on none.
    pub modalities: Option<Set<Modality>>,
    /// By which functions. `None`: by any, or by none.
    pub functions: Option<Set<Function>>,
    /// Where the actor is. `None`: anywhere, or unknown.
    pub regions: Option<Set<Region>>,
    /// What everybody must consent to.
    pub with_consents: Set<Consent>,
    /// What not everybody may consent to.
    pub without_consents: Set<Consent>,
    /// Levels of posture, a bit each.
    pub(crate) postures: u8,
    /// Levels of provenance, a bit each.
    pub(crate) provenances: u8,
}

impl Conditions {
    /// What always holds.
    pub const ANY: Self = Self {
        actions: Set::ALL,
        kinds: 0xF,
        modalities: None,
        functions: None,
        regions: None,
        with_consents: Set::EMPTY,
        without_consents: Set::EMPTY,
        postures: 0xF,
        provenances: 0x7,
    };

    /// Whether these kinds of participants are meant.
    #[must_use]
    pub const fn has_kind(&self, kind: Kind) -> bool {
        self.kinds & kind.bit() != 0
    }

    /// Whether this level of posture is enough, and not too much.
    #[must_use]
    pub fn has_posture(&self, posture: Posture) -> bool {
        self.postures.checked_shr(u32::from(posture.0)).is_some_and(|bits| bits & 1 != 0)
    }

    /// Whether this level of provenance is enough, and not too much.
    #[must_use]
    pub const fn has_provenance(&self, provenance: Provenance) -> bool {
        self.provenances & provenance.bit() != 0
    }

    /// Whether facts are like this. The index is a faster form of it, for numbers that a vocabulary can have.
    #[must_use]
    pub fn hold(&self, facts: &Facts) -> bool {
        let among = |asked: bool, found: Option<bool>| !asked || found == Some(true);
        self.actions.contains(facts.action)
            && self.has_kind(facts.kind)
            && among(self.modalities.is_some(), self.modalities.zip(facts.modality).map(|(set, one)| set.contains(one)))
            && among(self.functions.is_some(), self.functions.zip(facts.function).map(|(set, one)| set.contains(one)))
            && among(self.regions.is_some(), self.regions.zip(facts.region).map(|(set, one)| set.contains(one)))
            && facts.consents.covers(self.with_consents)
            && facts.consents.and(self.without_consents).is_empty()
            && self.has_posture(facts.posture)
            && self.has_provenance(facts.provenance)
    }

    /// Whether these hold whenever the others do.
    #[must_use]
    pub(crate) fn cover(&self, others: &Self) -> bool {
        fn wider<T>(wide: Option<Set<T>>, narrow: Option<Set<T>>) -> bool {
            wide.is_none_or(|wide| narrow.is_some_and(|narrow| wide.covers(narrow)))
        }
        self.actions.covers(others.actions)
            && others.kinds & !self.kinds == 0
            && wider(self.modalities, others.modalities)
            && wider(self.functions, others.functions)
            && wider(self.regions, others.regions)
            && others.with_consents.covers(self.with_consents)
            && others.without_consents.covers(self.without_consents)
            && others.postures & !self.postures == 0
            && others.provenances & !self.provenances == 0
    }

    /// Whether any facts can be like this.
    #[must_use]
    pub(crate) fn can_hold(&self) -> bool {
        self.with_consents.and(self.without_consents).is_empty()
            && self.kinds != 0
            && self.postures != 0
            && self.provenances != 0
            && !self.actions.is_empty()
    }
}

/// A rule of an authority.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// What it says.
    pub effect: Effect,
    /// When it says so.
    pub conditions: Conditions,
    /// What a permit obliges to.
    pub obligations: Set<Obligation>,
    /// In which line of its authority's policy it stands.
    pub line: u16,
}

impl Facts {
    /// Whether a vocabulary can have all these numbers.
    fn have_names(&self) -> bool {
        let optional = self.modality.is_none_or(Name::has_room) && self.function.is_none_or(Name::has_room);
        optional && self.region.is_none_or(Name::has_room) && self.action.has_room() && self.posture.has_room()
    }
}

impl Rule {
    /// Whether it speaks about these facts. Who is nobody knows where, may be where a deny is meant for; and about a number
    /// that no vocabulary has, no rule speaks.
    #[must_use]
    pub fn speaks(&self, facts: &Facts) -> bool {
        let anywhere = self.effect == Effect::Deny && facts.region.is_none();
        let regions = self.conditions.regions.filter(|_| !anywhere);
        facts.have_names() && Conditions { regions, ..self.conditions }.hold(facts)
    }

    /// Room that no rule has taken: it permits nothing.
    pub(crate) const NONE: Self = Self {
        effect: Effect::Deny,
        conditions: Conditions { actions: Set::EMPTY, ..Conditions::ANY },
        obligations: Set::EMPTY,
        line: 0,
    };
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
