//! The questions of a node to others: what they hold, to compare it, and whether they are at their address.

use core::net::SocketAddr;

use iacp_wire::message::DirGet;
use iacp_wire::{DhtKey, Digest, Eid, Frame, Message, TransactionId};

use super::request::{PRESENCE, presence};
use crate::crypto::Provider;
use crate::directory::metric::NodeInfo;
use crate::directory::{Class, Kind, Slot};
use crate::governance::window::Clock;
use crate::slots::IndexKey;
use crate::time::Mono;

/// How many questions are open at a time.
const OPEN: usize = 16;
/// How long a question is open, in milliseconds.
const PATIENCE: u64 = 5_000;
/// How many records wait to be handed over.
const PUSHES: usize = 16;
/// How many keys wait to be asked about, and how many of them because of one node.
const WANTED: usize = 16;
const OF_ONE: usize = 4;
/// What a question about a key that is not held here has room for: twice this.
pub(super) const UNKNOWN: usize = 600;
/// A DIR_GET without its padding: what a third of an answer has to be at least.
const BARE: usize = 48;

#[derive(Clone, Copy, Debug)]
pub(super) struct Question {
    id: TransactionId,
    pub(super) kind: Kind,
    pub(super) key: DhtKey,
    pub(super) node: Eid,
    at: SocketAddr,
    asked: Mono,
}

/// A key that the other nodes for it are asked about at once.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted {
    pub(super) kind: Kind,
    pub(super) key: DhtKey,
    pub(super) class: Class,
    /// The node that said something about it, which is not asked.
    pub(super) by: Eid,
    asked: usize,
}

/// The minutes of an hour, each with its own keys.
const MINUTES: usize = 60;

/// How far this minute's comparison is.
pub(super) struct Compare {
    minute: u64,
    /// The place of the store where each minute's comparison goes on: one that its hour did not suffice for goes on in the next.
    slots: [u32; MINUTES],
    /// How many places are yet to be looked at in this minute.
    left: u32,
    asked: usize,
    open: [Option<Question>; OPEN],
    push: heapless::Deque<(Slot, Eid), PUSHES>,
    wanted: heapless::Deque<Wanted, WANTED>,
    ids: IndexKey,
    count: u64,
}

impl Compare {
    pub(super) const fn new(ids: IndexKey) -> Self {
        let open = [const { None }; OPEN];
        Self {
            minute: 0,
            slots: [0; MINUTES],
            left: 0,
            asked: 0,
            open,
            push: heapless::Deque::new(),
            wanted: heapless::Deque::new(),
            ids,
            count: 0,
        }
    }

    /// The place of the store, and the node for it, whose turn it is; none while too many questions are open, and once all `places`
    /// were looked at.
    pub(super) fn place(&mut self, now: Clock, places: u32) -> Option<(u32, usize)> {
        let minute = now.unix.0 / 60_000;
        if self.minute != minute {
            (self.minute, self.left, self.asked) = (minute, places, 0);
        }
        let slot = self.slots.get(self.turn()).copied().unwrap_or(0);
        (self.has_room(now) && self.left > 0).then_some((slot, self.asked))
    }

    fn turn(&self) -> usize {
        usize::try_from(self.minute % MINUTES as u64).unwrap_or(0)
    }

    /// Whether one more question may be asked.
    pub(super) fn has_room(&mut self, now: Clock) -> bool {
        let is_over = |place: &&mut Option<Question>| {
            place.as_ref().is_some_and(|question| now.mono.since(question.asked) >= PATIENCE)
        };
        self.open.iter_mut().filter(is_over).for_each(|place| *place = None);
        self.open.iter().any(Option::is_none)
    }

    /// Notes how many nodes were asked about the current place.
    pub(super) const fn at(&mut self, asked: usize) {
        self.asked = asked;
    }

    /// The place whose turn it was is done; gives the next one of `places`, if there is one more.
    pub(super) fn next(&mut self, places: u32) -> Option<u32> {
        (self.left, self.asked) = (self.left.saturating_sub(1), 0);
        let turn = self.turn();
        let slot = self.slots.get_mut(turn)?;
        *slot = slot.saturating_add(1).checked_rem(places)?;
        (self.left > 0).then_some(*slot)
    }

