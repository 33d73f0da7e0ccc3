//! The escrows of a node, with the votes on each (`IACP §4.2.7.2`, `IACP §5.5.2`).

use iacp_wire::layout::{Verdict, VerdictHead, VerdictVote};
use iacp_wire::message::PomVote;
use iacp_wire::{DhtKey, Digest, Eid};

use crate::directory::{Class, Voters};
use crate::governance::malfeasance::Accusation;
use crate::governance::window::{Ballot, Clock, Counted, Due, Escrow, From, Outcome, epoch};
use crate::time::UnixTime;

pub(super) const VERDICT_LIFE: u64 = 400 * 24 * 3_600_000;
/// An accused key is told this many epochs after its escrow opened.
const NOTICES: [u64; 8] = [0, 1, 2, 4, 8, 16, 32, 64];

/// One accusation under trial.
#[derive(Clone, Debug)]
pub struct Case {
    pub(super) escrow: Escrow,
    pub(super) accuser: Eid,
    /// The host that answered for the offender when the escrow opened.
    pub(super) host: Option<Eid>,
    pub(super) notices: u8,
    pub(super) court: (Class, DhtKey),
    pub(super) ballot: Ballot,
    pub(super) votes: heapless::Vec<(Outcome, VerdictVote), 7>,
}

/// An escrow that ended.
pub(super) struct Ended {
    pub id: Digest,
    pub offender: Eid,
    pub court: (Class, DhtKey),
    pub voters: Voters,
    pub host: Option<Eid>,
}

impl Case {
    fn ended(&self) -> Ended {
        let voters = self.ballot.voters().iter().copied().collect();
        let (id, offender) = (self.escrow.id(), self.escrow.offender());
        Ended { id, offender, court: self.court, voters, host: self.host }
    }
}

/// Why an accusation opens no escrow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub(super) enum NotOpened {
    /// It is open already.
    Known,
    /// There is no room, or no nodes that could vote.
    Full,
}

/// What a vote did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Voted {
    /// It is counted, or was.
    Counted,
    /// There is a verdict: see [`Cases::verdict`].
    Verdict(Outcome),
    /// The node had voted otherwise: its first vote.
    DoubleVote(PomVote),
    /// No such case, or no such voter.
    Stranger,
}

pub(super) struct Cases<'m> {
    cases: &'m mut [Option<Case>],
}

impl<'m> Cases<'m> {
    pub(super) fn new(cases: &'m mut [Option<Case>]) -> Self {
        cases.iter_mut().for_each(|case| *case = None);
        Self { cases }
    }

    fn get(&self, id: &Digest) -> Option<&Case> {
        self.cases.iter().flatten().find(|case| case.escrow.id() == *id)
    }

    fn get_mut(&mut self, id: &Digest) -> Option<&mut Case> {
        self.cases.iter_mut().flatten().find(|case| case.escrow.id() == *id)
    }

    pub(super) fn is_open(&self, eid: &Eid) -> bool {
        self.cases.iter().flatten().any(|case| case.escrow.offender() == *eid)
    }

    /// The open cases.
    pub(super) fn all(&self) -> impl Iterator<Item = &Case> {
        self.cases.iter().flatten()
    }

    /// Takes a case that was saved before a restart; whether there was room for it, and none of its kind.
    pub(super) fn restore(&mut self, case: Case) -> bool {
        let is_known = self.get(&case.escrow.id()).is_some();
        match self.cases.iter_mut().find(|place| place.is_none()) {
            Some(place) if !is_known => {
                *place = Some(case);
                true
            }
            _ => false,
        }
    }

    pub(super) const fn places(&self) -> usize {
        self.cases.len()
    }

    /// Whether another accusation may open.
    pub(super) fn has_room(&self) -> bool {
        self.cases.iter().any(Option::is_none)
    }

