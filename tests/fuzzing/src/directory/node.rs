//! A whole directory node, with a host that does for it what a host has to: it writes votes down, hands on what the node has to send,
//! and knows which questions the node asked.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::net::SocketAddr;

use iacp_core::crypto::Secret32;
use iacp_core::directory::metric::{Diversity, NodeInfo};
use iacp_core::directory::name::Root;
use iacp_core::directory::node::{
    Case, Entry, Handled, Kept, Memory, Neighbour, Node, NodeEvent, Settings, Shown, Silence, Trust,
};
use iacp_core::directory::{Body, Kind};
use iacp_core::governance::window::{Clock, Outcome};
use iacp_core::guard::ticket::{Issued, Spending};
use iacp_core::guard::{Liable, Zone};
use iacp_core::identity::Identity;
use iacp_core::slots::Slot;
use iacp_core::time::{Mono, UnixTime};
use iacp_wire::layout::Record;
use iacp_wire::message::DirGet;
use iacp_wire::{DhtKey, Digest, Eid, Frame, Message, MessageType};
use rand_chacha::ChaCha8Rng;
use rand_core::SeedableRng;

use super::NOW;
use super::records::{address, eid, key};
use crate::provider::Trusting;

/// The places of records.
const PLACES: usize = 32;
/// The nodes that the tested one knows from the start, by their numbers.
pub(super) const NODES: std::ops::Range<u8> = 1..4;
/// A source with this bit answers the question that the node asked last, at this or an earlier place, from where it was sent to.
pub(super) const ANSWERS: u8 = 0x80;
/// How often the host asks what is due, and what is to be sent, after each datagram.
const DUE: usize = 300;

/// What became of a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// The type of the answer, and its status or code.
    Answer(MessageType, u32),
    /// No answer.
    Silence(Silence),
}

/// What became of a run.
#[derive(Debug, Default)]
pub struct Report {
    /// The datagrams in turn: the type of each, if it is a frame, and what the node told.
    pub told: Vec<(Option<MessageType>, Told)>,
    /// How often the node voted.
    pub votes: usize,
    /// The verdicts that it told.
    pub verdicts: Vec<Outcome>,
    /// How many keys it told as contradicting themselves.
    pub equivocations: usize,
    /// The pairs of votes of one node that differ.
    pub double_votes: usize,
    /// The questions that it asked.
    pub asked: usize,
    /// The most paths that named an EID at one time.
    pub named: usize,
}

/// The owner of the node: each root is paid, and votes stand on its stable storage.
#[derive(Default)]
struct Owner(RefCell<BTreeMap<[u8; 32], Outcome>>);

impl Trust for Owner {
    fn paid(&self, _: &Root<'_>) -> bool {
        true
    }
    fn voted(&self, accusation: &Digest) -> Option<Outcome> {
        self.0.borrow().get(&accusation.0).copied()
    }
}

struct World<'m> {
    tested: Node<'m, Trusting>,
    me: Identity<Trusting>,
    owner: Owner,
    asked: Vec<(SocketAddr, DirGet)>,
    report: Report,
}

