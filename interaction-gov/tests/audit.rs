//! Evidence by construction: the chain, its heads, and what they show (`IoE R6`, `§8`).

mod govern;

use govern::{CORPORATE, PRIVACY, call, key, log, person, policy, recording, request, sign, the, verifies, world};
use interaction_gov::audit::{
    Bytes, Chain, Change, Damage, Difference, Head, RECORD, Record, RecordKind, Replayed, SignedHead, Trail, Verdict,
    View, replay,
};
use interaction_gov::identity::{AuthorityKey, InteractionId, Subject};
use interaction_gov::interaction::{Attribution, Transition};
use interaction_gov::lifecycle::Event;
use interaction_gov::participant::Seat;
use interaction_gov::policy::{Consents, On};
use interaction_gov::rollout::Track;
use interaction_gov::time::Time;
use interaction_gov::vocabulary::Authority;
use interaction_gov::vocabulary::{Modality, Region, Set};
use proptest::prelude::*;
use sha2::{Digest as _, Sha256};

/// The control plane's key.
const PLANE: u8 = 77;

fn signed(head: Head) -> SignedHead {
    SignedHead { head, signature: sign(PLANE, &head.signed()) }
}

/// The records of an interaction, with a signed head after every five.
fn life() -> (Vec<Bytes>, Vec<SignedHead>) {
    let (mut world, mut log) = (world(), log());
    let text = format!("{CORPORATE}set heads 5\n").replace("version 1", "version 2");
    govern::take(&mut world, "corporate", 2, CORPORATE, &text);
    let version = world.install(&policy(&[&text, PRIVACY])).unwrap();
    world.publish(Track::STABLE, version).unwrap();
    let (mut call, seat) = call(&world, &mut log);
    let mut heads = Vec::new();
    for step in 0..12 {
        let now = Time(2_000 + step);
        let decision =
            call.decide(now, &request(seat, if step % 3 == 0 { "export" } else { "speak" }), &world, &mut log);
        assert_eq!(decision.verdict.permits(), step % 3 != 0);
        if call.head_is_due(&world) {
            heads.push(signed(call.head()));
        }
    }
    let _ = call.invoke(Time(3_000), &recording(seat), &govern::provenance, &world, &mut log);
    let _ = call.terminate(Time(3_001), &mut log).unwrap();
    assert!(call.head_is_due(&world), "at the end in any case");
    heads.push(signed(call.head()));
    assert!(!call.head_is_due(&world));
    (log.waiting().to_vec(), heads)
}

fn number(at: usize) -> u32 {
    u32::try_from(at).unwrap()
}

/// Reads a trail with its heads, each at the place that its count gives.
fn read(records: &[Bytes], heads: &[SignedHead]) -> Result<Trail, (u32, Damage)> {
    let mut trail = Trail::of(InteractionId::recorded([7; 16]));
    let mut heads = heads.iter().peekable();
    for bytes in records {
        trail.record(bytes).map_err(|damage| (trail.records(), damage))?;
        while let Some(head) = heads.next_if(|head| head.head.records <= trail.records()) {
            trail.head(head, &key(PLANE).pk, &verifies).map_err(|damage| (trail.records(), damage))?;
        }
    }
    for head in heads {
        trail.head(head, &key(PLANE).pk, &verifies).map_err(|damage| (trail.records(), damage))?;
    }
    Ok(trail)
}

#[test]
fn a_trail_proves_a_whole_life() {
    // shows: IOE-088 (§4.6 R6), IOE-090 (§4.6 R6), IOE-092 (§4.6 R6)
    let (records, heads) = life();
    let trail = read(&records, &heads).unwrap();
    assert_eq!((trail.records() as usize, trail.unsigned(), trail.is_ended()), (records.len(), 0, true));
    assert_eq!(heads.iter().map(|head| head.head.records).collect::<Vec<_>>()[..2], [5, 10]);
    let first = Record::read(&records[0]).unwrap();
    assert_eq!((first.kind, first.sequence), (RecordKind::Created, 0));
    // Without heads the trail is in order, but not proven.
    assert_eq!(read(&records, &[]).unwrap().unsigned() as usize, records.len());
}

