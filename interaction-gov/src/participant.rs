//! Participants: people, things, services and agents, and how long their validation holds (`IoE R2`).

use crate::lease::Lease;
pub use crate::number::Seat;
use crate::policy::{Kind, On};
use crate::time::Time;
use crate::vocabulary::{Action, Authority, Consent, Modality, Name, Posture, Region, Role, Set};

/// The streams that carry a participant's data, and those that it receives.
///
/// ```
/// use interaction_gov::participant::Streams;
/// use interaction_gov::policy::On;
/// use interaction_gov::vocabulary::{Modality, Set};
///
/// let listens = Streams { sends: Set::EMPTY, receives: Set::one(Modality(0)) };
/// assert!(listens.receives_on(On::Stream(Modality(0))) && !listens.sends_on(On::Unsaid));
/// assert!(Streams::UNSAID.sends_on(On::Stream(Modality(3))), "what is not said counts as all");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Streams {
    /// The streams that carry its data.
    pub sends: Set<Modality>,
    /// The streams on which it receives others' data.
    pub receives: Set<Modality>,
}

impl Streams {
    /// The streams are not said: the participant counts as sending and receiving on all of them.
    pub const UNSAID: Self = Self { sends: Set::ALL, receives: Set::ALL };
    /// It sends and receives on none.
    pub const NONE: Self = Self { sends: Set::EMPTY, receives: Set::EMPTY };

    /// It sends and receives on these.
    #[must_use]
    pub const fn both(modalities: Set<Modality>) -> Self {
        Self { sends: modalities, receives: modalities }
    }

    /// What is in both.
    pub(crate) fn and(self, other: Self) -> Self {
        Self { sends: self.sends.and(other.sends), receives: self.receives.and(other.receives) }
    }

    /// What is in either.
    pub(crate) fn or(self, other: Self) -> Self {
        Self { sends: self.sends.or(other.sends), receives: self.receives.or(other.receives) }
    }

    /// What is in this one alone.
    pub(crate) fn without(self, other: Self) -> Self {
        Self { sends: self.sends.without(other.sends), receives: self.receives.without(other.receives) }
    }

    /// Whether it sends on the stream of an action.
    #[must_use]
    pub fn sends_on(&self, on: On) -> bool {
        among(self.sends, on)
    }

    /// Whether it receives the stream of an action.
    #[must_use]
    pub fn receives_on(&self, on: On) -> bool {
        among(self.receives, on)
    }
}

fn among(streams: Set<Modality>, on: On) -> bool {
    !streams.and(on.streams()).is_empty()
}

/// A party that asks to take part, as the caller has just authenticated it.
///
/// ```
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/call.rs"));
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let Setting { plane, mut log, mut call, .. } = setting();
/// let agent = Admission { kind: Kind::Agent, ..admission(2) };
/// let refused = call.join(Time(2), &agent, &plane, &mut log).err().ok_or("the policy admits no agents")?;
/// assert_eq!(refused.to_string(), "no rule permits it");
/// assert!(call.join(Time(3), &Admission { kind: Kind::Device, ..agent }, &plane, &mut log).is_ok());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Admission {
    /// A name that is the same each time the same party joins: the first bytes of a key's hash. It appears in records;
    /// authorities see only a pseudonym.
    pub name: [u8; 16],
    /// Whether it is a person, a device, a service or an agent.
    pub kind: Kind,
    /// The authority whose participant it is.
    pub home: Option<Authority>,
    /// When its credential expires.
    pub credential_until: Time,
    /// What was found out about it just now.
    pub validation: Validation,
    /// Its roles.
    pub roles: Set<Role>,
    /// What it sends, and what it receives.
    pub streams: Streams,
    /// What it consents to, on all streams.
    pub consents: Set<Consent>,
    /// The action that policies have for joining: it is decided like any other.
    pub action: Action,
}

/// What the caller has just found out about a participant.
///
/// ```
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/call.rs"));
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let Setting { plane, mut log, mut call, seat } = setting();
/// // Found once more, elsewhere, and to be relied on for a second.
/// let found = Validation { region: None, until: Time(1_002), ..admission(1).validation };
/// assert_eq!(call.revalidate(Time(2), seat, &found, &plane, &mut log)?, Time(1_002));
/// assert_eq!(call.participant(seat).ok_or("it is there")?.whereabouts(Time(3)), Region::UNKNOWN);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Validation {
    /// How secure it is.
    pub posture: Posture,
    /// The region in which it is.
    pub region: Option<Region>,
    /// Until when this may be relied on. The settings and the credential can shorten it.
    pub until: Time,
}

