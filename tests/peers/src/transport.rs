//! Data between two ends of a peer's making, in batches as ours are measured.

use std::hint::black_box;
use std::time::{Duration, Instant};

use benches::BATCH;
use snow::TransportState;

use crate::noise::Noise;

/// One direction of a connection.
pub trait Transport {
    /// Seals the content that was given; returns the datagram's length.
    fn seal(&mut self, content: &[u8], datagram: &mut [u8]) -> usize;

    /// Opens a datagram; returns the content's length.
    fn open(&mut self, datagram: &[u8], content: &mut [u8]) -> usize;
}

/// Batches over a transport.
pub struct Batches<T> {
    transport: T,
    content: Vec<u8>,
    datagrams: Vec<(Vec<u8>, usize)>,
    opened: Vec<u8>,
}

impl<T: Transport> Batches<T> {
    /// Every datagram has this content.
    #[must_use]
    pub fn new(transport: T, content: Vec<u8>) -> Self {
        let room = content.len() + 256;
        Self { transport, datagrams: vec![(vec![0; room], 0); BATCH], opened: vec![0; room], content }
    }

    /// Does batches; returns what sealing took.
    pub fn seal(&mut self, batches: u64) -> Duration {
        (0..batches).map(|_| self.batch().0).sum()
    }

    /// Does batches; returns what opening took.
    pub fn open(&mut self, batches: u64) -> Duration {
        (0..batches).map(|_| self.batch().1).sum()
    }

    fn batch(&mut self) -> (Duration, Duration) {
        let start = Instant::now();
        for (datagram, length) in &mut self.datagrams {
            *length = self.transport.seal(black_box(&self.content), datagram);
            black_box(datagram);
        }
        let sealing = start.elapsed();
        let start = Instant::now();
        for (datagram, length) in &self.datagrams {
            let opened = self.transport.open(black_box(&datagram[..*length]), &mut self.opened);
            assert_eq!(opened, self.content.len());
            black_box(&self.opened);
        }
        (sealing, start.elapsed())
    }
}

/// snow's two ends after their handshake.
pub struct Snow(TransportState, TransportState);

impl Snow {
    /// Two ends that speak the protocol with this name.
    ///
    /// # Errors
    /// snow does not know the protocol.
    pub fn new(name: &str) -> Result<Self, snow::Error> {
        Noise::new(name)?.handshake().map(|(initiator, responder)| Self(initiator, responder))
    }
}

impl Transport for Snow {
    fn seal(&mut self, content: &[u8], datagram: &mut [u8]) -> usize {
        self.0.write_message(content, datagram).expect("the datagram has room")
    }

    fn open(&mut self, datagram: &[u8], content: &mut [u8]) -> usize {
        self.1.read_message(datagram, content).expect("it was sealed with this key")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wireguard::{Tunnel, packet};

    #[test]
    fn what_is_sealed_is_opened() {
        let content = packet(1_200);
        let both: [Box<dyn Transport>; 2] = [
            Box::new(Snow::new("Noise_XX_25519_ChaChaPoly_SHA256").expect("snow knows it")),
            Box::new(Tunnel::new().expect("the handshake works")),
        ];
        for mut transport in both {
            let (mut datagram, mut opened) = ([0; 1_500], [0; 1_500]);
            for _ in 0..3 {
                let sealed = transport.seal(&content, &mut datagram);
                let length = transport.open(&datagram[..sealed], &mut opened);
                assert_eq!(&opened[..length], content);
            }
        }
    }
}
