//! An attacker on the path that may copy, hold, reorder, alter and replay everything (`IACP §8.1`): what it never
//! achieves.

use std::collections::{HashMap, HashSet};

use iacp_core::pss::{Capabilities, Closure, ContentKind};
use quickcheck::{Arbitrary, Gen, QuickCheck, TestResult};
use sessions::{Cheap, HostOf, Mono, Packet, Plan, Side, Weather, WorldOf, addr};

type World = WorldOf<Cheap>;
type Host = HostOf<Cheap>;

/// The attacker's next act. Numbers choose among the packets that it has seen or holds, modulo their count.
#[derive(Clone, Debug)]
enum Act {
    /// Delivers one of the packets that it holds.
    Deliver(usize),
    /// Loses one of them.
    Drop(usize),
    /// Sends any earlier packet again, to where it went.
    Replay(usize),
    /// Sends a packet back to its sender.
    Reflect(usize),
    /// Flips a bit.
    Alter(usize, usize),
    /// Cuts a packet short or makes it longer.
    Resize(usize, usize),
    /// Puts the head of one packet before the tail of another.
    Splice(usize, usize, usize),
    /// Exchanges the cookies of a packet for those of another.
    Transplant(usize, usize),
    /// Lets time pass.
    Wait(u64),
    /// Takes the transport away.
    Cut,
    /// The two open another session when theirs is over.
    Again,
}

impl Arbitrary for Act {
    fn arbitrary(g: &mut Gen) -> Self {
        let n = usize::arbitrary(g);
        // Mostly it lets packets pass, otherwise there is nothing to attack.
        match u8::arbitrary(g) % 24 {
            0..10 => Self::Deliver(n),
            10 => Self::Drop(n),
            11..14 => Self::Replay(n),
            14 => Self::Reflect(n),
            15 => Self::Alter(n, usize::arbitrary(g)),
            16 => Self::Resize(n, usize::arbitrary(g)),
            17 => Self::Splice(n, usize::arbitrary(g), usize::arbitrary(g)),
            18 => Self::Transplant(n, usize::arbitrary(g)),
            19..22 => Self::Wait(u64::from(u16::arbitrary(g)) % 400),
            22 => Self::Wait(u64::from(u32::arbitrary(g)) % 200_000),
            _ if bool::arbitrary(g) => Self::Again,
            _ => Self::Cut,
        }
    }
}

/// Back to where it came from, as if from where it went.
fn reflected(packet: Packet) -> Packet {
    Packet { from: packet.from.other(), source: packet.to, to: packet.source, bytes: packet.bytes }
}

struct Attack {
    world: World,
    /// What it holds back.
    held: Vec<Packet>,
    /// What it has seen.
    seen: Vec<Packet>,
    counted: usize,
}

impl Attack {
    fn new(seed: u64) -> Self {
        let plan = Plan {
            seed,
            // The network loses everything: the attacker is the network.
            weather: Weather { loss: 1_000, ..Weather::FAIR },
            offer: if seed.is_multiple_of(3) { Capabilities::SFC } else { Capabilities::NONE },
            from_alice: (0..30_u8).map(|n| vec![n; 20]).collect(),
            from_bob: (0..30_u8).map(|n| vec![n | 0x80; 20]).collect(),
            ..Plan::default()
        };
        Self { world: World::new(&plan), held: Vec::new(), seen: Vec::new(), counted: 0 }
    }

    /// He takes whatever was sent.
    fn observe(&mut self) {
        self.world.settle();
        for (_, packet) in &self.world.trace[self.counted..] {
            self.held.push(packet.clone());
            self.seen.push(packet.clone());
        }
        self.counted = self.world.trace.len();
    }

    fn past(&self, n: usize) -> Option<Packet> {
        self.seen.get(n.checked_rem(self.seen.len())?).cloned()
    }

    fn take(&mut self, n: usize) -> Option<Packet> {
        let place = n.checked_rem(self.held.len())?;
        Some(self.held.remove(place))
    }

