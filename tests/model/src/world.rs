//! Both ends, the network between them and the clock: built anew for each state from the actions that lead there.

use iacp_core::crypto::Secret32;
use iacp_core::identity::Identity;
use iacp_core::pss::{Discard, SessionEvent, TRANSMIT_BUFFER};
use iacp_core::time::Mono;
use rand_chacha::ChaCha8Rng;
use rand_core::SeedableRng;

use crate::end::{ATTACKER, BOB, End, Party, S, address, content, place};
use crate::fault::{Fault, Set, Sight};
use crate::frame::Frame;
use crate::handshake::handshake;
use crate::network::{Network, Packet};
use crate::plan::{Action, Driver, Plan, Seat, Side};
use crate::provider::{Mix, last_prk};
use crate::raw::{Raw, Taken, first_iv};

/// A model's state, alive.
pub struct World<'p> {
    /// What the model contains.
    pub plan: &'p Plan,
    /// The time.
    pub now: Mono,
    /// Alice and Bob.
    pub ends: [End; 2],
    /// Datagrams under way.
    pub network: Network,
    /// What must never happen, and has.
    pub faults: Set,
    /// What has happened.
    pub sights: Set,
    /// What is left of the budgets.
    pub left: Plan,
    /// Bytes that opened from the attacker's place, and that went there.
    pub attacker: (usize, usize),
    /// The newest of Alice's places that a record has given to Bob.
    pub claimed: u8,
    /// Bob's home for Alice after the last step: her places are numbered in the order in which she takes them.
    pub newest_home: u8,
    /// When Bob died.
    pub death: Option<Mono>,
    /// Everything that is sent, if it is listened to.
    pub trace: Option<Mix>,
    rng: ChaCha8Rng,
}

impl<'p> World<'p> {
    /// A session that both sides have just established.
    #[must_use]
    pub fn begin(plan: &'p Plan) -> Self {
        let now = Mono(1_000_000);
        let mut rng = ChaCha8Rng::seed_from_u64(7);
        let identities = [1, 2].map(|seed| Identity::from_seed(&Secret32::new([seed; 32])));
        let mut sessions = [Box::new(S::IDLE), Box::new(S::IDLE)];
        for (session, seat) in sessions.iter_mut().zip(plan.seats) {
            session.hold(seat == Seat::Holding).expect("the memory is free");
        }
        handshake(now, &mut sessions, &identities, &mut rng);
        let prk = last_prk();
        let firsts = [0, 1].map(|end: usize| sessions[end].unacknowledged().0);
        let cookies = sessions[0].cookies();
        let cookies = [cookies.0.0, cookies.1.0];
        let mut seats = plan.seats.into_iter();
        let mut sides = Side::BOTH.into_iter();
        let mut parties = sessions.into_iter();
        let mut keys = identities.into_iter();
        let ends = [0, 1].map(|end: usize| {
            let (own, peer) = (firsts[end], firsts[1 - end]);
            let session = parties.next().expect("two");
            let party = match seats.next().expect("two") {
                Seat::Session | Seat::Holding => Party::Real(session),
                Seat::Raw(breaks) => Party::Raw(Box::new(Raw::new(breaks, end == 0, cookies, own, peer, &prk))),
            };
            End {
                side: sides.next().expect("two"),
                at: if end == 0 { 0 } else { BOB },
                party,
                identity: keys.next().expect("two"),
                lives: true,
                first: own,
                iv: first_iv(&prk, end == 0),
                given: 0,
                heard: 0,
                asked: None,
                generation: 0,
                nonces: Vec::new(),
                fell: None,
                told: Mix::new(2),
                echoed: false,
                consumed: peer,
                newest_from: if end == 0 { BOB } else { 0 },
            }
        });
        let mut world = Self {
            plan,
            now,
            ends,
            network: Network::default(),
            faults: Set::default(),
            sights: Set::default(),
            left: *plan,
            attacker: (0, 0),
            claimed: 0,
            newest_home: 0,
            death: None,
            trace: None,
            rng,
        };
        // The responder's first heartbeat confirms the keys.
        world.beat(Side::Bob);
        world.pump(Side::Bob);
        world.deliver(0, None);
        if plan.confirmed {
            world.confirm();
        }
        world
    }

