//! `inspect policy`, as a user runs it.

mod govern;
mod program;

use govern::{CORPORATE, NAMES, PRIVACY, Place};
use interaction_gov::policy::Policy;
use interaction_gov::vocabulary::Vocabulary;
use proptest::prelude::*;
use serde_json::{Value, json};

/// Both policies with some options. Paths are shown without their folder.
fn ask(place: &Place, options: &[&str]) -> (String, String, bool) {
    asked_of(place, &["corporate.policy", "privacy.policy"], options)
}

fn asked_of(place: &Place, files: &[&str], options: &[&str]) -> (String, String, bool) {
    let names = place.path("names");
    let files: Vec<_> = files.iter().map(|file| place.path(file)).collect();
    let mut args = vec!["policy", "--vocabulary", &names];
    args.extend(files.iter().map(String::as_str));
    args.extend(options);
    let (out, complaints, ok) = program::run(&args, b"");
    let folder = place.path("");
    (out.replace(&folder, ""), complaints.replace(&folder, ""), ok)
}

fn object(place: &Place, options: &[&str]) -> Value {
    let (out, complaints, ok) = ask(place, &[options, &["--json"]].concat());
    assert_eq!((complaints.as_str(), ok, out.lines().count()), ("", true, 1), "{options:?}");
    serde_json::from_str(&out).expect("an object")
}

/// What is wrong with a policy, told as lines; without the lines that are quoted.
fn wrong(place: &Place, text: &str) -> String {
    place.file("bad.policy", text);
    let (out, complaints, ok) = asked_of(place, &["bad.policy"], &[]);
    assert_eq!((out.as_str(), ok), ("", false), "{text}");
    complaints.lines().filter(|line| !line.starts_with(' ')).map(|line| format!("{line}\n")).collect()
}

#[test]
fn good_policies_are_summed_up() {
    let place = Place::governed("policy-good");
    let mut policy = Policy::<2>::new();
    let names = Vocabulary::read(NAMES).expect("names");
    for text in [CORPORATE, PRIVACY] {
        policy.add(text, &names).expect("good");
    }
    let digest = hex::encode(policy.digest());
    let expected = format!(
        "\
corporate  version 1  4 permit, 1 deny  corporate.policy  asked about everything
privacy    version 1  1 permit, 1 deny  privacy.policy    over record, transcribe, export
digest {digest}
"
    );
    assert_eq!(ask(&place, &[]), (expected, String::new(), true));
    let found = object(&place, &[]);
    assert_eq!((&found["ok"], &found["digest"]), (&json!(true), &json!(digest)));
    let [corporate, privacy] = [0, 1].map(|at| &found["authorities"][at]);
    assert_eq!((&corporate["authority"], &corporate["scope"]), (&json!("corporate"), &Value::Null));
    assert_eq!((&privacy["version"], &privacy["permits"], &privacy["denies"]), (&json!(1), &json!(1), &json!(1)));
    assert_eq!(privacy["digest"], hex::encode(policy.members()[1].digest));
}

