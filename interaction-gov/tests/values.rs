//! What can be asked of an identity, a participant, a function, a trail and a vocabulary.

mod govern;

use govern::{NAMES, all, call, key, log, names, person, provenance, recording, sign, the, verifies, world};
use interaction_gov::audit::{Damage, Head, Log, Need, RECORD, SignedHead, Sink as _, Trail};
use interaction_gov::function::Bindings;
use interaction_gov::identity::{InteractionId, Pseudonym};
use interaction_gov::participant::Streams;
use interaction_gov::policy::{self, On};
use interaction_gov::time::Time;
use interaction_gov::vocabulary::{Consent, Region, Role, Set, Vocabulary};

#[test]
fn identities_are_shown_in_hexadecimal() {
    let id = InteractionId::recorded([0x0A; 16]);
    assert_eq!((id.to_string(), format!("{id:?}")), ("0a".repeat(16), "0a".repeat(16)));
    let name = Pseudonym([0xB0; 16]);
    assert_eq!((name.to_string(), format!("{name:?}")), ("b0".repeat(16), "b0".repeat(16)));
}

#[test]
fn a_participant_and_a_function_say_what_they_were_admitted_with() {
    let (world, mut log) = (world(), log());
    let (mut call, seat) = call(&world, &mut log);
    let there = *call.participant(seat).unwrap();
    assert_eq!((*there.name(), there.kind()), (person(1).name, policy::Kind::Human));
    assert_eq!((there.roles(), there.valid_until()), (Set::<Role>::EMPTY, Time(61_000)));
    assert_eq!([60_999, 61_000].map(|now| there.is_valid(Time(now))), [true, false]);
    assert_eq!([60_999, 61_000].map(|now| there.whereabouts(Time(now))), [the("de"), Region::UNKNOWN]);
    let binding = call.invoke(Time(1_001), &recording(seat), &provenance, &world, &mut log).1.unwrap();
    let runs = call.running(binding).unwrap();
    assert_eq!((runs.function(), runs.on(), runs.site()), (the("recording"), On::Stream(the("audio")), the("de")));
    assert_eq!((runs.seat(), runs.lease().what().seat), (seat, seat));
    let ended: Bindings = call.end(Time(1_002), binding, &mut log).unwrap();
    assert_eq!((ended.len(), ended.is_empty(), ended.contains(binding)), (1, false, true));
    assert_eq!((Bindings::default().len(), Bindings::default().is_empty()), (0, true));
    assert!(!Bindings::default().contains(binding));
}

#[test]
fn streams_are_told_apart_by_their_direction() {
    let (audio, chat) = (On::Stream(the("audio")), On::Stream(the("chat")));
    let one = Streams { sends: all(&["audio"]), receives: all(&["chat"]) };
    assert_eq!([audio, chat, On::Unsaid, On::Nothing].map(|on| one.sends_on(on)), [true, false, true, false]);
    assert_eq!([audio, chat, On::Unsaid, On::Nothing].map(|on| one.receives_on(on)), [false, true, true, false]);
    let both = Streams::both(all(&["audio"]));
    assert_eq!([audio, chat].map(|on| (both.sends_on(on), both.receives_on(on))), [(true, true), (false, false)]);
    assert_eq!((Streams::default(), Streams::both(Set::ALL)), (Streams::NONE, Streams::UNSAID));
}

#[test]
fn a_trail_knows_its_interaction_and_its_hash() {
    let (world, mut log) = (world(), log());
    let (call, _) = call(&world, &mut log);
    let mut trail = Trail::of(*call.id());
    for bytes in log.waiting() {
        trail.record(bytes).unwrap();
    }
    assert_eq!((trail.interaction(), trail.hash()), (call.id(), call.chain().hash()));
    assert_eq!((trail.records(), trail.is_ended()), (call.chain().next(), false));
}

#[test]
fn a_head_is_of_these_records_and_no_older_than_the_last_of_them() {
    let (world, mut log) = (world(), log());
    let (call, _) = call(&world, &mut log);
    let mut trail = Trail::of(*call.id());
    for bytes in log.waiting() {
        trail.record(bytes).unwrap();
    }
    let (interaction, records, hash) = (*call.id(), trail.records(), *trail.hash());
    let good = Head { interaction, records, hash, time: Time(1_000), last: false };
    let take = |trail: &mut Trail, head: Head| {
        let signature = sign(1, &head.signed());
        trail.head(&SignedHead { head, signature }, &key(1).pk, &verifies)
    };
    assert_eq!(take(&mut trail, Head { records: records + 1, ..good }), Err(Damage::Cut));
    assert_eq!(take(&mut trail, Head { records: records - 1, ..good }), Err(Damage::Altered));
    assert_eq!(take(&mut trail, Head { hash: [0; 32], ..good }), Err(Damage::Altered));
    assert_eq!(take(&mut trail, Head { time: Time(999), ..good }), Err(Damage::Clock));
    assert_eq!((take(&mut trail, good), trail.unsigned()), (Ok(()), 0));
    let later = Head { time: Time(1_001), last: true, ..good };
    assert_eq!((take(&mut trail, later), trail.is_ended()), (Ok(()), true));
    assert_eq!(take(&mut trail, good), Err(Damage::Clock), "older than the head before");
    assert_eq!((take(&mut trail, Head { last: false, ..later }), trail.is_ended()), (Ok(()), true), "it stays ended");
}

