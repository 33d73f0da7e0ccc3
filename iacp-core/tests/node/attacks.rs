//! Attacks on a directory node, each with what it comes to.

use iacp_core::crypto::Provider;
use iacp_core::directory::name::Root;
use iacp_core::directory::node::{Handled, NodeEvent, Trust};
use iacp_core::directory::{Answered, Class, Kind, answered, sign};
use iacp_core::governance::ballot::sign as sign_vote;
use iacp_core::governance::claims::{ClaimKind, accuse_claims};
use iacp_core::governance::malfeasance::{accuse, verify};
use iacp_core::governance::window::{Clock, EPOCH, Outcome};
use iacp_wire::layout::{NamespaceRoot, Record, Verdict, VerdictHead, VerdictVote};
use iacp_wire::message::{ErrorMessage, Evidence, HeaderFragment, MalfeasanceData};
use iacp_wire::{Digest, Frame, Message, RefusedDigest};
use zerocopy::IntoBytes;

use super::world::{
    Chosen, Host, SETTINGS, at, binding, frame, get, hashed, home, identity, info, node_put, record, register,
    registration, worked,
};

const BLOCKED: u32 = 19;
const REFUSED: u32 = 21;
const DAY: u64 = 24 * 3_600_000;

/// Node 1, which knows nodes 2 to 7: the seven for each key.
fn newcomer() -> Host {
    let mut host = Host::new(1, 256, SETTINGS);
    for seed in 2..8 {
        assert!(host.node.introduce(at(0).mono, info(seed)));
    }
    host
}

/// Nodes 2 and on hand a record to node 1, one after another; what each is told.
fn told(host: &mut Host, nodes: &[u8], ms: u64, record: &Record<'_>) -> Vec<u32> {
    nodes.iter().map(|node| host.status(at(ms), info(*node).at, &node_put(*node, 1, ms, record))).collect()
}

/// A verdict on agent 20 that these nodes signed.
fn verdict(voters: &[u8], outcome: Outcome) -> Vec<u8> {
    let (id, offender) = (Digest([9; 32]), identity(20).eid());
    let votes: Vec<VerdictVote> = voters
        .iter()
        .map(|voter| {
            let vote = sign_vote(&identity(*voter), id, offender, outcome, 1);
            VerdictVote { voter_eid: vote.voter_eid, epoch: vote.epoch, signature: vote.signature }
        })
        .collect();
    let count = u8::try_from(votes.len()).expect("few");
    let head =
        VerdictHead { accusation_id: id, offender_eid: offender, outcome: outcome as u8, count, reserved: [0; 2] };
    let mut body = vec![0; 900];
    let length = Verdict { head: &head, votes: &votes }.write(&mut body).expect("room");
    body.truncate(length);
    body
}

/// The attack "a verdict whose voters have gone; invented voters": a node that came later knows none of the voters.
// shows: IACP-068 (§4.2.1.3), IACP-126 (§5.5.2)
#[test]
fn a_verdict_outlives_its_voters_by_the_word_of_three_of_the_seven() {
    let mut host = newcomer();
    let key = hashed(&identity(20).eid().0);
    let gone = verdict(&[101, 102, 103, 104, 105], Outcome::Guilty);
    let gone = record(Kind::Verdict, key, &gone);
    // Two liars invent voters, and repeat themselves.
    assert_eq!(told(&mut host, &[2, 3, 2, 3, 3, 2], 1, &gone), [REFUSED; 6]);
    assert_eq!(host.status(at(2), home(20), &registration(at(2), 20, 4, 6, 0)), 0, "no verdict stands");
    // Another outcome is another statement.
    let cleared = verdict(&[101, 102, 103, 104, 105], Outcome::Cleared);
    assert_eq!(told(&mut host, &[4], 3, &record(Kind::Verdict, key, &cleared)), [REFUSED]);
    // A third one of the seven says the same; it may have kept other votes.
    let same = verdict(&[101, 102, 103, 104, 106], Outcome::Guilty);
    assert_eq!(told(&mut host, &[5], 4, &record(Kind::Verdict, key, &same)), [0]);
    assert_eq!(host.status(at(5), home(20), &registration(at(5), 20, 5, 6, 1)), BLOCKED);
}

