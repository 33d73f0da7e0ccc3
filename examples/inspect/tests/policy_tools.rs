//! `inspect policy test`, `diff`, `fmt`, and the options that say what is missing, as a user runs them.

mod govern;
mod program;

use std::fs;
use std::path::{Path, PathBuf};

use govern::{CORPORATE, NAMES, Place};
use serde_json::{Value, json};

fn run(place: &Place, args: &[&str]) -> (String, String, Option<i32>) {
    let output = program::inspect(&[&["policy"], args].concat(), b"");
    let folder = place.path("");
    let text = |bytes| String::from_utf8(bytes).expect("text").replace(&folder, "");
    (text(output.stdout), text(output.stderr), output.status.code())
}

const HEAD: &str = "vocabulary names\npolicy corporate.policy\npolicy privacy.policy\n";

/// Cases about the two policies.
fn cases(place: &Place, text: &str, options: &[&str]) -> (String, String, Option<i32>) {
    let file = place.file("good.cases", format!("{HEAD}{text}"));
    run(place, &[&["test", &file], options].concat())
}

#[test]
fn cases_say_what_is_expected_and_why() {
    let place = Place::governed("tools-cases");
    let text = "\
given posture managed                                      # until the next one
may join on none expect permit oblige none
may record on audio by recording consent recording in de
    expect permit oblige notify , watermark
    because privacy: permit record,transcribe
may record on audio by recording because corporate         # nobody consents
given
may join on none posture unmanaged expect no-rule
may transcribe on chat expect deny because corporate
may export on none posture hardened consent recording in de goes unknown expect deny
";
    let expected = "\
good.cases
  ok        5  may join on none
  ok        6  may record on audio by recording consent recording in de
  ok        9  may record on audio by recording
  ok       11  may join on none posture unmanaged
  ok       12  may transcribe on chat
  ok       13  may export on none posture hardened consent recording in de goes unknown
6 of 6 cases as expected
";
    assert_eq!(cases(&place, text, &[]), (expected.into(), String::new(), Some(0)));
}

#[test]
fn what_is_not_as_expected_is_told_with_what_is_so() {
    let place = Place::governed("tools-failed");
    let text = "\
may export on none posture hardened expect permit because corporate
may record on audio by recording consent recording in de expect permit oblige notify
may join on none posture managed expect deny because privacy
may join on none posture managed because corporate: permit record
";
    let expected = "\
good.cases
  FAILED    4  may export on none posture hardened
               expected permit, and it is no-rule
               expected because of corporate, and it is privacy
               no-rule: privacy has no rule that permits it
  FAILED    5  may record on audio by recording consent recording in de
               expected to oblige to notify, and it does to notify, watermark
               permit: corporate.policy:5: permit record by recording with consent recording oblige notify, watermark
               permit: privacy.policy:5: permit record, transcribe with consent recording oblige notify
  FAILED    6  may join on none posture managed
               expected deny, and it is permit
               expected because of privacy, and it does not speak
               permit: corporate.policy:4: permit join, speak for human, agent with posture managed
  FAILED    7  may join on none posture managed
               expected because of a line with 'permit record', and it is another
               permit: corporate.policy:4: permit join, speak for human, agent with posture managed
0 of 4 cases as expected, 4 not
";
    assert_eq!(cases(&place, text, &[]), (expected.into(), String::new(), Some(1)));
    let (out, complaints, code) = cases(&place, text, &["--json"]);
    let objects: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).expect("an object")).collect();
    assert_eq!((objects.len(), complaints.as_str(), code), (5, "", Some(1)));
    assert_eq!(
        (&objects[0]["ok"], &objects[0]["line"], &objects[0]["said"]),
        (&json!(false), &json!(4), &json!("no-rule"))
    );
    assert_eq!((&objects[4]["cases"], &objects[4]["failed"]), (&json!(4), &json!(4)));
}

#[test]
fn coverage_tells_which_rules_decide_no_case() {
    let place = Place::governed("tools-coverage");
    let joins = "may join on none posture managed expect permit\n";
    let (out, _, code) = cases(&place, joins, &["--coverage"]);
    assert_eq!(code, Some(1));
    let expected = "\
1 of 1 cases as expected
1 of 9 rules decide a case; these do not:
  corporate.policy:3: deny export below posture hardened
  corporate.policy:5: permit record by recording with consent recording oblige notify, watermark
  corporate.policy:6: permit transcribe by transcription, captions with provenance verified
  corporate.policy:7: permit export
  corporate.policy:8: keep any within de, fr, us
  privacy.policy:4: deny transcribe on chat
  privacy.policy:5: permit record, transcribe with consent recording oblige notify
  privacy.policy:6: keep audio, video within de, fr
";
    assert!(out.ends_with(expected), "{out}");
    let all = "\
given consent recording in de posture hardened provenance verified
may join on none expect permit
may export on none posture managed expect deny
may export on none goes de expect deny
may record on audio by recording expect permit
may transcribe on audio by captions expect permit
may transcribe on chat by captions expect deny
may record on none goes unknown by recording expect residency
may record on audio goes us by recording expect residency
";
    let (out, complaints, code) = cases(&place, all, &["--coverage"]);
    assert_eq!((complaints.as_str(), code), ("", Some(0)), "{out}");
    assert!(out.ends_with("9 of 9 rules decide a case\n"), "{out}");
}

