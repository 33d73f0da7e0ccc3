//! A host of the web is named by records that lie in the DHT, and a query to any node finds them.

use std::net::SocketAddr;
use std::time::Duration;

use directory::Chosen;
use directory::clock::Clocks;
use directory::node::{Host, Options, Shared};
use iacp_core::crypto::{Provider as _, Secret32};
use iacp_core::dhi::fallback::{Mapping, Query};
use iacp_core::directory::{Kind, sign};
use iacp_core::identity::Identity;
use iacp_wire::layout::{NamespaceRoot, Record};
use iacp_wire::{DhtKey, Digest, Eid};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng as _;
use tokio::net::UdpSocket;
use tokio::time::timeout;

const NODES: u8 = 5;
/// The proof of a root that nodes have pinned.
const PINNED: [u8; 1] = [2];
const PATIENCE: Duration = Duration::from_secs(60);

fn identity(seed: u8) -> Identity<Chosen> {
    Identity::from_seed(&Secret32::new([seed; 32]))
}

fn hash(bytes: &[u8]) -> [u8; 32] {
    Chosen::sha256(&[bytes])
}

/// PROFILE 13.2, by hand.
fn root(name: &str, curator: &Identity<Chosen>, time: u64) -> Vec<u8> {
    let record = NamespaceRoot {
        curation_public_key: curator.eid(),
        escrow_allocation_index: Digest(hash(&PINNED)),
        namespace: name,
    };
    let mut named = [0; 256];
    let length = record.write(&mut named).expect("room");
    let before = [&named[..length], &time.to_be_bytes()].concat();
    let after = [&[0, 1][..], &PINNED].concat();
    let signature = sign(curator, Kind::Root, &before, &after);
    [&before[..], &signature.0, &after].concat()
}

/// The delegation token of PROFILE 2.5, by hand.
fn token(parent: &str, child: &str, signer: &Identity<Chosen>, key: Eid, (from, until): (u64, u64)) -> Vec<u8> {
    let text = |path: &str| [&u16::try_from(path.len()).expect("short").to_be_bytes()[..], path.as_bytes()].concat();
    let times = [from.to_be_bytes(), until.to_be_bytes()].concat();
    let fields = [text(parent), text(child), key.0.to_vec(), times].concat();
    let signature = sign(signer, Kind::Delegation, &fields, &[]);
    [&fields[..], &signature.0].concat()
}

fn revocation(owner: &Identity<Chosen>, time: u64) -> Vec<u8> {
    let fields = [&owner.eid().0[..], &0_u64.to_be_bytes(), &time.to_be_bytes()].concat();
    let signature = sign(owner, Kind::Revocation, &fields, &[]);
    [&fields[..], &signature.0].concat()
}

/// Hands a record to one node, as another node would.
fn give(node: &Shared, unix: u64, kind: Kind, of: &[u8], body: &[u8]) {
    let mut bytes = vec![0; 1_100];
    let key = DhtKey(hash(of));
    let record = Record { kind: kind as u8, storage_key: key, expiry: u64::MAX, body };
    let length = record.write(&mut bytes).expect("room");
    let class = if kind == Kind::Revocation { 0 } else { 1 };
    let class = iacp_core::directory::Class::from_code(class).expect("a class");
    let taken = node.keeper().take([127, 0, 0, 1].into(), class, &key, &bytes[..length]);
    assert!(taken, "{kind:?} at {unix}");
}

/// Asks a node until it says this; it answers a requestor once a second.
async fn asks_until(
    at: (Eid, SocketAddr),
    clocks: &Clocks,
    requestor: u8,
    wanted: impl Fn(&Mapping) -> bool,
) -> Mapping {
    let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a port");
    let mut rng = ChaCha20Rng::from_seed([requestor; 32]);
    let asking = async {
        loop {
            let mut frame = [0; 512];
            let written = Query::write(&identity(requestor), at.0, "https://Node.Example/", &mut rng, &mut frame);
            let (query, length) = written.expect("room");
            socket.send_to(&frame[..length], at.1).await.expect("sent");
            let mut buffer = [0; 512];
            let heard = timeout(Duration::from_millis(1_100), socket.recv_from(&mut buffer)).await;
            if let Ok(Ok((length, _))) = heard
                && let Ok(mapping) = query.accept::<Chosen>(clocks.now().unix, &buffer[..length])
                && wanted(&mapping)
            {
                return mapping;
            }
        }
    };
    timeout(PATIENCE, asking).await.expect("the node says it within a minute")
}

// shows: IACP-028 (§4.1.2), IACP-114 (§5.2.2)
#[tokio::test]
async fn a_query_to_any_node_follows_the_records_of_a_name_through_the_dht() {
    let (clocks, curator, owner) = (Clocks::new(), identity(200), identity(201));
    let now = clocks.now().unix.0;
    let root = root("example", &curator, now);
    let [high, low] = std::process::id().to_be_bytes()[2..] else { panic!("two bytes") };
    let mut nodes: Vec<(Eid, SocketAddr)> = Vec::new();
    let mut shared = Vec::new();
    for number in 1..=NODES {
        let listen: SocketAddr = ([127, 64 + high % 64, low, number], 4_300).into();
        let options = Options {
            seed: [number; 32],
            listen,
            join: nodes.first().copied().into_iter().collect(),
            base: 6,
            clocks: clocks.clone(),
            votes: None,
            cases: None,
            pinned: vec![Digest(hash(&root))],
        };
        let host = Host::start(options).await.expect("an address of 127/8 is free");
        nodes.push((host.shared().keeper().eid(), listen));
        shared.push(host.shared());
        tokio::spawn(host.run());
    }
    let all_know = || shared.iter().all(|node| node.keeper().overlay.len() == usize::from(NODES));
    let knowing = async {
        while !all_know() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(PATIENCE, knowing).await.expect("the nodes know each other");

    let found = asks_until(nodes[4], &clocks, 100, |_| true).await;
    assert_eq!(found, Mapping::NotFound, "no record is there");
    // A link is judged by the one above it: where that is not known, it does not stand.
    give(&shared[0], now, Kind::Root, b"example", &root);
    give(&shared[1], now, Kind::Root, b"example", &root);
    let link = token("example", "example.node", &curator, owner.eid(), (now, now + 3_600_000));
    give(&shared[1], now, Kind::Delegation, b"example.node", &link);
    for (node, requestor) in [(4, 101), (2, 102)] {
        let mapping = asks_until(nodes[node], &clocks, requestor, |mapping| *mapping != Mapping::NotFound).await;
        let Mapping::Mapped { eid, expiry } = mapping else { panic!("{mapping:?}") };
        assert_eq!((eid, expiry.0), (owner.eid(), now + 3_600_000));
    }
    // The key at the end is revoked: what names it names nothing.
    give(&shared[1], now, Kind::Revocation, &owner.eid().0, &revocation(&owner, now));
    let gone = asks_until(nodes[3], &clocks, 103, |mapping| *mapping == Mapping::NotFound).await;
    assert_eq!(gone, Mapping::NotFound);
}
