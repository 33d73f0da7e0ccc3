//! Policy: the text, its checks, and what it decides (`IoE R2`, `R7`).

mod govern;

use govern::{CORPORATE, PRIVACY, all, facts, itself, names, policy, the};
use interaction_gov::policy::{Answer, Consents, Effect, Facts, Kind, On, Policy, Provenance, Rule, Settings, Whose};
use interaction_gov::time::Time;
use interaction_gov::vocabulary::{Action, Authority, Consent, Function, Modality, Posture, Region, Set, Vocabulary};
use proptest::prelude::*;

fn decide(policy: &Policy<2>, facts: Facts) -> (Answer, Option<Authority>, Option<u16>) {
    let ruling = policy.decide(&facts, itself);
    (ruling.answer, ruling.authority, ruling.line)
}

#[test]
fn the_default_is_deny_and_deny_wins() {
    let policy = policy(&[CORPORATE]);
    let corporate = Some(the("corporate"));
    assert_eq!(decide(&policy, facts("join")), (Answer::Permit, corporate, Some(5)));
    assert_eq!(decide(&policy, facts("record")), (Answer::NoRule, corporate, None), "no function records");
    assert_eq!(decide(&policy, facts("export")), (Answer::Deny, corporate, Some(4)));
    let export = Facts { posture: the("hardened"), ..facts("export") };
    assert_eq!(decide(&policy, export), (Answer::Permit, corporate, Some(8)));
    assert_eq!(decide(&Policy::new(), facts("join")), (Answer::NobodyAsked, None, None));
}

#[test]
fn several_authorities_compose_by_intersection() {
    // shows: IOE-093 (§4.7 R7), IOE-097 (§4.7 R7)
    let recording = Facts {
        function: Some(the::<Function>("recording")),
        on: On::Stream(the::<Modality>("audio")),
        ..facts("record")
    };
    let both = policy(&[CORPORATE, PRIVACY]);
    let ruling = both.decide(&recording, itself);
    assert_eq!((ruling.answer, ruling.authority, ruling.line), (Answer::Permit, Some(the("corporate")), Some(6)));
    assert_eq!(ruling.obligations, all(&["notify", "watermark"]));
    // An authority that is not asked does not decide.
    assert_eq!(both.asked(&facts("join")), all(&["corporate"]));
    assert_eq!(both.asked(&recording), all(&["corporate", "privacy"]));
    let chat = Facts {
        on: On::Stream(the::<Modality>("chat")),
        function: Some(the::<Function>("captions")),
        provenance: Provenance::Verified,
        ..facts("transcribe")
    };
    assert_eq!(decide(&both, chat), (Answer::Deny, Some(the("privacy")), Some(5)));
    let audio = Facts { on: On::Stream(the::<Modality>("audio")), ..chat };
    assert_eq!(decide(&both, audio).0, Answer::Permit);
    let silent = Facts { consents: Consents::default(), ..audio };
    assert_eq!(decide(&both, silent), (Answer::NoRule, Some(the("privacy")), None));
}

#[test]
fn residency_is_what_all_who_are_asked_allow() {
    // shows: IOE-094 (§4.7 R7)
    let both = policy(&[CORPORATE, PRIVACY]);
    let audio = Facts { on: On::Stream(the::<Modality>("audio")), ..facts("record") };
    let to = |facts: Facts, regions: &[&str]| both.residency(&Facts { goes: all(regions), ..facts });
    assert_eq!(to(audio, &["fr"]), Ok(()));
    assert_eq!(to(audio, &["us"]), Err((the("privacy"), 7)), "by which line");
    assert_eq!(to(audio, &["us", "fr"]), Err((the("privacy"), 7)), "every step of a way counts");
    // Privacy has no rule about chat, and is not asked about speaking.
    assert_eq!(to(Facts { on: On::Stream(the::<Modality>("chat")), ..audio }, &["us"]), Ok(()));
    assert_eq!(to(Facts { action: the("speak"), ..audio }, &["us"]), Ok(()));
}