#[test]
fn mistakes_in_cases_get_one_line_with_their_place() {
    let place = Place::governed("tools-mistakes");
    let words = "kind, on, by, in, as, present, at, stream-consent, own-consent, second-consent, consent, posture, \
                 provenance, home, goes";
    for (text, expected) in [
        ("may", "4:1: may what?".to_owned()),
        (
            "might join",
            "4:1: there is no statement 'might'; there are vocabulary, policy, given, may, expect, because".into(),
        ),
        ("may join with luck", format!("4:10: there is no word 'with'; there are {words}")),
        ("given why-not yes", format!("4:7: there is no word 'why-not'; there are {words}")),
        ("may join kind", "4:10: 'kind' needs a value".into()),
        ("may join in de in fr", "4:16: 'in' stands there twice".into()),
        ("may join", "4:1: nothing is expected of it".into()),
        ("may join expect luck", "4:17: expect permit, deny, no-rule, residency or not-asked".into()),
        ("may join expect permit expect deny", "4:31: it is expected twice".into()),
        (
            "may join because corporate permit",
            "4:10: because AUTHORITY, or because AUTHORITY: words of its line".into(),
        ),
        ("expect deny", "4:1: there is no question in front of it".into()),
        ("vocabulary names", "4:1: one file, and one vocabulary".into()),
        (
            "may dance expect deny",
            "4:1: may: the vocabulary has no action \"dance\"; there are join, speak, record, transcribe, export"
                .into(),
        ),
        ("may join in mars expect deny", "4:1: in: the vocabulary has no region \"mars\"; there are de, fr, us".into()),
        (
            "may join kind king expect deny",
            "4:1: invalid value 'king' for 'kind <KIND>': there are human, device, service, agent".into(),
        ),
    ] {
        let (out, complaints, code) = cases(&place, text, &[]);
        assert_eq!((out.as_str(), complaints, code), ("", format!("good.cases:{expected}\n"), Some(1)), "{text}");
    }
    let nothing = place.file("none.cases", "# nothing\n");
    let (_, complaints, code) = run(&place, &["test", &nothing]);
    assert_eq!((complaints.as_str(), code), ("none.cases: a vocabulary, a policy and a case are needed\n", Some(1)));
}

#[test]
fn the_shipped_policies_pass_their_cases_and_every_rule_decides_one() {
    let conference = ["conference.cases", "telehealth/telehealth.cases", "robot/robot.cases"];
    let all = conference.map(|cases| format!("conference/policies/{cases}"));
    for cases in all.iter().map(String::as_str).chain(["firmware/policy/sensor.cases"]) {
        let cases = format!("{}/../{cases}", env!("CARGO_MANIFEST_DIR"));
        let (out, complaints, ok) = program::run(&["policy", "test", "--coverage", &cases], b"");
        assert!(ok && complaints.is_empty(), "{out}{complaints}");
    }
}

/// What the second text of the corporate policy changes.
fn difference(place: &Place, new: &str, options: &[&str]) -> (String, Option<i32>) {
    let (old, names) = (place.path("corporate.policy"), place.path("names"));
    let (new, privacy) = (place.file("new.policy", new), place.path("privacy.policy"));
    let args = ["diff", &old, &new, "--with", &privacy, "--vocabulary", &names];
    let (out, complaints, code) = run(place, &[&args, options].concat());
    assert_eq!(complaints, "");
    (out, code)
}