#[test]
fn each_thing_that_is_wrong_is_told_with_its_place() {
    let place = Place::governed("policy-wrong");
    let with = |rule: &str| wrong(&place, &format!("authority corporate\nversion 1\n{rule}\n"));
    for (text, expected) in [
        ("", "1:1: something is missing in front of it"),
        ("version 1", "1:1: something is missing in front of it"),
        (
            "authority nobody\nversion 1\npermit dance",
            "1:11: there is no such name among the authorities: 'nobody' (there are corporate, privacy)",
        ),
        ("authority corporate\nversion x\npermit dance", "2:9: not a number"),
        (
            "# nothing\n\nauthority corporate privacy\nversion 1",
            "3:21: there is no such clause: 'privacy' (it is one of the authorities: is a comma missing in front of it?)",
        ),
    ] {
        assert_eq!(wrong(&place, text), format!("bad.policy:{expected}\n"), "{text}");
    }
    for (rule, expected) in [
        (
            "allow join",
            "3:1: there is no such statement: 'allow' (there are authority, version, over, permit, deny, keep, set)",
        ),
        ("permit", "3:7: the line ends where a word has to follow"),
        (
            "permit dance",
            "3:8: there is no such name among the actions: 'dance' (there are join, speak, record, transcribe, export)",
        ),
        ("permit join, join", "3:14: it stands there twice"),
        ("permit Join", "3:8: not a word of a-z, 0-9 and -"),
        (
            "permit join with luck",
            "3:18: there is no such clause: 'luck' (there are consent, stream-consent, own-consent, second-consent, present, posture, provenance)",
        ),
        ("deny join without consent recording, analysis", "3:19: one name at a time: two would mean two things"),
        ("keep audio in de", "3:12: something is missing in front of it"),
        ("permit join below posture unmanaged", "3:1: nothing can match this"),
        ("permit any\npermit join for human", "4:1: never reached: line 3 always decides first"),
        ("permit join for human\ndeny join", "3:1: never permits: the deny in line 4 covers it"),
        (
            "over dance\npermit join",
            "3:6: there is no such name among the actions: 'dance' (there are join, speak, record, transcribe, export)",
        ),
    ] {
        assert_eq!(with(rule), format!("bad.policy:{expected}\n"), "{rule}");
    }
}

#[test]
fn everything_that_is_wrong_is_told_at_once() {
    let place = Place::governed("policy-all");
    let text =
        "authority corporate\nversion 1\nover dance\nover join\nallow join\npermit join\npermit dance\ndeny join\n";
    let expected = "\
bad.policy:3:6: there is no such name among the actions: 'dance' (there are join, speak, record, transcribe, export)
bad.policy:4:1: there is no such statement: 'over' (it stands behind the version, once)
bad.policy:5:1: there is no such statement: 'allow' (there are authority, version, over, permit, deny, keep, set)
bad.policy:6:1: never permits: the deny in line 8 covers it
bad.policy:7:8: there is no such name among the actions: 'dance' (there are join, speak, record, transcribe, export)
";
    assert_eq!(wrong(&place, text), expected);
    // Also of several files, and as objects.
    place.file("privacy.policy", "authority privacy\nversion one\n");
    let (out, complaints, ok) = asked_of(&place, &["bad.policy", "privacy.policy"], &["--json"]);
    let objects: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).expect("an object")).collect();
    let expected = json!({ "ok": false, "file": "privacy.policy", "line": 2, "column": 9, "error": "not a number" });
    let found = json!({
        "ok": objects[5]["ok"], "line": objects[5]["line"], "column": objects[5]["column"],
        "error": objects[5]["error"], "file": objects[5]["file"],
    });
    assert_eq!((objects.len(), found, complaints.as_str(), ok), (6, expected, "", false));
    // No more than a hundred of them are reported.
    let endless = format!("authority corporate\nversion 1\n{}", "permit dance\n".repeat(1_000));
    let told = wrong(&place, &endless);
    assert_eq!(told.lines().count(), 101);
    assert!(told.ends_with("bad.policy: there is more than the first 100\n"), "{told}");
}

#[test]
fn files_that_are_no_texts_are_told_too() {
    let place = Place::governed("policy-files");
    place.file("bytes.policy", b"authority corporate\nversion \xff\n");
    place.file("long.policy", "#".repeat((4 << 20) + 1));
    place.file("esc\u{1b}[2J.policy", "x");
    for (file, expected) in [
        ("bytes.policy", "bytes.policy:2:9: not UTF-8\n"),
        ("long.policy", "long.policy: longer than any text that people write\n"),
        ("esc\u{1b}[2J.policy", "esc\\u{1b}[2J.policy:1:1: something is missing in front of it\n"),
    ] {
        let (out, complaints, ok) = asked_of(&place, &[file], &[]);
        assert!(out.is_empty() && complaints.starts_with(expected) && !ok, "{complaints}");
        assert!(!complaints.contains('\u{1b}'), "{complaints}");
    }
    let (_, complaints, ok) = asked_of(&place, &["nowhere.policy"], &[]);
    assert!(!ok && complaints.starts_with("nowhere.policy: "), "{complaints}");
    // One authority has one text.
    let (_, complaints, ok) = asked_of(&place, &["privacy.policy", "corporate.policy", "privacy.policy"], &[]);
    assert_eq!((complaints.as_str(), ok), ("privacy.policy:1:1: privacy has a part already: privacy.policy\n", false));
    // And the names are checked first.
    place.file("names", "actions join, join\nthings a\n");
    let (_, complaints, ok) = ask(&place, &[]);
    let told: Vec<&str> = complaints.lines().filter(|line| !line.starts_with(' ')).collect();
    let lists = "actions, own, always, modalities, functions, regions, roles, consents, postures, obligations, authorities, group";
    let second = format!("names:2:1: there is no such statement: 'things' (there are {lists})");
    assert_eq!((told, ok), (vec!["names:1:15: it stands there twice", second.as_str()], false));
}

