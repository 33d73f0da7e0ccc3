//! Every target holds for its seeds, for changed seeds and for noise; and the seeds lead where they are meant to.

use std::collections::{BTreeSet, HashSet};
use std::time::Instant;

use cep_envelope::decision::Outcome;
use fuzzing::directory::hub;
use fuzzing::directory::node::{self, Told};
use fuzzing::interpreter::{confirms, pipeline_seeds};
use fuzzing::provider::{Keyed, Trusting};
use fuzzing::session::{Op, run};
use fuzzing::{TARGETS, Target, container, delivery, directory, drop, interaction, rollout};
use iacp_core::directory::name::ChainBreak;
use iacp_core::directory::node::Silence;
use iacp_core::governance::window;
use iacp_core::pss::Closure;
use iacp_wire::{Eid, Frame, MessageType};
use interaction_gov::audit::Verdict;
use interaction_gov::lifecycle::State;
use interaction_gov::rollout::RolloutError;
use interaction_gov::vocabulary::Authority;
use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};

/// The number of changes of each seed, and the number of inputs of noise, in each run of the tests.
const CHANGES: u64 = 200;
const NOISE: u64 = 500;

/// What a fuzzer does to an input, by a number: some bytes changed, some removed, some doubled.
fn changed(seed: &[u8], number: u64) -> Vec<u8> {
    let mut rng = ChaCha8Rng::seed_from_u64(number);
    let mut bytes = seed.to_vec();
    for _ in 0..=rng.next_u32() % 4 {
        if bytes.is_empty() {
            break;
        }
        let mut place = |length: usize| rng.next_u32() as usize % length;
        let (at, other) = (place(bytes.len()), place(bytes.len()));
        let (from, to) = (at.min(other) & !3, (at.max(other) & !3).min(at.min(other) + 16));
        match place(4) {
            0 => bytes[at] = u8::try_from(place(256)).expect("below 256"),
            1 => bytes[at] ^= 1 << place(8),
            2 => std::mem::drop(bytes.drain(from.min(to)..to.max(from))),
            _ => bytes.extend_from_within(from.min(to)..to.max(from)),
        }
    }
    bytes
}

/// Tells which input it was if the target panics.
struct Input<'a> {
    target: &'a str,
    what: String,
    bytes: &'a [u8],
}

impl Drop for Input<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("{}: {}: {:02x?}", self.target, self.what, self.bytes);
        }
    }
}

fn replay(target: &Target) {
    let start = Instant::now();
    let run = |what: String, bytes: &[u8]| {
        let _input = Input { target: target.name, what, bytes };
        (target.run)(bytes);
    };
    // Whole hosts take a hundred times as long as anything else; signatures, policies and files a tenth of that.
    let share = match target.name {
        "entity" => 100,
        "delivery" | "drop" | "interaction" | "rollout" => 10,
        _ => 1,
    };
    for (name, bytes) in (target.seeds)() {
        run(format!("seed {name}"), &bytes);
        // Damaged frames are changed seeds.
        let changes = if name.starts_with("refused") { 0 } else { CHANGES / share };
        for number in 0..changes {
            run(format!("seed {name}, change {number}"), &changed(&bytes, number));
        }
    }
    for number in 0..NOISE / share {
        let mut rng = ChaCha8Rng::seed_from_u64(number);
        let mut bytes = vec![0; rng.next_u32() as usize % 512];
        rng.fill_bytes(&mut bytes);
        run(format!("noise {number}"), &bytes);
    }
    println!("{}: {:?}", target.name, start.elapsed());
}

#[test]
fn every_target_holds_for_its_seeds_for_changed_ones_and_for_noise() {
    TARGETS.iter().for_each(replay);
}

fn seeds(name: &str) -> Vec<(String, Vec<u8>)> {
    let target = TARGETS.iter().find(|target| target.name == name).expect("a target");
    let seeds = (target.seeds)();
    let names: HashSet<_> = seeds.iter().map(|(name, _)| name.clone()).collect();
    assert_eq!(names.len(), seeds.len(), "each seed is a file of its own");
    seeds
}

fn seed(name: &str) -> Vec<u8> {
    seeds("session").into_iter().find(|(one, _)| one == name).expect("a seed").1
}

#[test]
fn the_seeds_of_frame_are_every_message() {
    let types: HashSet<MessageType> = seeds("frame")
        .iter()
        .filter(|(name, _)| !name.starts_with("refused"))
        .map(|(name, bytes)| {
            Frame::parse(bytes).unwrap_or_else(|error| panic!("{name}: {error}")).message.message_type()
        })
        .collect();
    assert_eq!(types.len(), MessageType::ALL.len());
}

