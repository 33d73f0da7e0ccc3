//! The draft's own video conference, on its scripted day (`IoE §3.2.1`).

mod support;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use support::{
    BY_RULE, Expected, LAPSED, NO_RULE, NOT_ACTIVE, NOT_THERE, PERMITTED, UNREACHABLE, come_in_order, decided, fact,
    run, told, verdicts,
};

const CORPORATE: &str = "corporate.policy";

fn in_order(expected: &[Expected]) {
    come_in_order(&told(&[]).events, expected);
}

#[test]
fn employees_and_guests_join_and_each_authority_has_its_say_on_its_own() {
    // shows: IOE-034 (§3.2.1), IOE-093 (§4.7 R7)
    in_order(&[
        fact("created", "control plane", "creates the interaction").then("created"),
        fact("policy", "control plane", "version 0"),
        decided("joined", "employee 1", "of corporate", PERMITTED).line(CORPORATE, 5).then("active"),
        decided("joined", "employee 6", "of corporate", PERMITTED),
        decided("joined", "guest 1", "of guest-organisation", PERMITTED),
        decided("decided", "employee 1", "presents", PERMITTED).line(CORPORATE, 7),
        decided("decided", "guest 2", "wants to present", NO_RULE).by("guest-organisation"),
        decided("decided", "employee 5", "wants to share a file", BY_RULE).by("corporate").line(CORPORATE, 6),
    ]);
}

// shows: IOE-118 (§6)
#[test]
fn functions_run_by_their_provenance_and_at_a_place_that_the_law_allows() {
    // shows: IOE-050 (§3.3), IOE-068 (§4.3 R3), IOE-095 (§4.7 R7), IOE-134 (§8)
    in_order(&[
        decided("invoked", "captions", "for employee 1", PERMITTED),
        decided("invoked", "screening", "its publisher vouches", PERMITTED).line(CORPORATE, 15),
        decided("invoked", "AI assistant", "vouches for itself", NO_RULE).by("corporate"),
        decided("invoked", "AI assistant", "its publisher vouches", PERMITTED).line(CORPORATE, 17),
        decided("invoked", "recording", "", PERMITTED).line(CORPORATE, 10),
        decided("invoked", "translation", "for guest 1", PERMITTED),
        decided("invoked", "glossary look-up", "delegated by translation", PERMITTED),
        decided("invoked", "transcription", "in us", NOT_THERE).by("regional-privacy"),
        decided("invoked", "transcription", "in fr (of us and fr)", PERMITTED).line(CORPORATE, 11),
    ]);
}

#[test]
fn what_needs_everybodys_consent_stops_for_a_newcomer_and_begins_again() {
    // shows: IOE-061 (§4.2 R2), IOE-076 (§4.4 R4)
    let events = told(&[]).events;
    come_in_order(
        &events,
        &[
            decided("joined", "guest 4", "consents to nothing", PERMITTED),
            decided("cancelled", "recording", "", NO_RULE).by("corporate"),
            decided("cancelled", "analytics", "", NO_RULE),
            decided("cancelled", "transcription", "", NO_RULE),
            decided("invoked", "recording", "", NO_RULE),
            fact("consented", "guest 4", "recording, analysis"),
            decided("invoked", "recording", "", PERMITTED),
            decided("invoked", "transcription", "", PERMITTED),
        ],
    );
    let at = |event: &str, who: &str| {
        let found = events.iter().position(|one| one["event"] == event && one["who"] == who);
        found.expect("it happens")
    };
    let between = &events[at("joined", "guest 4")..at("consented", "guest 4")];
    let stopped = between.iter().filter(|event| event["event"] == "cancelled").count();
    assert_eq!(stopped, 3, "captions, screening and translation need no consent, and go on");
    let recording = events.iter().find(|event| event["who"] == "recording" && event["permits"] == true);
    let obligations = &recording.expect("it was permitted")["obligations"];
    assert_eq!(*obligations, json!(["notify", "watermark", "retain"]), "what all authorities oblige to together");
}