    fn act(&mut self, act: &Act) {
        self.observe();
        match *act {
            Act::Deliver(n) => {
                // Mostly in order.
                let packet = if n % 4 == 0 { self.take(n) } else { self.take(0) };
                if let Some(packet) = packet {
                    self.world.deliver(packet);
                }
            }
            Act::Drop(n) => drop(self.take(n)),
            Act::Replay(n) => self.inject(self.past(n)),
            Act::Reflect(n) => {
                self.inject(self.past(n).map(reflected));
            }
            Act::Alter(n, bit) => {
                let altered = self.past(n).map(|mut packet| {
                    let bit = bit % (packet.bytes.len() * 8);
                    packet.bytes[bit / 8] ^= 1 << (bit % 8);
                    packet
                });
                self.inject(altered);
            }
            Act::Resize(n, length) => {
                let resized = self.past(n).map(|mut packet| {
                    packet.bytes.resize(length % 400, 0xA5);
                    if let Some([high, low]) = packet.bytes.get_mut(2..4).and_then(|field| field.first_chunk_mut()) {
                        [*high, *low] = u16::try_from((length % 400).saturating_sub(4)).expect("short").to_be_bytes();
                    }
                    packet
                });
                self.inject(resized);
            }
            Act::Splice(n, other, at) => {
                if let (Some(mut head), Some(tail)) = (self.past(n), self.past(other)) {
                    let at = at % head.bytes.len().min(tail.bytes.len());
                    head.bytes.truncate(at);
                    head.bytes.extend_from_slice(&tail.bytes[at..]);
                    self.inject(Some(head));
                }
            }
            Act::Transplant(n, other) => {
                if let (Some(mut packet), Some(other)) = (self.past(n), self.past(other))
                    && packet.bytes.len().min(other.bytes.len()) > 20
                {
                    packet.bytes[4..20].copy_from_slice(&other.bytes[4..20]);
                    self.inject(Some(packet));
                }
            }
            Act::Wait(ms) => {
                let until = self.world.now.after(ms);
                self.world.run_until(until);
            }
            Act::Cut => {
                let now = self.world.now;
                for side in [Side::Alice, Side::Bob] {
                    if let Some(session) = self.world.host(side).session.as_mut() {
                        session.transport_lost(now);
                        let _ = session.reconnect(now, addr(side.other()));
                    }
                }
            }
            Act::Again => self.again(),
        }
    }

    fn inject(&mut self, packet: Option<Packet>) {
        if let Some(packet) = packet {
            self.world.deliver(packet);
        }
    }

    /// Another session between the same two, when the first is over.
    fn again(&mut self) {
        let ended = |host: &Host| host.session.as_ref().is_none_or(|session| session.closure().is_some());
        if !(ended(&self.world.alice) && ended(&self.world.bob)) {
            return;
        }
        self.judge();
        let (now, peer, to) = (self.world.now, self.world.bob.identity.eid(), self.world.bob.at);
        self.world.alice.initiate(now, peer, to, Capabilities::NONE);
        for side in [Side::Alice, Side::Bob] {
            let host = self.world.host(side);
            host.received.clear();
            host.finished = None;
            host.closure = None;
            host.sent = 0;
        }
        self.world.alice.closes = true;
    }

