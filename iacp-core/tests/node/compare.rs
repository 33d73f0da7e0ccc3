//! What nodes tell each other by themselves: comparison once an hour, their own records, notices; and what outlives a restart.

use iacp_core::crypto::Provider;
use iacp_core::directory::node::{NodeEvent, NotRestored, SavedCase, Silence};
use iacp_core::directory::{Class, Kind, sign};
use iacp_core::governance::ballot::sign as sign_vote;
use iacp_core::governance::malfeasance::accuse;
use iacp_core::governance::window::{EPOCH, Outcome};
use iacp_wire::layout::{NodeRecord, Revocation};
use iacp_wire::message::{Evidence, HeaderFragment};
use iacp_wire::{Frame, Locator, Message, Signature};
use zerocopy::IntoBytes;

use super::world::{
    Chosen, Host, Nothing, SETTINGS, at, binding, frame, get, hashed, home, identity, info, node_put, put, record,
    registration, worked,
};

const HOUR: u64 = 3_600_000;
const DAY: u64 = 24 * HOUR;

/// Nodes 1 and on, who know each other, with nothing to hand over.
fn nodes(count: u8) -> Vec<Host> {
    let mut hosts: Vec<Host> = (1..=count).map(|seed| Host::new(seed, 256, SETTINGS)).collect();
    for host in &mut hosts {
        for seed in 1..=count {
            assert!(host.node.introduce(at(0).mono, info(seed)));
        }
    }
    talk(&mut hosts, 0, 20_000);
    hosts
}

/// Lets the nodes say what they have to say, for some time; gives how many frames of each type went.
fn talk(hosts: &mut [Host], from: u64, until: u64) -> std::collections::BTreeMap<u8, usize> {
    let mut sent = std::collections::BTreeMap::new();
    for ms in (from..until).step_by(1_000) {
        for number in 0..hosts.len() {
            let mut out = [0; 1_200];
            while let Some((to, length)) = hosts[number].node.poll_transmit(at(ms), &hosts[number].me, &mut out) {
                let message = Frame::parse(&out[..length]).expect("a frame").message.message_type();
                *sent.entry(message as u8).or_default() += 1;
                let Some(receiver) = (0..hosts.len()).find(|other| place(*other) == to) else { continue };
                let answer = hosts[receiver].handle(at(ms), place(number), &out[..length]);
                if let Ok(answer) = answer {
                    let _ = hosts[number].handle(at(ms), to, &answer);
                }
            }
        }
    }
    sent
}

fn place(number: usize) -> std::net::SocketAddr {
    info(u8::try_from(number).expect("few") + 1).at
}

/// From the next full hour of Unix on, an hour and a minute.
fn hour(hosts: &mut [Host]) -> std::collections::BTreeMap<u8, usize> {
    talk(hosts, 30_000, 30_000 + HOUR + 60_000)
}

#[test]
fn what_a_node_missed_or_has_only_an_older_one_of_it_gets_within_the_hour() {
    let mut hosts = nodes(4);
    let (missed, older, newer) = (20, 21, 22);
    for (number, host) in hosts.iter_mut().enumerate() {
        if number != 2 {
            assert_eq!(host.status(at(20_000), home(missed), &registration(at(20_000), missed, 4, 6, 0)), 0);
        }
        assert_eq!(host.status(at(20_000), home(older), &registration(at(20_000), older, 4, 6, 0)), 0);
        if number != 1 {
            assert_eq!(host.status(at(20_001), home(older), &registration(at(20_001), older, 5, 6, 1)), 0);
        }
        if number == 3 {
            assert_eq!(host.status(at(20_000), home(newer), &registration(at(20_000), newer, 9, 6, 0)), 0);
        }
    }
    let sent = hour(&mut hosts);
    for (number, host) in hosts.iter_mut().enumerate() {
        let now = at(40_000 + HOUR);
        for (agent, generation) in [(missed, 4), (older, 5), (newer, 9)] {
            let held = host.standing(now, agent).2;
            let wanted = binding(agent, home(agent).ip(), generation);
            assert_eq!(held, [wanted.as_bytes().to_vec()], "node {number}, agent {agent}");
        }
    }
    // Of three keys each of four nodes asked three others once, or twice at both ends of the hour; only what was missing was sent.
    assert!(sent[&0x90] <= 2 * 3 * 4 * 3, "{sent:?}");
    assert!(sent[&0x92] <= 16, "{sent:?}");
}

