use std::os::unix::fs::FileExt;

use sha2::{Digest, Sha256};

use super::*;

const PEER: Eid = Eid([9; 32]);
/// The number of the peer's first item, as a session begins with any.
const FIRST: u64 = 4_000;
const CHUNK: usize = 100;

fn content(bytes: usize) -> Vec<u8> {
    (0..bytes).map(|at| u8::try_from(at * 7 % 251).expect("small")).collect()
}

fn offer(content: &[u8]) -> Offer {
    let chunk = u16::try_from(CHUNK).expect("small");
    Offer { number: [5; 16], size: content.len() as u64, sha256: Sha256::digest(content).into(), chunk }
}

/// An agent's folder, and its transfers there.
struct Place {
    folder: tempfile::TempDir,
    intake: Intake,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a directory");
        let mut intake = Intake::new(folder.path(), 10_000).expect("it can be made");
        intake.begin("boot", false).expect("readable");
        Self { folder, intake }
    }

    /// The process ends, and another one begins in the same run of the host.
    fn restarted(self) -> (Self, Vec<u64>) {
        let Self { folder, .. } = self;
        let mut intake = Intake::new(folder.path(), 10_000).expect("it is there");
        let sessions = intake.begin("boot", true).expect("readable");
        (Self { folder, intake }, sessions)
    }

    fn open(&mut self, session: u64, offer: &Offer) -> Vec<(u64, Reply)> {
        self.intake.opened(session, PEER, FIRST);
        self.intake.data(session, FIRST, offer.write());
        self.intake.flush()
    }

    /// What the host is told when all that came is hashed.
    fn flush(&mut self) -> Vec<(u64, Reply)> {
        while self.intake.catch_up() {}
        self.intake.flush()
    }

    fn stored(&self, content: &[u8]) -> bool {
        let path = self.folder.path().join(hex::encode(Sha256::digest(content)));
        fs::read(path).is_ok_and(|stored| stored == content)
    }
}

fn have(bytes: u64) -> Reply {
    Reply::Say { item: 0, answer: Answer::Have(bytes) }
}

fn done(content: &[u8]) -> Reply {
    Reply::Say { item: 1, answer: Answer::Done(Sha256::digest(content).into()) }
}

/// The agent is on another host, which tells its session by another number, from an item that the old host may have acknowledged
/// or not.
#[test]
fn a_session_that_another_host_hands_over_goes_on_where_it_was() {
    for safe in [1, 3, 4] {
        let (mut place, content) = (Place::new(), content(450));
        place.open(1, &offer(&content));
        for item in 1..4 {
            place.intake.data(1, FIRST + item as u64, content[(item - 1) * CHUNK..item * CHUNK].to_vec());
        }
        place.intake.flush();
        assert!(place.intake.begin("another", false).expect("readable").is_empty());
        place.intake.goes_on(7, PEER, FIRST + safe).expect("readable");
        let below = FIRST + 4;
        assert_eq!(place.intake.flush(), [(7, have(0)), (7, Reply::Consumed { below })], "{safe}");
        // What was not acknowledged comes again.
        for item in safe.max(1)..6 {
            let from = usize::try_from(item - 1).expect("small") * CHUNK;
            place.intake.data(7, FIRST + item, content[from..(from + CHUNK).min(content.len())].to_vec());
        }
        place.intake.finished(7, FIRST + 6);
        assert_eq!(place.flush(), [(7, done(&content)), (7, Reply::Consumed { below: FIRST + 7 })]);
        assert!(place.stored(&content));
        assert_eq!(place.intake.twice, 0, "what comes again was asked for");
        // The next host, after everything was acknowledged: the answer is given again.
        place.intake.begin("a third", false).expect("readable");
        place.intake.goes_on(8, PEER, FIRST + 7).expect("readable");
        assert!(place.intake.flush().contains(&(8, done(&content))));
    }
}

#[test]
fn a_session_of_another_peer_or_of_this_host_or_beyond_what_has_come_begins_anew() {
    for (boot, peer, first) in [
        ("another", Eid([8; 32]), FIRST + 1),
        ("boot", PEER, FIRST + 1),
        ("another", PEER, FIRST),
        ("another", PEER, FIRST + 3),
    ] {
        let (mut place, content) = (Place::new(), content(450));
        place.open(1, &offer(&content));
        place.intake.begin(boot, false).expect("readable");
        place.intake.goes_on(7, peer, first).expect("readable");
        assert!(place.intake.flush().is_empty(), "its first item is awaited");
        assert!(place.intake.streams[&7].transfer.is_none());
    }
}

