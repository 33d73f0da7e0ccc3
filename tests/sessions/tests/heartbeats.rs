//! The heartbeat, field by field (PROFILE 5.3): what it states, what it must not state, when it is sent.

use iacp_core::pss::{Closure, ContentKind, Discard, SessionEvent, Violation};
use sessions::forger::next_chain;
use sessions::{Beat, Heard, Pair, Plan, Side, TOP, World};

fn compromised(violation: Violation) -> Heard {
    Heard::Event(SessionEvent::Closed(Closure::Compromised(violation)))
}

/// The plaintext of the one heartbeat that the library sends now.
fn spoken(pair: &mut Pair) -> Vec<u8> {
    let mut sent = pair.sent();
    assert_eq!(sent.len(), 1, "one heartbeat");
    let frame = sent.remove(0);
    let (sequence, plain) = pair.forger.open(&frame).expect("authentic");
    assert!(sequence >= TOP);
    assert_eq!(frame.len(), 145 + plain.len() - 89, "145 bytes and the bitmap");
    plain
}

#[test]
fn the_layout_is_that_of_the_profile_to_the_bit() {
    // 1,000 to 1,005 of the forger's: 1,000 comes, 1,001 is missing, 1,002, 1,004 and 1,005 come.
    let mut pair = Pair::new().confirmed();
    let frames: Vec<_> = (0..6_u8).map(|n| pair.data(&[n])).collect();
    for n in [0, 2, 4, 5] {
        assert!(matches!(pair.give(&frames[n]), Heard::Data { .. }));
    }
    let keys = pair.forger.keys.as_ref().expect("keys");
    let (send_chain, next_send) = (keys.receive_chain, keys.peer_sequence);
    let receive_chain = next_chain(&keys.send_chain, &frames[0][frames[0].len() - 16..]);
    let expected = [
        &send_chain[..],
        &[3],
        &next_send.to_be_bytes(),
        &[0, 0, 0, 0, 0, 0, 0x03, 0xE9],
        &receive_chain,
        &[0x80, 0, 0, 0, 0, 0, 0, 0],
        // 1,002 is bit 0, 1,004 is bit 2, 1,005 is bit 3.
        &[0b1011_0000],
    ];
    assert_eq!(spoken(&mut pair), expected.concat());

    // A bitmap ends with the last bit that is set: bit 7 still fits in one byte, bit 8 needs a second.
    for (last, bitmap) in [(8, &[0x01][..]), (9, &[0, 0x80]), (15, &[0, 0x02])] {
        let mut pair = Pair::new().confirmed();
        let frames: Vec<_> = (0..=last).map(|n: u8| pair.data(&[n])).collect();
        pair.give(&frames[usize::from(last)]);
        assert_eq!(spoken(&mut pair)[89..], *bitmap, "frame {last} above E");
    }
}

#[test]
fn a_side_that_holds_shows_the_frame_e_itself() {
    let mut pair = Pair::holding(16).confirmed();
    let frames: Vec<_> = (0..4_u8).map(|n| pair.data(&[n])).collect();
    for n in [0, 1, 3] {
        pair.give(&frames[n]);
    }
    let plain = spoken(&mut pair);
    assert_eq!(plain[41..49], (TOP + 1_000).to_be_bytes(), "HELD, and E is the first frame");
    assert_eq!(plain[49..81], pair.forger.keys.as_ref().expect("keys").send_chain, "the chain in front of E");
    assert_eq!(plain[89..], [0b1010_0000], "1,001 and 1,003");
    let now = pair.now;
    pair.session().consumed(now, 1_001).expect("it has come");
    pair.at(now.after(100));
    let plain = spoken(&mut pair);
    assert_eq!(plain[41..49], (TOP + 1_001).to_be_bytes());
    assert_eq!(plain[89..], [0b0100_0000]);
    let now = pair.now;
    pair.session().consumed(now, 1_002).expect("it has come");
    pair.at(now.after(100));
    let plain = spoken(&mut pair);
    assert_eq!(plain[41..49], 1_002_u64.to_be_bytes(), "1,002 has not come: nothing is held");
    assert_eq!(plain[89..], [0b1000_0000]);
}

