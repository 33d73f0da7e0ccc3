//! The texts of policies and vocabularies: an error is reported with its place, and changes nothing (`IoE R2`, `R5`).

mod govern;

use govern::{CORPORATE, NAMES, PRIVACY, facts, itself, names, policy, the};
use interaction_gov::policy::{Answer, Effect, Facts, Policy, PolicyError};
use interaction_gov::vocabulary::{Action, Consent, Listed, Region, Role, Set, Vocabulary};
use interaction_gov::{TextError, Trouble};

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
    assert_eq!(trouble("authority nobody"), (1, 11, Trouble::UnknownName("authorities")));
    assert_eq!(trouble("authority corporate # x"), (1, 1, Trouble::Missing));
    assert_eq!(trouble("authority corporate\nversion x"), (2, 9, Trouble::NoNumber));
    assert_eq!(trouble("authority corporate\nversion 4294967296"), (2, 9, Trouble::NoNumber));
    assert_eq!(trouble("authority corporate privacy\nversion 1"), (1, 21, Trouble::UnknownClause));
    assert_eq!(with("allow join"), (3, 1, Trouble::UnknownStatement));
    assert_eq!(with("permit"), (3, 7, Trouble::Ended));
    assert_eq!(with("permit dance"), (3, 8, Trouble::UnknownName("actions")));
    assert_eq!(with("permit join,"), (3, 13, Trouble::Ended));
    assert_eq!(with("permit join, join"), (3, 14, Trouble::Twice));
    assert_eq!(with("permit Join"), (3, 8, Trouble::NoWord));
    assert_eq!(with("permit join für human"), (3, 14, Trouble::NoWord));
    assert_eq!(with("permit join for robots"), (3, 17, Trouble::UnknownName("kinds")));
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
    assert_eq!(with("permit join with consent x"), (3, 26, Trouble::UnknownName("consents")));
    assert_eq!(with("deny join without consent recording, analysis"), (3, 19, Trouble::OneAtATime));
    assert_eq!(with("deny join oblige notify"), (3, 11, Trouble::UnknownClause));
    assert_eq!(with("permit join own"), (3, 13, Trouble::UnknownClause));
    assert_eq!(with("keep audio in de"), (3, 12, Trouble::Missing));
    assert_eq!(with("permit join from 0800"), (3, 22, Trouble::Ended));
    assert_eq!(with("permit join from 0860 to 1000"), (3, 18, Trouble::NoNumber));
    assert_eq!(with("permit join from 2400 to 0100"), (3, 18, Trouble::NoNumber), "a day ends at 2359");
    assert_eq!(with("permit join from 0800 to 900"), (3, 26, Trouble::NoNumber), "four digits");
    assert_eq!(with("permit join from 0800 to 0800"), (3, 18, Trouble::NeverMatches));
    assert_eq!(with("permit join with present boss"), (3, 26, Trouble::UnknownName("roles")));
    assert_eq!(with("keep any within de on audio"), (3, 20, Trouble::UnknownClause));
    assert_eq!(with("permit join named a\npermit speak named a"), (4, 1, Trouble::Twice));
    assert_eq!(with("permit halt"), (3, 8, Trouble::NoEffect), "nothing prevents it, so no rule decides it");
    assert_eq!(with("permit join\nover join"), (4, 1, Trouble::UnknownStatement), "a scope stands in front");
    assert_eq!(with("permit join with posture hardened below posture managed"), (3, 1, Trouble::NeverMatches));
    assert_eq!(with("permit join with consent recording without consent recording"), (3, 1, Trouble::NeverMatches));
    assert_eq!(with("permit join below posture unmanaged"), (3, 1, Trouble::NeverMatches));
    assert_eq!(with("over any below posture unmanaged"), (3, 6, Trouble::NeverMatches), "no authority has it");
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
    // Rules may overlap partly.
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
    let privacy = changed.members()[1].clone();
    let lines: Vec<_> = changed.rules_of(&privacy).map(|rule| (rule.effect, rule.line)).collect();
    assert_eq!(lines, [(Effect::Deny, 5), (Effect::Keep, 7), (Effect::Permit, 6)]);
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
    let other = NAMES.replace("actions      join, speak", "actions      speak, join");
    let mut mixed = policy(&[CORPORATE]);
    assert_eq!(mixed.add(PRIVACY, &Vocabulary::read(&other).unwrap()), Err(PolicyError::Vocabulary));
    let mut same = Policy::<2>::new();
    same.add(CORPORATE, &Vocabulary::read(&other).unwrap()).unwrap();
    assert_ne!(same.digest(), policy(&[CORPORATE]).digest(), "the same text means something else");
    assert_eq!(names().all::<Region>().map(|(_, name)| name).collect::<Vec<_>>(), ["de", "fr", "us", "ca"]);
    assert_eq!((names().name(Region(2)), names().name(Region(4))), ("us", "?"));
}

