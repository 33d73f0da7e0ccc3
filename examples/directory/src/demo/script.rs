//! What happens in a demo, and what must be so after each step.

use std::net::IpAddr;
use std::time::Duration;

use anyhow::{Context as _, Result};
use futures::future::join_all;
use iacp_core::directory::client::Found;
use iacp_core::directory::quorum::needed;
use iacp_core::directory::{Class, Kind};
use iacp_core::erp::generation::PORT;
use iacp_core::erp::ticket::storage_key;
use iacp_core::governance::window::{EPOCH, GRACE, Outcome, WINDOW};
use iacp_wire::Eid;
use iacp_wire::layout::Record;
use iacp_wire::message::ErpRegister;
use tokio::sync::oneshot;
use tokio::time::timeout;
use zerocopy::IntoBytes as _;

use super::world::{GATEWAYS, World};
use super::{Mark, Report, Size};
use crate::Chosen;
use crate::agent::{Agent, Written};
use crate::node::Forgery;

/// So many agents ask at a time.
const AT_ONCE: usize = 8;
/// How long nodes may take to know each other, or to hand over.
const PATIENCE: Duration = Duration::from_secs(45);
/// Statuses: what stands is as new, its owner is accused, or convicted.
const STALE: u32 = 1;
const CHALLENGED: u32 = 3;
const BLOCKED: u32 = 19;
/// What two agents have from a session.
const TICKET_KEY: [u8; 32] = [0x5A; 32];

struct Script<'t> {
    world: World,
    /// Keys that were accused, and what came of it.
    tried: Vec<(&'static str, Eid, &'static str)>,
    marks: Vec<Mark>,
    ahead: u64,
    tell: &'t mut (dyn FnMut(&Mark) + Send),
}

impl Script<'_> {
    fn mark(&mut self, what: String, holds: Option<bool>) {
        let mark = Mark { at: self.world.clocks.elapsed(), ahead: self.ahead / 60_000, what, holds };
        (self.tell)(&mark);
        self.marks.push(mark);
    }

    fn check(&mut self, what: String, holds: bool) {
        self.mark(what, Some(holds));
    }

    fn set_forward(&mut self, by: u64) {
        self.world.clocks.set_forward(by);
        self.ahead += by;
    }

    async fn settle(&mut self) {
        let (count, settled) = (self.world.running().len(), self.world.settle(PATIENCE).await);
        self.check(format!("{count} nodes know each other"), settled);
    }

    /// Has all agents do something, some at a time; gives how many got a quorum.
    async fn all(&mut self, what: Deed) -> Result<usize> {
        let mut agents = std::mem::take(&mut self.world.agents);
        let mut done = 0;
        for (chunk, some) in agents.chunks_mut(AT_ONCE).enumerate() {
            let tasks = some.iter_mut().enumerate().filter_map(|(at, agent)| {
                let number = chunk * AT_ONCE + at;
                let nodes = self.world.some(GATEWAYS);
                what.concerns(number).then(|| what.perform(number, agent, nodes))
            });
            for written in join_all(tasks).await {
                done += usize::from(written? == Written::Done);
            }
        }
        self.world.agents = agents;
        Ok(done)
    }

    /// Each agent is looked up by another, through other nodes. Nothing that was confirmed may be lost.
    async fn find_all(&mut self, when: &str) -> Result<()> {
        let agents = std::mem::take(&mut self.world.agents);
        let known = self.world.known();
        let (mut found, total) = (0, agents.len());
        for start in (0..total).step_by(AT_ONCE) {
            let tasks = (start..(start + AT_ONCE).min(total)).filter_map(|number| {
                let (asks, sought) = (agents.get((number + 1) % total)?, agents.get(number)?);
                let nodes = self.world.some(GATEWAYS);
                let known = &known;
                Some(async move { Ok::<_, anyhow::Error>((number, asks.find(&sought.eid(), &nodes, known).await?)) })
            });
            for result in join_all(tasks).await {
                let (number, Found { binding, .. }) = result?;
                let agent = agents.get(number).context("an agent")?;
                let at = binding.map(|at| (IpAddr::from(at.current_transport_ip), at.generation_counter.get()));
                found += usize::from(at == Some((agent.at()?, agent.generation())));
            }
        }
        self.world.agents = agents;
        self.check(format!("{found} of {total} agents are found where they are, {when}"), found == total);
        Ok(())
    }

    /// Each agent's ticket is looked up by another, which has the key of their session.
    async fn follow_all(&mut self, when: &str) -> Result<()> {
        let agents = std::mem::take(&mut self.world.agents);
        let (mut found, total) = (0, agents.len());
        for start in (0..total).step_by(AT_ONCE) {
            let tasks =
                (start..(start + AT_ONCE).min(total)).filter_map(|number| {
                    let (asks, owner) = (agents.get((number + 1) % total)?, agents.get(number)?.eid());
                    let nodes = self.world.some(GATEWAYS);
                    Some(async move {
                        Ok::<_, anyhow::Error>((number, asks.follow_ticket(&owner, TICKET_KEY, &nodes).await?))
                    })
                });
            for result in join_all(tasks).await {
                let (number, at) = result?;
                found += usize::from(at.is_some_and(|at| at.ip() == World::home(number, Deed::Move.concerns(number))));
            }
        }
        self.world.agents = agents;
        self.check(
            format!("{found} of {total} tickets open for a peer and say where the owner is, {when}"),
            found == total,
        );
        Ok(())
    }

    /// Waits until every binding has a quorum of its responsible nodes again.
    async fn handed_over(&mut self) {
        let world = &self.world;
        let enough = |world: &World| {
            let rows = world.agents.iter().enumerate().map(|(number, agent)| world.row(number, agent).copies);
            rows.min().unwrap_or(0)
        };
        let k = needed(world.known().nearest(Class::Identities, &iacp_wire::DhtKey::ZERO).len());
        let all = world.wait(PATIENCE, || enough(world) >= k).await;
        let least = enough(world);
        self.check(format!("every binding has at least {least} copies at its 7 nodes; {k} are a quorum"), all);
    }

    async fn stop(&mut self, count: usize) {
        let stopped = self.world.stop_some(count);
        self.mark(format!("nodes {stopped:?} are stopped without a word"), None);
    }
}

