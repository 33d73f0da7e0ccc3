//! The transports below a session: datagrams of QUIC, or of UDP. Both may lose and reorder; the session repairs.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use clap::ValueEnum;
use iacp_core::guard::site;
use quinn::{Connection, Endpoint, SendDatagramError};
use socket2::{Domain, Socket, Type};
use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::carrier::quic;

/// No frame is longer, in bytes.
pub const FRAME_LIMIT: usize = 1_200;
/// Datagrams that wait for their session. When there are more, they wait in the kernel, and then they are lost.
pub const INBOX: usize = 1_024;
/// Connections that a listener holds at once; of one network it holds a quarter of them.
const CONNECTIONS: usize = 512;
/// A connection of which no session has taken anything for this long is closed: a session's heartbeats come every 15 s.
/// Datagrams that belong to no session keep no connection open.
const SILENT: Duration = Duration::from_secs(60);

/// What carries the frames.
// keeps: IACP-001 (§1.3)
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Transport {
    /// QUIC datagrams, as the draft prefers
    Quic,
    /// One frame per UDP datagram and nothing else
    Udp,
}

impl Transport {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Quic => "quic",
            Self::Udp => "udp",
        }
    }
}

/// How soon a full queue of QUIC is tried again.
const ROOM: Duration = Duration::from_millis(1);

/// What became of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Queue {
    /// The transport has it.
    Taken,
    /// The transport's queue is full: the frame is still the session's.
    Full,
}

/// A way back to the peer.
#[derive(Clone, Debug)]
pub enum Route {
    /// A socket that reaches every peer, wherever that has moved, and from wherever this host is now.
    Udp(Arc<UdpSocket>),
    /// Whether a session has taken something that came by the connection, since that was last asked.
    Quic(Connection, Arc<AtomicBool>),
}

impl Route {
    /// Hands one frame to the transport, which may lose it on its way. It never waits.
    ///
    /// # Errors
    /// The transport is gone.
    pub fn send(&self, to: SocketAddr, frame: &[u8]) -> Result<Queue, Lost> {
        let sent = match self {
            Self::Udp(socket) => socket.try_send_to(frame, to),
            Self::Quic(connection, _) if connection.datagram_send_buffer_space() < frame.len() => {
                return Ok(Queue::Full);
            }
            Self::Quic(connection, _) => {
                return match connection.send_datagram(frame.to_vec().into()) {
                    Err(SendDatagramError::ConnectionLost(why)) => Err(Lost::Ended(why.to_string())),
                    _ => Ok(Queue::Taken),
                };
            }
        };
        match sent {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(Queue::Full),
            // Any other error is one of this datagram's: it is lost.
            _ => Ok(Queue::Taken),
        }
    }

    /// A session has taken something that came this way.
    pub fn taken(&self) {
        if let Self::Quic(_, taken) = self {
            taken.store(true, Ordering::Relaxed);
        }
    }

    /// Waits until a full queue may have room.
    pub async fn room(&self) {
        match self {
            Self::Udp(socket) => {
                let _ = socket.writable().await;
            }
            // QUIC tells when there is room only to what hands over a datagram.
            Self::Quic(..) => tokio::time::sleep(ROOM).await,
        }
    }

    /// Whether a frame for `to` can go this way, where the peer has been heard at `at`.
    pub fn leads(&self, at: SocketAddr, to: SocketAddr) -> bool {
        at == to || !matches!(self, Self::Quic(..))
    }

    /// How long a frame may be here, now and for as long as the route lives.
    pub fn frame_limit(&self) -> usize {
        match self {
            Self::Udp(_) => FRAME_LIMIT,
            // It stays what QUIC begins with: path discovery is off.
            Self::Quic(connection, _) => connection.max_datagram_size().unwrap_or(0).min(FRAME_LIMIT),
        }
    }

    /// Whether both are the same connection.
    pub fn is(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Quic(one, _), Self::Quic(another, _)) => one.stable_id() == another.stable_id(),
            _ => false,
        }
    }

    /// Says farewell to a connection that has done its work.
    pub fn close(&self) {
        if let Self::Quic(connection, _) = self {
            connection.close(0_u32.into(), b"done");
        }
    }
}

