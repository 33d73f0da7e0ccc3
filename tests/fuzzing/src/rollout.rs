//! The control plane against a model of it: texts of two authorities, versions, tracks, canaries, emergencies, in any order.

use std::collections::{BTreeMap, BTreeSet};
use std::mem::discriminant;

use interaction_gov::authority::{Authorities, AuthorityError, DELEGATIONS, Update};
use interaction_gov::identity::InteractionId;
use interaction_gov::policy::Policy;
use interaction_gov::rollout::{Rollout, RolloutError, Track};
use interaction_gov::vocabulary::{Authority, Vocabulary};
use sha2::{Digest as _, Sha256};

use crate::vectors::Named;

const NAMES: &str = "actions join\nauthorities corporate, privacy";
/// The places of versions.
const PLACES: usize = 3;
const AUTHORITIES: [&str; 2] = ["corporate", "privacy"];
const MOST: usize = 128;

/// Room for both texts and no more: to compile a policy for much room takes most of the time.
type Plane = Rollout<2, PLACES, DELEGATIONS, 2, 4, 2>;
type Rules = Policy<2, 2, 4, 2>;

/// Four bytes. What is chosen is taken modulo what there is.
#[derive(Clone, Copy, Debug)]
enum Op {
    /// An authority signs its next text, an empty one, one that does not follow, or its last one again.
    Take(u8, u8),
    /// The control plane takes an authority's latest text back.
    Withdraw(u8),
    /// A policy becomes a version: of the texts that count, or with another text of one authority, or without it.
    Install(u8, u8),
    /// A track, and a version.
    Publish(u8, u8),
    Emergency(u8),
    Lift,
    /// For the text of an authority, to a version.
    RollBack(u8, u8),
    /// A version, and percent.
    Canary(u8, u8),
    RollBackCanary,
    Promote,
    EndCanary,
    Discard(u8),
}

impl Op {
    const fn read([code, a, b, _]: [u8; 4]) -> Self {
        match code % 12 {
            0 => Self::Take(a % 2, b % 8),
            1 => Self::Withdraw(a % 2),
            2 => Self::Install(a % 4, b % 2),
            3 => Self::Publish(a, b),
            4 => Self::Emergency(a),
            5 => Self::Lift,
            6 => Self::RollBack(a % 2, b),
            7 => Self::Canary(a, b),
            8 => Self::RollBackCanary,
            9 => Self::Promote,
            10 => Self::EndCanary,
            _ => Self::Discard(a),
        }
    }
}

/// A text of an authority: its version, and what it says.
type Text = (u32, String);

struct Signed {
    latest: Text,
    before: Text,
    withdrawn: bool,
}

impl Signed {
    const fn counts(&self) -> &Text {
        if self.withdrawn { &self.before } else { &self.latest }
    }
}

#[derive(Clone)]
struct Version {
    /// The number of the text of each authority that has one.
    texts: [Option<u32>; 2],
    withdrawn: bool,
}

#[derive(Clone, Copy)]
struct Canary {
    track: Track,
    percent: u8,
    version: u32,
    withdrawn: bool,
}

/// What became of a run.
#[derive(Debug, Default)]
pub struct Report {
    /// How many texts were taken.
    pub taken: usize,
    /// How many steps of the control plane were done.
    pub done: usize,
    /// Why others were refused.
    pub refused: BTreeSet<String>,
    /// The version that governs the stable track at the end, and what is governed by another one.
    pub stable: Option<u32>,
}

struct World {
    names: Vocabulary<'static>,
    plane: Plane,
    signed: [Signed; 2],
    versions: BTreeMap<u32, Version>,
    numbers: u32,
    stable: Option<u32>,
    emergency: Option<u32>,
    canary: Option<Canary>,
    /// The tracks that there have been.
    tracks: Vec<Track>,
    report: Report,
}

fn accept(_: &[u8; 32], _: &[u8; 32], _: &[u8; 64]) -> bool {
    true
}

/// See [`crate::rollout()`].
pub fn run(bytes: &[u8]) -> Report {
    let mut plane = Plane::with_room(Authorities::new(), [5; 32]);
    for number in 0..2 {
        plane.authorities.introduce(Authority(number), [number; 32]).expect("new");
    }
    let nothing = || Signed { latest: (0, String::new()), before: (0, String::new()), withdrawn: false };
    let mut world = World {
        names: Vocabulary::read(NAMES).expect("names"),
        plane,
        signed: [nothing(), nothing()],
        versions: BTreeMap::new(),
        numbers: 0,
        stable: None,
        emergency: None,
        canary: None,
        tracks: Vec::new(),
        report: Report::default(),
    };
    for op in bytes.as_chunks::<4>().0.iter().take(MOST) {
        world.step(Op::read(*op));
        world.looks_the_same();
    }
    Report { stable: world.stable, ..world.report }
}

