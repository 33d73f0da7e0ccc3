//! What a directory node does about a proof, a record and a flood, against the primitives without which none of it can be done.

use std::hint::black_box;
use std::net::{IpAddr, SocketAddr};

use benches::{Effort, Goal, Pairs};
use iacp_core::crypto::{AwsLc, Portable, Provider, Secret32};
use iacp_core::directory::client::Reader;
use iacp_core::directory::metric::{Diversity, NodeInfo};
use iacp_core::directory::node::{
    Case, Entry, Handled, Kept, Memory, Neighbour, Node, Settings, Shown, Silence, Trust,
};
use iacp_core::directory::work::{claim, frame_digest};
use iacp_core::directory::{Class, Judgement, Kind, Origin, judge};
use iacp_core::governance::malfeasance::{accuse, verify, verify_pair};
use iacp_core::governance::window::Clock;
use iacp_core::guard::ticket::{Issued, Spending};
use iacp_core::guard::{Ingress, Liable, Zone};
use iacp_core::identity::Identity;
use iacp_core::slots::Slot;
use iacp_core::time::{Mono, UnixTime};
use iacp_wire::layout::Record;
use iacp_wire::message::{ErpRegister, Evidence, HeaderFragment, MalfeasanceData, WorkedRequest};
use iacp_wire::{DhtKey, Eid, Frame, Locator, Message, Signature};
use rand_chacha::ChaCha8Rng;
use rand_core::SeedableRng;
use sha2::{Digest as _, Sha256};
use zerocopy::IntoBytes;

const NOW: UnixTime = UnixTime(1_790_000_010_000);

pub fn run(pairs: &mut Pairs) {
    records::<Portable>(pairs, "portable");
    records::<AwsLc>(pairs, "aws-lc");
    floods(pairs);
}

/// A reader that knows no nodes and no root keys.
const NOTHING: Reader<'static> = Reader { nodes: &[], airk: None };

struct Nothing;

impl Trust for Nothing {}

fn identity<P: Provider>(seed: u8) -> Identity<P> {
    Identity::from_seed(&Secret32::new([seed; 32]))
}

fn binding<P: Provider>(seed: u8, last: u8, generation: u64) -> ErpRegister {
    let mut binding = ErpRegister {
        source_eid: identity::<P>(seed).eid(),
        current_transport_ip: Locator::from(IpAddr::from([198, 51, 100, last])),
        generation_counter: generation.into(),
        signature: Signature::ZERO,
    };
    let key = P::signing_key(&Secret32::new([seed; 32]));
    binding.signature = Signature(P::sign(&key, &binding.as_bytes()[..56]));
    binding
}

fn records<P: Provider>(pairs: &mut Pairs, provider: &str) {
    let (one, two) = (binding::<P>(1, 1, 7), binding::<P>(1, 2, 7));
    let bare = |binding: &ErpRegister| {
        let bytes = black_box(binding).as_bytes();
        P::verify(&binding.source_eid.0, &bytes[..56], &binding.signature.0).is_ok()
    };
    let (ticket, evidence) =
        accuse(&identity::<P>(2), one.source_eid, HeaderFragment::from(&one), HeaderFragment::from(&two), NOW.0);
    let data = MalfeasanceData { ticket: &ticket, evidence: Evidence::Bindings(&evidence) };
    assert!(verify_pair::<P>(&data).is_ok() && verify::<P>(&data).is_ok() && bare(&one) && bare(&two));
    let name = format!("the pair, to two verifications, {provider}");
    let pair = || verify_pair::<P>(black_box(&data)).is_ok();
    pairs.compare(("proof of malfeasance", &name), Goal::AtMost(1.10), Effort::Careful, pair, || {
        bare(&one) && bare(&two)
    });
    let name = format!("with its accuser, to three, {provider}");
    let whole = || verify::<P>(black_box(&data)).is_ok();
    pairs.compare(("proof of malfeasance", &name), Goal::None, Effort::Careful, whole, || {
        bare(&one) && bare(&two) && bare(&one)
    });

    let key = DhtKey(P::sha256(&[&one.source_eid.0]));
    let record = Record { kind: Kind::Binding as u8, storage_key: key, expiry: u64::MAX, body: one.as_bytes() };
    let judged = || judge::<P>(NOW, Origin::Owner, black_box(&record), None, &NOTHING);
    assert!(matches!(judged(), Judgement::Store { .. }));
    let name = format!("a binding, to its verification, {provider}");
    pairs.compare(("judge", &name), Goal::AtMost(1.15), Effort::Careful, judged, || bare(&one));
    let same = || judge::<P>(NOW, Origin::Owner, black_box(&record), Some(&record), &NOTHING);
    assert!(matches!(same(), Judgement::Refresh { .. }));
    let name = format!("a refresh, to its verification, {provider}");
    pairs.compare(("judge", &name), Goal::None, Effort::Brief, same, || bare(&one));
}

