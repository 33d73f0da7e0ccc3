//! One write to, or one look-up at, the nodes for a key, by the quorum client of the library.

use std::net::SocketAddr;

use iacp_core::directory::client::Reader;
use iacp_core::directory::quorum::{Progress, Question, faulty};
use iacp_core::directory::{Answered, Class, Judgement, Kind, Origin, answered, judge};
use iacp_core::time::{Mono, UnixTime};
use iacp_wire::layout::Record;
use iacp_wire::message::ErpRegister;
use iacp_wire::{DhtKey, Eid, Frame, Message};
use zerocopy::{FromBytes, IntoBytes};

use crate::frames::{standing, worked};
use crate::host::BASE;
use crate::provider::Chosen;

/// A reader that knows no nodes and no root keys.
const NOTHING: Reader<'static> = Reader { nodes: &[], airk: None };

/// ERROR WORK_TOO_LOW, and BREAKER_OPEN: a request with proof of work passes an open breaker.
const WORK_TOO_LOW: u16 = 2;
const BREAKER_OPEN: u16 = 6;

/// What an operation is for.
pub enum Purpose {
    /// A record of its owner: the frame, the record's kind and body.
    Write { inner: Vec<u8>, kind: Kind, body: Vec<u8> },
    /// The binding of a key.
    Read,
}

/// How an operation stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Waiting,
    /// A quorum confirmed, or answered.
    Done,
    /// More nodes than may be lying refused, with this status.
    Refused(u32),
    /// No quorum in 30 s.
    Failed,
}

pub struct Operation {
    pub key: DhtKey,
    pub from: SocketAddr,
    pub purpose: Purpose,
    pub state: State,
    /// The nodes for the key, as numbers.
    pub nodes: Vec<usize>,
    /// Frames that were sent.
    pub sent_frames: u32,
    /// Answers that came.
    pub answers: u32,
    pub began: u64,
    pub ended: u64,
    pub best: Option<ErpRegister>,
    pub pair: Option<[ErpRegister; 2]>,
    question: Question,
    datagram: Vec<u8>,
    sent: Vec<Vec<u8>>,
    /// Nodes that refused it for good, and with which status.
    refusals: Vec<(usize, u32)>,
    /// The bits of work that the nodes demanded last.
    bits: u8,
}

impl Operation {
    pub fn new(
        now: u64,
        key: DhtKey,
        from: SocketAddr,
        purpose: Purpose,
        nodes: Vec<usize>,
        eids: &[Eid],
    ) -> Option<Self> {
        let datagram = match &purpose {
            Purpose::Write { inner, .. } => inner.clone(),
            Purpose::Read => standing(key, now),
        };
        let sent = vec![Vec::new(); nodes.len()];
        Some(Self {
            key,
            from,
            purpose,
            state: State::Waiting,
            sent_frames: 0,
            answers: 0,
            began: now,
            ended: now,
            best: None,
            pair: None,
            question: Question::new(Mono(now), eids)?,
            nodes,
            datagram,
            sent,
            refusals: Vec::new(),
            bits: BASE,
        })
    }

    /// The datagram to send now, and the positions of its receivers among the nodes.
    pub fn poll(&mut self, now: u64, eids: &[Eid]) -> Vec<(usize, Vec<u8>)> {
        let mut out = Vec::new();
        if self.state != State::Waiting {
            return out;
        }
        while let Some(eid) = self.question.poll(Mono(now)) {
            let Some(at) = eids.iter().position(|node| *node == eid) else { continue };
            // A node that refused it for good is not asked again.
            if self.refusals.iter().any(|(node, _)| *node == at) {
                continue;
            }
            if let Some(sent) = self.sent.get_mut(at) {
                sent.clone_from(&self.datagram);
            }
            self.sent_frames += 1;
            out.push((at, self.datagram.clone()));
        }
        if self.question.progress() == Progress::Failed {
            (self.state, self.ended) = (State::Failed, now);
        }
        out
    }

