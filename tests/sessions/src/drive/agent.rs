//! What agents ask: each request a frame of a local channel, with arguments that come of two bytes.

use iacp_core::crypto::{Portable, Provider, Secret32};
use iacp_core::erp::agent::Agent;
use iacp_core::erp::resume::{Line, ResumeRecord};
use iacp_core::pss::Capabilities;
use iacp_wire::message::{AaiRequest, ErpInit, Local};
use iacp_wire::{Digest, Eid, Frame, IatField, InitializationNonce, Message};

use super::{CONTEXTS, Drive, ROOT};
use crate::frame;
use crate::hosts::Told;

/// Hosts to resolve, and a text that is no URI of one.
const URIS: [&str; 4] = ["https://news.example.org/", "http://example.net:8080/a", "https://192.0.2.1/", "no uri"];

/// What a byte means where capabilities are asked for.
fn offer(c: u8) -> Capabilities {
    let shared = Capabilities::ENDPOINTS.with(Capabilities::SFC);
    match c % 8 {
        0 => Capabilities::NONE,
        1 => Capabilities::SFC,
        2 => shared,
        3 => Capabilities::RESUME,
        4 => shared.with(Capabilities::EXCLUSIVE),
        5 => shared.with(Capabilities::RESUME),
        6 => Capabilities::from_bits(u32::MAX),
        _ => Capabilities::CHACHA20_POLY1305,
    }
}

/// Terms with a window of this byte.
fn terms(window: u8) -> Vec<u8> {
    [0, u32::from(window / 32) * 60, u32::from(window % 32)].map(u32::to_be_bytes).concat()
}

impl Drive {
    /// One of an agent's sessions: an open one, if it has any.
    fn session(&self, (host, agent): (usize, usize), b: u8) -> u64 {
        let all = || self.world.hosts[host].told.iter().filter(move |((of, _), _)| *of == agent);
        let open: Vec<u64> = all().filter(|(_, told)| told.closed.is_none()).map(|((_, bits), _)| *bits).collect();
        let every: Vec<u64> = all().map(|((_, bits), _)| *bits).collect();
        let from = if open.is_empty() { every } else { open };
        usize::from(b).checked_rem(from.len()).map_or(1 << 32, |place| from[place])
    }

    fn told(&self, (host, agent): (usize, usize), session: u64) -> Told {
        self.world.hosts[host].told.get(&(agent, session)).cloned().unwrap_or_default()
    }

    /// An endpoint: an own one, or one that was granted in a session.
    fn own_endpoint(&self, eid: &Eid, c: u8) -> Digest {
        let own = self.own.get(&eid.0).map_or(&[][..], Vec::as_slice);
        usize::from(c).checked_rem(own.len()).map_or(Digest([c; 32]), |place| own[place])
    }

    fn peers_endpoint(&self, at: (usize, usize), session: u64, c: u8) -> Digest {
        let granted = self.told(at, session).granted;
        usize::from(c).checked_rem(granted.len()).map_or(Digest([c; 32]), |place| granted[place].0)
    }

    /// The record of the line of some session.
    fn record(&self, at: (usize, usize), session: u64) -> [u8; ResumeRecord::LEN] {
        let told = self.told(at, session);
        let (line, first) = told.opened.map_or(([0; 16], 0), |(_, line, _, first)| (line, first));
        let safe = first + told.numbered.len() as u64;
        ResumeRecord { peer: told.peer.unwrap_or(Eid([5; 32])), line: Line(line), safe }.to_bytes()
    }

    /// The number of the next item.
    fn next(&self, at: (usize, usize), session: u64) -> u64 {
        let told = self.told(at, session);
        let first = told.opened.map_or(0, |(_, _, first, _)| first);
        self.world.hosts[at.0].sent.get(&session).copied().unwrap_or(first)
    }

    pub(super) fn ask(&mut self, op: u16, who: u8, b: u8, c: u8) {
        let Some(at) = self.place(who) else { return };
        if op == 3 {
            for _ in 0..=c % 64 {
                let (session, content) = (self.session(at, c >> 6), vec![b; usize::from(b) * 4]);
                let item = self.next(at, session);
                if self.request(at, op, session, &[&item.to_be_bytes()[..], &content].concat()) != Some(0) {
                    return;
                }
                self.world.hosts[at.0].sent.insert(session, item + 1);
            }
            return;
        }
        let (session, arguments) = self.arguments(at, op, b, c);
        let answer = self.request(at, op, session, &arguments);
        if op == 24 && answer == Some(0) {
            self.rewound.insert((at.0, session));
        }
    }

