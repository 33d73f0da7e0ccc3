//! Once an hour the responsible nodes compare what they hold: each asks the others what stands under a key, takes what is better there,
//! and hands over what is missing or older there. So two halves of a quorum that were told two things meet.

use core::net::SocketAddr;

use iacp_wire::layout::Record;
use iacp_wire::message::DirAnswer;

use super::deposit::status;
use super::{Handled, Node, Silence, Trust};
use crate::crypto::Provider;
use crate::directory::{Origin, Slot, slot};
use crate::governance::window::Clock;

/// The longest frame of a node.
const FRAME: usize = 1_200;

impl<P: Provider> Node<'_, P> {
    /// The answer to a question of this node; any other one is not a frame for it.
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
        // No node sends more, and each record costs a signature.
        if records.len() > FRAME {
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
                self.witness(now, &question.node, &record, trust);
                match self.deposit(now, Origin::Node, from.ip(), &record, trust) {
                    status::OK => {}
                    // What stands here is newer.
                    status::STALE => {
                        self.compare.push(which, question.node);
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
                    self.compare.push(which, question.node);
                }
            }
        }
        answered
    }
}
