//! A reader of PROFILE: sections 2 to 5 on names, signatures and keys, written from the text alone. It shares no line
//! with `iacp-core`, and uses other primitives, so that what both agree on is what PROFILE specifies.

use aws_lc_rs::aead::{AES_256_GCM, Aad, Algorithm, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use curve25519_dalek::edwards::CompressedEdwardsY;
use curve25519_dalek::montgomery::MontgomeryPoint;
use hkdf::Hkdf;
use sha2::{Digest as _, Sha256, Sha512};

/// SHA-256 over parts.
#[must_use]
pub fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    parts.iter().fold(Sha256::new(), |hash, part| hash.chain_update(part)).finalize().into()
}

/// X25519 as RFC 7748 has it.
#[must_use]
pub fn x25519(private: &[u8; 32], public: &[u8; 32]) -> [u8; 32] {
    MontgomeryPoint(*public).mul_clamped(*private).0
}

/// The public half of an X25519 key.
#[must_use]
pub fn x25519_public(private: &[u8; 32]) -> [u8; 32] {
    MontgomeryPoint::mul_base_clamped(*private).0
}

/// An EID's key, moved to Curve25519 (PROFILE 4.3).
///
/// # Panics
/// The EID is no point.
#[must_use]
pub fn static_public(eid: &[u8; 32]) -> [u8; 32] {
    CompressedEdwardsY(*eid).decompress().expect("a point").to_montgomery().0
}

/// The private half of it: the first half of SHA-512 of the seed.
///
/// # Panics
/// Never: a SHA-512 has two halves.
#[must_use]
pub fn static_private(seed: &[u8; 32]) -> [u8; 32] {
    *Sha512::digest(seed).first_chunk().expect("64 bytes")
}

/// What a frame's signature signs (PROFILE 2.3): `name` as the registry has it, the frame with its 64 bytes of signature at
/// `signature` cut out.
///
/// # Panics
/// The frame is shorter than that.
#[must_use]
pub fn signed_hash(name: &str, context: &[u8], frame: &[u8], signature: usize) -> [u8; 32] {
    let (before, behind) = (&frame[..signature], &frame[signature + 64..]);
    sha256(&[b"IACP/1 ", name.as_bytes(), &[0], context, before, behind])
}

/// `h(frame)`: SHA-256 of a frame without its signature.
///
/// # Panics
/// The frame is shorter than that.
#[must_use]
pub fn h(frame: &[u8], signature: usize) -> [u8; 32] {
    sha256(&[&frame[..signature], &frame[signature + 64..]])
}

/// Whether a signature over a hash is an EID's.
#[must_use]
pub fn verify(eid: &[u8; 32], hash: &[u8; 32], signature: &[u8]) -> bool {
    UnparsedPublicKey::new(&ED25519, eid).verify(hash, signature).is_ok()
}

/// Where the fields of the handshake's frames lie, counted from the frame's first byte (PROFILE 1.2, 1.6).
pub mod at {
    /// The signature of PSS_INIT and PSS_ACK: behind header 4, cookie 8, EID 32, I-Cookie 8, sequence 8, capabilities 4.
    pub const OPENING_SIGNATURE: usize = 64;
    /// The signature of PSS_NEG: behind header 4, cookie 8, I-Cookie 8, turn 2, flags 2, conditions 32.
    pub const NEGOTIATION_SIGNATURE: usize = 56;
    /// KEY_SHARE's value: behind the signature, a type and a length.
    pub const KEY_SHARE: usize = 64 + 2;
    /// The signature of PSS_TEARDOWN: behind header 4, cookie 8, I-Cookie 8, type 2, reason 2, length 4.
    pub const TEARDOWN_SIGNATURE: usize = 28;
}

/// The inputs of a handshake from both sides.
pub struct Handshake<'a> {
    /// The seeds of initiator and responder.
    pub seeds: [[u8; 32]; 2],
    /// Their EIDs.
    pub eids: [[u8; 32]; 2],
    /// Their ephemeral private keys.
    pub ephemeral: [[u8; 32]; 2],
    /// PSS_NEG, turn 1.
    pub negotiation: &'a [u8],
    /// The initiator's PSS_ACK.
    pub acknowledgement: &'a [u8],
}

/// The key schedule (PROFILE 4.3).
pub struct Schedule {
    /// The salt.
    pub transcript: [u8; 32],
    /// Both agreements.
    pub ikm: Vec<u8>,
    /// What all else is expanded from.
    pub prk: [u8; 32],
}