#[test]
fn items_in_any_order_and_twice_are_one_file() {
    let (mut place, content) = (Place::new(), content(450));
    assert_eq!(place.open(1, &offer(&content)), [(1, have(0)), (1, Reply::Consumed { below: FIRST + 1 })]);
    for (item, told) in [(3, FIRST + 1), (2, FIRST + 1), (1, FIRST + 4), (2, FIRST + 4), (5, FIRST + 4), (4, FIRST + 6)]
    {
        let from = (item - 1) * CHUNK;
        let chunk = content[from..(from + CHUNK).min(content.len())].to_vec();
        place.intake.data(1, FIRST + item as u64, chunk);
        let replies = place.intake.flush();
        assert!(replies.is_empty() || replies == [(1, Reply::Consumed { below: told })], "item {item}: {replies:?}");
    }
    assert!(!place.stored(&content), "the sender has not finished");
    place.intake.finished(1, FIRST + 6);
    assert_eq!(place.intake.flush(), [(1, done(&content)), (1, Reply::Consumed { below: FIRST + 7 })]);
    assert!(place.stored(&content));
    assert_eq!(place.intake.twice, 1);
}

#[test]
fn another_session_goes_on_where_the_file_is() {
    let (mut place, content) = (Place::new(), content(450));
    place.open(1, &offer(&content));
    place.intake.data(1, FIRST + 1, content[..CHUNK].to_vec());
    place.intake.flush();
    // The first one is aborted: it brings nothing more, whatever comes by it.
    let replies = place.open(2, &offer(&content));
    assert_eq!(replies, [(1, Reply::Abort), (2, have(100)), (2, Reply::Consumed { below: FIRST + 1 })]);
    place.intake.data(1, FIRST + 2, content[CHUNK..2 * CHUNK].to_vec());
    assert_eq!(place.intake.flush(), [(1, Reply::Abort)]);
    for (item, chunk) in content[CHUNK..].chunks(CHUNK).enumerate() {
        place.intake.data(2, FIRST + 1 + item as u64, chunk.to_vec());
    }
    place.intake.finished(2, FIRST + 5);
    let told = place.intake.flush();
    assert_eq!(told, [(2, Reply::Consumed { below: FIRST + 6 })], "it is not hashed yet, and all of it is safe");
    assert!(place.flush().contains(&(2, done(&content))));
    assert!(place.stored(&content));
    // A sender that did not hear it asks again, and has nothing to send.
    assert_eq!(place.open(3, &offer(&content))[..2], [(2, Reply::Abort), (3, have(450))]);
    place.intake.finished(3, FIRST + 1);
    assert!(place.intake.flush().contains(&(3, done(&content))));
}

#[test]
fn a_process_that_was_killed_in_the_middle_of_a_write_keeps_whole_chunks() {
    let (mut place, content) = (Place::new(), content(450));
    place.open(1, &offer(&content));
    place.intake.data(1, FIRST + 1, content[..CHUNK].to_vec());
    place.intake.flush();
    let part = place.intake.part_path(&hex::encode([5; 16]));
    let file = File::options().write(true).open(part).expect("it is there");
    file.write_all_at(&content[CHUNK..CHUNK + 30], CHUNK as u64).expect("written");
    let (mut place, sessions) = place.restarted();
    assert_eq!(sessions, [1], "the host has the session still");
    place.intake.rewound(1);
    assert_eq!(place.intake.flush(), [(1, have(0))], "as it was said in this session");
    for (item, chunk) in content.chunks(CHUNK).enumerate() {
        place.intake.data(1, FIRST + 1 + item as u64, chunk.to_vec());
    }
    place.intake.finished(1, FIRST + 6);
    assert!(place.flush().contains(&(1, done(&content))));
    assert!(place.stored(&content));
    assert_eq!(place.intake.twice, 0, "what a rewind brings again was asked for");
}

#[test]
fn a_file_with_another_digest_is_refused_and_leaves_nothing() {
    let (mut place, content) = (Place::new(), content(150));
    place.open(1, &offer(&content));
    for (item, chunk) in [&content[..CHUNK], &[0; 50]].into_iter().enumerate() {
        place.intake.data(1, FIRST + 1 + item as u64, chunk.to_vec());
    }
    place.intake.finished(1, FIRST + 3);
    let refused = Answer::Refused("what came has another digest".into());
    assert!(place.intake.flush().contains(&(1, Reply::Say { item: 1, answer: refused })));
    assert_eq!(fs::read_dir(place.folder.path()).expect("readable").count(), 0);
    // Its end comes again.
    place.intake.steps();
    place.intake.finished(1, FIRST + 3);
    let below = FIRST + 4;
    assert_eq!(place.flush(), [(1, Reply::Consumed { below })]);
    assert_eq!(fs::read_dir(place.folder.path()).expect("readable").count(), 0);
    assert!(place.intake.steps().is_empty(), "it is not told as stored");
}

