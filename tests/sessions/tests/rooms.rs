//! ROOM and the other notices that an agent waits for: none is lost because another session, or another context, goes away.

use std::net::SocketAddr;

use iacp_core::crypto::Portable;
use iacp_core::erp::agent::PURGE;
use iacp_core::erp::context::State;
use iacp_core::erp::entity::{HEAD, HostEvent, HostRequest, HostSettings};
use iacp_core::erp::local::{AgentEvent, ClosureCode, Listen, LocalStatus, Request};
use iacp_core::identity::Identity;
use iacp_core::pss::{Capabilities, TeardownReason, Terms};
use iacp_core::slots::Handle;
use iacp_wire::{Digest, Eid};
use rand_chacha::ChaCha8Rng;
use rand_core::SeedableRng;
use sessions::Mono;
use sessions::hosts::{Entity, Hosts, Told, memory, place};

const TERMS: Terms = Terms { dgk_rotation: 0, lifetime: 0, receive_window: 16 };
const LISTEN: Listen = Listen { capabilities: Capabilities::NONE, terms: TERMS, sessions: 4, hold: false };

/// A host with one agent, and so many others with a listening one each; a session of the first agent with each of them.
fn with_sessions(seed: u64, peers: usize) -> (Hosts, Vec<Handle>) {
    let mut world = Hosts::new(seed, u8::try_from(peers + 1).expect("few"), 1, true);
    assert!(world.run_until(120_000, Hosts::all_bound));
    let now = world.now;
    for host in 1..=peers {
        world.hosts[host].with(now, 0, |desk, _| desk.listen(LISTEN)).expect("a window of 16");
    }
    let open = |host| {
        let peer = world.eid(host, 0);
        world.hosts[0].with(now, 0, |desk, rng| desk.open(peer, None, Capabilities::NONE, rng)).expect("a slot is free")
    };
    let sessions: Vec<Handle> = (1..=peers).map(open).collect();
    assert!(world.run_until(20_000, |world| sessions.iter().all(|session| told(world, *session).peer.is_some())));
    (world, sessions)
}

fn told(world: &Hosts, session: Handle) -> Told {
    world.hosts[0].told.get(&(0, session.bits())).cloned().unwrap_or_default()
}

fn send(world: &mut Hosts, session: Handle, item: u64) -> Result<(), LocalStatus> {
    let now = world.now;
    world.hosts[0].with(now, 0, |desk, _| desk.send(session, item, b"an item"))
}

/// Sends until an item is refused: the number of items that were taken, and why the next one was not.
fn fill(world: &mut Hosts, session: Handle, from: u64) -> (u64, LocalStatus) {
    let refused = (from..).find_map(|item| send(world, session, item).err().map(|why| (item, why)));
    refused.expect("there is an end")
}

/// No datagram of the first host arrives at this one.
fn cut(world: &mut Hosts, host: usize) {
    let (here, there) = (world.hosts[0].at, world.hosts[host].at);
    world.cut.push((here, there));
}

// shows: IACP-078 (§4.2.3.3)
#[test]
fn what_waits_in_a_session_that_is_aborted_makes_room_for_the_others_at_once() {
    let (mut world, sessions) = with_sessions(1, 2);
    cut(&mut world, 1);
    cut(&mut world, 2);
    // The window of 16, and the agent's share of 16 cells.
    assert_eq!(fill(&mut world, sessions[0], 0), (32, LocalStatus::Full));
    assert_eq!(fill(&mut world, sessions[1], 0), (16, LocalStatus::Full));
    world.run(1_000);
    assert_eq!(told(&world, sessions[1]).rooms, 0);
    let (now, abort) = (world.now, Request::Abort(TeardownReason::TaskComplete.code()));
    world.hosts[0].with(now, 0, |desk, rng| desk.ask(Some(sessions[0]), &abort, rng)).expect("it is open");
    world.settle();
    // Its last word is kept for the peer, for a minute; what had waited is gone.
    assert_eq!(told(&world, sessions[0]).closed, Some(ClosureCode::ForcedByUs));
    assert_eq!((told(&world, sessions[0]).rooms, told(&world, sessions[1]).rooms), (0, 1));
    assert_eq!(fill(&mut world, sessions[1], 16), (32, LocalStatus::Full));
}

// shows: IACP-078 (§4.2.3.3)
#[test]
fn a_dead_peer_does_not_stop_the_agents_other_sessions() {
    let (mut world, sessions) = with_sessions(2, 2);
    cut(&mut world, 1);
    assert_eq!(fill(&mut world, sessions[0], 0), (32, LocalStatus::Full));
    let (mut next, begun) = (0, world.now);
    while next < 100 {
        let (reached, why) = fill(&mut world, sessions[1], next);
        assert_eq!(why, LocalStatus::Full);
        let rooms = told(&world, sessions[1]).rooms;
        assert!(world.run_until(2_000, |world| told(world, sessions[1]).rooms > rooms), "ROOM follows FULL: {reached}");
        next = reached;
    }
    assert!(world.now.since(begun) < 20_000);
    let first = told(&world, sessions[0]);
    assert_eq!((first.rooms, first.closed), (0, None), "all this while the other one waits");
}

