//! Whatever happens, in whatever order.

use super::*;

/// Checks that the counts agree with the marks, and that the ring contains the pushed frames.
fn check<C: Congestion>(log: &DeltaLog<C, 1_024, 64>, seed: u64) {
    let standing = |wanted| (log.first..log.next).filter(|sequence| log.mark(*sequence).standing == wanted).count();
    assert_eq!(log.flight.frames as usize, standing(Standing::Flying), "seed {seed}");
    assert_eq!(log.due as usize, standing(Standing::Due), "seed {seed}");
    assert!((log.first..=log.next).contains(&log.unsent) && log.top <= log.next, "seed {seed}");
    let lowest = (log.first..log.next).find(|sequence| log.mark(*sequence).standing == Standing::Due);
    assert!(lowest.is_none_or(|lowest| log.cursor <= lowest), "seed {seed}");
    for sequence in log.first..log.next {
        let slot = log.slot(sequence).unwrap();
        let (at, length) = (slot.at as usize, slot.length as usize);
        assert!(log.bytes[at..at + length].iter().all(|byte| u64::from(*byte) == sequence % 256), "seed {seed}");
    }
}

#[expect(clippy::cast_possible_truncation, reason = "small numbers of a test")]
fn anything_happens<C: Congestion>(seed: u64) {
    use rand_core::{Rng, SeedableRng};
    let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(seed);
    let mut log = DeltaLog::<C, 1_024, 64>::IDLE;
    log.set_window(40);
    log.restart(0);
    let mut now = 0;
    let mut here = vec![false; 4_096];
    for _ in 0..2_000 {
        let draw = rng.next_u64();
        now += draw % 40;
        match (draw >> 32) % 12 {
            0..=3 => {
                let (length, sequence) = (10 + (draw >> 40) as usize % 60, log.next());
                if let Some(room) = log.room(length) {
                    room.fill((sequence % 256) as u8);
                    log.push(length, [9; 32], true, Mono(now));
                }
            }
            4..=7 => {
                for _ in 0..=(draw >> 40) % 5 {
                    let Some(mark) = log.transmit(Mono(now)).map(|frame| frame[0]) else { break };
                    match (draw >> 50) % 8 {
                        0 => log.not_sent(),
                        1 | 2 => {} // lost
                        _ => {
                            let from = log.first();
                            let sequence = (from..from + 256).find(|sequence| sequence % 256 == u64::from(mark));
                            here[usize::try_from(sequence.unwrap()).unwrap()] = true;
                        }
                    }
                }
            }
            8..=10 => {
                // A true heartbeat; now and then one that shows less, of a peer that forgot what it held.
                let missing = here.iter().position(|here| !here).unwrap() as u64;
                let expected = log.first() + (missing - log.first()) * ((draw >> 40) % 3) / 2;
                let mut bitmap = [0_u8; 8];
                for bit in 0..63 {
                    let place = usize::try_from(expected + 1 + bit).unwrap();
                    if here[place] && (draw >> 45) % 7 != 0 {
                        bitmap[bit as usize / 8] |= 0x80 >> (bit % 8);
                    }
                }
                let held = here[usize::try_from(expected).unwrap()];
                log.acknowledge(Mono(now), expected, Shown { held, bitmap: &bitmap });
            }
            _ => {
                if (draw >> 40) % 20 == 0 {
                    log.repeat_all(Mono(now));
                }
            }
        }
        check(&log, seed);
        if log.next() > 3_900 {
            break;
        }
    }
    // A perfect path from here on: everything arrives, within a bounded time.
    for _ in 0..1_000 {
        now = log.due().map_or(now, |due| due.0.max(now));
        while let Some(mark) = log.transmit(Mono(now)).map(|frame| frame[0]) {
            let from = log.first();
            let sequence = (from..from + 256).find(|sequence| sequence % 256 == u64::from(mark));
            here[usize::try_from(sequence.unwrap()).unwrap()] = true;
        }
        now += 20;
        let missing = here.iter().position(|here| !here).unwrap() as u64;
        log.acknowledge(Mono(now), missing, Shown::NOTHING);
        check(&log, seed);
    }
    assert!(log.is_empty() && log.all_shown() && log.due().is_none(), "seed {seed}: {} left", log.next() - log.first());
}

#[test]
fn whatever_happens_the_counts_are_right_and_everything_arrives_in_the_end() {
    for seed in 0..150 {
        anything_happens::<Flight>(seed);
        anything_happens::<super::super::super::congestion::Model>(seed);
    }
}