    /// Session and arguments of a request.
    fn arguments(&self, at: (usize, usize), op: u16, b: u8, c: u8) -> (u64, Vec<u8>) {
        let session = self.session(at, b);
        let own = self.world.eid(at.0, at.1);
        let other = self.eid(b).unwrap_or(Eid([b; 32]));
        let hold = u32::from(c >> 3 & 1);
        match op {
            1 => {
                let (sessions, bits) = (u32::from(b % 5), offer(c).bits());
                let window = 16_u32;
                (0, [bits, 0, 0, window, sessions, hold].map(u32::to_be_bytes).concat())
            }
            2 => {
                let record = self.record(at, self.session(at, c >> 5));
                // Without a directory the address is named.
                let host = usize::from(b) % super::HOSTS;
                let there = self.world.hosts[host].at;
                let ip = iacp_wire::Locator::from(there.ip());
                let head = [&other.0[..], &ip.0, &there.port().to_be_bytes(), &[0, c >> 3 & 1]].concat();
                let record = if c & 0x10 == 0 { &[][..] } else { &record };
                let other = if c & 0x10 == 0 { other } else { Eid(*record.first_chunk().unwrap_or(&[0; 32])) };
                // What HOLD is asked with shows a proof too: that of some search.
                let proof = if hold == 0 { &[][..] } else { &[c; 16] };
                (0, [&other.0[..], &head[32..], &offer(c).bits().to_be_bytes(), record, proof].concat())
            }
            4 => (0, self.record(at, session).to_vec()),
            5 => {
                let told = self.told(at, session);
                let come = told.opened.map_or(0, |(.., first)| first) + told.numbered.len() as u64;
                let last = told.items.keys().next_back().map_or(0, |last| last + 1);
                let below = if c > 127 { u64::from(c) << (c % 48) } else { come.max(last) };
                (session, below.to_be_bytes().to_vec())
            }
            6 => {
                let answer = [0, 1 + (c & 1), 0, if c & 1 == 0 { 0 } else { 8 }];
                (session, [&answer[..], &terms(c >> 1)].concat())
            }
            7 => (session, self.next(at, session).to_be_bytes().to_vec()),
            8 | 9 => (session, u16::from(c % 9).to_be_bytes().to_vec()),
            10 => (0, other.0.to_vec()),
            11 if c == 0 => (session, vec![0; 6]),
            11 => (0, [&[b & 7, 1][..], &u32::from(b >> 3).to_be_bytes(), &[c]].concat()),
            12 | 13 => {
                let (session, coordinate) = match b & 1 {
                    0 => (0, self.own_endpoint(&own, b >> 1)),
                    _ => (self.session(at, b >> 1), self.peers_endpoint(at, self.session(at, b >> 1), c)),
                };
                // The version that it must have is mostly any.
                let version = u64::from(c >> 7) * u64::from(b);
                let value = [&version.to_be_bytes()[..], &vec![c; usize::from(c) * 4]].concat();
                let value = if op == 12 { value } else { Vec::new() };
                (session, [&coordinate.0[..], &value].concat())
            }
            14 => (0, self.own_endpoint(&own, b).0.to_vec()),
            15 => {
                let (coordinate, session) = (self.own_endpoint(&own, b >> 4), self.session(at, b & 15));
                let rights = u16::from(c & 7).to_be_bytes();
                (session, [&coordinate.0[..], &rights, &[0; 2], &u32::from(c >> 3).to_be_bytes()].concat())
            }
            16 => (session, [&self.peers_endpoint(at, session, c >> 1).0[..], &[c & 1]].concat()),
            17 => (0, [&self.own_endpoint(&own, c >> 1).0[..], &other.0, &[c & 1]].concat()),
            18 => (if b & 1 == 0 { 0 } else { self.session(at, b >> 1) }, (u32::from(c) * 20).to_be_bytes().to_vec()),
            19 => {
                let derived = self.derived.get(&own.0).map_or(&[][..], Vec::as_slice);
                (0, derived.first().map_or([c; 32], |name| name.0).to_vec())
            }
            20 => (0, deposit(own, b, c)),
            21 => (0, vec![b & 1]),
            22 => (0, [&[0, 2 + (b & 1), 0, 0][..], &[c; 32]].concat()),
            24 => (session, Vec::new()),
            25 => (0, URIS[usize::from(b) % URIS.len()].into()),
            _ => (0, Vec::new()),
        }
    }

    /// Says something by the agent's channel; the status of its RESULT, if there was one.
    pub(super) fn request(&mut self, at: (usize, usize), op: u16, session: u64, arguments: &[u8]) -> Option<u16> {
        let agent = &self.world.hosts[at.0].agents[at.1];
        let (eid, local_iat) = (agent.eid(), IatField(*agent.iat().expose()));
        let head = AaiRequest { op: op.into(), op_reserved: 0.into(), request: 1.into(), session: session.into() };
        let inner = frame(Message::AaiRequest { head: &head, arguments });
        let bytes = frame(Message::Local { head: &Local { eid, local_iat }, inner: &inner });
        let answers = self.local(at.0, u32::try_from(at.1 % 8).unwrap_or(0), &bytes)?;
        let status = self.answered(at.0, op, (eid, &arguments[..arguments.len().min(56)]), &answers);
        match status {
            Some(status) => *self.report.asked.entry((op, status)).or_default() += 1,
            None => *self.report.later.entry(op).or_default() += 1,
        }
        status
    }