/// Why a route leads nowhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lost {
    /// There is no listener on that port.
    Refused,
    /// The connection is over.
    Ended(String),
}

/// A received datagram.
#[derive(Debug)]
pub struct Arrival {
    pub route: Route,
    pub from: SocketAddr,
    /// One datagram, or why there will be none.
    pub what: Result<Vec<u8>, Lost>,
}

/// Where all arrivals of one agent wait.
pub type Inbox = mpsc::Receiver<Arrival>;

/// A listener's transport is up.
pub struct Bound {
    pub at: SocketAddr,
    pub inbox: Inbox,
    /// Keeps QUIC going.
    pub endpoint: Option<Endpoint>,
}

/// Listens.
pub async fn listen(transport: Transport, bind: SocketAddr) -> Result<Bound> {
    let (sender, inbox) = mpsc::channel(INBOX);
    let unable = || format!("cannot listen on {} {bind}", transport.name());
    match transport {
        Transport::Udp => {
            let socket = Arc::new(UdpSocket::bind(bind).await.with_context(unable)?);
            let at = socket.local_addr()?;
            tokio::spawn(read_socket(Arc::clone(&socket), socket, None, sender));
            Ok(Bound { at, inbox, endpoint: None })
        }
        Transport::Quic => {
            let endpoint = Endpoint::server(quic::server()?, bind).with_context(unable)?;
            let at = endpoint.local_addr()?;
            tokio::spawn(accept(endpoint.clone(), sender));
            Ok(Bound { at, inbox, endpoint: Some(endpoint) })
        }
    }
}

/// Reaches out to a peer.
pub async fn connect(transport: Transport, to: SocketAddr) -> Result<(Route, Inbox)> {
    let any: SocketAddr = if to.is_ipv4() { ([0; 4], 0).into() } else { ([0_u16; 8], 0).into() };
    let (sender, inbox) = mpsc::channel(INBOX);
    let route = match transport {
        Transport::Udp => {
            let open = Arc::new(shared_socket(any).context("cannot open a UDP socket")?);
            let watching = shared_socket(open.local_addr()?).context("cannot open a UDP socket")?;
            watching.connect(to).await.with_context(|| format!("cannot reach udp {to}"))?;
            tokio::spawn(read_socket(Arc::new(watching), Arc::clone(&open), Some(to), sender.clone()));
            tokio::spawn(read_socket(Arc::clone(&open), Arc::clone(&open), None, sender));
            Route::Udp(open)
        }
        Transport::Quic => {
            let connection = quic::connect(any, to).await?;
            let taken = Arc::new(AtomicBool::new(false));
            tokio::spawn(read_connection(connection.clone(), Arc::clone(&taken), sender));
            Route::Quic(connection, taken)
        }
    };
    Ok((route, inbox))
}

/// A socket that shares its port with another one of ours. Two of them serve one session: the one that is not connected
/// sends, and receives from the peer wherever it has moved; the connected one receives what comes from the peer's first
/// address, and is told by the system if no process listens there.
fn shared_socket(at: SocketAddr) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(at), Type::DGRAM, None)?;
    socket.set_reuse_port(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&at.into())?;
    UdpSocket::from_std(socket.into())
}

/// Reads a socket; answers go by `back`. One that is connected to `peer` is told if no process listens there.
async fn read_socket(
    socket: Arc<UdpSocket>,
    back: Arc<UdpSocket>,
    peer: Option<SocketAddr>,
    inbox: mpsc::Sender<Arrival>,
) {
    // One byte more than a frame may have: what fills it is too long, and noise.
    let mut buffer = [0; FRAME_LIMIT + 1];
    loop {
        let (from, what) = match socket.recv_from(&mut buffer).await {
            Ok((length, from)) if length <= FRAME_LIMIT => (from, Ok(buffer[..length].to_vec())),
            Ok(_) => continue,
            Err(error) => match peer {
                Some(peer) if error.kind() == io::ErrorKind::ConnectionRefused => (peer, Err(Lost::Refused)),
                _ => {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                    continue;
                }
            },
        };
        if inbox.send(Arrival { route: Route::Udp(Arc::clone(&back)), from, what }).await.is_err() {
            return;
        }
    }
}

