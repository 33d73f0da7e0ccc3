//! A policy that was compiled on a host: bytes that firmware links. They become a constant that lies in flash as it is,
//! so that a device neither reads text nor does any work when it starts (`IoE R2`).
//!
//! The texts were checked where the policy was compiled; a device trusts that as it trusts the rest of its firmware.
//! Here only the form is checked.

use core::fmt;

use super::settings::Said;
use super::{AUTHORITIES, Member, Policy};
use crate::bytes::{FieldError, Reader, Writer, attempt};
use crate::list::Blank as _;
use crate::policy::Scope;
use crate::vocabulary::{Authority, Set};

/// What the bytes begin with.
const LABEL: [u8; 15] = *b"IoE/1 compiled\0";

/// Why bytes are not a compiled policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum CompiledError {
    /// The label does not match: they are something else, or another version of the format.
    Label,
    /// There are too few bytes, or too many.
    Length,
    /// Its rules need this number of words.
    Full(u16),
    /// A field has no meaning: its name.
    Field(&'static str),
}

impl fmt::Display for CompiledError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Label => f.write_str("no compiled policy, or one of another format"),
            Self::Length => f.write_str("too short or too long"),
            Self::Full(words) => write!(f, "its rules take {words} words of 64"),
            Self::Field(name) => write!(f, "{name} has no meaning"),
        }
    }
}

impl core::error::Error for CompiledError {}

/// As [`attempt`], for a field.
macro_rules! field {
    ($what:expr) => {
        match $what {
            Ok(value) => value,
            Err(FieldError::Length) => return Err(CompiledError::Length),
            Err(FieldError::Field(name)) => return Err(CompiledError::Field(name)),
        }
    };
}

impl<const W: usize, const A: usize, const T: usize, const K: usize> Policy<W, A, T, K> {
    /// Writes the policy as bytes that firmware links. Returns their number.
    ///
    /// # Errors
    /// How many bytes are needed.
    pub fn compile(&self, bytes: &mut [u8]) -> Result<usize, usize> {
        let mut to = Writer::new(bytes);
        to.put(&LABEL);
        to.u16(u16::try_from(self.words).unwrap_or(u16::MAX));
        to.put(&self.vocabulary);
        to.u32(self.own.bits());
        to.u32(self.always.bits());
        to.u128(self.regions.bits());
        to.put(&self.digest);
        to.u8(self.members.count());
        for member in &self.members {
            let Member { authority, version, digest, scope, said, words, rules, everything, obliges, .. } = member;
            to.u8(authority.0);
            to.u32(*version);
            to.put(digest);
            scope.write(&mut to);
            said.0.iter().for_each(|number| to.u32(*number));
            [words.0, words.1, *rules].iter().for_each(|number| to.u16(*number));
            to.put(&[u8::from(*everything), u8::from(*obliges)]);
        }
        self.index.write(self.words, &mut to);
        to.done()
    }
}

impl<const W: usize> Policy<W> {
    /// The policy that a host has compiled, as a constant:
    ///
    /// ```
    /// # use interaction_gov::policy::{CompiledError, Policy};
    /// # const BYTES: &[u8] = b"";
    /// // const BYTES: &[u8] = include_bytes!("policy.bin");
    /// const POLICY: Result<Policy<1>, CompiledError> = Policy::compiled(BYTES);
    /// assert_eq!(POLICY.err(), Some(CompiledError::Length), "nothing is no policy");
    /// ```
    ///
    /// `inspect policy compile` makes the bytes. Any `W` with room for the rules will do.
    ///
    /// # Errors
    /// [`CompiledError`].
    pub const fn compiled(bytes: &[u8]) -> Result<Self, CompiledError> {
        Self::fitted(bytes)
    }
}

impl<const W: usize, const A: usize, const T: usize, const K: usize> Policy<W, A, T, K> {
    /// The same with just as many places for authorities, tests and kinds of regions as it needs: each unused one takes flash.
    ///
    /// # Errors
    /// [`CompiledError`], also if it has more of them than there are places.
    pub const fn fitted(bytes: &[u8]) -> Result<Self, CompiledError> {
        let mut policy = Self::with_room();
        let from = &mut Reader(bytes);
        let label: [u8; 15] = field!(from.take());
        let (mut these, mut those) = (label.as_slice(), LABEL.as_slice());
        while let (Some((one, rest)), Some((other, others))) = (these.split_first(), those.split_first()) {
            if *one != *other {
                return Err(CompiledError::Label);
            }
            (these, those) = (rest, others);
        }
        let words = field!(from.u16());
        if words as usize > W {
            return Err(CompiledError::Full(words));
        }
        policy.words = words as usize;
        policy.vocabulary = field!(from.take());
        policy.own = Set::from_bits(field!(from.u32()));
        policy.always = Set::from_bits(field!(from.u32()));
        policy.regions = Set::from_bits(field!(from.u128()));
        policy.digest = field!(from.take());
        field!(policy.read_members(from, words));
        field!(policy.index.read(words as usize, from));
        field!(from.done());
        Ok(policy)
    }

    const fn read_members(&mut self, from: &mut Reader<'_>, words: u16) -> Result<(), FieldError> {
        let (number, vocabulary) = (attempt!(from.u8()), self.vocabulary);
        if number as usize > A {
            return Err(FieldError::Field("authorities"));
        }
        let (mut places, mut left) = (self.members.places(number), number);
        let (mut end, mut there) = (0, 0_u8);
        while left > 0
            && let Some((place, rest)) = places.split_first_mut()
        {
            let member = attempt!(Member::read(from, vocabulary));
            let authority = member.authority.0 as usize;
            if authority >= AUTHORITIES || there & 1 << authority != 0 {
                return Err(FieldError::Field("authority"));
            }
            // The words of each authority follow those of the one before.
            let ((first, last), rules) = (member.words, member.rules as usize);
            if first != end || last < first || last > words || (last - first) as usize != rules.div_ceil(64) {
                return Err(FieldError::Field("words"));
            }
            (end, there) = (last, there | 1 << authority);
            *place = member;
            (places, left) = (rest, left - 1);
        }
        if end == words { Ok(()) } else { Err(FieldError::Field("words")) }
    }
}

impl Member {
    const fn read(from: &mut Reader<'_>, vocabulary: [u8; 32]) -> Result<Self, FieldError> {
        let mut member = Self { vocabulary, ..Self::BLANK };
        member.authority = Authority(attempt!(from.u8()));
        member.version = attempt!(from.u32());
        member.digest = attempt!(from.take());
        member.scope = attempt!(Scope::read_bytes(from));
        let [lease, validation, recovery, heads] =
            [attempt!(from.u32()), attempt!(from.u32()), attempt!(from.u32()), attempt!(from.u32())];
        member.said = Said([lease, validation, recovery, heads]);
        member.words = (attempt!(from.u16()), attempt!(from.u16()));
        member.rules = attempt!(from.u16());
        member.everything = attempt!(from.bool("everything"));
        member.obliges = attempt!(from.bool("obliges"));
        Ok(member)
    }
}
