//! Lines: items come exactly once through sessions that end, hosts that lose their memory and agents that come back.

use std::collections::BTreeMap;

use iacp_core::erp::entity::Done;
use iacp_core::erp::local::{ClosureCode, Listen, LocalStatus, Open, Request};
use iacp_core::erp::resume::{Line, LineOutcome, ResumeRecord};
use iacp_core::pss::{Capabilities, Terms};
use iacp_core::slots::Handle;
use iacp_wire::Eid;
use sessions::Weather;
use sessions::hosts::{Hosts, Told};

const TERMS: Terms = Terms { dgk_rotation: 0, lifetime: 0, receive_window: 16 };
const LISTEN: Listen = Listen { capabilities: Capabilities::RESUME, terms: TERMS, sessions: 4, hold: true };

fn item(number: u64) -> Vec<u8> {
    format!("item {number}").into_bytes()
}

fn listen(world: &mut Hosts, host: usize) {
    let now = world.now;
    world.hosts[host].with(now, 0, |desk, _| desk.listen(LISTEN)).expect("a window of 16");
}

/// Two hosts with one agent each, which listen and are BOUND.
fn bound(seed: u64, weather: Weather) -> Hosts {
    let mut world = Hosts::new(seed, 2, 1, true);
    world.weather = weather;
    assert!(world.run_until(120_000, Hosts::all_bound), "seed {seed}: not all are bound");
    (0..2).for_each(|host| listen(&mut world, host));
    world
}

/// An agent as an application: what it has sent and not seen acknowledged as safe, and what it has committed.
#[derive(Default)]
struct Work {
    /// Items that were committed, each with how often.
    committed: Vec<(u64, Vec<u8>)>,
    /// What has come out of order, in whatever session: it is not delivered twice.
    waiting: BTreeMap<u64, Vec<u8>>,
    /// The next item to send.
    next: u64,
    line: Option<[u8; 16]>,
}

impl Work {
    fn record(&self, peer: Eid) -> Option<[u8; 56]> {
        let safe = u64::try_from(self.committed.len()).expect("few");
        self.line.map(|line| ResumeRecord { peer, line: Line(line), safe }.to_bytes())
    }
}

fn open(world: &mut Hosts, host: usize, record: Option<&[u8; 56]>) -> Result<Handle, LocalStatus> {
    let (peer, now) = (world.eid(1 - host, 0), world.now);
    let open = Open { peer, at: None, hold: true, offer: Capabilities::RESUME, resume: record, proof: None };
    match world.hosts[host].with(now, 0, |desk, rng| desk.ask(None, &Request::Open(open), rng))? {
        Done::Session(session) => Ok(session),
        other => panic!("{other:?}"),
    }
}

/// The session of a host that was opened and is not closed.
fn current(world: &Hosts, host: usize) -> Option<(Handle, Told)> {
    let mut told = world.hosts[host].told.iter().filter(|(_, told)| told.opened.is_some() && told.closed.is_none());
    told.next_back().map(|((_, bits), told)| (Handle::from_bits(*bits).expect("a handle"), told.clone()))
}

/// One round of an application: it commits what has come, acknowledges that, and sends what it can.
fn work(world: &mut Hosts, host: usize, work: &mut Work, session: &mut Option<Handle>, items: u64) {
    let Some((handle, told)) = current(world, host) else { return };
    if *session != Some(handle) {
        let (_, line, first, _) = told.opened.expect("it is open");
        (*session, work.line, work.next) = (Some(handle), Some(line), first);
    }
    // Also what an older session has brought last: it is not told again.
    let all = world.hosts[host].told.values().flat_map(|told| told.numbered.iter().cloned());
    let done = u64::try_from(work.committed.len()).expect("few");
    work.waiting.extend(all.filter(|(number, _)| *number >= done));
    // The work is committed in order, each item with its number.
    while let Some(content) = work.waiting.remove(&u64::try_from(work.committed.len()).expect("few")) {
        work.committed.push((u64::try_from(work.committed.len()).expect("few"), content));
    }
    let (now, below) = (world.now, u64::try_from(work.committed.len()).expect("few"));
    let consumed = Request::Consumed { below };
    let _ = world.hosts[host].try_with(now, 0, |desk, rng| desk.ask(Some(handle), &consumed, rng));
    while work.next < items {
        let content = item(work.next);
        match world.hosts[host].try_with(now, 0, |desk, _| desk.send(handle, work.next, &content)) {
            Some(Ok(())) => work.next += 1,
            _ => break,
        }
    }
}

const ITEMS: u64 = 60;

