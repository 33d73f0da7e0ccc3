//! Agents of this host that are published in a Discovery Space, at its hubs: they hear what is searched there, and answer.
//!
//! ```text
//! SPACE_JOIN, no cookie ---> node      node: SPACE_STATUS with a cookie
//! SPACE_JOIN, cookie ------> node      node: ERROR, bits of work
//! the same, worked --------> node      node: SPACE_STATUS 0: it is a hub, and the agent hears what is searched
//! ```
//!
//! Each node gets a member key of its own, so that no two hubs can tell that a member is the same one.

use std::collections::VecDeque;
use std::net::SocketAddr;

use iacp_core::crypto::{Provider, Secret32};
use iacp_core::directory::Class;
use iacp_core::directory::name::CLOCKS;
use iacp_core::discovery::{ANSWER_LEN, Discoverable, check, join};
use iacp_core::erp::switch_point::Node;
use iacp_core::guard::Difficulty;
use iacp_core::time::{Mono, UnixTime};
use iacp_wire::layout::Publication;
use iacp_wire::message::{ErrorMessage, SpaceRelay, SpaceStatus};
use iacp_wire::{Cookie, DhtKey, Eid, Frame, JoinCookie, Message, RefusedDigest};
use zerocopy::IntoBytes;

use crate::host::directory::mining::{Mined, Miner, Ticket};
use crate::keys::{self, Crypto, Identity};

/// Publications of one host that hear searches; more are found by their records alone.
const MOST: usize = 64;
/// Of these, those of one agent.
const OF_AGENT: usize = 8;
/// A SPACE_JOIN is sent so many times, the second one after a second, and then after twice the time.
const TRIES: u32 = 5;
const AGAIN: u64 = 1_000;
/// So often a hub may give another cookie before it is given up.
const ROUNDS: u32 = 3;
/// A publication that no quorum has taken is written again after this time, then after twice the time, up to the longest.
const WRITE_AGAIN: u64 = 60_000;
const LONGEST: u64 = 960_000;
/// Bits that a search must show here without load: its hub has asked for its own.
const BASE: u32 = 8;
/// The bits more at full load.
const GAMMA: u32 = 4;
/// The status of a SPACE_STATUS that brings a cookie.
const COOKIE: u32 = 24;
/// The code of an ERROR that work gets past.
const WORK_TOO_LOW: u16 = 2;

/// The way into a space at one node.
struct Door {
    key: Identity,
    /// The SPACE_JOIN, and the datagram that it was sent in.
    inner: Vec<u8>,
    sent: Vec<u8>,
    work: Option<Ticket>,
    /// The bits that it was worked for.
    bits: u32,
    /// When it is sent next, and how often it was.
    due: Option<Mono>,
    tries: u32,
    rounds: u32,
}

/// One agent in one space.
struct Member {
    eid: Eid,
    space: DhtKey,
    until: UnixTime,
    difficulty: Difficulty,
    waiting: Discoverable<8, 64>,
    doors: Vec<Door>,
    /// The PUBLICATION, when it is written again, and the pause before that.
    publication: Vec<u8>,
    again: Option<Mono>,
    pause: u64,
}

/// All agents of this host in all spaces.
#[derive(Default)]
pub struct Members(Vec<Member>);

fn digest(bytes: &[u8]) -> RefusedDigest {
    RefusedDigest(Crypto::sha256(&[bytes]).first_chunk().copied().unwrap_or_default())
}

impl Door {
    fn new() -> Self {
        let key = Identity::from_seed(&Secret32::random(&mut keys::rng()));
        Self { key, inner: Vec::new(), sent: Vec::new(), work: None, bits: 0, due: None, tries: 0, rounds: 0 }
    }

    fn asks(&mut self, now: Mono, space: DhtKey, until: UnixTime, cookie: JoinCookie) {
        let mut frame = vec![0; 160];
        let length = join(&self.key, space, until, cookie, &mut frame).unwrap_or(0);
        frame.truncate(length);
        (self.inner, self.work, self.bits) = (frame.clone(), None, 0);
        self.sends(now, frame);
    }

