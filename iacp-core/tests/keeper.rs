//! The keeper of a host: which events count for a peer, and which do not (`IACP §3.6.1`).

use iacp_core::crypto::ChaChaOnly;
use iacp_core::erp::context::State;
use iacp_core::erp::entity::HostEvent;
use iacp_core::erp::keeper::{Keeper, LOOK, Watched, admission};
use iacp_core::erp::local::{AgentEvent, ClosureCode, Continuity, Opened};
use iacp_core::erp::resume::LineOutcome;
use iacp_core::governance::journal::{Entry, EntryKind};
use iacp_core::governance::reputation::{Account, GOOD, NEWCOMER, Proven, Treatment};
use iacp_core::pss::{Admission, Capabilities, Role, Terms};
use iacp_core::slots::{Handle, IndexKey};
use iacp_core::time::{Mono, UnixTime};
use iacp_wire::Eid;

const AGENT: Eid = Eid([2; 32]);
const OTHER: Eid = Eid([3; 32]);
const PEER: Eid = Eid([9; 32]);
const START: u64 = 1_790_000_000_000;

/// A keeper with room for two sessions, and what it has written: kind and amount.
struct World<'m> {
    keeper: Keeper<'m>,
    log: Vec<(EntryKind, u32)>,
    now: u64,
}

impl World<'_> {
    fn saw(&mut self, event: &HostEvent<'_>) {
        let Self { keeper, log, now } = self;
        let mut store = |entry: Entry| log.push((entry.kind, entry.amount));
        keeper.saw::<ChaChaOnly>(Mono(*now), UnixTime(START + *now), event, &mut store);
    }

    fn told(&mut self, eid: Eid, session: u64, event: AgentEvent<'_>) {
        self.saw(&HostEvent::Agent { eid, channel: None, session: Some(handle(session)), event });
    }

    fn opened(&mut self, session: u64) {
        let opened = Opened {
            peer: PEER,
            role: Role::Responder,
            outcome: LineOutcome::New,
            throttled: false,
            capabilities: Capabilities::NONE,
            line: [0; 16],
            first_to_send: 0,
            first_to_come: 0,
        };
        self.told(AGENT, session, AgentEvent::Opened(opened));
    }

    fn closed(&mut self, session: u64, closure: ClosureCode) {
        self.told(AGENT, session, AgentEvent::Closed { closure, truncated: false, reason: 0, delivered: 0 });
    }

    fn contract(&mut self, session: u64) {
        self.told(AGENT, session, AgentEvent::Contract(Terms { dgk_rotation: 0, lifetime: 0, receive_window: 4 }));
    }

    fn look(&mut self, now: u64) {
        let Self { keeper, log, .. } = self;
        let mut store = |entry: Entry| log.push((entry.kind, entry.amount));
        keeper.handle_deadline::<ChaChaOnly>(Mono(now), UnixTime(START + now), &mut store);
    }

    fn log(&mut self) -> Vec<(EntryKind, u32)> {
        std::mem::take(&mut self.log)
    }
}

fn handle(session: u64) -> Handle {
    Handle::from_bits(session << 32).expect("it is not zero")
}

fn with_world(run: impl FnOnce(&mut World<'_>)) {
    let (mut accounts, mut watched) = ([Account::FREE; 8], [None::<Watched>; 2]);
    let keeper = Keeper::new::<ChaChaOnly>(&mut accounts, &mut watched, IndexKey::new([7; 16]), Eid([1; 32]));
    run(&mut World { keeper, log: Vec::new(), now: 0 });
}

fn state(eid: Eid, state: State) -> HostEvent<'static> {
    let event = AgentEvent::State { state, degraded: false, accused: false, generation: 0 };
    HostEvent::Agent { eid, channel: None, session: None, event }
}

// shows: IACP-018 (§3.6.1)
#[test]
fn a_session_that_was_open_and_ends_without_a_contradiction_is_good() {
    use ClosureCode::{
        Compromised, Contradiction, ForcedByPeer, ForcedByUs, Graceful, KeySpent, Lost, NoAnswer, Superseded,
        Unanswered,
    };
    let ends = [Graceful, ForcedByUs, ForcedByPeer, Unanswered, NoAnswer, Lost, KeySpent, Superseded];
    for (closures, log) in [(&ends[..], &[(EntryKind::Good, 1)][..]), (&[Compromised, Contradiction], &[])] {
        for closure in closures {
            with_world(|world| {
                world.opened(1);
                assert_eq!(world.log(), []);
                world.closed(1, *closure);
                assert_eq!(world.log(), log, "{closure:?}");
                world.closed(1, *closure);
                assert_eq!(world.log(), [], "it has ended already");
            });
        }
    }
    with_world(|world| {
        world.closed(1, Graceful);
        assert_eq!(world.log(), [], "it was never open");
        world.opened(1);
        world.closed(2, Contradiction);
        world.closed(1, Graceful);
        assert_eq!(world.log(), [(EntryKind::Good, 1)], "another session was broken");
        for (now, log) in [(GOOD - 1, &[][..]), (GOOD, &[(EntryKind::Good, 1)])] {
            world.now = now;
            world.opened(1);
            world.closed(1, Graceful);
            assert_eq!(world.log(), log, "good counts once an hour: {now}");
        }
    });
}