#[test]
fn who_is_there_is_validated_again_and_again() {
    // shows: IOE-022 (§3.1), IOE-060 (§4.2 R2), IOE-062 (§4.2 R2)
    in_order(&[
        fact("revalidated", "employee 3", "until 09:10:00"),
        decided("decided", "employee 3", "shares a file", PERMITTED),
        decided("cancelled", "recording", "", NO_RULE),
        decided("decided", "employee 3", "shares another", LAPSED),
        fact("revalidated", "employee 3", "unmanaged"),
        decided("decided", "employee 3", "tries again", BY_RULE).line(CORPORATE, 6),
        decided("decided", "employee 3", "shares it", PERMITTED),
        decided("invoked", "recording", "", PERMITTED),
        fact("revalidated", "everybody", "10 are validated again"),
    ]);
}

// shows: IOE-009 (§2.2), IOE-026 (§3.1)
#[test]
fn the_identity_stays_from_network_to_network_and_from_protocol_to_protocol() {
    // shows: IOE-073 (§4.4 R4), IOE-074 (§4.4 R4), IOE-077 (§4.4 R4), IOE-091 (§4.6 R6), IOE-101 (§4.8 R8)
    let stays = "the identity stays";
    let no_proof = Some("no proof of the key with which it was bound");
    let same = Some("the same interaction");
    in_order(&[
        decided("bound", "employee 2", "QUIC", Some("it leads to the interaction")),
        decided("decided", "employee 2", "adapts video to office Wi-Fi", PERMITTED).line(CORPORATE, 8),
        decided("routed", "employee 2", "of de-us and de-fr, de-fr", PERMITTED),
        decided("rebound", "guest 2", "which is employee 2's", no_proof),
        decided("rebound", "employee 2", "broke", same),
        fact("transition", "employee 2", "over mobile (transport transition, in de); the identity stays"),
        decided("decided", "employee 2", "adapts video to mobile", PERMITTED),
        decided("rebound", "employee 2", "broke", same),
        fact("transition", "employee 2", "over home (transport transition, in fr); the identity stays"),
        decided("decided", "employee 2", "adapts video to home", PERMITTED),
        decided("rebound", "guest 2", "goes on as WebRTC session", same),
        fact("transition", "guest 2", stays),
    ]);
}

#[test]
fn conflicting_residencies_leave_no_place_and_each_place_names_who_stands_against_it() {
    // shows: IOE-094 (§4.7 R7), IOE-096 (§4.7 R7)
    in_order(&[
        decided("placed", "employee 1", "of de and fr and us, none", NOT_THERE).by("industry"),
        decided("decided", "employee 1", "in de", NOT_THERE).by("industry"),
        decided("decided", "employee 1", "in fr", NOT_THERE).by("industry"),
        decided("decided", "employee 1", "in us", NOT_THERE).by("regional-privacy"),
    ]);
}

#[test]
fn what_does_not_need_what_failed_goes_on() {
    // shows: IOE-072 (§4.3 R3), IOE-103 (§4.9 R9), IOE-104 (§4.9 R9), IOE-105 (§4.9 R9), IOE-106 (§4.9 R9)
    in_order(&[
        fact("left", "guest 1", "is gone").then("active"),
        fact("cancelled", "translation", "is stopped with it"),
        fact("cancelled", "glossary look-up", "is stopped with it"),
        fact("failed", "recording", "has until 09:19:20").then("degraded"),
        decided("decided", "employee 1", "speaks on", PERMITTED).then("degraded"),
        decided("recovered", "recording", "", Some("in time")).then("active"),
        fact("failed", "analytics", "").then("degraded"),
        fact("cancelled", "analytics", "has not recovered in time").then("active"),
        fact("failed", "captions", "it is core").then("suspended"),
        decided("decided", "employee 1", "wants to speak", NOT_ACTIVE),
        decided("recovered", "captions", "", Some("in time")).then("active"),
        decided("decided", "employee 1", "speaks on", PERMITTED),
    ]);
}

#[test]
fn an_authority_that_cannot_be_asked_denies_in_its_scope_alone() {
    // shows: IOE-107 (§4.9 R9), IOE-135 (§8)
    in_order(&[
        fact("reach", "industry", "cannot be asked"),
        decided("decided", "employee 1", "speaks", PERMITTED),
        decided("invoked", "second recording", "", UNREACHABLE).by("industry"),
        decided("cancelled", "recording", "", UNREACHABLE).by("industry"),
        decided("decided", "employee 1", "shows video", PERMITTED),
        fact("reach", "industry", "can be asked again"),
        decided("invoked", "recording", "", PERMITTED),
    ]);
}

