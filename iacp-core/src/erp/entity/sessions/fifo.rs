//! Items on their way into a session: sealed at once, or first in, first out (`IACP §4.2.3.3`).

use super::super::tables::LineSlot;
use super::super::{Entry, LlEntity};
use super::lines::ITEM;
use crate::crypto::Provider;
use crate::erp::context::State;
use crate::erp::fields::put;
use crate::erp::local::LocalStatus;
use crate::pss::{ContentKind, SendError, Session, TeardownReason};
use crate::slots::Links;
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
        self.put(now, (agent, slot), (ContentKind::Anml, false), content)?;
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
        self.put(now, (agent, slot), (ContentKind::Anml, true), &[])?;
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
        (kind, fin): (ContentKind, bool),
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
        if entry.session.closure().is_some() {
            return Err(LocalStatus::Finished);
        }
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
            self.wait_for_room(slot);
            // What waits for a token of a throttled session has a deadline from now on.
            self.sessions_out.push(&mut self.sessions, slot);
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
        let (mut moved, mut freed, mut agent) = (false, 0, None);
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
            (moved, freed, agent) = (true, freed + 1, Some(entry.agent));
        }
        if let Some(agent) = agent {
            self.free_cells(agent, freed);
        }
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

    /// What waits in a session is wiped: nothing of it can be sealed any more.
    pub(in crate::erp::entity) fn wipe_fifo(&mut self, slot: u32) {
        let Some(entry) = self.sessions.at_mut(slot) else { return };
        let (agent, mut fifo) = (entry.agent, core::mem::take(&mut entry.fifo));
        let mut freed = 0;
        while let Some(cell) = fifo.pop(&mut self.fifo) {
            if let Some(handle) = self.fifo.handle(cell) {
                self.fifo.release(handle);
                freed += 1;
            }
        }
        self.free_cells(agent, freed);
    }

    /// Cells of an agent are free again. If it had used its share up, its sessions that were refused for that are asked
    /// whether they have room; those that found all cells taken, `poll_event` asks.
    fn free_cells(&mut self, agent: u32, cells: u32) {
        let Some(context) = self.agents.at_mut(agent) else { return };
        context.fifo = context.fifo.saturating_sub(cells);
        if context.fifo >= self.settings.fifo_each {
            return;
        }
        while let Some(session) = context.rooms.pop(&mut self.sessions, rooms) {
            self.sessions_news.push(&mut self.sessions, session);
        }
    }

    /// A session that has found no cell is asked again: when there is one, or when its agent's share has one.
    fn wait_for_room(&mut self, slot: u32) {
        let Some(agent) = self.sessions.at(slot).map(|entry| entry.agent) else { return };
        let Some(context) = self.agents.at_mut(agent) else { return };
        if context.fifo < self.settings.fifo_each {
            self.rooms.push(&mut self.sessions, slot);
        } else {
            context.rooms.push(&mut self.sessions, slot, rooms);
        }
    }

    /// A session has room, or ends.
    pub(super) fn leave_rooms(&mut self, slot: u32) {
        let Some(agent) = self.sessions.at(slot).map(|entry| entry.agent) else { return };
        if let Some(context) = self.agents.at_mut(agent) {
            context.rooms.remove(&mut self.sessions, slot, rooms);
        }
    }

    /// Whether ROOM is to be told now: there is a cell, or the session takes the next item without one. One session does not wait
    /// for another that has taken all cells of their agent.
    // keeps: IACP-078 (§4.2.3.3)
    pub(in crate::erp::entity) fn take_room(&mut self, slot: u32) -> bool {
        let Some(entry) = self.sessions.at(slot).filter(|entry| entry.room && entry.session.closure().is_none()) else {
            return false;
        };
        let in_share = self.agents.at(entry.agent).is_some_and(|context| context.fifo < self.settings.fifo_each);
        let has_token = entry.throttle.as_ref().is_none_or(|throttle| throttle.waits.is_none());
        let at_once = entry.want.is_none()
            && entry.fifo.is_empty()
            && entry.session.is_writable()
            && has_token
            && self.state(entry.agent) == State::Bound
            && self.line_is_open(slot);
        let has_room = at_once || (in_share && !self.fifo.is_full());
        if !has_room {
            self.wait_for_room(slot);
            return false;
        }
        self.leave_rooms(slot);
        if let Some(entry) = self.sessions.at_mut(slot) {
            entry.room = false;
        }
        true
    }
}

fn rooms<P: Provider, const LOG: usize, const FRAMES: usize>(entry: &mut Entry<P, LOG, FRAMES>) -> &mut Links {
    &mut entry.rooms
}

/// Seals content, or FIN. With RESUME an item begins with its number.
fn seal<P: Provider, const LOG: usize, const FRAMES: usize>(
    now: Mono,
    session: &mut Session<P, LOG, FRAMES>,
    line: Option<&mut LineSlot>,
    (kind, fin): (ContentKind, bool),
    content: &[u8],
) -> Result<(), SendError> {
    if fin {
        return session.finish(now).map(|_| ());
    }
    let Some(line) = line.filter(|_| kind == ContentKind::Anml) else {
        return session.send(now, kind, content).map(|_| ());
    };
    let number = line.next.to_be_bytes();
    session.send_with(now, kind, content.len().saturating_add(ITEM), |room| {
        put(&[&number, content], room);
    })?;
    line.next = line.next.saturating_add(1);
    Ok(())
}
