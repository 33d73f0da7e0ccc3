//! The names that policies use: actions, participants, streams, functions, regions (`IoE §3.2`).
//!
//! An application brings its own names, in a text that people read:
//!
//! ```text
//! actions      join, speak, record, transcribe, stop
//! modalities   audio, video
//! functions    recording, transcription
//! regions      de, fr, us
//! roles        host, guest
//! consents     recording
//! postures     unmanaged, managed, hardened      # the lowest first
//! obligations  notify, watermark
//! authorities  corporate, region
//! group        eu of de, fr                      # one word for several regions, or for several roles
//! own          join, speak                       # what carries the data of the actor alone
//! always       stop                              # what no rule and no silence prevents
//! ```
//!
//! Everything else uses small numbers for these names. A line that continues a list adds to its end.

mod set;

use heapless::Vec;
use sha2::{Digest as _, Sha256};

pub use set::{Bits, Set};

use crate::text::{Lines, TextError, Trouble, Word, Words, visible};

/// The number of a name in its list.
///
/// ```
/// use interaction_gov::vocabulary::{Modality, Name as _};
///
/// assert_eq!((Modality::MOST, Modality::numbered(3)), (15, Modality(3)));
/// assert!(!Modality(15).has_room());
/// ```
pub trait Name: Copy + PartialEq {
    /// The bits of a set of them.
    type Bits: Bits;
    /// How many names of this kind there can be.
    const MOST: usize;
    /// The number.
    fn number(self) -> u8;
    /// Whether a vocabulary has room for this number.
    fn has_room(self) -> bool {
        usize::from(self.number()) < Self::MOST
    }
    /// The name with a number, whether or not a list has it.
    fn numbered(number: u8) -> Self;
}

