//! A directory node with its memory, its key, and the nodes that it knows: all that the DHT and the frames share.

use std::fs::File;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use iacp_core::crypto::Secret32;
use iacp_core::dhi::fallback::{Asked, Resolver};
use iacp_core::dhi::mapping::of_node;
use iacp_core::directory::metric::{Diversity, NodeInfo};
use iacp_core::directory::node::{
    Case, Entry, Handled, Hub, HubMemory, Kept, Memory, Neighbour, Node, NodeEvent, Relayed, Settings, Shown,
};
use iacp_core::directory::{Class, Kind, class_of};
use iacp_core::guard::ticket::{Issued, Spending};
use iacp_core::guard::{Ingress, Liable, Rate, Zone};
use iacp_core::identity::Identity;
use iacp_core::slots::Slot;
use iacp_core::time::{Mono, UnixTime};
use iacp_wire::layout::Record;
use iacp_wire::{DhtKey, Digest, Eid};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};

use super::overlay::Overlay;
use super::votes::{Known, Votes};
use super::{Options, cases};
use crate::Chosen;
use crate::clock::Clocks;

/// So many records fit into a node of this example.
const PLACES: usize = 4_096;
/// What stands at one coordinate is handed on in at most so many bytes.
pub const BUNDLE: usize = 60 * 1_024;

/// Open trials are written down so often, in milliseconds.
const SAVE: u64 = 60_000;
/// Votes for the children of a curator are handed on again so often, in milliseconds.
const VOTE_AGAIN: u64 = 10_000;
/// Requestors of names within one second.
const REQUESTORS: usize = 256;
/// Agents that hear what is searched in spaces, and searches that wait for their answers.
const MEMBERS: usize = 1_024;
const PASSED: usize = 256;
/// Queries of names of one network, and of all: each costs two signatures.
const NETWORK: Rate = Rate { capacity: 256, per_second: 64 };
const ALL: Rate = Rate { capacity: 1_024, per_second: 512 };

/// The kinds in the order in which a node has to learn them: what decides about others first, but a binding before the accusation
/// of its owner, after which no binding is taken.
const ORDER: [Kind; 17] = [
    Kind::AirkBinding,
    Kind::Revocation,
    Kind::Verdict,
    Kind::Hosting,
    Kind::Binding,
    Kind::Ticket,
    Kind::Accusation,
    Kind::Rebuttal,
    Kind::Root,
    Kind::Curation,
    Kind::Delegation,
    Kind::Custody,
    Kind::Assertion,
    Kind::Publication,
    Kind::Score,
    Kind::Node,
    Kind::Filter,
];

/// What a node counts.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counts {
    /// Records that other nodes handed on and that stand here.
    pub taken: u64,
    /// Records that other nodes handed on and that may not stand.
    pub refused: u64,
    /// Keys that this node itself accused, by two words of theirs that came to it.
    pub accused: u64,
}

/// What has to happen after a step of the node.
pub enum Todo {
    /// Send this frame to these nodes.
    Vote(Vec<u8>, Vec<SocketAddr>),
    /// Write what stands at a coordinate into the DHT: there is a verdict.
    Publish(Class, DhtKey),
}

/// A node and what it is driven with.
pub struct Keeper {
    /// The node itself.
    pub node: Node<'static, Chosen>,
    /// The nodes that it knows.
    pub overlay: Overlay,
    /// What it counted.
    pub counts: Counts,
    me: Identity<Chosen>,
    clocks: Clocks,
    votes: Votes,
    /// Where open trials are written down, and when that was done last.
    cases: Option<PathBuf>,
    saved: Mono,
    /// When votes for children were handed on last.
    voted: Mono,
    /// The children whose CUSTODY collected votes at the last turn.
    drafts: Vec<DhtKey>,
    pinned: Vec<Digest>,
    /// Requestors of names that were answered within the last second.
    asked: Vec<Asked>,
    ingress: Ingress<64>,
    /// Agents that hear what is searched in spaces.
    hub: Hub<'static>,
    rng: ChaCha20Rng,
}

fn memory<T>(count: usize, with: impl FnMut() -> T) -> &'static mut [T] {
    // A node lives as long as its process does.
    Box::leak(std::iter::repeat_with(with).take(count).collect())
}