    /// Each side takes a heartbeat of the other's that echoes one of its own.
    fn confirm(&mut self) {
        // Not for ever: a peer that breaks a rule may never echo.
        for _ in 0..4 {
            if self.ends.iter().all(|end| end.echoed) {
                break;
            }
            self.advance();
            for side in Side::BOTH {
                self.beat(side);
            }
            while let Some(number) = self.network.first_fresh(&self.ends) {
                self.deliver(number, None);
            }
        }
        self.network.clear();
        self.judge();
    }

    /// One of the two.
    #[must_use]
    pub const fn end(&self, side: Side) -> &End {
        &self.ends[side as usize]
    }

    const fn end_mut(&mut self, side: Side) -> &mut End {
        &mut self.ends[side as usize]
    }

    /// Takes one step.
    pub fn act(&mut self, action: Action) {
        match action {
            Action::Send(side) => {
                self.left.sends[side as usize] -= 1;
                let now = self.now;
                self.end_mut(side).tell(now, 2, &[]);
                if let (_, Some(frame)) = self.end_mut(side).send(now) {
                    self.post(side, side.other(), None, &frame);
                }
                self.pump(side);
            }
            Action::Renew(side) => {
                self.left.renewals[side as usize] -= 1;
                self.renew(side);
            }
            Action::Beat(side) => {
                self.left.beats -= 1;
                self.beat(side);
            }
            Action::Consume(side) => {
                self.consume(side);
                self.pump(side);
            }
            Action::Rewind(side) => {
                self.left.rewinds -= 1;
                self.rewind(side);
                self.pump(side);
            }
            Action::Deliver(number) => self.deliver(usize::from(number), None),
            Action::Keep(number) => {
                self.left.keeps -= 1;
                self.network.keep(usize::from(number));
            }
            Action::Forge(number, from) => {
                self.left.forgeries -= 1;
                self.deliver(usize::from(number), Some(from));
            }
            Action::Relay(number) => {
                let at = self.end(Side::Alice).at;
                self.network.carry(usize::from(number), at);
            }
            Action::Wait => {
                self.left.waits -= 1;
                self.advance();
            }
            Action::Quiet(seconds) => {
                self.left.quiets.0 -= 1;
                let until = self.now.after(u64::from(seconds) * 1_000);
                while self.next().is_some_and(|next| next <= until) {
                    self.advance();
                }
                self.now = until;
            }
            Action::Move => {
                self.left.moves -= 1;
                let alice = self.end_mut(Side::Alice);
                alice.at += 1;
                let at = alice.at;
                self.network.leave(Side::Alice, at);
            }
            Action::Claim => {
                let (now, at) = (self.now, self.end(Side::Alice).at);
                self.claimed = at;
                self.end_mut(Side::Bob).tell(now, 3, &[at]);
                if let Party::Real(session) = &mut self.end_mut(Side::Bob).party {
                    session.claim(now, address(at));
                }
                self.pump(Side::Bob);
            }
            Action::Die => {
                self.end_mut(Side::Bob).lives = false;
                (self.death, self.left.dies) = (Some(self.now), false);
            }
        }
        self.judge();
    }

    fn renew(&mut self, side: Side) {
        let now = self.now;
        let end = self.end_mut(side);
        end.tell(now, 4, &[]);
        match &mut end.party {
            Party::Real(session) => {
                end.asked = Some(session.key_generations().0);
                // It is refused only where there is no session, which is a fault of its own.
                let _ = session.renew_key();
            }
            Party::Raw(raw) => raw.renew(),
        }
    }

    pub(crate) fn beat(&mut self, side: Side) {
        let now = self.now;
        self.end_mut(side).tell(now, 5, &[]);
        let heartbeat = match &mut self.end_mut(side).party {
            Party::Raw(raw) => raw.heartbeat(),
            Party::Real(_) => return,
        };
        self.post(side, side.other(), None, &heartbeat);
    }

    /// A raw peer repeats its data.
    pub(crate) fn repeat(&mut self, side: Side) {
        let Party::Raw(raw) = &self.end(side).party else { return };
        for frame in raw.repeat() {
            self.post(side, side.other(), None, &frame);
        }
    }

    pub(crate) fn consume(&mut self, side: Side) {
        let now = self.now;
        let end = self.end_mut(side);
        let come = end.expected();
        end.tell(now, 6, &[]);
        if let Party::Real(session) = &mut end.party
            && session.consumed(now, come).is_ok()
        {
            end.consumed = come;
        }
    }