#[test]
fn a_session_that_has_not_begun_is_told_of_room_too() {
    let (mut world, sessions) = with_sessions(3, 1);
    cut(&mut world, 1);
    assert_eq!(fill(&mut world, sessions[0], 0), (32, LocalStatus::Full));
    // The directory does not know this one.
    let nowhere = Identity::<Portable>::generate(&mut ChaCha8Rng::seed_from_u64(3)).eid();
    let now = world.now;
    let open = world.hosts[0].with(now, 0, |desk, rng| desk.open(nowhere, None, Capabilities::NONE, rng));
    let waiting = open.expect("a slot is free");
    assert_eq!(send(&mut world, waiting, 0), Err(LocalStatus::Full));
    let abort = Request::Abort(TeardownReason::TaskComplete.code());
    world.hosts[0].with(now, 0, |desk, rng| desk.ask(Some(sessions[0]), &abort, rng)).expect("it is open");
    world.settle();
    assert_eq!(told(&world, waiting).rooms, 1);
    assert_eq!(send(&mut world, waiting, 0), Ok(()));
}

#[test]
fn nothing_can_be_added_to_a_session_that_has_ended() {
    let (mut world, sessions) = with_sessions(4, 1);
    let (now, abort) = (world.now, Request::Abort(TeardownReason::TaskComplete.code()));
    world.hosts[0].with(now, 0, |desk, rng| desk.ask(Some(sessions[0]), &abort, rng)).expect("it is open");
    for request in [Request::Send { item: 0, content: b"x" }, Request::Finish { items: 0 }] {
        let late = world.hosts[0].with(now, 0, |desk, rng| desk.ask(Some(sessions[0]), &request, rng));
        assert_eq!(late, Err(LocalStatus::Finished), "{request:?}");
    }
}

/// A host without a directory, in memory of its own; its agents' peers are at an address where nothing is.
struct Small {
    entity: Entity,
    rng: ChaCha8Rng,
    agents: Vec<iacp_core::erp::agent::Agent>,
}

const NOW: Mono = Mono(1_000);

impl Small {
    fn new(agents: usize, sessions: usize, (cells, each): (usize, u32), outbox: usize) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(5);
        let settings = HostSettings { fifo_each: each, sessions_each: 8, ..HostSettings::at(place(1)) };
        let mut memory = memory(agents, sessions, cells);
        memory.outbox = &mut memory.outbox[..outbox];
        let entity = Entity::new(memory, settings.without_directory(), NOW, &mut rng).expect("the memory suffices");
        let mut small = Self { entity, rng, agents: Vec::new() };
        for _ in 0..agents {
            small.agents.push(small.entity.init(NOW, None, Digest::ZERO, &mut small.rng).expect("a slot is free"));
        }
        // Generations are stored at once.
        while let Some(request) = small.entity.poll_request() {
            if let HostRequest::Persist { eid, what } = request {
                small.entity.persisted(NOW, &eid, what);
            }
        }
        small.quiet();
        small
    }

    /// Everything is sent that there is; nothing arrives anywhere.
    fn quiet(&mut self) {
        self.events();
        let mut head = [0; HEAD];
        while self.entity.poll_transmit(NOW, &mut head).is_some() {}
    }

    fn open(&mut self, agent: usize) -> Handle {
        let peer = Identity::<Portable>::generate(&mut self.rng).eid();
        let at = Some(SocketAddr::new(place(9), 4227));
        let mut desk = self.entity.desk(NOW, &self.agents[agent]).expect("its token");
        desk.open(peer, at, Capabilities::NONE, &mut self.rng).expect("a slot is free")
    }

    fn send(&mut self, agent: usize, session: Handle, item: u64) -> Result<(), LocalStatus> {
        self.entity.desk(NOW, &self.agents[agent]).expect("its token").send(session, item, b"an item")
    }

    fn events(&mut self) -> Vec<(Eid, Option<Handle>, AgentEvent<'static>)> {
        std::iter::from_fn(|| self.entity.poll_event())
            .filter_map(|event| match event {
                HostEvent::Agent { eid, session, event, .. } => Some((eid, session, event)),
                _ => None,
            })
            .collect()
    }

    /// The sessions that are told ROOM.
    fn rooms(&mut self) -> Vec<Handle> {
        let rooms = self.events().into_iter().filter(|(.., event)| *event == AgentEvent::Room);
        rooms.filter_map(|(_, session, _)| session).collect()
    }

    fn abort(&mut self, agent: usize, session: Handle) {
        let abort = Request::Abort(TeardownReason::TaskComplete.code());
        let mut desk = self.entity.desk(NOW, &self.agents[agent]).expect("its token");
        desk.ask(Some(session), &abort, &mut self.rng).expect("it is there");
    }
}

