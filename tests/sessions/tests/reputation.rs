//! The reputation that a host keeps decides at its door (`IACP §3.6`): two LL-Entities, and a keeper fed by what happens between them.

use std::net::SocketAddr;

use iacp_core::crypto::{Portable, Provider, Secret32};
use iacp_core::erp::binding::Binding;
use iacp_core::erp::entity::{Done, Dropped};
use iacp_core::erp::local::{ClosureCode, Listen, Open, Request};
use iacp_core::governance::journal::{Broken, EntryKind, Journal};
use iacp_core::governance::reputation::{ACCUSED, Account, GOOD, Proven, Reputation};
use iacp_core::identity::Identity;
use iacp_core::pss::{Admission, Capabilities, ContentKind, Discard, RejectionReasons, TeardownReason, Terms};
use iacp_core::slots::{Handle, IndexKey};
use iacp_core::time::UnixTime;
use iacp_wire::{Eid, Locator};
use sessions::hosts::{Hosts, Keeping, place, register_frame};
use sessions::raw::{ROUTING, Raw};

const TERMS: Terms = Terms { dgk_rotation: 0, lifetime: 0, receive_window: 16 };

fn lii() -> Identity<Portable> {
    Identity::from_seed(&Secret32::new([0x77; 32]))
}

/// Two hosts. The agent of the second one listens, and its host keeps what it sees of its peers.
fn world(seed: u64, capabilities: Capabilities) -> Hosts {
    let mut world = Hosts::new(seed, 2, 1, true);
    assert!(world.run_until(60_000, Hosts::all_bound));
    let listen = Listen { capabilities, terms: TERMS, sessions: 4, hold: false };
    let now = world.now;
    world.hosts[1].with(now, 0, |desk, _| desk.listen(listen)).expect("a window");
    world.hosts[1].keeping = Some(Keeping::new(lii().eid()));
    world
}

/// Time in which all agents live.
fn wait(world: &mut Hosts, seconds: u64) {
    for _ in 0..seconds.div_ceil(20) {
        world.run(20_000);
        world.keep_alive();
    }
}

/// The first host's agent opens a session; whether the second one's agent has it, and under what terms.
fn open(world: &mut Hosts, offer: Capabilities) -> (Handle, Option<bool>) {
    let (now, peer, own) = (world.now, world.eid(1, 0), world.eid(0, 0));
    let open = Open { peer, at: None, hold: false, offer, resume: None, proof: None };
    let asked = world.hosts[0].with(now, 0, |desk, rng| desk.ask(None, &Request::Open(open), rng));
    let Ok(Done::Session(session)) = asked else { panic!("{asked:?}") };
    for _ in 0..8 {
        world.run(500);
        world.keep_alive();
    }
    let open = |told: &&sessions::hosts::Told| told.peer == Some(own) && told.closed.is_none();
    (session, world.hosts[1].told.values().find(open).map(|told| told.throttled))
}

/// Both agents end their session.
fn close(world: &mut Hosts, session: Handle) {
    let (now, own) = (world.now, world.eid(0, 0));
    world.hosts[0].with(now, 0, |desk, _| desk.close(session, TeardownReason::None)).expect("it is open");
    wait(world, 20);
    let asked = world.hosts[1]
        .told
        .iter()
        .find(|(_, told)| told.peer == Some(own) && told.asked_to_close && told.closed.is_none());
    if let Some(theirs) = asked.and_then(|((_, bits), _)| Handle::from_bits(*bits)) {
        let now = world.now;
        world.hosts[1].with(now, 0, |desk, _| desk.close(theirs, TeardownReason::None)).expect("it is open");
    }
    wait(world, 20);
}

/// A session that lives until its host has read the peer's standing again, and ends; an hour after what came before.
fn visit(world: &mut Hosts) -> Option<bool> {
    wait(world, 3_600);
    let (session, throttled) = open(world, Capabilities::NONE);
    wait(world, 340);
    close(world, session);
    throttled
}

fn identity(world: &Hosts) -> Identity<Portable> {
    let seed = world.hosts[0].entity.seed(&world.eid(0, 0)).expect("a context");
    Identity::from_seed(&Secret32::new(*seed.expose()))
}