    fn rewind(&mut self, side: Side) {
        let (now, first) = (self.now, self.end(side.other()).first);
        let end = self.end_mut(side);
        end.tell(now, 8, &[]);
        if let Party::Real(session) = &mut end.party
            && session.rewind(now).is_ok()
        {
            end.given &= (1 << (end.consumed - first)) - 1;
        }
    }

    /// When something is due next.
    fn next(&self) -> Option<Mono> {
        self.ends.iter().filter_map(End::deadline).min().map(|next| next.max(self.now))
    }

    /// Goes to the next deadline and does what is due; `false` if nothing ever will be.
    pub fn advance(&mut self) -> bool {
        let Some(next) = self.next() else { return false };
        self.now = next;
        for side in Side::BOTH {
            let end = &mut self.ends[side as usize];
            if end.deadline().is_none_or(|due| due > next) {
                continue;
            }
            end.tell(next, 1, &[]);
            if let Party::Real(session) = &mut end.party {
                session.handle_deadline(next, &end.identity, &mut self.rng).expect("its own identity");
            }
            self.pump(side);
        }
        true
    }

    /// Takes everything that an end reports and sends now.
    pub(crate) fn pump(&mut self, side: Side) {
        let (now, peer_lives) = (self.now, self.end(side.other()).lives);
        let end = &mut self.ends[side as usize];
        let Party::Real(session) = &mut end.party else { return };
        if !end.lives {
            return;
        }
        while let Some(event) = session.poll_event() {
            match event {
                SessionEvent::Disconnected => {
                    end.fell = Some((now, !peer_lives));
                    self.sights.sight(Sight::Fell);
                }
                SessionEvent::Reconciling => {
                    if end.fell.is_some_and(|(_, dead)| dead) {
                        self.faults.fault(Fault::ReturnedToDead);
                    }
                    end.fell = None;
                    self.sights.sight(Sight::Returned);
                }
                SessionEvent::Moved { to } => {
                    self.sights.sight(if place(to) >= 2 { Sight::MovedTwice } else { Sight::Moved });
                }
                _ => {}
            }
        }
        let mut buffer = [0; TRANSMIT_BUFFER];
        loop {
            let Party::Real(session) = &mut self.ends[side as usize].party else { return };
            let Some(sent) = session.poll_transmit(now, &mut buffer).expect("long enough") else { return };
            let (bytes, to) = (sent.bytes.to_vec(), place(sent.to));
            self.post(side, side.other(), Some(to), &bytes);
        }
    }

    /// A datagram leaves for a place: where the peer is, unless another one is named.
    fn post(&mut self, from: Side, to: Side, named: Option<u8>, bytes: &[u8]) {
        let driver = self.plan.driver;
        let (source, newest_from) = (self.end(from).at, self.end(from).newest_from);
        let (at, named) = (self.end(to).at, named.unwrap_or(self.end(to).at));
        let goal = if driver == Driver::FollowsNewest { newest_from } else { named };
        if let Some(trace) = &mut self.trace {
            trace.word(self.now.0 << 8 | u64::from(goal));
            trace.bytes(bytes);
        }
        let frame = Frame::read(bytes);
        if let Some(frame) = frame {
            let mut mix = Mix::new(0);
            mix.bytes(bytes);
            let (nonce, print) = (frame.nonce(), mix.end());
            let nonces = &mut self.end_mut(from).nonces;
            match nonces.iter().find(|(used, _)| *used == nonce) {
                Some((_, other)) if *other != print => self.faults.fault(Fault::Nonce),
                Some(_) => {}
                None => nonces.push((nonce, print)),
            }
        }
        let asks = frame.is_some_and(|frame| frame.heartbeat().is_some() && frame.next_send().1);
        let been = match to {
            Side::Alice => goal <= at,
            Side::Bob => goal == at,
        };
        if !been && !asks {
            self.faults.fault(Fault::Astray);
        }
        if driver == Driver::AnswersEverywhere && newest_from == ATTACKER {
            self.attacker.1 += bytes.len();
        }
        if goal == ATTACKER {
            self.attacker.1 += bytes.len();
            self.sights.sight(Sight::Probed);
        }
        if self.attacker.1 > 3 * self.attacker.0 {
            self.faults.fault(Fault::Amplified);
        }
        if goal == at || self.plan.relays {
            let sequence = frame.map_or(u64::MAX, Frame::sequence);
            let packet = Packet {
                to,
                source,
                goal,
                sequence,
                bytes: bytes.into(),
                left: self.plan.copies,
                fresh: true,
                kept: false,
            };
            self.network.post(packet, self.plan.heartbeats);
        }
    }

