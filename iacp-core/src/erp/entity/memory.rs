//! What an LL-Entity's memory consists of; all of it is the caller's.

use core::net::SocketAddr;

use iacp_wire::{Cookie, Eid};
use zeroize::Zeroize;

use super::throttle::{Signed, Throttle};
use crate::crypto::Provider;
use crate::erp::agent::AgentSlot;
use crate::erp::backoff::Resolution;
use crate::erp::binding::Binding;
use crate::erp::local::{ClosureCode, LocalStatus};
use crate::erp::resume::LineOutcome;
use crate::erp::switch_point::{FifoCell, OutboxCell};
use crate::pss::{Admission, Capabilities, Session};
use crate::slots::{Handle, HeapCell, Links, List, Maybe, Reset, Slot};
use crate::time::{Backoff, Mono, soonest};

/// The caller's memory. N slots serve N things; a table without slots refuses with CAPACITY.
/// Empty slots are all zeros, so static ones take no place among the initial values that a device keeps in its flash.
pub struct Memory<'m, P: Provider, const LOG: usize, const FRAMES: usize> {
    /// One for each agent.
    pub agents: &'m mut [Slot<AgentSlot<P>>],
    /// One for each session of all agents.
    pub sessions: &'m mut [Slot<SessionSlot<P, LOG, FRAMES>>],
    /// One for each EID that an agent has a session with, or is about to.
    pub peers: &'m mut [Slot<PeerSlot>],
    /// One for each item that waits to be sealed.
    pub fifo: &'m mut [Slot<FifoCell>],
    /// One for each leaving that is under way: as many as agents, for all may leave at once.
    pub outbox: &'m mut [Slot<OutboxCell>],
    /// A power of two, at least twice as many as agents.
    pub agent_index: &'m mut [u32],
    /// A power of two, at least twice as many as sessions.
    pub session_index: &'m mut [u32],
    /// A power of two, at least twice as many as peers.
    pub peer_index: &'m mut [u32],
    /// One for each session, each agent and each cell of the outbox.
    pub heap: &'m mut [HeapCell],
    /// One for each local channel; a channel's number is its place.
    pub channels: &'m mut [Channel],
}

/// What is kept of a local channel.
#[derive(Clone, Copy, Debug, Default)]
pub struct Channel {
    /// Whose it is; 0: of an account of its own.
    pub(super) account: u32,
    pub(super) contexts: u8,
    /// ERP_INITs within the second that began then.
    pub(super) inits: (Mono, u8),
    /// Wrong tokens within the minute that began then.
    pub(super) wrong: (Mono, u8),
    /// Until then its frames are dropped.
    pub(super) shut: Option<Mono>,
}

impl Channel {
    /// Nothing has come by it yet.
    pub const NEW: Self = Self { account: 0, contexts: 0, inits: (Mono(0), 0), wrong: (Mono(0), 0), shut: None };
}

/// What an agent has asked for and cannot be begun yet.
#[derive(Clone, Copy)]
pub(super) struct Want {
    pub(super) peer: Eid,
    pub(super) at: Option<SocketAddr>,
    pub(super) offer: Capabilities,
    /// What PSS_INIT shows of the search that has found the peer.
    pub(super) proof: Option<[u8; 16]>,
    /// When it is tried again.
    pub(super) retry: Mono,
    /// STATE_ANML_DEGRADED of this destination.
    pub(super) resolution: Resolution,
}

/// What remains of a session whose context has ended.
#[derive(Clone, Copy)]
pub(super) struct Goodbye {
    /// The address for a copy of the leaving, until it is sent.
    pub(super) to: Option<SocketAddr>,
    /// The cell of the outbox that has the leaving, and knows whose it is.
    pub(super) cell: Handle,
    /// How the session has ended, until the agent was told: closure, whether it was cut short, and the reason.
    pub(super) ended: Option<(ClosureCode, bool, u16)>,
}

