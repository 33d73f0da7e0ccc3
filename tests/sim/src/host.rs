//! A directory node with its memory. A lying one is two nodes: one confirms what it receives, the other, whose store is
//! empty, answers the look-ups; and it votes against the truth, and then the other way too.

use std::net::SocketAddr;

use iacp_core::directory::metric::NodeInfo;
use iacp_core::directory::node::{
    Case, Entry, Handled, Kept, Memory, Neighbour, Node, NodeEvent, Settings, Shown, Trust,
};
use iacp_core::governance::ballot;
use iacp_core::governance::window::{Clock, Outcome, epoch};
use iacp_core::guard::ticket::{Issued, Spending};
use iacp_core::guard::{Liable, Zone};
use iacp_core::identity::Identity;
use iacp_core::slots::Slot;
use iacp_core::time::{Mono, UnixTime};
use iacp_wire::{Eid, Frame, Message, MessageType};
use rand_chacha::ChaCha8Rng;

use crate::frames::frame;
use crate::provider::Chosen;

pub struct Nothing;
impl Trust for Nothing {}

/// Bits of work without load. All else is the profile's except the work of a place, since no node here chose its place.
pub const SETTINGS: Settings = Settings { place_bits: 0, base: BASE as u32, ..Settings::DEFAULT };
pub const BASE: u8 = 4;

pub struct Host {
    pub node: Node<'static, Chosen>,
    pub info: NodeInfo,
    me: Identity<Chosen>,
    face: Option<Node<'static, Chosen>>,
    /// Verdicts that this node came to, or heard.
    pub verdicts: Vec<(Eid, Outcome)>,
}

/// Bytes of memory that a node is given.
pub fn given(places: usize, nodes: usize) -> usize {
    places * (size_of::<Slot<Entry>>() + 8)
        + 4_096 * size_of::<Shown>()
        + nodes * size_of::<Option<Neighbour>>()
        + CASES * size_of::<Option<Case>>()
        + 64 * (size_of::<Spending>() + size_of::<Issued>() + size_of::<Liable>() + size_of::<Kept>())
        + 256 * size_of::<Zone>()
}

const CASES: usize = 64;

fn node(info: NodeInfo, places: usize, nodes: usize, rng: &mut ChaCha8Rng) -> Node<'static, Chosen> {
    fn memory<T>(count: usize, with: impl FnMut() -> T) -> &'static mut [T] {
        Box::leak(std::iter::repeat_with(with).take(count).collect())
    }
    let memory = Memory {
        entries: memory(places, || Slot::new(Entry::EMPTY)),
        cells: memory((2 * places).next_power_of_two(), || 0),
        seen: memory(4_096, || Shown::FREE),
        nodes: memory::<Option<Neighbour>>(nodes, || None),
        cases: memory::<Option<Case>>(CASES, || None),
        spent: memory(64, || Spending::FREE),
        issued: memory(64, || Issued::FREE),
        liable: memory(64, || Liable::FREE),
        zones: memory(256, || Zone::new(Mono(0))),
        cache: memory(64, || Kept::FREE),
    };
    match Node::new(memory, info, SETTINGS, Mono(0), rng) {
        Ok(node) => node,
        Err(error) => unreachable!("the sizes are powers of two: {error:?}"),
    }
}

impl Host {
    pub fn new(me: Identity<Chosen>, info: NodeInfo, places: usize, all: &[NodeInfo], rng: &mut ChaCha8Rng) -> Self {
        let mut new = node(info, places, all.len(), rng);
        for other in all {
            new.introduce(Mono(0), *other);
        }
        // There is nothing yet to hand over to the nodes that have just come.
        let (clock, mut out) = (Clock { mono: Mono(0), unix: UnixTime(0) }, [0; 1_200]);
        for _ in 0..all.len() * places.div_ceil(256) {
            let _ = new.poll_transmit(clock, &me, &mut out);
        }
        Self { node: new, info, me, face: None, verdicts: Vec::new() }
    }

    /// From now on it lies.
    pub fn corrupt(&mut self, all: &[NodeInfo], rng: &mut ChaCha8Rng) {
        let mut face = node(self.info, 8, all.len(), rng);
        for other in all {
            face.introduce(Mono(0), *other);
        }
        self.face = Some(face);
    }

    pub const fn lies(&self) -> bool {
        self.face.is_some()
    }

    pub fn handle(&mut self, now: Clock, from: SocketAddr, datagram: &[u8]) -> Option<Vec<u8>> {
        let is_look_up =
            || Frame::parse(datagram).is_ok_and(|frame| frame.message.message_type() == MessageType::DirGet);
        let node = match &mut self.face {
            Some(face) if is_look_up() => face,
            _ => &mut self.node,
        };
        let mut out = [0; 1_200];
        match node.handle(now, &self.me, from, datagram, &Nothing, &mut out) {
            Handled::Answer(length) => out.get(..length).map(<[u8]>::to_vec),
            Handled::Silence(_) => None,
        }
    }

    /// The next record that it hands on to another node, and to which address.
    pub fn transmit(&mut self, now: Clock) -> Option<(SocketAddr, Vec<u8>)> {
        let mut out = [0; 1_200];
        let (to, length) = self.node.poll_transmit(now, &self.me, &mut out)?;
        // A liar hands nothing on.
        (!self.lies()).then(|| (to, out.get(..length).unwrap_or_default().to_vec()))
    }

    /// Handles what is due; returns the votes and the nodes that each is for.
    pub fn tick(&mut self, now: Clock) -> Vec<(Vec<u8>, Vec<Eid>)> {
        let mut votes = Vec::new();
        while let Some(event) = self.node.handle_deadline(now) {
            match event {
                NodeEvent::Persist { id, offender, outcome } => {
                    let mut out = [0; 256];
                    let Some((length, voters)) = self.node.persisted(now, &self.me, &id, &mut out) else { continue };
                    let honest = out.get(..length).unwrap_or_default().to_vec();
                    if !self.lies() {
                        votes.push((honest, voters.to_vec()));
                        continue;
                    }
                    let other = if outcome == Outcome::Guilty { Outcome::Cleared } else { Outcome::Guilty };
                    let lie = ballot::sign(&self.me, id, offender, other, epoch(now.unix));
                    let lie = frame(Message::PomVote(&lie));
                    // Half of the nodes hear one thing first, half the other; then all hear both.
                    let (some, rest) = voters.split_at(voters.len() / 2);
                    votes.extend([(lie.clone(), some.to_vec()), (honest.clone(), rest.to_vec())]);
                    votes.extend([(honest, some.to_vec()), (lie, rest.to_vec())]);
                }
                NodeEvent::Verdict { offender, outcome, .. } => self.verdicts.push((offender, outcome)),
                NodeEvent::Lapsed { .. } | NodeEvent::Equivocation { .. } => {}
            }
        }
        votes
    }
}
