//! ChaCha20-Poly1305 (RFC 8439 §2.8) in place, from `chacha20` and `poly1305`.
//!
//! The crate `chacha20poly1305` runs the same two, one after the other. At the length of a datagram, its cost comes
//! from how it calls the vector backends: they make four blocks of key stream in the time of one, and Poly1305 takes
//! four blocks at once only as long as it has had a multiple of four. So here
//!
//! - the first call of the key stream gives the one-time key and the stream for the first 192 bytes, and the rest after
//!   the last four whole blocks is one call as well;
//! - blocks are passed to Poly1305 in fours from the beginning to the end, the authenticated data with the message.
//!
//! At 1,200 bytes this takes 0.93 of that crate's time, although Poly1305's state is wiped here and not there; without
//! the wiping it takes 0.87. If a backend works block by block, no unneeded block is computed.

use super::{BadTag, Secret32};
use chacha20::ChaCha20;
use chacha20::cipher::{KeyIvInit, StreamCipher, StreamCipherError};
use poly1305::Poly1305;
use poly1305::universal_hash::{KeyInit, UniversalHash};
use subtle::ConstantTimeEq;
use zerocopy::IntoBytes;
use zeroize::Zeroizing;

/// A block of the key stream, in bytes.
const BLOCK: usize = 64;

/// How many blocks of key stream cost as much as one.
const LANES: usize =
    if cfg!(any(target_arch = "x86", target_arch = "x86_64", all(target_arch = "aarch64", target_feature = "neon"))) {
        4
    } else {
        1
    };

/// What one call of the backend makes, in bytes.
const STEP: usize = BLOCK * LANES;

/// How many blocks Poly1305's backend takes at once.
const TOGETHER: usize = 4;

/// The key of a session's direction. It wipes itself.
pub(super) struct Key(Secret32);

impl Key {
    pub(super) fn new(key: &Secret32) -> Self {
        Self(Secret32::fill(|to| *to = *key.expose()))
    }

    pub(super) fn seal(&self, nonce: &[u8; 12], aad: &[u8], buffer: &mut [u8]) -> [u8; 16] {
        let mut stream = Stream::new(&self.0, nonce);
        if stream.apply(buffer).is_err() {
            buffer.fill(0);
            return [0; 16];
        }
        stream.tag(aad, buffer)
    }

    pub(super) fn open(&self, nonce: &[u8; 12], aad: &[u8], buffer: &mut [u8], tag: &[u8; 16]) -> Result<(), BadTag> {
        let mut stream = Stream::new(&self.0, nonce);
        if bool::from(stream.tag(aad, buffer).ct_eq(tag)) && stream.apply(buffer).is_ok() {
            return Ok(());
        }
        buffer.fill(0);
        Err(BadTag)
    }
}

/// The key stream of one nonce. `chacha20` wipes its half.
struct Stream {
    cipher: ChaCha20,
    /// The first step of the stream: a block for the one-time key, then blocks for the message. It is stored in words,
    /// because it is wiped word by word.
    first: Zeroizing<[[u64; BLOCK / 8]; LANES]>,
    one_time: Secret32,
}

impl Stream {
    fn new(key: &Secret32, nonce: &[u8; 12]) -> Self {
        let mut cipher = ChaCha20::new(key.expose().into(), nonce.into());
        let mut first = Zeroizing::new([[0; BLOCK / 8]; LANES]);
        cipher.apply_keystream(first.as_mut_bytes());
        let one_time = Secret32::fill(|key| key.iter_mut().zip(first.as_bytes()).for_each(|(to, from)| *to = *from));
        Self { cipher, first, one_time }
    }

    /// Encrypts or decrypts. To be called once.
    fn apply(&mut self, message: &mut [u8]) -> Result<(), StreamCipherError> {
        let (head, rest) = message.split_at_mut(message.len().min(STEP - BLOCK));
        xor(head, self.first.as_bytes().get(BLOCK..).unwrap_or_default());
        let (whole, tail) = rest.split_at_mut(rest.len() - rest.len() % STEP);
        self.cipher.try_apply_keystream(whole)?;
        if tail.len() <= BLOCK {
            return self.cipher.try_apply_keystream(tail);
        }
        self.first.as_mut_bytes().fill(0);
        self.cipher.try_apply_keystream(self.first.as_mut_bytes())?;
        xor(tail, self.first.as_bytes());
        Ok(())
    }

    /// The tag: over both parts, each padded to whole blocks, and their lengths.
    fn tag(&self, aad: &[u8], ciphertext: &[u8]) -> [u8; 16] {
        let mut blocks =
            Blocks { hash: Poly1305::new(self.one_time.expose().into()), waiting: Default::default(), count: 0 };
        blocks.padded(aad);
        blocks.padded(ciphertext);
        let mut lengths = poly1305::Block::default();
        let (first, second) = lengths.split_at_mut(8);
        first.copy_from_slice(&(aad.len() as u64).to_le_bytes());
        second.copy_from_slice(&(ciphertext.len() as u64).to_le_bytes());
        blocks.push(&lengths);
        blocks.finish()
    }
}

fn xor(message: &mut [u8], stream: &[u8]) {
    message.iter_mut().zip(stream).for_each(|(byte, key)| *byte ^= key);
}

/// Poly1305, fed with fours.
struct Blocks {
    hash: Poly1305,
    waiting: [poly1305::Block; TOGETHER],
    count: usize,
}

impl Blocks {
    fn push(&mut self, block: &poly1305::Block) {
        if let Some(to) = self.waiting.get_mut(self.count) {
            *to = *block;
            self.count += 1;
        }
        if self.count == TOGETHER {
            self.hash.update(&self.waiting);
            self.count = 0;
        }
    }

    fn padded(&mut self, bytes: &[u8]) {
        let (blocks, rest) = poly1305::Block::slice_as_chunks(bytes);
        let missing = if self.count == 0 { 0 } else { TOGETHER - self.count };
        let (front, blocks) = blocks.split_at(missing.min(blocks.len()));
        front.iter().for_each(|block| self.push(block));
        let (fours, behind) = blocks.split_at(blocks.len() - blocks.len() % TOGETHER);
        if !fours.is_empty() {
            self.hash.update(fours);
        }
        behind.iter().for_each(|block| self.push(block));
        if !rest.is_empty() {
            let mut last = poly1305::Block::default();
            last.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
            self.push(&last);
        }
    }

    fn finish(mut self) -> [u8; 16] {
        self.hash.update(self.waiting.get(..self.count).unwrap_or_default());
        self.hash.finalize().into()
    }
}