/// The first agent's key, in the hands of a program that breaks the protocol: an authentic frame without a meaning.
fn violate(world: &mut Hosts, seed: u64) {
    let (at, to, peer) = (SocketAddr::new(place(50), 4_227), world.hosts[1].at, world.eid(1, 0));
    let mut raw = Raw::open_as(world.now, identity(world), seed, at, (peer, to), Capabilities::NONE);
    let mut has_violated = false;
    for _ in 0..100 {
        if raw.session.is_ready() && !has_violated {
            has_violated = raw.session.send(world.now, ContentKind::PathReport, &[0; 32]).is_ok();
        }
        let (now, begin) = (world.now, world.trace.len());
        while let Some(bytes) = raw.says(now) {
            world.put(now, at, to, bytes);
        }
        world.run(50);
        let heard: Vec<Vec<u8>> =
            world.trace[begin..].iter().filter(|(_, _, to, _)| *to == at).map(|(.., bytes)| bytes.clone()).collect();
        heard.into_iter().for_each(|mut bytes| raw.hears(world.now, &mut bytes));
        world.keep_alive();
    }
    assert!(has_violated, "it had its session");
    // Its peer is shunned for 300 s.
    wait(world, 320);
}

fn keeping(world: &mut Hosts) -> &mut Keeping {
    world.hosts[1].keeping.as_mut().expect("it keeps")
}

fn counted(world: &mut Hosts, eid: &Eid, kind: EntryKind) -> u32 {
    keeping(world).log.iter().filter(|entry| entry.eid == *eid && entry.kind == kind).map(|entry| entry.amount).sum()
}

fn verdict(world: &mut Hosts, eid: &Eid) -> (Admission, u16) {
    let unix = world.unix();
    let Keeping { keeper, log } = keeping(world);
    keeper.standing::<Portable>(unix, eid, Proven::Nothing, &mut |entry| log.push(entry))
}

