//! Good envelopes of two senders, edited at will, delivered and decided in any order by a policy that lets everything pass
//! that it may: what is approved is what was sealed, under a name that says so, and once; and no line continues twice.

use std::collections::HashSet;
use std::sync::LazyLock;

use cep_envelope::Surface;
use cep_envelope::decision::{Delivery, Finding, Outcome, Policy, Receiver};
use cep_envelope::digest::Digest;
use cep_envelope::ladder::BareFile;
use cep_envelope::lineage::{Line, Lineage as _, MemoryLineage, Parent, Slot};
use cep_envelope::manifest::{BoundKey, Instant, MAX_OUTER, SealedManifest, Strict, seal};
use cep_envelope::notification::Notification;
use ed25519_compact::{KeyPair, Seed};

const NAME: &[u8] = b"20260514t064148z.message.jasper.normal.tza";
const NOTICE: &[u8] = br#"{"from_agent":"jasper","to_agent":"codex","poll_type":"PUSH","metadata":{"envelope_name":"20260514t064148z.message.jasper.normal.tza","envelope_ref":"/in/20260514t064148z.message.jasper.normal.tza","schema":"aint-send-v2","verification_state":"referenced"}}"#;
const SENDERS: [&str; 2] = ["jasper", "codex"];

struct Good {
    sender: &'static str,
    content: Vec<u8>,
    sealed: Vec<u8>,
}

fn signed(bytes: &[u8]) -> Option<&[u8]> {
    SealedManifest::parse(bytes).ok().map(|sealed| sealed.signed_bytes())
}

static KEYS: LazyLock<[(KeyPair, BoundKey); 2]> = LazyLock::new(|| {
    [7, 8].map(|seed| {
        let pair = KeyPair::from_seed(Seed::new([seed; 32]));
        let bound = BoundKey::new(*pair.pk).expect("of prime order");
        (pair, bound)
    })
});

/// Three roots, two children of the first, a grandchild, and an orphan; each sealed by both senders.
static GOOD: LazyLock<Vec<Good>> = LazyLock::new(|| {
    let mut manifests: Vec<(String, Digest)> = Vec::new();
    for (number, parent) in (0_u8..).zip([None, None, None, Some(Some(0)), Some(Some(0)), Some(Some(3)), Some(None)]) {
        let parent = match parent {
            None => "null".into(),
            Some(Some(of)) => format!("\"{}\"", manifests[of].1),
            Some(None) => format!("\"{}\"", Digest::of(b"nobody")),
        };
        let manifest = format!(
            r#"{{"schema":"aint-send-v2","surface_time_fragment":"20260514t064148z","surface_context":"message","surface_profile":"jasper","surface_priority":"normal","sealed_created_at":"2026-05-14T06:41:48.207135+00:00","content_digest":"{}","causal_parent":{parent},"recipient":"codex"}}"#,
            Digest::of(&[number])
        );
        let digest = Digest::of(manifest.as_bytes());
        manifests.push((manifest, digest));
    }
    let both = (0_u8..).zip(&manifests).flat_map(|(number, (manifest, _))| {
        SENDERS.into_iter().zip(&*KEYS).map(move |(sender, (pair, _))| {
            let sign = |hash: &[u8; 32]| *pair.sk.sign(hash, None);
            let mut out = [0; MAX_OUTER];
            let sealed = seal(manifest.as_bytes(), "k", "codex", sign, &mut out).expect("it is in order").to_vec();
            Good { sender, content: vec![number], sealed }
        })
    });
    both.collect()
});

fn key(signer: &str, sender: &str) -> Option<BoundKey> {
    let place = SENDERS.iter().position(|one| *one == sender)?;
    (signer == "k").then(|| KEYS[place].1)
}

/// The next delivery: which good one, how many edits, and each of these a part, a place, how many bytes go, which come.
fn next(bytes: &mut &[u8]) -> Option<(usize, [Vec<u8>; 4])> {
    let [which, edits, rest @ ..] = *bytes else { return None };
    *bytes = rest;
    let which = usize::from(*which) % GOOD.len();
    let good = &GOOD[which];
    let mut parts = [NAME.to_vec(), good.content.clone(), good.sealed.clone(), NOTICE.to_vec()];
    for _ in 0..edits % 4 {
        let [part, place, high, gone, length, rest @ ..] = *bytes else { break };
        let part = &mut parts[usize::from(part % 4)];
        let start = (usize::from(*place) | usize::from(*high) << 8) % (part.len() + 1);
        let end = (start + usize::from(*gone)).min(part.len());
        let (comes, after) = rest.split_at(usize::from(*length % 8).min(rest.len()));
        part.splice(start..end, comes.iter().copied());
        *bytes = after;
    }
    Some((which, parts))
}

