use iacp_wire::Cookie;

use super::*;
use crate::crypto::ChaChaOnly;
use crate::pss::stream::congestion::Flight;
use crate::pss::stream::keys::{KEY_LIMIT, UPDATE_AFTER};

type Half = Outbound<ChaChaOnly, Flight, 4_096, 8>;

const COOKIES: Cookies = Cookies { initiator: Cookie([1; 8]), responder: Cookie([2; 8]) };
const NONE: Inbound<ChaChaOnly, 8> = Inbound::IDLE;

fn idle() -> Half {
    let mut half = Half::IDLE;
    half.start(&Secret32::new([7; 32]), Way::I2r, Suite::ChaCha20Poly1305, 100, 8);
    half
}

fn seal(half: &mut Half, flags: Flags, length: usize) -> Result<u64, SendError> {
    half.seal(Mono(0), COOKIES, ContentKind::Anml, flags, length, |_| ())
}

/// The sending half has sealed the frames 100 to 102, and the heartbeats 0 and 1.
fn half() -> Half {
    let mut half = idle();
    (100..103).for_each(|sequence| assert_eq!(seal(&mut half, Flags::NONE, 9), Ok(sequence)));
    for now in [10, 20] {
        assert_eq!(half.heartbeat(Mono(now), COOKIES, &NONE, false, &mut [0; 256]), HEARTBEAT_LEN);
    }
    half
}

/// A vector with the right hash.
fn vector<'v>(half: &Half, expected: u64, (held, bitmap): (bool, &'v [u8]), echo: u64) -> Vector<'v> {
    let receive_chain = half.chain_at(expected).unwrap_or_default();
    Vector { next_send: 0, ask: false, expected, held, receive_chain, echo, bitmap }
}

// shows: IACP-150 (§6.4.5)
#[test]
fn a_vector_mentions_only_frames_that_were_sealed_and_has_their_hash() {
    let half = half();
    let check = |expected, shown: (bool, &[u8])| half.check(&vector(&half, expected, shown, 0));
    for (expected, sound) in [(99, false), (100, true), (102, true), (103, true), (104, false)] {
        assert_eq!(check(expected, (false, &[])).is_ok(), sound, "E = {expected}");
    }
    assert_eq!([102, 103].map(|expected| check(expected, (true, &[])).is_ok()), [true, false], "frame E itself");
    assert_eq!([0x80, 0x40].map(|bits| check(101, (false, &[bits])).is_ok()), [true, false], "frames above E");
    let mut other = vector(&half, 101, (false, &[]), 0);
    other.receive_chain[31] ^= 1;
    assert_eq!(half.check(&other), Err(Violation::Chain));
}

#[test]
fn an_echo_is_of_a_heartbeat_that_was_sealed_and_never_goes_back() {
    let mut half = half();
    let check = |half: &Half, echo| half.check(&vector(half, 100, (false, &[]), echo));
    for (echo, sound) in [(0, true), (1, false), (HEARTBEATS - 1, false), (HEARTBEATS, true), (HEARTBEATS + 1, true)] {
        assert_eq!(check(&half, echo).is_ok(), sound, "{echo:#x}");
    }
    assert_eq!(check(&half, HEARTBEATS + 2), Err(Violation::Echo));
    let echoed = vector(&half, 100, (false, &[]), HEARTBEATS + 1);
    half.take(Mono(30), &echoed, 0);
    assert_eq!([0, HEARTBEATS, HEARTBEATS + 1].map(|echo| check(&half, echo).is_ok()), [false, false, true]);
}

#[test]
fn the_first_heartbeat_and_those_with_ask_measure_the_round_trip() {
    for (echo, measured) in [(0, None), (HEARTBEATS, Some(50)), (HEARTBEATS + 1, None)] {
        let mut half = half();
        let told = vector(&half, 100, (false, &[]), echo);
        half.take(Mono(60), &told, 0);
        assert_eq!(half.log.rtt.smoothed(), measured, "{echo:#x}");
        // A later echo says nothing more, where the first one was answered or overtaken.
        let told = vector(&half, 100, (false, &[]), HEARTBEATS + 1);
        half.take(Mono(90), &told, 0);
        assert_eq!(half.log.rtt.smoothed(), measured);
    }
    let mut half = half();
    half.heartbeat(Mono(70), COOKIES, &NONE, true, &mut [0; 256]);
    let told = vector(&half, 100, (false, &[]), HEARTBEATS + 2);
    half.take(Mono(100), &told, 0);
    assert_eq!(half.log.rtt.smoothed(), Some(30));
    assert_eq!(half.heartbeat(Mono(70), COOKIES, &NONE, true, &mut [0; HEARTBEAT_LEN - 1]), 0, "no room");
    assert_eq!(half.next_heartbeat(), 3);
    half.skip_heartbeats(2);
    assert_eq!(half.next_heartbeat(), 3);
    half.skip_heartbeats(9);
    assert_eq!(half.next_heartbeat(), 9);
}

