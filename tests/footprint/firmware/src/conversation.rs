//! A conversation from the first PSS_INIT to the last PSS_TEARDOWN, in the order in which two agents hold it.

use core::mem::MaybeUninit;
use core::net::{IpAddr, Ipv4Addr, SocketAddr};

use iacp_core::pss::Capabilities;

use crate::counter::Counter;
use crate::meter::Meter;
use crate::report::{Report, fail};
use crate::steps::{self, Agent, Datagram, Door, Link, Meant, SUITES};

/// Bytes of a data frame's content.
const CONTENT: usize = 64;
/// Data frames each way.
const DATA_FRAMES: u8 = 2;
/// Rounds after which two closing sides that have not both ended never will.
const LONG: u32 = 40;

const INITIATOR_AT: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), 4227);
const RESPONDER_AT: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2)), 4227);

/// The memory of both sides.
pub struct Memory {
    agents: [MaybeUninit<Agent>; 2],
    responder: MaybeUninit<Door>,
    links: [Link; 2],
    datagram: Datagram,
}

impl Memory {
    pub const EMPTY: Self = Self {
        agents: [const { MaybeUninit::uninit() }; 2],
        responder: MaybeUninit::uninit(),
        links: [const { Link::IDLE }; 2],
        datagram: Datagram::EMPTY,
    };
}

/// Measures and reports.
struct Bench<'b> {
    meter: &'b mut Meter,
    report: &'b mut Report,
    suite: &'static str,
}

impl Bench<'_> {
    fn step<T>(&mut self, name: &str, step: impl FnOnce() -> T) -> T {
        let (cost, result) = self.meter.measure(step);
        self.report.line(&["step", self.suite, name], &[cost.stack, cost.instructions]);
        result
    }
}

fn check(holds: bool, why: &str) {
    if !holds {
        fail(why);
    }
}

/// One conversation in each suite.
pub fn all(memory: &mut Memory, meter: &mut Meter, report: &mut Report) {
    for (what, bytes) in steps::sizes() {
        report.line(&["size", what], &[bytes as u32]);
    }
    for (suite, capabilities) in SUITES {
        let mut bench = Bench { meter: &mut *meter, report: &mut *report, suite };
        hold(&mut bench, capabilities, memory);
    }
}

/// One side, once it has a session.
struct Side<'s> {
    link: &'s mut Link,
    agent: &'s Agent,
    at: SocketAddr,
}

/// One frame from one side to the other, if one is due, and what it meant there.
fn pass(
    bench: &mut Bench<'_>,
    steps: [&str; 2],
    [from, to]: [&mut Side<'_>; 2],
    now: u64,
    datagram: &mut Datagram,
) -> Option<Meant> {
    let [out, taken] = steps;
    bench.step(out, || steps::transmit(from.link, now, datagram));
    if datagram.is_empty() {
        return None;
    }
    let meant = bench.step(taken, || steps::receive(to.link, now, to.agent, from.at, datagram));
    check(meant != Meant::Unexpected, taken);
    Some(meant)
}

const HEARTBEAT: [&str; 2] = ["heartbeat-out", "heartbeat-in"];
const TEARDOWN: [&str; 2] = ["teardown", "teardown"];

fn hold(bench: &mut Bench<'_>, capabilities: Capabilities, memory: &mut Memory) {
    let Memory { agents: [first, second], responder: door, links, datagram } = memory;
    let mut rng = Counter(1);
    let mut now = 1_000;

    let initiator = &*bench.step("identity", || steps::identity(first, 1));
    let responder = &*bench.step("identity", || steps::identity(second, 2));
    let door = bench.step("responder", || steps::responder(door, now, capabilities, &mut rng));

    let peer = responder.eid();
    let [ours, theirs] = links;
    // The memory of the suite before is used again, as it was at first.
    check(ours.is_over() && theirs.is_over(), "a session is not over");
    let begun =
        bench.step("initiate", || steps::initiate(ours, now, initiator, peer, RESPONDER_AT, capabilities, &mut rng));
    check(begun, "no PSS_INIT");
    let mut ours = Side { link: ours, agent: initiator, at: INITIATOR_AT };
    bench.step("handshake-out", || steps::transmit(ours.link, now, datagram));
    check(bench.step("answer", || steps::answer(door, now, responder, INITIATOR_AT, datagram)), "no PSS_NEG");
    let meant = bench.step("acknowledge", || steps::acknowledge(ours.link, now, initiator, RESPONDER_AT, datagram));
    check(meant == Meant::Nothing, "PSS_NEG is refused");
    bench.step("handshake-out", || steps::transmit(ours.link, now, datagram));
    let accepted = bench.step("accept", || steps::accept(theirs, door, now, responder, INITIATOR_AT, datagram));
    check(accepted, "PSS_ACK is refused");
    let mut theirs = Side { link: theirs, agent: responder, at: RESPONDER_AT };
    let meant = pass(bench, HEARTBEAT, [&mut theirs, &mut ours], now, datagram);
    check(meant == Some(Meant::Established), "the session is not established");
    check(pass(bench, HEARTBEAT, [&mut ours, &mut theirs], now, datagram).is_some(), "no heartbeat in answer");

    for round in 0..DATA_FRAMES {
        data(bench, [&mut ours, &mut theirs], now, round, datagram);
        now += 100;
        check(pass(bench, HEARTBEAT, [&mut theirs, &mut ours], now, datagram).is_some(), "no acknowledgement");
        data(bench, [&mut theirs, &mut ours], now, round, datagram);
        now += 100;
        check(pass(bench, HEARTBEAT, [&mut ours, &mut theirs], now, datagram).is_some(), "no acknowledgement");
    }

    check(bench.step("teardown", || steps::close(ours.link, now)), "close");
    for _ in 0..LONG {
        now += 100;
        for side in [&mut ours, &mut theirs] {
            bench.step("teardown", || steps::deadline(side.link, now, side.agent, &mut rng));
        }
        if pass(bench, TEARDOWN, [&mut ours, &mut theirs], now, datagram) == Some(Meant::CloseRequested) {
            check(bench.step("teardown", || steps::close(theirs.link, now)), "close in answer");
        }
        pass(bench, TEARDOWN, [&mut theirs, &mut ours], now, datagram);
        if steps::is_graceful(ours.link) && steps::is_graceful(theirs.link) {
            // The answers are kept for a minute; then the memory is free for the next suite.
            now += 60_000;
            steps::deadline(ours.link, now, ours.agent, &mut rng);
            steps::deadline(theirs.link, now, theirs.agent, &mut rng);
            return;
        }
    }
    fail("the sessions did not end");
}

/// A data frame, from sealing it to reading its content.
fn data(bench: &mut Bench<'_>, [from, to]: [&mut Side<'_>; 2], now: u64, round: u8, datagram: &mut Datagram) {
    let content = [b'a' + round; CONTENT];
    check(bench.step("send", || steps::send(from.link, now, &content, datagram)), "nothing is sent");
    let meant = bench.step("open", || steps::receive(to.link, now, to.agent, from.at, datagram));
    check(meant == Meant::Data(CONTENT, steps::sum(&content)), "not the data that was sent");
}
