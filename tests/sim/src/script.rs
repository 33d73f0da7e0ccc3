//! The run: its phases, and what must hold after each.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use iacp_core::directory::Kind;
use iacp_core::directory::quorum::faulty;
use iacp_core::governance::window::{EPOCH, Outcome};
use iacp_core::identity::Identity;
use iacp_wire::Message;
use iacp_wire::message::ErpRegister;
use zerocopy::IntoBytes;

use crate::attack::{cycle, flood};
use crate::frames::{accusation, bound, frame, identity, revocation};
use crate::host::given;
use crate::operation::{Purpose, State};
use crate::provider::Chosen;
use crate::report::Report;
use crate::world::{World, key_of};

/// How large a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// What everything comes from.
    pub seed: u64,
    /// Directory nodes.
    pub nodes: usize,
    /// Honest agents.
    pub agents: usize,
    /// Equivocators, false accusers, and owners whose key was stolen: this many of each.
    pub attackers: usize,
    /// Records that a node has room for, a power of two.
    pub places: usize,
}

impl Size {
    /// Two hundred nodes and ten thousand honest agents.
    pub const FULL: Self = Self { seed: 1, nodes: 200, agents: 10_000, attackers: 20, places: 2_048 };
    /// What a test has time for.
    pub const SMALL: Self = Self { seed: 1, nodes: 30, agents: 150, attackers: 3, places: 512 };
}

/// The load of attackers, in multiples of the honest load.
const LOAD: u64 = 100;
const MINUTE: u64 = 60_000;

/// An agent: where it is and what it last got confirmed.
struct Agent {
    me: Identity<Chosen>,
    at: SocketAddr,
    generation: u64,
}

impl Agent {
    fn new(run: u64, what: u8, number: usize) -> Self {
        Self { me: identity(run, what, number), at: place(what, number, 0), generation: 0 }
    }

    fn binding(&self) -> ErpRegister {
        bound(&self.me, self.at.ip(), self.generation)
    }
}

/// The address of an agent, each in a network of its own.
fn place(what: u8, number: usize, move_number: u8) -> SocketAddr {
    let [.., high, low] = number.to_be_bytes();
    ([30 + 8 * move_number + what, high, low, 1], 4_000).into()
}

struct Run {
    world: World,
    size: Size,
    agents: Vec<Agent>,
    checks: Vec<(String, bool)>,
}

impl Run {
    fn check(&mut self, what: String, holds: bool) {
        self.checks.push((what, holds));
    }

    fn write(&mut self, at: u64, agent: &Agent, kind: Kind, inner: Vec<u8>, body: Vec<u8>) -> usize {
        self.world.begin(at, key_of(&agent.me.eid()), agent.at, Purpose::Write { inner, kind, body })
    }

    fn register(&mut self, at: u64, agent: &Agent) -> usize {
        let binding = agent.binding();
        self.write(at, agent, Kind::Binding, frame(Message::ErpRegister(&binding)), binding.as_bytes().to_vec())
    }

    /// `count` operations of the agents from `first` on, spread over a time, then waited for: every second agent moves,
    /// the others look up an agent. Returns the operations.
    fn honest(&mut self, first: usize, count: usize, until: u64, move_number: u8) -> Vec<usize> {
        let (start, mut begun) = (self.world.now, Vec::new());
        let mut agents = std::mem::take(&mut self.agents);
        let total = agents.len();
        for number in 0..count {
            let at = start + self.world.below(until.saturating_sub(start));
            let which = (first + number) % total;
            if number.is_multiple_of(2) {
                let Some(agent) = agents.get_mut(which) else { continue };
                (agent.at, agent.generation) = (place(0, which, move_number), agent.generation + 1);
                begun.push(self.register(at, agent));
            } else if let (Some(asks), Some(sought)) = (agents.get(which), agents.get((which + 7) % total)) {
                begun.push(self.world.begin(at, key_of(&sought.me.eid()), asks.at, Purpose::Read));
            }
        }
        self.agents = agents;
        begun
    }

    /// How many of 10,000 operations succeeded, and their mean pause.
    fn rate(&self, operations: &[usize]) -> (u64, u64) {
        let all: Vec<_> = operations.iter().filter_map(|number| self.world.operations.get(*number)).collect();
        let done: Vec<_> = all.iter().filter(|one| one.state == State::Done).collect();
        let count = |of: usize| u64::try_from(of).unwrap_or(0);
        let pause = done.iter().map(|one| one.ended - one.began).sum::<u64>() / count(done.len()).max(1);
        (count(done.len()) * 10_000 / count(all.len()).max(1), pause)
    }

