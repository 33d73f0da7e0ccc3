//! What an agent may ask, decided in one place for agents of both kinds (`IACP §4.2.1.2`).

use core::net::SocketAddr;

use iacp_wire::{Digest, Eid};
use rand_core::CryptoRng;

use super::LlEntity;
use super::parts::ANSWERS;
use crate::crypto::Provider;
use crate::erp::agent::{Agent, RotationReason};
use crate::erp::context::{Event, State};
use crate::erp::local::{Listen, LocalStatus, Mapped, Open, Request, Standing};
use crate::identity::EsdEid;
use crate::pss::{Capabilities, RejectionReasons, TeardownReason, Terms, TermsError};
use crate::slots::Handle;
use crate::time::Mono;

/// What a request has led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Done {
    /// It is done.
    Ok,
    /// There is a session, or there will be.
    Session(Handle),
    /// There is an endpoint with this coordinate.
    Coordinate(Digest),
    /// The value of the own endpoint with this coordinate: [`Desk::value`].
    Value(Digest),
    /// What is known of an EID.
    Standing(Standing),
    /// What a URI's host is mapped to.
    Mapped(Mapped),
    /// An identity for a sandbox.
    Derived(EsdEid),
    /// It was asked of the peer, or of the directory: RESULT comes with the answer.
    Later,
    /// There is another context, in this slot of the host's.
    Rotated(u32),
    /// The agent is gone.
    Left,
}

/// The way of one agent of this process into its LL-Entity: see [`LlEntity::desk`].
///
/// ```
/// # use iacp_core::crypto::Portable;
/// # mod support { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/host.rs")); }
/// # use iacp_core::time::Mono;
/// # use iacp_wire::Digest;
/// # use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
/// use iacp_core::erp::entity::HostRequest;
/// use iacp_core::pss::{Capabilities, TeardownReason};
/// # let mut rng = ChaCha8Rng::seed_from_u64(1);
/// # let mut host = support::host(1, false, &mut rng);
///
/// let agent = host.init(Mono(0), None, Digest::ZERO, &mut rng)?;
/// while let Some(HostRequest::Persist { eid, what }) = host.poll_request() {
///     host.persisted(Mono(0), &eid, what); // when it is on stable storage; then the agent is BOUND
/// }
/// let mut desk = host.desk(Mono(0), &agent).ok_or("EID and token belong together")?;
/// # let peer = iacp_core::identity::Identity::<Portable>::generate(&mut rng).eid();
/// let at = ([192, 0, 2, 2], 4227).into(); // `peer` is there
/// let session = desk.open(peer, Some(at), Capabilities::NONE, &mut rng)?;
/// desk.send(session, 0, b"waits until the session is there")?;
/// desk.abort(session, TeardownReason::TaskComplete, &mut rng)?;
/// assert!(desk.send(session, 1, b"too late").is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Desk<'e, 'm, P: Provider, const LOG: usize, const FRAMES: usize, const SPENT: usize> {
    pub(super) entity: &'e mut LlEntity<'m, P, LOG, FRAMES, SPENT>,
    pub(super) now: Mono,
    pub(super) slot: u32,
}

