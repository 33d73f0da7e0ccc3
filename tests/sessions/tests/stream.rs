//! Data, acknowledgement and continuity (`IACP §6.4.5`, `IACP Appendix B.4`), against a peer that sends whatever a test
//! makes it send.

use iacp_core::pss::{
    Closure, ContentKind, Discard, KEEP_FAREWELL, NO_PROGRESS, OVERHEAD, Reason, SILENCE, SendError, SessionEvent,
    TeardownReason, Violation, continuity,
};
use sessions::forger::next_chain;
use sessions::{Heard, Pair, S};

fn data(sequence: u64, content: &[u8]) -> Heard {
    Heard::Data { sequence, kind: ContentKind::Anml, content: content.to_vec() }
}

fn compromised(violation: Violation) -> Heard {
    Heard::Event(SessionEvent::Closed(Closure::Compromised(violation)))
}

#[test]
fn every_frame_carries_the_hash_of_all_before_it() {
    // shows: IACP-150 (§6.4.5), IACP-166 (§8.2)
    for capabilities in [0, 2] {
        let mut pair = Pair::with(capabilities, 16);
        let keys = pair.forger.keys.as_ref().expect("keys");
        let (mut chain, first) = (keys.receive_chain, keys.peer_sequence);
        for (n, content) in [b"one".as_slice(), b"", b"three"].iter().enumerate() {
            let now = pair.now;
            assert_eq!(pair.session().send(now, ContentKind::Anml, content), Ok(first + n as u64));
            let sent = pair.sent();
            assert_eq!(sent.len(), 1);
            assert_eq!(sent[0].len(), content.len() + OVERHEAD);
            let (sequence, plaintext) = pair.forger.open(&sent[0]).expect("authentic");
            assert_eq!(sequence, first + n as u64, "the first carries the initial sequence, each one more");
            assert_eq!(plaintext, [&chain[..], &[0], content].concat());
            chain = next_chain(&chain, &sent[0][sent[0].len() - 16..]);
        }
    }
}

#[test]
fn forwarding_tickets_have_keys_of_their_own_which_outlive_the_session() {
    let mut pair = Pair::new();
    let (now, identity) = (pair.now, &pair.bob.identity);
    let session = pair.bob.session.as_mut().expect("a session");
    // They are taken before the end, which wipes what was not taken.
    let keys = session.take_ticket_keys().expect("there was a handshake");
    assert!(session.take_ticket_keys().is_none(), "they are handed over once");
    session.abort(now, identity, TeardownReason::ShuttingDown).expect("its own identity");
    let [forgers, peers] = pair.forger.keys.as_ref().expect("keys").tickets;
    assert_eq!((*keys.theirs.key.expose(), keys.theirs.iv), forgers);
    assert_eq!((*keys.ours.key.expose(), keys.ours.iv), peers);
}

#[test]
fn reordered_frames_are_delivered_as_they_authenticate_and_the_gap_is_flagged_until_it_closes() {
    // shows: IACP-150 (§6.4.5), IACP-160 (§6.4.2)
    let mut pair = Pair::new();
    let frames: Vec<_> = (0..4_u8).map(|n| pair.data(&[n])).collect();
    let first = pair.forger.initial_sequence;
    assert_eq!(pair.give(&frames[2]), data(first + 2, &[2]));
    assert_eq!(pair.session().continuity(), Some(continuity::State::AnomalyFlagged));
    assert_eq!(pair.give(&frames[1]), data(first + 1, &[1]));
    assert_eq!(pair.session().continuity(), Some(continuity::State::AnomalyFlagged));
    assert_eq!(pair.give(&frames[0]), data(first, &[0]));
    assert_eq!(pair.session().continuity(), Some(continuity::State::Established));
    assert_eq!(pair.give(&frames[3]), data(first + 3, &[3]));
    for frame in &frames {
        assert_eq!(pair.give(frame), Heard::Discarded(Discard::Duplicate));
    }
}

#[test]
fn a_duplicate_beyond_a_gap_is_refused_too() {
    let mut pair = Pair::new();
    let (_lost, late) = (pair.data(b"lost"), pair.data(b"late"));
    assert!(matches!(pair.give(&late), Heard::Data { .. }));
    assert_eq!(pair.give(&late), Heard::Discarded(Discard::Duplicate));
}

