//! A host that moves, crashes and signs, a peer's cache, and an attacker that keeps every binding: with the library's
//! counter and rule as the code of each step.

use std::fmt;

use iacp_core::crypto::{Portable, Secret32};
use iacp_core::erp::binding::Binding;
use iacp_core::erp::generation::{Counter, Effect, receive};
use iacp_core::identity::Identity;
use iacp_wire::Locator;
use stateright::{Model, Property};

/// What the owner does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    /// The wanted bound is on stable storage.
    Persist,
    /// It is at a new place, and signs if it may.
    Move,
    /// Its memory is gone; its key and the stored bound are not.
    Crash,
}

/// What the peer is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Shown {
    /// A binding that the owner has signed: by its place in the order of signing.
    Signed(usize),
    /// A higher generation for the attacker's place, with the signature of another binding.
    Forged,
}

/// What happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// At the owner.
    Owner(Step),
    /// At the peer: any binding, at any time, again and again.
    Arrive(Shown),
    /// The peer has no live session, and its cache entry is displaced.
    Forget,
}

/// The owner's history, from which its counter follows, and the peer's entry.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct State {
    history: Vec<Step>,
    entry: Option<(u8, u64)>,
    fell: bool,
    equivocation: bool,
}

/// The bounds of a run.
pub struct Migration {
    identity: Identity<Portable>,
    /// How many things happen at the owner.
    pub steps: usize,
    /// Left out for the mutant: that the bound survives a crash.
    pub keeps_bound: bool,
}

impl fmt::Debug for Migration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} steps, bound kept: {}", self.steps, self.keeps_bound)
    }
}

const ATTACKER: u8 = 99;

impl Migration {
    /// A model with these bounds.
    #[must_use]
    pub fn new(steps: usize, keeps_bound: bool) -> Self {
        Self { identity: Identity::from_seed(&Secret32::new([7; 32])), steps, keeps_bound }
    }

    /// What the owner has signed, in order: place and generation.
    fn signed(&self, history: &[Step]) -> Vec<(u8, u64)> {
        let (mut counter, mut stored, mut place, mut signed) = (Counter::NEW, 0, 0, Vec::new());
        for step in history {
            match step {
                Step::Persist => {
                    if let Some(bound) = counter.wanted() {
                        stored = bound;
                        counter.persisted(bound);
                    }
                }
                Step::Move => {
                    place += 1;
                    signed.extend(counter.take().ok().map(|generation| (place, generation)));
                }
                Step::Crash => counter = Counter::restored(if self.keeps_bound { stored } else { 0 }),
            }
        }
        signed
    }

    fn binding(&self, (place, generation): (u8, u64)) -> Binding {
        Binding::sign(&self.identity, Locator([place; 16]), generation)
    }

    fn arrive(&self, state: &mut State, shown: Shown) {
        let signed = self.signed(&state.history);
        let binding = match shown {
            Shown::Signed(at) => signed.get(at).map(|signed| self.binding(*signed)),
            Shown::Forged => signed.last().map(|signed| {
                let newest = self.binding(*signed);
                Binding { ip: Locator([ATTACKER; 16]), generation: newest.generation + 1, ..newest }
            }),
        };
        let Some(binding) = binding else { return };
        let before = state.entry;
        let mut entry = before.map(|before| self.binding(before));
        let effect = receive(&mut entry, &binding, true, |binding| binding.verify::<Portable>().is_ok());
        state.entry = entry.map(|entry| (entry.ip.0[0], entry.generation));
        state.fell |= before.is_some_and(|before| state.entry.is_none_or(|entry| entry.1 < before.1));
        state.equivocation |= effect == Effect::Equivocation;
    }

    fn settles(&self, state: &State) -> bool {
        let signed = self.signed(&state.history);
        let mut state = state.clone();
        (0..signed.len()).rev().for_each(|at| self.arrive(&mut state, Shown::Signed(at)));
        state.entry == signed.last().copied().or(state.entry)
    }
}

impl Model for Migration {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![State { history: Vec::new(), entry: None, fell: false, equivocation: false }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        if state.history.len() < self.steps {
            actions.extend([Step::Persist, Step::Move, Step::Crash].map(Action::Owner));
        }
        actions.extend((0..self.signed(&state.history).len()).map(|at| Action::Arrive(Shown::Signed(at))));
        actions.extend([Action::Arrive(Shown::Forged), Action::Forget]);
    }

    fn next_state(&self, last: &State, action: Action) -> Option<State> {
        let mut state = last.clone();
        match action {
            Action::Owner(step) => state.history.push(step),
            Action::Arrive(shown) => self.arrive(&mut state, shown),
            Action::Forget => state.entry = None,
        }
        (state != *last).then_some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("the owner never contradicts itself", |_, state: &State| !state.equivocation),
            Property::always("the entry is a binding that the owner signed", |model: &Self, state: &State| {
                state.entry.is_none_or(|entry| model.signed(&state.history).contains(&entry))
            }),
            Property::always("the entry never falls", |_, state: &State| !state.fell),
            Property::always("the newest binding wins, in whatever order they come", |model: &Self, state: &State| {
                model.settles(state)
            }),
            Property::sometimes("the peer has followed two moves", |_, state: &State| {
                state.entry.is_some_and(|(_, generation)| generation >= 2)
            }),
        ]
    }
}