impl Keeper {
    /// A node that takes frames at `at`. Votes are written to `votes` before they are signed.
    ///
    /// # Errors
    /// No randomness, or sizes that do not fit together.
    pub fn new(options: &Options, votes: Option<File>) -> Result<Self> {
        let Options { seed, listen: at, base, ref clocks, ref pinned, .. } = *options;
        let (clocks, pinned) = (clocks.clone(), pinned.clone());
        let me = Identity::<Chosen>::from_seed(&Secret32::new(seed));
        let mut random = [0; 32];
        getrandom::fill(&mut random).context("randomness")?;
        let mut rng = ChaCha20Rng::from_seed(random);
        let mut place = [0; 32];
        rng.fill_bytes(&mut place);
        let room = HubMemory {
            members: memory(MEMBERS, || None),
            passed: memory(PASSED, || None),
            seen: memory(4_096, || Shown::FREE),
        };
        let hub = Hub::new(room, clocks.now().mono, &mut rng);
        let own = NodeInfo { eid: me.eid(), at, place: DhtKey(place), classes: 0xF };
        // Where nodes are is Kademlia's: no place costs work here. All else is the profile's, but for the demo's base of work.
        let settings = Settings {
            diversity: Diversity::Off,
            place_bits: 0,
            base,
            per_network: Rate { capacity: 1_024, per_second: 256 },
            ..Settings::DEFAULT
        };
        let memory = Memory {
            entries: memory(PLACES, || Slot::new(Entry::EMPTY)),
            cells: memory(2 * PLACES, || 0),
            seen: memory(4_096, || Shown::FREE),
            nodes: memory::<Option<Neighbour>>(2, || None),
            cases: memory::<Option<Case>>(64, || None),
            spent: memory(256, || Spending::FREE),
            issued: memory(256, || Issued::FREE),
            liable: memory(256, || Liable::FREE),
            zones: memory(256, || Zone::new(Mono(0))),
            cache: memory(64, || Kept::FREE),
        };
        let node = Node::new(memory, own, settings, clocks.now().mono, &mut rng)
            .map_err(|_| anyhow::anyhow!("the memory of the node has a wrong size"))?;
        let mut overlay = Overlay::default();
        overlay.enter(me.eid(), at);
        let votes = Votes::read(votes).context("the votes that were written down")?;
        let mut node = node;
        // A node that was started again goes on with its trials, and says anew that it is there.
        if let Some(path) = &options.cases {
            for case in cases::read(path).with_context(|| format!("{}", path.display()))? {
                node.restore_case(clocks.now().mono, &case)
                    .map_err(|why| anyhow::anyhow!("{}: {why}", path.display()))?;
            }
        }
        node.announce(0);
        let saved = clocks.now().mono;
        let ingress = Ingress::new(ALL, NETWORK, clocks.now().mono, &mut rng);
        let asked = vec![Asked::FREE; REQUESTORS];
        let (cases, counts) = (options.cases.clone(), Counts::default());
        let (voted, drafts) = (saved, Vec::new());
        Ok(Self {
            node,
            overlay,
            counts,
            me,
            clocks,
            votes,
            cases,
            saved,
            voted,
            drafts,
            pinned,
            asked,
            ingress,
            hub,
            rng,
        })
    }

    /// The node's EID.
    #[must_use]
    pub const fn eid(&self) -> Eid {
        self.me.eid()
    }

    /// What time it is outside.
    #[must_use]
    pub fn unix(&self) -> UnixTime {
        self.clocks.now().unix
    }

    /// Checks a query of a name, whose requestor has one answer a second; gives the answer by what stands here now.
    pub fn admits_query(&mut self, from: SocketAddr, query: &[u8]) -> Option<Vec<u8>> {
        self.ingress.admit(self.clocks.now().mono, from, 1).ok()?;
        let mut asked = std::mem::take(&mut self.asked);
        let answer = self.resolve(&mut asked, from.ip(), query);
        self.asked = asked;
        answer
    }

    /// The answer to a query that was admitted, by what stands here now.
    #[must_use]
    pub fn answer_query(&self, query: &[u8]) -> Option<Vec<u8>> {
        self.resolve(&mut [Asked::FREE], IpAddr::V6(std::net::Ipv6Addr::UNSPECIFIED), query)
    }

    fn resolve(&self, asked: &mut [Asked], from: IpAddr, query: &[u8]) -> Option<Vec<u8>> {
        let (now, mut out) = (self.clocks.now(), [0; 256]);
        let trust = self.known();
        let known = |host: &str| of_node(&self.node, now.unix, host, &trust);
        let times = (now.mono, now.unix);
        let length = Resolver::new(asked).answer(times, &self.me, (from, query), known, &mut out).ok()?;
        out.get(..length).map(<[u8]>::to_vec)
    }

