//! The votes on one accusation, with the library's escrow and ballot as the step (`IACP §4.2.7.2`, `IACP §5.5.2`).
//!
//! n nodes vote on it, some of which lie. Two nodes count: each hears any of the votes, an honest node's or none, a
//! liar's one way, the other way, both in either order, or none. Equal nodes are interchangeable, so a state is a list
//! of choices that never falls among the honest, nor among the liars.
//!
//! Several accusations of one key have nothing to do with each other: each is tried by itself, with an escrow and a ballot
//! of its own. So one is enough here.

use iacp_core::governance::malfeasance::Accusation;
use iacp_core::governance::window::{Ballot, Clock, Counted, Due, EPOCH, Escrow, GRACE, Outcome, WINDOW, epoch};
use iacp_core::time::{Mono, UnixTime};
use iacp_wire::Eid;
use stateright::{Model, Property};

/// The bounds of a run.
#[derive(Clone, Debug)]
pub struct Voting {
    /// So many nodes vote.
    pub nodes: usize,
    /// So many of them lie.
    pub liars: usize,
    /// A proven accusation.
    pub accusation: Accusation,
}

/// What one of the two counting nodes hears from a liar.
const HEARD: [&[Outcome]; 5] = [
    &[],
    &[Outcome::Guilty],
    &[Outcome::Cleared],
    &[Outcome::Guilty, Outcome::Cleared],
    &[Outcome::Cleared, Outcome::Guilty],
];
/// What both counting nodes hear from a liar: five cases each.
const LIES: u8 = 25;
/// An honest node has the revocation or not, and is heard by each of the two or not.
const HONEST: u8 = 8;

const START: u64 = 1_790_000_010_000;

const fn at(epochs: u64) -> Clock {
    Clock { mono: Mono(epochs * EPOCH), unix: UnixTime(START + epochs * EPOCH) }
}

impl Voting {
    fn honest(&self) -> usize {
        self.nodes - self.liars
    }

    /// f and k of the profile, by hand.
    const fn quorum(&self) -> (usize, usize) {
        let faulty = (self.nodes - 1) / 3;
        (faulty, self.nodes - faulty)
    }

    /// How an honest node votes: the result of its escrow once window and grace are over.
    fn vote(&self, has_revocation: bool) -> Option<Outcome> {
        let stored = has_revocation.then(|| (epoch(at(0).unix) - 1, 0));
        let mut escrow = Escrow::open(at(0), &self.accusation, stored);
        match escrow.tick(at(WINDOW + GRACE)) {
            Some(Due::Persist(_)) => escrow.persisted(),
            _ => None,
        }
    }

    fn eid(number: usize) -> Eid {
        Eid([u8::try_from(number).unwrap_or(u8::MAX); 32])
    }

    /// The verdict of one of the two counting nodes.
    fn verdict(&self, choices: &[u8], counter: u32) -> Option<Outcome> {
        let nodes: Vec<Eid> = (0..self.nodes).map(Self::eid).collect();
        let mut ballot = Ballot::new(&nodes)?;
        let mut verdict = None;
        for (number, choice) in choices.iter().enumerate() {
            let honest = self.vote(choice & 1 == 1);
            let heard: &[Outcome] = if number >= self.honest() {
                HEARD[usize::from(choice / 5_u8.pow(counter) % 5)]
            } else if choice >> (1 + counter) & 1 == 1 {
                honest.as_slice()
            } else {
                &[]
            };
            for outcome in heard {
                if let Counted::Verdict(reached) = ballot.vote(&Self::eid(number), *outcome) {
                    verdict = verdict.or(Some(reached));
                }
            }
        }
        verdict
    }

    fn witnesses(&self, choices: &[u8]) -> usize {
        choices.iter().take(self.honest()).filter(|choice| *choice & 1 == 1).count()
    }
}

impl Model for Voting {
    type State = Vec<u8>;
    type Action = u8;

    fn init_states(&self) -> Vec<Self::State> {
        vec![Vec::new()]
    }

    fn actions(&self, state: &Self::State, actions: &mut Vec<Self::Action>) {
        let number = state.len();
        if number >= self.nodes {
            return;
        }
        let last = if number == self.honest() { 0 } else { state.last().copied().unwrap_or(0) };
        actions.extend(last..if number < self.honest() { HONEST } else { LIES });
    }

    fn next_state(&self, state: &Self::State, action: Self::Action) -> Option<Self::State> {
        let mut next = state.clone();
        next.push(action);
        Some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("there are no two verdicts", |model: &Self, state: &Vec<u8>| {
                let verdicts = [0, 1].map(|counter| model.verdict(state, counter));
                !matches!(verdicts, [Some(one), Some(other)] if one != other)
            }),
            Property::always("who revoked before at a quorum is not convicted", |model: &Self, state: &Vec<u8>| {
                let (faulty, needed) = model.quorum();
                let convicted = [0, 1].iter().any(|counter| model.verdict(state, *counter) == Some(Outcome::Guilty));
                !(convicted && model.witnesses(state) >= needed - faulty)
            }),
            Property::always("liars alone decide nothing", |model: &Self, state: &Vec<u8>| {
                let any = [0, 1].iter().any(|counter| model.verdict(state, *counter).is_some());
                let spoke = state.iter().take(model.honest()).any(|choice| choice >> 1 != 0);
                !any || spoke
            }),
            Property::sometimes("a key is convicted", |model: &Self, state: &Vec<u8>| {
                model.verdict(state, 0) == Some(Outcome::Guilty)
            }),
            Property::sometimes("a key is cleared", |model: &Self, state: &Vec<u8>| {
                model.verdict(state, 1) == Some(Outcome::Cleared)
            }),
            Property::sometimes("all have spoken and there is no verdict", |model: &Self, state: &Vec<u8>| {
                state.len() == model.nodes && model.verdict(state, 0).is_none()
            }),
        ]
    }
}
