//! Two ends, their responders, and the network between them, driven by a list of operations.
//!
//! An input is four bytes of settings and then four bytes for each operation: any bytes are a run, a change of one byte is a
//! change of one operation, and a finding prints as what happened. This is the one file of the crate that drives the API of
//! a session.

mod op;

pub use op::Op;

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;

use iacp_core::crypto::{Provider, Secret32};
use iacp_core::identity::Identity;
use iacp_core::pss::{
    Admission, Capabilities, Closure, ContentKind, Incoming, Received, RejectionReasons, Replied, Responder, Session,
    SessionEvent, Settings, TRANSMIT_BUFFER, TeardownReason, Terms,
};
use iacp_core::time::Mono;
use iacp_wire::{Cookie, Eid, Message};
use rand_chacha::ChaCha8Rng;
use rand_core::SeedableRng;

/// Small, so that it fills up.
type S<P> = Session<P, 2048, 8>;

/// Which of the two ends: 0 opens the first session.
type Side = usize;

/// The most datagrams under way; any further ones are lost.
const WIRE: usize = 64;

/// What a run has seen: for the test that seeds lead where they are meant to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Sessions that PSS_ACKs have made.
    pub accepted: u32,
    /// Frames of content delivered.
    pub delivered: u32,
    /// Datagrams discarded.
    pub discarded: u32,
    /// Proposals put to an application.
    pub proposed: u32,
    /// Contracts that became effective.
    pub contracts: u32,
    /// Reconciliations begun.
    pub reconciled: u32,
    /// How sessions ended.
    pub closures: Vec<Closure>,
}

/// A session of either side's: its cookies and the EID of the side that sent.
type Stream = (Cookie, Cookie, Eid);

struct End<P: Provider> {
    at: SocketAddr,
    identity: Identity<P>,
    responder: Responder<8>,
    session: Option<Box<S<P>>>,
    rng: ChaCha8Rng,
}

struct Datagram {
    to: Side,
    from: SocketAddr,
    bytes: Vec<u8>,
    /// The bytes as sent, if they were changed since.
    original: Vec<u8>,
}

struct World<P: Provider> {
    now: Mono,
    ends: [End<P>; 2],
    offer: Capabilities,
    wire: VecDeque<Datagram>,
    sent: BTreeMap<(Stream, u64), (ContentKind, Vec<u8>)>,
    received: BTreeMap<(Stream, u64), (ContentKind, Vec<u8>)>,
    report: Report,
}

/// Runs an input. Panics if something does not hold; with [`Keyed`](crate::provider::Keyed) both ends are honest, and more
/// has to hold than otherwise.
pub fn run<P: Provider + Honest>(input: &[u8]) -> Report {
    let Some((settings, ops)) = input.split_first_chunk::<4>() else { return Report::default() };
    let mut world = World::<P>::new(*settings);
    for op in ops.as_chunks::<4>().0.iter().take(256) {
        world.step(Op::read(*op));
    }
    world.come_to_rest();
    world.report
}

/// Whether what verifies was sent by an honest end.
pub trait Honest {
    /// It was.
    const HONEST: bool;
}

impl<const TRUSTS: bool> Honest for crate::provider::Cheap<TRUSTS> {
    const HONEST: bool = !TRUSTS;
}

impl<P: Provider + Honest> World<P> {
    fn new([capabilities, window, lifetime, _]: [u8; 4]) -> Self {
        let offer = Capabilities::from_bits(u32::from(capabilities & 3));
        let terms =
            Terms { dgk_rotation: 0, lifetime: u32::from(lifetime) * 60, receive_window: u32::from(window % 16) + 1 };
        let end = |side: u8| {
            let mut rng = ChaCha8Rng::seed_from_u64(side.into());
            let identity = Identity::from_seed(&Secret32::random(&mut rng));
            let settings = Settings { capabilities: Capabilities::from_bits(u32::from(capabilities >> 2 & 3)), terms };
            let responder = Responder::new(settings, Mono(0), &mut rng);
            End { at: ([192, 0, 2, side], 4227).into(), identity, responder, session: None, rng }
        };
        let (sent, received) = (BTreeMap::new(), BTreeMap::new());
        let ends = [end(1), end(2)];
        let mut world =
            Self { now: Mono(0), ends, offer, wire: VecDeque::new(), sent, received, report: Report::default() };
        world.initiate(0);
        world.transmit();
        world
    }

