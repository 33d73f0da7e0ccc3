//! The importing host.

use core::net::SocketAddr;

use iacp_wire::{Digest, Eid};
use rand_core::CryptoRng;

use super::super::docking::OfferSlot;
use super::super::{INSIDE, LlEntity};
use super::IMPORTED;
use crate::crypto::Provider;
use crate::crypto::stack::cleanly;
use crate::erp::agent::{Agent, ROTATION};
use crate::erp::dock::{Beside, DockError, DockReason, Imported, LASTS, OFFER, Offer, Record, SessionRecord, moving};
use crate::erp::resume::{Agreement, Items, LineOutcome, ResumeRecord};
use crate::identity::Identity;
use crate::pss::{Ahead, Capabilities, Moving, Role};
use crate::slots::Maybe;
use crate::time::{Mono, UnixTime};

/// How long a compromised EID may still carry its sessions to their end, in milliseconds.
const COMPROMISED: u64 = 60_000;

/// A context that was taken over.
///
/// ```
/// use iacp_core::erp::dock::{DockReason, OFFER};
/// use iacp_core::erp::entity::{Docked, OfferSlot};
/// # use iacp_core::erp::entity::HostRequest;
/// # use iacp_core::identity::Identity;
/// # use iacp_core::time::UnixTime;
/// # use iacp_core::crypto::Portable;
/// # mod support { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/host.rs")); }
/// # use iacp_core::time::Mono;
/// # use iacp_wire::Digest;
/// # use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
/// # use support::{host, stored};
/// # let (now, mut rng) = (Mono(0), ChaCha8Rng::seed_from_u64(1));
/// # let clocks = (now, UnixTime(1_790_000_000_000));
/// # let (mut old, mut new) = (host(1, false, &mut rng), host(2, false, &mut rng));
/// # let [old_lii, new_lii] = [(); 2].map(|()| Identity::<Portable>::generate(&mut rng)); // of the two hosts
/// # let eid = old.init(now, None, Digest::ZERO, &mut rng)?.eid();
/// # stored(&mut old, now);
///
/// let (mut offer, mut blob) = ([0; OFFER], [0; 1_024]);
/// new.offer(clocks, &new_lii, old_lii.eid(), eid, 4227, &mut rng, &mut offer)?;
/// old.lock(clocks.1, &old_lii, |host| *host == new_lii.eid(), &offer, 0)?;
/// stored(&mut old, now); // "exported" is on stable storage
/// let length = old.export(clocks, &old_lii, &eid, DockReason::Planned, &mut [], &mut rng, &mut blob)?;
///
/// let Docked { agent, reason, .. } = new.import(clocks, &new_lii, &mut blob[..length], None, |_own| {}, &mut rng)?;
/// assert_eq!((agent.eid(), reason), (eid, DockReason::Planned));
/// assert!(new.seed(&eid).is_some() && old.seed(&eid).is_none(), "the key is at one host only");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Docked {
    /// EID and new token, for the agent here.
    pub agent: Agent,
    /// Why it has moved. After a compromise no session begins any more, and the EID leaves when its sessions have ended, after
    /// 60 s at the latest.
    pub reason: DockReason,
    /// The sessions that go on: each is told by OPENED.
    pub sessions: u32,
    /// Sessions that found no room here. Their lines are kept like RECALLed ones, as far as there is room for that.
    pub left: u32,
    /// What the host stores with the seed, see [`Stored`](crate::erp::agent::Stored): the identity root key, ...
    pub airk: Option<Eid>,
    /// ... the digest of the application ...
    pub digest: Digest,
    /// ... and the number of its evolution.
    pub evolution: u64,
}