#[test]
fn more_rules_than_the_index_holds_are_refused() {
    let place = Place::governed("policy-many");
    // A rule for each pair of a function and a stream, and no rule covers another.
    let list = |stem: &str, count: usize| (0..count).map(|n| format!("{stem}{n}")).collect::<Vec<_>>().join(", ");
    place.file(
        "names",
        format!("actions a, b, c\nmodalities {}\nfunctions {}\nauthorities corporate\n", list("m", 15), list("f", 31)),
    );
    let text = |rules: usize| {
        let all = (0..3).flat_map(|a| (0..15).flat_map(move |m| (0..31).map(move |f| (a, m, f))));
        let rules: String =
            all.take(rules).map(|(a, m, f)| format!("permit {} on m{m} by f{f}\n", ["a", "b", "c"][a])).collect();
        format!("authority corporate\nversion 1\n{rules}")
    };
    place.file("corporate.policy", text(1_024));
    let (out, _, ok) = asked_of(&place, &["corporate.policy"], &[]);
    assert!(ok && out.contains("1024 permit, 0 deny"), "{out}");
    assert_eq!(wrong(&place, &text(1_025)), "bad.policy: no room for so many rules\n");
}

#[test]
fn a_permit_is_answered_with_the_lines_the_obligations_and_the_residency() {
    // shows: IOE-093 (§4.7 R7)
    let place = Place::governed("policy-permit");
    let asked =
        ["--may", "record", "--by", "recording", "--on", "audio", "--consent", "recording", "--posture", "managed"];
    let expected = "\
may a human record on audio by recording?
  nobody's participant; region unknown; consents to recording; posture managed; provenance none

  corporate  permits  corporate.policy:5: permit record by recording with consent recording oblige notify, watermark
  privacy    permits  privacy.policy:5: permit record, transcribe with consent recording oblige notify

PERMITTED
  obliges to     notify, watermark
  data may be in de, fr
";
    assert_eq!(ask(&place, &asked), (expected.into(), String::new(), true));
    let found = object(&place, &asked);
    assert_eq!((&found["permitted"], &found["by"]), (&json!(true), &Value::Null));
    assert_eq!((&found["obliges_to"], &found["regions"]), (&json!(["notify", "watermark"]), &json!(["de", "fr"])));
    let privacy = &found["authorities"][1];
    assert_eq!(
        (&privacy["said"], &privacy["line"], &privacy["obliges_to"]),
        (&json!("permit"), &json!(5), &json!(["notify"]))
    );
    assert_eq!(found["question"]["consents"], json!(["recording"]));
}

