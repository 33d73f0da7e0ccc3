//! The directory behind a host: the nodes that it was given keep the bindings of its agents, and say where others are.
//!
//! ```text
//! LlEntity --- Nodes, Peer, Own, Deposit, … ---> Directory --- DIR_GET, records ---> nodes
//!          <-- what k nodes say, each record judged --+  ^------ answers ------------+
//! ERP_REGISTER, MIGRATION_VECTOR ---> dressed: with the work that the nodes ask for ---> nodes
//! ```
//!
//! The LL-Entity counts the confirmations of its bindings itself. What it does not do is here: work, the refresh of a binding
//! that stands, look-ups, all other records, and Discovery Spaces: what is published in them, searched, and answered.

pub mod learnt;
mod members;
pub mod mining;
mod presence;
pub mod reads;
pub mod searches;
mod writes;

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;

use anyhow::{Result, bail, ensure};
use iacp_core::crypto::CheckedKey;
use iacp_core::directory::Kind;
use iacp_core::directory::client::Written;
use iacp_core::directory::quorum::{faulty, needed};
use iacp_core::erp::binding::Binding;
use iacp_core::erp::generation::PORT;
use iacp_core::erp::switch_point::{NODES, Node, Quorum};
use iacp_core::time::{Mono, UnixTime};
use iacp_wire::layout::Publication;
use iacp_wire::{Cookie, Eid, Frame, Message};
use serde_json::Value;
use tokio::sync::oneshot;
use zerocopy::FromBytes;

use crate::clock::unix;
use crate::host::directory::learnt::Learnt;
use crate::host::directory::members::Members;
use crate::host::directory::mining::{Mined, Miner};
use crate::host::directory::presence::Presence;
use crate::host::directory::reads::{About, Reads};
use crate::host::directory::searches::Searches;
use crate::host::directory::writes::{Purpose, Write};
use crate::keys::{Crypto, Target};

/// A binding lives two hours at a node; its owner sends it again after this long, ...
const REFRESH: u64 = 1_800_000;
/// ... and, where no quorum has taken it, after this long.
const REFRESH_AGAIN: u64 = 60_000;

/// A binding that a quorum of nodes has, or is to have.
struct Registered {
    binding: Binding,
    /// When it is sent again, once a quorum has it.
    refresh: Option<Mono>,
}

/// The nodes, and all that is under way to them.
pub struct Directory {
    nodes: Vec<Node>,
    eids: Vec<Eid>,
    presence: Presence,
    registered: HashMap<Eid, Registered>,
    writes: Vec<Write>,
    reads: Reads,
    members: Members,
    searches: Searches,
    miner: Miner,
    out: VecDeque<(SocketAddr, Vec<u8>)>,
    learnt: VecDeque<Learnt>,
}

impl Directory {
    /// Reads `EID@IP:PORT` of each node.
    ///
    /// # Errors
    /// It is none, one is named twice, or more are named than are asked.
    pub async fn read(nodes: &[String]) -> Result<Self> {
        ensure!(nodes.len() <= NODES, "--directory: no more than {NODES} nodes");
        let mut all: Vec<Node> = Vec::new();
        for text in nodes {
            let Target { eid, at, .. } = Target::read("--directory", text).await?;
            if all.iter().any(|node| node.eid == eid || node.at == at) {
                bail!("--directory: {text} is named twice");
            }
            ensure!(CheckedKey::new::<Crypto>(&eid.0).is_ok(), "--directory: {text}: its EID is no key");
            all.push(Node { eid, at });
        }
        Ok(Self::new(all)?)
    }

    fn new(nodes: Vec<Node>) -> std::io::Result<Self> {
        let eids = nodes.iter().map(|node| node.eid).collect();
        let presence = Presence::new(nodes.len());
        let (registered, writes, reads) = (HashMap::new(), Vec::new(), Reads::default());
        let (miner, out, learnt) = (Miner::start()?, VecDeque::new(), VecDeque::new());
        let (members, searches) = (Members::default(), Searches::default());
        Ok(Self { nodes, eids, presence, registered, writes, reads, members, searches, miner, out, learnt })
    }

