use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use super::*;
use crate::crypto::ChaChaOnly;

const AGENT: Eid = Eid([7; 32]);

fn with_gate(run: impl FnOnce(&mut Gate<'_>, &mut ChaCha8Rng)) {
    let mut slots = [const { DerivedSlot::EMPTY }; 16];
    run(&mut Gate::new(&mut slots), &mut ChaCha8Rng::seed_from_u64(1));
}

// shows: IACP-060 (§4.1.4.3)
#[test]
fn a_derivative_ends_with_its_session_or_its_context_and_by_time() {
    for (context, session, ends) in
        [(3, Some(9), true), (3, None, true), (3, Some(8), false), (4, Some(9), false), (4, None, false)]
    {
        with_gate(|gate, rng| {
            let (name, place) = gate.derive_at::<ChaChaOnly>(Mono(0), &AGENT, (3, 9), 60, rng).expect("room");
            let name = name.digest();
            assert_eq!([59_999, 60_000].map(|now| gate.owner(Mono(now), &name)), [Some((3, 9)), None]);
            assert_eq!([59_999, 60_000].map(|now| gate.lives(Mono(now), place, 3)), [true, false]);
            assert!(!gate.lives(Mono(0), place, 4) && !gate.lives(Mono(0), (place + 1) % 16, 3));
            gate.end(place, context, session);
            assert_eq!(gate.owner(Mono(0), &name).is_none(), ends, "{context}, {session:?}");
        });
    }
}

#[test]
fn a_derivative_lives_for_an_hour_at_most() {
    with_gate(|gate, rng| {
        let name = gate.derive::<ChaChaOnly>(Mono(5), &AGENT, (3, 9), LONGEST, rng).expect("an hour").digest();
        let end = 5 + u64::from(LONGEST) * 1_000;
        assert_eq!([end - 1, end].map(|now| gate.owner(Mono(now), &name).is_some()), [true, false]);
    });
}

#[test]
fn what_the_egress_has_passed_on_is_room_for_its_own_stream() {
    with_gate(|gate, rng| {
        let name = gate.derive::<ChaChaOnly>(Mono(0), &AGENT, (3, 9), 60, rng).expect("room").digest();
        let derived = gate.find(Mono(0), &name).expect("it is alive");
        let stream = |number| Some(Stream { number, under_way: 100, asked: false, answered: false });
        (derived.streams[0], derived.streams[2]) = (stream(1), stream(2));
        for (now, number, passed) in [(0, 2, 30), (0, 3, 5), (60_000, 2, 5)] {
            gate.passed(Mono(now), &name, number, passed);
        }
        let derived = gate.find(Mono(0), &name).expect("it is alive");
        let under_way = [0, 2].map(|place| derived.streams[place].map(|stream| stream.under_way));
        assert_eq!(under_way, [Some(100), Some(70)]);
        // Both sides have to end a stream before its number is free.
        for (asked, answered, open) in [(true, false, true), (false, true, true), (true, true, false)] {
            let derived = gate.find(Mono(0), &name).expect("it is alive");
            derived.streams[0] = Some(Stream { number: 1, under_way: 0, asked, answered });
            derived.sweep();
            assert_eq!(derived.streams[0].is_some(), open);
        }
    });
}