/// Pinned roots hold, so that a test need not burn work.
struct Pays;

impl Trust for Pays {
    fn paid(&self, _: &Root<'_>) -> bool {
        true
    }
}

fn root(signer: u8, time: u64) -> Vec<u8> {
    let proof = [2];
    let named = NamespaceRoot {
        curation_public_key: identity(signer).eid(),
        escrow_allocation_index: Digest(hashed(&proof).0),
        namespace: "org",
    };
    let mut before = vec![0; 100];
    let length = named.write(&mut before).expect("a short name");
    before.truncate(length);
    before.extend(time.to_be_bytes());
    let after = [0, 1, 2];
    let signature = sign(&identity(signer), Kind::Root, &before, &after);
    [&before[..], &signature.0, &after].concat()
}

/// The attack "squatting a name", by liars that date their root back: of two roots the earlier one stands.
// shows: IACP-111 (§5.2.1)
#[test]
fn a_name_is_dated_back_by_f_plus_one_nodes_and_not_by_fewer() {
    let mut host = newcomer();
    let key = hashed(b"org");
    let mut hand = |node: u8, ms: u64, body: &[u8]| {
        let mut out = [0; 1_200];
        let put = node_put(node, 1, ms, &record(Kind::Root, key, body));
        match host.node.handle(at(ms), &host.me, info(node).at, &put, &Pays, &mut out) {
            Handled::Answer(length) => match Frame::parse(&out[..length]).expect("a frame").message {
                Message::DirReceipt(receipt) => receipt.status.get(),
                other => panic!("{other:?}"),
            },
            Handled::Silence(why) => panic!("{why:?}"),
        }
    };
    let now = at(0).unix.0;
    let (honest, squatter) = (root(30, now), root(31, now - DAY));
    assert_eq!(hand(2, 0, &honest), 0, "one of this moment is taken from any node");
    assert_eq!(hand(2, 1, &squatter), REFUSED);
    assert_eq!(hand(3, 1, &squatter), REFUSED);
    assert_eq!(hand(3, 1, &squatter), REFUSED, "once more is not one more");
    assert_eq!(hand(4, 40_000, &honest), 0, "a refresh of what stands needs no witness");
    // Later it is no longer of this moment: a node that comes then takes it from three.
    let mut late = newcomer();
    let old = root(30, now);
    let put = |node: u8| node_put(node, 1, DAY, &record(Kind::Root, key, &old));
    let mut status = |node: u8| {
        let mut out = [0; 1_200];
        match late.node.handle(at(DAY), &late.me, info(node).at, &put(node), &Pays, &mut out) {
            Handled::Answer(_) => u32::from_be_bytes(out[68..72].try_into().expect("four bytes")),
            Handled::Silence(why) => panic!("{why:?}"),
        }
    };
    assert_eq!([status(2), status(3), status(4), status(5)], [REFUSED, REFUSED, 0, 0]);
}

fn fragment(agent: u8, place: u8, generation: u64) -> HeaderFragment {
    let binding = binding(agent, home(place).ip(), generation);
    HeaderFragment::from(&binding)
}

/// The frame by which one agent accuses another of two places under a generation, and the accusation's id.
fn accusation(accuser: u8, offender: u8, generation: u64, now: Clock) -> (Vec<u8>, Digest) {
    let [one, two] = [offender, 250].map(|place| fragment(offender, place, generation));
    let (ticket, evidence) = accuse(&identity(accuser), identity(offender).eid(), one, two, now.unix.0);
    let data = MalfeasanceData { ticket: &ticket, evidence: Evidence::Bindings(&evidence) };
    let id = verify::<Chosen>(&data).expect("it is proven").id();
    (frame(Message::ProofOfMal { head: &ticket, evidence: Some(Evidence::Bindings(&evidence)) }), id)
}

pub fn accused(host: &mut Host, ms: u64, accuser: u8, offender: u8, generation: u64) -> u32 {
    let (inner, _) = accusation(accuser, offender, generation, at(ms));
    let key = hashed(&identity(offender).eid().0);
    let nonce = ms << 16 | u64::from(offender);
    host.status(at(ms), home(accuser), &worked(at(ms), Class::Identities, key, 10, nonce, &inner))
}

