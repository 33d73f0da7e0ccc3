//! Proof of malfeasance (`IACP §4.2.7.1`, `§5.5.1`): what two signatures show, and nothing else.
//!
//! Equivocation is one key's word for two places under **one generation**. A host that moved, that registered again with
//! the same bytes, or whose old bindings are shown once more has signed no such pair, so nothing here convicts it. What
//! two signed bodies show stands in [`claims`](super::claims).

use core::fmt;

use iacp_wire::message::{Evidence, HeaderFragment, MalfeasanceData, MalfeasanceEvidence, ProofOfMal};
use iacp_wire::{Digest, Eid, Locator, Signature};
use zerocopy::IntoBytes;

use crate::crypto::{CheckedKey, Provider};
use crate::identity::{Identity, sign_record, verify_record};

/// The first two bytes of a PROOF_OF_MAL's common header without flags; the length follows.
const HEADER: [u8; 2] = [0x11, 0x80];
/// The body of the ticket before its signature.
pub(super) const UNSIGNED: usize = ProofOfMal::LEN - Signature::LEN;
/// The registry's name.
const NAME: &str = "PROOF_OF_MAL";

/// What a key is accused of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Offence {
    /// Two places under one generation.
    Equivocation = 1,
    /// Two changes of a root with one version, or two delegations of one child with one beginning.
    CuratorDoubleSigning = 2,
    /// Two votes on one accusation. There is no defence: a node's key votes once.
    DoubleVote = 3,
    /// Two counter-proposals to one turn.
    ContractEquivocation = 4,
}

impl fmt::Display for Offence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Equivocation => "two addresses under one generation",
            Self::CuratorDoubleSigning => {
                "two changes of a root with one version, or two delegations with one beginning"
            }
            Self::DoubleVote => "two votes on one accusation",
            Self::ContractEquivocation => "two counter-proposals to one turn",
        })
    }
}

/// Why a ticket proves nothing, in the order of the checks: the cheap ones first. Nothing changes by such a ticket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Unproven {
    /// The version is not 1.
    Version,
    /// The offence is not the one that the evidence can show.
    Offence,
    /// Accuser and offender are one.
    OwnAccuser,
    /// The two generations differ: the host moved, and that is not an offence.
    Generations,
    /// The two bindings name one place: a binding may be shown twice.
    SamePlace,
    /// An address that is another spelling of one: two spellings of one place are no offence.
    Spelling,
    /// The digests are not those of the fragments or claims, or not in their order.
    Digests,
    /// A claim does not have the form of its kind.
    Form,
    /// The two claims have different serials: one replaces the other, and that is not an offence.
    Serial,
    /// The two claims say the same.
    NoContradiction,
    /// A fragment or claim is not signed by the offender.
    Fragment,
    /// The ticket is not signed by the accuser. Behind valid fragments alone this says nothing about the accuser.
    Accuser,
}

words! {
    Unproven {
        Self::Version => "version: not 1",
        Self::Offence => "offense_type: not the one that the evidence can show",
        Self::OwnAccuser => "accuser_eid: the offender itself",
        Self::Generations => "generation_counter: two generations, which is a move",
        Self::SamePlace => "ip: the same in both fragments",
        Self::Spelling => "ip: not the one spelling of its address",
        Self::Digests => "digest_a, digest_b: not those of the evidence in their order",
        Self::Form => "claim: not the form of its kind",
        Self::Serial => "claim: two serials, of which one replaces the other",
        Self::NoContradiction => "claim: both say the same",
        Self::Fragment => "fragment or claim: not signed by the offender",
        Self::Accuser => "signature: not the accuser's",
    }
}

impl core::error::Error for Unproven {}

/// A proven accusation. Only a verification makes one.
///
/// One key has signed two places under one generation; both bindings together prove it:
///
/// ```
/// use iacp_core::directory::accusation::{Court, verify_accusation};
/// use iacp_core::governance::malfeasance::{Accusation, Offence, Unproven, accuse};
/// # use iacp_core::crypto::ChaChaOnly;
/// # use iacp_core::erp::binding::Binding;
/// # use iacp_core::identity::Identity;
/// # use iacp_wire::message::{Evidence, HeaderFragment, MalfeasanceData};
/// # use iacp_wire::Locator;
/// # use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
/// # let mut rng = ChaCha8Rng::seed_from_u64(1);
/// # let [thief, accuser] = [(); 2].map(|()| Identity::<ChaChaOnly>::generate(&mut rng));
/// # let fragment = |last| {
/// #     let ip = Locator::from(std::net::IpAddr::from([192, 0, 2, last]));
/// #     HeaderFragment { ip, generation_counter: 7.into(), signature: Binding::sign(&thief, ip, 7).signature }
/// # };
///
/// let (ticket, evidence) = accuse(&accuser, thief.eid(), fragment(1), fragment(2), 1_790_000_000_000);
/// let data = MalfeasanceData { ticket: &ticket, evidence: Evidence::Bindings(&evidence) };
/// let accusation: Accusation = verify_accusation::<ChaChaOnly>(&data)?;
/// assert_eq!((accusation.offence(), accusation.offender()), (Offence::Equivocation, thief.eid()));
/// assert_eq!(Court::of(&data)?, Court::Eid(thief.eid()), "the nodes that are responsible for the EID try it");
///
/// // A host that shows the same place twice has done nothing wrong.
/// let (ticket, evidence) = accuse(&accuser, thief.eid(), fragment(1), fragment(1), 1_790_000_000_000);
/// let data = MalfeasanceData { ticket: &ticket, evidence: Evidence::Bindings(&evidence) };
/// assert_eq!(verify_accusation::<ChaChaOnly>(&data), Err(Unproven::SamePlace));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accusation {
    id: Digest,
    offender: Eid,
    accuser: Eid,
    offence: Offence,
    generation: u64,
}

