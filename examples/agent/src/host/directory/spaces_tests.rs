//! Hosts whose agents are members of a space, hosts that search it, and a node that is its hub.

use std::time::Duration;

use iacp_core::crypto::Secret32;
use iacp_core::directory::node::{Hub, HubMemory, Relayed, Shown};
use iacp_core::discovery::space_of_topic;
use iacp_core::governance::window::Clock;
use iacp_wire::Signature;
use serde_json::json;
use zerocopy::IntoBytes;

use super::*;
use crate::keys::{self, Identity};

const BITS: u32 = 10;
const TOPIC: &str = "weather in the north";
/// Work is done on a thread of its own.
const PATIENCE: Duration = Duration::from_secs(180);

fn memory<T>(count: usize, with: impl FnMut() -> T) -> &'static mut [T] {
    Box::leak(std::iter::repeat_with(with).take(count).collect())
}

fn at(host: usize) -> SocketAddr {
    ([203, 0, u8::try_from(host).expect("few"), 1], 4_227).into()
}

fn node() -> Node {
    Node { eid: Identity::from_seed(&Secret32::new([1; 32])).eid(), at: ([198, 51, 100, 1], 4_300).into() }
}

fn publication(agent: u8) -> Publication {
    Publication {
        target_space_coordinate: space_of_topic::<Crypto>(TOPIC),
        eid: Identity::from_seed(&Secret32::new([agent; 32])).eid(),
        from: unix().0.into(),
        until: (unix().0 + 3_600_000).into(),
        signature: Signature::ZERO,
    }
}

struct World {
    now: Mono,
    hub: Hub<'static>,
    hosts: Vec<Directory>,
    runtime: tokio::runtime::Runtime,
}

impl World {
    fn new(hosts: usize) -> Self {
        let memory =
            HubMemory { members: memory(64, || None), passed: memory(64, || None), seen: memory(256, || Shown::FREE) };
        let hub = Hub::new(memory, Mono(0), &mut keys::rng());
        let hosts = (0..hosts).map(|_| Directory::new(vec![node()]).expect("a thread")).collect();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
        Self { now: Mono(1_000), hub, hosts, runtime }
    }

    /// Publishes an agent of a host; which one it is.
    fn publishes(&mut self, host: usize) -> Eid {
        let body = publication(100 + u8::try_from(host).expect("few"));
        let eid = body.eid;
        self.hosts[host].deposit(self.now, eid, Kind::Publication, body.as_bytes());
        eid
    }

    fn searches(&mut self, host: usize, most: usize) -> oneshot::Receiver<Value> {
        let (answer, said) = oneshot::channel();
        self.hosts[host].search(self.now, (TOPIC, most, 5_000), answer);
        said
    }

    fn hears(&mut self, to: SocketAddr, datagram: &[u8]) {
        let host = (0..self.hosts.len()).find(|host| at(*host) == to).expect("a host");
        self.hosts[host].heard(self.now, unix(), node().at, datagram);
    }

    /// All that can be sent is sent; what is worked for meanwhile comes later.
    fn settle(&mut self) {
        for _ in 0..64 {
            let mut busy = false;
            for host in 0..self.hosts.len() {
                self.hosts[host].poll(self.now);
                while let Some((_, datagram)) = self.hosts[host].next_datagram() {
                    busy = true;
                    let (now, mut out) = (Clock { mono: self.now, unix: unix() }, [0; 1_200]);
                    let mut rng = keys::rng();
                    let relayed =
                        self.hub.handle::<Crypto>(now, BITS, |_| true, at(host), &datagram, &mut rng, &mut out);
                    match relayed {
                        Relayed::Answer(length) => self.hears(at(host), &out[..length]),
                        Relayed::Forward(seeker, length) => self.hears(seeker, &out[..length]),
                        Relayed::Passed(_) | Relayed::Silence(_) => {}
                    }
                    while let Some((to, length)) = self.hub.poll_transmit(self.now, &mut out) {
                        self.hears(to, &out[..length]);
                    }
                }
            }
            if !busy {
                return;
            }
        }
        panic!("datagrams without end");
    }

    /// Until something is so; no time goes by on the hosts' clock but what work takes.
    fn until(&mut self, what: &str, mut so: impl FnMut(&mut Self) -> bool) {
        let begun = std::time::Instant::now();
        loop {
            self.settle();
            if so(self) {
                return;
            }
            assert!(begun.elapsed() < PATIENCE, "{what}");
            for host in 0..self.hosts.len() {
                let work = async { tokio::time::timeout(Duration::from_millis(5), self.hosts[host].mined()).await };
                if let Ok(mined) = self.runtime.block_on(work) {
                    self.hosts[host].worked(self.now, mined);
                }
            }
        }
    }

