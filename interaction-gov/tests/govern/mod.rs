//! A small world for tests: two authorities, their policies, a control plane.
#![allow(dead_code, reason = "each test file takes what it needs")]

use ed25519_compact::{KeyPair, PublicKey, Seed, Signature};
use interaction_gov::audit::{Bytes, Log, RECORD};
use interaction_gov::authority::{Authorities, AuthorityError, Speaker, Update};
use interaction_gov::function::{Invocation, Role};
use interaction_gov::identity::InteractionId;
use interaction_gov::interaction::{Interaction, Mode, Request};
use interaction_gov::participant::{Admission, Seat, Streams, Validation};
use interaction_gov::policy::{Consents, Facts, Kind, On, Policy, Provenance};
use interaction_gov::proof::Component;
use interaction_gov::rollout::{Rollout, Track};
use interaction_gov::time::Time;
use interaction_gov::vocabulary::{Authority, Listed, Posture, Region, Set, Vocabulary};
use sha2::{Digest as _, Sha256};

pub const NAMES: &str = "
actions      join, speak, record, transcribe, export, halt
own          join, speak
always       halt
modalities   audio, video, chat
functions    recording, transcription, captions
regions      de, fr, us, ca
roles        host, guest
group        eu of de, fr
group        staff of host, guest
consents     recording, analysis
postures     unmanaged, managed, hardened      # the lowest first
obligations  notify, watermark
authorities  corporate, privacy
";

pub const CORPORATE: &str = "
authority corporate
version 1
deny   export below posture hardened
permit join, speak for human, agent with posture managed
permit record by recording with consent recording oblige notify, watermark
permit transcribe by transcription, captions with provenance verified
permit export
keep   any within de, fr, us
";

pub const PRIVACY: &str = "
authority privacy
version 1
over   record, transcribe, export
deny   transcribe on chat
permit record, transcribe with consent recording oblige notify
keep   audio, video within de, fr
";

/// "de".
pub const HERE: &[Region] = &[Region(0)];

pub type World = Rollout<2, 4>;
pub type Call = Interaction<4, 4>;
pub type Records = Log<Vec<Bytes>>;

pub fn names() -> Vocabulary<'static> {
    Vocabulary::read(NAMES).unwrap()
}

/// The number of a name.
pub fn the<T: Listed>(name: &str) -> T {
    names().find(name).unwrap()
}

pub fn all<T: Listed>(list: &[&str]) -> Set<T> {
    list.iter().map(|name| the(name)).collect()
}

pub fn key(number: u8) -> KeyPair {
    KeyPair::from_seed(Seed::new([number; 32]))
}

pub fn verifies(key: &[u8; 32], hash: &[u8; 32], signature: &[u8; 64]) -> bool {
    PublicKey::new(*key).verify(hash, &Signature::new(*signature)).is_ok()
}

pub fn sign(number: u8, hash: &[u8; 32]) -> [u8; 64] {
    *key(number).sk.sign(hash, None)
}

pub fn authorities() -> Authorities {
    let mut authorities = Authorities::new();
    for (name, number) in [("corporate", 1), ("privacy", 2)] {
        authorities.introduce(the(name), *key(number).pk).unwrap();
    }
    authorities
}

/// Offers an update that its authority has signed and that follows some text.
pub fn offer(world: &mut World, name: &str, version: u32, follows: &str, text: &str) -> Result<(), AuthorityError> {
    let follows = Sha256::digest(follows).into();
    let update = Update { authority: the(name), version, follows, vocabulary: *names().digest(), text };
    let signature = sign(if name == "corporate" { 1 } else { 2 }, &update.signed());
    world.authorities.take(&update, &signature, &verifies, &names(), &mut Policy::<2>::new())
}

/// The same, which is taken.
pub fn take(world: &mut World, name: &str, version: u32, follows: &str, text: &str) {
    offer(world, name, version, follows, text).unwrap();
}

/// Installs the usual rules again, as a new version.
pub fn another(world: &mut World) -> u32 {
    world.install(&policy(&[CORPORATE, PRIVACY])).unwrap()
}

