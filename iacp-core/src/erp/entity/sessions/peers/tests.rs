use super::super::super::Peer;
use super::*;

#[test]
fn the_host_is_asked_again_after_two_seconds_and_has_ten_to_answer() {
    let mut peer = Peer::EMPTY;
    assert!(peer.may_be_asked(Mono(0)) && !peer.is_asked(Mono(0)));
    (peer.asked, peer.asking) = (Some(Mono(1_000)), true);
    assert_eq!([2_999, 3_000].map(|now| peer.may_be_asked(Mono(now))), [false, true]);
    assert_eq!([10_999, 11_000].map(|now| peer.is_asked(Mono(now))), [true, false]);
    peer.asking = false;
    assert!(!peer.is_asked(Mono(1_000)), "it has answered");
}

#[test]
fn of_a_peer_is_kept_what_a_session_needs_and_a_mark_while_there_is_room() {
    type Change = fn(&mut Peer);
    let asked: Change = |peer| (peer.asked, peer.asking) = (Some(Mono(0)), true);
    let changes: [(Change, Change, u64, Kept); 11] = [
        (|_| (), |_| (), 0, Kept::Nothing),
        (|peer| peer.sessions = 1, |_| (), 0, Kept::All),
        (|peer| peer.challenged = true, |_| (), 0, Kept::All),
        (|peer| peer.askers = 1, |_| (), 0, Kept::Nothing),
        (|peer| peer.askers = 1, asked, ASKING - 1, Kept::All),
        (|peer| peer.askers = 1, asked, ASKING, Kept::Nothing),
        (|_| (), asked, ASKING - 1, Kept::Mark),
        (|_| (), asked, ASKING, Kept::Nothing),
        (|peer| peer.shunned = Some(Mono(50)), |_| (), 49, Kept::Mark),
        (|peer| peer.shunned = Some(Mono(50)), |_| (), 50, Kept::Nothing),
        (|peer| peer.shunned = Some(Mono(50)), |peer| peer.sessions = 2, 49, Kept::All),
    ];
    for (case, (one, other, now, kept)) in changes.into_iter().enumerate() {
        let mut peer = Peer::EMPTY;
        one(&mut peer);
        other(&mut peer);
        assert!(peer.kept(Mono(now)) == kept, "case {case}");
    }
}