/// Both sides send 60 items; `disturb` may do anything at each step. Returns whether all was committed.
fn run(world: &mut Hosts, works: &mut [Work; 2], mut disturb: impl FnMut(&mut Hosts, &mut [Work; 2]) -> bool) -> bool {
    let mut sessions = [None, None];
    let until = world.now.after(1_200_000);
    while works.iter().any(|work| work.committed.len() < usize::try_from(ITEMS).expect("few")) {
        for (host, session) in sessions.iter_mut().enumerate() {
            work(world, host, &mut works[host], session, ITEMS);
        }
        // A host that has lost its memory names its sessions anew.
        if disturb(world, works) {
            sessions = [None, None];
        }
        world.keep_alive();
        if world.now >= until || !world.step(until) {
            return false;
        }
    }
    true
}

/// Nothing was delivered twice in one session.
fn told_once(world: &Hosts) {
    for told in world.hosts.iter().flat_map(|host| host.told.values()) {
        let mut numbers: Vec<u64> = told.numbered.iter().map(|(number, _)| *number).collect();
        numbers.sort_unstable();
        assert!(numbers.windows(2).all(|pair| pair[0] < pair[1]), "{numbers:?}");
    }
}

fn all_once(works: &[Work; 2]) {
    for work in works {
        let wanted: Vec<(u64, Vec<u8>)> = (0..ITEMS).map(|number| (number, item(number))).collect();
        assert_eq!(work.committed, wanted, "each item once and in order");
    }
}

#[test]
fn a_line_begins_with_the_session_and_counts_its_items() {
    let mut world = bound(1, Weather::FAIR);
    let session = open(&mut world, 0, None).expect("a slot is free");
    assert!(world.run_until(5_000, |world| current(world, 0).is_some() && current(world, 1).is_some()));
    let (mine, theirs) = (current(&world, 0).expect("open").1, current(&world, 1).expect("open").1);
    let (outcome, line, send, come) = mine.opened.expect("open");
    assert_eq!((outcome, send, come), (LineOutcome::New, 0, 0));
    assert_ne!(line, [0; 16]);
    assert_eq!(theirs.opened, Some((LineOutcome::New, line, 0, 0)), "both name the line by the same cookies");
    let now = world.now;
    // 871 bytes are left beside the number.
    let long = vec![7; 871];
    assert_eq!(
        world.hosts[0].with(now, 0, |desk, _| desk.send(session, 0, &[long.as_slice(), b"x"].concat())),
        Err(LocalStatus::TooLong)
    );
    assert_eq!(world.hosts[0].with(now, 0, |desk, _| desk.send(session, 0, &long)), Ok(()));
    assert!(world.run_until(5_000, |world| current(world, 1).is_some_and(|(_, told)| !told.numbered.is_empty())));
    assert_eq!(current(&world, 1).expect("open").1.numbered, [(0, long)]);
}

// shows: IACP-144 (§6.4.2), IACP-015 (§3.5)
#[test]
fn each_item_is_committed_once_although_a_host_loses_its_memory() {
    for seed in 1..4 {
        let weather = Weather { loss: 50, duplication: 50, delay: 5, jitter: 30, ..Weather::FAIR };
        let mut world = bound(seed, weather);
        open(&mut world, 0, None).expect("a slot is free");
        let mut works = [Work::default(), Work::default()];
        let mut crashes = 0;
        let done = run(&mut world, &mut works, |world, works| {
            // The one that crashes comes back with the record that its application has written down.
            let host = crashes % 2;
            let far = works[host].committed.len() > 12 * (crashes + 1);
            if far && crashes < 3 {
                crashes += 1;
                works[host].waiting.clear();
                let now = world.now;
                world.hosts[host].crash(now);
                assert!(world.run_until(120_000, Hosts::all_bound), "seed {seed}: bound again");
                listen(world, host);
                let record = works[host].record(world.eid(1 - host, 0)).expect("a line");
                open(world, host, Some(&record)).expect("a slot is free");
                let opened = |world: &Hosts| current(world, host).is_some();
                assert!(world.run_until(60_000, opened), "seed {seed}: opened again");
                let (_, told) = current(world, host).expect("open");
                assert_eq!(told.opened.map(|(outcome, ..)| outcome), Some(LineOutcome::Resumed), "seed {seed}");
                return true;
            }
            false
        });
        assert!(done, "seed {seed}: {} and {} items", works[0].committed.len(), works[1].committed.len());
        assert_eq!(crashes, 3, "seed {seed}");
        all_once(&works);
        told_once(&world);
    }
}