#[test]
fn law_applies_where_a_participant_is_and_where_data_goes_and_an_unknown_place_is_no_way_out() {
    // shows: IOE-063 (§4.2 R2)
    let text = "authority privacy\nversion 1\nover any in de\npermit speak";
    let mut law = policy(&[CORPORATE]);
    law.add(text, &names()).unwrap();
    let asked = |region: Option<&str>, goes: &[&str]| {
        let facts = Facts { law: Set::one(region.map_or(Region::UNKNOWN, the)), goes: all(goes), ..facts("join") };
        law.asked(&facts) == all(&["corporate", "privacy"])
    };
    assert!(asked(Some("de"), &[]) && asked(Some("us"), &["de"]) && asked(Some("us"), &["fr", "de"]));
    assert!(!asked(Some("us"), &[]) && !asked(Some("us"), &["fr"]));
    assert!(asked(None, &[]), "its region is unknown: it may be there");
    // An unknown region does not evade a deny, and a permit that names regions needs a known one.
    let mut rules = Policy::<2>::new();
    let text = "authority corporate\nversion 1\ndeny join in us\npermit join\npermit speak in de";
    rules.add(text, &names()).unwrap();
    let nowhere = |action: &str| decide(&rules, Facts { law: Set::one(Region::UNKNOWN), ..facts(action) }).0;
    assert_eq!([nowhere("join"), nowhere("speak")], [Answer::Deny, Answer::NoRule]);
    // A region that no vocabulary has is outside every keep.
    let both = policy(&[CORPORATE, PRIVACY]);
    assert_eq!(both.residency(&Facts { goes: Set::one(Region(200)), ..facts("join") }), Err((the("corporate"), 9)));
}

#[test]
fn a_law_without_any_region_is_an_unknown_one() {
    let text = "authority corporate\nversion 1\ndeny join in us\npermit join, export\npermit speak in de\n\
        keep audio within de in fr\n";
    let law = "authority privacy\nversion 1\nover export in de\n";
    let policy = policy(&[text, law]);
    let in_us = all(&["us"]);
    let each =
        [("join", in_us, Answer::Deny), ("speak", Set::EMPTY, Answer::NoRule), ("export", in_us, Answer::Residency)];
    for (action, goes, answer) in each {
        let on = On::Stream(the::<Modality>("audio"));
        let nowhere = Facts { law: Set::EMPTY, goes, on, ..facts(action) };
        let unknown = Facts { law: Set::one(Region::UNKNOWN), ..nowhere };
        assert_eq!(policy.decide(&nowhere, itself), policy.decide(&unknown, itself), "{action}");
        assert_eq!(policy.asked(&nowhere), policy.asked(&unknown), "{action}");
        assert_eq!(decide(&policy, nowhere).0, answer, "{action}");
    }
    assert_eq!(policy.asked(&Facts { law: Set::EMPTY, ..facts("export") }), all(&["corporate", "privacy"]));
}

fn any_rule() -> impl Strategy<Value = String> {
    let some = |names: &'static [&'static str]| {
        proptest::option::of(proptest::sample::subsequence(names.to_vec(), 1..=names.len()).prop_map(|n| n.join(", ")))
    };
    let test = prop_oneof![
        (any::<bool>(), 0..4_usize, any::<bool>()).prop_map(|(with, whose, consent)| {
            let consent = if consent { "recording" } else { "analysis" };
            format!(" {} {} {consent}", if with { "with" } else { "without" }, Whose::ALL[whose].name())
        }),
        any::<bool>().prop_map(|there| format!(" {} present host", if there { "with" } else { "without" })),
        (0..24_u8, 0..24_u8).prop_map(|(from, to)| format!(" from {from:02}00 to {to:02}30")),
    ];
    let parts = (
        (0..8_u8, some(&["audio", "video", "chat"]), some(&["de", "fr", "us", "eu"])),
        some(&["join", "speak", "record", "transcribe", "export"]),
        some(&["human", "device", "service", "agent"]),
        some(&["host", "guest"]),
        some(&["recording", "transcription", "captions"]),
        some(&["de", "fr", "us"]),
        proptest::collection::vec(test, 0..3),
        proptest::option::of((any::<bool>(), proptest::sample::select(vec!["managed", "hardened"]))),
        proptest::option::of((any::<bool>(), proptest::sample::select(vec!["stated", "verified"]))),
        proptest::option::of(proptest::sample::subsequence(vec!["notify", "watermark"], 1..=2)),
    );
    parts.prop_map(|(first, actions, kinds, roles, functions, regions, tests, posture, provenance, oblige)| {
        let (effect, modalities, within) = first;
        let mut rule = match effect {
            0..4 => format!("permit {}", actions.unwrap_or("any".into())),
            4..6 => format!("deny {}", actions.unwrap_or("any".into())),
            _ => format!(
                "keep {} within {}",
                modalities.clone().unwrap_or("any".into()),
                within.unwrap_or("de, fr, us, ca".into())
            ),
        };
        let streams = modalities.filter(|_| effect < 6);
        let clauses = [(" for ", kinds), (" as ", roles), (" on ", streams), (" by ", functions), (" in ", regions)];
        for (word, names) in clauses {
            rule.extend(names.map(|names| format!("{word}{names}")));
        }
        rule.extend(tests);
        let level =
            |least: bool, what: &str, name: &str| format!(" {} {what} {name}", if least { "with" } else { "below" });
        rule.extend(posture.map(|(least, name)| level(least, "posture", name)));
        rule.extend(provenance.map(|(least, name)| level(least, "provenance", name)));
        rule.extend(oblige.filter(|_| effect < 4).map(|names| format!(" oblige {}", names.join(", "))));
        rule
    })
}

