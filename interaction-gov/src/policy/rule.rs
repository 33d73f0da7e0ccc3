//! A rule, and its conditions on facts (`IoE R2`).

use core::fmt;

use super::facts::{Facts, Kind, On, Provenance};
use crate::bytes::{FieldError, Reader, attempt};
use crate::list::{Blank, List};
use crate::time::Time;
use crate::vocabulary::{Action, Consent, Function, Modality, Name, Obligation, Posture, Region, Role, Set};

/// What a rule says.
///
/// ```
/// use interaction_gov::policy::Effect;
///
/// let effects = [Effect::Permit, Effect::Deny, Effect::Keep];
/// assert_eq!(effects.map(Effect::name), ["permit", "deny", "keep"]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Effect {
    /// The action may be done, with the obligations of the rule.
    Permit,
    /// The action is denied.
    Deny,
    /// The action is denied if data leave these regions.
    Keep,
}

impl Effect {
    /// The word in policies.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Permit => "permit",
            Self::Deny => "deny",
            Self::Keep => "keep",
        }
    }
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Whose consent a clause is about.
///
/// ```
/// use interaction_gov::policy::Whose;
///
/// assert_eq!(Whose::ALL.map(Whose::name), ["consent", "stream-consent", "own-consent", "second-consent"]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Whose {
    /// `consent`: every person who is there.
    All,
    /// `stream-consent`: every person whose data the action carries.
    Stream,
    /// `own-consent`: the actor.
    Own,
    /// `second-consent`: a person other than the actor.
    Second,
}

impl Whose {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::All, Self::Stream, Self::Own, Self::Second];

    /// The word in policies.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::All => "consent",
            Self::Stream => "stream-consent",
            Self::Own => "own-consent",
            Self::Second => "second-consent",
        }
    }

    fn of(self, facts: &Facts) -> Set<Consent> {
        match self {
            Self::All => facts.consents.all,
            Self::Stream => facts.consents.stream,
            Self::Own => facts.consents.own,
            Self::Second => facts.consents.second,
        }
    }
}

/// A condition that does not depend on the actor's properties or the action.
///
/// ```
/// use interaction_gov::policy::{Test, Whose};
/// use interaction_gov::vocabulary::{Consent, Role};
///
/// let tests = [Test::With(Whose::Second, Consent(1)), Test::Absent(Role(0)), Test::Hours(22 * 60, 6 * 60 + 30)];
/// let words = ["with second-consent 1", "without present 0", "from 2200 to 0630"];
/// assert_eq!(tests.map(|test| test.to_string()), words);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Test {
    /// There is this consent.
    With(Whose, Consent),
    /// There is not.
    Without(Whose, Consent),
    /// A valid participant is there in this role.
    Present(Role),
    /// None is.
    Absent(Role),
    /// The time is between these minutes of the day, without the second; past midnight, if the second is less.
    Hours(u16, u16),
}

const MINUTE: u32 = 60_000;
/// Minutes of a day.
pub(super) const DAY: u16 = 1_440;

/// The minute of the day, by the caller's clock, and the milliseconds of this minute: its time counts from a midnight.
///
/// It divides digit by digit, of 16 bits each: a division of 64 bits is a kilobyte of a small device's flash.
fn minute(Time(ms): Time) -> (u16, u32) {
    let (mut minute, mut left) = (0, 0);
    for digit in ms.to_be_bytes().as_chunks().0 {
        left = (left << 16) | u32::from(u16::from_be_bytes(*digit));
        minute = ((minute << 16) | (left / MINUTE)) % u32::from(DAY);
        left %= MINUTE;
    }
    (u16::try_from(minute).unwrap_or_default(), left)
}

impl Test {
    /// Whether the test holds.
    #[must_use]
    pub fn holds(self, facts: &Facts) -> bool {
        match self {
            Self::With(whose, consent) => whose.of(facts).contains(consent),
            Self::Without(whose, consent) => !whose.of(facts).contains(consent),
            Self::Present(role) => facts.present.contains(role),
            Self::Absent(role) => !facts.present.contains(role),
            Self::Hours(from, to) => {
                let (now, _) = minute(facts.time);
                if from <= to { from <= now && now < to } else { from <= now || now < to }
            }
        }
    }

