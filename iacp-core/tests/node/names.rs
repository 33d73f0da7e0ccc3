//! Where a name leads, by what stands at a node: roots and their changes, delegations, verdicts, revocations, escrows, custody.

use iacp_core::dhi::fallback::Mapping;
use iacp_core::dhi::mapping::of_node;
use iacp_core::directory::name::{ChainBreak, Root};
use iacp_core::directory::node::{Named, Trust, Unnamed};
use iacp_core::directory::{Kind, sign};
use iacp_core::governance::ballot::sign as sign_vote;
use iacp_core::governance::malfeasance::accuse;
use iacp_core::governance::window::Outcome;
use iacp_core::time::UnixTime;
use iacp_wire::message::{Evidence, HeaderFragment};
use iacp_wire::{Digest, Eid, Message};

use super::world::{Chosen, Host, SETTINGS, START, at, binding, frame, hashed, home, identity, info, record};
use iacp_core::crypto::Provider;

/// Keys: the curator of the root before and after its change, of `test.shop`, and the site behind `test.shop.www`.
const OLD: u8 = 40;
pub const CURATOR: u8 = 41;
pub const SHOP: u8 = 42;
pub const SITE: u8 = 43;

const HOUR: u64 = 3_600_000;
pub const NAME: &str = "test.shop.www";

pub struct Pinned;
impl Trust for Pinned {
    fn paid(&self, root: &Root<'_>) -> bool {
        root.path.as_str() == "test"
    }
}

fn text(path: &str) -> Vec<u8> {
    [&u16::try_from(path.len()).expect("short").to_be_bytes()[..], path.as_bytes()].concat()
}

/// A root record of 1.8: length, curation key, escrow index, name.
fn named(name: &str, key: u8) -> Vec<u8> {
    let length = u16::try_from(name.len()).expect("short").to_be_bytes();
    let index = Chosen::sha256(&[&[2_u8][..]]);
    [&length[..], &[0; 2], &identity(key).eid().0, &index, name.as_bytes()].concat()
}

fn root_body() -> Vec<u8> {
    let before = [named("test", OLD), START.to_be_bytes().to_vec()].concat();
    let after = [0, 1, 2];
    let signature = sign(&identity(OLD), Kind::Root, &before, &after);
    [&before[..], &signature.0, &after].concat()
}

/// The root's first change: another key, signed by the one before.
fn curation_body() -> Vec<u8> {
    let state = Chosen::sha256(&[&root_body()]);
    let fields = [&1_u64.to_be_bytes()[..], &state, &named("test", CURATOR)].concat();
    [&fields[..], &sign(&identity(OLD), Kind::Curation, &fields, &[]).0].concat()
}

pub fn token(parent: &str, child: &str, signer: u8, key: u8, life: u64) -> Vec<u8> {
    let times = [START.to_be_bytes(), (START + life).to_be_bytes()].concat();
    let fields = [text(parent), text(child), identity(key).eid().0.to_vec(), times].concat();
    [&fields[..], &sign(&identity(signer), Kind::Delegation, &fields, &[]).0].concat()
}

pub fn offer(host: &mut Host, ms: u64, kind: Kind, key: &[u8], body: &[u8]) -> u32 {
    host.node.offer(at(ms), home(9).ip(), &record(kind, hashed(key), body), &Pinned)
}

/// A node among seven, with `test` (whose key has changed once), `test.shop` and `test.shop.www`.
pub fn world() -> Host {
    world_of(1)
}

/// The same at the node with this seed.
pub fn world_of(seed: u8) -> Host {
    let mut host = Host::new(seed, 256, SETTINGS);
    (1..8).for_each(|seed| assert!(host.node.introduce(at(0).mono, info(seed))));
    assert_eq!(offer(&mut host, 0, Kind::Root, b"test", &root_body()), 0);
    assert_eq!(offer(&mut host, 0, Kind::Curation, b"test", &curation_body()), 0);
    let shop = token("test", "test.shop", CURATOR, SHOP, 9 * HOUR);
    assert_eq!(offer(&mut host, 0, Kind::Delegation, b"test.shop", &shop), 0);
    let www = token("test.shop", NAME, SHOP, SITE, 5 * HOUR);
    assert_eq!(offer(&mut host, 0, Kind::Delegation, NAME.as_bytes(), &www), 0);
    host
}