fn any_facts() -> impl Strategy<Value = Facts> {
    // Mostly what has a name.
    let number = |most: u8| prop_oneof![9 => 0..most, 1 => any::<u8>()];
    let some = |most: u8| proptest::option::of(number(most));
    let places = || proptest::collection::vec(prop_oneof![6 => 0..4_u8, 1 => any::<u8>()], 0..3);
    let law = proptest::collection::vec(prop_oneof![6 => 0..4_u8, 1 => any::<u8>()], 0..=3);
    let on =
        prop_oneof![Just(On::Unsaid), Just(On::Nothing), number(4).prop_map(|number| On::Stream(Modality(number)))];
    let parts = (
        (number(6), 0..4_usize, 0..4_u32, some(2)),
        on,
        some(4),
        law,
        places(),
        proptest::array::uniform4(0..4_u32),
        0..4_u32,
        number(4),
        0..3_usize,
        0..86_400_000_u64,
    );
    parts.prop_map(|(who, on, function, law, goes, consents, present, posture, provenance, time)| {
        let (action, kind, roles, home) = who;
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
            present: Set::from_bits(present),
            posture: Posture(posture),
            provenance: Provenance::ALL[provenance],
            time: Time(time),
        }
    })
}

/// Decides by the text, rule by rule, without an index.
fn slowly(rules: &[Rule], facts: &Facts) -> (Answer, Option<u16>) {
    let holds = |effect: Effect| rules.iter().filter(move |rule| rule.effect == effect && rule.speaks(facts));
    if let Some(rule) = holds(Effect::Deny).min_by_key(|rule| rule.line) {
        return (Answer::Deny, Some(rule.line));
    }
    if let Some(rule) = holds(Effect::Keep).min_by_key(|rule| rule.line) {
        return (Answer::Residency, Some(rule.line));
    }
    let Some(rule) = holds(Effect::Permit).min_by_key(|rule| rule.line) else { return (Answer::NoRule, None) };
    // Data do not go to regions that the vocabulary does not have.
    let places = (0..4).map(Region).chain([Region::UNKNOWN]).collect::<Set<Region>>();
    if places.covers(facts.goes) { (Answer::Permit, Some(rule.line)) } else { (Answer::Residency, None) }
}

/// Adds rule by rule what is not refused as unreachable, contradicting or impossible.
fn compile(authority: &str, rules: &[String]) -> (Policy<4>, String) {
    let mut text = format!("authority {authority}\nversion 1\n");
    for rule in rules {
        let longer = format!("{text}{rule}\n");
        if Policy::<4>::new().add(&longer, &names()).is_ok() {
            text = longer;
        }
    }
    let mut policy = Policy::new();
    policy.add(&text, &names()).unwrap();
    (policy, text)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn the_index_decides_as_the_rules_say(
        rules in proptest::collection::vec(any_rule(), 0..120), asked in proptest::collection::vec(any_facts(), 200),
    ) {
        let (policy, _) = compile("corporate", &rules);
        let member = policy.members()[0].clone();
        let kept: Vec<_> = policy.rules_of(&member).collect();
        let mut bytes = vec![0; policy.compile(&mut []).unwrap_err()];
        policy.compile(&mut bytes).unwrap();
        let compiled = Policy::<3>::compiled(&bytes).unwrap();
        prop_assert!(compiled.rules_of(&compiled.members()[0]).eq(kept.iter().cloned()), "compiled, it says the same");
        for facts in asked {
            let ruling = policy.decide(&facts, itself);
            prop_assert_eq!(compiled.decide(&facts, itself), ruling, "compiled: {:?}", facts);
            let is_asked = member.scope.holds(&facts, member.authority);
            let expected = if is_asked { slowly(&kept, &facts) } else { (Answer::NobodyAsked, None) };
            prop_assert_eq!((ruling.answer, ruling.line), expected, "{:?}", facts);
            let all = kept.iter().filter(|rule| rule.effect == Effect::Permit && rule.speaks(&facts));
            let obligations = all.map(|rule| rule.obligations).fold(Set::EMPTY, Set::or);
            let expected = if ruling.answer == Answer::Permit { obligations } else { Set::EMPTY };
            prop_assert_eq!(ruling.obligations, expected, "of all that permit");
        }
    }

    #[test]
    fn intersection_is_commutative_and_no_authority_can_widen_it(
        one in proptest::collection::vec(any_rule(), 0..30), other in proptest::collection::vec(any_rule(), 0..30),
        asked in proptest::collection::vec(any_facts(), 200),
    ) {
        let (alone, one) = compile("corporate", &one);
        let (also, other) = compile("privacy", &other);
        let compose = |texts: [&str; 2]| {
            let mut policy = Policy::<4>::new();
            texts.iter().for_each(|text| { policy.add(text, &names()).unwrap(); });
            policy
        };
        let (ab, ba) = (compose([&one, &other]), compose([&other, &one]));
        for facts in asked {
            let permits = |policy: &Policy<4>| policy.decide(&facts, itself).answer == Answer::Permit;
            prop_assert_eq!(permits(&ab), permits(&ba));
            prop_assert_eq!(permits(&ab), permits(&alone) && permits(&also));
            prop_assert_eq!(ab.decide(&facts, itself).obligations, ba.decide(&facts, itself).obligations);
        }
    }

    #[test]
    fn any_text_is_read_or_refused(text in "\\PC{0,200}", near in "(authority|version|permit|deny|keep|over|any|join|corporate|1|with|consent|within|de|,| |\n){0,40}") {
        let _ = Policy::<1>::new().add(&text, &names());
        let _ = Policy::<1>::new().add(&near, &names());
        let _ = Policy::<1>::new().add(&format!("authority corporate\nversion 1\n{near}"), &names());
        let _ = Vocabulary::read(&near);
    }
}