/// A participant that is there.
///
/// ```
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/call.rs"));
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let Setting { call, seat, .. } = setting();
/// let there = call.participant(seat).ok_or("it is there")?;
/// assert_eq!((there.name(), there.kind()), (&[1; 16], Kind::Human));
/// assert!(there.is_valid(Time(59_999)) && !there.is_valid(Time(60_000)));
/// assert_eq!(there.whereabouts(Time(60_001)), Region::UNKNOWN, "who is not validated may be anywhere");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Participant {
    pub(crate) seat: Seat,
    pub(crate) name: [u8; 16],
    pub(crate) kind: Kind,
    pub(crate) home: Option<Authority>,
    pub(crate) roles: Set<Role>,
    pub(crate) action: Action,
    pub(crate) credential_until: Time,
    pub(crate) valid_until: Time,
    pub(crate) posture: Posture,
    pub(crate) region: Option<Region>,
    /// The consents on no stream, and on each stream.
    pub(crate) consents: [u16; 16],
    /// The streams that it asks to send and receive, and those that it may.
    pub(crate) wants: Streams,
    pub(crate) has: Streams,
    /// The permit for these streams.
    pub(crate) lease: Lease,
}

/// A number that no vocabulary can have is discarded: it counts as the lowest posture, or an unknown region.
pub(crate) fn known<T: Name>(name: T) -> Option<T> {
    name.has_room().then_some(name)
}

impl Participant {
    pub(crate) fn admitted(seat: Seat, admission: &Admission, now: Time, lease: Lease) -> Self {
        let Admission { name, kind, home, roles, credential_until, validation, consents, action, streams } = *admission;
        let Validation { posture, region, until } = validation;
        let mut participant = Self {
            seat,
            name,
            kind,
            home,
            roles,
            action,
            credential_until,
            valid_until: until,
            posture,
            region,
            consents: [crate::audit::record::low(consents.bits()); 16],
            wants: streams,
            has: streams,
            lease,
        };
        participant.validate(&validation, now, u32::MAX);
        participant
    }

    // keeps: IOE-060 (§4.2 R2), IOE-062 (§4.2 R2), IOE-063 (§4.2 R2)
    pub(crate) fn validate(&mut self, validation: &Validation, now: Time, validation_ms: u32) {
        let at_most = now.after(u64::from(validation_ms));
        self.valid_until = validation.until.min(at_most).min(self.credential_until);
        self.posture = known(validation.posture).unwrap_or(Posture(0));
        self.region = validation.region.and_then(known);
    }

    /// Whether its validation may still be relied on.
    #[must_use]
    pub fn is_valid(&self, now: Time) -> bool {
        now < self.valid_until
    }

    /// Its name.
    #[must_use]
    pub const fn name(&self) -> &[u8; 16] {
        &self.name
    }

    /// Whether it is a person, a device, a service or an agent.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// Until when its validation holds.
    #[must_use]
    pub const fn valid_until(&self) -> Time {
        self.valid_until
    }

    /// What it consents to on a stream; where none is said, on all of them.
    #[must_use]
    pub fn consents(&self, on: On) -> Set<Consent> {
        let bits = match on {
            On::Unsaid => self.consents.iter().fold(u16::MAX, |all, one| all & one),
            On::Nothing => self.consents.first().copied().unwrap_or_default(),
            On::Stream(modality) => self.consents.get(usize::from(modality.0) + 1).copied().unwrap_or_default(),
        };
        Set::from_bits(bits.into())
    }

    /// Sets what it consents to on a stream; where none is said, on all of them.
    pub(crate) fn set_consents(&mut self, on: On, change: impl Fn(u16) -> u16) {
        for (number, column) in self.consents.iter_mut().enumerate() {
            let meant = match on {
                On::Unsaid => true,
                On::Nothing => number == 0,
                On::Stream(modality) => number == usize::from(modality.0) + 1,
            };
            if meant {
                *column = change(*column);
            }
        }
    }

    /// The streams that it may send and receive now.
    #[must_use]
    pub const fn streams(&self) -> Streams {
        self.has
    }

    /// Its roles.
    #[must_use]
    pub const fn roles(&self) -> Set<Role> {
        self.roles
    }

    /// The region in which it is, as far as that is known now.
    #[must_use]
    pub fn whereabouts(&self, now: Time) -> Region {
        self.region.filter(|_| self.is_valid(now)).unwrap_or(Region::UNKNOWN)
    }
}