/// What all agents do.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Deed {
    Register,
    Move,
    Refresh,
    Ticket,
}

impl Deed {
    /// Every second one moves.
    const fn concerns(self, number: usize) -> bool {
        !matches!(self, Self::Move) || number.is_multiple_of(2)
    }

    async fn perform(self, number: usize, agent: &mut Agent, nodes: crate::agent::Gateways) -> Result<Written> {
        match self {
            Self::Register => agent.register(&nodes).await,
            Self::Move => agent.migrate(World::home(number, true), &nodes).await,
            Self::Refresh => agent.refresh(&nodes).await,
            Self::Ticket => {
                let next = World::home(number, Self::Move.concerns(number));
                agent.leave_ticket(TICKET_KEY, (next, PORT).into(), &nodes).await
            }
        }
    }
}

pub async fn run(size: Size, tell: &mut (dyn FnMut(&Mark) + Send)) -> Result<Report> {
    let mut script = Script { world: World::new(size), tried: Vec::new(), marks: Vec::new(), ahead: 0, tell };
    begin(&mut script).await?;
    registered(&mut script).await?;
    moved(&mut script).await?;
    attacked(&mut script).await?;
    tried(&mut script).await?;
    let world = &script.world;
    let rows = world.agents.iter().enumerate().map(|(number, agent)| world.row(number, agent)).collect();
    let verdicts = script.tried.iter().map(|(accused, eid, outcome)| world.verdict(accused, eid, outcome)).collect();
    let (mut taken, mut refused) = (0, 0);
    for node in &world.nodes {
        let counts = node.shared.keeper().counts;
        (taken, refused) = (taken + counts.taken, refused + counts.refused);
    }
    Ok(Report { size, marks: script.marks, rows, verdicts, taken, refused })
}

async fn begin(script: &mut Script<'_>) -> Result<()> {
    for _ in 0..script.world.size().nodes {
        script.world.start_node().await?;
    }
    script.settle().await;
    for number in 0..script.world.size().agents {
        let agent = script.world.agent(number).await?;
        script.world.agents.push(agent);
    }
    Ok(())
}