#[test]
fn a_chain_that_authenticates_and_does_not_match_is_compromise() {
    // shows: IACP-160 (§6.4.2), IACP-162 (B.4)
    let mut pair = Pair::new();
    let (frame, _) = pair.forger.data(pair.next, &[0xEE; 32], 0, b"forked", 0);
    assert_eq!(pair.give(&frame), compromised(Violation::Chain));
    assert_eq!(pair.session().continuity(), None);

    // Beyond a gap it shows when the gap closes.
    let mut pair = Pair::new();
    let good = pair.data(b"good");
    let (fork, _) = pair.forger.data(pair.next, &[0xEE; 32], 0, b"forked", 0);
    assert!(matches!(pair.give(&fork), Heard::Data { .. }));
    assert_eq!(pair.give(&good), compromised(Violation::Chain));
}

#[test]
fn what_does_not_open_is_noise_and_compromises_nothing() {
    // shows: IACP-162 (B.4)
    let mut pair = Pair::new();
    let frame = pair.data(b"content");
    let beat = pair.heartbeat(0, [0; 32]);
    for original in [&frame, &beat] {
        for bit in 0..original.len() * 8 {
            let mut flipped = original.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let event = pair.give(&flipped);
            assert!(matches!(event, Heard::Discarded(_)), "bit {bit}: {event:?}");
        }
    }
    assert_eq!(pair.session().continuity(), Some(continuity::State::Established));
    assert_eq!(pair.give(&frame), data(pair.forger.initial_sequence, b"content"), "nothing was lost by it");
}

#[test]
fn a_frame_with_any_other_nonce_is_refused() {
    // shows: IACP-166 (§8.2)
    let mut pair = Pair::new();
    let plaintext = [&pair.chain[..], &[0], b"x"].concat();
    let frame = pair.forger.seal_with(pair.next, [7; 12], 0, &plaintext);
    assert_eq!(pair.give(&frame), Heard::Discarded(Discard::Nonce));
}

#[test]
fn the_window_has_an_end() {
    let mut pair = Pair::with(0, 4);
    let frames: Vec<_> = (0..6_u8).map(|n| pair.data(&[n])).collect();
    assert_eq!(pair.give(&frames[4]), Heard::Discarded(Discard::BeyondWindow));
    assert!(matches!(pair.give(&frames[3]), Heard::Data { .. }));
    assert!(matches!(pair.give(&frames[0]), Heard::Data { .. }));
    assert!(matches!(pair.give(&frames[4]), Heard::Data { .. }), "the window has moved");

    // A window larger than this side's memory: what finds no room is repeated later.
    let mut pair = Pair::with(0, 64);
    let frames: Vec<_> = (0..17_u8).map(|n| pair.data(&[n])).collect();
    assert_eq!(pair.give(&frames[16]), Heard::Discarded(Discard::NoRoom));
    assert!(matches!(pair.give(&frames[15]), Heard::Data { .. }));
}

#[test]
fn what_lies_at_or_beyond_what_is_acknowledged_plus_the_window_waits() {
    // It is sealed into the log, and leaves when the window has moved.
    let mut pair = Pair::with(0, 4).confirmed();
    let now = pair.now;
    for _ in 0..7 {
        assert!(pair.session().send(now, ContentKind::Anml, b"x").is_ok());
    }
    let sent = pair.sent();
    assert_eq!(sent.len(), 4);
    let (first, mut chain) = pair.origin();
    for frame in &sent[..2] {
        chain = next_chain(&chain, &frame[frame.len() - 16..]);
    }
    let beat = pair.heartbeat(first + 2, chain);
    assert_eq!(pair.give(&beat), Heard::Nothing);
    assert_eq!(pair.session().unacknowledged(), (first + 2, first + 7));
    let numbers: Vec<_> = pair.opened().into_iter().map(|(sequence, _)| sequence).collect();
    assert_eq!(numbers, [first + 4, first + 5]);
}

