//! A datagram of each type that a node takes, each in a run in which it is handled as it is meant.

use iacp_core::crypto::Secret32;
use iacp_core::directory::work::Worker;
use iacp_core::directory::{Class, Kind};
use iacp_core::governance::malfeasance::{accusation_id, accuse};
use iacp_core::governance::window::Outcome;
use iacp_core::identity::Identity;
use iacp_core::time::UnixTime;
use iacp_wire::message::{
    AccessTicketReq, DhtTicketQuery, DirAnswer, DirGet, DirPut, DirReceipt, Evidence, HeaderFragment, MigrationVector,
    PomVote, PssRevocationRebuttal, TicketedRequest,
};
use iacp_wire::{DhtKey, Digest, Eid, Frame, Message, MigrationVectorTlv, TlvWriter, TransactionId};
use zerocopy::IntoBytes as _;

use super::NOW;
use super::node::{ANSWERS, NODES, run};
use super::records::{
    SIGNED, address, binding, eid, hosting, key, node, of_binding, of_curation, of_delegation, of_root, revocation,
    stored, ticket,
};
use crate::provider::Trusting;
use crate::vectors::Named;

/// The agent that most of these are about, and where it is.
const AGENT: u8 = 9;
const HOME: u8 = 20;
/// A wait of 49 seconds, and one of 78 minutes: milliseconds, shifted by their rest modulo 20.
const MINUTE: u8 = 12;
const HOUR: u8 = 18;

fn frame(message: Message<'_>) -> Vec<u8> {
    written(&Frame::new(message))
}

fn written(frame: &Frame<'_>) -> Vec<u8> {
    let mut out = [0; 1_200];
    let length = frame.write(&mut out).expect("it fits");
    out[..length].to_vec()
}

/// One datagram of a run: from where, how long after the one before, and what.
fn step(source: u8, wait: u8, frame: &[u8]) -> Vec<u8> {
    [&[source, wait][..], &u16::try_from(frame.len()).expect("short").to_be_bytes(), frame].concat()
}

fn at_agent() -> DhtKey {
    key(&eid(AGENT).0)
}

fn register(generation: u64) -> Vec<u8> {
    frame(Message::ErpRegister(&binding(AGENT, HOME, generation)))
}

fn put_by(directory_node_eid: Eid, record: &[u8]) -> Vec<u8> {
    let head = DirPut { directory_node_eid, timestamp: NOW.0.into(), signature: SIGNED };
    frame(Message::DirPut { head: &head, record })
}

/// A record that its owner brings.
fn put(record: &[u8]) -> Vec<u8> {
    put_by(Eid::ZERO, record)
}

/// What a node asks or is asked: the padding makes room for its answer.
fn get(storage_key: DhtKey, kind: u8, class: Class) -> Vec<u8> {
    let transaction_id = TransactionId([7; 8]);
    let head = DirGet { storage_key, transaction_id, kind, first: 0, class: class as u8, reserved: 0 };
    frame(Message::DirGet { head: &head, padding: &[0; 64] })
}

fn worked(ms: u64, class: Class, key: DhtKey, bits: u8, inner: &[u8]) -> Vec<u8> {
    let mut worker = Worker::new::<Trusting>(class, key, bits, UnixTime(NOW.0 + ms), 0, inner);
    let head = std::iter::repeat_with(|| worker.step(1 << 12)).flatten().next().expect("little work");
    frame(Message::WorkedRequest { head: &head, inner })
}

fn moved() -> Vec<u8> {
    let (source_eid, generation_counter) = (eid(AGENT), 5.into());
    let vector = MigrationVector { source_eid, generation_counter, signature: SIGNED };
    let mut buffer = [0; 64];
    let mut tlvs = TlvWriter::new(&mut buffer);
    let [previous, current] = [HOME, HOME + 1].map(|place| address(place).ip());
    tlvs.migration_vector(&MigrationVectorTlv { code: 0x17, previous, current, nonce: [1; 8] }).expect("room");
    written(&Frame { tlvs: tlvs.finish().expect("sound"), ..Frame::new(Message::MigrationVector(&vector)) })
}

/// The agent is accused of two places under generation 4, and of what.
fn accusation(ms: u64) -> (Vec<u8>, Digest) {
    let accuser = Identity::<Trusting>::from_seed(&Secret32::new([3; 32]));
    let [one, other] = [HOME, HOME + 1].map(|place| HeaderFragment::from(&binding(AGENT, place, 4)));
    let (ticket, evidence) = accuse(&accuser, eid(AGENT), one, other, NOW.0 + ms);
    let inner = frame(Message::ProofOfMal { head: &ticket, evidence: Some(Evidence::Bindings(&evidence)) });
    (worked(ms, Class::Identities, at_agent(), 8, &inner), accusation_id::<Trusting>(&ticket))
}

fn vote(by: u8, accusation_id: Digest, outcome: Outcome) -> Vec<u8> {
    let (offender_eid, voter_eid, outcome) = (eid(AGENT), eid(by), outcome as u8);
    let epoch = (NOW.0 / 30_000).into();
    let vote = PomVote { accusation_id, offender_eid, outcome, reserved: [0; 3], epoch, voter_eid, signature: SIGNED };
    frame(Message::PomVote(&vote))
}

fn rebuttal() -> Vec<u8> {
    let (target_storage_key, offender_eid) = (at_agent(), eid(AGENT));
    let head = PssRevocationRebuttal { target_storage_key, offender_eid, rebuttal_proof_length: 112.into() };
    let evidence = revocation(AGENT, 4);
    frame(Message::PssRevocationRebuttal { head: &head, evidence: evidence.as_bytes(), signature: &SIGNED })
}

/// The space of the agent's key.
fn space() -> DhtKey {
    let mut space = [0; 32];
    space[0] = at_agent().0[0] & 0x3F;
    DhtKey(space)
}

