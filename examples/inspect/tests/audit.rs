//! `inspect audit`, as a user runs it, on trails that an interaction has made.

mod govern;
mod program;
mod trail;

use govern::Place;
use interaction_gov::audit::{self, Bytes, RECORD, Record, Verdict};
use interaction_gov::identity::InteractionId;
use interaction_gov::rollout::Track;
use interaction_gov::time::Time;
use proptest::prelude::*;
use serde_json::{Value, json};
use trail::{PLANE, call, head_line, key, world};

/// A trail and heads, checked with the key.
fn check(place: &Place, trail: &[u8], heads: &str, options: &[&str]) -> (String, String, bool) {
    let (trail, heads) = (place.file("call.trail", trail), place.file("heads.jsonl", heads));
    let key = hex::encode(key(PLANE));
    inspected(place, &[&[&trail, "--heads", &heads, "--key", &key], options].concat())
}

fn inspected(place: &Place, args: &[&str]) -> (String, String, bool) {
    let (out, complaints, ok) = program::run(&[&["audit"], args].concat(), b"");
    (out, complaints.replace(&place.path(""), ""), ok)
}

/// What is wrong, in both forms: for people and for machines.
fn wrong(place: &Place, trail: &[u8], heads: &str) -> String {
    let (out, told, ok) = check(place, trail, heads, &[]);
    assert!(!ok && out.contains("verified     no\n"), "{out}{told}");
    let (objects, complaints, ok) = check(place, trail, heads, &["--json"]);
    let last: Value = serde_json::from_str(objects.lines().last().expect("a line")).expect("an object");
    assert_eq!((&last["ok"], &last["verified"], complaints.as_str(), ok), (&json!(false), &json!(false), "", false));
    assert_eq!(last["wrong"].as_array().expect("a list").len(), told.lines().count(), "{told}");
    told.replace("inspect: call.trail: ", "")
}

#[test]
fn a_whole_trail_is_verified_and_read_as_a_timeline() {
    // shows: IOE-087 (§4.6 R6), IOE-088 (§4.6 R6)
    let place = Place::governed("audit-whole");
    let call = call(7);
    let expected = "     0        1000 ms  created      enforce; version 0
     1        1000 ms  joined       seat 0; human; join to de from de; PERMITTED; by corporate, line 4; version 0; posture managed; provenance none; consents to recording; until 61000 ms; abababababababababababababababab
     2        1000 ms  moved        START
     3        1001 ms  decided      seat 0; human; speak from de; PERMITTED; by corporate, line 4; version 0; posture managed; provenance none; consents to recording; until 11001 ms
        head over 4 records: signed
     4        1002 ms  decided      seat 0; human; export to de from de; DENIED: a rule denies it; by corporate, line 3; version 0; posture managed; provenance none; consents to recording
     5        1003 ms  invoked      seat 0; human; record by recording on audio to fr from de; PERMITTED; by corporate, line 5; version 0; posture managed; provenance stated; consents to recording; obliges to notify, watermark; binding 0; until 11003 ms; cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd
     6        1004 ms  routed       seat 0; human; record by recording on audio to de and fr from de; PERMITTED; by corporate, line 5; version 0; posture managed; provenance stated; consents to recording; obliges to notify, watermark; binding 0; until 11004 ms
        head over 7 records: signed
     7        1005 ms  transition   seat 0; transport in fr; 03030303030303030303030303030303
     8        1006 ms  ended        seat 0; by recording; binding 0; cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd
     9        1006 ms  moved        TERMINATE
        last head over 10 records: signed

interaction  07070707070707070707070707070707
records      10, 10 of them signed, 0 not
verified     yes: these are the records that were signed
";
    let names = place.path("names");
    assert_eq!(
        check(&place, &call.trail(), &call.heads(), &["--vocabulary", &names]),
        (expected.into(), String::new(), true)
    );
    // Without names there are numbers.
    let (out, ..) = check(&place, &call.trail(), &call.heads(), &[]);
    assert!(
        out.contains(
            "action 2 by function 0 on modality 0 to region 1 from region 0; PERMITTED; by authority 0, line 5;"
        ),
        "{out}"
    );
}

