//! Hosts driven by a list of operations: what agents ask by their local channels, what happens to hosts and networks, and what
//! strangers send.
//!
//! An input is four bytes of settings and then four bytes for each operation, as [`Op`] lists them: any bytes are a run, and a
//! change of one byte is a change of one operation. A test's seeds, random bytes and a fuzzer all go this way.

mod agent;
mod befall;
mod op;
mod seeds;

use std::collections::{BTreeMap, BTreeSet};

use iacp_core::crypto::{Portable, Provider, Secret32};
use iacp_core::erp::entity::Dropped;
use iacp_wire::{Digest, Eid, MessageType};

use crate::hosts::Hosts;

pub use op::{Op, REQUESTS};
pub use seeds::seeds;

/// The hosts of a run, and the operations of it that are done.
const HOSTS: usize = 3;
const OPS: usize = 160;
/// Contexts and sessions that a host has places for.
const CONTEXTS: u32 = 4;
const SESSIONS: u32 = 16;
/// The root key of each host's second agent.
const ROOT: [u8; 32] = [7; 32];

/// What a run has reached.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Requests by op, and by the status of their RESULT; those whose RESULT is to come are in [`Report::later`].
    pub asked: BTreeMap<(u16, u16), u32>,
    /// Requests, by op, that are answered later.
    pub later: BTreeMap<u16, u32>,
    /// Notices by code.
    pub told: BTreeMap<u16, u32>,
    /// Notices to agents that have come from another host, by code.
    pub told_after_docking: BTreeMap<u16, u32>,
    /// Datagrams between hosts and to nodes, by message type, and those in ERP_STREAM by the type inside.
    pub frames: BTreeMap<u8, u32>,
    /// Frames of the local channels, by message type.
    pub local: BTreeMap<u8, u32>,
    /// Reports about paths that peers have sent: data frames of kind 6.
    pub path_reports: u32,
    /// Contexts that have moved to another host.
    pub docked: u32,
    /// Steps of a move that were refused.
    pub not_docked: u32,
    /// Why datagrams and local frames did nothing.
    pub dropped: BTreeSet<String>,
}

impl Report {
    /// This run's and another's.
    pub fn add(&mut self, other: &Self) {
        fn sum<K: Ord + Copy>(to: &mut BTreeMap<K, u32>, from: &BTreeMap<K, u32>) {
            from.iter().for_each(|(key, count)| *to.entry(*key).or_default() += count);
        }
        sum(&mut self.asked, &other.asked);
        sum(&mut self.later, &other.later);
        sum(&mut self.told, &other.told);
        sum(&mut self.told_after_docking, &other.told_after_docking);
        sum(&mut self.frames, &other.frames);
        sum(&mut self.local, &other.local);
        self.path_reports += other.path_reports;
        self.docked += other.docked;
        self.not_docked += other.not_docked;
        self.dropped.extend(other.dropped.iter().cloned());
    }

    fn local_frame(&mut self, bytes: &[u8]) {
        if let Some(code) = message_type(bytes) {
            *self.local.entry(code).or_default() += 1;
        }
    }

    /// Whether a request with this op was done, or is answered later.
    #[must_use]
    pub fn was_done(&self, op: u16) -> bool {
        self.asked.contains_key(&(op, 0)) || self.later.contains_key(&op)
    }
}

/// The type in a header.
fn message_type(bytes: &[u8]) -> Option<u8> {
    let [first, second, ..] = bytes else { return None };
    Some(first << 4 | second >> 4)
}

/// One run.
struct Drive {
    world: Hosts,
    report: Report,
    /// Own endpoints and derivatives, by EID.
    own: BTreeMap<[u8; 32], Vec<Digest>>,
    derived: BTreeMap<[u8; 32], Vec<Digest>>,
    /// Sessions in which items may come again: their agents have asked for that.
    rewound: BTreeSet<(usize, u64)>,
    /// Agents that have come from another host.
    moved: BTreeSet<(usize, [u8; 32])>,
}

