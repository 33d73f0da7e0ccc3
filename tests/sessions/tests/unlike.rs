//! Two ends of unlike sizes, one frame against sixty-four, under one provider that remembers every nonce that it sealed.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashSet};
use std::net::SocketAddr;

use iacp_core::crypto::{BadSignature, BadTag, Provider, Secret32, Suite};
use iacp_core::identity::Identity;
use iacp_core::pss::{
    Admission, Capabilities, Closure, Congestion, ContentKind, Flight, Incoming, Model, NO_PROGRESS, Received, Replied,
    Responder, SendError, Session, SessionEvent, Settings, Signed, TRANSMIT_BUFFER, TeardownReason, Terms,
};
use iacp_wire::Eid;
use sessions::{ChaCha8Rng, Cheap, Mono, Rng, SeedableRng};

thread_local! {
    static SEALED: RefCell<HashSet<([u8; 32], [u8; 12])>> = RefCell::default();
}

/// [`Cheap`], with the difference that a nonce used twice under one key fails the test, also in frames that were never
/// sent.
#[derive(Clone, Copy, Debug)]
struct Recording;

type Key = <Cheap as Provider>::SigningKey;

impl Provider for Recording {
    type SigningKey = Key;
    type Cipher = ([u8; 32], <Cheap as Provider>::Cipher);

    iacp_core::provider_methods!(Cheap:
        signing_key, public_key, sign, equation, x25519_public, x25519, static_secret, static_public,
        verify_checked
    );

    fn has_prime_order(_: &[u8; 32]) -> bool {
        true
    }
    fn verify(public: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> Result<(), BadSignature> {
        Cheap::equation(public, message, signature)
    }
    fn cipher(suite: Suite, key: &Secret32) -> Self::Cipher {
        (*key.expose(), Cheap::cipher(suite, key))
    }
    fn seal((key, cipher): &Self::Cipher, nonce: &[u8; 12], aad: &[u8], buffer: &mut [u8]) -> [u8; 16] {
        assert!(SEALED.with_borrow_mut(|sealed| sealed.insert((*key, *nonce))), "a nonce seals twice");
        Cheap::seal(cipher, nonce, aad, buffer)
    }
    fn open(
        (_, cipher): &Self::Cipher,
        nonce: &[u8; 12],
        aad: &[u8],
        buffer: &mut [u8],
        tag: &[u8; 16],
    ) -> Result<(), BadTag> {
        Cheap::open(cipher, nonce, aad, buffer, tag)
    }
}

fn at(side: usize) -> SocketAddr {
    ([192, 0, 2, u8::try_from(side).expect("0 or 1")], 4227).into()
}

/// What the driver does with an end, whatever its size.
trait End {
    fn initiate(&mut self, now: Mono, peer: Eid);
    fn eid(&self) -> Eid;
    /// A datagram in; what the stateless responder answers.
    fn handle(&mut self, now: Mono, from: SocketAddr, bytes: Vec<u8>) -> Option<Vec<u8>>;
    fn expire(&mut self, now: Mono);
    fn transmit(&mut self, now: Mono, refused: bool) -> Vec<(SocketAddr, Vec<u8>)>;
    fn due(&self) -> Option<Mono>;
    fn work(&mut self, now: Mono);
    fn vex(&mut self, now: Mono, how: u64);
    fn app(&mut self) -> &mut App;
}

/// The application, which follows events and keeps what it gets.
#[derive(Default)]
struct App {
    to_send: Vec<Vec<u8>>,
    sent: usize,
    closes: bool,
    reads: bool,
    holds: bool,
    received: BTreeMap<u64, Vec<u8>>,
    events: Vec<SessionEvent>,
    /// The events say that sending is worth a try.
    may_send: bool,
    closure: Option<Closure>,
}

struct Of<C: Congestion, const LOG: usize, const FRAMES: usize> {
    side: usize,
    session: Box<Session<Recording, LOG, FRAMES, C>>,
    responder: Responder<8>,
    identity: Identity<Recording>,
    rng: ChaCha8Rng,
    app: App,
}

impl<C: Congestion + 'static, const LOG: usize, const FRAMES: usize> Of<C, LOG, FRAMES> {
    fn boxed(side: usize, seed: u64, window: u32, holds: bool) -> Box<dyn End> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed * 2 + side as u64);
        let terms = Terms { dgk_rotation: 0, lifetime: 0, receive_window: window };
        let responder = Responder::new(Settings { capabilities: Capabilities::NONE, terms }, Mono(0), &mut rng);
        let mut session = Box::new(Session::IDLE);
        session.hold(holds).expect("idle");
        let app = App { reads: true, holds, may_send: side == 1, ..App::default() };
        let identity = Identity::from_seed(&Secret32::random(&mut rng));
        Box::new(Self { side, session, responder, identity, rng, app })
    }

    fn hear(&mut self) {
        while let Some(event) = self.session.poll_event() {
            self.app.events.push(event);
            match event {
                SessionEvent::Established
                | SessionEvent::Reconciled
                | SessionEvent::Writable
                | SessionEvent::Contract(_) => self.app.may_send = true,
                SessionEvent::CloseRequested { .. } => self.app.closes = true,
                SessionEvent::Closed(closure) => self.app.closure = Some(closure),
                _ => {}
            }
        }
    }
}