// shows: IACP-016 (§3.6), IACP-018 (§3.6.1), IACP-020 (§3.6.2), IACP-021 (§3.6.2), IACP-023 (§3.6.2), IACP-024 (§3.6.2)
#[test]
fn what_a_peer_does_decides_whether_it_is_accepted_throttled_or_refused() {
    let mut world = world(1, Capabilities::NONE);
    let peer = world.eid(0, 0);
    // A session that ended in good order: S = (20,000 + 40,000) / (2 + 8) = 6,000, R = 2,700 + 1,750 + 2,000.
    assert_eq!(visit(&mut world), Some(false), "accepted");
    assert_eq!(
        (counted(&mut world, &peer, EntryKind::Good), verdict(&mut world, &peer)),
        (1, (Admission::Admit, 6_450))
    );
    // Five violations: S = 60,000 / 20, R = 5,100. Six: S = 60,000 / 22 = 2,727.
    for seed in 0..5 {
        violate(&mut world, seed);
    }
    assert_eq!((counted(&mut world, &peer, EntryKind::Good), counted(&mut world, &peer, EntryKind::Bad)), (1, 5));
    assert_eq!(
        verdict(&mut world, &peer),
        (Admission::Admit, 5_100),
        "its session was closed, none of the others is good"
    );
    violate(&mut world, 5);
    // The one standing that is believed here is old by now: the first session begins under it, and has it read again.
    visit(&mut world);
    assert_eq!((counted(&mut world, &peer, EntryKind::Bad), counted(&mut world, &peer, EntryKind::Good)), (6, 2));
    // Below 5,000 it is accepted under strict terms, and so it stays until 5,500: with two good ones R is 5,249, with three 5,480.
    let mut seen = Vec::new();
    for _ in 0..3 {
        wait(&mut world, 3_600);
        let (session, throttled) = open(&mut world, Capabilities::NONE);
        if seen.is_empty() {
            assert!(sent(&mut world, session) <= 16 * 3, "16 frames at once, and 16 a second");
        }
        seen.push((throttled, verdict(&mut world, &peer).1));
        wait(&mut world, 340);
        close(&mut world, session);
    }
    assert_eq!(seen, [(Some(true), 5_249), (Some(true), 5_480), (Some(true), 5_678)]);
    assert_eq!(visit(&mut world), Some(false), "it has earned its way back");
    let changes: Vec<u32> = keeping(&mut world)
        .log
        .iter()
        .filter(|entry| entry.kind == EntryKind::Change)
        .map(|entry| entry.amount)
        .collect();
    assert_eq!(changes, [1, 0], "there and back, each once");

    // Two bindings of one generation under its key: whatever its score is, it is refused.
    let (session, _) = open(&mut world, Capabilities::NONE);
    let other = Binding::sign(&identity(&world), Locator::from(place(66)), 0);
    let (now, from, to) = (world.now, world.hosts[0].at, world.hosts[1].at);
    world.put(now, from, to, register_frame(&other));
    wait(&mut world, 340);
    assert_eq!(counted(&mut world, &peer, EntryKind::Accusation), 1);
    assert_eq!(verdict(&mut world, &peer).0, Admission::Drop);
    close(&mut world, session);
    world.hosts[1].dropped.clear();
    assert_eq!(open(&mut world, Capabilities::NONE).1, None, "no session");
    assert!(world.hosts[1].dropped.contains(&Dropped::Session(Discard::Reputation)));
    assert!(!world.hosts[1].told.values().any(|told| told.closed.is_none()), "and nothing is kept of it");

    // The log is whole, it is signed, and after a restart it says the same.
    let unix = world.unix();
    let head = keeping(&mut world).keeper.journal().head(&lii(), unix);
    let log = keeping(&mut world).log.clone();
    assert_eq!(Journal::verify::<Portable>(&head, log.iter().copied()), Ok(()));
    assert_eq!(Journal::verify::<Portable>(&head, log[1..].iter().copied()), Err(Broken::Sequence(0)));
    let before = verdict(&mut world, &peer);
    let mut again = Keeping::new(lii().eid());
    log.iter().for_each(|entry| again.keeper.resume::<Portable>(entry).expect("the next entry"));
    assert_eq!(again.keeper.resume::<Portable>(&log[0]), Err(Broken::Sequence(head.entries)), "none twice");
    assert_eq!(again.keeper.journal().hash(), head.hash);
    let said = again.keeper.standing::<Portable>(unix, &peer, Proven::Nothing, &mut |entry| panic!("{entry:?}"));
    assert_eq!(said, before);
    // Its own evidence counts until the trial is over at the latest; the nodes' records say how that ended.
    let later = unix.0 + ACCUSED;
    let said = again.keeper.standing::<Portable>(UnixTime(later), &peer, Proven::Nothing, &mut |_| ());
    assert_eq!(said.0, Admission::Admit);
}

/// A contradiction in the negotiation, in a session that has been told OPENED: it is *bad*, not the good end of a session.
// shows: IACP-018 (§3.6.1)
#[test]
fn a_peer_that_contradicts_itself_in_the_negotiation_is_no_better_for_it() {
    let mut world = world(4, Capabilities::SFC);
    let peer = world.eid(0, 0);
    let (session, open_there) = open(&mut world, Capabilities::SFC);
    assert_eq!(open_there, None, "terms come first");
    let counter = Request::Terms { counter: Some((Terms { lifetime: 77, ..TERMS }, RejectionReasons(1))) };
    let (now, begin) = (world.now, world.trace.len());
    world.hosts[0].with(now, 0, |desk, rng| desk.ask(Some(session), &counter, rng)).expect("our turn");
    world.run(500);
    assert!(world.hosts[1].told.values().any(|told| told.peer == Some(peer)), "it is open");
    // Turn 4 behind its own turn 2, signed by its key: PROFILE 2.3.
    let (here, there) = (world.hosts[0].at, world.hosts[1].at);
    let is_turn = |bytes: &[u8]| bytes.len() == ROUTING + 120 && bytes[ROUTING + 1] >> 4 == 0xa;
    let sent = world.trace[begin..].iter().find(|(_, from, _, bytes)| *from == here && is_turn(bytes));
    let mut forged = sent.expect("turn 2").3.clone();
    let inner = &mut forged[ROUTING..];
    let predecessor = Portable::sha256(&[&inner[..56]]);
    assert_eq!(inner[20..22], [0, 2]);
    inner[21] = 4;
    let digest = Portable::sha256(&[b"IACP/1 PSS_NEG\0", &predecessor, &inner[..56]]);
    let seed = Secret32::new(*world.hosts[0].entity.seed(&peer).expect("a context").expose());
    let signature = Portable::sign(&Portable::signing_key(&seed), &digest);
    inner[56..].copy_from_slice(&signature);
    let now = world.now;
    world.put(now, here, there, forged);
    wait(&mut world, 100);
    let closed: Vec<_> = world.hosts[1].told.values().map(|told| told.closed).collect();
    assert_eq!(closed, [Some(ClosureCode::Contradiction)]);
    assert_eq!((counted(&mut world, &peer, EntryKind::Bad), counted(&mut world, &peer, EntryKind::Good)), (1, 0));
}