#[test]
fn json_has_every_record_every_head_and_the_whole() {
    let place = Place::governed("audit-json");
    let call = call(7);
    let names = place.path("names");
    let (out, complaints, ok) = check(&place, &call.trail(), &call.heads(), &["--vocabulary", &names, "--json"]);
    assert_eq!((complaints.as_str(), ok), ("", true));
    let objects: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).expect("an object")).collect();
    assert_eq!(objects.len(), 10 + 3 + 1);
    let record = &objects[6];
    assert_eq!((&record["record"], &record["kind"], &record["on"]), (&json!(5), &json!("invoked"), &json!("audio")));
    assert_eq!((&record["line"], &record["obligations"]), (&json!(5), &json!(["notify", "watermark"])));
    assert_eq!(objects[4], json!({ "head": 4, "time": 1_001, "last": false, "agrees": true, "signed": true }));
    let whole = json!({
        "ok": true, "interaction": "07".repeat(16), "records": 10, "heads": 3, "signed": 10, "unsigned": 0,
        "ended": true, "verified": true, "replayed": null, "hash": hex::encode(call.heads[2].hash), "wrong": [], "not_shown": [],
    });
    assert_eq!(objects[13], whole);
}

#[test]
fn what_is_not_shown_is_not_called_verified() {
    let place = Place::governed("audit-unshown");
    let call = call(7);
    let (trail, heads) = (place.file("call.trail", call.trail()), place.file("heads.jsonl", call.heads()));
    let key = hex::encode(key(PLANE));
    let not_shown = |args: &[&str]| {
        let (out, complaints, ok) = inspected(&place, args);
        assert_eq!((complaints.as_str(), ok), ("", false), "nothing is wrong, and not everything is shown");
        assert!(out.contains("verified     no\n"), "{out}");
        out.lines().filter_map(|line| line.strip_prefix("not shown    ").map(str::to_owned)).collect::<Vec<_>>()
    };
    let no_heads = "that the records are those that were made: no heads were given";
    let no_key = "who has signed: no key was given";
    let no_end = "that nothing follows: no signed head says that it is the last";
    assert_eq!(not_shown(&[&trail]), [no_heads, no_key, no_end]);
    assert_eq!(not_shown(&[&trail, "--key", &key]), [no_heads, no_end]);
    assert_eq!(not_shown(&[&trail, "--heads", &heads]), [no_key, no_end]);
    let (out, ..) = inspected(&place, &[&trail, "--heads", &heads]);
    assert!(out.contains("head over 4 records: agrees; whether it is signed was not checked\n"), "{out}");
    assert!(out.contains("records      10, 0 of them signed, 10 not\n"), "{out}");
    // Heads that are kept late cover less.
    let early: String = call.heads[..2].iter().map(|head| head_line(head, PLANE) + "\n").collect();
    let early = place.file("early.jsonl", early);
    let behind = "that records 7 to 9 were made so: no head that holds covers this";
    assert_eq!(not_shown(&[&trail, "--heads", &early, "--key", &key]), [behind, no_end]);
    // All records are signed, but the interaction may go on.
    let begun = place.file("begun.trail", call.records[..7].concat());
    let (out, _, ok) = inspected(&place, &[&begun, "--heads", &early, "--key", &key]);
    assert!(!ok && out.contains("verified     yes") && out.contains(no_end), "{out}");
    // Unless it may go on (`--unfinished`); and it has to be the right interaction.
    let of = |id: &str| {
        inspected(&place, &[&begun, "--heads", &early, "--key", &key, "--unfinished", "--interaction", id]).2
    };
    assert!(of(&"07".repeat(16)) && !of(&"08".repeat(16)));
    let empty = place.file("empty.jsonl", "\n");
    let all = "that records 0 to 9 were made so: no head that holds covers this";
    assert_eq!(not_shown(&[&trail, "--heads", &empty, "--key", &key]), [all, no_end]);
}

#[test]
fn every_flipped_byte_is_found_with_its_record() {
    let place = Place::governed("audit-flipped");
    let call = call(7);
    for (at, record) in [0, 3, 4, 6, 9].into_iter().flat_map(|record| (0..RECORD).map(move |at| (at, record))) {
        // The places of the fields, one byte of each, tell as much as all of them.
        if ![0, 19, 27, 28, 29, 31, 40, 44, 60, RECORD - 1].contains(&at) {
            continue;
        }
        let mut records = call.records.clone();
        records[record][at] ^= 0x40;
        let told = wrong(&place, &records.concat(), &call.heads());
        // A value without meaning or at a wrong place is found at once, and every other change at the next head.
        let since = call.heads.iter().map(|head| head.records).filter(|end| *end as usize <= record).max().unwrap_or(0);
        let until = call.heads.iter().map(|head| head.records).find(|end| *end as usize > record).unwrap_or(0) - 1;
        let found =
            [format!("record {record}: "), format!("record {}: ", record + 1), format!("records {since} to {until}: ")];
        assert!(found.iter().any(|place| told.starts_with(place)), "byte {at} of record {record}: {told}");
        assert_eq!(told.lines().count(), 1, "{told}");
    }
}