#[test]
fn whatever_is_altered_dropped_added_moved_cut_or_put_back_is_found() {
    let (records, heads) = life();
    let last = records.len() - 1;
    for at in 0..records.len() {
        for byte in 0..RECORD {
            let mut altered = records.clone();
            altered[at][byte] ^= 1;
            assert!(read(&altered, &heads).is_err(), "record {at}, byte {byte}");
        }
        let mut dropped = records.clone();
        dropped.remove(at);
        assert!(read(&dropped, &heads).is_err(), "record {at} dropped");
        let mut doubled = records.clone();
        doubled.insert(at, records[at]);
        assert!(read(&doubled, &heads).is_err(), "record {at} doubled");
        let cut = read(&records[..at], &heads).unwrap_err();
        assert_eq!(cut, (number(at), Damage::Cut), "cut behind {at}");
        if at < last {
            let mut moved = records.clone();
            moved.swap(at, at + 1);
            assert_eq!(read(&moved, &heads).unwrap_err(), (number(at), Damage::Order(number(at))));
        }
    }
    // An old state that was put back has its old heads; a newer head kept elsewhere reveals it.
    assert!(read(&records[..10], &heads[..2]).is_ok());
    assert_eq!(read(&records[..10], &heads[1..]).unwrap_err().1, Damage::Cut);
    // A rewritten chain with renumbered records does not match the signature.
    let mut rewritten = records.clone();
    rewritten.remove(5);
    for (at, bytes) in rewritten.iter_mut().enumerate() {
        bytes[16..20].copy_from_slice(&number(at).to_be_bytes());
    }
    assert_eq!(read(&rewritten, &heads).unwrap_err(), (10, Damage::Altered));
    // Nothing follows the end.
    let mut more = records.clone();
    let after = Record { sequence: number(records.len()), ..Record::read(&records[last]).unwrap() };
    more.push(after.write());
    assert_eq!(read(&more, &heads).unwrap_err().1, Damage::AfterTheEnd);
}

#[test]
fn heads_are_nobodys_but_the_control_planes() {
    let (records, heads) = life();
    let trail = |heads: &[SignedHead]| read(&records, heads).map(|_| ()).map_err(|(_, damage)| damage);
    let mut forged = heads.clone();
    forged[0].signature = sign(1, &forged[0].head.signed());
    assert_eq!(trail(&forged), Err(Damage::ForgedHead));
    let changes: [fn(&mut Head); 5] = [
        |head| head.records += 1,
        |head| head.hash[0] ^= 1,
        |head| head.time = Time(head.time.0 + 1),
        |head| head.last = !head.last,
        |head| head.interaction = InteractionId::recorded([7; 16]),
    ];
    for (number, change) in changes.iter().enumerate() {
        let mut altered = heads.clone();
        change(&mut altered[1].head);
        let expected = if number == 4 { Ok(()) } else { Err(Damage::ForgedHead) };
        assert_eq!(trail(&altered), expected, "change {number}");
    }
    let mut other = heads.clone();
    other[1].head.interaction = InteractionId::recorded([8; 16]);
    assert_eq!(trail(&other), Err(Damage::Another));
}

