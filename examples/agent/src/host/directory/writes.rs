//! Records on their way to the nodes: bindings that the LL-Entity sends, their refreshes, and what agents have kept.

use std::collections::VecDeque;
use std::net::SocketAddr;

use iacp_core::directory::client::{Writing, Written};
use iacp_core::directory::{Class, Kind};
use iacp_core::erp::binding::Binding;
use iacp_core::erp::switch_point::Node;
use iacp_core::erp::ticket::storage_key;
use iacp_core::time::Mono;
use iacp_wire::layout::{Publication, Record};
use iacp_wire::message::{DhtTicketStore, DirPut, ErpRegister, MalfeasanceData};
use iacp_wire::{DhtKey, Eid, Frame, Message, Signature};
use zerocopy::{FromBytes, IntoBytes};

use crate::host::directory::mining::{Mined, Miner, Ticket};
use crate::keys::Crypto;

/// The longest frame with a record.
const FRAME: usize = 1_200;

/// Why a record is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// The LL-Entity sends the binding, and repeats it.
    Registration,
    /// The binding lives on.
    Refresh,
    /// A publication that no quorum has taken before.
    Again,
    /// An agent has it kept.
    Deposit(Kind),
}

/// Which bytes a node got last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sent {
    Nothing,
    Plain,
    Worked,
}

/// One record on its way.
pub struct Write {
    pub purpose: Purpose,
    pub eid: Eid,
    kind: Kind,
    key: DhtKey,
    body: Vec<u8>,
    /// The frame, and the same inside its work.
    inner: Vec<u8>,
    worked: Option<Vec<u8>>,
    work: Option<Ticket>,
    sent: Vec<Sent>,
    state: Writing,
}

fn frame(message: Message<'_>) -> Option<Vec<u8>> {
    let mut bytes = vec![0; FRAME];
    let length = Frame::new(message).write(&mut bytes).ok()?;
    bytes.truncate(length);
    Some(bytes)
}

/// The owner's own frame of a record (PROFILE 12.4).
fn own_frame(kind: Kind, key: DhtKey, body: &[u8]) -> Option<Vec<u8>> {
    match kind {
        Kind::Binding => frame(Message::ErpRegister(ErpRegister::ref_from_bytes(body).ok()?)),
        Kind::Ticket => frame(Message::DhtTicketStore(DhtTicketStore::ref_from_bytes(body).ok()?)),
        Kind::Accusation => {
            let data = MalfeasanceData::parse(body).ok()?;
            frame(Message::ProofOfMal { head: data.ticket, evidence: Some(data.evidence) })
        }
        _ => {
            let (mut bytes, record) = ([0; FRAME], record(kind, key, body));
            let length = record.write(&mut bytes).ok()?;
            let head = DirPut { directory_node_eid: Eid::ZERO, timestamp: 0.into(), signature: Signature::ZERO };
            frame(Message::DirPut { head: &head, record: bytes.get(..length)? })
        }
    }
}

fn record(kind: Kind, key: DhtKey, body: &[u8]) -> Record<'_> {
    Record { kind: kind as u8, storage_key: key, expiry: u64::MAX, body }
}

impl Write {
    fn new(
        now: Mono,
        nodes: &[Eid],
        (purpose, eid): (Purpose, Eid),
        (kind, key, body): (Kind, DhtKey, &[u8]),
        inner: Vec<u8>,
    ) -> Option<Self> {
        let (state, sent, body) = (Writing::new(now, nodes)?, vec![Sent::Nothing; nodes.len()], body.to_vec());
        Some(Self { purpose, eid, kind, key, body, inner, worked: None, work: None, sent, state })
    }

    /// A binding that the LL-Entity sends by itself.
    pub fn registration(now: Mono, nodes: &[Eid], binding: &Binding, inner: &[u8]) -> Option<Self> {
        let (key, body) = (storage_key::<Crypto>(&binding.eid), binding.to_register());
        let what = (Purpose::Registration, binding.eid);
        Self::new(now, nodes, what, (Kind::Binding, key, body.as_bytes()), inner.to_vec())
    }