#[test]
fn a_difference_is_told_by_its_smallest_example() {
    let place = Place::governed("tools-diff");
    let moved = CORPORATE.replace("version 1", "# Other words, other lines.\nversion 2");
    assert_eq!(difference(&place, &moved, &[]), ("every question has the same answer\n".into(), Some(0)));
    let tighter = CORPORATE.replace("permit join, speak for human, agent", "permit join, speak for human");
    let expected = "\
join becomes denied
  may join on none kind agent in de posture managed
  before  corporate.policy:4: permit join, speak for human, agent with posture managed
  after   corporate has no rule that permits it

speak becomes denied
  may speak on none kind agent in de posture managed
  before  corporate.policy:4: permit join, speak for human, agent with posture managed
  after   corporate has no rule that permits it

";
    let (out, code) = difference(&place, &tighter, &[]);
    assert_eq!((out.as_str(), code), (expected, Some(3)));
    let obliged = CORPORATE.replace("oblige notify, watermark", "oblige notify");
    let (out, code) = difference(&place, &obliged, &["--json"]);
    let found: Value = serde_json::from_str(&out).expect("an object");
    let changes = found["changes"].as_array().expect("changes");
    assert_eq!((changes.len(), code, &found["same"]), (1, Some(3), &json!(false)));
    assert_eq!(
        (&changes[0]["action"], &changes[0]["becomes"]),
        (&json!("record"), &json!("no longer obliged to watermark"))
    );
    // A keep, an hour, a role are found as well.
    for (before, after, becomes) in [
        ("keep   any within de, fr, us", "keep any within de, fr", "denied"),
        ("permit export", "permit export from 0800 to 1700", "denied"),
        ("deny   export below posture hardened\n", "", "permitted"),
    ] {
        let (out, _) = difference(&place, &CORPORATE.replace(before, after), &["--json"]);
        let found: Value = serde_json::from_str(&out).expect("an object");
        assert!(
            found["changes"].as_array().expect("changes").iter().all(|change| change["becomes"] == becomes),
            "{out}"
        );
        assert!(found["same"] == (before == "permit export" || before.starts_with("deny")), "{out}");
    }
}

#[test]
fn an_example_is_a_case() {
    let place = Place::governed("tools-example");
    let new = CORPORATE.replace(
        "permit join, speak for human, agent with posture managed",
        "permit join, speak for human as boss from 2200 to 0600",
    );
    place.file("names", format!("{NAMES}roles boss\n"));
    let (out, _) = difference(&place, &new, &["--json"]);
    let found: Value = serde_json::from_str(&out).expect("an object");
    let changes = found["changes"].as_array().expect("changes");
    assert_eq!(changes.len(), 4, "join and speak, permitted and denied: {out}");
    let head = HEAD.replace("corporate.policy", "new.policy");
    let lines = changes.iter().map(|change| {
        let may = change["may"].as_str().expect("words");
        format!("may {may} expect {}\n", if change["becomes"] == "permitted" { "permit" } else { "deny" })
    });
    let file = place.file("examples.cases", head + &lines.collect::<String>());
    let (out, complaints, code) = run(&place, &["test", &file]);
    assert_eq!((complaints.as_str(), code), ("", Some(0)), "{out}");
}

#[test]
fn what_is_missing_for_a_permit_is_told() {
    let place = Place::governed("tools-why-not");
    let files = [place.path("corporate.policy"), place.path("privacy.policy"), place.path("names")];
    let ask =
        |options: &[&str]| run(&place, &[&[&files[0], &files[1], "--vocabulary", &files[2]][..], options].concat());
    let (out, _, code) = ask(&["--may", "record", "--on", "audio", "--in", "de", "--why-not"]);
    let expected = "
corporate would permit it, if besides
  corporate.policy:5: permit record by recording with consent recording oblige notify, watermark
        by recording
    and with consent recording

privacy would permit it, if besides
  privacy.policy:5: permit record, transcribe with consent recording oblige notify
        with consent recording
";
    assert!(code == Some(0) && out.ends_with(expected), "{out}");
    let (out, ..) = ask(&["--may", "transcribe", "--on", "chat", "--why-not"]);
    let expected = "
privacy would not deny it, if instead
  privacy.policy:4: deny transcribe on chat
        on no stream of chat, and said so
";
    assert!(out.ends_with(expected), "{out}");
    let (out, ..) = ask(&["--may", "export", "--posture", "managed", "--why-not", "--json"]);
    let found: Value = serde_json::from_str(&out).expect("an object");
    assert_eq!(found["why_not"][0]["clauses"], json!(["posture hardened"]));
    assert_eq!(found["why_not"][0]["needs"], "any");
    // What is permitted lacks nothing.
    let (out, ..) = ask(&["--may", "join", "--posture", "managed", "--why-not"]);
    assert!(out.contains("PERMITTED") && !out.contains("would"), "{out}");
}

