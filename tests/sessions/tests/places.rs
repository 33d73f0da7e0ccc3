//! Where the peer is (PROFILE 5.8): home, candidates, and what an address has to prove.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use iacp_core::pss::{Closure, ContentKind, Incoming, Received, SessionEvent, TeardownReason};
use sessions::forger::next_chain;
use sessions::{Heard, Mono, Pair, Plan, Side, TOP, Weather, World, addr};

fn place(last: u8) -> SocketAddr {
    ([203, 0, 113, last], 999).into()
}

/// A session whose library has a full log to send.
fn full() -> Pair {
    let mut pair = Pair::with(0, 64).confirmed();
    let now = pair.now;
    while pair.session().send(now, ContentKind::Anml, &[9; 400]).is_ok() {}
    pair
}

/// Bytes that go to each address in the time that follows, and whether they are heartbeats only.
fn watch(pair: &mut Pair, milliseconds: u64) -> BTreeMap<SocketAddr, (usize, bool)> {
    let (start, mut sent) = (pair.now, BTreeMap::new());
    for ms in (0..milliseconds).step_by(10) {
        pair.at(start.after(ms));
        for (to, bytes) in pair.sent_to() {
            let to = sent.entry(to).or_insert((0, true));
            to.0 += bytes.len();
            to.1 &= bytes[1] >> 4 == 0xB && bytes[20] >= 0x80;
        }
    }
    sent
}

#[test]
fn a_copied_frame_from_a_false_address_brings_it_a_few_heartbeats_and_moves_no_data() {
    // Fault 5: 137 bytes in, 76,641 out.
    for frames in [1, 2, 5, 40] {
        for heartbeat in [true, false] {
            let mut pair = full();
            let mut received = 0;
            for _ in 0..frames {
                let frame = if heartbeat {
                    let beat = pair.beat();
                    pair.seal(&beat)
                } else {
                    pair.data(b"")
                };
                received += frame.len();
                pair.give_from(place(66), &frame);
            }
            assert_eq!(pair.session().locator(), addr(Side::Alice));
            let sent = watch(&mut pair, 40_000);
            let (bytes, heartbeats_only) = sent[&place(66)];
            assert!(bytes > 0 && heartbeats_only && bytes <= 3 * received, "{bytes} bytes for {received}");
            assert!(sent[&addr(Side::Alice)].0 > 5_000, "the data still goes home");
        }
    }
}

#[test]
fn however_the_false_addresses_alternate_each_gets_three_times_what_came_from_it_at_most() {
    let mut pair = full();
    let (mut received, mut sent) = (BTreeMap::<_, usize>::new(), BTreeMap::<_, usize>::new());
    let start = pair.now;
    for n in 0..2_000_u64 {
        pair.at(start.after(n * 7));
        let from = place(u8::try_from(n * n % 5).expect("small"));
        let frame = if n.is_multiple_of(3) {
            let beat = pair.beat();
            pair.seal(&beat)
        } else {
            pair.data(b"x")
        };
        *received.entry(from).or_default() += frame.len();
        pair.give_from(from, &frame);
        for (to, bytes) in pair.sent_to() {
            *sent.entry(to).or_default() += bytes.len();
        }
        for last in 0..5 {
            let [got, gave] = [&sent, &received].map(|map| map.get(&place(last)).copied().unwrap_or(0));
            assert!(got <= 3 * gave, "{got} bytes for {gave}");
        }
    }
    assert_eq!(pair.session().locator(), addr(Side::Alice));
}

#[test]
fn noise_repeats_older_frames_and_signed_frames_make_no_candidate() {
    let mut pair = full();
    let frames: Vec<_> = (0..4_u8).map(|n| pair.data(&[n])).collect();
    let beat = pair.beat();
    let beats = [pair.seal(&beat), pair.seal(&beat)];
    pair.give(&frames[3]);
    pair.give(&beats[1]);
    let mut forged = pair.data(b"forged");
    *forged.last_mut().expect("a byte") ^= 1;
    let request = pair.forger.teardown(1, 0);
    let eid = pair.bob.identity.eid().0;
    for frame in [&frames[3], &frames[0], &beats[0], &beats[1], &forged, &request] {
        pair.give_from(place(66), frame);
    }
    let init = pair.forger.init(&eid);
    pair.give_from(place(66), &init);
    assert_eq!(watch(&mut pair, 15_000).keys().collect::<Vec<_>>(), [&addr(Side::Alice)]);
}