    const fn contrary(self) -> Self {
        match self {
            Self::With(whose, consent) => Self::Without(whose, consent),
            Self::Without(whose, consent) => Self::With(whose, consent),
            Self::Present(role) => Self::Absent(role),
            Self::Absent(role) => Self::Present(role),
            Self::Hours(from, to) => Self::Hours(to, from),
        }
    }

    /// When its result next changes with time.
    pub(super) fn changes(self, now: Time) -> Time {
        let Self::Hours(from, to) = self else { return Time::NEVER };
        let (at, past) = minute(now);
        let begun = now.0 - u64::from(past);
        let away = |edge: u16| if edge > at { edge - at } else { edge + DAY - at };
        Time(begun).after(u64::from(away(from).min(away(to))) * u64::from(MINUTE))
    }

    /// Its bytes in a scope that is signed.
    pub(crate) const fn bytes(self) -> [u8; 5] {
        let (kind, one, two) = match self {
            Self::With(whose, consent) => (0, whose as u16, consent.0 as u16),
            Self::Without(whose, consent) => (1, whose as u16, consent.0 as u16),
            Self::Present(role) => (2, role.0 as u16, 0),
            Self::Absent(role) => (3, role.0 as u16, 0),
            Self::Hours(from, to) => (4, from, to),
        };
        let ([a, b], [c, d]) = (one.to_be_bytes(), two.to_be_bytes());
        [kind, a, b, c, d]
    }

    /// A test from its bytes.
    const fn read(from: &mut Reader<'_>) -> Result<Self, FieldError> {
        let [kind, high, one, upper, two] = attempt!(from.take());
        let (first, second) = (u16::from_be_bytes([high, one]), u16::from_be_bytes([upper, two]));
        Ok(match (kind, high, upper) {
            (0 | 1, 0, 0) if (one as usize) < Whose::ALL.len() => {
                let whose = match one {
                    0 => Whose::All,
                    1 => Whose::Stream,
                    2 => Whose::Own,
                    _ => Whose::Second,
                };
                if kind == 0 { Self::With(whose, Consent(two)) } else { Self::Without(whose, Consent(two)) }
            }
            (2, 0, _) if second == 0 => Self::Present(Role(one)),
            (3, 0, _) if second == 0 => Self::Absent(Role(one)),
            (4, ..) if first < DAY && second < DAY => Self::Hours(first, second),
            _ => return Err(FieldError::Field("test")),
        })
    }

    /// Reads their number, and each of them.
    pub(crate) const fn read_all<const N: usize>(
        from: &mut Reader<'_>,
        tests: &mut List<Self, N>,
    ) -> Result<(), FieldError> {
        let number = attempt!(from.u8());
        let mut places = tests.places(number);
        if number as usize > places.len() {
            return Err(FieldError::Field("tests"));
        }
        let mut left = number;
        while left > 0
            && let Some((place, rest)) = places.split_first_mut()
        {
            *place = attempt!(Self::read(from));
            (places, left) = (rest, left - 1);
        }
        Ok(())
    }
}

/// Tests that must all hold, sorted.
pub(crate) type Tests = List<Test, 8>;

impl Blank for Test {
    const BLANK: Self = Self::With(Whose::All, Consent(0));
}

/// Moves the last test to its sorted place. This is done by hand, because the library's sort can panic if an order is
/// not total.
pub(super) fn settle(tests: &mut Tests) {
    let mut at = tests.len().saturating_sub(1);
    while at > 0 {
        let Some([before, last]) = tests.as_mut_slice().get_mut(at - 1..=at) else { return };
        if *before <= *last {
            return;
        }
        core::mem::swap(before, last);
        at -= 1;
    }
}

