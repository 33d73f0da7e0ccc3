//! The ANML Fallback Query over a real socket: from the interpreter's LL-Entity to a resolver that has the directory's records.

mod web;

use std::net::{Ipv4Addr, SocketAddr};

use fetch::driver::{Fetcher, Settings};
use fetch::entity::{Entity, rng, unix};
use fetch::resolver::{Records, path, root, serve, token};
use iacp_core::crypto::Portable;
use iacp_core::dhi::fallback::Mapping;
use iacp_core::dhi::pipeline::{Noted, Requirement};
use iacp_core::identity::Identity;
use iacp_core::time::UnixTime;
use iacp_wire::Eid;
use tokio::net::UdpSocket;
use web::{PATIENCE, Web, payload};

const HOUR: u64 = 3_600_000;

fn identity() -> Identity<Portable> {
    Identity::generate(&mut rng())
}

struct Names {
    curator: Identity<Portable>,
    site: Eid,
    records: Records,
}

/// The root `test`, and below it `test.present` for an hour around `now`.
fn names(now: u64) -> Names {
    let (curator, site) = (identity(), identity().eid());
    let tokens = vec![token("test", "test.present", &curator, site, (now - HOUR, now + HOUR))];
    let records = Records { roots: vec![root("test", &curator, now)], tokens };
    Names { curator, site, records }
}

#[test]
fn a_hosts_path_is_resolved_from_its_root_down() {
    // shows: IACP-028
    let now = 1_790_000_000_000;
    let mut names = names(now);
    let at = |names: &Names, time: u64, host: &str| names.records.mapping(UnixTime(time), host);
    assert_eq!(path("www.present.test"), "test.present.www");
    let mapped = Mapping::Mapped { eid: names.site, expiry: UnixTime(now + HOUR) };
    assert_eq!(at(&names, now, "present.test"), mapped);
    assert_eq!(at(&names, now + HOUR, "present.test"), Mapping::NotFound, "its token is over");
    for host in ["absent.test", "www.present.test", "present.example"] {
        assert_eq!(at(&names, now, host), Mapping::NotFound, "{host}");
    }
    assert_eq!(at(&names, now, "127.0.0.1.under_score"), Mapping::Refused, "no path of a namespace");
    let (deeper, stranger) = (identity(), identity());
    names.records.tokens[0] = token("test", "test.present", &names.curator, deeper.eid(), (now, now + HOUR));
    names.records.tokens.push(token("test.present", "test.present.www", &deeper, names.site, (now, now + 9)));
    let mapped = Mapping::Mapped { eid: names.site, expiry: UnixTime(now + 9) };
    assert_eq!(at(&names, now, "www.present.test"), mapped, "the first end of the chain");
    names.records.tokens[1] = token("test.present", "test.present.www", &stranger, names.site, (now, now + 9));
    assert_eq!(at(&names, now, "www.present.test"), Mapping::NotFound, "not by the key of the link above");
}

/// A resolver on loopback: its EID, and where it listens.
async fn start(records: Records) -> (Eid, SocketAddr) {
    let me = identity();
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
    let resolver = (me.eid(), socket.local_addr().expect("its address"));
    tokio::spawn(serve(socket, me, records));
    resolver
}

async fn fetcher(web: &Web, (eid, at): (Eid, SocketAddr)) -> Fetcher {
    let entity = Some(Entity::new(identity(), eid, at));
    Fetcher::new(Settings { dns: Some(web.world.dns), entity, ..Settings::default() }).expect("a fetcher")
}

#[tokio::test]
async fn a_mapping_comes_with_the_outcome_and_is_asked_for_once() {
    // shows: IACP-026, IACP-027, IACP-028
    let web = Web::start().await;
    let names = names(unix().0);
    let mut fetcher = fetcher(&web, start(names.records).await).await;
    for _ in 0..3 {
        let report = fetcher.ingest(&web.uri("present"), Requirement::default(), web.limits).await.expect("a verdict");
        assert!(!payload(&report).is_empty());
        assert_eq!(report.mapping, Some(names.site));
        assert!(!report.is_confirmed, "a resolver's word alone is no authority");
        assert!(report.trail.iter().any(|mark| mark.what == Noted::Mapped(true)));
    }
    assert_eq!(fetcher.queries().await, (1, 0), "the answer is kept");
}

#[tokio::test]
async fn not_found_is_kept_too_and_the_pipeline_goes_on() {
    // shows: IACP-028
    let web = Web::start().await;
    let mut fetcher = fetcher(&web, start(names(unix().0).records).await).await;
    for _ in 0..2 {
        let report = fetcher.ingest(&web.uri("linked"), Requirement::default(), web.limits).await.expect("a verdict");
        assert_eq!((payload(&report).is_empty(), report.mapping), (false, None));
    }
    assert_eq!(fetcher.queries().await, (1, 0));
}

#[tokio::test]
async fn a_resolver_that_lies_or_is_silent_changes_nothing() {
    // shows: IACP-028
    let web = Web::start().await;
    let names = names(unix().0);
    let (_, at) = start(names.records).await;
    // Signed, but by another key than the one of the configuration.
    let mut fetcher = fetcher(&web, (identity().eid(), at)).await;
    let uri = web.uri("present");
    let ingest = fetcher.ingest(&uri, Requirement::default(), web.limits);
    let report = tokio::time::timeout(PATIENCE, ingest).await.expect("in time").expect("a verdict");
    assert_eq!((payload(&report).is_empty(), report.mapping), (false, None));
    assert_eq!(fetcher.queries().await, (1, 1), "its answer was ignored");
}