    /// The others are asked about a key, because this node said something about it.
    pub(super) fn want(&mut self, kind: Kind, key: DhtKey, class: Class, by: Eid) {
        let is_it = |wanted: &&Wanted| (wanted.kind, wanted.key, wanted.class) == (kind, key, class);
        let of_one = self.wanted.iter().filter(|wanted| wanted.by == by).count();
        if of_one < OF_ONE && !self.wanted.iter().any(|wanted| is_it(&wanted)) {
            // Where too many wait, the next node that hands it over is the next occasion.
            let _ = self.wanted.push_back(Wanted { kind, key, class, by, asked: 0 });
        }
    }

    /// The key whose turn it is, and how many of its nodes have been asked.
    pub(super) fn next_wanted(&mut self) -> Option<(Wanted, &mut usize)> {
        let wanted = self.wanted.front_mut()?;
        Some((*wanted, &mut wanted.asked))
    }

    /// All nodes for the key whose turn it was have been asked.
    pub(super) fn was_wanted(&mut self) {
        let _ = self.wanted.pop_front();
    }

    /// A number that no third party can guess: the key is a secret.
    fn next_id(&mut self) -> [u8; 8] {
        self.count = self.count.wrapping_add(1);
        self.ids.hash(&[&self.count.to_be_bytes()]).to_be_bytes()
    }

    /// Writes the question whether a node is at its address: a DIR_GET of unforeseeable bytes, which only a receipt signed by the node
    /// answers. Gives the digest that the receipt has to name.
    pub(super) fn challenge<P: Provider>(&mut self, out: &mut [u8]) -> Option<(usize, Digest)> {
        let mut key = DhtKey::ZERO;
        for part in key.0.as_chunks_mut::<8>().0 {
            *part = self.next_id();
        }
        let transaction_id = TransactionId(self.next_id());
        let class = Class::Overlay as u8;
        let head = DirGet { storage_key: key, transaction_id, kind: PRESENCE, first: 0, class, reserved: 0 };
        let length = Frame::new(Message::DirGet { head: &head, padding: &[] }).write(out).ok()?;
        Some((length, presence::<P>(&head)))
    }

    /// Writes a question whose answer has room for twice what this node holds.
    #[expect(clippy::too_many_arguments, reason = "a question and whom it goes to")]
    pub(super) fn ask(
        &mut self,
        now: Mono,
        node: &NodeInfo,
        kind: Kind,
        key: DhtKey,
        class: Class,
        held: usize,
        out: &mut [u8],
    ) -> Option<usize> {
        let id = TransactionId(self.next_id());
        let head = DirGet {
            storage_key: key,
            transaction_id: id,
            kind: kind as u8,
            first: 0,
            class: class as u8,
            reserved: 0,
        };
        let padding = [0; 400];
        let wanted =
            held.saturating_mul(2).saturating_add(64).div_ceil(3).saturating_sub(BARE).min(padding.len() - BARE);
        let frame = Frame::new(Message::DirGet { head: &head, padding: padding.get(..wanted)? });
        let length = frame.write(out).ok()?;
        let place = self.open.iter_mut().find(|place| place.is_none())?;
        *place = Some(Question { id, kind, key, node: node.eid, at: node.at, asked: now });
        Some(length)
    }

    /// Another node lacks a record. Where too many wait, it is found again in an hour.
    pub(super) fn push(&mut self, which: Slot, node: Eid) {
        let _ = self.push.push_back((which, node));
    }

    /// The next record that another node lacks, and which node.
    pub(super) fn next_push(&mut self) -> Option<(Slot, Eid)> {
        self.push.pop_front()
    }