    /// Frames that operations sent, and answers that came.
    fn frames(&self, operations: &[usize]) -> [u64; 2] {
        let all = operations.iter().filter_map(|number| self.world.operations.get(*number));
        all.fold([0, 0], |[sent, came], one| [sent + u64::from(one.sent_frames), came + u64::from(one.answers)])
    }

    /// Mean messages of an operation, both ways, in hundredths.
    fn messages(&self, operations: &[usize]) -> u64 {
        self.frames(operations).iter().sum::<u64>() * 100 / u64::try_from(operations.len().max(1)).unwrap_or(1)
    }

    fn states(&self, operations: &[usize]) -> BTreeMap<String, usize> {
        let mut states = BTreeMap::new();
        for one in operations.iter().filter_map(|number| self.world.operations.get(*number)) {
            *states.entry(format!("{:?}", one.state)).or_default() += 1;
        }
        states
    }

    /// Makes nodes lie, as many as there can be with at most f of the nodes for any of the keys.
    fn corrupt(&mut self, keys: &[Agent]) -> usize {
        let quorums: Vec<Vec<usize>> =
            self.agents.iter().chain(keys).map(|agent| self.world.nodes_for(&key_of(&agent.me.eid()))).collect();
        let (mut lying, mut liars) = (vec![0; quorums.len()], BTreeSet::new());
        for number in 0..self.size.nodes {
            let concerned: Vec<usize> =
                quorums.iter().enumerate().filter(|(_, nodes)| nodes.contains(&number)).map(|(at, _)| at).collect();
            let is_room = concerned.iter().all(|at| {
                let f = quorums.get(*at).map_or(0, |nodes| faulty(nodes.len()));
                lying.get(*at).is_some_and(|count| *count < f)
            });
            // Every third node that could, so that they do not stand side by side alone.
            if is_room && self.world.below(3) == 0 {
                concerned.iter().filter_map(|at| lying.get_mut(*at).map(|count| *count += 1)).for_each(drop);
                liars.insert(number);
            }
        }
        let infos = self.world.infos.clone();
        for number in &liars {
            if let Some(host) = self.world.hosts.get_mut(*number) {
                host.corrupt(&infos, &mut self.world.rng);
            }
        }
        liars.len()
    }
}

/// Runs everything.
#[must_use]
pub fn run(size: Size) -> Report {
    let world = World::new(size.seed, size.nodes, size.places);
    let agents = (0..size.agents).map(|number| Agent::new(size.seed, 0, number)).collect();
    let mut run = Run { world, size, agents, checks: Vec::new() };
    let mut equivocators: Vec<Agent> = (0..size.attackers).map(|number| Agent::new(size.seed, 2, number)).collect();
    let mut stolen: Vec<Agent> = (0..size.attackers).map(|number| Agent::new(size.seed, 3, number)).collect();

    let registration = registered(&mut run, &mut equivocators, &mut stolen);
    // From here on nodes lie.
    let both: Vec<Agent> = (0..size.attackers)
        .flat_map(|number| [Agent::new(size.seed, 2, number), Agent::new(size.seed, 3, number)])
        .collect();
    let liars = run.corrupt(&both);
    let (rates, pauses, loads, look_up) = flooded(&mut run);
    tried(&mut run, &equivocators, &stolen);
    nothing_lost(&mut run, &equivocators);

    let fill = run.world.hosts.iter().map(|host| host.node.store().fill()).max().unwrap_or((0, 0));
    let (_, sent, returned) = run.world.flood;
    run.check(format!("the flood got back {returned} bytes for {sent}"), returned <= 3 * sent);
    run.check(format!("a node held at most {} records in {} places", fill.0, fill.1), fill.0 < fill.1);
    Report {
        size,
        checks: run.checks,
        liars,
        rates,
        pauses,
        flood: loads[0],
        honest: loads[1],
        sent,
        returned,
        messages: [registration, look_up],
        memory: given(size.places, size.nodes),
        fill,
    }
}