    fn initiate(&mut self, side: Side) {
        let peer = &self.ends[1 - side];
        let (eid, at) = (peer.identity.eid(), peer.at);
        let End { identity, session, rng, .. } = &mut self.ends[side];
        let session = session.get_or_insert_with(|| Box::new(S::IDLE));
        // Memory with a session that lives is refused, and stays as it is.
        let _ = session.initiate(self.now, identity, eid, at, self.offer, rng);
    }

    fn step(&mut self, op: Op) {
        let now = self.now;
        let side = |byte: u8| usize::from(byte % 2);
        let wire = |byte: u8| usize::from(byte).checked_rem(self.wire.len());
        match op {
            Op::Wait(some, power) => self.wait(u64::from(some) << (power % 20)),
            Op::Deliver(which) => {
                if let Some(datagram) = wire(which).and_then(|place| self.wire.remove(place)) {
                    self.deliver(datagram);
                }
            }
            Op::Settle => self.settle(),
            Op::Copy(which) => {
                if let Some(Datagram { to, from, bytes, original }) = wire(which).map(|place| &self.wire[place]) {
                    let copy = Datagram { to: *to, from: *from, bytes: bytes.clone(), original: original.clone() };
                    self.push(copy);
                }
            }
            Op::Lose(which) => drop(wire(which).and_then(|place| self.wire.remove(place))),
            Op::Change(which, at, bits) => {
                if let Some(datagram) = wire(which).map(|place| &mut self.wire[place])
                    && let Some(at) = usize::from(at).checked_rem(datagram.bytes.len())
                {
                    datagram.bytes[at] ^= bits;
                }
            }
            Op::Cut(which, by) => {
                if let Some(datagram) = wire(which).map(|place| &mut self.wire[place]) {
                    datagram.bytes.truncate(datagram.bytes.len().saturating_sub(by.into()));
                }
            }
            Op::Move(who) => {
                let at = &mut self.ends[side(who)].at;
                at.set_port(at.port() % 60_000 + 1);
            }
            Op::Initiate(who) => self.initiate(side(who)),
            Op::Renew(who) => {
                let End { responder, rng, .. } = &mut self.ends[side(who)];
                responder.renew(now, rng);
            }
            Op::Send(who, kind, length) => self.send(side(who), kind, length),
            Op::Finish(who) => {
                if let Some((stream, Ok(sequence))) = self.ask(side(who), |session, _| session.finish(now)) {
                    self.sent.insert((stream, sequence), (ContentKind::Anml, Vec::new()));
                }
            }
            Op::Close(who) => {
                self.ask(side(who), |session, _| session.close(now, TeardownReason::TaskComplete).is_ok());
            }
            Op::Abort(who, reason) => {
                let reasons = [TeardownReason::None, TeardownReason::Capacity, TeardownReason::ShuttingDown];
                let reason = reasons[usize::from(reason) % reasons.len()];
                self.ask(side(who), |session, identity| session.abort(now, identity, reason).is_ok());
            }
            Op::Lost(who) => {
                self.ask(side(who), |session, _| session.transport_lost(now));
            }
            Op::Reconnect(who) => {
                let to = self.ends[1 - side(who)].at;
                self.ask(side(who), |session, _| session.reconnect(now, to).is_ok());
            }
            Op::RenewKey(who) => {
                self.ask(side(who), |session, _| session.renew_key().is_ok());
            }
            Op::Claim(who) => {
                let at = self.ends[1 - side(who)].at;
                self.ask(side(who), |session, _| session.claim(now, at));
            }
            Op::NotSent(who) => {
                self.ask(side(who), |session, _| session.not_sent(now));
            }
            Op::Accept(who) => {
                self.ask(side(who), |session, identity| session.accept_terms(now, identity).is_ok());
            }
            Op::Counter(who, window) => {
                let terms = Terms { dgk_rotation: 0, lifetime: 0, receive_window: u32::from(window) };
                let reasons = RejectionReasons::OTHER;
                self.ask(side(who), |session, identity| session.counter_terms(now, identity, terms, reasons).is_ok());
            }
        }
        self.hear();
        self.transmit();
    }