    /// The open question that an answer from there belongs to; it is open no longer.
    pub(super) fn answered(&mut self, id: &TransactionId, from: SocketAddr) -> Option<Question> {
        let is_it = |question: &Question| question.id == *id && question.at == from;
        self.open.iter_mut().find(|place| place.as_ref().is_some_and(is_it))?.take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::UnixTime;

    fn minute(number: u64) -> Clock {
        Clock { mono: Mono(number * 60_000), unix: UnixTime(number * 60_000) }
    }

    /// The attack "lists before mine": what one hour has no time for comes next in the next.
    #[test]
    fn a_comparison_that_did_not_come_to_its_end_goes_on_an_hour_later() {
        let mut compare = Compare::new(IndexKey::new([7; 16]));
        assert_eq!(compare.place(minute(3), 10), Some((0, 0)));
        for slot in 1..=6 {
            assert_eq!(compare.next(10), Some(slot));
        }
        assert_eq!(compare.place(minute(4), 10), Some((0, 0)), "each minute has its own keys");
        assert_eq!(compare.place(minute(63), 10), Some((6, 0)));
        let rest: heapless::Vec<u32, 16> = core::iter::from_fn(|| compare.next(10)).collect();
        assert_eq!(rest, [7, 8, 9, 0, 1, 2, 3, 4, 5], "all of them, once");
        assert_eq!(compare.place(minute(63), 10), None);
        assert_eq!(compare.place(minute(123), 10), Some((6, 0)));
    }

    fn node(number: u8) -> NodeInfo {
        let at = SocketAddr::new([192, 0, 2, number].into(), 4_227);
        NodeInfo { eid: Eid([number; 32]), at, place: DhtKey([number; 32]), classes: 1 }
    }

    fn ask(compare: &mut Compare, now: Mono, number: u8, held: usize) -> Option<(TransactionId, usize)> {
        let mut out = [0; 600];
        let key = DhtKey([number; 32]);
        let length = compare.ask(now, &node(number), Kind::Verdict, key, Class::Overlay, held, &mut out)?;
        match Frame::parse(&out[..length]).expect("whole").message {
            Message::DirGet { head, padding } => {
                assert_eq!((head.storage_key, head.kind, head.class), (key, Kind::Verdict as u8, Class::Overlay as u8));
                Some((head.transaction_id, padding.len()))
            }
            _ => panic!("no DIR_GET"),
        }
    }

    #[test]
    fn sixteen_questions_are_open_and_each_for_five_seconds() {
        let mut compare = Compare::new(IndexKey::new([7; 16]));
        let clock = |ms: u64| Clock { mono: Mono(ms), unix: UnixTime(60_000) };
        for number in 0..16 {
            assert!(compare.has_room(clock(u64::from(number))));
            assert!(ask(&mut compare, Mono(number.into()), number, 0).is_some());
        }
        assert!(!compare.has_room(clock(4_999)) && compare.place(clock(4_999), 10).is_none());
        assert!(ask(&mut compare, Mono(4_999), 16, 0).is_none(), "a seventeenth");
        // The first has been open for five seconds, the second for a millisecond less.
        assert!(compare.has_room(clock(5_000)) && compare.place(clock(5_000), 10).is_some());
        assert!(ask(&mut compare, Mono(5_000), 17, 0).is_some());
        assert!(ask(&mut compare, Mono(5_000), 18, 0).is_none());
    }

    #[test]
    fn a_question_is_answered_once_by_its_number_from_its_address() {
        let mut compare = Compare::new(IndexKey::new([7; 16]));
        let (first, _) = ask(&mut compare, Mono(0), 1, 0).expect("room");
        let (second, _) = ask(&mut compare, Mono(0), 2, 0).expect("room");
        assert_ne!(first, second);
        assert!(compare.answered(&first, node(2).at).is_none(), "the address of the other question");
        assert!(compare.answered(&TransactionId([0; 8]), node(1).at).is_none(), "no number of ours");
        let question = compare.answered(&first, node(1).at).expect("its own");
        assert_eq!((question.key, question.node), (DhtKey([1; 32]), Eid([1; 32])));
        assert!(compare.answered(&first, node(1).at).is_none(), "once");
        assert!(compare.answered(&second, node(2).at).is_some());
    }

    /// The answer is at most three times the question: with its padding the question is a third of twice what is held and 64 bytes; the padding ends at 352.
    #[test]
    fn a_question_has_a_third_of_the_length_of_its_answer() {
        for (held, padding) in
            [(0, 0), (40, 0), (41, 1), (42, 2), (566, 351), (567, 352), (UNKNOWN, 352), (10_000, 352)]
        {
            let mut compare = Compare::new(IndexKey::new([7; 16]));
            let (_, length) = ask(&mut compare, Mono(0), 1, held).expect("room");
            assert_eq!(length, padding, "{held} bytes");
        }
    }

    #[test]
    fn one_node_has_four_keys_looked_up_and_all_together_sixteen() {
        let mut compare = Compare::new(IndexKey::new([7; 16]));
        let count = |compare: &Compare| compare.wanted.len();
        let (key, by) = (DhtKey([1; 32]), Eid([1; 32]));
        compare.want(Kind::Verdict, key, Class::Overlay, by);
        compare.want(Kind::Verdict, key, Class::Overlay, Eid([2; 32]));
        assert_eq!(count(&compare), 1, "it waits already, whichever node says so");
        // Another kind, another class and another key are each another one.
        compare.want(Kind::Filter, key, Class::Overlay, by);
        compare.want(Kind::Verdict, key, Class::Namespaces, by);
        compare.want(Kind::Verdict, DhtKey([2; 32]), Class::Overlay, by);
        assert_eq!(count(&compare), 4);
        compare.want(Kind::Verdict, DhtKey([3; 32]), Class::Overlay, by);
        assert_eq!(count(&compare), 4, "a fifth of one node");
        for number in 10..40 {
            compare.want(Kind::Verdict, DhtKey([number; 32]), Class::Overlay, Eid([number; 32]));
        }
        assert_eq!(count(&compare), 16);
        let (wanted, asked) = compare.next_wanted().expect("the first");
        *asked += 1;
        assert_eq!((wanted.key, wanted.by), (key, by));
        assert_eq!(compare.next_wanted().map(|(wanted, asked)| (wanted.key, *asked)), Some((key, 1)));
        compare.was_wanted();
        assert_eq!(compare.next_wanted().map(|(wanted, asked)| (wanted.kind, *asked)), Some((Kind::Filter, 0)));
    }

    #[test]
    fn what_another_node_lacks_is_handed_over_in_turn_and_sixteen_wait() {
        let mut compare = Compare::new(IndexKey::new([7; 16]));
        let which = |number| Slot { kind: Kind::Verdict, key: DhtKey([number; 32]), which: [0; 32] };
        for number in 0..17 {
            compare.push(which(number), Eid([number; 32]));
        }
        for number in 0..16 {
            assert_eq!(compare.next_push(), Some((which(number), Eid([number; 32]))));
        }
        assert_eq!(compare.next_push(), None);
    }

    /// What a node has to answer to show where it is cannot be guessed, and is another one each time.
    #[test]
    fn each_challenge_is_a_new_key_and_number() {
        let mut compare = Compare::new(IndexKey::new([7; 16]));
        let mut parts: heapless::Vec<[u8; 8], 10> = heapless::Vec::new();
        for _ in 0..2 {
            let mut out = [0; 100];
            let (length, digest) = compare.challenge::<crate::crypto::ChaChaOnly>(&mut out).expect("room");
            let Message::DirGet { head, padding } = Frame::parse(&out[..length]).expect("whole").message else {
                panic!("a DIR_GET")
            };
            assert_eq!((head.kind, head.first, head.class, padding.len()), (254, 0, Class::Overlay as u8, 0));
            let said = crate::directory::record_digest::<crate::crypto::ChaChaOnly>(
                254,
                &head.storage_key,
                &head.transaction_id.0,
            );
            assert_eq!(digest, said);
            for part in head.storage_key.0.as_chunks::<8>().0.iter().chain([&head.transaction_id.0]) {
                assert!(!parts.contains(part));
                parts.push(*part).expect("ten of them");
            }
        }
        assert!(compare.challenge::<crate::crypto::ChaChaOnly>(&mut [0; 8]).is_none(), "no room");
    }
}