impl Handshake<'_> {
    /// Derives the keys, and checks that both sides get the same.
    ///
    /// # Panics
    /// They do not.
    #[must_use]
    pub fn schedule(&self) -> Schedule {
        let [alice, bob] = self.eids;
        let negotiation = h(self.negotiation, at::NEGOTIATION_SIGNATURE);
        let acknowledgement = h(self.acknowledgement, at::OPENING_SIGNATURE);
        let transcript = sha256(&[b"IACP/1 PSS\0", &alice, &bob, &negotiation, &acknowledgement]);
        let agree = |mine: usize, theirs: usize| {
            let ours = x25519(&static_private(&self.seeds[mine]), &static_public(&self.eids[theirs]));
            let once = x25519(&self.ephemeral[mine], &x25519_public(&self.ephemeral[theirs]));
            [ours, once].concat()
        };
        let ikm = agree(0, 1);
        assert_eq!(ikm, agree(1, 0));
        let (prk, _) = Hkdf::<Sha256>::extract(Some(&transcript), &ikm);
        Schedule { transcript, ikm, prk: prk.into() }
    }
}

/// HKDF-Expand under a secret of 32 bytes.
///
/// # Panics
/// Never: neither length is too long.
#[must_use]
pub fn expand<const N: usize>(secret: &[u8; 32], info: &str) -> [u8; N] {
    let mut out = [0; N];
    Hkdf::<Sha256>::from_prk(secret).expect("32 bytes").expand(info.as_bytes(), &mut out).expect("short");
    out
}

/// Opens what AES-256-GCM has sealed.
///
/// # Panics
/// The nonce has another length than 12.
#[must_use]
pub fn open_aes(key: &[u8; 32], nonce: &[u8], aad: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
    open(&AES_256_GCM, key, nonce, aad, sealed)
}

fn open(algorithm: &'static Algorithm, key: &[u8; 32], nonce: &[u8], aad: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
    let key = LessSafeKey::new(UnboundKey::new(algorithm, key).expect("32 bytes"));
    let nonce = Nonce::try_assume_unique_for_key(nonce).expect("12 bytes");
    let mut sealed = sealed.to_vec();
    key.open_in_place(nonce, Aad::from(aad), &mut sealed).ok().map(|opened| opened.to_vec())
}

/// One direction of a session (PROFILE 4.3, 5.1, 5.10).
pub struct Direction {
    way: &'static str,
    is_chacha: bool,
    iv: u32,
    secret: [u8; 32],
    /// The generation of its key.
    pub generation: u32,
    /// The chain of everything before the next data frame.
    pub chain: [u8; 32],
}

/// What a data frame or heartbeat is.
pub struct Opened {
    /// Its sequence.
    pub sequence: u64,
    /// The chain that it carries.
    pub chain: [u8; 32],
    /// Its kind.
    pub kind: u8,
    /// What follows.
    pub content: Vec<u8>,
}

impl Direction {
    /// The first generation of a direction: `i2r` or `r2i`.
    #[must_use]
    pub fn of(prk: [u8; 32], way: &'static str, is_chacha: bool) -> Self {
        let iv = u32::from_be_bytes(expand(&prk, &format!("IACP/1 iv {way}")));
        let chain = expand(&prk, &format!("IACP/1 chain {way}"));
        Self { way, is_chacha, iv, secret: prk, generation: 0, chain }
    }

    /// The key of its generation.
    #[must_use]
    pub fn key(&self) -> [u8; 32] {
        expand(&self.secret, &format!("IACP/1 key {}", self.way))
    }

    /// Goes to the next generation.
    pub fn update(&mut self) {
        self.secret = expand(&self.secret, &format!("IACP/1 update {}", self.way));
        self.generation += 1;
    }

    /// Opens a frame of its generation. `None` if it is not one.
    ///
    /// # Panics
    /// The frame is shorter than any.
    pub fn open(&mut self, frame: &[u8]) -> Option<Opened> {
        let sequence: [u8; 8] = frame[20..28].try_into().expect("8 bytes");
        let iv = self.iv.wrapping_add(self.generation).to_be_bytes();
        if frame[28..32] != iv || frame[32..40] != sequence {
            return None;
        }
        let algorithm = if self.is_chacha { &CHACHA20_POLY1305 } else { &AES_256_GCM };
        let opened = open(algorithm, &self.key(), &frame[28..40], &frame[..28], &frame[40..])?;
        let (chain, rest) = opened.split_first_chunk::<32>()?;
        let (kind, content) = rest.split_first()?;
        let opened =
            Opened { sequence: u64::from_be_bytes(sequence), chain: *chain, kind: *kind, content: content.to_vec() };
        if opened.sequence < 1 << 63 {
            self.chain = sha256(&[&self.chain, &frame[frame.len() - 16..]]);
        }
        Some(opened)
    }
}