#[test]
fn a_delegation_holds_within_its_scope_and_until_its_end() {
    // shows: IOE-098 (§4.7 R7)
    in_order(&[
        decided("decided", "guest 2", "wants to present", NO_RULE).by("guest-organisation"),
        decided("delegated", "guest-organisation", "until 09:30:00", Some("taken")),
        decided("decided", "guest 2", "presents", PERMITTED),
        decided("decided", "guest 2", "wants to share a file, too", NO_RULE).by("guest-organisation"),
        decided("decided", "guest 2", "wants to present again", NO_RULE).by("guest-organisation"),
    ]);
}

#[test]
fn a_version_goes_to_a_few_to_all_and_back_and_touches_nobody_else() {
    // shows: IOE-078 (§4.5 R5), IOE-079 (§4.5 R5), IOE-080 (§4.5 R5), IOE-081 (§4.5 R5), IOE-130 (§8), IOE-131 (§8)
    let events = told(&[]).events;
    come_in_order(
        &events,
        &[
            decided("update", "corporate", "signs corporate-2.policy", Some("taken")),
            fact("canary", "control plane", "canary of 10 %"),
            decided("decided", "employee 2", "presents", PERMITTED).line(CORPORATE, 7),
            fact("promoted", "control plane", ""),
            decided("decided", "employee 2", "presents", BY_RULE).line("corporate-2.policy", 6),
            fact("rolled-back", "control plane", ""),
            decided("decided", "employee 2", "presents", PERMITTED).line(CORPORATE, 7),
            decided("update", "corporate", "signed with another key", Some("the signature does not hold")),
            decided("update", "corporate", "its first version, once more", Some("an old version")),
            decided("update", "corporate", "version 9", Some("it does not follow the version that is known")),
        ],
    );
    let counts = |event: &str| -> Vec<&Value> {
        events.iter().filter(|one| one["event"] == event).map(|one| &one["counts"]).collect()
    };
    let number = |counts: &Value, name: &str| counts[name].as_u64().expect(name);
    let [canary, may] = counts("canary")[..] else { panic!("the canary is told twice") };
    let covered = number(canary, "covered");
    // Ten percent of 200, give or take four standard deviations.
    assert!((4..=37).contains(&covered), "{covered} of 200");
    assert_eq!(number(canary, "covered_before"), 0, "only new interactions");
    assert_eq!((number(may, "may_before"), number(may, "may_covered")), (100, 0));
    assert_eq!((number(may, "outside"), number(may, "may_outside")), (200 - covered, 200 - covered));
    let all = |held: u64, by_new: u64, may: u64| json!({"interactions": 300, "leases_held": held, "leases_hold": 0, "by_new": by_new, "may": may});
    assert_eq!(counts("promoted"), [&all(300 - covered, 300, 0)], "no earlier permit holds: each is decided anew");
    assert_eq!(counts("rolled-back"), [&all(0, 0, 300)]);
    assert_eq!(counts("sides"), [&json!({"interactions": 300, "proven": 300})]);
}

#[test]
fn it_ends_and_nothing_leads_to_it_any_more() {
    let events = told(&[]).events;
    let found: Vec<&str> =
        events.iter().filter(|one| one["event"] == "found").filter_map(|one| one["what"].as_str()).collect();
    let [while_it_lasts, after] = found[..] else { panic!("{found:?}") };
    assert!(while_it_lasts.contains("leads to ") && after.ends_with("leads nowhere"));
    assert_eq!(events.last().expect("something happens")["state"], "terminated");
}

// shows: IOE-013 (§2.2)
#[test]
fn thirty_one_binding_points_against_the_fragmented_count() {
    // shows: IOE-034 (§3.2.1), IOE-035 (§3.2.1), IOE-036 (§3.2.1), IOE-037 (§3.2.1), IOE-038 (§3.2.1), IOE-039 (§3.2.1), IOE-041 (§3.2.1)
    let size = &told(&[]).summary["coordination"];
    let expected = json!({
        "participants": 10, "modalities": 6, "functions": 8, "authorities": 4, "transitions": 3,
        "binding_points": 31, "fragmented": "332.000", "fragmented_at_300": "99.600", "worst_case": 5760,
    });
    assert_eq!(*size, expected);
}

