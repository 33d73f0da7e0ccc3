//! Cookies, their secrets, and the memory that a flood does not touch (`IACP §4.2.4.1`, `IACP §6.4.3`).

use iacp_core::pss::{Admission, Discard, Incoming, NotAnswered, Replied, Responder, TRANSMIT_BUFFER};
use iacp_core::time::Mono;
use sessions::{Forger, Host, Plan, Side, addr};

const FROM: Side = Side::Alice;

struct Door<const N: usize> {
    bob: Host,
    responder: Responder<N>,
}

impl<const N: usize> Door<N> {
    fn new() -> Self {
        let mut bob = Host::new(Side::Bob, 1);
        let responder = Responder::new(Plan::default().settings, Mono(0), &mut bob.rng);
        Self { bob, responder }
    }

    fn eid(&self) -> [u8; 32] {
        self.bob.identity.eid().0
    }

    fn answer(&self, now: u64, init: &[u8]) -> Result<Vec<u8>, Discard> {
        let mut out = [0; TRANSMIT_BUFFER];
        let admit = |_: &_| Admission::Admit;
        let mut bytes = init.to_vec();
        let Incoming::Signed(signed) = Incoming::parse(&mut bytes)? else { panic!("PSS_INIT is signed") };
        match self.responder.answer(Mono(now), &self.bob.identity, addr(FROM), &signed, admit, &mut out) {
            Ok(Replied::Negotiate { length, .. }) => Ok(out[..length].to_vec()),
            Ok(Replied::DemandWork { .. }) => panic!("admitted"),
            Err(NotAnswered::Discard(discard)) => Err(discard),
            Err(NotAnswered::TooSmall(small)) => panic!("{small}"),
        }
    }

    fn accept(&mut self, now: u64, from: std::net::SocketAddr, ack: &[u8]) -> Result<(), Discard> {
        let mut bytes = ack.to_vec();
        match Incoming::parse(&mut bytes)? {
            Incoming::Signed(signed) => {
                self.responder.accept(Mono(now), &self.bob.identity, from, &signed, &mut ()).map(|_| ())
            }
            Incoming::Sealed(_) => Err(Discard::NotForSession),
        }
    }

    fn rotate(&mut self, now: u64) {
        self.responder.handle_deadline(Mono(now), &mut self.bob.rng);
    }

    /// A PSS_ACK that is in order, whose cookie was issued at `now`.
    fn ack(&self, now: u64, forger: &mut Forger) -> Vec<u8> {
        let neg = self.answer(now, &forger.init(&self.eid())).expect("an answer");
        forger.ack(&self.eid(), &neg, 0)
    }
}

fn forger(n: u8) -> Forger {
    Forger { i_cookie: [n, 9, 9, 9, 9, 9, 9, 9], ..Forger::new(40) }
}

#[test]
fn a_cookie_makes_one_session_ever() {
    // shows: IACP-083 (§4.2.4.1)
    let mut door = Door::<8>::new();
    let ack = door.ack(0, &mut forger(1));
    assert_eq!(door.accept(1, addr(FROM), &ack), Ok(()));
    // At once, when the session is long over, across rotations, and when both secrets are gone.
    for now in [2, 60_000, 119_999, 120_000, 200_000, 239_999, 240_000, 300_000, 1_000_000] {
        door.rotate(now);
        let again = door.accept(now, addr(FROM), &ack);
        assert!(matches!(again, Err(Discard::CookieUsed | Discard::Cookie)), "at {now}: {again:?}");
    }
}

#[test]
fn a_second_acknowledgement_of_the_same_cookie_is_no_second_session() {
    // A malicious initiator signs twice, with other bits.
    let mut door = Door::<8>::new();
    let mut forger = Forger { capabilities: 1, ..forger(1) };
    let eid = door.eid();
    let neg = door.answer(0, &forger.init(&eid)).expect("an answer");
    let (plain, accepting) = (forger.ack(&eid, &neg, 0), forger.ack(&eid, &neg, 4));
    assert_ne!(plain, accepting);
    assert_eq!(door.accept(1, addr(FROM), &plain), Ok(()));
    assert_eq!(door.accept(2, addr(FROM), &accepting), Err(Discard::CookieUsed));
}

#[test]
fn a_secret_issues_for_120_s_and_verifies_for_120_s_more() {
    let mut door = Door::<8>::new();
    let (early, late) = (door.ack(0, &mut forger(1)), door.ack(119_999, &mut forger(2)));
    assert_eq!(door.answer(120_000, &forger(3).init(&door.eid())), Err(Discard::CookieExpired), "before rotation");
    door.rotate(120_000);
    assert!(door.answer(120_000, &forger(3).init(&door.eid())).is_ok());
    assert_eq!(door.accept(239_999, addr(FROM), &early), Ok(()), "until the secret is 240 s old");
    door.rotate(240_000);
    assert_eq!(door.accept(240_000, addr(FROM), &late), Err(Discard::Cookie));
    // Verification is by time, whether or not rotation was called.
    let mut door = Door::<8>::new();
    let ack = door.ack(0, &mut forger(1));
    assert_eq!(door.accept(240_000, addr(FROM), &ack), Err(Discard::Cookie));
}

