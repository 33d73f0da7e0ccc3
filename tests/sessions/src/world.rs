//! Both endpoints, the network and the clock.

use iacp_core::pss::{Capabilities, Settings, Terms};
use iacp_core::time::Mono;

use iacp_core::crypto::{Portable, Provider};

use crate::{HostOf, Network, Packet, Side, Weather};

/// All that a run depends on.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The seed of everything.
    pub seed: u64,
    /// The network's weather.
    pub weather: Weather,
    /// What the initiator offers.
    pub offer: Capabilities,
    /// What the responder offers.
    pub settings: Settings,
    /// What the initiator sends.
    pub from_alice: Vec<Vec<u8>>,
    /// What the responder sends.
    pub from_bob: Vec<Vec<u8>>,
    /// The sides that end the session.
    pub closers: Vec<Side>,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            seed: 1,
            weather: Weather::FAIR,
            offer: Capabilities::NONE,
            settings: Settings {
                capabilities: Capabilities::SFC.with(Capabilities::CHACHA20_POLY1305),
                terms: Terms { dgk_rotation: 0, lifetime: 0, receive_window: 16 },
            },
            from_alice: Vec::new(),
            from_bob: Vec::new(),
            closers: vec![Side::Alice],
        }
    }
}

/// A run with the portable provider.
pub type World = WorldOf<Portable>;

/// A run.
pub struct WorldOf<P: Provider> {
    /// The time.
    pub now: Mono,
    /// The initiator.
    pub alice: HostOf<P>,
    /// The responder.
    pub bob: HostOf<P>,
    /// What is between them.
    pub network: Network,
    /// Packets that are lost, whatever the weather: their places in the trace.
    pub lose: Vec<usize>,
    /// Every packet that was sent, when and by whom.
    pub trace: Vec<(Mono, Packet)>,
    /// Until when a host is asleep: its packets wait in a queue of the operating system.
    asleep: [Option<Mono>; 2],
    /// That queue.
    waiting: [Vec<Packet>; 2],
}

/// The number of packets that wait for a host that is asleep. The rest is lost.
const QUEUE: usize = 24;

impl<P: Provider> WorldOf<P> {
    /// A world in which the first PSS_INIT is due.
    #[must_use]
    pub fn new(plan: &Plan) -> Self {
        let now = Mono(1_000);
        let mut alice = HostOf::new(Side::Alice, plan.seed);
        let mut bob = HostOf::new(Side::Bob, plan.seed);
        bob.listen(now, plan.settings);
        alice.initiate(now, bob.identity.eid(), bob.at, plan.offer);
        alice.to_send.clone_from(&plan.from_alice);
        bob.to_send.clone_from(&plan.from_bob);
        alice.closes = plan.closers.contains(&Side::Alice);
        bob.closes = plan.closers.contains(&Side::Bob);
        Self {
            now,
            alice,
            bob,
            network: Network::new(plan.seed ^ 0x0EA7, plan.weather),
            lose: Vec::new(),
            trace: Vec::new(),
            asleep: [None; 2],
            waiting: [Vec::new(), Vec::new()],
        }
    }

    /// One of the two.
    pub const fn host(&mut self, side: Side) -> &mut HostOf<P> {
        match side {
            Side::Alice => &mut self.alice,
            Side::Bob => &mut self.bob,
        }
    }

    /// The address of one of the two.
    fn at(&self, side: Side) -> std::net::SocketAddr {
        match side {
            Side::Alice => self.alice.at,
            Side::Bob => self.bob.at,
        }
    }

    /// Puts a host to sleep for this long.
    pub fn sleep(&mut self, side: Side, milliseconds: u64) {
        self.asleep[side.index()] = Some(self.now.after(milliseconds));
    }

    /// Hosts that wake up now handle their packets and their deadlines, in an order that varies with the time.
    fn wake(&mut self) {
        for side in [Side::Alice, Side::Bob] {
            if self.asleep[side.index()].is_some_and(|until| until <= self.now) {
                self.asleep[side.index()] = None;
                let now = self.now;
                if now.0.is_multiple_of(2) {
                    self.host(side).handle_deadline(now);
                }
                for packet in std::mem::take(&mut self.waiting[side.index()]) {
                    self.deliver(packet);
                }
                self.host(side).handle_deadline(now);
            }
        }
    }