#[test]
fn the_seeds_of_a_session_lead_to_every_part_of_it() {
    let reports: Vec<_> = seeds("session").iter().map(|(name, bytes)| (name.clone(), run::<Keyed>(bytes))).collect();
    let of = |name: &str| &reports.iter().find(|(one, _)| one == name).expect("a seed").1;
    println!("{reports:#?}");
    assert_eq!(of("silence").closures, [Closure::NoAnswer]);
    assert_eq!((of("handshake").accepted, of("graceful").accepted, of("aborted").accepted), (1, 1, 2));
    assert_eq!((of("graceful").delivered, of("finish").delivered), (2, 2));
    assert_eq!(of("graceful").closures, [Closure::Graceful; 2]);
    assert_eq!(of("reordered").delivered, 3);
    assert!(of("reordered").discarded > 0, "the copy");
    assert_eq!(of("lost").delivered, 2, "what was lost is repeated");
    assert!(of("reconnected").reconciled > 0 && of("reconnected").delivered == 1);
    assert!(of("contract").proposed > 1 && of("contract").contracts > 0 && of("contract").delivered == 1);
    assert_eq!((of("accepted").proposed, of("accepted").delivered), (1, 1), "turn 1 is accepted with the PSS_ACK");
    assert!(of("changed").discarded > 1);
    assert!(of("aborted").closures.iter().any(|closure| matches!(closure, Closure::Forced { by_peer: true, .. })));
}

#[test]
fn a_trusting_provider_lets_a_changed_frame_accuse() {
    // The rolling hash of a data frame, changed under a seal that holds: with keys, noise; without, a compromise.
    let changed = seed("changed");
    assert!(!run::<Keyed>(&changed).closures.iter().any(|closure| matches!(closure, Closure::Compromised(_))));
    let hostile = run::<Trusting>(&changed);
    assert!(hostile.closures.iter().any(|closure| matches!(closure, Closure::Compromised(_))), "{hostile:?}");
}

#[test]
fn an_operation_is_four_bytes() {
    for code in 0..=u8::MAX {
        let op = Op::read([code, 1, 2, 3]);
        assert_eq!(Op::read(op.write()), op);
    }
}

#[test]
fn one_seed_of_the_pipeline_leads_to_a_confirmed_mapping() {
    for (name, bytes) in pipeline_seeds() {
        assert_eq!(confirms(&bytes), name == "mapped", "{name}");
    }
}

#[test]
fn the_seeds_of_a_chain_resolve_or_break_where_they_are_meant_to() {
    let found = |name: &str| {
        let seeds = seeds("chain");
        directory::chain(&seeds.iter().find(|(one, _)| one == name).expect("a seed").1).expect("a path")
    };
    assert_eq!(found("root"), Ok(Eid([6; 32])));
    assert_eq!(found("curation"), Ok(Eid([7; 32])), "the key after the change");
    assert_eq!((found("tokens"), found("twice")), (Ok(Eid([9; 32])), Ok(Eid([9; 32]))), "the last child's key");
    assert_eq!(found("no-root"), Err(ChainBreak::RootUnknown));
    assert_eq!(found("gap"), Err(ChainBreak::CurationBroken));
    assert_eq!(found("old"), Err(ChainBreak::Expired));
    assert_eq!(found("revoked"), Err(ChainBreak::KeyRevoked));
    assert_eq!(found("refused"), Err(ChainBreak::TerminalRefused));
}