impl World {
    fn step(&mut self, op: Op) {
        let (expected, found) = match op {
            Op::Take(whose, how) => return self.take(whose, how),
            Op::Withdraw(whose) => return self.withdraw(whose),
            Op::Install(how, whose) => self.install(how, usize::from(whose)),
            Op::Publish(track, version) => {
                let (track, version) = (self.track(track), self.some_version(version));
                (self.publish(track, version), self.plane.publish(track, version))
            }
            Op::Emergency(version) => {
                let version = self.some_version(version);
                (self.emergency(version), self.plane.emergency(version))
            }
            Op::Lift => {
                self.emergency = None;
                self.plane.lift_emergency();
                return;
            }
            Op::RollBack(whose, version) => {
                let version = self.some_version(version);
                (self.roll_back(whose.into(), version), self.plane.roll_back(Authority(whose), version))
            }
            Op::Canary(version, percent) => {
                let version = self.some_version(version);
                self.start_canary(version, percent)
            }
            Op::RollBackCanary => (self.roll_back_canary(), self.plane.roll_back_canary()),
            Op::Promote => (self.promote(), self.plane.promote_canary()),
            Op::EndCanary => {
                let is_there = self.canary.take().map(drop);
                (is_there.ok_or(RolloutError::Unknown), self.plane.end_canary())
            }
            Op::Discard(version) => {
                let version = self.some_version(version);
                (self.discard(version), self.plane.discard(version))
            }
        };
        let kind = |result: Result<(), RolloutError>| result.map_err(|error| discriminant(&error));
        assert_eq!(kind(expected), kind(found), "{op:?}: {expected:?}, but {found:?}");
        match found {
            Ok(()) => self.report.done += 1,
            Err(error) => _ = self.report.refused.insert(error.to_string()),
        }
    }

    fn some_version(&self, number: u8) -> u32 {
        u32::from(number) % (self.numbers + 1)
    }

    fn track(&self, number: u8) -> Track {
        let place = usize::from(number) % (self.tracks.len() + 1);
        place.checked_sub(1).map_or(Track::STABLE, |place| self.tracks[place])
    }

    fn take(&mut self, whose: u8, how: u8) {
        let signed = &mut self.signed[usize::from(whose)];
        let (version, follows) = match how {
            6 => (signed.latest.0, signed.latest.1.clone()),
            7 => (signed.latest.0 + 1, "another".to_owned()),
            _ => (signed.latest.0 + 1, signed.latest.1.clone()),
        };
        let name = AUTHORITIES[usize::from(whose)];
        let text = if how == 5 { String::new() } else { format!("authority {name}\nversion {version}\npermit join\n") };
        let update = Update {
            authority: Authority(whose),
            version,
            follows: Sha256::digest(&follows).into(),
            vocabulary: *self.names.digest(),
            text: &text,
        };
        let found = self.plane.authorities.take(&update, &[0; 64], &accept, &self.names, &mut Rules::with_room());
        match how {
            6 => assert_eq!(found, Err(AuthorityError::Stale)),
            7 => assert_eq!(found, Err(AuthorityError::Gap)),
            _ => {
                assert_eq!(found, Ok(()));
                let latest = std::mem::replace(&mut signed.latest, (version, text));
                // The control plane can go back to the text that counted, and never to one that it took back.
                if !std::mem::take(&mut signed.withdrawn) {
                    signed.before = latest;
                }
                self.report.taken += 1;
            }
        }
    }

    fn withdraw(&mut self, whose: u8) {
        let signed = &mut self.signed[usize::from(whose)];
        let can = signed.before.0 > 0;
        signed.withdrawn |= can;
        let found = self.plane.authorities.withdraw(Authority(whose));
        assert_eq!(found, if can { Ok(()) } else { Err(AuthorityError::Gap) });
    }

