//! The trail of a small call, and its signed heads.

use iacp_core::crypto::{Portable, Provider, Secret32};
use interaction_gov::audit::{Bytes, Head, Log, RECORD};
use interaction_gov::authority::{Authorities, Update};
use interaction_gov::function::{Invocation, Role};
use interaction_gov::identity::InteractionId;
use interaction_gov::interaction::{Choice, Interaction, Mode, Request, Transition};
use interaction_gov::participant::{Admission, Streams, Validation};
use interaction_gov::policy::{Kind, On, Policy, Provenance};
use interaction_gov::proof::Component;
use interaction_gov::rollout::{Rollout, Track};
use interaction_gov::time::Time;
use interaction_gov::vocabulary::{Listed, Set, Vocabulary};
use serde_json::json;

use crate::govern::{CORPORATE, NAMES, PRIVACY};

fn the<T: Listed>(name: &str) -> T {
    Vocabulary::read(NAMES).expect("names").find(name).expect("a name")
}

pub fn key(number: u8) -> [u8; 32] {
    Portable::public_key(&Portable::signing_key(&Secret32::new([number; 32])))
}

fn sign(number: u8, hash: &[u8; 32]) -> [u8; 64] {
    Portable::sign(&Portable::signing_key(&Secret32::new([number; 32])), hash)
}

/// A control plane with one version that governs all interactions.
pub fn world() -> Rollout<2, 2> {
    let verifies =
        |key: &[u8; 32], hash: &[u8; 32], signature: &[u8; 64]| Portable::verify(key, hash, signature).is_ok();
    let mut world = Rollout::new(Authorities::new(), [5; 32]);
    let mut policy = Policy::new();
    for (number, text) in [(1, CORPORATE), (2, PRIVACY)] {
        let names = Vocabulary::read(NAMES).expect("names");
        let authority = policy.add(text, &names).expect("good");
        let update =
            Update { authority, version: 1, follows: Portable::sha256(&[]), vocabulary: *names.digest(), text };
        world.authorities.introduce(authority, key(number)).expect("room");
        let mut scratch = Policy::<2>::new();
        let signature = sign(number, &update.signed());
        world.authorities.take(&update, &signature, &verifies, &names, &mut scratch).expect("signed");
    }
    let version = world.install(&policy).expect("vouched");
    world.publish(Track::STABLE, version).expect("there");
    world
}

/// The key with which heads are signed.
pub const PLANE: u8 = 9;

pub fn head_line(head: &Head, signer: u8) -> String {
    json!({
        "interaction": head.interaction.to_string(), "records": head.records, "hash": hex::encode(head.hash),
        "time": head.time.0, "last": head.last, "signature": hex::encode(sign(signer, &head.signed())),
    })
    .to_string()
}

/// A call: its records, and its heads with the number of records that each is over.
pub struct Call {
    pub records: Vec<Bytes>,
    pub heads: Vec<Head>,
}

/// A person joins, speaks, may not export; a recording begins and goes to another place; then it is over.
pub fn call(id: u8) -> Call {
    let world = world();
    let mut log = Log::new(vec![[0; RECORD]; 100]);
    let mut heads = Vec::new();
    let id = InteractionId::recorded([id; 16]);
    let mut call = Interaction::<4, 4>::create(id, Time(1_000), Mode::Enforce, &world, &mut log).expect("room");
    let validation = Validation { posture: the("managed"), region: Some(the("de")), until: Time(500_000) };
    let admission = Admission {
        action: the("join"),
        name: [0xAB; 16],
        kind: Kind::Human,
        home: Some(the("corporate")),
        credential_until: Time(1_000_000),
        validation,
        roles: Set::EMPTY,
        streams: Streams::UNSAID,
        consents: Set::one(the("recording")),
    };
    let seat = call.join(Time(1_000), &admission, &world, &mut log).expect("a seat");
    let ask = |action: &str| Request { action: the(action), seat, on: On::Unsaid, binding: None, goes: Set::EMPTY };
    let _ = call.decide(Time(1_001), &ask("speak"), &world, &mut log);
    heads.push(call.head());
    let _ = call.decide(Time(1_002), &ask("export"), &world, &mut log);
    let invocation = Invocation {
        action: the("record"),
        function: the("recording"),
        on: On::Stream(the("audio")),
        seat,
        parent: None,
        sites: &[the("us"), the("fr")],
        component: Component { digest: [0xCD; 32], statement: b"" },
        role: Role::Auxiliary,
    };
    let check = |_: &Component<'_>| Provenance::Stated;
    let (_, binding) = call.invoke(Time(1_003), &invocation, &check, &world, &mut log);
    let request = Request { on: On::Stream(the("audio")), binding, ..ask("record") };
    let ways = ["us", "de"].map(|region| Set::one(the(region)));
    let _ = call.choose(Time(1_004), Choice::Way, &request, &ways, &world, &mut log);
    heads.push(call.head());
    call.transition(Time(1_005), seat, Transition::Transport, Some(the("fr")), [3; 16], &mut log).expect("room");
    let _ = call.terminate(Time(1_006), &mut log).expect("active");
    heads.push(call.head());
    Call { records: log.waiting().to_vec(), heads }
}

impl Call {
    pub fn trail(&self) -> Vec<u8> {
        self.records.concat()
    }

    pub fn heads(&self) -> String {
        self.heads.iter().map(|head| head_line(head, PLANE) + "\n").collect()
    }
}