#[test]
fn what_no_head_covers_yet_is_still_in_order() {
    let (records, heads) = life();
    let good = Record::read(&records[5]).unwrap();
    let tail = |record: Record| {
        let mut trail = read(&records[..5], &heads[..1]).unwrap();
        let before = (trail.records(), trail.unsigned());
        let taken = trail.record(&record.write()).map(|_| ());
        assert_eq!(
            (trail.records(), trail.unsigned()),
            (before.0 + u32::from(taken.is_ok()), before.1 + u32::from(taken.is_ok()))
        );
        taken
    };
    assert_eq!(tail(good), Ok(()));
    assert_eq!(tail(Record { time: Time(1_999), ..good }), Err(Damage::Clock), "older than the head");
    assert_eq!(
        tail(Record { kind: RecordKind::Created, subject: interaction_gov::audit::FORMAT, ..good }),
        Err(Damage::Beginning)
    );
    assert_eq!(tail(Record { sequence: 7, ..good }), Err(Damage::Order(5)));
    assert_eq!(tail(Record { interaction: InteractionId::recorded([8; 16]), ..good }), Err(Damage::Another));
    let mut odd = good.write();
    odd[28] = 200;
    let mut trail = read(&records[..5], &heads[..1]).unwrap();
    assert_eq!(trail.record(&odd).map(|_| ()), Err(Damage::Unreadable));
    // A trail that begins with another record, or in another format.
    let first = Record::read(&records[0]).unwrap();
    for odd in [Record { kind: RecordKind::Moved, ..first }, Record { subject: *b"IoE/1 audit\0\0\0\0\0", ..first }] {
        assert_eq!(Trail::of(first.interaction).record(&odd.write()).map(|_| ()), Err(Damage::Beginning));
    }
}

#[test]
fn records_are_151_bytes_in_the_order_of_the_figure() {
    let mut record = Record::fact(InteractionId::recorded([1; 16]), 2, Time(3), RecordKind::Decided);
    record.verdict = Verdict::Permit;
    (record.seat, record.action, record.on, record.function) = (Some(4), Some(5), On::Stream(Modality(6)), Some(7));
    (record.site, record.region, record.participant, record.home) = (Some(8), Some(18), Some(1), Some(19));
    (record.posture, record.provenance) = (Some(2), None);
    (record.authority, record.speaker, record.line, record.rule) = (Some(9), Some(17), Some(10), Some(20));
    let set = Set::from_bits;
    record.obligations = 11;
    record.consents = Consents { all: set(12), stream: set(21), own: set(22), second: set(23) };
    (record.roles, record.present, record.sends, record.receives) = (24, 25, 26, 27);
    (record.binding, record.parent, record.policy) = (None, Some(28), Some(13));
    (record.digest, record.until) = ([14; 8], Some(Time(15)));
    (record.law, record.goes) = (Some(Set::one(Region(0))), None);
    (record.voices, record.subject, record.plane, record.count) = (29, [16; 16], 30, 31);
    let expected = [
        &[1; 16][..],
        &[0, 0, 0, 2],
        &[0, 0, 0, 0, 0, 0, 0, 3],
        &[14, 1],
        &[0, 4],
        &[5, 6, 7, 8, 18, 1, 19, 2, 0xFF, 9, 17],
        &[0, 10],
        &[0, 0, 0, 20],
        &[0, 11],
        &[0, 12, 0, 21, 0, 22, 0, 23],
        &[0, 24, 0, 25, 0, 26, 0, 27],
        &[0xFF, 0xFF, 0, 28],
        &[0, 0, 0, 13],
        &[14; 8],
        &[0, 0, 0, 0, 0, 0, 0, 15],
        &[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1],
        &[0xFF; 16],
        &[0, 0, 0, 29],
        &[16; 16],
        &[0, 0, 0, 30],
        &[0, 0, 0, 31],
    ]
    .concat();
    assert_eq!(record.write()[..], expected);
    assert_eq!(Record::read(&record.write()), Some(record));
}

#[test]
fn the_profile_has_the_codes() {
    let profile = include_str!("../../PROFILE.md");
    let (_, section) = profile.split_once("### 10.13").unwrap();
    let rows: Vec<Vec<_>> = section
        .lines()
        .filter(|line| line.starts_with("| ") && !line.starts_with("| Code"))
        .map(|line| line.split('|').map(|cell| cell.split([':', ';']).next().unwrap().trim()).skip(1).collect())
        .collect();
    let (codes, events) = rows.split_at(rows.iter().skip(1).position(|row| row[0] == "0").unwrap() + 1);
    for (code, row) in codes.iter().enumerate() {
        let code = u8::try_from(code).unwrap();
        assert_eq!(row[0], code.to_string());
        assert_eq!(row[1], RecordKind::from_code(code).map_or("", RecordKind::name));
        assert_eq!(row[2], Verdict::from_code(code).map_or("", Verdict::name));
    }
    assert_eq!(codes.len(), RecordKind::ALL.len() + 1);
    for (event, row) in Event::ALL.iter().zip(events) {
        assert_eq!(row[..2], [(*event as u8).to_string().as_str(), event.name()]);
    }
    for (change, row) in Change::ALL.iter().zip(events) {
        assert_eq!((row[0], row[6]), (change.code().to_string().as_str(), change.name()));
    }
}

