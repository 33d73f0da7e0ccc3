//! From a path to the EID behind it, and every way in which that fails.

use iacp_core::crypto::ChaChaOnly;
use iacp_core::directory::name::{ChainBreak, ChainFacts, MAX_WINDOW, Path, Payment, Root, burn_bits, resolve};
use iacp_core::directory::{Body, Judgement, Kind, NotStored, sign};
use iacp_core::time::UnixTime;
use iacp_wire::Eid;
use iacp_wire::layout::{NamespaceRoot, Record};
use proptest::prelude::*;

use super::{DAY, Known, NOW, hashed, identity, judged, record};

/// What a reader knows.
#[derive(Clone, Default)]
struct Reader {
    revoked: Vec<Eid>,
    refused: Vec<Eid>,
    unpaid: bool,
}

impl ChainFacts for Reader {
    fn paid(&self, _: &Root<'_>) -> bool {
        !self.unpaid
    }
    fn revoked(&self, key: &Eid) -> bool {
        self.revoked.contains(key)
    }
    fn refused(&self, eid: &Eid) -> bool {
        self.refused.contains(eid)
    }
}

fn named(name: &str, key: Eid, proof: &[u8]) -> Vec<u8> {
    let escrow = iacp_wire::Digest(hashed(proof).0);
    let record = NamespaceRoot { curation_public_key: key, escrow_allocation_index: escrow, namespace: name };
    let mut buffer = [0; 200];
    let length = record.write(&mut buffer).expect("a short name");
    buffer[..length].to_vec()
}

fn root(name: &str, signer: u8, time: u64, proof: &[u8]) -> Vec<u8> {
    let before = [named(name, identity(signer).eid(), proof), time.to_be_bytes().to_vec()].concat();
    let after = [&u16::try_from(proof.len()).expect("short").to_be_bytes()[..], proof].concat();
    let signature = sign(&identity(signer), Kind::Root, &before, &after);
    [&before[..], &signature.0, &after].concat()
}

fn curation(version: u64, before: &[u8], name: &str, signer: u8, next: u8) -> Vec<u8> {
    let record = named(name, identity(next).eid(), &[2]);
    let fields = [&version.to_be_bytes()[..], &hashed(before).0, &record].concat();
    let signature = sign(&identity(signer), Kind::Curation, &fields, &[]);
    [&fields[..], &signature.0].concat()
}

fn token(parent: &str, child: &str, signer: u8, child_key: u8, window: (u64, u64)) -> Vec<u8> {
    let text = |path: &str| [&u16::try_from(path.len()).expect("short").to_be_bytes()[..], path.as_bytes()].concat();
    let times = [window.0.to_be_bytes(), window.1.to_be_bytes()].concat();
    let fields = [text(parent), text(child), identity(child_key).eid().0.to_vec(), times].concat();
    let signature = sign(&identity(signer), Kind::Delegation, &fields, &[]);
    [&fields[..], &signature.0].concat()
}

const WINDOW: (u64, u64) = (NOW.0 - DAY, NOW.0 + DAY);

/// A chain as bytes: `org` by key 1, changed to key 2, `org.agentnet` with key 3, `org.agentnet.market` with key 4.
#[derive(Clone)]
struct Chain {
    path: &'static str,
    root: Option<Vec<u8>>,
    versions: Vec<Vec<u8>>,
    tokens: Vec<Vec<u8>>,
    now: u64,
    reader: Reader,
}

impl Chain {
    fn sound() -> Self {
        let root = root("org", 1, NOW.0 - DAY, &[2]);
        Self {
            path: "org.agentnet.market",
            versions: vec![curation(1, &root, "org", 1, 2)],
            root: Some(root),
            tokens: vec![
                token("org", "org.agentnet", 2, 3, WINDOW),
                token("org.agentnet", "org.agentnet.market", 3, 4, WINDOW),
            ],
            now: NOW.0,
            reader: Reader::default(),
        }
    }

    fn with(change: impl Fn(&mut Self)) -> Self {
        let mut chain = Self::sound();
        change(&mut chain);
        chain
    }