macro_rules! names {
    ($($(#[$doc:meta])* $name:ident: $most:literal of $bits:ident;)+) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
            #[cfg_attr(feature = "defmt", derive(defmt::Format))]
            pub struct $name(pub u8);

            impl Name for $name {
                type Bits = $bits;
                const MOST: usize = $most;
                fn number(self) -> u8 {
                    self.0
                }
                fn numbered(number: u8) -> Self {
                    Self(number)
                }
            }
        )+
    };
}

names! {
    /// An action that is decided before it is done.
    Action: 31 of u32;
    /// A modality or stream: audio, telemetry, commands.
    Modality: 15 of u32;
    /// An auxiliary function: recording, moderation, accessibility.
    Function: 31 of u32;
    /// A jurisdiction: where participants are, and where data and computation may go.
    Region: 127 of u128;
    /// The role of a participant: host, doctor, operator.
    Role: 15 of u32;
    /// Something that people consent to.
    Consent: 16 of u32;
    /// A level of security posture. A higher number is a better one.
    Posture: 4 of u32;
    /// A duty that goes with a permit.
    ///
    /// A permit brings those of all rules that permit; the application fulfils them.
    ///
    /// ```
    /// use interaction_gov::policy::{Kind, Policy};
    /// use interaction_gov::vocabulary::{Obligation, Vocabulary};
    /// # use interaction_gov::authority::Speaker;
    /// # use interaction_gov::policy::{Answer, Consents, Facts, On, Provenance};
    /// # use interaction_gov::time::Time;
    /// # use interaction_gov::vocabulary::{Posture, Set};
    ///
    /// let names = Vocabulary::read("actions record\nobligations notify, watermark\nauthorities clinic")?;
    /// let mut policy = Policy::<2>::new();
    /// policy.add("authority clinic\nversion 1\npermit record oblige notify", &names)?;
    /// # let facts = Facts {
    /// #     action: names.find("record").ok_or("an action")?,
    /// #     kind: Kind::Human,
    /// #     roles: Set::EMPTY,
    /// #     home: None,
    /// #     on: On::Nothing,
    /// #     function: None,
    /// #     law: Set::EMPTY,
    /// #     goes: Set::EMPTY,
    /// #     consents: Consents::default(),
    /// #     present: Set::EMPTY,
    /// #     posture: Posture(0),
    /// #     provenance: Provenance::None,
    /// #     time: Time(0),
    /// # };
    /// # let itself = |authority| Speaker { authority: Some(authority), until: Time::NEVER };
    /// let ruling = policy.decide(&facts, itself);
    /// let notify: Obligation = names.find("notify").ok_or("an obligation")?;
    /// assert!(ruling.obligations.iter().eq([notify]));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    Obligation: 16 of u32;
    /// An authority that makes policy.
    Authority: 8 of u32;
}

impl Region {
    /// The unknown region: whatever would forbid something in any region forbids it here.
    pub const UNKNOWN: Self = Self(127);
}

/// The lists of names, borrowed from their text.
///
/// ```
/// use interaction_gov::vocabulary::{Action, Region, Set, Vocabulary};
///
/// let names = Vocabulary::read("actions join, record\nregions de, fr\ngroup eu of de, fr\nauthorities host")?;
/// assert_eq!(names.find::<Action>("record"), Some(Action(1)));
/// assert_eq!(names.all_of::<Region>("eu").map(|these| these.contains(Region(1))), Some(true));
/// assert_eq!(names.find::<Action>("recrod"), None);
/// # Ok::<(), interaction_gov::TextError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Vocabulary<'t> {
    actions: Vec<&'t str, 31>,
    modalities: Vec<&'t str, 15>,
    functions: Vec<&'t str, 31>,
    regions: Vec<&'t str, 127>,
    roles: Vec<&'t str, 15>,
    consents: Vec<&'t str, 16>,
    postures: Vec<&'t str, 4>,
    obligations: Vec<&'t str, 16>,
    authorities: Vec<&'t str, 8>,
    groups: Vec<(&'t str, Group), 16>,
    own: Set<Action>,
    always: Set<Action>,
    digest: [u8; 32],
}

/// What one word stands for.
#[derive(Clone, Copy, Debug)]
enum Group {
    Regions(Set<Region>),
    Roles(Set<Role>),
}

/// Words that policies and vocabularies are made of.
pub(crate) const RESERVED: [&str; 29] = [
    "always",
    "any",
    "as",
    "authority",
    "below",
    "by",
    "consent",
    "deny",
    "for",
    "from",
    "group",
    "in",
    "keep",
    "named",
    "oblige",
    "on",
    "over",
    "own",
    "own-consent",
    "permit",
    "posture",
    "provenance",
    "second-consent",
    "set",
    "stream-consent",
    "to",
    "with",
    "within",
    "without",
];

/// A kind of names that a vocabulary lists.
///
/// ```
/// use interaction_gov::vocabulary::{Listed as _, Region, Set, Vocabulary};
///
/// let names = Vocabulary::read("regions de, fr, us\ngroup eu of de, fr")?;
/// assert_eq!((Region::LIST, Region::list(&names)), ("regions", &["de", "fr", "us"][..]));
/// assert_eq!(Region::group(&names, "eu"), Some(Set::one(Region(0)).with(Region(1))));
/// # Ok::<(), interaction_gov::TextError>(())
/// ```
pub trait Listed: Name {
    /// The word for the list in a text.
    const LIST: &'static str;
    /// The names of a vocabulary.
    fn list<'v, 't>(vocabulary: &'v Vocabulary<'t>) -> &'v [&'t str];
    /// The names that a group stands for, if it is a group of this kind.
    #[must_use]
    fn group(_vocabulary: &Vocabulary<'_>, _name: &str) -> Option<Set<Self>> {
        None
    }
}

