//! What a record's body says of itself (`IACP §5.1`): its fields, the key it is kept under, what orders it.

use iacp_wire::layout::{
    AirkBinding, Assertion, Custody, FilterPart, Hosting, NodeRecord, Publication, Revocation, Score, Verdict,
};
use iacp_wire::message::{DhtTicketStore, ErpRegister, MalfeasanceData, PssRevocationRebuttal};
use iacp_wire::{DhtKey, Digest, Eid, Signature};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::accusation::Court;
use super::kind::{Class, Kind, MalformedRecord};
use super::name::{Curation, Delegation, Path, Root};
use crate::crypto::Provider;
use crate::governance::malfeasance::accusation_id;

/// A body whose form is right. Nothing else of it is checked yet.
///
/// What a tool prints of a record, whose form it has checked and nothing else:
///
/// ```
/// use iacp_core::directory::{Body, Custodian, Kind, MalformedRecord, Rebuttal, Stated};
/// # use iacp_core::crypto::{ChaChaOnly, Provider};
/// # use iacp_core::erp::binding::Binding;
/// # use iacp_core::identity::Identity;
/// # use iacp_wire::message::ErpRegister;
/// # use iacp_wire::{DhtKey, Locator};
/// # use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
/// # use zerocopy::IntoBytes;
/// # let mut rng = ChaCha8Rng::seed_from_u64(1);
/// # let agent = Identity::<ChaChaOnly>::generate(&mut rng);
/// # let key = DhtKey(ChaChaOnly::sha256(&[&agent.eid().0]));
/// # let bound = |last| {
/// #     let ip = Locator::from(std::net::IpAddr::from([192, 0, 2, last]));
/// #     let Binding { eid, ip, generation, signature } = Binding::sign(&agent, ip, 7);
/// #     ErpRegister {
/// #         source_eid: eid,
/// #         current_transport_ip: ip,
/// #         generation_counter: generation.into(),
/// #         signature,
/// #     }
/// # };
///
/// fn line(body: &Body<'_>) -> String {
///     match body {
///         Body::Binding(binding) => format!("generation {}", binding.generation_counter),
///         Body::Custody(Custodian { child, .. }) => format!("{} is kept alive", child.as_str()),
///         Body::Assertion(Stated { path, .. }) => format!("a word of {}", path.as_str()),
///         Body::Rebuttal(Rebuttal { revocation, .. }) => format!("a defence of {:?}", revocation.eid),
///         other => format!("a record of {:?}", other.owner()),
///     }
/// }
///
/// let binding = bound(1);
/// let body = Body::parse(Kind::Binding, binding.as_bytes())?;
/// assert_eq!((line(&body).as_str(), body.owner()), ("generation 7", Some(agent.eid())));
/// assert_eq!(Body::parse(Kind::Hosting, binding.as_bytes()), Err(MalformedRecord));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Body<'a> {
    /// See [`Kind::Binding`].
    Binding(&'a ErpRegister),
    /// See [`Kind::Ticket`].
    Ticket(&'a DhtTicketStore),
    /// See [`Kind::AirkBinding`].
    AirkBinding(&'a AirkBinding),
    /// See [`Kind::Revocation`].
    Revocation(&'a Revocation),
    /// See [`Kind::Hosting`].
    Hosting(&'a Hosting),
    /// See [`Kind::Root`].
    Root(Root<'a>),
    /// See [`Kind::Curation`].
    Curation(Curation<'a>),
    /// See [`Kind::Delegation`].
    Delegation(Delegation<'a>),
    /// See [`Kind::Custody`].
    Custody(Custodian<'a>),
    /// See [`Kind::Assertion`].
    Assertion(Stated<'a>),
    /// See [`Kind::Publication`].
    Publication(&'a Publication),
    /// See [`Kind::Accusation`].
    Accusation(MalfeasanceData<'a>, Court<'a>),
    /// See [`Kind::Rebuttal`].
    Rebuttal(&'a Rebuttal),
    /// See [`Kind::Verdict`].
    Verdict(Verdict<'a>),
    /// See [`Kind::Score`].
    Score(&'a Score),
    /// See [`Kind::Node`].
    Node(&'a NodeRecord),
    /// See [`Kind::Filter`].
    Filter(&'a FilterPart),
}

/// The body of a CUSTODY, its paths checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Custodian<'a> {
    /// The curator's path.
    pub path: Path<'a>,
    /// The path of the child that is kept alive, below it.
    pub child: Path<'a>,
    /// Terms and votes.
    pub custody: Custody<'a>,
    /// What each node signs.
    pub signed: &'a [u8],
}

impl<'a> Custodian<'a> {
    fn parse(bytes: &'a [u8]) -> Result<Self, MalformedRecord> {
        let custody = Custody::parse(bytes).map_err(|_| MalformedRecord)?;
        let [path, child] = [custody.path, custody.child].map(Path::from_bytes);
        let (path, child) = (path.ok_or(MalformedRecord)?, child.ok_or(MalformedRecord)?);
        let behind = size_of_val(custody.votes).saturating_add(1);
        let signed = bytes.len().checked_sub(behind).and_then(|length| bytes.get(..length)).ok_or(MalformedRecord)?;
        if child.extends(&path) { Ok(Self { path, child, custody, signed }) } else { Err(MalformedRecord) }
    }
}

/// The body of an ASSERTION, its path checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stated<'a> {
    /// The curator's path.
    pub path: Path<'a>,
    /// What is said.
    pub assertion: Assertion<'a>,
    /// What the curator signs.
    pub signed: &'a [u8],
}

impl<'a> Stated<'a> {
    fn parse(bytes: &'a [u8]) -> Result<Self, MalformedRecord> {
        let assertion = Assertion::parse(bytes).map_err(|_| MalformedRecord)?;
        let path = Path::from_bytes(assertion.path).ok_or(MalformedRecord)?;
        let (signed, _) = bytes.split_last_chunk::<64>().ok_or(MalformedRecord)?;
        if assertion.terms.value.get() > 10_000 { Err(MalformedRecord) } else { Ok(Self { path, assertion, signed }) }
    }
}

/// The body of a REBUTTAL: that of a PSS_REVOCATION_REBUTTAL whose evidence is a revocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct Rebuttal {
    /// The front of the frame.
    pub head: PssRevocationRebuttal,
    /// The evidence.
    pub revocation: Revocation,
    /// By the offender, or by its AIRK.
    pub signature: Signature,
}

const _: () = assert!(size_of::<Rebuttal>() == 244);

impl Rebuttal {
    fn parse(bytes: &[u8]) -> Result<&Self, MalformedRecord> {
        let rebuttal = Self::ref_from_bytes(bytes).map_err(|_| MalformedRecord)?;
        let measured = rebuttal.head.rebuttal_proof_length.get() == 112;
        let own = rebuttal.revocation.eid == rebuttal.head.offender_eid;
        if measured && own { Ok(rebuttal) } else { Err(MalformedRecord) }
    }
}

/// What there is one record of under a key: an EID has one binding, but a ticket for each ticket iv.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Slot {
    /// The kind.
    pub kind: Kind,
    /// The storage key.
    pub key: DhtKey,
    /// Which of several; zero where there is one.
    pub which: [u8; 32],
}

impl<'a> Body<'a> {
    /// Reads a body.
    ///
    /// # Errors
    /// Its size or one of its lengths or paths is wrong.
    pub fn parse(kind: Kind, bytes: &'a [u8]) -> Result<Self, MalformedRecord> {
        fn figure<T: FromBytes + KnownLayout + Immutable + Unaligned>(bytes: &[u8]) -> Result<&T, MalformedRecord> {
            T::ref_from_bytes(bytes).map_err(|_| MalformedRecord)
        }
        Ok(match kind {
            Kind::Binding => Self::Binding(figure(bytes)?),
            Kind::Ticket => Self::Ticket(figure(bytes)?),
            Kind::AirkBinding => Self::AirkBinding(figure(bytes)?),
            Kind::Revocation => Self::Revocation(figure(bytes)?),
            Kind::Hosting => Self::Hosting(figure(bytes)?),
            Kind::Root => Self::Root(Root::parse(bytes)?),
            Kind::Curation => Self::Curation(Curation::parse(bytes)?),
            Kind::Delegation => Self::Delegation(Delegation::parse(bytes)?),
            Kind::Custody => Self::Custody(Custodian::parse(bytes)?),
            Kind::Assertion => Self::Assertion(Stated::parse(bytes)?),
            Kind::Publication => Self::Publication(figure(bytes)?),
            Kind::Accusation => {
                let data = MalfeasanceData::parse(bytes).map_err(|_| MalformedRecord)?;
                Self::Accusation(data, Court::of(&data)?)
            }
            Kind::Rebuttal => Self::Rebuttal(Rebuttal::parse(bytes)?),
            Kind::Verdict => Self::Verdict(Verdict::parse(bytes).map_err(|_| MalformedRecord)?),
            Kind::Score => Self::Score(figure(bytes)?),
            Kind::Node => Self::Node(figure(bytes)?),
            Kind::Filter => {
                let part: &FilterPart = figure(bytes)?;
                // Two epochs of a larger one would stand under no key.
                let sound = part.order < 3 && u32::from(part.part.get()) < 16 << part.order;
                Self::Filter(if sound { part } else { return Err(MalformedRecord) })
            }
        })
    }

    /// The class and the storage key that the body itself says. What is filed where an accusation is tried may say a path's,
    /// as `stated`: the body of a verdict or a rebuttal does not repeat the path, and the judge compares it with what it
    /// knows of the accusation.
    // keeps: IACP-011 (§3.5), IACP-109 (§5.1.2)
    pub(crate) fn place<P: Provider>(&self, kind: Kind, stated: &DhtKey) -> (Class, DhtKey) {
        let at_offender = |offender: &Eid| {
            let own = DhtKey(P::sha256(&[&offender.0]));
            if own == *stated { (Class::Identities, own) } else { (Class::Namespaces, *stated) }
        };
        match self {
            Self::Accusation(_, court) => (court.class(), court.key::<P>()),
            Self::Verdict(body) => at_offender(&body.head.offender_eid),
            Self::Rebuttal(body) => {
                let (class, key) = at_offender(&body.head.offender_eid);
                (class, if class == Class::Identities { key } else { body.head.target_storage_key })
            }
            _ => (kind.class(), self.key::<P>()),
        }
    }

    fn key<P: Provider>(&self) -> DhtKey {
        let hashed = |bytes: &[u8]| DhtKey(P::sha256(&[bytes]));
        match self {
            Self::Binding(body) => hashed(&body.source_eid.0),
            Self::Ticket(body) => hashed(&body.target_agent_eid.0),
            Self::AirkBinding(body) => hashed(&body.eid.0),
            Self::Revocation(body) => hashed(&body.eid.0),
            Self::Hosting(body) => hashed(&body.eid.0),
            Self::Root(body) => hashed(body.path.as_bytes()),
            Self::Curation(body) => hashed(body.path.as_bytes()),
            Self::Delegation(body) => hashed(body.child.as_bytes()),
            Self::Custody(body) => hashed(body.child.as_bytes()),
            Self::Assertion(body) => hashed(&body.assertion.terms.subject.0),
            Self::Publication(body) => body.target_space_coordinate,
            Self::Accusation(_, court) => court.key::<P>(),
            Self::Rebuttal(body) => hashed(&body.head.offender_eid.0),
            Self::Verdict(body) => hashed(&body.head.offender_eid.0),
            Self::Score(body) => hashed(&body.eid.0),
            Self::Node(body) => hashed(&body.eid.0),
            Self::Filter(body) => hashed(&body.directory_node_eid.0),
        }
    }

    /// What it is one of.
    pub(crate) fn which<P: Provider>(&self) -> [u8; 32] {
        let mut which = [0; 32];
        match self {
            Self::Ticket(body) => {
                which.iter_mut().zip(body.aead_nonce.0.iter().take(4)).for_each(|(to, from)| *to = *from);
            }
            Self::Curation(body) => {
                which.iter_mut().zip(body.version.to_be_bytes()).for_each(|(to, from)| *to = from);
            }
            Self::Publication(body) => which = body.eid.0,
            Self::Assertion(body) => which = P::sha256(&[body.path.as_bytes()]),
            Self::Accusation(body, _) => which = accusation_id::<P>(body.ticket).0,
            Self::Rebuttal(body) => which = body.head.offender_eid.0,
            Self::Verdict(body) => which = body.head.accusation_id.0,
            Self::Filter(body) => {
                which.iter_mut().zip(body.as_bytes().iter().take(8)).for_each(|(to, from)| *to = *from);
            }
            Self::Score(body) => which = body.directory_node_eid.0,
            _ => {}
        }
        which
    }

    /// The key that answers for the record.
    #[must_use]
    pub fn owner(&self) -> Option<Eid> {
        Some(match self {
            Self::Binding(body) => body.source_eid,
            Self::Ticket(body) => body.target_agent_eid,
            Self::AirkBinding(body) => body.eid,
            Self::Revocation(body) => body.eid,
            Self::Hosting(body) => body.eid,
            Self::Root(body) => body.curation_key,
            Self::Publication(body) => body.eid,
            Self::Accusation(body, _) => body.evidence.accuser(),
            Self::Rebuttal(body) => body.head.offender_eid,
            Self::Score(body) => body.directory_node_eid,
            Self::Node(body) => body.eid,
            Self::Filter(body) => body.directory_node_eid,
            Self::Curation(_) | Self::Delegation(_) | Self::Custody(_) | Self::Assertion(_) | Self::Verdict(_) => {
                return None;
            }
        })
    }

    /// What decides between two of one slot, where a number does: the higher one is newer.
    pub(crate) fn order(&self) -> u128 {
        match self {
            Self::Binding(body) => body.generation_counter.get().into(),
            Self::Ticket(body) => {
                body.aead_nonce.0.last_chunk::<8>().map_or(0, |counter| u64::from_be_bytes(*counter)).into()
            }
            // Lower first invalid generation first, then the earlier time.
            Self::Revocation(body) => {
                u128::from(u64::MAX - body.first_invalid_generation.get()) << 64
                    | u128::from(u64::MAX - body.timestamp.get())
            }
            Self::Hosting(body) => body.from.get().into(),
            Self::Delegation(body) => body.not_before.into(),
            Self::Publication(body) => body.from.get().into(),
            Self::Score(body) => body.timestamp.get().into(),
            Self::Node(body) => body.timestamp.get().into(),
            Self::Custody(body) => body.custody.terms.not_after.get().into(),
            Self::Assertion(body) => body.assertion.terms.from.get().into(),
            Self::AirkBinding(_)
            | Self::Root(_)
            | Self::Curation(_)
            | Self::Accusation(..)
            | Self::Rebuttal(_)
            | Self::Verdict(_)
            | Self::Filter(_) => 0,
        }
    }
}

/// SHA-256 of a record's kind, key and body: what a `DIR_RECEIPT` names.
#[must_use]
pub fn record_digest<P: Provider>(kind: u8, key: &DhtKey, body: &[u8]) -> Digest {
    Digest(P::sha256(&[kind.as_bytes(), &key.0, body]))
}
