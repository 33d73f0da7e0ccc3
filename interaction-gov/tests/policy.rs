//! Policy: the text, its checks, and what it decides (`IoE R2`, `R7`).

mod govern;

use govern::{CORPORATE, NAMES, PRIVACY, all, names, policy, the};
use interaction_gov::authority::Speaker;
use interaction_gov::policy::{Answer, Effect, Facts, Kind, Policy, PolicyError, Provenance, Rule, Settings};
use interaction_gov::time::Time;
use interaction_gov::vocabulary::{
    Action, Authority, Consent, Function, Listed, Modality, Posture, Region, Set, Vocabulary,
};
use interaction_gov::{TextError, Trouble};
use proptest::prelude::*;

fn itself(authority: Authority) -> Speaker {
    Speaker { authority: Some(authority), until: Time::NEVER }
}

fn facts(action: &str) -> Facts {
    Facts {
        action: the(action),
        kind: Kind::Human,
        home: Some(the("corporate")),
        modality: None,
        function: None,
        region: Some(the("de")),
        goes: Set::EMPTY,
        consents: all(&["recording"]),
        posture: the("managed"),
        provenance: Provenance::None,
    }
}

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
    // shows: IOE-093, IOE-097
    let recording = Facts {
        function: Some(the::<Function>("recording")),
        modality: Some(the::<Modality>("audio")),
        ..facts("record")
    };
    let both = policy(&[CORPORATE, PRIVACY]);
    let ruling = both.decide(&recording, itself);
    assert_eq!((ruling.answer, ruling.authority, ruling.line), (Answer::Permit, Some(the("corporate")), Some(6)));
    assert_eq!(ruling.obligations, all(&["notify", "watermark"]));
    // Who is not asked has no say.
    assert_eq!(both.asked(&facts("join")), all(&["corporate"]));
    assert_eq!(both.asked(&recording), all(&["corporate", "privacy"]));
    let chat = Facts {
        modality: Some(the::<Modality>("chat")),
        function: Some(the::<Function>("captions")),
        provenance: Provenance::Verified,
        ..facts("transcribe")
    };
    assert_eq!(decide(&both, chat), (Answer::Deny, Some(the("privacy")), Some(5)));
    let audio = Facts { modality: Some(the::<Modality>("audio")), ..chat };
    assert_eq!(decide(&both, audio).0, Answer::Permit);
    let silent = Facts { consents: Set::EMPTY, ..audio };
    assert_eq!(decide(&both, silent), (Answer::NoRule, Some(the("privacy")), None));
}

#[test]
fn residency_is_what_all_who_are_asked_allow() {
    // shows: IOE-094
    let both = policy(&[CORPORATE, PRIVACY]);
    let audio = Facts { modality: Some(the::<Modality>("audio")), ..facts("record") };
    let to = |facts: Facts, regions: &[&str]| both.residency(&Facts { goes: all(regions), ..facts });
    assert_eq!(to(audio, &["fr"]), Ok(()));
    assert_eq!(to(audio, &["us"]), Err(the("privacy")));
    assert_eq!(to(audio, &["us", "fr"]), Err(the("privacy")), "every step of a way counts");
    // Privacy says nothing of chat, and is not asked about speaking.
    assert_eq!(to(Facts { modality: Some(the::<Modality>("chat")), ..audio }, &["us"]), Ok(()));
    assert_eq!(to(Facts { action: the("speak"), ..audio }, &["us"]), Ok(()));
}