    /// Where a host with a directory may listen: a binding names an address, and all look for it at one port.
    ///
    /// # Errors
    /// It is another port.
    pub fn fits(at: SocketAddr) -> Result<()> {
        ensure!(at.port() == PORT, "with --directory the port is {PORT}, not {}: a binding names none", at.port());
        Ok(())
    }

    /// How many nodes have to agree.
    pub fn quorum(&self) -> Quorum {
        let count = |many: usize| u8::try_from(many).unwrap_or(u8::MAX);
        let n = self.nodes.len();
        Quorum { confirmations: count(needed(n)), faulty: count(faulty(n)) }
    }

    /// A warning if there are too few nodes to tolerate a faulty one (fewer than four).
    pub fn remark(&self) -> Option<String> {
        let n = self.nodes.len();
        let nodes = if n == 1 { "1 node".to_owned() } else { format!("{n} nodes") };
        (faulty(n) == 0)
            .then(|| format!("--directory: with {nodes} none may fail or lie; of 4 nodes one may, of 7 two"))
    }

    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    fn place(&self, at: SocketAddr) -> Option<usize> {
        self.nodes.iter().position(|node| node.at == at)
    }

    /// When something is due.
    pub fn next_deadline(&self) -> Option<Mono> {
        let refreshes = self.registered.values().filter_map(|registered| registered.refresh);
        let writes = self.writes.iter().filter_map(Write::next_deadline);
        let spaces = self.members.next_deadline().into_iter().chain(self.searches.next_deadline());
        refreshes.chain(writes).chain(self.reads.next_deadline()).chain(spaces).min()
    }

    /// Has everything that is due sent.
    pub fn poll(&mut self, now: Mono) {
        self.refresh(now);
        while let Some((eid, body)) = self.members.unkept(now) {
            self.writes.extend(Write::again(now, &self.eids, eid, &body));
        }
        let Self { nodes, writes, out, learnt, registered, members, .. } = self;
        writes.retain_mut(|write| {
            write.poll(now, nodes, out);
            match write.progress() {
                Written::Waiting | Written::Work(_) => true,
                ended => {
                    if write.is_publication() && ended != Written::Done {
                        members.not_kept(now, write.body());
                    }
                    has_ended(now, write, ended, registered, learnt);
                    false
                }
            }
        });
        self.reads.poll(now, &self.nodes, &mut self.out, &mut self.learnt);
        self.members.poll(now, unix(), &self.nodes, &mut self.out);
        self.searches.poll(now, &self.nodes, &mut self.out);
        for place in 0..self.nodes.len() {
            if self.out.iter().any(|(to, _)| self.place(*to) == Some(place)) {
                self.presence.sent(now, place);
            }
        }
        self.learnt.extend(self.presence.silent(now, &self.nodes).into_iter().map(Learnt::Trouble));
    }

    /// The next datagram for a node.
    pub fn next_datagram(&mut self) -> Option<(SocketAddr, Vec<u8>)> {
        self.out.pop_front()
    }

    /// The datagram did not leave.
    pub fn not_sent(&mut self, datagram: (SocketAddr, Vec<u8>)) {
        self.out.push_front(datagram);
    }

    /// What the nodes have said.
    pub fn learnt(&mut self) -> Option<Learnt> {
        self.learnt.pop_front()
    }

    /// The next work that is done. A call that is given up loses nothing.
    pub async fn mined(&mut self) -> Mined {
        self.miner.next().await
    }

