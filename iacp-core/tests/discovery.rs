//! Anonymous discovery (`IACP §6.3`, `IACP Appendix B.1`): no memory before the proof, an EID for the one who worked.

use std::net::SocketAddr;

use iacp_core::crypto::{ChaChaOnly, Portable, Provider, Secret32};
use iacp_core::discovery::dfa::State;
use iacp_core::discovery::pow::{Miner, trailing_zero_bits};
use iacp_core::discovery::{
    AWAIT_IDENTITY, Discoverable, NotAccepted, Proven, Search, TIMESTAMP_WINDOW, check, space_of_topic,
};
use iacp_core::guard::{Difficulty, Load};
use iacp_core::identity::{CanonicalEid, Identity};
use iacp_core::time::{Mono, UnixTime};
use iacp_wire::message::DiscoveryReq;
use iacp_wire::{Cookie, DhtKey, Eid};
use rand_chacha::ChaCha8Rng;
use rand_core::SeedableRng;

const NOW: UnixTime = UnixTime(1_790_000_000_000);
const BITS: u32 = 8;
const SPACE: DhtKey = DhtKey([0x5A; 32]);

type Responder = Discoverable<4, 8>;

fn rng(seed: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(seed)
}

fn from(port: u16) -> SocketAddr {
    ([192, 0, 2, 7], port).into()
}

fn identity() -> Identity<Portable> {
    Identity::from_seed(&Secret32::new([0xB0; 32]))
}

/// A search and its worked request.
fn search(seed: u64, bits: u32) -> (Search<3>, Vec<u8>) {
    search_at(NOW, seed, bits)
}

/// The same, by a clock that shows something else.
fn search_at(time: UnixTime, seed: u64, bits: u32) -> (Search<3>, Vec<u8>) {
    let (mut search, miner) = Search::begin::<Portable>(SPACE, time, bits, &mut rng(seed));
    let proven = mine(miner);
    let mut out = [0; 128];
    let length = search.request::<Portable>(&proven, &mut out).expect("128 bytes hold 88");
    (search, out[..length].to_vec())
}

fn mine(mut miner: Miner) -> DiscoveryReq {
    loop {
        if let Some(proven) = miner.step(1_000) {
            return proven;
        }
    }
}

fn proven(request: &[u8]) -> Proven<'_> {
    check::<Portable>(request, NOW, BITS).expect("it was mined")
}

fn accept(
    responder: &mut Responder,
    request: &[u8],
    port: u16,
    now: u64,
    unix: UnixTime,
) -> Result<Vec<u8>, NotAccepted> {
    let mut out = [0; 96];
    let proven = check::<Portable>(request, unix, BITS)?;
    responder
        .accept(&proven, from(port), Mono(now), unix, &identity(), &mut rng(now), &mut out)
        .map(|length| out[..length].to_vec())
}

#[test]
fn the_one_who_worked_learns_the_eid_and_nobody_else_does() {
    // shows: IACP-139 (§6.3.1–2), IACP-137 (§6.2)
    let (mut seeker, request) = search(1, BITS);
    assert_eq!(proven(&request).space(), SPACE, "the caller's own filter decides by the space");
    let mut responder = Responder::default();
    let answer = accept(&mut responder, &request, 1, 0, NOW).expect("a slot is free");
    assert_eq!(answer.len(), 96);
    let eid = identity().eid();
    assert!(!answer.windows(32).any(|window| window == eid.0), "the EID does not travel in the clear");
    assert_eq!(seeker.open::<Portable>(&answer), Ok(eid));
    let (mut other, _) = search(2, BITS);
    assert_eq!(other.open::<Portable>(&answer), Err(NotAccepted::Seal));
    for bit in 0..answer.len() * 8 {
        let mut flipped = answer.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        // X25519 ignores the top bit of a key share, but the associated data does not.
        assert!(seeker.open::<Portable>(&flipped).is_err(), "bit {bit}");
    }
}