/// A node that gets any frames from anywhere at any time. It answers with at most three times the bytes, keeps what it has room for, and
/// no generation of a binding that it keeps falls; what it refuses changes no record; it votes once on an accusation, and convicts
/// no node of a double vote that has not voted twice.
pub fn run(bytes: &[u8]) -> Report {
    let mut entries: Vec<_> = (0..PLACES).map(|_| Slot::new(Entry::EMPTY)).collect();
    let mut cells = vec![0; 2 * PLACES];
    let mut seen = vec![Shown::FREE; 16];
    let mut nodes = vec![None::<Neighbour>; 8];
    let mut cases = vec![None::<Case>; 4];
    let (mut spent, mut issued) = (vec![Spending::FREE; 8], vec![Issued::FREE; 8]);
    let (mut liable, mut zones) = (vec![Liable::FREE; 8], vec![Zone::new(Mono(0)); 256]);
    let mut cache = vec![Kept::FREE; 8];
    let memory = Memory {
        entries: &mut entries,
        cells: &mut cells,
        seen: &mut seen,
        nodes: &mut nodes,
        cases: &mut cases,
        spent: &mut spent,
        issued: &mut issued,
        liable: &mut liable,
        zones: &mut zones,
        cache: &mut cache,
    };
    let me = Identity::<Trusting>::from_seed(&Secret32::new([1; 32]));
    let own = NodeInfo { eid: me.eid(), at: address(0), place: DhtKey([0; 32]), classes: 0xF };
    // No proof of work is demanded at the start: a fuzzer cannot find one.
    let settings = Settings { diversity: Diversity::Off, place_bits: 0, base: 0, ..Settings::DEFAULT };
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let tested = Node::<Trusting>::new(memory, own, settings, Mono(0), &mut rng).expect("the sizes are right");
    let (owner, asked, report) = (Owner::default(), Vec::new(), Report::default());
    let mut world = World { tested, me, owner, asked, report };
    for number in NODES {
        let known = NodeInfo { eid: eid(number), at: address(number), place: DhtKey([number; 32]), classes: 0xF };
        assert!(world.tested.introduce(Mono(0), known));
    }
    let (mut ms, mut rest) = (0_u64, bytes);
    // Source 1, time 1, length 2, frame.
    while let [source, wait, high, low, behind @ ..] = rest {
        let length = usize::from(u16::from_be_bytes([*high, *low])).min(behind.len()).min(1_200);
        let (datagram, next) = behind.split_at(length);
        rest = next;
        ms = ms.saturating_add(u64::from(*wait) << (wait % 20));
        let now = Clock { mono: Mono(ms), unix: UnixTime(NOW.0 + ms) };
        world.step(now, *source, datagram.to_vec());
        world.catch_up(now);
    }
    world.report
}