#[test]
fn the_sessions_of_a_context_that_is_gone_have_ended() {
    with_world(|world| {
        world.opened(1);
        for event in [state(OTHER, State::Unbound), state(AGENT, State::Bound)] {
            world.saw(&event);
            assert_eq!(world.log(), []);
        }
        world.saw(&state(AGENT, State::Unbound));
        assert_eq!(world.log(), [(EntryKind::Good, 1)]);
    });
}

// shows: IACP-018 (§3.6.1)
#[test]
fn a_violation_is_bad_and_other_events_count_nothing() {
    with_world(|world| {
        world.saw(&HostEvent::Compromised { eid: AGENT, peer: PEER });
        assert_eq!(world.log(), [(EntryKind::Bad, 1)]);
        assert_eq!(world.keeper.journal().entries(), 1);
        for event in [HostEvent::Taken, HostEvent::Cloned(PEER), HostEvent::WrongSource(PEER)] {
            world.saw(&event);
        }
        world.told(AGENT, 1, AgentEvent::Room);
        world.closed(1, ClosureCode::Graceful);
        assert_eq!(world.log(), []);
    });
}

/// Sessions beyond the places are not counted, and the places of those that have ended are free again.
#[test]
fn a_session_without_a_place_is_not_counted() {
    with_world(|world| {
        (1..=3).for_each(|session| world.opened(session));
        world.contract(3);
        world.told(AGENT, 3, AgentEvent::Continuity(Continuity::Disconnected));
        world.closed(3, ClosureCode::Contradiction);
        assert_eq!((world.log(), world.keeper.next_deadline()), (vec![], None));
        world.closed(2, ClosureCode::Graceful);
        assert_eq!(world.log(), [(EntryKind::Good, 1)]);
        world.opened(3);
        world.contract(3);
        assert_eq!(world.keeper.next_deadline(), Some(Mono(LOOK)));
    });
}

// shows: IACP-019 (§3.6.1)
#[test]
fn twenty_looks_of_15_seconds_make_one_entry_and_an_absent_peer_is_not_met() {
    with_world(|world| {
        world.opened(1);
        assert_eq!(world.keeper.next_deadline(), None, "nothing is due without a contract");
        world.now = 1_000;
        world.contract(1);
        world.now = 5_000;
        world.opened(2);
        world.contract(2);
        let first = 1_000 + LOOK;
        assert_eq!(world.keeper.next_deadline(), Some(Mono(first)), "the soonest");
        world.look(first - 1);
        assert_eq!(world.keeper.next_deadline(), Some(Mono(first)));
        world.look(first);
        assert_eq!(world.keeper.next_deadline(), Some(Mono(5_000 + LOOK)));
        world.closed(2, ClosureCode::Contradiction);
        assert_eq!(world.log(), [], "it was not looked at yet");
        for look in 2..=20 {
            let (from, to) = (Continuity::Disconnected, Continuity::GoesOn);
            match look {
                4 => world.told(AGENT, 1, AgentEvent::Continuity(from)),
                6 => world.told(AGENT, 1, AgentEvent::Continuity(Continuity::Reconciling)),
                8 => world.told(AGENT, 1, AgentEvent::Continuity(to)),
                _ => {}
            }
            assert_eq!(world.log(), [], "look {look}");
            world.look(1_000 + look * LOOK);
        }
        assert_eq!(world.log(), [(EntryKind::Due, 20), (EntryKind::Met, 16)]);
        // A host that slept looks once.
        world.look(1_000 + 90 * LOOK);
        world.closed(1, ClosureCode::Graceful);
        assert_eq!(world.log(), [(EntryKind::Due, 1), (EntryKind::Met, 1), (EntryKind::Good, 1)]);
        // A peer that never came back is due, and was not met.
        world.opened(1);
        world.contract(1);
        world.told(AGENT, 1, AgentEvent::Continuity(Continuity::Disconnected));
        world.look(1_000 + 99 * LOOK);
        world.closed(1, ClosureCode::Lost);
        assert_eq!(world.log(), [(EntryKind::Due, 1)]);
    });
}

// shows: IACP-020 (§3.6.2), IACP-021 (§3.6.2)
#[test]
fn a_change_of_the_verdict_is_written_once() {
    with_world(|world| {
        let standing = |world: &mut World<'_>| {
            let World { keeper, log, .. } = world;
            let mut store = |entry: Entry| log.push((entry.kind, entry.amount));
            keeper.standing::<ChaChaOnly>(UnixTime(START), &PEER, Proven::Nothing, &mut store)
        };
        assert_eq!(standing(world), (Admission::Admit, NEWCOMER));
        assert_eq!(world.log(), []);
        (0..8).for_each(|_| world.saw(&HostEvent::Compromised { eid: AGENT, peer: PEER }));
        world.log();
        let (admitted, score) = standing(world);
        assert!(admitted == Admission::Throttle && score < NEWCOMER, "{score}");
        assert_eq!(world.log(), [(EntryKind::Change, 1)]);
        standing(world);
        assert_eq!(world.log(), []);
    });
    for (treatment, expected) in [
        (Treatment::Admit, Admission::Admit),
        (Treatment::DemandWork { threshold: 5_000, score: 4_000 }, Admission::Throttle),
        (Treatment::Throttle, Admission::Throttle),
        (Treatment::Drop, Admission::Drop),
    ] {
        assert_eq!(admission(treatment), expected);
    }
}