    /// The next notice that is due to an accused key: which accusation, which key, and the epoch in which it opened.
    pub(super) fn notice(&mut self, now: UnixTime) -> Option<(Digest, Eid, u64)> {
        let is_due = |case: &&mut Case| {
            let pause = NOTICES.get(usize::from(case.notices));
            pause.is_some_and(|pause| epoch(now) >= case.escrow.opened().saturating_add(*pause))
        };
        let case = self.cases.iter_mut().flatten().find(is_due)?;
        case.notices = case.notices.saturating_add(1);
        Some((case.escrow.id(), case.escrow.offender(), case.escrow.opened()))
    }

    /// The open accusations of a key.
    pub(super) fn of(&self, eid: &Eid) -> impl Iterator<Item = &Case> {
        self.all().filter(|case| case.escrow.offender() == *eid)
    }

    /// Of the accusations of a key in one court that opened at most so many epochs ago, and on which no vote was counted, the one with
    /// the highest id.
    pub(super) fn highest(&self, now: UnixTime, eid: &Eid, court: &DhtKey, epochs: u64) -> Option<Digest> {
        let is_new = |case: &&Case| epoch(now) <= case.escrow.opened().saturating_add(epochs) && case.votes.is_empty();
        let of_court = self.of(eid).filter(|case| case.court.1 == *court);
        of_court.filter(is_new).map(|case| case.escrow.id()).max_by_key(|id| id.0)
    }

    pub(super) fn court(&self, id: &Digest) -> Option<(Class, DhtKey)> {
        self.get(id).map(|case| case.court)
    }

    /// The nodes that try an open accusation: those that were responsible when it opened here.
    pub(super) fn voters(&self, id: &Digest) -> &[Eid] {
        self.get(id).map_or(&[], |case| case.ballot.voters())
    }

    /// An open case on which this node has voted before. Whether its vote is to be cast again.
    pub(super) fn has_voted(&mut self, id: &Digest, outcome: Outcome) -> bool {
        self.get_mut(id).is_some_and(|case| case.escrow.has_voted(outcome))
    }

    /// The vote on an open case could not be told: it is due again.
    pub(super) fn again(&mut self, id: &Digest) {
        if let Some(case) = self.get_mut(id) {
            case.escrow.again();
        }
    }

    pub(super) fn open(
        &mut self,
        now: Clock,
        accusation: &Accusation,
        court: (Class, DhtKey),
        (voters, host): (&Voters, Option<Eid>),
        revocations: impl IntoIterator<Item = (u64, u64)>,
    ) -> Result<(), NotOpened> {
        if self.get(&accusation.id()).is_some() {
            return Err(NotOpened::Known);
        }
        let ballot = Ballot::new(voters).ok_or(NotOpened::Full)?;
        let free = self.cases.iter_mut().find(|case| case.is_none()).ok_or(NotOpened::Full)?;
        let escrow = Escrow::open(now, accusation, revocations);
        *free = Some(Case {
            escrow,
            accuser: accusation.accuser(),
            host,
            notices: 0,
            court,
            ballot,
            votes: heapless::Vec::new(),
        });
        Ok(())
    }

    /// The next open accusation of a key that a rebuttal clears, and this node's vote on it.
    pub(super) fn rebut(&mut self, now: Clock, offender: &Eid, from: From) -> Option<(Digest, Outcome)> {
        let mut of_offender = self.cases.iter_mut().flatten().filter(|case| case.escrow.offender() == *offender);
        of_offender.find_map(|case| match case.escrow.rebut(now, from) {
            Ok(Due::Persist(outcome)) => Some((case.escrow.id(), outcome)),
            _ => None,
        })
    }

    /// What is due now, and in which case. A lapsed case is closed.
    pub(super) fn tick(&mut self, now: Clock) -> Option<(Ended, Due)> {
        for place in self.cases.iter_mut() {
            let Some(case) = place else { continue };
            if let Some(due) = case.escrow.tick(now) {
                let ended = case.ended();
                if due == Due::Lapsed {
                    *place = None;
                }
                return Some((ended, due));
            }
        }
        None
    }

    /// The vote is on stable storage: the outcome, the offender and the voters, once.
    pub(super) fn persisted(&mut self, id: &Digest) -> Option<(Outcome, Eid, Voters)> {
        let case = self.get_mut(id)?;
        let outcome = case.escrow.persisted()?;
        Some((outcome, case.escrow.offender(), case.ballot.voters().iter().copied().collect()))
    }

