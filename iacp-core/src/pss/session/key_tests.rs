//! The budgets of a key, with counters set near their limits, so that no test has to seal four million frames.

extern crate std;

use core::net::SocketAddr;
use std::vec::Vec;

use rand_chacha::ChaCha8Rng;
use rand_core::SeedableRng;

use super::Session;
use crate::crypto::{Portable, Secret32};
use crate::identity::Identity;
use crate::pss::stream::keys::{FAILED_LIMIT, KEY_LIMIT, UPDATE_AFTER};
use crate::pss::{
    Admission, Capabilities, Closure, ContentKind, Discard, Incoming, Reason, Received, Replied, Responder, SendError,
    SessionEvent, Settings, Signed, TRANSMIT_BUFFER, TeardownReason, Terms,
};
use crate::time::Mono;

type S = Session<Portable, 4096, 8>;

struct Two {
    now: Mono,
    sessions: [S; 2],
    identities: [Identity<Portable>; 2],
    rng: ChaCha8Rng,
}

fn at(side: usize) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, u8::try_from(side).expect("0 or 1")], 4227))
}

fn signed(bytes: &mut [u8]) -> Signed<'_> {
    match Incoming::parse(bytes) {
        Ok(Incoming::Signed(signed)) => signed,
        _ => panic!("not a signed frame"),
    }
}

impl Two {
    /// Side 0 has opened a session with side 1, and both know that the other holds the keys.
    fn open() -> Self {
        let now = Mono(1_000);
        let mut rng = ChaCha8Rng::seed_from_u64(5);
        let identities = [1, 2].map(|seed| Identity::from_seed(&Secret32::new([seed; 32])));
        let terms = Terms { dgk_rotation: 0, lifetime: 0, receive_window: 8 };
        let mut responder = Responder::<4>::new(Settings { capabilities: Capabilities::NONE, terms }, now, &mut rng);
        let mut sessions = [S::IDLE, S::IDLE];
        let [initiator, ours] = &mut sessions;
        let peer = identities[1].eid();
        initiator.initiate(now, &identities[0], peer, at(1), Capabilities::NONE, &mut rng).expect("idle");
        let mut out = [0; TRANSMIT_BUFFER];
        let mut init = initiator.poll_transmit(now, &mut out).expect("room").expect("PSS_INIT").bytes.to_vec();
        let mut neg = [0; TRANSMIT_BUFFER];
        let admit = |_: &_| Admission::Admit;
        let answer = responder.answer(now, &identities[1], at(0), &signed(&mut init), admit, &mut neg);
        let Ok(Replied::Negotiate { length, .. }) = answer else { panic!("{answer:?}") };
        assert_eq!(initiator.handle(now, &identities[0], at(1), &mut neg[..length]), Received::Taken);
        let mut ack = initiator.poll_transmit(now, &mut out).expect("room").expect("PSS_ACK").bytes.to_vec();
        let accepted = responder.accept(now, &identities[1], at(0), &signed(&mut ack), &mut ()).expect("in order");
        ours.accept(now, &accepted).expect("idle");
        let mut two = Self { now, sessions, identities, rng };
        two.exchange();
        for session in &mut two.sessions {
            assert_eq!(session.poll_event(), Some(SessionEvent::Established));
        }
        two
    }

    /// Everything that one side sends now.
    fn sent(&mut self, side: usize) -> Vec<Vec<u8>> {
        let mut out = [0; TRANSMIT_BUFFER];
        let mut sent = Vec::new();
        while let Some(transmit) = self.sessions[side].poll_transmit(self.now, &mut out).expect("room") {
            sent.push(transmit.bytes.to_vec());
            assert!(sent.len() < 1_000);
        }
        sent
    }

    fn give(&mut self, side: usize, bytes: &mut [u8]) {
        let _ = self.sessions[side].handle(self.now, &self.identities[side], at(1 - side), bytes);
    }

