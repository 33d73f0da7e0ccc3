//! Whatever an authority does, it changes no decision about which it is not asked (`IoE R7`).

mod govern;

use govern::{CORPORATE, World, authorities, names, policy, sign, take, the, verifies};
use interaction_gov::authority::Delegation;
use interaction_gov::policy::{Consents, Facts, Kind, On, Policy, Provenance, Ruling, Scope, Settings};
use interaction_gov::rollout::Track;
use interaction_gov::time::Time;
use interaction_gov::vocabulary::{Action, Authority, Function, Modality, Posture, Region, Set};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

/// An act of the authority, or a change of whether it can be reached.
#[derive(Clone, Debug)]
enum Act {
    Text(String),
    Leave,
    RollBack,
    Reach(bool),
    Delegate(&'static str),
    Revoke,
}

const SCOPES: [&str; 8] = [
    "record",
    "any own",
    "any on video",
    "transcribe, export in eu",
    "any in us with consent analysis",
    "any from 0800 to 1200",
    "export as host",
    "join, speak for device below posture hardened",
];

fn act() -> impl Strategy<Value = Act> {
    let rules = vec![
        "deny record on audio",
        "deny any below posture managed from 0600 to 0630",
        "keep audio, video within de",
        "keep any within fr, us with own-consent recording",
        "permit any oblige watermark",
        "permit join, speak, export from 1000 to 2300",
        "set lease 1",
        "set validation 5",
        "set recovery 7",
        "set heads 1",
    ];
    let many = rules.len();
    let text = (select(&SCOPES[..]), subsequence(rules, 0..=many))
        .prop_map(|(scope, rules)| Act::Text(format!("over {scope}\n{}\n", rules.join("\n"))));
    prop_oneof![
        6 => text,
        1 => Just(Act::Leave),
        1 => Just(Act::RollBack),
        2 => any::<bool>().prop_map(Act::Reach),
        2 => select(&SCOPES[..]).prop_map(Act::Delegate),
        1 => Just(Act::Revoke),
    ]
}

fn facts() -> impl Strategy<Value = Facts> {
    let regions = || proptest::collection::vec(prop_oneof![9 => 0..4_u8, 1 => Just(127)], 1..3);
    let on = prop_oneof![Just(On::Unsaid), Just(On::Nothing), (0..3_u8).prop_map(|one| On::Stream(Modality(one)))];
    let who = (0..5_u8, 0..4_usize, 0..4_u32, proptest::option::of(0..2_u8), 0..3_u8);
    let what = (on, proptest::option::of(0..3_u8), regions(), regions(), 0..86_400_000_u64);
    (who, what, proptest::array::uniform4(0..4_u32)).prop_map(|(who, what, consents)| {
        let ((action, kind, roles, home, posture), (on, function, law, goes, time)) = (who, what);
        let [all, stream, own, second] = consents.map(Set::from_bits);
        Facts {
            action: Action(action),
            kind: Kind::ALL[kind],
            roles: Set::from_bits(roles),
            home: home.map(Authority),
            on,
            function: function.map(Function),
            law: law.into_iter().map(Region).collect(),
            goes: goes.into_iter().map(Region).collect(),
            consents: Consents { all, stream, own, second },
            present: Set::from_bits(roles),
            time: Time(time),
            posture: Posture(posture),
            provenance: Provenance::Verified,
        }
    })
}

/// A control plane, and the texts that its one changing authority has signed.
struct Plane {
    world: World,
    /// Its texts by version, the latest one last; the first entry is the empty text that the first version follows.
    signed: Vec<String>,
    /// The version that governs, and those to go back to.
    governs: Vec<u32>,
    serial: u32,
}

/// For some facts: whether privacy is asked, the ruling, and the settings.
type Said = (bool, Ruling, Settings);

impl Plane {
    fn new() -> Self {
        let mut world = World::new(authorities(), [5; 32]);
        take(&mut world, "corporate", 1, "", CORPORATE);
        let first = world.install(&policy(&[CORPORATE])).unwrap();
        world.publish(Track::STABLE, first).unwrap();
        Self { world, signed: vec![String::new()], governs: vec![first], serial: 0 }
    }

    /// The next text of the authority.
    fn publish(&mut self, rest: Option<&str>) {
        let number = u32::try_from(self.signed.len()).unwrap();
        let text = rest.map_or(String::new(), |rest| format!("authority privacy\nversion {number}\n{rest}"));
        // A text that would be refused changes nothing, and is skipped.
        if rest.is_some() && Policy::<2>::new().add(&text, &names()).is_err() {
            return;
        }
        let before = self.signed.last().unwrap().clone();
        take(&mut self.world, "privacy", number, &before, &text);
        let mut policy = policy(&[CORPORATE]);
        if rest.is_some() {
            policy.add(&text, &names()).unwrap();
        }
        // The oldest ones make room.
        while self.governs.len() > 2 {
            self.world.discard(self.governs.remove(0)).unwrap();
        }
        let governs = self.world.install(&policy).unwrap();
        self.world.publish(Track::STABLE, governs).unwrap();
        self.governs.push(governs);
        self.signed.push(text);
    }

