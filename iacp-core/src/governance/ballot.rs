//! Votes and verdicts as they stand in frames and records (`IACP §5.5.2`).

use iacp_wire::layout::{Verdict, VerdictHead, VerdictVote};
use iacp_wire::message::PomVote;
use iacp_wire::{Digest, Eid, Signature};
use zerocopy::IntoBytes;

use super::window::{Ballot, Counted, Outcome};
use crate::crypto::{BadSignature, Provider};
use crate::identity::{Identity, sign_record, verify_record};

/// The registry's name.
const NAME: &str = "POM_VOTE";
/// The common header of a POM_VOTE without flags.
const HEADER: [u8; 4] = [0x19, 0x60, 0x00, 0xAC];
const _: () = assert!(PomVote::LEN == 0xAC);
const UNSIGNED: usize = PomVote::LEN - Signature::LEN;

/// What the signature of a vote covers: the frame before it.
fn signed(vote: &PomVote) -> [u8; HEADER.len() + UNSIGNED] {
    let mut bytes = [0; HEADER.len() + UNSIGNED];
    bytes.iter_mut().zip(HEADER.iter().chain(vote.as_bytes())).for_each(|(to, from)| *to = *from);
    bytes
}

/// Signs a vote. Only what stands on stable storage is signed, and only once for each accusation: two votes of one node that
/// differ convict it.
///
/// ```
/// use iacp_core::crypto::{ChaChaOnly, Secret32};
/// use iacp_core::governance::ballot::{NotBinding, sign, verify};
/// use iacp_core::governance::window::Outcome;
/// use iacp_core::identity::Identity;
/// use iacp_wire::{Digest, Eid};
///
/// let node = Identity::<ChaChaOnly>::from_seed(&Secret32::new([1; 32]));
/// let mut vote = sign(&node, Digest([2; 32]), Eid([3; 32]), Outcome::Guilty, 59_666_666);
/// assert_eq!(verify::<ChaChaOnly>(&vote)?, Outcome::Guilty);
/// vote.outcome = 2;
/// assert_eq!(verify::<ChaChaOnly>(&vote), Err(NotBinding::Signature));
/// # Ok::<(), NotBinding>(())
/// ```
// keeps: IACP-068 (§4.2.1.3)
#[must_use]
pub fn sign<P: Provider>(voter: &Identity<P>, id: Digest, offender: Eid, outcome: Outcome, epoch: u64) -> PomVote {
    let mut vote = PomVote {
        accusation_id: id,
        offender_eid: offender,
        outcome: outcome as u8,
        reserved: [0; 3],
        epoch: epoch.into(),
        voter_eid: voter.eid(),
        signature: Signature::ZERO,
    };
    vote.signature = sign_record(voter, NAME, &signed(&vote), &[]);
    vote
}

/// Why votes bind nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum NotBinding {
    /// The outcome is neither guilty nor cleared.
    Outcome,
    /// A node votes twice, or one that does not vote here.
    Voter,
    /// Fewer votes than k of the n nodes.
    TooFew,
    /// A signature is not the voter's.
    Signature,
}

words! {
    NotBinding {
        Self::Outcome => "outcome: neither guilty nor cleared",
        Self::Voter => "voter_eid: none of the nodes that vote here, or one that has voted",
        Self::TooFew => "count: fewer votes than the quorum needs",
        Self::Signature => "signature: not the voter's",
    }
}

impl core::error::Error for NotBinding {}

/// The outcome that a vote states, if its signature holds.
///
/// # Errors
/// The outcome is none, or the signature is not the voter's.
pub fn verify<P: Provider>(vote: &PomVote) -> Result<Outcome, NotBinding> {
    let outcome = Outcome::from_code(vote.outcome).ok_or(NotBinding::Outcome)?;
    let vote_as_sent = PomVote { reserved: [0; 3], ..*vote };
    verify_record::<P>(&vote.voter_eid, NAME, &signed(&vote_as_sent), &[], &vote.signature)
        .map_err(|BadSignature| NotBinding::Signature)?;
    Ok(outcome)
}

/// The vote that a verdict carries in part.
#[must_use]
pub fn vote(head: &VerdictHead, vote: &VerdictVote) -> PomVote {
    PomVote {
        accusation_id: head.accusation_id,
        offender_eid: head.offender_eid,
        outcome: head.outcome,
        reserved: [0; 3],
        epoch: vote.epoch,
        voter_eid: vote.voter_eid,
        signature: vote.signature,
    }
}

/// Whether a verdict binds: k votes of different nodes among the n that try the accusation. Counting comes before
/// signatures, so a verdict that cannot bind costs none.
///
/// # Errors
/// The first check that fails.
// keeps: IACP-068 (§4.2.1.3), IACP-126 (§5.5.2)
pub fn binds<P: Provider>(verdict: &Verdict<'_>, voters: &[Eid]) -> Result<Outcome, NotBinding> {
    let outcome = Outcome::from_code(verdict.head.outcome).ok_or(NotBinding::Outcome)?;
    let mut ballot = Ballot::new(voters).ok_or(NotBinding::TooFew)?;
    let mut reached = false;
    for vote in verdict.votes {
        match ballot.vote(&vote.voter_eid, outcome) {
            Counted::Counted => {}
            Counted::Verdict(_) => reached = true,
            Counted::Known | Counted::DoubleVote | Counted::Stranger => return Err(NotBinding::Voter),
        }
    }
    if !reached {
        return Err(NotBinding::TooFew);
    }
    for part in verdict.votes {
        verify::<P>(&vote(verdict.head, part))?;
    }
    Ok(outcome)
}
