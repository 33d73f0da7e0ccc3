//! What governs the interaction: a vocabulary, four versions of the rules of two authorities, and the control plane that serves them.

use std::sync::LazyLock;

use interaction_gov::authority::{Authorities, Update};
use interaction_gov::policy::Policy;
use interaction_gov::rollout::{Rollout, Track};
use interaction_gov::vocabulary::{Authority, Vocabulary};
use sha2::{Digest as _, Sha256};

pub type Plane = Rollout<2, 4>;

const NAMES: &str = "actions join, speak, record, transcribe, export\nown join, speak\nmodalities audio, video, chat\n\
                     functions recording, transcription\nregions de, fr, us, ca\nroles host\nconsents recording\n\
                     postures unmanaged, managed, hardened\nobligations notify\nauthorities corporate, privacy";

/// The rules of both authorities in each version: the usual ones, some that forbid recording, some that permit little, short leases.
const TEXTS: [[&str; 2]; 4] = [[USUAL, PRIVACY], [USUAL, STRICT], [LITTLE, STRICT], [SHORT, STRICT]];
const USUAL: &str = "deny export below posture hardened\npermit join, speak for human, agent with posture managed\n\
                     permit record by recording with consent recording oblige notify\npermit export\n\
                     permit transcribe by transcription with provenance verified\nkeep any within de, fr, us\n";
const PRIVACY: &str = "over record, transcribe, export\ndeny transcribe on chat\n\
                       permit record, transcribe with consent recording\nkeep audio, video within de, fr\n";
const STRICT: &str = "over record, transcribe, export\npermit transcribe with consent recording\n";
const LITTLE: &str = "over record, export\npermit record in us\n";
const SHORT: &str = "permit any\nset lease 100\nset validation 5000\nset recovery 200\n";

pub static VOCABULARY: LazyLock<Vocabulary<'static>> = LazyLock::new(|| Vocabulary::read(NAMES).expect("names"));

/// A version: its policy, and the authorities when they had signed it and nothing after it. To compile them takes a hundred times as long
/// as all else.
struct Version {
    policy: Policy<2>,
    signed: Authorities,
}

static VERSIONS: LazyLock<Vec<Version>> = LazyLock::new(|| {
    let mut signed = Authorities::new();
    for authority in [CORPORATE_, PRIVACY_] {
        signed.introduce(authority, [7; 32]).expect("new");
    }
    let mut before = [String::new(), String::new()];
    let mut scratch = Policy::<2>::new();
    let version = |(number, rules): (u32, [&str; 2])| {
        for (whose, before) in (0..).zip(&mut before) {
            let name = AUTHORITIES[usize::from(whose)];
            let text = format!("authority {name}\nversion {number}\n{}", rules[usize::from(whose)]);
            let (authority, follows) = (Authority(whose), Sha256::digest(&before).into());
            let vocabulary = *VOCABULARY.digest();
            let update = Update { authority, version: number, follows, vocabulary, text: &text };
            signed.take(&update, &[0; 64], &accept, &VOCABULARY, &mut scratch).expect("the next text");
            *before = text;
        }
        let mut policy = Policy::new();
        before.iter().for_each(|text| _ = policy.add(text, &VOCABULARY).expect("a policy"));
        Version { policy, signed: signed.clone() }
    };
    (1..).zip(TEXTS).map(version).collect()
});

const AUTHORITIES: [&str; 2] = ["corporate", "privacy"];
pub const CORPORATE_: Authority = Authority(0);
pub const PRIVACY_: Authority = Authority(1);

pub fn accept(_: &[u8; 32], _: &[u8; 32], _: &[u8; 64]) -> bool {
    true
}

/// A control plane with four versions; the first governs.
pub fn plane() -> Plane {
    let mut plane = Rollout::new(Authorities::new(), [5; 32]);
    for Version { policy, signed } in &*VERSIONS {
        plane.authorities = signed.clone();
        plane.install(policy).expect("room");
    }
    plane.publish(Track::STABLE, 0).expect("it is there");
    plane
}