/// All register; returns the mean messages of a registration, in hundredths.
fn registered(run: &mut Run, equivocators: &mut [Agent], stolen: &mut [Agent]) -> u64 {
    let time = 10 * MINUTE;
    let (mut begun, mut agents) = (Vec::new(), std::mem::take(&mut run.agents));
    for agent in agents.iter_mut().chain(stolen.iter_mut()) {
        agent.generation = 1;
        let at = run.world.below(time);
        begun.push(run.register(at, agent));
    }
    run.agents = agents;
    run.world.run(time);
    run.world.finish(&begun);
    let (rate, messages) = (run.rate(&begun).0, run.messages(&begun));
    run.check(format!("all {} registrations are confirmed: {:?}", begun.len(), run.states(&begun)), rate == 10_000);
    // The stolen keys are revoked at once.
    let revoked: Vec<usize> = stolen
        .iter()
        .map(|owner| {
            let (inner, body) = revocation(&owner.me, key_of(&owner.me.eid()), run.world.clock().unix);
            run.write(run.world.now, owner, Kind::Revocation, inner, body)
        })
        .collect();
    // The equivocators tell one half of the nodes for their key one address, and the other half another.
    let mut lies = Vec::new();
    for (number, liar) in equivocators.iter_mut().enumerate() {
        liar.generation = 1;
        let key = key_of(&liar.me.eid());
        let nodes = run.world.nodes_for(&key);
        let (some, rest) = nodes.split_at(nodes.len() / 2);
        for (at, to) in [(liar.at, some), (place(2, number, 1), rest)] {
            let binding = bound(&liar.me, at.ip(), 1);
            let inner = frame(Message::ErpRegister(&binding));
            let purpose = Purpose::Write { inner, kind: Kind::Binding, body: binding.as_bytes().to_vec() };
            lies.push(run.world.begin_at(run.world.now, key, at, purpose, to.to_vec()));
        }
    }
    run.world.finish(&revoked);
    run.world.finish(&lies);
    run.check(format!("{} stolen keys are revoked", revoked.len()), run.rate(&revoked).0 == 10_000);
    run.world.run(run.world.now + 2 * EPOCH);
    messages
}

/// Honest operations without a flood, then the same under a flood. Returns rates, pauses, frames of flood and honest,
/// and the mean messages of a look-up.
fn flooded(run: &mut Run) -> ([u64; 2], [u64; 2], [u64; 2], u64) {
    let count = run.size.agents / 5;
    let until = run.world.now + MINUTE;
    let quiet = run.honest(0, count, until, 1);
    run.world.run(until);
    run.world.finish(&quiet);
    let ((one, first_pause), [frames, _]) = (run.rate(&quiet), run.frames(&quiet));
    let reads: Vec<usize> = quiet.iter().copied().skip(1).step_by(2).collect();
    let look_up = run.messages(&reads);
    run.check(format!("in quiet {one} of 10,000 honest operations get their quorum"), one >= 9_900);

    let until = run.world.now + MINUTE;
    let victims: Vec<ErpRegister> = run.agents.iter().step_by(10).map(Agent::binding).collect();
    flood(&mut run.world, LOAD * frames, until, &victims);
    let cyclers = cycle(&mut run.world, run.size.seed, run.size.places / 2, until);
    let loud = run.honest(count, count, until, 1);
    run.world.run(until);
    run.world.finish(&loud);
    let ((other, second_pause), [beside, _]) = (run.rate(&loud), run.frames(&loud));
    let states = run.states(&loud);
    run.check(
        format!("under a flood of {LOAD} times their frames {other} of 10,000 do, at least 95 % of {one}: {states:?}"),
        other * 100 >= one * 95,
    );
    let share = run.world.hosts.iter().map(|host| network_of_cyclers(host, run)).max().unwrap_or(0);
    let most = run.size.places / 64;
    run.check(
        format!("a network that makes {} EIDs holds at most {share} of {most} places in any node", cyclers.len()),
        share <= most,
    );
    ([one, other], [first_pause, second_pause], [LOAD * frames, beside], look_up)
}

/// How many records of the identity cyclers' network a node holds.
fn network_of_cyclers(host: &crate::host::Host, run: &Run) -> usize {
    let records = host.node.store().records(run.world.clock().unix);
    let of_network = |body: &[u8]| body.get(32..48).is_some_and(|ip| ip.starts_with(&CYCLERS));
    records.filter(|record| record.kind == Kind::Binding as u8 && of_network(record.body)).count()
}

/// 198.18.0.0/24, as an address of IPv6 spells it.
const CYCLERS: [u8; 15] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 198, 18, 0];

