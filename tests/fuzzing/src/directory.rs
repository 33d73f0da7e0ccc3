//! Records, the judge of them, chains of delegation, and a whole directory node. Signatures verify whatever is changed,
//! so that the code behind their verification is reached too.

use std::net::SocketAddr;

use iacp_core::crypto::{Provider as _, Secret32};
use iacp_core::directory::metric::{Diversity, NodeInfo};
use iacp_core::directory::name::{ChainFacts, Curation, Delegation, Path, Root, resolve};
use iacp_core::directory::node::{Entry, Handled, Kept, Memory, Node, Settings, Shown, Trust};
use iacp_core::directory::{Body, Class, Facts, Judgement, Kind, Origin, class_of, judge, slot};
use iacp_core::governance::window::Clock;
use iacp_core::guard::ticket::{Issued, Spending};
use iacp_core::guard::{Liable, Zone};
use iacp_core::identity::Identity;
use iacp_core::slots::Slot;
use iacp_core::time::{Mono, UnixTime};
use iacp_wire::layout::Record;
use iacp_wire::message::{DirPut, ErpRegister};
use iacp_wire::{DhtKey, Digest, Eid, Frame, Message, Signature};
use rand_chacha::ChaCha8Rng;
use rand_core::SeedableRng;

use crate::provider::Trusting;

const NOW: UnixTime = UnixTime(1_790_000_000_000);
const DAY: u64 = 86_400_000;

/// The facts of the fuzz targets: each EID has deposited its own key, and each path has one key.
struct Known;

impl Facts for Known {
    fn airk(&self, eid: &Eid) -> Option<Eid> {
        Some(*eid)
    }
    fn first_invalid(&self, eid: &Eid) -> Option<u64> {
        (eid.0[0] == 1).then_some(9)
    }
    fn is_slashed(&self, eid: &Eid) -> bool {
        eid.0[0] == 2
    }
    fn is_challenged(&self, eid: &Eid) -> bool {
        eid.0[0] == 3
    }
    fn path_key(&self, _: &Path<'_>) -> Option<Eid> {
        Some(Eid([7; 32]))
    }
    fn root_before(&self, _: &Path<'_>, version: u64) -> Option<(Eid, Digest)> {
        Some((Eid([7; 32]), Digest([u8::try_from(version % 256).unwrap_or(0); 32])))
    }
    fn paid(&self, _: &Root<'_>) -> bool {
        true
    }
    fn place_bits(&self) -> u32 {
        0
    }
}

impl ChainFacts for Known {
    fn paid(&self, _: &Root<'_>) -> bool {
        true
    }
    fn revoked(&self, key: &Eid) -> bool {
        key.0[0] == 1
    }
    fn refused(&self, eid: &Eid) -> bool {
        eid.0[0] == 2
    }
}

/// Records one behind the other.
fn records(bytes: &[u8]) -> impl Iterator<Item = Record<'_>> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let (record, behind) = Record::parse_prefix(rest).ok()?;
        rest = behind;
        Some(record)
    })
}

/// Any bytes are a record or refused; one that is read is written as it was, but for its reserved byte.
pub fn record(bytes: &[u8]) {
    for record in records(bytes).take(16) {
        let mut out = [0; 1_100];
        let length = record.write(&mut out).expect("what was read can be written");
        assert_eq!(Record::parse(&out[..length]), Ok(record));
        for kind in Kind::ALL {
            let _ = Body::parse(kind, record.body);
        }
        assert_eq!(slot::<Trusting>(&record).is_ok(), class_of::<Trusting>(&record).is_ok());
        // With the key that its body asks for it gets further than with its own.
        let own = judge::<Trusting>(NOW, Origin::Node, &record, None, &Known);
        if let Judgement::Store { expiry } = own {
            assert!(expiry > NOW.0 && expiry <= NOW.0 + 400 * DAY);
            let is_renewed = matches!(Kind::from_code(record.kind), Some(Kind::Binding | Kind::Ticket));
            assert!(!is_renewed || expiry <= record.expiry, "what its owner renews is never prolonged");
            let again = judge::<Trusting>(NOW, Origin::Node, &record, Some(&record), &Known);
            assert_eq!(again, Judgement::Refresh { expiry }, "the very bytes again");
            let mut elsewhere = record;
            elsewhere.storage_key.0[31] ^= 1;
            let judged = judge::<Trusting>(NOW, Origin::Node, &elsewhere, None, &Known);
            // The key of these is a part of what they say, or is not computed from the body.
            let is_bound =
                !matches!(Kind::from_code(record.kind), Some(Kind::Rebuttal | Kind::Verdict | Kind::Accusation));
            assert!(!is_bound || !matches!(judged, Judgement::Store { .. }), "under another key");
        }
    }
}