#[test]
fn what_is_missing_suffices() {
    let place = Place::governed("tools-suffices");
    let text = "authority corporate\nversion 1\npermit record for device, agent as boss, clerk on chat by captions in de, fr with \
                consent analysis without own-consent recording with present boss without present clerk from 0800 to 1700 with \
                posture hardened with provenance stated\n";
    let names = place.file("names", format!("{NAMES}roles boss, clerk\n"));
    let file = place.file("corporate.policy", text);
    let ask = |options: &[&str]| run(&place, &[&[&file, "--vocabulary", &names][..], options].concat()).0;
    let asked = ["--may", "record", "--own-consent", "recording", "--present", "clerk", "--why-not", "--json"];
    let found: Value = serde_json::from_str(&ask(&asked)).expect("an object");
    let expected = json!([
        "the actor is a device or an agent",
        "the actor is there as boss or clerk",
        "on chat",
        "by captions",
        "all whose data it carries are in de or fr",
        "with consent analysis",
        "without own-consent recording",
        "with a boss who is there",
        "without a clerk who is there",
        "from 0800 to 1700",
        "posture hardened",
        "provenance stated or verified",
    ]);
    let mut clauses: Vec<String> = serde_json::from_value(found["why_not"][0]["clauses"].clone()).expect("clauses");
    let mut wanted: Vec<String> = serde_json::from_value(expected).expect("clauses");
    clauses.sort();
    wanted.sort();
    assert_eq!(clauses, wanted);
    let all = [
        "--may",
        "record",
        "--kind",
        "agent",
        "--as",
        "boss",
        "--on",
        "chat",
        "--by",
        "captions",
        "--in",
        "de",
        "--consent",
        "analysis",
        "--present",
        "boss",
        "--at",
        "0800",
        "--posture",
        "hardened",
        "--provenance",
        "stated",
    ];
    assert!(ask(&all).contains("PERMITTED"));
}

#[test]
fn what_if_asks_for_every_place_and_consent() {
    let place = Place::governed("tools-what-if");
    let files = [place.path("corporate.policy"), place.path("privacy.policy"), place.path("names")];
    let ask =
        |options: &[&str]| run(&place, &[&[&files[0], &files[1], "--vocabulary", &files[2]][..], options].concat()).0;
    let asked = ["--may", "record", "--on", "audio", "--by", "recording", "--what-if"];
    let expected = "\
may record on audio by recording, if instead?

  in       no consent  recording       analysis  all consents
  de       deny [1]    permit [2] [3]  deny [1]  permit [2] [3]
  fr       deny [1]    permit [2] [3]  deny [1]  permit [2] [3]
  us       deny [1]    permit [2] [3]  deny [1]  permit [2] [3]
  unknown  deny [1]    permit [2] [3]  deny [1]  permit [2] [3]

  [1] corporate has no rule that permits it
  [2] corporate.policy:5: permit record by recording with consent recording oblige notify, watermark
  [3] privacy.policy:5: permit record, transcribe with consent recording oblige notify
";
    assert_eq!(ask(&asked), expected);
    let found: Value = serde_json::from_str(&ask(&[&asked[..], &["--json"]].concat())).expect("an object");
    assert_eq!(found["cells"].as_array().map(Vec::len), Some(4 * 4));
}

#[test]
fn texts_are_laid_out_in_one_form_that_says_the_same() {
    let place = Place::new("tools-fmt");
    let text = "# Whose.\n\n\n\nauthority   corporate\r\nversion 1\nover any\n\tdeny export below  posture hardened#never\npermit join ,speak for human,agent # both\nset lease 1\n\n";
    let file = place.file("untidy.policy", text);
    let (out, _, code) = run(&place, &["fmt", "--check", &file]);
    assert_eq!((out.as_str(), code), ("untidy.policy\n", Some(1)));
    assert_eq!(fs::read_to_string(&file).expect("text"), text, "a check changes nothing");
    assert_eq!(run(&place, &["fmt", &file]), (String::new(), String::new(), Some(0)));
    let expected = "\
# Whose.

authority corporate
version   1
over      any
deny      export below posture hardened   # never
permit    join, speak for human, agent    # both
set       lease 1
";
    assert_eq!(
        fs::read_to_string(&file).expect("text").replace("  #", " #"),
        expected.replace("   #", "  #").replace("  #", " #")
    );
    assert_eq!(run(&place, &["fmt", "--check", &file]), (String::new(), String::new(), Some(0)), "once is enough");
}

/// The policies in a folder and the folders in it.
fn policies_in(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("it is read") {
        let path = entry.expect("it is listed").path();
        if path.is_dir() {
            policies_in(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "policy") {
            found.push(path);
        }
    }
}

#[test]
fn the_policies_of_the_examples_have_the_layout_of_fmt() {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a folder of examples");
    let mut found = Vec::new();
    policies_in(&examples.join("conference/policies"), &mut found);
    policies_in(&examples.join("firmware/policy"), &mut found);
    assert!(found.len() >= 15, "{found:?}");
    for path in found {
        let output = program::inspect(&["policy", "fmt", "--check", path.to_str().expect("text")], b"");
        assert!(output.status.success(), "{}: run 'inspect policy fmt' on it", path.display());
    }
}
