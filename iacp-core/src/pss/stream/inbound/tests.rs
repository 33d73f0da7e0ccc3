extern crate std;

use std::vec;
use std::vec::Vec;

use iacp_wire::Cookie;

use super::*;
use crate::crypto::ChaChaOnly;
use crate::pss::stream::frame::{Cookies, HEARTBEAT_LEN, OVERHEAD, SEALED_AT, seal_frame};
use crate::pss::stream::keys::{KeyState, Sealing};

type Half = Inbound<ChaChaOnly, 8>;

const SUITE: Suite = Suite::ChaCha20Poly1305;
const PRK: Secret32 = Secret32::new([7; 32]);

fn half(window: u32, hold: bool, resume: bool) -> Half {
    let mut half = Half::IDLE;
    half.start(&PRK, Way::I2r, SUITE, 100, window, (hold, resume));
    half
}

/// The peer's frames from 100 on, each with its flags, its kind and the length of its content.
struct Peer {
    key: Sealing<ChaChaOnly>,
    next: u64,
}

impl Peer {
    fn new() -> Self {
        let mut key = Sealing::IDLE;
        key.start(&PRK, Way::I2r, SUITE);
        Self { key, next: 100 }
    }

    fn seal(&mut self, flags: Flags, kind: u8, length: usize) -> (u64, Flags, Vec<u8>) {
        let (mut frame, cookies) =
            (vec![0; OVERHEAD + length], Cookies { initiator: Cookie([1; 8]), responder: Cookie([2; 8]) });
        let tag = seal_frame(&mut self.key, cookies, self.next, flags, kind, &mut frame, |_| ()).expect("a key");
        self.key.chain = ChaChaOnly::sha256(&[&self.key.chain, &tag]);
        self.next += 1;
        (self.next - 1, flags, frame)
    }

    /// So many frames of content.
    fn contents(count: usize) -> Vec<(u64, Flags, Vec<u8>)> {
        let mut peer = Self::new();
        (0..count).map(|_| peer.seal(Flags::NONE, 0, 3)).collect()
    }
}

#[derive(Debug, PartialEq)]
enum Fate {
    Taken,
    Discard(Discard),
    Violation(Violation),
}

fn take(half: &mut Half, (sequence, flags, frame): &(u64, Flags, Vec<u8>)) -> Fate {
    let mut frame = frame.clone();
    let nonce = frame[SEALED_AT - 12..].first_chunk().copied().expect("12 bytes");
    fate(half.take(*sequence, nonce, *flags, &mut frame))
}

fn fate<T>(taken: Result<T, NotTaken>) -> Fate {
    match taken {
        Ok(_) => Fate::Taken,
        Err(NotTaken::Discard(discard)) => Fate::Discard(discard),
        Err(NotTaken::Violation(violation)) => Fate::Violation(violation),
    }
}

// shows: IACP-150 (§6.4.5)
#[test]
fn frames_are_taken_within_window_and_memory_and_each_once() {
    let frames = Peer::contents(10);
    for (window, fates) in [
        (4, [(103, Fate::Taken), (104, Fate::Discard(Discard::BeyondWindow))]),
        (9, [(107, Fate::Taken), (108, Fate::Discard(Discard::NoRoom))]),
        (8, [(107, Fate::Taken), (108, Fate::Discard(Discard::BeyondWindow))]),
    ] {
        for (sequence, fate) in fates {
            let mut half = half(window, false, false);
            assert_eq!(take(&mut half, &frames[sequence - 100]), fate, "{sequence} with a window of {window}");
        }
        assert_eq!(half(window, false, false).window_end(), 100 + u64::from(window.min(8)));
    }
    let mut half = half(8, false, false);
    for (sequence, fate, come, newest, gap) in [
        (101, Fate::Taken, 100, 102, true),
        (101, Fate::Discard(Discard::Duplicate), 100, 102, true),
        (103, Fate::Taken, 100, 104, true),
        (100, Fate::Taken, 102, 104, true),
        (100, Fate::Discard(Discard::Duplicate), 102, 104, true),
        (102, Fate::Taken, 104, 104, false),
        (103, Fate::Discard(Discard::Duplicate), 104, 104, false),
    ] {
        assert_eq!(take(&mut half, &frames[sequence - 100]), fate, "{sequence}");
        assert_eq!((half.come(), half.newest(), half.has_gap()), (come, newest, gap), "after {sequence}");
        assert_eq!((half.expected(), half.holds()), (come, false));
    }
}

