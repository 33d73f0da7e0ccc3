//! Lines: sessions with RESUME, in which each item comes once even if a memory was lost (`IACP §6.4.2`).

use iacp_wire::Eid;

use super::super::tables::LineSlot;
use super::super::{Entry, LlEntity};
use crate::crypto::Provider;
use crate::erp::local::{LocalStatus, RESUME_RECORD};
use crate::erp::receipt::Receipts;
use crate::erp::resume::{
    self, Agreement, Initiator, Item, Items, Knowledge, Line, LineOutcome, NotResumed, Resume, ResumeRecord,
};
use crate::pss::{Capabilities, Role, TeardownReason, Violation};
use crate::slots::Maybe;
use crate::time::Mono;

/// The size of a group of receipts.
const GROUP: usize = 8;
/// What an item's number takes of a frame's content.
pub(in crate::erp::entity) const ITEM: usize = 8;

/// What is known here of a line, and which of its items have come.
struct Known {
    knowledge: Knowledge,
    items: Items,
}

impl<P: Provider, const LOG: usize, const FRAMES: usize, const SPENT: usize> LlEntity<'_, P, LOG, FRAMES, SPENT> {
    /// The receipts of one agent; `None` if there is no room for any.
    pub(in crate::erp::entity) fn receipts_of(&mut self, agent: u32) -> Option<Receipts<'_>> {
        let agents = usize::try_from(self.agents.capacity()).ok()?;
        let share = self.receipts.len().checked_div(agents)? / GROUP * GROUP;
        let start = usize::try_from(agent).ok()?.checked_mul(share)?;
        let slots = self.receipts.get_mut(start..start.checked_add(share)?)?;
        (!slots.is_empty()).then(|| Receipts::new(slots, self.receipts_secret))
    }

    /// The receipts of a context end with it.
    pub(in crate::erp::entity) fn clear_receipts(&mut self, agent: u32) {
        if let Some(mut receipts) = self.receipts_of(agent) {
            receipts.clear();
        }
    }

    /// RECALL: a line that the peer may name.
    pub(in crate::erp::entity) fn recall(
        &mut self,
        now: Mono,
        agent: u32,
        record: &[u8; RESUME_RECORD],
    ) -> Result<(), LocalStatus> {
        let record = ResumeRecord::read(record).ok_or(LocalStatus::Refused)?;
        self.receipts_of(agent).ok_or(LocalStatus::Capacity)?.keep(now, record);
        Ok(())
    }

    /// A session that may have a line gets a place for it; `false` if there is none.
    pub(in crate::erp::entity) fn claim_line(&mut self, slot: u32, record: Option<(Line, u64)>) -> bool {
        let Some(handle) = self.lines.claim() else { return false };
        if let Some(line) = self.lines.get_mut(handle) {
            line.record = record;
        }
        if let Some(entry) = self.sessions.at_mut(slot) {
            entry.line = handle.slot() + 1;
        }
        true
    }

    pub(in crate::erp::entity) fn line_of(&self, slot: u32) -> Option<&LineSlot> {
        self.lines.at(self.sessions.at(slot)?.line.checked_sub(1)?)
    }

    pub(in crate::erp::entity) fn line_mut(&mut self, slot: u32) -> Option<&mut LineSlot> {
        self.lines.at_mut(self.sessions.at(slot)?.line.checked_sub(1)?)
    }

    /// Whether items may be sealed: a session without RESUME has no line to wait for.
    pub(in crate::erp::entity) fn line_is_open(&self, slot: u32) -> bool {
        self.line_of(slot).is_none_or(LineSlot::is_open)
    }

    /// Whether an agent may hand items over: it knows the number of the first one.
    pub(super) fn items_are_known(&self, slot: u32) -> bool {
        let Some(line) = self.line_of(slot) else { return true };
        let begins = line.record.is_none() && self.sessions.at(slot).is_some_and(|entry| !entry.incoming);
        begins || line.agreement.is_some()
    }

    /// As soon as data may flow the initiator says with which line it goes on, and the responder answers. From then on the line's
    /// older session takes and sends nothing more.
    pub(in crate::erp::entity) fn begin_line(&mut self, now: Mono, slot: u32) {
        let Some(entry) = self.sessions.at(slot).filter(|entry| entry.line > 0 && entry.session.is_ready()) else {
            return;
        };
        let (agent, peer, role) = (entry.agent, entry.session.peer(), entry.session.role());
        let (session, agreed) = (entry.session.cookies(), entry.session.capabilities());
        let Some(record) = self.line_of(slot).map(|line| line.record) else { return };
        if !agreed.contains(Capabilities::RESUME) {
            self.drop_line(slot);
            if let Some(entry) = self.sessions.at_mut(slot) {
                entry.outcome = if record.is_some() { LineOutcome::Unknown } else { LineOutcome::New };
            }
            self.touch(slot);
            return;
        }
        if role == Role::Responder {
            self.answer_line(now, slot);
            return;
        }
        // A session that has come from another host has its line: what began it was said there.
        let is_begun = |line: &LineSlot| line.initiator.is_some() || line.agreement.is_some();
        if self.line_of(slot).is_none_or(is_begun) {
            return;
        }
        let named = record.map(|(line, safe)| {
            let known = self.known_line(now, agent, &peer, line, slot);
            let known = known.map_or_else(|| Known::of_record(safe), |known| known.with_record(safe));
            (line, known)
        });
        let initiator = Initiator::new(named.as_ref().map(|(line, known)| (*line, known.knowledge)));
        let frame = initiator.first_frame().to_bytes();
        let Some(entry) = self.sessions.at_mut(slot) else { return };
        if entry.session.send_resume(now, &frame).is_err() {
            return;
        }
        if let Some(line) = self.line_mut(slot) {
            line.initiator = Maybe::Just(initiator);
            if let Some((_, known)) = &named {
                (line.items, line.consumed, line.known) = (known.items, known.knowledge.safe, known.knowledge);
            }
        }
        match initiator.freezes() {
            Some(line) => self.freeze(agent, &peer, line, slot),
            None => self.agree(slot, Agreement::begin(LineOutcome::New, Line::of_session(session.0, session.1)), None),
        }
    }

    /// The peer's first frame.
    pub(in crate::erp::entity) fn on_resume(&mut self, now: Mono, slot: u32, content: &[u8]) {
        if let Err(refusal) = self.take_resume(now, slot, content) {
            let Some(agent) = self.sessions.at(slot).map(|entry| entry.agent) else { return };
            let (Some(entry), Some(context)) = (self.sessions.at_mut(slot), self.agents.at(agent)) else { return };
            let Some(identity) = &context.identity else { return };
            match refusal {
                // Its bytes have no meaning, or one that nothing has asked for.
                NotResumed::Malformed | NotResumed::OtherLine => {
                    entry.session.violated(now, identity, Violation::Kind(crate::pss::ContentKind::Resume.code()));
                }
                // Nothing is guessed.
                NotResumed::Contradiction => {
                    // It is this agent's session, so the identity is the right one.
                    let _ = entry.session.abort(now, identity, TeardownReason::DeltaLogLost);
                }
            }
        }
        self.touch(slot);
    }

    fn take_resume(&mut self, now: Mono, slot: u32, content: &[u8]) -> Result<(), NotResumed> {
        let theirs = Resume::read(content)?;
        // The peer's first frame may come before this side has begun.
        self.begin_line(now, slot);
        let Some(entry) = self.sessions.at(slot) else { return Ok(()) };
        let (agent, peer, role, cookies) =
            (entry.agent, entry.session.peer(), entry.session.role(), entry.session.cookies());
        let session = Line::of_session(cookies.0, cookies.1);
        let Some(line) = self.line_of(slot) else { return Ok(()) };
        if role == Role::Initiator {
            let Some(initiator) = line.initiator.get() else { return Err(NotResumed::OtherLine) };
            let agreement = initiator.settle(&theirs, session)?;
            let known = Known { knowledge: line.known, items: line.items };
            if line.agreement.is_none() {
                self.agree(slot, agreement, Some(&known));
            }
            return Ok(());
        }
        if line.agreement.is_some() {
            return Ok(());
        }
        if self.sessions.at(slot).is_none_or(|entry| entry.session.closure().is_some()) {
            // This very frame has ended it.
            return Ok(());
        }
        let known = theirs.line().and_then(|line| self.known_line(now, agent, &peer, line, slot));
        let (_, agreement) = resume::answer(&theirs, session, known.as_ref().map(|known| known.knowledge))?;
        if let Some(line) = self.line_mut(slot) {
            line.owes = true;
            if let Some(known) = &known {
                line.known = known.knowledge;
            }
        }
        if agreement.outcome == LineOutcome::Resumed {
            self.freeze(agent, &peer, agreement.line, slot);
        }
        self.agree(slot, agreement, known.as_ref());
        self.answer_line(now, slot);
        Ok(())
    }

    /// The responder's first frame, once data may flow: while the peer has only just come back, it may not. What the answer says is
    /// settled, so it stays true however long it waits.
    fn answer_line(&mut self, now: Mono, slot: u32) {
        let Some(line) = self.line_of(slot).filter(|line| line.owes) else { return };
        let Some(agreement) = line.agreement.get() else { return };
        let frame = agreement.answer(&line.known).to_bytes();
        let sent = self.sessions.at_mut(slot).is_some_and(|entry| entry.session.send_resume(now, &frame).is_ok());
        if let Some(line) = self.line_mut(slot).filter(|_| sent) {
            line.owes = false;
        }
    }

    /// Both sides know with which line the session goes on, and from which items.
    fn agree(&mut self, slot: u32, agreement: Agreement, known: Option<&Known>) {
        let Some(line) = self.line_mut(slot) else { return };
        line.agreement = Maybe::Just(agreement);
        line.next = agreement.send_from;
        let outcome = agreement.outcome;
        match known.filter(|_| outcome == LineOutcome::Resumed) {
            Some(known) => (line.items, line.consumed) = (known.items, known.knowledge.safe),
            None => (line.items, line.consumed) = (Items::from(0), 0),
        }
        // The peer sends from there.
        line.freed = line.consumed;
        if outcome != LineOutcome::Resumed {
            self.forget_carried(slot);
        }
        let Some(entry) = self.sessions.at_mut(slot) else { return };
        entry.outcome = outcome;
        // What waits already begins a new line, with item 0.
        entry.item = entry.item.max(agreement.send_from);
        (entry.acknowledged, entry.delivered) = (agreement.send_from, agreement.send_from);
        self.renewed(slot);
        self.touch(slot);
    }

    /// What is known of a line with this peer, from a session or a record of this context.
    fn known_line(&mut self, now: Mono, agent: u32, peer: &Eid, line: Line, except: u32) -> Option<Known> {
        let record = self.receipts_of(agent).and_then(|mut receipts| receipts.find(now, peer, line));
        let known = match self.session_with_line(agent, peer, line, except) {
            Some(session) => {
                let (entry, line) = (self.sessions.at(session)?, self.line_of(session)?);
                let (safe, delivered) = (self.lowest_not_safe(session)?, line.items.lowest());
                let knowledge = match line.agreement.get() {
                    Some(_) => Knowledge { keeps: Some(entry.delivered), next: Some(entry.item), safe, delivered },
                    // It was asked for and not answered: nothing has become of what was known.
                    None => line.known,
                };
                Known { knowledge, items: line.items }
            }
            None => return record.map(Known::of_record),
        };
        Some(match record {
            Some(safe) => known.with_record(safe),
            None => known,
        })
    }

    /// The lowest item of the peer's that is not in committed work.
    fn lowest_not_safe(&self, slot: u32) -> Option<u64> {
        let (entry, line) = (self.sessions.at(slot)?, self.line_of(slot)?);
        Some(if entry.session.holds() || line.agreement.is_none() { line.consumed } else { line.items.lowest() })
    }

    /// It is among the agent's sessions and among the peer's: when all of the fewer ones were looked at, there is none.
    fn session_with_line(&self, agent: u32, peer: &Eid, line: Line, except: u32) -> Option<u32> {
        let is_it = |slot: u32, entry: &Entry<P, LOG, FRAMES>| {
            let both = entry.agent == agent && entry.session.peer() == *peer;
            slot != except && both && self.line_of(slot).and_then(LineSlot::name) == Some(line)
        };
        let (mut ours, mut theirs) = (self.first_session(agent), self.first_with(peer));
        while let (Some(one), Some(other)) = (ours, theirs) {
            let (our, their) = (self.sessions.at(one)?, self.sessions.at(other)?);
            if is_it(one, our) {
                return ours;
            }
            if is_it(other, their) {
                return theirs;
            }
            (ours, theirs) = (our.next.checked_sub(1), their.peer_next.checked_sub(1));
        }
        None
    }

    /// The line goes on in another session: the older one takes and sends nothing more, for good.
    fn freeze(&mut self, agent: u32, peer: &Eid, line: Line, except: u32) {
        if let Some(older) = self.session_with_line(agent, peer, line, except) {
            self.keep_receipt(older);
            self.carry_shared(self.clock, older, except);
            if let Some(entry) = self.sessions.at_mut(older) {
                entry.session.give_way();
            }
            if let Some(line) = self.line_mut(older) {
                line.given_up = true;
            }
            self.touch(older);
        }
    }

    /// The number of the item in a frame, and whether it is news to the agent; an error where the frame has none.
    pub(in crate::erp::entity) fn take_item(&mut self, slot: u32, content: &[u8]) -> Result<Option<u64>, Violation> {
        let kind = Violation::Kind(crate::pss::ContentKind::Anml.code());
        let number = content.first_chunk().map(|number| u64::from_be_bytes(*number)).ok_or(kind)?;
        let line = self.line_mut(slot).ok_or(kind)?;
        match line.items.take(number) {
            Item::Fresh => Ok(Some(number)),
            Item::Repeated => {
                // The item was delivered before, but its frame is new: the window must still be released.
                line.freed = line.freed.min(number);
                Ok(None)
            }
            // A peer that numbers its items one by one stays within what is remembered.
            Item::Beyond => Err(kind),
        }
    }

    /// Everything below this item is safe with the agent.
    pub(in crate::erp::entity) fn consumed_items(
        &mut self,
        now: Mono,
        slot: u32,
        below: u64,
    ) -> Result<(), LocalStatus> {
        let line = self.line_of(slot).ok_or(LocalStatus::Refused)?;
        if line.agreement.is_none() || below > line.items.lowest() {
            return Err(LocalStatus::Refused);
        }
        if !self.sessions.at(slot).is_some_and(|entry| entry.session.holds()) {
            return Err(LocalStatus::Refused);
        }
        if let Some(line) = self.line_mut(slot) {
            line.consumed = line.consumed.max(below);
        }
        self.free_items(now, slot);
        Ok(())
    }

    /// Gives the frames free of items that are safe with the agent, as far as they have come.
    pub(in crate::erp::entity) fn free_items(&mut self, now: Mono, slot: u32) {
        let Some(count) = self.line_of(slot).map(|line| line.consumed.saturating_sub(line.freed)) else { return };
        let Some(entry) = self.sessions.at_mut(slot).filter(|entry| count > 0 && entry.session.holds()) else { return };
        let freed = entry.session.consume_contents(now, count).unwrap_or(0);
        if let Some(line) = self.line_mut(slot) {
            line.freed = line.freed.saturating_add(freed);
        }
    }

    /// The agent wants again what it has not consumed.
    pub(in crate::erp::entity) fn rewind_items(&mut self, slot: u32) {
        if let Some(line) = self.line_mut(slot) {
            line.items = Items::from(line.consumed);
        }
    }

    /// What an agent would write down of this session's line.
    pub(super) fn resume_record(&self, slot: u32) -> Option<ResumeRecord> {
        let (safe, line) = (self.lowest_not_safe(slot)?, self.line_of(slot).and_then(LineSlot::name)?);
        Some(ResumeRecord { peer: self.sessions.at(slot)?.session.peer(), line, safe })
    }

    /// What is kept of a session that ended.
    pub(super) fn keep_receipt(&mut self, slot: u32) {
        let (now, record) = (self.clock, self.resume_record(slot));
        let Some(agent) = self.sessions.at(slot).map(|entry| entry.agent) else { return };
        if let Some(record) = record
            && let Some(mut receipts) = self.receipts_of(agent)
        {
            receipts.keep(now, record);
        }
    }

    /// A session has no line any more.
    pub(super) fn drop_line(&mut self, slot: u32) {
        let Some(entry) = self.sessions.at_mut(slot) else { return };
        let line = core::mem::take(&mut entry.line).checked_sub(1);
        if let Some(handle) = line.and_then(|line| self.lines.handle(line)) {
            self.lines.release(handle);
        }
    }
}

impl Known {
    const fn of_record(safe: u64) -> Self {
        Self { knowledge: Knowledge::of_record(safe), items: Items::from(safe) }
    }

    fn with_record(self, safe: u64) -> Self {
        let knowledge = self.knowledge.with_record(safe);
        let items =
            if knowledge.delivered > self.items.lowest() { Items::from(knowledge.delivered) } else { self.items };
        Self { knowledge, items }
    }
}