// shows: IACP-066 (§4.2.1.1–2)
#[test]
fn many_waiting_sessions_of_other_agents_do_not_hide_the_one_that_has_room() {
    let mut small = Small::new(3, 24, (12, 4), 3);
    let mut sessions = Vec::new();
    for agent in 0..3 {
        let first = small.open(agent);
        for item in 0..4 {
            assert_eq!(small.send(agent, first, item), Ok(()), "its share");
        }
        let others: Vec<Handle> = (1..if agent < 2 { 8 } else { 2 }).map(|_| small.open(agent)).collect();
        for session in [&[first][..], &others].concat() {
            let item = if session == first { 4 } else { 0 };
            assert_eq!(small.send(agent, session, item), Err(LocalStatus::Full));
        }
        sessions.push((first, others));
    }
    assert!(small.rooms().is_empty());
    let (first, others) = &sessions[2];
    small.abort(2, *first);
    assert_eq!(small.rooms(), [others[0]], "16 sessions of two agents wait before it");
}

#[test]
fn sessions_that_wait_for_their_agents_share_take_turns_and_one_that_ends_does_not_hold_the_others_up() {
    let mut small = Small::new(2, 12, (12, 4), 2);
    let first = small.open(0);
    for item in 0..4 {
        assert_eq!(small.send(0, first, item), Ok(()), "its share");
    }
    let waiting: Vec<Handle> = (0..5).map(|_| small.open(0)).collect();
    for session in &waiting {
        assert_eq!(small.send(0, *session, 0), Err(LocalStatus::Full));
    }
    // The first one, one in the middle and the last one that wait are no more, and another agent has a slot of theirs.
    for gone in [0, 2, 4] {
        small.abort(0, waiting[gone]);
    }
    small.quiet();
    let other = small.open(1);
    assert_eq!(small.send(1, other, 0), Ok(()), "the other agent has its own share");
    assert!(small.rooms().is_empty());
    small.abort(0, first);
    assert_eq!(small.rooms(), [waiting[1], waiting[3]], "the oldest first");
    // The first of them takes the share, so the next time it is behind the other one.
    for item in 0..4 {
        assert_eq!(small.send(0, waiting[1], item), Ok(()));
    }
    assert_eq!(small.send(0, waiting[3], 0), Err(LocalStatus::Full));
    assert_eq!(small.send(0, waiting[1], 4), Err(LocalStatus::Full));
    let last = small.open(0);
    assert_eq!(small.send(0, last, 0), Err(LocalStatus::Full));
    assert!(small.rooms().is_empty());
    small.abort(0, waiting[1]);
    assert_eq!(small.rooms(), [waiting[3], last]);
}

#[test]
fn all_that_found_every_cell_taken_are_told_when_there_are_some() {
    // One agent can take all cells, so the others find none.
    let mut small = Small::new(4, 32, (8, 8), 4);
    let first = small.open(0);
    for item in 0..8 {
        assert_eq!(small.send(0, first, item), Ok(()));
    }
    let mut waiting = Vec::new();
    for agent in 1..4 {
        for _ in 0..8 {
            let session = small.open(agent);
            assert_eq!(small.send(agent, session, 0), Err(LocalStatus::Full));
            waiting.push((agent, session));
        }
    }
    small.abort(0, first);
    let rooms = small.rooms();
    assert_eq!(rooms, waiting.iter().map(|(_, session)| *session).collect::<Vec<_>>(), "24 of them, the oldest first");
    assert!(small.rooms().is_empty(), "once");
    for (agent, session) in &waiting[..8] {
        assert_eq!(small.send(*agent, *session, 0), Ok(()));
    }
    assert_eq!(small.send(waiting[8].0, waiting[8].1, 0), Err(LocalStatus::Full));
    small.abort(waiting[0].0, waiting[0].1);
    assert_eq!(small.rooms(), [waiting[8].1]);
}

// shows: IACP-073 (§4.2.2.3)
#[test]
fn agents_that_are_purged_at_once_are_each_told_also_where_only_one_leaving_has_room() {
    let mut small = Small::new(3, 8, (8, 4), 1);
    let sessions: Vec<Handle> = (0..3).map(|agent| small.open(agent)).collect();
    let later = NOW.after(PURGE + 1);
    let mut told = Vec::new();
    for _ in 0..10 {
        small.entity.handle_deadline(later, &mut small.rng);
        told.extend(small.events());
    }
    for (agent, session) in small.agents.iter().zip(sessions) {
        let of_it: Vec<_> = told.iter().filter(|(eid, ..)| *eid == agent.eid()).collect();
        let unbound = |event: &AgentEvent<'_>| matches!(event, AgentEvent::State { state: State::Unbound, .. });
        assert!(of_it.iter().any(|(.., event)| unbound(event)), "{of_it:?}");
        let closed = |event: &AgentEvent<'_>| matches!(event, AgentEvent::Closed { .. });
        assert!(of_it.iter().any(|(_, of, event)| *of == Some(session) && closed(event)), "{of_it:?}");
    }
}