#[test]
fn a_full_log_says_so_and_says_when_there_is_room() {
    let mut pair = Pair::new().confirmed();
    let now = pair.now;
    for _ in 0..16 {
        assert!(pair.session().send(now, ContentKind::Anml, b"x").is_ok());
    }
    assert_eq!(pair.session().send(now, ContentKind::Anml, b"x"), Err(SendError::Full));
    let (first, chain) = pair.origin();
    let sent = pair.sent();
    let chain = next_chain(&chain, &sent[0][sent[0].len() - 16..]);
    let beat = pair.heartbeat(first + 1, chain);
    assert_eq!(pair.give(&beat), Heard::Event(SessionEvent::Writable));
    assert!(pair.session().send(now, ContentKind::Anml, b"x").is_ok());
    assert_eq!(pair.session().send(now, ContentKind::Anml, b"x"), Err(SendError::Full));
}

#[test]
fn what_is_unacknowledged_is_repeated_as_the_same_bytes_once_early_then_after_250_ms_doubling_to_8_s() {
    // The round trip of this path is zero, so the last frame is probed after 35 ms: a repetition by time it is not.
    let mut pair = Pair::new().confirmed();
    let start = pair.now;
    pair.session().send(start, ContentKind::Anml, b"again").expect("room");
    let first = pair.sent();
    let mut times = Vec::new();
    // The forger's heartbeats keep the session alive and acknowledge nothing.
    let keys = pair.forger.keys.as_ref().expect("keys");
    let (chain, sequence) = (keys.receive_chain, keys.peer_sequence);
    for ms in 1..40_000 {
        pair.now = start.after(ms);
        if ms % 10_000 == 0 {
            let beat = pair.heartbeat(sequence, chain);
            assert_eq!(pair.give(&beat), Heard::Nothing);
        }
        for frame in pair.sent().into_iter().filter(|frame| frame[20] < 0x80) {
            assert_eq!(frame, first[0], "a repetition is the same bytes");
            times.push(ms);
        }
    }
    assert_eq!(times, [35, 285, 785, 1_785, 3_785, 7_785, 15_785, 23_785, 31_785, 39_785]);
}

#[test]
fn a_peer_that_lives_and_acknowledges_nothing_is_given_up_120_s_after_the_first_frame_left() {
    // Whenever the last heartbeat came before that, and however long the frame lay in the log.
    for (idle, waits) in [(0, 0), (7_000, 0), (14_900, 0), (8_000, 6_000), (34_000, 0)] {
        let mut pair = Pair::new().confirmed();
        let start = pair.now;
        pair.now = start.after(idle);
        let now = pair.now;
        pair.session().send(now, ContentKind::Anml, b"never acknowledged").expect("room");
        pair.now = pair.now.after(waits);
        pair.opened();
        let left = pair.now;
        let (sequence, chain) = pair.origin();
        while pair.bob.closure.is_none() {
            pair.now = pair.now.after(100);
            if pair.now.since(left).is_multiple_of(10_000) {
                let beat = pair.heartbeat(sequence, chain);
                pair.give(&beat);
            }
            pair.bob.handle_deadline(pair.now);
            if pair.bob.closure.is_none() {
                // Opened: what the forger echoes is new.
                pair.opened();
            }
            assert!(pair.now < left.after(NO_PROGRESS + 1));
        }
        assert_eq!(pair.now, left.after(NO_PROGRESS), "idle for {idle} ms");
        let reason = TeardownReason::NoProgress.code();
        assert_eq!(pair.bob.closure, Some(Closure::Forced { by_peer: false, reason, truncated: true }));
        assert_eq!(pair.sent()[0][20..24], [0, 3, 0, 11]);
    }
}