#[test]
fn the_older_session_of_a_line_ends_as_superseded_on_both_sides() {
    let mut world = bound(5, Weather::FAIR);
    let first = open(&mut world, 0, None).expect("a slot is free");
    assert!(world.run_until(5_000, |world| current(world, 0).is_some() && current(world, 1).is_some()));
    let (other, told) = current(&world, 1).expect("open");
    let line = told.opened.expect("open").1;
    let record = ResumeRecord { peer: world.eid(1, 0), line: Line(line), safe: 0 }.to_bytes();
    open(&mut world, 0, Some(&record)).expect("a slot is free");
    let closed = |world: &Hosts, host: usize, session: Handle| world.hosts[host].told[&(0, session.bits())].closed;
    assert!(world.run_until(5_000, |world| { closed(world, 0, first).is_some() && closed(world, 1, other).is_some() }));
    assert_eq!(closed(&world, 0, first), Some(ClosureCode::Superseded));
    assert_eq!(closed(&world, 1, other), Some(ClosureCode::Superseded));
    assert!(world.run_until(5_000, |world| current(world, 0).is_some()));
    assert_eq!(current(&world, 0).expect("open").1.opened, Some((LineOutcome::Resumed, line, 0, 0)));
}

#[test]
fn a_peer_that_knows_nothing_of_the_line_says_so_and_a_new_one_begins() {
    let mut world = bound(6, Weather::FAIR);
    let record = ResumeRecord { peer: world.eid(1, 0), line: Line([9; 16]), safe: 3 }.to_bytes();
    let session = open(&mut world, 0, Some(&record)).expect("a slot is free");
    // Which item comes first is not known yet, so nothing is taken.
    let now = world.now;
    let early = world.hosts[0].with(now, 0, |desk, _| desk.send(session, 0, b"early"));
    assert_eq!(early, Err(LocalStatus::NotNow));
    assert!(world.run_until(5_000, |world| current(world, 0).is_some()));
    let (outcome, line, send, come) = current(&world, 0).expect("open").1.opened.expect("open");
    assert_eq!((outcome, send, come), (LineOutcome::Unknown, 0, 0));
    assert_ne!(line, [9; 16]);
    assert_eq!(current(&world, 1).expect("open").1.opened.map(|opened| opened.0), Some(LineOutcome::New));
}

#[test]
fn a_line_of_another_peer_is_not_known() {
    let mut world = Hosts::new(7, 3, 1, true);
    assert!(world.run_until(120_000, Hosts::all_bound));
    (0..3).for_each(|host| listen(&mut world, host));
    open(&mut world, 0, None).expect("a slot is free");
    assert!(world.run_until(5_000, |world| current(world, 1).is_some()));
    let line = current(&world, 1).expect("open").1.opened.expect("open").1;
    // The third host has learnt the name of the line, and asks for it.
    let (peer, now) = (world.eid(1, 0), world.now);
    let record = ResumeRecord { peer, line: Line(line), safe: 0 }.to_bytes();
    let ask = Open { peer, at: None, hold: true, offer: Capabilities::RESUME, resume: Some(&record), proof: None };
    world.hosts[2].with(now, 0, |desk, rng| desk.ask(None, &Request::Open(ask), rng)).expect("a slot is free");
    assert!(world.run_until(5_000, |world| current(world, 2).is_some()));
    assert_eq!(current(&world, 2).expect("open").1.opened.map(|opened| opened.0), Some(LineOutcome::Unknown));
    assert!(current(&world, 0).is_some(), "the line's own session goes on");
}

#[test]
fn records_that_contradict_each_other_end_the_session() {
    let mut world = bound(8, Weather::FAIR);
    open(&mut world, 0, None).expect("a slot is free");
    assert!(world.run_until(5_000, |world| current(world, 0).is_some() && current(world, 1).is_some()));
    let line = current(&world, 0).expect("open").1.opened.expect("open").1;
    // More than the peer has ever sent is said to be safe, as after a backup of another time.
    let record = ResumeRecord { peer: world.eid(1, 0), line: Line(line), safe: 1_000 }.to_bytes();
    let session = open(&mut world, 0, Some(&record)).expect("a slot is free");
    let closed = |world: &Hosts| world.hosts[0].told.get(&(0, session.bits())).and_then(|told| told.closed);
    assert!(world.run_until(10_000, |world| closed(world).is_some()));
    assert_eq!(closed(&world), Some(ClosureCode::ForcedByPeer));
}