/// A search by an agent with one provider, answered by an agent with another: what the search finds.
fn searched<S: Provider, R: Provider>() -> Result<Eid, NotAccepted> {
    let (mut search, miner) = Search::<3>::begin::<S>(SPACE, NOW, BITS, &mut rng(1));
    let (mut request, mut answer) = ([0; 128], [0; 96]);
    let length = search.request::<S>(&mine(miner), &mut request).expect("128 bytes hold 88");
    let proven = check::<R>(&request[..length], NOW, BITS).expect("it was mined");
    let identity = Identity::<R>::from_seed(&Secret32::new([0xB0; 32]));
    let mut responder = Responder::default();
    let accepted = responder.accept(&proven, from(1), Mono(0), NOW, &identity, &mut rng(2), &mut answer);
    assert_eq!(accepted, Ok(96));
    search.open::<S>(&answer)
}

#[test]
fn the_responders_provider_decides_how_its_answer_is_sealed() {
    let eid = identity().eid();
    assert_eq!(searched::<Portable, Portable>(), Ok(eid));
    assert_eq!(searched::<ChaChaOnly, ChaChaOnly>(), Ok(eid));
    assert_eq!(searched::<Portable, ChaChaOnly>(), Ok(eid), "a seeker that has both opens either");
    assert_eq!(searched::<ChaChaOnly, Portable>(), Err(NotAccepted::Seal), "AES-256-GCM, which this seeker lacks");
}

#[test]
fn a_request_may_limit_how_many_peers_answer() {
    // shows: IACP-138 (§6.2)
    let (mut seeker, request) = search(1, BITS);
    let mut other = Responder::default();
    let first = accept(&mut other, &request, 1, 99, NOW).expect("a slot is free");
    assert_eq!(seeker.open::<Portable>(&first), Ok(identity().eid()));
    assert_eq!(seeker.open::<Portable>(&first), Err(NotAccepted::Replayed), "a repeat is not another peer");
    for (n, expected) in [true, true, false].into_iter().enumerate() {
        let mut responder = Responder::default();
        let answer = accept(&mut responder, &request, 1, n as u64, NOW).expect("a slot is free");
        let opened = seeker.open::<Portable>(&answer);
        assert_eq!(opened, if expected { Ok(identity().eid()) } else { Err(NotAccepted::Enough) });
    }
}

#[test]
fn checks_come_cheapest_first_and_each_refuses() {
    // shows: IACP-116 (§5.3.1), IACP-119 (§5.3.1), IACP-140 (§6.3.1)
    let (_, request) = search(1, BITS);
    let refuse = |bytes: &[u8], now, difficulty| check::<Portable>(bytes, now, difficulty).map(|_| ()).unwrap_err();
    for length in 0..request.len() {
        assert_eq!(refuse(&request[..length], NOW, BITS), NotAccepted::Malformed);
    }
    let longer = [&request[..], &[0]].concat();
    assert_eq!(refuse(&longer, NOW, BITS), NotAccepted::Malformed);
    for byte in 0..4 {
        for bit in 0..8 {
            let mut header = request.clone();
            header[byte] ^= 1 << bit;
            assert_eq!(refuse(&header, NOW, BITS), NotAccepted::Malformed, "one proof is one frame: no flags, no TLVs");
        }
    }
    let late = UnixTime(NOW.0 + TIMESTAMP_WINDOW);
    let early = UnixTime(NOW.0 - TIMESTAMP_WINDOW);
    assert!(check::<Portable>(&request, late, BITS).is_ok() && check::<Portable>(&request, early, BITS).is_ok());
    assert_eq!(refuse(&request, UnixTime(late.0 + 1), BITS), NotAccepted::Timestamp);
    assert_eq!(refuse(&request, UnixTime(early.0 - 1), BITS), NotAccepted::Timestamp);
    assert_eq!(refuse(&request, NOW, BITS + 1), NotAccepted::Threshold, "less than the difficulty of the moment");

    // A claim that the digest does not meet.
    let mut boast = request.clone();
    boast[84..88].copy_from_slice(&200_u32.to_be_bytes());
    assert_eq!(refuse(&boast, NOW, BITS), NotAccepted::Proof);
    // The digest counts its trailing zeros: leading ones prove nothing.
    let digest = Portable::sha256(&[&request[4..]]);
    assert!(trailing_zero_bits(&digest) >= BITS);
}

