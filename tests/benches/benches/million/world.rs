//! A control plane with three versions, and interactions that live under it.

use std::ops::Range;

use interaction_gov::audit::{Bytes, Log, Need, RECORD, Sink};
use interaction_gov::authority::{Authorities, Update};
use interaction_gov::identity::InteractionId;
use interaction_gov::interaction::{Decision, Interaction, Mode, Request};
use interaction_gov::participant::{Admission, Seat, Streams, Validation};
use interaction_gov::policy::{Kind, On, Policy};
use interaction_gov::rollout::{Rollout, Track};
use interaction_gov::time::Time;
use interaction_gov::vocabulary::{Action, Authority, Posture, Set, Vocabulary};
use rand_chacha::ChaCha8Rng;
use rand_core::SeedableRng;
use sha2::{Digest as _, Sha256};

/// An interaction of the million.
pub type Call = Interaction<2, 2>;

/// Records that wait; they are thrown away when there is no room for more.
pub type Records = Log<Box<[Bytes]>>;

/// Its time stands still.
const NOW: Time = Time(1_000);

const NAMES: &str = "actions join, speak, record\npostures managed\nauthorities corporate\n";
const RULES: [&str; 3] =
    ["permit join, speak for human", "permit join, speak for human, agent\npermit record", "deny any"];

/// A version that is installed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    First,
    Second,
    /// It denies everything.
    Bad,
}

/// The control plane.
pub struct Control {
    pub rollout: Box<Rollout<1, 3>>,
    installed: [u32; 3],
    /// What governs the stable track, and what did before.
    stable: (Version, Version),
}

impl Control {
    fn new() -> Self {
        let vocabulary = Vocabulary::read(NAMES).expect("a vocabulary");
        let authority = Authority(0);
        let mut authorities = Authorities::new();
        authorities.introduce(authority, [1; 32]).expect("there is room");
        let mut rollout = Box::new(Rollout::new(authorities, [2; 32]));
        let mut before = String::new();
        let mut installed = [0; 3];
        for ((version, rules), index) in (1..).zip(RULES).zip(&mut installed) {
            let text = format!("authority corporate\nversion {version}\n{rules}\n");
            let update = Update {
                authority,
                version,
                follows: Sha256::digest(&before).into(),
                vocabulary: *vocabulary.digest(),
                text: &text,
            };
            // Whether it is signed is not what is measured.
            let signed = |_: &[u8; 32], _: &[u8; 32], _: &[u8; 64]| true;
            let mut policy = Policy::<1>::new();
            rollout.authorities.take(&update, &[0; 64], &signed, &vocabulary, &mut policy).expect("it follows");
            policy.clear();
            policy.add(&text, &vocabulary).expect("a policy");
            *index = rollout.install(&policy).expect("there is room");
            before = text;
        }
        rollout.publish(Track::STABLE, installed[0]).expect("it is installed");
        Self { rollout, installed, stable: (Version::First, Version::First) }
    }

    fn index(&self, version: Version) -> u32 {
        self.installed[version as usize]
    }

    /// The number of the version that governs a track.
    pub fn number(&self, track: Track) -> u32 {
        self.rollout.version_of(track).expect("it has one").number
    }

    /// Moves a track.
    pub fn publish(&mut self, track: Track, version: Version) -> u32 {
        self.rollout.publish(track, self.index(version)).expect("it is installed");
        if track == Track::STABLE && version != self.stable.0 {
            self.stable = (version, self.stable.0);
        }
        self.number(track)
    }

    /// Moves the stable track back to the version before, or a canary's to the stable one. What was rolled back by its name does
    /// not come again, so what is measured over and over is the same assignment, by publishing the version before.
    pub fn roll_back(&mut self, track: Track) -> u32 {
        let (now, before) = self.stable;
        self.publish(track, if track == Track::STABLE { before } else { now })
    }

    /// A version for some of the interactions that begin from now on.
    pub fn start_canary(&mut self, version: Version, percent: u8) -> Track {
        self.rollout.start_canary(self.index(version), percent).expect("there is none yet")
    }
}

/// All of it.
pub struct World {
    pub control: Control,
    pub interactions: Box<[Call]>,
    pub log: Records,
    rng: ChaCha8Rng,
}

impl World {
    /// So many interactions under the first version.
    pub fn new(count: usize) -> Self {
        let (control, mut rng) = (Control::new(), ChaCha8Rng::seed_from_u64(1));
        let mut log = Log::new(vec![[0; RECORD]; 1_024].into_boxed_slice());
        let interactions = (0..count).map(|_| begin(&control, &mut log, &mut rng)).collect();
        Self { control, interactions, log, rng }
    }

    /// Others take the places of these.
    pub fn begin_again(&mut self, places: Range<usize>) {
        let Self { control, interactions, log, rng } = self;
        interactions[places].iter_mut().for_each(|place| *place = begin(control, log, rng));
    }

    /// The version that governs each of them, as it says itself.
    pub fn versions(&self) -> impl Iterator<Item = Option<u32>> {
        let version = |call: &Call| call.version(&self.control.rollout).map(|version| version.number);
        self.interactions.iter().map(version)
    }

    /// The track that an interaction with this identity is on, if it begins now.
    pub fn track(&self, place: usize) -> Track {
        self.control.rollout.track_for(self.interactions[place].id())
    }

    /// One governed decision, with its record.
    pub fn decide(&mut self, place: usize) -> Decision {
        decide(&mut self.interactions[place], &self.control, &mut self.log)
    }

    /// Moves a track.
    pub fn publish(&mut self, track: Track, version: Version) -> u32 {
        self.control.publish(track, version)
    }

    /// Moves a track back.
    pub fn roll_back(&mut self, track: Track) -> u32 {
        self.control.roll_back(track)
    }

    /// Binds one interaction to a version.
    pub fn pin(&mut self, place: usize, version: Version) {
        let index = self.control.index(version);
        self.log.taken();
        let call = &mut self.interactions[place];
        call.pin(NOW, Some(index), &self.control.rollout, &mut self.log).expect("there is room");
    }
}

/// One governed decision, with its record.
pub fn decide(call: &mut Call, control: &Control, log: &mut Records) -> Decision {
    let request = Request { action: Action(1), seat: Seat(0), on: On::Unsaid, binding: None, goes: Set::EMPTY };
    if !log.has_room(2, Need::Ordinary) {
        log.taken();
    }
    call.decide(NOW, &request, &control.rollout, log)
}

fn begin(control: &Control, log: &mut Records, rng: &mut ChaCha8Rng) -> Call {
    if !log.has_room(6, Need::Ordinary) {
        log.taken();
    }
    let id = InteractionId::draw(rng);
    let mut call = Call::create(id, NOW, Mode::Enforce, &control.rollout, log).expect("there is room");
    let person = Admission {
        action: Action(0),
        name: [1; 16],
        kind: Kind::Human,
        home: Some(Authority(0)),
        credential_until: Time::NEVER,
        validation: Validation { posture: Posture(0), region: None, until: Time::NEVER },
        roles: Set::EMPTY,
        streams: Streams::NONE,
        consents: Set::EMPTY,
    };
    call.join(NOW, &person, &control.rollout, log).expect("there is a seat");
    call
}
