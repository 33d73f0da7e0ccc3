//! SHA-256, HMAC and HKDF, shared by the providers: `sha2` finds the processor's SHA instructions by itself, and short
//! inputs gain nothing from a foreign library.

use super::{Secret32, TooLong};
use hkdf::Hkdf;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

pub(super) fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update(part);
    }
    hasher.finalize().into()
}

pub(super) fn hmac_sha256(key: &[u8], parts: &[&[u8]]) -> Secret32 {
    // A key of any length is a key for HMAC.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return Secret32::new([0; 32]) };
    for part in parts {
        mac.update(part);
    }
    Secret32::new(mac.finalize().into_bytes().into())
}

pub(super) fn hkdf_expand(prk: &Secret32, info: &[u8], out: &mut [u8]) -> Result<(), TooLong> {
    Hkdf::<Sha256>::from_prk(prk.expose()).map_err(|_| TooLong)?.expand(info, out).map_err(|_| TooLong)
}