#[test]
fn a_quarter_of_a_log_is_kept_for_what_tightens() {
    let mut log = Log::new(vec![[0; RECORD]; 8]);
    for used in 0..=8_usize {
        let [ordinary, tightening] = [Need::Ordinary, Need::Tightening].map(|need| log.room(need));
        assert_eq!((log.waiting().len(), ordinary, tightening), (used, 6_usize.saturating_sub(used), 8 - used));
        assert!(log.has_room(tightening, Need::Tightening) && !log.has_room(tightening + 1, Need::Tightening));
        assert!(log.has_room(ordinary, Need::Ordinary) && !log.has_room(ordinary + 1, Need::Ordinary));
        log.write(&[1; RECORD]);
    }
    assert_eq!(log.waiting(), [[1; RECORD]; 8], "what has no room is not written");
    log.taken();
    assert_eq!((log.waiting().len(), log.room(Need::Tightening)), (0, 8));
}

#[test]
fn a_set_has_the_names_that_were_put_in() {
    let set: Set<Region> = [0, 3, 127].map(Region).into_iter().collect();
    assert_eq!(set.bits(), 1 << 127 | 0b1001);
    assert_eq!(set.iter().collect::<Vec<_>>(), [0, 3, 127].map(Region));
    let some = Set::<Consent>::from_bits(0b0110);
    let other = Set::from_bits(0b0011);
    assert_eq!([some.and(other), some.or(other), some.without(other)].map(Set::bits), [0b0010, 0b0111, 0b0100]);
    assert!(some.covers(Set::from_bits(0b0100)) && some.covers(Set::EMPTY) && !some.covers(other));
    assert!(some.contains(Consent(1)) && !some.contains(Consent(0)));
    assert_eq!([Set::<Consent>::EMPTY.is_empty(), some.is_empty()], [true, false]);
    assert_eq!(Set::<Consent>::default(), Set::EMPTY);
}

#[test]
fn a_vocabulary_tells_its_lists_its_groups_and_its_actions() {
    let names = names();
    assert_eq!(names.lists_with("recording").collect::<Vec<_>>(), ["functions", "consents"]);
    assert_eq!(names.lists_with("nothing").count(), 0);
    assert_eq!(names.groups().collect::<Vec<_>>(), ["eu", "staff"]);
    assert_eq!((names.own(), names.always()), (all(&["join", "speak"]), all(&["halt"])));
    assert_eq!(names.all_of::<Region>("eu"), Some(all(&["de", "fr"])));
    assert_eq!(names.all_of::<Role>("staff"), Some(all(&["host", "guest"])));
    assert_eq!((names.all_of::<Role>("eu"), names.all_of::<Region>("staff")), (None, None));
}

#[test]
fn each_list_may_only_grow_and_postures_may_not() {
    let continued = |old: &str, new: &str| {
        assert!(NAMES.contains(old), "{old}");
        let newer = NAMES.replace(old, new);
        names().is_continued_by(&Vocabulary::read(&newer).unwrap())
    };
    for (old, more, swapped) in [
        ("export, halt", "export, halt, more", "halt, export"),
        ("video, chat", "video, chat, more", "chat, video"),
        ("transcription, captions", "transcription, captions, more", "captions, transcription"),
        ("us, ca", "us, ca, more", "ca, us"),
        ("host, guest\ngroup        eu", "host, guest, more\ngroup        eu", "guest, host\ngroup        eu"),
        ("recording, analysis", "recording, analysis, more", "analysis, recording"),
        ("notify, watermark", "notify, watermark, more", "watermark, notify"),
        ("corporate, privacy", "corporate, privacy, more", "privacy, corporate"),
    ] {
        assert_eq!((continued(old, more), continued(old, swapped)), (true, false), "{old}");
    }
    assert!(!continued("managed, hardened", "managed, hardened, more"), "a new level means another order");
    assert!(!continued("managed, hardened", "hardened, managed"));
    assert!(!continued("eu of de, fr", "eu of de, fr, us") && !continued("eu of", "other of"));
    assert!(!continued("staff of host, guest", "staff of host") && !continued("staff of", "other of"));
    assert!(!continued("own          join, speak", "own          join"));
    assert!(!continued("always       halt", "always       export"));
}

#[test]
fn a_group_has_members_of_one_kind_each_once() {
    let read = |line: &str| {
        let text = format!("regions de, fr\nroles host, guest\n{line}");
        Vocabulary::read(&text).map(|_| ()).map_err(|error| (error.line, error.column, error.trouble.to_string()))
    };
    let twice = |column| Err((3, column, "it stands there twice".to_string()));
    let unknown = |column| Err((3, column, "there is no such name among the regions or roles".to_string()));
    assert_eq!([read("group eu of de, fr"), read("group staff of host, guest")], [Ok(()), Ok(())]);
    assert_eq!([read("group eu of de, de"), read("group staff of host, host")], [twice(17), twice(22)]);
    assert_eq!([read("group eu of de, host"), read("group staff of host, de")], [unknown(17), unknown(22)]);
    assert_eq!(read("group eu of x"), unknown(13));
    assert_eq!([read("group de of fr"), read("group host of guest")], [twice(7), twice(7)]);
    assert_eq!(read("group any of de"), Err((3, 7, "a word of the policies' own language".to_string())));
    assert_eq!(read("group eu in de"), Err((3, 10, "something is missing in front of it".to_string())));
    assert_eq!(read("group eu of de fr").map_err(|(line, column, _)| (line, column)), Err((3, 16)));
}