    /// The status that most of the refusing nodes gave. One of them may lie, or have no room: networks share 256 counters at each node,
    /// and one of these may be that of a network which floods.
    fn most_said(&self, last: u32) -> u32 {
        let said = |status: u32| self.refusals.iter().filter(|(_, one)| *one == status).count();
        self.refusals.iter().map(|(_, status)| *status).max_by_key(|status| said(*status)).unwrap_or(last)
    }

    pub fn next_deadline(&self) -> Option<u64> {
        let is_open = self.state == State::Waiting;
        self.question.next_deadline().filter(|_| is_open).map(|Mono(at)| at)
    }

    /// An answer; returns what is sent to the same node at once.
    pub fn answer(&mut self, now: u64, unix: UnixTime, at: usize, eid: &Eid, bytes: &[u8]) -> Option<Vec<u8>> {
        if self.state != State::Waiting {
            return None;
        }
        self.answers += 1;
        let read: &[u8] = &[];
        let (inner, kind, body) = match &self.purpose {
            Purpose::Write { inner, kind, body } => (inner.clone(), *kind, body.as_slice()),
            Purpose::Read => (standing(self.key, self.began), Kind::Binding, read),
        };
        if let (Purpose::Read, Ok(Message::DirAnswer { records, .. })) =
            (&self.purpose, Frame::parse(bytes).map(|frame| frame.message))
        {
            if let Ok((record, _)) = Record::parse_prefix(records)
                && record.storage_key == self.key
            {
                self.consider(unix, &record);
            }
            self.question.answered(eid);
        } else {
            let record = Record { kind: kind as u8, storage_key: self.key, expiry: u64::MAX, body };
            match answered::<Chosen>(bytes, eid, self.sent.get(at)?, &record)? {
                Answered::Status(0) => {
                    self.question.answered(eid);
                }
                Answered::Status(status) => {
                    if !self.refusals.iter().any(|(node, _)| *node == at) {
                        self.refusals.push((at, status));
                    }
                    if self.refusals.len() > faulty(self.nodes.len()) {
                        (self.state, self.ended) = (State::Refused(self.most_said(status)), now);
                    }
                }
                Answered::Refused { code: WORK_TOO_LOW, retry_after } => {
                    return self.work(now, unix, at, u8::try_from(retry_after).ok()?, &inner);
                }
                // The answer names no bits. A request that carries work already waits.
                Answered::Refused { code: BREAKER_OPEN, .. } if *self.sent.get(at)? == inner => {
                    return self.work(now, unix, at, self.bits, &inner);
                }
                Answered::Refused { .. } => {}
            }
        }
        if self.question.progress() == Progress::Done {
            (self.state, self.ended) = (State::Done, now);
        }
        None
    }

    /// Does the proof of work for the request, and sends it to this node again; later repetitions carry the work too.
    fn work(&mut self, now: u64, unix: UnixTime, at: usize, bits: u8, inner: &[u8]) -> Option<Vec<u8>> {
        self.bits = bits;
        self.datagram = worked(Class::Identities, self.key, bits, unix, now << 20, inner);
        self.sent.get_mut(at)?.clone_from(&self.datagram);
        self.sent_frames += 1;
        Some(self.datagram.clone())
    }

    fn consider(&mut self, unix: UnixTime, record: &Record<'_>) {
        let held = self.best;
        let held = held.as_ref().map(|held| Record { body: held.as_bytes(), ..*record });
        let Ok(binding) = ErpRegister::read_from_bytes(record.body) else { return };
        match judge::<Chosen>(unix, Origin::Node, record, held.as_ref(), &NOTHING) {
            Judgement::Store { .. } => self.best = Some(binding),
            Judgement::Equivocation => self.pair = self.best.map(|first| [first, binding]),
            Judgement::Refresh { .. } | Judgement::Stale | Judgement::Refused(_) => {}
        }
    }
}