async fn registered(script: &mut Script<'_>) -> Result<()> {
    let total = script.world.agents.len();
    let done = script.all(Deed::Register).await?;
    script.check(format!("{done} of {total} agents registered, each at a quorum of nodes"), done == total);
    script.find_all("after they registered").await?;
    let done = script.all(Deed::Ticket).await?;
    script.check(
        format!("{done} of {total} agents left a Forwarding Ticket that says where they will be"),
        done == total,
    );
    Ok(())
}

async fn moved(script: &mut Script<'_>) -> Result<()> {
    script.stop(2).await;
    let (done, movers) = (script.all(Deed::Move).await?, script.world.agents.len().div_ceil(2));
    script
        .check(format!("{done} of {movers} agents moved while the others notice that nodes are gone"), done == movers);
    script.settle().await;
    script.handed_over().await;
    script.find_all("after every second one moved").await?;
    for _ in 0..2 {
        let number = script.world.start_node().await?;
        script.mark(format!("node {number} comes"), None);
    }
    script.settle().await;
    script.stop(2).await;
    script.settle().await;
    script.handed_over().await;
    script.find_all("after two nodes came and two more went").await?;
    script.follow_all("after that").await
}

/// A lying node.
async fn attacked(script: &mut Script<'_>) -> Result<()> {
    let victim = script.world.agents.first().context("an agent")?;
    let key = storage_key::<Chosen>(&victim.eid());
    let (mut binding, _) = victim.contradiction(World::home(0, true), World::home(0, true));
    // The next generation, elsewhere, under the signature of this one.
    binding.generation_counter = (binding.generation_counter.get() + 1).into();
    binding.current_transport_ip = World::home(7, false).into();
    let record = Record { kind: Kind::Binding as u8, storage_key: key, expiry: u64::MAX, body: binding.as_bytes() };
    let mut bytes = [0; 1_004];
    let length = record.write(&mut bytes).map_err(|error| anyhow::anyhow!("a record: {error}"))?;
    let (taken, told) = oneshot::channel();
    let value = bytes.get(..length).unwrap_or_default().to_vec();
    let running = script.world.running();
    let liar = running.first().and_then(|number| script.world.nodes.get(*number)).context("a node")?;
    let forgery = Forgery { class: Class::Identities, key, value, taken };
    liar.forger.send(forgery).await.map_err(|_| anyhow::anyhow!("the node has ended"))?;
    let copies = timeout(PATIENCE, told).await.context("the forgery has no end")?.context("the node has ended")?;
    script
        .check(format!("a node writes a forged binding of agent 0 into the DHT: {copies} nodes take it"), copies == 0);
    script.find_all("after the forgery").await
}

