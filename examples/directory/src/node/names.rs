//! Names: the ANML Fallback Query of a host of the web, answered by the records that the DHT has of its path (`IACP §4.1.2`).
//!
//! ```text
//! query ─▶ its requestor's signature, one a second ─▶ each path above it (class 1) ─▶ each key on the way (class 0) ─▶ answer
//! ```

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::SocketAddr;

use iacp_core::crypto::Provider as _;
use iacp_core::dhi::mapping::path;
use iacp_core::directory::name::{Curation, Delegation, MAX_TOKENS};
use iacp_core::directory::{Body, Class, Kind};
use iacp_core::erp::ticket::storage_key;
use iacp_core::guard::site;
use iacp_wire::{DhtKey, Eid, Frame, Message};
use libp2p::kad::QueryId;

use super::Host;
use super::keeper::Keeper;
use super::overlay::dht_key;
use crate::Chosen;

/// So many queries wait for the DHT at a time; more are answered with silence, and come again.
const WAITING: usize = 64;
/// Of them so many are of one network.
const OF_NETWORK: usize = WAITING / 8;

/// A query whose records are being read.
struct Asked {
    query: Vec<u8>,
    from: SocketAddr,
    /// Its path.
    path: String,
    /// Paths that are yet to be read, the next one at the end: a link is judged by the one above it, so they come in order.
    rest: Vec<DhtKey>,
    /// Reads of the DHT that are under way.
    left: usize,
    /// The keys on the way are read too, as they are known after the paths.
    has_keys: bool,
}

/// All queries that wait, and which read of the DHT is for which.
#[derive(Default)]
pub struct Names {
    asked: BTreeMap<u64, Asked>,
    reads: HashMap<QueryId, u64>,
    next: u64,
}

impl Names {
    fn has_room(&self, from: SocketAddr) -> bool {
        let of_network = self.asked.values().filter(|asked| site(asked.from.ip()) == site(from.ip())).count();
        self.asked.len() < WAITING && of_network < OF_NETWORK
    }
}

/// The path of a query, and every path above it.
fn paths(path: &str) -> Vec<&str> {
    let ends = path.match_indices('.').map(|(at, _)| at).chain([path.len()]);
    ends.filter_map(|end| path.get(..end)).take(MAX_TOKENS + 1).collect()
}

fn key_of(path: &str) -> DhtKey {
    DhtKey(Chosen::sha256(&[path.as_bytes()]))
}

/// The path that a datagram asks for, if it is a query.
pub fn asked_for(datagram: &[u8]) -> Option<String> {
    let Message::AnmlFallbackQuery { uri, .. } = Frame::parse(datagram).ok()?.message else { return None };
    let mut target = iacp_core::dhi::uri::Uri::EMPTY;
    target.read(uri).ok()?;
    Some(path(target.host()).map(|path| path.as_str().to_owned()).unwrap_or_default())
}

/// The keys that decide about a path, by what stands here of it.
fn keys(keeper: &Keeper, path: &str) -> BTreeSet<Eid> {
    let (now, store) = (keeper.unix(), keeper.node.store());
    let mut keys = BTreeSet::new();
    for path in paths(path) {
        let at = key_of(path);
        for (record, _) in store.list(now, Kind::Delegation, at) {
            if let Ok(Body::Delegation(Delegation { child_key, .. })) = Body::parse(Kind::Delegation, record.body) {
                keys.insert(child_key);
            }
        }
        let root = store.one(now, Kind::Root, at).and_then(|(record, _)| Body::parse(Kind::Root, record.body).ok());
        let Some(Body::Root(root)) = root else { continue };
        keys.insert(root.curation_key);
        let changes = store.list(now, Kind::Curation, at).filter_map(|(record, _)| {
            match Body::parse(Kind::Curation, record.body) {
                Ok(Body::Curation(change)) => Some((change.version, change)),
                _ => None,
            }
        });
        let changes: BTreeMap<u64, Curation<'_>> = changes.collect();
        // Changes of a root that gave way say nothing of the one that stands.
        let mut state = root.state::<Chosen>();
        for change in (1..).map_while(|version| changes.get(&version)) {
            if change.state_before != state {
                break;
            }
            keys.insert(change.curation_key);
            state = change.state::<Chosen>();
        }
    }
    keys
}

impl Host {
    /// A query of a name. `false` if the datagram is none.
    pub(super) async fn on_name(&mut self, datagram: &[u8], from: SocketAddr) -> bool {
        let Some(path) = asked_for(datagram) else { return false };
        // What stands here decides nothing yet; but a query that is forged, or too soon, goes no further.
        let Some(answer) = self.shared.keeper().admits_query(from, datagram) else { return true };
        if path.is_empty() || self.shared.keeper().overlay.len() == 1 {
            let _ = self.socket.send_to(&answer, from).await;
        } else if self.names.has_room(from) {
            let number = self.names.next;
            self.names.next += 1;
            let mut rest: Vec<_> = paths(&path).into_iter().rev().map(key_of).collect();
            let first = rest.pop().map(|key| (Class::Namespaces, key));
            let asked = Asked { query: datagram.to_vec(), from, path, rest, left: 1, has_keys: false };
            self.names.asked.insert(number, asked);
            self.read_names(number, first.into_iter().collect());
        }
        true
    }

    fn read_names(&mut self, number: u64, at: Vec<(Class, DhtKey)>) {
        for (class, key) in at {
            let id = self.swarm.behaviour_mut().kad.get_record(dht_key(class, &key));
            self.names.reads.insert(id, number);
        }
    }

    /// A read of the DHT has ended. `false` if it was for no query of a name.
    pub(super) async fn on_name_read(&mut self, id: &QueryId) -> bool {
        let Some(number) = self.names.reads.remove(id) else { return false };
        let Some(asked) = self.names.asked.get_mut(&number) else { return true };
        asked.left = asked.left.saturating_sub(1);
        if asked.left > 0 {
            return true;
        }
        if let Some(key) = asked.rest.pop() {
            asked.left = 1;
            self.read_names(number, vec![(Class::Namespaces, key)]);
            return true;
        }
        if !asked.has_keys {
            let keys = keys(&self.shared.keeper(), &asked.path);
            (asked.left, asked.has_keys) = (keys.len(), true);
            if !keys.is_empty() {
                let at = keys.iter().map(|eid| (Class::Identities, storage_key::<Chosen>(eid))).collect();
                self.read_names(number, at);
                return true;
            }
        }
        if let Some(asked) = self.names.asked.remove(&number) {
            let answer = self.shared.keeper().answer_query(&asked.query);
            if let Some(answer) = answer {
                let _ = self.socket.send_to(&answer, asked.from).await;
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_path_above_is_read_and_itself() {
        assert_eq!(paths("org.agentnet.market"), ["org", "org.agentnet", "org.agentnet.market"]);
        assert_eq!(paths("org"), ["org"]);
    }

    #[test]
    fn noise_and_other_frames_ask_for_nothing() {
        assert_eq!(asked_for(b"noise"), None);
        assert_eq!(asked_for(&[0x19, 0x00, 0, 0]), None);
    }
}
