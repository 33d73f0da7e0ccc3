//! The questions by which a node compares what it holds with the other responsible nodes.

use core::net::SocketAddr;

use iacp_wire::message::DirGet;
use iacp_wire::{DhtKey, Eid, Frame, Message, TransactionId};

use crate::directory::metric::NodeInfo;
use crate::directory::{Class, Kind, Slot};
use crate::governance::window::Clock;
use crate::slots::IndexKey;
use crate::time::Mono;

/// So many questions are open side by side.
const OPEN: usize = 16;
/// A question is open for so long, in milliseconds.
const PATIENCE: u64 = 5_000;
/// So many records wait to be handed over.
const PUSHES: usize = 16;
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

/// How far this minute's comparison is.
pub(super) struct Compare {
    minute: u64,
    slot: u32,
    asked: usize,
    open: [Option<Question>; OPEN],
    push: heapless::Deque<(Slot, Eid), PUSHES>,
    ids: IndexKey,
    count: u64,
}

impl Compare {
    pub(super) const fn new(ids: IndexKey) -> Self {
        let open = [const { None }; OPEN];
        Self { minute: 0, slot: 0, asked: 0, open, push: heapless::Deque::new(), ids, count: 0 }
    }

    /// The place of the store, and the node for it, whose turn it is; none while too many questions are open.
    pub(super) fn place(&mut self, now: Clock) -> Option<(u32, usize)> {
        let minute = now.unix.0 / 60_000;
        if self.minute != minute {
            (self.minute, self.slot, self.asked) = (minute, 0, 0);
        }
        let is_over = |place: &&mut Option<Question>| {
            place.as_ref().is_some_and(|question| now.mono.since(question.asked) >= PATIENCE)
        };
        self.open.iter_mut().filter(is_over).for_each(|place| *place = None);
        self.open.iter().any(Option::is_none).then_some((self.slot, self.asked))
    }

    pub(super) const fn at(&mut self, slot: u32, asked: usize) {
        (self.slot, self.asked) = (slot, asked);
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
        self.count = self.count.wrapping_add(1);
        // The key is a secret, so no third party knows the numbers to come.
        let id = TransactionId(self.ids.hash(&[&self.count.to_be_bytes()]).to_be_bytes());
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