#[test]
fn a_fin_is_empty_and_nothing_comes_after_it() {
    let sealed = |flags, kind, length, earlier: usize| {
        let mut peer = Peer::new();
        let before: Vec<_> = (0..earlier).map(|_| peer.seal(Flags::NONE, 0, 3)).collect();
        (before, peer.seal(flags, kind, length), peer.seal(Flags::NONE, 0, 3))
    };
    for (kind, length, fate) in
        [(0, 0, Fate::Taken), (0, 1, Fate::Violation(Violation::Fin)), (1, 0, Fate::Violation(Violation::Fin))]
    {
        let (_, fin, after) = sealed(Flags::FIN, kind, length, 0);
        let mut half = half(8, false, false);
        let is_taken = fate == Fate::Taken;
        assert_eq!(take(&mut half, &fin), fate, "kind {kind}, {length} bytes");
        assert_eq!((half.fin(), half.complete()), if is_taken { (Some(100), true) } else { (None, false) });
        if is_taken {
            assert_eq!(take(&mut half, &after), Fate::Violation(Violation::Fin));
        }
    }
    // Before the others it is known, and complete with them; a frame above it contradicts it.
    let (before, fin, after) = sealed(Flags::FIN, 0, 0, 1);
    let mut early = half(8, false, false);
    assert_eq!(take(&mut early, &fin), Fate::Taken);
    assert!(!early.complete());
    assert_eq!(take(&mut early, &before[0]), Fate::Taken);
    assert!(early.complete());
    let mut late = half(8, false, false);
    assert_eq!(take(&mut late, &after), Fate::Taken);
    assert_eq!(take(&mut late, &fin), Fate::Violation(Violation::Fin));
}

// shows: IACP-144 (§6.4.2)
#[test]
fn with_resume_the_first_frame_names_the_line_and_no_other_does() {
    for (resume, kind, length, fate) in [
        (true, 5, 32, Fate::Taken),
        (true, 5, 31, Fate::Violation(Violation::Kind(5))),
        (true, 0, 32, Fate::Violation(Violation::Kind(0))),
        (false, 5, 32, Fate::Violation(Violation::Kind(5))),
        (false, 0, 32, Fate::Taken),
    ] {
        let mut half = half(8, false, resume);
        let frame = Peer::new().seal(Flags::NONE, kind, length);
        assert_eq!(take(&mut half, &frame), fate, "kind {kind}, resume {resume}");
    }
    let mut peer = Peer::new();
    let (first, second, third) =
        (peer.seal(Flags::NONE, 5, 32), peer.seal(Flags::NONE, 0, 3), peer.seal(Flags::NONE, 5, 32));
    let mut half = half(8, false, true);
    assert_eq!(take(&mut half, &second), Fate::Discard(Discard::NotNow), "before the line is known");
    assert_eq!(take(&mut half, &first), Fate::Taken);
    assert_eq!(take(&mut half, &second), Fate::Taken);
    assert_eq!(take(&mut half, &third), Fate::Violation(Violation::Kind(5)));
    half.set_window(1_000);
    assert_eq!(half.window, ITEMS_AHEAD);
    half.set_window(255);
    assert_eq!(half.window, 255);
}

#[test]
fn a_side_that_holds_acknowledges_what_was_consumed() {
    let mut peer = Peer::new();
    // Content, a frame of the protocol, and content twice.
    let frames: Vec<_> = [0, 4, 0, 0].into_iter().map(|kind| peer.seal(Flags::NONE, kind, 3)).collect();
    let mut half = half(8, true, false);
    frames.iter().for_each(|frame| assert_eq!(take(&mut half, frame), Fate::Taken));
    assert_eq!((half.expected(), half.come(), half.holds()), (100, 104, true));
    for (count, found) in [(0, (100, 0)), (1, (101, 1)), (2, (103, 2)), (3, (104, 3)), (9, (104, 3))] {
        assert_eq!(half.next_contents(count), Some(found), "{count}");
    }
    let at_e = half.chain();
    assert_eq!(half.consume(105), None, "that has not come");
    // The frame of the protocol goes with the content before it.
    for (sequence, moved, expected) in [(100, false, 100), (101, true, 102), (101, false, 102), (104, true, 104)] {
        assert_eq!(half.consume(sequence), Some(moved), "{sequence}");
        assert_eq!(half.expected(), expected);
    }
    assert!(!half.holds() && half.chain() != at_e);
    assert_eq!(half.next_contents(9), Some((104, 0)));
    let mut plain = self::half(8, false, false);
    assert_eq!((plain.consume(100), plain.next_contents(1), plain.rewind()), (None, None, None), "it does not hold");
    let mut again = self::half(8, true, false);
    frames.iter().for_each(|frame| assert_eq!(take(&mut again, frame), Fate::Taken));
    again.consume(101);
    assert_eq!(again.rewind(), Some(()));
    assert_eq!((again.expected(), again.come(), again.newest()), (102, 102, 102));
    assert_eq!(take(&mut again, &frames[2]), Fate::Taken, "it is sent again");
}

#[test]
fn a_bitmap_shows_the_frames_above_e() {
    let frames = Peer::contents(8);
    for (came, bitmap) in [
        (&[][..], &[][..]),
        (&[101], &[0x80]),
        (&[102, 105], &[0x48]),
        (&[107], &[0x02]),
        (&[100], &[]),
        (&[100, 102], &[0x80]),
    ] {
        let mut half = half(8, false, false);
        came.iter().for_each(|sequence| assert_eq!(take(&mut half, &frames[*sequence - 100]), Fate::Taken));
        let mut shown = vec![0xFF; half.bitmap_len()];
        half.write_bitmap(&mut shown);
        assert_eq!(shown, bitmap, "{came:?}");
    }
    let mut wide = Inbound::<ChaChaOnly, 16>::IDLE;
    wide.start(&PRK, Way::I2r, SUITE, 100, 16, (false, false));
    (wide.newest, wide.early[109 % 16].state) = (110, Place::Own);
    let mut shown = [0xFF; 2];
    wide.write_bitmap(&mut shown);
    assert_eq!((wide.bitmap_len(), shown), (2, [0, 0x80]));
}