/// Each datagram that a node takes, alone and in a proof of work or behind a ticket, is handled as it is meant, and changes what it is to
/// change.
#[test]
fn the_seeds_of_a_node_lead_to_every_frame_that_it_takes() {
    use MessageType as T;
    let reports: Vec<_> = seeds("node").iter().map(|(name, bytes)| (name.clone(), node::run(bytes))).collect();
    let of = |name: &str| &reports.iter().find(|(one, _)| one == name).expect("a seed").1;
    println!("{reports:#?}");
    let told = |name: &str| of(name).told.iter().filter_map(|(sent, told)| Some(((*sent)?, *told))).collect::<Vec<_>>();
    let confirm = |status| Told::Answer(T::ErpConfirm, status);
    let receipt = |status| Told::Answer(T::DirReceipt, status);
    let answer = |status| Told::Answer(T::DirAnswer, status);
    let (vote, compared) = (Told::Silence(Silence::Vote), Told::Silence(Silence::Compared));
    let [register, put, get] = [T::ErpRegister, T::DirPut, T::DirGet];

    assert_eq!(told("empty"), []);
    assert_eq!(told("registered"), [(register, confirm(0)), (register, confirm(0)), (register, confirm(1))]);
    let handed_on = [(put, receipt(0)), (put, receipt(1)), (put, receipt(3))];
    assert_eq!((told("handed-on"), of("handed-on").equivocations), (handed_on.to_vec(), 1));
    assert_eq!(told("moved"), [(register, confirm(0)), (T::MigrationVector, confirm(0))]);
    assert_eq!(told("worked"), [(T::WorkedRequest, confirm(0))]);
    let looked = [answer(0), answer(0), answer(20), receipt(0), answer(20)];
    assert_eq!(told("looked-up")[1..], looked.map(|told| (get, told)));
    let [stored, asked, unknown] = told("tickets")[..] else { panic!("three frames") };
    assert_eq!(stored, (T::DhtTicketStore, receipt(0)));
    assert_eq!(asked, (T::DhtTicketQuery, Told::Answer(T::DhtTicketResp, 0)));
    assert_eq!(unknown, (T::DhtTicketQuery, Told::Answer(T::DhtTicketResp, 1)), "no ticket");
    let access = [(put, receipt(0)), (T::AccessTicketReq, Told::Answer(T::AccessTicketRes, 0))];
    assert_eq!(told("access"), [&access[..], &[(T::TicketedRequest, confirm(0))]].concat());
    assert_eq!(of("names").named, 3, "the root and two children");
    assert_eq!(of("names").equivocations, 1);
    let convicted = told("convicted");
    assert_eq!(convicted[1..], [&[(T::WorkedRequest, receipt(0))][..], &[(T::PomVote, vote); 3]].concat());
    assert_eq!(of("convicted").verdicts, [window::Outcome::Guilty]);
    assert_eq!((of("judged").votes, &of("judged").verdicts[..]), (1, &[][..]), "one vote convicts no key");
    assert_eq!(of("two-words").double_votes, 1);
    let defence = [(put, receipt(0)), (T::WorkedRequest, receipt(0)), (T::PssRevocationRebuttal, receipt(0))];
    assert_eq!((told("rebutted"), of("rebutted").votes), (defence.to_vec(), 1));
    assert_eq!(told("compared").last(), Some(&(T::DirAnswer, compared)));
    assert_eq!(told("present").last(), Some(&(T::DirReceipt, compared)));
}

#[test]
fn the_seeds_of_deliveries_lead_to_what_is_approved_and_to_what_is_not() {
    let seeds = seeds("delivery");
    let approved = |name: &str| {
        let report = delivery::run(&seeds.iter().find(|(one, _)| one == name).expect("a seed").1);
        assert!(report.judged > 0);
        (report.approved, report.continued)
    };
    assert_eq!(approved("roots"), (vec![0, 2, 4], 0));
    assert_eq!(approved("line"), (vec![0, 6, 10], 2));
    assert_eq!(approved("backwards"), (vec![10, 6, 0], 0), "each is a beginning, and is not judged anew");
    assert_eq!(approved("fork"), (vec![0, 6, 8, 10], 2), "the second child continues no line");
    assert_eq!(approved("twice"), (vec![0, 2], 0));
    assert_eq!(approved("two-senders"), (vec![0, 1, 6, 7], 2));
    assert_eq!(approved("orphan"), (vec![12, 4], 0));
    assert_eq!(approved("notice"), (vec![0], 0), "a notice that names another sender is only a finding");
    for changed in ["name", "content", "seal"] {
        assert_eq!(approved(changed), (vec![], 0), "{changed}");
    }
}

#[test]
fn the_seeds_of_a_hub_lead_to_each_answer_and_each_silence() {
    let reports: Vec<_> = seeds("hub").iter().map(|(name, bytes)| (name.clone(), hub::run(bytes))).collect();
    let of = |name: &str| &reports.iter().find(|(one, _)| one == name).expect("a seed").1;
    println!("{reports:#?}");
    assert_eq!((of("asked").passed, of("asked").sent, of("asked").forwarded), (1, 2, 2), "two of three are wanted");
    assert_eq!((of("left").joined, of("left").left, of("left").sent), (3, 2, 1), "who has left hears nothing");
    assert_eq!((of("late").sent, of("late").forwarded), (1, 0), "ten seconds are over");
    assert_eq!((of("again").passed, of("again").sent), (1, 2), "a request is passed on once");
    assert_eq!((of("crowd").joined, of("crowd").most), (12, 12));
    assert_eq!(of("network").most, 2);
    assert_eq!((of("work").joined, of("work").passed), (2, 1), "what has too little work is told so");
    assert_eq!((of("changed").joined, of("changed").sent), (1, 1), "and nothing changed joins");
    let statuses: BTreeSet<u32> = reports.iter().flat_map(|(_, report)| report.statuses.clone()).collect();
    assert_eq!(statuses, BTreeSet::from([0, 4, 17, 24, 1_002]));
    let silent: BTreeSet<String> = reports.iter().flat_map(|(_, report)| report.silent.clone()).collect();
    let expected = ["Form", "Full", "Spent", "Token", "Work"].map(str::to_owned);
    assert_eq!(silent, BTreeSet::from(expected));
}