#[test]
fn each_damage_is_told_with_its_record() {
    let place = Place::governed("audit-damage");
    let (call, heads) = (call(7), call(7).heads());
    let changed = |change: &dyn Fn(&mut Vec<Bytes>)| {
        let mut records = call.records.clone();
        change(&mut records);
        wrong(&place, &records.concat(), &heads)
    };
    for (change, expected) in [
        (
            &(|records: &mut Vec<Bytes>| records[5][RECORD - 1] ^= 1) as &dyn Fn(&mut Vec<Bytes>),
            "records 4 to 6: the records are not those that were signed (the head in line 2, over 7 records)\n",
        ),
        (&|records| records[5][28] = 0, "record 5: a record has no meaning\n"),
        (&|records| records[5][0] = 0, "record 5: a record is another interaction's\n"),
        (&|records| records[0][0] = 0, "record 0: a record is another interaction's\n"),
        (&|records| _ = records.remove(5), "record 5: record 5 is missing or out of place\n"),
        (&|records| _ = records.remove(0), "record 0: record 0 is missing or out of place\n"),
        (&|records| records.swap(5, 6), "record 5: record 5 is missing or out of place\n"),
        (&|records| records.insert(5, records[4]), "record 5: record 5 is missing or out of place\n"),
        (&|records| records[5][20..28].fill(0), "record 5: a record is older than the one before\n"),
        (&|records| records[0][28] = 2, "record 0: the trail does not begin with the interaction\n"),
        (
            &|records| records.truncate(9),
            "record 9: records are missing at the end (the head in line 3, over 10 records)\n",
        ),
        (
            &|records| records.truncate(5),
            "records 5 to 9: records are missing at the end (the head in line 3, over 10 records)\n",
        ),
        (&|records| records.push(records[9]), "record 10: something follows the end\n"),
        (
            &|records| records.clear(),
            "record 0: there is none\nrecords 0 to 9: records are missing at the end (the head in line 3, over 10 records)\n",
        ),
    ] {
        assert_eq!(changed(change), expected);
    }
}

#[test]
fn what_follows_a_damage_is_listed_and_not_called_proven() {
    let place = Place::governed("audit-follows");
    let call = call(7);
    let mut records = call.records.clone();
    records.remove(5);
    let (out, _, ok) = check(&place, &records.concat(), &call.heads(), &[]);
    assert!(!ok);
    let (before, after) = out.split_once("        from here on nothing is proven\n").expect("a line between");
    assert!(before.contains("head over 4 records: signed\n     4        1002 ms  decided"), "{out}");
    assert!(after.starts_with("     5        1004 ms  routed") && !after.contains("head over"), "{out}");
    assert!(after.contains("records      9, 4 of them signed, 5 not\n"), "{out}");
}

#[test]
fn an_old_trail_is_found_by_the_heads_that_are_kept_apart() {
    let place = Place::governed("audit-old");
    let call = call(7);
    let old = call.records[..4].concat();
    let told = wrong(&place, &old, &call.heads());
    assert_eq!(told, "records 4 to 9: records are missing at the end (the head in line 3, over 10 records)\n");
    // Another interaction's trail in its place is found too.
    let other = self::call(8);
    assert_eq!(wrong(&place, &other.trail(), &call.heads()), "record 0: a record is another interaction's\n");
}