    fn resolve(&self) -> Result<Eid, ChainBreak> {
        fn body(kind: Kind, bytes: &[u8]) -> Body<'_> {
            Body::parse(kind, bytes).expect("the form is right")
        }
        let root = self.root.as_ref().map(|bytes| match body(Kind::Root, bytes) {
            Body::Root(root) => root,
            other => panic!("{other:?}"),
        });
        let versions = self.versions.iter().map(|bytes| match body(Kind::Curation, bytes) {
            Body::Curation(version) => version,
            other => panic!("{other:?}"),
        });
        let tokens = self.tokens.iter().map(|bytes| match body(Kind::Delegation, bytes) {
            Body::Delegation(token) => token,
            other => panic!("{other:?}"),
        });
        let (versions, tokens) = (versions.collect::<Vec<_>>(), tokens.collect::<Vec<_>>());
        resolve::<ChaChaOnly>(self.path, root.as_ref(), &versions, &tokens, UnixTime(self.now), &self.reader)
    }
}

// shows: IACP-114 (§5.2.2), IACP-115 (§5.2.2), IACP-113 (§5.2.1)
#[test]
fn a_sound_chain_leads_to_the_key_of_its_last_token() {
    assert_eq!(Chain::sound().resolve(), Ok(identity(4).eid()));
    // A root leads to its own curator, as the last version has it.
    let root = Chain::with(|chain| (chain.path, chain.tokens) = ("org", vec![]));
    assert_eq!(root.resolve(), Ok(identity(2).eid()));
}

// shows: IACP-114 (§5.2.2)
#[test]
fn each_flaw_of_a_chain_ends_it_with_its_own_reason() {
    let last = |window, signer| {
        vec![
            token("org", "org.agentnet", 2, 3, WINDOW),
            token("org.agentnet", "org.agentnet.market", signer, 4, window),
        ]
    };
    let cases: Vec<(ChainBreak, Chain)> = vec![
        (ChainBreak::PathMalformed, Chain::with(|chain| chain.path = "org..market")),
        (ChainBreak::RootUnknown, Chain::with(|chain| chain.root = None)),
        (ChainBreak::RootUnknown, Chain::with(|chain| chain.root = Some(root("com", 1, NOW.0, &[2])))),
        (ChainBreak::RootUnknown, Chain::with(|chain| chain.root = Some(root("or", 1, NOW.0, &[2])))),
        (ChainBreak::RootUnknown, Chain::with(|chain| chain.root.as_mut().expect("a root")[80] ^= 1)),
        (ChainBreak::RootUnproven, Chain::with(|chain| chain.reader.unpaid = true)),
        (
            ChainBreak::RootUnproven,
            Chain::with(|chain| chain.root = Some(root("org", 1, NOW.0, &[1, 0, 0, 0, 0, 0, 0, 0, 0]))),
        ),
        (ChainBreak::RootUnproven, Chain::with(|chain| chain.root = Some(root("org", 1, NOW.0, &[9])))),
        (ChainBreak::CurationBroken, Chain::with(|chain| chain.versions[0][9] ^= 1)),
        (
            ChainBreak::CurationBroken,
            Chain::with(|chain| chain.versions = vec![curation(2, chain.root.as_ref().expect("a root"), "org", 1, 2)]),
        ),
        (
            ChainBreak::CurationBroken,
            Chain::with(|chain| chain.versions = vec![curation(1, chain.root.as_ref().expect("a root"), "org", 9, 2)]),
        ),
        (
            ChainBreak::CurationBroken,
            Chain::with(|chain| chain.versions = vec![curation(1, chain.root.as_ref().expect("a root"), "com", 1, 2)]),
        ),
        (
            ChainBreak::CurationBroken,
            Chain::with(|chain| chain.versions = vec![curation(1, b"another state", "org", 1, 2)]),
        ),
        (ChainBreak::RootRevoked, Chain::with(|chain| chain.reader.revoked = vec![identity(2).eid()])),
        (
            ChainBreak::LinkMissing,
            Chain::with(|chain| {
                chain.tokens.pop();
            }),
        ),
        (ChainBreak::LinkMissing, Chain::with(|chain| chain.tokens.clear())),
        (ChainBreak::ChainTooLong, Chain::with(|chain| chain.tokens = vec![chain.tokens[1].clone(); 8])),
        (ChainBreak::ParentMismatch, Chain::with(|chain| chain.tokens = vec![chain.tokens[1].clone()])),
        (
            ChainBreak::NotAnExtension,
            Chain::with(|chain| {
                chain.tokens = vec![
                    token("org", "org.agent", 2, 3, WINDOW),
                    token("org.agent", "org.agentnet.market", 3, 4, WINDOW),
                ];
            }),
        ),
        (ChainBreak::WindowInvalid, Chain::with(|chain| chain.tokens = last((NOW.0, NOW.0), 3))),
        (ChainBreak::WindowInvalid, Chain::with(|chain| chain.tokens = last((NOW.0, NOW.0 + MAX_WINDOW + 1), 3))),
        (ChainBreak::NotYetValid, Chain::with(|chain| chain.tokens = last((NOW.0 + 30_001, NOW.0 + DAY), 3))),
        (ChainBreak::Expired, Chain::with(|chain| chain.tokens = last((NOW.0 - DAY, NOW.0), 3))),
        (ChainBreak::BadSignature, Chain::with(|chain| chain.tokens = last(WINDOW, 2))),
        // The key before the change signs nothing any more.
        (ChainBreak::BadSignature, Chain::with(|chain| chain.tokens[0] = token("org", "org.agentnet", 1, 3, WINDOW))),
        (ChainBreak::KeyRevoked, Chain::with(|chain| chain.reader.revoked = vec![identity(3).eid()])),
        (ChainBreak::TerminalRefused, Chain::with(|chain| chain.reader.refused = vec![identity(4).eid()])),
    ];
    let mut seen = std::collections::BTreeSet::new();
    for (number, (reason, chain)) in cases.iter().enumerate() {
        assert_eq!(chain.resolve(), Err(*reason), "case {number}");
        seen.insert(*reason);
    }
    assert_eq!(seen.len(), 15, "each reason");
}