pub fn name(host: &Host, ms: u64, path: &str) -> Result<Named, Unnamed> {
    host.node.name(UnixTime(START + ms), path, &Pinned)
}

fn broken(why: ChainBreak) -> Result<Named, Unnamed> {
    Err(Unnamed::Broken(why))
}

// shows: IACP-028 (§4.1.2), IACP-114 (§5.2.2)
#[test]
fn a_path_is_followed_from_its_root_through_each_change_and_token() {
    let host = world();
    let site = Named { eid: identity(SITE).eid(), until: START + 5 * HOUR };
    assert_eq!(name(&host, 1, NAME), Ok(site), "it ends with its first token");
    assert_eq!(name(&host, 1, "test.shop").map(|named| named.eid), Ok(identity(SHOP).eid()));
    assert_eq!(name(&host, 1, "test").map(|named| named.eid), Ok(identity(CURATOR).eid()), "the newest version");
    assert_eq!(name(&host, 5 * HOUR, NAME), broken(ChainBreak::LinkMissing), "its token has run out");
    for (path, why) in [
        ("Test", ChainBreak::PathMalformed),
        ("other.shop", ChainBreak::RootUnknown),
        ("test.absent", ChainBreak::LinkMissing),
        ("test.absent.www", ChainBreak::LinkMissing),
    ] {
        assert_eq!(name(&host, 1, path), broken(why), "{path}");
    }
    let mapping = |ms: u64, host_name: &str| of_node(&host.node, UnixTime(START + ms), host_name, &Pinned);
    assert_eq!(mapping(1, "www.shop.test"), Mapping::Mapped { eid: site.eid, expiry: UnixTime(site.until) });
    assert_eq!(mapping(1, "absent.test"), Mapping::NotFound);
    assert_eq!(mapping(1, "under_score.test"), Mapping::Refused);
}

#[test]
fn the_unsigned_expiry_of_a_root_ends_no_name() {
    let mut host = Host::new(1, 256, SETTINGS);
    let body = root_body();
    let short = iacp_wire::layout::Record { expiry: START + HOUR, ..record(Kind::Root, hashed(b"test"), &body) };
    assert_eq!(host.node.offer(at(0), home(9).ip(), &short, &Pinned), 0);
    let shop = token("test", "test.shop", OLD, SHOP, 9 * HOUR);
    assert_eq!(offer(&mut host, 0, Kind::Delegation, b"test.shop", &shop), 0);
    let named = name(&host, 1, "test.shop").expect("there is a root");
    assert_eq!(named.until, START + 9 * HOUR, "the token ends it");
    assert_eq!(name(&host, HOUR, "test.shop"), Ok(named));
    assert_eq!(name(&host, 9 * HOUR, "test.shop"), broken(ChainBreak::LinkMissing));
}

#[test]
fn a_token_by_the_key_before_a_change_counts_no_more() {
    let mut host = Host::new(1, 256, SETTINGS);
    assert_eq!(offer(&mut host, 0, Kind::Root, b"test", &root_body()), 0);
    let shop = token("test", "test.shop", OLD, SHOP, 9 * HOUR);
    assert_eq!(offer(&mut host, 0, Kind::Delegation, b"test.shop", &shop), 0);
    assert!(name(&host, 1, "test.shop").is_ok());
    assert_eq!(offer(&mut host, 2, Kind::Curation, b"test", &curation_body()), 0);
    assert_eq!(name(&host, 3, "test.shop"), broken(ChainBreak::BadSignature));
}