/// Conditions on facts. Every part must hold; a part that is not said always holds.
///
/// ```
/// use interaction_gov::policy::{Conditions, Scope};
/// use interaction_gov::vocabulary::{Action, Vocabulary};
///
/// let names = Vocabulary::read("actions join, export\nregions de\nauthorities clinic")?;
/// let conditions = Scope::read("export for human in de from 0800 to 1800", &names)?.conditions;
/// assert!(conditions.actions.contains(Action(1)) && !conditions.actions.contains(Action(0)));
/// assert_eq!(conditions.to_string(), "actions 1 for human in 0 from 0800 to 1800");
/// assert_eq!(Conditions::ANY.to_string(), "any");
/// # Ok::<(), interaction_gov::TextError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conditions {
    /// The actions.
    pub actions: Set<Action>,
    /// The kinds of participants, a bit each.
    pub(crate) kinds: u8,
    /// The roles of the actor. `None`: any, or none.
    pub roles: Option<Set<Role>>,
    /// The streams. `None`: any, or none.
    pub modalities: Option<Set<Modality>>,
    /// The functions. `None`: any, or none.
    pub functions: Option<Set<Function>>,
    /// The regions of those whose data it carries. `None`: any, or unknown.
    pub regions: Option<Set<Region>>,
    /// What else must be so.
    pub(crate) tests: Tests,
    /// Levels of posture, a bit each.
    pub(crate) postures: u8,
    /// Levels of provenance, a bit each.
    pub(crate) provenances: u8,
}

/// How conditions count that are not known, or that differ between several participants.
///
/// ```
/// use interaction_gov::policy::{Scope, Sense};
/// # use interaction_gov::policy::{Consents, Facts, Kind, On, Provenance};
/// # use interaction_gov::time::Time;
/// # use interaction_gov::vocabulary::{Action, Posture, Region, Set, Vocabulary};
///
/// let names = Vocabulary::read("actions join\nregions de, fr\nauthorities host")?;
/// let in_de = Scope::read("join in de", &names)?.conditions;
/// # let facts = Facts {
/// #     action: Action(0),
/// #     kind: Kind::Human,
/// #     home: None,
/// #     roles: Set::EMPTY,
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
/// // Data of two participants, one in Germany, one in France.
/// let both = Facts { law: Set::one(Region(0)).with(Region(1)), ..facts };
/// assert!(in_de.hold(&both, Sense::May) && !in_de.hold(&both, Sense::Must));
/// # Ok::<(), interaction_gov::TextError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sense {
    /// The condition may hold for one of them: this is enough to forbid, and for an authority to be asked.
    May,
    /// The condition must hold for all of them: this is needed to permit.
    Must,
}

impl Conditions {
    /// What always holds.
    pub const ANY: Self = Self {
        actions: Set::ALL,
        kinds: 0xF,
        roles: None,
        modalities: None,
        functions: None,
        regions: None,
        tests: Tests::new(),
        postures: 0xF,
        provenances: 0x7,
    };

    /// What never holds: all zeros.
    pub(super) const NEVER: Self = Self {
        actions: Set::EMPTY,
        kinds: 0,
        roles: None,
        modalities: None,
        functions: None,
        regions: None,
        tests: Tests::new(),
        postures: 0,
        provenances: 0,
    };

    /// Whether this kind of participant is included.
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

