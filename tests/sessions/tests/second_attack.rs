//! A second attack on the LL-Entity: memory that goes back, bindings that come back, floods, and tables that are to be emptied.

use std::net::SocketAddr;

use iacp_core::crypto::{Portable, Secret32};
use iacp_core::erp::context::State;
use iacp_core::erp::entity::Dropped;
use iacp_core::erp::local::{ClosureCode, Listen, LocalStatus, Request};
use iacp_core::identity::Identity;
use iacp_core::pss::{Admission, Capabilities, TeardownReason, Terms};
use iacp_core::time::Mono;
use iacp_wire::message::{AaiRequest, ErpInit, Local};
use iacp_wire::{Eid, Frame, IatField, InitializationNonce, Message};
use rand_chacha::ChaCha8Rng;
use rand_core::SeedableRng;
use sessions::frame;
use sessions::hosts::{Hosts, place, register_frame};

const LISTEN: Listen = Listen {
    capabilities: Capabilities::NONE,
    terms: Terms { dgk_rotation: 0, lifetime: 0, receive_window: 16 },
    sessions: 8,
    hold: false,
};

/// Two hosts whose agents listen, and a directory.
fn world(seed: u64) -> Hosts {
    let mut world = Hosts::new(seed, 2, 1, true);
    assert!(world.run_until(60_000, Hosts::all_bound));
    let now = world.now;
    for host in &mut world.hosts {
        host.with(now, 0, |desk, _| desk.listen(LISTEN)).expect("a window");
    }
    world
}

/// The agent of one host opens a session with that of the other.
fn open(world: &mut Hosts, from: usize, to: usize) {
    let (now, peer) = (world.now, world.eid(to, 0));
    world.hosts[from].with(now, 0, |desk, rng| desk.open(peer, None, Capabilities::NONE, rng)).expect("there is room");
}

fn is_open(world: &Hosts, host: usize, peer: &Eid) -> bool {
    world.hosts[host].told_of(0, peer).is_some_and(|(_, told)| told.opened.is_some())
}

#[test]
fn after_a_restored_memory_nothing_is_sealed_and_no_generation_is_signed_twice() {
    let mut world = world(1);
    let (own, peer) = (world.eid(0, 0), world.eid(1, 0));
    open(&mut world, 0, 1);
    assert!(world.run_until(10_000, |world| is_open(world, 0, &peer)));
    // Since the memory was saved, stable storage has gone four further.
    let bound = world.hosts[0].stored[&own.0] + 4;
    world.hosts[0].stored.insert(own.0, bound);
    let (begin, now, mut rng) = (world.trace.len(), world.now, ChaCha8Rng::seed_from_u64(9));
    world.hosts[0].entity.renew(now, |_| Some(bound), &mut rng);
    assert!(world.run_until(60_000, |world| world.newest(&own).is_some_and(|newest| newest.generation >= bound)));
    assert_eq!(world.newest(&own).expect("bound again").generation, bound, "the first above all that may be signed");
    let (_, told) = world.hosts[0].told_of(0, &peer).expect("it was open");
    assert_eq!(told.closed, Some(ClosureCode::Lost));
    let from = world.hosts[0].at;
    let is_stream = |bytes: &[u8]| matches!(Frame::parse(bytes), Ok(Frame { message: Message::ErpStream { .. }, .. }));
    let streams = |sent: &[(Mono, SocketAddr, SocketAddr, Vec<u8>)]| {
        sent.iter().filter(|(_, at, _, bytes)| *at == from && is_stream(bytes)).count()
    };
    assert!(streams(&world.trace[..begin]) > 0);
    assert_eq!(streams(&world.trace[begin..]), 0, "no frame of the old session");
    assert!(world.run_until(60_000, Hosts::all_bound));
    assert_eq!(world.hosts[0].affairs, Vec::<String>::new(), "no binding of its own counts against it");
}

#[test]
fn a_replayed_binding_does_not_kill_an_agent_that_was_restored_and_is_not_bound_yet() {
    for (above, dies) in [(0, false), (1, true)] {
        let mut world = Hosts::new(2, 1, 1, true);
        assert!(world.run_until(60_000, Hosts::all_bound));
        let (own, now) = (world.eid(0, 0), world.now);
        let old = world.newest(&own).expect("it is registered");
        let mut frame = register_frame(&old);
        if above > 0 {
            // The key is elsewhere: what is at the stored bound was never signed here.
            let seed = Secret32::new(*world.hosts[0].entity.seed(&own).expect("a context").expose());
            let bound = world.hosts[0].stored[&own.0];
            let other = iacp_core::erp::binding::Binding::sign(
                &Identity::<Portable>::from_seed(&seed),
                place(77).into(),
                bound,
            );
            frame = register_frame(&other);
        }
        world.hosts[0].storage_works = false;
        world.hosts[0].crash(now);
        let to = world.hosts[0].at;
        world.put(now, SocketAddr::new(place(66), 4_227), to, frame);
        world.run(100);
        assert_eq!(world.hosts[0].affairs.contains(&"cloned".into()), dies, "{above} above");
        if dies {
            continue;
        }
        assert!(world.hosts[0].dropped.contains(&Dropped::Generation));
        let now = world.now;
        let host = &mut world.hosts[0];
        host.storage_works = true;
        for (eid, what) in std::mem::take(&mut host.unstored) {
            host.store(now, eid, what);
        }
        assert!(world.run_until(60_000, Hosts::all_bound), "{:?}", world.hosts[0].states);
    }
}

