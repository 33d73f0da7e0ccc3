//! Flows over one link, in virtual time.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use super::path::{Path, Shape};

/// An end of a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Side {
    /// The side that sends the content.
    Sender,
    /// The side that receives it.
    Receiver,
}

const SIDES: [Side; 2] = [Side::Sender, Side::Receiver];

/// A transfer of content from one end to the other. Both ends, without a network between them. Times are microseconds.
pub trait Flow {
    /// The next datagram that this side sends now.
    fn transmit(&mut self, now: u64, side: Side) -> Option<Vec<u8>>;
    /// A datagram arrives at this side.
    fn receive(&mut self, now: u64, side: Side, datagram: Vec<u8>);
    /// When this side has to be polled again, if nothing arrives.
    fn wake(&mut self, side: Side) -> Option<u64>;
    /// When the content began to leave: after the handshake.
    fn began(&self) -> Option<u64>;
    /// Bytes of content that the receiver's application has.
    fn delivered(&self) -> u64;
}

/// One run.
pub struct World {
    paths: [Path; 2],
    flows: Vec<(u64, Box<dyn Flow>)>,
    now: u64,
    arriving: BinaryHeap<Reverse<(u64, u64, usize, Side)>>,
    datagrams: HashMap<u64, Vec<u8>>,
    sent: u64,
}

impl World {
    /// A link of this shape in both directions, and flows that start at these times.
    #[must_use]
    pub fn new(shape: Shape, seed: u64, flows: Vec<(u64, Box<dyn Flow>)>) -> Self {
        let paths = [Path::new(shape, seed), Path::new(shape, !seed)];
        Self { paths, flows, now: 0, arriving: BinaryHeap::new(), datagrams: HashMap::new(), sent: 0 }
    }

    /// Runs until `done`, or until this much time has passed.
    pub fn run(&mut self, limit: u64, mut done: impl FnMut(&Self) -> bool) -> bool {
        loop {
            self.step();
            if done(self) {
                return true;
            }
            let now = self.now;
            let arrival = self.arriving.peek().map(|Reverse((at, ..))| *at);
            let wakes = self.flows.iter_mut().filter_map(|(start, flow)| {
                if *start > now {
                    return Some(*start);
                }
                // A timer that has passed and changes nothing must not stop the clock.
                SIDES.iter().filter_map(|side| flow.wake(*side)).min().map(|at| at.max(now + 1))
            });
            let Some(next) = wakes.chain(arrival).min().filter(|next| *next <= limit) else { return false };
            self.now = self.now.max(next);
        }
    }

    fn step(&mut self) {
        while let Some(Reverse((at, id, flow, side))) = self.arriving.peek().copied() {
            if at > self.now {
                break;
            }
            self.arriving.pop();
            if let Some(datagram) = self.datagrams.remove(&id) {
                self.flows[flow].1.receive(self.now, side, datagram);
            }
        }
        for (index, (start, flow)) in self.flows.iter_mut().enumerate() {
            if *start > self.now {
                continue;
            }
            for (side, to, path) in [(Side::Sender, Side::Receiver, 0), (Side::Receiver, Side::Sender, 1)] {
                while let Some(datagram) = flow.transmit(self.now, side) {
                    if let Some(at) = self.paths[path].carry(self.now, datagram.len()) {
                        self.sent += 1;
                        self.arriving.push(Reverse((at, self.sent, index, to)));
                        self.datagrams.insert(self.sent, datagram);
                    }
                }
            }
        }
    }

    /// Microseconds since the start.
    #[must_use]
    pub const fn now(&self) -> u64 {
        self.now
    }

    /// A flow.
    #[must_use]
    pub fn flow(&self, index: usize) -> &dyn Flow {
        &*self.flows[index].1
    }

    /// The direction in which the content goes.
    #[must_use]
    pub const fn forward(&self) -> &Path {
        &self.paths[0]
    }
}
