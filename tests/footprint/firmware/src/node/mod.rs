//! A session node: one agent and two sessions at once, with a host that plays both peers. Built with `initiator` it begins
//! both, with `responder` it accepts both, with both features it begins the first and accepts the second.

mod steps;

use core::mem::{MaybeUninit, size_of};
use core::net::{IpAddr, Ipv4Addr, SocketAddr};

use crate::counter::Counter;
use crate::host::{Datagram, Host, tell};
use crate::meter::Meter;
use crate::report::{Report, fail};
use steps::{Agent, Link, Meant};

/// Bytes of a data frame's content. A board of 16 KiB has no room for the second.
const CONTENTS: &[(usize, &str, &str)] = if cfg!(board = "microbit") {
    &[(64, "send-64", "open-64")]
} else {
    &[(64, "send-64", "open-64"), (1_024, "send-1024", "open-1024")]
};
/// Rounds after which a peer that has not answered never will.
const LONG: u32 = 200;
/// Milliseconds of a round.
const ROUND: u64 = 20;
const PEERS: usize = 2;

/// All of the node's memory besides its stack.
pub struct Memory {
    agent: MaybeUninit<Agent>,
    #[cfg(feature = "responder")]
    door: MaybeUninit<steps::Door>,
    links: [Link; PEERS],
    datagram: Datagram,
}

impl Memory {
    pub const EMPTY: Self = Self {
        agent: MaybeUninit::uninit(),
        #[cfg(feature = "responder")]
        door: MaybeUninit::uninit(),
        links: [const { Link::IDLE }; PEERS],
        datagram: Datagram::EMPTY,
    };
}

/// Measures, reports, and talks with the host.
struct Script<'s> {
    meter: &'s mut Meter,
    report: &'s mut Report,
    host: Host,
    agent: &'s Agent,
    links: &'s mut [Link; PEERS],
    datagram: &'s mut Datagram,
    rng: Counter,
    now: u64,
}

const fn at(peer: usize) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1 + peer as u8)), 4227)
}

fn tell_cost(report: &mut Report, step: &str, cost: &crate::meter::Cost) {
    report.line(&["step", "node", step], &[cost.stack, cost.instructions]);
}

pub fn all(memory: &mut Memory, meter: &mut Meter, report: &mut Report) {
    let Memory { agent, links, datagram, .. } = memory;
    for (what, bytes) in
        [("session", size_of::<Link>()), ("identity", size_of::<Agent>()), ("static", size_of::<Memory>())]
    {
        report.line(&["size", what], &[bytes as u32]);
    }
    let mut rng = Counter(1);
    let (cost, agent) = meter.measure(|| steps::identity(agent));
    tell_cost(report, "identity", &cost);
    tell(report, "eid", 0, &agent.eid().0);
    #[cfg(feature = "responder")]
    let door = {
        let (cost, door) = meter.measure(|| steps::responder(&mut memory.door, 1_000, &mut rng));
        tell_cost(report, "responder", &cost);
        door
    };
    let mut script = Script { meter, report, host: Host::open(), agent, links, datagram, rng, now: 1_000 };
    for peer in 0..PEERS {
        #[cfg(feature = "initiator")]
        if peer == 0 || cfg!(not(feature = "responder")) {
            script.initiate(peer);
            continue;
        }
        #[cfg(feature = "responder")]
        script.accept(peer, door);
    }
    for content in CONTENTS {
        for peer in 0..PEERS {
            script.echo(peer, *content);
        }
    }
    script.end();
}

