//! Files that tibet-drop 0.3.4 and tibet-continuityd 0.6.17 wrote (tests/tibet/write.py): each gets an outcome with a name.

mod support;

use std::fs;
use std::path::Path;

use cep_envelope::decision::Outcome;
use dropbox::WaitsFor;
use jiff::{SignedDuration, Timestamp};
use support::*;

fn bundles() -> Vec<(String, Vec<u8>)> {
    files("tza")
}

fn files(end: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tibet");
    let files = entries(&folder).into_iter().filter(|path| path.extension().is_some_and(|it| it == end));
    let name = |path: &Path| path.file_name().and_then(|name| name.to_str()).expect("a name").to_owned();
    files.map(|path| (name(&path), fs::read(&path).expect("bytes"))).collect()
}

#[test]
fn a_bundle_gets_triage_with_what_it_says_of_itself_and_does_not_wait_for_ever() {
    let place = Place::new();
    let bundles = bundles();
    assert_eq!(bundles.len(), 4);
    for (name, bytes) in &bundles {
        // As 'tcd send' does it: under '.part' until it is whole.
        let part = place.put(format!("{name}.part"), bytes);
        fs::rename(part, place.inbox().join(name)).expect("moved into place");
    }
    let lines = place.run();
    assert_eq!(lines.len(), bundles.len());
    for line in &lines {
        assert_eq!(
            (line.outcome.0, &*line.deciding),
            (Outcome::Triage, &["no-manifest".to_owned()][..]),
            "{}",
            line.words
        );
        assert!(line.words.contains("tibet-drop"), "{}", line.words);
        assert!(line.advice.as_deref().is_some_and(|advice| advice.contains("dropbox seal")), "{line:?}");
        assert_eq!(line.sender, None, "what it claims is not proven");
    }
    let sent = lines.iter().find(|line| line.name.contains("tcd-send")).expect("it was decided");
    assert!(sent.words.contains("claims sender 'jasper.aint', receiver 'bob.aint', 2 blocks"), "{}", sent.words);
    place.inbox_is_empty();
    for (_, bytes) in &bundles {
        assert_eq!(place.find(bytes).len(), 1, "as it came");
    }
}

#[test]
fn a_signed_seed_gets_an_outcome_too_whatever_its_name() {
    let mut place = Place::new();
    place.settings.grace = SignedDuration::from_secs(5);
    let seeds = files("upip");
    assert_eq!(seeds.len(), 2);
    for (name, bytes) in &seeds {
        place.put(name, bytes);
        place.put(format!("{}.seed", &name[11..15]), bytes);
    }
    let mut dropbox = place.open(Unsynced);
    let now = Timestamp::now();
    assert_eq!(pass_at(&mut dropbox, now).expect("nothing fails"), [], "its sender may still put a manifest beside it");
    let lines = pass_at(&mut dropbox, now + SignedDuration::from_secs(65)).expect("nothing fails");
    assert_eq!(lines.len(), 2 * seeds.len(), "{lines:?}");
    for line in &lines {
        assert!(matches!(line.outcome.0, Outcome::Triage | Outcome::Quarantine), "{line:?}");
        assert!(line.findings.iter().any(|finding| finding == "no-manifest"), "{line:?}");
        assert_eq!((line.outcome.0 == Outcome::Triage), line.words.contains("a seed of tibet-drop"), "{}", line.words);
        assert!(line.advice.as_deref().is_some_and(|advice| advice.contains("seed-inspect")), "{line:?}");
    }
    assert_eq!(lines.iter().filter(|line| line.outcome.0 == Outcome::Triage).count(), seeds.len());
    place.inbox_is_empty();
}

#[test]
fn a_bundle_that_is_still_written_or_whose_manifest_follows_is_waited_for() {
    let mut place = Place::new();
    place.settings.grace = SignedDuration::from_secs(5);
    let (name, bytes) = bundles().swap_remove(0);
    place.put(&name, &bytes[..20]);
    let mut dropbox = place.open(Unsynced);
    let now = Timestamp::now();
    let at = |seconds| now + SignedDuration::from_secs(seconds);
    assert_eq!(pass_at(&mut dropbox, now).expect("nothing fails"), []);
    assert!(dropbox.is_pending(), "it is looked at again");
    let waiting = dropbox.waiting(now).expect("a list");
    assert_eq!(waiting.iter().map(|one| one.waits_for).collect::<Vec<_>>(), [WaitsFor::End(dropbox::Half::Object)]);
    assert_eq!(
        pass_at(&mut dropbox, at(30)).expect("nothing fails"),
        [],
        "one grace period is not enough: a manifest may follow"
    );
    assert_eq!(pass_at(&mut dropbox, at(65)).expect("nothing fails").len(), 1);

    // A bundle is content like any other, where its sender has sealed it.
    let sealed = seal(sealing(60), &bytes);
    place.drop(&sealed, &bytes);
    let lines = pass_at(&mut dropbox, at(70)).expect("nothing fails");
    assert_eq!((lines.len(), lines[0].outcome.0), (1, Outcome::Continue), "{lines:?}");

    // Any other file that lies alone waits for its manifest: a draft's object is referenced by then, and no more.
    place.put("20260514t064148z.message.jasper.normal.tza", b"{}");
    assert_eq!(pass_at(&mut dropbox, at(1_000)).expect("nothing fails"), []);
    assert_eq!(dropbox.waiting(at(1_000)).expect("a list").len(), 1);
}
