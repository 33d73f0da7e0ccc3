//! Accusations against EIDs of this host: what a node says is a hint, the accusation proves itself (`IACP §4.2.7.1`).

use core::fmt;
use core::net::SocketAddr;

use iacp_wire::Frame;
use iacp_wire::message::{MalfeasanceData, PomNotice};

use super::super::LlEntity;
use super::super::event::{Dropped, HostEvent};
use crate::crypto::Provider;
use crate::directory::accusation::verify_accusation;
use crate::governance::malfeasance::Unproven;
use crate::identity::verify_frame;
use crate::time::Mono;

/// The host is asked for the accusation against an EID once in this time at most, in milliseconds: an epoch of the escrow.
const FETCH: u64 = 30_000;

/// Why an accusation that the host has fetched changes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum NotAccused {
    /// The offender has no context here.
    NotHere,
    /// It proves nothing.
    Unproven(Unproven),
}

impl fmt::Display for NotAccused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotHere => f.pad("target_eid: has no context here"),
            Self::Unproven(unproven) => unproven.fmt(f),
        }
    }
}

impl core::error::Error for NotAccused {}

impl<P: Provider, const LOG: usize, const FRAMES: usize, const SPENT: usize> LlEntity<'_, P, LOG, FRAMES, SPENT> {
    /// POM_NOTICE: only a node that holds the EID keeps its escrow, and all that follows is a question.
    // keeps: IACP-102 (§4.2.7.2)
    pub(in crate::erp::entity) fn on_notice(
        &mut self,
        now: Mono,
        from: SocketAddr,
        frame: &Frame<'_>,
        notice: &PomNotice,
        bytes: &[u8],
    ) -> HostEvent<'static> {
        let Some(slot) = self.agent_of(&notice.offender_eid) else { return HostEvent::Dropped(Dropped::NoAgent) };
        let Some(agent) = self.agents.at(slot) else { return HostEvent::Dropped(Dropped::NoAgent) };
        if !agent.registration.names(&notice.directory_node_eid) {
            return HostEvent::Dropped(Dropped::NotAsked);
        }
        // What was asked just now costs no signature.
        if agent.fetched.is_some_and(|since| now.since(since) < FETCH) {
            return HostEvent::Dropped(Dropped::NotNow);
        }
        if self.door.admit(now, from, 1).is_err() {
            return HostEvent::Dropped(Dropped::RateLimited);
        }
        if verify_frame::<P>(&notice.directory_node_eid, frame, [&[], &[]], bytes).is_err() {
            return HostEvent::Dropped(Dropped::Signature);
        }
        self.want_accusation(now, slot);
        HostEvent::Taken
    }

    /// The host is to fetch the accusation against an EID of ours.
    pub(in crate::erp::entity) fn want_accusation(&mut self, now: Mono, slot: u32) {
        let recently = |since: Mono| now.since(since) < FETCH;
        let Some(agent) = self.agents.at_mut(slot).filter(|agent| !agent.fetched.is_some_and(recently)) else { return };
        (agent.fetched, agent.fetch) = (Some(now), true);
        self.agents_ask.push(&mut self.agents, slot);
    }

    /// An accusation that the directory has against an EID of this host. It proves itself, or it changes nothing. The agent is
    /// told that it is accused, and from now on its EID is given up for compromise only.
    ///
    /// # Errors
    /// See [`NotAccused`].
    // keeps: IACP-098 (§4.2.7.1), IACP-102 (§4.2.7.2)
    pub fn answer_accusation(&mut self, data: &MalfeasanceData<'_>) -> Result<(), NotAccused> {
        let slot = self.agent_of(&data.ticket.target_eid).ok_or(NotAccused::NotHere)?;
        let proven = verify_accusation::<P>(data).map_err(NotAccused::Unproven)?;
        let agent = self.agents.at_mut(slot).ok_or(NotAccused::NotHere)?;
        if !core::mem::replace(&mut agent.proven, true) {
            agent.tell.state |= !core::mem::replace(&mut agent.accused, true);
            agent.tell.accused = Some(proven.offence());
        }
        self.touch_agent(slot);
        Ok(())
    }
}