/// Two accused keys: the owner of one signed two places, the other one was stolen.
async fn tried(script: &mut Script<'_>) -> Result<()> {
    let total = script.world.agents.len();
    let (mut liar, mut victim) = (script.world.agent(total).await?, script.world.agent(total + 1).await?);
    let (one, other) = (script.world.some(GATEWAYS), script.world.some(GATEWAYS));
    let registered = (liar.register(&one).await?, victim.register(&one).await?, victim.revoke(&one).await?);
    let is_so = registered == (Written::Done, Written::Done, Written::Done);
    script.check("a liar and a victim register; the victim revokes its stolen key".to_owned(), is_so);
    let judges = script.world.responsible(&liar.eid());
    let twin = liar.equivocate(World::home(total + 2, false), &judges).await?;
    script.check(
        "the liar says under the same generation that it is elsewhere: no quorum takes it".to_owned(),
        matches!(twin, Written::Refused(STALE | CHALLENGED)),
    );

    // The pair, as it comes together at a node that was told the second place, or out of the liar's own words.
    let seen = liar.contradiction(World::home(total, false), World::home(total + 2, false));
    let accuser = script.world.agents.first().context("an agent")?;
    let found = accuser.find(&liar.eid(), &other, &script.world.known()).await?;
    let came_together = found.pair.is_some();
    let pair: (ErpRegister, ErpRegister) = found.pair.unwrap_or(seen);
    script.mark(
        match came_together {
            true => "agent 0 looks the liar up, and the answers contradict each other".to_owned(),
            false => "agent 0 has both bindings of the liar".to_owned(),
        },
        None,
    );
    // A revocation defends from the next epoch on.
    script.set_forward(EPOCH + 1_000);
    let stolen = victim.contradiction(World::home(total + 1, false), World::home(total + 3, false));
    let nodes = script.world.some(GATEWAYS);
    let accuser = script.world.agents.first().context("an agent")?;
    // A node that came to hold the pair has accused the liar by it already: then the accusation is known.
    let by_agent = accuser.accuse(&pair, &nodes).await?;
    let of_victim = accuser.accuse(&stolen, &nodes).await?;
    let keys = [liar.eid(), victim.eid()];
    let known = script.world.known();
    let world = &script.world;
    let is_tried = || {
        keys.iter().all(|eid| {
            let nodes = known.nearest(Class::Identities, &storage_key::<Chosen>(eid));
            let tried = world.nodes.iter().filter(|node| node.runs() && nodes.contains(&node.eid));
            tried.filter(|node| node.shared.keeper().node.is_challenged(eid)).count() >= needed(nodes.len())
        })
    };
    let tried = world.wait(PATIENCE, is_tried).await;
    let nodes_accused: u64 = world.nodes.iter().map(|node| node.shared.keeper().counts.accused).sum();
    script.mark(
        match by_agent {
            Written::Done => "agent 0 accuses the liar".to_owned(),
            _ => format!("{nodes_accused} nodes that came to hold the pair have accused the liar by it"),
        },
        None,
    );
    script.check("both are accused with a proof, at a quorum of nodes".to_owned(), tried && of_victim == Written::Done);
    let moved = liar.register(&script.world.responsible(&liar.eid())).await?;
    let holds = moved == Written::Refused(CHALLENGED);
    script.check("while it is CHALLENGED the liar moves nowhere".to_owned(), holds);

    script.set_forward((WINDOW + GRACE) * EPOCH);
    script.mark("the hour of the escrow goes by: the clocks are set forward".to_owned(), None);
    let known = script.world.known();
    let (mut guilty, mut cleared) = (None, None);
    for _ in 0..20 {
        tokio::time::sleep(Duration::from_millis(1_000)).await;
        let nodes = script.world.some(GATEWAYS);
        let reader = script.world.agents.first().context("an agent")?;
        guilty = reader.verdict(&liar.eid(), &nodes, &known).await?;
        cleared = reader.verdict(&victim.eid(), &nodes, &known).await?;
        if guilty.is_some() && cleared.is_some() {
            break;
        }
    }
    script.check("the liar is GUILTY, by the votes of a quorum".to_owned(), guilty == Some(Outcome::Guilty as u8));
    script.check("the victim of the theft is CLEARED".to_owned(), cleared == Some(Outcome::Cleared as u8));
    let word = |outcome: Option<u8>| match outcome {
        Some(code) if code == Outcome::Guilty as u8 => "GUILTY: slashed",
        Some(code) if code == Outcome::Cleared as u8 => "CLEARED",
        _ => "none",
    };
    script.tried = vec![("liar", liar.eid(), word(guilty)), ("victim", victim.eid(), word(cleared))];
    let blocked = liar.register(&script.world.responsible(&liar.eid())).await?;
    script.check(
        "the liar registers nowhere any more".to_owned(),
        matches!(blocked, Written::Refused(BLOCKED | CHALLENGED)),
    );

    let done = script.all(Deed::Refresh).await?;
    script.check(format!("{done} of {total} agents refreshed their bindings after the hour"), done == total);
    script.stop(2).await;
    script.settle().await;
    script.handed_over().await;
    script.find_all("at the end").await?;
    script.follow_all("at the end").await?;
    // The votes are of the nodes that were responsible then, and two of them may be stopped.
    let nodes = script.world.some(GATEWAYS);
    let reader = script.world.agents.first().context("an agent")?;
    let verdicts =
        (reader.verdict(&liar.eid(), &nodes, &known).await?, reader.verdict(&victim.eid(), &nodes, &known).await?);
    let holds = verdicts == (Some(Outcome::Guilty as u8), Some(Outcome::Cleared as u8));
    script.check("both verdicts are found, at the end".to_owned(), holds);
    Ok(())
}