#[test]
fn law_applies_where_somebody_is_and_where_something_goes_and_ignorance_is_no_way_out() {
    // shows: IOE-063
    let text = "authority privacy\nversion 1\nover any in de\npermit speak";
    let mut law = policy(&[CORPORATE]);
    law.add(text, &names()).unwrap();
    let asked = |region: Option<&str>, goes: &[&str]| {
        let facts = Facts { region: region.map(the), goes: all(goes), ..facts("join") };
        law.asked(&facts) == all(&["corporate", "privacy"])
    };
    assert!(asked(Some("de"), &[]) && asked(Some("us"), &["de"]) && asked(Some("us"), &["fr", "de"]));
    assert!(!asked(Some("us"), &[]) && !asked(Some("us"), &["fr"]));
    assert!(asked(None, &[]), "nobody knows where it is: it may be there");
    // Nor is it a way out of a deny; a permit needs to know.
    let mut rules = Policy::<2>::new();
    let text = "authority corporate\nversion 1\ndeny join in us\npermit join\npermit speak in de";
    rules.add(text, &names()).unwrap();
    let nowhere = |action: &str| decide(&rules, Facts { region: None, ..facts(action) }).0;
    assert_eq!([nowhere("join"), nowhere("speak")], [Answer::Deny, Answer::NoRule]);
    // A place that no vocabulary has is no place where anything is kept.
    let both = policy(&[CORPORATE, PRIVACY]);
    assert_eq!(both.residency(&Facts { goes: Set::one(Region(200)), ..facts("join") }), Err(the("corporate")));
}

fn trouble(text: &str) -> (u16, u16, Trouble) {
    match Policy::<2>::new().add(text, &names()) {
        Err(PolicyError::Text(TextError { line, column, trouble })) => (line, column, trouble),
        other => panic!("{other:?} for {text}"),
    }
}

#[test]
fn what_is_wrong_with_a_policy_is_told_with_its_place() {
    let with = |rule: &str| trouble(&format!("authority corporate\nversion 1\n{rule}\n"));
    assert_eq!(trouble(""), (1, 1, Trouble::Missing));
    assert_eq!(trouble("version 1"), (1, 1, Trouble::Missing));
    assert_eq!(trouble("authority nobody"), (1, 11, Trouble::UnknownName));
    assert_eq!(trouble("authority corporate # x"), (1, 1, Trouble::Missing));
    assert_eq!(trouble("authority corporate\nversion x"), (2, 9, Trouble::NoNumber));
    assert_eq!(trouble("authority corporate\nversion 4294967296"), (2, 9, Trouble::NoNumber));
    assert_eq!(trouble("authority corporate privacy\nversion 1"), (1, 21, Trouble::UnknownClause));
    assert_eq!(with("allow join"), (3, 1, Trouble::UnknownStatement));
    assert_eq!(with("permit"), (3, 7, Trouble::Ended));
    assert_eq!(with("permit dance"), (3, 8, Trouble::UnknownName));
    assert_eq!(with("permit join,"), (3, 13, Trouble::Ended));
    assert_eq!(with("permit join, join"), (3, 14, Trouble::Twice));
    assert_eq!(with("permit Join"), (3, 8, Trouble::NoWord));
    assert_eq!(with("permit join für human"), (3, 14, Trouble::NoWord));
    assert_eq!(with("permit join for robots"), (3, 17, Trouble::UnknownName));
    assert_eq!(with("permit join for human for agent"), (3, 23, Trouble::Twice));
    assert_eq!(with("permit join for human, device, service, agent for human"), (3, 47, Trouble::Twice));
    assert_eq!(with("permit join for human, human"), (3, 24, Trouble::Twice));
    assert_eq!(with("deny join own"), (3, 11, Trouble::UnknownClause));
    assert_eq!(with("permit join with provenance none"), (3, 13, Trouble::NoEffect));
    assert_eq!(with("permit join with posture unmanaged"), (3, 13, Trouble::NoEffect));
    assert_eq!(with("permit join with consent recording with consent recording"), (3, 36, Trouble::NoEffect));
    assert_eq!(with("deny join without consent recording without consent analysis"), (3, 37, Trouble::Twice));
    assert_eq!(with("keep audio within de\nkeep any within fr"), (4, 1, Trouble::NeverMatches));
    assert_eq!(with("set lease"), (3, 10, Trouble::Ended));
    assert_eq!(with("set lease 0"), (3, 11, Trouble::NoNumber));
    assert_eq!(with("set mood 7"), (3, 5, Trouble::UnknownClause));
    assert_eq!(with("permit join # \u{202E}harmless"), (3, 15, Trouble::Hidden));
    assert_eq!(with("permit join # a\rdeny join"), (3, 16, Trouble::Hidden), "a line that is none");
    assert_eq!(with("permit join with luck"), (3, 18, Trouble::UnknownClause));
    assert_eq!(with("permit join with consent x"), (3, 26, Trouble::UnknownName));
    assert_eq!(with("deny join without consent recording, analysis"), (3, 19, Trouble::OneAtATime));
    assert_eq!(with("deny join oblige notify"), (3, 11, Trouble::UnknownClause));
    assert_eq!(with("permit join own"), (3, 13, Trouble::UnknownClause));
    assert_eq!(with("keep audio in de"), (3, 12, Trouble::Missing));
    assert_eq!(with("permit join\nover join"), (4, 1, Trouble::UnknownStatement), "a scope stands in front");
    assert_eq!(with("permit join with posture hardened below posture managed"), (3, 1, Trouble::NeverMatches));
    assert_eq!(with("permit join with consent recording without consent recording"), (3, 1, Trouble::NeverMatches));
    assert_eq!(with("permit join below posture unmanaged"), (3, 1, Trouble::NeverMatches));
    assert_eq!(with("over any below posture unmanaged"), (3, 6, Trouble::NeverMatches), "nobody's authority");
}

