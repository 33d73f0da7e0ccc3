//! Offences that two signed bodies show (`IACP §5.5.1`, `IACP §6.5.2`): a curator's double signing, a double vote, a contract
//! signed twice.
//!
//! Both bodies are the offender's own signed word, so no third party can make them. What only one of a session's two ends
//! could have made proves nothing and is not an offence here.

use iacp_wire::message::{Claims, ClaimsTail, Evidence, MalfeasanceData, PomVote, ProofOfMal};
use iacp_wire::{Digest, Eid, Signature};
use zerocopy::{FromBytes, IntoBytes};

use super::ballot;
use super::equivocation::{NotProven, TURN, contract_pair};
use super::malfeasance::{Accusation, Offence, UNSIGNED, Unproven, accusation_id, accuser_signs, sign_ticket};
use crate::crypto::Provider;
use crate::identity::Identity;

/// A kind of claim and the offence that two of them show.
///
/// A node has voted both ways, and the two votes prove it:
///
/// ```
/// use iacp_core::directory::accusation::verify_accusation;
/// use iacp_core::governance::claims::{ClaimKind, accuse_claims};
/// use iacp_core::governance::malfeasance::Offence;
/// use iacp_core::governance::{ballot, window::Outcome};
/// # use iacp_core::crypto::{ChaChaOnly, Secret32};
/// # use iacp_core::identity::Identity;
/// # use iacp_wire::message::{Evidence, MalfeasanceData};
/// # use iacp_wire::{Digest, Eid};
/// # use zerocopy::IntoBytes;
/// # let [node, accuser] = [1, 2].map(|byte| Identity::<ChaChaOnly>::from_seed(&Secret32::new([byte; 32])));
///
/// let vote = |outcome| ballot::sign(&node, Digest([5; 32]), Eid([6; 32]), outcome, 59_666_666);
/// let (one, other) = (vote(Outcome::Guilty), vote(Outcome::Cleared));
/// let (claims, mut buffer) = ([one.as_bytes(), other.as_bytes()], [0; 512]);
/// let (ticket, claims) = accuse_claims(&accuser, node.eid(), ClaimKind::Vote, claims, 0, &mut buffer)?;
/// let data = MalfeasanceData { ticket: &ticket, evidence: Evidence::Claims(claims) };
/// assert_eq!(verify_accusation::<ChaChaOnly>(&data)?.offence(), Offence::DoubleVote);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum ClaimKind {
    /// The body of a CURATION: equal name and version.
    Curation = 1,
    /// A delegation token: equal child path and `not before`.
    Delegation = 2,
    /// The body of a POM_VOTE: equal accusation, another outcome.
    Vote = 3,
    /// The digest of a predecessor and a PSS_NEG that answers it: another contract.
    Turn = 4,
}

words! {
    ClaimKind {
        Self::Curation => "curation",
        Self::Delegation => "delegation",
        Self::Vote => "vote",
        Self::Turn => "turn",
    }
}

impl ClaimKind {
    /// The kind of a code.
    #[must_use]
    pub const fn from_code(code: u8) -> Option<Self> {
        match code {
            1 => Some(Self::Curation),
            2 => Some(Self::Delegation),
            3 => Some(Self::Vote),
            4 => Some(Self::Turn),
            _ => None,
        }
    }

    /// The offence.
    #[must_use]
    pub const fn offence(self) -> Offence {
        match self {
            Self::Curation | Self::Delegation => Offence::CuratorDoubleSigning,
            Self::Vote => Offence::DoubleVote,
            Self::Turn => Offence::ContractEquivocation,
        }
    }
}

/// Verifies a ticket whose evidence is two claims: form, contradiction, the offender's signatures, the accuser's.
/// `curated` says whether two bodies of a namespace contradict each other under the offender's key: see
/// [`verify_accusation`](crate::directory::accusation::verify_accusation), which knows how.
///
/// # Errors
/// The first check that fails. No standing changes then.
// keeps: IACP-098 (§4.2.7.1), IACP-154 (§6.5.2)
pub fn verify_claims<P: Provider>(
    data: &MalfeasanceData<'_>,
    curated: impl FnOnce(ClaimKind, &Eid, [&[u8]; 2]) -> Result<(), Unproven>,
) -> Result<Accusation, Unproven> {
    let MalfeasanceData { ticket, evidence: Evidence::Claims(claims) } = data else { return Err(Unproven::Offence) };
    let kind = form::<P>(ticket, claims)?;
    let (offender, pair) = (&ticket.target_eid, [claims.a(), claims.b()]);
    match kind {
        ClaimKind::Curation | ClaimKind::Delegation => curated(kind, offender, pair)?,
        ClaimKind::Vote => votes::<P>(offender, pair)?,
        ClaimKind::Turn => turns::<P>(offender, pair)?,
    }
    accuser_signs::<P>(ticket, &data.evidence)?;
    Ok(Accusation::new(accusation_id::<P>(ticket), *offender, claims.tail().accuser_eid, kind.offence(), 0))
}