    /// A policy of the texts that count (0); or of the other text of one authority (1), or without it (2).
    fn install(&mut self, how: u8, whose: usize) -> (Result<(), RolloutError>, Result<(), RolloutError>) {
        let chosen = [0, 1].map(|number| {
            let signed = &self.signed[number];
            match how {
                1 if number == whose && signed.withdrawn => &signed.latest,
                1 if number == whose => &signed.before,
                _ => signed.counts(),
            }
        });
        let mut policy = Rules::with_room();
        let mut texts = [None; 2];
        for (number, (version, text)) in chosen.into_iter().enumerate() {
            let is_left_out = how == 2 && number == whose;
            if !text.is_empty() && !is_left_out {
                policy.add(text, &self.names).expect("a policy");
                texts[number] = Some(*version);
            }
        }
        let counts = |number: usize| self.signed[number].counts();
        let is_signed = |number: usize| texts[number].is_none_or(|version| version == counts(number).0);
        let is_whole = |number: usize| texts[number].is_some() || counts(number).1.is_empty();
        let expected = if ![0, 1].into_iter().all(is_signed) {
            Err(RolloutError::NotSigned(Authority(0)))
        } else if ![0, 1].into_iter().all(is_whole) {
            Err(RolloutError::LeftOut(Authority(0)))
        } else if self.versions.len() == PLACES {
            Err(RolloutError::Full)
        } else {
            self.versions.insert(self.numbers, Version { texts, withdrawn: false });
            self.numbers += 1;
            Ok(())
        };
        let found = self.plane.install(&policy);
        assert!(found.is_err() || found == Ok(self.numbers - 1), "no number is given twice");
        (expected, found.map(drop))
    }

    fn usable(&self, version: u32) -> Result<&Version, RolloutError> {
        let found = self.versions.get(&version).ok_or(RolloutError::Unknown)?;
        if found.withdrawn { Err(RolloutError::Withdrawn) } else { Ok(found) }
    }

    /// Whether the control plane took the text of an authority back.
    fn took_back(&self, whose: usize, text: u32) -> bool {
        let signed = &self.signed[whose];
        text > signed.before.0 && text != signed.counts().0
    }

    /// Whether a version may govern where another one does: it is not older, and it does not begin with a text that was taken back.
    fn follows(&self, governs: Option<u32>, version: u32) -> Result<(), RolloutError> {
        let next = self.usable(version)?;
        if governs.is_some_and(|governs| governs > version) {
            return Err(RolloutError::Older);
        }
        let bad = (0..2).any(|whose| next.texts[whose].is_some_and(|text| self.took_back(whose, text)));
        if bad && governs != Some(version) { Err(RolloutError::TakenBack(Authority(0))) } else { Ok(()) }
    }

    fn governs(&self, track: Track) -> Option<u32> {
        let live = self.canary.filter(|canary| canary.track == track && !canary.withdrawn);
        live.map(|canary| canary.version).or(self.stable)
    }

    fn publish(&mut self, track: Track, version: u32) -> Result<(), RolloutError> {
        self.follows(self.governs(track), version)?;
        match self.canary.as_mut().filter(|canary| canary.track == track) {
            Some(canary) => (canary.version, canary.withdrawn) = (version, false),
            None if track == Track::STABLE => self.stable = Some(version),
            None => return Err(RolloutError::Unknown),
        }
        Ok(())
    }

    fn emergency(&mut self, version: u32) -> Result<(), RolloutError> {
        self.follows(self.stable.max(self.emergency), version)?;
        if self.emergency != Some(version) {
            self.follows(None, version)?;
        }
        self.emergency = Some(version);
        Ok(())
    }

    fn roll_back(&mut self, whose: usize, to: u32) -> Result<(), RolloutError> {
        let target = self.usable(to)?.texts;
        let bad = self.stable.filter(|stable| to < *stable).ok_or(RolloutError::NothingBefore)?;
        if target[whose].is_some_and(|text| self.took_back(whose, text)) {
            return Err(RolloutError::TakenBack(Authority(0)));
        }
        let other = 1 - whose;
        if target[other] != self.versions[&bad].texts[other] {
            return Err(RolloutError::OfAnother(Authority(0)));
        }
        self.stable = Some(to);
        self.withdraw_version(bad, Some(to));
        if let Some(canary) = self.canary.as_mut().filter(|canary| canary.version == bad) {
            canary.withdrawn = true;
        }
        Ok(())
    }

    /// A version governs nothing any more: an emergency of it goes on with another one, or ends.
    fn withdraw_version(&mut self, bad: u32, goes_on: Option<u32>) {
        if let Some(version) = self.versions.get_mut(&bad) {
            version.withdrawn = true;
        }
        if self.emergency == Some(bad) {
            self.emergency = goes_on;
        }
    }

