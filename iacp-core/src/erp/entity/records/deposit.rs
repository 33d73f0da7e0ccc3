//! Records about an own EID, on their way to the nodes that are responsible for it.

use iacp_wire::layout::{AirkBinding, Publication, Revocation};
use iacp_wire::{Eid, Signature};
use zerocopy::{FromBytes, IntoBytes};

use super::super::LlEntity;
use super::super::event::HostRequest;
use super::super::parts::DIRECTORY;
use crate::crypto::Provider;
use crate::directory::Kind;
use crate::erp::local::LocalStatus;
use crate::identity::{sign_record, verify_record};
use crate::time::Mono;

/// The longest body: a PROOF_OF_MAL with two claims about a turn.
const LONGEST: usize = 514;
/// What both keys of an AIRK_BINDING sign, and what the AIRK signs of a REVOCATION.
const BOTH: usize = 64;
const REVOKED: usize = 48;
/// What the owner of a PUBLICATION signs.
const PUBLISHED: usize = 80;

/// A record of one agent that its host is to write into the directory.
pub struct DepositSlot {
    kind: Option<Kind>,
    length: usize,
    /// The host has been asked to write it.
    asked: bool,
    body: [u8; LONGEST],
}

impl DepositSlot {
    /// No record.
    pub const EMPTY: Self = Self { kind: None, length: 0, asked: false, body: [0; LONGEST] };

    /// Takes a record in.
    pub(super) fn fill(&mut self, kind: Kind, body: &[u8]) {
        let length = body.len().min(LONGEST);
        self.body.iter_mut().zip(body).for_each(|(to, from)| *to = *from);
        (self.kind, self.length, self.asked) = (Some(kind), length, false);
    }

    const fn clear(&mut self) {
        (self.kind, self.length, self.asked) = (None, 0, false);
    }
}

impl<P: Provider, const LOG: usize, const FRAMES: usize, const SPENT: usize> LlEntity<'_, P, LOG, FRAMES, SPENT> {
    /// The record that [`HostRequest::Deposit`] is about, and its kind. It goes to all nodes that are responsible for the
    /// record's storage key.
    #[must_use]
    pub fn deposit(&self, eid: &Eid) -> Option<(Kind, &[u8])> {
        let slot = self.deposits.get(usize::try_from(self.agent_of(eid)?).ok()?)?;
        Some((slot.kind?, slot.body.get(..slot.length)?))
    }

    /// The host has taken the record over: there is room for the next one.
    pub fn deposited(&mut self, eid: &Eid) {
        let Some(agent) = self.agent_of(eid) else { return };
        let Some(slot) = self.deposit_of(agent) else { return };
        let names_root = slot.kind == Some(Kind::AirkBinding);
        slot.clear();
        self.agents_ask.push(&mut self.agents, agent);
        if names_root {
            self.root_record_is_written(agent);
        }
    }

    /// The root key is named: the registration waits no longer.
    fn root_record_is_written(&mut self, agent: u32) {
        let Some(context) = self.agents.at_mut(agent).filter(|context| context.awaits_root.is_some()) else { return };
        context.awaits_root = Some(self.clock);
        self.deadlines.bring_forward(self.agent_item(agent), self.clock);
    }

    /// The registration of an agent has waited for the record that names its root key.
    pub(in crate::erp::entity) fn root_record_is_due(&mut self, now: Mono, agent: u32) {
        let Some(context) = self.agents.at_mut(agent) else { return };
        if context.awaits_root.take_if(|until| *until <= now).is_some() {
            self.settle_agent(now, agent);
        }
    }

    pub(super) fn deposit_of(&mut self, agent: u32) -> Option<&mut DepositSlot> {
        self.deposits.get_mut(usize::try_from(agent).ok()?)
    }

    /// The place of an agent's next record, if it is free.
    pub(super) fn free_deposit(&mut self, agent: u32) -> Option<&mut DepositSlot> {
        self.deposit_of(agent).filter(|slot| slot.kind.is_none())
    }

    pub(super) fn clear_deposit(&mut self, agent: u32) {
        if let Some(slot) = self.deposit_of(agent) {
            slot.clear();
        }
    }

    pub(super) fn ask_to_deposit(&mut self, agent: u32) -> Option<HostRequest> {
        let eid = self.agents.at(agent)?.eid();
        let slot = self.deposit_of(agent).filter(|slot| slot.kind.is_some() && !slot.asked)?;
        slot.asked = true;
        Some(HostRequest::Deposit(eid))
    }

    /// DEPOSIT: an AIRK_BINDING, of which the LL-Entity signs the EID's half, a REVOCATION by the root key, or a PUBLICATION, which
    /// the LL-Entity signs.
    // keeps: IACP-104 (§4.2.7.2), IACP-136 (§6.2)
    pub(in crate::erp::entity) fn deposit_record(
        &mut self,
        agent: u32,
        kind: u8,
        body: &[u8],
    ) -> Result<(), LocalStatus> {
        if !DIRECTORY {
            return Err(LocalStatus::Capacity);
        }
        let context = self.agents.at(agent).ok_or(LocalStatus::NotNow)?;
        let identity = context.identity.as_ref().ok_or(LocalStatus::NotNow)?;
        let eid = context.eid();
        if Kind::from_code(kind) == Some(Kind::Publication) {
            let mut record = Publication::read_from_bytes(body).map_err(|_| LocalStatus::Refused)?;
            if record.eid != eid || record.signature != Signature::ZERO {
                return Err(LocalStatus::Refused);
            }
            let fields = record.as_bytes().get(..PUBLISHED).unwrap_or_default();
            record.signature = sign_record(identity, Kind::Publication.label(), fields, &[]);
            return self.hand_over(agent, Kind::Publication, record.as_bytes());
        }
        // Without a root key there is none that could have signed.
        let airk = context.airk.ok_or(LocalStatus::Refused)?;
        let signed_by_root = |kind: Kind, fields: Option<&[u8]>, signature: &Signature| {
            let fields = fields.unwrap_or_default();
            verify_record::<P>(&airk, kind.label(), fields, &[], signature).map_err(|_| LocalStatus::Refused)
        };
        match Kind::from_code(kind) {
            Some(kind @ Kind::AirkBinding) => {
                let mut record = AirkBinding::read_from_bytes(body).map_err(|_| LocalStatus::Refused)?;
                if record.eid != eid || record.airk != airk || record.eid_signature != Signature::ZERO {
                    return Err(LocalStatus::Refused);
                }
                let fields = record.as_bytes().get(..BOTH);
                signed_by_root(kind, fields, &record.airk_signature)?;
                let signature = sign_record(identity, kind.label(), fields.unwrap_or_default(), &[]);
                record.eid_signature = signature;
                self.hand_over(agent, kind, record.as_bytes())
            }
            Some(kind @ Kind::Revocation) => {
                let record = Revocation::ref_from_bytes(body).map_err(|_| LocalStatus::Refused)?;
                if record.eid != eid {
                    return Err(LocalStatus::Refused);
                }
                signed_by_root(kind, body.get(..REVOKED), &record.signature)?;
                self.hand_over(agent, kind, body)
            }
            _ => Err(LocalStatus::Refused),
        }
    }

    pub(in crate::erp::entity) fn hand_over(&mut self, agent: u32, kind: Kind, body: &[u8]) -> Result<(), LocalStatus> {
        if self.deposit_of(agent).is_none() {
            return Err(LocalStatus::Capacity);
        }
        self.free_deposit(agent).ok_or(LocalStatus::NotNow)?.fill(kind, body);
        self.agents_ask.push(&mut self.agents, agent);
        Ok(())
    }
}
