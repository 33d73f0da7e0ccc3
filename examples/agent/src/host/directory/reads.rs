//! Look-ups under way: where a peer is and how it stands, an own binding, accusations, Forwarding Tickets.

use std::collections::VecDeque;
use std::net::SocketAddr;

use iacp_core::directory::accusation::verify_accusation;
use iacp_core::directory::client::{BINDING, Found, NodeRecords, QUESTION, Reader, Reading};
use iacp_core::directory::metric::RESPONSIBLE;
use iacp_core::directory::quorum::{Progress, Question, faulty};
use iacp_core::directory::{Class, Judgement, Kind, Origin, judge};
use iacp_core::erp::binding::Binding;
use iacp_core::erp::entity::PeerAnswer;
use iacp_core::erp::switch_point::Node;
use iacp_core::erp::ticket::{query, storage_key};
use iacp_core::governance::reputation::NEWCOMER;
use iacp_core::pss::Admission;
use iacp_core::time::{Mono, UnixTime};
use iacp_wire::layout::{AirkBinding, Record, Revocation};
use iacp_wire::message::{ErpRegister, MalfeasanceData};
use iacp_wire::{Eid, Frame, Message, TlvWriter, TransactionId};
use rand_core::Rng;
use zerocopy::FromBytes;

use crate::host::directory::learnt::Learnt;
use crate::keys::{self, Crypto};

/// The most look-ups at a time; the LL-Entity repeats what is refused.
const MOST: usize = 64;
/// Flags of an answer.
const CHALLENGED: u16 = 0x0001;
const SLASHED: u16 = 0x0002;
const REVOKED: u16 = 0x0004;

/// What is looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About {
    Peer(Eid),
    Own(Eid),
    Accusation(Eid),
    Ticket { owner: Eid, requestor: Eid, iv: [u8; 4] },
}

impl About {
    const fn eid(&self) -> &Eid {
        match self {
            Self::Peer(eid) | Self::Own(eid) | Self::Accusation(eid) | Self::Ticket { owner: eid, .. } => eid,
        }
    }
}

/// What the records prove that stand behind the flags of a peer.
#[derive(Clone, Debug, Default)]
struct Proven {
    /// The root keys that nodes name. One of them may be a thief's, if a node lies.
    airks: Vec<Eid>,
    accused: bool,
    first_invalid: Option<u64>,
}

enum Asking {
    Records(Kind, Reading),
    Binding(Reading),
    Ticket(Question, TransactionId),
}

struct Read {
    about: About,
    asking: Asking,
    frame: Vec<u8>,
    found: Found,
    proven: Proven,
    /// Records that are to be read afterwards.
    further: Vec<Kind>,
}

/// All look-ups.
#[derive(Default)]
pub struct Reads {
    reads: Vec<Read>,
}

fn transaction() -> TransactionId {
    let mut id = TransactionId([0; 8]);
    keys::rng().fill_bytes(&mut id.0);
    id
}

fn binding_of(body: &ErpRegister) -> Binding {
    let ErpRegister { source_eid, current_transport_ip, generation_counter, signature } = *body;
    Binding { eid: source_eid, ip: current_transport_ip, generation: generation_counter.get(), signature }
}

impl Asking {
    fn of_kind(now: Mono, nodes: &[Eid], eid: &Eid, kind: Option<Kind>) -> Option<(Self, Vec<u8>)> {
        let at = (Class::Identities, storage_key::<Crypto>(eid));
        let code = kind.map_or(BINDING, |kind| kind as u8);
        let reading = Reading::new(now, nodes, at, code, transaction())?;
        let mut frame = vec![0; QUESTION];
        let length = reading.write(&mut frame).ok()?;
        frame.truncate(length);
        Some((kind.map_or(Self::Binding(reading.clone()), |kind| Self::Records(kind, reading)), frame))
    }

    fn of_ticket(now: Mono, nodes: &[Eid], owner: &Eid, requestor: &Eid, iv: &[u8; 4]) -> Option<(Self, Vec<u8>)> {
        let id = transaction();
        let (mut room, mut frame) = ([0; 16], vec![0; 128]);
        let mut tlvs = TlvWriter::new(&mut room);
        tlvs.ticket_iv(iv).ok()?;
        let message = query::<Crypto>(owner, requestor, id);
        let asked = Frame { tlvs: tlvs.finish().ok()?, ..Frame::new(Message::DhtTicketQuery(&message)) };
        let length = asked.write(&mut frame).ok()?;
        frame.truncate(length);
        Some((Self::Ticket(Question::new(now, nodes)?, id), frame))
    }

