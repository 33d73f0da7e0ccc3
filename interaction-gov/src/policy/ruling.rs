//! What the authorities decide about some facts (`IoE R7`).

use core::fmt;

use super::AUTHORITIES;
use crate::time::Time;
use crate::vocabulary::{Authority, Obligation, Set};

/// The joint answer of all authorities that are asked.
///
/// ```
/// use interaction_gov::authority::Speaker;
/// use interaction_gov::policy::{Answer, Consents, Facts, Kind, On, Policy, Provenance};
/// use interaction_gov::time::Time;
/// use interaction_gov::vocabulary::{Action, Authority, Posture, Region, Set, Vocabulary};
///
/// let names = Vocabulary::read("actions join, record\nregions de\nauthorities clinic")?;
/// let mut policy = Policy::<1>::new();
/// policy.add("authority clinic\nversion 1\npermit join\n", &names)?;
/// let facts = Facts {
///     action: Action(0),
///     kind: Kind::Human,
///     home: None,
///     roles: Set::EMPTY,
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
/// let itself = |authority| Speaker { authority: Some(authority), until: Time::NEVER };
/// let ruling = policy.decide(&facts, itself);
/// assert_eq!((ruling.answer, ruling.authority, ruling.line), (Answer::Permit, Some(Authority(0)), Some(3)));
/// assert_eq!(ruling.to_string(), "permitted, authority 0, line 3");
/// let silent = policy.decide(&facts, |_| Speaker { authority: None, until: Time::NEVER });
/// assert_eq!(silent.to_string(), "an authority cannot be asked, authority 0");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Ruling {
    /// The answer.
    pub answer: Answer,
    /// The authority for which it was given: the one that denies; if none does, the first one that was asked.
    pub authority: Option<Authority>,
    /// The authority that gave it: a different one, if the decision was delegated.
    pub speaker: Option<Authority>,
    /// The line of the deciding rule in the speaker's text, if a rule decided.
    pub line: Option<u16>,
    /// The short name of that rule.
    pub rule: Option<u32>,
    /// The speaker and the rule for each authority that was asked.
    pub voices: Voices,
    /// The obligations of a permit: those of all rules that permit it.
    pub obligations: Set<Obligation>,
    /// Until when this stays the answer about these facts: until then no time of day changes it, and the speakers stay
    /// the same.
    pub until: Time,
    /// How long a permit holds at most, by the settings of all authorities that were asked.
    pub lease_ms: u32,
}

/// Which authority spoke in the place of each one, and by which line.
///
/// ```
/// use interaction_gov::policy::Voices;
/// use interaction_gov::vocabulary::Authority;
///
/// // The second authority spoke for the first one; the third could not be asked.
/// let voices = Voices { speakers: 0xF02, lines: [7, 0, 0, 0, 0, 0, 0, 0] };
/// assert_eq!(voices.speaker(Authority(0)), Some(Some(Authority(1))));
/// assert_eq!(voices.speaker(Authority(1)), None, "it was not asked itself");
/// assert_eq!(voices.speaker(Authority(2)), Some(None));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Voices {
    /// Four bits for each authority, the first one's the lowest: 0 if it was not asked, 1 to 8 for the number of the
    /// speaker plus one, 15 if none could be asked.
    pub speakers: u32,
    /// The line of the rule for each authority; 0 for none.
    pub lines: [u16; AUTHORITIES],
}

impl Voices {
    const NOBODY: u32 = 15;

    pub(super) fn hear(&mut self, authority: Authority, speaker: Option<Authority>, line: u16) {
        let at = u32::from(authority.0 & 7) * 4;
        let code = speaker.map_or(Self::NOBODY, |speaker| u32::from(speaker.0 & 7) + 1);
        self.speakers = self.speakers & !(0xF << at) | code << at;
        if let Some(place) = self.lines.get_mut(usize::from(authority.0)) {
            *place = line;
        }
    }

    /// The speaker for an authority. `None`: it was not asked; `Some(None)`: none could be asked.
    #[must_use]
    pub const fn speaker(&self, authority: Authority) -> Option<Option<Authority>> {
        match self.speakers >> ((authority.0 & 7) * 4) & 0xF {
            0 => None,
            number @ 1..=8 => {
                let [.., number] = number.to_be_bytes();
                Some(Some(Authority(number - 1)))
            }
            _ => Some(None),
        }
    }

    /// The authorities that were asked, and those that spoke.
    #[must_use]
    pub fn all(&self) -> Set<Authority> {
        let (mut all, mut left, mut authority) = (Set::EMPTY, self.speakers, 0);
        while left != 0 {
            all = match left & 0xF {
                0 => all,
                code @ 1..=8 => {
                    let [.., speaker] = (code - 1).to_be_bytes();
                    all.with(Authority(authority)).with(Authority(speaker))
                }
                _ => all.with(Authority(authority)),
            };
            (left, authority) = (left >> 4, authority + 1);
        }
        all
    }
}

/// The authority that decides in another one's place.
///
/// ```
/// use interaction_gov::policy::Speaker;
/// use interaction_gov::time::Time;
/// use interaction_gov::vocabulary::Authority;
///
/// // The second authority speaks, until a delegation ends.
/// let speaks = Speaker { authority: Some(Authority(1)), until: Time(60_000) };
/// // No authority can be asked.
/// let silent = Speaker { authority: None, until: Time::NEVER };
/// assert!(speaks.until < silent.until);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Speaker {
    /// The deciding authority. `None`: none can be asked.
    pub authority: Option<Authority>,
    /// Until when that is so.
    pub until: Time,
}

/// Permit, or why not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Answer {
    /// All that are asked permit it.
    Permit,
    /// A rule denies it.
    Deny,
    /// No rule permits it.
    NoRule,
    /// Data would go to a region outside those of a keep.
    Residency,
    /// An authority cannot be asked.
    Unreachable,
    /// No authority is asked.
    NobodyAsked,
}

impl Ruling {
    /// Nothing was asked yet.
    pub(super) const NOTHING: Self = Self {
        answer: Answer::NobodyAsked,
        authority: None,
        speaker: None,
        line: None,
        rule: None,
        voices: Voices { speakers: 0, lines: [0; AUTHORITIES] },
        obligations: Set::EMPTY,
        until: Time::NEVER,
        lease_ms: 0,
    };
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Permit => "permitted",
            Self::Deny => "a rule denies it",
            Self::NoRule => "no rule permits it",
            Self::Residency => "data may not go there",
            Self::Unreachable => "an authority cannot be asked",
            Self::NobodyAsked => "no authority is asked",
        })
    }
}