    /// Counts a vote whose signature holds.
    pub(super) fn vote(&mut self, vote: &PomVote, outcome: Outcome) -> Voted {
        let Some(case) = self.get_mut(&vote.accusation_id) else { return Voted::Stranger };
        if vote.offender_eid != case.escrow.offender() {
            return Voted::Stranger;
        }
        let part = VerdictVote { voter_eid: vote.voter_eid, epoch: vote.epoch, signature: vote.signature };
        match case.ballot.vote(&vote.voter_eid, outcome) {
            Counted::Stranger => Voted::Stranger,
            Counted::Known => Voted::Counted,
            Counted::DoubleVote => {
                let first = case.votes.iter().find(|(_, first)| first.voter_eid == vote.voter_eid);
                let first = first.map(|(outcome, part)| PomVote {
                    outcome: *outcome as u8,
                    reserved: [0; 3],
                    epoch: part.epoch,
                    signature: part.signature,
                    ..*vote
                });
                first.map_or(Voted::Stranger, Voted::DoubleVote)
            }
            Counted::Counted => {
                let _ = case.votes.push((outcome, part));
                Voted::Counted
            }
            Counted::Verdict(outcome) => {
                let _ = case.votes.push((outcome, part));
                Voted::Verdict(outcome)
            }
        }
    }

    /// Forgets a case that gives way to another accusation.
    pub(super) fn forget(&mut self, id: &Digest) -> Option<Case> {
        self.cases.iter_mut().find_map(|place| place.take_if(|case| case.escrow.id() == *id))
    }

    /// Closes a case on which the other nodes came to a verdict.
    pub(super) fn close(&mut self, id: &Digest, outcome: Outcome) -> Option<Ended> {
        let place = self.cases.iter_mut().find(|case| case.as_ref().is_some_and(|case| case.escrow.id() == *id));
        let mut case = place.and_then(Option::take)?;
        case.escrow.verdict(outcome);
        Some(case.ended())
    }

