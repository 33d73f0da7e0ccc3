//! Items on their way into a session: sealed at once, or first in, first out (`IACP §4.2.3.3`).

use super::super::LlEntity;
use super::super::tables::LineSlot;
use super::lines::ITEM;
use crate::crypto::Provider;
use crate::erp::context::State;
use crate::erp::local::LocalStatus;
use crate::pss::{Kind, SendError, Session, TeardownReason};
use crate::time::Mono;

/// No more entries of the FIFO are sealed in one step.
const FLUSH: usize = 16;

impl<P: Provider, const LOG: usize, const FRAMES: usize, const SPENT: usize> LlEntity<'_, P, LOG, FRAMES, SPENT> {
    /// An item of an agent's. It is sealed now, or waits in the FIFO until it can be.
    // keeps: IACP-078 (§4.2.3.3)
    pub(in crate::erp::entity) fn send(
        &mut self,
        now: Mono,
        agent: u32,
        slot: u32,
        item: u64,
        content: &[u8],
    ) -> Result<(), LocalStatus> {
        let entry = self.sessions.at(slot).ok_or(LocalStatus::NoSession)?;
        if entry.finished || entry.close.is_some() || entry.session.closure().is_some() {
            return Err(LocalStatus::Finished);
        }
        let number = if entry.line > 0 { ITEM } else { 0 };
        if content.len().saturating_add(number) > crate::erp::stream::CONTENT {
            return Err(LocalStatus::TooLong);
        }
        if !self.items_are_known(slot) {
            return Err(LocalStatus::NotNow);
        }
        if item != entry.item {
            return Err(LocalStatus::OutOfOrder);
        }
        self.put(now, (agent, slot), (Kind::Anml, false), content)?;
        if let Some(entry) = self.sessions.at_mut(slot) {
            entry.item = entry.item.saturating_add(1);
        }
        self.touch(slot);
        Ok(())
    }

    /// The agent has sent everything.
    pub(in crate::erp::entity) fn finish(
        &mut self,
        now: Mono,
        agent: u32,
        slot: u32,
        items: u64,
    ) -> Result<(), LocalStatus> {
        let entry = self.sessions.at(slot).ok_or(LocalStatus::NoSession)?;
        if entry.finished {
            return Err(LocalStatus::Finished);
        }
        if !self.items_are_known(slot) {
            return Err(LocalStatus::NotNow);
        }
        if items != entry.item {
            return Err(LocalStatus::OutOfOrder);
        }
        self.put(now, (agent, slot), (Kind::Anml, true), &[])?;
        if let Some(entry) = self.sessions.at_mut(slot) {
            entry.finished = true;
        }
        self.touch(slot);
        Ok(())
    }

    /// Content, or FIN, that is sealed or queued.
    pub(in crate::erp::entity) fn put(
        &mut self,
        now: Mono,
        (agent, slot): (u32, u32),
        (kind, fin): (Kind, bool),
        content: &[u8],
    ) -> Result<(), LocalStatus> {
        let state = self.state(agent);
        if !matches!(state, State::Bound | State::Transition) {
            return Err(LocalStatus::NotNow);
        }
        let share = self.settings.fifo_each;
        self.begin_line(now, slot);
        let open = state == State::Bound && self.line_is_open(slot);
        let (Some(entry), Some(context)) = (self.sessions.at_mut(slot), self.agents.at_mut(agent)) else {
            return Err(LocalStatus::NoSession);
        };
        if open && entry.fifo.is_empty() && entry.want.is_none() && entry.may_seal(now) {
            let line = entry.line.checked_sub(1).and_then(|line| self.lines.at_mut(line));
            match seal(now, &mut entry.session, line, (kind, fin), content) {
                Ok(()) => {
                    entry.has_sealed(now);
                    return Ok(());
                }
                Err(SendError::NotNow | SendError::Full) => {}
                Err(SendError::Finished) => return Err(LocalStatus::Finished),
                Err(SendError::TooLong | SendError::Kind) => return Err(LocalStatus::TooLong),
                Err(SendError::KeySpent) => return Err(LocalStatus::KeySpent),
            }
        }
        let cell = if context.fifo < share { self.fifo.claim() } else { None };
        let Some(cell) = cell else {
            entry.room = true;
            self.rooms.push(&mut self.sessions, slot);
            return Err(LocalStatus::Full);
        };
        if !self.fifo.get_mut(cell).is_some_and(|cell| cell.fill(kind, fin, content)) {
            self.fifo.release(cell);
            return Err(LocalStatus::TooLong);
        }
        entry.fifo.push(&mut self.fifo, cell.slot());
        context.fifo += 1;
        Ok(())
    }

    /// Seals what waits, first in, first out, as much as window and log take. `true` if something has left the queue.
    pub(in crate::erp::entity) fn flush(&mut self, now: Mono, slot: u32) -> bool {
        let (mut moved, mut freed) = (false, 0);
        self.begin_line(now, slot);
        if !self.line_is_open(slot) {
            return moved;
        }
        for _ in 0..FLUSH {
            let Some(entry) = self.sessions.at_mut(slot).filter(|entry| entry.want.is_none()) else { break };
            let Some(cell) = entry.fifo.first() else { break };
            let Some(waiting) = self.fifo.at(cell) else { break };
            if !entry.may_seal(now) {
                break;
            }
            let line = entry.line.checked_sub(1).and_then(|line| self.lines.at_mut(line));
            if seal(now, &mut entry.session, line, (waiting.kind, waiting.fin), waiting.content()).is_err() {
                break;
            }
            entry.has_sealed(now);
            entry.fifo.pop(&mut self.fifo);
            if let Some(handle) = self.fifo.handle(cell) {
                self.fifo.release(handle);
            }
            if let Some(agent) = self.agents.at_mut(entry.agent) {
                agent.fifo = agent.fifo.saturating_sub(1);
            }
            moved = true;
            freed += 1;
        }
        self.tell_of_room(freed);
        // The end in good order comes behind what waits.
        if let Some(entry) = self.sessions.at_mut(slot)
            && entry.fifo.is_empty()
            && let Some(reason) = entry.close
            && let Some(reason) = TeardownReason::from_code(reason)
            && entry.want.is_none()
        {
            entry.close = None;
            let _ = entry.session.close(now, reason);
            moved = true;
        }
        moved
    }

    /// The session ends in good order, behind what waits: nothing more is taken for it.
    pub(in crate::erp::entity) fn end_behind(&mut self, now: Mono, slot: u32, reason: TeardownReason) {
        let Some(entry) = self.sessions.at_mut(slot) else { return };
        entry.close = entry.close.or(Some(reason.code()));
        entry.finished = true;
        self.flush(now, slot);
        self.touch(slot);
    }

    /// So many cells are free again: sessions whose agents wait for room are asked whether they have it.
    pub(super) fn tell_of_room(&mut self, cells: u32) {
        let tries = if cells > 0 { FLUSH } else { 0 };
        for _ in 0..tries {
            let Some(slot) = self.rooms.pop(&mut self.sessions) else { return };
            self.sessions_news.push(&mut self.sessions, slot);
        }
    }
}

/// Seals content, or FIN. With RESUME an item begins with its number.
fn seal<P: Provider, const LOG: usize, const FRAMES: usize>(
    now: Mono,
    session: &mut Session<P, LOG, FRAMES>,
    line: Option<&mut LineSlot>,
    (kind, fin): (Kind, bool),
    content: &[u8],
) -> Result<(), SendError> {
    if fin {
        return session.finish(now).map(|_| ());
    }
    let Some(line) = line.filter(|_| kind == Kind::Anml) else {
        return session.send(now, kind, content).map(|_| ());
    };
    let number = line.next.to_be_bytes();
    session.send_with(now, kind, content.len().saturating_add(ITEM), |room| {
        room.iter_mut().zip(number.iter().chain(content)).for_each(|(to, from)| *to = *from);
    })?;
    line.next = line.next.saturating_add(1);
    Ok(())
}