#[test]
fn the_chain_is_sha_256_over_the_hash_before_and_the_record() {
    let id = InteractionId::recorded([7; 16]);
    let chain = Chain::of(&id);
    let begin: [u8; 32] = Sha256::digest([&b"IoE/2 audit\0"[..], &[7; 16]].concat()).into();
    assert_eq!((chain.hash(), chain.next()), (&begin, 0));
    let next: [u8; 32] = Sha256::digest([&begin[..], &[9; RECORD]].concat()).into();
    assert_eq!((chain.and(&[9; RECORD]).hash(), chain.and(&[9; RECORD]).next()), (&next, 1));
}

#[test]
fn an_authority_sees_its_own_pseudonyms_and_its_own_reasons() {
    // shows: IOE-127 (§8)
    let (world, mut log) = (world(), log());
    let (mut call, seat) = call(&world, &mut log);
    call.transition(Time(1_000), seat, Transition::Transport, Some(the("de")), [5; 16], &mut log).unwrap();
    call.attribute(Time(1_000), Attribution::Identifier, [6; 16], &world, &mut log).unwrap();
    let _ = call.decide(Time(1_000), &request(seat, "export"), &world, &mut log);
    let (corporate, privacy): (Authority, Authority) = (the("corporate"), the("privacy"));
    let (one, other) = (AuthorityKey::new([1; 32]), AuthorityKey::new([2; 32]));
    let mut views = [View::<4>::of(corporate, &one), View::<4>::of(privacy, &other)];
    let records: Vec<_> = log.waiting().iter().map(|bytes| Record::read(bytes).unwrap()).collect();
    for record in &records {
        let [mine, theirs] = views.each_mut().map(|view| view.see(record));
        assert_eq!((mine.kind, mine.verdict, mine.time), (theirs.kind, theirs.verdict, theirs.time));
        assert_eq!(mine.interaction, one.pseudonym(Subject::Interaction, &[7; 16]));
        assert_ne!(mine.interaction, theirs.interaction);
        assert_eq!(mine.participant, record.seat.map(|_| one.participant(call.id(), &person(1).name)));
        assert!(mine.participant.is_none() || mine.participant != theirs.participant);
        let identifies = matches!(record.kind, RecordKind::Transition | RecordKind::Bound);
        assert_eq!(mine.identifier, identifies.then(|| one.pseudonym(Subject::Protocol, &record.subject)));
        assert!(mine.identifier.is_none() || mine.identifier != theirs.identifier);
        assert_eq!(theirs.line, None, "corporate decided all of this");
        assert_eq!(mine.line, record.line);
    }
    assert!(records.iter().any(|record| record.line.is_some()));
    // The record of an ended function names its participant, even if the function ended because that participant left.
    let before = log.waiting().len();
    assert!(call.invoke(Time(1_000), &recording(seat), &govern::provenance, &world, &mut log).1.is_some());
    let _ = call.leave(Time(1_000), seat, &mut log).unwrap();
    let mut view = View::<4>::of(corporate, &one);
    let seen: Vec<_> = log.waiting().iter().map(|bytes| view.see(&Record::read(bytes).unwrap())).collect();
    let ended = &seen[before..];
    let of = |kind| ended.iter().find(|seen| seen.kind == kind).unwrap().participant;
    assert_eq!(of(RecordKind::Ended), Some(one.participant(call.id(), &person(1).name)));
    assert_eq!(of(RecordKind::Ended), of(RecordKind::Left));
    // In another interaction the same participant has another pseudonym.
    let elsewhere = InteractionId::recorded([8; 16]);
    assert_ne!(one.participant(call.id(), &person(1).name), one.participant(&elsewhere, &person(1).name));
}

