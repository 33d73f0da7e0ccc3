extern crate std;

mod random;
mod withdrawn;

use std::{vec, vec::Vec};

use super::super::congestion::Flight;
use super::super::loss::{News, Shown};
use super::*;

type Log<const LOG: usize, const FRAMES: usize> = DeltaLog<Flight, LOG, FRAMES>;
/// Sixty-four frames of 10 bytes.
type Wide = Log<1_024, 64>;

fn log<const LOG: usize, const FRAMES: usize>(first: u64) -> Log<LOG, FRAMES> {
    let mut log = Log::IDLE;
    log.set_window(1_000);
    log.restart(first);
    log
}

/// Pushes a frame whose every byte is `mark`.
fn push<const L: usize, const F: usize>(log: &mut Log<L, F>, length: usize, mark: u8) -> bool {
    let Some(room) = log.room(length) else { return false };
    room.fill(mark);
    log.push(length, [mark; 32], true, Mono(0));
    true
}

/// A log of 64 with this many sealed frames; frame n consists of the byte n, and the first is frame 0.
fn filled(frames: u8) -> Wide {
    let mut log = log(0);
    for mark in 0..frames {
        assert!(push(&mut log, 10, mark));
    }
    log
}

/// Everything that leaves at this moment.
fn sent<const L: usize, const F: usize>(log: &mut Log<L, F>, now: u64) -> Vec<u8> {
    core::iter::from_fn(|| log.transmit(Mono(now)).map(|frame| frame[0])).take(1_000).collect()
}

/// A heartbeat that expects `expected`, and shows these frames.
fn heartbeat(log: &mut Wide, now: u64, expected: u64, shown: &[u64]) -> News {
    let mut bitmap = [0_u8; 32];
    for bit in shown.iter().filter_map(|sequence| sequence.checked_sub(expected + 1)) {
        bitmap[usize::try_from(bit / 8).unwrap()] |= 0x80 >> (bit % 8);
    }
    log.acknowledge(Mono(now), expected, Shown { held: shown.contains(&expected), bitmap: &bitmap })
}

const NEWS: News = News { any: true, freed: false };
const FREED: News = News { any: true, freed: true };
const NOTHING: News = News { any: false, freed: false };

// The ring.

#[test]
fn what_is_unacknowledged_is_never_overwritten() {
    let mut log = log::<100, 8>(7);
    assert!(!push(&mut log, 101, 0), "longer than the log");
    for mark in 0..3 {
        assert!(push(&mut log, 30, mark));
    }
    assert!(!push(&mut log, 30, 9), "10 bytes are left");
    assert_eq!(log.acknowledge(Mono(0), 8, Shown::NOTHING), FREED);
    assert!(!push(&mut log, 30, 9), "30 bytes in front, but touching would make full look empty");
    assert!(push(&mut log, 29, 3));
    for mark in [1, 2, 3] {
        let frame = log.transmit(Mono(0)).expect("all are due");
        assert!(frame.iter().all(|byte| *byte == mark), "frame {mark} is whole");
    }
    assert_eq!(log.transmit(Mono(0)), None);
}

#[test]
fn a_frame_may_end_where_the_ring_ends_and_not_where_the_oldest_begins() {
    let mut log = log::<300, 16>(0);
    assert!((0..3).all(|mark| push(&mut log, 100, mark)), "it is full to the byte");
    assert!(log.room(1).is_none());
    log.acknowledge(Mono(0), 1, Shown::NOTHING);
    assert!(log.room(100).is_none() && log.room(99).is_some());
    assert!(push(&mut log, 40, 3));
    assert!(log.room(60).is_none() && log.room(59).is_some());
    log.acknowledge(Mono(0), 4, Shown::NOTHING);
    assert!(log.room(301).is_none() && log.room(300).is_some(), "it is empty");
    let mut few = self::log::<300, 4>(0);
    assert!((0..4).all(|mark| push(&mut few, 10, mark)) && !push(&mut few, 10, 4), "it has four slots");
}