#[test]
fn a_million_refused_requests_change_nothing() {
    // shows: IACP-140 (§6.3.1)
    // A refusal is the result of a pure function: there is no state in reach that it could change. The responder's
    // size is fixed, and what it holds after the flood is what it held before.
    let (_, request) = search(1, BITS);
    let mut responder = Responder::default();
    accept(&mut responder, &request, 9, 0, NOW).expect("a slot is free");
    let before = format!("{responder:?}");
    let mut flood = request.clone();
    let mut refused = 0_u32;
    for n in 0..1_000_000_u64 {
        flood[76..84].copy_from_slice(&(n | 1 << 60).to_be_bytes());
        flood[84..88].copy_from_slice(&40_u32.to_be_bytes());
        refused += u32::from(check::<Portable>(&flood, NOW, BITS).is_err());
    }
    assert_eq!(refused, 1_000_000);
    assert_eq!(format!("{responder:?}"), before);
    assert!(size_of::<Responder>() <= 4 * 128 + 8 * 48, "{} bytes, whatever comes", size_of::<Responder>());
}

#[test]
fn a_proof_is_accepted_once_and_a_full_filter_refuses() {
    let mut responder = Discoverable::<64, 8>::default();
    let mut take = |seed, unix: UnixTime| {
        let (_, request) = search(seed, BITS);
        let proven = check::<Portable>(&request, unix, BITS)?;
        responder.accept(&proven, from(1), Mono(0), unix, &identity(), &mut rng(seed), &mut [0; 96]).map(|_| ())
    };
    assert_eq!(take(0, NOW), Ok(()));
    assert_eq!(take(0, NOW), Err(NotAccepted::Replayed));
    let end = UnixTime(NOW.0 + TIMESTAMP_WINDOW);
    assert_eq!(take(0, end), Err(NotAccepted::Replayed), "as long as the timestamp is inside the window");
    for seed in 1..8 {
        assert_eq!(take(seed, NOW), Ok(()));
    }
    assert_eq!(take(8, NOW), Err(NotAccepted::FilterFull), "it refuses rather than forgets");
    assert_eq!(take(9, end), Err(NotAccepted::FilterFull));
    assert_eq!(take(9, UnixTime(end.0 + 1)), Err(NotAccepted::Timestamp), "what is forgotten then is too old anyway");
}

#[test]
fn one_proof_buys_one_key_agreement() {
    let (_, mut request) = search(1, BITS);
    request[36..68].fill(0); // a worthless one-time key
    let body: [u8; 84] = request[4..].try_into().expect("84");
    let worked = mine(Miner::new(zerocopy::FromBytes::read_from_bytes(&body).expect("84")));
    request[4..].copy_from_slice(zerocopy::IntoBytes::as_bytes(&worked));
    let mut responder = Responder::default();
    assert_eq!(accept(&mut responder, &request, 1, 0, NOW), Err(NotAccepted::Seal));
    assert_eq!(accept(&mut responder, &request, 1, 1, NOW), Err(NotAccepted::Replayed));
    assert_eq!(responder.waiting(), 0);
}

#[test]
fn every_accepted_request_has_one_slot_for_500_ms() {
    // shows: IACP-141 (B.1)
    let mut responder = Responder::default();
    for n in 0..4 {
        let (_, request) = search(n, BITS);
        assert!(accept(&mut responder, &request, 1, n, NOW).is_ok());
    }
    let (_, fifth) = search(5, BITS);
    assert_eq!(accept(&mut responder, &fifth, 1, 4, NOW), Err(NotAccepted::NoSlot));
    assert_eq!(responder.waiting(), 4);
    assert_eq!(responder.next_deadline(), Some(Mono(AWAIT_IDENTITY)));
    assert_eq!(responder.handle_deadline(Mono(AWAIT_IDENTITY - 1)), 0);
    assert_eq!(responder.handle_deadline(Mono(AWAIT_IDENTITY + 2)), 3, "IDENTITY_TIMEOUT");
    assert_eq!(responder.waiting(), 1);
    assert!(accept(&mut responder, &fifth, 1, 5, NOW).is_ok(), "a refused proof may try again");
}

