//! The driver's seeds reach every request and notice of the local channel (PROFILE 23.3, 23.4) and every frame that hosts send;
//! and from there arbitrary operations break nothing.

use iacp_wire::MessageType;
use quickcheck::{Arbitrary, Gen, QuickCheck};
use sessions::drive::{Op, REQUESTS, Report, run, seeds, sent_types};
use sessions::{ChaCha8Rng, Rng, SeedableRng};

/// How often each seed is changed in a run of the tests.
const CHANGES: u64 = 3;

#[test]
fn an_operation_is_four_bytes() {
    for code in 0..=u8::MAX {
        let op = Op::read([code, 1, 2, 3]);
        assert_eq!(Op::read(op.write()), op);
    }
}

#[test]
fn the_seeds_reach_every_request_notice_and_kind_of_frame() {
    let mut all = Report::default();
    let runs: Vec<(String, Report)> = seeds().into_iter().map(|(name, bytes)| (name, run(&bytes))).collect();
    runs.iter().for_each(|(_, report)| all.add(report));
    println!("{all:#?}");
    let of = |name: &str| &runs.iter().find(|(one, _)| one == name).expect("a seed").1;
    let undone: Vec<u16> = (1..=REQUESTS).filter(|op| !all.was_done(*op)).collect();
    assert_eq!(undone, [], "requests that were refused only");
    let untold: Vec<u16> = (1..=16).filter(|code| !all.told.contains_key(code)).collect();
    assert_eq!(untold, [], "notices");
    let unsent: Vec<MessageType> = sent_types().into_iter().filter(|of| !all.frames.contains_key(&of.code())).collect();
    assert_eq!(unsent, [], "frames between hosts");
    use MessageType as T;
    let local = [T::ErpInit, T::ErpAlloc, T::ErpKeepalive, T::Local, T::Error];
    assert!(local.iter().all(|of| all.local.contains_key(&of.code())), "{:?}", all.local);
    assert!(of("accused").path_reports > 0, "frames of kind 6 have come");
    assert!(all.docked >= 4 && all.not_docked >= 3, "{} {}", all.docked, all.not_docked);
    let [owner, follower] = ["endpoints-after-docking", "follower-docks"].map(|seed| (seed, &of(seed).asked));
    assert_eq!((owner.1.get(&(12, 0)), follower.1.get(&(12, 0))), (Some(&4), Some(&5)), "WRITE, also after the move");
    for (seed, notices) in [("endpoints-after-docking", &[1_u16, 2, 3, 5][..]), ("follower-docks", &[1, 2, 3, 12])] {
        let told = &of(seed).told_after_docking;
        assert!(notices.iter().all(|code| told.contains_key(code)), "{seed}: {told:?}");
    }
}

#[test]
fn changed_seeds_break_nothing() {
    for (name, bytes) in seeds() {
        for number in 0..CHANGES {
            let mut rng = ChaCha8Rng::seed_from_u64(number);
            let mut bytes = bytes.clone();
            for _ in 0..=rng.next_u32() % 4 {
                let at = rng.next_u32() as usize % bytes.len();
                bytes[at] = rng.next_u32().to_be_bytes()[0];
            }
            println!("seed {name}, change {number}: {bytes:02x?}");
            let _ = run(&bytes);
        }
    }
}

/// An operation of an arbitrary trace: each request of the local channel as often as the others.
#[derive(Clone, Debug)]
struct Any(Op);

impl Arbitrary for Any {
    fn arbitrary(g: &mut Gen) -> Self {
        let [who, b, c] = [u8::arbitrary(g), u8::arbitrary(g), u8::arbitrary(g)];
        let request = g.choose(&(1..=REQUESTS).collect::<Vec<_>>()).copied().unwrap_or(1);
        match u8::arbitrary(g) % 4 {
            0 => Self(Op::Wait(who, b)),
            1 => Self(Op::read([b, who, c, u8::arbitrary(g)])),
            _ => Self(Op::Ask { op: request, who, b, c }),
        }
    }
}

/// What a trace asks for, apart from whether it is granted.
fn asked(ops: &[Any]) -> Report {
    let trace = ops.iter().flat_map(|Any(op)| op.write());
    run(&[3, 0, 0, 0].into_iter().chain(trace).collect::<Vec<u8>>())
}

#[test]
fn arbitrary_traces_ask_for_everything_and_break_nothing() {
    fn holds(ops: Vec<Any>) -> bool {
        asked(&ops).told.contains_key(&2)
    }
    QuickCheck::new().rng(Gen::from_size_and_seed(120, 0x1AC9)).tests(12).quickcheck(holds as fn(Vec<Any>) -> bool);
    // The generator leaves no request out.
    let mut generator = Gen::from_size_and_seed(120, 0x1AC9);
    let ops: Vec<Any> = (0..1_000).map(|_| Any::arbitrary(&mut generator)).collect();
    let has = |wanted: u16| ops.iter().any(|Any(op)| matches!(op, Op::Ask { op, .. } if *op == wanted));
    assert!((1..=REQUESTS).all(has));
}
