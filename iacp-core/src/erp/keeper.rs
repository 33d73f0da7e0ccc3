//! The keeper of a host (`IACP §3.6`): what its LL-Entity tells about peers becomes entries of a signed log, and the log answers
//! what the LL-Entity asks before a session stands.
//!
//! ```text
//! LlEntity -- HostEvent --> Keeper -- entries --> the caller's storage
//!    ^                        |
//!    +-- answer_peer ---------+  admission
//! ```

use iacp_wire::Eid;

use super::context::State;
use super::entity::HostEvent;
use super::local::{AgentEvent, ClosureCode, Continuity};
use crate::crypto::Provider;
use crate::governance::journal::{Broken, Entry, EntryKind, Journal, NO_EVIDENCE};
use crate::governance::reputation::{Account, Proven, Reputation, Treatment};
use crate::pss::Admission;
use crate::slots::{Handle, IndexKey};
use crate::time::{Mono, UnixTime};

/// A session under a contract is looked at this often, in milliseconds.
pub const LOOK: u64 = 15_000;
/// How many looks (of 15 s each) make one log entry.
const LOOKS: u32 = 20;

/// A session that is watched.
#[derive(Clone, Copy, Debug)]
pub struct Watched {
    agent: Eid,
    session: Handle,
    /// None until OPENED: with RESUME the contract may stand before.
    peer: Option<Eid>,
    /// When it is looked at, once it has a contract.
    look: Option<Mono>,
    /// DISCONNECTED or RECONCILING.
    is_lost: bool,
    /// The peer has contradicted itself in it.
    is_broken: bool,
    due: u32,
    met: u32,
}

/// Reputation as a host keeps it, over the caller's memory: one place for each session of the LL-Entity suffices. A session
/// without a place is not counted, but for its violations.
///
/// Everything that gives an entry takes a function that stores it. What is written there gives the scores again: [`Self::resume`].
///
/// ```
/// use iacp_core::erp::entity::HostEvent;
/// use iacp_core::erp::keeper::{Keeper, Watched};
/// use iacp_core::governance::reputation::{Account, NEWCOMER, Proven};
/// use iacp_core::pss::Admission;
/// # use iacp_core::crypto::ChaChaOnly;
/// # use iacp_core::slots::IndexKey;
/// # use iacp_core::time::{Mono, UnixTime};
/// # use iacp_wire::Eid;
/// # let (now, unix) = (Mono(0), UnixTime(1_790_000_000_000));
/// # let (me, agent, peer) = (Eid([1; 32]), Eid([2; 32]), Eid([3; 32]));
///
/// let (mut accounts, mut watched) = ([Account::FREE; 64], [None::<Watched>; 8]);
/// let mut keeper = Keeper::new::<ChaChaOnly>(&mut accounts, &mut watched, IndexKey::new([7; 16]), me);
/// let mut log = Vec::new(); // a file, in real life
/// let mut store = |entry| log.push(entry);
/// let before = keeper.standing::<ChaChaOnly>(unix, &peer, Proven::Nothing, &mut store);
/// assert_eq!(before, (Admission::Admit, NEWCOMER));
///
/// let event = HostEvent::Compromised { eid: agent, peer }; // out of LlEntity::poll_event
/// keeper.saw::<ChaChaOnly>(now, unix, &event, &mut store);
/// assert!(keeper.standing::<ChaChaOnly>(unix, &peer, Proven::Nothing, &mut store).1 < NEWCOMER);
/// assert_eq!(log.len(), 1);
/// ```
pub struct Keeper<'m> {
    reputation: Reputation<'m>,
    watched: &'m mut [Option<Watched>],
}

/// What a treatment is for an LL-Entity. It takes no work with a PSS_INIT, so a peer that has to work more is throttled instead: one of
/// the three degradations applies (`IACP §3.6.2`).
// keeps: IACP-021 (§3.6.2)
#[must_use]
pub const fn admission(treatment: Treatment) -> Admission {
    match treatment {
        Treatment::Admit => Admission::Admit,
        Treatment::DemandWork { .. } | Treatment::Throttle => Admission::Throttle,
        Treatment::Drop => Admission::Drop,
    }
}

impl<'m> Keeper<'m> {
    /// A keeper that has seen nothing. `keeper` is the key that signs the log.
    #[must_use]
    pub fn new<P: Provider>(
        accounts: &'m mut [Account],
        watched: &'m mut [Option<Watched>],
        key: IndexKey,
        keeper: Eid,
    ) -> Self {
        watched.fill(None);
        Self { reputation: Reputation::new::<P>(accounts, key, keeper), watched }
    }

    /// The end of the log.
    #[must_use]
    pub const fn journal(&self) -> &Journal {
        self.reputation.journal()
    }

    /// Goes on after a restart with the log as it was stored, entry by entry.
    ///
    /// # Errors
    /// Another entry is due; then nothing changes.
    pub fn resume<P: Provider>(&mut self, entry: &Entry) -> Result<(), Broken> {
        self.reputation.resume::<P>(entry)
    }

    fn place(&mut self, (agent, session): (Eid, Handle)) -> Option<&mut Watched> {
        let is_it = |place: &Option<Watched>| place.is_some_and(|watched| watched.session == session);
        let at = self.watched.iter().position(is_it).or_else(|| self.watched.iter().position(Option::is_none))?;
        let new = Watched { agent, session, peer: None, look: None, is_lost: false, is_broken: false, due: 0, met: 0 };
        Some(self.watched.get_mut(at)?.get_or_insert(new))
    }

