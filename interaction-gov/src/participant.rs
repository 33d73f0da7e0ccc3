//! Participants: people, things, services and agents, and how long their validation holds (`IoE R2`).

use crate::policy::Kind;
use crate::time::Time;
use crate::vocabulary::{Action, Authority, Consent, Name, Posture, Region, Set};

/// A participant's number in an interaction. Nobody gets the number of somebody who has left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Seat(pub u16);

/// Who wants to take part, as the caller has just authenticated it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Admission {
    /// A name that is the same whenever the same one comes: the first bytes of a key's hash. It appears in records, and
    /// towards authorities only as a pseudonym.
    pub name: [u8; 16],
    /// What it is.
    pub kind: Kind,
    /// Whose participant it is.
    pub home: Option<Authority>,
    /// When its credential expires.
    pub credential_until: Time,
    /// What is known about it now.
    pub validation: Validation,
    /// What it consents to.
    pub consents: Set<Consent>,
    /// What joining is called in policy: it is decided like any action.
    pub action: Action,
}

/// What the caller has just found out about a participant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Validation {
    /// How secure it is.
    pub posture: Posture,
    /// Where it is, in law.
    pub region: Option<Region>,
    /// How long this may be relied on. The settings may make it shorter, and so does the credential.
    pub until: Time,
}

/// A participant that is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Participant {
    pub(crate) seat: Seat,
    pub(crate) name: [u8; 16],
    pub(crate) kind: Kind,
    pub(crate) home: Option<Authority>,
    pub(crate) credential_until: Time,
    pub(crate) valid_until: Time,
    pub(crate) posture: Posture,
    pub(crate) region: Option<Region>,
    pub(crate) consents: Set<Consent>,
}

/// A number that no vocabulary can have says nothing: the lowest posture, an unknown region.
pub(crate) fn known<T: Name>(name: T) -> Option<T> {
    name.has_room().then_some(name)
}

impl Participant {
    pub(crate) fn admitted(seat: Seat, admission: &Admission, now: Time, validation_ms: u32) -> Self {
        let Admission { name, kind, home, credential_until, validation, consents, action: _ } = *admission;
        let Validation { posture, region, until } = validation;
        let mut participant =
            Self { seat, name, kind, home, credential_until, valid_until: until, posture, region, consents };
        participant.validate(&validation, now, validation_ms);
        participant
    }

    // keeps: IOE-060, IOE-062, IOE-063
    pub(crate) fn validate(&mut self, validation: &Validation, now: Time, validation_ms: u32) {
        let at_most = now.after(u64::from(validation_ms));
        self.valid_until = validation.until.min(at_most).min(self.credential_until);
        self.posture = known(validation.posture).unwrap_or(Posture(0));
        self.region = validation.region.and_then(known);
    }

    /// Whether what is known about it may still be relied on.
    #[must_use]
    pub fn is_valid(&self, now: Time) -> bool {
        now < self.valid_until
    }

    /// Its name.
    #[must_use]
    pub const fn name(&self) -> &[u8; 16] {
        &self.name
    }

    /// What it is.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// Until when its validation holds.
    #[must_use]
    pub const fn valid_until(&self) -> Time {
        self.valid_until
    }

    /// What it consents to.
    #[must_use]
    pub const fn consents(&self) -> Set<Consent> {
        self.consents
    }
}
