//! Many objects, with faults of all kinds at random, for as long as is asked for:
//!
//! ```sh
//! SOAK_SECONDS=300 cargo test --release -p dropbox --test soak -- --nocapture
//! SOAK_OBJECTS=50000 cargo test --release -p dropbox --test soak -- --nocapture
//! ```
//!
//! Without a variable it runs for a few seconds. The seed is printed, and a bar shows how far it is. `SOAK_SEED=N` takes the faults
//! of an earlier run: with `SOAK_OBJECTS` all of it is the same but the clock.

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cep_envelope::decision::Outcome;
use dropbox::{
    Answers, Binding, Deed, Dropbox, Half, KeyFile, Keys, Operator, Sealed, Sealing, answers_in, give, held, release,
};
use ed25519_compact::{KeyPair, Seed};
use indicatif::{ProgressBar, ProgressStyle};
use jiff::{SignedDuration, Timestamp};
use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};
use support::*;

/// Objects in one place: journals are read at each start, so that a place must not grow for ever.
const IN_ONE_PLACE: usize = 1_000;

/// What is done to an object on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    None,
    NoticeOfAnother,
    LinkAsNotice,
    /// Another copy, while the first one is under way.
    Twice,
    Stale,
    Forged,
    OtherBytes,
}

const FAULTS: [Fault; 8] = [
    Fault::None,
    Fault::None,
    Fault::NoticeOfAnother,
    Fault::LinkAsNotice,
    Fault::Twice,
    Fault::Stale,
    Fault::Forged,
    Fault::OtherBytes,
];

struct Soak {
    random: ChaCha8Rng,
    place: Place,
    sent: BTreeMap<String, (Sealed, String, Fault)>,
    number: usize,
    /// How many keys alice has; each but the last one ends in an hour.
    keys: u8,
}

impl Soak {
    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.random.next_u64() % limit as u64).expect("small")
    }

    fn put_one(&mut self) {
        let (number, fault) = (self.number, FAULTS[self.below(FAULTS.len())]);
        self.number += 1;
        let (context, object) = (format!("n{number}"), format!("object {number}"));
        let seconds = if fault == Fault::Stale { 10 * 86_400 } else { 60 };
        // With any of her keys: those that were renewed are valid for a while.
        let key = u8::try_from(self.below(usize::from(self.keys))).expect("small");
        let signer = signer(key);
        let sealing = Sealing { context: &context, signer: &signer, ..sealing(seconds) };
        let pair = if fault == Fault::Forged { mallory().pair } else { pair(key) };
        let sealed = sealing.seal(object.as_bytes(), &pair).expect("sealed");
        let notice = format!("{}{}", sealed.name, Half::Notice.suffix());
        match fault {
            Fault::NoticeOfAnother => drop(self.place.put(&notice, b"{\"from_agent\":\"mallory\"}")),
            Fault::LinkAsNotice => symlink("/nowhere", self.place.inbox().join(&notice)).expect("a link"),
            _ => {}
        }
        let bytes = if fault == Fault::OtherBytes { format!("{object}!") } else { object };
        self.place.put_as(&sealed.name, &sealed, bytes.as_bytes());
        self.sent.insert(sealed.name.clone(), (sealed, bytes, fault));
    }

    /// A process that ends somewhere, or not.
    fn process(&mut self) {
        let crash = match self.below(3) {
            0 => Crash::default(),
            torn => Crash::at(self.below(400), torn == 1),
        };
        let opened = Dropbox::open(self.place.settings.clone(), crash);
        let _ = opened.and_then(|mut dropbox| pass(&mut dropbox));
    }

    /// A person looks at what is held back, and lets some of it go on.
    fn review(&mut self) {
        let operator = Operator { by: "erin", why: "soak", key: None };
        for line in held(&self.place.settings.folders).expect("a list") {
            if self.below(4) == 0
                && let Ok(deed) = release(&line)
            {
                give(&self.place.settings.folders, &operator, deed).expect("given");
            }
        }
        if self.below(10) == 0 {
            give(&self.place.settings.folders, &operator, Deed::Compact).expect("given");
        }
    }

    /// Alice gets one more key, while processes run and end.
    fn renew(&mut self) {
        if self.keys < 10 {
            let (old, new) = (signer(self.keys - 1), signer(self.keys));
            let key = hex::encode(*pair(self.keys).pk);
            let new = Binding { sender: "alice".into(), signer: new, key, from: None, until: None };
            let until = Timestamp::now() + SignedDuration::from_hours(1);
            Keys::renew_in_file(&keys_of(&self.place), &old, new, until).expect("renewed");
            self.place.settings.keys = KeyFile::load(&keys_of(&self.place)).expect("keys");
            self.keys += 1;
        }
    }

    fn send_again(&mut self) {
        let twice: Vec<_> = self.sent.values().filter(|(.., fault)| *fault == Fault::Twice).cloned().collect();
        if twice.is_empty() {
            return;
        }
        let (sealed, object, _) = &twice[self.below(twice.len())];
        if !self.place.inbox().join(&sealed.name).exists() {
            self.place.put_as(&sealed.name, sealed, object.as_bytes());
        }
    }

    fn settle_and_check(&mut self, seed: u64) {
        for _ in 0..3 {
            self.place.run();
        }
        self.place.nothing_is_under_way();
        let alone = |path: &std::path::PathBuf| path.to_str().is_some_and(|path| !path.ends_with("+notice.json"));
        assert_eq!(entries(&self.place.inbox()).iter().filter(|path| alone(path)).count(), 0, "seed {seed}");
        let (mut found, folders) = (BTreeMap::<String, Vec<Outcome>>::new(), self.place.decided());
        for (outcome, folder) in &folders {
            let name = folder.file_name().and_then(|name| name.to_str()).expect("a name");
            let (name, _) = name.split_once('+').expect("a surface");
            found.entry(name.to_owned()).or_default().push(*outcome);
            assert!(folder.join(name).exists() && folder.join("decision.json").exists(), "seed {seed}: {name}");
        }
        for (name, (_, _, fault)) in &self.sent {
            let outcomes = found.get(name).unwrap_or_else(|| panic!("seed {seed}: {name} is lost ({fault:?})"));
            let approved = outcomes.iter().filter(|outcome| outcome.approves()).count();
            let (most, whole) = match fault {
                Fault::Forged | Fault::OtherBytes => (0, outcomes.len() == 1),
                Fault::Twice => (1, approved == 1),
                Fault::Stale => (1, outcomes.len() == 1),
                Fault::None | Fault::NoticeOfAnother | Fault::LinkAsNotice => (1, outcomes.len() == 1 && approved == 1),
            };
            assert!(approved <= most && whole, "seed {seed}: {name} {fault:?} {outcomes:?}");
        }
    }
}

