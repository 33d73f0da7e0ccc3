//! The facts on which a decision rests (`IoE R2`, `R7`).

use crate::time::Time;
use crate::vocabulary::{Action, Authority, Consent, Function, Modality, Name, Posture, Region, Role, Set};

/// The kind of a participant (`IoE §2.2`).
///
/// ```
/// use interaction_gov::policy::Kind;
///
/// assert_eq!(Kind::ALL.map(Kind::name), ["human", "device", "service", "agent"]);
/// ```
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

/// What is known about the origin of a computation (`IoE §8`), the least first.
///
/// ```
/// use interaction_gov::policy::Provenance;
///
/// assert!(Provenance::Verified > Provenance::Stated && Provenance::default() == Provenance::None);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Provenance {
    /// Nothing, or nothing is computed.
    #[default]
    None,
    /// The component states its origin.
    Stated,
    /// Its origin was verified by evidence.
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

    pub(super) const fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// The stream of an action. If it is not said, the case that would forbid the action is assumed: a deny or a scope
/// about any stream applies, and a permit that names a stream does not.
///
/// ```
/// use interaction_gov::policy::On;
/// use interaction_gov::vocabulary::{Modality, Set};
///
/// assert_eq!(On::Stream(Modality(2)).streams(), Set::one(Modality(2)));
/// assert_eq!(On::Unsaid.streams(), Set::ALL, "it may be any");
/// assert_eq!(On::Nothing.streams(), Set::EMPTY);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum On {
    /// The stream is not said.
    #[default]
    Unsaid,
    /// The action is on no stream.
    Nothing,
    /// On this one.
    Stream(Modality),
}

impl On {
    /// The stream, if one is said.
    #[must_use]
    pub const fn stream(self) -> Option<Modality> {
        match self {
            Self::Stream(modality) => Some(modality),
            Self::Unsaid | Self::Nothing => None,
        }
    }

    /// Every stream that the action may be on.
    #[must_use]
    pub fn streams(self) -> Set<Modality> {
        match self {
            Self::Nothing => Set::EMPTY,
            Self::Unsaid => Set::ALL,
            Self::Stream(modality) => Set::one(modality),
        }
    }

    /// The byte in a record: 255 for no stream, 254 if it is not said.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Nothing => u8::MAX,
            Self::Unsaid => u8::MAX - 1,
            Self::Stream(modality) => modality.0,
        }
    }

    /// Reads the byte of a record.
    #[must_use]
    pub const fn from_code(code: u8) -> Self {
        match code {
            u8::MAX => Self::Nothing,
            0xFE => Self::Unsaid,
            number => Self::Stream(Modality(number)),
        }
    }
}

impl From<Modality> for On {
    fn from(modality: Modality) -> Self {
        Self::Stream(modality)
    }
}

impl From<Option<Modality>> for On {
    /// `None`: it is not said.
    fn from(modality: Option<Modality>) -> Self {
        modality.map_or(Self::Unsaid, Self::Stream)
    }
}

/// What is consented to, for each of the four consent words of the language. A party that is not a valid person counts
/// as consenting to nothing.
///
/// ```
/// use interaction_gov::policy::Consents;
/// use interaction_gov::vocabulary::{Consent, Set};
///
/// let consents = Consents { own: Set::one(Consent(0)), ..Consents::default() };
/// assert!(consents.all.is_empty(), "one person's consent is not that of all");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Consents {
    /// `consent`: every person who is there.
    pub all: Set<Consent>,
    /// `stream-consent`: every person whose data the action carries.
    pub stream: Set<Consent>,
    /// `own-consent`: the actor.
    pub own: Set<Consent>,
    /// `second-consent`: at least one person other than the actor.
    pub second: Set<Consent>,
}

impl Consents {
    /// The same for all four words.
    #[must_use]
    pub const fn everybody(consents: Set<Consent>) -> Self {
        Self { all: consents, stream: consents, own: consents, second: consents }
    }
}

/// The facts on which a decision rests. Action, stream and further destinations come from the request; an interaction
/// derives all others from its state.
///
/// ```
/// use interaction_gov::policy::{Consents, Facts, Kind, On, Policy, Provenance};
/// use interaction_gov::time::Time;
/// use interaction_gov::vocabulary::{Authority, Posture, Region, Set, Vocabulary};
///
/// let names = Vocabulary::read("actions join, record\nregions de, us\nauthorities clinic")?;
/// let mut policy = Policy::<1>::new();
/// policy.add("authority clinic\nversion 1\nover record in de\npermit record\n", &names)?;
/// let here = Facts {
///     action: names.find("record").ok_or("an action")?,
///     kind: Kind::Human,
///     roles: Set::EMPTY,
///     home: None,
///     on: On::Nothing,
///     function: None,
///     law: Set::one(Region(0)),
///     goes: Set::EMPTY,
///     consents: Consents::default(),
///     present: Set::EMPTY,
///     posture: Posture(0),
///     provenance: Provenance::None,
///     time: Time(0),
/// };
/// assert_eq!(policy.asked(&here), Set::one(Authority(0)));
/// let elsewhere = Facts { law: Set::one(Region(1)), ..here };
/// assert!(policy.asked(&elsewhere).is_empty(), "the law of another place");
/// let unknown = Facts { law: Set::one(Region::UNKNOWN), ..here };
/// assert_eq!(policy.asked(&unknown), Set::one(Authority(0)), "a place that is not known may be here");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facts {
    /// The action.
    pub action: Action,
    /// What the actor is.
    pub kind: Kind,
    /// The roles of the actor.
    pub roles: Set<Role>,
    /// The authority whose participant the actor is.
    pub home: Option<Authority>,
    /// The stream that it is about.
    pub on: On,
    /// The auxiliary function that does it, if one does.
    pub function: Option<Function>,
    /// The regions of the participants whose data it carries, including the actor; with [`Region::UNKNOWN`] if that of
    /// one of them is not known. Without any region it counts as unknown.
    pub law: Set<Region>,
    /// The regions to which data go: those of all receivers of the stream, of the functions that run on it, and further
    /// ones that the request names.
    pub goes: Set<Region>,
    /// What is consented to.
    pub consents: Consents,
    /// The roles in which valid participants are present.
    pub present: Set<Role>,
    /// How secure the actor is.
    pub posture: Posture,
    /// The provenance of the computation.
    pub provenance: Provenance,
    /// The time of the decision.
    pub time: Time,
}

impl Facts {
    /// Whether all these numbers are possible in a vocabulary.
    pub(super) fn have_names(&self) -> bool {
        let optional = self.on.stream().is_none_or(Name::has_room) && self.function.is_none_or(Name::has_room);
        optional && self.action.has_room() && self.posture.has_room()
    }
}

impl Facts {
    /// The law to decide by. Without a region it is "unknown": an empty set would match no deny and every permit.
    pub(super) fn law_or_unknown(&self) -> Set<Region> {
        if self.law.is_empty() { Set::one(Region::UNKNOWN) } else { self.law }
    }
}