    fn known(&self) -> Known<'_> {
        Known { overlay: &self.overlay, votes: &self.votes, pinned: &self.pinned }
    }

    /// Handles a frame; gives the answer.
    pub fn handle(&mut self, from: SocketAddr, datagram: &[u8]) -> Option<Vec<u8>> {
        let mut out = [0; 1_200];
        let known = Known { overlay: &self.overlay, votes: &self.votes, pinned: &self.pinned };
        match self.node.handle(self.clocks.now(), &self.me, from, datagram, &known, &mut out) {
            Handled::Answer(length) => out.get(..length).map(<[u8]>::to_vec),
            Handled::Silence(_) => None,
        }
    }

    /// Handles what agents that search and agents that are searched for send; gives what goes out, and where to.
    // keeps: IACP-136 (§6.2), IACP-138 (§6.2)
    pub fn relay(&mut self, from: SocketAddr, datagram: &[u8]) -> Vec<(SocketAddr, Vec<u8>)> {
        let (now, mut out, mut sent) = (self.clocks.now(), [0; 1_200], Vec::new());
        let bits = self.node.difficulty(now);
        let Self { overlay, me, hub, rng, .. } = self;
        let serves = |space: &DhtKey| overlay.nearest(Class::Spaces, space).contains(&me.eid());
        match hub.handle::<Chosen>(now, bits, serves, from, datagram, rng, &mut out) {
            Relayed::Answer(length) => sent.push((from, out.get(..length).unwrap_or_default().to_vec())),
            Relayed::Forward(seeker, length) => sent.push((seeker, out.get(..length).unwrap_or_default().to_vec())),
            Relayed::Passed(_) => {
                while let Some((to, length)) = hub.poll_transmit(now.mono, &mut out) {
                    sent.push((to, out.get(..length).unwrap_or_default().to_vec()));
                }
            }
            Relayed::Silence(_) => {}
        }
        sent
    }

    /// What became due.
    pub fn due(&mut self) -> Vec<Todo> {
        let mut todo = Vec::new();
        let now = self.clocks.now();
        while let Some(event) = self.node.handle_deadline(now) {
            match event {
                NodeEvent::Persist { id, offender, outcome } => {
                    // A vote that cannot be written down is not cast.
                    let written = self.save(now.mono).and_then(|()| self.votes.write_down(&id, &offender, outcome));
                    match written {
                        Ok(()) => {}
                        // Another vote on it stands there: this one is never cast.
                        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => continue,
                        // A verdict needs each honest node's vote: it is written with the next turn.
                        Err(_) => {
                            self.node.unwritten(&id);
                            break;
                        }
                    }
                    let mut out = [0; 256];
                    let Some((length, voters)) = self.node.persisted(now, &self.me, &id, &mut out) else { continue };
                    let others = voters.iter().filter(|eid| **eid != self.me.eid());
                    let to = others.filter_map(|eid| self.overlay.at(eid)).collect();
                    todo.push(Todo::Vote(out.get(..length).unwrap_or_default().to_vec(), to));
                }
                // A verdict stands where it was tried, and where the key is kept.
                NodeEvent::Verdict { id, offender, .. } => {
                    let key = iacp_core::erp::ticket::storage_key::<Chosen>(&offender);
                    todo.push(Todo::Publish(Class::Identities, key));
                    let is_it = |record: &Record<'_>| {
                        record.kind == Kind::Verdict as u8
                            && record.body.starts_with(&id.0)
                            && record.storage_key != key
                    };
                    let courts = self.node.store().records(now.unix).filter(is_it);
                    todo.extend(courts.filter_map(|record| {
                        Some(Todo::Publish(class_of::<Chosen>(&record).ok()?, record.storage_key))
                    }));
                }
                // This node has come to hold two words of one key that contradict each other: it says so to all.
                NodeEvent::Equivocation { .. } => {
                    let Self { node, me, overlay, votes, pinned, .. } = self;
                    let known = Known { overlay, votes, pinned };
                    if let Some((offender, 0)) = node.accuse(now, me, &known) {
                        self.counts.accused += 1;
                        let key = iacp_core::erp::ticket::storage_key::<Chosen>(&offender);
                        todo.push(Todo::Publish(Class::Identities, key));
                    }
                }
                NodeEvent::Lapsed { .. } => {}
            }
        }
        // Its own CUSTODYs and its FILTER: what is new there the others get, votes too.
        let Self { node, me, overlay, votes, pinned, .. } = self;
        let known = Known { overlay, votes, pinned };
        while let Some((class, key)) = node.tend(now, me, &known) {
            todo.push(Todo::Publish(class, key));
        }
        // A CUSTODY that has its votes is a draft no longer: the nodes of the child, and those without all votes, get the record.
        let drafts: Vec<DhtKey> = self.node.drafts().collect();
        let finished = self.drafts.iter().filter(|key| !drafts.contains(key));
        todo.extend(finished.map(|key| Todo::Publish(Class::Namespaces, *key)));
        self.drafts = drafts;
        // A vote that came before its receiver had signed was refused there.
        if now.mono.since(self.voted) >= VOTE_AGAIN {
            self.voted = now.mono;
            todo.extend(self.node.drafts().map(|key| Todo::Publish(Class::Namespaces, key)));
        }
        if now.mono.since(self.saved) >= SAVE && self.save(now.mono).is_ok() {
            self.saved = now.mono;
        }
        todo
    }

    /// What the node sends by itself: notices to accused keys. Records are handed over by the DHT.
    pub fn sends(&mut self) -> Vec<(SocketAddr, Vec<u8>)> {
        let (now, mut sent) = (self.clocks.now(), Vec::new());
        let mut out = [0; 1_200];
        while let Some((to, length)) = self.node.poll_transmit(now, &self.me, &mut out) {
            sent.push((to, out.get(..length).unwrap_or_default().to_vec()));
        }
        sent
    }

    /// Writes down the open trials: for the hour of one counts the time in which the node ran.
    fn save(&self, now: Mono) -> std::io::Result<()> {
        match &self.cases {
            Some(path) => cases::write(path, self.node.saved_cases(now)),
            None => Ok(()),
        }
    }

    /// All that stands at a coordinate, one record after another.
    #[must_use]
    pub fn bundle(&self, class: Class, key: &DhtKey) -> Vec<u8> {
        let (now, mut bytes) = (self.clocks.now().unix, Vec::new());
        for kind in ORDER {
            for (record, _) in self.node.store().list(now, kind, *key) {
                let mut buffer = [0; 1_100];
                let Ok(length) = record.write(&mut buffer) else { continue };
                if class_of::<Chosen>(&record) == Ok(class) && bytes.len() + length <= BUNDLE {
                    bytes.extend(buffer.iter().take(length));
                }
            }
        }
        // A CUSTODY that collects votes comes last: it is judged by what stands before it.
        let mut buffer = [0; 1_100];
        if class == Class::Namespaces
            && let Some(length) = self.node.draft(key, &mut buffer)
            && bytes.len() + length <= BUNDLE
        {
            bytes.extend(buffer.iter().take(length));
        }
        bytes
    }

    /// The coordinates at which something stands.
    #[must_use]
    pub fn coordinates(&self) -> std::collections::BTreeSet<(u8, [u8; 32])> {
        let records = self.node.store().records(self.clocks.now().unix);
        records.filter_map(|record| Some((class_of::<Chosen>(&record).ok()? as u8, record.storage_key.0))).collect()
    }

    /// Judges each record that another node hands on. Whether all of them stand here now.
    pub fn take(&mut self, from: IpAddr, class: Class, key: &DhtKey, bundle: &[u8]) -> bool {
        let (mut rest, mut all) = (bundle, !bundle.is_empty());
        while !rest.is_empty() {
            let Ok((record, behind)) = Record::parse_prefix(rest) else {
                self.counts.refused += 1;
                return false;
            };
            rest = behind;
            let is_here = record.storage_key == *key && class_of::<Chosen>(&record) == Ok(class);
            let now = self.clocks.now();
            let known = Known { overlay: &self.overlay, votes: &self.votes, pinned: &self.pinned };
            let status = if is_here { self.node.offer(now, from, &record, &known) } else { 21 };
            match status {
                0 => self.counts.taken += 1,
                // It has a newer one, or the first of two.
                1 => all = false,
                _ => {
                    all = false;
                    self.counts.refused += 1;
                }
            }
        }
        all
    }
}

#[cfg(test)]
mod tests;