    /// Some agents join, each on a host of its own.
    fn members(&mut self, hosts: std::ops::Range<usize>) -> Vec<Eid> {
        let count = hosts.len();
        let eids = hosts.map(|host| self.publishes(host)).collect();
        let space = space_of_topic::<Crypto>(TOPIC);
        self.until("all have joined", |world| world.hub.members(unix(), &space) == count);
        eids
    }
}

fn found(said: &Value) -> Vec<String> {
    let all = said["found"].as_array().expect("a list").iter();
    all.map(|one| one["eid"].as_str().expect("text").to_owned()).collect()
}

// shows: IACP-136 (§6.2), IACP-137 (§6.2), IACP-138 (§6.2)
#[test]
fn a_search_finds_as_many_members_as_it_asks_for_and_none_that_has_gone() {
    let mut world = World::new(6);
    let members = world.members(1..6);
    let mut few = world.searches(0, 2);
    world.until("two answers", |world| world.hosts[0].searches.answers() == 2);
    world.now = world.now.after(5_000);
    world.settle();
    let said = few.try_recv().expect("the search is over");
    let known: Vec<String> = members.iter().map(|eid| hex::encode(eid.0)).collect();
    assert_eq!(found(&said).len(), 2, "{said}");
    assert!(found(&said).iter().all(|eid| known.contains(eid)));
    assert!(said["found"].as_array().expect("a list").iter().all(|one| one["by"] == json!(["hub"])), "{said}");
    assert_eq!(said["nodes"], 0, "this node keeps no records");

    // Of the five, three go; those that are left answer the next search.
    for (host, eid) in (1..4).zip(&members) {
        world.hosts[host].forget(eid);
    }
    let mut many = world.searches(0, 8);
    world.until("two answers", |world| world.hosts[0].searches.answers() == 2);
    world.now = world.now.after(5_000);
    world.settle();
    let mut left = found(&many.try_recv().expect("the search is over"));
    left.sort_unstable();
    let mut wanted = known[3..].to_vec();
    wanted.sort_unstable();
    assert_eq!(left, wanted);
}

#[test]
fn a_host_answers_a_request_once_for_each_of_its_members() {
    let mut world = World::new(2);
    let [eid] = world.members(1..2)[..] else { panic!("one member") };
    let _said = world.searches(0, 4);
    world.until("an answer", |world| world.hosts[0].searches.answers() == 1);
    // A second hub would pass on the same bytes.
    let head = iacp_wire::message::SpaceRelay { relay_token: iacp_wire::TransactionId([9; 8]) };
    let request = world.hosts[0].searches.request().to_vec();
    let (now, host) = (world.now, &mut world.hosts[1]);
    assert_eq!(host.members.relayed(now, unix(), &head, &request), None);
    // Its agent has gone, or what comes is no request.
    assert_eq!(host.members.relayed(now, unix(), &head, b"noise"), None);
    host.forget(&eid);
    assert!(host.members.next_deadline().is_none());
}

/// A node says that a frame lacks work.
fn error(bits: u32, refused: &[u8]) -> iacp_wire::message::ErrorMessage {
    let digest = <Crypto as iacp_core::crypto::Provider>::sha256(&[refused]);
    iacp_wire::message::ErrorMessage {
        code: 2.into(),
        refused_type: 1,
        reserved: 0,
        retry_after: bits.into(),
        refused_digest: iacp_wire::RefusedDigest(digest.first_chunk().copied().expect("8 bytes")),
    }
}

#[test]
fn a_hub_that_has_got_its_work_gets_no_more_for_the_same_words() {
    let mut world = World::new(2);
    world.members(1..2);
    let host = &mut world.hosts[1];
    let sent = host.members.door(0, 0).expect("a member").0.to_vec();
    for (bits, works) in [(BITS, false), (25, false), (BITS + 1, true)] {
        host.members.refused(world.now, &host.miner, 0, &error(bits, &sent));
        assert_eq!(host.members.door(0, 0).expect("a member").1, works, "{bits} bits");
    }
}

#[test]
fn no_node_has_a_host_work_for_more_than_24_bits_or_for_a_frame_that_it_did_not_send() {
    let mut world = World::new(1);
    let mut said = world.searches(0, 4);
    world.until("it is worked for", |world| !world.hosts[0].searches.request().is_empty());
    let host = &mut world.hosts[0];
    let sent = host.searches.request().to_vec();
    for (bits, refused) in [(25, &sent[..]), (u32::MAX, &sent), (12, b"another frame")] {
        host.searches.refused(&host.miner, 0, &error(bits, refused));
        assert_eq!(host.searches.request(), sent, "{bits} bits");
    }
    host.searches.refused(&host.miner, 0, &error(12, &sent));
    assert_ne!(host.searches.request(), sent, "it is worked for anew");
    world.now = world.now.after(5_000);
    world.settle();
    assert_eq!(said.try_recv().expect("the search is over")["found"], json!([]));
}

