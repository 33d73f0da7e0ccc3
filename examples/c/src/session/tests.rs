use std::vec::Vec;

use chacha20::ChaCha20Rng;
use rand_core::SeedableRng;

use super::*;

#[repr(align(16))]
struct Memory([u8; IACP_NODE_BYTES]);

const IDLE: Memory = Memory([0; IACP_NODE_BYTES]);
const NOW: Mono = Mono(0);

fn node(memory: &mut Memory, number: u8) -> &mut IacpNode {
    let (seed, entropy) = ([number; 32], [number + 100; 32]);
    // SAFETY: the memory is lent for as long as the node, and the arrays for the call.
    let node = unsafe { iacp_begin(memory.0.as_mut_ptr(), memory.0.len(), seed.as_ptr(), NOW.0, entropy.as_ptr()) };
    // SAFETY: as above.
    unsafe { node.as_mut() }.expect("it is made")
}

fn at(port: u16) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port)
}

fn said(node: &mut IacpNode) -> Vec<u8> {
    let (mut out, mut to) = ([0; IACP_DATAGRAM_BYTES], told(at(1)));
    // SAFETY: both are lent for the call.
    let length = unsafe { iacp_transmit(node, NOW.0, out.as_mut_ptr(), out.len(), &raw mut to) };
    out[..usize::try_from(length).expect("a length")].to_vec()
}

/// The frame with other cookies.
fn altered(frame: &[u8], changes: &[(Cookie, Cookie)]) -> Vec<u8> {
    let mut frame = frame.to_vec();
    for (from, to) in changes {
        let place = frame.windows(8).position(|bytes| bytes == from.0).expect("the cookie is there");
        frame[place..place + 8].copy_from_slice(&to.0);
    }
    frame
}

/// How many frames a node would check now.
fn left(node: &mut IacpNode) -> usize {
    let mut checks = node.checks;
    (0..100).take_while(|_| checks.take(NOW, 1).is_ok()).count()
}

fn is_discarded(node: &mut IacpNode, frame: &[u8]) -> bool {
    matches!(node.take(NOW, at(9), &mut frame.to_vec()), Received::Discarded(_))
}

#[test]
fn signed_frames_of_no_session_here_take_nothing_from_those_that_are_checked() {
    let (mut of_alice, mut of_bob, mut of_carol) = (IDLE, IDLE, IDLE);
    let (alice, bob, carol) = (node(&mut of_alice, 1), node(&mut of_bob, 2), node(&mut of_carol, 3));
    bob.listens = Listens::ToAll;
    let (eid, mut rng) = (bob.identity.eid(), ChaCha20Rng::from_seed([9; 32]));
    alice.session.initiate(NOW, &alice.identity, eid, at(2), Capabilities::NONE, &mut rng).expect("it begins");
    assert!(!is_discarded(bob, &said(alice)));
    let answer = said(bob);
    let (initiator, _) = alice.session.cookies();
    let parsed = &mut answer.clone();
    let (_, responder) = Incoming::parse(parsed).expect("a frame").cookies().expect("a frame of a session");
    let (all, other) = (left(alice), Cookie([7; 8]));
    let strange = [
        altered(&answer, &[(initiator, other)]),
        altered(&answer, &[(responder, Cookie::ZERO)]),
        altered(&answer, &[(initiator, Cookie::ZERO), (responder, Cookie::ZERO)]),
    ];
    for frame in &strange {
        for node in [&mut *alice, &mut *carol] {
            assert!(is_discarded(node, frame));
            assert_eq!(left(node), all, "nothing was checked");
        }
    }
    assert!(!is_discarded(alice, &answer));
    assert_eq!(left(alice), all - 1, "what is meant costs one");
    for frame in strange.iter().chain([&altered(&answer, &[(responder, other)])]) {
        assert!(is_discarded(alice, frame));
        assert_eq!(left(alice), all - 1, "the session has both cookies");
    }
    for _ in 0..all {
        assert!(is_discarded(alice, &answer), "it comes again");
    }
    assert_eq!(left(alice), 0, "and is checked each time, while it may be");
}