    fn poll(&mut self, now: Mono) -> Option<Eid> {
        match self {
            Self::Records(_, reading) | Self::Binding(reading) => reading.poll(now),
            Self::Ticket(question, _) => question.poll(now),
        }
    }

    fn next_deadline(&self) -> Option<Mono> {
        match self {
            Self::Records(_, reading) | Self::Binding(reading) => reading.next_deadline(),
            Self::Ticket(question, _) => question.next_deadline(),
        }
    }

    fn progress(&self) -> Progress {
        match self {
            Self::Records(_, reading) | Self::Binding(reading) => reading.progress(),
            Self::Ticket(question, _) => question.progress(),
        }
    }
}

impl Reads {
    /// Begins a look-up, if it is not under way.
    pub fn begin(&mut self, now: Mono, nodes: &[Eid], about: About) {
        if self.reads.len() >= MOST || self.reads.iter().any(|read| read.about == about) {
            return;
        }
        let asking = match &about {
            About::Peer(eid) | About::Own(eid) => Asking::of_kind(now, nodes, eid, None),
            About::Accusation(eid) => Asking::of_kind(now, nodes, eid, Some(Kind::Accusation)),
            About::Ticket { owner, requestor, iv } => Asking::of_ticket(now, nodes, owner, requestor, iv),
        };
        if let Some((asking, frame)) = asking {
            let (found, proven) = (Found::default(), Proven::default());
            self.reads.push(Read { about, asking, frame, found, proven, further: Vec::new() });
        }
    }

    pub fn next_deadline(&self) -> Option<Mono> {
        self.reads.iter().filter_map(|read| read.asking.next_deadline()).min()
    }

    /// Sends what is due, and ends what found no quorum.
    pub fn poll(
        &mut self,
        now: Mono,
        nodes: &[Node],
        out: &mut VecDeque<(SocketAddr, Vec<u8>)>,
        learnt: &mut VecDeque<Learnt>,
    ) {
        self.reads.retain_mut(|read| {
            while let Some(eid) = read.asking.poll(now) {
                out.extend(nodes.iter().find(|node| node.eid == eid).map(|node| (node.at, read.frame.clone())));
            }
            let has_failed = read.asking.progress() == Progress::Failed;
            if has_failed {
                let what = format!("{}: no quorum of the directory answers", keys::short(read.about.eid()));
                learnt.push_back(Learnt::Trouble(what));
            }
            !has_failed
        });
    }

    /// A datagram of the node at this place.
    pub fn heard(
        &mut self,
        now: Mono,
        unix: UnixTime,
        (nodes, place): (&[Eid], usize),
        datagram: &[u8],
        learnt: &mut VecDeque<Learnt>,
    ) {
        let Some(node) = nodes.get(place) else { return };
        self.reads.retain_mut(|read| {
            read.heard(unix, nodes, node, datagram, learnt);
            read.asking.progress() != Progress::Done || read.goes_on(now, nodes, learnt)
        });
    }
}

impl Read {
    fn heard(&mut self, unix: UnixTime, nodes: &[Eid], node: &Eid, datagram: &[u8], learnt: &mut VecDeque<Learnt>) {
        let reader = Reader { nodes, airk: None };
        match &mut self.asking {
            Asking::Binding(reading) => {
                if let Some(answer) = reading.heard(node, datagram) {
                    self.found.take::<Crypto>(unix, &answer, &reader);
                }
            }
            Asking::Records(kind, reading) => {
                let Some(answer) = reading.heard(node, datagram) else { return };
                match self.about {
                    About::Accusation(eid) => {
                        let mut bodies = of_kind(&answer, Kind::Accusation).map(|record| record.body);
                        if let Some(body) = bodies.find(|body| is_proof(body, &eid)) {
                            learnt.push_back(Learnt::Accusation(body.to_vec()));
                        }
                    }
                    _ => self.proven.take(unix, *kind, &answer, self.about.eid(), &reader),
                }
            }
            Asking::Ticket(question, id) => {
                let Ok(frame) = Frame::parse(datagram) else { return };
                let Message::DhtTicketResp(answer) = frame.message else { return };
                if answer.transaction_id != *id {
                    return;
                }
                question.answered(node);
                if let About::Ticket { owner, requestor, .. } = self.about {
                    learnt.push_back(Learnt::Ticket { owner, requestor, answer: *answer });
                }
            }
        }
    }