#[test]
fn a_denial_is_answered_with_who_denies_and_why() {
    let place = Place::governed("policy-deny");
    let answer = |options: &[&str]| {
        let (out, complaints, ok) = ask(&place, options);
        assert_eq!((complaints.as_str(), ok), ("", true), "a denial is an answer");
        out
    };
    let out = answer(&["--may", "export"]);
    assert!(
        out.contains(
            "  corporate  denies                       corporate.policy:3: deny export below posture hardened\n"
        ),
        "{out}"
    );
    assert!(out.contains("  privacy    has no rule that permits it\n\nDENIED by corporate\n"), "{out}");
    let out = answer(&["--may", "export", "--posture", "hardened"]);
    assert!(out.ends_with("\nDENIED by privacy: what no rule permits is denied\n"), "{out}");
    // For an authority that is not asked, the answer names its scope.
    let out = answer(&["--may", "join", "--kind", "service"]);
    assert!(
        out.contains("  privacy    is not asked about it        privacy.policy:3: over record, transcribe, export\n"),
        "{out}"
    );
    let record = ["--may", "record", "--by", "recording", "--on", "video", "--consent", "recording", "--goes", "fr,us"];
    let out = answer(&record);
    assert!(
        out.contains("  privacy    keeps it within de, fr  privacy.policy:6: keep audio, video within de, fr\n"),
        "{out}"
    );
    assert!(out.ends_with("\nDENIED by privacy: data may not go there\n"), "{out}");
    let found = object(&place, &record);
    assert_eq!(
        (&found["said"], &found["by"], &found["regions"]),
        (&json!("residency"), &json!("privacy"), &Value::Null)
    );
    let (out, ..) = asked_of(&place, &["privacy.policy"], &["--may", "join"]);
    assert!(out.ends_with("\nDENIED: no authority is asked about it\n"), "{out}");
    // Of several lines that keep data somewhere, the one that keeps them out is shown.
    let keeps = "keep video within de, us\nkeep any within de, fr, us\nkeep audio within de, us\nkeep audio, video within de, fr\n";
    place.file("privacy.policy", PRIVACY.split("keep").next().expect("rules").to_owned() + keeps);
    let (out, ..) = ask(&place, &["--may", "record", "--on", "audio", "--consent", "recording", "--goes", "us"]);
    assert!(out.contains("privacy.policy:9: keep audio, video within de, fr\n"), "{out}");
}

#[test]
fn every_circumstance_counts() {
    let place = Place::governed("policy-facts");
    place.file(
        "corporate.policy",
        "authority corporate\nversion 1\npermit speak for agent on audio by captions in fr with consent analysis \
         with posture managed with provenance stated\n",
    );
    place.file("privacy.policy", "authority privacy\nversion 1\nover any own\npermit join\n");
    let all = [
        "--may",
        "speak",
        "--kind",
        "agent",
        "--on",
        "audio",
        "--by",
        "captions",
        "--in",
        "fr",
        "--consent",
        "analysis,recording",
        "--posture",
        "hardened",
        "--provenance",
        "verified",
        "--home",
        "corporate",
    ];
    assert_eq!(object(&place, &all)["permitted"], true);
    // Without any one of them, or with another, it is denied.
    for at in (2..all.len() - 2).step_by(2) {
        let without = [&all[..at], &all[at + 2..]].concat();
        assert_eq!(object(&place, &without)["permitted"], false, "without {}", all[at]);
    }
    let home = [&all[..all.len() - 1], &["privacy"]].concat();
    assert_eq!(object(&place, &home)["by"], "privacy", "its own participant is its own business");
}