impl<'m, P: Provider, const LOG: usize, const FRAMES: usize, const SPENT: usize> LlEntity<'m, P, LOG, FRAMES, SPENT> {
    /// What an agent of this process asks goes over its desk. EID and token are checked, in constant time, and prove that
    /// the agent lives. `None` if they do not belong together.
    pub fn desk<'e>(&'e mut self, now: Mono, agent: &Agent) -> Option<Desk<'e, 'm, P, LOG, FRAMES, SPENT>> {
        let slot = self.authenticate(now, &agent.eid, agent.iat.expose())?;
        Some(Desk { entity: self, now, slot })
    }

    /// The agent of this EID, if the token is its own. A frame with the right token proves life.
    // keeps: IACP-071 (§4.2.2.2), IACP-072 (§4.2.2.2), IACP-073 (§4.2.2.3)
    pub(super) fn authenticate(&mut self, now: Mono, eid: &Eid, iat: &[u8; 32]) -> Option<u32> {
        use subtle::ConstantTimeEq;
        let slot = self.agent_of(eid);
        let known = match slot.and_then(|slot| self.agents.at(slot)) {
            Some(agent) => agent.knows(iat),
            // As long as for one that exists.
            None => bool::from(self.decoy.ct_eq(iat)) && false_for_every_token(),
        };
        let slot = slot.filter(|_| known)?;
        self.agents.at_mut(slot)?.heard = now;
        Some(slot)
    }

    /// Does what an agent asks, or says why not. Nothing is changed by what is refused.
    #[inline(never)]
    pub(super) fn perform(
        &mut self,
        now: Mono,
        agent: u32,
        session: Option<Handle>,
        number: u32,
        request: &Request<'_>,
        rng: &mut impl CryptoRng,
    ) -> Result<Done, LocalStatus> {
        self.clock = self.clock.max(now);
        let slot = match session {
            Some(handle) => Some(self.owned(agent, handle).ok_or(LocalStatus::NoSession)?),
            None => None,
        };
        let done = match (*request, slot) {
            (Request::Listen(listen), None) => self.listen(agent, listen).map(|()| Done::Ok),
            (Request::Open(open), None) => self.open(now, agent, number, &open, rng).map(Done::Session),
            (Request::Send { item, content }, Some(slot)) => {
                self.send(now, agent, slot, item, content).map(|()| Done::Ok)
            }
            (Request::Finish { items }, Some(slot)) => self.finish(now, agent, slot, items).map(|()| Done::Ok),
            (Request::Consumed { below }, Some(slot)) if self.line_of(slot).is_some() => {
                self.consumed_items(now, slot, below).map(|()| {
                    self.touch(slot);
                    Done::Ok
                })
            }
            (Request::Consumed { below }, Some(slot)) => {
                self.with_session(slot, |entry| entry.session.consumed(now, below).map_err(|_| LocalStatus::Refused))
            }
            (Request::Rewind, Some(slot)) => {
                let done = self.with_session(slot, |entry| entry.session.rewind(now).map_err(|_| LocalStatus::Refused));
                if done.is_ok() {
                    self.rewind_items(slot);
                }
                done
            }
            (Request::Recall(record), None) => self.recall(now, agent, record).map(|()| Done::Ok),
            (Request::Terms { counter }, Some(slot)) => self.terms(now, agent, slot, counter),
            (Request::Abort(reason), Some(slot)) => self.abort(now, agent, slot, reason).map(|()| Done::Ok),
            (Request::Close(reason), Some(slot)) => self.close(now, slot, reason),
            (Request::Ready(on), None) => {
                let agent = self.agents.at_mut(agent).ok_or(LocalStatus::Refused)?;
                agent.paused = !on;
                Ok(Done::Ok)
            }
            (Request::Leave, None) => {
                let left = self.end_context(now, agent, Event::Deregistration);
                if left { Ok(Done::Left) } else { Err(LocalStatus::NotNow) }
            }
            (Request::Rotate { reason, .. }, None) => {
                // The administrative reason is the host's own.
                let reason = match reason {
                    2 => RotationReason::Compromise,
                    3 => RotationReason::TaskEnded,
                    _ => return Err(LocalStatus::Refused),
                };
                self.rotate_slot(now, agent, (reason, true), rng).map(Done::Rotated)
            }
            (Request::Endpoint { flags, rotation, tag }, None) => {
                self.endpoint(now, agent, (flags, rotation, tag), rng)
            }
            (Request::Endpoint { flags: 0, rotation: 0, tag: [] }, Some(slot)) => self.pair_endpoint(agent, slot),
            (Request::Trust { coordinate, eid, on }, None) => self.trust(agent, coordinate, &eid, on),
            (Request::Write { coordinate, if_version, value }, None) => {
                self.write_own(agent, coordinate, if_version, value)
            }
            (Request::Write { coordinate, if_version, value }, Some(slot)) => {
                self.write_peer(now, (agent, slot), number, coordinate, (if_version, value))
            }
            (Request::Read(coordinate), None) => match self.endpoint_of(agent, &coordinate) {
                Some(_) => Ok(Done::Value(coordinate)),
                None => Err(LocalStatus::NoAccess),
            },
            (Request::Read(coordinate), Some(slot)) => self.read_peer(now, (agent, slot), number, coordinate),
            (Request::Erase(coordinate), None) => self.erase(agent, coordinate),
            (Request::Grant { coordinate, rights, seconds }, Some(slot)) => {
                self.grant(now, (agent, slot), coordinate, (rights, seconds))
            }
            (Request::Subscribe { coordinate, on }, Some(slot)) => self.subscribe(now, (agent, slot), coordinate, on),
            (Request::Derive { seconds }, session) => self.derive(now, agent, session, seconds, rng).map(Done::Derived),
            (Request::Retract(name), None) => self.retract(now, agent, &name).map(|()| Done::Ok),
            (Request::Deposit { kind, body }, None) => self.deposit_record(agent, kind, body).map(|()| Done::Ok),
            (Request::Standing(eid), None) => self.standing(now, agent, number, &eid),
            (Request::Resolve(uri), None) => self.resolve(now, agent, number, uri, rng),
            _ => Err(LocalStatus::Refused),
        };
        self.rotate_groups(now, rng);
        self.correct();
        done
    }

    fn listen(&mut self, agent: u32, listen: Listen) -> Result<(), LocalStatus> {
        if listen.terms.receive_window == 0 {
            return Err(LocalStatus::Refused);
        }
        if !ANSWERS && listen.sessions > 0 {
            return Err(LocalStatus::Capacity);
        }
        let listen = Listen { capabilities: self.served(listen.capabilities), ..listen };
        let agent = self.agents.at_mut(agent).ok_or(LocalStatus::Refused)?;
        agent.listen = Some(listen).filter(|listen| listen.sessions > 0).into();
        Ok(())
    }

    fn with_session(
        &mut self,
        slot: u32,
        change: impl FnOnce(&mut super::Entry<P, LOG, FRAMES>) -> Result<(), LocalStatus>,
    ) -> Result<Done, LocalStatus> {
        let entry = self.sessions.at_mut(slot).ok_or(LocalStatus::NoSession)?;
        change(entry)?;
        self.touch(slot);
        Ok(Done::Ok)
    }

    fn terms(
        &mut self,
        now: Mono,
        agent: u32,
        slot: u32,
        counter: Option<(Terms, RejectionReasons)>,
    ) -> Result<Done, LocalStatus> {
        let (Some(entry), Some(context)) = (self.sessions.at_mut(slot), self.agents.at(agent)) else {
            return Err(LocalStatus::NoSession);
        };
        let identity = context.identity.as_ref().ok_or(LocalStatus::NotNow)?;
        let said = match counter {
            None => entry.session.accept_terms(now, identity),
            Some((terms, reasons)) => entry.session.counter_terms(now, identity, terms, reasons),
        };
        said.map_err(|error| match error {
            TermsError::NothingProposed | TermsError::NotOurTurn => LocalStatus::NotNow,
            TermsError::Window | TermsError::Identity => LocalStatus::Refused,
        })?;
        self.touch(slot);
        Ok(Done::Ok)
    }

    fn abort(&mut self, now: Mono, agent: u32, slot: u32, reason: u16) -> Result<(), LocalStatus> {
        let reason = TeardownReason::of_application(reason).ok_or(LocalStatus::Refused)?;
        let (Some(entry), Some(context)) = (self.sessions.at_mut(slot), self.agents.at(agent)) else {
            return Err(LocalStatus::NoSession);
        };
        let identity = context.identity.as_ref().ok_or(LocalStatus::NotNow)?;
        if entry.want.take().is_some() {
            self.free_session(slot);
            return Ok(());
        }
        entry.session.abort(now, identity, reason).map_err(|_| LocalStatus::Refused)?;
        self.touch(slot);
        Ok(())
    }

    fn close(&mut self, now: Mono, slot: u32, reason: u16) -> Result<Done, LocalStatus> {
        let reason = TeardownReason::of_application(reason).ok_or(LocalStatus::Refused)?;
        let entry = self.sessions.at(slot).ok_or(LocalStatus::NoSession)?;
        if entry.session.closure().is_some() {
            return Err(LocalStatus::Finished);
        }
        self.end_behind(now, slot, reason);
        Ok(Done::Ok)
    }
}

