//! A session in its steady state, and the cipher alone.
//!
//! Sixteen frames go one way, then one heartbeat acknowledges them: that is a batch. The sender's part is sealing,
//! lending each frame to the transport, and taking the heartbeat; the receiver's is taking the frames and sealing the
//! heartbeat. What the other side does meanwhile is not timed.

use std::hint::black_box;
use std::time::{Duration, Instant};

use iacp_core::crypto::{Provider, Secret32, Suite};
use iacp_core::pss::{Capabilities, ContentKind, OVERHEAD, Received, Session, TRANSMIT_BUFFER};
use iacp_core::time::Mono;

use crate::handshake::{Endpoints, NOW};

/// Frames of a batch: a receiver acknowledges after this many.
pub const BATCH: usize = 16;

/// Two sessions with frames of one length; `LOG` is the length of a batch, sealed.
///
/// What the sender lends to the transport cannot be read after the loan, and copying it takes time that is not the
/// session's. So a twin of the sender, with the same keys and the same history, gives the same bytes while nothing is
/// timed.
pub struct Link<P: Provider, const LOG: usize> {
    ends: Endpoints<P>,
    sender: Box<Session<P, LOG, BATCH>>,
    twin: Box<Session<P, LOG, BATCH>>,
    receiver: Box<Session<P, LOG, BATCH>>,
    now: Mono,
    length: usize,
    datagrams: Vec<Vec<u8>>,
    heartbeat: Vec<u8>,
}

impl<P: Provider, const LOG: usize> Link<P, LOG> {
    /// Connects two agents that send each other contents of this length.
    #[must_use]
    pub fn new(suite: Suite, length: usize) -> Self {
        assert_eq!(LOG, BATCH * (length + OVERHEAD), "the log holds a batch");
        let capabilities = match suite {
            Suite::Aes256Gcm => Capabilities::NONE,
            Suite::ChaCha20Poly1305 => Capabilities::CHACHA20_POLY1305,
        };
        let mut ends = Endpoints::new(capabilities);
        let (sender, receiver) = ends.handshake();
        // The twin has the same randomness and so sends the same bytes.
        let (twin, _) = Endpoints::new(capabilities).handshake();
        let datagrams = vec![vec![0; length + OVERHEAD]; BATCH];
        let mut link = Self { ends, sender, twin, receiver, now: NOW, length, datagrams, heartbeat: Vec::new() };
        // A session begins with fewer frames in flight; from then on batches are alike.
        link.exchange(BATCH / 2);
        link.batch();
        link
    }

    /// Does batches; returns what the sender took for its part.
    pub fn seal(&mut self, batches: u64) -> Duration {
        (0..batches).map(|_| self.batch().0).sum()
    }

    /// Does batches; returns what the receiver took for its part.
    pub fn open(&mut self, batches: u64) -> Duration {
        (0..batches).map(|_| self.batch().1).sum()
    }

    fn batch(&mut self) -> (Duration, Duration) {
        self.exchange(BATCH)
    }

    fn exchange(&mut self, frames: usize) -> (Duration, Duration) {
        let mut out = [0; TRANSMIT_BUFFER];
        self.now = self.now.after(1);
        let (length, now) = (self.length, self.now);
        let (initiator_at, responder_at) = (Endpoints::<P>::initiator_at(), Endpoints::<P>::responder_at());
        // From time to time a sender sends a heartbeat by itself.
        while let Some(transmit) = self.sender.poll_transmit(now, &mut out).expect("the buffer is long enough") {
            let mut heartbeat = transmit.bytes.to_vec();
            self.receiver.handle(now, &self.ends.responder, initiator_at, &mut heartbeat);
            assert!(self.twin.poll_transmit(now, &mut out).is_ok_and(|twin| twin.is_some()), "the twin says the same");
        }

        let start = Instant::now();
        for _ in 0..frames {
            // The application writes the content in place; here it is whatever is in the buffer.
            self.sender
                .send_with(now, ContentKind::Anml, length, |room| _ = black_box(room))
                .expect("the log has room");
            let transmit = self.sender.poll_transmit(now, &mut out).expect("the buffer is long enough");
            black_box(transmit.expect("a frame is due").bytes);
        }
        let mut sealing = start.elapsed();

        let datagrams = &mut self.datagrams[..frames];
        for datagram in datagrams.iter_mut() {
            self.twin.send_with(now, ContentKind::Anml, length, |room| _ = black_box(room)).expect("the log has room");
            let transmit = self.twin.poll_transmit(now, &mut out).expect("the buffer is long enough");
            datagram.copy_from_slice(transmit.expect("a frame is due").bytes);
        }

        let start = Instant::now();
        for datagram in datagrams {
            let received = self.receiver.handle(now, &self.ends.responder, initiator_at, datagram);
            let Received::Data { content, .. } = received else { panic!("{received:?}") };
            black_box(content);
        }
        let transmit = self.receiver.poll_transmit(now, &mut out).expect("the buffer is long enough");
        let acknowledgement = black_box(transmit.expect("an acknowledgement is due").bytes);
        let opening = start.elapsed();

        self.heartbeat.clear();
        self.heartbeat.extend_from_slice(acknowledgement);
        let mut twins = self.heartbeat.clone();
        let start = Instant::now();
        let received = self.sender.handle(now, &self.ends.initiator, responder_at, &mut self.heartbeat);
        sealing += start.elapsed();
        assert_eq!(received, Received::Taken);
        self.twin.handle(now, &self.ends.initiator, responder_at, &mut twins);
        let (first, next) = self.sender.unacknowledged();
        assert_eq!(first, next, "the batch is acknowledged");
        (sealing, opening)
    }
}

