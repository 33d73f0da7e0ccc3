//! SHA-256, HMAC and HKDF, shared by the providers: `sha2` finds the processor's SHA instructions by itself, and short
//! inputs gain nothing from a foreign library.

use super::error::TooLong;
use super::secret::Secret32;
use super::stack::{HASH, cleared};
use hkdf::Hkdf;
use hmac::{Hmac, KeyInit, Mac};
use sha2::block_api::compress256;
use sha2::{Digest, Sha256};
use zerocopy::IntoBytes;
use zeroize::Zeroize;

/// The longest input that fits one block together with its padding, in bytes.
const ONE_BLOCK: usize = 55;

/// The initial state of SHA-256 (FIPS 180-4, 5.3.3).
pub(crate) const INITIAL: [u32; 8] =
    [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19];

/// The rolling hash of every data frame is this short: one compression, and little else.
#[inline]
fn one_block(parts: &[&[u8]], length: usize) -> Option<[u8; 32]> {
    let mut block = [0; 64];
    let mut rest = block.as_mut_slice();
    for part in parts {
        let (room, behind) = rest.split_at_mut_checked(part.len())?;
        part.write_to(room).ok()?;
        rest = behind;
    }
    *rest.first_mut()? = 0x80;
    *block.last_chunk_mut()? = (length as u64 * 8).to_be_bytes();
    let mut state = INITIAL;
    compress256(&mut state, core::slice::from_ref(&block));
    block.zeroize();
    state.map(u32::to_be_bytes).as_flattened().first_chunk().copied()
}

#[inline]
pub(super) fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    let length = parts.iter().fold(0_usize, |sum, part| sum.saturating_add(part.len()));
    if length <= ONE_BLOCK
        && let Some(digest) = one_block(parts, length)
    {
        return digest;
    }
    several_blocks(parts)
}

fn several_blocks(parts: &[&[u8]]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update(part);
    }
    hasher.finalize().into()
}

cleared! {
    HASH;
    pub(super) fn hmac_sha256(key: &[u8], parts: &[&[u8]]) -> Secret32 {
        // A key of any length is a key for HMAC.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return Secret32::new([0; 32]) };
        for part in parts {
            mac.update(part);
        }
        Secret32::new(mac.finalize().into_bytes().into())
    }
}

cleared! {
    HASH;
    pub(super) fn hkdf_expand(prk: &Secret32, info: &[u8], out: &mut [u8]) -> Result<(), TooLong> {
        Hkdf::<Sha256>::from_prk(prk.expose()).map_err(|_| TooLong)?.expand(info, out).map_err(|_| TooLong)
    }
}
