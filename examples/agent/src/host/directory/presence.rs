//! Whether the nodes that a host was given are there, and are who the user says that they are. Each thing is told once.

use iacp_core::erp::switch_point::Node;
use iacp_core::time::Mono;
use iacp_wire::Eid;

use crate::keys;

/// A node that has not answered for this long is reported, in milliseconds. Requests are repeated meanwhile.
const PATIENCE: u64 = 10_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Seen {
    /// Nothing was sent to it yet.
    Nothing,
    /// It was asked then, and has not answered.
    Asked(Mono),
    /// It was told that it does not answer.
    Silent,
    /// It was told that another node is there.
    Other,
    There,
}

/// What was seen of each node.
pub struct Presence {
    seen: Vec<Seen>,
}

impl Presence {
    pub fn new(nodes: usize) -> Self {
        Self { seen: vec![Seen::Nothing; nodes] }
    }

    /// Something was sent to a node.
    pub fn sent(&mut self, now: Mono, place: usize) {
        if let Some(seen @ Seen::Nothing) = self.seen.get_mut(place) {
            *seen = Seen::Asked(now);
        }
    }

    /// A node has answered, and calls itself by this EID where its answer says so. What is to be told of it.
    pub fn heard(&mut self, place: usize, node: &Node, says: Option<Eid>) -> Option<String> {
        let seen = self.seen.get_mut(place)?;
        let (before, Node { eid, at }) = (*seen, node);
        match says.filter(|says| says != eid) {
            // It is there: an answer with another EID has a forged source.
            Some(_) if before == Seen::There => None,
            Some(other) => {
                *seen = Seen::Other;
                (before != Seen::Other).then(|| {
                    let (is, not) = (hex::encode(other.0), keys::short(eid));
                    format!("--directory: the node at {at} is {is}, and not {not}: its answers do not count")
                })
            }
            // Not every answer names its node.
            None if before == Seen::Other && says.is_none() => None,
            None => {
                *seen = Seen::There;
                let was_told = matches!(before, Seen::Silent | Seen::Other);
                was_told.then(|| format!("--directory: the node {} at {at} answers now", keys::short(eid)))
            }
        }
    }

    /// The nodes that have been silent for too long. It is not a deadline: what is repeated to them has its own.
    pub fn silent(&mut self, now: Mono, nodes: &[Node]) -> Vec<String> {
        let late = |seen: &Seen| matches!(seen, Seen::Asked(at) if at.after(PATIENCE) <= now);
        let silent = self.seen.iter_mut().zip(nodes).filter(|(seen, _)| late(seen));
        let told = silent.map(|(seen, Node { eid, at })| {
            *seen = Seen::Silent;
            format!("--directory: the node {} at {at} does not answer", keys::short(eid))
        });
        told.collect()
    }
}
