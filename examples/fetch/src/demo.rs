//! The cases of `fetch demo`, and what the pipeline must say to each.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};

use anyhow::{Context as _, Result};
use iacp_core::crypto::Portable;
use iacp_core::dhi::handoff::Trigger;
use iacp_core::identity::Identity;
use iacp_wire::Eid;
use tokio::net::TcpListener;

use crate::driver::Verdict;
use crate::entity::{Entity, rng, unix};
use crate::resolver::{self, Records};
use crate::servers::{Log, names, web};

/// What is expected of a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// Content.
    Native,
    /// A browser, for this reason.
    Legacy(Trigger),
    /// The problem cache.
    Unavailable,
}

impl Expected {
    /// Whether the verdict is it.
    #[must_use]
    pub fn is(self, verdict: &Verdict) -> bool {
        match (self, verdict) {
            (Self::Native, Verdict::Native { .. }) | (Self::Unavailable, Verdict::Unavailable { .. }) => true,
            (Self::Legacy(expected), Verdict::Legacy { trigger, .. }) => expected == *trigger,
            _ => false,
        }
    }
}

/// One server to try.
pub struct Case {
    /// What it does, in a few words.
    pub what: &'static str,
    /// Its URI.
    pub uri: String,
    /// What the pipeline must say.
    pub expected: Expected,
    /// T_eval for it, in milliseconds.
    pub t_eval: u32,
    /// Whether page and document are compared.
    pub equivalence: bool,
    /// Whether the LL-Entity has a resolver to ask.
    pub mapped: bool,
}

/// The servers, their DNS, and the cases.
pub struct World {
    /// Where the DNS of the demo answers.
    pub dns: SocketAddr,
    /// The port of the web servers.
    pub port: u16,
    /// What the servers were asked.
    pub log: Log,
    /// A resolver that knows an EID for `present.test`.
    pub resolver: (Eid, SocketAddr),
    /// What to try.
    pub cases: Vec<Case>,
    /// Whether there is an address outside loopback, without which nothing is inwards of anything.
    pub has_outside: bool,
}

impl World {
    /// An LL-Entity with the resolver of this world, where one is wanted.
    #[must_use]
    pub fn entity(&self, is_wanted: bool) -> Option<Entity> {
        let (eid, at) = self.resolver;
        is_wanted.then(|| Entity::new(Identity::generate(&mut rng()), eid, at))
    }
}

/// A resolver with two records: the pinned root `test`, and below it `test.present`.
async fn start_resolver() -> Result<(Eid, SocketAddr)> {
    let [me, curator, site] = [(); 3].map(|()| Identity::<Portable>::generate(&mut rng()));
    let now = unix().0;
    let records = Records {
        roots: vec![resolver::root("test", &curator, now)],
        tokens: vec![resolver::token("test", "test.present", &curator, site.eid(), (now, now + 3_600_000))],
    };
    let socket = tokio::net::UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.context("a port for the resolver")?;
    let resolver = (me.eid(), socket.local_addr()?);
    tokio::spawn(resolver::serve(socket, me, records));
    Ok(resolver)
}

/// The address of this host that is not loopback, if it has one. Nothing is sent.
fn outside() -> Option<Ipv4Addr> {
    let socket = UdpSocket::bind("0.0.0.0:0").ok()?;
    socket.connect("192.0.2.1:9").ok()?;
    match socket.local_addr().ok()?.ip() {
        IpAddr::V4(address) if !address.is_loopback() => Some(address),
        _ => None,
    }
}

/// Starts everything; it runs as long as the runtime does.
pub async fn start() -> Result<World> {
    let outside = outside();
    let any = if outside.is_some() { Ipv4Addr::UNSPECIFIED } else { Ipv4Addr::LOCALHOST };
    let listener = TcpListener::bind((any, 0)).await.context("a port for the web servers")?;
    let (port, log) = (listener.local_addr()?.port(), Log::default());
    tokio::spawn(web(listener, None, log.clone()));
    let dns = tokio::net::UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.context("a port for DNS")?;
    let at = dns.local_addr()?;
    tokio::spawn(names(dns, outside.unwrap_or(Ipv4Addr::LOCALHOST), port));

    let case = |what, host: &str, expected| Case {
        what,
        uri: format!("http://{host}.test:{port}/"),
        expected,
        t_eval: 15_000,
        equivalence: false,
        mapped: false,
    };
    let quick = |case: Case| Case { t_eval: 1_000, ..case };
    let compared = |case: Case| Case { equivalence: true, ..case };
    let mut cases = vec![
        case("ANML at the well-known URI", "present", Expected::Native),
        Case {
            mapped: true,
            ..case("the same, with a mapping by the ANML Fallback Query", "present", Expected::Native)
        },
        case("the same, by an SRV target", "srv", Expected::Native),
        case("no ANML anywhere", "absent", Expected::Legacy(Trigger::AnmlAbsent)),
        case("ANML only by a Link header", "linked", Expected::Native),
        compared(case("page and document say the same", "equal", Expected::Native)),
        compared(case("they do not", "unequal", Expected::Legacy(Trigger::EquivalenceFailed))),
        case("404 everywhere", "gone", Expected::Unavailable),
        quick(case("silent", "silent", Expected::Unavailable)),
        quick(case("silent after two bytes", "stalled", Expected::Legacy(Trigger::EvaluationTimeout))),
        case("a body without end", "endless", Expected::Legacy(Trigger::BufferOverflow)),
        case("a body of exactly 4,194,304 bytes", "exact", Expected::Native),
        case("a body one byte over", "over", Expected::Legacy(Trigger::BufferOverflow)),
        case("a redirect loop", "loop", Expected::Unavailable),
        case("a header of 64 KiB", "header", Expected::Unavailable),
        Case { uri: "http://nowhere.test:1/".to_owned(), ..case("nothing listens", "nowhere", Expected::Unavailable) },
        case("ANML that is none", "broken", Expected::Legacy(Trigger::StructureInvalid)),
        case("ANML in gzip, which was not asked for", "coded", Expected::Legacy(Trigger::StructureInvalid)),
    ];
    if outside.is_some() {
        cases.push(case("a link to a name that resolves inwards", "lure", Expected::Unavailable));
        cases.push(case("a redirect to it", "bounce", Expected::Unavailable));
    }
    let resolver = start_resolver().await?;
    Ok(World { dns: at, port, log, resolver, cases, has_outside: outside.is_some() })
}
