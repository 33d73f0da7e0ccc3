//! The ANML Fallback Query over real sockets: from the interpreter's LL-Entity to directory nodes, which resolve names
//! by the records in their stores. A quorum of them decides.

mod web;

use fetch::directory::Directory;
use fetch::driver::{Fetcher, Settings};
use fetch::host::{Host, rng, unix};
use fetch::records::{Made, ROOT_LIFE, accusation, curation, revocation, root, token};
use iacp_core::crypto::Portable;
use iacp_core::dhi::pipeline::{Noted, Requirement};
use iacp_core::identity::Identity;
use iacp_core::time::UnixTime;
use iacp_wire::Eid;
use web::{PATIENCE, Web, payload};

const HOUR: u64 = 3_600_000;
/// Nodes: one of them may lie, and three have to agree.
const NODES: usize = 4;

fn identity() -> Identity<Portable> {
    Identity::generate(&mut rng())
}

/// The web of the demo, and a directory with the root `test` and `test.present` below it, each by a key of its own.
struct World {
    web: Web,
    directory: Directory,
    root: Made,
    curator: Identity<Portable>,
    site: Identity<Portable>,
    now: u64,
}

impl World {
    async fn start() -> Self {
        let (curator, site, now) = (identity(), identity(), unix().0);
        let root = root("test", &curator, now);
        let directory = Directory::start(NODES, &[&root]).await.expect("ports");
        let world = Self { web: Web::start().await, directory, root, curator, site, now };
        world.store(&world.root);
        world.store(&world.token(&world.curator));
        world
    }

    fn token(&self, by: &Identity<Portable>) -> Made {
        token("test", "test.present", by, self.site.eid(), (self.now, self.now + HOUR))
    }

    /// Stores a record at all nodes.
    fn store(&self, made: &Made) {
        assert_eq!(self.directory.offer(made), [0; NODES], "{:?}", made.kind);
    }

    /// Stores a record at the first `nodes` nodes.
    fn store_at(&self, nodes: usize, made: &Made) {
        (0..nodes).for_each(|node| assert_eq!(self.directory.offer_to(node, unix(), made), 0));
    }

    fn fetcher(&self) -> Fetcher {
        let host = Some(Host::new(self.directory.nodes()).expect("a quorum"));
        Fetcher::new(Settings { dns: Some(self.web.world.dns), host, ..Settings::default() }).expect("a fetcher")
    }

    /// The mapping that comes with the outcome. The content comes, with a mapping or without.
    async fn mapping(&self, fetcher: &mut Fetcher, name: &str) -> Option<Eid> {
        let uri = self.web.uri(name);
        let ingest = fetcher.ingest(&uri, Requirement::default(), self.web.limits);
        let report = tokio::time::timeout(PATIENCE, ingest).await.expect("in time").expect("a verdict");
        assert!(!payload(&report).is_empty());
        assert!(!report.is_confirmed, "the directory's word alone is no authority");
        let noted = Noted::Mapped(report.mapping.is_some());
        assert!(report.trail.iter().any(|mark| mark.what == noted));
        report.mapping
    }
}

#[tokio::test]
async fn a_mapping_comes_with_the_outcome_and_is_asked_for_once() {
    // shows: IACP-026 (§4.1.1), IACP-027 (§4.1.2), IACP-028 (§4.1.2)
    let world = World::start().await;
    let mut fetcher = world.fetcher();
    for _ in 0..3 {
        assert_eq!(world.mapping(&mut fetcher, "present").await, Some(world.site.eid()));
    }
    let (sent, _) = fetcher.queries().await;
    assert_eq!(sent, 4, "each node once: the answer is kept");
}

#[tokio::test]
async fn not_found_is_kept_too_and_the_pipeline_goes_on() {
    // shows: IACP-028 (§4.1.2)
    let world = World::start().await;
    let mut fetcher = world.fetcher();
    for _ in 0..2 {
        assert_eq!(world.mapping(&mut fetcher, "linked").await, None);
    }
    assert_eq!(fetcher.queries().await.0, 4);
}