#[test]
fn the_trail_is_proven_and_each_tampering_is_named() {
    // shows: IOE-092 (§4.6 R6), IOE-136 (§8)
    let summary = told(&[]).summary;
    assert_eq!([&summary["verified"], &summary["replayed"], &summary["ok"]], [true, true, true]);
    let found = |how: &str| {
        let tampered = summary["tampered"].as_array().expect("a list");
        let one = tampered.iter().find(|one| one["how"] == how);
        one.and_then(|one| one["found"].as_str()).expect(how)
    };
    assert_eq!(found("a bit flipped"), "the records are not those that were signed");
    assert!(found("a record dropped").ends_with("is missing or out of place"));
    assert!(found("two records in another order").ends_with("is missing or out of place"));
    assert_eq!(found("the tail cut off"), "records are missing at the end");
    assert_eq!(found("an old state put back"), "records are missing at the end");
    assert_eq!(found("an old state put back, with its heads"), "the last head is missing");
    assert_eq!(found("a record added after the end"), "something follows the end");
}

#[test]
fn no_two_authorities_see_a_name_that_the_other_sees() {
    // shows: IOE-128 (§8)
    let summary = told(&[]).summary;
    let mut names = BTreeSet::from([summary["interaction"].to_string()]);
    let seen = summary["seen"].as_array().expect("a list");
    for one in seen {
        names.insert(one["interaction"].to_string());
        names.extend(one["participants"].as_array().expect("a list").iter().map(Value::to_string));
    }
    assert_eq!((seen.len(), names.len()), (4, 1 + 4 * (1 + 10)));
}

#[test]
fn the_same_seed_gives_the_same_trail_and_another_seed_another() {
    // shows: IOE-090 (§4.6 R6)
    let (one, again, other) = (told(&["--seed", "7"]), told(&["--seed", "7"]), told(&["--seed", "8"]));
    assert_eq!((&one.events, &one.summary), (&again.events, &again.summary));
    for field in ["chain", "interaction", "public_key"] {
        assert_ne!(one.summary[field], other.summary[field], "{field}");
    }
    // What is drawn decides nothing.
    assert_eq!(verdicts(&one.events), verdicts(&other.events));
}

#[test]
fn every_line_that_decided_is_the_line_of_its_file() {
    let policies = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies");
    let events = told(&[]).events;
    let mut compared = 0;
    for event in events.iter().filter(|event| event["line"].is_number()) {
        let file = fs::read_to_string(policies.join(event["file"].as_str().expect("a file"))).expect("it is there");
        let number = usize::try_from(event["line"].as_u64().expect("a line")).expect("a small one");
        let line = file.lines().nth(number - 1).expect("the file is that long");
        let words: Vec<&str> = line.split_whitespace().collect();
        assert_eq!(event["rule"], words.join(" "));
        let effects: &[&str] = if event["permits"] == true { &["permit"] } else { &["deny", "keep"] };
        assert!(effects.contains(&words[0]), "{event}");
        compared += 1;
    }
    assert!(compared > 40, "{compared}");
}

#[test]
fn people_read_the_same_day() {
    let (told, text) = (told(&[]), support::text(&[]));
    for event in &told.events {
        let part = |field: &str| event[field].as_str().unwrap_or_default();
        let [what, verdict, rule] = ["what", "verdict", "rule"].map(part);
        assert!(text.contains(what) && text.contains(verdict) && text.contains(rule), "{event}");
    }
    assert!(text.contains("31 binding points") && text.contains("5760"));
    assert!(text.trim_end().ends_with("OK: every step is proven."));
}

#[test]
fn a_file_that_cannot_be_written_is_told_with_its_option() {
    for option in ["--trail", "--heads", "--key"] {
        let output = run(&["--json", option, "/nowhere/at/all"]);
        let complaint = String::from_utf8(output.stderr).expect("text");
        assert!(!output.status.success());
        assert!(complaint.starts_with(&format!("conference: {option}: cannot write ")), "{complaint}");
    }
}