/// What a ticket says before any signature is looked at.
fn form<P: Provider>(ticket: &ProofOfMal, claims: &Claims<'_>) -> Result<ClaimKind, Unproven> {
    if ticket.version.get() != 1 {
        return Err(Unproven::Version);
    }
    let kind = ClaimKind::from_code(claims.kind()).ok_or(Unproven::Offence)?;
    if ticket.offense_type.get() != kind.offence() as u16 {
        return Err(Unproven::Offence);
    }
    if claims.tail().accuser_eid == ticket.target_eid {
        return Err(Unproven::OwnAccuser);
    }
    let digests = [claims.a(), claims.b()].map(|claim| P::sha256(&[claim]));
    let [a, b] = digests;
    if digests != [ticket.digest_a.0, ticket.digest_b.0] || a >= b {
        return Err(Unproven::Digests);
    }
    Ok(kind)
}

/// Two votes of one node on one accusation. They say different things: the same outcome in two epochs is a repetition.
fn votes<P: Provider>(offender: &Eid, pair: [&[u8]; 2]) -> Result<(), Unproven> {
    let read = |bytes| PomVote::ref_from_bytes(bytes).map_err(|_| Unproven::Form);
    let [one, other] = [read(pair[0])?, read(pair[1])?];
    if one.voter_eid != *offender || other.voter_eid != *offender {
        return Err(Unproven::Fragment);
    }
    if (one.accusation_id, one.offender_eid) != (other.accusation_id, other.offender_eid) {
        return Err(Unproven::Serial);
    }
    if one.outcome == other.outcome {
        return Err(Unproven::NoContradiction);
    }
    for vote in [one, other] {
        ballot::verify::<P>(vote).map_err(|_| Unproven::Fragment)?;
    }
    Ok(())
}

/// Two counter-proposals that answer one turn.
fn turns<P: Provider>(offender: &Eid, pair: [&[u8]; 2]) -> Result<(), Unproven> {
    let read = |bytes: &'_ [u8]| {
        let (predecessor, frame) = bytes.split_first_chunk::<32>().ok_or(Unproven::Form)?;
        if frame.len() == TURN { Ok(Digest(*predecessor)) } else { Err(Unproven::Form) }
    };
    let [one, other] = [read(pair[0])?, read(pair[1])?];
    if one != other {
        return Err(Unproven::Serial);
    }
    let frame = |bytes: &[u8]| -> Option<[u8; TURN]> { bytes.last_chunk().copied() };
    let [Some(first), Some(second)] = [frame(pair[0]), frame(pair[1])] else { return Err(Unproven::Form) };
    contract_pair::<P>(offender, &one, &first, &second).map_err(|reason| match reason {
        NotProven::NotATurn => Unproven::Form,
        NotProven::OtherPoint => Unproven::Serial,
        NotProven::Same => Unproven::NoContradiction,
        NotProven::Signature => Unproven::Fragment,
    })
}

/// Compiles a ticket out of two claims, into the caller's buffer. Whether it proves anything, its reader says.
///
/// # Errors
/// The buffer is too small, or a claim is too long.
pub fn accuse_claims<'b, P: Provider>(
    accuser: &Identity<P>,
    offender: Eid,
    kind: ClaimKind,
    [one, other]: [&[u8]; 2],
    verified_at: u64,
    buffer: &'b mut [u8],
) -> Result<(ProofOfMal, Claims<'b>), iacp_wire::WriteError> {
    let digest = |claim: &[u8]| Digest(P::sha256(&[claim]));
    let (a, b) = if digest(one) <= digest(other) { (one, other) } else { (other, one) };
    let tail = ClaimsTail { verification_time: verified_at.into(), accuser_eid: accuser.eid() };
    let (digest_a, digest_b) = (digest(a), digest(b));
    let claims = Claims::write(kind as u8, a, b, &tail, buffer)?;
    let mut ticket = ProofOfMal {
        version: 1.into(),
        offense_type: (kind.offence() as u16).into(),
        target_eid: offender,
        digest_a,
        digest_b,
        signature: Signature::ZERO,
    };
    ticket.signature = sign_ticket(accuser, &ticket, &Evidence::Claims(claims));
    Ok((ticket, claims))
}

const _: () = assert!(UNSIGNED + Signature::LEN == ProofOfMal::LEN);
const _: () = assert!(size_of::<PomVote>() == PomVote::LEN && PomVote::LEN == 172);

/// The claim that a turn makes: the digest of its predecessor, then the frame.
#[must_use]
pub fn turn_claim(predecessor: &Digest, frame: &[u8; TURN]) -> [u8; 32 + TURN] {
    let mut claim = [0; 32 + TURN];
    claim.iter_mut().zip(predecessor.as_bytes().iter().chain(frame)).for_each(|(to, from)| *to = *from);
    claim
}
