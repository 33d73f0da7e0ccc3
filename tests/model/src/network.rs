//! Datagrams under way: none has to arrive, and each may arrive at any later time.

use std::rc::Rc;

use crate::end::End;
use crate::frame::HEARTBEATS;
use crate::plan::Side;
use crate::provider::Mix;

/// A datagram under way.
#[derive(Clone)]
pub struct Packet {
    /// The side that it is addressed to.
    pub to: Side,
    /// The place that it was sent from.
    pub source: u8,
    /// The place that it is going to.
    pub goal: u8,
    /// The whole sequence of a sealed frame.
    pub sequence: u64,
    /// The frame.
    pub bytes: Rc<[u8]>,
    /// How often it may still arrive.
    pub left: u8,
    /// It was sent since it last arrived.
    pub fresh: bool,
    /// The attacker has a copy.
    pub kept: bool,
}

impl Packet {
    fn key(&self) -> (Side, u8, u64, &[u8]) {
        (self.to, self.goal, self.sequence, &self.bytes)
    }
}

/// Datagrams under way, in an order that does not depend on when they were sent.
#[derive(Default)]
pub struct Network(Vec<Packet>);

impl Network {
    /// The datagrams.
    #[must_use]
    pub fn packets(&self) -> &[Packet] {
        &self.0
    }

    /// A datagram leaves. Of the heartbeats of its direction the network remembers the newest ones.
    pub fn post(&mut self, packet: Packet, heartbeats: usize) {
        let (to, goal, sequence) = (packet.to, packet.goal, packet.sequence);
        if let Some(same) = self.0.iter_mut().find(|other| other.key() == packet.key()) {
            (same.source, same.fresh) = (packet.source, true);
            same.left = same.left.max(1);
            return;
        }
        let at = self.0.partition_point(|other| other.key() < packet.key());
        self.0.insert(at, packet);
        if sequence < HEARTBEATS {
            return;
        }
        let is_one =
            |packet: &Packet| !packet.kept && packet.to == to && packet.goal == goal && packet.sequence >= HEARTBEATS;
        while self.0.iter().filter(|packet| is_one(packet)).count() > heartbeats {
            let Some(oldest) = self.0.iter().position(is_one) else { return };
            self.0.remove(oldest);
        }
    }

    /// A datagram, to be delivered; `really` if it is not a forged copy of it.
    pub fn take(&mut self, number: usize, really: bool) -> Option<Packet> {
        let packet = self.0.get_mut(number)?;
        if really {
            packet.left = packet.left.saturating_sub(1);
            packet.fresh = false;
        }
        Some(packet.clone())
    }

    /// Everything is lost.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// Forgets what cannot arrive any more.
    pub fn forget_spent(&mut self) {
        self.0.retain(|packet| packet.left > 0);
    }

    /// The attacker keeps a copy.
    pub fn keep(&mut self, number: usize) {
        self.0[number].kept = true;
    }

    /// The attacker carries a datagram on to another place.
    pub fn carry(&mut self, number: usize, to: u8) {
        let packet = self.0.remove(number);
        self.post(Packet { goal: to, ..packet }, usize::MAX);
    }

    /// A peer is somewhere else: what was going to its last place is lost.
    pub fn leave(&mut self, side: Side, at: u8) {
        self.0.retain(|packet| packet.to != side || packet.goal == at);
    }

    /// The first datagram that has not arrived since it was sent, and can.
    #[must_use]
    pub fn first_fresh(&self, ends: &[End; 2]) -> Option<usize> {
        self.0.iter().position(|packet| {
            let end = &ends[packet.to as usize];
            packet.fresh && end.lives && end.at == packet.goal
        })
    }

    /// What is under way.
    pub fn print(&self, mix: &mut Mix) {
        for packet in &self.0 {
            mix.word(packet.to as u64 | u64::from(packet.source) << 8 | u64::from(packet.goal) << 16);
            mix.word(u64::from(packet.left) | u64::from(packet.kept) << 9);
            mix.bytes(&packet.bytes);
        }
        mix.word(self.0.len() as u64);
    }
}