/// The attack "half the quorum told one IP, half another": the comparison brings the pair together.
// shows: IACP-098 (§4.2.7.1)
#[test]
fn two_halves_that_were_told_two_things_meet_and_accuse() {
    let mut hosts = nodes(4);
    let key = hashed(&identity(20).eid().0);
    let other = frame(Message::ErpRegister(&binding(20, home(250).ip(), 4)));
    for (number, host) in hosts.iter_mut().enumerate() {
        let now = at(20_000);
        if number < 2 {
            assert_eq!(host.status(now, home(20), &registration(now, 20, 4, 6, 0)), 0);
        } else {
            assert_eq!(host.status(now, home(250), &worked(now, Class::Identities, key, 6, 0, &other)), 0);
        }
    }
    hour(&mut hosts);
    let now = at(40_000 + HOUR);
    for host in &mut hosts {
        assert!(host.events(now).contains(&NodeEvent::Equivocation { offender: identity(20).eid() }));
        assert!(matches!(host.node.accuse(now, &host.me, &Nothing), Some((_, 0))));
        assert!(host.node.is_challenged(&identity(20).eid()));
    }
}

/// An answer counts to a question that is open, from where it was asked.
#[test]
fn answers_to_no_question_store_nothing() {
    let mut hosts = nodes(2);
    assert_eq!(hosts[1].status(at(20_000), home(20), &registration(at(20_000), 20, 4, 6, 0)), 0);
    let key = hashed(&identity(20).eid().0);
    let answer = hosts[1].handle(at(20_000), info(1).at, &get(key, Class::Identities, 1, 200)).expect("an answer");
    let refused = Err(iacp_core::directory::node::Handled::Silence(Silence::Form));
    assert_eq!(hosts[0].handle(at(20_000), info(2).at, &answer), refused);
    assert_eq!(hosts[0].node.store().fill().0, 0);
}

fn node_record(seed: u8, ms: u64) -> NodeRecord {
    let mut body = NodeRecord {
        eid: identity(seed).eid(),
        ip: Locator::from(info(seed).at.ip()),
        port: 4_227.into(),
        classes: 0xF,
        reserved: 0,
        timestamp: at(ms).unix.0.into(),
        nonce: 0.into(),
        signature: Signature::ZERO,
    };
    body.signature = sign(&identity(seed), Kind::Node, &body.as_bytes()[..68], &[]);
    body
}