    /// Takes all events of the sessions.
    fn hear(&mut self) {
        for side in 0..2 {
            while let Some(event) = self.ends[side].session.as_mut().and_then(|session| session.poll_event()) {
                match event {
                    SessionEvent::Proposed { .. } => self.report.proposed += 1,
                    SessionEvent::Contract(_) => self.report.contracts += 1,
                    SessionEvent::Reconciling => self.report.reconciled += 1,
                    SessionEvent::Closed(closure) => self.closed(closure),
                    _ => {}
                }
            }
        }
    }

    /// Calls a side's session, if it has one; the stream is the one that the side sends in it.
    fn ask<R>(&mut self, side: Side, what: impl FnOnce(&mut S<P>, &Identity<P>) -> R) -> Option<(Stream, R)> {
        let End { identity, session, .. } = &mut self.ends[side];
        let session = session.as_mut()?;
        let (initiator, responder) = session.cookies();
        Some(((initiator, responder, identity.eid()), what(session, identity)))
    }

    fn send(&mut self, side: Side, kind: u8, length: u8) {
        let Some(kind) = ContentKind::from_code(kind % 6) else { return };
        let content: Vec<u8> = (0..length).map(|n| n ^ kind.code()).collect();
        let now = self.now;
        if let Some((stream, Ok(sequence))) = self.ask(side, |session, _| session.send(now, kind, &content)) {
            let before = self.sent.insert((stream, sequence), (kind, content));
            assert_eq!(before, None, "no sequence number is sealed twice");
        }
    }

    fn closed(&mut self, closure: Closure) {
        if P::HONEST {
            let accused = matches!(closure, Closure::Compromised(_) | Closure::Contradiction);
            assert!(!accused, "an honest end is accused: {closure:?}");
        }
        self.report.closures.push(closure);
    }

    fn push(&mut self, datagram: Datagram) {
        self.wire.push_back(datagram);
        if self.wire.len() > WIRE {
            self.wire.pop_front();
        }
    }

    /// Everything that the ends have to send goes on the wire.
    fn transmit(&mut self) {
        for side in 0..2 {
            let mut out = [0; TRANSMIT_BUFFER];
            let mut sent = 0;
            loop {
                let End { at, session, .. } = &mut self.ends[side];
                let Some(session) = session else { break };
                let transmit = session.poll_transmit(self.now, &mut out).expect("the buffer is long enough");
                let Some(transmit) = transmit else { break };
                let datagram = Datagram {
                    to: 1 - side,
                    from: *at,
                    bytes: transmit.bytes.to_vec(),
                    original: transmit.bytes.to_vec(),
                };
                // What goes to an address that the peer has left is lost.
                if transmit.to == self.ends[1 - side].at {
                    self.push(datagram);
                }
                sent += 1;
                assert!(sent < 200, "a session that always has something to send never sleeps");
            }
        }
    }

    fn deliver(&mut self, Datagram { to, from, mut bytes, original }: Datagram) {
        let changed = bytes != original;
        let Ok(incoming) = Incoming::parse(&mut bytes) else {
            self.report.discarded += 1;
            return;
        };
        let Some(incoming) = self.handshake(to, from, incoming, changed) else { return };
        let End { identity, session, .. } = &mut self.ends[to];
        let Some(session) = session else { return };
        let (initiator, responder) = session.cookies();
        let stream = (initiator, responder, session.peer());
        let received = session.take(self.now, identity, from, incoming);
        if P::HONEST && changed {
            assert!(matches!(received, Received::Discarded(_)), "a changed frame has an effect: {received:?}");
        }
        match received {
            Received::Data { sequence, kind, content } => {
                self.report.delivered += 1;
                let given = (kind, content.to_vec());
                if P::HONEST {
                    assert_eq!(self.sent.get(&(stream, sequence)), Some(&given), "what is delivered was sent");
                }
                let before = self.received.insert((stream, sequence), given);
                assert_eq!(before, None, "number {sequence} is delivered twice");
            }
            Received::Discarded(_) => self.report.discarded += 1,
            Received::Taken => {}
        }
        self.hear();
    }