pub fn policy(texts: &[&str]) -> Policy<2> {
    let mut policy = Policy::new();
    for text in texts {
        policy.add(text, &names()).unwrap();
    }
    policy
}

/// A control plane with one version that governs all.
pub fn world() -> World {
    world_of(CORPORATE, PRIVACY)
}

/// The same, of these texts.
pub fn world_of(corporate: &str, privacy: &str) -> World {
    let mut world = Rollout::new(authorities(), [5; 32]);
    take(&mut world, "corporate", 1, "", corporate);
    take(&mut world, "privacy", 1, "", privacy);
    let version = world.install(&policy(&[corporate, privacy])).unwrap();
    world.publish(Track::STABLE, version).unwrap();
    world
}

pub const MINUTE: u64 = 60_000;
/// Half a minute before a midnight.
pub const START: u64 = 2 * 1_440 * MINUTE - MINUTE / 2;
/// Leases and validations of a few minutes, so that in these tests something else ends first.
pub const LONG: &str = "set lease 200000\nset validation 300000\n";

/// An interaction that begins at `START`.
pub fn begin(world: &World, log: &mut Records) -> Call {
    Call::create(InteractionId::recorded([7; 16]), Time(START), Mode::Enforce, world, log).unwrap()
}

/// A person in Germany, valid for `ms` milliseconds from `START` on.
pub fn valid_for(number: u8, ms: u64) -> Admission {
    let validation = Validation { posture: the("hardened"), region: Some(the("de")), until: Time(START + ms) };
    Admission { validation, credential_until: Time::NEVER, ..person(number) }
}

pub fn log() -> Records {
    Log::new(vec![[0; RECORD]; 1000])
}

pub fn person(number: u8) -> Admission {
    Admission {
        name: [number; 16],
        kind: Kind::Human,
        home: Some(the("corporate")),
        credential_until: Time(1_000_000),
        validation: Validation { posture: the("managed"), region: Some(the("de")), until: Time(500_000) },
        roles: Set::EMPTY,
        streams: Streams::UNSAID,
        consents: all(&["recording"]),
        action: the("join"),
    }
}

pub fn hardened(region: &str) -> Validation {
    Validation { posture: the::<Posture>("hardened"), region: Some(the::<Region>(region)), until: Time(500_000) }
}

/// An interaction with one person in it, at 1,000 ms.
pub fn call(world: &World, log: &mut Records) -> (Call, Seat) {
    let mut call = Call::create(InteractionId::recorded([7; 16]), Time(1_000), Mode::Enforce, world, log).unwrap();
    let seat = call.join(Time(1_000), &person(1), world, log).unwrap();
    (call, seat)
}

pub fn request(seat: Seat, action: &str) -> Request {
    Request { action: the(action), seat, on: On::Unsaid, binding: None, goes: Set::EMPTY }
}

/// The facts about an action without a stream, by a person of corporate in Germany on a managed machine.
pub fn facts(action: &str) -> Facts {
    Facts {
        action: the(action),
        kind: Kind::Human,
        home: Some(the("corporate")),
        roles: Set::EMPTY,
        on: On::Nothing,
        function: None,
        law: all(&["de"]),
        goes: Set::EMPTY,
        consents: Consents::everybody(all(&["recording"])),
        present: Set::EMPTY,
        time: Time(0),
        posture: the("managed"),
        provenance: Provenance::None,
    }
}

/// A model whose statement says how far it is to be trusted.
pub fn component(statement: &'static str) -> Component<'static> {
    Component { digest: [9; 32], statement: statement.as_bytes() }
}

pub fn provenance(component: &Component<'_>) -> Provenance {
    match component.statement {
        b"verified" => Provenance::Verified,
        b"stated" => Provenance::Stated,
        _ => Provenance::None,
    }
}

pub fn recording(seat: Seat) -> Invocation<'static> {
    Invocation {
        action: the("record"),
        function: the("recording"),
        on: On::Stream(the("audio")),
        seat,
        parent: None,
        sites: HERE,
        component: component("verified"),
        role: Role::Auxiliary,
    }
}

/// Each authority speaks for itself.
pub fn itself(authority: Authority) -> Speaker {
    Speaker { authority: Some(authority), until: Time::NEVER }
}
