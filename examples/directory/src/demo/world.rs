//! The nodes and agents of a demo.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use anyhow::{Context as _, Result};
use iacp_core::directory::{Class, Kind};
use iacp_core::erp::ticket::storage_key;
use iacp_wire::Eid;
use iacp_wire::message::ErpRegister;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use zerocopy::FromBytes as _;

use super::{Row, Size, Verdict};
use crate::Chosen;
use crate::agent::{Agent, Gateways, seed};
use crate::clock::Clocks;
use crate::node::{Forgery, Host, Options, Overlay, Shared};

/// Bits of work without load: as little as a demo can wait for.
const BASE: u32 = 6;
/// Each agent asks so many nodes: one of them may lie.
pub const GATEWAYS: usize = 4;

/// A node, running or stopped.
pub struct Place {
    /// Its EID.
    pub eid: Eid,
    /// Where it takes frames.
    pub at: SocketAddr,
    /// Its records.
    pub shared: Shared,
    /// What makes it lie.
    pub forger: mpsc::Sender<Forgery>,
    task: Option<JoinHandle<()>>,
}

impl Place {
    /// Whether it runs.
    #[must_use]
    pub const fn runs(&self) -> bool {
        self.task.is_some()
    }
}

/// All of a demo.
pub struct World {
    /// The clocks of all.
    pub clocks: Clocks,
    /// The nodes, stopped ones too.
    pub nodes: Vec<Place>,
    /// The honest agents.
    pub agents: Vec<Agent>,
    size: Size,
    rng: ChaCha8Rng,
}

/// A loopback address of an own /16, so that the shares of networks are those of the profile.
fn address(first: usize, number: usize) -> IpAddr {
    let byte = |value: usize| u8::try_from(value % 250).unwrap_or(0);
    IpAddr::from([127, byte(first + number % 100), byte(1 + number / 100), 1])
}

impl World {
    /// A world without nodes and agents.
    #[must_use]
    pub fn new(size: Size) -> Self {
        let rng = ChaCha8Rng::seed_from_u64(size.seed);
        Self { clocks: Clocks::new(), nodes: Vec::new(), agents: Vec::new(), size, rng }
    }

    /// How large it is.
    #[must_use]
    pub const fn size(&self) -> Size {
        self.size
    }

    /// Where agent `number` is at first, and where it goes.
    #[must_use]
    pub fn home(number: usize, moved: bool) -> IpAddr {
        address(if moved { 150 } else { 50 }, number)
    }

    fn below(&mut self, bound: usize) -> usize {
        let bound = u64::try_from(bound.max(1)).unwrap_or(1);
        usize::try_from(self.rng.next_u64() % bound).unwrap_or(0)
    }

    /// Starts a node, which joins three of the others.
    ///
    /// # Errors
    /// No port is free.
    pub async fn start_node(&mut self) -> Result<usize> {
        let number = self.nodes.len();
        let join: Gateways = self.some(3);
        let mut last = None;
        for _ in 0..20 {
            let port = u16::try_from(20_000 + 2 * self.below(10_000)).unwrap_or(20_000);
            let options = Options {
                seed: seed(self.size.seed, "node", number),
                listen: (address(1, number), port).into(),
                join: join.clone(),
                base: BASE,
                clocks: self.clocks.clone(),
                votes: None,
                cases: None,
                pinned: Vec::new(),
            };
            let (listen, host) = (options.listen, Host::start(options).await);
            match host {
                Ok(host) => {
                    let (shared, forger) = (host.shared(), host.forger());
                    let eid = shared.keeper().eid();
                    let task = Some(tokio::spawn(host.run()));
                    self.nodes.push(Place { eid, at: listen, shared, forger, task });
                    return Ok(number);
                }
                Err(error) => last = Some(error),
            }
        }
        Err(last.context("no port was tried")?)
    }

    /// Starts an agent that no node knows yet.
    ///
    /// # Errors
    /// Its address cannot be bound.
    pub async fn agent(&self, number: usize) -> Result<Agent> {
        Agent::new(seed(self.size.seed, "agent", number), Self::home(number, false), self.clocks.clone()).await
    }

    /// Stops a node without a word.
    pub fn stop(&mut self, number: usize) {
        if let Some(task) = self.nodes.get_mut(number).and_then(|node| node.task.take()) {
            task.abort();
        }
    }

