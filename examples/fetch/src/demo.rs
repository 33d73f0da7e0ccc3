//! The cases of `fetch demo`, and the verdict that the pipeline must reach in each.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};

use anyhow::{Context as _, Result, ensure};
use iacp_core::crypto::Portable;
use iacp_core::dhi::handoff::Trigger;
use iacp_core::identity::Identity;
use iacp_core::time::UnixTime;
use tokio::net::TcpListener;

use crate::directory::Directory;
use crate::driver::{Report, Verdict};
use crate::host::{Host, rng, unix};
use crate::records::{ROOT_LIFE, accusation, curation, revocation, root, token};
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
    /// Whether the verdict is the expected one.
    #[must_use]
    pub fn is(self, verdict: &Verdict) -> bool {
        match (self, verdict) {
            (Self::Native, Verdict::Native { .. }) | (Self::Unavailable, Verdict::Unavailable { .. }) => true,
            (Self::Legacy(expected), Verdict::Legacy { trigger, .. }) => expected == *trigger,
            _ => false,
        }
    }
}

/// An hour, in milliseconds.
const HOUR: u64 = 3_600_000;
/// Directory nodes of the demo: one of them may lie.
const NODES: usize = 4;

/// One server to try.
pub struct Case {
    /// A description in a few words.
    pub what: &'static str,
    /// Its URI.
    pub uri: String,
    /// What the pipeline must say.
    pub expected: Expected,
    /// T_eval for it, in milliseconds.
    pub t_eval: u32,
    /// Whether page and document are compared.
    pub equivalence: bool,
    /// Whether the directory must have a mapping; `None` without a directory.
    pub mapped: Option<bool>,
}

impl Case {
    /// Whether a report is what the case must lead to.
    #[must_use]
    pub fn is_as_expected(&self, report: &Report) -> bool {
        self.expected.is(&report.verdict) && report.mapping.is_some() == self.mapped.unwrap_or(false)
    }
}

/// The servers, their DNS, and the cases.
pub struct World {
    /// Where the DNS of the demo answers.
    pub dns: SocketAddr,
    /// The port of the web servers.
    pub port: u16,
    /// What the servers were asked.
    pub log: Log,
    /// The directory that the LL-Entity asks.
    pub directory: Directory,
    /// What to try.
    pub cases: Vec<Case>,
    /// Whether there is an address outside loopback; without one, no request can be told to lead inwards.
    pub has_outside: bool,
}

impl World {
    /// An LL-Entity that queries the directory of this world, if `is_wanted`.
    ///
    /// # Errors
    /// It has no memory.
    pub fn host(&self, is_wanted: bool) -> Result<Option<Host>> {
        is_wanted.then(|| Host::new(self.directory.nodes())).transpose()
    }
}

/// Nodes that have the root `test`, whose curator's key has changed once, with names below it, some of which are no
/// longer valid; and `lost`, a root that has expired.
async fn start_directory() -> Result<Directory> {
    let [old, curator, other, witness] = [(); 4].map(|()| Identity::<Portable>::generate(&mut rng()));
    let now = unix().0;
    let before = now.saturating_sub(2 * HOUR);
    // A root is valid for 400 days: this one expired an hour ago.
    let begun = (before + HOUR).saturating_sub(ROOT_LIFE);
    let (test, lost) = (root("test", &old, now), root("lost", &other, begun));
    let directory = Directory::start(NODES, &[&test, &lost]).await.context("the directory")?;
    let mut records = vec![curation("test", 1, &test, &old, curator.eid())];
    records.insert(0, test);
    for name in ["present", "slashed", "revoked", "accused"] {
        let site = Identity::<Portable>::generate(&mut rng());
        let window = (now, now + HOUR);
        records.push(token("test", &format!("test.{name}"), &curator, site.eid(), window));
        match name {
            "slashed" => records.push(directory.convict(site.eid())),
            "revoked" => records.push(revocation(&site, now)),
            "accused" => records.push(accusation(&site, &witness, now)),
            _ => {}
        }
    }
    let ended = token("lost", "lost.present", &other, curator.eid(), (before, now + HOUR));
    let stored = records.iter().flat_map(|record| directory.offer(record));
    let earlier = [(begun, lost), (before, ended)].into_iter();
    let earlier = earlier.flat_map(|(at, record)| directory.offer_at(UnixTime(at), &record));
    ensure!(stored.chain(earlier).all(|status| status == 0), "a node has refused a record of the demo");
    Ok(directory)
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
        mapped: None,
    };
    let quick = |case: Case, t_eval: u32| Case { t_eval, ..case };
    let compared = |case: Case| Case { equivalence: true, ..case };
    let named = |case: Case, is_mapped: bool| Case { mapped: Some(is_mapped), ..case };
    let mut cases = vec![
        case("ANML at the well-known URI", "present", Expected::Native),
        named(case("the same, with a mapping by the ANML Fallback Query", "present", Expected::Native), true),
        named(case("the same, without one: the EID is slashed", "slashed", Expected::Native), false),
        named(case("the EID is revoked", "revoked", Expected::Native), false),
        named(case("the EID is accused, and there is no verdict yet", "accused", Expected::Native), false),
        Case {
            uri: format!("http://present.lost:{port}/"),
            ..named(case("the root of its name has run out", "present", Expected::Native), false)
        },
        case("ANML at the well-known URI of an SRV target", "srv", Expected::Native),
        case("no ANML anywhere", "absent", Expected::Legacy(Trigger::AnmlAbsent)),
        case("ANML only by a Link header", "linked", Expected::Native),
        compared(case("page and document say the same", "equal", Expected::Native)),
        compared(case("they do not", "unequal", Expected::Legacy(Trigger::EquivalenceFailed))),
        case("404 everywhere", "gone", Expected::Unavailable),
        quick(case("silent", "silent", Expected::Unavailable), 1_000),
        // The two bytes have to come in time, on a slow machine, too.
        quick(case("silent after two bytes", "stalled", Expected::Legacy(Trigger::EvaluationTimeout)), 5_000),
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
    let directory = start_directory().await?;
    Ok(World { dns: at, port, log, directory, cases, has_outside: outside.is_some() })
}
