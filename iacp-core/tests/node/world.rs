//! Nodes over small memories on a virtual clock, and agents that work for their requests.

use std::net::{IpAddr, SocketAddr};

use iacp_core::crypto::{ChaChaOnly, Provider, Secret32};
use iacp_core::directory::metric::{Diversity, NodeInfo};
use iacp_core::directory::node::{
    Case, Entry, Handled, Kept, Memory, Neighbour, Node, NodeEvent, Settings, Shown, Silence, Trust,
};
use iacp_core::directory::work::Worker;
use iacp_core::directory::{Class, Kind};
use iacp_core::governance::malfeasance::accuse;
use iacp_core::governance::window::Clock;
use iacp_core::guard::ticket::{Issued, Spending};
use iacp_core::guard::{Liable, Zone};
use iacp_core::identity::Identity;
use iacp_core::slots::Slot;
use iacp_core::time::{Mono, UnixTime};
use iacp_wire::layout::Record;
use iacp_wire::message::{DirAnswer, DirGet, DirPut, DirReceipt, ErpRegister, Evidence, HeaderFragment};
use iacp_wire::{DhtKey, Digest, Frame, Locator, Message, Signature, TransactionId};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use zerocopy::IntoBytes;

pub type Chosen = ChaChaOnly;

/// The start of an epoch.
pub const START: u64 = 1_790_000_010_000;

pub struct Nothing;
impl Trust for Nothing {}

pub fn at(ms: u64) -> Clock {
    Clock { mono: Mono(5_000 + ms), unix: UnixTime(START + ms) }
}

pub fn identity(seed: u8) -> Identity<Chosen> {
    Identity::from_seed(&Secret32::new([seed; 32]))
}

pub fn hashed(bytes: &[u8]) -> DhtKey {
    DhtKey(Chosen::sha256(&[bytes]))
}

pub fn home(agent: u8) -> SocketAddr {
    (IpAddr::from([198, 51, agent, 7]), 4_000).into()
}

/// Agent `by` accuses agent 20 of these two bindings, with the work for it.
pub fn accused(by: u8, bindings: [ErpRegister; 2], nonce: u64, ms: u64) -> Vec<u8> {
    let [one, two] = bindings.each_ref().map(HeaderFragment::from);
    let (ticket, evidence) = accuse(&identity(by), identity(20).eid(), one, two, at(ms).unix.0);
    let inner = frame(Message::ProofOfMal { head: &ticket, evidence: Some(Evidence::Bindings(&evidence)) });
    worked(at(ms), Class::Identities, hashed(&identity(20).eid().0), 10, nonce, &inner)
}

pub fn binding(seed: u8, ip: IpAddr, generation: u64) -> ErpRegister {
    let mut binding = ErpRegister {
        source_eid: identity(seed).eid(),
        current_transport_ip: Locator::from(ip),
        generation_counter: generation.into(),
        signature: Signature::ZERO,
    };
    let key = Chosen::signing_key(&Secret32::new([seed; 32]));
    binding.signature = Signature(Chosen::sign(&key, &binding.as_bytes()[..56]));
    binding
}

pub fn frame(message: Message<'_>) -> Vec<u8> {
    let mut bytes = vec![0; 1_200];
    let length = Frame::new(message).write(&mut bytes).expect("a frame fits");
    bytes.truncate(length);
    bytes
}

pub fn register(seed: u8, generation: u64) -> Vec<u8> {
    frame(Message::ErpRegister(&binding(seed, home(seed).ip(), generation)))
}

/// A request in its proof of work.
pub fn worked(now: Clock, class: Class, key: DhtKey, bits: u8, nonce: u64, inner: &[u8]) -> Vec<u8> {
    let mut worker = Worker::new::<Chosen>(class, key, bits, now.unix, nonce << 32, inner);
    let head = std::iter::repeat_with(|| worker.step(1 << 12)).take(1 << 12).flatten().next().expect("little work");
    frame(Message::WorkedRequest { head: &head, inner })
}