impl Accusation {
    pub(super) const fn new(id: Digest, offender: Eid, accuser: Eid, offence: Offence, generation: u64) -> Self {
        Self { id, offender, accuser, offence, generation }
    }

    /// The offence.
    #[must_use]
    pub const fn offence(&self) -> Offence {
        self.offence
    }

    /// What ten accusers of one pair have in common.
    #[must_use]
    pub const fn id(&self) -> Digest {
        self.id
    }

    /// The key that signed both.
    #[must_use]
    pub const fn offender(&self) -> Eid {
        self.offender
    }

    /// The key that showed them.
    #[must_use]
    pub const fn accuser(&self) -> Eid {
        self.accuser
    }

    /// The generation that both fragments have; 0 where claims are the evidence.
    #[must_use]
    pub const fn generation(&self) -> u64 {
        self.generation
    }

    /// Whether a revocation with this first invalid generation clears the offender, if it was deposited in time: the key
    /// had left its owner's hands before it signed this. What claims show is cleared by the end of the key alone, and a
    /// double vote by nothing.
    #[must_use]
    pub const fn is_cleared_by(&self, first_invalid: u64) -> bool {
        !matches!(self.offence, Offence::DoubleVote) && self.generation >= first_invalid
    }
}

/// The name of an accusation: offence, offender and the two digests, without the accuser.
#[must_use]
pub fn accusation_id<P: Provider>(ticket: &ProofOfMal) -> Digest {
    Digest(P::sha256(&[
        b"IACP/1 accusation\0",
        ticket.offense_type.as_bytes(),
        &ticket.target_eid.0,
        &ticket.digest_a.0,
        &ticket.digest_b.0,
    ]))
}

/// Whether an address is spelt as it has to be: IPv4 in its IPv4-mapped form and in no other.
fn is_canonical(ip: &Locator) -> bool {
    match ip.0 {
        // ::a.b.c.d, but not :: (a leaving) and ::1.
        [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, a, b, c, d] => u32::from_be_bytes([a, b, c, d]) <= 1,
        // 64:ff9b::a.b.c.d
        [0, 0x64, 0xFF, 0x9B, 0, 0, 0, 0, 0, 0, 0, 0, ..] => false,
        _ => true,
    }
}

/// The bytes that a binding signature covers: EID, IP, generation.
fn bound(eid: &Eid, fragment: &HeaderFragment) -> [u8; 56] {
    let mut bytes = [0; 56];
    let fields = eid.0.iter().chain(&fragment.ip.0).chain(fragment.generation_counter.as_bytes());
    bytes.iter_mut().zip(fields).for_each(|(to, from)| *to = *from);
    bytes
}

/// What a ticket says before any signature is looked at.
fn form<P: Provider>(ticket: &ProofOfMal, evidence: &MalfeasanceEvidence) -> Result<(), Unproven> {
    let MalfeasanceEvidence { fragment_a: a, fragment_b: b, accuser_eid, .. } = evidence;
    if ticket.version.get() != 1 {
        return Err(Unproven::Version);
    }
    if ticket.offense_type.get() != Offence::Equivocation as u16 {
        return Err(Unproven::Offence);
    }
    if *accuser_eid == ticket.target_eid {
        return Err(Unproven::OwnAccuser);
    }
    if a.generation_counter != b.generation_counter {
        return Err(Unproven::Generations);
    }
    if a.ip == b.ip {
        return Err(Unproven::SamePlace);
    }
    if !is_canonical(&a.ip) || !is_canonical(&b.ip) {
        return Err(Unproven::Spelling);
    }
    let digests = [a, b].map(|fragment| P::sha256(&[fragment.as_bytes()]));
    let [digest_a, digest_b] = digests;
    if digests != [ticket.digest_a.0, ticket.digest_b.0] || digest_a >= digest_b {
        return Err(Unproven::Digests);
    }
    Ok(())
}