// shows: IACP-115 (§5.2.2)
#[test]
fn a_chain_holds_up_to_its_limits() {
    let last = |window| {
        Chain::with(|chain| chain.tokens[1] = token("org.agentnet", "org.agentnet.market", 3, 4, window)).resolve()
    };
    let found = Ok(identity(4).eid());
    assert_eq!(last((NOW.0 + 30_000, NOW.0 + DAY)), found, "thirty seconds are left to the clocks");
    assert_eq!(last((NOW.0 - DAY, NOW.0 + 1)), found, "its last millisecond");
    assert_eq!(last((NOW.0, NOW.0 + MAX_WINDOW)), found, "400 days");
    // Eight labels are seven tokens.
    let deep = Chain::with(|chain| {
        let path = |labels: usize| ["org", "b", "c", "d", "e", "f", "g", "h"][..labels].join(".");
        let keys = |labels: usize| u8::try_from(labels).expect("few") + 1;
        chain.path = "org.b.c.d.e.f.g.h";
        chain.tokens =
            (1..8).map(|above| token(&path(above), &path(above + 1), keys(above), keys(above + 1), WINDOW)).collect();
    });
    assert_eq!(deep.resolve(), Ok(identity(9).eid()));
}

#[test]
fn a_name_has_64_changes_and_a_proof_512_bytes_at_most() {
    for (version, is_one) in [(0, false), (1, true), (64, true), (65, false)] {
        let body = curation(version, b"before", "org", 1, 2);
        assert_eq!(Body::parse(Kind::Curation, &body).is_ok(), is_one, "version {version}");
    }
    for (bytes, is_one) in [(0, true), (1, true), (512, true), (513, false)] {
        let body = root("org", 1, NOW.0, &vec![3; bytes]);
        assert_eq!(Body::parse(Kind::Root, &body).is_ok(), is_one, "{bytes} bytes");
    }
    let sound = root("org", 1, NOW.0, &[3; 9]);
    assert!((0..sound.len()).all(|length| Body::parse(Kind::Root, &sound[..length]).is_err()));
    assert!(Body::parse(Kind::Root, &[&sound[..], &[3]].concat()).is_err(), "a byte behind the proof");
    assert!(Body::parse(Kind::Root, &root("org.a", 1, NOW.0, &[3])).is_err(), "a root is one label");
    assert!(Body::parse(Kind::Curation, &curation(1, b"before", "org.a", 1, 2)).is_err());
    // What is paid with: nothing else may stand behind a pin; a ledger's proof is not read here.
    let payment = |proof: &[u8]| match Body::parse(Kind::Root, &root("org", 1, NOW.0, proof)) {
        Ok(Body::Root(root)) => root.payment::<ChaChaOnly>(),
        _ => panic!("a root"),
    };
    let ledger = Some(Payment::Ledger);
    assert_eq!([&[3][..], &[4, 9], &[5], &[2, 0], &[0], &[]].map(payment), [ledger, ledger, None, None, None, None]);
    assert_eq!([&[1][..], &[1, 0, 0, 0, 0, 0, 0, 0], &[1; 9]].map(payment), [None; 3], "a nonce of 8 bytes, and work");
}