    /// The numbers of running nodes.
    #[must_use]
    pub fn running(&self) -> Vec<usize> {
        self.nodes.iter().enumerate().filter(|(_, node)| node.runs()).map(|(number, _)| number).collect()
    }

    /// Stops so many nodes, chosen at random.
    pub fn stop_some(&mut self, count: usize) -> Vec<usize> {
        let mut stopped = Vec::new();
        for _ in 0..count {
            let running = self.running();
            let choice = self.below(running.len());
            if let Some(number) = running.get(choice) {
                self.stop(*number);
                stopped.push(*number);
            }
        }
        stopped
    }

    /// So many running nodes, chosen at random.
    pub fn some(&mut self, count: usize) -> Gateways {
        let mut left = self.running();
        let mut chosen = Gateways::new();
        while chosen.len() < count && !left.is_empty() {
            let choice = self.below(left.len());
            let number = left.swap_remove(choice);
            chosen.extend(self.nodes.get(number).map(|node| (node.eid, node.at)));
        }
        chosen
    }

    /// The running nodes that are responsible for a key.
    #[must_use]
    pub fn responsible(&self, eid: &Eid) -> Gateways {
        let nodes = self.known().nearest(Class::Identities, &storage_key::<Chosen>(eid));
        self.nodes.iter().filter(|node| nodes.contains(&node.eid)).map(|node| (node.eid, node.at)).collect()
    }

    /// The running nodes, as an agent knows them.
    #[must_use]
    pub fn known(&self) -> Overlay {
        let mut known = Overlay::default();
        for node in self.nodes.iter().filter(|node| node.runs()) {
            known.enter(node.eid, node.at);
        }
        known
    }

    /// Waits until each running node knows all running nodes and no stopped one.
    pub async fn settle(&self, patience: Duration) -> bool {
        let wanted: BTreeSet<Eid> = self.nodes.iter().filter(|node| node.runs()).map(|node| node.eid).collect();
        let knows = |node: &Place| {
            let keeper = node.shared.keeper();
            keeper.overlay.len() == wanted.len() && wanted.iter().all(|eid| keeper.overlay.at(eid).is_some())
        };
        self.wait(patience, || self.nodes.iter().filter(|node| node.runs()).all(knows)).await
    }

    /// Waits until something is so.
    pub async fn wait(&self, patience: Duration, mut is_so: impl FnMut() -> bool) -> bool {
        let until = tokio::time::Instant::now() + patience;
        while !is_so() {
            if tokio::time::Instant::now() >= until {
                return false;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        true
    }

    /// Where the records of an agent stand.
    #[must_use]
    pub fn row(&self, number: usize, agent: &Agent) -> Row {
        let newest = |body: &[u8]| {
            ErpRegister::read_from_bytes(body)
                .is_ok_and(|binding| binding.generation_counter.get() == agent.generation())
        };
        let (signs, copies) = self.holders(&agent.eid(), Kind::Binding, newest);
        let (_, tickets) = self.holders(&agent.eid(), Kind::Ticket, |_| true);
        Row { agent: number, generation: agent.generation(), signs, copies, tickets }
    }

    /// Where the verdict on a key stands.
    #[must_use]
    pub fn verdict(&self, accused: &'static str, eid: &Eid, outcome: &'static str) -> Verdict {
        let (signs, copies) = self.holders(eid, Kind::Verdict, |_| true);
        Verdict { accused, outcome, signs, copies }
    }

    /// A sign for each node, and how many responsible ones have a record of this kind with such a body.
    fn holders(&self, eid: &Eid, kind: Kind, is_it: impl Fn(&[u8]) -> bool) -> (String, usize) {
        let key = storage_key::<Chosen>(eid);
        let (responsible, now) = (self.known().nearest(Class::Identities, &key), self.clocks.now().unix);
        let has = |node: &Place| {
            let keeper = node.shared.keeper();
            keeper.node.store().one(now, kind, key).is_some_and(|(record, _)| is_it(record.body))
        };
        let mut copies = 0;
        let signs = self.nodes.iter().map(|node| match (node.runs(), responsible.contains(&node.eid), has(node)) {
            (false, ..) => '×',
            (true, true, true) => {
                copies += 1;
                '●'
            }
            (true, true, false) => '!',
            (true, false, true) => '○',
            (true, false, false) => '·',
        });
        (signs.collect(), copies)
    }
}