#[test]
fn a_heartbeat_acknowledges_only_what_was_sent_and_not_less_than_before() {
    let mut pair = Pair::new().confirmed();
    let now = pair.now;
    for _ in 0..3 {
        pair.session().send(now, ContentKind::Anml, b"x").expect("room");
    }
    let sent = pair.sent();
    let keys = pair.forger.keys.as_ref().expect("keys");
    let (mut chain, first) = (keys.receive_chain, keys.peer_sequence);
    let zero = chain;
    for frame in &sent[..2] {
        chain = next_chain(&chain, &frame[frame.len() - 16..]);
    }
    let stale = pair.heartbeat(first, zero);
    let beat = pair.heartbeat(first + 2, chain);
    assert_eq!(pair.give(&beat), Heard::Nothing);
    assert_eq!(pair.give(&stale), Heard::Discarded(Discard::Stale), "a number not above the last taken");
    assert_eq!(pair.give(&beat), Heard::Discarded(Discard::Stale), "a heartbeat is taken once");
    // A newer one that takes an acknowledgement back.
    let back = pair.heartbeat(first, zero);
    assert_eq!(pair.give(&back), compromised(Violation::Acknowledgement));

    for (expected, wrong_chain, violation) in [
        (4, false, Violation::Acknowledgement),
        (u64::MAX, false, Violation::Acknowledgement),
        (0, true, Violation::Chain),
    ] {
        let mut pair = Pair::new();
        let keys = pair.forger.keys.as_ref().expect("keys");
        let expected = keys.peer_sequence.saturating_add(expected);
        let chain = if wrong_chain { [9; 32] } else { keys.receive_chain };
        let beat = pair.heartbeat(expected, chain);
        assert_eq!(pair.give(&beat), compromised(violation));
        assert_eq!(pair.session().continuity(), None);
        assert_eq!(pair.sent().len(), 1, "the peer is told once");
        assert_eq!(pair.sent().len(), 0);
    }
}

#[test]
fn send_chains_are_compared_when_the_positions_are_equal() {
    let mut pair = Pair::new();
    let keys = pair.forger.keys.as_ref().expect("keys");
    let (peer, receive) = (keys.peer_sequence, keys.receive_chain);
    let forked = pair.forger.heartbeat(0, &[5; 32], pair.next, peer, &receive);
    assert_eq!(pair.give(&forked), compromised(Violation::Chain));

    // A heartbeat that was overtaken by the data it does not know of is in order.
    let mut pair = Pair::new().confirmed();
    let keys = pair.forger.keys.as_ref().expect("keys");
    let (peer, receive) = (keys.peer_sequence, keys.receive_chain);
    let before = pair.heartbeat(peer, receive);
    let frame = pair.data(b"x");
    assert!(matches!(pair.give(&frame), Heard::Data { .. }));
    assert_eq!(pair.give(&before), Heard::Nothing);
}

#[test]
fn heartbeats_are_outside_chain_window_and_repetition_and_never_carry_fin() {
    let mut pair = Pair::new().confirmed();
    let (peer, receive) = pair.origin();
    let echo = pair.forger.echo.get();
    let content = [&pair.next.to_be_bytes()[..], &peer.to_be_bytes(), &receive, &echo.to_be_bytes()].concat();
    let plaintext = [&pair.chain[..], &[3], &content].concat();
    let fin = pair.forger.seal((1 << 63) + 1, 2, &plaintext);
    assert_eq!(pair.give(&fin), Heard::Discarded(Discard::Fin));
    let far = pair.forger.seal(u64::MAX, 0, &plaintext);
    assert_eq!(pair.give(&far), Heard::Nothing, "no window for heartbeats");
    let none = pair.forger.seal(u64::MAX, 0, &plaintext);
    assert_eq!(pair.give(&none), Heard::Discarded(Discard::Stale));
    let frame = pair.data(b"x");
    assert!(matches!(pair.give(&frame), Heard::Data { .. }), "the chain goes on as if nothing had been");
}

#[test]
fn an_authentic_plaintext_that_cannot_be_is_compromise() {
    let (data, beat) = (1_000, 1 << 63);
    let chain = Pair::new().chain;
    let whole = |kind: u8, content: &[u8]| [&chain[..], &[kind], content].concat();
    let cases: [(u64, u8, Vec<u8>, Violation); 13] = [
        (data, 0, Vec::new(), Violation::Plaintext),
        (data, 0, chain.to_vec(), Violation::Plaintext),
        (data, 0, whole(3, &[0; 56]), Violation::Kind(3)),
        (data, 0, whole(5, &[0; 63]), Violation::Kind(5)),
        (data + 1, 0, whole(5, &[0; 64]), Violation::Kind(5)),
        (data, 0, whole(7, b""), Violation::Kind(7)),
        (data, 0, whole(255, b""), Violation::Kind(255)),
        (data, 2, whole(0, b"content"), Violation::Fin),
        (data, 2, whole(1, b""), Violation::Fin),
        (beat, 0, whole(0, &[0; 56]), Violation::Kind(0)),
        (beat, 0, whole(3, &[0; 48]), Violation::Plaintext),
        (beat, 0, whole(3, &[0; 55]), Violation::Plaintext),
        (beat, 0, whole(3, &[1; 56 + 513]), Violation::Plaintext),
    ];
    for (sequence, flags, plaintext, violation) in cases {
        let mut pair = Pair::new();
        let frame = pair.forger.seal(sequence, flags, &plaintext);
        assert_eq!(pair.give(&frame), compromised(violation), "{plaintext:?}");
    }
}

