//! Every change of the control plane is in the trail of each interaction, one by one, also several between two
//! decisions (`IoE R6`).

mod govern;

use govern::{CORPORATE, Call, PRIVACY, Records, World, call, log, policy, request, take, the, world};
use interaction_gov::audit::{Change, Governing, Log, RECORD, Record, RecordKind, Untold, Verdict};
use interaction_gov::participant::Seat;
use interaction_gov::rollout::Track;
use interaction_gov::time::Time;

fn records(log: &Records) -> Vec<Record> {
    log.waiting().iter().filter_map(Record::read).collect()
}

fn told(log: &Records) -> Vec<(Change, Option<u32>, Option<u8>)> {
    let changed = records(log).into_iter().filter(|record| record.kind == RecordKind::Changed);
    let told = |record: Record| Some((Change::from_code(record.action?)?, record.policy, record.authority));
    changed.filter_map(told).collect()
}

fn speak(call: &mut Call, seat: Seat, at: u64, world: &World, log: &mut Records) -> Verdict {
    call.decide(Time(at), &request(seat, "speak"), world, log).verdict
}

/// A second version, in which corporate forbids all speech.
fn strict(world: &mut World) -> u32 {
    let text = CORPORATE.replace("version 1", "version 2").replace("join, speak", "join");
    take(world, "corporate", 2, CORPORATE, &text);
    world.install(&policy(&[&text, PRIVACY])).unwrap()
}

#[test]
fn a_publish_and_a_rollback_between_two_decisions_are_both_told() {
    // shows: IOE-088 (§4.6 R6)
    let (mut world, mut log) = (world(), log());
    let (mut call, seat) = call(&world, &mut log);
    assert_eq!(speak(&mut call, seat, 1_001, &world, &mut log), Verdict::Permit);
    let version = strict(&mut world);
    world.publish(Track::STABLE, version).unwrap();
    world.roll_back(the("corporate"), 0).unwrap();
    world.authorities.set_reach(the("privacy"), false);
    world.authorities.set_reach(the("privacy"), true);
    assert_eq!(speak(&mut call, seat, 1_002, &world, &mut log), Verdict::Permit);
    let (corporate, privacy) = (Some(0), Some(1));
    let all = [
        (Change::Published, Some(version), None),
        (Change::RolledBack, Some(0), corporate),
        (Change::Silent, None, privacy),
        (Change::Reachable, None, privacy),
    ];
    assert_eq!(told(&log), all);
    // A call without effect is not recorded as a change.
    world.publish(Track::STABLE, 0).unwrap();
    world.authorities.set_reach(the("privacy"), true);
    world.lift_emergency();
    assert_eq!(speak(&mut call, seat, 1_003, &world, &mut log), Verdict::Permit);
    assert_eq!(told(&log), all);
    // A trail in which the record of a change is missing or occurs twice is refused.
    let records = records(&log);
    let heard = |records: &[Record]| {
        let mut governing = Governing::default();
        records.iter().try_for_each(|record| governing.hear(record))
    };
    assert_eq!(heard(&records), Ok(()));
    for (at, record) in records.iter().enumerate().filter(|(_, record)| record.kind == RecordKind::Changed) {
        let mut without = records.clone();
        without.remove(at);
        assert_eq!(heard(&without), Err(Untold::Change(record.plane)), "{record:?}");
        let mut twice = records.clone();
        twice.insert(at, *record);
        assert_eq!(heard(&twice), Err(Untold::Change(record.plane + 1)), "{record:?}");
    }
}

#[test]
fn a_decision_by_what_was_not_told_is_found() {
    let (mut world, mut log) = (world(), log());
    let (mut call, seat) = call(&world, &mut log);
    let version = strict(&mut world);
    world.emergency(version).unwrap();
    assert_eq!(speak(&mut call, seat, 1_001, &world, &mut log), Verdict::NotPermitted);
    let records = records(&log);
    let mut governing = Governing::default();
    let last = records.len() - 1;
    for (at, record) in records.iter().enumerate() {
        let other = Record { policy: Some(0), ..*record };
        if at == last {
            assert_eq!(governing.hear(&other), Err(Untold::Version));
        }
        assert_eq!(governing.hear(record), Ok(()), "{record:?}");
    }
    let mut silent = Governing::default();
    let everybody = Record { obligations: 0b11, ..records[0] };
    assert_eq!(silent.hear(&everybody), Ok(()));
    let joined = records.iter().find(|record| record.kind == RecordKind::Joined).unwrap();
    assert_eq!(silent.hear(joined), Err(Untold::Silent), "who cannot be asked has spoken");
}

#[test]
fn more_changes_than_are_known_are_counted() {
    let (mut world, mut log) = (world(), log());
    let (mut call, seat) = call(&world, &mut log);
    for turn in 0..21 {
        world.authorities.set_reach(the("privacy"), turn % 2 == 1);
    }
    assert_eq!(speak(&mut call, seat, 1_001, &world, &mut log), Verdict::Permit);
    let records = records(&log);
    let counted: u32 =
        records.iter().filter(|record| record.kind == RecordKind::Governs).map(|record| record.count).sum();
    assert_eq!((counted, told(&log).len()), (13, 8));
    let mut governing = Governing::default();
    assert!(records.iter().all(|record| governing.hear(record) == Ok(())));
    assert_eq!(governing.untold(), 13);
}

#[test]
fn without_room_for_what_changed_nothing_is_decided_and_tightening_goes_on() {
    let (mut world, mut full) = (world(), log());
    let (mut call, seat) = call(&world, &mut full);
    let mut log: Records = Log::new(vec![[0; RECORD]; 4]);
    for turn in 0..5 {
        world.authorities.set_reach(the("privacy"), turn % 2 == 1);
    }
    assert_eq!(speak(&mut call, seat, 1_001, &world, &mut log), Verdict::AuditFull);
    call.consent(Time(1_002), seat, Default::default(), &mut log).unwrap();
    // Each time that there is room again, the next changes are recorded.
    let mut all = 0;
    for turn in 0..8 {
        all += told(&log).len();
        log.taken();
        if speak(&mut call, seat, 1_003 + turn, &world, &mut log) == Verdict::Permit {
            break;
        }
    }
    assert_eq!(all + told(&log).len(), 5);
}