/// One session of one agent.
pub struct SessionSlot<P: Provider, const LOG: usize, const FRAMES: usize> {
    pub(super) session: Session<P, LOG, FRAMES>,
    /// The agent's slot.
    pub(super) agent: u32,
    /// The agent's next and previous session, + 1.
    pub(super) next: u32,
    pub(super) previous: u32,
    /// The peer's slot, and the peer's next and previous session; all + 1.
    pub(super) peer: u32,
    pub(super) peer_next: u32,
    pub(super) peer_previous: u32,
    /// Under which cookies it is filed.
    pub(super) filed: Option<(Cookie, Cookie)>,
    /// `Local_Session_Key`, since it is filed under both cookies.
    pub(super) key: [u8; 32],
    pub(super) want: Maybe<Want>,
    /// Among the sessions of which peer it waits to be woken, + 1.
    pub(super) waits: u32,
    /// Why the session that was wanted does not come about.
    pub(super) refused: Maybe<LocalStatus>,
    /// The agent is to be told that the destination cannot be resolved.
    pub(super) degraded: bool,
    /// The agent's number of its OPEN.
    pub(super) request: u32,
    /// The peer opened it.
    pub(super) incoming: bool,
    pub(super) heard: bool,
    /// The directory's verdict about the peer is to throttle it.
    pub(super) throttle: Maybe<Throttle>,
    /// Its signed frames that may still be looked at.
    pub(super) signed: Signed,
    /// What waits to be sealed.
    pub(super) fifo: List<0>,
    /// All items below are with the peer; and how many frames of content were acknowledged when that was counted.
    pub(super) acknowledged: u64,
    pub(super) counted: u32,
    /// Its place among the lines, + 1, and what became of the line that was asked for.
    pub(super) line: u32,
    /// Its place among what sessions carry of endpoints, + 1, and when a right or a key in there ends.
    pub(super) shared: u32,
    /// Its place among the sessions that go by three paths, + 1.
    pub(super) paths: u32,
    pub(super) shared_due: Option<Mono>,
    /// A link leads there: the newest authentic frame from there came by it.
    pub(super) link: Maybe<SocketAddr>,
    pub(super) outcome: LineOutcome,
    /// OPENED is to be told.
    pub(super) greeting: bool,
    /// The next item that the agent may send.
    pub(super) item: u64,
    /// All below were told to be delivered.
    pub(super) delivered: u64,
    pub(super) finished: bool,
    pub(super) close: Option<u16>,
    /// The agent was told FULL; and its place among those of its agent's sessions that were, because the agent's share of the FIFO
    /// was used up.
    pub(super) room: bool,
    pub(super) rooms: Links,
    pub(super) opened: bool,
    /// It may begin, or go on, now: that needs randomness.
    pub(super) wake: bool,
    /// The peer is told where we are, until it answers there; and how long at most.
    pub(super) vector: Option<(Backoff, Mono)>,
    /// Since it is DISCONNECTED its peer is looked for.
    pub(super) seek: Resolution,
    /// A derivative for a sandbox belongs to it.
    pub(super) derived: bool,
    /// Its place among the sessions that negotiate, + 1.
    pub(super) bargain: u32,
    /// It ended in SESSION_COMPROMISED, and the host is to be told.
    pub(super) compromised: bool,
    pub(super) tell_compromised: bool,
    /// Another host has handed it over: until then it has to get new keys, or, where its end was ordered because it has got none, to
    /// have ended; and how often that was tried.
    pub(super) imported: Option<Mono>,
    pub(super) unkeyed: bool,
    pub(super) renewals: u8,
    /// Its new handshake is to begin now.
    pub(super) renew: bool,
    /// Its context was handed over, and shows itself nowhere yet.
    pub(super) asleep: bool,
    /// It gives new keys to a session that was handed over, and its line is not known yet.
    pub(super) renews: bool,
    /// The context is gone.
    pub(super) goodbye: Maybe<Goodbye>,
}

impl<P: Provider, const LOG: usize, const FRAMES: usize> SessionSlot<P, LOG, FRAMES> {
    /// No session.
    pub const EMPTY: Self = Self {
        session: Session::IDLE,
        agent: 0,
        next: 0,
        previous: 0,
        peer: 0,
        peer_next: 0,
        peer_previous: 0,
        filed: None,
        key: [0; 32],
        want: Maybe::Nothing,
        waits: 0,
        refused: Maybe::Nothing,
        degraded: false,
        request: 0,
        incoming: false,
        heard: false,
        throttle: Maybe::Nothing,
        signed: Signed::WHOLE,
        fifo: List::EMPTY,
        acknowledged: 0,
        counted: 0,
        line: 0,
        shared: 0,
        paths: 0,
        shared_due: None,
        link: Maybe::Nothing,
        outcome: LineOutcome::New,
        greeting: false,
        item: 0,
        delivered: 0,
        finished: false,
        close: None,
        room: false,
        rooms: Links::NONE,
        opened: false,
        wake: false,
        vector: None,
        seek: Resolution::NOMINAL,
        derived: false,
        bargain: 0,
        compromised: false,
        tell_compromised: false,
        goodbye: Maybe::Nothing,
        imported: None,
        unkeyed: false,
        renewals: 0,
        renew: false,
        asleep: false,
        renews: false,
    };