    /// What belongs to the responder; the frame comes back if it is the session's.
    fn handshake<'d>(
        &mut self,
        to: Side,
        from: SocketAddr,
        incoming: Incoming<'d>,
        changed: bool,
    ) -> Option<Incoming<'d>> {
        let End { identity, responder, session, .. } = &mut self.ends[to];
        let Incoming::Signed(signed) = &incoming else { return Some(incoming) };
        match signed.frame.message {
            Message::PssInit(_) => {
                let mut out = [0; TRANSMIT_BUFFER];
                let admit = |_: &Eid| Admission::Admit;
                let answer = responder.answer(self.now, identity, from, signed, admit, &mut out);
                assert!(!(P::HONEST && changed && answer.is_ok()), "a changed PSS_INIT is answered");
                if let Ok(Replied::Negotiate { length, .. }) = answer {
                    let (bytes, at) = (out[..length].to_vec(), self.ends[to].at);
                    if from == self.ends[1 - to].at {
                        self.push(Datagram { to: 1 - to, from: at, original: bytes.clone(), bytes });
                    }
                }
                None
            }
            Message::PssAck(_) if session.as_ref().map(|s| s.cookies()) != incoming.cookies() => {
                if let Ok(accepted) = responder.accept(self.now, identity, from, signed, &mut ()) {
                    assert!(!(P::HONEST && changed), "a changed PSS_ACK is accepted");
                    self.report.accepted += 1;
                    let session = session.get_or_insert_with(|| Box::new(S::IDLE));
                    let _ = session.accept(self.now, &accepted);
                }
                None
            }
            _ => Some(incoming),
        }
    }

    /// The soonest deadline of all.
    fn next_deadline(&self) -> Option<Mono> {
        let deadline = |end: &End<P>| end.session.as_ref()?.next_deadline().map(|(at, _)| at);
        self.ends.iter().filter_map(deadline).min()
    }

    /// What is due by now is done, and then nothing is due by now.
    fn handle_deadlines(&mut self) {
        let now = self.now;
        for side in 0..2 {
            let End { identity, responder, session, rng, .. } = &mut self.ends[side];
            responder.handle_deadline(now, rng);
            if let Some(session) = session {
                session.handle_deadline(now, identity, rng).expect("its own identity");
            }
        }
        self.hear();
        self.transmit();
    }

    fn wait(&mut self, milliseconds: u64) {
        let until = self.now.after(milliseconds);
        // The host sleeps through everything that is due: this is allowed, and the harder case.
        self.now = until;
        let mut rounds = 0;
        while self.next_deadline().is_some_and(|due| due <= until) {
            self.handle_deadlines();
            rounds += 1;
            assert!(rounds < 64, "a deadline that is always due: {:?}", self.deadlines());
        }
    }

    fn deadlines(&self) -> Vec<String> {
        self.ends.iter().flat_map(|end| &end.session).map(|session| format!("{:?}", session.next_deadline())).collect()
    }

    fn settle(&mut self) {
        for _ in 0..128 {
            if let Some(datagram) = self.wire.pop_front() {
                self.deliver(datagram);
                self.transmit();
                continue;
            }
            match self.next_deadline() {
                // What waits a moment to be sent with something else.
                Some(due) if due <= self.now.after(50) => self.wait(due.since(self.now).max(1)),
                _ => return,
            }
        }
    }

    /// Nothing arrives any more: within a day every session has ended and has no deadline, and until then it has woken
    /// its host only rarely.
    fn come_to_rest(&mut self) {
        self.wire.clear();
        let end = self.now.after(24 * 3_600_000);
        let mut steps = 0;
        while let Some(due) = self.next_deadline() {
            assert!(due <= end, "something is due in more than a day: {:?}", self.deadlines());
            self.wait(due.since(self.now));
            steps += 1;
            assert!(steps < 5_000, "a session without its peer does not come to rest: {:?}", self.deadlines());
        }
        for session in self.ends.iter().flat_map(|end| &end.session) {
            assert!(session.is_over(), "nothing is due, and the session lives");
        }
    }
}

