//! What the interpreter needs of its LL-Entity for names (`IACP §4.1.2`): mappings that are known, and the ANML Fallback Query for
//! those that are not.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Result;
use getrandom::SysRng;
use iacp_core::crypto::Portable;
use iacp_core::dhi::fallback::{Mapping, Query};
use iacp_core::dhi::mapping::{Kept, Known, Mappings};
use iacp_core::identity::Identity;
use iacp_core::time::{Mono, UnixTime};
use iacp_wire::Eid;
use rand_core::UnwrapErr;
use tokio::net::UdpSocket;

/// Mappings that are kept.
const PLACES: usize = 256;
/// A resolver that is silent for so long is not waited for: the pipeline gives all of RESOLVE 2 s.
const PATIENCE: Duration = Duration::from_millis(1_500);
/// An answer is shorter.
const ANSWER_MAX: usize = 512;

/// The system's randomness.
#[must_use]
pub const fn rng() -> UnwrapErr<SysRng> {
    UnwrapErr(SysRng)
}

/// The system's clock.
#[must_use]
pub fn unix() -> UnixTime {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixTime(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// An identity, the resolver of its configuration, and what that has answered.
pub struct Entity {
    identity: Identity<Portable>,
    resolver: (Eid, SocketAddr),
    known: Vec<Known>,
    queries: u32,
    ignored: u32,
}

impl Entity {
    /// With a resolver: its EID and where it listens.
    #[must_use]
    pub fn new(identity: Identity<Portable>, resolver: Eid, at: SocketAddr) -> Self {
        Self { identity, resolver: (resolver, at), known: vec![Known::FREE; PLACES], queries: 0, ignored: 0 }
    }

    /// How many queries were sent, and how many datagrams were no answer to them.
    #[must_use]
    pub const fn counts(&self) -> (u32, u32) {
        (self.queries, self.ignored)
    }

    /// The EID of this URI's host: as it is known, or as the resolver says now. Silence is no mapping.
    pub async fn mapping(&mut self, now: Mono, uri: &str, host: &str) -> Option<Eid> {
        match Mappings::new(&mut self.known).get(now, host) {
            Some(Kept::Mapped(eid)) => return Some(eid),
            Some(Kept::NotFound) => return None,
            None => {}
        }
        let mapping = tokio::time::timeout(PATIENCE, self.query(uri)).await.ok()?.ok()?;
        Mappings::new(&mut self.known).keep(now, unix(), host, mapping);
        match mapping {
            Mapping::Mapped { eid, .. } => Some(eid),
            Mapping::NotFound | Mapping::Refused => None,
        }
    }

    /// One query, and its answer. What is no answer to it is counted, and the query stays open.
    async fn query(&mut self, uri: &str) -> Result<Mapping> {
        let (resolver, at) = self.resolver;
        let own =
            if at.is_ipv4() { SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)) } else { (Ipv6Addr::UNSPECIFIED, 0).into() };
        let socket = UdpSocket::bind(own).await?;
        socket.connect(at).await?;
        let mut frame = [0; 2_304];
        let (query, length) = Query::write(&self.identity, resolver, uri, &mut rng(), &mut frame)?;
        self.queries += 1;
        socket.send(frame.get(..length).unwrap_or_default()).await?;
        let mut answer = [0; ANSWER_MAX];
        loop {
            let length = socket.recv(&mut answer).await?;
            match query.accept::<Portable>(unix(), answer.get(..length).unwrap_or_default()) {
                Ok(mapping) => return Ok(mapping),
                Err(_) => self.ignored += 1,
            }
        }
    }
}