#[test]
fn no_text_makes_the_reader_stumble() {
    // Lines beyond what can be numbered, and columns too.
    let long = format!("authority corporate\nversion 1\n{}permit dance", "\n".repeat(70_000));
    assert_eq!(trouble(&long).2, Trouble::TooLong);
    let wide = format!("authority corporate\nversion 1\n{}permit dance", " ".repeat(70_000));
    assert_eq!(trouble(&wide).2, Trouble::TooLong);
}

#[test]
fn lines_and_columns_are_numbered_up_to_the_last_number_of_16_bits() {
    let head = "authority corporate\nversion 1\n";
    let on_line = |number: usize| trouble(&format!("{head}{}permit dance", "\n".repeat(number - 3)));
    assert_eq!(on_line(65_534), (65_534, 8, Trouble::UnknownName("actions")));
    assert_eq!(on_line(65_535), (65_535, u16::MAX, Trouble::TooLong));
    let at_column = |number: usize| trouble(&format!("{head}permit{}dance", " ".repeat(number - 7)));
    assert_eq!(at_column(65_535), (3, 65_535, Trouble::UnknownName("actions")));
    assert_eq!(at_column(65_536), (3, u16::MAX, Trouble::TooLong));
    // A character that is not seen is told with its place in the same way.
    let hidden =
        |lines: usize, columns: usize| trouble(&format!("{}{}\u{7F}", "\n".repeat(lines), " ".repeat(columns)));
    assert_eq!(hidden(0, 0), (1, 1, Trouble::Hidden));
    assert_eq!(hidden(65_534, 65_534), (65_535, 65_535, Trouble::Hidden));
    assert_eq!(hidden(65_535, 65_535), (65_535, 65_535, Trouble::Hidden));
}

#[test]
fn what_is_seen_may_stand_in_a_comment_and_nothing_else() {
    let taken = |c: char| match Policy::<2>::new()
        .add(&format!("authority corporate # {c}!\nversion 1\npermit join"), &names())
    {
        Ok(_) => true,
        Err(PolicyError::Text(TextError { line: 1, column: 23, trouble: Trouble::Hidden })) => false,
        other => panic!("{other:?} for {c:?}"),
    };
    for seen in ['\t', ' ', '!', '~', '\u{A1}', '×', 'ä', '\u{FF}', '\u{301}', '–', '‰', '€', '→', '✓', '。', '日', 'ю']
    {
        assert!(taken(seen), "{seen:?}");
    }
    // Controls, marks of direction, blanks, and letters that are blank.
    for hidden in [
        '\0',
        '\u{7}',
        '\u{1B}',
        '\u{7F}',
        '\u{80}',
        '\u{A0}',
        '\u{AD}',
        '\u{34F}',
        '\u{115F}',
        '\u{1160}',
        '\u{17B4}',
        '\u{17B5}',
        '\u{200B}',
        '\u{200F}',
        '\u{2028}',
        '\u{202E}',
        '\u{2066}',
        '\u{3000}',
        '\u{3164}',
        '\u{E000}',
        '\u{FEFF}',
        '\u{FFA0}',
        '\u{E0041}',
    ] {
        assert!(!taken(hidden), "{hidden:?}");
    }
}