/// Runs that lead everywhere: from here a fuzzer finds the rest.
pub(crate) fn seeds() -> Vec<(String, Vec<u8>)> {
    use Op::{
        Abort, Accept, Change, Claim, Close, Copy, Counter, Cut, Deliver, Finish, Initiate, Lose, Lost, Move, NotSent,
        Reconnect, Renew, RenewKey, Send, Settle, Wait,
    };
    const PLAIN: [u8; 4] = [0b1111_1010, 7, 0, 0];
    const CONTRACT: [u8; 4] = [0b1111_1111, 7, 0, 0];
    const MORTAL: [u8; 4] = [0, 3, 1, 0];
    let seeds: [(&str, [u8; 4], &[Op]); 18] = [
        ("silence", PLAIN, &[]),
        ("handshake", PLAIN, &[Deliver(0), Deliver(0), Deliver(0), Deliver(0), Settle]),
        ("graceful", PLAIN, &[Settle, Send(0, 0, 20), Send(1, 1, 9), Settle, Close(0), Settle, Close(1), Settle]),
        ("finish", PLAIN, &[Settle, Send(0, 0, 20), Finish(0), Settle, Send(1, 0, 200), Finish(1), Settle]),
        (
            "reordered",
            PLAIN,
            &[Settle, Send(0, 0, 1), Send(0, 0, 2), Send(0, 2, 3), Deliver(2), Deliver(0), Copy(0), Deliver(0), Settle],
        ),
        ("lost", PLAIN, &[Settle, Send(0, 0, 50), Send(0, 0, 51), Lose(0), Settle, Wait(250, 1), Settle, Wait(200, 4)]),
        ("full", PLAIN, &[Settle, Send(0, 0, 255), Send(0, 0, 255), Send(0, 0, 255), Send(0, 0, 255), Send(0, 0, 255)]),
        (
            "reconnected",
            PLAIN,
            &[Settle, Send(0, 0, 9), Lost(0), Lost(1), Wait(100, 4), Move(0), Reconnect(0), Reconnect(1), Settle],
        ),
        ("silent", PLAIN, &[Settle, Send(1, 0, 9), Lose(0), Wait(46, 10), Wait(90, 10), Reconnect(0), Settle]),
        ("aborted", PLAIN, &[Settle, Send(0, 0, 5), Abort(1, 1), Settle, Initiate(1), Settle, Send(1, 0, 3), Settle]),
        (
            "contract",
            CONTRACT,
            &[Settle, Counter(0, 4), Settle, Counter(1, 5), Settle, Accept(0), Settle, Send(0, 4, 9), Settle],
        ),
        (
            "accepted",
            CONTRACT,
            &[Settle, Accept(0), Settle, Accept(1), Settle, Send(0, 0, 9), Settle, Close(1), Settle],
        ),
        ("changed", PLAIN, &[Settle, Send(0, 0, 9), Copy(0), Change(0, 50, 1), Cut(1, 3), Deliver(0), Deliver(0)]),
        ("renewed", PLAIN, &[Deliver(0), Deliver(0), Copy(0), Renew(1), Deliver(0), Wait(200, 8), Settle, Settle]),
        (
            "replayed",
            PLAIN,
            // A PSS_ACK comes again when its session is over and another has taken its place.
            &[
                Deliver(0),
                Deliver(0),
                Copy(0),
                Deliver(0),
                Send(1, 0, 9),
                Abort(1, 0),
                Initiate(1),
                Abort(1, 0),
                Deliver(0),
                Send(1, 0, 7),
                Settle,
            ],
        ),
        (
            "new-keys",
            PLAIN,
            &[Settle, RenewKey(0), Send(0, 0, 9), Settle, Send(1, 0, 9), Settle, Send(0, 0, 9), Copy(0), Settle],
        ),
        ("claimed", PLAIN, &[Settle, Move(1), Claim(0), NotSent(0), Wait(250, 0), Settle, Send(0, 0, 9), Settle]),
        ("mortal", MORTAL, &[Settle, Send(0, 0, 9), Settle, Wait(60, 10), Settle, Wait(1, 0), Initiate(0), Settle]),
    ];
    let bytes = |settings: [u8; 4], ops: &[Op]| {
        settings.into_iter().chain(ops.iter().flat_map(|op| op.write())).collect::<Vec<u8>>()
    };
    seeds.iter().map(|(name, settings, ops)| ((*name).to_owned(), bytes(*settings, ops))).collect()
}