#[test]
fn a_node_that_says_nothing_for_a_day_is_forgotten_and_one_that_refreshes_stays() {
    let mut hosts = nodes(1);
    // Nodes 2 and 3 become known by their records.
    for seed in [2, 3] {
        let (body, key) = (node_record(seed, 0), hashed(&identity(seed).eid().0));
        let inner = put(&record(Kind::Node, key, body.as_bytes()));
        assert_eq!(
            hosts[0].status(at(0), info(seed).at, &worked(at(0), Class::Overlay, key, 6, seed.into(), &inner)),
            0
        );
    }
    let known = |host: &mut Host, ms: u64| {
        let (_, _, nearest) = host.look_up(at(ms), &get(hashed(b"any"), Class::Identities, 0, 350));
        nearest.iter().map(|body| body[..32].to_vec()).collect::<std::collections::BTreeSet<_>>()
    };
    assert_eq!(known(&mut hosts[0], 1).len(), 0, "none has answered from its address");
    for seed in [2, 3] {
        assert!(hosts[0].meets(at(1_000 * u64::from(seed)), seed));
    }
    assert_eq!(known(&mut hosts[0], 4_000).len(), 2);
    // Node 3 signs anew and sends it itself; another's word about node 2 would need the place for it.
    let mut third = Host::new(3, 256, SETTINGS);
    assert!(third.node.introduce(at(0).mono, info(1)));
    third.node.announce(0);
    let mut out = [0; 1_200];
    for ms in [6 * HOUR, 18 * HOUR] {
        let mut told = 0;
        while let Some((to, length)) = third.node.poll_transmit(at(ms), &third.me, &mut out) {
            if out[..2] == [0x19, 0x20] {
                assert_eq!(to, info(1).at);
                assert_eq!(hosts[0].status(at(ms), info(3).at, &out[..length]), 0);
                told += 1;
            }
        }
        assert!(told >= 1, "each node is told");
    }
    for _ in 0..32 {
        let _ = hosts[0].node.handle_deadline(at(DAY + 1));
    }
    assert_eq!(known(&mut hosts[0], DAY + 1), [identity(3).eid().0.to_vec()].into());
    // A stranger's record of itself needs work.
    let (body, key) = (node_record(9, DAY), hashed(&identity(9).eid().0));
    let refused = Err(iacp_core::directory::node::Handled::Silence(Silence::Node));
    let sent = node_put(9, 1, DAY, &record(Kind::Node, key, body.as_bytes()));
    assert_eq!(hosts[0].handle(at(DAY), info(9).at, &sent), refused);
}

fn accusation(offender: u8, ms: u64) -> Vec<u8> {
    let [one, two] = [offender, 250].map(|place| {
        let binding = binding(offender, home(place).ip(), 4);
        HeaderFragment::from(&binding)
    });
    let (ticket, evidence) = accuse(&identity(21), identity(offender).eid(), one, two, at(ms).unix.0);
    let inner = frame(Message::ProofOfMal { head: &ticket, evidence: Some(Evidence::Bindings(&evidence)) });
    worked(at(ms), Class::Identities, hashed(&identity(offender).eid().0), 10, offender.into(), &inner)
}

/// "Amplification: eight notices, to proven addresses."
// shows: IACP-102 (§4.2.7.2)
#[test]
fn an_accused_key_is_told_eight_times_where_it_is_bound() {
    let mut host = Host::new(1, 256, SETTINGS);
    assert_eq!(host.status(at(0), home(20), &registration(at(0), 20, 4, 6, 0)), 0);
    for offender in [20, 30] {
        assert_eq!(host.status(at(1), home(21), &accusation(offender, 1)), 0);
    }
    let mut told = Vec::new();
    for epoch in 0..120 {
        let (ms, mut out) = (1 + epoch * EPOCH, [0; 1_200]);
        while let Some((to, length)) = host.node.poll_transmit(at(ms), &host.me, &mut out) {
            let Message::PomNotice(notice) = Frame::parse(&out[..length]).expect("a frame").message else { continue };
            assert_eq!((to, notice.offender_eid), ((home(20).ip(), 4_227).into(), identity(20).eid()));
            let digest = Chosen::sha256(&[b"IACP/1 POM_NOTICE\0", &out[..length - 64]]);
            assert!(Chosen::verify(&host.me.eid().0, &digest, &notice.signature.0).is_ok());
            told.push(epoch);
        }
    }
    assert_eq!(told, [0, 1, 2, 4, 8, 16, 32, 64], "agent 30 is bound nowhere");
}