#[test]
fn nothing_follows_the_fin() {
    // shows: IACP-151 (§6.5.1)
    let mut pair = Pair::new().confirmed();
    let fin = pair.frame(0, b"", 2);
    let after = pair.data(b"after");
    let finished = SessionEvent::Finished { sequence: pair.forger.initial_sequence };
    assert_eq!(pair.give(&fin), Heard::Event(finished));
    assert!(pair.session().received_all());
    assert_eq!(pair.give(&after), compromised(Violation::Fin));

    // Nor does the FIN follow what comes after it.
    let mut pair = Pair::new();
    let fin = pair.frame(0, b"", 2);
    let after = pair.data(b"after");
    assert!(matches!(pair.give(&after), Heard::Data { .. }));
    assert_eq!(pair.give(&fin), compromised(Violation::Fin));
}

#[test]
fn acknowledgements_come_in_time() {
    let mut pair = Pair::new();
    let frame = pair.data(b"first");
    pair.give(&frame);
    assert_eq!(pair.heartbeats_sent(), 1, "at once on the first frame");

    let frame = pair.data(b"second");
    pair.give(&frame);
    assert_eq!(pair.heartbeats_sent(), 0);
    let now = pair.now;
    assert_eq!(pair.session().next_deadline(), Some((now.after(25), Reason::Acknowledge)));
    pair.now = now.after(25);
    assert_eq!(pair.heartbeats_sent(), 1, "25 ms after any data still unacknowledged");

    // Every second frame while the peer finds its pace, then every 16th.
    for n in 3..=200_u8 {
        let frame = pair.data(&[n]);
        pair.give(&frame);
        assert_eq!(pair.heartbeats_sent(), usize::from(n % 2 == 0), "frame {n}");
    }
    for n in 1..=32_u8 {
        let frame = pair.data(&[n]);
        pair.give(&frame);
        assert_eq!(pair.heartbeats_sent(), usize::from(n % 16 == 0), "every 16 frames");
    }
    let _lost = pair.data(b"lost");
    let late = pair.data(b"late");
    pair.give(&late);
    assert_eq!(pair.heartbeats_sent(), 1, "at once on a gap");

    let mut pair = Pair::new();
    let frame = pair.data(b"first");
    pair.give(&frame);
    pair.sent();
    let fin = pair.frame(0, b"", 2);
    pair.give(&fin);
    assert_eq!(pair.heartbeats_sent(), 1, "at once on a FIN");
}

#[test]
fn duplicates_are_answered_at_most_every_50_ms() {
    let mut pair = Pair::new();
    let frame = pair.data(b"x");
    pair.give(&frame);
    pair.sent();
    let start = pair.now;
    let mut beats = 0;
    for ms in 0..500 {
        pair.now = start.after(ms);
        assert_eq!(pair.give(&frame), Heard::Discarded(Discard::Duplicate));
        beats += pair.heartbeats_sent();
    }
    assert_eq!(beats, 10);
}

#[test]
fn an_idle_session_shows_that_it_lives_asks_after_30_s_and_is_disconnected_after_45_s_of_silence() {
    // shows: IACP-144 (§6.4.2), IACP-161 (B.4)
    let mut pair = Pair::new().confirmed();
    let start = pair.now;
    let mut beats = Vec::new();
    for ms in (0..60_000).step_by(100) {
        pair.now = start.after(ms);
        pair.bob.handle_deadline(start.after(ms));
        for frame in pair.sent() {
            let (_, plain) = pair.forger.open(&frame).expect("authentic");
            assert_eq!(plain[32], 3);
            beats.push((ms, plain[33] >= 0x80));
        }
    }
    let quiet = [(15_000, false), (30_000, true), (35_000, true), (40_000, true)];
    // In DISCONNECTED it asks 1 s after it began, and at doubled pauses.
    let probes = [(46_000, true), (48_000, true), (52_000, true)];
    assert_eq!(beats, [&quiet[..], &probes].concat());
    assert_eq!(pair.session().continuity(), Some(continuity::State::Disconnected));
    assert_eq!(pair.session().next_deadline(), Some((start.after(60_000), Reason::Probe)));
    let now = pair.now;
    assert_eq!(pair.session().send(now, ContentKind::Anml, b"x"), Err(SendError::NotNow));
    pair.bob.handle_deadline(start.after(SILENCE + 3_599_999));
    assert_eq!(pair.bob.closure, None);
    pair.bob.handle_deadline(start.after(SILENCE + 3_600_000));
    assert_eq!(pair.bob.closure, Some(Closure::Lost { truncated: true }));
    assert!(pair.session().is_over());
}