pub fn registration(now: Clock, seed: u8, generation: u64, bits: u8, nonce: u64) -> Vec<u8> {
    let key = hashed(&identity(seed).eid().0);
    worked(now, Class::Identities, key, bits, nonce, &register(seed, generation))
}

pub fn get(key: DhtKey, class: Class, kind: u8, padding: usize) -> Vec<u8> {
    let head = DirGet {
        storage_key: key,
        transaction_id: TransactionId([7; 8]),
        kind,
        first: 0,
        class: class as u8,
        reserved: 0,
    };
    frame(Message::DirGet { head: &head, padding: &vec![0; padding] })
}

pub fn info(seed: u8) -> NodeInfo {
    let eid = identity(seed).eid();
    NodeInfo { eid, at: ([10, seed, 0, 1], 4_227).into(), place: hashed(&eid.0), classes: 0xF }
}

pub struct Host {
    pub node: Node<'static, Chosen>,
    pub me: Identity<Chosen>,
}

/// What a test gives a node: little.
pub const SETTINGS: Settings = Settings { diversity: Diversity::Off, place_bits: 0, base: 6, ..Settings::DEFAULT };

impl Host {
    pub fn new(seed: u8, places: usize, settings: Settings) -> Self {
        fn memory<T>(count: usize, with: impl FnMut() -> T) -> &'static mut [T] {
            Box::leak(std::iter::repeat_with(with).take(count).collect::<Vec<T>>().into_boxed_slice())
        }
        let memory = Memory {
            entries: memory(places, || Slot::new(Entry::EMPTY)),
            cells: memory((2 * places).next_power_of_two(), || 0),
            seen: memory(1_024, || Shown::FREE),
            nodes: memory::<Option<Neighbour>>(16, || None),
            cases: memory::<Option<Case>>(8, || None),
            spent: memory(64, || Spending::FREE),
            issued: memory(64, || Issued::FREE),
            liable: memory(64, || Liable::FREE),
            zones: memory(256, || Zone::new(Mono(0))),
            cache: memory(16, || Kept::FREE),
        };
        let mut rng = ChaCha8Rng::seed_from_u64(seed.into());
        let node = Node::new(memory, info(seed), settings, at(0).mono, &mut rng).expect("the sizes are right");
        Self { node, me: identity(seed) }
    }

    pub fn handle(&mut self, now: Clock, from: SocketAddr, datagram: &[u8]) -> Result<Vec<u8>, Handled> {
        let mut out = [0; 1_200];
        match self.node.handle(now, &self.me, from, datagram, &Nothing, &mut out) {
            Handled::Answer(length) => Ok(out[..length].to_vec()),
            silence @ Handled::Silence(_) => Err(silence),
        }
    }

    /// The status of the confirmation or receipt.
    pub fn status(&mut self, now: Clock, from: SocketAddr, datagram: &[u8]) -> u32 {
        let answer = self.handle(now, from, datagram).expect("an answer");
        match Frame::parse(&answer).expect("a frame").message {
            Message::ErpConfirm(confirm) => confirm.status.get(),
            Message::DirReceipt(receipt) => receipt.status.get(),
            other => panic!("{other:?}"),
        }
    }

    /// Code and number of the ERROR.
    pub fn error(&mut self, now: Clock, from: SocketAddr, datagram: &[u8]) -> (u16, u32) {
        let answer = self.handle(now, from, datagram).expect("an answer");
        match Frame::parse(&answer).expect("a frame").message {
            Message::Error(error) => (error.code.get(), error.retry_after.get()),
            other => panic!("{other:?}"),
        }
    }

    /// Status, flags and the bodies of a DIR_ANSWER.
    pub fn look_up(&mut self, now: Clock, datagram: &[u8]) -> (u16, u16, Vec<Vec<u8>>) {
        let answer = self.handle(now, home(200), datagram).expect("an answer");
        assert!(answer.len() <= 3 * datagram.len(), "three times the request");
        let Message::DirAnswer { head, records } = Frame::parse(&answer).expect("a frame").message else {
            panic!("a DIR_ANSWER")
        };
        let DirAnswer { answer_status, answer_flags, .. } = *head;
        let mut bodies = Vec::new();
        let mut rest = records;
        while let Ok((record, behind)) = Record::parse_prefix(rest) {
            bodies.push(record.body.to_vec());
            rest = behind;
        }
        assert!(rest.is_empty());
        (answer_status.get(), answer_flags.get(), bodies)
    }

    /// The binding of an agent and its flags.
    pub fn standing(&mut self, now: Clock, agent: u8) -> (u16, u16, Vec<Vec<u8>>) {
        self.look_up(now, &get(hashed(&identity(agent).eid().0), Class::Identities, 255, 64))
    }

    /// Lets node `seed`, which became known by its NODE, answer the question whether it is at its address. Whether it was asked.
    pub fn meets(&mut self, now: Clock, seed: u8) -> bool {
        let mut out = [0; 1_200];
        let asked = std::iter::from_fn(|| {
            let (to, length) = self.node.poll_transmit(now, &self.me, &mut out)?;
            Some((to, out[..length].to_vec()))
        });
        let questions: Vec<_> = asked.take(100).filter(|(to, _)| *to == info(seed).at).collect();
        let receipts = questions.iter().filter_map(|(_, question)| presence(seed, question));
        receipts.fold(false, |met, receipt| met | (self.handle(now, info(seed).at, &receipt) == Err(COMPARED)))
    }

    pub fn events(&mut self, now: Clock) -> Vec<NodeEvent> {
        std::iter::from_fn(|| self.node.handle_deadline(now)).take(100).collect()
    }
}

