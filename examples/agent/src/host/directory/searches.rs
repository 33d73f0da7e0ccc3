//! Searches of Discovery Spaces: the publications that the nodes keep, and the agents that answer through hubs.

use std::collections::VecDeque;
use std::net::SocketAddr;

use iacp_core::crypto::Provider;
use iacp_core::directory::client::{QUESTION, Reader, Reading};
use iacp_core::directory::quorum::needed;
use iacp_core::directory::{Class, Judgement, Kind, Origin, judge};
use iacp_core::discovery::{Search, space_of_topic};
use iacp_core::erp::switch_point::Node;
use iacp_core::guard::Difficulty;
use iacp_core::time::{Mono, UnixTime};
use iacp_wire::layout::Publication;
use iacp_wire::message::{DiscoveryReq, ErrorMessage};
use iacp_wire::{DhtKey, Eid, RefusedDigest, TransactionId};
use rand_core::Rng;
use serde_json::{Value, json};
use tokio::sync::oneshot;
use zerocopy::FromBytes;

use crate::clock::unix;
use crate::host::directory::mining::{Mined, Miner, Ticket};
use crate::keys::{self, Crypto};

/// Searches at a time.
const MOST: usize = 8;
/// The most answers of one search that are taken.
pub const PEERS: usize = 32;
/// Bits that are worked for before a hub has said how many it wants.
const FIRST: u8 = 8;
/// The request goes out once more after this time.
const AGAIN: u64 = 1_000;
/// The code of an ERROR that work gets past.
const WORK_TOO_LOW: u16 = 2;

/// An agent that was found.
struct Found {
    eid: Eid,
    by_record: bool,
    by_hub: bool,
}

/// What is asked of the hubs.
struct Request {
    search: Search<PEERS>,
    bits: u8,
    work: Option<Ticket>,
    /// What goes to each hub, once it is worked for.
    frame: Vec<u8>,
    due: Option<Mono>,
    again: bool,
    /// The bits that each node wants.
    wants: Vec<u32>,
}

/// One search.
struct Searching {
    space: DhtKey,
    most: usize,
    ends: Mono,
    answer: oneshot::Sender<Value>,
    reading: Reading,
    question: Vec<u8>,
    /// Nodes that have answered the look-up.
    answered: usize,
    request: Request,
    found: Vec<Found>,
}

/// All searches.
#[derive(Default)]
pub struct Searches(Vec<Searching>);

impl Request {
    fn begin(space: DhtKey, most: usize, bits: u8, wants: Vec<u32>, miner: &Miner) -> Self {
        let threshold = u32::try_from(most).unwrap_or(0) << 16 | u32::from(bits);
        let (search, mining) = Search::begin::<Crypto>(space, unix(), threshold, &mut keys::rng());
        let work = Some(miner.search(mining));
        Self { search, bits, work, frame: Vec::new(), due: None, again: true, wants }
    }

    /// The bits with which k of the nodes are content: what a few liars ask for is not worked for.
    // keeps: IACP-117 (§5.3.1)
    fn demand(&self) -> u32 {
        let mut wants = self.wants.clone();
        wants.sort_unstable();
        needed(wants.len()).checked_sub(1).and_then(|k| wants.get(k)).copied().unwrap_or(0)
    }
}

impl Searching {
    fn found(&mut self, eid: Eid, by_hub: bool) {
        let at = self.found.iter().position(|found| found.eid == eid);
        let at = match at {
            Some(at) => at,
            None if self.found.len() >= self.most => return,
            None => {
                self.found.push(Found { eid, by_record: false, by_hub: false });
                self.found.len() - 1
            }
        };
        if let Some(found) = self.found.get_mut(at) {
            found.by_hub |= by_hub;
            found.by_record |= !by_hub;
        }
    }

    fn is_over(&self, now: Mono) -> bool {
        let whole = self.found.len() >= self.most && self.found.iter().all(|found| found.by_hub && found.by_record);
        now >= self.ends || whole || self.answer.is_closed()
    }

    fn says(&self) -> Value {
        let found = self.found.iter().map(|Found { eid, by_record, by_hub }| {
            let by = [("record", *by_record), ("hub", *by_hub)].into_iter().filter_map(|(by, is)| is.then_some(by));
            json!({ "eid": hex::encode(eid.0), "by": by.collect::<Vec<_>>() })
        });
        json!({
            "space": hex::encode(self.space.0),
            "nodes": self.answered,
            "found": found.collect::<Vec<_>>(),
        })
    }
}

