//! The way out of a host: one unconnected UDP socket for all of its agents and all of their peers, and another one after a
//! move; or QUIC, with a connection to each peer; or a serial line, on which there is one other host.

use std::net::SocketAddr;
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::net::UdpSocket;

use crate::carrier::link::FRAME_LIMIT;
use crate::carrier::mesh::Mesh;
use crate::carrier::serial::{Line, Place};

/// A buffer for one datagram. What fills it is longer than any frame, and is refused as malformed.
pub type Buffer = [u8; FRAME_LIMIT + 1];
/// A socket that cannot be read is tried again after this long.
const AGAIN: Duration = Duration::from_millis(50);

/// What carries the frames of a host, as a user names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Carrier {
    /// One frame per UDP datagram.
    Udp,
    /// QUIC datagrams: a connection to each peer.
    Quic,
    /// A serial line.
    Serial(Place),
}

impl FromStr for Carrier {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            None if text == "udp" => Ok(Self::Udp),
            None if text == "quic" => Ok(Self::Quic),
            Some(("serial", place)) => place.parse().map(Self::Serial),
            _ => Err("it is udp, quic, serial:PATH, serial:PATH@BAUD or serial:tcp:IP:PORT".into()),
        }
    }
}

impl Carrier {
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Quic => "quic",
            Self::Serial(_) => "serial",
        }
    }
}

enum Way {
    Udp(UdpSocket),
    Quic(Mesh),
    /// A line, and the address that its other end has.
    Serial(Line, SocketAddr),
}

/// Where frames between hosts go out and come in.
pub struct Outside {
    way: Way,
    at: SocketAddr,
}

impl Outside {
    /// Listens at `bind`.
    pub async fn open(bind: SocketAddr) -> Result<Self> {
        let unable = || format!("cannot listen on udp {bind}");
        let socket = UdpSocket::bind(bind).await.with_context(unable)?;
        let at = socket.local_addr().with_context(unable)?;
        Ok(Self { way: Way::Udp(socket), at })
    }

    /// The same over QUIC.
    pub fn quic(bind: SocketAddr) -> Result<Self> {
        let (mesh, at) = Mesh::open(bind)?;
        Ok(Self { way: Way::Quic(mesh), at })
    }

    /// Opens a line, on which this end is `at` and the other one `far`: addresses that mean nothing beyond it.
    pub async fn serial(place: Place, at: SocketAddr, far: SocketAddr) -> Result<Self> {
        Ok(Self { way: Way::Serial(Line::open(place).await?, far), at })
    }

    /// Where it is.
    pub const fn at(&self) -> SocketAddr {
        self.at
    }

    /// The host is somewhere else from now on: what comes to the old address is lost. Where the new one cannot be had,
    /// nothing has changed.
    pub async fn move_to(&mut self, at: SocketAddr) -> Result<()> {
        *self = match self.way {
            Way::Serial(..) => bail!("a host on a serial line does not move"),
            Way::Udp(_) => Self::open(at).await?,
            // Connections begin anew from the new place.
            Way::Quic(_) => Self::quic(at)?,
        };
        Ok(())
    }

    /// A session has taken something that came from there.
    pub fn taken(&self, from: SocketAddr) {
        if let Way::Quic(mesh) = &self.way {
            mesh.taken(from);
        }
    }

    /// The next datagram, and where it came from. A call that is given up loses nothing.
    pub async fn next(&self, buffer: &mut Buffer) -> (usize, SocketAddr) {
        match &self.way {
            Way::Serial(line, far) => (line.next(buffer).await, *far),
            Way::Quic(mesh) => mesh.next(buffer).await,
            Way::Udp(socket) => loop {
                match socket.recv_from(buffer).await {
                    Ok(datagram) => return datagram,
                    Err(_) => tokio::time::sleep(AGAIN).await,
                }
            },
        }
    }

    /// One that is here already.
    pub fn try_next(&self, buffer: &mut Buffer) -> Option<(usize, SocketAddr)> {
        match &self.way {
            Way::Serial(line, far) => Some((line.try_next(buffer)?, *far)),
            Way::Quic(mesh) => mesh.try_next(buffer),
            Way::Udp(socket) => socket.try_recv_from(buffer).ok(),
        }
    }

    /// Sends one frame; `false` if the queue is full. Any other failure is one of this datagram alone: it is lost, as on any
    /// network, and repeated by what it belongs to.
    pub fn send(&self, to: SocketAddr, frame: &[u8]) -> bool {
        match &self.way {
            // The line leads to one place: what is for another one is lost.
            Way::Serial(line, far) => to != *far || line.send(frame),
            Way::Quic(mesh) => {
                mesh.send(to, frame);
                true
            }
            Way::Udp(socket) => {
                !socket.try_send_to(frame, to).is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock)
            }
        }
    }

    /// Waits until a full queue may have room.
    pub async fn room(&self) {
        match &self.way {
            Way::Serial(line, _) => line.room().await,
            // Each peer has a queue of its own, and none holds up the host.
            Way::Quic(_) => {}
            Way::Udp(socket) => {
                let _ = socket.writable().await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[tokio::test]
    async fn a_peer_whose_queue_is_full_holds_up_no_other() {
        let [here, one, other] = [(); 3].map(|()| Outside::quic((Ipv4Addr::LOCALHOST, 0).into()).expect("a free port"));
        let mut buffer: Buffer = [0; FRAME_LIMIT + 1];
        for far in [&one, &other] {
            assert!(here.send(far.at(), b"first"));
            assert_eq!(far.next(&mut buffer).await.0, 5);
        }
        // Nothing leaves meanwhile: it is more than a connection's queue has room for.
        assert!((0..4_000).all(|_| here.send(one.at(), &[0; 1_000])), "what finds no room is lost");
        assert!(here.send(other.at(), b"second"));
        assert_eq!(other.next(&mut buffer).await.0, 6);
    }

    #[test]
    fn a_carrier_is_udp_or_quic_or_a_serial_line() {
        assert_eq!(("udp".parse(), "quic".parse()), (Ok(Carrier::Udp), Ok(Carrier::Quic)));
        let line = "serial:tcp:127.0.0.1:4000".parse::<Carrier>();
        assert_eq!(line, Ok(Carrier::Serial(Place::Tcp(([127, 0, 0, 1], 4_000).into()))));
        for wrong in ["", "quick", "quic:", "udp:", "serial", "serial:", "tcp:127.0.0.1:4000"] {
            assert!(wrong.parse::<Carrier>().is_err(), "{wrong}");
        }
    }
}
