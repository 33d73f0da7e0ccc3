//! Forwarding Tickets of a host's agents: keys are kept, tickets issued, looked for and opened (`IACP §3.5`).

use core::net::SocketAddr;

use iacp_wire::message::DhtTicketResp;
use iacp_wire::{Cookie, Eid, Locator};
use zerocopy::{FromBytes, IntoBytes};

use super::super::event::{HostRequest, Persist};
use super::super::parts::DIRECTORY;
use super::super::{CLAIMS, LlEntity};
use super::share;
use crate::crypto::Provider;
use crate::crypto::stack::cleanly;
use crate::directory::Kind;
use crate::erp::agent::Storing;
use crate::erp::context::State;
use crate::erp::dock::{Exporter, RecordType, TicketKeysOf};
use crate::erp::generation::PORT;
use crate::erp::resume::Line;
use crate::erp::ticket::{Issuer, NotIssued, NotOpened, Opener};
use crate::pss::continuity;
use crate::scope::Scope;
use crate::slots::List;
use crate::time::Mono;

/// How long ticket keys outlive their session, in milliseconds.
const KEPT: u64 = 7 * 24 * 3_600_000;
/// No more ticket keys are kept of one peer: the newest ones.
const OF_A_PEER: usize = 4;

/// The ticket keys of one session, of both directions.
pub struct TicketSlot {
    peer: Eid,
    session: Line,
    issuer: Issuer,
    opener: Opener,
    filed: Mono,
    /// Until when they are kept; `None`: there are none. While their session is there they are kept.
    until: Option<Mono>,
    /// Where the next ticket leads; with port 0 none is wanted.
    leads: (Locator, u16),
    block: Storing,
    seen: Storing,
    /// The host is to look for a ticket of the peer's, or has been asked to.
    wanted: bool,
    asked: bool,
}

impl TicketSlot {
    /// No keys.
    pub const EMPTY: Self = Self {
        peer: Eid::ZERO,
        session: Line([0; 16]),
        issuer: Issuer::NONE,
        opener: Opener::NONE,
        filed: Mono(0),
        until: None,
        leads: (Locator::ZERO, 0),
        block: Storing::Nothing,
        seen: Storing::Nothing,
        wanted: false,
        asked: false,
    };

    fn is_free(&self, now: Mono) -> bool {
        self.until.is_none_or(|until| until <= now)
    }
}