proptest! {
    #[test]
    fn any_bytes_are_a_record_or_none(bytes in proptest::collection::vec(any::<u8>(), RECORD), kind in 0..30_u8, verdict in 0..24_u8) {
        let mut bytes: Bytes = bytes.try_into().unwrap();
        (bytes[28], bytes[29]) = (kind, verdict);
        let read = Record::read(&bytes);
        prop_assert_eq!(read.is_some(), RecordKind::from_code(kind).is_some() && Verdict::from_code(verdict).is_some());
        if let Some(record) = read {
            prop_assert_eq!(record.write(), bytes);
        }
    }
}

#[test]
fn a_replay_compares_each_field_that_the_ruling_decides() {
    // shows: IOE-088 (§4.6 R6)
    let (world, mut log) = (world(), log());
    let (mut call, seat) = call(&world, &mut log);
    let decide = |action| call.decide(Time(2_000), &request(seat, action), &world, &mut log).verdict;
    let [permit, deny] = ["speak", "export"].map(decide);
    assert!(permit.permits() && deny == Verdict::DeniedByRule);
    let records: Vec<Record> = log.waiting().iter().rev().take(2).filter_map(Record::read).collect();
    let policy = &call.version(&world).expect("one governs").policy;
    let [denied, permitted] = records[..] else { panic!("two records") };
    for record in [permitted, denied] {
        assert_eq!(replay(&record, policy), Replayed::Same);
        let other = |one: Option<u8>| Some(one.map_or(0, |one| one ^ 1));
        let altered = [
            (Record { authority: other(record.authority), ..record }, Difference::Reason),
            (Record { speaker: other(record.speaker), ..record }, Difference::Reason),
            (Record { line: Some(record.line.map_or(0, |line| line + 1)), ..record }, Difference::Reason),
            (Record { rule: Some(record.rule.map_or(0, |rule| rule ^ 1)), ..record }, Difference::Reason),
            (Record { voices: record.voices ^ 1, ..record }, Difference::Voices),
            (Record { subject: record.subject.map(|byte| byte ^ 1), ..record }, Difference::Voices),
            (Record { obligations: record.obligations ^ 1, ..record }, Difference::Obligations),
        ];
        for (at, (forged, difference)) in altered.into_iter().enumerate() {
            assert_eq!(replay(&forged, policy), Replayed::Differs(record.verdict, difference), "alteration {at}");
        }
    }
    for until in [None, permitted.until.map(|until| until.after(1))] {
        let longer = replay(&Record { until, ..permitted }, policy);
        assert_eq!(longer, Replayed::Differs(permitted.verdict, Difference::Duration));
    }
}

/// Only the record of a clock that is set may be older than the one before: what was counted and not recorded comes before it.
#[test]
fn a_clock_is_set_back_behind_the_number_of_what_was_not_recorded() {
    let world = world();
    let mut log = log();
    let (mut call, _) = call(&world, &mut log);
    for _ in 0..12 {
        let stranger = request(Seat(9), "speak");
        assert_eq!(call.decide(Time(5_000), &stranger, &world, &mut log).verdict, Verdict::NoParticipant);
    }
    call.mend_clock(Time(2_000), &mut log).unwrap();
    let mut trail = Trail::of(*call.id());
    let records: Vec<Record> = log.waiting().iter().map(|bytes| trail.record(bytes).unwrap()).collect();
    let [.., counted, clock] = &records[..] else { panic!("two records") };
    assert_eq!((counted.kind, counted.count, counted.time), (RecordKind::Spared, 4, Time(5_000)));
    assert_eq!((clock.kind, clock.time), (RecordKind::Clock, Time(2_000)));
}
