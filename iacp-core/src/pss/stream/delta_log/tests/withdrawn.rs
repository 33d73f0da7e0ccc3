//! Heartbeats that withdraw what an earlier one has shown.

use super::*;

/// A log with 40 frames, of which some were sent at once.
fn forty<C: Congestion>() -> DeltaLog<C, 1_024, 64> {
    let mut log = DeltaLog::<C, 1_024, 64>::IDLE;
    log.set_window(1_000);
    log.restart(0);
    for mark in 0..40 {
        log.room(10).expect("room").fill(mark);
        log.push(10, [mark; 32], true, Mono(0));
    }
    while log.transmit(Mono(0)).is_some() {}
    log
}

/// Bits for 40 frames and E.
const EVERYTHING: Shown<'static> = Shown { held: true, bitmap: &[0xff, 0xff, 0xff, 0xff, 0xfe] };

/// A peer has shown everything and withdrawn it, again and again.
fn withdrawn<C: Congestion>() -> (DeltaLog<C, 1_024, 64>, u64) {
    let (mut log, mut now) = (forty::<C>(), 0);
    for round in 0..200 {
        now += 50;
        let news = log.acknowledge(Mono(now), 0, EVERYTHING);
        assert_eq!(news, if round == 0 { NEWS } else { NOTHING }, "only what is shown for the first time is news");
        assert_eq!(log.acknowledge(Mono(now), 0, Shown::NOTHING), NOTHING);
        let mut went = 0;
        let until = now + 40;
        while let Some(due) = log.due().filter(|due| due.0 <= until) {
            now = due.0.max(now);
            went += u32::from(log.transmit(Mono(now)).is_some());
        }
        assert!(went <= 2 && log.flight.frames <= 2, "round {round}: {went} frames");
        now = until;
    }
    (log, now)
}

/// What may leave until then.
fn send<C: Congestion>(log: &mut DeltaLog<C, 1_024, 64>, now: u64, until: u64) {
    let mut now = now;
    while let Some(due) = log.due().filter(|due| due.0 <= until) {
        now = due.0.max(now);
        log.transmit(Mono(now));
    }
}

fn a_flight_stays_at_2<C: Congestion>() {
    // A new path changes nothing about it.
    let (mut log, now) = withdrawn::<C>();
    log.repeat_all(Mono(now));
    send(&mut log, now, now + 10);
    assert_eq!(log.flight.frames, 2);
    // E does. To congestion control what came before does not come again: it goes on as after a time-out, and opens with the first
    // frame that is new.
    let (mut log, mut now) = withdrawn::<C>();
    now += 50;
    assert_eq!(log.acknowledge(Mono(now), 40, Shown::NOTHING), FREED);
    for mark in 40..60 {
        log.room(10).expect("room").fill(mark);
        log.push(10, [mark; 32], true, Mono(now));
    }
    send(&mut log, now, now + 50);
    let first = log.flight.frames;
    assert!((1..=4).contains(&first), "{first}");
    now += 50;
    assert_eq!(log.acknowledge(Mono(now), 40 + u64::from(first), Shown::NOTHING), FREED);
    send(&mut log, now, now + 100);
    assert!(log.flight.frames > first, "{}", log.flight.frames);
}

#[test]
fn a_peer_that_shows_and_withdraws_frames_without_end_gets_two_of_them_at_a_time() {
    a_flight_stays_at_2::<Flight>();
    a_flight_stays_at_2::<super::super::super::congestion::Model>();
}

#[test]
fn a_receiver_that_has_forgotten_everything_gets_everything_again() {
    let mut log = forty::<Flight>();
    log.acknowledge(Mono(50), 0, EVERYTHING);
    log.acknowledge(Mono(50), 0, Shown::NOTHING);
    // It takes each frame on its second way, shows what it has, and acknowledges only the whole.
    let (mut here, mut now) = ([false; 40], 50);
    for round in 0..25 {
        while let Some(mark) = log.transmit(Mono(now)).map(|frame| frame[0]) {
            here[usize::from(mark)] = true;
        }
        now += 50;
        let mut bitmap = [0_u8; 5];
        for (bit, _) in here[1..].iter().enumerate().filter(|(_, here)| **here) {
            bitmap[bit / 8] |= 0x80 >> (bit % 8);
        }
        log.acknowledge(Mono(now), 0, Shown { held: here[0], bitmap: &bitmap });
        if here.iter().all(|here| *here) {
            assert!(round >= 19, "two in a round trip, not more");
            assert_eq!(log.acknowledge(Mono(now), 40, Shown::NOTHING), FREED);
            assert!(log.is_empty() && log.all_shown());
            return;
        }
    }
    panic!("{here:?}");
}