#[test]
fn a_forged_head_is_found_and_others_still_hold() {
    let place = Place::governed("audit-forged");
    let call = call(7);
    let line = |at: usize, signer| head_line(&call.heads[at], signer);
    let forged = [line(0, PLANE), line(1, 8), line(2, PLANE)].join("\n");
    let told = wrong(&place, &call.trail(), &forged);
    assert_eq!(told, "records 4 to 6: the signature of a head does not hold (the head in line 2, over 7 records)\n");
    let (out, ..) = check(&place, &call.trail(), &forged, &[]);
    assert!(out.contains("head over 7 records: DOES NOT HOLD\n") && out.contains("10, 10 of them signed"), "{out}");
    // A rewritten trail with heads that the attacker signed.
    let mut records = call.records.clone();
    records[9][RECORD - 1] = 0;
    let all: Vec<_> = (0..3).map(|at| line(at, 8)).collect();
    assert_eq!(wrong(&place, &records.concat(), &all.join("\n")).lines().count(), 3);
    // A head that claims more than was signed.
    let longer = line(2, PLANE).replace("\"records\":10", "\"records\":11");
    let told = wrong(&place, &call.trail(), &longer);
    assert_eq!(told, "record 10: the signature of a head does not hold (the head in line 1, over 11 records)\n");
    // A point of small order signs everything, unless verification is strict.
    let (trail, heads) = (place.file("call.trail", call.trail()), place.path("heads.jsonl"));
    let mut signature = [0; 64];
    signature[0] = 1;
    let weak = line(2, PLANE);
    let mut object: Value = serde_json::from_str(&weak).expect("an object");
    object["signature"] = hex::encode(signature).into();
    place.file("heads.jsonl", object.to_string());
    let small = format!("01{}", "00".repeat(31));
    let (out, complaints, ok) = inspected(&place, &[&trail, "--heads", &heads, "--key", &small]);
    assert!(!ok && complaints.contains("does not hold") && out.contains("verified     no"), "{out}{complaints}");
}

#[test]
fn heads_may_stand_in_any_order_and_twice() {
    let place = Place::governed("audit-order");
    let call = call(7);
    let lines: Vec<_> = [2, 0, 1, 1].map(|at| head_line(&call.heads[at], PLANE)).to_vec();
    let (out, complaints, ok) = check(&place, &call.trail(), &lines.join("\r\n\r\n"), &[]);
    assert!(ok && complaints.is_empty() && out.contains("verified     yes"), "{out}{complaints}");
}

#[test]
fn a_file_that_ends_within_a_record_is_told() {
    let place = Place::governed("audit-odd");
    let call = call(7);
    let trail = call.trail();
    for (length, expected) in [
        (RECORD * 10 - 1, format!("record 9: the file ends within it, after {} of its {RECORD} bytes\n", RECORD - 1)),
        (RECORD * 4 + 1, format!("record 4: the file ends within it, after 1 of its {RECORD} bytes\n")),
        (5, format!("record 0: the file ends within it, after 5 of its {RECORD} bytes\n")),
    ] {
        assert_eq!(wrong(&place, &trail[..length], &call.heads()), expected);
    }
    let (_, complaints, ok) = inspected(&place, &[&place.file("empty.trail", "")]);
    assert_eq!((complaints.as_str(), ok), ("inspect: empty.trail: record 0: there is none\n", false));
}