impl Searches {
    /// Begins a search, which takes so many milliseconds unless it finds as many agents as it is to find.
    pub fn begin(
        &mut self,
        now: Mono,
        (nodes, miner): (&[Eid], &Miner),
        (topic, most, within): (&str, usize, u64),
        answer: oneshot::Sender<Value>,
    ) {
        let space = space_of_topic::<Crypto>(topic);
        let mut id = TransactionId([0; 8]);
        keys::rng().fill_bytes(&mut id.0);
        let at = (Class::Spaces, space);
        let reading = Reading::new(now, nodes, at, Kind::Publication as u8, id).filter(|_| self.0.len() < MOST);
        let Some(reading) = reading else {
            let _ = answer.send(json!({ "error": format!("{MOST} searches are under way") }));
            return;
        };
        let mut question = vec![0; QUESTION];
        let length = reading.write(&mut question).unwrap_or(0);
        question.truncate(length);
        let request = Request::begin(space, most, FIRST, vec![0; nodes.len()], miner);
        let (ends, found, answered) = (now.after(within), Vec::new(), 0);
        self.0.push(Searching { space, most, ends, answer, reading, question, answered, request, found });
    }

    pub fn next_deadline(&self) -> Option<Mono> {
        let of = |search: &Searching| [Some(search.ends), search.reading.next_deadline(), search.request.due];
        self.0.iter().flat_map(of).flatten().min()
    }

    /// Sends what is due, and ends what is over.
    pub fn poll(&mut self, now: Mono, nodes: &[Node], out: &mut VecDeque<(SocketAddr, Vec<u8>)>) {
        let mut at = 0;
        while at < self.0.len() {
            if self.0.get(at).is_some_and(|search| search.is_over(now)) {
                let over = self.0.swap_remove(at);
                let says = over.says();
                // The one who asked may have gone.
                let _ = over.answer.send(says);
                continue;
            }
            let Some(search) = self.0.get_mut(at) else { break };
            while let Some(eid) = search.reading.poll(now) {
                out.extend(nodes.iter().find(|node| node.eid == eid).map(|node| (node.at, search.question.clone())));
            }
            let request = &mut search.request;
            if request.due.is_some_and(|due| due <= now) {
                out.extend(nodes.iter().map(|node| (node.at, request.frame.clone())));
                request.due = std::mem::take(&mut request.again).then(|| now.after(AGAIN));
            }
            at += 1;
        }
    }

    /// Work is done; `false` if it was for something else.
    pub fn worked(&mut self, now: Mono, mined: &Mined) -> bool {
        let is_its = |request: &Request| request.work.as_ref().is_some_and(|work| work.is_of(mined));
        let Some(request) = self.0.iter_mut().map(|search| &mut search.request).find(|request| is_its(request)) else {
            return false;
        };
        request.work = None;
        if let Ok((proven, _)) = DiscoveryReq::read_from_prefix(&mined.datagram) {
            let mut frame = vec![0; 128];
            let length = request.search.request::<Crypto>(&proven, &mut frame).unwrap_or(0);
            frame.truncate(length);
            (request.frame, request.due) = (frame, Some(now));
        }
        true
    }

    /// A node asks for more work: it is done again for as many bits as a quorum wants.
    pub fn refused(&mut self, miner: &Miner, place: usize, error: &ErrorMessage) {
        let bits = error.retry_after.get();
        if error.code.get() != WORK_TOO_LOW || bits > Difficulty::CAP {
            return;
        }
        for search in &mut self.0 {
            let request = &mut search.request;
            let digest = RefusedDigest(Crypto::sha256(&[&request.frame]).first_chunk().copied().unwrap_or_default());
            // Before the first work is done nothing was sent that could be refused.
            if request.frame.is_empty() || digest != error.refused_digest {
                continue;
            }
            if let Some(wants) = request.wants.get_mut(place) {
                *wants = bits;
            }
            let demand = request.demand();
            if demand > u32::from(request.bits)
                && let Ok(bits) = u8::try_from(demand)
            {
                let wants = std::mem::take(&mut request.wants);
                *request = Request::begin(search.space, search.most, bits, wants, miner);
            }
        }
    }

    /// A DISCOVERY_RES that a hub has sent on.
    pub fn opened(&mut self, datagram: &[u8]) {
        for search in &mut self.0 {
            if let Ok(eid) = search.request.search.open::<Crypto>(datagram) {
                return search.found(eid, true);
            }
        }
    }

    /// A node's answer to a look-up: each publication is judged.
    // keeps: IACP-136 (§6.2)
    pub fn heard(&mut self, unix: UnixTime, nodes: &[Eid], place: usize, datagram: &[u8]) {
        let Some(node) = nodes.get(place) else { return };
        for search in &mut self.0 {
            let Some(answer) = search.reading.heard(node, datagram) else { continue };
            search.answered += 1;
            let reader = Reader { nodes, airk: None };
            for record in answer.records() {
                let judged = judge::<Crypto>(unix, Origin::Node, &record, None, &reader);
                if let (Judgement::Store { .. }, Ok(body)) = (judged, Publication::read_from_bytes(record.body))
                    && body.target_space_coordinate == search.space
                {
                    search.found(body.eid, false);
                }
            }
            return;
        }
    }
}

#[cfg(test)]
impl Searches {
    /// The agents that the newest search has found so far.
    pub fn answers(&self) -> usize {
        self.0.last().map_or(0, |search| search.found.len())
    }

    /// What the newest search sends to hubs.
    pub fn request(&self) -> &[u8] {
        self.0.last().map_or(&[], |search| &search.request.frame)
    }
}