/// Records are judged in any order: no two displace each other, and the order of a binding never falls.
pub fn judged(bytes: &[u8]) {
    let all: Vec<Record<'_>> = records(bytes).take(12).collect();
    let stands = |record: &Record<'_>, held: Option<&Record<'_>>| {
        matches!(judge::<Trusting>(NOW, Origin::Node, record, held, &Known), Judgement::Store { .. })
    };
    for one in &all {
        for other in all.iter().filter(|other| other.body != one.body) {
            let (Ok(first), Ok(second)) = (slot::<Trusting>(one), slot::<Trusting>(other)) else { continue };
            if first != second || !stands(one, None) || !stands(other, None) {
                continue;
            }
            let both = stands(one, Some(other)) && stands(other, Some(one));
            assert!(!both, "each displaces the other: {one:?} {other:?}");
            if first.kind == Kind::Binding && stands(one, Some(other)) {
                assert!(generation(one) > generation(other));
            }
        }
    }
}

fn generation(record: &Record<'_>) -> Option<u64> {
    match Body::parse(Kind::Binding, record.body) {
        Ok(Body::Binding(binding)) => Some(binding.generation_counter.get()),
        _ => None,
    }
}

/// A chain of any records resolves to the key of its last link, inside all windows, or breaks.
pub fn chain(bytes: &[u8]) {
    let bodies: Vec<(Kind, &[u8])> =
        records(bytes).take(16).filter_map(|record| Some((Kind::from_code(record.kind)?, record.body))).collect();
    let parsed = || bodies.iter().filter_map(|(kind, body)| Body::parse(*kind, body).ok());
    let root: Option<Root<'_>> = parsed().find_map(|body| if let Body::Root(root) = body { Some(root) } else { None });
    let versions: Vec<Curation<'_>> =
        parsed().filter_map(|body| if let Body::Curation(one) = body { Some(one) } else { None }).collect();
    let tokens: Vec<Delegation<'_>> =
        parsed().filter_map(|body| if let Body::Delegation(one) = body { Some(one) } else { None }).collect();
    let path = tokens.last().map(|token| token.child).or(root.map(|root| root.path));
    let Some(path) = path else { return };
    for now in [NOW, UnixTime(0), UnixTime(u64::MAX)] {
        let Ok(eid) = resolve::<Trusting>(path.as_str(), root.as_ref(), &versions, &tokens, now, &Known) else {
            continue;
        };
        let root = root.expect("no chain without a root");
        let curator = versions.last().map_or(root.curation_key, |version| version.curation_key);
        assert_eq!(eid, tokens.last().map_or(curator, |token| token.child_key));
        assert!(!Known.refused(&eid) && tokens.len() <= 7);
        assert!(tokens.iter().all(|token| !Known.revoked(&token.child_key) && now.0 < token.not_after));
        let mut above = root.path;
        for token in &tokens {
            assert!(token.parent == above && token.child.extends(&above));
            above = token.child;
        }
    }
}

struct Nothing;
impl Trust for Nothing {}