/// A token that was drawn for no agent is shown by none; should chance have it, it opens nothing.
const fn false_for_every_token() -> bool {
    false
}

impl<P: Provider, const LOG: usize, const FRAMES: usize, const SPENT: usize> Desk<'_, '_, P, LOG, FRAMES, SPENT> {
    /// Any request, as an agent in another process makes it by a frame. An answer that comes later ([`Done::Later`]) is told only if
    /// it refuses: what is asked for its answer goes by [`Self::ask_as`].
    ///
    /// # Errors
    /// The reason why nothing was done.
    pub fn ask(
        &mut self,
        session: Option<Handle>,
        request: &Request<'_>,
        rng: &mut impl CryptoRng,
    ) -> Result<Done, LocalStatus> {
        self.entity.perform(self.now, self.slot, session, 0, request, rng)
    }

    /// The same under the agent's own number, which RESULT repeats where the answer is the peer's.
    ///
    /// # Errors
    /// The reason why nothing was done.
    pub fn ask_as(
        &mut self,
        number: u32,
        session: Option<Handle>,
        request: &Request<'_>,
        rng: &mut impl CryptoRng,
    ) -> Result<Done, LocalStatus> {
        self.entity.perform(self.now, self.slot, session, number, request, rng)
    }

    /// The version and the value of an own endpoint.
    #[must_use]
    pub fn value(&self, coordinate: &Digest) -> Option<(u64, &[u8])> {
        self.entity.endpoint_of(self.slot, coordinate).map(|endpoint| (endpoint.version(), endpoint.value()))
    }

