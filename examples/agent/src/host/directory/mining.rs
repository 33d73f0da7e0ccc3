//! Proof of work for the nodes, on threads of their own: a host goes on meanwhile. Requests do not wait for searches, nor the other
//! way round.

use std::io;
use std::sync::{Arc, Weak, mpsc};
use std::thread;

use iacp_core::directory::Class;
use iacp_core::directory::work::Worker;
use iacp_core::discovery::pow;
use iacp_wire::{DhtKey, Frame, Message};
use rand_core::Rng;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use zerocopy::IntoBytes;

use crate::clock::unix;
use crate::keys::{self, Crypto};

/// Nonces between two looks whether the work is still wanted.
const STEP: u32 = 1 << 12;

/// Names a work, and ends it when it is dropped.
#[derive(Debug)]
pub struct Ticket(Arc<()>);

/// Work that is done: the WORKED_REQUEST, or the body of a DISCOVERY_REQ.
pub struct Mined {
    ticket: Weak<()>,
    pub datagram: Vec<u8>,
}

impl Ticket {
    /// Whether this is the work that was ordered with it.
    pub fn is_of(&self, mined: &Mined) -> bool {
        mined.ticket.upgrade().is_some_and(|ticket| Arc::ptr_eq(&ticket, &self.0))
    }
}

enum Work {
    Request { class: Class, key: DhtKey, bits: u32, inner: Vec<u8> },
    Search(pow::Miner),
}

struct Order {
    ticket: Weak<()>,
    work: Work,
}

impl Order {
    /// Requests that are worked for first: bindings and other records, then the fewest bits.
    fn turn(&self) -> (bool, u32) {
        match &self.work {
            Work::Request { class, bits, .. } => (*class == Class::Spaces, *bits),
            Work::Search(_) => (false, 0),
        }
    }
}

/// Two threads: one for requests, and one for searches.
pub struct Miner {
    requests: mpsc::Sender<Order>,
    searches: mpsc::Sender<Order>,
    done: UnboundedReceiver<Mined>,
}

impl Miner {
    pub fn start() -> io::Result<Self> {
        let (telling, done) = unbounded_channel();
        let begin = |name: &str| {
            let (orders, taken) = mpsc::channel();
            let telling = telling.clone();
            thread::Builder::new().name(name.into()).spawn(move || work(&taken, &telling))?;
            io::Result::Ok(orders)
        };
        Ok(Self { requests: begin("work")?, searches: begin("searches")?, done })
    }

    /// Orders work for a request.
    pub fn order(&self, class: Class, key: DhtKey, bits: u32, inner: Vec<u8>) -> Ticket {
        Self::orders(&self.requests, Work::Request { class, key, bits, inner })
    }

    /// Orders work for a search.
    pub fn search(&self, miner: pow::Miner) -> Ticket {
        Self::orders(&self.searches, Work::Search(miner))
    }

    fn orders(thread: &mpsc::Sender<Order>, work: Work) -> Ticket {
        let ticket = Arc::new(());
        let _ = thread.send(Order { ticket: Arc::downgrade(&ticket), work });
        Ticket(ticket)
    }

    /// The next work that is done. A call that is given up loses nothing.
    pub async fn next(&mut self) -> Mined {
        match self.done.recv().await {
            Some(mined) => mined,
            None => std::future::pending().await,
        }
    }
}

fn work(orders: &mpsc::Receiver<Order>, done: &UnboundedSender<Mined>) {
    let mut waiting = Vec::new();
    while let Some(Order { ticket, work }) = next(orders, &mut waiting) {
        let Some(datagram) = done_for(&ticket, work) else { continue };
        if done.send(Mined { ticket, datagram }).is_err() {
            return;
        }
    }
}

/// The next order of those that have come; none when no more will come.
fn next(orders: &mpsc::Receiver<Order>, waiting: &mut Vec<Order>) -> Option<Order> {
    waiting.retain(|order| order.ticket.strong_count() > 0);
    waiting.extend(orders.try_iter());
    if waiting.is_empty() {
        return orders.recv().ok();
    }
    let (first, _) = waiting.iter().enumerate().min_by_key(|(_, order)| order.turn())?;
    Some(waiting.remove(first))
}

/// What the work is for, with the work; none if it is not wanted any more.
fn done_for(ticket: &Weak<()>, work: Work) -> Option<Vec<u8>> {
    match work {
        Work::Request { class, key, bits, inner } => {
            let bits = u8::try_from(bits).ok()?;
            let mut worker = Worker::new::<Crypto>(class, key, bits, unix(), keys::rng().next_u64(), &inner);
            while ticket.strong_count() > 0 {
                let Some(head) = worker.step(STEP) else { continue };
                let mut datagram = vec![0; 128 + inner.len()];
                let written = Frame::new(Message::WorkedRequest { head: &head, inner: &inner }).write(&mut datagram);
                datagram.truncate(written.unwrap_or(0));
                return Some(datagram);
            }
        }
        Work::Search(mut miner) => {
            while ticket.strong_count() > 0 {
                let Some(proven) = miner.step(STEP) else { continue };
                return Some(proven.as_bytes().to_vec());
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_come_before_joins_and_then_the_fewest_bits_and_what_is_given_up_is_not_worked_for() {
        let (orders, taken) = mpsc::channel();
        let order = |class, bits| {
            let work = Work::Request { class, key: DhtKey([0; 32]), bits, inner: Vec::new() };
            Miner::orders(&orders, work)
        };
        let tickets = [
            order(Class::Spaces, 24),
            order(Class::Spaces, 10),
            order(Class::Identities, 20),
            order(Class::Spaces, 8),
            order(Class::Identities, 12),
        ];
        let mut waiting = Vec::new();
        let mut turn = || next(&taken, &mut waiting).map(|order| order.turn());
        assert_eq!(turn(), Some((false, 12)));
        let [_all, _ten, _record, given_up, _] = tickets;
        drop(given_up);
        assert_eq!([turn(), turn(), turn()], [Some((false, 20)), Some((true, 10)), Some((true, 24))]);
        drop(orders);
        assert_eq!(turn(), None);
    }
}