/// The attack "accusing to harm; filling escrows": of one accuser four are open, and what is accepted is tried.
// shows: IACP-101 (§4.2.7.2)
#[test]
fn one_accuser_has_four_open_accusations_and_a_full_court_takes_none() {
    let mut host = Host::new(1, 1_024, SETTINGS);
    for offender in 30..34 {
        assert_eq!(accused(&mut host, 1, 21, offender, 4), 0);
    }
    assert_eq!(accused(&mut host, 2, 21, 34, 4), 4, "CAPACITY");
    assert_eq!(host.node.store().list(at(3).unix, Kind::Accusation, hashed(&identity(34).eid().0)).count(), 0);
    // Another accuser is heard, up to the eight places of this node's court.
    for (accuser, offender) in [(22, 34), (22, 35), (23, 36), (24, 37)] {
        assert_eq!(accused(&mut host, 3, accuser, offender, 4), 0);
    }
    assert_eq!(accused(&mut host, 4, 25, 38, 4), 4, "nothing is taken that could not be tried");
    for offender in 30..38 {
        assert!(host.node.is_challenged(&identity(offender).eid()), "agent {offender}");
    }
    assert!(!host.node.is_challenged(&identity(38).eid()));
    // One more accusation of a challenged key takes a place of its own.
    assert_eq!(accused(&mut host, 5, 25, 30, 5), 4);
    // What is known is known, whenever it was written.
    assert_eq!(accused(&mut host, 6, 21, 30, 4), 1);
}

/// Accusations of one key count for their accuser like those of many.
// shows: IACP-101 (§4.2.7.2)
#[test]
fn an_accuser_has_four_open_against_one_key_too() {
    let mut host = Host::new(1, 1_024, SETTINGS);
    for generation in 4..8 {
        assert_eq!(accused(&mut host, generation, 21, 30, generation), 0);
    }
    assert_eq!(accused(&mut host, 9, 21, 31, 4), 4, "four are open");
    assert_eq!(accused(&mut host, 9, 22, 31, 4), 0);
}

/// Lets an hour and twenty minutes go by, in which this node's own vote is not heard. Gives what lapsed.
fn lapse(host: &mut Host, from: u64) -> Vec<Digest> {
    let mut lapsed = Vec::new();
    for epoch in 0..=161 {
        for event in host.events(at(from + epoch * EPOCH)) {
            if let NodeEvent::Lapsed { id, .. } = event {
                lapsed.push(id);
            }
        }
    }
    lapsed
}

/// "Old evidence again": each is tried once, and a lapsed one once more after a day.
// shows: IACP-101 (§4.2.7.2)
#[test]
fn each_is_tried_once_and_what_lapsed_may_open_once_more_after_a_day() {
    let mut host = Host::new(1, 1_024, SETTINGS);
    let [first, second] = [4, 5].map(|generation| accusation(21, 30, generation, at(1)).1);
    assert_eq!(accused(&mut host, 1, 21, 30, 4), 0);
    assert_eq!(accused(&mut host, 2, 22, 30, 5), 0, "it is open too");
    assert_eq!(lapse(&mut host, 3), [first, second]);
    assert!(!host.node.is_challenged(&identity(30).eid()), "each was tried once");
    let again = 3 + 324 * EPOCH;
    assert_eq!(accused(&mut host, again, 21, 30, 4), 1);
    assert!(!host.node.is_challenged(&identity(30).eid()), "too soon");
    let later = 1 + 160 * EPOCH + DAY;
    assert_eq!(accused(&mut host, later, 21, 30, 4), 0);
    assert!(host.node.is_challenged(&identity(30).eid()), "a day after it lapsed");
}