    /// Both sides send what they have to.
    pub fn settle(&mut self) {
        for side in [Side::Alice, Side::Bob] {
            if self.asleep[side.index()].is_some() {
                continue;
            }
            let now = self.now;
            let host = self.host(side);
            host.work(now);
            let (source, packets) = (host.at, host.transmit_to(now));
            for (to, bytes) in packets {
                self.send(Packet { from: side, source, to, bytes });
            }
            self.rests(side);
        }
    }

    /// Checks that, after everything that a host can do, nothing is due.
    fn rests(&mut self, side: Side) {
        let now = self.now;
        let host = self.host(side);
        if host.next_deadline().is_none_or(|at| at > now) {
            return;
        }
        host.handle_deadline(now);
        let (source, packets) = (host.at, host.transmit_to(now));
        let due = host.session.as_ref().and_then(|session| session.next_deadline());
        let clock = host.clock(now);
        assert!(due.is_none_or(|(at, _)| at > clock), "at {clock:?} {due:?} is due, and remains so");
        for (to, bytes) in packets {
            self.send(Packet { from: side, source, to, bytes });
        }
    }

    fn send(&mut self, packet: Packet) {
        if !self.lose.contains(&self.trace.len()) {
            self.network.send(self.now, &packet);
        }
        self.trace.push((self.now, packet));
    }

    /// A packet arrives, now: at the other side, if that is where it goes.
    pub fn deliver(&mut self, packet: Packet) {
        let (now, side) = (self.now, packet.from.other());
        if self.at(side) != packet.to {
            return;
        }
        if self.asleep[side.index()].is_some() {
            if self.waiting[side.index()].len() < QUEUE {
                self.waiting[side.index()].push(packet);
            }
            return;
        }
        if let Some(answer) = self.host(side).handle(now, packet.source, packet.bytes) {
            self.send(Packet { from: side, source: packet.to, to: packet.source, bytes: answer });
        }
    }

    /// When the next thing happens.
    fn next_event(&mut self) -> Option<Mono> {
        self.settle();
        let [alice, bob] = self.asleep;
        let alice = alice.or_else(|| self.alice.next_deadline());
        let bob = bob.or_else(|| self.bob.next_deadline());
        [self.network.next(), alice, bob].into_iter().flatten().min()
    }

    /// Goes to the next thing that happens; `false` if nothing ever will.
    pub fn step(&mut self) -> bool {
        let Some(next) = self.next_event() else { return false };
        self.now = self.now.max(next);
        while let Some(packet) = self.network.arrive(self.now) {
            self.deliver(packet);
        }
        self.wake();
        let now = self.now;
        for side in [Side::Alice, Side::Bob] {
            if self.asleep[side.index()].is_none() {
                self.host(side).handle_deadline(now);
            }
        }
        self.settle();
        true
    }

    /// Runs until nothing will ever happen again, or the clock stands at `until`; `true` if it came to rest.
    pub fn run_until(&mut self, until: Mono) -> bool {
        let mut steps = 0_u32;
        loop {
            match self.next_event() {
                None => return true,
                Some(next) if next > until => {
                    self.now = until;
                    return false;
                }
                Some(_) => self.step(),
            };
            steps += 1;
            assert!(steps < 2_000_000, "time stands still at {:?}", self.now);
        }
    }

    /// Runs while `go_on` holds, for at most ten virtual minutes; `false` if it still holds at the end.
    pub fn run_while(&mut self, mut go_on: impl FnMut(&Self) -> bool) -> bool {
        let until = self.now.after(600_000);
        while go_on(self) {
            if self.now > until || !self.step() {
                return false;
            }
        }
        true
    }

    /// Runs until both sides can send.
    pub fn connect(&mut self) -> bool {
        let ready = |host: &HostOf<P>| host.session.as_ref().is_some_and(|session| session.is_ready());
        self.run_while(|world| !(ready(&world.alice) && ready(&world.bob)))
    }
}