impl<C: Congestion + 'static, const LOG: usize, const FRAMES: usize> End for Of<C, LOG, FRAMES> {
    fn initiate(&mut self, now: Mono, peer: Eid) {
        let to = at(1 - self.side);
        self.session.initiate(now, &self.identity, peer, to, Capabilities::NONE, &mut self.rng).expect("idle");
    }
    fn eid(&self) -> Eid {
        self.identity.eid()
    }
    fn handle(&mut self, now: Mono, from: SocketAddr, mut bytes: Vec<u8>) -> Option<Vec<u8>> {
        if self.side == 1
            && self.session.closure().is_none()
            && let Ok(Incoming::Signed(signed)) = Incoming::parse(&mut bytes)
        {
            let signed: Signed<'_> = signed;
            match signed.frame.message {
                iacp_wire::Message::PssInit(_) => {
                    let mut out = vec![0; TRANSMIT_BUFFER];
                    let admit = |_: &Eid| Admission::Admit;
                    let answer = self.responder.answer(now, &self.identity, from, &signed, admit, &mut out);
                    let Ok(Replied::Negotiate { length, .. }) = answer else { return None };
                    out.truncate(length);
                    return Some(out);
                }
                iacp_wire::Message::PssAck(_) => {
                    if let Ok(accepted) = self.responder.accept(now, &self.identity, from, &signed, &mut ()) {
                        // The initiator began anew: its older attempt came to nothing.
                        self.session.wipe();
                        self.session.hold(self.app.holds).expect("idle");
                        self.session.accept(now, &accepted).expect("idle");
                        (self.app.sent, self.app.may_send) = (0, true);
                        self.app.received.clear();
                        self.hear();
                        return None;
                    }
                }
                _ => {}
            }
        }
        if let Received::Data { sequence, content, .. } = self.session.handle(now, &self.identity, from, &mut bytes) {
            assert!(self.app.received.insert(sequence, content.to_vec()).is_none(), "delivered twice");
        }
        self.hear();
        None
    }
    fn expire(&mut self, now: Mono) {
        self.responder.handle_deadline(now, &mut self.rng);
        self.session.handle_deadline(now, &self.identity, &mut self.rng).expect("its own");
        self.hear();
    }
    fn transmit(&mut self, now: Mono, refused: bool) -> Vec<(SocketAddr, Vec<u8>)> {
        let mut out = [0; TRANSMIT_BUFFER];
        let mut all = Vec::new();
        while let Some(transmit) = self.session.poll_transmit(now, &mut out).expect("long enough") {
            if refused && self.rng.next_u32().is_multiple_of(3) {
                self.session.not_sent(now);
                break;
            }
            all.push((transmit.to, transmit.bytes.to_vec()));
            assert!(all.len() < 2_000, "it never rests");
        }
        all
    }
    fn due(&self) -> Option<Mono> {
        self.session.next_deadline().map(|(at, _)| at)
    }
    fn work(&mut self, now: Mono) {
        let App { to_send, sent, may_send, reads, holds, closes, .. } = &mut self.app;
        if *holds && *reads {
            let _ = self.session.consumed(now, self.session.expected());
        }
        while *may_send && *sent < to_send.len() {
            match self.session.send(now, ContentKind::Anml, &to_send[*sent]) {
                Ok(_) => *sent += 1,
                // From here on the events alone say when it is worth another try.
                Err(SendError::Full | SendError::NotNow) => *may_send = false,
                Err(error) => panic!("{error}"),
            }
        }
        if *closes && *sent == to_send.len() && self.session.close(now, TeardownReason::TaskComplete).is_ok() {
            *closes = false;
        }
        self.hear();
    }
    fn vex(&mut self, now: Mono, how: u64) {
        let to = at(1 - self.side);
        match how {
            0 => self.session.transport_lost(now),
            1 => drop(self.session.reconnect(now, to)),
            2 => drop(self.session.renew_key()),
            3 => drop(self.session.claim(now, ([203, 0, 113, 9], 9).into())),
            4 if self.session.rewind(now).is_ok() => {
                let kept = self.session.expected();
                self.app.received.retain(|sequence, _| *sequence < kept);
            }
            _ => {}
        }
        self.hear();
    }
    fn app(&mut self) -> &mut App {
        &mut self.app
    }
}