#[test]
fn what_does_not_fit_its_offer_ends_its_session_alone() {
    let content = content(250);
    for bad in [&content[..99], &[], &[0; 101]] {
        let mut place = Place::new();
        place.open(1, &offer(&content));
        place.open(2, &Offer { number: [6; 16], ..offer(&content) });
        place.intake.data(1, FIRST + 1, bad.to_vec());
        assert_eq!(place.intake.flush(), [(1, Reply::Abort)], "{} bytes", bad.len());
        place.intake.data(2, FIRST + 1, content[..CHUNK].to_vec());
        assert_eq!(place.intake.flush(), [(2, Reply::Consumed { below: FIRST + 2 })]);
    }
    let mut place = Place::new();
    place.intake.opened(1, PEER, FIRST);
    place.intake.data(1, FIRST, b"no offer".to_vec());
    assert_eq!(place.intake.flush(), [(1, Reply::Abort)]);
    place.open(2, &offer(&content));
    place.intake.finished(2, FIRST + 1);
    assert_eq!(place.intake.flush(), [(2, Reply::Abort)], "it finishes before its end");
}

#[test]
fn a_file_that_is_too_long_and_a_number_of_another_file_are_refused() {
    let (mut place, content) = (Place::new(), content(250));
    let refused = |why: &str| Reply::Say { item: 0, answer: Answer::Refused(why.into()) };
    let long = Offer { size: 10_001, ..offer(&content) };
    assert_eq!(place.open(1, &long)[0], (1, refused("longer than 10000 bytes")));
    place.open(2, &offer(&content));
    let replies = place.open(3, &Offer { size: 251, ..offer(&content) });
    assert!(replies.contains(&(3, refused("another file has this number"))), "{replies:?}");
}

#[test]
fn senders_that_never_come_back_fill_no_disk() {
    let (mut place, content) = (Place::new(), content(250));
    for number in 0..UNFINISHED as u64 + 10 {
        let mut offer = offer(&content);
        offer.number[..8].copy_from_slice(&number.to_be_bytes());
        place.open(number + 1, &offer);
        place.intake.closed(number + 1, false, "lost");
    }
    let files = fs::read_dir(place.folder.path()).expect("readable").count();
    assert!(files <= 2 * (UNFINISHED + 1), "{files} files");
}

/// Between the two steps with which a file is whole: its name, and the word that it has it.
#[test]
fn a_process_that_was_killed_while_a_file_got_its_name_has_it() {
    for resumes in [true, false] {
        let (mut place, content) = (Place::new(), content(150));
        place.open(1, &offer(&content));
        for (item, chunk) in content.chunks(CHUNK).enumerate() {
            place.intake.data(1, FIRST + 1 + item as u64, chunk.to_vec());
        }
        place.intake.flush();
        let journal = place.intake.journal(&hex::encode([5; 16]));
        let before = fs::read(&journal).expect("it is there");
        place.intake.finished(1, FIRST + 3);
        assert!(place.intake.flush().contains(&(1, done(&content))));
        fs::write(&journal, before).expect("written");
        let (mut place, sessions) = place.restarted();
        assert_eq!(sessions, [1]);
        let session = if resumes { 1 } else { 2 };
        if resumes {
            place.intake.finished(1, FIRST + 3);
        } else {
            assert!(place.open(2, &offer(&content)).contains(&(2, have(150))), "nothing is sent again");
            place.intake.finished(2, FIRST + 1);
        }
        assert!(place.intake.flush().contains(&(session, done(&content))));
        assert!(place.stored(&content));
        let stored = place.intake.steps().into_iter().filter(|step| matches!(step, Step::Stored { .. }));
        assert_eq!(stored.count(), 1, "it is told by the process that has written it down");
    }
}

#[test]
fn a_process_that_was_killed_while_it_gave_a_transfer_up_starts_again() {
    let (mut place, content) = (Place::new(), content(250));
    place.open(1, &offer(&content));
    fs::remove_file(place.intake.part_path(&hex::encode([5; 16]))).expect("it was there");
    let (mut place, sessions) = place.restarted();
    assert!(sessions.is_empty());
    place.intake.data(1, FIRST + 1, content[..CHUNK].to_vec());
    assert_eq!(place.intake.flush(), [(1, Reply::Abort)]);
    assert!(place.open(2, &offer(&content)).contains(&(2, have(0))), "it begins again");
}

#[test]
fn offers_of_strangers_cost_no_long_transfer_its_place() {
    let (mut place, content) = (Place::new(), content(250));
    place.open(1, &offer(&content));
    place.intake.data(1, FIRST + 1, content[..CHUNK].to_vec());
    place.intake.flush();
    place.intake.closed(1, false, "lost");
    for number in 2..UNFINISHED as u64 + 10 {
        let mut offer = offer(&content);
        offer.number[..8].copy_from_slice(&number.to_be_bytes());
        place.open(number, &offer);
        place.intake.closed(number, false, "lost");
    }
    assert!(place.open(1_000, &offer(&content)).contains(&(1_000, have(100))));
}