    /// Everything but the session, which is as large as all the rest together many times over.
    pub(super) fn clear(&mut self) {
        self.key.zeroize();
        (self.agent, self.next, self.previous) = (0, 0, 0);
        (self.peer, self.peer_next, self.peer_previous) = (0, 0, 0);
        (self.filed, self.want, self.refused) = (None, Maybe::Nothing, Maybe::Nothing);
        (self.request, self.waits) = (0, 0);
        (self.incoming, self.heard, self.throttle) = (false, false, Maybe::Nothing);
        self.signed = Signed::WHOLE;
        (self.fifo, self.acknowledged, self.counted) = (List::EMPTY, 0, 0);
        (self.item, self.delivered) = (0, 0);
        (self.line, self.outcome, self.greeting) = (0, LineOutcome::New, false);
        (self.shared, self.shared_due, self.link, self.paths) = (0, None, Maybe::Nothing, 0);
        (self.finished, self.close, self.room, self.opened) = (false, None, false, false);
        (self.degraded, self.wake, self.vector, self.goodbye) = (false, false, None, Maybe::Nothing);
        (self.seek, self.derived) = (Resolution::NOMINAL, false);
        (self.bargain, self.compromised, self.tell_compromised) = (0, false, false);
        (self.imported, self.renewals, self.renew, self.renews) = (None, 0, false, false);
        (self.asleep, self.rooms, self.unkeyed) = (false, Links::NONE, false);
    }

    /// See [`Throttle`].
    pub(super) fn may_seal(&mut self, now: Mono) -> bool {
        self.throttle.as_mut().is_none_or(|throttle| throttle.may_seal(now))
    }

    /// See [`Throttle`].
    pub(super) fn has_sealed(&mut self, now: Mono) {
        if let Some(throttle) = self.throttle.as_mut() {
            throttle.has_sealed(now);
        }
    }

    /// See [`Throttle`].
    pub(super) fn may_take(&self, now: Mono) -> bool {
        self.throttle.as_ref().is_none_or(|throttle| throttle.may_take(now))
    }

    /// See [`Throttle`].
    pub(super) fn has_taken(&mut self, now: Mono) {
        if let Some(throttle) = self.throttle.as_mut() {
            throttle.has_taken(now);
        }
    }

    /// The first item that the peer has not acknowledged.
    pub(super) fn count_acknowledged(&mut self) -> u64 {
        let contents = self.session.contents_acknowledged();
        let more = contents.wrapping_sub(core::mem::replace(&mut self.counted, contents));
        self.acknowledged = self.acknowledged.saturating_add(u64::from(more));
        self.acknowledged
    }

    /// When something is due.
    pub(super) fn due(&self) -> Option<Mono> {
        if self.asleep {
            return None;
        }
        if let Some(goodbye) = self.goodbye.as_ref() {
            return goodbye.to.map(|_| Mono(0));
        }
        if self.wake || self.renew {
            return Some(Mono(0));
        }
        let session = match self.want.as_ref() {
            Some(want) => Some(want.retry),
            None => self.session.next_deadline().map(|(at, _)| at),
        };
        let vector = self.vector.map(|(repeat, _)| repeat.due());
        let waits = self.throttle.as_ref().and_then(|throttle| throttle.waits);
        let keys = self.imported.filter(|_| self.session.closure().is_none());
        soonest(&[session, vector, self.shared_due, waits, self.seek.next_attempt(), keys])
    }
}

impl<P: Provider, const LOG: usize, const FRAMES: usize> Reset for SessionSlot<P, LOG, FRAMES> {
    fn reset(&mut self) {
        self.session.wipe();
        self.clear();
    }
}

/// What is known of an EID that an agent has a session with, or is about to. Entries are made by our own questions only.
pub struct PeerSlot {
    pub(super) eid: Eid,
    /// Its standing, and until when that is believed.
    pub(super) standing: Maybe<(Admission, Mono)>,
    /// Its newest verified binding.
    pub(super) binding: Option<Binding>,
    /// What STANDING tells of it.
    pub(super) flags: u16,
    pub(super) reputation: u16,
    /// The first agent whose STANDING waits for the answer, + 1.
    pub(super) askers: u32,
    /// When the host was asked last, and whether it has yet to answer.
    pub(super) asked: Option<Mono>,
    pub(super) asking: bool,
    /// The first of the sessions with it, + 1.
    pub(super) sessions: u32,
    /// A binding or an authentic header of a higher generation asks for a read, at most every 10 s.
    pub(super) nudged: Option<Mono>,
    /// Two of its bindings contradict each other, and the host was told.
    pub(super) proven: bool,
    /// Until then it opens no session here.
    pub(super) shunned: Option<Mono>,
    /// A verified accusation stands against it.
    pub(super) challenged: bool,
    /// Sessions that wait for the directory's answer about it: such an entry is not dropped.
    pub(super) waiting: List<2>,
}

impl PeerSlot {
    /// Nothing is known.
    pub const EMPTY: Self = Self {
        eid: Eid::ZERO,
        standing: Maybe::Nothing,
        binding: None,
        flags: 0,
        reputation: 0,
        askers: 0,
        asked: None,
        asking: false,
        sessions: 0,
        nudged: None,
        proven: false,
        shunned: None,
        challenged: false,
        waiting: List::EMPTY,
    };
}

impl Reset for PeerSlot {
    fn reset(&mut self) {
        *self = Self::EMPTY;
    }
}

#[cfg(test)]
mod tests;