impl<P: Provider, const LOG: usize, const FRAMES: usize, const SPENT: usize> LlEntity<'_, P, LOG, FRAMES, SPENT> {
    fn tickets_of(&mut self, agent: u32) -> Option<&mut [TicketSlot]> {
        let share = share(self.tickets.len(), self.agents.capacity(), agent)?;
        self.tickets.get_mut(share)
    }

    /// An established session hands its ticket keys over, once. In a full table they replace the oldest ones: of the same
    /// peer if it has four, else those of a session that has ended, else any.
    pub(in crate::erp::entity) fn keep_ticket_keys(&mut self, slot: u32) {
        if self.tickets.is_empty() || self.settings.quorum().is_none() {
            return;
        }
        // Asked at each step of a session, and done once.
        if self.sessions.at(slot).is_some_and(|entry| entry.session.is_ready() && entry.session.has_ticket_keys()) {
            cleanly(|| self.take_ticket_keys(slot));
        }
    }

    fn take_ticket_keys(&mut self, slot: u32) {
        let now = self.clock;
        let Some(entry) = self.sessions.at_mut(slot) else { return };
        let (agent, peer, cookies) = (entry.agent, entry.session.peer(), entry.session.cookies());
        let suite = entry.session.capabilities().suite();
        let Some(keys) = entry.session.take_ticket_keys() else { return };
        if self.agent_of(&peer).is_some() {
            // A peer of this host is always found.
            return;
        }
        let Some(slots) = self.tickets_of(agent) else { return };
        let crowded = slots.iter().filter(|slot| !slot.is_free(now) && slot.peer == peer).count() >= OF_A_PEER;
        let rank = |slot: &&mut TicketSlot| {
            if slot.is_free(now) {
                (1, Mono(0))
            } else if slot.peer == peer && crowded {
                (0, slot.filed)
            } else if slot.until < Some(Mono(u64::MAX)) {
                (2, slot.filed)
            } else {
                (3, slot.filed)
            }
        };
        let Some(slot) = slots.iter_mut().min_by_key(rank) else { return };
        *slot = TicketSlot {
            peer,
            session: Line::of_session(cookies.0, cookies.1),
            issuer: Issuer::new(keys.ours, suite),
            opener: Opener::new(keys.theirs, suite),
            filed: now,
            until: Some(Mono(u64::MAX)),
            ..TicketSlot::EMPTY
        };
    }

    /// A session is forgotten: its ticket keys are kept for a while, which ends once. A slot of a session still names the one
    /// before, until another one begins in it.
    pub(in crate::erp::entity) fn age_ticket_keys(&mut self, slot: u32) {
        let Some(entry) = self.sessions.at(slot) else { return };
        let (agent, peer, cookies) = (entry.agent, entry.session.peer(), entry.session.cookies());
        let (until, name) = (self.clock.after(KEPT), Line::of_session(cookies.0, cookies.1));
        let slots = self.tickets_of(agent).unwrap_or_default().iter_mut();
        let lives = |slot: &TicketSlot| slot.until == Some(Mono(u64::MAX));
        for slot in slots.filter(|slot| lives(slot) && slot.session == name && slot.peer == peer) {
            slot.until = Some(until);
        }
    }

    fn session_with_cookies(&self, agent: u32, peer: &Eid, cookies: &[u8; 16]) -> bool {
        let Ok((initiator, rest)) = Cookie::read_from_prefix(cookies) else { return false };
        let Ok(responder) = Cookie::read_from_bytes(rest) else { return false };
        let session = self.session_of((initiator, responder), agent).and_then(|session| self.sessions.at(session));
        session.is_some_and(|entry| entry.session.peer() == *peer)
    }

    /// How many sets of ticket keys move with a context.
    pub(in crate::erp::entity) fn ticket_count(&self, agent: u32) -> u32 {
        let now = self.clock;
        let range = share(self.tickets.len(), self.agents.capacity(), agent);
        let slots = range.and_then(|range| self.tickets.get(range)).unwrap_or_default();
        u32::try_from(slots.iter().filter(|slot| !slot.is_free(now)).count()).unwrap_or(0)
    }

    /// Seals the ticket keys of a context, and wipes them. Returns how many bytes of the blob they are.
    pub(in crate::erp::entity) fn seal_tickets(
        &mut self,
        agent: u32,
        exporter: &mut Exporter<P>,
        out: &mut [u8],
    ) -> usize {
        let (now, mut length) = (self.clock, 0_usize);
        for slot in self.tickets_of(agent).unwrap_or_default().iter_mut().filter(|slot| !slot.is_free(now)) {
            let room = out.get_mut(length..).unwrap_or_default();
            let sealed = exporter.seal_with(RecordType::TicketKeys, TicketKeysOf::LEN, room, |text| {
                let record = TicketKeysOf::mut_from_bytes(text).ok()?;
                (record.peer, record.session, record.reserved) = (slot.peer, slot.session.0, [0; 3]);
                slot.issuer.export(record);
                slot.opener.export(record);
                Some(())
            });
            length = length.saturating_add(sealed.unwrap_or(0));
            *slot = TicketSlot::EMPTY;
        }
        length
    }

    /// Takes over the ticket keys of a context that another host has handed over; without a free place they are left.
    pub(in crate::erp::entity) fn import_tickets(&mut self, agent: u32, record: &TicketKeysOf) {
        let (now, clock) = (self.clock, self.clock);
        let live = self.session_with_cookies(agent, &record.peer, &record.session);
        let until = Some(if live { Mono(u64::MAX) } else { clock.after(KEPT) });
        let slots = self.tickets_of(agent).unwrap_or_default();
        let Some(slot) = slots.iter_mut().find(|slot| slot.is_free(now)) else { return };
        *slot = TicketSlot {
            peer: record.peer,
            session: Line(record.session),
            issuer: Issuer::import(record),
            opener: Opener::import(record),
            filed: now,
            until,
            ..TicketSlot::EMPTY
        };
    }

    /// The ticket keys of a context end with it, and so does a record that its host has not taken.
    pub(in crate::erp::entity) fn clear_tickets(&mut self, agent: u32) {
        self.tickets_of(agent).unwrap_or_default().iter_mut().for_each(|slot| *slot = TicketSlot::EMPTY);
        self.clear_deposit(agent);
    }

    /// An agent's host goes offline and will be at `at`: each peer that a session was with since the last seven days finds a
    /// ticket that leads there. Before the host goes it writes what [`HostRequest::Deposit`] asks for. Returns how many
    /// tickets that will be.
    pub fn will_be_at(&mut self, now: Mono, eid: &Eid, at: SocketAddr) -> usize {
        self.clock = self.clock.max(now);
        self.agent_of(eid).map_or(0, |agent| self.lead(agent, at, |_| true))
    }

    /// After a move: peers that are DISCONNECTED find a ticket.
    // keeps: IACP-010 (§3.5)
    pub(in crate::erp::entity) fn lead_the_lost(&mut self, agent: u32) {
        if self.tickets.is_empty()
            || self.agents.at(agent).and_then(|agent| agent.binding).is_none_or(|binding| binding.generation == 0)
        {
            return;
        }
        let mut next = self.first_session(agent);
        while let Some(session) = next {
            let Some(entry) = self.sessions.at(session) else { break };
            next = entry.next.checked_sub(1);
            if entry.session.continuity() == Some(continuity::State::Disconnected) {
                self.lead_here(session);
            }
        }
    }

    /// The peer of this session finds a ticket that leads to where the host is now.
    pub(in crate::erp::entity) fn lead_here(&mut self, session: u32) {
        let at = SocketAddr::new(self.settings.address, PORT);
        let Some(entry) = self.sessions.at(session) else { return };
        let (agent, peer, cookies) = (entry.agent, entry.session.peer(), entry.session.cookies());
        let name = Line::of_session(cookies.0, cookies.1);
        self.lead(agent, at, |slot| slot.session == name && slot.peer == peer);
    }

    fn lead(&mut self, agent: u32, at: SocketAddr, wanted: impl Fn(&TicketSlot) -> bool) -> usize {
        let (now, mut tickets) = (self.clock, 0_usize);
        let slots = self.tickets_of(agent).unwrap_or_default().iter_mut();
        for slot in slots.filter(|slot| !slot.is_free(now) && wanted(slot)) {
            slot.leads = (at.ip().into(), at.port());
            tickets = tickets.saturating_add(1);
        }
        self.agents_ask.push(&mut self.agents, agent);
        tickets
    }

    /// Nothing says where a peer is: its tickets are looked for.
    pub(in crate::erp::entity) fn look_for_tickets(&mut self, agent: u32, peer: &Eid) {
        if !DIRECTORY {
            return;
        }
        let now = self.clock;
        let mut any = false;
        let slots = self.tickets_of(agent).unwrap_or_default().iter_mut();
        for slot in slots.filter(|slot| !slot.is_free(now) && slot.peer == *peer) {
            (slot.wanted, any) = (true, true);
        }
        if any {
            self.agents_ask.push(&mut self.agents, agent);
        }
    }

    /// What the host is asked about an agent's records.
    pub(in crate::erp::entity) fn ask_for_records(&mut self, agent: u32) -> Option<HostRequest> {
        if let Some(request) = self.ask_to_deposit(agent) {
            return Some(request);
        }
        let (eid, bound) = (self.agents.at(agent)?.eid(), self.state(agent) == State::Bound);
        for place in share(self.tickets.len(), self.agents.capacity(), agent)? {
            let slot = self.tickets.get_mut(place)?;
            if slot.until.is_none() {
                continue;
            }
            if core::mem::take(&mut slot.wanted) {
                slot.asked = true;
                return Some(HostRequest::Tickets { owner: slot.peer, requestor: eid, iv: slot.opener.iv() });
            }
            if slot.seen == Storing::Wanted {
                slot.seen = Storing::Asked;
                let what = Persist::TicketSeen { peer: slot.peer, session: slot.session, bound: slot.opener.seen() };
                return Some(HostRequest::Persist { eid, what });
            }
            if bound
                && slot.leads.1 != 0
                && let Some(request) = self.issue_ticket(agent, &eid, place)
            {
                return Some(request);
            }
        }
        None
    }

    /// The ticket that is wanted, or what has to be stored before it.
    fn issue_ticket(&mut self, agent: u32, eid: &Eid, place: usize) -> Option<HostRequest> {
        let iv = self.tickets.get(place)?.issuer.iv();
        let range = share(self.tickets.len(), self.agents.capacity(), agent)?;
        let same = self.tickets.get(range)?.iter().filter(|slot| slot.until.is_some() && slot.issuer.iv() == iv);
        // The directory wants rising counters under an iv, and no nonce comes twice.
        let next = same.map(|slot| slot.issuer.next()).max()?;
        let slot = self.tickets.get_mut(place)?;
        slot.issuer.skip(next);
        if slot.block == Storing::Asked {
            return None;
        }
        if let Some(bound) = slot.issuer.wanted() {
            slot.block = Storing::Asked;
            let what = Persist::TicketBlock { peer: slot.peer, session: slot.session, bound };
            return Some(HostRequest::Persist { eid: *eid, what });
        }
        let at = SocketAddr::new(slot.leads.0.into(), slot.leads.1);
        self.free_deposit(agent)?;
        let (slot, context) = (self.tickets.get_mut(place)?, self.agents.at(agent)?);
        let issued = slot.issuer.issue(context.identity.as_ref()?, at);
        if !matches!(issued, Err(NotIssued::NotPersisted { .. })) {
            slot.leads = (Locator::ZERO, 0);
        }
        self.free_deposit(agent)?.fill(Kind::Ticket, issued.ok()?.as_bytes());
        self.ask_to_deposit(agent)
    }

    /// A bound of a ticket key is on stable storage.
    pub(in crate::erp::entity) fn ticket_stored(&mut self, agent: u32, what: Persist) {
        let slots = self.tickets_of(agent).unwrap_or_default();
        match what {
            Persist::TicketBlock { peer, session, bound } => {
                let its = |slot: &&mut TicketSlot| slot.peer == peer && slot.session == session;
                if let Some(slot) = slots.iter_mut().find(its).filter(|slot| slot.block == Storing::Asked) {
                    slot.block = Storing::Nothing;
                    slot.issuer.persisted(bound);
                }
            }
            Persist::TicketSeen { peer, session, bound } => {
                let its = |slot: &&mut TicketSlot| slot.peer == peer && slot.session == session;
                if let Some(slot) = slots.iter_mut().find(its).filter(|slot| slot.seen == Storing::Asked) {
                    slot.seen = if slot.opener.seen() == bound { Storing::Nothing } else { Storing::Wanted };
                }
            }
            Persist::Generation(_) | Persist::Evolution(..) | Persist::Exported(_) | Persist::Kept(_) => return,
        }
        self.agents_ask.push(&mut self.agents, agent);
    }

    /// What a node has answered to [`HostRequest::Tickets`]: where `owner` says that it is. Sessions look for it there, and
    /// data follows only what is proven. Each node's answer may be given. Returns where the ticket leads.
    ///
    /// # Errors
    /// The ticket changes nothing. [`NotOpened::None`] also where nothing has asked for it.
    pub fn answer_ticket(
        &mut self,
        now: Mono,
        requestor: &Eid,
        owner: &Eid,
        answer: &DhtTicketResp,
    ) -> Result<SocketAddr, NotOpened> {
        self.clock = self.clock.max(now);
        let agent = self.agent_of(requestor).ok_or(NotOpened::None)?;
        let mut opened = Err(NotOpened::None);
        let slots = self.tickets_of(agent).unwrap_or_default().iter_mut();
        for slot in slots.filter(|slot| slot.asked && slot.peer == *owner && !slot.is_free(now)) {
            match slot.opener.open::<P>(owner, answer) {
                // Another session may have the same iv by chance.
                Err(NotOpened::OtherKey) if opened.is_err() => opened = Err(NotOpened::OtherKey),
                Ok(at) => {
                    slot.seen = Storing::Wanted;
                    opened = Ok(at);
                    break;
                }
                other => opened = other,
            }
        }
        let at = opened?;
        self.agents_ask.push(&mut self.agents, agent);
        let unread = self.peer_of(owner).and_then(|peer| self.peers.at(peer)).is_some_and(|peer| peer.asking);
        // Like a binding it opens no inner network: it leads into none that is narrower than where its owner was, or, where an OPEN
        // waits, than where this host is.
        if Scope::of(at.ip()) >= Scope::of(self.settings.address) {
            self.lead_waiting(now, agent, owner, at);
        }
        // As by a binding not all sessions ask there: first those that need it.
        let mut claims = 0;
        for lost in [true, false] {
            let mut next = self.first_with(owner);
            while let Some(session) = next {
                let Some(entry) = self.sessions.at_mut(session) else { break };
                next = entry.peer_next.checked_sub(1);
                let is_lost = entry.session.continuity() == Some(continuity::State::Disconnected);
                let home = entry.session.locator();
                let opens = Scope::of(at.ip()) >= Scope::of(home.ip());
                if entry.agent != agent || entry.want.is_some() || is_lost != lost || home == at || !opens {
                    continue;
                }
                // An attempt follows it only while no read of the binding is answered: which of the two is newer, nothing says.
                if unread && entry.session.redirect(at) {
                    self.touch(session);
                } else if claims < CLAIMS && entry.session.claim(now, at) {
                    claims += 1;
                    self.touch(session);
                }
            }
        }
        self.correct();
        Ok(at)
    }

    /// OPENs of this agent's that wait to know where a peer is try this place.
    fn lead_waiting(&mut self, now: Mono, agent: u32, owner: &Eid, at: SocketAddr) {
        let Some(peer) = self.peer_of(owner) else { return };
        let Some(waiting) = self.peers.at_mut(peer).map(|peer| core::mem::replace(&mut peer.waiting, List::EMPTY))
        else {
            return;
        };
        let (mut waiting, mut still) = (waiting, List::EMPTY);
        while let Some(session) = waiting.pop(&mut self.sessions) {
            still.push(&mut self.sessions, session);
            let Some(entry) = self.sessions.at_mut(session).filter(|entry| entry.agent == agent) else { continue };
            let Some(want) = entry.want.as_mut().filter(|want| want.at.is_none()) else { continue };
            want.at = Some(at);
            entry.wake = true;
            self.deadlines.bring_forward(session, now);
        }
        if let Some(peer) = self.peers.at_mut(peer) {
            peer.waiting = still;
        }
    }
}
