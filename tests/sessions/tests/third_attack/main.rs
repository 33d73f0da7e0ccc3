//! A third attack on the LL-Entity: contexts on their way from host to host, floods that are to shut others out, lines whose link
//! drops at the wrong moment, and ends that are to pass without a word.

mod docking;
mod floods;
mod lines;
mod unbound;

use iacp_core::erp::entity::Done;
use iacp_core::erp::local::{Listen, LocalStatus, Open, Request};
use iacp_core::erp::resume::{Line, ResumeRecord};
use iacp_core::pss::{Capabilities, Terms};
use iacp_core::slots::Handle;
use sessions::hosts::{Hosts, Told};

const TERMS: Terms = Terms { dgk_rotation: 0, lifetime: 0, receive_window: 16 };

/// Hosts with a BOUND agent each, which listen, and a directory.
fn bound(seed: u64, hosts: u8, capabilities: Capabilities, hold: bool) -> Hosts {
    let mut world = Hosts::new(seed, hosts, 1, true);
    assert!(world.run_until(60_000, Hosts::all_bound));
    let (now, listen) = (world.now, Listen { capabilities, terms: TERMS, sessions: 8, hold });
    for host in &mut world.hosts {
        host.with(now, 0, |desk, _| desk.listen(listen)).expect("a window");
    }
    world
}

/// The agent of one host opens a session with that of another.
fn ask_to_open(
    world: &mut Hosts,
    (from, to): (usize, usize),
    (offer, hold): (Capabilities, bool),
    resume: Option<&[u8; 56]>,
) -> Result<Handle, LocalStatus> {
    let (now, peer) = (world.now, world.eid(to, 0));
    let open = Open { peer, at: None, hold, offer, resume, proof: None };
    match world.hosts[from].with(now, 0, |desk, rng| desk.ask(None, &Request::Open(open), rng))? {
        Done::Session(session) => Ok(session),
        other => panic!("{other:?}"),
    }
}

/// What the first agent of a host was told of a session.
fn told(world: &Hosts, host: usize, session: Handle) -> Told {
    world.hosts[host].told.get(&(0, session.bits())).cloned().unwrap_or_default()
}

/// The newest session that the first agent of a host was told of and that lives.
fn current(world: &Hosts, host: usize) -> Option<Handle> {
    let all = world.hosts[host].told.iter().filter(|((agent, _), _)| *agent == 0);
    let mut live = all.filter(|(_, told)| told.opened.is_some() && told.closed.is_none());
    live.next_back().and_then(|((_, bits), _)| Handle::from_bits(*bits))
}

/// An open session without any capability. Both handles.
fn open(world: &mut Hosts, (from, to): (usize, usize)) -> (Handle, Handle) {
    let session = ask_to_open(world, (from, to), (Capabilities::NONE, false), None).expect("there is room");
    let (own, peer) = (world.eid(from, 0), world.eid(to, 0));
    let is_open = |world: &Hosts, host: usize, peer| {
        world.hosts[host].told_of(0, peer).filter(|(_, told)| told.opened.is_some()).map(|(handle, _)| handle)
    };
    assert!(
        world.run_until(5_000, |world| is_open(world, from, &peer).is_some() && is_open(world, to, &own).is_some())
    );
    (session, is_open(world, to, &own).expect("it is open"))
}

/// What an agent writes down of a line.
fn record(world: &Hosts, peer: usize, line: [u8; 16], safe: u64) -> [u8; 56] {
    ResumeRecord { peer: world.eid(peer, 0), line: Line(line), safe }.to_bytes()
}