    fn act(&mut self, act: &Act) {
        let (privacy, corporate): (Authority, Authority) = (the("privacy"), the("corporate"));
        match act {
            Act::Text(rest) => self.publish(Some(rest)),
            Act::Leave => self.publish(None),
            Act::RollBack => {
                if let [.., before, governs] = self.governs[..]
                    && self.world.roll_back(privacy, before).is_ok()
                {
                    self.governs.pop();
                    self.world.discard(governs).unwrap();
                }
            }
            Act::Reach(there) => self.world.authorities.set_reach(privacy, *there),
            Act::Delegate(scope) => {
                self.serial += 1;
                let delegation = Delegation {
                    from: privacy,
                    to: corporate,
                    scope: Scope::read(scope, &names()).unwrap(),
                    until: Time(50_000_000),
                    serial: self.serial,
                    vocabulary: *names().digest(),
                    redelegate: false,
                };
                let signature = sign(2, &delegation.signed());
                // The authority has two places for delegations; a third one is refused.
                let _ = self.world.authorities.delegate(delegation, &signature, &verifies, Time(0));
            }
            Act::Revoke => self.world.authorities.revoke(privacy, corporate),
        }
    }

    fn says(&self, facts: &Facts) -> Said {
        let policy = &self.world.version_of(Track::STABLE).unwrap().policy;
        let speaker = |authority| self.world.authorities.speaker(authority, facts, facts.time);
        let asked = policy.asked(facts).contains(the("privacy"));
        (asked, policy.decide(facts, speaker), policy.settings(facts))
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(120))]

    #[test]
    fn an_authoritys_act_never_changes_what_it_is_not_asked_about(
        acts in proptest::collection::vec(act(), 1..12), asked in proptest::collection::vec(facts(), 80),
    ) {
        let mut plane = Plane::new();
        let mut before: Vec<Said> = asked.iter().map(|facts| plane.says(facts)).collect();
        for act in &acts {
            plane.act(act);
            for (facts, before) in asked.iter().zip(&mut before) {
                let after = plane.says(facts);
                if !before.0 && !after.0 {
                    let (ruling, was) = (Ruling { until: Time::NEVER, ..after.1 }, Ruling { until: Time::NEVER, ..before.1 });
                    prop_assert_eq!((ruling, after.2), (was, before.2), "{:?} by {:?}", facts, act);
                    // An act may shorten a permit only to a time at which the authority is asked.
                    let end = Facts { time: after.1.until, ..*facts };
                    prop_assert!(after.1.until >= before.1.until || plane.says(&end).0, "{:?} by {:?}", facts, act);
                }
                *before = after;
            }
        }
    }
}

#[test]
fn the_acts_change_what_they_are_about() {
    // Otherwise the property above could hold trivially.
    let mut plane = Plane::new();
    let record = Facts {
        home: None,
        function: Some(Function(0)),
        goes: Set::one(Region(0)),
        provenance: Provenance::Verified,
        ..govern::facts("record")
    };
    let mut seen = Vec::new();
    for act in [
        Act::Text("over record\npermit record oblige watermark".into()),
        Act::Text("over record\nset lease 1".into()),
        Act::RollBack,
        Act::Reach(false),
        Act::Delegate("record"),
        Act::Revoke,
        Act::Reach(true),
        Act::Leave,
    ] {
        plane.act(&act);
        let (asked, ruling, settings) = plane.says(&record);
        seen.push((asked, ruling.answer, ruling.speaker, settings.lease_ms));
    }
    let all_differ = seen.windows(2).filter(|pair| pair[0] != pair[1]).count();
    assert_eq!(all_differ, seen.len() - 1, "{seen:?}");
}

#[test]
fn no_permit_outlives_the_hours_of_a_scope_or_a_delegation() {
    let mut plane = Plane::new();
    plane.publish(Some("over any from 0800 to 1200\ndeny any from 0700 to 0900"));
    let speak = |minutes: u64| Facts {
        home: None,
        consents: Consents::default(),
        time: Time(minutes * 60_000),
        ..govern::facts("speak")
    };
    let at = |hour: u64| Time(hour * 3_600_000);
    let (asked, ruling, _) = plane.says(&speak(7 * 60 + 59));
    assert!(!asked, "its hours have not begun");
    assert_eq!(ruling.until, at(8), "then it is asked");
    assert_eq!(plane.says(&speak(13 * 60)).1.until, at(24 + 8));
    // A delegation with hours counts within them.
    let mut plane = Plane::new();
    plane.publish(Some("over any\npermit speak"));
    plane.act(&Act::Delegate("any from 0800 to 1200"));
    let spoke = |hour: u64| {
        let ruling = plane.says(&speak(hour * 60)).1;
        let speaker = ruling.voices.speaker(the("privacy")).flatten();
        (speaker, ruling.until)
    };
    assert_eq!(spoke(7), (Some(the("privacy")), at(8)));
    assert_eq!(spoke(9), (Some(the("corporate")), at(12)));
    assert_eq!(spoke(12), (Some(the("privacy")), at(24 + 8)));
}