impl Script<'_> {
    #[cfg(feature = "initiator")]
    fn initiate(&mut self, peer: usize) {
        // The host's first datagram is its EID.
        tell(self.report, "initiate", peer, &[]);
        if self.host.ask(self.report, self.now, self.datagram).is_none() {
            fail("no EID of the peer");
        }
        let Ok(eid) = <[u8; 32]>::try_from(self.datagram.bytes()) else { fail("no EID") };
        let Self { meter, agent, links, rng, now, .. } = self;
        let (cost, begun) =
            meter.measure(|| steps::initiate(&mut links[peer], *now, agent, iacp_wire::Eid(eid), at(peer), rng));
        tell_cost(self.report, "initiate", &cost);
        if !begun {
            fail("no PSS_INIT");
        }
        self.transmit("handshake-out");
        for _ in 0..LONG {
            // The answer of the responder, and then its first heartbeat.
            match self.round("acknowledge", "heartbeat-out") {
                Some((from, Meant::Established)) if from == peer => return,
                Some((_, Meant::Nothing)) | None => {}
                Some(_) => fail("the handshake goes wrong"),
            }
        }
        fail("the session is not established");
    }

    #[cfg(feature = "responder")]
    fn accept(&mut self, peer: usize, door: &mut steps::Door) {
        tell(self.report, "respond", peer, &[]);
        self.wait(peer);
        let Self { meter, agent, datagram, links, now, .. } = self;
        let (cost, answered) = meter.measure(|| steps::answer(door, *now, agent, at(peer), datagram));
        tell_cost(self.report, "answer", &cost);
        if !answered {
            fail("no PSS_NEG");
        }
        tell(self.report, "datagram", peer, datagram.bytes());
        if self.host.ask(self.report, *now, datagram) != Some(peer) {
            fail("no PSS_ACK");
        }
        let (cost, accepted) = meter.measure(|| steps::accept(&mut links[peer], door, *now, agent, at(peer), datagram));
        tell_cost(self.report, "accept", &cost);
        if !accepted {
            fail("PSS_ACK is refused");
        }
        self.transmit("heartbeat-out");
        for _ in 0..LONG {
            match self.round("heartbeat-in", "heartbeat-out") {
                Some((from, Meant::Established)) if from == peer => return,
                Some((_, Meant::Nothing)) | None => {}
                Some(_) => fail("the handshake goes wrong"),
            }
        }
        fail("the session is not established");
    }

    /// Until the host has a datagram of this peer.
    #[cfg(feature = "responder")]
    fn wait(&mut self, peer: usize) {
        for _ in 0..LONG {
            match self.host.ask(self.report, self.now, self.datagram) {
                Some(from) if from == peer => return,
                // A heartbeat of another session.
                Some(from) => drop(self.receive(from, "heartbeat-in")),
                None => {}
            }
            self.transmit("heartbeat-out");
            self.now += ROUND;
        }
        fail("no PSS_INIT comes");
    }

    /// Content to a peer, which sends it back.
    fn echo(&mut self, peer: usize, (length, send, open): (usize, &str, &str)) {
        // In flash: it is no part of what is measured.
        static CONTENT: [u8; 1_024] = [0x5a; 1_024];
        let content = CONTENT.get(..length).unwrap_or_default();
        let sum = steps::sum(content);
        let Self { meter, links, datagram, now, .. } = self;
        let (cost, sent) = meter.measure(|| steps::send(&mut links[peer], *now, content, datagram));
        tell_cost(self.report, send, &cost);
        let Some(sent) = sent else { fail("nothing is sent") };
        tell(self.report, "datagram", peer, sent);
        for _ in 0..LONG {
            match self.round(open, "heartbeat-out") {
                Some((from, Meant::Data(found, of))) if from == peer => {
                    if (found, of) != (length, sum) {
                        fail("not the data that was sent");
                    }
                    return self.delivered(peer);
                }
                Some((_, Meant::Nothing)) | None => {}
                Some(_) => fail("data goes wrong"),
            }
        }
        fail("the data does not come back");
    }

    /// What was sent is acknowledged before more is sent: the log has room for one large frame.
    fn delivered(&mut self, peer: usize) {
        for _ in 0..LONG {
            if steps::is_delivered(&self.links[peer]) {
                return;
            }
            self.round("heartbeat-in", "heartbeat-out");
        }
        fail("no acknowledgement");
    }

    fn end(&mut self) {
        for peer in 0..PEERS {
            let Self { meter, links, now, .. } = self;
            let (cost, closed) = meter.measure(|| steps::close(&mut links[peer], *now));
            tell_cost(self.report, "teardown", &cost);
            if !closed {
                fail("close");
            }
        }
        for _ in 0..LONG {
            if matches!(self.round("teardown", "teardown"), Some((_, Meant::Unexpected))) {
                fail("the end goes wrong");
            }
            if self.links.iter().all(steps::is_graceful) {
                return;
            }
        }
        fail("the sessions did not end");
    }

    /// What is due leaves, and one datagram comes, if there is one: from where, and what it meant.
    fn round(&mut self, received: &str, sent: &str) -> Option<(usize, Meant)> {
        for link in self.links.iter_mut() {
            let (cost, ()) = self.meter.measure(|| steps::deadline(link, self.now, self.agent, &mut self.rng));
            tell_cost(self.report, "deadline", &cost);
        }
        self.transmit(sent);
        let from = self.host.ask(self.report, self.now, self.datagram);
        if from.is_none() {
            self.now += ROUND;
        }
        from.map(|from| (from, self.receive(from, received)))
    }

    fn receive(&mut self, from: usize, name: &str) -> Meant {
        let Self { meter, agent, links, datagram, now, .. } = self;
        let Some(link) = links.get_mut(from) else { fail("no such peer") };
        let was_data = name.starts_with("open");
        let (cost, meant) = meter.measure(|| steps::receive(link, *now, agent, at(from), datagram));
        let is_heartbeat = meant == Meant::Established || (was_data && !matches!(meant, Meant::Data(..)));
        tell_cost(self.report, if is_heartbeat { "heartbeat-in" } else { name }, &cost);
        meant
    }

    fn transmit(&mut self, name: &str) {
        for (peer, link) in self.links.iter_mut().enumerate() {
            for _ in 0..LONG {
                let (cost, bytes) = self.meter.measure(|| steps::transmit(link, self.now, self.datagram));
                let Some(bytes) = bytes else { break };
                tell_cost(self.report, name, &cost);
                tell(self.report, "datagram", peer, bytes);
            }
        }
    }
}