/// Two ends and a bad network.
struct Duo {
    now: Mono,
    ends: [Box<dyn End>; 2],
    under_way: BTreeMap<(Mono, u64), (usize, SocketAddr, Vec<u8>)>,
    count: u64,
    rng: ChaCha8Rng,
    loss: u32,
    jitter: u64,
    refuses: bool,
}

impl Duo {
    fn new(seed: u64, ends: [Box<dyn End>; 2]) -> Self {
        let rng = ChaCha8Rng::seed_from_u64(seed ^ 0xD0);
        let under_way = BTreeMap::new();
        let mut duo = Self { now: Mono(1_000), ends, under_way, count: 0, rng, loss: 0, jitter: 0, refuses: false };
        let peer = duo.ends[1].eid();
        duo.ends[0].initiate(Mono(1_000), peer);
        duo
    }

    fn send(&mut self, to: SocketAddr, from: usize, bytes: Vec<u8>) {
        let Some(side) = (0..2).find(|side| at(*side) == to) else { return };
        if self.rng.next_u32() % 1_000 < self.loss {
            return;
        }
        self.count += 1;
        let arrives = self.now.after(10 + self.rng.next_u64() % (self.jitter + 1));
        self.under_way.insert((arrives, self.count), (side, at(from), bytes));
    }

    /// Runs to `until`; fails if time stands still.
    fn run(&mut self, until: Mono) {
        let (mut stands, mut before) = (0, self.now);
        loop {
            for side in 0..2 {
                self.ends[side].expire(self.now);
                self.ends[side].work(self.now);
                for (to, bytes) in self.ends[side].transmit(self.now, self.refuses) {
                    self.send(to, side, bytes);
                }
            }
            let arrives = self.under_way.keys().next().map(|(at, _)| *at);
            let next = self.ends.iter().filter_map(|end| end.due()).chain(arrives).min();
            let Some(next) = next.filter(|next| *next <= until) else {
                self.now = until;
                return;
            };
            self.now = self.now.max(next);
            stands = if self.now == before { stands + 1 } else { 0 };
            before = self.now;
            assert!(
                stands < 1_000,
                "time stands still at {:?}: {:?}",
                self.now,
                self.ends.each_ref().map(|end| end.due())
            );
            while let Some(entry) = self.under_way.first_entry().filter(|entry| entry.key().0 <= self.now) {
                let (side, from, bytes) = entry.remove();
                if let Some(answer) = self.ends[side].handle(self.now, from, bytes) {
                    self.send(from, side, answer);
                }
            }
        }
    }
}

/// Sizes: the frames and the log of each end, from the smallest that there are.
fn ends(which: u64, seed: u64, window: u32, holds: [bool; 2]) -> [Box<dyn End>; 2] {
    let one = match which % 5 {
        0 => Of::<Flight, 128, 1>::boxed(0, seed, window, holds[0]),
        1 => Of::<Flight, 200, 2>::boxed(0, seed, window, holds[0]),
        2 => Of::<Model, 16_384, 64>::boxed(0, seed, window, holds[0]),
        3 => Of::<Model, 300, 64>::boxed(0, seed, window, holds[0]),
        _ => Of::<Flight, 2_048, 4>::boxed(0, seed, window, holds[0]),
    };
    let other = match which / 5 % 5 {
        0 => Of::<Model, 128, 1>::boxed(1, seed, window, holds[1]),
        1 => Of::<Model, 200, 2>::boxed(1, seed, window, holds[1]),
        2 => Of::<Flight, 16_384, 64>::boxed(1, seed, window, holds[1]),
        3 => Of::<Flight, 300, 64>::boxed(1, seed, window, holds[1]),
        _ => Of::<Model, 2_048, 4>::boxed(1, seed, window, holds[1]),
    };
    [one, other]
}