    /// A frame of a local channel, and what is answered; nothing where it was not taken.
    pub(super) fn local(&mut self, host: usize, channel: u32, bytes: &[u8]) -> Option<Vec<u8>> {
        let now = self.world.now;
        self.report.local_frame(bytes);
        match self.world.hosts[host].local(now, channel, bytes) {
            Ok(answers) => Some(answers),
            Err(why) => {
                self.report.dropped.insert(format!("{why:?}"));
                None
            }
        }
    }

    /// Takes the frames of an answer; the status of the RESULT among them.
    fn answered(&mut self, host: usize, op: u16, (eid, arguments): (Eid, &[u8]), answers: &[u8]) -> Option<u16> {
        let (mut rest, mut status) = (answers, None);
        while let Some(head) = rest.first_chunk::<4>() {
            let length = 4 + usize::from(u16::from_be_bytes([head[2], head[3]]));
            let (one, left) = rest.split_at(length);
            rest = left;
            self.report.local_frame(one);
            match Frame::parse(one).expect("an LL-Entity's frame parses").message {
                Message::ErpAlloc(alloc) => {
                    self.begun(host, Agent::new(alloc.allocated_eid, Secret32::new(alloc.local_iat.0)));
                    status = Some(0);
                }
                Message::Local { inner, .. } => {
                    let Ok(Frame { message: Message::AaiNotice { head, content }, .. }) = Frame::parse(inner) else {
                        panic!("no notice: {inner:02x?}");
                    };
                    *self.report.told.entry(head.notice.get()).or_default() += 1;
                    if self.moved.contains(&(host, eid.0)) {
                        *self.report.told_after_docking.entry(head.notice.get()).or_default() += 1;
                    }
                    if head.notice.get() == 1 {
                        status = Some(head.result_status.get());
                        self.keep(host, op, (eid, arguments), status == Some(0), (head.session.get(), content));
                    }
                }
                Message::Error(_) => status = Some(4),
                other => panic!("no answer: {other:?}"),
            }
        }
        status
    }

    /// What a RESULT brings.
    fn keep(
        &mut self,
        host: usize,
        op: u16,
        (eid, arguments): (Eid, &[u8]),
        is_done: bool,
        (session, content): (u64, &[u8]),
    ) {
        let Some(agent) = self.world.hosts[host].agents.iter().position(|agent| agent.eid() == eid) else { return };
        let digest = content.first_chunk().map(|bytes| Digest(*bytes));
        match (op, digest) {
            (2, _) if is_done => _ = self.world.hosts[host].told.entry((agent, session)).or_default(),
            (11, Some(coordinate)) => self.own.entry(eid.0).or_default().push(coordinate),
            (18, Some(name)) => self.derived.entry(eid.0).or_default().push(name),
            (19, _) if is_done => {
                let name = arguments.first_chunk().map(|bytes| Digest(*bytes));
                self.derived.entry(eid.0).or_default().retain(|of| Some(*of) != name);
            }
            _ => {}
        }
    }

    /// A new context of this host.
    fn begun(&mut self, host: usize, agent: Agent) {
        self.world.hosts[host].agents.push(agent);
    }

    /// ERP_INIT by a channel.
    pub(super) fn init(&mut self, host: usize, channel: u8, nonce: u8) {
        let full = self.world.hosts[host].agents.len() >= 2 * CONTEXTS as usize;
        let init = ErpInit { initialization_nonce: InitializationNonce([nonce; 32]) };
        let bytes = frame(Message::ErpInit(&init));
        if !full && let Some(answers) = self.local(host, u32::from(channel % 10), &bytes) {
            self.answered(host, 0, (Eid([0; 32]), &[]), &answers);
        }
    }
}

/// The arguments of DEPOSIT: a record by the root key about this EID, its publication, or nonsense.
fn deposit(eid: Eid, b: u8, c: u8) -> Vec<u8> {
    let root = Portable::signing_key(&Secret32::new(ROOT));
    let sign = |label: &str, fields: &[u8]| {
        Portable::sign(&root, &Portable::sha256(&[b"IACP/1 ", label.as_bytes(), &[0], fields]))
    };
    match b % 3 {
        0 => {
            let fields = [eid.0, Portable::public_key(&root)].concat();
            [&[3][..], &fields, &[0; 64], &sign("AIRK_BINDING", &fields)].concat()
        }
        1 => {
            let fields = [&eid.0[..], &0_u64.to_be_bytes(), &77_u64.to_be_bytes()].concat();
            [&[4][..], &fields, &sign("REVOCATION_RECORD", &fields)].concat()
        }
        _ if c == 0 => [&[11][..], &[5; 32], &eid.0, &[0; 80]].concat(),
        _ => vec![c; 1 + usize::from(c)],
    }
}