/// The attack "a lapsed one again": it has its own place in the list, and ends no trial for it.
// shows: IACP-101 (§4.2.7.2)
#[test]
fn what_lapsed_and_comes_again_ends_no_other_trial() {
    let mut host = Host::new(1, 1_024, SETTINGS);
    let lapsed = accusation(21, 30, 4, at(1)).1;
    assert_eq!(accused(&mut host, 1, 21, 30, 4), 0);
    assert_eq!(lapse(&mut host, 3), [lapsed]);
    let later = 1 + 160 * EPOCH + DAY;
    // Those with higher ids would give way to it, were the list full without it.
    let higher = (5..100).filter(|generation| accusation(22, 30, *generation, at(later)).1.0 > lapsed.0);
    let mut accusers = 22..;
    for generation in higher.take(3) {
        let accuser = accusers.next().expect("one more");
        assert_eq!(accused(&mut host, later, accuser, 30, generation), 0);
    }
    assert_eq!(accusers.next(), Some(25), "three are open");
    assert_eq!(accused(&mut host, later + 1, 21, 30, 4), 0);
    let ended = host.events(at(later + 2)).into_iter().any(|event| matches!(event, NodeEvent::Lapsed { .. }));
    assert!(!ended, "all four are tried");
}

/// The attack "half the quorum told one IP, half another": the node that meets both accuses by them.
// shows: IACP-098 (§4.2.7.1)
#[test]
fn a_node_that_comes_to_hold_both_halves_accuses() {
    let mut host = newcomer();
    let key = hashed(&identity(20).eid().0);
    assert_eq!(host.status(at(0), home(20), &registration(at(0), 20, 4, 6, 0)), 0);
    assert_eq!(host.node.accuse(at(0), &host.me, &super::world::Nothing), None);
    let other = binding(20, home(250).ip(), 4);
    assert_eq!(told(&mut host, &[3], 1, &record(Kind::Binding, key, other.as_bytes())), [1], "the first one stays");
    assert_eq!(host.events(at(2)), [NodeEvent::Equivocation { offender: identity(20).eid() }]);
    assert!(matches!(host.node.accuse(at(2), &host.me, &super::world::Nothing), Some((_, 0))));
    assert!(host.node.is_challenged(&identity(20).eid()));
    assert_eq!(host.node.accuse(at(3), &host.me, &super::world::Nothing), None, "once");
    // It goes to the six others, who take it as proven.
    let (mut out, mut reached) = ([0; 1_200], Vec::new());
    while let Some((to, length)) = host.node.poll_transmit(at(3), &host.me, &mut out) {
        // The accused is told where it is bound.
        let Some(seed) = (2..8).find(|seed| info(*seed).at == to) else { continue };
        let Message::DirPut { record, .. } = Frame::parse(&out[..length]).expect("a frame").message else { continue };
        if Record::parse(record).expect("a record").kind != Kind::Accusation as u8 {
            continue;
        }
        let mut receiver = Host::new(seed, 64, SETTINGS);
        assert!(receiver.node.introduce(at(0).mono, info(1)));
        assert_eq!(receiver.status(at(3), info(1).at, &out[..length]), 0);
        assert!(receiver.node.is_challenged(&identity(20).eid()));
        reached.push(seed);
    }
    // Some are handed it as what they are nearer for, too.
    reached.sort_unstable();
    reached.dedup();
    assert_eq!(reached, [2, 3, 4, 5, 6, 7]);
}

/// The attack "muting the courts": strangers who contradict themselves use up no node's accusing; what finds no place is told anew.
// shows: IACP-098 (§4.2.7.1), IACP-101 (§4.2.7.2)
#[test]
fn what_a_node_cannot_accuse_by_now_it_accuses_by_when_a_trial_has_ended() {
    let mut host = newcomer();
    let accuses = |host: &mut Host, agent: u8| {
        assert_eq!(host.status(at(0), home(agent), &registration(at(0), agent, 4, 10, agent.into())), 0);
        let other = binding(agent, home(agent + 100).ip(), 4);
        let key = hashed(&identity(agent).eid().0);
        assert_eq!(told(host, &[3], 1, &record(Kind::Binding, key, other.as_bytes())), [1]);
        assert_eq!(host.events(at(2)), [NodeEvent::Equivocation { offender: identity(agent).eid() }]);
        host.node
            .accuse(at(2), &host.me, &super::world::Nothing)
            .map(|(accused, status)| (accused == identity(agent).eid(), status))
    };
    // Half of the eight places are for what the node itself finds.
    for agent in 40..44 {
        assert_eq!(accuses(&mut host, agent), Some((true, 0)), "agent {agent}");
    }
    assert_eq!(accuses(&mut host, 44), Some((true, 4)), "CAPACITY");
    assert_eq!(accused(&mut host, 3, 21, 30, 4), 0, "others are heard");
    let (offender, mut recalled) = (identity(44).eid(), false);
    for epoch in 0..=161 {
        let events = host.events(at(3 + epoch * EPOCH));
        recalled |= events.contains(&NodeEvent::Equivocation { offender });
    }
    assert!(recalled, "with the end of a trial");
    let later = at(3 + 162 * EPOCH);
    assert!(matches!(host.node.accuse(later, &host.me, &super::world::Nothing), Some((_, 0))));
    assert!(host.node.is_challenged(&offender));
}