#[test]
fn rules_that_cannot_decide_are_refused() {
    let with = |rules: &str| trouble(&format!("authority corporate\nversion 1\n{rules}\n"));
    assert_eq!(with("permit any\npermit join for human"), (4, 1, Trouble::Unreachable(3)));
    assert_eq!(with("deny join\ndeny join in de"), (4, 1, Trouble::Unreachable(3)));
    // A deny decides first wherever it stands.
    assert_eq!(with("permit join for human\ndeny join"), (3, 1, Trouble::Contradiction(4)));
    assert_eq!(
        with("permit join with posture hardened\ndeny join with posture managed"),
        (3, 1, Trouble::Contradiction(4))
    );
    // What only overlaps is what policies are made of.
    for fine in ["permit join\ndeny join in de", "permit join for human\npermit join", "permit join, speak\ndeny join"]
    {
        Policy::<2>::new().add(&format!("authority corporate\nversion 1\n{fine}"), &names()).unwrap();
    }
}

#[test]
fn a_refused_text_changes_nothing() {
    let mut changed = policy(&[CORPORATE]);
    let before = *changed.digest();
    assert!(matches!(
        changed.add("authority privacy\nversion 1\npermit join\npermit dance", &names()),
        Err(PolicyError::Text(_))
    ));
    assert_eq!(changed.add(CORPORATE, &names()), Err(PolicyError::Twice(the("corporate"))));
    let rules: String = (0..65)
        .map(|number| {
            format!(
                "permit join in de with consent {} oblige notify # {number}\n",
                ["recording", "analysis"][number % 2]
            )
        })
        .take(1)
        .collect();
    let mut full = Policy::<1>::new();
    full.add(CORPORATE, &names()).unwrap();
    assert_eq!(full.add(&format!("authority privacy\nversion 1\n{rules}"), &names()), Err(PolicyError::Full));
    assert_eq!((*changed.digest(), changed.members().len()), (before, 1));
    changed.add(PRIVACY, &names()).unwrap();
    let privacy = changed.members()[1];
    let lines: Vec<_> = changed.rules_of(&privacy).map(|rule| (rule.effect, rule.line)).collect();
    assert_eq!(lines, [(Effect::Deny, 5), (Effect::Permit, 6)]);
    assert_eq!(changed.digest(), policy(&[CORPORATE, PRIVACY]).digest());
    assert_ne!(changed.digest(), policy(&[PRIVACY, CORPORATE]).digest());
}

