//! boringtun: WireGuard's data path, whose ChaCha20-Poly1305 is ring's.

use boringtun::noise::{Tunn, TunnResult};
use boringtun::x25519::{PublicKey, StaticSecret};

use crate::transport::Transport;

/// Two ends of a tunnel after their handshake.
pub struct Tunnel(Tunn, Tunn);

impl Tunnel {
    /// Two ends with keys of their own; `None` if their handshake fails.
    #[must_use]
    pub fn new() -> Option<Self> {
        let [ours, theirs] = [3, 4].map(|byte| StaticSecret::from([byte; 32]));
        let [our_public, their_public] = [&ours, &theirs].map(PublicKey::from);
        let mut initiator = Tunn::new(ours, their_public, None, None, 1, None);
        let mut responder = Tunn::new(theirs, our_public, None, None, 2, None);
        let (mut first, mut second) = ([0; 2_048], [0; 2_048]);
        let TunnResult::WriteToNetwork(init) = initiator.format_handshake_initiation(&mut first, false) else {
            return None;
        };
        let TunnResult::WriteToNetwork(answer) = responder.decapsulate(None, init, &mut second) else {
            return None;
        };
        let TunnResult::WriteToNetwork(confirmation) = initiator.decapsulate(None, answer, &mut first) else {
            return None;
        };
        matches!(responder.decapsulate(None, confirmation, &mut second), TunnResult::Done)
            .then_some(Self(initiator, responder))
    }
}

impl Transport for Tunnel {
    fn seal(&mut self, content: &[u8], datagram: &mut [u8]) -> usize {
        match self.0.encapsulate(content, datagram) {
            TunnResult::WriteToNetwork(written) => written.len(),
            _ => 0,
        }
    }

    fn open(&mut self, datagram: &[u8], content: &mut [u8]) -> usize {
        match self.1.decapsulate(None, datagram, content) {
            TunnResult::WriteToTunnelV4(packet, _) => packet.len(),
            _ => 0,
        }
    }
}

/// An IPv4 packet of this length, as far as WireGuard looks at it.
#[must_use]
pub fn packet(length: u16) -> Vec<u8> {
    let mut packet = vec![0; usize::from(length)];
    packet[0] = 0x45;
    packet[2..4].copy_from_slice(&length.to_be_bytes());
    packet
}
