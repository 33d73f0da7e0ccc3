//! Every word that an operator reads: each line names outcome, object, sender, key, reason, and what to do.

mod support;

use std::collections::BTreeSet;
use std::fs;

use cep_envelope::decision::{Finding, Outcome};
use cep_envelope::manifest::CausalParent;
use dropbox::{Binding, Format, Half, Keys, Line, Sealed, Sealing, in_words};
use support::*;

/// A place where Mallory's key is bound too, and one more of Alice's that ended an hour ago.
fn place() -> Place {
    let mut place = Place::new();
    let old = sender("alice", "alice-0", 7);
    let ended = Binding { until: Some(jiff::Timestamp::now() - jiff::SignedDuration::from_hours(1)), ..binding(&old) };
    let all = vec![binding(&alice()), binding(&mallory()), binding(&carol()), ended];
    place.settings.keys = Keys::new(all).expect("keys").into();
    place
}

fn by(sender: &Sender, sealing: Sealing<'_>, object: &[u8]) -> Sealed {
    Sealing { signer: sender.signer, ..sealing }.seal(object, &sender.pair).expect("sealed")
}

/// What an operator reads of an object, and what must be in it.
fn is_complete(line: &Line, sender: &str, signer: Option<&str>) {
    let text = in_words(line);
    let outcome = line.outcome.0;
    assert!(text.starts_with(outcome.name()), "the outcome: {text}");
    assert!(text.contains(&format!("  {}  ", line.name)), "the object: {text}");
    let from = [format!("(from {sender}"), format!("(says to be from {sender}"), "(from an unknown sender".into()];
    assert!(
        from[..2].iter().any(|from| text.contains(from)) || sender.is_empty() && text.contains(&from[2]),
        "the sender: {text}"
    );
    if let Some(signer) = signer {
        assert!(text.contains(&format!(", key {signer})")), "the key: {text}");
    }
    for name in &line.deciding {
        let finding = Finding::ALL.into_iter().find(|finding| finding.name() == name);
        let reason = finding.map_or("the object", Finding::words);
        assert!(text.contains(reason), "the reason, {reason:?}: {text}");
    }
    assert_eq!(line.advice.is_some(), !outcome.approves(), "what to do, if anything is to be done: {text}");
    assert!(line.advice.as_deref().is_none_or(|advice| !advice.is_empty() && text.contains(advice)), "{text}");
    assert!(text.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "nothing that steers a terminal: {text}");
    let json = serde_json::to_value(line).expect("JSON");
    assert_eq!(json["signer"].as_str(), signer, "machines read the same: {json}");
}

#[test]
fn each_line_names_object_sender_key_reason_and_what_to_do() {
    let place = place();
    let root = seal(Sealing { context: "root", ..sealing(90) }, b"root");
    let child = |context, seconds| Sealing { context, parent: child_of(&root), ..sealing(seconds) };
    let ctx = |context: &'static str| Sealing { context, ..sealing(60) };
    let orphan = CausalParent::Of(seal(ctx("nowhere"), b"").digest);
    let old = sender("alice", "alice-0", 7);
    let alice = || Some("alice-1");
    type Case = (Sealed, &'static [u8], &'static str, Option<&'static str>, &'static [&'static str]);
    let cases: Vec<Case> = vec![
        (root.clone(), b"root", "alice", alice(), &[]),
        (seal(child("first", 80), b"1"), b"1", "alice", alice(), &[]),
        (seal(child("second", 70), b"2"), b"2", "alice", alice(), &["parent-continued"]),
        (
            seal(Sealing { parent: CausalParent::Missing, ..ctx("missing") }, b"3"),
            b"3",
            "alice",
            alice(),
            &["parent-missing"],
        ),
        (seal(Sealing { parent: orphan, ..ctx("orphan") }, b"4"), b"4", "alice", alice(), &["parent-unknown"]),
        (seal(Sealing { context: "stale", ..sealing(10 * 86_400) }, b"5"), b"5", "alice", alice(), &["stale"]),
        (seal(Sealing { context: "ahead", ..sealing(-3_600) }, b"6"), b"6", "alice", alice(), &["sealed-ahead"]),
        (seal(Sealing { recipient: "dave", ..ctx("dave") }, b"7"), b"7", "alice", alice(), &["other-recipient"]),
        (ctx("forged").seal(b"8", &mallory().pair).expect("sealed"), b"8", "alice", alice(), &["bad-signature"]),
        (by(&sender("eve", "eve-1", 8), ctx("eve"), b"9"), b"9", "alice", Some("eve-1"), &["key-not-bound"]),
        (by(&old, ctx("ended"), b"a"), b"a", "alice", Some("alice-0"), &["key-not-bound"]),
        (by(&mallory(), ctx("posing"), b"b"), b"b", "mallory", Some("mallory-1"), &["profile-of-another"]),
        (seal(ctx("bytes"), b"c"), b"other", "alice", alice(), &["digest-differs"]),
    ];
    for (sealed, object, sender, signer, deciding) in &cases {
        place.drop(sealed, object);
        let line = place.run_one();
        assert_eq!(line.deciding, *deciding, "{}", line.words);
        is_complete(&line, sender, *signer);
    }
    // Once more; another key of the same object; a name that says something else.
    place.drop(&root, b"root");
    let line = place.run_one();
    assert_eq!(line.deciding, ["replayed"]);
    is_complete(&line, "alice", alice());
    place.put_as("2026-05-14.a.alice.normal", &seal(ctx("name"), b"d"), b"d");
    let line = place.run_one();
    assert!(line.deciding.contains(&"surface-differs".to_owned()), "{:?}", line.deciding);
    is_complete(&line, "alice", alice());
    let outcomes: BTreeSet<_> = place.journal().iter().map(|line| line.outcome.0).collect();
    assert_eq!(outcomes, BTreeSet::from(Outcome::ALL), "each outcome is shown");
}

#[test]
fn what_cannot_be_read_is_told_as_completely() {
    let place = place();
    let sealed = seal(sealing(60), b"object");
    let manifest = |name: &str| format!("{name}{}", Half::Manifest.suffix());
    // A manifest that is none; a name that is none, and would steer a terminal; a folder.
    place.put(&sealed.name, b"object");
    place.put(manifest(&sealed.name), b"{}");
    let line = place.run_one();
    assert_eq!(line.deciding, ["malformed"]);
    is_complete(&line, "alice", None);
    place.put_as("\u{1b}[2J\n", &seal(sealing(50), b"object"), b"object");
    let line = place.run_one();
    assert_eq!(line.deciding, ["not-a-surface"]);
    is_complete(&line, "alice", Some("alice-1"));
    place.put(manifest("2026-05-14.folder.alice.normal"), b"{}");
    fs::create_dir(place.inbox().join("2026-05-14.folder.alice.normal")).expect("a folder");
    let line = place.run_one();
    assert_eq!((line.outcome.0, &*line.deciding), (Outcome::Quarantine, &["unread".to_owned()][..]));
    is_complete(&line, "alice", None);
    place.put_as("x", &seal(sealing(40), b"object"), b"object");
    is_complete(&place.run_one(), "alice", Some("alice-1"));
    place.put("x", b"");
    place.put(manifest("x"), b"{}");
    is_complete(&place.run_one(), "", None);

    let mut place = place;
    place.settings.container = Format::TarZstd;
    let sealed = seal(sealing(30), b"no archive");
    place.drop(&sealed, b"no archive");
    let line = place.run_one();
    assert_eq!(line.deciding, ["container-broken"]);
    is_complete(&line, "alice", Some("alice-1"));
}