/// What is done bare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bare {
    /// The cipher over the content, without additional authenticated data.
    Content,
    /// All the cryptography that a data frame consists of: the cipher over rolling hash, kind and content, with the
    /// header authenticated, and the next rolling hash. What a session takes beyond this is its own code.
    Frame,
}

/// What stands in front of the content in a frame's plaintext, in bytes: rolling hash and kind.
const PREFIX: usize = 33;
/// What is authenticated in front of the nonce, in bytes: header and both cookies, and the sequence number.
const AUTHENTICATED: usize = 28;

/// The cipher without a session, over as many buffers as a batch has frames.
pub struct BareLink<P: Provider> {
    what: Bare,
    cipher: P::Cipher,
    counter: u64,
    chain: [u8; 32],
    buffers: Vec<Vec<u8>>,
    sealed: Vec<([u8; 12], Vec<u8>, [u8; 16])>,
}

impl<P: Provider> BareLink<P> {
    /// Contents of this length.
    #[must_use]
    pub fn new(what: Bare, suite: Suite, length: usize) -> Self {
        let length = match what {
            Bare::Content => length,
            Bare::Frame => PREFIX + length,
        };
        let cipher = P::cipher(suite, &Secret32::new([7; 32]));
        let buffers = vec![vec![0; length]; BATCH];
        let mut bare = Self { what, cipher, counter: 0, chain: [0; 32], buffers, sealed: Vec::new() };
        for _ in 0..BATCH {
            let (nonce, mut bytes) = (bare.nonce(), vec![0; length]);
            let tag = P::seal(&bare.cipher, &nonce, bare.authenticated(), &mut bytes);
            bare.sealed.push((nonce, bytes, tag));
        }
        bare
    }

    fn nonce(&mut self) -> [u8; 12] {
        self.counter += 1;
        let mut nonce = [0; 12];
        nonce[4..].copy_from_slice(&self.counter.to_be_bytes());
        nonce
    }

    const fn authenticated(&self) -> &'static [u8] {
        match self.what {
            Bare::Content => &[],
            Bare::Frame => &[0x5A; AUTHENTICATED],
        }
    }

    fn hash(&mut self, tag: &[u8; 16]) {
        if self.what == Bare::Frame {
            self.chain = P::sha256(&[&self.chain, tag]);
        }
    }

    /// Seals batches.
    pub fn seal(&mut self, batches: u64) -> Duration {
        let start = Instant::now();
        for _ in 0..batches {
            for place in 0..BATCH {
                let (nonce, authenticated) = (self.nonce(), self.authenticated());
                let tag = black_box(P::seal(&self.cipher, &nonce, authenticated, &mut self.buffers[place]));
                self.hash(&tag);
            }
        }
        start.elapsed()
    }

    /// Opens batches. What was sealed is put in place untimed.
    ///
    /// # Panics
    /// A tag does not verify.
    pub fn open(&mut self, batches: u64) -> Duration {
        let mut opening = Duration::ZERO;
        for _ in 0..batches {
            for ((_, sealed, _), buffer) in self.sealed.iter().zip(&mut self.buffers) {
                buffer.copy_from_slice(sealed);
            }
            let start = Instant::now();
            for place in 0..BATCH {
                let (nonce, _, tag) = &self.sealed[place];
                let (tag, authenticated) = (*tag, self.authenticated());
                P::open(&self.cipher, nonce, authenticated, black_box(&mut self.buffers[place]), &tag)
                    .expect("it was sealed with this key");
                self.hash(&tag);
            }
            opening += start.elapsed();
        }
        opening
    }
}