    /// The same bytes again.
    pub fn refresh(now: Mono, nodes: &[Eid], binding: &Binding) -> Option<Self> {
        let (key, body) = (storage_key::<Crypto>(&binding.eid), binding.to_register());
        let inner = own_frame(Kind::Binding, key, body.as_bytes())?;
        Self::new(now, nodes, (Purpose::Refresh, binding.eid), (Kind::Binding, key, body.as_bytes()), inner)
    }

    /// What the LL-Entity lends. An accusation is kept with its offender, a publication in its space, all else with its owner.
    pub fn deposit(now: Mono, nodes: &[Eid], eid: Eid, kind: Kind, body: &[u8]) -> Option<Self> {
        let key = match kind {
            Kind::Accusation => storage_key::<Crypto>(&MalfeasanceData::parse(body).ok()?.ticket.target_eid),
            Kind::Publication => Publication::ref_from_bytes(body).ok()?.target_space_coordinate,
            _ => storage_key::<Crypto>(&eid),
        };
        Self::new(now, nodes, (Purpose::Deposit(kind), eid), (kind, key, body), own_frame(kind, key, body)?)
    }

    /// A publication, once more.
    pub fn again(now: Mono, nodes: &[Eid], eid: Eid, body: &[u8]) -> Option<Self> {
        let write = Self::deposit(now, nodes, eid, Kind::Publication, body)?;
        Some(Self { purpose: Purpose::Again, ..write })
    }

    pub fn is_binding(&self) -> bool {
        self.kind == Kind::Binding
    }

    pub fn is_publication(&self) -> bool {
        self.kind == Kind::Publication
    }

    pub fn body(&self) -> &[u8] {
        &self.body
    }

    pub fn progress(&self) -> Written {
        self.state.progress()
    }

    pub fn next_deadline(&self) -> Option<Mono> {
        self.state.next_deadline()
    }

    /// Sends what is due. A registration is sent by the LL-Entity: here its time goes by.
    pub fn poll(&mut self, now: Mono, nodes: &[Node], out: &mut VecDeque<(SocketAddr, Vec<u8>)>) {
        while let Some(eid) = self.state.poll(now) {
            let Some(place) = nodes.iter().position(|node| node.eid == eid) else { continue };
            if self.purpose != Purpose::Registration {
                let (at, datagram) = (nodes[place].at, self.sends(place).to_vec());
                out.push_back((at, datagram));
            }
        }
    }

    /// The bytes for a node, which gets them now.
    pub fn sends(&mut self, place: usize) -> &[u8] {
        let sent = if self.worked.is_some() { Sent::Worked } else { Sent::Plain };
        if let Some(place) = self.sent.get_mut(place) {
            *place = sent;
        }
        self.worked.as_deref().unwrap_or(&self.inner)
    }

    /// Takes what a node answers.
    pub fn heard(&mut self, place: usize, node: &Eid, datagram: &[u8]) -> Written {
        let sent = match (self.sent.get(place), &self.worked) {
            (Some(Sent::Plain), _) => &self.inner,
            (Some(Sent::Worked), Some(worked)) => worked,
            _ => return self.state.progress(),
        };
        self.state.heard::<Crypto>(node, datagram, sent, &record(self.kind, self.key, &self.body))
    }

    /// Orders work for it; what was ordered before ends.
    pub fn mine(&mut self, miner: &Miner, bits: u32) {
        let class = if self.kind == Kind::Publication { Class::Spaces } else { Class::Identities };
        self.work = Some(miner.order(class, self.key, bits, self.inner.clone()));
    }

    pub fn is_for(&self, mined: &Mined) -> bool {
        self.work.as_ref().is_some_and(|work| work.is_of(mined))
    }

    /// The work is done. One proof serves all nodes.
    pub fn worked(&mut self, now: Mono, mined: Mined, nodes: &[Node], out: &mut VecDeque<(SocketAddr, Vec<u8>)>) {
        (self.worked, self.work) = (Some(mined.datagram), None);
        self.state.worked(now);
        if self.purpose == Purpose::Registration {
            // The LL-Entity does not know that its frame was refused, and would wait for its next repetition.
            while let Some(eid) = self.state.poll(now) {
                let Some(place) = nodes.iter().position(|node| node.eid == eid) else { continue };
                let (at, datagram) = (nodes[place].at, self.sends(place).to_vec());
                out.push_back((at, datagram));
            }
        }
    }
}