#[test]
fn a_vocabulary_is_checked_too() {
    let read =
        |text: &str| Vocabulary::read(text).map(|_| ()).map_err(|error| (error.line, error.column, error.trouble));
    assert_eq!(read(NAMES), Ok(()));
    assert_eq!(read("actions join, join"), Err((1, 15, Trouble::Twice)));
    assert_eq!(read("\nthings join"), Err((2, 1, Trouble::UnknownStatement)));
    assert_eq!(read("postures a, b, c, d, e"), Err((1, 22, Trouble::TooMany)));
    assert_eq!(read("actions join speak"), Err((1, 14, Trouble::NoComma)));
    assert_eq!(read("actions join, any"), Err((1, 15, Trouble::Reserved)));
    assert_eq!(read("regions de\u{200B}"), Err((1, 11, Trouble::Hidden)));
    // The numbers of one vocabulary mean nothing in another.
    let other = NAMES.replace("join, speak", "speak, join");
    let mut mixed = policy(&[CORPORATE]);
    assert_eq!(mixed.add(PRIVACY, &Vocabulary::read(&other).unwrap()), Err(PolicyError::Vocabulary));
    let mut same = Policy::<2>::new();
    same.add(CORPORATE, &Vocabulary::read(&other).unwrap()).unwrap();
    assert_ne!(same.digest(), policy(&[CORPORATE]).digest(), "the same text means something else");
    assert_eq!(names().all::<Region>().map(|(_, name)| name).collect::<Vec<_>>(), ["de", "fr", "us"]);
    assert_eq!((names().name(Region(2)), names().name(Region(3))), ("us", "?"));
}

#[test]
fn no_text_makes_the_reader_stumble() {
    // Lines beyond what can be numbered, and columns too.
    let long = format!("authority corporate\nversion 1\n{}permit dance", "\n".repeat(70_000));
    assert_eq!(trouble(&long).2, Trouble::TooLong);
    let wide = format!("authority corporate\nversion 1\n{}permit dance", " ".repeat(70_000));
    assert_eq!(trouble(&wide).2, Trouble::TooLong);
}

fn any_rule() -> impl Strategy<Value = String> {
    let some = |names: &'static [&'static str]| {
        proptest::option::of(proptest::sample::subsequence(names.to_vec(), 1..=names.len()).prop_map(|n| n.join(", ")))
    };
    let parts = (
        any::<bool>(),
        some(&["join", "speak", "record", "transcribe", "export"]),
        some(&["human", "device", "service", "agent"]),
        some(&["audio", "video", "chat"]),
        some(&["recording", "transcription", "captions"]),
        some(&["de", "fr", "us"]),
        some(&["recording", "analysis"]),
        proptest::option::of(proptest::sample::select(vec!["recording", "analysis"])),
        proptest::option::of((any::<bool>(), proptest::sample::select(vec!["managed", "hardened"]))),
        proptest::option::of((any::<bool>(), proptest::sample::select(vec!["stated", "verified"]))),
    );
    parts.prop_map(|(permit, actions, kinds, modalities, functions, regions, with, without, posture, provenance)| {
        let mut rule = format!("{} {}", if permit { "permit" } else { "deny" }, actions.unwrap_or("any".into()));
        let clauses =
            [(" for ", kinds), (" on ", modalities), (" by ", functions), (" in ", regions), (" with consent ", with)];
        for (word, names) in clauses {
            rule.extend(names.map(|names| format!("{word}{names}")));
        }
        rule.extend(without.map(|name| format!(" without consent {name}")));
        let level =
            |least: bool, what: &str, name: &str| format!(" {} {what} {name}", if least { "with" } else { "below" });
        rule.extend(posture.map(|(least, name)| level(least, "posture", name)));
        rule.extend(provenance.map(|(least, name)| level(least, "provenance", name)));
        rule
    })
}