/// Alice's keys, in the order in which she got them.
fn signer(key: u8) -> String {
    format!("alice-{}", key + 1)
}

fn pair(key: u8) -> KeyPair {
    if key == 0 { alice().pair } else { KeyPair::from_seed(Seed::new([100 + key; 32])) }
}

fn keys_of(place: &Place) -> std::path::PathBuf {
    place.folder.path().join("keys.json")
}

fn place() -> Place {
    let mut place = Place::new();
    Keys::add_to_file(&keys_of(&place), binding(&alice())).expect("written");
    place.settings.keys = KeyFile::load(&keys_of(&place)).expect("keys");
    let bob = sender("bob", "bob-1", 9);
    let folder = place.folder.path().join("answers");
    place.settings.answers = Some(Arc::new(Answers { folder, signer: "bob-1".into(), pair: bob.pair }));
    place
}

/// When a soak ends.
#[derive(Clone, Copy)]
enum Until {
    Seconds(u64),
    Objects(usize),
}

impl Until {
    fn asked_for() -> Self {
        let number = |name| std::env::var(name).ok().and_then(|number| number.parse().ok());
        let objects = number("SOAK_OBJECTS").map(|objects| Self::Objects(usize::try_from(objects).expect("a number")));
        objects.unwrap_or(Self::Seconds(number("SOAK_SECONDS").unwrap_or(5)))
    }

    const fn is_over(self, since: &Duration, objects: usize) -> bool {
        match self {
            Self::Seconds(seconds) => since.as_secs() >= seconds,
            Self::Objects(all) => objects >= all,
        }
    }

    /// It is drawn where a person looks on.
    fn bar(self) -> ProgressBar {
        let (length, unit) = match self {
            Self::Seconds(seconds) => (seconds, "s"),
            Self::Objects(objects) => (objects as u64, "objects"),
        };
        let template = format!("{{wide_bar}} {{pos}} of {{len}} {unit}, {{msg}}, {{elapsed}} gone");
        ProgressBar::new(length).with_style(ProgressStyle::with_template(&template).expect("a template"))
    }
}

#[test]
fn nothing_is_lost_doubled_or_half_moved_whatever_goes_wrong_at_once() {
    let until = Until::asked_for();
    let mut fresh = [0; 8];
    getrandom::fill(&mut fresh).expect("randomness");
    let given = std::env::var("SOAK_SEED").map(|seed| seed.parse().expect("SOAK_SEED: a number"));
    let seed = given.unwrap_or(u64::from_le_bytes(fresh));
    println!("seed {seed}");
    let (since, mut objects, mut processes) = (Instant::now(), 0, 0);
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let bar = until.bar();
    while !until.is_over(&since.elapsed(), objects) {
        let own = ChaCha8Rng::seed_from_u64(random.next_u64());
        let mut soak = Soak { random: own, place: place(), sent: BTreeMap::new(), number: 0, keys: 1 };
        while soak.number < IN_ONE_PLACE && !until.is_over(&since.elapsed(), objects + soak.number) {
            for _ in 0..=soak.below(60) {
                soak.put_one();
            }
            soak.process();
            processes += 1;
            let done = objects + soak.number;
            bar.set_position(if let Until::Seconds(_) = until { since.elapsed().as_secs() } else { done as u64 });
            bar.set_message(format!("{done} objects, {processes} processes"));
            match soak.below(4) {
                0 => soak.review(),
                1 => soak.send_again(),
                2 if soak.below(8) == 0 => soak.renew(),
                _ => {}
            }
        }
        soak.settle_and_check(seed);
        let answers = soak.place.folder.path().join("answers/alice");
        if answers.exists() {
            let keys = Keys::new(vec![binding(&sender("bob", "bob-1", 9))]).expect("keys");
            let given = answers_in(&answers, &keys, "alice").expect("a folder").len();
            let proven = fs::read_dir(&answers).expect("a folder").count();
            assert_eq!(given * 2, proven, "seed {seed}: each answer is whole");
        }
        objects += soak.sent.len();
    }
    bar.finish_and_clear();
    println!("{objects} objects, {processes} processes, {:.0} s", since.elapsed().as_secs_f64());
    assert!(objects > 0);
}
