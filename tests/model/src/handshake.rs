//! The handshake, over no network.

use iacp_core::identity::Identity;
use iacp_core::pss::{Admission, Capabilities, Incoming, Replied, Responder, Settings, Signed, TRANSMIT_BUFFER, Terms};
use iacp_core::time::Mono;
use rand_chacha::ChaCha8Rng;

use crate::end::{BOB, S, address};
use crate::provider::Fast;

fn signed(bytes: &mut [u8]) -> Signed<'_> {
    match Incoming::parse(bytes) {
        Ok(Incoming::Signed(signed)) => signed,
        _ => panic!("a handshake frame is signed"),
    }
}

/// The handshake between two sessions, up to the keys.
pub(crate) fn handshake(now: Mono, sessions: &mut [Box<S>; 2], identities: &[Identity<Fast>; 2], rng: &mut ChaCha8Rng) {
    let [alice, bob] = sessions;
    let [alice_key, bob_key] = identities;
    let (from, to) = (address(0), address(BOB));
    let settings =
        Settings { capabilities: Capabilities::NONE, terms: Terms { dgk_rotation: 0, lifetime: 0, receive_window: 4 } };
    let mut responder = Responder::<4>::new(settings, now, rng);
    let mut buffer = [0; TRANSMIT_BUFFER];
    alice.initiate(now, alice_key, bob_key.eid(), to, Capabilities::NONE, rng).expect("the memory is free");
    let mut init = [0; TRANSMIT_BUFFER];
    let length = copy(alice.poll_transmit(now, &mut buffer).expect("long enough").expect("PSS_INIT").bytes, &mut init);
    let answer =
        responder.answer(now, bob_key, from, &signed(&mut init[..length]), |_: &_| Admission::Admit, &mut buffer);
    let Ok(Replied::Negotiate { length, .. }) = answer else { panic!("PSS_NEG") };
    alice.handle(now, alice_key, to, &mut buffer[..length]);
    let mut ack = [0; TRANSMIT_BUFFER];
    let length = copy(alice.poll_transmit(now, &mut buffer).expect("long enough").expect("PSS_ACK").bytes, &mut ack);
    let accepted = responder.accept(now, bob_key, from, &signed(&mut ack[..length]), &mut ());
    bob.accept(now, &accepted.expect("cookie and signature hold")).expect("the memory is free");
}

fn copy(from: &[u8], to: &mut [u8]) -> usize {
    to[..from.len()].copy_from_slice(from);
    from.len()
}