#[test]
fn a_flood_of_confirmations_that_nothing_asked_for_takes_no_token() {
    let mut world = Hosts::new(3, 1, 1, true);
    assert!(world.run_until(60_000, Hosts::all_bound));
    let (to, now) = (world.hosts[0].at, world.now);
    let node = world.nodes[0].at;
    let confirm =
        world.trace.iter().find(|(_, from, at, _)| *from == node && *at == to).expect("it has confirmed").3.clone();
    for number in 0..4_200_u32 {
        let [_, _, high, low] = number.to_be_bytes();
        world.put(now, SocketAddr::new([203, high, low, 9].into(), 4_227), to, confirm.clone());
    }
    world.run(0);
    let refused = |why| world.hosts[0].dropped.iter().filter(|dropped| **dropped == why).count();
    assert_eq!((refused(Dropped::NotAsked), refused(Dropped::RateLimited)), (4_200, 0));
}

#[test]
fn a_refusal_is_asked_again_when_it_is_no_longer_believed() {
    let mut world = world(4);
    let (answers, opens) = (world.eid(0, 0), world.eid(1, 0));
    world.standings.insert(opens.0, Admission::Drop);
    open(&mut world, 1, 0);
    assert!(!world.run_until(30_000, |world| is_open(world, 1, &answers)), "it is refused");
    world.standings.clear();
    for _ in 0..31 {
        world.run(10_000);
        world.keep_alive();
    }
    open(&mut world, 1, 0);
    assert!(world.run_until(30_000, |world| is_open(world, 1, &answers)), "the directory has nothing against it now");
}

#[test]
fn an_agent_that_opens_and_aborts_empties_no_entry_that_counts_and_is_slowed_down() {
    let mut world = world(5);
    let (now, accused) = (world.now, world.eid(1, 0));
    world.hosts[0].entity.challenge(now, &accused, &[]);
    let mut refused = 0;
    for number in 0..200_u8 {
        let peer = Identity::<Portable>::from_seed(&Secret32::new([number; 32])).eid();
        let opened = world.hosts[0].with(now, 0, |desk, rng| desk.open(peer, None, Capabilities::NONE, rng));
        world.settle();
        match opened {
            Ok(session) => {
                let abort = Request::Abort(TeardownReason::TaskComplete.code());
                let _ = world.hosts[0].with(now, 0, |desk, rng| desk.ask(Some(session), &abort, rng));
            }
            Err(why) => {
                assert_eq!(why, LocalStatus::Capacity);
                refused += 1;
            }
        }
        world.settle();
    }
    assert_eq!(refused, 200 - 64, "64 at once");
    world.run_until(2_000, |_| false);
    open(&mut world, 0, 1);
    world.run_until(2_000, |_| false);
    let results = world.hosts[0].told.values().flat_map(|told| told.results.iter());
    assert_eq!(results.last(), Some(&(0, Err(LocalStatus::Standing))), "the accusation still stands");
    assert_eq!(world.hosts[0].states[&0].0, State::Bound);
}

#[test]
fn an_agent_rotates_no_more_often_than_its_channel_may_begin() {
    let mut world = Hosts::new(6, 1, 0, false);
    let now = world.now;
    let init = frame(Message::ErpInit(&ErpInit { initialization_nonce: InitializationNonce([1; 32]) }));
    let mut answer = world.hosts[0].local(now, 0, &init).expect("ERP_ALLOC");
    let mut made = 0;
    for _ in 0..8 {
        let Ok(Frame { message: Message::ErpAlloc(alloc), .. }) = Frame::parse(&answer) else { break };
        made += 1;
        world.settle();
        let head = AaiRequest { op: 22.into(), op_reserved: 0.into(), request: 7.into(), session: 0.into() };
        let arguments = [&[0, 3, 0, 0][..], &[9; 32]].concat();
        let inner = frame(Message::AaiRequest { head: &head, arguments: &arguments });
        let envelope = Local { eid: alloc.allocated_eid, local_iat: IatField(alloc.local_iat.0) };
        let rotate = frame(Message::Local { head: &envelope, inner: &inner });
        answer = world.hosts[0].local(now, 0, &rotate).expect("an answer");
    }
    assert_eq!(made, 4, "an ERP_INIT and three ROTATEs in a second");
    assert!(matches!(Frame::parse(&answer), Ok(Frame { message: Message::Local { .. }, .. })), "a RESULT");
}