#[test]
fn what_a_heartbeat_must_not_say_ends_the_session() {
    type Change = fn(&mut Beat);
    // Five frames of the library's are sealed; E was the second, the heartbeat 1 was echoed.
    let cases: [(&str, Change, Violation); 17] = [
        ("E below the E taken before", |beat| beat.expected -= 1, Violation::Acknowledgement),
        ("E of long ago", |beat| beat.expected = 0, Violation::Acknowledgement),
        ("E above what is sealed", |beat| beat.expected += 4, Violation::Acknowledgement),
        ("the highest E", |beat| beat.expected = TOP - 1, Violation::Acknowledgement),
        ("HELD for the next that will be sealed", |beat| beat.expected += 3 + TOP, Violation::Acknowledgement),
        ("a bit for the next that will be sealed", |beat| beat.bitmap = vec![0b0010_0000], Violation::Acknowledgement),
        ("the last bit of all", |beat| beat.bitmap = [vec![0; 511], vec![1]].concat(), Violation::Acknowledgement),
        ("a last byte of zero", |beat| beat.bitmap = vec![0b1000_0000, 0], Violation::Bitmap),
        ("one byte of zero", |beat| beat.bitmap = vec![0], Violation::Bitmap),
        ("513 bytes", |beat| beat.bitmap = vec![1; 513], Violation::Plaintext),
        ("another chain at E", |beat| beat.receive_chain[31] ^= 1, Violation::Chain),
        ("the chain of another place", |beat| beat.expected += 1, Violation::Chain),
        ("another send chain at the next that we expect", |beat| beat.send_chain[0] ^= 0x80, Violation::Chain),
        ("an echo of the next heartbeat", |beat| beat.echo += 1, Violation::Echo),
        ("an echo of a data frame", |beat| beat.echo = 1_000, Violation::Echo),
        ("an echo below the one before", |beat| beat.echo -= 1, Violation::Echo),
        ("no echo after one", |beat| beat.echo = 0, Violation::Echo),
    ];
    for (what, change, violation) in cases {
        let mut pair = Pair::new().confirmed();
        let now = pair.now;
        for _ in 0..5 {
            pair.session().send(now, ContentKind::Anml, b"x").expect("room");
        }
        let sent = pair.sent();
        let mut beat = pair.beat();
        for frame in &sent[..2] {
            beat.receive_chain = next_chain(&beat.receive_chain, &frame[frame.len() - 16..]);
            beat.expected += 1;
        }
        assert_eq!(pair.give_beat(&beat), Heard::Nothing);
        let good = pair.seal(&beat);
        change(&mut beat);
        assert_eq!(pair.give_beat(&beat), compromised(violation), "{what}");
        assert_eq!(pair.sent()[0][20..24], [0, 3, 0, 4], "{what}: the peer is told");
        assert_eq!(pair.give(&good), Heard::Discarded(Discard::NotNow));
    }
}

#[test]
fn what_a_heartbeat_may_say_ends_nothing() {
    let mut pair = Pair::new().confirmed();
    let now = pair.now;
    for _ in 0..5 {
        pair.session().send(now, ContentKind::Anml, b"x").expect("room");
    }
    pair.sent();
    let beat = pair.beat();
    // Everything shown but E; then nothing; then HELD; then a next sequence of which nothing has come, with any chain.
    for (expected, bitmap, next_send, send_chain) in [
        (beat.expected, vec![0xF0], beat.next_send, beat.send_chain),
        (beat.expected, vec![], beat.next_send, beat.send_chain),
        (beat.expected | TOP, vec![], beat.next_send, beat.send_chain),
        (beat.expected | TOP, vec![0xF0], beat.next_send + 9, [7; 32]),
        (beat.expected, vec![0x10], beat.next_send + TOP, beat.send_chain),
    ] {
        let said = Beat { expected, bitmap, next_send, send_chain, ..beat.clone() };
        assert_eq!(pair.give_beat(&said), Heard::Nothing, "{said:?}");
    }
    assert_eq!(pair.bob.closure, None);
    let (first, next) = pair.session().unacknowledged();
    assert_eq!(next - first, 5, "and frees nothing");
}

#[test]
fn what_is_shown_is_not_repeated_until_it_is_shown_no_longer() {
    let mut pair = Pair::new().confirmed();
    let start = pair.now;
    for _ in 0..5 {
        pair.session().send(start, ContentKind::Anml, b"x").expect("room");
    }
    let (first, _) = pair.origin();
    let sent = pair.sent();
    // E, E + 1 and E + 3 have come.
    let mut beat = pair.beat();
    beat.expected |= TOP;
    beat.bitmap = vec![0b1010_0000];
    assert_eq!(pair.give_beat(&beat), Heard::Nothing);
    let mut repeated = std::collections::BTreeSet::new();
    for ms in 0..5_000 {
        pair.at(start.after(ms));
        for (sequence, kind) in pair.opened() {
            if kind == 0 {
                repeated.insert(sequence - first);
            }
        }
    }
    assert_eq!(repeated.into_iter().collect::<Vec<_>>(), [2, 4]);
    // The receiver has forgotten what it held.
    let beat = pair.beat();
    assert_eq!(pair.give_beat(&beat), Heard::Nothing);
    let mut again = Vec::new();
    for ms in 5_000..20_000 {
        pair.at(start.after(ms));
        if ms == 10_000 {
            // The lowest ones go first; they have come again.
            let mut beat = pair.beat();
            beat.expected |= TOP;
            beat.bitmap = vec![0b1000_0000];
            pair.give_beat(&beat);
        }
        again.extend(pair.sent().into_iter().filter(|frame| frame[20] < 0x80));
    }
    for n in [0, 1, 3] {
        assert!(again.contains(&sent[n]), "frame {n} is due again, as the same bytes");
    }
}

