//! Escrows and votes over a restart (`IACP §4.2.7.2`): what a node has accepted, it tries to the end.

use iacp_wire::layout::VerdictVote;
use iacp_wire::{DhtKey, Eid};
use zerocopy::{FromBytes, IntoBytes};

use super::Node;
use super::cases::Case;
use crate::crypto::Provider;
use crate::directory::Class;
use crate::governance::window::{Ballot, Escrow, Outcome, VOTERS};
use crate::time::Mono;

const VOTE: usize = 8 + size_of::<VerdictVote>();
const HEAD: usize = 8 + Escrow::SAVED + 96;

/// An open escrow as bytes: version (2) 1 · class 1 · voters v 1 · votes w 1 · notices 1 · reserved 3 · escrow 88 · accuser 32 · host 32,
/// zero for none · storage key 32 · seven times a voter 32 · seven times outcome 1 · reserved 7 · voter 32 · epoch 8 · signature 64. Beyond v and w it is zero.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SavedCase([u8; SavedCase::LEN]);

impl SavedCase {
    /// Length in bytes.
    pub const LEN: usize = HEAD + VOTERS * (32 + VOTE);

    /// The bytes to write to stable storage.
    #[must_use]
    pub const fn bytes(&self) -> &[u8; Self::LEN] {
        &self.0
    }

    /// What was read from stable storage.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; Self::LEN]) -> Self {
        Self(bytes)
    }

    fn of(case: &Case, now: Mono) -> Self {
        let mut saved = [0; Self::LEN];
        let count = |length: usize| u8::try_from(length).unwrap_or(0);
        let (class, key) = case.court;
        let (voters, host) = (case.ballot.voters(), case.host.unwrap_or(Eid::ZERO));
        let head = [2, class as u8, count(voters.len()), count(case.votes.len()), case.notices, 0, 0, 0];
        let fields = head.into_iter().chain(case.escrow.save(now)).chain(case.accuser.0).chain(host.0).chain(key.0);
        saved.iter_mut().zip(fields).for_each(|(to, from)| *to = from);
        let (list, votes) = saved.split_at_mut(HEAD + VOTERS * 32);
        let eids = voters.iter().flat_map(|voter| voter.0);
        list.iter_mut().skip(HEAD).zip(eids).for_each(|(to, from)| *to = from);
        for (place, (outcome, vote)) in votes.chunks_exact_mut(VOTE).zip(&case.votes) {
            let fields = [*outcome as u8, 0, 0, 0, 0, 0, 0, 0].into_iter().chain(vote.as_bytes().iter().copied());
            place.iter_mut().zip(fields).for_each(|(to, from)| *to = from);
        }
        Self(saved)
    }

    fn case(&self, now: Mono) -> Option<Case> {
        let (head, rest) = self.0.split_first_chunk::<8>()?;
        let [2, class, voters, votes, notices, 0, 0, 0] = *head else { return None };
        let (escrow, rest) = rest.split_first_chunk::<{ Escrow::SAVED }>()?;
        let (accuser, rest) = rest.split_first_chunk::<32>()?;
        let (host, rest) = rest.split_first_chunk::<32>()?;
        let (key, rest) = rest.split_first_chunk::<32>()?;
        let (list, rest) = rest.split_at_checked(VOTERS * 32)?;
        let eids: heapless::Vec<Eid, VOTERS> =
            list.as_chunks::<32>().0.iter().take(voters.into()).map(|eid| Eid(*eid)).collect();
        let mut ballot = Ballot::new(&eids).filter(|_| eids.len() == usize::from(voters))?;
        let mut kept = heapless::Vec::new();
        for place in rest.chunks_exact(VOTE).take(votes.into()) {
            let (outcome, vote) = place.split_first_chunk::<8>()?;
            let outcome = Outcome::from_code(*outcome.first()?)?;
            let vote = VerdictVote::read_from_bytes(vote).ok()?;
            ballot.vote(&vote.voter_eid, outcome);
            kept.push((outcome, vote)).ok()?;
        }
        Some(Case {
            escrow: Escrow::restore(now, escrow)?,
            accuser: Eid(*accuser),
            host: Some(Eid(*host)).filter(|host| *host != Eid::ZERO),
            notices,
            court: (Class::from_code(class)?, DhtKey(*key)),
            ballot,
            votes: kept,
        })
    }
}

/// A saved escrow that does not go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum NotRestored {
    /// The bytes are no saved escrow.
    Malformed,
    /// It is open already, or there is no room.
    NoRoom,
}

words! {
    NotRestored {
        Self::Malformed => "the bytes are no saved escrow",
        Self::NoRoom => "the escrow is open already, or there is no room for it",
    }
}

impl core::error::Error for NotRestored {}

impl<P: Provider> Node<'_, P> {
    /// The open escrows with the votes on each, to be written to stable storage: after each [`Event::Persist`](super::NodeEvent::Persist)
    /// before its vote is signed, and every minute, for the window of an hour counts the time in which the node ran.
    pub fn saved_cases(&self, now: Mono) -> impl Iterator<Item = SavedCase> {
        self.cases.all().map(move |case| SavedCase::of(case, now))
    }

    /// Goes on with an escrow after a restart. A vote that may have been cast is due again, as it was.
    ///
    /// # Errors
    /// The bytes are malformed, or there is no room; then nothing changes.
    pub fn restore_case(&mut self, now: Mono, saved: &SavedCase) -> Result<(), NotRestored> {
        let case = saved.case(now).ok_or(NotRestored::Malformed)?;
        if self.cases.restore(case) { Ok(()) } else { Err(NotRestored::NoRoom) }
    }
}