/// What became of a run's deliveries.
#[derive(Debug, Default)]
pub struct Report {
    /// How many were judged.
    pub judged: usize,
    /// The good envelopes that were approved, by their numbers.
    pub approved: Vec<usize>,
    /// How many continued a line.
    pub continued: usize,
}

/// See [`crate::delivery()`].
pub fn run(mut bytes: &[u8]) -> Report {
    let mut report = Report::default();
    let mut lineage = MemoryLineage::first([Slot::EMPTY; 32], [0; 16]);
    let all = Finding::ALL.into_iter();
    let policy = all.fold(Policy::default(), |policy, finding| {
        policy.with(finding, finding.most_lenient()).expect("as lenient as it may be")
    });
    let (mut approved, mut continued) = (HashSet::new(), HashSet::new());
    while let Some((which, [name, content, sealed, notice])) = next(&mut bytes) {
        let good = &GOOD[which];
        let receiver = Receiver {
            name: "codex",
            container: &BareFile,
            keys: &key,
            signatures: &Strict,
            lineage: &lineage,
            policy: &policy,
        };
        let delivery = Delivery {
            name: &name,
            sender: good.sender,
            object: Some(&content),
            sealed: Some(&sealed),
            notice: Notification::read(&notice).ok(),
            expected: None,
            arrival: Instant::unix(1_778_740_910),
        };
        let decision = receiver.judge(&delivery).decision;
        report.judged += 1;
        assert!(!decision.to_string().is_empty());
        let recorded = decision.record().map(|record| lineage.record(record));
        if !decision.outcome().approves() {
            continue;
        }
        assert_eq!(recorded, Some(Ok(())), "nothing has changed since it was judged");
        assert_eq!((&content, signed(&sealed)), (&good.content, signed(&good.sealed)));
        let name = Surface::parse_bytes(&name).expect("no other name is approved");
        assert_eq!([name.context(), name.profile(), name.priority()], ["message", "jasper", "normal"]);
        assert!(approved.insert(which), "no object is approved twice");
        report.approved.push(which);
        let record = decision.record().expect("it is approved");
        let Parent::Approved(standing) = lineage.parent(&record.manifest) else { panic!("it is approved") };
        assert_eq!(Some(standing.line), decision.line(), "decision and lineage name the same line");
        if let (Outcome::Continue, Line::Main(_)) = (decision.outcome(), record.line)
            && let cep_envelope::manifest::CausalParent::Of(parent) = record.parent
        {
            // Both senders' copies of one child are the same step.
            let step = (*parent.as_bytes(), *record.manifest.as_bytes());
            let other = continued.iter().any(|(from, to)| *from == step.0 && *to != step.1);
            assert!(!other, "one step on from each object of a line");
            continued.insert(step);
            report.continued += 1;
        }
    }
    report
}

/// Numbers of good envelopes: three roots, two children of the first, a grandchild by the first of these, an orphan. The next number is
/// the same manifest by the other sender.
const ROOTS: [u8; 3] = [0, 2, 4];
const CHILDREN: [u8; 2] = [6, 8];
const GRANDCHILD: u8 = 10;
const ORPHAN: u8 = 12;

/// A good envelope with one edit: of a part (name, content, seal or notice), from a place on, so many bytes go and these come.
fn edited(which: u8, part: u8, place: u8, gone: u8, comes: &[u8]) -> Vec<u8> {
    let length = u8::try_from(comes.len()).expect("short");
    [&[which, 1, part, place, 0, gone, length], comes].concat()
}

/// Lines, forks, repeats, orphans, and one edit of each part.
pub fn seeds() -> Vec<(String, Vec<u8>)> {
    let good = |all: &[u8]| all.iter().flat_map(|which| [*which, 0]).collect::<Vec<u8>>();
    let [first, second, third] = ROOTS;
    let seeds = [
        ("roots", good(&ROOTS)),
        ("line", good(&[first, CHILDREN[0], GRANDCHILD])),
        ("backwards", good(&[GRANDCHILD, CHILDREN[0], first, CHILDREN[0], GRANDCHILD])),
        ("fork", good(&[first, CHILDREN[0], CHILDREN[1], GRANDCHILD])),
        ("twice", good(&[first, first, second, first])),
        ("two-senders", good(&[first, first + 1, CHILDREN[0], CHILDREN[0] + 1])),
        ("orphan", good(&[ORPHAN, third])),
        ("name", edited(first, 0, 0, 1, b"3")),
        ("content", edited(first, 1, 0, 1, b"x")),
        ("seal", edited(first, 2, 20, 1, b"x")),
        ("notice", edited(first, 3, 15, 1, b"x")),
    ];
    seeds.map(|(name, bytes)| (name.to_owned(), bytes)).into()
}