#[test]
fn only_the_newest_frame_of_its_sort_makes_a_candidate() {
    let mut half = half(8, false, false);
    (half.newest, half.heartbeats) = (103, 2);
    let newest = [102, 103, 104, HEARTBEATS, HEARTBEATS + 1, HEARTBEATS + 2].map(|number| half.is_newest(number));
    assert_eq!(newest, [false, true, true, false, false, true]);
    for (heartbeats, echo) in [(0, 0), (1, HEARTBEATS), (3, HEARTBEATS + 2)] {
        half.heartbeats = heartbeats;
        assert_eq!(half.echo(), echo);
    }
    (half.come, half.key.chain) = (103, [5; 32]);
    let fits = [(103, 5), (103, 6), (102, 6), (104, 6)].map(|(next, byte)| half.fits(next, &[byte; 32]));
    assert_eq!(fits, [true, false, true, true], "only at the same place they can be compared");
}

#[test]
fn heartbeats_are_taken_in_rising_order_and_have_no_fin() {
    let mut peer = Peer::new();
    peer.next = HEARTBEATS + 5;
    let length = HEARTBEAT_LEN - OVERHEAD;
    let (fifth, with_fin, other) = (
        peer.seal(Flags::NONE, ContentKind::HEARTBEAT, length),
        peer.seal(Flags::FIN, ContentKind::HEARTBEAT, length),
        peer.seal(Flags::NONE, 0, length),
    );
    let mut half = half(8, false, false);
    let mut hear = |(sequence, flags, frame): &(u64, Flags, Vec<u8>)| {
        let mut frame = frame.clone();
        let nonce = frame[SEALED_AT - 12..].first_chunk().copied().expect("12 bytes");
        fate(half.take_heartbeat(*sequence, nonce, *flags, &mut frame))
    };
    assert_eq!(hear(&fifth), Fate::Taken);
    assert_eq!(hear(&fifth), Fate::Discard(Discard::Stale));
    assert_eq!(hear(&with_fin), Fate::Discard(Discard::Fin));
    assert_eq!(hear(&other), Fate::Violation(Violation::Kind(0)));
    assert_eq!(half.echo(), HEARTBEATS + 5);
}

/// Frames above E that another host has taken go on here, as far as there is room for them.
#[test]
fn what_another_host_has_taken_fits_or_is_refused() {
    let heard = |newest, heartbeat| Heard {
        key: KeyState { generation: 0, secret: Secret32::new([7; 32]), iv: [0; 4], count: 0 },
        leaving: None,
        first: 100,
        expected: 200,
        chain: [3; 32],
        newest,
        heartbeat,
        fin: None,
    };
    let import = |newest, heartbeat, hold, frames: &[u64]| {
        let mut half = Half::IDLE;
        let ahead = frames.iter().map(|sequence| Ahead { sequence: *sequence, chain: [4; 32], tag: [5; 16] });
        let fits = half.import(&heard(newest, heartbeat), (Way::I2r, SUITE, 8), (hold, false), ahead);
        fits.map(|()| half)
    };
    for (newest, hold, frames, fits) in [
        (200, false, &[][..], true),
        (200, true, &[], true),
        (202, false, &[201], true),
        (202, true, &[201], false),
        (202, false, &[], false),
        (202, false, &[200], false),
        (203, false, &[201], false),
        (203, false, &[201, 202], true),
        (203, false, &[202, 203], false),
        (208, false, &[207], true),
        (209, false, &[208], false),
        (209, false, &[207], false),
    ] {
        let imported = import(newest, 0, hold, frames);
        assert_eq!(imported.is_some(), fits, "{frames:?} below {newest}");
        if let Some(half) = imported {
            assert_eq!(half.ahead().map(|ahead| ahead.sequence).collect::<Vec<_>>(), frames);
            assert_eq!((half.expected(), half.come(), half.newest(), half.echo()), (200, 200, newest, 0));
        }
    }
    for (heartbeat, echo) in [(0, Some(0)), (1, None), (HEARTBEATS, Some(HEARTBEATS)), (u64::MAX, Some(u64::MAX))] {
        assert_eq!(import(200, heartbeat, false, &[]).map(|half| half.echo()), echo);
    }
    // What is held and not consumed stays with its sender; so does a FIN behind it.
    let frames = Peer::contents(3);
    for (hold, newest, ahead, fin) in [(false, 103, 1, Some(102)), (true, 100, 0, None)] {
        let mut half = half(8, hold, false);
        for at in [0, 2] {
            assert_eq!(take(&mut half, &frames[at]), Fate::Taken);
        }
        half.fin = Packed::of(102);
        assert_eq!((half.export().newest, half.ahead().count(), half.export().fin), (newest, ahead, fin));
    }
}