    /// Writes the body of the verdict, closes the case, and says where it was tried.
    pub(super) fn verdict(&mut self, id: &Digest, outcome: Outcome, out: &mut [u8]) -> Option<(usize, Ended)> {
        let place = self.cases.iter_mut().find(|case| case.as_ref().is_some_and(|case| case.escrow.id() == *id))?;
        let case = place.as_mut()?;
        let votes: heapless::Vec<VerdictVote, 7> =
            case.votes.iter().filter(|(voted, _)| *voted == outcome).map(|(_, vote)| *vote).collect();
        let head = VerdictHead {
            accusation_id: *id,
            offender_eid: case.escrow.offender(),
            outcome: outcome as u8,
            count: u8::try_from(votes.len()).unwrap_or(0),
            reserved: [0; 2],
        };
        let length = Verdict { head: &head, votes: &votes }.write(out).ok()?;
        case.escrow.verdict(outcome);
        let ended = case.ended();
        *place = None;
        Some((length, ended))
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::vec::Vec;

    use iacp_wire::Signature;

    use super::*;
    use crate::governance::window::{EPOCH, LAPSE, WINDOW};
    use crate::time::Mono;

    const OPENED: u64 = 100;

    /// One that opened in epoch 100, with four voters.
    fn case(id: u8, offender: u8) -> Case {
        let mut bytes = [0; Escrow::SAVED];
        bytes[8..16].copy_from_slice(&OPENED.to_be_bytes());
        bytes[24..56].fill(id);
        bytes[56..].fill(offender);
        Case {
            escrow: Escrow::restore(Mono(0), &bytes).expect("a saved escrow"),
            accuser: Eid([8; 32]),
            host: Some(Eid([7; 32])),
            notices: 0,
            court: (Class::Identities, DhtKey([offender; 32])),
            ballot: Ballot::new(&[1, 2, 3, 4].map(|voter| Eid([voter; 32]))).expect("four"),
            votes: heapless::Vec::new(),
        }
    }

    fn after(epochs: u64) -> Clock {
        Clock { mono: Mono(epochs * EPOCH), unix: UnixTime((OPENED + epochs) * EPOCH) }
    }

    fn vote(id: u8, offender: u8, voter: u8, outcome: Outcome) -> PomVote {
        PomVote {
            accusation_id: Digest([id; 32]),
            offender_eid: Eid([offender; 32]),
            outcome: outcome as u8,
            reserved: [0; 3],
            epoch: u64::from(voter).into(),
            voter_eid: Eid([voter; 32]),
            signature: Signature([voter; 64]),
        }
    }

    // shows: IACP-102 (§4.2.7.2)
    #[test]
    fn an_accused_key_is_told_eight_times_with_growing_pauses() {
        let mut places = [const { None }; 2];
        let mut cases = Cases::new(&mut places);
        assert!(cases.restore(case(1, 5)));
        let mut told = Vec::new();
        for epoch in OPENED - 1..OPENED + 200 {
            while let Some(said) = cases.notice(UnixTime(epoch * EPOCH)) {
                assert_eq!(said, (Digest([1; 32]), Eid([5; 32]), OPENED));
                told.push(epoch - OPENED);
            }
        }
        assert_eq!(told, [0, 1, 2, 4, 8, 16, 32, 64]);
    }

    #[test]
    fn an_escrow_is_open_once_and_where_there_is_room() {
        let mut places = [const { None }; 2];
        let mut cases = Cases::new(&mut places);
        assert_eq!([(1, 5), (1, 6)].map(|(id, offender)| cases.restore(case(id, offender))), [true, false]);
        assert!(cases.has_room());
        assert_eq!([(2, 5), (3, 6)].map(|(id, offender)| cases.restore(case(id, offender))), [true, false]);
        assert_eq!((cases.has_room(), cases.places(), cases.all().count()), (false, 2, 2));
        assert!(cases.is_open(&Eid([5; 32])) && !cases.is_open(&Eid([6; 32])));
        assert_eq!((cases.of(&Eid([5; 32])).count(), cases.of(&Eid([6; 32])).count()), (2, 0));
        assert_eq!(cases.court(&Digest([2; 32])), Some((Class::Identities, DhtKey([5; 32]))));
        assert_eq!((cases.court(&Digest([3; 32])), cases.voters(&Digest([3; 32])).len()), (None, 0));
        assert_eq!(cases.voters(&Digest([2; 32])), [1, 2, 3, 4].map(|voter| Eid([voter; 32])));
        assert!(cases.forget(&Digest([3; 32])).is_none() && cases.forget(&Digest([2; 32])).is_some());
        assert!(cases.close(&Digest([2; 32]), Outcome::Guilty).is_none());
        let ended = cases.close(&Digest([1; 32]), Outcome::Guilty).expect("it is open");
        assert_eq!((ended.id, ended.offender, ended.host), (Digest([1; 32]), Eid([5; 32]), Some(Eid([7; 32]))));
        assert_eq!((ended.court.1, ended.voters.len(), cases.all().count()), (DhtKey([5; 32]), 4, 0));
    }

    #[test]
    fn of_the_new_trials_without_votes_in_a_court_the_highest_is_named() {
        let mut places = [const { None }; 4];
        let mut cases = Cases::new(&mut places);
        assert!([1, 3, 2].into_iter().all(|id| cases.restore(case(id, 5))));
        let highest = |cases: &Cases<'_>, epochs: u64, offender: u8, court: u8| {
            cases.highest(after(epochs).unix, &Eid([offender; 32]), &DhtKey([court; 32]), 2).map(|id| id.0[0])
        };
        assert_eq!([0, 2, 3].map(|epochs| highest(&cases, epochs, 5, 5)), [Some(3), Some(3), None]);
        assert_eq!((highest(&cases, 0, 6, 5), highest(&cases, 0, 5, 6)), (None, None));
        assert_eq!(cases.vote(&vote(3, 5, 1, Outcome::Guilty), Outcome::Guilty), Voted::Counted);
        assert_eq!(highest(&cases, 0, 5, 5), Some(2));
    }