    /// The further tests: consents, presence, the time of day.
    pub fn tests(&self) -> impl Iterator<Item = Test> + '_ {
        self.tests.iter().copied()
    }

    /// Whether the conditions hold for these facts. The index computes the same faster, for numbers that a vocabulary
    /// can have.
    #[must_use]
    pub fn hold(&self, facts: &Facts, sense: Sense) -> bool {
        self.hold_of(facts, facts.law_or_unknown(), sense)
    }

    /// The same with these regions in place of those of the facts.
    pub(super) fn hold_of(&self, facts: &Facts, where_they_are: Set<Region>, sense: Sense) -> bool {
        let on = self.modalities.is_none_or(|these| match facts.on {
            On::Stream(modality) => modality.has_room() && these.contains(modality),
            On::Nothing => false,
            On::Unsaid => sense == Sense::May,
        });
        let law = self.regions.is_none_or(|these| match sense {
            Sense::May => !these.with(Region::UNKNOWN).and(where_they_are).is_empty(),
            Sense::Must => these.covers(where_they_are),
        });
        self.elsewhere(facts) && on && law
    }

    /// All but streams and regions.
    fn elsewhere(&self, facts: &Facts) -> bool {
        self.actions.contains(facts.action)
            && self.has_kind(facts.kind)
            && self.roles.is_none_or(|these| !these.and(facts.roles).is_empty())
            && self.functions.is_none_or(|these| facts.function.is_some_and(|one| these.contains(one)))
            && self.tests.iter().all(|test| test.holds(facts))
            && self.has_posture(facts.posture)
            && self.has_provenance(facts.provenance)
    }

    /// Whether these conditions hold whenever the others do.
    #[must_use]
    pub(crate) fn cover(&self, others: &Self) -> bool {
        fn wider<T: Name>(wide: Option<Set<T>>, narrow: Option<Set<T>>) -> bool {
            wide.is_none_or(|wide| narrow.is_some_and(|narrow| wide.covers(narrow)))
        }
        self.actions.covers(others.actions)
            && others.kinds & !self.kinds == 0
            && wider(self.roles, others.roles)
            && wider(self.modalities, others.modalities)
            && wider(self.functions, others.functions)
            && wider(self.regions, others.regions)
            && self.tests.iter().all(|test| others.tests.contains(test))
            && others.postures & !self.postures == 0
            && others.provenances & !self.provenances == 0
    }

    /// Whether these conditions can hold at all.
    #[must_use]
    pub(crate) fn can_hold(&self) -> bool {
        let contrary = |test: &Test| self.tests.contains(&test.contrary()) && !matches!(test, Test::Hours(..));
        !self.tests.iter().any(contrary)
            && self.kinds != 0
            && self.postures != 0
            && self.provenances != 0
            && !self.actions.is_empty()
    }
}

/// A rule of an authority.
///
/// ```
/// use interaction_gov::policy::Policy;
/// use interaction_gov::vocabulary::Vocabulary;
///
/// let names = Vocabulary::read("actions join, export\nregions de, fr\nroles host\nconsents export\nauthorities clinic")?;
/// let text = "authority clinic\nversion 1\npermit export as host in de, fr with consent export\nkeep any within de\n";
/// let mut policy = Policy::<1>::new();
/// policy.add(text, &names)?;
/// let rules: Vec<String> = policy.members().iter().flat_map(|one| policy.rules_of(one)).map(|rule| rule.to_string()).collect();
/// // In the order in which they decide, in numbers of the vocabulary.
/// assert_eq!(rules, ["line 4: keep any within 0", "line 3: permit actions 1 as 0 in 0, 1 with consent 0"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// What the rule does.
    pub effect: Effect,
    /// When the rule holds.
    pub conditions: Conditions,
    /// For a keep: the regions within which data must stay.
    pub within: Set<Region>,
    /// What a permit obliges to.
    pub obligations: Set<Obligation>,
    /// Its line in its authority's policy.
    pub line: u16,
    /// Its short name: the first bytes of a hash of its `named` word or, without one, of its words. An edit of other
    /// lines does not change it.
    pub id: u32,
}

impl Rule {
    /// Whether the rule applies to these facts: a permit if it must hold, a deny and a keep if they may hold. No rule
    /// applies to a number that no vocabulary has.
    #[must_use]
    pub fn speaks(&self, facts: &Facts) -> bool {
        let sense = if self.effect == Effect::Permit { Sense::Must } else { Sense::May };
        let leaves = self.effect != Effect::Keep || !self.within.covers(facts.goes);
        facts.have_names() && leaves && self.conditions.hold(facts, sense)
    }
}

#[cfg(test)]
mod tests;