/// Reads a connection as long as it lives.
pub async fn read_connection(connection: Connection, taken: Arc<AtomicBool>, inbox: mpsc::Sender<Arrival>) {
    let from = connection.remote_address();
    let mut until = Instant::now() + SILENT;
    loop {
        let what = match tokio::time::timeout_at(until, connection.read_datagram()).await {
            Ok(Ok(datagram)) if datagram.len() <= FRAME_LIMIT => Ok(datagram.to_vec()),
            Ok(Ok(_)) => continue,
            Ok(Err(why)) => Err(Lost::Ended(why.to_string())),
            Err(_) if taken.swap(false, Ordering::Relaxed) => {
                until = Instant::now() + SILENT;
                continue;
            }
            Err(_) => {
                connection.close(1_u32.into(), b"silent");
                Err(Lost::Ended("silent for a minute".into()))
            }
        };
        let over = what.is_err();
        let arrival = Arrival { route: Route::Quic(connection.clone(), Arc::clone(&taken)), from, what };
        if inbox.send(arrival).await.is_err() || over {
            return;
        }
    }
}

/// What a listener does with a new connection.
enum Door {
    /// A place among its network's connections, as long as it is kept.
    Open(Arc<()>),
    /// Its address has to prove itself first.
    Prove,
    Refuse,
}

/// The connections of each network.
#[derive(Default)]
struct Networks(HashMap<[u8; 9], Arc<()>>);

impl Networks {
    /// What becomes of one more connection while `open` are open.
    fn door(&mut self, from: IpAddr, is_proven: bool, open: usize) -> Door {
        let network = site(from);
        let near = self.0.get(&network).map_or(0, |places| Arc::strong_count(places) - 1);
        if open >= CONNECTIONS {
            Door::Refuse
        } else if open >= CONNECTIONS / 8 && !is_proven {
            // Under load an address proves itself before it costs anything: no host can use up the share of another network.
            Door::Prove
        } else if near >= CONNECTIONS / 4 {
            Door::Refuse
        } else {
            self.0.retain(|_, places| Arc::strong_count(places) > 1);
            Door::Open(Arc::clone(self.0.entry(network).or_default()))
        }
    }
}

/// Takes connections, and reads each of them.
pub async fn accept(endpoint: Endpoint, inbox: mpsc::Sender<Arrival>) {
    let mut networks = Networks::default();
    while let Some(incoming) = endpoint.accept().await {
        let (from, is_proven) = (incoming.remote_address().ip(), incoming.remote_address_validated());
        match networks.door(from, is_proven, endpoint.open_connections()) {
            Door::Refuse => incoming.refuse(),
            Door::Prove => {
                let _ = incoming.retry();
            }
            Door::Open(place) => {
                let inbox = inbox.clone();
                tokio::spawn(async move {
                    if let Ok(Ok(connection)) = tokio::time::timeout(quic::PATIENCE, incoming).await {
                        read_connection(connection, Arc::new(AtomicBool::new(false)), inbox).await;
                    }
                    drop(place);
                });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_has_a_quarter_of_the_connections_and_an_address_proves_itself_under_load() {
        let mut networks = Networks::default();
        let mut enter = |from: [u8; 4], is_proven, open| networks.door(from.into(), is_proven, open);
        let crowd: Vec<_> = (0..CONNECTIONS / 4)
            .map_while(|open| match enter([10, 0, 0, u8::try_from(open).expect("few")], true, open) {
                Door::Open(place) => Some(place),
                _ => None,
            })
            .collect();
        assert_eq!(crowd.len(), CONNECTIONS / 4);
        assert!(matches!(enter([10, 0, 0, 200], true, crowd.len()), Door::Refuse), "more of the same network");
        assert!(matches!(enter([10, 0, 0, 200], false, crowd.len()), Door::Prove));
        assert!(matches!(enter([10, 0, 1, 1], true, crowd.len()), Door::Open(_)), "another network");
        assert!(matches!(enter([10, 0, 1, 1], false, crowd.len()), Door::Prove));
        assert!(matches!(enter([10, 0, 1, 1], true, CONNECTIONS), Door::Refuse));
        drop(crowd);
        assert!(matches!(enter([10, 0, 0, 200], false, 0), Door::Open(_)), "its places are free again");
    }
}
