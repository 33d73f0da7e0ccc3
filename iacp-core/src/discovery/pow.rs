//! Proof of work on a `DISCOVERY_REQ` (`IACP §5.3.1`, `IACP §6.3.1`).
//!
//! The proof is over the 84 bytes of the body. Its first 64 bytes are one block of SHA-256 that does not change while
//! the nonce does, so a miner compresses it once.

use iacp_wire::message::DiscoveryReq;
use sha2::block_api::compress256;
use zerocopy::IntoBytes;

use crate::crypto::hash::INITIAL;

/// The number of trailing zero bits of a digest, read as one big-endian number.
// keeps: IACP-119 (§5.3.1)
#[must_use]
pub fn trailing_zero_bits(digest: &[u8; 32]) -> u32 {
    let mut bits = 0;
    for byte in digest.iter().rev() {
        bits += byte.trailing_zeros();
        if *byte != 0 {
            break;
        }
    }
    bits
}

/// Where the nonce stands in the second block: the body is 32 + 32 bytes, the timestamp 8, then the nonce.
const NONCE_AT: core::ops::Range<usize> = 8..16;

/// Searches for a nonce, as many tries at a time as the caller has time for.
#[derive(Debug)]
pub struct Miner {
    request: DiscoveryReq,
    midstate: [u32; 8],
    block: [u8; 64],
    next: u64,
}

impl Miner {
    /// Starts with the nonce of the request.
    #[must_use]
    pub fn new(request: DiscoveryReq) -> Self {
        let mut midstate = INITIAL;
        let mut block = [0; 64];
        if let Some((first, rest)) = request.as_bytes().split_first_chunk::<64>() {
            compress256(&mut midstate, core::slice::from_ref(first));
            let ending = (DiscoveryReq::LEN as u64 * 8).to_be_bytes();
            let padded = rest.iter().chain(&[0x80]);
            block.iter_mut().zip(padded).for_each(|(to, from)| *to = *from);
            block.iter_mut().rev().zip(ending.iter().rev()).for_each(|(to, from)| *to = *from);
        }
        let next = request.pow_nonce.get();
        Self { request, midstate, block, next }
    }

    /// Tries that many nonces; returns the request with its proof when one is found.
    pub fn step(&mut self, tries: u32) -> Option<DiscoveryReq> {
        // In a worked request the class stands before the bits, in a search the number of peers.
        let wanted = self.request.pow_target_threshold.get() & 0xFF;
        for _ in 0..tries {
            let nonce = self.next;
            self.next = self.next.wrapping_add(1);
            if let Some(place) = self.block.get_mut(NONCE_AT) {
                place.copy_from_slice(&nonce.to_be_bytes());
            }
            let mut state = self.midstate;
            compress256(&mut state, core::slice::from_ref(&self.block));
            if zeros(&state) >= wanted {
                self.request.pow_nonce = nonce.into();
                return Some(self.request);
            }
        }
        None
    }
}

fn zeros(state: &[u32; 8]) -> u32 {
    let mut bits = 0;
    for word in state.iter().rev() {
        bits += word.trailing_zeros();
        if *word != 0 {
            break;
        }
    }
    bits
}

#[cfg(test)]
mod tests {
    use super::*;
    use iacp_wire::{DhtKey, X25519Key};
    use sha2::{Digest, Sha256};

    #[test]
    fn trailing_bits_count_from_the_end_of_the_digest() {
        // shows: IACP-119 (§5.3.1)
        let mut digest = [0xFF; 32];
        assert_eq!(trailing_zero_bits(&digest), 0);
        digest[31] = 0x80;
        assert_eq!(trailing_zero_bits(&digest), 7);
        digest[31] = 0;
        assert_eq!(trailing_zero_bits(&digest), 8);
        digest[30] = 0b0000_0100;
        assert_eq!(trailing_zero_bits(&digest), 10);
        digest[0] = 0;
        assert_eq!(trailing_zero_bits(&digest), 10, "leading zeros do not count");
        assert_eq!(trailing_zero_bits(&[0; 32]), 256);
    }

    #[test]
    fn the_miner_computes_the_digest_that_a_verifier_computes() {
        let request = DiscoveryReq {
            target_space_coordinate: DhtKey([1; 32]),
            ephemeral_public_key: X25519Key([2; 32]),
            timestamp: 1_790_000_000_000_u64.into(),
            pow_nonce: u64::MAX.into(),
            pow_target_threshold: 10_u32.into(),
        };
        let mut miner = Miner::new(request);
        let mut tries = 0;
        let proven = loop {
            tries += 1;
            if let Some(proven) = miner.step(1) {
                break proven;
            }
        };
        assert_eq!(proven.pow_nonce.get(), u64::MAX.wrapping_add(tries - 1), "nonces are tried in order, and wrap");
        let digest: [u8; 32] = Sha256::digest(proven.as_bytes()).into();
        assert!(trailing_zero_bits(&digest) >= 10);
    }
}