fn chunks(rng: &mut ChaCha8Rng, most: u32) -> Vec<Vec<u8>> {
    (0..rng.next_u32() % most).map(|n| n.to_be_bytes().repeat(1 + (n % 8) as usize)).collect()
}

fn assert_done(duo: &mut Duo, what: &str) {
    let sent = duo.ends.each_mut().map(|end| end.app().to_send.clone());
    for side in 0..2 {
        let app = duo.ends[side].app();
        assert_eq!(app.closure, Some(Closure::Graceful), "{what}, side {side}: {:?}", app.events);
        assert_eq!(app.sent, app.to_send.len(), "{what}, side {side}");
        let received: Vec<_> = app.received.values().cloned().collect();
        assert!(received == sent[1 - side], "{what}, side {side}: {} of {}", received.len(), sent[1 - side].len());
    }
}

/// Whatever the sizes, all arrives, once; no nonce seals twice; and an application that tries only when an event says so
/// is never forgotten.
#[test]
fn ends_of_unlike_sizes_carry_everything_through_bad_networks() {
    let mut came_to_nothing = 0;
    for seed in 0..150 {
        SEALED.with_borrow_mut(HashSet::clear);
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let (window, holds) = (1 + rng.next_u32() % 70, [rng.next_u32() % 3 == 0, rng.next_u32() % 3 == 0]);
        let mut duo = Duo::new(seed, ends(seed, seed, window, holds));
        for end in &mut duo.ends {
            end.app().to_send = chunks(&mut rng, 60);
        }
        (duo.loss, duo.jitter, duo.refuses) = (rng.next_u32() % 300, rng.next_u64() % 200, rng.next_u32() % 2 == 0);
        for _ in 0..rng.next_u32() % 12 {
            let until = duo.now.after(rng.next_u64() % 3_000);
            duo.run(until);
            let side = (rng.next_u32() % 2) as usize;
            duo.ends[side].vex(until, rng.next_u64() % 6);
        }
        let now = duo.now;
        duo.ends.iter_mut().for_each(|end| end.vex(now, 1));
        (duo.loss, duo.refuses) = (duo.loss / 4, false);
        // A handshake that failed while the network was bad is not examined here.
        duo.run(now.after(30_000));
        if duo.ends[0].app().closure.is_some() {
            came_to_nothing += 1;
            continue;
        }
        duo.ends[(seed % 2) as usize].app().closes = true;
        duo.run(now.after(900_000));
        let what = format!("seed {seed}, window {window}, holds {holds:?}, loss {}", duo.loss);
        assert_done(&mut duo, &what);
    }
    assert!(came_to_nothing < 15, "it would prove little: {came_to_nothing}");
}

/// A peer that holds has less room than the window allows: it discards what it cannot keep. That it does not read for
/// minutes ends nothing.
#[test]
fn a_small_peer_that_does_not_read_for_minutes_is_not_given_up() {
    for (seed, which) in [(1, 2), (2, 12), (3, 22), (4, 7), (5, 14)] {
        SEALED.with_borrow_mut(HashSet::clear);
        let mut duo = Duo::new(seed, ends(which, seed, 64, [false, true]));
        duo.ends[0].app().to_send = (0..40_u8).map(|n| vec![n; 20]).collect();
        duo.ends[1].app().reads = false;
        let until = duo.now.after(5 * NO_PROGRESS);
        duo.run(until);
        assert_eq!(duo.ends[0].app().closure, None, "sizes {which}: it is only slow");
        duo.ends[1].app().reads = true;
        duo.ends[0].app().closes = true;
        duo.run(until.after(600_000));
        assert_done(&mut duo, &format!("sizes {which}"));
    }
}

/// Clocks that stand at the end of all time: whatever is due comes to an end there, and nothing spins.
#[test]
fn at_the_end_of_all_time_nothing_spins() {
    for before in [0, 1, 250, 5_000, 44_999, 45_000, 3_700_000] {
        SEALED.with_borrow_mut(HashSet::clear);
        let mut duo = Duo::new(9, ends(before, 9, 8, [false, false]));
        duo.ends[0].app().to_send = vec![vec![1; 8]; 6];
        duo.run(Mono(5_000));
        // Both clocks leap.
        duo.under_way.clear();
        duo.now = Mono(u64::MAX - before);
        duo.run(Mono(u64::MAX));
        for end in &mut duo.ends {
            end.expire(Mono(u64::MAX));
            assert!(end.app().closure.is_some(), "{before} before the end");
            assert!(end.transmit(Mono(u64::MAX), false).len() < 10);
        }
    }
}