#[test]
fn sessions_that_are_opened_and_closed_at_once_count_once_an_hour() {
    let mut world = world(3, Capabilities::NONE);
    let peer = world.eid(0, 0);
    for good in [1, 2] {
        for _ in 0..3 {
            let (session, _) = open(&mut world, Capabilities::NONE);
            close(&mut world, session);
        }
        assert_eq!(counted(&mut world, &peer, EntryKind::Good), good);
        wait(&mut world, 3_600);
    }
    // Also after a restart.
    let (unix, log) = (world.unix(), keeping(&mut world).log.clone());
    let mut accounts = [Account::FREE; 8];
    let mut again = Reputation::new::<Portable>(&mut accounts, IndexKey::new([7; 16]), lii().eid());
    log.iter().for_each(|entry| again.apply(entry));
    let last = log.iter().rfind(|entry| entry.kind == EntryKind::Good).expect("there are two").time;
    assert!(!again.counts_good(UnixTime(last + GOOD - 1), &peer) && again.counts_good(UnixTime(last + GOOD), &peer));
    assert!(unix.0 >= last);
}

/// How many items of a flood come in two seconds.
fn sent(world: &mut Hosts, session: Handle) -> usize {
    let mut next = 0_u64;
    for _ in 0..40 {
        let now = world.now;
        while world.hosts[0].with(now, 0, |desk, _| desk.send(session, next, b"item")).is_ok() {
            next += 1;
        }
        world.run(50);
    }
    let items = world.hosts[1].told.values().filter(|told| told.closed.is_none()).map(|told| told.items.len()).sum();
    assert!(items > 0 && (items as u64) < next, "{items} of {next}");
    items
}

// shows: IACP-019 (§3.6.1)
#[test]
fn a_peer_is_due_for_as_long_as_it_has_a_contract_and_met_while_it_is_there() {
    let mut world = world(2, Capabilities::SFC);
    let (peer, here) = (world.eid(0, 0), world.hosts[0].at);
    let (session, _) = open(&mut world, Capabilities::SFC);
    wait(&mut world, 20);
    assert_eq!(counted(&mut world, &peer, EntryKind::Due), 0, "nothing is due without a contract");
    let (now, accept) = (world.now, Request::Terms { counter: None });
    world.hosts[0].with(now, 0, |desk, rng| desk.ask(Some(session), &accept, rng)).expect("our turn");
    world.run(500);
    assert!(world.hosts[1].told.values().any(|told| told.contract));
    wait(&mut world, 600);
    let (due, met) = (counted(&mut world, &peer, EntryKind::Due), counted(&mut world, &peer, EntryKind::Met));
    assert_eq!((due, met), (40, 40), "one each 15 s, written down each five minutes");
    assert!(verdict(&mut world, &peer).1 > 6_500, "{:?}", verdict(&mut world, &peer));
    // It is not heard any more: that is noticed after 45 s, and counted from then on.
    let there = world.hosts[1].at;
    world.cut.push((here, there));
    wait(&mut world, 600);
    let (due, met) = (counted(&mut world, &peer, EntryKind::Due), counted(&mut world, &peer, EntryKind::Met));
    assert_eq!(due, 80);
    assert!((41..=44).contains(&met), "{met} of {due}");
}