/// The attack "taking a write away": all nodes get one proof, and a liar sends what it got to another first.
// shows: IACP-119 (§5.3.1)
#[test]
fn a_copy_that_a_liar_sends_on_takes_no_write_from_its_owner() {
    let mut host = newcomer();
    let sent = registration(at(0), 20, 4, 6, 0);
    assert_eq!(host.status(at(0), info(3).at, &sent), 16, "WRONG_SOURCE");
    assert_eq!(host.status(at(1), home(20), &sent), 0);
}

/// The attack "an ERROR that asks for endless work": an ERROR is signed by no node, so anyone on the path can send one.
// shows: IACP-117 (§5.3.1)
#[test]
fn no_host_works_for_more_than_twenty_four_bits() {
    let sent = register(20, 4);
    let kept = binding(20, home(20).ip(), 4);
    let kept = record(Kind::Binding, hashed(&identity(20).eid().0), kept.as_bytes());
    let error = |code: u16, bits: u32| {
        let digest = Chosen::sha256(&[&sent]);
        let body = ErrorMessage {
            code: code.into(),
            refused_type: 3,
            reserved: 0,
            retry_after: bits.into(),
            refused_digest: RefusedDigest(digest[..8].try_into().expect("eight bytes")),
        };
        answered::<Chosen>(&frame(Message::Error(&body)), &identity(1).eid(), &sent, &kept)
    };
    for bits in 0..=24 {
        assert_eq!(error(2, bits), Some(Answered::Refused { code: 2, retry_after: bits }));
    }
    for bits in [25, 32, 64, 255, 256, 280, u32::MAX] {
        assert_eq!(error(2, bits), None, "{bits} bits");
    }
    assert_eq!(error(1, 60_000), Some(Answered::Refused { code: 1, retry_after: 60_000 }), "a pause is none");
}

/// The attack "a million EIDs": each further quarter of a table costs all that come one bit more.
// shows: IACP-117 (§5.3.1)
#[test]
fn a_filling_table_asks_for_more_work() {
    let mut host = Host::new(1, 256, SETTINGS);
    let demanded = |host: &mut Host, ms: u64| host.error(at(ms), home(199), &register(199, 1)).1;
    assert_eq!(demanded(&mut host, 0), 6);
    for agent in (20..250).filter(|agent| *agent != 199) {
        if host.node.store().fill().0 == 192 {
            break;
        }
        let now = at(10 * u64::from(agent));
        let needs = u8::try_from(host.error(now, home(agent), &register(agent, 1)).1).expect("few bits");
        let status = host.status(now, home(agent), &registration(now, agent, 1, needs, 0));
        // By chance a network shares the count of others.
        assert!(matches!(status, 0 | 4), "agent {agent}");
    }
    assert_eq!(host.node.store().fill(), (192, 256));
    assert_eq!(demanded(&mut host, 3_000), 9, "three quarters are taken");
    assert_eq!(host.error(at(3_000), home(199), &registration(at(3_000), 199, 1, 8, 0)), (2, 9));
}

fn token(child: &str, key: u8, not_before: u64) -> Vec<u8> {
    let text = |path: &str| [&u16::try_from(path.len()).expect("short").to_be_bytes()[..], path.as_bytes()].concat();
    let times = [not_before.to_be_bytes(), (not_before + DAY).to_be_bytes()].concat();
    let fields = [text("org"), text(child), identity(key).eid().0.to_vec(), times].concat();
    let signature = sign(&identity(30), Kind::Delegation, &fields, &[]);
    [&fields[..], &signature.0].concat()
}

