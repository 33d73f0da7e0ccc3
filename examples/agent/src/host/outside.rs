//! The way out of a host: one unconnected UDP socket for all of its agents and all of their peers, and another one after a
//! move.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::net::UdpSocket;

use crate::carrier::link::FRAME_LIMIT;

/// A buffer for one datagram. What fills it is longer than any frame, and is refused as malformed.
pub type Buffer = [u8; FRAME_LIMIT + 1];
/// A socket that cannot be read is tried again after this long.
const AGAIN: Duration = Duration::from_millis(50);

/// Where frames between hosts go out and come in.
pub struct Outside {
    socket: UdpSocket,
    at: SocketAddr,
}

impl Outside {
    /// Listens at `bind`.
    pub async fn open(bind: SocketAddr) -> Result<Self> {
        let unable = || format!("cannot listen on udp {bind}");
        let socket = UdpSocket::bind(bind).await.with_context(unable)?;
        let at = socket.local_addr().with_context(unable)?;
        Ok(Self { socket, at })
    }

    /// Where it is.
    pub const fn at(&self) -> SocketAddr {
        self.at
    }

    /// The host is somewhere else from now on: what comes to the old address is lost. Where the new one cannot be had,
    /// nothing has changed.
    pub async fn move_to(&mut self, at: SocketAddr) -> Result<()> {
        *self = Self::open(at).await?;
        Ok(())
    }

    /// The next datagram, and where it came from. A call that is given up loses nothing.
    pub async fn next(&self, buffer: &mut Buffer) -> (usize, SocketAddr) {
        loop {
            match self.socket.recv_from(buffer).await {
                Ok(datagram) => return datagram,
                Err(_) => tokio::time::sleep(AGAIN).await,
            }
        }
    }

    /// One that is here already.
    pub fn try_next(&self, buffer: &mut Buffer) -> Option<(usize, SocketAddr)> {
        self.socket.try_recv_from(buffer).ok()
    }

    /// Sends one frame; `false` if the queue is full. Any other failure is one of this datagram alone: it is lost, as on any
    /// network, and repeated by what it belongs to.
    pub fn send(&self, to: SocketAddr, frame: &[u8]) -> bool {
        !self.socket.try_send_to(frame, to).is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock)
    }

    /// Waits until a full queue may have room.
    pub async fn room(&self) {
        let _ = self.socket.writable().await;
    }
}
