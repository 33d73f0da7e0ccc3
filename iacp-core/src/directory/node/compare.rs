//! Once an hour the responsible nodes compare what they hold: each asks the others what stands under a key, takes what is better there,
//! and hands over what is missing or older there. So two halves of a quorum that were told two things meet.

use core::net::SocketAddr;

use iacp_wire::layout::Record;
use iacp_wire::message::{DirAnswer, DirGet};
use iacp_wire::{DhtKey, Eid, Frame, Message, TransactionId};

use super::deposit::status;
use super::witness::statement;
use super::{Handled, Node, Silence, Trust};
use crate::crypto::Provider;
use crate::directory::metric::NodeInfo;
use crate::directory::{Class, Facts, Kind, Origin, Slot, class_of, slot};
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
struct Question {
    id: TransactionId,
    kind: Kind,
    key: DhtKey,
    node: Eid,
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

    /// The next record that another node lacks, and which node.
    pub(super) fn next_push(&mut self) -> Option<(Slot, Eid)> {
        self.push.pop_front()
    }

    fn answered(&mut self, id: &TransactionId, from: SocketAddr) -> Option<Question> {
        let is_it = |question: &Question| question.id == *id && question.at == from;
        self.open.iter_mut().find(|place| place.as_ref().is_some_and(is_it))?.take()
    }
}

impl<P: Provider> Node<'_, P> {
    /// The answer to a question of this node; any other one is no frame for it.
    pub(super) fn on_answer<T: Trust>(
        &mut self,
        now: Clock,
        from: SocketAddr,
        head: &DirAnswer,
        records: &[u8],
        trust: &T,
    ) -> Handled {
        let Some(question) = self.compare.answered(&head.transaction_id, from) else {
            return Handled::Silence(Silence::Form);
        };
        let answered = Handled::Silence(Silence::Compared);
        let status = head.answer_status.get();
        if status != 0 && status != status::NOT_FOUND {
            return answered;
        }
        let (mut rest, mut listed) = (records, 0_u8);
        let mut there: heapless::Vec<Slot, 32> = heapless::Vec::new();
        while let Ok((record, behind)) = Record::parse_prefix(rest) {
            (rest, listed) = (behind, listed.saturating_add(1));
            if record.kind != question.kind as u8 || record.storage_key != question.key {
                return answered;
            }
            let Ok(which) = slot::<P>(&record) else { return answered };
            if !self.stands(&record) {
                self.heard(now, &question, &record, trust);
                match self.deposit(now, Origin::Node, from.ip(), &record, trust) {
                    status::OK => {}
                    // What stands here is newer.
                    status::STALE => {
                        let _ = self.compare.push.push_back((which, question.node));
                    }
                    _ => {}
                }
            }
            let _ = there.push(which);
        }
        // An answer that was cut short says nothing about the rest.
        if rest.is_empty() && listed == head.total && !there.is_full() {
            for (record, _) in self.store.list(now.unix, question.kind, question.key) {
                if let Ok(which) = slot::<P>(&record)
                    && !there.contains(&which)
                {
                    let _ = self.compare.push.push_back((which, question.node));
                }
            }
        }
        answered
    }

    /// The other node says this: see [`Witnesses`](super::witness::Witnesses).
    fn heard<T: Trust>(&mut self, now: Clock, question: &Question, record: &Record<'_>, trust: &T) {
        let (Some(statement), Ok(class)) = (statement::<P>(record), class_of::<P>(record)) else { return };
        if self.view(now.unix, trust).voters(class, &question.key).contains(&question.node) {
            self.witnesses.note(now.mono, &statement, question.node);
        }
    }
}