/// A curator that says two things of one moment: what it said before resolves and is marked, and nothing new is taken from it, until
/// the finding of this one node lapses.
// shows: IACP-127 (§5.5.3), IACP-163 (B.5)
#[test]
fn a_curator_that_contradicts_itself_is_in_quarantine_for_eighty_minutes() {
    let mut host = newcomer();
    let mut out = [0; 1_200];
    let mut hand = |host: &mut Host, ms: u64, kind: Kind, path: &str, body: &[u8]| {
        let put = node_put(2, 1, ms, &record(kind, hashed(path.as_bytes()), body));
        let Handled::Answer(_) = host.node.handle(at(ms), &host.me, info(2).at, &put, &Pays, &mut out) else {
            panic!("a receipt")
        };
        u32::from_be_bytes(out[68..72].try_into().expect("four bytes"))
    };
    let now = at(0).unix.0;
    assert_eq!(hand(&mut host, 0, Kind::Root, "org", &root(30, now)), 0);
    assert_eq!(hand(&mut host, 1, Kind::Delegation, "org.one", &token("org.one", 31, now)), 0);
    let marked = |host: &mut Host, ms: u64, kind: Kind, path: &[u8]| {
        let (status, flags, bodies) = host.look_up(at(ms), &get(hashed(path), Class::Namespaces, kind as u8, 350));
        assert_eq!((status, bodies.len()), (0, 1));
        flags & 0x0008 != 0
    };
    assert!(!marked(&mut host, 2, Kind::Root, b"org"));
    // The same moment, another key: the first one stays.
    assert_eq!(hand(&mut host, 3, Kind::Delegation, "org.one", &token("org.one", 32, now)), 1);
    assert_eq!(host.events(at(3)), [NodeEvent::Equivocation { offender: identity(30).eid() }]);
    assert!(marked(&mut host, 4, Kind::Root, b"org"));
    assert!(!marked(&mut host, 4, Kind::Delegation, b"org.one"), "its child is a curator of its own");
    assert_eq!(hand(&mut host, 5, Kind::Delegation, "org.two", &token("org.two", 33, now)), 3, "CHALLENGED");
    assert_eq!(
        hand(&mut host, 6, Kind::Delegation, "org.one", &token("org.one", 31, now)),
        0,
        "what stands is refreshed"
    );
    let over = 3 + 160 * EPOCH;
    let _ = host.node.handle_deadline(at(over - 1));
    assert_eq!(hand(&mut host, over - 1, Kind::Delegation, "org.two", &token("org.two", 33, now)), 3);
    let _ = host.node.handle_deadline(at(over));
    assert_eq!(hand(&mut host, over, Kind::Delegation, "org.two", &token("org.two", 33, now)), 0, "restored");
    assert!(!marked(&mut host, over, Kind::Root, b"org"));
}

/// The attack "a court that never opens": an accusation waits for no trial in another court.
// shows: IACP-101 (§4.2.7.2)
#[test]
fn an_accusation_in_another_court_is_tried_beside_the_first() {
    let mut host = Host::new(1, 1_024, SETTINGS);
    assert_eq!(accused(&mut host, 1, 21, 30, 4), 0);
    let now = at(0).unix.0;
    let claims = [token("org.one", 31, now), token("org.one", 32, now)];
    let mut buffer = [0; 900];
    let pair = [&claims[0][..], &claims[1][..]];
    let (ticket, claims) =
        accuse_claims(&identity(22), identity(30).eid(), ClaimKind::Delegation, pair, now, &mut buffer).expect("room");
    let inner = frame(Message::ProofOfMal { head: &ticket, evidence: Some(Evidence::Claims(claims)) });
    let sent = worked(at(2), Class::Namespaces, hashed(b"org"), 10, 1, &inner);
    assert_eq!(host.status(at(2), home(22), &sent), 0, "it is open too");
    assert_eq!(lapse(&mut host, 3).len(), 2);
    let after = 3 + 162 * EPOCH;
    let _ = host.standing(at(after), 30);
    assert!(!host.node.is_challenged(&identity(30).eid()), "once");
}