#[test]
fn the_seeds_of_a_rollout_lead_to_each_change_and_each_refusal() {
    let reports: Vec<_> = seeds("rollout").iter().map(|(name, bytes)| (name.clone(), rollout::run(bytes))).collect();
    let of = |name: &str| &reports.iter().find(|(one, _)| one == name).expect("a seed").1;
    println!("{reports:#?}");
    assert_eq!((of("published").stable, of("rolled-back").stable), (Some(1), Some(0)));
    assert_eq!((of("promoted").stable, of("emergency").stable), (Some(1), Some(0)));
    assert_eq!(of("taken-back").stable, Some(2), "the version of the texts that count again");
    let refused: BTreeSet<&String> = reports.iter().flat_map(|(_, report)| &report.refused).collect();
    for error in [
        RolloutError::NotSigned(Authority(0)),
        RolloutError::TakenBack(Authority(0)),
        RolloutError::LeftOut(Authority(0)),
        RolloutError::Full,
        RolloutError::Unknown,
        RolloutError::InUse,
        RolloutError::Busy,
        RolloutError::Withdrawn,
        RolloutError::OfAnother(Authority(0)),
        RolloutError::Percent,
        RolloutError::Older,
    ] {
        assert!(refused.contains(&error.to_string()), "{error}");
    }
}

#[test]
fn the_seeds_of_an_interaction_lead_to_each_verdict() {
    let reports: Vec<_> =
        seeds("interaction").iter().map(|(name, bytes)| (name.clone(), interaction::run(bytes))).collect();
    let of = |name: &str| &reports.iter().find(|(one, _)| one == name).expect("a seed").1;
    println!("{reports:#?}");
    assert!(reports.iter().all(|(_, report)| report.asked_again > 0 && report.replayed > 3));
    assert_eq!(of("ended").state, Some(State::Terminated));
    assert_eq!((of("banned").joined, of("full").begun), (6, 0));
    for (name, verdict) in [
        ("ended", Verdict::NotActive),
        ("lapsed", Verdict::Lapsed),
        ("governed", Verdict::NotPermitted),
        ("suspended", Verdict::NotActive),
        ("banned", Verdict::Banned),
        ("banned", Verdict::NoRoom),
        ("full", Verdict::AuditFull),
        ("full", Verdict::NoFunction),
        ("silent", Verdict::Unreachable),
        ("moved", Verdict::Residency),
        ("moved", Verdict::ClockBack),
    ] {
        assert!(of(name).verdicts.contains(&verdict), "{name}: {verdict}");
    }
}

#[test]
fn the_seeds_of_containers_are_sound_or_have_one_fault() {
    let sound = seeds("container").into_iter().filter(|(_, bytes)| container::run(bytes));
    let sound: Vec<String> = sound.map(|(name, _)| name).collect();
    assert_eq!(sound, ["letter", "several", "packed", "kind-3"]);
}

#[test]
fn the_seeds_of_a_drop_lead_to_each_outcome_and_to_what_is_lost() {
    use Outcome::{Continue, Fork, Quarantine, Resync};
    let reports: Vec<_> = seeds("drop").iter().map(|(name, bytes)| (name.clone(), drop::run(bytes))).collect();
    let of = |name: &str| &reports.iter().find(|(one, _)| one == name).expect("a seed").1;
    println!("{reports:#?}");
    let all = [Continue, Continue, Fork, Continue, Continue, Resync, Quarantine];
    for (name, crashes) in [("all", 0), ("crashes", 3), ("torn", 3)] {
        assert_eq!((&of(name).outcomes[..], of(name).crashes), (&all[..], crashes), "{name}");
    }
    assert_eq!(of("halves").outcomes, [Continue; 2]);
    assert_eq!(of("twice").outcomes, [Continue, Quarantine, Quarantine]);
    assert_eq!(of("names").outcomes, [Resync, Quarantine, Quarantine]);
    assert_eq!(of("damaged").outcomes, [Quarantine; 4]);
    assert_eq!(of("odd").outcomes, [Quarantine, Quarantine, Quarantine, Continue]);
    for name in ["lines-lost", "journal-gone"] {
        assert_eq!((of(name).lost, of(name).outcomes.last()), (1, Some(&Resync)), "{name}");
    }
    for name in ["line-changed", "line-invented"] {
        assert_eq!((of(name).refused, &of(name).outcomes[..]), (1, &[Continue; 2][..]), "{name}: until it is put back");
    }
    assert_eq!(of("head-gone").outcomes, [Continue, Quarantine, Continue], "the journal alone is enough");
}