#[tokio::test]
async fn a_name_follows_its_root_to_another_key() {
    // shows: IACP-028 (§4.1.2)
    let world = World::start().await;
    let next = identity();
    world.store(&curation("test", 1, &world.root, &world.curator, next.eid()));
    assert_eq!(world.mapping(&mut world.fetcher(), "present").await, None, "its token is by the key before");
    // The same token by the present key, made later: it replaces the other one.
    let window = (world.now + 1, world.now + HOUR);
    world.store(&token("test", "test.present", &next, world.site.eid(), window));
    assert_eq!(world.mapping(&mut world.fetcher(), "present").await, Some(world.site.eid()));
}

#[tokio::test]
async fn a_mapping_whose_signer_or_site_is_slashed_revoked_or_accused_is_refused() {
    // shows: IACP-028 (§4.1.2)
    for spoils in [
        |world: &World| world.directory.convict(world.site.eid()),
        |world: &World| world.directory.convict(world.curator.eid()),
        |world: &World| revocation(&world.site, world.now),
        |world: &World| revocation(&world.curator, world.now),
        |world: &World| accusation(&world.site, &identity(), world.now),
        |world: &World| accusation(&world.curator, &identity(), world.now),
    ] {
        let world = World::start().await;
        assert_eq!(world.mapping(&mut world.fetcher(), "present").await, Some(world.site.eid()));
        let record = spoils(&world);
        // Where one node does not have it, or lies about it, the quorum still holds.
        world.store_at(NODES - 1, &record);
        assert_eq!(world.mapping(&mut world.fetcher(), "present").await, None, "{:?}", record.kind);
    }
}

#[tokio::test]
async fn a_mapping_without_its_root_is_refused() {
    let (curator, site, now) = (identity(), identity(), unix().0);
    let before = UnixTime(now - 2 * HOUR);
    // A root is valid for 400 days: this one expired an hour ago.
    let begun = UnixTime(before.0 + HOUR - ROOT_LIFE);
    let root = root("test", &curator, begun.0);
    let directory = Directory::start(NODES, &[&root]).await.expect("ports");
    let token = token("test", "test.present", &curator, site.eid(), (before.0, now + HOUR));
    for (at, record) in [(begun, root.clone()), (before, token)] {
        assert_eq!(directory.offer_at(at, &record), [0; NODES]);
    }
    let world = World { web: Web::start().await, directory, root, curator, site, now };
    assert_eq!(world.mapping(&mut world.fetcher(), "present").await, None, "the root has run out an hour ago");
}

#[tokio::test]
async fn one_node_that_lies_or_is_silent_changes_nothing_and_two_leave_no_mapping() {
    // shows: IACP-028 (§4.1.2)
    let world = World::start().await;
    for (strangers, expected) in [(1, Some(world.site.eid())), (2, None)] {
        // Signed, but by keys other than those of the configuration: these are not the configured nodes.
        let mut nodes = world.directory.nodes().to_vec();
        nodes.iter_mut().take(strangers).for_each(|(eid, _)| *eid = identity().eid());
        let host = Some(Host::new(&nodes).expect("a quorum"));
        let settings = Settings { dns: Some(world.web.world.dns), host, ..Settings::default() };
        let mut fetcher = Fetcher::new(settings).expect("a fetcher");
        assert_eq!(world.mapping(&mut fetcher, "present").await, expected, "{strangers} strangers");
    }
}

#[test]
fn a_host_asks_one_to_seven_different_nodes() {
    let node = |number: u8| (Eid([number; 32]), ([127, 0, 0, 1], 4_000).into());
    assert!(Host::new(&[]).is_err());
    assert!(Host::new(&[node(1), node(1)]).is_err());
    assert!(Host::new(&(1..=8).map(node).collect::<Vec<_>>()).is_err());
    assert!(Host::new(&(1..=7).map(node).collect::<Vec<_>>()).is_ok());
}
