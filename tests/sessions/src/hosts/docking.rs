//! A context goes from one host to another; the test carries what passes between the two.

use std::net::SocketAddr;

use iacp_core::erp::agent::Stored;
use iacp_core::erp::dock::{DockError, DockReason, OFFER};
use iacp_core::erp::generation::PORT;
use iacp_core::time::Mono;
use iacp_wire::Eid;

use super::memory::entity;
use super::{Host, Hosts};

/// The result of an import: the agent's number on its new host, the sessions that continue, those without room, and the
/// data that the agent gave for the move.
#[derive(Debug, PartialEq, Eq)]
pub struct Moved {
    /// See above.
    pub agent: usize,
    /// See above.
    pub sessions: u32,
    /// See above.
    pub left: u32,
    /// See above.
    pub application: Vec<u8>,
    /// Why it has moved.
    pub reason: DockReason,
}

impl Hosts {
    /// A host offers to take an EID over.
    ///
    /// # Errors
    /// The host makes no offer.
    pub fn offer(&mut self, importer: usize, exporter: usize, eid: Eid) -> Result<Vec<u8>, DockError> {
        let (clocks, from) = ((self.now, self.unix()), self.hosts[exporter].lii.eid());
        let host = &mut self.hosts[importer];
        let mut frame = vec![0; OFFER];
        host.entity.offer(clocks, &host.lii, from, eid, PORT, &mut host.rng, &mut frame)?;
        Ok(frame)
    }

    /// A host takes an offer of a host on its list.
    ///
    /// # Errors
    /// The request is refused.
    pub fn lock(&mut self, exporter: usize, offer: &[u8], application: usize) -> Result<usize, DockError> {
        let listed: Vec<Eid> = self.hosts.iter().map(|host| host.lii.eid()).collect();
        let unix = self.unix();
        let host = &mut self.hosts[exporter];
        let length = host.entity.lock(unix, &host.lii, |lii| listed.contains(lii), offer, application);
        self.settle();
        length
    }

    /// A host seals a locked context.
    ///
    /// # Errors
    /// Nothing is sealed.
    pub fn export(
        &mut self,
        exporter: usize,
        eid: &Eid,
        reason: DockReason,
        application: &[u8],
    ) -> Result<Vec<u8>, DockError> {
        let clocks = (self.now, self.unix());
        let host = &mut self.hosts[exporter];
        let length = host.entity.export_len(eid, application.len())?;
        let (mut blob, mut own) = (vec![0; length], application.to_vec());
        let sealed = host.entity.export(clocks, &host.lii, eid, reason, &mut own, &mut host.rng, &mut blob)?;
        assert_eq!(sealed, length, "the length was announced");
        assert!(own.iter().all(|byte| *byte == 0), "what a record holds is wiped");
        self.settle();
        Ok(blob)
    }

    /// A host opens a blob.
    ///
    /// # Errors
    /// The request is refused.
    pub fn import(&mut self, importer: usize, mut blob: Vec<u8>) -> Result<Moved, DockError> {
        let clocks = (self.now, self.unix());
        let host = &mut self.hosts[importer];
        let mut application = Vec::new();
        let take = |bytes: &[u8]| application.extend_from_slice(bytes);
        let docked = host.entity.import(clocks, &host.lii, &mut blob, None, take, &mut host.rng)?;
        assert!(blob.iter().all(|byte| *byte == 0), "the key of the EID is not left in the buffer");
        // An agent that comes back has its place already.
        let eid = docked.agent.eid();
        let agent = host.agents.iter().position(|agent| agent.eid() == eid).unwrap_or(host.agents.len());
        match host.agents.get_mut(agent) {
            Some(place) => *place = docked.agent,
            None => host.agents.push(docked.agent),
        }
        self.settle();
        Ok(Moved { agent, sessions: docked.sessions, left: docked.left, application, reason: docked.reason })
    }

    /// Does all of these steps. Returns the agent's number on its new host.
    ///
    /// # Panics
    /// One of the steps is refused.
    pub fn dock(&mut self, (exporter, agent): (usize, usize), importer: usize) -> usize {
        let eid = self.eid(exporter, agent);
        let offer = self.offer(importer, exporter, eid).expect("a slot is free");
        self.lock(exporter, &offer, 0).expect("the offer holds");
        let blob = self.export(exporter, &eid, DockReason::Planned, &[]).expect("it is stored");
        self.import(importer, blob).expect("the offer is open").agent
    }

    /// A host loses its memory, and restores no agent.
    ///
    /// # Panics
    /// Never: the memory suffices.
    pub fn forget_all(&mut self, number: usize) {
        let now = self.now;
        let host = &mut self.hosts[number];
        host.settings.address = host.at.ip();
        host.entity = entity(host.agents.len() + 4, host.settings, now, &mut host.rng);
        host.agents.clear();
        host.told.clear();
        host.states.clear();
    }

    /// Where a host is.
    #[must_use]
    pub fn at(&self, number: usize) -> SocketAddr {
        self.hosts[number].at
    }
}

impl Host {
    /// The host notices that its memory is a copy.
    pub fn renew(&mut self, now: Mono) {
        self.entity.renew(now, |_| None, &mut self.rng);
    }

    /// The same for a host that knows what is on stable storage.
    pub fn renew_above(&mut self, now: Mono) {
        let stored = &self.stored;
        self.entity.renew(now, |eid| stored.get(&eid.0).copied(), &mut self.rng);
    }

    /// An agent goes on from what is on stable storage.
    ///
    /// # Panics
    /// Its EID has a context here.
    pub fn restore(&mut self, now: Mono, stored: &Stored<'_>) {
        let agent = self.entity.restore(now, stored, &mut self.rng).expect("a slot is free");
        self.agents.push(agent);
    }
}