#[test]
fn roots_within_ten_minutes_are_ordered_by_digest_and_after_twenty_none_gives_way() {
    let is_before = |one: (u8, u64), other: (u8, u64)| {
        let [one, other] = [one, other].map(|(key, time)| root("org", key, time, &[2]));
        match (Body::parse(Kind::Root, &one), Body::parse(Kind::Root, &other)) {
            (Ok(Body::Root(one)), Ok(Body::Root(other))) => one.precedes::<ChaChaOnly>(&other),
            _ => panic!("two roots"),
        }
    };
    let later = |apart: u64| {
        let pairs = (1..6).flat_map(|one| (6..11).map(move |other| (one, other)));
        pairs.filter(|(one, other)| is_before((*one, NOW.0 + apart), (*other, NOW.0))).count()
    };
    assert_eq!((later(600_001), later(700_000)), (0, 0));
    assert!((1..25).contains(&later(600_000)), "of one moment, the digest decides: {}", later(600_000));
    assert!((2..10).all(|key| is_before((key, NOW.0), (1, NOW.0 + 600_001))));
    assert!(!is_before((1, NOW.0), (1, NOW.0)), "none precedes itself");
    // From one node, without witnesses, a root takes another's place for twenty minutes.
    let known = Known { pinned: true, ..Known::default() };
    let takes = |age: u64| {
        let held = root("org", 1, NOW.0 - age, &[2]);
        let by = |new: &[u8]| {
            let origin = iacp_core::directory::Origin::Node;
            iacp_core::directory::judge::<ChaChaOnly>(NOW, origin, &org(new), Some(&org(&held)), &known)
        };
        (2..10).filter(|key| matches!(by(&root("org", *key, NOW.0 - age, &[2])), Judgement::Store { .. })).count()
    };
    assert!(takes(1_200_000) > 0);
    assert_eq!(takes(1_200_001), 0);
}

// The first failure from the root down is the answer: a flaw further down hides no other.
#[test]
fn two_flaws_are_told_in_the_order_of_the_chain() {
    let both = Chain::with(|chain| {
        chain.reader = Reader { revoked: vec![identity(3).eid()], refused: vec![identity(4).eid()], unpaid: false };
    });
    assert_eq!(both.resolve(), Err(ChainBreak::KeyRevoked));
    let root = Chain::with(|chain| (chain.versions[0][9], chain.reader.unpaid) = (1, true));
    assert_eq!(root.resolve(), Err(ChainBreak::RootUnproven));
}

