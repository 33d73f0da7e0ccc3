//! Accusations of all offences: where they are tried, and whether they hold (`IACP §5.5.1`).

use iacp_wire::message::{Evidence, MalfeasanceData};
use iacp_wire::{DhtKey, Eid};

use super::kind::{Class, MalformedRecord};
use super::name::{Curation, Delegation, Path};
use crate::crypto::Provider;
use crate::governance::claims::{ClaimKind, verify_claims};
use crate::governance::malfeasance::{self, Accusation, Offence, Unproven};

/// Which nodes try an accusation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Court<'a> {
    /// Those that are responsible for the offender's EID.
    Eid(Eid),
    /// Those that are responsible for the path whose key signed: they hold that key.
    Path(Path<'a>),
}

impl core::fmt::Display for Court<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Eid(eid) => write!(f, "the nodes for {eid}"),
            Self::Path(path) => write!(f, "the nodes for {path}"),
        }
    }
}

impl<'a> Court<'a> {
    /// The court of an accusation.
    ///
    /// # Errors
    /// The claims of a curator do not have their form.
    pub fn of(data: &MalfeasanceData<'a>) -> Result<Self, MalformedRecord> {
        let Evidence::Claims(claims) = data.evidence else { return Ok(Self::Eid(data.ticket.target_eid)) };
        match ClaimKind::from_code(claims.kind()).ok_or(MalformedRecord)? {
            ClaimKind::Curation => Ok(Self::Path(Curation::parse(claims.a())?.path)),
            ClaimKind::Delegation => Ok(Self::Path(Delegation::parse(claims.a())?.parent)),
            ClaimKind::Vote | ClaimKind::Turn => Ok(Self::Eid(data.ticket.target_eid)),
        }
    }

    /// The class of its records.
    #[must_use]
    pub const fn class(&self) -> Class {
        match self {
            Self::Eid(_) => Class::Identities,
            Self::Path(_) => Class::Namespaces,
        }
    }

    /// The storage key of its records.
    #[must_use]
    pub fn key<P: Provider>(&self) -> DhtKey {
        DhtKey(match self {
            Self::Eid(eid) => P::sha256(&[&eid.0]),
            Self::Path(path) => P::sha256(&[path.as_bytes()]),
        })
    }
}

/// Verifies an accusation of any offence: form, contradiction, the offender's signatures, the accuser's.
///
/// # Errors
/// The first check that fails. No standing changes then.
// keeps: IACP-098 (§4.2.7.1), IACP-100 (§5.5.1)
pub fn verify_accusation<P: Provider>(data: &MalfeasanceData<'_>) -> Result<Accusation, Unproven> {
    match data.evidence {
        Evidence::Bindings(_) => malfeasance::verify::<P>(data),
        Evidence::Claims(_) => verify_claims::<P>(data, |kind, offender, pair| match kind {
            ClaimKind::Curation => curations::<P>(offender, pair),
            ClaimKind::Delegation => delegations::<P>(offender, pair),
            ClaimKind::Vote | ClaimKind::Turn => Err(Unproven::Offence),
        }),
    }
}

/// Whether a revocation clears an accusation, by what it says of itself: see [`Accusation::is_cleared_by`].
pub(super) fn is_cleared_by(data: &MalfeasanceData<'_>, first_invalid: u64) -> bool {
    let generation = match data.evidence {
        Evidence::Bindings(evidence) => evidence.fragment_a.generation_counter.get(),
        Evidence::Claims(_) => 0,
    };
    data.ticket.offense_type.get() != Offence::DoubleVote as u16 && generation >= first_invalid
}

/// Two changes of one state of one root. The version alone is not a serial: a name that was registered anew begins at 1 again,
/// and its honest curator has signed another version 1 before.
fn curations<P: Provider>(offender: &Eid, pair: [&[u8]; 2]) -> Result<(), Unproven> {
    let read = |bytes| Curation::parse(bytes).map_err(|MalformedRecord| Unproven::Form);
    let [one, other] = [read(pair[0])?, read(pair[1])?];
    if (one.path, one.version, one.state_before) != (other.path, other.version, other.state_before) {
        return Err(Unproven::Serial);
    }
    if one.says_what(&other) {
        return Err(Unproven::NoContradiction);
    }
    [one, other].iter().try_for_each(|claim| claim.verify::<P>(offender)).map_err(|_| Unproven::Fragment)
}

/// Two delegations of one child path with one beginning.
fn delegations<P: Provider>(offender: &Eid, pair: [&[u8]; 2]) -> Result<(), Unproven> {
    let read = |bytes| Delegation::parse(bytes).map_err(|MalformedRecord| Unproven::Form);
    let [one, other] = [read(pair[0])?, read(pair[1])?];
    if (one.parent, one.child, one.not_before) != (other.parent, other.child, other.not_before) {
        return Err(Unproven::Serial);
    }
    if one.says_what(&other) {
        return Err(Unproven::NoContradiction);
    }
    [one, other].iter().try_for_each(|claim| claim.verify::<P>(offender)).map_err(|_| Unproven::Fragment)
}
