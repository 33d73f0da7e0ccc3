// The setting of the examples: one authority, what it permits, and an interaction with one participant, at 1 ms.
use interaction_gov::audit::{Bytes, Log, RECORD};
use interaction_gov::authority::{Authorities, Update};
use interaction_gov::identity::InteractionId;
use interaction_gov::interaction::{Interaction, Mode, Request};
use interaction_gov::participant::{Admission, Seat, Streams, Validation};
use interaction_gov::policy::{Kind, On, Policy};
use interaction_gov::rollout::{Rollout, Track};
use interaction_gov::time::Time;
use interaction_gov::vocabulary::{Modality, Posture, Region, Set, Vocabulary};
use sha2::Digest as _;

const NAMES: &str = "actions join, record\nmodalities audio\nregions de\nauthorities host";
const TEXT: &str = "authority host\nversion 1\npermit join for human, device\n";

struct Setting {
    plane: Rollout<1, 2>,
    log: Log<Vec<Bytes>>,
    call: Interaction<4, 2>,
    seat: Seat,
}

/// A participant in Germany, on the only stream.
fn admission(number: u8) -> Admission {
    Admission {
        action: Vocabulary::read(NAMES).unwrap().find("join").unwrap(),
        name: [number; 16],
        kind: Kind::Human,
        home: None,
        credential_until: Time(3_600_000),
        validation: Validation { posture: Posture(0), region: Some(Region(0)), until: Time(60_000) },
        roles: Set::EMPTY,
        streams: Streams::both(Set::one(Modality(0))),
        consents: Set::EMPTY,
    }
}

fn setting() -> Setting {
    let names = Vocabulary::read(NAMES).unwrap();
    let (host, nothing) = (names.find("host").unwrap(), sha2::Sha256::digest("").into());
    let update = Update { authority: host, version: 1, follows: nothing, vocabulary: *names.digest(), text: TEXT };
    let trusting = |_: &[u8; 32], _: &[u8; 32], _: &[u8; 64]| true;
    let mut plane = Rollout::new(Authorities::new(), [7; 32]);
    let mut policy = Policy::new();
    plane.authorities.introduce(host, [1; 32]).unwrap();
    plane.authorities.take(&update, &[0; 64], &trusting, &names, &mut policy).unwrap();
    let version = plane.install(&policy).unwrap();
    plane.publish(Track::STABLE, version).unwrap();
    let mut log = Log::new(vec![[0; RECORD]; 64]);
    let id = InteractionId::recorded([9; 16]);
    let mut call = Interaction::create(id, Time(0), Mode::Enforce, &plane, &mut log).unwrap();
    let seat = call.join(Time(1), &admission(1), &plane, &mut log).unwrap();
    Setting { plane, log, call, seat }
}