#[test]
fn a_key_is_renewed_when_its_heartbeat_was_echoed_and_all_before_is_acknowledged() {
    let mut half = half();
    half.want_renewal();
    assert!(half.waits_for_echo(0) && !half.wants_echo());
    let told = |half: &Half, expected, echo| vector(half, expected, (false, &[]), HEARTBEATS + echo);
    half.take(Mono(30), &told(&half, 100, 0), 0);
    assert_eq!((half.generation(), half.waits_for_echo(0), half.renewable.get()), (0, false, Some(103)));
    assert_eq!(seal(&mut half, Flags::NONE, 9), Ok(103), "sealed after the echo");
    half.take(Mono(40), &told(&half, 102, 1), 0);
    assert_eq!(half.generation(), 0);
    half.take(Mono(50), &told(&half, 103, 1), 0);
    assert_eq!((half.generation(), half.renewal_wanted, half.generation_heartbeat), (1, false, 2));
    // The heartbeats 0 and 1 were sealed under the older key.
    half.take(Mono(60), &told(&half, 103, 1), 1);
    assert_eq!((half.generation(), half.renewable.get()), (1, None));
    half.heartbeat(Mono(70), COOKIES, &NONE, false, &mut [0; 256]);
    half.take(Mono(80), &told(&half, 104, 2), 1);
    assert_eq!((half.generation(), half.renewable.get()), (1, Some(104)), "nothing wants another one");
}

#[test]
fn a_key_is_due_by_its_count_by_the_peers_and_by_request() {
    let mut half = half();
    for (peer, due) in [(0, false), (1, true), ((1 << 31) - 1, true), (1 << 31, false), (u32::MAX, false)] {
        assert_eq!(half.waits_for_echo(peer), due, "{peer}");
    }
    for (sealed, worn) in [(UPDATE_AFTER - 1, false), (UPDATE_AFTER, true)] {
        half.key_mut().set_sealed(sealed);
        assert_eq!((half.waits_for_echo(0), half.wants_echo()), (worn, worn));
    }
    half.renewable = Packed::of(999);
    assert!(!half.waits_for_echo(0) && !half.wants_echo());
}

#[test]
fn the_last_frames_of_a_key_are_those_of_the_end() {
    let at = |left| {
        let mut half = half();
        half.key_mut().set_sealed(KEY_LIMIT - left);
        half
    };
    assert!(!at(RESERVE + 1).key_spent() && at(RESERVE).key_spent() && !Half::IDLE.key_spent());
    assert_eq!(seal(&mut at(RESERVE + 1), Flags::NONE, 9), Ok(103));
    assert_eq!(seal(&mut at(RESERVE), Flags::NONE, 9), Err(SendError::KeySpent));
    assert_eq!(seal(&mut at(2), Flags::FIN, 0), Ok(103));
    assert_eq!(seal(&mut at(1), Flags::FIN, 0), Err(SendError::KeySpent), "one is left for a heartbeat");
}

#[test]
fn a_fin_is_the_last_frame_and_everything_before_it_is_acknowledged_with_it() {
    let mut half = half();
    assert!(!half.finished() && !half.fin_acknowledged());
    assert_eq!(seal(&mut half, Flags::FIN, 0), Ok(103));
    assert_eq!(seal(&mut half, Flags::NONE, 9), Err(SendError::Finished));
    for (expected, acknowledged) in [(102, false), (103, false), (104, true)] {
        let told = vector(&half, expected, (false, &[]), 0);
        half.take(Mono(30), &told, 0);
        assert_eq!((half.finished(), half.fin_acknowledged()), (true, acknowledged), "E = {expected}");
    }
    half.forget();
    assert_eq!((half.finished(), seal(&mut half, Flags::NONE, 9)), (false, Err(SendError::NotNow)));
}

#[test]
fn a_frame_fits_into_the_log_or_is_too_long() {
    assert_eq!(seal(&mut idle(), Flags::NONE, 4_096 - OVERHEAD), Ok(100));
    assert_eq!(seal(&mut idle(), Flags::NONE, 4_096 - OVERHEAD + 1), Err(SendError::TooLong));
    assert_eq!(seal(&mut idle(), Flags::NONE, usize::MAX), Err(SendError::TooLong));
    let mut half = idle();
    seal(&mut half, Flags::NONE, 9).expect("room");
    assert_eq!(seal(&mut half, Flags::NONE, 4_096 - OVERHEAD), Err(SendError::Full));
}
