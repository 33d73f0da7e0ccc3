//! A record is described in words that fit its kind: no number is shown under a meaning that it has in other kinds, and
//! no permit is called a denial.

mod govern;
mod program;

use govern::Place;
use interaction_gov::audit::{Change, Record, RecordKind, Verdict};
use interaction_gov::identity::InteractionId;
use interaction_gov::policy::On;
use interaction_gov::time::Time;
use interaction_gov::vocabulary::{Modality, Region, Set};
use program::inspect;

fn fact(kind: RecordKind) -> Record {
    Record::fact(InteractionId::recorded([7; 16]), 1, Time(1_000), kind)
}

/// The line of the timeline, and the explanation, of a record that follows the first one of a trail.
fn told(place: &Place, record: Record) -> (String, String) {
    let created = Record { sequence: 0, ..fact(RecordKind::Created) };
    let trail = place.file("words.trail", [created, record].map(|record| record.write()).concat());
    let names = place.path("names");
    let said = |more: &[&str]| {
        let args = [&["audit", &trail, "--vocabulary", &names], more].concat();
        String::from_utf8(inspect(&args, b"").stdout).expect("words")
    };
    let line = said(&[]).lines().find(|line| line.contains(record.kind.name())).unwrap_or_default().to_owned();
    (line, said(&["--explain", "1"]))
}

#[test]
fn each_kind_has_words_of_its_own() {
    let place = Place::governed("audit-words");
    let decided = Record {
        seat: Some(0),
        action: Some(0),
        law: Some(Set::one(Region(0))),
        goes: Some(Set::EMPTY),
        participant: Some(0),
        posture: Some(0),
        provenance: Some(0),
        authority: Some(1),
        speaker: Some(1),
        line: Some(4),
        policy: Some(2),
        subject: [0; 16],
        ..fact(RecordKind::Decided)
    };
    let cases: [(Record, &str, &str); 11] = [
        (
            Record { verdict: Verdict::Always, seat: Some(0), action: Some(0), ..fact(RecordKind::Decided) },
            "PERMITTED: always permitted",
            "It was always permitted.",
        ),
        (
            Record { verdict: Verdict::Permit, kind: RecordKind::HandedOver, ..decided },
            "PERMITTED; by privacy, line 4",
            "It was asked whether this may run for another participant: join",
        ),
        (
            Record {
                verdict: Verdict::Residency,
                kind: RecordKind::Flow,
                on: On::Stream(Modality(0)),
                sends: 1,
                receives: 0,
                ..decided
            },
            "DENIED: it may not go there; by privacy, line 4",
            "From then on: sends audio, receives nothing.",
        ),
        (
            Record { policy: Some(3), obligations: 0b10, ..fact(RecordKind::Governs) },
            "privacy cannot be asked",
            "It says: privacy cannot be asked.",
        ),
        (
            Record { policy: Some(3), obligations: 0b10, count: 4, ..fact(RecordKind::Governs) },
            "4 changes of the control plane before it are not told one by one; privacy cannot be asked",
            "It says: 4 changes",
        ),
        (Record { action: Some(2), ..fact(RecordKind::Policy) }, "pinned", "It is about this: pinned."),
        (
            Record { count: 3, ..fact(RecordKind::Gap) },
            "3 took effect before it",
            "It says: 3 took effect before it, and are not recorded one by one.",
        ),
        (Record { count: 9, ..fact(RecordKind::Spared) }, "9 refusals before it", "It says: 9 refusals before it"),
        (
            Record { until: Some(Time(77)), binding: Some(0), ..fact(RecordKind::Failed) },
            "to recover until 77 ms",
            "It has until 77 ms to recover.",
        ),
        (Record { until: Some(Time(77)), ..fact(RecordKind::Clock) }, "before, it was 77 ms", "Before, it was 77 ms."),
        (
            Record { seat: Some(0), subject: [0xEE; 16], ..fact(RecordKind::Banned) },
            "seat 0",
            "with the name eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee.",
        ),
    ];
    for (record, line, sentence) in cases {
        let (in_the_timeline, explained) = told(&place, record);
        assert!(in_the_timeline.contains(line), "{:?}: {in_the_timeline}", record.kind);
        assert!(explained.contains(sentence), "{:?}: {explained}", record.kind);
        let denied = in_the_timeline.contains("DENIED");
        assert_eq!(denied, record.verdict != Verdict::Fact && !record.verdict.permits(), "{in_the_timeline}");
        assert!(!in_the_timeline.contains("obliges to"), "{in_the_timeline}");
    }
}

#[test]
fn every_change_of_the_control_plane_is_told_by_its_name() {
    let place = Place::governed("audit-changes");
    for change in Change::ALL {
        let record = Record { action: Some(change.code()), authority: Some(1), plane: 6, ..fact(RecordKind::Changed) };
        let (line, explained) = told(&place, record);
        assert!(line.contains(&format!("{change}, privacy; change 6 of the control plane")), "{line}");
        assert!(
            explained.contains(&format!("This is change 6 of the control plane: {change}, privacy.")),
            "{explained}"
        );
    }
    let delegated = Record {
        action: Some(Change::Delegated.code()),
        authority: Some(1),
        speaker: Some(0),
        plane: 1,
        ..fact(RecordKind::Changed)
    };
    assert!(told(&place, delegated).0.contains("delegated, privacy to corporate;"));
}