/// Every root is paid.
struct Paid;
impl Trust for Paid {
    fn paid(&self, _: &Root<'_>) -> bool {
        true
    }
}

fn address(byte: u8) -> SocketAddr {
    ([10, byte & 3, byte >> 2, 1], 4_227).into()
}

/// A node that gets any frames from anywhere at any time: it answers with at most three times the bytes, keeps what it has room for,
/// and no generation of a binding that it keeps falls.
pub fn node(bytes: &[u8]) {
    const PLACES: usize = 16;
    let mut entries: Vec<_> = (0..PLACES).map(|_| Slot::new(Entry::EMPTY)).collect();
    let mut cells = vec![0; 2 * PLACES];
    let mut seen = vec![Shown::FREE; 16];
    let mut nodes = vec![None; 8];
    let mut cases = vec![None; 2];
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
    let mut tested = Node::<Trusting>::new(memory, own, settings, Mono(0), &mut rng).expect("the sizes are right");
    for byte in 1..4 {
        let eid = Eid([byte; 32]);
        assert!(
            tested.introduce(Mono(0), NodeInfo { eid, at: address(byte), place: DhtKey([byte; 32]), classes: 0xF })
        );
    }
    let (mut ms, mut rest) = (0_u64, bytes);
    // Source 1, time 1, length 2, frame.
    while let [source, wait, high, low, behind @ ..] = rest {
        let length = usize::from(u16::from_be_bytes([*high, *low])).min(behind.len()).min(1_200);
        let (datagram, next) = behind.split_at(length);
        rest = next;
        ms = ms.saturating_add(u64::from(*wait) << (wait % 20));
        let now = Clock { mono: Mono(ms), unix: UnixTime(NOW.0 + ms) };
        let before = bindings(&tested, now);
        let mut out = [0; 1_200];
        if let Handled::Answer(length) = tested.handle(now, &me, address(*source), datagram, &Nothing, &mut out) {
            assert!(length <= 3 * datagram.len(), "no answer has more than three times the bytes");
            assert!(Frame::parse(&out[..length]).is_ok(), "and each is a frame");
        }
        let (taken, places) = tested.store().fill();
        assert!(taken <= places);
        for (eid, generation) in before {
            let after = bindings(&tested, now).into_iter().find(|(other, _)| *other == eid);
            assert!(after.is_some_and(|(_, after)| after >= generation), "a binding gave way to none or an older one");
        }
        named(&tested, now);
        while tested.poll_transmit(now, &me, &mut out).is_some() {}
        let _ = tested.handle_deadline(now);
    }
}

