//! Receipts: what is kept of sessions that ended, so that a peer that crashed just before the end still learns what had
//! arrived (`IACP §6.4.2`).

use iacp_wire::Eid;

use super::resume::{Line, ResumeRecord};
use crate::time::Mono;

/// How long a receipt is kept, in milliseconds.
pub const KEPT: u64 = 24 * 3_600_000;
/// How many slots are tried for one peer: a table is used in groups of this size.
const GROUP: usize = 8;

/// A place for a receipt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReceiptSlot(Option<(ResumeRecord, Mono)>);

impl ReceiptSlot {
    /// An empty place.
    pub const EMPTY: Self = Self(None);

    fn live(&self, now: Mono) -> Option<&(ResumeRecord, Mono)> {
        self.0.as_ref().filter(|(_, until)| now < *until)
    }
}

/// The receipts of one context, in the caller's memory: no other agent's fill it.
///
/// ```
/// use iacp_core::erp::receipt::{ReceiptSlot, Receipts};
/// use iacp_core::erp::resume::{Line, ResumeRecord};
/// use iacp_core::time::Mono;
/// use iacp_wire::Eid;
///
/// let mut slots = [ReceiptSlot::EMPTY; 16];
/// let mut receipts = Receipts::new(&mut slots, 0x5ec2e7);
/// let (peer, line) = (Eid([1; 32]), Line([2; 16]));
/// receipts.keep(Mono(0), ResumeRecord { peer, line, safe: 7 });
/// // Of two numbers for one line the higher counts.
/// receipts.keep(Mono(1), ResumeRecord { peer, line, safe: 5 });
/// assert_eq!(receipts.find(Mono(2), &peer, line), Some(7));
/// assert_eq!(receipts.find(Mono(2), &Eid([9; 32]), line), None);
/// ```
pub struct Receipts<'m> {
    slots: &'m mut [ReceiptSlot],
    secret: u64,
}

impl<'m> Receipts<'m> {
    /// A table in these places, a multiple of 8 of them; what is over is not used. `secret` is random: a peer must not choose
    /// what its receipts stand beside.
    #[must_use]
    pub const fn new(slots: &'m mut [ReceiptSlot], secret: u64) -> Self {
        Self { slots, secret }
    }

    /// Forgets all.
    pub(crate) fn clear(&mut self) {
        self.slots.fill(ReceiptSlot::EMPTY);
    }

    fn group(&mut self, peer: &Eid) -> &mut [ReceiptSlot] {
        use core::hash::Hasher;
        let mut hasher = siphasher::sip::SipHasher13::new_with_keys(self.secret, !self.secret);
        hasher.write(&peer.0);
        let groups = u32::try_from(self.slots.len() / GROUP).unwrap_or(u32::MAX);
        // The upper half of the hash chooses, without a division.
        let group = ((hasher.finish() >> 32) * u64::from(groups)) >> 32;
        let start = usize::try_from(group).unwrap_or(0).saturating_mul(GROUP);
        let end = start.saturating_add(GROUP).min(self.slots.len());
        self.slots.get_mut(start..end).unwrap_or_default()
    }

    /// Keeps a record for 24 h. In a full table it replaces an expired record, else the oldest one of the same peer, else
    /// the oldest one.
    pub fn keep(&mut self, now: Mono, record: ResumeRecord) {
        let until = now.after(KEPT);
        let group = self.group(&record.peer);
        let same = |slot: &&mut ReceiptSlot| {
            slot.0.as_ref().is_some_and(|(kept, _)| kept.peer == record.peer && kept.line == record.line)
        };
        if let Some(ReceiptSlot(Some((kept, ends)))) = group.iter_mut().find(same) {
            (kept.safe, *ends) = (kept.safe.max(record.safe), until);
            return;
        }
        // Free and expired places first, then the same peer's, then the others', the oldest of each.
        let rank = |slot: &&mut ReceiptSlot| match slot.live(now) {
            None => (0, Mono(0)),
            Some((kept, ends)) => (if kept.peer == record.peer { 1 } else { 2 }, *ends),
        };
        if let Some(slot) = group.iter_mut().min_by_key(rank) {
            slot.0 = Some((record, until));
        }
    }

    /// The lowest item not safe of a line with this peer, if a record says it.
    pub fn find(&mut self, now: Mono, peer: &Eid, line: Line) -> Option<u64> {
        let group = self.group(peer);
        let kept = group.iter().filter_map(|slot| slot.live(now)).map(|(kept, _)| kept);
        kept.filter(|kept| kept.peer == *peer && kept.line == line).map(|kept| kept.safe).next()
    }
}