    /// A quorum has answered: what follows from it, and whether more is to be read.
    fn goes_on(&mut self, now: Mono, nodes: &[Eid], learnt: &mut VecDeque<Learnt>) -> bool {
        if let (About::Peer(_), Asking::Binding(_)) = (&self.about, &self.asking) {
            // A flag is a hint. With f liars among the n, an honest node is among f + 1 that set it.
            let is_said = |flag| self.found.flagged(flag) > faulty(nodes.len());
            if is_said(REVOKED) {
                self.further.extend([Kind::Revocation, Kind::AirkBinding]);
            }
            if is_said(CHALLENGED) || is_said(SLASHED) {
                self.further.push(Kind::Accusation);
            }
        }
        if let Some(kind) = self.further.pop()
            && let Some((asking, frame)) = Asking::of_kind(now, nodes, self.about.eid(), Some(kind))
        {
            (self.asking, self.frame) = (asking, frame);
            return true;
        }
        match self.about {
            About::Peer(eid) => learnt.push_back(Learnt::Peer(eid, self.peer(nodes))),
            About::Own(_) => {
                learnt.extend(self.found.binding.as_ref().map(|binding| Learnt::Own(binding_of(binding))));
            }
            About::Accusation(_) | About::Ticket { .. } => {}
        }
        false
    }

    /// What the records prove of a peer. The nodes have no scores: those are the host's own.
    fn peer(&self, nodes: &[Eid]) -> PeerAnswer {
        let Proven { accused, first_invalid, .. } = self.proven;
        let is_valid = |binding: &Binding| first_invalid.is_none_or(|first| binding.generation < first);
        let binding = self.found.binding.as_ref().map(binding_of).filter(is_valid);
        let slashed = self.found.flagged(SLASHED) > faulty(nodes.len());
        let mut flags = if first_invalid.is_some() { REVOKED } else { 0 };
        if accused {
            flags |= if slashed { SLASHED } else { CHALLENGED };
        }
        let standing = if accused || first_invalid == Some(0) { Admission::Drop } else { Admission::Admit };
        PeerAnswer { standing, flags, reputation: NEWCOMER, binding }
    }
}

fn of_kind<'a>(answer: &NodeRecords<'a>, kind: Kind) -> impl Iterator<Item = Record<'a>> {
    answer.records().filter(move |record| record.kind == kind as u8)
}

fn is_proof(body: &[u8], offender: &Eid) -> bool {
    MalfeasanceData::parse(body)
        .is_ok_and(|data| data.ticket.target_eid == *offender && verify_accusation::<Crypto>(&data).is_ok())
}

impl Proven {
    /// Takes what a node has of a kind; what does not prove itself proves nothing.
    fn take(&mut self, unix: UnixTime, kind: Kind, answer: &NodeRecords<'_>, about: &Eid, reader: &Reader<'_>) {
        for record in of_kind(answer, kind) {
            let stands = |airk: Option<Eid>| {
                let judged = judge::<Crypto>(unix, Origin::Node, &record, None, &Reader { airk, ..*reader });
                record.storage_key == storage_key::<Crypto>(about) && matches!(judged, Judgement::Store { .. })
            };
            match kind {
                Kind::Accusation => self.accused |= is_proof(record.body, about),
                Kind::AirkBinding if self.airks.len() < RESPONSIBLE && stands(None) => {
                    let airk = AirkBinding::read_from_bytes(record.body).map(|body| body.airk);
                    self.airks.extend(airk.ok().filter(|airk| !self.airks.contains(airk)));
                }
                // It is read only if f + 1 nodes say that there is one. So any root key does: no liar undoes it by naming its own.
                Kind::Revocation if self.airks.iter().any(|airk| stands(Some(*airk))) => {
                    let Ok(body) = Revocation::read_from_bytes(record.body) else { continue };
                    let first = body.first_invalid_generation.get();
                    self.first_invalid = Some(self.first_invalid.map_or(first, |known| known.min(first)));
                }
                _ => {}
            }
        }
    }
}