    /// A datagram arrives, from where it was sent or from a false place.
    pub(crate) fn deliver(&mut self, number: usize, forged: Option<u8>) {
        let Some(packet) = self.network.take(number, forged.is_none()) else { return };
        let (now, to) = (self.now, packet.to);
        let from = forged.unwrap_or(packet.source);
        let Some(frame) = Frame::read(&packet.bytes) else { return };
        let sender = self.end(to.other());
        let generation = frame.iv().wrapping_sub(sender.iv);
        let (first, present) = (sender.first, sender.generations().0);
        let end = &mut self.ends[to as usize];
        let (opened, up) = (end.generations().1, end.is_up());
        end.tell(now, 7 | u64::from(from) << 8, &packet.bytes);
        let taken = end.take(now, from, &packet.bytes);
        match taken {
            Ok(Taken::Data(sequence)) => {
                let number = sequence - first;
                if end.given >> number & 1 == 1 {
                    self.faults.fault(Fault::Twice);
                }
                if frame.sequence() != sequence || frame.content() != content(to.other(), number) {
                    self.faults.fault(Fault::Content);
                }
                end.given |= 1 << number;
                if generation < opened {
                    self.sights.sight(Sight::OlderOpened);
                }
            }
            Ok(Taken::Heartbeat) => match frame.heartbeat() {
                Some(number) if number >= end.heard => {
                    end.heard = number + 1;
                    end.echoed |= frame.echo() > 0;
                    if end.fell.is_some_and(|(_, dead)| dead) {
                        self.sights.sight(Sight::HeldBack);
                        if self.plan.driver == Driver::BelievesAnyHeartbeat {
                            self.faults.fault(Fault::ReturnedToDead);
                        }
                    }
                }
                _ => self.faults.fault(Fault::Twice),
            },
            Ok(Taken::Old | Taken::Refused) => self.faults.fault(Fault::Content),
            Err(Discard::Duplicate | Discard::Stale) => {
                if generation < present {
                    self.sights.sight(Sight::OlderReplayed);
                }
            }
            Err(Discard::BeyondWindow | Discard::NoRoom) => {}
            // DISCONNECTED takes no data.
            Err(Discard::NotNow) if !up => {}
            Err(_) => self.faults.fault(Fault::Refused),
        }
        if taken.is_ok() {
            end.newest_from = from;
            if from == ATTACKER {
                self.attacker.0 += packet.bytes.len();
            }
        }
        if self.left.forgeries == 0 {
            self.network.forget_spent();
        }
        self.pump(to);
    }

    /// Checks what can be checked of a state without looking into the future.
    pub(crate) fn judge(&mut self) {
        for side in Side::BOTH {
            let (end, peer) = (&self.ends[side as usize], &self.ends[side.other() as usize]);
            let (sending, _) = end.generations();
            let ahead = sending.wrapping_sub(peer.generations().1);
            if ahead > 1 {
                self.faults.fault(Fault::Generations);
            }
            let (before, over, home) = (end.generation, end.is_over() && end.lives, end.home());
            let end = &mut self.ends[side as usize];
            if sending != before {
                if end.asked.take().is_none() && matches!(end.party, Party::Real(_)) {
                    self.sights.sight(Sight::Followed);
                }
                end.generation = sending;
            }
            if sending > 0 {
                self.sights.sight(if sending > 1 { Sight::RenewedTwice } else { Sight::Renewed });
            }
            if let (Side::Bob, Some(home)) = (side, home.filter(|home| *home != ATTACKER)) {
                if home < self.newest_home {
                    self.faults.fault(Fault::Backward);
                }
                self.newest_home = home;
            }
            if over {
                self.faults.fault(Fault::Ended);
            }
        }
        if let Some(death) = self.death
            && self.now > death.after(self.plan.outlives)
            && self.end(Side::Alice).is_up()
        {
            self.faults.fault(Fault::OutlivedDead);
        }
    }
}