#[test]
fn what_is_configured_stands_in_the_texts_and_the_shortest_counts() {
    // shows: IOE-082 (§4.5 R5)
    let text = |authority: &str, lines: &str| format!("authority {authority}\nversion 1\npermit join\n{lines}");
    let mut policy = Policy::<2>::new();
    assert_eq!(policy.settings(&facts("join")), Settings::default());
    policy.add(&text("corporate", "set lease 500\nset heads 7\nset heads 9"), &names()).unwrap();
    policy.add(&text("privacy", "set lease 900\nset recovery 3"), &names()).unwrap();
    let expected = Settings { lease_ms: 500, recovery_ms: 3, head_every: 7, ..Settings::default() };
    assert_eq!(policy.settings(&facts("join")), expected);
    // An authority with a small scope can shorten a setting within that scope only, and can never make it longer.
    let mut scoped = Policy::<2>::new();
    let text = "authority privacy\nversion 1\nover export\nset lease 4294967295\nset validation 5\nset heads 1";
    scoped.add(text, &names()).unwrap();
    assert_eq!(scoped.settings(&facts("export")), Settings { validation_ms: 5, ..Settings::default() });
    assert_eq!(scoped.settings(&facts("join")), Settings::default());
    assert_eq!(scoped.common_settings(), Settings::default());
}

#[test]
fn an_own_scope_is_about_ones_own_participants() {
    // shows: IOE-098 (§4.7 R7)
    let mut federated = policy(&[CORPORATE]);
    federated.add("authority privacy\nversion 1\nover any own\npermit speak", &names()).unwrap();
    let join = |home: Option<&str>| decide(&federated, Facts { home: home.map(the), ..facts("join") });
    assert_eq!(join(Some("corporate")).0, Answer::Permit);
    assert_eq!(join(None).0, Answer::NoRule, "its owner is unknown: it may be privacy's");
    assert_eq!(join(Some("privacy")), (Answer::NoRule, Some(the("privacy")), None));
}