fn any_facts() -> impl Strategy<Value = Facts> {
    // Mostly what has a name.
    let number = |most: u8| prop_oneof![9 => 0..most, 1 => any::<u8>()];
    let some = |most: u8| proptest::option::of(number(most));
    let parts = (number(6), 0..4_usize, some(2), some(4), some(4), some(4), 0..4_u32, number(4), 0..3_usize);
    parts.prop_map(|(action, kind, home, modality, function, region, consents, posture, provenance)| Facts {
        action: Action(action),
        kind: Kind::ALL[kind],
        home: home.map(Authority),
        modality: modality.map(Modality),
        function: function.map(Function),
        region: region.map(Region),
        goes: Set::EMPTY,
        consents: Set::from_bits(consents),
        posture: Posture(posture),
        provenance: Provenance::ALL[provenance],
    })
}

/// What the text means, rule by rule, without an index.
fn slowly(rules: &[Rule], facts: &Facts) -> (Answer, Option<u16>) {
    let holds = |effect: Effect| rules.iter().filter(move |rule| rule.effect == effect && rule.speaks(facts));
    if let Some(rule) = holds(Effect::Deny).min_by_key(|rule| rule.line) {
        return (Answer::Deny, Some(rule.line));
    }
    match holds(Effect::Permit).min_by_key(|rule| rule.line) {
        Some(rule) => (Answer::Permit, Some(rule.line)),
        None => (Answer::NoRule, None),
    }
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
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_index_decides_as_the_rules_say(
        rules in proptest::collection::vec(any_rule(), 0..120), asked in proptest::collection::vec(any_facts(), 200),
    ) {
        let (policy, _) = compile("corporate", &rules);
        let member = policy.members()[0];
        let kept: Vec<_> = policy.rules_of(&member).copied().collect();
        for facts in asked {
            let ruling = policy.decide(&facts, itself);
            let is_asked = member.scope.holds(&facts, member.authority);
            let expected = if is_asked { slowly(&kept, &facts) } else { (Answer::NobodyAsked, None) };
            prop_assert_eq!((ruling.answer, ruling.line), expected);
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
    // shows: IOE-082
    let text = |authority: &str, lines: &str| format!("authority {authority}\nversion 1\npermit join\n{lines}");
    let mut policy = Policy::<2>::new();
    assert_eq!(policy.settings(), Settings::default());
    policy.add(&text("corporate", "set lease 500\nset heads 7\nset heads 9"), &names()).unwrap();
    policy.add(&text("privacy", "set lease 900\nset recovery 3"), &names()).unwrap();
    let expected = Settings { lease_ms: 500, recovery_ms: 3, head_every: 7, ..Settings::default() };
    assert_eq!(policy.settings(), expected);
    // Who is asked about little can make it shorter, and not longer than it is without him.
    let mut scoped = Policy::<2>::new();
    let text = "authority privacy\nversion 1\nover export\nset lease 4294967295\nset validation 5";
    scoped.add(text, &names()).unwrap();
    assert_eq!(scoped.settings(), Settings { validation_ms: 5, ..Settings::default() });
}

#[test]
fn an_own_scope_is_about_ones_own_participants() {
    // shows: IOE-098
    let mut federated = policy(&[CORPORATE]);
    federated.add("authority privacy\nversion 1\nover any own\npermit speak", &names()).unwrap();
    let join = |home: Option<&str>| decide(&federated, Facts { home: home.map(the), ..facts("join") });
    assert_eq!(join(Some("corporate")).0, Answer::Permit);
    assert_eq!(join(None).0, Answer::Permit);
    assert_eq!(join(Some("privacy")), (Answer::NoRule, Some(the("privacy")), None));
}

#[test]
fn lists_have_their_names() {
    assert_eq!((Action::LIST, Consent::LIST), ("actions", "consents"));
}