/// Each path that a record here names resolves to a key that is not revoked, accused or expired, or to no key.
fn named(node: &Node<'_, Trusting>, now: Clock) {
    let paths = node.store().records(now.unix).filter_map(|record| {
        match Body::parse(Kind::from_code(record.kind)?, record.body).ok()? {
            Body::Root(root) => Some(root.path),
            Body::Delegation(token) => Some(token.child),
            _ => None,
        }
    });
    for path in paths {
        let Ok(named) = node.name(now.unix, path.as_str(), &Paid) else { continue };
        assert!(named.until > now.unix.0 && !node.is_challenged(&named.eid));
        let revoked = node.store().one(now.unix, Kind::Revocation, key(&named.eid.0));
        let is_over = |body: Body<'_>| matches!(body, Body::Revocation(one) if one.first_invalid_generation.get() == 0);
        assert!(!revoked.is_some_and(|(record, _)| Body::parse(Kind::Revocation, record.body).is_ok_and(is_over)));
    }
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

fn binding(owner: u8, ip: u8, generation: u64) -> ErpRegister {
    ErpRegister {
        source_eid: Eid([owner; 32]),
        current_transport_ip: address(ip).ip().into(),
        generation_counter: generation.into(),
        signature: Signature([0x5A; 64]),
    }
}

fn stored(kind: Kind, key: DhtKey, body: &[u8]) -> Vec<u8> {
    let mut out = [0; 1_100];
    let record = Record { kind: kind as u8, storage_key: key, expiry: NOW.0 + DAY, body };
    let length = record.write(&mut out).expect("a record");
    out[..length].to_vec()
}

fn key(of: &[u8]) -> DhtKey {
    DhtKey(Trusting::sha256(&[of]))
}

fn of_binding(binding: &ErpRegister) -> Vec<u8> {
    use zerocopy::IntoBytes as _;
    stored(Kind::Binding, key(&binding.source_eid.0), binding.as_bytes())
}

/// A delegation as bytes: paths, child key, window, signature.
fn of_delegation(parent: &str, child: &str, from: u64) -> Vec<u8> {
    let mut body = Vec::new();
    for path in [parent, child] {
        body.extend(u16::try_from(path.len()).expect("short").to_be_bytes());
        body.extend(path.as_bytes());
    }
    body.extend([8; 32]);
    body.extend(from.to_be_bytes());
    body.extend((from + DAY).to_be_bytes());
    body.extend([0x5A; 64]);
    stored(Kind::Delegation, key(child.as_bytes()), &body)
}

/// Bindings of one EID in several orders and a chain of two tokens.
pub fn record_seeds() -> Vec<(String, Vec<u8>)> {
    let several = [binding(9, 1, 4), binding(9, 2, 4), binding(9, 1, 5), binding(8, 3, 1)];
    let bindings: Vec<u8> = several.iter().flat_map(of_binding).collect();
    let tokens = [of_delegation("org", "org.example", NOW.0), of_delegation("org.example", "org.example.www", NOW.0)];
    vec![("bindings".to_owned(), bindings), ("tokens".to_owned(), tokens.concat())]
}

/// Registrations, moves and records of nodes, as frames.
pub fn node_seeds() -> Vec<(String, Vec<u8>)> {
    let write = |message: Message<'_>| {
        let mut out = [0; 1_200];
        let length = Frame::new(message).write(&mut out).expect("a frame");
        out[..length].to_vec()
    };
    let put = |record: &[u8]| {
        let head =
            DirPut { directory_node_eid: Eid([1; 32]), timestamp: NOW.0.into(), signature: Signature([0x5A; 64]) };
        write(Message::DirPut { head: &head, record })
    };
    let frames = [
        (1, write(Message::ErpRegister(&binding(9, 1, 4)))),
        (2, put(&of_binding(&binding(9, 2, 5)))),
        (3, put(&of_binding(&binding(9, 3, 5)))),
        (1, put(&of_delegation("org", "org.example", NOW.0))),
        (1, write(Message::ErpRegister(&binding(9, 1, 4)))),
    ];
    let mut bytes = Vec::new();
    for (source, frame) in frames {
        bytes.extend([source, 3]);
        bytes.extend(u16::try_from(frame.len()).expect("short").to_be_bytes());
        bytes.extend(frame);
    }
    let class = Class::Identities as u8;
    vec![("frames".to_owned(), bytes), ("empty".to_owned(), vec![class; 8])]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_seeds_stand_and_some_of_them_displace_others() {
        let seeds = record_seeds();
        let stands =
            |record: &Record<'_>, held: Option<&Record<'_>>| judge::<Trusting>(NOW, Origin::Node, record, held, &Known);
        for (name, bytes) in &seeds {
            for record in records(bytes) {
                assert!(matches!(stands(&record, None), Judgement::Store { .. }), "{name}");
            }
        }
        let bindings: Vec<Record<'_>> = records(&seeds[0].1).collect();
        assert_eq!(stands(&bindings[1], Some(&bindings[0])), Judgement::Equivocation);
        assert!(matches!(stands(&bindings[2], Some(&bindings[0])), Judgement::Store { .. }));
        assert_eq!(stands(&bindings[0], Some(&bindings[2])), Judgement::Stale);
    }
}