// shows: IACP-109 (§5.1.2)
#[test]
fn a_path_is_labels_of_small_letters_digits_and_inner_hyphens() {
    let label = "a".repeat(63);
    let long = [&label[..], &label[..]].join(".");
    for path in ["a", "org", "org.agentnet.market", "a-b.c9", "1.2.3.4.5.6.7.8", &label, &long] {
        assert!(Path::new(path).is_some(), "{path}");
    }
    let wide = "a".repeat(64);
    let longer = [&label[..], &label[..], "a"].join(".");
    for path in [
        "",
        ".",
        "a.",
        ".a",
        "a..b",
        "Org",
        "a_b",
        "-a",
        "a-",
        "a.-b",
        "ä",
        "a b",
        "1.2.3.4.5.6.7.8.9",
        &wide,
        &longer,
        "a\0",
    ] {
        assert!(Path::new(path).is_none(), "{path}");
    }
}

// shows: IACP-111 (§5.2.1)
#[test]
fn burnt_work_costs_more_for_shorter_names_and_the_index_names_the_proof() {
    let bits = |name: &str| burn_bits(&Path::new(name).expect("a path"));
    assert_eq!([bits("a"), bits("org"), bits("agentne"), bits("agentnet"), bits("agentnets")], [42, 38, 30, 28, 28]);
    let pinned = root("org", 1, NOW.0, &[2]);
    let body = Body::parse(Kind::Root, &pinned);
    assert!(matches!(body, Ok(Body::Root(root)) if root.payment::<ChaChaOnly>() == Some(Payment::Pinned)));
    // Another proof under the same index.
    let mut swapped = pinned.clone();
    *swapped.last_mut().expect("a proof") = 3;
    let body = Body::parse(Kind::Root, &swapped);
    assert!(matches!(body, Ok(Body::Root(root)) if root.payment::<ChaChaOnly>().is_none()));
}

fn org(root: &[u8]) -> Record<'_> {
    record(Kind::Root, hashed(b"org"), root)
}

#[test]
fn the_earlier_root_stands_unless_both_are_of_one_moment() {
    let roots =
        [(1, NOW.0 - DAY), (2, NOW.0 - DAY + 600_001), (3, NOW.0)].map(|(key, time)| root("org", key, time, &[2]));
    let known = Known { pinned: true, ..Known::default() };
    let witnessed = Known { witnessed: true, ..known.clone() };
    let by = |known: &Known, new: &[u8], held: Option<&[u8]>| {
        let held = held.map(org);
        iacp_core::directory::judge::<ChaChaOnly>(
            NOW,
            iacp_core::directory::Origin::Node,
            &org(new),
            held.as_ref(),
            known,
        )
    };
    let node = |new: &[u8], held: Option<&[u8]>| by(&known, new, held);
    assert!(matches!(by(&witnessed, &roots[0], Some(&roots[1])), Judgement::Store { .. }));
    assert_eq!(
        by(&witnessed, &roots[1], Some(&roots[0])),
        Judgement::Stale,
        "and no witness makes a later one earlier"
    );
    assert_eq!(node(&roots[1], Some(&roots[0])), Judgement::Stale, "a name cannot be taken over");
    // From its owner a root is of this moment: it cannot be dated back.
    assert_eq!(judged(&org(&roots[0]), None, &known), Judgement::Refused(NotStored::Time));
    assert!(matches!(judged(&org(&roots[2]), None, &known), Judgement::Store { .. }));
    let unpaid = judged(&org(&roots[2]), None, &Known::default());
    assert_eq!(unpaid, Judgement::Refused(NotStored::Payment));
}