#[test]
fn acknowledgements_out_of_range_change_nothing() {
    let mut log = log::<100, 2>(5);
    push(&mut log, 10, 1);
    push(&mut log, 10, 2);
    assert!(!push(&mut log, 10, 3), "two slots");
    assert_eq!(log.acknowledge(Mono(0), 8, Shown::NOTHING), NOTHING);
    assert_eq!(log.acknowledge(Mono(0), 4, Shown::NOTHING), NOTHING);
    assert_eq!((log.first(), log.next()), (5, 7));
    assert_eq!(log.chain_before(6), Some([2; 32]));
    assert_eq!(log.chain_before(7), None);
}

#[test]
fn chains_and_frames_are_erased_with_the_log_and_the_numbers_stay() {
    let mut log = filled(20);
    sent(&mut log, 0);
    heartbeat(&mut log, 10, 4, &[6]);
    log.wipe();
    assert!(log.bytes.iter().all(|byte| *byte == 0));
    assert!(log.slots.iter().all(|slot| slot.chain == [0; 32]));
    assert_eq!((log.first(), log.next(), log.is_empty()), (4, 20, false));
    assert_eq!((log.chain_before(5), log.due(), log.transmit(Mono(99_999))), (None, None, None));
    assert!(log.room(10).is_none());
    assert_eq!(heartbeat(&mut log, 20, 9, &[]), NOTHING);

    let mut log = filled(20);
    log.restart(77);
    assert!(log.bytes.iter().all(|byte| *byte == 0) && log.slots.iter().all(|slot| slot.chain == [0; 32]));
    assert_eq!((log.first(), log.next(), log.is_empty()), (77, 77, true));
    assert!(push(&mut log, 10, 1));
    assert_eq!(sent(&mut log, 5), [1]);
}

#[test]
fn an_acknowledged_frame_leaves_no_chain() {
    let mut log = filled(3);
    sent(&mut log, 0);
    heartbeat(&mut log, 10, 2, &[]);
    assert_eq!((log.slots[0].chain, log.slots[1].chain, log.slots[2].chain), ([0; 32], [0; 32], [2; 32]));
}

// Flight and window.