    /// Counts what an event says of a peer.
    // keeps: IACP-017 (§3.6.1), IACP-018 (§3.6.1)
    pub fn saw<P: Provider>(
        &mut self,
        now: Mono,
        unix: UnixTime,
        event: &HostEvent<'_>,
        store: &mut impl FnMut(Entry),
    ) {
        let (peer, kind) = match event {
            // The handshake ended in a sealed frame of the peer's: that is good, once the session ends without a contradiction.
            HostEvent::Agent { eid, session: Some(session), event: AgentEvent::Opened(opened), .. } => {
                if let Some(watched) = self.place((*eid, *session)) {
                    watched.peer = Some(opened.peer);
                }
                return;
            }
            HostEvent::Agent { eid, session: Some(session), event, .. } => {
                return self.follow::<P>(now, unix, (*eid, *session), event, store);
            }
            // The context is gone, and its sessions with it.
            HostEvent::Agent { eid, event: AgentEvent::State { state: State::Unbound, .. }, .. } => {
                return self.end::<P>(unix, |watched| watched.agent == *eid, store);
            }
            HostEvent::Compromised { peer, .. } => (*peer, EntryKind::Bad),
            HostEvent::Proof { offender, .. } => (*offender, EntryKind::Accusation),
            _ => return,
        };
        store(self.reputation.observe::<P>(unix, &peer, kind, 1, &NO_EVIDENCE));
    }

    /// Follows whether a peer is there, for as long as its session has a contract.
    fn follow<P: Provider>(
        &mut self,
        now: Mono,
        unix: UnixTime,
        session: (Eid, Handle),
        event: &AgentEvent<'_>,
        store: &mut impl FnMut(Entry),
    ) {
        match event {
            AgentEvent::Contract(_) => {
                if let Some(watched) = self.place(session) {
                    watched.look = Some(now.after(LOOK));
                }
            }
            AgentEvent::Continuity(continuity) => {
                if let Some(watched) = self.place(session) {
                    watched.is_lost = !matches!(continuity, Continuity::GoesOn);
                }
            }
            AgentEvent::Closed { closure, .. } => {
                if matches!(closure, ClosureCode::Compromised | ClosureCode::Contradiction)
                    && let Some(watched) = self.place(session)
                {
                    watched.is_broken = true;
                }
                self.end::<P>(unix, |watched| watched.session == session.1, store);
            }
            _ => {}
        }
    }

    /// Observations of ended sessions are counted.
    fn end<P: Provider>(&mut self, unix: UnixTime, is_over: impl Fn(&Watched) -> bool, store: &mut impl FnMut(Entry)) {
        for at in 0..self.watched.len() {
            let place = self.watched.get_mut(at);
            let over = place.and_then(|place| place.take_if(|watched| is_over(watched)));
            let Some(watched) = over else { continue };
            self.count::<P>(unix, &watched, store);
            if let Some(peer) = watched.peer.filter(|_| !watched.is_broken)
                && self.reputation.counts_good(unix, &peer)
            {
                store(self.reputation.observe::<P>(unix, &peer, EntryKind::Good, 1, &NO_EVIDENCE));
            }
        }
    }

    /// When a session is to be looked at.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Mono> {
        self.watched.iter().flatten().filter_map(|watched| watched.look).min()
    }

    /// Looks at the sessions under a contract: a peer is there unless the session is lost. A host that slept meanwhile looks once,
    /// for it has seen nothing of the time between.
    // keeps: IACP-019 (§3.6.1)
    pub fn handle_deadline<P: Provider>(&mut self, now: Mono, unix: UnixTime, store: &mut impl FnMut(Entry)) {
        for at in 0..self.watched.len() {
            let Some(Some(watched)) = self.watched.get_mut(at) else { continue };
            if watched.look.is_none_or(|look| now < look) {
                continue;
            }
            watched.look = Some(now.after(LOOK));
            watched.due = watched.due.saturating_add(1);
            watched.met = watched.met.saturating_add(u32::from(!watched.is_lost));
            if watched.due >= LOOKS {
                let seen = *watched;
                (watched.due, watched.met) = (0, 0);
                self.count::<P>(unix, &seen, store);
            }
        }
    }

    fn count<P: Provider>(&mut self, unix: UnixTime, watched: &Watched, store: &mut impl FnMut(Entry)) {
        let Some(peer) = watched.peer else { return };
        for (kind, amount) in [(EntryKind::Due, watched.due), (EntryKind::Met, watched.met)] {
            if amount > 0 {
                store(self.reputation.observe::<P>(unix, &peer, kind, amount, &NO_EVIDENCE));
            }
        }
    }

    /// What the LL-Entity is told of a peer: its standing, and R. `proven` is what the records of the directory prove.
    // keeps: IACP-020 (§3.6.2), IACP-024 (§3.6.2)
    pub fn standing<P: Provider>(
        &mut self,
        unix: UnixTime,
        peer: &Eid,
        proven: Proven,
        store: &mut impl FnMut(Entry),
    ) -> (Admission, u16) {
        let (treatment, has_changed) = self.reputation.treatment(unix, peer, proven, false);
        if has_changed {
            store(self.reputation.changed::<P>(unix, peer));
        }
        (admission(treatment), self.reputation.rating(unix, peer, proven).score)
    }
}