#[test]
fn lines_may_end_as_on_other_systems_and_words_stand_apart_by_blanks_tabs_and_commas() {
    let digest = |text: &str| {
        let mut policy = Policy::<2>::new();
        policy.add(text, &names()).map(|_| policy.rules_of(&policy.members()[0]).map(|rule| rule.to_string()).collect())
    };
    let plain: Vec<String> = digest("authority corporate\nversion 1\npermit join, speak for human").unwrap();
    assert_eq!(plain, ["line 3: permit actions 0, 1 for human"]);
    for same in [
        "authority corporate\r\nversion 1\r\npermit join, speak for human\r\n",
        "authority\tcorporate\nversion \t1 \t\n\tpermit join\t,speak for\thuman\t# and a word",
        "authority corporate#\nversion 1#\npermit join,speak for human#for",
    ] {
        assert_eq!(digest(same).as_ref(), Ok(&plain), "{same:?}");
    }
    for (text, column) in
        [("permit join;", 12), ("permit join.speak", 12), ("permit ,join", 8), ("permit join for-human", 13)]
    {
        let (line, found, _) = trouble(&format!("authority corporate\nversion 1\n{text}"));
        assert_eq!((line, found), (3, column), "{text}");
    }
}

#[test]
fn lists_have_their_names() {
    assert_eq!((Action::LIST, Consent::LIST), ("actions", "consents"));
}

#[test]
fn the_name_of_a_rule_survives_an_edit_of_other_lines() {
    let ids = |text: &str| -> Vec<u32> {
        let mut policy = Policy::<2>::new();
        policy.add(text, &names()).unwrap();
        let member = policy.members()[0].clone();
        policy.rules_of(&member).map(|rule| rule.id).collect()
    };
    let before = ids("authority corporate\nversion 1\npermit join named entry\npermit speak  for human\n");
    let after = ids(
        "authority corporate\nversion 2\n# more\npermit export\npermit speak for human # people\npermit join with posture managed named entry\n",
    );
    assert_eq!((after[1], after[2]), (before[1], before[0]), "by its words, or by what it is named");
    assert!(!before.contains(&after[0]));
}

#[test]
fn there_are_more_than_31_places_and_more_than_64_tests_are_refused() {
    let regions: Vec<String> = (0..127).map(|number| format!("r{number}")).collect();
    let text = format!("actions go\nauthorities a\nregions {}\ngroup west of r0, r100, r126", regions.join(", "));
    let names = Vocabulary::read(&text).unwrap();
    let mut policy = Policy::<2>::new();
    policy.add("authority a\nversion 1\npermit go in west\ndeny go in r5", &names).unwrap();
    for number in 0..127_u8 {
        let facts = Facts { action: Action(0), law: Set::one(Region(number)), ..facts("join") };
        let expected = match number {
            0 | 100 | 126 => Answer::Permit,
            5 => Answer::Deny,
            _ => Answer::NoRule,
        };
        assert_eq!(policy.decide(&facts, itself).answer, expected, "{number}");
    }
    assert!(Vocabulary::read(&format!("{text}\nregions r127")).is_err());
    let rules: String = (0..40).map(|number| format!("deny go in r{number}\n")).collect();
    let digest = *policy.digest();
    let more = format!("authority a\nversion 1\n{rules}");
    assert_eq!(Policy::<2>::new().add(&more, &names), Err(PolicyError::TooFine), "31 kinds of places at most");
    assert_eq!(*policy.digest(), digest);
}

#[test]
fn a_newer_vocabulary_may_add_and_nothing_else() {
    let continued = |change: &dyn Fn(&str) -> String| {
        let newer = change(NAMES);
        names().is_continued_by(&Vocabulary::read(&newer).unwrap())
    };
    assert!(continued(&|names| names.replace("us, ca", "us, ca, mx")) && continued(&|names| names.into()));
    assert!(!continued(&|names| names.replace("recording, analysis", "analysis, recording")), "two consents swapped");
    assert!(!continued(&|names| names.replace("us, ca", "us")), "one less");
    assert!(!continued(&|names| names.replace("own          join, speak", "own join")), "speaking carries more");
    assert!(!continued(&|names| names.replace("of de, fr", "of de")), "a group is another");
    assert!(!continued(&|names| names.replace("always       halt", "always halt, export")), "more is always permitted");
    let roles = Role::LIST;
    assert_eq!(roles, "roles");
}