#[test]
fn what_leaves_is_in_order_and_within_the_flight() {
    let mut log = filled(30);
    assert_eq!(sent(&mut log, 0), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    assert!(log.blocked());
    assert_eq!(log.due(), Some(Mono(250)), "the repetition time, and nothing before it");
    assert_eq!(heartbeat(&mut log, 50, 1, &[]), FREED);
    assert_eq!(sent(&mut log, 50), [10, 11], "one has arrived, and the flight is one more");
}

#[test]
fn no_more_than_the_window_lies_beyond_the_oldest() {
    let mut log = filled(30);
    log.set_window(4);
    assert_eq!(sent(&mut log, 0), [0, 1, 2, 3]);
    assert_eq!(heartbeat(&mut log, 50, 0, &[0, 1, 2, 3]), NEWS);
    assert_eq!((sent(&mut log, 50), log.blocked(), log.due()), (vec![], true, None), "held back, not lost");
    assert_eq!(heartbeat(&mut log, 60, 2, &[2, 3]), FREED);
    assert_eq!(sent(&mut log, 60), [4, 5]);
}

#[test]
fn a_frame_may_always_leave_when_nothing_is_in_flight() {
    struct Never;
    impl Congestion for Never {
        type Stamp = ();
        const IDLE: Self = Self;
        const NO_STAMP: () = ();
        fn restart(&mut self) {}
        fn may_send(&self, _: InFlight) -> bool {
            false
        }
        fn sent(&mut self, _: Mono, _: u32, _: InFlight) {}
        fn timed_out(&mut self, _: Mono) {}
    }
    let mut log = DeltaLog::<Never, 100, 4>::IDLE;
    log.set_window(4);
    log.restart(0);
    log.push(10, [0; 32], true, Mono(0));
    log.push(10, [0; 32], true, Mono(0));
    assert!(log.transmit(Mono(0)).is_some());
    assert!(log.transmit(Mono(0)).is_none());
    assert!(log.transmit(Mono(250)).is_some(), "by time");
}

// Repetition.

#[test]
fn pauses_double_from_250_ms_to_8_s() {
    let mut log = log::<100, 8>(0);
    push(&mut log, 10, 1);
    let mut times = [0_u64; 9];
    for time in &mut times {
        let due = log.due().expect("never acknowledged");
        *time = due.0;
        assert!(log.transmit(due).is_some());
        assert!(log.transmit(due).is_none());
    }
    assert_eq!(times, [0, 250, 750, 1_750, 3_750, 7_750, 15_750, 23_750, 31_750]);
    log.acknowledge(Mono(31_800), 1, Shown::NOTHING);
    assert_eq!(log.due(), None);
}

#[test]
fn after_a_repetition_by_time_two_are_in_flight() {
    let mut log = filled(20);
    assert_eq!(sent(&mut log, 0).len(), 10);
    assert_eq!(sent(&mut log, 249), []);
    assert_eq!(sent(&mut log, 250), [0, 1]);
    assert_eq!(log.due(), Some(Mono(750)));
    // The heartbeat was only late: frames that it shows are not repeated.
    heartbeat(&mut log, 300, 9, &[]);
    assert_eq!(sent(&mut log, 300)[0], 9);
}

#[test]
fn news_start_the_repetition_time_anew() {
    let mut log = filled(4);
    sent(&mut log, 0);
    sent(&mut log, 250);
    assert_eq!(log.repetition_time(), 500);
    heartbeat(&mut log, 300, 3, &[]);
    // SRTT 300 of frame 2, which was sent once; RTTVAR 150.
    assert_eq!((log.smoothed(), log.repetition_time()), (Some(300), 900));
    assert_eq!(sent(&mut log, 300), [3]);
    assert_eq!(log.timer(), Some(Mono(1_200)));
    heartbeat(&mut log, 1_000, 3, &[]);
    assert_eq!(log.timer(), Some(Mono(1_200)), "a heartbeat that brings nothing new changes nothing");
}

#[test]
fn three_shown_above_make_a_frame_due_at_once() {
    let mut log = filled(10);
    sent(&mut log, 0);
    assert_eq!(heartbeat(&mut log, 50, 2, &[3, 4]), FREED);
    assert_eq!(sent(&mut log, 50), [], "two");
    assert_eq!(heartbeat(&mut log, 51, 2, &[3, 4, 5]), NEWS);
    assert_eq!(sent(&mut log, 51), [2], "three");
    assert_eq!(heartbeat(&mut log, 52, 2, &[3, 4, 5, 6, 7, 8]), NEWS);
    assert_eq!(sent(&mut log, 52), [], "those were sent before the repetition");
}

#[test]
fn an_overtaken_frame_is_lost_a_quarter_of_the_round_trip_later_also_where_no_three_are_above() {
    let mut log = filled(10);
    sent(&mut log, 0);
    // The samples are 100: 9 was overtaken by nothing, 8 by 9 alone.
    heartbeat(&mut log, 100, 8, &[9]);
    assert_eq!((log.smoothed(), log.due()), (Some(100), Some(Mono(125))));
    assert_eq!((sent(&mut log, 124), sent(&mut log, 125)), (vec![], vec![8]));
    heartbeat(&mut log, 225, 10, &[]);
    assert!(log.is_empty() && log.due().is_none());
}

#[test]
fn an_overtaken_frame_that_comes_in_time_is_not_repeated() {
    let mut log = filled(10);
    sent(&mut log, 0);
    heartbeat(&mut log, 100, 8, &[9]);
    heartbeat(&mut log, 120, 10, &[]);
    assert_eq!((log.due(), sent(&mut log, 500)), (None, vec![]));
}

#[test]
fn the_last_frame_is_sent_once_more_when_its_heartbeat_is_overdue() {
    let mut log = filled(10);
    sent(&mut log, 0);
    heartbeat(&mut log, 100, 7, &[]);
    let flight = log.flight.frames;
    assert_eq!(
        (sent(&mut log, 234), sent(&mut log, 235)),
        (vec![], vec![9]),
        "two round trips and 35 ms after it left"
    );
    assert_eq!((log.flight.frames, log.doublings), (flight, 0), "no repetition by time");
    // It shows that 7 and 8 of the tail are lost, too: they were sent before it, and long ago.
    heartbeat(&mut log, 335, 7, &[9]);
    assert_eq!(sent(&mut log, 335), [7, 8]);
}

#[test]
fn the_last_frame_is_probed_once_until_there_are_news() {
    let mut log = filled(10);
    sent(&mut log, 0);
    heartbeat(&mut log, 100, 7, &[]);
    assert_eq!(sent(&mut log, 235), [9]);
    let repetition = log.repetition_time();
    assert_eq!(log.due(), Some(Mono(100 + repetition)), "from the news on, by time");
    assert_eq!(sent(&mut log, 100 + repetition)[..2], [7, 8]);
}

#[test]
fn nothing_is_probed_while_something_else_can_leave() {
    let mut log = filled(30);
    sent(&mut log, 0);
    heartbeat(&mut log, 100, 1, &[]);
    sent(&mut log, 100);
    assert!(log.blocked() && log.probe().is_none(), "the flight is full, and more is to come");
}

#[test]
fn what_was_repeated_is_lost_again_only_by_frames_sent_after_that() {
    let mut log = filled(40);
    sent(&mut log, 0);
    heartbeat(&mut log, 50, 0, &[1, 2, 3, 4, 5, 6, 7, 8, 9]);
    let after = sent(&mut log, 50);
    assert_eq!(after[..4], [0, 10, 11, 12]);
    let shown: Vec<u64> = (1..12).collect();
    heartbeat(&mut log, 99, 0, &shown);
    assert!(!sent(&mut log, 99).contains(&0), "10 and 11 are two");
    let shown: Vec<u64> = (1..13).collect();
    heartbeat(&mut log, 100, 0, &shown);
    assert_eq!(sent(&mut log, 100)[0], 0, "12 is the third that was sent after it");
}

#[test]
fn several_lost_frames_leave_lowest_first_and_before_new_ones() {
    let mut log = filled(20);
    sent(&mut log, 0);
    heartbeat(&mut log, 50, 1, &[2, 4, 6, 7, 8, 9]);
    assert_eq!(sent(&mut log, 50), [1, 3, 5, 10, 11], "five: the flight is halved, and nothing of it was left");
}

#[test]
fn what_is_shown_no_longer_is_due_again() {
    let mut log = filled(8);
    sent(&mut log, 0);
    heartbeat(&mut log, 50, 0, &[0, 1, 5]);
    assert_eq!(log.first(), 0, "shown is not acknowledged");
    assert_eq!(heartbeat(&mut log, 60, 0, &[]), NOTHING);
    assert_eq!(sent(&mut log, 60), [], "five are in flight, and after a withdrawal two may be");
    assert_eq!(heartbeat(&mut log, 65, 0, &[2, 3, 4, 6, 7]), NEWS);
    assert_eq!(sent(&mut log, 65), [0, 1]);
    assert_eq!(heartbeat(&mut log, 70, 2, &[2, 3, 4, 6, 7]), FREED);
    assert_eq!(sent(&mut log, 70), [5]);
    assert_eq!(heartbeat(&mut log, 80, 8, &[]), FREED);
    assert!(log.all_shown() && log.is_empty());
}

#[test]
fn held_and_shown_frames_are_not_repeated_and_not_in_flight() {
    let mut log = filled(4);
    sent(&mut log, 0);
    assert!(!log.all_shown());
    heartbeat(&mut log, 50, 0, &[0, 1, 2, 3]);
    assert!(log.all_shown() && !log.is_empty());
    assert_eq!((log.due(), sent(&mut log, 100_000)), (None, vec![]));
}

#[test]
fn a_repeated_frame_gives_no_sample() {
    let mut log = filled(1);
    sent(&mut log, 0);
    sent(&mut log, 250);
    heartbeat(&mut log, 260, 1, &[]);
    assert_eq!(log.smoothed(), None);
    log.echo(Mono(400), Mono(320));
    assert_eq!(log.smoothed(), Some(80));
}

#[test]
fn a_new_path_repeats_in_order_what_is_not_shown_and_begins_anew() {
    let mut log = filled(40);
    sent(&mut log, 0);
    heartbeat(&mut log, 50, 2, &[4]);
    sent(&mut log, 50);
    log.repeat_all(Mono(60));
    assert_eq!((log.smoothed(), log.repetition_time()), (None, 250));
    assert_eq!(log.due(), Some(Mono(60)));
    assert_eq!(sent(&mut log, 60), [2, 3, 5, 6, 7, 8, 9, 10, 11, 12], "ten, as at first");
}

// The caller's socket.

#[test]
fn what_did_not_leave_is_the_next_again_and_counts_for_nothing() {
    let mut log = filled(3);
    assert_eq!(log.transmit(Mono(0)).map(|frame| frame[0]), Some(0));
    log.not_sent();
    assert_eq!((log.flight, log.due()), (InFlight::default(), Some(Mono(0))));
    log.not_sent();
    assert_eq!(sent(&mut log, 5), [0, 1, 2]);
    heartbeat(&mut log, 55, 3, &[]);
    assert_eq!(log.smoothed(), Some(50), "from the sending that took place");
}

#[test]
fn a_repetition_that_did_not_leave_is_due_again() {
    let mut log = filled(2);
    sent(&mut log, 0);
    assert_eq!(log.transmit(Mono(250)).map(|frame| frame[0]), Some(0));
    log.not_sent();
    assert_eq!(log.due(), Some(Mono(250)));
    assert_eq!(sent(&mut log, 251), [0, 1]);
}

// False statements of a peer.

#[test]
fn frames_shown_before_they_were_sent_are_not_sent_and_do_not_confuse_it() {
    let mut log = filled(12);
    assert_eq!(heartbeat(&mut log, 1, 0, &[2, 3, 11]), NEWS);
    assert_eq!(heartbeat(&mut log, 2, 0, &[2, 11]), NOTHING);
    assert_eq!(sent(&mut log, 3), [0, 1], "two, for it has withdrawn 3");
    assert_eq!(heartbeat(&mut log, 4, 0, &[2, 3, 11]), NOTHING, "3 was shown before");
    assert_eq!(heartbeat(&mut log, 5, 1, &[2, 11]), FREED);
    assert_eq!(sent(&mut log, 6), [3], "with 1 it makes two");
    heartbeat(&mut log, 7, 2, &[2, 11]);
    assert_eq!(sent(&mut log, 8).first(), Some(&4), "not 2, which it still shows");
    heartbeat(&mut log, 9, 12, &[]);
    assert!(log.is_empty() && log.all_shown());
}

#[test]
fn frames_of_another_host_that_arrive_before_they_are_sent_here_measure_nothing() {
    let mut log = log(0);
    for mark in 0..4 {
        assert!(push(&mut log, 10, mark));
    }
    log.all_may_be_sent();
    // The peer acknowledges what the other host has sent; only the third one is sent here.
    assert_eq!(heartbeat(&mut log, 3_600_000, 2, &[]), FREED);
    assert_eq!(log.rtt.smoothed(), None, "it is not known when they were sent");
    assert_eq!(log.transmit(Mono(3_600_000)).map(|frame| frame[0]), Some(2));
    assert_eq!(heartbeat(&mut log, 3_600_050, 4, &[]), FREED);
    assert_eq!(log.rtt.smoothed(), None, "which of the two transmissions has arrived is not known either");
}

#[test]
fn a_bitmap_beyond_what_is_sealed_is_ignored() {
    let mut log = filled(2);
    sent(&mut log, 0);
    log.acknowledge(Mono(9), 1, Shown { held: true, bitmap: &[0xff; 4_096] });
    assert!(log.all_shown());
    assert!(push(&mut log, 10, 7));
    assert_eq!(sent(&mut log, 10), [7]);
}

#[test]
fn after_what_is_due_was_handled_the_next_moment_is_later() {
    let mut log = filled(30);
    let mut now = 0;
    for _ in 0..50 {
        let due = log.due().expect("nothing is acknowledged").0;
        assert!(due >= now, "{due} after {now}");
        now = due;
        while log.transmit(Mono(now)).is_some() {}
        assert!(log.due().is_some_and(|due| due.0 > now), "no busy loop");
    }
}

#[test]
fn dropping_it_erases_it() {
    const { assert!(core::mem::needs_drop::<Wide>()) };
}

#[test]
fn a_slot_costs_50_bytes_with_flight() {
    assert_eq!((size_of::<Slot<()>>(), size_of::<Mark>()), (48, 2));
    assert!(size_of::<Log<1_024, 16>>() <= 1_024 + 16 * 50 + 256, "{}", size_of::<Log<1_024, 16>>());
}
