//! The bridge to stateright. A session cannot be cloned, on purpose: a state is the list of actions that lead to it,
//! and is rebuilt from them. Two lists are one state if their fingerprints agree.

use std::collections::{HashMap, VecDeque};
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};
use stateright::{Model, Property};

use crate::end::{ATTACKER, Party};
use crate::fault::{Fault, Judged, Set, Sight};
use crate::frame::HEARTBEATS;
use crate::plan::{Action, Plan, Seat, Side};
use crate::provider::Mix;
use crate::world::World;

/// A state: how it is reached, and what can be seen of it.
#[derive(Clone, Debug)]
pub struct State {
    /// The actions from the start.
    pub history: Arc<[Action]>,
    /// The fingerprint.
    pub print: u64,
    /// What may happen next.
    pub enabled: Arc<[Action]>,
    /// What must never happen, and has, or would if the network were fair from here on.
    pub faults: Set,
    /// What has happened.
    pub sights: Set,
}

impl Judged for State {
    fn faults(&self) -> Set {
        self.faults
    }

    fn sights(&self) -> Set {
        self.sights
    }
}

impl Hash for State {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.print.hash(state);
    }
}

impl PartialEq for State {
    fn eq(&self, other: &Self) -> bool {
        self.print == other.print
    }
}

/// A plan to be explored, and what must hold in it.
#[derive(Clone, Debug)]
pub struct Explored {
    /// The plan.
    pub plan: Plan,
    /// How it begins.
    pub start: &'static [Action],
    /// What must never happen.
    pub never: &'static [Fault],
    /// What must happen somewhere: without it the exploration means nothing.
    pub somewhere: &'static [Sight],
    /// Where the exploration ends, in actions.
    pub depth: usize,
}

fn build<'p>(plan: &'p Plan, history: &[Action]) -> World<'p> {
    let mut world = World::begin(plan);
    for action in history {
        world.act(*action);
    }
    world
}

/// The state at the end of a list of actions.
#[must_use]
pub fn state(plan: &Plan, history: &[Action]) -> State {
    let mut world = build(plan, history);
    let enabled = enabled(&world).into();
    let mut mix = Mix::new(1);
    print(&world, &mut mix);
    let sights = world.sights;
    // The rest is done to a state that is thrown away: what it sends by itself, and what it sends when the network is
    // fair, reveals everything inside it that can ever matter.
    world.settle();
    let print = mix.end();
    State { history: history.into(), print, enabled, faults: world.faults, sights }
}

fn print(world: &World<'_>, mix: &mut Mix) {
    for end in &world.ends {
        mix.word(end.told.end());
        mix.word(u64::from(end.at));
    }
    world.network.print(mix);
    mix.word(world.now.0);
    let left = &world.left;
    for budget in
        [left.sends, left.renewals, [left.beats, left.waits], [left.keeps, left.forgeries], [left.rewinds, left.moves]]
    {
        mix.bytes(&budget);
    }
    mix.bytes(&[left.quiets.0, world.claimed]);
    mix.word((world.attacker.0 as u64) << 32 | world.attacker.1 as u64);
    mix.word(world.death.map_or(u64::MAX, |death| world.now.since(death)));
    mix.word(u64::from(world.faults.is_empty()));
}

/// One walk of random steps: where it ends, and what was seen on the way. It is a function of the seed.
#[must_use]
pub fn walk(plan: &Plan, seed: u64, steps: usize) -> State {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut world = World::begin(plan);
    let mut history = Vec::new();
    while history.len() < steps && world.faults.is_empty() {
        let enabled = enabled(&world);
        let choice = (u64::from(rng.next_u32()) * enabled.len() as u64) >> 32;
        let Some(action) = enabled.get(usize::try_from(choice).unwrap_or(0)) else { break };
        history.push(*action);
        world.act(*action);
    }
    let sights = world.sights;
    world.settle();
    State { history: history.into(), print: 0, enabled: [].into(), faults: world.faults, sights }
}

