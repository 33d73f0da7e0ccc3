//! A contract that was accepted in turn 1 is told to both sides, by an event.

use iacp_core::crypto::Portable;
use iacp_core::identity::Identity;
use iacp_core::pss::{
    Admission, Capabilities, Incoming, Replied, Responder, Session, SessionEvent, Settings, Signed, TRANSMIT_BUFFER,
    Terms,
};
use iacp_core::time::Mono;
use rand_chacha::ChaCha8Rng;
use rand_core::SeedableRng;

const NOW: Mono = Mono(0);
const TERMS: Terms = Terms { dgk_rotation: 0, lifetime: 0, receive_window: 4 };

type Small = Session<Portable, 1_024, 4>;

fn sent(session: &mut Small) -> Vec<u8> {
    let mut out = [0; TRANSMIT_BUFFER];
    let transmit = session.poll_transmit(NOW, &mut out).expect("the buffer is long enough");
    transmit.expect("a frame is due").bytes.to_vec()
}

fn signed(datagram: &mut [u8]) -> Signed<'_> {
    let Ok(Incoming::Signed(signed)) = Incoming::parse(datagram) else { panic!("it carries no signature") };
    signed
}

fn told(session: &mut Small) -> Vec<SessionEvent> {
    std::iter::from_fn(|| session.poll_event()).collect()
}

#[test]
fn a_contract_of_turn_1_is_an_event_on_both_sides_and_comes_once() {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let (alice, bob) = (Identity::<Portable>::generate(&mut rng), Identity::generate(&mut rng));
    let (alice_at, bob_at) = (([192, 0, 2, 1], 4227).into(), ([192, 0, 2, 2], 4227).into());
    let settings = Settings { capabilities: Capabilities::SFC, terms: TERMS };
    let mut responder = Responder::<64>::new(settings, NOW, &mut rng);
    let (mut initiating, mut accepting) = (Small::IDLE, Small::IDLE);

    initiating.initiate(NOW, &alice, bob.eid(), bob_at, Capabilities::SFC, &mut rng).expect("the memory is free");
    let (mut init, mut out) = (sent(&mut initiating), [0; TRANSMIT_BUFFER]);
    let admit = |_: &_| Admission::Admit;
    let answer = responder.answer(NOW, &bob, alice_at, &signed(&mut init), admit, &mut out);
    let Ok(Replied::Negotiate { length, .. }) = answer else { panic!("no PSS_NEG: {answer:?}") };
    initiating.handle(NOW, &alice, bob_at, &mut out[..length]);
    assert!(matches!(told(&mut initiating)[..], [SessionEvent::Proposed { turn: 1, terms: TERMS, .. }]));
    initiating.accept_terms(NOW, &alice).expect("they wait for an answer");

    let accepted = responder.accept(NOW, &bob, alice_at, &signed(&mut sent(&mut initiating)), &mut ());
    accepting
        .accept(NOW, &accepted.unwrap_or_else(|discard| panic!("{discard}: {}", "cookie and signature hold")))
        .expect("the memory is free");
    assert_eq!(told(&mut accepting), [SessionEvent::Contract(TERMS)]);
    initiating.handle(NOW, &alice, bob_at, &mut sent(&mut accepting));
    assert_eq!(told(&mut initiating), [SessionEvent::Established, SessionEvent::Contract(TERMS)]);
    accepting.handle(NOW, &bob, alice_at, &mut sent(&mut initiating));
    assert_eq!(told(&mut accepting), [SessionEvent::Established]);
}