    fn sends(&mut self, now: Mono, datagram: Vec<u8>) {
        (self.sent, self.due, self.tries) = (datagram, Some(now), 0);
    }

    /// Sends the same again, with the longest pause before it: the node asks for the work again.
    fn sends_later(&mut self, now: Mono) {
        (self.tries, self.due) = (0, Some(now.after(AGAIN << (TRIES - 2))));
    }
}

impl Members {
    /// An agent is published in a space until then: it joins at all nodes, and again if it is there already.
    pub fn join(&mut self, now: Mono, nodes: usize, publication: &Publication) {
        // A hub whose clock is behind takes no member for longer than it may stay.
        let until = UnixTime(publication.until.get().saturating_sub(CLOCKS));
        let (eid, space) = (publication.eid, publication.target_space_coordinate);
        let at = self.0.iter().position(|member| member.eid == eid && member.space == space);
        let of_agent = self.0.iter().filter(|member| member.eid == eid).count();
        if at.is_none() && (self.0.len() >= MOST || of_agent >= OF_AGENT) {
            return;
        }
        let at = at.unwrap_or_else(|| {
            let doors = std::iter::repeat_with(Door::new).take(nodes).collect();
            let (difficulty, waiting) = (Difficulty::new(BASE, GAMMA, now), Discoverable::default());
            let (publication, again, pause) = (Vec::new(), None, 0);
            self.0.push(Member { eid, space, until, difficulty, waiting, doors, publication, again, pause });
            self.0.len() - 1
        });
        let Some(member) = self.0.get_mut(at) else { return };
        member.until = until;
        (member.publication, member.again, member.pause) = (publication.as_bytes().to_vec(), None, WRITE_AGAIN);
        for door in &mut member.doors {
            door.rounds = 0;
            door.asks(now, space, until, JoinCookie::ZERO);
        }
    }

    /// An agent has gone: what is searched is not answered for it any more.
    pub fn forget(&mut self, eid: &Eid) {
        self.0.retain(|member| member.eid != *eid);
    }

    /// No quorum of nodes keeps a publication: it is written again, until it is renewed or would be valid no longer.
    pub fn not_kept(&mut self, now: Mono, publication: &[u8]) {
        if let Some(member) = self.0.iter_mut().find(|member| member.publication == publication) {
            member.again = Some(now.after(member.pause));
            member.pause = (member.pause * 2).min(LONGEST);
        }
    }

    /// A publication that is to be written again now.
    pub fn unkept(&mut self, now: Mono) -> Option<(Eid, Vec<u8>)> {
        let member = self.0.iter_mut().find(|member| member.again.is_some_and(|again| again <= now))?;
        member.again = None;
        Some((member.eid, member.publication.clone()))
    }

    pub fn next_deadline(&self) -> Option<Mono> {
        let doors = self.0.iter().flat_map(|member| &member.doors).filter_map(|door| door.due);
        let again = self.0.iter().filter_map(|member| member.again);
        doors.chain(again).chain(self.0.iter().filter_map(|member| member.waiting.next_deadline())).min()
    }

    /// Sends what is due.
    pub fn poll(&mut self, now: Mono, unix: UnixTime, nodes: &[Node], out: &mut VecDeque<(SocketAddr, Vec<u8>)>) {
        self.0.retain(|member| member.until > unix);
        for member in &mut self.0 {
            member.waiting.handle_deadline(now);
            for (door, node) in member.doors.iter_mut().zip(nodes) {
                if door.due.is_some_and(|due| due <= now) {
                    out.push_back((node.at, door.sent.clone()));
                    door.tries += 1;
                    door.due = (door.tries < TRIES).then(|| now.after(AGAIN << (door.tries - 1)));
                }
            }
        }
    }

    /// The node at this place says something about a SPACE_JOIN.
    pub fn status(&mut self, now: Mono, place: usize, status: &SpaceStatus) {
        for member in &mut self.0 {
            let (space, until) = (member.space, member.until);
            let Some(door) = member.doors.get_mut(place) else { continue };
            if digest(&door.inner) != status.join_digest {
                continue;
            }
            match status.status.get() {
                COOKIE if door.rounds < ROUNDS => {
                    door.rounds += 1;
                    door.asks(now, space, until, status.join_cookie);
                }
                // It is no hub of this space, has no room, or has taken the agent in: until its publication is renewed.
                _ => (door.due, door.work) = (None, None),
            }
        }
    }