/// Accusations, true and false, a partition, the hour of the escrows, the votes.
fn tried(run: &mut Run, equivocators: &[Agent], stolen: &[Agent]) {
    let now = run.world.now;
    let watcher = Agent::new(run.size.seed, 0, 0);
    // Readers come upon the contradictions.
    let reads: Vec<usize> = equivocators
        .iter()
        .map(|liar| run.world.begin(now, key_of(&liar.me.eid()), watcher.at, Purpose::Read))
        .collect();
    run.world.finish(&reads);
    // An answer that came after the quorum is not read; the two halves are.
    let pairs: Vec<[ErpRegister; 2]> = equivocators
        .iter()
        .enumerate()
        .map(|(number, liar)| [liar.at, place(2, number, 1)].map(|at| bound(&liar.me, at.ip(), 1)))
        .collect();
    let seen = reads.iter().filter(|read| run.world.operations.get(**read).is_some_and(|one| one.pair.is_some()));
    let seen = seen.count();
    run.check(format!("readers meet {seen} of {} contradictions within their quorum", pairs.len()), seen > 0);

    let unix = run.world.clock().unix;
    let mut accused = Vec::new();
    let thefts = stolen.iter().enumerate().map(|(number, owner)| {
        // The thief signs another place under the generation of its victim.
        [owner.at, place(3, number, 1)].map(|at| bound(&owner.me, at.ip(), 1))
    });
    let everyone = equivocators.iter().chain(stolen).zip(pairs.iter().copied().chain(thefts));
    for (number, (accused_one, pair)) in everyone.enumerate() {
        // Each by another agent: a node keeps few open accusations of one accuser.
        let watcher = Agent::new(run.size.seed, 0, number);
        let inner = accusation(&watcher.me, accused_one.me.eid(), &pair, unix);
        let body = inner.get(4..).unwrap_or_default().to_vec();
        let purpose = Purpose::Write { inner, kind: Kind::Accusation, body };
        accused.push(run.world.begin(run.world.now, key_of(&accused_one.me.eid()), watcher.at, purpose));
    }
    run.world.finish(&accused);
    run.check(
        format!("{} proofs are accepted: {:?}", accused.len(), run.states(&accused)),
        run.rate(&accused).0 == 10_000,
    );
    falsely_accused(run);
    parted(run);

    // The hour of the escrows passes; owners refresh their records.
    run.world.pace = EPOCH;
    for _ in 0..2 {
        run.world.run(run.world.now + 32 * MINUTE);
        let agents = std::mem::take(&mut run.agents);
        let start = run.world.now;
        let refreshed: Vec<usize> = agents
            .iter()
            .map(|agent| {
                let at = start + run.world.below(2 * MINUTE);
                run.register(at, agent)
            })
            .collect();
        run.agents = agents;
        run.world.run(start + 2 * MINUTE);
        run.world.finish(&refreshed);
        let rate = run.rate(&refreshed).0;
        run.check(format!("{rate} of 10,000 bindings are refreshed by their owners"), rate == 10_000);
    }
}

/// Statuses of a record whose signature fails, or whose body has not its form.
const INVALID: u32 = 2;
const REFUSED: u32 = 21;

/// No honest key can be accused for having moved, for signing the same twice, or for two spellings of one address.
fn falsely_accused(run: &mut Run) {
    let unix = run.world.clock().unix;
    let mut framed = Vec::new();
    for number in 0..run.size.attackers {
        let (accuser, Some(victim)) = (identity(run.size.seed, 4, number), run.agents.get(2 * number)) else {
            continue;
        };
        let last = victim.binding();
        let before = bound(&victim.me, place(0, 2 * number, 0).ip(), victim.generation.saturating_sub(1));
        let (eid, at) = (victim.me.eid(), place(4, number, 0));
        for pair in [[before, last], [last, last]] {
            let inner = accusation(&accuser, eid, &pair, unix);
            let body = inner.get(4..).unwrap_or_default().to_vec();
            let purpose = Purpose::Write { inner, kind: Kind::Accusation, body };
            framed.push(run.world.begin(run.world.now, key_of(&eid), at, purpose));
        }
    }
    run.world.finish(&framed);
    // Each is refused for what it says: no pair, or no offence. One that found no room would say nothing.
    let is_refused = |one: &usize| {
        let state = run.world.operations.get(*one).map(|one| one.state);
        matches!(state, Some(State::Refused(INVALID | REFUSED)))
    };
    let refused = framed.iter().filter(|one| is_refused(one)).count();
    let states = run.states(&framed);
    run.check(
        format!("{refused} of {} false accusations are refused: {states:?}", framed.len()),
        refused == framed.len(),
    );
    let victims = (0..run.size.attackers).filter_map(|number| run.agents.get(2 * number)).map(|agent| agent.me.eid());
    let victims: Vec<_> = victims.collect();
    let is_tried = |eid| run.world.hosts.iter().any(|host| !host.lies() && host.node.is_challenged(eid));
    let tried = victims.iter().filter(|eid| is_tried(eid)).count();
    run.check(format!("{tried} of {} victims of them are tried at an honest node", victims.len()), tried == 0);
}