impl<P: Provider, const LOG: usize, const FRAMES: usize, const SPENT: usize> LlEntity<'_, P, LOG, FRAMES, SPENT> {
    /// Offers to take the context of `eid` over from `exporter`, at this host's address and `port`: writes the DOCK_OFFER, which the
    /// caller carries there. The offer opens one blob, within 300 s.
    ///
    /// # Errors
    /// The EID has a context here; no slot is free; the buffer is too small. Nothing has changed.
    #[expect(clippy::too_many_arguments, reason = "who offers what to whom, and the two clocks of a host")]
    pub fn offer(
        &mut self,
        (now, unix): (Mono, UnixTime),
        host: &Identity<P>,
        exporter: Eid,
        eid: Eid,
        port: u16,
        rng: &mut impl CryptoRng,
        out: &mut [u8],
    ) -> Result<usize, DockError> {
        if self.agent_of(&eid).is_some() {
            return Err(DockError::NoAgent);
        }
        if exporter == host.eid() || port == 0 || self.settings.address.is_unspecified() {
            return Err(DockError::NotForUs);
        }
        self.expire_offers(now);
        if self.agents.is_full() {
            return Err(DockError::Capacity);
        }
        // A second offer for the same EID takes the place of the first.
        let same = |slot: &OfferSlot| slot.offer.as_ref().is_some_and(|offer| offer.eid() == eid);
        let place = self.offers.iter().position(same);
        let place = place.or_else(|| self.offers.iter().position(|slot| slot.offer.is_none()));
        let slot = place.and_then(|place| self.offers.get_mut(place)).ok_or(DockError::Capacity)?;
        let at = SocketAddr::new(self.settings.address, port);
        cleanly(|| {
            let offer = Offer::new(unix, host, exporter, eid, at, rng, out).map_err(|_| DockError::TooSmall)?;
            *slot = OfferSlot { offer: Some(offer), until: now.after(LASTS) };
            Ok::<(), DockError>(())
        })?;
        self.offers_until = self.offers.iter().filter(|slot| slot.offer.is_some()).map(|slot| slot.until).min();
        Ok(OFFER)
    }

    /// Offers whose time is over are wiped.
    pub(in crate::erp::entity) fn expire_offers(&mut self, now: Mono) {
        if self.offers_until.is_none_or(|until| now < until) {
            return;
        }
        for slot in self.offers.iter_mut().filter(|slot| slot.until <= now) {
            *slot = OfferSlot::EMPTY;
        }
        self.offers_until = self.offers.iter().filter(|slot| slot.offer.is_some()).map(|slot| slot.until).min();
    }

    /// Takes a context over. The blob is opened whole before anything is created, and is wiped; its offer ends, whatever comes of it.
    /// Nothing is sent before the bound of the next generation is on stable storage: [`Persist::Generation`](super::super::Persist)
    /// asks for that, and the host stores the seed with it. `channel` is the agent's local channel, if it has one;
    /// `application` gets what the agent had given along.
    ///
    /// # Errors
    /// No offer of this host is meant, the EID has a context here, or no slot is free: nothing has changed. Any other error ends
    /// the offer, and the blob is gone.
    // keeps: IACP-129 (§5.6), IACP-131 (§5.6)
    pub fn import(
        &mut self,
        (now, unix): (Mono, UnixTime),
        host: &Identity<P>,
        blob: &mut [u8],
        channel: Option<u32>,
        mut application: impl FnMut(&[u8]),
        rng: &mut impl CryptoRng,
    ) -> Result<Docked, DockError> {
        cleanly(|| {
            self.clock = self.clock.max(now);
            self.expire_offers(now);
            let meant = |slot: &OfferSlot| slot.offer.as_ref().is_some_and(|offer| offer.is_named_by(blob));
            let place = self.offers.iter().position(meant).ok_or(DockError::NotForUs)?;
            let slot = self.offers.get_mut(place).ok_or(DockError::NotForUs)?;
            let eid = slot.offer.as_ref().map(Offer::eid).ok_or(DockError::NotForUs)?;
            if self.agent_of(&eid).is_some() {
                return Err(DockError::NoAgent);
            }
            if self.agents.is_full() {
                return Err(DockError::Capacity);
            }
            let slot = self.offers.get_mut(place).ok_or(DockError::NotForUs)?;
            let offer = slot.offer.take().ok_or(DockError::NotForUs)?;
            let imported = offer.open(unix, host, blob)?;
            let context = imported.context::<P>()?;
            let agent = self
                .enter(now, |agent| {
                    agent.take_over(now, &context, rng);
                    agent.channel = channel;
                })
                .map_err(|_| DockError::Capacity)?;
            // It leaves its channel as any other.
            let channel = channel.and_then(|channel| self.channels.get_mut(usize::try_from(channel).ok()?));
            if let Some(channel) = channel {
                channel.contexts = channel.contexts.saturating_add(1);
            }
            let (sessions, left) = self.import_records(now, agent, &imported, rng);
            for record in imported.read() {
                if let Record::Application(bytes) = record {
                    application(bytes);
                }
            }
            if imported.reason() == DockReason::Compromise
                && let Some(agent) = self.agents.at_mut(agent)
            {
                // What is left of the time of a rotation.
                agent.rotated = Some(Mono(now.0.saturating_add(COMPROMISED).saturating_sub(ROTATION)));
            }
            self.correct();
            let slot = self.agents.at(agent).ok_or(DockError::Capacity)?;
            let (airk, digest, evolution) = (slot.airk, slot.digest, slot.evolution);
            let agent = self.credentials(agent).ok_or(DockError::Capacity)?;
            Ok(Docked { agent, reason: imported.reason(), sessions, left, airk, digest, evolution })
        })
    }

    fn import_records(
        &mut self,
        now: Mono,
        agent: u32,
        imported: &Imported<'_>,
        rng: &mut impl CryptoRng,
    ) -> (u32, u32) {
        let (mut sessions, mut left) = (0_u32, 0_u32);
        for record in imported.read() {
            let Record::Session(record) = record else { continue };
            match self.import_session(now, agent, &record, rng) {
                Some(()) => sessions = sessions.saturating_add(1),
                None => {
                    left = left.saturating_add(1);
                    self.keep_line(now, agent, &record);
                }
            }
        }
        self.import_shared(now, agent, imported, rng);
        for record in imported.read() {
            if let Record::TicketKeys(record) = record {
                self.import_tickets(agent, record);
            }
        }
        (sessions, left)
    }

    /// The line of a session that has no place here can still be named.
    fn keep_line(&mut self, now: Mono, agent: u32, record: &SessionRecord<'_>) {
        let (peer, safe) = (record.head.peer, record.head.item_not_safe.get());
        if let Some(line) = record.line()
            && let Some(mut receipts) = self.receipts_of(agent)
        {
            receipts.keep(now, ResumeRecord { peer, line, safe });
        }
    }

    /// Goes on with one session; `None` if there is no room, or if it cannot be one of this context.
    fn import_session(
        &mut self,
        now: Mono,
        agent: u32,
        record: &SessionRecord<'_>,
        rng: &mut impl CryptoRng,
    ) -> Option<()> {
        let (mut moving, beside) = moving(record)?;
        let resume = moving.capabilities.contains(Capabilities::RESUME);
        let waiting = record.waiting().count();
        let context = self.agents.at(agent)?;
        let share = usize::try_from(self.settings.fifo_each.saturating_sub(context.fifo)).unwrap_or(0);
        let room = usize::try_from(self.fifo.capacity().saturating_sub(self.fifo.taken())).unwrap_or(0);
        let own = context.eid();
        if resume != beside.line.is_some() || (resume && self.lines.is_full()) || waiting > share.min(room) {
            return None;
        }
        if self.session_of(moving.cookies, agent).is_some() || !P::has_prime_order(&moving.peer.0) {
            return None;
        }
        if self.agent_of(&moving.peer).is_some() {
            moving.home = INSIDE;
        }
        let handle = self.claim_session(agent).ok()?;
        let slot = handle.slot();
        let ahead = record.taken.iter().filter(|_| !moving.hold).map(|frame| Ahead {
            sequence: frame.sequence.get(),
            chain: frame.chain,
            tag: frame.tag,
        });
        let entry = self.sessions.get_mut(handle)?;
        let begun = entry.session.go_on(now, (own, rng.next_u64()), &moving, record.logged(), ahead);
        if begun.is_none() || !self.attach_peer(slot, &moving.peer) || (resume && !self.claim_line(slot, None)) {
            self.free_session(slot);
            return None;
        }
        if moving.capabilities.contains(Capabilities::ENDPOINTS) {
            self.claim_shared(slot);
        }
        self.fill_session(now, (agent, slot), &moving, &beside, record);
        self.refile(now, slot, rng);
        self.touch(slot);
        Some(())
    }

    /// What an LL-Entity keeps of a session beside the machine.
    fn fill_session(
        &mut self,
        now: Mono,
        (agent, slot): (u32, u32),
        moving: &Moving,
        beside: &Beside,
        record: &SessionRecord<'_>,
    ) {
        let mut contents = 0_u64;
        let mut fin = moving.sent.fin.is_some();
        for waits in record.waiting() {
            let Some(cell) = self.fifo.claim() else { break };
            if let Some(cell) = self.fifo.get_mut(cell) {
                cell.fill(waits.kind, waits.fin, waits.content);
            }
            if let Some(entry) = self.sessions.at_mut(slot) {
                entry.fifo.push(&mut self.fifo, cell.slot());
            }
            if let Some(agent) = self.agents.at_mut(agent) {
                agent.fifo += 1;
            }
            fin |= waits.fin;
            contents = contents.saturating_add(u64::from(waits.kind == crate::pss::ContentKind::Anml && !waits.fin));
        }
        let sealed = beside.next_item.saturating_sub(contents);
        let logged = record.logged().filter(|(_, content)| *content).count();
        let acknowledged = sealed.saturating_sub(u64::try_from(logged).unwrap_or(u64::MAX));
        self.fill_line(slot, beside, sealed);
        let incoming = moving.role == Role::Responder;
        if let Some(agent) = self.agents.at_mut(agent) {
            agent.incoming = agent.incoming.saturating_add(u32::from(incoming));
        }
        let Some(entry) = self.sessions.at_mut(slot) else { return };
        entry.session.close_gate(now);
        (entry.incoming, entry.heard, entry.opened, entry.greeting) = (incoming, moving.heard, true, true);
        (entry.item, entry.acknowledged, entry.delivered) = (beside.next_item, acknowledged, acknowledged);
        (entry.outcome, entry.close) = (LineOutcome::Resumed, beside.close);
        entry.finished = fin || beside.close.is_some() || moving.wish.is_some();
        (entry.imported, entry.asleep) = (Some(now.after(IMPORTED)), true);
        self.deadlines.bring_forward(slot, now.after(IMPORTED));
    }

    fn fill_line(&mut self, slot: u32, beside: &Beside, sealed: u64) {
        let (Some(name), Some(line)) = (beside.line, self.line_mut(slot)) else { return };
        line.items = Items::of(beside.not_safe, &beside.items);
        (line.consumed, line.freed, line.next) = (beside.not_safe, beside.not_safe, sealed);
        let receive_from = line.items.lowest();
        let outcome = LineOutcome::Resumed;
        line.agreement = Maybe::Just(Agreement { outcome, line: name, send_from: sealed, receive_from });
    }
}