macro_rules! lists {
    ($($kind:ident, $list:ident $(, $group:ident)?;)+) => {
        $(
            impl Listed for $kind {
                $(fn group(vocabulary: &Vocabulary<'_>, name: &str) -> Option<Set<Self>> {
                    vocabulary.groups.iter().find(|(known, _)| *known == name).and_then(|(_, group)| match group {
                        Group::$group(members) => Some(*members),
                        _ => None,
                    })
                })?
                const LIST: &'static str = stringify!($list);
                fn list<'v, 't>(vocabulary: &'v Vocabulary<'t>) -> &'v [&'t str] {
                    &vocabulary.$list
                }
            }
        )+

        impl<'t> Vocabulary<'t> {
            fn add(&mut self, list: &str, name: &'t str) -> Result<(), Trouble> {
                match list {
                    $(stringify!($list) => push(&mut self.$list, name),)+
                    _ => Err(Trouble::UnknownStatement),
                }
            }

            /// The lists that contain a name.
            pub fn lists_with(&self, name: &str) -> impl Iterator<Item = &'static str> {
                [$((stringify!($list), self.$list.contains(&name))),+].into_iter().filter(|(_, there)| *there).map(|(list, _)| list)
            }
        }
    };
}

lists! {
    Action, actions;
    Modality, modalities;
    Function, functions;
    Region, regions, Regions;
    Role, roles, Roles;
    Consent, consents;
    Posture, postures;
    Obligation, obligations;
    Authority, authorities;
}

fn push<'t, const N: usize>(list: &mut Vec<&'t str, N>, name: &'t str) -> Result<(), Trouble> {
    if list.contains(&name) {
        return Err(Trouble::Twice);
    }
    list.push(name).map_err(|_| Trouble::TooMany)
}

impl<'t> Vocabulary<'t> {
    /// Reads a vocabulary: one list in each line, its names separated by commas.
    ///
    /// # Errors
    /// A list that does not exist, a name that stands twice in one or is a word of policies, more names than a list can have.
    pub fn read(text: &'t str) -> Result<Self, TextError> {
        visible(text)?;
        let mut vocabulary = Self { digest: Sha256::digest(text).into(), ..Self::default() };
        for line in Lines::of(text) {
            let mut words = Words::of(line);
            let list = words.word()?;
            if list.text == "group" {
                vocabulary.read_group(&mut words)?;
                continue;
            }
            loop {
                let name = words.word()?;
                if RESERVED.contains(&name.text) {
                    return Err(name.at(Trouble::Reserved));
                }
                vocabulary.enter(&list, &name)?;
                if words.is_over() {
                    break;
                }
                words.comma()?;
            }
        }
        Ok(vocabulary)
    }

    fn enter(&mut self, list: &Word<'t>, name: &Word<'t>) -> Result<(), TextError> {
        if matches!(list.text, "own" | "always") {
            let action = self.find::<Action>(name.text).ok_or(name.at(Trouble::UnknownName("actions")))?;
            let set = if list.text == "own" { &mut self.own } else { &mut self.always };
            if set.contains(action) {
                return Err(name.at(Trouble::Twice));
            }
            *set = set.with(action);
            return Ok(());
        }
        if self.groups.iter().any(|(group, _)| *group == name.text) && matches!(list.text, "regions" | "roles") {
            return Err(name.at(Trouble::Twice));
        }
        self.add(list.text, name.text).map_err(|trouble| match trouble {
            Trouble::UnknownStatement => list.at(trouble),
            trouble => name.at(trouble),
        })
    }