    /// What must hold at any time.
    fn judge(&self) {
        for (receiver, mark) in [(&self.world.bob, 0), (&self.world.alice, 0x80_u8)] {
            assert_eq!(receiver.delivered_twice, 0, "delivered twice");
            let mut numbers = HashSet::new();
            for (sequence, (kind, content)) in &receiver.received {
                assert_eq!((*kind, content.len()), (ContentKind::Anml, 20));
                let first = content[0];
                assert!(
                    content.iter().all(|byte| *byte == first) && first & 0x80 == mark,
                    "delivered what was not sent"
                );
                numbers.insert(sequence - u64::from(first & 0x7F));
            }
            assert!(numbers.len() <= 1, "delivered under another number");
            if receiver.closure == Some(Closure::Graceful) {
                let session = receiver.session.as_ref().expect("it had one");
                let complete: Vec<_> = receiver.received.values().map(|(_, content)| content[0] & 0x7F).collect();
                assert_eq!(complete, (0..30).collect::<Vec<u8>>(), "a graceful end with a part missing");
                assert!(session.closure().is_some());
            }
            let crime = matches!(receiver.closure, Some(Closure::Compromised(_) | Closure::Contradiction));
            assert!(!crime, "he made one believe that the other cheats: {:?}", receiver.closure);
        }
        let cookies: HashSet<_> = self.world.bob.accepted_cookies.iter().collect();
        assert_eq!(cookies.len(), self.world.bob.accepted_cookies.len(), "one cookie, two sessions");
        let mut sealed = HashMap::new();
        for (_, packet) in &self.world.trace {
            if packet.bytes[0] == 0x10 && packet.bytes[1] >> 4 == 0xB {
                let key = (packet.from, &packet.bytes[4..20], &packet.bytes[28..40]);
                assert_eq!(*sealed.entry(key).or_insert(&packet.bytes), &packet.bytes, "a nonce sealed twice");
            }
        }
    }
}

#[test]
fn he_gets_no_second_session_no_second_seal_no_false_delivery_and_no_silent_truncation() {
    // shows: IACP-083 (§4.2.4.1), IACP-150 (§6.4.5), IACP-166 (§8.2)
    fn attack(seed: u64, acts: Vec<Act>) -> TestResult {
        let mut attack = Attack::new(seed);
        // Two sessions, one after the other: it uses the packets of the first in the second.
        for acts in acts.chunks(acts.len() / 2 + 1) {
            attack.again();
            attack.world.network.weather = Weather { loss: 1_000, ..Weather::FAIR };
            for act in acts {
                attack.act(act);
            }
            attack.judge();
            // The attacker stops, and the two come to rest, whatever it did.
            attack.world.network.weather = Weather::FAIR;
            let until = attack.world.now.after(50_000_000);
            assert!(attack.world.run_until(until), "still busy after half a day");
            attack.judge();
            for host in [&attack.world.alice, &attack.world.bob] {
                assert!(host.session.as_ref().is_none_or(|session| session.is_over()), "state is kept for ever");
            }
        }
        TestResult::passed()
    }
    QuickCheck::new()
        .rng(Gen::from_size_and_seed(400, 0x1AC9))
        .tests(400)
        .quickcheck(attack as fn(u64, Vec<Act>) -> TestResult);
}

#[test]
fn a_finished_session_is_worth_nothing_to_him() {
    // Every packet of a finished session, to both sides, in a session that runs and in one that begins.
    let mut attack = Attack::new(1);
    while attack.world.alice.closure.is_none() || attack.world.bob.closure.is_none() {
        assert!(attack.world.now < Mono(600_000), "it does not end");
        attack.observe();
        match attack.take(0) {
            Some(packet) => attack.world.deliver(packet),
            None => {
                let until = attack.world.now.after(50);
                attack.world.run_until(until);
            }
        }
    }
    attack.judge();
    let old: Vec<_> = attack.seen.clone();
    attack.held.clear();
    for wait in [0, 1_000, 61_000, 130_000, 250_000] {
        let until = attack.world.now.after(wait);
        attack.world.run_until(until);
        attack.again();
        let sessions = attack.world.bob.accepted;
        for packet in &old {
            attack.world.deliver(packet.clone());
            attack.world.deliver(reflected(packet.clone()));
        }
        assert_eq!(attack.world.bob.accepted, sessions, "a PSS_ACK of a finished session opens nothing");
        assert!(attack.world.bob.received.is_empty() && attack.world.alice.received.is_empty());
        attack.judge();
    }
}
