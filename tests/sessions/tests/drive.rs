//! The driver's seeds reach every request and notice of the local channel (PROFILE 23.3, 23.4) and every frame that hosts send;
//! and from there arbitrary operations break nothing.

use iacp_wire::MessageType;
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
    let unsent: Vec<MessageType> =
        sent_types().into_iter().filter(|of| !all.frames.contains_key(&of.code())).collect();
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
fn changed_seeds_and_noise_break_nothing() {
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
    for number in 0..10 {
        let mut rng = ChaCha8Rng::seed_from_u64(number);
        let mut bytes = vec![0; 4 + 4 * 120];
        rng.fill_bytes(&mut bytes);
        println!("noise {number}");
        let _ = run(&bytes);
    }
}