#[test]
fn a_frame_that_a_third_host_carried_makes_no_candidate() {
    let mut pair = full();
    for n in 0..4 {
        let mut frame = if n % 2 == 0 {
            pair.data(b"carried")
        } else {
            let beat = pair.beat();
            pair.seal(&beat)
        };
        let incoming = Incoming::parse(&mut frame).expect("a frame").carried();
        let (now, identity) = (pair.now, &pair.bob.identity);
        let session = pair.bob.session.as_mut().expect("a session");
        let taken = session.take(now, identity, place(66), incoming);
        assert!(!matches!(taken, Received::Discarded(_)), "it is taken like any: {taken:?}");
    }
    assert_eq!(watch(&mut pair, 15_000).keys().collect::<Vec<_>>(), [&addr(Side::Alice)]);
}

#[test]
fn a_peer_that_moved_is_asked_and_moves_the_session_with_its_answer() {
    // shows: IACP-004 (§3.1)
    for round_trip in [0, 10, 49, 120, 300, 700] {
        let mut pair = full();
        let start = pair.now;
        let beat = pair.beat();
        let frame = pair.seal(&beat);
        pair.give_from(place(5), &frame);
        // It goes on from there, and answers what comes there one round trip later.
        let mut answers: Vec<(Mono, u64)> = Vec::new();
        let mut moved = None;
        for ms in 0..5_000 {
            pair.at(start.after(ms));
            for (to, bytes) in pair.sent_to() {
                if to == place(5) {
                    let (sequence, plain) = pair.forger.open(&bytes).expect("authentic");
                    assert!(sequence < TOP || plain[33] >= 0x80 || moved.is_some(), "a probe asks");
                    if sequence >= TOP {
                        answers.push((pair.now.after(round_trip), sequence));
                    }
                }
            }
            let due: Vec<_> = answers.iter().filter(|(at, _)| *at == pair.now).map(|(_, echo)| *echo).collect();
            for echo in due {
                let mut beat = pair.beat();
                beat.echo = echo;
                let frame = pair.seal(&beat);
                pair.give_from(place(5), &frame);
            }
            if ms % 40 == 0 && moved.is_none() {
                let frame = pair.data(b"it sends from there");
                pair.give_from(place(5), &frame);
            }
            if moved.is_none() && pair.session().locator() == place(5) {
                moved = Some(ms);
                let told = pair.bob.events.iter().filter(|event| matches!(event, SessionEvent::Moved { .. })).count();
                assert_eq!((told, pair.bob.events.last()), (1, Some(&SessionEvent::Moved { to: place(5) })));
                let sent = pair.sent_to();
                assert!(sent.iter().all(|(to, _)| *to == place(5)));
                assert!(sent.iter().any(|(_, bytes)| bytes[20] < 0x80), "what is outstanding is due at once");
            }
        }
        let moved = moved.unwrap_or_else(|| panic!("a round trip of {round_trip} ms"));
        assert!(moved <= 4 * round_trip + 60, "{moved} ms, with a round trip of {round_trip}");
    }
}

#[test]
fn only_an_echo_of_what_went_there_proves_the_place() {
    // The answer to a probe that went home as well, or to an older one, moves nothing.
    let mut pair = full();
    let start = pair.now;
    let beat = pair.beat();
    let frame = pair.seal(&beat);
    pair.give_from(place(66), &frame);
    let mut beat = pair.beat();
    for ms in 0..3_000 {
        pair.at(start.after(ms));
        for (to, bytes) in pair.sent_to() {
            let sequence = u64::from_be_bytes(bytes[20..28].try_into().expect("8"));
            if to == addr(Side::Alice) && sequence >= TOP {
                beat.echo = sequence;
            }
        }
        if ms % 100 == 0 {
            // From the false address too: where an echo comes from proves nothing.
            let frame = pair.seal(&beat);
            pair.give_from(place(66), &frame);
        }
    }
    assert_eq!(pair.session().locator(), addr(Side::Alice));
}

#[test]
fn a_claimed_place_is_asked_eight_times_and_forgotten_after_30_s() {
    let mut pair = Pair::new().confirmed();
    let start = pair.now;
    for last in 1..=3 {
        pair.session().claim(start, place(last));
        pair.session().claim(start, place(last));
    }
    let mut times = BTreeMap::<_, Vec<u64>>::new();
    let mut echoes = BTreeMap::new();
    for ms in 0..29_999 {
        pair.at(start.after(ms));
        for (to, bytes) in pair.sent_to() {
            let (sequence, plain) = pair.forger.open(&bytes).expect("authentic");
            if to != addr(Side::Alice) {
                assert!(plain[33] >= 0x80, "it asks");
                assert_eq!(echoes.insert(sequence, to), None, "each number goes to one place");
                times.entry(to).or_default().push(ms);
            }
        }
    }
    assert_eq!(times.len(), 3);
    for times in times.values() {
        assert_eq!(*times, [0, 250, 750, 1_750, 3_750, 7_750, 15_750, 23_750]);
    }
    // The newest number of one of them, in time.
    let (echo, to) = echoes.last_key_value().map(|(echo, to)| (*echo, *to)).expect("it was asked");
    let mut beat = pair.beat();
    beat.echo = echo;
    assert_eq!(pair.give_beat(&beat), Heard::Event(SessionEvent::Moved { to }));
    assert_eq!(pair.session().locator(), to);

    // And too late.
    let mut pair = Pair::new().confirmed();
    let start = pair.now;
    pair.session().claim(start, place(1));
    for ms in 0..30_000 {
        pair.at(start.after(ms));
        pair.opened();
    }
    pair.at(start.after(30_000));
    pair.sent();
    let beat = pair.beat();
    assert_eq!(pair.give_beat(&beat), Heard::Nothing);
    assert_eq!(pair.session().locator(), addr(Side::Alice));
}