/// A host with so many agents that are published, behind so many nodes that say nothing by themselves.
fn publishing(agents: u8, nodes: u8) -> (Directory, Vec<Publication>) {
    let node = |number| Node {
        eid: Identity::from_seed(&Secret32::new([number; 32])).eid(),
        at: ([198, 51, 100, number], 4_300).into(),
    };
    let mut host = Directory::new((1..=nodes).map(node).collect()).expect("threads");
    let all: Vec<_> = (0..agents).map(|agent| publication(100 + agent)).collect();
    for body in &all {
        host.deposit(Mono(0), body.eid, Kind::Publication, body.as_bytes());
    }
    (host, all)
}

fn works(host: &Directory, member: usize, place: usize) -> bool {
    host.members.door(member, place).expect("a member").1
}

#[test]
fn one_join_of_a_node_is_worked_for_at_a_time_and_the_next_one_is_sent_until_it_is_its_turn() {
    let (mut host, _) = publishing(2, 2);
    let sent = [0, 1].map(|member| host.members.door(member, 0).expect("a member").0.to_vec());
    // The first node asks for all the work that there is, for one of them; the other one waits.
    host.members.refused(Mono(0), &host.miner, 0, &error(24, &sent[0]));
    host.poll(Mono(0));
    let mut now = Mono(0);
    for _ in 0..20 {
        host.members.refused(now, &host.miner, 0, &error(BITS, &sent[1]));
        assert!(works(&host, 0, 0) && !works(&host, 1, 0));
        let again = now.after(8_000);
        host.poll(Mono(again.0 - 1));
        host.out.clear();
        host.poll(again);
        assert_eq!(host.out.iter().filter(|(_, datagram)| *datagram == sent[1]).count(), 1, "{again:?}");
        now = again;
    }
    // At another node there is work meanwhile.
    let other = host.members.door(1, 1).expect("a member").0.to_vec();
    host.members.refused(now, &host.miner, 1, &error(BITS, &other));
    assert!(works(&host, 1, 1));
    // The first one is given up, or done: the next refusal finds the node free.
    let gone = host.members.door(0, 0).map(|_| publication(100).eid).expect("a member");
    host.forget(&gone);
    host.members.refused(now, &host.miner, 0, &error(BITS, &sent[1]));
    assert!(works(&host, 0, 0));
}

#[test]
fn a_join_ends_before_its_publication_so_that_a_hub_with_a_slow_clock_takes_it() {
    let (host, all) = publishing(1, 1);
    let sent = host.members.door(0, 0).expect("a member").0;
    let Ok(Frame { message: Message::SpaceJoin(join), .. }) = Frame::parse(sent) else { panic!("a SPACE_JOIN") };
    let clocks = iacp_core::directory::name::CLOCKS;
    assert_eq!(join.expiration_timestamp.get(), all[0].until.get() - clocks);
}

#[test]
fn what_fewer_than_a_quorum_demand_of_a_search_is_not_worked_for() {
    let (mut host, _) = publishing(0, 4);
    let (answer, _said) = oneshot::channel();
    host.search(Mono(0), (TOPIC, 4, 600_000), answer);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    let mined = async { tokio::time::timeout(PATIENCE, host.miner.next()).await };
    let mined = runtime.block_on(mined).expect("it is worked for");
    host.worked(Mono(0), mined);
    let sent = host.searches.request().to_vec();
    // Of four nodes three agree: one that demands the most there is, again and again, changes nothing.
    for _ in 0..3 {
        host.searches.refused(&host.miner, 3, &error(24, &sent));
        assert_eq!(host.searches.request(), sent);
    }
    host.searches.refused(&host.miner, 0, &error(9, &sent));
    assert_ne!(host.searches.request(), sent, "three are content with nine bits");
}

#[test]
fn a_publication_that_no_quorum_takes_is_written_again_until_one_does_or_it_is_renewed() {
    let (mut host, all) = publishing(1, 4);
    let mut now = Mono(0);
    host.poll(now);
    for pause in [60_000, 120_000, 240_000, 480_000, 960_000, 960_000] {
        assert_eq!(host.writes.len(), 1);
        // No node answers within 30 s.
        now = now.after(30_000);
        host.poll(now);
        assert!(host.writes.is_empty());
        host.poll(now.after(pause - 1));
        assert!(host.writes.is_empty(), "{pause}");
        now = now.after(pause);
        assert!(host.next_deadline().is_some_and(|at| at <= now), "{pause}");
        host.poll(now);
    }
    let ends = |host: &mut Directory| {
        let ends = std::iter::from_fn(|| host.learnt());
        ends.filter(|learnt| matches!(learnt, Learnt::Deposited(..) | Learnt::Published(_))).count()
    };
    assert_eq!(ends(&mut host), 1, "the agent is told once");
    // Renewed, and then gone.
    host.deposit(now, all[0].eid, Kind::Publication, all[0].as_bytes());
    host.poll(now.after(30_000));
    host.forget(&all[0].eid);
    host.poll(now.after(10_000_000));
    assert!(host.writes.is_empty());
}
