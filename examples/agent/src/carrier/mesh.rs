//! QUIC between hosts: one endpoint for all peers, and a connection to each of them, which either side may have begun.
//!
//! Both sides begin connections from the port at which they listen, so a peer's address is the same whichever side was first. A
//! frame for a peer without a connection waits until there is one; what waits too long is lost, as on any network.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Context, Result};
use quinn::{Connection, Endpoint};
use tokio::sync::{Mutex as Turn, mpsc};

use crate::carrier::link::{Arrival, INBOX, Route, accept, read_connection};
use crate::carrier::quic;

/// Peers with a connection, or with one under way.
const LINKS: usize = 1_024;
/// Frames that wait for a connection: the first of a session and its repetitions.
const WAITING: usize = 8;

/// A way to one peer.
enum Link {
    /// A connection is under way, and these frames wait for it.
    Opening(Vec<Vec<u8>>),
    Open(Route),
}

type Links = Arc<Mutex<HashMap<SocketAddr, Link>>>;

/// Connections to all peers of a host.
pub struct Mesh {
    endpoint: Endpoint,
    links: Links,
    incoming: Turn<mpsc::Receiver<Arrival>>,
    inbox: mpsc::Sender<Arrival>,
}

impl Drop for Mesh {
    fn drop(&mut self) {
        self.endpoint.close(0_u32.into(), b"done");
    }
}

impl Mesh {
    /// Listens at `bind`; returns where that is, too.
    ///
    /// # Errors
    /// The place cannot be had.
    pub fn open(bind: SocketAddr) -> Result<(Self, SocketAddr)> {
        let unable = || format!("cannot listen on quic {bind}");
        let mut endpoint = Endpoint::server(quic::server()?, bind).with_context(unable)?;
        endpoint.set_default_client_config(quic::client()?);
        let at = endpoint.local_addr().with_context(unable)?;
        let (inbox, incoming) = mpsc::channel(INBOX);
        tokio::spawn(accept(endpoint.clone(), inbox.clone()));
        Ok((Self { endpoint, links: Links::default(), incoming: Turn::new(incoming), inbox }, at))
    }

    /// The next frame, in front of the buffer. A call that is given up loses nothing.
    pub async fn next(&self, buffer: &mut [u8]) -> (usize, SocketAddr) {
        let mut incoming = self.incoming.lock().await;
        loop {
            // This side has a sender of its own, so there is always a next one.
            let Some(arrival) = incoming.recv().await else { continue };
            if let Some(taken) = self.take(arrival, buffer) {
                return taken;
            }
        }
    }

    /// One that is here already.
    pub fn try_next(&self, buffer: &mut [u8]) -> Option<(usize, SocketAddr)> {
        let mut incoming = self.incoming.try_lock().ok()?;
        loop {
            let arrival = incoming.try_recv().ok()?;
            if let Some(taken) = self.take(arrival, buffer) {
                return Some(taken);
            }
        }
    }

    /// Answers go by the connection that brought something last.
    fn take(&self, Arrival { route, from, what }: Arrival, buffer: &mut [u8]) -> Option<(usize, SocketAddr)> {
        let mut links = locked(&self.links);
        let Ok(frame) = what else {
            if matches!(links.get(&from), Some(Link::Open(open)) if open.is(&route)) {
                links.remove(&from);
            }
            return None;
        };
        let known = links.contains_key(&from);
        if !matches!(links.get(&from), Some(Link::Open(open)) if open.is(&route)) && (known || links.len() < LINKS) {
            opened(&mut links, from, route);
        }
        buffer.get_mut(..frame.len())?.copy_from_slice(&frame);
        Some((frame.len(), from))
    }

    /// Sends one frame. One that finds the queue of its connection full is lost, so that no peer holds up the others.
    pub fn send(&self, to: SocketAddr, frame: &[u8]) {
        let mut links = locked(&self.links);
        let is_full = links.len() >= LINKS;
        match links.get_mut(&to) {
            Some(Link::Open(route)) if route.send(to, frame).is_ok() => return,
            // A connection that is over is replaced.
            Some(Link::Open(_)) => {}
            Some(Link::Opening(waiting)) => {
                if waiting.len() < WAITING {
                    waiting.push(frame.to_vec());
                }
                return;
            }
            None if is_full => return,
            None => {}
        }
        links.insert(to, Link::Opening(vec![frame.to_vec()]));
        let (endpoint, links, inbox) = (self.endpoint.clone(), Arc::clone(&self.links), self.inbox.clone());
        tokio::spawn(reach(endpoint, to, links, inbox));
    }

    /// A session has taken something that came from there.
    pub fn taken(&self, from: SocketAddr) {
        if let Some(Link::Open(route)) = locked(&self.links).get(&from) {
            route.taken();
        }
    }
}

fn locked(links: &Links) -> MutexGuard<'_, HashMap<SocketAddr, Link>> {
    links.lock().unwrap_or_else(PoisonError::into_inner)
}

/// There is a connection: what waits for one goes by it.
fn opened(links: &mut HashMap<SocketAddr, Link>, to: SocketAddr, route: Route) {
    if let Some(Link::Opening(waiting)) = links.get(&to) {
        for frame in waiting {
            let _ = route.send(to, frame);
        }
    }
    links.insert(to, Link::Open(route));
}

/// Begins a connection, and reads it as long as it lives.
async fn reach(endpoint: Endpoint, to: SocketAddr, links: Links, inbox: mpsc::Sender<Arrival>) {
    let Some(connection) = connected(&endpoint, to).await else {
        let mut links = locked(&links);
        if matches!(links.get(&to), Some(Link::Opening(_))) {
            links.remove(&to);
        }
        return;
    };
    let taken = Arc::new(AtomicBool::new(false));
    opened(&mut locked(&links), to, Route::Quic(connection.clone(), Arc::clone(&taken)));
    read_connection(connection, taken, inbox).await;
}

async fn connected(endpoint: &Endpoint, to: SocketAddr) -> Option<Connection> {
    let connecting = endpoint.connect(to, quic::NAME).ok()?;
    let connection = tokio::time::timeout(quic::PATIENCE, connecting).await.ok()?.ok()?;
    connection.max_datagram_size().map(|_| connection)
}