    fn start_canary(&mut self, version: u32, percent: u8) -> (Result<(), RolloutError>, Result<(), RolloutError>) {
        let expected = self.usable(version).map(drop).and_then(|()| match () {
            () if percent > 100 => Err(RolloutError::Percent),
            () if self.canary.is_some() => Err(RolloutError::Busy),
            () => self.follows(self.stable, version).and_then(|()| self.follows(None, version)),
        });
        let found = self.plane.start_canary(version, percent);
        if let Ok(track) = found {
            assert!(track != Track::STABLE && !self.tracks.contains(&track), "each canary has a track of its own");
            self.tracks.push(track);
            self.canary = Some(Canary { track, percent, version, withdrawn: false });
        }
        (expected, found.map(drop))
    }

    fn roll_back_canary(&mut self) -> Result<(), RolloutError> {
        let canary = self.canary.as_mut().ok_or(RolloutError::Unknown)?;
        if std::mem::replace(&mut canary.withdrawn, true) {
            return Err(RolloutError::Withdrawn);
        }
        let version = canary.version;
        if self.stable != Some(version) {
            self.withdraw_version(version, self.stable);
        }
        Ok(())
    }

    fn promote(&mut self) -> Result<(), RolloutError> {
        let canary = self.canary.ok_or(RolloutError::Unknown)?;
        if canary.withdrawn {
            return Err(RolloutError::Withdrawn);
        }
        self.publish(Track::STABLE, canary.version)?;
        self.canary = None;
        Ok(())
    }

    fn discard(&mut self, version: u32) -> Result<(), RolloutError> {
        if !self.versions.contains_key(&version) {
            return Err(RolloutError::Unknown);
        }
        let canary = self.canary.map(|canary| canary.version);
        if [self.stable, self.emergency, canary].contains(&Some(version)) {
            return Err(RolloutError::InUse);
        }
        self.versions.remove(&version);
        Ok(())
    }

    /// What governs, what there is, and where an interaction begins, is what the model says.
    fn looks_the_same(&self) {
        for number in 0..=self.numbers {
            let there = self.plane.version(number);
            assert_eq!(there.is_some(), self.versions.contains_key(&number), "version {number}");
            assert!(there.is_none_or(|version| version.number == number));
        }
        for track in self.tracks.iter().chain(&[Track::STABLE]) {
            let expected = self.emergency.or(self.governs(*track));
            assert_eq!(self.plane.version_of(*track).map(|version| version.number), expected, "{track}");
            assert!(
                expected.is_none_or(|version| self.usable(version).is_ok()),
                "what was rolled back governs nothing"
            );
        }
        for id in 0..4 {
            let track = self.plane.track_for(&InteractionId::recorded([id; 16]));
            let canary = self.canary.map(|canary| (canary.track, canary.percent));
            assert!(track == Track::STABLE || canary.is_some_and(|(one, percent)| one == track && percent > 0));
            assert!(track != Track::STABLE || canary.is_none_or(|(_, percent)| percent < 100));
        }
    }
}

const TAKE: [u8; 4] = [0, 0, 0, 0];
const TAKE_OTHER: [u8; 4] = [0, 1, 0, 0];
const INSTALL: [u8; 4] = [2, 0, 0, 0];

const fn publish(version: u8) -> [u8; 4] {
    [3, 0, version, 0]
}

/// Ways from the first text to each kind of change.
pub fn seeds() -> Named {
    let two = [TAKE, TAKE_OTHER, INSTALL, publish(0), TAKE, INSTALL];
    let seed = |name: &str, ops: &[[u8; 4]]| (name.to_owned(), [&two[..], ops].concat().concat());
    vec![
        seed("published", &[publish(1), publish(0)]),
        seed("rolled-back", &[publish(1), [6, 1, 0, 0], [6, 0, 0, 0], publish(1)]),
        seed("canary", &[[7, 1, 50, 0], [7, 1, 50, 0], [8, 0, 0, 0], [8, 0, 0, 0], [10, 0, 0, 0], [10, 0, 0, 0]]),
        seed("promoted", &[[7, 1, 100, 0], [3, 1, 1, 0], [9, 0, 0, 0], [7, 1, 200, 0]]),
        seed("emergency", &[[4, 1, 0, 0], [4, 0, 0, 0], [5, 0, 0, 0], [4, 1, 0, 0], publish(1), [6, 0, 0, 0]]),
        seed("taken-back", &[[1, 0, 0, 0], publish(1), [2, 1, 0, 0], INSTALL, publish(2), [0, 0, 0, 0]]),
        seed("left", &[[0, 1, 5, 0], [2, 2, 0, 0], INSTALL, publish(2), [0, 1, 6, 0], [0, 1, 7, 0]]),
        seed("full", &[INSTALL, INSTALL, [11, 0, 0, 0], [11, 1, 0, 0], INSTALL, publish(3), publish(2)]),
    ]
}