/// The attack "a name dated back": the time of a root is its owner's own word, and so is how much it was worked for later on.
#[test]
fn one_node_dates_no_root_before_another_that_stands() {
    let known = Known { pinned: true, ..Known::default() };
    let by_node = |known: &Known, new: &[u8], held: Option<&[u8]>| {
        let held = held.map(org);
        iacp_core::directory::judge::<ChaChaOnly>(
            NOW,
            iacp_core::directory::Origin::Node,
            &org(new),
            held.as_ref(),
            known,
        )
    };
    let fresh = root("org", 1, NOW.0 - 100_000, &[2]);
    for time in [NOW.0 - 700_001, NOW.0 - 1_100_000, NOW.0 - 2 * DAY] {
        let theft = root("org", 2, time, &[2]);
        assert_eq!(by_node(&known, &theft, Some(&fresh)), Judgement::Stale, "one that was registered just now, {time}");
    }
    let stands = root("org", 1, NOW.0 - 30 * DAY, &[2]);
    for time in [0, 1, NOW.0 - 400 * DAY + 1, NOW.0 - 31 * DAY, NOW.0 - 30 * DAY - 600_001, NOW.0 - 30 * DAY - 600_000]
    {
        // Of several keys some have the smaller digest.
        for key in 2..8 {
            let theft = root("org", key, time, &[2]);
            assert!(!matches!(by_node(&known, &theft, Some(&stands)), Judgement::Store { .. }), "{key} at {time}");
        }
    }
    // Two that register at one moment: all nodes come to the same one, in whatever order and from wherever they hear of them.
    let [one, other] = [1, 2].map(|key| root("org", key, NOW.0 - 60_000, &[2]));
    let wins = |new: &[u8], held: &[u8]| matches!(by_node(&known, new, Some(held)), Judgement::Store { .. });
    assert_ne!(wins(&one, &other), wins(&other, &one));
}

// shows: IACP-113 (§5.2.1), IACP-115 (§5.2.2)
#[test]
fn two_words_of_a_curator_for_one_moment_are_an_equivocation() {
    let root = root("org", 1, NOW.0, &[2]);
    let known = Known {
        before: Some((identity(1).eid(), iacp_wire::Digest(hashed(&root).0))),
        path_keys: vec![("org".into(), identity(1).eid())],
        ..Known::default()
    };
    let [one, other] = [2, 3].map(|next| curation(1, &root, "org", 1, next));
    let at = |bytes| record(Kind::Curation, hashed(b"org"), bytes);
    assert!(matches!(judged(&at(&one), None, &known), Judgement::Store { .. }));
    assert_eq!(judged(&at(&other), Some(&at(&one)), &known), Judgement::Equivocation);
    assert_eq!(judged(&at(&one), None, &Known::default()), Judgement::Refused(NotStored::NoParent));
    let strange = curation(1, b"another state", "org", 1, 2);
    assert_eq!(judged(&at(&strange), None, &known), Judgement::Refused(NotStored::Predecessor));

    let [first, same, later] =
        [(3, 0), (4, 0), (4, 1)].map(|(key, later)| token("org", "org.a", 1, key, (NOW.0 + later, NOW.0 + DAY)));
    let at = |bytes| record(Kind::Delegation, hashed(b"org.a"), bytes);
    assert_eq!(judged(&at(&same), Some(&at(&first)), &known), Judgement::Equivocation);
    assert!(matches!(judged(&at(&later), Some(&at(&first)), &known), Judgement::Store { .. }), "it replaces");
    assert_eq!(judged(&at(&first), Some(&at(&later)), &known), Judgement::Stale);
}

proptest! {
    /// A chain of which any byte is changed leads nowhere, or to where it led before.
    #[test]
    fn a_chain_with_a_changed_byte_leads_to_no_other_eid(part in 0_usize..4, at: prop::sample::Index, flip in 1_u8..) {
        let mut chain = Chain::sound();
        let bytes = match part {
            0 => chain.root.as_mut().expect("a root"),
            1 => &mut chain.versions[0],
            other => &mut chain.tokens[other - 2],
        };
        let at = at.index(bytes.len());
        bytes[at] ^= flip;
        let kind = [Kind::Root, Kind::Curation, Kind::Delegation, Kind::Delegation][part];
        prop_assume!(Body::parse(kind, bytes).is_ok());
        let resolved = chain.resolve();
        // The reserved bytes of the root's record are signed as all others are.
        prop_assert!(resolved.is_err(), "part {}, byte {}: {:?}", part, at, resolved);
    }
}