#[test]
fn a_table_asks_for_every_kind_function_and_stream() {
    let place = Place::governed("policy-table");
    let asked = ["--table", "transcribe", "--consent", "recording", "--provenance", "verified"];
    let expected = "\
who may transcribe?
  nobody's participant; region unknown; consents to recording; posture unmanaged; provenance verified

  by                       on                  human           device          service         agent
  none, recording          any or none         deny [1]        deny [1]        deny [1]        deny [1]
  transcription, captions  none, audio, video  permit [2] [3]  permit [2] [3]  permit [2] [3]  permit [2] [3]
  transcription, captions  chat                deny [4]        deny [4]        deny [4]        deny [4]

  [1] corporate has no rule that permits it
  [2] corporate.policy:6: permit transcribe by transcription, captions with provenance verified
  [3] privacy.policy:5: permit record, transcribe with consent recording oblige notify
  [4] privacy.policy:4: deny transcribe on chat
";
    assert_eq!(ask(&place, &asked), (expected.into(), String::new(), true));
    let found = object(&place, &asked);
    let cells = found["cells"].as_array().expect("cells");
    assert_eq!(cells.len(), 4 * (3 + 1) * (3 + 1), "kinds, functions and none, streams and none");
    let permitted = |cell: &&Value| cell["permitted"] == true;
    assert_eq!(cells.iter().filter(permitted).count(), 4 * 2 * 3);
    // Each cell is what the question alone is answered with.
    let one = cells.iter().find(|cell| cell["by"] == "captions" && cell["on"] == "chat").expect("a cell");
    assert_eq!((&one["said"], &one["why"]), (&json!("deny"), &json!(["privacy.policy:4: deny transcribe on chat"])));
    // What is given does not vary.
    let (out, ..) = ask(&place, &[&asked[..], &["--kind", "agent", "--by", "captions", "--on", "chat"]].concat());
    assert!(out.contains("  by        on    agent\n  captions  chat  deny [1]\n\n  [1] privacy.policy:4:"), "{out}");
    // If fewer names are left out than listed, the ones left out are listed.
    place.file("names", NAMES.replace("captions", "captions, translation, moderation"));
    let (out, ..) = ask(&place, &["--table", "record", "--consent", "recording", "--on", "chat"]);
    assert!(out.contains("  any or none but recording  chat  deny [1]") && out.contains("  recording "), "{out}");
    let (out, ..) = asked_of(&place, &["privacy.policy"], &["--table", "join"]);
    assert!(out.contains("  any or none  any or none  deny [1]") && out.contains("[1] no authority is asked"), "{out}");
}

#[test]
fn comments_and_names_cannot_steer_a_terminal() {
    let place = Place::governed("policy-hostile");
    place.file("privacy.policy", "authority privacy\nversion 1\npermit\tjoin # \u{1b}[2J\u{202e} \"law\"\n");
    let (_, complaints, ok) = asked_of(&place, &["privacy.policy"], &["--may", "join"]);
    assert!(
        !ok && complaints.contains(":3:15: a character that is not seen, or changes how others are seen\n"),
        "{complaints}"
    );
    assert!(!complaints.contains('\u{1b}') && !complaints.contains('\u{202e}'), "{complaints}");
    place.file("privacy.policy", PRIVACY);
    let (_, complaints, ok) = ask(&place, &["--may", "join", "--in", "\u{1b}[2J"]);
    let expected = "inspect: --in: the vocabulary has no region \"\\u{1b}[2J\"; there are de, fr, us\n";
    assert_eq!((complaints.as_str(), ok), (expected, false));
}

#[test]
fn a_question_is_asked_one_at_a_time() {
    let place = Place::governed("policy-usage");
    let (names, file) = (place.path("names"), place.path("corporate.policy"));
    for options in
        [&["--kind", "human"][..], &["--may", "join", "--table", "join"], &["--may", "join", "--kind", "king"]]
    {
        let args = [&["policy", "--vocabulary", &names, &file][..], options].concat();
        assert_eq!(program::inspect(&args, b"").status.code(), Some(2), "{options:?}");
    }
    assert_eq!(program::inspect(&["policy", &file], b"").status.code(), Some(2), "no policy is without names");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_files_make_it_stumble(
        bytes in proptest::collection::vec(any::<u8>(), 0..200),
        near in "((authority|version|permit|deny|keep|over|any|join|corporate|1|with|consent|within|de|,|#|\n) ?){0,40}",
        shape in 0..3,
    ) {
        let place = Place::governed("policy-fuzz");
        match shape {
            0 => { place.file("corporate.policy", &bytes); }
            1 => { place.file("corporate.policy", format!("authority corporate\nversion 1\n{near}")); }
            _ => { place.file("names", &near); }
        }
        // `run` checks that the program ends by itself, with success or failure.
        let (out, complaints, ok) = ask(&place, &["--table", "join"]);
        prop_assert_eq!(ok, complaints.is_empty());
        prop_assert_eq!(ok, !out.is_empty());
    }
}