fn memory<T>(count: usize, with: impl FnMut() -> T) -> &'static mut [T] {
    Box::leak(std::iter::repeat_with(with).take(count).collect())
}

/// A node that knows 200 others, each in a network of its own.
fn node(me: &Identity<Portable>) -> Node<'static, Portable> {
    let memory = Memory {
        entries: memory(1_024, || Slot::new(Entry::EMPTY)),
        cells: memory(2_048, || 0),
        seen: memory(1_024, || Shown::FREE),
        nodes: memory::<Option<Neighbour>>(256, || None),
        cases: memory::<Option<Case>>(8, || None),
        spent: memory(64, || Spending::FREE),
        issued: memory(64, || Issued::FREE),
        liable: memory(64, || Liable::FREE),
        zones: memory(256, || Zone::new(Mono(0))),
        cache: memory(16, || Kept::FREE),
    };
    let info = |seed: u8, eid: Eid| {
        let place = DhtKey(Portable::sha256(&[&eid.0]));
        NodeInfo { eid, at: ([10, seed, 0, 1], 4_227).into(), place, classes: 0xF }
    };
    let settings = Settings { diversity: Diversity::Limited, place_bits: 0, ..Settings::DEFAULT };
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let mut node = Node::new(memory, info(0, me.eid()), settings, Mono(0), &mut rng).expect("the sizes are right");
    for seed in 1..=200 {
        assert!(node.introduce(Mono(0), info(seed, Eid([seed; 32]))));
    }
    node
}

fn frame(message: Message<'_>) -> Vec<u8> {
    let mut bytes = vec![0; 1_200];
    let length = Frame::new(message).write(&mut bytes).expect("it fits");
    bytes.truncate(length);
    bytes
}

/// A registration that claims 24 bits of work.
fn claiming(inner: &[u8], key: DhtKey, nonce: u64) -> Vec<u8> {
    let head = WorkedRequest {
        storage_key: key,
        frame_digest: frame_digest::<Portable>(inner),
        timestamp: NOW.0.into(),
        pow_nonce: nonce.into(),
        pow_target_threshold: claim(Class::Identities, 24).into(),
    };
    frame(Message::WorkedRequest { head: &head, inner })
}

fn floods(pairs: &mut Pairs) {
    let goal = Goal::AtMost(1.20);
    let me = identity::<Portable>(9);
    let mut node = node(&me);
    let now = Clock { mono: Mono(1_000), unix: NOW };
    let from: SocketAddr = ([203, 0, 113, 7], 666).into();
    let mut out = [0; 1_200];
    let mut handle = |datagram: &[u8], out: &mut [u8]| node.handle(now, &me, from, datagram, &Nothing, out);

    let answers = |handled| matches!(handled, Handled::Answer(_));
    let inner = frame(Message::ErpRegister(&binding::<Portable>(20, 20, 1)));
    let claimed = claiming(&inner, DhtKey(Portable::sha256(&[&identity::<Portable>(20).eid().0])), 1);
    let hash = || Sha256::digest(black_box(&claimed[4..4 + WorkedRequest::LEN]));
    assert_eq!(handle(&claimed, &mut out), Handled::Silence(Silence::Proof));
    let name = "a claim without its work, to one SHA-256 of 84 bytes";
    pairs.compare(("flood", name), goal, Effort::Careful, || handle(black_box(&claimed), &mut out), hash);

    // The network's bucket is empty from here on, and so is that of its ERRORs.
    while answers(handle(&inner, &mut out)) {}
    let mut ingress = Ingress::<256>::new(
        Settings::DEFAULT.unworked,
        Settings::DEFAULT.per_network,
        Mono(0),
        &mut ChaCha8Rng::seed_from_u64(2),
    );
    while ingress.admit(now.mono, from, 9).is_ok() {}
    let mut bare = |bytes: &[u8]| {
        let parsed = Frame::parse(black_box(bytes)).is_ok();
        parsed && ingress.admit(black_box(now.mono), black_box(from), 9).is_ok()
    };
    let throttled = Handled::Silence(Silence::Throttled);
    assert_eq!(handle(&inner, &mut out), throttled);
    let name = "without work from a throttled network, to parsing and one bucket";
    pairs.compare(("flood", name), goal, Effort::Careful, || handle(black_box(&inner), &mut out), || bare(&inner));
    let mut junk = inner.clone();
    junk[1] |= 0x08;
    assert_eq!(handle(&junk, &mut out), Handled::Silence(Silence::Form));
    let name = "flags that no request has, to parsing it";
    let parse = || Frame::parse(black_box(&junk)).is_ok();
    pairs.compare(("flood", name), goal, Effort::Careful, || handle(black_box(&junk), &mut out), parse);
}