    /// Work is done: the frame goes to all nodes inside it.
    pub fn worked(&mut self, now: Mono, mined: Mined) {
        if let Some(write) = self.writes.iter_mut().find(|write| write.is_for(&mined)) {
            write.worked(now, mined, &self.nodes, &mut self.out);
        } else if !self.members.worked(now, &mined) {
            self.searches.worked(now, &mined);
        }
    }

    /// Asks the nodes.
    pub fn look_up(&mut self, now: Mono, about: About) {
        self.reads.begin(now, &self.eids, about);
    }

    /// Searches the space of a topic for agents; the answer is for the user.
    pub fn search(&mut self, now: Mono, (topic, most, within): (&str, usize, u64), answer: oneshot::Sender<Value>) {
        self.searches.begin(now, (&self.eids, &self.miner), (topic, most, within), answer);
    }

    /// A PSS_INIT that shows a proof was answered by an agent of this host.
    pub fn greeted(&mut self, now: Mono, eid: &Eid, peer: Eid, cookie: Cookie, proof: &[u8; 16]) {
        self.members.greeted(now, eid, peer, cookie, proof);
    }

    /// A peer has opened a session with an agent of this host; whether it has found it by a search.
    pub fn met(&mut self, eid: &Eid, peer: Eid, cookie: Cookie, contract: bool) -> bool {
        self.members.met(eid, peer, cookie, contract)
    }

    /// An agent of this host has gone.
    pub fn forget(&mut self, eid: &Eid) {
        self.members.forget(eid);
    }

    /// A record of an agent of this host, as the LL-Entity lends it. An agent that is published hears what is searched, too.
    pub fn deposit(&mut self, now: Mono, eid: Eid, kind: Kind, body: &[u8]) {
        if kind == Kind::Publication
            && let Ok(published) = Publication::read_from_bytes(body)
        {
            self.members.join(now, self.nodes.len(), &published);
        }
        match Write::deposit(now, &self.eids, eid, kind, body) {
            Some(write) => self.writes.push(write),
            None => self.learnt.push_back(Learnt::Deposited(eid, kind, Written::Failed)),
        }
    }

    /// The LL-Entity begins to write a binding, or begins again.
    pub fn begins(&mut self, eid: &Eid) {
        self.writes.retain(|write| write.eid != *eid || write.purpose != Purpose::Registration);
    }

    /// What goes to an address in place of a frame of the LL-Entity: a binding for a node inside its work, once that is done, and
    /// everything else as it is.
    pub fn dressed<'f>(&'f mut self, now: Mono, to: SocketAddr, frame: &'f [u8]) -> &'f [u8] {
        let Some(place) = self.place(to) else { return frame };
        let Some(binding) = Frame::parse(frame).ok().and_then(|frame| Binding::of_frame(&frame)) else { return frame };
        self.presence.sent(now, place);
        let known = self.registered.get(&binding.eid).map(|registered| registered.binding);
        if known.is_none_or(|known| known.generation < binding.generation) {
            self.registered.insert(binding.eid, Registered { binding, refresh: None });
            // What is under way of an older one is of no use any more.
            self.writes.retain(|write| write.eid != binding.eid || !write.is_binding());
        }
        let is_it = |write: &Write| write.eid == binding.eid && write.purpose == Purpose::Registration;
        let at = match self.writes.iter().position(is_it) {
            Some(at) => at,
            None => {
                let Some(write) = Write::registration(now, &self.eids, &binding, frame) else { return frame };
                self.writes.push(write);
                self.writes.len() - 1
            }
        };
        match self.writes.get_mut(at) {
            Some(write) => write.sends(place),
            None => frame,
        }
    }