    /// Both send until neither has anything to send.
    fn exchange(&mut self) {
        for _ in 0..100 {
            let mut quiet = true;
            for side in [0, 1] {
                self.sessions[side].handle_deadline(self.now, &self.identities[side], &mut self.rng).expect("its own");
                for mut bytes in self.sent(side) {
                    quiet = false;
                    self.give(1 - side, &mut bytes);
                }
            }
            if quiet {
                return;
            }
        }
        panic!("they never rest");
    }

    fn wait(&mut self, milliseconds: u64) {
        for _ in 0..milliseconds / 100 {
            self.now = self.now.after(100);
            self.exchange();
        }
    }
}

#[test]
fn a_worn_key_shows_the_heartbeat_whose_echo_lets_it_be_renewed() {
    let mut two = Two::open();
    two.sessions[0].renew_key().expect("open");
    let send = |two: &mut Two| {
        two.sessions[0].send(two.now, ContentKind::Anml, b"and more").expect("room");
        two.exchange();
    };
    send(&mut two);
    assert_eq!(two.sessions[0].key_generations().0, 1);
    // A fast sender wears it out before its next idle heartbeat.
    two.sessions[0].outbound.key_mut().set_sealed(UPDATE_AFTER);
    for _ in 0..20 {
        two.now = two.now.after(10);
        send(&mut two);
    }
    assert_eq!(two.sessions[0].key_generations().0, 2);
}

#[test]
fn a_key_is_renewed_by_its_count_and_the_other_direction_follows() {
    // shows: IACP-166 (§8.2)
    for side in [0, 1] {
        let mut two = Two::open();
        two.sessions[side].outbound.key_mut().set_sealed(UPDATE_AFTER - 3);
        let sent = two.sessions[side].send(two.now, ContentKind::Anml, b"the third before the limit");
        assert!(sent.is_ok());
        two.exchange();
        assert_eq!(two.sessions[side].key_generations(), (0, 0), "below the limit nothing happens");
        two.wait(60_000);
        assert_eq!(two.sessions[0].key_generations(), (1, 1));
        assert_eq!(two.sessions[1].key_generations(), (1, 1));
        two.wait(120_000);
        assert_eq!(two.sessions[0].key_generations(), (1, 1), "once");
        two.sessions[side].send(two.now, ContentKind::Anml, b"under the next key").expect("it goes on");
        two.wait(200);
        assert_eq!(two.sessions[side].unacknowledged().0, two.sessions[side].unacknowledged().1);
    }
}

#[test]
fn a_side_that_only_receives_follows_a_renewed_key_without_waiting_for_an_idle_heartbeat() {
    let mut two = Two::open();
    two.sessions[0].renew_key().expect("open");
    // Nothing is idle: a frame goes every second.
    for second in 0..10 {
        two.sessions[0].send(two.now, ContentKind::Anml, b"a reading").expect("room");
        two.wait(1_000);
        if two.sessions[1].key_generations() == (1, 1) {
            assert!(second < 8, "the receiver asks for the echo that it needs");
            return;
        }
    }
    panic!("{:?} {:?}", two.sessions[0].key_generations(), two.sessions[1].key_generations());
}

#[test]
fn a_key_that_cannot_be_renewed_ends_the_session_before_it_is_spent() {
    let mut two = Two::open();
    // Nothing arrives from the peer, so the key cannot be renewed; some frames are reserved for the end.
    two.sessions[0].outbound.key_mut().set_sealed(KEY_LIMIT - 1_024 - 3);
    for _ in 0..3 {
        assert!(two.sessions[0].send(two.now, ContentKind::Anml, b"x").is_ok());
    }
    assert_eq!(two.sessions[0].send(two.now, ContentKind::Anml, b"x"), Err(SendError::KeySpent));
    assert!(matches!(two.sessions[0].next_deadline(), Some((_, Reason::KeySpent))));
    let mut out = [0; TRANSMIT_BUFFER];
    let waits = two.sessions[0].poll_transmit(two.now, &mut out).expect("room").is_none();
    assert!(waits, "what is due comes before what is to be sent");
    two.sessions[0].handle_deadline(two.now, &two.identities[0], &mut two.rng).expect("its own");
    assert_eq!(two.sessions[0].poll_event(), Some(SessionEvent::Closed(Closure::KeySpent)));
    assert_eq!(two.sessions[0].next_deadline().map(|(_, reason)| reason), Some(Reason::Transmit));
    let mut last = two.sent(0).pop().expect("the peer is told");
    assert_eq!(last[20..24], [0, 3, 0, 10], "FORCED, KEY_EXHAUSTED");
    two.give(1, &mut last);
    let reason = TeardownReason::KeyExhausted.code();
    let told = core::iter::from_fn(|| two.sessions[1].poll_event()).last();
    assert_eq!(told, Some(SessionEvent::Released));
    assert_eq!(two.sessions[1].closure(), Some(Closure::Forced { by_peer: true, reason, truncated: true }));
}