#[test]
fn a_root_that_is_pinned_nowhere_here_leads_nowhere() {
    let host = world();
    let unpaid = host.node.name(UnixTime(START + 1), NAME, &super::world::Nothing);
    assert_eq!(unpaid, broken(ChainBreak::RootUnproven));
}

/// A verdict of five of the seven nodes.
pub fn verdict(offender: u8, outcome: Outcome) -> Vec<u8> {
    let (id, eid) = (Digest([offender; 32]), identity(offender).eid());
    let head = [&id.0[..], &eid.0, &[outcome as u8, 5, 0, 0]].concat();
    let votes = (1..6).map(|voter| {
        let vote = sign_vote(&identity(voter), id, eid, outcome, START / 30_000);
        [&vote.voter_eid.0[..], &vote.epoch.get().to_be_bytes(), &vote.signature.0].concat()
    });
    [head, votes.collect::<Vec<_>>().concat()].concat()
}

fn revocation(eid: u8, first_invalid: u64) -> Vec<u8> {
    let fields = [&identity(eid).eid().0[..], &first_invalid.to_be_bytes(), &START.to_be_bytes()].concat();
    [&fields[..], &sign(&identity(eid), Kind::Revocation, &fields, &[]).0].concat()
}

/// Where each key of the chain breaks it.
const BREAKS: [(u8, ChainBreak); 3] =
    [(CURATOR, ChainBreak::RootRevoked), (SHOP, ChainBreak::KeyRevoked), (SITE, ChainBreak::KeyRevoked)];

#[test]
fn a_name_is_refused_once_a_key_on_its_way_is_slashed() {
    // shows: IACP-114 (§5.2.2)
    for (key, why) in BREAKS {
        let (mut host, eid) = (world(), identity(key).eid());
        assert_eq!(offer(&mut host, 1, Kind::Verdict, &eid.0, &verdict(key, Outcome::Cleared)), 0);
        assert!(name(&host, 2, NAME).is_ok(), "a cleared key is as good as before");
        let mut host = world();
        assert_eq!(offer(&mut host, 1, Kind::Verdict, &eid.0, &verdict(key, Outcome::Guilty)), 0);
        assert_eq!(name(&host, 2, NAME), broken(why));
        assert_eq!(of_node(&host.node, UnixTime(START + 2), "www.shop.test", &Pinned), Mapping::NotFound);
    }
    // The key before the change has no say any more, whatever became of it.
    let (mut host, eid) = (world(), identity(OLD).eid());
    assert_eq!(offer(&mut host, 1, Kind::Verdict, &eid.0, &verdict(OLD, Outcome::Guilty)), 0);
    assert!(name(&host, 2, NAME).is_ok());
}

#[test]
fn a_name_is_refused_once_a_key_on_its_way_is_revoked() {
    for (key, why) in BREAKS {
        let (mut host, eid) = (world(), identity(key).eid());
        assert_eq!(offer(&mut host, 1, Kind::Revocation, &eid.0, &revocation(key, 7)), 0);
        assert!(name(&host, 2, NAME).is_ok(), "generations below 7 are valid");
        assert_eq!(offer(&mut host, 3, Kind::Revocation, &eid.0, &revocation(key, 0)), 0);
        assert_eq!(name(&host, 4, NAME), broken(why));
    }
}

/// An accusation of a key by two bindings of one generation.
pub fn accusation(offender: u8) -> Vec<u8> {
    let [one, other] = [20, 30].map(|place| {
        let binding = binding(offender, home(place).ip(), 4);
        HeaderFragment::from(&binding)
    });
    let (ticket, evidence) = accuse(&identity(21), identity(offender).eid(), one, other, START);
    let evidence = Some(Evidence::Bindings(&evidence));
    frame(Message::ProofOfMal { head: &ticket, evidence })[4..].to_vec()
}