pub const COMPARED: Handled = Handled::Silence(Silence::Compared);

/// The receipt of a node that is asked whether it is at its address, by hand; none if the frame asks something else.
pub fn presence(seed: u8, question: &[u8]) -> Option<Vec<u8>> {
    let Message::DirGet { head, padding: [] } = Frame::parse(question).ok()?.message else { return None };
    let receipt = |signature| DirReceipt {
        record_digest: Digest(Chosen::sha256(&[&[254], &head.storage_key.0, &head.transaction_id.0])),
        directory_node_eid: identity(seed).eid(),
        status: 0.into(),
        signature,
    };
    let unsigned = frame(Message::DirReceipt(&receipt(Signature::ZERO)));
    let digest = Chosen::sha256(&[b"IACP/1 DIR_RECEIPT\0", &unsigned[..unsigned.len() - 64]]);
    let key = Chosen::signing_key(&Secret32::new([seed; 32]));
    (head.kind == 254).then(|| frame(Message::DirReceipt(&receipt(Signature(Chosen::sign(&key, &digest))))))
}

pub fn put(record: &Record<'_>) -> Vec<u8> {
    let mut bytes = [0; 1_004];
    let length = record.write(&mut bytes).expect("a record");
    let head = DirPut { directory_node_eid: iacp_wire::Eid::ZERO, timestamp: 0.into(), signature: Signature::ZERO };
    frame(Message::DirPut { head: &head, record: &bytes[..length] })
}

pub fn record(kind: Kind, key: DhtKey, body: &[u8]) -> Record<'_> {
    Record { kind: kind as u8, storage_key: key, expiry: u64::MAX, body }
}

/// A record, handed on from one node to another: the signature by hand.
pub fn node_put(from: u8, to: u8, ms: u64, record: &Record<'_>) -> Vec<u8> {
    let mut bytes = [0; 1_004];
    let length = record.write(&mut bytes).expect("a record");
    let put =
        |signature| DirPut { directory_node_eid: identity(from).eid(), timestamp: at(ms).unix.0.into(), signature };
    let unsigned = frame(Message::DirPut { head: &put(Signature::ZERO), record: &bytes[..length] });
    let digest = Chosen::sha256(&[b"IACP/1 DIR_PUT\0", &identity(to).eid().0, &unsigned[..44], &unsigned[108..]]);
    let key = Chosen::signing_key(&Secret32::new([from; 32]));
    frame(Message::DirPut { head: &put(Signature(Chosen::sign(&key, &digest))), record: &bytes[..length] })
}
