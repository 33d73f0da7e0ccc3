//! The names that policies are written in: what can be done, by whom, on what, where (`IoE §3.2`).
//!
//! An application brings its own names, in a text that people read:
//!
//! ```text
//! actions      join, speak, record, transcribe
//! modalities   audio, video
//! functions    recording, transcription
//! regions      de, fr, us
//! consents     recording
//! postures     unmanaged, managed, hardened      # the lowest first
//! obligations  notify, watermark
//! authorities  corporate, region
//! ```
//!
//! Everything else holds small numbers that stand for these names.

use core::fmt;
use core::marker::PhantomData;

use heapless::Vec;
use sha2::{Digest as _, Sha256};

use crate::text::{Lines, TextError, Trouble, Words, visible};

/// The number of a name in its list.
pub trait Name: Copy + PartialEq {
    /// How many names of this kind there can be.
    const MOST: usize;
    /// The number.
    fn number(self) -> u8;
    /// Whether a vocabulary has room for it.
    fn has_room(self) -> bool {
        usize::from(self.number()) < Self::MOST
    }
    /// The name with a number. It need not be one that any list has.
    fn numbered(number: u8) -> Self;
}

macro_rules! names {
    ($($(#[$doc:meta])* $name:ident: $most:literal;)+) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
            #[cfg_attr(feature = "defmt", derive(defmt::Format))]
            pub struct $name(pub u8);

            impl Name for $name {
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
    /// Something that can be done, and is decided before it is done.
    Action: 31;
    /// A modality or stream: audio, telemetry, commands.
    Modality: 15;
    /// An auxiliary function: recording, moderation, accessibility.
    Function: 31;
    /// A place in law: where participants are, and where data and computation may go.
    Region: 31;
    /// Something that people consent to.
    Consent: 16;
    /// A level of security posture. A higher number is a better one.
    Posture: 4;
    /// Something that goes with a permit and has to be done.
    Obligation: 16;
    /// Who makes policy.
    Authority: 8;
}

/// A set of names of one kind.
pub struct Set<T>(u32, PhantomData<fn() -> T>);

impl<T> Clone for Set<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Set<T> {}

impl<T> PartialEq for Set<T> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl<T> Eq for Set<T> {}

impl<T> Default for Set<T> {
    fn default() -> Self {
        Self::EMPTY
    }
}

impl<T> fmt::Debug for Set<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Set({:#b})", self.0)
    }
}

#[cfg(feature = "defmt")]
impl<T> defmt::Format for Set<T> {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "Set({=u32:b})", self.0);
    }
}

impl<T> Set<T> {
    /// Nothing.
    pub const EMPTY: Self = Self(0, PhantomData);
    /// Everything, whatever there is.
    pub const ALL: Self = Self(u32::MAX, PhantomData);

    /// The set with these bits: bit n is number n.
    #[must_use]
    pub const fn from_bits(bits: u32) -> Self {
        Self(bits, PhantomData)
    }

    /// One bit for each number.
    #[must_use]
    pub const fn bits(self) -> u32 {
        self.0
    }

    /// Whether it has none.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// What is in both.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0, PhantomData)
    }

    /// What is in either.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0, PhantomData)
    }

    /// What is in this one alone.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0, PhantomData)
    }

    /// Whether everything of the other is in this one.
    #[must_use]
    pub const fn covers(self, other: Self) -> bool {
        other.0 & !self.0 == 0
    }
}

impl<T: Name> Set<T> {
    /// One name. A number that no vocabulary can have is in no set that a vocabulary can make, but it is not nothing.
    #[must_use]
    pub fn one(name: T) -> Self {
        Self(1 << name.number().min(31), PhantomData)
    }

    /// One name more.
    #[must_use]
    pub fn with(self, name: T) -> Self {
        self.or(Self::one(name))
    }

    /// Whether the name is in it.
    #[must_use]
    pub fn contains(self, name: T) -> bool {
        !self.and(Self::one(name)).is_empty()
    }

    /// Each name, by number.
    pub fn iter(self) -> impl Iterator<Item = T> {
        (0..32).map(T::numbered).filter(move |name| self.contains(*name))
    }
}

impl<T: Name> FromIterator<T> for Set<T> {
    fn from_iter<I: IntoIterator<Item = T>>(names: I) -> Self {
        names.into_iter().fold(Self::EMPTY, Self::with)
    }
}

/// The lists of names, borrowed from their text.
#[derive(Clone, Debug, Default)]
pub struct Vocabulary<'t> {
    actions: Vec<&'t str, 31>,
    modalities: Vec<&'t str, 15>,
    functions: Vec<&'t str, 31>,
    regions: Vec<&'t str, 31>,
    consents: Vec<&'t str, 16>,
    postures: Vec<&'t str, 4>,
    obligations: Vec<&'t str, 16>,
    authorities: Vec<&'t str, 8>,
    digest: [u8; 32],
}

/// Words that policies are made of.
const RESERVED: [&str; 20] = [
    "any",
    "authority",
    "below",
    "by",
    "consent",
    "deny",
    "for",
    "in",
    "keep",
    "oblige",
    "on",
    "over",
    "own",
    "permit",
    "posture",
    "provenance",
    "set",
    "with",
    "within",
    "without",
];

/// A kind of names that a vocabulary lists.
pub trait Listed: Name {
    /// What a text calls the list.
    const LIST: &'static str;
    /// The names of a vocabulary.
    fn list<'v, 't>(vocabulary: &'v Vocabulary<'t>) -> &'v [&'t str];
}

macro_rules! lists {
    ($($kind:ident, $list:ident;)+) => {
        $(
            impl Listed for $kind {
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
        }
    };
}

lists! {
    Action, actions;
    Modality, modalities;
    Function, functions;
    Region, regions;
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
    /// Reads a vocabulary: a list a line, its names divided by commas.
    ///
    /// # Errors
    /// A list that does not exist, a name that stands twice in one or is a word of policies, more names than a list can have.
    pub fn read(text: &'t str) -> Result<Self, TextError> {
        visible(text)?;
        let mut vocabulary = Self { digest: Sha256::digest(text).into(), ..Self::default() };
        for line in Lines::of(text) {
            let mut words = Words::of(line);
            let list = words.word()?;
            loop {
                let name = words.word()?;
                if RESERVED.contains(&name.text) {
                    return Err(name.at(Trouble::Reserved));
                }
                vocabulary.add(list.text, name.text).map_err(|trouble| match trouble {
                    Trouble::UnknownStatement => list.at(trouble),
                    trouble => name.at(trouble),
                })?;
                if words.is_over() {
                    break;
                }
                words.comma()?;
            }
        }
        Ok(vocabulary)
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
