use super::*;

fn place(last: u8) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, last], 4227))
}

fn path() -> Path {
    let mut path = Path::IDLE;
    path.begin(place(1));
    path
}

#[test]
fn a_claimed_place_gets_eight_probes_in_thirty_seconds() {
    let mut path = path();
    path.claim(Mono(0), place(2));
    let mut times = [0; 8];
    for (number, time) in (0..).zip(&mut times) {
        let due = path.due(145).expect("a probe is due");
        *time = due.0;
        assert_eq!(path.probe(due, number, 145), Some(place(2)));
    }
    assert_eq!(times, [0, 250, 750, 1_750, 3_750, 7_750, 15_750, 23_750]);
    assert_eq!(path.due(145), None);
}

#[test]
fn a_seen_place_gets_three_times_what_came_from_it() {
    let mut path = path();
    path.came_from(Mono(0), place(2), 137);
    let mut sent = 0;
    for ms in 0..20_000 {
        path.came_from(Mono(ms), place(2), 0);
        path.expire(Mono(ms));
        while path.probe(Mono(ms), ms, 145).is_some() {
            sent += 145;
        }
    }
    assert_eq!(sent, 290, "two heartbeats of 145 bytes for 137 bytes");
}

#[test]
fn only_an_echo_of_what_went_there_alone_proves_a_place() {
    let mut path = path();
    path.came_from(Mono(0), place(2), 1_200);
    path.claim(Mono(0), place(3));
    assert_eq!(path.probe(Mono(0), 7, 145), Some(place(2)));
    assert_eq!(path.probe(Mono(0), 8, 145), Some(place(3)));
    assert_eq!(path.prove(HEARTBEATS + 6), None);
    assert_eq!(path.prove(0), None);
    assert_eq!(path.prove(HEARTBEATS + 8), Some(place(3)));
    assert_eq!((path.home(), path.due(0)), (place(3), None), "the other candidate is forgotten");
    assert_eq!(path.prove(HEARTBEATS + 7), None);
}

#[test]
fn the_number_of_a_probe_is_in_a_block_of_its_own_and_its_neighbours_are_guesses() {
    use crate::crypto::Portable;
    let mut path = path();
    path.set_secret(7);
    path.came_from(Mono(0), place(2), 1_200);
    for (next, block) in [(0, 1_024), (1, 1_024), (1_024, 1_024), (1_025, 2_048), (2_048, 2_048), (9_000, 9_216)] {
        let number = path.number::<Portable>(next);
        assert_eq!(number / BLOCK * BLOCK, block, "{next}");
        assert_eq!(Path::after(number), block + BLOCK);
    }
    let number = path.number::<Portable>(1);
    assert_eq!(path.probe(Mono(0), number, 145), Some(place(2)));
    for guess in (number / BLOCK * BLOCK..Path::after(number)).filter(|guess| *guess != number) {
        assert!(path.is_guess(HEARTBEATS + guess));
    }
    for other in [number, number / BLOCK * BLOCK - 1, Path::after(number)] {
        assert!(!path.is_guess(HEARTBEATS + other));
    }
    assert!(!path.is_guess(0));
    path.set_secret(8);
    assert_ne!(path.number::<Portable>(1), number, "another session has others");
}

#[test]
fn places_claimed_one_after_the_other_get_no_more_probes_than_three_that_stay() {
    let mut path = path();
    let mut probes = 0;
    for ms in 0..30_000_u64 {
        if ms % 50 == 0 {
            let [.., high, low] = ms.to_be_bytes();
            path.claim(Mono(ms), SocketAddr::from(([198, 51, high, low], 4227)));
        }
        while path.probe(Mono(ms), ms, 145).is_some() {
            probes += 1;
        }
    }
    assert!((3..=3 * 8).contains(&probes), "{probes}");
}

#[test]
fn the_oldest_of_three_claims_gives_way() {
    let mut path = path();
    for (ms, last) in (0..).zip(2..6) {
        path.claim(Mono(ms), place(last));
    }
    let places = path.claimed.map(|claimed| claimed.map(|claimed| claimed.what.at.address()));
    assert_eq!(places, [Some(place(5)), Some(place(3)), Some(place(4))]);
}