/// Runs an input. It panics if something does not hold.
///
/// # Panics
/// A host panics, stands still, has more than its tables hold, delivers an item twice that was not asked for again, accuses an
/// honest one, or does not give everything back when its agents are silent.
#[must_use]
pub fn run(input: &[u8]) -> Report {
    let Some((settings, ops)) = input.split_first_chunk::<4>() else { return Report::default() };
    let mut drive = Drive::new(*settings);
    for op in ops.as_chunks::<4>().0.iter().take(OPS) {
        drive.step(Op::read(*op));
        drive.holds();
    }
    drive.comes_to_rest();
    drive.report
}

impl Drive {
    fn new([seed, directory, _, _]: [u8; 4]) -> Self {
        let mut world = Hosts::new(seed.into(), 3, 1, directory.is_multiple_of(2));
        let (now, root) = (world.now, Eid(Portable::public_key(&Portable::signing_key(&Secret32::new(ROOT)))));
        for host in &mut world.hosts {
            host.init_as(now, Some(root), Digest([1; 32]));
        }
        // Those with a root key wait 5 s for its record.
        world.run(100);
        let (own, derived) = (BTreeMap::new(), BTreeMap::new());
        Self { world, report: Report::default(), own, derived, rewound: BTreeSet::new(), moved: BTreeSet::new() }
    }

    fn step(&mut self, op: Op) {
        match op {
            Op::Wait(some, power) => self.wait(u64::from(some) << (power % 12)),
            Op::Ask { op, who, b, c } => self.ask(op, who, b, c),
            other => self.befall(other),
        }
        self.world.settle();
    }

    /// So many milliseconds pass, in which all agents live.
    fn wait(&mut self, milliseconds: u64) {
        let mut left = milliseconds;
        while left > 0 {
            let step = left.min(20_000);
            self.world.run(step);
            self.world.keep_alive();
            left -= step;
        }
    }

    /// A host, and one of its agents, if it has any.
    fn place(&self, who: u8) -> Option<(usize, usize)> {
        let host = usize::from(who) % HOSTS;
        let agent = (usize::from(who) / HOSTS).checked_rem(self.world.hosts[host].agents.len())?;
        Some((host, agent))
    }

    fn eid(&self, who: u8) -> Option<Eid> {
        self.place(who).map(|(host, agent)| self.world.eid(host, agent))
    }

    fn holds(&self) {
        for host in &self.world.hosts {
            let (agents, sessions, _) = host.entity.counts();
            assert!(agents <= CONTEXTS && sessions <= SESSIONS, "{agents} contexts, {sessions} sessions");
        }
    }

    /// All agents fall silent: everything is given back; and what they were told is counted.
    fn comes_to_rest(&mut self) {
        self.world.run(400_000);
        for (number, host) in self.world.hosts.iter().enumerate() {
            assert_eq!((host.entity.counts().0, host.entity.counts().1), (0, 0), "contexts or sessions are left");
            assert!(!host.dropped.contains(&Dropped::Equivocation), "an honest host equivocates");
            for ((_, bits), told) in &host.told {
                let twice = told.items.values().any(|(_, times)| *times > 1);
                assert!(!twice || self.rewound.contains(&(number, *bits)), "an item came twice");
            }
            for ((eid, code), count) in &host.heard {
                *self.report.told.entry(*code).or_default() += count;
                if self.moved.contains(&(number, *eid)) {
                    *self.report.told_after_docking.entry(*code).or_default() += count;
                }
            }
            self.report.path_reports += host.path_reports;
            self.report.dropped.extend(host.dropped.iter().map(|why| format!("{why:?}")));
        }
        for (.., bytes) in &self.world.trace {
            let inner = if bytes.starts_with(&[0x18, 0x10]) { bytes.get(76..) } else { None };
            for code in [Some(&bytes[..]), inner].into_iter().flatten().filter_map(message_type) {
                *self.report.frames.entry(code).or_default() += 1;
            }
        }
    }
}

/// The types of frames that an LL-Entity sends to other hosts and to nodes.
#[must_use]
pub fn sent_types() -> Vec<MessageType> {
    use MessageType as T;
    vec![
        T::ErpRegister,
        T::MigrationVector,
        T::ErpStream,
        T::ErpDeflect,
        T::PathRelay,
        T::PssInit,
        T::PssNeg,
        T::PssAck,
        T::PssDataStream,
        T::PssTeardown,
        T::AnmlFallbackQuery,
    ]
}