    /// The node at this place asks for work.
    pub fn refused(&mut self, now: Mono, miner: &Miner, place: usize, error: &ErrorMessage) {
        let bits = error.retry_after.get();
        if error.code.get() != WORK_TOO_LOW || bits > Difficulty::CAP {
            return;
        }
        // One join of a node is worked for at a time, so no node has the miner for itself; the others are sent again until it is
        // their turn.
        let busy = self.0.iter().any(|member| member.doors.get(place).is_some_and(|door| door.work.is_some()));
        for member in &mut self.0 {
            let Some(door) = member.doors.get_mut(place) else { continue };
            // A node that has got what it asked for and asks again has to ask for more.
            if door.work.is_some() || bits <= door.bits || digest(&door.sent) != error.refused_digest {
                continue;
            }
            if busy {
                return door.sends_later(now);
            }
            (door.due, door.bits) = (None, bits);
            door.work = Some(miner.order(Class::Spaces, member.space, bits, door.inner.clone()));
            return;
        }
    }

    /// Work is done; `false` if it was for something else.
    pub fn worked(&mut self, now: Mono, mined: &Mined) -> bool {
        let mut doors = self.0.iter_mut().flat_map(|member| &mut member.doors);
        let Some(door) = doors.find(|door| door.work.as_ref().is_some_and(|work| work.is_of(mined))) else {
            return false;
        };
        door.work = None;
        door.sends(now, mined.datagram.clone());
        true
    }

    /// A hub passes a search on: one agent of this host that is in the space answers it, if it is worked for and was not answered
    /// yet.
    // keeps: IACP-137 (§6.2), IACP-140 (§6.3.1)
    pub fn relayed(&mut self, now: Mono, unix: UnixTime, head: &SpaceRelay, request: &[u8]) -> Option<Vec<u8>> {
        for member in &mut self.0 {
            let bits = member.difficulty.observe(now, &member.waiting.loads(unix));
            let Ok(proven) = check::<Crypto>(request, unix, bits) else { continue };
            if proven.space() != member.space {
                continue;
            }
            let mut answer = [0; ANSWER_LEN];
            let mut rng = keys::rng();
            let Member { waiting, eid, .. } = member;
            if waiting.accept_relayed::<Crypto>(&proven, now, unix, eid, &mut rng, &mut answer).is_err() {
                continue;
            }
            let head = SpaceRelay { relay_token: head.relay_token };
            let mut frame = vec![0; 128];
            let length = Frame::new(Message::SpaceRelay { head: &head, inner: &answer }).write(&mut frame).ok()?;
            frame.truncate(length);
            return Some(frame);
        }
        None
    }

    /// A PSS_INIT with a proof was answered by this agent.
    // keeps: IACP-141 (B.1)
    pub fn greeted(&mut self, now: Mono, eid: &Eid, peer: Eid, cookie: Cookie, proof: &[u8; 16]) {
        let mut own = self.0.iter_mut().filter(|member| member.eid == *eid);
        let _ = own.any(|member| member.waiting.on_proof::<Crypto>(now, peer, cookie, proof));
    }

    /// A peer has opened a session with this agent; whether it has found it by a search.
    pub fn met(&mut self, eid: &Eid, peer: Eid, cookie: Cookie, contract: bool) -> bool {
        let mut own = self.0.iter_mut().filter(|member| member.eid == *eid);
        own.any(|member| member.waiting.on_established(peer, cookie, contract).is_some())
    }
}

#[cfg(test)]
impl Members {
    /// What was sent to a node for a member, and whether work is done for it.
    pub fn door(&self, member: usize, place: usize) -> Option<(&[u8], bool)> {
        let door = self.0.get(member)?.doors.get(place)?;
        Some((&door.sent, door.work.is_some()))
    }
}
