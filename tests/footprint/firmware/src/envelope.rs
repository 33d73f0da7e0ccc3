//! What a sealed manifest costs a receiver: its key bound once, the outer object read, the signature verified, the
//! content matched.

use cep_envelope::digest::Digest;
use cep_envelope::manifest::{BoundKey, Expected, SealedManifest, Strict};

use crate::meter::{Cost, Meter};
use crate::report::{Report, fail};

/// An outer object that alice sealed for bob, and what it is about.
static OUTER: &[u8] = include_bytes!("outer.json");
const CONTENT: &[u8] = b"object";
/// The key of the seed whose bytes are all 1.
const KEY: [u8; 32] = [
    0x8a, 0x88, 0xe3, 0xdd, 0x74, 0x09, 0xf1, 0x95, 0xfd, 0x52, 0xdb, 0x2d, 0x3c, 0xba, 0x5d, 0x72, 0xca, 0x67, 0x09,
    0xbf, 0x1d, 0x94, 0x12, 0x1b, 0xf3, 0x74, 0x88, 0x01, 0xb4, 0x0f, 0x6f, 0x5c,
];

#[inline(never)]
pub fn bind(key: [u8; 32]) -> Option<BoundKey> {
    BoundKey::new(key)
}

#[inline(never)]
pub fn read(outer: &[u8]) -> Option<SealedManifest<'_>> {
    SealedManifest::parse(outer).ok()
}

/// Whether alice has sealed this content for bob.
#[inline(never)]
pub fn verify(sealed: &SealedManifest<'_>, key: BoundKey, content: &[u8]) -> bool {
    let keys = |signer: &str, sender: &str| (signer == "alice-1" && sender == "alice").then_some(key);
    let expected = Expected { sender: "alice", recipient: "bob" };
    sealed.verify(expected, &keys, &Strict).is_ok_and(|verified| verified.is_of(&Digest::of(content)))
}

/// The program needs no memory but the stack.
pub struct Memory;

impl Memory {
    pub const EMPTY: Self = Self;
}

pub fn all(_: &mut Memory, meter: &mut Meter, report: &mut Report) {
    let mut tell = |step: &str, cost: Cost| report.line(&["step", "ed25519", step], &[cost.stack, cost.instructions]);
    let (cost, key) = meter.measure(|| bind(KEY));
    tell("bind", cost);
    let Some(key) = key else { fail("the key is refused") };
    let (cost, sealed) = meter.measure(|| read(OUTER));
    tell("read", cost);
    let Some(sealed) = sealed else { fail("the outer object is refused") };
    let (cost, good) = meter.measure(|| verify(&sealed, key, CONTENT));
    tell("verify", cost);
    let (cost, bad) = meter.measure(|| verify(&sealed, key, b"another"));
    tell("verify", cost);
    if !good || bad {
        fail("the wrong content is accepted, or the right one refused");
    }
}