#[test]
fn a_full_set_refuses_new_sessions_until_the_next_secret_which_is_due_at_once() {
    let mut door = Door::<4>::new();
    let mut acks: Vec<_> = (0..6).map(|n| door.ack(0, &mut forger(n))).collect();
    let (fifth, sixth) = (acks.pop().expect("six"), acks.pop().expect("six"));
    for ack in &acks {
        assert_eq!(door.accept(1, addr(FROM), ack), Ok(()));
    }
    assert_eq!(door.accept(1, addr(FROM), &fifth), Err(Discard::Capacity));
    assert_eq!(
        door.answer(1, &forger(9).init(&door.eid())),
        Err(Discard::Capacity),
        "no cookie that could not be used"
    );
    for ack in &acks {
        assert_eq!(door.accept(2, addr(FROM), ack), Err(Discard::CookieUsed), "and forgets none");
    }
    assert!(door.responder.next_deadline() <= Mono(2), "at once");
    door.rotate(2);
    assert_eq!(door.accept(3, addr(FROM), &sixth), Err(Discard::Capacity), "the old set is still full");
    assert_eq!(door.accept(3, addr(FROM), &acks[0]), Err(Discard::CookieUsed), "and still forgets none");
    let ack = door.ack(3, &mut forger(7));
    assert_eq!(door.accept(4, addr(FROM), &ack), Ok(()));
}

#[test]
fn a_cookie_is_bound_to_everything_that_it_was_issued_for() {
    // shows: IACP-085 (§4.2.4.1), IACP-086 (§4.2.4.1)
    let mut door = Door::<8>::new();
    let eid = door.eid();
    let mut honest = forger(1);
    let neg = door.answer(0, &honest.init(&eid)).expect("an answer");
    let ack = honest.ack(&eid, &neg, 0);
    assert_eq!(door.accept(1, addr(Side::Bob), &ack), Err(Discard::Cookie), "another locator");
    let mut port = addr(FROM);
    port.set_port(1);
    assert_eq!(door.accept(1, port, &ack), Err(Discard::Cookie), "another port");
    let mut thieves = [
        Forger { i_cookie: [3; 8], ..forger(1) },
        Forger { initial_sequence: 7, ..forger(1) },
        Forger { i_cookie: forger(1).i_cookie, ..Forger::new(41) },
    ];
    for thief in &mut thieves {
        let stolen = thief.ack(&eid, &neg, 0);
        assert_eq!(door.accept(1, addr(FROM), &stolen), Err(Discard::Cookie));
    }
    let more = honest.ack(&eid, &neg, 2);
    assert_eq!(door.accept(1, addr(FROM), &more), Err(Discard::Cookie), "capabilities that were not agreed");
    let mut zero = ack.clone();
    zero[4..12].fill(0);
    assert_eq!(door.accept(1, addr(FROM), &zero), Err(Discard::Cookie));
    for bit in 0..ack.len() * 8 {
        let mut flipped = ack.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert!(door.accept(1, addr(FROM), &flipped).is_err(), "bit {bit}");
    }
    assert_eq!(door.accept(1, addr(FROM), &ack), Ok(()), "and none of them spent the cookie");
}

#[test]
fn a_flood_leaves_the_responder_as_it_was() {
    // shows: IACP-083 (§4.2.4.1), IACP-024 (§3.6.2)
    // `answer` takes `&self` and the responder has no interior mutability, so no byte of it can change; the same
    // PSS_INIT gets the same bytes after any flood, which shows that nothing was kept elsewhere.
    let mut door = Door::<4>::new();
    let reference = forger(1).init(&door.eid());
    let before = door.answer(5, &reference).expect("an answer");
    for n in 0..200 {
        let flood = Forger { i_cookie: [n, 1, 1, 1, 1, 1, 1, 1], ..Forger::new(50) };
        assert!(door.answer(5, &flood.init(&door.eid())).is_ok());
        let mut forged = door.ack(5, &mut forger(n));
        *forged.last_mut().expect("a byte") ^= 1;
        assert!(door.accept(5, addr(FROM), &forged).is_err());
    }
    assert_eq!(door.answer(5, &reference).expect("an answer"), before);
    for n in 0..4 {
        let ack = door.ack(5, &mut forger(n));
        assert_eq!(door.accept(6, addr(FROM), &ack), Ok(()), "the set has all its places");
    }
}

#[test]
fn an_answer_is_no_longer_than_the_question() {
    let door = Door::<8>::new();
    let init = forger(1).init(&door.eid());
    assert!(door.answer(0, &init).expect("an answer").len() <= init.len(), "no amplification");
}

#[test]
fn a_restored_or_cloned_host_renews_its_secrets() {
    let mut door = Door::<8>::new();
    let ack = door.ack(0, &mut forger(1));
    door.responder.renew(Mono(1), &mut door.bob.rng);
    assert_eq!(door.accept(2, addr(FROM), &ack), Err(Discard::Cookie), "the copy's cookies are worth nothing here");
}