/// What may happen next.
#[must_use]
pub fn enabled(world: &World<'_>) -> Vec<Action> {
    let (plan, left) = (world.plan, &world.left);
    let mut actions = Vec::new();
    for side in Side::BOTH {
        let (end, number) = (world.end(side), side as usize);
        if !end.lives || end.is_over() {
            continue;
        }
        let (first, next) = end.unacknowledged();
        if left.sends[number] > 0 && end.flows() && next - first < 4 {
            actions.push(Action::Send(side));
        }
        let may = match &end.party {
            Party::Real(_) => end.asked.is_none(),
            Party::Raw(raw) => raw.may_renew(),
        };
        if left.renewals[number] > 0 && may {
            actions.push(Action::Renew(side));
        }
        if left.beats > 0 && matches!(end.party, Party::Raw(_)) {
            actions.push(Action::Beat(side));
        }
        if plan.seats[number] == Seat::Holding && end.consumed < end.expected() {
            actions.push(Action::Consume(side));
            if left.rewinds > 0 {
                actions.push(Action::Rewind(side));
            }
        }
    }
    for (number, packet) in (0..).zip(world.network.packets()) {
        let end = world.end(packet.to);
        if packet.goal != end.at && plan.relays {
            actions.push(Action::Relay(number));
            continue;
        }
        if !end.lives || end.is_over() || packet.goal != end.at {
            continue;
        }
        if packet.left > 0 {
            actions.push(Action::Deliver(number));
        }
        if left.keeps > 0 && !packet.kept && packet.sequence >= HEARTBEATS {
            actions.push(Action::Keep(number));
        }
        if left.forgeries > 0 && packet.to == Side::Bob {
            actions.push(Action::Forge(number, ATTACKER));
            actions.extend(
                (0..world.end(Side::Alice).at).filter(|at| *at != packet.source).map(|at| Action::Forge(number, at)),
            );
        }
    }
    if left.waits > 0 && world.ends.iter().any(|end| end.deadline().is_some()) {
        actions.push(Action::Wait);
    }
    if left.quiets.0 > 0 {
        actions.extend(left.quiets.1.iter().map(|seconds| Action::Quiet(*seconds)));
    }
    if left.moves > 0 {
        actions.push(Action::Move);
    }
    if plan.claims && world.claimed < world.end(Side::Alice).at {
        actions.push(Action::Claim);
    }
    if left.dies {
        actions.push(Action::Die);
    }
    actions
}

/// Two lists of actions whose states look the same and behave differently: after this action they differ.
#[derive(Clone, Debug)]
pub struct Incongruent {
    /// The two lists.
    pub histories: [Arc<[Action]>; 2],
    /// The action after which they differ; `None` if different actions are possible.
    pub action: Option<Action>,
}

/// Whether states that are taken for the same behave the same: whenever two lists of actions lead to one fingerprint,
/// all their successors are compared. Visits at most `limit` states; returns how many pairs were compared.
///
/// # Errors
/// A pair that differs.
pub fn congruence(plan: &Plan, depth: usize, limit: usize) -> Result<usize, Incongruent> {
    let mut known = HashMap::new();
    let first = state(plan, &[]);
    known.insert(first.print, first.clone());
    let mut queue = VecDeque::from([first]);
    let mut compared = 0;
    while let Some(last) = queue.pop_front() {
        if last.history.len() >= depth || known.len() >= limit || !last.faults.is_empty() {
            continue;
        }
        for next in successors(plan, &last) {
            match known.get(&next.print) {
                Some(same) if same.history != next.history => {
                    compare(plan, same, &next)?;
                    compared += 1;
                }
                Some(_) => {}
                None => {
                    known.insert(next.print, next.clone());
                    queue.push_back(next);
                }
            }
        }
    }
    Ok(compared)
}

fn compare(plan: &Plan, one: &State, other: &State) -> Result<(), Incongruent> {
    let histories = [one.history.clone(), other.history.clone()];
    if one.enabled != other.enabled {
        return Err(Incongruent { histories, action: None });
    }
    for ((action, one), other) in one.enabled.iter().zip(successors(plan, one)).zip(successors(plan, other)) {
        if one.print != other.print || one.faults != other.faults {
            return Err(Incongruent { histories, action: Some(*action) });
        }
    }
    Ok(())
}

fn successors(plan: &Plan, last: &State) -> impl Iterator<Item = State> {
    last.enabled.iter().map(|action| {
        let history: Vec<Action> = last.history.iter().copied().chain([*action]).collect();
        state(plan, &history)
    })
}

impl Model for Explored {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![state(&self.plan, self.start)]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        // A state with a fault is not explored further, since the search is for the shortest way to a fault.
        if state.faults.is_empty() && state.history.len() < self.depth {
            actions.extend(state.enabled.iter());
        }
    }

    fn next_state(&self, last: &State, action: Action) -> Option<State> {
        let history: Vec<Action> = last.history.iter().copied().chain([action]).collect();
        Some(state(&self.plan, &history))
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let never = self.never.iter().map(|fault| fault.property());
        never.chain(self.somewhere.iter().map(|sight| sight.property())).collect()
    }
}