/// A responder with one accepted request from port 1, and the time at which it gives up.
fn waiting() -> (Responder, Mono) {
    let mut responder = Responder::default();
    let (_, request) = search(1, BITS);
    accept(&mut responder, &request, 1, 0, NOW).expect("a slot is free");
    (responder, Mono(AWAIT_IDENTITY))
}

#[test]
fn an_exchange_that_completes_within_500_ms_ends_the_wait() {
    // shows: IACP-141 (B.1)
    let (alice, mallory) = (Eid([1; 32]), Eid([2; 32]));
    let (first, again) = (Cookie([3; 8]), Cookie([4; 8]));
    for (contract, reached) in [(false, State::Established), (true, State::PssNegotiating)] {
        let (mut responder, deadline) = waiting();
        assert!(!responder.on_pss_init(Mono(1), from(2), alice, first), "from somewhere else");
        assert!(responder.on_pss_init(Mono(1), from(1), alice, first));
        assert!(responder.on_pss_init(Mono(AWAIT_IDENTITY - 1), from(1), alice, again), "it may start over");
        assert_eq!(responder.on_established(alice, first, contract), None, "that attempt was given up");
        assert_eq!(responder.on_established(mallory, again, contract), None, "of another peer");
        assert_eq!(responder.next_deadline(), Some(deadline));
        assert_eq!(responder.on_established(alice, again, contract), Some(reached));
        assert_eq!((responder.waiting(), responder.next_deadline()), (0, None));
        assert_eq!(responder.on_established(alice, again, contract), None, "one request, one session");
    }
    let (mut responder, deadline) = waiting();
    assert!(!responder.on_pss_init(deadline, from(1), alice, first), "too late");
    assert_eq!(responder.handle_deadline(deadline), 1);
}

#[test]
fn a_signature_proves_no_presence_and_extends_no_slot() {
    // shows: IACP-141 (B.1)
    // One PSS_INIT that was signed at some time, sent again from every port that has a request: its cookie is never
    // returned, and each slot is free again 500 ms after its request.
    let (stale, cookie) = (Eid([9; 32]), Cookie([9; 8]));
    let mut responder = Responder::default();
    for port in 1..=4 {
        let (_, request) = search(port.into(), BITS);
        accept(&mut responder, &request, port, 0, NOW).expect("a slot is free");
    }
    for now in 0..AWAIT_IDENTITY {
        for port in 1..=4 {
            assert!(responder.on_pss_init(Mono(now), from(port), stale, cookie));
        }
        assert_eq!(responder.next_deadline(), Some(Mono(AWAIT_IDENTITY)), "at {now}");
    }
    assert_eq!(responder.handle_deadline(Mono(AWAIT_IDENTITY)), 4);
    let (_, honest) = search(5, BITS);
    assert!(accept(&mut responder, &honest, 5, AWAIT_IDENTITY, NOW).is_ok());
    // Nor does it keep the slot from the one that asked: an old PSS_INIT under that one's address came first.
    let (alice, fresh) = (Eid([1; 32]), Cookie([3; 8]));
    let now = Mono(AWAIT_IDENTITY + 1);
    assert!(responder.on_pss_init(now, from(5), stale, cookie));
    assert!(responder.on_pss_init(now, from(5), alice, fresh));
    assert_eq!(responder.on_established(alice, fresh, false), Some(State::Established));
}

#[test]
fn two_requests_of_one_address_are_two_slots() {
    let mut responder = Responder::default();
    for seed in 1..=2 {
        let (_, request) = search(seed, BITS);
        accept(&mut responder, &request, 1, seed, NOW).expect("a slot is free");
    }
    let peers = [(Eid([1; 32]), Cookie([1; 8])), (Eid([2; 32]), Cookie([2; 8]))];
    for (eid, cookie) in peers {
        assert!(responder.on_pss_init(Mono(3), from(1), eid, cookie));
    }
    for (eid, cookie) in peers {
        assert_eq!(responder.on_established(eid, cookie, false), Some(State::Established));
    }
}