#[test]
fn heartbeats_are_counted_too_and_no_key_seals_more_than_its_limit() {
    let mut two = Two::open();
    two.sessions[0].outbound.key_mut().set_sealed(KEY_LIMIT);
    // Whatever requests a heartbeat, none is sealed, and there is no endless loop.
    two.sessions[0].acknowledge_by(two.now);
    let mut out = [0; TRANSMIT_BUFFER];
    assert!(two.sessions[0].poll_transmit(two.now, &mut out).expect("room").is_none());
    two.sessions[0].handle_deadline(two.now, &two.identities[0], &mut two.rng).expect("its own");
    assert_eq!(two.sessions[0].closure(), Some(Closure::KeySpent));
    let key = two.sessions[0].outbound.key_mut();
    assert!(!key.alive(), "wiped");

    // The cipher itself refuses the first frame above the limit, and none before.
    let mut two = Two::open();
    let key = two.sessions[1].outbound.key_mut();
    key.set_sealed(KEY_LIMIT - 1);
    assert!(key.seal(&[1; 12], &[], &mut [0; 4]).is_some());
    assert!(key.seal(&[2; 12], &[], &mut [0; 4]).is_none());
    assert_eq!(key.left(), 0);
}

#[test]
fn the_peer_may_wear_its_key_out_and_renew_it_any_number_of_times() {
    let mut two = Two::open();
    for generation in 1..=20 {
        for side in [0, 1] {
            two.sessions[side].outbound.key_mut().set_sealed(UPDATE_AFTER);
            two.sessions[side].send(two.now, ContentKind::Anml, b"x").expect("room");
        }
        two.wait(60_000);
        for session in &two.sessions {
            assert_eq!(session.key_generations(), (generation, generation));
            assert_eq!(session.discards().count(Discard::Nonce), 0);
        }
    }
}

#[test]
fn a_session_ends_after_2_to_the_36_failed_openings() {
    let mut two = Two::open();
    two.sessions[1].inbound.key_mut().set_failed(FAILED_LIMIT - 2);
    two.sessions[0].send(two.now, ContentKind::Anml, b"genuine").expect("room");
    let genuine = two.sent(0);
    for last in [false, true] {
        assert_eq!(two.sessions[1].closure(), None);
        let mut forged = genuine[0].clone();
        *forged.last_mut().expect("a byte") ^= 1;
        let heard = two.sessions[1].handle(two.now, &two.identities[1], at(0), &mut forged);
        assert_eq!(heard, Received::Discarded(Discard::Seal));
        let spent = two.sessions[1].closure() == Some(Closure::KeySpent);
        assert_eq!(spent, last);
    }
    assert_eq!(two.sent(1)[0][20..24], [0, 3, 0, 10]);
}

#[test]
fn an_update_wipes_the_older_key_and_a_renewal_wanted_before_the_keys_is_refused() {
    let mut idle = S::IDLE;
    assert!(idle.renew_key().is_err());
    let mut two = Two::open();
    two.sessions[0].renew_key().expect("open");
    two.wait(60_000);
    assert_eq!(two.sessions[0].key_generations(), (1, 1));
    let (now, identity) = (two.now, &two.identities[0]);
    two.sessions[0].abort(now, identity, TeardownReason::None).expect("its own");
    assert!(two.sessions[0].renew_key().is_err());
}