#[test]
fn a_name_is_in_quarantine_while_a_key_on_its_way_is_accused() {
    for (key, _) in BREAKS {
        let (mut host, eid) = (world(), identity(key).eid());
        assert_eq!(offer(&mut host, 1, Kind::Accusation, &eid.0, &accusation(key)), 0);
        assert_eq!(name(&host, 2, NAME), Err(Unnamed::Quarantined(eid)));
        // Not found would be kept; this says nothing of the name.
        assert_eq!(of_node(&host.node, UnixTime(START + 2), "www.shop.test", &Pinned), Mapping::Refused);
    }
}

/// `test.shop` under its own key, kept alive by five of the seven nodes of `test`.
fn custody(until: u64) -> Vec<u8> {
    let terms = [&identity(SHOP).eid().0[..], &(START + until).to_be_bytes(), &[7; 32]].concat();
    let signed = [text("test"), text("test.shop"), terms].concat();
    let votes = (1..6).map(|voter| {
        let signature = sign(&identity(voter), Kind::Custody, &signed, &[]);
        [&identity(voter).eid().0[..], &signature.0].concat()
    });
    [&signed[..], &[5], &votes.collect::<Vec<_>>().concat()].concat()
}

// shows: IACP-164 (B.6)
#[test]
fn a_child_in_custody_lives_on_without_its_curator_and_no_longer_than_the_custody() {
    for proof in [Kind::Verdict, Kind::Accusation] {
        let mut host = world();
        assert_eq!(offer(&mut host, 1, Kind::Custody, b"test.shop", &custody(3 * HOUR)), 0);
        let normal = name(&host, 1, NAME).expect("a chain");
        assert_eq!(normal.until, START + 5 * HOUR, "as long as the curator stands, its own words count");
        let eid: Eid = identity(CURATOR).eid();
        let body = if proof == Kind::Verdict { verdict(CURATOR, Outcome::Guilty) } else { accusation(CURATOR) };
        assert_eq!(offer(&mut host, 2, proof, &eid.0, &body), 0);
        let kept = Named { eid: identity(SITE).eid(), until: START + 3 * HOUR };
        assert_eq!(name(&host, 3, NAME), Ok(kept));
        assert_eq!(name(&host, 3, "test.shop").map(|named| named.eid), Ok(identity(SHOP).eid()));
        assert!(name(&host, 3, "test").is_err(), "the curator itself is not kept");
        assert!(name(&host, 3 * HOUR, NAME).is_err(), "the custody is over");
        // The child's own key is not excused.
        let shop = identity(SHOP).eid();
        assert_eq!(offer(&mut host, 4, Kind::Verdict, &shop.0, &verdict(SHOP, Outcome::Guilty)), 0);
        assert_eq!(name(&host, 5, NAME), broken(ChainBreak::KeyRevoked));
    }
}

/// A curator in good standing delegated the child anew: the custody of the key before, which may be stolen, is over.
// shows: IACP-164 (B.6)
#[test]
fn a_custody_does_not_outlive_the_key_of_its_child() {
    let mut host = world();
    assert_eq!(offer(&mut host, 1, Kind::Custody, b"test.shop", &custody(3 * HOUR)), 0);
    let times = [(START + 1).to_be_bytes(), (START + 9 * HOUR).to_be_bytes()].concat();
    let fields = [text("test"), text("test.shop"), identity(44).eid().0.to_vec(), times].concat();
    let renewed = [&fields[..], &sign(&identity(CURATOR), Kind::Delegation, &fields, &[]).0].concat();
    assert_eq!(offer(&mut host, 2, Kind::Delegation, b"test.shop", &renewed), 0);
    assert_eq!(name(&host, 3, "test.shop").map(|named| named.eid), Ok(identity(44).eid()));
    let curator = identity(CURATOR).eid();
    assert_eq!(offer(&mut host, 4, Kind::Accusation, &curator.0, &accusation(CURATOR)), 0);
    assert_eq!(name(&host, 5, "test.shop"), Err(Unnamed::Quarantined(curator)));
}