#[test]
fn what_is_not_said_counts_as_whatever_would_forbid_it() {
    let with = |rules: &str| {
        let mut policy = Policy::<2>::new();
        policy.add(&format!("authority corporate\nversion 1\n{rules}"), &names()).unwrap();
        policy
    };
    let [unsaid, nothing] = [On::Unsaid, On::Nothing].map(|on| Facts { on, ..facts("speak") });
    let video = Facts { on: On::Stream(the("video")), ..facts("speak") };
    // A deny about a stream.
    let policy = with("permit speak\ndeny any on video");
    assert_eq!(
        [unsaid, nothing, video].map(|facts| decide(&policy, facts).0),
        [Answer::Deny, Answer::Permit, Answer::Deny]
    );
    // A permit about one.
    let policy = with("permit speak on video");
    assert_eq!(
        [unsaid, nothing, video].map(|facts| decide(&policy, facts).0),
        [Answer::NoRule, Answer::NoRule, Answer::Permit]
    );
    // Where one is kept.
    let policy = with("permit speak\nkeep video within de");
    let to_us = |facts: Facts| Facts { goes: all(&["us"]), ..facts };
    assert_eq!(
        [unsaid, nothing, video].map(|facts| decide(&policy, to_us(facts)).0),
        [Answer::Residency, Answer::Permit, Answer::Residency]
    );
    let nowhere = Facts { goes: Set::one(Region::UNKNOWN), ..video };
    assert_eq!(
        decide(&policy, nowhere),
        (Answer::Residency, Some(the("corporate")), Some(4)),
        "it is unknown where it goes"
    );
    // A scope.
    let mut scoped = with("permit speak");
    scoped.add("authority privacy\nversion 1\nover any on video in de", &names()).unwrap();
    let in_us = |facts: Facts| Facts { law: all(&["us"]), ..facts };
    assert_eq!(
        [unsaid, nothing, video].map(|facts| scoped.asked(&facts).contains(the("privacy"))),
        [true, false, true]
    );
    assert_eq!([unsaid, video].map(|facts| scoped.asked(&in_us(facts)).contains(the("privacy"))), [false, false]);
}

#[test]
fn the_law_of_one_who_is_affected_suffices_to_forbid_and_is_not_enough_to_permit() {
    // shows: IOE-063 (§4.2 R2), IOE-095 (§4.7 R7)
    let mut policy = Policy::<2>::new();
    policy.add("authority corporate\nversion 1\npermit speak in eu\npermit join\ndeny join in us", &names()).unwrap();
    let law = |action: &str, regions: &[&str]| decide(&policy, Facts { law: all(regions), ..facts(action) }).0;
    assert_eq!(law("speak", &["de", "fr"]), Answer::Permit, "the EU is one word");
    assert_eq!(law("speak", &["de", "us"]), Answer::NoRule, "one of them is elsewhere");
    assert_eq!(law("join", &["de", "us"]), Answer::Deny, "one of them is there");
    assert_eq!(law("join", &["de", "ca"]), Answer::Permit);
}

#[test]
fn consents_are_told_apart_by_whose_they_are_and_residency_may_depend_on_one() {
    let recording: Set<Consent> = all(&["recording"]);
    for (at, whose) in Whose::ALL.into_iter().enumerate() {
        let mut policy = Policy::<2>::new();
        let word = whose.name();
        let text = format!(
            "authority corporate\nversion 1\npermit speak\npermit record with {word} recording\n\
             keep any within de without {word} recording"
        );
        policy.add(&text, &names()).unwrap();
        for given in 0..4 {
            let mut four = [Set::EMPTY; 4];
            four[given] = recording;
            let [all_of, stream, own, second] = four;
            let consents = Consents { all: all_of, stream, own, second };
            let record = decide(&policy, Facts { consents, ..facts("record") }).0;
            assert_eq!(record == Answer::Permit, given == at, "{word}, {given}");
            let speak = decide(&policy, Facts { consents, goes: all(&["us"]), ..facts("speak") }).0;
            assert_eq!(speak, if given == at { Answer::Permit } else { Answer::Residency }, "{word}, {given}");
        }
    }
}

#[test]
fn roles_presence_and_the_time_of_the_day_decide() {
    let mut policy = Policy::<2>::new();
    let text = "authority corporate\nversion 1\npermit speak as staff\npermit export with present host\n\
                permit join from 2200 to 0600\ndeny speak as guest without present host";
    policy.add(text, &names()).unwrap();
    let roles = |action: &str, roles: &[&str], present: &[&str]| {
        decide(&policy, Facts { roles: all(roles), present: all(present), posture: the("hardened"), ..facts(action) }).0
    };
    assert_eq!([roles("speak", &["host"], &[]), roles("speak", &[], &[])], [Answer::Permit, Answer::NoRule]);
    assert_eq!(
        [roles("speak", &["guest"], &[]), roles("speak", &["guest"], &["host"])],
        [Answer::Deny, Answer::Permit]
    );
    assert_eq!([roles("export", &[], &["host"]), roles("export", &["host"], &[])], [Answer::Permit, Answer::NoRule]);
    let at = |minutes: u64| policy.decide(&Facts { time: Time(minutes * 60_000), ..facts("join") }, itself);
    let hour = |hour: u64| at(hour * 60).answer == Answer::Permit;
    assert!(hour(22) && hour(0) && hour(5) && !hour(6) && !hour(21) && hour(24 + 23));
    assert_eq!(at(23 * 60).until, Time(30 * 3_600_000), "no permit outlives its hours");
}