    /// Keeps the agent alive; `digest` is that of the application that runs now.
    pub fn keepalive(&mut self, digest: &Digest) {
        self.entity.keepalive(self.now, self.slot, Some(digest));
    }

    /// The state of the context.
    #[must_use]
    pub fn state(&self) -> State {
        self.entity.state(self.slot)
    }

    /// Takes incoming sessions.
    ///
    /// # Errors
    /// A window of no frame; or the feature `answers` is off.
    pub fn listen(&mut self, listen: Listen) -> Result<(), LocalStatus> {
        self.entity.listen(self.slot, listen)
    }

    /// Opens a session with a peer, at `at` or wherever the directory says.
    ///
    /// # Errors
    /// Why there is none.
    pub fn open(
        &mut self,
        peer: Eid,
        at: Option<SocketAddr>,
        offer: Capabilities,
        rng: &mut impl CryptoRng,
    ) -> Result<Handle, LocalStatus> {
        self.open_as(&Open { peer, at, hold: false, offer, resume: None, proof: None }, rng)
    }

    /// The same with everything that can be said: a line that goes on, terms that the agent is asked about.
    ///
    /// # Errors
    /// Why there is none.
    pub fn open_as(&mut self, open: &Open<'_>, rng: &mut impl CryptoRng) -> Result<Handle, LocalStatus> {
        self.entity.clock = self.entity.clock.max(self.now);
        let opened = self.entity.open(self.now, self.slot, 0, open, rng);
        self.entity.rotate_groups(self.now, rng);
        self.entity.correct();
        opened
    }

    /// Ends a session at once.
    ///
    /// # Errors
    /// The reason why not.
    pub fn abort(
        &mut self,
        session: Handle,
        reason: TeardownReason,
        rng: &mut impl CryptoRng,
    ) -> Result<(), LocalStatus> {
        self.entity.clock = self.entity.clock.max(self.now);
        let slot = self.entity.owned(self.slot, session).ok_or(LocalStatus::NoSession)?;
        let aborted = self.entity.abort(self.now, self.slot, slot, reason.code());
        self.entity.rotate_groups(self.now, rng);
        self.entity.correct();
        aborted
    }

    /// The EID that the host of a URI is mapped to, if that is known; else a quorum of the directory's nodes is asked, and RESULT
    /// under this number says what they have decided.
    ///
    /// # Errors
    /// There is no mapping, or it cannot be asked for.
    pub fn resolve(&mut self, number: u32, uri: &str, rng: &mut impl CryptoRng) -> Result<Option<Mapped>, LocalStatus> {
        match self.ask_as(number, None, &Request::Resolve(uri), rng)? {
            Done::Mapped(mapped) => Ok(Some(mapped)),
            _ => Ok(None),
        }
    }

    /// Sends an item: the first one is 0, each next one more.
    ///
    /// # Errors
    /// Why it is not taken. Its number is then not used up.
    pub fn send(&mut self, session: Handle, item: u64, content: &[u8]) -> Result<(), LocalStatus> {
        let slot = self.entity.owned(self.slot, session).ok_or(LocalStatus::NoSession)?;
        let sent = self.entity.send(self.now, self.slot, slot, item, content);
        self.entity.correct();
        sent
    }

    /// Ends a session in good order, behind everything that was sent.
    ///
    /// # Errors
    /// The reason why not.
    pub fn close(&mut self, session: Handle, reason: TeardownReason) -> Result<(), LocalStatus> {
        let slot = self.entity.owned(self.slot, session).ok_or(LocalStatus::NoSession)?;
        self.entity.close(self.now, slot, reason.code()).map(|_| ())
    }

    /// The agent goes: the leaving is signed, and everything of it is wiped.
    ///
    /// # Errors
    /// The context is gone already.
    pub fn leave(self) -> Result<(), LocalStatus> {
        let left = self.entity.end_context(self.now, self.slot, Event::Deregistration);
        if left { Ok(()) } else { Err(LocalStatus::NotNow) }
    }
}