/// The network splits for a minute; what could not be written is written after it has healed.
fn parted(run: &mut Run) {
    let count = run.size.agents / 10;
    run.world.parted = true;
    let until = run.world.now + MINUTE;
    let agents = run.agents.iter().take(count).map(|agent| (agent.at, agent.generation)).collect::<Vec<_>>();
    let begun = run.honest(0, count, until, 2);
    run.world.run(until);
    run.world.finish(&begun);
    run.world.parted = false;
    let failed = run.rate(&begun).0;
    // Agents that moved and got no confirmation repeat the same registration.
    let mut again = Vec::new();
    let all = std::mem::take(&mut run.agents);
    for (agent, _) in all.iter().zip(&agents).filter(|(agent, (_, before))| agent.generation > *before) {
        again.push(run.register(run.world.now, agent));
    }
    run.agents = all;
    run.world.finish(&again);
    let rate = run.rate(&again).0;
    run.check(
        format!("while the network is parted {failed} of 10,000 get a quorum; healed, {rate} of movers do"),
        failed < 10_000 && rate == 10_000,
    );
}

/// After the votes: the guilty keys are slashed, no other key is, and every agent is found at its registered address.
fn nothing_lost(run: &mut Run, equivocators: &[Agent]) {
    let guilty: BTreeSet<_> = equivocators.iter().map(|liar| liar.me.eid()).collect();
    let (mut votes, mut wrong) = (BTreeMap::new(), 0);
    for host in run.world.hosts.iter().filter(|host| !host.lies()) {
        for (offender, outcome) in &host.verdicts {
            let is_right = guilty.contains(offender) == (*outcome == Outcome::Guilty);
            wrong += usize::from(!is_right);
            *votes.entry(*offender).or_insert(0) += 1;
        }
        // A verdict that stands in a store is as good as one that was heard.
        for record in host.node.store().records(run.world.clock().unix) {
            let says_guilty = record.kind == Kind::Verdict as u8 && record.body.get(64) == Some(&1);
            let offender = record.body.get(32..64).unwrap_or_default();
            wrong += usize::from(says_guilty && !guilty.iter().any(|eid| eid.0 == *offender));
        }
    }
    run.check("no honest node heard a wrong verdict".to_owned(), wrong == 0);
    let enough = |liar: &Agent| {
        let key = key_of(&liar.me.eid());
        let honest = run.world.nodes_for(&key);
        let lying = honest.iter().filter(|node| run.world.hosts.get(**node).is_some_and(crate::host::Host::lies));
        votes.get(&liar.me.eid()).copied().unwrap_or(0) >= honest.len() - lying.count()
    };
    let slashed = equivocators.iter().filter(|liar| enough(liar)).count();
    run.check(
        format!("{slashed} of {} equivocators are slashed at every honest node", equivocators.len()),
        slashed == equivocators.len(),
    );

    let agents = std::mem::take(&mut run.agents);
    let start = run.world.now;
    let reads: Vec<usize> = agents
        .iter()
        .map(|agent| {
            let at = start + run.world.below(10 * MINUTE);
            run.world.begin(at, key_of(&agent.me.eid()), place(5, 0, 0), Purpose::Read)
        })
        .collect();
    run.world.run(start + 10 * MINUTE);
    run.world.finish(&reads);
    let found = reads
        .iter()
        .zip(&agents)
        .filter(|(read, agent)| run.world.operations.get(**read).is_some_and(|one| one.best == Some(agent.binding())));
    let (found, total) = (found.count(), agents.len());
    run.agents = agents;
    run.check(format!("{found} of {total} agents are found where they are"), found == total);
}
