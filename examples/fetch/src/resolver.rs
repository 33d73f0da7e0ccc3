//! A resolver of ANML Fallback Queries: it finds a host's path in records of the directory, and signs what it finds.

use iacp_core::crypto::{Portable, Provider as _};
use iacp_core::dhi::fallback::{Asked, Mapping, Resolver};
use iacp_core::directory::name::{ChainBreak, Delegation, Root, Standing, resolve};
use iacp_core::directory::{Body, Kind, sign};
use iacp_core::identity::Identity;
use iacp_core::time::{Mono, UnixTime};
use iacp_wire::layout::NamespaceRoot;
use iacp_wire::{Digest, Eid};
use tokio::net::UdpSocket;
use tokio::time::Instant;

use crate::entity::unix;

/// Requestors of one second.
const REQUESTORS: usize = 256;
/// A frame is shorter.
const DATAGRAM: usize = 2_304;

/// Namespace records: the bodies of ROOT and DELEGATION records. Each proves itself, so it does not matter which node gave it.
#[derive(Default)]
pub struct Records {
    /// Bodies of ROOT records, which the configuration pins.
    pub roots: Vec<Vec<u8>>,
    /// Bodies of DELEGATION records.
    pub tokens: Vec<Vec<u8>>,
}

/// What is pinned is paid for; no verdict is known.
struct Pinned;

impl Standing for Pinned {
    fn paid(&self, _: &Root<'_>) -> bool {
        true
    }
    fn revoked(&self, _: &Eid) -> bool {
        false
    }
    fn refused(&self, _: &Eid) -> bool {
        false
    }
}

/// The path of a host: its labels, the most general one first.
#[must_use]
pub fn path(host: &str) -> String {
    host.rsplit('.').collect::<Vec<_>>().join(".")
}

impl Records {
    /// What the records say of a host. A mapping ends with the first of its tokens; a root alone does not end.
    #[must_use]
    pub fn mapping(&self, now: UnixTime, host: &str) -> Mapping {
        let path = path(host);
        let roots = self.roots.iter().filter_map(|body| match Body::parse(Kind::Root, body) {
            Ok(Body::Root(root)) => Some(root),
            _ => None,
        });
        let first = path.split('.').next().unwrap_or_default();
        let root = roots.into_iter().find(|root| root.path.as_str() == first);
        let tokens: Vec<Delegation<'_>> = self.tokens.iter().filter_map(|body| Delegation::parse(body).ok()).collect();
        let mut chain = vec![];
        // From the root down: the token of each longer part of the path that has one.
        for (end, _) in path.match_indices('.').skip(1).chain([(path.len(), "")]) {
            let part = path.get(..end).unwrap_or_default();
            chain.extend(tokens.iter().find(|token| token.child.as_str() == part).copied());
        }
        let end = chain.iter().map(|token| token.not_after).min().unwrap_or(u64::MAX);
        match resolve::<Portable>(&path, root.as_ref(), &[], &chain, now, &Pinned) {
            Ok(eid) => Mapping::Mapped { eid, expiry: UnixTime(end) },
            Err(ChainBreak::PathMalformed) => Mapping::Refused,
            Err(_) => Mapping::NotFound,
        }
    }
}

/// The body of a pinned ROOT of one label, by its curator.
#[must_use]
pub fn root(name: &str, curator: &Identity<Portable>, time: u64) -> Vec<u8> {
    // A proof of one byte, 2: pinned in the reader's configuration.
    let proof = [2];
    let record = NamespaceRoot {
        curation_public_key: curator.eid(),
        escrow_allocation_index: Digest(Portable::sha256(&[&proof[..]])),
        namespace: name,
    };
    let mut buffer = [0; 256];
    let length = record.write(&mut buffer).unwrap_or(0);
    let before = [buffer.get(..length).unwrap_or_default(), &time.to_be_bytes()].concat();
    let after = [0, 1, proof[0]];
    let signature = sign(curator, Kind::Root, &before, &after);
    [&before[..], &signature.0, &after].concat()
}

/// The body of a DELEGATION of `child` to a key, by the key of `parent`, for a window of Unix time in milliseconds.
#[must_use]
pub fn token(parent: &str, child: &str, signer: &Identity<Portable>, key: Eid, window: (u64, u64)) -> Vec<u8> {
    let text = |path: &str| {
        let length = u16::try_from(path.len()).unwrap_or(u16::MAX);
        [&length.to_be_bytes()[..], path.as_bytes()].concat()
    };
    let times = [window.0.to_be_bytes(), window.1.to_be_bytes()].concat();
    let fields = [text(parent), text(child), key.0.to_vec(), times].concat();
    let signature = sign(signer, Kind::Delegation, &fields, &[]);
    [&fields[..], &signature.0].concat()
}

/// Answers queries until the runtime ends: one a second for each requestor, and silence for everything that is none.
pub async fn serve(socket: UdpSocket, me: Identity<Portable>, records: Records) {
    let (begun, mut memory) = (Instant::now(), vec![Asked::FREE; REQUESTORS]);
    let (mut resolver, mut datagram, mut answer) = (Resolver::new(&mut memory), [0; DATAGRAM], [0; 256]);
    while let Ok((length, from)) = socket.recv_from(&mut datagram).await {
        let query = datagram.get(..length).unwrap_or_default();
        let (now, unix) = (Mono(u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX)), unix());
        let known = |host: &str| records.mapping(unix, host);
        if let Ok(length) = resolver.answer(now, unix, &me, query, known, &mut answer) {
            let _ = socket.send_to(answer.get(..length).unwrap_or_default(), from).await;
        }
    }
}
