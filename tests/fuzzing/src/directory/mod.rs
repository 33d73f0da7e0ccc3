//! Records, the judge of them, chains of delegation, and a whole directory node. Signatures verify whatever is changed,
//! so that the code behind their verification is reached too.

pub mod hub;
pub mod node;
mod node_seeds;
mod records;

pub(crate) use hub::hub_seeds;
use iacp_core::directory::name::{ChainBreak, ChainFacts, Curation, Delegation, Path, Root, resolve};
use iacp_core::directory::{Body, Facts, Judgement, Kind, Origin, class_of, judge, slot};
use iacp_core::time::UnixTime;
use iacp_wire::layout::Record;
use iacp_wire::{Digest, Eid};
pub(crate) use node_seeds::node_seeds;

use self::records::{DAY, binding, of_binding, of_curation, of_delegation, of_root};
use crate::provider::Trusting;
use crate::vectors::Named;

const NOW: UnixTime = UnixTime(1_790_000_000_000);

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

/// A chain of any records resolves to the key of its last link, inside all windows, or breaks. Gives to what it resolves now; none if
/// there is no path.
pub fn chain(bytes: &[u8]) -> Option<Result<Eid, ChainBreak>> {
    let bodies: Vec<(Kind, &[u8])> =
        records(bytes).take(16).filter_map(|record| Some((Kind::from_code(record.kind)?, record.body))).collect();
    let parsed = || bodies.iter().filter_map(|(kind, body)| Body::parse(*kind, body).ok());
    let root: Option<Root<'_>> = parsed().find_map(|body| if let Body::Root(root) = body { Some(root) } else { None });
    let versions: Vec<Curation<'_>> =
        parsed().filter_map(|body| if let Body::Curation(one) = body { Some(one) } else { None }).collect();
    let tokens: Vec<Delegation<'_>> =
        parsed().filter_map(|body| if let Body::Delegation(one) = body { Some(one) } else { None }).collect();
    let path = tokens.last().map(|token| token.child).or(root.map(|root| root.path))?;
    let found = |now| resolve::<Trusting>(path.as_str(), root.as_ref(), &versions, &tokens, now, &Known);
    for now in [NOW, UnixTime(0), UnixTime(u64::MAX)] {
        let Ok(eid) = found(now) else { continue };
        let root = root.expect("no chain without a root");
        let curator = versions.last().map_or(root.curation_key, |version| version.curation_key);
        assert_eq!(eid, tokens.last().map_or(curator, |token| token.child_key));
        assert!(!Known.refused(&eid) && !Known.revoked(&curator) && tokens.len() <= 7);
        assert!(tokens.iter().all(|token| !Known.revoked(&token.child_key) && now.0 < token.not_after));
        let mut state = root.state::<Trusting>();
        for (version, number) in versions.iter().zip(1..) {
            assert!(version.version == number && version.path == root.path && version.state_before == state);
            state = version.state::<Trusting>();
        }
        let mut above = root.path;
        for token in &tokens {
            assert!(token.parent == above && token.child.extends(&above));
            above = token.child;
        }
    }
    Some(found(NOW))
}

/// Bindings of one EID in several orders, a chain of two tokens, a root.
pub(crate) fn record_seeds() -> Named {
    let several = [binding(9, 1, 4), binding(9, 2, 4), binding(9, 1, 5), binding(8, 3, 1)];
    let bindings: Vec<u8> = several.iter().flat_map(of_binding).collect();
    let root = of_root("org", 6, NOW.0);
    vec![("bindings".to_owned(), bindings), ("tokens".to_owned(), tokens()), ("root".to_owned(), root)]
}

fn tokens() -> Vec<u8> {
    let below = [("org", "org.example", 8), ("org.example", "org.example.www", 9)];
    below.map(|(parent, child, key)| of_delegation(parent, child, key, NOW.0)).concat()
}

/// Whole chains: a root alone, one that has changed hands once and twice, with tokens below; and such as break.
pub(crate) fn chain_seeds() -> Named {
    let root = of_root("org", 6, NOW.0 - DAY);
    let changed = of_curation(1, &root, "org", 7);
    let again = of_curation(2, &changed, "org", 5);
    let seeds = [
        ("root", root.clone()),
        ("curation", [&root[..], &changed].concat()),
        ("tokens", [&root[..], &changed, &tokens()].concat()),
        ("twice", [&root[..], &changed, &again, &tokens()].concat()),
        ("no-root", tokens()),
        ("gap", [&root[..], &again, &tokens()].concat()),
        ("old", [&root[..], &of_delegation("org", "org.example", 8, NOW.0 - 2 * DAY)].concat()),
        ("revoked", [&root[..], &of_delegation("org", "org.example", 1, NOW.0)].concat()),
        ("refused", [&root[..], &of_delegation("org", "org.example", 2, NOW.0)].concat()),
    ];
    seeds.map(|(name, bytes)| (name.to_owned(), bytes)).into()
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