#[test]
fn a_decision_is_explained_in_full_sentences() {
    // shows: IOE-090 (§4.6 R6), IOE-091 (§4.6 R6)
    let place = Place::governed("audit-explain");
    let call = call(7);
    let names = place.path("names");
    let explain = |number: &str| {
        let (out, complaints, ok) =
            check(&place, &call.trail(), &call.heads(), &["--vocabulary", &names, "--explain", number]);
        assert_eq!((complaints.as_str(), ok), ("", true));
        out.split_once("\n\n").expect("what is proven, behind").0.to_owned()
    };
    let digest = hex::encode(&world().version_of(Track::STABLE).expect("a version").digest()[..8]);
    let expected = format!(
        "\
This is record 5 of interaction 07070707070707070707070707070707, made at 1003 ms: invoked.
Who: the human in seat 0, with the name abababababababababababababababab, since record 1.
It was asked whether a function may begin this: record by recording on audio to fr from de.
It was permitted.
It was decided against version 0 of the policy, whose digest begins with {digest}.
All who were asked permitted it; the first was corporate, in line 5 of its text.
What was known: the posture was managed; the provenance was stated; everybody consented to recording.
It obliges to notify, watermark.
The permit holds until 11003 ms, or until something changes that it rests on.
A signed head covers it."
    );
    assert_eq!(explain("5"), expected);
    let denied = explain("4");
    assert!(denied.contains("\nIt was denied: a rule denies it.\n"), "{denied}");
    assert!(denied.contains("\ncorporate decided so, in line 3 of its text.\n"), "{denied}");
    assert!(!denied.contains("obliges") && !denied.contains("holds until"), "{denied}");
    assert!(explain("6").contains(
        "\nIt was asked on which way data may go for this: record by recording on audio to de and fr from de.\n"
    ));
    let joined = explain("1");
    assert!(
        joined.contains("\nWho: the human in seat 0, with the name abababababababababababababababab.\n"),
        "{joined}"
    );
    assert!(joined.contains("\nThe validation holds until 61000 ms,"), "{joined}");
    let fact = explain("7");
    assert!(fact.contains("\nIt is about this: transport in fr.\nIt is a fact: nothing was decided.\n"), "{fact}");
    // Machines get the same sentences.
    let (out, _, ok) =
        check(&place, &call.trail(), &call.heads(), &["--vocabulary", &names, "--explain", "5", "--json"]);
    let object: Value = serde_json::from_str(out.lines().next().expect("a line")).expect("an object");
    assert!(ok && out.lines().count() == 2);
    assert_eq!((&object["record"], &object["signed"]), (&json!(5), &json!(true)));
    assert_eq!(object["explanation"].as_array().expect("sentences").len(), 9);
    // What is not proven is reported as not proven.
    let (out, _, ok) = inspected(&place, &[&place.path("call.trail"), "--explain", "5"]);
    assert!(!ok && out.contains("\nNo signed head covers it.\n"), "{out}");
    let mut records = call.records.clone();
    records.remove(3);
    let (out, _, ok) = check(&place, &records.concat(), &call.heads(), &["--explain", "5"]);
    assert!(
        !ok && out.contains("\nIt is not where it should be, or something before it is not: nothing proves it.\n"),
        "{out}"
    );
    let (_, complaints, ok) = check(&place, &call.trail(), &call.heads(), &["--explain", "10"]);
    assert_eq!((complaints.as_str(), ok), ("inspect: --explain: there is no record 10; the trail has 10\n", false));
}

#[test]
fn whoever_is_not_let_in_or_speaks_for_another_is_told() {
    let place = Place::governed("audit-who");
    let id = InteractionId::recorded([7; 16]);
    let created = Record::fact(id, 0, Time(1), audit::RecordKind::Created);
    let refused = Record {
        verdict: Verdict::NotPermitted,
        participant: Some(3),
        action: Some(0),
        authority: Some(1),
        speaker: Some(0),
        policy: Some(4),
        subject: [0xEE; 16],
        ..Record::fact(id, 1, Time(2), audit::RecordKind::Joined)
    };
    let unknown = Record {
        verdict: Verdict::DeniedByRule,
        seat: Some(9),
        participant: Some(200),
        provenance: Some(77),
        action: Some(99),
        line: Some(12),
        ..Record { sequence: 2, kind: audit::RecordKind::Decided, subject: [0xFF; 16], ..refused }
    };
    let trail = place.file("call.trail", [created, refused, unknown].map(|record| record.write()).concat());
    let names = place.path("names");
    let explain = |number| inspected(&place, &[&trail, "--vocabulary", &names, "--explain", number]).0;
    let told = explain("1");
    assert!(
        told.contains("\nWho: the agent without a seat, with the name eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee.\n"),
        "{told}"
    );
    assert!(told.contains("\nIt was denied: no rule permits it.\n"), "{told}");
    assert!(told.contains("\ncorporate in the place of privacy decided so, by no single line.\n"), "{told}");
    // Unknown numbers stay numbers.
    let told = explain("2");
    assert!(
        told.contains("\nWho: the participant of kind 200 in seat 9, of whom this trail does not say who"),
        "{told}"
    );
    assert!(told.contains(": action 99.\n") && told.contains("the provenance was of level 77;"), "{told}");
    assert!(told.contains("\ncorporate in the place of privacy decided so, in line 12 of its text.\n"), "{told}");
    let (out, ..) = inspected(&place, &[&trail, "--vocabulary", &names]);
    assert!(
        out.contains("agent; join; DENIED: no rule permits it; by corporate in the place of privacy; version 4;"),
        "{out}"
    );
}