/// A peer that starts over takes its own slot, and leaves the other one to the next peer of the address.
// shows: IACP-141 (B.1)
#[test]
fn a_peer_that_starts_over_takes_no_second_slot() {
    let mut responder = Responder::default();
    for seed in 1..=2 {
        let (_, request) = search(seed, BITS);
        accept(&mut responder, &request, 1, seed, NOW).expect("a slot is free");
    }
    let (alice, bob, cookie) = (Eid([1; 32]), Eid([2; 32]), |byte| Cookie([byte; 8]));
    for (eid, cookie) in [(alice, cookie(1)), (alice, cookie(2)), (bob, cookie(3)), (alice, cookie(4))] {
        assert!(responder.on_pss_init(Mono(3), from(1), eid, cookie));
    }
    assert_eq!(responder.on_established(alice, cookie(4), false), Some(State::Established));
    assert_eq!(responder.on_established(bob, cookie(3), false), Some(State::Established));
    assert_eq!(responder.waiting(), 0);
}

#[test]
fn a_proof_with_just_the_claimed_bits_is_one() {
    let mut seen = [0; 2];
    for seed in 0..16 {
        let (_, request) = search(seed, BITS);
        let bits = trailing_zero_bits(&Portable::sha256(&[&request[4..]]));
        assert!(check::<Portable>(&request, NOW, BITS).is_ok(), "{bits} bits");
        seen[usize::from(bits > BITS)] += 1;
    }
    assert!(seen[0] > 0 && seen[1] > 0, "some have just so many and some have more");
}

#[test]
fn a_request_through_hubs_says_how_many_peers_may_answer_and_its_bits() {
    let threshold = |mut miner: Miner| loop {
        if let Some(request) = miner.step(1 << 10) {
            break request.pow_target_threshold.get();
        }
    };
    let (three, miner) = Search::<3>::through_hubs::<Portable>(SPACE, NOW, 5, &mut rng(1));
    assert_eq!(threshold(miner), 3 << 16 | 5);
    assert_eq!(threshold(Search::<40>::through_hubs::<Portable>(SPACE, NOW, 5, &mut rng(1)).1), 32 << 16 | 5);
    assert_eq!(three.proof::<Portable>(&Eid([1; 32]), &Eid([2; 32])), None, "it has found no peer");
}

#[test]
fn what_waits_is_printed_without_its_secrets() {
    let (responder, _) = waiting();
    let printed = format!("{responder:?}");
    assert!(printed.contains("Slot { state: AwaitIdentity, requester: Some(192.0.2.7:1), .. }"), "{printed}");
}

#[test]
fn a_clock_that_was_wrong_fills_no_filter() {
    const YEAR: u64 = 365 * 24 * 3_600_000;
    for wrong in [UnixTime(NOW.0 + YEAR), UnixTime(NOW.0 - YEAR), UnixTime(0), UnixTime(u64::MAX)] {
        let mut responder = Discoverable::<64, 8>::default();
        let mut take = |seed, unix: UnixTime| {
            let (_, request) = search_at(unix, seed, BITS);
            let proven = check::<Portable>(&request, unix, BITS)?;
            responder.accept(&proven, from(1), Mono(0), unix, &identity(), &mut rng(seed), &mut [0; 96]).map(|_| ())
        };
        for seed in 0..8 {
            assert_eq!(take(seed, wrong), Ok(()));
        }
        assert_eq!(take(8, wrong), Err(NotAccepted::FilterFull));
        for seed in 10..18 {
            assert_eq!(take(seed, NOW), Ok(()), "the clock is right again, after {wrong:?}");
        }
        assert_eq!(take(18, NOW), Err(NotAccepted::FilterFull));
        assert_eq!(take(10, NOW), Err(NotAccepted::Replayed), "and now it remembers as ever");
    }
}

