//! The nodes that this one knows, as Kademlia places them.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use iacp_core::directory::metric::RESPONSIBLE;
use iacp_core::directory::node::Trust;
use iacp_core::directory::{Class, Voters};
use iacp_wire::{DhtKey, Eid};
use libp2p::identity::{PublicKey, ed25519};
use libp2p::kad::{KBucketKey, RecordKey};
use libp2p::multiaddr::Protocol;
use libp2p::{Multiaddr, PeerId};

/// The key in the DHT of all that stands at a coordinate: class and storage key.
#[must_use]
pub fn dht_key(class: Class, key: &DhtKey) -> RecordKey {
    let mut bytes = [class as u8; 33];
    bytes.iter_mut().skip(1).zip(key.0).for_each(|(to, from)| *to = from);
    RecordKey::new(&bytes)
}

/// Class and storage key of a key in the DHT.
#[must_use]
pub fn coordinate(key: &RecordKey) -> Option<(Class, DhtKey)> {
    let (class, key) = key.as_ref().split_first()?;
    Some((Class::from_code(*class)?, DhtKey(key.try_into().ok()?)))
}

/// The peer of an EID: a node is one key, in the DHT and in its frames.
#[must_use]
pub fn peer_of(eid: &Eid) -> Option<PeerId> {
    let key = ed25519::PublicKey::try_from_bytes(&eid.0).ok()?;
    Some(PublicKey::from(key).to_peer_id())
}

/// The EID of a peer: a peer id of an Ed25519 key holds the key.
#[must_use]
pub fn eid_of(peer: &PeerId) -> Option<Eid> {
    let encoded = peer.as_ref().digest();
    let key = PublicKey::try_decode_protobuf(encoded).ok()?.try_into_ed25519().ok()?;
    Some(Eid(key.to_bytes()))
}

/// Where a node speaks QUIC to other nodes: one port above the one of its frames.
#[must_use]
pub fn quic(frames: SocketAddr) -> Multiaddr {
    let ip = match frames.ip() {
        IpAddr::V4(ip) => Protocol::Ip4(ip),
        IpAddr::V6(ip) => Protocol::Ip6(ip),
    };
    Multiaddr::from(ip).with(Protocol::Udp(frames.port().wrapping_add(1))).with(Protocol::QuicV1)
}

/// Where a node takes frames that speaks QUIC there.
#[must_use]
pub fn frames(quic: &Multiaddr) -> Option<SocketAddr> {
    let mut parts = quic.iter();
    let ip = match parts.next()? {
        Protocol::Ip4(ip) => IpAddr::V4(ip),
        Protocol::Ip6(ip) => IpAddr::V6(ip),
        _ => return None,
    };
    match parts.next()? {
        Protocol::Udp(port) => Some((ip, port.checked_sub(1)?).into()),
        _ => None,
    }
}

struct Known {
    at: SocketAddr,
    place: KBucketKey<PeerId>,
}

/// The known nodes, this one among them.
#[derive(Default)]
pub struct Overlay {
    nodes: BTreeMap<Eid, Known>,
}

impl Overlay {
    /// Enters a node, or its new address.
    pub fn enter(&mut self, eid: Eid, at: SocketAddr) {
        if let Some(peer) = peer_of(&eid) {
            self.nodes.insert(eid, Known { at, place: KBucketKey::from(peer) });
        }
    }

    /// Forgets a node that could not be reached.
    pub fn leave(&mut self, eid: &Eid) {
        self.nodes.remove(eid);
    }

    /// Where a node takes frames.
    #[must_use]
    pub fn at(&self, eid: &Eid) -> Option<SocketAddr> {
        self.nodes.get(eid).map(|known| known.at)
    }

    /// How many nodes are known.
    #[must_use]
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether no node is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// The nodes whose places are nearest to a key by Kademlia's distance, nearest first.
    #[must_use]
    pub fn nearest(&self, class: Class, key: &DhtKey) -> Voters {
        let target = KBucketKey::new(dht_key(class, key).to_vec());
        let mut all: Vec<_> = self.nodes.iter().map(|(eid, known)| (target.distance(&known.place), *eid)).collect();
        all.sort_unstable();
        all.into_iter().take(RESPONSIBLE).map(|(_, eid)| eid).collect()
    }
}

impl Trust for Overlay {
    fn responsible(&self, class: Class, key: &DhtKey) -> Option<Voters> {
        Some(self.nearest(class, key))
    }
}