/// A ticket is asked for and used.
fn access() -> Vec<u8> {
    let (requestor_eid, target_space_coordinate) = (eid(AGENT), space());
    let asks = AccessTicketReq { requestor_eid, target_space_coordinate, timestamp: NOW.0.into(), signature: SIGNED };
    let head = TicketedRequest {
        target_space_coordinate,
        receiver_eid: requestor_eid,
        expiration_timestamp: (NOW.0 + 600_000).into(),
        curator_signature: SIGNED,
        signature: SIGNED,
    };
    let steps = [
        step(21, 0, &put(&stored(Kind::Hosting, at_agent(), hosting(AGENT, 70).as_bytes()))),
        step(HOME, 0, &frame(Message::AccessTicketReq(&asks))),
        step(HOME, 1, &frame(Message::TicketedRequest { head: &head, inner: &register(4) })),
    ];
    steps.concat()
}

/// Another node answers that it has nothing of what this one asks about.
fn lacks() -> Vec<u8> {
    let head = DirAnswer {
        transaction_id: TransactionId::ZERO,
        answer_status: 20.into(),
        answer_flags: 0.into(),
        total: 0,
        first: 0,
        reserved: [0; 2],
    };
    frame(Message::DirAnswer { head: &head, records: &[] })
}

/// A node that becomes known by its record, and answers from its address.
fn present() -> Vec<u8> {
    let body = node(HOME);
    let receipt = DirReceipt {
        record_digest: Digest([0; 32]),
        directory_node_eid: eid(HOME),
        status: 0.into(),
        signature: SIGNED,
    };
    let named = step(HOME, 0, &put(&stored(Kind::Node, key(&eid(HOME).0), body.as_bytes())));
    [asks(named), step(ANSWERS, 0, &frame(Message::DirReceipt(&receipt)))].concat()
}

/// A run, and behind it as many silent minutes as it takes until the node asks another one.
fn asks(mut bytes: Vec<u8>) -> Vec<u8> {
    for _ in 0..100 {
        if run(&bytes).asked > 0 {
            return bytes;
        }
        bytes.extend(step(0, MINUTE, &[]));
    }
    panic!("the node asks nothing in an hour")
}

fn tickets() -> Vec<u8> {
    let query = |target: u8| DhtTicketQuery {
        target_storage_key: key(&eid(target).0),
        transaction_id: TransactionId([7; 8]),
        requestor_eid: eid(8),
    };
    let steps = [
        step(HOME, 0, &frame(Message::DhtTicketStore(&ticket(AGENT, 1)))),
        step(21, 0, &frame(Message::DhtTicketQuery(&query(AGENT)))),
        step(21, 0, &frame(Message::DhtTicketQuery(&query(8)))),
    ];
    steps.concat()
}

fn names() -> Vec<u8> {
    let root = of_root("org", 6, NOW.0);
    let changed = of_curation(1, &root, "org", 7);
    let records = [
        changed.clone(),
        root,
        changed,
        of_delegation("org", "org.example", 8, NOW.0),
        of_delegation("org.example", "org.example.www", AGENT, NOW.0),
        // A second word on one child: its curator is suspect.
        of_delegation("org", "org.example", 5, NOW.0),
    ];
    // One network has a small share of the places.
    (HOME..).zip(records).flat_map(|(from, record)| step(from, 0, &put(&record))).collect()
}

/// See the module.
pub(crate) fn node_seeds() -> Named {
    let begin = step(HOME, 0, &register(4));
    let (accused, id) = accusation(0);
    let tried = [&begin[..], &step(21, 0, &accused)].concat();
    let votes = |outcome| NODES.map(|by| step(by, 0, &vote(by, id, outcome))).collect::<Vec<_>>().concat();
    let contradicts = step(1, 0, &vote(1, id, Outcome::Cleared));
    let place = |generation, place| put_by(eid(1), &of_binding(&binding(AGENT, place, generation)));
    let (late, _) = accusation(u64::from(MINUTE) << MINUTE);
    let revoked = put(&stored(Kind::Revocation, at_agent(), revocation(AGENT, 4).as_bytes()));
    let defence = [step(22, 0, &revoked), step(21, MINUTE, &late), step(HOME, 0, &rebuttal())];
    let looks = [(255, 0), (1, 0), (0, 0), (254, 0), (2, 0)];
    let looks = looks.map(|(kind, wait)| step(22, wait, &get(at_agent(), kind, Class::Identities)));
    let in_work = step(HOME, 0, &worked(0, Class::Identities, at_agent(), 4, &register(4)));
    let seeds = [
        ("empty", Vec::new()),
        ("registered", [&begin[..], &step(HOME, 3, &register(4)), &step(HOME, 3, &register(3))].concat()),
        ("handed-on", [step(1, 3, &place(5, 2)), step(2, 3, &place(5, 3)), step(1, 3, &place(6, 2))].concat()),
        ("moved", [&begin[..], &step(HOME + 1, 0, &moved())].concat()),
        ("worked", in_work),
        ("looked-up", [&begin[..], &looks.concat()].concat()),
        ("tickets", tickets()),
        ("access", access()),
        ("names", names()),
        ("convicted", [&tried[..], &votes(Outcome::Guilty)].concat()),
        ("judged", [&tried[..], &step(0, HOUR, &[])].concat()),
        ("two-words", [&tried[..], &step(1, 0, &vote(1, id, Outcome::Guilty)), &contradicts].concat()),
        ("rebutted", defence.concat()),
        ("compared", [asks(begin.clone()), step(ANSWERS, 0, &lacks())].concat()),
        ("present", present()),
    ];
    seeds.map(|(name, bytes)| (name.to_owned(), bytes)).into()
}