#[test]
fn an_entry_ends_within_twice_the_window_and_not_before_its_proof_does() {
    for offset in [0, 1, TIMESTAMP_WINDOW - 1, TIMESTAMP_WINDOW] {
        // The requester's clock is ahead by the offset.
        let ahead = UnixTime(NOW.0 + offset);
        let (_, request) = search_at(ahead, 1, BITS);
        let mut responder = Discoverable::<64, 1>::default();
        let mut take = |unix| {
            let proven = check::<Portable>(&request, unix, BITS)?;
            responder.accept(&proven, from(1), Mono(0), unix, &identity(), &mut rng(1), &mut [0; 96]).map(|_| ())
        };
        assert_eq!(take(NOW), Ok(()));
        let last = UnixTime(ahead.0 + TIMESTAMP_WINDOW);
        assert_eq!(take(last), Err(NotAccepted::Replayed));
        assert_eq!(take(UnixTime(last.0 + 1)), Err(NotAccepted::Timestamp));
        assert_eq!(responder.loads(last)[1], Load { used: 1, room: 1 });
        assert_eq!(responder.loads(UnixTime(last.0 + 1))[1], Load { used: 0, room: 1 }, "at most 60 s");
    }
}

#[test]
fn a_proof_that_got_too_old_between_check_and_acceptance_is_refused() {
    let (_, request) = search(1, BITS);
    let proven = proven(&request);
    let mut responder = Responder::default();
    let mut take =
        |unix| responder.accept(&proven, from(1), Mono(0), unix, &identity(), &mut rng(1), &mut [0; 96]).map(|_| ());
    assert_eq!(take(UnixTime(NOW.0 + TIMESTAMP_WINDOW + 1)), Err(NotAccepted::Timestamp));
    assert_eq!(take(UnixTime(NOW.0 + TIMESTAMP_WINDOW)), Ok(()), "nothing of it was kept");
}

#[test]
fn difficulty_follows_the_slots_and_the_filter() {
    // shows: IACP-117 (§5.3.1)
    let mut responder = Discoverable::<4, 8>::default();
    let mut difficulty = Difficulty::new(BITS, 4, Mono(0));
    let bits = |responder: &Discoverable<4, 8>, difficulty: &mut Difficulty, now: u64, unix| {
        difficulty.observe(Mono(now), &responder.loads(unix))
    };
    for n in 0..4 {
        assert_eq!(bits(&responder, &mut difficulty, 0, NOW), BITS + n, "{n} of 4 slots");
        let (_, request) = search(n.into(), BITS);
        accept(&mut responder, &request, 1, 0, NOW).expect("a slot is free");
    }
    assert_eq!(bits(&responder, &mut difficulty, 0, NOW), BITS + 4);
    responder.handle_deadline(Mono(AWAIT_IDENTITY));
    assert_eq!(responder.loads(NOW), [Load { used: 0, room: 4 }, Load { used: 4, room: 8 }], "the filter is half full");
    assert_eq!(bits(&responder, &mut difficulty, 9_999, NOW), BITS + 4);
    assert_eq!(bits(&responder, &mut difficulty, 60_000, NOW), BITS + 2);
    let later = UnixTime(NOW.0 + TIMESTAMP_WINDOW + 1);
    assert_eq!(bits(&responder, &mut difficulty, 70_000, later), BITS + 1);
    assert_eq!(bits(&responder, &mut difficulty, 80_000, later), BITS);
}

#[test]
fn a_topic_is_a_place_to_search() {
    let expected = Portable::sha256(&[b"IACP/1 topic", &[0], b"weather"]);
    assert_eq!(space_of_topic::<Portable>("weather"), DhtKey(expected));
}

#[test]
fn the_canonical_string_is_for_people_and_is_40_digits() {
    // shows: IACP-002 (§2.1), IACP-003 (§3.2)
    let eid = identity().eid();
    let text = CanonicalEid::of::<Portable>(&eid).to_string();
    let digest = Portable::sha256(&[&eid.0]);
    let expected: String = digest[..20].iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!((text.len(), text), (40, expected));
}