/// Verifies a ticket with its evidence: form, both fragments, the accuser's signature. The offender's key is checked once
/// for both fragments.
///
/// ```
/// use iacp_core::crypto::{ChaChaOnly, Secret32};
/// use iacp_core::governance::malfeasance::{Unproven, accuse, verify};
/// use iacp_core::identity::Identity;
/// use iacp_wire::message::{Evidence, HeaderFragment, MalfeasanceData};
/// use iacp_wire::{Locator, Signature};
///
/// let [offender, accuser] = [1, 2].map(|byte| Identity::<ChaChaOnly>::from_seed(&Secret32::new([byte; 32])));
/// let unsigned = |last| HeaderFragment {
///     ip: Locator::from(std::net::IpAddr::from([192, 0, 2, last])),
///     generation_counter: 7.into(),
///     signature: Signature::ZERO, // an honest host never signs two of these
/// };
/// let (ticket, evidence) = accuse(&accuser, offender.eid(), unsigned(1), unsigned(2), 1_790_000_000_000);
/// let refused = verify::<ChaChaOnly>(&MalfeasanceData { ticket: &ticket, evidence: Evidence::Bindings(&evidence) });
/// assert_eq!(refused, Err(Unproven::Fragment));
/// ```
///
/// # Errors
/// The first check that fails. No standing changes then.
// keeps: IACP-098 (§4.2.7.1), IACP-099 (§4.2.7.1)
pub fn verify<P: Provider>(data: &MalfeasanceData<'_>) -> Result<Accusation, Unproven> {
    let pair = verify_pair::<P>(data)?;
    accuser_signs::<P>(data.ticket, &data.evidence)?;
    Ok(pair)
}

/// The common header and the ticket before its signature.
fn unsigned(ticket: &ProofOfMal, evidence: &Evidence<'_>) -> [u8; 4 + UNSIGNED] {
    let length = u16::try_from(ProofOfMal::LEN.saturating_add(evidence.as_bytes().len())).unwrap_or(u16::MAX);
    let mut before = [0; 4 + UNSIGNED];
    let fields = HEADER.into_iter().chain(length.to_be_bytes()).chain(ticket.as_bytes().iter().copied());
    before.iter_mut().zip(fields).for_each(|(to, from)| *to = from);
    before
}

/// Whether the accuser signed the ticket and its evidence.
pub(super) fn accuser_signs<P: Provider>(ticket: &ProofOfMal, evidence: &Evidence<'_>) -> Result<(), Unproven> {
    let before = unsigned(ticket, evidence);
    verify_record::<P>(&evidence.accuser(), NAME, &before, evidence.as_bytes(), &ticket.signature)
        .map_err(|_| Unproven::Accuser)
}

pub(super) fn sign_ticket<P: Provider>(
    accuser: &Identity<P>,
    ticket: &ProofOfMal,
    evidence: &Evidence<'_>,
) -> Signature {
    sign_record(accuser, NAME, &unsigned(ticket, evidence), evidence.as_bytes())
}

/// The same without the accuser's signature: what the pair itself shows, whichever way it came.
///
/// # Errors
/// The first check that fails.
pub fn verify_pair<P: Provider>(data: &MalfeasanceData<'_>) -> Result<Accusation, Unproven> {
    let MalfeasanceData { ticket, evidence: Evidence::Bindings(evidence) } = data else {
        return Err(Unproven::Offence);
    };
    form::<P>(ticket, evidence)?;
    let offender = ticket.target_eid;
    let key = CheckedKey::new::<P>(&offender.0).map_err(|_| Unproven::Fragment)?;
    for fragment in [&evidence.fragment_a, &evidence.fragment_b] {
        P::verify_checked(&key, &bound(&offender, fragment), &fragment.signature.0).map_err(|_| Unproven::Fragment)?;
    }
    let generation = evidence.fragment_a.generation_counter.get();
    let id = accusation_id::<P>(ticket);
    Ok(Accusation::new(id, offender, evidence.accuser_eid, Offence::Equivocation, generation))
}

/// Compiles a ticket out of two bindings. Whether it proves anything, [`verify`] says.
#[must_use]
pub fn accuse<P: Provider>(
    accuser: &Identity<P>,
    offender: Eid,
    one: HeaderFragment,
    other: HeaderFragment,
    verified_at: u64,
) -> (ProofOfMal, MalfeasanceEvidence) {
    let digest = |fragment: &HeaderFragment| Digest(P::sha256(&[fragment.as_bytes()]));
    let (a, b) = if digest(&one) <= digest(&other) { (one, other) } else { (other, one) };
    let evidence = MalfeasanceEvidence {
        fragment_a: a,
        fragment_b: b,
        verification_time: verified_at.into(),
        accuser_eid: accuser.eid(),
    };
    let mut ticket = ProofOfMal {
        version: 1.into(),
        offense_type: (Offence::Equivocation as u16).into(),
        target_eid: offender,
        digest_a: digest(&a),
        digest_b: digest(&b),
        signature: Signature::ZERO,
    };
    ticket.signature = sign_ticket(accuser, &ticket, &Evidence::Bindings(&evidence));
    (ticket, evidence)
}
