//! The exporting host.

use iacp_wire::Eid;
use rand_core::CryptoRng;
use zeroize::Zeroize;

use super::super::LlEntity;
use super::super::docking::{Docking, Word};
use super::super::tables::LineSlot;
use crate::crypto::stack::cleanly;
use crate::crypto::{Provider, Suite};
use crate::erp::agent::{AgentSlot, Storing};
use crate::erp::binding::Binding;
use crate::erp::context::{Event, State};
use crate::erp::dock::{
    Beside, Checked, Context, DockError, DockReason, Exporter, HEAD, RECORD, RecordType, Waiting, session_len,
    write_session,
};
use crate::erp::generation::LIMIT;
use crate::identity::Identity;
use crate::pss::{Capabilities, Moving};
use crate::time::{Mono, UnixTime};

/// How long frames for an exported EID are passed on, in milliseconds.
const DEFLECTED: u64 = 60_000;

impl<P: Provider, const LOG: usize, const FRAMES: usize, const SPENT: usize> LlEntity<'_, P, LOG, FRAMES, SPENT> {
    /// Another host offers to take a context over. The offer is checked, and the host is asked to store that the context is
    /// exported; when it is, [`Self::export`] seals it. Until then everything goes on but a move of this host: no generation is
    /// signed. `listed` tells whether a host is on this host's own list; `application` is how many bytes of its own the
    /// agent gives along. Returns how long the blob would be now.
    ///
    /// # Errors
    /// The offer does not hold, or the context cannot move now. Nothing has changed.
    // keeps: IACP-129 (§5.6)
    pub fn lock(
        &mut self,
        unix: UnixTime,
        host: &Identity<P>,
        listed: impl FnOnce(&Eid) -> bool,
        offer: &[u8],
        application: usize,
    ) -> Result<usize, DockError> {
        let offer = Checked::new::<P>(unix, &host.eid(), listed, offer)?;
        // A binding to no address would be a leaving.
        if offer.at.ip().is_unspecified() || offer.at.port() == 0 {
            return Err(DockError::Malformed);
        }
        let slot = self.agent_of(&offer.eid).ok_or(DockError::NoAgent)?;
        let handle = self.agents.handle(slot).ok_or(DockError::NoAgent)?;
        let agent = self.agents.at(slot).ok_or(DockError::NoAgent)?;
        let (next, bound) = agent.counter.upcoming();
        if self.docking.is_some() || !self.may_move(slot) || next.saturating_add(2) >= LIMIT {
            return Err(DockError::NotNow);
        }
        self.docking = Some(Docking { agent: handle, offer, bound, word: Word::Wanted });
        self.agents_ask.push(&mut self.agents, slot);
        Ok(self.blob_len(slot, application))
    }

    fn may_move(&self, slot: u32) -> bool {
        let settled = |agent: &AgentSlot<P>| {
            let stored = agent.storing == Storing::Nothing && agent.storing_evolution == Storing::Nothing;
            stored && !agent.unsigned && agent.rotated.is_none() && agent.evolved.is_none()
        };
        self.state(slot) == State::Bound && self.agents.at(slot).is_some_and(settled)
    }

    /// How long the blob of a locked context would be now, with `application` bytes of the agent's own.
    ///
    /// # Errors
    /// It is not locked.
    pub fn export_len(&self, eid: &Eid, application: usize) -> Result<usize, DockError> {
        let slot = self.agent_of(eid).filter(|slot| self.is_docking(*slot)).ok_or(DockError::NoAgent)?;
        Ok(self.blob_len(slot, application))
    }

    /// The export is given up: the EID stays here. Where the word "exported" may be on stable storage already, the host is asked
    /// to take it back, and the context stays locked until it has.
    ///
    /// # Errors
    /// The context is not locked.
    pub fn unlock(&mut self, now: Mono, eid: &Eid) -> Result<(), DockError> {
        let slot = self.agent_of(eid).filter(|slot| self.is_docking(*slot)).ok_or(DockError::NoAgent)?;
        let docking = self.docking.as_mut().ok_or(DockError::NoAgent)?;
        match docking.word {
            Word::Wanted => {
                self.docking = None;
                self.move_agent(now, slot);
                self.settle_agent(now, slot);
            }
            Word::Asked | Word::Stored => docking.word = Word::Withdrawn,
            Word::Withdrawn | Word::WithdrawalAsked => {}
        }
        self.agents_ask.push(&mut self.agents, slot);
        Ok(())
    }

    /// Seals a locked context for the host that has offered: its binding for there is signed, record after record is sealed to
    /// the front of `out` and wiped, the EID's key last. From then on nothing here can seal or sign for the EID, and this blob is
    /// the only place where it is. `application` is what the agent gives along; it is wiped. Returns the length of the blob.
    ///
    /// # Errors
    /// "Exported" is not stored yet; the offer is over; the context cannot move now; `out` is too small. Nothing has
    /// changed, and the context is still locked.
    // keeps: IACP-129 (§5.6), IACP-131 (§5.6)
    #[expect(clippy::too_many_arguments, reason = "whose, why, with what, and where to")]
    pub fn export(
        &mut self,
        (now, unix): (Mono, UnixTime),
        host: &Identity<P>,
        eid: &Eid,
        reason: DockReason,
        application: &mut [u8],
        rng: &mut impl CryptoRng,
        out: &mut [u8],
    ) -> Result<usize, DockError> {
        cleanly(|| {
            self.clock = self.clock.max(now);
            let slot = self.agent_of(eid).filter(|slot| self.is_docking(*slot)).ok_or(DockError::NoAgent)?;
            let docking = self.docking.as_ref().ok_or(DockError::NoAgent)?;
            if docking.word != Word::Stored {
                return Err(DockError::NotPersisted);
            }
            let (offer, bound) = (docking.offer, docking.bound);
            if offer.expiry <= unix {
                return Err(DockError::Expired);
            }
            if !self.may_move(slot) {
                return Err(DockError::NotNow);
            }
            if out.len() < self.blob_len(slot, application.len()) {
                return Err(DockError::TooSmall);
            }
            let sessions = self.moving_sessions(slot);
            let shared = self.measure_shared(slot);
            let count = 1 + sessions + u32::from(!application.is_empty()) + self.ticket_count(slot) + shared.records;
            let suite = if P::SUITES.has(Suite::Aes256Gcm) { Suite::Aes256Gcm } else { Suite::ChaCha20Poly1305 };
            let mut exporter = Exporter::new(host, &offer, suite, reason, count, rng, out)?;
            let binding = self.bind_for(slot, &offer, bound).ok_or(DockError::NotNow)?;
            // From here on nothing fails: everything was measured.
            let mut length = HEAD;
            let mut sealed = self.seal_context(slot, binding, &mut exporter, out.get_mut(length..).unwrap_or_default());
            if let Ok(more) = sealed {
                length = length.saturating_add(more);
                // Before the sessions: what belongs to them is sealed while they are there.
                sealed = Ok(self.seal_shared(slot, &mut exporter, out.get_mut(length..).unwrap_or_default()));
            }
            let mut next = self.first_session(slot);
            while let (Some(session), Ok(more)) = (next, sealed) {
                length = length.saturating_add(more);
                next = self.sessions.at(session).and_then(|entry| entry.next.checked_sub(1));
                sealed = self.seal_session(now, session, &mut exporter, out.get_mut(length..).unwrap_or_default());
            }
            length = length.saturating_add(sealed.unwrap_or(0));
            length = length.saturating_add(self.seal_tickets(
                slot,
                &mut exporter,
                out.get_mut(length..).unwrap_or_default(),
            ));
            if !application.is_empty() {
                let room = out.get_mut(length..).unwrap_or_default();
                length = length.saturating_add(exporter.seal(RecordType::Application, application, room).unwrap_or(0));
            }
            if let Some(agent) = self.agents.at_mut(slot) {
                // The way back to UNBOUND of B.2; no leaving is signed, for the EID lives on.
                agent.step(Event::Deregistration);
            }
            self.leave_behind(now, slot, Some(binding), Some(offer.at));
            self.exported_until = Some(now.after(DEFLECTED));
            self.correct();
            if sealed.is_err() || !exporter.is_complete() {
                // It cannot be; a blob that is not whole opens nowhere.
                out.zeroize();
                return Err(DockError::Records);
            }
            Ok(length)
        })
    }

    /// The binding of the next generation, for the host that takes the context over: the Asymmetric Forwarding Ticket.
    fn bind_for(&mut self, slot: u32, offer: &Checked, bound: u64) -> Option<Binding> {
        let agent = self.agents.at_mut(slot)?;
        let identity = agent.identity.as_ref()?;
        agent.counter.persisted(bound);
        let generation = agent.counter.take().ok()?;
        Some(Binding::sign(identity, offer.at.ip().into(), generation))
    }

    fn seal_context(
        &self,
        slot: u32,
        binding: Binding,
        exporter: &mut Exporter<P>,
        out: &mut [u8],
    ) -> Result<usize, DockError> {
        let agent = self.agents.at(slot).ok_or(DockError::NoAgent)?;
        let context = Context {
            seed: agent.seed_copy(),
            airk: agent.airk.unwrap_or(Eid::ZERO),
            app_digest: agent.digest,
            evolution: agent.evolution,
            binding,
            listen: agent.listen.get().map_or([0; 24], crate::erp::local::Listen::to_bytes),
        };
        exporter.seal_with(RecordType::Context, Context::LEN, out, |text| {
            context.write(text.first_chunk_mut()?);
            Some(())
        })
    }

    /// Seals a session, and wipes it in the same step; 0 bytes for one that does not move.
    fn seal_session(
        &mut self,
        now: Mono,
        slot: u32,
        exporter: &mut Exporter<P>,
        out: &mut [u8],
    ) -> Result<usize, DockError> {
        let Some((moving, beside)) = self.moving(now, slot) else { return Ok(0) };
        let length = self.record_len(slot);
        let Self { sessions, fifo, .. } = self;
        let Some(entry) = sessions.at_mut(slot) else { return Ok(0) };
        let session = &entry.session;
        let waiting = entry.fifo.iter(fifo).filter_map(|at| fifo.at(at));
        let waiting = waiting.map(|cell| Waiting { kind: cell.kind, fin: cell.fin, content: cell.content() });
        let sealed = exporter.seal_with(RecordType::Session, length, out, |text| {
            write_session(&moving, &beside, session.logged(), session.ahead(), waiting, text)
        })?;
        entry.session.wipe();
        Ok(sealed)
    }

    /// What moves of a session; `None` for one that does not: a handshake, a negotiation, a line that is not known yet, and what
    /// has ended.
    pub(super) fn moving(&self, now: Mono, slot: u32) -> Option<(Moving, Beside)> {
        let entry = self.sessions.at(slot).filter(|entry| entry.want.is_none() && entry.goodbye.is_none())?;
        let mut moving = entry.session.moving(now)?;
        if moving.home == super::super::INSIDE {
            // A peer of this host is where this host is, seen from the other one.
            moving.home = core::net::SocketAddr::new(self.settings.address, crate::erp::generation::PORT);
        }
        let line = self.line_of(slot);
        if entry.session.capabilities().contains(Capabilities::RESUME) && !line.is_some_and(LineSlot::is_open) {
            return None;
        }
        let holds = entry.session.holds();
        let peer = entry.peer.checked_sub(1).and_then(|peer| self.peers.at(peer)).and_then(|peer| peer.binding);
        let beside = Beside {
            line: line.and_then(LineSlot::name),
            next_item: entry.item,
            not_safe: line.map_or(0, |line| if holds { line.consumed } else { line.items.lowest() }),
            items: line.filter(|_| !holds).map_or([0; 32], |line| line.items.above()),
            unannounced: !entry.opened,
            close: entry.close,
            peer_generation: peer.map_or(0, |binding| binding.generation),
        };
        Some((moving, beside))
    }

    /// How many sessions of a context move.
    fn moving_sessions(&self, slot: u32) -> u32 {
        let (mut next, mut count) = (self.first_session(slot), 0);
        while let Some(session) = next {
            next = self.sessions.at(session).and_then(|entry| entry.next.checked_sub(1));
            count += u32::from(self.moving(self.clock, session).is_some());
        }
        count
    }

    fn blob_len(&self, slot: u32, application: usize) -> usize {
        let record = |length: usize| length.saturating_add(RECORD);
        let mut length = HEAD.saturating_add(record(Context::LEN));
        let mut next = self.first_session(slot);
        while let Some(session) = next {
            next = self.sessions.at(session).and_then(|entry| entry.next.checked_sub(1));
            if self.moving(self.clock, session).is_some() {
                length = length.saturating_add(record(self.record_len(session)));
            }
        }
        length = length.saturating_add(self.measure_shared(slot).bytes);
        let tickets = usize::try_from(self.ticket_count(slot)).unwrap_or(usize::MAX);
        length = length.saturating_add(tickets.saturating_mul(record(crate::erp::dock::TicketKeysOf::LEN)));
        if application == 0 { length } else { length.saturating_add(record(application)) }
    }

    /// The length of a session's record.
    fn record_len(&self, slot: u32) -> usize {
        let Some(entry) = self.sessions.at(slot) else { return 0 };
        let waiting = entry.fifo.iter(&self.fifo).filter_map(|at| self.fifo.at(at));
        let waiting = waiting.fold((0_usize, 0_usize), |(count, bytes), cell| {
            (count.saturating_add(1), bytes.saturating_add(cell.content().len()))
        });
        session_len(entry.session.logged(), entry.session.ahead().count(), waiting)
    }
}