#[test]
fn a_receipt_tells_after_the_end_what_had_arrived() {
    let mut world = bound(9, Weather::FAIR);
    let session = open(&mut world, 0, None).expect("a slot is free");
    let now = world.now;
    for number in 0..5 {
        world.hosts[0].with(now, 0, |desk, _| desk.send(session, number, &item(number))).expect("there is room");
    }
    assert!(world.run_until(5_000, |world| current(world, 1).is_some_and(|(_, told)| told.numbered.len() == 5)));
    let (other, told) = current(&world, 1).expect("open");
    let line = told.opened.expect("open").1;
    let now = world.now;
    // Three are committed; then both sides end, and the slots are free again.
    let consumed = Request::Consumed { below: 3 };
    world.hosts[1].with(now, 0, |desk, rng| desk.ask(Some(other), &consumed, rng)).expect("they have come");
    world.hosts[1].with(now, 0, |desk, rng| desk.ask(Some(other), &Request::Abort(5), rng)).expect("it is open");
    assert!(world.run_until(180_000, |world| world.hosts.iter().all(|host| host.entity.counts().1 == 0)));
    // The agent that opens has lost everything but the name of the line.
    let record = ResumeRecord { peer: world.eid(1, 0), line: Line(line), safe: 0 }.to_bytes();
    open(&mut world, 0, Some(&record)).expect("a slot is free");
    assert!(world.run_until(5_000, |world| current(world, 0).is_some()));
    let (outcome, resumed, send, _) = current(&world, 0).expect("open").1.opened.expect("open");
    assert_eq!((outcome, resumed, send), (LineOutcome::Resumed, line, 3), "items below 3 are safe with the peer");
}

#[test]
fn a_recalled_line_may_be_named_by_the_peer() {
    let mut world = bound(10, Weather::FAIR);
    let line = [5; 16];
    let recalled = ResumeRecord { peer: world.eid(0, 0), line: Line(line), safe: 7 }.to_bytes();
    let now = world.now;
    let recall = Request::Recall(&recalled);
    world.hosts[1].with(now, 0, |desk, rng| desk.ask(None, &recall, rng)).expect("there is room");
    let record = ResumeRecord { peer: world.eid(1, 0), line: Line(line), safe: 4 }.to_bytes();
    open(&mut world, 0, Some(&record)).expect("a slot is free");
    assert!(world.run_until(5_000, |world| current(world, 0).is_some() && current(world, 1).is_some()));
    assert_eq!(current(&world, 0).expect("open").1.opened, Some((LineOutcome::Resumed, line, 7, 4)));
    assert_eq!(current(&world, 1).expect("open").1.opened, Some((LineOutcome::Resumed, line, 4, 7)));
}

/// The attack *a number that leaves no item*: the highest that a peer can say is one that a move takes along.
#[test]
fn a_line_that_goes_on_from_the_highest_number_that_can_be_said_still_moves() {
    const HIGHEST: u64 = (1 << 62) - 1;
    let mut world = Hosts::new(12, 3, 1, true);
    assert!(world.run_until(120_000, Hosts::all_bound));
    (0..2).for_each(|host| listen(&mut world, host));
    let (line, own, peer) = ([5; 16], world.eid(0, 0), world.eid(1, 0));
    let recall = |safe| ResumeRecord { peer: own, line: Line(line), safe }.to_bytes();
    let now = world.now;
    let mut ask = |safe| {
        let record = recall(safe);
        world.hosts[1].with(now, 0, |desk, rng| desk.ask(None, &Request::Recall(&record), rng))
    };
    assert_eq!(ask(HIGHEST + 1), Err(LocalStatus::Refused));
    ask(HIGHEST).expect("there is room");
    let record = ResumeRecord { peer, line: Line(line), safe: 0 }.to_bytes();
    let session = open(&mut world, 0, Some(&record)).expect("a slot is free");
    assert!(world.run_until(5_000, |world| current(world, 0).is_some() && current(world, 1).is_some()));
    assert_eq!(current(&world, 0).expect("open").1.opened, Some((LineOutcome::Resumed, line, HIGHEST, 0)));
    for number in HIGHEST..HIGHEST + 3 {
        let now = world.now;
        world.hosts[0].with(now, 0, |desk, _| desk.send(session, number, b"item")).expect("there is room");
    }
    let agent = world.dock((0, 0), 2);
    assert!(world.hosts[2].told_of(agent, &peer).is_some(), "its session has moved");
}

#[test]
fn a_record_that_does_not_fit_its_open_is_refused() {
    let mut world = bound(11, Weather::FAIR);
    let (peer, now) = (world.eid(1, 0), world.now);
    let good = ResumeRecord { peer, line: Line([5; 16]), safe: 0 };
    let mut ask = |record: [u8; 56], offer| {
        let open = Open { peer, at: None, hold: true, offer, resume: Some(&record), proof: None };
        world.hosts[0].with(now, 0, |desk, rng| desk.ask(None, &Request::Open(open), rng))
    };
    let stranger = ResumeRecord { peer: Eid([3; 32]), ..good };
    let nameless = ResumeRecord { line: Line([0; 16]), ..good };
    let refused = Err(LocalStatus::Refused);
    assert_eq!(ask(stranger.to_bytes(), Capabilities::RESUME), refused, "another peer's record");
    assert_eq!(ask(nameless.to_bytes(), Capabilities::RESUME), refused, "no line");
    assert_eq!(ask(good.to_bytes(), Capabilities::NONE), refused, "a record without RESUME");
}