/// What a node accepted it tries to the end, over a restart: the window counts the time in which it ran.
// shows: IACP-101 (§4.2.7.2)
#[test]
fn an_escrow_and_its_votes_outlive_a_restart() {
    let mut before = Host::new(1, 256, SETTINGS);
    for seed in 2..8 {
        assert!(before.node.introduce(at(0).mono, info(seed)));
    }
    assert_eq!(before.status(at(1), home(21), &accusation(20, 1)), 0);
    let saved: Vec<SavedCase> = before.node.saved_cases(at(HOUR / 2).mono).collect();
    assert_eq!(saved.len(), 1);

    // A day passes without it; then the other half hour is still to go.
    let mut after = Host::new(1, 256, SETTINGS);
    let up = DAY;
    assert_eq!(after.node.restore_case(at(up).mono, &saved[0]), Ok(()));
    assert_eq!(after.node.restore_case(at(up).mono, &saved[0]), Err(NotRestored::NoRoom), "once");
    assert!(after.node.is_challenged(&identity(20).eid()));
    // Past the lapse by Unix time, and not by the time in which it ran.
    assert_eq!(after.events(at(up + HOUR / 2)), []);
    let due = after.events(at(up + HOUR / 2 + 3 * EPOCH));
    let [NodeEvent::Persist { id, outcome: Outcome::Guilty, .. }] = due[..] else { panic!("{due:?}") };
    let voted = up + HOUR / 2 + 4 * EPOCH;
    let mut out = [0; 200];
    let (first, voters) = after.node.persisted(at(voted), &after.me, &id, &mut out).expect("its vote");
    assert_eq!((first > 0, voters.len()), (true, 7));
    // Two more votes; then it restarts again: they are there, and its own is due once more, as it was.
    for seed in [2, 3] {
        let vote = sign_vote(&identity(seed), id, identity(20).eid(), Outcome::Guilty, 1);
        let _ = after.handle(at(voted), info(seed).at, &frame(Message::PomVote(&vote)));
    }
    let saved: Vec<SavedCase> = after.node.saved_cases(at(voted).mono).collect();
    let bytes = *saved[0].bytes();
    let mut last = Host::new(1, 256, SETTINGS);
    assert_eq!(last.node.restore_case(at(2 * DAY).mono, &SavedCase::from_bytes(bytes)), Ok(()));
    let now = at(2 * DAY + 1);
    // A revocation that comes now changes nothing: it votes as it may have voted.
    let key = hashed(&identity(20).eid().0);
    let mut body = Revocation {
        eid: identity(20).eid(),
        first_invalid_generation: 0.into(),
        timestamp: now.unix.0.into(),
        signature: Signature::ZERO,
    };
    body.signature = sign(&identity(20), Kind::Revocation, &body.as_bytes()[..48], &[]);
    let inner = put(&record(Kind::Revocation, key, body.as_bytes()));
    assert_eq!(last.status(now, home(20), &worked(now, Class::Identities, key, 6, 0, &inner)), 0);
    let offender = identity(20).eid();
    assert_eq!(last.events(now), [NodeEvent::Persist { id, offender, outcome: Outcome::Guilty }]);
    assert!(last.node.persisted(now, &last.me, &id, &mut out).is_some());
    for seed in [3, 4] {
        let vote = sign_vote(&identity(seed), id, offender, Outcome::Guilty, 1);
        let _ = last.handle(now, info(seed).at, &frame(Message::PomVote(&vote)));
    }
    assert!(last.node.is_challenged(&offender), "four votes");
    let vote = sign_vote(&identity(5), id, offender, Outcome::Guilty, 1);
    let _ = last.handle(now, info(5).at, &frame(Message::PomVote(&vote)));
    assert!(last.events(now).contains(&NodeEvent::Verdict { id, offender, outcome: Outcome::Guilty }));

    // What is no saved escrow.
    for (byte, value) in [(0, 1), (1, 4), (2, 0), (2, 8), (3, 8), (5, 1), (8, 2), (9, 3), (10, 1)] {
        let mut wrong = bytes;
        wrong[byte] = value;
        let mut fresh = Host::new(1, 64, SETTINGS);
        let refused = fresh.node.restore_case(at(0).mono, &SavedCase::from_bytes(wrong));
        assert_eq!(refused, Err(NotRestored::Malformed), "byte {byte}");
    }
}