#[test]
fn a_fourth_claim_takes_the_place_of_the_oldest() {
    let mut pair = Pair::new().confirmed();
    for last in 1..=4 {
        let now = pair.now.after(1);
        pair.at(now);
        pair.session().claim(now, place(last));
    }
    let asked: Vec<_> = pair.sent_to().into_iter().map(|(to, _)| to).collect();
    assert_eq!(asked.len(), 3);
    assert!((2..=4).all(|last| asked.contains(&place(last))));
    let (now, home) = (pair.now, addr(Side::Alice));
    pair.session().claim(now, home);
    assert!(pair.sent_to().is_empty(), "home is no candidate");
}

#[test]
fn two_that_move_in_the_middle_of_a_transfer_find_each_other_again() {
    for seed in 0..20_u64 {
        let plan = Plan {
            seed,
            weather: Weather { loss: 50, jitter: 30, ..Weather::FAIR },
            from_alice: (0..200_u8).map(|n| vec![n; 100]).collect(),
            from_bob: (0..200_u8).map(|n| vec![n ^ 0xFF; 100]).collect(),
            ..Plan::default()
        };
        let mut world = World::new(&plan);
        assert!(world.connect());
        for (n, side) in (1..8).zip([Side::Alice, Side::Bob].into_iter().cycle()) {
            let until = world.now.after(200);
            world.run_until(until);
            let host = world.host(side);
            host.at = place(n);
            if seed % 2 == 0 {
                // The other side hears of it by a record.
                let (now, at) = (world.now, place(n));
                if let Some(session) = world.host(side.other()).session.as_mut() {
                    session.claim(now, at);
                }
            } else {
                // Nothing but its own frames tells; two that move at once could not find each other.
                let found = |world: &World| {
                    let other = if side == Side::Alice { &world.bob } else { &world.alice };
                    other.session.as_ref().is_none_or(|session| session.locator() == place(n))
                };
                let moved = world.now;
                world.run_while(|world| !found(world) && world.now.since(moved) < 40_000);
                assert!(found(&world), "seed {seed}: {side:?} was not found");
            }
        }
        assert!(world.run_until(Mono(4_000_000)), "it comes to rest");
        assert!(world.bob.stream() == plan.from_alice.concat(), "seed {seed}");
        assert!(world.alice.stream() == plan.from_bob.concat(), "seed {seed}");
        assert_eq!((world.alice.closure, world.bob.closure), (Some(Closure::Graceful), Some(Closure::Graceful)));
    }
}

#[test]
fn an_answer_goes_to_where_the_request_came_from() {
    // Fault 17: a peer that moved while it asked never got its ANSWER.
    let mut pair = Pair::new().confirmed();
    let now = pair.now;
    let fin = pair.frame(0, b"", 2);
    pair.give(&fin);
    let request = pair.forger.teardown(1, 0);
    pair.give(&request);
    pair.session().close(now, TeardownReason::TaskComplete).expect("open");
    let own_fin = pair.sent().into_iter().find(|frame| frame[1] & 2 == 2).expect("its FIN");
    // It repeats the request from elsewhere.
    pair.give_from(place(5), &request);
    let mut beat = pair.beat();
    beat.expected += 1;
    beat.receive_chain = next_chain(&beat.receive_chain, &own_fin[own_fin.len() - 16..]);
    pair.give_beat(&beat);
    assert_eq!(pair.bob.closure, Some(Closure::Graceful));
    let sent = pair.sent_to();
    assert_eq!(sent.len(), 1);
    assert_eq!((sent[0].0, &sent[0].1[20..22]), (place(5), &[0, 2][..]));
    // And so does each repeat of it.
    pair.at(now.after(1_000));
    pair.give_from(place(6), &request);
    assert_eq!(pair.sent_to()[0].0, place(6));
}