#[test]
fn mistakes_get_one_line_with_their_place() {
    let place = Place::governed("audit-mistakes");
    let call = call(7);
    let good = head_line(&call.heads[0], PLANE);
    for (heads, expected) in [
        ("{}".into(), "heads.jsonl:1: missing field"),
        (format!("{good}\n\nnonsense"), "heads.jsonl:3: expected"),
        (good.replace("\"last\"", "\"latest\""), "heads.jsonl:1: unknown field"),
        (
            good.replace("\"signature\":\"", "\"signature\":\"00"),
            "heads.jsonl:1: signature: 64 bytes are needed, not 65",
        ),
        (good.replace("\"hash\"", "\"\\u001b[2J\""), "heads.jsonl:1: unknown field `\\u{1b}[2J`"),
        (" ".repeat(5_000) + &good, "heads.jsonl:1: longer than any head"),
    ] {
        let (out, complaints, ok) = check(&place, &call.trail(), &heads, &[]);
        assert!(complaints.starts_with(&format!("inspect: {expected}")), "{complaints}");
        assert_eq!((out.as_str(), complaints.lines().count(), ok), ("", 1, false), "{complaints}");
        assert!(!complaints.contains('\u{1b}'));
    }
    let (_, complaints, ok) = inspected(&place, &[&place.path("nowhere.trail")]);
    assert!(!ok && complaints.starts_with("inspect: nowhere.trail: "), "{complaints}");
    let names = place.file("names", "actions join,\n");
    let (_, complaints, ok) = check(&place, &call.trail(), &call.heads(), &["--vocabulary", &names]);
    assert_eq!((complaints.lines().next(), ok), (Some("names:1:14: the line ends where a word has to follow"), false));
    let args = ["audit", &place.path("call.trail"), "--key", "07"];
    assert_eq!(program::inspect(&args, b"").status.code(), Some(2));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_files_make_it_stumble(
        bytes in proptest::collection::vec(any::<u8>(), 0..400),
        // Each record near to a real one: any byte may be another one.
        edits in proptest::collection::vec((0..RECORD * 10, any::<u8>()), 0..6),
        heads in "(\\{|\"records\":|\"time\":1|,|\\}|null|\n|[0-9a-f]{2}){0,20}",
        random in any::<bool>(), broken_heads in any::<bool>(), explain in proptest::option::of(0..12_u64),
    ) {
        let place = Place::governed("audit-fuzz");
        let call = call(7);
        let mut trail = call.trail();
        for (at, byte) in &edits {
            trail[*at] = *byte;
        }
        let same = trail == call.trail() && !random && !broken_heads;
        let trail = if random { bytes } else { trail };
        let heads = if broken_heads { heads } else { call.heads() };
        let number = explain.unwrap_or_default().to_string();
        let options = ["--explain", &number];
        let options = if explain.is_some() { &options[..] } else { &[] };
        // `run` checks that the program ends by itself, with success or failure.
        let (out, complaints, ok) = check(&place, &trail, &heads, options);
        // In a trail without heads nothing is wrong, and nothing is verified.
        prop_assert!(!ok || complaints.is_empty(), "{}{}", out, complaints);
        prop_assert!(ok || !complaints.is_empty() || out.contains("verified     no"), "{}{}", out, complaints);
        let exists = explain.is_none_or(|number| number < 10);
        prop_assert_eq!(out.contains("verified     yes"), same && exists, "{}{}", out, complaints);
    }
}

#[test]
fn every_decision_is_made_once_more_from_the_texts() {
    // shows: IOE-090 (§4.6 R6)
    let place = Place::governed("audit-replay");
    let call = call(7);
    let [names, corporate, privacy] = ["names", "corporate.policy", "privacy.policy"].map(|name| place.path(name));
    let other = place.file("other.policy", govern::CORPORATE.replace("permit export", "permit any on video"));
    let replayed = |texts: &[&str]| {
        let args: Vec<&str> =
            ["--vocabulary", &names, "--json", "--replay"].into_iter().chain(texts.iter().copied()).collect();
        let (out, _, ok) = check(&place, &call.trail(), &call.heads(), &args);
        let whole: Value = serde_json::from_str(out.lines().last().expect("a line")).expect("an object");
        (ok, whole["replayed"].clone())
    };
    assert_eq!(replayed(&[&corporate, &privacy]), (true, json!({ "same": 5, "differ": 0 })));
    // Other versions beside them do no harm; without the one that governed nothing is shown.
    assert!(replayed(&[&other, &corporate, &privacy]).0);
    assert_eq!(replayed(&[&other, &privacy]), (false, json!({ "same": 0, "differ": 5 })));
}