#[test]
fn asks_and_duplicates_are_answered_together_once_in_50_ms_and_answers_do_not_ask() {
    let mut pair = Pair::new().confirmed();
    let frame = pair.data(b"x");
    pair.give(&frame);
    pair.sent();
    let start = pair.now.after(1_000);
    let mut answers = Vec::new();
    for ms in 0..500 {
        pair.at(start.after(ms));
        let mut beat = pair.beat();
        beat.next_send |= TOP;
        pair.give_beat(&beat);
        pair.give(&frame);
        for frame in pair.sent() {
            let (sequence, plain) = pair.forger.open(&frame).expect("authentic");
            assert!(sequence >= TOP && plain[33] < 0x80, "an answer does not ask");
            answers.push(ms);
        }
    }
    assert_eq!(answers, (0..500).step_by(50).collect::<Vec<_>>());
    // A heartbeat that does not ask is not answered.
    pair.at(start.after(700));
    let beat = pair.beat();
    pair.give_beat(&beat);
    assert!(pair.sent().is_empty());
}

#[test]
fn no_two_answers_chase_each_other() {
    // Idle for an hour, with silences in between that make both ask.
    let mut world = World::new(&Plan { closers: Vec::new(), ..Plan::default() });
    assert!(world.connect());
    for silence in [0, 31_000, 44_000, 46_000, 70_000, 600_000] {
        world.network.weather.loss = 1_000;
        let until = world.now.after(silence);
        world.run_until(until);
        world.network.weather.loss = 0;
        let until = world.now.after(120_000);
        world.run_until(until);
        let before = world.trace.len();
        let until = world.now.after(150_000);
        world.run_until(until);
        let said = [Side::Alice, Side::Bob].map(|side| {
            let packets = world.trace[before..].iter().filter(|(_, packet)| packet.from == side);
            packets.count()
        });
        assert!(said.iter().all(|said| (10..=11).contains(said)), "each 15 s, and no more: {said:?}");
        for host in [&world.alice, &world.bob] {
            assert!(host.session.as_ref().expect("a session").is_ready(), "after {silence} ms");
        }
    }
}

#[test]
fn three_shown_frames_above_one_make_it_due_at_once_and_once_a_round_trip() {
    // Fault 11: it was repeated with everything behind it, 250 ms later.
    for lost in 0..3_usize {
        let mut pair = Pair::new().confirmed();
        let start = pair.now;
        for n in 0..6_u8 {
            pair.session().send(start, ContentKind::Anml, &[n]).expect("room");
        }
        let sent = pair.sent();
        assert_eq!(sent.len(), 6, "far below the flight");
        // The others arrive one by one, and each is reported in a heartbeat, before an overtaken frame counts as late.
        pair.at(start.after(5));
        let mut beat = pair.beat();
        let mut arrived = [false; 6];
        let mut repeats = Vec::new();
        for n in (0..6).filter(|n| *n != lost) {
            arrived[n] = true;
            let come = arrived.iter().position(|here| !here).unwrap_or(6);
            beat.expected = pair.origin().0 + come as u64;
            beat.receive_chain = pair.origin().1;
            for frame in &sent[..come] {
                beat.receive_chain = next_chain(&beat.receive_chain, &frame[frame.len() - 16..]);
            }
            let mut bits = 0_u16;
            for here in (come + 1..6).filter(|here| arrived[*here]) {
                bits |= 0x8000 >> (here - come - 1);
            }
            let end = usize::from(bits != 0) + usize::from(bits & 0xFF != 0);
            beat.bitmap = bits.to_be_bytes()[..end].to_vec();
            pair.give_beat(&beat);
            for frame in pair.sent().into_iter().filter(|frame| frame[20] < 0x80) {
                repeats.push((n, sent.iter().position(|known| *known == frame)));
            }
        }
        assert_eq!(repeats, [(lost + 3, Some(lost))], "frame {lost} is lost");
    }
}
