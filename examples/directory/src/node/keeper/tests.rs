use std::fs::OpenOptions;

use iacp_core::erp::binding::Binding;
use iacp_core::erp::ticket::storage_key;
use iacp_core::governance::malfeasance::accuse;
use iacp_core::governance::window::EPOCH;
use iacp_wire::Locator;
use iacp_wire::layout::Verdict;
use iacp_wire::message::HeaderFragment;
use zerocopy::IntoBytes as _;

use super::*;

const HOUR: u64 = 3_600_000;

fn identity(seed: u8) -> Identity<Chosen> {
    Identity::from_seed(&Secret32::new([seed; 32]))
}

/// A node that is alone, with its files in a folder; the clocks are so far ahead.
fn keeper(folder: &std::path::Path, ahead: u64) -> (Keeper, Clocks) {
    let clocks = Clocks::new();
    clocks.set_forward(ahead);
    let votes = OpenOptions::new().create(true).read(true).append(true).open(folder.join("votes")).expect("a file");
    let options = Options {
        seed: [1; 32],
        listen: ([127, 0, 0, 1], 4_300).into(),
        join: Vec::new(),
        base: 6,
        clocks: clocks.clone(),
        votes: None,
        cases: Some(folder.join("cases")),
        pinned: Vec::new(),
    };
    (Keeper::new(&options, Some(votes)).expect("a node"), clocks)
}

/// Agent 2 is bound at two places under one generation; agent 3 accuses it.
fn accusation(unix: UnixTime) -> (DhtKey, Vec<u8>) {
    let offender = identity(2);
    let [one, two] = [20, 30].map(|place| {
        let binding = Binding::sign(&offender, Locator::from(IpAddr::from([10, place, 0, 1])), 4).to_register();
        HeaderFragment::from(&binding)
    });
    let (ticket, evidence) = accuse(&identity(3), offender.eid(), one, two, unix.0);
    let body = [ticket.as_bytes(), evidence.as_bytes()].concat();
    let key = storage_key::<Chosen>(&offender.eid());
    let record = Record { kind: Kind::Accusation as u8, storage_key: key, expiry: u64::MAX, body: &body };
    let mut bytes = vec![0; 1_100];
    let length = record.write(&mut bytes).expect("it fits");
    bytes.truncate(length);
    (key, bytes)
}

/// The outcome of the verdict that stands at a node, and its accusation.
fn verdict(keeper: &Keeper, key: DhtKey) -> Option<(Digest, u8)> {
    let (record, _) = keeper.node.store().list(keeper.unix(), Kind::Verdict, key).next()?;
    let verdict = Verdict::parse(record.body).expect("it was judged");
    Some((verdict.head.accusation_id, verdict.head.outcome))
}

// shows: IACP-101 (§4.2.7.2)
#[test]
fn a_trial_goes_on_after_a_restart_and_ends_with_the_same_verdict() {
    let mut verdicts = Vec::new();
    for restarts in [false, true] {
        let name = format!("iacp-trial-{}-{restarts}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&folder).expect("a folder");
        let (mut running, mut clocks) = keeper(&folder, 0);
        let (key, bundle) = accusation(running.unix());
        assert!(running.take([10, 0, 0, 9].into(), Class::Identities, &key, &bundle));
        clocks.set_forward(HOUR / 2);
        running.due();
        let offender = identity(2).eid();
        assert!(running.node.is_challenged(&offender) && verdict(&running, key).is_none());
        if restarts {
            // It is away for a day, and its records are gone. The half hour that is left is still to go.
            drop(running);
            (running, clocks) = keeper(&folder, HOUR / 2 + 24 * HOUR);
            assert!(running.node.is_challenged(&offender), "the trial is in its file");
            running.due();
            assert!(verdict(&running, key).is_none(), "no time went by while it was away");
        }
        clocks.set_forward(HOUR / 2 + 3 * EPOCH);
        for _ in 0..4 {
            running.due();
        }
        assert!(!running.node.is_challenged(&offender), "it is over");
        verdicts.push(verdict(&running, key).expect("a verdict"));
        std::fs::remove_dir_all(&folder).expect("it is there");
    }
    assert_eq!(verdicts[0], verdicts[1]);
    assert_eq!(verdicts[0].1, 1, "guilty");
}

/// The attack "a full disk": what cannot be written for a moment costs no vote.
// shows: IACP-101 (§4.2.7.2)
#[test]
fn a_vote_that_could_not_be_written_down_is_cast_once_it_can_be() {
    let folder = std::env::temp_dir().join(format!("iacp-unwritten-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let (mut running, clocks) = keeper(&folder, 0);
    let (key, bundle) = accusation(running.unix());
    assert!(running.take([10, 0, 0, 9].into(), Class::Identities, &key, &bundle));
    std::fs::remove_dir_all(&folder).expect("it is there");
    clocks.set_forward(HOUR + 3 * EPOCH);
    for _ in 0..4 {
        running.due();
    }
    assert!(running.node.is_challenged(&identity(2).eid()) && verdict(&running, key).is_none());
    std::fs::create_dir_all(&folder).expect("a folder");
    for _ in 0..4 {
        running.due();
    }
    assert_eq!(verdict(&running, key).map(|(_, outcome)| outcome), Some(1), "guilty");
    std::fs::remove_dir_all(&folder).expect("it is there");
}
