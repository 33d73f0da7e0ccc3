//! Proof of work for the nodes, on a thread of its own: a host goes on meanwhile.

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

/// The thread.
pub struct Miner {
    orders: mpsc::Sender<Order>,
    done: UnboundedReceiver<Mined>,
}

impl Miner {
    pub fn start() -> io::Result<Self> {
        let (orders, taken) = mpsc::channel();
        let (telling, done) = unbounded_channel();
        thread::Builder::new().name("work".into()).spawn(move || work(&taken, &telling))?;
        Ok(Self { orders, done })
    }

    /// Orders work for a request.
    pub fn order(&self, class: Class, key: DhtKey, bits: u32, inner: Vec<u8>) -> Ticket {
        self.orders(Work::Request { class, key, bits, inner })
    }

    /// Orders work for a search.
    pub fn search(&self, miner: pow::Miner) -> Ticket {
        self.orders(Work::Search(miner))
    }

    fn orders(&self, work: Work) -> Ticket {
        let ticket = Arc::new(());
        let _ = self.orders.send(Order { ticket: Arc::downgrade(&ticket), work });
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
    while let Ok(Order { ticket, work }) = orders.recv() {
        let Some(datagram) = done_for(&ticket, work) else { continue };
        if done.send(Mined { ticket, datagram }).is_err() {
            return;
        }
    }
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