    /// `group eu of de, fr`: members are of one kind, and may be groups that were defined before.
    fn read_group(&mut self, words: &mut Words<'t>) -> Result<(), TextError> {
        let name = words.word()?;
        if RESERVED.contains(&name.text) {
            return Err(name.at(Trouble::Reserved));
        }
        let there = self.groups.iter().any(|(group, _)| *group == name.text);
        if there || self.find::<Region>(name.text).is_some() || self.find::<Role>(name.text).is_some() {
            return Err(name.at(Trouble::Twice));
        }
        let of = words.word()?;
        if of.text != "of" {
            return Err(of.at(Trouble::Missing));
        }
        let mut group = None;
        loop {
            let member = words.word()?;
            let found = match (self.all_of::<Region>(member.text), self.all_of::<Role>(member.text)) {
                (Some(regions), _) => Group::Regions(regions),
                (None, Some(roles)) => Group::Roles(roles),
                (None, None) => return Err(member.at(Trouble::UnknownName("regions or roles"))),
            };
            group = Some(match (group, found) {
                (None, found) => found,
                (Some(Group::Regions(before)), Group::Regions(more)) if !before.covers(more) => {
                    Group::Regions(before.or(more))
                }
                (Some(Group::Roles(before)), Group::Roles(more)) if !before.covers(more) => {
                    Group::Roles(before.or(more))
                }
                (Some(Group::Regions(_)), Group::Regions(_)) | (Some(Group::Roles(_)), Group::Roles(_)) => {
                    return Err(member.at(Trouble::Twice));
                }
                _ => return Err(member.at(Trouble::UnknownName("regions or roles"))),
            });
            if words.is_over() {
                break;
            }
            words.comma()?;
        }
        let group = group.ok_or(name.at(Trouble::Ended))?;
        self.groups.push((name.text, group)).map_err(|_| name.at(Trouble::TooMany))
    }

    /// What a name or a group stands for.
    #[must_use]
    pub fn all_of<T: Listed>(&self, name: &str) -> Option<Set<T>> {
        self.find(name).map(Set::one).or_else(|| T::group(self, name))
    }

    /// The names of groups.
    pub fn groups(&self) -> impl Iterator<Item = &'t str> {
        self.groups.iter().map(|(name, _)| *name)
    }

    /// The actions that carry the data of the actor alone. All others carry the data of all who send on the stream.
    #[must_use]
    pub const fn own(&self) -> Set<Action> {
        self.own
    }

    /// The actions that are always permitted: neither a rule nor an unreachable authority prevents them.
    #[must_use]
    pub const fn always(&self) -> Set<Action> {
        self.always
    }

    /// Whether every number of this vocabulary means the same in a newer one: each list begins with the names that it
    /// has here, no group has changed, and no action carries more data, or is less restricted, than before.
    #[must_use]
    pub fn is_continued_by(&self, newer: &Vocabulary<'_>) -> bool {
        fn goes_on<T: Listed>(old: &Vocabulary<'_>, new: &Vocabulary<'_>) -> bool {
            T::list(new).starts_with(T::list(old))
        }
        let known: Set<Action> = self.all().map(|(action, _)| action).collect();
        let same_groups = self.groups.iter().all(|(name, group)| match group {
            Group::Regions(regions) => Region::group(newer, name) == Some(*regions),
            Group::Roles(roles) => Role::group(newer, name) == Some(*roles),
        });
        goes_on::<Action>(self, newer)
            && goes_on::<Modality>(self, newer)
            && goes_on::<Function>(self, newer)
            && goes_on::<Region>(self, newer)
            && goes_on::<Role>(self, newer)
            && goes_on::<Consent>(self, newer)
            && Posture::list(self) == Posture::list(newer)
            && goes_on::<Obligation>(self, newer)
            && goes_on::<Authority>(self, newer)
            && same_groups
            && self.own == newer.own.and(known)
            && self.always == newer.always.and(known)
    }

    /// SHA-256 of its text: policies say in which vocabulary they are written.
    #[must_use]
    pub const fn digest(&self) -> &[u8; 32] {
        &self.digest
    }

    /// The number of a name.
    #[must_use]
    pub fn find<T: Listed>(&self, name: &str) -> Option<T> {
        let place = T::list(self).iter().position(|listed| *listed == name)?;
        u8::try_from(place).ok().map(T::numbered)
    }

    /// The name with a number; `?` if there is none.
    #[must_use]
    pub fn name<T: Listed>(&self, name: T) -> &'t str {
        T::list(self).get(usize::from(name.number())).copied().unwrap_or("?")
    }

    /// All names of a kind.
    pub fn all<T: Listed>(&self) -> impl Iterator<Item = (T, &'t str)> {
        (0..).zip(T::list(self)).map(|(number, name)| (T::numbered(number), *name))
    }
}