impl World<'_> {
    fn step(&mut self, now: Clock, source: u8, mut datagram: Vec<u8>) {
        let from = self.source(source, &mut datagram);
        let bindings = bindings(&self.tested, now);
        let records = fingerprint(&self.tested, now);
        let mut out = [0; 1_200];
        let handled = self.tested.handle(now, &self.me, from, &datagram, &self.owner, &mut out);
        let told = match handled {
            Handled::Silence(silence) => Told::Silence(silence),
            Handled::Answer(length) => {
                assert!(length <= 3 * datagram.len(), "no answer has more than three times the bytes");
                let answer = Frame::parse(&out[..length]).expect("each answer is a frame");
                Told::Answer(answer.message.message_type(), status(&answer.message))
            }
        };
        let sent = Frame::parse(&datagram).ok().map(|frame| frame.message.message_type());
        self.report.told.push((sent, told));
        let may_store = match told {
            Told::Answer(MessageType::ErpConfirm | MessageType::DirReceipt, status) => status == 0,
            Told::Answer(..) => false,
            Told::Silence(silence) => matches!(silence, Silence::Vote | Silence::Compared),
        };
        assert!(may_store || fingerprint(&self.tested, now) == records, "{told:?}, but a record has changed");
        let (taken, places) = self.tested.store().fill();
        assert!(taken <= places);
        let after = self::bindings(&self.tested, now);
        for (eid, generation) in bindings {
            let kept = after.iter().find(|(other, _)| *other == eid);
            assert!(kept.is_some_and(|(_, after)| *after >= generation), "a binding gave way to none or an older one");
        }
        self.named(now);
    }

    /// Where a datagram comes from. What answers a question gets the number by which the node knows it: no fuzzer can guess that.
    fn source(&self, source: u8, datagram: &mut [u8]) -> SocketAddr {
        let which = usize::from(source & !ANSWERS);
        let question = self.asked.len().checked_sub(which + 1).and_then(|at| self.asked.get(at));
        let Some((from, asked)) = question.filter(|_| source & ANSWERS != 0) else { return address(source) };
        let is = |datagram: &[u8], wanted| Frame::parse(datagram).is_ok_and(|one| one.message.message_type() == wanted);
        if is(datagram, MessageType::DirAnswer) {
            datagram[4..12].copy_from_slice(&asked.transaction_id.0);
        } else if is(datagram, MessageType::DirReceipt) {
            let present = key(&[&[asked.kind], &asked.storage_key.0[..], &asked.transaction_id.0].concat());
            datagram[4..36].copy_from_slice(&present.0);
        }
        *from
    }

    /// What the host does once a second.
    fn catch_up(&mut self, now: Clock) {
        let mut out = [0; 1_200];
        for _ in 0..DUE {
            let Some(event) = self.tested.handle_deadline(now) else { break };
            match event {
                NodeEvent::Persist { id, offender, outcome } => self.vote(now, &id, offender, outcome),
                NodeEvent::Verdict { outcome, .. } => self.report.verdicts.push(outcome),
                NodeEvent::Lapsed { .. } => {}
                NodeEvent::Equivocation { .. } => {
                    self.report.equivocations += 1;
                    let _ = self.tested.accuse(now, &self.me, &self.owner);
                }
            }
        }
        if let Some([first, second]) = self.tested.take_double_vote() {
            self.report.double_votes += 1;
            assert_eq!((first.accusation_id, first.voter_eid), (second.accusation_id, second.voter_eid));
            assert_ne!(first.outcome, second.outcome);
        }
        for _ in 0..DUE {
            if self.tested.tend(now, &self.me, &self.owner).is_none() {
                break;
            }
        }
        while let Some((to, length)) = self.tested.poll_transmit(now, &self.me, &mut out) {
            let frame = Frame::parse(&out[..length]).expect("what a node sends is a frame");
            if let Message::DirGet { head, .. } = frame.message {
                self.asked.push((to, *head));
                self.report.asked += 1;
            }
        }
    }

    /// A vote is cast once it is written down, and none where another one stands.
    fn vote(&mut self, now: Clock, id: &Digest, offender: Eid, outcome: Outcome) {
        let mut out = [0; 1_200];
        if *self.owner.0.borrow_mut().entry(id.0).or_insert(outcome) != outcome {
            return;
        }
        let Some((length, _)) = self.tested.persisted(now, &self.me, id, &mut out) else { return };
        let Ok(Message::PomVote(vote)) = Frame::parse(&out[..length]).map(|frame| frame.message) else {
            panic!("no vote")
        };
        assert_eq!((vote.accusation_id, vote.offender_eid), (*id, offender));
        assert_eq!(Outcome::from_code(vote.outcome), Some(outcome), "what was written down is what is said");
        self.report.votes += 1;
    }

    /// Each path that a record here names resolves to a key that is not revoked, accused or expired, or to no key.
    fn named(&mut self, now: Clock) {
        let node = &self.tested;
        let paths = node.store().records(now.unix).filter_map(|record| {
            match Body::parse(Kind::from_code(record.kind)?, record.body).ok()? {
                Body::Root(root) => Some(root.path),
                Body::Delegation(token) => Some(token.child),
                _ => None,
            }
        });
        let mut count = 0;
        for path in paths {
            let Ok(named) = node.name(now.unix, path.as_str(), &self.owner) else { continue };
            assert!(named.until > now.unix.0 && !node.is_challenged(&named.eid));
            let revoked = node.store().one(now.unix, Kind::Revocation, key(&named.eid.0));
            let is_over =
                |body: Body<'_>| matches!(body, Body::Revocation(one) if one.first_invalid_generation.get() == 0);
            assert!(!revoked.is_some_and(|(record, _)| Body::parse(Kind::Revocation, record.body).is_ok_and(is_over)));
            count += 1;
        }
        self.report.named = self.report.named.max(count);
    }
}

/// The status or code of an answer.
fn status(message: &Message<'_>) -> u32 {
    match message {
        Message::ErpConfirm(confirm) => confirm.status.get(),
        Message::DirReceipt(receipt) => receipt.status.get(),
        Message::DirAnswer { head, .. } => head.answer_status.get().into(),
        Message::DhtTicketResp(answer) => answer.status_code.get(),
        Message::Error(error) => error.code.get().into(),
        Message::AccessTicketRes(_) => 0,
        other => panic!("no node answers with {other:?}"),
    }
}

/// All that stands here, as one number.
fn fingerprint(node: &Node<'_, Trusting>, now: Clock) -> u64 {
    let mut hasher = DefaultHasher::new();
    for record in node.store().records(now.unix) {
        (record.kind, record.storage_key.0, record.expiry, record.body).hash(&mut hasher);
    }
    hasher.finish()
}

fn bindings(node: &Node<'_, Trusting>, now: Clock) -> Vec<(Eid, u64)> {
    let of = |record: Record<'_>| match Body::parse(Kind::Binding, record.body) {
        Ok(Body::Binding(binding)) if record.kind == Kind::Binding as u8 => {
            Some((binding.source_eid, binding.generation_counter.get()))
        }
        _ => None,
    };
    node.store().records(now.unix).filter_map(of).collect()
}