    // shows: IACP-068 (§4.2.1.3)
    #[test]
    fn three_of_four_nodes_make_a_verdict_of_their_own_votes() {
        let mut places = [const { None }; 2];
        let mut cases = Cases::new(&mut places);
        assert!(cases.restore(case(1, 5)));
        let mut cast = |id, offender, voter, outcome| cases.vote(&vote(id, offender, voter, outcome), outcome);
        for (id, offender, voter) in [(2, 5, 1), (1, 6, 1), (1, 5, 9)] {
            assert_eq!(cast(id, offender, voter, Outcome::Guilty), Voted::Stranger, "{id}, {offender}, {voter}");
        }
        assert_eq!(cast(1, 5, 4, Outcome::Cleared), Voted::Counted);
        assert_eq!(cast(1, 5, 1, Outcome::Guilty), Voted::Counted);
        assert_eq!(cast(1, 5, 1, Outcome::Guilty), Voted::Counted, "once more");
        assert_eq!(cast(1, 5, 1, Outcome::Cleared), Voted::DoubleVote(vote(1, 5, 1, Outcome::Guilty)));
        assert_eq!(cast(1, 5, 2, Outcome::Guilty), Voted::Counted);
        assert_eq!(cast(1, 5, 3, Outcome::Guilty), Voted::Verdict(Outcome::Guilty));
        let mut body = [0; 960];
        assert!(cases.verdict(&Digest([2; 32]), Outcome::Guilty, &mut body).is_none());
        let (length, ended) = cases.verdict(&Digest([1; 32]), Outcome::Guilty, &mut body).expect("it is open");
        let verdict = Verdict::parse(&body[..length]).expect("whole");
        let voters: Vec<Eid> = verdict.votes.iter().map(|vote| vote.voter_eid).collect();
        assert_eq!((voters, verdict.head.count), ([1, 2, 3].map(|voter| Eid([voter; 32])).to_vec(), 3));
        assert_eq!((verdict.head.outcome, verdict.head.offender_eid), (1, Eid([5; 32])));
        assert_eq!((ended.offender, cases.all().count()), (Eid([5; 32]), 0));
    }

    #[test]
    fn a_vote_is_due_once_and_is_signed_once_it_is_written() {
        let mut places = [const { None }; 2];
        let mut cases = Cases::new(&mut places);
        assert!(cases.restore(case(1, 5)) && cases.restore(case(2, 6)));
        let ticked = |cases: &mut Cases<'_>, epochs| cases.tick(after(epochs)).map(|(ended, due)| (ended.id.0[0], due));
        assert_eq!(ticked(&mut cases, WINDOW + 1), None);
        let guilty = Due::Persist(Outcome::Guilty);
        assert_eq!([(); 3].map(|()| ticked(&mut cases, WINDOW + 2)), [Some((1, guilty)), Some((2, guilty)), None]);
        cases.again(&Digest([1; 32]));
        assert_eq!(ticked(&mut cases, WINDOW + 2), Some((1, guilty)), "it could not be told");
        let (outcome, offender, voters) = cases.persisted(&Digest([1; 32])).expect("it is due");
        assert_eq!((outcome, offender, voters.len()), (Outcome::Guilty, Eid([5; 32]), 4));
        assert!(cases.persisted(&Digest([1; 32])).is_none() && cases.persisted(&Digest([9; 32])).is_none());
        assert!(
            !cases.has_voted(&Digest([1; 32]), Outcome::Guilty) && !cases.has_voted(&Digest([9; 32]), Outcome::Guilty)
        );
        assert_eq!(ticked(&mut cases, LAPSE), Some((1, Due::Lapsed)));
        assert_eq!((cases.all().count(), cases.is_open(&Eid([5; 32]))), (1, false));
        // A node votes after a restart as before.
        assert!(cases.restore(case(3, 7)) && cases.has_voted(&Digest([3; 32]), Outcome::Cleared));
        assert!(!cases.has_voted(&Digest([3; 32]), Outcome::Guilty), "and once");
        assert_eq!(cases.persisted(&Digest([3; 32])).map(|(outcome, ..)| outcome), Some(Outcome::Cleared));
    }
}