    /// A datagram from outside; `true` if it is a node's answer to something of this directory, and concerns nothing else.
    pub fn heard(&mut self, now: Mono, unix: UnixTime, from: SocketAddr, datagram: &[u8]) -> bool {
        let Some(place) = self.place(from) else { return false };
        let Ok(frame) = Frame::parse(datagram) else { return false };
        let says = match frame.message {
            Message::DirReceipt(receipt) => Some(receipt.directory_node_eid),
            Message::ErpConfirm(confirm) => Some(confirm.directory_node_eid),
            _ => None,
        };
        if let Some(node) = self.nodes.get(place) {
            self.learnt.extend(self.presence.heard(place, node, says).map(Learnt::Trouble));
        }
        match frame.message {
            Message::DirAnswer { .. } | Message::DhtTicketResp(_) => {
                let nodes = (&self.eids[..], place);
                self.reads.heard(now, unix, nodes, datagram, &mut self.learnt);
                self.searches.heard(unix, &self.eids, place, datagram);
                true
            }
            Message::Error(error) => {
                self.members.refused(now, &self.miner, place, error);
                self.searches.refused(&self.miner, place, error);
                self.answered(place, datagram);
                true
            }
            Message::DirReceipt(_) => {
                self.answered(place, datagram);
                true
            }
            Message::SpaceStatus(status) => {
                self.members.status(now, place, status);
                true
            }
            Message::SpaceRelay { head, inner } => {
                let answer = self.members.relayed(now, unix, head, inner);
                self.out.extend(answer.map(|answer| (from, answer)));
                true
            }
            Message::DiscoveryRes(_) => {
                self.searches.opened(datagram);
                true
            }
            // The LL-Entity counts it as well.
            Message::ErpConfirm(_) => {
                self.answered(place, datagram);
                false
            }
            _ => false,
        }
    }

    fn answered(&mut self, place: usize, datagram: &[u8]) {
        let Some(eid) = self.eids.get(place) else { return };
        for write in &mut self.writes {
            if let Written::Work(bits) = write.heard(place, eid, datagram) {
                write.mine(&self.miner, bits);
            }
        }
    }

    /// Bindings that stand for half an hour are sent again.
    // keeps: IACP-067 (§4.2.1.3)
    fn refresh(&mut self, now: Mono) {
        for registered in self.registered.values_mut() {
            if registered.refresh.is_some_and(|at| at <= now) {
                registered.refresh = None;
                self.writes.extend(Write::refresh(now, &self.eids, &registered.binding));
            }
        }
    }
}

/// A write is over.
fn has_ended(
    now: Mono,
    write: &Write,
    ended: Written,
    registered: &mut HashMap<Eid, Registered>,
    learnt: &mut VecDeque<Learnt>,
) {
    if let Purpose::Deposit(kind) = write.purpose {
        learnt.push_back(Learnt::Deposited(write.eid, kind, ended));
        return;
    }
    if write.purpose == Purpose::Again {
        // Only of the first time was the LL-Entity to be told.
        if ended == Written::Done {
            learnt.push_back(Learnt::Published(write.eid));
        }
        return;
    }
    let Some(known) = registered.get_mut(&write.eid) else { return };
    if known.binding.is_leaving() {
        registered.remove(&write.eid);
        return;
    }
    match (write.purpose, ended) {
        (Purpose::Registration, Written::Done) => {
            learnt.push_back(Learnt::Bound(write.eid, known.binding.generation));
            known.refresh = Some(now.after(REFRESH));
        }
        (_, Written::Done) => known.refresh = Some(now.after(REFRESH)),
        // The LL-Entity begins again by itself.
        (Purpose::Registration, _) => {}
        // The nodes have a later one, or will never have this one again: it is not this host's to keep alive.
        (_, Written::Refused(status @ (1 | 2 | 18 | 19))) => {
            learnt
                .push_back(Learnt::Trouble(format!("the directory does not keep a binding any more: status {status}")));
            registered.remove(&write.eid);
        }
        _ => {
            learnt
                .push_back(Learnt::Trouble("no quorum of the directory refreshes a binding: it is tried again".into()));
            known.refresh = Some(now.after(REFRESH_AGAIN));
        }
    }
}

#[cfg(test)]
mod spaces_tests;
#[cfg(test)]
mod tests;