#[test]
fn applications_send_the_kinds_that_are_theirs() {
    let mut pair = Pair::new();
    let now = pair.now;
    for code in 0..=255_u8 {
        match (code, ContentKind::from_code(code)) {
            (0 | 1 | 2 | 4 | 6, Some(kind)) => assert!(pair.session().send(now, kind, b"x").is_ok(), "kind {code}"),
            (5, Some(kind)) => assert_eq!(pair.session().send(now, kind, &[0; 64]), Err(SendError::Kind)),
            (_, kind) => assert_eq!(kind, None, "kind {code}"),
        }
    }
    let codes = pair.opened();
    assert_eq!(codes.iter().map(|(_, code)| *code).collect::<Vec<_>>(), [0, 1, 2, 4, 6]);
    assert_eq!(pair.session().send(now, ContentKind::Anml, &[0; 9_000]), Err(SendError::TooLong));
}

#[test]
fn a_buffer_that_is_too_small_changes_nothing() {
    let mut pair = Pair::new();
    let now = pair.now;
    pair.session().send(now, ContentKind::Anml, b"x").expect("room");
    let mut small = [0; S::TRANSMIT_BUFFER - 1];
    let refused = pair.session().poll_transmit(now, &mut small).map(|transmit| transmit.is_some());
    assert_eq!(refused.map_err(|error| error.needed), Err(S::TRANSMIT_BUFFER));
    assert_eq!(pair.sent().len(), 1);
}

#[test]
fn later_packets_with_a_zero_or_foreign_r_cookie_are_discarded() {
    // shows: IACP-086 (§4.2.4.1)
    let mut pair = Pair::new();
    let frame = pair.data(b"x");
    for r_cookie in [[0; 8], [0xAB; 8]] {
        let mut foreign = frame.clone();
        foreign[4..12].copy_from_slice(&r_cookie);
        assert_eq!(pair.give(&foreign), Heard::Discarded(Discard::Cookie));
    }
    let mut foreign = frame.clone();
    foreign[12] ^= 1;
    assert_eq!(pair.give(&foreign), Heard::Discarded(Discard::Cookie), "so are those with a foreign I-Cookie");
    let mut bare = frame.clone();
    bare[1] &= 0xFE; // no SESSION flag: the R-Cookie would be read as the body
    assert!(matches!(pair.give(&bare), Heard::Discarded(_)));
    assert_eq!(pair.session().discards().count(Discard::Cookie), 3);
    assert_eq!(pair.session().discards().count(Discard::Malformed), 1);
}

#[test]
fn a_forced_teardown_names_its_reason_and_is_kept_for_60_s() {
    // The end was sent once; it is kept now, for a peer that did not receive it.
    let mut pair = Pair::new();
    let (now, identity) = (pair.now, &pair.bob.identity);
    let session = pair.bob.session.as_mut().expect("a session");
    session.abort(now, identity, TeardownReason::ShuttingDown).expect("its own identity");
    assert_eq!(session.closure(), Some(Closure::Forced { by_peer: false, reason: 7, truncated: true }));
    let sent = pair.sent();
    assert_eq!(sent.len(), 1);
    assert_eq!(sent[0][20..24], [0, 3, 0, 7], "type 3, reason 7");
    assert!(pair.sent().is_empty());
    assert!(!pair.session().is_over());
    pair.bob.handle_deadline(now.after(KEEP_FAREWELL - 1));
    assert!(!pair.session().is_over());
    pair.bob.handle_deadline(now.after(KEEP_FAREWELL));
    assert!(pair.session().is_over());
    assert_eq!(pair.bob.events.last(), Some(&SessionEvent::Released));
}