#[test]
fn an_address_comes_back_as_it_was() {
    let scoped = SocketAddrV6::new(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1), 4_227, 0, 3);
    for address in [place(1), SocketAddr::V6(scoped), SocketAddr::from(([0x2001, 0xdb8, 0, 0, 0, 0, 0, 7], 9))] {
        assert_eq!(Place::of(address).address(), address);
        let mut path = Path::IDLE;
        assert_eq!(path.home(), SocketAddr::from(([0, 0, 0, 0], 0)));
        path.begin(address);
        assert_eq!(path.home(), address);
    }
}

#[test]
fn a_seen_place_is_forgotten_after_10_seconds_and_a_claimed_one_after_30() {
    for (now, due) in [(9_999, Some(0)), (10_000, None)] {
        let mut path = path();
        path.came_from(Mono(0), place(2), 1_200);
        assert_eq!(path.due(145), Some(Mono(0)));
        path.expire(Mono(now));
        assert_eq!(path.due(145), due.map(Mono), "at {now}");
    }
    for (now, due) in [(29_999, Some(0)), (30_000, None)] {
        let mut path = path();
        path.claim(Mono(0), place(2));
        path.expire(Mono(now));
        assert_eq!(path.due(145), due.map(Mono), "at {now}");
    }
    // A probe that would be due at the end is not due.
    let mut path = path();
    path.came_from(Mono(0), place(2), 1_200);
    for (due, expected) in [(9_999, Some(9_999)), (10_000, None)] {
        path.seen.as_mut().expect("it is a candidate").what.probes.due = due;
        assert_eq!(path.due(145), expected.map(Mono));
    }
}

#[test]
fn a_seen_place_gets_a_probe_for_a_frame_within_three_times_its_bytes() {
    let mut path = path();
    path.came_from(Mono(0), place(2), 100);
    assert_eq!([300, 301].map(|length| path.due(length)), [Some(Mono(0)), None]);
    assert_eq!(path.probe(Mono(0), 7, 301), None);
    assert_eq!(path.probe(Mono(0), 7, 200), Some(place(2)));
    assert_eq!(path.due(100), None, "no frame has come since");
    path.came_from(Mono(10), place(2), 0);
    assert_eq!([100, 101].map(|length| path.due(length)), [Some(Mono(50)), None], "50 ms after the last one");
    assert_eq!(path.probe(Mono(49), 8, 100), None);
    assert_eq!(path.probe(Mono(50), 8, 100), Some(place(2)));
    path.came_from(Mono(60), place(3), 100);
    assert_eq!(path.due(300), Some(Mono(60)), "another place begins anew");
}

#[test]
fn the_home_is_no_candidate_and_a_claim_counts_once() {
    let mut path = path();
    path.came_from(Mono(0), place(1), 1_200);
    path.claim(Mono(0), place(1));
    assert_eq!(path.due(145), None);
    path.claim(Mono(0), place(2));
    path.claim(Mono(100), place(2));
    let until: [Option<Mono>; CLAIMS] = path.claimed.map(|claimed| claimed.map(|claimed| claimed.until));
    assert_eq!(until, [Some(Mono(30_000)), None, None]);
}

#[test]
fn the_two_newest_probes_to_a_place_are_remembered() {
    let mut path = path();
    path.claim(Mono(0), place(2));
    for (at, number) in [(0, 1_000), (250, 5_000), (750, 9_000)] {
        assert_eq!(path.probe(Mono(at), number, 145), Some(place(2)));
    }
    assert_eq!([1_000, 5_000, 9_000].map(|number| path.is_guess(HEARTBEATS + number + 1)), [false, true, true]);
    assert!(!path.is_guess(HEARTBEATS + 9_000));
    assert_eq!(path.prove(HEARTBEATS + 1_000), None);
    assert_eq!(path.prove(HEARTBEATS + 5_000), Some(place(2)));
}

#[test]
fn the_low_half_of_a_moment_is_enough_near_it() {
    let turn = 1 << 32;
    for (now, at, moment) in [
        (turn + 5, 5, turn + 5),
        (turn + 5, 6, turn + 6),
        (turn + 5, 4, turn + 4),
        (turn + 5, u32::MAX, turn - 1),
        (turn - 1, 0, turn),
        (5, u32::MAX, 0),
        (0, (1 << 31) - 1, (1 << 31) - 1),
        (turn, 1 << 31, turn / 2),
    ] {
        assert_eq!(near(Mono(now), at), Mono(moment), "{at} near {now}");
    }
}
